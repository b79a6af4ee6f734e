//! For a `build.rs`.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Compiler, Module,
    emit::{EmitOptions, Reflect},
    overlay::Overlay,
};

/// Compiles IDL files from a `build.rs`, in the manner of `tonic-build`.
///
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     midlc::Builder::new().include_dir("idl").compile(["idl/clock.idl"])?;
///     Ok(())
/// }
/// ```
///
/// Each file becomes `$OUT_DIR/<module>.rs`, to be included in a module of that name:
///
/// ```ignore
/// pub mod clock {
///     include!(concat!(env!("OUT_DIR"), "/clock.rs"));
/// }
/// ```
///
/// `$OUT_DIR/midl.rs` has all of these modules, for `include!` in one line.
#[derive(Debug, Default)]
pub struct Builder {
    include_dirs: Vec<PathBuf>,
    defines: Vec<(String, String)>,
    extern_paths: Vec<(String, String)>,
    overlays: Vec<(String, PathBuf)>,
    acf: Option<PathBuf>,
    out_dir: Option<PathBuf>,
    options: EmitOptions,
}

impl Builder {
    /// A builder that generates clients and servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder where imports are looked for.
    pub fn include_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.include_dirs.push(folder.into());
        self
    }

    /// Defines a macro.
    pub fn define(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.defines.push((name.into(), value.into()));
        self
    }

    /// Says that the types of an imported file are in a module that exists already:
    /// `.extern_path("ms-dtyp.idl", "::msrpc_protocols::ms_dtyp")`.
    pub fn extern_path(mut self, file: impl Into<String>, rust_path: impl Into<String>) -> Self {
        self.extern_paths.push((file.into(), rust_path.into()));
        self
    }

    /// Gives the overlay of an IDL file, where it is not `<file>.overlay.toml` beside it.
    pub fn overlay(mut self, file: impl Into<String>, overlay: impl Into<PathBuf>) -> Self {
        self.overlays.push((file.into(), overlay.into()));
        self
    }

    /// Names the attribute configuration file. Without, it is the one beside an IDL file and of its
    /// name, if there is one.
    pub fn acf(mut self, path: impl Into<PathBuf>) -> Self {
        self.acf = Some(path.into());
        self
    }

    /// Whether clients are generated; they are by default.
    pub fn build_client(mut self, yes: bool) -> Self {
        self.options.client = yes;
        self
    }

    /// Whether servers are generated; they are by default.
    pub fn build_server(mut self, yes: bool) -> Self {
        self.options.server = yes;
        self
    }

    /// Whether type-erased views of messages are generated; `msrpc-ndr` then needs its feature
    /// `reflect`. They are not by default.
    pub fn build_reflection(mut self, yes: bool) -> Self {
        self.options.reflect = if yes { Reflect::Always } else { Reflect::Never };
        self
    }

    /// The path of the `msrpc-ndr` crate as the generated code sees it; `::msrpc_ndr` by default.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.options.runtime = path.into();
        self
    }

    /// The folder to write to; `$OUT_DIR` by default.
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Compiles the files, and tells cargo when to do it again.
    ///
    /// # Errors
    ///
    /// The messages of the compiler, as text, and errors of reading and writing.
    pub fn compile<P: AsRef<Path>>(self, files: impl IntoIterator<Item = P>) -> Result<(), BuildError> {
        let out_dir = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => std::env::var_os("OUT_DIR")
                .map(PathBuf::from)
                .ok_or_else(|| io::Error::other("OUT_DIR is not set: call this from a build.rs, or set out_dir"))?,
        };
        let mut compiler = Compiler::new(&self.include_dirs);
        for (name, value) in &self.defines {
            compiler.define(name, value);
        }
        for (file, path) in &self.extern_paths {
            compiler.extern_path(file, path);
        }
        if let Some(path) = &self.acf {
            println!("cargo::rerun-if-changed={}", path.display());
            compiler.acf(path);
        }
        for (file, path) in &self.overlays {
            println!("cargo::rerun-if-changed={}", path.display());
            let text = fs::read_to_string(path)?;
            let overlay =
                Overlay::parse(&text).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            compiler.overlay(file, overlay);
        }
        let compilation = compiler.compile(files);
        for path in compilation.dependencies() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let messages = compilation.render(false);
        if !compilation.is_ok() {
            return Err(BuildError::Messages(messages));
        }
        for line in compilation.warning_lines() {
            println!("cargo::warning={line}");
        }
        let options = EmitOptions { included: true, ..self.options };
        let modules = compilation.emit(&options).map_err(io::Error::other)?;
        fs::create_dir_all(&out_dir)?;
        let mut all = String::new();
        for module in &modules {
            let path = out_dir.join(format!("{}.rs", module.name));
            write_if_changed(&path, &module.text)?;
            // An absolute path, because the folder need not be cargo's.
            let path = std::path::absolute(&path)?;
            let Module { doc, name, .. } = module;
            all.push_str(&format!(
                "{doc}#[allow(dead_code, missing_docs, unreachable_pub)]\npub mod {name} {{\n    include!({:?});\n}}\n",
                path.display().to_string()
            ));
        }
        write_if_changed(&out_dir.join("midl.rs"), &all)?;
        Ok(())
    }
}

/// Why a build failed. `{:?}` shows what `{}` does, line by line, because that is how a `main` of a
/// `build.rs` prints the error it returns.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The IDL has errors: every message of the compiler, as a person reads it.
    #[error("MIDL does not compile\n{0}")]
    Messages(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Io(error) => error,
            messages => Self::other(messages),
        }
    }
}

/// Writes a file unless it has that content already, so that nothing is rebuilt for nothing.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text)
}

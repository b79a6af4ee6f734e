//! From IDL files to a model, with every message on the way.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use midlc_parser::{Diagnostic, FileId, FsLoader, LoadError, Loader, Session, diag, source::Span};

use crate::{
    emit::{self, EmitOptions},
    model::Model,
    names,
    overlay::Overlay,
    resolve, windows,
};

/// Compiles IDL files.
///
/// ```
/// use midlc::{Compiler, parser::MemoryLoader};
///
/// let loader = MemoryLoader::new().with(
///     "clock.idl",
///     "[uuid(12345678-1234-abcd-ef00-0123456789ab), version(1.0)]
///      interface clock { error_status_t GetTime([out] hyper *pTime); }",
/// );
/// let compilation = Compiler::with_loader(loader).compile(["clock.idl"]);
/// assert!(compilation.is_ok());
/// let rust = compilation.emit(&Default::default()).unwrap();
/// assert!(rust[0].text.contains("pub async fn get_time(&self)"));
/// ```
pub struct Compiler {
    loader: Arc<dyn Loader>,
    defines: Vec<(String, String)>,
    overlays: BTreeMap<String, Overlay>,
    extern_paths: BTreeMap<String, String>,
    acf: Option<PathBuf>,
}

impl Compiler {
    /// A compiler that reads files from disk, imports beside the file that names them and then in
    /// these folders.
    pub fn new(include_dirs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::with_loader(FsLoader::new(include_dirs))
    }

    /// A compiler that reads files through a loader.
    pub fn with_loader(loader: impl Loader + 'static) -> Self {
        Self {
            loader: Arc::new(loader),
            defines: Vec::new(),
            overlays: BTreeMap::new(),
            extern_paths: BTreeMap::new(),
            acf: None,
        }
    }

    /// Defines a macro.
    pub fn define(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.defines.push((name.into(), value.into()));
        self
    }

    /// Names the ACF file. Without, it is the one beside an IDL file and of its name, if there is one.
    pub fn acf(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.acf = Some(path.into());
        self
    }

    /// Gives an overlay for the IDL file of this name (`clusapi3.idl`), instead of the
    /// `.overlay.toml` beside it.
    pub fn overlay(&mut self, file: impl Into<String>, overlay: Overlay) -> &mut Self {
        self.overlays.insert(file.into(), overlay);
        self
    }

    /// Says where the types of an imported IDL file are already: `ms-dtyp.idl` in
    /// `::msrpc_protocols::ms_dtyp`.
    pub fn extern_path(&mut self, file: impl Into<String>, rust_path: impl Into<String>) -> &mut Self {
        self.extern_paths.insert(file.into(), rust_path.into());
        self
    }

    /// Compiles files and what they import.
    pub fn compile<P: AsRef<Path>>(&self, roots: impl IntoIterator<Item = P>) -> Compilation {
        let mut session = Session::new(Box::new(SharedLoader(Arc::clone(&self.loader))));
        for (name, value) in &self.defines {
            session.define(name, value);
        }
        let known = session.parse(Path::new(windows::PATH)).root;
        session.set_acf(self.acf.clone());
        session.do_without(windows::FILES);
        let mut order: Vec<FileId> = Vec::new();
        let mut wanted: Vec<FileId> = Vec::new();
        for root in roots {
            let parsed = session.parse(root.as_ref());
            wanted.extend(parsed.root);
            order.extend(parsed.order);
        }
        order.splice(0..0, known);
        let mut seen = HashSet::new();
        order.retain(|id| seen.insert(*id));
        let mut diagnostics = Vec::new();
        for (file, path) in &self.extern_paths {
            if syn::parse_str::<syn::Path>(path).is_err() {
                let message = format!("the path {path:?} of {file} is no path of Rust");
                diagnostics.push(Diagnostic::error("extern-path", message));
            }
        }
        let overlays: Vec<Overlay> =
            order.iter().map(|&id| self.overlay_of(session.sources.path(id), &mut diagnostics)).collect();
        let model = self.resolve(&session, &order, &wanted, &overlays, &mut diagnostics);
        windows::tame_headers(&session, &mut diagnostics);
        let wrong = diagnostics.iter().any(|diagnostic| diagnostic.severity == diag::Severity::Error);
        if wrong || session.diagnostics.has_errors() {
            // Nothing is generated at all, and why some of it would not be is a consequence perhaps.
            diagnostics.retain(|diagnostic| diagnostic.code != resolve::NOT_GENERATED);
        }
        session.diagnostics.extend(diagnostics);
        Compilation { session, model }
    }

    fn resolve(
        &self,
        session: &Session,
        order: &[FileId],
        wanted: &[FileId],
        overlays: &[Overlay],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Model {
        let mut modules = HashSet::new();
        let inputs: Vec<resolve::Input<'_>> = order
            .iter()
            .zip(overlays)
            .filter_map(|(&id, overlay)| {
                let path = session.sources.path(id);
                let name = path.file_name()?.to_string_lossy().into_owned();
                let stem = path.file_stem()?.to_string_lossy();
                let extern_path = self.extern_paths.get(&name).cloned();
                // Files of one name in several folders.
                let module = names::take(names::module_name(&stem), |name| modules.insert(name.to_owned()));
                Some(resolve::Input {
                    file: session.file(id)?,
                    module,
                    wanted: wanted.contains(&id) && extern_path.is_none(),
                    known: path == Path::new(windows::PATH),
                    source: name,
                    extern_path,
                    overlay,
                })
            })
            .collect();
        let poisoned = session.poisoned_names();
        let missing = !session.missing_imports().is_empty();
        let doubts = resolve::Doubts {
            errors: session.diagnostics.has_errors(),
            poisoned: &|name| missing || poisoned.contains(name),
        };
        resolve::resolve(&inputs, doubts, diagnostics)
    }

    fn overlay_of(&self, path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Overlay {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(overlay) = self.overlays.get(&*name) {
            return overlay.clone();
        }
        let beside = path.with_extension("overlay.toml");
        let text = match self.loader.read(&beside) {
            Ok(text) => text,
            Err(LoadError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot read the overlay {}: {source}", beside.display());
                diagnostics.push(Diagnostic::error("overlay", message));
                return Overlay::default();
            }
            Err(_) => return Overlay::default(),
        };
        match Overlay::parse(&String::from_utf8_lossy(&text)) {
            Ok(overlay) => overlay,
            Err(error) => {
                let message = format!("the overlay {} is not understood", beside.display());
                diagnostics.push(Diagnostic::error("overlay", message).note(error.to_string().trim_end()));
                Overlay::default()
            }
        }
    }
}

/// What came of compiling files.
pub struct Compilation {
    /// The sources and the messages about them.
    pub session: Session,
    /// The model; complete if there is no error.
    pub model: Model,
}

impl Compilation {
    /// Whether there are no errors.
    pub fn is_ok(&self) -> bool {
        !self.session.diagnostics.has_errors()
    }

    /// Every message, for a person.
    pub fn render(&self, color: bool) -> String {
        self.session.diagnostics.render_all(&self.session.sources, color)
    }

    /// Every warning on a line of its own: place, message and what is said at the place.
    pub(crate) fn warning_lines(&self) -> Vec<String> {
        let warnings = self.session.diagnostics.sorted().into_iter();
        let warnings = warnings.filter(|diagnostic| diagnostic.severity == diag::Severity::Warning);
        let line = |diagnostic: &Diagnostic| {
            let place = diagnostic.span().map(|span| format!("{}: ", self.session.sources.describe(span)));
            let why = diagnostic.labels.iter().find(|label| label.primary && !label.text.is_empty());
            let why = why.map(|label| format!(": {}", label.text)).unwrap_or_default();
            format!("{}{}{why}", place.unwrap_or_default(), diagnostic.message)
        };
        warnings.map(line).collect()
    }

    /// Every message, a JSON object a line, for an editor.
    pub fn render_json(&self) -> String {
        let lines = self.session.diagnostics.sorted();
        lines.iter().map(|diagnostic| diag::to_json(&self.session.sources, diagnostic) + "\n").collect()
    }

    /// Paths of every IDL file that was parsed: roots and imports.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let paths = self.session.files().map(|file| self.session.sources.path(file.id));
        paths.filter(|path| *path != Path::new(windows::PATH))
    }

    /// Paths of every file that the output depends on: roots, imports, what they include, and
    /// overlays.
    pub fn dependencies(&self) -> Vec<PathBuf> {
        let builtin = Span::builtin().file;
        let known = Path::new(windows::PATH);
        let sources = self.session.sources.iter();
        let sources = sources.filter(|(id, file)| *id != builtin && file.path() != known);
        let mut paths: Vec<PathBuf> = sources.map(|(_, file)| file.path().to_path_buf()).collect();
        let overlays: Vec<PathBuf> = self.files().map(|path| path.with_extension("overlay.toml")).collect();
        paths.extend(overlays.into_iter().filter(|path| path.exists()));
        paths.sort();
        paths.dedup();
        paths
    }

    /// Generates a module for each root file.
    ///
    /// # Errors
    ///
    /// Files with errors generate nothing. Generated code that is no Rust is a mistake in this
    /// crate.
    pub fn emit(&self, options: &EmitOptions) -> Result<Vec<Module>, EmitError> {
        if !self.is_ok() {
            return Err(EmitError::Errors(self.session.diagnostics.error_count()));
        }
        let files = self.model.files.iter().enumerate().filter(|(_, file)| file.wanted);
        files
            .map(|(index, file)| {
                let text = emit::file(&self.model, index, options)
                    .map_err(|source| EmitError::Internal { file: file.source.clone(), source })?;
                let imports = file.imports.iter().map(|&import| self.model.files[import].module.clone()).collect();
                let doc = emit::module_doc(&self.model, index);
                Ok(Module { name: file.module.clone(), source: file.source.clone(), imports, doc, text })
            })
            .collect()
    }
}

/// A generated module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// The IDL file it was generated from.
    pub source: String,
    /// Modules that it refers to.
    pub imports: Vec<String>,
    /// Its documentation, as `///` lines.
    pub doc: String,
    /// The code.
    pub text: String,
}

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The input has errors.
    #[error("{0} errors in the input")]
    Errors(usize),
    /// A mistake in this crate.
    #[error("internal error: the code generated for {file} is no Rust: {source}")]
    Internal {
        /// The IDL file.
        file: String,
        /// What `syn` says.
        source: syn::Error,
    },
}

struct SharedLoader(Arc<dyn Loader>);

impl Loader for SharedLoader {
    fn resolve(&self, name: &str, from: Option<&Path>) -> Result<PathBuf, LoadError> {
        self.0.resolve(name, from)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        if path == Path::new(windows::PATH) {
            return Ok(windows::TYPES.as_bytes().to_vec());
        }
        self.0.read(path)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        self.0.identity(path)
    }
}

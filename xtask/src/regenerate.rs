//! `cargo xtask regenerate`: compiles `idl/` to `generated/`.

mod crate_root;
mod features;
mod output;

use std::{
    fs,
    io::{IsTerminal, stderr},
    path::PathBuf,
};

use clap::Args;
use midlc::{
    Compilation, Compiler,
    emit::{EmitOptions, Reflect},
};

use crate::workspace::Result;

/// What a reader of the output is told to run.
const COMMAND: &str = "cargo xtask regenerate";

/// Options of `regenerate`.
#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing; fail if generated/ is not what idl/ yields.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result {
    let generated = Generated::new()?;
    eprint!("{}", generated.messages);
    if options.check {
        generated.check()?;
        println!("generated/ is what idl/ yields: {}", generated.summary());
    } else {
        output::write(&generated.files)?;
        println!("generated/: {}", generated.summary());
    }
    Ok(())
}

/// What `idl/` yields.
pub(crate) struct Generated {
    files: Vec<output::File>,
    /// Warnings of the compiler, for a person.
    messages: String,
}

impl Generated {
    /// Compiles every IDL file.
    pub(crate) fn new() -> Result<Self> {
        let mut compilation = Compiler::new(["idl"]).compile(sources()?);
        let messages = compilation.render(stderr().is_terminal());
        if !compilation.is_ok() {
            return Err(format!("idl/ does not compile\n{messages}").into());
        }
        features::check(&compilation.model)?;
        name_sources(&mut compilation);
        Ok(Self { files: files(&compilation)?, messages })
    }

    /// Fails, with a report on standard error, unless `generated/` has exactly this.
    pub(crate) fn check(&self) -> Result {
        output::check(&self.files)
    }

    /// How many IDL files there are: one for each module.
    pub(crate) fn sources(&self) -> usize {
        self.files.len() - 1
    }

    /// How many lines of Rust there are.
    pub(crate) fn lines(&self) -> usize {
        self.files.iter().map(output::File::lines).sum()
    }

    fn summary(&self) -> String {
        let each: Vec<String> = self.files.iter().map(|file| format!("{} {}", file.name, file.lines())).collect();
        format!("{} lines ({})", self.lines(), each.join(", "))
    }
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir("idl")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "idl") {
            sources.push(path);
        }
    }
    // The order of a folder is the file system's own.
    sources.sort();
    Ok(sources)
}

/// The header of a module names the file as one sees it from the root.
fn name_sources(compilation: &mut Compilation) {
    for file in &mut compilation.model.files {
        file.source = format!("idl/{}", file.source);
    }
}

/// The modules, and the crate root last.
fn files(compilation: &Compilation) -> Result<Vec<output::File>> {
    let options = EmitOptions { reflect: Reflect::Feature, regenerate: Some(COMMAND.into()), ..EmitOptions::default() };
    let modules = compilation.emit(&options)?.into_iter();
    let mut files: Vec<output::File> =
        modules.map(|module| output::File { name: format!("{}.rs", module.name), text: module.text }).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.push(output::File { name: "lib.rs".into(), text: crate_root::text(&compilation.model) });
    Ok(files)
}

//! The `midlc` command.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use midlc::{Compilation, Compiler, emit::EmitOptions, inspect};

/// Compiles Microsoft IDL (MIDL) to Rust.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every error in IDL files and generate nothing.
    Check {
        #[command(flatten)]
        input: Input,
    },
    /// Generate a Rust module for each file.
    Build {
        #[command(flatten)]
        input: Input,
        /// Folder for the modules.
        #[arg(short, long, value_name = "DIR")]
        out: PathBuf,
        /// Leave out clients.
        #[arg(long)]
        no_client: bool,
        /// Leave out servers.
        #[arg(long)]
        no_server: bool,
    },
    /// Show interfaces, opnums, and the sizes and alignments of types under NDR and NDR64.
    Inspect {
        #[command(flatten)]
        input: Input,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct Input {
    /// Folder where imports and includes are looked for; may be given several times.
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Define a macro.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    define: Vec<String>,
    /// An imported file whose types are in a Rust module already.
    #[arg(long, value_name = "FILE.idl=PATH")]
    extern_path: Vec<String>,
    /// The attribute configuration file; without, the one beside the IDL file.
    #[arg(long, value_name = "FILE.acf")]
    acf: Option<PathBuf>,
    /// How messages are printed.
    #[arg(long, value_enum, default_value_t = ErrorFormat::Human)]
    error_format: ErrorFormat,
    /// IDL files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ErrorFormat {
    /// For people.
    Human,
    /// A JSON object a line, for editors.
    Json,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("midlc: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<bool, String> {
    match cli.command {
        Command::Check { input } => Ok(compile(&input)?.is_ok()),
        Command::Build { input, out, no_client, no_server } => {
            let compilation = compile(&input)?;
            if !compilation.is_ok() {
                return Ok(false);
            }
            let options = EmitOptions { client: !no_client, server: !no_server, ..EmitOptions::default() };
            let modules = compilation.emit(&options).map_err(|error| error.to_string())?;
            std::fs::create_dir_all(&out).map_err(|error| format!("cannot make {}: {error}", out.display()))?;
            for module in modules {
                let path = out.join(format!("{}.rs", module.name));
                std::fs::write(&path, &module.text)
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            }
            Ok(true)
        }
        Command::Inspect { input, json } => {
            let compilation = compile(&input)?;
            if !compilation.is_ok() {
                return Ok(false);
            }
            let inspections = inspect::inspect(&compilation.model);
            if json {
                let text = serde_json::to_string_pretty(&inspections).map_err(|error| error.to_string())?;
                println!("{text}");
            } else {
                print!("{}", inspect::to_text(&inspections));
            }
            Ok(true)
        }
    }
}

/// Compiles and prints every message.
fn compile(input: &Input) -> Result<Compilation, String> {
    let mut compiler = Compiler::new(&input.include);
    for define in &input.define {
        let (name, value) = define.split_once('=').unwrap_or((define, "1"));
        compiler.define(name, value);
    }
    for pair in &input.extern_path {
        let (file, path) =
            pair.split_once('=').ok_or_else(|| format!("--extern-path {pair}: expected FILE.idl=PATH"))?;
        compiler.extern_path(file, path);
    }
    if let Some(acf) = &input.acf {
        if input.files.len() > 1 {
            return Err("--acf belongs to one IDL file; give one".to_owned());
        }
        compiler.acf(acf);
    }
    let compilation = compiler.compile(&input.files);
    match input.error_format {
        ErrorFormat::Human => eprint!("{}", compilation.render(std::io::stderr().is_terminal())),
        ErrorFormat::Json => eprint!("{}", compilation.render_json()),
    }
    Ok(compilation)
}

//! Running the command.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A user's place: a record, a password, and where the server is.
pub struct Desk {
    folder: TempDir,
    binding: String,
    options: Vec<String>,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

impl Desk {
    pub fn new(binding: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "Passw0rd\nnot this line\n").unwrap();
        Self { folder, binding: binding.to_owned(), options: Vec::new() }
    }

    /// Says this with every command.
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options = options.iter().map(|&option| option.to_owned()).collect();
        self
    }

    pub fn record(&self) -> PathBuf {
        self.folder.path().join("record.json")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clusctl"));
        command.args(arguments).args(&self.options).env_remove("CLUSCTL_PASSWORD").env_remove("CLUSCTL_USER");
        command.env("CLUSCTL_RECORD", self.record()).env("HOME", self.folder.path());
        if !self.binding.is_empty() {
            command.args(["--binding", &self.binding, "--user", "root", "--password-file"]);
            command.arg(self.folder.path().join("password"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        finish(self.start(arguments))
    }

    /// Runs a command that has to succeed, and reads what it prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
        serde_json::from_str(&done.output).unwrap_or_else(|error| panic!("{error}: {done:?}"))
    }

    /// Runs a command that has to fail, and reads what it says as JSON.
    pub fn error(&self, arguments: &[&str], code: i32) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        serde_json::from_str(&done.errors).unwrap_or_else(|error| panic!("{error}: {done:?}"))
    }
}

pub fn finish(child: Child) -> Done {
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

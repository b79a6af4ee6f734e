//! Asking before something is destroyed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use crate::failure::{Failure, Kind};

/// Whether to ask.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Confirm {
    /// Do not ask; nobody is asked where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Confirm {
    /// Asks on the terminal, if there is one.
    pub(super) fn ask(self, question: &str) -> Result<(), Failure> {
        if self.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(());
        }
        eprint!("{} [y/N] ", question.replace(char::is_control, "\u{fffd}"));
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::new(Kind::Failed, "nothing was done")),
        }
    }
}

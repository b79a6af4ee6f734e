//! The files of `generated/src`: written, or compared with what is there.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use super::COMMAND;
use crate::workspace::Result;

const FOLDER: &str = "generated/src";

/// A generated file.
pub(super) struct File {
    /// Its name in the folder.
    pub(super) name: String,
    /// What is in it.
    pub(super) text: String,
}

impl File {
    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(FOLDER).join(&self.name)
    }
}

/// Writes the files that differ, and deletes modules whose IDL file is gone.
pub(super) fn write(files: &[File]) -> Result {
    fs::create_dir_all(FOLDER)?;
    for file in files {
        // An unchanged file keeps its time, so that cargo rebuilds nothing for nothing.
        if committed(file)?.as_deref() != Some(&file.text) {
            fs::write(file.path(), &file.text)?;
        }
    }
    for path in stale(files)? {
        fs::remove_file(&path)?;
        println!("removed {}", path.display());
    }
    Ok(())
}

/// Reports each file that is not what it should be.
pub(super) fn check(files: &[File]) -> Result {
    let mut differs = false;
    for file in files {
        let path = file.path();
        match committed(file)? {
            Some(text) if text == file.text => continue,
            Some(text) => eprintln!("{}:{}", path.display(), first_difference(&text, &file.text)),
            None => eprintln!("{}: missing", path.display()),
        }
        differs = true;
    }
    for path in stale(files)? {
        eprintln!("{}: no IDL file yields it", path.display());
        differs = true;
    }
    if differs {
        return Err(format!("generated/ is stale; run\n\n    {COMMAND}\n").into());
    }
    Ok(())
}

fn committed(file: &File) -> io::Result<Option<String>> {
    match fs::read_to_string(file.path()) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Files in the folder that nothing generates.
fn stale(files: &[File]) -> io::Result<BTreeSet<PathBuf>> {
    let mut stale = BTreeSet::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        if !files.iter().any(|file| file.path() == path) {
            stale.insert(path);
        }
    }
    Ok(stale)
}

/// The line number of the first difference, and both lines.
fn first_difference(committed: &str, generated: &str) -> String {
    let mut theirs = committed.lines();
    let mut ours = generated.lines();
    let mut number = 1;
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => return "line endings differ".into(),
            (a, b) if a == b => number += 1,
            (a, b) => {
                let show = |line: Option<&str>| line.map_or("(end of file)".to_owned(), |line| line.trim().to_owned());
                return format!("{number}\n    committed: {}\n    generated: {}", show(a), show(b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_differing_line_is_shown() {
        let shown = first_difference("a\n  b\nc\n", "a\n  x\nc\n");
        assert_eq!(shown, "2\n    committed: b\n    generated: x");
    }

    #[test]
    fn a_file_that_ends_early_differs_at_its_end() {
        let shown = first_difference("a\n", "a\nb\n");
        assert_eq!(shown, "2\n    committed: (end of file)\n    generated: b");
    }
}

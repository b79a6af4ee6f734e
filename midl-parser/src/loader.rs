//! Where files come from.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Finds and reads files for `import` and `#include`.
pub trait Loader {
    /// Finds the file called `name`. `from` is the file that names it; `None` for
    /// `#include <name>`, which is not looked for beside that file. A root file is not looked for
    /// at all: its path goes straight to [`read`](Self::read).
    fn resolve(&self, name: &str, from: Option<&Path>) -> Result<PathBuf, LoadError>;

    /// Reads a file that [`resolve`](Self::resolve) found.
    fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError>;

    /// What tells two files apart: two paths of one file have one identity.
    fn identity(&self, path: &Path) -> PathBuf {
        path.to_path_buf()
    }
}

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No such file in any of the places looked at.
    #[error("`{name}` was not found")]
    NotFound {
        /// The name asked for.
        name: String,
        /// The folders or files looked at, in order.
        searched: Vec<PathBuf>,
    },
    /// The file is there but cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Reads files from disk: beside the file that names them, then in the include folders.
#[derive(Clone, Debug, Default)]
pub struct FsLoader {
    /// Folders to look in, in order.
    pub include_dirs: Vec<PathBuf>,
}

impl FsLoader {
    /// A loader that looks in `include_dirs`.
    pub fn new(include_dirs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { include_dirs: include_dirs.into_iter().map(Into::into).collect() }
    }
}

impl Loader for FsLoader {
    fn resolve(&self, name: &str, from: Option<&Path>) -> Result<PathBuf, LoadError> {
        // Windows files separate folders with backslashes.
        let relative = PathBuf::from(name.replace('\\', "/"));
        if relative.is_absolute() {
            return if relative.is_file() {
                Ok(relative)
            } else {
                Err(LoadError::NotFound { name: name.to_owned(), searched: vec![relative] })
            };
        }
        let beside = from.map(|from| from.parent().unwrap_or(Path::new("")).to_path_buf());
        let mut searched = Vec::new();
        for folder in beside.into_iter().chain(self.include_dirs.iter().cloned()) {
            if searched.contains(&folder) {
                continue;
            }
            if let Some(found) = find_in(&folder, &relative) {
                return Ok(found);
            }
            searched.push(folder);
        }
        Err(LoadError::NotFound { name: name.to_owned(), searched })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        fs::read(path).map_err(|source| LoadError::Io { path: path.to_path_buf(), source })
    }

    fn identity(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
    }
}

/// `folder/relative`; where that does not exist, a file whose name differs only in case, for
/// IDL files were written on a system that does not tell them apart.
fn find_in(folder: &Path, relative: &Path) -> Option<PathBuf> {
    let exact = folder.join(relative);
    if exact.is_file() {
        return Some(exact);
    }
    let name = relative.file_name()?;
    let parent = exact.parent()?;
    let list = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let same = |other: &OsStr| other.eq_ignore_ascii_case(name);
    let mut matches: Vec<_> = fs::read_dir(list)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
        .filter(|other| same(other))
        .collect();
    matches.sort();
    matches.into_iter().map(|other| parent.join(other)).find(|path| path.is_file())
}

/// Files in memory, by name; for tests and fuzzing.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl MemoryLoader {
    /// A loader without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces it.
    pub fn insert(&mut self, name: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> &mut Self {
        self.files.insert(name.into(), text.into());
        self
    }

    /// The same, for chaining.
    pub fn with(mut self, name: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.insert(name, text);
        self
    }
}

impl Loader for MemoryLoader {
    fn resolve(&self, name: &str, from: Option<&Path>) -> Result<PathBuf, LoadError> {
        let name_path = PathBuf::from(name.replace('\\', "/"));
        let beside = from.and_then(Path::parent).map(|folder| normalise(&folder.join(&name_path)));
        let mut candidates: Vec<PathBuf> = beside.into_iter().chain([normalise(&name_path)]).collect();
        candidates.dedup();
        match candidates.iter().find(|path| self.files.contains_key(*path)) {
            Some(found) => Ok(found.clone()),
            None => Err(LoadError::NotFound { name: name.to_owned(), searched: candidates }),
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| LoadError::NotFound { name: path.display().to_string(), searched: vec![path.to_path_buf()] })
    }
}

/// Removes `.` and resolves `..` by name alone.
fn normalise(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if result.file_name().is_some() => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

impl<L: Loader + ?Sized> Loader for Box<L> {
    fn resolve(&self, name: &str, from: Option<&Path>) -> Result<PathBuf, LoadError> {
        (**self).resolve(name, from)
    }
    fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        (**self).read(path)
    }
    fn identity(&self, path: &Path) -> PathBuf {
        (**self).identity(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_files_resolve_beside_the_importer_first() {
        let loader = MemoryLoader::new().with("a/x.idl", "1").with("x.idl", "2");
        let from = Path::new("a/root.idl");
        assert_eq!(loader.resolve("x.idl", Some(from)).unwrap(), Path::new("a/x.idl"));
        assert_eq!(loader.resolve("..\\x.idl", Some(from)).unwrap(), Path::new("x.idl"));
        assert!(matches!(
            loader.resolve("y.idl", Some(from)),
            Err(LoadError::NotFound { searched, .. }) if searched.len() == 2
        ));
    }
}

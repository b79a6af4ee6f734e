//! Parameters of exposed shares in files, each included by a share of the registry that has nothing
//! else.
//!
//! So a share comes into being, whole, by one small change of the registry. The files are in Samba's
//! state directory, where whatever may be in smbd's way (SELinux for instance) lets it read.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use msrpc_cluster::fsrvp::ports::PortError;

use super::sections::{self, Section};

/// The folder's name in the state directory.
const FOLDER: &str = "clusterd";
/// Suffix of a file that is being written.
const UNFINISHED: &str = "new";
/// Longest name of a file.
const LONGEST: usize = 255;

/// The files of a Samba.
#[derive(Clone, Debug)]
pub(super) struct Included {
    folder: PathBuf,
}

impl Included {
    /// Those in a state directory.
    pub(super) fn new(state_directory: &Path) -> Self {
        Self { folder: state_directory.join(FOLDER) }
    }

    /// Where a share's file is; `None` where Samba could not be told of it, which knows variables
    /// in paths.
    pub(super) fn file(&self, share: &str) -> Option<String> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.@{}".contains(&octet);
        let name: String = share
            .bytes()
            .map(|octet| if plain(octet) { char::from(octet).to_string() } else { format!("={octet:02x}") })
            .collect();
        let path = self.folder.join(format!("{name}.conf"));
        let fits = name.len() + ".conf".len() <= LONGEST && !name.is_empty();
        path.to_str().filter(|path| fits && !path.contains(['%', '\n', '"'])).map(str::to_owned)
    }

    /// The file that a share of the registry includes, if it is one of ours.
    pub(super) fn of(&self, section: &Section) -> Option<PathBuf> {
        let path = Path::new(section.get("include")?);
        (path.parent() == Some(&self.folder)).then(|| path.to_owned())
    }

    /// Writes a share's parameters, or writes them anew: whoever reads them finds all of either. They are
    /// on the disk when this returns.
    pub(super) fn write(&self, file: &Path, section: &Section) -> Result<(), PortError> {
        match DirBuilder::new().mode(0o755).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("make", &self.folder, &error));
            }
            _ => {}
        }
        let unfinished = file.with_extension(UNFINISHED);
        let written = File::create(&unfinished).and_then(|mut written| {
            written.set_permissions(fs::Permissions::from_mode(0o644))?;
            written.write_all(section.parameters_text().as_bytes())?;
            written.sync_all()?;
            fs::rename(&unfinished, file)
        });
        written.map_err(|error| failed("write", file, &error))?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync", &self.folder, &error))
    }

    /// A share's parameters from its file.
    pub(super) fn read(share: &str, file: &Path) -> Result<Section, PortError> {
        let text = fs::read_to_string(file).map_err(|error| failed("read", file, &error))?;
        let section = sections::parse(&format!("[{share}]\n{text}")).into_iter().next();
        section.ok_or_else(|| PortError::Missing(format!("{} says nothing of {share}", file.display())))
    }

    /// Removes the file of a share that the registry does not have any more.
    pub(super) fn remove(&self, share: &str) -> Result<(), PortError> {
        let Some(file) = self.file(share) else { return Ok(()) };
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", Path::new(&file), &error)),
            _ => Ok(()),
        }
    }

    /// Removes all files but those that shares of the registry include.
    pub(super) fn sweep(&self, registry: &[Section]) {
        let kept: Vec<_> = registry.iter().filter_map(|section| self.of(section)).collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !kept.contains(path)) {
            if path.extension().is_some_and(|extension| extension == "conf" || extension == UNFINISHED)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "the file of a share that is gone stays");
            }
        }
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> PortError {
    let message = format!("cannot {what} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PortError::Full(message),
        io::ErrorKind::NotFound => PortError::Missing(message),
        _ => PortError::Failed(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "My data@{12345678-1234-1234-1234-123456789ABC}";

    #[test]
    fn a_share_is_read_from_its_file_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let included = Included::new(folder.path());
        let section = sections::parse(&format!("[{NAME}]\npath = /srv/a\ncomment = \"x = y\"\n")).remove(0);
        let file = PathBuf::from(included.file(NAME).unwrap());
        included.write(&file, &section).unwrap();
        assert_eq!(Included::read(NAME, &file).unwrap(), section);
        let including = format!("[{NAME}]\n\tinclude = {}\n", file.display());
        assert_eq!(included.of(&sections::parse(&including)[0]), Some(file.clone()));
        assert_eq!(included.of(&sections::parse("[a]\ninclude = /etc/other.conf\n")[0]), None);
        included.sweep(&sections::parse(&including));
        assert!(file.exists(), "it is in use");
        fs::write(file.with_extension("new"), "").unwrap();
        included.sweep(&[]);
        assert_eq!(fs::read_dir(folder.path().join("clusterd")).unwrap().count(), 0);
        included.remove(NAME).unwrap();
        assert!(matches!(Included::read(NAME, &file), Err(PortError::Missing(_))));
    }

    #[test]
    fn names_of_files_are_plain_and_of_one_share_only() {
        let included = Included::new(Path::new("/var/lib/samba"));
        let file = |share: &str| included.file(share);
        assert_eq!(file("a b@{1}").unwrap(), "/var/lib/samba/clusterd/a=20b@{1}.conf");
        assert_eq!(file("../x").unwrap(), "/var/lib/samba/clusterd/..=2fx.conf");
        assert_ne!(file("a=20b"), file("a b"));
        assert_eq!(file("100%").unwrap(), "/var/lib/samba/clusterd/100=25.conf");
        assert_eq!(file(&"ä".repeat(80)), None);
        assert_eq!(file(""), None);
        assert_eq!(Included::new(Path::new("/srv/%v")).file("a"), None);
    }
}

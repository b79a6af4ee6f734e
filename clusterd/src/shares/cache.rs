//! What Samba's programs said, for as long as what they read has not changed.
//!
//! Starting one takes longer than all else that a request needs. What they read are files: the
//! configuration, the registry, the shares' permissions. Their content decides whether an answer
//! still holds, or of the registry the number that Samba gives it, and not a time.

use std::{
    collections::HashMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::sections::{Section, same_parameter};

/// Answers, each with the content that it was given for.
#[derive(Debug, Default)]
pub(super) struct Cache {
    sections: Mutex<Option<(u64, Arc<Vec<Section>>)>>,
    permissions: Mutex<HashMap<String, (u64, String)>>,
}

impl Cache {
    /// The sections, if they are still so.
    pub(super) fn sections(&self, now: Option<u64>) -> Option<Arc<Vec<Section>>> {
        let known = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(then, _)| Some(*then) == now).map(|(_, sections)| Arc::clone(sections))
    }

    /// The sections as they were when somebody last asked.
    pub(super) fn last_sections(&self) -> Arc<Vec<Section>> {
        let known = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, sections)| Arc::clone(sections)).unwrap_or_default()
    }

    /// `before` is of the time before Samba was asked: what changed meanwhile is asked for again.
    pub(super) fn keep_sections(&self, before: Option<u64>, sections: &Arc<Vec<Section>>) {
        // Without a fingerprint it is only good as the last answer.
        let kept = (before.unwrap_or_default(), Arc::clone(sections));
        *self.sections.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    pub(super) fn permissions(&self, share: &str, now: Option<u64>) -> Option<String> {
        let known = self.permissions.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(share).filter(|(then, _)| Some(*then) == now).map(|(_, permissions)| permissions.clone())
    }

    pub(super) fn keep_permissions(&self, share: &str, before: Option<u64>, permissions: &str) {
        let mut known = self.permissions.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (then, _)| Some(*then) == before);
        known.extend(before.map(|before| (share.to_owned(), (before, permissions.to_owned()))));
    }
}

/// What decides over the sections: the configuration file and the registry. `None` if more files
/// might.
pub(super) fn of_sections(configuration: &Path, registry: &Path) -> Option<u64> {
    let text = fs::read(configuration).ok()?;
    let alone = String::from_utf8_lossy(&text).lines().all(|line| {
        let Some((key, value)) = line.split_once('=') else { return true };
        !same_parameter(key, "include") || value.trim().eq_ignore_ascii_case("registry")
    });
    let registry = beginning(registry)?;
    alone.then(|| {
        let mut hasher = DefaultHasher::new();
        (text, registry).hash(&mut hasher);
        hasher.finish()
    })
}

/// Octets of a TDB file's header, which counts changes (`sequence_number`) where the file's user wants
/// them counted: of the registry Samba does, to find out itself whether it has changed.
const HEADER: u64 = 64;

/// Which file is at a path, and how it begins; a file that is not there has a beginning too.
fn beginning(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match File::open(path) {
        Ok(file) => {
            let metadata = file.metadata().ok()?;
            let mut octets = Vec::new();
            file.take(HEADER).read_to_end(&mut octets).ok()?;
            (metadata.dev(), metadata.ino(), metadata.len(), octets).hash(&mut hasher);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    Some(hasher.finish())
}

/// The content of a file; a file that is not there has one too.
pub(super) fn content(path: &Path) -> Option<u64> {
    let octets = match fs::read(path) {
        Ok(octets) => Some(octets),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => return None,
    };
    let mut hasher = DefaultHasher::new();
    octets.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_until_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (configuration, registry) = (folder.path().join("smb.conf"), folder.path().join("registry.tdb"));
        fs::write(&configuration, "[global]\ninclude = registry\n").unwrap();
        let fingerprint = || of_sections(&configuration, &registry);
        let cache = Cache::default();
        let first = fingerprint();
        assert!(first.is_some());
        cache.keep_sections(first, &Arc::default());
        assert!(cache.sections(fingerprint()).is_some());
        fs::write(&registry, "a").unwrap();
        assert!(cache.sections(fingerprint()).is_none());
        let second = fingerprint();
        fs::write(&registry, "b").unwrap();
        assert_ne!(fingerprint(), second);
        fs::write(&configuration, "[global]\nInclude = /etc/other.conf\n").unwrap();
        assert_eq!(fingerprint(), None, "other files might change unseen");
        assert!(cache.sections(None).is_none());
    }

    #[test]
    fn permissions_are_those_of_the_share() {
        let cache = Cache::default();
        cache.keep_permissions("a", Some(1), "D:");
        assert_eq!(cache.permissions("a", Some(1)).as_deref(), Some("D:"));
        assert_eq!(cache.permissions("b", Some(1)), None);
        assert_eq!(cache.permissions("a", Some(2)), None);
        assert_eq!(cache.permissions("a", None), None);
    }
}

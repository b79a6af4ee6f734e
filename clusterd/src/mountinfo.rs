//! What is mounted, and which file system a path is on.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use msrpc_cluster::fsrvp::ports::PortError;

/// A file system that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where.
    pub(crate) point: PathBuf,
    /// `major:minor` of the file system; one for all subvolumes of a btrfs.
    pub(crate) device: String,
    /// Its type.
    pub(crate) kind: String,
}

/// What this process sees mounted.
pub(crate) struct MountTable(Vec<Mount>);

impl MountTable {
    /// Asks the kernel.
    pub(crate) fn read() -> Result<Self, PortError> {
        let path = Path::new("/proc/self/mountinfo");
        fs::read(path)
            .map(|text| Self::parse(&text))
            .map_err(|error| PortError::Failed(format!("cannot read {}: {error}", path.display())))
    }

    fn parse(text: &[u8]) -> Self {
        Self(text.split(|&octet| octet == b'\n').filter_map(parse).collect())
    }

    /// What a path is on.
    pub(crate) fn of(&self, path: &Path) -> Option<&Mount> {
        // Of several mounts at one place the last hides the others.
        let on = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        on.max_by_key(|mount| mount.point.as_os_str().len())
    }

    /// What is mounted below a directory.
    pub(crate) fn below(&self, path: &Path) -> Vec<PathBuf> {
        let below = self.0.iter().filter(|mount| mount.point != path && mount.point.starts_with(path));
        below.map(|mount| mount.point.clone()).collect()
    }

    /// Whether two paths are on the same file system.
    pub(crate) fn same(&self, a: &Path, b: &Path) -> bool {
        matches!((self.of(a), self.of(b)), (Some(a), Some(b)) if a.device == b.device)
    }
}

/// `36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/root rw`, see proc(5).
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&octet| octet == b' ');
    let device = fields.nth(2)?;
    let point = fields.nth(1)?;
    let kind = fields.skip_while(|&field| field != b"-").nth(1)?;
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    Some(Mount { point: unescape(point), device: text(device), kind: text(kind) })
}

/// Blanks, tabs, line ends and backslashes are written as `\` and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut octets = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = (first == b'\\').then(|| after.get(..3)).flatten().and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                octets.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"1 0 254:0 / / rw - ext4 /dev/vda rw\n\
        2 1 0:45 /v /srv/a\\040b rw shared:1 master:2 - btrfs /dev/loop0 rw\n\
        3 2 0:45 /w /srv/a\\040b/c\\134d rw - btrfs /dev/loop0 rw\nnonsense\n";

    #[test]
    fn paths_on_one_file_system_are_known_as_such() {
        let mounts = MountTable::parse(TEXT);
        assert_eq!(mounts.0.len(), 3);
        assert_eq!(mounts.of(Path::new("/srv/a")).unwrap().kind, "ext4", "no part of a name");
        assert_eq!(mounts.of(Path::new("/srv/a b/x")).unwrap().kind, "btrfs");
        assert!(mounts.same(Path::new("/srv/a b"), Path::new("/srv/a b/c/d")));
        assert!(!mounts.same(Path::new("/srv/a b"), Path::new("/srv")));
        assert_eq!(mounts.below(Path::new("/srv/a b")), [PathBuf::from(r"/srv/a b/c\d")]);
    }

    #[test]
    fn the_kernel_s_list_has_the_root() {
        assert!(MountTable::read().unwrap().of(Path::new("/")).is_some());
    }
}

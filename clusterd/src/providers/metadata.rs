//! What a file is beside its data: owner, mode, extended attributes (access control lists and
//! `security.NTACL` are such), times.

use std::{
    ffi::{CStr, CString},
    path::Path,
};

use msrpc_cluster::fsrvp::ports::PortError;
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{
        self, AtFlags, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr,
        fsetxattr, futimens,
    },
    io::Errno,
};

use super::failed;

/// Linux' own limits, xattr(7).
const MAX_NAMES: usize = 64 << 10;
const MAX_VALUE: usize = 64 << 10;

/// Gives a file or directory the metadata of another. `at` is the original's path, for errors.
pub(super) fn copy(from: BorrowedFd<'_>, stat: &Stat, to: BorrowedFd<'_>, at: &Path) -> Result<(), PortError> {
    let (uid, gid) = owner(stat);
    // Before mode and attributes: a new owner clears set-user-id and capabilities.
    fchown(to, Some(uid), Some(gid)).map_err(|error| failed("keep the owner of", at, error))?;
    fchmod(to, Mode::from_raw_mode(stat.st_mode)).map_err(|error| failed("keep the mode of", at, error))?;
    copy_attributes(from, to, at)?;
    futimens(to, &times(stat)).map_err(|error| failed("keep the times of", at, error))
}

/// Gives a symbolic link the owner and times of another.
pub(super) fn copy_to_link(stat: &Stat, folder: impl AsFd, name: &CStr, at: &Path) -> Result<(), PortError> {
    let (uid, gid) = owner(stat);
    fs::chownat(folder.as_fd(), name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| failed("keep the owner of", at, error))?;
    fs::utimensat(folder.as_fd(), name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| failed("keep the times of", at, error))
}

fn owner(stat: &Stat) -> (Uid, Gid) {
    (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid))
}

#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // The fields' types differ between targets.
fn times(stat: &Stat) -> Timestamps {
    let time = |seconds: i64, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps {
        last_access: time(stat.st_atime as i64, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime as i64, stat.st_mtime_nsec as _),
    }
}

fn copy_attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>, at: &Path) -> Result<(), PortError> {
    let mut names = vec![0_u8; 1024];
    let length = loop {
        match flistxattr(from, names.as_mut_slice()) {
            Ok(length) => break length,
            Err(Errno::RANGE) if names.len() < MAX_NAMES => names.resize(MAX_NAMES, 0),
            Err(Errno::OPNOTSUPP) => return Ok(()),
            Err(error) => return Err(failed("list the attributes of", at, error)),
        }
    };
    let names = names.get(..length).unwrap_or_default();
    let mut value = Vec::new();
    for name in names.split(|&octet| octet == 0).filter(|name| !name.is_empty()) {
        let Ok(name) = CString::new(name) else { continue };
        value.resize(MAX_VALUE, 0);
        let length = match fgetxattr(from, &*name, value.as_mut_slice()) {
            Ok(length) => length,
            // Removed in the meantime.
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(failed("read an attribute of", at, error)),
        };
        let value = value.get(..length).unwrap_or_default();
        match fsetxattr(to, &*name, value, XattrFlags::empty()) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) if is_of_the_place(&name) => {}
            Err(error) => {
                let what = format!("keep the attribute {} of", name.to_string_lossy());
                return Err(failed(&what, at, error));
            }
        }
    }
    Ok(())
}

/// Attributes that say something of the file system or the policy of the place, not of the file.
fn is_of_the_place(name: &CStr) -> bool {
    let name = name.to_bytes();
    name == b"security.selinux" || name.starts_with(b"btrfs.") || name.starts_with(b"trusted.overlay.")
}

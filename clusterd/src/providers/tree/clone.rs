//! Makes a second tree of a directory.
//!
//! Who may write to the share can move things while we walk. So every step is taken from an open
//! directory, follows no symbolic link and enters no mount.

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use msrpc_cluster::fsrvp::ports::PortError;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, SeekFrom, Stat, fstat, ftruncate, ioctl_ficlone,
        linkat, mkdirat, openat, openat2, readlinkat, seek, statat, symlinkat, syncfs,
    },
    io::Errno,
};

use super::{super::metadata, Method, failed};
use crate::jobs::Cancel;

/// Directories within directories.
const MAX_DEPTH: usize = 512;

/// How much is copied before it is looked whether anybody still waits.
const CHUNK: u64 = 16 << 20;

/// So many files are synced one by one; with more it pays to sync the file system.
const SYNCED_ALONE: usize = 16;

/// Makes a tree at `to`, which must not be there, of the one at `from`; on the disk when this
/// returns.
pub(super) fn tree(method: Method, from: &Path, to: &Path, cancel: &Cancel) -> Result<(), PortError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = openat(CWD, from, flags, Mode::empty()).map_err(|error| failed("open", from, error))?;
    mkdirat(CWD, to, Mode::RWXU).map_err(|error| failed("make", to, error))?;
    let target = openat(CWD, to, flags, Mode::empty()).map_err(|error| failed("open", to, error))?;
    let mut walk = Walk {
        method,
        cancel,
        at: from.to_owned(),
        inside: PathBuf::new(),
        root: target.as_fd(),
        links: HashMap::new(),
        written: 0,
        skipped: 0,
    };
    walk.directory(source.as_fd(), target.as_fd(), 0)?;
    if walk.skipped > 0 {
        tracing::info!(path = %from.display(), files = walk.skipped, "sockets, pipes and devices are not in the snapshot");
    }
    if walk.written > SYNCED_ALONE {
        syncfs(&target).map_err(|error| failed("sync", to, error))?;
    }
    Ok(())
}

struct Walk<'a> {
    method: Method,
    cancel: &'a Cancel,
    /// Where we are in the original, for errors.
    at: PathBuf,
    /// The same below the root.
    inside: PathBuf,
    root: BorrowedFd<'a>,
    /// Where in the copy the files are that have several names.
    links: HashMap<(u64, u64), PathBuf>,
    written: usize,
    skipped: usize,
}

impl Walk<'_> {
    fn directory(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> Result<(), PortError> {
        if depth > MAX_DEPTH {
            return Err(PortError::Failed(format!("{} is nested deeper than {MAX_DEPTH}", self.at.display())));
        }
        let stat = fstat(from).map_err(|error| failed("look at", &self.at, error))?;
        for name in self.names(from)? {
            self.cancel.check()?;
            let part = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
            self.at.push(part);
            self.inside.push(part);
            match self.entry(from, to, &name, depth) {
                // Gone while we walked: not in the snapshot.
                Err(PortError::Missing(_)) => {}
                other => other?,
            }
            self.at.pop();
            self.inside.pop();
        }
        metadata::copy(from, &stat, to, &self.at)?;
        self.sync(to)
    }

    fn names(&self, folder: BorrowedFd<'_>) -> Result<Vec<CString>, PortError> {
        let unreadable = |error: Errno| failed("read", &self.at, error);
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn entry(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), PortError> {
        let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed("look at", &self.at, error))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let source = self.open(from, name, OFlags::DIRECTORY)?;
                mkdirat(to, name, Mode::RWXU).map_err(|error| self.not_made(error))?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let target = openat(to, name, flags, Mode::empty()).map_err(|error| self.not_made(error))?;
                self.directory(source.as_fd(), target.as_fd(), depth.saturating_add(1))
            }
            FileType::RegularFile => self.file(from, to, name),
            FileType::Symlink => {
                let goal = readlinkat(from, name, Vec::new()).map_err(|error| failed("read", &self.at, error))?;
                symlinkat(&*goal, to, name).map_err(|error| self.not_made(error))?;
                metadata::copy_to_link(&stat, to, name, &self.at)
            }
            _ => {
                self.skipped += 1;
                Ok(())
            }
        }
    }

    fn file(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<(), PortError> {
        // It may be a pipe by now, which must not hold us up.
        let source = self.open(from, name, OFlags::NONBLOCK)?;
        let stat = fstat(&source).map_err(|error| failed("look at", &self.at, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.skipped += 1;
            return Ok(());
        }
        let identity = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1
            && let Some(first) = self.links.get(&identity)
        {
            match linkat(self.root, first, to, name, AtFlags::empty()) {
                Ok(()) => return Ok(()),
                // Another file then: the data is the same.
                Err(Errno::MLINK | Errno::NAMETOOLONG) => {}
                Err(error) => return Err(self.not_made(error)),
            }
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let target = openat(to, name, flags, Mode::RUSR | Mode::WUSR).map_err(|error| self.not_made(error))?;
        let (source, target) = (File::from(source), File::from(target));
        match self.method {
            Method::Reflink => ioctl_ficlone(&target, &source).map_err(|error| failed("clone", &self.at, error))?,
            Method::Copy => self.data(&source, &target, &stat)?,
        }
        metadata::copy(source.as_fd(), &stat, target.as_fd(), &self.at)?;
        self.sync(target.as_fd())?;
        if stat.st_nlink > 1 {
            self.links.insert(identity, self.inside.clone());
        }
        Ok(())
    }

    /// Copies what is not a hole.
    fn data(&self, source: &File, target: &File, stat: &Stat) -> Result<(), PortError> {
        let cannot = |error: io::Error| failed("copy", &self.at, error);
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        ftruncate(target, size).map_err(|error| cannot(error.into()))?;
        let mut at = 0;
        while at < size {
            self.cancel.check()?;
            let start = match seek(source, SeekFrom::Data(at)) {
                Ok(start) => start,
                // Only a hole is left.
                Err(Errno::NXIO) => break,
                // No holes here.
                Err(Errno::INVAL) => at,
                Err(error) => return Err(cannot(error.into())),
            };
            let end = match seek(source, SeekFrom::Hole(start)) {
                Ok(end) => end.min(size),
                Err(Errno::INVAL) => size,
                Err(Errno::NXIO) => break,
                Err(error) => return Err(cannot(error.into())),
            };
            at = start;
            while at < end {
                self.cancel.check()?;
                for file in [source, target] {
                    seek(file, SeekFrom::Start(at)).map_err(|error| cannot(error.into()))?;
                }
                let length = (end - at).min(CHUNK);
                let (mut source, mut target) = (source, target);
                let copied = io::copy(&mut source.by_ref().take(length), &mut target).map_err(cannot)?;
                if copied == 0 {
                    // Cut off while we copied.
                    return Ok(());
                }
                at = at.saturating_add(copied);
            }
        }
        Ok(())
    }

    /// Opens something of the original to read it.
    fn open(&self, folder: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, PortError> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        // Looking is no access; but only the owner and root may ask for that.
        let opened = match openat2(folder, name, flags | OFlags::NOATIME, Mode::empty(), resolve) {
            Err(Errno::PERM) => openat2(folder, name, flags, Mode::empty(), resolve),
            other => other,
        };
        match opened {
            Err(Errno::XDEV) => {
                Err(PortError::Failed(format!("something was mounted at {} in the meantime", self.at.display())))
            }
            other => other.map_err(|error| failed("open", &self.at, error)),
        }
    }

    /// Puts a file or directory on the disk, unless the whole file system will be.
    fn sync(&mut self, written: BorrowedFd<'_>) -> Result<(), PortError> {
        self.written += 1;
        if self.written > SYNCED_ALONE {
            return Ok(());
        }
        rustix::fs::fsync(written).map_err(|error| failed("sync the copy of", &self.at, error))
    }

    /// An error at the copy: one that is missing there must not pass as one that was removed.
    fn not_made(&self, error: Errno) -> PortError {
        match failed("make the copy of", &self.at, error) {
            PortError::Missing(message) => PortError::Failed(message),
            other => other,
        }
    }
}

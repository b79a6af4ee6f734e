//! A database in memory that begins with the octets of a file.

use std::{
    fmt, io,
    sync::{PoisonError, RwLock, RwLockWriteGuard},
};

use redb::StorageBackend;

pub(super) struct Image(RwLock<Vec<u8>>);

impl Image {
    pub(super) fn new(octets: Vec<u8>) -> Self {
        Self(RwLock::new(octets))
    }

    fn change(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Image")
    }
}

/// Where a piece is; past the end where it cannot be.
fn range(offset: u64, length: usize) -> std::ops::Range<usize> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    start..start.saturating_add(length)
}

impl StorageBackend for Image {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let octets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let piece = octets.get(range(offset, out.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(piece);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut octets = self.change();
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let more = len.saturating_sub(octets.len());
        octets.try_reserve(more).map_err(|_| io::ErrorKind::OutOfMemory)?;
        octets.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut octets = self.change();
        let piece = octets.get_mut(range(offset, data.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        piece.copy_from_slice(data);
        Ok(())
    }
}

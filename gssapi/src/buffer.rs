//! Octets that the library allocates.

use std::{fmt, ops::Deref};

use zeroize::Zeroize;

use crate::ffi::{Api, BufferDesc, BufferSetDesc};

/// Octets that the library has allocated.
pub struct Buffer {
    desc: BufferDesc,
    api: &'static Api,
}

// SAFETY: the buffer is plain memory with one owner; the library's allocator serves all threads.
unsafe impl Send for Buffer {}

impl Buffer {
    /// An empty one, for the library to fill.
    pub(crate) fn new(api: &'static Api) -> Self {
        Self { desc: BufferDesc::EMPTY, api }
    }

    pub(crate) fn as_out(&mut self) -> *mut BufferDesc {
        &raw mut self.desc
    }

    /// Whether there is something inside.
    pub(crate) fn is_some(&self) -> bool {
        !self.desc.value.is_null()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        octets(&self.desc)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is empty or was filled by the library, and nobody uses it any more.
        unsafe { (self.api.gss_release_buffer)(&mut minor, &mut self.desc) };
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} octets)", self.len())
    }
}

/// Buffers that the library has allocated. They are wiped when dropped: keys come in them.
pub(crate) struct BufferSet {
    set: *mut BufferSetDesc,
    api: &'static Api,
}

impl BufferSet {
    pub(crate) fn new(api: &'static Api) -> Self {
        Self { set: std::ptr::null_mut(), api }
    }

    pub(crate) fn as_out(&mut self) -> *mut *mut BufferSetDesc {
        &raw mut self.set
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        self.elements().get(index).map(octets)
    }

    fn elements(&self) -> &[BufferDesc] {
        // SAFETY: the pointer is null or to a set that the library made and that lives as long as
        // self.
        match unsafe { self.set.as_ref() } {
            // SAFETY: the set has that many elements, which live and stay as they are as long as it.
            Some(set) if !set.elements.is_null() => unsafe { std::slice::from_raw_parts(set.elements, set.count) },
            _ => &[],
        }
    }
}

impl Drop for BufferSet {
    fn drop(&mut self) {
        for desc in self.elements() {
            if !desc.value.is_null() {
                // SAFETY: the library's buffer, of that length, that nobody else refers to.
                unsafe { std::slice::from_raw_parts_mut(desc.value.cast::<u8>(), desc.length) }.zeroize();
            }
        }
        let mut minor = 0;
        // SAFETY: null, or a set that the library made and that nobody uses any more.
        unsafe { (self.api.gss_release_buffer_set)(&mut minor, &mut self.set) };
    }
}

fn octets(desc: &BufferDesc) -> &[u8] {
    if desc.value.is_null() {
        return &[];
    }
    // SAFETY: the library made the buffer, with that many octets; it stays until the owner, which
    // the reference borrows, is dropped.
    unsafe { std::slice::from_raw_parts(desc.value.cast::<u8>(), desc.length) }
}

//! Credential caches in memory.

use std::{
    ffi::CString,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    error::{Error, Unavailable},
    ffi::{Api, api},
};

/// A credential cache of its own in this process's memory, which is destroyed when it is dropped.
#[derive(Debug)]
pub struct MemoryCache {
    name: String,
}

impl MemoryCache {
    /// A new one. The library makes it when something is put into it.
    ///
    /// # Errors
    ///
    /// If the library is missing.
    pub fn new() -> Result<Self, Unavailable> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        api()?;
        Ok(Self { name: format!("MEMORY:msrpc-{}", NUMBER.fetch_add(1, Ordering::Relaxed)) })
    }

    /// Its name, for [`Store::cache`](crate::Store::cache).
    pub fn name(&self) -> &str {
        &self.name
    }

    fn destroy(api: &Api, name: &str) -> Result<(), Error> {
        let name = CString::new(name).map_err(|_| Error::invalid("a NUL in a name"))?;
        let (mut context, mut cache) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the context is written, and used and freed below by this thread alone.
        if unsafe { (api.krb5_init_context)(&mut context) } != 0 {
            return Err(Error::invalid("krb5_init_context fails"));
        }
        // SAFETY: the context is good; the name is read; the cache is written on success, and
        // destroying it releases it too. Others that have the same cache open keep a reference that
        // the library counts.
        unsafe {
            if (api.krb5_cc_resolve)(context, name.as_ptr(), &mut cache) == 0 {
                (api.krb5_cc_destroy)(context, cache);
            }
            (api.krb5_free_context)(context);
        }
        Ok(())
    }
}

impl Drop for MemoryCache {
    fn drop(&mut self) {
        if let Ok(api) = api() {
            // What is left is a few octets in memory.
            let _ = Self::destroy(api, &self.name);
        }
    }
}

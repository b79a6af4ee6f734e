//! Credentials of clients and services.

use std::{
    ffi::{CString, c_int},
    fmt,
};

use crate::{
    error::{Call, Error, check},
    ffi::{self, Api, BufferDesc, KeyValue, KeyValueSet, api},
    name::Name,
    oid::{Oid, with_set},
};

const INITIATE: c_int = 1;
const ACCEPT: c_int = 2;
/// `GSS_C_INDEFINITE`.
const INDEFINITE: u32 = u32::MAX;

/// Where credentials are, as the library writes it; what is left out is the system's default.
#[derive(Clone, Debug, Default)]
pub struct Store<'a> {
    /// A credential cache: `FILE:/path`, `MEMORY:name`, `KCM:` and so on.
    pub cache: Option<&'a str>,
    /// A keytab with a client's key, from which tickets are asked for.
    pub client_keytab: Option<&'a str>,
    /// A keytab with keys of services.
    pub keytab: Option<&'a str>,
    /// A replay cache: `dfl:`, `file2:/path`.
    pub replay_cache: Option<&'a str>,
}

/// A credential.
pub struct Credential {
    raw: ffi::Cred,
    api: &'static Api,
}

// SAFETY: the library's credentials do not belong to a thread.
unsafe impl Send for Credential {}
// SAFETY: after it is made a credential is only read by its users; what the library resolves inside
// at its first use, a mutex of its own guards. Options are set through `&mut`.
unsafe impl Sync for Credential {}

impl Credential {
    /// A client's credential from a cache or a client's keytab; of the principal named, or of whom
    /// the cache belongs to.
    ///
    /// # Errors
    ///
    /// If there are no such credentials; with a keytab, what the KDC says.
    pub fn initiator(name: Option<&Name>, store: &Store<'_>) -> Result<Self, Error> {
        Self::acquire(name, INITIATE, store).map_err(|error| match store.client_keytab {
            // The library only says that the cache is still empty.
            Some(keytab) => error.without_client_key(keytab),
            None => error,
        })
    }

    /// A service's credential from a keytab; of the principal named, or of all in the keytab.
    ///
    /// # Errors
    ///
    /// If the keytab cannot be read or does not have the key.
    pub fn acceptor(name: Option<&Name>, store: &Store<'_>) -> Result<Self, Error> {
        Self::acquire(name, ACCEPT, store)
    }

    fn acquire(name: Option<&Name>, usage: c_int, store: &Store<'_>) -> Result<Self, Error> {
        let api = api()?;
        let entries = [
            (c"ccache", store.cache),
            (c"client_keytab", store.client_keytab),
            (c"keytab", store.keytab),
            (c"rcache", store.replay_cache),
        ];
        let mut values = Vec::new();
        for (key, value) in entries {
            if let Some(value) = value {
                values.push((key, CString::new(value).map_err(|_| Error::invalid("a NUL in a path"))?));
            }
        }
        let mut elements: Vec<_> =
            values.iter().map(|(key, value)| KeyValue { key: key.as_ptr(), value: value.as_ptr() }).collect();
        // There are four at most.
        let set = KeyValueSet { count: elements.len() as u32, elements: elements.as_mut_ptr() };
        let mut credential = Self { raw: std::ptr::null_mut(), api };
        let mut minor = 0;
        let major = with_set(Oid::KERBEROS, |mechanisms| {
            // SAFETY: the name is null or one of the library's; set, strings and identifiers live
            // until the call returns and are read only; the credential is written. What is null is
            // not wanted.
            unsafe {
                (api.gss_acquire_cred_from)(
                    &mut minor,
                    name.map_or(std::ptr::null_mut(), Name::raw),
                    INDEFINITE,
                    mechanisms,
                    usage,
                    &set,
                    &mut credential.raw,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            }
        });
        let call = if usage == ACCEPT { Call::Keytab } else { Call::Initiate };
        check(api, call, major, minor)?;
        credential.made()
    }

    /// A client's credential from a password. Its tickets are in memory, and end with it.
    ///
    /// # Errors
    ///
    /// What the KDC says.
    pub fn with_password(name: &Name, password: &[u8]) -> Result<Self, Error> {
        let api = api()?;
        let password = BufferDesc::reading(password);
        let mut credential = Self { raw: std::ptr::null_mut(), api };
        let mut minor = 0;
        let major = with_set(Oid::KERBEROS, |mechanisms| {
            // SAFETY: the name is one of the library's; password and identifiers live until the
            // call returns and are read only; the credential is written. What is null is not wanted.
            unsafe {
                (api.gss_acquire_cred_with_password)(
                    &mut minor,
                    name.raw(),
                    &password,
                    INDEFINITE,
                    mechanisms,
                    INITIATE,
                    &mut credential.raw,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            }
        });
        check(api, Call::Initiate, major, minor)?;
        credential.made()
    }

    /// Null stands for the system's default credential, and is not let through.
    fn made(self) -> Result<Self, Error> {
        if self.raw.is_null() { Err(Error::invalid("the library gives no credential")) } else { Ok(self) }
    }

    /// Copies the tickets of a client's credential into a cache, whose former content goes.
    ///
    /// # Errors
    ///
    /// If the cache cannot be written, or there are no tickets.
    pub fn store(&self, cache: &str) -> Result<(), Error> {
        let value = CString::new(cache).map_err(|_| Error::invalid("a NUL in a path"))?;
        let mut element = KeyValue { key: c"ccache".as_ptr(), value: value.as_ptr() };
        let set = KeyValueSet { count: 1, elements: &raw mut element };
        let mechanism = Oid::KERBEROS.desc();
        let mut minor = 0;
        // SAFETY: the credential is one of the library's; set, strings and identifier live until the
        // call returns and are read only. What is null is not wanted.
        let major = unsafe {
            (self.api.gss_store_cred_into)(
                &mut minor,
                self.raw,
                INITIATE,
                &mechanism,
                1,
                0,
                &set,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        check(self.api, Call::Other, major, minor)
    }

    /// Makes contexts ask for confidentiality and integrity only where they are asked to. Without,
    /// the library always adds both (`GSS_KRB5_CRED_NO_CI_FLAGS_X`).
    ///
    /// # Errors
    ///
    /// If the library does not know the option.
    pub fn set_no_ci_flags(&mut self) -> Result<(), Error> {
        let (option, value) = (Oid::NO_CI_FLAGS.desc(), BufferDesc::EMPTY);
        let mut minor = 0;
        // SAFETY: the credential is one of the library's and nobody else uses it, as &mut says; the
        // identifier lives until the call returns, and the value is empty.
        let major = unsafe { (self.api.gss_set_cred_option)(&mut minor, &mut self.raw, &option, &value) };
        check(self.api, Call::Other, major, minor)
    }

    /// Whose credential it is.
    ///
    /// # Errors
    ///
    /// If it belongs to nobody in particular, or has expired.
    pub fn name(&self) -> Result<Name, Error> {
        let mut name = Name::empty(self.api);
        self.inquire(name.as_out(), std::ptr::null_mut())?;
        if name.is_some() { Ok(name) } else { Err(Error::invalid("the credential has no name")) }
    }

    /// Seconds for which it is still good.
    ///
    /// # Errors
    ///
    /// If it has expired.
    pub fn lifetime(&self) -> Result<u32, Error> {
        let mut lifetime = 0;
        self.inquire(std::ptr::null_mut(), &mut lifetime)?;
        Ok(lifetime)
    }

    fn inquire(&self, name: *mut ffi::Name, lifetime: *mut u32) -> Result<(), Error> {
        let mut minor = 0;
        // SAFETY: the credential is one of the library's; the callers' pointers are null or to values
        // that live until the call returns.
        let major = unsafe {
            (self.api.gss_inquire_cred)(
                &mut minor,
                self.raw,
                name,
                lifetime,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        check(self.api, Call::Other, major, minor)
    }

    pub(crate) fn raw(&self) -> ffi::Cred {
        self.raw
    }

    pub(crate) fn api(&self) -> &'static Api {
        self.api
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null, or a credential of the library's that nobody uses any more.
        unsafe { (self.api.gss_release_cred)(&mut minor, &mut self.raw) };
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

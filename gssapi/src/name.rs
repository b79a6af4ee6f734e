//! Names of users and services.

use crate::{
    buffer::Buffer,
    error::{Call, Error, check},
    ffi::{self, Api, BufferDesc, api},
    oid::Oid,
};

/// How a name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameForm {
    /// A principal, `name/instance@REALM`. Without a realm it is in the default one.
    Principal,
    /// A service of a host, `service@host`. The configuration says what the host's realm is, and
    /// whether DNS makes its name complete.
    HostBasedService,
}

/// A name.
pub struct Name {
    raw: ffi::Name,
    api: &'static Api,
}

// SAFETY: the library's names do not belong to a thread.
unsafe impl Send for Name {}
// SAFETY: a name stays as it was made. What the library caches in one, a mutex of its own guards.
unsafe impl Sync for Name {}

impl Name {
    /// A name from text.
    ///
    /// # Errors
    ///
    /// If the text is no such name, or the library is missing.
    pub fn import(text: &str, form: NameForm) -> Result<Self, Error> {
        let api = api()?;
        let kind = match form {
            NameForm::Principal => Oid::PRINCIPAL,
            NameForm::HostBasedService => Oid::HOST_BASED_SERVICE,
        };
        let (kind, mut buffer) = (kind.desc(), BufferDesc::reading(text.as_bytes()));
        let mut name = Self::empty(api);
        let mut minor = 0;
        // SAFETY: all pointers are to values that live until the call returns; the library reads the
        // text and the identifier, and writes the name.
        let major = unsafe { (api.gss_import_name)(&mut minor, &mut buffer, &kind, name.as_out()) };
        check(api, Call::Other, major, minor)?;
        Ok(name)
    }

    /// One for the library to fill.
    pub(crate) fn empty(api: &'static Api) -> Self {
        Self { raw: std::ptr::null_mut(), api }
    }

    pub(crate) fn as_out(&mut self) -> *mut ffi::Name {
        &raw mut self.raw
    }

    pub(crate) fn raw(&self) -> ffi::Name {
        self.raw
    }

    pub(crate) fn is_some(&self) -> bool {
        !self.raw.is_null()
    }

    /// The name as text; of a principal, with its realm, and backslashes before what would separate.
    ///
    /// # Errors
    ///
    /// If the library has no text for it.
    pub fn display(&self) -> Result<String, Error> {
        let mut text = Buffer::new(self.api);
        let mut minor = 0;
        // SAFETY: the name is one of the library's; the buffer is written; the type is not wanted.
        let major = unsafe { (self.api.gss_display_name)(&mut minor, self.raw, text.as_out(), std::ptr::null_mut()) };
        check(self.api, Call::Other, major, minor)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// An attribute that came with the name, such as `urn:mspac:logon-info`; `None` where there is
    /// none.
    ///
    /// # Errors
    ///
    /// If the library fails otherwise.
    pub fn attribute(&self, attribute: &str) -> Result<Option<Attribute>, Error> {
        let mut wanted = BufferDesc::reading(attribute.as_bytes());
        let (mut value, mut display) = (Buffer::new(self.api), Buffer::new(self.api));
        // The first value of several: what is asked for here has one.
        let (mut minor, mut authenticated, mut complete, mut more) = (0, 0, 0, -1);
        // SAFETY: all pointers are to values that live until the call returns; the library reads the
        // attribute's name and writes the rest.
        let major = unsafe {
            (self.api.gss_get_name_attribute)(
                &mut minor,
                self.raw,
                &mut wanted,
                &mut authenticated,
                &mut complete,
                value.as_out(),
                display.as_out(),
                &mut more,
            )
        };
        match check(self.api, Call::Other, major, minor) {
            Ok(()) => Ok(Some(Attribute { value, authenticated: authenticated != 0 })),
            Err(error) if error.is_unavailable() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null, or a name of the library's that nobody uses any more.
        unsafe { (self.api.gss_release_name)(&mut minor, &mut self.raw) };
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({})", self.display().unwrap_or_default())
    }
}

/// An attribute of a name.
#[derive(Debug)]
pub struct Attribute {
    /// Its value.
    pub value: Buffer,
    /// Whether somebody whom the library trusts vouches for it: the KDC, for a PAC.
    pub authenticated: bool,
}

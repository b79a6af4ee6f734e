//! Object identifiers that the library is given.

use std::ffi::c_void;

use crate::ffi::{OidDesc, OidSetDesc};

/// An identifier: static octets, which the library reads only.
#[derive(Clone, Copy)]
pub(crate) struct Oid(&'static [u8]);

impl Oid {
    /// Kerberos, 1.2.840.113554.1.2.2.
    pub(crate) const KERBEROS: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
    /// `GSS_C_NT_HOSTBASED_SERVICE`, 1.2.840.113554.1.2.1.4.
    pub(crate) const HOST_BASED_SERVICE: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04]);
    /// `GSS_KRB5_NT_PRINCIPAL_NAME`, 1.2.840.113554.1.2.2.1.
    pub(crate) const PRINCIPAL: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01]);
    /// `GSS_KRB5_CRED_NO_CI_FLAGS_X`, 1.3.6.1.4.1.… as Samba's authors registered it.
    pub(crate) const NO_CI_FLAGS: Self = Self(&[0x2a, 0x85, 0x70, 0x2b, 0x0d, 0x1d]);
    /// `GSS_C_INQ_SSPI_SESSION_KEY`, 1.2.840.113554.1.2.2.5.5.
    pub(crate) const SESSION_KEY: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x05, 0x05]);

    pub(crate) fn desc(self) -> OidDesc {
        // The lengths are those of the constants above.
        OidDesc { length: self.0.len() as u32, elements: self.0.as_ptr().cast_mut().cast::<c_void>() }
    }
}

/// Works with a set of one identifier.
pub(crate) fn with_set<T>(oid: Oid, work: impl FnOnce(&OidSetDesc) -> T) -> T {
    let mut element = oid.desc();
    work(&OidSetDesc { count: 1, elements: &raw mut element })
}

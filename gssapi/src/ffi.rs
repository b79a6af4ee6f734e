//! The library's types and functions, and how they are found.

use std::{
    ffi::{c_char, c_int, c_void},
    sync::OnceLock,
};

use libloading::Library;

use crate::error::Unavailable;

/// Names under which the library is looked for. MIT's on Apple's systems packs its structures
/// differently, and Windows has SSPI instead.
#[cfg(all(unix, not(target_vendor = "apple")))]
const LIBRARIES: &[&str] = &["libgssapi_krb5.so.2"];
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
const LIBRARIES: &[&str] = &[];

/// `gss_name_t`.
#[repr(C)]
pub(crate) struct NameStruct {
    _opaque: [u8; 0],
}

/// `gss_cred_id_t`.
#[repr(C)]
pub(crate) struct CredStruct {
    _opaque: [u8; 0],
}

/// `gss_ctx_id_t`.
#[repr(C)]
pub(crate) struct CtxStruct {
    _opaque: [u8; 0],
}

/// `krb5_context`.
#[repr(C)]
pub(crate) struct Krb5Context {
    _opaque: [u8; 0],
}

/// `krb5_ccache`.
#[repr(C)]
pub(crate) struct Krb5Cache {
    _opaque: [u8; 0],
}

/// `gss_channel_bindings_t`, which is never given.
#[repr(C)]
pub(crate) struct ChannelBindings {
    _opaque: [u8; 0],
}

/// `gss_buffer_desc`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct BufferDesc {
    pub(crate) length: usize,
    pub(crate) value: *mut c_void,
}

impl BufferDesc {
    pub(crate) const EMPTY: Self = Self { length: 0, value: std::ptr::null_mut() };

    /// A buffer that the library reads only.
    pub(crate) fn reading(octets: &[u8]) -> Self {
        Self { length: octets.len(), value: octets.as_ptr().cast_mut().cast() }
    }

    /// A buffer that the library changes in place.
    pub(crate) fn changing(octets: &mut [u8]) -> Self {
        Self { length: octets.len(), value: octets.as_mut_ptr().cast() }
    }
}

/// `gss_OID_desc`.
#[repr(C)]
pub(crate) struct OidDesc {
    pub(crate) length: u32,
    pub(crate) elements: *mut c_void,
}

/// `gss_OID_set_desc`.
#[repr(C)]
pub(crate) struct OidSetDesc {
    pub(crate) count: usize,
    pub(crate) elements: *mut OidDesc,
}

/// `gss_buffer_set_desc`.
#[repr(C)]
pub(crate) struct BufferSetDesc {
    pub(crate) count: usize,
    pub(crate) elements: *mut BufferDesc,
}

/// `gss_key_value_element_desc`.
#[repr(C)]
pub(crate) struct KeyValue {
    pub(crate) key: *const c_char,
    pub(crate) value: *const c_char,
}

/// `gss_key_value_set_desc`.
#[repr(C)]
pub(crate) struct KeyValueSet {
    pub(crate) count: u32,
    pub(crate) elements: *mut KeyValue,
}

/// `gss_iov_buffer_desc`.
#[repr(C)]
pub(crate) struct IovBuffer {
    pub(crate) kind: u32,
    pub(crate) buffer: BufferDesc,
}

/// `GSS_IOV_BUFFER_TYPE_…`.
pub(crate) mod iov {
    pub(crate) const EMPTY: u32 = 0;
    pub(crate) const DATA: u32 = 1;
    pub(crate) const HEADER: u32 = 2;
    pub(crate) const SIGN_ONLY: u32 = 11;
    pub(crate) const MIC_TOKEN: u32 = 12;
}

pub(crate) type Name = *mut NameStruct;
pub(crate) type Cred = *mut CredStruct;
pub(crate) type Ctx = *mut CtxStruct;
type Minor = *mut u32;
type Oid = *const OidDesc;

/// Declares the table of functions and how it is filled.
macro_rules! functions {
    ($($name:ident($($argument:ty),* $(,)?) -> $result:ty;)*) => {
        /// The functions, and the library that they are in.
        pub(crate) struct Api {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) -> $result,)*
            _library: Library,
        }

        impl Api {
            /// # Safety
            ///
            /// The library is MIT's: its functions are what is declared here.
            unsafe fn resolve(library: Library) -> Result<Self, libloading::Error> {
                $(
                    // SAFETY: as the caller promises, the symbol is a function of this type. The
                    // pointer is kept no longer than the library, which is in the same structure.
                    let $name = *unsafe {
                        library.get::<unsafe extern "C" fn($($argument),*) -> $result>(
                            concat!(stringify!($name), "\0").as_bytes(),
                        )
                    }?;
                )*
                Ok(Self { $($name,)* _library: library })
            }
        }
    };
}

functions! {
    gss_import_name(Minor, *mut BufferDesc, Oid, *mut Name) -> u32;
    gss_display_name(Minor, Name, *mut BufferDesc, *mut Oid) -> u32;
    gss_get_name_attribute(
        Minor, Name, *mut BufferDesc, *mut c_int, *mut c_int, *mut BufferDesc, *mut BufferDesc, *mut c_int,
    ) -> u32;
    gss_release_name(Minor, *mut Name) -> u32;
    gss_release_buffer(Minor, *mut BufferDesc) -> u32;
    gss_release_buffer_set(Minor, *mut *mut BufferSetDesc) -> u32;
    gss_acquire_cred_from(
        Minor, Name, u32, *const OidSetDesc, c_int, *const KeyValueSet, *mut Cred, *mut *mut OidSetDesc, Minor,
    ) -> u32;
    gss_acquire_cred_with_password(
        Minor, Name, *const BufferDesc, u32, *const OidSetDesc, c_int, *mut Cred, *mut *mut OidSetDesc, Minor,
    ) -> u32;
    gss_store_cred_into(
        Minor, Cred, c_int, Oid, u32, u32, *const KeyValueSet, *mut *mut OidSetDesc, *mut c_int,
    ) -> u32;
    gss_set_cred_option(Minor, *mut Cred, Oid, *const BufferDesc) -> u32;
    gss_inquire_cred(Minor, Cred, *mut Name, Minor, *mut c_int, *mut *mut OidSetDesc) -> u32;
    gss_release_cred(Minor, *mut Cred) -> u32;
    gss_init_sec_context(
        Minor, Cred, *mut Ctx, Name, Oid, u32, u32, *mut ChannelBindings, *mut BufferDesc, *mut Oid,
        *mut BufferDesc, Minor, Minor,
    ) -> u32;
    gss_accept_sec_context(
        Minor, *mut Ctx, Cred, *mut BufferDesc, *mut ChannelBindings, *mut Name, *mut Oid, *mut BufferDesc,
        Minor, Minor, *mut Cred,
    ) -> u32;
    gss_inquire_sec_context_by_oid(Minor, Ctx, Oid, *mut *mut BufferSetDesc) -> u32;
    gss_krb5_export_lucid_sec_context(Minor, *mut Ctx, u32, *mut *mut c_void) -> u32;
    gss_krb5_free_lucid_sec_context(Minor, *mut c_void) -> u32;
    gss_delete_sec_context(Minor, *mut Ctx, *mut BufferDesc) -> u32;
    gss_wrap_iov(Minor, Ctx, c_int, u32, *mut c_int, *mut IovBuffer, c_int) -> u32;
    gss_wrap_iov_length(Minor, Ctx, c_int, u32, *mut c_int, *mut IovBuffer, c_int) -> u32;
    gss_unwrap_iov(Minor, Ctx, *mut c_int, Minor, *mut IovBuffer, c_int) -> u32;
    gss_get_mic_iov(Minor, Ctx, u32, *mut IovBuffer, c_int) -> u32;
    gss_get_mic_iov_length(Minor, Ctx, u32, *mut IovBuffer, c_int) -> u32;
    gss_verify_mic_iov(Minor, Ctx, Minor, *mut IovBuffer, c_int) -> u32;
    gss_get_mic(Minor, Ctx, u32, *mut BufferDesc, *mut BufferDesc) -> u32;
    gss_verify_mic(Minor, Ctx, *mut BufferDesc, *mut BufferDesc, Minor) -> u32;
    gss_display_status(Minor, u32, c_int, Oid, Minor, *mut BufferDesc) -> u32;
    krb5_init_context(*mut *mut Krb5Context) -> i32;
    krb5_free_context(*mut Krb5Context) -> ();
    krb5_cc_resolve(*mut Krb5Context, *const c_char, *mut *mut Krb5Cache) -> i32;
    krb5_cc_destroy(*mut Krb5Context, *mut Krb5Cache) -> i32;
}

/// Opens the library, once in the life of the process.
///
/// # Errors
///
/// If it is not installed, or lacks a function that is needed.
pub fn load() -> Result<(), Unavailable> {
    api().map(|_| ())
}

/// The functions.
pub(crate) fn api() -> Result<&'static Api, Unavailable> {
    static API: OnceLock<Result<Api, Unavailable>> = OnceLock::new();
    API.get_or_init(open).as_ref().map_err(Clone::clone)
}

fn open() -> Result<Api, Unavailable> {
    let mut why = None;
    for name in LIBRARIES {
        // SAFETY: the file's initialisers run. Who can replace the system's Kerberos library has
        // the process anyway. The declarations above are those of this library's headers.
        let opened = unsafe { Library::new(*name).and_then(|library| Api::resolve(library)) };
        match opened {
            Ok(api) => return Ok(api),
            Err(error) => why = Some(error.to_string()),
        }
    }
    Err(Unavailable::new(why))
}

//! Statuses that operations answer with, and RPC faults.

use std::fmt;

/// A status code that an operation returns: success, or the reason of a failure.
pub trait Status: Copy + fmt::Debug + fmt::Display + PartialEq + Send + Sync + 'static {
    /// Whether it travels at all: [`NoStatus`] does not.
    const TRAVELS: bool = true;

    /// The status of the value on the wire.
    fn from_wire(value: u32) -> Self;
    /// The value on the wire.
    fn to_wire(self) -> u32;
    /// Whether it says that the operation succeeded.
    fn is_success(self) -> bool;
}

macro_rules! status {
    ($(#[$doc:meta])* $name:ident, success: $success:expr, $($code:ident = $value:literal: $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            $(#[doc = $text] pub const $code: Self = Self($value);)*

            /// The Windows name of the code, where it is one of the constants here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($code)),)*
                    _ => None,
                }
            }
        }

        impl Status for $name {
            fn from_wire(value: u32) -> Self {
                Self(value)
            }

            fn to_wire(self) -> u32 {
                self.0
            }

            fn is_success(self) -> bool {
                let success: fn(u32) -> bool = $success;
                success(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($name), "({:#010x})"), self.0),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($value => f.write_str(concat!(stringify!($code), ": ", $text)),)*
                    value => write!(f, "status {value:#010x} ({value})"),
                }
            }
        }

        impl std::error::Error for $name {}
    };
}

status! {
    /// A Win32 error code ([MS-ERREF] 2.2): 0 is success.
    Win32Error, success: |code| code == 0,
    ERROR_SUCCESS = 0: "The operation completed.";
    ERROR_INVALID_FUNCTION = 1: "The function is not supported.";
    ERROR_FILE_NOT_FOUND = 2: "The object does not exist.";
    ERROR_ACCESS_DENIED = 5: "Access is denied.";
    ERROR_INVALID_HANDLE = 6: "The handle is invalid.";
    ERROR_NOT_ENOUGH_MEMORY = 8: "There is not enough memory.";
    ERROR_NOT_SUPPORTED = 50: "The request is not supported.";
    ERROR_SHARING_PAUSED = 70: "The server is paused or starting.";
    ERROR_INVALID_PARAMETER = 87: "A parameter is wrong.";
    ERROR_INSUFFICIENT_BUFFER = 122: "The buffer is too small.";
    ERROR_INVALID_NAME = 123: "The name is not well-formed.";
    ERROR_ALREADY_EXISTS = 183: "The object exists already.";
    ERROR_MORE_DATA = 234: "There is more data than the buffer holds.";
    ERROR_NO_MORE_ITEMS = 259: "There are no more items.";
    ERROR_IO_PENDING = 997: "The operation is under way.";
    ERROR_CALL_NOT_IMPLEMENTED = 120: "The call is not implemented.";
    RPC_S_PROCNUM_OUT_OF_RANGE = 1745: "The server does not know the operation.";
    RPC_X_BAD_STUB_DATA = 1783: "The stub is not well-formed.";
}

status! {
    /// An HRESULT ([MS-ERREF] 2.1): success unless the top bit is set.
    HResult, success: |code| code & 0x8000_0000 == 0,
    S_OK = 0: "The operation completed.";
    S_FALSE = 1: "The operation completed and answers false.";
    E_NOTIMPL = 0x8000_4001: "The method is not implemented.";
    E_FAIL = 0x8000_4005: "The operation failed.";
    E_ACCESSDENIED = 0x8007_0005: "Access is denied.";
    E_OUTOFMEMORY = 0x8007_000e: "There is not enough memory.";
    E_INVALIDARG = 0x8007_0057: "An argument is wrong.";
}

status! {
    /// An NTSTATUS ([MS-ERREF] 2.3): success unless the top bit is set.
    NtStatus, success: |code| code & 0x8000_0000 == 0,
    STATUS_SUCCESS = 0: "The operation completed.";
    STATUS_INVALID_PARAMETER = 0xc000_000d: "A parameter is wrong.";
    STATUS_ACCESS_DENIED = 0xc000_0022: "Access is denied.";
}

/// The status of operations that have none: they succeed, or end in a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStatus(());

impl Status for NoStatus {
    const TRAVELS: bool = false;

    fn from_wire(_: u32) -> Self {
        Self(())
    }

    fn to_wire(self) -> u32 {
        0
    }

    fn is_success(self) -> bool {
        true
    }
}

impl fmt::Display for NoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no status")
    }
}

/// An RPC fault: the call did not come to a result of its own (C706 12.6.4.7 and appendix E,
/// [MS-RPCE] 2.2.2.9).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The status of the fault PDU.
    pub status: u32,
    /// Whether the handler certainly did not run, so that the call may be tried again.
    pub did_not_execute: bool,
}

impl Fault {
    /// `nca_s_op_rng_error`: the interface has no such operation.
    pub const OP_RANGE: Self = Self::new(0x1c01_0002, true);
    /// `nca_s_unk_if`: the server does not have the interface.
    pub const UNKNOWN_INTERFACE: Self = Self::new(0x1c01_0003, true);
    /// `nca_s_fault_context_mismatch`: a context handle that the server did not give out.
    pub const CONTEXT_MISMATCH: Self = Self::new(0x1c00_001a, false);
    /// `nca_s_fault_invalid_tag`: a union's discriminant selects nothing.
    pub const INVALID_TAG: Self = Self::new(0x1c00_0006, false);
    /// `nca_s_fault_cancel`: the call was cancelled.
    pub const CANCELLED: Self = Self::new(0x1c00_000d, false);
    /// `nca_s_fault_remote_no_memory`: the server lacks the resources for the call.
    pub const NO_RESOURCES: Self = Self::new(0x1c00_001b, false);
    /// `nca_s_fault_unspec`: the handler could not answer.
    pub const UNSPECIFIED: Self = Self::new(0x1c00_0012, false);
    /// `nca_s_fault_pipe_closed`: a pipe was used after its end.
    pub const PIPE_CLOSED: Self = Self::new(0x1c00_0015, false);
    /// `nca_s_fault_pipe_order`: several pipes were used in another order than that of the parameters.
    pub const PIPE_ORDER: Self = Self::new(0x1c00_0016, false);
    /// `nca_s_fault_pipe_discipline`: an `[out]` pipe was written before the `[in]` pipes were read.
    pub const PIPE_DISCIPLINE: Self = Self::new(0x1c00_0017, false);
    /// `nca_s_fault_pipe_comm_error`: the connection failed within a pipe.
    pub const PIPE_COMM_ERROR: Self = Self::new(0x1c00_0018, false);
    /// `nca_s_fault_access_denied` as Windows sends it (Win32 5).
    pub const ACCESS_DENIED: Self = Self::new(5, true);
    /// `nca_proto_error`: PDUs that contradict each other or their order. Samba also answers the first
    /// call behind a failed login with it.
    pub const PROTOCOL_ERROR: Self = Self::new(0x1c01_000b, true);
    /// `nca_server_too_busy`: too many calls at a time.
    pub const SERVER_TOO_BUSY: Self = Self::new(0x1c01_0014, true);
    /// `nca_unsupported_type`: a data representation that nobody uses any more.
    pub const UNSUPPORTED_TYPE: Self = Self::new(0x1c01_0017, true);
    /// `RPC_S_SEC_PKG_ERROR`: a PDU's protection does not verify, or a security leg failed.
    pub const SECURITY_PACKAGE: Self = Self::new(1825, true);
    /// `RPC_X_BAD_STUB_DATA`: the stub is not well-formed.
    pub const BAD_STUB_DATA: Self = Self::new(1783, true);

    /// `RPC_E_VERSION_MISMATCH`: the client speaks another version of DCOM.
    pub const COM_VERSION_MISMATCH: Self = Self::new(0x8001_0110, true);

    /// A fault with a status.
    pub const fn new(status: u32, did_not_execute: bool) -> Self {
        Self { status, did_not_execute }
    }

    /// The name of the status, where it is a known one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.status {
            5 => "access denied",
            1783 => "RPC_X_BAD_STUB_DATA",
            0x1c01_0002 => "nca_s_op_rng_error",
            0x1c01_0003 => "nca_s_unk_if",
            0x1c00_001a => "nca_s_fault_context_mismatch",
            0x1c00_0006 => "nca_s_fault_invalid_tag",
            0x1c00_000d => "nca_s_fault_cancel",
            0x1c00_001b => "nca_s_fault_remote_no_memory",
            0x1c00_0012 => "nca_s_fault_unspec",
            1825 => "RPC_S_SEC_PKG_ERROR",
            0x1c01_000b => "nca_proto_error",
            0x1c01_0014 => "nca_server_too_busy",
            0x1c01_0017 => "nca_unsupported_type",
            0x1c00_0014 => "nca_s_fault_pipe_empty",
            0x1c00_0015 => "nca_s_fault_pipe_closed",
            0x1c00_0016 => "nca_s_fault_pipe_order",
            0x1c00_0017 => "nca_s_fault_pipe_discipline",
            0x1c00_0018 => "nca_s_fault_pipe_comm_error",
            0x1c00_0019 => "nca_s_fault_pipe_memory",
            0x8001_0110 => "RPC_E_VERSION_MISMATCH",
            _ => return None,
        })
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#010x})", self.status),
            None => write!(f, "{:#010x}", self.status),
        }
    }
}

impl std::error::Error for Fault {}

//! What methods answer with, \[MS-FSRVP\] 2.2.4.

use msrpc_ndr::HResult;

/// The call does not fit the state of the server.
pub const FSRVP_E_BAD_STATE: HResult = HResult(0x8004_2301);
/// Another shadow copy set is being made.
pub const FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS: HResult = HResult(0x8004_2316);
/// There can be no shadow copies of the file store that holds the share.
pub const FSRVP_E_NOT_SUPPORTED: HResult = HResult(0x8004_230c);
/// Preparing or exposing takes longer than the caller waits. Note that the value is no error as an
/// HRESULT.
pub const FSRVP_E_WAIT_TIMEOUT: HResult = HResult(0x0000_0102);
/// Committing takes longer than the caller waits (3.1.4.5).
pub const FSSAGENT_E_TIMEOUT: HResult = HResult(0x8004_2500);
/// Whether the operation worked will never be known: its provider hung or crashed.
pub const FSRVP_E_WAIT_FAILED: HResult = HResult(0xffff_ffff);
/// What is to be made exists.
pub const FSRVP_E_OBJECT_ALREADY_EXISTS: HResult = HResult(0x8004_230d);
/// A share, a shadow copy or a mapping does not exist.
pub const FSRVP_E_OBJECT_NOT_FOUND: HResult = HResult(0x8004_2308);
/// The context is none of CONTEXT_VALUES (2.2.2.2).
pub const FSRVP_E_UNSUPPORTED_CONTEXT: HResult = HResult(0x8004_231b);
/// There is no such shadow copy set.
pub const FSRVP_E_SHADOWCOPYSET_ID_MISMATCH: HResult = HResult(0x8004_2501);
/// The disk is full: `HRESULT_FROM_WIN32(ERROR_DISK_FULL)`.
pub const E_DISK_FULL: HResult = HResult(0x8007_0070);

/// The document's name of a code.
pub fn name(code: HResult) -> Option<&'static str> {
    Some(match code {
        FSRVP_E_BAD_STATE => "FSRVP_E_BAD_STATE",
        FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS => "FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS",
        FSRVP_E_NOT_SUPPORTED => "FSRVP_E_NOT_SUPPORTED",
        FSRVP_E_WAIT_TIMEOUT => "FSRVP_E_WAIT_TIMEOUT",
        FSSAGENT_E_TIMEOUT => "FSSAGENT_E_TIMEOUT",
        FSRVP_E_WAIT_FAILED => "FSRVP_E_WAIT_FAILED",
        FSRVP_E_OBJECT_ALREADY_EXISTS => "FSRVP_E_OBJECT_ALREADY_EXISTS",
        FSRVP_E_OBJECT_NOT_FOUND => "FSRVP_E_OBJECT_NOT_FOUND",
        FSRVP_E_UNSUPPORTED_CONTEXT => "FSRVP_E_UNSUPPORTED_CONTEXT",
        FSRVP_E_SHADOWCOPYSET_ID_MISMATCH => "FSRVP_E_SHADOWCOPYSET_ID_MISMATCH",
        E_DISK_FULL => "ERROR_DISK_FULL",
        other => return other.name(),
    })
}

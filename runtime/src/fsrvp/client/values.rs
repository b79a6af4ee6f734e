//! Constants of \[MS-FSRVP\] 2.2 that only clients need, and what names and statuses mean to them.

use std::net::IpAddr;

use msrpc_ndr::HResult;

use crate::fsrvp::{ShareUnc, code};

/// Version 1 of the protocol (FSRVP_RPC_VERSION_1, \[MS-FSRVP\] 2.2.2.4), the only one there is.
pub const VERSION_1: u32 = 1;

bitflags::bitflags! {
    /// What shadow copies rule out on their file store (SHADOW_COPY_COMPATIBILITY_VALUES,
    /// \[MS-FSRVP\] 2.2.2.3).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CompatibilityFlags: u32 {
        /// DISABLE_DEFRAG: no defragmentation.
        const DISABLE_DEFRAG = 1;
        /// DISABLE_CONTENTINDEX: no indexing.
        const DISABLE_CONTENTINDEX = 2;
    }
}

/// What a status is called, and what it means for who called.
pub fn describe(status: HResult) -> Option<(&'static str, &'static str)> {
    Some((code::name(status)?, meaning(status)?))
}

fn meaning(status: HResult) -> Option<&'static str> {
    Some(match status {
        code::FSRVP_E_BAD_STATE => "the set or the server is not in the state for this call",
        code::FSRVP_E_OBJECT_NOT_FOUND => "the server has no such share, shadow copy or set",
        code::FSRVP_E_NOT_SUPPORTED => "the server cannot make shadow copies of the share's file store",
        code::FSRVP_E_OBJECT_ALREADY_EXISTS => "a share on the same file store is in the set already",
        code::FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS => {
            "the server is making another shadow copy set, and makes only one at a time"
        }
        code::FSRVP_E_UNSUPPORTED_CONTEXT => "the server does not make shadow copies of this kind",
        code::FSSAGENT_E_TIMEOUT => "the shadow copies were not made in time",
        code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH => "the server has no such shadow copy set",
        code::FSRVP_E_WAIT_TIMEOUT => "the server did not finish in time",
        code::FSRVP_E_WAIT_FAILED => "the server could not wait for the operation to finish",
        code::E_DISK_FULL => "the server's disk is full",
        HResult::E_ACCESSDENIED => "the user may not do this on the server",
        HResult::E_INVALIDARG => "the server finds an argument wrong",
        HResult::E_NOTIMPL => "the server does not have this method",
        HResult::E_FAIL => "the operation failed on the server, whose log may say why",
        HResult::E_OUTOFMEMORY => "the server lacks memory",
        _ => return None,
    })
}

/// What two names of one share on one server have in common: the server without its domain
/// (PathFormat "Hostname" of \[MS-FSRVP\] 3.2.4.2.1) and the share, both in lower case.
pub(super) fn normalized(share: &ShareUnc) -> (String, String) {
    let host = share.host();
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let host = if is_address { host } else { host.split('.').next().unwrap_or(host) };
    (host.to_lowercase(), share.share().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_share_has_the_same_normalized_name() {
        let normalized = |text| normalized(&ShareUnc::parse(text).unwrap());
        assert_eq!(normalized(r"\\FS1.example.org\Data\"), ("fs1".to_owned(), "data".to_owned()));
        assert_eq!(normalized(r"\\10.0.0.1\data"), ("10.0.0.1".to_owned(), "data".to_owned()));
        assert_ne!(normalized(r"\\10.0.0.1\data"), normalized(r"\\10.0.0.2\data"));
    }

    #[test]
    fn statuses_have_a_name_and_a_meaning() {
        let (name, meaning) = describe(HResult(0x8004_2316)).unwrap();
        assert_eq!(name, "FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS");
        assert!(meaning.contains("another shadow copy set"));
        assert_eq!(describe(HResult(0x8004_9999)), None);
    }
}

//! What surrounds MIDL on Windows: types that everybody takes for granted, and C headers.

use std::collections::HashSet;

use midlc_parser::{Diagnostic, FileId, Session, diag::Severity};

/// The path that stands for [`TYPES`].
pub(crate) const PATH: &str = "<windows_types>.idl";

/// Types that a file may use without an import that declares them.
pub(crate) const TYPES: &str = include_str!("windows_types.idl");

/// Files that [`TYPES`] stands in for where they are not found.
pub(crate) const FILES: &[&str] = &[
    "basetsd.h",
    "guiddef.h",
    "ms-dcom.idl",
    "ms-dtyp.idl",
    "ms-oaut.idl",
    "oaidl.idl",
    "objidl.idl",
    "objidlbase.idl",
    "ocidl.idl",
    "oleidl.idl",
    "unknwn.idl",
    "unknwnbase.idl",
    "windef.h",
    "windows.h",
    "winnt.h",
    "wtypes.h",
    "wtypes.idl",
    "wtypesbase.h",
    "wtypesbase.idl",
];

/// A C header has much that MIDL cannot express, and little of it matters to the files that import
/// it. Errors in one become one warning.
pub(crate) fn tame_headers(session: &Session, diagnostics: &mut Vec<Diagnostic>) {
    let mut told: HashSet<FileId> = HashSet::new();
    diagnostics.retain_mut(|diagnostic| {
        let Some(span) = diagnostic.span() else { return true };
        if diagnostic.severity != Severity::Error || !session.is_c_header(span.file) {
            return true;
        }
        if !told.insert(span.file) {
            return false;
        }
        diagnostic.severity = Severity::Warning;
        diagnostic.notes.push("this is a C header: what MIDL cannot read of it is left out".to_owned());
        true
    });
}

//! Kerberos ([MS-KILE], [RFC 4121]), by itself (authentication service 16) and inside SPNEGO.
//!
//! Tickets, caches, keytabs and `krb5.conf` are those of MIT Kerberos, whose library is opened when
//! Kerberos is used first ([`available`]); without it, everything else works.
//!
//! A handshake has three legs (DCE style, [MS-RPCE] 3.3.1.5.2.2) and authenticates both sides. What is
//! insisted on beyond that:
//!
//! - Replayed, missing and reordered PDUs are noticed on both sides: a peer that does not ask for that
//!   is refused where PDUs are protected.
//! - The session key is AES, 128 or 256 bits: whichever of those `krb5.conf` permits. RC4, which
//!   [RFC 8429] deprecates, is refused even where the KDC and `krb5.conf` have it.
//! - At privacy, a PDU that is only signed is refused.
//!
//! The library establishes contexts; the tokens of PDUs are made here ([RFC 4121]), in place, where the
//! session key is AES with SHA-1, as everywhere with Windows. The library's own cipher is slower. With
//! the newer AES with SHA-2 ([RFC 8009]) the library makes them too.
//!
//! A ticket's lifetime limits when a context can be established, not how long it is used.
//!
//! A client asks KDCs, which may take as long as the library's configuration says (27 seconds for one
//! that is silent). That happens on threads that may block, at most [`MAX_STEPS`] at a time, and the
//! client's own time limit holds regardless.

mod client;
mod credentials;
mod crypto;
mod identity;
mod message;
mod pac;
mod server;
mod session;

pub use client::KerberosClient;
pub use credentials::KerberosCredentials;
pub use msrpc_gssapi::{Error as KerberosError, Reason, Unavailable};
pub use server::{KerberosAcceptor, KerberosServer, KerberosServerConfig};

use std::path::Path;

use msrpc_gssapi::Flags;
use msrpc_ndr::AuthLevel;

use super::{AuthError, Oid};

/// The authentication service number of Kerberos ([MS-RPCE] 2.2.1.1.7).
pub const AUTH_TYPE: u8 = 16;

/// How many steps of clients may wait for KDCs at a time, those included whose client has given up.
pub const MAX_STEPS: usize = 64;

/// Windows' misspelt identifier goes first, as every client of its servers has it.
const OIDS: &[Oid] = &[Oid::MS_KERBEROS, Oid::KERBEROS];

/// Whether Kerberos can be used here.
///
/// # Errors
///
/// Says what is to be installed.
pub fn available() -> Result<(), Unavailable> {
    msrpc_gssapi::load()
}

/// The features that a level needs.
fn features(level: AuthLevel) -> Flags {
    let authenticated = Flags::MUTUAL.with(Flags::DCE_STYLE);
    let signed = authenticated.with(Flags::REPLAY).with(Flags::SEQUENCE).with(Flags::INTEGRITY);
    match level {
        AuthLevel::None | AuthLevel::Connect => authenticated,
        AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => signed,
        AuthLevel::Privacy => signed.with(Flags::CONFIDENTIALITY),
    }
}

/// A path as the library takes it.
fn text(path: &Path) -> Result<&str, AuthError> {
    path.to_str().ok_or_else(|| AuthError::Accounts(format!("the path {} is no UTF-8", path.display())))
}

/// What may help, after what the library says.
pub(super) fn hint(error: &KerberosError) -> &'static str {
    match error.reason() {
        Reason::NoCredentials => ": get a ticket with kinit, or give a keytab or a password",
        Reason::Expired => ": get a new ticket with kinit, or give a keytab or a password",
        Reason::NotYetValid | Reason::ClockSkew => ": set the clocks",
        Reason::Replay => ": a replayed token",
        Reason::WrongKey => ": the key in the keytab is not the one that the KDC has; extract it again",
        Reason::KeyVersion => ": the keytab is older or newer than the ticket; extract it again, or get a new ticket",
        Reason::NoKey => ": put the key into the keytab, readable for this process",
        Reason::WrongPassword => ": the password, or the key in the keytab, is wrong",
        Reason::UnknownService => ": register the service principal, or set target_principal",
        Reason::KdcUnreachable | Reason::UnknownRealm | Reason::Configuration => ": check krb5.conf and the network",
        Reason::ReplayCache => ": make its folder writable, or name another file",
        _ => "",
    }
}

//! Authentication: providers behind one trait, and what they protect.
//!
//! - [`SecurityContext`] is what an association talks to: tokens while it binds, protection of PDUs
//!   afterwards.
//! - [`ntlm`] is NTLM by itself (authentication service 10), [`spnego`] negotiates between mechanisms
//!   (service 9); what SPNEGO can negotiate is a [`Mechanism`].
//! - [`kerberos`] is Kerberos by itself (service 16) and inside SPNEGO, through the system's library.
//! - [`AccountStore`] holds the accounts of a server: [`CredentialsFile`] in a file, [`Accounts`] in
//!   memory.

mod accounts;
mod credentials_file;
mod der;
pub mod kerberos;
mod mechanism;
pub mod ntlm;
pub mod spnego;

use msrpc_ndr::{AuthLevel, SessionKey};

pub use accounts::{Account, AccountStore, Accounts, NtHash};
pub use credentials_file::{CredentialsFile, CredentialsFileError, LineError, LineProblem};
pub use mechanism::{Mechanism, Oid};

/// One side of a security context that is being established, and then protects PDUs.
///
/// Everything here is synchronous and does no I/O of its own, except that [`step`](Self::step) of a
/// Kerberos initiator may wait for a KDC: see [`may_block`](Self::may_block).
pub trait SecurityContext: Send {
    /// The authentication service number that goes into `auth_type` ([MS-RPCE] 2.2.1.1.7):
    /// 9 SPNEGO, 10 NTLM, 16 Kerberos.
    fn auth_type(&self) -> u8;

    /// Whether [`step`](Self::step) may wait for something outside; then it must run on a thread
    /// that may block.
    fn may_block(&self) -> bool {
        false
    }

    /// Takes the peer's token (empty for an initiator's first step) and gives the next one.
    ///
    /// A context that is established takes no further token: the call fails, and the context with it.
    ///
    /// # Errors
    ///
    /// Says why the peer is refused. The details are for the log, never for the wire.
    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError>;

    /// Octets of the auth token that protects a PDU at this level.
    fn token_len(&self, level: AuthLevel, stub_len: usize) -> usize;

    /// Protects a PDU of which `stub` is sealed in place at privacy. `pdu.header` and `pdu.trailer` are
    /// covered by the signature as the mechanism and header signing say.
    fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError>;

    /// Verifies a PDU, and unseals `stub` in place at privacy.
    fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError>;

    /// Says that both sides negotiated header signing ([MS-RPCE] 2.2.2.3, `PFC_SUPPORT_HEADER_SIGN`).
    /// NTLM covers headers in any case.
    fn set_header_signing(&mut self, _negotiated: bool) {}

    /// Who the peer is; meaningful for an acceptor whose context is established.
    fn peer(&self) -> Option<PeerIdentity>;

    /// The session key, once established.
    fn session_key(&self) -> Option<SessionKey>;
}

/// The octets of a PDU around its auth token.
#[derive(Debug)]
pub struct PduParts<'a> {
    /// From the start of the common header to the start of the stub.
    pub header: &'a [u8],
    /// The stub with its auth padding.
    pub stub: &'a mut [u8],
    /// The sec_trailer, without the token.
    pub trailer: &'a [u8],
}

/// The outcome of a step.
#[derive(Debug)]
pub struct Step {
    /// The token for the peer; `None` if there is nothing to send.
    pub token: Option<Vec<u8>>,
    /// Whether the context is established on this side.
    pub done: bool,
}

/// An authenticated account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The account's name; `None` for anonymous.
    pub user: Option<String>,
    /// Its domain or realm.
    pub domain: Option<String>,
    /// SIDs of the account and its groups, where known.
    pub sids: Vec<String>,
    /// The authentication service that proved it ([MS-RPCE] 2.2.1.1.7), be it inside SPNEGO or not: 10
    /// NTLM, 16 Kerberos; 0 where the transport did.
    pub mechanism: u8,
}

/// Why authentication or protection failed. For the log: a peer is told the same whatever it was.
///
/// Names that come from the peer are shown escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The peer's fault: a token is malformed.
    #[error("malformed token: {0}")]
    Malformed(String),
    /// No such account.
    #[error("unknown user {0:?}")]
    UnknownUser(String),
    /// The proof does not match the account's secret.
    #[error("wrong password for {0:?}")]
    WrongPassword(String),
    /// The password is right and the account disabled.
    #[error("account {0:?} is disabled")]
    Disabled(String),
    /// The peer is anonymous, and that is not allowed here.
    #[error("anonymous callers are not allowed")]
    AnonymousRefused,
    /// The peer authenticates to a service that we are not: a relayed token, or a wrong name.
    #[error("the token is meant for {0:?}")]
    WrongTarget(String),
    /// The token's time is too far from ours.
    #[error("the token's time is {0} s away from ours")]
    ClockSkew(u64),
    /// The messages of the handshake were changed on the way.
    #[error("the integrity code of the handshake does not match")]
    Tampered,
    /// A signature does not match; with NTLM, also one that comes out of sequence.
    #[error("signature mismatch")]
    BadSignature,
    /// A PDU was received before.
    #[error("a PDU is replayed")]
    Replayed,
    /// PDUs are missing before this one, or come in another order.
    #[error("a PDU is out of sequence")]
    OutOfSequence,
    /// The mechanisms, levels or features offered have nothing in common.
    #[error("cannot agree: {0}")]
    Negotiation(String),
    /// The peer refuses us.
    #[error("the peer refuses the authentication")]
    Refused,
    /// Called out of order, or after a failure.
    #[error("the security context is not established")]
    NotEstablished,
    /// The accounts cannot be looked up; our fault.
    #[error("account lookup: {0}")]
    Accounts(String),
    /// What Kerberos says: expired tickets, wrong keys, skewed clocks, replays and so on
    /// ([`KerberosError::reason`](kerberos::KerberosError::reason)).
    #[error("Kerberos: {error}{hint}", error = .0, hint = kerberos::hint(.0))]
    Kerberos(#[from] kerberos::KerberosError),
    /// Kerberos knows services by the names of their hosts, and there is none.
    #[error(
        "{0:?} is no name of a host, and so has no Kerberos service principal: name the host, set target_hostname, or allow NTLM"
    )]
    NoServiceName(String),
    /// The system gives no random numbers.
    #[error("no randomness: {0}")]
    Random(String),
}

impl AuthError {
    /// Whether the provider cannot be used with this server from here, whoever the user is, so that
    /// another provider may be tried if the caller allows one. Wrong passwords, expired tickets and
    /// skewed clocks are not of that kind: they want mending.
    pub fn leaves_others(&self) -> bool {
        use kerberos::Reason;
        match self {
            Self::NoServiceName(_) => true,
            Self::Kerberos(error) => matches!(
                error.reason(),
                Reason::Unavailable
                    | Reason::NoCredentials
                    | Reason::UnknownService
                    | Reason::KdcUnreachable
                    | Reason::UnknownRealm
                    | Reason::Configuration
            ),
            _ => false,
        }
    }
}

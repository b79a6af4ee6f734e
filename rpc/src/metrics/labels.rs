//! What is told apart: fixed lists, whatever peers send.

use msrpc_ndr::Fault;

/// Why a connection of a server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Its client closed it.
    Closed,
    /// The server shut down.
    Shutdown,
    /// It was dropped with the server.
    CutOff,
    /// It did not introduce itself as its transport wants it.
    Opening,
    /// The transport failed.
    Transport,
    /// The client sent octets that are no PDU.
    Malformed,
    /// The client sent PDUs out of order.
    Sequence,
    /// The client did not authenticate itself.
    Authentication,
    /// The protection of a PDU did not verify.
    Protection,
    /// The bind was refused.
    BindRefused,
    /// An alter_context was refused.
    AlterRefused,
    /// The client took too long.
    TimedOut,
    /// There were too many connections.
    Limit,
    /// A security provider panicked.
    Provider,
}

impl Ended {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Closed,
        Self::Shutdown,
        Self::CutOff,
        Self::Opening,
        Self::Transport,
        Self::Malformed,
        Self::Sequence,
        Self::Authentication,
        Self::Protection,
        Self::BindRefused,
        Self::AlterRefused,
        Self::TimedOut,
        Self::Limit,
        Self::Provider,
    ];

    /// Its name, in lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Shutdown => "shutdown",
            Self::CutOff => "cut_off",
            Self::Opening => "opening",
            Self::Transport => "transport",
            Self::Malformed => "malformed",
            Self::Sequence => "sequence",
            Self::Authentication => "authentication",
            Self::Protection => "protection",
            Self::BindRefused => "bind_refused",
            Self::AlterRefused => "alter_refused",
            Self::TimedOut => "timed_out",
            Self::Limit => "limit",
            Self::Provider => "provider",
        }
    }
}

/// How an authentication came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthOutcome {
    /// The client is who it says.
    Accepted,
    /// The client is nobody in particular, which the provider lets through.
    Anonymous,
    /// It failed.
    Refused,
}

impl AuthOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Anonymous, Self::Refused];

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Anonymous => "anonymous",
            Self::Refused => "refused",
        }
    }
}

/// Statuses of faults that are told apart, as [`Fault::name`] names them.
pub(super) const FAULTS: [u32; 20] = [
    5,
    1783,
    1825,
    0x1c00_0006,
    0x1c00_000d,
    0x1c00_0012,
    0x1c00_0014,
    0x1c00_0015,
    0x1c00_0016,
    0x1c00_0017,
    0x1c00_0018,
    0x1c00_0019,
    0x1c00_001a,
    0x1c00_001b,
    0x1c01_0002,
    0x1c01_0003,
    0x1c01_000b,
    0x1c01_0014,
    0x1c01_0017,
    0x8001_0110,
];

/// The name of a status in [`FAULTS`].
pub(super) fn fault_name(status: u32) -> String {
    let name = Fault::new(status, false).name().unwrap_or("other");
    name.replace(' ', "_")
}

/// Security providers that are told apart ([MS-RPCE] 2.2.1.1.7).
pub(super) const PROVIDERS: [(u8, &str); 4] = [(9, "spnego"), (10, "ntlm"), (14, "schannel"), (16, "kerberos")];

/// What everything else is called.
pub(super) const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let mut names: Vec<String> = FAULTS.iter().map(|&status| fault_name(status)).collect();
        assert!(!names.iter().any(|name| name == OTHER || name.contains(' ')), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
        assert!(FAULTS.is_sorted());
    }

    #[test]
    fn every_reason_has_a_place_and_a_name_of_its_own() {
        for (index, reason) in Ended::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.name());
        }
        for (index, outcome) in AuthOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}

//! What went wrong, and what the exit code is then.

use std::{fmt, process::ExitCode};

use msrpc::{
    association::ClientError,
    auth::{AuthError, kerberos::Reason},
    client::ConnectError,
    pdu::NakReason,
    transport::smb::SmbError,
};
use msrpc_cluster::fsrvp::client::{Cause, Fate, MethodError, SnapshotError, Step, describe};
use msrpc_ndr::{Fault, HResult};
use serde::Serialize;

use crate::cluster::failure as cluster;

/// A failure that ends the command.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    details: Option<Details>,
    output: Option<String>,
}

/// Kinds of failures, as exit codes tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    AccessDenied = 4,
    NotFound = 5,
    NotSupported = 6,
    Busy = 7,
    TimedOut = 8,
    Interrupted = 130,
}

/// What JSON says beside the message.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Details {
    Snapshot(Box<SnapshotDetails>),
    Cluster(Box<cluster::Details>),
}

/// Of a snapshot that failed.
#[derive(Debug, Serialize)]
struct SnapshotDetails {
    step: String,
    server: String,
    share: Option<String>,
    status: Option<String>,
    status_name: Option<&'static str>,
    sets: Vec<Set>,
}

/// What became of a set.
#[derive(Debug, Serialize)]
struct Set {
    id: String,
    server_id: String,
    owner: String,
    fate: &'static str,
}

#[derive(Serialize)]
struct Json<'a> {
    error: &'a str,
    kind: Kind,
    exit_code: u8,
    #[serde(flatten)]
    details: Option<&'a Details>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), details: None, output: None }
    }

    /// Tells what about the cluster failed.
    pub(crate) fn with_cluster_details(self, details: cluster::Details) -> Self {
        Self { details: Some(Details::Cluster(Box::new(details))), ..self }
    }

    /// Prints this nevertheless.
    pub(crate) fn with_output(self, output: String) -> Self {
        Self { output: Some(output), ..self }
    }

    /// What is to be printed nevertheless.
    pub(crate) fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    /// The failure as JSON.
    pub(crate) fn to_json(&self) -> String {
        let Self { kind, message, details, .. } = self;
        let json = Json { error: message, kind: *kind, exit_code: *kind as u8, details: details.as_ref() };
        // Strings and numbers always become JSON.
        serde_json::to_string(&json).unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<SnapshotError<ConnectError>> for Failure {
    fn from(error: SnapshotError<ConnectError>) -> Self {
        let kind = Kind::of(&error);
        let hint = hint(&error, kind);
        let status = error.status();
        let sets = error.leftovers.iter().map(|leftover| Set {
            id: leftover.set.id.to_string(),
            server_id: leftover.set.server_id.to_string(),
            owner: leftover.set.owner.clone(),
            fate: match leftover.fate {
                Fate::Aborted => "aborted",
                Fate::AbortFailed(_) => "abort-failed",
                Fate::Recovered => "complete",
                _ => "unknown",
            },
        });
        let details = SnapshotDetails {
            step: error.step.to_string(),
            server: error.server.to_string(),
            share: error.share.as_ref().map(ToString::to_string),
            status: status.map(|status| format!("{:#010x}", status.0)),
            status_name: status.and_then(describe).map(|(name, _)| name),
            sets: sets.collect(),
        };
        Self {
            kind,
            message: format!("{error}{hint}"),
            details: Some(Details::Snapshot(Box::new(details))),
            output: None,
        }
    }
}

/// What to do about it.
fn hint(error: &SnapshotError<ConnectError>, kind: Kind) -> &'static str {
    match (&error.cause, kind) {
        (Cause::Method(MethodError::Status(HResult::E_INVALIDARG)), Kind::NotFound) => match error.step {
            Step::QuerySupport => "\nIs there such a share? 'clusctl snapshot list //SERVER' lists them.",
            _ => "\nIs there (still) such a shadow copy? 'clusctl snapshot list //SERVER' lists them.",
        },
        (Cause::Connect(ConnectError::Smb(SmbError::NoPipe(_))), _) => {
            "\nDoes the server have the File Server VSS Agent Service (on Samba, rpcd_fsrvp)?"
        }
        (Cause::Connect(error), _) if error.nak() == Some(NakReason::AUTH_TYPE_NOT_RECOGNIZED) => {
            "\nA server that leaves authentication to SMB, as clusterd does without credentials of its own, is asked \
             with --level none."
        }
        (_, Kind::Busy) => "\nTry again later, or give --wait SECONDS.",
        (Cause::Method(MethodError::Status(HResult(0x8004_230d))), _) => {
            "\nGive --separate to make a set for each share."
        }
        (Cause::Method(_), Kind::AccessDenied) => {
            "\nServers allow this to administrators and backup operators only, and with --level integrity or privacy."
        }
        (Cause::Method(MethodError::Status(HResult(0x8004_230c))), _) | (Cause::NotSupported, _) => {
            "\n'clusctl snapshot support' tells which shares can be copied."
        }
        _ => "",
    }
}

impl Kind {
    fn of(error: &SnapshotError<ConnectError>) -> Self {
        match (error.step, error.status()) {
            // Where names and identifiers are all that is given, and well-formed, what they name is not
            // there. Samba answers so.
            (
                Step::QuerySupport | Step::Map | Step::Recover | Step::Abort | Step::Delete,
                Some(HResult::E_INVALIDARG),
            ) => Self::NotFound,
            _ => Self::of_cause(&error.cause),
        }
    }

    fn of_cause(cause: &Cause<ConnectError>) -> Self {
        match cause {
            Cause::Connect(error) => Self::of_connect(error),
            Cause::Method(error) => Self::of_method(error),
            Cause::NotSupported | Cause::Version { .. } => Self::NotSupported,
            Cause::Duplicate | Cause::NoShares => Self::Usage,
            Cause::NoSuchCopy => Self::NotFound,
            Cause::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    fn of_method(error: &MethodError) -> Self {
        match error {
            MethodError::Status(status) => Self::of_status(*status),
            MethodError::LoginRefused(_) => Self::AccessDenied,
            MethodError::Fault(fault) if fault.status == Fault::ACCESS_DENIED.status => Self::AccessDenied,
            MethodError::Fault(fault) if fault.status == Fault::OP_RANGE.status => Self::NotSupported,
            // That a call has not been answered in time is a failure of the connection too.
            MethodError::Connection(error) if error.is_timeout() => Self::TimedOut,
            MethodError::Connection(_) => Self::Unreachable,
            _ => Self::Failed,
        }
    }

    fn of_status(status: HResult) -> Self {
        match status {
            HResult::E_ACCESSDENIED => Self::AccessDenied,
            HResult::E_NOTIMPL => Self::NotSupported,
            // FSRVP_E_OBJECT_NOT_FOUND, FSRVP_E_SHADOWCOPYSET_ID_MISMATCH
            HResult(0x8004_2308 | 0x8004_2501) => Self::NotFound,
            // FSRVP_E_NOT_SUPPORTED, FSRVP_E_UNSUPPORTED_CONTEXT
            HResult(0x8004_230c | 0x8004_231b) => Self::NotSupported,
            // FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS
            HResult(0x8004_2316) => Self::Busy,
            // FSRVP_E_WAIT_TIMEOUT, FSSAGENT_E_TIMEOUT
            HResult(0x0000_0102 | 0x8004_2500) => Self::TimedOut,
            _ => Self::Failed,
        }
    }

    pub(crate) fn of_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::NoEndpoint(_)
            | ConnectError::BadEndpoint(_)
            | ConnectError::Protocol(_)
            | ConnectError::NoCredentials
            | ConnectError::NoCredentialsFor(_) => Self::Usage,
            ConnectError::Authentication(ClientError::Authentication(AuthError::Kerberos(error)))
                if error.reason() == Reason::KdcUnreachable =>
            {
                Self::Unreachable
            }
            ConnectError::Authentication(_) => Self::AccessDenied,
            ConnectError::Busy(_) => Self::Busy,
            ConnectError::Association(ClientError::Refused(_)) => Self::NotSupported,
            ConnectError::UnknownInterface { .. } | ConnectError::InterfaceRefused { .. } => Self::NotSupported,
            ConnectError::Smb(error) => match error {
                SmbError::Credentials { .. } | SmbError::Authentication(_) | SmbError::Guest => Self::AccessDenied,
                SmbError::NoPipe(_) => Self::NotSupported,
                // STATUS_ACCESS_DENIED
                SmbError::Refused { status: 0xc000_0022, .. } => Self::AccessDenied,
                // STATUS_BAD_NETWORK_NAME
                SmbError::Refused { status: 0xc000_00cc, .. } => Self::NotFound,
                _ => Self::Unreachable,
            },
            _ => Self::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use msrpc_ndr::TransportError;

    use super::*;

    #[test]
    fn a_call_without_an_answer_in_time_and_a_lost_connection_are_told_apart() {
        let kind = |error| Kind::of_method(&MethodError::Connection(error));
        assert_eq!(kind(TransportError::timed_out("slow")), Kind::TimedOut);
        assert_eq!(kind(TransportError::new("it has not been answered within 1s")), Kind::Unreachable);
    }

    #[test]
    fn statuses_have_the_documented_exit_codes() {
        let code = |status| Kind::of_status(HResult(status)) as u8;
        for (status, expected) in [
            (0x8007_0005, 4),
            (0x8004_2308, 5),
            (0x8004_2501, 5),
            (0x8004_230c, 6),
            (0x8004_231b, 6),
            (0x8004_2316, 7),
            (0x102, 8),
            (0x8004_2500, 8),
            (0x8004_2301, 1),
            (0xffff_ffff, 1),
        ] {
            assert_eq!(code(status), expected, "{status:#x}");
        }
    }
}

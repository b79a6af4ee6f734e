//! What went wrong with a cluster, and what to do about it.

use msrpc::client::ConnectError;
use msrpc_cluster::{
    clusapi_client::{Cause, ClusterError, ConnectFailure, describe},
    cluster::status,
};
use msrpc_ndr::{Fault, Win32Error};
use serde::Serialize;

use crate::failure::{Failure, Kind};

/// What JSON says beside the message.
#[derive(Debug, Serialize)]
pub(crate) struct Details {
    /// What was being done.
    action: Option<String>,
    server: String,
    /// The Win32 error, if the server said one.
    status: Option<u32>,
    status_name: Option<&'static str>,
}

impl Details {
    /// Of what ended without an error of the server.
    pub(super) fn of_action(action: &str, server: &str) -> Self {
        Self { action: Some(action.to_owned()), server: server.to_owned(), status: None, status_name: None }
    }
}

pub(super) fn of_connect(error: &ConnectFailure<ConnectError>, server: &str) -> Failure {
    match error {
        ConnectFailure::Connect(error) => {
            let kind = Kind::of_connect(error);
            let hint = match error {
                ConnectError::Mapper { .. } => {
                    "\nIs the cluster service up there? --binding 'ncacn_ip_tcp:HOST[PORT]' does without the endpoint mapper."
                }
                ConnectError::UnknownInterface { .. } => {
                    "\nClusAPI 3.0 is what clusctl speaks: Windows Server 2008 and after."
                }
                _ => "",
            };
            let details = Details { action: None, server: server.to_owned(), status: None, status_name: None };
            let text = error.to_string();
            let place = if text.contains(server) { String::new() } else { format!("{server}: ") };
            Failure::new(kind, format_args!("{place}{text}{hint}")).with_cluster_details(details)
        }
        ConnectFailure::Cluster(error) => of(error, server),
    }
}

/// The failure that an error is.
pub(super) fn of(error: &ClusterError, server: &str) -> Failure {
    let status = error.status();
    let details = Details {
        action: Some(error.action.to_string()),
        server: server.to_owned(),
        status: status.map(|status| status.0),
        status_name: status.and_then(name),
    };
    let (kind, hint) = (kind(&error.cause), hint(&error.cause));
    Failure::new(kind, format_args!("{error}{hint}")).with_cluster_details(details)
}

fn name(status: Win32Error) -> Option<&'static str> {
    describe(status).map(|(name, _)| name).or_else(|| status.name())
}

fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Status(status) => of_status(*status),
        Cause::LoginRefused(_) => Kind::AccessDenied,
        Cause::Fault(fault) if *fault == Fault::ACCESS_DENIED => Kind::AccessDenied,
        Cause::Fault(fault) if *fault == Fault::OP_RANGE => Kind::NotSupported,
        Cause::Connection(error) if error.is_timeout() => Kind::TimedOut,
        Cause::Connection(_) => Kind::Unreachable,
        _ => Kind::Failed,
    }
}

fn of_status(code: Win32Error) -> Kind {
    match code {
        Win32Error::ERROR_ACCESS_DENIED => Kind::AccessDenied,
        Win32Error::ERROR_FILE_NOT_FOUND
        | status::ERROR_RESOURCE_NOT_FOUND
        | status::ERROR_RESOURCE_NOT_AVAILABLE
        | status::ERROR_GROUP_NOT_FOUND
        | status::ERROR_GROUP_NOT_AVAILABLE
        | status::ERROR_GROUPSET_NOT_FOUND
        | status::ERROR_GROUPSET_NOT_AVAILABLE
        | status::ERROR_CLUSTER_NODE_NOT_FOUND
        | status::ERROR_NODE_NOT_AVAILABLE
        | status::ERROR_CLUSTER_NETWORK_NOT_FOUND
        | status::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND
        | status::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND
        | status::ERROR_DEPENDENCY_NOT_FOUND => Kind::NotFound,
        Win32Error::ERROR_INVALID_FUNCTION
        | Win32Error::ERROR_NOT_SUPPORTED
        | Win32Error::ERROR_CALL_NOT_IMPLEMENTED
        | Win32Error::RPC_S_PROCNUM_OUT_OF_RANGE => Kind::NotSupported,
        Win32Error::ERROR_SHARING_PAUSED
        | status::ERROR_CLUSTER_NODE_NOT_READY
        | status::ERROR_CLUSTER_NODE_EVACUATION_IN_PROGRESS => Kind::Busy,
        // WAIT_TIMEOUT
        Win32Error(258) => Kind::TimedOut,
        _ => Kind::Failed,
    }
}

/// What to do about it.
fn hint(cause: &Cause) -> &'static str {
    let code = match cause {
        Cause::Fault(fault) if *fault == Fault::ACCESS_DENIED => Win32Error::ERROR_ACCESS_DENIED,
        cause => match cause.status() {
            Some(code) => code,
            None => return "",
        },
    };
    match code {
        Win32Error::ERROR_ACCESS_DENIED => {
            "\nClusters allow this to administrators and to whom the cluster's security descriptor names, with --level privacy."
        }
        status::ERROR_RESOURCE_NOT_FOUND => "\n'clusctl resource list' lists those that there are.",
        status::ERROR_GROUP_NOT_FOUND => "\n'clusctl group list' lists those that there are.",
        status::ERROR_CLUSTER_NODE_NOT_FOUND => "\n'clusctl node list' lists those that there are.",
        status::ERROR_CLUSTER_NETWORK_NOT_FOUND => "\n'clusctl network list' lists those that there are.",
        status::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND => "\n'clusctl resourcetype list' lists those that there are.",
        status::ERROR_DIR_NOT_EMPTY => "\nThere is something in it: give --force to delete that too.",
        status::ERROR_RESOURCE_ONLINE => "\nTake it offline first: 'clusctl resource offline NAME'.",
        status::ERROR_DEPENDENT_RESOURCE_EXISTS => {
            "\nOthers depend on it ('clusctl resource show NAME' lists them): 'clusctl resource dependency remove'."
        }
        status::ERROR_HOST_NODE_NOT_AVAILABLE => "\nNo other node can take it: 'clusctl node list' shows which are up.",
        status::ERROR_CLUSTER_NODE_DOWN => "\nThis needs a node that is up: 'clusctl node list' shows which are.",
        Win32Error::ERROR_SHARING_PAUSED => {
            "\nThe node is paused or starting: 'clusctl node list' shows, 'clusctl node resume NODE' resumes it."
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_documented_exit_codes() {
        for (code, expected) in [
            (5, 4),
            (2, 5),
            (5007, 5),
            (5013, 5),
            (5042, 5),
            (5002, 5),
            (1, 6),
            (120, 6),
            (70, 7),
            (5962, 7),
            (258, 8),
            (145, 1),
            (87, 1),
        ] {
            assert_eq!(of_status(Win32Error(code)) as u8, expected, "{code}");
        }
    }

    #[test]
    fn messages_say_what_was_done_and_what_to_do() {
        let cause = Cause::Status(status::ERROR_GROUP_NOT_FOUND);
        let failure = of(&ClusterError::new("opening the group \"Web\"", cause), "node1");
        let text = failure.to_string();
        assert_eq!(
            text,
            "opening the group \"Web\": there is no group of this name (ERROR_GROUP_NOT_FOUND, 5013)\n\
             'clusctl group list' lists those that there are."
        );
        assert!(failure.to_json().contains(r#""status":5013,"status_name":"ERROR_GROUP_NOT_FOUND""#));
    }
}

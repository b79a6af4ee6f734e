//! Samba's `rpcclient` finds our server through our endpoint mapper on port 135 and calls ClusAPI.

use msrpc_ndr::AuthLevel;
use msrpc_tests::rpc::{
    node::{Demands, Node, PASSWORD, USER},
    rpcclient::Rpcclient,
};

/// Each command, what rpcclient is to say, and the operations that it has to have called.
const COMMANDS: [(&str, &[&str], &[&str]); 16] = [
    (
        "clusapi_open_cluster",
        &["successfully opened cluster", "successfully closed cluster"],
        &["ApiOpenCluster", "ApiCloseCluster"],
    ),
    ("clusapi_get_cluster_name", &["ClusterName: ALPHA", "NodeName: node1"], &["ApiGetClusterName"]),
    // Not implemented, as the document wants it.
    ("clusapi_get_cluster_version", &["WERR_CALL_NOT_IMPLEMENTED"], &["ApiGetClusterVersion"]),
    ("clusapi_get_cluster_version2", &["rpc_status: WERR_OK"], &["ApiGetClusterVersion2"]),
    (
        "clusapi_get_quorum_resource",
        &["lpszResourceName: Disk 1", "PhysicalDrive1", "pdwMaxQuorumLogSize: 4096"],
        &["ApiGetQuorumResource"],
    ),
    ("clusapi_create_enum", &["rpc_status: WERR_OK"], &["ApiCreateEnum"]),
    ("clusapi_create_enum 4", &["rpc_status: WERR_OK"], &["ApiCreateEnum"]),
    ("clusapi_create_enumex", &["rpc_status: WERR_OK"], &["ApiOpenCluster", "ApiCreateEnumEx", "ApiCloseCluster"]),
    ("clusapi_open_resource", &["rpc_status: WERR_OK"], &["ApiOpenResource", "ApiCloseResource"]),
    ("clusapi_open_resource nonesuch", &["WERR_RESOURCE_NOT_FOUND"], &["ApiOpenResource"]),
    (
        "clusapi_online_resource 'Disk 1'",
        &["rpc_status: WERR_OK"],
        &["ApiOpenResource", "ApiOnlineResource", "ApiCloseResource"],
    ),
    (
        "clusapi_get_resource_state 'Disk 1'",
        &["rpc_status: WERR_OK"],
        &["ApiOpenResource", "ApiGetResourceState", "ApiCloseResource"],
    ),
    (
        "clusapi_offline_resource 'Disk 1'",
        &["rpc_status: WERR_OK"],
        &["ApiOpenResource", "ApiOfflineResource", "ApiCloseResource"],
    ),
    ("clusapi_pause_node node2", &["rpc_status: WERR_OK"], &["ApiOpenNode", "ApiPauseNode", "ApiCloseNode"]),
    // Who fails leaves the handle to the server.
    ("clusapi_pause_node node2", &["WERR_CLUSTER_NODE_PAUSED"], &["ApiOpenNode", "ApiPauseNode"]),
    ("clusapi_resume_node node2", &["rpc_status: WERR_OK"], &["ApiOpenNode", "ApiResumeNode", "ApiCloseNode"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_clusapi_command_through_our_mapper() {
    let Some(rpcclient) = Rpcclient::for_test() else { return };
    let node = Node::start_mapped(Demands::Document).await.unwrap();
    let host = node.address().ip();
    let login = format!("{USER}%{PASSWORD}");
    for (command, says, calls) in COMMANDS {
        let finished = rpcclient.run(host, "seal", &login, command).await.unwrap();
        for text in says {
            assert!(finished.to_string().contains(text), "{command}: {text}: {finished}");
        }
        let log = node.log.take();
        let called: Vec<_> = log.iter().map(|call| call.operation).collect();
        assert_eq!(called, calls, "{command}: {finished}");
        assert!(log.iter().all(|call| call.level == AuthLevel::Privacy && call.user.as_deref() == Some(USER)));
    }
    node.stop().await;
}

/// Raw NTLM and SPNEGO, and below privacy only refusals: ClusAPI wants privacy.
#[tokio::test(flavor = "multi_thread")]
async fn the_levels_of_rpcclient() {
    let Some(rpcclient) = Rpcclient::for_test() else { return };
    let node = Node::start_mapped(Demands::Document).await.unwrap();
    let host = node.address().ip();
    for (flags, login, passes) in [
        ("seal", "root%Passw0rd", true),
        ("ntlm,seal", "root%Passw0rd", true),
        ("spnego,seal", "root%Passw0rd", true),
        ("sign", "root%Passw0rd", false),
        ("connect", "root%Passw0rd", false),
        ("seal", "root%wrong", false),
        ("spnego,seal", "root%wrong", false),
        ("spnego,seal", "nobody%Passw0rd", false),
    ] {
        let finished = rpcclient.run(host, flags, login, "clusapi_get_cluster_name").await.unwrap();
        assert_eq!(finished.to_string().contains("ClusterName: ALPHA"), passes, "[{flags}] {login} {finished}");
        let calls = node.log.take();
        assert_eq!(calls.len(), usize::from(passes), "[{flags}] {login} {calls:?}");
    }
    node.stop().await;
}

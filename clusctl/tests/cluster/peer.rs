//! Samba's rpcclient beside clusctl: each sees what the other does. Both ask the endpoint mapper.

use std::net::SocketAddr;

use msrpc_tests::rpc::{rpcclient::Rpcclient, samba};

use crate::{
    server::Server,
    support::{Desk, finish},
};

/// clusctl through the endpoint mapper.
fn mapped(host: &str, arguments: &[&str]) -> serde_json::Value {
    let desk = Desk::new("");
    let mut command = desk.command(&[arguments, &["--json", "--server", host, "--user", "root"]].concat());
    let done = finish(command.env("CLUSCTL_PASSWORD", "Passw0rd").spawn().unwrap());
    assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
    serde_json::from_str(&done.output).unwrap()
}

#[test]
fn clusctl_and_rpcclient_see_the_same_cluster() {
    let Some(rpcclient) = Rpcclient::for_test() else { return };
    let host = samba::free_address().unwrap();
    let server = Server::listen(SocketAddr::from((host, 0)), 135);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ask = |command: &str| {
        runtime.block_on(rpcclient.run(host.into(), "seal", "root%Passw0rd", command)).unwrap().to_string()
    };
    let desk = host.to_string();
    let state = || mapped(&desk, &["resource", "show", "Web Server"])["state"].clone();
    assert!(ask("clusapi_get_cluster_name").contains("ClusterName: DEMO"));
    assert_eq!(mapped(&desk, &["cluster", "show"])["name"], "DEMO");
    assert_eq!(state(), "online");
    assert!(ask("clusapi_offline_resource 'Web Server'").contains("WERR_OK"));
    assert_eq!(state(), "offline");
    assert!(ask("clusapi_online_resource 'Web Server'").contains("WERR_OK"));
    assert_eq!(state(), "online");
    mapped(&desk, &["node", "pause", "node1"]);
    assert!(ask("clusapi_online_resource 'Batch Name'").contains("WERR_SHARING_PAUSED"));
    assert!(ask("clusapi_resume_node node1").contains("WERR_OK"));
    assert_eq!(mapped(&desk, &["node", "list"])[0]["state"], "up");
    mapped(&desk, &["resource", "rename", "Web Server", "Ω"]);
    assert!(ask("clusapi_get_resource_state Ω").contains("WERR_OK"));
    assert!(ask("clusapi_get_resource_state 'Web Server'").contains("WERR_RESOURCE_NOT_FOUND"));
    drop(server);
}

#[test]
fn the_endpoint_mapper_may_be_elsewhere() {
    let server = Server::start();
    let port = server.mapper_port();
    let desk = Desk::new("");
    let arguments = ["group", "list", "--json", "--user", "root", "--server", "127.0.0.1", "--epm-port", &port];
    let done = finish(desk.command(&arguments).env("CLUSCTL_PASSWORD", "Passw0rd").spawn().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
}

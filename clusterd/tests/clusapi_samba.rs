//! Samba's suite and Samba's client against the demo's cluster. About 5 s.

mod support;

use std::time::Duration;

use msrpc_tests::rpc::{
    node::{PASSWORD, USER},
    programs::{Finished, run},
    rpcclient::RPCCLIENT,
    smbtorture::Smbtorture,
};
use support::demo::Demo;

/// Those that change so much that each gets a cluster of its own.
const DANGEROUS: [&str; 5] =
    ["resource.FailResource", "resource.OfflineResource", "group.OfflineGroup", "node.PauseNode", "node.EvictNode"];

fn login() -> String {
    format!("{USER}%{PASSWORD}")
}

fn count(done: &Finished, what: &str) -> usize {
    done.output.lines().filter(|line| line.starts_with(what)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_s_suite_passes_in_every_transfer_syntax_and_byte_order() {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    for flags in ["seal", "seal,ndr64", "seal,bigendian", "seal,spnego"] {
        let demo = Demo::start();
        let done = smbtorture.run(demo.address(), flags, Some(&login()), "rpc.clusapi").await.unwrap();
        // Without -X it skips what is dangerous; SetQuorumResource always skips itself.
        let counted =
            (count(&done, "success:"), count(&done, "skip:"), count(&done, "failure:"), count(&done, "error:"));
        assert_eq!(counted, (66, 6, 0, 0), "{flags}: {done}\n{}", demo.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_s_dangerous_tests_pass_each_against_a_cluster_of_its_own() {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    for test in DANGEROUS {
        let demo = Demo::start();
        let name = format!("rpc.clusapi.{test}");
        let done = smbtorture.run_with(&["-X"], demo.address(), "seal", Some(&login()), &name).await.unwrap();
        assert!(done.success && count(&done, "success:") == 1, "{test}: {done}\n{}", demo.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rpcclient_finds_the_cluster_through_the_mapper_and_manages_it() {
    let Some(rpcclient) = RPCCLIENT.for_test() else { return };
    // Port 135 is asked whatever one says: a network of its own has it free.
    let demo = Demo::in_a_network_of_its_own();
    let ask = async |command: &str| {
        let mut program = demo.inside(&rpcclient);
        program.args(["-s", "/dev/null", "-U", &login(), "ncacn_ip_tcp:127.0.0.1[seal]", "-c", command]);
        run(program, Duration::from_secs(30)).await.unwrap()
    };
    for (command, found) in [
        ("clusapi_open_cluster", "successfully closed cluster"),
        ("clusapi_get_cluster_name", "ClusterName: DEMO"),
        ("clusapi_get_cluster_version", "WERR_CALL_NOT_IMPLEMENTED"),
        ("clusapi_get_cluster_version2", "rpc_status: WERR_OK"),
        ("clusapi_get_quorum_resource", "rpc_status: WERR_OK"),
        ("clusapi_create_enum 4", "rpc_status: WERR_OK"),
        ("clusapi_create_enumex 8", "rpc_status: WERR_OK"),
        ("clusapi_open_resource 'Web Server'", "rpc_status: WERR_OK"),
        ("clusapi_open_resource nonesuch", "WERR_RESOURCE_NOT_FOUND"),
        ("clusapi_get_resource_state 'Web Server'", "rpc_status: WERR_OK"),
        ("clusapi_offline_resource 'Web Server'", "rpc_status: WERR_OK"),
        ("clusapi_online_resource 'Web Server'", "rpc_status: WERR_OK"),
        ("clusapi_pause_node node1", "node1 has been paused"),
        ("clusapi_resume_node node1", "rpc_status: WERR_OK"),
        ("clusapi_resume_node node1", "WERR_CLUSTER_NODE_NOT_PAUSED"),
    ] {
        let done = ask(command).await;
        assert!(done.output.contains(found), "{command}: {done}\n{}", demo.log());
    }
    drop(demo);
}

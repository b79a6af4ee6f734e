//! The demo's cluster through the wire, by our own client: resources that are processes, the
//! daemon's stop, and what is left after it.

mod support;

use std::time::{Duration, Instant};

use msrpc::client::BoundChannel;
use msrpc_ndr::{CallError, ClientHandle, Win32Error};
use msrpc_protocols::clusapi3::{HresRpc, clusapi::Client};
use support::demo::Demo;

const ONLINE: u32 = 2;
const OFFLINE: u32 = 3;

async fn state(client: &Client<BoundChannel>, resource: &ClientHandle<HresRpc>) -> u32 {
    client.api_get_resource_state(resource).await.unwrap().state
}

async fn until(client: &Client<BoundChannel>, resource: &ClientHandle<HresRpc>, wanted: u32) {
    let begun = Instant::now();
    while state(client, resource).await != wanted {
        assert!(begun.elapsed() < Duration::from_secs(10), "not in state {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The processes whose command line begins so.
fn processes(command: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.starts_with(command).then(|| entry.file_name().to_str()?.parse().ok())?
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_runs_while_its_resource_is_online_and_comes_back_when_it_is_killed() {
    let demo = Demo::start();
    let client = demo.cluster().await.unwrap();
    let resource = client.api_open_resource("Nightly Report").await.unwrap();
    assert_eq!(state(&client, &resource).await, OFFLINE);
    // A command line of its own, so that other tests' programs are not taken for it.
    let command = format!("sleep 1{:06}", std::process::id());
    let id = client.api_get_resource_id(&resource).await.unwrap().unwrap().to_string_lossy();
    let root = client.api_get_root_key(0x0200_0000).await.unwrap();
    let path = format!("Resources\\{id}\\Parameters");
    let key = client.api_open_key(&root, &*path, 0x0200_0000).await.unwrap();
    let text: Vec<u8> = command.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    client.api_set_value(&key, "CommandLine", 1, msrpc_ndr::Bytes::from(text)).await.unwrap();

    client.api_online_resource(&resource).await.unwrap();
    until(&client, &resource, ONLINE).await;
    let [first] = processes(&command)[..] else { panic!("{:?}", processes(&command)) };
    support::node::signal("KILL", first);
    let begun = Instant::now();
    let second = loop {
        match processes(&command)[..] {
            [second] if second != first => break second,
            _ => assert!(begun.elapsed() < Duration::from_secs(10), "it is not started again"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_ne!(first, second);
    until(&client, &resource, ONLINE).await;

    // A kept cluster goes on where it was: the daemon is killed, its program is ended and started.
    let demo = Demo::again(demo.kill());
    let client = demo.cluster().await.unwrap();
    let resource = client.api_open_resource("Nightly Report").await.unwrap();
    until(&client, &resource, ONLINE).await;
    let [third] = processes(&command)[..] else { panic!("{:?}", processes(&command)) };
    assert_ne!(second, third);

    client.api_offline_resource(&resource).await.unwrap();
    until(&client, &resource, OFFLINE).await;
    assert!(processes(&command).is_empty());
    client.api_online_resource(&resource).await.unwrap();
    until(&client, &resource, ONLINE).await;
    let _folder = demo.stop();
    assert!(processes(&command).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_notifications_does_not_hold_up_the_stop() {
    let demo = Demo::start();
    let client = demo.cluster().await.unwrap();
    let cluster = client.api_open_cluster().await.unwrap();
    let port = client.api_create_notify().await.unwrap();
    client.api_add_notify_cluster(&port, &cluster, 0x8000, 1).await.unwrap();
    let waiting = tokio::spawn(async move {
        client.api_get_notify(&port).await.map(|_| ()).map_err(|error| match error {
            CallError::Status { status, .. } => Some(status),
            _ => None,
        })
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let _folder = tokio::task::spawn_blocking(move || demo.stop()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // ERROR_CLUSTER_NODE_SHUTTING_DOWN, or the connection went first.
    assert!(matches!(waiting.await.unwrap(), Err(Some(Win32Error(5073)) | None)));
}

#[test]
fn it_may_open_more_files_than_a_shell_lets_it() {
    let demo = Demo::with_open_files(256);
    let limits = demo.limits();
    let row = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard]: [u64; 2] =
        std::array::from_fn(|at| row.split_whitespace().nth(3 + at).unwrap().parse().unwrap_or(u64::MAX));
    assert_eq!(soft, hard.min(65_536), "{row}");
    assert!(soft > 256, "{row}");
}

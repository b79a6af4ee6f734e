//! Create to expose, ours beside Samba's own FSRVP server, both through smbd's pipe and driven by the
//! same client: `cargo xtask bench fsrvp`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use msrpc::client::BoundChannel;
use msrpc_ndr::{AuthLevel, Uuid};
use msrpc_protocols::fsrvp::file_server_vss_agent as agent;
use msrpc_tests::rpc::{
    client::{self, Provider},
    file_server::FileServer,
    node::{PASSWORD, USER},
};
use support::{
    front::Front,
    node::{Node, configuration},
};

/// FSRVP_CTX_FILE_SHARE_BACKUP, [MS-FSRVP] 2.2.2.1.
const CONTEXT: u32 = 0x10;
const WAIT: u32 = 60_000;
/// Rounds; the first is not counted.
const ROUNDS: usize = 21;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (Some(front), Some(samba)) = (Front::for_test(), FileServer::for_test()) else { return };
        let node = Node::start(&front, &configuration(&front, ""));
        let mut cases = [
            Case::new("btrfs", "clusterd", front.port, "bt"),
            Case::new("btrfs", "Samba", samba.port, "data"),
            Case::new("copy, empty share", "clusterd", front.port, "fsrvp_share"),
            Case::new("copy, empty share", "Samba", samba.port, "copy"),
        ];
        for _ in 0..ROUNDS {
            for case in &mut cases {
                let took = case.run().await;
                case.took.push(took);
            }
        }
        println!("\nFSRVP, SetContext to ExposeShadowCopySet through smbd's pipe, median of {} rounds\n", ROUNDS - 1);
        for pair in cases.chunks(2) {
            let [ours, theirs] = pair else { continue };
            let (a, b) = (ours.median(), theirs.median());
            let times = b.as_secs_f64() / a.as_secs_f64();
            println!(
                "  {:<20} {} {a:>9.1?}   {} {b:>9.1?}   {times:.1} times as fast",
                ours.what, ours.who, theirs.who
            );
        }
        assert!(node.terminate().success());
    });
}

struct Case {
    what: &'static str,
    who: &'static str,
    port: u16,
    share: String,
    took: Vec<Duration>,
}

impl Case {
    fn new(what: &'static str, who: &'static str, port: u16, share: &str) -> Self {
        Self { what, who, port, share: format!(r"\\127.0.0.1\{share}"), took: Vec::new() }
    }

    fn median(&self) -> Duration {
        let mut counted = self.took.iter().copied().skip(1).collect::<Vec<_>>();
        counted.sort();
        counted.get(counted.len() / 2).copied().unwrap_or_default()
    }

    /// A connection of its own, as every program that makes a shadow copy has; it is not measured.
    async fn run(&self) -> Duration {
        let client = self.connect().await;
        let begun = Instant::now();
        client.set_context(CONTEXT).await.unwrap();
        let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.unwrap();
        let copy = client.add_to_shadow_copy_set(Uuid::from_u128(2), set, self.share.as_str()).await.unwrap();
        client.prepare_shadow_copy_set(set, WAIT).await.unwrap();
        client.commit_shadow_copy_set(set, WAIT).await.unwrap();
        client.expose_shadow_copy_set(set, WAIT).await.unwrap();
        let took = begun.elapsed();
        client.recovery_complete_shadow_copy_set(set).await.unwrap();
        client.delete_share_mapping(set, copy, self.share.as_str()).await.unwrap();
        took
    }

    async fn connect(&self) -> agent::Client<BoundChannel> {
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\FssagentRpc,smb_port={}]", self.port);
        let security = Some((Provider::Spnego, AuthLevel::None));
        let builder = client::to(binding.parse().unwrap(), security, USER, PASSWORD);
        agent::Client::new(builder.call_timeout(Duration::from_secs(60)).connect(&agent::INTERFACE).await.unwrap())
    }
}

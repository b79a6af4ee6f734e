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

/// How long servers are left alone after each round.
const PAUSE: Duration = Duration::from_millis(200);
/// What is measured of each round, in its order.
const STEPS: [&str; 6] = ["SetContext", "Start", "Add", "Prepare", "Commit", "Expose"];

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
        for round in 0..ROUNDS {
            // Nobody always follows the same one.
            for at in 0..cases.len() {
                let at = (at + round) % cases.len();
                if let Some(case) = cases.get_mut(at) {
                    let took = case.run().await;
                    case.took.push(took);
                    // What either server still does for this round is not to slow down the next.
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        println!("\nFSRVP through smbd's pipe, medians of {} rounds in ms\n", ROUNDS - 1);
        println!("  {:<19}{:<9}{}     sum", "", "", STEPS.map(|step| format!("{step:>11}")).concat());
        for pair in cases.chunks(2) {
            pair.iter().for_each(Case::print);
            if let [ours, theirs] = pair {
                println!("  {:<19}{:.2} times as fast, round by round", ours.what, ours.times(theirs));
            }
        }
        assert!(node.terminate().success());
    });
}

struct Case {
    what: &'static str,
    who: &'static str,
    port: u16,
    share: String,
    /// How long the steps of each round took.
    took: Vec<[Duration; STEPS.len()]>,
}

impl Case {
    fn new(what: &'static str, who: &'static str, port: u16, share: &str) -> Self {
        Self { what, who, port, share: format!(r"\\127.0.0.1\{share}"), took: Vec::new() }
    }

    /// The rounds that count, each as a whole, in seconds.
    fn sums(&self) -> impl Iterator<Item = f64> {
        self.took.iter().skip(1).map(|steps| steps.iter().sum::<Duration>().as_secs_f64())
    }

    /// How many times faster than another, in the median round.
    fn times(&self, other: &Self) -> f64 {
        median(self.sums().zip(other.sums()).map(|(ours, theirs)| theirs / ours))
    }

    fn print(&self) {
        let step =
            |at: usize| median(self.took.iter().skip(1).filter_map(|steps| steps.get(at)).map(Duration::as_secs_f64));
        let steps: String = (0..STEPS.len()).map(|at| format!("{:>11.1}", step(at) * 1e3)).collect();
        println!("  {:<19}{:<9}{steps}{:>8.1}", self.what, self.who, median(self.sums()) * 1e3);
    }

    /// A connection of its own, as every program that makes a shadow copy has; it is not measured.
    async fn run(&self) -> [Duration; STEPS.len()] {
        let client = self.connect().await;
        let mut took = [Duration::ZERO; STEPS.len()];
        let mut steps = took.iter_mut();
        let mut last = Instant::now();
        let mut done = || {
            let begun = std::mem::replace(&mut last, Instant::now());
            *steps.next().unwrap() = begun.elapsed();
        };
        client.set_context(CONTEXT).await.unwrap();
        done();
        let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.unwrap();
        done();
        let copy = client.add_to_shadow_copy_set(Uuid::from_u128(2), set, self.share.as_str()).await.unwrap();
        done();
        client.prepare_shadow_copy_set(set, WAIT).await.unwrap();
        done();
        client.commit_shadow_copy_set(set, WAIT).await.unwrap();
        done();
        client.expose_shadow_copy_set(set, WAIT).await.unwrap();
        done();
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

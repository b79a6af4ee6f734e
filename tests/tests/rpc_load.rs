//! Attacks on a server: its memory stays within bounds, a client that behaves is served meanwhile, and
//! nothing is left behind. The bounds of time are generous multiples, because other tests run beside
//! these; `docs/performance.md` has figures. `cargo run --release -p msrpc-tests --bin load` prints
//! them.

use std::time::Duration;

use msrpc::{association::SharedLimits, server::ServerBuilder};
use msrpc_tests::rpc::{
    load::{
        attack::{Attack, SOURCES},
        siege::{Report, Siege},
    },
    node::{Demands, Node},
};
use peak_alloc::PeakAlloc;
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One at a time: the heap is the process's.
static TURN: Mutex<()> = Mutex::const_new(());

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn siege(lasts: Duration) -> Siege {
    Siege {
        program: env!("CARGO_BIN_EXE_load").into(),
        heap: || ALLOCATOR.current_usage(),
        lasts,
        calm: Duration::from_millis(300),
    }
}

async fn lay_with(attack: Attack, amount: usize, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Report {
    let node = Node::start_with(Demands::Nothing, change).await.unwrap();
    let report = siege(Duration::from_millis(1500)).lay(&node, attack, amount).await;
    let report = report.unwrap_or_else(|error| panic!("{attack}: {error}"));
    node.stop().await;
    report
}

async fn lay(attack: Attack, amount: usize) -> Report {
    lay_with(attack, amount, |builder| builder).await
}

/// Who behaves is served, and not much more slowly.
fn served(report: &Report) {
    let Report { attack, before, during, left, .. } = report;
    assert_eq!(during.failed, [""; 0], "{attack}");
    assert!(during.calls() > 50, "{attack}: {} calls", during.calls());
    let (usual, now) = (before.permille(500), during.permille(500));
    assert!(now < usual * 20 + Duration::from_millis(50), "{attack}: half take {now:?} instead of {usual:?}");
    let slow = during.permille(990);
    assert!(slow < Duration::from_millis(1500), "{attack}: one of a hundred takes {slow:?}");
    // Tables keep their size.
    assert!(*left < 4 * MIB, "{attack}: {left} octets are left");
}

fn grows_at_most(report: &Report, octets: usize) {
    let Report { attack, heap, .. } = report;
    assert!(*heap < octets, "{attack}: {heap} octets instead of {octets}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_held_cost_little_and_others_are_served() {
    let _turn = TURN.lock().await;
    for (attack, each) in [(Attack::Idle, 12 * KIB), (Attack::Silent, 12 * KIB), (Attack::Logons, 20 * KIB)] {
        let report = lay(attack, 1000).await;
        served(&report);
        assert_eq!((report.connections, report.tally.refused), (1000, 0), "{attack}");
        grows_at_most(&report, 1000 * each + 2 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_that_trickle_in_cost_little_and_others_are_served() {
    let _turn = TURN.lock().await;
    for attack in [Attack::DribbledBinds, Attack::DribbledRequests, Attack::Fragments] {
        let report = lay(attack, 500).await;
        served(&report);
        assert!(report.connections >= 500, "{attack}: {report:?}");
        grows_at_most(&report, 500 * 20 * KIB + 2 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_cost_little_and_others_are_served() {
    let _turn = TURN.lock().await;
    let report = lay(Attack::Calls, 10_000).await;
    served(&report);
    assert!(report.calls >= 10_000, "{} calls", report.calls);
    grows_at_most(&report, 10_000 * 8 * KIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_stop_at_their_limit_and_others_are_served() {
    let _turn = TURN.lock().await;
    let each = 300;
    let report = lay_with(Attack::Handles, 16_384, |builder| {
        let mut limits = SharedLimits::default();
        limits.handles.per_client = each;
        builder.shared_limits(limits)
    })
    .await;
    served(&report);
    assert_eq!(report.handles, SOURCES * each);
    assert_eq!((report.tally.admitted, report.tally.refused), (4800, 16_384 - 4800));
    grows_at_most(&report, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_cost_no_more_than_their_limit_and_others_are_served() {
    let _turn = TURN.lock().await;
    let report = lay(Attack::Deaf, 50).await;
    served(&report);
    assert_eq!(report.connections, 50);
    // Each has asked for 25 MiB.
    grows_at_most(&report, 50 * 2 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_binds_and_of_alter_contexts_cost_little_and_others_are_served() {
    let _turn = TURN.lock().await;
    for attack in [Attack::Binds, Attack::Alters] {
        let report = lay(attack, 32).await;
        served(&report);
        assert!(report.tally.admitted > 500, "{attack}: {:?}", report.tally);
        grows_at_most(&report, 16 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_with_too_many_connections_keeps_nobody_else_out() {
    let _turn = TURN.lock().await;
    let report = lay_with(Attack::Connects, 200, |builder| builder.max_connections(150, 100)).await;
    served(&report);
    assert!(report.connections <= 100 && report.tally.refused > 100, "{report:?}");
    grows_at_most(&report, 4 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "10,000 connections, which take the files of a large limit and a minute: cargo test -p msrpc-tests --test rpc_load -- --ignored"]
async fn ten_thousand_connections_cost_little_and_others_are_served() {
    let _turn = TURN.lock().await;
    for (attack, each) in [
        (Attack::Idle, 12 * KIB),
        (Attack::Silent, 12 * KIB),
        (Attack::DribbledRequests, 20 * KIB),
        (Attack::Logons, 20 * KIB),
    ] {
        let report = lay(attack, 10_000).await;
        served(&report);
        assert!(report.connections >= 10_000 && report.tally.refused == 0, "{attack}: {report:?}");
        grows_at_most(&report, 10_000 * each);
    }
}

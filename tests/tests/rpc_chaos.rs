//! Chaos between clients and a server of ours: see `msrpc_tests::rpc::chaos`. A quarter of a minute
//! each time; `cargo xtask soak rpc` takes ten minutes.
//!
//! `CHAOS_SEED` (`--seed`) runs a seed again; `CHAOS_SECONDS` (`--seconds`) takes longer. Tasks and memory are
//! those of the whole process, so there is but one test at a time.

use std::{env, sync::Mutex, time::Duration};

use msrpc_tests::rpc::chaos::{self, Plan, Tally};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static ALONE: Mutex<()> = Mutex::new(());

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn run(plan: Plan) -> Tally {
    let _alone = ALONE.lock();
    println!("CHAOS_SEED={} for {:?}", plan.seed, plan.time);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tally = runtime.block_on(chaos::run(plan, || ALLOCATOR.current_usage()));
    let tally = tally.unwrap_or_else(|error| {
        panic!("{error}\nagain: cargo xtask soak rpc --seed {} --seconds {}", plan.seed, plan.time.as_secs())
    });
    println!("{tally}");
    tally
}

#[test]
fn whatever_happens_on_the_way_calls_end_and_nothing_is_left() {
    let tally = run(Plan { seed: 20_261_122, time: Duration::from_secs(10), clients: 12 });
    assert!(tally.right > 100 && tally.failed > 10, "{tally}");
    assert!(tally.mischief.iter().all(|&times| times > 0), "{tally}");
}

#[test]
#[ignore = "ten minutes: cargo xtask soak rpc"]
fn chaos_for_long() {
    let seconds = number("CHAOS_SECONDS").unwrap_or(600);
    let seed = number("CHAOS_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_secs()
    });
    let tally = run(Plan { seed, time: Duration::from_secs(seconds), clients: 32 });
    assert!(tally.right > tally.wrong, "{tally}");
}

//! Attacks a server and prints what that costs it, and those who behave: the table in
//! `docs/performance.md`. See [`msrpc_tests::rpc::load`].
//!
//! ```text
//! load [--connections N] [--seconds N] [ATTACK...]
//! load attack ATTACK ADDRESS AMOUNT
//! ```
//!
//! The second form is the attackers' process, which the first starts. It goes on until its standard
//! input ends, and says when all of them are there, and in the end, how it went.

use std::{env, io, process::ExitCode, time::Duration};

use msrpc_tests::rpc::{
    load::{
        attack::{self, Attack},
        siege::{Report, Siege},
    },
    node::{Demands, Node},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const USAGE: &str = "usage: load [--connections N] [--seconds N] [ATTACK...], or load attack ATTACK ADDRESS AMOUNT";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("attack") => attack(arguments.get(1..).unwrap_or_default()),
        _ => table(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(_: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, USAGE)
}

/// The attackers' process.
#[tokio::main(flavor = "current_thread")]
async fn attack(arguments: &[String]) -> io::Result<()> {
    let [attack, target, amount] = arguments else { return Err(usage("")) };
    let attack = attack.parse().map_err(usage)?;
    let target = target.parse().map_err(usage)?;
    let amount = amount.parse().map_err(usage)?;
    let mut running = attack::begin(attack, target, amount).await?;
    println!("{}", serde_json::to_string(&running.tally())?);
    let ended = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        _ = ended => {}
        () = running.go_on() => {}
    }
    println!("{}", serde_json::to_string(&running.tally())?);
    Ok(())
}

#[tokio::main]
async fn table(arguments: &[String]) -> io::Result<()> {
    let (mut connections, mut seconds, mut attacks) = (10_000, 5, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).ok_or_else(|| usage(""));
        match argument.as_str() {
            "--connections" => connections = usize::try_from(number()?).map_err(usage)?,
            "--seconds" => seconds = number()?,
            name => attacks.push(name.parse::<Attack>().map_err(usage)?),
        }
    }
    if attacks.is_empty() {
        attacks.extend(Attack::ALL);
    }
    let siege = Siege {
        program: env::current_exe()?,
        heap: || ALLOCATOR.current_usage(),
        lasts: Duration::from_secs(seconds),
        calm: Duration::from_secs(2),
    };
    println!(
        "| attack | held | refused | heap | resident | each | before: p50, p99 | during: p50, p99, worst | back after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for attack in attacks {
        let node = Node::start(Demands::Nothing).await?;
        let amount = amount(attack, connections);
        print(&siege.lay(&node, attack, amount).await?);
        node.stop().await;
    }
    Ok(())
}

/// How much of it, where so many connections are held.
fn amount(attack: Attack, connections: usize) -> usize {
    match attack {
        Attack::Handles => 1 << 18,
        Attack::Deaf => connections / 10,
        Attack::Binds | Attack::Alters => 64,
        Attack::Connects => 2000,
        _ => connections,
    }
}

fn print(report: &Report) {
    let Report { attack, tally, connections, calls, handles, heap, resident, before, during, recovered, .. } = report;
    let held = match attack {
        Attack::Calls => *calls,
        Attack::Handles => *handles,
        _ => *connections,
    };
    let mebioctets = |octets: &usize| octets.div_ceil(1 << 20);
    println!(
        "| {attack} | {held} | {} | {} MiB | {} MiB | {} | {:?}, {:?} | {:?}, {:?}, {:?} | {} ms |",
        tally.refused,
        mebioctets(heap),
        mebioctets(resident),
        heap.checked_div(held).unwrap_or_default(),
        before.permille(500),
        before.permille(990),
        during.permille(500),
        during.permille(990),
        during.permille(1000),
        recovered.as_millis(),
    );
    for error in during.failed.iter().take(3) {
        println!("{} calls failed, as by: {error}", during.failed.len());
    }
}

//! Mutates stubs, PDUs, conversations and IDL for a given time, on a stable toolchain: see
//! [`msrpc_tests::fuzz`], [`msrpc_tests::rpc::fuzz`] and [`msrpc_tests::fuzz_idl`].
//!
//! ```text
//! fuzz [--seconds N] [--seed N] [--target NAME]
//! fuzz --record
//! ```
//!
//! Without a target the time is shared by all. `--record` writes the seeds in `fuzz/seeds` anew.

use std::{
    env, panic,
    process::ExitCode,
    time::{Duration, Instant},
};

use msrpc_ndr::reflect::Random;
use msrpc_tests::{
    fuzz::{self, Case, Outcome, Violation},
    fuzz_idl,
    rpc::fuzz::{self as rpc, Target},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const USAGE: &str = "usage: fuzz [--seconds N] [--seed N] [--target NAME], or fuzz --record";

/// The target of `fuzz`, beside those of `rpc::fuzz`.
const DECODE: &str = "decode";

/// The targets of `fuzz_idl`.
const IDL: [(&str, fuzz_idl::Target); 2] =
    [("parser", fuzz_idl::Target::Parser), ("compiler", fuzz_idl::Target::Compiler)];

fn main() -> ExitCode {
    let options = match Options::from_arguments(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    panic::set_hook(Box::new(|info| eprintln!("{info}")));
    match if options.record { record() } else { run(&options) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(violation) => {
            eprintln!("{violation}\nseed {}", options.seed);
            ExitCode::FAILURE
        }
    }
}

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    record: bool,
}

impl Options {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { seconds: 60, seed: seed_of_the_day(), target: None, record: false };
        while let Some(name) = arguments.next() {
            if name == "--record" {
                options.record = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
            let number = || value.parse().map_err(|_| format!("{name} {value}: not a number"));
            match name.as_str() {
                "--seconds" => options.seconds = number()?,
                "--seed" => options.seed = number()?,
                "--target" if targets().any(|target| target == value) => options.target = Some(value),
                "--target" => {
                    let known: Vec<_> = targets().collect();
                    return Err(format!("{value}: no such target; there are {}", known.join(", ")));
                }
                _ => return Err(format!("{name}: no such option")),
            }
        }
        Ok(options)
    }
}

fn targets() -> impl Iterator<Item = &'static str> {
    Target::ALL.into_iter().map(Target::name).chain([DECODE]).chain(IDL.map(|(name, _)| name))
}

fn record() -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(rpc::record()).map_err(|error| format!("fuzz/seeds: {error}"))
}

fn run(options: &Options) -> Result<(), String> {
    let wanted = |name: &str| options.target.as_deref().is_none_or(|target| target == name);
    let count = targets().filter(|name| wanted(name)).count();
    let each = Duration::from_secs(options.seconds) / u32::try_from(count.max(1)).unwrap_or(1);
    for target in Target::ALL.into_iter().filter(|target| wanted(target.name())) {
        run_rpc(target, each, options.seed)?;
    }
    if wanted(DECODE) {
        decode(each, options.seed).map_err(|violation| violation.to_string())?;
    }
    for (name, target) in IDL.into_iter().filter(|(name, _)| wanted(name)) {
        let (total, accepted) = fuzz_idl::run(target, each.as_secs().max(1), options.seed)?;
        println!("{name}: {total} mutants, {accepted} accepted; seed {}", options.seed);
    }
    Ok(())
}

/// The most memory that a case may take at a time, whatever it says: the buffers of a connection and
/// what its limits allow.
const CASE_MEMORY: usize = 4 << 20;

fn run_rpc(target: Target, time: Duration, seed: u64) -> Result<(), String> {
    let name = target.name();
    let mut corpus = rpc::seeds(target).map_err(|error| format!("fuzz/seeds/{name}: {error}"))?;
    println!("{name}: {} cases to begin with, {} seconds, seed {seed}", corpus.len(), time.as_secs());
    let mut random = Random::new(seed);
    let (mut total, mut reached, mut deepest, mut worst) = (0_u64, 0_u64, 0, 0);
    for case in &corpus {
        deepest = deepest.max(target.check(case)?);
    }
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..100 {
            let case = rpc::mutate(&corpus, &mut random);
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let depth = target.check(&case)?;
            let peak = ALLOCATOR.peak_usage().saturating_sub(before);
            if peak > CASE_MEMORY {
                let octets: String = case.iter().map(|octet| format!("{octet:02x}")).collect();
                return Err(format!("{name}: {peak} octets of memory\n{octets}"));
            }
            worst = worst.max(peak);
            total += 1;
            reached += u64::from(depth > 0);
            // What comes further than anything before is mutated further.
            if depth > deepest {
                deepest = depth;
                corpus.push(case);
            }
        }
    }
    println!(
        "{name}: {total} mutants, {reached} came through, {deepest} steps at most; at most {worst} octets of memory"
    );
    Ok(())
}

/// Another seed each time; it is printed.
fn seed_of_the_day() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_secs())
}

fn decode(time: Duration, seed: u64) -> Result<(), Violation> {
    let corpus = fuzz::corpus(4);
    println!("decode: {} stubs to begin with, {} seconds, seed {seed}", corpus.len(), time.as_secs());
    let mut random = Random::new(seed);
    let end = Instant::now() + time;
    let (mut accepted, mut total, mut worst) = (0_u64, 0_u64, 0.0_f64);
    for case in &corpus {
        worst = worst.max(check(case)?.1);
    }
    while Instant::now() < end {
        for _ in 0..1000 {
            let (outcome, factor) = check(&fuzz::mutate(&corpus, &mut random))?;
            accepted += u64::from(outcome == Outcome::Accepted);
            total += 1;
            worst = worst.max(factor);
        }
    }
    println!("decode: {total} mutants, {accepted} accepted; at most {worst:.1} octets of memory per octet of stub");
    Ok(())
}

/// Checks a case and the memory that it takes: the outcome, and octets of memory per octet of stub.
fn check(case: &Case) -> Result<(Outcome, f64), Violation> {
    let outcome = case.check()?;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    case.only_decode();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    if peak > fuzz::memory_limit(case.stub.len()) {
        return Err(Violation { what: format!("{peak} octets of memory"), case: Box::new(case.clone()) });
    }
    let beyond = u32::try_from(peak.saturating_sub(fuzz::memory_limit(0))).unwrap_or(u32::MAX);
    let stub = u32::try_from(case.stub.len().max(1)).unwrap_or(u32::MAX);
    Ok((outcome, f64::from(beyond) / f64::from(stub)))
}

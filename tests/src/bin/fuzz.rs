//! Mutates stubs for a given time, on a stable toolchain: see [`msrpc_tests::fuzz`].
//!
//! ```text
//! fuzz [--seconds N] [--seed N] [--target decode]
//! ```

use std::{
    env, panic,
    process::ExitCode,
    time::{Duration, Instant},
};

use msrpc_ndr::reflect::Random;
use msrpc_tests::fuzz::{self, Case, Outcome, Violation};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    let options = match Options::from_arguments(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\nusage: fuzz [--seconds N] [--seed N] [--target decode]");
            return ExitCode::from(2);
        }
    };
    panic::set_hook(Box::new(|info| eprintln!("{info}")));
    match run(&options) {
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
}

impl Options {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { seconds: 60, seed: seed_of_the_day() };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
            let number = || value.parse().map_err(|_| format!("{name} {value}: not a number"));
            match name.as_str() {
                "--seconds" => options.seconds = number()?,
                "--seed" => options.seed = number()?,
                "--target" if value == "decode" => {}
                "--target" => return Err(format!("{value}: no such target; there is `decode`")),
                _ => return Err(format!("{name}: no such option")),
            }
        }
        Ok(options)
    }
}

/// Another seed each time; it is printed.
fn seed_of_the_day() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_secs())
}

fn run(options: &Options) -> Result<(), Violation> {
    let corpus = fuzz::corpus(4);
    println!("decode: {} stubs to begin with, {} seconds, seed {}", corpus.len(), options.seconds, options.seed);
    let mut random = Random::new(options.seed);
    let end = Instant::now() + Duration::from_secs(options.seconds);
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

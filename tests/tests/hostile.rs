//! Hostile stubs, a few seconds of them and always the same ones. `cargo xtask fuzz` goes on.
//!
//! A program of its own, because it counts allocations.

use std::time::{Duration, Instant};

use msrpc_ndr::{Encoding, reflect::Random};
use msrpc_tests::fuzz::{self, Case, Outcome};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn check(case: &Case) -> Outcome {
    case.check().unwrap_or_else(|violation| panic!("{violation}"))
}

fn check_memory(case: &Case) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    case.only_decode();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(peak <= fuzz::memory_limit(case.stub.len()), "{peak} octets of memory\n{case}");
}

/// One test, because the memory of tests that run at the same time cannot be told apart.
#[test]
fn hostile_stubs_do_no_harm() {
    let committed = fuzz::committed();
    assert!(committed.len() > 1500, "{} stubs", committed.len());
    committed.iter().for_each(cut_everywhere);
    committed.iter().for_each(lie_everywhere);
    arbitrary_octets();
    mutants();
}

/// Too few octets are refused wherever they end.
fn cut_everywhere(whole: &Case) {
    assert_eq!(check(whole), Outcome::Accepted, "{whole}");
    let mut case = whole.clone();
    while case.stub.pop().is_some() {
        assert_eq!(check(&case), Outcome::Refused, "{case}");
    }
}

/// Every word is replaced by numbers that a count, a referent or a discriminant must not be.
fn lie_everywhere(whole: &Case) {
    let size = if whole.encoding == Encoding::NDR64 { 8 } else { 4 };
    for at in (0..whole.stub.len().saturating_sub(size - 1)).step_by(size) {
        for lie in [u64::MAX, 0x7fff_ffff, 0x7fff_ffff_ffff_ffff, 0x0001_0001] {
            let octets = if whole.encoding == Encoding::NDR_BIG { lie.swap_bytes() } else { lie }.to_le_bytes();
            let mut case = whole.clone();
            let octets = if whole.encoding == Encoding::NDR_BIG { &octets[8 - size..] } else { &octets[..size] };
            case.stub[at..at + size].copy_from_slice(octets);
            check(&case);
            check_memory(&case);
        }
    }
}

fn arbitrary_octets() {
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let len = random.below(200);
        let octets: Vec<u8> = (0..len).map(|_| random.u64().to_le_bytes()[0]).collect();
        if let Some(case) = Case::from_octets(&octets) {
            check(&case);
            check_memory(&case);
        }
    }
}

fn mutants() {
    let corpus = fuzz::corpus(1);
    let mut random = Random::new(2);
    let (end, mut accepted) = (Instant::now() + Duration::from_secs(5), 0);
    // As many as a debug build manages in about two seconds; slow machines may do fewer.
    for number in 0..40_000 {
        if number % 1000 == 0 && Instant::now() > end {
            break;
        }
        let case = fuzz::mutate(&corpus, &mut random);
        accepted += u32::from(check(&case) == Outcome::Accepted);
        check_memory(&case);
    }
    assert!(accepted > 100, "{accepted} mutants were accepted");
}

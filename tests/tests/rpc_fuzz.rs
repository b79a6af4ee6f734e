//! A little of what `cargo xtask fuzz` does to the runtime, always the same. A few seconds.

use msrpc_ndr::reflect::Random;
use msrpc_tests::rpc::fuzz::{self, Target};

/// Mutants of each target.
const MUTANTS: usize = 1000;

#[test]
fn whatever_comes_is_answered_or_refused() {
    for target in Target::ALL {
        let corpus = fuzz::seeds(target).unwrap();
        // Recorded logins are no good a second time; the other conversations come to calls.
        let reach = |case: &Vec<u8>| target.check(case).unwrap_or_else(|violation| panic!("{violation}"));
        let reached = corpus.iter().filter(|case| reach(case) > 0).count();
        assert!(4 * reached >= corpus.len(), "{}: {reached} of {} come to something", target.name(), corpus.len());
        let mut random = Random::new(7);
        let mut through = 0;
        for _ in 0..MUTANTS {
            let case = fuzz::mutate(&corpus, &mut random);
            through += usize::from(target.check(&case).unwrap_or_else(|violation| panic!("{violation}")) > 0);
        }
        assert!(through > MUTANTS / 50, "{}: {through} mutants come through", target.name());
    }
}

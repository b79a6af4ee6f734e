//! Every operation of every interface in every encoding: the first four octets say which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::fuzz::Case;

fuzz_target!(|octets: &[u8]| {
    if let Some(Err(violation)) = Case::from_octets(octets).map(|case| case.check()) {
        panic!("{violation}");
    }
});

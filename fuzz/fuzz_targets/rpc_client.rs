//! A client's association against a hostile server.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::rpc::fuzz::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Client.check(octets) {
        panic!("{violation}");
    }
});

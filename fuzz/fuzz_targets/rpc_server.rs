//! A server's association, before any login.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::rpc::fuzz::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Server.check(octets) {
        panic!("{violation}");
    }
});

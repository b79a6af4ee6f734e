//! A server's association behind a login: PDUs that are protected as they should be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::rpc::fuzz::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Authenticated.check(octets) {
        panic!("{violation}");
    }
});

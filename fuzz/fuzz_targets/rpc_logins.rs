//! A server's association while clients log in: several security contexts, legs in any order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::rpc::fuzz::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Logins.check(octets) {
        panic!("{violation}");
    }
});

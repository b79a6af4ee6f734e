//! The whole compiler: what it generates, if it generates anything, must be Rust.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::fuzz_idl::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Compiler.check(octets) {
        panic!("{violation}");
    }
});

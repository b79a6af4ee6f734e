//! The preprocessor and the parser: no input may panic or hang.

#![no_main]

use libfuzzer_sys::fuzz_target;
use msrpc_tests::fuzz_idl::Target;

fuzz_target!(|octets: &[u8]| {
    if let Err(violation) = Target::Parser.check(octets) {
        panic!("{violation}");
    }
});

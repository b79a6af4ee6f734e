//! How long it takes to protect a PDU and to verify it again:
//! `cargo test --release -p msrpc --test auth_speed -- --ignored --nocapture`.

mod auth_support;

use std::time::Instant;

use auth_support::*;
use msrpc::auth::PduParts;
use msrpc_ndr::AuthLevel;

#[test]
#[ignore = "a measurement"]
fn protect_and_unprotect() {
    const ROUNDS: u32 = 10_000;
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        for length in [16, 112, 1024, 5840] {
            let (mut client, mut server) = established(Kind::Spnego, level);
            let (header, mut stub, trailer, mut token) = ([1; 24], vec![2; length], [3; 8], [0; 16]);
            let mut round = || {
                let start = Instant::now();
                for _ in 0..ROUNDS {
                    let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
                    client.protect(level, parts, &mut token).unwrap();
                    let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
                    server.unprotect(level, parts, &token).unwrap();
                }
                start.elapsed() / ROUNDS
            };
            let mut samples: Vec<_> = (0..9).map(|_| round()).collect();
            samples.sort_unstable();
            println!("{level:?}, {length:>4} octets: {:?} for both", samples[4]);
        }
    }
}

//! How long it takes to protect a PDU and to verify it again:
//! `cargo test --release -p msrpc --test auth_speed -- --ignored --nocapture`.

mod auth_support;

use auth_support::*;
use msrpc_ndr::AuthLevel;

#[test]
#[ignore = "a measurement"]
fn protect_and_unprotect() {
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        for length in [16, 112, 1024, 5840] {
            let (mut client, mut server) = established(Kind::Spnego, level);
            let time = time_of(client.as_mut(), server.as_mut(), level, length);
            println!("{level:?}, {length:>4} octets: {time:?} for both");
        }
    }
}

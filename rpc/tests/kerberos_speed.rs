//! How long Kerberos takes to protect a PDU and to verify it again:
//! `cargo test --release -p msrpc --test kerberos_speed -- --ignored --nocapture`.

mod auth_support;
mod kerberos_support;

use auth_support::{Kind, time_of};
use kerberos_support::{Realm, ends::established};
use msrpc_ndr::AuthLevel;

#[test]
#[ignore = "a measurement"]
fn protect_and_unprotect() {
    let Some(realm) = Realm::enter_ignored("protect_and_unprotect", "") else { return };
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        for length in [16, 112, 1024, 5840] {
            let (mut client, mut server) = established(&realm, Kind::Raw, level);
            client.set_header_signing(true);
            server.set_header_signing(true);
            let time = time_of(client.as_mut(), server.as_mut(), level, length);
            println!("{level:?}, {length:>4} octets: {time:?} for both");
        }
    }
}

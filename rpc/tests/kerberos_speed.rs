//! How long Kerberos takes to protect a PDU and to verify it again:
//! `cargo test --release -p msrpc --test kerberos_speed -- --ignored --nocapture`.

mod auth_support;
mod kerberos_support;

use std::time::Instant;

use auth_support::handshake;
use kerberos_support::{PASSWORD, Realm};
use msrpc::auth::{
    PduParts, SecurityContext,
    kerberos::{KerberosAcceptor, KerberosClient, KerberosCredentials, KerberosServer, KerberosServerConfig},
};
use msrpc_ndr::AuthLevel;

#[test]
#[ignore = "a measurement"]
fn protect_and_unprotect() {
    const ROUNDS: u32 = 2_000;
    let Some(realm) = Realm::enter_ignored("protect_and_unprotect", "") else { return };
    let acceptor = KerberosAcceptor::new(&KerberosServerConfig::keytab(realm.keytab("node1"))).unwrap();
    let user = KerberosCredentials::password("user", PASSWORD);
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        for length in [16, 112, 1024, 5840] {
            let mut client = KerberosClient::new(user.clone(), "host/node1.mit.test", level);
            let mut server = KerberosServer::new(acceptor.clone(), level);
            handshake(&mut client, &mut server).unwrap();
            client.set_header_signing(true);
            server.set_header_signing(true);
            let (header, mut stub, trailer) = ([1; 24], vec![2; length], [3; 8]);
            let mut token = vec![0; client.token_len(level, length)];
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

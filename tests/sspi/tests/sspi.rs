//! The crate `sspi` at the other end: its client in NTLM and in SPNEGO against our server, over TCP,
//! and our client in NTLM against its acceptor.
//!
//! Its acceptor does not check the proof of a password, so what that one accepts proves octets only;
//! and its SPNEGO acceptor wants a state in each answer, which Samba leaves out as we do, so SPNEGO is
//! tried in one direction.
#![allow(missing_docs)]

mod peer;

use std::time::Duration;

use bytes::Bytes;
use msrpc::{
    auth::{
        PduParts, SecurityContext,
        ntlm::{NtlmClient, NtlmCredentials},
    },
    binding::StringBinding,
    client::{BoundChannel, ClientBuilder, ConnectError},
    server::Server,
};
use msrpc_ndr::{AuthLevel, Body, BoxFuture, Call, Channel as _, Fault, Interface, Service, Uuid};
use peer::{Provider, Theirs};

const USER: &str = "root";
const PASSWORD: &str = "Passw0rd";
const PROVIDERS: [Provider; 2] = [Provider::Ntlm, Provider::Spnego];
const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

static ECHO: Interface = Interface::new("echo", Uuid::from_u128(0x6bffd098_a112_3610_9833_46c3f87e3450), (1, 0));

/// Says who calls and how, and gives back what it was given.
struct Echo;

impl Service for Echo {
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async move {
            let caller = call.caller();
            let mut answer = format!("{:?} {:?} ", caller.user, caller.auth_level).into_bytes();
            answer.extend_from_slice(&request.collect(1 << 20).await.map_err(|_| Fault::OP_RANGE)?);
            Ok(Bytes::from(answer).into())
        })
    }
}

async fn serve() -> (Server, StringBinding) {
    let builder = Server::builder().computer_name("NODE1").service(Echo).account(USER, PASSWORD);
    let server = builder.listen_tcp("127.0.0.1:0").await.unwrap().start().unwrap();
    let port = server.tcp_addresses()[0].port();
    (server, StringBinding::tcp("127.0.0.1", port))
}

async fn log_on(
    binding: &StringBinding,
    (provider, level): (Provider, AuthLevel),
    user: &'static str,
    password: &'static str,
) -> Result<BoundChannel, ConnectError> {
    let builder = ClientBuilder::new(binding.clone()).level(level).call_timeout(Duration::from_secs(20));
    let builder = builder.authenticate(move |level| Box::new(Theirs::client(provider, level, user, password)));
    builder.connect(&ECHO).await
}

fn everything() -> impl Iterator<Item = (Provider, AuthLevel)> {
    PROVIDERS.into_iter().flat_map(|provider| LEVELS.map(|level| (provider, level)))
}

#[tokio::test]
async fn their_client_calls_our_server_at_every_level() {
    let (server, binding) = serve().await;
    for (provider, level) in everything() {
        let what = format!("{provider:?} at {level:?}");
        let channel = log_on(&binding, (provider, level), USER, PASSWORD).await;
        let channel = channel.unwrap_or_else(|error| panic!("{what}: {error}"));
        for len in [0, 1, 15, 16, 5000, 30_000] {
            let stub: Vec<u8> = (0_u8..251).cycle().take(len).collect();
            let reply = channel.call(0, Bytes::from(stub.clone()).into()).await;
            let reply = reply.unwrap_or_else(|error| panic!("{what}, {len} octets: {error}"));
            let answer = reply.body.collect(usize::MAX).await.unwrap_or_else(|error| panic!("{what}, {len}: {error}"));
            let expected = [format!("Some(\"root\") {level:?} ").as_bytes(), &stub].concat();
            assert!(answer == expected, "{what}, {len} octets");
        }
    }
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn their_client_is_refused_with_a_wrong_password_or_name() {
    let (server, binding) = serve().await;
    for (provider, level) in everything() {
        for (user, password) in [(USER, "passw0rd"), (USER, ""), ("nobody", PASSWORD), ("Guest", "")] {
            let what = format!("{provider:?} at {level:?} as {user} with {password:?}");
            // A third leg without answer: the refusal comes with the first call then.
            if let Ok(channel) = log_on(&binding, (provider, level), user, password).await {
                let reply = channel.call(0, Body::empty()).await;
                assert!(reply.is_err(), "{what}");
            }
        }
    }
    server.shutdown(Duration::from_secs(5)).await;
}

const HEADER: [u8; 24] = [5, 0, 0, 3, 16, 0, 0, 0, 60, 1, 16, 0, 1, 0, 0, 0, 208, 0, 0, 0, 0, 0, 0, 0];
const TRAILER: [u8; 8] = [10, 6, 8, 0, 0, 0, 0, 0];

/// A PDU that one end protects and the other takes.
fn carry(from: &mut dyn SecurityContext, to: &mut dyn SecurityContext, level: AuthLevel, plain: &[u8]) {
    let (mut stub, mut token) = (plain.to_vec(), [0; 16]);
    from.protect(level, PduParts { header: &HEADER, stub: &mut stub, trailer: &TRAILER }, &mut token).unwrap();
    assert_eq!(stub != plain, level == AuthLevel::Privacy);
    to.unprotect(level, PduParts { header: &HEADER, stub: &mut stub, trailer: &TRAILER }, &token).unwrap();
    assert_eq!(stub, plain);
}

#[test]
fn our_client_and_their_acceptor_agree_on_keys_and_octets() {
    for level in [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
        let mut theirs = Theirs::acceptor(USER, PASSWORD);
        let mut ours = NtlmClient::new(NtlmCredentials::new("", USER, PASSWORD), level);
        let negotiate = ours.step(&[]).unwrap().token.unwrap();
        let challenge = theirs.step(&negotiate).unwrap().token.unwrap();
        let last = ours.step(&challenge).unwrap();
        assert!(last.done);
        theirs.step(&last.token.unwrap()).unwrap();
        for round in 0..5_u8 {
            let plain: Vec<u8> = (0..64).map(|at| at ^ round).collect();
            carry(&mut ours, &mut theirs, level, &plain);
            carry(&mut theirs, &mut ours, level, &plain);
        }
        let key = theirs.session_key().unwrap();
        assert_eq!(ours.session_key().unwrap().as_bytes(), key.as_bytes(), "{level:?}");
    }
}

//! Calls per second on one connection beside a bare ping-pong of the same sizes. A measurement, not
//! a check: `cargo test --release --test assoc_speed -- --ignored --nocapture`.
#![allow(missing_docs)]

mod assoc;

use std::time::{Duration, Instant};

use assoc::service::{ECHO, OPEN_INTERFACE, Shared, Tester};
use bytes::Bytes;
use msrpc::{
    auth::ntlm::{NtlmClient, NtlmCredentials},
    binding::StringBinding,
    client::{BoundChannel, ClientBuilder},
    server::Server,
};
use msrpc_ndr::{AuthLevel, Channel};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ROUND: Duration = Duration::from_millis(300);

async fn ping_pong(stream: &mut TcpStream, len: usize) -> f64 {
    let mut buffer = vec![7; len];
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < ROUND {
        stream.write_all(&buffer).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

async fn calls(channel: &BoundChannel, stub: &Bytes) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < ROUND {
        channel.call(ECHO, stub.clone().into()).await.unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn measure(stub_len: usize) {
    let server = Server::builder()
        .service(Shared(Tester::new(&OPEN_INTERFACE)))
        .account("root", "Passw0rd")
        .listen("ncacn_ip_tcp:127.0.0.1")
        .await
        .unwrap()
        .start()
        .unwrap();
    let builder = ClientBuilder::new(StringBinding::tcp("127.0.0.1", server.tcp_addresses()[0].port()));
    let plain = builder.connect(&OPEN_INTERFACE).await.unwrap();
    let sealed = builder
        .level(AuthLevel::Privacy)
        .authenticate(|level| Box::new(NtlmClient::new(NtlmCredentials::new("", "root", "Passw0rd"), level)))
        .connect(&OPEN_INTERFACE)
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bare = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    bare.set_nodelay(true).unwrap();
    peer.set_nodelay(true).unwrap();
    let len = stub_len + 24;
    tokio::spawn(async move {
        let mut buffer = vec![0; len];
        while peer.read_exact(&mut buffer).await.is_ok() {
            peer.write_all(&buffer).await.unwrap();
        }
    });
    let stub = Bytes::from(vec![3; stub_len]);
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..9 {
        a.push(ping_pong(&mut bare, len).await);
        b.push(calls(&plain, &stub).await);
        c.push(calls(&sealed, &stub).await);
    }
    let (bare, plain, sealed) = (median(a), median(b), median(c));
    println!(
        "{stub_len} octets: bare {bare:.0}/s, calls {plain:.0}/s ({:.0} %), sealed {sealed:.0}/s ({:.0} %)",
        100.0 * plain / bare,
        100.0 * sealed / bare
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn one_by_one_on_two_threads() {
    for len in [16, 1024, 5000] {
        measure(len).await;
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn one_by_one_on_one_thread() {
    for len in [16, 1024, 5000] {
        measure(len).await;
    }
}

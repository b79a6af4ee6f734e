//! How fast calls over pipes are: `cargo test --release --features smb --test pipe_speed -- --ignored --nocapture`.
#![cfg(all(unix, feature = "smb"))]

mod pipe_support;

use std::time::Instant;

use bytes::Bytes;
use msrpc::{
    server::Server,
    transport::np::{PipeListener, PipeTrust},
};
use msrpc_ndr::{AuthLevel, Interface};
use pipe_support::{
    call, client,
    service::{Callers, ECHO, Echo, SRVSVC},
    smbd::{PASSWORD, Smbd},
};

const CALLS: u32 = 2000;

async fn rate(smbd: &Smbd, interface: &'static Interface, opnum: u16, flags: &str) -> f64 {
    let binding = format!("ncacn_np:127.0.0.1[{},smb_port={}{flags}]", interface.name, smbd.port);
    let channel = client(&binding, "root", PASSWORD).level(AuthLevel::None).connect(interface).await.unwrap();
    let start = Instant::now();
    for _ in 0..CALLS {
        // NetrRemoteTOD takes a NULL name.
        call(&channel, opnum, Bytes::from_static(&[0; 48])).await;
    }
    f64::from(CALLS) / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn calls_over_a_pipe() {
    let Some(smbd) = Smbd::start("", "") else { return };
    let listener = PipeListener::bind(smbd.ncalrpc(), "echo", PipeTrust::default()).unwrap();
    let _server = Server::builder().service(Echo(Callers::default())).listen_pipe(listener).start().unwrap();
    for flags in ["", ",smb_encrypt"] {
        let mut rates = [(); 5].map(|()| (0.0, 0.0));
        for (ours, samba) in &mut rates {
            *ours = rate(&smbd, &ECHO, 0, flags).await;
            *samba = rate(&smbd, &SRVSVC, 28, flags).await;
        }
        let median = |pick: fn(&(f64, f64)) -> f64| {
            let mut rates = rates.each_ref().map(pick);
            rates.sort_by(f64::total_cmp);
            rates[2]
        };
        println!(
            "{:14} ours behind smbd {:6.0} calls/s, Samba's srvsvc {:6.0} calls/s",
            if flags.is_empty() { "signed" } else { "encrypted" },
            median(|rates| rates.0),
            median(|rates| rates.1),
        );
    }
}

//! A client written by hand: asks an endpoint mapper for its entries (`ept_lookup`), or srvsvc for
//! the time of day (`NetrRemoteTOD`).
//!
//! `cargo run --example plain_client -- lookup 'ncacn_ip_tcp:127.0.0.1[135]'`
//! The options `max_frag=1432` and `surplus=20000` make fragments of both directions.
//!
//! `cargo run --example plain_client -- time 'ncacn_ip_tcp:127.0.0.1[49153,seal]' USER PASSWORD`

use std::time::Instant;

use bytes::Bytes;
use msrpc::{binding::StringBinding, client::ClientBuilder};
use msrpc_ndr::{Body, Channel, Interface};
use uuid::uuid;

static EPMAPPER: Interface = Interface::new("epmapper", uuid!("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), (3, 0));
static SRVSVC: Interface = Interface::new("srvsvc", uuid!("4b324fc8-1670-01d3-1278-5a47bf6ee188"), (3, 0));

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, binding, credentials @ ..] = arguments.as_slice() else {
        return Err("lookup|time BINDING [USER PASSWORD]".into());
    };
    let binding: StringBinding = binding.parse()?;
    let max_frag = binding.option("max_frag").map_or(Ok(5840), str::parse)?;
    let surplus: usize = binding.option("surplus").map_or(Ok(0), str::parse)?;
    let mut builder = ClientBuilder::new(binding).configure(|config| config.max_frag = max_frag);
    if let [user, password] = credentials {
        builder = builder.credentials(user, password);
    }
    let (interface, opnum) = if what == "lookup" { (&EPMAPPER, 2) } else { (&SRVSVC, 28) };
    let channel = builder.connect(interface).await?;
    let big = channel.encoding().is_big();
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut request = if what == "lookup" {
        let mut stub = Vec::new();
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 500].into_iter().for_each(|field| stub.extend_from_slice(&word(field)));
        stub
    } else {
        vec![0; 8]
    };
    request.resize(request.len() + surplus, 0);
    let request = Bytes::from(request);
    let response = channel.call(opnum, request.clone().into()).await?.body.collect(1 << 24).await?;
    channel.connection().inspect(|association| {
        println!(
            "{:?}, {} octets, group {:#x}, fragments {}, header signing {}, multiplexed {}, {:?}",
            channel.encoding(),
            response.len(),
            association.group(),
            association.max_xmit_frag(),
            association.signs_headers(),
            association.is_multiplexed(),
            association.features(),
        );
    });
    println!("{:02x?}", response.get(..64.min(response.len())).unwrap_or_default());
    let before = Instant::now();
    let calls = 2000;
    for _ in 0..calls {
        channel.call(opnum, Body::from(request.clone())).await?.body.collect(1 << 24).await?;
    }
    println!("{:.0} calls/s one by one", f64::from(calls) / before.elapsed().as_secs_f64());
    Ok(())
}

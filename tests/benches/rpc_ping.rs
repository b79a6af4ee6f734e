//! Synchronous calls per second on one connection: `NetrRemoteTOD` of our server, of Samba's, and
//! a bare TCP ping-pong of the same sizes, which is the limit. All by the same client, in turns.
//!
//! `cargo bench --bench rpc_ping -- [--rounds 31] [--millis 60]` prints a table, and behind it the
//! same as lines of JSON.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use msrpc::{
    binding::{BindingOption, StringBinding},
    client::BoundChannel,
};
use msrpc_ndr::AuthLevel;
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::srvsvc::srvsvc,
    node::{Demands, Node, PASSWORD, USER},
    proxy::{Proxy, REQUEST, RESPONSE},
    samba::Samba,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const SECURITIES: [(&str, Security); 3] = [
    ("none", None),
    ("sign", Some((Provider::Ntlm, AuthLevel::Integrity))),
    ("seal", Some((Provider::Ntlm, AuthLevel::Privacy))),
];

/// Octets of a request and of a response.
#[derive(Clone, Copy, Default)]
struct Sizes {
    request: usize,
    response: usize,
}

/// Who answers.
enum Peer {
    Bare(TcpStream),
    Rpc(srvsvc::Client<BoundChannel>),
}

struct Contender {
    peer: &'static str,
    security: &'static str,
    sizes: Sizes,
    connection: Peer,
    /// Calls per second in each round.
    rounds: Vec<f64>,
}

fn main() -> io::Result<()> {
    let (rounds, millis) = (argument("--rounds", 31), argument("--millis", 60));
    let runtime = runtime()?;
    let samba = if std::env::var_os("MSRPC_PEERS").is_some_and(|value| value == "skip") {
        None
    } else {
        Samba::start().inspect_err(|error| println!("Samba is not measured: {error}")).ok()
    };
    let node = serve_node()?;
    let mut contenders = Vec::new();
    for (name, security) in SECURITIES {
        let sizes = runtime.block_on(measure(node, security))?;
        let mut add = |peer, connection| {
            contenders.push(Contender { peer, security: name, sizes, connection, rounds: Vec::new() });
        };
        add("tcp", Peer::Bare(runtime.block_on(bare(sizes))?));
        let ours = StringBinding::tcp("127.0.0.1", node.port());
        add("msrpc", Peer::Rpc(runtime.block_on(connect(ours, security))?));
        if let Some(samba) = &samba {
            add("samba", Peer::Rpc(runtime.block_on(connect(samba.host(), security))?));
        }
    }
    for round in 0..=rounds {
        for contender in &mut contenders {
            let rate = runtime.block_on(contender.run(Duration::from_millis(millis)))?;
            // The first round warms up.
            if round > 0 {
                contender.rounds.push(rate);
            }
        }
    }
    report(&contenders);
    Ok(())
}

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A server on a thread of its own, as it would be in a process of its own. It ends with the
/// process.
fn serve<F>(start: impl FnOnce() -> F + Send + 'static) -> io::Result<SocketAddr>
where
    F: Future<Output = io::Result<(SocketAddr, Box<dyn Future<Output = ()> + Unpin>)>>,
{
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let served = runtime().and_then(|runtime| {
            runtime.block_on(async {
                let (address, serving) = start().await?;
                let _ = sender.send(Ok(address));
                serving.await;
                Ok(())
            })
        });
        if let Err(error) = served {
            let _ = sender.send(Err(error));
        }
    });
    receiver.recv().map_err(io::Error::other)?
}

fn serve_node() -> io::Result<SocketAddr> {
    serve(|| async {
        let node = Node::start(Demands::Nothing).await?;
        let address = node.address();
        let serving = Box::pin(async move {
            let _node = node;
            std::future::pending().await
        });
        Ok((address, Box::new(serving) as _))
    })
}

/// A connection to a server that reads requests of a size and writes responses of another.
async fn bare(sizes: Sizes) -> io::Result<TcpStream> {
    let address = serve(move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = Box::pin(async move {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let (mut request, response) = (vec![0; sizes.request], vec![0; sizes.response]);
            let _ = stream.set_nodelay(true);
            while stream.read_exact(&mut request).await.is_ok() && stream.write_all(&response).await.is_ok() {}
        });
        Ok((address, Box::new(serving) as _))
    })?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Always in NDR: Samba has no NDR64.
async fn connect(mut binding: StringBinding, security: Security) -> io::Result<srvsvc::Client<BoundChannel>> {
    binding.options.push(BindingOption { name: "ndr32".to_owned(), value: None });
    let channel = client::to(binding, security, USER, PASSWORD).connect(&srvsvc::INTERFACE).await;
    Ok(srvsvc::Client::new(channel.map_err(io::Error::other)?))
}

/// The sizes of the PDUs of a call; not of the first one, which has a verification trailer.
async fn measure(node: SocketAddr, security: Security) -> io::Result<Sizes> {
    let proxy = Proxy::recording(node).await?;
    let client = connect(StringBinding::tcp("127.0.0.1", proxy.address().port()), security).await?;
    for _ in 0..2 {
        client.netr_remote_tod(None).await.map_err(io::Error::other)?;
    }
    let mut sizes = Sizes::default();
    for pdu in proxy.recorded() {
        match pdu.kind() {
            REQUEST => sizes.request = pdu.octets.len(),
            RESPONSE => sizes.response = pdu.octets.len(),
            _ => {}
        }
    }
    Ok(sizes)
}

impl Contender {
    /// Calls for so long. How many calls there were per second.
    async fn run(&mut self, time: Duration) -> io::Result<f64> {
        let (request, mut response) = (vec![0; self.sizes.request], vec![0; self.sizes.response]);
        let start = Instant::now();
        let mut calls = 0_u32;
        while start.elapsed() < time {
            for _ in 0..50 {
                match &mut self.connection {
                    Peer::Bare(stream) => {
                        stream.write_all(&request).await?;
                        stream.read_exact(&mut response).await?;
                    }
                    Peer::Rpc(client) => {
                        client.netr_remote_tod(None).await.map_err(io::Error::other)?;
                    }
                }
            }
            calls += 50;
        }
        Ok(f64::from(calls) / start.elapsed().as_secs_f64())
    }

    fn rate(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// How many times as fast it is as another: round by round, because what else the machine does
    /// changes from one to the next.
    fn ratio(&self, other: Option<&Self>) -> f64 {
        let rounds = self.rounds.iter().zip(other.into_iter().flat_map(|other| &other.rounds));
        median(rounds.map(|(own, other)| own / other).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn report(contenders: &[Contender]) {
    let of = |peer: &str, security: &str| contenders.iter().find(|one| one.peer == peer && one.security == security);
    println!("Calls of NetrRemoteTOD per second on one connection, one at a time (medians)\n");
    println!("  security  octets   TCP alone    msrpc  of TCP    Samba  msrpc/Samba  µs per call");
    for (security, _) in SECURITIES {
        let (tcp, samba) = (of("tcp", security), of("samba", security));
        let Some(ours) = of("msrpc", security) else { continue };
        let rate = |contender: Option<&Contender>| contender.map_or(f64::NAN, Contender::rate);
        println!(
            "  {security:<8}  {:>3}/{:<3}  {:>9.0}  {:>7.0}  {:>5.0}%  {:>7.0}  {:>11.2}  {:>11.1}",
            ours.sizes.request,
            ours.sizes.response,
            rate(tcp),
            ours.rate(),
            100.0 * ours.ratio(tcp),
            rate(samba),
            ours.ratio(samba),
            1e6 / ours.rate(),
        );
    }
    println!();
    for contender in contenders {
        let line = json!({
            "bench": "rpc_ping",
            "peer": contender.peer,
            "security": contender.security,
            "request": contender.sizes.request,
            "response": contender.sizes.response,
            "calls_per_second": contender.rate().round(),
            "of_tcp": contender.ratio(of("tcp", contender.security)),
        });
        println!("{line}");
    }
}

//! A server under attack, and a client that behaves.

use std::{
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use msrpc::association::quota::Resource;
use msrpc_ndr::Bytes;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    runtime::Handle,
    task::JoinHandle,
};

use super::attack::{Attack, Tally};
use crate::rpc::{client, interfaces::trial::trial, node::Node};

/// How often it is looked what the server uses.
const SAMPLE: Duration = Duration::from_millis(20);

/// What attacks are measured with.
#[derive(Clone, Debug)]
pub struct Siege {
    /// The program that attacks: `load`.
    pub program: PathBuf,
    /// Octets on this process's heap.
    pub heap: fn() -> usize,
    /// How long attacks go on once they are there.
    pub lasts: Duration,
    /// How long the client that behaves is measured without attack.
    pub calm: Duration,
}

/// How the calls of the client that behaves went, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    sorted: Vec<Duration>,
    /// Calls that failed; there should be none.
    pub failed: Vec<String>,
}

impl Latencies {
    /// The number of calls that were answered.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.sorted.len()
    }

    /// What so many of a thousand calls stay below.
    #[must_use]
    pub fn permille(&self, permille: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get(last * permille / 1000).copied().unwrap_or_default()
    }
}

/// How an attack went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The attack.
    pub attack: Attack,
    /// What the server let through, and what it refused.
    pub tally: Tally,
    /// Connections while it lasted, the most seen.
    pub connections: usize,
    /// Calls that ran while it lasted, the most seen.
    pub calls: usize,
    /// Handles that were open, the most seen.
    pub handles: usize,
    /// Octets by which the heap grew, the most seen.
    pub heap: usize,
    /// Octets by which the process grew (`VmRSS`), the most seen.
    pub resident: usize,
    /// The client that behaves, before.
    pub before: Latencies,
    /// The client that behaves, from the beginning of the attack to its end.
    pub during: Latencies,
    /// How long it took until nothing of it was left.
    pub recovered: Duration,
    /// Octets by which the heap is larger than before.
    pub left: usize,
}

/// What a server uses.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    connections: usize,
    calls: usize,
    handles: usize,
    heap: usize,
    resident: usize,
}

impl Use {
    fn now(node: &Node, heap: fn() -> usize) -> Self {
        let quotas = node.server().quotas();
        Self {
            connections: quotas.used(Resource::Connections),
            calls: quotas.used(Resource::Calls),
            handles: quotas.used(Resource::Handles),
            heap: heap(),
            resident: resident(),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            connections: self.connections.max(other.connections),
            calls: self.calls.max(other.calls),
            handles: self.handles.max(other.handles),
            heap: self.heap.max(other.heap),
            resident: self.resident.max(other.resident),
        }
    }
}

/// Octets that this process has in memory; 0 where the system does not tell.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibioctets = line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok());
    kibioctets.unwrap_or_default() << 10
}

impl Siege {
    /// Attacks a server that nobody else uses.
    ///
    /// # Errors
    /// If the attackers cannot do as they want, or if anything is left of them in the end.
    pub async fn lay(&self, node: &Node, attack: Attack, amount: usize) -> io::Result<Report> {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let behaved = connect(node).await?;
        let before = Behaving::start(behaved.clone());
        tokio::time::sleep(self.calm).await;
        let before = before.stop().await?;
        let calm = Use::now(node, self.heap);
        let during = Behaving::start(behaved.clone());
        let mut most = calm;
        let mut attackers = Attackers::start(self, node, attack, amount)?;
        {
            let ready = attackers.tally();
            tokio::pin!(ready);
            loop {
                match tokio::time::timeout(SAMPLE, &mut ready).await {
                    Ok(all_there) => break all_there.map(|_| ())?,
                    Err(_not_yet) => most = most.most(Use::now(node, self.heap)),
                }
            }
        }
        let end = Instant::now() + self.lasts;
        while Instant::now() < end {
            tokio::time::sleep(SAMPLE).await;
            most = most.most(Use::now(node, self.heap));
        }
        let tally = attackers.stop().await?;
        let during = during.stop().await?;
        let gone = Instant::now();
        drop(behaved);
        settled(node, tasks).await?;
        let recovered = gone.elapsed();
        Ok(Report {
            attack,
            tally,
            // The client that behaves is one of them.
            connections: most.connections.saturating_sub(1),
            calls: most.calls,
            handles: most.handles,
            heap: most.heap.saturating_sub(calm.heap),
            resident: most.resident.saturating_sub(calm.resident),
            before,
            during,
            recovered,
            left: (self.heap)().saturating_sub(calm.heap),
        })
    }
}

type Client = trial::Client<msrpc::client::BoundChannel>;

async fn connect(node: &Node) -> io::Result<Client> {
    let builder = client::at(node.address(), None);
    builder.connect(&trial::INTERFACE).await.map(trial::Client::new).map_err(io::Error::other)
}

/// Waits until nothing is left of connections, calls, handles, and tasks.
async fn settled(node: &Node, tasks: usize) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let quotas = node.server().quotas();
        let left: Vec<_> = Resource::ALL
            .into_iter()
            .map(|resource| (resource.name(), quotas.used(resource)))
            .chain([
                ("tasks", Handle::current().metrics().num_alive_tasks().saturating_sub(tasks)),
                ("clients", quotas.clients()),
                ("groups of connections", node.server().config().groups.len()),
                ("waiting calls", node.trial.waiting() as usize),
                ("counters", node.trial.counters() as usize),
            ])
            .filter(|&(_, left)| left > 0)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(20) {
            return Err(io::Error::other(format!("left behind: {left:?}")));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A client that makes one call after the other.
struct Behaving {
    stop: Arc<AtomicBool>,
    calls: JoinHandle<Latencies>,
}

impl Behaving {
    fn start(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let calls = tokio::spawn(async move {
            let mut latencies = Latencies::default();
            let data = Bytes::from_static(&[7; 100]);
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                match client.trial_echo(data.clone()).await {
                    Ok(_) => latencies.sorted.push(start.elapsed()),
                    Err(error) => latencies.failed.push(error.to_string()),
                }
                // Half of the time nobody calls: it is not the load.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            latencies.sorted.sort_unstable();
            latencies
        });
        Self { stop, calls }
    }

    async fn stop(self) -> io::Result<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        self.calls.await.map_err(io::Error::other)
    }
}

/// The process that attacks. It ends with its standard input, and when this is dropped.
struct Attackers {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Attackers {
    fn start(siege: &Siege, node: &Node, attack: Attack, amount: usize) -> io::Result<Self> {
        let mut child = Command::new(&siege.program)
            .args(["attack", attack.name(), &node.address().to_string(), &amount.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// What they say next: when all of them are there, and in the end.
    async fn tally(&mut self) -> io::Result<Tally> {
        let line = self.lines.next_line().await?;
        let line = line.ok_or_else(|| io::Error::other("the attackers have given up"))?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    async fn stop(mut self) -> io::Result<Tally> {
        drop(self.child.stdin.take());
        let tally = self.tally().await?;
        self.child.wait().await?;
        Ok(tally)
    }
}

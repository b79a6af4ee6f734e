//! One row of the table: a protection, a size of stubs and a load, and who contends in it.

use std::{
    collections::HashMap,
    fmt, io,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::JoinSet};

use super::{
    bare,
    calls::{self, Caller, Protection, Stub},
    cpu::Ticks,
    peers::{Peer, Peers},
    statistics::{Latencies, median, nanoseconds},
};

/// Octets that travel in each direction for a call, headers and tokens included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) request: usize,
    pub(super) response: usize,
}

/// How many call at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) connections: usize,
    /// On each connection.
    pub(super) in_flight: u32,
}

impl Load {
    /// One call at a time.
    pub(super) fn is_single(self) -> bool {
        self.connections == 1 && self.in_flight == 1
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.connections, self.in_flight) {
            (1, 1) => f.write_str("1 connection"),
            (connections, 1) => write!(f, "{connections} connections"),
            (_, in_flight) => write!(f, "{in_flight} in flight"),
        }
    }
}

const LOADS: [Load; 4] = [
    Load { connections: 1, in_flight: 1 },
    Load { connections: 8, in_flight: 1 },
    Load { connections: 64, in_flight: 1 },
    Load { connections: 1, in_flight: 64 },
];

/// Rounds with large stubs.
const LARGE_ROUNDS: u64 = 5;

pub(super) struct Row {
    pub(super) protection: Protection,
    pub(super) stub: Stub,
    pub(super) load: Load,
    pub(super) sizes: Sizes,
    pub(super) contenders: Vec<Contender>,
}

pub(super) struct Contender {
    pub(super) peer: Peer,
    lines: Vec<Line>,
    /// Calls per second in each round.
    pub(super) rounds: Vec<f64>,
    pub(super) latencies: Latencies,
    pub(super) ticks: Ticks,
}

/// What a client calls over.
enum Line {
    Bare(TcpStream),
    Rpc(Caller),
}

impl Row {
    /// All rows whose names have a text in them, connected.
    pub(super) async fn all(peers: &Peers, only: &str) -> io::Result<Vec<Self>> {
        let mut rows = Vec::new();
        for stub in Stub::ALL {
            let mut prepared = false;
            for protection in Protection::ALL {
                let wanted = |load: &&Load| {
                    let asked = match (stub, protection) {
                        // Signing alone is here for the comparison with Samba at each level.
                        (_, Protection::NtlmSign) => stub == Stub::Small && load.is_single(),
                        // Sixty-four times 64 MiB is more than a connection may hold.
                        (Stub::Large, _) => load.is_single(),
                        _ => true,
                    };
                    let possible = protection != Protection::KerberosSeal || peers.kerberos.is_ok();
                    asked && possible && name(protection, stub, **load).contains(only)
                };
                let loads: Vec<Load> = LOADS.iter().filter(wanted).copied().collect();
                if loads.is_empty() {
                    continue;
                }
                if !prepared {
                    prepare(peers, stub).await?;
                    prepared = true;
                }
                let sizes = calls::measure(peers, protection, stub).await?;
                let mut pools = HashMap::new();
                for load in loads {
                    let mut row = Self { protection, stub, load, sizes, contenders: Vec::new() };
                    for peer in Peer::ALL {
                        let Some(lines) = row.connect(peers, peer, &mut pools).await? else { continue };
                        row.contenders.push(Contender {
                            peer,
                            lines,
                            rounds: Vec::new(),
                            latencies: Vec::new(),
                            ticks: Ticks::default(),
                        });
                    }
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    /// Connects to a peer; `None` if it is not here. Rows of one protection and one size share the
    /// connections of a peer.
    async fn connect(
        &self,
        peers: &Peers,
        peer: Peer,
        pools: &mut HashMap<&'static str, Vec<Caller>>,
    ) -> io::Result<Option<Vec<Line>>> {
        let mut lines = Vec::new();
        if peer == Peer::Tcp {
            for _ in 0..self.load.connections {
                lines.push(Line::Bare(bare::connect(peers.bare, self.sizes).await?));
            }
            return Ok(Some(lines));
        }
        let Some(binding) = peers.binding(peer).filter(|_| !(peer == Peer::Samba && self.stub == Stub::Large)) else {
            return Ok(None);
        };
        let pool = pools.entry(peer.name()).or_default();
        while pool.len() < self.load.connections {
            match Caller::connect(peers, binding.clone(), self.protection, self.stub).await {
                Ok(caller) => pool.push(caller),
                Err(error) if peer == Peer::Samba => {
                    println!("Samba is not measured with {}: {error}", self.name());
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        lines.extend(pool.iter().take(self.load.connections).cloned().map(Line::Rpc));
        Ok(Some(lines))
    }

    pub(super) fn name(&self) -> String {
        name(self.protection, self.stub, self.load)
    }

    pub(super) fn most_rounds(&self, rounds: u64) -> u64 {
        if self.stub == Stub::Large { rounds.min(LARGE_ROUNDS) } else { rounds }
    }

    /// One round: every contender for so long.
    pub(super) async fn run(&mut self, time: Duration, counts: bool) -> io::Result<()> {
        let time = if self.stub == Stub::Small { time } else { time * 2 };
        for contender in &mut self.contenders {
            let failed = |error| io::Error::other(format!("{}: {error}", contender.peer.name()));
            let lines = std::mem::take(&mut contender.lines);
            let (before, start) = (Ticks::now(), Instant::now());
            let mut tasks = JoinSet::new();
            for line in lines {
                tasks.spawn(line.run(self.load.in_flight, self.sizes, start + time));
            }
            let mut calls = 0;
            while let Some(done) = tasks.join_next().await {
                let (line, latencies) = done?.map_err(failed)?;
                contender.lines.push(line);
                calls += latencies.len();
                if counts {
                    contender.latencies.extend(latencies);
                }
            }
            if counts {
                contender.rounds.push(calls as f64 / start.elapsed().as_secs_f64());
                contender.ticks += Ticks::now() - before;
            }
        }
        Ok(())
    }

    pub(super) fn contender(&self, peer: Peer) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.peer == peer)
    }
}

fn name(protection: Protection, stub: Stub, load: Load) -> String {
    format!("{}, {}, {load}", protection.name(), stub.name())
}

async fn prepare(peers: &Peers, stub: Stub) -> io::Result<()> {
    for peer in [Peer::Msrpc, Peer::Samba] {
        if let Some(binding) = peers.binding(peer).filter(|_| !(peer == Peer::Samba && stub == Stub::Large)) {
            Caller::prepare(peers, binding, stub).await?;
        }
    }
    Ok(())
}

impl Line {
    /// Calls until then; as long as each call took.
    async fn run(mut self, in_flight: u32, sizes: Sizes, until: Instant) -> io::Result<(Self, Latencies)> {
        let latencies = match &mut self {
            Self::Bare(stream) if in_flight == 1 => bare::ping_pong(stream, sizes, until).await?,
            Self::Bare(stream) => bare::pipeline(stream, sizes, in_flight, until).await?,
            Self::Rpc(caller) if in_flight == 1 => one_by_one(caller.clone(), until).await?,
            Self::Rpc(caller) => {
                let mut tasks = JoinSet::new();
                for _ in 0..in_flight {
                    tasks.spawn(one_by_one(caller.clone(), until));
                }
                let mut all = Latencies::new();
                while let Some(done) = tasks.join_next().await {
                    all.extend(done??);
                }
                all
            }
        };
        Ok((self, latencies))
    }
}

async fn one_by_one(caller: Caller, until: Instant) -> io::Result<Latencies> {
    let mut latencies = Latencies::new();
    loop {
        let start = Instant::now();
        caller.call().await?;
        latencies.push(nanoseconds(start.elapsed()));
        if Instant::now() >= until {
            return Ok(latencies);
        }
    }
}

impl Contender {
    pub(super) fn rate(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// How many times as fast it is as another, round by round.
    pub(super) fn ratio(&self, other: &Self) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other).collect())
    }
}

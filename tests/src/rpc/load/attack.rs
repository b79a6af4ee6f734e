//! What attackers do. They are a process of their own: their sockets and their memory do not count as
//! the server's.

use std::{
    fmt, io,
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use msrpc::pdu::{PduType, PfcFlags};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::raw::{self, Answer, Raw, opnum, source};

/// So many addresses attack.
pub const SOURCES: usize = 16;

/// Calls in flight on each connection.
const CALLS_EACH: usize = 1000;

/// Connections that are opened at a time.
const RAMP: usize = 64;

/// How often those who dribble send an octet.
const DRIBBLE: Duration = Duration::from_millis(100);

/// What attackers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Connections that have bound, and do nothing.
    Idle,
    /// Connections that say nothing at all.
    Silent,
    /// Connections that send their bind octet by octet.
    DribbledBinds,
    /// Connections that send a request octet by octet.
    DribbledRequests,
    /// Connections that send a request in fragments of one octet.
    Fragments,
    /// Connections whose logon stops after its first leg.
    Logons,
    /// Calls that wait, a thousand on each connection.
    Calls,
    /// Handles, as many as there may be.
    Handles,
    /// Connections that ask for much and do not read it.
    Deaf,
    /// Connections that bind and go, one after the other, so many at a time.
    Binds,
    /// Connections that propose one presentation context after the other.
    Alters,
    /// More connections of one client than it may have, again and again.
    Connects,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::Silent,
        Self::DribbledBinds,
        Self::DribbledRequests,
        Self::Fragments,
        Self::Logons,
        Self::Calls,
        Self::Handles,
        Self::Deaf,
        Self::Binds,
        Self::Alters,
        Self::Connects,
    ];

    /// Its name in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Silent => "silent",
            Self::DribbledBinds => "dribbled-binds",
            Self::DribbledRequests => "dribbled-requests",
            Self::Fragments => "fragments",
            Self::Logons => "logons",
            Self::Calls => "calls",
            Self::Handles => "handles",
            Self::Deaf => "deaf",
            Self::Binds => "binds",
            Self::Alters => "alters",
            Self::Connects => "connects",
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Attack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|attack| attack.name() == text).ok_or_else(|| format!("{text:?} is no attack"))
    }
}

/// How an attack went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// What the server let through: connections, calls, handles, binds.
    pub admitted: u64,
    /// What it refused.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Counts {
    admitted: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    fn count(&self, admitted: bool) {
        let counter = if admitted { &self.admitted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn tally(&self) -> Tally {
        let Self { admitted, refused } = self;
        Tally { admitted: admitted.load(Ordering::Relaxed), refused: refused.load(Ordering::Relaxed) }
    }
}

/// An attack that goes on until it is dropped.
#[derive(Debug)]
pub struct Running {
    counts: Arc<Counts>,
    tasks: JoinSet<()>,
    _held: Vec<Raw>,
}

impl Running {
    /// How it has gone so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.counts.tally()
    }

    /// Waits for as long as it goes on: for ever.
    pub async fn go_on(&mut self) {
        while self.tasks.join_next().await.is_some() {}
        std::future::pending().await
    }
}

/// Begins an attack, and comes back when all of it is there. `amount` is of connections; of calls and
/// handles where it is about these.
///
/// # Errors
/// If the system does not have the sockets.
pub async fn begin(attack: Attack, target: SocketAddr, amount: usize) -> io::Result<Running> {
    let counts = Arc::new(Counts::default());
    let mut tasks = JoinSet::new();
    let mut held = Vec::new();
    match attack {
        Attack::Idle => held = ramp(target, amount, &counts, Opening::Bind).await?,
        Attack::Silent => held = ramp(target, amount, &counts, Opening::Connect).await?,
        Attack::Logons => held = ramp(target, amount, &counts, Opening::Logon).await?,
        Attack::DribbledBinds => {
            let raws = ramp(target, amount, &counts, Opening::Connect).await?;
            let octets = raw::bind(PduType::Bind, 0);
            let pieces: Vec<_> = octets.chunks(1).map(<[u8]>::to_vec).collect();
            tasks.spawn(dribble(target, raws, pieces, Opening::Connect, Arc::clone(&counts)));
        }
        Attack::DribbledRequests => {
            let raws = ramp(target, amount, &counts, Opening::Bind).await?;
            let octets = raw::fragment(PfcFlags::WHOLE, 2, opnum::ECHO, &[0; 5000]);
            let pieces: Vec<_> = octets.chunks(1).map(<[u8]>::to_vec).collect();
            tasks.spawn(dribble(target, raws, pieces, Opening::Bind, Arc::clone(&counts)));
        }
        Attack::Fragments => {
            let raws = ramp(target, amount, &counts, Opening::Bind).await?;
            let mut pieces = vec![raw::fragment(PfcFlags::FIRST, 2, opnum::ECHO, &[0])];
            pieces.extend((0..5000).map(|_| raw::fragment(PfcFlags::empty(), 2, opnum::ECHO, &[0])));
            tasks.spawn(dribble(target, raws, pieces, Opening::Bind, Arc::clone(&counts)));
        }
        Attack::Calls => {
            held = ramp(target, amount.div_ceil(CALLS_EACH), &Counts::default(), Opening::Bind).await?;
            let mut left = amount;
            for raw in &mut held {
                let calls = u32::try_from(left.min(CALLS_EACH)).unwrap_or(u32::MAX);
                left -= left.min(CALLS_EACH);
                let requests: Vec<u8> = (2..2 + calls).flat_map(|id| raw::request(id, opnum::WAIT, &[77])).collect();
                raw.send(&requests).await?;
                counts.admitted.fetch_add(calls.into(), Ordering::Relaxed);
            }
        }
        Attack::Handles => {
            let raws = ramp(target, SOURCES, &Counts::default(), Opening::Bind).await?;
            let mut filling = JoinSet::new();
            for raw in raws {
                filling.spawn(open_handles(raw, amount / SOURCES, Arc::clone(&counts)));
            }
            held = filling.join_all().await;
        }
        Attack::Deaf => {
            held = ramp(target, amount, &counts, Opening::Bind).await?;
            let requests: Vec<u8> = (2..102).flat_map(|id| raw::request(id, opnum::MAKE, &[256 << 10, 0])).collect();
            for raw in &mut held {
                // It may not even be read.
                let _ = tokio::time::timeout(Duration::from_millis(50), raw.send(&requests)).await;
            }
        }
        Attack::Binds => {
            for index in 0..amount {
                tasks.spawn(repeat(target, index, Opening::Bind, Arc::clone(&counts)));
            }
        }
        Attack::Alters => {
            for raw in ramp(target, amount, &Counts::default(), Opening::Bind).await? {
                tasks.spawn(alter(raw, Arc::clone(&counts)));
            }
        }
        Attack::Connects => {
            for _ in 0..amount {
                tasks.spawn(insist(target, Arc::clone(&counts)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    Ok(Running { counts, tasks, _held: held })
}

/// How far connections come.
#[derive(Clone, Copy, Debug)]
enum Opening {
    Connect,
    Bind,
    Logon,
}

/// A connection; `None` if the server refuses it.
async fn open(target: SocketAddr, index: usize, opening: Opening) -> io::Result<Option<Raw>> {
    let mut raw = Raw::connect(target, source(index % SOURCES + 1)).await?;
    let first = match opening {
        Opening::Connect => return Ok(Some(raw)),
        Opening::Bind => raw::bind(PduType::Bind, 0),
        Opening::Logon => raw::bind_ntlm(PduType::Bind, 1),
    };
    let bound = raw.send(&first).await.is_ok() && raw.answer().await == Answer::Ack;
    Ok(bound.then_some(raw))
}

async fn ramp(target: SocketAddr, amount: usize, counts: &Counts, opening: Opening) -> io::Result<Vec<Raw>> {
    let mut raws = Vec::with_capacity(amount);
    let mut opened = JoinSet::new();
    for index in 0..amount {
        if opened.len() >= RAMP {
            raws.extend(take(&mut opened, counts).await?);
        }
        opened.spawn(open(target, index, opening));
    }
    while !opened.is_empty() {
        raws.extend(take(&mut opened, counts).await?);
    }
    Ok(raws)
}

async fn take(opened: &mut JoinSet<io::Result<Option<Raw>>>, counts: &Counts) -> io::Result<Option<Raw>> {
    let Some(done) = opened.join_next().await else { return Ok(None) };
    let raw = done.map_err(io::Error::other)??;
    counts.count(raw.is_some());
    Ok(raw)
}

/// Sends a piece over each connection now and then. Those that the server ends are replaced.
async fn dribble(target: SocketAddr, mut raws: Vec<Raw>, pieces: Vec<Vec<u8>>, opening: Opening, counts: Arc<Counts>) {
    // Binds are never finished.
    let most = pieces.len() - 1;
    let mut next = vec![0; raws.len()];
    loop {
        for (index, (raw, next)) in raws.iter_mut().zip(&mut next).enumerate() {
            let Some(piece) = pieces.get(*next).filter(|_| *next < most) else { continue };
            *next += 1;
            if raw.stream().try_write(piece).is_ok() {
                continue;
            }
            counts.count(false);
            if let Ok(Ok(Some(again))) = tokio::time::timeout(DRIBBLE, open(target, index, opening)).await {
                counts.count(true);
                *raw = again;
                *next = 0;
            }
        }
        tokio::time::sleep(DRIBBLE).await;
    }
}

/// Opens handles until the server has enough of it.
async fn open_handles(mut raw: Raw, amount: usize, counts: Arc<Counts>) -> Raw {
    const BATCH: u32 = 64;
    let mut id = 2;
    for _ in 0..amount.div_ceil(64) {
        let requests: Vec<u8> = (id..id + BATCH).flat_map(|id| raw::request(id, opnum::OPEN, &[1])).collect();
        id += BATCH;
        if raw.send(&requests).await.is_err() {
            break;
        }
        for _ in 0..BATCH {
            counts.count(raw.answer().await == Answer::Response);
        }
    }
    raw
}

/// Opens a connection, closes it, and does so again.
async fn repeat(target: SocketAddr, index: usize, opening: Opening, counts: Arc<Counts>) {
    loop {
        let opened = open(target, index, opening).await;
        counts.count(matches!(opened, Ok(Some(_))));
        if opened.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Proposes one presentation context after the other.
async fn alter(mut raw: Raw, counts: Arc<Counts>) {
    for context in (1..=u16::MAX).cycle() {
        let sent = raw.send(&raw::bind(PduType::AlterContext, context)).await;
        let answered = raw.answer().await == Answer::Ack;
        counts.count(answered);
        if sent.is_err() || !answered {
            return;
        }
    }
}

/// Connects from the one address that has had enough, until it is let in, and stays.
async fn insist(target: SocketAddr, counts: Arc<Counts>) {
    loop {
        match open(target, 0, Opening::Bind).await {
            Ok(Some(raw)) => {
                counts.count(true);
                let _stays = raw;
                std::future::pending::<()>().await;
            }
            Ok(None) => counts.count(false),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

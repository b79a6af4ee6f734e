//! A client in the chaos: one connection after the other, calls of all kinds, and what they may end in.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use msrpc::client::{BoundChannel, ClientBuilder};
use msrpc_ndr::{AuthLevel, CallError, Win32Error, reflect::Random};
use tokio::{task::JoinSet, time::timeout};

use super::{Shared, link::Link, mischief::Temper};
use crate::rpc::{
    client::{self, Provider, Security},
    interfaces::trial::trial,
    trial::{ERROR_CANCELLED, pattern},
};

/// How long a call may take, and how long a bind.
const LIMIT: Duration = Duration::from_secs(2);

/// How long those may take who are left in peace: the machine may be busy.
const PEACEFUL_LIMIT: Duration = Duration::from_secs(60);

/// What is added to the limit before a call counts as hanging.
const GRACE: Duration = Duration::from_secs(20);

/// How often a call gets its time: up to three calls one after the other, and one of them for each
/// 64 KiB of the longest response.
const TIMES: u32 = 3 + MOST / (64 << 10);

/// The longest stub.
const MOST: u32 = 2_500_000;

const SECURITIES: [Security; 5] = [
    None,
    Some((Provider::Ntlm, AuthLevel::Integrity)),
    Some((Provider::Ntlm, AuthLevel::Privacy)),
    Some((Provider::Spnego, AuthLevel::Integrity)),
    Some((Provider::Spnego, AuthLevel::Privacy)),
];

type Trial = trial::Client<BoundChannel>;

pub(super) struct Client {
    random: Random,
    number: u64,
    server: SocketAddr,
    peaceful: bool,
}

/// What a call came to.
enum End {
    Right,
    /// An answer that is not the right one.
    Wrong(String),
    Failed(String),
    Cancelled,
}

/// A connection, and what may be expected of it.
#[derive(Clone)]
struct Session {
    client: Trial,
    /// What the client is called in messages.
    name: String,
    protected: bool,
    peaceful: bool,
    shared: Arc<Shared>,
}

impl Client {
    pub(super) fn new(seed: u64, number: u64, server: SocketAddr) -> Self {
        let random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
        Self { random, number, server, peaceful: number.is_multiple_of(4) }
    }

    pub(super) async fn run(mut self, shared: Arc<Shared>) -> Result<(), String> {
        let mut connection = 0;
        while Instant::now() < shared.until {
            self.connection(connection, &shared).await?;
            connection += 1;
        }
        Ok(())
    }

    async fn connection(&mut self, connection: u64, shared: &Arc<Shared>) -> Result<(), String> {
        let peaceful = self.peaceful;
        let mut temper = || if peaceful { Temper::peaceful() } else { Temper::new(self.random.u64()) };
        let tempers = [temper(), temper()];
        let link = Link::to(self.server, tempers, Arc::clone(shared)).await.map_err(|error| error.to_string())?;
        let security = SECURITIES[self.random.below(SECURITIES.len() as u64) as usize];
        let name = format!("client {}, connection {connection}, {security:?}", self.number);
        let limit = if peaceful { PEACEFUL_LIMIT } else { LIMIT };
        let builder = client::at(link.address, security).connect_timeout(limit).call_timeout(limit);
        let builder = self.configure(builder);
        let connected = timeout(limit + GRACE, builder.connect(&trial::INTERFACE)).await;
        let channel = match connected.map_err(|_| format!("{name}: connecting hangs"))? {
            Ok(channel) => channel,
            Err(error) if peaceful => return Err(format!("{name} is left in peace, but: {error}")),
            Err(_) => {
                shared.count(|tally| tally.refused += 1);
                return Ok(());
            }
        };
        shared.count(|tally| tally.connections += 1);
        let session = Session {
            client: Trial::new(channel),
            name,
            protected: security.is_some(),
            peaceful,
            shared: Arc::clone(shared),
        };
        for _ in 0..1 + self.random.below(8) {
            let mut calls = JoinSet::new();
            for _ in 0..1 + self.random.below(6) {
                calls.spawn(session.clone().call(self.random.u64()));
            }
            let mut failed = false;
            while let Some(ended) = calls.join_next().await {
                failed |= ended.map_err(|error| format!("{}: {error}", session.name))??;
            }
            // Now and then a client goes on with what is broken.
            if failed && !self.random.one_in(4) {
                break;
            }
        }
        Ok(())
    }

    fn configure(&mut self, builder: ClientBuilder) -> ClientBuilder {
        let (frag, header_signing) = (1432 + self.random.below(5000), self.random.one_in(2));
        let stream_from = if self.random.one_in(2) { 4096 } else { 1 << 20 };
        builder.configure(|config| {
            config.max_frag = u16::try_from(frag).unwrap_or(5840);
            config.header_signing = header_signing;
            config.stream_from = stream_from;
        })
    }
}

impl Session {
    /// Makes a call; whether it failed.
    async fn call(self, seed: u64) -> Result<bool, String> {
        let limit = if self.peaceful { PEACEFUL_LIMIT } else { LIMIT };
        let ended = timeout(TIMES * limit + GRACE, self.one(&mut Random::new(seed))).await;
        let end = ended.map_err(|_| format!("{}: a call hangs", self.name))?;
        let Self { name, protected, peaceful, shared, .. } = self;
        match &end {
            End::Wrong(what) if protected || peaceful => return Err(format!("{name}: a wrong answer: {what}")),
            End::Failed(error) if peaceful => return Err(format!("{name} is left in peace, but: {error}")),
            _ => {}
        }
        shared.count(|tally| match end {
            End::Right => tally.right += 1,
            End::Wrong(_) => tally.wrong += 1,
            End::Failed(_) => tally.failed += 1,
            End::Cancelled => tally.cancelled += 1,
        });
        Ok(matches!(end, End::Failed(_)))
    }

    async fn one(&self, random: &mut Random) -> End {
        let Self { client, .. } = self;
        match random.below(10) {
            0..=2 => {
                let data = pattern(len(random), random.u64() as u32);
                match client.trial_echo(data.clone()).await {
                    Ok(answer) => right(answer.reply == Some(data), "echo"),
                    Err(error) => failed(error),
                }
            }
            3 | 4 => {
                let (wanted, seed) = (len(random), random.u64() as u32);
                match client.trial_make(wanted, seed).await {
                    Ok(answer) => right(answer.pattern == Some(pattern(wanted, seed)), "pattern"),
                    Err(error) => failed(error),
                }
            }
            5 => {
                let data = pattern(len(random), 3);
                let sum = data.iter().fold(0, |sum: u32, &octet| sum.wrapping_add(octet.into()));
                match client.trial_sum(data).await {
                    Ok(answer) => right(answer == sum, "sum"),
                    Err(error) => failed(error),
                }
            }
            6 => {
                let code = 1 + random.below(100) as u32;
                match client.trial_fail(code).await {
                    Err(CallError::Status { status, .. }) => right(status == Win32Error(code), "status"),
                    Ok(()) => End::Wrong("success instead of a status".to_owned()),
                    Err(error) => failed(error),
                }
            }
            7 => self.counter(random).await,
            8 => self.cancel(random).await,
            _ => {
                let ticket = random.u64() as u32;
                let waiting = client.trial_wait(ticket);
                let (waited, released) = tokio::join!(waiting, client.trial_release(ticket));
                match (waited, released) {
                    (Ok(()), Ok(())) => End::Right,
                    (Err(error), _) | (_, Err(error)) => failed(error),
                }
            }
        }
    }

    /// A handle that counts; it is not always closed.
    async fn counter(&self, random: &mut Random) -> End {
        let (start, amount) = (random.u64() as u32, random.u64() as u32);
        let counter = match self.client.trial_open(start).await {
            Ok(counter) => counter,
            Err(error) => return failed(error),
        };
        match self.client.trial_add(&counter, amount).await {
            Ok(value) if value != start.wrapping_add(amount) => return End::Wrong("counter".to_owned()),
            Ok(_) if random.one_in(2) => return End::Right,
            Ok(_) => {}
            Err(error) => return failed(error),
        }
        match self.client.trial_close(Some(counter)).await {
            Ok(left) => right(left.is_none(), "closed"),
            Err(error) => failed(error),
        }
    }

    /// A call that is given up: one that waits, or a large one that is under way.
    async fn cancel(&self, random: &mut Random) -> End {
        let time = Duration::from_micros(random.below(5000));
        let ended = if random.one_in(2) {
            timeout(time, self.client.trial_wait(random.u64() as u32)).await.map(|outcome| outcome.map_err(failed))
        } else {
            let echo = self.client.trial_echo(pattern(300_000, 1));
            timeout(time, echo).await.map(|outcome| outcome.map(drop).map_err(failed))
        };
        match ended {
            Err(_) => End::Cancelled,
            Ok(Ok(())) => End::Right,
            Ok(Err(end)) => end,
        }
    }
}

/// Mostly small, sometimes fragmented, rarely large.
fn len(random: &mut Random) -> u32 {
    let most = match random.below(20) {
        0 => u64::from(MOST),
        1..=3 => 200_000,
        4..=9 => 20_000,
        _ => 300,
    };
    random.below(most) as u32
}

fn right(is: bool, what: &str) -> End {
    if is { End::Right } else { End::Wrong(what.to_owned()) }
}

/// How a call failed. A status that the operation does not have is an answer, and a wrong one; so is
/// one that cannot be read. That a call was cancelled, TrialWait has to say: cancels are not signed, so
/// a changed one may be another call's.
fn failed<R: std::fmt::Debug>(error: CallError<R, Win32Error>) -> End {
    match error {
        CallError::Status { status: ERROR_CANCELLED, .. } => End::Failed("cancelled".to_owned()),
        CallError::Status { status, .. } => End::Wrong(format!("{status}")),
        CallError::Decode(error) => End::Wrong(error.to_string()),
        error => End::Failed(error.to_string()),
    }
}

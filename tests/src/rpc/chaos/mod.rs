//! Chaos between clients and a server of ours: what travels is delayed, dribbled, cut, stalled, lost,
//! repeated, swapped and changed, by octets and by PDUs.
//!
//! Some clients are left in peace; theirs must succeed. Whatever happens to the others, each call ends
//! in time, in an answer or in an error; an answer that is signed or sealed is the right one; and
//! behind it all no connection, call, handle, task or memory is left.
//!
//! What happens is decided by a seed, the client's number and how many octets have gone by, so that a
//! seed runs the same again as far as the times of day do not matter.

mod client;
mod link;
mod mischief;
mod settled;

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use msrpc::server::Server;
use tokio::{runtime::Handle, task::JoinSet};

pub use self::mischief::Kind;
use self::{client::Client, settled::Baseline};
use super::{
    interfaces::trial::trial,
    node::{PASSWORD, USER},
    trial::Trial,
};

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// For how long connections are begun.
    pub time: Duration,
    /// Clients at a time, each with one connection after the other. One in four is left in peace.
    pub clients: u64,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Connections that came to be.
    pub connections: u64,
    /// Connections that did not.
    pub refused: u64,
    /// Calls that were answered as they should be.
    pub right: u64,
    /// Calls that ended in an error.
    pub failed: u64,
    /// Calls that were given up while they ran.
    pub cancelled: u64,
    /// Wrong answers: only where nothing was protected.
    pub wrong: u64,
    /// Mischief of each kind.
    pub mischief: [u64; Kind::ALL.len()],
}

/// What all have in common.
struct Shared {
    tally: Mutex<Tally>,
    until: Instant,
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs a plan. `memory` says how many octets are allocated.
///
/// # Errors
/// Says which rule does not hold, and the seed.
pub async fn run(plan: Plan, memory: impl Fn() -> usize) -> Result<Tally, String> {
    let failed = |error: String| format!("seed {}: {error}", plan.seed);
    let trial = Trial::default();
    let server = serve(&trial).await.map_err(|error| failed(error.to_string()))?;
    let address = *server.tcp_addresses().first().ok_or_else(|| failed("no address".to_owned()))?;
    // What is there once is there before: threads, caches, tables that have grown.
    let warm = Plan { seed: 0, time: plan.time.min(Duration::from_secs(1)), clients: plan.clients };
    let mut baseline = None;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut tally = Tally::default();
    for plan in [warm, plan] {
        let shared = Arc::new(Shared { tally: Mutex::default(), until: Instant::now() + plan.time });
        let mut clients = JoinSet::new();
        for number in 0..plan.clients {
            clients.spawn(Client::new(plan.seed, number, address).run(Arc::clone(&shared)));
        }
        while let Some(ended) = clients.join_next().await {
            ended.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
        }
        let before = *baseline.get_or_insert(Baseline { tasks, memory: None });
        settled::wait(&server, &trial, before, &memory).await.map_err(failed)?;
        baseline = Some(Baseline { tasks, memory: Some(memory()) });
        tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }
    let start = Instant::now();
    server.shutdown(Duration::from_secs(5)).await;
    if start.elapsed() >= Duration::from_secs(5) {
        return Err(failed("the server does not end though nobody calls".to_owned()));
    }
    Ok(tally)
}

async fn serve(trial: &Trial) -> io::Result<Server> {
    let builder = Server::builder().computer_name("NODE1").account(USER, PASSWORD);
    builder.service(trial::Service::new(trial.clone())).listen("ncacn_ip_tcp:127.0.0.1").await?.start()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, refused, right, failed, cancelled, wrong, mischief } = self;
        write!(
            f,
            "{connections} connections ({refused} more did not come to be), {right} right answers, {failed} errors, \
             {cancelled} calls cancelled, {wrong} wrong answers without protection; "
        )?;
        let kinds: Vec<_> = Kind::ALL.iter().zip(mischief).map(|(kind, count)| format!("{kind:?} {count}")).collect();
        f.write_str(&kinds.join(", "))
    }
}

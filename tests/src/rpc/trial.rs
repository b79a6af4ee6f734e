//! The server of `tests/idl/trial.idl`: large, slow and failing calls, and calls that tell who
//! calls.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use msrpc_ndr::{AuthLevel, Bytes, Call, Fault, Handle, HandleChange, Outcome, Win32Error};
use tokio::sync::Semaphore;

use super::interfaces::trial::trial::{Server, TrialEcho, TrialMake, TrialWhoAmI};

pub(super) const ERROR_CANCELLED: Win32Error = Win32Error(1223);

/// The server. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    tickets: Mutex<HashMap<u32, Arc<Semaphore>>>,
    waiting: AtomicU32,
    cancelled: AtomicU32,
    dropped: AtomicU32,
    stubborn: AtomicBool,
    counters: AtomicU32,
}

/// A call of `TrialWait` that waits.
struct Waiting<'a> {
    shared: &'a Shared,
    ended: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.ended {
            self.shared.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a counter's handle stands for.
#[derive(Debug)]
pub struct Counter {
    value: AtomicU32,
    shared: Arc<Shared>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.shared.counters.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Trial {
    /// How many calls of `TrialWait` wait.
    pub fn waiting(&self) -> u32 {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// How many calls of `TrialWait` have been cancelled.
    pub fn cancelled(&self) -> u32 {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// How many calls of `TrialWait` were dropped before they ended.
    pub fn dropped(&self) -> u32 {
        self.shared.dropped.load(Ordering::SeqCst)
    }

    /// Lets a waiting call go.
    pub fn release(&self, ticket: u32) {
        self.ticket(ticket).add_permits(1);
    }

    /// Forgets the tickets, which nobody may wait for.
    pub fn forget_tickets(&self) {
        *self.shared.tickets.lock().unwrap_or_else(PoisonError::into_inner) = HashMap::new();
    }

    /// From now on waiting calls do not care whether they are cancelled.
    pub fn be_stubborn(&self) {
        self.shared.stubborn.store(true, Ordering::SeqCst);
    }

    /// How many counters are open.
    pub fn counters(&self) -> u32 {
        self.shared.counters.load(Ordering::SeqCst)
    }

    fn ticket(&self, ticket: u32) -> Arc<Semaphore> {
        let mut tickets = self.shared.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tickets.entry(ticket).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }
}

/// The octets that `TrialMake` returns.
#[must_use]
pub fn pattern(len: u32, seed: u32) -> Bytes {
    // It repeats itself, and copying is cheap.
    let period: Vec<u8> = (0..256u32).map(|index| index.wrapping_mul(31).wrapping_add(seed).to_le_bytes()[0]).collect();
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut all = period.repeat(len.div_ceil(period.len()));
    all.truncate(len);
    all.into()
}

/// The number of a level in RPC ([MS-RPCE] 2.2.1.1.8).
#[must_use]
pub fn level_number(level: AuthLevel) -> u32 {
    match level {
        AuthLevel::None => 1,
        AuthLevel::Connect => 2,
        AuthLevel::Call => 3,
        AuthLevel::Packet => 4,
        AuthLevel::Integrity => 5,
        AuthLevel::Privacy => 6,
    }
}

fn len_of(data: &Bytes) -> Result<u32, Fault> {
    u32::try_from(data.len()).map_err(|_| Fault::NO_RESOURCES)
}

impl Server for Trial {
    type CounterHandle = Counter;

    async fn trial_echo(&self, _call: &Call, data: Bytes) -> Outcome<TrialEcho, Win32Error> {
        Ok(TrialEcho { cb_reply: len_of(&data)?, reply: Some(data) })
    }

    async fn trial_make(&self, _call: &Call, wanted: u32, seed: u32) -> Outcome<TrialMake, Win32Error> {
        Ok(TrialMake { cb_pattern: wanted, pattern: Some(pattern(wanted, seed)) })
    }

    async fn trial_sum(&self, _call: &Call, data: Bytes) -> Outcome<u32, Win32Error> {
        Ok(data.iter().fold(0, |sum: u32, &octet| sum.wrapping_add(octet.into())))
    }

    async fn trial_wait(&self, call: &Call, ticket: u32) -> Outcome<(), Win32Error> {
        let ticket = self.ticket(ticket);
        self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        let mut waiting = Waiting { shared: &self.shared, ended: false };
        let released = tokio::select! {
            permit = ticket.acquire() => permit.map(tokio::sync::SemaphorePermit::forget).is_ok(),
            () = call.cancelled(), if !self.shared.stubborn.load(Ordering::SeqCst) => false,
        };
        waiting.ended = true;
        drop(waiting);
        if released {
            return Ok(());
        }
        self.shared.cancelled.fetch_add(1, Ordering::SeqCst);
        Err(ERROR_CANCELLED.into())
    }

    async fn trial_release(&self, _call: &Call, ticket: u32) -> Outcome<(), Win32Error> {
        self.release(ticket);
        Ok(())
    }

    async fn trial_fail(&self, _call: &Call, code: u32) -> Outcome<(), Win32Error> {
        if code == 0 { Ok(()) } else { Err(Win32Error(code).into()) }
    }

    async fn trial_fault(&self, _call: &Call, code: u32) -> Outcome<(), Win32Error> {
        Err(Fault::new(code, false).into())
    }

    async fn trial_who_am_i(&self, call: &Call) -> Outcome<TrialWhoAmI, Win32Error> {
        let caller = call.caller();
        Ok(TrialWhoAmI {
            user: caller.user.as_deref().map(Into::into),
            auth_service: caller.auth_service.into(),
            auth_level: level_number(caller.auth_level),
        })
    }

    async fn trial_open(&self, _call: &Call, start: u32) -> Outcome<Counter, Win32Error> {
        self.shared.counters.fetch_add(1, Ordering::SeqCst);
        Ok(Counter { value: AtomicU32::new(start), shared: Arc::clone(&self.shared) })
    }

    async fn trial_add(&self, _call: &Call, counter: &Handle<Counter>, amount: u32) -> Outcome<u32, Win32Error> {
        Ok(counter.value.fetch_add(amount, Ordering::SeqCst).wrapping_add(amount))
    }

    async fn trial_close(
        &self,
        _call: &Call,
        _counter: Option<&Handle<Counter>>,
    ) -> Outcome<HandleChange<Counter>, Win32Error> {
        Ok(HandleChange::Close)
    }
}

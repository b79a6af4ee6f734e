//! What a client may take its time for, and for how long.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use crate::{
    association::{quota::Deadline, server::Unfinished},
    transport::KeepAlive,
};

/// Octets of a request, or of what is sent, that a client gets its time for anew: who is slower
/// than that gives no sign of life, however many octets trickle in.
const STEP: u64 = 64 << 10;

/// What concerns each connection of a server, beside its association: limits in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// How long a client may take to bind, from the moment that it has connected, and all that it
    /// sends and all that security providers do included.
    pub bind_timeout: Duration,
    /// How long each further leg of authentication may take, from one answer to the next.
    pub leg_timeout: Duration,
    /// How long the rest of a PDU may take once it has begun; and of a request in several fragments
    /// each 64 KiB. The pauses between the fragments of a pipe are the application's, and not
    /// limited.
    pub receive_timeout: Duration,
    /// How long a client may take to read 64 KiB of what is sent to it.
    pub send_timeout: Duration,
    /// How long a connection may be without any call while its client has no handle open; `None` for
    /// ever. TCP's keep-alive ends those whose client is gone.
    pub idle_timeout: Option<Duration>,
    /// How connections over TCP are found whose client is gone; `None` for not at all.
    pub keep_alive: Option<KeepAlive>,
}

impl Default for ConnectionOptions {
    /// 30 seconds to bind and for each further leg; 60 seconds to send the rest of a PDU, 120 to
    /// read. Idle connections stay, as on Windows: clients do not expect to lose them.
    fn default() -> Self {
        Self {
            bind_timeout: Duration::from_secs(30),
            leg_timeout: Duration::from_secs(30),
            receive_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(120),
            idle_timeout: None,
            keep_alive: Some(KeepAlive::default()),
        }
    }
}

impl ConnectionOptions {
    fn limit(&self, deadline: Deadline) -> Option<Duration> {
        match deadline {
            Deadline::Bind => Some(self.bind_timeout),
            Deadline::Leg => Some(self.leg_timeout),
            Deadline::Receive => Some(self.receive_timeout),
            Deadline::Send => Some(self.send_timeout),
            Deadline::Idle => self.idle_timeout,
        }
    }
}

/// What a connection waits for its client to do. As long as it is the same, time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// For nothing in particular.
    Nothing,
    /// To go on with what it has begun.
    For(Unfinished),
    /// To read, so many steps having been read.
    Read(u64),
    /// To do anything.
    Idle,
}

impl Wait {
    /// To go on with what it has begun; octets count in large steps only.
    pub(super) fn finish(unfinished: Unfinished) -> Self {
        Self::For(match unfinished {
            Unfinished::Nothing => return Self::Nothing,
            Unfinished::Request { call_id, octets } => {
                Unfinished::Request { call_id, octets: octets / usize::try_from(STEP).unwrap_or(usize::MAX) }
            }
            other => other,
        })
    }

    /// To read, so many octets having been written.
    pub(super) fn read(written: u64) -> Self {
        Self::Read(written / STEP)
    }

    fn deadline(self) -> Option<Deadline> {
        match self {
            Self::Nothing | Self::For(Unfinished::Nothing) => None,
            Self::For(Unfinished::Bind) => Some(Deadline::Bind),
            Self::For(Unfinished::Leg) => Some(Deadline::Leg),
            Self::For(Unfinished::Pdu(_) | Unfinished::Request { .. }) => Some(Deadline::Receive),
            Self::Read(_) => Some(Deadline::Send),
            Self::Idle => Some(Deadline::Idle),
        }
    }
}

/// The clock of a connection.
#[derive(Debug)]
pub(super) struct Deadlines {
    options: ConnectionOptions,
    opened: Instant,
    wait: Wait,
    due: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadlines {
    pub(super) fn new(options: ConnectionOptions) -> Self {
        Self { options, opened: Instant::now(), wait: Wait::Nothing, due: None, sleep: None }
    }

    /// Whether idle connections end at all.
    pub(super) fn end_idle(&self) -> bool {
        self.options.idle_timeout.is_some()
    }

    /// The time for what is waited for begins anew.
    pub(super) fn restart(&mut self) {
        self.wait = Wait::Nothing;
    }

    /// Whether the client has taken too long for what is waited for.
    pub(super) fn poll(&mut self, wait: Wait, cx: &mut Context<'_>) -> Option<Deadline> {
        if wait != self.wait {
            if self.wait == Wait::For(Unfinished::Bind) {
                // Mostly no other follows, and connections are to be small.
                self.sleep = None;
            }
            self.wait = wait;
            self.due = wait.deadline().and_then(|deadline| {
                let from = if deadline == Deadline::Bind { self.opened } else { Instant::now() };
                from.checked_add(self.options.limit(deadline)?)
            });
        }
        let due = self.due?;
        loop {
            match &mut self.sleep {
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(due))),
                Some(sleep) if sleep.deadline() > due => sleep.as_mut().reset(due),
                Some(sleep) => match sleep.as_mut().poll(cx) {
                    Poll::Pending => return None,
                    Poll::Ready(()) if sleep.deadline() >= due => return wait.deadline(),
                    // It was set for something earlier.
                    Poll::Ready(()) => sleep.as_mut().reset(due),
                },
            }
        }
    }
}

//! What a server refuses, and why: the one place to count and to log it.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Something that a server has limited amounts of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Connections.
    Connections,
    /// Association groups.
    Groups,
    /// Presentation contexts.
    Contexts,
    /// Security contexts.
    SecurityContexts,
    /// Context handles.
    Handles,
    /// Calls.
    Calls,
    /// Octets of requests.
    RequestOctets,
    /// Fragments of a request.
    Fragments,
    /// Octets of responses that wait to be sent.
    ResponseOctets,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Connections,
        Self::Groups,
        Self::Contexts,
        Self::SecurityContexts,
        Self::Handles,
        Self::Calls,
        Self::RequestOctets,
        Self::Fragments,
        Self::ResponseOctets,
    ];

    /// Its name, in lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Groups => "groups",
            Self::Contexts => "contexts",
            Self::SecurityContexts => "security_contexts",
            Self::Handles => "handles",
            Self::Calls => "calls",
            Self::RequestOctets => "request_octets",
            Self::Fragments => "fragments",
            Self::ResponseOctets => "response_octets",
        }
    }
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One connection's.
    Connection,
    /// One client's.
    Client,
    /// The whole server's.
    Server,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Client, Self::Server];

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// What a client took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// To bind, from the moment that it connected.
    Bind,
    /// To send the next leg of authentication.
    Leg,
    /// To send the rest of a PDU, or of a request.
    Receive,
    /// To read what is sent to it.
    Send,
    /// To do anything at all.
    Idle,
}

impl Deadline {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Bind, Self::Leg, Self::Receive, Self::Send, Self::Idle];

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Leg => "leg",
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Idle => "idle",
        }
    }
}

/// What a server refuses because of its limits. All of it goes through
/// [`Quotas::refused`](super::Quotas::refused).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// There would be too much of something.
    TooMany(Resource, Scope),
    /// A call, because the server shuts down.
    ShuttingDown,
    /// A connection, because its client took too long.
    TimedOut(Deadline),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(resource, scope) => write!(f, "limit of {} per {}", resource.name(), scope.name()),
            Self::ShuttingDown => f.write_str("the server shuts down"),
            Self::TimedOut(deadline) => write!(f, "time-out: {}", deadline.name()),
        }
    }
}

impl std::error::Error for Refused {}

/// How often everything was refused.
#[derive(Debug, Default)]
pub(super) struct Counts {
    too_many: [[AtomicU64; Scope::ALL.len()]; Resource::ALL.len()],
    shutting_down: AtomicU64,
    timed_out: [AtomicU64; Deadline::ALL.len()],
}

impl Counts {
    pub(super) fn count(&self, refused: Refused) {
        let counter = match refused {
            Refused::TooMany(resource, scope) => {
                self.too_many.get(resource as usize).and_then(|scopes| scopes.get(scope as usize))
            }
            Refused::ShuttingDown => Some(&self.shutting_down),
            Refused::TimedOut(deadline) => self.timed_out.get(deadline as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn all(&self) -> Vec<(Refused, u64)> {
        let too_many = Resource::ALL.into_iter().zip(&self.too_many).flat_map(|(resource, scopes)| {
            let scopes = Scope::ALL.into_iter().zip(scopes);
            scopes.map(move |(scope, count)| (Refused::TooMany(resource, scope), count))
        });
        let timed_out = Deadline::ALL.into_iter().zip(&self.timed_out);
        let timed_out = timed_out.map(|(deadline, count)| (Refused::TimedOut(deadline), count));
        let all = too_many.chain(timed_out).chain([(Refused::ShuttingDown, &self.shutting_down)]);
        all.map(|(refused, count)| (refused, count.load(Ordering::Relaxed))).filter(|&(_, count)| count > 0).collect()
    }
}

/// Lets a line into the log every second, and counts what it does not let in: an attack must not
/// fill the disk.
#[derive(Debug)]
pub(super) struct Throttle {
    start: Instant,
    /// Milliseconds from `start` on until which nothing is let in.
    quiet_until: AtomicU64,
    left_out: AtomicU64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { start: Instant::now(), quiet_until: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }
}

impl Throttle {
    const PERIOD: Duration = Duration::from_secs(1);

    /// How many were left out since the last one that was let in; `None` if this one is left out.
    pub(super) fn admit(&self) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.start.elapsed());
        let quiet_until = self.quiet_until.load(Ordering::Relaxed);
        let next = now.saturating_add(millis(Self::PERIOD));
        let admitted = now >= quiet_until
            && self.quiet_until.compare_exchange(quiet_until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if admitted {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_counter_of_its_own() {
        let counts = Counts::default();
        let mut expected = Vec::new();
        for (index, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(resource as usize, index);
            for (index, scope) in Scope::ALL.into_iter().enumerate() {
                assert_eq!(scope as usize, index);
                expected.push((Refused::TooMany(resource, scope), 1));
            }
        }
        for (index, deadline) in Deadline::ALL.into_iter().enumerate() {
            assert_eq!(deadline as usize, index);
            expected.push((Refused::TimedOut(deadline), 1));
        }
        expected.push((Refused::ShuttingDown, 1));
        assert_eq!(counts.all(), []);
        expected.iter().for_each(|&(refused, _)| counts.count(refused));
        assert_eq!(counts.all(), expected);
    }
}

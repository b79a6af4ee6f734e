//! What a server refuses, and why: the one place to count and to log it.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
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

/// Lets some lines into the log every second, and counts what it does not let in: an attack must
/// not fill the disk.
#[derive(Debug)]
pub(super) struct Throttle {
    start: Instant,
    /// Lines in a second.
    lines: u64,
    /// The second that lines are counted in, from `start` on.
    second: AtomicU64,
    counted: AtomicU64,
    left_out: AtomicU64,
}

impl Throttle {
    pub(super) fn new(lines: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self { start: Instant::now(), lines, second: zero(), counted: zero(), left_out: zero() }
    }

    /// How many were left out since the last one that was let in; `None` if this one is left out.
    pub(super) fn admit(&self) -> Option<u64> {
        let now = self.start.elapsed().as_secs();
        if self.second.swap(now, Ordering::Relaxed) != now {
            self.counted.store(0, Ordering::Relaxed);
        }
        if self.counted.fetch_add(1, Ordering::Relaxed) < self.lines {
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

    #[test]
    fn lines_that_are_left_out_are_counted() {
        let throttle = Throttle::new(2);
        // In whichever second that falls.
        let admitted: Vec<_> = (0..1000).map(|_| throttle.admit()).collect();
        let lines = admitted.iter().flatten().count();
        assert!((2..=6).contains(&lines), "{lines} lines");
        let told: u64 = admitted.into_iter().flatten().sum();
        assert_eq!(told + throttle.left_out.load(Ordering::Relaxed) + lines as u64, 1000);
    }
}

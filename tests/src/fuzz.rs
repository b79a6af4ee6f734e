//! Hostile stubs for every operation of every generated interface: no panic, no memory beyond what
//! the octets justify, and what is accepted is the same after another round trip.
//!
//! `cargo run -p msrpc-tests --release --bin fuzz -- --seconds 60` mutates without end, `fuzz/` does
//! it under libFuzzer, and `cargo test` does a little of it with a fixed seed.

mod mutate;

use std::{fmt, panic};

use msrpc_ndr::{
    Bytes, Decoder, Encoder, Encoding, Level,
    reflect::{AnyMessage, Messages, Random, Reflection},
};
use msrpc_protocols::{clusapi2, clusapi3, epm, fsrvp, mgmt, ms_dcom};

use crate::{fixtures, fixtures::hex, ndrdump::Direction, protocols};

pub use mutate::mutate;

/// Every generated interface.
pub static INTERFACES: [&Reflection; 8] = [
    &clusapi2::clusapi::REFLECTION,
    &clusapi3::clusapi::REFLECTION,
    &fsrvp::file_server_vss_agent::REFLECTION,
    &epm::ept::REFLECTION,
    &mgmt::mgmt::REFLECTION,
    &ms_dcom::i_activation::REFLECTION,
    &ms_dcom::i_object_exporter::REFLECTION,
    &ms_dcom::i_remote_scm_activator::REFLECTION,
];

/// A stub, and what it is taken for.
#[derive(Clone, Debug)]
pub struct Case {
    /// The interface.
    pub reflection: &'static Reflection,
    /// The operation.
    pub opnum: u16,
    /// The side.
    pub direction: Direction,
    /// The encoding.
    pub encoding: Encoding,
    /// The level of the checks.
    pub level: Level,
    /// The octets.
    pub stub: Vec<u8>,
}

/// What became of a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused with a typed error.
    Refused,
    /// It was accepted, and has no representation of ours: a count that NDR cannot carry, say.
    NoRepresentation,
    /// It was accepted, and was the same after marshalling and unmarshalling it again.
    Accepted,
}

/// A rule that was broken, and the stub that broke it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}\n{case}")]
pub struct Violation {
    /// What went wrong.
    pub what: String,
    /// With what.
    pub case: Box<Case>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.reflection.interface.operation(self.opnum).map_or("?", |operation| operation.name);
        let Self { reflection, opnum, direction, encoding, level, .. } = self;
        let interface = reflection.interface.name;
        write!(f, "{interface} {name} ({opnum}) {direction:?} {encoding:?} {level:?}\n{}", hex::encode(&self.stub))
    }
}

impl Case {
    /// A case that arbitrary octets decide: four for what the others are taken for.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (&[interface, opnum, how, _], stub) = octets.split_first_chunk()?;
        let reflection = INTERFACES[usize::from(interface) % INTERFACES.len()];
        let opnum = u16::try_from(usize::from(opnum) % reflection.messages.len()).ok()?;
        reflection.messages.get(usize::from(opnum))?.as_ref()?;
        Some(Self {
            reflection,
            opnum,
            direction: if how & 1 == 0 { Direction::Request } else { Direction::Response },
            encoding: Encoding::ALL[usize::from(how >> 1) % 3],
            level: if how & 0x80 == 0 { Level::V6 } else { Level::V5 },
            stub: stub.to_vec(),
        })
    }

    fn messages(&self) -> Option<&'static Messages> {
        self.reflection.messages.get(usize::from(self.opnum))?.as_ref()
    }

    fn decode(&self, stub: Bytes) -> Option<Result<Box<dyn AnyMessage>, msrpc_ndr::DecodeError>> {
        let messages = self.messages()?;
        let mut d = Decoder::new(stub, self.encoding).level(self.level);
        Some(match self.direction {
            Direction::Request => (messages.decode_request)(&mut d),
            Direction::Response => (messages.decode_response)(&mut d),
        })
    }

    /// Unmarshals the stub, and if that succeeds, marshals and unmarshals it again.
    ///
    /// # Errors
    /// Says which rule does not hold.
    pub fn check(&self) -> Result<Outcome, Violation> {
        let violation = |what: String| Violation { what, case: Box::new(self.clone()) };
        match panic::catch_unwind(panic::AssertUnwindSafe(|| self.round_trip())) {
            Ok(outcome) => outcome.map_err(violation),
            Err(_) => Err(violation("a panic".to_owned())),
        }
    }

    fn round_trip(&self) -> Result<Outcome, String> {
        let Some(Ok(message)) = self.decode(self.stub.clone().into()) else { return Ok(Outcome::Refused) };
        // A capacity that the stub claims is no reason to fill gigabytes here.
        let mut e = Encoder::new(self.encoding).max_len(self.stub.len() as u64 * 16 + (1 << 20));
        if message.encode(&mut e).is_err() {
            return Ok(Outcome::NoRepresentation);
        }
        match self.decode(e.into_bytes()) {
            Some(Ok(again)) if again.equals(&*message) => Ok(Outcome::Accepted),
            Some(Ok(again)) => Err(format!("another message after a round trip\n{message:?}\n{again:?}")),
            Some(Err(error)) => Err(format!("what we marshalled is refused: {error}\n{message:?}")),
            None => Err("no messages".to_owned()),
        }
    }

    /// Unmarshals the stub alone, for measuring.
    pub fn only_decode(&self) {
        drop(self.decode(self.stub.clone().into()));
    }
}

/// Well-formed stubs to begin with: the committed ones, and random messages of every operation.
#[must_use]
pub fn corpus(random_messages: u64) -> Vec<Case> {
    let mut cases: Vec<Case> = committed();
    for reflection in INTERFACES {
        for (opnum, messages) in reflection.messages.iter().enumerate() {
            let (Some(messages), Ok(opnum)) = (messages, u16::try_from(opnum)) else { continue };
            for seed in 0..random_messages {
                let (request, response) = (messages.random)(&mut Random::new(seed));
                for (direction, message) in [(Direction::Request, request), (Direction::Response, response)] {
                    cases.extend(Encoding::ALL.into_iter().filter_map(|encoding| {
                        let mut e = Encoder::new(encoding);
                        message.encode(&mut e).ok()?;
                        let stub = e.into_bytes().to_vec();
                        Some(Case { reflection, opnum, direction, encoding, level: Level::V6, stub })
                    }));
                }
            }
        }
    }
    cases
}

/// The committed stubs.
#[must_use]
pub fn committed() -> Vec<Case> {
    let mut cases = Vec::new();
    for protocol in &protocols::PROTOCOLS {
        let references = fixtures::references(protocol.fixtures).into_iter();
        let captures = protocol.samba.map(|_| fixtures::captures(protocol.fixtures)).into_iter().flatten();
        let stubs = references
            .map(|reference| (reference.opnum, reference.direction, reference.encoding, reference.stub))
            .chain(captures.map(|capture| (capture.opnum, capture.direction, capture.encoding, capture.stub)));
        cases.extend(stubs.map(|(opnum, direction, encoding, stub)| Case {
            reflection: protocol.reflection,
            opnum,
            direction,
            encoding: protocols::encoding(encoding),
            level: Level::V6,
            stub,
        }));
    }
    cases
}

/// The most memory that unmarshalling a stub of this length may take at a time: its copy, what a
/// decoder needs, and values that are larger in memory than on the wire, by a factor that the types
/// of these interfaces decide.
#[must_use]
pub const fn memory_limit(stub: usize) -> usize {
    4096 + 40 * stub
}

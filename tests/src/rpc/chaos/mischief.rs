//! What may happen to what travels.

use msrpc_ndr::reflect::Random;

/// Something that happens to a part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It comes later.
    Delay,
    /// It comes octet by octet.
    Dribble,
    /// It comes twice.
    Repeat,
    /// It does not come.
    Lose,
    /// It comes behind the next one.
    Swap,
    /// Some of its bits are others.
    Change,
    /// Only its beginning comes, and the connection ends.
    Cut,
    /// This direction ends, the other one goes on.
    HalfClose,
    /// Nothing comes any more, and nothing ends.
    Stall,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Delay,
        Self::Dribble,
        Self::Repeat,
        Self::Lose,
        Self::Swap,
        Self::Change,
        Self::Cut,
        Self::HalfClose,
        Self::Stall,
    ];

    /// Its place among all.
    #[must_use]
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|&kind| kind == self).unwrap_or_default()
    }
}

/// How a direction of a connection is treated.
#[derive(Clone, Debug)]
pub(super) struct Temper {
    random: Random,
    /// One part in so many is harmed; 0 for none.
    one_in: u64,
    /// Parts are PDUs, and not as many octets as chance will have it.
    pub(super) by_pdu: bool,
    /// Nothing is lost or changed: what comes late is all that happens.
    gentle: bool,
}

impl Temper {
    /// A direction that is left in peace.
    pub(super) fn peaceful() -> Self {
        Self { random: Random::new(0), one_in: 0, by_pdu: false, gentle: true }
    }

    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let one_in = [4, 16, 64, 256][random.below(4) as usize];
        let (by_pdu, gentle) = (random.one_in(2), random.one_in(6));
        Self { random, one_in, by_pdu, gentle }
    }

    /// Octets of the next part.
    pub(super) fn part(&mut self) -> usize {
        1 + self.random.below(3000) as usize
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.random.below(limit)
    }

    /// What happens to the next part.
    pub(super) fn next(&mut self) -> Option<Kind> {
        if self.one_in == 0 || !self.random.one_in(self.one_in) {
            return None;
        }
        // The first two harm nobody.
        let kinds = if self.gentle { 2 } else { Kind::ALL.len() as u64 };
        let kind = Kind::ALL.get(self.random.below(kinds) as usize).copied()?;
        // What ends it all is rarer, so that there is more to see before.
        let rare = matches!(kind, Kind::Cut | Kind::HalfClose | Kind::Stall) && !self.random.one_in(3);
        if rare { None } else { Some(kind) }
    }
}

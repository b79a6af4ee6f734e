//! Values out of nothing, for tests: a small generator that a seed decides.

use crate::{NString, WString};

/// A source of random values. The same seed gives the same values.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    depth: u32,
}

impl Random {
    /// How deeply values nest before they end.
    const MAX_DEPTH: u32 = 6;

    /// A source that the seed decides.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, depth: 0 }
    }

    /// Any number (SplitMix64).
    pub fn u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a limit; 0 for the limit 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.u64().checked_rem(limit).unwrap_or_default()
    }

    /// A number between two, both included.
    pub fn between(&mut self, min: i64, max: i64) -> i64 {
        let span = (i128::from(max) - i128::from(min) + 1).clamp(1, i128::from(u64::MAX));
        min.wrapping_add_unsigned(self.below(u64::try_from(span).unwrap_or(u64::MAX)))
    }

    /// One time in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// The number of elements of an array: small, and 0 where values nest deeply.
    pub fn count(&mut self) -> usize {
        if self.depth > Self::MAX_DEPTH {
            return 0;
        }
        let limit = if self.one_in(8) { 24 } else { 5 };
        usize::try_from(self.below(limit)).unwrap_or_default()
    }

    /// Whether a pointer refers to something.
    pub fn present(&mut self) -> bool {
        self.depth <= Self::MAX_DEPTH && !self.one_in(4)
    }

    /// Makes a value inside another.
    pub fn inside<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let value = make(self);
        self.depth -= 1;
        value
    }

    /// Octets.
    pub fn octets(&mut self) -> Vec<u8> {
        let len = self.count() * 7;
        (0..len).map(|_| self.u64() as u8).collect()
    }

    /// A well-formed string without NUL: letters, now and then others.
    pub fn wide(&mut self) -> WString {
        let len = self.count() * 3;
        let text: String = (0..len).map(|_| self.letter()).collect();
        text.into()
    }

    /// A string of ASCII letters.
    pub fn narrow(&mut self) -> NString {
        let len = self.count() * 3;
        let text: String = (0..len).map(|_| char::from(b'a' + self.below(26) as u8)).collect();
        text.into()
    }

    fn letter(&mut self) -> char {
        match self.below(12) {
            0 => 'ß',
            1 => '語',
            2 => '🦀',
            _ => char::from(b'A' + self.below(26) as u8),
        }
    }
}

//! Numbers that look random and are the same in every run (xorshift64*).
#![allow(dead_code, unreachable_pub, missing_docs)]

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below another.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    pub fn octets(&mut self, limit: usize) -> Vec<u8> {
        (0..self.below(limit)).map(|_| self.next() as u8).collect()
    }

    /// A short text of letters in both cases, some of which have odd ones.
    pub fn text(&mut self) -> String {
        const LETTERS: [char; 12] = ['a', 'A', 'b', 'B', 'ä', 'Ä', 'ß', 'ı', 'ǆ', 'Ж', '\u{10428}', '.'];
        (0..1 + self.below(3)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }
}

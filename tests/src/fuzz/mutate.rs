//! Mutations of stubs.

use msrpc_ndr::{Encoding, Level, reflect::Random};

use super::Case;
use crate::ndrdump::Direction;

/// Octets beyond which stubs do not grow.
const LONGEST: usize = 4096;

/// A few mutations of one of the cases.
#[must_use]
pub fn mutate(corpus: &[Case], random: &mut Random) -> Case {
    let mut case = pick(corpus, random).clone();
    for _ in 0..=random.below(4) {
        mutate_once(&mut case, corpus, random);
    }
    case.stub.truncate(LONGEST);
    case
}

fn pick<'a, T>(of: &'a [T], random: &mut Random) -> &'a T {
    &of[index(of.len(), random)]
}

fn index(len: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(len as u64)).unwrap_or_default()
}

fn mutate_once(case: &mut Case, corpus: &[Case], random: &mut Random) {
    let len = case.stub.len();
    match random.below(12) {
        0 => case.encoding = *pick(&Encoding::ALL, random),
        1 => case.level = *pick(&[Level::V5, Level::V6], random),
        2 => {
            // The stub of another operation.
            let other = pick(corpus, random);
            (case.reflection, case.opnum) = (other.reflection, other.opnum);
        }
        3 => case.direction = *pick(&[Direction::Request, Direction::Response], random),
        4 => case.stub.truncate(index(len + 1, random)),
        5 => {
            // The end of another stub.
            let other = pick(corpus, random);
            let from = index(other.stub.len() + 1, random);
            case.stub.truncate(index(len + 1, random));
            case.stub.extend_from_slice(&other.stub[from..]);
        }
        6 => {
            let octets: Vec<u8> = (0..=random.below(16)).map(|_| random.u64().to_le_bytes()[0]).collect();
            let at = index(len + 1, random);
            case.stub.splice(at..at, octets);
        }
        7 if len > 0 => {
            let (from, to) = (index(len, random), index(len, random));
            case.stub.drain(from.min(to)..from.max(to));
        }
        8 if len > 0 => case.stub[index(len, random)] ^= 1 << random.below(8),
        9 if len > 0 => case.stub[index(len, random)] = random.u64().to_le_bytes()[0],
        _ => word(&mut case.stub, random),
    }
}

/// Counts, referents and tags are words.
fn word(stub: &mut [u8], random: &mut Random) {
    let words = stub.as_chunks_mut::<4>().0;
    if words.is_empty() {
        return;
    }
    let (at, from) = (index(words.len(), random), index(words.len(), random));
    let old = u32::from_le_bytes(words[at]);
    let new = match random.below(10) {
        0 => 0,
        1 => 1,
        2 => u32::MAX,
        3 => 0x7fff_ffff,
        4 => 0x0002_0000,
        5 => old.wrapping_add(1),
        6 => old.wrapping_sub(1),
        7 => old.swap_bytes(),
        8 => u32::from_le_bytes(words[from]),
        _ => u32::try_from(random.below(100)).unwrap_or_default(),
    };
    words[at] = new.to_le_bytes();
}

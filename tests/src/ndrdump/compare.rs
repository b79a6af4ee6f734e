//! Field by field: is what Samba decoded what we meant?

use std::slice::Iter;

use msrpc_ndr::reflect::Value;
use thiserror::Error;
use uuid::Uuid;

use super::tree::{Node, Tree};

/// The first place where the two differ.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("at {path}: we meant {ours}, Samba decoded {theirs}")]
pub struct Mismatch {
    /// Field names and indices, ours.
    pub path: String,
    /// Our value.
    pub ours: String,
    /// Samba's.
    pub theirs: String,
}

/// Fields that Samba's IDL declares otherwise, by our name.
#[derive(Clone, Debug, Default)]
pub struct Leniency {
    /// Only this octet of the field was decoded: name, value.
    pub octets: Vec<(&'static str, u8)>,
    /// A zero may come back as a NULL pointer.
    pub null_for_zero: Vec<&'static str>,
    /// The two halves of a 64-bit integer come back swapped.
    pub swapped: Vec<&'static str>,
}

/// Compares the parameters of one side of an operation, in order, whatever their names.
///
/// Pointers that are not NULL are transparent, as in [`Value`]. Integers are equal if they
/// are so in the width that Samba prints. A status or a time that `ndrdump` prints in words
/// is compared as far as that goes (`ndrd` prints numbers).
///
/// # Errors
/// The first difference.
pub fn compare(ours: &Value, theirs: &[Node], leniency: &Leniency) -> Result<(), Mismatch> {
    let mut comparison = Comparison { path: Vec::new(), leniency };
    match ours {
        Value::Struct(fields) => comparison.fields(fields, theirs),
        other => Err(comparison.mismatch(other, &theirs)),
    }
}

struct Comparison<'a> {
    path: Vec<String>,
    leniency: &'a Leniency,
}

impl Comparison<'_> {
    fn fields(&mut self, ours: &[(&'static str, Value)], theirs: &[Node]) -> Result<(), Mismatch> {
        let mut rest = theirs.iter();
        for (name, value) in ours {
            self.path.push((*name).to_owned());
            self.next(value, &mut rest)?;
            self.path.pop();
        }
        match rest.next() {
            None => Ok(()),
            Some(more) => Err(self.mismatch(&"no further field", more)),
        }
    }

    fn elements<'v>(
        &mut self,
        ours: impl ExactSizeIterator<Item = &'v Value>,
        theirs: &[Node],
    ) -> Result<(), Mismatch> {
        if ours.len() != theirs.len() {
            return Err(self.mismatch(&format!("{} elements", ours.len()), &format!("{}", theirs.len())));
        }
        let mut rest = theirs.iter();
        for (index, value) in ours.enumerate() {
            self.path.push(format!("[{index}]"));
            self.next(value, &mut rest)?;
            self.path.pop();
        }
        Ok(())
    }

    fn next(&mut self, ours: &Value, rest: &mut Iter<'_, Node>) -> Result<(), Mismatch> {
        let Some(node) = rest.next() else {
            return Err(self.mismatch(ours, &"nothing"));
        };
        match (ours, &node.value) {
            (_, Tree::Pointer(inner)) => {
                let mut inner = inner.iter();
                self.next(ours, &mut inner)?;
                match inner.next() {
                    None => Ok(()),
                    Some(more) => Err(self.mismatch(&"one value", more)),
                }
            }
            (Value::Union(tag, arm), Tree::Union(case)) => {
                if i128::from(*tag) != *case {
                    return Err(self.mismatch(ours, node));
                }
                match **arm {
                    Value::Empty => Ok(()),
                    ref arm => self.next(arm, rest),
                }
            }
            (Value::Struct(fields), Tree::Struct(nodes)) => self.fields(fields, nodes),
            (Value::Array(values), Tree::Array(nodes)) => self.elements(values.iter(), nodes),
            (ours, theirs) if self.leaf(ours, theirs) => Ok(()),
            _ => Err(self.mismatch(ours, node)),
        }
    }

    fn leaf(&self, ours: &Value, theirs: &Tree) -> bool {
        match (ours, theirs) {
            (Value::Null, Tree::Null) => true,
            (Value::Uint(0), Tree::Null) => self.is_in(&self.leniency.null_for_zero),
            (Value::Uint(number), theirs) => self.integer(i128::from(*number), theirs),
            (Value::Int(number), theirs) => self.integer(i128::from(*number), theirs),
            (Value::Wide(units), Tree::Text(text)) => text.encode_utf16().eq(units.iter().copied()),
            (Value::Narrow(octets), Tree::Text(text)) => text.as_bytes() == octets.as_slice(),
            (Value::Wide(units), Tree::Array(nodes)) => numbers(units.iter().map(|&unit| i128::from(unit)), nodes),
            (Value::Bytes(octets), Tree::Array(nodes)) => numbers(octets.iter().map(|&octet| i128::from(octet)), nodes),
            (Value::Uuid(ours), Tree::Uuid(theirs)) => ours == theirs,
            (Value::Handle(octets), Tree::Struct(nodes)) => handle(octets, nodes),
            // Two 32-bit halves against one 64-bit integer (FILETIME, Samba's NTTIME).
            (Value::Struct(halves), theirs) => match halves.as_slice() {
                [(_, Value::Uint(low)), (_, Value::Uint(high))] => self.integer(i128::from(high << 32 | low), theirs),
                _ => false,
            },
            _ => false,
        }
    }

    fn integer(&self, ours: i128, theirs: &Tree) -> bool {
        match theirs {
            Tree::Number(number, bits) => {
                if let Some((_, octet)) = self.leniency.octets.iter().find(|(name, _)| self.is_at(name)) {
                    return *number == i128::from(*octet);
                }
                let number = if self.is_in(&self.leniency.swapped) { swap_halves(*number) } else { *number };
                let span = 1i128 << bits;
                (ours - number) % span == 0 && (-span / 2..span).contains(&ours)
            }
            Tree::Word(word) if word.starts_with("WERR_") => (word == "WERR_OK") == (ours == 0),
            Tree::Word(word) => time_in_words(word),
            _ => false,
        }
    }

    fn is_in(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_at(name))
    }

    fn is_at(&self, name: &str) -> bool {
        self.path.last().is_some_and(|last| last == name)
    }

    fn mismatch(&self, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug) -> Mismatch {
        Mismatch { path: self.path.join("."), ours: format!("{ours:?}"), theirs: format!("{theirs:?}") }
    }
}

fn numbers(ours: impl ExactSizeIterator<Item = i128>, theirs: &[Node]) -> bool {
    ours.len() == theirs.len()
        && ours.zip(theirs).all(|(ours, node)| matches!(node.value, Tree::Number(theirs, _) if theirs == ours))
}

/// A [`Value::Handle`] holds attributes and UUID as little-endian NDR has them.
fn handle(octets: &[u8; 20], theirs: &[Node]) -> bool {
    let (attributes, uuid) = octets.split_at(4);
    let attributes = attributes.iter().rev().fold(0, |sum, &octet| sum << 8 | i128::from(octet));
    let Ok(uuid) = uuid.try_into().map(Uuid::from_bytes_le) else {
        return false;
    };
    match theirs {
        [Node { value: Tree::Number(theirs, _), .. }, Node { value: Tree::Uuid(number), .. }] => {
            *theirs == attributes && *number == uuid
        }
        _ => false,
    }
}

fn swap_halves(number: i128) -> i128 {
    u64::try_from(number).map_or(number, |number| i128::from(number.rotate_left(32)))
}

/// `Mon Oct 14 04:02:06 2024 UTC` and Samba's names for times that are none.
fn time_in_words(word: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    word.starts_with("NTTIME(") || DAYS.iter().any(|day| word.starts_with(day))
}

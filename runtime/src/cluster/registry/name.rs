//! Names of keys and values, and paths of keys.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use msrpc_ndr::WString;

use super::pool::Pool;

/// Longest name of a key in UTF-16 code units ([MS-RRP] 3.1.1.1).
pub(super) const MAX_KEY_NAME: usize = 255;
/// Longest name of a value in UTF-16 code units.
pub(super) const MAX_VALUE_NAME: usize = 16_383;
/// How deep keys may nest.
pub(super) const MAX_DEPTH: usize = 512;

/// The name of a key or a value: UTF-16 code units, kept as given, compared without regard to case.
#[derive(Clone)]
pub struct Name(Arc<[u16]>);

/// Why a name or a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A key's name is empty, as between two backslashes.
    #[error("a key's name is empty")]
    Empty,
    /// A name is longer than it may be.
    #[error("a name has {length} code units; it may have {limit}")]
    TooLong {
        /// Its length in code units.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A path begins with a backslash.
    #[error("a path of keys begins with a backslash")]
    Absolute,
    /// There is a null or, in a key's name, a backslash.
    #[error("a name has a character that none may have")]
    Forbidden,
    /// Too many keys within each other.
    #[error("keys nest more than {MAX_DEPTH} deep")]
    TooDeep,
}

impl Name {
    /// The name of a value; the empty one is that of the default value.
    ///
    /// # Errors
    ///
    /// Fails if it is too long or has a null in it.
    pub fn of_value(text: &WString) -> Result<Self, NameError> {
        Self::new(text.units().collect(), MAX_VALUE_NAME)
    }

    /// The name of a key.
    fn of_key(units: &[u16]) -> Result<Self, NameError> {
        match units {
            [] => Err(NameError::Empty),
            units => Self::new(units.into(), MAX_KEY_NAME),
        }
    }

    fn new(units: Arc<[u16]>, limit: usize) -> Result<Self, NameError> {
        if units.len() > limit {
            return Err(NameError::TooLong { length: units.len(), limit });
        }
        if units.contains(&0) {
            return Err(NameError::Forbidden);
        }
        Ok(Self(units))
    }

    /// The code units.
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// The same, sharing memory with others of a pool that are written like it.
    pub(super) fn shared(&self, pool: &mut Pool) -> Self {
        Self(pool.name(&self.0))
    }

    /// The code units that comparisons go by: two names are the same if these are.
    pub fn folded(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().map(|&unit| upper(unit))
    }

    /// The name as it travels.
    pub fn to_wstring(&self) -> WString {
        WString::from_units(self.0.iter().copied())
    }

    /// Whether two names differ in case only, or not at all.
    pub fn matches(&self, text: &str) -> bool {
        let mut units = text.encode_utf16();
        self.0.iter().all(|&unit| units.next().is_some_and(|other| upper(other) == upper(unit)))
            && units.next().is_none()
    }
}

/// The upper-case form of a code unit, where that is one code unit, too: how Windows compares names.
fn upper(unit: u16) -> u16 {
    if unit < 0x80 {
        return if (0x61..=0x7a).contains(&unit) { unit - 0x20 } else { unit };
    }
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}

impl Default for Name {
    /// The empty name: that of a key's default value.
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // In pieces: a hasher takes many octets at once far faster than two at a time.
        let mut piece = [0; 64];
        for units in self.0.chunks(piece.len() / 2) {
            let mut length = 0;
            for (place, &unit) in piece.as_chunks_mut::<2>().0.iter_mut().zip(units) {
                *place = upper(unit).to_le_bytes();
                length += 2;
            }
            state.write(piece.get(..length).unwrap_or_default());
        }
        state.write_usize(self.0.len());
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let first = self.0.iter().zip(other.0.iter()).find_map(|(&one, &other)| {
            // Most are the same as they stand.
            if one == other { None } else { Some(upper(one).cmp(&upper(other))).filter(|order| order.is_ne()) }
        });
        first.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf16_lossy(&self.0))
    }
}

/// A path of keys relative to another, without a leading backslash; empty for that key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Name>);

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    ///
    /// Fails if it begins with a backslash or a part of it is no name of a key.
    pub fn parse(text: &WString) -> Result<Self, NameError> {
        Self::of_units(&text.units().collect::<Vec<_>>())
    }

    /// Parses a path of this code.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn new(text: &str) -> Result<Self, NameError> {
        Self::of_units(&text.encode_utf16().collect::<Vec<_>>())
    }

    pub(super) fn of_units(units: &[u16]) -> Result<Self, NameError> {
        const BACKSLASH: u16 = b'\\' as u16;
        match units {
            [] => return Ok(Self::default()),
            [BACKSLASH, ..] => return Err(NameError::Absolute),
            _ => {}
        }
        // One at the end is tolerated, as Windows does.
        let units = units.strip_suffix(&[BACKSLASH]).unwrap_or(units);
        let names: Vec<Name> = units.split(|&unit| unit == BACKSLASH).map(Name::of_key).collect::<Result<_, _>>()?;
        if names.len() > MAX_DEPTH { Err(NameError::TooDeep) } else { Ok(Self(names)) }
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[Name] {
        &self.0
    }
}

//! Errors of marshalling and unmarshalling.

use std::fmt;

use uuid::Uuid;

/// A value that has no representation on the wire. The caller of a client method, or the
/// implementer of a server method, is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(Box<EncodeErrorInner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct EncodeErrorInner {
    kind: EncodeErrorKind,
    path: Vec<&'static str>,
}

/// What is wrong with a value to be marshalled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Arrays that share one count differ in length.
    #[error("{count} is {expected}, but the array has {found} elements")]
    CountMismatch {
        /// The count's IDL name.
        count: &'static str,
        /// The value that the count has, or that another array gave it.
        expected: u64,
        /// The length found.
        found: u64,
    },
    /// An array is longer than the capacity that was given for it.
    #[error("{len} elements do not fit a capacity of {capacity}")]
    OverCapacity {
        /// Elements present.
        len: u64,
        /// Elements allowed.
        capacity: u64,
    },
    /// An array or string is longer than NDR can say (2³¹ − 1 elements, [MS-RPCE] 3.1.1.5.3.2.2.1).
    #[error("{len} elements are more than NDR can carry")]
    TooLong {
        /// Elements present.
        len: u64,
    },
    /// A number does not fit its wire type.
    #[error("{value} does not fit the {wire} on the wire")]
    DoesNotFit {
        /// The number.
        value: u64,
        /// The wire type.
        wire: &'static str,
    },
    /// A number is outside its `[range]`.
    #[error("{value} is not between {min} and {max}")]
    OutOfRange {
        /// The number.
        value: i64,
        /// Smallest value allowed.
        min: i64,
        /// Largest value allowed.
        max: i64,
    },
    /// A union's arm is not the one that its visible discriminant selects.
    #[error("the union holds arm {found}, but its discriminant is {expected}")]
    TagMismatch {
        /// The discriminant given.
        expected: u64,
        /// The arm's discriminant.
        found: u64,
    },
    /// A union's variant carries a discriminant that selects another arm.
    #[error("discriminant {tag} does not select this arm of the union")]
    WrongArm {
        /// The discriminant.
        tag: u64,
    },
    /// Values are nested deeper than the limit.
    #[error("nested deeper than {limit} pointers")]
    TooDeep {
        /// The limit.
        limit: u16,
    },
    /// The encoded stub would be larger than the limit.
    #[error("the stub would exceed {limit} octets")]
    TooLarge {
        /// The limit in octets.
        limit: u64,
    },
    /// A pointer is to another interface than `iid_is` says.
    #[error("the pointer is to interface {found}, but iid_is says {expected}")]
    WrongIid {
        /// The interface that `iid_is` names.
        expected: Uuid,
        /// The interface that the reference is for; nil where it is no OBJREF.
        found: Uuid,
    },
    /// A value cannot be what a VARIANT refers to, or an element of a SAFEARRAY.
    #[error("{what} has no representation in {place}")]
    NoVariant {
        /// The value.
        what: &'static str,
        /// Where it stands.
        place: &'static str,
    },
    /// A context handle of another association was passed to a client.
    #[error("the context handle belongs to another association")]
    ForeignHandle,
}

impl EncodeError {
    /// Makes an error.
    #[cold]
    pub fn new(kind: EncodeErrorKind) -> Self {
        Self(Box::new(EncodeErrorInner { kind, path: Vec::new() }))
    }

    /// What is wrong.
    pub fn kind(&self) -> &EncodeErrorKind {
        &self.0.kind
    }

    /// Adds the parameter or member that was being marshalled.
    #[cold]
    pub fn within(mut self, what: &'static str) -> Self {
        self.0.path.push(what);
        self
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, &self.0.path)?;
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for EncodeError {}

/// Octets that are no well-formed stub of the type expected. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<DecodeErrorInner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct DecodeErrorInner {
    kind: DecodeErrorKind,
    offset: usize,
    path: Vec<&'static str>,
}

/// What is wrong with a stub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The stub ends too early.
    #[error("expected {expected} octets, {remaining} are left")]
    Truncated {
        /// Octets needed.
        expected: u64,
        /// Octets left.
        remaining: u64,
    },
    /// A count promises more elements than the octets left can hold.
    #[error("a count of {count} needs at least {expected} octets, {remaining} are left")]
    CountTooLarge {
        /// The count.
        count: u64,
        /// Octets the elements need at the least.
        expected: u64,
        /// Octets left.
        remaining: u64,
    },
    /// A count on the wire contradicts the value that dictates it ([MS-RPCE] 3.1.1.5.3.1).
    #[error("{count} is {expected}, but the array says {found}")]
    CountMismatch {
        /// The IDL name of what dictates the count.
        count: &'static str,
        /// Its value.
        expected: u64,
        /// The value at the array.
        found: u64,
    },
    /// An array claims more elements than its bound, or than its maximum count.
    #[error("{found} elements exceed the maximum of {max}")]
    OverMaximum {
        /// The number of elements.
        found: u64,
        /// The maximum.
        max: u64,
    },
    /// The offset of a varying array or string is not zero.
    #[error("the offset of an array or string is {found} instead of 0")]
    Offset {
        /// The offset found.
        found: u64,
    },
    /// A string has no terminator at its end.
    #[error("a string has no terminator")]
    Unterminated,
    /// A NULL pointer stands where a count says that there are elements ([MS-RPCE]
    /// 3.1.1.5.3.3.1.2).
    #[error("{count} is {found}, but the pointer is NULL")]
    NullWithCount {
        /// The count's IDL name.
        count: &'static str,
        /// Its value.
        found: u64,
    },
    /// A reference pointer is NULL.
    #[error("a reference pointer is NULL")]
    NullReference,
    /// A union's discriminant selects no arm.
    #[error("{tag} selects no arm of the union")]
    InvalidTag {
        /// The discriminant.
        tag: u64,
    },
    /// A union's discriminant contradicts the value that dictates it.
    #[error("the union says {found}, but its discriminant is {expected}")]
    TagMismatch {
        /// The value that dictates.
        expected: u64,
        /// The value in the union.
        found: u64,
    },
    /// A number is outside its `[range]`.
    #[error("{value} is not between {min} and {max}")]
    OutOfRange {
        /// The number.
        value: i64,
        /// Smallest value allowed.
        min: i64,
        /// Largest value allowed.
        max: i64,
    },
    /// A chunk of a pipe ends in another number of elements than it began with ([MS-RPCE]
    /// 2.2.5.3.4.5).
    #[error("a chunk of {count} elements ends with {found:#x} instead of their negated number")]
    ChunkEnd {
        /// The number of elements.
        count: u64,
        /// What stands at the end.
        found: u64,
    },
    /// Values are nested deeper than the limit.
    #[error("nested deeper than {limit} pointers")]
    TooDeep {
        /// The limit.
        limit: u16,
    },
    /// A pointer is to another interface than `iid_is` says ([MS-DCOM] 2.2.17).
    #[error("the pointer is to interface {found}, but iid_is says {expected}")]
    WrongIid {
        /// The interface that `iid_is` names.
        expected: Uuid,
        /// The interface that the reference is for; nil where it is no OBJREF.
        found: Uuid,
    },
    /// A SAFEARRAY has elements of another type than its parameter or member says.
    #[error("a SAFEARRAY of {expected} has elements of type {found:#x}")]
    ElementType {
        /// The Rust type of the elements expected.
        expected: &'static str,
        /// The discriminant found (SF_TYPE, [MS-OAUT] 2.2.8).
        found: u32,
    },
    /// A full pointer refers to a value of another type, or to itself.
    #[error("full pointer {referent:#x} refers to something else")]
    BadReferent {
        /// The referent.
        referent: u64,
    },
}

impl DecodeError {
    /// Makes an error at an offset of the stub.
    #[cold]
    pub fn new(offset: usize, kind: DecodeErrorKind) -> Self {
        Self(Box::new(DecodeErrorInner { kind, offset, path: Vec::new() }))
    }

    /// What is wrong.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Whether more octets might be all that is missing.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self.kind(), DecodeErrorKind::Truncated { .. } | DecodeErrorKind::CountTooLarge { .. })
    }

    /// Where: octets from the start of the stub.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The parameters and members being unmarshalled, outermost first, as the IDL spells them.
    pub fn path(&self) -> impl Iterator<Item = &'static str> {
        self.0.path.iter().rev().copied()
    }

    /// Adds the parameter or member that was being unmarshalled.
    #[cold]
    pub fn within(mut self, what: &'static str) -> Self {
        self.0.path.push(what);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(f, &self.0.path)?;
        write!(f, "{} at offset {}", self.0.kind, self.0.offset)
    }
}

impl std::error::Error for DecodeError {}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[&str]) -> fmt::Result {
    for what in path.iter().rev() {
        write!(f, "{what}: ")?;
    }
    Ok(())
}

/// Names the parameter or member on the error path; free on the good path.
pub trait At: Sized {
    /// Adds `what` to the error, if there is one.
    fn at(self, what: &'static str) -> Self;
}

impl<T> At for Result<T, DecodeError> {
    #[inline]
    fn at(self, what: &'static str) -> Self {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error.within(what)),
        }
    }
}

impl<T> At for Result<T, EncodeError> {
    #[inline]
    fn at(self, what: &'static str) -> Self {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error.within(what)),
        }
    }
}

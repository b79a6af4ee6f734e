//! Transfer syntaxes, byte orders and alignments.

use uuid::{Uuid, uuid};

/// A transfer syntax that stubs are marshalled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// NDR version 2.0 (C706 chapter 14 with [MS-RPCE] 2.2.4).
    Ndr,
    /// NDR64 version 1.0 ([MS-RPCE] 2.2.5).
    Ndr64,
}

impl Syntax {
    /// The identifier that presentation contexts are negotiated with ([MS-RPCE] 2.2.4.12,
    /// 2.2.5.1).
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Ndr => uuid!("8a885d04-1ceb-11c9-9fe8-08002b104860"),
            Self::Ndr64 => uuid!("71710533-beba-4937-8319-b5dbef9ccc36"),
        }
    }

    /// Major and minor version of the identifier.
    pub const fn version(self) -> (u16, u16) {
        match self {
            Self::Ndr => (2, 0),
            Self::Ndr64 => (1, 0),
        }
    }
}

/// Order of the octets of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant octet first; what Windows sends.
    Little,
    /// Most significant octet first.
    Big,
}

/// How a stub is laid out: one of three combinations, because NDR64 is little-endian only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    syntax: Syntax,
    order: ByteOrder,
}

impl Encoding {
    /// NDR, little-endian.
    pub const NDR: Self = Self { syntax: Syntax::Ndr, order: ByteOrder::Little };
    /// NDR, big-endian.
    pub const NDR_BIG: Self = Self { syntax: Syntax::Ndr, order: ByteOrder::Big };
    /// NDR64, little-endian.
    pub const NDR64: Self = Self { syntax: Syntax::Ndr64, order: ByteOrder::Little };
    /// Every encoding there is.
    pub const ALL: [Self; 3] = [Self::NDR, Self::NDR_BIG, Self::NDR64];

    /// The encoding of a syntax in a byte order; `None` for big-endian NDR64.
    pub const fn new(syntax: Syntax, order: ByteOrder) -> Option<Self> {
        match (syntax, order) {
            (Syntax::Ndr64, ByteOrder::Big) => None,
            (syntax, order) => Some(Self { syntax, order }),
        }
    }

    /// The same syntax, little-endian.
    pub(crate) const fn little(self) -> Self {
        Self { syntax: self.syntax, order: ByteOrder::Little }
    }

    /// The transfer syntax.
    pub const fn syntax(self) -> Syntax {
        self.syntax
    }

    /// The byte order.
    pub const fn order(self) -> ByteOrder {
        self.order
    }

    /// Whether the syntax is NDR64.
    #[inline]
    pub const fn is_ndr64(self) -> bool {
        matches!(self.syntax, Syntax::Ndr64)
    }

    /// Whether integers are big-endian.
    #[inline]
    pub const fn is_big(self) -> bool {
        matches!(self.order, ByteOrder::Big)
    }
}

/// Alignment of a type in octets: 1, 2, 4 or 8, per transfer syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Align {
    /// In NDR.
    pub ndr: u8,
    /// In NDR64.
    pub ndr64: u8,
}

impl Align {
    /// One octet in both.
    pub const BYTE: Self = Self::same(1);
    /// Counts and referents: four octets in NDR, eight in NDR64.
    pub const WORD: Self = Self::of(4, 8);

    /// An alignment per syntax.
    pub const fn of(ndr: u8, ndr64: u8) -> Self {
        Self { ndr, ndr64 }
    }

    /// The same alignment in both syntaxes.
    pub const fn same(octets: u8) -> Self {
        Self::of(octets, octets)
    }

    /// The larger of two alignments, in each syntax.
    pub const fn max(self, other: Self) -> Self {
        Self {
            ndr: if self.ndr > other.ndr { self.ndr } else { other.ndr },
            ndr64: if self.ndr64 > other.ndr64 { self.ndr64 } else { other.ndr64 },
        }
    }

    /// The alignment in one syntax.
    #[inline]
    pub const fn get(self, encoding: Encoding) -> usize {
        (if encoding.is_ndr64() { self.ndr64 } else { self.ndr }) as usize
    }
}

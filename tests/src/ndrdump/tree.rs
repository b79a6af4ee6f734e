//! What Samba says it decoded.

use uuid::Uuid;

/// One side of an operation as Samba decoded it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Samba's name of the operation.
    pub function: String,
    /// The parameters in Samba's order, the result last.
    pub fields: Vec<Node>,
    /// How many bytes of the stub were left over.
    pub unread: usize,
    /// The same values encoded again by Samba; `None` if it was not asked or could not.
    pub encoded: Option<Vec<u8>>,
}

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Samba's name, for messages only.
    pub name: String,
    /// The value.
    pub value: Tree,
}

/// A value as printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A NULL pointer.
    Null,
    /// A pointer (a ref pointer too) and what it points to: one node, or two for a union.
    Pointer(Vec<Node>),
    /// An integer, enumeration or bitmap, and its width in bits as far as it shows.
    Number(i128, u32),
    /// A string.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
    /// A structure.
    Struct(Vec<Node>),
    /// A union's discriminant. Its arm, if not empty, is the node that follows this one.
    Union(i128),
    /// An array.
    Array(Vec<Node>),
    /// Anything that is printed in words, such as `WERR_MORE_DATA` or a time.
    Word(String),
}

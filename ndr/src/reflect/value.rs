//! Values without their Rust types.

use uuid::Uuid;

/// A marshalled value without its Rust type: what stood on the wire, field by field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A NULL pointer.
    Null,
    /// An unsigned integer, an enumeration, a flag set, an octet.
    Uint(u64),
    /// A signed integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string of UTF-16 code units, without its terminator.
    Wide(Vec<u16>),
    /// A string of octets, without its terminator.
    Narrow(Vec<u8>),
    /// An array of octets.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid(Uuid),
    /// A context handle.
    Handle([u8; 20]),
    /// A structure, or the parameters of an operation: names as the IDL spells them.
    Struct(Vec<(&'static str, Value)>),
    /// A union: its discriminant and the arm.
    Union(u64, Box<Value>),
    /// An empty arm of a union.
    Empty,
    /// An array.
    Array(Vec<Value>),
}

//! The types of OLE Automation as they travel ([MS-OAUT] 2.2): BSTR, VARIANT, SAFEARRAY.
//!
//! They are little-endian whatever the byte order of the stub. Generated code uses them where an IDL
//! file means them: `BSTR` is [`Bstr`], `VARIANT` is [`Variant`], `SAFEARRAY(long)` is
//! [`SafeArray<i32>`](SafeArray), and one of elements that the IDL does not name an
//! [`AnySafeArray`].

mod bstr;
mod conversions;
mod elements;
mod safearray;
mod scalars;
mod variant;
mod vartype;
mod wire;

use uuid::Uuid;

pub use bstr::Bstr;
pub use conversions::WrongVariant;
pub use elements::{Element, Elements};
pub use safearray::{AnySafeArray, Bound, SafeArray};
pub use scalars::{Currency, Date, Decimal, VariantBool};
pub use variant::{Record, Variant};
pub use vartype::VarType;

use crate::com::ComInterface;

/// `IDispatch`, the base of interfaces that are called by name ([MS-OAUT] 3.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IDispatch {}

impl ComInterface for IDispatch {
    const IID: Uuid = Uuid::from_u128(0x00020400_0000_0000_c000_000000000046);
    const NAME: &'static str = "IDispatch";
}

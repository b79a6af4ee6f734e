//! Types that the runtime has by hand: those of COM and OLE Automation.

use super::{Align, ComId, Scalar};

/// A type of the runtime that stands for one of the IDL.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// BSTR, its pointer included.
    Bstr,
    /// VARIANT, its pointer included.
    Variant,
    /// What a SAFEARRAY points to, of these elements.
    SafeArray(Elements),
    /// What a pointer to an interface points to.
    Interface(Interface),
    /// MInterfacePointer.
    InterfacePointer,
    /// CURRENCY.
    Currency,
    /// DECIMAL.
    Decimal,
    /// VARIANT_BOOL.
    VariantBool,
    /// DUALSTRINGARRAY.
    DualStringArray,
    /// STDOBJREF.
    StdObjRef,
    /// COMVERSION.
    ComVersion,
    /// ORPCTHIS.
    OrpcThis,
    /// ORPCTHAT.
    OrpcThat,
}

/// The elements of a SAFEARRAY.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Those that the wire says.
    Any,
    /// Numbers.
    Scalar(Scalar),
    /// DATE.
    Date,
    /// Types of the runtime.
    Known(Box<Known>),
}

/// The interface that a pointer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// One that the IDL does not say: `iid_is`, or a mere forward declaration.
    Any,
    /// `IUnknown`.
    Unknown,
    /// `IDispatch`.
    Dispatch,
    /// One of an IDL file.
    Named(ComId),
}

/// Layout in place of a [`Known`] type.
pub(crate) struct KnownLayout {
    pub(crate) align: Align,
    pub(crate) size: [u32; 2],
    pub(crate) min: u32,
    pub(crate) defers: bool,
}

impl Known {
    /// Whether it has counts in front, so that it stands behind pointers alone.
    pub(crate) fn is_conformant(&self) -> bool {
        matches!(self, Self::SafeArray(_) | Self::Interface(_) | Self::InterfacePointer | Self::DualStringArray)
    }

    /// Whether values have a deferred part.
    pub(crate) fn defers(&self) -> bool {
        self.layout().defers
    }

    pub(crate) fn layout(&self) -> KnownLayout {
        let (align, size, min, defers) = match self {
            Self::Bstr | Self::Variant => (Align::WORD, [4, 8], 4, true),
            Self::SafeArray(_) | Self::Interface(_) | Self::InterfacePointer | Self::DualStringArray => {
                (Align::WORD, [0, 0], 8, false)
            }
            Self::Currency => (Align::same(8), [8, 8], 8, false),
            Self::Decimal => (Align::same(8), [16, 16], 16, false),
            Self::VariantBool => (Align::same(2), [2, 2], 2, false),
            Self::StdObjRef => (Align::same(8), [40, 40], 40, false),
            Self::ComVersion => (Align::same(2), [4, 4], 4, false),
            Self::OrpcThis => (Align::WORD, [32, 40], 32, true),
            Self::OrpcThat => (Align::WORD, [8, 16], 8, true),
        };
        KnownLayout { align, size, min, defers }
    }
}

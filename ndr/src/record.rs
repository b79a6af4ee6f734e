//! Structures of this crate that have neither pointers nor arrays of any size.

/// Makes a structure its own codec: members in order, each by its codec, aligned as the structure
/// is.
macro_rules! record {
    ($name:ident, align: $align:expr, min: $min:literal, { $($field:ident: $codec:ty),* $(,)? }) => {
        impl $crate::Codec for $name {
            type Value = Self;
            const ALIGN: $crate::Align = $align;
            const MIN: usize = $min;
            const LEAF: bool = true;

            fn zero() -> Self {
                Self { $($field: <$codec as $crate::Codec>::zero()),* }
            }

            fn put(value: &Self, e: &mut $crate::Encoder) -> Result<(), $crate::EncodeError> {
                e.align(Self::ALIGN);
                $(<$codec as $crate::Codec>::put(&value.$field, e)?;)*
                e.trailing_gap(Self::ALIGN);
                Ok(())
            }

            fn get(d: &mut $crate::Decoder) -> Result<Self, $crate::DecodeError> {
                d.align(Self::ALIGN);
                $(let $field = <$codec as $crate::Codec>::get(d)?;)*
                d.trailing_gap(Self::ALIGN);
                Ok(Self { $($field),* })
            }
        }
    };
}

pub(crate) use record;

//! Reflection of the codecs of this crate.

use std::sync::Arc;

use bytes::Bytes;

use super::{Random, Reflect, Value};
use crate::{
    ArrayRef, Boxed, Capped, CappedStr, Characters, Codec, Conformant, ConformantVarying, ContextHandle, Dimension,
    Dimensions, Enum16, Extent, Fixed, FixedStr, Full, FullScalar, Grid, Guid, Int3264, Items, NString, Narrow, Octets,
    Ref, Row, Rows, Sequence, Shifted, Str, UInt3264, Unique, Units, Uuid, Varying, WString, Wide,
};

macro_rules! numbers {
    ($($ty:ty => $variant:ident($wide:ty);)*) => {$(
        impl Reflect for $ty {
            fn reflect(value: &Self) -> Value {
                Value::$variant(<$wide>::from(*value))
            }

            fn random(random: &mut Random) -> Self {
                // Small numbers more often than any.
                let number = random.u64();
                if random.one_in(2) { (number % 100) as Self } else { number as Self }
            }
        }
    )*};
}

numbers! {
    u8 => Uint(u64);
    u16 => Uint(u64);
    u32 => Uint(u64);
    u64 => Uint(u64);
    i8 => Int(i64);
    i16 => Int(i64);
    i32 => Int(i64);
    i64 => Int(i64);
    f32 => Float(f64);
    f64 => Float(f64);
}

impl Reflect for Enum16 {
    fn reflect(value: &u32) -> Value {
        Value::Uint((*value).into())
    }

    fn random(random: &mut Random) -> u32 {
        (random.u64() & 0x7fff) as u32
    }
}

impl Reflect for UInt3264 {
    fn reflect(value: &u64) -> Value {
        Value::Uint(*value)
    }

    fn random(random: &mut Random) -> u64 {
        random.u64() & 0xffff_ffff
    }
}

impl Reflect for Int3264 {
    fn reflect(value: &i64) -> Value {
        Value::Int(*value)
    }

    fn random(random: &mut Random) -> i64 {
        i64::from(random.u64() as i32)
    }
}

impl Reflect for Guid {
    fn reflect(value: &Uuid) -> Value {
        Value::Uuid(*value)
    }

    fn random(random: &mut Random) -> Uuid {
        Uuid::from_u64_pair(random.u64(), random.u64())
    }
}

impl Reflect for ContextHandle {
    fn reflect(value: &Self) -> Value {
        let mut octets = [0; 20];
        octets[..4].copy_from_slice(&value.attributes.to_le_bytes());
        octets[4..].copy_from_slice(&value.uuid.to_bytes_le());
        Value::Handle(octets)
    }

    fn random(random: &mut Random) -> Self {
        Self { attributes: 0, uuid: Guid::random(random) }
    }
}

impl<C: Reflect> Reflect for Unique<C> {
    fn reflect(value: &Self::Value) -> Value {
        value.as_ref().map_or(Value::Null, C::reflect)
    }

    fn random(random: &mut Random) -> Self::Value {
        random.present().then(|| random.inside(C::random))
    }
}

impl<C: Reflect> Reflect for Ref<C> {
    fn reflect(value: &C::Value) -> Value {
        C::reflect(value)
    }

    fn random(random: &mut Random) -> C::Value {
        random.inside(C::random)
    }
}

impl<C> Reflect for Full<C>
where
    C: Reflect,
    C::Value: Send + Sync + 'static,
{
    fn reflect(value: &Self::Value) -> Value {
        value.as_ref().map_or(Value::Null, |value| C::reflect(value))
    }

    fn random(random: &mut Random) -> Self::Value {
        random.present().then(|| Arc::new(random.inside(C::random)))
    }
}

impl<C: Reflect> Reflect for ArrayRef<C> {
    fn reflect(value: &C::Value) -> Value {
        C::reflect(value)
    }

    fn random(random: &mut Random) -> C::Value {
        random.inside(C::random)
    }
}

impl<C> Reflect for FullScalar<C>
where
    C: Reflect,
    C::Value: Clone + Send + Sync + 'static,
{
    fn reflect(value: &Self::Value) -> Value {
        Unique::<C>::reflect(value)
    }

    fn random(random: &mut Random) -> Self::Value {
        Unique::<C>::random(random)
    }
}

/// Dimensions whose elements can be shown and invented.
pub trait ReflectDimensions: Dimensions {
    /// The elements without their type.
    fn reflect(value: &Self::Value) -> Value;

    /// Some elements, as many as the lengths say.
    fn random(lengths: &[usize], random: &mut Random) -> Self::Value;
}

impl<K: Dimension, D: ReflectDimensions> ReflectDimensions for Rows<K, D> {
    fn reflect(value: &Self::Value) -> Value {
        Value::Array(value.iter().map(D::reflect).collect())
    }

    fn random(lengths: &[usize], random: &mut Random) -> Self::Value {
        let Some((&length, inner)) = lengths.split_first() else { return Vec::new() };
        (0..length).map(|_| D::random(inner, random)).collect()
    }
}

impl<K: Dimension, S: ReflectSequence> ReflectDimensions for Row<K, S> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(lengths: &[usize], random: &mut Random) -> S::Value {
        let length = lengths.first().copied().unwrap_or_default();
        for _ in 0..100 {
            let value = S::random(random);
            if S::len(&value) == length {
                return value;
            }
        }
        S::Value::default()
    }
}

impl<D: ReflectDimensions> Reflect for Grid<D> {
    fn reflect(value: &D::Value) -> Value {
        D::reflect(value)
    }

    fn random(random: &mut Random) -> D::Value {
        let mut lengths = Vec::new();
        D::extents(&mut |extent| {
            lengths.push(match extent {
                Extent::Exact(count) => usize::try_from(count).unwrap_or_default(),
                Extent::Actual(count) => random.below(count.min(3) + 1) as usize,
                Extent::Max | Extent::MaxActual => random.below(4) as usize,
            });
        });
        D::random(&lengths, random)
    }
}

impl<C: Reflect> Reflect for Boxed<C> {
    fn reflect(value: &Self::Value) -> Value {
        C::reflect(value)
    }

    fn random(random: &mut Random) -> Self::Value {
        Box::new(random.inside(C::random))
    }
}

/// A sequence whose values can be shown and invented.
pub trait ReflectSequence: Sequence {
    /// The elements without their type.
    fn reflect(value: &Self::Value) -> Value;

    /// Some elements.
    fn random(random: &mut Random) -> Self::Value;
}

impl<C: Reflect> ReflectSequence for Items<C> {
    fn reflect(value: &Self::Value) -> Value {
        Value::Array(value.iter().map(C::reflect).collect())
    }

    fn random(random: &mut Random) -> Self::Value {
        let len = random.count();
        random.inside(|random| (0..len).map(|_| C::random(random)).collect())
    }
}

impl<S: ReflectSequence> ReflectSequence for Shifted<S> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(random: &mut Random) -> S::Value {
        S::random(random)
    }
}

impl ReflectSequence for Octets {
    fn reflect(value: &Bytes) -> Value {
        Value::Bytes(value.to_vec())
    }

    fn random(random: &mut Random) -> Bytes {
        random.octets().into()
    }
}

impl ReflectSequence for Units {
    fn reflect(value: &WString) -> Value {
        Value::Array(value.units().map(|unit| Value::Uint(unit.into())).collect())
    }

    fn random(random: &mut Random) -> WString {
        random.wide()
    }
}

impl<S: ReflectSequence> Reflect for Conformant<S> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(random: &mut Random) -> S::Value {
        S::random(random)
    }
}

impl<S: ReflectSequence> Reflect for ConformantVarying<S> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(random: &mut Random) -> S::Value {
        S::random(random)
    }
}

impl<S: ReflectSequence, const SLOT: usize> Reflect for Capped<S, SLOT> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(random: &mut Random) -> S::Value {
        S::random(random)
    }
}

impl<S: ReflectSequence, const N: usize> Reflect for Varying<S, N> {
    fn reflect(value: &S::Value) -> Value {
        S::reflect(value)
    }

    fn random(random: &mut Random) -> S::Value {
        for _ in 0..8 {
            let value = S::random(random);
            if S::len(&value) <= N {
                return value;
            }
        }
        S::Value::default()
    }
}

impl<C: Reflect, const N: usize> Reflect for Fixed<C, N> {
    fn reflect(value: &Self::Value) -> Value {
        Value::Array(value.iter().map(C::reflect).collect())
    }

    fn random(random: &mut Random) -> Self::Value {
        std::array::from_fn(|_| C::random(random))
    }
}

/// Characters whose strings can be shown and invented.
pub trait ReflectCharacters: Characters {
    /// The string without its type.
    fn reflect(value: &Self::Value) -> Value;

    /// Some string.
    fn random(random: &mut Random) -> Self::Value;
}

impl ReflectCharacters for Wide {
    fn reflect(value: &WString) -> Value {
        Value::Wide(value.units().collect())
    }

    fn random(random: &mut Random) -> WString {
        random.wide()
    }
}

impl ReflectCharacters for Narrow {
    fn reflect(value: &NString) -> Value {
        Value::Narrow(value.as_bytes().to_vec())
    }

    fn random(random: &mut Random) -> NString {
        random.narrow()
    }
}

impl<T: ReflectCharacters> Reflect for Str<T> {
    fn reflect(value: &<Self as Codec>::Value) -> Value {
        T::reflect(value)
    }

    fn random(random: &mut Random) -> <Self as Codec>::Value {
        T::random(random)
    }
}

impl<T: ReflectCharacters, const SLOT: usize> Reflect for CappedStr<T, SLOT> {
    fn reflect(value: &<Self as Codec>::Value) -> Value {
        T::reflect(value)
    }

    fn random(random: &mut Random) -> <Self as Codec>::Value {
        T::random(random)
    }
}

impl<T: ReflectCharacters, const N: usize> Reflect for FixedStr<T, N> {
    fn reflect(value: &<Self as Codec>::Value) -> Value {
        T::reflect(value)
    }

    fn random(random: &mut Random) -> <Self as Codec>::Value {
        for _ in 0..8 {
            let value = T::random(random);
            if T::len(&value) < N {
                return value;
            }
        }
        T::Value::default()
    }
}

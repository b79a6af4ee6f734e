//! Reflection of the types of COM and OLE Automation.

use uuid::Uuid;

use super::{Random, Reflect, Value};
use crate::{
    Guid,
    com::{
        ComInterface, ComPtr, ComVersion, DualStringArray, InterfacePointer, ObjRef, OrpcExtent, OrpcThat, OrpcThis,
        StdObjRef,
    },
    oaut::{
        AnySafeArray, Bound, Bstr, Currency, Date, Decimal, Element, Elements, Record, SafeArray, VarType, Variant,
        VariantBool,
    },
};

impl Reflect for Bstr {
    fn reflect(value: &Self) -> Value {
        if value.is_null() { Value::Null } else { Value::Wide(value.units().collect()) }
    }

    fn random(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::NULL,
            1 => Self::from_octets(random.octets()),
            _ => Self::from(&random.wide()),
        }
    }
}

macro_rules! numbers {
    ($($ty:ident($inner:ty) => |$value:ident| $number:expr;)*) => {$(
        impl Reflect for $ty {
            fn reflect($value: &Self) -> Value {
                $number
            }

            fn random(random: &mut Random) -> Self {
                Self(<$inner>::random(random))
            }
        }
    )*};
}

numbers! {
    VariantBool(i16) => |value| Value::Int(value.0.into());
    Date(f64) => |value| Value::Float(value.0);
}

impl Reflect for Currency {
    fn reflect(value: &Self) -> Value {
        Value::Int(value.int64)
    }

    fn random(random: &mut Random) -> Self {
        Self { int64: i64::random(random) }
    }
}

impl Reflect for Decimal {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("wReserved", Value::Uint(value.reserved.into())),
            ("scale", Value::Uint(value.scale.into())),
            ("sign", Value::Uint(value.sign.into())),
            ("Hi32", Value::Uint(value.hi32.into())),
            ("Lo64", Value::Uint(value.lo64)),
        ])
    }

    fn random(random: &mut Random) -> Self {
        let (hi32, lo64) = (u32::random(random), random.u64());
        Self { reserved: 0, scale: u8::random(random) % 29, sign: 0, hi32, lo64 }
    }
}

impl Reflect for Variant {
    fn reflect(value: &Self) -> Value {
        let content = match value {
            Self::Absent => return Value::Null,
            Self::Empty | Self::Null => Value::Empty,
            Self::I1(value) => i8::reflect(value),
            Self::Ui1(value) => u8::reflect(value),
            Self::I2(value) => i16::reflect(value),
            Self::Ui2(value) => u16::reflect(value),
            Self::I4(value) | Self::Int(value) | Self::Error(value) => i32::reflect(value),
            Self::Ui4(value) | Self::Uint(value) => u32::reflect(value),
            Self::I8(value) => i64::reflect(value),
            Self::Ui8(value) => u64::reflect(value),
            Self::R4(value) => f32::reflect(value),
            Self::R8(value) => f64::reflect(value),
            Self::Bool(value) => VariantBool::reflect(value),
            Self::Currency(value) => Currency::reflect(value),
            Self::Date(value) => Date::reflect(value),
            Self::Decimal(value) => Decimal::reflect(value),
            Self::Bstr(value) => Bstr::reflect(value),
            Self::Unknown(value) => optional(value),
            Self::Dispatch(value) => optional(value),
            Self::Array(_, value) => value.as_ref().map_or(Value::Null, |array| AnySafeArray::reflect(array)),
            Self::Record(value) | Self::RecordRef(value) => optional(value),
            Self::ByRef(value) => Self::reflect(value),
            Self::NullRef(_) => Value::Null,
            Self::VariantRef(value) => value.as_ref().map_or(Value::Null, |value| Self::reflect(value)),
        };
        Value::Union(value.vt().0.into(), Box::new(content))
    }

    fn random(random: &mut Random) -> Self {
        let plain = |random: &mut Random| match random.below(14) {
            0 => Self::I4(i32::random(random)),
            1 => Self::Ui1(u8::random(random)),
            2 => Self::I2(i16::random(random)),
            3 => Self::I8(i64::random(random)),
            4 => Self::Bool(random.one_in(2).into()),
            5 => Self::Currency(Currency::random(random)),
            6 => Self::Decimal(Decimal::random(random)),
            7 => Self::Uint(u32::random(random)),
            8 => Self::Error(i32::random(random)),
            9 => Self::Unknown(random.present().then(|| ComPtr::random(random))),
            10 => Self::array(SafeArray::<u16>::random(random)),
            11 => Self::array(SafeArray::<Bstr>::random(random)),
            12 if random.present() => Self::array(random.inside(SafeArray::<Self>::random)),
            _ => Self::Bstr(Bstr::random(random)),
        };
        match random.below(10) {
            0 => Self::Empty,
            1 => Self::Null,
            2 => Self::ByRef(Box::new(plain(random))),
            3 => Self::NullRef(VarType::I4),
            4 => Self::VariantRef(random.present().then(|| Box::new(random.inside(Self::random)))),
            5 => Self::Record(random.present().then(|| Record::random(random))),
            6 => Self::Absent,
            _ => plain(random),
        }
    }
}

fn optional<C: Reflect<Value = C>>(value: &Option<C>) -> Value {
    value.as_ref().map_or(Value::Null, C::reflect)
}

impl Reflect for Record {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("fFlags", Value::Uint(value.flags.into())),
            ("pRecInfo", optional(&value.info)),
            ("pRecord", value.data.as_ref().map_or(Value::Null, |data| Value::Bytes(data.to_vec()))),
        ])
    }

    fn random(random: &mut Random) -> Self {
        let info = random.present().then(|| InterfacePointer::random(random));
        Self { flags: u32::random(random), info, data: random.present().then(|| random.octets().into()) }
    }
}

impl Reflect for AnySafeArray {
    fn reflect(value: &Self) -> Value {
        fn all<C: Reflect<Value = C>>(values: &[C]) -> Value {
            Value::Array(values.iter().map(C::reflect).collect())
        }
        fn pointers<C: Reflect<Value = C>>(values: &[Option<C>]) -> Value {
            Value::Array(values.iter().map(optional).collect())
        }
        let elements = match &value.elements {
            Elements::Bstr(values) => all(values),
            Elements::Unknown(values) => pointers(values),
            Elements::Dispatch(values) => pointers(values),
            Elements::Variant(values) => all(values),
            Elements::Record(values) => pointers(values),
            Elements::HaveIid { pointers: values, .. } => pointers(values),
            Elements::Bytes(values) => Value::Bytes(values.to_vec()),
            Elements::Words(values) => all(values),
            Elements::Dwords(values) => all(values),
            Elements::Hypers(values) => all(values),
        };
        let bound = |bound: &Bound| {
            Value::Struct(vec![
                ("cElements", Value::Uint(bound.elements.into())),
                ("lLbound", Value::Int(bound.lower.into())),
            ])
        };
        Value::Struct(vec![
            ("fFeatures", Value::Uint(value.features.into())),
            ("cbElements", Value::Uint(value.element_size.into())),
            ("cLocks", Value::Uint(value.locks.into())),
            ("uArrayStructs", Value::Union(value.elements.sf_type().into(), Box::new(elements))),
            ("rgsabound", Value::Array(value.bounds.iter().map(bound).collect())),
        ])
    }

    fn random(random: &mut Random) -> Self {
        match random.below(5) {
            0 => SafeArray::<u8>::random(random).into(),
            1 => SafeArray::<i64>::random(random).into(),
            2 => SafeArray::<Option<ComPtr<crate::com::IUnknown>>>::random(random).into(),
            3 => random.inside(SafeArray::<Variant>::random).into(),
            _ => SafeArray::<Bstr>::random(random).into(),
        }
    }
}

impl<T: Element + Reflect<Value = T>> Reflect for SafeArray<T> {
    fn reflect(value: &Self) -> Value {
        AnySafeArray::reflect(&value.clone().into())
    }

    fn random(random: &mut Random) -> Self {
        (0..random.count()).map(|_| T::random(random)).collect()
    }
}

/// Elements of SAFEARRAYs that are pointers to interfaces.
impl<I: ComInterface> Reflect for SafeArray<Option<ComPtr<I>>> {
    fn reflect(value: &Self) -> Value {
        AnySafeArray::reflect(&value.clone().into())
    }

    fn random(random: &mut Random) -> Self {
        (0..random.count()).map(|_| random.present().then(|| ComPtr::random(random))).collect()
    }
}

impl Reflect for InterfacePointer {
    fn reflect(value: &Self) -> Value {
        Value::Bytes(value.as_bytes().to_vec())
    }

    fn random(random: &mut Random) -> Self {
        objref(Guid::random(random), random)
    }
}

impl<I: ComInterface> Reflect for ComPtr<I> {
    fn reflect(value: &Self) -> Value {
        InterfacePointer::reflect(value.as_raw())
    }

    fn random(random: &mut Random) -> Self {
        objref(I::IID, random).cast()
    }
}

fn objref(iid: Uuid, random: &mut Random) -> InterfacePointer {
    ObjRef::standard(iid, StdObjRef::random(random), DualStringArray::random(random)).into()
}

impl Reflect for DualStringArray {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("wSecurityOffset", Value::Uint(value.security_offset.into())),
            ("aStringArray", Value::Array(value.units.iter().map(|unit| Value::Uint((*unit).into())).collect())),
        ])
    }

    fn random(random: &mut Random) -> Self {
        let units: Vec<u16> = (0..random.count() + 4).map(|_| u16::random(random)).collect();
        Self { units, security_offset: 2 }
    }
}

impl Reflect for StdObjRef {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("flags", Value::Uint(value.flags.into())),
            ("cPublicRefs", Value::Uint(value.public_refs.into())),
            ("oxid", Value::Uint(value.oxid)),
            ("oid", Value::Uint(value.oid)),
            ("ipid", Value::Uuid(value.ipid)),
        ])
    }

    fn random(random: &mut Random) -> Self {
        Self {
            flags: u32::random(random),
            public_refs: u32::random(random),
            oxid: random.u64(),
            oid: random.u64(),
            ipid: Guid::random(random),
        }
    }
}

impl Reflect for ComVersion {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("MajorVersion", Value::Uint(value.major.into())),
            ("MinorVersion", Value::Uint(value.minor.into())),
        ])
    }

    fn random(random: &mut Random) -> Self {
        Self { major: u16::random(random), minor: u16::random(random) }
    }
}

fn extents(extensions: &[OrpcExtent]) -> Value {
    let extent = |extent: &OrpcExtent| {
        Value::Struct(vec![("id", Value::Uuid(extent.id)), ("data", Value::Bytes(extent.data.to_vec()))])
    };
    Value::Array(extensions.iter().map(extent).collect())
}

fn random_extents(random: &mut Random) -> Vec<OrpcExtent> {
    (0..random.count()).map(|_| OrpcExtent { id: Guid::random(random), data: random.octets().into() }).collect()
}

impl Reflect for OrpcThis {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![
            ("version", ComVersion::reflect(&value.version)),
            ("flags", Value::Uint(value.flags.into())),
            ("cid", Value::Uuid(value.causality)),
            ("extensions", extents(&value.extensions)),
        ])
    }

    fn random(random: &mut Random) -> Self {
        Self {
            version: ComVersion::random(random),
            flags: u32::random(random),
            causality: Guid::random(random),
            extensions: random_extents(random),
        }
    }
}

impl Reflect for OrpcThat {
    fn reflect(value: &Self) -> Value {
        Value::Struct(vec![("flags", Value::Uint(value.flags.into())), ("extensions", extents(&value.extensions))])
    }

    fn random(random: &mut Random) -> Self {
        Self { flags: u32::random(random), extensions: random_extents(random) }
    }
}

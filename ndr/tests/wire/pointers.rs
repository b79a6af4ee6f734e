//! Pointers: referents, deferral, aliases, depth; counts that dictate deferred arrays; levels.

use std::sync::Arc;

use crate::common::*;
use msrpc_ndr::{
    Align, At as _, Boxed, Bytes, Codec, Conformant, ConformantVarying, DecodeError, DecodeErrorKind, Decoder,
    EncodeError, EncodeErrorKind, Encoder, Encoding, Fixed, Full, Items, Level, Octets, Ref, Unique, WideStr, get_top,
    put_top,
};

#[test]
fn unique_pointers() {
    both_ways::<Unique<u32>>(&None, "00000000", "00000000", "0000000000000000");
    both_ways::<Unique<u32>>(&Some(5), "00000200 05000000", "00020000 00000005", "0000020000000000 05000000");
    // Any referent but 0 is one.
    assert_eq!(decode::<Unique<u32>>("01000000 05000000", NDR).unwrap(), Some(5));
}

#[test]
fn referents_start_at_20000_and_step_by_four_over_the_whole_stub() {
    let mut e = Encoder::new(NDR);
    put_top::<Unique<u32>>(&Some(1), &mut e).unwrap();
    put_top::<Unique<u32>>(&None, &mut e).unwrap();
    put_top::<Unique<Unique<u32>>>(&Some(Some(2)), &mut e).unwrap();
    assert_eq!(e.into_bytes(), octets("00000200 01000000 00000000 04000200 08000200 02000000"));
}

#[test]
fn embedded_reference_pointers_take_room_in_place() {
    both_ways::<Fixed<Ref<u16>, 2>>(
        &[1, 2],
        "00000200 04000200 0100 0200",
        "00020000 00020004 0001 0002",
        "0000020000000000 0400020000000000 0100 0200",
    );
    // NDR does not look at what stands there, NDR64 does.
    assert_eq!(decode::<Ref<u16>>("00000000 0100", NDR).unwrap(), 1);
    assert_eq!(refusal::<Ref<u16>>("0000000000000000 0100", NDR64), DecodeErrorKind::NullReference);
}

#[test]
fn full_pointers_alias() {
    let shared = Arc::new(5_u32);
    let value = [Some(Arc::clone(&shared)), None, Some(Arc::new(5)), Some(shared)];
    type Pointers = Fixed<Full<u32>, 4>;
    both_ways::<Pointers>(
        &value,
        "00000200 00000000 04000200 00000200 05000000 05000000",
        "00020000 00000000 00020004 00020000 00000005 00000005",
        "0000020000000000 0000000000000000 0400020000000000 0000020000000000 05000000 05000000",
    );
    let [a, _, b, c] = decode::<Pointers>("00000200 00000000 04000200 00000200 05000000 05000000", NDR)
        .unwrap()
        .map(Option::unwrap_or_default);
    assert!(Arc::ptr_eq(&a, &c) && !Arc::ptr_eq(&a, &b));
}

#[test]
fn full_pointers_alias_across_parameters_and_levels() {
    let shared = Arc::new(5_u32);
    let mut e = Encoder::new(NDR);
    put_top::<Full<u32>>(&Some(Arc::clone(&shared)), &mut e).unwrap();
    put_top::<Unique<Full<u32>>>(&Some(Some(Arc::clone(&shared))), &mut e).unwrap();
    put_top::<Full<u32>>(&Some(shared), &mut e).unwrap();
    let stub = e.into_bytes();
    assert_eq!(stub, octets("00000200 05000000 04000200 00000200 00000200"));
    let mut d = Decoder::new(stub, NDR);
    let a = get_top::<Full<u32>>(&mut d).unwrap().unwrap();
    let b = get_top::<Unique<Full<u32>>>(&mut d).unwrap().unwrap().unwrap();
    let c = get_top::<Full<u32>>(&mut d).unwrap().unwrap();
    assert!(Arc::ptr_eq(&a, &b) && Arc::ptr_eq(&b, &c));
}

#[test]
fn a_full_pointer_to_another_type_or_to_itself_is_refused() {
    let mut d = decoder("00000200 05000000 00000200", NDR);
    get_top::<Full<u32>>(&mut d).unwrap();
    let error = get_top::<Full<u16>>(&mut d).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::BadReferent { referent: 0x20000 });
    // The pointee is a list element that points to itself.
    assert_eq!(
        refusal::<Full<List>>("00000200 01000000 00000200", NDR),
        DecodeErrorKind::BadReferent { referent: 0x20000 }
    );
}

/// `struct list { long value; [ptr] struct list *next; }`
#[derive(Clone, Debug, Default, PartialEq)]
struct List {
    value: u32,
    next: Option<Arc<List>>,
}

impl Codec for List {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 8;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        u32::put(&value.value, e)?;
        Full::<Self>::put(&value.next, e)
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        Full::<Self>::put_deferred(&value.next, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        Ok(Self { value: u32::get(d)?, next: Full::<Self>::get(d)? })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        Full::<Self>::get_deferred(&mut value.next, d)
    }
}

fn list(len: u32) -> List {
    (0..len).rev().fold(List::default(), |next, value| List { value, next: Some(Arc::new(next)) })
}

#[test]
fn depth_is_limited_both_ways() {
    for encoding in Encoding::ALL {
        let mut e = Encoder::new(encoding).max_depth(10);
        put_top::<List>(&list(10), &mut e).unwrap();
        let stub = e.into_bytes();
        let mut e = Encoder::new(encoding).max_depth(9);
        assert_eq!(*put_top::<List>(&list(10), &mut e).unwrap_err().kind(), EncodeErrorKind::TooDeep { limit: 9 });
        assert_eq!(get_top::<List>(&mut Decoder::new(stub.clone(), encoding).max_depth(10)).unwrap(), list(10));
        let error = get_top::<List>(&mut Decoder::new(stub, encoding).max_depth(9)).unwrap_err();
        assert_eq!(*error.kind(), DecodeErrorKind::TooDeep { limit: 9 });
    }
    let default = u32::from(Encoder::DEFAULT_MAX_DEPTH);
    assert!(encode::<List>(&list(default), NDR).is_ok() && encode::<List>(&list(default + 1), NDR).is_err());
}

#[test]
fn depth_is_that_of_the_present_place() {
    // Many pointers side by side are not deep.
    let mut e = Encoder::new(NDR).max_depth(2);
    let value = vec![Some(vec![Some(1_u32), None]); 100];
    type Wide = Conformant<Items<Unique<Conformant<Items<Unique<u32>>>>>>;
    put_top::<Wide>(&value, &mut e).unwrap();
    let mut d = Decoder::new(e.into_bytes(), NDR).max_depth(2);
    assert_eq!(get_top::<Wide>(&mut d).unwrap(), value);
}

#[test]
fn boxes_leave_no_trace() {
    both_ways::<Boxed<Unique<u16>>>(&Box::new(Some(1)), "00000200 0100", "00020000 0001", "0000020000000000 0100");
}

/// `struct { [size_is(capacity), length_is(len)] byte *data; long capacity; long len; [string] wchar_t *name; }`
#[derive(Clone, Debug, Default, PartialEq)]
struct Buffer {
    data: Option<Bytes>,
    capacity: u32,
    name: Option<msrpc_ndr::WString>,
}

impl Codec for Buffer {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 16;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        let len: u32 = msrpc_ndr::derive_count("len", &[value.data.as_ref().map_or(0, Bytes::len)])?;
        Unique::<ConformantVarying<Octets>>::put(&value.data, e)?;
        u32::put(&value.capacity, e)?;
        u32::put(&len, e)?;
        Unique::<WideStr>::put(&value.name, e)
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        if value.data.is_some() {
            e.set_capacity(value.capacity);
        }
        Unique::<ConformantVarying<Octets>>::put_deferred(&value.data, e)?;
        Unique::<WideStr>::put_deferred(&value.name, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let (size, length) = (d.reserve_count(), d.reserve_count());
        let data = Unique::<ConformantVarying<Octets>>::get(d)?;
        let capacity = u32::get(d)?;
        let len = u32::get(d)?;
        d.fill_count(size, capacity.into());
        d.fill_count(length, len.into());
        Ok(Self { data, capacity, name: Unique::<WideStr>::get(d)? })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        Unique::<ConformantVarying<Octets>>::get_deferred(&mut value.data, d).at("data")?;
        d.settle_size("capacity", value.data.is_some()).at("data")?;
        d.settle_length("len", value.data.as_ref().map(Bytes::len)).at("data")?;
        Unique::<WideStr>::get_deferred(&mut value.name, d)
    }
}

const BUFFER: &str =
    "00000200 04000000 02000000 04000200 04000000 00000000 02000000 6162 0000 01000000 00000000 01000000 0000";

#[test]
fn counts_dictate_arrays_behind_pointers() {
    let value = Buffer { data: Some(Bytes::from_static(b"ab")), capacity: 4, name: Some("".into()) };
    assert_eq!(encode::<Buffer>(&value, NDR).unwrap(), octets(BUFFER));
    assert_eq!(decode::<Buffer>(BUFFER, NDR).unwrap(), value);
    // Several of them, in an array behind a pointer: each gets its own counts.
    let other = Buffer { data: Some(Bytes::from_static(b"xyz")), capacity: 3, name: None };
    let null = Buffer::default();
    let values = Some(vec![value.clone(), null, other, value]);
    type Many = Unique<Conformant<Items<Buffer>>>;
    for encoding in Encoding::ALL {
        let stub = encode::<Many>(&values, encoding).unwrap();
        assert_eq!(get_top::<Many>(&mut Decoder::new(stub.into(), encoding)).unwrap(), values);
    }
}

#[test]
fn lying_counts_are_refused() {
    let size = BUFFER.replacen("04000000", "05000000", 1);
    let error = decode::<Buffer>(&size, NDR).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::CountMismatch { count: "capacity", expected: 5, found: 4 });
    assert_eq!(error.to_string(), "data: capacity is 5, but the array says 4 at offset 30");
    let length = BUFFER.replacen("02000000", "01000000", 1);
    let kind = refusal::<Buffer>(&length, NDR);
    assert_eq!(kind, DecodeErrorKind::CountMismatch { count: "len", expected: 1, found: 2 });
}

#[test]
fn null_with_a_count_is_refused_at_level_6() {
    let hex = "00000000 04000000 00000000 00000000";
    let decode = |level| get_top::<Buffer>(&mut decoder(hex, NDR).level(level));
    assert_eq!(decode(Level::V5).unwrap(), Buffer { capacity: 4, ..Buffer::default() });
    let error = decode(Level::V6).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::NullWithCount { count: "capacity", found: 4 });
    assert!(decoder(hex, NDR).level(Level::V6).expect_null_count("n", 0).is_ok());
}

#[test]
fn ranges_of_counts_are_level_6() {
    for (level, refused) in [(Level::V5, false), (Level::V6, true)] {
        let mut d = decoder("02000000 0100 0200", NDR).level(level);
        get_top::<Conformant<Items<u16>>>(&mut d).unwrap();
        assert_eq!(d.expect_count_range(0, 1).is_err(), refused);
        assert!(d.expect_count_range(0, 2).is_ok());
    }
}

#[test]
fn the_maximum_count_is_that_of_the_outer_array() {
    let mut d =
        decoder("02000000 00000200 04000200 01000000 00000000 01000000 0000 0000 01000000 00000000 01000000 0000", NDR);
    get_top::<Conformant<Items<Unique<WideStr>>>>(&mut d).unwrap();
    assert_eq!(d.max_count(), 2);
}

#[test]
fn the_capacity_of_an_alias_does_not_reach_the_next_array() {
    type Array = Conformant<Octets>;
    let shared = Some(Arc::new(Bytes::from_static(b"ab")));
    for encoding in [NDR, NDR64] {
        let mut e = Encoder::new(encoding);
        for value in [&shared, &shared] {
            e.set_capacity(4_u64);
            put_top::<Full<Array>>(value, &mut e).unwrap();
        }
        put_top::<Array>(&Bytes::from_static(b"xyz"), &mut e).unwrap();
        let expected = if encoding == NDR {
            "00000200 04000000 6162 0000 00000200 03000000 78797a"
        } else {
            "0000020000000000 0400000000000000 6162 0000 00000000 0000020000000000 0300000000000000 78797a"
        };
        assert_eq!(e.into_bytes(), octets(expected), "{encoding:?}");
    }
}

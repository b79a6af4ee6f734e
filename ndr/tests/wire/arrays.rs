//! Arrays: counts, capacities, alignment, elements with pointers, and conformant structures.

use crate::common::*;
use msrpc_ndr::{
    Align, At as _, Bytes, Codec, Conformant, ConformantStruct, ConformantVarying, DecodeError, DecodeErrorKind,
    Decoder, EncodeError, EncodeErrorKind, Encoder, Encoding, Items, Octets, Sequence, Unique, Units, Varying, WideStr,
    derive_count, get_top, put_top,
};

#[test]
fn conformant_arrays() {
    both_ways::<Conformant<Items<u16>>>(
        &vec![1, 2, 3],
        "03000000 0100 0200 0300",
        "00000003 0001 0002 0003",
        "0300000000000000 0100 0200 0300",
    );
    both_ways::<Conformant<Items<u64>>>(
        &vec![1],
        "01000000 00000000 0100000000000000",
        "00000001 00000000 0000000000000001",
        "0100000000000000 0100000000000000",
    );
    // Without elements there is nothing to align.
    both_ways::<Conformant<Items<u64>>>(&vec![], "00000000", "00000000", "0000000000000000");
    both_ways::<Conformant<Octets>>(
        &Bytes::from_static(b"abc"),
        "03000000 616263",
        "00000003 616263",
        "0300000000000000 616263",
    );
    both_ways::<Conformant<Units>>(
        &"Hi".into(),
        "02000000 4800 6900",
        "00000002 0048 0069",
        "0200000000000000 4800 6900",
    );
}

#[test]
fn conformant_varying_arrays() {
    both_ways::<ConformantVarying<Octets>>(
        &Bytes::from_static(b"abc"),
        "03000000 00000000 03000000 616263",
        "00000003 00000000 00000003 616263",
        "0300000000000000 0000000000000000 0300000000000000 616263",
    );
    type Codec = ConformantVarying<Items<u16>>;
    assert_eq!(refusal::<Codec>("02000000 01000000 01000000 0100", NDR), DecodeErrorKind::Offset { found: 1 });
    assert_eq!(
        refusal::<Codec>("02000000 00000000 03000000 0100 0200 0300", NDR),
        DecodeErrorKind::OverMaximum { found: 3, max: 2 }
    );
    // Only the actual elements are there.
    assert_eq!(decode::<Codec>("ffffffff 00000000 01000000 0100", NDR).unwrap(), [1]);
}

#[test]
fn varying_arrays_have_no_maximum_count() {
    both_ways::<Varying<Items<u16>, 4>>(
        &vec![1, 2],
        "00000000 02000000 0100 0200",
        "00000000 00000002 0001 0002",
        "0000000000000000 0200000000000000 0100 0200",
    );
    let kind = no_representation::<Varying<Items<u16>, 1>>(&vec![1, 2]);
    assert_eq!(kind, EncodeErrorKind::OverCapacity { len: 2, capacity: 1 });
    let kind = refusal::<Varying<Items<u16>, 1>>("00000000 02000000 0100 0200", NDR);
    assert_eq!(kind, DecodeErrorKind::OverMaximum { found: 2, max: 1 });
}

#[test]
fn capacities_are_filled_up_with_zeros() {
    for (encoding, count, rest) in [(NDR, "05000000", ""), (BIG, "00000005", ""), (NDR64, "05000000", "00000000")] {
        let mut e = Encoder::new(encoding);
        e.set_capacity(5_u32);
        put_top::<Conformant<Octets>>(&Bytes::from_static(b"ab"), &mut e).unwrap();
        // The capacity is for one array.
        put_top::<Conformant<Octets>>(&Bytes::new(), &mut e).unwrap();
        let expected = format!("{count}{rest} 6162 000000 000000 00000000{rest}");
        assert_eq!(e.into_bytes(), octets(&expected), "{encoding:?}");
    }
    let mut e = Encoder::new(NDR);
    e.set_capacity(2_u32);
    put_top::<Conformant<Items<Unique<WideStr>>>>(&vec![Some("".into())], &mut e).unwrap();
    assert_eq!(e.into_bytes(), octets("02000000 00000200 00000000 01000000 00000000 01000000 0000"));
    let mut e = Encoder::new(NDR);
    e.set_capacity(3_u32);
    put_top::<Conformant<Units>>(&"H".into(), &mut e).unwrap();
    assert_eq!(e.into_bytes(), octets("03000000 4800 0000 0000"));
    // A varying array's capacity is only told.
    let mut e = Encoder::new(NDR);
    e.set_capacity(5_u32);
    put_top::<ConformantVarying<Octets>>(&Bytes::from_static(b"ab"), &mut e).unwrap();
    assert_eq!(e.into_bytes(), octets("05000000 00000000 02000000 6162"));
    let mut e = Encoder::new(NDR);
    e.set_capacity(1_u32);
    let error = put_top::<Conformant<Octets>>(&Bytes::from_static(b"ab"), &mut e).unwrap_err();
    assert_eq!(*error.kind(), EncodeErrorKind::OverCapacity { len: 2, capacity: 1 });
}

#[test]
fn a_capacity_beyond_the_limit_of_the_stub_fails() {
    type Fill<'a> = &'a dyn Fn(&mut Encoder) -> Result<(), EncodeError>;
    let fills: [Fill<'_>; 3] = [
        &|e| put_top::<Conformant<Octets>>(&Bytes::new(), e),
        &|e| put_top::<Conformant<Units>>(&"".into(), e),
        &|e| put_top::<Conformant<Items<u64>>>(&vec![], e),
    ];
    for fill in fills {
        for encoding in Encoding::ALL {
            let mut e = Encoder::new(encoding).max_len(1000);
            e.set_capacity(0x7fff_ffff_u32);
            assert_eq!(*fill(&mut e).unwrap_err().kind(), EncodeErrorKind::TooLarge { limit: 1000 });
            assert!(e.position() < 1100);
        }
    }
    let mut e = Encoder::new(NDR);
    e.set_capacity(0x8000_0000_u32);
    let error = put_top::<Conformant<Octets>>(&Bytes::new(), &mut e).unwrap_err();
    assert_eq!(*error.kind(), EncodeErrorKind::TooLong { len: 0x8000_0000 });
}

#[test]
fn large_capacities_are_filled_up_too() {
    for capacity in [32 * 1024_u32, 100_000, 1 << 20] {
        let mut e = Encoder::new(NDR);
        e.set_capacity(capacity);
        put_top::<Conformant<Octets>>(&Bytes::from_static(b"ab"), &mut e).unwrap();
        e.u32(7);
        let bytes = e.into_bytes();
        assert_eq!(bytes.len(), 4 + capacity as usize + 4);
        assert_eq!((&bytes[4..6], bytes[6..bytes.len() - 4].iter().any(|&octet| octet != 0)), (&b"ab"[..], false));
    }
}

#[test]
fn counts_are_held_against_the_octets_left() {
    type Structs = Conformant<Items<Unique<WideStr>>>;
    for (encoding, count) in [(NDR, "ffffff7f"), (BIG, "7fffffff"), (NDR64, "ffffffffffffffff")] {
        let hex = format!("{count} 00000000");
        for kind in [
            refusal::<Conformant<Items<u64>>>(&hex, encoding),
            refusal::<Conformant<Octets>>(&hex, encoding),
            refusal::<Conformant<Units>>(&hex, encoding),
            refusal::<Structs>(&hex, encoding),
        ] {
            assert!(matches!(kind, DecodeErrorKind::CountTooLarge { remaining: 4, .. }), "{kind:?}");
        }
    }
}

#[test]
fn pointees_of_elements_follow_the_array() {
    both_ways::<Conformant<Items<Unique<u16>>>>(
        &vec![Some(1), None, Some(2)],
        "03000000 00000200 00000000 04000200 0100 0200",
        "00000003 00020000 00000000 00020004 0001 0002",
        "0300000000000000 0000020000000000 0000000000000000 0400020000000000 0100 0200",
    );
    // Arrays in arrays: the inner ones are pointees, each with its count.
    both_ways::<Conformant<Items<Unique<Conformant<Items<u8>>>>>>(
        &vec![Some(vec![1, 2]), Some(vec![3])],
        "02000000 00000200 04000200 02000000 0102 0000 01000000 03",
        "00000002 00020000 00020004 00000002 0102 0000 00000001 03",
        "0200000000000000 0000020000000000 0400020000000000 0200000000000000 0102 000000000000 0100000000000000 03",
    );
}

#[test]
fn large_octet_arrays_are_not_copied() {
    let large = Bytes::from(vec![7; 40_000]);
    let mut e = Encoder::new(NDR);
    put_top::<Conformant<Octets>>(&large, &mut e).unwrap();
    e.u32(9);
    let chunks = e.finish();
    assert!(chunks.iter().any(|chunk| chunk.as_ptr() == large.as_ptr() && chunk.len() == large.len()));
    let stub: Bytes = chunks.concat().into();
    assert_eq!(stub.len(), 4 + 40_000 + 4);
    let mut d = Decoder::new(stub.clone(), NDR);
    let value = get_top::<Conformant<Octets>>(&mut d).unwrap();
    assert_eq!((value.as_ptr(), &value, d.u32().unwrap()), (stub[4..].as_ptr(), &large, 9));
    // Nor are long strings, from one stub to another.
    let text = "x".repeat(20_000).into();
    let stub = Bytes::from(encode::<WideStr>(&text, NDR).unwrap());
    let value = get_top::<WideStr>(&mut Decoder::new(stub.clone(), NDR)).unwrap();
    let mut e = Encoder::new(NDR64);
    put_top::<WideStr>(&value, &mut e).unwrap();
    assert!(e.finish().iter().any(|chunk| stub.as_ptr_range().contains(&chunk.as_ptr())));
}

#[test]
fn chunks_make_no_difference() {
    // Every size around the bounds of the encoder's buffers, at every alignment.
    for size in (0..70_000).step_by(997).chain(8_180..8_200).chain(32_760..32_775) {
        let mut e = Encoder::new(NDR);
        e.u8(1);
        e.raw(&vec![2; size]);
        e.u64(u64::MAX);
        let position = e.position();
        let chunks = e.finish();
        assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), position);
        let all = chunks.concat();
        assert_eq!(all.len(), (size + 8) / 8 * 8 + 8);
        assert!(all[..=size].iter().all(|&octet| octet != 0) && all[size + 1..all.len() - 8].iter().all(|&o| o == 0));
    }
}

/// `struct { unsigned short count; [size_is(count)] hyper items[]; }`
#[derive(Clone, Debug, Default, PartialEq)]
struct Tail {
    items: Vec<u64>,
}

impl Codec for Tail {
    type Value = Self;
    const ALIGN: Align = Align::same(8);
    const MIN: usize = 6;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        Self::put_counts(value, e)?;
        Self::put_body(value, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        let counts = Self::get_counts(d)?;
        Self::get_body(counts, d)
    }
}

impl ConformantStruct for Tail {
    type Counts = u64;

    fn put_counts(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        Conformant::<Items<u64>>::put_count(&value.items, e)
    }

    fn put_body(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        let count: u16 = derive_count("count", &[value.items.len()])?;
        u16::put(&count, e)?;
        Items::<u64>::put(&value.items, e)?;
        e.trailing_gap(Self::ALIGN);
        Ok(())
    }

    fn get_counts(d: &mut Decoder) -> Result<u64, DecodeError> {
        d.count()
    }

    fn get_body(counts: u64, d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let count = u16::get(d)?;
        let items = Conformant::<Items<u64>>::get_elements(counts, d)?;
        d.expect_count("count", count.into(), counts).at("items")?;
        Ok(Self { items })
    }
}

#[test]
fn the_count_of_a_conformant_structure_is_hoisted_and_aligned_as_a_count() {
    both_ways::<Tail>(
        &Tail { items: vec![7] },
        "01000000 00000000 0100 000000000000 0700000000000000",
        "00000001 00000000 0001 000000000000 0000000000000007",
        "0100000000000000 0100 000000000000 0700000000000000",
    );
    let lie = "01000000 00000000 0200 000000000000 0700000000000000";
    let error = decode::<Tail>(lie, NDR).unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::CountMismatch { count: "count", expected: 2, found: 1 });
    assert_eq!(error.path().collect::<Vec<_>>(), ["items"]);
}

#[test]
fn counts_are_derived_from_arrays() {
    assert_eq!(derive_count::<u8>("n", &[]).unwrap(), 0);
    assert_eq!(derive_count::<u8>("n", &[255, 255]).unwrap(), 255);
    assert_eq!(*derive_count::<u8>("n", &[256]).unwrap_err().kind(), EncodeErrorKind::TooLong { len: 256 });
    let kind = EncodeErrorKind::CountMismatch { count: "n", expected: 1, found: 2 };
    assert_eq!(*derive_count::<u32>("n", &[1, 2]).unwrap_err().kind(), kind);
    assert_eq!(*Encoder::new(NDR).expect_count("n", 1, 2).unwrap_err().kind(), kind);
}

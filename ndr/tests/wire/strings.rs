//! Strings: counts, terminators, NULL and empty, ill-formed text.

use crate::common::*;
use msrpc_ndr::{
    Bytes, Codec, DecodeErrorKind, Decoder, EncodeErrorKind, Encoder, Encoding, FixedStr, NString, Narrow, NarrowStr,
    Unique, WString, Wide, WideStr, get_top, put_top,
};

#[test]
fn wide_strings_are_maximum_offset_actual_characters_and_terminator() {
    both_ways::<WideStr>(
        &"Hi".into(),
        "03000000 00000000 03000000 4800 6900 0000",
        "00000003 00000000 00000003 0048 0069 0000",
        "0300000000000000 0000000000000000 0300000000000000 4800 6900 0000",
    );
}

#[test]
fn narrow_strings() {
    both_ways::<NarrowStr>(
        &"Hi".into(),
        "03000000 00000000 03000000 486900",
        "00000003 00000000 00000003 486900",
        "0300000000000000 0000000000000000 0300000000000000 486900",
    );
}

#[test]
fn null_and_empty_are_two_things() {
    both_ways::<Unique<WideStr>>(&None, "00000000", "00000000", "0000000000000000");
    both_ways::<Unique<WideStr>>(
        &Some("".into()),
        "00000200 01000000 00000000 01000000 0000",
        "00020000 00000001 00000000 00000001 0000",
        "0000020000000000 0100000000000000 0000000000000000 0100000000000000 0000",
    );
    both_ways::<Unique<NarrowStr>>(
        &Some("".into()),
        "00000200 01000000 00000000 01000000 00",
        "00020000 00000001 00000000 00000001 00",
        "0000020000000000 0100000000000000 0000000000000000 0100000000000000 00",
    );
}

#[test]
fn strings_in_fixed_arrays_have_no_maximum_count() {
    both_ways::<FixedStr<Wide, 4>>(
        &"Hi".into(),
        "00000000 03000000 4800 6900 0000",
        "00000000 00000003 0048 0069 0000",
        "0000000000000000 0300000000000000 4800 6900 0000",
    );
    both_ways::<FixedStr<Narrow, 3>>(
        &"Hi".into(),
        "00000000 03000000 486900",
        "00000000 00000003 486900",
        "0000000000000000 0300000000000000 486900",
    );
    // The terminator needs a place too.
    let kind = no_representation::<FixedStr<Wide, 2>>(&"Hi".into());
    assert_eq!(kind, EncodeErrorKind::OverCapacity { len: 3, capacity: 2 });
    let kind = refusal::<FixedStr<Wide, 2>>("00000000 03000000 4800 6900 0000", NDR);
    assert_eq!(kind, DecodeErrorKind::OverMaximum { found: 3, max: 2 });
}

#[test]
fn the_terminator_is_demanded() {
    let unterminated =
        ["02000000 00000000 02000000 4800 6900", "02000000 00000000 02000000 4800 0001", "02000000 00000000 00000000"];
    for hex in unterminated {
        assert_eq!(refusal::<WideStr>(hex, NDR), DecodeErrorKind::Unterminated, "{hex}");
    }
    assert_eq!(refusal::<NarrowStr>("02000000 00000000 02000000 4869", NDR), DecodeErrorKind::Unterminated);
    assert_eq!(refusal::<NarrowStr>("02000000 00000000 00000000", NDR), DecodeErrorKind::Unterminated);
}

#[test]
fn offset_and_counts_are_checked() {
    let offset = "03000000 01000000 02000000 6900 0000";
    let error = decode::<WideStr>(offset, NDR).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::Offset { found: 1 }, 4));
    let kind = refusal::<WideStr>("02000000 00000000 03000000 4800 6900 0000", NDR);
    assert_eq!(kind, DecodeErrorKind::OverMaximum { found: 3, max: 2 });
    // A maximum count above the actual one is a capacity.
    assert_eq!(decode::<WideStr>("ffffffff 00000000 01000000 0000", NDR).unwrap(), "");
    // Too few octets for the count, in every encoding; no overflow.
    for (encoding, hex) in [
        (NDR, "ffffffff 00000000 ffffffff 0000"),
        (BIG, "ffffffff 00000000 ffffffff 0000"),
        (NDR64, "ffffffffffffffff 0000000000000000 ffffffffffffffff 0000"),
    ] {
        assert!(matches!(refusal::<WideStr>(hex, encoding), DecodeErrorKind::CountTooLarge { remaining: 2, .. }));
        assert!(matches!(refusal::<NarrowStr>(hex, encoding), DecodeErrorKind::CountTooLarge { remaining: 2, .. }));
    }
}

#[test]
fn a_capacity_is_the_maximum_count() {
    let mut e = Encoder::new(NDR);
    e.set_capacity(16_u32);
    put_top::<WideStr>(&"Hi".into(), &mut e).unwrap();
    put_top::<WideStr>(&"".into(), &mut e).unwrap();
    let expected = "10000000 00000000 03000000 4800 6900 0000 0000 01000000 00000000 01000000 0000";
    assert_eq!(e.into_bytes(), octets(expected));
    let mut e = Encoder::new(NDR);
    e.set_capacity(2_u32);
    let error = put_top::<WideStr>(&"Hi".into(), &mut e).unwrap_err();
    assert_eq!(*error.kind(), EncodeErrorKind::OverCapacity { len: 3, capacity: 2 });
    let mut d = decoder(expected, NDR);
    get_top::<WideStr>(&mut d).unwrap();
    assert_eq!(d.max_count(), 16);
}

#[test]
fn ill_formed_text_survives() {
    let lone = WString::from_units([0x48, 0xd800, 0, 0xffff]);
    for encoding in Encoding::ALL {
        let stub = Bytes::from(encode::<WideStr>(&lone, encoding).unwrap());
        assert_eq!(get_top::<WideStr>(&mut Decoder::new(stub, encoding)).unwrap(), lone);
    }
    assert_eq!(lone.to_str(), None);
    assert_eq!(lone.to_string_lossy(), "H\u{fffd}\0\u{ffff}");
    let odd = NString::from(Bytes::from_static(b"\xff\x00x"));
    let stub = Bytes::from(encode::<NarrowStr>(&odd, NDR).unwrap());
    assert_eq!(get_top::<NarrowStr>(&mut Decoder::new(stub, NDR)).unwrap(), odd);
    assert_eq!(odd.to_string_lossy(), "\u{fffd}\0x");
}

#[test]
fn wide_strings_are_like_strings() {
    for text in ["", "plain", "Über", "語", "🦀 crab"] {
        let wide = WString::from(text);
        assert_eq!(wide.to_str().as_deref(), Some(text));
        assert_eq!((wide.to_string(), format!("{wide:?}")), (text.to_owned(), format!("{text:?}")));
        assert_eq!(wide, *text);
        assert_eq!(wide.len(), text.encode_utf16().count());
        assert_eq!((wide.is_empty(), WString::from_units(text.encode_utf16())), (text.is_empty(), wide.clone()));
        assert_eq!(wide.detach(), wide);
    }
    // By code units, not by the octets that they lie in: U+0100 is after U+00FF.
    assert!(["", "a", "ab", "\u{ff}", "\u{100}"].map(WString::from).is_sorted());
    assert_eq!(size_of::<Option<WString>>(), size_of::<WString>());
}

#[test]
fn received_strings_share_their_stub() {
    let text = "x".repeat(100);
    let stub = Bytes::from(encode::<WideStr>(&text.as_str().into(), NDR).unwrap());
    let value = get_top::<WideStr>(&mut Decoder::new(stub.clone(), NDR)).unwrap();
    let range = stub.as_ptr_range();
    assert!(range.contains(&value.as_le_bytes().as_ptr()));
    assert!(!range.contains(&value.detach().as_le_bytes().as_ptr()));
}

#[test]
fn big_endian_strings_of_any_length_and_place() {
    // Swapped in parts: strings before, across and after their bounds.
    let lengths = [1, 0, 16_000, 400, 30_000, 3, 20_000];
    let strings = lengths.map(|len| WString::from_units((0..len).map(|i| i as u16)));
    let mut e = Encoder::new(BIG);
    for string in &strings {
        e.u8(7);
        WideStr::put(string, &mut e).unwrap();
    }
    let mut d = Decoder::new(e.into_bytes(), BIG);
    for string in &strings {
        assert_eq!(d.u8().unwrap(), 7);
        assert_eq!(&WideStr::get(&mut d).unwrap(), string);
    }
    assert_eq!(d.remaining(), 0);
}

//! OLE Automation: what Wine's oleaut32 and impacket make of the same values (see `tests/capture`),
//! and octets by hand where they have none.

use msrpc_ndr::{
    Codec, DecodeErrorKind, EncodeErrorKind, Encoder, Encoding, Ref, Unique,
    com::{ComPtr, IUnknown, InterfacePointer},
    get_top,
    oaut::{
        AnySafeArray, Bound, Bstr, Currency, Date, Decimal, Elements, Record, SafeArray, VarType, Variant, VariantBool,
    },
    put_top,
};

use crate::common::{BIG, NDR, NDR64, both_ways, decode, decoder, encode, no_representation, octets, refusal};

const WINE: &str = include_str!("../fixtures/oleaut32.txt");

fn wine(name: &str) -> &'static str {
    let line = WINE.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in the fixture"))
}

/// Octets are the same, except that referents of pointers may have any value but 0.
fn same_but_for_referents(ours: &[u8], theirs: &[u8], name: &str) {
    let word = |octets: &[u8]| u32::from_le_bytes(octets.try_into().unwrap());
    let referent = |octets: &[u8]| octets.len() == 4 && (0x0002_0000..0x0002_1000).contains(&word(octets));
    assert_eq!(ours.len(), theirs.len(), "{name}\n{ours:02x?}\n{theirs:02x?}");
    for (at, (ours, theirs)) in ours.chunks(4).zip(theirs.chunks(4)).enumerate() {
        let both = referent(ours) && word(theirs) != 0;
        assert!(ours == theirs || both, "{name} at {}: {ours:02x?} is not {theirs:02x?}", 4 * at);
    }
}

/// A value becomes what Wine's marshaller makes of it, behind `prefix` octets of which the last four
/// are a pointer; and what Wine made becomes the value.
fn as_wine<C: Codec<Value: std::fmt::Debug + PartialEq>>(value: &C::Value, name: &str, prefix: usize) {
    let mut theirs = vec![0; prefix - 4];
    theirs.extend([0x55, 0x73, 0x65, 0x72]);
    // What a marshaller aligns to 8 begins at 8.
    if name.starts_with("variant") {
        theirs.extend([0; 4]);
    }
    theirs.extend(octets(wine(name)));
    let mut e = Encoder::new(NDR);
    e.zeros(prefix - 4).unwrap();
    put_top::<C>(value, &mut e).unwrap();
    same_but_for_referents(&e.into_bytes(), &theirs, name);
    let mut d = msrpc_ndr::Decoder::new(theirs.into(), NDR);
    d.raw(prefix - 4).unwrap();
    assert_eq!(&get_top::<C>(&mut d).unwrap(), value, "{name}");
    assert_eq!(d.remaining(), 0, "{name}");
}

#[test]
fn bstrs_are_those_of_wine() {
    for (name, value) in [
        ("bstr_null", Bstr::NULL),
        ("bstr_empty", Bstr::EMPTY),
        ("bstr_node1", Bstr::from("node1")),
        ("bstr_odd", Bstr::from_octets(&b"abc"[..])),
    ] {
        as_wine::<Bstr>(&value, name, 4);
    }
}

// Not among them: `variant_bstr_null`, where Wine sends a NULL pointer and what it refers to.
#[test]
fn variants_are_those_of_wine() {
    let node1 = || Variant::from("node1");
    let by_ref = |value: Variant| Variant::ByRef(Box::new(value));
    let longs = || Variant::array(vec![1_i32, 2, 3]);
    for (name, value) in [
        ("variant_empty", Variant::Empty),
        ("variant_null", Variant::Null),
        ("variant_i4", Variant::I4(0x1122_3344)),
        ("variant_ui1", Variant::Ui1(7)),
        ("variant_i2", Variant::I2(0x1122)),
        ("variant_i8", Variant::I8(0x1122_3344_5566_7788)),
        ("variant_r8", Variant::R8(5.25)),
        ("variant_bool", true.into()),
        ("variant_error", Variant::Error(0x8000_4005_u32.cast_signed())),
        ("variant_cy", Currency { int64: 52_500 }.into()),
        ("variant_date", Date(5.25).into()),
        ("variant_int", Variant::Int(-1)),
        ("variant_bstr", node1()),
        ("variant_i4_ref", by_ref(Variant::I4(0x1122_3344))),
        ("variant_ui1_ref", by_ref(Variant::Ui1(7))),
        ("variant_r8_ref", by_ref(Variant::R8(5.25))),
        ("variant_bool_ref", by_ref(true.into())),
        ("variant_bstr_ref", by_ref(node1())),
        ("variant_variant_ref", Variant::VariantRef(Some(Box::new(node1())))),
        ("variant_unknown_null", Variant::Unknown(None)),
        ("variant_array_i4", longs()),
        ("variant_array_i4_ref", by_ref(longs())),
    ] {
        as_wine::<Variant>(&value, name, 4);
    }
}

/// Wine puts in the reserved words of the VARIANT what its DECIMAL has there in memory.
#[test]
fn a_decimal_is_that_of_wine_but_for_reserved_words() {
    let decimal = Variant::from(Decimal { reserved: 14, scale: 3, sign: 0x80, hi32: 1, lo64: 2 });
    let mut theirs = octets(&format!("00000200 00000000 {}", wine("variant_decimal")));
    assert_eq!(get_top::<Variant>(&mut msrpc_ndr::Decoder::new(theirs.clone().into(), NDR)).unwrap(), decimal);
    theirs[18..24].fill(0);
    assert_eq!(encode::<Variant>(&decimal, NDR).unwrap(), theirs);
}

/// A pointer that user code marshals, and the pointer that a SAFEARRAY is.
type Array<T> = Ref<Unique<SafeArray<T>>>;

#[test]
fn arrays_are_those_of_wine() {
    let some = |array: Vec<i32>| Some(SafeArray::from(array));
    as_wine::<Array<i32>>(&some(vec![1, 2, 3]), "array_i4", 8);
    as_wine::<Array<i32>>(&some(Vec::new()), "array_i4_empty", 8);
    as_wine::<Array<i32>>(&None, "array_null", 8);
    let bounds = vec![Bound { elements: 2, lower: 0 }, Bound { elements: 3, lower: 1 }];
    as_wine::<Array<i16>>(&Some(SafeArray::with_bounds(vec![0; 6], bounds)), "array_i2_two_dimensions", 8);
    // What `SafeArrayCreateVector` makes says so in its features.
    fn vector<T: msrpc_ndr::oaut::Element>(elements: Vec<T>) -> Option<SafeArray<T>> {
        let mut array = SafeArray::from(elements);
        array.features |= 0x2000;
        Some(array)
    }
    as_wine::<Array<u8>>(&vector(b"hello".to_vec()), "array_ui1", 8);
    as_wine::<Array<i64>>(&vector(vec![0x1122_3344_5566_7788]), "array_i8", 8);
    as_wine::<Array<f64>>(&vector(vec![5.25]), "array_r8", 8);
    as_wine::<Array<VariantBool>>(&vector(vec![VariantBool::TRUE]), "array_bool", 8);
    as_wine::<Array<Bstr>>(&Some(SafeArray::from(Vec::new())), "array_bstr_empty", 8);
}

#[test]
fn a_bstr_is_that_of_impacket() {
    let fixture = include_str!("../fixtures/impacket.txt");
    let theirs = octets(fixture.lines().find_map(|line| line.strip_prefix("bstr ")).unwrap());
    let mut ours = encode::<Bstr>(&"node1".into(), NDR).unwrap();
    ours[..4].copy_from_slice(&theirs[..4]);
    assert_eq!(ours, theirs);
}

#[test]
fn null_and_empty_are_different_and_a_null_pointer_is_a_third() {
    both_ways::<Bstr>(
        &Bstr::NULL,
        "00000200 00000000 ffffffff 00000000",
        "00020000 00000000 ffffffff 00000000",
        "0000020000000000 0000000000000000 ffffffff 00000000",
    );
    both_ways::<Bstr>(
        &Bstr::EMPTY,
        "00000200 00000000 00000000 00000000",
        "00020000 00000000 00000000 00000000",
        "0000020000000000 0000000000000000 00000000 00000000",
    );
    let absent: Bstr = decode::<Bstr>("00000000", NDR).unwrap();
    assert!(absent.is_null() && absent != Bstr::NULL);
    assert_eq!(encode::<Bstr>(&absent, NDR).unwrap(), [0; 4]);
    assert_eq!(Bstr::from(None::<&str>), Bstr::NULL);
}

/// [MS-OAUT] 2.2.23.1: little-endian whatever the data representation says. The pointer is not.
#[test]
fn what_is_inside_is_little_endian_in_a_big_endian_stub() {
    both_ways::<Bstr>(
        &"ab".into(),
        "00000200 02000000 04000000 02000000 6100 6200",
        "00020000 02000000 04000000 02000000 6100 6200",
        "0000020000000000 0200000000000000 04000000 02000000 6100 6200",
    );
    let variant = Variant::I4(1);
    let inside = "03000000 00000000 0300 0000 0000 0000 03000000 01000000";
    assert_eq!(encode::<Variant>(&variant, BIG).unwrap(), octets(&format!("00020000 00000000 {inside}")));
    assert_eq!(decode::<Variant>(&format!("00020000 00000000 {inside}"), BIG).unwrap(), variant);
}

#[test]
fn ndr64_aligns_the_union_and_its_arm_to_8() {
    let text = "0000020000000000 05000000 00000000 0300 0000 0000 0000 03000000 00000000 01000000 00000000";
    let text = text.replacen("05000000", "04000000", 1);
    assert_eq!(encode::<Variant>(&Variant::I4(1), NDR64).unwrap(), octets(&text));
    assert_eq!(decode::<Variant>(&text, NDR64).unwrap(), Variant::I4(1));
    let array = Some(SafeArray::from(vec![7_u16]));
    let text =
        "0000020000000000 0100000000000000 0100 8000 02000000 00001200 00000000 02000000 00000000 01000000 00000000
        0400020000000000 01000000 00000000 0100000000000000 0700";
    assert_eq!(encode::<Unique<SafeArray<u16>>>(&array, NDR64).unwrap(), octets(text));
    assert_eq!(decode::<Unique<SafeArray<u16>>>(text, NDR64).unwrap(), array);
}

/// [MS-OAUT] 2.2.30.2: an array of pointers, and what they refer to. (Wine leaves the pointers out.)
#[test]
fn strings_of_an_array_are_pointers_and_what_follows_them() {
    let array = Some(SafeArray::from(vec![Bstr::from("a"), Bstr::NULL]));
    let text = "00000200 01000000 0100 8001 04000000 00000800 08000000 02000000 04000200 02000000 00000000
        02000000 08000200 0c000200 01000000 02000000 01000000 6100 0000 00000000 ffffffff 00000000";
    assert_eq!(encode::<Unique<SafeArray<Bstr>>>(&array, NDR).unwrap(), octets(text));
    assert_eq!(decode::<Unique<SafeArray<Bstr>>>(text, NDR).unwrap(), array);
}

#[test]
fn everything_survives_in_every_encoding() {
    let pointer = || InterfacePointer::from_bytes(&b"not an OBJREF"[..]);
    let record = || Record { flags: 1, info: Some(pointer()), data: Some((&b"data"[..]).into()) };
    let unknown: Option<ComPtr<IUnknown>> = Some(pointer().cast());
    let any = |elements| AnySafeArray {
        features: 0,
        element_size: 4,
        locks: 0,
        bounds: vec![Bound { elements: 2, lower: -1 }],
        elements,
    };
    let nested = Variant::array(vec![Variant::from("x"), Variant::array(vec![Variant::Null, 1_u8.into()])]);
    for value in [
        Variant::Unknown(unknown.clone()),
        Variant::Dispatch(Some(pointer().cast())),
        Variant::Record(Some(record())),
        Variant::RecordRef(None),
        Variant::NullRef(VarType::BSTR),
        Variant::VariantRef(None),
        Variant::VariantRef(Some(Box::new(nested.clone()))),
        Variant::Array(VarType::RECORD, Some(Box::new(any(Elements::Record(vec![Some(record()), None]))))),
        Variant::Array(VarType::UNKNOWN, Some(Box::new(any(Elements::Unknown(vec![unknown, None]))))),
        Variant::Array(VarType::I4, None),
        Variant::array(vec![Some(pointer().cast::<IUnknown>()), None]),
        nested,
    ] {
        for encoding in Encoding::ALL {
            let octets = encode::<Variant>(&value, encoding).unwrap();
            let mut d = msrpc_ndr::Decoder::new(octets.clone().into(), encoding);
            assert_eq!(get_top::<Variant>(&mut d).unwrap(), value, "{encoding:?}");
            assert_eq!(d.remaining(), 0, "{encoding:?} {value:?}");
            for len in 0..octets.len() {
                let cut = msrpc_ndr::Bytes::copy_from_slice(&octets[..len]);
                let cut = get_top::<Variant>(&mut msrpc_ndr::Decoder::new(cut, encoding));
                assert!(cut.is_err() || cut.is_ok_and(|cut| cut == value), "{encoding:?} {value:?}: {len}");
            }
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    // A union tag that is not that of vt; a type that nobody knows; BYREF of nothing.
    let variant = |vt: &str, tag: &str| format!("00000200 00000000 03000000 00000000 {vt} 000000000000 {tag} 00000000");
    assert!(matches!(refusal::<Variant>(&variant("0300", "02000000"), NDR), DecodeErrorKind::TagMismatch { .. }));
    assert!(matches!(refusal::<Variant>(&variant("ff00", "ff000000"), NDR), DecodeErrorKind::InvalidTag { .. }));
    assert!(matches!(refusal::<Variant>(&variant("0040", "00400000"), NDR), DecodeErrorKind::InvalidTag { .. }));
    // cBytes says two units, clSize one.
    let bstr = "00000200 01000000 04000000 01000000 6100";
    assert!(matches!(refusal::<Bstr>(bstr, NDR), DecodeErrorKind::CountMismatch { count: "cBytes", .. }));
    // Strings where numbers are declared.
    let strings = Some(SafeArray::from(vec![Bstr::from("a")]));
    let octets = encode::<Unique<SafeArray<Bstr>>>(&strings, NDR).unwrap();
    let mut d = msrpc_ndr::Decoder::new(octets.into(), NDR);
    let error = get_top::<Unique<SafeArray<u32>>>(&mut d).unwrap_err();
    assert_eq!(error.kind(), &DecodeErrorKind::ElementType { expected: "u32", found: 8 });
    // Bounds that hold more than there is.
    let mut array = SafeArray::from(vec![1_u32, 2]);
    array.bounds[0].elements = 3;
    let octets = encode::<Unique<SafeArray<u32>>>(&Some(array), NDR).unwrap();
    let mut d = msrpc_ndr::Decoder::new(octets.into(), NDR);
    let kind = get_top::<Unique<SafeArray<u32>>>(&mut d).unwrap_err().kind().clone();
    assert!(matches!(kind, DecodeErrorKind::CountMismatch { count: "rgsabound", .. }));
    let twice = Variant::ByRef(Box::new(Variant::ByRef(Box::new(Variant::I4(1)))));
    assert!(matches!(no_representation::<Variant>(&twice), EncodeErrorKind::NoVariant { .. }));
}

#[test]
fn a_variant_in_a_variant_without_end_is_refused() {
    let one = "00000000 03000000 00000000 0c40 000000000000 0c400000 00000200 00000200";
    let text = format!("00000200 {}", one.repeat(300));
    let mut d = decoder(&text, NDR);
    assert!(matches!(get_top::<Variant>(&mut d).unwrap_err().kind(), DecodeErrorKind::TooDeep { .. }));
}

#[test]
fn the_size_of_a_large_variant_is_right() {
    let variant = Variant::from(Bstr::from_octets(vec![7; 100_001]));
    let octets = encode::<Variant>(&variant, NDR).unwrap();
    let size = u32::from_le_bytes(octets[8..12].try_into().unwrap());
    assert_eq!(size as usize, (octets.len() - 8).div_ceil(8));
    assert_eq!(get_top::<Variant>(&mut msrpc_ndr::Decoder::new(octets.into(), NDR)).unwrap(), variant);
}

#[test]
fn conversions_say_what_was_found() {
    assert_eq!(i32::try_from(Variant::Int(3)), Ok(3));
    assert_eq!(bool::try_from(Variant::ByRef(Box::new(true.into()))), Ok(true));
    assert_eq!(String::try_from(Variant::from("x")).unwrap(), "x");
    assert_eq!(SafeArray::<u8>::try_from(Variant::array(vec![1_u8])).unwrap()[..], [1]);
    let error = String::try_from(Variant::I4(1)).unwrap_err();
    assert_eq!(error.to_string(), "a VARIANT holds VT_I4, which is no Bstr");
    assert_eq!(Currency { int64: -52_500 }.to_string(), "-5.2500");
}

//! Integers, enumerations, UUIDs and handles: sizes, byte orders, alignment.

use crate::common::*;
use msrpc_ndr::{
    Align, ByteOrder, Codec, ContextHandle, DecodeErrorKind, EncodeErrorKind, Encoder, Encoding, Enum16, Fixed, Guid,
    Int3264, Syntax, UInt3264, Uuid,
};

#[test]
fn integers() {
    both_ways::<u8>(&0xfe, "fe", "fe", "fe");
    both_ways::<i8>(&-2, "fe", "fe", "fe");
    both_ways::<u16>(&0x1234, "3412", "1234", "3412");
    both_ways::<i16>(&-2, "feff", "fffe", "feff");
    both_ways::<u32>(&0x1234_5678, "78563412", "12345678", "78563412");
    both_ways::<i32>(&-2, "feffffff", "fffffffe", "feffffff");
    both_ways::<u64>(&0x0123_4567_89ab_cdef, "efcdab8967452301", "0123456789abcdef", "efcdab8967452301");
    both_ways::<i64>(&-2, "feffffffffffffff", "fffffffffffffffe", "feffffffffffffff");
    both_ways::<f32>(&1.5, "0000c03f", "3fc00000", "0000c03f");
    both_ways::<f64>(&-0.25, "000000000000d0bf", "bfd0000000000000", "000000000000d0bf");
}

#[test]
fn alignment_counts_from_the_start_of_the_stub_and_padding_is_zero() {
    for encoding in Encoding::ALL {
        let mut e = Encoder::new(encoding);
        e.u8(1);
        e.u16(0x0202);
        e.u8(3);
        e.u32(0x0404_0404);
        e.u8(5);
        e.u64(0x0606_0606_0606_0606);
        let bytes = e.into_bytes();
        assert_eq!(bytes, octets("01 00 0202 03 000000 04040404 05 000000 0606060606060606"));
        let mut d = msrpc_ndr::Decoder::new(bytes, encoding);
        assert_eq!((d.u8().unwrap(), d.u16().unwrap(), d.u8().unwrap()), (1, 0x0202, 3));
        assert_eq!((d.u32().unwrap(), d.u8().unwrap(), d.u64().unwrap()), (0x0404_0404, 5, 0x0606_0606_0606_0606));
    }
}

#[test]
fn padding_is_not_looked_at() {
    let mut d = decoder("01 ff 0202", NDR);
    assert_eq!((d.u8().unwrap(), d.u16().unwrap()), (1, 0x0202));
}

#[test]
fn enumerations_are_two_octets_in_ndr_and_four_in_ndr64() {
    both_ways::<Enum16>(&0x1234, "3412", "1234", "34120000");
    let error = encode::<Enum16>(&0x1_0000, NDR).unwrap_err();
    assert!(matches!(error.kind(), EncodeErrorKind::DoesNotFit { value: 0x1_0000, .. }));
    assert!(encode::<Enum16>(&0x1_0000, NDR64).is_ok());
}

#[test]
fn int3264_is_four_octets_in_ndr_and_eight_in_ndr64() {
    both_ways::<UInt3264>(&0x8000_0001, "01000080", "80000001", "0100008000000000");
    both_ways::<Int3264>(&-2, "feffffff", "fffffffe", "feffffffffffffff");
    for encoding in [NDR, BIG] {
        assert!(encode::<UInt3264>(&(1 << 32), encoding).is_err());
        assert!(encode::<Int3264>(&(1 << 31), encoding).is_err());
    }
    assert!(encode::<UInt3264>(&u64::MAX, NDR64).is_ok());
}

#[test]
fn uuids_are_four_two_two_octets_as_integers_and_eight_as_they_are() {
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    let little = "67452301 ab89 efcd 0123456789abcdef";
    both_ways::<Guid>(&uuid, little, "01234567 89ab cdef 0123456789abcdef", little);
}

#[test]
fn context_handles_are_attributes_and_a_uuid() {
    let handle = ContextHandle { attributes: 1, uuid: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef) };
    let little = "01000000 67452301 ab89 efcd 0123456789abcdef";
    both_ways::<ContextHandle>(&handle, little, "00000001 01234567 89ab cdef 0123456789abcdef", little);
    assert!(decode::<ContextHandle>(&"00".repeat(20), NDR).unwrap().is_null());
    // The attributes do not make a handle: [MS-RPCE] 2.2.4.3.
    assert!(decode::<ContextHandle>(&format!("01000000{}", "00".repeat(16)), NDR).unwrap().is_null());
}

#[test]
fn a_cut_integer_says_what_is_missing_and_where() {
    let mut d = decoder("01 000000 0202", NDR);
    d.u8().unwrap();
    let error = d.u32().unwrap_err();
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::Truncated { expected: 4, remaining: 2 }, 4));
    assert_eq!(error.within("b").within("a").to_string(), "a: b: expected 4 octets, 2 are left at offset 4");
    // Alignment beyond the end is no underflow.
    let mut d = decoder("01", NDR64);
    d.u8().unwrap();
    assert_eq!(*d.u64().unwrap_err().kind(), DecodeErrorKind::Truncated { expected: 8, remaining: 0 });
    assert_eq!(d.remaining(), 0);
}

#[test]
fn ranges() {
    for value in [-1, 5] {
        let d = decoder("", NDR);
        assert_eq!(
            *d.expect_range(value, 0, 4).unwrap_err().kind(),
            DecodeErrorKind::OutOfRange { value, min: 0, max: 4 }
        );
        let e = Encoder::new(NDR);
        assert_eq!(
            *e.expect_range(value, 0, 4).unwrap_err().kind(),
            EncodeErrorKind::OutOfRange { value, min: 0, max: 4 }
        );
    }
    assert!(decoder("", NDR).expect_range(0, 0, 4).is_ok() && decoder("", NDR).expect_range(4, 0, 4).is_ok());
}

#[test]
fn union_tags() {
    let d = decoder("", NDR);
    assert_eq!(*d.expect_tag(1, 2).unwrap_err().kind(), DecodeErrorKind::TagMismatch { expected: 1, found: 2 });
    assert_eq!(*d.invalid_tag(7).kind(), DecodeErrorKind::InvalidTag { tag: 7 });
    let e = Encoder::new(NDR);
    assert_eq!(*e.expect_tag(1, 2).unwrap_err().kind(), EncodeErrorKind::TagMismatch { expected: 1, found: 2 });
    assert_eq!(*msrpc_ndr::wrong_arm(7).kind(), EncodeErrorKind::WrongArm { tag: 7 });
    // NDR64 aligns a union to its largest arm, NDR does not; so with trailing gaps.
    for (encoding, position) in [(NDR, 1), (BIG, 1), (NDR64, 8)] {
        let mut e = Encoder::new(encoding);
        e.u8(1);
        e.align_union(Align::same(8));
        assert_eq!(e.position(), position);
        let mut e = Encoder::new(encoding);
        e.u8(1);
        e.trailing_gap(Align::same(8));
        assert_eq!(e.position(), position);
    }
}

#[test]
fn fixed_arrays_are_their_elements() {
    both_ways::<Fixed<u16, 3>>(&[1, 2, 3], "0100 0200 0300", "0001 0002 0003", "0100 0200 0300");
    both_ways::<Fixed<Enum16, 2>>(&[1, 2], "0100 0200", "0001 0002", "01000000 02000000");
    both_ways::<Fixed<Fixed<u8, 2>, 2>>(&[[1, 2], [3, 4]], "01020304", "01020304", "01020304");
    assert_eq!(<Fixed<u16, 3> as Codec>::MIN, 6);
}

#[test]
fn there_are_three_encodings() {
    assert_eq!(Encoding::new(Syntax::Ndr64, ByteOrder::Big), None);
    assert_eq!(Encoding::new(Syntax::Ndr, ByteOrder::Big), Some(BIG));
    assert_eq!(Align::of(4, 8).max(Align::of(8, 4)), Align::same(8));
}

//! Octets worked out by hand from C706 chapter 14 and [MS-RPCE] 2.2.4 and 2.2.5, for the shapes that
//! implementations get wrong.

use std::{fmt::Debug, sync::Arc};

use midlc_golden::*;
use msrpc_ndr::{Bytes, Codec, Decoder, Encoder, Encoding, Message, get_top, put_top};

fn hex(octets: &str) -> Vec<u8> {
    let digits: Vec<u8> = octets.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A value becomes these octets, and they become the value.
fn check<C: Codec<Value: Debug + PartialEq>>(value: C::Value, encoding: Encoding, octets: &str) {
    let mut e = Encoder::new(encoding);
    put_top::<C>(&value, &mut e).unwrap();
    assert_eq!(e.into_bytes(), hex(octets), "{value:?} {encoding:?}");
    let mut d = Decoder::new(hex(octets).into(), encoding);
    assert_eq!(get_top::<C>(&mut d).unwrap(), value);
    assert_eq!(d.remaining(), 0);
}

fn check_message<M: Message + Debug + PartialEq>(message: M, encoding: Encoding, octets: &str) {
    assert_eq!(message.to_bytes(encoding).unwrap(), hex(octets), "{message:?} {encoding:?}");
    assert_eq!(M::from_bytes(hex(octets).into(), encoding).unwrap(), message);
}

#[test]
fn gaps_stand_in_front_of_members_and_in_ndr64_behind_the_last() {
    let gaps = structs_alignment::Gaps { a: 1, b: 2, c: 3 };
    check::<structs_alignment::Gaps>(gaps.clone(), Encoding::NDR, "01 00000000000000 0200000000000000 03");
    check::<structs_alignment::Gaps>(
        gaps,
        Encoding::NDR64,
        "01 00000000000000 0200000000000000 03 00000000000000",
    );
}

#[test]
fn enumerations_are_two_octets_in_ndr() {
    use enums::{Color, Paint, Plain, Wide};
    let paint = Paint { c: Color::GREEN, w: Wide(0x0102_0304), p: Plain::PLAIN_B };
    check::<Paint>(paint.clone(), Encoding::NDR, "0500 0000 04030201 0200");
    check::<Paint>(paint.clone(), Encoding::NDR_BIG, "0005 0000 01020304 0002");
    check::<Paint>(paint, Encoding::NDR64, "05000000 04030201 02000000");
}

#[test]
fn int3264_is_as_wide_as_a_pointer() {
    let words = int3264::Words { s: -2, u: 3, c: 4 };
    check::<int3264::Words>(words.clone(), Encoding::NDR, "feffffff 03000000 04");
    check::<int3264::Words>(
        words,
        Encoding::NDR64,
        "feffffffffffffff 0300000000000000 04 00000000000000",
    );
}

#[test]
fn the_discriminant_is_sent_twice_and_the_arm_aligns_itself_in_ndr() {
    use union_non_encapsulated::{Value, Variant};
    let number = Variant { value: Value::Number(0x1122_3344), after: 0x55 };
    check::<Variant>(number.clone(), Encoding::NDR, "0100 0100 44332211 55");
    // NDR64: the union and its arm are aligned to the widest arm, 8 octets.
    check::<Variant>(
        number,
        Encoding::NDR64,
        "0100 000000000000 0100 000000000000 44332211 55 000000",
    );
    let big = Variant { value: Value::Big(0x0102_0304_0506_0708), after: 0x55 };
    check::<Variant>(big, Encoding::NDR, "0500 0500 00000000 0807060504030201 55");
    let empty = Variant { value: Value::Case4, after: 0x55 };
    check::<Variant>(empty, Encoding::NDR, "0400 0400 55");
    let other = Variant { value: Value::Other(9, 0x66), after: 0x55 };
    check::<Variant>(other, Encoding::NDR, "0900 0900 66 55");
    let text = Variant { value: Value::Text(3, Some("a".into())), after: 0x55 };
    check::<Variant>(
        text,
        Encoding::NDR,
        "0300 0300 00000200 55 000000 02000000 00000000 02000000 6100 0000",
    );
}

#[test]
fn an_arm_that_its_discriminant_does_not_select_has_no_representation() {
    use union_non_encapsulated::Value;
    let mut e = Encoder::new(Encoding::NDR);
    assert!(put_top::<Value>(&Value::Text(1, None), &mut e).is_err());
    assert!(put_top::<Value>(&Value::Other(2, 0), &mut e).is_err());
    assert!(put_top::<Value>(&Value::Other(7, 0), &mut e).is_ok());
}

#[test]
fn an_ms_union_aligns_every_arm_to_the_widest() {
    use union_ms::{Holder, Value};
    let holder = Holder { before: 1, value: Value::Small(7), after: 9 };
    check::<Holder>(holder, Encoding::NDR, "01 01 01 0000000000 07 09");
    let holder = Holder { before: 1, value: Value::Case3, after: 9 };
    check::<Holder>(holder, Encoding::NDR, "01 03 03 0000000000 09");
}

#[test]
fn an_encapsulated_union_has_its_discriminant_once() {
    use union_encapsulated::Either;
    check::<Either>(Either::Number(0x1122_3344), Encoding::NDR, "01000000 44332211");
    check::<Either>(Either::Rest(9, 2), Encoding::NDR, "09000000 00000000 0200000000000000");
    check::<Either>(Either::Case4, Encoding::NDR_BIG, "00000004");
}

#[test]
fn a_union_has_the_discriminant_that_it_says_wherever_it_is_declared() {
    use union_declared_later::{Later, User};
    check::<User>(User { which: 2, later: Later::B(7) }, Encoding::NDR, "0200 0000 02000000 07000000");
    use union_inferred_tag::{Anonymous, AnonymousU, Body, Late};
    check::<Late>(Late { body: Body::B(5) }, Encoding::NDR, "ff ff 05");
    check::<Anonymous>(Anonymous { u: AnonymousU::CaseMinus1 }, Encoding::NDR, "ffff ffff");
}

#[test]
fn maximum_counts_go_in_front_of_the_outermost_structure() {
    use conformant_struct_nested::{Inner, Middle, Outer};
    let inner = Inner { tag: 4, values: vec![5, 6] };
    let outer = Outer { h: 1, b: 2, middle: Middle { a: 3, inner } };
    check::<Outer>(
        outer.clone(),
        Encoding::NDR,
        "02000000 00000000 0100000000000000 02 000000 03000000 04 000000 02000000 0500 0600",
    );
    check::<Outer>(
        outer,
        Encoding::NDR_BIG,
        "00000002 00000000 0000000000000001 02 000000 00000003 04 000000 00000002 0005 0006",
    );
}

#[test]
fn structures_may_end_in_strings() {
    use conformant_string_last::{Named, SizedType, Tagged};
    check::<Named>(
        Named { id: 5, name: "ab".into() },
        Encoding::NDR,
        "03000000 05000000 00000000 03000000 6100 6200 0000",
    );
    check::<Tagged>(
        Tagged { kind: 5, name: "x".into() },
        Encoding::NDR64,
        "0200000000000000 0500 000000000000 0000000000000000 0200000000000000 78 00 000000000000",
    );
    check::<SizedType>(
        SizedType { max: 9, name: "".into() },
        Encoding::NDR,
        "09000000 09000000 00000000 01000000 0000",
    );
}

#[test]
fn varying_arrays_have_offset_and_length_in_place() {
    let part = arrays_varying::Part { values: vec![10, 11], after: 12 };
    check::<arrays_varying::Part>(part, Encoding::NDR, "02000000 00000000 02000000 0a000000 0b000000 0c");
    let buffer = arrays_conformant_varying::Buffer { max: 4, data: Some(Bytes::from_static(b"xy")), used: 2 };
    check::<arrays_conformant_varying::Buffer>(
        buffer,
        Encoding::NDR,
        "04000000 02000000 00000200 04000000 00000000 02000000 7879",
    );
}

#[test]
fn an_out_array_varies_where_its_length_is_in_the_request() {
    use arrays_length_in_request::arrays_length_in_request::wire::{FixedResponse, ReadResponse};
    let read = ReadResponse { data: Bytes::from_static(b"ab"), data_max: 4, return_value: 0 };
    check_message(read, Encoding::NDR, "04000000 00000000 02000000 6162 0000 00000000");
    let fixed = FixedResponse { values: vec![1, 2], return_value: 0 };
    check_message(fixed, Encoding::NDR, "00000000 02000000 0100 0200 00000000");
}

#[test]
fn pointees_follow_in_order_after_the_outermost_structure() {
    use deferral_order::{Branch, Leaf};
    let leaf = |name: Option<&str>, value| Leaf { name: name.map(Into::into), value };
    let branch = Branch {
        first: leaf(Some("a"), 1),
        second: Some(leaf(Some("b"), 2)),
        pair: [leaf(None, 3), leaf(Some("c"), 4)],
        tail: Some("t".into()),
    };
    let string = |c: char| format!("02000000 00000000 02000000 {:02x}00 0000", c as u32);
    let octets = [
        // In place: name, value, second, name, value, name, value, tail.
        "00000200 01000000 04000200 00000000 03000000 08000200 04000000 0c000200",
        // The first name; then second, with its own name at once; then those of the pair; the tail.
        &string('a'),
        "10000200 02000000",
        &string('b'),
        &string('c'),
        "02000000 00000000 02000000 74 00",
    ];
    check::<Branch>(branch, Encoding::NDR, &octets.concat());
}

#[test]
fn full_pointers_to_one_value_send_it_once() {
    use full_pointers::Graph;
    let shared = Arc::new(42);
    let graph = Graph { a: Some(Arc::clone(&shared)), b: Some(shared), ..Graph::default() };
    check::<Graph>(
        graph,
        Encoding::NDR,
        "00000200 00000200 00000000 00000000 00000000 00000000 2a000000",
    );
}

#[test]
fn top_level_references_leave_no_trace() {
    use pointers_top_level::pointers_top_level::wire::{AttributedRequest, PlainRequest};
    check_message(PlainRequest { value: 7 }, Encoding::NDR, "07000000");
    let request = AttributedRequest { r: 1, u: Some(2), p: None };
    check_message(request, Encoding::NDR, "01000000 00000200 02000000 00000000");
}

#[test]
fn embedded_references_stand_in_place() {
    use pointer_default_ref::Pair;
    let pair = Pair { left: 7, right: None };
    check::<Pair>(pair.clone(), Encoding::NDR, "00000200 00000000 07000000");
    check::<Pair>(pair, Encoding::NDR64, "0000020000000000 0000000000000000 07000000");
}

#[test]
fn size_is_has_a_position_for_each_pointer() {
    use size_is_levels::size_is_levels::wire::{BothRequest, InnerResponse};
    let both = BothRequest { n: 1, rows: vec![Some(vec![7]), None] };
    check_message(
        both,
        Encoding::NDR,
        "02000000 01000000 02000000 00000200 00000000 01000000 07000000",
    );
    let inner = InnerResponse { n: 2, values: Some(vec![7, 8]), return_value: 0 };
    check_message(
        inner,
        Encoding::NDR,
        "02000000 00000200 02000000 07000000 08000000 00000000",
    );
}

#[test]
fn arrays_of_strings_are_arrays_of_pointers_or_of_fixed_strings() {
    use strings_arrays_of::Rows;
    let rows = Rows { names: ["a".into(), "".into(), "bc".into()] };
    check::<Rows>(
        rows,
        Encoding::NDR,
        "00000000 02000000 6100 0000 00000000 01000000 00 000000 00000000 03000000 626300",
    );
}

#[test]
fn computed_counts_are_checked() {
    use expressions::Unicode;
    let text = Unicode { length: 4, maximum_length: 8, buffer: Some("ab".into()) };
    check::<Unicode>(
        text.clone(),
        Encoding::NDR,
        "0400 0800 00000200 04000000 00000000 02000000 6100 6200",
    );
    let mut e = Encoder::new(Encoding::NDR);
    assert!(put_top::<Unicode>(&Unicode { length: 5, ..text }, &mut e).is_ok(), "5 / 2 is 2");
    let wrong = Unicode { length: 6, maximum_length: 8, buffer: Some("ab".into()) };
    assert!(put_top::<Unicode>(&wrong, &mut Encoder::new(Encoding::NDR)).is_err());
}

#[test]
fn an_encapsulated_union_is_aligned_as_a_structure_of_tag_and_arms() {
    use union_encapsulated::Either;
    // Wine 8 has the same alignment for `union switch (short) { case 2: hyper h; }` behind an octet.
    check::<Either>(
        Either::Rest(9, 0x77),
        Encoding::NDR,
        "09000000 00000000 7700000000000000",
    );
    check::<Either>(Either::Number(5), Encoding::NDR64, "01000000 00000000 05000000");
}

#[test]
fn counts_of_all_dimensions_stand_in_front() {
    use arrays_dimensions::{Cube, Grid, arrays_dimensions::wire::*};
    let plain = PlainRequest { n: 3, x: vec![vec![1, 2, 3], vec![4, 5, 6]], after: 9 };
    check_message(
        plain.clone(),
        Encoding::NDR,
        "02000000 03000000  02000000 03000000  01000000 02000000 03000000 04000000 05000000 06000000 09",
    );
    check_message(
        plain,
        Encoding::NDR64,
        "02000000 03000000  0200000000000000 0300000000000000
         01000000 02000000 03000000 04000000 05000000 06000000 09",
    );
    let varying = VaryingRequest { n: 1, x: vec![vec![7], vec![8]] };
    check_message(
        varying,
        Encoding::NDR,
        "02000000 01000000  00000000 02000000 00000000 01000000  07000000 08000000",
    );
    let both = BothRequest { m: 4, n: 2, x: vec![vec![1, 2]] };
    check_message(
        both,
        Encoding::NDR,
        "04000000 02000000 01000000  04000000 02000000  00000000 01000000 00000000 02000000  01000000 02000000",
    );
    // In a structure they stand before it.
    let grid = Grid { columns: 2, cells: vec![vec![1, 2], vec![3, 4]] };
    check::<Grid>(grid, Encoding::NDR, "02000000 02000000  02000000 02000000  0100 0200 0300 0400");
    let cube = Cube { a: 1, b: 2, cells: Some(vec![vec![5, 6]]), tail: 9 };
    check::<Cube>(cube, Encoding::NDR, "0100 0200 00000200 09 000000  01000000 02000000 05000000 06000000");
}

#[test]
fn rows_must_be_alike_and_as_long_as_their_counts_say() {
    use arrays_dimensions::{Rows, arrays_dimensions::wire::PlainRequest};
    let ragged = PlainRequest { n: 1, x: vec![vec![1], vec![2, 3]], after: 0 };
    assert!(ragged.to_bytes(Encoding::NDR).is_err());
    let wrong = PlainRequest { n: 2, x: vec![vec![1], vec![2]], after: 0 };
    assert!(wrong.to_bytes(Encoding::NDR).is_err());
    let put = |rows: &Rows| put_top::<Rows>(rows, &mut Encoder::new(Encoding::NDR));
    let rows = Rows { m: 2, n: 2, rows: Some(vec![Some(vec![1, 2]), None]) };
    assert!(put(&rows).is_ok());
    assert!(put(&Rows { n: 3, ..rows.clone() }).is_err(), "inner lengths are checked");
    check::<Rows>(
        rows,
        Encoding::NDR,
        "02 02 0000 00000200  02000000 04000200 00000000  02000000 01000000 02000000",
    );
    let lies = hex("02 03 0000 00000200  02000000 04000200 00000000  02000000 01000000 02000000");
    assert!(get_top::<Rows>(&mut Decoder::new(lies.into(), Encoding::NDR)).is_err());
}

#[test]
fn references_in_arrays_stand_in_place_in_ndr64_alone() {
    use arrays_of_references::{Held, arrays_of_references::wire::NumbersRequest};
    let held = Held { first: 1, two: [5, 6], last: 2 };
    check::<Held>(held.clone(), Encoding::NDR, "01 02 0000 05000000 06000000");
    check::<Held>(
        held.clone(),
        Encoding::NDR64,
        "01 00000000000000 0000020000000000 0400020000000000 02 00000000000000 05000000 06000000",
    );
    let request = NumbersRequest { numbers: vec![7, 8], held };
    check_message(
        request,
        Encoding::NDR,
        "02000000 02000000 07000000 08000000  01 02 0000 05000000 06000000",
    );
}

#[test]
fn elements_of_arrays_of_ms_unions_are_aligned_to_the_widest_arm() {
    use union_ms_arrays::{Pair, Value};
    let pair = Pair { kind: 1, two: [Value::Small(5), Value::Small(6)], after: 9 };
    check::<Pair>(
        pair.clone(),
        Encoding::NDR,
        "01 00000000000000  01 00000000000000 05 00000000000000  01 00000000000000 06 09",
    );
    check::<Pair>(
        pair,
        Encoding::NDR64,
        "01 00000000000000  01 00000000000000 05 00000000000000  01 00000000000000 06 09 000000000000",
    );
}

#[test]
fn arrays_may_begin_at_another_element() {
    use arrays_first_is::{Last, Part, arrays_first_is::wire::FixedRequest};
    let part = Part { f: 2, x: vec![7, 8], tail: 9 };
    check::<Part>(part, Encoding::NDR, "0200 0200  02000000 02000000  07000000 08000000 09");
    let last = Last { size: 6, f: 1, l: 2, x: vec![5, 6] };
    check::<Last>(
        last,
        Encoding::NDR,
        "06000000  06000000 01000000 02000000  01000000 02000000  0500 0600",
    );
    let fixed = FixedRequest { f: 8, x: vec![1, 2], after: 3 };
    check_message(fixed.clone(), Encoding::NDR, "08000000  08000000 02000000  01000000 02000000 03");
    let beyond = FixedRequest { f: 9, ..fixed };
    assert!(beyond.to_bytes(Encoding::NDR).is_err());
    let other = hex("07000000  08000000 02000000  01000000 02000000 03");
    assert!(FixedRequest::from_bytes(other.into(), Encoding::NDR).is_err(), "the offset is not first_is");
}

#[test]
fn full_pointers_to_scalars_are_copied() {
    use pointers_full_scalars::pointers_full_scalars::wire::PutRequest;
    let shared = hex("04000000 2a000000  00000000 00000000 01000000 04000000");
    let request = PutRequest::from_bytes(shared.into(), Encoding::NDR).unwrap();
    assert_eq!((request.a, request.b, request.n, request.shared), (Some(42), None, 1, Some(42)));
    assert_eq!(
        request.to_bytes(Encoding::NDR).unwrap(),
        hex("00000200 2a000000 00000000 00000000 01000000 04000200 2a000000")
    );
}

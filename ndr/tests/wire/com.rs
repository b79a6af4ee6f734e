//! DCOM: object references, interface pointers, and what goes in front of calls.

use msrpc_ndr::{
    Bytes, DecodeErrorKind, EncodeErrorKind, Unique, Uuid,
    com::{
        ComPtr, ComVersion, DataElement, DualStringArray, IUnknown, InterfacePointer, ObjRef, ObjRefError, ObjRefKind,
        OrpcExtent, OrpcThat, OrpcThis, SecurityBinding, StdObjRef, StringBinding, check_iid, expect_iid,
    },
};

use crate::common::{NDR, both_ways, decoder, encode, octets, refusal};

const UUID: Uuid = Uuid::from_u128(0x01020304_0506_0708_090a_0b0c0d0e0f10);
const IDISPATCH: Uuid = Uuid::from_u128(0x00020400_0000_0000_c000_000000000046);

fn impacket(name: &str) -> Vec<u8> {
    let fixture = include_str!("../fixtures/impacket.txt");
    octets(fixture.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a line of the fixture"))
}

fn std() -> StdObjRef {
    let (oxid, oid) = (0x1122_3344_5566_7788, 0x99aa_bbcc_ddee_ff00);
    StdObjRef { flags: StdObjRef::SORF_NOPING, public_refs: 5, oxid, oid, ipid: UUID }
}

fn bindings() -> DualStringArray {
    let strings = [StringBinding { tower_id: 7, address: "10.0.0.1[5000]".into() }];
    let security = [SecurityBinding { service: 10, principal: "host/a".into() }];
    DualStringArray::new(&strings, &security).unwrap()
}

#[test]
fn object_references_are_those_of_impacket() {
    let handler = ObjRefKind::Handler { std: std(), clsid: UUID, resolver: bindings() };
    for (name, objref) in [
        ("objref_standard", ObjRef::standard(IDISPATCH, std(), bindings())),
        ("objref_handler", ObjRef { iid: IDISPATCH, kind: handler }),
        ("objref_custom", ObjRef::custom(IDISPATCH, UUID, &b"abc"[..])),
    ] {
        let theirs = Bytes::from(impacket(name));
        assert_eq!(objref.to_bytes(), theirs, "{name}");
        let pointer = InterfacePointer::from_bytes(theirs.clone());
        assert_eq!((pointer.iid(), pointer.objref()), (Some(IDISPATCH), Ok(objref)), "{name}");
        let required = if name == "objref_custom" { 48 } else { theirs.len() };
        for len in 0..required {
            assert!(matches!(ObjRef::parse(&theirs.slice(..len)), Err(ObjRefError::Truncated { .. })), "{name} {len}");
        }
    }
}

#[test]
fn an_extended_reference_has_its_context_padded() {
    let elements = vec![DataElement { id: UUID, data: Bytes::from_static(b"abcdefghi") }];
    let objref = ObjRef { iid: IDISPATCH, kind: ObjRefKind::Extended { std: std(), resolver: bindings(), elements } };
    let octets = objref.to_bytes();
    assert!(octets.ends_with(b"\x09\0\0\0\x10\0\0\0abcdefghi\0\0\0\0\0\0\0"));
    assert_eq!(ObjRef::parse(&octets), Ok(objref));
}

#[test]
fn what_is_no_object_reference_is_kept() {
    let pointer = InterfacePointer::from_bytes(&b"WOEM and more octets than a header"[..]);
    assert!(matches!(pointer.objref(), Err(ObjRefError::Signature { field: "signature", .. })));
    assert_eq!(pointer.iid(), None);
    both_ways::<Unique<InterfacePointer>>(
        &Some(InterfacePointer::from_bytes(&b"abc"[..])),
        "00000200 03000000 03000000 616263",
        "00020000 00000003 00000003 616263",
        "0000020000000000 0300000000000000 03000000 616263 00",
    );
}

#[test]
fn bindings_are_taken_apart_and_kept() {
    let bindings = bindings();
    assert_eq!(bindings.strings().map(|binding| binding.address.to_string()).collect::<Vec<_>>(), ["10.0.0.1[5000]"]);
    assert_eq!(bindings.security().next().unwrap().principal, "host/a");
    // [MS-DCOM] 2.2.19.1: the smallest one.
    let none = DualStringArray::new(&[], &[]).unwrap();
    assert_eq!((none.units.as_slice(), none.security_offset), (&[0; 4][..], 2));
    assert_eq!(none.strings().count() + none.security().count(), 0);
    both_ways::<Unique<DualStringArray>>(
        &Some(none),
        "00000200 04000000 0400 0200 0000 0000 0000 0000",
        "00020000 00000004 0004 0002 0000 0000 0000 0000",
        "0000020000000000 0400000000000000 0400 0200 0000 0000 0000 0000",
    );
    // An offset past the end, and strings without an end, are no reason to fail.
    let wild = DualStringArray { units: vec![7, 0x61], security_offset: 9 };
    assert_eq!((wild.strings().count(), wild.security().count()), (1, 0));
}

#[test]
fn what_goes_in_front_of_a_request_is_that_of_impacket() {
    let this = OrpcThis::new(UUID);
    assert_eq!(encode::<OrpcThis>(&this, NDR).unwrap(), impacket("orpcthis"));
}

#[test]
fn extensions_are_padded_and_of_an_even_number() {
    let extent = |data: &'static [u8]| OrpcExtent { id: UUID, data: Bytes::from_static(data) };
    let that = OrpcThat { flags: 0, extensions: vec![extent(b"abc")] };
    both_ways::<OrpcThat>(
        &that,
        "00000000 00000200 01000000 00000000 04000200 02000000 08000200 00000000
         08000000 0403020106050807090a0b0c0d0e0f10 03000000 6162630000000000",
        "00000000 00020000 00000001 00000000 00020004 00000002 00020008 00000000
         00000008 0102030405060708090a0b0c0d0e0f10 00000003 6162630000000000",
        "00000000 00000000 0000020000000000 01000000 00000000 0400020000000000 0200000000000000
         0800020000000000 0000000000000000
         0800000000000000 0403020106050807090a0b0c0d0e0f10 03000000 6162630000000000",
    );
    let several = OrpcThat { flags: 1, extensions: vec![extent(b""), extent(b"12345678"), extent(b"123456789")] };
    let octets = encode::<OrpcThat>(&several, NDR).unwrap();
    let mut d = msrpc_ndr::Decoder::new(octets.into(), NDR);
    assert_eq!(msrpc_ndr::get_top::<OrpcThat>(&mut d).unwrap(), several);
    // A size that its count contradicts.
    let wrong = "00000000 00000200 01000000 00000000 04000200 02000000 08000200 00000000
         08000000 0403020106050807090a0b0c0d0e0f10 09000000 6162630000000000";
    assert!(matches!(refusal::<OrpcThat>(wrong, NDR), DecodeErrorKind::CountMismatch { count: "size", .. }));
}

#[test]
fn versions_are_compared_as_the_document_says() {
    let version = |major, minor| ComVersion { major, minor };
    assert!(version(5, 7).serves(version(5, 1)));
    assert!(!version(5, 6).serves(version(5, 7)));
    assert!(!version(5, 7).serves(version(6, 0)));
}

#[test]
fn a_pointer_to_another_interface_than_iid_is_says_is_refused() {
    let objref = ObjRef::standard(IDISPATCH, std(), bindings());
    let pointer: ComPtr<IUnknown> = objref.into();
    assert!(!pointer.is_for_its_interface());
    let d = decoder("00", NDR);
    assert!(expect_iid(&d, IDISPATCH, Some(pointer.as_raw())).is_ok());
    assert!(expect_iid(&d, UUID, None).is_ok());
    let error = expect_iid(&d, UUID, Some(pointer.as_raw())).unwrap_err();
    assert_eq!(error.kind(), &DecodeErrorKind::WrongIid { expected: UUID, found: IDISPATCH });
    let error = check_iid(UUID, Some(pointer.as_raw())).unwrap_err();
    assert_eq!(error.kind(), &EncodeErrorKind::WrongIid { expected: UUID, found: IDISPATCH });
}

//! Security descriptors, held against the examples of [MS-DTYP] 2.5.1.4.

use msrpc_cluster::security::{
    AccessMask, Acl, Control, DescriptorError, GenericMapping, SecurityDescriptor, SecurityInformation, Sid, Token,
};
use proptest::prelude::*;

const TEXT: &str = "O:BAG:BAD:P(A;CIOI;GRGX;;;BU)(A;CIOI;GA;;;BA)(A;CIOI;GA;;;SY)(A;CIOI;GA;;;CO)S:P(AU;FA;GR;;;WD)";

/// The octets that the document gives for the text.
const OCTETS: &str = "\
    010014b090000000a000000014000000\
    3000000002001c000100000002801400\
    00000080010100000000000100000000\
    020060000400000000031800000000a0\
    01020000000000052000000021020000\
    00031800000000100102000000000005\
    20000000200200000003140000000010\
    01010000000000051200000000031400\
    00000010010100000000000300000000\
    01020000000000052000000020020000\
    01020000000000052000000020020000";

fn octets() -> Vec<u8> {
    (0..OCTETS.len()).step_by(2).map(|at| u8::from_str_radix(&OCTETS[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn parse(text: &str) -> SecurityDescriptor {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn token(sids: &[&str]) -> Token {
    Token { sids: sids.iter().map(|sid| sid.parse().expect("a SID")).collect(), security_privilege: false }
}

#[test]
fn the_documents_text_gives_the_documents_octets() {
    assert_eq!(parse(TEXT).to_octets(), octets());
}

#[test]
fn the_documents_octets_give_the_documents_text() {
    let descriptor = SecurityDescriptor::from_octets(&octets()).expect("well-formed");
    let text = "O:BAG:BAD:P(A;OICI;0xa0000000;;;BU)(A;OICI;GA;;;BA)(A;OICI;GA;;;SY)(A;OICI;GA;;;CO)S:P(AU;FA;GR;;;WD)";
    assert_eq!(descriptor.to_string(), text, "flags in the order of their bits");
    assert_eq!(parse(text).to_octets(), octets());
}

#[test]
fn sids_are_read_and_written_as_the_document_spells_them() {
    for text in ["S-1-1-0", "S-1-5-21-1-2-3-4294967295", "S-1-0x010000000000-1", "S-1-4294967295-0"] {
        assert_eq!(text.parse::<Sid>().expect(text).to_string(), text);
    }
    let long = format!("S-1-5{}", "-1".repeat(16));
    for text in
        ["", "S-1", "S-1-5", "S-2-5-1", "S-1-5-", "S-1-5-4294967296", "S-1-5-+1", "S-1-0x0100000000000-1", &long]
    {
        assert!(text.parse::<Sid>().is_err(), "{text}");
    }
}

#[test]
fn text_that_is_wrong_is_refused_where_it_goes_wrong() {
    for (text, at) in [
        ("X", 0),
        ("O:XX", 2),
        ("D:(A;;GA;;;BA", 13),
        ("D:(A;XX;GA;;;BA)", 5),
        ("D:(OA;;GA;;;BA)", 3),
        ("D:(A;;0x1ffffffff;;;BA)", 6),
        ("O:S-1-5-xG:BA", 2),
        ("S:D:", 2),
    ] {
        assert_eq!(text.parse::<SecurityDescriptor>().map_err(|error| error.at), Err(at), "{text}");
    }
    let descriptor = parse("O:S-1-5-21-7G:S-1-5-32-544D:(A;;KA;;;S-1-5-21-9)");
    assert_eq!(descriptor.owner.map(|sid| sid.to_string()).as_deref(), Some("S-1-5-21-7"));
    assert_eq!(descriptor.group, Some(Sid::administrators()));
}

#[test]
fn entries_are_looked_at_in_order() {
    let key = GenericMapping::KEY;
    let check = |text: &str, sids: &[&str], mask: u32| {
        parse(text).check(&token(sids), AccessMask::from_bits_retain(mask), &key).map(|mask| mask.bits())
    };
    let (admins, users) = ("S-1-5-32-544", "S-1-5-32-545");
    assert_eq!(check("D:(A;;KA;;;BA)", &[admins], 0xf003f), Some(0xf003f));
    assert_eq!(check("D:(A;;KR;;;BA)", &[admins], 0xf003f), None);
    assert_eq!(check("D:(A;;KA;;;BA)", &[users], 1), None);
    assert_eq!(check("D:(D;;KW;;;BU)(A;;KA;;;BA)", &[admins, users], 2), None, "denied before it is allowed");
    assert_eq!(check("D:(A;;KA;;;BA)(D;;KW;;;BU)", &[admins, users], 2), Some(2), "allowed before it is denied");
    assert_eq!(check("D:(A;IO;KA;;;BA)", &[admins], 1), None, "only for those that inherit");
    assert_eq!(check("D:", &[admins], 1), None, "an empty DACL grants nothing");
    assert_eq!(check("", &[], 0xf003f), Some(0xf003f), "none grants everything");
    assert_eq!(check("D:NO_ACCESS_CONTROL", &[], 1), Some(1));
    assert_eq!(check("O:BAD:", &[admins], 0x60000), Some(0x60000), "owners may always change who may");
    assert_eq!(check("O:BAD:", &[admins], 0x20001), None);
    assert_eq!(
        check("D:(A;;GA;;;BA)", &[admins], 0x8000_0000),
        Some(0x20019),
        "generic rights are mapped on both sides"
    );
    assert_eq!(check("D:(A;;KR;;;BA)", &[admins], 0x0200_0000), Some(0x20019), "as much as there is");
    assert_eq!(check("D:(A;;0x01000000;;;BA)", &[admins], 0x0100_0000), None, "a privilege is not granted by an entry");
}

#[test]
fn parts_are_taken_and_given_alone() {
    let old = parse("O:BAG:BAD:(A;;KA;;;BA)S:(AU;FA;GR;;;WD)");
    let new = parse("O:SYG:SYD:P(A;;KR;;;BU)");
    let mixed = old.clone().with_parts_of(new.clone(), SecurityInformation::DACL);
    assert_eq!(mixed.to_string(), "O:BAG:BAD:P(A;;KR;;;BU)S:(AU;FA;GR;;;WD)");
    assert_eq!(old.parts(SecurityInformation::OWNER | SecurityInformation::DACL).to_string(), "O:BAD:(A;;KA;;;BA)");
    assert_eq!(new.parts(SecurityInformation::empty()).to_octets().len(), 20);
}

#[test]
fn octets_cut_anywhere_are_refused() {
    let whole = octets();
    for length in 0..whole.len() {
        assert!(SecurityDescriptor::from_octets(&whole[..length]).is_err(), "{length}");
    }
    let mut absolute = whole.clone();
    absolute[3] &= 0x7f;
    assert_eq!(SecurityDescriptor::from_octets(&absolute), Err(DescriptorError::Absolute));
    let mut other = whole;
    other[0] = 2;
    assert_eq!(SecurityDescriptor::from_octets(&other), Err(DescriptorError::Revision));
}

proptest! {
    #[test]
    fn octets_never_make_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut octets = octets();
        for (index, octet) in flips {
            let index = index.index(octets.len());
            octets[index] = octet;
        }
        if let Ok(descriptor) = SecurityDescriptor::from_octets(&octets) {
            let again = SecurityDescriptor::from_octets(&descriptor.to_octets()).expect("what was written is well-formed");
            let acl = |acl: &Option<Acl>| acl.as_ref().map(|acl| acl.aces.clone());
            prop_assert_eq!(acl(&again.dacl), acl(&descriptor.dacl));
            prop_assert_eq!(again.control - Control::SELF_RELATIVE, descriptor.control - Control::SELF_RELATIVE);
            drop(descriptor.to_string());
            let _ = descriptor.check(&token(&["S-1-5-32-544"]), AccessMask::MAXIMUM_ALLOWED, &GenericMapping::KEY);
        }
    }

    #[test]
    fn text_never_makes_it_panic(text in "[OGDSABUWPICFRX:;()0-9x-]{0,40}") {
        if let Ok(descriptor) = text.parse::<SecurityDescriptor>() {
            prop_assert_eq!(descriptor.to_string().parse::<SecurityDescriptor>(), Ok(descriptor));
        }
    }
}

//! Property lists.

use msrpc_cluster::cluster::property_list::{Property, PropertyListError, PropertyValue, Syntax, decode, encode};
use msrpc_ndr::Bytes;
use proptest::prelude::*;

/// Laid out by hand as [MS-CMRP] 2.2.3.10 draws it.
const TWO: &[u8] = b"\x02\0\0\0\
    \x03\0\x04\0\x06\0\0\0a\0b\0\0\0\0\0\
    \x02\0\x01\0\x04\0\0\0\x07\0\0\0\
    \0\0\0\0\
    \x03\0\x04\0\x04\0\0\0c\0\0\0\
    \x04\0\x01\0\x06\0\0\0%\0%\0\0\0\0\0\
    \x08\0\x01\0\x04\0\0\0x\0\0\0\
    \0\0\0\0";

fn two() -> [Property; 2] {
    let expand = PropertyValue { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ, ..PropertyValue::string("%%") };
    let expanded =
        PropertyValue { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPANDED_SZ, ..PropertyValue::string("x") };
    [
        Property { name: "ab".into(), values: vec![PropertyValue::dword(7)] },
        Property { name: "c".into(), values: vec![expand, expanded] },
    ]
}

#[test]
fn a_list_is_laid_out_as_the_document_draws_it() {
    assert_eq!(decode(&Bytes::from_static(TWO)).as_deref(), Ok(&two()[..]));
    assert_eq!(encode(&two()), TWO);
}

#[test]
fn a_list_cut_anywhere_is_refused() {
    for length in 0..TWO.len() {
        let cut = decode(&Bytes::from_static(&TWO[..length]));
        assert!(matches!(cut, Err(PropertyListError::Short(..))), "{length}: {cut:?}");
    }
    assert!(decode(&[TWO, &[1, 2, 3]].concat().into()).is_ok(), "what comes after it is not looked at");
}

#[test]
fn a_syntax_that_no_value_may_have_is_refused() {
    let list = |syntax: u32| {
        let head = b"\x01\0\0\0\x03\0\x04\0\x04\0\0\0c\0\0\0";
        [&head[..], &syntax.to_le_bytes(), &[0; 8]].concat().into()
    };
    for syntax in [0x0001_0000, 0x0001_000d, 0x0003_0001, 0x0004_0003, 0x0009_0001, 0xffff_ffff] {
        assert_eq!(decode(&list(syntax)), Err(PropertyListError::Syntax(16, syntax)), "{syntax:#x}");
    }
    assert_eq!(decode(&list(0)), Err(PropertyListError::NoValue(4)));
    assert!(decode(&list(0x000e_0001)).is_ok());
    assert_eq!(decode(&Bytes::from_static(&[1, 0, 0, 0, 9, 9, 9, 9])), Err(PropertyListError::Name(4)));
}

proptest! {
    #[test]
    fn octets_never_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..100), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        drop(decode(&octets.into()));
        let mut list = TWO.to_vec();
        for (index, octet) in flips {
            let index = index.index(list.len());
            list[index] = octet;
        }
        if let Ok(properties) = decode(&list.into()) {
            prop_assert_eq!(decode(&encode(&properties)), Ok(properties));
        }
    }
}

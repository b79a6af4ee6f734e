//! What the tests share. Octets are written as hexadecimal text, computed by hand from C706 chapter
//! 14 and [MS-RPCE] 2.2.4 and 2.2.5.

use std::fmt::Debug;

use msrpc_ndr::{
    Bytes, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder, Encoding, get_top,
    put_top,
};

pub(crate) const NDR: Encoding = Encoding::NDR;
pub(crate) const BIG: Encoding = Encoding::NDR_BIG;
pub(crate) const NDR64: Encoding = Encoding::NDR64;

/// The octets of hexadecimal text with spaces.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn encode<C: Codec>(value: &C::Value, encoding: Encoding) -> Result<Vec<u8>, EncodeError> {
    let mut e = Encoder::new(encoding);
    put_top::<C>(value, &mut e)?;
    Ok(e.into_bytes().to_vec())
}

pub(crate) fn decoder(hex: &str, encoding: Encoding) -> Decoder {
    Decoder::new(Bytes::from(octets(hex)), encoding)
}

pub(crate) fn decode<C: Codec>(hex: &str, encoding: Encoding) -> Result<C::Value, DecodeError> {
    get_top::<C>(&mut decoder(hex, encoding))
}

/// What is wrong with octets.
pub(crate) fn refusal<C: Codec>(hex: &str, encoding: Encoding) -> DecodeErrorKind
where
    C::Value: Debug,
{
    decode::<C>(hex, encoding).expect_err("malformed").kind().clone()
}

/// What is wrong with a value.
pub(crate) fn no_representation<C: Codec>(value: &C::Value) -> EncodeErrorKind {
    let errors = Encoding::ALL.map(|encoding| encode::<C>(value, encoding).expect_err("no representation"));
    assert!(errors.windows(2).all(|pair| pair[0] == pair[1]));
    errors[0].kind().clone()
}

/// A value is these octets, in each encoding, both ways; and every cut is refused.
pub(crate) fn both_ways<C: Codec>(value: &C::Value, ndr: &str, big: &str, ndr64: &str)
where
    C::Value: Debug + PartialEq,
{
    for (encoding, text) in [(NDR, ndr), (BIG, big), (NDR64, ndr64)] {
        let expected = octets(text);
        assert_eq!(hex(&encode::<C>(value, encoding).unwrap()), hex(&expected), "{encoding:?}");
        let mut d = Decoder::new(expected.clone().into(), encoding);
        assert_eq!(&get_top::<C>(&mut d).unwrap(), value, "{encoding:?}");
        assert_eq!(d.remaining(), 0, "{encoding:?}");
        for len in 0..expected.len() {
            let cut = Bytes::copy_from_slice(&expected[..len]);
            let cut = get_top::<C>(&mut Decoder::new(cut, encoding));
            // A structure's trailing gap in NDR64 carries nothing.
            assert!(cut.is_err() || cut.is_ok_and(|cut| &cut == value && encoding == NDR64), "{encoding:?}: {len}");
        }
    }
}

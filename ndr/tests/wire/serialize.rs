//! Type serialization: streams of impacket, and headers by hand from [MS-RPCE] 2.2.6 and 2.2.7.

use msrpc_ndr::{
    Encoding, Syntax, Unique, Uuid, WideStr,
    oaut::Bstr,
    serialize::{self, Reader, SerializeError, Writer},
};

use crate::common::octets;

#[test]
fn activation_properties_of_impacket_are_read() {
    let fixture = include_str!("../fixtures/impacket.txt");
    let stream = octets(fixture.lines().find_map(|line| line.strip_prefix("location ")).unwrap());
    // LocationInfoData ([MS-DCOM] 2.2.22.2.6): a pointer to a string, and three numbers beside it.
    let mut d = {
        let reader = Reader::new(stream.clone().into()).unwrap();
        assert_eq!(reader.encoding(), Encoding::NDR);
        msrpc_ndr::Decoder::new(stream[16..].to_vec().into(), reader.encoding())
    };
    let referent = d.u32().unwrap();
    assert_eq!([d.u32().unwrap(), d.u32().unwrap(), d.u32().unwrap()], [1, 2, 3]);
    assert_ne!(referent, 0);
    assert_eq!(msrpc_ndr::get_top::<WideStr>(&mut d).unwrap(), "node1");
    assert_eq!(u32::from_le_bytes(stream[8..12].try_into().unwrap()) as usize, stream.len() - 16);
}

#[test]
fn version_1_has_a_header_for_each_value_and_pads_to_8() {
    let name = Some("ab".into());
    let stream = serialize::to_bytes::<Unique<WideStr>>(&name, Encoding::NDR).unwrap();
    let expected = "01 10 0800 cccccccc 18000000 00000000 00000200 03000000 00000000 03000000 6100 6200 0000 0000";
    assert_eq!(stream, octets(expected));
    assert_eq!(serialize::from_bytes::<Unique<WideStr>>(stream).unwrap(), name);
    let stream = serialize::to_bytes::<Unique<WideStr>>(&name, Encoding::NDR_BIG).unwrap();
    let expected = "01 00 0800 cccccccc 00000018 00000000 00020000 00000003 00000000 00000003 0061 0062 0000 0000";
    assert_eq!(stream, octets(expected));
    assert_eq!(serialize::from_bytes::<Unique<WideStr>>(stream).unwrap(), name);
}

#[test]
fn version_2_says_the_syntax_and_pads_to_16() {
    let name = Bstr::from("abc");
    let stream = serialize::to_bytes::<Bstr>(&name, Encoding::NDR64).unwrap();
    let expected = "02 10 4000 cccccccc cccccccc cccccccc cccccccc cccccccc
        33057171 babe 3749 8319 b5dbef9ccc36 0100 0000 00000000000000000000000000000000 0000 0000
        20000000 00000000 00000000 00000000
        0000020000000000 0300000000000000 06000000 03000000 6100 6200 6300 0000";
    assert_eq!(stream, octets(expected));
    assert_eq!(serialize::from_bytes::<Bstr>(stream).unwrap(), name);
    let mut writer = Writer::version_2(Syntax::Ndr, Uuid::nil(), (1, 0));
    writer.put_primitive::<u32>(&7).unwrap();
    let mut reader = Reader::new(writer.finish()).unwrap();
    assert_eq!((reader.encoding(), reader.get_primitive::<u32>()), (Encoding::NDR, Ok(7)));
}

#[test]
fn several_values_follow_each_other() {
    let mut writer = Writer::new(Encoding::NDR);
    writer.put_primitive::<u16>(&1).unwrap();
    writer.put::<Bstr>(&"x".into()).unwrap();
    writer.put_primitive::<u32>(&2).unwrap();
    let stream = writer.finish();
    assert_eq!(stream.len() % 8, 0);
    let mut reader = Reader::new(stream).unwrap();
    assert_eq!(reader.get_primitive::<u16>(), Ok(1));
    assert_eq!(reader.get::<Bstr>().unwrap(), "x");
    assert_eq!(reader.get_primitive::<u32>(), Ok(2));
    assert_eq!(reader.remaining(), 0);
    assert!(matches!(reader.get::<Bstr>(), Err(SerializeError::Truncated { part: "private header", .. })));
}

#[test]
fn what_is_no_stream_is_refused() {
    let refusal = |text: &str| Reader::new(octets(text).into()).unwrap_err();
    assert!(matches!(refusal("01 10"), SerializeError::Truncated { part: "common header", .. }));
    assert!(matches!(refusal("03 10 0800 cccccccc"), SerializeError::Header { field: "Version", found: 3 }));
    assert!(matches!(refusal("01 11 0800 cccccccc"), SerializeError::Header { field: "Endianness", .. }));
    assert!(matches!(refusal("01 10 0900 cccccccc"), SerializeError::Header { field: "CommonHeaderLength", .. }));
    let unknown = format!("02 10 4000 {}", "cc".repeat(60));
    assert!(matches!(refusal(&unknown), SerializeError::Syntax(_)));
    let long = serialize::from_bytes::<Bstr>(octets("01 10 0800 cccccccc ffffffff 00000000 00").into());
    assert!(matches!(long, Err(SerializeError::Truncated { part: "value", .. })));
}

//! Stubs that another engine made: `reference.N.jsonl` come from `tests/capture/midl_ndr.py`, which
//! shares no code with midlc and msrpc-ndr and reads `reference.idl` by itself.

use std::{fs, path::Path};

use msrpc_ndr::{
    ByteOrder, Bytes, Decoder, Encoder, Encoding, Syntax,
    reflect::{AnyMessage, Value as Tree},
};
use serde_json::Value as Json;

#[allow(missing_docs, unreachable_pub, unused, clippy::all)]
mod reference {
    include!(concat!(env!("OUT_DIR"), "/reference.rs"));
}

use reference::reference::REFLECTION;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn octets(hex: &str) -> Bytes {
    let pairs = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}

fn encoding(row: &Json) -> Encoding {
    let syntax = if row["syntax"] == "ndr64" { Syntax::Ndr64 } else { Syntax::Ndr };
    let order = if row["endian"] == "big" { ByteOrder::Big } else { ByteOrder::Little };
    Encoding::new(syntax, order).unwrap()
}

/// The first place where two trees differ.
fn difference(path: &str, found: &Tree, expected: &Json) -> Option<String> {
    let unlike = || Some(format!("{path}: {found:?} is not {expected}"));
    match (found, expected) {
        (Tree::Null, Json::String(word)) if word == "null" => None,
        (Tree::Empty, Json::String(word)) if word == "empty" => None,
        (_, Json::Object(object)) => {
            let (kind, expected) = object.iter().next()?;
            match (found, kind.as_str(), expected) {
                (Tree::Uint(found), "uint", Json::Number(number)) if number.as_u64() == Some(*found) => None,
                (Tree::Int(found), "int", Json::Number(number)) if number.as_i64() == Some(*found) => None,
                (Tree::Uuid(found), "uuid", Json::String(text)) if found.to_string() == *text => None,
                (Tree::Handle(found), "handle", Json::String(hex)) if found[..] == octets(hex)[..] => None,
                (Tree::Wide(found), "wide", Json::String(text)) if found.iter().copied().eq(text.encode_utf16()) => None,
                (Tree::Bytes(found), "bytes", Json::String(hex)) if found[..] == octets(hex)[..] => None,
                (Tree::Bytes(found), "array", Json::Array(items)) => {
                    let same = found.len() == items.len()
                        && found.iter().zip(items).all(|(octet, item)| item["uint"].as_u64() == Some((*octet).into()));
                    if same { None } else { unlike() }
                }
                (Tree::Array(found), "bytes", Json::String(hex)) => {
                    let expected = octets(hex);
                    let same = found.len() == expected.len()
                        && found.iter().zip(&expected).all(|(item, octet)| *item == Tree::Uint((*octet).into()));
                    if same { None } else { unlike() }
                }
                (Tree::Array(found), "array", Json::Array(items)) if found.len() == items.len() => {
                    let mut pairs = found.iter().zip(items).enumerate();
                    pairs.find_map(|(index, (found, item))| difference(&format!("{path}[{index}]"), found, item))
                }
                (Tree::Struct(found), "struct", Json::Array(items)) if found.len() == items.len() => {
                    let mut pairs = found.iter().zip(items);
                    pairs.find_map(|((name, found), item)| {
                        let path = format!("{path}.{name}");
                        if item[0] != *name { Some(path) } else { difference(&path, found, &item[1]) }
                    })
                }
                (Tree::Union(tag, found), "union", Json::Array(items)) if items[0].as_u64() == Some(*tag) => {
                    difference(&format!("{path}({tag})"), found, &items[1])
                }
                _ => unlike(),
            }
        }
        _ => unlike(),
    }
}

#[test]
fn stubs_of_another_engine_are_read_and_written_alike() {
    let read = |seed: u8| fs::read_to_string(folder().join(format!("reference.{seed}.jsonl"))).unwrap();
    let text: String = [4, 5, 6].map(read).concat();
    let mut rows = 0;
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let opnum = usize::try_from(row["opnum"].as_u64().unwrap()).unwrap();
        let messages = REFLECTION.messages[opnum].as_ref().unwrap();
        let decode = if row["direction"] == "request" { messages.decode_request } else { messages.decode_response };
        let name = format!("{} {} {} {}", row["name"], row["direction"], row["syntax"], row["endian"]);
        let (stub, encoding) = (octets(row["stub"].as_str().unwrap()), encoding(&row));
        let mut d = Decoder::new(stub.clone(), encoding).level(msrpc_ndr::Level::V6);
        let message: Box<dyn AnyMessage> = decode(&mut d).unwrap_or_else(|error| panic!("{name}: {error}\n{stub:02x?}"));
        assert_eq!(d.remaining(), 0, "{name}");
        assert_eq!(difference("", &message.reflect(), &row["value"]), None, "{name}");
        let mut e = Encoder::new(encoding);
        message.encode(&mut e).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(e.into_bytes(), stub, "{name}");
        rows += 1;
    }
    assert!(rows >= 3 * 54, "only {rows} stubs");
}

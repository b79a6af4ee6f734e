//! Stubs that Samba's code wrote: `shapes.jsonl` comes from `tests/capture/pidl`, where code that
//! Samba's pidl generated for `shapes.idl` read random stubs of ours and wrote them again.

use std::{fs, path::Path};

use msrpc_ndr::{
    Bytes, Decoder, Encoder, Encoding,
    reflect::{AnyMessage, Messages, Random},
};
use serde_json::{Value as Json, json};

#[allow(missing_docs, unreachable_pub, unused, clippy::all)]
mod shapes {
    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
}

use shapes::shapes::REFLECTION;

/// Random messages of each operation.
const ROUNDS: u64 = 12;

fn octets(hex: &str) -> Bytes {
    let pairs = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}

fn hex(message: &dyn AnyMessage, encoding: Encoding) -> String {
    let mut e = Encoder::new(encoding);
    message.encode(&mut e).unwrap();
    e.into_bytes().iter().map(|octet| format!("{octet:02x}")).collect()
}

fn encodings() -> [(&'static str, Encoding); 3] {
    [("-", Encoding::NDR), ("b", Encoding::NDR_BIG), ("6", Encoding::NDR64)]
}

#[test]
fn stubs_that_samba_wrote_are_read_and_written_alike() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("shapes.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let mut rows = 0;
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let opnum = usize::try_from(row["opnum"].as_u64().unwrap()).unwrap();
        let messages = REFLECTION.messages[opnum].as_ref().unwrap();
        let decode = if row["side"] == "in" { messages.decode_request } else { messages.decode_response };
        let (_, encoding) = encodings().into_iter().find(|(flags, _)| row["flags"] == **flags).unwrap();
        let stub = row["stub"].as_str().unwrap();
        let name = format!("{} {encoding:?} {stub}", REFLECTION.interface.operations[opnum].name);
        let mut d = Decoder::new(octets(stub), encoding).level(msrpc_ndr::Level::V6);
        let message = decode(&mut d).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(d.remaining(), 0, "{name}");
        assert_eq!(hex(&*message, encoding), stub, "{name}");
        rows += 1;
    }
    assert!(rows > 400, "only {rows} stubs");
}

/// Makes the stubs that Samba reads: `SHAPES_OUT=FILE cargo test -p midlc-golden --test shapes`.
#[test]
fn stubs_for_samba() {
    let Some(target) = std::env::var_os("SHAPES_OUT") else { return };
    let mut text = String::new();
    for (opnum, messages) in REFLECTION.messages.iter().enumerate() {
        let Some(Messages { random, .. }) = messages else { continue };
        let mut source = Random::new(opnum as u64 + 7);
        for _ in 0..ROUNDS {
            let (request, response) = random(&mut source);
            for (flags, encoding) in encodings() {
                let asked = hex(&*request, encoding);
                let row = json!({"opnum": opnum, "side": "in", "flags": flags, "stub": asked});
                text.push_str(&format!("{row}\n"));
                let answer = hex(&*response, encoding);
                if !answer.is_empty() {
                    let row = json!({"opnum": opnum, "side": "out", "flags": flags, "stub": answer, "request": asked});
                    text.push_str(&format!("{row}\n"));
                }
            }
        }
    }
    fs::write(target, text).unwrap();
}

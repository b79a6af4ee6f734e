//! Random values of every message of every case survive being marshalled, in every encoding; cut or
//! damaged stubs are refused without a panic.

use msrpc_ndr::{
    Bytes, Decoder, Encoder, Encoding,
    reflect::{AnyMessage, Messages, Random},
};

#[allow(missing_docs, unreachable_pub, unused, clippy::all)]
mod midl {
    include!(concat!(env!("OUT_DIR"), "/midl.rs"));
}

include!(concat!(env!("OUT_DIR"), "/list.rs"));

/// What decodes a message of one direction.
type Decode = fn(&mut Decoder) -> Result<Box<dyn AnyMessage>, msrpc_ndr::DecodeError>;

fn stub(message: &dyn AnyMessage, encoding: Encoding) -> Bytes {
    let mut e = Encoder::new(encoding);
    message.encode(&mut e).unwrap();
    e.into_bytes()
}

fn for_each_message(mut visit: impl FnMut(&str, Decode, &dyn AnyMessage, &mut Random)) {
    for reflection in ALL {
        for (opnum, messages) in reflection.messages.iter().enumerate() {
            let Some(Messages { decode_request, decode_response, random }) = messages else { continue };
            let mut source = Random::new(opnum as u64 + 1);
            for _ in 0..24 {
                let (request, response) = random(&mut source);
                let name = reflection.interface.operations[opnum].name;
                let name = format!("{}.{name}", reflection.interface.name);
                for (decode, message) in [(*decode_request, request), (*decode_response, response)] {
                    let representable = Encoding::ALL
                        .iter()
                        .all(|&encoding| message.encode(&mut Encoder::new(encoding)).is_ok());
                    if representable {
                        visit(&name, decode, &*message, &mut source);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_marshalled_comes_back() {
    let mut messages = 0;
    for_each_message(|name, decode, message, _| {
        for encoding in Encoding::ALL {
            let octets = stub(message, encoding);
            let mut d = Decoder::new(octets.clone(), encoding);
            let back = decode(&mut d).unwrap_or_else(|error| panic!("{name} {encoding:?}: {error}\n{message:?}"));
            assert_eq!(d.remaining(), 0, "{name} {encoding:?}: octets are left\n{message:?}");
            assert!(back.equals(message), "{name} {encoding:?}\n{message:?}\n{back:?}");
            assert_eq!(stub(&*back, encoding), octets, "{name} {encoding:?}");
            messages += 1;
        }
    });
    assert!(messages > 5_000, "only {messages} messages");
}

#[test]
fn cut_stubs_are_refused() {
    for_each_message(|name, decode, message, _| {
        for encoding in Encoding::ALL {
            let octets = stub(message, encoding);
            for len in 0..octets.len().min(200) {
                let result = decode(&mut Decoder::new(octets.slice(..len), encoding));
                // Padding at the end may be missing.
                if let Ok(back) = result {
                    assert!(stub(&*back, encoding).len() < len + 8, "{name} {encoding:?}: {len} of {}", octets.len());
                }
            }
        }
    });
}

#[test]
fn damaged_stubs_are_no_panic() {
    for_each_message(|_, decode, message, random| {
        for encoding in Encoding::ALL {
            let mut octets = stub(message, encoding).to_vec();
            for _ in 0..4 {
                if octets.is_empty() {
                    break;
                }
                let at = random.below(octets.len() as u64) as usize;
                octets[at] = random.u64() as u8;
                let _ = decode(&mut Decoder::new(octets.clone().into(), encoding));
            }
        }
    });
}

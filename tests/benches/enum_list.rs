//! How fast the response of ApiCreateEnum is marshalled and unmarshalled, beside the limit: `memcpy`
//! of the same octets. libndr's figures for the same message are printed first, where Samba's
//! library is installed.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use msrpc_ndr::{Codec, Conformant, Decoder, Encoder, Encoding, Items, Message, Octets};
use msrpc_protocols::clusapi3::{EnumEntry, EnumList, clusapi::wire::ApiCreateEnumResponse};
use msrpc_tests::peers;

const ENCODINGS: [(&str, Encoding); 3] =
    [("ndr", Encoding::NDR), ("ndr-big", Encoding::NDR_BIG), ("ndr64", Encoding::NDR64)];

fn message(entries: u32) -> ApiCreateEnumResponse {
    let entry = |index| EnumEntry { r#type: index, name: Some(peers::bench_name(index).into()) };
    let return_enum = Some(EnumList { entry: (0..entries).map(entry).collect() });
    ApiCreateEnumResponse { return_enum, rpc_status: 0, return_value: 0 }
}

fn enum_list(c: &mut Criterion) {
    print_libndr();
    for entries in [1000, 5] {
        let message = message(entries);
        for (name, encoding) in ENCODINGS {
            let stub = message.to_bytes(encoding).expect("a well-formed message");
            let mut group = c.benchmark_group(format!("enum_list/{entries}/{name}"));
            group.throughput(Throughput::Bytes(stub.len() as u64));
            group.bench_function("memcpy", |b| b.iter(|| black_box(Vec::from(black_box(&stub[..])))));
            group.bench_function("encode", |b| b.iter(|| encode(black_box(&message), encoding)));
            group.bench_function("decode", |b| b.iter(|| decode(black_box(&stub), encoding)));
            group.bench_function("decode_without_drop", |b| {
                b.iter_with_large_drop(|| decode(black_box(&stub), encoding));
            });
            group.finish();
        }
    }
}

/// The stub in chunks, as a transport takes it.
fn encode(message: &ApiCreateEnumResponse, encoding: Encoding) -> Vec<Bytes> {
    let mut e = Encoder::new(encoding);
    message.encode(&mut e).expect("a well-formed message");
    e.finish()
}

fn decode(stub: &Bytes, encoding: Encoding) -> ApiCreateEnumResponse {
    ApiCreateEnumResponse::decode(&mut Decoder::new(stub.clone(), encoding)).expect("a well-formed stub")
}

fn arrays(c: &mut Criterion) {
    let numbers: Vec<u32> = (0..24_000).collect();
    let octets = Bytes::from(vec![7; 96_000]);
    for (name, encoding) in ENCODINGS {
        let mut group = c.benchmark_group(format!("arrays/96000/{name}"));
        group.throughput(Throughput::Bytes(96_000));
        array::<Conformant<Items<u32>>>(&mut group, "u32", &numbers, encoding);
        array::<Conformant<Octets>>(&mut group, "octets", &octets, encoding);
        group.bench_function("memcpy", |b| b.iter(|| black_box(Vec::from(black_box(&octets[..])))));
        group.finish();
    }
}

fn array<C: Codec>(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    value: &C::Value,
    encoding: Encoding,
) {
    let encode = || {
        let mut e = Encoder::new(encoding);
        C::put(black_box(value), &mut e).expect("a well-formed array");
        e
    };
    let stub = encode().into_bytes();
    group.bench_function(format!("{name}/encode"), |b| b.iter(|| encode().finish()));
    group.bench_function(format!("{name}/decode"), |b| {
        b.iter(|| C::get(&mut Decoder::new(black_box(&stub).clone(), encoding)).expect("a well-formed stub"));
    });
}

fn print_libndr() {
    match peers::libndr_figures() {
        Ok(figures) => {
            for figure in figures {
                println!(
                    "libndr {} {} entries {} {}: {} ns",
                    figure.what, figure.entries, figure.syntax, figure.endian, figure.ns
                );
            }
        }
        Err(error) => println!("libndr is not measured: {error}"),
    }
}

criterion_group!(benches, enum_list, arrays);
criterion_main!(benches);

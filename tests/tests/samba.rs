//! The witness itself: Samba's decoder, our reading of it, and the list of its divergences.

use std::collections::BTreeSet;

use msrpc_tests::fixtures::{self, Reference};
use msrpc_tests::ndrdump::{
    DIVERGENCES, Direction, Divergence, Encoding, Peer, Stub, Tree, Verdict, check, check_with, parse_ndrdump,
};
use msrpc_tests::peers;

const INTERFACES: [(&str, &str); 2] = [("clusapi", "clusapi"), ("FileServerVssAgent", "fsrvp")];

fn stub<'a>(interface: &'a str, reference: &'a Reference) -> Stub<'a> {
    let Reference { opnum, direction, encoding, stub, request, .. } = reference;
    let stub = Stub::new(interface, *opnum, *direction, *encoding, stub);
    Stub { request: request.as_deref(), ..stub }
}

/// An encoder that is neither ours nor Samba's, and Samba's decoder, agree on every operation
/// in every encoding, apart from the list.
#[test]
fn samba_agrees_with_the_reference_encoder() {
    let Some(mut peer) = Peer::for_test() else {
        return;
    };
    for (interface, file) in INTERFACES {
        let mut compared = BTreeSet::new();
        for reference in &fixtures::references(file) {
            let Reference { opnum, name, direction, encoding, value, .. } = reference;
            match check(&mut peer, &stub(interface, reference), value) {
                Ok(Verdict::Excused(_)) => {}
                Ok(Verdict::Agreed | Verdict::ValuesAgreed(_)) => {
                    compared.insert((*opnum, *direction == Direction::Request));
                }
                Err(error) => {
                    panic!("{interface} {opnum} {name} {direction:?} {encoding:?}: {error}")
                }
            }
        }
        let least = if interface == "clusapi" { 320 } else { 26 };
        assert!(compared.len() >= least, "{interface}: only {} messages compared", compared.len());
    }
}

/// An entry that explains nothing any more has to go.
#[test]
fn every_divergence_is_real() {
    let Some(mut peer) = Peer::for_test() else {
        return;
    };
    if !peer.is_complete() {
        return;
    }
    for (index, divergence) in DIVERGENCES.iter().enumerate() {
        let others: Vec<Divergence> =
            DIVERGENCES.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, one)| *one).collect();
        let file = INTERFACES.iter().find(|(name, _)| *name == divergence.interface).map(|(_, file)| *file).unwrap();
        let references = fixtures::references(file);
        let mut concerned =
            references.iter().filter(|reference| divergence.concerns(&stub(divergence.interface, reference)));
        let differs = concerned.any(|reference| {
            check_with(&mut peer, &stub(divergence.interface, reference), &reference.value, &others).is_err()
        });
        assert!(differs, "nothing shows {divergence:?}");
    }
}

/// What smbtorture and Samba's server sent, decoded and encoded again by Samba.
#[test]
fn samba_reads_the_captures() {
    let Some(mut peer) = Peer::for_test() else {
        return;
    };
    for (interface, file) in INTERFACES {
        let names = peer.functions(interface).unwrap_or_default();
        for capture in fixtures::captures(file) {
            if let Some(name) = names.get(usize::from(capture.opnum)) {
                let bare = |name: &str| name.trim_start_matches("clusapi_").trim_start_matches("fss_").to_owned();
                assert_eq!(bare(name), capture.name.trim_start_matches("Api"));
            }
            if capture.request.as_ref().is_some_and(|(encoding, _)| *encoding != capture.encoding) {
                continue; // One process decodes request and response in one encoding.
            }
            let stub = Stub::new(interface, capture.opnum, capture.direction, capture.encoding, &capture.stub);
            let stub = Stub { request: capture.request.as_ref().map(|(_, request)| request.as_slice()), ..stub };
            if !peer.is_complete() && capture.encoding == Encoding::NdrBigEndian {
                continue;
            }
            let decoded = peer.decode(&stub).unwrap_or_else(|error| panic!("{}: {error}", capture.name));
            assert_eq!(decoded.unread, 0, "{}", capture.name);
            assert!(decoded.encoded.is_none_or(|encoded| encoded == capture.stub), "{}", capture.name);
        }
    }
}

/// Output of Samba 4.17's `ndrdump`, as committed.
#[test]
fn ndrdump_output_is_understood() {
    let read = |name: &str| {
        let text = std::fs::read_to_string(fixtures::path(&format!("ndrdump/{name}.txt"))).unwrap();
        parse_ndrdump(&text).unwrap()
    };
    let fields = |name: &str| read(name).fields.into_iter().map(|node| node.value).collect::<Vec<_>>();

    let dump = read("create_enum");
    assert_eq!((dump.function.as_str(), dump.unread), ("clusapi_CreateEnum", 0));
    let text = format!("{dump:?}");
    assert!(text.contains(r#"Number(2147483652, 32)"#) && text.contains(r#"Text("it's : two\nlines")"#), "{text}");
    assert_eq!(text.matches("Pointer").count(), 5, "{text}");

    let values = format!("{:?}", fields("query_value"));
    assert!(values.contains("Number(255, 8)") && values.contains(r#"Word("WERR_MORE_DATA")"#), "{values}");

    let values = format!("{:?}", fields("enum_key"));
    assert!(values.contains("Über 😀") && values.contains("Number(57005, 32)"), "{values}");

    let mapping = fields("get_share_mapping");
    let [Tree::Pointer(inner), Tree::Number(0, 32)] = mapping.as_slice() else { panic!("{mapping:?}") };
    assert!(matches!(inner.as_slice(), [union, arm] if union.value == Tree::Union(1) && arm.name == "ShareMapping1"));

    let empty = fields("get_share_mapping_empty");
    let [Tree::Pointer(inner), Tree::Number(0x8004_2308, 32)] = empty.as_slice() else { panic!("{empty:?}") };
    assert!(matches!(inner.as_slice(), [union] if union.value == Tree::Union(2)));

    assert_eq!(format!("{:?}", fields("open_cluster")).matches("Uuid(04030201").count(), 1);
    assert_eq!(fields("delete_value").len(), 2);
}

/// The comparison is not indulgent: another last octet in a response is another status.
#[test]
fn a_wrong_octet_is_noticed() {
    let Some(mut peer) = Peer::for_test() else {
        return;
    };
    for (interface, file) in INTERFACES {
        for mut reference in fixtures::references(file) {
            let known = DIVERGENCES.iter().any(|one| one.concerns(&stub(interface, &reference)));
            if reference.direction == Direction::Request || known {
                continue;
            }
            *reference.stub.last_mut().unwrap() ^= 1;
            match check(&mut peer, &stub(interface, &reference), &reference.value) {
                Err(_) | Ok(Verdict::Excused(_)) => {}
                // ndrdump prints a status in words: not every one is told from the next.
                Ok(_) if !peer.is_complete() => {}
                Ok(verdict) => panic!("{} {:?}: {verdict:?}", reference.name, reference.encoding),
            }
        }
    }
}

/// The figures of `cargo xtask bench` are about the message that its documentation describes.
#[test]
fn libndr_is_measured_on_the_documented_message() {
    if std::env::var_os("MSRPC_PEERS").is_some_and(|peers| peers == "skip") {
        return;
    }
    let figures = peers::libndr_figures().expect("gcc, pkgconf and samba-dev: `cargo xtask test` installs them");
    let sizes: BTreeSet<_> =
        figures.iter().map(|figure| (figure.entries, figure.syntax.as_str(), figure.bytes)).collect();
    let expected =
        [(5, "ndr", 500), (5, "ndr64", 628), (1000, "ndr", 96_020), (1000, "ndr64", 120_028)].into_iter().collect();
    assert_eq!(sizes, expected);
    assert_eq!(peers::bench_name(999).len(), 37);
}

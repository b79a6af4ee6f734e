//! Bad input and bad luck, at a daemon of its own over TCP: the document's code, a line in the log,
//! and nothing lost. About 3 s; takes no root and no peers.

mod support;

use std::fs;

use msrpc_ndr::{AuthLevel, Body, Bytes, Channel as _, ChannelError, Fault, HResult, Uuid};
use support::demo::{CONTEXT, Demo, SHARE, committed, status};

const OBJECT_NOT_FOUND: HResult = HResult(0x8004_2308);
const BAD_STATE: HResult = HResult(0x8004_2301);
const ID_MISMATCH: HResult = HResult(0x8004_2501);

#[tokio::test]
async fn names_in_every_wrong_form_are_refused_as_arguments() {
    let demo = Demo::start();
    let client = demo.connect().await;
    let long = format!(r"\\127.0.0.1\{}", "x".repeat(65_536));
    for name in [
        "",
        "data",
        r"\data",
        r"\\",
        r"\\h",
        r"\\h\",
        r"\\\data",
        r"\\h\a\b",
        "//h/data",
        "\\\\h\\a\0b",
        r"\\h\..",
        &long,
    ] {
        let code = status(client.is_path_supported(name).await);
        assert!(
            [HResult::E_INVALIDARG, OBJECT_NOT_FOUND].contains(&code),
            "{:?}: {code:?}",
            name.chars().take(40).collect::<String>()
        );
    }
    for name in ["", "data", r"\\", r"\\h", r"\\h\", "//h/data", "\\\\h\\a\0b"] {
        assert_eq!(status(client.is_path_supported(name).await), HResult::E_INVALIDARG, "{name:?}");
    }
    assert_eq!(status(client.is_path_supported(r"\\127.0.0.1\none").await), OBJECT_NOT_FOUND);
    // It serves on.
    assert_eq!(client.is_path_supported(SHARE).await.unwrap().supported_by_this_provider, 1);
}

#[tokio::test]
async fn a_snapshot_that_vanished_cannot_be_exposed_and_leaves_nothing() {
    let demo = Demo::start();
    let client = demo.connect().await;
    let set = committed(&client).await;
    for kind in ["btrfs", "reflink", "copy"] {
        if let Ok(entries) = fs::read_dir(demo.data(&format!("snapshots/{kind}"))) {
            entries.for_each(|entry| fs::remove_dir_all(entry.unwrap().path()).unwrap());
        }
    }
    let code = status(client.expose_shadow_copy_set(set, 10_000).await);
    assert!(code.0 & 0x8000_0000 != 0, "{code:?}");
    assert!(demo.log().contains("snapshot"), "{}", demo.log());
    let _ = client.abort_shadow_copy_set(set).await;
    let set = committed(&client).await;
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    assert_eq!(demo.left(), 2);
    let _ = client.abort_shadow_copy_set(set).await;
}

#[tokio::test]
async fn a_directory_that_went_away_half_way_fails_the_commit_and_leaves_nothing() {
    let demo = Demo::start();
    let client = demo.connect().await;
    client.set_context(CONTEXT).await.unwrap();
    let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.unwrap();
    client.add_to_shadow_copy_set(Uuid::from_u128(2), set, SHARE).await.unwrap();
    fs::rename(demo.data("share"), demo.data("elsewhere")).unwrap();
    let code = status(client.commit_shadow_copy_set(set, 10_000).await);
    assert!(code.0 & 0x8000_0000 != 0, "{code:?}");
    assert!(demo.log().contains("share"), "{}", demo.log());
    let _ = client.abort_shadow_copy_set(set).await;
    fs::rename(demo.data("elsewhere"), demo.data("share")).unwrap();
    let set = committed(&client).await;
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    assert_eq!(demo.left(), 2);
}

#[tokio::test]
async fn ids_of_other_sets_and_null_ones_are_refused_and_harm_neither_set() {
    let demo = Demo::start();
    let client = demo.connect().await;
    // One that is recovered, and one in creation.
    let other = committed(&client).await;
    client.expose_shadow_copy_set(other, 10_000).await.unwrap();
    client.recovery_complete_shadow_copy_set(other).await.unwrap();
    client.set_context(CONTEXT).await.unwrap();
    let set = client.start_shadow_copy_set(Uuid::from_u128(3)).await.unwrap();
    let copy = client.add_to_shadow_copy_set(Uuid::from_u128(4), set, SHARE).await.unwrap();
    let (null, unknown) = (Uuid::from_u128(0), Uuid::from_u128(77));
    for (id, code) in [(null, HResult::E_INVALIDARG), (unknown, ID_MISMATCH), (copy, ID_MISMATCH), (other, BAD_STATE)] {
        assert_eq!(status(client.add_to_shadow_copy_set(Uuid::from_u128(5), id, SHARE).await), code, "add to {id}");
        assert_eq!(status(client.prepare_shadow_copy_set(id, 100).await), code, "prepare {id}");
        assert_eq!(status(client.commit_shadow_copy_set(id, 100).await), code, "commit {id}");
        assert_eq!(status(client.expose_shadow_copy_set(id, 100).await), code, "expose {id}");
        assert_eq!(status(client.recovery_complete_shadow_copy_set(id).await), code, "complete {id}");
        assert_eq!(status(client.abort_shadow_copy_set(id).await), code, "abort {id}");
    }
    assert_eq!(status(client.start_shadow_copy_set(null).await), HResult::E_INVALIDARG);
    client.commit_shadow_copy_set(set, 10_000).await.unwrap();
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    for (id, code) in [(null, HResult::E_INVALIDARG), (unknown, HResult::E_INVALIDARG)] {
        assert_eq!(status(client.get_share_mapping(id, set, SHARE, 1).await), code, "mapping of {id}");
    }
    assert_eq!(status(client.get_share_mapping(copy, other, SHARE, 1).await), BAD_STATE);
    assert_eq!(status(client.delete_share_mapping(other, copy, SHARE).await), OBJECT_NOT_FOUND);
    assert_eq!(status(client.delete_share_mapping(unknown, copy, SHARE).await), OBJECT_NOT_FOUND);
    assert_eq!(demo.left(), 4, "{}", demo.log());
    client.recovery_complete_shadow_copy_set(set).await.unwrap();
    client.delete_share_mapping(set, copy, SHARE).await.unwrap();
    assert_eq!(demo.left(), 2, "{}", demo.log());
}

/// Strings are reference pointers in this interface, which cannot be NULL: what a client sends that takes
/// them for something else is no request.
#[tokio::test]
async fn null_strings_are_malformed_requests_and_nothing_is_lost() {
    let demo = Demo::start();
    let client = demo.connect().await;
    client.set_context(CONTEXT).await.unwrap();
    let set = client.start_shadow_copy_set(Uuid::from_u128(3)).await.unwrap();
    let copy = client.add_to_shadow_copy_set(Uuid::from_u128(4), set, SHARE).await.unwrap();
    let (set_id, copy_id) = (set.to_bytes_le(), copy.to_bytes_le());
    // What stands before the string and behind it.
    let level = 1_u32.to_le_bytes();
    let operations: [(u16, Vec<u8>, &[u8]); 5] = [
        (3, [Uuid::from_u128(5).to_bytes_le(), set_id].concat(), &[]),
        (8, Vec::new(), &[]),
        (9, Vec::new(), &[]),
        (10, [copy_id, set_id].concat(), &level),
        (11, [set_id, copy_id].concat(), &[]),
    ];
    let pointed = {
        // A unique pointer, and behind it the string.
        let units: Vec<u8> = SHARE.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let count = u32::try_from(units.len() / 2).unwrap().to_le_bytes();
        [&0x0002_0000_u32.to_le_bytes()[..], &count, &[0; 4], &count, &units].concat()
    };
    let strings: [(&str, &[u8]); 4] = [
        ("nothing", &[]),
        ("a NULL unique pointer", &[0; 4]),
        ("a string without its null", &[0; 12]),
        ("a unique pointer", &pointed),
    ];
    for (opnum, before, after) in &operations {
        for (what, string) in &strings {
            let stub = [&before[..], string, after].concat();
            match client.channel().call(*opnum, Body::from(Bytes::from(stub))).await {
                Err(ChannelError::Fault(fault)) => {
                    assert_eq!(fault.status, Fault::BAD_STUB_DATA.status, "{what} to {opnum}: {fault:?}");
                }
                other => panic!("{what} to {opnum}: {other:?}"),
            }
        }
    }
    // It serves on, and the set is as it was.
    client.prepare_shadow_copy_set(set, 10_000).await.unwrap();
    client.commit_shadow_copy_set(set, 10_000).await.unwrap();
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    client.recovery_complete_shadow_copy_set(set).await.unwrap();
    client.delete_share_mapping(set, copy, SHARE).await.unwrap();
    assert_eq!(demo.left(), 0, "{}", demo.log());
}

#[tokio::test]
async fn callers_below_integrity_get_access_denied_from_the_method_and_no_fault() {
    let demo = Demo::start();
    for level in [AuthLevel::Connect, AuthLevel::Packet] {
        let client = demo.connect_at(level).await;
        assert_eq!(status(client.get_supported_version().await), HResult::E_ACCESSDENIED, "{level:?}");
        assert_eq!(status(client.set_context(CONTEXT).await), HResult::E_ACCESSDENIED, "{level:?}");
    }
    assert!(demo.log().contains("access denied"), "{}", demo.log());
    demo.connect_at(AuthLevel::Integrity).await.get_supported_version().await.unwrap();
}

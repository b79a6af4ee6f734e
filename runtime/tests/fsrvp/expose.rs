//! ExposeShadowCopySet, 3.1.4.6, and GetShareMapping, 3.1.4.11.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{Failure, Status},
};
use msrpc_ndr::HResult;
use uuid::Uuid;

use crate::{client::*, world::Kind};

const UNKNOWN: Uuid = Uuid::from_u128(5);

fn committed(server: &Server) -> (Backup, Uuid) {
    let client = server.client(1);
    let (set, _) = client.until(Status::Committed, BACKUP);
    (client, set)
}

#[test]
fn expose_shadow_copy_set_of_an_unknown_set_is_a_mismatch() {
    assert_eq!(Server::new().client(1).expose(UNKNOWN, LONG), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn expose_shadow_copy_set_of_the_null_id_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).expose(Uuid::nil(), LONG), Err(HResult::E_INVALIDARG));
}

#[test]
fn expose_shadow_copy_set_in_every_state_but_committed_is_a_bad_state() {
    for status in [Status::Started, Status::Added, Status::Exposed, Status::Recovered] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).expose(set, LONG), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn expose_shadow_copy_set_adds_a_share_named_after_the_base_share_and_the_copy() {
    let server = Server::new();
    let client = server.client(1);
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    let name = format!("data@{{{}}}", copy.to_string().to_uppercase());
    assert_eq!(server.world().exposed.iter().collect::<Vec<_>>(), [(&name, &false)]);
    assert_eq!(client.mapping(set, copy, DATA).unwrap().shadow_copy_share_name.unwrap().to_string_lossy(), name);
}

#[test]
fn expose_shadow_copy_set_of_a_hidden_share_gives_a_hidden_share() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Started, BACKUP);
    let copy = client.add(set, r"\\server\hidden$\").unwrap();
    client.commit(set, LONG).unwrap();
    client.expose(set, LONG).unwrap();
    let name = format!("hidden$@{{{}}}$", copy.to_string().to_uppercase());
    assert!(server.world().exposed.contains_key(&name), "{:?}", server.world().exposed);
}

#[test]
fn expose_shadow_copy_set_is_writable_with_auto_recovery_only() {
    for (context, writable) in [(BACKUP, false), (BACKUP | NO_AUTO_RECOVERY, false), (BACKUP | AUTO_RECOVERY, true)] {
        let server = Server::new();
        server.client(1).until(Status::Exposed, context);
        assert!(server.world().exposed.values().all(|&it| it == writable), "{context:#x}");
    }
}

#[test]
fn expose_shadow_copy_set_starts_the_timer_with_180_seconds() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.advance(100);
    client.expose(set, LONG).unwrap();
    server.assert_timer(set, 180);
    server.world().assert_no_orphans();
}

#[test]
fn expose_shadow_copy_set_that_takes_too_long_is_a_wait_timeout_with_180_seconds() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.world().held.insert(Kind::Expose);
    assert_eq!(client.expose(set, 120_000), Err(FSRVP_E_WAIT_TIMEOUT));
    assert_eq!(server.status(set), Some(Status::Committed));
    server.assert_timer(set, 180);
    server.world().assert_no_orphans();
}

#[test]
fn expose_shadow_copy_set_again_waits_for_the_running_one() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.world().held.insert(Kind::Expose);
    client.expose(set, 10).unwrap_err();
    server.world().complete(0, None);
    assert_eq!(client.expose(set, 10), Ok(()));
    assert_eq!(server.status(set), Some(Status::Exposed));
}

#[test]
fn expose_shadow_copy_set_that_crashes_is_a_wait_failed_with_180_seconds() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.world().faults.insert(Kind::Expose, Failure::WaitFailed);
    assert_eq!(client.expose(set, LONG), Err(FSRVP_E_WAIT_FAILED));
    server.assert_timer(set, 180);
    server.world().assert_no_orphans();
}

#[test]
fn expose_shadow_copy_set_that_fails_says_the_error_with_180_seconds() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.world().faults.insert(Kind::Expose, Failure::Error(HResult::E_FAIL));
    assert_eq!(client.expose(set, LONG), Err(HResult::E_FAIL));
    server.assert_timer(set, 180);
}

#[test]
fn expose_shadow_copy_set_of_a_snapshot_that_vanished_is_object_not_found() {
    let server = Server::new();
    let (client, set) = committed(&server);
    server.world().snapshots.clear();
    assert_eq!(client.expose(set, LONG), Err(FSRVP_E_OBJECT_NOT_FOUND));
    assert_eq!(client.abort(set), Ok(()));
}

#[test]
fn get_share_mapping_says_everything_of_the_mapping() {
    let server = Server::new();
    let client = server.client(1);
    let created = server.world().now.wall;
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    let mapping = client.mapping(set, copy, r"\\another-name\DATA\").unwrap();
    assert_eq!((mapping.shadow_copy_set_id, mapping.shadow_copy_id), (set, copy));
    assert_eq!(mapping.share_name_unc.unwrap().to_string_lossy(), DATA);
    assert_eq!(mapping.creation_timestamp, created.0);
}

#[test]
fn get_share_mapping_of_another_level_is_an_invalid_argument() {
    let server = Server::new();
    let client = server.client(1);
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    for level in [0, 2, u32::MAX] {
        assert_eq!(client.mapping_at(set, copy, DATA, level), Err(HResult::E_INVALIDARG));
    }
}

#[test]
fn get_share_mapping_says_a_wrong_level_before_an_unknown_set() {
    let client = Server::new().client(1);
    assert_eq!(client.mapping_at(UNKNOWN, UNKNOWN, DATA, 2), Err(HResult::E_INVALIDARG));
}

#[test]
fn get_share_mapping_of_an_unknown_set_is_a_mismatch() {
    let client = Server::new().client(1);
    assert_eq!(client.mapping(UNKNOWN, UNKNOWN, DATA), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn get_share_mapping_with_null_ids_is_an_invalid_argument() {
    let client = Server::new().client(1);
    assert_eq!(client.mapping(Uuid::nil(), UNKNOWN, DATA), Err(HResult::E_INVALIDARG));
    assert_eq!(client.mapping(UNKNOWN, Uuid::nil(), DATA), Err(HResult::E_INVALIDARG));
}

#[test]
fn get_share_mapping_in_every_state_but_exposed_is_a_bad_state() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Recovered] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).mapping(set, UNKNOWN, DATA), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn get_share_mapping_of_an_unknown_copy_or_share_is_an_invalid_argument() {
    let server = Server::new();
    let client = server.client(1);
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    assert_eq!(client.mapping(set, UNKNOWN, DATA), Err(HResult::E_INVALIDARG));
    assert_eq!(client.mapping(set, copy, OTHER), Err(HResult::E_INVALIDARG));
    // The timer goes on: the client may have given up.
    server.assert_timer(set, 180);
}

#[test]
fn get_share_mapping_starts_the_timer_with_1800_seconds() {
    let server = Server::new();
    let client = server.client(1);
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    client.mapping(set, copy, DATA).unwrap();
    server.assert_timer(set, 1800);
}

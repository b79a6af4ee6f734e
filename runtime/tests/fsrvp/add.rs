//! AddToShadowCopySet, 3.1.4.4.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{Failure, Status},
};
use msrpc_ndr::{HResult, WString};
use uuid::Uuid;

use crate::{client::*, world::Kind};

/// A set that was started.
fn started(server: &Server) -> (Backup, Uuid) {
    let client = server.client(1);
    let (set, _) = client.until(Status::Started, BACKUP);
    (client, set)
}

#[test]
fn add_to_shadow_copy_set_of_a_missing_share_is_object_not_found() {
    let (client, set) = started(&Server::new());
    assert_eq!(client.add(set, r"\\server\nothing"), Err(FSRVP_E_OBJECT_NOT_FOUND));
}

#[test]
fn add_to_shadow_copy_set_says_a_missing_share_before_a_missing_set() {
    let client = Server::new().client(1);
    assert_eq!(client.add(Uuid::from_u128(5), r"\\server\nothing"), Err(FSRVP_E_OBJECT_NOT_FOUND));
    assert_eq!(client.add(Uuid::from_u128(5), r"\\server\tmp"), Err(FSRVP_E_NOT_SUPPORTED));
}

#[test]
fn add_to_shadow_copy_set_on_a_store_without_provider_is_not_supported() {
    let (client, set) = started(&Server::new());
    assert_eq!(client.add(set, r"\\server\tmp"), Err(FSRVP_E_NOT_SUPPORTED));
}

#[test]
fn add_to_shadow_copy_set_with_mount_points_below_the_share_is_not_supported() {
    let (client, set) = started(&Server::new());
    assert_eq!(client.add(set, r"\\server\mounted"), Err(FSRVP_E_NOT_SUPPORTED));
}

#[test]
fn add_to_shadow_copy_set_of_an_unknown_set_is_a_mismatch() {
    let (client, _) = started(&Server::new());
    assert_eq!(client.add(Uuid::from_u128(5), DATA), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn add_to_shadow_copy_set_after_the_commit_is_a_bad_state() {
    for status in [Status::Committed, Status::Exposed, Status::Recovered] {
        let server = Server::new();
        let client = server.client(1);
        let (set, _) = client.until(status, BACKUP);
        assert_eq!(client.add(set, OTHER), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn add_to_shadow_copy_set_during_a_commit_is_a_bad_state() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Added, BACKUP);
    server.world().held.insert(Kind::Commit);
    assert_eq!(client.commit(set, 10), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(client.add(set, OTHER), Err(FSRVP_E_BAD_STATE));
}

#[test]
fn add_to_shadow_copy_set_of_a_second_share_of_a_store_exists_already() {
    let server = Server::new();
    let (client, set) = started(&server);
    client.add(set, DATA).unwrap();
    assert_eq!(client.add(set, DATA), Err(FSRVP_E_OBJECT_ALREADY_EXISTS));
    assert_eq!(client.add(set, r"\\server\more"), Err(FSRVP_E_OBJECT_ALREADY_EXISTS), "it is on the same store");
}

#[test]
fn add_to_shadow_copy_set_that_exists_already_starts_the_timer_with_180_seconds() {
    let server = Server::new();
    let (client, set) = started(&server);
    client.add(set, DATA).unwrap();
    client.add(set, DATA).unwrap_err();
    server.assert_timer(set, 180);
}

#[test]
fn add_to_shadow_copy_set_that_fails_earlier_leaves_the_timer_alone() {
    let server = Server::new();
    let (client, set) = started(&server);
    server.advance(100);
    client.add(set, r"\\server\nothing").unwrap_err();
    server.assert_timer(set, 80);
}

#[test]
fn add_to_shadow_copy_set_with_null_ids_is_an_invalid_argument() {
    let (client, set) = started(&Server::new());
    let data = || WString::from_units(DATA.encode_utf16());
    assert_eq!(client.add_as(Uuid::nil(), set, data()), Err(HResult::E_INVALIDARG));
    assert_eq!(client.add(Uuid::nil(), DATA), Err(HResult::E_INVALIDARG));
}

#[test]
fn add_to_shadow_copy_set_of_a_name_that_is_no_unc_name_is_an_invalid_argument() {
    let (client, set) = started(&Server::new());
    let huge = format!(r"\\server\{}", "x".repeat(64 << 10));
    for name in ["", r"\", r"\\", "data", r"\\server", r"\\server\", r"\\\data", r"//server/data", &huge] {
        assert_eq!(client.add(set, name), Err(HResult::E_INVALIDARG), "{:.40}", name);
    }
    let ill_formed = WString::from_units([0x5c, 0x5c, 0x61, 0x5c, 0xd800]);
    assert_eq!(client.add_as(Uuid::from_u128(1), set, ill_formed), Err(HResult::E_INVALIDARG));
}

#[test]
fn add_to_shadow_copy_set_makes_a_shadow_copy_with_the_time_and_a_mapping_that_is_not_exposed() {
    let server = Server::new();
    let (client, set) = started(&server);
    let copy = client.add(set, r"\\alias\DATA\").unwrap();
    assert_ne!(copy, Uuid::from_u128(2), "the client's own id is ignored");
    let world = server.world();
    let record = world.agent.sets().next().unwrap();
    assert_eq!(record.status, Status::Added);
    let [ours] = record.copies.as_slice() else { panic!("{record:?}") };
    assert_eq!((ours.id, ours.store.volume.as_str(), ours.created), (copy, "vol1", world.now.wall));
    let [mapping] = ours.mappings.as_slice() else { panic!("{record:?}") };
    assert_eq!((mapping.unc.as_str(), mapping.is_exposed), (r"\\alias\DATA\", false));
}

#[test]
fn add_to_shadow_copy_set_starts_the_timer_with_1800_seconds() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Added, BACKUP);
    server.assert_timer(set, 1800);
}

#[test]
fn shares_of_several_stores_make_one_set() {
    let server = Server::new();
    let (client, set) = started(&server);
    let one = client.add(set, DATA).unwrap();
    let two = client.add(set, OTHER).unwrap();
    client.prepare(set, LONG).unwrap();
    client.commit(set, LONG).unwrap();
    client.expose(set, LONG).unwrap();
    assert_eq!(client.mapping(set, two, OTHER).unwrap().share_name_unc.unwrap().to_string_lossy(), OTHER);
    assert_ne!(one, two);
    assert_eq!(server.world().exposed.len(), 2);
}

#[test]
fn a_share_that_cannot_be_stored_is_not_added() {
    let server = Server::new();
    let (client, set) = started(&server);
    server.world().faults.insert(Kind::Put, Failure::Error(HResult::E_FAIL));
    assert_eq!(client.add(set, DATA), Err(HResult::E_FAIL));
    assert_eq!(server.status(set), Some(Status::Started));
    server.world().faults.clear();
    assert!(client.add(set, DATA).is_ok());
}

#[test]
fn shares_that_cannot_be_read_are_a_failure() {
    let server = Server::new();
    let (client, set) = started(&server);
    server.world().faults.insert(Kind::LookUp, Failure::Error(HResult::E_FAIL));
    assert_eq!(client.add(set, DATA), Err(HResult::E_FAIL));
    assert_eq!(client.supported(DATA), Err(HResult::E_FAIL));
}

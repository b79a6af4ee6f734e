//! DeleteShareMapping, 3.1.4.12.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{Failure, Status},
};
use msrpc_ndr::HResult;
use uuid::Uuid;

use crate::{client::*, world::Kind};

const UNKNOWN: Uuid = Uuid::from_u128(5);

#[test]
fn delete_share_mapping_of_an_unknown_set_is_object_not_found() {
    assert_eq!(Server::new().client(1).delete(UNKNOWN, UNKNOWN, DATA), Err(FSRVP_E_OBJECT_NOT_FOUND));
}

#[test]
fn delete_share_mapping_with_null_ids_or_a_malformed_name_is_an_invalid_argument() {
    let client = Server::new().client(1);
    assert_eq!(client.delete(Uuid::nil(), UNKNOWN, DATA), Err(HResult::E_INVALIDARG));
    assert_eq!(client.delete(UNKNOWN, Uuid::nil(), DATA), Err(HResult::E_INVALIDARG));
    assert_eq!(client.delete(UNKNOWN, UNKNOWN, ""), Err(HResult::E_INVALIDARG));
}

#[test]
fn delete_share_mapping_before_the_set_is_exposed_is_a_bad_state() {
    for status in [Status::Started, Status::Added, Status::Committed] {
        let server = Server::new();
        let (set, copy) = server.client(1).until(status, BACKUP);
        let copy = if copy.is_nil() { UNKNOWN } else { copy };
        assert_eq!(server.client(1).delete(set, copy, DATA), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn delete_share_mapping_of_a_copy_that_is_not_in_the_set_is_object_not_found() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Recovered, BACKUP);
    assert_eq!(client.delete(set, UNKNOWN, DATA), Err(FSRVP_E_OBJECT_NOT_FOUND));
    let (other, other_copy) = client.until(Status::Recovered, BACKUP);
    assert_eq!(client.delete(set, other_copy, DATA), Err(FSRVP_E_OBJECT_NOT_FOUND), "a copy of another set");
    assert_eq!(client.delete(other, other_copy, DATA), Ok(()));
}

#[test]
fn delete_share_mapping_of_a_made_up_copy_during_the_sequence_is_an_invalid_argument() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, BACKUP);
    assert_eq!(server.client(1).delete(set, UNKNOWN, DATA), Err(HResult::E_INVALIDARG));
}

#[test]
fn delete_share_mapping_of_a_share_that_is_not_mapped_is_object_not_found() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Exposed, BACKUP);
    assert_eq!(server.client(1).delete(set, copy, OTHER), Err(FSRVP_E_OBJECT_NOT_FOUND));
}

#[test]
fn delete_share_mapping_deletes_the_share_the_snapshot_and_the_set() {
    for status in [Status::Exposed, Status::Recovered] {
        let server = Server::new();
        let (set, copy) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(2).delete(set, copy, r"\\any\Data\"), Ok(()));
        assert_eq!(server.status(set), None);
        let world = server.world();
        assert!(world.exposed.is_empty() && world.snapshots.is_empty() && world.disk.is_empty(), "{status:?}");
    }
}

#[test]
fn delete_share_mapping_leaves_the_other_copies_of_the_set() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Started, BACKUP);
    let (one, two) = (client.add(set, DATA).unwrap(), client.add(set, OTHER).unwrap());
    client.commit(set, LONG).unwrap();
    client.expose(set, LONG).unwrap();
    client.complete(set).unwrap();
    client.delete(set, one, DATA).unwrap();
    assert_eq!(server.world().snapshots.keys().collect::<Vec<_>>(), [&two]);
    assert_eq!(server.world().exposed.len(), 1);
    assert_eq!(client.delete(set, one, DATA), Err(FSRVP_E_OBJECT_NOT_FOUND));
    assert_eq!(client.delete(set, two, OTHER), Ok(()));
    assert_eq!(server.status(set), None);
}

#[test]
fn delete_share_mapping_of_the_last_mapping_of_the_set_in_creation_ends_the_sequence() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Exposed, BACKUP);
    server.client(1).delete(set, copy, DATA).unwrap();
    assert_eq!(server.client(2).set_context(BACKUP), Ok(()));
}

#[test]
fn delete_share_mapping_of_a_recovered_set_leaves_the_sequence_of_another_alone() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Recovered, BACKUP);
    let (other, _) = server.client(2).until(Status::Added, BACKUP);
    server.client(1).delete(set, copy, DATA).unwrap();
    assert_eq!(server.client(2).commit(other, LONG), Ok(()));
}

#[test]
fn delete_share_mapping_that_fails_says_the_error_and_can_be_repeated() {
    for kind in [Kind::Delete, Kind::Put] {
        let server = Server::new();
        let (set, copy) = server.client(1).until(Status::Recovered, BACKUP);
        server.world().faults.insert(kind, Failure::Error(HResult::E_FAIL));
        assert_eq!(server.client(1).delete(set, copy, DATA), Err(HResult::E_FAIL), "{kind:?}");
        server.world().faults.clear();
        assert_eq!(server.client(1).delete(set, copy, DATA), Ok(()));
        server.world().assert_no_orphans();
    }
}

#[test]
fn delete_share_mapping_of_what_vanished_behind_our_back_succeeds() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Recovered, BACKUP);
    server.world().snapshots.clear();
    server.world().exposed.clear();
    assert_eq!(server.client(1).delete(set, copy, DATA), Ok(()));
}

#[test]
fn a_mapping_that_was_half_deleted_does_not_hinder_recovery_complete_and_goes_at_the_next_start() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Exposed, AUTO_RECOVERY);
    server.world().faults.insert(Kind::Delete, Failure::Error(HResult::E_FAIL));
    server.client(2).delete(set, copy, DATA).unwrap_err();
    server.world().faults.clear();
    assert_eq!(server.client(1).complete(set), Ok(()));
    assert_eq!(server.outside(), (1, 0), "the share is gone");
    server.world().crash();
    server.world().settle();
    assert_eq!((server.outside(), server.status(set)), ((0, 0), None));
    server.world().assert_no_orphans();
}

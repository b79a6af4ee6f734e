//! StartShadowCopySet, 3.1.4.3.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{Failure, Status},
};
use msrpc_ndr::HResult;
use uuid::Uuid;

use crate::{client::*, world::Kind};

#[test]
fn start_shadow_copy_set_without_a_context_is_a_bad_state() {
    assert_eq!(Server::new().client(1).start(), Err(FSRVP_E_BAD_STATE));
}

#[test]
fn start_shadow_copy_set_with_a_null_id_is_an_invalid_argument() {
    let client = Server::new().client(1);
    assert_eq!(client.start_as(Uuid::nil()), Err(HResult::E_INVALIDARG));
}

#[test]
fn start_shadow_copy_set_beside_another_is_in_progress() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Exposed] {
        let server = Server::new();
        server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).start(), Err(FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS), "{status:?}");
    }
}

#[test]
fn start_shadow_copy_set_beside_recovered_sets_begins_a_new_one() {
    let server = Server::new();
    let client = server.client(1);
    let (first, _) = client.until(Status::Recovered, BACKUP);
    let (second, _) = client.until(Status::Recovered, BACKUP);
    assert_ne!(first, second);
    assert_eq!(server.world().agent.sets().count(), 2);
}

#[test]
fn start_shadow_copy_set_gives_an_id_of_its_own_and_an_empty_started_set_with_the_context() {
    let server = Server::new();
    let client = server.client(1);
    client.set_context(0x19).unwrap();
    let set = client.start_as(Uuid::from_u128(99)).unwrap();
    assert_ne!(set, Uuid::from_u128(99));
    let world = server.world();
    let record = world.agent.sets().next().unwrap();
    assert_eq!((record.id, record.status, record.context.to_wire()), (set, Status::Started, 0x19));
    assert!(record.copies.is_empty());
}

#[test]
fn start_shadow_copy_set_starts_the_timer_with_180_seconds() {
    let server = Server::new();
    server.client(1).set_context(BACKUP).unwrap();
    server.advance(100);
    let set = server.client(1).start().unwrap();
    server.assert_timer(set, 180);
}

#[test]
fn a_set_that_cannot_be_stored_is_not_started() {
    let server = Server::new();
    let client = server.client(1);
    client.set_context(BACKUP).unwrap();
    server.world().faults.insert(Kind::Put, Failure::Error(E_DISK_FULL));
    assert_eq!(client.start(), Err(E_DISK_FULL));
    server.world().faults.clear();
    assert!(client.start().is_ok(), "and the next attempt is not blocked");
}

//! SetContext, 3.1.4.2, and GetSupportedVersion, 3.1.4.1.

use msrpc_cluster::fsrvp::{code::*, server::Status};

use crate::client::*;

#[test]
fn get_supported_version_says_version_1_twice() {
    assert_eq!(Server::new().client(1).version(), Ok((1, 1)));
}

#[test]
fn set_context_takes_every_context_of_the_document() {
    for base in [0, 0x10, 0x19, 0x09] {
        for recovery in [0, AUTO_RECOVERY, NO_AUTO_RECOVERY] {
            assert_eq!(Server::new().client(1).set_context(base | recovery), Ok(()));
        }
    }
}

#[test]
fn set_context_with_a_value_that_is_none_is_an_unsupported_context() {
    let client = Server::new().client(1);
    for wrong in [1, 8, 0x11, 0x18, 4, 0x20, AUTO_RECOVERY | NO_AUTO_RECOVERY, 0x8000_0000, u32::MAX] {
        assert_eq!(client.set_context(wrong), Err(FSRVP_E_UNSUPPORTED_CONTEXT), "{wrong:#x}");
    }
    assert_eq!(client.start(), Err(FSRVP_E_BAD_STATE), "ContextSet is still FALSE");
}

#[test]
fn an_invalid_context_is_said_before_another_sequence() {
    let server = Server::new();
    server.client(1).set_context(BACKUP).unwrap();
    assert_eq!(server.client(2).set_context(0x11), Err(FSRVP_E_UNSUPPORTED_CONTEXT));
}

#[test]
fn set_context_of_another_address_is_in_progress() {
    let server = Server::new();
    server.client(1).set_context(BACKUP).unwrap();
    assert_eq!(server.client(2).set_context(BACKUP), Err(FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
    // The first client goes on.
    assert!(server.client(1).start().is_ok());
}

#[test]
fn set_context_of_the_same_address_removes_the_set_that_was_begun() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Exposed] {
        let server = Server::new();
        let client = server.client(1);
        let (set, _) = client.until(status, BACKUP);
        assert_eq!(client.set_context(FILE_SHARE_BACKUP), Ok(()));
        assert_eq!(server.status(set), None, "{status:?}");
        assert!(server.world().exposed.is_empty(), "no share of it is seen");
        let next = client.start().unwrap();
        let context = server.world().agent.sets().find(|it| it.id == next).unwrap().context.to_wire();
        assert_eq!(context, FILE_SHARE_BACKUP);
    }
}

#[test]
fn set_context_leaves_a_recovered_set_alone() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Recovered, BACKUP);
    client.set_context(BACKUP).unwrap();
    client.set_context(BACKUP).unwrap();
    assert_eq!(server.status(set), Some(Status::Recovered));
}

#[test]
fn the_snapshots_of_an_exposed_set_go_when_the_time_of_its_client_is_up() {
    let server = Server::new();
    let client = server.client(1);
    let (set, copy) = client.until(Status::Exposed, BACKUP);
    client.mapping(set, copy, DATA).unwrap();
    server.advance(60);
    client.set_context(BACKUP).unwrap();
    assert_eq!(server.world().snapshots.len(), 1, "enum_created of Samba's suite counts it");
    server.advance(1739);
    assert_eq!(server.world().snapshots.len(), 1);
    server.advance(2);
    assert_eq!(server.world().snapshots.len(), 0);
    server.world().assert_no_orphans();
}

#[test]
fn set_context_retried_more_often_than_five_times_is_in_progress_once() {
    let server = Server::new();
    let client = server.client(1);
    client.set_context(BACKUP).unwrap();
    for _ in 0..5 {
        assert_eq!(client.set_context(BACKUP), Ok(()));
    }
    assert_eq!(client.set_context(BACKUP), Err(FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
    // It set ContextSet to FALSE, so that the count begins again.
    assert_eq!(client.start(), Err(FSRVP_E_BAD_STATE));
    assert_eq!(client.set_context(BACKUP), Ok(()));
    assert_eq!(client.set_context(BACKUP), Ok(()));
}

#[test]
fn a_completed_sequence_resets_the_count_of_retries() {
    let server = Server::new();
    let client = server.client(1);
    for _ in 0..5 {
        client.set_context(BACKUP).unwrap();
    }
    client.until(Status::Recovered, BACKUP);
    for _ in 0..6 {
        assert_eq!(client.set_context(BACKUP), Ok(()));
    }
}

#[test]
fn set_context_starts_the_timer_with_180_seconds() {
    let server = Server::new();
    server.client(1).set_context(BACKUP).unwrap();
    server.advance(179);
    assert_eq!(server.client(2).set_context(BACKUP), Err(FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
    server.advance(2);
    assert_eq!(server.client(1).start(), Err(FSRVP_E_BAD_STATE));
    assert_eq!(server.client(2).set_context(BACKUP), Ok(()));
}

//! RecoveryCompleteShadowCopySet, 3.1.4.7, and AbortShadowCopySet, 3.1.4.8.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{ClientAddress, Failure, Request, Status},
};
use msrpc_ndr::HResult;
use uuid::Uuid;

use crate::{client::*, world::Kind};

const UNKNOWN: Uuid = Uuid::from_u128(5);

#[test]
fn recovery_complete_of_an_unknown_set_is_a_mismatch() {
    assert_eq!(Server::new().client(1).complete(UNKNOWN), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn recovery_complete_of_the_null_id_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).complete(Uuid::nil()), Err(HResult::E_INVALIDARG));
}

#[test]
fn recovery_complete_in_every_state_but_exposed_is_a_bad_state() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Recovered] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).complete(set), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn recovery_complete_ends_the_sequence_and_lets_others_begin() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Recovered, BACKUP);
    assert_eq!(server.status(set), Some(Status::Recovered));
    assert_eq!(server.client(1).start(), Err(FSRVP_E_BAD_STATE), "ContextSet is FALSE");
    assert_eq!(server.client(2).set_context(BACKUP), Ok(()), "ShadowCopyClientAddress is NULL");
}

#[test]
fn recovery_complete_stops_the_timer_for_good() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Recovered, BACKUP);
    server.advance(100_000);
    assert_eq!(server.status(set), Some(Status::Recovered));
    assert_eq!(server.world().snapshots.len(), 1);
}

#[test]
fn recovery_complete_makes_snapshots_read_only_unless_they_were_so_from_the_beginning() {
    for (context, asked) in [(AUTO_RECOVERY, true), (BACKUP, true), (NO_AUTO_RECOVERY, false)] {
        let server = Server::new();
        let (set, _) = server.client(1).until(Status::Exposed, context);
        server.world().faults.insert(Kind::MakeReadOnly, Failure::Error(HResult::E_FAIL));
        assert_eq!(server.client(1).complete(set).is_err(), asked, "{context:#x}");
        server.world().faults.clear();
        let again = server.client(1).complete(set);
        assert_eq!(again, if asked { Ok(()) } else { Err(FSRVP_E_BAD_STATE) });
        assert!(server.world().snapshots.values().all(|made| !made.writable));
        assert!(server.world().exposed.values().all(|writable| !writable));
    }
}

#[test]
fn recovery_complete_that_fails_leaves_the_set_exposed_with_180_seconds() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, AUTO_RECOVERY);
    server.world().faults.insert(Kind::MakeReadOnly, Failure::WaitFailed);
    assert_eq!(server.client(1).complete(set), Err(FSRVP_E_WAIT_FAILED));
    assert_eq!(server.status(set), Some(Status::Exposed));
    server.assert_timer(set, 180);
}

#[test]
fn recovery_complete_is_answered_only_after_the_record_is_durable() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, BACKUP);
    let mut world = server.world();
    world.held.insert(Kind::Put);
    let call = world.request(ClientAddress::Local, Request::RecoveryCompleteShadowCopySet { set });
    world.settle();
    assert_eq!(world.replies.get(&call), None);
    assert_eq!(world.disk.get(&set).unwrap().status, Status::Exposed);
    world.held.clear();
    world.settle();
    assert!(world.replies.contains_key(&call));
    assert_eq!(world.disk.get(&set).unwrap().status, Status::Recovered);
}

#[test]
fn abort_shadow_copy_set_of_an_unknown_set_is_a_mismatch() {
    assert_eq!(Server::new().client(1).abort(UNKNOWN), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn abort_shadow_copy_set_of_the_null_id_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).abort(Uuid::nil()), Err(HResult::E_INVALIDARG));
}

#[test]
fn abort_shadow_copy_set_of_a_recovered_set_is_a_bad_state() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Recovered, BACKUP);
    server.client(2).set_context(BACKUP).unwrap();
    assert_eq!(server.client(1).abort(set), Err(FSRVP_E_BAD_STATE));
    assert!(server.client(2).start().is_ok(), "the sequence of another is not touched");
}

#[test]
fn abort_shadow_copy_set_deletes_everything_in_every_state() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Exposed] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).abort(set), Ok(()), "{status:?}");
        assert_eq!(server.status(set), None);
        let world = server.world();
        assert!(world.snapshots.is_empty() && world.exposed.is_empty() && world.disk.is_empty(), "{status:?}");
    }
}

#[test]
fn abort_shadow_copy_set_ends_the_sequence() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Added, BACKUP);
    server.client(1).abort(set).unwrap();
    assert_eq!(server.client(1).start(), Err(FSRVP_E_BAD_STATE), "ContextSet is FALSE");
    assert_eq!(server.client(2).set_context(BACKUP), Ok(()), "ShadowCopyClientAddress is NULL");
    assert!(server.client(2).start().is_ok(), "and not only after 30 minutes");
}

#[test]
fn abort_shadow_copy_set_that_fails_says_the_error_and_keeps_the_set_for_another_attempt() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Committed, BACKUP);
    server.world().faults.insert(Kind::Delete, Failure::Error(HResult::E_FAIL));
    assert_eq!(server.client(1).abort(set), Err(HResult::E_FAIL));
    assert!(server.status(set).is_some());
    server.world().faults.clear();
    assert_eq!(server.client(1).abort(set), Ok(()));
    server.world().assert_no_orphans();
}

#[test]
fn abort_shadow_copy_set_that_cannot_be_stored_says_so_and_can_be_repeated() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Committed, BACKUP);
    server.world().faults.insert(Kind::Put, Failure::Error(E_DISK_FULL));
    assert_eq!(server.client(1).abort(set), Err(E_DISK_FULL));
    server.world().faults.clear();
    assert_eq!(server.client(1).abort(set), Ok(()));
}

#[test]
fn a_set_whose_abort_failed_can_only_be_aborted() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, BACKUP);
    server.world().faults.insert(Kind::Put, Failure::Error(E_DISK_FULL));
    assert_eq!(server.client(1).abort(set), Err(E_DISK_FULL));
    server.world().faults.clear();
    assert_eq!(server.client(1).complete(set), Err(FSRVP_E_BAD_STATE), "its snapshots are gone");
    assert_eq!(server.client(1).expose(set, LONG), Err(FSRVP_E_BAD_STATE));
    assert_eq!(server.client(1).abort(set), Ok(()));
    server.world().assert_no_orphans();
}

#[test]
fn abort_shadow_copy_set_during_an_operation_cancels_it_and_its_caller_is_told() {
    for (kind, status, request) in [
        (Kind::Prepare, Status::Added, (|set| Request::PrepareShadowCopySet { set, timeout: LONG }) as fn(Uuid) -> _),
        (Kind::Commit, Status::Added, |set| Request::CommitShadowCopySet { set, timeout: LONG }),
        (Kind::Expose, Status::Committed, |set| Request::ExposeShadowCopySet { set, timeout: LONG }),
    ] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        let call = {
            let mut world = server.world();
            world.held.insert(kind);
            let call = world.request(ClientAddress::Local, request(set));
            world.settle();
            call
        };
        assert_eq!(server.client(2).abort(set), Ok(()), "{kind:?}");
        let mut world = server.world();
        assert_eq!(world.replies.remove(&call), Some(Err(FSRVP_E_WAIT_FAILED)), "{kind:?}");
        assert!(world.pending.is_empty() && world.snapshots.is_empty() && world.exposed.is_empty());
    }
}

#[test]
fn two_aborts_of_a_set_wait_for_one_deletion() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Committed, BACKUP);
    let mut world = server.world();
    world.held.insert(Kind::Delete);
    let calls = [1, 2].map(|_| world.request(ClientAddress::Local, Request::AbortShadowCopySet { set }));
    world.held.clear();
    world.settle();
    assert!(calls.iter().all(|call| world.replies.get(call).is_some_and(Result::is_ok)));
}

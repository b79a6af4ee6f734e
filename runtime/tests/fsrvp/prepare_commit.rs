//! PrepareShadowCopySet, 3.1.4.13, and CommitShadowCopySet, 3.1.4.5.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{Failure, Status},
};
use msrpc_ndr::HResult;
use uuid::Uuid;

use crate::{client::*, world::Kind};

const UNKNOWN: Uuid = Uuid::from_u128(5);

fn added(server: &Server) -> (Backup, Uuid) {
    let client = server.client(1);
    let (set, _) = client.until(Status::Added, BACKUP);
    (client, set)
}

#[test]
fn prepare_shadow_copy_set_of_an_unknown_set_is_a_mismatch() {
    assert_eq!(Server::new().client(1).prepare(UNKNOWN, LONG), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn prepare_shadow_copy_set_of_the_null_id_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).prepare(Uuid::nil(), LONG), Err(HResult::E_INVALIDARG));
}

#[test]
fn prepare_shadow_copy_set_in_every_state_but_added_is_a_bad_state() {
    for status in [Status::Started, Status::Committed, Status::Exposed, Status::Recovered] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).prepare(set, LONG), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn prepare_shadow_copy_set_starts_the_timer_with_1800_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.advance(1000);
    assert_eq!(client.prepare(set, LONG), Ok(()));
    server.assert_timer(set, 1800);
}

#[test]
fn prepare_shadow_copy_set_that_takes_too_long_is_a_wait_timeout_with_180_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Prepare);
    let before = server.world().now.monotonic;
    assert_eq!(client.prepare(set, 1500), Err(FSRVP_E_WAIT_TIMEOUT));
    assert_eq!((server.world().now.monotonic - before).as_millis(), 1500);
    server.assert_timer(set, 180);
    server.world().assert_no_orphans();
}

#[test]
fn prepare_shadow_copy_set_again_waits_for_the_running_preparation() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Prepare);
    client.prepare(set, 10).unwrap_err();
    client.prepare(set, 10).unwrap_err();
    assert_eq!(server.world().pending.len(), 1, "it was started once");
    server.world().held.clear();
    assert_eq!(client.prepare(set, 10), Ok(()));
}

#[test]
fn prepare_shadow_copy_set_that_ended_in_between_is_told_by_the_next_call() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Prepare);
    client.prepare(set, 10).unwrap_err();
    server.world().complete(0, Some(Failure::Error(E_DISK_FULL)));
    assert_eq!(client.prepare(set, 10), Err(E_DISK_FULL));
}

#[test]
fn prepare_shadow_copy_set_whose_provider_crashes_is_a_wait_failed_with_180_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().faults.insert(Kind::Prepare, Failure::WaitFailed);
    assert_eq!(client.prepare(set, LONG), Err(FSRVP_E_WAIT_FAILED));
    server.assert_timer(set, 180);
}

#[test]
fn prepare_shadow_copy_set_whose_provider_fails_says_its_error_with_180_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().faults.insert(Kind::Prepare, Failure::Error(E_DISK_FULL));
    assert_eq!(client.prepare(set, LONG), Err(E_DISK_FULL));
    server.assert_timer(set, 180);
}

#[test]
fn commit_shadow_copy_set_of_an_unknown_set_is_a_mismatch() {
    assert_eq!(Server::new().client(1).commit(UNKNOWN, LONG), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
}

#[test]
fn commit_shadow_copy_set_of_the_null_id_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).commit(Uuid::nil(), LONG), Err(HResult::E_INVALIDARG));
}

#[test]
fn commit_shadow_copy_set_in_every_state_but_added_and_in_progress_is_a_bad_state() {
    for status in [Status::Started, Status::Committed, Status::Exposed, Status::Recovered] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        assert_eq!(server.client(1).commit(set, LONG), Err(FSRVP_E_BAD_STATE), "{status:?}");
    }
}

#[test]
fn commit_shadow_copy_set_makes_the_snapshots_and_starts_the_timer_with_180_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    assert_eq!(client.commit(set, LONG), Ok(()), "a preparation is not required");
    assert_eq!(server.status(set), Some(Status::Committed));
    assert!(server.world().snapshots.values().all(|made| made.complete));
    assert_eq!(server.world().snapshots.len(), 1);
    server.assert_timer(set, 180);
    server.world().assert_no_orphans();
}

#[test]
fn commit_shadow_copy_set_that_takes_too_long_is_an_agent_timeout_with_180_seconds() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Commit);
    assert_eq!(client.commit(set, 60_000), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(server.status(set), Some(Status::CreationInProgress));
    server.assert_timer(set, 180);
    assert!(server.world().pending.is_empty(), "the commit was cancelled");
    server.world().assert_no_orphans();
}

#[test]
fn commit_shadow_copy_set_with_no_time_at_all_starts_the_commit_and_times_out() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Commit);
    assert_eq!(client.commit(set, 0), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(server.world().pending.len(), 1);
}

#[test]
fn commit_shadow_copy_set_again_waits_for_the_running_commit() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Commit);
    client.commit(set, 10).unwrap_err();
    assert_eq!(client.commit(set, 10), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(server.world().pending.len(), 1, "it was started once");
    server.world().held.clear();
    assert_eq!(client.commit(set, 10), Ok(()));
    assert_eq!(server.status(set), Some(Status::Committed));
}

#[test]
fn commit_shadow_copy_set_that_ended_in_between_is_told_by_the_next_call() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Commit);
    client.commit(set, 10).unwrap_err();
    server.world().complete(0, None);
    assert_eq!(server.status(set), Some(Status::CreationInProgress), "no call has succeeded yet");
    assert_eq!(client.expose(set, LONG), Err(FSRVP_E_BAD_STATE));
    assert_eq!(client.commit(set, 10), Ok(()));
    assert_eq!(server.status(set), Some(Status::Committed));
}

#[test]
fn commit_shadow_copy_set_whose_provider_crashes_is_a_wait_failed_and_the_set_is_added_again() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().faults.insert(Kind::Commit, Failure::WaitFailed);
    assert_eq!(client.commit(set, LONG), Err(FSRVP_E_WAIT_FAILED));
    assert_eq!(server.status(set), Some(Status::Added));
    server.world().faults.clear();
    assert_eq!(client.commit(set, LONG), Ok(()), "and can be committed again");
}

#[test]
fn commit_shadow_copy_set_that_fails_starts_the_timer_with_180_seconds() {
    for failure in [Failure::WaitFailed, Failure::Error(HResult::E_FAIL)] {
        let server = Server::new();
        let (client, set) = added(&server);
        server.world().faults.insert(Kind::Commit, failure);
        client.commit(set, LONG).unwrap_err();
        server.assert_timer(set, 180);
        server.world().assert_no_orphans();
    }
}

#[test]
fn commit_shadow_copy_set_whose_provider_fails_says_its_error() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().faults.insert(Kind::Commit, Failure::Error(E_DISK_FULL));
    assert_eq!(client.commit(set, LONG), Err(E_DISK_FULL));
    assert_eq!(server.status(set), Some(Status::CreationInProgress));
    server.world().faults.clear();
    assert_eq!(client.commit(set, LONG), Ok(()), "a second attempt may work");
}

#[test]
fn commit_shadow_copy_set_that_cannot_be_stored_is_not_committed() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().faults.insert(Kind::Put, Failure::Error(E_DISK_FULL));
    assert_eq!(client.commit(set, LONG), Err(E_DISK_FULL));
    assert_eq!(server.status(set), Some(Status::CreationInProgress));
    server.world().faults.clear();
    assert_eq!(client.commit(set, LONG), Ok(()));
}

#[test]
fn commit_shadow_copy_set_during_a_preparation_follows_it() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Prepare);
    client.prepare(set, 10).unwrap_err();
    assert_eq!(client.commit(set, 10), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(server.world().pending.len(), 1, "they do not run side by side");
    server.world().held.clear();
    assert_eq!(client.commit(set, 10), Ok(()));
}

#[test]
fn the_timer_does_not_run_while_an_operation_is_waited_for() {
    let server = Server::new();
    let (client, set) = added(&server);
    server.world().held.insert(Kind::Commit);
    // The timer stood at 1800 seconds when the call began.
    assert_eq!(client.commit(set, 4_000_000), Err(FSSAGENT_E_TIMEOUT));
    assert_eq!(server.status(set), Some(Status::CreationInProgress));
}

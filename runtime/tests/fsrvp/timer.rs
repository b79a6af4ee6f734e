//! The message sequence timer, 3.1.2 and 3.1.5, and several clients.

use std::time::Duration;

use msrpc_cluster::fsrvp::{
    code::*,
    server::{ClientAddress, Config, Failure, Request, Status},
};
use msrpc_ndr::HResult;

use crate::{client::*, world::Kind};

#[test]
fn when_the_timer_elapses_the_set_and_all_it_left_are_deleted() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Exposed] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        server.advance(1801);
        assert_eq!(server.status(set), None, "{status:?}");
        {
            let world = server.world();
            assert!(world.snapshots.is_empty() && world.exposed.is_empty() && world.disk.is_empty(), "{status:?}");
        }
        assert_eq!(server.client(1).start(), Err(FSRVP_E_BAD_STATE), "ContextSet is FALSE");
        assert_eq!(server.client(2).set_context(BACKUP), Ok(()), "ShadowCopyClientAddress is NULL");
    }
}

#[test]
fn a_set_that_the_timer_ended_is_an_invalid_argument_as_sambas_suite_wants_it() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Started, BACKUP);
    server.advance(181);
    let invalid = Err(HResult::E_INVALIDARG);
    assert_eq!(client.add(set, DATA).map(drop), invalid);
    assert_eq!(client.prepare(set, LONG), invalid);
    assert_eq!(client.commit(set, LONG), invalid);
    assert_eq!(client.expose(set, LONG), invalid);
}

#[test]
fn a_provider_that_cannot_delete_does_not_block_the_next_sequence_and_is_asked_again() {
    let server = Server::new();
    server.client(1).until(Status::Committed, BACKUP);
    server.world().faults.insert(Kind::Delete, Failure::Error(HResult::E_FAIL));
    server.advance(181);
    server.client(2).until(Status::Recovered, BACKUP);
    assert_eq!(server.world().snapshots.len(), 2);
    server.world().faults.clear();
    server.advance(31);
    assert_eq!(server.world().snapshots.len(), 1);
    server.world().assert_no_orphans();
}

#[test]
fn the_timer_does_not_elapse_while_a_client_waits_for_us() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, AUTO_RECOVERY);
    let mut world = server.world();
    world.held.insert(Kind::MakeReadOnly);
    let call = world.request(ClientAddress::Local, Request::RecoveryCompleteShadowCopySet { set });
    world.advance(Duration::from_secs(1000));
    world.held.clear();
    world.settle();
    assert!(world.replies.get(&call).is_some_and(Result::is_ok));
    assert_eq!(world.status(set), Some(Status::Recovered));
}

#[test]
fn a_faster_clock_is_faster() {
    let server = Server::with(Config::default().faster_by(180));
    let (set, _) = server.client(1).until(Status::Started, BACKUP);
    server.assert_timer(set, 1);
    let (set, _) = server.client(1).until(Status::Added, BACKUP);
    server.assert_timer(set, 10);
}

#[test]
fn set_context_during_a_deletion_waits_for_it() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Exposed, AUTO_RECOVERY);
    let mut world = server.world();
    world.held.insert(Kind::MakeReadOnly);
    let from = || ClientAddress::Ip("10.0.0.1".parse().unwrap());
    let complete = world.request(from(), Request::RecoveryCompleteShadowCopySet { set });
    let context = msrpc_cluster::fsrvp::Context::BACKUP;
    let next = world.request(from(), Request::SetContext { context });
    world.settle();
    assert!(world.replies.is_empty());
    world.held.clear();
    world.settle();
    assert!(world.replies.get(&complete).is_some_and(Result::is_ok));
    assert!(world.replies.get(&next).is_some_and(Result::is_ok));
    assert_eq!(world.status(set), Some(Status::Recovered), "it was not removed");
}

#[test]
fn a_commit_that_gave_up_before_the_preparation_ended_leaves_the_timer_running() {
    let server = Server::new();
    let (set, _) = server.client(1).until(Status::Added, BACKUP);
    server.world().held.extend([Kind::Prepare, Kind::Commit]);
    server.client(1).prepare(set, 0).unwrap_err();
    server.client(1).commit(set, 0).unwrap_err();
    server.world().held.remove(&Kind::Prepare);
    server.assert_timer(set, 180);
}

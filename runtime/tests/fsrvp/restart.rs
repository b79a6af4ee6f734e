//! Start after a stop or a crash, 3.1.3.

use msrpc_cluster::fsrvp::{
    code::*,
    server::{ClientAddress, Config, Request, Status},
};

use crate::{client::*, world::Kind};

fn crash(server: &Server) {
    let mut world = server.world();
    world.crash();
    world.settle();
}

#[test]
fn a_recovered_set_survives_a_restart_whatever_its_context() {
    for context in [BACKUP, FILE_SHARE_BACKUP, 0x19, 0x09] {
        let server = Server::new();
        let (set, copy) = server.client(1).until(Status::Recovered, context);
        crash(&server);
        assert_eq!(server.status(set), Some(Status::Recovered));
        assert_eq!(server.outside(), (1, 1));
        assert_eq!(server.client(1).delete(set, copy, DATA), Ok(()));
    }
}

#[test]
fn every_unfinished_set_is_deleted_at_the_start_and_blocks_nobody() {
    for status in [Status::Started, Status::Added, Status::Committed, Status::Exposed] {
        let server = Server::new();
        let (set, _) = server.client(1).until(status, BACKUP);
        crash(&server);
        assert_eq!(server.status(set), None);
        {
            let world = server.world();
            assert!(world.snapshots.is_empty() && world.exposed.is_empty() && world.disk.is_empty(), "{status:?}");
        }
        assert_eq!(server.client(1).add(set, DATA), Err(FSRVP_E_SHADOWCOPYSET_ID_MISMATCH));
        server.client(2).until(Status::Recovered, BACKUP);
    }
}

#[test]
fn a_restart_ends_the_sequence() {
    let server = Server::new();
    server.client(1).set_context(BACKUP).unwrap();
    crash(&server);
    assert_eq!(server.client(1).start(), Err(FSRVP_E_BAD_STATE));
    assert_eq!(server.client(2).set_context(BACKUP), Ok(()));
}

#[test]
fn a_set_without_persistence_does_not_survive_a_reboot() {
    for (context, kept) in [(BACKUP, false), (FILE_SHARE_BACKUP, false), (0x19, true), (0x09, true)] {
        let server = Server::with(Config { boot: "one".to_owned(), ..Config::default() });
        let (set, _) = server.client(1).until(Status::Recovered, context);
        crash(&server);
        assert!(server.status(set).is_some(), "it survives a restart of the program");
        server.world().config.boot = "two".to_owned();
        crash(&server);
        assert_eq!(server.status(set).is_some(), kept, "{context:#x}");
        server.world().assert_no_orphans();
    }
}

#[test]
fn orphans_are_deleted_at_the_start() {
    let server = Server::new();
    server.client(1).until(Status::Recovered, BACKUP);
    server.client(1).until(Status::Exposed, BACKUP);
    {
        let mut world = server.world();
        let kept = world.agent.sets().find(|record| record.status == Status::Recovered).unwrap().clone();
        world.disk.retain(|id, _| *id == kept.id);
    }
    assert_eq!(server.world().snapshots.len(), 2);
    crash(&server);
    assert_eq!(server.outside(), (1, 1));
    server.world().assert_no_orphans();
}

#[test]
fn shares_that_vanished_are_exposed_again_at_the_start_and_read_only() {
    let server = Server::new();
    server.client(1).until(Status::Recovered, AUTO_RECOVERY);
    server.world().exposed.clear();
    crash(&server);
    assert_eq!(server.world().exposed.values().collect::<Vec<_>>(), [&false]);
}

#[test]
fn a_deletion_that_was_asked_for_is_finished_at_the_start() {
    let server = Server::new();
    let (set, copy) = server.client(1).until(Status::Recovered, BACKUP);
    {
        let mut world = server.world();
        world.held.insert(Kind::Delete);
        let share = msrpc_cluster::fsrvp::ShareUnc::parse(DATA).unwrap();
        world.request(ClientAddress::Local, Request::DeleteShareMapping { set, copy, share });
        world.settle();
        world.held.clear();
    }
    crash(&server);
    assert_eq!(server.status(set), None);
    let world = server.world();
    assert!(world.snapshots.is_empty() && world.exposed.is_empty() && world.disk.is_empty());
}

#[test]
fn a_deletion_of_one_of_two_copies_is_finished_at_the_start() {
    let server = Server::new();
    let client = server.client(1);
    let (set, _) = client.until(Status::Started, BACKUP);
    let (one, two) = (client.add(set, DATA).unwrap(), client.add(set, OTHER).unwrap());
    client.commit(set, LONG).unwrap();
    client.expose(set, LONG).unwrap();
    client.complete(set).unwrap();
    {
        let mut world = server.world();
        world.held.insert(Kind::Delete);
        let share = msrpc_cluster::fsrvp::ShareUnc::parse(DATA).unwrap();
        world.request(ClientAddress::Local, Request::DeleteShareMapping { set, copy: one, share });
        world.settle();
        world.held.clear();
    }
    crash(&server);
    assert_eq!(server.world().snapshots.keys().collect::<Vec<_>>(), [&two]);
    assert_eq!(server.world().disk.get(&set).unwrap().copies.len(), 1);
    server.world().assert_no_orphans();
    assert_eq!(client.delete(set, two, OTHER), Ok(()));
}

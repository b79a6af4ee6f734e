//! Notification ports.

use PortVersion::{V1, V2};
use msrpc_cluster::cluster::{
    notify::{
        ClusterChange, Event, Filter, Hub, Indication, ObjectType, PortError, PortId, PortVersion, Scope, Subject,
        Ticket, Waiting,
    },
    registry::{KeyId, Name},
};
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::of_value(&text.into()).expect("a name")
}

/// A group's state changed.
fn state(group: &str) -> Event {
    let subject = Subject::Object(ObjectType::Group, Some(name(group)));
    Event { id: group.into(), ..Event::new(subject, ClusterChange::GROUP_STATE, Some((ObjectType::Group, 8))) }
}

/// A value of a key changed.
fn value(path: &[u64]) -> Event {
    let path = path.iter().map(|&id| KeyId(id)).collect();
    Event::new(Subject::Key(path), ClusterChange::REGISTRY_VALUE, Some((ObjectType::Registry, 8)))
}

fn filter(scope: Scope, flags: u64, notify_key: u32) -> Filter {
    Filter { scope, flags, notify_key }
}

fn v1(scope: Scope, flags: ClusterChange, notify_key: u32) -> Filter {
    filter(scope, flags.bits().into(), notify_key)
}

/// All that is queued at a port: the values of the filters that matched.
fn queued(hub: &mut Hub, port: PortId, version: PortVersion) -> Vec<u32> {
    let ticket = Ticket(u64::MAX);
    match hub.take(port, version, ticket, usize::MAX).expect("open") {
        Waiting::Ready(indications) => indications.iter().map(|indication| indication.notify_key).collect(),
        Waiting::Later => {
            hub.forget(port, ticket);
            Vec::new()
        }
    }
}

#[test]
fn nothing_is_queued_before_there_is_a_filter_and_once_for_each_that_matches_after() {
    let mut hub = Hub::default();
    let port = hub.open(V1);
    hub.post(state("a"));
    assert_eq!(queued(&mut hub, port, V1), []);
    let group = |id: &str| Scope::One(ObjectType::Group, name(id));
    for filter in [
        v1(Scope::Everything, ClusterChange::GROUP_STATE | ClusterChange::NODE_STATE, 1),
        v1(group("A"), ClusterChange::GROUP_STATE, 2),
        v1(group("a"), ClusterChange::GROUP_PROPERTY, 3),
        v1(group("b"), ClusterChange::GROUP_STATE, 4),
        v1(Scope::Everything, ClusterChange::NODE_STATE, 5),
    ] {
        hub.add(port, V1, filter).expect("added");
    }
    hub.post(state("a"));
    assert_eq!(queued(&mut hub, port, V1), [1, 2]);
}

#[test]
fn a_key_is_watched_alone_or_with_those_below() {
    let mut hub = Hub::default();
    let port = hub.open(V1);
    let changes = ClusterChange::REGISTRY_VALUE;
    for filter in [
        v1(Scope::Key(KeyId(5), false), changes, 1),
        v1(Scope::Key(KeyId(5), true), changes, 2),
        v1(Scope::Key(KeyId(5), true), ClusterChange::REGISTRY_NAME, 3),
        v1(Scope::Everything, changes, 4),
        v1(Scope::Everything, ClusterChange::REGISTRY_SUBTREE, 5),
    ] {
        hub.add(port, V1, filter).expect("added");
    }
    for (path, told) in [(&[0, 5][..], &[1, 2, 5][..]), (&[0, 5, 6], &[2, 5]), (&[0], &[4, 5]), (&[0, 7], &[5])] {
        hub.post(value(path));
        assert_eq!(queued(&mut hub, port, V1), told, "{path:?}");
    }
    let port = hub.open(V2);
    hub.add(port, V2, filter(Scope::Key(KeyId(5), false), 0x4, 6)).expect("added");
    hub.add(port, V2, filter(Scope::Key(KeyId(5), false), 0x8, 7)).expect("added");
    hub.post(value(&[0, 5, 6]));
    assert_eq!(queued(&mut hub, port, V2), [6], "CLUSTER_CHANGE_REGISTRY_SUBTREE_V2");
    hub.post(value(&[0, 5]));
    assert_eq!(queued(&mut hub, port, V2), [6, 7]);
}

#[test]
fn version_2_ports_are_told_by_type_of_object() {
    let mut hub = Hub::default();
    let port = hub.open(V2);
    for filter in [
        filter(Scope::All(ObjectType::Group), 8, 1),
        filter(Scope::All(ObjectType::Resource), 8, 2),
        filter(Scope::One(ObjectType::Group, name("a")), 8, 3),
        filter(Scope::One(ObjectType::Group, name("a")), 1, 4),
    ] {
        hub.add(port, V2, filter).expect("added");
    }
    hub.post(state("A"));
    assert_eq!(queued(&mut hub, port, V2), [1, 3]);
    hub.post(Event { v2: None, ..state("a") });
    assert_eq!(queued(&mut hub, port, V2), [], "of what version 2 has no word for nothing is told");
}

#[test]
fn filters_with_flags_that_only_clients_have_are_refused() {
    let mut hub = Hub::default();
    let (one, two) = (hub.open(V1), hub.open(V2));
    for flags in
        [ClusterChange::empty(), ClusterChange::HANDLE_CLOSE, ClusterChange::CLUSTER_STATE | ClusterChange::NODE_STATE]
    {
        assert_eq!(hub.add(one, V1, v1(Scope::Everything, flags, 0)), Err(PortError::Filter), "{flags:?}");
    }
    let key = v1(Scope::Key(KeyId::ROOT, false), ClusterChange::REGISTRY_SUBTREE, 0);
    assert_eq!(hub.add(one, V1, key), Err(PortError::Filter));
    for (object, flags) in [
        (ObjectType::Cluster, 0x1),
        (ObjectType::Group, 0x200),
        (ObjectType::Node, 0x80),
        (ObjectType::Quorum, 2),
        (ObjectType::Group, 1 << 40),
    ] {
        assert_eq!(
            hub.add(two, V2, filter(Scope::All(object), flags, 0)),
            Err(PortError::Filter),
            "{object:?} {flags:#x}"
        );
    }
    let good = filter(Scope::All(ObjectType::Group), 1, 0);
    assert_eq!(hub.add(one, V2, good.clone()), Err(PortError::Version));
    assert_eq!(hub.add(two, V1, good.clone()), Err(PortError::Version));
    assert_eq!(hub.take(one, V2, Ticket(1), 1), Err(PortError::Version));
    assert_eq!(hub.add(PortId(99), V2, good), Err(PortError::Closed));
}

#[test]
fn who_waits_longest_is_answered_first() {
    let mut hub = Hub::default();
    let port = hub.open(V1);
    hub.add(port, V1, v1(Scope::Everything, ClusterChange::GROUP_STATE, 7)).expect("added");
    for ticket in [1, 2, 3] {
        assert_eq!(hub.take(port, V1, Ticket(ticket), 1), Ok(Waiting::Later));
    }
    hub.forget(port, Ticket(2));
    let answered =
        |answers: Vec<(Ticket, Vec<Indication>)>| -> Vec<u64> { answers.iter().map(|(ticket, _)| ticket.0).collect() };
    assert_eq!(answered(hub.post(state("a"))), [1]);
    assert_eq!(answered(hub.post(state("b"))), [3]);
    assert_eq!(answered(hub.post(state("c"))), [0; 0]);
    assert_eq!(queued(&mut hub, port, V1), [7]);
}

#[test]
fn unblocking_and_closing_end_all_waits() {
    let mut hub = Hub::default();
    let port = hub.open(V2);
    for ticket in [1, 2] {
        assert_eq!(hub.take(port, V2, Ticket(ticket), 1), Ok(Waiting::Later));
    }
    assert_eq!(hub.unblock(port), Ok(vec![Ticket(1), Ticket(2)]));
    assert_eq!(hub.take(port, V2, Ticket(3), 1), Ok(Waiting::Later));
    assert_eq!(hub.close(port), [Ticket(3)]);
    assert_eq!(hub.take(port, V2, Ticket(4), 1), Err(PortError::Closed));
    assert_eq!(hub.unblock(port), Err(PortError::Closed));
    assert_eq!(hub.close(port), []);
}

#[test]
fn a_slow_reader_is_told_that_something_was_dropped() {
    let mut hub = Hub::new(3);
    let (one, two) = (hub.open(V1), hub.open(V2));
    hub.add(one, V1, v1(Scope::Everything, ClusterChange::GROUP_STATE, 7)).expect("added");
    hub.add(two, V2, filter(Scope::All(ObjectType::Group), 8, 8)).expect("added");
    for _ in 0..10 {
        hub.post(state("a"));
    }
    for (port, version) in [(one, V1), (two, V2)] {
        let Ok(Waiting::Ready(indications)) = hub.take(port, version, Ticket(1), 100) else { panic!("nothing") };
        let changes: Vec<_> = indications.iter().map(|indication| (indication.event.v1, indication.event.v2)).collect();
        let state = (ClusterChange::GROUP_STATE, Some((ObjectType::Group, 8)));
        let lost = (ClusterChange::CLUSTER_RECONNECT, Some((ObjectType::Cluster, 0x200)));
        assert_eq!(changes, [state, state, state, lost]);
    }
    hub.post(state("a"));
    assert_eq!(queued(&mut hub, one, V1), [7], "and hears of what comes after");
}

proptest! {
    /// Whatever is done, a port's reader gets what was posted, in order, without gaps other than
    /// those it is told of; and nobody waits while something is queued.
    #[test]
    fn nothing_is_lost_unsaid(steps in prop::collection::vec(0u8..4, 1..80), limit in 1usize..6) {
        let mut hub = Hub::new(limit);
        let port = hub.open(V1);
        hub.add(port, V1, v1(Scope::Everything, ClusterChange::GROUP_STATE, 1)).expect("added");
        let (mut posted, mut waiting, mut seen) = (0u32, 0usize, Vec::new());
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                0..2 => {
                    posted += 1;
                    for (_, indications) in hub.post(Event { sequence: posted, ..state("a") }) {
                        waiting -= 1;
                        seen.extend(indications);
                    }
                }
                most => match hub.take(port, V1, Ticket(index as u64), usize::from(most)).expect("open") {
                    Waiting::Ready(indications) => {
                        prop_assert_eq!(waiting, 0);
                        prop_assert!(!indications.is_empty() && indications.len() <= usize::from(most));
                        seen.extend(indications);
                    }
                    Waiting::Later => waiting += 1,
                },
            }
        }
        let mut expected = 1;
        let mut lost = false;
        for indication in seen {
            if indication.event.v1 == ClusterChange::CLUSTER_RECONNECT {
                lost = true;
            } else {
                prop_assert!(indication.event.sequence == expected || lost && indication.event.sequence > expected);
                (expected, lost) = (indication.event.sequence + 1, false);
            }
        }
    }
}

//! What is done with sets after they were made.

use std::future::pending;

use uuid::Uuid;

use super::{
    create,
    fake::{Net, Trigger, Trouble},
    request,
};
use crate::fsrvp::{
    ShareUnc,
    client::{Cause, CompatibilityFlags, Fate, Progress, SetStatus, SnapshotClient, Step},
};

fn nothing(_: Progress<'_>) {}

#[tokio::test]
async fn exposed_sets_wait_for_whoever_recovers_their_data() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let exposed = client.expose(&request(&[r"\\fs1\data"]), nothing, pending()).await.unwrap();
    assert_eq!(exposed.sets().next().unwrap().status, SetStatus::Exposed);
    assert_eq!(net.count("RecoveryComplete"), 0);
    let sets = exposed.complete().await.unwrap();
    assert_eq!(sets[0].status, SetStatus::Recovered);

    let exposed = client.expose(&request(&[r"\\fs1\data"]), nothing, pending()).await.unwrap();
    let leftovers = exposed.abort().await;
    assert!(matches!(leftovers[0].fate, Fate::Aborted));
    assert_eq!(net.count("AbortShadowCopySet"), 1);
}

#[tokio::test]
async fn a_set_left_exposed_is_completed_later_and_only_then() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let mut sets = client.expose(&request(&[r"\\fs1\data"]), nothing, pending()).await.unwrap().leave();
    let set = &mut sets[0];
    client.complete(set).await.unwrap();
    assert_eq!(set.status, SetStatus::Recovered);
    let calls = net.world().log.len();
    let error = client.complete(set).await.unwrap_err();
    assert!(matches!(error.cause, Cause::State { status: SetStatus::Recovered }), "{error}");
    let error = client.abort(set).await.unwrap_err();
    assert!(matches!(error.cause, Cause::State { status: SetStatus::Recovered }), "{error}");
    assert_eq!(net.world().log.len(), calls, "the server was not asked");
}

#[tokio::test]
async fn an_unfinished_set_is_aborted_later() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let sets = client.expose(&request(&[r"\\fs1\data"]), nothing, pending()).await.unwrap().leave();
    client.abort(&sets[0]).await.unwrap();
    assert!(net.world().sets.is_empty());
    assert_eq!(client.abort(&sets[0]).await.unwrap_err().status().unwrap().0, 0x8004_2501);
}

#[tokio::test]
async fn deleting_asks_for_the_version_and_deletes_copy_by_copy() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let mut sets = create(&net, &[r"\\fs1\data", r"\\fs1\logs"]).await.unwrap();
    let set = &mut sets[0];
    net.world().log.clear();
    client.delete(set, None).await.unwrap();
    assert!(set.copies.is_empty());
    assert_eq!(
        net.world().log,
        [
            "connect NODE1",
            "GetSupportedVersion",
            r"DeleteShareMapping 1 2 \\fs1\data",
            r"DeleteShareMapping 1 3 \\fs1\logs",
            "close NODE1"
        ]
    );
}

#[tokio::test]
async fn deleting_ends_at_the_first_error_and_says_what_is_left() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let mut sets = create(&net, &[r"\\fs1\data", r"\\fs1\logs"]).await.unwrap();
    let set = &mut sets[0];
    net.world().script.push((Trigger::Call(11), Trouble::Status(0x8004_2308)));
    let error = client.delete(set, None).await.unwrap_err();
    assert_eq!((error.step, error.status().unwrap().0), (Step::Delete, 0x8004_2308));
    assert_eq!(set.copies.len(), 2);
    // One of them only.
    let logs = set.copies[1].server_id;
    client.delete(set, Some(logs)).await.unwrap();
    assert_eq!(set.copies.len(), 1);
    assert!(matches!(client.delete(set, Some(logs)).await.unwrap_err().cause, Cause::NoSuchCopy));
    net.world().min_version = 2;
    assert!(matches!(client.delete(set, None).await.unwrap_err().cause, Cause::Version { .. }));
}

#[tokio::test]
async fn queries_ask_the_owner_what_only_it_knows() {
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let share = ShareUnc::parse(r"\\fs1\data").unwrap();
    let support = client.support(&share).await.unwrap();
    assert_eq!((support.supported, support.owner.as_deref()), (true, Some("NODE1")));
    assert_eq!(net.count("connect NODE1"), 0);
    let present = client.present_copies(&share).await.unwrap();
    assert_eq!((present.present, present.compatibility), (false, CompatibilityFlags::DISABLE_DEFRAG));
    assert_eq!(net.count("connect NODE1"), 1);
    let sets = client.expose(&request(&[r"\\fs1\data"]), nothing, pending()).await.unwrap().leave();
    let (set, copy) = (&sets[0], &sets[0].copies[0]);
    let mapping = client.mapping(&share, set.server_id, copy.server_id).await.unwrap();
    assert_eq!((mapping.copy, mapping.exposed), (copy.server_id, copy.exposed.clone()));
    let error = client.mapping(&share, Uuid::from_u128(77), copy.server_id).await.unwrap_err();
    assert_eq!(error.status().unwrap().0, 0x8004_2501);
    let error = client.support(&ShareUnc::parse(r"\\fs1\none").unwrap()).await.unwrap_err();
    assert_eq!((error.step, error.status().unwrap().0), (Step::QuerySupport, 0x8004_2308));
}

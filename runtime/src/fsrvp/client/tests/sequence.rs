//! Making shadow copies, and what is aborted when that fails.

use std::{future::pending, sync::Arc};

use tokio::sync::Notify;

use super::{
    SEQUENCE, create,
    fake::{Net, Trigger, Trouble, Unreachable},
    request,
};
use crate::fsrvp::client::{Cause, Fate, Progress, SetStatus, ShadowCopySetTable, SnapshotClient, SnapshotError, Step};

const REFUSED: u32 = 0x8004_2301;

#[tokio::test]
async fn the_calls_are_those_of_the_document_in_its_order() {
    let net = Net::new();
    let sets = create(&net, &[r"\\fs1\data", r"\\fs1\logs"]).await.unwrap();
    assert_eq!(
        net.world().log,
        [
            "connect fs1",
            r"IsPathSupported \\fs1\data",
            r"IsPathSupported \\fs1\logs",
            "close fs1",
            "connect NODE1",
            "GetSupportedVersion",
            "SetContext 0x19",
            "StartShadowCopySet 99",
            r"AddToShadowCopySet 1 \\fs1\data",
            r"AddToShadowCopySet 1 \\fs1\logs",
            "PrepareShadowCopySet 1 1800000",
            "CommitShadowCopySet 1 60000",
            "ExposeShadowCopySet 1 1800000",
            r"GetShareMapping 2 1 \\fs1\data 1",
            r"GetShareMapping 3 1 \\fs1\logs 1",
            "RecoveryCompleteShadowCopySet 1",
            "close NODE1",
        ]
    );
    let [set] = &sets[..] else { panic!("{sets:?}") };
    assert_eq!((set.status, set.server_id.as_u128(), &*set.owner), (SetStatus::Recovered, 1, "NODE1"));
    assert_eq!(set.copies[1].exposed.as_deref().unwrap(), r"\\fs1\logs@{00000000-0000-0000-0000-000000000003}");
    assert_eq!(set.copies[0].created.0, 133_000_000_000_000_000);
}

#[tokio::test]
async fn a_servers_status_is_handed_on_as_it_is() {
    for (method, opnum) in SEQUENCE {
        for status in [REFUSED, 0x8007_0005, 0x8004_2316, 0xffff_ffff, 0x8123_4567] {
            let net = Net::failing(Trigger::Call(opnum), Trouble::Status(status));
            let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
            assert_eq!(error.status().map(|status| status.0), Some(status), "{method}: {error}");
            assert!(error.to_string().contains(&format!("{status:#010x}")), "{error}");
        }
    }
    // Failures whose severity bit is clear.
    for opnum in [12, 4, 5] {
        let net = Net::failing(Trigger::Call(opnum), Trouble::Status(0x102));
        assert_eq!(create(&net, &[r"\\fs1\data"]).await.unwrap_err().status().unwrap().0, 0x102);
        assert_eq!(net.count("AbortShadowCopySet"), 1);
    }
}

#[tokio::test]
async fn whatever_fails_a_set_that_was_begun_is_aborted_once() {
    let troubles =
        [Trouble::Status(REFUSED), Trouble::Refused, Trouble::Broken, Trouble::LostBefore, Trouble::LostAfter];
    for (method, opnum) in SEQUENCE {
        for trouble in troubles {
            let net = Net::failing(Trigger::Call(opnum), trouble);
            let outcome = create(&net, &[r"\\fs1\data"]).await;
            let case = format!("{method} {trouble:?}: {outcome:?}\n{:#?}", net.world().log);
            assert_eq!(net.world().open, 0, "connections are closed: {case}");
            let is_lost = !matches!(trouble, Trouble::Status(_) | Trouble::Refused);
            if opnum == 6 && is_lost {
                // Asked again, the server says that it is done.
                assert_eq!(outcome.unwrap()[0].status, SetStatus::Recovered, "{case}");
                assert_eq!((net.count("AbortShadowCopySet"), net.world().sets.len()), (0, 1), "{case}");
                continue;
            }
            let error = outcome.unwrap_err();
            // Before the answer to StartShadowCopySet there is nothing that could be named.
            let is_begun =
                !["IsPathSupported", "GetSupportedVersion", "SetContext", "StartShadowCopySet"].contains(&method);
            assert_eq!(net.count("AbortShadowCopySet"), usize::from(is_begun), "{case}");
            assert_eq!(error.leftovers.len(), usize::from(is_begun), "{case}");
            assert!(error.leftovers.iter().all(|leftover| matches!(leftover.fate, Fate::Aborted)), "{case}");
            let is_orphan = opnum == 2 && matches!(trouble, Trouble::Broken | Trouble::LostAfter);
            assert_eq!(net.world().sets.len(), usize::from(is_orphan), "{case}");
            // A connection that has failed is not used to abort; another one is.
            let reconnects = is_begun && matches!(trouble, Trouble::LostBefore | Trouble::LostAfter);
            assert_eq!(net.count("connect NODE1"), if opnum == 8 { 0 } else { 1 + usize::from(reconnects) }, "{case}");
        }
    }
}

/// Creates, and cancels when `step` begins.
async fn cancelled_at(
    net: &Net,
    step: Step,
) -> Result<Vec<crate::fsrvp::client::ShadowCopySet>, SnapshotError<Unreachable>> {
    let cancel = Arc::new(Notify::new());
    let observer = cancel.clone();
    let observe = move |progress: Progress<'_>| {
        if progress.step == step && !progress.done {
            observer.notify_one();
        }
    };
    let client = SnapshotClient::new(net.clone());
    client.create(&request(&[r"\\fs1\data"]), observe, async move { cancel.notified().await }).await
}

#[tokio::test]
async fn cancelling_aborts_cleanly_at_every_step() {
    let steps = [
        (Step::QuerySupport, 8),
        (Step::QueryVersion, 0),
        (Step::Prepare, 12),
        (Step::Commit, 4),
        (Step::Expose, 5),
        (Step::Map, 10),
    ];
    for (step, opnum) in steps {
        // Even if the server would never answer.
        let net = Net::failing(Trigger::Call(opnum), Trouble::Hangs);
        let error = cancelled_at(&net, step).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Cancelled), "{error}");
        assert_eq!(error.step, step);
        assert!(net.world().sets.is_empty() && net.world().open == 0, "{step}");
        let begun = usize::from(!matches!(step, Step::QuerySupport | Step::QueryVersion));
        assert_eq!(net.count("AbortShadowCopySet"), begun, "{step}");
        assert_eq!(net.count("connect NODE1"), usize::from(step != Step::QuerySupport), "{step}");
    }
    // Their answers are needed to abort what they did.
    for step in [Step::SetContext, Step::Start, Step::Add] {
        let net = Net::new();
        let error = cancelled_at(&net, step).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Cancelled), "{error}");
        assert!(net.world().sets.is_empty() && net.world().open == 0, "{step}");
        assert_eq!(net.count("AbortShadowCopySet"), usize::from(step != Step::SetContext), "{step}");
    }
    for (step, machine) in [(Step::Connect, "fs1"), (Step::ConnectOwner, "NODE1")] {
        let net = Net::failing(Trigger::Connect(machine), Trouble::Hangs);
        let error = cancelled_at(&net, step).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Cancelled) && error.step == step, "{error}");
    }
}

#[tokio::test]
async fn once_completion_is_asked_for_cancelling_comes_too_late() {
    let net = Net::new();
    let sets = cancelled_at(&net, Step::Recover).await.unwrap();
    assert_eq!(sets[0].status, SetStatus::Recovered);
    assert_eq!((net.count("AbortShadowCopySet"), net.world().sets.len()), (0, 1));
}

#[tokio::test]
async fn a_set_that_may_be_complete_is_not_aborted() {
    let net = Net::failing(Trigger::Call(6), Trouble::LostAfter);
    // The second time, too.
    net.world().script.push((Trigger::Call(6), Trouble::LostBefore));
    let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
    assert!(matches!(&error.leftovers[..], [leftover] if matches!(leftover.fate, Fate::Unknown)), "{error}");
    assert_eq!((net.count("AbortShadowCopySet"), net.world().sets.len()), (0, 1));
    assert!(error.to_string().contains("may be complete"), "{error}");
}

#[tokio::test]
async fn a_set_that_cannot_be_aborted_is_named_with_the_reason() {
    let net = Net::failing(Trigger::Call(4), Trouble::Status(REFUSED));
    net.world().script.push((Trigger::Call(7), Trouble::Status(0x8007_0005)));
    let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("could not be aborted") && text.contains("E_ACCESSDENIED"), "{text}");
    assert_eq!(error.status().unwrap().0, REFUSED, "the first error is what counts");
    // One that the server has dropped itself is as good as aborted.
    let net = Net::failing(Trigger::Call(4), Trouble::Status(REFUSED));
    net.world().script.push((Trigger::Call(7), Trouble::Status(0x8004_2501)));
    let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "{error}");
}

#[tokio::test]
async fn abort_goes_over_a_new_connection_if_the_old_one_is_dead() {
    let net = Net::failing(Trigger::Call(4), Trouble::Status(REFUSED));
    net.world().script.push((Trigger::Call(7), Trouble::LostBefore));
    let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "{error}");
    assert_eq!((net.count("connect NODE1"), net.world().sets.len()), (2, 0));
}

#[tokio::test]
async fn sets_on_several_machines_succeed_or_are_aborted_together() {
    let shares = [r"\\fs1\data", r"\\fs2\mail", r"\\fs1\logs"];
    let net = Net::new();
    let sets = create(&net, &shares).await.unwrap();
    assert_eq!(
        sets.iter().map(|set| (&*set.owner, set.copies.len())).collect::<Vec<_>>(),
        [("NODE1", 2), ("NODE2", 1)]
    );
    assert!(sets.iter().all(|set| set.status == SetStatus::Recovered && set.id.as_u128() == 99));

    let net = Net::failing(Trigger::On("NODE2", 4), Trouble::Status(REFUSED));
    let error = create(&net, &shares).await.unwrap_err();
    assert_eq!((&*error.server, error.step, error.leftovers.len()), ("NODE2", Step::Commit, 2));
    assert!(net.world().sets.is_empty());

    // What is complete stays.
    let net = Net::failing(Trigger::On("NODE2", 6), Trouble::Status(REFUSED));
    let error = create(&net, &shares).await.unwrap_err();
    assert!(matches!(error.leftovers[0].fate, Fate::Recovered) && matches!(error.leftovers[1].fate, Fate::Aborted));
    assert_eq!(net.world().sets.values().collect::<Vec<_>>(), [&SetStatus::Recovered]);
}

#[tokio::test]
async fn shares_of_one_owner_are_in_one_set_whatever_their_server_is_called() {
    let net = Net::new();
    net.world().owners.insert(r"\\alias\logs".to_owned(), "node1");
    let sets = create(&net, &[r"\\fs1\data", r"\\alias\logs"]).await.unwrap();
    assert_eq!((sets.len(), sets[0].copies.len()), (1, 2));
    assert_eq!(net.count("SetContext"), 1);
}

#[tokio::test]
async fn a_share_twice_is_refused_before_anything_is_begun() {
    let net = Net::new();
    net.world().owners.insert(r"\\FS1.example.org\DATA\".to_owned(), "NODE1");
    let error = create(&net, &[r"\\fs1\data", r"\\FS1.example.org\DATA\"]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Duplicate));
    assert_eq!(error.status().unwrap().0, 0x8004_230d, "FSRVP_E_OBJECT_ALREADY_EXISTS");
    assert_eq!(net.count("SetContext"), 0);
    assert!(matches!(create(&net, &[]).await.unwrap_err().cause, Cause::NoShares));
}

#[tokio::test]
async fn what_the_server_cannot_do_is_said_before_anything_is_begun() {
    let net = Net::new();
    net.world().unsupported = true;
    assert!(matches!(create(&net, &[r"\\fs1\data"]).await.unwrap_err().cause, Cause::NotSupported));
    let net = Net::new();
    net.world().nameless = true;
    assert!(matches!(create(&net, &[r"\\fs1\data"]).await.unwrap_err().cause, Cause::NoOwner));
    let net = Net::new();
    net.world().min_version = 2;
    let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Version { min: 2, ours: 1 }), "{error}");
    assert_eq!(net.count("SetContext"), 0);
    for (machine, step) in [("fs1", Step::Connect), ("NODE1", Step::ConnectOwner)] {
        let net = Net::failing(Trigger::Connect(machine), Trouble::LostBefore);
        let error = create(&net, &[r"\\fs1\data"]).await.unwrap_err();
        assert_eq!((error.step, &*error.server), (step, machine));
        assert!(matches!(error.cause, Cause::Connect(_)));
    }
}

#[tokio::test]
async fn progress_tells_each_step_and_the_set_to_remember() {
    let mut steps = Vec::new();
    let mut table = ShadowCopySetTable::default();
    let mut last = (0, 0);
    let observe = |progress: Progress<'_>| {
        if progress.done {
            steps.push(progress.step);
            last = (progress.completed, progress.total);
        }
        if let Some(set) = progress.set {
            table.put(set);
        }
    };
    let net = Net::new();
    let client = SnapshotClient::new(net.clone());
    let sets = client.create(&request(&[r"\\fs1\data"]), observe, pending()).await.unwrap();
    let expected = [
        Step::QuerySupport,
        Step::QueryVersion,
        Step::SetContext,
        Step::Start,
        Step::Add,
        Step::Prepare,
        Step::Commit,
        Step::Expose,
        Step::Map,
        Step::Recover,
    ];
    assert_eq!(steps, expected);
    assert_eq!(last, (10, 10));
    assert_eq!(table.sets().cloned().collect::<Vec<_>>(), sets);
}

#[tokio::test]
async fn dropping_the_future_sends_nothing() {
    let net = Net::failing(Trigger::Call(4), Trouble::Hangs);
    {
        let operation = create(&net, &[r"\\fs1\data"]);
        tokio::select! {
            _ = operation => panic!("it hangs"),
            () = tokio::time::sleep(std::time::Duration::from_millis(10)) => {}
        }
    }
    assert_eq!((net.count("AbortShadowCopySet"), net.world().open), (0, 0));
    assert_eq!(net.world().sets.len(), 1, "the server keeps it until its time-out");
}

//! File systems that are full, read-only, or where they should not be, at a daemon in a mount
//! namespace of its own. About 2 s; takes root.

mod support;

use std::sync::Arc;

use msrpc_ndr::{HResult, Uuid};
use msrpc_tests::rpc::programs::skipped;
use support::demo::{CONTEXT, Demo, SHARE, committed, status};
use tempfile::TempDir;

const NOT_SUPPORTED: HResult = HResult(0x8004_230c);
/// ERROR_DISK_FULL.
const DISK_FULL: HResult = HResult(0x8007_0070);

fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn a_share_with_something_mounted_below_it_is_not_supported() {
    if skipped("unshare") {
        return;
    }
    let demo = Demo::after(folder(), "true").unwrap();
    let client = demo.connect().await;
    assert_eq!(client.is_path_supported(SHARE).await.unwrap().supported_by_this_provider, 1);
    demo.shell("mkdir -p $D/share/deep/er; mount -t tmpfs none $D/share/deep/er");
    assert_eq!(status(client.is_path_supported(SHARE).await), NOT_SUPPORTED);
    client.set_context(CONTEXT).await.unwrap();
    let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(status(client.add_to_shadow_copy_set(Uuid::from_u128(2), set, SHARE).await), NOT_SUPPORTED);
    assert!(demo.log().contains("something is mounted below the share"), "{}", demo.log());
    demo.shell("umount $D/share/deep/er");
    client.add_to_shadow_copy_set(Uuid::from_u128(2), set, SHARE).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_below_the_store_is_told_and_nothing_acknowledged_is_lost() {
    if skipped("unshare") {
        return;
    }
    let demo = Demo::after(folder(), "mount -t tmpfs -o size=16m none $D").unwrap();
    let client = demo.connect().await;
    let kept = committed(&client).await;
    client.expose_shadow_copy_set(kept, 10_000).await.unwrap();
    client.recovery_complete_shadow_copy_set(kept).await.unwrap();
    client.set_context(CONTEXT).await.unwrap();
    demo.shell("cat /dev/zero > $D/filler 2>/dev/null || true");
    // Some rooms of the store's file may still be free.
    let mut refused = None;
    for _ in 0..50 {
        match client.start_shadow_copy_set(Uuid::from_u128(1)).await {
            Ok(set) => client.abort_shadow_copy_set(set).await.unwrap_or_default(),
            error => {
                refused = Some(status(error));
                break;
            }
        }
        client.set_context(CONTEXT).await.unwrap();
    }
    assert_eq!(refused, Some(DISK_FULL), "{}", demo.log());
    assert!(demo.log().contains("no space left"), "{}", demo.log());
    demo.shell("rm $D/filler");
    let set = committed(&client).await;
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    client.recovery_complete_shadow_copy_set(set).await.unwrap();
    assert_eq!(client.is_path_shadow_copied(SHARE).await.unwrap().shadow_copy_present, 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_is_a_reason_not_to_start_and_is_left_as_it_is() {
    if skipped("unshare") {
        return;
    }
    let demo = Demo::start();
    let client = demo.connect().await;
    let set = committed(&client).await;
    client.expose_shadow_copy_set(set, 10_000).await.unwrap();
    client.recovery_complete_shadow_copy_set(set).await.unwrap();
    let left = demo.left();
    let folder = demo.stop();
    let store = folder.path().join("d/fsrvp.redb");
    let before = std::fs::read(&store).unwrap();
    let read_only = "mount --bind $D/fsrvp.redb $D/fsrvp.redb; mount -o remount,bind,ro $D/fsrvp.redb";
    let log = Demo::after(folder.clone(), read_only).err().expect("it starts");
    assert!(log.contains("make file and folder writable"), "{log}");
    assert_eq!(std::fs::read(&store).unwrap(), before);
    let demo = Demo::after(folder, "true").unwrap();
    assert_eq!(demo.left(), left);
    let client = demo.connect().await;
    assert_eq!(client.is_path_shadow_copied(SHARE).await.unwrap().shadow_copy_present, 1);
}

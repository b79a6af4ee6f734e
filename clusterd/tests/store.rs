//! The store: what survives, and which files are refused.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use clusterd::store::{Store, StoreError};
use msrpc_cluster::fsrvp::ports::SetStore as _;
use uuid::Uuid;

type Records = Store<(Uuid, String)>;

const ID: Uuid = Uuid::from_u128(5);

fn record(text: &str) -> Option<(Uuid, String)> {
    Some((ID, text.to_owned()))
}

#[tokio::test]
async fn what_was_put_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Records::open(&path).unwrap();
    assert_eq!(store.load().await.unwrap(), []);
    store.put(ID, record("first")).await.unwrap();
    store.put(ID, record("second")).await.unwrap();
    store.put(Uuid::from_u128(6), None).await.unwrap();
    drop(store);
    let store = Records::open(&path).unwrap();
    assert_eq!(store.load().await.unwrap(), [record("second").unwrap()]);
    store.put(ID, None).await.unwrap();
    assert_eq!(store.load().await.unwrap(), []);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Opens a file that is to be refused, and sees that it was not touched.
#[track_caller]
fn refused(path: &Path, expected: &str) -> StoreError {
    let before = fs::read(path).unwrap();
    let error = Records::open(path).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert!(fs::read(path).unwrap() == before, "it was written to");
    error
}

#[tokio::test]
async fn foreign_and_damaged_files_are_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    fs::write(&path, "a letter\n".repeat(1000)).unwrap();
    assert!(matches!(refused(&path, "is not a store of clusterd"), StoreError::Foreign { .. }));
    fs::write(&path, "").unwrap();
    refused(&path, "was not touched");

    // A database of somebody else's.
    fs::remove_file(&path).unwrap();
    drop(redb::Database::create(&path).unwrap());
    assert!(Records::open(&path).unwrap_err().to_string().contains("is not a store of clusterd"));

    // Ours, with octets changed in the middle, or cut off.
    fs::remove_file(&path).unwrap();
    let store = Records::open(&path).unwrap();
    store.put(ID, record(&"x".repeat(5000))).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&path, "was not touched");
    fs::write(&path, &whole).unwrap();
    assert_eq!(Records::open(&path).unwrap().load().await.unwrap().len(), 1);
}

#[test]
fn another_format_is_refused_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    drop(Records::open(&path).unwrap());
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, u64>::new("clusterd.fsrvp");
    write.open_table(table).unwrap().insert("format", 9).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = Records::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Version { found: 9, .. }), "{error}");
}

#[test]
fn a_file_in_use_or_no_file_at_all_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Records::open(&path).unwrap();
    assert!(matches!(Records::open(&path).unwrap_err(), StoreError::InUse(_)));
    drop(store);
    assert!(matches!(Records::open(folder.path()).unwrap_err(), StoreError::Foreign { .. }));
    let error = Records::open(&folder.path().join("none/s.redb")).unwrap_err();
    assert!(error.to_string().contains("none/s.redb"), "{error}");
}

#[test]
fn what_a_kill_left_of_a_new_file_does_not_stand_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.new"), "half").unwrap();
    Records::open(&folder.path().join("s.redb")).unwrap();
    assert!(!folder.path().join("s.new").exists());
}

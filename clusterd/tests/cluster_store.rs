//! The cluster's store: what is kept, what is refused, and what commits share. Takes about 3 s.

mod random;

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    pin::pin,
};

use clusterd::{
    cluster::store::{
        EmbeddedStore, FILE,
        backup::{self, BackupError},
    },
    database::FileError,
};
use msrpc_cluster::cluster::{
    registry::{Change, KeyId, Name, Path as KeyPath, Registry, Value},
    store::{ClusterStore as _, Loaded, Revision, StoreError},
};
use random::Random;

fn name(text: &str) -> Name {
    Name::of_value(&text.into()).unwrap()
}

/// A change of one value, which does not need a look at the registry.
fn put(text: &str, value: Value) -> Vec<Change> {
    vec![Change::PutValue { key: KeyId::ROOT, name: name(text), value }]
}

/// What an edit at random makes: some keys and values more, others or fewer.
fn edit(random: &mut Random, registry: &mut Registry, now: u64) -> Vec<Change> {
    let mut edit = registry.edit(now);
    for _ in 0..=random.below(4) {
        let keys: Vec<KeyId> = edit.registry().records().iter().filter_map(key_of).collect();
        let key = keys[random.below(keys.len())];
        let value_name = name(&random.text());
        // Some are refused, as deleting the root is: then the others are made.
        let _ = match random.below(8) {
            0 | 1 => {
                let path = format!("k{}\\{}", random.below(9), random.text().replace(['\\', '\0'], "x"));
                edit.create(key, &KeyPath::new(path.trim_end_matches('\\')).unwrap_or_default(), None).map(drop)
            }
            2 => edit.delete(key),
            3 => edit.set_security(key, Some(random.octets(40).into())),
            4 => edit.delete_value(key, &value_name),
            5 => edit.set_value(key, Name::default(), Value::strings(["a", "b"])),
            _ => {
                let data = Value::binary(random.octets(300));
                edit.set_value(key, value_name, data)
            }
        };
    }
    edit.commit()
}

fn key_of(change: &Change) -> Option<KeyId> {
    if let Change::PutKey { id, .. } = change { Some(*id) } else { None }
}

/// Everything, with the case of names, which comparing names does not see.
fn spelled(registry: &Registry) -> String {
    format!("{:?} {:?}", registry.next_id(), registry.records())
}

#[tokio::test]
async fn what_is_loaded_is_what_was_committed_whatever_was_done() {
    for seed in 1..=5 {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut registry = Registry::new();
        edit(&mut random, &mut registry, 1);
        EmbeddedStore::create(&path, &registry).unwrap();
        let mut revision = Revision(1);
        for round in 0..6 {
            let store = EmbeddedStore::open(&path).unwrap();
            assert_eq!(store.load().await.unwrap().revision, revision, "seed {seed}, round {round}");
            for step in 0..random.below(9) {
                let changes = edit(&mut random, &mut registry, 100 * round + step as u64);
                revision = store.commit(revision, changes).await.unwrap();
            }
            assert_eq!(spelled(&store.load().await.unwrap().registry), spelled(&registry), "seed {seed}");
            drop(store);
        }
        let loaded = EmbeddedStore::open(&path).unwrap().load().await.unwrap();
        assert_eq!(loaded, Loaded { revision, registry: registry.clone() }, "seed {seed}");
        assert_eq!(spelled(&loaded.registry), spelled(&registry), "seed {seed}");
    }
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone_and_is_never_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    assert!(matches!(EmbeddedStore::open(&path).unwrap_err(), FileError::Missing(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "looking makes nothing");
    // What a kill left of a new file is in nobody's way.
    fs::write(path.with_extension("new"), "half").unwrap();
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let before = fs::read(&path).unwrap();
    let error = EmbeddedStore::create(&path, &Registry::new()).unwrap_err();
    assert!(matches!(error, FileError::Exists(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn who_builds_on_another_revision_is_refused_and_nothing_is_kept_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    // The second builds on the first, which is not on the disk yet.
    let first = store.commit(Revision(1), put("a", Value::dword(1)));
    let second = store.commit(Revision(2), put("b", Value::dword(2)));
    let late = store.commit(Revision(2), put("a", Value::dword(3)));
    let early = store.commit(Revision(4), put("a", Value::dword(4)));
    // Whoever waits first, the order is that of the calls.
    assert_eq!(early.await, Err(StoreError::Stale { base: Revision(4), current: Revision(3) }));
    assert_eq!(late.await, Err(StoreError::Stale { base: Revision(2), current: Revision(3) }));
    assert_eq!(second.await, Ok(Revision(3)));
    assert_eq!(first.await, Ok(Revision(2)));
    let Loaded { revision, registry } = store.load().await.unwrap();
    assert_eq!(revision, Revision(3));
    let value = |text| registry.value(KeyId::ROOT, &name(text)).unwrap().as_dword();
    assert_eq!((value("a"), value("b")), (Some(1), Some(2)));
    // One that nobody waits for is kept all the same.
    drop(store.commit(Revision(3), put("a", Value::dword(5))));
    drop(store);
    let loaded = EmbeddedStore::open(&path).unwrap().load().await.unwrap();
    assert_eq!(loaded.registry.value(KeyId::ROOT, &name("A")).unwrap().as_dword(), Some(5));
}

#[tokio::test]
async fn commits_that_come_at_once_share_transactions() {
    const COMMITS: u64 = 64;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let commit = |number: u64| store.commit(Revision(number), put(&format!("v{number}"), Value::qword(number)));
    let waiting: Vec<_> = (1..=COMMITS).map(commit).collect();
    for (number, commit) in (1..).zip(waiting) {
        assert_eq!(commit.await, Ok(Revision(number + 1)));
    }
    // The first may have been written alone, and whoever came while it was is in the next.
    assert!(store.transactions() < COMMITS / 4, "{} transactions", store.transactions());
    assert_eq!(store.load().await.unwrap().registry.key(KeyId::ROOT).unwrap().values().len(), 64);
}

#[tokio::test]
async fn the_file_of_a_process_that_was_killed_has_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    for number in 1..8 {
        store.commit(Revision(number), put(&format!("v{number}"), Value::qword(number))).await.unwrap();
        // What a killed process leaves is what is in the file at that moment.
        let left = folder.path().join("left.redb");
        fs::copy(&path, &left).unwrap();
        let loaded = EmbeddedStore::open(&left).unwrap().load().await.unwrap();
        assert_eq!(loaded.revision, Revision(number + 1));
        assert_eq!(loaded.registry.key(KeyId::ROOT).unwrap().values().len() as u64, number);
    }
}

/// The test that is also the process that it kills.
#[tokio::test]
async fn a_process_that_is_killed_while_it_writes_has_kept_what_it_acknowledged() {
    const INSIDE: &str = "CLUSTERD_TEST_WRITER";
    const NAME: &str = "a_process_that_is_killed_while_it_writes_has_kept_what_it_acknowledged";
    const ROUNDS: u64 = 8;
    if let Some(path) = std::env::var_os(INSIDE) {
        return write_for_ever(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let mut random = Random::new(11);
    for round in 0..ROUNDS {
        let mut writer = std::process::Command::new(std::env::current_exe().unwrap());
        writer.args(["--exact", NAME, "--nocapture"]).env(INSIDE, &path).stdout(std::process::Stdio::piped());
        let mut writer = writer.spawn().unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.by_ref().find_map(|line| line.strip_prefix("kept ")?.parse::<u64>().ok());
        std::thread::sleep(std::time::Duration::from_micros(random.next() % 60_000));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let kept = lines.filter_map(|line| line.strip_prefix("kept ")?.parse().ok()).last().or(first).unwrap();
        let loaded = EmbeddedStore::open(&path).unwrap().load().await.unwrap();
        assert!(loaded.revision.0 >= kept, "round {round}: {} is kept, {kept} was acknowledged", loaded.revision.0);
        // Each commit is there whole: its value says which it was.
        let value = |text| loaded.registry.value(KeyId::ROOT, &name(text)).unwrap().as_qword();
        assert_eq!(
            (value("last"), value("again")),
            (Some(loaded.revision.0), Some(loaded.revision.0)),
            "round {round}"
        );
    }
}

async fn write_for_ever(path: &Path) {
    let store = EmbeddedStore::open(path).unwrap();
    let mut revision = store.load().await.unwrap().revision;
    let mut waiting = VecDeque::new();
    loop {
        revision = revision.next();
        let mut changes = ["last", "again"].map(|text| put(text, Value::qword(revision.0))).concat();
        changes.extend(put(&format!("v{}", revision.0 % 200), Value::binary(vec![5; 900])));
        waiting.push_back(store.commit(Revision(revision.0 - 1), changes));
        if waiting.len() == 8 {
            println!("kept {}", waiting.pop_front().unwrap().await.unwrap().0);
        }
    }
}

#[tokio::test]
async fn a_value_is_found_under_its_name_though_another_version_knew_other_letters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    edit.set_value(KeyId::ROOT, name("größe"), Value::dword(1)).unwrap();
    edit.commit();
    EmbeddedStore::create(&path, &registry).unwrap();
    // As if there had been no upper-case form of this letter.
    let octets = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let table = redb::TableDefinition::<(u64, &[u8]), &[u8]>::new("values");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut values = transaction.open_table(table).unwrap();
        let row = values.remove((0, &*octets("GRÖßE"))).unwrap().expect("the row").value().to_vec();
        values.insert((0, &*octets("GRößE")), &*row).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(spelled(&store.load().await.unwrap().registry), spelled(&registry));
    let removal = Change::RemoveValue { key: KeyId::ROOT, name: name("GRÖßE") };
    store.commit(Revision(1), vec![removal]).await.unwrap();
    assert_eq!(store.load().await.unwrap().registry.count(), (1, 0));
}

#[tokio::test]
async fn nobody_else_commits_and_a_watch_ends_with_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let mut watch = store.watch(Revision(1)).await.unwrap();
    store.commit(Revision(1), put("a", Value::dword(1))).await.unwrap();
    let mut next = pin!(std::future::poll_fn(|context| watch.as_mut().poll_next(context)));
    let waiting = std::time::Duration::from_millis(20);
    assert!(tokio::time::timeout(waiting, next.as_mut()).await.is_err(), "own commits do not come back");
    drop(store);
    assert_eq!(next.await, None);
}

/// Opens a file that is to be refused, and sees that it was not touched.
#[track_caller]
fn refused(path: &Path, expected: &str) -> FileError {
    let before = fs::read(path).unwrap();
    let error = EmbeddedStore::open(path).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert!(fs::read(path).unwrap() == before, "it was written to");
    error
}

#[tokio::test]
async fn foreign_files_are_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, "a letter\n".repeat(1000)).unwrap();
    assert!(matches!(refused(&path, "is not a store of clusterd"), FileError::Foreign { .. }));
    fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path, "it is empty"), FileError::Foreign { .. }));
    fs::remove_file(&path).unwrap();
    drop(redb::Database::create(&path).unwrap());
    assert!(matches!(refused(&path, "is not a store of clusterd"), FileError::Foreign { .. }));
    assert!(matches!(EmbeddedStore::open(folder.path()).unwrap_err(), FileError::Foreign { .. }));
}

#[tokio::test]
async fn files_of_another_format_and_files_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    assert!(matches!(refused(&path, "in use"), FileError::InUse(_)));
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, u64>::new("clusterd.cluster");
    write.open_table(table).unwrap().insert("format", 9).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = refused(&path, "Use the version of clusterd that wrote it");
    assert!(matches!(error, FileError::Version { found: 9, known: 1, .. }), "{error}");
}

#[tokio::test]
async fn damaged_files_are_refused_with_what_to_do_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let mut registry = Registry::new();
    let mut random = Random::new(7);
    for now in 0..40 {
        edit(&mut random, &mut registry, now);
    }
    let mut marked = registry.edit(50);
    marked.set_value(KeyId::ROOT, name("mark"), Value::binary("here is a value to look for")).unwrap();
    marked.commit();
    EmbeddedStore::create(&path, &registry).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [10, 511, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(refused(&path, "Restore the cluster from a backup"), FileError::Damaged { .. }),
            "cut to {length}"
        );
    }
    let mut damaged = whole.clone();
    let mark = damaged.windows(9).position(|octets| octets == b"here is a").unwrap();
    damaged[mark] ^= 0x20;
    fs::write(&path, &damaged).unwrap();
    assert!(matches!(refused(&path, "Restore the cluster"), FileError::Damaged { .. }));
    // Elsewhere an octet that is different is noticed, or else nothing depends on it.
    let mut noticed = 0;
    let places: Vec<usize> = (0..whole.len()).filter(|&place| whole[place] != 0).collect();
    for _ in 0..30 {
        let mut damaged = whole.clone();
        let place = places[random.below(places.len())];
        damaged[place] ^= 1 << random.below(8);
        fs::write(&path, &damaged).unwrap();
        match EmbeddedStore::open(&path) {
            Ok(store) => assert_eq!(spelled(&store.load().await.unwrap().registry), spelled(&registry), "at {place}"),
            Err(error) => {
                noticed += 1;
                assert!(fs::read(&path).unwrap() == damaged, "it was written to: {error}");
            }
        }
    }
    assert!(noticed > 0, "no octet mattered");
    fs::write(&path, &whole).unwrap();
    assert_eq!(spelled(&EmbeddedStore::open(&path).unwrap().load().await.unwrap().registry), spelled(&registry));
}

#[tokio::test]
async fn a_backup_is_the_registry_as_it_was_and_becomes_a_cluster_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path().join(FILE), folder.path().join("backup"));
    let mut random = Random::new(3);
    let mut registry = Registry::new();
    let mut set = registry.edit(1);
    set.set_value(KeyId::ROOT, name("ClusterName"), Value::string("alpha")).unwrap();
    set.commit();
    for now in 2..30 {
        edit(&mut random, &mut registry, now);
    }
    let manifest = backup::write(&into, Revision(30), &registry).unwrap();
    assert_eq!((manifest.cluster.as_str(), manifest.revision), ("alpha", 30));
    assert_eq!(manifest.keys, registry.records().iter().filter_map(key_of).count());
    let mut files: Vec<_> = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["CLUSDB", "CLUSDB.json"]);
    // A later one takes its place.
    edit(&mut random, &mut registry, 40);
    let later = backup::write(&into, Revision(31), &registry).unwrap();
    assert_eq!(backup::restore(&into, &path).unwrap(), later);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(spelled(&store.load().await.unwrap().registry), spelled(&registry));
    assert_eq!(store.commit(Revision(31), Vec::new()).await, Ok(Revision(32)));
    drop(store);
    // Never in place of a cluster.
    let error = backup::restore(&into, &path).unwrap_err();
    assert!(matches!(error, BackupError::File(FileError::Exists(_))), "{error}");
}

#[test]
fn half_a_backup_is_refused_and_other_files_are_not_replaced_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path().join(FILE), folder.path().join("backup"));
    backup::write(&into, Revision(5), &Registry::new()).unwrap();
    let manifest = fs::read_to_string(into.join("CLUSDB.json")).unwrap();
    fs::write(into.join("CLUSDB.json"), manifest.replace("\"revision\": 5", "\"revision\": 4")).unwrap();
    let error = backup::restore(&into, &path).unwrap_err();
    assert!(matches!(error, BackupError::Incomplete { .. }), "{error}");
    fs::remove_file(into.join("CLUSDB.json")).unwrap();
    assert!(backup::read(&into).unwrap_err().to_string().contains("there is no CLUSDB.json"));
    assert!(!path.exists());
    fs::write(into.join("CLUSDB"), "a letter").unwrap();
    let error = backup::write(&into, Revision(6), &Registry::new()).unwrap_err();
    assert!(matches!(error, BackupError::File(FileError::Foreign { .. })), "{error}");
    assert_eq!(fs::read(into.join("CLUSDB")).unwrap(), b"a letter");
    let error = backup::write(&folder.path().join("none/deep"), Revision(6), &Registry::new()).unwrap_err();
    assert!(error.to_string().contains("none/deep"), "{error}");
}

/// What the disk says decides: in a file system of a mebibyte of its own, in name spaces of its own.
#[tokio::test]
async fn a_full_disk_is_told_and_what_was_kept_before_it_stays() {
    const INSIDE: &str = "CLUSTERD_TEST_SMALL_DISK";
    const NAME: &str = "a_full_disk_is_told_and_what_was_kept_before_it_stays";
    if let Some(folder) = std::env::var_os(INSIDE) {
        return full_disk(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=3m none "$1" || exit 77
        shift; exec "$@""#;
    let this = std::env::current_exe().unwrap();
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-Urm", "--", "/bin/sh", "-c", script, "sh"]).arg(folder.path());
    let output = unshare.arg(this).args(["--exact", NAME]).env(INSIDE, folder.path()).output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !out.contains("running 1 test") {
        // A host that lets nobody make name spaces: nothing is proven there.
        eprintln!("skipped, since a small file system cannot be mounted here: {errors}");
        return;
    }
    assert!(output.status.success(), "{out}{errors}");
}

async fn full_disk(folder: &Path) {
    let path = folder.join(FILE);
    EmbeddedStore::create(&path, &Registry::new()).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let big = || Value::binary(vec![7; 200_000]);
    let mut revision = Revision(1);
    let (error, next) = loop {
        let big = store.commit(revision, put(&format!("v{}", revision.0), big()));
        let next = store.commit(revision.next(), put("next", Value::dword(1)));
        match (big.await, next.await) {
            (Ok(_), Ok(next)) => revision = next,
            (Ok(next), Err(error)) => {
                revision = next;
                break (error.clone(), error);
            }
            (Err(error), next) => break (error, next.unwrap_err()),
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(matches!(next, StoreError::Full(_) | StoreError::Unsettled(_)), "what was built on it: {next:?}");
    assert!(error.to_string().contains(FILE), "{error}");
    // What comes after is refused until it is known what is kept.
    let small = || put("small", Value::dword(1));
    for base in [revision, revision.next()] {
        let error = store.commit(base, small()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unsettled(_)), "{error:?}");
    }
    let loaded = store.load().await.unwrap();
    assert_eq!(loaded.revision, revision);
    let bigs =
        loaded.registry.key(KeyId::ROOT).unwrap().values().iter().filter(|(_, value)| value.data.len() == 200_000);
    assert_eq!(bigs.count() as u64, revision.0 / 2);
    // A read-only file system is told apart, and with room it goes on as if nothing had been.
    let mount = |options: &str| {
        let mut mount = std::process::Command::new("mount");
        assert!(mount.args(["-o", options]).arg(folder).status().unwrap().success(), "mount -o {options}");
    };
    mount("remount,ro,size=8m");
    let error = store.commit(revision, small()).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    mount("remount,rw,size=8m");
    assert!(matches!(store.commit(revision, small()).await, Err(StoreError::Unsettled(_))));
    assert_eq!(store.load().await.unwrap().revision, revision);
    revision = store.commit(revision, small()).await.unwrap();
    drop(store);
    let loaded = EmbeddedStore::open(&path).unwrap().load().await.unwrap();
    assert_eq!(loaded.revision, revision);
    assert_eq!(loaded.registry.value(KeyId::ROOT, &name("small")).unwrap().as_dword(), Some(1));
    mount("remount,ro,size=8m");
    let error = EmbeddedStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("make file and folder writable"), "{error}");
}

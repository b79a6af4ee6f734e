//! The providers on real directories: what a snapshot keeps of files, and what half-way states,
//! cancellations, full disks and hostile directories do.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clusterd::{
    process::Runner,
    providers::{Hooks, Method, Tree},
};
use msrpc_cluster::fsrvp::{
    FileTime,
    ports::{FileStore, PortError, Snapshot, SnapshotProvider},
};
use tempfile::TempDir;
use uuid::Uuid;

struct Place {
    folder: TempDir,
    provider: Box<dyn SnapshotProvider>,
}

impl Place {
    fn copies() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let provider = Box::new(Tree::new("copy", Method::Copy, folder.path().join("snapshots")));
        Self { folder, provider }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn snapshot(&self, id: u128) -> Snapshot {
        let volume = self.provider.supported(&self.data()).await.unwrap().expect("a store");
        let store = FileStore { provider: "copy".to_owned(), volume };
        Snapshot { id: Uuid::from_u128(id), store, created: FileTime(0), writable: false }
    }

    /// Prepares, commits and exposes.
    async fn make(&self, snapshot: &Snapshot) -> PathBuf {
        self.provider.prepare(snapshot).await.unwrap();
        self.provider.commit(snapshot).await.unwrap();
        self.provider.expose(snapshot, &self.data()).await.unwrap()
    }

    fn left(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("snapshots")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// What the tools of others say of a file: owner, mode, times, access control list, attributes.
fn describe(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let (accessed, modified) = ((metadata.atime(), metadata.atime_nsec()), (metadata.mtime(), metadata.mtime_nsec()));
    let mut text = format!(
        "{:o} {}:{} {} {:?} {:?} {}\n",
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        metadata.size(),
        // Looking at a directory or a link may touch it.
        metadata.is_file().then_some(accessed),
        modified,
        metadata.nlink(),
    );
    for (tool, arguments) in
        [("getfacl", &["-cpn"][..]), ("getfattr", &["-d", "-m", "-", "-e", "hex", "--absolute-names"])]
    {
        let output = Command::new(tool).args(arguments).arg(path).stdin(Stdio::null()).output();
        if let Ok(output) = output {
            let output = String::from_utf8_lossy(&output.stdout).into_owned();
            text.extend(output.lines().filter(|line| !line.starts_with("# file")).map(|line| format!("{line}\n")));
        }
    }
    text
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let status = Command::new(program).args(arguments).arg(path).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn a_copy_keeps_all_that_a_file_is() {
    let place = Place::copies();
    let data = place.data();
    fs::create_dir(data.join("folder")).unwrap();
    fs::write(data.join("folder/file"), "hello").unwrap();
    fs::hard_link(data.join("folder/file"), data.join("again")).unwrap();
    symlink("/etc/passwd", data.join("link")).unwrap();
    symlink("nowhere", data.join("folder/broken")).unwrap();
    let sparse = fs::File::create(data.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle", 32 << 20).unwrap();
    assert!(run("mkfifo", &[], &data.join("fifo")));
    drop(std::os::unix::net::UnixListener::bind(data.join("socket")).unwrap());
    fs::write(data.join("odd \n\u{e9} name"), "").unwrap();
    let file = data.join("folder/file");
    run("setfattr", &["-n", "user.colour", "-v", "red"], &file);
    run("setfacl", &["-m", "u:7:rw,g:8:r"], &file);
    run("setfacl", &["-d", "-m", "u:7:rwx"], &data.join("folder"));
    if is_root() {
        assert!(run("setfattr", &["-n", "security.NTACL", "-v", "0x0400aabb"], &file));
        assert!(run("chown", &["12:34"], &file));
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).unwrap();
    for path in [data.join("folder"), file.clone(), data.join("link")] {
        assert!(run("touch", &["-h", "-d", "2001-02-03 04:05:06.789"], &path));
    }
    fs::set_permissions(data.join("folder"), fs::Permissions::from_mode(0o555)).unwrap();

    let snapshot = place.snapshot(1).await;
    let copy = place.make(&snapshot).await;
    for name in ["", "folder", "folder/file", "again", "link", "folder/broken", "sparse", "odd \n\u{e9} name"] {
        let (before, after) = (describe(&data.join(name)), describe(&copy.join(name)));
        assert_eq!(before, after, "{name:?}");
    }
    assert_eq!(fs::read(copy.join("folder/file")).unwrap(), b"hello");
    assert_eq!(fs::metadata(copy.join("again")).unwrap().ino(), fs::metadata(copy.join("folder/file")).unwrap().ino());
    assert_eq!(fs::read_link(copy.join("link")).unwrap(), Path::new("/etc/passwd"));
    assert!(fs::metadata(copy.join("sparse")).unwrap().blocks() < 2048, "holes are filled");
    assert!(fs::read(data.join("sparse")).unwrap() == fs::read(copy.join("sparse")).unwrap());
    assert!(!copy.join("fifo").exists() && !copy.join("socket").exists());

    // Later changes are not in it, and it goes whole, read-only folders included.
    fs::write(data.join("again"), "changed").unwrap();
    assert_eq!(fs::read(copy.join("folder/file")).unwrap(), b"hello");
    place.provider.delete(&snapshot).await.unwrap();
    assert_eq!(place.left(), Vec::<String>::new());
}

#[tokio::test]
async fn operations_may_be_repeated_and_half_way_states_are_found_and_deleted() {
    let place = Place::copies();
    let snapshot = place.snapshot(1).await;
    place.provider.delete(&snapshot).await.unwrap();
    place.make(&snapshot).await;
    place.provider.commit(&snapshot).await.unwrap();
    place.provider.make_read_only(&snapshot).await.unwrap();
    // What a kill in the middle of a commit leaves.
    let half = place.snapshot(2).await;
    fs::create_dir_all(place.folder.path().join(format!("snapshots/{}.partial/x", half.id))).unwrap();
    fs::create_dir(place.folder.path().join("snapshots/not-ours")).unwrap();
    let ids: Vec<_> = place.provider.list().await.unwrap().iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(ids, [snapshot.id, half.id]);
    assert!(matches!(place.provider.expose(&half, &place.data()).await, Err(PortError::Missing(_))));
    place.provider.commit(&half).await.unwrap();
    for gone in [&snapshot, &half] {
        place.provider.delete(gone).await.unwrap();
        place.provider.delete(gone).await.unwrap();
        assert!(matches!(place.provider.expose(gone, &place.data()).await, Err(PortError::Missing(_))));
        assert!(matches!(place.provider.make_read_only(gone).await, Err(PortError::Missing(_))));
    }
    assert_eq!(place.left(), ["not-ours"]);
}

#[tokio::test]
async fn a_cancelled_copy_stops_and_is_deleted_whole() {
    let place = Place::copies();
    for number in 0..3000 {
        fs::write(place.data().join(number.to_string()), "x").unwrap();
    }
    let snapshot = place.snapshot(1).await;
    let commit = tokio::time::timeout(Duration::from_millis(5), place.provider.commit(&snapshot)).await;
    assert!(commit.is_err(), "it was faster than that");
    place.provider.delete(&snapshot).await.unwrap();
    assert_eq!(place.left(), Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(place.left(), Vec::<String>::new(), "it went on");
}

#[tokio::test]
async fn a_directory_that_the_snapshots_are_in_is_not_supported() {
    let place = Place::copies();
    assert_eq!(place.provider.supported(place.folder.path()).await.unwrap(), None);
    assert!(matches!(place.provider.supported(&place.folder.path().join("none")).await, Err(PortError::Missing(_))));
}

#[tokio::test]
async fn an_exposed_directory_is_never_outside_of_the_snapshot() {
    let place = Place::copies();
    fs::create_dir_all(place.data().join("a/b")).unwrap();
    let snapshot = place.snapshot(1).await;
    place.make(&snapshot).await;
    let inside = place.provider.expose(&snapshot, &place.data().join("a/b")).await.unwrap();
    assert!(inside.is_dir() && inside.ends_with("a/b"));
    let other = place.snapshot(2).await;
    fs::remove_dir_all(place.data().join("a")).unwrap();
    symlink("/etc", place.data().join("a")).unwrap();
    place.make(&other).await;
    let out = place.provider.expose(&other, &place.data().join("a/ssl")).await;
    assert!(matches!(out, Err(PortError::Missing(_))), "{out:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_nothing_of_the_copy_is_left() {
    if !is_root() {
        eprintln!("skipped: mounting a small file system takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    assert!(run("mount", &["-t", "tmpfs", "-o", "size=1m", "none"], &small));
    let place = Place {
        provider: Box::new(Tree::new("copy", Method::Copy, small.join("snapshots"))),
        folder: tempfile::tempdir().unwrap(),
    };
    fs::create_dir(place.data()).unwrap();
    fs::write(place.data().join("large"), vec![1; 4 << 20]).unwrap();
    let snapshot = place.snapshot(1).await;
    let full = place.provider.commit(&snapshot).await;
    let left = fs::read_dir(small.join("snapshots")).unwrap().count();
    assert!(run("umount", &[], &small));
    assert!(matches!(full, Err(PortError::Full(_))), "{full:?}");
    assert_eq!(left, 0);
}

/// A hook as an administrator would write it: copies, kept in `$1`.
const HOOK: &str = r#"#!/bin/sh
set -e
home=$1; verb=$2; id=$3; store=$4; access=$5; path=$6
case $verb in
supported) case $3 in */data) echo "store of $3" ;; *) exit 10 ;; esac ;;
prepare) mkdir -p "$home" ;;
commit)
    case $store in *full*) echo "no room" >&2; exit 12 ;; *slow*) sleep 30 & wait ;; esac
    printf '%s\n' "$store" > "$home/$id.store"; mkdir -p "$home/$id"; echo "$access" > "$home/$id/access" ;;
expose) [ -d "$home/$id" ] || exit 11; echo "$home/$id" ;;
make-read-only) [ -d "$home/$id" ] || exit 11 ;;
delete) rm -rf "$home/$id" "$home/$id.store" ;;
list) for file in "$home"/*.store; do [ -e "$file" ] || continue
    printf '%s %s\n' "$(basename "$file" .store)" "$(cat "$file")"; done ;;
*) echo "unknown: $verb" >&2; exit 1 ;;
esac
"#;

#[tokio::test]
async fn an_administrator_s_program_is_called_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let (program, home, data) = (folder.path().join("hook"), folder.path().join("home"), folder.path().join("data"));
    fs::write(&program, HOOK).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&data).unwrap();
    let arguments = vec![home.to_str().unwrap().to_owned()];
    let hooks = Hooks::new("array", program, arguments, Duration::from_millis(500), Runner::default());
    assert_eq!(hooks.supported(folder.path()).await.unwrap(), None);
    let volume = hooks.supported(&data).await.unwrap().unwrap();
    assert!(volume.starts_with("store of /"));
    let of = |id, volume: &str| Snapshot {
        id: Uuid::from_u128(id),
        store: FileStore { provider: "array".to_owned(), volume: volume.to_owned() },
        created: FileTime(0),
        writable: true,
    };
    let snapshot = of(1, &volume);
    hooks.prepare(&snapshot).await.unwrap();
    hooks.commit(&snapshot).await.unwrap();
    let exposed = hooks.expose(&snapshot, &data).await.unwrap();
    assert_eq!(fs::read_to_string(exposed.join("access")).unwrap(), "rw\n");
    hooks.make_read_only(&snapshot).await.unwrap();
    let listed = hooks.list().await.unwrap();
    assert_eq!((listed[0].id, &listed[0].store), (snapshot.id, &snapshot.store));
    hooks.delete(&snapshot).await.unwrap();
    assert_eq!(hooks.list().await.unwrap(), []);
    assert!(matches!(hooks.expose(&snapshot, &data).await, Err(PortError::Missing(_))));

    let full = hooks.commit(&of(2, "full; touch /tmp/never")).await.unwrap_err();
    assert!(matches!(&full, PortError::Full(text) if text.contains("no room")), "{full}");
    let slow = hooks.commit(&of(3, "slow")).await.unwrap_err();
    assert!(slow.to_string().contains("killed"), "{slow}");
}

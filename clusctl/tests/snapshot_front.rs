//! `clusctl snapshot` against clusterd behind Samba: through smbd's pipe, on Samba's shares. About 5 s.

#[path = "../../clusterd/tests/support/front.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod front;
mod support;

use std::fs;

use clusterd::{config::Config, daemon::Daemon};
use front::Front;
use msrpc::auth::CredentialsFile;
use serde_json::Value;
use support::{Desk, finish, text};

const SHARE: &str = r"\\127.0.0.1\fsrvp_share";

/// clusterd behind a Samba, in this process. It does not see the Samba's btrfs.
struct Server {
    daemon: Daemon,
    front: Front,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// With accounts for who authenticates within the pipe, or without.
    fn for_test(accounts: Option<&str>) -> Option<Self> {
        let front = Front::for_test()?;
        let file = front.path("clusterd.toml");
        let text = format!(
            "data = \"{}\"\n[samba]\nconfiguration = \"{}\"\n\
             [[fsrvp.provider]]\nname = \"copy\"\ntype = \"copy\"\nsnapshots = \"{}\"\n",
            front.path("data").display(),
            front.conf().display(),
            front.path("copies").display(),
        );
        fs::write(&file, text).unwrap();
        let accounts = accounts.map(|accounts| CredentialsFile::parse(accounts.as_bytes()).unwrap());
        let config = Config::load(&file).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let daemon = runtime.block_on(Daemon::start(&config, accounts)).unwrap();
        Some(Self { daemon, front, runtime })
    }

    fn desk(&self) -> Desk {
        Desk::new(&self.binding())
    }

    fn binding(&self) -> String {
        format!("ncacn_np:127.0.0.1[port={}]", self.front.port)
    }

    fn exposed(&self) -> Vec<String> {
        self.runtime.block_on(self.front.exposed())
    }

    fn stop(self) {
        self.runtime.block_on(self.daemon.stop());
    }
}

#[test]
fn a_shadow_copy_is_made_listed_read_and_deleted_through_smbd() {
    let Some(server) = Server::for_test(Some("root:sid=S-1-5-32-544:password:Passw0rd\n")) else { return };
    let desk = server.desk();
    let (front, runtime) = (&server.front, &server.runtime);
    runtime.block_on(front.write("fsrvp_share", "file", b"as it was")).unwrap();
    let support = desk.json(&["snapshot", "support", SHARE]);
    assert_eq!((&support[0]["share"], &support[0]["supported"]), (&Value::from(SHARE), &Value::Bool(true)));

    let sets = desk.json(&["snapshot", "create", "//127.0.0.1/fsrvp_share"]);
    let (set, copy) = (&sets[0], &sets[0]["copies"][0]);
    assert_eq!(text(&set["status"]), "recovered");
    let share = text(&copy["exposed"]).rsplit('\\').next().unwrap();
    assert_eq!(server.exposed(), [share]);
    runtime.block_on(front.write("fsrvp_share", "file", b"changed")).unwrap();
    assert_eq!(runtime.block_on(front.read(share, "file")).unwrap(), b"as it was");

    // Samba's list of shares has the exposed one; the record knows the rest.
    let list = desk.json(&["snapshot", "list", "//127.0.0.1"]);
    let row = list.as_array().unwrap().iter().find(|row| row["share"] == SHARE).unwrap();
    let listed = &row["copies"][0];
    assert_eq!((&listed["copy"], &listed["set"], &listed["listed"]), (&copy["copy"], &set["set"], &Value::Bool(true)));

    assert_eq!(desk.run(&["snapshot", "delete", text(&set["set"])]).code, 0);
    assert_eq!(server.exposed(), Vec::<String>::new());
    let list = desk.json(&["snapshot", "list", SHARE]);
    assert_eq!((&list[0]["shadow_copied"], list[0]["copies"].as_array().unwrap().len()), (&Value::Bool(false), 0));
    server.stop();
}

#[test]
fn a_set_is_completed_later_and_failures_have_their_exit_codes() {
    let Some(server) = Server::for_test(None) else { return };
    let desk = server.desk();
    // SMB has authenticated the user, and there are no accounts to do so again.
    let error = desk.error(&["snapshot", "support", SHARE], 4);
    assert!(text(&error["error"]).contains("--level none"), "{error}");
    let desk = server.desk().with(&["--level", "none"]);
    let sets = desk.json(&["snapshot", "create", SHARE, "--writable", "--no-complete"]);
    let copy = &sets[0]["copies"][0];
    let shown = desk.json(&["snapshot", "show", text(&copy["copy"])]);
    assert_eq!((&shown[0]["exposed"], &shown[0]["created"]), (&copy["exposed"], &copy["created"]));
    let share = text(&copy["exposed"]).rsplit('\\').next().unwrap();
    server.runtime.block_on(server.front.write(share, "recovered", b"by its application")).unwrap();
    assert_eq!(desk.run(&["snapshot", "complete", text(&sets[0]["set"])]).code, 0);
    let again = desk.error(&["snapshot", "complete", text(&sets[0]["set"])], 1);
    assert!(text(&again["error"]).contains("Recovered"), "{again}");

    let error = desk.error(&["snapshot", "create", "//127.0.0.1/nosuchshare"], 5);
    assert_eq!(error["status_name"], "FSRVP_E_OBJECT_NOT_FOUND");
    let wrong = Desk::new("");
    let login = ["--user", "root", "--binding", &server.binding()];
    let mut command = wrong.command(&[&["snapshot", "support", SHARE][..], &login].concat());
    let denied = finish(command.env("CLUSCTL_PASSWORD", "wrong").spawn().unwrap());
    assert_eq!(denied.code, 4, "{denied:?}");
    assert_eq!(desk.run(&["snapshot", "delete", text(&sets[0]["set"])]).code, 0);
    assert_eq!(server.exposed(), Vec::<String>::new());
    server.stop();
}

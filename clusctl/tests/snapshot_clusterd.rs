//! `clusctl snapshot` against clusterd's FSRVP server, over TCP. About 5 s.

mod support;

use std::fs;

use clusterd::demo::{Demo, Options};
use serde_json::Value;
use support::{Desk, finish, text};

const SHARE: &str = r"\\127.0.0.1\data";

/// clusterd's demo, in this process.
struct Server {
    demo: Demo,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            // One that is free: other servers may run beside this one.
            epm_port: Some(0),
            np_dir: None,
            smb_conf: None,
            ready_file: None,
            data: Some(folder.path().to_owned()),
            user: "root".to_owned(),
            password: "Passw0rd".to_owned(),
            keytab: None,
            administrator: Vec::new(),
        };
        let demo = runtime.block_on(Demo::start(options)).unwrap();
        Self { demo, folder, runtime }
    }

    fn binding(&self) -> &str {
        self.demo.endpoints().fsrvp.iter().find(|binding| binding.starts_with("ncacn_ip_tcp")).unwrap()
    }

    fn stop(self) {
        self.runtime.block_on(self.demo.stop());
    }
}

#[test]
fn a_shadow_copy_holds_what_was_there_until_it_is_deleted() {
    let server = Server::start();
    let desk = Desk::new(server.binding());
    let file = server.folder.path().join("share/readme.txt");
    fs::write(&file, "as it was").unwrap();
    let support = desk.json(&["snapshot", "support", SHARE]);
    assert_eq!(support[0]["supported"], Value::Bool(true));
    let list = desk.json(&["snapshot", "list", SHARE]);
    assert_eq!((&list[0]["shadow_copied"], list[0]["copies"].as_array().unwrap().len()), (&Value::Bool(false), 0));

    let sets = desk.json(&["snapshot", "create", SHARE, "--writable", "--no-complete"]);
    let (set, copy) = (&sets[0], &sets[0]["copies"][0]);
    fs::write(&file, "changed").unwrap();
    let share = text(&copy["exposed"]).rsplit('\\').next().unwrap();
    let exposed = server.folder.path().join("exposed").join(share);
    assert_eq!(fs::read_to_string(exposed.join("readme.txt")).unwrap(), "as it was");
    let shown = desk.json(&["snapshot", "show", text(&copy["copy"])]);
    assert_eq!((&shown[0]["exposed"], &shown[0]["created"]), (&copy["exposed"], &copy["created"]));
    // There is one set at a time. The same client's earlier one gives way (3.1.4.2), so another is asked.
    assert_eq!(desk.run(&["snapshot", "complete", text(&set["set"])]).code, 0);
    let list = desk.json(&["snapshot", "list", SHARE]);
    assert_eq!(list[0]["shadow_copied"], Value::Bool(true));
    assert_eq!(list[0]["copies"][0]["status"], "recovered");

    let done = desk.run(&["snapshot", "delete", &format!("//127.0.0.1/{share}")]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!exposed.exists());
    let list = desk.json(&["snapshot", "list", SHARE]);
    assert_eq!((&list[0]["shadow_copied"], list[0]["copies"].as_array().unwrap().len()), (&Value::Bool(false), 0));
    server.stop();
}

#[test]
fn failures_have_their_exit_codes() {
    let server = Server::start();
    let desk = Desk::new(server.binding());
    let error = desk.error(&["snapshot", "create", "//127.0.0.1/nosuchshare"], 5);
    assert_eq!(error["status_name"], "FSRVP_E_OBJECT_NOT_FOUND");
    // Below integrity nobody is let in (3.1.4).
    let error = desk.error(&["snapshot", "support", SHARE, "--level", "connect"], 4);
    assert!(text(&error["error"]).contains("--level"), "{error}");
    let id = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let error = desk.error(&["snapshot", "complete", SHARE, "--set", id], 5);
    assert_eq!(error["status_name"], "FSRVP_E_SHADOWCOPYSET_ID_MISMATCH");
    let error = desk.error(&["snapshot", "delete", SHARE, "--set", id, "--copy", id], 5);
    assert_eq!(error["status_name"], "FSRVP_E_OBJECT_NOT_FOUND");
    let wrong = Desk::new("");
    let mut command = wrong.command(&["snapshot", "support", SHARE, "--user", "root", "--binding", server.binding()]);
    let denied = finish(command.env("CLUSCTL_PASSWORD", "wrong").spawn().unwrap());
    assert_eq!(denied.code, 4, "{denied:?}");
    server.stop();
}

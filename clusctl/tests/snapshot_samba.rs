//! `clusctl snapshot` against Samba's FSRVP server. About 20 s.

mod support;

use std::{fs, time::Duration};

use msrpc_cluster::fsrvp::{Context, client::Agent};
use msrpc_ndr::AuthLevel;
use msrpc_protocols::fsrvp::file_server_vss_agent::INTERFACE;
use msrpc_tests::rpc::{
    client::{self, Provider},
    file_server::{FileServer, NAME},
    node::{PASSWORD, USER},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use support::{Desk, finish, text};
use uuid::Uuid;

const SHARE: &str = r"\\127.0.0.1\data";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn recorded(desk: &Desk) -> usize {
    let text = fs::read_to_string(desk.record()).unwrap_or_else(|_| "[]".to_owned());
    serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len()
}

#[test]
fn a_shadow_copy_is_made_found_shown_and_deleted() {
    let Some(samba) = FileServer::for_test() else { return };
    let desk = Desk::new(&samba.binding());
    let runtime = runtime();
    runtime.block_on(samba.write("data", "file", b"as it was")).unwrap();

    let done = desk.run(&["snapshot", "support", SHARE, "//127.0.0.1/logs"]);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<_> = done.output.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["SHARE", "SUPPORTED", "OWNER"]);
    assert_eq!(lines[1], [SHARE, "yes", NAME]);
    assert_eq!(lines[2], [r"\\127.0.0.1\logs", "yes", NAME]);

    let sets = desk.json(&["snapshot", "create", "//127.0.0.1/data", "//127.0.0.1/logs"]);
    let (set, copies) = (&sets[0], sets[0]["copies"].as_array().unwrap());
    assert_eq!((text(&set["status"]), text(&set["owner"]), text(&set["context"])), ("recovered", NAME, "0x00000019"));
    assert_eq!((sets.as_array().unwrap().len(), copies.len()), (1, 2));
    let exposed = text(&copies[0]["exposed"]);
    let share = exposed.rsplit('\\').next().unwrap();
    runtime.block_on(samba.write("data", "file", b"changed")).unwrap();
    assert_eq!(runtime.block_on(samba.read(share, "file")).unwrap(), b"as it was");

    // The server lists the exposed share; the record knows the rest.
    let list = desk.json(&["snapshot", "list", "//127.0.0.1"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|row| text(&row["share"])).collect();
    assert!(names.contains(&SHARE) && !names.iter().any(|name| name.contains('@')), "{names:?}");
    let row = list.as_array().unwrap().iter().find(|row| row["share"] == SHARE).unwrap();
    let copy = &row["copies"][0];
    assert_eq!((&copy["copy"], &copy["set"], &copy["listed"]), (&copies[0]["copy"], &set["set"], &Value::Bool(true)));
    assert_eq!(copy["created"], copies[0]["created"]);
    // From another place only the share is seen.
    let stranger = Desk::new(&samba.binding());
    let list = stranger.json(&["snapshot", "list", SHARE]);
    assert_eq!((&list[0]["copies"][0]["copy"], &list[0]["copies"][0]["set"]), (&copies[0]["copy"], &Value::Null));
    let table = desk.run(&["snapshot", "list", SHARE]).output;
    assert!(table.contains(exposed) && table.contains(text(&set["set"])), "{table}");

    let shown = desk.json(&["snapshot", "show", text(&copies[0]["copy"])]);
    assert_eq!((&shown[0]["exposed"], &shown[0]["created"]), (&copies[0]["exposed"], &copies[0]["created"]));
    let ids = ["--set", text(&set["set"]), "--copy", text(&copies[0]["copy"])];
    let shown = stranger.json(&[&["snapshot", "show", SHARE][..], &ids].concat());
    assert_eq!(shown[0]["exposed"], copies[0]["exposed"]);

    // By the name of the exposed share, and from another place by identifiers.
    let done = desk.run(&["snapshot", "delete", &format!("//127.0.0.1/{share}")]);
    assert_eq!((done.code, done.output.trim()), (0, &*format!("deleted {}", text(&copies[0]["copy"]))), "{done:?}");
    assert_eq!(recorded(&desk), 1, "the other shadow copy of the set");
    let ids = ["--set", text(&set["set"]), "--copy", text(&copies[1]["copy"])];
    let done = stranger.json(&[&["snapshot", "delete", "//127.0.0.1/logs"][..], &ids].concat());
    assert_eq!(done["copies"][0], copies[1]["copy"]);
    let list = stranger.json(&["snapshot", "list", "//127.0.0.1"]);
    assert!(list.as_array().unwrap().iter().all(|row| row["copies"].as_array().unwrap().is_empty()), "{list}");
    // It is gone, and that is what is said.
    let error = desk.error(&["snapshot", "delete", text(&set["set"])], 5);
    assert_eq!(error["kind"], "not-found");
}

#[test]
fn a_set_is_left_exposed_and_completed_later() {
    let Some(samba) = FileServer::for_test() else { return };
    let desk = Desk::new(&samba.binding());
    let sets = desk.json(&["snapshot", "create", SHARE, "--writable", "--no-complete"]);
    let set = text(&sets[0]["set"]);
    assert_eq!((text(&sets[0]["status"]), text(&sets[0]["context"])), ("exposed", "0x00400019"));
    let share = text(&sets[0]["copies"][0]["exposed"]).rsplit('\\').next().unwrap();
    runtime().block_on(samba.write(share, "recovered", b"by its application")).unwrap();
    let done = desk.run(&["snapshot", "complete", set]);
    assert_eq!((done.code, done.output.trim()), (0, &*format!("completed {set}")), "{done:?}");
    let list = desk.json(&["snapshot", "list"]);
    assert_eq!((&list[0]["set"], text(&list[0]["status"])), (&sets[0]["set"], "recovered"));
    let again = desk.run(&["snapshot", "complete", set]);
    assert!(again.code == 1 && again.errors.contains("Recovered"), "{again:?}");
    assert_eq!(desk.run(&["snapshot", "delete", set]).code, 0);
    assert_eq!(recorded(&desk), 0);
}

#[test]
fn a_busy_server_is_said_to_be_or_waited_for() {
    let Some(samba) = FileServer::for_test() else { return };
    let desk = Desk::new(&samba.binding());
    let runtime = runtime();
    let (other, set) = runtime.block_on(async {
        let binding = format!("ncacn_np:127.0.0.1[FssagentRpc,smb_port={}]", samba.port).parse().unwrap();
        let builder = client::to(binding, Some((Provider::Spnego, AuthLevel::Privacy)), USER, PASSWORD);
        let other = Agent::new(builder.connect(&INTERFACE).await.unwrap());
        other.set_context(Context::BACKUP).await.unwrap();
        let set = other.start(Uuid::new_v4()).await.unwrap();
        (other, set)
    });
    let error = desk.error(&["snapshot", "create", SHARE], 7);
    assert_eq!(error["status_name"], "FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS");
    assert!(text(&error["error"]).contains("--wait"), "{error}");
    let waiting = desk.start(&["snapshot", "create", SHARE, "--wait", "30", "--json"]);
    runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.abort(set).await.unwrap();
    });
    let waited = finish(waiting);
    assert_eq!(waited.code, 0, "{waited:?}");
}

#[test]
fn an_interrupt_aborts_the_set() {
    let Some(samba) = FileServer::for_test() else { return };
    let desk = Desk::new(&samba.binding());
    let child = desk.start(&["snapshot", "create", "//127.0.0.1/pensive"]);
    // The record says when the set has been begun.
    while recorded(&desk) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let done = finish(child);
    assert_eq!(done.code, 130, "{done:?}");
    assert!(done.errors.contains("was aborted"), "{done:?}");
    assert!(done.output.is_empty(), "{done:?}");
    assert_eq!(recorded(&desk), 0);
    // Nothing is in progress.
    let sets = desk.json(&["snapshot", "create", SHARE]);
    assert_eq!(desk.run(&["snapshot", "delete", text(&sets[0]["set"])]).code, 0);
}

#[test]
fn failures_have_their_exit_codes() {
    let Some(samba) = FileServer::for_test() else { return };
    let desk = Desk::new(&samba.binding());
    let error = desk.error(&["snapshot", "create", "//127.0.0.1/nosuchshare"], 5);
    assert_eq!(error["kind"], "not-found");
    assert!(text(&error["error"]).contains("Is there such a share?"), "{error}");
    let error = desk.error(&["snapshot", "create", "//127.0.0.1/plain"], 6);
    assert_eq!((text(&error["kind"]), text(&error["share"])), ("not-supported", r"\\127.0.0.1\plain"));
    // What can be copied is printed all the same.
    let done = desk.run(&["snapshot", "support", SHARE, "//127.0.0.1/plain"]);
    assert_eq!(done.code, 6);
    assert!(done.output.contains("yes") && done.output.contains("FSRVP_E_NOT_SUPPORTED"), "{done:?}");
    // Two shares on one file store.
    let shares = ["//127.0.0.1/data", "//127.0.0.1/same"];
    let error = desk.error(&[&["snapshot", "create"][..], &shares].concat(), 1);
    assert_eq!((text(&error["sets"][0]["fate"]), text(&error["step"])), ("aborted", "adding the share"));
    assert!(text(&error["error"]).contains("--separate"), "{error}");
    let sets = desk.json(&["snapshot", "create", "--separate", SHARE, "//127.0.0.1/logs"]);
    assert_eq!(sets.as_array().unwrap().len(), 2);
    for set in sets.as_array().unwrap() {
        assert_eq!(desk.run(&["snapshot", "delete", text(&set["set"])]).code, 0);
    }
    // A shadow copy of this share takes three seconds.
    let error = desk.error(&["snapshot", "create", "//127.0.0.1/slow", "--call-timeout", "1"], 8);
    assert_eq!((text(&error["kind"]), text(&error["step"])), ("timed-out", "committing"));
    let wrong = Desk::new("");
    let mut command = wrong.command(&["snapshot", "support", SHARE, "--user", "root", "--binding", &samba.binding()]);
    let denied = finish(command.env("CLUSCTL_PASSWORD", "wrong").spawn().unwrap());
    assert_eq!(denied.code, 4, "{denied:?}");
    assert!(denied.errors.contains("check user, password and domain"), "{denied:?}");
}

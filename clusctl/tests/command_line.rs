//! What needs no server.

mod support;

use std::process::{Command, Stdio};

use support::{Desk, finish};

#[test]
fn wrong_command_lines_say_what_to_write() {
    let desk = Desk::new("");
    for (arguments, hint) in [
        (&["snapshot", "support", "data"][..], r"\\SERVER\SHARE"),
        (&["snapshot", "support", "//fs1/data/folder"], "whole shares"),
        (&["snapshot", "create"], "SHARE"),
        (&["snapshot", "show"], "--set"),
        (&["snapshot", "show", "nonsense"], "GUID"),
        (&["snapshot", "list", "//fs1", "--binding", "ncadg_ip_udp:fs1"], "ncacn_np"),
        (&["snapshot", "support", "//fs1/data", "--user", "root"], "CLUSCTL_PASSWORD"),
        (&["snapshot", "support", "//fs1/data", "--user", "root", "--password-file", "/nonexistent"], "/nonexistent"),
    ] {
        let done = desk.run(arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
        assert!(done.errors.contains(hint), "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let desk = Desk::new("ncacn_np:127.0.0.1[port=1]");
    let error = desk.error(&["snapshot", "support", "//fs1/data"], 3);
    assert_eq!(error["kind"], "unreachable");
    assert_eq!(error["server"], "fs1");
    assert!(error["error"].as_str().unwrap().contains("port 1"), "{error}");
    let desk = Desk::new("ncacn_ip_tcp:nosuchhost.invalid[4444]");
    let done = desk.run(&["snapshot", "list", "//fs1/data"]);
    assert_eq!(done.code, 3, "{done:?}");
}

#[test]
fn what_is_not_in_the_record_has_to_be_spelt_out() {
    let desk = Desk::new("ncacn_np:127.0.0.1[port=1]");
    let id = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let done = desk.run(&["snapshot", "delete", id]);
    assert_eq!(done.code, 5, "{done:?}");
    assert!(done.errors.contains("--set and --copy"), "{done:?}");
    let done = desk.run(&["snapshot", "delete", "//fs1/data", "--set", id]);
    assert_eq!(done.code, 2, "{done:?}");
    let done = Desk::new("").run(&["snapshot", "list"]);
    assert_eq!((done.code, done.output.trim()), (0, "no shadow copies were made from here"));
}

#[test]
fn the_completions_are_a_script_that_bash_takes() {
    let desk = Desk::new("");
    for (shell, mark) in
        [("bash", "complete -F _clusctl"), ("zsh", "#compdef clusctl"), ("fish", "complete -c clusctl")]
    {
        let done = desk.run(&["completions", shell]);
        assert!(done.code == 0 && done.output.contains(mark), "{shell}: {done:?}");
    }
    let script = desk.run(&["completions", "bash"]).output;
    // Too long for an argument.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    let words = "COMP_WORDS=(clusctl $1 $2); COMP_CWORD=2; _clusctl clusctl $2 $1; echo ${COMPREPLY[@]}";
    let bash = Command::new("bash")
        .args([
            "--norc",
            "-c",
            &format!("source $0; complete() {{ {words}; }}; complete snapshot cr; complete group cr"),
        ])
        .arg(file.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let done = finish(bash);
    assert_eq!(done.output.trim(), "create\ncreate", "{done:?}");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let desk = Desk::new("");
    let help = desk.run(&["--help"]).output;
    assert!(help.contains("Exit codes:") && help.contains("CLUSCTL_PASSWORD"), "{help}");
    for command in ["support", "create", "list", "show", "complete", "delete"] {
        let help = desk.run(&["snapshot", command, "--help"]).output;
        assert!(help.contains("Example") && help.contains(&format!("clusctl snapshot {command} ")), "{help}");
    }
}

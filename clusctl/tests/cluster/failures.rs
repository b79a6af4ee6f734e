//! What goes wrong, and the exit codes.

use std::net::TcpListener;

use crate::{
    server::Server,
    support::{Desk, finish, text},
};

#[test]
fn what_is_not_there_is_named() {
    let server = Server::start();
    let desk = server.desk();
    for (arguments, name, hint) in [
        (&["group", "show", "nonesuch"][..], "ERROR_GROUP_NOT_FOUND", "clusctl group list"),
        (&["group", "online", "nonesuch"], "ERROR_GROUP_NOT_FOUND", "nonesuch"),
        (&["resource", "offline", "nonesuch"], "ERROR_RESOURCE_NOT_FOUND", "clusctl resource list"),
        (&["resource", "move-to", "Web Server", "nonesuch"], "ERROR_GROUP_NOT_FOUND", "nonesuch"),
        (&["node", "pause", "nonesuch"], "ERROR_CLUSTER_NODE_NOT_FOUND", "clusctl node list"),
        (&["group", "move", "Batch", "--to", "nonesuch"], "ERROR_CLUSTER_NODE_NOT_FOUND", "nonesuch"),
        (&["network", "show", "nonesuch"], "ERROR_CLUSTER_NETWORK_NOT_FOUND", "clusctl network list"),
        (&["resourcetype", "show", "nonesuch"], "ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND", "resourcetype list"),
        (&["registry", "ls", "nonesuch"], "ERROR_FILE_NOT_FOUND", "nonesuch"),
    ] {
        let error = desk.error(arguments, 5);
        assert_eq!((text(&error["status_name"]), text(&error["kind"])), (name, "not-found"), "{arguments:?}");
        assert!(text(&error["error"]).contains(hint), "{error}");
        assert!(error["server"].is_string() && error["action"].is_string(), "{error}");
    }
    let error = desk.error(&["group", "create", "Batch"], 1);
    assert_eq!(error["status_name"], "ERROR_OBJECT_ALREADY_EXISTS");
}

#[test]
fn the_wrong_user_and_the_wrong_server() {
    let mut server = Server::start();
    let wrong = Desk::new("");
    let mut command = wrong.command(&["group", "list", "--json", "--user", "root", "--binding", &server.binding()]);
    let denied = finish(command.env("CLUSCTL_PASSWORD", "wrong").spawn().unwrap());
    assert_eq!(denied.code, 4, "{denied:?}");
    // The document asks for privacy.
    let error = server.desk().error(&["group", "list", "--level", "integrity"], 4);
    assert!(text(&error["error"]).contains("--level privacy"), "{error}");
    let binding = server.binding();
    server.end();
    let error = Desk::new(&binding).error(&["group", "list"], 3);
    assert_eq!(text(&error["kind"]), "unreachable");
    // Somebody who says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let binding = format!("ncacn_ip_tcp:127.0.0.1[{}]", silent.local_addr().unwrap().port());
    let done = Desk::new(&binding).run(&["group", "list", "--connect-timeout", "1"]);
    assert_eq!(done.code, 3, "{done:?}");
    for arguments in [&["group", "list"][..], &["watch"]] {
        let error = wrong.error(&[arguments, &["--user", "root"]].concat(), 2);
        assert!(text(&error["error"]).contains("--server"), "{error}");
    }
}

#[test]
fn wrong_command_lines_say_what_to_write() {
    let desk = Desk::new("");
    for (arguments, hint) in [
        (&["group", "set", "Batch", "Priority"][..], "PROP=VALUE"),
        (&["group", "set", "Batch"], "PROP=VALUE"),
        (&["node", "pause", "n", "--to", "m"], "--drain"),
        (&["registry", "get", r"a\\b"], "empty"),
        (&["registry", "set", "a", "b", "1", "--type", "number"], "dword"),
        (&["resource", "create", "r"], "--group"),
        (&["group", "online", "g", "--no-wait", "--timeout", "3"], "--no-wait"),
        (&["watch", "--type", "everything"], "resource-type"),
    ] {
        let done = desk.run(arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
        assert!(done.errors.contains(hint), "{arguments:?}: {done:?}");
    }
}

#[test]
fn every_command_has_an_example() {
    let desk = Desk::new("");
    for (command, below) in [
        ("cluster", &["show", "rename", "version", "property", "set"][..]),
        ("node", &["list", "show", "pause", "resume", "evict", "set", "property"]),
        (
            "group",
            &["list", "show", "create", "delete", "rename", "online", "offline", "move", "set", "owners", "property"],
        ),
        (
            "resource",
            &["list", "show", "create", "delete", "rename", "online", "offline", "fail", "restart", "move-to", "set"],
        ),
        ("resourcetype", &["list", "show", "create", "delete", "property"]),
        ("network", &["list", "show", "rename", "set", "property"]),
        ("registry", &["ls", "get", "set", "delete", "tree", "export"]),
        ("quorum", &["show"]),
    ] {
        for name in below {
            let help = desk.run(&[command, name, "--help"]).output;
            assert!(help.contains("Example") && help.contains(&format!("clusctl {command} {name}")), "{help}");
        }
    }
    assert!(desk.run(&["watch", "--help"]).output.contains("clusctl watch --server"));
    let script = desk.run(&["completions", "bash"]).output;
    assert!(["resourcetype", "move-to", "--port-version"].iter().all(|word| script.contains(word)));
}

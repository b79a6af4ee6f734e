//! Resources: their lives, dependencies and properties.

use serde_json::{Value, json};

use crate::{
    server::Server,
    support::{Desk, text},
};

fn state(desk: &Desk, resource: &str) -> Value {
    desk.json(&["resource", "show", resource])["state"].clone()
}

#[test]
fn a_resource_goes_where_it_is_wanted() {
    let server = Server::start();
    let desk = server.desk();
    let shown = desk.json(&["resource", "show", "Web Server"]);
    assert_eq!(
        (&shown["state"], &shown["group"], &shown["owner"]),
        (&json!("online"), &json!("Web Shop"), &json!("node1"))
    );
    assert_eq!((&shown["type"], &shown["depends_on"]), (&json!("Generic Service"), &json!("([Network Name])")));
    let names = desk.json(&["resource", "list", "--group", "Batch"]);
    let names: Vec<_> = names.as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    assert_eq!(names, ["Batch Name", "Nightly Report"]);

    // What it depends on comes with it; what depends on it goes with it.
    let done = desk.json(&["resource", "online", "Nightly Report"]);
    assert_eq!(
        (&done["state"], &done["resource"], &done["reached"]),
        (&json!("online"), &json!("Nightly Report"), &json!(true))
    );
    assert_eq!(state(&desk, "Batch Name"), "online");
    assert_eq!(desk.run(&["resource", "offline", "Batch Name"]).code, 0);
    assert_eq!(state(&desk, "Nightly Report"), "offline");
    assert_eq!(desk.json(&["resource", "restart", "Web Server"])["state"], "online");
    assert_eq!(desk.run(&["resource", "fail", "Web Server"]).code, 0);
    // One cannot be deleted while it is online, nor what others depend on.
    let created = desk.json(&["resource", "create", "Índice", "--group", "Batch", "--type", "generic application"]);
    assert_eq!(desk.json(&["resource", "show", text(&created["id"])])["name"], "Índice");
    assert_eq!(desk.run(&["resource", "rename", "Índice", "索引"]).code, 0);
    assert_eq!(desk.run(&["resource", "move-to", "索引", "Web Shop"]).code, 0);
    assert_eq!(desk.json(&["resource", "show", "索引"])["group"], "Web Shop");
    assert_eq!(desk.run(&["resource", "delete", "索引"]).code, 0);
    desk.error(&["resource", "show", "索引"], 5);
    assert_eq!(desk.error(&["resource", "delete", "Batch Name"], 1)["status_name"], "ERROR_DEPENDENT_RESOURCE_EXISTS");
}

#[test]
fn dependencies_are_shown_as_a_tree() {
    let server = Server::start();
    let desk = server.desk();
    for name in ["a", "b", "c"] {
        assert_eq!(
            desk.run(&["resource", "create", name, "--group", "Batch", "--type", "Generic Application"]).code,
            0
        );
    }
    let dependency =
        |arguments: &[&str]| desk.json(&[&["resource", "dependency"], arguments].concat())["depends_on"].clone();
    assert_eq!(dependency(&["add", "a", "b"]), "([b])");
    assert_eq!(dependency(&["remove", "a", "b"]), "");
    assert_eq!(dependency(&["set", "a", "([Batch Name]) and ([b] or [c])"]), "([Batch Name]) and ([b] or [c])");
    let tree = desk.run(&["resource", "show", "a", "--tree"]).output;
    let expected = "\
a (Generic Application): offline
├── Batch Name (Network Name): offline
└── any of
    ├── b (Generic Application): offline
    └── c (Generic Application): offline
";
    assert_eq!(tree, expected);
    let tree = desk.json(&["group", "show", "Batch", "--tree"]);
    let tops: Vec<_> = tree["resources"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    assert_eq!(tops, ["Nightly Report", "a"]);
    assert_eq!(tree["resources"][1]["depends_on"][1][1]["name"], "c");
    // What would go in circles, or is no expression.
    desk.error(&["resource", "dependency", "add", "b", "a"], 1);
    let error = desk.error(&["resource", "dependency", "set", "a", "b"], 2);
    assert!(text(&error["error"]).contains("brackets"), "{error}");
    assert_eq!(
        desk.error(&["resource", "dependency", "remove", "b", "c"], 5)["status_name"],
        "ERROR_DEPENDENCY_NOT_FOUND"
    );
}

#[test]
fn properties_are_set_with_the_types_that_the_server_has() {
    let server = Server::start();
    let desk = server.desk();
    let name = "Nightly Report";
    let set = desk.json(&["resource", "set", name, "restartdelay=1000", "CommandLine=sleep 5"]);
    assert_eq!(set["counts_when_next_online"], false);
    assert_eq!(set["set"][0]["name"], "RestartDelay");
    for (arguments, value) in [
        (&["--private", "--type", "dword", "Weight=7"][..], json!(7)),
        (&["--private", "--type", "qword", "Weight64=0xffffffffffffffff"], json!(u64::MAX)),
        (&["--private", "--type", "multi-sz", "Städte=Köln", "Städte=東京"], json!(["Köln", "東京"])),
        (&["--private", "--type", "binary", "Raw=00ff"], json!("00ff")),
        (&["--private", "Text=plain"], json!("plain")),
    ] {
        let set = desk.json(&[&["resource", "set", name], arguments].concat());
        assert_eq!(set["set"][0]["value"], value);
        let listed = desk.json(&["resource", "property", "list", name]);
        let found = listed.as_array().unwrap().iter().find(|it| it["name"] == set["set"][0]["name"]).unwrap();
        assert_eq!(
            (&found["value"], &found["set"], &found["type"]),
            (&value, &json!("private"), &set["set"][0]["type"])
        );
    }
    // Of a resource that is online, private properties wait.
    assert_eq!(desk.json(&["resource", "set", "Web Server", "ServiceName=apache"])["counts_when_next_online"], true);
    for (assignment, hint) in [("Type=x", "read-only"), ("Nonesuch=1", "--private"), ("RestartDelay=soon", "no number")]
    {
        let error = desk.error(&["resource", "set", name, assignment], 2);
        assert!(text(&error["error"]).contains(hint), "{error}");
    }
}

//! The cluster, its nodes, groups, networks and resource types.

use serde_json::json;

use crate::{server::Server, support::text};

const UNICODE: &str = "Größe 世界 🦀";

#[test]
fn the_cluster_tells_its_name_versions_and_quorum() {
    let server = Server::start();
    let desk = server.desk();
    let shown = desk.json(&["cluster", "show"]);
    assert_eq!((&shown["name"], &shown["answered_by"]), (&json!("DEMO"), &json!("node1")));
    assert_eq!(shown["nodes"], json!([{ "name": "node1", "state": "up" }]));
    assert_eq!(shown["groups"].as_array().unwrap().len(), 3);
    let version = desk.json(&["cluster", "version"]);
    assert!(version["major"].as_u64() >= Some(10), "{version}");
    assert_eq!((&version["cluster_highest"], &version["mixed"]), (&json!("10.1"), &json!(false)));
    assert_eq!(desk.json(&["quorum", "show"])["resource"], "");
    assert!(desk.run(&["quorum", "show"]).output.contains("majority of nodes"));

    // Not while its name resource is online.
    let refused = desk.run(&["cluster", "rename", "PAYROLL"]);
    assert!(refused.code == 1 && refused.errors.contains("ERROR_RESOURCE_ONLINE"), "{refused:?}");
    assert_eq!(desk.run(&["resource", "offline", "Cluster Name"]).code, 0);
    let renamed = desk.json(&["cluster", "rename", "PAYROLL"]);
    assert_eq!(renamed, json!({ "name": "PAYROLL", "counts_when_next_online": false }));
    assert_eq!(desk.json(&["cluster", "show"])["name"], "PAYROLL");
    let done = desk.run(&["cluster", "set", "SameSubnetDelay=2000", &format!("Description={UNICODE}")]);
    assert_eq!(done.code, 0, "{done:?}");
    let listed = desk.json(&["cluster", "property", "list"]);
    let value = |name: &str| listed.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["value"].clone();
    assert_eq!((value("SameSubnetDelay"), value("Description")), (json!(2000), json!(UNICODE)));
}

#[test]
fn a_group_is_created_renamed_and_deleted() {
    let server = Server::start();
    let desk = server.desk();
    let created = desk.json(&["group", "create", UNICODE]);
    let (name, id) = (text(&created["name"]), text(&created["id"]));
    assert_eq!(name, UNICODE);
    let listed = desk.json(&["group", "list"]);
    let found = listed.as_array().unwrap().iter().find(|it| it["name"] == UNICODE).unwrap();
    assert_eq!(*found, json!({ "name": UNICODE, "id": id, "state": "offline", "owner": "node1" }));
    assert!(desk.run(&["group", "list"]).output.contains(UNICODE));
    // By its ID, and in another case.
    assert_eq!(desk.json(&["group", "show", id])["name"], UNICODE);
    assert_eq!(desk.json(&["group", "show", "größe 世界 🦀"])["id"], id);

    let set =
        desk.json(&["group", "set", UNICODE, "Priority=0xBB8", "AntiAffinityClassNames=a", "AntiAffinityClassNames=b"]);
    assert_eq!((&set["set"][0]["value"], &set["set"][1]["value"]), (&json!(3000), &json!(["a", "b"])));
    let listed = desk.json(&["group", "property", "list", UNICODE]);
    let classes = listed.as_array().unwrap().iter().find(|it| it["name"] == "AntiAffinityClassNames").unwrap();
    assert_eq!((&classes["value"], &classes["type"]), (&json!(["a", "b"]), &json!("multi-sz")));
    assert_eq!(desk.json(&["group", "owners", UNICODE, "node1"])["preferred_owners"], json!(["node1"]));
    assert_eq!(desk.json(&["group", "owners", UNICODE, "--clear"])["preferred_owners"], json!([]));

    assert_eq!(desk.run(&["group", "rename", UNICODE, "Shop"]).code, 0);
    assert_eq!(desk.run(&["resource", "create", "Clerk", "--group", "Shop", "--type", "Generic Application"]).code, 0);
    let error = desk.error(&["group", "delete", "Shop"], 1);
    assert_eq!((&error["status_name"], &error["status"]), (&json!("ERROR_DIR_NOT_EMPTY"), &json!(145)));
    assert!(text(&error["error"]).contains("--force"), "{error}");
    assert_eq!(desk.run(&["group", "delete", "Shop", "--force", "--yes"]).code, 0);
    desk.error(&["group", "show", "Shop"], 5);
}

#[test]
fn online_and_offline_wait_until_it_is_so() {
    let server = Server::start();
    let desk = server.desk();
    let done = desk.json(&["group", "online", "Batch"]);
    let resources = json!([
        { "name": "Batch Name", "state": "online" },
        { "name": "Nightly Report", "state": "online" },
    ]);
    let expected =
        json!({ "group": "Batch", "state": "online", "owner": "node1", "reached": true, "resources": resources });
    assert_eq!(done, expected);
    let done = desk.run(&["group", "offline", "Batch"]);
    assert_eq!((done.code, done.output.trim()), (0, r#"the group "Batch" is offline on node1"#), "{done:?}");
    assert_eq!(desk.json(&["group", "show", "Batch"])["state"], "offline");
    // An empty group has nothing to wait for.
    assert_eq!(desk.run(&["group", "create", "Empty"]).code, 0);
    assert_eq!(desk.json(&["group", "online", "Empty", "--timeout", "5"])["reached"], true);
    assert_eq!(desk.run(&["group", "online", "Batch", "--no-wait"]).code, 0);
    // There is one node only.
    let error = desk.error(&["group", "move", "Batch"], 1);
    assert_eq!(error["status_name"], "ERROR_HOST_NODE_NOT_AVAILABLE");
    assert_eq!(desk.json(&["group", "move", "Batch", "--to", "node1"])["owner"], "node1");
}

#[test]
fn a_node_that_is_paused_takes_nothing() {
    let server = Server::start();
    let desk = server.desk();
    assert_eq!(desk.json(&["node", "list"]), json!([{ "name": "node1", "id": "1", "state": "up" }]));
    let shown = desk.json(&["node", "show", "node1"]);
    assert_eq!(shown["network_interfaces"].as_array().unwrap().len(), 1);
    assert!(shown["groups"].as_array().unwrap().contains(&json!("Web Shop")));
    assert_eq!(desk.run(&["node", "pause", "node1"]).code, 0);
    assert_eq!(desk.json(&["node", "list"])[0]["state"], "paused");
    let error = desk.error(&["group", "online", "Batch"], 7);
    assert_eq!(error["status_name"], "ERROR_SHARING_PAUSED");
    assert!(text(&error["error"]).contains("clusctl node resume"), "{error}");
    assert_eq!(desk.run(&["node", "resume", "node1", "--failback", "immediate"]).code, 0);
    assert_eq!(desk.json(&["node", "list"])[0]["state"], "up");
    assert_eq!(desk.error(&["node", "resume", "node1"], 1)["status_name"], "ERROR_CLUSTER_NODE_NOT_PAUSED");
    assert_eq!(desk.run(&["node", "set", "node1", "Description=first"]).code, 0);
    // Its groups have nowhere to go.
    desk.error(&["node", "pause", "node1", "--drain", "--timeout", "10"], 1);
}

#[test]
fn networks_and_resource_types() {
    let server = Server::start();
    let desk = server.desk();
    assert_eq!(desk.json(&["network", "list"])[0]["state"], "up");
    assert_eq!(desk.run(&["network", "rename", "Cluster Network 1", "Réseau"]).code, 0);
    let shown = desk.json(&["network", "show", "Réseau"]);
    let interface = &shown["interfaces"][0];
    assert_eq!((&interface["node"], &interface["state"]), (&json!("node1"), &json!("up")));
    assert_eq!(interface["address"], "127.0.0.1");
    assert_eq!(desk.run(&["network", "set", "Réseau", "Role=1"]).code, 0);

    assert_eq!(desk.run(&["resourcetype", "create", "Mailer", "--dll", "mailer.dll"]).code, 0);
    assert!(desk.json(&["resourcetype", "list"]).as_array().unwrap().contains(&json!("Mailer")));
    let listed = desk.json(&["resourcetype", "property", "list", "Mailer"]);
    let dll = listed.as_array().unwrap().iter().find(|it| it["name"] == "DllName").unwrap();
    assert_eq!((&dll["value"], &dll["read_only"]), (&json!("mailer.dll"), &json!(true)));
    let shown = desk.json(&["resourcetype", "show", "Generic Service"]);
    assert_eq!((&shown["nodes"], &shown["resources"]), (&json!(["node1"]), &json!(["Web Server"])));
    assert_eq!(desk.run(&["resourcetype", "delete", "Mailer"]).code, 0);
    desk.error(&["resourcetype", "show", "Mailer"], 5);
}

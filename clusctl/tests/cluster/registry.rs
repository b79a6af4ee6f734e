//! The cluster's registry.

use serde_json::json;

use crate::{server::Server, support::text};

#[test]
fn values_of_every_type_come_back_as_they_were_set() {
    let server = Server::start();
    let desk = server.desk();
    let key = "Software/Müller 🦀";
    // Larger than the buffer that is first offered.
    let long = "x".repeat(5_000);
    for (name, kind, data, expected) in [
        ("Currency", "sz", &["EUR €"][..], json!("EUR €")),
        ("", "sz", &["without a name"], json!("without a name")),
        ("Folder", "expand-sz", &["%TEMP%\\x"], json!("%TEMP%\\x")),
        ("Cities", "multi-sz", &["Köln", "東京"], json!(["Köln", "東京"])),
        ("Limit", "dword", &["0x100"], json!(256)),
        ("Negative", "dword", &["-1"], json!(u32::MAX)),
        ("Big", "qword", &["18446744073709551615"], json!(u64::MAX)),
        ("Raw", "binary", &["00ff 10"], json!("00ff10")),
        ("Long", "sz", &[long.as_str()], json!(long)),
    ] {
        let set = desk.json(&[&["registry", "set", "--type", kind, key, name], data].concat());
        assert_eq!(set["data"], expected);
        let read = desk.json(&["registry", "get", key, name]);
        assert_eq!((&read["data"], &read["type"]), (&expected, &json!(kind)), "{name}");
    }
    assert_eq!(desk.run(&["registry", "get", key, "Cities"]).output, "Köln\n東京\n");
    let listed = desk.json(&["registry", "ls", key]);
    assert_eq!((listed["values"].as_array().unwrap().len(), &listed["keys"]), (9, &json!([])));
    assert!(desk.run(&["registry", "ls"]).output.contains("ClusterName"));
    assert!(desk.run(&["registry", "ls", key]).output.contains("(default)"));

    assert_eq!(desk.json(&["registry", "set", &format!("{key}/below/deeper")])["created"], true);
    let tree = desk.run(&["registry", "tree", "Software"]).output;
    assert_eq!(tree, "Software\n└── Müller 🦀\n    └── below\n        └── deeper\n");
    let tree = desk.json(&["registry", "tree", "Software", "--depth", "0"]);
    assert_eq!(tree["keys"], json!([{ "name": "Müller 🦀", "values": [], "keys": [] }]));
    let export = desk.run(&["registry", "export", key]).output;
    assert!(
        export.starts_with(
            "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\Cluster\\Software\\Müller 🦀]\n"
        )
    );
    for line in ["@=\"without a name\"", "\"Limit\"=dword:00000100", "\"Raw\"=hex:00,ff,10", "\"Currency\"=\"EUR €\""]
    {
        assert!(export.lines().any(|it| it == line), "{line}: {export}");
    }

    assert_eq!(desk.run(&["registry", "delete", key, "Limit"]).code, 0);
    let error = desk.error(&["registry", "get", key, "Limit"], 5);
    assert_eq!(error["status_name"], "ERROR_FILE_NOT_FOUND");
    assert!(text(&error["error"]).contains("Limit"), "{error}");
    assert_eq!(desk.run(&["registry", "delete", "Software", "--recursive"]).code, 0);
    desk.error(&["registry", "ls", "Software"], 5);
    // Wrong data never leaves.
    desk.error(&["registry", "set", key, "Limit", "much", "--type", "dword"], 2);
}

//! Getting in by Kerberos, in a realm of MIT's KDC.

use std::{fs, path::Path};

use msrpc_tests::rpc::kerberos::{
    self,
    kdc::{Kdc, PASSWORD, USER},
};

use crate::{
    server::Server,
    support::{Desk, Done, finish, text},
};

/// Asks for the groups in some way; `options` say how to get in.
fn ask(binding: &str, options: &[&str], password: Option<&str>) -> Done {
    let desk = Desk::new("");
    let mut command = desk.command(&[&["group", "list", "--json", "--binding", binding], options].concat());
    finish(command.envs(password.map(|password| ("CLUSCTL_PASSWORD", password))).spawn().unwrap())
}

fn succeeds(binding: &str, options: &[&str], password: Option<&str>) {
    let done = ask(binding, options, password);
    assert_eq!(done.code, 0, "{options:?}: {done:?}");
    let groups: serde_json::Value = serde_json::from_str(&done.output).unwrap();
    assert!(groups.as_array().unwrap().len() > 1, "{options:?}: {groups}");
}

fn fails(binding: &str, options: &[&str], password: Option<&str>, code: i32, why: &str) {
    let done = ask(binding, options, password);
    assert_eq!(done.code, code, "{options:?}: {done:?}");
    let error: serde_json::Value = serde_json::from_str(&done.errors).unwrap();
    assert!(text(&error["error"]).contains(why), "{options:?}: {error}");
}

#[test]
fn tickets_keytabs_and_passwords_open_the_cluster() {
    kerberos::test("kerberos::tickets_keytabs_and_passwords_open_the_cluster", Kdc::for_test, |realm| async move {
        let at_once = move || {
            let principal = format!("{USER}@{}", realm.name);
            let server = Server::with_keytab(realm.keytab("node1"), &format!("user:{principal}"));
            let named = server.binding().replace(']', &format!(",target_hostname={}]", realm.host("node1")));
            let tickets = realm.tickets_of(USER, PASSWORD).unwrap().display().to_string();
            let keytab = realm.keytab("node1").display().to_string();
            let host = format!("host/{}@{}", realm.host("node1"), realm.name);
            succeeds(&named, &["--ccache", &tickets], None);
            succeeds(&named, &["-k", "-u", &principal], Some(PASSWORD));
            succeeds(&named, &["-k", "-u", &format!(r"{}\{USER}", realm.name)], Some(PASSWORD));
            let raw = named.replace(']', ",krb5]");
            succeeds(&raw, &["--ccache", &tickets], None);
            // Somebody of the realm whom nobody made an administrator.
            fails(&named, &["--keytab", &keytab, "-u", &host], None, 4, "ERROR_ACCESS_DENIED");

            fails(&named, &["-k", "-u", &principal], Some("wrong"), 4, "password");
            fails(&named, &["-k"], None, 4, "kinit");
            fails(&named, &["-k", "-u", "nobody"], Some("wrong"), 4, "nobody");
            // An address has no principal, and there is no other way in unless somebody says so.
            fails(&server.binding(), &["-k", "-u", &principal], Some(PASSWORD), 4, "127.0.0.1");
            succeeds(&server.binding(), &["-k", "--or-ntlm", "-u", "root"], Some("Passw0rd"));
            fails(&server.binding(), &["--keytab", &keytab], None, 2, "--user");
        };
        // The server is in this process, on a runtime of its own.
        tokio::task::spawn_blocking(at_once).await.unwrap();
    });
}

/// A service that the KDC has never heard of, and a KDC that is not there.
#[test]
fn what_is_wrong_with_the_realm_is_said() {
    kerberos::test("kerberos::what_is_wrong_with_the_realm_is_said", Kdc::for_test, |realm| async move {
        let at_once = move || {
            let principal = format!("{USER}@{}", realm.name);
            let server = Server::with_keytab(realm.keytab("node1"), &format!("user:{principal}"));
            let named = server.binding().replace(']', ",target_hostname=node9.mit.test]");
            fails(&named, &["-k", "-u", &principal], Some(PASSWORD), 4, "node9.mit.test");
            let nowhere = realm.folder.join("nowhere.conf");
            fs::write(&nowhere, elsewhere(&realm.folder.join("krb5.conf"))).unwrap();
            let desk = Desk::new("");
            let mut command = desk.command(&["group", "list", "--binding", &named, "-k", "-u", &principal]);
            let done = finish(command.env("KRB5_CONFIG", &nowhere).env("CLUSCTL_PASSWORD", PASSWORD).spawn().unwrap());
            assert_eq!(done.code, 3, "{done:?}");
            assert!(done.errors.contains("KDC"), "{done:?}");
        };
        tokio::task::spawn_blocking(at_once).await.unwrap();
    });
}

/// A configuration whose KDC is a port where nobody listens.
fn elsewhere(configuration: &Path) -> String {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = fs::read_to_string(configuration).unwrap();
    let lines = text.lines().map(|line| match line.trim().starts_with("kdc =") {
        true => format!("  kdc = {nobody}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

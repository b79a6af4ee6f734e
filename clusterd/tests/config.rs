//! The configuration: the example, and what is refused.

use std::{fs, path::Path, process::Command};

use clusterd::config::{Config, Limits, PipeTrust, Provider};

const CLUSTERD: &str = env!("CARGO_BIN_EXE_clusterd");

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/clusterd.toml")).unwrap()
}

fn load(text: &str) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Config::load(file.path()).map_err(|error| error.to_string())
}

/// The example without the `#` in front of settings.
fn uncommented(text: &str) -> String {
    let setting = |line: &&str| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        bare.starts_with("[")
            || bare.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let lines = text.lines().filter(setting).map(|line| line.strip_prefix("# ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_good_and_its_comments_show_the_defaults() {
    let config = load(&example()).unwrap();
    assert_eq!(config.fsrvp.provider.iter().map(Provider::name).collect::<Vec<_>>(), ["btrfs", "copy"]);
    assert_eq!(config.samba.as_ref().unwrap().pipe_trust, PipeTrust::Smb);
    assert_eq!(config.fsrvp.policy().unwrap(), msrpc_cluster::fsrvp::server::AccessPolicy::default());
    // Every setting that is commented out is one that exists. Shares and Samba exclude each other.
    let all = uncommented(&example());
    let all = all.split("[[fsrvp.share]]").next().unwrap();
    let all = load(all).unwrap();
    assert_eq!(all.fsrvp.provider.len(), 4);
    assert_eq!(all.fsrvp.policy().unwrap(), config.fsrvp.policy().unwrap());
    assert_eq!(all.log.level, config.log.level);
    assert_eq!(all.samba.unwrap().configuration, config.samba.unwrap().configuration);
    assert_eq!(all.tcp.listen.len(), 1);
    assert_eq!((&all.limits, &config.limits), (&Limits::default(), &Limits::default()));
}

#[test]
fn what_nobody_knows_is_named_with_its_line() {
    let error = load("data = \"/x\"\n[fsrvp]\nfaster = 3\n").unwrap_err();
    assert!(error.contains("line 3") && error.contains("faster"), "{error}");
    let error =
        load("[[fsrvp.provider]]\nname = \"a\"\ntype = \"copy\"\nsnapshots = \"/s\"\nprogram = \"/x\"\n").unwrap_err();
    assert!(error.contains("program"), "{error}");
    let error = load("[limits]\nconections = 3\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("connections_per_client"), "{error}");
    let error = load("[limits]\nconnections_per_client = 0\nidle_seconds = 0\n").unwrap_err();
    assert!(error.contains("limits.connections_per_client is 0") && !error.contains("idle"), "{error}");
    let error = load("[fsrvp]\naccess = [\"joe\"]\n").unwrap_err();
    assert!(error.contains("user:NAME"), "{error}");
}

#[test]
fn all_that_does_not_fit_is_told_at_once() {
    let error = load(
        "data = \"here\"\n[tcp]\nlisten = [\"127.0.0.1:0\"]\n[[fsrvp.share]]\nname = \"a/b\"\npath = \"x\"\n\
         [[fsrvp.provider]]\nname = \"c\"\ntype = \"copy\"\nsnapshots = \"/s\"\n\
         [[fsrvp.provider]]\nname = \"C\"\ntype = \"copy\"\nsnapshots = \"/t\"\n",
    )
    .unwrap_err();
    for part in ["data is here", "path of share a/b", "credentials", "\"a/b\"", "two of fsrvp.provider"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn check_says_what_is_missing_on_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clusterd.toml");
    let text = |snapshots: &str| {
        format!(
            "data = \"{0}/data\"\ncredentials = \"{0}/accounts\"\n[tcp]\nlisten = [\"127.0.0.1:0\"]\n\
             [[fsrvp.provider]]\nname = \"c\"\ntype = \"copy\"\nsnapshots = \"{0}/{snapshots}\"\n\
             [[fsrvp.share]]\nname = \"d\"\npath = \"{0}\"\n",
            folder.path().display()
        )
    };
    let check = || Command::new(CLUSTERD).arg("--check").arg("--config").arg(&file).output().unwrap();
    fs::write(&file, text("none/snapshots")).unwrap();
    let output = check();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("accounts"), "{output:?}");
    fs::write(folder.path().join("accounts"), "root::password:x\n").unwrap();
    let output = check();
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no folder"), "{output:?}");
    fs::write(&file, text("snapshots")).unwrap();
    let output = check();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("is good"), "{output:?}");
    assert!(!folder.path().join("data").exists(), "it changed something");
}

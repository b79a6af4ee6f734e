//! `clusterd init`: what a description makes, and what is refused.

use std::{fs, path::Path, process::Command};

use clusterd::{
    cluster::{
        forming::{Description, FormError},
        hosting,
        store::{self, EmbeddedStore},
    },
    database::FileError,
    hosts::Mark,
};
use msrpc_cluster::cluster::{
    machine::Cluster,
    objects::{Kind, layout},
    registry::{KeyId, Registry},
    store::ClusterStore,
};

fn description(text: &str) -> Description {
    toml::from_str(text).unwrap()
}

async fn formed(text: &str) -> Registry {
    let folder = tempfile::tempdir().unwrap();
    description(text).form(folder.path()).unwrap();
    EmbeddedStore::open(&folder.path().join(store::FILE)).unwrap().load().await.unwrap().registry
}

fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = description(text).form(folder.path()).unwrap_err();
    assert!(!folder.path().join(store::FILE).exists(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn the_example_of_the_packaging_forms_a_cluster() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/cluster.toml")).unwrap();
    let registry = formed(&text).await;
    let cluster = Cluster::new(registry, layout::name("1"));
    let (objects, registry) = (cluster.objects(), cluster.registry());
    assert_eq!(layout::string(registry, KeyId::ROOT, layout::CLUSTER_NAME).as_deref(), Some("CLUSTER1"));
    let find = |kind, name: &str| objects.by_name(kind, &layout::name(name)).unwrap_or_else(|| panic!("{name}"));
    let (shop, name) = (find(Kind::Resource, "Shop"), find(Kind::Resource, "Shop Name"));
    let depends = cluster.relations().depends(shop.key).unwrap();
    assert_eq!(depends.resources().collect::<Vec<_>>(), [&name.id]);
    let parameters = registry.find(shop.key, &layout::path(layout::PARAMETERS)).unwrap();
    let command = layout::string(registry, parameters, "CommandLine").unwrap();
    assert!(command.contains("nginx"), "{command}");
    assert_eq!(layout::dword(registry, find(Kind::Group, "Web Shop").key, layout::PERSISTENT_STATE), Some(1));
    assert_eq!(layout::dword(registry, shop.key, layout::PERSISTENT_STATE), Some(1));
    find(Kind::Network, "Cluster Network 1");
}

#[tokio::test]
async fn every_type_that_a_node_can_host_is_in_a_new_cluster() {
    let registry = formed("name = \"C\"\nnode = \"n\"").await;
    let cluster = Cluster::new(registry, layout::name("1"));
    let folder = tempfile::tempdir().unwrap();
    for hosted in hosting::types(&Mark::of_folder(folder.path()).unwrap()) {
        let name = layout::name(hosted.name());
        assert!(cluster.objects().by_id(Kind::ResourceType, &name).is_some(), "{name}");
    }
}

#[test]
fn a_second_cluster_is_not_formed_over_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let description = description("name = \"C\"\nnode = \"n\"");
    description.form(folder.path()).unwrap();
    let before = fs::read(folder.path().join(store::FILE)).unwrap();
    let again = description.form(folder.path());
    assert!(matches!(again, Err(FormError::Store(FileError::Exists(_)))), "{again:?}");
    assert_eq!(fs::read(folder.path().join(store::FILE)).unwrap(), before);
}

#[test]
fn what_cannot_be_is_refused_and_named() {
    let group = |resource: &str| format!("name = \"C\"\nnode = \"n\"\n[[group]]\nname = \"G\"\n{resource}");
    let resource = |rest: &str| group(&format!("[[group.resource]]\nname = \"R\"\n{rest}"));
    for (text, named) in [
        ("name = \"C\"\nnode = \"n\"\nsecurity = \"nonsense\"".to_owned(), "security \"nonsense\""),
        (resource("type = \"No Such Type\""), "resource R"),
        (resource("type = \"Generic Service\"\ndepends = [\"X\"]"), "there is no resource X before it"),
        (resource("type = \"Generic Service\"\nparameters = { A = 1.5 }"), "parameter A"),
        (group("").replace("\"G\"", "\" \""), "name of group"),
        (format!("{}\n[[group_set]]\nname = \"S\"\ngroups = [\"H\"]", group("")), "there is no group H"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(named), "{text}\n{message}");
    }
}

#[test]
fn the_command_forms_a_cluster_and_check_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = path("data");
    fs::write(
        path("clusterd.toml"),
        format!(
            "data = {data:?}\ncredentials = {:?}\n[tcp]\nlisten = [\"127.0.0.1:0\"]\n[cluster]\nnode = \"n1\"\n",
            path("credentials")
        ),
    )
    .unwrap();
    fs::write(path("credentials"), "root:sid=S-1-5-32-544:password:secret\n").unwrap();
    fs::write(path("cluster.toml"), "name = \"C\"\nnode = \"n1\"").unwrap();
    let clusterd = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clusterd"));
        let output = command.arg("--config").arg(path("clusterd.toml")).args(arguments).output().unwrap();
        (
            output.status.success(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let (good, said) = clusterd(&["--check"]);
    assert!(!good && said.contains("clusterd init"), "{said}");
    let description = path("cluster.toml");
    let (good, said) = clusterd(&["init", description.to_str().unwrap()]);
    assert!(good && said.contains("is formed"), "{said}");
    let (good, said) = clusterd(&["--check"]);
    assert!(good && said.contains("the cluster C has 1 nodes and 1 resources"), "{said}");
    let (good, said) = clusterd(&["init", description.to_str().unwrap()]);
    assert!(!good, "{said}");
}

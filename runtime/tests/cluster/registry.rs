//! The tree, held against a model that is slow and plain.

use std::collections::BTreeMap;

use msrpc_cluster::cluster::registry::{
    Change, Disposition, KeyId, Name, NameError, Path, Registry, RegistryError, Value, ValueType,
};
use msrpc_ndr::{Bytes, WString};
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::of_value(&text.into()).expect("a name")
}

fn path(text: &str) -> Path {
    Path::new(text).expect("a path")
}

#[test]
fn names_differ_in_more_than_case_or_are_the_same() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    let (first, created) = edit.create(KeyId::ROOT, &path("Resources\\Größe"), None).expect("created");
    let (second, opened) = edit.create(KeyId::ROOT, &path("rESOURCES\\gRÖßE"), None).expect("opened");
    assert_eq!((created, opened), (Disposition::Created, Disposition::Opened));
    assert_eq!(first, second);
    edit.set_value(first, name("Type"), Value::string("IP Address")).expect("set");
    edit.set_value(first, name("TYPE"), Value::dword(7)).expect("set again");
    drop(edit.commit());
    assert_eq!(registry.value(first, &name("type")).expect("there").as_dword(), Some(7));
    assert_eq!(registry.info(first).expect("there").values, 1);
    assert_eq!(registry.path(first).expect("there"), "Resources\\Größe", "the case is that of the creation");
}

#[test]
fn names_that_no_key_may_have_are_refused() {
    let long = "x".repeat(256);
    for (text, error) in [
        ("\\a", NameError::Absolute),
        ("a\\\\b", NameError::Empty),
        ("a\0b", NameError::Forbidden),
        (&*long, NameError::TooLong { length: 256, limit: 255 }),
        (&"a\\".repeat(513), NameError::TooDeep),
    ] {
        assert_eq!(Path::new(text), Err(error), "{text:?}");
    }
    assert_eq!(Path::new("").map(|path| path.names().len()), Ok(0));
    assert!(Path::new(&long[1..]).is_ok());
    let long = WString::from("x".repeat(16_384).as_str());
    assert_eq!(Name::of_value(&long), Err(NameError::TooLong { length: 16_384, limit: 16_383 }));
}

#[test]
fn keys_nest_as_deep_as_allowed_and_no_deeper() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    let (deep, _) = edit.create(KeyId::ROOT, &path("a\\".repeat(512).trim_end_matches('\\')), None).expect("512 deep");
    assert_eq!(edit.create(deep, &path("b"), None), Err(RegistryError::TooDeep));
}

#[test]
fn a_key_with_keys_in_it_is_not_deleted() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    let (inner, _) = edit.create(KeyId::ROOT, &path("a\\b"), None).expect("created");
    let outer = edit.registry().find(KeyId::ROOT, &path("a")).expect("on the way");
    assert_eq!(edit.delete(outer), Err(RegistryError::HasSubkeys));
    assert_eq!(edit.delete(KeyId::ROOT), Err(RegistryError::HasSubkeys));
    edit.delete(inner).expect("the inner one first");
    edit.delete(outer).expect("then the outer one");
    assert_eq!(edit.delete(KeyId::ROOT), Err(RegistryError::Root));
    assert_eq!(edit.delete(outer), Err(RegistryError::KeyDeleted), "a handle may outlive its key");
}

#[test]
fn a_change_is_noted_on_the_key_and_a_new_key_on_the_one_it_is_in() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(10);
    let (key, _) = edit.create(KeyId::ROOT, &path("a"), None).expect("created");
    drop(edit.commit());
    let mut edit = registry.edit(20);
    edit.set_value(key, name("v"), Value::dword(1)).expect("set");
    drop(edit.commit());
    let time = |registry: &Registry, key| registry.info(key).expect("there").last_write;
    assert_eq!((time(&registry, KeyId::ROOT), time(&registry, key)), (10, 20));
    let mut edit = registry.edit(30);
    edit.create(key, &path("b"), None).expect("created");
    drop(edit.commit());
    assert_eq!((time(&registry, KeyId::ROOT), time(&registry, key)), (10, 30));
}

#[test]
fn values_read_as_what_they_are_and_as_nothing_else() {
    assert_eq!(Value::dword(5).as_dword(), Some(5));
    assert_eq!(Value::dword(5).as_qword(), None);
    assert_eq!(Value { kind: ValueType::REG_DWORD, data: Bytes::from_static(&[1, 2]) }.as_dword(), None);
    assert_eq!(Value::string("a").data, [b'a', 0, 0, 0][..]);
    assert_eq!(Value::strings(["a", "", "b"]).data, [b'a', 0, 0, 0, b'b', 0, 0, 0, 0, 0][..]);
    assert_eq!(Value::strings(["a", "bc"]).as_strings(), Some(vec!["a".to_owned(), "bc".to_owned()]));
    assert_eq!(Value::strings([]).as_strings(), Some(Vec::new()));
    let unterminated = Value { kind: ValueType::REG_SZ, data: Bytes::from_static(b"a\0b\0\x01") };
    assert_eq!(unterminated.as_string().as_deref(), Some("ab"));
}

/// What is done to the tree and to the model.
#[derive(Clone, Debug)]
enum Step {
    Create(String, Option<u8>),
    Delete(String),
    DeleteTree(String),
    Set(String, String, u32),
    Unset(String, String),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || {
        prop::collection::vec(prop::sample::select(vec!["a", "B", "b", "c"]), 1..4).prop_map(|names| names.join("\\"))
    };
    let value = || prop::sample::select(vec!["", "x", "X", "y"]).prop_map(str::to_owned);
    prop_oneof![
        (key(), any::<Option<u8>>()).prop_map(|(key, security)| Step::Create(key, security)),
        key().prop_map(Step::Delete),
        key().prop_map(Step::DeleteTree),
        (key(), value(), any::<u32>()).prop_map(|(key, name, data)| Step::Set(key, name, data)),
        (key(), value()).prop_map(|(key, name)| Step::Unset(key, name)),
    ]
}

/// Keys by path and values by name, all in upper case; a key's security.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(BTreeMap<String, (Option<u8>, BTreeMap<String, u32>)>);

impl Model {
    fn has_subkeys(&self, key: &str) -> bool {
        self.0.keys().any(|other| other.starts_with(&format!("{key}\\")))
    }

    /// Whether the step succeeds.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Create(key, security) => {
                let key = key.to_uppercase();
                let ends = key.match_indices('\\').map(|(index, _)| index).chain([key.len()]);
                for end in ends.collect::<Vec<_>>() {
                    self.0.entry(key[..end].to_owned()).or_default();
                }
                if security.is_some() {
                    self.0.get_mut(&key).expect("created").0 = *security;
                }
                true
            }
            Step::Delete(key) => {
                let key = key.to_uppercase();
                !self.has_subkeys(&key) && self.0.remove(&key).is_some()
            }
            Step::DeleteTree(key) => {
                let key = key.to_uppercase();
                self.0.retain(|other, _| !other.starts_with(&format!("{key}\\")));
                self.0.remove(&key).is_some()
            }
            Step::Set(key, name, data) => match self.0.get_mut(&key.to_uppercase()) {
                Some((_, values)) => {
                    values.insert(name.to_uppercase(), *data);
                    true
                }
                None => false,
            },
            Step::Unset(key, name) => self
                .0
                .get_mut(&key.to_uppercase())
                .is_some_and(|(_, values)| values.remove(&name.to_uppercase()).is_some()),
        }
    }

    fn of(registry: &Registry) -> Self {
        let mut model = Self::default();
        let mut pending = vec![(String::new(), KeyId::ROOT)];
        while let Some((path, id)) = pending.pop() {
            let key = registry.key(id).expect("a subkey is there");
            for (name, id) in key.subkeys() {
                assert_eq!(registry.key(*id).expect("there").parent, Some(key_id(registry, &path)));
                let path = if path.is_empty() { name.to_string() } else { format!("{path}\\{name}") };
                pending.push((path, *id));
            }
            if id != KeyId::ROOT {
                let values = key
                    .values()
                    .iter()
                    .map(|(name, value)| (name.to_string().to_uppercase(), value.as_dword().expect("a number")));
                let security = key.security.as_ref().map(|octets| octets[0]);
                model.0.insert(path.to_uppercase(), (security, values.collect()));
            }
        }
        model
    }
}

fn key_id(registry: &Registry, path: &str) -> KeyId {
    registry.find(KeyId::ROOT, &Path::new(path).expect("a path")).expect("there")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Random steps in edits that stay or are dropped: the tree is what the model is; a dropped
    /// edit leaves no trace; and the changes, applied elsewhere, make the same tree.
    #[test]
    fn the_tree_is_what_the_model_is(edits in prop::collection::vec((prop::collection::vec(step(), 1..8), any::<bool>()), 1..12)) {
        let (mut registry, mut model, mut copy) = (Registry::new(), Model::default(), Registry::new());
        for (time, (steps, stays)) in edits.into_iter().enumerate() {
            let before = registry.clone();
            let mut after = model.clone();
            let mut edit = registry.edit(time as u64 + 1);
            for step in &steps {
                let find = |edit: &msrpc_cluster::cluster::registry::Edit<'_>, key: &str| edit.registry().find(KeyId::ROOT, &path(key));
                let done = match step {
                    Step::Create(key, security) => edit
                        .create(KeyId::ROOT, &path(key), security.map(|octet| Bytes::copy_from_slice(&[octet])))
                        .map(drop),
                    Step::Delete(key) => find(&edit, key).and_then(|key| edit.delete(key)),
                    Step::DeleteTree(key) => find(&edit, key).and_then(|key| edit.delete_tree(key)),
                    Step::Set(key, value, data) => find(&edit, key).and_then(|key| edit.set_value(key, name(value), Value::dword(*data))),
                    Step::Unset(key, value) => find(&edit, key).and_then(|key| edit.delete_value(key, &name(value))),
                };
                prop_assert_eq!(done.is_ok(), after.step(step), "{:?}: {:?}", step, done);
            }
            if stays {
                let changes: Vec<Change> = edit.commit();
                changes.iter().for_each(|change| copy.apply(change));
                model = after;
            } else {
                drop(edit);
                prop_assert_eq!(&registry, &before);
            }
            prop_assert_eq!(Model::of(&registry), model.clone());
            prop_assert_eq!(Model::of(&copy), model.clone());
        }
    }
}

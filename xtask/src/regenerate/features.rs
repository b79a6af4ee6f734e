//! The features of `generated/Cargo.toml`: one for each IDL file, bringing in what it imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use midlc::model::{FileModel, Model};

use crate::workspace::Result;

const MANIFEST: &str = "generated/Cargo.toml";

/// Features that are no IDL file.
const OTHERS: [&str; 2] = ["default", "reflect"];

/// The feature of an IDL file: its name without the extension.
pub(super) fn name(file: &FileModel) -> String {
    let stem = Path::new(&file.source).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Fails unless the manifest says what the imports say.
pub(super) fn check(model: &Model) -> Result {
    let manifest: toml::Table = fs::read_to_string(MANIFEST)?.parse()?;
    let declared = declared(&manifest);
    let mistakes = mistakes(&declared, &wanted(model));
    if mistakes.is_empty() {
        return Ok(());
    }
    Err(format!("the features of {MANIFEST} do not match idl/\n{}", mistakes.join("\n")).into())
}

type Features = BTreeMap<String, BTreeSet<String>>;

/// The feature of each file in `idl/`, and those of the files it imports, directly or not.
fn wanted(model: &Model) -> Features {
    let features = model.files.iter().filter(|file| file.root).map(|file| {
        let imports = file.imports.iter().map(|&import| &model.files[import]).filter(|file| file.root).map(name);
        (name(file), imports.collect())
    });
    features.collect()
}

fn declared(manifest: &toml::Table) -> Features {
    let table = manifest.get("features").and_then(toml::Value::as_table);
    let features = table.into_iter().flatten().filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    features.map(|(name, list)| (name.clone(), strings(list))).collect()
}

fn strings(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn mistakes(declared: &Features, wanted: &Features) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (name, imports) in wanted {
        match declared.get(name) {
            None => mistakes.push(format!("  `{name}` is missing; add: {name} = {imports:?}", imports = list(imports))),
            Some(_) if reached(declared, name) != *imports => {
                mistakes.push(format!("  `{name}` must bring in exactly {:?}", list(imports)));
            }
            Some(_) => {}
        }
    }
    let unknown = declared.keys().filter(|name| !wanted.contains_key(*name));
    mistakes.extend(unknown.map(|name| format!("  `{name}` is no file in idl/")));
    mistakes
}

fn list(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// What a feature turns on, directly or not.
fn reached(declared: &Features, name: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        for next in declared.get(name).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::{Features, declared, mistakes};

    fn features(text: &str) -> Features {
        declared(&text.parse().unwrap())
    }

    fn wanted() -> Features {
        features("[features]\na = []\nb = ['a']\nc = ['a', 'b']")
    }

    #[test]
    fn imports_may_be_brought_in_through_others() {
        let ours = features("[features]\ndefault = []\na = []\nb = ['a']\nc = ['b']");
        assert!(mistakes(&ours, &wanted()).is_empty());
    }

    #[test]
    fn missing_wrong_and_unknown_features_are_reported() {
        let ours = features("[features]\na = []\nc = ['a']\nd = []");
        let expected = [
            "  `b` is missing; add: b = [\"a\"]",
            "  `c` must bring in exactly [\"a\", \"b\"]",
            "  `d` is no file in idl/",
        ];
        assert_eq!(mistakes(&ours, &wanted()), expected);
    }
}

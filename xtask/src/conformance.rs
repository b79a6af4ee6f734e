//! `cargo xtask conformance`: which test proves which rule of a document.
//!
//! `tests/conformance/*.toml` are the tables (the first says how they are written); each becomes a
//! page of `docs/conformance/`. A test that does not exist is an error.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Deserialize;

use crate::workspace::Result;

const TABLES: &str = "tests/conformance";
const PAGES: &str = "docs/conformance";
/// Where a test is looked for that is named by its function alone.
const ROOTS: [&str; 4] = ["runtime", "clusterd", "clusctl", "tests"];

/// Options of `conformance`.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Write nothing; fail if a page is not what its table says.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    document: String,
    title: Option<String>,
    revision: Option<String>,
    /// Where the tests of a place are: a folder with a file for each module, or one file.
    #[serde(default)]
    places: BTreeMap<String, PathBuf>,
    #[serde(default)]
    section: Vec<Section>,
    /// Rules that say their section themselves.
    #[serde(default)]
    rule: Vec<LooseRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    codes: Vec<Code>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
    #[serde(default)]
    tests: Vec<String>,
    reason: Option<String>,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    rule: String,
    #[serde(default)]
    tests: Vec<String>,
    reason: Option<String>,
    #[serde(default)]
    open: bool,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LooseRule {
    section: String,
    must: String,
    #[serde(default)]
    tests: Vec<String>,
    reason: Option<String>,
    #[serde(default)]
    open: bool,
    note: Option<String>,
}

impl Table {
    fn parse(text: &str) -> std::result::Result<Self, toml::de::Error> {
        let mut table: Self = toml::from_str(text)?;
        for LooseRule { section: number, must, tests, reason, open, note } in std::mem::take(&mut table.rule) {
            if table.section.last().is_none_or(|section| section.number != number) {
                table.section.push(Section { number, name: String::new(), codes: Vec::new(), rules: Vec::new() });
            }
            if let Some(section) = table.section.last_mut() {
                section.rules.push(Rule { rule: must, tests, reason, open, note });
            }
        }
        Ok(table)
    }
}

pub(crate) fn run(options: &Options) -> Result {
    let mut tables: Vec<PathBuf> = fs::read_dir(TABLES)
        .map_err(|error| format!("{TABLES}: {error}"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    tables.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    tables.sort();
    for path in tables {
        table(&path, options)?;
    }
    Ok(())
}

fn table(path: &Path, options: &Options) -> Result {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let table = Table::parse(&text).map_err(|error| format!("{shown}: {error}"))?;
    let mistakes = mistakes(&table);
    if !mistakes.is_empty() {
        return Err(format!("{shown}:\n  {}", mistakes.join("\n  ")).into());
    }
    let page = Path::new(PAGES).join(path.file_stem().unwrap_or_default()).with_extension("md");
    let written = written(&table, path);
    let count = Count::of(&table);
    println!("{}: {count}", page.display());
    if !options.check {
        fs::create_dir_all(PAGES)?;
        return Ok(fs::write(&page, written)?);
    }
    match fs::read_to_string(&page) {
        Ok(there) if there == written => Ok(()),
        _ => Err(format!("{} is not what {shown} says: run 'cargo xtask conformance'", page.display()).into()),
    }
}

struct Count {
    codes: usize,
    rules: usize,
    reasons: usize,
    open: usize,
}

impl Count {
    fn of(table: &Table) -> Self {
        let rules = || table.section.iter().flat_map(|section| &section.rules);
        let codes = || table.section.iter().flat_map(|section| &section.codes);
        Self {
            codes: codes().count(),
            rules: rules().count(),
            reasons: rules().filter(|rule| rule.reason.is_some()).count()
                + codes().filter(|code| code.reason.is_some()).count(),
            open: rules().filter(|rule| rule.open).count(),
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { codes, rules, reasons, open } = self;
        write!(f, "{codes} codes, {rules} rules, of which {reasons} cannot be tested and {open} are open")
    }
}

/// What is wrong with a table.
fn mistakes(table: &Table) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut sources = Sources::default();
    for section in &table.section {
        let codes = section.codes.iter().map(|it| (&it.code, &it.tests, it.reason.is_some(), false));
        let rules = section.rules.iter().map(|it| (&it.rule, &it.tests, it.reason.is_some(), it.open));
        for (what, tests, reason, open) in codes.chain(rules) {
            let ways = [!tests.is_empty(), reason, open].into_iter().filter(|way| *way).count();
            if ways != 1 {
                let number = &section.number;
                mistakes.push(format!("{number}, {what:?}: one of `tests`, `reason` and `open = true` is needed"));
            }
            for test in tests {
                if let Err(mistake) = find(table, test, &mut sources) {
                    mistakes.push(format!("{}, {what:?}: {mistake}", section.number));
                }
            }
        }
    }
    mistakes
}

/// Finds a test in the sources.
fn find(table: &Table, test: &str, sources: &mut Sources) -> std::result::Result<(), String> {
    let Some((place, rest)) = test.split_once("::") else {
        let sources = sources.everywhere().map_err(|error| format!("{test}: {error}"))?;
        let found = sources.iter().any(|text| has_test(text, test));
        return if found { Ok(()) } else { Err(format!("there is no test {test} in {}", ROOTS.join(", "))) };
    };
    let folder = table.places.get(place).ok_or_else(|| format!("{place} of {test} is no place of [places]"))?;
    let (file, name) = match rest.rsplit_once("::") {
        None => (folder.clone(), rest),
        Some((module, name)) => (folder.join(module.replace("::", "/")).with_extension("rs"), name),
    };
    let text = sources.read(&file).map_err(|error| format!("{test}: {}: {error}", file.display()))?;
    if has_test(text, name) { Ok(()) } else { Err(format!("there is no test {name} in {}", file.display())) }
}

/// Sources that were read.
#[derive(Default)]
struct Sources {
    files: BTreeMap<PathBuf, String>,
    all: Vec<String>,
}

impl Sources {
    fn read(&mut self, file: &Path) -> std::io::Result<&str> {
        if !self.files.contains_key(file) {
            self.files.insert(file.to_owned(), fs::read_to_string(file)?);
        }
        Ok(self.files.get(file).map(String::as_str).unwrap_or_default())
    }

    /// Those in which a test without a place may be.
    fn everywhere(&mut self) -> std::io::Result<&[String]> {
        if self.all.is_empty() {
            let mut folders: Vec<PathBuf> = ROOTS.iter().map(PathBuf::from).collect();
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder)? {
                    let path = entry?.path();
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|extension| extension == "rs") {
                        self.all.push(fs::read_to_string(path)?);
                    }
                }
            }
        }
        Ok(&self.all)
    }
}

/// Whether a source has a test: a function with an attribute `test`, or a line `name => …` of a
/// macro that makes one.
fn has_test(text: &str, name: &str) -> bool {
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        let is_attribute = line.starts_with("#[");
        if is_attribute && (line.starts_with("#[test") || line.contains("::test")) {
            marked = true;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some(function) = function {
            if marked && function.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')) {
                return true;
            }
            marked = false;
        }
        if line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with("=>")) {
            return true;
        }
    }
    false
}

/// The page of a table.
fn written(table: &Table, path: &Path) -> String {
    let mut page = String::new();
    let title = table.title.as_ref().map(|title| format!("{title} ")).unwrap_or_default();
    let revision = table.revision.as_ref().map(|revision| format!("Revision {revision}. ")).unwrap_or_default();
    let _ = write!(
        page,
        "# {title}[{}]: what proves which rule\n\n\
         <!-- Written by 'cargo xtask conformance' from {}; do not edit. -->\n\n\
         {revision}{}.",
        table.document,
        path.display(),
        Count::of(table)
    );
    let named = if table.places.is_empty() { "" } else { " A test is named by its place, module and function:\n" };
    let _ = writeln!(page, "{named}");
    for (place, folder) in &table.places {
        let _ = writeln!(page, "- `{place}` is `{}`", folder.display());
    }
    for section in &table.section {
        let heading = format!("{} {}", section.number, section.name);
        let _ = writeln!(page, "\n## {}\n", heading.trim_end());
        if !section.codes.is_empty() {
            let _ = writeln!(page, "| answer | provoked by |\n|---|---|");
            for it in &section.codes {
                let proof = proof(&it.tests, it.reason.as_deref(), false, it.note.as_deref());
                let _ = writeln!(page, "| {} | {proof} |", cell(&it.code));
            }
            page.push('\n');
        }
        let _ = writeln!(page, "| rule | proven by |\n|---|---|");
        for it in &section.rules {
            let proof = proof(&it.tests, it.reason.as_deref(), it.open, it.note.as_deref());
            let _ = writeln!(page, "| {} | {proof} |", cell(&it.rule));
        }
    }
    page
}

fn proof(tests: &[String], reason: Option<&str>, open: bool, note: Option<&str>) -> String {
    let mut parts: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
    parts.extend(reason.map(|reason| format!("No test: {}", cell(reason))));
    if open {
        parts.push("**open**".to_owned());
    }
    parts.extend(note.map(|note| format!("*{}*", cell(note).replace('*', "\\*"))));
    parts.join("<br>")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[test]\nfn one() {}\n\nfn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n    three => |c| c;\n";

    #[test]
    fn tests_are_found_by_their_attribute_or_as_lines_of_a_macro() {
        for (name, found) in [("one", true), ("two", true), ("three", true), ("helper", false), ("on", false)] {
            assert_eq!(has_test(SOURCE, name), found, "{name}");
        }
    }

    #[test]
    fn rules_that_say_their_section_are_put_together() {
        let rule = |section| format!("[[rule]]\nsection = '{section}'\nmust = 'M'\nreason = 'R'\n");
        let table = Table::parse(&format!("document = 'D'\n{}{}{}", rule("1"), rule("1"), rule("2"))).unwrap();
        let counts: Vec<_> = table.section.iter().map(|section| section.rules.len()).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn a_row_without_proof_and_a_test_that_is_not_there_are_mistakes() {
        let table = |tests: &str| -> Table {
            let text = format!(
                "document = 'D'\nplaces = {{ here = 'xtask/no/such' }}\n\
                 [[section]]\nnumber = '1'\nname = 'N'\nrules = [{{ rule = 'R'{tests} }}]"
            );
            Table::parse(&text).unwrap()
        };
        assert_eq!(mistakes(&table("")).len(), 1);
        assert_eq!(mistakes(&table(", tests = ['here::a::b']")).len(), 1);
        assert_eq!(mistakes(&table(", tests = ['there::b']")).len(), 1);
        assert_eq!(mistakes(&table(", reason = 'because'")).len(), 0);
        assert!(written(&table(", reason = 'a|b'"), Path::new("t")).contains("| R | No test: a\\|b |"));
    }
}

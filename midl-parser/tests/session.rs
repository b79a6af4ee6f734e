//! Several files, several roots.

mod support;

use std::path::Path;

use midlc_parser::{FsLoader, MemoryLoader, Session, Severity, diag};

#[test]
fn imports_come_before_importers_and_are_parsed_once() {
    let loader = MemoryLoader::new()
        .with("a.idl", "import \"b.idl\", \"c.idl\";")
        .with("b.idl", "import \"c.idl\";")
        .with("c.idl", "typedef long C;")
        .with("d.idl", "import \"b.idl\";");
    let mut session = Session::new(Box::new(loader));
    let first = session.parse(Path::new("a.idl"));
    let names = |session: &Session, ids: &[midlc_parser::FileId]| -> Vec<String> {
        ids.iter().map(|id| session.sources.path(*id).display().to_string()).collect()
    };
    assert_eq!(names(&session, &first.order), ["c.idl", "b.idl", "a.idl"]);
    let count = session.files().count();
    let second = session.parse(Path::new("d.idl"));
    assert_eq!(names(&session, &second.order), ["c.idl", "b.idl", "d.idl"]);
    assert_eq!(session.files().count(), count + 1);
    assert!(session.diagnostics.is_empty());
    assert_eq!(session.parse(Path::new("a.idl")), first);
}

#[test]
fn a_missing_import_is_remembered() {
    let session = support::session("import \"x.idl\";\n#include <y.h>\n", &[]);
    let names: Vec<_> = session.missing_imports().iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["y.h", "x.idl"]);
}

#[test]
fn broken_declarations_poison_their_names() {
    let session = support::session(
        "typedef struct _A { int x y; } A, *PA;
         typedef enum _E { ONE = , TWO } E;
         const long MAX = 1 +;
         interface i { void op([in] 5); }
         interface 5 { }
         typedef long GOOD;",
        &[],
    );
    let mut names: Vec<_> = session.poisoned_names().iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "E", "MAX", "ONE", "PA", "TWO", "_A", "_E", "op"]);
}

#[test]
fn macros_can_be_predefined() {
    let loader = MemoryLoader::new().with("a.idl", "#if MODE == 2 && !defined(__midl)\n#error yes\n#endif");
    let mut session = Session::new(Box::new(loader));
    session.define("MODE", "2");
    session.undefine("__midl");
    session.parse(Path::new("a.idl"));
    assert_eq!(session.diagnostics.error_count(), 1);
}

#[test]
fn a_root_that_is_missing() {
    let mut session = Session::new(Box::new(MemoryLoader::new()));
    let parsed = session.parse(Path::new("none.idl"));
    assert_eq!((parsed.root, parsed.order.len()), (None, 0));
    let text = session.diagnostics.render_all(&session.sources, false);
    assert!(text.contains("`none.idl` was not found"), "{text}");
}

#[test]
fn messages_as_json_are_one_line() {
    let session = support::session("#include \"a.h\"", &[("a.h", "[local] interface i {\n void f(\"\t\"); }")]);
    let first = session.diagnostics.iter().next().unwrap();
    assert_eq!(first.severity, Severity::Error);
    let json = diag::to_json(&session.sources, first);
    assert!(!json.contains('\n'));
    assert!(json.contains("\"file\":\"a.h\""), "{json}");
    assert!(json.contains("\"included_from\":[{\"kind\":\"include\",\"file\":\"root.idl\""), "{json}");
}

#[test]
fn files_on_disk_are_found_beside_the_importer_and_in_any_case() {
    let folder = std::env::temp_dir().join(format!("midlc-parser-{}", std::process::id()));
    let sub = folder.join("Sub");
    std::fs::create_dir_all(&sub).unwrap();
    std::fs::write(sub.join("root.idl"), "import \"Base.IDL\"; import \"other.idl\";").unwrap();
    std::fs::write(sub.join("base.idl"), "typedef long BASE;").unwrap();
    std::fs::write(folder.join("other.idl"), b"/* caf\xE9 */ import \"base.idl\";").unwrap();
    let mut session = Session::new(Box::new(FsLoader::new([&folder, &sub])));
    let parsed = session.parse(&sub.join("root.idl"));
    let text = session.diagnostics.render_all(&session.sources, false);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(text, "");
    assert_eq!(parsed.order.len(), 3);
}

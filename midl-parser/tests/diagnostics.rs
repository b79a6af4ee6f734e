//! What people are told.

mod support;

use insta::assert_snapshot;
use support::messages;

/// Messages for members of an interface.
fn told(members: &str) -> String {
    messages(&format!("interface i {{\n{members}\n}}\n"), &[])
}

#[test]
fn all_errors_of_a_file_are_told() {
    assert_snapshot!(told(
        "
  typedef struct _A {
    long a
    long b;
  } A, *PA;
  DWORD op1([in] 5 a);
  const long C = 5 +;
  typedef enum { X = 1; Y = 2 } E;
  op4([in] int a);
  DWORD op5;
  typedef struct { long x; long; } Q;
  DWORD op6([in] @ int a);
  const long BIG = 99999999999999999999;"
    ));
}

#[test]
fn missing_punctuation() {
    assert_snapshot!(told(
        "
  DWORD op1([in] int a)
  DWORD op2([in] int a
            [in] int b);
  DWORD op3(int a int b);
  typedef enum { A B } E;
  typedef [in string] long L;
  DWORD op4([in] int a; [in] int b);
  DWORD last()"
    ));
}

#[test]
fn missing_brackets() {
    assert_snapshot!(told(
        "
  typedef struct _B {
    [size_is(n) BYTE *p;
    DWORD n;
  } B;
  DWORD op2([in, string LPWSTR a, [out] DWORD *b);
  DWORD op3([in] BYTE x[10);
  DWORD op4([in] int a;
  DWORD op5([in] int b);"
    ));
    assert_snapshot!(messages(
        "
interface foo {
  typedef struct _A {
    long a;
    long b;
  A, *PA;
  typedef long X;
}
interface bar {
  DWORD op1(void);
}}
",
        &[]
    ));
    assert_snapshot!(messages("interface foo {\n  void f();\n", &[]));
}

#[test]
fn attributes_with_wrong_arguments() {
    assert_snapshot!(messages(
        "
[uuid(12345678-1234-abcd-ef00-0123456789a), version(1.99999)] interface a { }
[uuid(12345678-1234-abcd-ef00), version(x)] interface b { }
[uuid(1234567g-1234-abcd-ef00-0123456789ab)] interface c { }
[object]
",
        &[]
    ));
}

#[test]
fn places_in_macros_and_included_files() {
    let others = [
        ("base.idl", "#include \"x.h\"\ntypedef long BASE"),
        ("x.h", "\n#define BAD 1 1\n#define WORSE BAD\nconst long x = WORSE;\n"),
    ];
    assert_snapshot!(messages("import \"base.idl\";\ninterface i { }\n", &others));
}

#[test]
fn words_that_are_misspelt() {
    assert_snapshot!(told(
        "
  typedef strut S { long a; } S;
  DWORD op1([in] unsigned DWORD a);
  typedef enun E { A, B } E;"
    ));
}

#[test]
fn what_ends_in_a_comment_or_a_bracket_is_told_once() {
    assert_snapshot!(messages("interface a {\n  /* never closed\n  long b();\n}\n", &[]));
    assert_snapshot!(messages("interface a {\n  typedef struct S { long a;\n  long b();\n}\n", &[]));
}

#[test]
fn imports_that_fail() {
    let others = [("a.idl", "import \"b.idl\";"), ("b.idl", "\n  import \"root.idl\";")];
    assert_snapshot!(messages("import \"none.idl\", \"a.idl\"\ninterface i { }\n", &others));
}

#[test]
fn windows_runtime_is_out_of_scope() {
    assert_snapshot!(messages(
        "
namespace Windows {
  [contract(Windows.Foundation.UniversalApiContract, 1.0)] runtimeclass C { }
}
interface i { void f(); }
",
        &[]
    ));
}

#[test]
fn declarations_in_the_wrong_place() {
    assert_snapshot!(messages("void f(void);\ninterface a {\n  interface b { void g(); }\n}\n", &[]));
}

#[test]
fn literals() {
    assert_snapshot!(messages(
        "const char *x = \"abc;\nconst char y = 'ab';\nconst char *z = \"\\q\";\n/* never closed",
        &[]
    ));
}

#[test]
fn limits() {
    let deep = format!("const long x = {}1{};", "(".repeat(10_000), ")".repeat(10_000));
    assert!(messages(&deep, &[]).contains("error[nested-too-deeply]"));
    let long = format!("const long x = 1{};", "+1".repeat(5000));
    assert!(messages(&long, &[]).contains("error[expression-too-long]"));
    let chain = format!("const long x = {}1{};", "1?".repeat(5000), ":2".repeat(5000));
    assert!(messages(&chain, &[]).contains("too many conditional operators"));
    let include = messages("#include \"root.idl\"\n#include \"root.idl\"\n", &[]);
    assert!(include.contains("error[include-limit]"), "{include}");
    let mut doubling = String::from("#define A0 x x\n");
    for n in 1..64 {
        doubling.push_str(&format!("#define A{n} A{} A{}\n", n - 1, n - 1));
    }
    doubling.push_str("A63");
    assert_eq!(messages(&doubling, &[]).matches("error[").count(), 1);
    let flat = format!("const long x = 1{};", " 1".repeat(300_000));
    assert!(messages(&flat, &[]).contains("error[declaration-limit]"));
    let calls = format!("#define F(x) x\n{}1{}", "F(".repeat(5000), ")".repeat(5000));
    assert!(messages(&calls, &[]).contains("macro calls are nested too deeply"));
}

macro_rules! cases {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_snapshot!(messages($text, &[]));
        }
    )*};
}

cases! {
    page_ends_are_left_out:
        "interface i {\nlong f();\n\n33 / 40\n[MS-XXXX] - v20160714\nSome Protocol\n\
         Copyright \u{a9} 2016 Microsoft Corporation\nRelease: July 14, 2016\nlong g();\n}\n";
    bullets_of_lists_are_left_out:
        "interface i {\n- long f(\n- [in] long a\n);\ntypedef enum {\n- A = 0,\n- B\n} E;\n}\n";
    literals_on_several_lines:
        "interface i {\n[helpstring(\"one\ntwo\")] long f();\n}\n";
    literals_that_no_line_closes:
        "interface i {\n[helpstring(\"one)] long f();\nlong g([in] long a);\n}\n";
    floating_point_and_characters_that_are_none:
        "const double A = 0x1.8;\nconst double B = 1.5.5;\nconst long C = 'abcde';\nconst long D = '';\n";
    conditions_with_has_include:
        "#if __has_include(\"nowhere.h\")\n#error not here\n#endif\n#if __has_include\n#endif\n\
         #if __has_include(nowhere.h)\n#endif\n";
    ellipses_in_the_wrong_place:
        "interface i {\nlong f(..., [in] long a);\nlong g([in] long a ...);\nlong h([in] long a, ...);\n}\n";
    interfaces_within_interfaces:
        "interface outer {\nlong f();\ninterface inner {\nlong g();\n}\n}\n";
    second_bases:
        "interface i : a, b {\nlong f();\n}\n";
    versions_that_are_none:
        "[version(1.x)] interface a { }\n[version(70000.0)] interface b { }\n";
    bodies_that_are_missing:
        "typedef struct *P;\ntypedef union switch (long n) U;\ntypedef enum E2;\n";
    cases_without_values:
        "typedef [switch_type(long)] union { [case()] long a; [case(\"x\")] long b; } U;\n";
    macros_called_wrongly:
        "#define ONE(a) a\n#define TWO(a, a) a\n#define 5 x\nconst long A = ONE(1, 2);\nconst long B = ONE(1;\n";
    sizes_within_sizes:
        "const long A = sizeof(long) + sizeof 3 + sizeof(;\n";
}

/// A root, and the ACF file beside it.
fn configured(idl: &str, acf: &str) -> midlc_parser::Session {
    support::session(idl, &[("root.acf", acf)])
}

#[test]
fn acf_files_with_errors() {
    let idl = "interface i {\ntypedef long T;\nlong f([in] long a);\n}\n";
    let acf = "[explicit_handle] interface i {\n typedef [encode] T, MISSING;\n [code] f([bad] b);\n g();\n long x;\n}\n\
               interface other { }\n[nocode";
    let session = configured(idl, acf);
    assert_snapshot!(session.diagnostics.render_all(&session.sources, false));
}

#[test]
fn acf_files_add_attributes() {
    use midlc_parser::ast::Item;
    let idl = "interface i {\ntypedef struct S *T;\nlong f([in] long a, [out] long *s);\n}\n";
    let acf = "[auto_handle] interface i { include \"x.h\"; typedef [allocate(all_nodes)] T;\n\
               [enable_allocate] f([comm_status] s, [fault_status] hidden); }\n";
    let session = configured(idl, acf);
    assert_eq!(session.diagnostics.render_all(&session.sources, false), "");
    let file = session.files().find(|file| !file.items.is_empty()).unwrap();
    let Some(Item::Interface(interface)) = file.items.first() else { panic!("no interface") };
    assert_eq!(support::attrs(&interface.attrs), "[auto_handle] ");
    let Some([Item::Typedef(typedef), Item::Operation(operation)]) = interface.items.as_deref() else {
        panic!("not two declarations")
    };
    assert_eq!(support::attrs(&typedef.attrs), "[allocate(all_nodes)] ");
    assert_eq!(support::attrs(&operation.attrs), "[enable_allocate] ");
    assert_eq!(support::attrs(&operation.params[1].attrs), "[out, comm_status] ");
}

#[test]
fn c_headers_are_read_as_far_as_they_go() {
    let header = "extern \"C\" {\nstatic __inline int f(int a) { for (;;) { return a; } }\n\
                  typedef unsigned int __declspec(align(4)) UINT_A;\nint x = 5 5;\nint y[] = { 1, 2 };\n\
                  __declspec(dllimport) long __stdcall Fn(UINT_A *__restrict p, ...);\n}\n#include \"nowhere.h\"\n";
    assert_snapshot!(messages("import \"api.h\";\ninterface i { long f([in] UINT_A a); }\n", &[("api.h", header)]));
}

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

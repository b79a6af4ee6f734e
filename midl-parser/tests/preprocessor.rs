//! Macros, conditionals and includes.

mod support;

use insta::assert_snapshot;
use midlc_parser::ast::{Item, TypeKind};
use support::{facts, facts_with, messages, session};

/// Expands a line to the strings and numbers of a constant.
fn expand(text: &str) -> String {
    facts(&format!("{text};")).lines().filter(|line| !line.starts_with("macro")).collect()
}

#[test]
fn object_like_and_function_like() {
    assert_snapshot!(expand("#define N (M + 1)\n#define M 2\nconst long x = N"), @"const const Long x = (Add 2 1)");
    assert_snapshot!(expand("#define MAX(a, b) ((a) > (b) ? (a) : (b))\nconst long x = MAX(1, MAX(2, 3))"), @"const const Long x = (if (Gt 1 (if (Gt 2 3) 2 3)) 1 (if (Gt 2 3) 2 3))");
    assert_snapshot!(expand("#define F(x) x\nconst long x = F (\n 1 +\n 2)"), @"const const Long x = (Add 1 2)");
    assert_snapshot!(expand("#define F() 7\nconst long x = F() + F"), @"const const Long x = (Add 7 F)");
}

#[test]
fn stringify_and_paste() {
    assert_snapshot!(expand("#define S(x) #x\nconst char *x = S( a  +\n \"q\\n\" )"), @r#"const const Char x: * = "a + \"q\\n\"""#);
    assert_snapshot!(expand("#define P(a, b) a##b\n#define XY 5\nconst long x = P(X, Y) + P(1, 2) + P(, Z) + P(Z,)"), @"const const Long x = (Add (Add (Add 5 12) Z) Z)");
    assert_snapshot!(expand("#define S(x) #x\n#define T(x) S(x)\n#define V 1\nconst char *x = S(V) T(V)"), @r#"const const Char x: * = "V1""#);
}

#[test]
fn variadic() {
    assert_snapshot!(expand("#define F(a, ...) a + G(__VA_ARGS__)\n#define G(x, y) x * y\nconst long x = F(1, 2, 3)"), @"const const Long x = (Add 1 (Mul 2 3))");
    assert_snapshot!(expand("#define T(t, n...) typedef t X, ## n\nT(long)"), @"typedef Long => X");
    assert_snapshot!(expand("#define T(t, n...) typedef t X, ## n\nT(long, Y, Z)"), @"typedef Long => X; Y; Z");
}

#[test]
fn recursion_is_painted() {
    assert_snapshot!(expand("#define x x + y\n#define y x\nconst long a = x"), @"const const Long a = (Add x x)");
    assert_snapshot!(expand("#define f(a) a + f\nconst long b = f(f(1))"), @"const const Long b = (Add (Add 1 f) f)");
}

#[test]
fn conditionals() {
    let text = "
        #if defined(A) && A > 1
        typedef long a;
        #elif !defined A
        typedef long b;
        # if 0
        #  error never
        it's not even lexed /* #endif
        */
        # else
        typedef long c;
        # endif
        #else
        #error never
        #endif
        #ifdef __midl
        typedef long d;
        #endif // with a comment
        #ifndef __midl
        #elif __midl >= 1000
        typedef long e;
        #endif
    ";
    assert_snapshot!(facts(text), @r"
    typedef Long => b
    typedef Long => c
    typedef Long => d
    typedef Long => e
    ");
}

#[test]
fn includes_are_text() {
    let others = [("dir/a.h", "#pragma once\n#include \"b.h\"\ntypedef long"), ("dir/b.h", "#define NAME fromB")];
    let root = "#define WHERE <dir/a.h>\n#include WHERE\nNAME;\n#include \"dir/a.h\"\n";
    assert_snapshot!(facts_with(root, &others), @"typedef Long => fromB");
}

#[test]
fn continuations_and_comments() {
    assert_snapshot!(facts("#define A 1 \\\n + 2 /* x\n y */ + 3\nconst long x = \\\r\n A; /* unused */"), @r"
    const const Long x = (Add (Add 1 2) 3)
    macro A = (Add (Add 1 2) 3)
    ");
}

#[test]
fn macros_become_constants_where_they_can() {
    assert_snapshot!(facts("
        #define A 0x10
        #define B (A | 1)
        #define C(x) x
        #define D C(5)
        #define E const GUID *
        #define F
        #define G \"text\"
        #define H 1
        #undef H
        #define I I
    "), @r#"
    macro A = 16
    macro B = (BitOr 16 1)
    macro D = 5
    macro G = "text"
    macro I = I
    "#);
}

#[test]
fn tokens_keep_their_places() {
    let text = "#define T long\n#define D(t, n) typedef t n\nD(T, name);";
    let session = session(text, &[]);
    let file = session.files().next().unwrap();
    let Some(Item::Typedef(item)) = file.items.first() else { panic!("no typedef") };
    // The type is where the macro is used, the argument where it is written.
    assert_eq!(session.sources.snippet(item.ty.span), "T");
    let name = item.declarators[0].name.as_ref().unwrap();
    assert_eq!(session.sources.snippet(name.span), "name");
    assert_eq!(session.sources.line_column(name.span).to_string(), "3:6");
    let expansion = session.sources.expansion(item.ty.span).unwrap();
    assert_eq!(expansion.macros[0].0, "T");
}

#[test]
fn places_in_included_files() {
    let session = session("#include \"a.h\"\n", &[("a.h", "\n  typedef Missing X;")]);
    let file = session.files().next().unwrap();
    let Some(Item::Typedef(item)) = file.items.first() else { panic!("no typedef") };
    let TypeKind::Named(name) = &item.ty.kind else { panic!("no name") };
    assert_eq!(session.sources.describe(name.span), "a.h:2:11");
}

#[test]
fn mistakes() {
    assert_snapshot!(messages(
        "
        #define F(a, b) a
        #define F(a) a
        const long x = F(1, 2);
        const long y = F(1;
    ",
        &[]
    ));
    assert_snapshot!(messages(
        "
        #if 1 +
        #endif
        #if 1 / 0
        #endif
        #if 1
        #else
        #else
        #endif
        #endif
        #elif 1
        #bogus
        #define 5
        #define P(a b) x
        #undef
        #error out of  luck
        #warning beware
        #include
        #include <none.h>
        #ifdef A B
        #endif
        #define G(a, b) a ## b
        const long x = G(+, /);
        #if 0
    ",
        &[]
    ));
}

//! No text makes the front end panic.

mod support;

use proptest::prelude::*;

const SAMPLE: &str = r#"
import "base.idl";
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define NAME_LEN 0x10
#if defined(__midl) && MAX(1, 2) == 2
/// An interface.
[uuid(A8E0653C-2744-4389-A61D-7373DF8B2292), version(1.0), pointer_default(unique), endpoint("ncacn_np:[\\pipe\\x]")]
#endif
interface Agent : IUnknown {
    typedef struct _MAPPING { GUID Id; [string] LPWSTR Name; union { long a; struct { char b; }; }; unsigned f : 3; } MAPPING, *PMAPPING;
    typedef [switch_type(unsigned long)] union _U { [case(1, 2)] PMAPPING m; [default] ; } U;
    typedef union switch (long x) u { case 1: long a; default: ; } V;
    typedef [v1_enum] enum { A = 1, B = A << 2, } E;
    const wchar_t *TEXT = L"a\tb" L"c";
    DWORD Op([in] handle_t h, [in, size_is(n, ), length_is(*m)] BYTE (*x)[NAME_LEN], [out] SAFEARRAY(BSTR) *s);
    HRESULT __stdcall Call(void (*fn)(int), const char c[1..10]);
    cpp_quote("text")
    #pragma pack(8)
}
library L { importlib("x.tlb"); coclass C { [default] interface Agent; }; };
"#;

/// Pieces that mean something, so that random text gets somewhere.
const WORDS: &[&str] = &[
    "interface",
    "typedef",
    "struct",
    "union",
    "enum",
    "switch",
    "case",
    "default",
    "const",
    "import",
    "\"x.idl\"",
    "cpp_quote",
    "library",
    "coclass",
    "module",
    "pipe",
    "SAFEARRAY",
    "unsigned",
    "long",
    "int",
    "void",
    "x",
    "y",
    "1",
    "0x",
    "'a'",
    "L\"s\"",
    "\"",
    "'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ",",
    ":",
    "*",
    "=",
    "?",
    "..",
    "...",
    "+",
    "##",
    "#",
    "\n#define ",
    "\n#if ",
    "\n#else\n",
    "\n#endif\n",
    "\n#include \"root.idl\"\n",
    "\n#undef x\n",
    "F(",
    "uuid",
    "version",
    "size_is",
    "/*",
    "*/",
    "//",
    "///",
    "/**",
    "\\\n",
    "\n",
    "\u{201C}",
    "é",
    "@",
];

fn check(text: &str) {
    let session = support::session(text, &[("base.idl", "typedef long LONG;")]);
    // Rendering must survive every span too.
    let _ = session.diagnostics.render_all(&session.sources, true);
    for diagnostic in session.diagnostics.iter() {
        let _ = midlc_parser::diag::to_json(&session.sources, diagnostic);
    }
    for file in session.files() {
        let _ = support::file(file);
    }
}

#[test]
fn the_sample_itself_is_fine() {
    let session = support::session(SAMPLE, &[("base.idl", "")]);
    assert_eq!(session.diagnostics.render_all(&session.sources, false), "");
}

#[test]
fn every_prefix_and_every_lost_line() {
    for (end, _) in SAMPLE.char_indices() {
        check(&SAMPLE[..end]);
    }
    let lines: Vec<&str> = SAMPLE.lines().collect();
    for lost in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(lost);
        check(&rest.join("\n"));
    }
}

#[test]
fn deep_nesting_of_every_kind() {
    for (open, middle, close) in [
        ("struct {", "long x;", "} a;"),
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("sizeof(a)+(", "1 1", ")"),
        ("(long)(", "1", ")"),
        ("int (*x)(", "int", ")"),
        ("library l {", "long x;", "}"),
        ("interface i {", "long x;", "}"),
        ("#if 1\n", "", "#endif\n"),
        ("a ? ", "1", " : 2"),
        ("-", "1", ""),
        ("*", "x", ""),
        ("pipe ", "x", ""),
        ("const ", "x", ""),
    ] {
        for depth in [100, 250, 2000] {
            let body = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            check(&body);
            check(&format!("typedef {body};"));
            check(&format!("const long x = {body};"));
            check(&format!("interface i {{ typedef [size_is({body})] long {body} x; }}"));
            check(&format!("interface i {{ void f({body}); }}"));
            check(&format!("#define M {body}\n#if M\n#endif\nM"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn arbitrary_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..80)) {
        check(&words.join(" "));
        check(&words.concat());
    }

    #[test]
    fn mutated_idl(cuts in prop::collection::vec((0usize..SAMPLE.len(), 0usize..12, prop::sample::select(WORDS)), 1..6)) {
        let mut text = SAMPLE.to_owned();
        for (at, length, word) in cuts {
            let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = (start + length).min(text.len());
            let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
            text.replace_range(start..end, word);
        }
        check(&text);
    }
}

//! What the resolver says about files that are wrong, several errors in each.

use midlc::{Compiler, overlay::Overlay, parser::MemoryLoader};

/// An interface around declarations.
fn interface(body: &str) -> String {
    format!(
        "[uuid(12345678-1234-abcd-ef00-0123456789ab), version(1.0)]\ninterface test\n{{\n{}}}\n",
        body.trim_start_matches('\n')
    )
}

/// The messages about a file, and whether they forbid output.
fn messages(files: &[(&str, String)], overlay: &str) -> String {
    let mut loader = MemoryLoader::new();
    for (name, text) in files {
        loader = loader.with(*name, text.clone());
    }
    let mut compiler = Compiler::with_loader(loader);
    if !overlay.is_empty() {
        compiler.overlay("test.idl", Overlay::parse(overlay).unwrap());
    }
    let compilation = compiler.compile(["test.idl"]);
    let verdict = if compilation.is_ok() { "Rust is generated" } else { "no Rust is generated" };
    format!("{}\n({verdict})", compilation.render(false))
}

macro_rules! cases {
    ($($name:ident: $body:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(messages(&[("test.idl", interface($body))], ""));
        }
    )*};
}

macro_rules! overlay_cases {
    ($($name:ident: $body:expr, $overlay:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(messages(&[("test.idl", interface($body))], $overlay));
        }
    )*};
}

cases! {
    unknown_types_with_suggestions: "
    typedef unsigned long DWORD;
    typedef struct POINT { long x; } POINT;
    error_status_t Put([in] DWROD n, [in] PIONT *p, [in] struct POIMT *q, [in] banana b);
";
    unknown_counts: "
    error_status_t Put([in] unsigned long cbData, [in, size_is(cbDate)] byte *data);
    error_status_t Get([in] long n, [out, size_is(n), length_is(*used)] byte *data);
    typedef struct S { long n; [size_is(m)] long *p; [switch_is(k)] union U u; } S;
    typedef [switch_type(long)] union U { [case(1)] long a; } U;
";
    unknown_constants: "
    const long KNOWN_VALUE = 4;
    typedef struct S { long a[KNOWN_VALEU]; long b[OTHER]; } S;
    const long X = 1 + MISSING;
    typedef enum E { A = NOWHERE } E;
    typedef [switch_type(long)] union U { [case(UNKNOWN_CASE)] long a; } U;
    error_status_t Put([in, range(0, NOTHING)] long n);
";
    duplicate_types: "
    typedef struct POINT { long x; } POINT;
    typedef struct POINT { long x; long y; } OTHER;
    typedef long NUMBER;
    typedef long NUMBER;
    typedef short NUMBER;
    typedef struct { long a; } TWICE;
    typedef struct { long b; } TWICE;
    enum COLOR { RED };
    enum COLOR { GREEN };
";
    duplicate_cases: "
    typedef [switch_type(unsigned char)] union A { [case(1, 2)] long a; [case(2)] short b; } A;
    typedef [switch_type(unsigned char)] union B { [case(-1)] long a; [case(255)] short b; } B;
    typedef [switch_type(long)] union C { [default] long a; [default] short b; } C;
";
    bad_discriminants: "
    typedef struct S { long a; } S;
    typedef [switch_type(S)] union A { [case(1)] long a; } A;
    typedef union B switch (float f) u { case 1: long a; } B;
    typedef [switch_type(long *)] union C { [case(1)] long a; } C;
";
    discriminants_that_disagree: "
    typedef union U { [case(1)] long a; } U;
    typedef struct A { short k; [switch_is(k)] U u; } A;
    typedef struct B { long k; [switch_is(k)] U u; } B;
    typedef union UNUSED { [case(1)] long a; } UNUSED;
";
    bad_strings: "
    error_status_t Put([in, string] long *numbers, [in, string] wchar_t letter, [in, string] boolean *flags);
    typedef struct S { long a; } S;
    typedef struct T { [string] S *s; } T;
";
    out_by_value: "
    typedef long NUMBER;
    typedef long *PNUMBER;
    error_status_t Get([out] long a, [out] NUMBER b, [in, out] short c, [out] PNUMBER fine, [out] long array[2]);
";
    bounds_in_the_wrong_direction: "
    error_status_t Put([out] long *n, [in, size_is(*n)] long *values, [in, switch_is(*n)] union U *u);
    union U { [case(1)] long a; };
";
    misplaced_conformance: "
    typedef struct INNER { long n; [size_is(n)] long values[]; } INNER;
    typedef struct A { long n; [size_is(n)] long values[]; long after; } A;
    typedef struct B { INNER inner; long after; } B;
    typedef struct C { [string] wchar_t name[]; long after; } C;
";
    misspelt_attributes: "
    error_status_t Put([in, sting] wchar_t *name, [inn] long n, [in, no_such_thing] long m);
";
    names_that_two_have: "
    const long LIMIT = 3;
    typedef enum A { FIRST, LIMIT, SAME } A;
    typedef enum B { SAME = 2 } B;
    typedef struct S { long a; short a; } S;
    error_status_t Put([in] long n, [in] short n);
    error_status_t Get([in] long n);
    error_status_t Get([in] short n);
";
    pointers_of_two_kinds: "
    error_status_t Put([in, unique, ref] long *p, [in, unique] long n);
";
    interfaces_that_iid_is_is_not_about: "
    error_status_t Put([in] GUID *iid, [in, iid_is(iid)] long *p, [in, iid_is(idd)] void *q);
";
    sizes_in_brackets: "
    typedef struct S { long n; long a[n]; } S;
";
    members_that_are_no_bounds: "
    typedef struct S { long n; long *p; } S;
    error_status_t Put([in] S *s, [in, size_is(s->p)] long *a);
    error_status_t Fixed([in] long n, [in, size_is(n)] long a[4]);
";
    types_that_are_only_announced: "
    typedef struct LATER LATER;
    typedef struct HOLDER { LATER *p; } HOLDER;
    error_status_t Put([in] HOLDER *h, [in] struct LATRE *l);
";
    constants_in_a_circle: "
    const long A = B + 1;
    const long B = C * 2;
    const long C = A;
    typedef enum E { X = Y, Y = X } E;
    typedef struct S { long values[A]; } S;
";
    constants_that_are_none: "
    const long A = 1 / 0;
    const long B = 1 << 99;
    const long C = sizeof(struct UNKNOWN);
    const float D = 1.5;
    const long E = \"text\" + 1;
    const hyper F = 0xffffffffffffffff * 16;
";
    enumerators_out_of_range: "
    typedef enum E { FINE = 0xffffffff, TOO_LARGE, NEGATIVE = -1, WAY_DOWN = -0x80000001 } E;
";
    array_bounds: "
    const long ZERO = 0;
    typedef struct S { long a[0]; long b[-1]; long c[ZERO]; byte d[0x80000000]; } S;
    error_status_t Put([in, size_is(-1)] long *a, [in, length_is(0x80000000)] long b[4]);
";
    types_in_a_circle: "
    typedef A B;
    typedef B A;
    typedef C C;
    error_status_t Put([in] A a, [in] C *c);
";
    attributes: "
    [uniqeu] error_status_t A([in] long *p);
    error_status_t B([in, sizeis(n)] long *p, [in] long n, [in, sting] wchar_t *s);
    typedef [size_is(4)] long *FOUR;
    typedef struct S { [in] long a; [object] long b; } S;
    [string, switch_is(3)] error_status_t C([in, pointer_default(unique)] long a);
    error_status_t D([in, nonsense] long a, [in, nonsense] long b);
";
    context_handles_that_are_none: "
    error_status_t Open([in, context_handle] long h, [out, context_handle] void **fine);
";
    attributes_of_enumerators: "
    typedef enum E { [helpstring(\"fine\")] A = 1, [size_is(3)] B, [unheard_of] C } E;
    error_status_t Put([in] E e);
";
    lists_of_arguments_of_any_length: "
    error_status_t Print([in, string] wchar_t *format, ...);
    error_status_t Put([in] long n);
";
    what_is_read_and_not_generated: "
    typedef struct FLAGS { unsigned long a : 3; unsigned long b : 29; } FLAGS;
    typedef long (*FN)(long a);
    typedef struct T { long t; } T;
    typedef [transmit_as(T)] struct LOCAL { long *p; } LOCAL;
    typedef [represent_as(CLocal)] T AS_IT_IS;
    [callback] error_status_t Back([in] long n);
    error_status_t A([in] FLAGS f);
    error_status_t B([in] FN f);
    error_status_t C([in] LOCAL l);
    error_status_t D([in] AS_IT_IS t);
";
    sizes: "
    typedef struct P { long a; short b; } P;
    typedef struct S { byte a[sizeof(P)]; byte b[sizeof(struct S)]; byte c[sizeof(long *)]; byte d[sizeof(NOWHERE)]; } S;
    const long FINE = sizeof(P) * sizeof 4 + sizeof(L\"ab\");
";
    types_that_everybody_takes_for_granted: "
    error_status_t Put([in] DWORD n, [in] LPCWSTR name, [in] GUID *id, [out] FILETIME *when);
";
    unions_without_a_discriminant: "
    typedef union U { long a; short b; } U;
    typedef [switch_type(long)] union V { } V;
    error_status_t Put([in] U *u);
    error_status_t Get([in] V *v);
";
    pointers_to_nothing: "
    error_status_t Put([in] void *p, [in, unique] void *q, [in, size_is(n)] void *r, [in] long n);
    error_status_t Get([in] long n, [out] void **p);
";
    ranges_that_are_none: "
    error_status_t Put([in, range(1)] long a, [in, range(5, 1)] long b, [in, range(x, 4)] long c);
";
    names_declared_as_two_kinds: "
    typedef struct POINT { long x; } POINT;
    typedef union POINT { long x; } OTHER;
    const long POINT = 4;
    typedef enum COLOR { RED } POINT2;
    typedef enum SHADE { RED } SHADE;
    error_status_t Put([in] POINT *p);
";
    several_errors_at_once: "
    typedef struct S { WROD w; [size_is(n)] long *p; } S;
    error_status_t A([out] long a);
    error_status_t B([in, string] double *d);
    typedef enum E { HUGE_ONE = 0x100000000 } E;
";
}

overlay_cases! {
    overlay_of_what_does_not_exist: "
    typedef [context_handle] void *H_RPC;
    error_status_t Put([in] long n, [in] H_RPC h);
", r#"
[interface.test]
handle_groups = { HANY_RPC = ["H_RPC", "HNONE_RPC"] }
[interface.test.method.Missing]
success = [1]
[interface.test.method.Put]
param.m = { attributes = "unique" }
"#;
    overlay_that_is_no_attribute: "
    error_status_t Put([in] long *p);
", r#"
[interface.test.method.Put]
param.p = { attributes = "size_is(" }
"#;
    overlay_names_that_are_none: "
    typedef struct S { long a; } S;
    error_status_t Put([in] S *s);
", r#"
[type.S]
rename = "No Name"
field.a = { rename = "1st" }
[interface.test.method.Put]
rename = "fn"
param.s = { rename = "a-b" }
"#;
    overlay_statuses_that_are_none: "
    typedef hyper STATUS;
    STATUS Get([in] long a);
", r#"
[interface.test]
status = { STATUS = "ntstatus" }
"#;
}

#[test]
fn missing_uuid() {
    let text =
        "interface test\n{\n    error_status_t Put([in] long n);\n}\n\ninterface types\n{\n    typedef long T;\n}\n";
    insta::assert_snapshot!(messages(&[("test.idl", text.into())], ""));
}

#[test]
fn errors_in_an_imported_file() {
    let test =
        format!("import \"types.idl\";\n{}", interface("\n    error_status_t Put([in] PLACE *p, [in] EXTENT s);\n"));
    let types = "typedef struct PLACE { LNOG x; } PLACE;\ntypedef long EXTENT_;\n".to_owned();
    insta::assert_snapshot!(messages(&[("test.idl", test), ("types.idl", types)], ""));
}

#[test]
fn names_of_a_file_that_is_not_imported_are_unknown() {
    let test = interface("\n    error_status_t Put([in] PLACE *p);\n");
    let loader =
        MemoryLoader::new().with("test.idl", test).with("types.idl", "typedef struct PLACE { long x; } PLACE;");
    let compilation = Compiler::with_loader(loader).compile(["types.idl", "test.idl"]);
    insta::assert_snapshot!(compilation.render(false));
}

#[test]
fn a_missing_import_is_told_once() {
    let test =
        format!("import \"nowhere.idl\";\n{}", interface("\n    error_status_t Put([in] POINT *p, [in] SIZE s);\n"));
    insta::assert_snapshot!(messages(&[("test.idl", test)], ""));
}

#[test]
fn a_path_that_is_none() {
    let loader = MemoryLoader::new().with("test.idl", interface("\n    error_status_t Put([in] long n);\n"));
    let mut compiler = Compiler::with_loader(loader);
    compiler.extern_path("types.idl", "not a path");
    let compilation = compiler.compile(["test.idl"]);
    assert!(!compilation.is_ok());
    insta::assert_snapshot!(compilation.render(false));
}

#[test]
fn two_files_may_declare_the_same_names() {
    let text = interface("\n    typedef struct POINT { long x; } POINT;\n    error_status_t Put([in] POINT *p);\n");
    let loader =
        MemoryLoader::new().with("a/test.idl", text.clone()).with("b/test.idl", text.clone()).with("c.idl", text);
    let compilation = Compiler::with_loader(loader).compile(["a/test.idl", "b/test.idl", "c.idl"]);
    assert!(compilation.is_ok(), "{}", compilation.render(false));
    let modules = compilation.emit(&Default::default()).unwrap();
    let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["test", "test_2", "c"]);
}

#[test]
fn a_name_of_the_file_itself_comes_before_the_well_known_one() {
    let body = "\n    typedef unsigned short DWORD;\n    error_status_t Put([in] DWORD n);\n";
    insta::assert_snapshot!(messages(&[("test.idl", interface(body))], ""));
}

#[test]
fn later_imports_see_what_was_imported_before() {
    let test = format!(
        "import \"base.idl\", \"more.idl\";\n{}",
        interface("\n    error_status_t Put([in] PAIR *p, [in] SINGEL s);\n")
    );
    let files = [
        ("test.idl", test),
        ("base.idl", "typedef long SINGLE;\n".to_owned()),
        ("more.idl", "typedef struct PAIR { SINGLE a; SINGLE b; } PAIR;\n".to_owned()),
    ];
    insta::assert_snapshot!(messages(&files, ""));
}

#[test]
fn libraries() {
    let text = "[uuid(12345678-1234-abcd-ef00-0123456789ab), version(1.0)]\nlibrary L\n{\n\
                    [uuid(12345678-1234-abcd-ef00-0123456789ac)] dispinterface D { methods: [id(1)] long m(); };\n\
                    dispinterface E;\n    coclass C { [default] dispinterface D; };\n    coclass C2 { dispinterface D; };\n\
                    [dllname(\"x.dll\")] module M { [entry(1)] long f(); };\n    typedef struct S { long a; } S;\n};\n";
    insta::assert_snapshot!(messages(&[("test.idl", text.into())], ""));
}

#[test]
fn an_acf_file_makes_statuses_of_parameters() {
    let idl = interface("\n    long Put([in] long n, [out] error_status_t *status);\n");
    let files = [("test.idl", idl), ("test.acf", "interface test { Put([comm_status] status); Get(); }".to_owned())];
    insta::assert_snapshot!(messages(&files, ""));
}

#[test]
fn messages_as_json() {
    let body = "\n    typedef long NUMBER;\n    error_status_t Put([in] NUMBRE n, [in, sting] wchar_t *s);\n";
    let loader = MemoryLoader::new().with("test.idl", interface(body));
    insta::assert_snapshot!(Compiler::with_loader(loader).compile(["test.idl"]).render_json());
}

#[test]
fn bases_that_are_none() {
    let text = "typedef long HRESULT;
[object, uuid(12345678-1234-abcd-ef00-0123456789ab)]
interface IFirst : INobody { HRESULT F([in] long n); }
interface IForward;
[object, uuid(12345678-1234-abcd-ef00-0123456789ac)]
interface ISecond : IForward { HRESULT F([in] IFirst *p); }
[object, uuid(12345678-1234-abcd-ef00-0123456789ad)]
interface IThird : IThird { HRESULT F([in] IThird p); }
[object]
interface IFourth : IUnknown { HRESULT F(); }
";
    insta::assert_snapshot!(messages(&[("test.idl", text.to_owned())], ""));
}

#[test]
fn types_that_stand_for_themselves() {
    let text = "
    typedef SAFEARRAY(A) A;
    typedef [wire_marshal(B)] long B;
    typedef [wire_marshal(D)] long C;
    typedef SAFEARRAY(C) D;
    error_status_t F([in] A a);
    error_status_t G([in] B b);
    error_status_t H([in] C c);
";
    insta::assert_snapshot!(messages(&[("test.idl", interface(text))], ""));
}

/// What recursion could overflow the stack with, in a test's small one.
#[test]
fn deep_input_needs_no_stack() {
    let typedefs: String = (0..10_000).map(|n| format!("typedef T{} T{n};\n", n + 1)).collect();
    let nested: String =
        (0..10_000).map(|n| format!("typedef struct S{n} {{ struct S{} s; }} S{n};\n", n + 1)).collect();
    let consts: String = (0..10_000).map(|n| format!("const long C{n} = C{} + 1;\n", n + 1)).collect();
    let sums: String = (0..60)
        .map(|n| format!("const long D{n} = D{}{};\n", n + 1, "+1".repeat(1000)))
        .chain(["const long D60 = 1;\n".to_owned()])
        .collect();
    let by_handle = format!("{typedefs}typedef handle_t T10000;\nerror_status_t F([in] T0 h, [out] T0 o);\n");
    for body in [typedefs, format!("{nested}struct S10000 {{ long x; }};\n"), consts, sums, by_handle] {
        let loader = MemoryLoader::new().with("test.idl", interface(&body));
        let compilation = Compiler::with_loader(loader).compile(["test.idl"]);
        if compilation.is_ok() {
            compilation.emit(&Default::default()).unwrap();
        }
    }
}

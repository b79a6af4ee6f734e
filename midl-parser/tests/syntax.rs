//! What text becomes which tree.

mod support;

use insta::assert_snapshot;
use support::{facts, facts_despite_errors, facts_with};

#[test]
fn interfaces() {
    assert_snapshot!(facts(
        r#"
        [ uuid(A8E0653C-2744-4389-A61D-7373DF8B2292), version(1.0), ms_union,
          pointer_default(unique), endpoint("ncacn_np:[\\pipe\\srvsvc]", "ncacn_ip_tcp:"), ]
        interface FileServerVssAgent { };
        [object, uuid("12108A88-6858-4467-B92F-E6CF4568DFB6"), dual, local, version(3),
         helpstring("a " "b"), custom(0F21F359-AB84-41e8-9A78-36D110E6D2F9, "x"), version(0.0)]
        interface IFoo : IUnknown { }
        interface IForward;
        []
        interface
        Odd : IDispatch
        { ; }
    "#
    ));
}

#[test]
fn uuids_of_all_shapes() {
    // Digit groups that look like numbers, exponents and names.
    assert_snapshot!(facts(
        r#"
        [uuid(1e345678-345e-9833-46e3-46c3f87e345a)] interface a;
        [uuid(6bffd098-a112-3610-9833-46c3f87e345a)] interface b;
        [uuid({00000000-0000-0000-C000-000000000046})] interface c;
        [uuid(“00000000-0000-0000-c000-000000000046”)] interface d;
        [uuid(00000000–0000-0000-C000 - 000000000046)] interface e;
    "#
    ));
}

#[test]
fn libraries_and_what_they_hold() {
    assert_snapshot!(facts(
        r##"
        [uuid(00000000-0000-0000-C000-000000000046), version(1.0)]
        library Lib {
            importlib("stdole2.tlb");
            [object] interface IInner : IUnknown { HRESULT F([in] LONG x); }
            [uuid(00000000-0000-0000-C000-000000000047)]
            coclass Thing { [default] interface IInner; };
            dispinterface DThing { properties: methods: [id(1)] void f(); };
            coclass Later;
            module Consts { const int X = 1; };
            typedef struct T { long x; } T;
        };
        cpp_quote("#define X \"y\"")
        cpp_quote("second");
        midl_pragma warning( disable: 2362 )
        #pragma pack(8)
        extern const GUID not_on_the_wire;
    "##
    ));
}

#[test]
fn typedefs() {
    assert_snapshot!(facts(
        r#"
        typedef unsigned short wchar_t;
        typedef unsigned long error_status_t;
        typedef unsigned char boolean, byte;
        typedef signed char small;
        typedef struct _FILETIME { DWORD low; DWORD high; } FILETIME, *PFILETIME,
            *LPFILETIME;
        typedef [context_handle] void *HRES_RPC;
        [public] typedef [string, unique] const wchar_t *LPCWSTR;
        typedef UCHAR const * const CP;
        typedef long (*a)[10];
        typedef long m[2][3], *n[4], r[1..10], s[*], t[];
        typedef HRESULT (STDMETHODCALLTYPE *CALLBACKFN)(void *context, int (*)(int));
    "#
    ));
}

#[test]
fn base_types() {
    assert_snapshot!(facts(
        "
        typedef unsigned a01; typedef signed a02; typedef int a03; typedef unsigned int a04;
        typedef long int a05; typedef unsigned long int a06; typedef long unsigned a07;
        typedef long long a08; typedef unsigned long long a09; typedef hyper a10;
        typedef unsigned hyper a11; typedef __int64 a12; typedef unsigned __int64 a13;
        typedef __int3264 a14; typedef unsigned __int3264 a15; typedef small a16;
        typedef unsigned small a17; typedef char a18; typedef unsigned char a19;
        typedef signed char a20; typedef short int a21; typedef unsigned short a22;
        typedef wchar_t a23; typedef float a24; typedef double a25; typedef handle_t a26;
        typedef error_status_t a27; typedef boolean a28; typedef byte a29; typedef void *a30;
        typedef int long a31; typedef unsigned const long a32; typedef volatile int a33;
        typedef __int128 a34; typedef __int8 a35; typedef unsigned __int16 a36;
    "
    ));
}

#[test]
fn structures_and_enumerations() {
    assert_snapshot!(facts(
        r#"
        struct node { struct node *next; };
        struct forward;
        typedef struct _E {
            USHORT Id;
            union { struct { ULONG k, u; }; ULONG64 p; };
            [string] LPWSTR names[*];
            [size_is(n), unique] BYTE **object, version, *context;
            unsigned a : 3, : 5;
            enum { A, B } inner;
        } E;
        enum tag { One, Two = 2, Three = 1 << 2 | 1, [helpstring("x")] Four, };
        typedef [v1_enum] enum { X = -1 } Y;
        typedef enum [v1_enum, uuid(00000000-0000-0000-C000-000000000046)] Z { Q } Z;
    "#
    ));
}

#[test]
fn unions() {
    assert_snapshot!(facts(
        r#"
        typedef [switch_type(unsigned long)] union _U {
            [case(1)] PINFO one;
            [case(2, 3)] [string] LPWSTR two;
            [case(4)] ;
            [default] ;
        } U;
        typedef union switch (long level) u { case 1: case 2: long a; case X: ; default: ; } EU;
        typedef union tagged switch (DWORD level) { case 1: struct { int x; } s; } EU2;
        typedef struct {
            [switch_is(kind & 3), switch_type(CPREP_DISKID_ENUM)] union DiskId {
                [case(CprepIdSignature)] unsigned long Signature;
                [case(CprepIdGuid)] GUID Guid;
            } DiskId;
            [switch_is((long)kind)] union DiskId *other;
        } HASUNION;
        union plain { long a; char b[4]; };
    "#
    ));
}

#[test]
fn operations() {
    assert_snapshot!(facts(
        r#"
        interface i {
            DWORD NoParams(void);
            void Empty();
            [local] HRESULT STDMETHODCALLTYPE Convention([in] int x);
            error_status_t __stdcall Other([in] handle_t h);
            DWORD Groups([in] handle_t h, [in] [string] LPWSTR x, [out, size_is(,*n)] BYTE **b);
            DWORD Odd([in, size_is(n)] BYTE x[*], [in, unique, size_is(cch) ] wchar_t* w, [in] LPWSTR);
            const wchar_t *Pointer();
            struct S *Struct([in] struct S s, [out] union U *u, [in] enum E e);
            interface IFoo *Object([in, iid_is(riid)] interface IBar *p, [in] REFIID riid);
            HRESULT Array(SAFEARRAY(BSTR) psa, SAFEARRAY(interface IFoo *) *out);
            HRESULT Sizes([in, size_is((size+7)&~7), length_is(,n,), max_is(), range(0, 0x10)] BYTE *a);
            HRESULT Callback([in] void (*fn)(int a, int), [in] int (*array)[3]);
            HRESULT Attributed([in] struct X * [unique] * p);
            HRESULT NoName([in] DWORD, [out] DWORD *);
        }
    "#
    ));
}

#[test]
fn words_are_no_keywords() {
    assert_snapshot!(facts(
        r#"
        interface i {
            void module([in] int in, [out] int *out, [in] long string, [in] T object);
            void library([in] int version, [in] int handle, [in] int ref, [in] int ptr);
            Type Type([in] Type type, [in] int context, [in] int interface, [in] int pipe);
            void default([in] int default, [in] int case, [in] int uuid, [in] int SAFEARRAY);
            void switch(); void import(); void cpp_quote_like(); void coclass();
            typedef struct { int unique, module, library, string, hyper, small, long; } S;
            typedef [size_is(small), max_is(long - 1)] int T;
        }
    "#
    ));
}

#[test]
fn pipes_and_safearrays() {
    assert_snapshot!(facts(
        "
        typedef pipe char CHAR_PIPE;
        typedef pipe struct { long x; } STRUCT_PIPE;
        typedef [unique] SAFEARRAY * PSAFEARRAY;
        typedef struct _wireSAFEARRAY { int x; } *SAFEARRAY;
    "
    ));
}

#[test]
fn attributes_of_all_kinds() {
    assert_snapshot!(facts(
        r#"
        [implicit_handle(handle_t Binding), auto_handle] interface a;
        [implicit_handle(RPC_BINDING Binding)] interface b;
        typedef [wire_marshal(FOO *), transmit_as(struct X), switch_type(short), user_marshal(F)] long T;
        typedef [id(DISPID_VALUE), defaultvalue(-1), defaultvalue("x"), lcid(0x409), in,, out,] long U;
        typedef [size_is(p->n), length_is(a.b.c), custom(1 ? 2 : 3)] long V;
        typedef [ptr] [ref] [string] long W;
    "#
    ));
}

#[test]
fn expressions() {
    assert_snapshot!(facts(
        r#"
        const long a = 1 + 2 * 3 - 4 - 5;
        const long b = (1 + 2) * 3 << 1 | 4 & 5 ^ 6;
        const long c = a ? b : c ? d : e ? f : g;
        const long d = -1 + ~(2) - !x && y || z == 3 != 4 <= 5;
        const long e = 0x7FFFFFFFul + 010 + 5L + 0xFFFFFFFFFFFFFFFF;
        const long f = (long)1 + (DWORD)x + (x) + (x)+1 + (a)(b) + (PVOID*)p;
        const long g = sizeof(struct X *) + sizeof(long) * sizeof(WCHAR);
        const char h = 'a', i = '\n', j = L'\x41', k = '\'';
        const wchar_t *l = L"a\\b" L"c\"d";
        const double m = 1.5e3;
        const long n = *p + &q - - r;
        const long o = a ? b ? 1 : 2 : 3;
    "#
    ));
}

#[test]
fn documentation() {
    assert_snapshot!(facts(
        r#"
        /** About the file. */

        /// The interface.
        /// In two lines.
        [object] interface i {
            /** A structure.
             *
             *  - with a list
             */
            typedef struct {
                /// first
                int a;
                int b; ///< not for c
                // ordinary
                int c;
                /// lost

                /** of d */
                int d;
            } S;
            typedef enum {
                /// one
                A,
                /** two */ B
            } E;
            /* ordinary */
            HRESULT f();
            /// g
            [id(1)]
            HRESULT g();
            //// ruler
            HRESULT h();
        }
        /// behind attributes
        [uuid(00000000-0000-0000-C000-000000000046)]
        /// never
        interface late { }
        [object]
        /// before the keyword
        interface later { }
        /// The most.
        #define MOST 5
        #define BARE 6
    "#
    ));
    assert_snapshot!(facts("//! one\n//! two\n\n/// x\ninterface i;"), @r#"
    //! "one\ntwo"
    /// "x"
    interface i
    "#);
    assert_snapshot!(facts("/** of the interface */\ninterface i;"), @r#"
    /// "of the interface"
    interface i
    "#);
}

#[test]
fn what_documents_print() {
    // Each from a published document: a directive behind attributes, an interface name in a line
    // of its own, blanks everywhere, a brace too many semicolons.
    assert_snapshot!(facts(
        "
        [

        uuid(b97db8b2-4c63-11cf-bff6-08002be23f2f),

        version(3.0)

        ]

        #define MAX_CLUSTER_CONTROL_CODE_BUFFER_SIZE 0x7FFFFFFF

        interface clusapi

        {

        error_status_t

        ApiCloseCluster(

        [ in, out ] HCLUSTER_RPC *Cluster

        );

        }
        [object, uuid( 52C80B95-C1AD-4240-8D89-72E9FA84025E ), dual]
        interface

        IClusCfgAsyncEvictCleanup : IDispatch
        {
        HRESULT CleanupNode(
        [ in ] BSTR bstrEvictedNodeNameIn,
        [ in ] long nDelayIn);;
        };;"
    ));
}

#[test]
fn safearray_hidden_by_a_macro_keeps_its_element() {
    assert_snapshot!(facts(
        "
        #define SAFEARRAY(type) SAFEARRAY
        #define ITEM BSTR
        typedef struct { SAFEARRAY(ITEM) ips; SAFEARRAY plain; } R;
    "
    ));
}

#[test]
fn broken_declarations_keep_their_place() {
    assert_snapshot!(facts_despite_errors("
        interface i {
            void first();
            void broken([in] 5);
            void third();
            typedef struct { int x y; } T;
        }
    "), @r"
    interface i
      op first: () -> Void
      invalid operation broken
      op third: () -> Void
      invalid declaration T
    ");
}

#[test]
fn imports_are_separate_files() {
    let others = [("base.idl", "#define HIDDEN 1\ntypedef long BASE;")];
    assert_snapshot!(facts_with(r#"import "base.idl"; typedef long HIDDEN;"#, &others), @"typedef Long => HIDDEN");
}

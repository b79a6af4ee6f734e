//! Helpers of the tests: sessions over files in memory, and trees as short text.

#![allow(dead_code)] // Each test binary uses some of it.

use std::fmt::Write as _;
use std::path::Path;

use midlc_parser::ast::*;
use midlc_parser::{MemoryLoader, Session};

/// Parses `root.idl` with other files at hand.
pub(crate) fn session(root: &str, others: &[(&str, &str)]) -> Session {
    let mut loader = MemoryLoader::new().with("root.idl", root);
    for (name, text) in others {
        loader.insert(*name, *text);
    }
    let mut session = Session::new(Box::new(loader));
    session.parse(Path::new("root.idl"));
    session
}

/// All messages, rendered.
pub(crate) fn messages(root: &str, others: &[(&str, &str)]) -> String {
    let session = session(root, others);
    session.diagnostics.render_all(&session.sources, false)
}

/// The tree of a file that has no errors.
pub(crate) fn facts(root: &str) -> String {
    facts_with(root, &[])
}

/// The tree of `root.idl`; fails on any message.
pub(crate) fn facts_with(root: &str, others: &[(&str, &str)]) -> String {
    let mut loader = MemoryLoader::new().with("root.idl", root);
    for (name, text) in others {
        loader.insert(*name, *text);
    }
    let mut session = Session::new(Box::new(loader));
    let parsed = session.parse(Path::new("root.idl"));
    let said = session.diagnostics.render_all(&session.sources, false);
    assert!(said.is_empty(), "{said}");
    let id = parsed.root.expect("the root was read");
    file(session.file(id).expect("the root was parsed"))
}

/// A tree with errors in it, messages not looked at.
pub(crate) fn facts_despite_errors(root: &str) -> String {
    let mut session = Session::new(Box::new(MemoryLoader::new().with("root.idl", root)));
    let parsed = session.parse(Path::new("root.idl"));
    file(session.file(parsed.root.unwrap()).unwrap())
}

pub(crate) fn file(file: &File) -> String {
    let mut out = String::new();
    if let Some(doc) = &file.doc {
        let _ = writeln!(out, "//! {doc:?}");
    }
    items(&mut out, &file.items, 0);
    for m in &file.macros {
        doc(&mut out, &m.doc, 0);
        let _ = writeln!(out, "macro {} = {}", m.name.name, expr(&m.value));
    }
    out
}

fn doc(out: &mut String, text: &Option<String>, indent: usize) {
    if let Some(text) = text {
        let _ = writeln!(out, "{:indent$}/// {text:?}", "");
    }
}

fn items(out: &mut String, list: &[Item], indent: usize) {
    for item in list {
        one_item(out, item, indent);
    }
}

fn one_item(out: &mut String, item: &Item, n: usize) {
    let pad = " ".repeat(n);
    let _ = match item {
        Item::Interface(i) => {
            doc(out, &i.doc, n);
            let base = i.base.as_ref().map_or(String::new(), |b| format!(" : {}", b.name));
            let _ = writeln!(out, "{pad}{}interface {}{base}", attrs(&i.attrs), i.name.name);
            if let Some(list) = &i.items {
                items(out, list, n + 2);
            }
            Ok(())
        }
        Item::Library(l) => {
            let _ = writeln!(out, "{pad}{}library {}", attrs(&l.attrs), l.name.name);
            items(out, &l.items, n + 2);
            Ok(())
        }
        Item::Dispinterface(s) | Item::Coclass(s) | Item::Module(s) => {
            writeln!(out, "{pad}{}skipped {} {}", attrs(&s.attrs), s.keyword, s.name.name)
        }
        Item::Typedef(t) => {
            doc(out, &t.doc, n);
            let names: Vec<String> = t.declarators.iter().map(declarator).collect();
            writeln!(out, "{pad}typedef {}{} => {}", attrs(&t.attrs), ty(&t.ty), names.join("; "))
        }
        Item::Type(t) => {
            doc(out, &t.doc, n);
            writeln!(out, "{pad}{}{}", attrs(&t.attrs), ty(&t.ty))
        }
        Item::Const(c) => {
            doc(out, &c.doc, n);
            writeln!(
                out,
                "{pad}const {}{} {} = {}",
                attrs(&c.attrs),
                ty(&c.ty),
                declarator(&c.declarator),
                expr(&c.value)
            )
        }
        Item::Operation(o) => {
            doc(out, &o.doc, n);
            writeln!(
                out,
                "{pad}op {}{}: ({}) -> {}{}",
                attrs(&o.attrs),
                o.name.name,
                params(&o.params),
                derivs(&o.ret_derivs),
                ty(&o.ret)
            )
        }
        Item::CppQuote(s) => writeln!(out, "{pad}cpp_quote {:?}", s.value),
        Item::Pragma(s) => writeln!(out, "{pad}pragma {:?}", s.value),
        Item::ImportLib(s) => writeln!(out, "{pad}importlib {:?}", s.value),
        Item::Invalid(i) => writeln!(
            out,
            "{pad}invalid {} {}",
            if i.is_operation { "operation" } else { "declaration" },
            i.name.as_ref().map_or("?", |name| &name.name)
        ),
    };
}

pub(crate) fn attrs(list: &[Attribute]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let each = list.iter().map(|a| {
        if a.args.is_empty() {
            return a.name.name.clone();
        }
        let args: Vec<String> = a.args.iter().map(arg).collect();
        format!("{}({})", a.name.name, args.join(", "))
    });
    format!("[{}] ", each.collect::<Vec<_>>().join(", "))
}

fn arg(arg: &AttrArg) -> String {
    match arg {
        AttrArg::Omitted(_) => "_".to_owned(),
        AttrArg::Expr(e) => expr(e),
        AttrArg::Type(t, d) => format!("type {}{}", derivs(d), ty(t)),
        AttrArg::Uuid(u, _) => format!("uuid {u}"),
        AttrArg::Version(major, minor, _) => format!("v{major}.{minor}"),
    }
}

pub(crate) fn ty(t: &TypeSpec) -> String {
    let kind = match &t.kind {
        TypeKind::Base(b) => format!("{b:?}"),
        TypeKind::Named(n) => n.name.clone(),
        TypeKind::InterfaceRef(n) => format!("interface {}", n.name),
        TypeKind::Pipe(t) => format!("pipe {}", ty(t)),
        TypeKind::SafeArray(t, d) => format!("SAFEARRAY({}{})", derivs(d), ty(t)),
        TypeKind::Struct(s) => {
            let body = s.body.as_ref().map(|body| body.iter().map(field).collect::<Vec<_>>());
            format!("struct {}{}{}", attrs(&s.attrs), tag(&s.tag), braces(body))
        }
        TypeKind::Enum(e) => {
            let body = e.body.as_ref().map(|body| body.iter().map(enumerator).collect::<Vec<_>>());
            format!("enum {}{}{}", attrs(&e.attrs), tag(&e.tag), braces(body))
        }
        TypeKind::Union(u) => {
            let head = u.switch.as_ref().map_or(String::new(), |s| {
                let name = s.union_name.as_ref().map_or("?", |n| &n.name);
                format!(" switch({} {}) {name}", ty(&s.ty), s.name.name)
            });
            let body = u.body.as_ref().map(|body| body.iter().map(arm).collect::<Vec<_>>());
            format!("union {}{}{head}{}", attrs(&u.attrs), tag(&u.tag), braces(body))
        }
    };
    if t.is_const { format!("const {kind}") } else { kind }
}

fn tag(tag: &Option<Ident>) -> String {
    tag.as_ref().map_or("?".to_owned(), |tag| tag.name.clone())
}

fn braces(body: Option<Vec<String>>) -> String {
    body.map_or(String::new(), |body| format!(" {{ {} }}", body.join("; ")))
}

fn field(f: &Field) -> String {
    let docs = f.doc.as_ref().map_or(String::new(), |d| format!("/// {d:?} "));
    let names: Vec<String> = f.declarators.iter().map(declarator).collect();
    format!("{docs}{}{} => {}", attrs(&f.attrs), ty(&f.ty), names.join(", "))
}

fn arm(a: &UnionArm) -> String {
    let cases = a.cases.iter().map(|c| match c {
        CaseLabel::Value(v) => format!("case {}", expr(v)),
        CaseLabel::Default(_) => "default".to_owned(),
    });
    let cases = cases.collect::<Vec<_>>().join(", ");
    format!("{cases}: {}", a.field.as_ref().map_or("nothing".to_owned(), field))
}

fn enumerator(e: &Enumerator) -> String {
    let docs = e.doc.as_ref().map_or(String::new(), |d| format!("/// {d:?} "));
    match &e.value {
        Some(v) => format!("{docs}{} = {}", e.name.name, expr(v)),
        None => format!("{docs}{}", e.name.name),
    }
}

fn params(list: &[Param]) -> String {
    let each = list.iter().map(|p| format!("{}{} {}", attrs(&p.attrs), declarator(&p.declarator), ty(&p.ty)));
    each.collect::<Vec<_>>().join(", ")
}

fn declarator(d: &Declarator) -> String {
    let name = d.name.as_ref().map_or("_", |n| &n.name);
    let bits = d.bits.as_ref().map_or(String::new(), |b| format!(" :{}", expr(b)));
    let derivs = derivs(&d.derivs);
    if derivs.is_empty() { format!("{name}{bits}") } else { format!("{name}: {}{bits}", derivs.trim_end()) }
}

fn derivs(list: &[Deriv]) -> String {
    let each = list.iter().map(|d| match d {
        Deriv::Pointer { attrs: a, .. } => format!("{}* ", attrs(a)),
        Deriv::Function { params: p, .. } => format!("fn({}) ", params(p)),
        Deriv::Array { bound, .. } => match bound {
            ArrayBound::Unspecified => "[] ".to_owned(),
            ArrayBound::Star => "[*] ".to_owned(),
            ArrayBound::Count(n) => format!("[{}] ", expr(n)),
            ArrayBound::Range(a, b) => format!("[{}..{}] ", expr(a), expr(b)),
        },
    });
    each.collect()
}

pub(crate) fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Int(n, unsigned) => format!("{n}{}", if *unsigned { "u" } else { "" }),
        ExprKind::Float(f) => format!("float {f}"),
        ExprKind::Char(c) => format!("char {c}"),
        ExprKind::Str(s) => format!("{}{:?}", if s.wide { "L" } else { "" }, s.value),
        ExprKind::Name(n) => n.clone(),
        ExprKind::Unary(op, x) => format!("({op:?} {})", expr(x)),
        ExprKind::Binary(op, a, b) => format!("({op:?} {} {})", expr(a), expr(b)),
        ExprKind::Ternary(c, a, b) => format!("(if {} {} {})", expr(c), expr(a), expr(b)),
        ExprKind::Cast(t, d, x) => format!("(cast {}{} {})", derivs(d), ty(t), expr(x)),
        ExprKind::SizeOf(t, d) => format!("(sizeof {}{})", derivs(d), ty(t)),
        ExprKind::SizeOfExpr(x) => format!("(sizeof {})", expr(x)),
        ExprKind::Member(x, name) => format!("({} . {})", expr(x), name.name),
    }
}

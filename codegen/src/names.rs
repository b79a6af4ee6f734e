//! Names: from the IDL's to Rust's.

use std::collections::{HashMap, HashSet};

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// Hungarian prefixes that parameters and members lose, longest first. Never those that mean a
/// count or a size (`cb`, `cch`, `c`, `n`): they say what the number is.
const PREFIXES: [&str; 34] = [
    "pbstr", "bstr", "lppwsz", "lppsz", "ppwsz", "lpwsz", "lpsz", "pwsz", "ppsz", "multiSz", "lpdw", "pdw", "lpw",
    "psz", "wsz", "lpft", "guid", "lpp", "lph", "pul", "sz", "dw", "lp", "ph", "pp", "pb", "ul", "pv", "w", "p", "h",
    "b", "l", "v",
];
/// Pointer prefixes that may stand before a count's.
const POINTERS: [&str; 2] = ["lp", "p"];
/// Prefixes of counts, which stay.
const COUNTS: [&str; 4] = ["cch", "cb", "c", "n"];

/// Names of the standard library's prelude that generated code uses, or that a careful person would
/// not hide.
const PRELUDE: [&str; 37] = [
    "AsMut",
    "AsRef",
    "AsyncFn",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "Future",
    "Hash",
    "Into",
    "IntoFuture",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToString",
    "TryFrom",
    "TryInto",
    "Vec",
];
/// Names of an interface's module that are always there, parameters of its generic types included.
const INTERFACE_TYPES: [&str; 5] = ["C", "Client", "Server", "Service", "T"];
/// Names that a module at the top of a file's module may not have: the runtime's, and those of
/// primitive types, which it would hide.
pub(crate) const RESERVED_MODULES: [&str; 18] = [
    "ndr",
    "reflection",
    "bool",
    "char",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "usize",
];
/// Methods that every client has.
const CLIENT_METHODS: [&str; 2] = ["channel", "new"];

/// A type's name: `ENUM_LIST`, `_ENUM_LIST` and `tagENUM_LIST` are all `EnumList`.
pub fn type_name(idl: &str) -> String {
    let trimmed = idl.trim_start_matches('_');
    let trimmed = match trimmed.strip_prefix("tag") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') => rest,
        _ => trimmed,
    };
    let name = trimmed.to_upper_camel_case();
    match name.as_str() {
        "Self" => "SelfType".to_owned(),
        _ if PRELUDE.contains(&name.as_str()) => format!("{name}Type"),
        _ if !starts_ident(&name) => format!("T{name}"),
        _ => name,
    }
}

/// The name of a type that stands in an interface's module.
pub(crate) fn interface_type_name(idl: &str) -> String {
    let name = type_name(idl);
    if INTERFACE_TYPES.contains(&name.as_str()) { format!("{name}Type") } else { name }
}

/// A name that is not taken: the wanted one, or else one with a number. `take` says whether it could
/// have a name.
pub(crate) fn take(wanted: String, take: impl FnMut(&str) -> bool) -> String {
    take_numbered(wanted, "_", take)
}

/// The same for a name in camel case.
pub(crate) fn take_type(wanted: String, take: impl FnMut(&str) -> bool) -> String {
    let separator = if wanted.ends_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    take_numbered(wanted, separator, take)
}

fn take_numbered(wanted: String, separator: &str, mut take: impl FnMut(&str) -> bool) -> String {
    if take(&wanted) {
        return wanted;
    }
    let stem = wanted.trim_start_matches("r#").trim_end_matches('_');
    let mut numbered = (2_u64..).map(|number| format!("{stem}{separator}{number}"));
    numbered.find(|name| take(name)).unwrap_or(wanted)
}

/// A union variant's name, from its member's.
pub fn variant_name(idl: &str) -> String {
    let name = strip_prefix(idl).to_upper_camel_case();
    match name.as_str() {
        "Self" => "SelfValue".to_owned(),
        _ if !starts_ident(&name) => format!("V{name}"),
        _ => name,
    }
}

/// A module's name: file names and interface names in snake case. It is never a keyword: it is a
/// file's name, too.
pub fn module_name(idl: &str) -> String {
    let ascii: String = idl.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = ascii.to_snake_case();
    match name.as_str() {
        _ if !starts_ident(&name) => format!("m{name}"),
        _ if is_keyword(&name) => format!("{name}_"),
        _ => name,
    }
}

/// A method's name: the document's name in snake case, so that one can search for it.
pub fn method_name(idl: &str) -> String {
    let name = idl.to_snake_case();
    match name.as_str() {
        _ if CLIENT_METHODS.contains(&name.as_str()) => format!("{name}_"),
        _ if !starts_ident(&name) => format!("m{name}"),
        _ => escape(name),
    }
}

/// A constant's name.
pub fn const_name(idl: &str) -> String {
    let name = idl.trim_start_matches('_').to_shouty_snake_case();
    if starts_ident(&name) { name } else { format!("C{name}") }
}

/// Names of parameters or members that stand beside each other: without Hungarian prefixes, except
/// where two would become the same or one a keyword; those keep their IDL spelling.
pub fn sibling_names<'a>(idl: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let idl: Vec<&str> = idl.into_iter().collect();
    let short: Vec<String> = idl.iter().map(|name| strip_prefix(name).to_snake_case()).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for name in &short {
        *uses.entry(name.as_str()).or_default() += 1;
    }
    let mut names: Vec<String> = idl
        .iter()
        .zip(&short)
        .map(|(&idl, short)| {
            let unusable = uses[short.as_str()] > 1 || is_keyword(short) || !starts_ident(short);
            let name = if unusable { idl.to_snake_case() } else { short.clone() };
            if starts_ident(&name) { escape(name) } else { format!("field_{name}") }
        })
        .collect();
    // What is still the same differs in case or underscores alone.
    let mut seen: HashSet<String> = HashSet::new();
    for name in &mut names {
        *name = take(std::mem::take(name), |name| seen.insert(name.to_owned()));
    }
    names
}

/// Whether a name is an identifier of Rust, raw or not.
pub(crate) fn is_identifier(name: &str) -> bool {
    syn::parse_str::<syn::Ident>(name).is_ok() && name != "_"
}

fn starts_ident(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn strip_prefix(name: &str) -> &str {
    let upper = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    // `lpcbRequired` is a pointer to a count: `cb_required`.
    for pointer in POINTERS {
        if let Some(rest) = name.strip_prefix(pointer)
            && COUNTS.iter().any(|count| rest.strip_prefix(count).is_some_and(upper))
        {
            return rest;
        }
    }
    for prefix in PREFIXES {
        if let Some(rest) = name.strip_prefix(prefix)
            && upper(rest)
        {
            return rest;
        }
    }
    name
}

/// A keyword as a raw identifier.
pub fn escape(name: String) -> String {
    match name.as_str() {
        "self" | "super" | "crate" | "Self" | "_" => format!("{name}_"),
        other if is_keyword(other) => format!("r#{name}"),
        _ => name,
    }
}

fn is_keyword(name: &str) -> bool {
    // `gen` is one since edition 2024; `syn` takes it for an identifier.
    name == "gen"
        || syn::parse_str::<syn::Ident>(name).is_err() && syn::parse_str::<syn::Ident>(&format!("{name}_")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hungarian_prefixes_go_counts_stay() {
        let names =
            sibling_names(["lpszResourceName", "hResource", "cbData", "dwType", "nInBufferSize", "lpcbRequired"]);
        assert_eq!(names, ["resource_name", "resource", "cb_data", "dw_type", "n_in_buffer_size", "cb_required"]);
    }

    #[test]
    fn what_would_collide_keeps_its_spelling() {
        assert_eq!(sibling_names(["lpData", "pData", "Type"]), ["lp_data", "p_data", "r#type"]);
    }

    #[test]
    fn tags_and_underscores_go_from_types() {
        assert_eq!(type_name("_ENUM_LIST"), "EnumList");
        assert_eq!(type_name("tagSAFEARRAY"), "Safearray");
        assert_eq!(type_name("HRES_RPC"), "HresRpc");
        assert_eq!(type_name("FSSAGENT_SHARE_MAPPING_1"), "FssagentShareMapping1");
    }
}

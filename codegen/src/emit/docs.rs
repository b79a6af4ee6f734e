//! Documentation of generated items.

use proc_macro2::TokenStream;
use quote::quote;

/// `///` lines.
pub(super) fn outer(text: &str) -> TokenStream {
    lines(text).map(|line| quote!(#[doc = #line])).collect()
}

/// `//!` lines.
pub(super) fn inner(text: &str) -> TokenStream {
    lines(text).map(|line| quote!(#![doc = #line])).collect()
}

/// Lines of a comment that is no documentation.
pub(super) fn comment(text: &str) -> String {
    lines(text).map(|line| format!("//{line}\n")).collect()
}

/// The documentation of an item: the IDL's own, or its name there.
pub(super) fn item(doc: Option<&str>, idl_name: &str) -> String {
    match doc {
        Some(doc) => format!("{}\n\nIDL name: `{idl_name}`.", link_free(doc)),
        None => format!("`{idl_name}`."),
    }
}

/// The documentation of a member or result: the IDL's own, and its name there. A union within a
/// structure may have none.
pub(super) fn member(doc: Option<&str>, idl_name: &str) -> String {
    match doc {
        Some(doc) if idl_name.is_empty() => link_free(doc),
        None if idl_name.is_empty() => "A member without a name.".to_owned(),
        Some(doc) => format!("{} (`{idl_name}`)", link_free(doc).trim_end()),
        None => format!("`{idl_name}`."),
    }
}

/// The IDL's text as Markdown that shows it as it is. References to documents look like links that
/// lead nowhere and indented text like code that is to be tested: brackets are escaped, lines begin
/// at their first word, and code between fences is plain text.
pub(super) fn link_free(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
            escaped.push_str(if fenced { "```text" } else { "```" });
        } else if fenced {
            escaped.push_str(line);
        } else {
            escape_line(line, &mut escaped);
        }
        escaped.push('\n');
    }
    if fenced {
        escaped.push_str("```\n");
    }
    escaped.truncate(escaped.trim_end().len());
    escaped
}

fn escape_line(line: &str, escaped: &mut String) {
    // A backtick without a partner quotes nothing.
    let quotes = line.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for c in line.chars() {
        match c {
            '`' if quotes => code = !code,
            '`' => escaped.push('\\'),
            '[' | ']' | '<' | '>' if !code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(c);
    }
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.trim_end().lines().map(|line| if line.is_empty() { String::new() } else { format!(" {}", printable(line)) })
}

/// A line without what rustc refuses in comments: control characters, and those that change the
/// direction of text.
fn printable(line: &str) -> String {
    let refused =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    line.chars().map(|c| if refused(c) { ' ' } else { c }).collect()
}

//! Attributes.

use uuid::Uuid;

use super::{Builder, Pair};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::source::Span;

impl Builder<'_> {
    /// The attributes of one bracket group, added to `attrs`.
    pub(crate) fn attributes(&mut self, pair: Pair<'_>, attrs: &mut Vec<Attribute>) {
        for attribute in pair.into_inner().filter(|part| part.as_rule() == Rule::attribute) {
            let span = self.span(&attribute);
            let Some(inner) = attribute.into_inner().next() else { continue };
            let attribute = match inner.as_rule() {
                Rule::uuid_attr => self.uuid_attribute(inner, span),
                Rule::version_attr => self.version_attribute(inner, span),
                _ => self.plain_attribute(inner, span),
            };
            attrs.push(attribute);
        }
    }

    fn raw_argument(&self, pair: Pair<'_>, span: Span) -> (Ident, String, Span) {
        let mut name = self.no_name(span);
        let mut text = String::new();
        let mut at = span;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::uuid_word | Rule::version_word => name = self.ident(&part),
                Rule::raw => {
                    text = part.as_str().replace(' ', "");
                    if !text.is_empty() {
                        at = self.span(&part);
                    }
                }
                _ => {}
            }
        }
        (name, text, at)
    }

    fn uuid_attribute(&mut self, pair: Pair<'_>, span: Span) -> Attribute {
        let (name, text, at) = self.raw_argument(pair, span);
        let bare = text.trim_matches('"').trim_start_matches('{').trim_end_matches('}');
        let args = match parse_uuid(bare) {
            Some(uuid) => vec![AttrArg::Uuid(uuid, at)],
            None => {
                self.diagnostics.push(
                    Diagnostic::error("malformed-uuid", format!("`{bare}` is no UUID"))
                        .label(at, uuid_problem(bare))
                        .help("a UUID has 8-4-4-4-12 hexadecimal digits"),
                );
                Vec::new()
            }
        };
        Attribute { name, args, span }
    }

    fn version_attribute(&mut self, pair: Pair<'_>, span: Span) -> Attribute {
        let (name, text, at) = self.raw_argument(pair, span);
        let bare = text.trim_matches('"');
        let (major, minor) = bare.split_once('.').unwrap_or((bare, "0"));
        let number = |text: &str| match crate::literal::integer(text) {
            // `1.08` is minor version 8: a version has no octal numbers.
            _ if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            Ok((value, _)) => u16::try_from(value).ok(),
            Err(_) => None,
        };
        let args = match (number(major), number(minor)) {
            (Some(major), Some(minor)) => vec![AttrArg::Version(major, minor, at)],
            _ => {
                self.diagnostics.push(
                    Diagnostic::error("malformed-version", format!("`{bare}` is no version"))
                        .label(at, "")
                        .help("write `version(major.minor)`, both between 0 and 65535"),
                );
                Vec::new()
            }
        };
        Attribute { name, args, span }
    }

    fn plain_attribute(&mut self, pair: Pair<'_>, span: Span) -> Attribute {
        let mut name = self.no_name(span);
        let mut args = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_name => name = self.ident(&part),
                Rule::attr_arg => self.argument(part, &name.name, &mut args),
                _ => {}
            }
        }
        // `attr()` has no argument rather than an omitted one.
        if matches!(args.as_slice(), [AttrArg::Omitted(_)]) {
            args.clear();
        }
        Attribute { name, args, span }
    }

    fn argument(&mut self, pair: Pair<'_>, attribute: &str, args: &mut Vec<AttrArg>) {
        let span = self.span(&pair);
        let Some(inner) = pair.into_inner().next() else {
            args.push(AttrArg::Omitted(span.at_start()));
            return;
        };
        match inner.as_rule() {
            Rule::uuid_lit => {
                let text = inner.as_str().replace(' ', "");
                args.extend(parse_uuid(&text).map(|uuid| AttrArg::Uuid(uuid, span)));
            }
            Rule::typed_arg => self.typed_argument(inner, attribute, args),
            _ => args.push(AttrArg::Expr(self.expr(inner))),
        }
    }

    /// `switch_type(unsigned long)`; `implicit_handle(handle_t name)` becomes two arguments.
    fn typed_argument(&mut self, pair: Pair<'_>, attribute: &str, args: &mut Vec<AttrArg>) {
        let span = self.span(&pair);
        let text = pair.as_str().trim();
        // `size_is(small)`: where only values can stand, a word of the language is a name.
        let wants_value = attribute.ends_with("_is") || matches!(attribute, "case" | "range");
        let is_word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if wants_value && is_word {
            args.push(AttrArg::Expr(Expr { kind: ExprKind::Name(text.to_owned()), span }));
            return;
        }
        let mut ty = self.no_type(span);
        let mut pointers = Vec::new();
        let mut name = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::simple_type | Rule::solid_type => ty = self.type_spec(part),
                Rule::pointer => pointers.push(self.pointer(part)),
                Rule::name => name = Some(self.ident(&part)),
                _ => {}
            }
        }
        pointers.reverse();
        args.push(AttrArg::Type(ty, pointers));
        args.extend(name.map(|name| AttrArg::Expr(Expr { kind: ExprKind::Name(name.name), span: name.span })));
    }
}

/// The hyphenated form only: `Uuid` itself takes others that no IDL file means.
fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

fn uuid_problem(text: &str) -> String {
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_hexdigit() && *c != '-') {
        return format!("`{bad}` is no hexadecimal digit");
    }
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let names = ["first", "second", "third", "fourth", "fifth"];
    if lengths.len() != 5 {
        return format!("{} groups of digits instead of 5", lengths.len());
    }
    let expected = [8, 4, 4, 4, 12];
    for ((length, expected), name) in lengths.iter().zip(expected).zip(names) {
        if *length != expected {
            return format!("the {name} group has {length} digits instead of {expected}");
        }
    }
    String::new()
}

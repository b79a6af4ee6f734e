//! Attribute configuration files: attributes for what an IDL file declares, in a file of their own.
//!
//! What they say concerns the stubs of one side: handles, memory, statuses. Nothing of it changes
//! what travels, so that most of it is read and kept, and no more.

use super::FileParser;
use crate::ast::{Attribute, File, Ident, Interface, Item, Operation};
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::preprocess::Output;
use crate::session::Session;
use crate::source::FileId;
use crate::token::{TokenKind, sym};

/// What an ACF file says, in order.
#[derive(Debug, Default)]
pub(crate) struct Acf {
    entries: Vec<Entry>,
}

/// Attributes, and whose they are.
#[derive(Debug)]
struct Entry {
    /// The interface around it, or that it is about.
    interface: Option<Ident>,
    what: What,
}

#[derive(Debug)]
enum What {
    Interface(Vec<Attribute>),
    Types(Vec<Attribute>, Vec<Ident>),
    Operation { attrs: Vec<Attribute>, name: Ident, params: Vec<(Vec<Attribute>, Ident)> },
}

impl FileParser<'_> {
    /// Reads the tokens as an ACF file.
    pub(super) fn acf(&mut self) -> Acf {
        let mut acf = Acf::default();
        let end = self.tokens.len();
        self.acf_items(0, end, None, &mut acf);
        acf
    }

    fn acf_items(&mut self, start: usize, end: usize, interface: Option<&Ident>, acf: &mut Acf) {
        let mut index = start;
        while index < end {
            let keyword = self.after_attributes(index, end);
            let next = match self.text(keyword) {
                sym::SEMI | sym::RBRACE => keyword + 1,
                sym::INTERFACE if interface.is_none() => self.acf_interface(index, keyword, end, acf),
                sym::TYPEDEF => self.acf_typedef(keyword, end, interface, acf),
                _ if self.is_ident(keyword) && self.kind(keyword + 1) == Some(TokenKind::Str) => {
                    // `include "header.h";`
                    self.find_semicolon(keyword, end) + 1
                }
                _ if self.is_ident(keyword) && self.text(keyword + 1) == sym::LPAREN => {
                    self.acf_operation(index, keyword, end, interface, acf)
                }
                _ => {
                    self.acf_error(keyword.min(end.saturating_sub(1)));
                    self.find_semicolon(keyword, end) + 1
                }
            };
            index = next.max(index + 1);
        }
    }

    fn acf_error(&mut self, at: usize) {
        let span = self.span(at, at + 1);
        let found = self.spelling(at).to_owned();
        if self.brackets.is_damaged(0, self.tokens.len()) {
            // A bracket that does not match has been told.
            return;
        }
        self.report(
            Diagnostic::error("acf-syntax", format!("`{found}` does not belong into an ACF file here"))
                .label(span, "an interface, a `typedef`, an `include` or an operation was expected"),
        );
    }

    /// The attributes in `start..end`, of one bracket group or several.
    fn acf_attributes(&mut self, start: usize, end: usize) -> Vec<Attribute> {
        if start >= end {
            return Vec::new();
        }
        let parsed = self.parse(start, end, None, Rule::attribute_group, "attribute list", |build, pair| {
            let mut attrs = Vec::new();
            for group in pair.into_inner().filter(|part| part.as_rule() == Rule::attr_list) {
                build.attributes(group, &mut attrs);
            }
            attrs
        });
        parsed.unwrap_or_else(|failure| {
            if !self.brackets.is_damaged(start, end) {
                self.report(*failure);
            }
            Vec::new()
        })
    }

    fn acf_ident(&self, index: usize) -> Ident {
        Ident { name: self.spelling(index).to_owned(), span: self.span(index, index + 1) }
    }

    fn acf_interface(&mut self, start: usize, keyword: usize, end: usize, acf: &mut Acf) -> usize {
        let attrs = self.acf_attributes(start, keyword);
        if !self.is_ident(keyword + 1) {
            self.acf_error(keyword);
            return keyword + 1;
        }
        let name = self.acf_ident(keyword + 1);
        acf.entries.push(Entry { interface: Some(name.clone()), what: What::Interface(attrs) });
        let Some(open) = self.find_body(keyword, end) else {
            return self.find_semicolon(keyword, end) + 1;
        };
        let close = self.brackets.close_of(open).unwrap_or(end).min(end);
        self.acf_items(open + 1, close, Some(&name), acf);
        close + 1
    }

    fn acf_typedef(&mut self, keyword: usize, end: usize, interface: Option<&Ident>, acf: &mut Acf) -> usize {
        let first = self.after_attributes(keyword + 1, end);
        let attrs = self.acf_attributes(keyword + 1, first);
        let semicolon = self.find_semicolon(first, end);
        let names: Vec<Ident> =
            (first..semicolon).filter(|at| self.is_ident(*at)).map(|at| self.acf_ident(at)).collect();
        acf.entries.push(Entry { interface: interface.cloned(), what: What::Types(attrs, names) });
        semicolon + 1
    }

    fn acf_operation(
        &mut self,
        start: usize,
        keyword: usize,
        end: usize,
        interface: Option<&Ident>,
        acf: &mut Acf,
    ) -> usize {
        let attrs = self.acf_attributes(start, keyword);
        let name = self.acf_ident(keyword);
        let close = self.brackets.close_of(keyword + 1).unwrap_or(end).min(end);
        let mut params = Vec::new();
        let mut index = keyword + 2;
        while index < close {
            let param = self.after_attributes(index, close);
            let attrs = self.acf_attributes(index, param);
            if param < close && self.is_ident(param) {
                params.push((attrs, self.acf_ident(param)));
            }
            index = param + 1;
            if self.text(index) == sym::COMMA {
                index += 1;
            }
        }
        acf.entries.push(Entry { interface: interface.cloned(), what: What::Operation { attrs, name, params } });
        let semicolon = close + 1;
        if self.text(semicolon) == sym::SEMI { semicolon + 1 } else { semicolon }
    }
}

/// Adds what an ACF file says to the declarations it is about.
pub(crate) fn apply(acf: Acf, file: &mut File) -> Vec<Diagnostic> {
    let mut unknown = Vec::new();
    let mut missing = |kind: &str, name: &Ident| {
        let message = format!("the ACF file speaks of {kind} `{}`, which the IDL file does not declare", name.name);
        unknown.push(Diagnostic::warning("acf-name", message).label(name.span, "without effect"));
    };
    for Entry { interface, what } in acf.entries {
        match what {
            What::Interface(attrs) => {
                let Some(name) = interface else { continue };
                match interfaces(&mut file.items).into_iter().find(|found| found.name == name) {
                    Some(found) => found.attrs.extend(attrs),
                    None => missing("an interface", &name),
                }
            }
            What::Types(attrs, names) => {
                for name in names {
                    if !extend_type(&mut file.items, &name, &attrs) {
                        missing("a type", &name);
                    }
                }
            }
            What::Operation { attrs, name, params } => {
                let scope = interface.as_ref();
                let Some(operation) = find_operation(&mut file.items, scope, &name) else {
                    missing("an operation", &name);
                    continue;
                };
                operation.attrs.extend(attrs);
                for (attrs, name) in params {
                    let named = |param: &&mut crate::ast::Param| param.declarator.name.as_ref() == Some(&name);
                    let status = attrs.iter().any(|attr| matches!(&*attr.name.name, "comm_status" | "fault_status"));
                    match operation.params.iter_mut().find(named) {
                        Some(param) => param.attrs.extend(attrs),
                        // A status that the IDL does not mention is one of the stub alone.
                        None if status => {}
                        None => missing("a parameter", &name),
                    }
                }
            }
        }
    }
    unknown
}

fn interfaces(items: &mut [Item]) -> Vec<&mut Interface> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Interface(interface) if interface.items.is_some() => found.push(interface),
            Item::Library(library) => found.extend(interfaces(&mut library.items)),
            _ => {}
        }
    }
    found
}

fn find_operation<'f>(items: &'f mut [Item], interface: Option<&Ident>, name: &Ident) -> Option<&'f mut Operation> {
    let within = interfaces(items).into_iter().filter(|found| interface.is_none_or(|name| found.name == *name));
    let operations = within.flat_map(|interface| interface.items.iter_mut().flatten());
    operations.into_iter().find_map(|item| match item {
        Item::Operation(operation) if operation.name == *name => Some(operation),
        _ => None,
    })
}

/// Adds attributes to the typedef of a name. Whether there is one.
fn extend_type(items: &mut [Item], name: &Ident, attrs: &[Attribute]) -> bool {
    items.iter_mut().any(|item| match item {
        Item::Typedef(typedef) if typedef.declarators.iter().any(|own| own.name.as_ref() == Some(name)) => {
            typedef.attrs.extend_from_slice(attrs);
            true
        }
        Item::Interface(interface) => interface.items.as_mut().is_some_and(|items| extend_type(items, name, attrs)),
        Item::Library(library) => extend_type(&mut library.items, name, attrs),
        _ => false,
    })
}

/// Reads what the preprocessor made of an ACF file.
pub(crate) fn parse_acf(session: &mut Session, id: FileId, output: Output) -> Acf {
    FileParser::new(session, id, output).acf()
}

//! Declarations that hold others: interfaces, libraries, and what is read over.

use super::{FileParser, MAX_SCOPES, Scope};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::token::sym;

impl FileParser<'_> {
    pub(super) fn interface(
        &mut self,
        start: usize,
        keyword: usize,
        end: usize,
        scope: Scope,
        depth: usize,
        items: &mut Vec<Item>,
    ) -> usize {
        let open = self.find_body(keyword, end);
        let head_end = open.unwrap_or_else(|| self.find_semicolon(keyword, end));
        if let Some(requires) = (keyword..head_end).find(|at| self.text(*at) == sym::REQUIRES) {
            self.winrt(requires);
            return self.skip_block(keyword, end);
        }
        let head = self
            .parse(start, head_end, None, Rule::interface_head, "interface", |build, pair| build.interface_head(pair));
        let (body_end, next) = match open {
            Some(open) => {
                // A brace that is never closed takes the rest.
                let close = self.brackets.close_of(open).unwrap_or(end).min(end);
                (close, (close + 1).min(end))
            }
            None => (head_end, (head_end + 1).min(end)),
        };
        let body = open.map(|open| {
            let nested_in_interface = scope == Scope::Interface;
            if nested_in_interface && !self.brackets.is_damaged(0, self.tokens.len()) {
                let span = self.span(keyword, keyword + 2);
                self.report(
                    Diagnostic::error("nested-interface", "an interface inside an interface")
                        .label(span, "")
                        .help("close the outer interface with `}` first"),
                );
            }
            self.scope_items(open, body_end, Scope::Interface, depth)
        });
        let span = self.span(start, next);
        match head {
            Ok(mut interface) => {
                interface.items = body;
                interface.span = span;
                items.push(Item::Interface(interface));
            }
            Err(failure) => {
                self.failed(*failure, start, keyword, head_end, items);
                if self.is_ident(keyword + 1) {
                    let name = self.spelling(keyword + 1).to_owned();
                    self.session.poisoned.insert(name);
                }
            }
        }
        next
    }

    pub(super) fn scope_items(&mut self, open: usize, close: usize, scope: Scope, depth: usize) -> Vec<Item> {
        if depth >= MAX_SCOPES {
            let span = self.span(open, open + 1);
            self.report(Diagnostic::error("nested-too-deeply", "declarations are nested too deeply").label(span, ""));
            return Vec::new();
        }
        self.items(open + 1, close, scope, depth + 1)
    }

    pub(super) fn library(
        &mut self,
        start: usize,
        keyword: usize,
        end: usize,
        depth: usize,
        items: &mut Vec<Item>,
    ) -> usize {
        let Some(open) = self.find_body(keyword, end) else {
            return self.simple(start, keyword, end, items);
        };
        let head = self.parse(start, open, None, Rule::skipped_head, "library", |build, pair| build.skipped_head(pair));
        let close = self.brackets.close_of(open).unwrap_or(end).min(end);
        let next = (close + 1).min(end);
        let body = self.scope_items(open, close, Scope::Library, depth);
        let span = self.span(start, next);
        match head {
            Ok(head) => items.push(Item::Library(Library { attrs: head.attrs, name: head.name, items: body, span })),
            Err(failure) => self.failed(*failure, start, keyword, open, items),
        }
        next
    }

    /// `dispinterface`, `coclass` and `module`, whose bodies do not matter.
    pub(super) fn skipped(&mut self, start: usize, keyword: usize, end: usize, items: &mut Vec<Item>) -> usize {
        let open = self.find_body(keyword, end);
        let head_end = open.unwrap_or_else(|| self.find_semicolon(keyword, end));
        // Some write a base behind the name; like the body it does not matter.
        let colon = (keyword..head_end).find(|at| self.text(*at) == sym::COLON);
        let name_end = colon.unwrap_or(head_end);
        let next = match open {
            Some(open) => self.brackets.close_of(open).map_or(end, |close| (close + 1).min(end)),
            None => (head_end + 1).min(end),
        };
        let what = "declaration";
        let head = self.parse(start, name_end, None, Rule::skipped_head, what, |build, pair| build.skipped_head(pair));
        match head {
            Ok(mut head) => {
                head.span = self.span(start, next);
                head.has_body = open.is_some();
                items.push(match self.text(keyword) {
                    sym::COCLASS => Item::Coclass(head),
                    sym::MODULE => Item::Module(head),
                    _ => Item::Dispinterface(head),
                });
            }
            Err(failure) => self.failed(*failure, start, keyword, head_end, items),
        }
        next
    }
}

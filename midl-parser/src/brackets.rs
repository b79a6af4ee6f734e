//! Matching brackets over a whole file, without recursion.
//!
//! Everything that is parsed later lies within matched brackets, so this is where missing ones
//! are told, and where nesting is bounded.

use std::collections::HashMap;

use crate::diag::{Diagnostic, Diagnostics};
use crate::limits::Limits;
use crate::token::{Interner, Symbol, Token, TokenKind, sym};

/// How many brackets are told that are open at the end of a file.
const TOLD_AT_END: usize = 3;

/// Which bracket belongs to which.
#[derive(Debug, Default)]
pub(crate) struct Brackets {
    partners: Vec<Option<u32>>,
    /// How many are open at each token.
    depths: Vec<u16>,
    /// Tokens at which something was wrong, in order: a declaration with one of them in it has
    /// been complained about.
    damaged: Vec<usize>,
    /// Where an opening bracket that is never closed should have been, at the latest.
    recovery: HashMap<usize, usize>,
    open_at_end: bool,
}

impl Brackets {
    /// Where to read on behind an opening bracket that is never closed.
    pub(crate) fn recovery_of(&self, index: usize) -> Option<usize> {
        self.recovery.get(&index).copied()
    }

    /// The closing bracket of the opening one at `index`.
    pub(crate) fn close_of(&self, index: usize) -> Option<usize> {
        let partner = self.partners.get(index).copied().flatten()? as usize;
        (partner > index).then_some(partner)
    }

    /// Whether there was an error within `start..end`.
    pub(crate) fn is_damaged(&self, start: usize, end: usize) -> bool {
        let first = self.damaged.partition_point(|at| *at < start);
        self.damaged.get(first).is_some_and(|at| *at < end)
    }

    /// Whether a bracket is still open at the end of the file.
    pub(crate) fn is_open_at_end(&self) -> bool {
        self.open_at_end
    }

    /// How deep the brackets within `start..end` are nested.
    pub(crate) fn depth(&self, start: usize, end: usize) -> usize {
        let range = self.depths.get(start..end).unwrap_or_default();
        let outer = range.first().copied().unwrap_or(0);
        usize::from(range.iter().copied().max().unwrap_or(0).saturating_sub(outer))
    }
}

/// What is said of a bracket that is open at the end of the file.
const OPEN_AT_END: &str = "the file ends before its closing bracket";

/// Whether a message is about a bracket that is open at the end of the file.
pub(crate) fn is_open_at_end(diagnostic: &Diagnostic) -> bool {
    diagnostic.labels.iter().any(|label| label.text == OPEN_AT_END)
}

struct Open {
    index: usize,
    text: Symbol,
    /// Of a brace: declarations are in it, as in an interface, rather than members.
    is_scope: bool,
}

struct Matcher<'a> {
    tokens: &'a mut [Token],
    interner: &'a Interner,
    diagnostics: &'a mut Diagnostics,
    result: Brackets,
    stack: Vec<Open>,
    /// The statement has a word such as `interface`, so that its brace holds declarations.
    scope_ahead: bool,
    too_deep: bool,
}

/// Matches the brackets of a file. A `;` that stands for a `,` between parameters is told and
/// replaced.
pub(crate) fn match_brackets(
    tokens: &mut [Token],
    interner: &Interner,
    diagnostics: &mut Diagnostics,
    limits: &Limits,
) -> Brackets {
    let count = tokens.len();
    let mut this = Matcher {
        tokens,
        interner,
        diagnostics,
        result: Brackets {
            partners: vec![None; count],
            depths: Vec::with_capacity(count),
            damaged: Vec::new(),
            recovery: HashMap::new(),
            open_at_end: false,
        },
        stack: Vec::new(),
        scope_ahead: false,
        too_deep: false,
    };
    for index in 0..count {
        let depth = u16::try_from(this.stack.len()).unwrap_or(u16::MAX);
        this.result.depths.push(depth);
        this.token(index, limits.max_nesting);
    }
    // More than a few at the end of a file are one mistake, or no IDL at all.
    let mut told = 0;
    this.result.open_at_end = !this.stack.is_empty();
    while let Some(open) = this.stack.pop() {
        if told < TOLD_AT_END {
            this.unclosed(&open, None);
        }
        this.result.damaged.push(open.index);
        told += 1;
    }
    this.result.damaged.sort_unstable();
    this.result
}

impl Matcher<'_> {
    fn text(&self, index: usize) -> Symbol {
        self.tokens.get(index).map_or(sym::EMPTY, |token| token.text)
    }

    fn is_ident(&self, index: usize) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == TokenKind::Ident)
    }

    fn token(&mut self, index: usize, max_nesting: usize) {
        let Some(token) = self.tokens.get(index).copied() else { return };
        match token.text {
            sym::LPAREN | sym::LBRACKET | sym::LBRACE if token.kind == TokenKind::Punct => {
                let is_scope = token.text == sym::LBRACE && std::mem::take(&mut self.scope_ahead);
                self.stack.push(Open { index, text: token.text, is_scope });
                if self.stack.len() > max_nesting {
                    self.nested_too_deeply(index, max_nesting);
                }
            }
            sym::RPAREN => self.close(index, sym::LPAREN),
            sym::RBRACKET => self.close(index, sym::LBRACKET),
            sym::RBRACE => self.close(index, sym::LBRACE),
            sym::SEMI => {
                self.semicolon(index);
                self.scope_ahead = false;
            }
            sym::INTERFACE
            | sym::LIBRARY
            | sym::MODULE
            | sym::DISPINTERFACE
            | sym::COCLASS
            | sym::NAMESPACE
            | sym::RUNTIMECLASS
            | sym::DECLARE
            | sym::APICONTRACT => {
                let in_brackets = self.stack.last().is_some_and(|open| open.text != sym::LBRACE);
                let previous = index.checked_sub(1).map_or(sym::EMPTY, |at| self.text(at));
                let is_tag = matches!(previous, sym::STRUCT | sym::UNION | sym::ENUM);
                if self.begins_scope(index) {
                    self.close_members(index);
                }
                self.scope_ahead |= !in_brackets && !is_tag;
            }
            sym::TYPEDEF => self.close_members(index),
            _ => {}
        }
    }

    /// `interface name {` or `interface name :`: nothing that could stand among members.
    fn begins_scope(&self, index: usize) -> bool {
        self.text(index) == sym::INTERFACE
            && self.is_ident(index + 1)
            && matches!(self.text(index + 2), sym::LBRACE | sym::COLON)
    }

    /// Before a word that cannot stand in parentheses or among members, these must be closed.
    fn close_members(&mut self, index: usize) {
        while self.stack.last().is_some_and(|open| !open.is_scope) {
            if let Some(open) = self.stack.pop() {
                self.unclosed(&open, Some(index));
            }
        }
    }

    fn close(&mut self, index: usize, open_text: Symbol) {
        loop {
            match self.stack.last() {
                Some(open) if open.text == open_text => break,
                Some(open) => {
                    // Only what is inside the braces around may be left open: a stray closing
                    // bracket must not end a whole interface.
                    let mut reach = self.stack.iter().rev();
                    let found = reach
                        .find(|open| open.text == open_text || open.text == sym::LBRACE)
                        .is_some_and(|open| open.text == open_text);
                    if !found || open.text == sym::LBRACE {
                        self.stray(index);
                        return;
                    }
                    if let Some(open) = self.stack.pop() {
                        self.unclosed(&open, Some(index));
                    }
                }
                None => {
                    self.stray(index);
                    return;
                }
            }
        }
        if let Some(open) = self.stack.pop() {
            if let Some(slot) = self.result.partners.get_mut(open.index) {
                *slot = u32::try_from(index).ok();
            }
            if let Some(slot) = self.result.partners.get_mut(index) {
                *slot = u32::try_from(open.index).ok();
            }
        }
    }

    fn semicolon(&mut self, index: usize) {
        while let Some(open) = self.stack.last() {
            if open.text == sym::LBRACE {
                return;
            }
            if open.text == sym::LPAREN && self.stands_for_comma(index) {
                self.semicolon_for_comma(index);
                return;
            }
            if let Some(open) = self.stack.pop() {
                self.unclosed(&open, Some(index));
            }
        }
    }

    /// Whether the text goes on with more parameters: the next parenthesis is a closing one.
    fn stands_for_comma(&self, index: usize) -> bool {
        let mut in_attributes = 0usize;
        let rest = self.tokens.get(index + 1..).unwrap_or_default();
        for (offset, token) in rest.iter().enumerate().take(2000) {
            match token.text {
                sym::LBRACKET => in_attributes += 1,
                sym::RBRACKET => in_attributes = in_attributes.saturating_sub(1),
                sym::LBRACE | sym::RBRACE | sym::TYPEDEF => return false,
                _ if in_attributes > 0 => {}
                sym::RPAREN => return offset > 0,
                sym::LPAREN => return false,
                _ => {}
            }
        }
        false
    }

    fn semicolon_for_comma(&mut self, index: usize) {
        if let Some(token) = self.tokens.get_mut(index) {
            self.diagnostics.push(
                Diagnostic::error("semicolon-for-comma", "parameters are separated by `,`, not `;`")
                    .label(token.span, "`;` between parameters")
                    .help("write `,` here"),
            );
            token.text = sym::COMMA;
        }
    }

    fn unclosed(&mut self, open: &Open, before: Option<usize>) {
        self.result.damaged.push(open.index);
        self.result.damaged.extend(before);
        self.result.recovery.extend(before.map(|before| (open.index, before)));
        // Behind the last attribute there is a better place for the message.
        let before = before.map(|before| self.end_of_attributes(open, before).unwrap_or(before));
        let Some(token) = self.tokens.get(open.index) else { return };
        let (bracket, close) = match open.text {
            sym::LPAREN => ("(", ")"),
            sym::LBRACKET => ("[", "]"),
            _ => ("{", "}"),
        };
        let diagnostic =
            Diagnostic::error("unclosed-bracket", format!("missing `{close}`: this `{bracket}` is never closed"));
        let found = before.and_then(|at| self.tokens.get(at));
        let previous = before.and_then(|at| self.tokens.get(at.checked_sub(1)?));
        self.diagnostics.push(match (found, previous) {
            (Some(found), Some(previous)) => {
                let text = self.interner.get(found.text);
                let place = if found.line_start { previous.span.at_end() } else { found.span };
                diagnostic
                    .label(place, format!("`{close}` expected before `{text}`"))
                    .secondary(token.span, "opened here")
            }
            _ => diagnostic.label(token.span, OPEN_AT_END),
        });
    }

    /// Where a list of attributes that began at `open` cannot go on.
    fn end_of_attributes(&self, open: &Open, before: usize) -> Option<usize> {
        if open.text != sym::LBRACKET {
            return None;
        }
        let mut index = open.index + 1;
        while index < before && self.is_ident(index) {
            index += 1;
            if self.text(index) == sym::LPAREN {
                index = self.result.close_of(index)? + 1;
            }
            match self.text(index) {
                sym::COMMA => index += 1,
                _ if index < before => return Some(index),
                _ => return None,
            }
        }
        None
    }

    fn stray(&mut self, index: usize) {
        self.result.damaged.push(index);
        let Some(token) = self.tokens.get(index) else { return };
        let text = self.interner.get(token.text);
        let mut diagnostic = Diagnostic::error("unmatched-bracket", format!("unmatched `{text}`"))
            .label(token.span, "no bracket is open that this could close");
        if let Some(open) = self.stack.last().and_then(|open| self.tokens.get(open.index)) {
            diagnostic.labels.clear();
            let around = self.interner.get(open.text);
            diagnostic = diagnostic
                .label(token.span, format!("closes nothing since the last `{around}`"))
                .secondary(open.span, "the innermost open bracket");
        }
        self.diagnostics.push(diagnostic);
    }

    fn nested_too_deeply(&mut self, index: usize, limit: usize) {
        self.result.damaged.push(index);
        if std::mem::replace(&mut self.too_deep, true) {
            return;
        }
        if let Some(token) = self.tokens.get(index) {
            self.diagnostics.push(
                Diagnostic::error("nested-too-deeply", "brackets are nested too deeply")
                    .label(token.span, format!("more than {limit} brackets are open here")),
            );
        }
    }
}

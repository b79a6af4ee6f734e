//! Where a declaration ends, and which kind it is.

use super::FileParser;
use crate::grammar::Rule;
use crate::token::{TokenKind, sym};

/// The end of a declaration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    /// One past its last token, the semicolon included.
    pub(super) end: usize,
    pub(super) missing_semicolon: bool,
}

impl FileParser<'_> {
    /// The first token behind attribute lists.
    pub(super) fn after_attributes(&self, start: usize, end: usize) -> usize {
        let mut index = start;
        while index < end {
            if self.text(index) == sym::LBRACKET {
                match self.brackets.close_of(index) {
                    Some(close) => index = close + 1,
                    None => index += 1,
                }
            } else if self.kind(index) == Some(TokenKind::Pragma) {
                index += 1;
            } else {
                break;
            }
        }
        index.min(end)
    }

    /// Whether `keyword name …` goes on to a body, a base or the end of a forward declaration,
    /// rather than using the keyword as a type or a name.
    pub(super) fn opens_scope(&self, keyword: usize, end: usize) -> bool {
        if !self.is_ident(keyword + 1) && self.text(keyword) != sym::DECLARE {
            // `interface {`: the name is missing, which the parser will say.
            return self.text(keyword + 1) == sym::LBRACE;
        }
        if matches!(self.text(keyword), sym::NAMESPACE | sym::RUNTIMECLASS | sym::APICONTRACT) {
            return self.find_body(keyword, end).is_some() || self.text(keyword + 2) == sym::SEMI;
        }
        matches!(self.text(keyword + 1), sym::LBRACE)
            || matches!(self.text(keyword + 2), sym::LBRACE | sym::COLON | sym::SEMI | sym::REQUIRES)
    }

    /// The `{` of the body, where there is one before the next `;`.
    pub(super) fn find_body(&self, keyword: usize, end: usize) -> Option<usize> {
        let mut index = keyword;
        while index < end {
            match self.text(index) {
                sym::LBRACE => return Some(index),
                sym::SEMI | sym::RBRACE => return None,
                _ => index = self.brackets.close_of(index).map_or(index, |close| close) + 1,
            }
        }
        None
    }

    pub(super) fn find_semicolon(&self, keyword: usize, end: usize) -> usize {
        (keyword..end).find(|at| self.text(*at) == sym::SEMI).unwrap_or(end)
    }

    /// Behind the body of something that is not read.
    pub(super) fn skip_block(&self, keyword: usize, end: usize) -> usize {
        match self.find_body(keyword, end) {
            Some(open) => self.brackets.close_of(open).map_or(end, |close| (close + 1).min(end)),
            None => (self.find_semicolon(keyword, end) + 1).min(end),
        }
    }

    pub(super) fn has_equals(&self, keyword: usize, end: usize) -> bool {
        let statement = self.statement(keyword, end);
        let mut index = keyword;
        while index < statement.end {
            if self.text(index) == sym::EQUALS {
                return true;
            }
            index = self.brackets.close_of(index).map_or(index, |close| close) + 1;
        }
        false
    }

    /// Finds the end of the declaration that begins at `keyword`: its semicolon, or the place
    /// where something that can only be another declaration begins.
    pub(super) fn statement(&self, keyword: usize, end: usize) -> Statement {
        let mut index = keyword;
        let mut behind = Behind::Other;
        while index < end {
            let text = self.text(index);
            if text == sym::SEMI {
                return Statement { end: index + 1, missing_semicolon: false };
            }
            if text == sym::RBRACE || index > keyword && self.begins_another(index, behind) {
                break;
            }
            if let Some(close) = self.brackets.close_of(index) {
                behind = match text {
                    sym::LPAREN => Behind::Parameters,
                    sym::LBRACE => Behind::Body,
                    _ => behind,
                };
                index = close + 1;
            } else if let Some(before) = self.brackets.recovery_of(index) {
                behind = Behind::Other;
                index = before.max(index + 1);
            } else {
                if text != sym::STAR {
                    behind = Behind::Other;
                }
                index += 1;
            }
        }
        Statement { end: index.min(end).max(keyword + 1), missing_semicolon: true }
    }

    fn begins_another(&self, index: usize, behind: Behind) -> bool {
        let Some(token) = self.token(index) else { return false };
        if token.kind == TokenKind::Pragma {
            return false;
        }
        let next = self.text(index + 1);
        let behind_literal = matches!(
            index.checked_sub(1).and_then(|previous| self.kind(previous)),
            Some(TokenKind::Number | TokenKind::Str | TokenKind::Char)
        );
        if behind_literal && token.line_start && token.kind == TokenKind::Ident {
            return true;
        }
        match token.text {
            sym::TYPEDEF => true,
            sym::CPP_QUOTE | sym::IMPORTLIB => token.line_start && next == sym::LPAREN,
            sym::IMPORT => token.line_start && self.kind(index + 1) == Some(TokenKind::Str),
            sym::INTERFACE | sym::LIBRARY | sym::COCLASS | sym::DISPINTERFACE => {
                token.line_start && self.is_ident(index + 1) && matches!(self.text(index + 2), sym::LBRACE | sym::COLON)
            }
            sym::STRUCT | sym::UNION | sym::ENUM | sym::CONST => token.line_start && behind != Behind::Other,
            sym::LBRACKET => token.line_start && behind != Behind::Other,
            // `int f()` and the next operation, with nothing between.
            _ => token.line_start && token.kind == TokenKind::Ident && behind == Behind::Parameters,
        }
    }

    /// Which rule of the grammar reads a declaration.
    pub(super) fn rule_of(&self, keyword: usize, end: usize) -> Rule {
        match self.text(keyword) {
            sym::TYPEDEF => Rule::typedef_item,
            sym::CONST | sym::STATIC | sym::EXTERN if self.has_equals(keyword, end) => Rule::const_item,
            sym::STRUCT | sym::UNION | sym::ENUM if self.is_type_alone(keyword, end) => Rule::type_item,
            _ => Rule::operation_item,
        }
    }

    /// Whether a `struct` and the like is declared on its own, or is the type of an operation's
    /// result. Only the latter has parentheses behind what may be its body.
    fn is_type_alone(&self, keyword: usize, end: usize) -> bool {
        let mut index = keyword;
        let mut body = false;
        let mut switch = false;
        while index < end {
            match self.text(index) {
                sym::SWITCH => switch = true,
                sym::LBRACE => body = true,
                sym::LPAREN if !switch => return body && self.text(index + 1) == sym::STAR,
                _ => {}
            }
            index = self.brackets.close_of(index).map_or(index, |close| close) + 1;
        }
        true
    }
}

/// What the last thing read was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Parameters,
    Body,
    Other,
}

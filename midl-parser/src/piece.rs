//! One declaration on its way through pest: the text that pest reads, and the way back from
//! offsets in it to tokens.

use crate::source::Span;
use crate::token::{DocId, Interner, Symbol, Token, TokenKind};

/// The tokens of a declaration, as text.
pub(crate) struct Piece<'a> {
    text: String,
    starts: Vec<u32>,
    tokens: Vec<Token>,
    interner: &'a Interner,
}

impl<'a> Piece<'a> {
    /// The text of `tokens`, and of `extra` (a `;` that was forgotten) at its end.
    pub(crate) fn new(tokens: &[Token], extra: Option<Symbol>, interner: &'a Interner) -> Self {
        let mut this = Self {
            text: String::with_capacity(tokens.len() * 8),
            starts: Vec::with_capacity(tokens.len()),
            tokens: Vec::with_capacity(tokens.len()),
            interner,
        };
        for token in tokens {
            // A `#pragma` in the middle of a declaration is none of its parts.
            if token.kind != TokenKind::Pragma {
                this.push(*token);
            }
        }
        if let (Some(text), Some(last)) = (extra, this.tokens.last().copied()) {
            this.push(Token {
                kind: TokenKind::Punct,
                text,
                span: last.span.at_end(),
                doc: None,
                line_start: false,
                ..last
            });
        }
        this
    }

    fn push(&mut self, token: Token) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.starts.push(self.text.len() as u32);
        self.text.push_str(self.interner.get(token.text));
        self.tokens.push(token);
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Index of the token at `offset`; of the next one where `offset` is between two. May be one
    /// past the last.
    pub(crate) fn index_at(&self, offset: usize) -> usize {
        let after = self.starts.partition_point(|start| (*start as usize) <= offset);
        let Some(index) = after.checked_sub(1) else { return 0 };
        let start = self.starts.get(index).map_or(0, |start| *start as usize);
        let length = self.tokens.get(index).map_or(0, |t| self.interner.get(t.text).len());
        if offset < start + length.max(1) { index } else { index + 1 }
    }

    pub(crate) fn token(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index)
    }

    pub(crate) fn spelling(&self, index: usize) -> Option<&str> {
        self.tokens.get(index).map(|token| self.interner.get(token.text))
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The place of the octets `start..end` of the text.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let first = self.tokens.get(self.index_at(start)).or(self.tokens.last());
        let after = self.starts.partition_point(|at| (*at as usize) < end);
        let last = after.checked_sub(1).and_then(|index| self.tokens.get(index));
        match (first, last) {
            (Some(first), Some(last)) => first.span.to(last.span),
            (Some(first), None) => first.span,
            _ => Span::builtin(),
        }
    }

    /// The documentation before the token at `offset`.
    pub(crate) fn doc_at(&self, offset: usize) -> Option<DocId> {
        self.tokens.get(self.index_at(offset)).and_then(|token| token.doc)
    }

    /// The first documentation before any of the tokens up to `offset`.
    pub(crate) fn doc_until(&self, offset: usize) -> Option<DocId> {
        let end = self.index_at(offset);
        self.tokens.iter().take(end + 1).find_map(|token| token.doc)
    }
}

//! Which names a declaration that does not parse would have declared.

use crate::brackets::Brackets;
use crate::token::{Symbol, Token, TokenKind, sym};

/// What could be read of a broken declaration.
#[derive(Debug, Default)]
pub(crate) struct Guess {
    /// All names it may have declared, as indexes of tokens.
    pub(crate) names: Vec<usize>,
    /// The name of the declaration itself.
    pub(crate) main: Option<usize>,
    /// It looks like an operation.
    pub(crate) is_operation: bool,
}

/// Guesses what `tokens[start..end]`, whose keyword is at `keyword`, would have declared.
pub(crate) fn guess(tokens: &[Token], brackets: &Brackets, start: usize, keyword: usize, end: usize) -> Guess {
    let mut result = Guess::default();
    let text = |index: usize| -> Symbol {
        if index < end { tokens.get(index).map_or(sym::EMPTY, |t| t.text) } else { sym::EMPTY }
    };
    let is_name = |index: usize| {
        index < end
            && tokens.get(index).is_some_and(|t| t.kind == TokenKind::Ident)
            && !matches!(text(index), sym::STRUCT | sym::UNION | sym::ENUM | sym::CONST | sym::TYPEDEF)
    };
    let is_typedef = text(keyword) == sym::TYPEDEF;
    // Tags and enumerators, at any depth.
    let mut in_enum = None;
    for index in start..end {
        if matches!(text(index), sym::STRUCT | sym::UNION | sym::ENUM) {
            if is_name(index + 1) {
                result.names.push(index + 1);
            }
            if text(index) == sym::ENUM {
                let body = if is_name(index + 1) { index + 2 } else { index + 1 };
                if text(body) == sym::LBRACE {
                    in_enum = Some(brackets.close_of(body).unwrap_or(end));
                }
            }
        }
        if in_enum.is_some_and(|close| index < close)
            && matches!(text(index), sym::LBRACE | sym::COMMA)
            && is_name(index + 1)
        {
            result.names.push(index + 1);
        }
    }
    // Declarators: names before `,`, `;`, `[` or `=` outside of brackets; before `(` for an
    // operation.
    let mut index = keyword;
    while index < end {
        let here = text(index);
        let previous = index.checked_sub(1).filter(|at| *at >= keyword && is_name(*at));
        match here {
            sym::LPAREN => {
                if let Some(name) = previous
                    && !is_typedef
                    && result.main.is_none()
                {
                    result.main = Some(name);
                    result.is_operation = true;
                }
            }
            sym::COMMA | sym::SEMI | sym::LBRACKET | sym::EQUALS => {
                if let Some(name) = previous
                    && !result.is_operation
                {
                    result.names.push(name);
                    result.main = result.main.or(Some(name));
                }
            }
            _ => {}
        }
        index = brackets.close_of(index).map_or(index + 1, |close| (close + 1).max(index + 1));
    }
    let last = end.saturating_sub(1);
    if !result.is_operation && is_name(last) && last > keyword {
        result.names.push(last);
        result.main = result.main.or(Some(last));
    }
    result.names.extend(result.main);
    result
}

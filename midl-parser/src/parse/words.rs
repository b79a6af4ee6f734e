//! Declarations that are a word and what belongs to it: `import`, `cpp_quote`, `importlib`, `midl_pragma`.

use super::FileParser;
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::token::{TokenKind, sym};

impl FileParser<'_> {
    pub(super) fn import(&mut self, keyword: usize, end: usize) -> usize {
        let mut index = keyword + 1;
        while let Some(token) = self.token(index).filter(|t| t.kind == TokenKind::Str && index < end) {
            let text = self.session.interner.get(token.text);
            let name = text.trim_start_matches(['L', 'u', 'U']).trim_matches('"').to_owned();
            if let Some(file) = self.session.import(&name, self.id, token.span)
                && !self.imports.contains(&file)
            {
                self.imports.push(file);
            }
            index += 1;
            if index < end && self.text(index) == sym::COMMA {
                index += 1;
            } else {
                break;
            }
        }
        if index < end && self.text(index) == sym::SEMI {
            return index + 1;
        }
        let span = self.span(keyword, index);
        self.report(
            Diagnostic::error("missing-semicolon", "missing `;` after `import`")
                .label(span.at_end(), "`;` expected here"),
        );
        index
    }

    /// `cpp_quote("…")` and `importlib("…");`
    pub(super) fn string_item(&mut self, keyword: usize, end: usize, items: &mut Vec<Item>) -> usize {
        let word = self.text(keyword);
        let Some(close) = self.brackets.close_of(keyword + 1).filter(|close| *close < end) else {
            return self.statement(keyword, end).end;
        };
        let what = if word == sym::CPP_QUOTE { "cpp_quote" } else { "importlib" };
        let parsed = self
            .parse(keyword + 1, close + 1, None, Rule::string_item, what, |build, pair| build.string_argument(pair));
        match parsed {
            Ok(Some(text)) if word == sym::CPP_QUOTE => items.push(Item::CppQuote(text)),
            Ok(Some(text)) => items.push(Item::ImportLib(text)),
            Ok(None) => {}
            Err(failure) => self.report(*failure),
        }
        close + 1
    }

    /// `midl_pragma warning(disable: 2362)`
    pub(super) fn midl_pragma(&mut self, keyword: usize, end: usize, items: &mut Vec<Item>) -> usize {
        let mut last = keyword;
        while last + 1 < end && !self.token(last + 1).is_some_and(|token| token.line_start) {
            last += 1;
            if self.text(last) == sym::SEMI {
                break;
            }
            last = self.brackets.close_of(last).map_or(last, |close| close.min(end - 1));
        }
        let words: Vec<&str> = (keyword + 1..=last).map(|index| self.spelling(index)).collect();
        let value = words.join(" ").trim_end_matches([';', ' ']).to_owned();
        let span = self.span(keyword, last + 1);
        items.push(Item::Pragma(StrLit { value, wide: false, span }));
        last + 1
    }
}

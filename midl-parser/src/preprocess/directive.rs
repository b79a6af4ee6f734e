//! Directives.

use std::path::PathBuf;
use std::rc::Rc;

use super::condition;
use super::{Conditional, Macro, Preprocessor, is_ident};
use crate::decode::decode;
use crate::diag::{Diagnostic, Severity};
use crate::doc;
use crate::loader::LoadError;
use crate::session::is_header;
use crate::source::{Reason, Span};
use crate::token::{Symbol, Token, TokenKind, sym};

impl Preprocessor<'_> {
    /// Obeys the directive that `hash` begins. A `#pragma` is a token of its own.
    pub(super) fn directive(&mut self, hash: Token, doc: Option<doc::Pending>) -> Option<Token> {
        let Some(name) = self.line_token() else {
            // A lone `#` is legal and does nothing.
            self.restore_doc(doc);
            return None;
        };
        let place = hash.span.to(name.span);
        match name.text {
            sym::DEFINE => self.define(doc),
            sym::PRAGMA => return self.pragma(place),
            _ => {
                self.restore_doc(doc);
                match name.text {
                    sym::UNDEF => {
                        if let Some(target) = self.macro_name("#undef", place) {
                            self.macros.remove(&target.text);
                        }
                        self.end_of_line("#undef");
                    }
                    sym::INCLUDE => self.include(place),
                    sym::IF => {
                        let value = self.condition(place);
                        self.begin_conditional(place, value);
                    }
                    sym::IFDEF | sym::IFNDEF => {
                        let word = if name.text == sym::IFDEF { "#ifdef" } else { "#ifndef" };
                        let target = self.macro_name(word, place);
                        let defined =
                            target.is_some_and(|t| self.macros.contains_key(&t.text) || t.text == sym::HAS_INCLUDE);
                        self.end_of_line(word);
                        self.begin_conditional(place, defined == (name.text == sym::IFDEF));
                    }
                    sym::ELIF | sym::ELSE | sym::ENDIF => self.branch(name, place),
                    sym::ERROR | sym::WARNING => self.message(name, place),
                    // Places are always those of the file that was read.
                    sym::LINE | sym::IDENT => self.skip_line(),
                    _ if name.kind == TokenKind::Number => self.skip_line(),
                    _ => {
                        let text = self.cx.interner.get(name.text).to_owned();
                        self.skip_line();
                        self.error(
                            Diagnostic::error("unknown-directive", format!("there is no directive `#{text}`"))
                                .label(place, ""),
                        );
                    }
                }
            }
        }
        None
    }

    fn restore_doc(&mut self, doc: Option<doc::Pending>) {
        if let Some(file) = self.files.last_mut() {
            file.lexer.restore_doc(doc);
        }
    }

    fn line_token(&mut self) -> Option<Token> {
        let file = self.files.last_mut()?;
        file.lexer.next_on_line(self.cx.interner)
    }

    fn line_tokens(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(token) = self.line_token() {
            tokens.push(token);
        }
        tokens
    }

    fn skip_line(&mut self) {
        if let Some(file) = self.files.last_mut() {
            file.lexer.rest_of_line();
        }
    }

    /// Warns about what stands behind a directive.
    fn end_of_line(&mut self, directive: &str) {
        let rest = self.line_tokens();
        if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
            self.error(
                Diagnostic::warning("extra-tokens", format!("`{directive}` ignores the rest of its line"))
                    .label(first.span.to(last.span), "ignored"),
            );
        }
    }

    fn macro_name(&mut self, directive: &str, place: Span) -> Option<Token> {
        match self.line_token() {
            Some(name) if is_ident(&name) && name.text != sym::DEFINED => Some(name),
            other => {
                let at = other.map_or(place, |token| token.span);
                self.skip_line();
                self.error(
                    Diagnostic::error("macro-name", format!("`{directive}` needs the name of a macro"))
                        .label(at, "a name was expected here"),
                );
                None
            }
        }
    }

    fn define(&mut self, doc: Option<doc::Pending>) {
        let here = self.files.last().map(|file| file.lexer.file());
        let place = here.map_or(Span::builtin(), |file| Span::new(file, 0, 0));
        let Some(name) = self.macro_name("#define", place) else { return };
        let mut tokens = self.line_tokens();
        if name.text == sym::INTERFACE && is_header(self.cx.sources.path(name.span.file)) {
            // For C it is `struct`; here it keeps its own meaning.
            return;
        }
        let mut variadic = false;
        let mut params = None;
        // Only a parenthesis that touches the name begins parameters.
        if tokens.first().is_some_and(|t| t.text == sym::LPAREN && !t.space) {
            let Some(close) = tokens.iter().position(|t| t.text == sym::RPAREN) else {
                self.bad_parameters(name.span, "the parameters are never closed");
                return;
            };
            let body = tokens.split_off(close + 1);
            let Some((names, rest)) = self.parameters(tokens.get(1..close).unwrap_or_default()) else {
                return;
            };
            params = Some(names);
            variadic = rest;
            tokens = body;
        }
        let doc = doc.map(|doc| self.add_doc(doc.into_text()));
        let definition = Macro { name: name.text, span: name.span, params, variadic, body: tokens, doc };
        if let Some(old) = self.macros.get(&name.text)
            && !same_definition(old, &definition)
        {
            let text = self.cx.interner.get(name.text);
            let warning =
                Diagnostic::warning("macro-redefined", format!("macro `{text}` is defined again, differently"))
                    .label(name.span, "this definition counts from here on")
                    .secondary(old.span, "the previous definition");
            self.error(warning);
        }
        self.macros.insert(name.text, Rc::new(definition));
    }

    /// Names of parameters, and whether the last takes the rest.
    fn parameters(&mut self, tokens: &[Token]) -> Option<(Vec<Symbol>, bool)> {
        let mut names = Vec::new();
        if tokens.is_empty() {
            return Some((names, false));
        }
        let groups: Vec<&[Token]> = tokens.split(|token| token.text == sym::COMMA).collect();
        let last = groups.len() - 1;
        for (index, group) in groups.into_iter().enumerate() {
            let (name, rest) = match group {
                [only] if is_ident(only) => (only.text, false),
                [dots] if dots.text == sym::ELLIPSIS => (sym::VA_ARGS, true),
                [only, dots] if is_ident(only) && dots.text == sym::ELLIPSIS => (only.text, true),
                _ => {
                    let at = group.first().or(tokens.first()).map(|token| token.span);
                    self.bad_parameters(at.unwrap_or(Span::builtin()), "names were expected");
                    return None;
                }
            };
            if rest && index != last || names.contains(&name) {
                let at = group.first().map_or(Span::builtin(), |token| token.span);
                let what = if rest { "`...` must be the last" } else { "this name was used before" };
                self.bad_parameters(at, what);
                return None;
            }
            names.push(name);
            if rest {
                return Some((names, true));
            }
        }
        Some((names, false))
    }

    fn bad_parameters(&mut self, at: Span, what: &str) {
        self.error(Diagnostic::error("macro-parameters", "these macro parameters make no sense").label(at, what));
    }

    fn pragma(&mut self, place: Span) -> Option<Token> {
        let file = self.files.last_mut()?;
        let (text, span) = file.lexer.rest_of_line();
        if text == "once" {
            let identity = file.identity.clone();
            self.once.push(identity);
            return None;
        }
        Some(Token {
            kind: TokenKind::Pragma,
            text: self.cx.interner.intern(&text),
            span: place.to(span),
            doc: None,
            space: true,
            line_start: true,
            painted: true,
        })
    }

    fn message(&mut self, name: Token, place: Span) {
        let Some(file) = self.files.last_mut() else { return };
        let (text, span) = file.lexer.rest_of_line();
        let text = if text.is_empty() { "no reason given".to_owned() } else { text };
        let diagnostic = if name.text == sym::ERROR && !is_header(self.cx.sources.path(place.file)) {
            Diagnostic::error("error-directive", text)
        } else {
            Diagnostic::warning("warning-directive", text)
        };
        self.error(diagnostic.label(place.to(span), ""));
    }

    fn condition(&mut self, place: Span) -> bool {
        let mut tokens = Vec::new();
        let mut line = self.line_tokens().into_iter().peekable();
        let mut end = place.at_end();
        while let Some(token) = line.next() {
            end = token.span.at_end();
            if token.text == sym::HAS_INCLUDE && !self.macros.contains_key(&token.text) {
                let Some(found) = self.has_include(token.span, &mut line) else { return false };
                let text = self.cx.interner.intern(if found { "1" } else { "0" });
                tokens.push(Token { kind: TokenKind::Number, text, ..token });
                continue;
            }
            if token.text != sym::DEFINED {
                tokens.push(token);
                continue;
            }
            let parenthesis = line.next_if(|t| t.text == sym::LPAREN).is_some();
            let Some(name) = line.next_if(is_ident) else {
                self.bad_condition(token.span, "`defined` needs the name of a macro".to_owned());
                return false;
            };
            end = name.span.at_end();
            if parenthesis && line.next_if(|t| t.text == sym::RPAREN).is_none() {
                self.bad_condition(end, "`)` was expected".to_owned());
                return false;
            }
            let known = self.macros.contains_key(&name.text) || name.text == sym::HAS_INCLUDE;
            let value = if known { "1" } else { "0" };
            let text = self.cx.interner.intern(value);
            tokens.push(Token { kind: TokenKind::Number, text, ..token });
        }
        let expanded = self.expand_isolated(tokens);
        match condition::evaluate(&expanded, self.cx.interner, end) {
            Ok(value) => value,
            Err(error) => {
                self.bad_condition(error.span, error.message);
                false
            }
        }
    }

    /// `__has_include("name")` and `__has_include(<name>)`.
    fn has_include(&mut self, place: Span, line: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<bool> {
        let opened = line.next_if(|t| t.text == sym::LPAREN).is_some();
        let mut name = String::new();
        let mut depth = 0usize;
        while let Some(token) = line.next_if(|t| depth > 0 || t.text != sym::RPAREN) {
            match token.text {
                sym::LPAREN => depth += 1,
                sym::RPAREN => depth -= 1,
                _ => {}
            }
            name.push_str(self.cx.interner.get(token.text));
        }
        let closed = line.next_if(|t| t.text == sym::RPAREN).is_some();
        let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inner = quoted.or_else(|| name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')));
        let Some(inner) = inner.filter(|_| opened && closed) else {
            let message = "`__has_include` needs `(\"name\")` or `(<name>)`".to_owned();
            self.bad_condition(place, message);
            return None;
        };
        let from = quoted.map(|_| self.cx.sources.path(place.file).to_path_buf());
        Some(self.cx.loader.resolve(inner, from.as_deref()).is_ok())
    }

    fn bad_condition(&mut self, span: Span, message: String) {
        self.error(Diagnostic::error("bad-condition", "this condition cannot be evaluated").label(span, message));
    }

    fn begin_conditional(&mut self, span: Span, value: bool) {
        if let Some(file) = self.files.last_mut() {
            file.conditionals.push(Conditional { span, taken: value, otherwise: None });
        }
        if !value {
            self.skip_branches();
        }
    }

    /// `#elif`, `#else` or `#endif` at the end of a branch that was taken.
    fn branch(&mut self, name: Token, place: Span) {
        let text = self.cx.interner.get(name.text).to_owned();
        let Some(open) = self.files.last_mut().and_then(|file| file.conditionals.last_mut()) else {
            self.skip_line();
            self.error(
                Diagnostic::error("stray-directive", format!("`#{text}` without `#if`"))
                    .label(place, "no conditional is open here"),
            );
            return;
        };
        if name.text == sym::ENDIF {
            if let Some(file) = self.files.last_mut() {
                file.conditionals.pop();
            }
            // Old files name the macro behind `#endif`.
            self.skip_line();
            return;
        }
        if name.text == sym::ELSE {
            let earlier = open.otherwise.replace(place);
            self.check_else(earlier, place);
        }
        self.skip_line();
        self.skip_branches();
    }

    fn check_else(&mut self, earlier: Option<Span>, place: Span) {
        if let Some(earlier) = earlier {
            self.error(
                Diagnostic::error("stray-directive", "a second `#else` for one `#if`")
                    .label(place, "")
                    .secondary(earlier, "the first one"),
            );
        }
    }

    /// Skips to the branch that counts, or behind the `#endif`.
    fn skip_branches(&mut self) {
        let mut depth = 0usize;
        loop {
            let Some(file) = self.files.last_mut() else { return };
            if !file.lexer.skip_to_directive() {
                // The end of the file; `close_file` complains.
                let _ = file.lexer.take_diagnostics();
                return;
            }
            let name = file.lexer.next_on_line(self.cx.interner);
            let _ = file.lexer.take_diagnostics();
            let Some(name) = name else { continue };
            match name.text {
                sym::IF | sym::IFDEF | sym::IFNDEF => depth += 1,
                sym::ENDIF if depth > 0 => depth -= 1,
                sym::ENDIF => {
                    file.conditionals.pop();
                    self.skip_line();
                    return;
                }
                sym::ELSE if depth == 0 => {
                    let Some(open) = file.conditionals.last_mut() else { return };
                    let taken = std::mem::replace(&mut open.taken, true);
                    let earlier = open.otherwise.replace(name.span);
                    self.check_else(earlier, name.span);
                    if !taken {
                        self.skip_line();
                        return;
                    }
                }
                sym::ELIF if depth == 0 => {
                    let open = file.conditionals.last();
                    let candidate = open.is_some_and(|c| !c.taken && c.otherwise.is_none());
                    if candidate && self.condition(name.span) {
                        let open = self.files.last_mut().and_then(|f| f.conditionals.last_mut());
                        if let Some(open) = open {
                            open.taken = true;
                        }
                        return;
                    }
                }
                _ => {}
            }
            self.skip_line();
        }
    }

    fn include(&mut self, place: Span) {
        let Some(file) = self.files.last_mut() else { return };
        let (mut text, span) = file.lexer.rest_of_line();
        let place = place.to(span);
        if !text.starts_with(['"', '<', '\u{201C}', '\u{201D}']) {
            text = self.computed_include(&text, span);
        }
        let quoted = !text.starts_with('<');
        let is_close = |c: char| {
            if quoted { matches!(c, '"' | '\u{201C}' | '\u{201D}') } else { c == '>' }
        };
        let mut rest = text.chars();
        let open = rest.next();
        let name = rest.as_str();
        let name = name.find(is_close).and_then(|end| name.get(..end));
        let (Some(_), Some(name)) = (open, name.filter(|name| !name.is_empty())) else {
            self.error(
                Diagnostic::error("bad-include", "`#include` needs a file name")
                    .label(place, "`\"name\"` or `<name>` was expected"),
            );
            return;
        };
        let name = name.to_owned();
        self.enter_include(&name, quoted, place);
    }

    fn enter_include(&mut self, name: &str, quoted: bool, place: Span) {
        self.includes += 1;
        let limits = self.cx.limits;
        if self.files.len() > limits.max_include_depth || self.includes > limits.max_includes {
            let what = if self.includes > limits.max_includes {
                format!("more than {} files are included", limits.max_includes)
            } else {
                format!("more than {} files include each other", limits.max_include_depth)
            };
            self.give_up(
                Diagnostic::error("include-limit", what)
                    .label(place, "not included any more")
                    .help("guard the file with `#ifndef` or `#pragma once`"),
            );
            return;
        }
        let from = quoted.then(|| self.cx.sources.path(place.file).to_path_buf());
        let loaded = self.cx.loader.resolve(name, from.as_deref()).and_then(|path| {
            let identity = self.cx.loader.identity(&path);
            if self.once.contains(&identity) {
                return Ok(None);
            }
            self.cx.loader.read(&path).map(|bytes| Some((path, identity, bytes)))
        });
        match loaded {
            Ok(None) => {}
            Ok(Some((path, identity, bytes))) => self.enter_file(path, identity, bytes, place),
            Err(error) => {
                let mut diagnostic = load_error(&error, "include", name, place);
                if is_header(self.cx.sources.path(place.file)) {
                    // Headers of C include others for what MIDL has no use for.
                    diagnostic.severity = Severity::Warning;
                }
                self.cx.missing.push((name.to_owned(), place));
                self.error(diagnostic);
            }
        }
    }

    fn enter_file(&mut self, path: PathBuf, identity: PathBuf, bytes: Vec<u8>, place: Span) {
        let limits = self.cx.limits;
        if bytes.len() > limits.max_file_bytes
            || self.included_bytes.saturating_add(bytes.len()) > limits.max_included_bytes
        {
            let limit = limits.max_file_bytes.min(limits.max_included_bytes);
            self.give_up(
                Diagnostic::error("file-limit", "too much text is included")
                    .label(place, format!("this goes beyond {limit} octets")),
            );
            return;
        }
        let (text, encoding) = decode(bytes);
        let id = self.cx.sources.add(path, text, encoding, Some(Reason::Include(place)));
        self.open(id, identity);
    }

    /// `#include MACRO`.
    fn computed_include(&mut self, text: &str, span: Span) -> String {
        let mut lexer = crate::lexer::Lexer::new(span.file, text.into());
        let mut tokens = Vec::new();
        while let Some(mut token) = lexer.next(self.cx.interner) {
            token.span = span;
            tokens.push(token);
        }
        let expanded = self.expand_isolated(tokens);
        expanded.iter().map(|token| self.cx.interner.get(token.text)).collect()
    }
}

/// The message for a file that cannot be read.
pub(crate) fn load_error(error: &LoadError, directive: &str, name: &str, place: Span) -> Diagnostic {
    match error {
        LoadError::NotFound { searched, .. } => {
            let diagnostic = Diagnostic::error("file-not-found", format!("cannot find `{name}`")).label(place, "");
            let places: Vec<String> = searched
                .iter()
                .map(|path| match path.display().to_string() {
                    empty if empty.is_empty() => "the current folder".to_owned(),
                    path => format!("`{path}`"),
                })
                .collect();
            match places.is_empty() {
                true => diagnostic.note("there is no include folder to look in"),
                false => diagnostic.note(format!("looked in {}", places.join(", "))),
            }
            .help(format!("name the folder of the file to {directive} with `-I`"))
        }
        LoadError::Io { source, .. } => {
            Diagnostic::error("file-unreadable", format!("cannot read `{name}`: {source}")).label(place, "")
        }
    }
}

fn same_definition(a: &Macro, b: &Macro) -> bool {
    let same = |(x, y): (&Token, &Token)| x.text == y.text;
    a.params == b.params
        && a.variadic == b.variadic
        && a.body.len() == b.body.len()
        && a.body.iter().zip(&b.body).all(same)
}

//! Macro replacement.
//!
//! Replacements are stacked: while the tokens of a replacement are read, its macro is active and
//! its name, where it occurs, is painted and never expanded again. Tokens of a replacement take
//! the span of the place of use; arguments keep their own.

use std::rc::Rc;

use super::{Macro, Pending, Preprocessor, is_ident};
use crate::diag::Diagnostic;
use crate::lexer::Lexer;
use crate::session::is_header;
use crate::source::{FileId, Span};
use crate::token::{Symbol, Token, TokenKind, sym};

/// The arguments of a macro call, and its closing parenthesis.
struct Call {
    args: Vec<Vec<Token>>,
    close: Span,
}

impl Preprocessor<'_> {
    /// The next token with macros replaced.
    pub(super) fn next_expanded(&mut self) -> Option<Token> {
        loop {
            let mut token = self.next_unexpanded()?;
            if !is_ident(&token) || token.painted {
                return Some(token);
            }
            let Some(definition) = self.macros.get(&token.text).cloned() else {
                return Some(token);
            };
            if self.active.get(&token.text).is_some_and(|count| *count > 0) {
                token.painted = true;
                return Some(token);
            }
            if definition.hides_safearray() {
                self.safearray_macro.get_or_insert(definition.span);
                token.painted = true;
                return Some(token);
            }
            if !self.expand(token, &definition) {
                return (!self.exhausted).then_some(token);
            }
        }
    }

    /// Expands a list of tokens as if nothing followed.
    pub(super) fn expand_isolated(&mut self, tokens: Vec<Token>) -> Vec<Token> {
        self.nesting += 1;
        if self.nesting > self.cx.limits.max_macro_nesting {
            let limit = self.cx.limits.max_macro_nesting;
            let at = tokens.first().map_or(Span::builtin(), |token| token.span);
            self.give_up(
                Diagnostic::error("macro-limit", "macro calls are nested too deeply")
                    .label(at, format!("more than {limit} calls within each other's arguments")),
            );
        }
        let floor = std::mem::replace(&mut self.floor, self.pending.len());
        let isolated = std::mem::replace(&mut self.isolated, true);
        self.pending.push(Pending { tokens, next: 0, of: None });
        let mut result = Vec::new();
        while let Some(token) = self.next_expanded() {
            result.push(token);
        }
        self.pending.truncate(self.floor);
        self.floor = floor;
        self.isolated = isolated;
        self.nesting -= 1;
        result
    }

    /// Replaces the macro name `token`. False when it is no use of the macro after all: a
    /// function-like macro without arguments.
    fn expand(&mut self, token: Token, definition: &Rc<Macro>) -> bool {
        let call = match &definition.params {
            None => None,
            Some(params) => {
                if !self.parenthesis_follows() {
                    return false;
                }
                let Some(call) = self.arguments(token, definition, params.len()) else {
                    return false;
                };
                Some(call)
            }
        };
        self.expansions += 1;
        let limit = self.cx.limits.max_macro_expansions;
        if self.expansions > limit {
            self.give_up(
                Diagnostic::error("macro-limit", format!("more than {limit} macros were expanded"))
                    .label(token.span, "expansion stopped here"),
            );
            return false;
        }
        if token.span.file != FileId::BUILTIN {
            let name = self.cx.interner.get(definition.name).to_owned();
            self.cx.sources.record_expansion(token.span, name, definition.span);
        }
        let mut replacement = match call {
            None => definition.body.clone(),
            Some(call) => self.substitute(token, definition, &call),
        };
        for replaced in &mut replacement {
            if !self.charge(replaced.text, token.span) {
                return false;
            }
            if definition.params.is_none() {
                replaced.span = token.span;
            }
            replaced.line_start = false;
        }
        if let Some(first) = replacement.first_mut() {
            first.doc = first.doc.or(token.doc);
            first.line_start = token.line_start;
            first.space = token.space;
        }
        *self.active.entry(definition.name).or_default() += 1;
        self.pending.push(Pending { tokens: replacement, next: 0, of: Some(definition.name) });
        true
    }

    /// Whether `(` is next; it is consumed then.
    fn parenthesis_follows(&mut self) -> bool {
        match self.next_unexpanded() {
            Some(next) if next.text == sym::LPAREN => true,
            Some(next) => {
                self.pending.push(Pending { tokens: vec![next], next: 0, of: None });
                false
            }
            None => false,
        }
    }

    /// Reads arguments up to the closing parenthesis.
    fn arguments(&mut self, name: Token, definition: &Macro, count: usize) -> Option<Call> {
        let mut args = vec![Vec::new()];
        let mut depth = 0usize;
        let close = loop {
            let Some(token) = self.next_unexpanded() else {
                self.unterminated_call(name, definition);
                return None;
            };
            match token.text {
                sym::LPAREN => depth += 1,
                sym::RPAREN if depth == 0 => break token.span,
                sym::RPAREN => depth -= 1,
                // The last parameter of a variadic macro takes the commas too.
                sym::COMMA if depth == 0 && !(definition.variadic && args.len() == count) => {
                    args.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            if let Some(arg) = args.last_mut() {
                arg.push(token);
            }
        };
        if count == 0 && matches!(args.as_slice(), [only] if only.is_empty()) {
            args.clear();
        }
        if definition.variadic && args.len() + 1 == count {
            args.push(Vec::new());
        }
        if (args.len() != count || !args.iter().all(|arg| is_balanced(arg)))
            && is_header(self.cx.sources.path(definition.span.file))
        {
            // A header of C defines `min` and the like, and IDL files use the names for methods.
            self.give_back(name, args, close);
            return None;
        }
        if args.len() != count {
            let macro_name = self.cx.interner.get(definition.name);
            let message = format!(
                "macro `{macro_name}` takes {count} argument{}, not {}",
                if count == 1 { "" } else { "s" },
                args.len()
            );
            self.error(
                Diagnostic::error("macro-arguments", message)
                    .label(name.span.to(close), "")
                    .secondary(definition.span, "the macro is defined here"),
            );
            args.resize(count, Vec::new());
        }
        Some(Call { args, close })
    }

    /// Puts arguments that are none back, parentheses and commas included.
    fn give_back(&mut self, name: Token, args: Vec<Vec<Token>>, close: Span) {
        let mark = |text, span| Token { kind: TokenKind::Punct, text, span, doc: None, line_start: false, ..name };
        let mut tokens = vec![mark(sym::LPAREN, name.span.at_end())];
        for (index, arg) in args.into_iter().enumerate() {
            if index > 0 {
                let here = tokens.last().map_or(close, |token| token.span).at_end();
                tokens.push(mark(sym::COMMA, here));
            }
            tokens.extend(arg);
        }
        tokens.push(mark(sym::RPAREN, close));
        self.pending.push(Pending { tokens, next: 0, of: None });
    }

    fn unterminated_call(&mut self, name: Token, definition: &Macro) {
        if self.exhausted {
            return;
        }
        let macro_name = self.cx.interner.get(definition.name);
        let message = format!("the call of macro `{macro_name}` is never closed");
        self.error(
            Diagnostic::error("unterminated-macro-call", message)
                .label(name.span, "its `)` is missing")
                .secondary(definition.span, "the macro is defined here"),
        );
    }

    /// The body of a function-like macro with its parameters replaced.
    fn substitute(&mut self, name: Token, definition: &Macro, call: &Call) -> Vec<Token> {
        let params = definition.params.as_deref().unwrap_or_default();
        let arg_of = |token: &Token| {
            let index = params.iter().position(|param| is_ident(token) && *param == token.text)?;
            Some((index, call.args.get(index)?))
        };
        let mut expanded: Vec<Option<Vec<Token>>> = vec![None; params.len()];
        let mut out: Vec<Token> = Vec::new();
        // Whether the operand left of the place is an empty argument.
        let mut empty_left = true;
        let mut body = definition.body.iter().enumerate().peekable();
        while let Some((index, token)) = body.next() {
            if self.exhausted {
                break;
            }
            let next = body.peek().map(|(_, next)| **next);
            if token.text == sym::HASH
                && let Some((_, arg)) = next.as_ref().and_then(arg_of)
            {
                body.next();
                out.extend(self.stringify(arg, name));
                empty_left = false;
            } else if token.text == sym::PASTE && index > 0 && next.is_some() {
                body.next();
                let operand = next.iter().copied().collect::<Vec<_>>();
                let arg = next.as_ref().and_then(arg_of);
                let right: &[Token] = arg.map_or(&operand, |(_, arg)| arg);
                let is_rest = definition.variadic && arg.is_some_and(|(position, _)| position + 1 == params.len());
                let comma_left = out.last().is_some_and(|left| left.text == sym::COMMA);
                if is_rest && comma_left {
                    // GNU's `, ## __VA_ARGS__` drops the comma when there are no arguments.
                    if right.is_empty() {
                        out.pop();
                    }
                    out.extend_from_slice(right);
                } else if empty_left || right.is_empty() {
                    out.extend_from_slice(right);
                } else if let (Some(left), Some((first, rest))) = (out.pop(), right.split_first()) {
                    out.extend(self.paste(left, *first, name));
                    out.extend_from_slice(rest);
                }
                empty_left = empty_left && right.is_empty();
            } else if let Some((position, arg)) = arg_of(token) {
                let start = out.len();
                if next.is_some_and(|next| next.text == sym::PASTE) {
                    out.extend_from_slice(arg);
                } else {
                    let known = expanded.get_mut(position).and_then(Option::take);
                    let tokens = match known {
                        Some(tokens) => tokens,
                        None => self.expand_isolated(arg.clone()),
                    };
                    out.extend_from_slice(&tokens);
                    if let Some(slot) = expanded.get_mut(position) {
                        *slot = Some(tokens);
                    }
                }
                empty_left = out.len() == start;
                if let Some(first) = out.get_mut(start) {
                    first.space = token.space;
                }
            } else {
                let mut token = *token;
                token.span = name.span;
                out.push(token);
                empty_left = false;
            }
            // What is copied counts, or a long argument mentioned often would cost nothing.
            if out.len() > self.cx.limits.max_expanded_bytes / 8 {
                self.charge_bytes(out.len().saturating_mul(8), name.span.to(call.close));
            }
        }
        out
    }

    /// `#arg`: the spelling as a string literal.
    fn stringify(&mut self, arg: &[Token], name: Token) -> Option<Token> {
        let mut text = String::from("\"");
        for (index, token) in arg.iter().enumerate() {
            if index > 0 && (token.space || token.line_start) {
                text.push(' ');
            }
            let spelling = self.cx.interner.get(token.text);
            if matches!(token.kind, TokenKind::Str | TokenKind::Char) {
                text.push_str(&spelling.replace('\\', "\\\\").replace('"', "\\\""));
            } else {
                text.push_str(spelling);
            }
        }
        text.push('"');
        self.made(&text, TokenKind::Str, name)
    }

    /// `left ## right`.
    fn paste(&mut self, left: Token, right: Token, name: Token) -> Vec<Token> {
        let spelling = [self.cx.interner.get(left.text), self.cx.interner.get(right.text)].concat();
        let mut lexer = Lexer::new(name.span.file, spelling.as_str().into());
        let first = lexer.next(self.cx.interner);
        let rest = lexer.next(self.cx.interner);
        if let (Some(token), None) = (first, rest)
            && lexer.take_diagnostics().is_empty()
        {
            return self.made(&spelling, token.kind, name).into_iter().collect();
        }
        self.error(
            Diagnostic::error("bad-paste", format!("`##` makes `{spelling}`, which is no token"))
                .label(name.span, "in this use of a macro"),
        );
        vec![left, right]
    }

    /// A token that stands nowhere in the text.
    fn made(&mut self, text: &str, kind: TokenKind, name: Token) -> Option<Token> {
        if !self.charge_bytes(text.len(), name.span) {
            return None;
        }
        let text: Symbol = self.cx.interner.intern(text);
        Some(Token { kind, text, span: name.span, doc: None, space: true, line_start: false, painted: false })
    }
}

/// Whether square brackets in an argument match: attributes of a parameter are no argument.
fn is_balanced(arg: &[Token]) -> bool {
    let mut open = 0i32;
    for token in arg {
        match token.text {
            sym::LBRACKET => open += 1,
            sym::RBRACKET if open == 0 => return false,
            sym::RBRACKET => open -= 1,
            _ => {}
        }
    }
    open == 0
}

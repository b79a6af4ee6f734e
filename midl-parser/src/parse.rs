//! A file's tokens to its tree: cuts the list into declarations and has each parsed.

mod acf;
mod job;
mod scope;
mod statement;
mod words;

pub(crate) use self::acf::{apply, parse_acf};
use self::job::{Job, macro_value};

use std::collections::HashMap;

use crate::ast::*;
use crate::brackets::{self, Brackets, match_brackets};
use crate::build::Builder;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::grammar::Rule;
use crate::noise;
use crate::piece::Piece;
use crate::poison;
use crate::preprocess::{MacroOutput, Output};
use crate::session::Session;
use crate::source::{FileId, Span};
use crate::token::{DocId, Symbol, Token, TokenKind, sym};

/// Brackets within one declaration beyond which it is parsed on a stack of its own.
const DEEP: usize = 16;
/// That stack. pest recurses; 512 levels need some megabytes in a debug build.
const DEEP_STACK: usize = 64 << 20;
/// Libraries and interfaces within each other.
const MAX_SCOPES: usize = 16;

/// Parses what the preprocessor made of the file `id`.
pub(crate) fn parse_file(session: &mut Session, id: FileId, output: Output) -> File {
    let (macros, doc, safearray_macro) = (output.macros, output.file_doc, output.safearray_macro);
    let rest = Output { macros: Vec::new(), file_doc: None, ..output };
    let mut parser = FileParser::new(session, id, rest);
    let end = parser.tokens.len();
    let items = parser.items(0, end, Scope::File, 0);
    let macros = parser.macros(&macros);
    File { id, doc, items, imports: parser.imports, macros, safearray_macro }
}

/// Where declarations stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    File,
    Interface,
    Library,
}

struct FileParser<'s> {
    session: &'s mut Session,
    id: FileId,
    tokens: Vec<Token>,
    docs: Vec<String>,
    brackets: Brackets,
    imports: Vec<FileId>,
    winrt_told: bool,
    /// Which files are C headers, and whether something in them was found to be no MIDL.
    headers: HashMap<FileId, HeaderState>,
}

/// What is known of a file that declarations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderState {
    /// An IDL file.
    Idl,
    /// A C header of which all was read so far.
    Header,
    /// A C header with something that was left out, which was told.
    Told,
}

/// A declaration that did not parse, and why.
type Failure = Box<Diagnostic>;

impl<'s> FileParser<'s> {
    fn new(session: &'s mut Session, id: FileId, mut output: Output) -> Self {
        if output.truncated {
            // Half a file would only give rise to errors that are none.
            output.tokens.clear();
        }
        // What widl and MIDL write for C has `interface IFoo { …Vtbl *lpVtbl; }`, without attributes.
        let heads = output.tokens.windows(4).filter_map(|four| match four {
            [before, word, name, open] if word.text == sym::INTERFACE && name.kind == TokenKind::Ident => {
                let opens = matches!(open.text, sym::LBRACE | sym::COLON);
                (opens && before.text == sym::RBRACKET).then_some(word.span.file)
            }
            _ => None,
        });
        session.idl_headers.extend(heads);
        let bullet = noise::remove(&mut output.tokens, &session.interner, |file| session.is_c_header(file));
        session.diagnostics.extend(bullet);
        let mut unmatched = Diagnostics::new();
        let brackets = match_brackets(&mut output.tokens, &session.interner, &mut unmatched, &session.limits);
        let (tokens, docs) = (output.tokens, output.docs);
        let imports = Vec::new();
        let headers = HashMap::new();
        let mut this = Self { session, id, tokens, docs, brackets, imports, winrt_told: false, headers };
        // What ends in the middle of a comment has its closing brackets in there.
        let in_comment = this.session.diagnostics.iter().any(|told| told.code == "unterminated-comment");
        for diagnostic in unmatched.iter() {
            if !(in_comment && brackets::is_open_at_end(diagnostic)) {
                this.report(diagnostic.clone());
            }
        }
        this
    }

    fn token(&self, index: usize) -> Option<Token> {
        self.tokens.get(index).copied()
    }

    fn text(&self, index: usize) -> Symbol {
        self.tokens.get(index).map_or(sym::EMPTY, |token| token.text)
    }

    fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    fn is_ident(&self, index: usize) -> bool {
        self.kind(index) == Some(TokenKind::Ident)
    }

    fn spelling(&self, index: usize) -> &str {
        self.session.interner.get(self.text(index))
    }

    /// The place of the tokens `start..end`.
    fn span(&self, start: usize, end: usize) -> Span {
        let first = self.token(start);
        let last = end.checked_sub(1).and_then(|last| self.token(last.max(start)));
        match (first, last) {
            (Some(first), Some(last)) => first.span.to(last.span),
            (Some(first), None) => first.span,
            _ => Span::new(self.id, 0, 0),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        match diagnostic.span().filter(|_| diagnostic.severity == Severity::Error) {
            Some(span) if self.header(span.file) != HeaderState::Idl => self.left_out(diagnostic, span.file),
            _ => self.session.diagnostics.push(diagnostic),
        }
    }

    fn header(&mut self, file: FileId) -> HeaderState {
        let session = &self.session;
        let state = || if session.is_c_header(file) { HeaderState::Header } else { HeaderState::Idl };
        *self.headers.entry(file).or_insert_with(state)
    }

    /// An error in a C header: much of C is no MIDL, and the files that import it hardly need it.
    fn left_out(&mut self, mut diagnostic: Diagnostic, file: FileId) {
        if self.headers.insert(file, HeaderState::Told) == Some(HeaderState::Told) {
            return;
        }
        diagnostic.severity = Severity::Warning;
        diagnostic.notes.push("this is a C header: what MIDL cannot read of it is left out".to_owned());
        self.session.diagnostics.push(diagnostic);
    }

    /// The declarations in `start..end`.
    fn items(&mut self, start: usize, end: usize, scope: Scope, depth: usize) -> Vec<Item> {
        let mut items = Vec::new();
        let mut index = start;
        while index < end {
            let next = match (self.kind(index), self.text(index)) {
                // A semicolon too many is common behind a closing brace.
                (_, sym::SEMI | sym::RBRACE) => index + 1,
                (Some(TokenKind::Pragma), text) => {
                    let value = self.session.interner.get(text).to_owned();
                    self.check_pragma(index, &value);
                    let span = self.span(index, index + 1);
                    items.push(Item::Pragma(StrLit { value, wide: false, span }));
                    index + 1
                }
                _ => self.declaration(index, end, scope, depth, &mut items),
            };
            index = next.max(index + 1);
        }
        items
    }

    fn check_pragma(&mut self, index: usize, text: &str) {
        if text.starts_with("winrt") {
            self.winrt(index);
        }
    }

    /// Windows Runtime metadata is another language with the same file extension.
    fn winrt(&mut self, index: usize) {
        if std::mem::replace(&mut self.winrt_told, true) {
            return;
        }
        let span = self.span(index, index + 1);
        self.report(
            Diagnostic::error("winrt", "Windows Runtime IDL is not supported")
                .label(span, "this belongs to the metadata language of the Windows Runtime")
                .note("namespaces, runtime classes and API contracts describe metadata, not RPC interfaces"),
        );
    }

    /// One declaration; returns where the next one begins.
    fn declaration(&mut self, start: usize, end: usize, scope: Scope, depth: usize, items: &mut Vec<Item>) -> usize {
        let keyword = self.after_attributes(start, end);
        if keyword >= end {
            return self.attributes_alone(start, end);
        }
        let next = keyword + 1;
        match self.text(keyword) {
            sym::IMPORT if self.kind(next) == Some(TokenKind::Str) => self.import(keyword, end),
            sym::CPP_QUOTE | sym::IMPORTLIB if self.text(next) == sym::LPAREN => self.string_item(keyword, end, items),
            sym::MIDL_PRAGMA => self.midl_pragma(keyword, end, items),
            sym::INTERFACE if self.opens_scope(keyword, end) => {
                self.interface(start, keyword, end, scope, depth, items)
            }
            sym::LIBRARY if self.opens_scope(keyword, end) => self.library(start, keyword, end, depth, items),
            sym::DISPINTERFACE | sym::COCLASS | sym::MODULE if self.opens_scope(keyword, end) => {
                self.skipped(start, keyword, end, items)
            }
            sym::NAMESPACE | sym::RUNTIMECLASS | sym::DECLARE | sym::APICONTRACT if self.opens_scope(keyword, end) => {
                self.winrt(keyword);
                self.skip_block(keyword, end)
            }
            sym::EXTERN if !self.has_equals(keyword, end) => {
                // It declares a variable of the C header, which is nothing on the wire.
                self.statement(keyword, end).end
            }
            _ => {
                let first = items.len();
                let next = self.simple(start, keyword, end, items);
                if scope != Scope::Interface {
                    self.outside_interface(items.get(first..).unwrap_or_default());
                }
                next
            }
        }
    }

    /// Operations belong to an interface; elsewhere they are prototypes, as some headers have.
    fn outside_interface(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Operation(operation) = item {
                if self.header(operation.name.span.file) != HeaderState::Idl {
                    continue;
                }
                let message = format!("`{}` belongs to no interface", operation.name.name);
                self.report(
                    Diagnostic::warning("operation-outside-interface", message)
                        .label(operation.name.span, "a prototype for C, not a remote operation"),
                );
            }
        }
    }

    /// Attributes with nothing behind them.
    fn attributes_alone(&mut self, start: usize, end: usize) -> usize {
        if !self.brackets.is_damaged(start, end) {
            let span = self.span(start, end);
            self.report(
                Diagnostic::error("stray-attributes", "nothing follows these attributes")
                    .label(span, "a declaration was expected behind them"),
            );
        }
        end
    }

    /// A declaration that ends with a semicolon.
    fn simple(&mut self, start: usize, keyword: usize, end: usize, items: &mut Vec<Item>) -> usize {
        let statement = self.statement(keyword, end);
        let rule = self.rule_of(keyword, statement.end);
        let what = match rule {
            Rule::typedef_item => "typedef",
            Rule::const_item => "constant",
            Rule::type_item => "type",
            _ => "operation",
        };
        let extra = statement.missing_semicolon.then_some(sym::SEMI);
        let parsed = self.parse(start, statement.end, extra, rule, what, |build, pair| build.items(pair));
        match parsed {
            Ok(parsed) => {
                items.extend(parsed);
                if statement.missing_semicolon {
                    let last = self.span(statement.end.saturating_sub(1), statement.end);
                    self.report(
                        Diagnostic::error("missing-semicolon", format!("missing `;` after this {what}"))
                            .label(last.at_end(), "`;` expected here"),
                    );
                }
            }
            Err(failure) => self.failed(*failure, start, keyword, statement.end, items),
        }
        statement.end
    }

    /// Tells an error and remembers what the declaration would have declared.
    fn failed(&mut self, failure: Diagnostic, start: usize, keyword: usize, end: usize, items: &mut Vec<Item>) {
        // A bracket that does not match has been told, and the rest is a consequence.
        if !self.brackets.is_damaged(start, end) && !self.reaches_open_end(end) {
            self.report(failure);
        }
        let guess = poison::guess(&self.tokens, &self.brackets, start, keyword, end);
        for index in &guess.names {
            let name = self.spelling(*index).to_owned();
            self.session.poisoned.insert(name);
        }
        let name =
            guess.main.map(|index| Ident { name: self.spelling(index).to_owned(), span: self.span(index, index + 1) });
        let span = self.span(start, end);
        items.push(Item::Invalid(Invalid { name, is_operation: guess.is_operation, span }));
    }

    /// Whether a declaration ends with the file, of which a bracket is never closed: the rest of the
    /// declaration may be anywhere.
    fn reaches_open_end(&self, end: usize) -> bool {
        self.brackets.is_open_at_end()
            && (end..self.tokens.len()).all(|at| matches!(self.text(at), sym::RBRACE | sym::SEMI))
    }

    /// Parses `start..end` as `rule` and hands the result to `build`.
    fn parse<T: Send>(
        &mut self,
        start: usize,
        end: usize,
        extra: Option<Symbol>,
        rule: Rule,
        what: &str,
        build: impl Fn(&mut Builder<'_>, crate::build::Pair<'_>) -> T + Send,
    ) -> Result<T, Failure> {
        if self.brackets.is_damaged(start, end) {
            return Err(Box::new(Diagnostic::error("syntax-error", "brackets do not match")));
        }
        let tokens = self.tokens.get(start..end).unwrap_or_default();
        let limit = self.session.limits.max_declaration_tokens;
        if tokens.len() > limit {
            let diagnostic = Diagnostic::error("declaration-limit", format!("this {what} is too long"));
            let span = self.span(start, end);
            return Err(Box::new(diagnostic.label(span, format!("it has more than {limit} tokens"))));
        }
        // `a ? b ? c : d : e` and `sizeof sizeof a` are the nestings that need no brackets.
        let is_question = |token: &&Token| matches!(token.text, sym::QUESTION | sym::SIZEOF);
        let questions = tokens.iter().filter(is_question).count();
        if let Some(last) = tokens.iter().filter(is_question).nth(self.session.limits.max_nesting) {
            let diagnostic = Diagnostic::error("nested-too-deeply", "too many conditional operators or `sizeof`");
            return Err(Box::new(diagnostic.label(last.span, format!("in this {what}"))));
        }
        let depth = self.brackets.depth(start, end) + questions;
        let job = Job {
            piece: Piece::new(tokens, extra, &self.session.interner),
            docs: &self.docs,
            limits: &self.session.limits,
            rule,
            what,
        };
        let (result, diagnostics) = job.run(depth, build)?;
        for diagnostic in diagnostics {
            self.report(diagnostic);
        }
        Ok(result)
    }

    /// Macros that are expressions.
    fn macros(&mut self, outputs: &[MacroOutput]) -> Vec<MacroConst> {
        let mut macros = Vec::new();
        for output in outputs {
            let value = macro_value(output, &self.session.interner, &self.session.limits);
            let Some(value) = value else { continue };
            macros.push(MacroConst {
                name: Ident { name: self.session.interner.get(output.name).to_owned(), span: output.span },
                value,
                doc: output.doc.and_then(|DocId(id)| self.docs.get(id as usize).cloned()),
            });
        }
        macros
    }
}

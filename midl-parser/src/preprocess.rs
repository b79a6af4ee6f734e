//! The C preprocessor: a file and what it includes become one list of tokens.

mod condition;
mod directive;
mod expand;

pub(crate) use self::directive::load_error;

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::diag::{Diagnostic, Diagnostics};
use crate::lexer::Lexer;
use crate::limits::Limits;
use crate::loader::Loader;
use crate::source::{FileId, SourceMap, Span};
use crate::token::{DocId, Interner, Symbol, Token, TokenKind, sym};

/// What the preprocessor works with; lent by the session.
pub(crate) struct Context<'a> {
    pub(crate) sources: &'a mut SourceMap,
    pub(crate) interner: &'a mut Interner,
    pub(crate) diagnostics: &'a mut Diagnostics,
    pub(crate) loader: &'a dyn Loader,
    pub(crate) limits: &'a Limits,
    /// Files that `#include` did not find.
    pub(crate) missing: &'a mut Vec<(String, Span)>,
}

/// A preprocessed file.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) tokens: Vec<Token>,
    /// Documentation comments that tokens refer to.
    pub(crate) docs: Vec<String>,
    pub(crate) file_doc: Option<String>,
    /// Object-like macros defined in the file itself and alive at its end.
    pub(crate) macros: Vec<MacroOutput>,
    pub(crate) safearray_macro: Option<Span>,
    /// A limit was hit: what follows is not in `tokens`.
    pub(crate) truncated: bool,
}

/// An object-like macro with its replacement expanded.
#[derive(Debug)]
pub(crate) struct MacroOutput {
    pub(crate) name: Symbol,
    pub(crate) span: Span,
    pub(crate) doc: Option<DocId>,
    pub(crate) body: Vec<Token>,
}

/// A macro.
#[derive(Debug)]
struct Macro {
    name: Symbol,
    /// The name in the directive.
    span: Span,
    /// Names of the parameters; `None` for an object-like macro.
    params: Option<Vec<Symbol>>,
    /// The last parameter takes all further arguments.
    variadic: bool,
    body: Vec<Token>,
    doc: Option<DocId>,
}

impl Macro {
    /// `#define SAFEARRAY(type) SAFEARRAY`, which documents use to hide MIDL's own meaning.
    fn hides_safearray(&self) -> bool {
        self.name == sym::SAFEARRAY
            && self.params.as_ref().is_some_and(|params| params.len() == 1)
            && matches!(self.body.as_slice(), [only] if only.text == sym::SAFEARRAY)
    }
}

/// An `#if` that is not closed yet.
#[derive(Debug)]
struct Conditional {
    span: Span,
    /// A branch was taken, so no other will be.
    taken: bool,
    /// The `#else`, once seen.
    otherwise: Option<Span>,
}

#[derive(Debug)]
struct OpenFile {
    lexer: Lexer,
    identity: PathBuf,
    conditionals: Vec<Conditional>,
}

/// Tokens that are read before the files are.
#[derive(Debug)]
struct Pending {
    tokens: Vec<Token>,
    next: usize,
    /// The macro whose replacement this is: it is not expanded in here.
    of: Option<Symbol>,
}

pub(crate) struct Preprocessor<'a> {
    cx: Context<'a>,
    root: FileId,
    files: Vec<OpenFile>,
    pending: Vec<Pending>,
    /// `pending` below this is out of sight, and files too while `isolated`.
    floor: usize,
    isolated: bool,
    macros: HashMap<Symbol, Rc<Macro>>,
    /// How often each macro is being replaced.
    active: HashMap<Symbol, u32>,
    once: Vec<PathBuf>,
    docs: Vec<String>,
    file_doc: Option<String>,
    safearray_macro: Option<Span>,
    nesting: usize,
    expansions: usize,
    expanded_bytes: usize,
    included_bytes: usize,
    includes: usize,
    exhausted: bool,
}

/// Preprocesses the file `root`, which the source map already has.
pub(crate) fn preprocess(cx: Context<'_>, root: FileId, identity: PathBuf) -> Output {
    let mut this = Preprocessor {
        cx,
        root,
        files: Vec::new(),
        pending: Vec::new(),
        floor: 0,
        isolated: false,
        macros: HashMap::new(),
        active: HashMap::new(),
        once: Vec::new(),
        docs: Vec::new(),
        file_doc: None,
        safearray_macro: None,
        nesting: 0,
        expansions: 0,
        expanded_bytes: 0,
        included_bytes: 0,
        includes: 0,
        exhausted: false,
    };
    this.open(FileId::BUILTIN, PathBuf::new());
    while this.next_expanded().is_some() {}
    this.open(root, identity);
    let mut tokens = Vec::new();
    while let Some(token) = this.next_expanded() {
        tokens.push(token);
    }
    let truncated = this.exhausted;
    let macros = this.macro_outputs();
    Output {
        tokens,
        docs: this.docs,
        file_doc: this.file_doc,
        macros,
        safearray_macro: this.safearray_macro,
        truncated,
    }
}

impl Preprocessor<'_> {
    fn open(&mut self, file: FileId, identity: PathBuf) {
        let text = self.cx.sources.get(file).map(|file| file.to_read().clone()).unwrap_or_default();
        self.included_bytes = self.included_bytes.saturating_add(text.len());
        let lexer = Lexer::new(file, text);
        self.files.push(OpenFile { lexer, identity, conditionals: Vec::new() });
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.cx.diagnostics.push(diagnostic);
    }

    /// Stops everything: a limit was hit.
    fn give_up(&mut self, diagnostic: Diagnostic) {
        if !self.exhausted {
            self.error(diagnostic);
        }
        self.exhausted = true;
    }

    fn add_doc(&mut self, text: String) -> DocId {
        let id = DocId(self.docs.len() as u32);
        self.docs.push(text);
        id
    }

    /// The next token, macros not replaced.
    fn next_unexpanded(&mut self) -> Option<Token> {
        if self.exhausted {
            return None;
        }
        while self.pending.len() > self.floor {
            let top = self.pending.last_mut()?;
            if let Some(token) = top.tokens.get(top.next) {
                top.next += 1;
                return Some(*token);
            }
            let finished = top.of;
            self.pending.pop();
            if let Some(name) = finished
                && let Some(count) = self.active.get_mut(&name)
            {
                *count -= 1;
            }
        }
        if self.isolated { None } else { self.next_from_files() }
    }

    fn next_from_files(&mut self) -> Option<Token> {
        loop {
            if self.exhausted {
                return None;
            }
            let file = self.files.last_mut()?;
            let token = file.lexer.next(self.cx.interner);
            self.cx.diagnostics.extend(file.lexer.take_diagnostics());
            match token {
                Some(token) if token.line_start && token.text == sym::HASH => {
                    let doc = file.lexer.take_doc();
                    if let Some(token) = self.directive(token, doc) {
                        return Some(token);
                    }
                    if let Some(file) = self.files.last_mut() {
                        self.cx.diagnostics.extend(file.lexer.take_diagnostics());
                    }
                }
                Some(mut token) => {
                    if let Some(doc) = file.lexer.take_doc() {
                        token.doc = Some(self.add_doc(doc.into_text()));
                    }
                    return Some(token);
                }
                None => self.close_file(),
            }
        }
    }

    fn close_file(&mut self) {
        let Some(mut file) = self.files.pop() else { return };
        if file.lexer.file() == self.root {
            self.file_doc = file.lexer.file_doc();
        }
        for open in file.conditionals {
            self.error(
                Diagnostic::error("unterminated-conditional", "this `#if` has no `#endif`")
                    .label(open.span, "the file ends before its `#endif`"),
            );
        }
    }

    /// Counts what an expansion produces; false when it was too much.
    fn charge(&mut self, text: Symbol, at: Span) -> bool {
        let bytes = self.cx.interner.get(text).len() + 8;
        self.charge_bytes(bytes, at)
    }

    fn charge_bytes(&mut self, bytes: usize, at: Span) -> bool {
        self.expanded_bytes = self.expanded_bytes.saturating_add(bytes);
        let limit = self.cx.limits.max_expanded_bytes;
        if self.expanded_bytes > limit {
            self.give_up(
                Diagnostic::error(
                    "macro-limit",
                    format!("macros of this file expand to more than {limit} octets"),
                )
                .label(at, "expansion stopped here")
                .note("a macro that mentions another several times, which does the same, and so on, grows exponentially"),
            );
        }
        !self.exhausted
    }

    fn macro_outputs(&mut self) -> Vec<MacroOutput> {
        let mut own: Vec<Rc<Macro>> = self
            .macros
            .values()
            .filter(|m| m.params.is_none() && m.span.file == self.root && !m.body.is_empty())
            .cloned()
            .collect();
        own.sort_by_key(|m| m.span.start);
        let mut outputs = Vec::new();
        for definition in own {
            let mut body = Vec::new();
            if self.exhausted {
                break;
            }
            // The macro itself must stay out, as in any place of use.
            *self.active.entry(definition.name).or_default() += 1;
            body.extend(self.expand_isolated(definition.body.clone()));
            if let Some(count) = self.active.get_mut(&definition.name) {
                *count -= 1;
            }
            outputs.push(MacroOutput { name: definition.name, span: definition.span, doc: definition.doc, body });
        }
        outputs
    }
}

fn is_ident(token: &Token) -> bool {
    token.kind == TokenKind::Ident
}

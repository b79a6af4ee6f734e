//! From what pest matched to the abstract syntax tree.
//!
//! pest has checked the shape; what remains here are the checks that no grammar can make: numbers
//! that fit, UUIDs that are some, combinations of type words, members that need a name.

mod attribute;
mod declarator;
mod expression;
mod types;

use pest::iterators::Pair as PestPair;

use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::limits::Limits;
use crate::literal;
use crate::piece::Piece;
use crate::source::Span;

pub(crate) type Pair<'p> = PestPair<'p, Rule>;

/// Builds the tree of one declaration.
pub(crate) struct Builder<'a> {
    pub(crate) piece: &'a Piece<'a>,
    pub(crate) docs: &'a [String],
    pub(crate) limits: &'a Limits,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(piece: &'a Piece<'a>, docs: &'a [String], limits: &'a Limits) -> Self {
        Self { piece, docs, limits, diagnostics: Vec::new() }
    }

    fn span(&self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        self.piece.span(span.start(), span.end())
    }

    fn doc(&self, pair: &Pair<'_>) -> Option<String> {
        let id = self.piece.doc_at(pair.as_span().start())?;
        self.docs.get(id.0 as usize).cloned()
    }

    /// Documentation of a whole declaration: before its first token, or before its keyword.
    fn item_doc(&self, keyword: usize) -> Option<String> {
        let id = self.piece.doc_until(keyword)?;
        self.docs.get(id.0 as usize).cloned()
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span, label: &str) {
        self.diagnostics.push(Diagnostic::error(code, message).label(span, label));
    }

    fn ident(&self, pair: &Pair<'_>) -> Ident {
        Ident { name: pair.as_str().to_owned(), span: self.span(pair) }
    }

    /// A name that cannot be missing where pest matched; what it is otherwise does not matter.
    fn no_name(&self, span: Span) -> Ident {
        Ident { name: String::new(), span }
    }

    /// Reads one declaration.
    pub(crate) fn items(&mut self, pair: Pair<'_>) -> Vec<Item> {
        match pair.as_rule() {
            Rule::typedef_item => vec![Item::Typedef(self.typedef(pair))],
            Rule::const_item => self.constants(pair),
            Rule::type_item => vec![Item::Type(self.type_decl(pair))],
            Rule::operation_item => vec![Item::Operation(self.operation(pair))],
            _ => Vec::new(),
        }
    }

    fn typedef(&mut self, pair: Pair<'_>) -> Typedef {
        let span = self.span(&pair);
        let mut doc = None;
        let mut attrs = Vec::new();
        let mut ty = None;
        let mut declarators = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::k_typedef => doc = self.item_doc(part.as_span().start()),
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::type_spec => ty = Some(self.type_spec(part)),
                Rule::declarator => declarators.push(self.declarator(part)),
                _ => {}
            }
        }
        let ty = ty.unwrap_or_else(|| self.no_type(span));
        Typedef { attrs, ty, declarators, doc, span }
    }

    fn constants(&mut self, pair: Pair<'_>) -> Vec<Item> {
        let span = self.span(&pair);
        let mut doc = None;
        let mut attrs = Vec::new();
        let mut ty = self.no_type(span);
        let mut items = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::type_spec => {
                    doc = self.item_doc(part.as_span().start());
                    ty = self.type_spec(part);
                }
                Rule::constant => {
                    let mut declarator = None;
                    let mut value = None;
                    for piece in part.into_inner() {
                        match piece.as_rule() {
                            Rule::declarator => declarator = Some(self.declarator(piece)),
                            Rule::expr => value = Some(self.expr(piece)),
                            _ => {}
                        }
                    }
                    if let (Some(declarator), Some(value)) = (declarator, value) {
                        items.push(Item::Const(ConstDecl {
                            attrs: attrs.clone(),
                            ty: ty.clone(),
                            declarator,
                            value,
                            doc: doc.clone(),
                            span,
                        }));
                    }
                }
                _ => {}
            }
        }
        items
    }

    fn type_decl(&mut self, pair: Pair<'_>) -> TypeDecl {
        let span = self.span(&pair);
        let mut doc = None;
        let mut attrs = Vec::new();
        let mut ty = self.no_type(span);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::type_spec => {
                    doc = self.item_doc(part.as_span().start());
                    ty = self.type_spec(part);
                }
                _ => {}
            }
        }
        TypeDecl { attrs, ty, doc, span }
    }

    fn operation(&mut self, pair: Pair<'_>) -> Operation {
        let span = self.span(&pair);
        let mut op = Operation {
            attrs: Vec::new(),
            ret: self.no_type(span),
            ret_derivs: Vec::new(),
            name: self.no_name(span),
            params: Vec::new(),
            variadic: false,
            doc: None,
            span,
        };
        let mut pointers = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut op.attrs),
                Rule::type_spec => {
                    op.doc = self.item_doc(part.as_span().start());
                    op.ret = self.type_spec(part);
                }
                Rule::pointer => pointers.push(self.pointer(part)),
                Rule::name => op.name = self.ident(&part),
                Rule::params => {
                    op.variadic = part.clone().into_inner().any(|inner| inner.as_rule() == Rule::ellipsis);
                    op.params = self.params(part);
                }
                _ => {}
            }
        }
        // `T **f()`: the star nearest to the name is the outermost pointer.
        pointers.reverse();
        op.ret_derivs = pointers;
        op
    }

    /// The head of an interface: attributes, name, base and documentation.
    pub(crate) fn interface_head(&mut self, pair: Pair<'_>) -> Interface {
        let span = self.span(&pair);
        let mut attrs = Vec::new();
        let mut names = Vec::new();
        let mut doc = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::k_interface => doc = self.item_doc(part.as_span().start()),
                Rule::name => names.push(self.ident(&part)),
                _ => {}
            }
        }
        if let Some(second) = names.get(2) {
            let at = second.span;
            self.error("multiple-bases", "an interface inherits from one interface only", at, "a second base");
        }
        let mut names = names.into_iter();
        Interface {
            attrs,
            name: names.next().unwrap_or_else(|| self.no_name(span)),
            base: names.next(),
            items: None,
            doc,
            span,
        }
    }

    /// The head of a library, a coclass and the like: attributes, keyword and name.
    pub(crate) fn skipped_head(&mut self, pair: Pair<'_>) -> Skipped {
        let span = self.span(&pair);
        let name = self.no_name(span);
        let mut head = Skipped { keyword: String::new(), attrs: Vec::new(), name, has_body: false, span };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut head.attrs),
                Rule::k_skipped => head.keyword = part.as_str().to_owned(),
                Rule::name => head.name = self.ident(&part),
                _ => {}
            }
        }
        head
    }

    /// The string in the parentheses of `cpp_quote` and `importlib`.
    pub(crate) fn string_argument(&mut self, pair: Pair<'_>) -> Option<StrLit> {
        let strings = pair.into_inner().find(|part| part.as_rule() == Rule::strings)?;
        Some(self.strings(strings, false))
    }

    /// Adjacent string literals, joined.
    fn strings(&mut self, pair: Pair<'_>, check_escapes: bool) -> StrLit {
        let span = self.span(&pair);
        let mut value = String::new();
        let mut wide = false;
        for part in pair.into_inner() {
            let text = part.as_str();
            let open = text.find('"').unwrap_or(0);
            wide |= text.starts_with('L');
            let inner = text.get(open + 1..text.len().saturating_sub(1)).unwrap_or("");
            let (resolved, unknown) = literal::unescape(inner);
            value.push_str(&resolved);
            if let Some(escape) = unknown.filter(|_| check_escapes) {
                let at = self.span(&part);
                self.diagnostics.push(
                    Diagnostic::warning("unknown-escape", format!("there is no escape `\\{escape}`"))
                        .label(at, "")
                        .help(format!("a backslash is written `\\\\`; `\\{escape}` was kept as it is")),
                );
            }
        }
        StrLit { value, wide, span }
    }
}

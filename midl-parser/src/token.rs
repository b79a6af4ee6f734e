//! Tokens, and the table of their spellings.

use std::collections::HashMap;
use std::sync::Arc;

use crate::source::Span;

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Ident,
    /// A preprocessing number: anything that starts with a digit, `12ab` too.
    Number,
    /// `"…"` or `L"…"`, quotes included.
    Str,
    /// `'…'` or `L'…'`, quotes included.
    Char,
    Punct,
    /// A whole `#pragma` line; the text is what follows the word.
    Pragma,
    /// A character that no token starts with.
    Unknown,
}

/// A spelling in the [`Interner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Symbol(u32);

/// A documentation comment in the list of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocId(pub(crate) u32);

/// A token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) text: Symbol,
    pub(crate) span: Span,
    /// Documentation before it.
    pub(crate) doc: Option<DocId>,
    /// White space stands before it.
    pub(crate) space: bool,
    /// It is the first of its line.
    pub(crate) line_start: bool,
    /// A macro name that must not be expanded again.
    pub(crate) painted: bool,
}

/// Spellings of tokens, each kept once.
#[derive(Debug)]
pub(crate) struct Interner {
    map: HashMap<Arc<str>, Symbol>,
    list: Vec<Arc<str>>,
}

macro_rules! symbols {
    ($($name:ident = $text:literal),* $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Known { $($name),* }

        /// Spellings that the front end itself looks for.
        pub(crate) mod sym {
            use super::{Known, Symbol};
            $(pub(crate) const $name: Symbol = Symbol(Known::$name as u32);)*
        }

        const KNOWN: &[&str] = &[$($text),*];
    };
}

symbols! {
    EMPTY = "",
    LPAREN = "(", RPAREN = ")", LBRACKET = "[", RBRACKET = "]", LBRACE = "{", RBRACE = "}",
    SEMI = ";", COMMA = ",", HASH = "#", PASTE = "##", EQUALS = "=", COLON = ":", QUESTION = "?",
    STAR = "*", ELLIPSIS = "...",
    DEFINE = "define", UNDEF = "undef", INCLUDE = "include", IF = "if", IFDEF = "ifdef",
    IFNDEF = "ifndef", ELIF = "elif", ELSE = "else", ENDIF = "endif", ERROR = "error",
    WARNING = "warning", LINE = "line", PRAGMA = "pragma", IDENT = "ident", DEFINED = "defined",
    VA_ARGS = "__VA_ARGS__", SAFEARRAY = "SAFEARRAY",
    TYPEDEF = "typedef", CONST = "const", STRUCT = "struct", UNION = "union", ENUM = "enum",
    INTERFACE = "interface", DISPINTERFACE = "dispinterface", COCLASS = "coclass",
    LIBRARY = "library", MODULE = "module", IMPORT = "import", IMPORTLIB = "importlib",
    CPP_QUOTE = "cpp_quote", MIDL_PRAGMA = "midl_pragma", EXTERN = "extern", STATIC = "static",
    NAMESPACE = "namespace", RUNTIMECLASS = "runtimeclass",
    APICONTRACT = "apicontract", MINUS = "-", SIZEOF = "sizeof", HAS_INCLUDE = "__has_include", DECLARE = "declare", REQUIRES = "requires", SWITCH = "switch",
}

impl Interner {
    pub(crate) fn new() -> Self {
        let mut this = Self { map: HashMap::new(), list: Vec::new() };
        for text in KNOWN {
            this.intern(text);
        }
        this
    }

    pub(crate) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.map.get(text) {
            return *symbol;
        }
        let shared: Arc<str> = text.into();
        let symbol = Symbol(self.list.len() as u32);
        self.list.push(shared.clone());
        self.map.insert(shared, symbol);
        symbol
    }

    pub(crate) fn get(&self, symbol: Symbol) -> &str {
        self.list.get(symbol.0 as usize).map_or("", |text| text)
    }
}

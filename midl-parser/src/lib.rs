//! Front end of `midlc`: MIDL text to abstract syntax tree.
//!
//! A [`Session`] reads a root file and all that it imports. Each file goes through four stages:
//! the preprocessor makes one list of tokens of it and what it includes; brackets are matched
//! over the whole file, which bounds nesting; the list is cut into declarations; and each
//! declaration is parsed on its own, so that an error in one hides none in another.
//!
//! ```
//! use std::path::Path;
//! use midlc_parser::{MemoryLoader, Session, ast::Item};
//!
//! let loader = MemoryLoader::new().with(
//!     "point.idl",
//!     "[uuid(12345678-1234-abcd-ef00-0123456789ab), version(1.0)]
//!      interface point { typedef struct { long x, y; } POINT; }",
//! );
//! let mut session = Session::new(Box::new(loader));
//! let parsed = session.parse(Path::new("point.idl"));
//! assert!(!session.diagnostics.has_errors());
//! let file = parsed.root.and_then(|root| session.file(root)).unwrap();
//! assert!(matches!(file.items.as_slice(), [Item::Interface(_)]));
//! ```
#![forbid(unsafe_code)]

pub mod ast;
pub mod diag;
pub mod limits;
pub mod loader;
pub mod source;
pub mod suggest;

mod brackets;
mod build;
mod decode;
mod doc;
mod furniture;
mod grammar;
mod lexer;
mod literal;
mod noise;
mod parse;
mod piece;
mod poison;
mod preprocess;
mod session;
mod syntax_error;
mod token;

pub use self::decode::Encoding;
pub use self::diag::{Diagnostic, Diagnostics, Label, Severity};
pub use self::limits::Limits;
pub use self::loader::{FsLoader, LoadError, Loader, MemoryLoader};
pub use self::session::{MissingFile, Parsed, Session};
pub use self::source::{FileId, SourceFile, SourceMap, Span};

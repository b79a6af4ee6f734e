//! Bounds on what a file may ask for.

/// What a hostile or broken file is stopped by. The defaults are far above any real file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one file. 16 MiB.
    pub max_file_bytes: usize,
    /// Octets of text read for one file and all that it includes. 64 MiB.
    pub max_included_bytes: usize,
    /// Octets of text, with a little for each token, that macro expansion may produce in one
    /// file. 64 MiB.
    pub max_expanded_bytes: usize,
    /// Macro uses expanded in one file, nested ones included. One million.
    pub max_macro_expansions: usize,
    /// Macro calls in the arguments of macro calls. 64.
    pub max_macro_nesting: usize,
    /// Files open at once by `#include`, and files by `import`. 64.
    pub max_include_depth: usize,
    /// `#include` directives followed in one file. 10,000.
    pub max_includes: usize,
    /// Brackets open at once, of all kinds. 256.
    pub max_nesting: usize,
    /// Tokens of one declaration (of an interface, its head and each member count on their own).
    /// 250,000.
    pub max_declaration_tokens: usize,
    /// Operators in one expression. 1,024.
    pub max_operators: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 16 << 20,
            max_included_bytes: 64 << 20,
            max_expanded_bytes: 64 << 20,
            max_macro_expansions: 1_000_000,
            max_macro_nesting: 64,
            max_include_depth: 64,
            max_includes: 10_000,
            max_nesting: 256,
            max_declaration_tokens: 250_000,
            max_operators: 1024,
        }
    }
}

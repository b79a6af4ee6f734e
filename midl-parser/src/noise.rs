//! Words and marks that mean nothing to MIDL: annotations for C compilers, and the bullets of lists
//! that a document made of declarations.

use crate::diag::Diagnostic;
use crate::source::FileId;
use crate::token::{Interner, Symbol, Token, TokenKind, sym};

/// Takes such tokens out. The result is a warning if a bullet was among them. In C headers, bodies of
/// functions go, too, and the braces of `extern "C"`.
pub(crate) fn remove(
    tokens: &mut Vec<Token>,
    interner: &Interner,
    in_header: impl Fn(FileId) -> bool,
) -> Option<Diagnostic> {
    let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut open: Vec<Symbol> = Vec::new();
    let mut first_bullet = None;
    let mut index = 0;
    while let Some(token) = tokens.get(index).copied() {
        let next = tokens.get(index + 1);
        if let Some(end) = extern_c(tokens, index) {
            open.push(sym::EXTERN);
            pass_on(token, tokens.get_mut(end));
            index = end;
            continue;
        }
        if token.text == sym::LBRACE
            && open.iter().all(|open| *open == sym::EXTERN)
            && kept.last().is_some_and(|last| last.text == sym::RPAREN)
            && in_header(token.span.file)
        {
            kept.push(Token { text: sym::SEMI, ..token });
            index = body_end(tokens, index);
            continue;
        }
        let skip = match token.kind {
            TokenKind::Ident => annotation(&kept, tokens, index, interner),
            TokenKind::Punct if token.text == sym::MINUS && is_bullet(&kept, &token, next, open.last()) => {
                first_bullet.get_or_insert(token.span);
                1
            }
            _ => 0,
        };
        if skip > 0 {
            pass_on(token, tokens.get_mut(index + skip));
            index += skip;
            continue;
        }
        if matches!(token.text, sym::LPAREN | sym::LBRACKET | sym::LBRACE) {
            open.push(token.text);
        }
        let closes = matches!(token.text, sym::RPAREN | sym::RBRACKET | sym::RBRACE);
        if closes && open.pop() == Some(sym::EXTERN) && token.text == sym::RBRACE {
            index += 1;
            continue;
        }
        kept.push(token);
        index += 1;
    }
    *tokens = kept;
    let span = first_bullet?;
    Some(
        Diagnostic::warning("list-bullet", "a declaration is printed as an item of a list")
            .label(span, "this bullet is ignored, and so are others"),
    )
}

/// The token behind `extern "C" {`.
fn extern_c(tokens: &[Token], index: usize) -> Option<usize> {
    let [word, language, brace] = tokens.get(index..index + 3)? else { return None };
    let begins = word.text == sym::EXTERN && language.kind == TokenKind::Str && brace.text == sym::LBRACE;
    begins.then_some(index + 3)
}

/// The token behind the body that begins at `index`.
fn body_end(tokens: &[Token], index: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(index) {
        match token.text {
            sym::LBRACE => depth += 1,
            sym::RBRACE => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// What stands before a token that goes belongs to the next one: documentation, the line's start.
fn pass_on(gone: Token, next: Option<&mut Token>) {
    if let Some(next) = next {
        next.line_start |= gone.line_start;
        next.space |= gone.space;
        next.doc = next.doc.or(gone.doc);
    }
}

/// How many tokens from `index` on are an annotation.
fn annotation(kept: &[Token], tokens: &[Token], index: usize, interner: &Interner) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| interner.get(token.text));
    let word = text(index);
    let call = match text(index + 1) {
        "(" => group(tokens, index + 1),
        _ => None,
    };
    match word {
        "__declspec" | "declspec" | "__attribute__" => call.map_or(0, |call| call + 1),
        "__ptr64" | "__ptr32" | "__sptr" | "__uptr" | "__far" | "__near" | "_far" | "_near" | "__huge"
        | "__RPC_FAR" | "RPC_FAR" | "UNALIGNED" | "__w64" | "__extension__" | "__restrict" | "__MINGW_EXTENSION"
        | "__RPC_API" => 1,
        "far" | "near" | "huge" | "FAR" | "NEAR" => {
            // Only between a type and its stars: elsewhere these are names.
            let behind_type =
                kept.last().is_some_and(|token| token.kind == TokenKind::Ident || token.text == sym::STAR);
            usize::from(behind_type && text(index + 1) == "*")
        }
        _ if is_sal(word) => call.unwrap_or(0) + 1,
        _ => 0,
    }
}

/// Microsoft's source annotations, of headers that the MIDL compiler wrote and of others.
fn is_sal(word: &str) -> bool {
    const OLD: [&str; 4] = ["__in", "__out", "__inout", "__deref"];
    const NEW: [&str; 8] = ["_In_", "_Out_", "_Inout_", "_Outptr_", "_COM_Outptr_", "_Ret_", "_Deref_", "_Frees_ptr_"];
    const RPC: [&str; 6] =
        ["__RPC__in", "__RPC__out", "__RPC__deref", "__RPC_unique_pointer", "__RPC_string", "__RPC_full_pointer"];
    let begins = |stem: &&str| word.starts_with(*stem);
    let is_old = |stem: &&str| word.strip_prefix(*stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    word.starts_with('_') && (OLD.iter().any(is_old) || NEW.iter().any(begins) || RPC.iter().any(begins))
}

/// How many tokens the parentheses that open at `open` are, themselves included.
fn group(tokens: &[Token], open: usize) -> Option<usize> {
    /// An annotation is no longer than this; else its parenthesis is not closed.
    const LONGEST: usize = 64;
    let mut depth = 0usize;
    for (count, token) in tokens.get(open..)?.iter().take(LONGEST).enumerate() {
        match token.text {
            sym::LPAREN => depth += 1,
            sym::RPAREN => depth -= 1,
            sym::SEMI | sym::LBRACE | sym::RBRACE => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(count + 1);
        }
    }
    None
}

/// Whether a minus is a bullet: the first of its line, where no expression can go on or begin.
fn is_bullet(kept: &[Token], token: &Token, next: Option<&Token>, open: Option<&Symbol>) -> bool {
    if !token.line_start {
        return false;
    }
    if next.is_some_and(|next| next.text == sym::LBRACKET || next.text == sym::RBRACE) {
        return true;
    }
    match kept.last().map(|token| token.text) {
        None | Some(sym::SEMI | sym::LBRACE | sym::RBRACE) => true,
        Some(sym::COMMA) => open == Some(&sym::LBRACE),
        Some(_) => false,
    }
}

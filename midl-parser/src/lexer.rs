//! Text to preprocessing tokens.
//!
//! The lexer is lenient where documents are: typographic quotes and dashes that a word processor
//! put in count as the plain ones, exotic spaces count as white space.

use std::sync::Arc;

use crate::diag::Diagnostic;
use crate::doc;
use crate::source::{FileId, Span};
use crate::token::{Interner, Symbol, Token, TokenKind, sym};

/// Operators of more than one character, longest first.
const LONG_PUNCTUATION: &[&str] =
    &["...", "<<=", ">>=", "..", "##", "->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "::"];

/// Reads the tokens of one file.
#[derive(Debug)]
pub(crate) struct Lexer {
    file: FileId,
    text: Arc<str>,
    /// Where the lexer's text left out a line continuation: from this offset on, the file's
    /// offset is larger by so much. Empty for most files.
    splices: Vec<(usize, usize)>,
    pos: usize,
    at_line_start: bool,
    space: bool,
    seen_token: bool,
    pending_doc: Option<doc::Pending>,
    file_doc: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Lexer {
    pub(crate) fn new(file: FileId, text: Arc<str>) -> Self {
        let (text, splices) = splice(text);
        Self {
            file,
            text,
            splices,
            pos: 0,
            at_line_start: true,
            space: false,
            seen_token: false,
            pending_doc: None,
            file_doc: None,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn file(&self) -> FileId {
        self.file
    }

    pub(crate) fn take_diagnostics(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.diagnostics)
    }

    /// The documentation read since the last token.
    pub(crate) fn take_doc(&mut self) -> Option<doc::Pending> {
        self.pending_doc.take()
    }

    /// Gives back what [`take_doc`](Self::take_doc) took.
    pub(crate) fn restore_doc(&mut self, doc: Option<doc::Pending>) {
        self.pending_doc = doc;
    }

    pub(crate) fn file_doc(&mut self) -> Option<String> {
        self.file_doc.take()
    }

    fn original(&self, at: usize) -> u32 {
        let splice = self.splices.partition_point(|(from, _)| *from <= at);
        let shift = splice.checked_sub(1).and_then(|index| self.splices.get(index)).map_or(0, |(_, shift)| *shift);
        (at + shift) as u32
    }

    fn span(&self, start: usize, end: usize) -> Span {
        // The end is taken from the last character, or a splice behind it would count.
        let last = end.saturating_sub(1).max(start);
        let end = if end > start { self.original(last) + (end - last) as u32 } else { self.original(start) };
        Span::new(self.file, self.original(start), end)
    }

    fn rest(&self) -> &str {
        self.text.get(self.pos..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.pos + ahead).copied()
    }

    fn peek_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Skips white space and comments. With `on_line`, stops before the end of the line and
    /// returns whether it did.
    fn skip_blank(&mut self, on_line: bool) -> bool {
        loop {
            match self.peek() {
                Some(b'\n') => {
                    if on_line {
                        return true;
                    }
                    self.pos += 1;
                    self.at_line_start = true;
                    self.space = true;
                    if let Some(doc) = &mut self.pending_doc {
                        doc.newline();
                    }
                }
                Some(b' ' | b'\t' | b'\r' | 0x0B | 0x0C) => {
                    self.pos += 1;
                    self.space = true;
                }
                Some(b'/') if self.peek_at(1) == Some(b'/') => self.line_comment(on_line),
                Some(b'/') if self.peek_at(1) == Some(b'*') => self.block_comment(on_line),
                Some(b) if b >= 0x80 => match self.peek_char() {
                    Some(c) if is_odd_space(c) => {
                        self.pos += c.len_utf8();
                        self.space = true;
                    }
                    _ => return false,
                },
                Some(_) => return false,
                None => return on_line,
            }
        }
    }

    fn line_comment(&mut self, on_line: bool) {
        self.space = true;
        let text = self.text.clone();
        let rest = text.get(self.pos..).unwrap_or("");
        let length = rest.find('\n').unwrap_or(rest.len());
        let comment = rest.get(..length).unwrap_or("");
        if on_line {
            // A comment behind a directive documents nothing.
        } else if let Some(text) = doc::inner_line(comment) {
            if !self.seen_token {
                let text = text.to_owned();
                let doc = self.file_doc.get_or_insert_default();
                if !doc.is_empty() {
                    doc.push('\n');
                }
                doc.push_str(&text);
            }
        } else if let Some(text) = doc::outer_line(comment) {
            match &mut self.pending_doc {
                Some(doc) => doc.push_line(text),
                none => *none = Some(doc::Pending::line(text)),
            }
        }
        self.pos += length;
    }

    fn block_comment(&mut self, on_line: bool) {
        let start = self.pos;
        self.space = true;
        let text = self.text.clone();
        let rest = text.get(self.pos..).unwrap_or("");
        let body = rest.get(2..).unwrap_or("");
        let Some(length) = body.find("*/") else {
            self.diagnostics.push(
                Diagnostic::error("unterminated-comment", "this comment is never closed")
                    .label(self.span(start, start + 2), "the comment begins here")
                    .help("close it with `*/`"),
            );
            self.pos = self.text.len();
            return;
        };
        let comment = body.get(..length).unwrap_or("");
        if !on_line && let Some(text) = doc::block(comment) {
            let after = body.get(length + 2..).unwrap_or("");
            if !self.seen_token && self.file_doc.is_none() && doc::blank_line_follows(after) {
                self.file_doc = Some(text);
            } else {
                self.pending_doc = Some(doc::Pending::block(text));
            }
        }
        self.pos += length + 4;
    }

    /// The next token of the file.
    pub(crate) fn next(&mut self, interner: &mut Interner) -> Option<Token> {
        self.skip_blank(false);
        self.token(interner)
    }

    /// The next token of the line; `None` at its end, which is left unread.
    pub(crate) fn next_on_line(&mut self, interner: &mut Interner) -> Option<Token> {
        if self.skip_blank(true) {
            return None;
        }
        self.token(interner)
    }

    /// The rest of the line, comments left out, and where it is.
    pub(crate) fn rest_of_line(&mut self) -> (String, Span) {
        self.skip_blank(true);
        let start = self.pos;
        let mut end = start;
        let mut text = String::new();
        let mut quoted = false;
        while let Some(c) = self.peek_char() {
            match c {
                '\n' => break,
                '"' => quoted = !quoted,
                '/' if !quoted && matches!(self.peek_at(1), Some(b'/' | b'*')) => {
                    text.push(' ');
                    self.skip_blank(true);
                    continue;
                }
                _ => {}
            }
            text.push(c);
            self.pos += c.len_utf8();
            if !c.is_whitespace() {
                end = self.pos;
            }
        }
        (text.trim().to_owned(), self.span(start, end))
    }

    /// Skips lines until one begins with `#`, and skips that too. False at the end of the file.
    pub(crate) fn skip_to_directive(&mut self) -> bool {
        loop {
            self.skip_blank(false);
            self.pending_doc = None;
            match self.peek() {
                None => return false,
                Some(b'#') if self.at_line_start => {
                    self.pos += 1;
                    self.at_line_start = false;
                    return true;
                }
                Some(_) => {
                    self.rest_of_line();
                    self.at_line_start = false;
                }
            }
        }
    }

    fn token(&mut self, interner: &mut Interner) -> Option<Token> {
        let first = self.peek_char()?;
        let start = self.pos;
        let mut spelling = None;
        let kind = if is_ident_start(first) {
            self.word();
            let prefix = self.text.get(start..self.pos).unwrap_or("");
            match self.peek_char() {
                Some(c) if matches!(prefix, "L" | "u" | "U" | "u8") && is_double_quote(c) => {
                    let prefix = prefix.to_owned();
                    spelling = Some(prefix + &self.string(c));
                    TokenKind::Str
                }
                Some(c) if prefix == "L" && is_single_quote(c) => {
                    spelling = Some("L".to_owned() + &self.character(c));
                    TokenKind::Char
                }
                _ => TokenKind::Ident,
            }
        } else if first.is_ascii_digit() || first == '.' && self.peek_at(1).is_some_and(|b| b.is_ascii_digit()) {
            self.number();
            TokenKind::Number
        } else if is_double_quote(first) {
            spelling = Some(self.string(first));
            TokenKind::Str
        } else if is_single_quote(first) {
            spelling = Some(self.character(first));
            TokenKind::Char
        } else if is_dash(first) {
            self.pos += first.len_utf8();
            spelling = Some("-".to_owned());
            TokenKind::Punct
        } else {
            self.punctuation(first)
        };
        let text: Symbol = match &spelling {
            Some(text) => interner.intern(text),
            None => interner.intern(self.text.get(start..self.pos).unwrap_or("")),
        };
        let token = Token {
            kind,
            text,
            span: self.span(start, self.pos),
            doc: None,
            space: self.space,
            line_start: self.at_line_start,
            painted: false,
        };
        self.space = false;
        self.at_line_start = false;
        // A directive is no declaration: documentation of the file may stand behind it.
        self.seen_token |= text != sym::HASH;
        Some(token)
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c| !is_ident_continue(c)).unwrap_or(rest.len());
        self.pos += length;
    }

    fn number(&mut self) {
        let start = self.pos;
        let hexadecimal = self.peek() == Some(b'0') && matches!(self.peek_at(1), Some(b'x' | b'X'));
        while let Some(b) = self.peek() {
            let exponent = if hexadecimal { matches!(b, b'p' | b'P') } else { matches!(b, b'e' | b'E') };
            if exponent && self.pos > start && matches!(self.peek_at(1), Some(b'+' | b'-')) {
                self.pos += 2;
            } else if b == b'.' && self.peek_at(1) == Some(b'.') {
                // `0..10` is a range, not a number.
                break;
            } else if b.is_ascii_alphanumeric() || b == b'.' || b == b'_' {
                self.pos += 1;
            } else {
                break;
            }
        }
    }

    /// Reads a string literal and returns it with plain quotes.
    fn string(&mut self, open: char) -> String {
        let start = self.pos;
        self.pos += open.len_utf8();
        let rest = self.rest();
        let line = rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or("");
        let close = if open == '"' {
            // A document may have turned the second quote only.
            end_of_literal(line, |c| c == '"').or_else(|| end_of_literal(line, is_double_quote))
        } else {
            end_of_literal(line, is_double_quote)
        };
        match close {
            Some((at, quote)) => {
                let text = format!("\"{}\"", line.get(..at).unwrap_or(""));
                self.pos += at + quote;
                text
            }
            None if self.goes_on_below(open) => self.wrapped_string(start, open),
            None => {
                // What ends most lines was hardly meant to be in the string.
                let line = line.trim_end().trim_end_matches([';', ',', ')', ']', ' ']);
                let text = format!("\"{}\"", line.trim_end_matches('\\'));
                self.pos += line.len();
                self.unterminated(start, "string", '"');
                text
            }
        }
    }

    /// Whether a literal that is open at the end of its line is closed on the next one: a document
    /// broke a long line. What else is on that line must be a whole.
    fn goes_on_below(&self, open: char) -> bool {
        let mut lines = self.rest().split('\n').skip(1);
        let next = loop {
            match lines.next() {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => break line,
                None => return false,
            }
        };
        let is_close = |c: char| if open == '"' { c == '"' } else { is_double_quote(c) };
        let before = next.split(is_close).next().unwrap_or("");
        let behind = next.get(before.len()..).unwrap_or("");
        let quotes = behind.chars().filter(|c| is_close(*c)).count();
        quotes % 2 == 1 && !before.contains([';', '{', '}', '[', '=', '#'])
    }

    /// The rest of a literal that ends on a line below; line ends in it are one space.
    fn wrapped_string(&mut self, start: usize, open: char) -> String {
        let rest = self.rest();
        let is_close = |c: char| if open == '"' { c == '"' } else { is_double_quote(c) };
        let end = rest.find(is_close).unwrap_or(rest.len());
        let quote = rest.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let lines: Vec<&str> = rest.get(..end).unwrap_or("").split('\n').map(str::trim).collect();
        let words: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let text = format!("\"{}\"", words.join(" ").trim_end_matches('\\'));
        self.pos += end + quote;
        let span = self.span(start, self.pos);
        self.diagnostics.push(
            Diagnostic::warning("wrapped-literal", "this string literal is on several lines")
                .label(span, "read as one line, with a space between"),
        );
        text
    }

    fn character(&mut self, open: char) -> String {
        let start = self.pos;
        self.pos += open.len_utf8();
        let rest = self.rest();
        let line = rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or("");
        match end_of_literal(line, is_single_quote) {
            Some((at, quote)) => {
                let text = format!("'{}'", line.get(..at).unwrap_or(""));
                self.pos += at + quote;
                text
            }
            None => {
                self.unterminated(start, "character", '\'');
                "'?'".to_owned()
            }
        }
    }

    fn unterminated(&mut self, start: usize, what: &str, quote: char) {
        let span = self.span(start, self.pos);
        self.diagnostics.push(
            Diagnostic::error("unterminated-literal", format!("this {what} literal is never closed"))
                .label(span, format!("no closing `{quote}` on this line")),
        );
    }

    fn punctuation(&mut self, first: char) -> TokenKind {
        let rest = self.rest();
        if let Some(long) = LONG_PUNCTUATION.iter().find(|p| rest.starts_with(**p)) {
            self.pos += long.len();
            return TokenKind::Punct;
        }
        self.pos += first.len_utf8();
        if first.is_ascii_punctuation() && !matches!(first, '\\' | '@' | '`' | '$') {
            TokenKind::Punct
        } else {
            TokenKind::Unknown
        }
    }
}

/// Where in `line` the closing quote is, and how long it is. Backslashes escape.
fn end_of_literal(line: &str, is_quote: impl Fn(char) -> bool) -> Option<(usize, usize)> {
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if is_quote(c) {
            return Some((at, c.len_utf8()));
        }
    }
    None
}

fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$' || !c.is_ascii() && c.is_alphabetic()
}

pub(crate) fn is_ident_continue(c: char) -> bool {
    is_ident_start(c) || c.is_ascii_digit()
}

fn is_double_quote(c: char) -> bool {
    // The last two are what the typographic quotes of Windows-1252 become in Latin-1.
    matches!(c, '"' | '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{93}' | '\u{94}')
}

fn is_single_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{91}' | '\u{92}')
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{AD}' | '\u{96}' | '\u{97}')
}

fn is_odd_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{200B}'..='\u{200D}' | '\u{2060}')
}

/// Joins lines that end with a backslash.
fn splice(text: Arc<str>) -> (Arc<str>, Vec<(usize, usize)>) {
    if !text.contains('\\') {
        return (text, Vec::new());
    }
    let mut joined = String::new();
    let mut splices = Vec::new();
    let mut copied = 0;
    let mut search = 0;
    while let Some(found) = text.get(search..).and_then(|rest| rest.find('\\')) {
        let backslash = search + found;
        let after = text.get(backslash + 1..).unwrap_or("");
        let blank = after.len() - after.trim_start_matches([' ', '\t', '\r']).len();
        search = backslash + 1;
        if after.as_bytes().get(blank) == Some(&b'\n') {
            joined.push_str(text.get(copied..backslash).unwrap_or(""));
            copied = backslash + 1 + blank + 1;
            search = copied;
            splices.push((joined.len(), copied - joined.len()));
        }
    }
    if splices.is_empty() {
        return (text, splices);
    }
    joined.push_str(text.get(copied..).unwrap_or(""));
    (joined.into(), splices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<(String, u32, u32)> {
        let mut interner = Interner::new();
        let mut lexer = Lexer::new(FileId(1), text.into());
        std::iter::from_fn(|| {
            let token = lexer.next(&mut interner)?;
            Some((interner.get(token.text).to_owned(), token.span.start, token.span.end))
        })
        .collect()
    }

    fn words(text: &str) -> Vec<String> {
        lex(text).into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn numbers_stop_at_ranges_and_keep_uuid_parts() {
        assert_eq!(words("0..10 1.5e-3 0xe-1"), ["0", "..", "10", "1.5e-3", "0xe", "-", "1"]);
        assert_eq!(words("12ab-4e-x"), ["12ab", "-", "4e-x"]);
    }

    #[test]
    fn continuations_keep_original_offsets() {
        let text = "ab\\\ncd \\ \r\n ef";
        assert_eq!(lex(text), [("abcd".into(), 0, 6), ("ef".into(), 12, 14)]);
    }

    #[test]
    fn typographic_characters_count_as_plain_ones() {
        assert_eq!(words("\u{201C}a b\u{201D}\u{A0}\u{2013}x"), ["\"a b\"", "-", "x"]);
        assert_eq!(words("\"a\u{201D} ;"), ["\"a\"", ";"]);
    }

    #[test]
    fn comments_are_blank() {
        assert_eq!(words("a/*x\n*/b//c\nd"), ["a", "b", "d"]);
        assert_eq!(words("L\"x\" L 'c'"), ["L\"x\"", "L", "'c'"]);
    }
}

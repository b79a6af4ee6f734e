//! Files, and places in them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::decode::Encoding;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    /// The synthetic file that predefined macros stand in; every map has it.
    pub const BUILTIN: Self = Self(0);
}

/// A range of octets in one file, as the file was written (before macro expansion).
///
/// Offsets count octets of the file's text in UTF-8, see [`SourceFile::text`]. For a file that is
/// UTF-8 without a byte order mark these are the octets of the file itself; for others
/// [`SourceFile::original_offset`] translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First octet.
    pub start: u32,
    /// One past the last octet.
    pub end: u32,
}

impl Span {
    /// The octets `start..end` of `file`.
    pub fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// An empty span in the built-in file, for things that stand nowhere.
    pub fn builtin() -> Self {
        Self::new(FileId::BUILTIN, 0, 0)
    }

    /// From the start of `self` to the end of `other`.
    ///
    /// When the two are in different files (a declaration that begins in a file and ends in one
    /// it includes), the result is `self`.
    pub fn to(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span at the start.
    pub fn at_start(self) -> Self {
        Self { end: self.start, ..self }
    }

    /// The empty span at the end.
    pub fn at_end(self) -> Self {
        Self { start: self.end, ..self }
    }

    /// Whether `other` lies within.
    pub fn contains(self, other: Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `#include` at this place.
    Include(Span),
    /// `import` at this place; the first, where there are several.
    Import(Span),
}

impl Reason {
    /// The place of the directive or statement.
    pub fn span(self) -> Span {
        match self {
            Self::Include(span) | Self::Import(span) => span,
        }
    }
}

/// A file that was read. A file that is included twice stands in the map twice, so that each
/// place has one chain of includes.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    text: Arc<str>,
    /// What is read instead of the text: of the same length, with something blanked.
    blanked: Option<Arc<str>>,
    encoding: Encoding,
    reason: Option<Reason>,
    line_starts: OnceLock<Vec<u32>>,
}

impl SourceFile {
    /// The path, as the loader resolved it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text in UTF-8, without a byte order mark.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What the preprocessor reads: the text without what a printed page left in it.
    pub(crate) fn to_read(&self) -> &Arc<str> {
        self.blanked.as_ref().unwrap_or(&self.text)
    }

    /// How the octets of the file were read.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Who asked for the file; `None` for a root.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// Translates an offset in the text to the octet in the file as it is stored.
    pub fn original_offset(&self, offset: u32) -> u64 {
        self.encoding.original_offset(&self.text, offset as usize)
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect()
        })
    }

    /// Number of the line (from 0) that `offset` is in.
    pub fn line_index(&self, offset: u32) -> usize {
        self.line_starts().partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset where line `index` (from 0) begins; the end of the text past the last.
    pub fn line_start(&self, index: usize) -> u32 {
        self.line_starts().get(index).copied().unwrap_or(self.text.len() as u32)
    }

    /// Line and column of `offset`.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let index = self.line_index(offset);
        let start = self.line_start(index) as usize;
        let end = floor_char(&self.text, offset as usize);
        let column = self.text.get(start..end.max(start)).map_or(0, |line| line.chars().count());
        LineColumn { line: index as u32 + 1, column: column as u32 + 1 }
    }
}

/// The nearest character boundary at or before `offset`, and at most the end.
pub(crate) fn floor_char(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A use of a macro in the text of a file (not within another macro's replacement).
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The macro's name at the place of use.
    pub use_span: Span,
    /// The macros that took part, the one used first, with the place of their definition. No
    /// more than a few are kept.
    pub macros: Vec<(String, Span)>,
}

/// All files of a session.
#[derive(Debug)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    expansions: HashMap<(FileId, u32), Expansion>,
}

impl Default for SourceMap {
    fn default() -> Self {
        Self::new()
    }
}

impl SourceMap {
    /// A map that holds only the (empty) built-in file.
    pub fn new() -> Self {
        let mut map = Self { files: Vec::new(), expansions: HashMap::new() };
        map.add("<built-in>", "", Encoding::Utf8, None);
        map
    }

    /// Adds a file.
    pub fn add(
        &mut self,
        path: impl Into<PathBuf>,
        text: impl Into<Arc<str>>,
        encoding: Encoding,
        reason: Option<Reason>,
    ) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile {
            path: path.into(),
            text: text.into(),
            blanked: None,
            encoding,
            reason,
            line_starts: OnceLock::new(),
        });
        id
    }

    /// Sets what is read instead of a file's text; messages show the text itself.
    pub(crate) fn set_blanked(&mut self, id: FileId, text: &str) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            file.blanked = Some(text.into());
        }
    }

    /// Replaces the text of the built-in file.
    pub(crate) fn set_builtin(&mut self, text: &str) {
        if let Some(file) = self.files.first_mut() {
            file.text = text.into();
            file.line_starts = OnceLock::new();
        }
    }

    /// The file `id`, if the map has it.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files with their ids, the built-in file first.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at as u32), file))
    }

    /// The path of a file; empty for an unknown id.
    pub fn path(&self, id: FileId) -> &Path {
        self.get(id).map_or(Path::new(""), |file| file.path())
    }

    /// The text of a file; empty for an unknown id.
    pub fn text(&self, id: FileId) -> &str {
        self.get(id).map_or("", |file| file.text())
    }

    /// The text that a span covers, as written.
    pub fn snippet(&self, span: Span) -> &str {
        let text = self.text(span.file);
        let end = floor_char(text, span.end as usize);
        let start = floor_char(text, span.start as usize).min(end);
        text.get(start..end).unwrap_or("")
    }

    /// Line and column of the start of `span`.
    pub fn line_column(&self, span: Span) -> LineColumn {
        self.get(span.file).map_or(LineColumn { line: 1, column: 1 }, |file| file.line_column(span.start))
    }

    /// `path:line:column` of the start of `span`.
    pub fn describe(&self, span: Span) -> String {
        format!("{}:{}", self.path(span.file).display(), self.line_column(span))
    }

    /// The chain of `#include` and `import` that led to `file`, nearest first.
    pub fn reasons(&self, file: FileId) -> Vec<Reason> {
        let mut chain = Vec::new();
        let mut at = file;
        while let Some(reason) = self.get(at).and_then(SourceFile::reason) {
            // A file is added after the one that names it; anything else would be a loop.
            if reason.span().file >= at {
                break;
            }
            chain.push(reason);
            at = reason.span().file;
        }
        chain
    }

    /// Records that `name`, defined at `definition`, takes part in what stands at `use_span`.
    pub(crate) fn record_expansion(&mut self, use_span: Span, name: String, definition: Span) {
        const KEPT: usize = 8;
        let key = (use_span.file, use_span.start);
        let entry = self.expansions.entry(key).or_insert_with(|| Expansion { use_span, macros: Vec::new() });
        let known = entry.macros.iter().any(|(_, span)| *span == definition);
        if !known && entry.macros.len() < KEPT {
            entry.macros.push((name, definition));
        }
    }

    /// The macro use whose expansion `span` comes from, if it comes from one.
    pub fn expansion(&self, span: Span) -> Option<&Expansion> {
        self.expansions.get(&(span.file, span.start)).filter(|expansion| expansion.use_span.end >= span.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let mut map = SourceMap::new();
        let id = map.add("a.idl", "a\nüß x\n", Encoding::Utf8, None);
        let place = |start| map.line_column(Span::new(id, start, start)).to_string();
        assert_eq!(place(0), "1:1");
        assert_eq!(place(2), "2:1");
        assert_eq!(place(7), "2:4");
        assert_eq!(place(9), "3:1");
        assert_eq!(place(900), "3:1");
    }

    #[test]
    fn spans_join_only_within_a_file() {
        let a = Span::new(FileId(1), 3, 5);
        assert_eq!(a.to(Span::new(FileId(1), 9, 12)), Span::new(FileId(1), 3, 12));
        assert_eq!(a.to(Span::new(FileId(2), 9, 12)), a);
    }

    #[test]
    fn snippets_survive_offsets_inside_a_character() {
        let mut map = SourceMap::new();
        let id = map.add("a.idl", "é", Encoding::Utf8, None);
        assert_eq!(map.snippet(Span::new(id, 1, 9)), "é");
    }
}

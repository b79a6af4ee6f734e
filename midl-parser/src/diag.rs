//! What the compiler has to say, and how it is shown.

mod json;
mod render;

use std::collections::HashSet;

pub use self::json::to_json;
pub use self::render::render;

use crate::source::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing can be generated.
    Error,
    /// Suspicious, but the meaning is clear.
    Warning,
    /// Information.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What stands beside the caret; may be empty.
    pub text: String,
    /// Whether this is the place of the message itself.
    pub primary: bool,
}

/// A message about one or more places of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name of the kind of message, in kebab case: `missing-semicolon`.
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub message: String,
    /// The places, the primary one usually first.
    pub labels: Vec<Label>,
    /// Facts that have no place.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A message of any severity.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), labels: Vec::new(), notes: Vec::new(), help: None }
    }

    /// An error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Adds a primary label.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a secondary label, in this file or another.
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds a note.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Sets the help.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// The place of the message: the first primary label, else the first label.
    pub fn span(&self) -> Option<Span> {
        let primary = self.labels.iter().find(|label| label.primary);
        primary.or(self.labels.first()).map(|label| label.span)
    }
}

/// Collects messages: drops repetitions, keeps a bounded number, counts all.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    seen: HashSet<(Option<Span>, &'static str, String)>,
    cap: usize,
    errors: usize,
    kept_errors: usize,
    dropped_errors: usize,
    dropped_others: usize,
}

impl Default for Diagnostics {
    fn default() -> Self {
        Self::new()
    }
}

impl Diagnostics {
    /// How many errors, and how many other messages, are kept unless said otherwise.
    pub const DEFAULT_CAP: usize = 100;

    /// A sink that keeps [`DEFAULT_CAP`](Self::DEFAULT_CAP) errors and as many other messages.
    pub fn new() -> Self {
        Self::with_cap(Self::DEFAULT_CAP)
    }

    /// A sink that keeps `cap` errors and `cap` other messages; the rest is only counted.
    pub fn with_cap(cap: usize) -> Self {
        Self {
            list: Vec::new(),
            seen: HashSet::new(),
            cap,
            errors: 0,
            kept_errors: 0,
            dropped_errors: 0,
            dropped_others: 0,
        }
    }

    /// Changes how many are kept; what was dropped before stays dropped.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
    }

    /// Adds a message, unless the same was said about the same place before.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        let kept = if is_error { self.kept_errors } else { self.list.len() - self.kept_errors };
        if kept >= self.cap {
            // Beyond the cap nothing is remembered, or a bad file would fill the memory.
            if is_error {
                self.errors += 1;
                self.dropped_errors += 1;
            } else {
                self.dropped_others += 1;
            }
            return;
        }
        let key = (diagnostic.span(), diagnostic.code, diagnostic.message.clone());
        if self.seen.insert(key) {
            self.errors += usize::from(is_error);
            self.kept_errors += usize::from(is_error);
            self.list.push(diagnostic);
        }
    }

    /// Adds several messages.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// Whether there was an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there were, those not kept included.
    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// How many errors were not kept.
    pub fn dropped_errors(&self) -> usize {
        self.dropped_errors
    }

    /// How many warnings and notes were not kept.
    pub fn dropped_others(&self) -> usize {
        self.dropped_others
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The messages in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// The messages by file and place. Files stand in the order they were first read.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut list: Vec<&Diagnostic> = self.list.iter().collect();
        list.sort_by_key(|d| d.span().map(|span| (span.file, span.start, span.end)));
        list
    }

    /// What was left out (`12 more errors`), if anything was.
    pub fn summary_of_dropped(&self) -> Option<String> {
        let plural = |n: usize, what: &str| format!("{n} more {what}{}", if n == 1 { "" } else { "s" });
        match (self.dropped_errors, self.dropped_others) {
            (0, 0) => None,
            (errors, 0) => Some(plural(errors, "error")),
            (0, others) => Some(plural(others, "warning")),
            (errors, others) => Some(format!("{} and {}", plural(errors, "error"), plural(others, "warning"))),
        }
    }

    /// All kept messages as text, sorted by place, with what was left out at the end.
    pub fn render_all(&self, sources: &crate::SourceMap, color: bool) -> String {
        let mut text = String::new();
        for diagnostic in self.sorted() {
            text.push_str(&render(sources, diagnostic, color));
            text.push('\n');
        }
        if let Some(dropped) = self.summary_of_dropped() {
            text.push_str(&format!("{dropped} not shown\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    fn at(start: u32) -> Diagnostic {
        Diagnostic::error("x", "m").label(Span::new(FileId(1), start, start + 1), "")
    }

    #[test]
    fn repetitions_are_dropped_and_places_sorted() {
        let mut sink = Diagnostics::new();
        sink.extend([at(9), at(3), at(9)]);
        assert_eq!(sink.error_count(), 2);
        let starts: Vec<_> = sink.sorted().iter().map(|d| d.span().unwrap().start).collect();
        assert_eq!(starts, [3, 9]);
    }

    #[test]
    fn the_cap_counts_what_it_drops() {
        let mut sink = Diagnostics::with_cap(2);
        sink.extend((0..5).map(at));
        assert_eq!((sink.len(), sink.error_count()), (2, 5));
        assert_eq!(sink.summary_of_dropped().as_deref(), Some("3 more errors"));
    }
}

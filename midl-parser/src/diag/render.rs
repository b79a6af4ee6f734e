//! Messages for people: the source with carets.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity};
use crate::source::{FileId, Reason, SourceFile, SourceMap, floor_char};

/// How many steps of an include or import chain are shown.
const SHOWN_CHAIN: usize = 8;

/// A message with the source it is about, as a terminal shows it.
pub fn render(sources: &SourceMap, diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    let expansion_labels = expansions(sources, diagnostic);
    let labels: Vec<&Label> = diagnostic.labels.iter().chain(&expansion_labels).collect();
    for file in files_in_order(&labels) {
        let of_file = labels.iter().copied().filter(|label| label.span.file == file);
        if let Some(source) = sources.get(file)
            && let Some(snippet) = snippet(source, of_file)
        {
            group = group.element(snippet);
        }
    }
    for note in chain_notes(sources, diagnostic) {
        group = group.element(Level::NOTE.message(note));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The files that labels are in; that of the first primary label first.
fn files_in_order(labels: &[&Label]) -> Vec<FileId> {
    let mut files = Vec::new();
    let primary = labels.iter().filter(|label| label.primary);
    for label in primary.chain(labels) {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    files
}

/// A secondary label at the definition of each macro that the primary place comes from.
fn expansions(sources: &SourceMap, diagnostic: &Diagnostic) -> Vec<Label> {
    let Some(expansion) = diagnostic.span().and_then(|span| sources.expansion(span)) else {
        return Vec::new();
    };
    let defined = expansion.macros.iter().filter(|(_, span)| span.file != FileId::BUILTIN);
    defined
        .map(|(name, span)| Label {
            span: *span,
            text: format!("in expansion of macro `{name}`, defined here"),
            primary: false,
        })
        .collect()
}

fn chain_notes(sources: &SourceMap, diagnostic: &Diagnostic) -> Vec<String> {
    let Some(span) = diagnostic.span() else {
        return Vec::new();
    };
    let chain = sources.reasons(span.file);
    let mut notes: Vec<String> = chain
        .iter()
        .take(SHOWN_CHAIN)
        .map(|reason| match reason {
            Reason::Include(span) => format!("included from {}", sources.describe(*span)),
            Reason::Import(span) => format!("imported from {}", sources.describe(*span)),
        })
        .collect();
    if chain.len() > SHOWN_CHAIN {
        notes.push(format!("and {} more files", chain.len() - SHOWN_CHAIN));
    }
    notes
}

/// The lines of one file that labels are on. Only those lines are handed to the renderer, for a
/// file can be large.
fn snippet<'a>(
    file: &'a SourceFile,
    labels: impl Iterator<Item = &'a Label>,
) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let text: &str = file.text();
    let ranges: Vec<(Range<usize>, &Label)> = labels.map(|label| (clamp(text, label), label)).collect();
    let start = ranges.iter().map(|(range, _)| range.start).min()?;
    let end = ranges.iter().map(|(range, _)| range.end).max()?;
    let first_line = file.line_index(start as u32);
    let last_line = file.line_index(end as u32);
    let window_start = file.line_start(first_line) as usize;
    let window_end = file.line_start(last_line + 1) as usize;
    let window = text.get(window_start..window_end)?;
    let annotations = ranges.into_iter().map(|(range, label)| {
        let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let local = range.start - window_start..range.end - window_start;
        kind.span(local).label((!label.text.is_empty()).then_some(label.text.as_str()))
    });
    Some(
        Snippet::source(window).line_start(first_line + 1).path(file.path().to_string_lossy()).annotations(annotations),
    )
}

/// A label's octets, moved to character boundaries inside the text. A label over many lines is
/// cut to its first, or the whole declaration would be printed.
fn clamp(text: &str, label: &Label) -> Range<usize> {
    let start = floor_char(text, label.span.start as usize);
    let mut end = floor_char(text, label.span.end as usize).max(start);
    if let Some(range) = text.get(start..end)
        && let Some(newline) = range.find('\n')
    {
        end = start + range.get(..newline).map_or(0, |line| line.trim_end().len());
    }
    start..end.max(start)
}

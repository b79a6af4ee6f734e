//! What a page of a printed document leaves in a text that was copied out of it: number, header and
//! footer.

use std::borrow::Cow;

use crate::diag::Diagnostic;
use crate::source::Span;

/// Lines between a page's number and its last line.
const MOST_LINES: usize = 12;

/// Replaces such lines by spaces, so that every other place stays what it is. The result has the
/// place of the first one, if there was one.
pub(crate) fn blank(text: &str) -> (Cow<'_, str>, Option<(u32, u32)>) {
    // Every page of Microsoft's documents has it.
    if !text.contains("Microsoft Corporation") {
        return (Cow::Borrowed(text), None);
    }
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line));
        at += line.len();
    }
    let kinds: Vec<Kind> = lines.iter().map(|(_, line)| kind(line.trim())).collect();
    let mut is_furniture = vec![false; lines.len()];
    for (index, _) in kinds.iter().enumerate().filter(|(_, kind)| **kind == Kind::Copyright) {
        mark(&kinds, index, &mut is_furniture);
    }
    let mut first = None;
    let mut out = String::with_capacity(text.len());
    for ((at, line), furniture) in lines.iter().zip(&is_furniture) {
        if !furniture {
            out.push_str(line);
            continue;
        }
        let visible = line.trim_end().len();
        if first.is_none() && visible > 0 {
            first = Some((*at as u32, (*at + visible) as u32));
        }
        // A character of several octets becomes as many spaces.
        out.extend(line.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { ' ' }));
    }
    (Cow::Owned(out), first)
}

pub(crate) fn warning(at: Span) -> Diagnostic {
    Diagnostic::warning("page-furniture", "headers and footers of pages are in the text")
        .label(at, "ignored, here and elsewhere")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    /// `[MS-FSRVP] - v20160714`
    Header,
    /// `Copyright © 2016 Microsoft Corporation`
    Copyright,
    /// `Release: July 14, 2016`
    Release,
    /// `33 / 40`
    Number,
    /// No sign of a declaration: the document's title perhaps.
    Prose,
    Other,
}

fn kind(line: &str) -> Kind {
    if line.is_empty() {
        return Kind::Blank;
    }
    let lower = line.to_ascii_lowercase();
    if lower.starts_with("copyright") && lower.ends_with("microsoft corporation") {
        return Kind::Copyright;
    }
    if lower.starts_with("release:") {
        return Kind::Release;
    }
    if let Some(rest) = line.strip_prefix("[M")
        && let Some((name, rest)) = rest.split_once(']')
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
        && !rest.contains([';', '(', '{'])
    {
        return Kind::Header;
    }
    let mut numbers = line.split('/').map(str::trim);
    if numbers.clone().count() <= 2 && numbers.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    {
        return Kind::Number;
    }
    let prose = line.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | ':' | '.' | '/' | '&' | '+'));
    if prose && line.contains(' ') { Kind::Prose } else { Kind::Other }
}

/// Marks the lines around a copyright line that belong to the same page's end: what is before it up
/// to the header, the number before that, and the date behind it.
fn mark(kinds: &[Kind], copyright: usize, marks: &mut [bool]) {
    let kind = |index: usize| kinds.get(index).copied().unwrap_or(Kind::Other);
    let mut start = copyright;
    let mut seen_header = false;
    for index in (copyright.saturating_sub(MOST_LINES)..copyright).rev() {
        match kind(index) {
            Kind::Header if !seen_header => {
                seen_header = true;
                start = index;
            }
            Kind::Number if seen_header => {
                start = index;
                break;
            }
            Kind::Prose if !seen_header => {}
            Kind::Blank => {}
            _ => break,
        }
    }
    let mut end = copyright;
    for index in copyright + 1..(copyright + MOST_LINES).min(kinds.len()) {
        match kind(index) {
            Kind::Release | Kind::Number => end = index,
            Kind::Blank => {}
            _ => break,
        }
    }
    for mark in marks.iter_mut().take(end + 1).skip(start) {
        *mark = true;
    }
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn a_page_end_is_blanked_and_nothing_around_it() {
        let text = "long a;\n\n33 / 40\n\n[MS-XXXX] - v20160714\nSome Protocol\n\
                    Copyright \u{a9} 2016 Microsoft Corporation\nRelease: July 14, 2016\nlong b;\n";
        let (blanked, first) = blank(text);
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), ["long", "a;", "long", "b;"]);
        assert_eq!(first.map(|(start, _)| text.get(start as usize..start as usize + 2)), Some(Some("33")));
    }

    #[test]
    fn a_comment_with_a_copyright_is_left_alone() {
        let text = "// Copyright (c) Microsoft Corporation\n/*\n * Copyright 2003 Microsoft Corporation\n */\nx\n";
        assert_eq!(blank(text), (text.into(), None));
    }

    #[test]
    fn what_is_before_a_copyright_line_alone_stays() {
        let text = "long a;\ntypedef long b\nCopyright 2003 Microsoft Corporation\n";
        let (blanked, _) = blank(text);
        assert_eq!(blanked.trim_end(), "long a;\ntypedef long b");
    }
}

//! Messages for editors: one JSON object in one line.

use std::fmt::Write as _;

use super::{Diagnostic, Label};
use crate::source::{Reason, SourceMap, Span};

/// A message as one line of JSON.
///
/// The object has `severity`, `code`, `message`, `labels`, `notes`, `help` (or null) and
/// `included_from`. A label has `file`, `start` and `end` (octets of the stored file), `line`,
/// `column`, `end_line`, `end_column` (from 1, in characters), `text` and `primary`.
pub fn to_json(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    out.push_str("{\"severity\":");
    string(&mut out, diagnostic.severity.as_str());
    out.push_str(",\"code\":");
    string(&mut out, diagnostic.code);
    out.push_str(",\"message\":");
    string(&mut out, &diagnostic.message);
    out.push_str(",\"labels\":");
    list(&mut out, &diagnostic.labels, |out, item| label(out, sources, item));
    out.push_str(",\"notes\":");
    list(&mut out, &diagnostic.notes, |out, note| string(out, note));
    out.push_str(",\"help\":");
    match &diagnostic.help {
        Some(help) => string(&mut out, help),
        None => out.push_str("null"),
    }
    out.push_str(",\"included_from\":");
    let chain = diagnostic.span().map(|span| sources.reasons(span.file)).unwrap_or_default();
    list(&mut out, &chain, |out, reason| {
        let kind = match reason {
            Reason::Include(_) => "include",
            Reason::Import(_) => "import",
        };
        let _ = write!(out, "{{\"kind\":\"{kind}\",");
        place(out, sources, reason.span());
        out.push('}');
    });
    out.push('}');
    out
}

fn label(out: &mut String, sources: &SourceMap, label: &Label) {
    out.push('{');
    place(out, sources, label.span);
    out.push_str(",\"text\":");
    string(out, &label.text);
    let _ = write!(out, ",\"primary\":{}}}", label.primary);
}

fn place(out: &mut String, sources: &SourceMap, span: Span) {
    out.push_str("\"file\":");
    string(out, &sources.path(span.file).to_string_lossy());
    let original = |offset| sources.get(span.file).map_or(0, |file| file.original_offset(offset));
    let start = sources.line_column(span);
    let end = sources.line_column(span.at_end());
    let _ = write!(
        out,
        ",\"start\":{},\"end\":{},\"line\":{},\"column\":{},\"end_line\":{},\"end_column\":{}",
        original(span.start),
        original(span.end),
        start.line,
        start.column,
        end.line,
        end.column,
    );
}

fn list<T>(out: &mut String, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || matches!(c, '\u{2028}' | '\u{2029}' | '\u{7f}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Encoding;

    #[test]
    fn escapes_and_places() {
        let mut map = SourceMap::new();
        let id = map.add("a\"b.idl", "x\n\ty", Encoding::Utf8, None);
        let d = Diagnostic::error("bad-thing", "tab\there").label(Span::new(id, 3, 4), "\u{1}").help("do");
        assert_eq!(
            to_json(&map, &d),
            "{\"severity\":\"error\",\"code\":\"bad-thing\",\"message\":\"tab\\there\",\"labels\":\
             [{\"file\":\"a\\\"b.idl\",\"start\":3,\"end\":4,\"line\":2,\"column\":2,\"end_line\":2,\
             \"end_column\":3,\"text\":\"\\u0001\",\"primary\":true}],\"notes\":[],\"help\":\"do\",\
             \"included_from\":[]}"
        );
    }
}

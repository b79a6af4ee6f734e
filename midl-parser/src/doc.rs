//! Documentation comments.

/// Documentation that waits for the declaration it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    text: String,
    is_line: bool,
    /// Line ends since the last line of it.
    newlines: u32,
}

impl Pending {
    pub(crate) fn line(text: &str) -> Self {
        Self { text: text.to_owned(), is_line: true, newlines: 0 }
    }

    pub(crate) fn block(text: String) -> Self {
        Self { text, is_line: false, newlines: 0 }
    }

    /// Another `///` line: goes on with the run, or begins a new one after a blank line.
    pub(crate) fn push_line(&mut self, text: &str) {
        if self.is_line && self.newlines <= 1 {
            self.text.push('\n');
            self.text.push_str(text);
            self.newlines = 0;
        } else {
            *self = Self::line(text);
        }
    }

    pub(crate) fn newline(&mut self) {
        self.newlines += 1;
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// The text of a `///` comment. `////` is a ruler, `///<` belongs to what stands before it.
pub(crate) fn outer_line(comment: &str) -> Option<&str> {
    let text = comment.strip_prefix("///")?;
    (!text.starts_with(['/', '<'])).then(|| tidy(text))
}

/// The text of a `//!` comment.
pub(crate) fn inner_line(comment: &str) -> Option<&str> {
    comment.strip_prefix("//!").map(tidy)
}

fn tidy(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text).trim_end()
}

/// The text of a `/** … */` comment from what stands between `/*` and `*/`, if it is one.
pub(crate) fn block(comment: &str) -> Option<String> {
    let text = comment.strip_prefix('*')?;
    if text.is_empty() || text.starts_with(['*', '/', '<']) {
        return None;
    }
    // Behind a star the text of all lines begins in one column; without stars likewise.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let starred = lines.iter().skip(1).all(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with('*')
    });
    let rest =
        lines.iter().skip(1).map(|line| if starred { line.trim_start().strip_prefix('*').unwrap_or("") } else { line });
    let rest: Vec<&str> = rest.collect();
    let indent = rest
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let first = lines.first().map_or("", |line| line.trim());
    let mut result: Vec<&str> = vec![first];
    result.extend(rest.iter().map(|line| line.get(indent..).unwrap_or("")));
    let start = result.iter().position(|line| !line.trim().is_empty())?;
    let end = result.iter().rposition(|line| !line.trim().is_empty())?;
    Some(result.get(start..=end)?.join("\n"))
}

/// Whether `text`, which follows a comment, has an empty line before anything else.
pub(crate) fn blank_line_follows(text: &str) -> bool {
    let blank = text.len() - text.trim_start().len();
    text.get(..blank).is_some_and(|blank| blank.matches('\n').count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_markers_are_stripped() {
        assert_eq!(block("* One.\n * Two\n *   three\n ").as_deref(), Some("One.\nTwo\n  three"));
        assert_eq!(block("*\n   a\n     b\n").as_deref(), Some("a\n  b"));
        assert_eq!(block("* short "), Some("short".to_owned()));
        assert_eq!(block("** ruler **"), None);
        assert_eq!(block("* "), None);
        assert_eq!(block(" plain "), None);
    }

    #[test]
    fn line_runs_end_at_blank_lines() {
        let mut doc = Pending::line("a");
        doc.newline();
        doc.push_line("b");
        doc.newline();
        doc.newline();
        doc.push_line("c");
        assert_eq!(doc.into_text(), "c");
    }
}

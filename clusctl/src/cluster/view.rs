//! Facts about one thing, a line each.

/// Names and values in two columns; an empty value is a dash.
pub(super) fn fields(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = rows.iter().map(|(name, value)| {
        // What a stranger wrote goes to a terminal.
        let value = value.replace(char::is_control, "\u{fffd}");
        format!("{name:width$}  {}", if value.is_empty() { "-" } else { &value })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a stranger wrote, on one line of a terminal.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

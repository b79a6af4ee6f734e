//! Blank lines between items, which `prettyplease` leaves out.

/// Puts a blank line behind each item that ends in a brace and has a neighbour.
pub(super) fn space_items(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + text.len() / 32);
    // For each open brace, whether it belongs to an item.
    let mut open: Vec<bool> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        spaced.push_str(line);
        spaced.push('\n');
        let trimmed = line.trim();
        if trimmed.starts_with("//") {
            continue;
        }
        let mut ended = false;
        if trimmed.starts_with('}') {
            ended = open.pop().unwrap_or_default() && trimmed == "}";
        }
        if trimmed.ends_with('{') {
            open.push(opens_item(trimmed));
        }
        // Items on one line: `pub enum HresRpc {}`.
        ended |= trimmed.ends_with("{}") && opens_item(trimmed) && !trimmed.starts_with(')');
        let next = lines.peek().map(|next| next.trim()).unwrap_or("}");
        let inside_item = open.last().copied().unwrap_or(true);
        let new_group = trimmed.ends_with(';') && (next.starts_with("///") || next.starts_with("#[")) && inside_item;
        if (ended || new_group) && !next.starts_with('}') && !next.is_empty() {
            spaced.push('\n');
        }
    }
    spaced
}

/// Whether a line that opens a brace opens an item: by its first word, or as the end of a signature.
fn opens_item(line: &str) -> bool {
    const WORDS: [&str; 9] = ["pub", "fn", "impl", "impl<T:", "impl<C:", "impl<T>", "enum", "mod", "unsafe"];
    let first = line.split_whitespace().next().unwrap_or_default();
    WORDS.iter().any(|word| first == *word || first.starts_with("pub("))
        || line.starts_with(") -> ")
        || line.starts_with('>')
}

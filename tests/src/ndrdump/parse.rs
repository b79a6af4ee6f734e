//! From printed lines to a [`Decoded`].

use std::iter::Peekable;
use std::vec::IntoIter;

use thiserror::Error;

use super::tree::{Decoded, Node, Tree};

/// The text is not what the printer is known to print.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("cannot read the decoder's output: {0}")]
pub struct Malformed(pub String);

/// A line without its indentation, and how deep it stood.
struct Line {
    depth: usize,
    text: String,
}

type Lines = Peekable<IntoIter<Line>>;

/// Reads what `ndrdump` prints.
///
/// # Errors
/// If it is not a dump. A string with line breaks in it may confuse the reader: `ndrdump`
/// does not escape them.
pub fn parse_ndrdump(text: &str) -> Result<Decoded, Malformed> {
    let mut lines: Vec<Line> = Vec::new();
    let mut unread = 0;
    for raw in text.split('\n') {
        if let Some(open) = lines.last_mut().filter(|line| open_string(&line.text)) {
            open.text.push('\n');
            open.text.push_str(raw);
            continue;
        }
        let bare = raw.trim_start_matches(' ');
        if let Some(count) = bare.strip_prefix("WARNING! ").and_then(|rest| rest.strip_suffix(" unread bytes")) {
            unread = count.parse().map_err(|_| Malformed(raw.to_owned()))?;
        } else if bare.len() < raw.len() && !bare.is_empty() {
            lines.push(Line { depth: (raw.len() - bare.len()) / 4, text: bare.to_owned() });
        }
    }
    decoded(lines, unread, None)
}

/// Reads the body of an answer of `ndrd`: each line a depth, a blank, an escaped text.
///
/// # Errors
/// If it is not such a body.
pub fn parse_ndrd(body: &str, unread: usize, encoded: Option<Vec<u8>>) -> Result<Decoded, Malformed> {
    let lines = body
        .lines()
        .map(|raw| {
            let (depth, text) = raw.split_once(' ').ok_or_else(|| Malformed(raw.to_owned()))?;
            let depth = depth.parse().map_err(|_| Malformed(raw.to_owned()))?;
            Ok(Line { depth, text: unescape(text) })
        })
        .collect::<Result<Vec<_>, Malformed>>()?;
    decoded(lines, unread, encoded)
}

fn decoded(lines: Vec<Line>, unread: usize, encoded: Option<Vec<u8>>) -> Result<Decoded, Malformed> {
    let mut roots = nodes(&mut lines.into_iter().peekable(), 0)?.into_iter();
    let (Some(Node { name: function, value: Tree::Struct(sides) }), None) = (roots.next(), roots.next()) else {
        return Err(Malformed("no single operation".to_owned()));
    };
    match sides.into_iter().next() {
        Some(Node { value: Tree::Struct(fields), .. }) => Ok(Decoded { function, fields, unread, encoded }),
        _ => Err(Malformed(format!("{function} has no `in` and no `out`"))),
    }
}

/// The nodes that stand at `depth` or deeper, until one stands higher.
fn nodes(lines: &mut Lines, depth: usize) -> Result<Vec<Node>, Malformed> {
    let mut nodes = Vec::new();
    while let Some(line) = lines.next_if(|line| line.depth >= depth) {
        nodes.push(node(line, lines)?);
    }
    Ok(nodes)
}

fn node(line: Line, lines: &mut Lines) -> Result<Node, Malformed> {
    if line.text == "UNEXPECTED NULL POINTER" {
        return Ok(Node { name: String::new(), value: Tree::Null });
    }
    let (name, value) = line.text.split_once(':').ok_or_else(|| Malformed(line.text.clone()))?;
    let value = value.strip_prefix(' ').unwrap_or(value);
    let inner = line.depth + 1;
    let value = if value.starts_with("struct ") {
        Tree::Struct(nodes(lines, inner)?)
    } else if value == "*" {
        Tree::Pointer(nodes(lines, inner)?)
    } else if value.starts_with("ARRAY(") {
        Tree::Array(nodes(lines, inner)?)
    } else if let Some(case) = value.strip_prefix("union ").and_then(case) {
        Tree::Union(case)
    } else {
        // Below a bitmap stand the names of its bits: nothing new.
        nodes(lines, inner)?;
        leaf(value)
    };
    Ok(Node { name: name.trim_end().to_owned(), value })
}

fn leaf(value: &str) -> Tree {
    if value == "NULL" {
        return Tree::Null;
    }
    if let Some(text) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Tree::Text(text.to_owned());
    }
    if let Some(code) = value.strip_prefix("DOS code 0x").and_then(|hex| i128::from_str_radix(hex, 16).ok()) {
        return Tree::Number(code, 32);
    }
    if let Some(number) = number(value) {
        return number;
    }
    if let Ok(uuid) = value.parse() {
        return Tree::Uuid(uuid);
    }
    Tree::Word(value.to_owned())
}

/// `0x00000005 (5)`, `REG_BINARY (3)`, `-1`.
fn number(value: &str) -> Option<Tree> {
    if let Ok(number) = value.parse() {
        return Some(Tree::Number(number, 32));
    }
    let (shown, decimal) = value.strip_suffix(')')?.rsplit_once(" (")?;
    let decimal = decimal.parse().ok()?;
    let bits = match shown.strip_prefix("0x") {
        Some(hex) => 4 * u32::try_from(hex.len()).ok()?,
        None => 32,
    };
    Some(Tree::Number(decimal, bits))
}

/// `fssagent_share_mapping(case 1)`.
fn case(value: &str) -> Option<i128> {
    let (_, case) = value.strip_suffix(')')?.rsplit_once("(case ")?;
    case.parse().ok()
}

fn open_string(text: &str) -> bool {
    let value = text.split_once(": ").map_or("", |(_, value)| value);
    value.starts_with('\'') && (value.len() < 2 || !value.ends_with('\''))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
    }
    plain
}

//! Octets to text.
//!
//! Documents and SDK headers come as UTF-8, as UTF-16 with a byte order mark, or in some Windows
//! code page. What is not UTF-8 is read as Latin-1: that never fails and keeps every octet.

/// How a file was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// Not UTF-8: each octet is the character of the same number.
    Latin1,
    /// UTF-16, little-endian, with a byte order mark.
    Utf16Le,
    /// UTF-16, big-endian, with a byte order mark.
    Utf16Be,
}

impl Encoding {
    /// Where the character at `offset` of the decoded `text` stands in the stored file.
    pub(crate) fn original_offset(self, text: &str, offset: usize) -> u64 {
        let before = || text.char_indices().take_while(move |(at, _)| *at < offset).map(|(_, c)| c);
        match self {
            Self::Utf8 => offset as u64,
            Self::Utf8Bom => offset as u64 + 3,
            Self::Latin1 => before().count() as u64,
            Self::Utf16Le | Self::Utf16Be => 2 + before().map(|c| 2 * c.len_utf16() as u64).sum::<u64>(),
        }
    }
}

/// Decodes a file.
pub(crate) fn decode(bytes: Vec<u8>) -> (String, Encoding) {
    let (text, encoding) = decode_as_stored(bytes);
    (end_lines(text), encoding)
}

/// A carriage return alone ends a line too, in files of old systems. Offsets stay what they are.
fn end_lines(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let alone = c == '\r' && chars.peek() != Some(&'\n');
        out.push(if alone { '\n' } else { c });
    }
    out
}

fn decode_as_stored(bytes: Vec<u8>) -> (String, Encoding) {
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes), Encoding::Utf16Le),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes), Encoding::Utf16Be),
        [0xEF, 0xBB, 0xBF, rest @ ..] => match std::str::from_utf8(rest) {
            Ok(text) => (text.to_owned(), Encoding::Utf8Bom),
            Err(_) => (latin1(&bytes), Encoding::Latin1),
        },
        _ => match String::from_utf8(bytes) {
            Ok(text) => (text, Encoding::Utf8),
            Err(error) => (latin1(error.as_bytes()), Encoding::Latin1),
        },
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        _ => 0,
    });
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_offsets_count_octets() {
        let (text, encoding) = decode(b"\x93x\xFC y".to_vec());
        assert_eq!(encoding, Encoding::Latin1);
        let y = text.find('y').unwrap();
        assert_eq!(encoding.original_offset(&text, y), 4);
    }

    #[test]
    fn utf16_with_mark() {
        let (text, encoding) = decode(vec![0xFF, 0xFE, b'a', 0, 0xE4, 0, b'b', 0]);
        assert_eq!((text.as_str(), encoding), ("aäb", Encoding::Utf16Le));
        assert_eq!(encoding.original_offset(&text, 3), 6);
        assert_eq!(decode(vec![0xFE, 0xFF, 0, b'z']).0, "z");
    }

    #[test]
    fn a_carriage_return_alone_ends_a_line() {
        assert_eq!(decode(b"a\rb\r\nc\r".to_vec()).0, "a\nb\r\nc\n");
    }

    #[test]
    fn utf8_mark_is_dropped() {
        assert_eq!(decode(b"\xEF\xBB\xBFx".to_vec()), ("x".into(), Encoding::Utf8Bom));
    }
}

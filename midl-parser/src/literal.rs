//! Values of literals.

/// The value of an integer literal and whether it has an unsigned suffix.
pub(crate) fn integer(text: &str) -> Result<(u64, bool), IntegerError> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_str() {
        t if t.starts_with("0x") => (t.get(2..).unwrap_or(""), 16),
        t if t.starts_with("0b") => (t.get(2..).unwrap_or(""), 2),
        t if t.len() > 1 && t.starts_with('0') => (t.get(1..).unwrap_or(""), 8),
        t => (t, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (number, suffix) = digits.split_at_checked(end).unwrap_or((digits, ""));
    // `0L`: the leading zero was taken for the mark of an octal number.
    let number = if number.is_empty() && radix == 8 { "0" } else { number };
    let unsigned = match suffix {
        "" | "l" | "ll" | "i8" | "i16" | "i32" | "i64" => false,
        "u" | "ul" | "lu" | "ull" | "llu" | "ui8" | "ui16" | "ui32" | "ui64" => true,
        _ => return Err(IntegerError::Malformed),
    };
    match u64::from_str_radix(number, radix) {
        Ok(value) => Ok((value, unsigned)),
        Err(_) if number.is_empty() => Err(IntegerError::Malformed),
        Err(_) => Err(IntegerError::TooLarge),
    }
}

/// Why a number is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntegerError {
    Malformed,
    TooLarge,
}

/// Whether a number is a floating-point literal.
pub(crate) fn is_float(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return is_hexadecimal_float(digits);
    }
    let body = text.trim_end_matches(['f', 'F', 'l', 'L']);
    body.contains(['.', 'e', 'E']) && body.parse::<f64>().is_ok()
}

/// `1.8p3`, `fp-2L`: an exponent is what tells it from an integer.
fn is_hexadecimal_float(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['p', 'P']) else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let exponent = exponent.trim_end_matches(['f', 'F', 'l', 'L']);
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let some = !(exponent.is_empty() || whole.is_empty() && fraction.is_empty());
    some && digits(whole) && digits(fraction) && exponent.bytes().all(|b| b.is_ascii_digit())
}

/// Resolves the escapes in the inside of a literal. `Err` has the first unknown escape.
///
/// An unknown escape stays as it is written: endpoints are printed as `\pipe\name` as well as
/// `\\pipe\\name`.
pub(crate) fn unescape(text: &str) -> (String, Option<char>) {
    if !text.contains('\\') {
        return (text.to_owned(), None);
    }
    let mut out = String::with_capacity(text.len());
    let mut unknown = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escape) = chars.next() else {
            out.push('\\');
            break;
        };
        match escape {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{C}'),
            'v' => out.push('\u{B}'),
            '\\' | '"' | '\'' | '?' => out.push(escape),
            'x' => {
                let mut value = 0u32;
                let mut any = false;
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(16)) {
                    value = value.wrapping_mul(16).wrapping_add(digit);
                    any = true;
                    chars.next();
                }
                if any {
                    out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
                } else {
                    unknown = unknown.or(Some('x'));
                    out.push_str("\\x");
                }
            }
            '0'..='7' => {
                let mut value = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    chars.next();
                }
                out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => {
                unknown = unknown.or(Some(other));
                out.push('\\');
                out.push(other);
            }
        }
    }
    (out, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(integer("0"), Ok((0, false)));
        assert_eq!(integer("0L"), Ok((0, false)));
        assert_eq!(integer("0x7FFFFFFFul"), Ok((0x7FFF_FFFF, true)));
        assert_eq!(integer("010"), Ok((8, false)));
        assert_eq!(integer("18446744073709551615ULL"), Ok((u64::MAX, true)));
        assert_eq!(integer("18446744073709551616"), Err(IntegerError::TooLarge));
        assert_eq!(integer("12ab"), Err(IntegerError::Malformed));
        assert_eq!(integer("0x"), Err(IntegerError::Malformed));
        assert_eq!(integer("09"), Err(IntegerError::Malformed));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\n\x41\101\0"), ("a\nAA\0".to_owned(), None));
        assert_eq!(unescape(r"\pipe\\x"), (r"\pipe\x".to_owned(), Some('p')));
        assert_eq!(unescape("\\"), ("\\".to_owned(), None));
    }

    #[test]
    fn floats() {
        assert!(is_float("1.0") && is_float("1e-3") && is_float(".5f"));
        assert!(is_float("0x1.8p3") && is_float("0X.8P-1f") && !is_float("0xp1") && !is_float("0x1.8"));
        assert!(!is_float("1") && !is_float("0x1e3") && !is_float("1.0.0"));
    }
}

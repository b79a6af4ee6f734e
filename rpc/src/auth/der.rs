//! The part of DER that SPNEGO needs: definite lengths in their shortest form, one-octet tags.

use super::AuthError;

/// Universal and context tags.
pub(super) mod tag {
    pub(in crate::auth) const OCTET_STRING: u8 = 0x04;
    pub(in crate::auth) const OID: u8 = 0x06;
    pub(in crate::auth) const ENUMERATED: u8 = 0x0a;
    pub(in crate::auth) const GENERAL_STRING: u8 = 0x1b;
    pub(in crate::auth) const SEQUENCE: u8 = 0x30;
    /// `[APPLICATION 0]`, constructed: the GSS-API's initial token.
    pub(in crate::auth) const APPLICATION: u8 = 0x60;

    /// `[n]`, explicit.
    pub(in crate::auth) const fn context(n: u8) -> u8 {
        0xa0 | n
    }
}

/// An element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// Reads elements one after the other.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The next element; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, AuthError> {
        let Some((&tag, after_tag)) = self.rest.split_first() else { return Ok(None) };
        if tag & 0x1f == 0x1f {
            return Err(malformed("a tag of several octets"));
        }
        let (length, after_length) = read_length(after_tag)?;
        let (content, rest) =
            after_length.split_at_checked(length).ok_or_else(|| malformed("an element goes beyond the end"))?;
        self.rest = rest;
        Ok(Some(Element { tag, content }))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8, what: &str) -> Result<&'a [u8], AuthError> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element.content),
            _ => Err(malformed(what)),
        }
    }

    /// That there is nothing more.
    pub(super) fn end(&self, what: &str) -> Result<(), AuthError> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed(what)) }
    }
}

/// The content of a single element that fills all octets.
pub(super) fn only<'a>(octets: &'a [u8], tag: u8, what: &str) -> Result<&'a [u8], AuthError> {
    let mut reader = Reader::new(octets);
    let content = reader.expect(tag, what)?;
    reader.end(what)?;
    Ok(content)
}

fn read_length(octets: &[u8]) -> Result<(usize, &[u8]), AuthError> {
    let short = || malformed("a length is cut off");
    let (&first, rest) = octets.split_first().ok_or_else(short)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(malformed("an indefinite or huge length"));
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or_else(short)?;
    let length = digits.iter().fold(0_usize, |length, &digit| length << 8 | usize::from(digit));
    if length < 0x80 || digits.first() == Some(&0) {
        return Err(malformed("a length is not in its shortest form"));
    }
    Ok((length, rest))
}

/// Appends an element.
pub(super) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let digits = length.to_be_bytes();
            let digits = digits.iter().copied().skip_while(|&digit| digit == 0);
            out.push(0x80 | u8::try_from(digits.clone().count()).unwrap_or(8));
            out.extend(digits);
        }
    }
    out.extend_from_slice(content);
}

/// An element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put(&mut out, tag, content);
    out
}

pub(super) fn malformed(what: &str) -> AuthError {
    AuthError::Malformed(format!("SPNEGO: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_both_ways() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![7; length];
            let octets = element(tag::OCTET_STRING, &content);
            assert_eq!(only(&octets, tag::OCTET_STRING, "").unwrap(), content);
            let mut reader = Reader::new(&octets);
            assert_eq!(reader.next().unwrap().unwrap().content, content);
            assert!(reader.next().unwrap().is_none());
        }
    }

    #[test]
    fn what_is_not_der_is_refused() {
        let bad: [&[u8]; 8] = [
            &[0x04],
            &[0x04, 0x02, 0x00],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0x01, 0x00],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
        ];
        for octets in bad {
            assert!(Reader::new(octets).next().is_err(), "{octets:02x?}");
        }
    }
}

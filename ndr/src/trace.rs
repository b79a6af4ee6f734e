//! Messages in the log, at level trace. Nothing is computed while nobody listens.

use std::fmt::{self, Debug, Write as _};

/// Characters of a message that are written.
const LIMIT: usize = 4096;

/// Writes a request or a response to the log.
#[inline]
pub(crate) fn trace(what: &'static str, message: &dyn Debug) {
    if tracing::level_enabled!(tracing::Level::TRACE) {
        write(what, message);
    }
}

#[cold]
fn write(what: &'static str, message: &dyn Debug) {
    tracing::trace!(message = format_args!("{what}: {}", Bounded(message)));
}

/// A message of which no more is written than fits.
struct Bounded<'a>(&'a dyn Debug);

impl fmt::Display for Bounded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = Rest { f, left: LIMIT };
        match write!(rest, "{:?}", self.0) {
            Err(_) if rest.left == 0 => f.write_str(" …"),
            written => written,
        }
    }
}

/// Fails once there is no room.
struct Rest<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl fmt::Write for Rest<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.floor_char_boundary(self.left);
        let (fits, beyond) = text.split_at(end);
        self.left = if beyond.is_empty() { self.left - end } else { 0 };
        self.f.write_str(fits)?;
        if beyond.is_empty() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(Bounded(&"short").to_string(), "\"short\"");
        let text = Bounded(&vec!["ö"; 10_000]).to_string();
        assert!(text.len() <= LIMIT + 4 && text.ends_with(" …"), "{} {}", text.len(), &text[text.len() - 20..]);
    }
}

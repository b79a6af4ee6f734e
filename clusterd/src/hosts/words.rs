//! Command lines without a shell.

/// Splits a command line into words: at white space, but not within quotes. Within `'…'` everything
/// is as it stands; within `"…"` a backslash takes the meaning from `"` and `\`, and outside of
/// quotes from anything. Nothing else means anything: there are no variables, patterns or pipes.
/// `None` if a quote is not closed or a backslash is at the end.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match character {
            '\'' => loop {
                match rest.next()? {
                    '\'' => break,
                    other => word.push(other),
                }
            },
            '"' => loop {
                match rest.next()? {
                    '"' => break,
                    '\\' => match rest.next()? {
                        escaped @ ('"' | '\\') => word.push(escaped),
                        other => word.extend(['\\', other]),
                    },
                    other => word.push(other),
                }
            },
            '\\' => word.push(rest.next()?),
            other => word.push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_end_at_white_space_outside_of_quotes() {
        for (line, expected) in [
            ("", &[][..]),
            ("  a\tb ", &["a", "b"]),
            (r#"/bin/sh -c 'echo "$x"; exit 3'"#, &["/bin/sh", "-c", "echo \"$x\"; exit 3"]),
            (r#"a"b c"d "" ''"#, &["ab cd", "", ""]),
            (r#""a\"b\\c\d" e\ f \'"#, &["a\"b\\c\\d", "e f", "'"]),
            ("a | b > *", &["a", "|", "b", ">", "*"]),
        ] {
            assert_eq!(split(line).as_deref(), Some(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]));
        }
    }

    #[test]
    fn what_is_not_closed_is_no_command_line() {
        for line in ["'a", "\"a", "\"a\\\"", "a\\", "\"\\"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}

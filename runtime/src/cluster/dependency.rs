//! Dependency expressions (\[MS-CMRP\] 3.1.4.2.109): "ands of ors" of resources in brackets.

use std::fmt;

/// How long an expression may be, in bytes of UTF-8.
const MAX_LENGTH: usize = 1 << 20;

/// What a resource depends on: of each set at least one has to be online (\[MS-CMRP\]
/// 3.1.1.1.2.2). A set of one is a simple dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expression<R = String> {
    /// The sets of providers, none of them empty.
    pub sets: Vec<Vec<R>>,
}

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It does not follow the grammar.
    #[error("at character {at} of the dependency expression: {expected} is expected")]
    Syntax {
        /// Where, counted from 0.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// It is longer than any that makes sense.
    #[error("a dependency expression has {0} bytes; it may have {MAX_LENGTH}")]
    TooLong(usize),
}

impl Expression {
    /// Parses an expression; the empty one depends on nothing.
    ///
    /// Beside the document's grammar, resources without parentheses may stand first in an `and`,
    /// as Windows itself prints them.
    ///
    /// # Errors
    ///
    /// Fails where it does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LENGTH {
            return Err(ExpressionError::TooLong(text.len()));
        }
        let mut parser = Parser { text, at: 0 };
        parser.blanks();
        if parser.rest().is_empty() {
            return Ok(Self::default());
        }
        let mut sets = Vec::new();
        loop {
            if parser.symbol('(') {
                sets.push(parser.alternatives()?);
                if !parser.symbol(')') {
                    return parser.expected("\"or\" or a closing parenthesis");
                }
            } else {
                let first = parser.resource()?;
                // "a or b" without parentheses is a whole expression.
                if sets.is_empty() && parser.word("or") {
                    let mut set = vec![first];
                    set.extend(parser.alternatives()?);
                    sets.push(set);
                    break;
                }
                sets.push(vec![first]);
            }
            if !parser.word("and") {
                break;
            }
        }
        if parser.rest().is_empty() { Ok(Self { sets }) } else { parser.expected("\"and\" or the end") }
    }
}

impl Expression {
    /// Parses an expression of groups or group sets (\[MS-CMRP\] 3.1.4.2.157 and 3.1.4.2.159): only
    /// "and", and parentheses or braces that change nothing.
    ///
    /// # Errors
    ///
    /// Fails where it does not follow the grammar.
    pub fn parse_conjunction(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LENGTH {
            return Err(ExpressionError::TooLong(text.len()));
        }
        let mut parser = Parser { text, at: 0 };
        parser.blanks();
        let mut sets = Vec::new();
        let mut open = Vec::new();
        while !(sets.is_empty() && open.is_empty() && parser.rest().is_empty()) {
            while let Some(close) = parser.opening() {
                open.push(close);
            }
            sets.push(vec![parser.resource()?]);
            while let Some(close) = open.pop() {
                if !parser.symbol(close) {
                    open.push(close);
                    break;
                }
            }
            if !parser.word("and") {
                break;
            }
        }
        let ended = open.is_empty() && parser.rest().is_empty();
        if ended { Ok(Self { sets }) } else { parser.expected("\"and\", a closing parenthesis or the end") }
    }
}

impl<R> Expression<R> {
    /// Whether it depends on nothing.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// All resources in it.
    pub fn resources(&self) -> impl Iterator<Item = &R> {
        self.sets.iter().flatten()
    }

    /// The same with other names of the resources.
    ///
    /// # Errors
    ///
    /// The first that the function gives.
    pub fn try_map<S, E>(&self, mut function: impl FnMut(&R) -> Result<S, E>) -> Result<Expression<S>, E> {
        let sets = self.sets.iter().map(|set| set.iter().map(&mut function).collect()).collect::<Result<_, E>>()?;
        Ok(Expression { sets })
    }

    /// Whether it holds, by which resources are online.
    pub fn holds(&self, mut online: impl FnMut(&R) -> bool) -> bool {
        self.sets.iter().all(|set| set.iter().any(&mut online))
    }
}

impl<R: fmt::Display> fmt::Display for Expression<R> {
    /// In the grammar that `parse` reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, set) in self.sets.iter().enumerate() {
            f.write_str(if index == 0 { "(" } else { " and (" })?;
            for (index, resource) in set.iter().enumerate() {
                write!(f, "{}[{resource}]", if index == 0 { "" } else { " or " })?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
            self.blanks();
        }
        found
    }

    /// An opening parenthesis or brace, as the one that closes it.
    fn opening(&mut self) -> Option<char> {
        [('(', ')'), ('{', '}')].into_iter().find(|(open, _)| self.symbol(*open)).map(|(_, close)| close)
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest.get(word.len()..).is_some_and(|after| after.starts_with(char::is_alphanumeric));
        if found {
            self.at += word.len();
            self.blanks();
        }
        found
    }

    fn resource(&mut self) -> Result<String, ExpressionError> {
        if !self.rest().starts_with('[') {
            return self.expected("a resource in brackets");
        }
        let Some(length) = self.rest().find(']') else { return self.expected("a closing bracket") };
        let name = self.rest().get(1..length).unwrap_or_default();
        if name.trim().is_empty() {
            return self.expected("the name or ID of a resource");
        }
        self.at += length + 1;
        self.blanks();
        Ok(name.to_owned())
    }

    fn alternatives(&mut self) -> Result<Vec<String>, ExpressionError> {
        let mut set = vec![self.resource()?];
        while self.word("or") {
            set.push(self.resource()?);
        }
        Ok(set)
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, ExpressionError> {
        let at = self.text.get(..self.at).map_or(0, |before| before.chars().count());
        Err(ExpressionError::Syntax { at, expected })
    }
}

//! Conditions of `#if` and `#elif`.

use crate::literal;
use crate::source::Span;
use crate::token::{Interner, Token, TokenKind, sym};

/// Brackets, conditionals and the like open at once.
const MAX_DEPTH: usize = 128;

/// An integer as the preprocessor of C knows it.
#[derive(Clone, Copy, Debug)]
struct Value {
    bits: i64,
    unsigned: bool,
}

impl Value {
    fn truth(self) -> bool {
        self.bits != 0
    }

    fn bool(value: bool) -> Self {
        Self { bits: i64::from(value), unsigned: false }
    }
}

/// What is wrong with a condition, and where.
#[derive(Debug)]
pub(crate) struct ConditionError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Evaluates a condition whose macros are expanded and whose `defined` are replaced. `end` is
/// the place to complain about when it stops short.
pub(crate) fn evaluate(tokens: &[Token], interner: &Interner, end: Span) -> Result<bool, ConditionError> {
    let mut parser = Parser { tokens, interner, end, pos: 0, depth: 0 };
    let value = parser.ternary(true)?;
    match parser.peek() {
        None => Ok(value.truth()),
        Some(token) => parser.fail(token.span, "an operator or the end of the line was expected"),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    interner: &'a Interner,
    end: Span,
    pos: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.pos).copied()
    }

    fn peek_text(&self) -> &str {
        self.peek().map_or("", |token| self.interner.get(token.text))
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.peek_text() == text;
        self.pos += usize::from(found);
        found
    }

    fn place(&self) -> Span {
        self.peek().map_or(self.end, |token| token.span)
    }

    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ConditionError> {
        Err(ConditionError { span, message: message.into() })
    }

    fn enter(&mut self) -> Result<(), ConditionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(self.place(), "this condition is nested too deeply");
        }
        Ok(())
    }

    /// `live` is false where the value does not count, so that `0 && 1/0` is no error.
    fn ternary(&mut self, live: bool) -> Result<Value, ConditionError> {
        self.enter()?;
        let condition = self.binary(1, live)?;
        let value = if self.eat("?") {
            let then = self.ternary(live && condition.truth())?;
            if !self.eat(":") {
                return self.fail(self.place(), "`:` was expected");
            }
            let otherwise = self.ternary(live && !condition.truth())?;
            let unsigned = then.unsigned || otherwise.unsigned;
            Value { unsigned, ..if condition.truth() { then } else { otherwise } }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, minimum: u8, live: bool) -> Result<Value, ConditionError> {
        let mut left = self.unary(live)?;
        while let Some((precedence, operator)) = precedence(self.peek_text())
            && precedence >= minimum
        {
            let place = self.place();
            self.pos += 1;
            let live_right = live
                && match operator {
                    "&&" => left.truth(),
                    "||" => !left.truth(),
                    _ => true,
                };
            let right = self.binary(precedence + 1, live_right)?;
            left = match apply(operator, left, right) {
                Some(value) => value,
                None if live => return self.fail(place, "division by zero"),
                None => Value::bool(false),
            };
        }
        Ok(left)
    }

    fn unary(&mut self, live: bool) -> Result<Value, ConditionError> {
        let mut operators = Vec::new();
        while let operator @ ("!" | "~" | "-" | "+") = self.peek_text() {
            operators.extend(operator.bytes().next());
            self.pos += 1;
        }
        let mut value = self.primary(live)?;
        while let Some(operator) = operators.pop() {
            value = match operator {
                b'!' => Value::bool(!value.truth()),
                b'~' => Value { bits: !value.bits, ..value },
                b'-' => Value { bits: value.bits.wrapping_neg(), ..value },
                _ => value,
            };
        }
        Ok(value)
    }

    fn primary(&mut self, live: bool) -> Result<Value, ConditionError> {
        let Some(token) = self.peek() else {
            return self.fail(self.end, "a value was expected");
        };
        self.pos += 1;
        let text = self.interner.get(token.text);
        match token.kind {
            TokenKind::Number => match literal::integer(text) {
                Ok((value, unsigned)) => {
                    Ok(Value { bits: value.cast_signed(), unsigned: unsigned || i64::try_from(value).is_err() })
                }
                Err(_) => self.fail(token.span, format!("`{text}` is no integer")),
            },
            TokenKind::Char => {
                let inner = text.trim_start_matches('L').trim_matches('\'');
                let (value, _) = literal::unescape(inner);
                let code = value.chars().next().map_or(0, u32::from);
                Ok(Value { bits: i64::from(code), unsigned: false })
            }
            // A name that is no macro counts as 0.
            TokenKind::Ident => Ok(Value::bool(text == "true")),
            _ if token.text == sym::LPAREN => {
                let value = self.ternary(live)?;
                if !self.eat(")") {
                    return self.fail(self.place(), "`)` was expected");
                }
                Ok(value)
            }
            _ => self.fail(token.span, format!("a value was expected, not `{text}`")),
        }
    }
}

fn precedence(operator: &str) -> Option<(u8, &'static str)> {
    Some(match operator {
        "||" => (1, "||"),
        "&&" => (2, "&&"),
        "|" => (3, "|"),
        "^" => (4, "^"),
        "&" => (5, "&"),
        "==" => (6, "=="),
        "!=" => (6, "!="),
        "<" => (7, "<"),
        "<=" => (7, "<="),
        ">" => (7, ">"),
        ">=" => (7, ">="),
        "<<" => (8, "<<"),
        ">>" => (8, ">>"),
        "+" => (9, "+"),
        "-" => (9, "-"),
        "*" => (10, "*"),
        "/" => (10, "/"),
        "%" => (10, "%"),
        _ => return None,
    })
}

/// `None` is a division by zero.
fn apply(operator: &str, left: Value, right: Value) -> Option<Value> {
    let unsigned = left.unsigned || right.unsigned;
    let (a, b) = (left.bits, right.bits);
    let (ua, ub) = (a.cast_unsigned(), b.cast_unsigned());
    let less = if unsigned { ua < ub } else { a < b };
    let bits = match operator {
        "||" => return Some(Value::bool(left.truth() || right.truth())),
        "&&" => return Some(Value::bool(left.truth() && right.truth())),
        "==" => return Some(Value::bool(a == b)),
        "!=" => return Some(Value::bool(a != b)),
        "<" => return Some(Value::bool(less)),
        ">=" => return Some(Value::bool(!less)),
        ">" => return Some(Value::bool(!less && a != b)),
        "<=" => return Some(Value::bool(less || a == b)),
        "|" => a | b,
        "^" => a ^ b,
        "&" => a & b,
        "<<" => a.wrapping_shl(ub as u32),
        ">>" if left.unsigned => ua.wrapping_shr(ub as u32).cast_signed(),
        ">>" => a.wrapping_shr(ub as u32),
        "+" => a.wrapping_add(b),
        "-" => a.wrapping_sub(b),
        "*" => a.wrapping_mul(b),
        "/" if unsigned => ua.checked_div(ub)?.cast_signed(),
        "/" if b == 0 => return None,
        "/" => a.wrapping_div(b),
        "%" if unsigned => ua.checked_rem(ub)?.cast_signed(),
        _ if b == 0 => return None,
        _ => a.wrapping_rem(b),
    };
    Some(Value { bits, unsigned })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::Lexer;
    use crate::source::FileId;

    fn run(text: &str) -> Result<bool, String> {
        let mut interner = Interner::new();
        let mut lexer = Lexer::new(FileId(1), text.into());
        let tokens: Vec<_> = std::iter::from_fn(|| lexer.next(&mut interner)).collect();
        evaluate(&tokens, &interner, Span::builtin()).map_err(|e| e.message)
    }

    #[test]
    fn conditions() {
        for (text, value) in [
            ("1 + 2 * 3 == 7", true),
            ("(1 + 2) * 3 == 7", false),
            ("10 - 4 - 3 == 3", true),
            ("!0 && ~0 == -1", true),
            ("0 && 1/0", false),
            ("1 || 1%0", true),
            ("x", false),
            ("1 ? 0 : 1/0", false),
            ("-1 < 0u", false),
            ("'A' == 65", true),
            ("1 << 3 == 8 && 0x10 >> 1 == 8", true),
        ] {
            assert_eq!(run(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn broken_conditions() {
        assert_eq!(run("1/0").unwrap_err(), "division by zero");
        assert!(run("").is_err());
        assert!(run("(1").is_err());
        assert!(run("1 2").is_err());
        assert!(run(&"(".repeat(100_000)).is_err());
        assert!(run(&("!".repeat(100_000) + "1")).is_ok());
    }
}

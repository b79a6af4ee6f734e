//! Expressions.
//!
//! pest delivers operands and operators as a flat list; precedence is resolved here with two
//! stacks rather than by recursion.

use super::{Builder, Pair};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::literal::{self, IntegerError};
use crate::source::Span;

/// What stands before an operand.
enum Prefix {
    Unary(UnaryOp),
    Cast(TypeSpec, Vec<Deriv>),
}

impl Builder<'_> {
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        // One operator is about two octets of text at least, so long texts only are counted.
        let limit = self.limits.max_operators;
        if pair.as_str().len() > limit && operators(&pair, limit) > limit {
            self.diagnostics.push(
                Diagnostic::error("expression-too-long", "this expression is too long")
                    .label(span, format!("more than {limit} operators")),
            );
            return Expr { kind: ExprKind::Int(0, false), span };
        }
        self.expr_unchecked(pair)
    }

    /// The replacement of a macro.
    pub(crate) fn macro_expr(&mut self, pair: Pair<'_>) -> Expr {
        self.expr(pair)
    }

    fn expr_unchecked(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        // `a ? b : c ? d : e` comes as a, b, c, d, e.
        let mut values = Vec::new();
        let mut chain = Chain::default();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::operand => {
                    let operand = self.operand(part);
                    chain.operand(operand);
                }
                Rule::infix => {
                    if let Some(operator) = binary_op(part.as_str()) {
                        chain.operator(operator);
                    }
                }
                Rule::question | Rule::colon => {
                    values.extend(std::mem::take(&mut chain).finish());
                }
                Rule::expr => chain.operand(self.expr_unchecked(part)),
                _ => {}
            }
        }
        values.extend(chain.finish());
        let mut result = values.pop();
        while values.len() >= 2 {
            let (then, condition) = (values.pop(), values.pop());
            if let (Some(otherwise), Some(then), Some(condition)) = (result.take(), then, condition) {
                let span = condition.span.to(otherwise.span);
                let kind = ExprKind::Ternary(Box::new(condition), Box::new(then), Box::new(otherwise));
                result = Some(Expr { kind, span });
            }
        }
        result.unwrap_or(Expr { kind: ExprKind::Int(0, false), span })
    }

    fn operand(&mut self, pair: Pair<'_>) -> Expr {
        let whole = self.span(&pair);
        let mut prefixes = Vec::new();
        let mut value = Expr { kind: ExprKind::Int(0, false), span: whole };
        for part in pair.into_inner() {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::unary => {
                    let operator = unary_op(part.as_str()).unwrap_or(UnaryOp::Plus);
                    prefixes.push((Prefix::Unary(operator), span));
                }
                Rule::cast => {
                    let (ty, derivs) = self.type_name(part, span);
                    prefixes.push((Prefix::Cast(ty, derivs), span));
                }
                Rule::member => {
                    let name = part.into_inner().next().map(|name| self.ident(&name));
                    let name = name.unwrap_or_else(|| self.no_name(span));
                    let span = value.span.to(span);
                    value = Expr { kind: ExprKind::Member(Box::new(value), name), span };
                }
                _ => value = self.primary(part, span),
            }
        }
        for (prefix, at) in prefixes.into_iter().rev() {
            let span = at.to(value.span);
            let inner = Box::new(value);
            let kind = match prefix {
                Prefix::Unary(operator) => ExprKind::Unary(operator, inner),
                Prefix::Cast(ty, derivs) => ExprKind::Cast(Box::new(ty), derivs, inner),
            };
            value = Expr { kind, span };
        }
        value
    }

    fn primary(&mut self, pair: Pair<'_>, span: Span) -> Expr {
        let kind = match pair.as_rule() {
            Rule::number => self.number(pair.as_str(), span),
            Rule::strings => ExprKind::Str(self.strings(pair, true)),
            Rule::character => self.character(pair.as_str(), span),
            Rule::variable => ExprKind::Name(pair.as_str().to_owned()),
            Rule::size_of if pair.clone().into_inner().any(|part| part.as_rule() == Rule::operand) => {
                match pair.into_inner().find(|part| part.as_rule() == Rule::operand) {
                    Some(operand) => ExprKind::SizeOfExpr(Box::new(self.operand(operand))),
                    None => ExprKind::Int(0, false),
                }
            }
            Rule::size_of => {
                let (ty, derivs) = self.type_name(pair, span);
                ExprKind::SizeOf(Box::new(ty), derivs)
            }
            Rule::paren => match pair.into_inner().find(|part| part.as_rule() == Rule::expr) {
                Some(inner) => self.expr_unchecked(inner).kind,
                None => ExprKind::Int(0, false),
            },
            _ => ExprKind::Int(0, false),
        };
        Expr { kind, span }
    }

    fn type_name(&mut self, pair: Pair<'_>, span: Span) -> (TypeSpec, Vec<Deriv>) {
        let mut ty = self.no_type(span);
        let mut pointers = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::simple_type | Rule::solid_type => ty = self.type_spec(part),
                Rule::pointer => pointers.push(self.pointer(part)),
                _ => {}
            }
        }
        pointers.reverse();
        (ty, pointers)
    }

    fn number(&mut self, text: &str, span: Span) -> ExprKind {
        match literal::integer(text) {
            Ok((value, unsigned)) => ExprKind::Int(value, unsigned),
            Err(_) if literal::is_float(text) => ExprKind::Float(text.to_owned()),
            Err(IntegerError::TooLarge) => {
                let message = format!("`{text}` does not fit into 64 bits");
                self.error("bad-number", message, span, "");
                ExprKind::Int(0, false)
            }
            Err(IntegerError::Malformed) => {
                self.error("bad-number", format!("`{text}` is no number"), span, "");
                ExprKind::Int(0, false)
            }
        }
    }

    fn character(&mut self, text: &str, span: Span) -> ExprKind {
        let inner = text.strip_prefix('L').unwrap_or(text);
        let inner = inner.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let (value, _) = literal::unescape(inner.unwrap_or(""));
        let mut chars = value.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => ExprKind::Char(u32::from(only)),
            // Several octets in one literal: the first is the highest, as in Microsoft's compilers.
            (Some(_), Some(_)) if value.len() <= 4 && value.is_ascii() && !text.starts_with('L') => {
                ExprKind::Char(value.bytes().fold(0, |code, b| code << 8 | u32::from(b)))
            }
            _ => {
                let message = "a character literal holds one character";
                self.error("bad-character", message, span, "");
                ExprKind::Char(0)
            }
        }
    }
}

/// Operands and binary operators, folded as they come.
#[derive(Default)]
struct Chain {
    operands: Vec<Expr>,
    operators: Vec<BinaryOp>,
}

impl Chain {
    fn operand(&mut self, operand: Expr) {
        self.operands.push(operand);
    }

    fn operator(&mut self, operator: BinaryOp) {
        // All are left-associative: what binds at least as strongly is complete.
        while self.operators.last().is_some_and(|top| precedence(*top) >= precedence(operator)) {
            self.fold();
        }
        self.operators.push(operator);
    }

    fn fold(&mut self) {
        let Some(operator) = self.operators.pop() else { return };
        if let (Some(right), Some(left)) = (self.operands.pop(), self.operands.pop()) {
            let span = left.span.to(right.span);
            let kind = ExprKind::Binary(operator, Box::new(left), Box::new(right));
            self.operands.push(Expr { kind, span });
        }
    }

    fn finish(mut self) -> Option<Expr> {
        while !self.operators.is_empty() {
            self.fold();
        }
        self.operands.pop()
    }
}

/// How many operators there are, all levels together; stops counting beyond `limit`.
fn operators(pair: &Pair<'_>, limit: usize) -> usize {
    let flat = pair.clone().into_inner().flatten();
    flat.filter(|part| {
        matches!(part.as_rule(), Rule::infix | Rule::unary | Rule::cast | Rule::member | Rule::question | Rule::size_of)
    })
    .take(limit + 1)
    .count()
}

fn precedence(operator: BinaryOp) -> u8 {
    use BinaryOp::*;
    match operator {
        Mul | Div | Rem => 10,
        Add | Sub => 9,
        Shl | Shr => 8,
        Lt | Le | Gt | Ge => 7,
        Eq | Ne => 6,
        BitAnd => 5,
        BitXor => 4,
        BitOr => 3,
        And => 2,
        Or => 1,
    }
}

fn binary_op(text: &str) -> Option<BinaryOp> {
    use BinaryOp::*;
    Some(match text {
        "*" => Mul,
        "/" => Div,
        "%" => Rem,
        "+" => Add,
        "-" => Sub,
        "<<" => Shl,
        ">>" => Shr,
        "<" => Lt,
        "<=" => Le,
        ">" => Gt,
        ">=" => Ge,
        "==" => Eq,
        "!=" => Ne,
        "&" => BitAnd,
        "^" => BitXor,
        "|" => BitOr,
        "&&" => And,
        "||" => Or,
        _ => return None,
    })
}

fn unary_op(text: &str) -> Option<UnaryOp> {
    use UnaryOp::*;
    Some(match text {
        "+" => Plus,
        "-" => Neg,
        "~" => BitNot,
        "!" => Not,
        "*" => Deref,
        "&" => AddrOf,
        _ => return None,
    })
}

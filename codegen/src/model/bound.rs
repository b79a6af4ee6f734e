//! What decides counts and discriminants.

use midlc_parser::ast::{BinaryOp, UnaryOp};

use super::Scalar;

/// A count or a discriminant, by the siblings it is computed from.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// The sibling of this index itself (`n`, or `*n` where `n` is a top-level pointer).
    Sibling(usize),
    /// A constant, never negative.
    Const(u64),
    /// Computed.
    Expr(Box<BoundExpr>),
    /// Dictated by what travels in the other direction alone.
    Elsewhere,
}

impl Bound {
    /// The siblings it refers to, each once.
    pub fn siblings(&self) -> Vec<usize> {
        match self {
            Self::Sibling(index) => vec![*index],
            Self::Const(_) | Self::Elsewhere => Vec::new(),
            Self::Expr(expr) => {
                let mut found = Vec::new();
                expr.visit(&mut |index| found.push(index));
                found.sort_unstable();
                found.dedup();
                found
            }
        }
    }

    /// The same bound over other indexes; `None` where a sibling has none.
    pub(crate) fn renumbered(&self, indexes: &[Option<usize>]) -> Option<Self> {
        let new = |index: usize| indexes.get(index).copied().flatten();
        Some(match self {
            Self::Sibling(index) => Self::Sibling(new(*index)?),
            Self::Const(_) | Self::Elsewhere => self.clone(),
            Self::Expr(expr) => Self::Expr(Box::new(expr.renumbered(&new)?)),
        })
    }
}

/// An expression over siblings, constants folded; its values are `i64`s with C's rules.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundExpr {
    /// A constant.
    Int(i64),
    /// A sibling's value; 0 where it is behind a pointer that is NULL.
    Sibling(usize),
    /// A member of a sibling that is a structure or points to one, by its names in the IDL; 0 where
    /// the pointer is NULL.
    Member(usize, Vec<String>),
    /// Whether a sibling, a pointer, is not NULL.
    NotNull(usize),
    /// An operator in front.
    Unary(UnaryOp, Box<Self>),
    /// An operator in between.
    Binary(BinaryOp, Box<Self>, Box<Self>),
    /// `c ? x : y`
    Ternary(Box<Self>, Box<Self>, Box<Self>),
    /// A conversion to an integer type.
    Cast(Scalar, Box<Self>),
}

impl BoundExpr {
    /// The members of siblings in it.
    pub(crate) fn members(&self) -> Vec<(usize, &[String])> {
        match self {
            Self::Member(index, path) => vec![(*index, path.as_slice())],
            Self::Int(_) | Self::Sibling(_) | Self::NotNull(_) => Vec::new(),
            Self::Unary(_, inner) | Self::Cast(_, inner) => inner.members(),
            Self::Binary(_, left, right) => [left.members(), right.members()].concat(),
            Self::Ternary(condition, yes, no) => [condition.members(), yes.members(), no.members()].concat(),
        }
    }

    fn visit(&self, found: &mut dyn FnMut(usize)) {
        match self {
            Self::Int(_) => {}
            Self::Sibling(index) | Self::NotNull(index) | Self::Member(index, _) => found(*index),
            Self::Unary(_, inner) | Self::Cast(_, inner) => inner.visit(found),
            Self::Binary(_, left, right) => {
                left.visit(found);
                right.visit(found);
            }
            Self::Ternary(condition, yes, no) => {
                condition.visit(found);
                yes.visit(found);
                no.visit(found);
            }
        }
    }

    fn renumbered(&self, new: &dyn Fn(usize) -> Option<usize>) -> Option<Self> {
        let inner = |expr: &Self| expr.renumbered(new).map(Box::new);
        Some(match self {
            Self::Int(value) => Self::Int(*value),
            Self::Sibling(index) => Self::Sibling(new(*index)?),
            Self::NotNull(index) => Self::NotNull(new(*index)?),
            Self::Member(index, path) => Self::Member(new(*index)?, path.clone()),
            Self::Unary(op, operand) => Self::Unary(*op, inner(operand)?),
            Self::Cast(scalar, operand) => Self::Cast(*scalar, inner(operand)?),
            Self::Binary(op, left, right) => Self::Binary(*op, inner(left)?, inner(right)?),
            Self::Ternary(condition, yes, no) => Self::Ternary(inner(condition)?, inner(yes)?, inner(no)?),
        })
    }
}

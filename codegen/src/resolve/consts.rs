//! Constant expressions, with C's rules and 128-bit integers.

use midlc_parser::{
    ast::{BinaryOp, Expr, ExprKind, TypeKind as AstKind, TypeSpec, UnaryOp},
    diag::Diagnostic,
};

use super::{ConstEntry, Resolver, scalar_of};
use crate::model::Scalar;

/// How deeply constants may refer to each other, and how many typedefs a name may go through.
const MAX_DEPTH: usize = 64;
/// How deeply operators and names may nest in one evaluation; `a + b + c` is not nested.
const MAX_OPERATORS: usize = 400;

/// Why an expression has no constant value.
#[derive(Debug)]
pub(super) enum NotConst {
    /// A name that is no constant: a sibling perhaps.
    Name(String),
    /// Anything else.
    Other(String),
}

impl<'a> Resolver<'a> {
    /// The value of a constant expression; reports an error where it has none.
    pub(super) fn const_value(&mut self, expr: &Expr) -> Option<i128> {
        match self.eval(expr) {
            Ok(value) => Some(value),
            Err(NotConst::Name(name)) => {
                if !(self.poisoned)(&name) {
                    let mut diagnostic = Diagnostic::error("unknown-constant", format!("{name} is no constant"))
                        .label(expr.span, "not declared");
                    if let Some(close) = self.close_constant(&name) {
                        diagnostic = diagnostic.help(format!("did you mean {close}?"));
                    }
                    self.error(diagnostic);
                }
                None
            }
            Err(NotConst::Other(why)) => {
                self.error(Diagnostic::error("not-constant", "this is no constant expression").label(expr.span, why));
                None
            }
        }
    }

    /// The constant that a misspelt name may mean.
    pub(super) fn close_constant(&self, name: &str) -> Option<&'a str> {
        self.closest(name, self.consts.visible(self.file, self.imports(self.file)))
    }

    /// The value of an expression, if it is constant.
    pub(super) fn try_const_value(&mut self, expr: &Expr) -> Option<i128> {
        self.eval(expr).ok()
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Result<i128, NotConst> {
        if self.depth >= MAX_OPERATORS {
            return Err(NotConst::Other("it is nested too deeply".into()));
        }
        self.depth += 1;
        let value = self.eval_kind(expr);
        self.depth -= 1;
        value
    }

    fn eval_kind(&mut self, expr: &Expr) -> Result<i128, NotConst> {
        Ok(match &expr.kind {
            ExprKind::Int(value, _) => i128::from(*value),
            ExprKind::Char(code) => i128::from(*code),
            ExprKind::Name(name) => match name.as_str() {
                "TRUE" | "true" => 1,
                "FALSE" | "false" | "NULL" => 0,
                _ => self.eval_name(name)?,
            },
            ExprKind::Unary(op, inner) => {
                let value = self.eval(inner)?;
                match op {
                    UnaryOp::Plus => value,
                    UnaryOp::Neg => value.wrapping_neg(),
                    UnaryOp::BitNot => !value,
                    UnaryOp::Not => i128::from(value == 0),
                    UnaryOp::Deref | UnaryOp::AddrOf => {
                        return Err(NotConst::Other("a pointer has no constant value".into()));
                    }
                }
            }
            ExprKind::Binary(..) => return self.eval_binary(expr),
            ExprKind::Ternary(condition, yes, no) => {
                let chosen = if self.eval(condition)? != 0 { yes } else { no };
                self.eval(chosen)?
            }
            ExprKind::Cast(ty, derivs, inner) => {
                let value = self.eval(inner)?;
                if derivs.is_empty() { self.cast(ty, value) } else { value }
            }
            ExprKind::SizeOf(ty, derivs) => self.size_of_type(ty, derivs).ok_or_else(unknown_size)?,
            ExprKind::SizeOfExpr(inner) => self.size_of_expr(inner).ok_or_else(unknown_size)?,
            ExprKind::Float(_) => return Err(NotConst::Other("a floating-point number is no integer".into())),
            ExprKind::Str(_) => return Err(NotConst::Other("a string is no integer".into())),
            ExprKind::Member(..) => return Err(NotConst::Other("a member has no constant value".into())),
        })
    }

    /// A chain of operators, leftmost first: it may be long, so that there is no recursion to the left.
    fn eval_binary(&mut self, expr: &Expr) -> Result<i128, NotConst> {
        let mut rest = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary(op, left, right) = &first.kind
            && self.as_cast(first).is_none()
        {
            rest.push((*op, right));
            first = left;
        }
        let mut value = match self.as_cast(first) {
            Some((scalar, UnaryOp::Neg, operand)) => wrap(scalar, self.eval(operand)?.wrapping_neg()),
            Some((scalar, UnaryOp::Plus, operand)) => wrap(scalar, self.eval(operand)?),
            Some(_) => return Err(NotConst::Other("a pointer has no constant value".into())),
            None => self.eval(first)?,
        };
        for (op, right) in rest.into_iter().rev() {
            value = binary(op, value, self.eval(right)?)?;
        }
        Ok(value)
    }

    /// `(T) - x` is a conversion where `T` is a type, which only its declaration tells.
    /// What it converts to is an integer, or a pointer, which takes any.
    pub(super) fn as_cast<'e>(&self, expr: &'e Expr) -> Option<(Scalar, UnaryOp, &'e Expr)> {
        let ExprKind::Binary(op, left, right) = &expr.kind else { return None };
        let ExprKind::Name(name) = &left.kind else { return None };
        let op = match op {
            BinaryOp::Sub => UnaryOp::Neg,
            BinaryOp::Add => UnaryOp::Plus,
            BinaryOp::Mul => UnaryOp::Deref,
            _ => return None,
        };
        if self.constant(self.file, name).is_some() {
            return None;
        }
        let (owner, entry) = self.typedef(self.file, name)?;
        if !entry.declarator.derivs.is_empty() {
            return Some((Scalar::I64, op, right));
        }
        Some((self.scalar_in(owner, entry.ty).unwrap_or(Scalar::I64), op, right))
    }

    pub(super) fn eval_name(&mut self, name: &str) -> Result<i128, NotConst> {
        let found = self.constant(self.file, name);
        let (Some((owner, entry)), Some(key)) = (found, self.consts.key(name)) else {
            return Err(NotConst::Name(name.to_owned()));
        };
        let (expr, offset) = match entry {
            ConstEntry::Value(value) => return Ok(value),
            ConstEntry::Expr(expr) => (expr, 0),
            ConstEntry::Offset(expr, offset) => (expr, offset),
        };
        if self.evaluating.contains(&(owner, key)) {
            return Err(NotConst::Other(format!("{name} is defined by itself")));
        }
        if self.evaluating.len() >= MAX_DEPTH {
            return Err(NotConst::Other(format!("{name} goes through more than {MAX_DEPTH} other constants")));
        }
        self.evaluating.push((owner, key));
        let file = std::mem::replace(&mut self.file, owner);
        let value = self.eval(expr);
        self.file = file;
        self.evaluating.pop();
        let value = value?.saturating_add(offset);
        self.consts.set(owner, key, ConstEntry::Value(value));
        Ok(value)
    }

    fn cast(&self, ty: &TypeSpec, value: i128) -> i128 {
        match self.scalar_behind(ty) {
            Some(scalar) => wrap(scalar, value),
            None => value,
        }
    }

    /// The scalar that a specifier names, through typedefs.
    pub(super) fn scalar_behind(&self, ty: &TypeSpec) -> Option<Scalar> {
        self.scalar_in(self.file, ty)
    }

    pub(super) fn scalar_in(&self, mut file: usize, ty: &TypeSpec) -> Option<Scalar> {
        let mut ty = ty;
        for _ in 0..MAX_DEPTH {
            match &ty.kind {
                AstKind::Base(base) => return scalar_of(*base),
                AstKind::Named(name) => {
                    let (owner, entry) = self.typedef(file, &name.name)?;
                    file = owner;
                    if !entry.declarator.derivs.is_empty() {
                        return None;
                    }
                    ty = entry.ty;
                }
                _ => return None,
            }
        }
        None
    }

    /// The Rust type of a constant of a declared type; `None` where none holds it.
    pub(super) fn const_type(&self, ty: &TypeSpec, value: i128) -> Option<&'static str> {
        let declared = match self.scalar_behind(ty) {
            Some(Scalar::U8) => Some(("u8", 0, 0xff)),
            Some(Scalar::I8) => Some(("i8", -0x80, 0x7f)),
            Some(Scalar::U16 | Scalar::WChar) => Some(("u16", 0, 0xffff)),
            Some(Scalar::I16) => Some(("i16", -0x8000, 0x7fff)),
            Some(Scalar::U32) => Some(("u32", 0, 0xffff_ffff)),
            Some(Scalar::I32) => Some(("i32", -0x8000_0000, 0x7fff_ffff)),
            Some(Scalar::I64 | Scalar::I3264) => Some(("i64", i128::from(i64::MIN), i128::from(i64::MAX))),
            Some(Scalar::U64 | Scalar::U3264) => Some(("u64", 0, i128::from(u64::MAX))),
            Some(Scalar::F32 | Scalar::F64) | None => None,
        };
        match declared {
            Some((name, min, max)) if (min..=max).contains(&value) => Some(name),
            _ => smallest_type(value),
        }
    }
}

fn unknown_size() -> NotConst {
    NotConst::Other("the size of this is not known here, or depends on the machine".into())
}

/// The smallest of `u32`, `i32`, `u64`, `i64` that holds a constant.
pub(super) fn smallest_type(value: i128) -> Option<&'static str> {
    const MIN: i128 = i64::MIN as i128;
    const MAX: i128 = u64::MAX as i128;
    match value {
        0..=0xffff_ffff => Some("u32"),
        -0x8000_0000..0 => Some("i32"),
        0x1_0000_0000..=MAX => Some("u64"),
        MIN..-0x8000_0000 => Some("i64"),
        _ => None,
    }
}

/// A value as an integer type keeps it.
pub(super) fn wrap(scalar: Scalar, value: i128) -> i128 {
    match scalar {
        Scalar::U8 => i128::from(value as u8),
        Scalar::I8 => i128::from(value as i8),
        Scalar::U16 | Scalar::WChar => i128::from(value as u16),
        Scalar::I16 => i128::from(value as i16),
        Scalar::U32 => i128::from(value as u32),
        Scalar::I32 => i128::from(value as i32),
        Scalar::U64 | Scalar::U3264 => i128::from(value as u64),
        Scalar::I64 | Scalar::I3264 => i128::from(value as i64),
        Scalar::F32 | Scalar::F64 => value,
    }
}

fn binary(op: BinaryOp, left: i128, right: i128) -> Result<i128, NotConst> {
    let shift = u32::try_from(right).ok().filter(|&bits| bits < 64);
    Ok(match op {
        BinaryOp::Mul => left.wrapping_mul(right),
        BinaryOp::Div | BinaryOp::Rem if right == 0 => return Err(NotConst::Other("division by zero".into())),
        BinaryOp::Div => left.wrapping_div(right),
        BinaryOp::Rem => left.wrapping_rem(right),
        BinaryOp::Add => left.wrapping_add(right),
        BinaryOp::Sub => left.wrapping_sub(right),
        BinaryOp::Shl | BinaryOp::Shr => match (op, shift) {
            (BinaryOp::Shl, Some(bits)) => left.wrapping_shl(bits),
            (_, Some(bits)) => left >> bits,
            (_, None) => return Err(NotConst::Other("the shift count is out of range".into())),
        },
        BinaryOp::Lt => i128::from(left < right),
        BinaryOp::Le => i128::from(left <= right),
        BinaryOp::Gt => i128::from(left > right),
        BinaryOp::Ge => i128::from(left >= right),
        BinaryOp::Eq => i128::from(left == right),
        BinaryOp::Ne => i128::from(left != right),
        BinaryOp::BitAnd => left & right,
        BinaryOp::BitXor => left ^ right,
        BinaryOp::BitOr => left | right,
        BinaryOp::And => i128::from(left != 0 && right != 0),
        BinaryOp::Or => i128::from(left != 0 || right != 0),
    })
}

//! Counts, capacities and discriminants: how they are computed and checked.

use midlc_parser::ast::{BinaryOp, UnaryOp};
use proc_macro2::TokenStream;
use quote::quote;

use super::{Emitter, ident};
use crate::model::{Array, Base, Bound, BoundExpr, Element, Level, Member, Pointer, Role, Scalar, TypeKind};

/// How code reaches the elements of a scope.
#[derive(Clone, Copy)]
pub(super) enum Access<'a> {
    /// Members of a value (`value.name`, `self.name`); hidden ones are local variables.
    Member(&'a TokenStream),
    /// Local variables.
    Local,
}

impl Access<'_> {
    /// An element as an expression.
    pub(super) fn element(self, element: &Element) -> TokenStream {
        let name = ident(&element.rust_name);
        match self {
            Self::Member(value) if element.role == Role::Plain => quote!(#value.#name),
            Self::Member(_) | Self::Local => {
                let local = local(element);
                quote!(#local)
            }
        }
    }
}

/// Names of local variables in generated code that an element's may not hide.
const TAKEN: [&str; 19] = [
    "d",
    "e",
    "value",
    "counts",
    "random",
    "call",
    "target",
    "stub",
    "request",
    "response",
    "outcome",
    "status",
    "out",
    "success",
    "succeeded",
    "length",
    "union",
    "inner",
    "pipes",
];

/// The local variable or argument that holds an element.
pub(super) fn local(element: &Element) -> proc_macro2::Ident {
    if TAKEN.contains(&element.rust_name.as_str()) {
        return ident(&format!("{}_", element.rust_name));
    }
    ident(&element.rust_name)
}

/// `name` or `name: local` in a structure's initialiser.
pub(super) fn initialiser(element: &Element) -> TokenStream {
    let (name, local) = (ident(&element.rust_name), local(element));
    if name == local { quote!(#name) } else { quote!(#name: #local) }
}

/// An array or string of an element that has bounds, and the way to it.
pub(super) struct Bounded<'a> {
    /// The maximum count's bound.
    pub(super) size: Option<&'a Bound>,
    /// The actual count's bound.
    pub(super) length: Option<&'a Bound>,
    /// The first element's bound.
    pub(super) first: Option<&'a Bound>,
    /// Whether the maximum count travels.
    pub(super) conformant: bool,
    /// Whether offset and actual count travel.
    pub(super) varying: bool,
    /// Whether it is a `[string]`.
    pub(super) string: bool,
    /// The pointers above it.
    pub(super) pointers: Vec<Pointer>,
}

impl<'a> Bounded<'a> {
    /// The outermost array or string of an element.
    pub(super) fn of(element: &'a Element) -> Option<Self> {
        let mut pointers = Vec::new();
        for level in &element.levels {
            match level {
                Level::Pointer(kind) => pointers.push(*kind),
                Level::Array(Array { fixed, size, length, first, .. }) => {
                    return Some(Self {
                        size: known(size),
                        length: known(length),
                        conformant: fixed.is_none(),
                        first: first.as_ref(),
                        varying: length.is_some(),
                        string: false,
                        pointers,
                    });
                }
                Level::Str { fixed, size, .. } => {
                    return Some(Self {
                        size: known(size),
                        length: None,
                        conformant: fixed.is_none(),
                        first: None,
                        varying: true,
                        string: true,
                        pointers,
                    });
                }
            }
        }
        None
    }

    /// Whether its length decides the sibling of an index.
    pub(super) fn decides(&self, index: usize) -> bool {
        match (self.size, self.length) {
            (_, Some(Bound::Sibling(length))) => *length == index,
            (Some(Bound::Sibling(size)), None) => *size == index && !self.varying,
            _ => false,
        }
    }

    /// The bound that its length must be.
    pub(super) fn exact(&self) -> Option<&'a Bound> {
        self.length.or(self.size.filter(|_| !self.varying))
    }

    /// Whether it is behind a pointer, so that it is deferred.
    pub(super) fn deferred(&self) -> bool {
        !self.pointers.is_empty()
    }

    /// Whether a pointer above it may be NULL.
    pub(super) fn nullable(&self) -> bool {
        self.pointers.iter().any(|kind| *kind != Pointer::Ref)
    }

    /// What is at the end of the pointers that may be NULL, as an `Option` of a reference; `None` if
    /// there are no such pointers.
    fn pointee(&self, value: &TokenStream) -> Option<TokenStream> {
        let mut nullable = self.pointers.iter().filter(|kind| **kind != Pointer::Ref);
        nullable.next()?;
        let more = nullable.map(|_| quote!(.and_then(|value| value.as_ref())));
        Some(quote!(#value.as_ref() #(#more)*))
    }

    /// The same without the bounds that are to be left out.
    pub(super) fn without(&self, out: impl Fn(&Bound) -> bool) -> Self {
        let kept = |bound: Option<&'a Bound>| bound.filter(|bound| !out(bound));
        let (size, length) = (kept(self.size), kept(self.length));
        Self { size, length, pointers: self.pointers.clone(), ..*self }
    }

    /// Its length as `usize`, 0 where a pointer is NULL.
    pub(super) fn length_or_zero(&self, value: &TokenStream) -> TokenStream {
        match self.pointee(value) {
            Some(pointee) => quote!(#pointee.map_or(0, |value| value.len())),
            None => quote!(#value.len()),
        }
    }

    /// Its length as `Option<usize>`.
    pub(super) fn optional_length(&self, value: &TokenStream) -> TokenStream {
        match self.pointee(value) {
            Some(pointee) => quote!(#pointee.map(|value| value.len())),
            None => quote!(Some(#value.len())),
        }
    }

    /// Whether it is there.
    pub(super) fn present(&self, value: &TokenStream) -> TokenStream {
        let nullable = self.pointers.iter().filter(|kind| **kind != Pointer::Ref).count();
        match self.pointee(value) {
            None => quote!(true),
            Some(_) if nullable == 1 => quote!(#value.is_some()),
            Some(pointee) => quote!(#pointee.is_some()),
        }
    }
}

/// Whether a bound is behind a pointer beside it: in a structure it is read after what it dictates.
pub(super) fn is_late(bound: &Bound, siblings: &[Element]) -> bool {
    let pointer = |index: &usize| {
        siblings.get(*index).is_some_and(|sibling| matches!(sibling.levels.first(), Some(Level::Pointer(_))))
    };
    bound.siblings().iter().any(pointer)
}

/// A bound that is known where the array is.
fn known(bound: &Option<Bound>) -> Option<&Bound> {
    bound.as_ref().filter(|bound| **bound != Bound::Elsewhere)
}

/// What dictates a bound, in words for errors.
pub(super) fn bound_name(bound: &Bound, siblings: &[Element]) -> String {
    if let Bound::Const(value) = bound {
        return value.to_string();
    }
    let names = bound.siblings().into_iter().filter_map(|index| siblings.get(index));
    names.map(|element| element.idl_name.as_str()).collect::<Vec<_>>().join(", ")
}

impl Emitter<'_> {
    /// A bound as `u64`.
    pub(super) fn bound(&self, bound: &Bound, siblings: &[Element], access: Access<'_>) -> TokenStream {
        match bound {
            Bound::Sibling(index) => match siblings.get(*index) {
                Some(element) => self.number(element, access, quote!(u64)),
                None => quote!(0),
            },
            Bound::Const(value) => super::int_literal((*value).into()),
            Bound::Expr(expr) => match &**expr {
                BoundExpr::Int(value) => {
                    let literal = super::int_literal((*value as u64).into());
                    quote!(#literal)
                }
                expr => {
                    let expr = self.operand(expr, siblings, access);
                    quote!(#expr as u64)
                }
            },
            Bound::Elsewhere => quote!(0),
        }
    }

    /// A sibling as a number.
    fn number(&self, element: &Element, access: Access<'_>, ty: TokenStream) -> TokenStream {
        let value = access.element(element);
        // A pointer to a number counts as 0 where it is NULL.
        let value = match element.levels.as_slice() {
            [Level::Pointer(Pointer::Unique | Pointer::FullScalar)] => quote!(#value.unwrap_or_default()),
            [Level::Pointer(Pointer::Full)] => quote!(#value.as_deref().copied().unwrap_or_default()),
            // References leave no trace in Rust; nothing else gets here.
            _ => value,
        };
        match &element.base {
            Base::Type(_) => quote!(#value.0 as #ty),
            Base::Scalar(scalar) if super::paths::scalar_type(*scalar).to_string() == ty.to_string() => value,
            _ => quote!(#value as #ty),
        }
    }

    /// A number in a sibling that is a structure, or points to one.
    fn member(&self, element: &Element, path: &[String], access: Access<'_>) -> TokenStream {
        let Member::Number(owner, place) = self.model.member(element, path) else { return quote!(0_i64) };
        let value = access.element(element);
        let optional = matches!(element.levels.as_slice(), [Level::Pointer(kind)] if *kind != Pointer::Ref);
        let mut number = if optional { quote!(value) } else { value.clone() };
        let mut base = &element.base;
        for name in path {
            let Base::Type(id) = base else { break };
            let TypeKind::Struct(def) = &self.model.ty(*id).kind else { break };
            let Some(field) = def.fields.iter().find(|field| field.idl_name == *name) else { break };
            let member = ident(&field.rust_name);
            number = quote!(#number.#member);
            base = &field.base;
        }
        let TypeKind::Struct(def) = &self.model.ty(owner).kind else { return quote!(0_i64) };
        let number = match &def.fields[place].base {
            Base::Type(_) => quote!(i64::from(#number.0)),
            Base::Scalar(Scalar::I64 | Scalar::I3264) => number,
            Base::Scalar(Scalar::U64 | Scalar::U3264) => quote!((#number as i64)),
            _ => quote!(i64::from(#number)),
        };
        if optional { quote!(#value.as_ref().map_or(0, |value| #number)) } else { number }
    }

    /// An expression as an operand: in parentheses unless it binds tightest as it stands.
    fn operand(&self, expr: &BoundExpr, siblings: &[Element], access: Access<'_>) -> TokenStream {
        let tokens = self.expr(expr, siblings, access);
        match expr {
            BoundExpr::Ternary(..)
            | BoundExpr::Cast(..)
            | BoundExpr::Unary(UnaryOp::BitNot, _)
            | BoundExpr::Binary(BinaryOp::BitAnd | BinaryOp::BitXor | BinaryOp::BitOr, ..) => quote!((#tokens)),
            BoundExpr::Int(value) if *value < 0 => quote!((#tokens)),
            BoundExpr::Sibling(_) if tokens.to_string().contains(" as ") => quote!((#tokens)),
            _ => tokens,
        }
    }

    /// An expression over siblings, in `i64` with C's rules; a division by zero gives 0, which no
    /// array matches but an empty one.
    fn expr(&self, expr: &BoundExpr, siblings: &[Element], access: Access<'_>) -> TokenStream {
        match expr {
            BoundExpr::Int(value) => {
                let literal = proc_macro2::Literal::i64_suffixed(*value);
                quote!(#literal)
            }
            BoundExpr::Sibling(index) => match siblings.get(*index) {
                Some(element) => self.number(element, access, quote!(i64)),
                None => quote!(0_i64),
            },
            BoundExpr::Member(index, path) => match siblings.get(*index) {
                Some(element) => self.member(element, path, access),
                None => quote!(0_i64),
            },
            BoundExpr::NotNull(_) => {
                let condition = self.condition(expr, siblings, access);
                quote!(i64::from(#condition))
            }
            BoundExpr::Unary(op, inner) => match op {
                UnaryOp::Plus | UnaryOp::Deref | UnaryOp::AddrOf => self.expr(inner, siblings, access),
                UnaryOp::Neg => {
                    let inner = self.operand(inner, siblings, access);
                    quote!(#inner.wrapping_neg())
                }
                UnaryOp::BitNot => {
                    let inner = self.operand(inner, siblings, access);
                    quote!(!#inner)
                }
                UnaryOp::Not => {
                    let condition = self.condition(expr, siblings, access);
                    quote!(i64::from(#condition))
                }
            },
            BoundExpr::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let (left, right) = (self.condition(left, siblings, access), self.condition(right, siblings, access));
                if *op == BinaryOp::And {
                    quote!(i64::from(#left && #right))
                } else {
                    quote!(i64::from(#left || #right))
                }
            }
            BoundExpr::Binary(op, left, right) => {
                let receiver = self.operand(left, siblings, access);
                let argument = self.expr(right, siblings, access);
                binary(*op, &receiver, &argument, &self.operand(right, siblings, access))
            }
            BoundExpr::Ternary(condition, yes, no) => {
                let condition = self.condition(condition, siblings, access);
                let (yes, no) = (self.expr(yes, siblings, access), self.expr(no, siblings, access));
                quote!(if #condition { #yes } else { #no })
            }
            BoundExpr::Cast(scalar, inner) => {
                let inner = self.operand(inner, siblings, access);
                match scalar {
                    Scalar::I64 | Scalar::I3264 | Scalar::F32 | Scalar::F64 => inner,
                    Scalar::U64 | Scalar::U3264 => inner,
                    _ => {
                        let ty = super::paths::scalar_type(*scalar);
                        quote!(i64::from(#inner as #ty))
                    }
                }
            }
        }
    }

    /// A condition: a pointer by itself is tested for NULL.
    fn condition(&self, expr: &BoundExpr, siblings: &[Element], access: Access<'_>) -> TokenStream {
        match expr {
            BoundExpr::NotNull(index) => match siblings.get(*index) {
                Some(element) => {
                    let value = access.element(element);
                    quote!(#value.is_some())
                }
                None => quote!(false),
            },
            BoundExpr::Unary(UnaryOp::Not, inner) => match &**inner {
                BoundExpr::NotNull(_) => {
                    let inner = self.condition(inner, siblings, access);
                    quote!(!#inner)
                }
                inner => {
                    let value = self.operand(inner, siblings, access);
                    quote!(#value == 0)
                }
            },
            _ => {
                let value = self.operand(expr, siblings, access);
                quote!(#value != 0)
            }
        }
    }
}

/// `left` and `operand` are operands, `right` may be anything.
fn binary(op: BinaryOp, left: &TokenStream, right: &TokenStream, operand: &TokenStream) -> TokenStream {
    match op {
        BinaryOp::Mul => quote!(#left.wrapping_mul(#right)),
        BinaryOp::Div => quote!(#left.checked_div(#right).unwrap_or_default()),
        BinaryOp::Rem => quote!(#left.checked_rem(#right).unwrap_or_default()),
        BinaryOp::Add => quote!(#left.wrapping_add(#right)),
        BinaryOp::Sub => quote!(#left.wrapping_sub(#right)),
        BinaryOp::Shl => quote!(#left.wrapping_shl(#operand as u32)),
        BinaryOp::Shr => quote!(#left.wrapping_shr(#operand as u32)),
        BinaryOp::Lt => quote!(i64::from(#left < #operand)),
        BinaryOp::Le => quote!(i64::from(#left <= #operand)),
        BinaryOp::Gt => quote!(i64::from(#left > #operand)),
        BinaryOp::Ge => quote!(i64::from(#left >= #operand)),
        BinaryOp::Eq => quote!(i64::from(#left == #operand)),
        BinaryOp::Ne => quote!(i64::from(#left != #operand)),
        BinaryOp::BitAnd => quote!(#left & #operand),
        BinaryOp::BitXor => quote!(#left ^ #operand),
        BinaryOp::BitOr => quote!(#left | #operand),
        BinaryOp::And => quote!(i64::from(#left != 0 && #operand != 0)),
        BinaryOp::Or => quote!(i64::from(#left != 0 || #operand != 0)),
    }
}

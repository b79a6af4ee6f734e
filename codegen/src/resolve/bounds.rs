//! What decides counts and discriminants: `size_is` and its kin, `switch_is`.

use midlc_parser::{
    ast::{AttrArg, Attribute, BinaryOp, Expr, ExprKind, UnaryOp},
    diag::Diagnostic,
};

use super::{Resolver, consts::NotConst, element::Declared, find, types::is_integer};
use crate::model::{Array, Base, Bound, BoundExpr, Element, Level, Member, Pointer, TypeKind};

/// Operators in a computed bound.
const MAX_OPERATORS: usize = 64;

/// Why a bound has no value.
enum NoBound {
    /// It has been reported.
    Told,
    /// It cannot be generated.
    Unsupported(String),
}

impl Resolver<'_> {
    /// Gives the arrays, strings and unions of siblings their bounds.
    pub(super) fn resolve_bounds(&mut self, elements: &mut [Element], declared: &[Declared]) {
        for index in 0..elements.len() {
            let Some(Declared { attrs, positions }) = declared.get(index) else { continue };
            let (sizes, max_is) = list(attrs, "size_is", "max_is");
            let (lengths, last_is) = list(attrs, "length_is", "last_is");
            let (firsts, _) = list(attrs, "first_is", "first_is");
            let (minima, _) = list(attrs, "min_is", "min_is");
            let mut levels = std::mem::take(&mut elements[index].levels);
            let mut wrong = None;
            let counted = levels.iter_mut().filter(|level| !matches!(level, Level::Pointer(_)));
            for (level, &position) in counted.zip(positions) {
                let mut bound = |exprs: &[Option<Expr>], plus_one| {
                    let expr = exprs.get(position)?.as_ref()?;
                    match self.bound(expr, elements, plus_one) {
                        Ok(bound) => return Some(bound),
                        Err(NoBound::Told) => wrong = Some("its bound is not known".to_owned()),
                        Err(NoBound::Unsupported(why)) => wrong = Some(why),
                    }
                    None
                };
                let (mut size, mut length) = (bound(&sizes, max_is), bound(&lengths, last_is));
                let mut first = bound(&firsts, false);
                // Indexes count from the lower bound: what travels are numbers of elements.
                if let Some(min) = bound(&minima, false).filter(|min| *min != Bound::Const(0)) {
                    size = if max_is { size.map(|size| less(&size, &min)) } else { size };
                    length = if last_is { length.map(|length| less(&length, &min)) } else { length };
                    first = first.map(|first| less(&first, &min));
                }
                if let (Some(first), Level::Array(array)) = (&first, &*level) {
                    // What a last element or the array's end leaves, from the first one on.
                    let end = length.take_if(|_| last_is).or_else(|| size.clone()).or(array.fixed.map(Bound::Const));
                    length = length.or_else(|| Some(less(&end?, first)));
                }
                match level {
                    Level::Array(Array { fixed: Some(_), .. }) if size.is_some() => {
                        wrong = Some(
                            "the array has a fixed size, which size_is and max_is cannot change: leave out one of the two"
                                .into(),
                        );
                    }
                    Level::Array(array) => {
                        array.size = size;
                        array.length = length;
                        array.first = first;
                    }
                    Level::Str { .. } if length.is_some() || first.is_some() => {
                        wrong = Some("length_is or first_is on a [string] is not generated".into());
                    }
                    Level::Str { fixed: Some(_), .. } if size.is_some() => {
                        wrong = Some("size_is on a string of a fixed size is not generated".into());
                    }
                    Level::Str { size: bound, .. } => *bound = size,
                    Level::Pointer(_) => {}
                }
            }
            let given = sizes.iter().chain(&lengths).chain(&firsts).filter(|expr| expr.is_some()).count();
            let taken = levels.iter().map(|level| match level {
                Level::Array(array) => {
                    // A first element alone makes a length, too, that nobody gave.
                    let bounds = [&array.size, &array.length, &array.first];
                    bounds.into_iter().filter(|bound| bound.is_some()).count()
                }
                Level::Str { size, .. } => usize::from(size.is_some()),
                Level::Pointer(_) => 0,
            });
            if wrong.is_none() && given > taken.sum() {
                wrong = Some("size_is or length_is stands at a place that is no array".into());
            }
            let unbounded =
                levels.iter().any(|level| matches!(level, Level::Array(Array { fixed: None, size: None, .. })));
            if wrong.is_none() && unbounded {
                wrong = Some("an array without a bound cannot travel: size_is is missing".into());
            }
            give_slots(&mut levels);
            elements[index].levels = levels;
            if let Some(attr) = find(attrs, "switch_is")
                && let Some(AttrArg::Expr(expr)) = attr.args.first()
            {
                match self.discriminant(expr, elements) {
                    Ok(bound) => elements[index].switch = Some(bound),
                    Err(NoBound::Told) => wrong = Some("its discriminant is not known".into()),
                    Err(NoBound::Unsupported(why)) => wrong = Some(why),
                }
            }
            if let Some(why) = wrong
                && !matches!(elements[index].base, Base::Unsupported(_))
            {
                elements[index].base = Base::Unsupported(why);
                elements[index].levels.clear();
                elements[index].switch = None;
            }
            elements[index].iid = self.iid_is(attrs, elements, index);
        }
    }

    /// What an expression of `size_is` and its kin refers to.
    fn bound(&mut self, expr: &Expr, elements: &[Element], plus_one: bool) -> Result<Bound, NoBound> {
        // A sibling hides a constant of the same name.
        if !names_sibling(expr, elements)
            && let Some(value) = self.try_const_value(expr)
        {
            return match u64::try_from(value.saturating_add(i128::from(plus_one))) {
                Ok(value @ 0..=0x7fff_ffff) => Ok(Bound::Const(value)),
                _ => {
                    self.error(
                        Diagnostic::error("bad-bound", format!("{value} is no number of elements"))
                            .label(expr.span, "between 0 and 2147483647"),
                    );
                    Err(NoBound::Told)
                }
            };
        }
        if !plus_one && let Some(index) = self.plain_sibling(expr, elements) {
            return Ok(Bound::Sibling(index));
        }
        let mut operators = 0;
        let expr = self.bound_expr(expr, elements, &mut operators)?;
        Ok(Bound::Expr(Box::new(if plus_one {
            BoundExpr::Binary(BinaryOp::Add, Box::new(expr), Box::new(BoundExpr::Int(1)))
        } else {
            expr
        })))
    }

    /// What an expression of `switch_is` refers to; a constant may have any value.
    fn discriminant(&mut self, expr: &Expr, elements: &[Element]) -> Result<Bound, NoBound> {
        match self.plain_sibling(expr, elements) {
            Some(index) => Ok(Bound::Sibling(index)),
            None => Ok(Bound::Expr(Box::new(self.bound_expr(expr, elements, &mut 0)?))),
        }
    }

    /// The sibling that an expression is: `n`, or `*n` where `n` is a top-level pointer.
    fn plain_sibling(&self, expr: &Expr, elements: &[Element]) -> Option<usize> {
        let name = match &expr.kind {
            ExprKind::Name(name) => name,
            ExprKind::Unary(UnaryOp::Deref, inner) => match &inner.kind {
                ExprKind::Name(name) => name,
                _ => return None,
            },
            _ => return None,
        };
        let index = elements.iter().position(|element| element.idl_name == *name)?;
        let element = elements.get(index)?;
        (is_integer(element) || self.is_enum(element)).then_some(index)
    }

    /// An expression with its names resolved and its constants folded.
    fn bound_expr(&mut self, expr: &Expr, elements: &[Element], operators: &mut usize) -> Result<BoundExpr, NoBound> {
        *operators += 1;
        if *operators > MAX_OPERATORS {
            return Err(NoBound::Unsupported(format!("a bound of more than {MAX_OPERATORS} operators")));
        }
        if !names_sibling(expr, elements) {
            return match self.eval(expr) {
                Ok(value) => i64::try_from(value)
                    .map(BoundExpr::Int)
                    .map_err(|_| NoBound::Unsupported("a constant in its bound does not fit 64 bits".into())),
                Err(NotConst::Name(name)) => {
                    self.unknown_sibling(&name, expr, elements);
                    Err(NoBound::Told)
                }
                Err(NotConst::Other(why)) => Err(NoBound::Unsupported(format!("a bound that is not generated: {why}"))),
            };
        }
        if let Some(test) = self.comparison_with_null(expr, elements) {
            return Ok(test);
        }
        if let Some((scalar, op, operand)) = self.as_cast(expr) {
            let kind = ExprKind::Unary(op, Box::new(operand.clone()));
            let operand = Expr { kind, span: expr.span };
            return Ok(BoundExpr::Cast(scalar, Box::new(self.bound_expr(&operand, elements, operators)?)));
        }
        let mut inner = |expr: &Expr| self.bound_expr(expr, elements, operators).map(Box::new);
        Ok(match &expr.kind {
            ExprKind::Name(name) => return self.sibling(name, 0, elements),
            ExprKind::Unary(UnaryOp::Deref, operand) => {
                let mut depth = 1;
                let mut operand = operand;
                while let ExprKind::Unary(UnaryOp::Deref, inner) = &operand.kind {
                    depth += 1;
                    operand = inner;
                }
                match &operand.kind {
                    ExprKind::Name(name) => return self.sibling(name, depth, elements),
                    _ => return Err(NoBound::Unsupported("pointer arithmetic in its bound".into())),
                }
            }
            ExprKind::Unary(UnaryOp::AddrOf, _) => {
                return Err(NoBound::Unsupported("an address in its bound".into()));
            }
            ExprKind::Unary(UnaryOp::Not, operand) => {
                BoundExpr::Unary(UnaryOp::Not, self.truth(operand, elements, operators)?)
            }
            ExprKind::Unary(op, operand) => BoundExpr::Unary(*op, inner(operand)?),
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let left = self.truth(left, elements, operators)?;
                BoundExpr::Binary(*op, left, self.truth(right, elements, operators)?)
            }
            ExprKind::Binary(op, left, right) => BoundExpr::Binary(*op, inner(left)?, inner(right)?),
            ExprKind::Ternary(condition, yes, no) => {
                let (yes, no) = (inner(yes)?, inner(no)?);
                BoundExpr::Ternary(self.truth(condition, elements, operators)?, yes, no)
            }
            ExprKind::Cast(ty, derivs, operand) => {
                let operand = inner(operand)?;
                match self.scalar_behind(ty) {
                    Some(scalar) if derivs.is_empty() => BoundExpr::Cast(scalar, operand),
                    _ => return Err(NoBound::Unsupported("a conversion to no integer in its bound".into())),
                }
            }
            ExprKind::Member(structure, member) => return self.member(structure, &member.name, elements),
            ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_)
            | ExprKind::SizeOf(..)
            | ExprKind::SizeOfExpr(_) => {
                return Err(NoBound::Unsupported("its bound is no integer".into()));
            }
        })
    }

    /// A condition: a pointer by itself is tested for NULL.
    fn truth(&mut self, expr: &Expr, elements: &[Element], operators: &mut usize) -> Result<Box<BoundExpr>, NoBound> {
        match self.pointer(expr, elements) {
            Some(index) => Ok(Box::new(BoundExpr::NotNull(index))),
            None => self.bound_expr(expr, elements, operators).map(Box::new),
        }
    }

    /// `p == NULL` and `p != 0`, where `p` is a pointer.
    fn comparison_with_null(&self, expr: &Expr, elements: &[Element]) -> Option<BoundExpr> {
        let ExprKind::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), left, right) = &expr.kind else { return None };
        let is_null = match &right.kind {
            ExprKind::Int(0, _) => true,
            ExprKind::Name(name) => name == "NULL",
            _ => false,
        };
        let index = self.pointer(left, elements).filter(|_| is_null)?;
        let test = BoundExpr::NotNull(index);
        Some(if *op == BinaryOp::Ne { test } else { BoundExpr::Unary(UnaryOp::Not, Box::new(test)) })
    }

    /// The sibling that an expression names, if it may be NULL.
    fn pointer(&self, expr: &Expr, elements: &[Element]) -> Option<usize> {
        let ExprKind::Name(name) = &expr.kind else { return None };
        let index = elements.iter().position(|element| element.idl_name == *name)?;
        let outermost = elements[index].levels.first();
        matches!(outermost, Some(Level::Pointer(kind)) if *kind != Pointer::Ref).then_some(index)
    }

    /// A sibling's value, or what `depth` stars in front of it lead to.
    fn sibling(&mut self, name: &str, depth: usize, elements: &[Element]) -> Result<BoundExpr, NoBound> {
        let Some(index) = elements.iter().position(|element| element.idl_name == name) else {
            return Err(NoBound::Unsupported(format!("its bound follows a pointer that {name} is not")));
        };
        let element = &elements[index];
        let pointers = element.levels.len();
        let number = match &element.base {
            Base::Scalar(scalar) => !scalar.is_float(),
            Base::Type(id) => matches!(self.model.ty(*id).kind, TypeKind::Enum(_)),
            // It has been reported, or keeps the operation from being generated anyway.
            Base::Unsupported(_) => return Err(NoBound::Unsupported(format!("its bound {name} cannot travel"))),
            Base::Handle(_) | Base::Guid | Base::Known(_) => false,
        };
        let direct = element.levels.iter().all(|level| matches!(level, Level::Pointer(_)));
        // The outermost pointer of a parameter, a reference, is not among the levels.
        if number && direct && pointers <= 1 && depth <= pointers + 1 {
            return Ok(BoundExpr::Sibling(index));
        }
        Err(NoBound::Unsupported(format!("its bound {name} is no integer")))
    }

    /// `p->member`, `s.inner.member`: a number in a sibling that is a structure or points to one.
    fn member(&mut self, structure: &Expr, last: &str, elements: &[Element]) -> Result<BoundExpr, NoBound> {
        let mut path = vec![last.to_owned()];
        let mut structure = structure;
        let name = loop {
            match &structure.kind {
                ExprKind::Member(outer, member) => {
                    path.insert(0, member.name.clone());
                    structure = outer;
                }
                ExprKind::Unary(UnaryOp::Deref, pointer) => structure = pointer,
                ExprKind::Name(name) => break name,
                _ => return Err(NoBound::Unsupported("pointer arithmetic in its bound".into())),
            }
        };
        let Some(index) = elements.iter().position(|element| element.idl_name == *name) else {
            return Err(NoBound::Unsupported(format!("its bound is a member of {name}, which is nothing beside it")));
        };
        match self.model.member(&elements[index], &path) {
            Member::Number(owner, field) => {
                self.shown.insert((owner, field));
            }
            // A structure that is resolved after this one: shapes are checked when all are.
            Member::Unknown => {}
            Member::None => {
                return Err(NoBound::Unsupported(format!("its bound {name}.{} is no number", path.join("."))));
            }
        }
        Ok(BoundExpr::Member(index, path))
    }

    fn is_enum(&self, element: &Element) -> bool {
        element.levels.is_empty()
            && matches!(&element.base, Base::Type(id) if matches!(self.model.ty(*id).kind, TypeKind::Enum(_)))
    }

    pub(super) fn unknown_sibling(&mut self, name: &str, expr: &Expr, elements: &[Element]) {
        if (self.poisoned)(name) {
            return;
        }
        let siblings = elements.iter().map(|element| element.idl_name.as_str());
        let mut diagnostic = Diagnostic::error("unknown-name", format!("unknown name {name}"))
            .label(expr.span, "neither a parameter or member beside it nor a constant");
        if let Some(close) = self.closest(name, siblings) {
            diagnostic = diagnostic.help(format!("did you mean {close}?"));
        }
        self.error(diagnostic);
    }
}

/// Arrays and strings within arrays whose maximum counts are not their lengths get a place for them.
fn give_slots(levels: &mut [Level]) {
    let arrays = levels.iter().filter(|level| !matches!(level, Level::Pointer(_))).count();
    let counted = levels.iter_mut().filter(|level| !matches!(level, Level::Pointer(_)));
    for (index, level) in counted.enumerate().skip(1) {
        match level {
            Level::Array(array) if array.fixed.is_none() && array.length.is_some() && array.size != array.length => {
                array.slot = Some(arrays - 1 - index);
            }
            Level::Str { fixed: None, size: Some(_), slot } => *slot = Some(arrays - 1 - index),
            _ => {}
        }
    }
}

/// A bound minus another.
fn less(bound: &Bound, first: &Bound) -> Bound {
    let expr = |bound: &Bound| match bound {
        Bound::Sibling(index) => BoundExpr::Sibling(*index),
        Bound::Const(value) => BoundExpr::Int(i64::try_from(*value).unwrap_or(i64::MAX)),
        Bound::Expr(expr) => (**expr).clone(),
        Bound::Elsewhere => BoundExpr::Int(0),
    };
    Bound::Expr(Box::new(BoundExpr::Binary(BinaryOp::Sub, Box::new(expr(bound)), Box::new(expr(first)))))
}

/// Whether an expression has a sibling's name in it.
fn names_sibling(expr: &Expr, elements: &[Element]) -> bool {
    names_in(expr).into_iter().any(|name| elements.iter().any(|element| element.idl_name == name))
}

/// The names in an expression.
fn names_in(expr: &Expr) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match &expr.kind {
            ExprKind::Name(name) => found.push(name.as_str()),
            ExprKind::Unary(_, inner) | ExprKind::Cast(_, _, inner) | ExprKind::Member(inner, _) => open.push(inner),
            ExprKind::Binary(_, left, right) => open.extend([&**left, &**right]),
            ExprKind::Ternary(condition, yes, no) => open.extend([&**condition, &**yes, &**no]),
            ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_)
            | ExprKind::SizeOf(..)
            | ExprKind::SizeOfExpr(_) => {}
        }
    }
    found
}

/// The arguments of the first of two attributes that is there, `None` where one is left out, and
/// whether it is the second.
pub(super) fn list(attrs: &[Attribute], first: &str, second: &str) -> (Vec<Option<Expr>>, bool) {
    let (attr, is_second) = match (find(attrs, first), find(attrs, second)) {
        (Some(attr), _) => (attr, false),
        (None, Some(attr)) => (attr, true),
        (None, None) => return (Vec::new(), false),
    };
    (expressions(&attr.args), is_second)
}

fn expressions(args: &[AttrArg]) -> Vec<Option<Expr>> {
    args.iter()
        .map(|arg| match arg {
            AttrArg::Expr(expr) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

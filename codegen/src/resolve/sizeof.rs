//! `sizeof`: sizes in memory, as a C compiler for Windows lays types out.

use midlc_parser::ast::{ArrayBound, Deriv, Expr, ExprKind, Field, TypeKind as AstKind, TypeSpec};

use super::{Resolver, scalar_of};
use crate::model::Scalar;

/// Types looked at for one `sizeof`: those that contain each other would never end.
const MAX_TYPES: usize = 4096;
/// How deeply they may nest.
const MAX_DEPTH: usize = 48;
/// How many `sizeof` may be within the bounds of arrays that another is about.
const MAX_NESTED: usize = 8;

/// Size and alignment in octets.
#[derive(Clone, Copy)]
struct Layout {
    size: i128,
    align: i128,
}

impl Resolver<'_> {
    /// The size of a type; `None` where it depends on the machine, or is not known.
    pub(super) fn size_of_type(&mut self, ty: &TypeSpec, derivs: &[Deriv]) -> Option<i128> {
        if self.nested_sizes >= MAX_NESTED {
            return None;
        }
        self.nested_sizes += 1;
        let mut left = MAX_TYPES;
        let layout = self.layout_of(self.file, ty, derivs, 0, &mut left);
        self.nested_sizes -= 1;
        layout.map(|layout| layout.size)
    }

    /// The size of an expression's value.
    pub(super) fn size_of_expr(&mut self, expr: &Expr) -> Option<i128> {
        Some(match &expr.kind {
            ExprKind::Int(value, _) => {
                if u32::try_from(*value).is_ok() {
                    4
                } else {
                    8
                }
            }
            ExprKind::Char(_) => 1,
            ExprKind::Float(_) => 8,
            ExprKind::Str(text) if text.wide => 2 * (text.value.encode_utf16().count() as i128 + 1),
            ExprKind::Str(text) => text.value.chars().count() as i128 + 1,
            ExprKind::Cast(ty, derivs, _) => return self.size_of_type(ty, derivs),
            _ => return None,
        })
    }

    fn layout_of(
        &mut self,
        file: usize,
        ty: &TypeSpec,
        derivs: &[Deriv],
        depth: usize,
        left: &mut usize,
    ) -> Option<Layout> {
        *left = left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let mut count: i128 = 1;
        for deriv in derivs {
            match deriv {
                Deriv::Array { bound: ArrayBound::Count(bound), .. } => {
                    let outer = std::mem::replace(&mut self.file, file);
                    let elements = self.try_const_value(bound);
                    self.file = outer;
                    count = count.checked_mul(elements.filter(|n| *n > 0)?)?;
                }
                // A pointer is four octets or eight.
                _ => return None,
            }
        }
        let one = self.layout_of_specifier(file, ty, depth, left)?;
        Some(Layout { size: one.size.checked_mul(count)?, ..one })
    }

    fn layout_of_specifier(&mut self, file: usize, ty: &TypeSpec, depth: usize, left: &mut usize) -> Option<Layout> {
        let body = match &ty.kind {
            AstKind::Base(base) => {
                let size = scalar_size(scalar_of(*base)?)?;
                return Some(Layout { size, align: size });
            }
            AstKind::Enum(_) => return Some(Layout { size: 4, align: 4 }),
            AstKind::Named(name) => {
                let (owner, entry) = self.typedef(file, &name.name)?;
                return self.layout_of(owner, entry.ty, &entry.declarator.derivs, depth + 1, left);
            }
            AstKind::Struct(def) if def.body.is_none() => self.body_of(file, def.tag.as_ref()?)?,
            AstKind::Union(def) if def.body.is_none() => self.body_of(file, def.tag.as_ref()?)?,
            AstKind::Struct(_) | AstKind::Union(_) => (file, ty),
            _ => return None,
        };
        match &body.1.kind {
            AstKind::Struct(def) => self.layout_of_members(body.0, def.body.iter().flatten(), false, depth, left),
            AstKind::Union(def) if def.switch.is_none() => {
                let members = def.body.iter().flatten().filter_map(|arm| arm.field.as_ref());
                self.layout_of_members(body.0, members, true, depth, left)
            }
            _ => None,
        }
    }

    fn layout_of_members<'f>(
        &mut self,
        file: usize,
        fields: impl Iterator<Item = &'f Field>,
        overlap: bool,
        depth: usize,
        left: &mut usize,
    ) -> Option<Layout> {
        let mut whole = Layout { size: 0, align: 1 };
        let mut add = |one: Layout| -> Option<()> {
            whole.align = whole.align.max(one.align);
            whole.size = if overlap {
                whole.size.max(one.size)
            } else {
                round_up(whole.size, one.align).checked_add(one.size)?
            };
            Some(())
        };
        for field in fields {
            if field.declarators.is_empty() {
                add(self.layout_of(file, &field.ty, &[], depth + 1, left)?)?;
            }
            for declarator in &field.declarators {
                if declarator.bits.is_some() {
                    return None;
                }
                add(self.layout_of(file, &field.ty, &declarator.derivs, depth + 1, left)?)?;
            }
        }
        Some(Layout { size: round_up(whole.size, whole.align), ..whole })
    }
}

fn round_up(size: i128, align: i128) -> i128 {
    size.div_euclid(align) * align + if size % align == 0 { 0 } else { align }
}

fn scalar_size(scalar: Scalar) -> Option<i128> {
    Some(match scalar {
        Scalar::U8 | Scalar::I8 => 1,
        Scalar::U16 | Scalar::I16 | Scalar::WChar => 2,
        Scalar::U32 | Scalar::I32 | Scalar::F32 => 4,
        Scalar::U64 | Scalar::I64 | Scalar::F64 => 8,
        Scalar::U3264 | Scalar::I3264 => return None,
    })
}

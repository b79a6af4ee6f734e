//! Pipes: parameters that travel in chunks, apart from the others.

use midlc_parser::ast::{self, Attribute, TypeKind as AstKind, TypeSpec};

use super::{
    Resolver,
    element::{MAX_TYPEDEFS, Place, Source},
    layout,
};
use crate::model::{Base, Element, Level, Model};

impl Resolver<'_> {
    /// The element of a parameter that is a pipe; its names are those of the parameter.
    pub(super) fn pipe(&mut self, param: &ast::Param, attrs: &[Attribute]) -> Option<Element> {
        let (file, ty) = self.pipe_type(&param.ty)?;
        let name = param.declarator.name.as_ref();
        let source = Source {
            attrs: &[],
            ty: &ty,
            derivs: &[],
            name: name.map(|name| name.name.as_str()).unwrap_or_default(),
            handle_name: "",
            span: name.map_or(param.span, |name| name.span),
            doc: None,
        };
        // Names mean what they mean in the file that says them.
        let here = std::mem::replace(&mut self.file, file);
        let (mut element, _) = self.element(&source, Place::Member);
        self.file = here;
        element.range = self.range(attrs);
        Some(element)
    }

    /// What a pipe that a specifier leads to consists of, and the file that says so.
    fn pipe_type(&self, ty: &TypeSpec) -> Option<(usize, TypeSpec)> {
        let (mut file, mut ty) = (self.file, ty);
        for _ in 0..MAX_TYPEDEFS {
            match &ty.kind {
                AstKind::Pipe(element) => return Some((file, (**element).clone())),
                AstKind::Named(name) => {
                    let (owner, entry) = self.typedef(file, &name.name)?;
                    (file, ty) = (owner, entry.ty);
                }
                _ => return None,
            }
        }
        None
    }
}

/// Why something cannot be the element of a pipe ([MS-RPCE] 2.2.5.3.4.5).
pub(super) fn refusal(model: &Model, element: &Element) -> Option<&'static str> {
    let pointer = |level: &Level| matches!(level, Level::Pointer(_));
    let varies = |level: &Level| match level {
        Level::Array(array) => array.fixed.is_none() || array.length.is_some(),
        Level::Str { .. } => true,
        Level::Pointer(_) => false,
    };
    let inner = match element.base {
        Base::Type(id) => Some(model.ty(id)),
        _ => None,
    };
    if element.levels.iter().any(pointer) || inner.is_some_and(|ty| ty.defers) {
        return Some("the elements of a pipe cannot have pointers");
    }
    if element.levels.iter().any(varies) || inner.is_some_and(|ty| ty.conformant > 0) {
        return Some("the elements of a pipe cannot have arrays of any size");
    }
    if layout::size_of(model, element) == [0, 0] {
        return Some("the elements of a pipe must have data");
    }
    None
}

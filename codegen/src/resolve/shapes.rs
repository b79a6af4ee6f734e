//! Shapes that have no representation, or none that implementations agree on: refused here, so that
//! emission never meets them.

use std::collections::HashMap;

use midlc_parser::diag::Diagnostic;

use super::{Resolver, layout};
use crate::model::{Align, Array, Base, Element, Level, Model, Pointer, TypeDef, TypeId, TypeKind};

/// Octets of the largest value without indirection: generated code keeps it on the stack.
const MAX_SIZE: u32 = 1 << 20;

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Member { last: bool },
    Arm,
    Parameter,
}

impl Resolver<'_> {
    /// Makes unsupported what cannot be generated rightly. Layout must be known.
    pub(super) fn check_shapes(&mut self) {
        for index in 0..self.model.types.len() {
            self.check_type(index);
        }
        for (id, why) in endless(&self.model) {
            self.model.types[id.0].unsupported.get_or_insert(why);
        }
        let mut files = std::mem::take(&mut self.model.files);
        for method in files.iter_mut().flat_map(|file| &mut file.interfaces).flat_map(|i| &mut i.methods) {
            for element in method.request.iter_mut().chain(&mut method.response) {
                refuse(&self.model, element, Place::Parameter);
            }
            // A group is a choice of handles that come in; none that goes out.
            for element in &mut method.response {
                if let Base::Handle(id) = element.base
                    && !self.model.handle(id).group.is_empty()
                {
                    element.base = Base::Unsupported("a handle of a group cannot come back".into());
                    element.levels.clear();
                }
            }
        }
        self.model.files = files;
    }

    fn check_type(&mut self, index: usize) {
        let mut kind = std::mem::replace(
            &mut self.model.types[index].kind,
            TypeKind::Enum(crate::model::EnumDef { wide: false, values: Vec::new() }),
        );
        let mut misplaced = Vec::new();
        match &mut kind {
            TypeKind::Struct(def) => {
                let last = def.fields.len().saturating_sub(1);
                for (position, field) in def.fields.iter_mut().enumerate() {
                    let place = Place::Member { last: position == last };
                    if position != last && is_conformant(&self.model, &field.levels, &field.base) {
                        misplaced.push(field.span);
                    }
                    refuse(&self.model, field, place);
                }
            }
            TypeKind::Union(def) => {
                for element in def.arms.iter_mut().filter_map(|arm| arm.element.as_mut()) {
                    refuse(&self.model, element, Place::Arm);
                }
            }
            TypeKind::Enum(_) => {}
        }
        self.model.types[index].kind = kind;
        for span in misplaced {
            self.error(
                Diagnostic::error("misplaced-conformance", "a conformant array must be the last member")
                    .label(span, "this one is not")
                    .help("make it a pointer, or move it to the end"),
            );
        }
        let ty = &mut self.model.types[index];
        if ty.size.iter().any(|size| *size > MAX_SIZE) {
            ty.unsupported.get_or_insert_with(|| format!("it has more than {MAX_SIZE} octets in one piece"));
        }
    }
}

/// Makes an element unsupported that cannot be generated.
fn refuse(model: &Model, element: &mut Element, place: Place) {
    if let Some(why) = reason(model, element, place) {
        element.base = Base::Unsupported(why);
        element.levels.clear();
        element.switch = None;
    }
}

fn reason(model: &Model, element: &Element, place: Place) -> Option<String> {
    if matches!(element.base, Base::Unsupported(_)) {
        return None;
    }
    if matches!(element.base, Base::Handle(_)) && place != Place::Parameter {
        return Some("context handles must be parameters".into());
    }
    if place == Place::Arm && is_conformant(model, &element.levels, &element.base) {
        return Some("a conformant array cannot be an arm of a union".into());
    }
    if layout::size_of(model, element).iter().any(|size| *size > MAX_SIZE) {
        return Some(format!("it has more than {MAX_SIZE} octets in one piece"));
    }
    let mut levels = element.levels.as_slice();
    let mut arrays = 0;
    while let Some((level, inner)) = levels.split_first() {
        if let Level::Array(array) = level {
            if let Some(why) = in_array(model, inner, &element.base) {
                return Some(why.into());
            }
            if arrays > 0 && array.length.is_some() && array.fixed.is_none() && array.size != array.length {
                return Some("an array within an array has a capacity of its own, which is not generated".into());
            }
            arrays += 1;
        }
        if let Level::Str { size: Some(_), .. } = level
            && arrays > 0
        {
            return Some("a string within an array has a capacity of its own, which is not generated".into());
        }
        levels = inner;
    }
    None
}

/// Why something cannot be the element of an array.
fn in_array(model: &Model, levels: &[Level], base: &Base) -> Option<&'static str> {
    if is_conformant(model, levels, base) {
        return Some(match levels.first() {
            Some(Level::Str { .. }) => "arrays of strings of any length need pointers to the strings",
            Some(_) => "arrays with several dimensions of any size are not generated",
            None => "arrays of structures that end in an array of any size cannot travel",
        });
    }
    match levels.first() {
        Some(Level::Array(Array { length: Some(_), .. })) => {
            Some("arrays of which several dimensions vary are not generated")
        }
        Some(Level::Pointer(Pointer::Ref)) => {
            Some("arrays of [ref] pointers are not generated: implementations disagree on what stands in place")
        }
        Some(_) => None,
        None => match base {
            Base::Type(id) => match &model.ty(*id).kind {
                TypeKind::Union(union) if union.ms_union && !union.encapsulated => {
                    let tag = layout::tag_align(model, &union.tag);
                    let wide = tag.max(union.arm_align) != Align { ndr64: tag.max(union.arm_align).ndr64, ..tag };
                    wide.then_some("arrays of ms_unions whose arms are wider than the discriminant are not generated")
                }
                _ => None,
            },
            _ => None,
        },
    }
}

/// Whether an element has a maximum count in front of what is around it.
fn is_conformant(model: &Model, levels: &[Level], base: &Base) -> bool {
    match levels.first() {
        Some(Level::Array(array)) => array.conformant(),
        Some(Level::Str { fixed, .. }) => fixed.is_none(),
        Some(Level::Pointer(_)) => false,
        None => matches!(base, Base::Type(id) if model.ty(*id).conformant > 0),
    }
}

/// Types of which no value has an end, because they contain themselves through `[ref]` pointers
/// alone.
fn endless(model: &Model) -> Vec<(TypeId, String)> {
    let edges: Vec<Vec<usize>> = model.types.iter().map(always_inside).collect();
    let mut groups: HashMap<usize, usize> = HashMap::new();
    let components = layout::components(&edges);
    for &component in &components {
        *groups.entry(component).or_default() += 1;
    }
    (0..edges.len())
        .filter(|&index| groups[&components[index]] > 1 || edges[index].contains(&index))
        .map(|index| (TypeId(index), "it contains itself, and no pointer on the way may be NULL".to_owned()))
        .collect()
}

/// The types that the zero value of a type contains.
fn always_inside(ty: &TypeDef) -> Vec<usize> {
    let inside = |element: &Element| {
        let optional = element.levels.iter().any(|level| match level {
            Level::Pointer(kind) => *kind != Pointer::Ref,
            Level::Array(array) => array.fixed.is_none() || array.length.is_some(),
            Level::Str { .. } => false,
        });
        match element.base {
            Base::Type(TypeId(id)) if !optional => Some(id),
            _ => None,
        }
    };
    match &ty.kind {
        TypeKind::Struct(def) => def.fields.iter().filter_map(inside).collect(),
        // The first arm stands for a union that has not been read yet.
        TypeKind::Union(def) => def.arms.iter().take(1).filter_map(|arm| inside(arm.element.as_ref()?)).collect(),
        TypeKind::Enum(_) => Vec::new(),
    }
}

//! Shapes that have no representation, or none that implementations agree on: refused here, so that
//! emission never meets them.

use std::collections::HashMap;

use midlc_parser::diag::Diagnostic;

use super::{Resolver, layout, pipes};
use crate::model::{Base, Bound, Element, Level, Member, Model, Pointer, TypeDef, TypeId, TypeKind, grid};

/// Octets of the largest value without indirection: generated code keeps it on the stack.
const MAX_SIZE: u32 = 1 << 20;

/// Dimensions of the largest array of which several vary; the runtime's limit.
const MAX_DIMENSIONS: usize = 8;

/// Arrays with capacities of their own within each other; the runtime's limit.
const INNER_SLOTS: usize = 4;

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
            for element in method.in_pipes.iter_mut().chain(&mut method.out_pipes) {
                refuse(&self.model, element, Place::Arm);
                if let Some(why) = pipes::refusal(&self.model, element)
                    && !matches!(element.base, Base::Unsupported(_))
                {
                    element.base = Base::Unsupported(why.into());
                    element.levels.clear();
                }
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
                let mut lost = Vec::new();
                for (position, field) in def.fields.iter().enumerate() {
                    for (sibling, path) in members_in_bounds(field) {
                        match def.fields.get(sibling).map(|sibling| self.model.member(sibling, path)) {
                            Some(Member::Number(owner, place)) => {
                                self.shown.insert((owner, place));
                            }
                            _ => lost.push((position, path.join("."))),
                        }
                    }
                }
                for (position, path) in lost {
                    if let Some(field) = def.fields.get_mut(position) {
                        field.base = Base::Unsupported(format!("the member {path} in its bound is no number"));
                        field.levels.clear();
                        field.switch = None;
                    }
                }
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

/// The members of siblings that an element's bounds refer to.
fn members_in_bounds(element: &Element) -> Vec<(usize, &[String])> {
    let levels = element.levels.iter().flat_map(|level| match level {
        Level::Array(array) => vec![&array.size, &array.length, &array.first],
        Level::Str { size, .. } => vec![size],
        Level::Pointer(_) => Vec::new(),
    });
    let bounds = levels.flatten().chain(&element.switch);
    let exprs = bounds.filter_map(|bound| match bound {
        Bound::Expr(expr) => Some(expr.members()),
        _ => None,
    });
    exprs.flatten().collect()
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
    if matches!(&element.base, Base::Known(known) if known.is_conformant())
        && element.levels.is_empty()
        && place != Place::Parameter
    {
        return Some("it has counts in front of it, and can only stand behind a pointer".into());
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
        let mut inner = inner;
        if let Level::Array(_) = level {
            let rank = grid(levels).unwrap_or(1);
            if rank > MAX_DIMENSIONS {
                return Some(format!("it has more than {MAX_DIMENSIONS} dimensions"));
            }
            inner = levels.get(rank..).unwrap_or_default();
            if is_conformant(model, inner, &element.base) {
                return Some(String::from(match inner.first() {
                    None if matches!(element.base, Base::Known(_)) => {
                        "arrays of what has counts in front of it cannot travel"
                    }
                    Some(_) => "arrays of strings of any length need pointers to the strings",
                    None => "arrays of structures that end in an array of any size cannot travel",
                }));
            }
            let first = |level: &Level| matches!(level, Level::Array(array) if array.first.is_some());
            if levels.iter().take(rank).any(first) && (rank > 1 || arrays > 0) {
                return Some("first_is in an array of several dimensions or within an array is not generated".into());
            }
            if levels.iter().take(rank).any(first) && place != Place::Parameter && levels.len() < element.levels.len() {
                return Some("first_is behind a pointer that is a member is not generated".into());
            }
            let capacity = |level: &Level| {
                matches!(level, Level::Array(array)
                    if array.length.is_some() && array.fixed.is_none() && array.size != array.length)
            };
            if rank > 1 && levels.iter().take(rank).skip(usize::from(arrays == 0)).any(capacity) {
                return Some("only the first dimension of an array can have size_is beside length_is".into());
            }
            arrays += 1;
        }
        let (slot, size) = match level {
            Level::Array(array) => (array.slot, &array.size),
            Level::Str { slot, size, .. } => (*slot, size),
            Level::Pointer(_) => (None, &None),
        };
        if slot.is_some() && *size == Some(Bound::Elsewhere) {
            return Some("an array within an array has a capacity that only the request says".into());
        }
        if slot.is_some_and(|slot| slot >= INNER_SLOTS) {
            return Some(format!("more than {INNER_SLOTS} arrays with capacities of their own are within each other"));
        }
        levels = inner;
    }
    None
}

/// Whether an element has a maximum count in front of what is around it.
fn is_conformant(model: &Model, levels: &[Level], base: &Base) -> bool {
    if let Some(rank) = grid(levels) {
        let conformant = |level: &Level| matches!(level, Level::Array(array) if array.conformant());
        return levels.iter().take(rank).any(conformant);
    }
    match levels.first() {
        Some(Level::Array(array)) => array.conformant(),
        Some(Level::Str { fixed, .. }) => fixed.is_none(),
        Some(Level::Pointer(_)) => false,
        None => match base {
            Base::Type(id) => model.ty(*id).conformant > 0,
            Base::Known(known) => known.is_conformant(),
            _ => false,
        },
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

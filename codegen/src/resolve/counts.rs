//! Which counts and discriminants Rust does not show, because arrays and unions decide them.
//!
//! A count disappears only if it is a plain integer that an array of the same structure or
//! direction fixes exactly. With both `size_is` and `length_is`, the length is fixed and the
//! capacity is not.

use super::{Resolver, types::is_integer};
use crate::model::{Base, Bound, Element, Level, Model, Pointer, ResultInfo, Role, Tag, TypeId, TypeKind};

impl Resolver<'_> {
    /// Decides what the Rust API shows of counts and discriminants.
    pub(super) fn settle_roles(&mut self) {
        for index in 0..self.model.types.len() {
            let level6 = self.bodies_of[index].level6;
            if let TypeKind::Struct(def) = &mut self.model.types[index].kind {
                let mut fields = std::mem::take(&mut def.fields);
                assign_roles(&self.model, &mut fields, None, level6);
                for (place, field) in fields.iter_mut().enumerate() {
                    if self.shown.contains(&(TypeId(index), place)) {
                        field.role = Role::Plain;
                    }
                }
                if let TypeKind::Struct(def) = &mut self.model.types[index].kind {
                    def.fields = fields;
                }
            }
        }
        let mut files = std::mem::take(&mut self.model.files);
        for interface in files.iter_mut().flat_map(|file| &mut file.interfaces) {
            for method in &mut interface.methods {
                assign_roles(&self.model, &mut method.request, None, interface.level6);
                assign_roles(&self.model, &mut method.response, Some(&method.results), interface.level6);
                if let Some(status) = &method.status
                    && let Some(element) = method.response.get_mut(status.element)
                {
                    element.role = Role::Plain;
                }
            }
        }
        self.model.files = files;
    }
}

/// Assigns roles among elements that stand beside each other. `results` is given for responses.
/// At level 5.0 a NULL pointer may stand beside a count that is not 0, so that such counts stay
/// visible.
fn assign_roles(model: &Model, elements: &mut [Element], results: Option<&[ResultInfo]>, level6: bool) {
    let mut counts = Vec::new();
    let mut discriminants = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let dictated = results.and_then(|results| results.get(index)).is_some_and(|info| info.capacity.is_some());
        if !dictated {
            counts.extend(fixed_by(element, level6));
        } else if let Some(Bound::Sibling(length)) = first_length(element) {
            counts.push(length);
        }
        if let (Some(Bound::Sibling(tag)), Base::Type(union)) = (&element.switch, &element.base)
            && element.levels.iter().all(|level| matches!(level, Level::Pointer(Pointer::Ref)))
            && elements.get(*tag).is_some_and(|tag| is_tag_of(model, tag, *union))
        {
            discriminants.push(*tag);
        }
    }
    for index in counts {
        if let Some(element) = elements.get_mut(index)
            && is_integer(element)
        {
            element.role = Role::Count;
        }
    }
    for index in discriminants {
        // A discriminant that is a count as well, or that decides two unions, is shown.
        let unions = elements.iter().filter(|other| matches!(other.switch, Some(Bound::Sibling(tag)) if tag == index));
        let single = unions.count() == 1;
        if let Some(element) = elements.get_mut(index)
            && element.role == Role::Plain
            && element.levels.is_empty()
            && single
        {
            element.role = Role::Discriminant;
        }
    }
}

/// Whether an element has the very type of a union's discriminant.
fn is_tag_of(model: &Model, element: &Element, union: TypeId) -> bool {
    let TypeKind::Union(union) = &model.ty(union).kind else { return false };
    match (&element.base, &union.tag) {
        (Base::Scalar(scalar), Tag::Scalar(tag)) => scalar == tag,
        (Base::Type(id), Tag::Enum(tag)) => id == tag,
        _ => false,
    }
}

/// The siblings that an element's outermost array fixes.
fn fixed_by(element: &Element, level6: bool) -> Option<usize> {
    let (array, nullable) = outermost_array(element)?;
    if nullable && !level6 {
        return None;
    }
    match (&array.size, &array.length) {
        (_, Some(Bound::Sibling(length))) => Some(*length),
        (Some(Bound::Sibling(size)), None) if array.fixed.is_none() => Some(*size),
        _ => None,
    }
}

fn first_length(element: &Element) -> Option<Bound> {
    outermost_array(element).and_then(|(array, _)| array.length.clone())
}

/// The outermost array level of an element, and whether a pointer above it may be NULL.
fn outermost_array(element: &Element) -> Option<(&crate::model::Array, bool)> {
    let mut nullable = false;
    for level in &element.levels {
        match level {
            Level::Pointer(Pointer::Ref) => {}
            Level::Pointer(_) => nullable = true,
            Level::Array(array) => return Some((array, nullable)),
            Level::Str { .. } => return None,
        }
    }
    None
}

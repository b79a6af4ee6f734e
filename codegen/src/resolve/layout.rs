//! Sizes, alignments and containment of types.

use std::collections::HashMap;

use super::elements_of;
use crate::model::{Align, Base, Element, Known, Level, Model, Pointer, Scalar, Tag, TypeDef, TypeKind, grid};

/// Fills in the layout of every type, those inside others first.
pub(super) fn compute(model: &mut Model) {
    let edges: Vec<Vec<usize>> = model.types.iter().map(inside).collect();
    let components = components(&edges);
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|&index| components[index]);
    for (place, &index) in order.iter().enumerate() {
        let neighbour = |other: Option<usize>| {
            other.and_then(|other| order.get(other)).is_some_and(|&other| components[other] == components[index])
        };
        if edges[index].contains(&index) || neighbour(place.checked_sub(1)) || neighbour(Some(place + 1)) {
            let why = "it contains itself without a pointer".to_owned();
            model.types[index].unsupported.get_or_insert(why);
        }
        lay_out(model, index);
    }
    find_cycles(model);
}

/// The types that a type has in place.
fn inside(ty: &TypeDef) -> Vec<usize> {
    elements_of(&ty.kind)
        .filter(|element| !element.levels.iter().any(|level| matches!(level, Level::Pointer(_))))
        .filter_map(|element| match element.base {
            Base::Type(id) => Some(id.0),
            _ => None,
        })
        .collect()
}

/// Numbers nodes that reach each other alike, those that are reached first (Tarjan). Chains may be
/// long, so there is no recursion.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let (mut index, mut low) = (vec![NEW; edges.len()], vec![0; edges.len()]);
    let mut component = vec![NEW; edges.len()];
    let (mut path, mut next, mut count) = (Vec::new(), 0, 0);
    for start in 0..edges.len() {
        if index[start] != NEW {
            continue;
        }
        // Nodes that are being visited, and how many of their edges have been followed.
        let mut open = vec![(start, 0)];
        while let Some((node, followed)) = open.pop() {
            if followed == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                path.push(node);
            } else {
                let child = edges[node][followed - 1];
                low[node] = low[node].min(low[child]);
            }
            let rest = edges[node].iter().enumerate().skip(followed);
            let mut descend = None;
            for (position, &child) in rest {
                if index[child] == NEW {
                    descend = Some((position, child));
                    break;
                }
                if component[child] == NEW {
                    low[node] = low[node].min(index[child]);
                }
            }
            if let Some((position, child)) = descend {
                open.push((node, position + 1));
                open.push((child, 0));
                continue;
            }
            if low[node] == index[node] {
                while let Some(member) = path.pop() {
                    component[member] = count;
                    if member == node {
                        break;
                    }
                }
                count += 1;
            }
        }
    }
    component
}

fn lay_out(model: &mut Model, index: usize) {
    let layout = layout_of(model, &model.types[index]);
    let ty = &mut model.types[index];
    ty.align = layout.align;
    ty.size = layout.size;
    ty.min = layout.min;
    ty.defers = layout.defers;
    ty.conformant = layout.conformant;
    let automation = has_automation(model, index);
    let ty = &mut model.types[index];
    ty.automation = automation;
    if let TypeKind::Union(union) = &mut ty.kind {
        union.arm_align = layout.arm_align;
    }
}

/// Whether a structure has BSTRs or VARIANTs in place. Those inside are laid out already.
fn has_automation(model: &Model, index: usize) -> bool {
    let TypeKind::Struct(def) = &model.types[index].kind else { return false };
    def.fields.iter().filter(|field| field.levels.is_empty()).any(|field| match &field.base {
        Base::Known(known) => matches!(known, Known::Bstr | Known::Variant),
        Base::Type(id) => model.ty(*id).automation,
        _ => false,
    })
}

/// Octets of an element in place, in NDR and NDR64.
pub(super) fn size_of(model: &Model, element: &Element) -> [u32; 2] {
    part_of(model, element).size
}

struct Layout {
    align: Align,
    arm_align: Align,
    size: [u32; 2],
    min: u32,
    defers: bool,
    conformant: usize,
}

fn layout_of(model: &Model, ty: &TypeDef) -> Layout {
    let mut layout =
        Layout { align: Align::same(1), arm_align: Align::same(1), size: [0, 0], min: 0, defers: false, conformant: 0 };
    match &ty.kind {
        TypeKind::Enum(def) => {
            layout.align = enum_align(def.wide);
            layout.size = [u32::from(layout.align.ndr), 4];
            layout.min = layout.size[0];
        }
        TypeKind::Struct(def) => {
            for element in &def.fields {
                let part = part_of(model, element);
                layout.align = layout.align.max(part.align);
                for (syntax, size) in layout.size.iter_mut().enumerate() {
                    let align = u32::from(if syntax == 0 { part.align.ndr } else { part.align.ndr64 });
                    *size = size.checked_next_multiple_of(align).unwrap_or(u32::MAX).saturating_add(part.size[syntax]);
                }
                layout.min = layout.min.saturating_add(part.min);
                layout.defers |= part.defers;
                layout.conformant = layout.conformant.max(part.conformant);
            }
            layout.size[1] = layout.size[1].checked_next_multiple_of(u32::from(layout.align.ndr64)).unwrap_or(u32::MAX);
        }
        TypeKind::Union(def) => {
            let tag = tag_align(model, &def.tag);
            let mut largest = [0, 0];
            let mut smallest = u32::MAX;
            for arm in &def.arms {
                let Some(element) = &arm.element else {
                    smallest = 0;
                    continue;
                };
                let part = part_of(model, element);
                layout.arm_align = layout.arm_align.max(part.align);
                largest = [largest[0].max(part.size[0]), largest[1].max(part.size[1])];
                smallest = smallest.min(part.min);
                layout.defers |= part.defers;
            }
            layout.align = tag.max(layout.arm_align);
            for (syntax, size) in layout.size.iter_mut().enumerate() {
                let (tag, arm) = match syntax {
                    0 => (tag.ndr, layout.arm_align.ndr),
                    _ => (tag.ndr64, layout.arm_align.ndr64),
                };
                *size = u32::from(tag).next_multiple_of(u32::from(arm)).saturating_add(largest[syntax]);
            }
            layout.min = u32::from(tag.ndr).saturating_add(if smallest == u32::MAX { 0 } else { smallest });
        }
    }
    layout
}

/// An enumeration's alignment and size: two octets in NDR unless `v1_enum`, four in NDR64.
fn enum_align(wide: bool) -> Align {
    if wide { Align::same(4) } else { Align { ndr: 2, ndr64: 4 } }
}

/// A discriminant's alignment, which is its size.
pub(crate) fn tag_align(model: &Model, tag: &Tag) -> Align {
    match tag {
        Tag::Scalar(scalar) => scalar_align(*scalar),
        Tag::Enum(id) => match &model.ty(*id).kind {
            TypeKind::Enum(def) => enum_align(def.wide),
            _ => Align::same(4),
        },
        Tag::Unknown => Align::same(4),
    }
}

struct Part {
    align: Align,
    size: [u32; 2],
    min: u32,
    defers: bool,
    conformant: usize,
}

/// The part in place of an element.
fn part_of(model: &Model, element: &Element) -> Part {
    part_of_levels(model, &element.levels, &element.base)
}

fn part_of_levels(model: &Model, levels: &[Level], base: &Base) -> Part {
    let counts = |words: u32| [words * 4, words * 8];
    match levels.first() {
        Some(Level::Pointer(_)) => Part { align: Align::WORD, size: [4, 8], min: 4, defers: true, conformant: 0 },
        Some(Level::Array(_)) if let Some(rank) = grid(levels) => {
            let inner = part_of_levels(model, &levels[rank..], base);
            let dimensions = || {
                levels[..rank].iter().filter_map(|level| match level {
                    Level::Array(array) => Some(array),
                    _ => None,
                })
            };
            let varying = dimensions().filter(|array| array.length.is_some()).count();
            let words = u32::try_from(2 * varying).unwrap_or(u32::MAX);
            Part {
                align: if varying > 0 { Align::WORD.max(inner.align) } else { inner.align },
                size: counts(words),
                min: words * 4,
                defers: inner.defers,
                conformant: dimensions().filter(|array| array.conformant()).count(),
            }
        }
        Some(Level::Array(array)) => {
            let mut inner = part_of_levels(model, &levels[1..], base);
            if let Some(Level::Pointer(Pointer::Ref)) = levels.get(1) {
                // Nothing stands in place for it in NDR.
                inner = Part { align: Align { ndr: 1, ndr64: 8 }, size: [0, 8], min: 0, ..inner };
            }
            let varying = array.length.is_some();
            match array.fixed {
                Some(count) if !varying => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    Part {
                        align: inner.align,
                        size: [inner.size[0].saturating_mul(count), inner.size[1].saturating_mul(count)],
                        min: inner.min.saturating_mul(count),
                        defers: inner.defers,
                        conformant: 0,
                    }
                }
                Some(_) => Part {
                    align: Align::WORD.max(inner.align),
                    size: counts(2),
                    min: 8,
                    defers: inner.defers,
                    conformant: 0,
                },
                None => Part {
                    align: if varying { Align::WORD.max(inner.align) } else { inner.align },
                    size: if varying { counts(2) } else { [0, 0] },
                    min: if varying { 8 } else { 0 },
                    defers: inner.defers,
                    conformant: 1,
                },
            }
        }
        Some(Level::Str { fixed: Some(_), .. }) => {
            Part { align: Align::WORD, size: counts(2), min: 9, defers: false, conformant: 0 }
        }
        Some(Level::Str { fixed: None, .. }) => {
            Part { align: Align::WORD, size: counts(2), min: 9, defers: false, conformant: 1 }
        }
        None => match base {
            Base::Scalar(scalar) => {
                let align = scalar_align(*scalar);
                let size = [u32::from(align.ndr), u32::from(align.ndr64)];
                Part { align, size, min: size[0], defers: false, conformant: 0 }
            }
            Base::Guid => Part { align: Align::same(4), size: [16, 16], min: 16, defers: false, conformant: 0 },
            Base::Handle(_) => Part { align: Align::same(4), size: [20, 20], min: 20, defers: false, conformant: 0 },
            Base::Type(id) => {
                let ty = model.ty(*id);
                Part { align: ty.align, size: ty.size, min: ty.min, defers: ty.defers, conformant: ty.conformant }
            }
            Base::Known(known) => {
                let layout = known.layout();
                Part { align: layout.align, size: layout.size, min: layout.min, defers: layout.defers, conformant: 0 }
            }
            Base::Unsupported(_) => Part { align: Align::same(1), size: [0, 0], min: 0, defers: false, conformant: 0 },
        },
    }
}

/// A scalar's alignment, which is its size.
pub(crate) fn scalar_align(scalar: Scalar) -> Align {
    match scalar {
        Scalar::U8 | Scalar::I8 => Align::same(1),
        Scalar::U16 | Scalar::I16 | Scalar::WChar => Align::same(2),
        Scalar::U32 | Scalar::I32 | Scalar::F32 => Align::same(4),
        Scalar::U64 | Scalar::I64 | Scalar::F64 => Align::same(8),
        Scalar::U3264 | Scalar::I3264 => Align::WORD,
    }
}

/// Types that contain each other in Rust, through `Option` but neither `Vec` nor `Arc`, get a
/// number in common; pointers between them are boxed.
fn find_cycles(model: &mut Model) {
    let edges: Vec<Vec<usize>> = model
        .types
        .iter()
        .map(|ty| {
            elements_of(&ty.kind)
                .filter(|element| {
                    !element.levels.iter().any(|level| {
                        matches!(level, Level::Pointer(Pointer::Full))
                            || matches!(level, Level::Array(array) if array.fixed.is_none() || array.length.is_some())
                    })
                })
                .filter_map(|element| match element.base {
                    Base::Type(id) => Some(id.0),
                    _ => None,
                })
                .collect()
        })
        .collect();
    let components = components(&edges);
    let mut first: HashMap<usize, (usize, usize)> = HashMap::new();
    for (index, &component) in components.iter().enumerate() {
        let (_, members) = first.entry(component).or_insert((index, 0));
        *members += 1;
    }
    for (index, component) in components.iter().enumerate() {
        let (number, members) = first[component];
        if members > 1 || edges[index].contains(&index) {
            model.types[index].cycle = Some(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn what_reaches_each_other_is_one_component_and_what_is_reached_comes_first() {
        let found = components(&[vec![1], vec![2, 3], vec![1], vec![], vec![0]]);
        assert_eq!(found[1], found[2]);
        assert!(found[3] < found[1] && found[1] < found[0] && found[0] < found[4]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let edges: Vec<Vec<usize>> = (1..200_000).map(|next| vec![next]).chain([vec![]]).collect();
        assert_eq!(components(&edges)[0], 199_999);
    }
}

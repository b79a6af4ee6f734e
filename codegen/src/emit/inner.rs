//! Counts of arrays within arrays: `n` of `size_is(m, n)`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{
    Emitter,
    bounds::{Access, bound_name, is_late},
    structs::scoped,
};
use crate::model::{Bound, Element, Level, Pointer};

/// An array within an array, and what dictates its length.
struct Inner<'a> {
    /// Its place among the levels.
    level: usize,
    bound: &'a Bound,
}

/// The arrays within arrays of an element that have bounds.
fn inner(element: &Element) -> Vec<Inner<'_>> {
    let arrays = element.levels.iter().enumerate().filter_map(|(level, found)| match found {
        Level::Array(array) => Some((level, array)),
        _ => None,
    });
    let bounds = arrays.skip(1).filter_map(|(level, array)| {
        let bound = array.length.as_ref().or(array.size.as_ref().filter(|_| array.fixed.is_none()))?;
        (*bound != Bound::Elsewhere).then_some(Inner { level, bound })
    });
    bounds.collect()
}

/// Whether the arrays are behind pointers, so that they are deferred.
pub(super) fn is_deferred(element: &Element) -> bool {
    element.levels.iter().any(|level| matches!(level, Level::Pointer(_)))
}

/// The bounds of maximum counts of arrays and strings within arrays, with the places they are kept at.
pub(super) fn capacities(element: &Element) -> impl Iterator<Item = (usize, &Bound)> {
    element.levels.iter().filter_map(|level| match level {
        Level::Array(array) => array.slot.zip(array.size.as_ref()),
        Level::Str { slot, size, .. } => slot.zip(size.as_ref()),
        Level::Pointer(_) => None,
    })
}

impl Emitter<'_> {
    /// Sets the maximum counts of arrays within arrays before these are marshalled.
    pub(super) fn set_capacities(&self, element: &Element, siblings: &[Element], access: Access<'_>) -> TokenStream {
        let sets = capacities(element).map(|(slot, bound)| {
            let slot = Literal::usize_unsuffixed(slot);
            let count = match bound {
                Bound::Const(count) => {
                    let count = Literal::u64_suffixed(*count);
                    quote!(#count)
                }
                bound => self.bound(bound, siblings, access),
            };
            quote!(e.set_inner_capacity(#slot, #count);)
        });
        sets.collect()
    }

    /// Checks the lengths of arrays within arrays before they are marshalled.
    pub(super) fn put_inner(
        &self,
        element: &Element,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
    ) -> TokenStream {
        let value = access.element(element);
        let checks = inner(element).into_iter().map(|found| {
            let (name, dictated) = (bound_name(found.bound, siblings), self.bound(found.bound, siblings, access));
            walk(
                &element.levels,
                found.level,
                &value,
                0,
                &|row| quote!(e.expect_count(#name, #dictated, #row.len()).at(#what)?;),
            )
        });
        checks.collect()
    }

    /// Checks the lengths of arrays within arrays after all of them are read; `in_structure`: what pointers
    /// beside them refer to is not.
    pub(super) fn get_inner(
        &self,
        element: &Element,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
        in_structure: bool,
    ) -> TokenStream {
        let value = access.element(element);
        let checks =
            inner(element).into_iter().filter(|found| !in_structure || !is_late(found.bound, siblings)).map(|found| {
                let dictated = self.bound(found.bound, siblings, access);
                self.get_one(element, siblings, &found, &value, &dictated, what)
            });
        checks.collect()
    }

    /// The counts of arrays within arrays that are read later, in the order of
    /// [`get_inner_deferred`](Self::get_inner_deferred).
    pub(super) fn inner_counts(&self, element: &Element, siblings: &[Element]) -> Vec<TokenStream> {
        let bounds = inner(element).into_iter().filter(|found| !is_late(found.bound, siblings));
        bounds.map(|found| self.bound(found.bound, siblings, Access::Local)).collect()
    }

    /// Checks the lengths of arrays within arrays after they are read, against reserved counts.
    pub(super) fn get_inner_deferred(&self, element: &Element, siblings: &[Element], what: &str) -> TokenStream {
        let value = Access::Member(&quote!(value)).element(element);
        let checks = inner(element).into_iter().filter(|found| !is_late(found.bound, siblings)).map(|found| {
            let check = self.get_one(element, siblings, &found, &value, &quote!(dictated), what);
            quote!(let dictated = d.take_count(); #check)
        });
        checks.collect()
    }

    /// Checks the lengths of arrays within arrays whose bounds are behind pointers beside them, after
    /// all is read.
    pub(super) fn late_inner(&self, element: &Element, siblings: &[Element], what: &str) -> TokenStream {
        let access = Access::Member(&quote!(value));
        let value = access.element(element);
        let checks = inner(element).into_iter().filter(|found| is_late(found.bound, siblings)).map(|found| {
            let hidden = self.hidden_lengths(siblings, found.bound, access);
            let dictated = self.bound(found.bound, siblings, access);
            let check = self.get_one(element, siblings, &found, &value, &dictated, what);
            scoped(&hidden, &check)
        });
        checks.collect()
    }

    fn get_one(
        &self,
        element: &Element,
        siblings: &[Element],
        found: &Inner<'_>,
        value: &TokenStream,
        dictated: &TokenStream,
        what: &str,
    ) -> TokenStream {
        let name = bound_name(found.bound, siblings);
        walk(
            &element.levels,
            found.level,
            value,
            0,
            &|row| quote!(d.expect_count(#name, #dictated, #row.len() as u64).at(#what)?;),
        )
    }
}

/// Loops over what is above a level, and `check`s what stands at it.
pub(super) fn walk(
    levels: &[Level],
    target: usize,
    value: &TokenStream,
    depth: usize,
    check: &dyn Fn(&TokenStream) -> TokenStream,
) -> TokenStream {
    let (Some((level, rest)), Some(next)) = (levels.split_first(), target.checked_sub(1)) else { return check(value) };
    let row = format_ident!("row{depth}");
    let further = |value: &TokenStream, depth| walk(rest, next, value, depth, check);
    match level {
        Level::Pointer(Pointer::Ref) => further(value, depth),
        Level::Pointer(kind) => {
            let inner = further(&quote!(#row), depth + 1);
            let method = if *kind == Pointer::Full { quote!(as_deref) } else { quote!(as_ref) };
            quote!(if let Some(#row) = #value.#method() { #inner })
        }
        Level::Array(_) => {
            let inner = further(&quote!(#row), depth + 1);
            quote!(for #row in #value.iter() { #inner })
        }
        Level::Str { .. } => quote!(),
    }
}

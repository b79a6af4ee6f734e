//! Hidden counts and discriminants: local variables, computed from what decides them.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Emitter,
    bounds::{Access, Bounded, local},
};
use crate::model::{Base, Bound, Element, Role};

impl Emitter<'_> {
    /// Local variables for every hidden count and discriminant.
    pub(super) fn hidden_all(&self, siblings: &[Element], access: Access<'_>) -> TokenStream {
        (0..siblings.len()).map(|index| self.hidden_let(siblings, index, access)).collect()
    }

    /// Local variables for the hidden siblings that a bound refers to.
    pub(super) fn hidden_for(&self, siblings: &[Element], bound: &Bound, access: Access<'_>) -> TokenStream {
        self.hidden_in(bound, siblings).into_iter().map(|index| self.hidden_let(siblings, index, access)).collect()
    }

    /// Local variables for the hidden siblings that a bound refers to, without a check that arrays
    /// agree: they were read.
    pub(super) fn hidden_lengths(&self, siblings: &[Element], bound: &Bound, access: Access<'_>) -> TokenStream {
        let lets = self.hidden_in(bound, siblings).into_iter().filter_map(|index| {
            let element = &siblings[index];
            if element.role == Role::Discriminant {
                return Some(self.hidden_let(siblings, index, access));
            }
            let (name, ty) = (local(element), self.base_rust_type(element));
            siblings.iter().find_map(|other| {
                let bounded = Bounded::of(other).filter(|bounded| bounded.decides(index))?;
                let length = bounded.length_or_zero(&access.element(other));
                Some(quote!(let #name = #length as #ty;))
            })
        });
        lets.collect()
    }

    /// The hidden siblings that a bound refers to.
    pub(super) fn hidden_in(&self, bound: &Bound, siblings: &[Element]) -> Vec<usize> {
        let hidden = |index: &usize| siblings.get(*index).is_some_and(|element| element.role != Role::Plain);
        bound.siblings().into_iter().filter(hidden).collect()
    }

    /// A local variable for one hidden count or discriminant, computed from what decides it.
    pub(super) fn hidden_let(&self, siblings: &[Element], index: usize, access: Access<'_>) -> TokenStream {
        let element = &siblings[index];
        let name = local(element);
        let idl = &element.idl_name;
        match element.role {
            Role::Plain => quote!(),
            Role::Count => {
                let ty = self.base_rust_type(element);
                let lengths = siblings.iter().filter_map(|other| {
                    let bounded = Bounded::of(other).filter(|bounded| bounded.decides(index))?;
                    Some(bounded.length_or_zero(&access.element(other)))
                });
                quote!(let #name: #ty = ndr::derive_count(#idl, &[#(#lengths),*])?;)
            }
            Role::Discriminant => {
                let union = siblings
                    .iter()
                    .find(|other| matches!(other.switch, Some(Bound::Sibling(tag)) if tag == index))
                    .map(|union| access.element(union));
                quote!(let #name = #union.tag();)
            }
        }
    }

    fn base_rust_type(&self, element: &Element) -> TokenStream {
        match element.base {
            Base::Scalar(scalar) => super::paths::scalar_type(scalar),
            _ => quote!(u32),
        }
    }
}

//! One member or parameter: how it is put, and what is checked about it.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Emitter, Scope,
    bounds::{Access, Bounded, bound_name},
    ident, inner,
};
use crate::model::{Base, Bound, Element, Level, Pointer, Role, Scalar, grid};

impl Emitter<'_> {
    /// One member or parameter, checks included. `conformant`: its maximum count is already
    /// written. `top`: it is a parameter, with its deferred part at once.
    pub(super) fn put_field(
        &self,
        field: &Element,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
        conformant: bool,
        top: bool,
    ) -> TokenStream {
        let value = access.element(field);
        let scope = if top { Scope::Wire } else { Scope::File };
        let codec = self.codec(field, scope);
        let range = field.range.filter(|_| field.levels.is_empty()).map(|(min, max)| {
            let number = number_of(field, &value);
            let (min, max) = (signed(min), signed(max));
            quote!(e.expect_range(#number, #min, #max).at(#what)?;)
        });
        let in_place = Bounded::of(field).filter(|bounded| top || !bounded.deferred());
        let checks = in_place.map(|bounded| self.put_checks(&bounded, &value, siblings, access, what, conformant));
        let inner = self.put_inner(field, siblings, access, what);
        let capacities = top.then(|| self.set_capacities(field, siblings, access));
        let checks = quote!(#inner #checks #capacities);
        let tag = self.put_tag_check(field, siblings, access, what);
        if conformant && field.levels.is_empty() {
            return quote!(#range #tag <#codec as ndr::ConformantStruct>::put_body(&#value, e).at(#what)?;);
        }
        let put = if conformant {
            self.put_elements(field, &value)
        } else if top && self.defers(field) {
            quote!(ndr::put_top::<#codec>(&#value, e))
        } else {
            let codec = self.call_path(&codec);
            quote!(#codec::put(&#value, e))
        };
        quote!(#range #tag #checks #put.at(#what)?;)
    }

    /// The elements of a conformant structure's last member, without its maximum count.
    pub(super) fn put_elements(&self, field: &Element, value: &TokenStream) -> TokenStream {
        if grid(&field.levels).is_some() {
            let codec = self.call_path(&self.codec(field, Scope::File));
            return quote!(#codec::put_elements(&#value, e));
        }
        let Some((Level::Array(array), inner)) = field.levels.split_first() else {
            let codec = self.call_path(&self.codec(field, Scope::File));
            return quote!(#codec::put_elements(&#value, e));
        };
        let sequence = self.shifted(array, inner, &field.base, Scope::File);
        if array.length.is_some() {
            quote!(ndr::ConformantVarying::<#sequence>::put_elements(&#value, e))
        } else {
            quote!(<#sequence as ndr::Sequence>::put(&#value, e))
        }
    }

    /// Checks an array against visible bounds, and sets its capacity.
    pub(super) fn put_checks(
        &self,
        bounded: &Bounded<'_>,
        value: &TokenStream,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
        conformant: bool,
    ) -> TokenStream {
        let mut checks = quote!();
        if let Some(exact) = bounded.exact().filter(|bound| !is_hidden(bound, siblings)) {
            let name = bound_name(exact, siblings);
            let dictated = self.bound(exact, siblings, access);
            checks.extend(if bounded.nullable() {
                let length = bounded.optional_length(value);
                quote!(if let Some(length) = #length { e.expect_count(#name, #dictated, length).at(#what)?; })
            } else {
                let length = bounded.length_or_zero(value);
                quote!(e.expect_count(#name, #dictated, #length).at(#what)?;)
            });
        }
        if let Some(size) = bounded.size.filter(|_| bounded.conformant && bounded.varying && !conformant) {
            let size = match size {
                Bound::Const(size) => {
                    let size = proc_macro2::Literal::u64_suffixed(*size);
                    quote!(#size)
                }
                size => self.bound(size, siblings, access),
            };
            checks.extend(if bounded.nullable() {
                let present = bounded.present(value);
                quote!(if #present { e.set_capacity(#size); })
            } else {
                quote!(e.set_capacity(#size);)
            });
        }
        if let Some(first) = bounded.first {
            let first = match first {
                Bound::Const(first) => {
                    let first = proc_macro2::Literal::u64_suffixed(*first);
                    quote!(#first)
                }
                first => self.bound(first, siblings, access),
            };
            let first = quote!(e.set_first(#first););
            checks.extend(if bounded.nullable() {
                let present = bounded.present(value);
                quote!(if #present { #first })
            } else {
                first
            });
        }
        checks
    }

    /// A visible discriminant must be the arm's.
    pub(super) fn put_tag_check(
        &self,
        field: &Element,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
    ) -> Option<TokenStream> {
        let bound = field.switch.as_ref().filter(|bound| !is_discriminant(bound, siblings))?;
        if !matches!(field.base, Base::Type(_)) {
            return None;
        }
        let value = access.element(field);
        let dictated = self.bound(bound, siblings, access);
        match field.levels.as_slice() {
            [] | [Level::Pointer(Pointer::Ref)] => {
                Some(quote!(e.expect_tag(#dictated, #value.tag_value()).at(#what)?;))
            }
            [Level::Pointer(_)] => Some(quote! {
                if let Some(union) = &#value { e.expect_tag(#dictated, union.tag_value()).at(#what)?; }
            }),
            levels => Some(inner::walk(
                levels,
                levels.len(),
                &value,
                0,
                &|union| quote!(e.expect_tag(#dictated, #union.tag_value()).at(#what)?;),
            )),
        }
    }

    /// A number's `[range]`, after it is read.
    pub(super) fn get_range(&self, field: &Element, value: &TokenStream, what: &str) -> Option<TokenStream> {
        let (min, max) = field.range.filter(|_| field.levels.is_empty())?;
        let number = number_of(field, value);
        let (min, max) = (signed(min), signed(max));
        Some(quote!(d.expect_range(#number, #min, #max).at(#what)?;))
    }

    /// Keeps the first element of an array that has just been read, and checks it once all siblings
    /// are.
    pub(super) fn get_first(
        &self,
        field: &Element,
        siblings: &[Element],
        what: &str,
    ) -> (Option<TokenStream>, Option<TokenStream>) {
        let Some(bounded) = Bounded::of(field) else { return (None, None) };
        let Some(first) = bounded.first else { return (None, None) };
        let (kept, name) = (slot(field, "first", siblings), bound_name(first, siblings));
        let dictated = self.bound(first, siblings, Access::Local);
        let check = quote!(d.expect_count(#name, #dictated, #kept).at(#what)?;);
        let present = bounded.present(&Access::Local.element(field));
        let check = if bounded.nullable() { quote!(if #present { #check }) } else { check };
        (Some(quote!(let #kept = d.first();)), Some(check))
    }

    /// Checks an array in place against what dictates its counts. `max` is its maximum count.
    pub(super) fn get_checks(
        &self,
        bounded: &Bounded<'_>,
        value: &TokenStream,
        siblings: &[Element],
        access: Access<'_>,
        max: &TokenStream,
        what: &str,
    ) -> TokenStream {
        let mut checks = quote!();
        if let Some(size) = bounded.size.filter(|_| bounded.conformant) {
            let name = bound_name(size, siblings);
            let dictated = self.bound(size, siblings, access);
            checks.extend(if bounded.nullable() {
                let present = bounded.present(value);
                quote!(d.check_size(#name, #dictated, #present.then_some(#max)).at(#what)?;)
            } else {
                quote!(d.expect_count(#name, #dictated, #max).at(#what)?;)
            });
        }
        if let Some(length) = bounded.length {
            let name = bound_name(length, siblings);
            let dictated = self.bound(length, siblings, access);
            checks.extend(if bounded.nullable() {
                let found = bounded.optional_length(value);
                quote!(d.check_size(#name, #dictated, #found.map(|found| found as u64)).at(#what)?;)
            } else {
                let found = bounded.length_or_zero(value);
                quote!(d.expect_count(#name, #dictated, #found as u64).at(#what)?;)
            });
        }
        checks
    }

    /// A union's discriminant, after both are read; `whole`: the deferred part as well.
    pub(super) fn get_tag_check(
        &self,
        field: &Element,
        siblings: &[Element],
        access: Access<'_>,
        what: &str,
        whole: bool,
    ) -> Option<TokenStream> {
        let bound = field.switch.as_ref()?;
        if !matches!(field.base, Base::Type(_)) || !whole && inner::is_deferred(field) {
            return None;
        }
        let value = access.element(field);
        let dictated = self.bound(bound, siblings, access);
        Some(inner::walk(
            &field.levels,
            field.levels.len(),
            &value,
            0,
            &|union| quote!(d.expect_tag(#dictated, #union.tag_value()).at(#what)?;),
        ))
    }

    /// The discriminant of a union behind a pointer; it is visible then.
    pub(super) fn get_deferred_tag_check(
        &self,
        field: &Element,
        siblings: &[Element],
        what: &str,
    ) -> Option<TokenStream> {
        let bound = field.switch.as_ref()?;
        let [Level::Pointer(kind)] = field.levels.as_slice() else { return None };
        if !self.hidden_in(bound, siblings).is_empty() || !matches!(field.base, Base::Type(_)) {
            return None;
        }
        let access = Access::Member(&quote!(value));
        let value = access.element(field);
        let dictated = self.bound(bound, siblings, access);
        Some(if *kind == Pointer::Ref {
            quote!(d.expect_tag(#dictated, #value.tag_value()).at(#what)?;)
        } else {
            quote!(if let Some(union) = &#value { d.expect_tag(#dictated, union.tag_value()).at(#what)?; })
        })
    }

    /// Whether an element has a deferred part.
    pub(super) fn defers(&self, element: &Element) -> bool {
        element.levels.iter().any(|level| matches!(level, Level::Pointer(_)))
            || matches!(element.base, Base::Type(id) if self.model.ty(id).defers)
            || matches!(&element.base, Base::Known(known) if known.defers())
    }

    /// A codec's type as the path of a call: `ndr::Unique::<…>`.
    pub(super) fn call_path(&self, codec: &TokenStream) -> TokenStream {
        let text = codec.to_string();
        match text.find('<') {
            // `ndr :: Unique < C >` needs a turbofish in front of its arguments.
            Some(at) if !text.starts_with('<') => {
                format!("{}::{}", &text[..at], &text[at..]).parse().unwrap_or_else(|_| codec.clone())
            }
            _ => codec.clone(),
        }
    }
}

/// Whether a bound is a hidden count that the array itself decides.
pub(super) fn is_hidden(bound: &Bound, siblings: &[Element]) -> bool {
    matches!(bound, Bound::Sibling(index) if siblings.get(*index).is_some_and(|element| element.role != Role::Plain))
}

/// Whether a bound is a hidden discriminant that the union itself decides.
pub(super) fn is_discriminant(bound: &Bound, siblings: &[Element]) -> bool {
    let decided = |index: &usize| siblings.get(*index).is_some_and(|element| element.role == Role::Discriminant);
    matches!(bound, Bound::Sibling(index) if decided(index))
}

/// A number as `i64`, for ranges.
pub(super) fn number_of(field: &Element, value: &TokenStream) -> TokenStream {
    match &field.base {
        Base::Type(_) => quote!(i64::from(#value.0)),
        Base::Scalar(Scalar::U64 | Scalar::U3264) => quote!(i64::try_from(#value).unwrap_or(i64::MAX)),
        Base::Scalar(Scalar::I64 | Scalar::I3264) => quote!(#value),
        _ => quote!(i64::from(#value)),
    }
}

pub(super) fn signed(value: i64) -> TokenStream {
    super::int_literal(i128::from(value))
}

/// The local variable of a count's slot, unlike every member's.
pub(super) fn slot(field: &Element, word: &str, siblings: &[Element]) -> proc_macro2::Ident {
    let stem = format!("{}_{word}_slot", field.rust_name.trim_start_matches("r#"));
    let free = |name: &str| !siblings.iter().any(|other| other.rust_name == name || other.max_name == name);
    ident(&crate::names::take(stem, free))
}

//! Structures.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Emitter, Scope,
    bounds::{Access, Bounded, bound_name, initialiser, is_late, local},
    docs,
    fields::{is_hidden, signed, slot},
    ident, inner,
    types::align_tokens,
};
use crate::model::{Base, Bound, Element, Level, Role, StructDef, TypeDef, grid};

impl Emitter<'_> {
    pub(super) fn struct_tokens(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let doc = docs::outer(&docs::item(ty.doc.as_deref(), &ty.idl_name));
        let shown = || def.fields.iter().filter(|field| field.role == Role::Plain);
        let fields = shown().map(|field| {
            let doc = docs::outer(&docs::member(field.doc.as_deref(), &field.idl_name));
            let (name, ty) = (ident(&field.rust_name), self.rust_type(field, Scope::File));
            quote!(#doc pub #name: #ty,)
        });
        let large = shown().any(|field| has_large_array(&field.levels));
        let derived = if large { quote!() } else { quote!(Default,) };
        let default = large.then(|| self.default_impl(&name, shown().map(|field| self.zero_field(field, Scope::File))));
        let codec = self.struct_codec(ty, def);
        quote! {
            #doc
            #[derive(Clone, Debug, #derived PartialEq)]
            pub struct #name { #(#fields)* }
            #default
            #codec
        }
    }

    /// `Default` by hand, because the standard library has none for arrays of more than 32.
    pub(super) fn default_impl(
        &self,
        name: &proc_macro2::Ident,
        fields: impl Iterator<Item = TokenStream>,
    ) -> TokenStream {
        quote! {
            impl Default for #name {
                fn default() -> Self {
                    Self { #(#fields)* }
                }
            }
        }
    }

    /// A field with its zero value.
    pub(super) fn zero_field(&self, element: &Element, scope: Scope) -> TokenStream {
        let (name, codec) = (ident(&element.rust_name), self.codec(element, scope));
        quote!(#name: <#codec as ndr::Codec>::zero(),)
    }

    fn struct_codec(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let align = align_tokens(ty.align);
        let min = ty.min as usize;
        let min = proc_macro2::Literal::usize_unsuffixed(min);
        let put_body = self.struct_put(ty, def);
        let get_body = self.struct_get(ty, def);
        let deferred = ty.defers.then(|| {
            let put = self.struct_put_deferred(ty, def);
            let get = self.struct_get_deferred(ty, def);
            quote! {
                fn put_deferred(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #put
                    Ok(())
                }
                fn get_deferred(value: &mut Self, d: &mut ndr::Decoder) -> Result<(), ndr::DecodeError> {
                    #get
                    Ok(())
                }
            }
        });
        let (put, get, conformant) = if ty.conformant == 0 {
            (put_body, get_body, quote!())
        } else {
            let put = quote! {
                <Self as ndr::ConformantStruct>::put_counts(value, e)?;
                <Self as ndr::ConformantStruct>::put_body(value, e)
            };
            let get = quote! {
                let counts = <Self as ndr::ConformantStruct>::get_counts(d)?;
                <Self as ndr::ConformantStruct>::get_body(counts, d)
            };
            (put, get, self.conformant_impl(ty, def, &put_body, &get_body))
        };
        let zero = if ty.automation {
            let fields = def.fields.iter().filter(|field| field.role == Role::Plain);
            let fields = fields.map(|field| self.zero_field(field, Scope::File));
            quote!(Self { #(#fields)* })
        } else {
            quote!(Self::default())
        };
        let value = if def.fields.is_empty() { quote!(_) } else { quote!(value) };
        // Elements of arrays are read in place only where this is inlined.
        let inline = (ty.conformant == 0).then(|| quote!(#[inline]));
        quote! {
            impl ndr::Codec for #name {
                type Value = Self;
                const ALIGN: ndr::Align = #align;
                const MIN: usize = #min;

                fn zero() -> Self {
                    #zero
                }
                fn put(#value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #put
                }
                #inline
                fn get(d: &mut ndr::Decoder) -> Result<Self, ndr::DecodeError> {
                    #get
                }
                #deferred
            }
            #conformant
        }
    }

    /// The maximum count of a structure's last member goes before the outermost structure.
    fn conformant_impl(&self, ty: &TypeDef, def: &StructDef, put: &TokenStream, get: &TokenStream) -> TokenStream {
        let name = ident(&ty.rust_name);
        let Some(last) = def.fields.last() else { return quote!() };
        let (put_counts, counts, get_counts) = match (last.levels.is_empty(), &last.base) {
            (true, Base::Type(id)) => {
                let inner = self.type_path(*id, Scope::File);
                let member = ident(&last.rust_name);
                (
                    quote!(<#inner as ndr::ConformantStruct>::put_counts(&value.#member, e)),
                    quote!(<#inner as ndr::ConformantStruct>::Counts),
                    quote!(<#inner as ndr::ConformantStruct>::get_counts(d)),
                )
            }
            _ if grid(&last.levels).is_some() => {
                let access = Access::Member(&quote!(value));
                let (codec, value) = (self.call_path(&self.codec(last, Scope::File)), access.element(last));
                let capacity =
                    Bounded::of(last).and_then(|bounded| bounded.size.filter(|_| bounded.varying)).map(|size| {
                        let hidden = self.hidden_for(&def.fields, size, access);
                        let size = self.bound(size, &def.fields, access);
                        quote!(#hidden e.set_capacity(#size);)
                    });
                (
                    quote!(#capacity #codec::put_counts(&#value, e)),
                    quote!(ndr::GridCounts),
                    quote!(#codec::get_counts(d)),
                )
            }
            _ => (self.put_count(def, last), quote!(u64), quote!(d.count())),
        };
        quote! {
            impl ndr::ConformantStruct for #name {
                type Counts = #counts;

                fn put_counts(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #put_counts
                }
                fn put_body(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #put
                }
                fn get_counts(d: &mut ndr::Decoder) -> Result<Self::Counts, ndr::DecodeError> {
                    #get_counts
                }
                fn get_body(counts: Self::Counts, d: &mut ndr::Decoder) -> Result<Self, ndr::DecodeError> {
                    #get
                }
            }
        }
    }

    /// The maximum count of the last member: its length, or with `length_is` its capacity.
    fn put_count(&self, def: &StructDef, last: &Element) -> TokenStream {
        let access = Access::Member(&quote!(value));
        let value = access.element(last);
        let Some(bounded) = Bounded::of(last) else { return quote!(Ok(())) };
        match bounded.size.filter(|_| bounded.varying) {
            Some(size) => {
                let hidden = self.hidden_for(&def.fields, size, access);
                let size = self.bound(size, &def.fields, access);
                quote!(#hidden e.count(#size))
            }
            None if bounded.string => quote!(e.count(#value.len() as u64 + 1)),
            None => quote!(e.count(#value.len() as u64)),
        }
    }

    fn struct_put(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let access = Access::Member(&quote!(value));
        let align = needs_align(ty).then(|| quote!(e.align(Self::ALIGN);));
        let hidden = self.hidden_all(&def.fields, access);
        let last = def.fields.len().saturating_sub(1);
        let fields = def.fields.iter().enumerate().map(|(index, field)| {
            let what = member_path(ty, field);
            let conformant = index == last && ty.conformant > 0;
            self.put_field(field, &def.fields, access, &what, conformant, false)
        });
        let gap = has_gap(ty).then(|| quote!(e.trailing_gap(Self::ALIGN);));
        let unused = def.fields.is_empty().then(|| quote!(let _ = e;));
        quote! {
            #unused
            #align
            #hidden
            #(#fields)*
            #gap
            Ok(())
        }
    }

    fn struct_put_deferred(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let access = Access::Member(&quote!(value));
        let mut hidden = quote!();
        let mut derived: Vec<usize> = Vec::new();
        let mut code = quote!();
        for field in def.fields.iter().filter(|field| self.defers(field)) {
            let what = member_path(ty, field);
            let value = access.element(field);
            if let Some(bounded) = Bounded::of(field).filter(Bounded::deferred) {
                for (bound, is_size) in [(bounded.size, true), (bounded.length, false)] {
                    let Some(bound) = bound else { continue };
                    let capacity = is_size && bounded.varying;
                    for index in self.hidden_in(bound, &def.fields) {
                        let needed = capacity || !is_hidden(bound, &def.fields);
                        if needed && !derived.contains(&index) {
                            derived.push(index);
                            hidden.extend(self.hidden_let(&def.fields, index, access));
                        }
                    }
                }
                code.extend(self.put_checks(&bounded, &value, &def.fields, access, &what, false));
            }
            for index in inner::capacities(field).flat_map(|(_, bound)| self.hidden_in(bound, &def.fields)) {
                if !derived.contains(&index) {
                    derived.push(index);
                    hidden.extend(self.hidden_let(&def.fields, index, access));
                }
            }
            code.extend(self.set_capacities(field, &def.fields, access));
            let codec = self.codec(field, Scope::File);
            let codec = self.call_path(&codec);
            code.extend(quote!(#codec::put_deferred(&#value, e).at(#what)?;));
        }
        quote!(#hidden #code)
    }

    fn struct_get(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let align = needs_align(ty).then(|| quote!(d.align(Self::ALIGN);));
        let last = def.fields.len().saturating_sub(1);
        let mut code = quote!();
        let mut after = quote!();
        for (index, field) in def.fields.iter().enumerate() {
            let what = member_path(ty, field);
            let name = local(field);
            let codec = self.codec(field, Scope::File);
            let bounded = Bounded::of(field);
            if let Some(bounded) = bounded.as_ref().filter(|bounded| bounded.deferred()) {
                for (word, bound) in [("size", bounded.size), ("length", bounded.length)] {
                    let Some(bound) = bound.filter(|_| bounded.conformant || word == "length") else { continue };
                    if is_late(bound, &def.fields) {
                        continue;
                    }
                    let slot = slot(field, word, &def.fields);
                    let count = self.bound(bound, &def.fields, Access::Local);
                    code.extend(quote!(let #slot = d.reserve_count();));
                    after.extend(quote!(d.fill_count(#slot, #count);));
                }
            }
            if inner::is_deferred(field) {
                for (number, count) in self.inner_counts(field, &def.fields).into_iter().enumerate() {
                    let slot = slot(field, &format!("inner{number}"), &def.fields);
                    code.extend(quote!(let #slot = d.reserve_count();));
                    after.extend(quote!(d.fill_count(#slot, #count);));
                }
            } else {
                after.extend(self.get_inner(field, &def.fields, Access::Local, &what, true));
            }
            let conformant = index == last && ty.conformant > 0;
            let get = match (conformant, field.levels.split_first()) {
                (true, None) => quote!(<#codec as ndr::ConformantStruct>::get_body(counts, d)),
                (true, Some(_)) => {
                    let codec = self.call_path(&codec);
                    quote!(#codec::get_elements(counts, d))
                }
                (false, _) => {
                    let codec = self.call_path(&codec);
                    quote!(#codec::get(d))
                }
            };
            code.extend(quote!(let #name = #get.at(#what)?;));
            code.extend(self.get_range(field, &quote!(#name), &what));
            let (first, check) = self.get_first(field, &def.fields, &what);
            code.extend(first);
            after.extend(check);
            if let Some(bounded) = bounded.filter(|bounded| !bounded.deferred()) {
                let max = if grid(&field.levels).is_some() { quote!(counts.outer()) } else { quote!(counts) };
                let bounded = bounded.without(|bound| is_late(bound, &def.fields));
                after.extend(self.get_checks(&bounded, &quote!(#name), &def.fields, Access::Local, &max, &what));
            }
            if !field.switch.as_ref().is_some_and(|bound| is_late(bound, &def.fields)) {
                after.extend(self.get_tag_check(field, &def.fields, Access::Local, &what, false));
            }
        }
        let names = def.fields.iter().filter(|field| field.role == Role::Plain).map(initialiser);
        let gap = has_gap(ty).then(|| quote!(d.trailing_gap(Self::ALIGN);));
        let unused = def.fields.is_empty().then(|| quote!(let _ = d;));
        quote! {
            #unused
            #align
            #code
            #gap
            #after
            Ok(Self { #(#names),* })
        }
    }

    fn struct_get_deferred(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let (mut code, mut after) = (quote!(), quote!());
        for field in &def.fields {
            after.extend(self.late_checks(ty, def, field));
        }
        for field in def.fields.iter().filter(|field| self.defers(field)) {
            let what = member_path(ty, field);
            let name = ident(&field.rust_name);
            let codec = self.codec(field, Scope::File);
            let codec = self.call_path(&codec);
            code.extend(quote!(#codec::get_deferred(&mut value.#name, d).at(#what)?;));
            if let Some(bounded) = Bounded::of(field).filter(Bounded::deferred) {
                let value = quote!(value.#name);
                if bounded.size.is_some_and(|size| is_late(size, &def.fields)) && bounded.varying {
                    let max = slot(field, "max", &def.fields);
                    code.extend(quote!(let #max = d.max_count();));
                }
                let bounded = bounded.without(|bound| is_late(bound, &def.fields));
                if let Some(size) = bounded.size.filter(|_| bounded.conformant) {
                    let (count, present) = (bound_name(size, &def.fields), bounded.present(&value));
                    code.extend(quote!(d.settle_size(#count, #present).at(#what)?;));
                }
                if let Some(length) = bounded.length {
                    let (count, found) = (bound_name(length, &def.fields), bounded.optional_length(&value));
                    code.extend(quote!(d.settle_length(#count, #found).at(#what)?;));
                }
                if let Some((min, max)) = field.range {
                    let (min, max) = (signed(min), signed(max));
                    let present = bounded.present(&value);
                    code.extend(quote!(if #present { d.expect_count_range(#min, #max).at(#what)?; }));
                }
            }
            if inner::is_deferred(field) {
                code.extend(self.get_inner_deferred(field, &def.fields, &what));
            }
            if !field.switch.as_ref().is_some_and(|bound| is_late(bound, &def.fields)) {
                code.extend(self.get_deferred_tag_check(field, &def.fields, &what));
            }
        }
        quote!(#code #after)
    }

    /// Checks against bounds behind pointers of the same structure, after all of it is read.
    fn late_checks(&self, ty: &TypeDef, def: &StructDef, field: &Element) -> TokenStream {
        let access = Access::Member(&quote!(value));
        let (what, value) = (member_path(ty, field), access.element(field));
        let mut checks = quote!();
        let late = |bound: &&Bound| is_late(bound, &def.fields);
        if let Some(bounded) = Bounded::of(field) {
            let size = bounded.size.filter(late).filter(|_| bounded.conformant);
            // An array in place has no maximum count any more, but its length where that is the same.
            let found = if !bounded.varying {
                let length = bounded.optional_length(&value);
                Some(quote!(#length.map(|found| found as u64)))
            } else if bounded.deferred() {
                let (present, max) = (bounded.present(&value), slot(field, "max", &def.fields));
                Some(quote!(#present.then_some(#max)))
            } else {
                None
            };
            if let Some((size, found)) = size.zip(found) {
                let (name, hidden) = (bound_name(size, &def.fields), self.hidden_lengths(&def.fields, size, access));
                let dictated = self.bound(size, &def.fields, access);
                checks.extend(scoped(&hidden, &quote!(d.check_size(#name, #dictated, #found).at(#what)?;)));
            }
            if let Some(length) = bounded.length.filter(late) {
                let found = bounded.optional_length(&value);
                let (name, hidden) =
                    (bound_name(length, &def.fields), self.hidden_lengths(&def.fields, length, access));
                let dictated = self.bound(length, &def.fields, access);
                let found = quote!(#found.map(|found| found as u64));
                checks.extend(scoped(&hidden, &quote!(d.check_size(#name, #dictated, #found).at(#what)?;)));
            }
        }
        checks.extend(self.late_inner(field, &def.fields, &what));
        if let Some(bound) = field.switch.as_ref().filter(late) {
            let hidden = self.hidden_lengths(&def.fields, bound, access);
            let check = self.get_tag_check(field, &def.fields, access, &what, true);
            checks.extend(scoped(&hidden, &quote!(#check)));
        }
        checks
    }
}

/// Statements with the local variables that they need, if any, in a block.
pub(super) fn scoped(hidden: &TokenStream, code: &TokenStream) -> TokenStream {
    if hidden.is_empty() { code.clone() } else { quote!({ #hidden #code }) }
}

/// Whether the first member does not align the structure by itself.
fn needs_align(ty: &TypeDef) -> bool {
    ty.align.ndr > 1 || ty.align.ndr64 > 1
}

/// Whether NDR64 may leave a gap at the end.
fn has_gap(ty: &TypeDef) -> bool {
    ty.align.ndr64 > 1
}

/// Whether an array is too long for the standard library's `Default`.
pub(super) fn has_large_array(levels: &[Level]) -> bool {
    for (index, level) in levels.iter().enumerate() {
        if grid(&levels[index..]).is_some() {
            return false;
        }
        match level {
            Level::Array(array) => match array.fixed {
                Some(count) if array.length.is_none() => {
                    if count > 32 {
                        return true;
                    }
                }
                _ => return false,
            },
            Level::Pointer(crate::model::Pointer::Ref) => {}
            Level::Pointer(_) | Level::Str { .. } => return false,
        }
    }
    false
}

/// A member in errors: `ENUM_LIST.Entry`.
pub(super) fn member_path(ty: &TypeDef, field: &Element) -> String {
    if field.idl_name.is_empty() { ty.idl_name.clone() } else { format!("{}.{}", ty.idl_name, field.idl_name) }
}

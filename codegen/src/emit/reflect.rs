//! Type-erased views: showing and inventing values.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{
    Emitter, Scope,
    bounds::{Access, Bounded, initialiser, local},
    ident,
    interface::generated,
    messages::capacity_field,
};
use crate::model::{
    Base, Bound, Element, EnumDef, InterfaceDef, Level, Method, Pointer, Role, Scalar, StructDef, Tag, TypeDef,
    TypeKind, UnionDef,
};

impl Emitter<'_> {
    /// The module of a file's type-erased views.
    pub(super) fn reflection_module(&self, runtime: &syn::Path) -> TokenStream {
        let Some(attr) = self.reflect_attr() else { return quote!() };
        let file = &self.model.files[self.file];
        let types = file.types.iter().map(|&id| self.model.ty(id)).filter(|ty| super::is_generated(ty));
        let types: TokenStream = types
            .map(|ty| match &ty.kind {
                TypeKind::Struct(def) => self.struct_reflect(ty, def),
                TypeKind::Union(def) => self.union_reflect(ty, def),
                TypeKind::Enum(def) => self.enum_reflect(ty, def),
            })
            .collect();
        let interfaces: TokenStream = file
            .interfaces
            .iter()
            .filter(|interface| self.is_emitted(file, interface))
            .map(|interface| self.interface_reflection(interface, runtime))
            .collect();
        if types.is_empty() && interfaces.is_empty() {
            return quote!();
        }
        let import = (!types.is_empty()).then(|| quote!(use #runtime as ndr;));
        quote! {
            #attr
            mod reflection {
                //! Type-erased views of types and messages: showing and inventing values.
                #import
                #types
                #interfaces
            }
        }
    }

    fn interface_reflection(&self, interface: &InterfaceDef, runtime: &syn::Path) -> TokenStream {
        let module = ident(&interface.module);
        let messages = generated(interface).map(|method| {
            let request = self.message_reflect(method, &method.request, true);
            let response = self.message_reflect(method, &method.response, false);
            let fit = self.fit(method);
            quote!(#request #response #fit)
        });
        let inherited = interface.inherited.iter().map(|_| quote!(None));
        let table = interface.methods.iter().map(|method| {
            if method.reserved || method.unsupported.is_some() {
                return quote!(None);
            }
            let request = format_ident!("{}Request", method.type_name);
            let response = format_ident!("{}Response", method.type_name);
            let fit = if !self.fit_code(method).is_empty() {
                let name = fit_name(method);
                quote!(#name)
            } else {
                quote!(ndr::reflect::NoFit)
            };
            quote!(Some(ndr::reflect::Messages::of::<wire::#request, wire::#response, #fit>()))
        });
        let count = super::com::operation_count(interface);
        let table = inherited.chain(table);
        let wire = generated(interface).next().is_some().then(|| quote!(use super::super::#module::wire;));
        quote! {
            pub(super) mod #module {
                use #runtime as ndr;
                #wire
                #(#messages)*
                pub(in super::super) static MESSAGES: [Option<ndr::reflect::Messages>; #count] = [#(#table),*];
            }
        }
    }

    /// Adapts a random request to a random response: capacities and discriminants.
    fn fit(&self, method: &Method) -> TokenStream {
        let code = self.fit_code(method);
        if code.is_empty() {
            return quote!();
        }
        let name = fit_name(method);
        let (request, response) =
            (format_ident!("{}Request", method.type_name), format_ident!("{}Response", method.type_name));
        quote! {
            enum #name {}

            impl ndr::reflect::Fit<wire::#request, wire::#response> for #name {
                fn fit(request: &mut wire::#request, response: &wire::#response) { #code }
            }
        }
    }

    fn fit_code(&self, method: &Method) -> TokenStream {
        let mut code = quote!();
        for (element, info) in method.response.iter().zip(&method.results) {
            let field = ident(&element.rust_name);
            if let Some(Bound::Sibling(index)) = info.capacity
                && let Some(count) = method.request.get(index)
                && count.role == Role::Plain
            {
                let (count, max) = (ident(&count.rust_name), capacity_field(element));
                code.extend(quote!(request.#count = response.#max as _;));
            }
            if let Some(capacity) = in_out_capacity(method, element) {
                let capacity = ident(&capacity.rust_name);
                let length = Bounded::of(element).map(|bounded| bounded.length_or_zero(&quote!(response.#field)));
                code.extend(quote!(request.#capacity = #length as _;));
            }
            if let Some(Bound::Sibling(index)) = info.tag_in_request
                && let Some(tag) = method.request.get(index).filter(|tag| settable(tag) && element.levels.is_empty())
            {
                code.extend(match tag.role {
                    Role::Plain => {
                        let (value, tag) = (self.tag_as(element, tag, &quote!(response.#field)), ident(&tag.rust_name));
                        quote!(request.#tag = #value;)
                    }
                    // The union travels in, too.
                    _ => quote!(request.#field = response.#field.clone();),
                });
            }
        }
        code
    }

    /// A union's discriminant as the value of a sibling that has it, too.
    fn tag_as(&self, union: &Element, sibling: &Element, value: &TokenStream) -> TokenStream {
        let tag = match &union.base {
            Base::Type(id) => match &self.model.ty(*id).kind {
                TypeKind::Union(def) => Some(&def.tag),
                _ => None,
            },
            _ => None,
        };
        match (&sibling.base, tag) {
            (Base::Type(id), Some(Tag::Enum(tag))) if id == tag => quote!(#value.tag()),
            (Base::Type(_), _) => {
                let codec = self.codec(sibling, Scope::Wire);
                quote!(#codec(#value.tag_value() as u32))
            }
            (_, Some(Tag::Enum(_))) => quote!(#value.tag_value() as _),
            _ => quote!(#value.tag() as _),
        }
    }

    fn enum_reflect(&self, ty: &TypeDef, def: &EnumDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let values: Vec<TokenStream> =
            def.values.iter().map(|value| super::int_literal(i128::from(value.value))).collect();
        let count = values.len() as u64;
        let random = if values.is_empty() {
            quote!(Self((random.u64() & 0x7fff) as u32))
        } else {
            let indexes = (0..count).map(proc_macro2::Literal::u64_unsuffixed);
            let count = proc_macro2::Literal::u64_unsuffixed(count);
            quote! {
                match random.below(#count + 1) {
                    #(#indexes => Self(#values),)*
                    _ => Self((random.u64() & 0x7fff) as u32),
                }
            }
        };
        quote! {
            impl ndr::reflect::Reflect for super::#name {
                fn reflect(value: &Self) -> ndr::reflect::Value {
                    ndr::reflect::Value::Uint(value.0.into())
                }
                fn random(random: &mut ndr::reflect::Random) -> Self {
                    #random
                }
            }
        }
    }

    fn struct_reflect(&self, ty: &TypeDef, def: &StructDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let fields = self.shown(&def.fields, &quote!(value), Scope::Interface);
        let (random, uses_random) = self.invented(&def.fields, &|_| None, Scope::Interface);
        let random_name = random_name(uses_random);
        let value = if def.fields.is_empty() { quote!(_) } else { quote!(value) };
        quote! {
            impl ndr::reflect::Reflect for super::#name {
                fn reflect(#value: &Self) -> ndr::reflect::Value {
                    #fields
                }
                fn random(#random_name: &mut ndr::reflect::Random) -> Self {
                    #random
                }
            }
        }
    }

    fn message_reflect(&self, method: &Method, elements: &[Element], request: bool) -> TokenStream {
        let word = if request { "Request" } else { "Response" };
        let name = format_ident!("{}{word}", method.type_name);
        let fields = self.shown(elements, &quote!(self), Scope::Wire);
        let capacity = |index: usize| {
            let capacity = !request && method.results[index].capacity.is_some();
            capacity.then(|| capacity_field(&elements[index]))
        };
        let (random, uses_random) = self.invented(elements, &capacity, Scope::Wire);
        let random_name = random_name(uses_random);
        quote! {
            impl ndr::reflect::ReflectMessage for wire::#name {
                fn reflect(&self) -> ndr::reflect::Value {
                    #fields
                }
                fn random(#random_name: &mut ndr::reflect::Random) -> Self {
                    #random
                }
            }
        }
    }

    fn union_reflect(&self, ty: &TypeDef, def: &UnionDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let shows = def.arms.iter().map(|arm| {
            let variant = ident(&arm.rust_name);
            match (&arm.element, arm.carries_tag()) {
                (None, true) => quote!(Self::#variant(_) => ndr::reflect::Value::Empty,),
                (None, false) => quote!(Self::#variant => ndr::reflect::Value::Empty,),
                (Some(element), carries) => {
                    let codec = self.codec(element, Scope::Interface);
                    let pattern = if carries { quote!((_, value)) } else { quote!((value)) };
                    quote!(Self::#variant #pattern => <#codec as ndr::reflect::Reflect>::reflect(value),)
                }
            }
        });
        let makes = def.arms.iter().map(|arm| {
            let variant = ident(&arm.rust_name);
            let tag = arm.carries_tag().then(|| {
                let case = arm.cases.first().copied().unwrap_or_else(|| unlisted(def));
                let literal = self.case_literal(&def.tag, case, Scope::Interface);
                quote!(#literal)
            });
            let member = arm.element.as_ref().map(|element| {
                let codec = self.codec(element, Scope::Interface);
                quote!(<#codec as ndr::reflect::Reflect>::random(random))
            });
            match (tag, member) {
                (Some(tag), Some(member)) => quote!(Self::#variant(#tag, #member)),
                (Some(tag), None) => quote!(Self::#variant(#tag)),
                (None, Some(member)) => quote!(Self::#variant(#member)),
                (None, None) => quote!(Self::#variant),
            }
        });
        let count = proc_macro2::Literal::usize_unsuffixed(def.arms.len());
        let indexes = (0..def.arms.len().saturating_sub(1)).map(|index| {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            quote!(#index)
        });
        let patterns: Vec<TokenStream> = indexes.chain([quote!(_)]).collect();
        quote! {
            impl ndr::reflect::Reflect for super::#name {
                fn reflect(value: &Self) -> ndr::reflect::Value {
                    let arm = match value { #(#shows)* };
                    ndr::reflect::Value::Union(value.tag_value(), Box::new(arm))
                }
                fn random(random: &mut ndr::reflect::Random) -> Self {
                    match random.below(#count) { #(#patterns => #makes,)* }
                }
            }
        }
    }

    /// Elements as a `Value`, hidden ones included.
    fn shown(&self, elements: &[Element], value: &TokenStream, scope: Scope) -> TokenStream {
        let access = Access::Member(value);
        let fields = elements.iter().enumerate().map(|(index, element)| {
            let name = &element.idl_name;
            let shown = match element.role {
                Role::Plain => {
                    let codec = self.codec(element, scope);
                    let value = access.element(element);
                    quote!(<#codec as ndr::reflect::Reflect>::reflect(&#value))
                }
                Role::Count => {
                    let length = elements.iter().find_map(|other| {
                        let bounded = Bounded::of(other)?;
                        bounded.decides(index).then(|| bounded.length_or_zero(&access.element(other)))
                    });
                    if is_signed(element) {
                        quote!(ndr::reflect::Value::Int(#length as i64))
                    } else {
                        quote!(ndr::reflect::Value::Uint(#length as u64))
                    }
                }
                Role::Discriminant => {
                    let union = elements
                        .iter()
                        .find(|other| matches!(other.switch, Some(Bound::Sibling(tag)) if tag == index))
                        .map(|union| access.element(union));
                    quote!(ndr::reflect::Value::Uint(#union.tag_value()))
                }
            };
            quote!((#name, #shown),)
        });
        quote!(ndr::reflect::Value::Struct(vec![#(#fields)*]))
    }

    /// A value of random elements, visible counts and discriminants made to agree.
    fn invented(
        &self,
        elements: &[Element],
        capacity: &dyn Fn(usize) -> Option<proc_macro2::Ident>,
        scope: Scope,
    ) -> (TokenStream, bool) {
        let mut lets = quote!();
        let mut after = quote!();
        let mut names = Vec::new();
        let mut settled: std::collections::BTreeMap<usize, TokenStream> = std::collections::BTreeMap::new();
        for element in elements.iter().filter(|element| element.role == Role::Plain) {
            for (index, value) in self.settled_by(element, elements, scope) {
                settled.entry(index).or_insert(value);
            }
        }
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| element.role == Role::Plain) {
            let name = local(element);
            let codec = self.codec(element, scope);
            let ty = self.rust_type(element, scope);
            names.push(initialiser(element));
            if let Some(value) = settled.get(&index) {
                after.extend(quote!(let #name: #ty = #value;));
                continue;
            }
            let made = match element.range.filter(|_| element.levels.is_empty()) {
                _ if constant(element).is_some() => self.zeros(element, scope),
                _ if zeroed(element) => quote!(<#codec as ndr::Codec>::zero()),
                Some((min, max)) if matches!(element.base, Base::Scalar(_)) => {
                    let (min, max) = (super::int_literal(min.into()), super::int_literal(max.into()));
                    quote!(random.between(#min, #max) as _)
                }
                _ => quote!(<#codec as ndr::reflect::Reflect>::random(random)),
            };
            lets.extend(quote!(let #name: #ty = #made;));
            if let (Some(max), Some(bounded)) = (capacity(index), Bounded::of(element)) {
                let length = bounded.length_or_zero(&quote!(#name));
                let more = (bounded.varying && !bounded.string).then(|| quote!(+ random.below(8)));
                let terminator = bounded.string.then(|| quote!(+ 1));
                lets.extend(if bounded.nullable() {
                    let present = bounded.present(&quote!(#name));
                    quote!(let #max = if #present { #length as u64 #more #terminator } else { 0 };)
                } else {
                    quote!(let #max = #length as u64 #more #terminator;)
                });
                names.push(quote!(#max));
            }
        }
        let text = format!("{lets}{after}");
        let uses_random = text.contains("random (random)") || text.contains("random .");
        (quote!(#lets #after Self { #(#names),* }), uses_random)
    }

    /// An array of a constant size: that many zeros, behind pointers that may be NULL nothing.
    fn zeros(&self, element: &Element, scope: Scope) -> TokenStream {
        let codec = self.codec(element, scope);
        let count = constant(element).unwrap_or_default();
        let count = proc_macro2::Literal::u64_unsuffixed(count);
        let required = element.levels.iter().position(|level| !matches!(level, Level::Pointer(Pointer::Ref)));
        let Some((Level::Array(_), inner)) = required.and_then(|at| element.levels.get(at..)?.split_first()) else {
            return quote!(<#codec as ndr::Codec>::zero());
        };
        match element.base {
            Base::Scalar(Scalar::U8) if inner.is_empty() => quote!(ndr::Bytes::from_static(&[0; #count])),
            Base::Scalar(Scalar::WChar) if inner.is_empty() => quote!(ndr::WString::from_units([0; #count])),
            _ => {
                let sequence = self.codec_of(inner, &element.base, scope);
                quote!((0..#count).map(|_| <#sequence as ndr::Codec>::zero()).collect())
            }
        }
    }

    /// Visible counts and discriminants that an element's arrays and unions settle, by index.
    fn settled_by(&self, element: &Element, elements: &[Element], scope: Scope) -> Vec<(usize, TokenStream)> {
        let mut settled = Vec::new();
        let name = local(element);
        let sibling = |bound: Option<&Bound>| match bound {
            Some(Bound::Sibling(index)) => {
                elements.get(*index).filter(|other| other.role == Role::Plain && settable(other)).map(|_| *index)
            }
            _ => None,
        };
        if let Some(bounded) = Bounded::of(element) {
            let length = bounded.length_or_zero(&quote!(#name));
            let capacity = bounded.varying;
            if let Some(index) = sibling(bounded.size) {
                let terminator = bounded.string.then(|| quote!(+ 1));
                let more = capacity.then(|| quote!(+ random.below(8) #terminator));
                let value = quote!((#length as u64 #more) as _);
                let present = bounded.nullable().then(|| bounded.present(&quote!(#name)));
                settled.push((
                    index,
                    match present {
                        Some(present) => quote!(if #present { #value } else { 0 }),
                        None => value,
                    },
                ));
            }
            if let Some(index) = sibling(bounded.length) {
                settled.push((index, quote!(#length as _)));
            }
            // Where a bound is computed the array stays empty, and what it is computed from zero.
            for bound in [bounded.size, bounded.length].into_iter().flatten() {
                if !matches!(bound, Bound::Expr(_)) {
                    continue;
                }
                for index in bound.siblings() {
                    if let Some(other) = elements.get(index)
                        && other.role == Role::Plain
                        && settable(other)
                    {
                        let codec = self.codec(other, scope);
                        settled.push((index, quote!(<#codec as ndr::Codec>::zero())));
                    }
                }
            }
        }
        if let Some(index) = sibling(element.switch.as_ref()).filter(|_| element.levels.is_empty()) {
            settled.push((index, self.tag_as(element, &elements[index], &quote!(#name))));
        }
        settled
    }

    /// The interface with the messages of its operations.
    pub(super) fn reflection(&self, interface: &InterfaceDef) -> TokenStream {
        let Some(attr) = self.reflect_attr() else { return quote!() };
        let module = ident(&interface.module);
        quote! {
            /// The interface with type-erased views of its messages.
            #attr
            pub static REFLECTION: ndr::reflect::Reflection = ndr::reflect::Reflection {
                interface: &INTERFACE,
                messages: &super::reflection::#module::MESSAGES,
            };
        }
    }
}

/// The generator's name as a parameter, whether it is used or not.
fn random_name(used: bool) -> proc_macro2::Ident {
    ident(if used { "random" } else { "_random" })
}

/// The type that adapts a random request to a random response.
fn fit_name(method: &Method) -> proc_macro2::Ident {
    format_ident!("Fit{}", method.type_name)
}

/// The count of an `[in, out]` parameter that is a capacity in the request and an array's length in
/// the response.
pub(super) fn in_out_capacity<'m>(method: &'m Method, element: &Element) -> Option<&'m Element> {
    let Some(Bound::Sibling(index)) = Bounded::of(element)?.size else { return None };
    let request = method.results.get(*index)?.request?;
    method.request.get(request).filter(|count| count.role == Role::Plain)
}

/// A discriminant that selects the default arm.
fn unlisted(def: &UnionDef) -> i128 {
    (0..).find(|value| !def.arms.iter().any(|arm| arm.cases.contains(value))).unwrap_or_default()
}

fn is_signed(element: &Element) -> bool {
    matches!(element.base, Base::Scalar(Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64 | Scalar::I3264))
}

/// Whether an element is a plain number or enumeration, so that it can be set to agree.
fn settable(element: &Element) -> bool {
    element.levels.is_empty() && matches!(element.base, Base::Scalar(_) | Base::Type(_))
}

/// The number of elements of an array that a constant dictates.
fn constant(element: &Element) -> Option<u64> {
    match Bounded::of(element)?.exact()? {
        Bound::Const(count) => Some(*count),
        _ => None,
    }
}

/// Whether an array's bound is computed: such arrays stay empty.
fn zeroed(element: &Element) -> bool {
    let computed = |bound: Option<&Bound>| matches!(bound, Some(Bound::Expr(_)));
    Bounded::of(element).is_some_and(|bounded| computed(bounded.size) || computed(bounded.length))
}

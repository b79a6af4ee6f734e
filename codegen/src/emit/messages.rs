//! Requests and responses: what travels in one direction of an operation.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Emitter, Scope,
    bounds::{Access, Bounded, initialiser, local},
    docs, ident,
    structs::has_large_array,
};
use crate::model::{Element, Method, Role};

impl Emitter<'_> {
    /// The module of an interface's messages.
    pub(super) fn wire_module(&self, methods: &[&Method], runtime: &syn::Path) -> TokenStream {
        let messages: TokenStream = methods
            .iter()
            .map(|method| {
                let request = self.message(method, true);
                let response = self.message(method, false);
                quote!(#request #response)
            })
            .collect();
        let text = messages.to_string();
        let codec = text.contains(":: put (") || text.contains(":: get (");
        let import = self.import(runtime, &messages, codec);
        quote! {
            pub mod wire {
                //! Requests and responses as they travel: every parameter, counts excepted that arrays decide.
                #import
                #messages
            }
        }
    }

    fn message(&self, method: &Method, request: bool) -> TokenStream {
        let (elements, word) = if request { (&method.request, "Request") } else { (&method.response, "Response") };
        let name = ident(&format!("{}{word}", method.type_name));
        let doc = format!(" {word} of `{}`, opnum {}.", method.idl_name, method.opnum);
        let mut fields = Vec::new();
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| element.role == Role::Plain) {
            let (field, ty) = (ident(&element.rust_name), self.rust_type(element, Scope::Wire));
            let doc = docs::outer(&docs::member(element.doc.as_deref(), &element.idl_name));
            fields.push(quote!(#doc pub #field: #ty,));
            if !request && method.results[index].capacity.is_some() {
                let max = capacity_field(element);
                let doc = format!(" Maximum count of `{}`, which the request dictates.", element.idl_name);
                fields.push(quote!(#[doc = #doc] pub #max: u64,));
            }
        }
        let encode = self.encode(method, elements, request);
        let decode = self.decode(method, elements, request);
        let (e, d) = if elements.is_empty() { (quote!(_e), quote!(_d)) } else { (quote!(e), quote!(d)) };
        let shown = || elements.iter().enumerate().filter(|(_, element)| element.role == Role::Plain);
        let large = shown().any(|(_, element)| has_large_array(&element.levels));
        let derived = (!large).then(|| quote!(Default,));
        let default = large.then(|| {
            let zeros = shown().map(|(index, element)| {
                let max = (!request && method.results[index].capacity.is_some()).then(|| capacity_field(element));
                let zero = self.zero_field(element, Scope::Wire);
                let max = max.map(|max| quote!(#max: 0,));
                quote!(#zero #max)
            });
            self.default_impl(&name, zeros)
        });
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, #derived PartialEq)]
            pub struct #name { #(#fields)* }
            #default

            impl ndr::Message for #name {
                fn encode(&self, #e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #encode
                    Ok(())
                }
                fn decode(#d: &mut ndr::Decoder) -> Result<Self, ndr::DecodeError> {
                    #decode
                }
            }
        }
    }

    fn encode(&self, method: &Method, elements: &[Element], request: bool) -> TokenStream {
        let this = quote!(self);
        let access = Access::Member(&this);
        let hidden = self.hidden_all(elements, access);
        let fields = elements.iter().enumerate().map(|(index, element)| {
            let capacity = (!request && method.results[index].capacity.is_some()).then(|| {
                let max = capacity_field(element);
                let value = access.element(element);
                match Bounded::of(element) {
                    Some(bounded) if bounded.nullable() => {
                        let present = bounded.present(&value);
                        quote!(if #present { e.set_capacity(self.#max); })
                    }
                    _ => quote!(e.set_capacity(self.#max);),
                }
            });
            let put = self.put_field(element, elements, access, &element.idl_name, false, true);
            let iid = self.iid_check(element, elements, &element.idl_name, true);
            quote!(#iid #capacity #put)
        });
        quote!(#hidden #(#fields)*)
    }

    fn decode(&self, method: &Method, elements: &[Element], request: bool) -> TokenStream {
        let mut code = quote!();
        let mut after = quote!();
        let mut names = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let what = &element.idl_name;
            let name = local(element);
            let codec = self.codec(element, Scope::Wire);
            let get = if self.defers(element) {
                quote!(ndr::get_top::<#codec>(d))
            } else {
                let codec = self.call_path(&codec);
                quote!(#codec::get(d))
            };
            code.extend(quote!(let #name = #get.at(#what)?;));
            code.extend(self.get_range(element, &quote!(#name), what));
            let (first, check) = self.get_first(element, elements, what);
            code.extend(first);
            after.extend(check);
            if element.role == Role::Plain {
                names.push(initialiser(element));
            }
            let capacity = !request && method.results[index].capacity.is_some();
            if let Some(bounded) = Bounded::of(element) {
                let max = capacity_field(element);
                if capacity || bounded.size.is_some() && bounded.conformant {
                    code.extend(if capacity && bounded.nullable() {
                        let present = bounded.present(&quote!(#name));
                        quote!(let #max = if #present { d.max_count() } else { 0 };)
                    } else {
                        quote!(let #max = d.max_count();)
                    });
                }
                if let Some((min, high)) = element.range {
                    let (min, high) = (super::int_literal(min.into()), super::int_literal(high.into()));
                    let present = bounded.present(&quote!(#name));
                    code.extend(quote!(if #present { d.expect_count_range(#min, #high).at(#what)?; }));
                }
                after.extend(self.get_checks(&bounded, &quote!(#name), elements, Access::Local, &quote!(#max), what));
                if capacity {
                    names.push(quote!(#max));
                }
            }
            after.extend(self.get_inner(element, elements, Access::Local, what, false));
            after.extend(self.get_tag_check(element, elements, Access::Local, what, true));
            after.extend(self.iid_check(element, elements, what, false));
        }
        quote!(#code #after Ok(Self { #(#names),* }))
    }
}

/// The field of a response that says how large an array may be.
pub(super) fn capacity_field(element: &Element) -> proc_macro2::Ident {
    ident(&element.max_name)
}

//! The client's side.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{
    Emitter, Scope,
    bounds::local,
    ident,
    interface::Output,
    messages::capacity_field,
    server::{arguments, caller_allocated, is_changed, too_many},
};
use crate::model::{Base, Element, InterfaceDef, Known, Level, Method, Scalar};

impl Emitter<'_> {
    pub(super) fn client_tokens(&self, interface: &InterfaceDef, methods: &[&Method]) -> TokenStream {
        let methods = methods.iter().map(|method| self.client_method(interface, method));
        let doc = format!(" A client of `{}` over any channel to its server.", interface.idl_name);
        let Some(base) = self.base_module(interface) else {
            return quote! {
                #[doc = #doc]
                #[derive(Clone, Debug)]
                pub struct Client<C> { channel: C }

                impl<C: ndr::Channel> Client<C> {
                    /// A client over a channel that is bound to the interface.
                    pub fn new(channel: C) -> Self {
                        Self { channel }
                    }

                    /// The channel.
                    pub fn channel(&self) -> &C {
                        &self.channel
                    }

                    #(#methods)*
                }
            };
        };
        quote! {
            #[doc = #doc]
            ///
            /// It has the methods of the interface that this one inherits from, too.
            #[derive(Clone, Debug)]
            pub struct Client<C> { base: #base::Client<C> }

            impl<C> ::std::ops::Deref for Client<C> {
                type Target = #base::Client<C>;

                fn deref(&self) -> &Self::Target {
                    &self.base
                }
            }

            impl<C: ndr::Channel> Client<C> {
                /// A client over a channel that is bound to the interface.
                pub fn new(channel: C) -> Self {
                    Self { base: #base::Client::new(channel) }
                }

                #(#methods)*
            }
        }
    }

    fn client_method(&self, interface: &InterfaceDef, method: &Method) -> TokenStream {
        let name = ident(&method.rust_name);
        let says = if method.status.is_some() { "Fails with the status of the operation" } else { "Fails" };
        let doc = self.method_doc(method, &format!("\n\n# Errors\n\n{says}, with a fault, or with the connection."));
        // The innermost base has the channel.
        let channel =
            if self.emitted_base(interface).is_some() { quote!(self.channel()) } else { quote!(self.channel) };
        let borrowed = if self.emitted_base(interface).is_some() { quote!(#channel) } else { quote!(&#channel) };
        let exchange = if interface.object { quote!(ndr::com::exchange) } else { quote!(ndr::exchange) };
        let parameters = arguments(method).map(|element| {
            let name = local(element);
            let ty = self.client_argument(method, element);
            quote!(#name: #ty)
        });
        let parameters = parameters.chain(self.client_pipes(method));
        let fields = arguments(method).map(|element| {
            let name = ident(&element.rust_name);
            let value = self.client_value(method, element, &channel);
            if value.to_string() == quote!(#name).to_string() { quote!(#name,) } else { quote!(#name: #value,) }
        });
        let many = too_many(arguments(method).count() + method.in_pipes.len() + 1);
        let result = self.result_type(method, &|output| self.client_handle(output));
        let status = self.status_type(method);
        let request = ident(&format!("{}Request", method.type_name));
        let response = ident(&format!("{}Response", method.type_name));
        let opnum = Literal::u16_unsuffixed(method.opnum);
        let (check_prepare, checks) = self.client_checks(method);
        let iids = self.client_iid_checks(method);
        let out = self.client_result(method, &channel);
        let conclude = self.conclude(method, &out);
        let response_name = if method.response.is_empty() { quote!(_response) } else { quote!(response) };
        let (result, call) = if method.has_pipes() {
            self.piped_call(method, (&result, &status), (&checks, &conclude), &response_name)
        } else {
            let call = quote! {
                let #response_name: wire::#response = #exchange(#borrowed, #opnum, &request).await?;
                #checks
                #iids
                #conclude
            };
            (quote!(ndr::CallResult<#result, #status>), call)
        };
        quote! {
            #doc
            #many
            pub async fn #name(&self, #(#parameters),*) -> #result {
                let request = wire::#request { #(#fields)* };
                #check_prepare
                #call
            }
        }
    }

    fn client_argument(&self, method: &Method, element: &Element) -> TokenStream {
        match (&element.base, element.levels.as_slice()) {
            (Base::Handle(id), []) => {
                let marker = self.handle_path(*id, Scope::Interface);
                if is_changed(method, element) {
                    quote!(Option<ndr::ClientHandle<#marker>>)
                } else {
                    quote!(&ndr::ClientHandle<#marker>)
                }
            }
            _ if converts(element) => {
                let ty = self.rust_type(element, Scope::Interface);
                quote!(impl Into<#ty>)
            }
            _ => self.rust_type(element, Scope::Interface),
        }
    }

    fn client_value(&self, method: &Method, element: &Element, channel: &TokenStream) -> TokenStream {
        let name = local(element);
        match (&element.base, element.levels.as_slice()) {
            (Base::Handle(_), []) if is_changed(method, element) => {
                quote!(ndr::ClientHandle::optional(#name.as_ref(), #channel.association())?)
            }
            (Base::Handle(_), []) => quote!(#name.on(#channel.association())?),
            _ if converts(element) => quote!(#name.into()),
            _ => quote!(#name),
        }
    }

    fn client_handle(&self, output: &Output<'_>) -> TokenStream {
        let Some(id) = output.handle else { return quote!(()) };
        let marker = self.handle_path(id, Scope::Interface);
        if output.changes { quote!(Option<ndr::ClientHandle<#marker>>) } else { quote!(ndr::ClientHandle<#marker>) }
    }

    /// What the request dictated about the response.
    fn client_checks(&self, method: &Method) -> (TokenStream, TokenStream) {
        let (mut prepare, mut checks) = (quote!(), quote!());
        for (element, info) in method.response.iter().zip(&method.results) {
            let name = ident(&element.rust_name);
            if let Some(capacity) = &info.capacity {
                let max = capacity_field(element);
                let size = self.request_bound(method, capacity, &quote!(request));
                let what = &element.idl_name;
                prepare.extend(quote!(let #max: u64 = #size;));
                let present =
                    super::bounds::Bounded::of(element).map(|bounded| bounded.present(&quote!(response.#name)));
                let check = quote!(ndr::expect_capacity(#what, #max, response.#max)?;);
                checks.extend(match present {
                    Some(present) if present.to_string() != "true" => quote!(if #present { #check }),
                    _ => check,
                });
            }
            if let Some(tag) = info.tag_in_request.as_ref().filter(|_| element.levels.is_empty()) {
                let dictated = self.request_bound(method, tag, &quote!(request));
                checks.extend(quote!(ndr::expect_arm(#dictated, response.#name.tag_value())?;));
            }
        }
        for (element, capacity) in caller_allocated(method) {
            let (name, count, what) = (ident(&element.rust_name), ident(&capacity.rust_name), &element.idl_name);
            checks.extend(quote!(ndr::expect_within(#what, request.#count as u64, response.#name.len())?;));
        }
        (prepare, checks)
    }

    /// The results out of a response.
    fn client_result(&self, method: &Method, channel: &TokenStream) -> TokenStream {
        let outputs = self.outputs(method);
        let value = |output: &Output<'_>| {
            let name = &output.name;
            match (output.element, output.handle) {
                (None, _) => quote!(status),
                (Some(_), Some(_)) if output.changes => {
                    quote!(ndr::ClientHandle::received(response.#name, #channel.association()))
                }
                (Some(_), Some(_)) => quote!(ndr::ClientHandle::new(response.#name, #channel.association())),
                (Some(_), None) => quote!(response.#name),
            }
        };
        match outputs.as_slice() {
            [] => quote!(()),
            [only] => value(only),
            several => {
                let name = ident(&method.type_name);
                let fields = several.iter().map(|output| {
                    let (name, value) = (&output.name, value(output));
                    if value.to_string() == quote!(#name).to_string() { quote!(#name,) } else { quote!(#name: #value,) }
                });
                quote!(#name { #(#fields)* })
            }
        }
    }

    fn conclude(&self, method: &Method, out: &TokenStream) -> TokenStream {
        let comm: Vec<TokenStream> = method
            .response
            .iter()
            .zip(&method.results)
            .filter(|(_, info)| info.comm_status)
            .map(|(element, _)| {
                let name = ident(&element.rust_name);
                let signed = matches!(element.base, Base::Scalar(Scalar::I32)).then(|| quote!(as u32));
                quote!(response.#name #signed)
            })
            .collect();
        let Some(status) = &method.status else {
            // A comm status that is not 0 says that the call failed on its way.
            let check = (!comm.is_empty()).then(|| {
                quote! {
                    let failure = ndr::first_status(&[#(#comm),*]);
                    if failure != 0 { return Err(ndr::CallError::Fault(ndr::Fault::new(failure, false))); }
                }
            });
            return quote!(#check Ok(#out));
        };
        let ty = self.status_type(method);
        let element = &method.response[status.element];
        let name = ident(&element.rust_name);
        let signed = matches!(element.base, Base::Scalar(Scalar::I32));
        let cast = signed.then(|| quote!(as u32));
        let value = if comm.is_empty() {
            quote!(#ty(response.#name #cast))
        } else {
            quote!(#ty(ndr::first_status(&[#(#comm,)* response.#name #cast])))
        };
        let mut success = quote!(ndr::Status::is_success(status));
        let literals =
            |codes: &[u32]| -> Vec<TokenStream> { codes.iter().map(|&code| super::int_literal(code.into())).collect() };
        if !status.failure.is_empty() {
            let codes = literals(&status.failure);
            success = quote!(#success && !matches!(status.0, #(#codes)|*));
        }
        if !status.success.is_empty() {
            let codes = literals(&status.success);
            success = quote!(#success || matches!(status.0, #(#codes)|*));
        }
        let handle =
            self.outputs(method).iter().find(|output| output.handle.is_some() && !output.changes).map(|output| {
                let name = &output.name;
                quote!(ndr::expect_handle(success, response.#name)?;)
            });
        if handle.is_some() {
            return quote! {
                let status = #value;
                let success = #success;
                #handle
                ndr::conclude(status, success, #out)
            };
        }
        quote! {
            let status = #value;
            ndr::conclude(status, #success, #out)
        }
    }
}

/// Whether an argument is taken as anything that converts: strings, octets, VARIANTs.
fn converts(element: &Element) -> bool {
    match element.levels.as_slice() {
        [] => matches!(element.base, Base::Known(Known::Bstr | Known::Variant)),
        [Level::Str { .. }] => true,
        [Level::Array(array)] => array.fixed.is_none() && matches!(element.base, Base::Scalar(Scalar::U8)),
        _ => false,
    }
}

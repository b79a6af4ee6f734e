//! The module of an interface: descriptor, results, server, client, messages.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{Emitter, Reflect, Scope, docs, ident, structs::has_large_array};
use crate::{
    model::{Base, Element, HandleId, InterfaceDef, Method, Role},
    overlay::{AuthLevelName, HandleStrictnessName, StatusKind},
};

/// A result of an operation as the Rust API shows it.
pub(super) struct Output<'a> {
    /// The response element; `None` for the status itself.
    pub(super) element: Option<&'a Element>,
    /// Its name.
    pub(super) name: proc_macro2::Ident,
    /// The handle type, if it is a handle.
    pub(super) handle: Option<HandleId>,
    /// Whether it is an `[in, out]` handle.
    pub(super) changes: bool,
}

impl Emitter<'_> {
    pub(super) fn interface_tokens(&self, interface: &InterfaceDef, runtime: &syn::Path) -> TokenStream {
        let methods: Vec<&Method> = generated(interface).collect();
        let module = ident(&interface.module);
        let descriptor = self.descriptor(interface);
        let results: TokenStream = methods.iter().map(|method| self.result_struct(method)).collect();
        let server = self.options.server.then(|| self.server_tokens(interface, &methods));
        let client = self.options.client.then(|| self.client_tokens(interface, &methods));
        let wire = (!methods.is_empty()).then(|| self.wire_module(&methods, runtime));
        let reflection = self.reflection(interface);
        let code = quote!(#descriptor #reflection #results #server #client);
        let import = self.import(runtime, &code, false);
        // The crate that includes the code may be older than edition 2024.
        let prelude = (self.options.included && self.options.server).then(|| {
            quote! {
                #[allow(unused_imports)]
                use ::std::future::Future;
            }
        });
        let about = match &interface.doc {
            Some(doc) => docs::link_free(doc),
            None => format!("Interface `{}`.", interface.idl_name),
        };
        let (major, minor) = interface.version;
        let uuid = uuid_text(interface.uuid);
        let doc = docs::inner(&format!(
            "{about}\n\nInterface `{}`, UUID `{uuid}`, version {major}.{minor}.",
            interface.idl_name
        ));
        let inception = (interface.module == self.model.files[self.file].module)
            .then(|| quote!(#[allow(clippy::module_inception)]));
        quote! {
            #inception
            pub mod #module {
                #doc
                #import
                #prelude
                #code
                #wire
            }
        }
    }

    fn descriptor(&self, interface: &InterfaceDef) -> TokenStream {
        let name = &interface.idl_name;
        let uuid = interface.uuid;
        let uuid: TokenStream = format!("{uuid:#034x}").parse().unwrap_or_default();
        let (major, minor) =
            (Literal::u16_unsuffixed(interface.version.0), Literal::u16_unsuffixed(interface.version.1));
        let auth = match interface.auth {
            AuthLevelName::None => quote!(None),
            AuthLevelName::Connect => quote!(Connect),
            AuthLevelName::Call => quote!(Call),
            AuthLevelName::Packet => quote!(Packet),
            AuthLevelName::Integrity => quote!(Integrity),
            AuthLevelName::Privacy => quote!(Privacy),
        };
        let level = if interface.level6 { quote!(V6) } else { quote!(V5) };
        let strictness = match interface.strictness {
            HandleStrictnessName::Lax => quote!(Lax),
            HandleStrictnessName::Strict => quote!(Strict),
            HandleStrictnessName::TypeStrict => quote!(TypeStrict),
        };
        let status = |status: Option<u32>| match status {
            Some(status) => {
                let literal = super::int_literal(status.into());
                quote!(Some(#literal))
            }
            None => quote!(None),
        };
        let (wrong, null) = (status(interface.wrong_handle), status(interface.null_handle));
        let endpoints = interface.endpoints.iter().map(|(sequence, endpoint)| quote!((#sequence, #endpoint)));
        let count = super::com::operation_count(interface);
        let inherited = self.inherited_operations(interface);
        let operations = inherited.into_iter().chain(interface.methods.iter().map(|method| self.operation(method)));
        quote! {
            /// The interface: its identity and its operations.
            pub static INTERFACE: ndr::Interface = ndr::Interface {
                name: #name,
                uuid: ndr::Uuid::from_u128(#uuid),
                version: (#major, #minor),
                operations: &OPERATIONS,
                minimum_auth_level: ndr::AuthLevel::#auth,
                level: ndr::Level::#level,
                handles: ndr::HandleStrictness::#strictness,
                wrong_handle: #wrong,
                null_handle: #null,
                endpoints: &[#(#endpoints),*],
            };
            static OPERATIONS: [ndr::Operation; #count] = [#(#operations),*];
        }
    }

    fn operation(&self, method: &Method) -> TokenStream {
        let name = &method.idl_name;
        if method.reserved || method.unsupported.is_some() {
            return quote!(ndr::Operation::reserved(#name));
        }
        let idempotent = method.idempotent.then(|| quote!(.idempotent()));
        let maybe = method.maybe.then(|| quote!(.maybe()));
        let piped = method.has_pipes().then(|| quote!(.piped()));
        quote!(ndr::Operation::new(#name) #idempotent #maybe #piped)
    }

    /// The results of a method that the Rust API shows, in wire order.
    pub(super) fn outputs<'m>(&self, method: &'m Method) -> Vec<Output<'m>> {
        let mut outputs = Vec::new();
        for (index, (element, info)) in method.response.iter().zip(&method.results).enumerate() {
            let is_status = method.status.as_ref().is_some_and(|status| status.element == index);
            let shown_status = method.status.as_ref().is_some_and(|status| !status.success.is_empty());
            if info.comm_status || element.role != Role::Plain || is_status && !shown_status {
                continue;
            }
            if is_status {
                let others = || method.response.iter().enumerate().filter(|(other, _)| *other != index);
                let taken = |name: &str| others().any(|(_, element)| element.rust_name == name);
                let name = ident(&crate::names::take("status".to_owned(), |name| !taken(name)));
                outputs.push(Output { element: None, name, handle: None, changes: false });
                continue;
            }
            let handle = match element.base {
                Base::Handle(id) if element.levels.is_empty() => Some(id),
                _ => None,
            };
            outputs.push(Output {
                element: Some(element),
                name: ident(&element.rust_name),
                handle,
                changes: handle.is_some() && info.request.is_some(),
            });
        }
        outputs
    }

    /// The structure of a method's results, where there are several. Handles are type parameters:
    /// the server gives values for them, the client gets handles.
    fn result_struct(&self, method: &Method) -> TokenStream {
        let outputs = self.outputs(method);
        if outputs.len() < 2 {
            return quote!();
        }
        let name = ident(&method.type_name);
        let handles = outputs.iter().filter(|output| output.handle.is_some()).count();
        let parameters: Vec<_> = (0..handles).map(|index| handle_parameter(index, handles)).collect();
        let mut next = parameters.iter();
        let fields = outputs.iter().map(|output| {
            let name = &output.name;
            let (ty, doc) = match (output.element, output.handle) {
                (None, _) => (self.status_type(method), "The status: success in more than one form.".to_owned()),
                (Some(element), Some(_)) => {
                    let parameter = next.next();
                    (quote!(#parameter), docs::member(element.doc.as_deref(), &element.idl_name))
                }
                (Some(element), None) => {
                    let doc = docs::member(element.doc.as_deref(), &element.idl_name);
                    (self.rust_type(element, Scope::Interface), doc)
                }
            };
            let doc = docs::outer(&doc);
            quote!(#doc pub #name: #ty,)
        });
        let doc = format!(" Results of `{}`, opnum {}.", method.idl_name, method.opnum);
        let generics = (!parameters.is_empty()).then(|| quote!(<#(#parameters),*>));
        // `Default` where every field has one: for results beside a failure.
        let large = outputs.iter().filter_map(|output| output.element).any(|element| has_large_array(&element.levels));
        let default = (handles == 0 && !large).then(|| quote!(Default,));
        let by_hand = (handles == 0 && large).then(|| {
            let zeros = outputs.iter().map(|output| match output.element {
                Some(element) => self.zero_field(element, Scope::Interface),
                None => {
                    let (name, ty) = (&output.name, self.status_type(method));
                    quote!(#name: #ty::default(),)
                }
            });
            self.default_impl(&name, zeros)
        });
        quote! {
            #[doc = #doc]
            #[derive(Clone, Debug, #default PartialEq)]
            pub struct #name #generics { #(#fields)* }
            #by_hand
        }
    }

    /// The Rust type of a method's results. `handle` gives the type of each handle.
    pub(super) fn result_type(&self, method: &Method, handle: &dyn Fn(&Output<'_>) -> TokenStream) -> TokenStream {
        let outputs = self.outputs(method);
        match outputs.as_slice() {
            [] => quote!(()),
            [only] => match (only.element, only.handle) {
                (_, Some(_)) => handle(only),
                (Some(element), None) => self.rust_type(element, Scope::Interface),
                (None, None) => self.status_type(method),
            },
            several => {
                let name = ident(&method.type_name);
                let handles: Vec<TokenStream> =
                    several.iter().filter(|output| output.handle.is_some()).map(handle).collect();
                if handles.is_empty() { quote!(#name) } else { quote!(#name<#(#handles),*>) }
            }
        }
    }

    /// The Rust type of a method's status.
    pub(super) fn status_type(&self, method: &Method) -> TokenStream {
        match method.status.as_ref().map(|status| status.kind) {
            Some(StatusKind::Win32) => quote!(ndr::Win32Error),
            Some(StatusKind::Hresult) => quote!(ndr::HResult),
            Some(StatusKind::Ntstatus) => quote!(ndr::NtStatus),
            None => quote!(ndr::NoStatus),
        }
    }

    /// The documentation of a method, on both sides.
    pub(super) fn method_doc(&self, method: &Method, extra: &str) -> TokenStream {
        let own = method.doc.as_deref().map(docs::link_free).unwrap_or_default();
        let status = match &method.status {
            Some(status) if !status.success.is_empty() => {
                let codes: Vec<String> = status.success.iter().map(u32::to_string).collect();
                format!("\n\nStatus {} is a success, too.", codes.join(", "))
            }
            _ => String::new(),
        };
        let text = format!(
            "{own}\n\n`{}`, opnum {}.{status}{extra}\n\n```text\n{}\n```",
            method.idl_name, method.opnum, method.signature
        );
        docs::outer(text.trim_start())
    }

    /// The attribute in front of code for type-erased views.
    pub(super) fn reflect_attr(&self) -> Option<TokenStream> {
        match self.options.reflect {
            Reflect::Never => None,
            Reflect::Always => Some(quote!()),
            Reflect::Feature => Some(quote!(#[cfg(feature = "reflect")])),
        }
    }
}

/// The type parameter of a result's handle.
pub(super) fn handle_parameter(index: usize, count: usize) -> proc_macro2::Ident {
    if count == 1 { ident("H") } else { format_ident!("H{}", index + 1) }
}

/// The operations that get code.
pub(super) fn generated(interface: &InterfaceDef) -> impl Iterator<Item = &Method> {
    interface.methods.iter().filter(|method| !method.reserved && method.unsupported.is_none())
}

fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

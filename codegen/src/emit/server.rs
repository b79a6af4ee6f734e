//! The server's side: the trait to implement, and the service around an implementation.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Emitter, Scope,
    bounds::{Access, local},
    ident,
    interface::Output,
    messages::capacity_field,
};
use crate::model::{Base, Bound, Element, HandleId, InterfaceDef, Method, ResultInfo, Role, Tag, TypeId, TypeKind};

/// Methods of `Arc` that are in scope everywhere.
const ARC_METHODS: [&str; 8] = ["as_ref", "clone", "clone_from", "clone_into", "drop", "into", "to_owned", "try_into"];

impl Emitter<'_> {
    pub(super) fn server_tokens(&self, interface: &InterfaceDef, methods: &[&Method]) -> TokenStream {
        let handles = interface.handles.iter().map(|&id| {
            let handle = self.model.handle(id);
            let name = ident(&handle.rust_name);
            let doc = format!(" What the server keeps for a context handle of type `{}`.", handle.idl_name);
            quote!(#[doc = #doc] type #name: Send + Sync + 'static;)
        });
        let trait_methods = methods.iter().map(|method| self.trait_method(interface, method));
        let handlers = methods.iter().map(|method| self.handler(interface, method));
        let count = super::com::operation_count(interface);
        let table = interface.methods.iter().map(|method| {
            if method.reserved || method.unsupported.is_some() || method.has_pipes() {
                return quote!(None);
            }
            let name = ident(&method.rust_name);
            quote!(Some(handlers::#name::<T>))
        });
        let dispatch = quote! {
            ndr::dispatch(const { &Self::HANDLERS }, ::std::sync::Arc::clone(&self.0), call, request)
        };
        let piped = methods.iter().filter(|method| method.has_pipes()).map(|method| {
            let (name, opnum) = (ident(&method.rust_name), proc_macro2::Literal::u16_unsuffixed(method.opnum));
            quote!(#opnum => handlers::#name(::std::sync::Arc::clone(&self.0), call, request),)
        });
        let piped: Vec<TokenStream> = piped.collect();
        let dispatch = if piped.is_empty() {
            dispatch
        } else {
            // Operations with pipes take a request that still grows.
            quote!(match call.opnum() { #(#piped)* _ => #dispatch, })
        };
        let table = self.inherited_table(interface, quote!(#(#table),*));
        let base = self.base_module(interface);
        let bounds = match &base {
            Some(base) => quote!(#base::Server),
            None => quote!(Send + Sync + 'static),
        };
        let left_out = if interface.object {
            quote! {
                /// Methods are written as `async fn`. One that is left out answers with `E_NOTIMPL`.
            }
        } else {
            quote! {
                /// Methods are written as `async fn`. One that is left out answers with the fault
                /// `nca_s_op_rng_error`.
            }
        };
        let groups = self.groups(methods);
        let status = methods.iter().any(|method| method.status.is_some()).then(|| {
            quote!(
                use ndr::Status as _;
            )
        });
        let handlers = (!methods.is_empty()).then(|| {
            quote! {
                mod handlers {
                    use super::{Server, ndr, wire};
                    #status
                    #(#handlers)*
                }
            }
        });
        let doc = format!(" The server of `{}`: what an implementer writes.", interface.idl_name);
        quote! {
            #[doc = #doc]
            ///
            #left_out
            pub trait Server: #bounds {
                #(#handles)*
                #(#trait_methods)*
            }
            #groups

            /// An implementation of [`Server`] as a transport calls it.
            #[derive(Debug)]
            pub struct Service<T>(::std::sync::Arc<T>);

            impl<T: Server> Service<T> {
                /// Interfaces that inherit from this one have its operations in their tables.
                #[doc(hidden)]
                pub const HANDLERS: [Option<ndr::Handler<T>>; #count] = #table;

                /// A service around an implementation.
                pub fn new(implementation: T) -> Self {
                    Self(::std::sync::Arc::new(implementation))
                }

                /// A service around a shared implementation.
                pub fn shared(implementation: ::std::sync::Arc<T>) -> Self {
                    Self(implementation)
                }
            }

            impl<T> Clone for Service<T> {
                fn clone(&self) -> Self {
                    Self(::std::sync::Arc::clone(&self.0))
                }
            }

            impl<T: Server> ndr::Service for Service<T> {
                fn interface(&self) -> &'static ndr::Interface {
                    &INTERFACE
                }
                fn call(&self, call: ndr::Call, request: ndr::Body) -> ndr::BoxFuture<'static, Result<ndr::Body, ndr::Fault>> {
                    #dispatch
                }
            }

            #handlers
        }
    }

    /// Groups of handle types that parameters of these methods take.
    fn groups(&self, methods: &[&Method]) -> TokenStream {
        let mut seen: Vec<HandleId> = Vec::new();
        for element in methods.iter().flat_map(|method| &method.request) {
            if let Base::Handle(id) = element.base
                && !self.model.handle(id).group.is_empty()
                && !seen.contains(&id)
            {
                seen.push(id);
            }
        }
        seen.into_iter().map(|id| self.group(id)).collect()
    }

    /// A group as an enumeration over handles.
    fn group(&self, id: HandleId) -> TokenStream {
        let handle = self.model.handle(id);
        let name = ident(&handle.rust_name);
        let members: Vec<_> = handle.group.iter().map(|&member| (member, self.model.handle(member))).collect();
        let doc = format!(" A handle of any type that `{}` stands for.", handle.idl_name);
        let variants = members.iter().map(|(_, member)| {
            let name = ident(&member.rust_name);
            let doc = format!(" A handle of type `{}`.", member.idl_name);
            quote!(#[doc = #doc] #name(ndr::Handle<T::#name>),)
        });
        let resolve = members.iter().map(|(member, def)| {
            let name = ident(&def.rust_name);
            let descriptor = self.handle_static(*member, Scope::Interface);
            quote!(if kind == &#descriptor { return call.handle(raw, &#descriptor).map(Self::#name); })
        });
        quote! {
            #[doc = #doc]
            pub enum #name<T: Server + ?Sized> { #(#variants)* }

            impl<T: Server> #name<T> {
                fn resolve(call: &ndr::Call, raw: ndr::ContextHandle) -> Result<Self, ndr::HandleRefusal> {
                    let kind = call.handle_type(raw)?;
                    #(#resolve)*
                    Err(call.refuse(ndr::HandleError::WrongType))
                }
            }
        }
    }

    fn trait_method(&self, interface: &InterfaceDef, method: &Method) -> TokenStream {
        let name = ident(&method.rust_name);
        let doc = self.method_doc(method, "");
        let visible: Vec<&Element> = arguments(method).collect();
        let arguments = visible.iter().map(|element| {
            let name = local(element);
            let ty = self.server_argument(element, is_changed(method, element));
            quote!(#name: #ty)
        });
        let pipes: Vec<_> = self.server_pipes(method).collect();
        let arguments = arguments.chain(pipes.iter().map(|(name, ty)| quote!(#name: #ty)));
        let many = too_many(visible.len() + pipes.len() + 2);
        let names = visible.iter().map(|element| local(element)).chain(pipes.iter().map(|(name, _)| name.clone()));
        let result = self.result_type(method, &|output| self.server_handle(output));
        let status = self.status_type(method);
        let not_implemented =
            if interface.object { quote!(ndr::com::not_implemented) } else { quote!(ndr::not_implemented) };
        quote! {
            #doc
            #many
            fn #name(&self, call: &ndr::Call, #(#arguments),*)
                -> impl Future<Output = ndr::Outcome<#result, #status>> + Send
            {
                #not_implemented((call, #(#names),*))
            }
        }
    }

    /// The type of an argument of a trait method.
    fn server_argument(&self, element: &Element, changed: bool) -> TokenStream {
        match element.base {
            Base::Handle(id) if element.levels.is_empty() => {
                let name = ident(&self.model.handle(id).rust_name);
                if !self.model.handle(id).group.is_empty() {
                    quote!(&#name<Self>)
                } else if changed {
                    quote!(Option<&ndr::Handle<Self::#name>>)
                } else {
                    quote!(&ndr::Handle<Self::#name>)
                }
            }
            _ => self.rust_type(element, Scope::Interface),
        }
    }

    /// The type of a handle among a server's results: a value that a handle is opened for.
    fn server_handle(&self, output: &Output<'_>) -> TokenStream {
        let Some(id) = output.handle else { return quote!(()) };
        let name = ident(&self.model.handle(id).rust_name);
        if output.changes { quote!(ndr::HandleChange<Self::#name>) } else { quote!(Self::#name) }
    }

    fn handler(&self, interface: &InterfaceDef, method: &Method) -> TokenStream {
        let name = ident(&method.rust_name);
        let request = ident(&format!("{}Request", method.type_name));
        let response = ident(&format!("{}Response", method.type_name));
        let before = self.before_call(method);
        let resolve = self.resolve_handles(method);
        let arguments = arguments(method).map(|element| self.pass_argument(method, element));
        let arguments = arguments.chain(self.pass_pipes(method));
        // Methods that every `Arc` has would be found first.
        let hidden = ARC_METHODS.contains(&method.rust_name.as_str());
        let inherits = self.emitted_base(interface).is_some();
        let invoke = if inherits {
            // A base may have a method of the same name.
            quote!(Server::#name(&*target, &call, #(#arguments),*))
        } else if hidden {
            quote!(T::#name(&target, &call, #(#arguments),*))
        } else {
            quote!(target.#name(&call, #(#arguments),*))
        };
        let after = self.after_call(method);
        let (capacities, within) = self.in_out_capacities(method);
        let request_name = if method.request.is_empty() { quote!(_request) } else { quote!(request) };
        let unchanged = self.unchanged_handles(method);
        let initial = if before.is_empty() && unchanged.is_empty() {
            quote!(wire::#response::default())
        } else if shown_in_response(method) == self.dictated(method) {
            quote!(wire::#response { #before #unchanged })
        } else {
            quote!(wire::#response { #before #unchanged ..Default::default() })
        };
        let (decode, encode_response) = if interface.object {
            (
                quote!(let (call, #request_name): (_, wire::#request) = ndr::com::decode_request(call, stub)?;),
                quote!(ndr::com::encode_response),
            )
        } else {
            (
                quote!(let #request_name: wire::#request = ndr::decode_request(&call, stub)?;),
                quote!(ndr::encode_response),
            )
        };
        let assigned = method.status.is_some() || self.outputs(method).iter().any(|output| output.element.is_some());
        let mutable = assigned.then(|| quote!(mut));
        let run = quote! {
            let #mutable response = #initial;
            #capacities
            let outcome = async {
                #resolve
                #invoke.await
            }
            .await;
            #after
            #within
        };
        if method.has_pipes() {
            let count = proc_macro2::Literal::usize_unsuffixed;
            let (ins, outs) = (count(method.in_pipes.len()), count(method.out_pipes.len()));
            return quote! {
                pub(super) fn #name<T: Server>(
                    target: ::std::sync::Arc<T>,
                    call: ndr::Call,
                    stub: ndr::Body,
                ) -> ndr::BoxFuture<'static, Result<ndr::Body, ndr::Fault>> {
                    ndr::serve_with_pipes(call, stub, (#ins, #outs), move |call, #request_name: wire::#request, pipes| async move {
                        #run
                        Ok(response)
                    })
                }
            };
        }
        quote! {
            pub(super) fn #name<T: Server>(
                target: ::std::sync::Arc<T>,
                call: ndr::Call,
                stub: ndr::Bytes,
            ) -> ndr::BoxFuture<'static, Result<ndr::Body, ndr::Fault>> {
                Box::pin(async move {
                    #decode
                    #run
                    #encode_response(&call, &response)
                })
            }
        }
    }

    /// An `[in, out]` count is a capacity on its way in: what comes back may not be longer.
    fn in_out_capacities(&self, method: &Method) -> (TokenStream, TokenStream) {
        let (mut before, mut after) = (quote!(), quote!());
        for (element, capacity) in caller_allocated(method) {
            let (name, max, count) = (ident(&element.rust_name), capacity_field(element), ident(&capacity.rust_name));
            before.extend(quote!(let #max = request.#count as u64;));
            after.extend(quote! {
                if response.#name.len() as u64 > #max { return Err(ndr::Fault::UNSPECIFIED); }
            });
        }
        (before, after)
    }

    /// How many fields of the response are set before the method runs.
    fn dictated(&self, method: &Method) -> usize {
        let capacities = method.results.iter().filter(|info| info.capacity.is_some()).count();
        let tags = method.response.iter().zip(&method.results).filter(|(element, info)| dictated_arm(element, info));
        capacities + tags.count() + self.outputs(method).iter().filter(|output| output.changes).count()
    }

    /// What the request dictates about the response: capacities and arms of unions.
    fn before_call(&self, method: &Method) -> TokenStream {
        let mut code = quote!();
        for (element, info) in method.response.iter().zip(&method.results) {
            if let Some(capacity) = &info.capacity {
                let request = quote!(request);
                let max = capacity_field(element);
                let size = self.request_bound(method, capacity, &request);
                code.extend(quote!(#max: #size,));
            }
            if let (Some(tag), Base::Type(id)) = (&info.tag_in_request, &element.base)
                && dictated_arm(element, info)
            {
                let field = ident(&element.rust_name);
                let tag = self.request_tag(method, tag, *id);
                let path = self.type_path(*id, Scope::Wire);
                code.extend(quote! {
                    #field: #path::zero_for(#tag).ok_or(ndr::Fault::INVALID_TAG)?,
                });
            }
        }
        code
    }

    /// A discriminant that the request has, as a value of the union's own type.
    fn request_tag(&self, method: &Method, bound: &Bound, union: TypeId) -> TokenStream {
        let request = quote!(request);
        let access = Access::Member(&request);
        let TypeKind::Union(def) = &self.model.ty(union).kind else { return quote!(0) };
        if let Bound::Sibling(index) = bound
            && let Some(element) = method.request.get(*index).filter(|element| element.levels.is_empty())
        {
            let same = match (&element.base, &def.tag) {
                (Base::Scalar(scalar), Tag::Scalar(tag)) => scalar == tag,
                (Base::Type(id), Tag::Enum(tag)) => id == tag,
                _ => false,
            };
            let decides = |other: &&Element| matches!(other.switch, Some(Bound::Sibling(tag)) if tag == *index);
            match (element.role, method.request.iter().find(decides)) {
                (Role::Plain, _) if same => return access.element(element),
                (Role::Discriminant, Some(union)) if same => {
                    let union = access.element(union);
                    return quote!(#union.tag());
                }
                _ => {}
            }
        }
        let number = self.request_bound(method, bound, &request);
        match &def.tag {
            Tag::Enum(id) => {
                let path = self.type_path(*id, Scope::Wire);
                quote!(#path((#number) as u32))
            }
            tag => {
                let ty = self.tag_type(tag);
                quote!((#number) as #ty)
            }
        }
    }

    /// A bound over the request, hidden counts included.
    pub(super) fn request_bound(&self, method: &Method, bound: &Bound, request: &TokenStream) -> TokenStream {
        let access = Access::Member(request);
        let hidden = self.hidden_lengths(&method.request, bound, access);
        let value = self.bound(bound, &method.request, access);
        if hidden.is_empty() { value } else { quote!({ #hidden #value }) }
    }

    /// Handles of `[in, out]` parameters stay as they are unless the method says otherwise.
    fn unchanged_handles(&self, method: &Method) -> TokenStream {
        let outputs = self.outputs(method);
        let changed = outputs.iter().filter(|output| output.changes).map(|output| {
            let name = &output.name;
            quote!(#name: request.#name,)
        });
        quote!(#(#changed)*)
    }

    fn resolve_handles(&self, method: &Method) -> TokenStream {
        arguments(method)
            .filter_map(|element| {
                let Base::Handle(id) = element.base else { return None };
                if !element.levels.is_empty() {
                    return None;
                }
                let (name, field) = (local(element), ident(&element.rust_name));
                let handle = self.model.handle(id);
                if !handle.group.is_empty() {
                    let group = ident(&handle.rust_name);
                    return Some(quote!(let #name = super::#group::<T>::resolve(&call, request.#field)?;));
                }
                let descriptor = self.handle_static(id, Scope::Wire);
                let ty = ident(&handle.rust_name);
                Some(if is_changed(method, element) {
                    quote!(let #name = call.optional_handle::<T::#ty>(request.#field, &#descriptor)?;)
                } else {
                    quote!(let #name = call.handle::<T::#ty>(request.#field, &#descriptor)?;)
                })
            })
            .collect()
    }

    fn pass_argument(&self, method: &Method, element: &Element) -> TokenStream {
        let (name, field) = (local(element), ident(&element.rust_name));
        match element.base {
            Base::Handle(_) if element.levels.is_empty() => {
                if is_changed(method, element) {
                    quote!(#name.as_ref())
                } else {
                    quote!(&#name)
                }
            }
            _ => quote!(request.#field),
        }
    }

    /// Fills the response from what the method came to.
    fn after_call(&self, method: &Method) -> TokenStream {
        let outputs = self.outputs(method);
        let fills: Vec<TokenStream> = outputs
            .iter()
            .filter_map(|output| {
                let value = if outputs.len() == 1 {
                    quote!(out)
                } else {
                    let name = &output.name;
                    quote!(out.#name)
                };
                self.fill(output, &value)
            })
            .collect();
        let tags = method.response.iter().zip(&method.results).filter_map(|(element, info)| {
            // The arm must be the one that the request asked for.
            dictated_arm(element, info).then_some(())?;
            let (name, field) = (local(element), ident(&element.rust_name));
            Some(quote! {
                if #name.tag() != response.#field.tag() { return Err(ndr::Fault::UNSPECIFIED); }
            })
        });
        let tags: Vec<TokenStream> = tags.collect();
        let status = method.status.as_ref().map(|status| {
            let element = &method.response[status.element];
            let name = ident(&element.rust_name);
            let signed = matches!(element.base, Base::Scalar(crate::model::Scalar::I32));
            let cast = signed.then(|| quote!(as i32));
            quote!(response.#name = status.to_wire() #cast;)
        });
        let status_name = if status.is_some() { quote!(status) } else { quote!(_) };
        let shown = outputs.iter().find(|output| output.element.is_none());
        let out_status = shown.map(|output| {
            let name = &output.name;
            let value = if outputs.len() == 1 { quote!(out) } else { quote!(out.#name) };
            quote!(status = #value;)
        });
        if outputs.is_empty() {
            return quote! {
                let (#status_name, _) = ndr::settle(outcome)?;
                #status
            };
        }
        let tag_bindings = method.response.iter().zip(&method.results).filter_map(|(element, info)| {
            dictated_arm(element, info).then_some(())?;
            let (name, field) = (local(element), ident(&element.rust_name));
            let value = if outputs.len() == 1 { quote!(&out) } else { quote!(&out.#field) };
            Some(quote!(let #name = #value;))
        });
        // A success that the results carry replaces the plain one; a failure keeps its own.
        if let Some(out_status) = out_status {
            if fills.is_empty() {
                return quote! {
                    let succeeded = outcome.is_ok();
                    let (mut status, out) = ndr::settle(outcome)?;
                    if let Some(out) = out.filter(|_| succeeded) {
                        #out_status
                    }
                    #status
                };
            }
            return quote! {
                let succeeded = outcome.is_ok();
                let (mut status, out) = ndr::settle(outcome)?;
                if let Some(out) = out {
                    #(#tag_bindings #tags)*
                    if succeeded { #out_status }
                    #(#fills)*
                }
                #status
            };
        }
        quote! {
            let (#status_name, out) = ndr::settle(outcome)?;
            if let Some(out) = out {
                #(#tag_bindings #tags)*
                #(#fills)*
            }
            #status
        }
    }

    fn fill(&self, output: &Output<'_>, value: &TokenStream) -> Option<TokenStream> {
        output.element?;
        let name = &output.name;
        let Some(id) = output.handle else { return Some(quote!(response.#name = #value;)) };
        let descriptor = self.handle_static(id, Scope::Wire);
        Some(if output.changes {
            quote!(response.#name = call.change_handle(response.#name, #value, &#descriptor)?;)
        } else {
            quote!(response.#name = call.open_handle(#value, &#descriptor)?;)
        })
    }
}

/// Whether the request says which arm a response's union has.
fn dictated_arm(element: &Element, info: &ResultInfo) -> bool {
    info.tag_in_request.is_some() && element.levels.is_empty() && matches!(element.base, Base::Type(_))
}

/// The request's elements that are arguments.
pub(super) fn arguments(method: &Method) -> impl Iterator<Item = &Element> {
    method.request.iter().filter(|element| element.role == Role::Plain)
}

/// Whether a handle travels back, too.
pub(super) fn is_changed(method: &Method, element: &Element) -> bool {
    method.response.iter().zip(&method.results).any(|(out, info)| {
        out.idl_name == element.idl_name && info.request.is_some() && matches!(out.base, Base::Handle(_))
    })
}

/// How many fields a response has.
fn shown_in_response(method: &Method) -> usize {
    let capacities = method.results.iter().filter(|info| info.capacity.is_some()).count();
    method.response.iter().filter(|element| element.role == Role::Plain).count() + capacities
}

/// Clippy counts arguments, `self` included; the document decides how many there are.
pub(super) fn too_many(arguments: usize) -> Option<TokenStream> {
    (arguments > 7).then(|| quote!(#[allow(clippy::too_many_arguments)]))
}

/// Arrays in place of a response whose capacity is an `[in, out]` count, with that count in the
/// request.
pub(super) fn caller_allocated(method: &Method) -> impl Iterator<Item = (&Element, &Element)> {
    method.response.iter().filter_map(|element| {
        let bounded = super::bounds::Bounded::of(element)?;
        let in_place = bounded.pointers.is_empty() && !bounded.string;
        Some((element, super::reflect::in_out_capacity(method, element).filter(|_| in_place)?))
    })
}

//! Pipes: readers, writers and inputs, on both sides.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Emitter, Scope, bounds::local, ident};
use crate::model::{Element, Method};

impl Emitter<'_> {
    /// What a pipe carries, as a type of the runtime.
    fn pipe_sequence(&self, pipe: &Element, scope: Scope) -> TokenStream {
        self.sequence(&pipe.levels, &pipe.base, scope)
    }

    /// The arguments of a trait method for its pipes: names and types.
    pub(super) fn server_pipes<'m>(
        &'m self,
        method: &'m Method,
    ) -> impl Iterator<Item = (proc_macro2::Ident, TokenStream)> + 'm {
        let typed = |pipe: &Element, ty: TokenStream| {
            let sequence = self.pipe_sequence(pipe, Scope::Interface);
            (local(pipe), quote!(#ty<#sequence>))
        };
        let ins = method.in_pipes.iter().map(move |pipe| typed(pipe, quote!(ndr::PipeReader)));
        ins.chain(method.out_pipes.iter().map(move |pipe| typed(pipe, quote!(ndr::PipeWriter))))
    }

    /// The pipes of a call, as they are passed to a trait method.
    pub(super) fn pass_pipes<'m>(&'m self, method: &'m Method) -> impl Iterator<Item = TokenStream> + 'm {
        let ins = method.in_pipes.iter().enumerate().map(|(index, pipe)| self.reader(index, pipe, Scope::Wire));
        let outs = method.out_pipes.iter().enumerate().map(|(index, pipe)| {
            let (sequence, index) = (self.pipe_sequence(pipe, Scope::Wire), Literal::usize_unsuffixed(index));
            quote!(pipes.writer::<#sequence>(#index))
        });
        ins.chain(outs)
    }

    /// A reader out of `pipes`.
    fn reader(&self, index: usize, pipe: &Element, scope: Scope) -> TokenStream {
        let (sequence, index) = (self.pipe_sequence(pipe, scope), Literal::usize_unsuffixed(index));
        let range = pipe.range.map(|(min, max)| {
            let bound = |value: i64| super::int_literal(value.max(0).into());
            let (min, max) = (bound(min), bound(max));
            quote!(.with_range(#min, #max))
        });
        quote!(pipes.reader::<#sequence>(#index) #range)
    }

    /// The arguments of a client's method for its `[in]` pipes.
    pub(super) fn client_pipes<'m>(&'m self, method: &'m Method) -> impl Iterator<Item = TokenStream> + 'm {
        method.in_pipes.iter().map(|pipe| {
            let (name, sequence) = (local(pipe), self.pipe_sequence(pipe, Scope::Interface));
            quote!(#name: impl Into<ndr::PipeInput<#sequence>>)
        })
    }

    /// The type of the `[out]` pipes at a client: a reader, or a tuple.
    fn client_readers(&self, method: &Method) -> TokenStream {
        let readers = method.out_pipes.iter().map(|pipe| {
            let sequence = self.pipe_sequence(pipe, Scope::Interface);
            quote!(ndr::PipeReader<#sequence>)
        });
        let readers: Vec<TokenStream> = readers.collect();
        match readers.as_slice() {
            [only] => only.clone(),
            several => quote!((#(#several),*)),
        }
    }

    /// A client's method with pipes: its result type and its body after the request is built.
    pub(super) fn piped_call(
        &self,
        method: &Method,
        (result, status): (&TokenStream, &TokenStream),
        (checks, conclude): (&TokenStream, &TokenStream),
        response_name: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let response = ident(&format!("{}Response", method.type_name));
        let opnum = Literal::u16_unsuffixed(method.opnum);
        let inputs = method.in_pipes.iter().map(|pipe| {
            let (name, sequence) = (local(pipe), self.pipe_sequence(pipe, Scope::Interface));
            quote!(.with::<#sequence>(#name))
        });
        let outs = Literal::usize_unsuffixed(method.out_pipes.len());
        let call = quote! {
            let pipes = ndr::RequestPipes::new() #(#inputs)*;
            let pipes = ndr::call_with_pipes(&self.channel, #opnum, &request, pipes, #outs).await?;
        };
        if method.out_pipes.is_empty() {
            let body = quote! {
                #call
                let #response_name: wire::#response = pipes.finish().await?;
                #checks
                #conclude
            };
            return (quote!(ndr::CallResult<#result, #status>), body);
        }
        let readers = self.client_readers(method);
        let values: Vec<TokenStream> = method
            .out_pipes
            .iter()
            .enumerate()
            .map(|(index, pipe)| self.reader(index, pipe, Scope::Interface))
            .collect();
        let values = match values.as_slice() {
            [only] => only.clone(),
            several => quote!((#(#several),*)),
        };
        let body = quote! {
            #call
            let readers = #values;
            Ok(ndr::Piped::new(pipes, readers, move |#response_name: wire::#response| {
                #checks
                #conclude
            }))
        };
        (quote!(Result<ndr::Piped<'_, #readers, #result, #status>, ndr::CallError<#result, #status>>), body)
    }
}

//! Context handle types.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Emitter, Scope, docs, ident};
use crate::model::HandleId;

impl Emitter<'_> {
    /// A marker for clients and a descriptor for servers; a group has markers of its members.
    pub(super) fn handle_tokens(&self, id: HandleId) -> TokenStream {
        let handle = self.model.handle(id);
        let name = ident(&handle.rust_name);
        let idl_name = &handle.idl_name;
        let own = handle.doc.as_deref().map_or_else(|| "Context handle.".to_owned(), docs::link_free);
        let doc = docs::outer(&format!("{own}\n\nMarks handles of the IDL type `{idl_name}`."));
        if handle.group.is_empty() {
            let descriptor = ident(&handle.static_name);
            let descriptor_doc = format!(" The context handle type `{idl_name}`.");
            return quote! {
                #doc
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub enum #name {}

                #[doc = #descriptor_doc]
                pub static #descriptor: ndr::HandleType = ndr::HandleType { name: #idl_name };
            };
        }
        let members = handle.group.iter().map(|&member| {
            let member = self.handle_path(member, Scope::File);
            quote!(impl ndr::InGroup<#name> for #member {})
        });
        quote! {
            #doc
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum #name {}
            #(#members)*
        }
    }
}

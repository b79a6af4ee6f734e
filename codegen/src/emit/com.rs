//! COM interfaces: markers, types of the runtime, and what is inherited.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Emitter, Scope, docs, ident, paths::scalar_type};
use crate::{
    model::{
        Base, ComId, Element, FileModel, InterfaceDef, Known, Method, Scalar,
        known::{Elements, Interface},
    },
    resolve::com::is_on_wire,
};

impl Emitter<'_> {
    /// Whether a file has code for an interface.
    pub(super) fn is_emitted(&self, file: &FileModel, interface: &InterfaceDef) -> bool {
        (file.root || interface.needed) && interface.uuid != 0 && is_on_wire(&self.model.files, interface)
    }

    /// The nearest interface that one inherits from and that has code: its file and itself.
    pub(super) fn emitted_base(&self, interface: &InterfaceDef) -> Option<(usize, &InterfaceDef)> {
        let (file, index) = interface.base?;
        let base = self.model.files.get(file)?.interfaces.get(index)?;
        // One on the wire has code, here or at an extern path.
        (base.uuid != 0 && is_on_wire(&self.model.files, base)).then_some((file, base))
    }

    /// The module of the interface that one inherits from.
    pub(super) fn base_module(&self, interface: &InterfaceDef) -> Option<TokenStream> {
        let (file, base) = self.emitted_base(interface)?;
        let (path, module) = (self.module_path(file, Scope::Interface), ident(&base.module));
        Some(quote!(#path #module))
    }

    /// The marker that pointers to a COM interface are typed with.
    pub(super) fn com_tokens(&self, id: ComId) -> TokenStream {
        let com = self.model.com(id);
        let (name, idl_name) = (ident(&com.rust_name), &com.idl_name);
        let doc = docs::outer(&format!("The COM interface `{idl_name}`, as the type of pointers to it."));
        let iid: TokenStream = format!("{:#034x}", com.iid).parse().unwrap_or_default();
        quote! {
            #doc
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum #name {}

            impl ndr::com::ComInterface for #name {
                const IID: ndr::Uuid = ndr::Uuid::from_u128(#iid);
                const NAME: &'static str = #idl_name;
            }
        }
    }

    /// A type of the runtime: its own codec, and the type of its values.
    pub(super) fn known_path(&self, known: &Known, scope: Scope) -> TokenStream {
        match known {
            Known::Bstr => quote!(ndr::oaut::Bstr),
            Known::Variant => quote!(ndr::oaut::Variant),
            Known::Currency => quote!(ndr::oaut::Currency),
            Known::Decimal => quote!(ndr::oaut::Decimal),
            Known::VariantBool => quote!(ndr::oaut::VariantBool),
            Known::SafeArray(Elements::Any) => quote!(ndr::oaut::AnySafeArray),
            Known::SafeArray(elements) => {
                let element = match elements {
                    Elements::Scalar(Scalar::WChar) => quote!(u16),
                    Elements::Scalar(scalar) => scalar_type(*scalar),
                    Elements::Known(known) => {
                        let path = self.known_path(known, scope);
                        if matches!(**known, Known::Interface(_)) { quote!(Option<#path>) } else { path }
                    }
                    Elements::Date | Elements::Any => quote!(ndr::oaut::Date),
                };
                quote!(ndr::oaut::SafeArray<#element>)
            }
            Known::Interface(Interface::Any) | Known::InterfacePointer => quote!(ndr::com::InterfacePointer),
            Known::Interface(Interface::Unknown) => quote!(ndr::com::ComPtr<ndr::com::IUnknown>),
            Known::Interface(Interface::Dispatch) => quote!(ndr::com::ComPtr<ndr::oaut::IDispatch>),
            Known::Interface(Interface::Named(id)) => {
                let com = self.model.com(*id);
                let (module, name) = (self.module_path(com.file, scope), ident(&com.rust_name));
                quote!(ndr::com::ComPtr<#module #name>)
            }
            Known::DualStringArray => quote!(ndr::com::DualStringArray),
            Known::StdObjRef => quote!(ndr::com::StdObjRef),
            Known::ComVersion => quote!(ndr::com::ComVersion),
            Known::OrpcThis => quote!(ndr::com::OrpcThis),
            Known::OrpcThat => quote!(ndr::com::OrpcThat),
        }
    }

    /// The table of an interface that inherits: `own` are its own entries.
    pub(super) fn inherited_table(&self, interface: &InterfaceDef, own: TokenStream) -> TokenStream {
        let base = self.emitted_base(interface).map(|(_, base)| base);
        let end = base.map_or(0, |base| base.inherited.len() + base.methods.len());
        // Interfaces in between may have nothing on the wire, but they have slots.
        let between = (end..interface.inherited.len()).map(|_| quote!(None,));
        match self.base_module(interface) {
            Some(module) => quote!(ndr::com::inherit(&#module::Service::<T>::HANDLERS, [#(#between)* #own])),
            None => quote!([#(#between)* #own]),
        }
    }

    /// Checks a pointer against the parameter beside it that `iid_is` names.
    pub(super) fn iid_check(
        &self,
        field: &Element,
        siblings: &[Element],
        what: &str,
        encode: bool,
    ) -> Option<TokenStream> {
        let Some(crate::model::Bound::Sibling(index)) = field.iid else { return None };
        let (pointer, iid) = (ident(&field.rust_name), ident(&siblings.get(index)?.rust_name));
        let (local, local_iid) = (super::bounds::local(field), super::bounds::local(siblings.get(index)?));
        let raw = |value: TokenStream| raw_pointer(&field.base, &value);
        Some(if encode {
            let raw = raw(quote!(self.#pointer));
            quote!(ndr::com::check_iid(self.#iid, #raw).at(#what)?;)
        } else {
            let raw = raw(quote!(#local));
            quote!(ndr::com::expect_iid(d, #local_iid, #raw).at(#what)?;)
        })
    }

    /// Checks of a response's pointers against what the request says of them.
    pub(super) fn client_iid_checks(&self, method: &Method) -> TokenStream {
        let checks = method.response.iter().zip(&method.results).filter_map(|(element, info)| {
            let Some(crate::model::Bound::Sibling(index)) = info.iid_in_request else { return None };
            let iid = ident(&method.request.get(index)?.rust_name);
            let name = ident(&element.rust_name);
            let raw = raw_pointer(&element.base, &quote!(response.#name));
            let what = &element.idl_name;
            Some(quote!(ndr::com::expect_response_iid(#what, request.#iid, #raw)?;))
        });
        checks.collect()
    }

    /// The operations that an interface inherits, as entries of its descriptor.
    pub(super) fn inherited_operations(&self, interface: &InterfaceDef) -> Vec<TokenStream> {
        let operation = |(name, there): &(String, bool)| {
            if *there { quote!(ndr::Operation::new(#name)) } else { quote!(ndr::Operation::reserved(#name)) }
        };
        interface.inherited.iter().map(operation).collect()
    }
}

/// The number of entries in an interface's tables.
pub(super) fn operation_count(interface: &InterfaceDef) -> Literal {
    Literal::usize_unsuffixed(interface.inherited.len() + interface.methods.len())
}

/// A pointer that may be NULL as an `Option` of a reference to one without a type.
fn raw_pointer(base: &Base, value: &TokenStream) -> TokenStream {
    match base {
        Base::Known(Known::Interface(Interface::Any)) => quote!(#value.as_ref()),
        _ => quote!(#value.as_ref().map(|pointer| pointer.as_raw())),
    }
}

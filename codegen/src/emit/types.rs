//! Enumerations, and what all types have in common.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Emitter, docs, ident, int_literal};
use crate::model::{Align, EnumDef, TypeDef};

impl Emitter<'_> {
    /// An open enumeration: a structure over the integer, so that unknown values are kept.
    pub(super) fn enum_tokens(&self, ty: &TypeDef, def: &EnumDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let doc = docs::outer(&docs::item(ty.doc.as_deref(), &ty.idl_name));
        let values = def.values.iter().map(|value| {
            let doc = docs::outer(&docs::item(value.doc.as_deref(), &value.idl_name));
            let (name, literal) = (ident(&value.rust_name), int_literal(i128::from(value.value)));
            quote!(#doc pub const #name: Self = Self(#literal);)
        });
        let mut named: Vec<u32> = Vec::new();
        let debug = def.values.iter().filter_map(|value| {
            if named.contains(&value.value) {
                return None;
            }
            named.push(value.value);
            let (literal, text) = (int_literal(i128::from(value.value)), &value.idl_name);
            Some(quote!(#literal => f.write_str(#text),))
        });
        let rust_name = &ty.rust_name;
        let align = align_tokens(ty.align);
        let min = Literal::u32_unsuffixed(ty.min);
        let (put, get) = if def.wide {
            (
                quote!({
                    e.u32(value.0);
                    Ok(())
                }),
                quote!(d.u32().map(Self)),
            )
        } else {
            (quote!(e.enum16(value.0)), quote!(d.enum16().map(Self)))
        };
        quote! {
            #doc
            #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct #name(pub u32);

            impl #name {
                #(#values)*
            }

            impl ::std::fmt::Debug for #name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    match self.0 {
                        #(#debug)*
                        value => write!(f, concat!(#rust_name, "({})"), value),
                    }
                }
            }

            impl ndr::Codec for #name {
                type Value = Self;
                const ALIGN: ndr::Align = #align;
                const MIN: usize = #min;

                fn zero() -> Self {
                    Self(0)
                }
                fn put(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    #put
                }
                fn get(d: &mut ndr::Decoder) -> Result<Self, ndr::DecodeError> {
                    #get
                }
            }
        }
    }
}

pub(super) fn align_tokens(align: Align) -> TokenStream {
    let (ndr, ndr64) = (Literal::u8_unsuffixed(align.ndr), Literal::u8_unsuffixed(align.ndr64));
    if align == Align::WORD {
        quote!(ndr::Align::WORD)
    } else if align.ndr == align.ndr64 {
        quote!(ndr::Align::same(#ndr))
    } else {
        quote!(ndr::Align::of(#ndr, #ndr64))
    }
}

//! Unions: a Rust enumeration of the arms, with the discriminant in front.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Emitter, Scope, docs, ident, int_literal, structs::member_path, types::align_tokens};
use crate::model::{Align, Arm, Scalar, Tag, TypeDef, UnionDef};

impl Emitter<'_> {
    pub(super) fn union_tokens(&self, ty: &TypeDef, def: &UnionDef) -> TokenStream {
        let name = ident(&ty.rust_name);
        let doc = docs::outer(&docs::item(ty.doc.as_deref(), &ty.idl_name));
        let tag = self.tag_type(&def.tag);
        let variants = def.arms.iter().map(|arm| {
            let name = ident(&arm.rust_name);
            let doc = docs::outer(&arm_doc(arm));
            let content = self.arm_content(arm, &tag);
            quote!(#doc #name #content,)
        });
        let zero = def.arms.first().map_or(quote!(unreachable!()), |arm| {
            let first = self.case_literal(&def.tag, arm.cases.first().copied().unwrap_or_default(), Scope::File);
            self.arm_zero(arm, &first)
        });
        let arms = self.union_methods(def, &tag);
        let codec = self.union_codec(ty, def, &tag);
        quote! {
            #doc
            #[derive(Clone, Debug, PartialEq)]
            pub enum #name { #(#variants)* }

            impl #name { #arms }

            impl Default for #name {
                fn default() -> Self {
                    #zero
                }
            }
            #codec
        }
    }

    /// What a variant holds: the discriminant where several select it, and the member.
    fn arm_content(&self, arm: &Arm, tag: &TokenStream) -> TokenStream {
        let member = arm.element.as_ref().map(|element| self.rust_type(element, Scope::File));
        match (arm.carries_tag(), member) {
            (true, Some(member)) => quote!((#tag, #member)),
            (true, None) => quote!((#tag)),
            (false, Some(member)) => quote!((#member)),
            (false, None) => quote!(),
        }
    }

    /// A variant whose member is zero.
    fn arm_zero(&self, arm: &Arm, tag: &TokenStream) -> TokenStream {
        let name = ident(&arm.rust_name);
        let member = arm.element.as_ref().map(|element| {
            let codec = self.codec(element, Scope::File);
            quote!(<#codec as ndr::Codec>::zero())
        });
        match (arm.carries_tag(), member) {
            (true, Some(member)) => quote!(Self::#name(#tag, #member)),
            (true, None) => quote!(Self::#name(#tag)),
            (false, Some(member)) => quote!(Self::#name(#member)),
            (false, None) => quote!(Self::#name),
        }
    }

    fn union_methods(&self, def: &UnionDef, tag: &TokenStream) -> TokenStream {
        let tags = def.arms.iter().map(|arm| {
            let name = ident(&arm.rust_name);
            match (arm.carries_tag(), arm.element.is_some()) {
                (true, true) => quote!(Self::#name(tag, _) => *tag,),
                (true, false) => quote!(Self::#name(tag) => *tag,),
                (false, some) => {
                    let pattern = some.then(|| quote!((_)));
                    let value =
                        self.case_literal(&def.tag, arm.cases.first().copied().unwrap_or_default(), Scope::File);
                    quote!(Self::#name #pattern => #value,)
                }
            }
        });
        let zeros = self.match_tag(def, |arm| {
            let zero = self.arm_zero(arm, &quote!(tag));
            quote!(Some(#zero))
        });
        let number = self.tag_number(&def.tag, quote!(self.tag()));
        let other = if def.arms.iter().any(|arm| arm.default) { quote!() } else { quote!(_ => None,) };
        let scrutinee = self.tag_scrutinee(&def.tag, quote!(tag));
        quote! {
            /// The discriminant.
            pub fn tag(&self) -> #tag {
                match self { #(#tags)* }
            }

            /// The discriminant as a number.
            pub fn tag_value(&self) -> u64 {
                #number
            }

            /// The arm that a discriminant selects, its member zero; `None` if it selects none.
            pub fn zero_for(tag: #tag) -> Option<Self> {
                match #scrutinee { #zeros #other }
            }
        }
    }

    /// Match arms over the discriminant, the default arm last.
    fn match_tag(&self, def: &UnionDef, body: impl Fn(&Arm) -> TokenStream) -> TokenStream {
        let listed = def.arms.iter().filter(|arm| !arm.default).map(|arm| {
            let cases = arm.cases.iter().map(|case| self.case_pattern(&def.tag, *case));
            let body = body(arm);
            quote!(#(#cases)|* => #body,)
        });
        let default = def.arms.iter().find(|arm| arm.default).map(|arm| {
            let body = body(arm);
            quote!(_ => #body,)
        });
        quote!(#(#listed)* #default)
    }

    fn union_codec(&self, ty: &TypeDef, def: &UnionDef, tag: &TokenStream) -> TokenStream {
        let name = ident(&ty.rust_name);
        let align = align_tokens(ty.align);
        let min = Literal::u32_unsuffixed(ty.min);
        // In NDR the arm is aligned as itself, unless the union is an ms_union.
        let arm_align = if def.ms_union && !def.encapsulated {
            def.arm_align
        } else {
            Align { ndr: 1, ndr64: def.arm_align.ndr64 }
        };
        let arm_align = align_tokens(arm_align);
        let start = if def.encapsulated { quote!(align) } else { quote!(align_union) };
        let puts = def.arms.iter().map(|arm| self.put_arm(ty, def, arm));
        let gets = self.match_tag(def, |arm| self.get_arm(ty, arm));
        let scrutinee = self.tag_scrutinee(&def.tag, quote!(tag));
        let tag_number = self.tag_number(&def.tag, quote!(tag));
        let invalid = if def.arms.iter().any(|arm| arm.default) {
            quote!()
        } else {
            quote!(_ => Err(d.invalid_tag(#tag_number)),)
        };
        let tag_codec = self.tag_codec(&def.tag);
        let deferred = ty.defers.then(|| {
            let puts = def.arms.iter().filter_map(|arm| self.deferred_arm(ty, arm, true));
            let gets = def.arms.iter().filter_map(|arm| self.deferred_arm(ty, arm, false));
            let all = def.arms.iter().all(|arm| self.deferred_arm(ty, arm, true).is_some());
            let rest = (!all).then(|| quote!(_ => Ok(()),));
            quote! {
                fn put_deferred(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    match value { #(#puts)* #rest }
                }
                fn get_deferred(value: &mut Self, d: &mut ndr::Decoder) -> Result<(), ndr::DecodeError> {
                    match value { #(#gets)* #rest }
                }
            }
        });
        let _ = tag;
        // Elements of an array are aligned to the widest arm, too ([MS-RPCE] 2.2.4.5).
        let tag_align = crate::resolve::tag_align(self.model, &def.tag);
        let wider = def.ms_union && !def.encapsulated && def.arm_align.ndr > tag_align.ndr;
        let slices = wider.then(|| {
            quote! {
                fn put_slice(values: &[Self], e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    values.iter().try_for_each(|value| {
                        e.align(#arm_align);
                        Self::put(value, e)
                    })
                }
                fn get_slice(values: &mut [Self], d: &mut ndr::Decoder) -> Result<(), ndr::DecodeError> {
                    values.iter_mut().try_for_each(|value| {
                        d.align(#arm_align);
                        *value = Self::get(d)?;
                        Ok(())
                    })
                }
            }
        });
        quote! {
            impl ndr::Codec for #name {
                type Value = Self;
                const ALIGN: ndr::Align = #align;
                const MIN: usize = #min;

                fn zero() -> Self {
                    Self::default()
                }
                fn put(value: &Self, e: &mut ndr::Encoder) -> Result<(), ndr::EncodeError> {
                    e.#start(Self::ALIGN);
                    #tag_codec::put(&value.tag(), e)?;
                    e.align(#arm_align);
                    match value { #(#puts)* }
                }
                fn get(d: &mut ndr::Decoder) -> Result<Self, ndr::DecodeError> {
                    d.#start(Self::ALIGN);
                    let tag = #tag_codec::get(d)?;
                    d.align(#arm_align);
                    match #scrutinee { #gets #invalid }
                }
                #slices
                #deferred
            }
        }
    }

    fn put_arm(&self, ty: &TypeDef, def: &UnionDef, arm: &Arm) -> TokenStream {
        let name = ident(&arm.rust_name);
        let check = arm.carries_tag().then(|| {
            // Only the labels of this arm select it.
            let number = self.tag_number(&def.tag, quote!(*tag));
            let tag = match def.tag {
                Tag::Enum(_) => quote!(&tag.0),
                _ => quote!(tag),
            };
            let listed: Vec<TokenStream> = if arm.default {
                let others = def.arms.iter().filter(|other| !other.default).flat_map(|other| &other.cases);
                others.map(|case| self.case_pattern(&def.tag, *case)).collect()
            } else {
                arm.cases.iter().map(|case| self.case_pattern(&def.tag, *case)).collect()
            };
            if listed.is_empty() {
                return quote!();
            }
            let not = (!arm.default).then(|| quote!(!));
            let wrong = quote!(#not [#(#listed),*].contains(#tag));
            quote!(if #wrong { return Err(ndr::wrong_arm(#number)); })
        });
        let tag_used = check.as_ref().is_some_and(|check| !check.is_empty());
        let tag_pattern = if tag_used { quote!(tag) } else { quote!(_) };
        let Some(element) = &arm.element else {
            let pattern = arm.carries_tag().then(|| quote!((#tag_pattern)));
            return quote!(Self::#name #pattern => { #check Ok(()) });
        };
        let what = member_path(ty, element);
        let codec = self.codec(element, Scope::File);
        let codec = self.call_path(&codec);
        let pattern = if arm.carries_tag() { quote!((#tag_pattern, value)) } else { quote!((value)) };
        if tag_used {
            quote!(Self::#name #pattern => { #check #codec::put(value, e).at(#what) })
        } else {
            quote!(Self::#name #pattern => #codec::put(value, e).at(#what),)
        }
    }

    fn get_arm(&self, ty: &TypeDef, arm: &Arm) -> TokenStream {
        let name = ident(&arm.rust_name);
        let Some(element) = &arm.element else {
            return if arm.carries_tag() { quote!(Ok(Self::#name(tag))) } else { quote!(Ok(Self::#name)) };
        };
        let what = member_path(ty, element);
        let codec = self.codec(element, Scope::File);
        let codec = self.call_path(&codec);
        if arm.carries_tag() {
            quote!(Ok(Self::#name(tag, #codec::get(d).at(#what)?)))
        } else {
            quote!(#codec::get(d).at(#what).map(Self::#name))
        }
    }

    fn deferred_arm(&self, ty: &TypeDef, arm: &Arm, put: bool) -> Option<TokenStream> {
        let element = arm.element.as_ref().filter(|element| self.defers(element))?;
        let name = ident(&arm.rust_name);
        let what = member_path(ty, element);
        let codec = self.codec(element, Scope::File);
        let codec = self.call_path(&codec);
        let pattern = if arm.carries_tag() { quote!((_, value)) } else { quote!((value)) };
        let call = if put { quote!(put_deferred(value, e)) } else { quote!(get_deferred(value, d)) };
        Some(quote!(Self::#name #pattern => #codec::#call.at(#what),))
    }

    /// The Rust type of a discriminant.
    pub(super) fn tag_type(&self, tag: &Tag) -> TokenStream {
        match tag {
            Tag::Scalar(scalar) => super::paths::scalar_type(*scalar),
            Tag::Enum(id) => self.type_path(*id, Scope::File),
            Tag::Unknown => quote!(u32),
        }
    }

    fn tag_codec(&self, tag: &Tag) -> TokenStream {
        match tag {
            Tag::Scalar(Scalar::U3264) => quote!(ndr::UInt3264),
            Tag::Scalar(Scalar::I3264) => quote!(ndr::Int3264),
            _ => self.tag_type(tag),
        }
    }

    fn tag_number(&self, tag: &Tag, value: TokenStream) -> TokenStream {
        match tag {
            Tag::Enum(_) => {
                let inner = self.tag_scrutinee(tag, value);
                quote!(u64::from(#inner))
            }
            Tag::Scalar(Scalar::U64 | Scalar::U3264) => value,
            Tag::Scalar(Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64 | Scalar::I3264) => quote!(#value as u64),
            _ => quote!(u64::from(#value)),
        }
    }

    fn tag_scrutinee(&self, tag: &Tag, value: TokenStream) -> TokenStream {
        match tag {
            Tag::Enum(_) => {
                let text = value.to_string();
                if text.starts_with('*') { quote!(tag.0) } else { quote!(#value.0) }
            }
            _ => value,
        }
    }

    /// A label as a value of the discriminant's type.
    pub(super) fn case_literal(&self, tag: &Tag, case: i128, scope: Scope) -> TokenStream {
        let literal = case_number(tag, case);
        match tag {
            Tag::Enum(id) => {
                let path = self.type_path(*id, scope);
                quote!(#path(#literal))
            }
            _ => literal,
        }
    }

    fn case_pattern(&self, tag: &Tag, case: i128) -> TokenStream {
        case_number(tag, case)
    }
}

/// A label as an integer of the discriminant's width: `-1` of an unsigned one is its largest value.
fn case_number(tag: &Tag, case: i128) -> TokenStream {
    let value = match tag {
        Tag::Scalar(Scalar::U8) => i128::from(case as u8),
        Tag::Scalar(Scalar::I8) => i128::from(case as i8),
        Tag::Scalar(Scalar::U16 | Scalar::WChar) => i128::from(case as u16),
        Tag::Scalar(Scalar::I16) => i128::from(case as i16),
        Tag::Scalar(Scalar::I32) => i128::from(case as i32),
        Tag::Scalar(Scalar::U64 | Scalar::U3264) => i128::from(case as u64),
        Tag::Scalar(Scalar::I64 | Scalar::I3264) => i128::from(case as i64),
        _ => i128::from(case as u32),
    };
    int_literal(value)
}

fn arm_doc(arm: &Arm) -> String {
    let labels = if arm.default {
        "Every other discriminant".to_owned()
    } else {
        let cases: Vec<String> = arm.cases.iter().map(i128::to_string).collect();
        format!("Discriminant {}", cases.join(", "))
    };
    match &arm.element {
        Some(element) => match &element.doc {
            Some(doc) => format!("{labels}: {}", docs::link_free(doc)),
            None => format!("{labels}: `{}`.", element.idl_name),
        },
        None => format!("{labels}; no data."),
    }
}

//! Rust types and codecs of elements.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Emitter, Scope, ident};
use crate::model::{Array, Base, Element, HandleId, Level, Pointer, Scalar, TypeId, grid};

impl Emitter<'_> {
    /// The path of a type.
    pub(super) fn type_path(&self, id: TypeId, scope: Scope) -> TokenStream {
        let ty = self.model.ty(id);
        let name = ident(&ty.rust_name);
        let module = self.module_path(ty.file, scope);
        quote!(#module #name)
    }

    /// The path of a handle type's marker.
    pub(super) fn handle_path(&self, id: HandleId, scope: Scope) -> TokenStream {
        let handle = self.model.handle(id);
        let name = ident(&handle.rust_name);
        let module = self.module_path(handle.file, scope);
        quote!(#module #name)
    }

    /// The path of a handle type's descriptor.
    pub(super) fn handle_static(&self, id: HandleId, scope: Scope) -> TokenStream {
        let handle = self.model.handle(id);
        let name = ident(&handle.static_name);
        let module = self.module_path(handle.file, scope);
        quote!(#module #name)
    }

    /// What leads from a scope of this file to the module of another, `::` at the end.
    pub(super) fn module_path(&self, file: usize, scope: Scope) -> TokenStream {
        let depth = match scope {
            Scope::File => 0,
            Scope::Interface => 1,
            Scope::Wire => 2,
        };
        let up = |steps: usize| -> TokenStream { (0..steps).map(|_| quote!(super::)).collect() };
        if file == self.file {
            return up(depth);
        }
        let other = &self.model.files[file];
        match &other.extern_path {
            Some(path) => {
                let path: TokenStream = path.parse().unwrap_or_default();
                quote!(#path::)
            }
            None => {
                let up = up(depth + 1);
                let module = ident(&other.module);
                quote!(#up #module::)
            }
        }
    }

    /// The codec of an element.
    pub(super) fn codec(&self, element: &Element, scope: Scope) -> TokenStream {
        self.codec_of(&element.levels, &element.base, scope)
    }

    pub(super) fn codec_of(&self, levels: &[Level], base: &Base, scope: Scope) -> TokenStream {
        let Some((level, inner)) = levels.split_first() else { return self.base_codec(base, scope) };
        match level {
            Level::Pointer(kind) => {
                let mut codec = self.codec_of(inner, base, scope);
                if self.boxed(*kind, inner, base) {
                    codec = quote!(ndr::Boxed<#codec>);
                }
                match kind {
                    Pointer::Ref => quote!(ndr::Ref<#codec>),
                    Pointer::Unique => quote!(ndr::Unique<#codec>),
                    Pointer::Full => quote!(ndr::Full<#codec>),
                    Pointer::FullScalar => quote!(ndr::FullScalar<#codec>),
                }
            }
            Level::Array(_) if let Some(rank) = grid(levels) => {
                let dimensions = self.dimensions(levels, rank, base, scope);
                quote!(ndr::Grid<#dimensions>)
            }
            Level::Array(array) => {
                let sequence = self.shifted(array, inner, base, scope);
                match (array.fixed, &array.length) {
                    (Some(count), None) => {
                        let element = self.item_codec(inner, base, scope);
                        let count = Literal::u64_unsuffixed(count);
                        quote!(ndr::Fixed<#element, #count>)
                    }
                    (Some(count), Some(_)) => {
                        let count = Literal::u64_unsuffixed(count);
                        quote!(ndr::Varying<#sequence, #count>)
                    }
                    (None, None) => quote!(ndr::Conformant<#sequence>),
                    (None, Some(_)) if let Some(slot) = array.slot.map(Literal::usize_unsuffixed) => {
                        quote!(ndr::Capped<#sequence, #slot>)
                    }
                    (None, Some(_)) => quote!(ndr::ConformantVarying<#sequence>),
                }
            }
            Level::Str { fixed, slot, .. } => {
                let wide = is_wide(base);
                match fixed {
                    Some(count) => {
                        let characters = if wide { quote!(ndr::Wide) } else { quote!(ndr::Narrow) };
                        let count = Literal::u64_unsuffixed(*count);
                        quote!(ndr::FixedStr<#characters, #count>)
                    }
                    None if let Some(slot) = slot.map(Literal::usize_unsuffixed) => {
                        let characters = if wide { quote!(ndr::Wide) } else { quote!(ndr::Narrow) };
                        quote!(ndr::CappedStr<#characters, #slot>)
                    }
                    None if wide => quote!(ndr::WideStr),
                    None => quote!(ndr::NarrowStr),
                }
            }
        }
    }

    /// The inside of an array that may begin at another element than the first.
    pub(super) fn shifted(&self, array: &Array, inner: &[Level], base: &Base, scope: Scope) -> TokenStream {
        let sequence = self.sequence(inner, base, scope);
        if array.first.is_some() { quote!(ndr::Shifted<#sequence>) } else { sequence }
    }

    /// The inside of an array: octets, code units or items.
    pub(super) fn sequence(&self, inner: &[Level], base: &Base, scope: Scope) -> TokenStream {
        match base {
            Base::Scalar(Scalar::U8) if inner.is_empty() => quote!(ndr::Octets),
            Base::Scalar(Scalar::WChar) if inner.is_empty() => quote!(ndr::Units),
            _ => {
                let codec = self.item_codec(inner, base, scope);
                quote!(ndr::Items<#codec>)
            }
        }
    }

    /// The codec of an array's element.
    fn item_codec(&self, levels: &[Level], base: &Base, scope: Scope) -> TokenStream {
        match levels.split_first() {
            Some((Level::Pointer(Pointer::Ref), inner)) => {
                let mut codec = self.codec_of(inner, base, scope);
                if self.boxed(Pointer::Ref, inner, base) {
                    codec = quote!(ndr::Boxed<#codec>);
                }
                quote!(ndr::ArrayRef<#codec>)
            }
            _ => self.codec_of(levels, base, scope),
        }
    }

    /// The dimensions of an array, `rank` of them.
    fn dimensions(&self, levels: &[Level], rank: usize, base: &Base, scope: Scope) -> TokenStream {
        let Some((Level::Array(array), inner)) = levels.split_first() else { return quote!() };
        let kind = match (array.fixed.map(Literal::u64_unsuffixed), &array.length) {
            (Some(count), None) => quote!(ndr::ExactDim<#count>),
            (Some(count), Some(_)) => quote!(ndr::ActualDim<#count>),
            (None, None) => quote!(ndr::MaxDim),
            (None, Some(_)) => quote!(ndr::MaxActualDim),
        };
        if rank > 1 {
            let rows = self.dimensions(inner, rank - 1, base, scope);
            return quote!(ndr::Rows<#kind, #rows>);
        }
        let sequence = self.sequence(inner, base, scope);
        quote!(ndr::Row<#kind, #sequence>)
    }

    fn base_codec(&self, base: &Base, scope: Scope) -> TokenStream {
        match base {
            Base::Scalar(Scalar::U3264) => quote!(ndr::UInt3264),
            Base::Scalar(Scalar::I3264) => quote!(ndr::Int3264),
            Base::Scalar(scalar) => scalar_type(*scalar),
            Base::Type(id) => self.type_path(*id, scope),
            Base::Handle(_) => quote!(ndr::ContextHandle),
            Base::Guid => quote!(ndr::Guid),
            Base::Known(known) => self.known_path(known, scope),
            Base::Unsupported(_) => quote!(()),
        }
    }

    /// The Rust type of an element.
    pub(super) fn rust_type(&self, element: &Element, scope: Scope) -> TokenStream {
        self.rust_type_of(&element.levels, &element.base, scope)
    }

    fn rust_type_of(&self, levels: &[Level], base: &Base, scope: Scope) -> TokenStream {
        let Some((level, inner)) = levels.split_first() else { return self.base_type(base, scope) };
        match level {
            Level::Pointer(kind) => {
                let mut ty = self.rust_type_of(inner, base, scope);
                if self.boxed(*kind, inner, base) {
                    ty = quote!(Box<#ty>);
                }
                match kind {
                    Pointer::Ref => ty,
                    Pointer::Unique | Pointer::FullScalar => quote!(Option<#ty>),
                    Pointer::Full => quote!(Option<::std::sync::Arc<#ty>>),
                }
            }
            Level::Array(_) if grid(levels).is_some() => {
                // The last dimension is a row of elements, whether its length is fixed or not.
                let rank = grid(levels).unwrap_or(1);
                let inner = levels.get(rank..).unwrap_or_default();
                let row = match base {
                    Base::Scalar(Scalar::U8) if inner.is_empty() => quote!(ndr::Bytes),
                    Base::Scalar(Scalar::WChar) if inner.is_empty() => quote!(ndr::WString),
                    _ => {
                        let ty = self.rust_type_of(inner, base, scope);
                        quote!(Vec<#ty>)
                    }
                };
                (1..rank).fold(row, |row, _| quote!(Vec<#row>))
            }
            Level::Array(array) => match (array.fixed, &array.length, base) {
                (Some(count), None, _) => {
                    let ty = self.rust_type_of(inner, base, scope);
                    let count = Literal::u64_unsuffixed(count);
                    quote!([#ty; #count])
                }
                (_, _, Base::Scalar(Scalar::U8)) if inner.is_empty() => quote!(ndr::Bytes),
                (_, _, Base::Scalar(Scalar::WChar)) if inner.is_empty() => quote!(ndr::WString),
                _ => {
                    let ty = self.rust_type_of(inner, base, scope);
                    quote!(Vec<#ty>)
                }
            },
            Level::Str { .. } if is_wide(base) => quote!(ndr::WString),
            Level::Str { .. } => quote!(ndr::NString),
        }
    }

    fn base_type(&self, base: &Base, scope: Scope) -> TokenStream {
        match base {
            Base::Scalar(scalar) => scalar_type(*scalar),
            Base::Type(id) => self.type_path(*id, scope),
            Base::Handle(_) => quote!(ndr::ContextHandle),
            Base::Guid => quote!(ndr::Uuid),
            Base::Known(known) => self.known_path(known, scope),
            Base::Unsupported(_) => quote!(()),
        }
    }

    /// Whether the pointee lies on the heap because its type contains itself: at the innermost
    /// pointer, unless an array that is on the heap already comes after it.
    fn boxed(&self, kind: Pointer, inner: &[Level], base: &Base) -> bool {
        let in_place =
            |level: &Level| matches!(level, Level::Array(array) if array.fixed.is_some() && array.length.is_none());
        kind != Pointer::Full
            && inner.iter().all(in_place)
            && matches!(base, Base::Type(id) if self.model.ty(*id).cycle.is_some())
    }
}

fn is_wide(base: &Base) -> bool {
    matches!(base, Base::Scalar(Scalar::WChar | Scalar::U16))
}

/// The Rust type of a scalar.
pub(super) fn scalar_type(scalar: Scalar) -> TokenStream {
    match scalar {
        Scalar::U8 => quote!(u8),
        Scalar::I8 => quote!(i8),
        Scalar::U16 | Scalar::WChar => quote!(u16),
        Scalar::I16 => quote!(i16),
        Scalar::U32 => quote!(u32),
        Scalar::I32 => quote!(i32),
        Scalar::U64 | Scalar::U3264 => quote!(u64),
        Scalar::I64 | Scalar::I3264 => quote!(i64),
        Scalar::F32 => quote!(f32),
        Scalar::F64 => quote!(f64),
    }
}

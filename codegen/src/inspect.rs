//! What an IDL file comes to: interfaces, opnums, sizes and alignments.

use std::fmt::Write;

use serde::Serialize;

use crate::model::{
    Base, Element, Known, Level, Model, Pointer, Role, Scalar, TypeKind,
    known::{Elements, Interface},
};

/// What `midlc inspect` shows of a file.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The IDL file.
    pub file: String,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
    /// Its types.
    pub types: Vec<TypeView>,
}

/// An interface.
#[derive(Debug, Serialize)]
pub struct InterfaceView {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    /// Its version.
    pub version: String,
    /// Its operations.
    pub operations: Vec<OperationView>,
}

/// An operation.
#[derive(Debug, Serialize)]
pub struct OperationView {
    /// Its opnum.
    pub opnum: u16,
    /// Its name.
    pub name: String,
    /// Whether the slot is empty.
    pub reserved: bool,
    /// Why it is not generated, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_generated: Option<String>,
    /// What travels to the server.
    pub request: Vec<String>,
    /// What travels back.
    pub response: Vec<String>,
}

/// A type.
#[derive(Debug, Serialize)]
pub struct TypeView {
    /// Its name.
    pub name: String,
    /// `struct`, `union` or `enum`.
    pub kind: &'static str,
    /// Size in NDR in octets, the part in place without conformant arrays.
    pub ndr_size: u32,
    /// Alignment in NDR.
    pub ndr_align: u8,
    /// Size in NDR64.
    pub ndr64_size: u32,
    /// Alignment in NDR64.
    pub ndr64_align: u8,
    /// Whether it ends in a conformant array.
    pub conformant: bool,
    /// Why it is not generated, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_generated: Option<String>,
}

/// Looks at the root files of a model.
pub fn inspect(model: &Model) -> Vec<Inspection> {
    model
        .files
        .iter()
        .filter(|file| file.wanted)
        .map(|file| Inspection {
            file: file.source.clone(),
            interfaces: file
                .interfaces
                .iter()
                .map(|interface| InterfaceView {
                    name: interface.idl_name.clone(),
                    uuid: uuid(interface.uuid),
                    version: format!("{}.{}", interface.version.0, interface.version.1),
                    operations: interface
                        .methods
                        .iter()
                        .map(|method| OperationView {
                            opnum: method.opnum,
                            name: method.idl_name.clone(),
                            reserved: method.reserved,
                            not_generated: method.unsupported.clone(),
                            // In the order of the wire.
                            request: summaries(model, &method.request, false)
                                .chain(summaries(model, &method.in_pipes, true))
                                .collect(),
                            response: summaries(model, &method.out_pipes, true)
                                .chain(summaries(model, &method.response, false))
                                .collect(),
                        })
                        .collect(),
                })
                .collect(),
            types: file
                .types
                .iter()
                .map(|&id| model.ty(id))
                .map(|ty| TypeView {
                    name: ty.idl_name.clone(),
                    kind: match ty.kind {
                        TypeKind::Struct(_) => "struct",
                        TypeKind::Union(_) => "union",
                        TypeKind::Enum(_) => "enum",
                    },
                    ndr_size: ty.size[0],
                    ndr_align: ty.align.ndr,
                    ndr64_size: ty.size[1],
                    ndr64_align: ty.align.ndr64,
                    conformant: ty.conformant > 0,
                    not_generated: ty.unsupported.clone(),
                })
                .collect(),
        })
        .collect()
}

/// The inspection as text.
pub fn to_text(inspections: &[Inspection]) -> String {
    let mut text = String::new();
    for file in inspections {
        let _ = writeln!(text, "{}", file.file);
        for interface in &file.interfaces {
            let _ = writeln!(text, "\n  interface {} {} v{}", interface.name, interface.uuid, interface.version);
            for operation in &interface.operations {
                let state = match (&operation.not_generated, operation.reserved) {
                    (Some(why), _) => format!("  (not generated: {why})"),
                    (None, true) => "  (reserved)".to_owned(),
                    (None, false) => String::new(),
                };
                let _ = writeln!(text, "    {:>4}  {}{state}", operation.opnum, operation.name);
                for (word, elements) in [("in", &operation.request), ("out", &operation.response)] {
                    for element in elements {
                        let _ = writeln!(text, "          {word:<4}{element}");
                    }
                }
            }
        }
        if !file.types.is_empty() {
            let _ = writeln!(text, "\n  {:<44} {:>10} {:>10}", "type", "NDR", "NDR64");
        }
        for ty in &file.types {
            let size = |size: u32, align: u8| format!("{size}/{align}");
            let tail = if ty.conformant { "  + conformant array" } else { "" };
            let state = ty.not_generated.as_ref().map(|why| format!("  (not generated: {why})")).unwrap_or_default();
            let name = format!("{} {}", ty.kind, ty.name);
            let _ = writeln!(
                text,
                "  {name:<44} {:>10} {:>10}{tail}{state}",
                size(ty.ndr_size, ty.ndr_align),
                size(ty.ndr64_size, ty.ndr64_align)
            );
        }
    }
    text
}

fn uuid(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// An element's name and wire levels: `lpszName: unique -> string(wchar_t)`.
fn summaries(model: &Model, elements: &[Element], pipes: bool) -> impl Iterator<Item = String> {
    let word = if pipes { "pipe " } else { "" };
    elements.iter().map(move |element| format!("{word}{}", element_summary(model, element)))
}

fn element_summary(model: &Model, element: &Element) -> String {
    let mut text = format!("{}: ", element.idl_name);
    for level in &element.levels {
        match level {
            Level::Pointer(Pointer::Ref) => text.push_str("ref -> "),
            Level::Pointer(Pointer::Unique) => text.push_str("unique -> "),
            Level::Pointer(Pointer::Full | Pointer::FullScalar) => text.push_str("full -> "),
            Level::Array(array) => {
                let kind = match (array.fixed, array.length.is_some()) {
                    (Some(count), false) => format!("array[{count}] of "),
                    (Some(count), true) => format!("varying array[{count}] of "),
                    (None, false) => "conformant array of ".to_owned(),
                    (None, true) => "conformant varying array of ".to_owned(),
                };
                text.push_str(&kind);
            }
            Level::Str { fixed: Some(count), .. } => {
                let _ = write!(text, "string[{count}] of ");
            }
            Level::Str { fixed: None, .. } => text.push_str("string of "),
        }
    }
    text.push_str(&match &element.base {
        Base::Scalar(scalar) => scalar_name(*scalar).to_owned(),
        Base::Type(id) => model.ty(*id).idl_name.clone(),
        Base::Handle(id) => format!("context handle {}", model.handle(*id).idl_name),
        Base::Guid => "UUID".to_owned(),
        Base::Known(known) => known_name(model, known),
        Base::Unsupported(why) => format!("({why})"),
    });
    match element.role {
        Role::Plain => {}
        Role::Count => text.push_str(" (count, derived)"),
        Role::Discriminant => text.push_str(" (discriminant, derived)"),
    }
    text
}

fn known_name(model: &Model, known: &Known) -> String {
    match known {
        Known::Interface(Interface::Named(id)) => model.com(*id).idl_name.clone(),
        Known::Interface(Interface::Unknown) => "IUnknown".to_owned(),
        Known::Interface(Interface::Dispatch) => "IDispatch".to_owned(),
        Known::Interface(Interface::Any) | Known::InterfacePointer => "MInterfacePointer".to_owned(),
        Known::SafeArray(Elements::Any) => "SAFEARRAY".to_owned(),
        Known::SafeArray(Elements::Date) => "SAFEARRAY(DATE)".to_owned(),
        Known::SafeArray(Elements::Scalar(scalar)) => format!("SAFEARRAY({})", scalar_name(*scalar)),
        Known::SafeArray(Elements::Known(known)) => format!("SAFEARRAY({})", known_name(model, known)),
        Known::Bstr => "BSTR".to_owned(),
        Known::Variant => "VARIANT".to_owned(),
        Known::Currency => "CURRENCY".to_owned(),
        Known::Decimal => "DECIMAL".to_owned(),
        Known::VariantBool => "VARIANT_BOOL".to_owned(),
        Known::DualStringArray => "DUALSTRINGARRAY".to_owned(),
        Known::StdObjRef => "STDOBJREF".to_owned(),
        Known::ComVersion => "COMVERSION".to_owned(),
        Known::OrpcThis => "ORPCTHIS".to_owned(),
        Known::OrpcThat => "ORPCTHAT".to_owned(),
    }
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "u8",
        Scalar::I8 => "i8",
        Scalar::U16 => "u16",
        Scalar::WChar => "wchar_t",
        Scalar::I16 => "i16",
        Scalar::U32 => "u32",
        Scalar::I32 => "i32",
        Scalar::U64 => "u64",
        Scalar::I64 => "i64",
        Scalar::U3264 => "u3264",
        Scalar::I3264 => "i3264",
        Scalar::F32 => "f32",
        Scalar::F64 => "f64",
    }
}

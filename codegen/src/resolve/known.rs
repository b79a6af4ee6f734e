//! Which types of the IDL the runtime has by hand: those of COM and OLE Automation, by name and
//! shape, and what travels in place of types that user code marshals.

use midlc_parser::{
    ast::{self, AttrArg, Attribute, Deriv, Expr, ExprKind, Ident, TypeKind as AstKind, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use super::{
    Resolver, TypedefEntry,
    element::{Flat, Raw},
    find, has,
};
use crate::model::{
    Base, Known, Pointer, Scalar, TypeId, TypeKind,
    known::{Elements, Interface},
};

/// Names of structures, without `_` and `tag` in front, and of their members; `*` is any.
const STRUCTURES: &[(&str, &[&str], Known)] = &[
    ("FLAGGED_WORD_BLOB", &["*", "clSize", "asData"], Known::Bstr),
    ("wireVARIANT", &["clSize", "rpcReserved", "vt", "wReserved1", "wReserved2", "wReserved3", "*"], Known::Variant),
    (
        "wireSAFEARRAY",
        &["cDims", "fFeatures", "cbElements", "cLocks", "uArrayStructs", "rgsabound"],
        Known::SafeArray(Elements::Any),
    ),
    ("MInterfacePointer", &["ulCntData", "abData"], Known::InterfacePointer),
    ("CY", &["int64"], Known::Currency),
    ("DEC", &["wReserved", "scale", "sign", "Hi32", "Lo64"], Known::Decimal),
    ("DUALSTRINGARRAY", &["wNumEntries", "wSecurityOffset", "aStringArray"], Known::DualStringArray),
    ("STDOBJREF", &["flags", "cPublicRefs", "oxid", "oid", "ipid"], Known::StdObjRef),
    ("COMVERSION", &["MajorVersion", "MinorVersion"], Known::ComVersion),
    ("ORPCTHIS", &["version", "flags", "reserved1", "cid", "extensions"], Known::OrpcThis),
    ("ORPCTHAT", &["flags", "extensions"], Known::OrpcThat),
];

/// How many types may be within each other by `SAFEARRAY(…)`, or stand for each other through
/// `wire_marshal` and its kin.
const MAX_NESTING: usize = 8;

impl Resolver<'_> {
    /// Finds the structures that the runtime has.
    pub(super) fn find_known(&mut self) {
        for index in 0..self.model.types.len() {
            let AstKind::Struct(def) = &self.bodies_of[index].ty.kind else { continue };
            let tag = def.tag.as_ref().map(|tag| tag.name.as_str());
            let names = [tag, Some(self.model.types[index].idl_name.as_str())];
            let plain = |name: &str| {
                let name = name.trim_start_matches('_');
                name.strip_prefix("tag").unwrap_or(name).to_owned()
            };
            let names: Vec<String> = names.into_iter().flatten().map(plain).collect();
            let members: Vec<&str> = def.body.iter().flatten().flat_map(member_names).collect();
            let known = STRUCTURES.iter().find(|(name, expected, _)| {
                let same = |(member, expected): (&&str, &&str)| *expected == "*" || member == expected;
                names.iter().any(|other| other == name)
                    && members.len() == expected.len()
                    && members.iter().zip(*expected).all(same)
            });
            self.model.types[index].known = known.map(|(.., known)| known.clone());
        }
    }

    /// A structure, union or enumeration, or what stands for it.
    pub(super) fn known_base(&self, id: TypeId) -> Option<Base> {
        self.model.ty(id).known.clone().map(Base::Known)
    }

    /// Whether user code marshals a type, so that its body is of no interest.
    pub(super) fn is_marshalled_by_user(&self, id: TypeId) -> bool {
        self.bodies_of.get(id.0).is_some_and(|body| has(body.attrs, "wire_marshal") || has(body.attrs, "user_marshal"))
    }

    /// What the runtime has for a typedef of one name, whatever it is made of.
    pub(super) fn known_name(&self, file: usize, name: &str, entry: &TypedefEntry<'_>) -> Option<Known> {
        let derivs = entry.declarator.derivs.len();
        let scalar = self.scalar_in(file, entry.ty);
        match name {
            "VARIANT_BOOL" if derivs == 0 && scalar == Some(Scalar::I16) => Some(Known::VariantBool),
            // [MS-DTYP] 2.2.5 prints what a BSTR is in memory; on the wire it is that of [MS-OAUT].
            "BSTR" if derivs == 1 && scalar.is_some() && find(entry.attrs, "string").is_none() => Some(Known::Bstr),
            _ => None,
        }
    }

    /// Takes the pointer of a BSTR or VARIANT into the type itself.
    pub(super) fn take_pointer(flat: &mut Flat) {
        let taken = match (&flat.base, flat.raw.last()) {
            _ if !flat.pointed => return,
            (Base::Known(Known::Bstr | Known::Variant), Some(Raw::Pointer { explicit, default })) => {
                explicit.or(*default).unwrap_or(Pointer::Unique) == Pointer::Unique
            }
            _ => false,
        };
        if taken {
            flat.raw.pop();
        } else if !matches!(flat.base, Base::Unsupported(_)) {
            flat.base = Base::Unsupported("it is generated only as what a BSTR or VARIANT points to".into());
        }
    }

    /// Follows the type that travels in place of one with `wire_marshal`, `user_marshal` or
    /// `transmit_as`; whether there is one.
    pub(super) fn follow_stand_in(&mut self, flat: &mut Flat, file: usize, attrs: &[Attribute]) -> bool {
        const NAMES: [&str; 3] = ["wire_marshal", "user_marshal", "transmit_as"];
        let Some(attr) = NAMES.iter().find_map(|name| find(attrs, name)) else { return false };
        let (ty, derivs): (TypeSpec, &[Deriv]) = match attr.args.first() {
            Some(AttrArg::Type(ty, derivs)) => (ty.clone(), derivs),
            Some(AttrArg::Expr(Expr { kind: ExprKind::Name(name), span })) => (named(name, *span), &[]),
            _ => return false,
        };
        flat.stand_ins += 1;
        if self.nesting >= MAX_NESTING {
            flat.base = Base::Unsupported("too many types stand for each other".into());
            return true;
        }
        if let AstKind::Named(name) = &ty.kind
            && self.typedef(file, &name.name).is_none()
        {
            flat.base = Base::Unsupported(format!("it travels as {}, which is not declared", name.name));
            return true;
        }
        if let Err(why) = self.push_derivs(flat, derivs, None) {
            flat.base = Base::Unsupported(why);
            return true;
        }
        self.follow_in(flat, file, &ty);
        true
    }

    /// Follows a type as another file means it.
    fn follow_in(&mut self, flat: &mut Flat, file: usize, ty: &TypeSpec) {
        self.nesting += 1;
        let here = std::mem::replace(&mut self.file, file);
        self.follow(flat, ty);
        self.file = here;
        self.nesting -= 1;
    }

    /// `SAFEARRAY(type)`. Where the file has made it a macro for the plain name, it means what the
    /// name does; else it is a pointer to that, as MIDL has it built in.
    pub(super) fn follow_safearray(&mut self, flat: &mut Flat, file: usize, element: &TypeSpec, derivs: &[Deriv]) {
        if self.nesting >= MAX_NESTING {
            flat.base = Base::Unsupported("too many SAFEARRAYs are within each other".into());
            return;
        }
        let elements = match self.safearray_elements(file, element, derivs) {
            Ok(elements) => elements,
            Err(why) => {
                flat.base = Base::Unsupported(why);
                return;
            }
        };
        if self.inputs[file].file.safearray_macro.is_some() && self.typedef(file, "SAFEARRAY").is_some() {
            self.follow_in(flat, file, &named("SAFEARRAY", element.span));
        } else {
            let unique = || Raw::Pointer { explicit: Some(Pointer::Unique), default: None };
            flat.raw.extend([unique(), unique()]);
            flat.base = Base::Known(Known::SafeArray(Elements::Any));
            flat.stand_ins += 1;
        }
        if let Base::Known(Known::SafeArray(known)) = &mut flat.base {
            *known = elements;
        }
    }

    /// The elements of a SAFEARRAY, or why there is none of such.
    fn safearray_elements(&mut self, file: usize, ty: &TypeSpec, derivs: &[Deriv]) -> Result<Elements, String> {
        if let AstKind::Named(name) = &ty.kind
            && name.name == "DATE"
            && derivs.is_empty()
        {
            return Ok(Elements::Date);
        }
        let mut flat = Flat::new();
        self.push_derivs(&mut flat, derivs, None)?;
        self.follow_in(&mut flat, file, ty);
        Self::take_pointer(&mut flat);
        match (flat.raw.as_slice(), flat.base) {
            (_, Base::Unsupported(why)) => Err(why),
            ([], Base::Scalar(scalar)) if !matches!(scalar, Scalar::I3264 | Scalar::U3264) => {
                Ok(Elements::Scalar(scalar))
            }
            ([], Base::Known(known @ (Known::Bstr | Known::Variant | Known::Currency | Known::VariantBool))) => {
                Ok(Elements::Known(Box::new(known)))
            }
            ([Raw::Pointer { .. }], Base::Known(Known::Interface(interface))) => {
                let interface = if interface == Interface::Any { Interface::Unknown } else { interface };
                Ok(Elements::Known(Box::new(Known::Interface(interface))))
            }
            ([], Base::Type(id)) => match &self.model.ty(id).kind {
                TypeKind::Enum(_) => Ok(Elements::Scalar(Scalar::I32)),
                _ => {
                    let name = self.model.ty(id).idl_name.clone();
                    let what = format!("elements of SAFEARRAY({name}) stay marshalled");
                    let why = "records are not taken apart yet: they are octets in Rust, and right on the wire";
                    self.error(Diagnostic::warning("records", what).label(ty.span, why));
                    Ok(Elements::Any)
                }
            },
            _ => Err("[MS-OAUT] has no SAFEARRAY of such elements".into()),
        }
    }
}

fn member_names(field: &ast::Field) -> Vec<&str> {
    if field.declarators.is_empty() {
        return vec![""];
    }
    field.declarators.iter().filter_map(|declarator| declarator.name.as_ref()).map(|name| name.name.as_str()).collect()
}

fn named(name: &str, span: Span) -> TypeSpec {
    TypeSpec { kind: AstKind::Named(Ident { name: name.to_owned(), span }), is_const: false, span }
}

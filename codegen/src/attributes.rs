//! The attributes of MIDL, and the places where each may stand.

use std::collections::HashSet;

use midlc_parser::{
    ast::{Attribute, Deriv, Field, File, Item, Operation, Skipped, TypeKind, TypeSpec},
    diag::Diagnostic,
};

use crate::resolve::NOT_GENERATED;

/// Sets of places, as bits.
type Places = u16;

const INTERFACE: Places = 1;
const TYPE: Places = 1 << 1;
const MEMBER: Places = 1 << 2;
const PARAMETER: Places = 1 << 3;
const OPERATION: Places = 1 << 4;
/// Libraries, coclasses, dispinterfaces and modules.
const LIBRARY: Places = 1 << 5;
/// The constants of an enumeration.
const ENUMERATOR: Places = 1 << 6;
const VALUE: Places = MEMBER | PARAMETER;
const ANYWHERE: Places = Places::MAX;

/// The places in words.
const WORDS: [(Places, &str, &str); 7] = [
    (INTERFACE, "an interface", "interfaces"),
    (TYPE, "a type", "types"),
    (MEMBER, "a member", "members"),
    (PARAMETER, "a parameter", "parameters"),
    (OPERATION, "an operation", "operations"),
    (LIBRARY, "a library or what it holds", "libraries"),
    (ENUMERATOR, "a constant of an enumeration", "constants of enumerations"),
];

/// Every attribute and its places, in alphabetical order. ACF files have some that stand here
/// because documents print them in their IDL.
const TABLE: &[(&str, Places)] = &[
    ("aggregatable", LIBRARY),
    ("allocate", TYPE | PARAMETER | OPERATION),
    ("annotation", ANYWHERE),
    ("appobject", LIBRARY),
    ("async", INTERFACE | OPERATION),
    ("async_uuid", INTERFACE),
    ("auto_handle", INTERFACE),
    ("bindable", MEMBER | OPERATION),
    ("broadcast", OPERATION),
    ("byte_count", PARAMETER),
    ("call_as", OPERATION),
    ("callback", OPERATION),
    ("case", MEMBER),
    ("code", INTERFACE | OPERATION),
    ("comm_status", PARAMETER | OPERATION),
    ("context_handle", TYPE | PARAMETER | OPERATION),
    ("context_handle_noserialize", INTERFACE | TYPE | PARAMETER | OPERATION),
    ("context_handle_serialize", INTERFACE | TYPE | PARAMETER | OPERATION),
    ("control", TYPE | LIBRARY),
    ("cs_char", TYPE),
    ("cs_drtag", PARAMETER),
    ("cs_rtag", PARAMETER),
    ("cs_stag", PARAMETER),
    ("cs_tag_rtn", INTERFACE | OPERATION),
    ("custom", ANYWHERE),
    ("decode", INTERFACE | TYPE | OPERATION),
    ("default", MEMBER | INTERFACE | LIBRARY),
    ("defaultbind", MEMBER | OPERATION),
    ("defaultcollelem", MEMBER | OPERATION),
    ("defaultvalue", PARAMETER),
    ("defaultvtable", LIBRARY),
    ("disable_consistency_check", VALUE | TYPE),
    ("displaybind", MEMBER | OPERATION),
    ("dllname", LIBRARY),
    ("dual", INTERFACE | LIBRARY),
    ("enable_allocate", INTERFACE | OPERATION),
    ("encode", INTERFACE | TYPE | OPERATION),
    ("endpoint", INTERFACE),
    ("entry", OPERATION),
    ("explicit_handle", INTERFACE | OPERATION),
    ("fault_status", PARAMETER | OPERATION),
    ("first_is", VALUE),
    ("force_allocate", TYPE | PARAMETER),
    ("handle", TYPE),
    ("heap", VALUE | TYPE),
    ("helpcontext", ANYWHERE),
    ("helpfile", LIBRARY),
    ("helpstring", ANYWHERE),
    ("helpstringcontext", ANYWHERE),
    ("helpstringdll", LIBRARY),
    ("hidden", ANYWHERE),
    ("id", MEMBER | OPERATION | PARAMETER | ENUMERATOR),
    ("idempotent", OPERATION),
    ("ignore", VALUE),
    ("iid_is", VALUE),
    ("immediatebind", MEMBER | OPERATION),
    ("implicit_handle", INTERFACE),
    ("in", PARAMETER),
    ("in_line", INTERFACE | TYPE),
    ("input_sync", OPERATION),
    ("last_is", VALUE),
    ("lcid", PARAMETER | LIBRARY),
    ("length_is", VALUE),
    ("licensed", LIBRARY),
    ("local", INTERFACE | OPERATION),
    ("max_is", VALUE),
    ("maybe", OPERATION),
    ("message", OPERATION),
    ("min_is", VALUE),
    ("ms_union", INTERFACE | TYPE | MEMBER),
    ("nocode", INTERFACE | OPERATION),
    ("nonbrowsable", INTERFACE | MEMBER | OPERATION | LIBRARY),
    ("noncreatable", LIBRARY),
    ("nonextensible", INTERFACE | LIBRARY),
    ("notify", OPERATION),
    ("notify_flag", OPERATION),
    ("object", INTERFACE),
    ("odl", INTERFACE),
    ("off_line", INTERFACE | TYPE),
    ("oleautomation", INTERFACE | LIBRARY),
    ("optimize", INTERFACE | OPERATION),
    ("optional", PARAMETER),
    ("out", PARAMETER),
    ("out_of_line", INTERFACE | TYPE),
    ("partial_ignore", PARAMETER),
    ("pointer_default", INTERFACE | LIBRARY),
    ("predeclid", TYPE | INTERFACE | LIBRARY),
    ("progid", LIBRARY),
    ("propget", OPERATION | MEMBER),
    ("propput", OPERATION | MEMBER),
    ("propputref", OPERATION | MEMBER),
    ("proxy", INTERFACE),
    ("ptr", TYPE | VALUE | OPERATION),
    ("public", TYPE | INTERFACE | LIBRARY),
    ("range", TYPE | VALUE),
    ("readonly", MEMBER | PARAMETER),
    ("ref", TYPE | VALUE | OPERATION),
    ("replaceable", MEMBER | OPERATION),
    ("represent_as", TYPE),
    ("requestedit", MEMBER | OPERATION),
    ("restricted", ANYWHERE),
    ("retval", PARAMETER),
    ("size_is", VALUE),
    ("source", MEMBER | INTERFACE | OPERATION | LIBRARY),
    ("strict_context_handle", INTERFACE | TYPE | PARAMETER | OPERATION),
    ("string", TYPE | VALUE | OPERATION),
    ("switch_is", VALUE),
    ("switch_type", TYPE | VALUE),
    ("system_handle", TYPE | VALUE),
    ("threading", LIBRARY),
    ("transmit_as", TYPE),
    ("type_strict_context_handle", INTERFACE | TYPE | PARAMETER | OPERATION),
    ("uidefault", MEMBER | OPERATION),
    ("unique", TYPE | VALUE | OPERATION),
    ("user_marshal", TYPE),
    ("usesgetlasterror", OPERATION),
    ("uuid", INTERFACE | TYPE | LIBRARY),
    ("v1_enum", TYPE | MEMBER),
    ("vararg", OPERATION),
    ("version", INTERFACE | TYPE | LIBRARY),
    ("vi_progid", LIBRARY),
    ("wire_marshal", TYPE),
];

/// Attributes that say what travels: where they have no effect, what is generated would be wrong.
const SHAPES: [&str; 7] = ["first_is", "last_is", "length_is", "max_is", "min_is", "size_is", "switch_is"];

/// Reports attributes that do not exist, and those that stand where they mean nothing; each once for
/// each kind of place.
pub(crate) fn check(file: &File, diagnostics: &mut Vec<Diagnostic>) {
    let mut checker = Checker { diagnostics, told: HashSet::new() };
    checker.items(&file.items);
}

struct Checker<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
    told: HashSet<(String, Places)>,
}

impl Checker<'_> {
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Interface(interface) => {
                    self.attributes(&interface.attrs, INTERFACE);
                    self.items(interface.items.as_deref().unwrap_or_default());
                }
                Item::Dispinterface(skipped) | Item::Coclass(skipped) | Item::Module(skipped) => {
                    self.attributes(&skipped.attrs, LIBRARY);
                    self.skipped(skipped);
                }
                Item::Library(library) => {
                    self.attributes(&library.attrs, LIBRARY);
                    self.items(&library.items);
                }
                Item::Typedef(typedef) => {
                    self.attributes(&typedef.attrs, TYPE);
                    self.ty(&typedef.ty);
                    for declarator in &typedef.declarators {
                        self.derivs(&declarator.derivs);
                    }
                }
                Item::Type(decl) => {
                    self.attributes(&decl.attrs, TYPE);
                    self.ty(&decl.ty);
                }
                Item::Operation(operation) => self.operation(operation),
                Item::Const(_) | Item::CppQuote(_) | Item::Pragma(_) | Item::ImportLib(_) | Item::Invalid(_) => {}
            }
        }
    }

    /// What is read and not generated is told once for each kind.
    fn skipped(&mut self, skipped: &Skipped) {
        if !skipped.has_body || !self.told.insert((skipped.keyword.clone(), 0)) {
            return;
        }
        let consequence = match skipped.keyword.as_str() {
            "dispinterface" => "it is called through IDispatch::Invoke, and has no methods on the wire",
            "coclass" => "a class is what a server registers under a CLSID; nothing of it travels",
            _ => "it describes the functions of a DLL, which are no remote operations",
        };
        let what = format!("no Rust is generated for {} {}", skipped.keyword, skipped.name.name);
        self.diagnostics.push(
            Diagnostic::warning(NOT_GENERATED, what)
                .label(skipped.name.span, consequence)
                .note(format!("that goes for every {} of this file", skipped.keyword)),
        );
    }

    fn operation(&mut self, operation: &Operation) {
        self.attributes(&operation.attrs, OPERATION);
        for param in &operation.params {
            self.attributes(&param.attrs, PARAMETER);
            self.derivs(&param.declarator.derivs);
        }
    }

    fn ty(&mut self, ty: &TypeSpec) {
        match &ty.kind {
            TypeKind::Struct(def) => {
                self.attributes(&def.attrs, TYPE);
                def.body.iter().flatten().for_each(|field| self.field(field));
            }
            TypeKind::Union(def) => {
                self.attributes(&def.attrs, TYPE);
                let arms = def.body.iter().flatten();
                arms.filter_map(|arm| arm.field.as_ref()).for_each(|field| self.field(field));
            }
            TypeKind::Enum(def) => {
                self.attributes(&def.attrs, TYPE);
                for enumerator in def.body.iter().flatten() {
                    self.attributes(&enumerator.attrs, ENUMERATOR);
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, field: &Field) {
        self.attributes(&field.attrs, MEMBER);
        self.ty(&field.ty);
        for declarator in &field.declarators {
            self.derivs(&declarator.derivs);
        }
    }

    fn derivs(&mut self, derivs: &[Deriv]) {
        for deriv in derivs {
            if let Deriv::Pointer { attrs, .. } = deriv {
                self.attributes(attrs, VALUE);
            }
        }
    }

    fn attributes(&mut self, attrs: &[Attribute], place: Places) {
        for attr in attrs {
            let name = attr.name.name.as_str();
            let found = TABLE.binary_search_by_key(&name, |(name, _)| name).ok().and_then(|index| TABLE.get(index));
            if found.is_some_and(|(_, places)| places & place != 0) || !self.told.insert((name.to_owned(), place)) {
                continue;
            }
            self.diagnostics.push(match found {
                Some((_, places)) => misplaced(attr, *places, place),
                None => unknown(attr),
            });
        }
    }
}

fn unknown(attr: &Attribute) -> Diagnostic {
    let name = &attr.name.name;
    let message = format!("unknown attribute {name}");
    match midlc_parser::suggest::closest(name, TABLE.iter().map(|(name, _)| *name)) {
        // Left out, a misspelt attribute might change what travels.
        Some(close) => Diagnostic::error("unknown-attribute", message)
            .label(attr.name.span, "no attribute of MIDL")
            .help(format!("did you mean {close}?")),
        None => Diagnostic::warning("unknown-attribute", message).label(attr.name.span, "ignored, here and elsewhere"),
    }
}

fn misplaced(attr: &Attribute, places: Places, place: Places) -> Diagnostic {
    let name = &attr.name.name;
    let here = WORDS.iter().find(|(word, ..)| word & place != 0).map_or("this", |(_, here, _)| here);
    let all: Vec<&str> = WORDS.iter().filter(|(word, ..)| word & places != 0).map(|(_, _, all)| *all).collect();
    let message = format!("[{name}] means nothing at {here}");
    let diagnostic = if SHAPES.contains(&name.as_str()) {
        Diagnostic::error("misplaced-attribute", message)
    } else {
        Diagnostic::warning("misplaced-attribute", message)
    };
    diagnostic.label(attr.span, "misplaced").note(format!("it belongs to {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.is_sorted_by(|(left, _), (right, _)| left < right));
    }
}

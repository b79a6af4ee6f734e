//! First pass: every name that a file declares, so that declarations may come after their use.

use std::collections::{BTreeSet, hash_map::Entry};

use midlc_parser::{
    ast::{Attribute, Expr, ExprKind, File, Ident, Interface, Item, TypeKind as AstKind, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use super::{Body, ConstEntry, Resolver, TypedefEntry, consts::smallest_type, find, has, is_context_handle};
use crate::{
    model::{
        Align, ConstDef, ConstValue, EnumDef, FileModel, HandleDef, HandleId, Pointer, Scalar, StructDef, Tag, TypeDef,
        TypeId, TypeKind, UnionDef,
    },
    names,
};

impl<'a> Resolver<'a> {
    pub(super) fn declare(&mut self) {
        let inputs = self.inputs;
        for (index, input) in inputs.iter().enumerate() {
            self.file = index;
            let imports = self.imports_of(input.file);
            self.model.files.push(FileModel {
                module: input.module.clone(),
                source: input.source.clone(),
                wanted: input.wanted,
                root: input.wanted,
                extern_path: input.extern_path.clone(),
                document: input.overlay.document.clone(),
                doc: input.file.doc.clone(),
                types: Vec::new(),
                handles: Vec::new(),
                consts: Vec::new(),
                com: Vec::new(),
                interfaces: Vec::new(),
                imports,
            });
            self.pointer_default = None;
            self.ms_union = false;
            self.module_names.extend(names::RESERVED_MODULES.iter().map(|name| (index, (*name).to_owned())));
            self.declare_items(&input.file.items, false);
            for macro_const in &input.file.macros {
                self.consts.insert(index, &macro_const.name.name, ConstEntry::Expr(&macro_const.value));
            }
        }
        self.find_contexts();
        self.check_typedefs();
        self.find_known();
        for (index, input) in inputs.iter().enumerate() {
            self.file = index;
            self.declare_consts(input.file);
        }
        self.check_consts();
    }

    /// What else a file sees: imports are read in one go, so that a file may rely on what its
    /// importers have imported before it, as headers of the SDK do.
    fn find_contexts(&mut self) {
        let inputs = self.inputs;
        let mut contexts: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); inputs.len()];
        // Importers stand behind what they import.
        for (index, input) in inputs.iter().enumerate().rev() {
            let mut before = contexts[index].clone();
            for id in &input.file.imports {
                let Some(import) = self.inputs.iter().position(|input| input.file.id == *id) else { continue };
                contexts[import].extend(&before);
                before.extend(self.imports(import));
                before.insert(import);
            }
        }
        for (index, context) in contexts.iter_mut().enumerate() {
            context.remove(&index);
            for import in self.imports(index) {
                context.remove(import);
            }
        }
        self.contexts = contexts.into_iter().map(|context| context.into_iter().collect()).collect();
    }

    /// Direct and indirect imports, as indexes of inputs.
    fn imports_of(&self, file: &File) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for id in &file.imports {
            if let Some(index) = self.inputs.iter().position(|input| input.file.id == *id) {
                let indirect = self.model.files.get(index).map(|file| file.imports.clone()).unwrap_or_default();
                found.extend(indirect);
                found.push(index);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn declare_items(&mut self, items: &'a [Item], level6: bool) {
        for item in items {
            match item {
                Item::Interface(interface) => self.declare_interface(interface),
                Item::Library(library) => {
                    self.warn_library(&library.name);
                    self.declare_items(&library.items, level6);
                }
                Item::Typedef(typedef) => {
                    let named = |declarator: &&midlc_parser::ast::Declarator| declarator.name.is_some();
                    // A type that only its pointers have a name for is named after the first.
                    let mut declarators = typedef.declarators.iter().filter(named);
                    let plain = declarators.clone().find(|declarator| declarator.derivs.is_empty());
                    let name = plain.or(declarators.next()).and_then(|declarator| declarator.name.as_ref());
                    let name = name.filter(|_| plain.is_some() || tag_of(&typedef.ty).is_none());
                    let doc = typedef.doc.as_deref();
                    self.declare_opaque(&typedef.ty);
                    let name = name.map(|name| (name.name.as_str(), name.span));
                    self.declare_type(&typedef.ty, &typedef.attrs, name, doc, typedef.span, level6);
                    for declarator in &typedef.declarators {
                        let Some(name) = &declarator.name else { continue };
                        let pointer_default = self.pointer_default;
                        let (attrs, ty) = (&typedef.attrs, &typedef.ty);
                        let entry = TypedefEntry { attrs, ty, declarator, pointer_default, span: name.span };
                        self.declare_typedef(&name.name, entry);
                        if is_context_handle(&typedef.attrs)
                            && self.handle_types.get(self.file, &[], &name.name).is_none()
                        {
                            // [MS-MQRR] names one handle twice, for operations that run one after the
                            // other and for those that do not.
                            let named = match &typedef.ty.kind {
                                AstKind::Named(name) if declarator.derivs.is_empty() => Some(name),
                                _ => None,
                            };
                            let imports = self.imports(self.file);
                            let other = named.and_then(|name| self.handle_types.get(self.file, imports, &name.name));
                            let other = other.map(|(_, id)| *id);
                            let id = other.unwrap_or_else(|| self.add_handle(&name.name, doc));
                            self.handle_types.insert(self.file, &name.name, id);
                        }
                    }
                }
                Item::Type(decl) => {
                    let doc = decl.doc.as_deref();
                    self.declare_opaque(&decl.ty);
                    self.declare_type(&decl.ty, &decl.attrs, None, doc, decl.span, level6);
                }
                Item::Const(decl) => {
                    if let Some(name) = &decl.declarator.name {
                        self.declare_const(name, ConstEntry::Expr(&decl.value));
                    }
                }
                Item::Dispinterface(skipped) | Item::Coclass(skipped) => {
                    self.classes.insert(self.file, &skipped.name.name, ());
                }
                Item::Operation(operation) => self.declare_in_operation(operation, level6),
                Item::Module(_) | Item::CppQuote(_) | Item::Pragma(_) | Item::ImportLib(_) | Item::Invalid(_) => {}
            }
        }
    }

    /// `struct S;` and `typedef struct S S;`: a body may follow, or never.
    fn declare_opaque(&mut self, ty: &'a TypeSpec) {
        if let Some(tag) = tag_of(ty).filter(|_| !has_body(ty)) {
            self.opaque.insert(self.file, &tag.name, ());
        }
    }

    /// Says what is lost with a type library.
    fn warn_library(&mut self, name: &Ident) {
        if !self.inputs[self.file].wanted {
            return;
        }
        let why = "there are no type libraries in Rust; what it declares is generated as if it stood outside";
        let what = format!("library {} is not generated", name.name);
        self.error(Diagnostic::warning(super::NOT_GENERATED, what).label(name.span, why));
    }

    fn declare_interface(&mut self, interface: &'a Interface) {
        match interface.items {
            Some(_) => self.interfaces.set(self.file, &interface.name.name, interface),
            None => self.interfaces.insert(self.file, &interface.name.name, interface),
        }
        let Some(items) = &interface.items else { return };
        self.declare_com(interface);
        let outer = (self.pointer_default, self.ms_union);
        self.pointer_default = self.interface_pointer_default(&interface.attrs);
        self.ms_union = has(&interface.attrs, "ms_union");
        let level6 = self.level6(&interface.name.name);
        self.declare_items(items, level6);
        (self.pointer_default, self.ms_union) = outer;
    }

    /// What `pointer_default` says. Where it says nothing, pointers are unique ([MS-RPCE] 2.2.4.9).
    pub(super) fn interface_pointer_default(&self, attrs: &[Attribute]) -> Option<Pointer> {
        let name = find(attrs, "pointer_default").and_then(|attr| match attr.args.first() {
            Some(midlc_parser::ast::AttrArg::Expr(Expr { kind: ExprKind::Name(name), .. })) => Some(name.as_str()),
            _ => None,
        });
        match name {
            Some("ptr") => Some(Pointer::Full),
            Some("ref") => Some(Pointer::Ref),
            Some("unique") => Some(Pointer::Unique),
            _ => None,
        }
    }

    fn declare_typedef(&mut self, name: &'a str, entry: TypedefEntry<'a>) {
        match self.typedefs.get(self.file, &[], name) {
            Some((_, &first)) => self.repeated_typedefs.push((self.file, name, first, entry)),
            None => self.typedefs.insert(self.file, name, entry),
        }
    }

    /// A name may be declared again as the same thing, nothing else.
    fn check_typedefs(&mut self) {
        for (file, name, first, again) in std::mem::take(&mut self.repeated_typedefs) {
            self.file = file;
            let text =
                |entry: &TypedefEntry<'_>| crate::signature::declaration(entry.ty, &entry.declarator.derivs, name);
            let scalars = || {
                let plain = first.declarator.derivs.is_empty() && again.declarator.derivs.is_empty();
                let scalar = self.scalar_behind(first.ty);
                plain && scalar.is_some() && scalar == self.scalar_behind(again.ty)
            };
            // `typedef struct S S;` may stand before or after the same with a body.
            let tagged = tag_of(first.ty).is_some() || !has_body(first.ty) && !has_body(again.ty);
            let same = tagged && !(has_body(first.ty) && has_body(again.ty)) && text(&first) == text(&again);
            if !same && !scalars() {
                self.error(
                    Diagnostic::error("duplicate-type", format!("{name} is declared twice"))
                        .label(again.span, "again here, as something else")
                        .secondary(first.span, "first here"),
                );
            }
        }
    }

    /// Whether stubs of an interface are checked at level 6.0.
    pub(super) fn level6(&self, interface: &str) -> bool {
        let overlay = self.overlay().interface.get(interface);
        overlay.and_then(|overlay| overlay.level) == Some(crate::overlay::LevelName::V6)
    }

    pub(super) fn add_handle(&mut self, idl_name: &str, doc: Option<&str>) -> HandleId {
        let id = HandleId(self.model.handles.len());
        let file = self.file;
        let rust_name = names::interface_type_name(idl_name);
        let rust_name = names::take_type(rust_name, |name| self.type_names.insert((file, name.to_owned())));
        let static_name =
            names::take(names::const_name(idl_name), |name| self.value_names.insert((file, name.to_owned())));
        self.model.handles.push(HandleDef {
            idl_name: idl_name.to_owned(),
            rust_name,
            static_name,
            file: self.file,
            doc: doc.map(str::to_owned),
            group: Vec::new(),
        });
        self.model.files[self.file].handles.push(id);
        id
    }

    /// Registers the type that a specifier has the body of, and those nested in it. `name` is the
    /// typedef's.
    pub(super) fn declare_type(
        &mut self,
        ty: &'a TypeSpec,
        attrs: &'a [Attribute],
        name: Option<(&str, Span)>,
        doc: Option<&str>,
        span: Span,
        level6: bool,
    ) {
        let (tag, kind, has_body) = match &ty.kind {
            AstKind::Struct(def) => (&def.tag, TypeKind::Struct(StructDef::default()), def.body.is_some()),
            AstKind::Union(def) => {
                let union = UnionDef {
                    tag: Tag::Unknown,
                    ms_union: self.ms_union || has(attrs, "ms_union") || has(&def.attrs, "ms_union"),
                    encapsulated: def.switch.is_some(),
                    arms: Vec::new(),
                    arm_align: Align::same(1),
                };
                (&def.tag, TypeKind::Union(union), def.body.is_some())
            }
            AstKind::Enum(def) => {
                let wide = has(attrs, "v1_enum") || has(&def.attrs, "v1_enum");
                (&def.tag, TypeKind::Enum(EnumDef { wide, values: Vec::new() }), def.body.is_some())
            }
            AstKind::Pipe(inner) => return self.declare_type(inner, attrs, name, doc, span, level6),
            _ => return,
        };
        if !has_body {
            return;
        }
        let tag = tag.as_ref();
        let idl_name = name.map(|(name, _)| name).or(tag.map(|tag| tag.name.as_str())).unwrap_or_default().to_owned();
        let id = TypeId(self.model.types.len());
        if let Some(tag) = tag {
            if let Some((_, &other)) = self.tags.get(self.file, &[], &tag.name) {
                let earlier = self.model.ty(other).span;
                self.error(
                    Diagnostic::error("duplicate-type", format!("{} is declared twice", tag.name))
                        .label(tag.span, "again here")
                        .secondary(earlier, "first here"),
                );
                return;
            }
            self.tags.insert(self.file, &tag.name, id);
        }
        let overlay = self.overlay().types.get(&idl_name);
        let overlay = overlay.or_else(|| tag.and_then(|tag| self.overlay().types.get(&tag.name)));
        let rename = overlay.and_then(|overlay| overlay.rename.clone());
        let place = name.map(|(_, span)| span).or(tag.map(|tag| tag.span)).unwrap_or(span);
        let rename = rename.filter(|name| self.check_rename(name, place));
        let rust_name = rename.unwrap_or_else(|| names::type_name(&idl_name));
        let file = self.file;
        let rust_name = names::take_type(rust_name, |name| self.type_names.insert((file, name.to_owned())));
        self.bodies.insert(std::ptr::from_ref(ty), id);
        self.bodies_of.push(Body { ty, attrs, pointer_default: self.pointer_default, ms_union: self.ms_union, level6 });
        self.model.types.push(TypeDef {
            idl_name: idl_name.clone(),
            rust_name,
            file: self.file,
            doc: doc.map(str::to_owned),
            span: place,
            kind,
            unsupported: None,
            known: None,
            align: Align::same(1),
            size: [0, 0],
            min: 0,
            defers: false,
            automation: false,
            conformant: 0,
            cycle: None,
        });
        self.model.files[self.file].types.push(id);
        self.declare_nested(ty, &idl_name, level6);
        if let AstKind::Enum(def) = &ty.kind {
            self.declare_enumerators(def.body.as_deref().unwrap_or_default());
        }
    }

    /// Types that parameters declare on their way; those without a tag are named after the operation
    /// and the parameter.
    fn declare_in_operation(&mut self, operation: &'a midlc_parser::ast::Operation, level6: bool) {
        for param in &operation.params {
            let name = param.declarator.name.as_ref().map(|name| name.name.as_str()).unwrap_or("PARAMETER");
            let own = tag_of(&param.ty).is_none().then(|| format!("{}_{name}", operation.name.name));
            let own = own.as_deref().map(|name| (name, param.span));
            self.declare_type(&param.ty, &param.attrs, own, None, param.span, level6);
        }
        let own = tag_of(&operation.ret).is_none().then(|| format!("{}_RESULT", operation.name.name));
        let own = own.as_deref().map(|name| (name, operation.span));
        self.declare_type(&operation.ret, &[], own, None, operation.span, level6);
    }

    /// Types nested in members; those without a tag are named after their parent and member.
    fn declare_nested(&mut self, ty: &'a TypeSpec, parent: &str, level6: bool) {
        let fields: Vec<&'a midlc_parser::ast::Field> = match &ty.kind {
            AstKind::Struct(def) => def.body.iter().flatten().collect(),
            AstKind::Union(def) => def.body.iter().flatten().filter_map(|arm| arm.field.as_ref()).collect(),
            _ => return,
        };
        for field in fields {
            let (tag, word) = match &field.ty.kind {
                AstKind::Struct(def) if def.body.is_some() => (def.tag.as_ref(), "STRUCT"),
                AstKind::Union(def) if def.body.is_some() => (def.tag.as_ref(), "UNION"),
                AstKind::Enum(def) if def.body.is_some() => (def.tag.as_ref(), "ENUM"),
                _ => continue,
            };
            let member = field.declarators.first().and_then(|declarator| declarator.name.as_ref());
            let own = match (tag, member) {
                (Some(_), _) => None,
                (None, Some(member)) => Some(format!("{parent}_{}", member.name)),
                (None, None) => Some(format!("{parent}_{word}")),
            };
            let name = own.as_deref().map(|name| (name, field.span));
            let doc = field.doc.as_deref();
            self.declare_type(&field.ty, &field.attrs, name, doc, field.span, level6);
        }
    }

    fn declare_enumerators(&mut self, values: &'a [midlc_parser::ast::Enumerator]) {
        // Values need constants, which are known after the first pass; names are taken now.
        let mut previous: Option<(Option<&'a Expr>, i128)> = None;
        for value in values {
            let entry = match (&value.value, previous) {
                (Some(expr), _) => {
                    previous = Some((Some(expr), 0));
                    ConstEntry::Expr(expr)
                }
                (None, None) => {
                    previous = Some((None, 0));
                    ConstEntry::Value(0)
                }
                (None, Some((None, last))) => {
                    previous = Some((None, last + 1));
                    ConstEntry::Value(last + 1)
                }
                (None, Some((Some(base), offset))) => {
                    previous = Some((Some(base), offset + 1));
                    ConstEntry::Offset(base, offset + 1)
                }
            };
            self.declare_const(&value.name, entry);
        }
    }

    /// A `const` or an enumerator. The first one of a name counts.
    fn declare_const(&mut self, name: &'a Ident, entry: ConstEntry<'a>) {
        match self.const_spans.entry((self.file, name.name.as_str())) {
            Entry::Occupied(_) => self.repeated_consts.push((self.file, &name.name, entry, name.span)),
            Entry::Vacant(place) => {
                place.insert(name.span);
                self.consts.insert(self.file, &name.name, entry);
            }
        }
    }

    /// A constant may be declared again with the same value, no other.
    fn check_consts(&mut self) {
        for (file, name, again, span) in std::mem::take(&mut self.repeated_consts) {
            self.file = file;
            let Some(&first) = self.const_spans.get(&(file, name)) else { continue };
            let value = match again {
                ConstEntry::Value(value) => Some(value),
                ConstEntry::Expr(expr) => self.try_const_value(expr),
                ConstEntry::Offset(expr, offset) => {
                    self.try_const_value(expr).map(|value| value.saturating_add(offset))
                }
            };
            let old = self.eval_name(name).ok();
            if let (Some(old), Some(value)) = (old, value)
                && old != value
            {
                self.error(
                    Diagnostic::error("duplicate-constant", format!("{name} is declared twice"))
                        .label(span, format!("{value} here"))
                        .secondary(first, format!("{old} here")),
                );
            }
        }
    }

    /// Whether a name that an overlay gives is one in Rust.
    pub(super) fn check_rename(&mut self, name: &str, span: Span) -> bool {
        let fine = names::is_identifier(name);
        if !fine {
            self.error(
                Diagnostic::error("overlay", format!("the overlay's name {name:?} is no Rust name"))
                    .label(span, "meant for this"),
            );
        }
        fine
    }

    /// The constants that Rust gets: `const` declarations and macros that are constants.
    fn declare_consts(&mut self, file: &'a File) {
        let mut found = Vec::new();
        collect_consts(&file.items, &mut found);
        for decl in found {
            let Some(name) = &decl.declarator.name else { continue };
            let value = match &decl.value.kind {
                ExprKind::Str(text) => Some(ConstValue::Str(text.value.clone())),
                _ if self.scalar_behind(&decl.ty).is_some_and(Scalar::is_float) => {
                    self.skip_const(name, "floating-point constants are not generated");
                    continue;
                }
                _ => {
                    let Some(value) = self.const_value(&decl.value) else { continue };
                    let ty = self.const_type(&decl.ty, value);
                    if ty.is_none() {
                        self.skip_const(name, "its value does not fit 64 bits");
                    }
                    ty.map(|ty| ConstValue::Int(value, ty))
                }
            };
            if let Some(value) = value {
                self.push_const(&name.name, decl.doc.as_deref(), value);
            }
        }
        for macro_const in &file.macros {
            let value = match &macro_const.value.kind {
                ExprKind::Str(text) => Some(ConstValue::Str(text.value.clone())),
                // A macro that is a name may stand for a type: no constant, and no error.
                _ => self
                    .try_const_value(&macro_const.value)
                    .and_then(|value| smallest_type(value).map(|ty| ConstValue::Int(value, ty))),
            };
            if let Some(value) = value {
                self.push_const(&macro_const.name.name, macro_const.doc.as_deref(), value);
            }
        }
    }

    fn skip_const(&mut self, name: &Ident, why: &str) {
        self.error(
            Diagnostic::warning(super::NOT_GENERATED, format!("no Rust is generated for {}", name.name))
                .label(name.span, why),
        );
    }

    fn push_const(&mut self, idl_name: &str, doc: Option<&str>, value: ConstValue) {
        let consts = &self.model.files[self.file].consts;
        if consts.iter().any(|other| other.idl_name == idl_name) {
            return;
        }
        let file = self.file;
        let rust_name =
            names::take(names::const_name(idl_name), |name| self.value_names.insert((file, name.to_owned())));
        let doc = doc.map(str::to_owned);
        self.model.files[file].consts.push(ConstDef { idl_name: idl_name.to_owned(), rust_name, doc, value });
    }
}

/// The tag that a specifier declares or names.
fn tag_of(ty: &TypeSpec) -> Option<&Ident> {
    match &ty.kind {
        AstKind::Struct(def) => def.tag.as_ref(),
        AstKind::Union(def) => def.tag.as_ref(),
        AstKind::Enum(def) => def.tag.as_ref(),
        _ => None,
    }
}

fn has_body(ty: &TypeSpec) -> bool {
    match &ty.kind {
        AstKind::Struct(def) => def.body.is_some(),
        AstKind::Union(def) => def.body.is_some(),
        AstKind::Enum(def) => def.body.is_some(),
        _ => false,
    }
}

fn collect_consts<'a>(items: &'a [Item], found: &mut Vec<&'a midlc_parser::ast::ConstDecl>) {
    for item in items {
        match item {
            Item::Const(decl) => found.push(decl),
            Item::Interface(interface) => collect_consts(interface.items.as_deref().unwrap_or_default(), found),
            Item::Library(library) => collect_consts(&library.items, found),
            _ => {}
        }
    }
}

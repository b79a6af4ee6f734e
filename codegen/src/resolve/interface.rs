//! Interfaces and their operations.

use std::collections::{HashMap, HashSet};

use midlc_parser::{
    ast::{self, AttrArg, Attribute, BaseType, Deriv, Expr, ExprKind, Item, TypeKind as AstKind, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use super::{
    Resolver, TypedefEntry,
    directions::Direction,
    element::{Declared, Place, Source},
    find, has,
};
use crate::{
    model::{
        Base, Callback, Element, HandleDef, HandleId, InterfaceDef, Level, Method, MethodStatus, Pointer, ResultInfo,
        Scalar,
    },
    names,
    overlay::{HandleStrictnessName, InterfaceOverlay, LevelName, MethodOverlay, StatusKind},
};

/// Return types that are statuses without an overlay saying so.
const STATUS_TYPES: [(&str, StatusKind); 6] = [
    ("error_status_t", StatusKind::Win32),
    ("NET_API_STATUS", StatusKind::Win32),
    ("HRESULT", StatusKind::Hresult),
    ("SCODE", StatusKind::Hresult),
    ("NTSTATUS", StatusKind::Ntstatus),
    ("RPC_STATUS", StatusKind::Win32),
];

impl<'a> Resolver<'a> {
    pub(super) fn resolve_interfaces(&mut self) {
        let inputs = self.inputs;
        for (index, input) in inputs.iter().enumerate() {
            self.file = index;
            self.make_groups();
            let mut found = Vec::new();
            collect_interfaces(&input.file.items, &mut found);
            for interface in found {
                self.resolve_interface(interface);
            }
        }
    }

    /// Turns handle types that the overlay declares to be groups into groups.
    fn make_groups(&mut self) {
        let groups: Vec<(String, Vec<String>)> = self
            .overlay()
            .interface
            .values()
            .flat_map(|interface| interface.handle_groups.iter())
            .map(|(name, members)| (name.clone(), members.clone()))
            .collect();
        for (name, members) in groups {
            let file = self.file;
            let ids: Vec<Option<HandleId>> =
                std::iter::once(&name).chain(&members).map(|name| self.handle_type(file, name)).collect();
            for (name, id) in std::iter::once(&name).chain(&members).zip(&ids) {
                if id.is_none() && !(self.poisoned)(name) {
                    let what = format!("the overlay speaks of a context handle type {name} that does not exist");
                    self.error(Diagnostic::error("overlay", what));
                }
            }
            if let [Some(group), members @ ..] = ids.as_slice() {
                self.model.handles[group.0].group = members.iter().copied().flatten().collect();
            }
        }
    }

    fn resolve_interface(&mut self, interface: &'a ast::Interface) {
        let Some(items) = &interface.items else { return };
        if has(&interface.attrs, "local") {
            // Nothing of it travels.
            return;
        }
        let name = &interface.name.name;
        let overlay = self.overlay().interface.get(name).cloned().unwrap_or_default();
        self.pointer_default = self.interface_pointer_default(&interface.attrs);
        self.ms_union = has(&interface.attrs, "ms_union");
        let object = self.is_com(self.file, interface);
        let level6 = overlay.level == Some(LevelName::V6);
        let inherited = self.inherited(interface);
        let first_opnum = u16::try_from(inherited.len()).unwrap_or(u16::MAX);
        let mut methods: Vec<Method> = Vec::new();
        let mut callbacks = Vec::new();
        for item in items {
            let Item::Operation(operation) = item else { continue };
            if has(&operation.attrs, "callback") {
                callbacks.push(Callback { idl_name: operation.name.name.clone(), span: operation.name.span });
            }
        }
        for operation in super::com::slots(items) {
            let Ok(opnum) = u16::try_from(usize::from(first_opnum) + methods.len()) else {
                self.error(
                    Diagnostic::error("too-many-operations", "an interface cannot have more than 65536 operations")
                        .label(operation.name.span, "this is one too many"),
                );
                break;
            };
            // Headers of COM have [out] parameters by value, of methods that never leave the process.
            methods.push(self.resolve_method(operation, opnum, &overlay, !object));
        }
        self.check_overlay_methods(interface, &overlay, &methods);
        self.check_operations(items);
        self.check_method_names(&mut methods);
        let uuid = self.uuid(interface);
        if uuid == 0 {
            let missing = methods.iter_mut().filter(|method| !method.reserved);
            missing.for_each(|method| method.unsupported = Some("its interface has no uuid".into()));
        }
        let handles = self.handles_of(&methods);
        let file = self.file;
        let module = names::take(names::module_name(name), |name| self.module_names.insert((file, name.to_owned())));
        let definition = InterfaceDef {
            idl_name: name.clone(),
            module,
            doc: interface.doc.clone(),
            span: interface.name.span,
            uuid,
            version: version(&interface.attrs),
            object,
            base: None,
            inherited,
            needed: false,
            first_opnum,
            methods,
            callbacks,
            auth: overlay.minimum_auth_level.unwrap_or_default(),
            level6,
            strictness: overlay.context_handles.unwrap_or_else(|| strictness(&interface.attrs)),
            wrong_handle: overlay.wrong_handle_type,
            null_handle: overlay.null_handle,
            endpoints: endpoints(&interface.attrs),
            handles,
        };
        self.model.files[self.file].interfaces.push(definition);
    }

    fn uuid(&mut self, interface: &ast::Interface) -> u128 {
        let uuid = find(&interface.attrs, "uuid").and_then(|attr| match attr.args.first() {
            Some(AttrArg::Uuid(uuid, _)) => Some(uuid.as_u128()),
            _ => None,
        });
        let operations = interface.items.iter().flatten().any(|item| matches!(item, Item::Operation(_)));
        // Of a COM interface nothing is generated then; pointers to it are of no known interface.
        if uuid.is_none() && operations && !self.is_com(self.file, interface) {
            self.error(
                Diagnostic::error("missing-uuid", format!("interface {} has no uuid", interface.name.name))
                    .label(interface.name.span, "clients cannot ask for it")
                    .help("add [uuid(…), version(…)] before it"),
            );
        }
        uuid.unwrap_or_default()
    }

    fn check_overlay_methods(&mut self, interface: &ast::Interface, overlay: &InterfaceOverlay, methods: &[Method]) {
        for name in overlay.method.keys() {
            if !methods.iter().any(|method| method.idl_name == *name) {
                self.error(
                    Diagnostic::error(
                        "overlay",
                        format!("the overlay speaks of an operation {name} that does not exist"),
                    )
                    .label(interface.name.span, "not in this interface"),
                );
            }
        }
    }

    /// Operations of one name are a slip, unless they get and set a property.
    fn check_operations(&mut self, items: &[Item]) {
        let is_property = |operation: &ast::Operation| {
            ["propget", "propput", "propputref"].iter().any(|name| has(&operation.attrs, name))
        };
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for operation in super::com::slots(items) {
            let name = &operation.name;
            if is_property(operation) {
                continue;
            }
            if let Some(&first) = seen.get(name.name.as_str()) {
                self.error(
                    Diagnostic::warning("duplicate-operation", format!("two operations are named {}", name.name))
                        .label(name.span, "again here, with an opnum of its own")
                        .secondary(first, "first here"),
                );
            }
            seen.entry(&name.name).or_insert(name.span);
        }
    }

    /// Operations whose Rust names would be the same are numbered.
    fn check_method_names(&self, methods: &mut [Method]) {
        let mut names: HashSet<String> = HashSet::new();
        // Groups of handle types stand beside the results.
        let groups = self.model.handles.iter().filter(|handle| !handle.group.is_empty());
        let mut types: HashSet<String> = groups.map(|handle| handle.rust_name.clone()).collect();
        for method in methods.iter_mut().filter(|method| !method.reserved) {
            let (name, ty) = (std::mem::take(&mut method.rust_name), std::mem::take(&mut method.type_name));
            method.rust_name = names::take(name, |name| names.insert(name.to_owned()));
            method.type_name = names::take_type(ty, |name| types.insert(name.to_owned()));
        }
    }

    /// Handle types that operations use, the members of groups included.
    fn handles_of(&self, methods: &[Method]) -> Vec<HandleId> {
        let mut found: Vec<HandleId> = Vec::new();
        for element in methods.iter().flat_map(|method| method.request.iter().chain(&method.response)) {
            let Base::Handle(id) = element.base else { continue };
            let HandleDef { group, .. } = self.model.handle(id);
            if group.is_empty() {
                found.push(id);
            } else {
                found.extend(group);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn resolve_method(
        &mut self,
        operation: &'a ast::Operation,
        opnum: u16,
        overlay: &InterfaceOverlay,
        strict: bool,
    ) -> Method {
        let idl_name = super::com::wire_name(operation);
        let own = overlay.method.get(&idl_name).cloned().unwrap_or_default();
        // What is [local] never travels.
        let reserved = is_reserved(operation) || has(&operation.attrs, "local");
        let rename = own.rename.clone().filter(|name| self.check_rename(name, operation.name.span));
        let rust_name = rename.unwrap_or_else(|| names::method_name(&idl_name));
        let mut method = Method {
            type_name: names::interface_type_name(&idl_name),
            rust_name,
            opnum,
            doc: operation.doc.clone(),
            signature: signature(operation),
            span: operation.name.span,
            reserved,
            unsupported: None,
            idempotent: has(&operation.attrs, "idempotent"),
            maybe: has(&operation.attrs, "maybe"),
            status: None,
            request: Vec::new(),
            response: Vec::new(),
            results: Vec::new(),
            in_pipes: Vec::new(),
            out_pipes: Vec::new(),
            idl_name,
        };
        if reserved {
            return method;
        }
        if operation.variadic {
            method.unsupported.get_or_insert_with(|| "a list of arguments of any length (...) cannot travel".into());
        }
        self.resolve_params(operation, &own, overlay, strict, &mut method);
        method
    }

    fn resolve_params(
        &mut self,
        operation: &'a ast::Operation,
        own: &MethodOverlay,
        overlay: &InterfaceOverlay,
        strict: bool,
        method: &mut Method,
    ) {
        let mut elements = Vec::new();
        let mut declared: Vec<Declared> = Vec::new();
        let mut directions = Vec::new();
        let mut pipes = Vec::new();
        for name in own.param.keys() {
            if !operation.params.iter().any(|param| param_name(param) == Some(name)) {
                self.error(
                    Diagnostic::error(
                        "overlay",
                        format!("the overlay speaks of a parameter {name} that does not exist"),
                    )
                    .label(operation.name.span, "not a parameter of this operation"),
                );
            }
        }
        for param in &operation.params {
            if self.is_binding(&param.ty) {
                continue;
            }
            let name = param_name(param).map(String::as_str).unwrap_or_default();
            let patch = own.param.get(name);
            let attrs = self.patched(&param.attrs, patch, param.span);
            let input = has(&attrs, "in");
            let output = has(&attrs, "out");
            // A parameter without direction travels in (C706 4.2.21).
            let direction = Direction { input: input || !output, output };
            if let Some(pipe) = self.pipe(param, &attrs) {
                // One that goes both ways is two in Rust.
                if direction.input && direction.output {
                    let back = Element { idl_name: format!("{}_out", pipe.idl_name), ..pipe.clone() };
                    pipes.extend([(pipe, false), (back, true)]);
                } else {
                    pipes.push((pipe, direction.output));
                }
                continue;
            }
            directions.push(direction);
            let source = Source {
                attrs: &attrs,
                ty: &param.ty,
                derivs: &param.declarator.derivs,
                name,
                handle_name: name,
                span: param.declarator.name.as_ref().map_or(param.span, |name| name.span),
                doc: None,
            };
            let (mut element, own) = self.element(&source, Place::Parameter);
            if output && !by_reference(&param.declarator.derivs) && !self.derived_by_typedef(&param.ty) {
                if !strict {
                    element.base = Base::Unsupported("[out] and passed by value: it cannot come back".into());
                } else {
                    let message = format!("[out] parameter {name} must be a pointer or an array");
                    self.error(
                        Diagnostic::error("out-by-value", message)
                            .label(source.span, "passed by value, it cannot come back"),
                    );
                }
            }
            if let Some(rename) = patch.and_then(|patch| patch.rename.clone())
                && self.check_rename(&rename, param.span)
            {
                element.rust_name = rename;
            }
            elements.push(element);
            declared.push(own);
        }
        let plain = elements.len();
        elements.extend(pipes.iter().map(|(pipe, _)| pipe.clone()));
        self.check_names(&elements, "parameters");
        self.name_elements(&mut elements);
        let (ins, outs) = elements.split_off(plain).into_iter().zip(&pipes).partition(|(_, (_, out))| !out);
        let named = |pipes: Vec<(Element, _)>| pipes.into_iter().map(|(pipe, _)| pipe).collect();
        (method.in_pipes, method.out_pipes) = (named(ins), named(outs));
        self.resolve_bounds(&mut elements, &declared);
        self.split_directions(&elements, &directions, method);
        for element in method.request.iter_mut().chain(&mut method.response) {
            copy_scalar(&self.model, element);
        }
        self.add_return(operation, method);
        self.find_status(operation, own, overlay, method);
        for (index, element) in method.response.iter().enumerate() {
            let named = overlay.comm_status.contains(&element.idl_name);
            if (named || has_comm_status(&declared, &elements, element)) && is_status_type(element) {
                method.results[index].comm_status = true;
            }
        }
    }

    /// Whether a typedef makes a pointer or array of a parameter's type.
    fn derived_by_typedef(&self, ty: &TypeSpec) -> bool {
        // An unknown type has its own error, and so has one that leads nowhere.
        self.behind_typedefs(ty, |entry| !entry.declarator.derivs.is_empty()).unwrap_or(true)
    }

    /// Whether a parameter is the binding, which never travels.
    fn is_binding(&self, ty: &TypeSpec) -> bool {
        match &ty.kind {
            AstKind::Base(BaseType::HandleT) => true,
            _ => self
                .behind_typedefs(ty, |entry| matches!(entry.ty.kind, AstKind::Base(BaseType::HandleT)))
                .unwrap_or(false),
        }
    }

    /// Whether one of the typedefs that a specifier goes through is of a kind; `None` where they lead
    /// nowhere.
    fn behind_typedefs(&self, ty: &TypeSpec, kind: impl Fn(&TypedefEntry<'_>) -> bool) -> Option<bool> {
        let AstKind::Named(mut name) = ty.kind.clone() else { return Some(false) };
        let mut file = self.file;
        for _ in 0..super::element::MAX_TYPEDEFS {
            let (owner, entry) = self.typedef(file, &name.name)?;
            if kind(&entry) {
                return Some(true);
            }
            file = owner;
            match &entry.ty.kind {
                AstKind::Named(next) => name = next.clone(),
                _ => return Some(false),
            }
        }
        None
    }

    fn add_return(&mut self, operation: &'a ast::Operation, method: &mut Method) {
        if matches!(operation.ret.kind, AstKind::Base(BaseType::Void)) && operation.ret_derivs.is_empty() {
            return;
        }
        let source = Source {
            attrs: &operation.attrs,
            ty: &operation.ret,
            derivs: &operation.ret_derivs,
            name: "return_value",
            handle_name: &operation.name.name,
            span: operation.name.span,
            doc: None,
        };
        let (mut element, _) = self.element(&source, Place::Return);
        let array = |level: &Level| matches!(level, Level::Array(array) if array.conformant());
        if element.levels.iter().any(array) {
            element.base = Base::Unsupported("arrays as return values are not generated".into());
            element.levels.clear();
        }
        let wanted = if matches!(element.base, Base::Handle(_)) { "handle" } else { "return_value" };
        let mut taken: HashSet<&str> = HashSet::new();
        for other in &method.response {
            taken.extend([other.rust_name.as_str(), other.max_name.as_str()]);
        }
        element.rust_name = names::take(wanted.to_owned(), |name| !taken.contains(name));
        element.max_name = format!("{}_max", element.rust_name);
        method.response.push(element);
        method.results.push(ResultInfo::default());
    }

    fn find_status(
        &mut self,
        operation: &ast::Operation,
        own: &MethodOverlay,
        overlay: &InterfaceOverlay,
        method: &mut Method,
    ) {
        let make =
            |element, kind| MethodStatus { element, kind, success: own.success.clone(), failure: own.failure.clone() };
        if let Some(kind) = status_kind(&operation.ret, overlay)
            && operation.ret_derivs.is_empty()
            && let Some(last) = method.response.len().checked_sub(1)
            && let Some(element) = method.response.last()
        {
            if is_status_type(element) {
                method.status = Some(make(last, kind));
            } else if !matches!(element.base, Base::Unsupported(_)) {
                self.error(
                    Diagnostic::error("overlay", "a status must be an integer of 32 bits")
                        .label(operation.ret.span, "this type is said to be a status"),
                );
            }
            return;
        }
        let index = method
            .response
            .iter()
            .position(|element| overlay.operation_status.contains(&element.idl_name) && is_status_type(element));
        if let Some(index) = index {
            method.status = Some(make(index, overlay.operation_status_kind.unwrap_or(StatusKind::Win32)));
        }
    }
}

/// A `[ptr]` parameter that points to a scalar is copied: nobody shares an integer.
fn copy_scalar(model: &crate::model::Model, element: &mut Element) {
    let scalar = match element.base {
        Base::Scalar(_) | Base::Guid => true,
        Base::Type(id) => matches!(model.ty(id).kind, crate::model::TypeKind::Enum(_)),
        Base::Handle(_) | Base::Known(_) | Base::Unsupported(_) => false,
    };
    if let ([Level::Pointer(kind @ Pointer::Full)], true) = (element.levels.as_mut_slice(), scalar) {
        *kind = Pointer::FullScalar;
    }
}

/// The kind of status that a return type is, by its IDL name.
fn status_kind(ty: &TypeSpec, overlay: &InterfaceOverlay) -> Option<StatusKind> {
    let name = match &ty.kind {
        AstKind::Named(name) => name.name.as_str(),
        AstKind::Base(base) => crate::signature::base_name(*base),
        _ => return None,
    };
    let named = overlay.status.get(name).copied();
    named.or_else(|| STATUS_TYPES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind))
}

/// Whether an element may be a status: an integer of four octets.
fn is_status_type(element: &Element) -> bool {
    element.levels.is_empty() && matches!(element.base, Base::Scalar(Scalar::U32 | Scalar::I32))
}

fn collect_interfaces<'a>(items: &'a [Item], found: &mut Vec<&'a ast::Interface>) {
    for item in items {
        match item {
            Item::Interface(interface) => found.push(interface),
            Item::Library(library) => collect_interfaces(&library.items, found),
            _ => {}
        }
    }
}

fn param_name(param: &ast::Param) -> Option<&String> {
    param.declarator.name.as_ref().map(|name| &name.name)
}

fn by_reference(derivs: &[Deriv]) -> bool {
    matches!(derivs.first(), Some(Deriv::Pointer { .. } | Deriv::Array { .. }))
}

/// `[comm_status]` and `[fault_status]` on a parameter, from the IDL or an ACF file.
fn has_comm_status(declared: &[Declared], elements: &[Element], element: &Element) -> bool {
    let index = elements.iter().position(|other| other.idl_name == element.idl_name && !other.idl_name.is_empty());
    index
        .and_then(|index| declared.get(index))
        .is_some_and(|declared| has(&declared.attrs, "comm_status") || has(&declared.attrs, "fault_status"))
}

/// Slots that keep their opnum without an operation: `OpnumNNNotUsedOnWire` and the like.
pub(super) fn is_reserved(operation: &ast::Operation) -> bool {
    let name = operation.name.name.as_str();
    let lower = name.to_ascii_lowercase();
    let numbered = lower.strip_prefix("opnum").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered
        && (lower.contains("usedonwire")
            || lower.contains("reserved")
            || lower.contains("notused")
            || lower.contains("unused"))
        || lower.ends_with("notusedonwire")
}

/// What an interface's attributes say of context handles.
fn strictness(attrs: &[Attribute]) -> HandleStrictnessName {
    if has(attrs, "type_strict_context_handle") {
        HandleStrictnessName::TypeStrict
    } else {
        HandleStrictnessName::default()
    }
}

fn version(attrs: &[Attribute]) -> (u16, u16) {
    match find(attrs, "version").and_then(|attr| attr.args.first()) {
        Some(AttrArg::Version(major, minor, _)) => (*major, *minor),
        _ => (0, 0),
    }
}

/// `endpoint("ncacn_np:[\\pipe\\x]", …)`.
fn endpoints(attrs: &[Attribute]) -> Vec<(String, String)> {
    let Some(attr) = find(attrs, "endpoint") else { return Vec::new() };
    attr.args
        .iter()
        .filter_map(|arg| match arg {
            AttrArg::Expr(Expr { kind: ExprKind::Str(text), .. }) => {
                let (sequence, rest) = text.value.split_once(':')?;
                let endpoint = rest.trim().strip_prefix('[')?.strip_suffix(']')?;
                Some((sequence.trim().to_owned(), endpoint.to_owned()))
            }
            _ => None,
        })
        .collect()
}

/// The declaration on one line, as a reader of the document knows it.
fn signature(operation: &ast::Operation) -> String {
    crate::signature::operation(operation)
}

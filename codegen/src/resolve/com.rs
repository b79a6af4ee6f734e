//! COM interfaces: their markers, their opnums, and what a pointer to one is.

use std::collections::{HashMap, HashSet};

use midlc_parser::{
    ast::{self, AttrArg, Attribute, Expr, ExprKind, Ident, Item, Operation, UnaryOp},
    diag::Diagnostic,
};

use super::{Resolver, find, has};
use crate::{
    model::{
        Base, Bound, ComDef, ComId, Element, InterfaceDef, Known, Level, Pointer,
        known::{Elements, Interface},
    },
    names,
};

/// How many interfaces one may inherit from, one through the other.
const MAX_BASES: usize = 64;
/// The methods of `IUnknown`, which are never on the wire.
const UNKNOWN: [&str; 3] = ["QueryInterface", "AddRef", "Release"];

impl<'a> Resolver<'a> {
    /// Registers the marker of a COM interface. `IUnknown` and `IDispatch` have one in the runtime.
    pub(super) fn declare_com(&mut self, interface: &'a ast::Interface) {
        let name = &interface.name.name;
        let com = is_marked(interface) || interface.base.is_some();
        let Some(iid) = iid(&interface.attrs) else { return };
        if !com || matches!(name.as_str(), "IUnknown" | "IDispatch") {
            return;
        }
        let file = self.file;
        let rust_name =
            names::take_type(names::type_name(name), |name| self.type_names.insert((file, name.to_owned())));
        let id = ComId(self.model.com.len());
        self.model.com.push(ComDef { idl_name: name.clone(), rust_name, file, iid });
        self.model.files[file].com.push(id);
        self.com_types.insert(file, name, id);
    }

    /// What a pointer to an interface points to.
    pub(super) fn interface_base(&self, file: usize, name: &str) -> Base {
        let interface = match name {
            "IUnknown" => Interface::Unknown,
            "IDispatch" => Interface::Dispatch,
            _ => match (self.com_types.get(file, self.imports(file), name), self.interface(file, name)) {
                (Some((_, &id)), _) => Interface::Named(id),
                (None, Some(interface)) if interface.items.is_some() && !self.is_com(file, interface) => {
                    return Base::Unsupported(format!("{name} is no COM interface, and no pointer to it can travel"));
                }
                (None, _) => Interface::Any,
            },
        };
        Base::Known(Known::Interface(interface))
    }

    /// Whether an interface is a COM interface: it says so, or inherits from one.
    pub(super) fn is_com(&self, file: usize, interface: &ast::Interface) -> bool {
        let inherits = |name: &str| matches!(name, "IUnknown" | "IDispatch");
        is_marked(interface)
            || inherits(&interface.name.name)
            || interface.base.as_ref().is_some_and(|base| inherits(&base.name))
            || self.bases(file, interface).iter().any(|(_, base)| is_marked(base) || inherits(&base.name.name))
    }

    /// The interfaces that one inherits from, with their files: its own base first. They end where a
    /// name is not declared.
    pub(super) fn bases(&self, file: usize, interface: &ast::Interface) -> Vec<(usize, &'a ast::Interface)> {
        let mut found: Vec<(usize, &'a ast::Interface)> = Vec::new();
        let (mut file, mut base) = (file, interface.base.as_ref());
        while let Some(name) = base
            && found.len() < MAX_BASES
        {
            let Some((owner, next)) = self.interface_body(file, &name.name) else { break };
            if found.iter().any(|(_, other)| std::ptr::eq(*other, next)) {
                break;
            }
            found.push((owner, next));
            (file, base) = (owner, next.base.as_ref());
        }
        found
    }

    /// An interface that a file sees, with its operations: where the file itself only names it, the
    /// one that it imports or that was imported before it.
    fn interface_body(&self, file: usize, name: &str) -> Option<(usize, &'a ast::Interface)> {
        let context = self.contexts.get(file).map(Vec::as_slice).unwrap_or_default();
        let seen = std::iter::once(file).chain(self.imports(file).iter().chain(context).copied());
        let mut bodies = seen.filter_map(|file| self.interfaces.get(file, &[], name));
        bodies.find(|(_, interface)| interface.items.is_some()).map(|(owner, interface)| (owner, *interface))
    }

    /// The operations that an interface inherits, in order of their opnums: name, and whether it is on
    /// the wire.
    pub(super) fn inherited(&mut self, interface: &'a ast::Interface) -> Vec<(String, bool)> {
        let bases = self.bases(self.file, interface);
        let mut found = Vec::new();
        let last = bases.last().map_or(interface, |(_, base)| base);
        if let Some(missing) = last.base.as_ref().filter(|_| last.name.name != "IUnknown") {
            self.well_known_base(missing, &mut found);
        }
        for (_, base) in bases.iter().rev() {
            if base.name.name == "IUnknown" {
                found.extend(UNKNOWN.map(|name| (name.to_owned(), false)));
                continue;
            }
            let local = has(&base.attrs, "local");
            for operation in slots(base.items.as_deref().unwrap_or_default()) {
                let there = !local && !has(&operation.attrs, "local") && !super::interface::is_reserved(operation);
                found.push((wire_name(operation), there));
            }
        }
        found
    }

    /// A base that is not declared: only of two is known what they have.
    fn well_known_base(&mut self, base: &Ident, found: &mut Vec<(String, bool)>) {
        const DISPATCH: [&str; 4] = ["GetTypeInfoCount", "GetTypeInfo", "GetIDsOfNames", "Invoke"];
        if matches!(base.name.as_str(), "IUnknown" | "IDispatch") {
            found.extend(UNKNOWN.map(|name| (name.to_owned(), false)));
            if base.name == "IDispatch" {
                found.extend(DISPATCH.map(|name| (name.to_owned(), false)));
            }
            return;
        }
        // Without the slots of its base an interface would get wrong opnums: it may not be generated.
        if !(self.errors && (self.poisoned)(&base.name)) {
            self.error(
                Diagnostic::error("unknown-base", format!("the interface {} is not declared", base.name))
                    .label(base.span, "how many operations come before those here is not known")
                    .help("import the file that declares it"),
            );
        }
    }

    /// Joins interfaces to those that they inherit from, as far as these are in the model.
    pub(super) fn link_bases(&mut self) {
        let mut links = Vec::new();
        for (file, model) in self.model.files.iter().enumerate() {
            for (index, interface) in model.interfaces.iter().enumerate() {
                let Some(ast) = self.interface(file, &interface.idl_name) else { continue };
                let known = |(owner, base): &(usize, &ast::Interface)| {
                    let interfaces = &self.model.files[*owner].interfaces;
                    let index = interfaces.iter().position(|other| other.idl_name == base.name.name)?;
                    Some((*owner, index))
                };
                links.push((file, index, self.bases(file, ast).iter().find_map(known)));
            }
        }
        for (file, index, base) in links {
            self.model.files[file].interfaces[index].base = base;
        }
    }

    /// Interfaces that generated ones inherit from are generated, too, unless they are in a Rust
    /// module already.
    pub(super) fn need_bases(&mut self) {
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (file, model) in self.model.files.iter().enumerate().filter(|(_, file)| file.root) {
            open.extend(model.interfaces.iter().filter_map(|interface| interface.base));
            open.retain(|(owner, _)| *owner != file);
        }
        while let Some((file, index)) = open.pop() {
            let model = &mut self.model.files[file];
            if model.root || model.extern_path.is_some() || model.interfaces[index].needed {
                continue;
            }
            model.wanted = true;
            model.interfaces[index].needed = true;
            open.extend(model.interfaces[index].base);
        }
    }

    /// The file that has what a type of the runtime refers to.
    pub(super) fn file_of_known(&self, known: &Known) -> Option<usize> {
        match known {
            Known::Interface(Interface::Named(id)) => Some(self.model.com(*id).file),
            Known::SafeArray(Elements::Known(element)) => self.file_of_known(element),
            _ => None,
        }
    }

    /// The sibling that `iid_is` names, where it can be checked.
    pub(super) fn iid_is(&mut self, attrs: &[Attribute], elements: &[Element], index: usize) -> Option<Bound> {
        let element = elements.get(index)?;
        let attr = find(attrs, "iid_is")?;
        if matches!(element.base, Base::Scalar(_) | Base::Type(_) | Base::Guid) {
            let message = format!("[iid_is] needs a pointer to an interface, which {} is not", element.idl_name);
            self.error(
                Diagnostic::error("bad-iid-is", message)
                    .label(attr.span, "misplaced")
                    .help("declare it as IUnknown * or void *"),
            );
            return None;
        }
        let pointer = matches!(element.levels.as_slice(), [Level::Pointer(Pointer::Unique)]);
        if !pointer || !matches!(element.base, Base::Known(Known::Interface(_))) {
            return None;
        }
        let AttrArg::Expr(expr) = attr.args.first()? else { return None };
        let name = match &expr.kind {
            ExprKind::Name(name) => name,
            ExprKind::Unary(UnaryOp::Deref, inner) => match &**inner {
                Expr { kind: ExprKind::Name(name), .. } => name,
                _ => return None,
            },
            _ => return None,
        };
        if !elements.iter().any(|other| other.idl_name == *name) {
            self.unknown_sibling(name, expr, elements);
            return None;
        }
        let guid = |other: &Element| other.idl_name == *name && other.base == Base::Guid && other.levels.is_empty();
        elements.iter().position(guid).map(Bound::Sibling)
    }
}

/// The operations of an interface by their opnums, counted from its first. A `[local]` operation with
/// a `[call_as]` one for it has one slot in common with it, and the latter is on the wire.
pub(super) fn slots(items: &[Item]) -> Vec<&Operation> {
    let operations = || {
        items.iter().filter_map(|item| match item {
            // Callbacks have opnums of their own ([MS-RPCE] 2.2.4.2).
            Item::Operation(operation) if !has(&operation.attrs, "callback") => Some(operation),
            _ => None,
        })
    };
    let local: HashSet<&str> = operations()
        .filter(|operation| has(&operation.attrs, "local"))
        .map(|operation| operation.name.name.as_str())
        .collect();
    let mut remote: HashMap<&str, &Operation> = HashMap::new();
    for operation in operations() {
        if let Some(name) = call_as(operation) {
            remote.entry(name).or_insert(operation);
        }
    }
    operations()
        .filter(|operation| !call_as(operation).is_some_and(|name| local.contains(name)))
        .map(|operation| {
            // There may be tens of thousands of operations; few of them are local.
            let stand_in = has(&operation.attrs, "local").then(|| remote.get(operation.name.name.as_str())).flatten();
            stand_in.copied().unwrap_or(operation)
        })
        .collect()
}

/// The operation that a `[call_as]` one stands for.
fn call_as(operation: &Operation) -> Option<&str> {
    match find(&operation.attrs, "call_as")?.args.first()? {
        AttrArg::Expr(Expr { kind: ExprKind::Name(name), .. }) => Some(name),
        _ => None,
    }
}

/// An operation's name, as MIDL forms it of a property's.
pub(super) fn wire_name(operation: &Operation) -> String {
    let prefix = ["propget", "propput", "propputref"].iter().zip(["get_", "put_", "putref_"]);
    let prefix = prefix.filter(|(attr, _)| has(&operation.attrs, attr)).map(|(_, prefix)| prefix).next();
    format!("{}{}", prefix.unwrap_or_default(), operation.name.name)
}

/// Whether attributes make an interface a COM interface.
fn is_marked(interface: &ast::Interface) -> bool {
    ["object", "odl", "dual", "oleautomation"].iter().any(|name| has(&interface.attrs, name))
}

fn iid(attrs: &[Attribute]) -> Option<u128> {
    match find(attrs, "uuid")?.args.first()? {
        AttrArg::Uuid(uuid, _) => Some(uuid.as_u128()),
        _ => None,
    }
}

/// Whether an interface, or one that it inherits from, has operations on the wire.
pub(crate) fn is_on_wire(files: &[crate::model::FileModel], interface: &InterfaceDef) -> bool {
    let mut interface = interface;
    for _ in 0..=MAX_BASES {
        if interface.methods.iter().any(|method| !method.reserved && method.unsupported.is_none()) {
            return true;
        }
        let base = interface.base.and_then(|(file, index)| files.get(file)?.interfaces.get(index));
        let Some(base) = base else { return false };
        interface = base;
    }
    false
}

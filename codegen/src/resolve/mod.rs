//! Names to things: the syntax trees of all files become one [`Model`].

mod bounds;
mod consts;
mod counts;
mod declare;
mod directions;
mod element;
mod interface;
mod layout;
mod scope;
mod shapes;
mod support;
mod tags;
mod types;

use std::collections::{HashMap, HashSet};

use midlc_parser::{
    ast::{self, Attribute, Declarator, Expr, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use self::scope::Names;
use crate::{
    model::{HandleId, Model, Pointer, Scalar, TypeId},
    overlay::Overlay,
};

/// The code of messages about what is left out.
pub(crate) const NOT_GENERATED: &str = "not-generated";

/// A file to be resolved.
#[derive(Debug)]
pub struct Input<'a> {
    /// Its syntax tree.
    pub file: &'a ast::File,
    /// Its name for headers and messages.
    pub source: String,
    /// Its Rust module.
    pub module: String,
    /// Whether Rust is generated for it.
    pub wanted: bool,
    /// Module path that has its types already.
    pub extern_path: Option<String>,
    /// What its overlay says.
    pub overlay: &'a Overlay,
}

/// Resolves files, imports before importers. Messages go to `diagnostics`; the model is complete
/// only if there is no error among them.
pub fn resolve(inputs: &[Input<'_>], poisoned: &dyn Fn(&str) -> bool, diagnostics: &mut Vec<Diagnostic>) -> Model {
    let mut resolver = Resolver {
        inputs,
        poisoned,
        diagnostics,
        model: Model::default(),
        typedefs: Names::default(),
        tags: Names::default(),
        consts: Names::default(),
        interfaces: Names::default(),
        bodies: HashMap::new(),
        bodies_of: Vec::new(),
        handle_types: Names::default(),
        file: 0,
        pointer_default: None,
        ms_union: false,
        evaluating: Vec::new(),
        depth: 0,
        type_names: HashSet::new(),
        value_names: HashSet::new(),
        module_names: HashSet::new(),
        repeated_typedefs: Vec::new(),
    };
    for input in inputs.iter().filter(|input| input.wanted) {
        crate::attributes::check(input.file, resolver.diagnostics);
    }
    resolver.declare();
    resolver.resolve_types();
    resolver.resolve_interfaces();
    resolver.settle_tags();
    layout::compute(&mut resolver.model);
    resolver.check_shapes();
    resolver.settle_roles();
    resolver.settle_support();
    resolver.model
}

struct Resolver<'a> {
    inputs: &'a [Input<'a>],
    poisoned: &'a dyn Fn(&str) -> bool,
    diagnostics: &'a mut Vec<Diagnostic>,
    model: Model,
    typedefs: Names<'a, TypedefEntry<'a>>,
    tags: Names<'a, TypeId>,
    consts: Names<'a, ConstEntry<'a>>,
    interfaces: Names<'a, &'a ast::Interface>,
    /// Types by the address of the body they are declared by.
    bodies: HashMap<*const TypeSpec, TypeId>,
    /// What each type is declared by; the index is its id.
    bodies_of: Vec<Body<'a>>,
    handle_types: Names<'a, HandleId>,
    /// The file being resolved.
    file: usize,
    /// What `pointer_default` says, where it says anything.
    pointer_default: Option<Pointer>,
    ms_union: bool,
    /// Constants being evaluated, with their files.
    evaluating: Vec<(usize, &'a str)>,
    /// Operators and names being evaluated.
    depth: usize,
    /// Rust names taken at the top of each file's module, by namespace.
    type_names: HashSet<(usize, String)>,
    value_names: HashSet<(usize, String)>,
    module_names: HashSet<(usize, String)>,
    /// Names that a file gives a type more than once: file, name, first and later one.
    repeated_typedefs: Vec<(usize, &'a str, TypedefEntry<'a>, TypedefEntry<'a>)>,
}

/// A typedef of one name.
#[derive(Clone, Copy)]
struct TypedefEntry<'a> {
    attrs: &'a [Attribute],
    ty: &'a TypeSpec,
    declarator: &'a Declarator,
    /// What `pointer_default` says where it stands.
    pointer_default: Option<Pointer>,
    /// Where it is declared.
    span: Span,
}

/// The syntax of a type.
struct Body<'a> {
    ty: &'a TypeSpec,
    /// Attributes of the typedef or declaration around it.
    attrs: &'a [Attribute],
    /// What was in force at its place.
    pointer_default: Option<Pointer>,
    ms_union: bool,
    level6: bool,
}

/// A constant.
#[derive(Clone, Copy)]
enum ConstEntry<'a> {
    Expr(&'a Expr),
    Value(i128),
    /// An enumerator some places after one with a value.
    Offset(&'a Expr, i128),
}

impl<'a> Resolver<'a> {
    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn overlay(&self) -> &'a Overlay {
        self.inputs[self.file].overlay
    }

    /// The files that a file imports, directly or not, in ascending order.
    fn imports(&self, file: usize) -> &[usize] {
        self.model.files.get(file).map(|file| file.imports.as_slice()).unwrap_or_default()
    }

    /// A typedef that a file sees, and the file that declares it.
    fn typedef(&self, file: usize, name: &str) -> Option<(usize, TypedefEntry<'a>)> {
        self.typedefs.get(file, self.imports(file), name).map(|(owner, entry)| (owner, *entry))
    }

    /// A structure, union or enumeration that a file sees, by its tag.
    fn tag(&self, file: usize, name: &str) -> Option<TypeId> {
        self.tags.get(file, self.imports(file), name).map(|(_, id)| *id)
    }

    /// A context handle type that a file sees.
    fn handle_type(&self, file: usize, name: &str) -> Option<HandleId> {
        self.handle_types.get(file, self.imports(file), name).map(|(_, id)| *id)
    }

    /// An interface that a file sees.
    fn interface(&self, file: usize, name: &str) -> Option<&'a ast::Interface> {
        self.interfaces.get(file, self.imports(file), name).map(|(_, interface)| *interface)
    }
}

/// The elements inside a type.
pub(crate) fn elements_of(kind: &crate::model::TypeKind) -> impl Iterator<Item = &crate::model::Element> {
    use crate::model::TypeKind;
    let (fields, arms) = match kind {
        TypeKind::Struct(def) => (def.fields.as_slice(), [].as_slice()),
        TypeKind::Union(def) => ([].as_slice(), def.arms.as_slice()),
        TypeKind::Enum(_) => ([].as_slice(), [].as_slice()),
    };
    fields.iter().chain(arms.iter().filter_map(|arm| arm.element.as_ref()))
}

/// An attribute by name.
fn find<'b>(attrs: &'b [Attribute], name: &str) -> Option<&'b Attribute> {
    attrs.iter().find(|attr| attr.name.name == name)
}

fn has(attrs: &[Attribute], name: &str) -> bool {
    find(attrs, name).is_some()
}

/// Whether one of the attributes makes a context handle.
fn is_context_handle(attrs: &[Attribute]) -> bool {
    const NAMES: [&str; 3] = ["context_handle", "context_handle_serialize", "context_handle_noserialize"];
    attrs.iter().any(|attr| NAMES.contains(&attr.name.name.as_str()))
}

/// The scalar of a base type, if it is one.
fn scalar_of(base: ast::BaseType) -> Option<Scalar> {
    use ast::BaseType as B;
    Some(match base {
        B::Boolean | B::Byte | B::Char | B::USmall => Scalar::U8,
        B::Small => Scalar::I8,
        B::WChar => Scalar::WChar,
        B::Short => Scalar::I16,
        B::UShort => Scalar::U16,
        B::Long => Scalar::I32,
        B::ULong | B::ErrorStatusT => Scalar::U32,
        B::Hyper => Scalar::I64,
        B::UHyper => Scalar::U64,
        B::Int3264 => Scalar::I3264,
        B::UInt3264 => Scalar::U3264,
        B::Float => Scalar::F32,
        B::Double => Scalar::F64,
        B::Void | B::Int128 | B::HandleT => return None,
    })
}

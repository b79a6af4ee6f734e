//! Names to things: the syntax trees of all files become one [`Model`].

mod bounds;
pub(crate) mod com;
mod consts;
mod counts;
mod declare;
mod directions;
mod element;
mod interface;
mod known;
mod layout;
mod pipes;
mod scope;
mod shapes;
mod sizeof;
mod support;
mod tags;
mod types;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use midlc_parser::{
    ast::{self, Attribute, Declarator, Expr, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

pub(crate) use self::layout::tag_align;
use self::scope::Names;
use crate::{
    model::{ComId, HandleId, Model, Pointer, Scalar, TypeId},
    overlay::Overlay,
};

/// The code of messages about what is left out.
pub(crate) const NOT_GENERATED: &str = "not-generated";

/// How many misspelt names get a suggestion: looking for one takes a while, and no more are shown.
const MAX_SUGGESTIONS: usize = 200;

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
    /// Whether it is not imported by anyone, but holds types that all files know.
    pub known: bool,
    /// Module path that has its types already.
    pub extern_path: Option<String>,
    /// What its overlay says.
    pub overlay: &'a Overlay,
}

/// Why a name may be unknown without fault of who uses it.
#[derive(Clone, Copy)]
pub struct Doubts<'a> {
    /// Whether there are errors already, so that nothing is generated.
    pub errors: bool,
    /// Whether a name may be one that something with an error, or a file that is missing, declares.
    pub poisoned: &'a dyn Fn(&str) -> bool,
}

/// Resolves files, imports before importers. Messages go to `diagnostics`; the model is complete
/// only if there is no error among them.
pub fn resolve(inputs: &[Input<'_>], doubts: Doubts<'_>, diagnostics: &mut Vec<Diagnostic>) -> Model {
    let mut resolver = Resolver {
        inputs,
        errors: doubts.errors,
        poisoned: doubts.poisoned,
        diagnostics,
        model: Model::default(),
        typedefs: Names::default(),
        tags: Names::default(),
        opaque: Names::default(),
        consts: Names::default(),
        interfaces: Names::default(),
        classes: Names::default(),
        bodies: HashMap::new(),
        bodies_of: Vec::new(),
        handle_types: Names::default(),
        com_types: Names::default(),
        file: 0,
        pointer_default: None,
        ms_union: false,
        evaluating: Vec::new(),
        depth: 0,
        nested_sizes: 0,
        nesting: 0,
        type_names: HashSet::new(),
        value_names: HashSet::new(),
        module_names: HashSet::new(),
        repeated_typedefs: Vec::new(),
        const_spans: HashMap::new(),
        repeated_consts: Vec::new(),
        shown: HashSet::new(),
        suggestions: Cell::new(MAX_SUGGESTIONS),
        unknown_types: HashSet::new(),
        contexts: Vec::new(),
        known: inputs.iter().position(|input| input.known),
        borrowed: RefCell::default(),
    };
    for input in inputs.iter().filter(|input| input.wanted) {
        crate::attributes::check(input.file, resolver.diagnostics);
    }
    resolver.declare();
    resolver.resolve_types();
    resolver.resolve_interfaces();
    resolver.link_bases();
    resolver.settle_tags();
    layout::compute(&mut resolver.model);
    resolver.check_shapes();
    resolver.settle_roles();
    resolver.settle_support();
    resolver.tell_borrowed();
    resolver.model
}

struct Resolver<'a> {
    inputs: &'a [Input<'a>],
    /// Whether there were errors before, of which others may follow.
    errors: bool,
    poisoned: &'a dyn Fn(&str) -> bool,
    diagnostics: &'a mut Vec<Diagnostic>,
    model: Model,
    typedefs: Names<'a, TypedefEntry<'a>>,
    tags: Names<'a, TypeId>,
    /// Tags that are declared without a body.
    opaque: Names<'a, ()>,
    consts: Names<'a, ConstEntry<'a>>,
    interfaces: Names<'a, &'a ast::Interface>,
    /// Dispatch interfaces and classes, which are interface pointers where they stand as types.
    classes: Names<'a, ()>,
    /// Types by the address of the body they are declared by.
    bodies: HashMap<*const TypeSpec, TypeId>,
    /// What each type is declared by; the index is its id.
    bodies_of: Vec<Body<'a>>,
    handle_types: Names<'a, HandleId>,
    com_types: Names<'a, ComId>,
    /// The file being resolved.
    file: usize,
    /// What `pointer_default` says, where it says anything.
    pointer_default: Option<Pointer>,
    ms_union: bool,
    /// Constants being evaluated, with their files.
    evaluating: Vec<(usize, &'a str)>,
    /// Operators and names being evaluated.
    depth: usize,
    /// `sizeof` that are being evaluated within each other.
    nested_sizes: usize,
    /// Types within types, by `SAFEARRAY(…)` and by what stands for others, that are being followed.
    nesting: usize,
    /// Rust names taken at the top of each file's module, by namespace.
    type_names: HashSet<(usize, String)>,
    value_names: HashSet<(usize, String)>,
    module_names: HashSet<(usize, String)>,
    /// Where constants and enumerators are declared.
    const_spans: HashMap<(usize, &'a str), Span>,
    /// Constants that a file declares more than once: file, name, the later value and its place.
    repeated_consts: Vec<(usize, &'a str, ConstEntry<'a>, Span)>,
    /// Suggestions that may still be looked for.
    suggestions: Cell<usize>,
    /// Unknown types that have been told, by file.
    unknown_types: HashSet<(usize, String)>,
    /// Members that bounds elsewhere refer to, so that Rust shows them: structure and place.
    shown: HashSet<(TypeId, usize)>,
    /// Names that a file gives a type more than once: file, name, first and later one.
    repeated_typedefs: Vec<(usize, &'a str, TypedefEntry<'a>, TypedefEntry<'a>)>,
    /// For each file, those it sees besides its imports, in ascending order.
    contexts: Vec<Vec<usize>>,
    /// The file of types that need no declaration.
    known: Option<usize>,
    /// The names taken from it, by file.
    borrowed: RefCell<BTreeMap<usize, BTreeSet<String>>>,
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
    /// Says which names of well-known types a file uses without declaring or importing them.
    fn tell_borrowed(&mut self) {
        for (file, names) in self.borrowed.take() {
            let Some(input) = self.inputs.get(file) else { continue };
            const SHOWN: usize = 8;
            let mut list: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            let more = names.len().saturating_sub(SHOWN);
            let tail = format!("and {more} more");
            if more > 0 {
                list.push(&tail);
            }
            let message = format!("{} neither declares nor imports types that it uses", input.source);
            self.error(
                Diagnostic::warning("undeclared-type", message)
                    .label(Span::new(input.file.id, 0, 0), format!("taken for those of Windows: {}", list.join(", ")))
                    .help("import \"ms-dtyp.idl\", or what declares them for you"),
            );
        }
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The candidate that a misspelt name may mean.
    fn closest<'n>(&self, name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        self.suggestions.set(self.suggestions.get().checked_sub(1)?);
        midlc_parser::suggest::closest(name, candidates)
    }

    fn overlay(&self) -> &'a Overlay {
        self.inputs[self.file].overlay
    }

    /// The files that a file imports, directly or not, in ascending order.
    fn imports(&self, file: usize) -> &[usize] {
        self.model.files.get(file).map(|file| file.imports.as_slice()).unwrap_or_default()
    }

    /// What a name means in a file: to itself, to its imports, to what was imported before it.
    fn look_up<'n, T>(&self, names: &'n Names<'a, T>, file: usize, name: &str) -> Option<(usize, &'n T)> {
        let context = || self.contexts.get(file).map(Vec::as_slice).unwrap_or_default();
        let seen = names.get(file, self.imports(file), name).or_else(|| names.get(file, context(), name));
        seen.or_else(|| {
            // Where a file is missing, it would have declared it.
            let known = self.known.filter(|_| !(self.errors && (self.poisoned)(name)))?;
            let found = names.get(known, &[], name)?;
            if file != known {
                self.borrowed.borrow_mut().entry(file).or_default().insert(name.to_owned());
            }
            Some(found)
        })
    }

    /// A typedef that a file sees, and the file that declares it.
    fn typedef(&self, file: usize, name: &str) -> Option<(usize, TypedefEntry<'a>)> {
        self.look_up(&self.typedefs, file, name).map(|(owner, entry)| (owner, *entry))
    }

    /// A structure, union or enumeration that a file sees, by its tag.
    fn tag(&self, file: usize, name: &str) -> Option<TypeId> {
        self.look_up(&self.tags, file, name).map(|(_, id)| *id)
    }

    /// A constant that a file sees, and the file that declares it.
    fn constant(&self, file: usize, name: &str) -> Option<(usize, ConstEntry<'a>)> {
        self.look_up(&self.consts, file, name).map(|(owner, entry)| (owner, *entry))
    }

    /// The body behind a tag that a file sees, and the file it is in.
    fn body_of(&self, file: usize, tag: &ast::Ident) -> Option<(usize, &'a TypeSpec)> {
        let id = self.tag(file, &tag.name)?;
        Some((self.model.ty(id).file, self.bodies_of.get(id.0)?.ty))
    }

    /// A context handle type that a file sees.
    fn handle_type(&self, file: usize, name: &str) -> Option<HandleId> {
        self.look_up(&self.handle_types, file, name).map(|(_, id)| *id)
    }

    /// An interface that a file sees.
    fn interface(&self, file: usize, name: &str) -> Option<&'a ast::Interface> {
        self.look_up(&self.interfaces, file, name).map(|(_, interface)| *interface)
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

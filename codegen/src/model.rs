//! The resolved model: what is on the wire, in order, and what the Rust API shows of it.
//!
//! Every element is a flat list of wire levels from the outside in, pointer, array, string, and the
//! data at its end. Emission looks at nothing else; syntax is gone.

mod bound;
pub(crate) mod known;

use midlc_parser::source::Span;

pub use bound::{Bound, BoundExpr};
pub use known::Known;

use crate::overlay::{AuthLevelName, HandleStrictnessName, StatusKind};

/// All that was compiled together.
#[derive(Debug, Default)]
pub struct Model {
    /// The files, imports first.
    pub files: Vec<FileModel>,
    /// The types of all files.
    pub types: Vec<TypeDef>,
    /// The context handle types of all files.
    pub handles: Vec<HandleDef>,
    /// The COM interfaces of all files, as what pointers point to.
    pub com: Vec<ComDef>,
}

/// What a path of members leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// A number: the structure that has it, and its place there.
    Number(TypeId, usize),
    /// A structure on the way has not been resolved yet.
    Unknown,
    /// Nothing, or no number.
    None,
}

impl Model {
    /// What a path of members leads to from an element that is a structure or points to one.
    pub(crate) fn member(&self, element: &Element, path: &[String]) -> Member {
        if !matches!(element.levels.as_slice(), [] | [Level::Pointer(_)]) {
            return Member::None;
        }
        let mut base = &element.base;
        for (depth, name) in path.iter().enumerate() {
            let Base::Type(owner) = base else { return Member::None };
            let TypeKind::Struct(def) = &self.ty(*owner).kind else { return Member::None };
            if def.fields.is_empty() {
                return Member::Unknown;
            }
            let Some(index) = def.fields.iter().position(|field| field.idl_name == *name) else { return Member::None };
            let field = &def.fields[index];
            if !field.levels.is_empty() {
                return Member::None;
            }
            if depth + 1 == path.len() {
                let number = match &field.base {
                    Base::Scalar(scalar) => !scalar.is_float(),
                    Base::Type(id) => matches!(self.ty(*id).kind, TypeKind::Enum(_)),
                    _ => false,
                };
                return if number { Member::Number(*owner, index) } else { Member::None };
            }
            base = &field.base;
        }
        Member::None
    }

    /// The type of an id.
    pub fn ty(&self, id: TypeId) -> &TypeDef {
        &self.types[id.0]
    }

    /// The COM interface of an id.
    pub fn com(&self, id: ComId) -> &ComDef {
        &self.com[id.0]
    }

    /// The handle type of an id.
    pub fn handle(&self, id: HandleId) -> &HandleDef {
        &self.handles[id.0]
    }
}

/// One IDL file.
#[derive(Debug)]
pub struct FileModel {
    /// The Rust module: the file's name in snake case.
    pub module: String,
    /// The file's name as given, for messages and headers.
    pub source: String,
    /// Whether Rust is generated for it, because it was asked for or because another file refers to
    /// its types.
    pub wanted: bool,
    /// Whether it was asked for, so that its interfaces are generated, too.
    pub root: bool,
    /// Path of a module that has its types already, instead of generating it.
    pub extern_path: Option<String>,
    /// The document it comes from.
    pub document: Option<String>,
    /// The comment at its head.
    pub doc: Option<String>,
    /// Its types, in order of declaration.
    pub types: Vec<TypeId>,
    /// Its context handle types.
    pub handles: Vec<HandleId>,
    /// Its constants.
    pub consts: Vec<ConstDef>,
    /// Its COM interfaces, as what pointers point to.
    pub com: Vec<ComId>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceDef>,
    /// Modules of the files it imports, directly or not.
    pub imports: Vec<usize>,
}

/// Index of a type in [`Model::types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub usize);

/// Index of a handle type in [`Model::handles`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandleId(pub usize);

/// Index of a COM interface in [`Model::com`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComId(pub usize);

/// A COM interface, as what pointers point to.
#[derive(Debug)]
pub struct ComDef {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name in Rust of its marker.
    pub rust_name: String,
    /// Index of the file.
    pub file: usize,
    /// The interface identifier.
    pub iid: u128,
}

/// A named type.
#[derive(Debug)]
pub struct TypeDef {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// Index of the file.
    pub file: usize,
    /// Documentation.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// What it is.
    pub kind: TypeKind,
    /// Why it cannot travel, if it cannot; then nothing is generated for it.
    pub unsupported: Option<String>,
    /// The type of the runtime that stands for it; then nothing is generated for it, either.
    pub known: Option<Known>,
    /// Alignment in NDR and NDR64, filled in by layout.
    pub align: Align,
    /// Fixed size in octets in NDR and NDR64 (without conformant parts), filled in by layout.
    pub size: [u32; 2],
    /// The fewest octets a value takes in place, in either syntax.
    pub min: u32,
    /// Whether a value has pointers, so that it has a deferred part.
    pub defers: bool,
    /// Whether a structure has BSTRs or VARIANTs in place, so that its default is no zero.
    pub automation: bool,
    /// Dimensions of the conformant array the structure ends in; 0 for none.
    pub conformant: usize,
    /// Types that contain each other without indirection share a number.
    pub cycle: Option<usize>,
}

/// Alignment in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Align {
    /// In NDR.
    pub ndr: u8,
    /// In NDR64.
    pub ndr64: u8,
}

impl Align {
    /// The same in both.
    pub const fn same(octets: u8) -> Self {
        Self { ndr: octets, ndr64: octets }
    }

    /// Of counts and referents.
    pub const WORD: Self = Self { ndr: 4, ndr64: 8 };

    /// The larger in each.
    pub fn max(self, other: Self) -> Self {
        Self { ndr: self.ndr.max(other.ndr), ndr64: self.ndr64.max(other.ndr64) }
    }
}

/// The kinds of named type.
#[derive(Debug)]
pub enum TypeKind {
    /// A structure.
    Struct(StructDef),
    /// A union.
    Union(UnionDef),
    /// An enumeration.
    Enum(EnumDef),
}

/// A structure.
#[derive(Debug, Default)]
pub struct StructDef {
    /// Its members in wire order.
    pub fields: Vec<Element>,
}

/// A union.
#[derive(Debug)]
pub struct UnionDef {
    /// The discriminant's type.
    pub tag: Tag,
    /// Whether its arms are aligned to the largest one in NDR, too (`ms_union`).
    pub ms_union: bool,
    /// Whether the discriminant belongs to it (`union switch (…)`): then it is aligned as a structure
    /// of both.
    pub encapsulated: bool,
    /// The arms.
    pub arms: Vec<Arm>,
    /// Alignment of the arms, filled in by layout.
    pub arm_align: Align,
}

/// Type of a discriminant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Not known until a `switch_is` says so.
    Unknown,
    /// An integer.
    Scalar(Scalar),
    /// An enumeration.
    Enum(TypeId),
}

/// An arm of a union.
#[derive(Debug)]
pub struct Arm {
    /// The variant's name in Rust.
    pub rust_name: String,
    /// Its labels.
    pub cases: Vec<i128>,
    /// Whether it is the default.
    pub default: bool,
    /// Its member; `None` for an empty arm.
    pub element: Option<Element>,
}

impl Arm {
    /// Whether the variant carries the discriminant itself, because several select it.
    pub fn carries_tag(&self) -> bool {
        self.default || self.cases.len() != 1
    }
}

/// An enumeration.
#[derive(Debug)]
pub struct EnumDef {
    /// Whether it is four octets in NDR (`v1_enum`).
    pub wide: bool,
    /// Its constants: IDL name, Rust name, value, documentation.
    pub values: Vec<EnumValue>,
}

/// A constant of an enumeration.
#[derive(Debug)]
pub struct EnumValue {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// The value.
    pub value: u32,
    /// Documentation.
    pub doc: Option<String>,
}

/// A context handle type.
#[derive(Debug)]
pub struct HandleDef {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name in Rust of its marker and of the associated type.
    pub rust_name: String,
    /// The name in Rust of its descriptor.
    pub static_name: String,
    /// Index of the file.
    pub file: usize,
    /// Documentation.
    pub doc: Option<String>,
    /// The handle types it takes instead of being one, where it is a group.
    pub group: Vec<HandleId>,
}

/// A member, a parameter or the inside of a union arm.
#[derive(Clone, Debug)]
pub struct Element {
    /// The name in the IDL; empty for an anonymous member.
    pub idl_name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// The name in Rust of its array's maximum count, where that is a value of its own.
    pub max_name: String,
    /// Documentation.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// Its wire levels, outermost first.
    pub levels: Vec<Level>,
    /// The data at the end.
    pub base: Base,
    /// Limits of its value, or of its array's maximum count.
    pub range: Option<(i64, i64)>,
    /// What decides which arm of its union is chosen.
    pub switch: Option<Bound>,
    /// What says which interface its pointer is to (`iid_is`).
    pub iid: Option<Bound>,
    /// What its Rust API shows.
    pub role: Role,
}

/// A wire level.
#[derive(Clone, Debug)]
pub enum Level {
    /// A pointer that leaves a trace on the wire.
    Pointer(Pointer),
    /// An array.
    Array(Array),
    /// A `[string]`, the last level.
    Str {
        /// The number of characters of a fixed array.
        fixed: Option<u64>,
        /// The maximum count, where the IDL gives one.
        size: Option<Bound>,
        /// Where that is kept, if the string is within an array.
        slot: Option<usize>,
    },
}

/// The kinds of pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// Never NULL.
    Ref,
    /// NULL or a value.
    Unique,
    /// NULL, a value or an alias.
    Full,
    /// The same, to a scalar that is a parameter: an alias is a copy.
    FullScalar,
}

/// An array level.
#[derive(Clone, Debug)]
pub struct Array {
    /// The number of elements of a fixed array.
    pub fixed: Option<u64>,
    /// The maximum count of a conformant array (`size_is`, `max_is`).
    pub size: Option<Bound>,
    /// The actual count of a varying array (`length_is`, `last_is`).
    pub length: Option<Bound>,
    /// The first element of a varying array that travels (`first_is`).
    pub first: Option<Bound>,
    /// Where its maximum count is kept, if it is within an array and has one of its own.
    pub slot: Option<usize>,
}

impl Array {
    /// An array without bounds, or of a fixed number of elements.
    pub(crate) fn new(fixed: Option<u64>) -> Self {
        Self { fixed, size: None, length: None, first: None, slot: None }
    }

    /// Whether a maximum count travels.
    pub fn conformant(&self) -> bool {
        self.fixed.is_none()
    }
}

/// How many of the outermost levels are dimensions of one array, because an inner one is conformant
/// or varying; `None` where they are not. Counts of all dimensions stand in front of such an array.
pub(crate) fn grid(levels: &[Level]) -> Option<usize> {
    let dimensions = levels.iter().map_while(|level| match level {
        Level::Array(array) => Some(array.fixed.is_none() || array.length.is_some()),
        _ => None,
    });
    let last = dimensions.enumerate().filter(|(_, counted)| *counted).map(|(index, _)| index).last()?;
    (last > 0).then_some(last + 1)
}

/// Data at the end of an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    /// An integer or floating-point number.
    Scalar(Scalar),
    /// A named type.
    Type(TypeId),
    /// A context handle.
    Handle(HandleId),
    /// A UUID.
    Guid,
    /// A type of the runtime.
    Known(Known),
    /// Something that cannot travel, and why.
    Unsupported(String),
}

/// Scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// An opaque or character octet.
    U8,
    /// A signed octet.
    I8,
    /// Two octets.
    U16,
    /// A UTF-16 code unit.
    WChar,
    /// Two octets, signed.
    I16,
    /// Four octets.
    U32,
    /// Four octets, signed.
    I32,
    /// Eight octets.
    U64,
    /// Eight octets, signed.
    I64,
    /// Four octets in NDR and eight in NDR64.
    U3264,
    /// Four octets in NDR and eight in NDR64, signed.
    I3264,
    /// Floating point, four octets.
    F32,
    /// Floating point, eight octets.
    F64,
}

impl Scalar {
    /// Whether it is floating point.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether it is a signed integer.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::I3264)
    }
}

/// What the Rust API shows of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A member or argument like any other.
    Plain,
    /// A count that arrays decide: on the wire, but not in Rust.
    Count,
    /// A discriminant that a union decides: on the wire, but not in Rust.
    Discriminant,
}

/// An interface.
#[derive(Debug)]
pub struct InterfaceDef {
    /// The name in the IDL.
    pub idl_name: String,
    /// The Rust module.
    pub module: String,
    /// Documentation.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// The UUID, as 128 bits.
    pub uuid: u128,
    /// Major and minor version.
    pub version: (u16, u16),
    /// Whether it is a COM interface.
    pub object: bool,
    /// The interface that it inherits from, where that has operations on the wire: file and index.
    pub base: Option<(usize, usize)>,
    /// The operations of its bases, in order of their opnums, and whether each is on the wire.
    pub inherited: Vec<(String, bool)>,
    /// Whether Rust is generated for it because another interface inherits from it.
    pub needed: bool,
    /// The opnum of its first operation: those of its bases come before.
    pub first_opnum: u16,
    /// The operations; the index, counted from the first opnum, is the opnum.
    pub methods: Vec<Method>,
    /// Callbacks from the server to the client: a range of opnums of their own, never generated.
    pub callbacks: Vec<Callback>,
    /// Least authentication level.
    pub auth: AuthLevelName,
    /// Whether stubs are checked at level 6.0.
    pub level6: bool,
    /// Which handles are accepted.
    pub strictness: HandleStrictnessName,
    /// Status for a handle of another type.
    pub wrong_handle: Option<u32>,
    /// Status for a NULL `[in]` handle.
    pub null_handle: Option<u32>,
    /// Well-known endpoints.
    pub endpoints: Vec<(String, String)>,
    /// The handle types its operations use, groups excluded.
    pub handles: Vec<HandleId>,
}

/// An operation.
#[derive(Debug)]
pub struct Method {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name of its Rust methods.
    pub rust_name: String,
    /// The name of its Rust results and messages.
    pub type_name: String,
    /// The opnum.
    pub opnum: u16,
    /// Documentation.
    pub doc: Option<String>,
    /// The declaration in IDL, in one line.
    pub signature: String,
    /// Where it is declared.
    pub span: Span,
    /// Whether the slot has no operation.
    pub reserved: bool,
    /// Why it cannot be generated, if it cannot.
    pub unsupported: Option<String>,
    /// Whether it may run twice.
    pub idempotent: bool,
    /// Whether the client expects no answer.
    pub maybe: bool,
    /// Its status, if it has one.
    pub status: Option<MethodStatus>,
    /// What travels to the server, in wire order.
    pub request: Vec<Element>,
    /// What travels back, in wire order, the return value last.
    pub response: Vec<Element>,
    /// How response elements relate to the request and to the API.
    pub results: Vec<ResultInfo>,
    /// Pipes that travel to the server, behind the request. Each stands for one element of it; its
    /// range is that of the elements in a chunk.
    pub in_pipes: Vec<Element>,
    /// Pipes that travel back, in front of the response.
    pub out_pipes: Vec<Element>,
}

impl Method {
    /// Everything that travels.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.request.iter().chain(&self.response).chain(&self.in_pipes).chain(&self.out_pipes)
    }

    /// Whether one of the parameters is a pipe.
    pub fn has_pipes(&self) -> bool {
        !self.in_pipes.is_empty() || !self.out_pipes.is_empty()
    }
}

/// A callback: an operation that the server calls at the client.
#[derive(Debug)]
pub struct Callback {
    /// The name in the IDL.
    pub idl_name: String,
    /// Where it is declared.
    pub span: Span,
}

/// The status of an operation.
#[derive(Clone, Debug)]
pub struct MethodStatus {
    /// Index into the response.
    pub element: usize,
    /// The kind.
    pub kind: StatusKind,
    /// Further successes.
    pub success: Vec<u32>,
    /// Further failures.
    pub failure: Vec<u32>,
}

/// How a response element relates to the rest.
#[derive(Clone, Debug, Default)]
pub struct ResultInfo {
    /// Index of the same parameter in the request, for `[in, out]`.
    pub request: Option<usize>,
    /// A comm or fault status: 0 from the server, no result.
    pub comm_status: bool,
    /// A capacity that the request dictates: the array's maximum count, over the request.
    pub capacity: Option<Bound>,
    /// The discriminant of its union, where the request alone has it, over the request.
    pub tag_in_request: Option<Bound>,
    /// What says which interface its pointer is to, where the request alone has it, over the request.
    pub iid_in_request: Option<Bound>,
}

/// A constant.
#[derive(Debug)]
pub struct ConstDef {
    /// The name in the IDL.
    pub idl_name: String,
    /// The name in Rust.
    pub rust_name: String,
    /// Documentation.
    pub doc: Option<String>,
    /// The value.
    pub value: ConstValue,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstValue {
    /// An integer, with the Rust type it is given.
    Int(i128, &'static str),
    /// A string.
    Str(String),
}

/// Why an element cannot travel, if it cannot.
pub(crate) fn unsupported_reason(model: &Model, element: &Element) -> Option<String> {
    match &element.base {
        Base::Unsupported(reason) => Some(format!("{}: {reason}", element.idl_name)),
        Base::Type(id) => {
            let ty = model.ty(*id);
            ty.unsupported.as_ref().map(|_| format!("{}: {} cannot travel", element.idl_name, ty.idl_name))
        }
        Base::Scalar(_) | Base::Handle(_) | Base::Guid | Base::Known(_) => None,
    }
}

//! The abstract syntax tree of MIDL: what the text says, nothing resolved.
//!
//! Every node knows the [`Span`] it came from. Names are not looked up here and constant
//! expressions are not evaluated: that is the work of the `midlc` crate. Declarators keep their C
//! shape as a list of derivations read from the name outwards, so that `LPWSTR *names[]` is
//! "`names` is an array of pointers to `LPWSTR`".

use uuid::Uuid;

use crate::source::{FileId, Span};

/// One IDL file after preprocessing.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The file in the [`SourceMap`](crate::source::SourceMap).
    pub id: FileId,
    /// Comment at the head of the file (`/** … */` or `//!`), without its markers.
    pub doc: Option<String>,
    /// Declarations in the order of the text.
    pub items: Vec<Item>,
    /// Files named by `import`, as resolved, in order. They are parsed on their own.
    pub imports: Vec<FileId>,
    /// Object-like macros that this file defines and never undefines, with their replacement
    /// parsed as an expression where it is one. They may become constants.
    pub macros: Vec<MacroConst>,
    /// Where the file says `#define SAFEARRAY(type) SAFEARRAY`. Uses of that macro are not
    /// expanded, so that the element type is kept ([`TypeKind::SafeArray`]); what they mean is
    /// the plain type name `SAFEARRAY`.
    pub safearray_macro: Option<Span>,
}

/// An object-like macro whose replacement is an expression (`#define MAX_NAME 0x100`).
#[derive(Clone, Debug, PartialEq)]
pub struct MacroConst {
    /// The macro's name.
    pub name: Ident,
    /// Its replacement.
    pub value: Expr,
    /// Documentation before the definition.
    pub doc: Option<String>,
}

/// A name and where it stands.
#[derive(Clone, Debug)]
pub struct Ident {
    /// The spelling.
    pub name: String,
    /// The place.
    pub span: Span,
}

/// Two identifiers are equal when they are spelt the same; the place does not matter.
impl PartialEq for Ident {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Ident {}

/// A declaration at the top level of a file, an interface, a library or a module.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `interface …` with a body, or its forward declaration.
    Interface(Interface),
    /// `dispinterface …`: parsed, never generated.
    Dispinterface(Skipped),
    /// `coclass …`: parsed, never generated.
    Coclass(Skipped),
    /// `library … { … }`: its declarations count, the type library itself is not generated.
    Library(Library),
    /// `module …`: parsed, never generated.
    Module(Skipped),
    /// `typedef …;`
    Typedef(Typedef),
    /// A structure, union or enumeration declared by its tag (`struct point { … };`).
    Type(TypeDecl),
    /// `const …;`
    Const(ConstDecl),
    /// An operation of an interface.
    Operation(Operation),
    /// `cpp_quote("…")`.
    CppQuote(StrLit),
    /// `#pragma …` or `midl_pragma …`: the text after the word.
    Pragma(StrLit),
    /// `importlib("…");`
    ImportLib(StrLit),
    /// A declaration that did not parse. An error has been reported for it; it is kept because a
    /// broken operation still takes an opnum.
    Invalid(Invalid),
}

/// A declaration that did not parse.
#[derive(Clone, Debug, PartialEq)]
pub struct Invalid {
    /// Its name, as far as it could be guessed.
    pub name: Option<Ident>,
    /// Whether it looks like an operation, which then takes an opnum.
    pub is_operation: bool,
    /// The whole declaration.
    pub span: Span,
}

/// A declaration that is recognised as a whole and generates nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// The keyword that introduced it: `dispinterface`, `coclass`, `module`.
    pub keyword: String,
    /// Its attributes.
    pub attrs: Vec<Attribute>,
    /// Its name.
    pub name: Ident,
    /// Whether it is more than a forward declaration.
    pub has_body: bool,
    /// The whole declaration.
    pub span: Span,
}

/// `library name { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    /// Attributes before the keyword.
    pub attrs: Vec<Attribute>,
    /// The library's name.
    pub name: Ident,
    /// What it declares.
    pub items: Vec<Item>,
    /// The whole declaration.
    pub span: Span,
}

/// `[attributes] interface name : base { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// Attributes before the keyword.
    pub attrs: Vec<Attribute>,
    /// The interface's name.
    pub name: Ident,
    /// The interface it inherits from.
    pub base: Option<Ident>,
    /// What it declares; `None` for a forward declaration (`interface IFoo;`).
    pub items: Option<Vec<Item>>,
    /// Documentation before the declaration.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `typedef [attributes] type declarator, …;`
#[derive(Clone, Debug, PartialEq)]
pub struct Typedef {
    /// Attributes after the keyword (and before it, where a file writes them there).
    pub attrs: Vec<Attribute>,
    /// The type that the declarators start from.
    pub ty: TypeSpec,
    /// The names declared.
    pub declarators: Vec<Declarator>,
    /// Documentation before the declaration.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `struct tag { … };`, `union tag { … };`, `enum tag { … };` without a typedef.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDecl {
    /// Attributes before the keyword; those after it are inside `ty`.
    pub attrs: Vec<Attribute>,
    /// The type itself.
    pub ty: TypeSpec,
    /// Documentation before the declaration.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// `const type name = value;`
#[derive(Clone, Debug, PartialEq)]
pub struct ConstDecl {
    /// Attributes, usually none.
    pub attrs: Vec<Attribute>,
    /// The constant's type.
    pub ty: TypeSpec,
    /// The constant's name and derivations (`const wchar_t *NAME`).
    pub declarator: Declarator,
    /// The value.
    pub value: Expr,
    /// Documentation before the declaration.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// An operation: `[attributes] type name(params);`
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Attributes before the return type.
    pub attrs: Vec<Attribute>,
    /// The type that the return value starts from.
    pub ret: TypeSpec,
    /// Pointers of the return value, outermost first.
    pub ret_derivs: Vec<Deriv>,
    /// The operation's name.
    pub name: Ident,
    /// Its parameters; `(void)` and `()` are both none.
    pub params: Vec<Param>,
    /// Whether `...` stands behind them.
    pub variadic: bool,
    /// Documentation before the declaration.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Attributes, those of several bracket groups joined.
    pub attrs: Vec<Attribute>,
    /// The type that the declarator starts from.
    pub ty: TypeSpec,
    /// Name and derivations; the name may be missing.
    pub declarator: Declarator,
    /// The whole parameter.
    pub span: Span,
}

/// A member of a structure or of a union arm: `[attributes] type declarator, …;`
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Attributes before the type.
    pub attrs: Vec<Attribute>,
    /// The type that the declarators start from.
    pub ty: TypeSpec,
    /// The members declared; empty for an anonymous structure or union.
    pub declarators: Vec<Declarator>,
    /// Documentation before the member.
    pub doc: Option<String>,
    /// The whole member.
    pub span: Span,
}

/// A type as written, before any declarator.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeSpec {
    /// What it is.
    pub kind: TypeKind,
    /// Whether `const` stands beside it.
    pub is_const: bool,
    /// The place.
    pub span: Span,
}

/// The kinds of type specifier.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A base type of the language.
    Base(BaseType),
    /// A name declared by a typedef, or an interface, or not at all.
    Named(Ident),
    /// `struct …`.
    Struct(StructType),
    /// `union …`.
    Union(UnionType),
    /// `enum …`.
    Enum(EnumType),
    /// `pipe type`.
    Pipe(Box<TypeSpec>),
    /// `SAFEARRAY(type)`, the declarator's pointers included.
    SafeArray(Box<TypeSpec>, Vec<Deriv>),
    /// `interface name` used as a type.
    InterfaceRef(Ident),
}

/// Base types, C's combinations of words already joined (`unsigned long int` is [`ULong`]).
///
/// [`ULong`]: BaseType::ULong
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BaseType {
    /// `void`
    Void,
    /// `boolean`: one octet.
    Boolean,
    /// `byte`: one opaque octet.
    Byte,
    /// `char`, `unsigned char`: one octet, a character.
    Char,
    /// `signed char`, `small`, `__int8`, `signed small`.
    Small,
    /// `unsigned small`, `unsigned __int8`.
    USmall,
    /// `wchar_t`: two octets, a UTF-16 code unit.
    WChar,
    /// `short`, `__int16`.
    Short,
    /// `unsigned short`.
    UShort,
    /// `long`, `int`, `__int32`: four octets.
    Long,
    /// `unsigned long`, `unsigned int`, `unsigned`.
    ULong,
    /// `hyper`, `__int64`, `long long`: eight octets.
    Hyper,
    /// `unsigned hyper`, `unsigned __int64`.
    UHyper,
    /// `__int3264`: four octets in NDR, eight in NDR64.
    Int3264,
    /// `unsigned __int3264`.
    UInt3264,
    /// `__int128`: recognised, not generated.
    Int128,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `handle_t`: the binding, never on the wire.
    HandleT,
    /// `error_status_t`: four octets.
    ErrorStatusT,
}

/// `struct [attributes] tag { … }`; without a body a reference to the tag.
#[derive(Clone, Debug, PartialEq)]
pub struct StructType {
    /// Attributes between the keyword and the tag, or before the keyword.
    pub attrs: Vec<Attribute>,
    /// The tag.
    pub tag: Option<Ident>,
    /// The members.
    pub body: Option<Vec<Field>>,
}

/// `union [attributes] tag { … }`, or `union tag switch (type name) name { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct UnionType {
    /// Attributes between the keyword and the tag, or before the keyword.
    pub attrs: Vec<Attribute>,
    /// The tag.
    pub tag: Option<Ident>,
    /// The `switch` header of an encapsulated union.
    pub switch: Option<Box<SwitchHeader>>,
    /// The arms.
    pub body: Option<Vec<UnionArm>>,
}

/// `switch (type name) union_name` of an encapsulated union.
#[derive(Clone, Debug, PartialEq)]
pub struct SwitchHeader {
    /// The discriminant's type.
    pub ty: TypeSpec,
    /// The discriminant's name.
    pub name: Ident,
    /// The union member's name (`tagged_union` where missing).
    pub union_name: Option<Ident>,
}

/// An arm of a union.
#[derive(Clone, Debug, PartialEq)]
pub struct UnionArm {
    /// Labels; empty in a union without discriminant.
    pub cases: Vec<CaseLabel>,
    /// The member; `None` for an empty arm (`;`).
    pub field: Option<Field>,
    /// The whole arm.
    pub span: Span,
}

/// A label of a union arm.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseLabel {
    /// `[case(value)]` or `case value:`.
    Value(Expr),
    /// `[default]` or `default:`.
    Default(Span),
}

/// `enum tag { … }`; without a body a reference to the tag.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumType {
    /// Attributes between the keyword and the tag, or before the keyword.
    pub attrs: Vec<Attribute>,
    /// The tag.
    pub tag: Option<Ident>,
    /// The constants.
    pub body: Option<Vec<Enumerator>>,
}

/// A constant of an enumeration.
#[derive(Clone, Debug, PartialEq)]
pub struct Enumerator {
    /// Its name.
    pub name: Ident,
    /// Its attributes; they say nothing of what travels.
    pub attrs: Vec<Attribute>,
    /// Its value, where written.
    pub value: Option<Expr>,
    /// Documentation before it.
    pub doc: Option<String>,
}

/// A C declarator: a name and what is built around the type, read from the name outwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Declarator {
    /// The name; missing in abstract declarators.
    pub name: Option<Ident>,
    /// The derivations, the one nearest to the name first.
    pub derivs: Vec<Deriv>,
    /// Width of a bit-field.
    pub bits: Option<Expr>,
    /// The place.
    pub span: Span,
}

/// One step of a declarator.
#[derive(Clone, Debug, PartialEq)]
pub enum Deriv {
    /// `*`, with attributes some files write beside it (`[unique] *`).
    Pointer {
        /// Attributes at the star.
        attrs: Vec<Attribute>,
        /// The place.
        span: Span,
    },
    /// `[…]`.
    Array {
        /// The bound.
        bound: ArrayBound,
        /// The place.
        span: Span,
    },
    /// `(params)`: a function; only legal behind a pointer, and never on the wire.
    Function {
        /// Its parameters.
        params: Vec<Param>,
        /// The place.
        span: Span,
    },
}

/// Bounds of an array dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayBound {
    /// `[]`
    Unspecified,
    /// `[*]`
    Star,
    /// `[count]`
    Count(Expr),
    /// `[low..high]`
    Range(Expr, Expr),
}

/// `name` or `name(arguments)` inside brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The attribute's name.
    pub name: Ident,
    /// Its arguments; empty where it has none.
    pub args: Vec<AttrArg>,
    /// The whole attribute.
    pub span: Span,
}

/// An argument of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttrArg {
    /// Nothing between two commas: `size_is(, n)`.
    Omitted(Span),
    /// An expression; names like `unique` in `pointer_default(unique)` too.
    Expr(Expr),
    /// A type that is no mere name: `switch_type(unsigned long)`.
    Type(TypeSpec, Vec<Deriv>),
    /// A UUID, quoted or not.
    Uuid(Uuid, Span),
    /// `version(3.0)`: major and minor.
    Version(u16, u16, Span),
}

/// A string literal, escapes resolved, adjacent literals joined.
#[derive(Clone, Debug, PartialEq)]
pub struct StrLit {
    /// The text. Octets that are not UTF-8 were read as Latin-1.
    pub value: String,
    /// Whether it was `L"…"`.
    pub wide: bool,
    /// The place.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The place.
    pub span: Span,
}

/// The kinds of expression: C's, without assignment, calls and increments.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// An integer literal and whether it has an unsigned suffix.
    Int(u64, bool),
    /// A floating-point literal, as written.
    Float(String),
    /// `'c'` or `L'c'`: the code.
    Char(u32),
    /// A string literal.
    Str(StrLit),
    /// A constant, an enumerator, a parameter or a member.
    Name(String),
    /// `-x`, `*x`, …
    Unary(UnaryOp, Box<Expr>),
    /// `x + y`, …
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `c ? x : y`
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `(type) x`
    Cast(Box<TypeSpec>, Vec<Deriv>, Box<Expr>),
    /// `sizeof(type)`; a name in it may be that of a constant.
    SizeOf(Box<TypeSpec>, Vec<Deriv>),
    /// `sizeof expression`
    SizeOfExpr(Box<Expr>),
    /// `x.member` or `x->member`
    Member(Box<Expr>, Ident),
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Neg,
    /// `~`
    BitNot,
    /// `!`
    Not,
    /// `*`
    Deref,
    /// `&`
    AddrOf,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `|`
    BitOr,
    /// `&&`
    And,
    /// `||`
    Or,
}

//! One member or parameter: C declarators, typedefs and attributes become wire levels.

use midlc_parser::{
    ast::{self, ArrayBound, AttrArg, Attribute, BaseType, Deriv, Expr, ExprKind, TypeKind as AstKind, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use super::{Resolver, bounds::list, consts::NotConst, find, has, is_context_handle, scalar_of};
use crate::{
    model::{Array, Base, Element, Known, Level, Pointer, Role, Scalar, TypeId, known::Interface},
    overlay::AttributePatch,
};

/// How many typedefs a name may go through.
pub(super) const MAX_TYPEDEFS: usize = 64;

/// Words for types, which are misspelt as easily as names.
const BASE_TYPES: [&str; 12] = [
    "boolean",
    "byte",
    "char",
    "double",
    "error_status_t",
    "float",
    "handle_t",
    "hyper",
    "long",
    "short",
    "small",
    "wchar_t",
];

/// Where an element stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A member of a structure or union.
    Member,
    /// A parameter: its outermost pointer is a reference unless attributes say otherwise.
    Parameter,
    /// A return value.
    Return,
}

/// The syntax of an element.
pub(super) struct Source<'s> {
    pub(super) attrs: &'s [Attribute],
    pub(super) ty: &'s TypeSpec,
    pub(super) derivs: &'s [Deriv],
    pub(super) name: &'s str,
    /// What a context handle that is declared here is named after, where its type has no name.
    pub(super) handle_name: &'s str,
    pub(super) span: Span,
    pub(super) doc: Option<&'s str>,
}

/// What an element was declared with, kept until its siblings are known.
pub(super) struct Declared {
    /// Its attributes, as an overlay corrects them.
    pub(super) attrs: Vec<Attribute>,
    /// For each of its array and string levels, which position of `size_is` and its kin it takes.
    pub(super) positions: Vec<usize>,
}

/// A pointer or array on the way from a name to its base type.
pub(super) enum Raw {
    /// What an attribute says of it, and what the interface says that declares it.
    Pointer {
        explicit: Option<Pointer>,
        default: Option<Pointer>,
    },
    Array {
        fixed: Option<u64>,
    },
}

/// What a declarator leads to.
pub(super) struct Flat {
    pub(super) raw: Vec<Raw>,
    pub(super) base: Base,
    /// `[string]` on a typedef along the way.
    string: bool,
    /// `[range]` on a typedef along the way.
    range: Option<(i64, i64)>,
    /// Characters, as opposed to opaque octets: only these make strings.
    text: bool,
    /// Whether it ends in `void`.
    void: bool,
    /// Whether its base has its innermost pointer in itself, which is still to be taken.
    pub(super) pointed: bool,
    /// How many types on the way user code marshals.
    pub(super) stand_ins: usize,
}

impl Flat {
    pub(super) fn new() -> Self {
        Self {
            raw: Vec::new(),
            base: Base::Scalar(Scalar::U8),
            string: false,
            range: None,
            text: true,
            void: false,
            pointed: false,
            stand_ins: 0,
        }
    }
}

impl Resolver<'_> {
    /// An element without the bounds of its arrays and unions, which need its siblings.
    pub(super) fn element(&mut self, source: &Source<'_>, place: Place) -> (Element, Declared) {
        let mut flat = self.flatten(source);
        let explicit = pointer_attr(source.attrs);
        if let (Some(_), Some(Raw::Pointer { explicit: slot, .. })) = (explicit, flat.raw.first_mut()) {
            *slot = explicit;
        }
        self.check_pointer_attributes(source, &flat);
        let string = flat.string || has(source.attrs, "string");
        let (sizes, _) = list(source.attrs, "size_is", "max_is");
        let (lengths, _) = list(source.attrs, "length_is", "last_is");
        let (firsts, _) = list(source.attrs, "first_is", "first_is");
        let given = |exprs: &[Option<Expr>], index| exprs.get(index).is_some_and(Option::is_some);
        let mut levels = Vec::new();
        let mut positions = Vec::new();
        for (index, raw) in flat.raw.iter().enumerate() {
            let counted = given(&sizes, index) || given(&lengths, index) || given(&firsts, index);
            match raw {
                Raw::Pointer { explicit: kind, default } => {
                    let top = index == 0 && place == Place::Parameter;
                    let default = match (place, index) {
                        (Place::Parameter, 0) => Pointer::Ref,
                        (Place::Return, 0) => Pointer::Unique,
                        _ => default.or(self.pointer_default).unwrap_or(Pointer::Unique),
                    };
                    // Pointers to interfaces are unique, wherever they stand and whatever is said.
                    let innermost = index + 1 == flat.raw.len();
                    let kind = match &flat.base {
                        Base::Known(Known::Interface(_)) if innermost => Pointer::Unique,
                        _ => kind.unwrap_or(default),
                    };
                    if !(top && kind == Pointer::Ref) {
                        levels.push(Level::Pointer(kind));
                    }
                    if counted {
                        positions.push(index);
                        levels.push(Level::Array(Array::new(None)));
                    }
                }
                Raw::Array { fixed } => {
                    // A parameter that is an array is passed by reference; only [unique] and [ptr]
                    // leave a trace.
                    if index == 0
                        && place == Place::Parameter
                        && let Some(kind @ (Pointer::Unique | Pointer::Full)) = explicit
                    {
                        levels.push(Level::Pointer(kind));
                    }
                    positions.push(index);
                    levels.push(Level::Array(Array::new(*fixed)));
                }
            }
        }
        if string {
            if !matches!(levels.last(), Some(Level::Array(_))) {
                positions.push(flat.raw.len().saturating_sub(1));
            }
            self.make_string(&mut levels, &flat, source);
        }
        if matches!(flat.base, Base::Unsupported(_)) {
            levels.clear();
        }
        if flat.stand_ins > 0
            && matches!(flat.base, Base::Known(Known::SafeArray(_)))
            && let [.., outer @ Level::Pointer(Pointer::Unique), Level::Pointer(Pointer::Unique)] =
                levels.as_mut_slice()
        {
            // The pointer of what user code marshals is never NULL.
            *outer = Level::Pointer(Pointer::Ref);
        }
        if let Some(why) = unsupported_attribute(source.attrs) {
            flat.base = Base::Unsupported(why);
            levels.clear();
            positions.clear();
        }
        let range = self.range(source.attrs).or(flat.range);
        let element = Element {
            idl_name: source.name.to_owned(),
            rust_name: String::new(),
            max_name: String::new(),
            doc: source.doc.map(str::to_owned),
            span: source.span,
            levels,
            base: flat.base,
            range,
            switch: None,
            iid: None,
            role: Role::Plain,
        };
        (element, Declared { attrs: source.attrs.to_vec(), positions })
    }

    /// `[ref]`, `[unique]` and `[ptr]` exclude each other, and are about a pointer.
    fn check_pointer_attributes(&mut self, source: &Source<'_>, flat: &Flat) {
        let mut kinds = source.attrs.iter().filter(|attr| pointer_attr(std::slice::from_ref(attr)).is_some());
        let Some(first) = kinds.next() else { return };
        if let Some(second) = kinds.find(|other| other.name.name != first.name.name) {
            let message = format!("[{}] and [{}] exclude each other", first.name.name, second.name.name);
            self.error(
                Diagnostic::error("pointer-attributes", message)
                    .label(second.span, "a pointer is of one kind")
                    .secondary(first.span, "the other is here"),
            );
        } else if flat.raw.is_empty() && matches!(flat.base, Base::Scalar(_) | Base::Type(_)) {
            let message = format!("[{}] has no effect: {} is no pointer", first.name.name, source.name);
            self.error(Diagnostic::warning("pointer-attributes", message).label(first.span, "ignored"));
        }
    }

    /// `[string]` concerns the innermost pointer or array.
    fn make_string(&mut self, levels: &mut Vec<Level>, flat: &Flat, source: &Source<'_>) {
        let characters = matches!(flat.base, Base::Scalar(Scalar::U8 | Scalar::I8 | Scalar::WChar | Scalar::U16));
        if !characters || flat.raw.is_empty() || !flat.text {
            // Headers say it of a BSTR, which travels as it does with or without.
            if !matches!(flat.base, Base::Unsupported(_) | Base::Known(Known::Bstr)) {
                self.error(
                    Diagnostic::error("bad-string", "[string] needs a pointer to, or an array of, characters")
                        .label(source.span, "this is neither"),
                );
            }
            return;
        }
        match levels.last() {
            Some(Level::Array(Array { fixed, .. })) => {
                let fixed = *fixed;
                levels.pop();
                levels.push(Level::Str { fixed, size: None, slot: None });
            }
            _ => levels.push(Level::Str { fixed: None, size: None, slot: None }),
        }
    }

    fn flatten(&mut self, source: &Source<'_>) -> Flat {
        let mut flat = Flat::new();
        if let Err(why) = self.push_derivs(&mut flat, source.derivs, None) {
            flat.base = Base::Unsupported(why);
            return flat;
        }
        self.follow(&mut flat, source.ty);
        Self::take_pointer(&mut flat);
        if flat.void && has(source.attrs, "iid_is") {
            flat.base = Base::Known(Known::Interface(Interface::Any));
        }
        if matches!(flat.base, Base::Known(Known::Interface(_)))
            && !matches!(flat.raw.last(), Some(Raw::Pointer { .. }))
        {
            flat.base = Base::Unsupported("an interface travels as a pointer to it".into());
        }
        if is_context_handle(source.attrs) && !matches!(flat.base, Base::Handle(_)) {
            // `[context_handle] void *h`: the innermost pointer belongs to the handle, whatever
            // it points to.
            match flat.raw.pop() {
                Some(Raw::Pointer { .. }) => flat.base = self.inline_handle(source),
                _ => self.error(
                    Diagnostic::error("bad-context-handle", "[context_handle] needs a pointer")
                        .label(source.span, "this is none"),
                ),
            }
        }
        flat
    }

    /// A context handle that is declared at a parameter: named after the parameter's type, or after
    /// the parameter itself where that is `void *` or the like.
    fn inline_handle(&mut self, source: &Source<'_>) -> Base {
        let name = match &source.ty.kind {
            AstKind::Named(name) => name.name.as_str(),
            _ => source.handle_name,
        };
        let known =
            self.model.files[self.file].handles.iter().copied().find(|&id| self.model.handle(id).idl_name == name);
        let id = known.unwrap_or_else(|| self.add_handle(name, source.doc));
        Base::Handle(id)
    }

    pub(super) fn push_derivs(
        &mut self,
        flat: &mut Flat,
        derivs: &[Deriv],
        default: Option<Pointer>,
    ) -> Result<(), String> {
        for deriv in derivs {
            match deriv {
                Deriv::Pointer { attrs, .. } => flat.raw.push(Raw::Pointer { explicit: pointer_attr(attrs), default }),
                Deriv::Array { bound, .. } => {
                    let fixed = match bound {
                        ArrayBound::Unspecified | ArrayBound::Star => None,
                        ArrayBound::Count(expr) => Some(self.fixed_count(expr, 0)?),
                        ArrayBound::Range(low, high) => {
                            let low = self.const_value(low).unwrap_or_default();
                            Some(self.fixed_count(high, 1 - low)?)
                        }
                    };
                    flat.raw.push(Raw::Array { fixed });
                }
                Deriv::Function { .. } => return Err("a function cannot travel".into()),
            }
        }
        Ok(())
    }

    fn fixed_count(&mut self, expr: &Expr, more: i128) -> Result<u64, String> {
        if let ExprKind::Name(name) = &expr.kind
            && matches!(self.eval(expr), Err(NotConst::Name(_)))
            && !(self.poisoned)(name)
            && self.close_constant(name).is_none()
        {
            let help = format!("if {name} is a member or parameter, leave the brackets empty and say size_is({name})");
            self.error(
                Diagnostic::error("unknown-constant", format!("{name} is no constant"))
                    .label(expr.span, "a bound in brackets is fixed")
                    .help(help),
            );
            return Err("its bound is not known".into());
        }
        let Some(value) = self.const_value(expr) else { return Err("its bound is not known".into()) };
        match u64::try_from(value.saturating_add(more)) {
            Ok(count @ 1..=0x7fff_ffff) => Ok(count),
            _ => {
                self.error(
                    Diagnostic::error("array-bound", format!("an array cannot have {value} elements"))
                        .label(expr.span, "between 1 and 2147483647"),
                );
                Err("its bound is out of range".into())
            }
        }
    }

    /// Follows typedefs to the base type.
    pub(super) fn follow(&mut self, flat: &mut Flat, ty: &TypeSpec) {
        let mut ty = ty;
        // Names mean what they mean in the file that says them.
        let mut file = self.file;
        let mut passed: Vec<*const TypeSpec> = Vec::new();
        for _ in 0..MAX_TYPEDEFS {
            match &ty.kind {
                AstKind::Base(BaseType::Void) => {
                    flat.void = true;
                    flat.base = Base::Unsupported("void * says nothing about its data and cannot travel".into());
                    return;
                }
                AstKind::Base(base) => {
                    flat.text = !matches!(base, BaseType::Boolean);
                    flat.base = match scalar_of(*base) {
                        Some(scalar) => Base::Scalar(scalar),
                        None => Base::Unsupported("this base type cannot travel".into()),
                    };
                    return;
                }
                AstKind::Struct(_) | AstKind::Union(_) | AstKind::Enum(_) => {
                    flat.base = self.tagged(file, ty);
                    flat.pointed = matches!(flat.base, Base::Known(Known::Bstr | Known::Variant));
                    return;
                }
                AstKind::Pipe(_) => {
                    flat.base = Base::Unsupported("a pipe must be a parameter of its own".into());
                    return;
                }
                AstKind::SafeArray(element, derivs) => return self.follow_safearray(flat, file, element, derivs),
                AstKind::InterfaceRef(name) => {
                    flat.base = self.interface_base(file, &name.name);
                    return;
                }
                AstKind::Named(name) => {
                    if let Some(handle) = self.handle_type(file, &name.name) {
                        flat.base = Base::Handle(handle);
                        return;
                    }
                    let Some((owner, entry)) = self.typedef(file, &name.name) else {
                        flat.base = self.unknown(file, name);
                        return;
                    };
                    file = owner;
                    if passed.contains(&std::ptr::from_ref(entry.ty)) {
                        self.typedef_cycle(flat, &name.name, entry.span, "defined by itself");
                        return;
                    }
                    passed.push(std::ptr::from_ref(entry.ty));
                    if self.follow_stand_in(flat, file, entry.attrs) {
                        return;
                    }
                    if own_representation(entry.attrs) {
                        let what = format!("{} has a representation of its own, which is not generated yet", name.name);
                        flat.base = Base::Unsupported(what);
                        return;
                    }
                    if let Some(known) = self.known_name(file, &name.name, &entry) {
                        flat.base = Base::Known(known);
                        return;
                    }
                    flat.string |= has(entry.attrs, "string");
                    if flat.range.is_none() {
                        flat.range = self.range(entry.attrs);
                    }
                    let before = flat.raw.len();
                    if let Err(why) = self.push_derivs(flat, &entry.declarator.derivs, entry.pointer_default) {
                        flat.base = Base::Unsupported(why);
                        return;
                    }
                    if let (Some(kind), Some(Raw::Pointer { explicit, .. })) =
                        (pointer_attr(entry.attrs), flat.raw.get_mut(before))
                    {
                        explicit.get_or_insert(kind);
                    }
                    if self.is_guid(file, &name.name, entry.ty) {
                        flat.base = Base::Guid;
                        return;
                    }
                    ty = entry.ty;
                }
            }
        }
        let why = format!("it goes through more than {MAX_TYPEDEFS} other types");
        self.error(Diagnostic::error("typedef-depth", "a type is named through too many others").label(ty.span, &why));
        flat.base = Base::Unsupported(why);
    }

    fn typedef_cycle(&mut self, flat: &mut Flat, name: &str, span: Span, why: &str) {
        self.error(Diagnostic::error("typedef-cycle", format!("{name} is {why}")).label(span, "here"));
        flat.base = Base::Unsupported(format!("it is {why}"));
    }

    /// A structure, union or enumeration, by its body or its tag.
    fn tagged(&mut self, file: usize, ty: &TypeSpec) -> Base {
        if let Some(&id) = self.bodies.get(&std::ptr::from_ref(ty)) {
            return self.type_base(id);
        }
        let tag = match &ty.kind {
            AstKind::Struct(def) => def.tag.as_ref(),
            AstKind::Union(def) => def.tag.as_ref(),
            AstKind::Enum(def) => def.tag.as_ref(),
            _ => None,
        };
        match tag {
            Some(tag) => match self.tag(file, &tag.name) {
                Some(id) => self.type_base(id),
                None if self.look_up(&self.opaque, file, &tag.name).is_some() => {
                    Base::Unsupported(format!("{} is declared without its members, here and in all imports", tag.name))
                }
                None => self.unknown(file, tag),
            },
            None => Base::Unsupported("a type without body or name".into()),
        }
    }

    fn type_base(&self, id: TypeId) -> Base {
        let ty = self.model.ty(id);
        if self.is_guid(ty.file, &ty.idl_name, self.bodies_of[id.0].ty) {
            return Base::Guid;
        }
        self.known_base(id).unwrap_or(Base::Type(id))
    }

    /// Whether a type is the UUID structure of [MS-DTYP] 2.3.4.2, by name and shape.
    pub(super) fn is_guid(&self, file: usize, name: &str, ty: &TypeSpec) -> bool {
        if !matches!(name.trim_start_matches('_'), "GUID" | "UUID" | "uuid_t" | "CLSID" | "IID") {
            return false;
        }
        let mut ty = ty;
        if let AstKind::Struct(def) = &ty.kind
            && def.body.is_none()
            && let Some(tag) = &def.tag
            && let Some(id) = self.tag(file, &tag.name)
        {
            ty = self.bodies_of[id.0].ty;
        }
        let AstKind::Struct(def) = &ty.kind else { return false };
        let members: Vec<(Option<Scalar>, bool)> = def
            .body
            .iter()
            .flatten()
            .flat_map(|field| {
                let scalar = self.scalar_behind(&field.ty);
                field.declarators.iter().map(move |declarator| (scalar, !declarator.derivs.is_empty()))
            })
            .collect();
        let four_two_two = matches!(
            members.get(..3),
            Some([(Some(Scalar::U32), false), (Some(Scalar::U16), false), (Some(Scalar::U16), false)])
        );
        four_two_two && (members.len() == 4 || members.len() == 11 || members.len() == 6)
    }

    fn unknown(&mut self, file: usize, name: &ast::Ident) -> Base {
        if self.look_up(&self.classes, file, &name.name).is_some() || self.interface(file, &name.name).is_some() {
            return self.interface_base(file, &name.name);
        }
        if !(self.poisoned)(&name.name) && self.unknown_types.insert((file, name.name.clone())) {
            let imports = self.imports(file);
            let known = self.typedefs.visible(file, imports).chain(self.tags.visible(file, imports));
            let known = known.chain(BASE_TYPES);
            let mut diagnostic = Diagnostic::error("unknown-type", format!("unknown type {}", name.name))
                .label(name.span, "not declared");
            if let Some(close) = self.closest(&name.name, known) {
                diagnostic = diagnostic.help(format!("did you mean {close}?"));
            } else if self.imports(file).is_empty() {
                // A part of a larger file is what has neither declarations nor imports.
                diagnostic = diagnostic.help("import what declares it, or compile the file that includes this one");
            }
            self.error(diagnostic);
        }
        Base::Unsupported(format!("{} is not declared", name.name))
    }

    /// The integer or enumeration that a specifier names.
    pub(super) fn integer_base(&mut self, ty: &TypeSpec) -> Option<Base> {
        let mut flat = Flat::new();
        self.follow(&mut flat, ty);
        let integer = match &flat.base {
            Base::Scalar(scalar) => !matches!(scalar, Scalar::F32 | Scalar::F64),
            Base::Type(id) => matches!(self.model.ty(*id).kind, crate::model::TypeKind::Enum(_)),
            _ => false,
        };
        let unknown = matches!(flat.base, Base::Unsupported(_));
        (unknown || integer && flat.raw.is_empty()).then_some(flat.base)
    }

    pub(super) fn range(&mut self, attrs: &[Attribute]) -> Option<(i64, i64)> {
        let attr = find(attrs, "range")?;
        let mut bounds = attr.args.iter().filter_map(|arg| match arg {
            AttrArg::Expr(expr) => Some(expr.clone()),
            _ => None,
        });
        let (Some(low), Some(high)) = (bounds.next(), bounds.next()) else {
            self.error(Diagnostic::error("bad-range", "[range] needs two bounds").label(attr.span, "low, high"));
            return None;
        };
        let (low, high) = (self.const_value(&low)?, self.const_value(&high)?);
        if low > high {
            let message = format!("no value is between {low} and {high}");
            self.error(Diagnostic::error("bad-range", message).label(attr.span, "the lower bound comes first"));
            return None;
        }
        let clamp = |value: i128| i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
        Some((clamp(low), clamp(high)))
    }

    /// Attributes as an overlay corrects them.
    pub(super) fn patched(
        &mut self,
        attrs: &[Attribute],
        patch: Option<&AttributePatch>,
        span: Span,
    ) -> Vec<Attribute> {
        let mut attrs = attrs.to_vec();
        let Some(patch) = patch else { return attrs };
        attrs.retain(|attr| !patch.remove.contains(&attr.name.name));
        if patch.attributes.is_empty() {
            return attrs;
        }
        match crate::patch::parse_attributes(&patch.attributes, span) {
            Ok(added) => {
                attrs.retain(|attr| !added.iter().any(|new| new.name == attr.name));
                attrs.extend(added);
            }
            Err(why) => self.error(
                Diagnostic::error(
                    "overlay",
                    format!("the overlay's attributes [{}] are not understood", patch.attributes),
                )
                .label(span, "meant for this")
                .note(why),
            ),
        }
        attrs
    }
}

/// The pointer attribute among others.
fn pointer_attr(attrs: &[Attribute]) -> Option<Pointer> {
    attrs.iter().find_map(|attr| match attr.name.name.as_str() {
        "ref" => Some(Pointer::Ref),
        "unique" => Some(Pointer::Unique),
        "ptr" => Some(Pointer::Full),
        _ => None,
    })
}

/// Why an attribute keeps a parameter or member from being generated.
fn unsupported_attribute(attrs: &[Attribute]) -> Option<String> {
    const NAMES: [(&str, &str); 2] = [
        ("ignore", "[ignore] leaves out what a pointer refers to, which is not generated"),
        ("partial_ignore", "[partial_ignore] is not generated"),
    ];
    let own = own_representation(attrs).then_some("it has a representation of its own, which is not generated yet");
    let named = NAMES.iter().find(|(name, _)| has(attrs, name)).map(|(_, why)| *why);
    own.or(named).map(str::to_owned)
}

/// Whether user code, not NDR, says how a type travels. (`represent_as` and `user_marshal` are about
/// memory alone: the type travels as it is declared.)
fn own_representation(attrs: &[Attribute]) -> bool {
    ["wire_marshal", "transmit_as", "user_marshal", "cs_char"].iter().any(|name| has(attrs, name))
}

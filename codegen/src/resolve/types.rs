//! Second pass: members of structures, arms of unions, values of enumerations.

use std::collections::{HashMap, HashSet};

use midlc_parser::{
    ast::{self, AttrArg, Attribute, CaseLabel, Field, TypeKind as AstKind, TypeSpec},
    diag::Diagnostic,
    source::Span,
};

use super::{
    Resolver,
    element::{Declared, Place, Source},
    find,
};
use crate::{
    model::{Arm, Base, Element, EnumValue, Role, Scalar, Tag, TypeId, TypeKind},
    names,
    overlay::AttributePatch,
};

impl<'a> Resolver<'a> {
    pub(super) fn resolve_types(&mut self) {
        for index in 0..self.bodies_of.len() {
            let id = TypeId(index);
            self.file = self.model.ty(id).file;
            let (ty, attrs) = (self.bodies_of[index].ty, self.bodies_of[index].attrs);
            self.pointer_default = self.bodies_of[index].pointer_default;
            self.ms_union = self.bodies_of[index].ms_union;
            match &ty.kind {
                AstKind::Struct(def) => self.resolve_struct(id, def.body.as_deref().unwrap_or_default()),
                AstKind::Union(def) => self.resolve_union(id, def, attrs),
                AstKind::Enum(def) => self.resolve_enum(id, def.body.as_deref().unwrap_or_default()),
                _ => {}
            }
        }
    }

    fn resolve_struct(&mut self, id: TypeId, body: &'a [Field]) {
        let mut elements = Vec::new();
        let mut declared = Vec::new();
        for field in body {
            if field.declarators.is_empty() {
                elements.push(self.field_element(id, field, None, &mut declared));
            }
            for declarator in &field.declarators {
                elements.push(self.field_element(id, field, Some(declarator), &mut declared));
            }
        }
        self.check_names(&elements, "members");
        self.name_elements(&mut elements);
        self.resolve_bounds(&mut elements, &declared);
        if let TypeKind::Struct(def) = &mut self.model.types[id.0].kind {
            def.fields = elements;
        }
    }

    /// One member, as yet without bounds.
    fn field_element(
        &mut self,
        id: TypeId,
        field: &'a Field,
        declarator: Option<&'a ast::Declarator>,
        declared: &mut Vec<Declared>,
    ) -> Element {
        let name = declarator.and_then(|declarator| declarator.name.as_ref());
        let patch = name.and_then(|name| self.field_patch(id, &name.name));
        let attrs = self.patched(&field.attrs, patch.as_ref(), field.span);
        let source = Source {
            attrs: &attrs,
            ty: &field.ty,
            derivs: declarator.map(|declarator| declarator.derivs.as_slice()).unwrap_or_default(),
            name: name.map(|name| name.name.as_str()).unwrap_or_default(),
            handle_name: name.map(|name| name.name.as_str()).unwrap_or_default(),
            span: name.map_or(field.span, |name| name.span),
            doc: field.doc.as_deref(),
        };
        let (mut element, own) = self.element(&source, Place::Member);
        if declarator.is_some_and(|declarator| declarator.bits.is_some()) {
            element.base = Base::Unsupported("bit-fields cannot travel".into());
            element.levels.clear();
        }
        if let Some(rename) = patch.and_then(|patch| patch.rename)
            && self.check_rename(&rename, field.span)
        {
            element.rust_name = rename;
        }
        declared.push(own);
        element
    }

    fn field_patch(&self, id: TypeId, field: &str) -> Option<AttributePatch> {
        let ty = &self.bodies_of[id.0];
        let tag = match &ty.ty.kind {
            AstKind::Struct(def) => def.tag.as_ref(),
            AstKind::Union(def) => def.tag.as_ref(),
            _ => None,
        };
        let types = &self.overlay().types;
        let overlay = types.get(&self.model.ty(id).idl_name).or_else(|| tag.and_then(|tag| types.get(&tag.name)))?;
        overlay.field.get(field).cloned()
    }

    /// Reports names that two members or parameters have.
    pub(super) fn check_names(&mut self, elements: &[Element], what: &str) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for element in elements.iter().filter(|element| !element.idl_name.is_empty()) {
            if let Some(&first) = seen.get(element.idl_name.as_str()) {
                let message = format!("two {what} are named {}", element.idl_name);
                self.diagnostics.push(
                    Diagnostic::error("duplicate-name", message)
                        .label(element.span, "again here")
                        .secondary(first, "first here"),
                );
            }
            seen.insert(&element.idl_name, element.span);
        }
    }

    /// Gives elements their Rust names, unless an overlay has.
    pub(super) fn name_elements(&mut self, elements: &mut [Element]) {
        let rust = names::sibling_names(elements.iter().map(|element| match element.idl_name.as_str() {
            "" => "value",
            name => name,
        }));
        let mut taken: HashSet<String> = elements.iter().map(|element| element.rust_name.clone()).collect();
        for (element, name) in elements.iter_mut().zip(rust) {
            if element.rust_name.is_empty() {
                element.rust_name = names::take(name, |name| taken.insert(name.to_owned()));
            }
        }
        for element in elements {
            let wanted = format!("{}_max", element.rust_name.trim_start_matches("r#"));
            element.max_name = names::take(wanted, |name| taken.insert(name.to_owned()));
        }
    }

    fn resolve_union(&mut self, id: TypeId, def: &'a ast::UnionType, attrs: &'a [Attribute]) {
        let mut arms = Vec::new();
        let mut without_label = false;
        for arm in def.body.as_deref().unwrap_or_default() {
            let mut cases = Vec::new();
            let mut default = false;
            let mut label_names = Vec::new();
            for label in &arm.cases {
                match label {
                    CaseLabel::Default(_) => default = true,
                    CaseLabel::Value(expr) => {
                        cases.extend(self.const_value(expr));
                        if let ast::ExprKind::Name(name) = &expr.kind {
                            label_names.push(name.clone());
                        }
                    }
                }
            }
            without_label |= arm.cases.is_empty();
            let mut discard = Vec::new();
            let element = arm.field.as_ref().map(|field| {
                let mut element = self.field_element(id, field, field.declarators.first(), &mut discard);
                element.rust_name = "value".into();
                let mut one = [element];
                self.resolve_bounds(&mut one, &discard);
                let [mut element] = one;
                if field.declarators.len() > 1 {
                    element.base = Base::Unsupported("an arm of several members is not generated".into());
                    element.levels.clear();
                }
                element
            });
            let member = arm.field.as_ref().and_then(|field| field.declarators.first()).and_then(|d| d.name.as_ref());
            let rust_name = match (member, default, label_names.first(), cases.first()) {
                (Some(member), ..) => names::variant_name(&member.name),
                (None, true, ..) => "Default".to_owned(),
                (None, _, Some(label), _) => names::variant_name(&names::type_name(label)),
                (None, _, _, Some(value)) => format!("Case{value}").replace('-', "Minus"),
                (None, _, _, None) => "Empty".to_owned(),
            };
            arms.push(Arm { rust_name, cases, default, element });
        }
        let mut taken = HashSet::new();
        for arm in &mut arms {
            let wanted = std::mem::take(&mut arm.rust_name);
            arm.rust_name = names::take_type(wanted, |name| taken.insert(name.to_owned()));
        }
        let tag = match (&def.switch, self.switch_type(attrs).or_else(|| self.switch_type(&def.attrs))) {
            (Some(header), _) => self.tag_of(&header.ty),
            (None, Some(tag)) => tag,
            (None, None) => Tag::Unknown,
        };
        let definition = &mut self.model.types[id.0];
        if without_label && def.switch.is_none() {
            definition.unsupported = Some("a union without a discriminant cannot travel".into());
        }
        if let TypeKind::Union(union) = &mut definition.kind {
            union.arms = arms;
            union.tag = tag;
        }
    }

    /// The discriminant's type of a `switch_type` attribute.
    fn switch_type(&mut self, attrs: &[Attribute]) -> Option<Tag> {
        match find(attrs, "switch_type")?.args.first()? {
            AttrArg::Type(ty, derivs) if derivs.is_empty() => Some(self.tag_of(ty)),
            AttrArg::Type(ty, _) => {
                self.bad_discriminant(ty.span);
                None
            }
            AttrArg::Expr(ast::Expr { kind: ast::ExprKind::Name(name), span }) => {
                let kind = AstKind::Named(ast::Ident { name: name.clone(), span: *span });
                Some(self.tag_of(&TypeSpec { kind, is_const: false, span: *span }))
            }
            _ => None,
        }
    }

    fn tag_of(&mut self, ty: &TypeSpec) -> Tag {
        match self.integer_base(ty) {
            Some(Base::Scalar(scalar)) => Tag::Scalar(scalar),
            Some(Base::Type(id)) => Tag::Enum(id),
            // An unknown type has been reported.
            Some(_) => Tag::Scalar(Scalar::U32),
            None => {
                self.bad_discriminant(ty.span);
                Tag::Scalar(Scalar::U32)
            }
        }
    }

    fn bad_discriminant(&mut self, span: Span) {
        self.error(
            Diagnostic::error("bad-discriminant", "a discriminant must be an integer or an enumeration")
                .label(span, "this is neither"),
        );
    }

    fn resolve_enum(&mut self, id: TypeId, body: &'a [ast::Enumerator]) {
        let mut values = Vec::new();
        let mut next: i128 = 0;
        let mut taken = HashSet::new();
        for enumerator in body {
            if let Some(expr) = &enumerator.value
                && let Some(value) = self.const_value(expr)
            {
                next = value;
            }
            let value = u32::try_from(next).ok().or_else(|| i32::try_from(next).ok().map(|value| value as u32));
            match value {
                Some(value) => values.push(EnumValue {
                    idl_name: enumerator.name.name.clone(),
                    rust_name: names::take(names::const_name(&enumerator.name.name), |name| {
                        taken.insert(name.to_owned())
                    }),
                    value,
                    doc: enumerator.doc.clone(),
                }),
                None => self.error(
                    Diagnostic::error("enum-range", format!("{next} does not fit an enumeration"))
                        .label(enumerator.name.span, "32 bits are all there is"),
                ),
            }
            next = next.saturating_add(1);
        }
        if let TypeKind::Enum(def) = &mut self.model.types[id.0].kind {
            def.values = values;
        }
    }
}

/// Whether an element may be a count or a discriminant: a plain integer in place.
pub(super) fn is_integer(element: &Element) -> bool {
    element.levels.is_empty()
        && element.role == Role::Plain
        && matches!(element.base, Base::Scalar(scalar) if !scalar.is_float())
}

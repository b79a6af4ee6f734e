//! Discriminants of unions: their types where no `switch_type` says so, and their labels.

use std::collections::BTreeMap;

use midlc_parser::diag::Diagnostic;

use super::{Resolver, consts::wrap};
use crate::model::{Base, Bound, Element, Method, Tag, TypeId, TypeKind};

impl Resolver<'_> {
    /// A union without `switch_type` has the type of what its `switch_is` names, everywhere the same.
    pub(super) fn settle_tags(&mut self) {
        let mut inferred: BTreeMap<TypeId, Vec<Tag>> = BTreeMap::new();
        for ty in &self.model.types {
            if let TypeKind::Struct(def) = &ty.kind {
                self.infer(&def.fields, &mut inferred);
            }
        }
        for interface in self.model.files.iter().flat_map(|file| &file.interfaces) {
            for method in &interface.methods {
                self.infer_from(method, &mut inferred);
            }
        }
        for index in 0..self.model.types.len() {
            let TypeKind::Union(union) = &self.model.types[index].kind else { continue };
            if union.tag == Tag::Unknown {
                let tags = inferred.remove(&TypeId(index)).unwrap_or_default();
                self.settle_tag(index, &tags);
            }
            self.check_labels(index);
        }
    }

    fn settle_tag(&mut self, index: usize, tags: &[Tag]) {
        let ty = &mut self.model.types[index];
        let why = match tags {
            [] => "its discriminant has no type: neither switch_type nor a switch_is says one",
            [tag, ..] => {
                if let TypeKind::Union(union) = &mut ty.kind {
                    union.tag = tag.clone();
                }
                if tags.iter().all(|other| other == tag) {
                    return;
                }
                "its discriminants are of different types: switch_type is missing"
            }
        };
        ty.unsupported.get_or_insert_with(|| why.to_owned());
    }

    fn infer_from(&self, method: &Method, inferred: &mut BTreeMap<TypeId, Vec<Tag>>) {
        self.infer(&method.request, inferred);
        self.infer(&method.response, inferred);
        for (element, info) in method.response.iter().zip(&method.results) {
            if let (Base::Type(union), Some(Bound::Sibling(tag))) = (&element.base, &info.tag_in_request) {
                self.add(*union, method.request.get(*tag), inferred);
            }
        }
    }

    fn infer(&self, elements: &[Element], inferred: &mut BTreeMap<TypeId, Vec<Tag>>) {
        for element in elements {
            if let (Base::Type(union), Some(Bound::Sibling(tag))) = (&element.base, &element.switch) {
                self.add(*union, elements.get(*tag), inferred);
            }
        }
    }

    fn add(&self, union: TypeId, tag: Option<&Element>, inferred: &mut BTreeMap<TypeId, Vec<Tag>>) {
        let tag = match tag.map(|tag| &tag.base) {
            Some(Base::Scalar(scalar)) if !scalar.is_float() => Tag::Scalar(*scalar),
            Some(Base::Type(id)) if matches!(self.model.ty(*id).kind, TypeKind::Enum(_)) => Tag::Enum(*id),
            _ => return,
        };
        inferred.entry(union).or_default().push(tag);
    }

    /// No two arms may be selected by the same discriminant. Labels become values of its type.
    fn check_labels(&mut self, index: usize) {
        let ty = &mut self.model.types[index];
        let TypeKind::Union(union) = &mut ty.kind else { return };
        let mut seen = std::collections::BTreeSet::new();
        let mut repeated = None;
        let scalar = match union.tag {
            Tag::Scalar(scalar) => scalar,
            Tag::Enum(_) | Tag::Unknown => crate::model::Scalar::U32,
        };
        for arm in &mut union.arms {
            for case in &mut arm.cases {
                *case = wrap(scalar, *case);
                if !seen.insert(*case) {
                    repeated = Some(*case);
                }
            }
        }
        let defaults = union.arms.iter().filter(|arm| arm.default).count();
        if union.arms.is_empty() {
            ty.unsupported.get_or_insert_with(|| "a union without arms cannot travel".to_owned());
        }
        let span = ty.span;
        if let Some(case) = repeated {
            self.error(
                Diagnostic::error("duplicate-case", format!("two arms of the union have the label {case}"))
                    .label(span, "in this union"),
            );
        }
        if defaults > 1 {
            self.error(
                Diagnostic::error("duplicate-case", "the union has two default arms").label(span, "in this union"),
            );
        }
    }
}

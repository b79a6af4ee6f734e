//! Types.

use super::{Builder, Pair};
use crate::ast::*;
use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::source::Span;

impl Builder<'_> {
    /// Stands in for a type that pest has not matched; never seen where it did.
    pub(super) fn no_type(&self, span: Span) -> TypeSpec {
        TypeSpec { kind: TypeKind::Base(BaseType::Void), is_const: false, span }
    }

    pub(super) fn type_spec(&mut self, pair: Pair<'_>) -> TypeSpec {
        let span = self.span(&pair);
        let mut spec = self.no_type(span);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::qualifier => spec.is_const |= is_const(&part),
                Rule::base_type => {
                    spec.is_const |= part.clone().into_inner().any(|inner| is_const(&inner));
                    spec.kind = TypeKind::Base(self.base_type(&part));
                }
                Rule::named_type => spec.kind = TypeKind::Named(self.ident(&part)),
                Rule::struct_type => spec.kind = TypeKind::Struct(self.struct_type(part)),
                Rule::union_type => spec.kind = TypeKind::Union(self.union_type(part)),
                Rule::enum_type => spec.kind = TypeKind::Enum(self.enum_type(part)),
                Rule::pipe_type => {
                    let inner = part.into_inner().find(|p| p.as_rule() == Rule::type_spec);
                    if let Some(inner) = inner {
                        spec.kind = TypeKind::Pipe(Box::new(self.type_spec(inner)));
                    }
                }
                Rule::safearray_type => spec.kind = self.safearray(part),
                Rule::interface_type => {
                    if let Some(name) = part.into_inner().find(|p| p.as_rule() == Rule::name) {
                        spec.kind = TypeKind::InterfaceRef(self.ident(&name));
                    }
                }
                Rule::tag_type => spec.kind = self.tag_type(part),
                _ => {}
            }
        }
        spec
    }

    fn base_type(&mut self, pair: &Pair<'_>) -> BaseType {
        let text = pair.as_str();
        let mut words: Vec<&str> = text.split(' ').filter(|word| !matches!(*word, "const" | "volatile" | "")).collect();
        words.retain(|word| !matches!(*word, "__const" | "__unaligned"));
        let unsigned = words.contains(&"unsigned");
        let signed = words.contains(&"signed");
        words.retain(|word| !matches!(*word, "signed" | "unsigned"));
        if words.len() > 1 {
            words.retain(|word| *word != "int");
        }
        use BaseType::*;
        let (plain, with_unsigned) = match words.as_slice() {
            [] | ["int" | "long" | "__int32"] => (Long, ULong),
            ["short" | "__int16"] => (Short, UShort),
            ["small" | "__int8"] => (Small, USmall),
            ["char"] => (if signed { Small } else { Char }, Char),
            ["byte"] => (Byte, Byte),
            ["long", "long"] | ["hyper" | "__int64"] => (Hyper, UHyper),
            ["__int3264"] => (Int3264, UInt3264),
            ["__int128"] => (Int128, Int128),
            ["void"] => (Void, Void),
            ["boolean"] => (Boolean, Boolean),
            ["wchar_t"] => (WChar, WChar),
            ["float"] => (Float, Float),
            ["double"] => (Double, Double),
            ["handle_t"] => (HandleT, HandleT),
            ["error_status_t"] => (ErrorStatusT, ErrorStatusT),
            _ => {
                let span = self.span(pair);
                self.error("bad-type", format!("there is no type `{text}`"), span, "");
                (Long, ULong)
            }
        };
        if unsigned { with_unsigned } else { plain }
    }

    fn safearray(&mut self, pair: Pair<'_>) -> TypeKind {
        let span = self.span(&pair);
        let mut element = self.no_type(span);
        let mut pointers = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::type_spec => element = self.type_spec(part),
                Rule::pointer => pointers.push(self.pointer(part)),
                _ => {}
            }
        }
        pointers.reverse();
        TypeKind::SafeArray(Box::new(element), pointers)
    }

    /// `struct tag` and the like where no body can stand.
    fn tag_type(&mut self, pair: Pair<'_>) -> TypeKind {
        let span = self.span(&pair);
        let mut keyword = Rule::k_struct;
        let mut tag = self.no_name(span);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::tag => tag = self.ident(&part),
                rule => keyword = rule,
            }
        }
        let attrs = Vec::new();
        match keyword {
            Rule::k_union => TypeKind::Union(UnionType { attrs, tag: Some(tag), switch: None, body: None }),
            Rule::k_enum => TypeKind::Enum(EnumType { attrs, tag: Some(tag), body: None }),
            Rule::k_interface => TypeKind::InterfaceRef(tag),
            _ => TypeKind::Struct(StructType { attrs, tag: Some(tag), body: None }),
        }
    }

    fn struct_type(&mut self, pair: Pair<'_>) -> StructType {
        let span = self.span(&pair);
        let mut result = StructType { attrs: Vec::new(), tag: None, body: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut result.attrs),
                Rule::tag => result.tag = Some(self.ident(&part)),
                Rule::struct_body => {
                    let fields = part.into_inner().filter(|inner| inner.as_rule() == Rule::field);
                    result.body = Some(fields.map(|field| self.field(field)).collect());
                }
                _ => {}
            }
        }
        if result.tag.is_none() && result.body.is_none() {
            self.error("missing-body", "this structure has neither a name nor members", span, "");
        }
        result
    }

    /// A member of a structure (`field`) or of an arm (`arm_field`).
    fn field(&mut self, pair: Pair<'_>) -> Field {
        let span = self.span(&pair);
        let doc = self.doc(&pair);
        let mut field = Field { attrs: Vec::new(), ty: self.no_type(span), declarators: Vec::new(), doc, span };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut field.attrs),
                Rule::type_spec => field.ty = self.type_spec(part),
                Rule::member_declarator => field.declarators.push(self.member_declarator(part)),
                _ => {}
            }
        }
        let anonymous = match &field.ty.kind {
            TypeKind::Struct(ty) => ty.body.is_some(),
            TypeKind::Union(ty) => ty.body.is_some(),
            TypeKind::Enum(ty) => ty.body.is_some(),
            _ => false,
        };
        if field.declarators.is_empty() && !anonymous {
            self.diagnostics.push(
                Diagnostic::error("missing-member-name", "this member has no name")
                    .label(field.ty.span, "a type without a name behind it")
                    .help("only a structure, union or enumeration with a body may go without"),
            );
        }
        field
    }

    fn union_type(&mut self, pair: Pair<'_>) -> UnionType {
        let span = self.span(&pair);
        let mut result = UnionType { attrs: Vec::new(), tag: None, switch: None, body: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut result.attrs),
                Rule::tag => result.tag = Some(self.ident(&part)),
                Rule::switch_header => result.switch = Some(Box::new(self.switch_header(part))),
                Rule::union_body => {
                    let arms = part.into_inner().filter(|inner| inner.as_rule() == Rule::arm);
                    result.body = Some(arms.filter_map(|arm| self.arm(arm)).collect());
                }
                _ => {}
            }
        }
        if result.body.is_none() && (result.tag.is_none() || result.switch.is_some()) {
            self.error("missing-body", "this union has no arms", span, "");
        }
        result
    }

    fn switch_header(&mut self, pair: Pair<'_>) -> SwitchHeader {
        let span = self.span(&pair);
        let mut ty = self.no_type(span);
        let mut names = Vec::new();
        let mut attrs = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::type_spec => ty = self.type_spec(part),
                Rule::name => names.push(self.ident(&part)),
                _ => {}
            }
        }
        let mut names = names.into_iter();
        SwitchHeader { ty, name: names.next().unwrap_or_else(|| self.no_name(span)), union_name: names.next() }
    }

    /// An arm; `None` for a stray semicolon.
    fn arm(&mut self, pair: Pair<'_>) -> Option<UnionArm> {
        let span = self.span(&pair);
        let doc = self.doc(&pair);
        let mut cases = Vec::new();
        let mut attrs = Vec::new();
        let mut field = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::case_label => cases.push(self.case_label(part)),
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::arm_field => field = Some(self.field(part)),
                _ => {}
            }
        }
        // In an arm `case` and `default` are labels, all other attributes the member's.
        attrs.retain(|attr| match attr.name.name.as_str() {
            "default" if attr.args.is_empty() => {
                cases.push(CaseLabel::Default(attr.span));
                false
            }
            "case" => {
                for arg in &attr.args {
                    match arg {
                        AttrArg::Expr(value) => cases.push(CaseLabel::Value(value.clone())),
                        AttrArg::Omitted(_) => {}
                        _ => self
                            .diagnostics
                            .push(Diagnostic::error("bad-case", "a case label is a constant").label(attr.span, "")),
                    }
                }
                if attr.args.is_empty() {
                    self.diagnostics
                        .push(Diagnostic::error("bad-case", "this `case` has no value").label(attr.span, ""));
                }
                false
            }
            _ => true,
        });
        if let Some(field) = &mut field {
            field.attrs.splice(0..0, attrs);
            field.doc = doc.or(field.doc.take());
        } else if cases.is_empty() {
            return None;
        }
        Some(UnionArm { cases, field, span })
    }

    fn case_label(&mut self, pair: Pair<'_>) -> CaseLabel {
        let span = self.span(&pair);
        match pair.into_inner().find(|part| part.as_rule() == Rule::expr) {
            Some(value) => CaseLabel::Value(self.expr(value)),
            None => CaseLabel::Default(span),
        }
    }

    fn enum_type(&mut self, pair: Pair<'_>) -> EnumType {
        let span = self.span(&pair);
        let mut result = EnumType { attrs: Vec::new(), tag: None, body: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut result.attrs),
                Rule::tag => result.tag = Some(self.ident(&part)),
                Rule::enum_body => {
                    let inner = part.into_inner().filter(|p| p.as_rule() == Rule::enumerator);
                    result.body = Some(inner.map(|e| self.enumerator(e)).collect());
                }
                _ => {}
            }
        }
        if result.tag.is_none() && result.body.is_none() {
            self.error("missing-body", "this enumeration has neither a name nor values", span, "");
        }
        result
    }

    fn enumerator(&mut self, pair: Pair<'_>) -> Enumerator {
        let span = self.span(&pair);
        let doc = self.doc(&pair);
        let mut name = self.no_name(span);
        let mut attrs = Vec::new();
        let mut value = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::name => name = self.ident(&part),
                Rule::expr => value = Some(self.expr(part)),
                _ => {}
            }
        }
        Enumerator { name, attrs, value, doc }
    }
}

pub(super) fn is_const(pair: &Pair<'_>) -> bool {
    pair.as_rule() == Rule::qualifier && matches!(pair.as_str(), "const" | "__const")
}

//! Declarators and parameters.

use super::{Builder, Pair};
use crate::ast::*;
use crate::grammar::Rule;

impl Builder<'_> {
    /// A declarator, with a name or (of a parameter) perhaps without.
    pub(super) fn declarator(&mut self, pair: Pair<'_>) -> Declarator {
        let span = self.span(&pair);
        let mut name = None;
        let mut inner = None;
        let mut pointers = Vec::new();
        let mut suffixes = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::pointer => pointers.push(self.pointer(part)),
                Rule::name => name = Some(self.ident(&part)),
                Rule::group | Rule::param_group => {
                    let nested =
                        part.into_inner().find(|p| matches!(p.as_rule(), Rule::declarator | Rule::param_declarator));
                    inner = nested.map(|nested| self.declarator(nested));
                }
                Rule::array => suffixes.push(self.array(part)),
                Rule::params => {
                    let span = self.span(&part);
                    suffixes.push(Deriv::Function { params: self.params(part), span });
                }
                _ => {}
            }
        }
        // Read outwards from the name: what is in parentheses, what follows, then the stars from
        // right to left.
        let mut derivs = Vec::new();
        if let Some(inner) = inner {
            name = inner.name;
            derivs = inner.derivs;
        }
        derivs.extend(suffixes);
        derivs.extend(pointers.into_iter().rev());
        Declarator { name, derivs, bits: None, span }
    }

    /// A member's declarator, perhaps with a width.
    pub(super) fn member_declarator(&mut self, pair: Pair<'_>) -> Declarator {
        let span = self.span(&pair);
        let mut result = Declarator { name: None, derivs: Vec::new(), bits: None, span };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::declarator => result = self.declarator(part),
                Rule::expr => result.bits = Some(self.expr(part)),
                _ => {}
            }
        }
        result.span = span;
        result
    }

    pub(super) fn pointer(&mut self, pair: Pair<'_>) -> Deriv {
        let span = self.span(&pair);
        let mut attrs = Vec::new();
        for part in pair.into_inner().filter(|part| part.as_rule() == Rule::attr_list) {
            self.attributes(part, &mut attrs);
        }
        Deriv::Pointer { attrs, span }
    }

    fn array(&mut self, pair: Pair<'_>) -> Deriv {
        let span = self.span(&pair);
        let mut bounds = Vec::new();
        let mut bound = ArrayBound::Unspecified;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::any_bound => bound = ArrayBound::Star,
                Rule::expr => bounds.push(self.expr(part)),
                _ => {}
            }
        }
        let mut bounds = bounds.into_iter();
        match (bounds.next(), bounds.next()) {
            (Some(low), Some(high)) => bound = ArrayBound::Range(low, high),
            (Some(count), None) => bound = ArrayBound::Count(count),
            _ => {}
        }
        Deriv::Array { bound, span }
    }

    pub(super) fn params(&mut self, pair: Pair<'_>) -> Vec<Param> {
        let parts = pair.into_inner().filter(|part| part.as_rule() == Rule::param);
        let mut params: Vec<Param> = parts.map(|part| self.param(part)).collect();
        // `(void)` is no parameter.
        if let [only] = params.as_slice()
            && only.ty.kind == TypeKind::Base(BaseType::Void)
            && only.declarator.name.is_none()
            && only.declarator.derivs.is_empty()
        {
            params.clear();
        }
        params
    }

    fn param(&mut self, pair: Pair<'_>) -> Param {
        let span = self.span(&pair);
        let mut attrs = Vec::new();
        let mut ty = self.no_type(span);
        let mut declarator = Declarator { name: None, derivs: Vec::new(), bits: None, span: span.at_end() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr_list => self.attributes(part, &mut attrs),
                Rule::type_spec => ty = self.type_spec(part),
                Rule::param_declarator => {
                    let empty = part.as_str().trim().is_empty();
                    if !empty {
                        declarator = self.declarator(part);
                    }
                }
                _ => {}
            }
        }
        Param { attrs, ty, declarator, span }
    }
}

//! Attributes given as text, by an overlay.

use std::path::Path;

use midlc_parser::{
    Session,
    ast::{AttrArg, Attribute, Expr, ExprKind, Item},
    loader::MemoryLoader,
    source::Span,
};

/// Parses what would stand between brackets. Every span becomes `span`, the place that is patched.
pub(crate) fn parse_attributes(text: &str, span: Span) -> Result<Vec<Attribute>, String> {
    let source = format!("interface overlay {{ void patched([{text}] int **parameter); }}");
    let mut session = Session::new(Box::new(MemoryLoader::new().with("overlay", source)));
    let parsed = session.parse(Path::new("overlay"));
    if let Some(error) = session.diagnostics.iter().next() {
        return Err(error.message.clone());
    }
    let file = parsed.root.and_then(|id| session.file(id)).ok_or("nothing was parsed")?;
    let operation = file.items.iter().find_map(|item| match item {
        Item::Interface(interface) => interface.items.as_ref()?.iter().find_map(|item| match item {
            Item::Operation(operation) => Some(operation),
            _ => None,
        }),
        _ => None,
    });
    let mut attrs = operation.and_then(|operation| operation.params.first()).ok_or("nothing was parsed")?.attrs.clone();
    for attr in &mut attrs {
        attr.span = span;
        attr.name.span = span;
        for arg in &mut attr.args {
            match arg {
                AttrArg::Expr(expr) => set_span(expr, span),
                AttrArg::Omitted(place) | AttrArg::Uuid(_, place) | AttrArg::Version(_, _, place) => *place = span,
                AttrArg::Type(ty, _) => ty.span = span,
            }
        }
    }
    Ok(attrs)
}

fn set_span(expr: &mut Expr, span: Span) {
    expr.span = span;
    match &mut expr.kind {
        ExprKind::Unary(_, inner)
        | ExprKind::Cast(_, _, inner)
        | ExprKind::SizeOfExpr(inner)
        | ExprKind::Member(inner, _) => set_span(inner, span),
        ExprKind::Binary(_, left, right) => {
            set_span(left, span);
            set_span(right, span);
        }
        ExprKind::Ternary(condition, yes, no) => {
            set_span(condition, span);
            set_span(yes, span);
            set_span(no, span);
        }
        ExprKind::Int(..)
        | ExprKind::Float(_)
        | ExprKind::Char(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::SizeOf(..) => {}
    }
}

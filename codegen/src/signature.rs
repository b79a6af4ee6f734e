//! Declarations back to MIDL, for documentation: one parameter a line, attributes included.

use std::fmt::Write;

use midlc_parser::ast::{
    ArrayBound, AttrArg, Attribute, BaseType, BinaryOp, Deriv, Expr, ExprKind, Operation, Param, TypeKind, TypeSpec,
    UnaryOp,
};

/// An operation's declaration.
pub(crate) fn operation(operation: &Operation) -> String {
    let mut text = String::new();
    let ret = declaration(&operation.ret, &operation.ret_derivs, &operation.name.name);
    if operation.params.is_empty() {
        let _ = write!(text, "{ret}();");
        return text;
    }
    let _ = writeln!(text, "{ret}(");
    for (index, param) in operation.params.iter().enumerate() {
        let comma = if index + 1 < operation.params.len() { "," } else { "" };
        let _ = writeln!(text, "    {}{comma}", self::param(param));
    }
    text.push_str(");");
    text
}

fn param(param: &Param) -> String {
    let name = param.declarator.name.as_ref().map(|name| name.name.as_str()).unwrap_or_default();
    let declaration = declaration(&param.ty, &param.declarator.derivs, name);
    let attrs: Vec<String> = param.attrs.iter().map(attribute).collect();
    if attrs.is_empty() { declaration } else { format!("[{}] {declaration}", attrs.join(", ")) }
}

fn attribute(attr: &Attribute) -> String {
    if attr.args.is_empty() {
        return attr.name.name.clone();
    }
    let args: Vec<String> = attr
        .args
        .iter()
        .map(|arg| match arg {
            AttrArg::Omitted(_) => String::new(),
            AttrArg::Expr(expr) => self::expr(expr),
            AttrArg::Type(ty, derivs) => declaration(ty, derivs, ""),
            AttrArg::Uuid(uuid, _) => uuid.to_string(),
            AttrArg::Version(major, minor, _) => format!("{major}.{minor}"),
        })
        .collect();
    format!("{}({})", attr.name.name, args.join(", "))
}

/// A C declaration: the declarator is wrapped from the name outwards.
pub(crate) fn declaration(ty: &TypeSpec, derivs: &[Deriv], name: &str) -> String {
    let mut declarator = name.to_owned();
    let mut after_pointer = false;
    for deriv in derivs {
        match deriv {
            Deriv::Pointer { .. } => {
                declarator.insert(0, '*');
                after_pointer = true;
            }
            Deriv::Array { bound, .. } => {
                if std::mem::take(&mut after_pointer) {
                    declarator = format!("({declarator})");
                }
                let bound = match bound {
                    ArrayBound::Unspecified => String::new(),
                    ArrayBound::Star => "*".to_owned(),
                    ArrayBound::Count(count) => expr(count),
                    ArrayBound::Range(low, high) => format!("{}..{}", expr(low), expr(high)),
                };
                let _ = write!(declarator, "[{bound}]");
            }
            Deriv::Function { .. } => {
                if std::mem::take(&mut after_pointer) {
                    declarator = format!("({declarator})");
                }
                declarator.push_str("()");
            }
        }
    }
    let ty = type_name(ty);
    if declarator.is_empty() { ty } else { format!("{ty} {declarator}") }
}

fn type_name(ty: &TypeSpec) -> String {
    let tagged = |word: &str, tag: &Option<midlc_parser::ast::Ident>| match tag {
        Some(tag) => format!("{word} {}", tag.name),
        None => word.to_owned(),
    };
    let name = match &ty.kind {
        TypeKind::Base(base) => base_name(*base).to_owned(),
        TypeKind::Named(name) => name.name.clone(),
        TypeKind::Struct(def) => tagged("struct", &def.tag),
        TypeKind::Union(def) => tagged("union", &def.tag),
        TypeKind::Enum(def) => tagged("enum", &def.tag),
        TypeKind::Pipe(inner) => format!("pipe {}", type_name(inner)),
        TypeKind::SafeArray(inner, derivs) => format!("SAFEARRAY({})", declaration(inner, derivs, "")),
        TypeKind::InterfaceRef(name) => format!("interface {}", name.name),
    };
    if ty.is_const { format!("const {name}") } else { name }
}

pub(crate) fn base_name(base: BaseType) -> &'static str {
    match base {
        BaseType::Void => "void",
        BaseType::Boolean => "boolean",
        BaseType::Byte => "byte",
        BaseType::Char => "char",
        BaseType::Small => "small",
        BaseType::USmall => "unsigned small",
        BaseType::WChar => "wchar_t",
        BaseType::Short => "short",
        BaseType::UShort => "unsigned short",
        BaseType::Long => "long",
        BaseType::ULong => "unsigned long",
        BaseType::Hyper => "hyper",
        BaseType::UHyper => "unsigned hyper",
        BaseType::Int3264 => "__int3264",
        BaseType::UInt3264 => "unsigned __int3264",
        BaseType::Int128 => "__int128",
        BaseType::Float => "float",
        BaseType::Double => "double",
        BaseType::HandleT => "handle_t",
        BaseType::ErrorStatusT => "error_status_t",
    }
}

fn expr(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Int(value, _) => value.to_string(),
        ExprKind::Float(text) => text.clone(),
        ExprKind::Char(code) => format!("'{}'", char::from_u32(*code).unwrap_or('?')),
        ExprKind::Str(text) => format!("{:?}", text.value),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Unary(op, inner) => {
            let op = match op {
                UnaryOp::Plus => "+",
                UnaryOp::Neg => "-",
                UnaryOp::BitNot => "~",
                UnaryOp::Not => "!",
                UnaryOp::Deref => "*",
                UnaryOp::AddrOf => "&",
            };
            format!("{op}{}", operand(inner))
        }
        ExprKind::Binary(op, left, right) => format!("{} {} {}", operand(left), binary(*op), operand(right)),
        ExprKind::Ternary(condition, yes, no) => {
            format!("{} ? {} : {}", operand(condition), operand(yes), operand(no))
        }
        ExprKind::Cast(ty, derivs, inner) => format!("({}) {}", declaration(ty, derivs, ""), operand(inner)),
        ExprKind::SizeOf(ty, derivs) => format!("sizeof({})", declaration(ty, derivs, "")),
        ExprKind::SizeOfExpr(inner) => format!("sizeof({})", self::expr(inner)),
        ExprKind::Member(inner, name) => format!("{}->{}", operand(inner), name.name),
    }
}

/// An operand, in parentheses where it is an operation itself.
fn operand(inner: &Expr) -> String {
    match &inner.kind {
        ExprKind::Binary(..) | ExprKind::Ternary(..) => format!("({})", expr(inner)),
        _ => expr(inner),
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitXor => "^",
        BinaryOp::BitOr => "|",
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
    }
}

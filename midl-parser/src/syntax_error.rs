//! What pest could not read, in human words.

use pest::error::{Error, ErrorVariant, InputLocation};

use crate::diag::Diagnostic;
use crate::grammar::Rule;
use crate::piece::Piece;
use crate::suggest::closest;
use crate::token::TokenKind;

/// How many alternatives a message lists.
const LISTED: usize = 5;

/// The message for a declaration that does not parse. `what` says what it was meant to be.
pub(crate) fn diagnose(piece: &Piece<'_>, error: &Error<Rule>, what: &str) -> Diagnostic {
    let offset = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let index = piece.index_at(offset);
    let positives: &[Rule] = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => &[],
    };
    let expected = expectations(positives);
    let found = piece.token(index);
    let found_text = piece.spelling(index);
    let previous = index.checked_sub(1).and_then(|at| piece.token(at));
    if let Some(known) = known_slip(piece, index, positives, what) {
        return known;
    }
    let list = if expected.is_empty() { "something else".to_owned() } else { join(&expected) };
    match (found, found_text) {
        (Some(token), Some(text)) => {
            let shown = shorten(text);
            let described = match token.kind {
                TokenKind::Unknown => format!("the character `{shown}`, which has no meaning here"),
                _ => format!("`{shown}`"),
            };
            let diagnostic = Diagnostic::error("syntax-error", format!("expected {list}, found {described}"));
            match previous {
                // What is missing is missing at the end of the line before.
                Some(previous) if token.line_start && positives.contains(&Rule::semi) => diagnostic
                    .label(previous.span.at_end(), format!("expected {list}"))
                    .secondary(token.span, "unexpected"),
                _ => diagnostic.label(token.span, format!("in this {what}")),
            }
        }
        _ => {
            let last = piece.tokens().last().map(|token| token.span.at_end());
            Diagnostic::error("syntax-error", format!("expected {list}, but the {what} ends here"))
                .label(last.unwrap_or_else(crate::source::Span::builtin), format!("this {what} is not complete"))
        }
    }
}

/// Slips that deserve a message of their own.
fn known_slip(piece: &Piece<'_>, index: usize, positives: &[Rule], what: &str) -> Option<Diagnostic> {
    let found = piece.token(index)?;
    let text = piece.spelling(index)?;
    let before = index.checked_sub(1);
    let previous = before.and_then(|at| piece.token(at))?;
    let previous_text = before.and_then(|at| piece.spelling(at)).unwrap_or("");
    let expects = |rule| positives.contains(&rule);
    let word = matches!(found.kind, TokenKind::Ident);
    let in_body = expects(Rule::semi) && what != "operation";
    if in_body && (word || text == "[" || text == "}") && (found.line_start || text == "}") {
        return Some(
            Diagnostic::error("missing-semicolon", format!("missing `;` after `{}`", shorten(previous_text)))
                .label(previous.span.at_end(), "`;` expected here")
                .help("members and declarations end with `;`"),
        );
    }
    if expects(Rule::comma) && expects(Rule::rbrace) && text == ";" {
        return Some(
            Diagnostic::error("semicolon-for-comma", "values of an enumeration are separated by `,`, not `;`")
                .label(found.span, "")
                .help("write `,` here"),
        );
    }
    if expects(Rule::comma) && expects(Rule::rbrace) && word {
        return Some(
            Diagnostic::error("missing-comma", format!("missing `,` after `{}`", shorten(previous_text)))
                .label(previous.span.at_end(), "`,` expected here"),
        );
    }
    if expects(Rule::comma) && expects(Rule::rbracket) && word {
        return Some(
            Diagnostic::error(
                "missing-comma",
                format!("missing `,` between the attributes `{}` and `{text}`", shorten(previous_text)),
            )
            .label(previous.span.at_end(), "`,` expected here"),
        );
    }
    if expects(Rule::comma) && expects(Rule::rparen) && text == "[" && found.line_start {
        return Some(
            Diagnostic::error("missing-comma", format!("missing `,` after `{}`", shorten(previous_text)))
                .label(previous.span.at_end(), "`,` expected here")
                .help("parameters are separated by `,`"),
        );
    }
    // `strut S {`
    let opener = before.and_then(|at| piece.spelling(at.checked_sub(1)?));
    if text == "{"
        && let Some((opener, at)) = opener.zip(index.checked_sub(2))
        && let Some(close) = closest(opener, ["struct", "union", "enum"])
        && close != opener
    {
        return Some(
            Diagnostic::error("syntax-error", format!("`{}` cannot have a body", shorten(opener)))
                .label(piece.token(at)?.span, "no word of MIDL")
                .help(format!("did you mean {close}?")),
        );
    }
    // `unsigned DWORD n`: the type was taken for a name.
    if word && matches!(opener, Some("unsigned" | "signed")) && matches!(previous.kind, TokenKind::Ident) {
        let (sign, name) = (opener.unwrap_or_default(), shorten(previous_text));
        return Some(
            Diagnostic::error("bad-type", format!("`{sign}` cannot stand before the name of a type"))
                .label(previous.span, format!("`{name}` is not `char`, `short`, `long`, `int` or the like"))
                .help(format!("leave out `{sign}`")),
        );
    }
    if expects(Rule::comma) && expects(Rule::rparen) && word {
        // `int a [in] int b`: the attributes were taken for an array.
        let mut at = index - 1;
        if previous_text == "]" {
            at = (0..at).rev().find(|at| piece.spelling(*at) == Some("["))?.checked_sub(1)?;
        }
        let name = shorten(piece.spelling(at)?);
        return Some(
            Diagnostic::error("missing-comma", format!("missing `,` after `{name}`"))
                .label(piece.token(at)?.span.at_end(), "`,` expected here")
                .secondary(found.span, "another parameter begins here"),
        );
    }
    if what == "operation" && text == "(" && index >= 1 && !expects(Rule::lparen) {
        return Some(
            Diagnostic::error("missing-return-type", format!("operation `{previous_text}` has no return type"))
                .label(previous.span, "a type was expected before the name")
                .help("an operation that returns nothing returns `void`"),
        );
    }
    if what == "operation" && text == ";" && expects(Rule::lparen) {
        return Some(
            Diagnostic::error("not-an-operation", "this declares neither a type, a constant nor an operation")
                .label(found.span, "parameters in `(` … `)` were expected")
                .help("a type is declared with `typedef`, a constant with `const` and `=`"),
        );
    }
    None
}

/// The rules that could have matched, in words, without repetition.
fn expectations(rules: &[Rule]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = Vec::new();
    for rule in rules {
        let word = describe(*rule);
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    // Each of these stands for all that can begin it; the rest says nothing new.
    if words.contains(&"a type") {
        words.retain(|word| !matches!(*word, "`const`" | "`struct`" | "`union`" | "`enum`" | "`interface`"));
    }
    if words.contains(&"an expression") {
        words.retain(|word| *word != "an operator");
    }
    words.sort_by_key(|word| rank(word));
    words
}

fn rank(word: &str) -> u8 {
    match word {
        "`;`" | "`,`" | "`)`" | "`]`" | "`}`" => 0,
        "a name" | "a type" | "an expression" | "an attribute" => 1,
        "an operator" | "an array bound" | "`const`" => 3,
        _ => 2,
    }
}

fn describe(rule: Rule) -> &'static str {
    match rule {
        Rule::typedef_item | Rule::const_item | Rule::type_item | Rule::operation_item => "a declaration",
        Rule::EOI => "the end of the declaration",
        Rule::semi => "`;`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::question => "an operator",
        Rule::lparen | Rule::params | Rule::param_group | Rule::group | Rule::paren => "`(`",
        Rule::rparen => "`)`",
        Rule::lbracket | Rule::array | Rule::attr_list => "`[`",
        Rule::rbracket => "`]`",
        Rule::lbrace | Rule::struct_body | Rule::union_body | Rule::enum_body => "`{`",
        Rule::rbrace => "`}`",
        Rule::star | Rule::pointer => "`*`",
        Rule::dots => "`..`",
        Rule::ellipsis => "`...`",
        Rule::any_bound => "an array bound",
        Rule::k_typedef => "`typedef`",
        Rule::k_switch | Rule::switch_header => "`switch`",
        Rule::k_case | Rule::k_default | Rule::case_label => "a case label",
        Rule::k_struct => "`struct`",
        Rule::k_union => "`union`",
        Rule::k_enum => "`enum`",
        Rule::k_interface => "`interface`",
        Rule::name
        | Rule::tag
        | Rule::declarator
        | Rule::param_declarator
        | Rule::member_declarator
        | Rule::constant
        | Rule::enumerator
        | Rule::attr_name => "a name",
        Rule::attribute | Rule::plain_attr | Rule::uuid_attr | Rule::version_attr => "an attribute",
        Rule::type_spec
        | Rule::base_type
        | Rule::named_type
        | Rule::struct_type
        | Rule::union_type
        | Rule::enum_type
        | Rule::simple_type
        | Rule::solid_type
        | Rule::pipe_type
        | Rule::safearray_type
        | Rule::interface_type
        | Rule::tag_type
        | Rule::sign
        | Rule::sized
        | Rule::k_simple
        | Rule::k_long
        | Rule::k_short
        | Rule::k_int
        | Rule::k_hyper
        | Rule::k_fixed
        | Rule::k_pipe
        | Rule::k_safearray
        | Rule::param => "a type",
        Rule::field | Rule::arm_field => "a member",
        Rule::arm => "an arm of the union",
        Rule::expr
        | Rule::operand
        | Rule::number
        | Rule::strings
        | Rule::string
        | Rule::character
        | Rule::variable
        | Rule::size_of
        | Rule::k_sizeof
        | Rule::cast
        | Rule::unary
        | Rule::attr_arg
        | Rule::typed_arg
        | Rule::uuid_lit => "an expression",
        Rule::infix | Rule::member => "an operator",
        Rule::qualifier => "`const`",
        _ => "",
    }
}

fn join(words: &[&str]) -> String {
    let shown = words.get(..LISTED).unwrap_or(words);
    match shown {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

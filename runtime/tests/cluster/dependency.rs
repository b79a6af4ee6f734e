//! Dependency expressions.

use msrpc_cluster::cluster::dependency::{Expression, ExpressionError};
use proptest::prelude::*;

fn sets(text: &str) -> Vec<Vec<String>> {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).sets
}

/// The example of [MS-CMRP] 3.1.4.2.109.
#[test]
fn the_documents_example_is_two_sets_of_two() {
    let text = "(\n[a904e1b7-95dd-47f0-9b2e-f1007d92699b]\nor\n[ae6fcf48-c42f-4960-a61a-7f1044067668]\n)\nand\n(\n\
                [c471abc6-e454-482e-8be4-fae084cf799b]\nor\n[de976488-82cb-4950-8ce0-1b45e868e058]\n)";
    let expected = [
        ["a904e1b7-95dd-47f0-9b2e-f1007d92699b", "ae6fcf48-c42f-4960-a61a-7f1044067668"],
        ["c471abc6-e454-482e-8be4-fae084cf799b", "de976488-82cb-4950-8ce0-1b45e868e058"],
    ];
    assert_eq!(sets(text), expected);
}

#[test]
fn every_form_of_the_grammar_is_read() {
    assert_eq!(sets(""), Vec::<Vec<String>>::new());
    assert_eq!(sets("[a]"), [["a"]]);
    assert_eq!(sets("[a] or [b] OR [c]"), [["a", "b", "c"]]);
    assert_eq!(sets("([a])"), [["a"]]);
    assert_eq!(sets("([a]or[b])and[c]and([d])"), [vec!["a", "b"], vec!["c"], vec!["d"]]);
    assert_eq!(sets("[Name with (and) blanks]"), [["Name with (and) blanks"]]);
    assert_eq!(sets("[a] and [b]"), [["a"], ["b"]], "as Windows prints it");
}

#[test]
fn what_does_not_follow_the_grammar_is_refused_where_it_goes_wrong() {
    for (text, at) in [
        ("a", 0),
        ("[a", 0),
        ("[]", 0),
        ("[ ]", 0),
        ("[a] [b]", 4),
        ("[a] or", 6),
        ("[a] and", 7),
        ("([a] and [b])", 5),
        ("([a]", 4),
        ("(([a]))", 1),
        ("[a] or [b] and [c]", 11),
        ("[a] and [b] or [c]", 12),
        ("[ä] ör [b]", 4),
    ] {
        match Expression::parse(text) {
            Err(ExpressionError::Syntax { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn of_each_set_one_has_to_be_online() {
    let expression = Expression::parse("([a] or [b]) and [c]").expect("well-formed");
    let holds = |online: &str| expression.holds(|resource| online.contains(resource.as_str()));
    assert!(holds("ac") && holds("bc") && holds("abc"));
    assert!(!holds("ab") && !holds("c") && !holds(""));
    assert!(Expression::<String>::default().holds(|_| false), "who depends on nothing may be online");
}

proptest! {
    #[test]
    fn text_never_makes_it_panic(text in "[\\[\\]() aobrndé]{0,40}") {
        if let Ok(expression) = Expression::parse(&text) {
            prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
        }
    }
}

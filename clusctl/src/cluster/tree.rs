//! What resources depend on, as a tree.

use msrpc_cluster::{clusapi_client::Tree, cluster::dependency::Expression};
use serde_json::{Value, json};

use super::{state, view::plain};

/// A line of a tree and what is below it.
struct Branch {
    label: String,
    below: Vec<Self>,
}

/// Trees from some resources on.
pub(super) fn text(tree: &Tree, roots: &[&str]) -> String {
    let mut lines = Vec::new();
    for root in roots {
        draw(&branch(tree, root, &mut Vec::new()), "", "", &mut lines);
    }
    lines.join("\n")
}

fn label(tree: &Tree, name: &str) -> String {
    match tree.resources.get(name) {
        Some(it) => plain(&format!("{} ({}): {}", it.name, it.type_name, state::resource(it.state))),
        None => plain(&format!("{name}: not there")),
    }
}

fn branch(tree: &Tree, name: &str, way: &mut Vec<String>) -> Branch {
    let label = label(tree, name);
    // What a server says may go in circles.
    if way.iter().any(|other| other == name) {
        return Branch { label: format!("{label} (see above)"), below: Vec::new() };
    }
    way.push(name.to_owned());
    let sets = tree.dependencies.get(name).map(|expression| expression.sets.as_slice()).unwrap_or_default();
    let mut below = Vec::new();
    for set in sets {
        let mut some: Vec<_> = set.iter().map(|name| branch(tree, name, way)).collect();
        if some.len() > 1 {
            some = vec![Branch { label: "any of".to_owned(), below: some }];
        }
        below.append(&mut some);
    }
    way.pop();
    Branch { label, below }
}

fn draw(branch: &Branch, first: &str, rest: &str, lines: &mut Vec<String>) {
    lines.push(format!("{first}{}", branch.label));
    for (index, below) in branch.below.iter().enumerate() {
        let (mark, space) =
            if index + 1 == branch.below.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        draw(below, &format!("{rest}{mark}"), &format!("{rest}{space}"), lines);
    }
}

/// A resource with what it depends on: for each set of providers a list.
pub(super) fn json(tree: &Tree, name: &str) -> Value {
    json_of(tree, name, &mut Vec::new())
}

fn json_of(tree: &Tree, name: &str, way: &mut Vec<String>) -> Value {
    let resource = tree.resources.get(name);
    let nothing = Expression::default();
    let is_circle = way.iter().any(|other| other == name);
    let expression = tree.dependencies.get(name).filter(|_| !is_circle).unwrap_or(&nothing);
    way.push(name.to_owned());
    let depends_on: Vec<Vec<Value>> =
        expression.sets.iter().map(|set| set.iter().map(|provider| json_of(tree, provider, way)).collect()).collect();
    way.pop();
    json!({
        "name": name,
        "type": resource.map(|it| it.type_name.as_str()),
        "state": resource.map(|it| state::resource(it.state)),
        "depends_on": depends_on,
    })
}

#[cfg(test)]
mod tests {
    use msrpc_cluster::clusapi_client::Resource;

    use super::*;

    fn tree(dependencies: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (name, expression) in dependencies {
            let resource = Resource {
                name: (*name).to_owned(),
                id: String::new(),
                type_name: "T".to_owned(),
                state: 2,
                group: String::new(),
                owner: String::new(),
            };
            tree.resources.insert((*name).to_owned(), resource);
            tree.dependencies.insert((*name).to_owned(), Expression::parse(expression).unwrap());
        }
        tree
    }

    #[test]
    fn alternatives_stand_under_one_branch() {
        let tree = tree(&[("web", "([name]) and ([a] or [b])"), ("name", ""), ("a", "[name]"), ("b", "")]);
        assert_eq!(tree.tops(), ["web"]);
        let expected = "\
web (T): online
├── name (T): online
└── any of
    ├── a (T): online
    │   └── name (T): online
    └── b (T): online";
        assert_eq!(text(&tree, &["web"]), expected);
        assert_eq!(json(&tree, "web")["depends_on"][1][0]["depends_on"][0][0]["name"], "name");
    }

    #[test]
    fn circles_end() {
        let tree = tree(&[("a", "[b]"), ("b", "[a]")]);
        assert_eq!(text(&tree, &["a"]).lines().last().unwrap().trim(), "└── a (T): online (see above)");
        assert_eq!(json(&tree, "a")["depends_on"][0][0]["depends_on"][0][0]["depends_on"], json!([]));
    }
}

//! Group sets: 3.1.4.2.146 to 3.1.4.2.154, 3.1.4.2.157 to 3.1.4.2.162, 3.1.4.2.165.

use msrpc_ndr::Win32Error;

use crate::world::{Clusapi, Group, GroupSet, World, code, codes, ok};

/// The groups "a", "b" and "c", and the sets "front" with "a", "back" with "b", and "empty".
struct Sets {
    _world: World,
    c: Clusapi,
    groups: [Group; 3],
    front: GroupSet,
    back: GroupSet,
    empty: GroupSet,
}

impl Sets {
    fn new() -> Self {
        let world = World::new();
        let c = world.admin();
        let groups = ["a", "b", "c"].map(|name| ok(c.api_create_group(name)));
        let [front, back, empty] = ["front", "back", "empty"].map(|name| ok(c.api_create_group_set(name)));
        ok(c.api_add_group_to_group_set(&front, &groups[0]));
        ok(c.api_add_group_to_group_set(&back, &groups[1]));
        Self { _world: world, c, groups, front, back, empty }
    }
}

const INVALID: Win32Error = Win32Error::ERROR_INVALID_PARAMETER;

#[test]
fn a_group_set_comes_and_goes() {
    let it = Sets::new();
    let names = |it: &Sets| -> Vec<String> {
        let cluster = ok(it.c.api_open_cluster());
        let list = ok(it.c.api_create_group_set_enum(&cluster)).unwrap().entry;
        list.into_iter().map(|entry| entry.name.unwrap().to_string_lossy()).collect()
    };
    assert_eq!(names(&it), ["front", "back", "empty"]);
    ok(it.c.api_open_group_set("FRONT"));
    ok(it.c.api_delete_group_set(&it.empty));
    assert_eq!(names(&it), ["front", "back"]);
    // A set is deleted with groups in it; they stay, and may go into another.
    ok(it.c.api_delete_group_set(&it.front));
    ok(it.c.api_add_group_to_group_set(&it.back, &it.groups[0]));
}

#[test]
fn the_name_of_a_group_set_is_unique_and_more_than_blanks() {
    let it = Sets::new();
    assert_eq!(code(it.c.api_create_group_set("FRONT")), codes::ERROR_OBJECT_ALREADY_EXISTS);
    assert_eq!(code(it.c.api_create_group_set(" ")), Win32Error::ERROR_INVALID_NAME);
}

#[test]
fn a_group_set_that_others_depend_on_is_not_deleted() {
    let it = Sets::new();
    ok(it.c.api_add_group_set_dependency(&it.front, &it.back));
    assert_eq!(code(it.c.api_delete_group_set(&it.back)), codes::ERROR_DIR_NOT_EMPTY);
    ok(it.c.api_remove_group_set_dependency(&it.front, &it.back));
    ok(it.c.api_add_group_to_group_set_dependency(&it.groups[2], &it.back));
    assert_eq!(code(it.c.api_delete_group_set(&it.back)), codes::ERROR_DIR_NOT_EMPTY);
    ok(it.c.api_remove_cluster_group_to_group_set_dependency(&it.groups[2], &it.back));
    ok(it.c.api_delete_group_set(&it.back));
}

#[test]
fn every_method_says_that_the_group_set_of_a_stale_handle_is_not_available() {
    let it = Sets::new();
    let (c, gone, group) = (&it.c, &it.empty, &it.groups[2]);
    ok(c.api_delete_group_set(gone));
    let node = ok(c.api_open_node("node1"));
    let verdicts = [
        ("ApiDeleteGroupSet", code(c.api_delete_group_set(gone))),
        ("ApiAddGroupToGroupSet", code(c.api_add_group_to_group_set(gone, group))),
        ("ApiAddGroupToGroupSetEx", code(c.api_add_group_to_group_set_ex(gone, group, 0, 0, 0, 0))),
        ("ApiMoveGroupToGroupSet", code(c.api_move_group_to_group_set(gone, group))),
        ("ApiAddGroupSetDependency", code(c.api_add_group_set_dependency(gone, &it.back))),
        ("ApiAddGroupSetDependency", code(c.api_add_group_set_dependency(&it.back, gone))),
        ("ApiAddGroupToGroupSetDependency", code(c.api_add_group_to_group_set_dependency(group, gone))),
        ("ApiRemoveGroupSetDependency", code(c.api_remove_group_set_dependency(gone, &it.back))),
        (
            "ApiRemoveClusterGroupToGroupSetDependency",
            code(c.api_remove_cluster_group_to_group_set_dependency(group, gone)),
        ),
        ("ApiGroupSetControl", code(c.api_group_set_control(gone, 0x0800_0029, None, 64))),
        ("ApiNodeGroupSetControl", code(c.api_node_group_set_control(gone, &node, 0x0800_0029, None, 64))),
    ];
    for (method, verdict) in verdicts {
        assert_eq!(verdict, codes::ERROR_GROUPSET_NOT_AVAILABLE, "{method}");
    }
    assert_eq!(code(c.api_set_group_set_dependency_expression(gone, "")), codes::ERROR_GROUPSET_NOT_FOUND);
    ok(c.api_close_group_set(Some(gone.clone())));
}

#[test]
fn a_group_is_in_one_set() {
    let it = Sets::new();
    let a = &it.groups[0];
    for set in [&it.front, &it.back] {
        assert_eq!(code(it.c.api_add_group_to_group_set(set, a)), Win32Error::ERROR_ALREADY_EXISTS);
        assert_eq!(code(it.c.api_add_group_to_group_set_ex(set, a, 0, 0, 0, 0)), Win32Error::ERROR_ALREADY_EXISTS);
    }
    ok(it.c.api_move_group_to_group_set(&it.back, a));
    ok(it.c.api_remove_group_from_group_set(a));
    assert_eq!(code(it.c.api_remove_group_from_group_set(a)), codes::ERROR_GROUP_NOT_AVAILABLE);
    ok(it.c.api_move_group_to_group_set(&it.front, a));
    ok(it.c.api_remove_group_from_group_set(a));
    ok(it.c.api_add_group_to_group_set_ex(&it.front, a, 7, 7, 0, 0));
}

#[test]
fn there_are_no_fault_and_update_domains() {
    let it = Sets::new();
    let refused = code(it.c.api_add_group_to_group_set_ex(&it.front, &it.groups[2], 0, 0, 1, 0));
    assert_eq!(refused, Win32Error::ERROR_NOT_SUPPORTED);
}

#[test]
fn group_sets_depend_on_each_other_without_circles() {
    let it = Sets::new();
    let c = &it.c;
    ok(c.api_add_group_set_dependency(&it.front, &it.back));
    assert_eq!(code(c.api_add_group_set_dependency(&it.back, &it.front)), INVALID);
    assert_eq!(code(c.api_add_group_set_dependency(&it.front, &it.front)), INVALID);
    let again = code(c.api_add_group_set_dependency(&it.front, &it.back));
    assert_eq!(again, codes::ERROR_DEPENDENCY_ALREADY_EXISTS);
    ok(c.api_remove_group_set_dependency(&it.front, &it.back));
    let none = code(c.api_remove_group_set_dependency(&it.front, &it.back));
    assert_eq!(none, codes::ERROR_DEPENDENCY_NOT_FOUND);
    ok(c.api_add_group_set_dependency(&it.back, &it.front));
}

#[test]
fn empty_group_sets_take_no_part_in_dependencies() {
    let it = Sets::new();
    assert_eq!(code(it.c.api_add_group_set_dependency(&it.front, &it.empty)), INVALID);
    assert_eq!(code(it.c.api_add_group_set_dependency(&it.empty, &it.front)), INVALID);
}

#[test]
fn a_global_group_set_depends_on_global_ones_only() {
    let it = Sets::new();
    let global = |set: &GroupSet| {
        use msrpc_cluster::cluster::property_list::{Property, PropertyValue, encode};
        let list = encode(&[Property { name: "IsGlobal".into(), values: vec![PropertyValue::dword(1)] }]);
        ok(it.c.api_group_set_control(set, 0x0840_005e, Some(list), 0));
    };
    global(&it.front);
    assert_eq!(code(it.c.api_add_group_set_dependency(&it.front, &it.back)), INVALID);
    let id = set_id(&it, &it.back);
    assert_eq!(code(it.c.api_set_group_set_dependency_expression(&it.front, &*format!("[{id}]"))), INVALID);
    global(&it.back);
    ok(it.c.api_add_group_set_dependency(&it.front, &it.back));
}

fn set_id(it: &Sets, set: &GroupSet) -> String {
    let octets = ok(it.c.api_group_set_control(set, 0x0800_0039, None, 256)).out_buffer;
    let units: Vec<u16> = octets.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    String::from_utf16(&units).unwrap().trim_end_matches('\0').to_owned()
}

#[test]
fn a_group_depends_on_one_group_set_that_does_not_contain_it() {
    let it = Sets::new();
    let [a, _, third] = &it.groups;
    assert_eq!(code(it.c.api_add_group_to_group_set_dependency(a, &it.front)), INVALID);
    ok(it.c.api_add_group_to_group_set_dependency(third, &it.front));
    assert_eq!(code(it.c.api_add_group_to_group_set_dependency(third, &it.back)), INVALID);
    let none = code(it.c.api_remove_cluster_group_to_group_set_dependency(third, &it.back));
    assert_eq!(none, codes::ERROR_DEPENDENCY_NOT_FOUND);
    ok(it.c.api_remove_cluster_group_to_group_set_dependency(third, &it.front));
    ok(it.c.api_add_group_to_group_set_dependency(third, &it.back));
}

#[test]
fn expressions_of_groups_are_ands_whose_parentheses_are_ignored() {
    let it = Sets::new();
    let (c, a) = (&it.c, &it.groups[0]);
    let b_id = ok(c.api_get_group_id(&it.groups[1])).unwrap();
    for text in ["[b]", "{[b] and [c]}", "[b] and ([c])", "([b]) and [c]", "{{[B]}}", &format!("[{b_id}]"), ""] {
        assert_eq!(
            crate::world::verdict(c.api_set_group_dependency_expression(a, text)),
            crate::world::Verdict::SUCCESS,
            "{text}"
        );
    }
    for text in ["[b] or [c]", "b", "[b", "([b]", "([b]}", "[b])", "[b] and", "[nothing]", "[a]", "[b] and [b]", "()"] {
        assert_eq!(code(c.api_set_group_dependency_expression(a, text)), INVALID, "{text}");
    }
    let deep = format!("{}[b]{}", "(".repeat(100_000), ")".repeat(100_000));
    ok(c.api_set_group_dependency_expression(a, &*deep));
}

#[test]
fn groups_depend_on_each_other_without_circles() {
    let it = Sets::new();
    let (c, [a, b, third]) = (&it.c, &it.groups);
    ok(c.api_set_group_dependency_expression(a, "[b]"));
    ok(c.api_set_group_dependency_expression(b, "[c]"));
    assert_eq!(code(c.api_set_group_dependency_expression(third, "[a]")), INVALID);
    assert_eq!(code(c.api_remove_cluster_group_dependency(third, a)), codes::ERROR_DEPENDENCY_NOT_FOUND);
    ok(c.api_remove_cluster_group_dependency(b, third));
    ok(c.api_set_group_dependency_expression(third, "[a]"));
    // Through a set that contains the group, too.
    ok(c.api_set_group_dependency_expression(third, ""));
    ok(c.api_add_group_to_group_set_dependency(b, &it.empty));
    ok(c.api_add_group_to_group_set(&it.empty, third));
    assert_eq!(code(c.api_set_group_dependency_expression(third, "[b]")), INVALID);
    // What is deleted is depended on no more.
    ok(c.api_delete_group(b, 0));
    assert_eq!(code(c.api_remove_cluster_group_dependency(a, b)), codes::ERROR_GROUP_NOT_AVAILABLE);
}

#[test]
fn expressions_of_group_sets_are_ands_of_ids() {
    let it = Sets::new();
    let c = &it.c;
    let (front, back) = (set_id(&it, &it.front), set_id(&it, &it.back));
    for text in [format!("[{back}]"), format!("([{back}])"), String::new()] {
        ok(c.api_set_group_set_dependency_expression(&it.front, &*text));
    }
    for text in [format!("[{back}] or [{back}]"), format!("[{front}]"), "[nothing]".into(), "x".into()] {
        assert_eq!(code(c.api_set_group_set_dependency_expression(&it.front, &*text)), INVALID, "{text}");
    }
    ok(c.api_set_group_set_dependency_expression(&it.front, &*format!("[{back}]")));
    assert_eq!(code(c.api_set_group_set_dependency_expression(&it.back, &*format!("[{front}]"))), INVALID);
    ok(c.api_remove_group_set_dependency(&it.front, &it.back));
}

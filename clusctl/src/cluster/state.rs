//! Words for states.

/// A number's word, or the number itself where a server has others.
fn word(state: u32, words: &[(u32, &str)]) -> String {
    let known = words.iter().find(|(value, _)| *value == state);
    known.map_or_else(|| format!("unknown-{state}"), |(_, word)| (*word).to_owned())
}

/// Of a resource (\[MS-CMRP\] 3.1.4.2.13).
pub(super) fn resource(state: u32) -> String {
    let words = [
        (0, "inherited"),
        (1, "initializing"),
        (2, "online"),
        (3, "offline"),
        (4, "failed"),
        (0x80, "pending"),
        (0x81, "online-pending"),
        (0x82, "offline-pending"),
    ];
    word(state, &words)
}

/// Of a group (3.1.4.2.46).
pub(super) fn group(state: u32) -> String {
    word(state, &[(0, "online"), (1, "offline"), (2, "failed"), (3, "partial-online"), (4, "pending")])
}

/// Of a node (3.1.4.2.69).
pub(super) fn node(state: u32) -> String {
    word(state, &[(0, "up"), (1, "down"), (2, "paused"), (3, "joining")])
}

/// Of a network (3.1.4.2.83).
pub(super) fn network(state: u32) -> String {
    word(state, &[(0, "unavailable"), (1, "down"), (2, "partitioned"), (3, "up")])
}

/// Of a network interface (3.1.4.2.94).
pub(super) fn interface(state: u32) -> String {
    word(state, &[(0, "failed"), (1, "unreachable"), (2, "unavailable"), (3, "up")])
}

/// Of an object of a kind, as notifications name kinds.
pub(super) fn of(object_type: &str, state: u32) -> String {
    match object_type {
        "resource" => resource(state),
        "group" => group(state),
        "node" => node(state),
        "network" => network(state),
        "network-interface" => interface(state),
        _ => state.to_string(),
    }
}

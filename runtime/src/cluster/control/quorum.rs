//! Whether the cluster would have quorum without one of its voters (\[MS-CMRP\] 3.1.4.3.7.3 and
//! 3.1.4.3.7.4). The voters are the nodes: a majority of them has to be active.

use msrpc_ndr::{Bytes, Win32Error};

use crate::cluster::{
    machine::Cluster,
    objects::Kind,
    registry::{Name, Value, ValueType},
    state::NodeState,
};

/// What may become of a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voter {
    /// It is configured no more.
    Evicted,
    /// It is not active.
    Down,
}

/// `CLUSTER_QUORUM_VALUE` (\[MS-CMRP\] 2.2.2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Quorum {
    Maintained = 0,
    Lost = 1,
}

/// Whether quorum is kept without the node whose ID is given; without input, this one.
///
/// # Errors
///
/// `ERROR_INVALID_PARAMETER` if there is no such node. No resource takes part in the quorum.
pub(super) fn without(cluster: &Cluster, input: &Bytes, voter: Voter) -> Result<Quorum, Win32Error> {
    let text = Value { kind: ValueType::REG_SZ, data: input.clone() }.as_string().unwrap_or_default();
    let id = match text.as_str() {
        "" => cluster.local_node().clone(),
        text => Name::of_value(&text.into()).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?,
    };
    cluster.objects().by_id(Kind::Node, &id).ok_or(Win32Error::ERROR_INVALID_PARAMETER)?;
    let nodes = cluster.objects().all(Kind::Node);
    let active = |id: &Name| {
        let node = cluster.volatile().nodes.get(id);
        node.is_some_and(|node| matches!(node.state, NodeState::Up | NodeState::Paused))
    };
    let (mut configured, mut up) = (0_usize, 0_usize);
    for node in nodes {
        configured += usize::from(voter == Voter::Down || node.id != id);
        up += usize::from(node.id != id && active(&node.id));
    }
    Ok(if up * 2 > configured { Quorum::Maintained } else { Quorum::Lost })
}

//! What takes its time: it is begun, and waited for.

use std::time::Duration;

use msrpc_ndr::Channel;

use super::{
    client::{ClusterClient, Connector},
    error::Outcome,
    nodes::Drain,
    session::Session,
};
use crate::cluster::state::{GroupState, ResourceState};

/// What is to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A group online.
    GroupOnline(String),
    /// A group offline.
    GroupOffline(String),
    /// A group on a node, or on another than now.
    GroupMoved {
        /// The group.
        group: String,
        /// The node.
        to: Option<String>,
    },
    /// A resource online.
    ResourceOnline(String),
    /// A resource offline.
    ResourceOffline(String),
    /// A resource online, after it was offline.
    ResourceRestarted(String),
    /// A node paused and without groups; they go to the other node, or to the best ones.
    NodeDrained {
        /// The node.
        node: String,
        /// The other.
        to: Option<String>,
    },
}

/// One of the things that an operation moves: a resource of a group, a group of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: u32,
}

/// How far an operation is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The state of what is brought somewhere: of the group, the resource or the node.
    pub state: u32,
    /// The node that it is on.
    pub owner: String,
    /// What is in it.
    pub members: Vec<Member>,
    /// How many of these are where they are to be.
    pub arrived: usize,
    /// Whether anything is still between two states.
    pub is_pending: bool,
    /// Whether the goal is reached.
    pub is_reached: bool,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Whether the goal is reached; if not, nothing goes on any more.
    pub is_reached: bool,
    /// How things are.
    pub progress: Progress,
}

/// How long nothing may be going on before that counts as the end: failed resources are restarted
/// after a while.
const SETTLED: Duration = Duration::from_millis(1000);
/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1000));

/// What was so before an operation began.
struct Before {
    owner: String,
}

impl<N: Connector> ClusterClient<N> {
    /// Begins something; `true` if it is already done.
    ///
    /// # Errors
    ///
    /// As all methods of a session.
    pub async fn begin(&mut self, goal: &Goal) -> Outcome<bool> {
        self.run(async |session| match goal {
            Goal::GroupOnline(group) => session.online_group(group).await,
            Goal::GroupOffline(group) => session.offline_group(group).await,
            Goal::GroupMoved { group, to } => session.move_group(group, to.as_deref()).await,
            Goal::ResourceOnline(resource) => session.online_resource(resource).await,
            Goal::ResourceOffline(resource) => session.offline_resource(resource).await,
            Goal::ResourceRestarted(resource) => session.restart_resource(resource).await.map(|()| false),
            Goal::NodeDrained { node, to } => {
                session.pause_node(node, to.as_deref().map_or(Drain::Yes, Drain::To)).await
            }
        })
        .await
    }

    /// Begins something and waits until it is done, or has failed for good. It has no time limit of
    /// its own: dropping the future ends the wait and stops nothing.
    ///
    /// # Errors
    ///
    /// As all methods of a session.
    pub async fn pursue(&mut self, goal: &Goal, mut show: impl FnMut(&Progress)) -> Outcome<Waited> {
        let before = match goal {
            Goal::GroupMoved { group, .. } => {
                Before { owner: self.run(async |session| session.group_status(group).await).await?.owner }
            }
            _ => Before { owner: String::new() },
        };
        self.begin(goal).await?;
        let (mut pause, mut quiet) = (PAUSES.0, Duration::ZERO);
        loop {
            let progress = self.run(async |session| session.look(goal, &before).await).await?;
            show(&progress);
            if progress.is_reached || (!progress.is_pending && quiet >= SETTLED) {
                return Ok(Waited { is_reached: progress.is_reached, progress });
            }
            self.connector().sleep(pause).await;
            quiet = if progress.is_pending { Duration::ZERO } else { quiet + pause };
            pause = (pause * 3 / 2).min(PAUSES.1);
        }
    }
}

impl<C: Channel> Session<C> {
    async fn look(&self, goal: &Goal, before: &Before) -> Outcome<Progress> {
        match goal {
            Goal::GroupOnline(group) => self.look_at_group(group, Some(ResourceState::Online)).await,
            Goal::GroupOffline(group) => self.look_at_group(group, Some(ResourceState::Offline)).await,
            Goal::GroupMoved { group, to } => {
                let progress = self.look_at_group(group, None).await?;
                let same = |name: &str| name.to_lowercase() == progress.owner.to_lowercase();
                let is_there = match to {
                    // It may have been given by its ID.
                    Some(to) => same(to) || same(&self.node(to).await?.name),
                    None => !same(&before.owner),
                };
                Ok(Progress { is_reached: is_there && !progress.is_pending, ..progress })
            }
            Goal::ResourceOnline(resource) | Goal::ResourceRestarted(resource) => {
                self.look_at_resource(resource, ResourceState::Online).await
            }
            Goal::ResourceOffline(resource) => self.look_at_resource(resource, ResourceState::Offline).await,
            Goal::NodeDrained { node, .. } => self.look_at_node(node).await,
        }
    }

    async fn look_at_group(&self, group: &str, wanted: Option<ResourceState>) -> Outcome<Progress> {
        let status = self.group_status(group).await?;
        let names = self.group_resources(group).await?;
        let members = self.each(&names, async |name| {
            Ok(Member { name: name.clone(), state: self.resource_status(name).await?.state })
        });
        let members = members.await?;
        let arrived = members.iter().filter(|it| wanted.is_some_and(|wanted| it.state == wanted as u32)).count();
        let is_reached = match wanted {
            // A group without resources is never online, and has nothing to wait for.
            Some(ResourceState::Online) => status.state == GroupState::Online as u32 || members.is_empty(),
            Some(_) => status.state == GroupState::Offline as u32,
            None => false,
        };
        let is_pending = status.state == GroupState::Pending as u32;
        Ok(Progress { state: status.state, owner: status.owner, members, arrived, is_pending, is_reached })
    }

    async fn look_at_resource(&self, resource: &str, wanted: ResourceState) -> Outcome<Progress> {
        let status = self.resource_status(resource).await?;
        // Others of its group may have to come or go first.
        let group = self.group_status(&status.group).await?;
        let is_reached = status.state == wanted as u32;
        Ok(Progress {
            state: status.state,
            owner: status.owner,
            members: vec![Member { name: resource.to_owned(), state: status.state }],
            arrived: usize::from(is_reached),
            is_pending: group.state == GroupState::Pending as u32 || status.state >= 0x80,
            is_reached,
        })
    }

    async fn look_at_node(&self, node: &str) -> Outcome<Progress> {
        let state = self.node(node).await?.state;
        let names = self.node_groups(node).await?;
        let members = self
            .each(&names, async |name| Ok(Member { name: name.clone(), state: self.group_status(name).await?.state }));
        let members = members.await?;
        Ok(Progress {
            state,
            owner: node.to_owned(),
            arrived: 0,
            is_pending: members.iter().any(|group| group.state == GroupState::Pending as u32),
            is_reached: members.is_empty(),
            members,
        })
    }
}

//! Groups.

use msrpc_ndr::{Channel, ClientHandle, WString, Win32Error};
use msrpc_protocols::clusapi3::{ClusterCreateGroupInfoRpc, HgroupRpc};

use super::{
    error::{Cause, Outcome, While as _},
    kind::{Access, sealed::Methods as _},
    session::{Entry, List, Session, names_with, text},
};

/// A group and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its state (`GroupState` as a number: a server may have others).
    pub state: u32,
    /// The name of the node that it is on.
    pub owner: String,
}

/// What a group is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its state.
    pub state: u32,
    /// The name of the node that it is on.
    pub owner: String,
}

const GROUP_RESOURCES: u32 = 1;
const GROUP_NODES: u32 = 2;

impl<C: Channel> Session<C> {
    /// All groups, by name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn groups(&self) -> Outcome<Vec<Group>> {
        let entries = self.list(List::Group).await?;
        self.each(&entries, |entry| self.group_of(entry)).await
    }

    /// A group by its name or ID.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn group(&self, name: &str) -> Outcome<Group> {
        let entries = self.list(List::Group).await?;
        self.group_of(&find(entries, name)).await
    }

    async fn group_of(&self, entry: &Entry) -> Outcome<Group> {
        self.with::<HgroupRpc, _>(&entry.name, Access::Read, async |group| {
            let action = format!("asking for the state of the group {:?}", entry.name);
            let answer = self.client.api_get_group_state(group).await.during(&action)?;
            let id = if entry.id.is_empty() {
                text(HgroupRpc::id(&self.client, group).await.during(&action)?)
            } else {
                entry.id.clone()
            };
            Ok(Group { name: entry.name.clone(), id, state: answer.state, owner: text(answer.node_name) })
        })
        .await
    }

    /// What a group is doing.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn group_status(&self, name: &str) -> Outcome<GroupStatus> {
        self.with::<HgroupRpc, _>(name, Access::Read, async |group| {
            let answer = self.client.api_get_group_state(group).await;
            let answer = answer.during(format_args!("asking for the state of the group {name:?}"))?;
            Ok(GroupStatus { state: answer.state, owner: text(answer.node_name) })
        })
        .await
    }

    /// The names of a group's resources.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn group_resources(&self, name: &str) -> Outcome<Vec<String>> {
        self.group_list(name, GROUP_RESOURCES, "resources").await
    }

    /// The names of the nodes that a group prefers, best first.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn preferred_owners(&self, name: &str) -> Outcome<Vec<String>> {
        self.group_list(name, GROUP_NODES, "preferred owners").await
    }

    async fn group_list(&self, name: &str, kind: u32, what: &str) -> Outcome<Vec<String>> {
        self.with::<HgroupRpc, _>(name, Access::Read, async |group| {
            let list = self.client.api_create_group_resource_enum(group, kind).await;
            Ok(names_with(list.during(format_args!("listing the {what} of the group {name:?}"))?, kind))
        })
        .await
    }

    /// Makes an empty group, and gives its ID; its type is for servers of their own
    /// (`CLUSGROUP_TYPE`).
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn create_group(&self, name: &str, group_type: Option<u32>) -> Outcome<String> {
        let action = format!("creating the group {name:?}");
        let group = match group_type {
            None => self.client.api_create_group(name).await.during(&action)?,
            Some(group_type) => {
                let info = ClusterCreateGroupInfoRpc { version: 1, group_type };
                self.client.api_create_group_ex(name, Some(info)).await.during(&action)?
            }
        };
        let id = HgroupRpc::id(&self.client, &group).await.during(&action);
        let _closed = self.client.api_close_group(Some(group)).await;
        Ok(text(id?))
    }

    /// Deletes a group; with `force`, what is in it too.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn delete_group(&self, name: &str, force: bool) -> Outcome<()> {
        self.with::<HgroupRpc, _>(name, Access::All, async |group| {
            let done = self.client.api_delete_group(group, i32::from(force)).await;
            done.during(format_args!("deleting the group {name:?}"))
        })
        .await
    }

    /// Gives a group another name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn rename_group(&self, name: &str, new_name: &str) -> Outcome<()> {
        self.with::<HgroupRpc, _>(name, Access::All, async |group| {
            let done = self.client.api_set_group_name(group, new_name).await;
            done.during(format_args!("renaming the group {name:?} to {new_name:?}"))
        })
        .await
    }

    /// Sets the nodes that a group prefers, best first.
    ///
    /// # Errors
    ///
    /// As all methods; ERROR_CLUSTER_NODE_NOT_FOUND for a node that is not there.
    pub async fn set_preferred_owners(&self, name: &str, nodes: &[String]) -> Outcome<()> {
        let mut ids = Vec::new();
        for node in nodes {
            ids.push(self.node_id(node).await?);
        }
        // A MULTI_SZ: each with a null, and one more at the end.
        let units = ids.iter().flat_map(|id| id.encode_utf16().chain([0])).chain([0]);
        let list = WString::from_units(units);
        self.with::<HgroupRpc, _>(name, Access::All, async |group| {
            let done = self.client.api_set_group_node_list(group, Some(list)).await;
            done.during(format_args!("setting the preferred owners of the group {name:?}"))
        })
        .await
    }

    /// Begins to bring a group online; `true` if it is already done.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn online_group(&self, name: &str) -> Outcome<bool> {
        self.on_group(name, "bringing", " online", async |group| Ok(self.client.api_online_group(group).await?)).await
    }

    /// Begins to take a group offline; `true` if it is already done.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn offline_group(&self, name: &str) -> Outcome<bool> {
        self.on_group(name, "taking", " offline", async |group| Ok(self.client.api_offline_group(group).await?)).await
    }

    /// Begins to move a group to a node, or without one to the best other; `true` if it is already
    /// done.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn move_group(&self, name: &str, node: Option<&str>) -> Outcome<bool> {
        let Some(node) = node else {
            return self
                .on_group(name, "moving", " to another node", async |group| {
                    Ok(self.client.api_move_group(group).await?)
                })
                .await;
        };
        let to = self.open_node(node).await?;
        let how = format!(" to the node {node:?}");
        let moved = self
            .on_group(name, "moving", &how, async |group| Ok(self.client.api_move_group_to_node(group, &to).await?));
        let moved = moved.await;
        let _closed = self.client.api_close_node(Some(to)).await;
        moved
    }

    async fn on_group(
        &self,
        name: &str,
        doing: &str,
        how: &str,
        call: impl AsyncFnOnce(&ClientHandle<HgroupRpc>) -> Result<Win32Error, Cause>,
    ) -> Outcome<bool> {
        self.with::<HgroupRpc, _>(name, Access::All, async |group| {
            is_done(call(group).await).during(format_args!("{doing} the group {name:?}{how}"))
        })
        .await
    }
}

/// What ERROR_IO_PENDING means: begun, and not done yet.
pub(super) fn is_done(answer: Result<Win32Error, Cause>) -> Result<bool, Cause> {
    match answer {
        Err(Cause::Status(Win32Error::ERROR_IO_PENDING)) => Ok(false),
        other => other.map(|status| status != Win32Error::ERROR_IO_PENDING),
    }
}

/// The entry that a name or ID stands for; one that the server is to look for, if none does.
pub(super) fn find(entries: Vec<Entry>, name: &str) -> Entry {
    let same = |text: &str| text.to_lowercase() == name.to_lowercase();
    let found = entries.into_iter().find(|entry| same(&entry.name) || (!entry.id.is_empty() && same(&entry.id)));
    found.unwrap_or_else(|| Entry { name: name.to_owned(), id: String::new() })
}

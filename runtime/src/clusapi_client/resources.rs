//! Resources and resource types.

use std::collections::{BTreeMap, BTreeSet};

use msrpc_ndr::{Channel, ClientHandle, WString, Win32Error};
use msrpc_protocols::clusapi3::{HgroupRpc, HresRpc};

use super::{
    error::{Cause, Outcome, While as _},
    groups::{find, is_done},
    kind::{Access, sealed::Methods as _},
    session::{Entry, List, Session, names, names_with, text},
};
use crate::cluster::dependency::Expression;

/// A resource and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// The name of its type.
    pub type_name: String,
    /// Its state (`ResourceState` as a number).
    pub state: u32,
    /// The name of its group.
    pub group: String,
    /// The name of the node that its group is on.
    pub owner: String,
}

/// What a resource is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceStatus {
    /// Its state.
    pub state: u32,
    /// The name of its group.
    pub group: String,
    /// The name of the node that its group is on.
    pub owner: String,
}

/// Resources and what they depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The resources, by name.
    pub resources: BTreeMap<String, Resource>,
    /// What each depends on.
    pub dependencies: BTreeMap<String, Expression>,
}

impl Tree {
    /// The names of those that no other here depends on.
    pub fn tops(&self) -> Vec<&str> {
        let needed: BTreeSet<&String> = self.dependencies.values().flat_map(Expression::resources).collect();
        self.resources.keys().filter(|name| !needed.contains(name)).map(String::as_str).collect()
    }
}

const RESOURCE_DEPENDENTS: u32 = 2;
const RESOURCE_NODES: u32 = 4;

impl<C: Channel> Session<C> {
    /// All resources, by name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resources(&self) -> Outcome<Vec<Resource>> {
        let entries = self.list(List::Resource).await?;
        self.each(&entries, |entry| self.resource_of(entry)).await
    }

    /// A resource by its name or ID.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resource(&self, name: &str) -> Outcome<Resource> {
        let entries = self.list(List::Resource).await?;
        self.resource_of(&find(entries, name)).await
    }

    /// Resources by their names.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resources_named(&self, names: &[String]) -> Outcome<Vec<Resource>> {
        let entries: Vec<_> = names.iter().map(|name| Entry { name: name.clone(), id: String::new() }).collect();
        self.each(&entries, |entry| self.resource_of(entry)).await
    }

    async fn resource_of(&self, entry: &Entry) -> Outcome<Resource> {
        self.with::<HresRpc, _>(&entry.name, Access::Read, async |resource| {
            let action = format!("asking for the state of the resource {:?}", entry.name);
            let answer = self.client.api_get_resource_state(resource).await.during(&action)?;
            let type_name = text(self.client.api_get_resource_type(resource).await.during(&action)?);
            let id = if entry.id.is_empty() {
                text(HresRpc::id(&self.client, resource).await.during(&action)?)
            } else {
                entry.id.clone()
            };
            Ok(Resource {
                name: entry.name.clone(),
                id,
                type_name,
                state: answer.state,
                group: text(answer.group_name),
                owner: text(answer.node_name),
            })
        })
        .await
    }

    /// What a resource is doing.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resource_status(&self, name: &str) -> Outcome<ResourceStatus> {
        self.with::<HresRpc, _>(name, Access::Read, async |resource| {
            let answer = self.client.api_get_resource_state(resource).await;
            let answer = answer.during(format_args!("asking for the state of the resource {name:?}"))?;
            Ok(ResourceStatus { state: answer.state, group: text(answer.group_name), owner: text(answer.node_name) })
        })
        .await
    }

    /// What a resource depends on, as the server writes it: names in brackets, "and", "or".
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn dependency_expression(&self, name: &str) -> Outcome<String> {
        self.with::<HresRpc, _>(name, Access::Read, async |resource| {
            let answer = self.client.api_get_resource_dependency_expression(resource).await;
            Ok(text(answer.during(format_args!("asking what the resource {name:?} depends on"))?))
        })
        .await
    }

    /// Sets what a resource depends on; the empty expression is nothing.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn set_dependency_expression(&self, name: &str, expression: &str) -> Outcome<()> {
        self.on_resource(name, "setting what it depends on", async |resource| {
            let text = WString::from(expression);
            Ok(self.client.api_set_resource_dependency_expression(resource, Some(text)).await?)
        })
        .await
    }

    /// Lets a resource depend on another.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn add_dependency(&self, name: &str, provider: &str) -> Outcome<()> {
        self.with::<HresRpc, _>(provider, Access::All, async |provider_handle| {
            self.on_resource(name, &format!("making it depend on {provider:?}"), async |resource| {
                Ok(self.client.api_add_resource_dependency(resource, provider_handle).await?)
            })
            .await
        })
        .await
    }

    /// Lets a resource no longer depend on another.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn remove_dependency(&self, name: &str, provider: &str) -> Outcome<()> {
        self.with::<HresRpc, _>(provider, Access::All, async |provider_handle| {
            self.on_resource(name, &format!("making it no longer depend on {provider:?}"), async |resource| {
                Ok(self.client.api_remove_resource_dependency(resource, provider_handle).await?)
            })
            .await
        })
        .await
    }

    /// The names of the resources that depend on one.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn dependents(&self, name: &str) -> Outcome<Vec<String>> {
        self.resource_list(name, RESOURCE_DEPENDENTS, "dependents").await
    }

    /// The names of the nodes that may host a resource.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn possible_owners(&self, name: &str) -> Outcome<Vec<String>> {
        self.resource_list(name, RESOURCE_NODES, "possible owners").await
    }

    async fn resource_list(&self, name: &str, kind: u32, what: &str) -> Outcome<Vec<String>> {
        self.with::<HresRpc, _>(name, Access::Read, async |resource| {
            let list = self.client.api_create_res_enum(resource, kind).await;
            Ok(names_with(list.during(format_args!("listing the {what} of the resource {name:?}"))?, kind))
        })
        .await
    }

    /// Resources and all that they depend on.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn tree(&self, names: &[String]) -> Outcome<Tree> {
        let mut tree = Tree::default();
        let mut next: BTreeSet<String> = names.iter().cloned().collect();
        while !next.is_empty() {
            let some: Vec<String> = std::mem::take(&mut next).into_iter().collect();
            for resource in self.resources_named(&some).await? {
                let expression = self.dependency_expression(&resource.name).await?;
                let parsed = Expression::parse(&expression).map_err(|error| Cause::Malformed(error.to_string()));
                let parsed = parsed.during(format_args!("asking what the resource {:?} depends on", resource.name))?;
                next.extend(parsed.resources().cloned());
                tree.dependencies.insert(resource.name.clone(), parsed);
                tree.resources.insert(resource.name.clone(), resource);
            }
            next.retain(|name| !tree.resources.contains_key(name));
        }
        Ok(tree)
    }

    /// Makes a resource of a type in a group, and gives its ID.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn create_resource(
        &self,
        group: &str,
        name: &str,
        type_name: &str,
        separate_monitor: bool,
    ) -> Outcome<String> {
        self.with::<HgroupRpc, _>(group, Access::All, async |group| {
            let action = format!("creating the resource {name:?} of the type {type_name:?}");
            let flags = u32::from(separate_monitor);
            let resource = self.client.api_create_resource(group, name, type_name, flags).await.during(&action)?;
            let id = HresRpc::id(&self.client, &resource).await.during(&action);
            let _closed = self.client.api_close_resource(Some(resource)).await;
            Ok(text(id?))
        })
        .await
    }

    /// Deletes a resource.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn delete_resource(&self, name: &str) -> Outcome<()> {
        self.on_resource(name, "deleting it", async |resource| Ok(self.client.api_delete_resource(resource).await?))
            .await
    }

    /// Gives a resource another name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn rename_resource(&self, name: &str, new_name: &str) -> Outcome<()> {
        self.on_resource(name, &format!("renaming it to {new_name:?}"), async |resource| {
            Ok(self.client.api_set_resource_name(resource, new_name).await?)
        })
        .await
    }

    /// Lets a resource fail, as if its monitor had noticed that it does not work.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn fail_resource(&self, name: &str) -> Outcome<()> {
        self.on_resource(name, "failing it", async |resource| Ok(self.client.api_fail_resource(resource).await?)).await
    }

    /// Begins to restart a resource.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn restart_resource(&self, name: &str) -> Outcome<()> {
        self.on_resource(name, "restarting it", async |resource| {
            Ok(self.client.api_restart_resource(resource, 0).await?)
        })
        .await
    }

    /// Puts a resource into another group.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn change_resource_group(&self, name: &str, group: &str) -> Outcome<()> {
        self.with::<HgroupRpc, _>(group, Access::All, async |group_handle| {
            self.on_resource(name, &format!("putting it into the group {group:?}"), async |resource| {
                Ok(self.client.api_change_resource_group(resource, group_handle).await?)
            })
            .await
        })
        .await
    }

    /// Begins to bring a resource online; `true` if it is already done.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn online_resource(&self, name: &str) -> Outcome<bool> {
        self.on_resource(name, "bringing it online", async |resource| {
            is_done(self.client.api_online_resource(resource).await.map_err(Cause::from))
        })
        .await
    }

    /// Begins to take a resource offline; `true` if it is already done.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn offline_resource(&self, name: &str) -> Outcome<bool> {
        self.on_resource(name, "taking it offline", async |resource| {
            is_done(self.client.api_offline_resource(resource).await.map_err(Cause::from))
        })
        .await
    }

    async fn on_resource<T>(
        &self,
        name: &str,
        action: &str,
        call: impl AsyncFnOnce(&ClientHandle<HresRpc>) -> Result<T, Cause>,
    ) -> Outcome<T> {
        self.with::<HresRpc, _>(name, Access::All, async |resource| {
            call(resource).await.during(format_args!("the resource {name:?}: {action}"))
        })
        .await
    }

    /// The names of all resource types.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resource_types(&self) -> Outcome<Vec<String>> {
        Ok(self.list(List::ResourceType).await?.into_iter().map(|entry| entry.name).collect())
    }

    /// The names of the nodes that have a resource type, and of the resources of the type.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resource_type_uses(&self, name: &str) -> Outcome<(Vec<String>, Vec<String>)> {
        let action = format!("asking about the resource type {name:?}");
        let nodes = names(self.client.api_create_res_type_enum(name, 1).await.during(&action)?);
        let resources = match self.client.api_create_res_type_enum(name, 2).await.map_err(Cause::from) {
            Ok(list) => names(list),
            // Servers before Windows Server 2012 list nodes only.
            Err(Cause::Status(Win32Error::ERROR_INVALID_PARAMETER)) => Vec::new(),
            Err(cause) => return Err(cause).during(&action),
        };
        Ok((nodes, resources))
    }

    /// Registers a resource type.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn create_resource_type(
        &self,
        name: &str,
        display_name: &str,
        dll: &str,
        looks_alive: u32,
        is_alive: u32,
    ) -> Outcome<()> {
        let done = self.client.api_create_resource_type(name, display_name, dll, looks_alive, is_alive).await;
        done.during(format_args!("creating the resource type {name:?}"))
    }

    /// Removes a resource type.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn delete_resource_type(&self, name: &str) -> Outcome<()> {
        self.client.api_delete_resource_type(name).await.during(format_args!("deleting the resource type {name:?}"))
    }
}

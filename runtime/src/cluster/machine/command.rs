//! What may be asked of the cluster.

use msrpc_ndr::{Bytes, Win32Error};

use super::{CallId, Cluster, Outcome, Properties};
use crate::cluster::{
    notify::ClusterChange,
    objects::{Kind, layout},
    registry::{self, BatchError, BatchOutcome, Disposition, KeyId, Name, Path, Value},
    state::{NodeState, ServerState},
};

/// Something that changes the cluster. Objects are named by their IDs, which never change.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Time has passed.
    Tick,
    /// This node accepts more or less from now on.
    SetServerState(ServerState),
    /// A host has done what a call asked for, or failed with a code.
    HostDone {
        /// The call.
        call: CallId,
        /// Its outcome.
        result: Result<(), u32>,
    },
    /// The instance of a resource that a call started does not work any more.
    HostFailed {
        /// The call.
        call: CallId,
        /// Why.
        error: u32,
    },
    /// ApiSetClusterName
    SetClusterName(Name),

    /// ApiCreateGroup, ApiCreateGroupEx
    CreateGroup {
        /// The ID that it gets.
        id: Name,
        /// Its name.
        name: Name,
        /// Its type.
        group_type: u32,
    },
    /// ApiDeleteGroup; with its resources, or only if it has none.
    DeleteGroup(Name, bool),
    /// ApiSetGroupName
    RenameGroup(Name, Name),
    /// ApiSetGroupNodeList
    SetPreferredOwners(Name, Vec<Name>),
    /// ApiOnlineGroup
    OnlineGroup(Name),
    /// ApiOnlineGroupEx
    OnlineGroupEx(Name, Manner),
    /// ApiOfflineGroup
    OfflineGroup(Name),
    /// ApiMoveGroup, ApiMoveGroupToNode
    MoveGroup(Name, Option<Name>),
    /// ApiCancelClusterGroupOperation
    CancelGroupOperation(Name),

    /// ApiCreateGroupSet
    CreateGroupSet {
        /// The ID that it gets.
        id: Name,
        /// Its name.
        name: Name,
    },
    /// ApiDeleteGroupSet
    DeleteGroupSet(Name),
    /// ApiAddGroupToGroupSet: the set, the group, and whether it may come from another set.
    AddGroupToSet(Name, Name, bool),
    /// ApiRemoveGroupFromGroupSet
    RemoveGroupFromSet(Name),
    /// ApiAddGroupSetDependency, by IDs of group sets.
    AddSetDependency(Name, Name),
    /// ApiRemoveGroupSetDependency
    RemoveSetDependency(Name, Name),
    /// ApiSetGroupSetDependencyExpression
    SetSetDependencies(Name, String),
    /// ApiSetGroupDependencyExpression
    SetGroupDependencies(Name, String),
    /// ApiRemoveClusterGroupDependency
    RemoveGroupDependency(Name, Name),
    /// ApiAddGroupToGroupSetDependency: the group, and the set that it depends on.
    AddGroupToSetDependency(Name, Name),
    /// ApiRemoveClusterGroupToGroupSetDependency
    RemoveGroupToSetDependency(Name, Name),

    /// ApiCreateResource
    CreateResource {
        /// The ID that it gets.
        id: Name,
        /// The group that it is in.
        group: Name,
        /// Its name.
        name: Name,
        /// The name of its type.
        resource_type: Name,
        /// Whether it has a monitor of its own.
        separate_monitor: bool,
    },
    /// ApiDeleteResource
    DeleteResource(Name),
    /// ApiSetResourceName
    RenameResource(Name, Name),
    /// ApiOnlineResource
    OnlineResource(Name),
    /// ApiOfflineResource
    OfflineResource(Name),
    /// ApiOnlineResourceEx
    OnlineResourceEx(Name, Manner),
    /// ApiOfflineResourceEx
    OfflineResourceEx(Name, Manner),
    /// ApiFailResource
    FailResource(Name),
    /// ApiRestartResource
    RestartResource(Name),
    /// ApiAddResourceDependency
    AddDependency(Name, Name),
    /// ApiRemoveResourceDependency
    RemoveDependency(Name, Name),
    /// ApiSetResourceDependencyExpression
    SetDependencyExpression(Name, String),
    /// ApiAddResourceNode
    AddPossibleOwner(Name, Name),
    /// ApiRemoveResourceNode
    RemovePossibleOwner(Name, Name),
    /// ApiChangeResourceGroup
    ChangeResourceGroup(Name, Name),

    /// ApiCreateResourceType
    CreateResourceType {
        /// Its name, which is its ID, too.
        name: Name,
        /// Its name for people.
        display_name: String,
        /// The object that has its code.
        dll_name: String,
        /// How often its resources are looked at cheaply, in milliseconds.
        looks_alive: u32,
        /// How often its resources are looked at closely, in milliseconds.
        is_alive: u32,
    },
    /// ApiDeleteResourceType
    DeleteResourceType(Name),

    /// ApiPauseNode; with its groups moved away, to a node or to any.
    PauseNode(Name, Option<Option<Name>>),
    /// ApiResumeNode
    ResumeNode(Name),
    /// ApiEvictNode
    EvictNode(Name),
    /// A node was seen to be in a state.
    NodeSeen(Name, NodeState),
    /// ApiSetNetworkName
    RenameNetwork(Name, Name),

    /// A control code that sets properties: of an object, or of the cluster.
    SetProperties(Option<(Kind, Name)>, Properties),

    /// ApiCreateKey
    CreateKey {
        /// The key to start from.
        from: KeyId,
        /// The path from there.
        path: Path,
        /// The security descriptor that it gets, new or not.
        security: Option<Bytes>,
    },
    /// ApiDeleteKey
    DeleteKey(KeyId, Path),
    /// ApiSetValue
    SetValue(KeyId, Name, Value),
    /// ApiDeleteValue
    DeleteValue(KeyId, Name),
    /// ApiSetKeySecurity
    SetKeySecurity(KeyId, Bytes),
    /// ApiExecuteBatch
    ExecuteBatch(KeyId, Vec<registry::Command>),
}

/// How something is brought online or taken offline, beside the ordinary (the flags of the methods
/// with `Ex`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What was commanded last stays what the cluster maintains over restarts.
    pub transient: bool,
    /// The instance is ended without being asked.
    pub terminate: bool,
    /// Groups that keep apart may be online on one node.
    pub ignore_affinity: bool,
}

/// What a command answers, beside that it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Done,
    /// It is under way (ERROR_IO_PENDING).
    Pending,
    /// A key.
    Key(KeyId, Disposition),
    /// What a batch did, or why it did nothing.
    Batch(Result<BatchOutcome, BatchError>),
}

impl Cluster {
    pub(super) fn execute(&mut self, command: Command) -> Outcome {
        let done = |()| Reply::Done;
        match command {
            Command::Tick => Ok(Reply::Done),
            Command::SetServerState(state) => {
                self.server_state = state;
                self.touch_all();
                Ok(Reply::Done)
            }
            Command::HostDone { call, result } => {
                self.host_done(call, result);
                Ok(Reply::Done)
            }
            Command::HostFailed { call, error } => {
                self.host_failed(call, error);
                Ok(Reply::Done)
            }
            Command::SetClusterName(name) => self.set_cluster_name(&name).map(done),

            Command::CreateGroup { id, name, group_type } => self.create_group(&id, &name, group_type).map(done),
            Command::DeleteGroup(id, force) => self.delete_group(&id, force),
            Command::RenameGroup(id, name) => self.rename_group(&id, &name).map(done),
            Command::SetPreferredOwners(id, nodes) => self.set_preferred_owners(&id, nodes).map(done),
            Command::OnlineGroup(id) => self.online_group(&id, Manner::default()),
            Command::OnlineGroupEx(id, manner) => self.online_group(&id, manner),
            Command::OfflineGroup(id) => self.offline_group(&id),
            Command::MoveGroup(id, node) => self.move_group(&id, node),
            Command::CancelGroupOperation(id) => self.cancel_group_operation(&id).map(done),

            Command::CreateGroupSet { id, name } => self.create_group_set(&id, &name).map(done),
            Command::DeleteGroupSet(id) => self.delete_group_set(&id).map(done),
            Command::AddGroupToSet(set, group, from_other) => self.add_group_to_set(&set, &group, from_other).map(done),
            Command::RemoveGroupFromSet(group) => self.remove_group_from_set(&group).map(done),
            Command::AddSetDependency(set, provider) => self.add_set_dependency(&set, &provider).map(done),
            Command::RemoveSetDependency(set, provider) => self.remove_set_dependency(&set, &provider).map(done),

            Command::SetSetDependencies(set, text) => self.set_set_dependencies(&set, &text).map(done),
            Command::SetGroupDependencies(group, text) => self.set_group_dependencies(&group, &text).map(done),
            Command::RemoveGroupDependency(group, provider) => {
                self.remove_group_dependency(&group, &provider).map(done)
            }
            Command::AddGroupToSetDependency(group, set) => self.add_group_to_set_dependency(&group, &set).map(done),
            Command::RemoveGroupToSetDependency(group, set) => {
                self.remove_group_to_set_dependency(&group, &set).map(done)
            }

            Command::CreateResource { id, group, name, resource_type, separate_monitor } => {
                self.create_resource(&id, &group, &name, &resource_type, separate_monitor).map(done)
            }
            Command::DeleteResource(id) => self.delete_resource(&id).map(done),
            Command::RenameResource(id, name) => self.rename_resource(&id, &name).map(done),
            Command::OnlineResource(id) => self.online_resource(&id, Manner::default()),
            Command::OnlineResourceEx(id, manner) => self.online_resource(&id, manner),
            Command::OfflineResource(id) => self.offline_resource(&id, Manner::default()),
            Command::OfflineResourceEx(id, manner) => self.offline_resource(&id, manner),
            Command::FailResource(id) => self.fail_resource(&id).map(done),
            Command::RestartResource(id) => self.restart_resource(&id),
            Command::AddDependency(id, provider) => self.add_dependency(&id, &provider).map(done),
            Command::RemoveDependency(id, provider) => self.remove_dependency(&id, &provider).map(done),
            Command::SetDependencyExpression(id, text) => self.set_dependency_expression(&id, &text).map(done),
            Command::AddPossibleOwner(id, node) => self.add_possible_owner(&id, &node).map(done),
            Command::RemovePossibleOwner(id, node) => self.remove_possible_owner(&id, &node).map(done),
            Command::ChangeResourceGroup(id, group) => self.change_resource_group(&id, &group).map(done),

            Command::CreateResourceType { name, display_name, dll_name, looks_alive, is_alive } => {
                self.create_resource_type(&name, &display_name, &dll_name, looks_alive, is_alive).map(done)
            }
            Command::DeleteResourceType(name) => self.delete_resource_type(&name).map(done),

            Command::PauseNode(id, drain) => self.pause_node(&id, drain),
            Command::ResumeNode(id) => self.resume_node(&id).map(done),
            Command::EvictNode(id) => self.evict_node(&id).map(done),
            Command::NodeSeen(id, state) => self.node_seen(&id, state).map(done),
            Command::RenameNetwork(id, name) => self.rename_network(&id, &name).map(done),

            Command::SetProperties(subject, properties) => self.set_properties(subject, properties).map(done),

            Command::CreateKey { from, path, security } => {
                let (key, disposition) = self.edit(|edit| edit.create(from, &path, security))?;
                Ok(Reply::Key(key, disposition))
            }
            Command::DeleteKey(from, path) => {
                let key = self.registry().find(from, &path).map_err(|error| error.status())?;
                self.edit(|edit| edit.delete(key)).map(done)
            }
            Command::SetValue(key, name, value) => self.edit(|edit| edit.set_value(key, name, value)).map(done),
            Command::DeleteValue(key, name) => self.edit(|edit| edit.delete_value(key, &name)).map(done),
            Command::SetKeySecurity(key, security) => {
                self.edit(|edit| edit.set_security(key, Some(security))).map(done)
            }
            Command::ExecuteBatch(key, commands) => Ok(Reply::Batch(self.execute_batch(key, &commands))),
        }
    }

    fn execute_batch(&mut self, key: KeyId, commands: &[registry::Command]) -> Result<BatchOutcome, BatchError> {
        let mut edit = self.registry.edit(self.now);
        let outcome = edit.execute(key, commands)?;
        let notices = edit.take_notices();
        let changes = edit.commit();
        self.follow(changes, notices);
        let batch = registry::encode(&outcome.notification);
        self.output.batches.extend(self.batch_ports.post(key, &batch));
        Ok(outcome)
    }

    fn set_cluster_name(&mut self, name: &Name) -> Outcome<()> {
        if self.objects.by_name(Kind::Node, name).is_some() {
            return Err(Win32Error::ERROR_INVALID_NAME);
        }
        let text = name.to_string();
        let resource = self.objects.by_name(Kind::Resource, &layout::name("Cluster Name")).map(|resource| resource.key);
        self.edit(|edit| {
            edit.set(KeyId::ROOT, layout::CLUSTER_NAME, Value::string(&text))?;
            if let Some(resource) = resource {
                let (parameters, _) = edit.create(resource, &layout::path(layout::PARAMETERS), None)?;
                edit.set(parameters, layout::NAME, Value::string(&text))?;
            }
            Ok(())
        })?;
        self.tell_of_cluster(ClusterChange::CLUSTER_PROPERTY, 0x400, name, Bytes::new());
        Ok(())
    }
}

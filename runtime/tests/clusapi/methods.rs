//! All 166 methods as data: what the document asks of each, and a call of it that succeeds, or fails
//! with a code of its own, on [`Fixture`].

use msrpc_cluster::cluster::registry;
use msrpc_ndr::{AssociationId, Bytes, Channel as _, ClientHandle, ContextHandle};
use msrpc_protocols::clusapi3::{
    HbatchPortRpc, HclusterRpc, HgenericRpc, HgroupRpc, HgroupsetRpc, HkeyRpc, HnetinterfaceRpc, HnetworkRpc, HnodeRpc,
    HnotifyRpc, HresRpc, IdlClusterSetPasswordFlags, NotifyFilterAndTypeRpc, RpcSecurityDescriptor,
};

use crate::world::{Clusapi, KEY_ALL_ACCESS, Verdict, World, now, ok, verdict};

/// What the protocol server state has to be (3.1.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The section names none, or it closes a handle.
    Any,
    /// Read-only is enough.
    Read,
    /// Read/write.
    Write,
}

/// The level of access that a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Nothing,
    Read,
    All,
}

/// Types of context handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Cluster,
    Node,
    Group,
    GroupSet,
    Resource,
    Network,
    Interface,
    Key,
    Port,
    Batch,
    /// Any but the last two.
    Generic,
}

pub(crate) struct Method {
    pub(crate) opnum: u16,
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) level: Level,
    /// The handles that it takes.
    pub(crate) takes: &'static [Type],
    pub(crate) call: fn(&Clusapi, &Handles) -> Verdict,
}

/// A handle of each type, and a second of some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handles {
    pub(crate) association: AssociationId,
    pub(crate) cluster: ContextHandle,
    pub(crate) node: ContextHandle,
    pub(crate) node2: ContextHandle,
    pub(crate) group: ContextHandle,
    pub(crate) group2: ContextHandle,
    pub(crate) group_set: ContextHandle,
    pub(crate) group_set2: ContextHandle,
    pub(crate) resource: ContextHandle,
    pub(crate) resource2: ContextHandle,
    pub(crate) network: ContextHandle,
    pub(crate) interface: ContextHandle,
    pub(crate) key: ContextHandle,
    pub(crate) port: ContextHandle,
    pub(crate) port2: ContextHandle,
    pub(crate) batch: ContextHandle,
}

macro_rules! handles {
    ($($name:ident: $type:ty = $field:ident;)*) => {
        impl Handles {
            $(pub(crate) fn $name(&self) -> ClientHandle<$type> {
                ClientHandle::new(self.$field, self.association)
            })*
        }
    };
}

handles! {
    cluster: HclusterRpc = cluster;
    node: HnodeRpc = node;
    node2: HnodeRpc = node2;
    group: HgroupRpc = group;
    group2: HgroupRpc = group2;
    group_set: HgroupsetRpc = group_set;
    group_set2: HgroupsetRpc = group_set2;
    resource: HresRpc = resource;
    resource2: HresRpc = resource2;
    network: HnetworkRpc = network;
    interface: HnetinterfaceRpc = interface;
    key: HkeyRpc = key;
    port: HnotifyRpc = port;
    port2: HnotifyRpc = port2;
    batch: HbatchPortRpc = batch;
    generic: HgenericRpc = cluster;
}

impl Handles {
    /// The same with another handle in the place of those of a type.
    pub(crate) fn with(self, kind: Type, other: ContextHandle) -> Self {
        let mut it = self;
        match kind {
            Type::Cluster | Type::Generic => it.cluster = other,
            Type::Node => (it.node, it.node2) = (other, other),
            Type::Group => (it.group, it.group2) = (other, other),
            Type::GroupSet => (it.group_set, it.group_set2) = (other, other),
            Type::Resource => (it.resource, it.resource2) = (other, other),
            Type::Network => it.network = other,
            Type::Interface => it.interface = other,
            Type::Key => it.key = other,
            Type::Port => (it.port, it.port2) = (other, other),
            Type::Batch => it.batch = other,
        }
        it
    }

    fn security(&self) -> RpcSecurityDescriptor {
        let owner: msrpc_cluster::security::SecurityDescriptor = "O:BA".parse().unwrap();
        let octets = owner.to_octets();
        let size = u32::try_from(octets.len()).unwrap();
        RpcSecurityDescriptor { security_descriptor: Some(octets), cb_in_security_descriptor: size }
    }

    fn batch_data(&self) -> Bytes {
        registry::encode(&[])
    }
}

/// A world in which each method has something to work on, and handles with "All" access to it: the
/// groups "web" and "other" in the sets "front" and "back", the resources "app" and "data" in "web",
/// the key "Key" with the value "value".
pub(crate) struct Fixture {
    pub(crate) world: World,
    pub(crate) c: Clusapi,
    pub(crate) h: Handles,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::in_world(&World::new())
    }

    pub(crate) fn in_world(world: &World) -> Self {
        let world = world.clone();
        let c = world.admin();
        let (group, group2) = (ok(c.api_create_group("web")), ok(c.api_create_group("other")));
        let (set, set2) = (ok(c.api_create_group_set("front")), ok(c.api_create_group_set("back")));
        ok(c.api_add_group_to_group_set(&set, &group));
        ok(c.api_add_group_to_group_set(&set2, &group2));
        let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
        let key = ok(c.api_create_key(&root, "Key", 0, KEY_ALL_ACCESS, None)).handle;
        ok(c.api_set_value(&key, "value", 3, &b"old"[..]));
        let h = Handles {
            association: c.channel().association(),
            cluster: ok(c.api_open_cluster()).raw(),
            node: ok(c.api_open_node("node1")).raw(),
            node2: ok(c.api_open_node("node2")).raw(),
            group: group.raw(),
            group2: group2.raw(),
            group_set: set.raw(),
            group_set2: set2.raw(),
            resource: ok(c.api_create_resource(&group, "app", "Memory", 0)).raw(),
            resource2: ok(c.api_create_resource(&group, "data", "Memory", 0)).raw(),
            network: ok(c.api_open_network("Cluster Network 1")).raw(),
            interface: ok(c.api_open_net_interface("node1 - Ethernet")).raw(),
            key: root.raw(),
            port: ok(c.api_create_notify()).raw(),
            port2: ok(c.api_create_notify_v2()).raw(),
            batch: ok(c.api_create_batch_port(&key)).raw(),
        };
        Self { world, c, h }
    }

    /// Handles that a client opens who may only read, of all types of which it can open one; in the
    /// place of the others are those of the administrator, which its association does not know.
    pub(crate) fn opened_to_read(&self, c: &Clusapi) -> Handles {
        const GENERIC_READ: u32 = 0x8000_0000;
        // Operators have no right to keys.
        let root = now(c.api_get_root_key(crate::world::KEY_READ)).ok();
        let group = |name| ok(c.api_open_group_ex(name, GENERIC_READ)).handle.raw();
        let node = |name| ok(c.api_open_node_ex(name, GENERIC_READ)).handle.raw();
        let resource = |name| ok(c.api_open_resource_ex(name, GENERIC_READ)).handle.raw();
        Handles {
            association: c.channel().association(),
            cluster: ok(c.api_open_cluster_ex(GENERIC_READ)).handle.raw(),
            node: node("node1"),
            node2: node("node2"),
            group: group("web"),
            group2: group("other"),
            resource: resource("app"),
            resource2: resource("data"),
            network: ok(c.api_open_network_ex("Cluster Network 1", GENERIC_READ)).handle.raw(),
            interface: ok(c.api_open_net_interface_ex("node1 - Ethernet", GENERIC_READ)).handle.raw(),
            key: root.as_ref().map_or(self.h.key, |root| root.raw()),
            port: ok(c.api_create_notify()).raw(),
            port2: ok(c.api_create_notify_v2()).raw(),
            batch: root.as_ref().map_or(self.h.batch, |root| ok(c.api_create_batch_port(root)).raw()),
            ..self.h
        }
    }
}

macro_rules! methods {
    ($h:ident; $($opnum:literal $name:ident $needs:ident $level:ident [$($type:ident)*] => $c:ident.$method:ident($($argument:expr),*);)*) => {
        /// All of them, in the order of their opnums.
        pub(crate) static METHODS: &[Method] = &[$(Method {
            opnum: $opnum,
            name: stringify!($name),
            needs: Needs::$needs,
            level: Level::$level,
            takes: &[$(Type::$type),*],
            call: |$c, $h| { let _ = $h; verdict($c.$method($($argument),*)) },
        }),*];
    };
}

methods! {
    h;
    0 ApiOpenCluster Read All [] => c.api_open_cluster();
    1 ApiCloseCluster Any Nothing [Cluster] => c.api_close_cluster(Some(h.cluster()));
    2 ApiSetClusterName Write All [] => c.api_set_cluster_name("NEW");
    3 ApiGetClusterName Read Read [] => c.api_get_cluster_name();
    4 ApiGetClusterVersion Any Nothing [] => c.api_get_cluster_version();
    5 ApiGetQuorumResource Read Read [] => c.api_get_quorum_resource();
    6 ApiSetQuorumResource Write All [Resource] => c.api_set_quorum_resource(&h.resource(), "", 0x400);
    7 ApiCreateEnum Read Read [] => c.api_create_enum(1);
    8 ApiOpenResource Read All [] => c.api_open_resource("app");
    9 ApiCreateResource Write All [Group] => c.api_create_resource(&h.group(), "new", "Memory", 0);
    10 ApiDeleteResource Write All [Resource] => c.api_delete_resource(&h.resource());
    11 ApiCloseResource Any Nothing [Resource] => c.api_close_resource(Some(h.resource()));
    12 ApiGetResourceState Read Read [Resource] => c.api_get_resource_state(&h.resource());
    13 ApiSetResourceName Write All [Resource] => c.api_set_resource_name(&h.resource(), "new");
    14 ApiGetResourceId Read Read [Resource] => c.api_get_resource_id(&h.resource());
    15 ApiGetResourceType Read Read [Resource] => c.api_get_resource_type(&h.resource());
    16 ApiFailResource Write All [Resource] => c.api_fail_resource(&h.resource());
    17 ApiOnlineResource Write All [Resource] => c.api_online_resource(&h.resource());
    18 ApiOfflineResource Write All [Resource] => c.api_offline_resource(&h.resource());
    19 ApiAddResourceDependency Write All [Resource] => c.api_add_resource_dependency(&h.resource(), &h.resource2());
    20 ApiRemoveResourceDependency Write All [Resource] => c.api_remove_resource_dependency(&h.resource(), &h.resource2());
    21 ApiCanResourceBeDependent Read Read [Resource] => c.api_can_resource_be_dependent(&h.resource(), &h.resource2());
    22 ApiCreateResEnum Read Read [Resource] => c.api_create_res_enum(&h.resource(), 1);
    23 ApiAddResourceNode Write All [Resource Node] => c.api_add_resource_node(&h.resource(), &h.node());
    24 ApiRemoveResourceNode Write All [Resource Node] => c.api_remove_resource_node(&h.resource(), &h.node());
    25 ApiChangeResourceGroup Write All [Resource Group] => c.api_change_resource_group(&h.resource(), &h.group());
    26 ApiCreateResourceType Write All [] => c.api_create_resource_type("New type", "shown", "dll", 0, 0);
    27 ApiDeleteResourceType Write All [] => c.api_delete_resource_type("New type");
    28 ApiGetRootKey Read Read [] => c.api_get_root_key(0x2_0019);
    29 ApiCreateKey Write All [Key] => c.api_create_key(&h.key(), "Key\\New", 0, 0x2_0019, None);
    30 ApiOpenKey Read Read [Key] => c.api_open_key(&h.key(), "Key", 0x2_0019);
    31 ApiEnumKey Read Read [Key] => c.api_enum_key(&h.key(), 0);
    32 ApiSetValue Write All [Key] => c.api_set_value(&h.key(), "new", 3, &b"x\0y\0\0\0"[..]);
    33 ApiDeleteValue Write All [Key] => c.api_delete_value(&h.key(), "value");
    34 ApiQueryValue Read Read [Key] => c.api_query_value(&h.key(), "value", 0);
    35 ApiDeleteKey Write All [Key] => c.api_delete_key(&h.key(), "Key");
    36 ApiEnumValue Read Read [Key] => c.api_enum_value(&h.key(), 0, 0);
    37 ApiCloseKey Any Nothing [Key] => c.api_close_key(Some(h.key()));
    38 ApiQueryInfoKey Read Read [Key] => c.api_query_info_key(&h.key());
    39 ApiSetKeySecurity Write All [Key] => c.api_set_key_security(&h.key(), 0, h.security());
    40 ApiGetKeySecurity Read Read [Key] => c.api_get_key_security(&h.key(), 0, RpcSecurityDescriptor::default());
    41 ApiOpenGroup Read All [] => c.api_open_group("web");
    42 ApiCreateGroup Write All [] => c.api_create_group("new");
    43 ApiDeleteGroup Write All [Group] => c.api_delete_group(&h.group(), 0);
    44 ApiCloseGroup Any Nothing [Group] => c.api_close_group(Some(h.group()));
    45 ApiGetGroupState Read Read [Group] => c.api_get_group_state(&h.group());
    46 ApiSetGroupName Write All [Group] => c.api_set_group_name(&h.group(), "new");
    47 ApiGetGroupId Read Read [Group] => c.api_get_group_id(&h.group());
    48 ApiGetNodeId Read Read [Node] => c.api_get_node_id(&h.node());
    49 ApiOnlineGroup Write All [Group] => c.api_online_group(&h.group());
    50 ApiOfflineGroup Write All [Group] => c.api_offline_group(&h.group());
    51 ApiMoveGroup Write All [Group] => c.api_move_group(&h.group());
    52 ApiMoveGroupToNode Write All [Group Node] => c.api_move_group_to_node(&h.group(), &h.node());
    53 ApiCreateGroupResourceEnum Read Read [Group] => c.api_create_group_resource_enum(&h.group(), 1);
    54 ApiSetGroupNodeList Write All [Group] => c.api_set_group_node_list(&h.group(), None);
    55 ApiCreateNotify Read Read [] => c.api_create_notify();
    56 ApiCloseNotify Any Nothing [Port] => c.api_close_notify(Some(h.port()));
    57 ApiAddNotifyCluster Read Read [Port Cluster] => c.api_add_notify_cluster(&h.port(), &h.cluster(), 0x1000, 1);
    58 ApiAddNotifyNode Read Read [Port Node] => c.api_add_notify_node(&h.port(), &h.node(), 0x1, 1);
    59 ApiAddNotifyGroup Read Read [Port Group] => c.api_add_notify_group(&h.port(), &h.group(), 0x1000, 1);
    60 ApiAddNotifyResource Read Read [Port Resource] => c.api_add_notify_resource(&h.port(), &h.resource(), 0x100, 1);
    61 ApiAddNotifyKey Read Read [Port Key] => c.api_add_notify_key(&h.port(), &h.key(), 1, 0x40, 0);
    62 ApiReAddNotifyNode Read Read [Port Node] => c.api_re_add_notify_node(&h.port(), &h.node(), 0x1, 1, 0);
    63 ApiReAddNotifyGroup Read Read [Port Group] => c.api_re_add_notify_group(&h.port(), &h.group(), 0x1000, 1, 0);
    64 ApiReAddNotifyResource Read Read [Port Resource] => c.api_re_add_notify_resource(&h.port(), &h.resource(), 0x100, 1, 0);
    65 ApiGetNotify Read Read [Port] => c.api_get_notify(&h.port());
    66 ApiOpenNode Read All [] => c.api_open_node("node1");
    67 ApiCloseNode Any Nothing [Node] => c.api_close_node(Some(h.node()));
    68 ApiGetNodeState Read Read [Node] => c.api_get_node_state(&h.node());
    69 ApiPauseNode Write All [Node] => c.api_pause_node(&h.node());
    70 ApiResumeNode Write All [Node] => c.api_resume_node(&h.node());
    71 ApiEvictNode Write All [Node] => c.api_evict_node(&h.node());
    72 ApiNodeResourceControl Read Read [Resource Node] => c.api_node_resource_control(&h.resource(), &h.node(), 0x1000000, None, 64);
    73 ApiResourceControl Read Read [Resource] => c.api_resource_control(&h.resource(), 0x1000000, None, 64);
    74 ApiNodeResourceTypeControl Read Read [Cluster Node] => c.api_node_resource_type_control(&h.cluster(), "Memory", &h.node(), 0x2000000, None, 64);
    75 ApiResourceTypeControl Read Read [Cluster] => c.api_resource_type_control(&h.cluster(), "Memory", 0x2000000, None, 64);
    76 ApiNodeGroupControl Read Read [Group Node] => c.api_node_group_control(&h.group(), &h.node(), 0x3000000, None, 64);
    77 ApiGroupControl Read Read [Group] => c.api_group_control(&h.group(), 0x3000000, None, 64);
    78 ApiNodeNodeControl Read Read [Node] => c.api_node_node_control(&h.node(), &h.node2(), 0x4000000, None, 64);
    79 ApiNodeControl Read Read [Node] => c.api_node_control(&h.node(), 0x4000000, None, 64);
    81 ApiOpenNetwork Read All [] => c.api_open_network("Cluster Network 1");
    82 ApiCloseNetwork Any Nothing [Network] => c.api_close_network(Some(h.network()));
    83 ApiGetNetworkState Read Read [Network] => c.api_get_network_state(&h.network());
    84 ApiSetNetworkName Write All [Network] => c.api_set_network_name(&h.network(), "new");
    85 ApiCreateNetworkEnum Read Read [Network] => c.api_create_network_enum(&h.network(), 1);
    86 ApiGetNetworkId Read Read [Network] => c.api_get_network_id(&h.network());
    87 ApiSetNetworkPriorityOrder Any Nothing [] => c.api_set_network_priority_order(Vec::new());
    88 ApiNodeNetworkControl Read Read [Network Node] => c.api_node_network_control(&h.network(), &h.node(), 0x5000000, None, 64);
    89 ApiNetworkControl Read Read [Network] => c.api_network_control(&h.network(), 0x5000000, None, 64);
    90 ApiAddNotifyNetwork Read Read [Port Network] => c.api_add_notify_network(&h.port(), &h.network(), 0x100000, 1);
    91 ApiReAddNotifyNetwork Read Read [Port Network] => c.api_re_add_notify_network(&h.port(), &h.network(), 0x100000, 1, 0);
    92 ApiOpenNetInterface Read All [] => c.api_open_net_interface("node1 - Ethernet");
    93 ApiCloseNetInterface Any Nothing [Interface] => c.api_close_net_interface(Some(h.interface()));
    94 ApiGetNetInterfaceState Read Read [Interface] => c.api_get_net_interface_state(&h.interface());
    95 ApiGetNetInterface Read Read [] => c.api_get_net_interface("node1", "Cluster Network 1");
    96 ApiGetNetInterfaceId Read Read [Interface] => c.api_get_net_interface_id(&h.interface());
    97 ApiNodeNetInterfaceControl Read Read [Interface Node] => c.api_node_net_interface_control(&h.interface(), &h.node(), 0x6000000, None, 64);
    98 ApiNetInterfaceControl Read Read [Interface] => c.api_net_interface_control(&h.interface(), 0x6000000, None, 64);
    99 ApiAddNotifyNetInterface Read Read [Port Interface] => c.api_add_notify_net_interface(&h.port(), &h.interface(), 0x1000000, 1);
    100 ApiReAddNotifyNetInterface Read Read [Port Interface] => c.api_re_add_notify_net_interface(&h.port(), &h.interface(), 0x1000000, 1, 0);
    101 ApiCreateNodeEnum Read Read [Node] => c.api_create_node_enum(&h.node(), 1);
    102 ApiGetClusterVersion2 Read Read [] => c.api_get_cluster_version2();
    103 ApiCreateResTypeEnum Read Read [] => c.api_create_res_type_enum("Memory", 1);
    104 ApiBackupClusterDatabase Any Nothing [] => c.api_backup_cluster_database("x");
    105 ApiNodeClusterControl Read Read [Cluster Node] => c.api_node_cluster_control(&h.cluster(), &h.node(), 0x7000000, None, 64);
    106 ApiClusterControl Read Read [Cluster] => c.api_cluster_control(&h.cluster(), 0x7000000, None, 64);
    107 ApiUnblockGetNotifyCall Any Read [Port] => c.api_unblock_get_notify_call(&h.port());
    108 ApiSetServiceAccountPassword Any Nothing [] => c.api_set_service_account_password("x", IdlClusterSetPasswordFlags::default(), 0);
    109 ApiSetResourceDependencyExpression Write All [Resource] => c.api_set_resource_dependency_expression(&h.resource(), None);
    110 ApiGetResourceDependencyExpression Read Read [Resource] => c.api_get_resource_dependency_expression(&h.resource());
    112 ApiGetResourceNetworkName Read Read [Resource] => c.api_get_resource_network_name(&h.resource());
    113 ApiExecuteBatch Write All [Key] => c.api_execute_batch(&h.key(), h.batch_data());
    114 ApiCreateBatchPort Read Read [Key] => c.api_create_batch_port(&h.key());
    115 ApiGetBatchNotification Read Read [Batch] => c.api_get_batch_notification(&h.batch());
    116 ApiCloseBatchPort Any Nothing [Batch] => c.api_close_batch_port(Some(h.batch()));
    117 ApiOpenClusterEx Read Read [] => c.api_open_cluster_ex(0x8000_0000);
    118 ApiOpenNodeEx Read Read [] => c.api_open_node_ex("node1", 0x8000_0000);
    119 ApiOpenGroupEx Read Read [] => c.api_open_group_ex("web", 0x8000_0000);
    120 ApiOpenResourceEx Read Read [] => c.api_open_resource_ex("app", 0x8000_0000);
    121 ApiOpenNetworkEx Read Read [] => c.api_open_network_ex("Cluster Network 1", 0x8000_0000);
    122 ApiOpenNetInterfaceEx Read Read [] => c.api_open_net_interface_ex("node1 - Ethernet", 0x8000_0000);
    123 ApiChangeCsvState Write All [Resource] => c.api_change_csv_state(&h.resource(), 0);
    124 ApiCreateNodeEnumEx Read Read [Node] => c.api_create_node_enum_ex(&h.node(), 1, 0);
    125 ApiCreateEnumEx Read Read [Cluster] => c.api_create_enum_ex(&h.cluster(), 1, 0);
    126 ApiPauseNodeEx Write All [Node] => c.api_pause_node_ex(&h.node(), 0, 0);
    127 ApiPauseNodeWithDrainTarget Write All [Node] => c.api_pause_node_with_drain_target(&h.node(), 0, &h.node2());
    128 ApiResumeNodeEx Write All [Node] => c.api_resume_node_ex(&h.node(), 0, 0);
    129 ApiCreateGroupEx Write All [] => c.api_create_group_ex("new", None);
    130 ApiOnlineGroupEx Write All [Group] => c.api_online_group_ex(&h.group(), 0, Bytes::new());
    131 ApiOfflineGroupEx Write All [Group] => c.api_offline_group_ex(&h.group(), 0, Bytes::new());
    132 ApiMoveGroupEx Write All [Group] => c.api_move_group_ex(&h.group(), 0, Bytes::new());
    133 ApiMoveGroupToNodeEx Write All [Group Node] => c.api_move_group_to_node_ex(&h.group(), &h.node(), 0, Bytes::new());
    134 ApiCancelClusterGroupOperation Write All [Group] => c.api_cancel_cluster_group_operation(&h.group(), 0);
    135 ApiOnlineResourceEx Write All [Resource] => c.api_online_resource_ex(&h.resource(), 0, Bytes::new());
    136 ApiOfflineResourceEx Write All [Resource] => c.api_offline_resource_ex(&h.resource(), 0, Bytes::new());
    137 ApiCreateNotifyV2 Read Read [] => c.api_create_notify_v2();
    138 ApiAddNotifyV2 Read Read [Port Generic] => c.api_add_notify_v2(&h.port2(), &h.generic(), NotifyFilterAndTypeRpc { object_type: 1, filter_flags: 4 }, 1, 2, 0);
    139 ApiGetNotifyV2 Read Read [Port] => c.api_get_notify_v2(&h.port2());
    143 ApiCreateGroupEnum Read Read [Cluster] => c.api_create_group_enum(&h.cluster(), None, None);
    144 ApiCreateResourceEnum Read Read [Cluster] => c.api_create_resource_enum(&h.cluster(), None, None);
    145 ApiExecuteReadBatch Read Read [Key] => c.api_execute_read_batch(&h.key(), h.batch_data());
    146 ApiRestartResource Write All [Resource] => c.api_restart_resource(&h.resource(), 0);
    147 ApiGetNotifyAsync Read Read [Port] => c.api_get_notify_async(&h.port());
    155 ApiAddNotifyResourceTypeV2 Read Read [Port] => c.api_add_notify_resource_type_v2(&h.port2(), 1, 1, "Memory", 2);
    157 ApiExecuteReadBatchEx Read Read [Key] => c.api_execute_read_batch_ex(&h.key(), h.batch_data(), 0);
    163 ApiCreateGroupSet Write All [] => c.api_create_group_set("new");
    164 ApiOpenGroupSet Read All [] => c.api_open_group_set("front");
    165 ApiCloseGroupSet Any Nothing [GroupSet] => c.api_close_group_set(Some(h.group_set()));
    166 ApiDeleteGroupSet Write All [GroupSet] => c.api_delete_group_set(&h.group_set());
    167 ApiAddGroupToGroupSet Write All [GroupSet Group] => c.api_add_group_to_group_set(&h.group_set(), &h.group());
    168 ApiRemoveGroupFromGroupSet Write All [Group] => c.api_remove_group_from_group_set(&h.group());
    169 ApiMoveGroupToGroupSet Write All [GroupSet Group] => c.api_move_group_to_group_set(&h.group_set(), &h.group());
    171 ApiAddGroupSetDependency Write All [GroupSet] => c.api_add_group_set_dependency(&h.group_set(), &h.group_set2());
    172 ApiAddGroupToGroupSetDependency Write All [Group GroupSet] => c.api_add_group_to_group_set_dependency(&h.group(), &h.group_set());
    173 ApiNodeGroupSetControl Read Read [GroupSet Node] => c.api_node_group_set_control(&h.group_set(), &h.node(), 0x8000000, None, 64);
    174 ApiGroupSetControl Read Read [GroupSet] => c.api_group_set_control(&h.group_set(), 0x8000000, None, 64);
    175 ApiSetGroupDependencyExpression Write All [Group] => c.api_set_group_dependency_expression(&h.group(), "");
    176 ApiRemoveClusterGroupDependency Write All [Group] => c.api_remove_cluster_group_dependency(&h.group(), &h.group2());
    177 ApiSetGroupSetDependencyExpression Write All [GroupSet] => c.api_set_group_set_dependency_expression(&h.group_set(), "");
    178 ApiRemoveGroupSetDependency Write All [GroupSet] => c.api_remove_group_set_dependency(&h.group_set(), &h.group_set2());
    179 ApiRemoveClusterGroupToGroupSetDependency Write All [Group GroupSet] => c.api_remove_cluster_group_to_group_set_dependency(&h.group(), &h.group_set());
    180 ApiCreateGroupSetEnum Read Read [Cluster] => c.api_create_group_set_enum(&h.cluster());
    181 ApiCreateNetInterfaceEnum Read Read [Cluster] => c.api_create_net_interface_enum(&h.cluster(), "node1", "Cluster Network 1");
    182 ApiChangeCsvStateEx Write All [Resource] => c.api_change_csv_state_ex(&h.resource(), 0, "v");
    183 ApiAddGroupToGroupSetEx Write All [GroupSet Group] => c.api_add_group_to_group_set_ex(&h.group_set(), &h.group(), 0, 0, 0, 0);
    184 ApiChangeResourceGroupEx Write All [Resource Group] => c.api_change_resource_group_ex(&h.resource(), &h.group(), 0);
}

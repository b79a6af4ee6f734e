//! The table of all methods of protocol version 3, in the order of their opnums: what state of the
//! server each needs (\[MS-CMRP\] 3.1.4.2), and what carries it out.

use msrpc_ndr::{Bytes, Call, Handle, HandleChange, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    self as types,
    clusapi::{self as answers, HgenericRpc, Server},
};

use super::{
    ClusApi, OpenBatchPort, OpenCluster, OpenKey, OpenObject, OpenPort, any_handle, batch, cluster, controls,
    enumerate, group, group_set, lists, network, node, notify, registry, resource, resource_type,
};
use crate::cluster::node::Node;

/// Refuses what the node does not accept now: `any` is always accepted, `read` unless the node is
/// none of the cluster, `write` only while it takes changes. For a control code the code decides.
macro_rules! admit {
    (any $api:ident) => {};
    (read $api:ident) => {
        $api.node.accepts(false)?
    };
    (code $api:ident) => {
        $api.node.accepts(false)?
    };
    (write $api:ident) => {
        $api.node.accepts(true)?
    };
}

macro_rules! methods {
    ($($opnum:literal $state:ident $name:ident($($argument:ident: $type:ty),*) -> $answer:ty = $method:path;)*) => {
        impl<N: Node> Server for ClusApi<N> {
            type HclusterRpc = OpenCluster;
            type HnodeRpc = OpenObject;
            type HgroupRpc = OpenObject;
            type HgroupsetRpc = OpenObject;
            type HresRpc = OpenObject;
            type HnetworkRpc = OpenObject;
            type HnetinterfaceRpc = OpenObject;
            type HkeyRpc = OpenKey;
            type HnotifyRpc = OpenPort<N>;
            type HbatchPortRpc = OpenBatchPort<N>;

            $(async fn $name(&self, call: &Call, $($argument: $type),*) -> Outcome<$answer, Win32Error> {
                admit!($state self);
                $method(self, call, $($argument),*).await
            })*
        }
    };
}

methods! {
      0 read  api_open_cluster() -> OpenCluster
        = cluster::open;
      1 any   api_close_cluster(cluster: Option<&Handle<OpenCluster>>) -> HandleChange<OpenCluster>
        = any_handle::close;
      2 write api_set_cluster_name(new_cluster_name: WString) -> ()
        = cluster::set_name;
      3 read  api_get_cluster_name() -> answers::ApiGetClusterName
        = cluster::name;
      4 any   api_get_cluster_version() -> answers::ApiGetClusterVersion
        = cluster::version;
      5 read  api_get_quorum_resource() -> answers::ApiGetQuorumResource
        = cluster::quorum_resource;
      6 write api_set_quorum_resource(resource: &Handle<OpenObject>, device_name: WString, max_quorum_log_size: u32) -> ()
        = cluster::set_quorum_resource;
      7 read  api_create_enum(dw_type: u32) -> Option<types::EnumList>
        = enumerate::create_enum;
      8 read  api_open_resource(resource_name: WString) -> OpenObject
        = resource::open;
      9 write api_create_resource(group: &Handle<OpenObject>, resource_name: WString, resource_type: WString, flags: u32) -> OpenObject
        = resource::create;
     10 write api_delete_resource(resource: &Handle<OpenObject>) -> ()
        = resource::delete;
     11 any   api_close_resource(resource: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
     12 read  api_get_resource_state(resource: &Handle<OpenObject>) -> answers::ApiGetResourceState
        = resource::state;
     13 write api_set_resource_name(resource: &Handle<OpenObject>, resource_name: WString) -> ()
        = resource::set_name;
     14 read  api_get_resource_id(resource: &Handle<OpenObject>) -> Option<WString>
        = any_handle::id;
     15 read  api_get_resource_type(resource: &Handle<OpenObject>) -> Option<WString>
        = resource::resource_type;
     16 write api_fail_resource(resource: &Handle<OpenObject>) -> ()
        = resource::fail;
     17 write api_online_resource(resource: &Handle<OpenObject>) -> Win32Error
        = resource::online;
     18 write api_offline_resource(resource: &Handle<OpenObject>) -> Win32Error
        = resource::offline;
     19 write api_add_resource_dependency(resource: &Handle<OpenObject>, depends_on: &Handle<OpenObject>) -> ()
        = resource::add_dependency;
     20 write api_remove_resource_dependency(resource: &Handle<OpenObject>, depends_on: &Handle<OpenObject>) -> ()
        = resource::remove_dependency;
     21 read  api_can_resource_be_dependent(resource: &Handle<OpenObject>, resource_dependent: &Handle<OpenObject>) -> ()
        = resource::can_be_dependent;
     22 read  api_create_res_enum(resource: &Handle<OpenObject>, dw_type: u32) -> Option<types::EnumList>
        = enumerate::resource_enum;
     23 write api_add_resource_node(resource: &Handle<OpenObject>, node: &Handle<OpenObject>) -> ()
        = resource::add_node;
     24 write api_remove_resource_node(resource: &Handle<OpenObject>, node: &Handle<OpenObject>) -> ()
        = resource::remove_node;
     25 write api_change_resource_group(resource: &Handle<OpenObject>, group: &Handle<OpenObject>) -> ()
        = resource::change_group;
     26 write api_create_resource_type(type_name: WString, display_name: WString, dll_name: WString, looks_alive: u32, is_alive: u32) -> ()
        = resource_type::create;
     27 write api_delete_resource_type(type_name: WString) -> ()
        = resource_type::delete;
     28 read  api_get_root_key(sam_desired: u32) -> OpenKey
        = registry::root;
     29 write api_create_key(key: &Handle<OpenKey>, sub_key: WString, options: u32, sam_desired: u32, security_attributes: Option<types::RpcSecurityAttributes>) -> answers::ApiCreateKey<OpenKey>
        = registry::create;
     30 read  api_open_key(key: &Handle<OpenKey>, sub_key: WString, sam_desired: u32) -> OpenKey
        = registry::open;
     31 read  api_enum_key(key: &Handle<OpenKey>, index: u32) -> answers::ApiEnumKey
        = registry::enumerate;
     32 write api_set_value(key: &Handle<OpenKey>, value_name: WString, dw_type: u32, data: Bytes) -> ()
        = registry::set_value;
     33 write api_delete_value(key: &Handle<OpenKey>, value_name: WString) -> ()
        = registry::delete_value;
     34 read  api_query_value(key: &Handle<OpenKey>, value_name: WString, cb_data: u32) -> answers::ApiQueryValue
        = registry::query_value;
     35 write api_delete_key(key: &Handle<OpenKey>, sub_key: WString) -> ()
        = registry::delete;
     36 read  api_enum_value(key: &Handle<OpenKey>, index: u32, cb_data: u32) -> answers::ApiEnumValue
        = registry::enumerate_values;
     37 any   api_close_key(key: Option<&Handle<OpenKey>>) -> HandleChange<OpenKey>
        = any_handle::close;
     38 read  api_query_info_key(key: &Handle<OpenKey>) -> answers::ApiQueryInfoKey
        = registry::info;
     39 write api_set_key_security(key: &Handle<OpenKey>, security_information: u32, rpc_security_descriptor: types::RpcSecurityDescriptor) -> ()
        = registry::set_security;
     40 read  api_get_key_security(key: &Handle<OpenKey>, security_information: u32, rpc_security_descriptor: types::RpcSecurityDescriptor) -> types::RpcSecurityDescriptor
        = registry::security;
     41 read  api_open_group(group_name: WString) -> OpenObject
        = group::open;
     42 write api_create_group(group_name: WString) -> OpenObject
        = group::create;
     43 write api_delete_group(group: &Handle<OpenObject>, force: i32) -> ()
        = group::delete;
     44 any   api_close_group(group: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
     45 read  api_get_group_state(group: &Handle<OpenObject>) -> answers::ApiGetGroupState
        = group::state;
     46 write api_set_group_name(group: &Handle<OpenObject>, group_name: WString) -> ()
        = group::set_name;
     47 read  api_get_group_id(group: &Handle<OpenObject>) -> Option<WString>
        = any_handle::id;
     48 read  api_get_node_id(node: &Handle<OpenObject>) -> Option<WString>
        = any_handle::id;
     49 write api_online_group(group: &Handle<OpenObject>) -> Win32Error
        = group::online;
     50 write api_offline_group(group: &Handle<OpenObject>) -> Win32Error
        = group::offline;
     51 write api_move_group(group: &Handle<OpenObject>) -> Win32Error
        = group::move_to_best;
     52 write api_move_group_to_node(group: &Handle<OpenObject>, node: &Handle<OpenObject>) -> Win32Error
        = group::move_to_node;
     53 read  api_create_group_resource_enum(group: &Handle<OpenObject>, dw_type: u32) -> Option<types::EnumList>
        = enumerate::group_enum;
     54 write api_set_group_node_list(group: &Handle<OpenObject>, node_list: Option<WString>) -> ()
        = group::set_node_list;
     55 read  api_create_notify() -> OpenPort<N>
        = notify::create;
     56 any   api_close_notify(notify: Option<&Handle<OpenPort<N>>>) -> HandleChange<OpenPort<N>>
        = any_handle::close;
     57 read  api_add_notify_cluster(notify: &Handle<OpenPort<N>>, cluster: &Handle<OpenCluster>, filter: u32, notify_key: u32) -> ()
        = notify::add_cluster;
     58 read  api_add_notify_node(notify: &Handle<OpenPort<N>>, node: &Handle<OpenObject>, filter: u32, notify_key: u32) -> u32
        = notify::add_object;
     59 read  api_add_notify_group(notify: &Handle<OpenPort<N>>, group: &Handle<OpenObject>, filter: u32, notify_key: u32) -> u32
        = notify::add_object;
     60 read  api_add_notify_resource(notify: &Handle<OpenPort<N>>, resource: &Handle<OpenObject>, filter: u32, notify_key: u32) -> u32
        = notify::add_object;
     61 read  api_add_notify_key(notify: &Handle<OpenPort<N>>, key: &Handle<OpenKey>, notify_key: u32, filter: u32, watch_sub_tree: i32) -> ()
        = notify::add_key;
     62 read  api_re_add_notify_node(notify: &Handle<OpenPort<N>>, node: &Handle<OpenObject>, filter: u32, notify_key: u32, state_sequence: u32) -> ()
        = notify::re_add_object;
     63 read  api_re_add_notify_group(notify: &Handle<OpenPort<N>>, group: &Handle<OpenObject>, filter: u32, notify_key: u32, state_sequence: u32) -> ()
        = notify::re_add_object;
     64 read  api_re_add_notify_resource(notify: &Handle<OpenPort<N>>, resource: &Handle<OpenObject>, filter: u32, notify_key: u32, state_sequence: u32) -> ()
        = notify::re_add_object;
     65 read  api_get_notify(notify: &Handle<OpenPort<N>>) -> answers::ApiGetNotify
        = notify::get;
     66 read  api_open_node(node_name: WString) -> OpenObject
        = node::open;
     67 any   api_close_node(node: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
     68 read  api_get_node_state(node: &Handle<OpenObject>) -> u32
        = node::state;
     69 write api_pause_node(node: &Handle<OpenObject>) -> ()
        = node::pause;
     70 write api_resume_node(node: &Handle<OpenObject>) -> ()
        = node::resume;
     71 write api_evict_node(node: &Handle<OpenObject>) -> ()
        = node::evict;
     72 code  api_node_resource_control(resource: &Handle<OpenObject>, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeResourceControl
        = controls::on_object_at;
     73 code  api_resource_control(resource: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiResourceControl
        = controls::on_object;
     74 code  api_node_resource_type_control(cluster: &Handle<OpenCluster>, resource_type_name: WString, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeResourceTypeControl
        = controls::on_type_at;
     75 code  api_resource_type_control(cluster: &Handle<OpenCluster>, resource_type_name: WString, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiResourceTypeControl
        = controls::on_type;
     76 code  api_node_group_control(group: &Handle<OpenObject>, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeGroupControl
        = controls::on_object_at;
     77 code  api_group_control(group: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiGroupControl
        = controls::on_object;
     78 code  api_node_node_control(node: &Handle<OpenObject>, host_node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeNodeControl
        = controls::on_object_at;
     79 code  api_node_control(node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeControl
        = controls::on_object;
     81 read  api_open_network(network_name: WString) -> OpenObject
        = network::open;
     82 any   api_close_network(network: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
     83 read  api_get_network_state(network: &Handle<OpenObject>) -> u32
        = network::state;
     84 write api_set_network_name(network: &Handle<OpenObject>, network_name: WString) -> ()
        = network::set_name;
     85 read  api_create_network_enum(network: &Handle<OpenObject>, dw_type: u32) -> Option<types::EnumList>
        = enumerate::network_enum;
     86 read  api_get_network_id(network: &Handle<OpenObject>) -> Option<WString>
        = any_handle::id;
     87 any   api_set_network_priority_order(network_id_list: Vec<Option<WString>>) -> ()
        = network::set_priority_order;
     88 code  api_node_network_control(network: &Handle<OpenObject>, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeNetworkControl
        = controls::on_object_at;
     89 code  api_network_control(network: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNetworkControl
        = controls::on_object;
     90 read  api_add_notify_network(notify: &Handle<OpenPort<N>>, network: &Handle<OpenObject>, filter: u32, notify_key: u32) -> u32
        = notify::add_object;
     91 read  api_re_add_notify_network(notify: &Handle<OpenPort<N>>, network: &Handle<OpenObject>, filter: u32, notify_key: u32, state_sequence: u32) -> ()
        = notify::re_add_object;
     92 read  api_open_net_interface(net_interface_name: WString) -> OpenObject
        = network::open_interface;
     93 any   api_close_net_interface(net_interface: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
     94 read  api_get_net_interface_state(net_interface: &Handle<OpenObject>) -> u32
        = network::interface_state;
     95 read  api_get_net_interface(node_name: WString, network_name: WString) -> Option<WString>
        = network::interface;
     96 read  api_get_net_interface_id(net_interface: &Handle<OpenObject>) -> Option<WString>
        = any_handle::id;
     97 code  api_node_net_interface_control(net_interface: &Handle<OpenObject>, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeNetInterfaceControl
        = controls::on_object_at;
     98 code  api_net_interface_control(net_interface: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNetInterfaceControl
        = controls::on_object;
     99 read  api_add_notify_net_interface(notify: &Handle<OpenPort<N>>, net_interface: &Handle<OpenObject>, filter: u32, notify_key: u32) -> u32
        = notify::add_object;
    100 read  api_re_add_notify_net_interface(notify: &Handle<OpenPort<N>>, net_interface: &Handle<OpenObject>, filter: u32, notify_key: u32, state_sequence: u32) -> ()
        = notify::re_add_object;
    101 read  api_create_node_enum(node: &Handle<OpenObject>, dw_type: u32) -> Option<types::EnumList>
        = enumerate::node_enum;
    102 read  api_get_cluster_version2() -> answers::ApiGetClusterVersion2
        = cluster::version2;
    103 read  api_create_res_type_enum(type_name: WString, dw_type: u32) -> Option<types::EnumList>
        = enumerate::resource_type_enum;
    104 any   api_backup_cluster_database(path_name: WString) -> ()
        = cluster::backup_database;
    105 code  api_node_cluster_control(cluster: &Handle<OpenCluster>, host_node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeClusterControl
        = controls::on_cluster_at;
    106 code  api_cluster_control(cluster: &Handle<OpenCluster>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiClusterControl
        = controls::on_cluster;
    107 any   api_unblock_get_notify_call(notify: &Handle<OpenPort<N>>) -> ()
        = notify::unblock;
    108 any   api_set_service_account_password(new_password: WString, flags: types::IdlClusterSetPasswordFlags, return_status_buffer_size: u32) -> answers::ApiSetServiceAccountPassword
        = cluster::set_service_account_password;
    109 write api_set_resource_dependency_expression(resource: &Handle<OpenObject>, dependency_expression: Option<WString>) -> ()
        = resource::set_dependency_expression;
    110 read  api_get_resource_dependency_expression(resource: &Handle<OpenObject>) -> Option<WString>
        = resource::dependency_expression;
    112 read  api_get_resource_network_name(resource: &Handle<OpenObject>) -> Option<WString>
        = resource::network_name;
    113 write api_execute_batch(key: &Handle<OpenKey>, data: Bytes) -> i32
        = batch::execute;
    114 read  api_create_batch_port(key: &Handle<OpenKey>) -> OpenBatchPort<N>
        = batch::create_port;
    115 read  api_get_batch_notification(batch_notify: &Handle<OpenBatchPort<N>>) -> Option<Bytes>
        = batch::notification;
    116 any   api_close_batch_port(batch_port: Option<&Handle<OpenBatchPort<N>>>) -> HandleChange<OpenBatchPort<N>>
        = any_handle::close;
    117 read  api_open_cluster_ex(desired_access: u32) -> answers::ApiOpenClusterEx<OpenCluster>
        = cluster::open_ex;
    118 read  api_open_node_ex(node_name: WString, desired_access: u32) -> answers::ApiOpenNodeEx<OpenObject>
        = node::open_ex;
    119 read  api_open_group_ex(group_name: WString, desired_access: u32) -> answers::ApiOpenGroupEx<OpenObject>
        = group::open_ex;
    120 read  api_open_resource_ex(resource_name: WString, desired_access: u32) -> answers::ApiOpenResourceEx<OpenObject>
        = resource::open_ex;
    121 read  api_open_network_ex(network_name: WString, desired_access: u32) -> answers::ApiOpenNetworkEx<OpenObject>
        = network::open_ex;
    122 read  api_open_net_interface_ex(net_interface_name: WString, desired_access: u32) -> answers::ApiOpenNetInterfaceEx<OpenObject>
        = network::open_interface_ex;
    123 write api_change_csv_state(resource: &Handle<OpenObject>, state: u32) -> Win32Error
        = resource::change_csv_state;
    124 read  api_create_node_enum_ex(node: &Handle<OpenObject>, dw_type: u32, options: u32) -> answers::ApiCreateNodeEnumEx
        = enumerate::node_enum_ex;
    125 read  api_create_enum_ex(cluster: &Handle<OpenCluster>, dw_type: u32, options: u32) -> answers::ApiCreateEnumEx
        = enumerate::create_enum_ex;
    126 write api_pause_node_ex(node: &Handle<OpenObject>, drain_node: i32, pause_flags: u32) -> Win32Error
        = node::pause_ex;
    127 write api_pause_node_with_drain_target(node: &Handle<OpenObject>, pause_flags: u32, node_drain_target: &Handle<OpenObject>) -> Win32Error
        = node::pause_with_target;
    128 write api_resume_node_ex(node: &Handle<OpenObject>, resume_failback_type: u32, resume_flags_reserved: u32) -> ()
        = node::resume_ex;
    129 write api_create_group_ex(group_name: WString, group_info: Option<types::ClusterCreateGroupInfoRpc>) -> OpenObject
        = group::create_ex;
    130 write api_online_group_ex(group: &Handle<OpenObject>, online_flags: u32, in_buffer: Bytes) -> Win32Error
        = group::online_ex;
    131 write api_offline_group_ex(group: &Handle<OpenObject>, offline_flags: u32, in_buffer: Bytes) -> Win32Error
        = group::offline_ex;
    132 write api_move_group_ex(group: &Handle<OpenObject>, move_flags: u32, in_buffer: Bytes) -> Win32Error
        = group::move_ex;
    133 write api_move_group_to_node_ex(group: &Handle<OpenObject>, node: &Handle<OpenObject>, move_flags: u32, in_buffer: Bytes) -> Win32Error
        = group::move_to_node_ex;
    134 write api_cancel_cluster_group_operation(group: &Handle<OpenObject>, cancel_flags: u32) -> Win32Error
        = group::cancel;
    135 write api_online_resource_ex(resource: &Handle<OpenObject>, online_flags: u32, in_buffer: Bytes) -> Win32Error
        = resource::online_ex;
    136 write api_offline_resource_ex(resource: &Handle<OpenObject>, offline_flags: u32, in_buffer: Bytes) -> Win32Error
        = resource::offline_ex;
    137 read  api_create_notify_v2() -> OpenPort<N>
        = notify::create_v2;
    138 read  api_add_notify_v2(notify: &Handle<OpenPort<N>>, object: &HgenericRpc<Self>, filter: types::NotifyFilterAndTypeRpc, notify_key: u32, version: u32, is_targeted_at_object: i32) -> ()
        = notify::add_v2;
    139 read  api_get_notify_v2(notify: &Handle<OpenPort<N>>) -> Option<Vec<types::NotificationRpc>>
        = notify::get_v2;
    143 read  api_create_group_enum(cluster: &Handle<OpenCluster>, properties: Option<Bytes>, ro_properties: Option<Bytes>) -> Option<types::GroupEnumList>
        = lists::groups;
    144 read  api_create_resource_enum(cluster: &Handle<OpenCluster>, properties: Option<Bytes>, ro_properties: Option<Bytes>) -> Option<types::ResourceEnumList>
        = lists::resources;
    145 read  api_execute_read_batch(key: &Handle<OpenKey>, in_data: Bytes) -> Option<Bytes>
        = batch::execute_read;
    146 write api_restart_resource(resource: &Handle<OpenObject>, flags: u32) -> ()
        = resource::restart;
    147 read  api_get_notify_async(notify: &Handle<OpenPort<N>>) -> Option<Vec<types::NotificationDataAsyncRpc>>
        = notify::get_async;
    155 read  api_add_notify_resource_type_v2(notify: &Handle<OpenPort<N>>, filter: i64, notify_key: u32, res_type_name: WString, version: u32) -> ()
        = notify::add_resource_type;
    157 read  api_execute_read_batch_ex(key: &Handle<OpenKey>, in_data: Bytes, flags: u32) -> Option<Bytes>
        = batch::execute_read_ex;
    163 write api_create_group_set(group_set_name: WString) -> OpenObject
        = group_set::create;
    164 read  api_open_group_set(group_set_name: WString) -> OpenObject
        = group_set::open;
    165 any   api_close_group_set(group_set: Option<&Handle<OpenObject>>) -> HandleChange<OpenObject>
        = any_handle::close;
    166 write api_delete_group_set(group_set: &Handle<OpenObject>) -> ()
        = group_set::delete;
    167 write api_add_group_to_group_set(group_set: &Handle<OpenObject>, group: &Handle<OpenObject>) -> ()
        = group_set::add_group;
    168 write api_remove_group_from_group_set(group: &Handle<OpenObject>) -> ()
        = group_set::remove_group;
    169 write api_move_group_to_group_set(group_set: &Handle<OpenObject>, group: &Handle<OpenObject>) -> ()
        = group_set::move_group;
    171 write api_add_group_set_dependency(dependent_group_set: &Handle<OpenObject>, provider_group_set: &Handle<OpenObject>) -> ()
        = group_set::add_dependency;
    172 write api_add_group_to_group_set_dependency(dependent_group: &Handle<OpenObject>, provider_group_set: &Handle<OpenObject>) -> ()
        = group_set::add_group_to_set_dependency;
    173 code  api_node_group_set_control(group_set: &Handle<OpenObject>, node: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiNodeGroupSetControl
        = controls::on_object_at;
    174 code  api_group_set_control(group_set: &Handle<OpenObject>, control_code: u32, in_buffer: Option<Bytes>, n_out_buffer_size: u32) -> answers::ApiGroupSetControl
        = controls::on_object;
    175 write api_set_group_dependency_expression(group: &Handle<OpenObject>, dependency_expression: WString) -> ()
        = group_set::set_group_expression;
    176 write api_remove_cluster_group_dependency(group: &Handle<OpenObject>, depends_on: &Handle<OpenObject>) -> ()
        = group_set::remove_group_dependency;
    177 write api_set_group_set_dependency_expression(group_set: &Handle<OpenObject>, dependency_expression: WString) -> ()
        = group_set::set_expression;
    178 write api_remove_group_set_dependency(group_set: &Handle<OpenObject>, depends_on: &Handle<OpenObject>) -> ()
        = group_set::remove_dependency;
    179 write api_remove_cluster_group_to_group_set_dependency(group: &Handle<OpenObject>, depends_on: &Handle<OpenObject>) -> ()
        = group_set::remove_group_to_set_dependency;
    180 read  api_create_group_set_enum(cluster: &Handle<OpenCluster>) -> Option<types::EnumList>
        = enumerate::group_set_enum;
    181 read  api_create_net_interface_enum(cluster: &Handle<OpenCluster>, node_name: WString, network_name: WString) -> Option<types::EnumList>
        = enumerate::interface_enum;
    182 write api_change_csv_state_ex(resource: &Handle<OpenObject>, state: u32, volume_name: WString) -> Win32Error
        = resource::change_csv_state_ex;
    183 write api_add_group_to_group_set_ex(group_set: &Handle<OpenObject>, group: &Handle<OpenObject>, fault_domain: u32, update_domain: u32, use_domains: i32, reserved: u32) -> ()
        = group_set::add_group_ex;
    184 write api_change_resource_group_ex(resource: &Handle<OpenObject>, group: &Handle<OpenObject>, flags: u64) -> ()
        = resource::change_group_ex;
}

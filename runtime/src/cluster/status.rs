//! The error codes of \[MS-CMRP\] that `msrpc_ndr` has no names for, with their Windows names.

use msrpc_ndr::Win32Error;

macro_rules! codes {
    ($(#[doc = $text:literal] $name:ident = $value:literal;)*) => {
        $(#[doc = $text] pub const $name: Win32Error = Win32Error($value);)*

        /// A code's Windows name and what it means, if it is one of those here.
        pub fn describe(code: Win32Error) -> Option<(&'static str, &'static str)> {
            match code.0 {
                $($value => Some((stringify!($name), $text.trim_ascii())),)*
                _ => None,
            }
        }
    };
}

codes! {
    /// A folder is not there.
    ERROR_PATH_NOT_FOUND = 3;
    /// A target handle is wrong.
    ERROR_INVALID_TARGET_HANDLE = 114;
    /// The container is not empty.
    ERROR_DIR_NOT_EMPTY = 145;
    /// It took too long.
    WAIT_TIMEOUT = 258;
    /// An assertion does not hold.
    ERROR_ASSERTION_FAILURE = 668;
    /// Something else was asked for meanwhile.
    ERROR_OPERATION_ABORTED = 995;
    /// Dependencies would be circular.
    ERROR_CIRCULAR_DEPENDENCY = 1059;
    /// A process has ended that should not have.
    ERROR_PROCESS_ABORTED = 1067;
    /// The group is one of those that clients may not change so.
    ERROR_SPECIAL_GROUP = 1372;
    /// A security descriptor is not well-formed.
    ERROR_INVALID_SECURITY_DESCR = 1338;
    /// A string is too long.
    RPC_S_STRING_TOO_LONG = 1743;
    /// Others depend on the resource.
    ERROR_DEPENDENT_RESOURCE_EXISTS = 5001;
    /// There is no such dependency.
    ERROR_DEPENDENCY_NOT_FOUND = 5002;
    /// There is such a dependency already.
    ERROR_DEPENDENCY_ALREADY_EXISTS = 5003;
    /// The resource is not online.
    ERROR_RESOURCE_NOT_ONLINE = 5004;
    /// No node is available for it.
    ERROR_HOST_NODE_NOT_AVAILABLE = 5005;
    /// The resource is not there any more.
    ERROR_RESOURCE_NOT_AVAILABLE = 5006;
    /// There is no resource of this name.
    ERROR_RESOURCE_NOT_FOUND = 5007;
    /// There is an object of this name already.
    ERROR_OBJECT_ALREADY_EXISTS = 5010;
    /// The group is not there any more.
    ERROR_GROUP_NOT_AVAILABLE = 5012;
    /// There is no group of this name.
    ERROR_GROUP_NOT_FOUND = 5013;
    /// The node does not own the resource.
    ERROR_HOST_NODE_NOT_RESOURCE_OWNER = 5015;
    /// The resource's host does not know it, or cannot make it.
    ERROR_RESMON_CREATE_FAILED = 5017;
    /// The resource's host could not bring it online.
    ERROR_RESMON_ONLINE_FAILED = 5018;
    /// The resource is online.
    ERROR_RESOURCE_ONLINE = 5019;
    /// The resource takes no part in the quorum.
    ERROR_NOT_QUORUM_CAPABLE = 5021;
    /// The object is not in a state for this.
    ERROR_INVALID_STATE = 5023;
    /// The properties are stored and will be used when the resource is next brought online.
    ERROR_RESOURCE_PROPERTIES_STORED = 5024;
    /// The resource is one that the cluster needs.
    ERROR_CORE_RESOURCE = 5026;
    /// The network is not there any more.
    ERROR_NETWORK_NOT_AVAILABLE = 5035;
    /// The node is not there any more.
    ERROR_NODE_NOT_AVAILABLE = 5036;
    /// The resource has failed.
    ERROR_RESOURCE_FAILED = 5038;
    /// Not all nodes are active.
    ERROR_ALL_NODES_NOT_AVAILABLE = 5037;
    /// There is no node of this name.
    ERROR_CLUSTER_NODE_NOT_FOUND = 5042;
    /// There is no network of this name.
    ERROR_CLUSTER_NETWORK_NOT_FOUND = 5045;
    /// There is no network interface of this name.
    ERROR_CLUSTER_NETINTERFACE_NOT_FOUND = 5047;
    /// The request does not fit the object.
    ERROR_CLUSTER_INVALID_REQUEST = 5048;
    /// The node is not active.
    ERROR_CLUSTER_NODE_DOWN = 5050;
    /// The node is not paused.
    ERROR_CLUSTER_NODE_NOT_PAUSED = 5058;
    /// The resource may not be depended on.
    ERROR_DEPENDENCY_NOT_ALLOWED = 5069;
    /// The node cannot host the group now.
    ERROR_NODE_CANT_HOST_RESOURCE = 5071;
    /// The node is not active yet.
    ERROR_CLUSTER_NODE_NOT_READY = 5072;
    /// The node is shutting down.
    ERROR_CLUSTER_NODE_SHUTTING_DOWN = 5073;
    /// There is no resource type of this name.
    ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND = 5078;
    /// No node has what the resource type needs.
    ERROR_CLUSTER_RESTYPE_NOT_SUPPORTED = 5079;
    /// Resources depend on each other too deeply.
    ERROR_DEPENDENCY_TREE_TOO_COMPLEX = 5929;
    /// The cluster has a resource of this type already.
    ERROR_CLUSTER_SINGLETON_RESOURCE = 5940;
    /// The group has a resource of this type already.
    ERROR_CLUSTER_GROUP_SINGLETON_RESOURCE = 5941;
    /// A resource that this one depends on has failed.
    ERROR_CLUSTER_RESOURCE_PROVIDER_FAILED = 5942;
    /// The resource or its group is locked.
    ERROR_CLUSTER_RESOURCE_LOCKED_STATUS = 5960;
    /// The group set is not there any more.
    ERROR_GROUPSET_NOT_AVAILABLE = 5991;
    /// There is no group set of this name.
    ERROR_GROUPSET_NOT_FOUND = 5992;
    /// The node is being drained already.
    ERROR_CLUSTER_NODE_EVACUATION_IN_PROGRESS = 5962;
}

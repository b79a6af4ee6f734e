//! A cluster with something of every kind, its clients, and what they see.

use std::{
    any::Any,
    fmt::Debug,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use msrpc_cluster::{
    clusapi::{Accounts, ClusApi},
    cluster::{
        form::{Form, NetworkForm, ResourceTypeForm},
        registry::{KeyId, Path, Registry, Value},
    },
};
use msrpc_ndr::{
    Association, AuthLevel, CallError, CallLimits, CallResult, Caller, ClientHandle, Encoding, Fault, MemoryChannel,
    Win32Error,
};
use msrpc_protocols::clusapi3::{
    HgroupRpc, HgroupsetRpc, HkeyRpc, HnotifyRpc, HresRpc,
    clusapi::{Client, Service},
};
use uuid::Uuid;

use crate::node::{Host, TestNode};

pub(crate) type Clusapi = Client<MemoryChannel>;
pub(crate) type Group = ClientHandle<HgroupRpc>;
pub(crate) type GroupSet = ClientHandle<HgroupsetRpc>;
pub(crate) type Resource = ClientHandle<HresRpc>;
pub(crate) type Key = ClientHandle<HkeyRpc>;
pub(crate) type Port = ClientHandle<HnotifyRpc>;

/// All rights to a key ([MS-RRP] 2.2.3).
pub(crate) const KEY_ALL_ACCESS: u32 = 0x000f_003f;
pub(crate) const KEY_READ: u32 = 0x0002_0019;

/// The registry of a cluster of two nodes.
pub(crate) fn formed() -> Registry {
    let form = Form {
        cluster_name: "CLUSTER1".into(),
        node_name: "node1".into(),
        address: Some("127.0.0.1".into()),
        security: "O:BAG:BAD:(A;;GA;;;BA)(A;;GR;;;BU)".parse().expect("SDDL"),
        networks: vec![NetworkForm {
            name: "Cluster Network 1".into(),
            interface: "node1 - Ethernet".into(),
            address: "127.0.0.1".into(),
        }],
        resource_types: vec![ResourceTypeForm { name: "Memory".into(), dll_name: "builtin".into() }],
    };
    let mut next = 0;
    let new_id = || {
        next += 1;
        Uuid::from_u128(next)
    };
    let (mut registry, _) = form.registry(1, new_id).expect("formed");
    let mut edit = registry.edit(1);
    let (second, _) = edit.create(KeyId::ROOT, &Path::new("Nodes\\2").unwrap(), None).unwrap();
    edit.set(second, "NodeName", Value::string("node2")).unwrap();
    edit.commit();
    registry
}

/// A server and how to call it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) node: TestNode,
    encoding: Encoding,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Encoding::NDR)
    }

    /// One whose clients marshal so.
    pub(crate) fn of(encoding: Encoding) -> Self {
        Self { node: TestNode::new(), encoding }
    }

    /// A client of an account. `admin`, `reader` and `operator` have "All", "Read", and "Read with
    /// Backup Privilege"; any other has nothing.
    pub(crate) fn client(&self, user: &str) -> Clusapi {
        let accounts = Accounts {
            administrators: vec!["admin".into()],
            readers: vec!["reader".into()],
            backup_operators: vec!["operator".into()],
        };
        let caller = Caller {
            user: Some(user.to_owned()),
            auth_service: 10,
            auth_level: AuthLevel::Privacy,
            transport: "ncacn_ip_tcp".to_owned(),
            ..Caller::default()
        };
        let service = Service::new(ClusApi::new(self.node.clone(), accounts));
        let association = Association::new(caller, Arc::default(), CallLimits::default());
        Client::new(MemoryChannel::shared(Arc::new(service), self.encoding, association))
    }

    pub(crate) fn admin(&self) -> Clusapi {
        self.client("admin")
    }

    pub(crate) fn host(&self, resource: &str, host: Host) {
        self.node.host(resource, host);
    }
}

/// A world, its administrator, and a group "web" with the resources "app" and "data", both offline.
pub(crate) struct Web {
    pub(crate) world: World,
    pub(crate) c: Clusapi,
    pub(crate) web: Group,
    pub(crate) app: Resource,
    pub(crate) data: Resource,
}

impl Web {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let c = world.admin();
        let web = ok(c.api_create_group("web"));
        let app = ok(c.api_create_resource(&web, "app", "Memory", 0));
        let data = ok(c.api_create_resource(&web, "data", "Memory", 0));
        Self { world, c, web, app, data }
    }

    /// With both resources online, "app" depending on "data".
    pub(crate) fn online() -> Self {
        let it = Self::new();
        ok(it.c.api_add_resource_dependency(&it.app, &it.data));
        assert_eq!(ok(it.c.api_online_group(&it.web)), Win32Error(0));
        it
    }

    pub(crate) fn host(&self, resource: &str, host: Host) {
        self.world.host(resource, host);
    }

    /// A resource that is between two states, because its host hangs.
    pub(crate) fn pending(&self, name: &str) {
        self.host(name, Host::Hangs);
        let resource = ok(self.c.api_open_resource(name));
        assert_eq!(ok(self.c.api_online_resource(&resource)), Win32Error::ERROR_IO_PENDING);
    }

    pub(crate) fn state(&self, resource: &Resource) -> u32 {
        ok(self.c.api_get_resource_state(resource)).state
    }

    pub(crate) fn group_state(&self) -> u32 {
        ok(self.c.api_get_group_state(&self.web)).state
    }
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A status, 0 for success.
    Status(Win32Error),
    /// A fault.
    Fault(Fault),
    /// Nothing yet.
    Waits,
}

impl Verdict {
    pub(crate) const SUCCESS: Self = Self::Status(Win32Error(0));
}

/// What a call comes to. That a method reports its success by a code of its own counts, too.
pub(crate) fn verdict<R: Debug + 'static>(call: impl Future<Output = CallResult<R, Win32Error>>) -> Verdict {
    match poll(pin!(call)) {
        None => Verdict::Waits,
        Some(Ok(done)) => {
            Verdict::Status((&done as &dyn Any).downcast_ref::<Win32Error>().copied().unwrap_or(Win32Error(0)))
        }
        Some(Err(CallError::Status { status, .. })) => Verdict::Status(status),
        Some(Err(CallError::Fault(fault))) => Verdict::Fault(fault),
        Some(Err(other)) => panic!("{other}"),
    }
}

/// Looks whether a call is over.
pub(crate) fn poll<T>(call: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Runs a call that does not wait.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    poll(pin!(call)).expect("the call waits")
}

/// The results of a call that succeeds.
pub(crate) fn ok<R: Debug>(call: impl Future<Output = CallResult<R, Win32Error>>) -> R {
    now(call).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// The status of a call that does not succeed.
pub(crate) fn code<R: Debug + 'static>(call: impl Future<Output = CallResult<R, Win32Error>>) -> Win32Error {
    match verdict(call) {
        Verdict::Status(status) if status != Win32Error(0) => status,
        other => panic!("no error status but {other:?}"),
    }
}

/// The status of a call that does not succeed, and its other results.
pub(crate) fn refusal<R: Debug>(call: impl Future<Output = CallResult<R, Win32Error>>) -> (Win32Error, R) {
    match now(call) {
        Err(CallError::Status { status, out }) => (status, *out),
        other => panic!("{other:?}"),
    }
}

/// A code by its number in the document, where `msrpc_ndr` has no name for it.
pub(crate) use msrpc_cluster::cluster::status as codes;

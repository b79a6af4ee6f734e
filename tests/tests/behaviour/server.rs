//! A server of the cluster interface, small enough to know by heart.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use msrpc_ndr::{
    Association, Bytes, Call, CallLimits, Caller, ContextHandle, Encoding, Failure, Fault, Handle, HandleChange,
    HandleTable, MemoryChannel, Outcome, WString, Win32Error,
};
use msrpc_protocols::clusapi3::{
    EnumEntry, EnumList, HkeyRpc, NotifyFilterAndTypeRpc,
    clusapi::{
        ApiEnumValue, ApiGetClusterName, ApiGetNotify, ApiNodeControl, ApiQueryValue, Client, HgenericRpc, Server,
        Service,
    },
};
use tokio::sync::Notify;

/// Counts how many there are.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a key's handle stands for.
pub(crate) struct Key {
    pub(crate) path: String,
    _counted: Counted,
}

/// What a port's handle stands for.
pub(crate) struct Port {
    _counted: Counted,
}

#[derive(Default)]
pub(crate) struct Cluster {
    /// Values that handles stand for.
    pub(crate) values: Arc<AtomicUsize>,
    /// Calls of ApiGetNotify that wait.
    pub(crate) waiting: Arc<Notify>,
    /// Calls that were cancelled and went on to their end.
    pub(crate) cancelled: AtomicUsize,
}

impl Cluster {
    fn key(&self, path: impl Into<String>) -> Key {
        Key { path: path.into(), _counted: Counted::new(&self.values) }
    }
}

impl Server for Cluster {
    type HclusterRpc = ();
    type HnodeRpc = String;
    type HgroupRpc = ();
    type HresRpc = WString;
    type HkeyRpc = Key;
    type HnotifyRpc = Port;
    type HnetworkRpc = ();
    type HnetinterfaceRpc = ();
    type HgroupsetRpc = ();
    type HbatchPortRpc = ();

    async fn api_open_cluster(&self, _: &Call) -> Outcome<(), Win32Error> {
        Ok(())
    }

    async fn api_get_cluster_name(&self, _: &Call) -> Outcome<ApiGetClusterName, Win32Error> {
        Ok(ApiGetClusterName { cluster_name: Some("CLUSTER".into()), node_name: None })
    }

    /// The type says what happens.
    async fn api_create_enum(&self, call: &Call, dw_type: u32) -> Outcome<Option<EnumList>, Win32Error> {
        match dw_type {
            0 => Ok(None),
            1 => Ok(Some(EnumList { entry: vec![EnumEntry { r#type: 1, name: Some("one".into()) }] })),
            2 => Err(Win32Error::ERROR_ACCESS_DENIED.into()),
            3 => Err(Fault::ACCESS_DENIED.into()),
            4 => Err(Failure::with(
                Win32Error::ERROR_MORE_DATA,
                Some(EnumList { entry: vec![EnumEntry { r#type: 4, name: None }] }),
            )),
            5 => {
                call.cancelled().await;
                self.cancelled.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            }
            _ => Err(Win32Error::ERROR_INVALID_PARAMETER.into()),
        }
    }

    async fn api_open_resource(&self, _: &Call, resource_name: WString) -> Outcome<WString, Win32Error> {
        if resource_name == "missing" {
            return Err(Win32Error(5007).into());
        }
        Ok(resource_name)
    }

    async fn api_online_resource(&self, _: &Call, resource: &Handle<WString>) -> Outcome<Win32Error, Win32Error> {
        match resource.to_string().as_str() {
            "slow" => Ok(Win32Error::ERROR_IO_PENDING),
            "broken" => Err(Win32Error(5018).into()),
            _ => Ok(Win32Error::ERROR_SUCCESS),
        }
    }

    async fn api_open_node(&self, _: &Call, node_name: WString) -> Outcome<String, Win32Error> {
        Ok(node_name.to_string())
    }

    async fn api_get_root_key(&self, _: &Call, _sam_desired: u32) -> Outcome<Key, Win32Error> {
        Ok(self.key("Cluster"))
    }

    async fn api_open_key(
        &self,
        _: &Call,
        key: &Handle<Key>,
        sub_key: WString,
        _sam_desired: u32,
    ) -> Outcome<Key, Win32Error> {
        Ok(self.key(format!("{}\\{sub_key}", key.path)))
    }

    /// The name of the value says what happens.
    async fn api_query_value(
        &self,
        _: &Call,
        key: &Handle<Key>,
        value_name: WString,
        cb_data: u32,
    ) -> Outcome<ApiQueryValue, Win32Error> {
        let data = Bytes::from(key.path.clone().into_bytes());
        let cb_required = data.len() as u32;
        let value = |data| ApiQueryValue { value_type: 1, data, cb_required };
        match value_name.to_string().as_str() {
            "too long whatever the capacity" => Ok(value(Bytes::from(vec![1; cb_data as usize + 1]))),
            _ if cb_required > cb_data => Err(Failure::with(Win32Error::ERROR_MORE_DATA, value(Bytes::new()))),
            _ => Ok(value(data)),
        }
    }

    async fn api_enum_value(
        &self,
        _: &Call,
        _: &Handle<Key>,
        index: u32,
        cb_data: u32,
    ) -> Outcome<ApiEnumValue, Win32Error> {
        if index > 0 {
            return Err(Win32Error::ERROR_NO_MORE_ITEMS.into());
        }
        let data = Bytes::from_static(b"value").slice(..5.min(cb_data as usize));
        Ok(ApiEnumValue { value_name: Some("name".into()), lp_type: 3, data, total_size: 5 })
    }

    /// Closed, kept or replaced, as the key's last part says.
    async fn api_close_key(&self, _: &Call, key: Option<&Handle<Key>>) -> Outcome<HandleChange<Key>, Win32Error> {
        let Some(key) = key else { return Ok(HandleChange::Replace(self.key("out of nothing"))) };
        match key.path.rsplit('\\').next() {
            Some("kept") => Ok(HandleChange::Keep),
            Some("replaced") => Ok(HandleChange::Replace(self.key("another"))),
            Some("refused") => Err(Win32Error::ERROR_ACCESS_DENIED.into()),
            _ => Ok(HandleChange::Close),
        }
    }

    /// Sends back what came in, and says how much that was.
    async fn api_node_control(
        &self,
        _: &Call,
        _: &Handle<String>,
        _control_code: u32,
        in_buffer: Option<Bytes>,
        n_out_buffer_size: u32,
    ) -> Outcome<ApiNodeControl, Win32Error> {
        let Some(out_buffer) = in_buffer else { return Ok(ApiNodeControl::default()) };
        let cb_required = out_buffer.len() as u32;
        if cb_required > n_out_buffer_size {
            let out = ApiNodeControl { out_buffer: Bytes::new(), cb_required };
            return Err(Failure::with(Win32Error::ERROR_MORE_DATA, out));
        }
        Ok(ApiNodeControl { out_buffer, cb_required })
    }

    async fn api_create_notify(&self, _: &Call) -> Outcome<Port, Win32Error> {
        Ok(Port { _counted: Counted::new(&self.values) })
    }

    /// Waits until the port is closed.
    async fn api_get_notify(&self, _: &Call, notify: &Handle<Port>) -> Outcome<ApiGetNotify, Win32Error> {
        self.waiting.notify_one();
        notify.closed().await;
        Err(Win32Error::ERROR_NO_MORE_ITEMS.into())
    }

    async fn api_close_notify(&self, _: &Call, _: Option<&Handle<Port>>) -> Outcome<HandleChange<Port>, Win32Error> {
        Ok(HandleChange::Close)
    }

    /// Tells by the status what sort of handle it was.
    async fn api_add_notify_v2(
        &self,
        _: &Call,
        _: &Handle<Port>,
        object: &HgenericRpc<Self>,
        _filter: NotifyFilterAndTypeRpc,
        _notify_key: u32,
        _version: u32,
        _is_targeted_at_object: i32,
    ) -> Outcome<(), Win32Error> {
        let sort = match object {
            HgenericRpc::HclusterRpc(_) => 1,
            HgenericRpc::HresRpc(_) => 2,
            HgenericRpc::HnodeRpc(_) => 3,
            HgenericRpc::HkeyRpc(_) => 4,
            _ => 5,
        };
        Err(Win32Error(1000 + sort).into())
    }
}

/// A server and a client of it.
pub(crate) struct Pair {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) handles: Arc<HandleTable>,
    pub(crate) channel: MemoryChannel,
    pub(crate) client: Client<MemoryChannel>,
}

impl Pair {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self::with_limits(encoding, CallLimits::default())
    }

    pub(crate) fn with_limits(encoding: Encoding, limits: CallLimits) -> Self {
        let (cluster, handles) = (Arc::new(Cluster::default()), Arc::new(HandleTable::default()));
        let association = Association::new(Caller::default(), Arc::clone(&handles), limits);
        let service = Service::shared(Arc::clone(&cluster));
        let channel = MemoryChannel::shared(Arc::new(service), encoding, association);
        Self { cluster, handles, client: Client::new(channel.clone()), channel }
    }

    pub(crate) fn values(&self) -> usize {
        self.cluster.values.load(Ordering::SeqCst)
    }

    pub(crate) async fn key(&self, path: &str) -> msrpc_ndr::ClientHandle<HkeyRpc> {
        let root = self.client.api_get_root_key(0).await.unwrap();
        self.client.api_open_key(&root, path, 0).await.unwrap()
    }
}

/// Runs a test in each encoding.
pub(crate) fn in_every_encoding<F: Future<Output = ()>>(test: impl Fn(Pair) -> F) {
    for encoding in Encoding::ALL {
        run(test(Pair::new(encoding)));
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A handle that no server gave out.
pub(crate) fn unknown() -> ContextHandle {
    ContextHandle { attributes: 0, uuid: msrpc_ndr::Uuid::from_u128(0x1234) }
}

//! Context handles from opening to running down.

use crate::server::*;
use msrpc_ndr::{
    AssociationId, CallError, Channel, ChannelError, ClientHandle, ContextHandle, Encoding, Fault, HandleType,
    Message as _, Win32Error,
};
use msrpc_protocols::{
    clusapi3::{HgenericRpc, HkeyRpc, HresRpc, NotifyFilterAndTypeRpc, clusapi::wire},
    epm,
};

#[test]
fn handles_are_opened_used_and_closed() {
    in_every_encoding(async |pair| {
        let key = pair.key("a").await;
        assert_eq!((pair.handles.len(), pair.values()), (2, 2));
        assert_eq!(pair.client.api_query_value(&key, "v", 9).await.unwrap().data, "Cluster\\a");
        assert_eq!(pair.client.api_close_key(Some(key.clone())).await.unwrap(), None);
        assert_eq!((pair.handles.len(), pair.values()), (1, 1));
        // A closed handle is unknown.
        let error = pair.client.api_query_value(&key, "v", 9).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)));
    });
}

#[test]
fn in_out_handles_are_kept_replaced_or_made() {
    in_every_encoding(async |pair| {
        let kept = pair.key("kept").await;
        assert_eq!(pair.client.api_close_key(Some(kept.clone())).await.unwrap(), Some(kept));
        let old = pair.key("replaced").await;
        let open = pair.handles.len();
        let new = pair.client.api_close_key(Some(old.clone())).await.unwrap().unwrap();
        assert_ne!(new, old);
        assert_eq!(pair.handles.len(), open);
        assert_eq!(pair.client.api_query_value(&new, "v", 7).await.unwrap().data, "another");
        let made = pair.client.api_close_key(None).await.unwrap().unwrap();
        assert_eq!(pair.client.api_query_value(&made, "v", 14).await.unwrap().data, "out of nothing");
        // A status without results leaves it as it was.
        let refused = pair.key("refused").await;
        let Err(CallError::Status { out, .. }) = pair.client.api_close_key(Some(refused.clone())).await else {
            panic!()
        };
        assert_eq!(*out, Some(refused));
    });
}

#[test]
fn calls_on_one_handle_run_at_the_same_time() {
    in_every_encoding(async |pair| {
        let port = pair.client.api_create_notify().await.unwrap();
        let wait = pair.client.api_get_notify(&port);
        let close = async {
            pair.cluster.waiting.notified().await;
            pair.client.api_close_notify(Some(port.clone())).await
        };
        let (waited, closed) = tokio::join!(wait, close);
        assert_eq!(waited.unwrap_err().status(), Some(&Win32Error::ERROR_NO_MORE_ITEMS));
        assert_eq!(closed.unwrap(), None);
        assert_eq!((pair.handles.len(), pair.values()), (0, 0));
    });
}

#[test]
fn values_live_as_long_as_a_call_uses_them() {
    in_every_encoding(async |pair| {
        let port = pair.client.api_create_notify().await.unwrap();
        let handles = std::sync::Arc::clone(&pair.handles);
        let values = std::sync::Arc::clone(&pair.cluster.values);
        let watch = async {
            pair.cluster.waiting.notified().await;
            // The client goes away.
            handles.run_down();
            assert!(handles.is_empty());
            values.load(std::sync::atomic::Ordering::SeqCst)
        };
        let (waited, values) = tokio::join!(pair.client.api_get_notify(&port), watch);
        assert_eq!((waited.is_err(), values, pair.values()), (true, 1, 0));
        let error = pair.client.api_create_notify().await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::NO_RESOURCES)));
        assert_eq!(pair.values(), 0);
    });
}

#[test]
fn a_handle_of_another_type_gets_the_interfaces_status() {
    in_every_encoding(async |pair| {
        let key = pair.key("a").await;
        let resource = ClientHandle::<HresRpc>::new(key.raw(), key.association());
        let error = pair.client.api_online_resource(&resource).await.unwrap_err();
        assert_eq!(error.status(), Some(&Win32Error::ERROR_INVALID_HANDLE));
        // For closing too; nothing is closed.
        let open = pair.handles.len();
        let node = pair.client.api_open_node("n").await.unwrap();
        let as_key = ClientHandle::<HkeyRpc>::new(node.raw(), node.association());
        let error = pair.client.api_close_key(Some(as_key)).await.unwrap_err();
        assert_eq!(error.status(), Some(&Win32Error::ERROR_INVALID_HANDLE));
        assert_eq!(pair.handles.len(), open + 1);
    });
}

static FOREIGN: HandleType = HandleType { name: "HKEY_RPC" };

#[test]
fn a_handle_of_another_interface_is_a_fault() {
    in_every_encoding(async |pair| {
        let raw = pair.handles.open((), &epm::ept::INTERFACE, &FOREIGN).unwrap();
        let key = ClientHandle::<HkeyRpc>::new(raw, pair.channel.association());
        let error = pair.client.api_query_value(&key, "v", 0).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)));
        // Nor does a group of types take it.
        let port = pair.client.api_create_notify().await.unwrap();
        let filter = NotifyFilterAndTypeRpc::default();
        let object = ClientHandle::<HgenericRpc>::new(raw, pair.channel.association());
        let error = pair.client.api_add_notify_v2(&port, &object, filter, 0, 0, 0).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)));
    });
}

#[test]
fn null_and_unknown_handles_are_faults() {
    in_every_encoding(async |pair| {
        for raw in [ContextHandle::NULL, unknown()] {
            let resource = ClientHandle::<HresRpc>::new(raw, pair.channel.association());
            let error = pair.client.api_online_resource(&resource).await.unwrap_err();
            assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)), "{raw:?}: {error:?}");
        }
        let key = ClientHandle::<HkeyRpc>::new(unknown(), pair.channel.association());
        let error = pair.client.api_close_key(Some(key)).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)));
    });
}

#[test]
fn a_handle_of_another_association_is_not_sent() {
    in_every_encoding(async |pair| {
        let key = pair.key("a").await;
        let other = Pair::new(pair.channel.encoding());
        let error = other.client.api_query_value(&key, "v", 0).await.unwrap_err();
        assert!(matches!(error, CallError::Encode(_)));
        let error = other.client.api_close_key(Some(key.clone())).await.unwrap_err();
        assert!(matches!(error, CallError::Encode(_)));
        // And if it were, the server would not know it.
        let key = ClientHandle::<HkeyRpc>::new(key.raw(), other.channel.association());
        let error = other.client.api_query_value(&key, "v", 0).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::CONTEXT_MISMATCH)));
        assert_ne!(AssociationId::unique(), other.channel.association());
    });
}

#[test]
fn a_group_takes_handles_of_its_types() {
    in_every_encoding(async |pair| {
        let port = pair.client.api_create_notify().await.unwrap();
        let add = async |object: ClientHandle<HgenericRpc>| {
            let filter = NotifyFilterAndTypeRpc::default();
            let error = pair.client.api_add_notify_v2(&port, &object, filter, 0, 0, 0).await.unwrap_err();
            error.status().map(|status| status.0)
        };
        let cluster = pair.client.api_open_cluster().await.unwrap();
        assert_eq!(add(cluster.cast()).await, Some(1001));
        let resource = pair.client.api_open_resource("r").await.unwrap();
        assert_eq!(add(resource.cast()).await, Some(1002));
        let node = pair.client.api_open_node("n").await.unwrap();
        assert_eq!(add(node.cast()).await, Some(1003));
        assert_eq!(add(pair.key("k").await.cast()).await, Some(1004));
        // A port is of this interface, but none of the group.
        let port = ClientHandle::new(port.raw(), port.association());
        assert_eq!(add(port).await, Some(Win32Error::ERROR_INVALID_HANDLE.0));
    });
}

#[test]
fn the_clients_handle_is_the_servers_twenty_octets() {
    let pair = Pair::new(Encoding::NDR);
    run(async {
        let key = pair.key("a").await;
        let request = wire::ApiCloseKeyRequest { key: key.raw() }.to_bytes(Encoding::NDR).unwrap();
        assert_eq!(request.len(), 20);
        let reply = pair.channel.call(37, request.into()).await.unwrap();
        assert_eq!(reply.body.try_into_bytes().unwrap(), vec![0; 24]);
        let request = wire::ApiCloseKeyRequest { key: key.raw() }.to_bytes(Encoding::NDR).unwrap();
        let error = pair.channel.call(37, request.into()).await.unwrap_err();
        assert!(matches!(error, ChannelError::Fault(Fault::CONTEXT_MISMATCH)));
    });
}

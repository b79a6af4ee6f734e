//! Statuses, faults, broken connections and malformed responses are four things.

use std::sync::Arc;

use crate::server::*;
use msrpc_ndr::{
    AssociationId, Body, Bytes, CallError, Channel, ChannelError, Encoding, Fault, Message as _, Reply, Status as _,
    TransportError, Win32Error,
};
use msrpc_protocols::clusapi3::clusapi::{Client, wire};

#[test]
fn success_and_out_values() {
    in_every_encoding(async |pair| {
        let name = pair.client.api_get_cluster_name().await.unwrap();
        assert_eq!(name.cluster_name.unwrap(), "CLUSTER");
        assert_eq!(name.node_name, None);
        let list = pair.client.api_create_enum(1).await.unwrap().unwrap();
        assert_eq!(list.entry[0].name.as_ref().unwrap(), &"one");
        assert_eq!(pair.client.api_create_enum(0).await.unwrap(), None);
    });
}

#[test]
fn a_status_without_results_leaves_them_zero() {
    in_every_encoding(async |pair| {
        let Err(CallError::Status { status, out }) = pair.client.api_create_enum(2).await else { panic!() };
        assert_eq!((status, *out), (Win32Error::ERROR_ACCESS_DENIED, None));
        let error = pair.client.api_open_resource("missing").await.unwrap_err();
        assert_eq!(error.status(), Some(&Win32Error(5007)));
        assert!(pair.handles.is_empty());
    });
}

#[test]
fn a_status_with_results_brings_them() {
    in_every_encoding(async |pair| {
        let Err(CallError::Status { status, out }) = pair.client.api_create_enum(4).await else { panic!() };
        assert_eq!(status, Win32Error::ERROR_MORE_DATA);
        assert_eq!(out.unwrap().entry[0].r#type, 4);
    });
}

#[test]
fn successes_that_are_not_zero() {
    in_every_encoding(async |pair| {
        let open = async |name| pair.client.api_open_resource(name).await.unwrap();
        let online = async |name| pair.client.api_online_resource(&open(name).await).await;
        assert_eq!(online("fast").await.unwrap(), Win32Error::ERROR_SUCCESS);
        assert_eq!(online("slow").await.unwrap(), Win32Error::ERROR_IO_PENDING);
        let Err(CallError::Status { status, .. }) = online("broken").await else { panic!() };
        assert_eq!(status.to_wire(), 5018);
    });
}

#[test]
fn a_fault_is_no_status() {
    in_every_encoding(async |pair| {
        let error = pair.client.api_create_enum(3).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::ACCESS_DENIED)) && error.status().is_none());
    });
}

/// A server that answers every call with the same thing.
struct Answer(Arc<dyn Fn() -> Result<Body, ChannelError> + Send + Sync>, Encoding);

impl Channel for Answer {
    fn encoding(&self) -> Encoding {
        self.1
    }

    fn association(&self) -> AssociationId {
        AssociationId::unique()
    }

    async fn call(&self, _: u16, _: Body) -> Result<Reply, ChannelError> {
        Ok(Reply { body: (self.0)()?, encoding: self.1 })
    }
}

fn answer(answer: impl Fn() -> Result<Body, ChannelError> + Send + Sync + 'static) -> Client<Answer> {
    Client::new(Answer(Arc::new(answer), Encoding::NDR))
}

fn octets(octets: &'static [u8]) -> Client<Answer> {
    answer(move || Ok(Bytes::from_static(octets).into()))
}

#[test]
fn a_broken_connection_is_no_fault() {
    let client = answer(|| Err(TransportError::new("cut").into()));
    let error = run(client.api_create_enum(0)).unwrap_err();
    assert!(matches!(error, CallError::Transport(_)));
    assert_eq!(error.to_string(), "cut");
}

#[test]
fn a_malformed_response_is_neither() {
    for stub in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\0\0\0\0\0\0\0"] {
        assert!(matches!(run(octets(stub).api_create_enum(0)), Err(CallError::Decode(_))), "{stub:?}");
    }
    assert_eq!(run(octets(&[0; 12]).api_create_enum(0)).unwrap(), None);
    // What follows is ignored.
    assert_eq!(run(octets(&[0; 13]).api_create_enum(0)).unwrap(), None);
    // A handle that is promised has to come.
    let error = run(octets(&[0; 28]).api_open_resource("x")).unwrap_err();
    assert!(matches!(error, CallError::Decode(_)));
}

#[test]
fn comm_statuses_come_first_and_are_zero_from_servers() {
    let response = wire::ApiCreateEnumResponse { return_enum: None, rpc_status: 1722, return_value: 5 };
    let stub = response.to_bytes(Encoding::NDR).unwrap();
    let error = run(answer(move || Ok(stub.clone().into())).api_create_enum(0)).unwrap_err();
    assert_eq!(error.status(), Some(&Win32Error(1722)));
    in_every_encoding(async |pair| {
        let request = wire::ApiCreateEnumRequest { dw_type: 2 }.to_bytes(pair.channel.encoding()).unwrap();
        let reply = pair.channel.call(7, request.into()).await.unwrap();
        let stub = reply.body.try_into_bytes().unwrap();
        let response = wire::ApiCreateEnumResponse::from_bytes(stub, reply.encoding).unwrap();
        assert_eq!((response.rpc_status, response.return_value), (0, 5));
    });
}

#[test]
fn an_argument_without_representation_is_not_sent() {
    let client = answer(|| panic!("nothing is sent"));
    let handle = msrpc_ndr::ClientHandle::new(unknown(), AssociationId::unique());
    let error = run(client.api_online_resource(&handle)).unwrap_err();
    assert!(matches!(error, CallError::Encode(_)));
    assert!(error.to_string().contains("another association"), "{error}");
}

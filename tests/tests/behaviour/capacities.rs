//! Counts and capacities, decided per direction.

use crate::server::*;
use msrpc_ndr::{Bytes, CallError, CallLimits, Channel, DecodeErrorKind, Encoding, Fault, Message as _, Win32Error};
use msrpc_protocols::clusapi3::clusapi::wire;

#[test]
fn conformant_results_are_filled_up_to_the_requests_capacity() {
    in_every_encoding(async |pair| {
        let key = pair.key("k").await;
        let value = pair.client.api_query_value(&key, "v", 16).await.unwrap();
        assert_eq!(value.data, &b"Cluster\\k\0\0\0\0\0\0\0"[..]);
        assert_eq!((value.cb_required, value.value_type), (9, 1));
        // Too small: the status, the size required, and zeros to capacity.
        let Err(CallError::Status { status, out }) = pair.client.api_query_value(&key, "v", 4).await else { panic!() };
        assert_eq!((status, out.cb_required, out.data), (Win32Error::ERROR_MORE_DATA, 9, Bytes::from_static(&[0; 4])));
        // More than the capacity is the implementer's mistake.
        let error = pair.client.api_query_value(&key, "too long whatever the capacity", 4).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::UNSPECIFIED)), "{error:?}");
    });
}

#[test]
fn capacities_without_results_are_filled_up_too() {
    in_every_encoding(async |pair| {
        // The key's handle is of the wrong type: a status without results.
        let node = pair.client.api_open_node("n").await.unwrap();
        let key = msrpc_ndr::ClientHandle::new(node.raw(), node.association());
        let Err(CallError::Status { status, out }) = pair.client.api_query_value(&key, "v", 8).await else { panic!() };
        assert_eq!((status, out.data), (Win32Error::ERROR_INVALID_HANDLE, Bytes::from_static(&[0; 8])));
    });
}

#[test]
fn counts_in_and_out_are_capacities_in_the_request_and_lengths_in_the_response() {
    in_every_encoding(async |pair| {
        let key = pair.key("k").await;
        for (capacity, data) in [(100, "value"), (2, "va"), (0, "")] {
            let value = pair.client.api_enum_value(&key, 0, capacity).await.unwrap();
            assert_eq!((value.data, value.total_size), (Bytes::from(data), 5));
            assert_eq!(value.value_name.unwrap(), "name");
        }
        let error = pair.client.api_enum_value(&key, 1, 100).await.unwrap_err();
        assert_eq!(error.status(), Some(&Win32Error::ERROR_NO_MORE_ITEMS));
    });
}

#[test]
fn control_codes_return_fewer_octets_than_there_is_room_for() {
    in_every_encoding(async |pair| {
        let node = pair.client.api_open_node("n").await.unwrap();
        let control = async |input: Option<&'static [u8]>, room| {
            pair.client.api_node_control(&node, 1, input.map(Bytes::from_static), room).await
        };
        let out = control(Some(b"abc"), 100).await.unwrap();
        assert_eq!((out.out_buffer, out.cb_required), (Bytes::from_static(b"abc"), 3));
        let Err(CallError::Status { status, out }) = control(Some(b"abc"), 2).await else { panic!() };
        assert_eq!((status, out.cb_required, out.out_buffer.len()), (Win32Error::ERROR_MORE_DATA, 3, 0));
        // NULL and empty are two things, though both have the length 0.
        assert_eq!(control(None, 4).await.unwrap().cb_required, 0);
        assert_eq!(control(Some(b""), 4).await.unwrap().cb_required, 0);
        // A varying array costs nothing for its capacity.
        assert_eq!(control(Some(b"abc"), 0x7fff_ffff).await.unwrap().out_buffer, "abc");
    });
}

#[test]
fn a_small_request_does_not_cost_gigabytes() {
    for encoding in Encoding::ALL {
        let pair = Pair::with_limits(encoding, CallLimits { max_response: 4096, ..CallLimits::default() });
        run(async {
            let key = pair.key("k").await;
            assert_eq!(pair.client.api_query_value(&key, "v", 4000).await.unwrap().data.len(), 4000);
            for capacity in [4096, 0x7fff_ffff, u32::MAX] {
                let error = pair.client.api_query_value(&key, "v", capacity).await.unwrap_err();
                assert!(matches!(error, CallError::Fault(_)), "{capacity}: {error:?}");
            }
        });
    }
}

#[test]
fn null_with_a_count_is_refused_because_the_interface_is_of_level_6() {
    let pair = Pair::new(Encoding::NDR);
    run(async {
        let node = pair.client.api_open_node("n").await.unwrap();
        let node = node.raw();
        let request = wire::ApiNodeControlRequest { node, control_code: 1, in_buffer: None, n_out_buffer_size: 0 };
        let mut stub = request.to_bytes(Encoding::NDR).unwrap().to_vec();
        assert!(pair.channel.call(79, Bytes::from(stub.clone()).into()).await.is_ok());
        // Handle, control code, NULL, then the count.
        stub[28] = 1;
        let error = pair.channel.call(79, Bytes::from(stub).into()).await.unwrap_err();
        assert_eq!(error.to_string(), msrpc_ndr::ChannelError::Fault(Fault::BAD_STUB_DATA).to_string());
    });
}

#[test]
fn a_server_that_ignores_the_capacity_is_found_out() {
    let response = wire::ApiQueryValueResponse { data: Bytes::from_static(b"abc"), data_max: 3, ..Default::default() };
    let stub = response.to_bytes(Encoding::NDR).unwrap();
    let service = Fixed(stub);
    let client = msrpc_protocols::clusapi3::clusapi::Client::new(msrpc_ndr::MemoryChannel::new(service, Encoding::NDR));
    let key = msrpc_ndr::ClientHandle::new(unknown(), client_association(&client));
    let Err(CallError::Decode(error)) = run(client.api_query_value(&key, "v", 2)) else { panic!() };
    assert_eq!(*error.kind(), DecodeErrorKind::CountMismatch { count: "lpData", expected: 2, found: 3 });
}

fn client_association<C: Channel>(client: &msrpc_protocols::clusapi3::clusapi::Client<C>) -> msrpc_ndr::AssociationId {
    client.channel().association()
}

/// A service that answers every call with the same stub.
struct Fixed(Bytes);

impl msrpc_ndr::Service for Fixed {
    fn interface(&self) -> &'static msrpc_ndr::Interface {
        &msrpc_protocols::clusapi3::clusapi::INTERFACE
    }

    fn call(
        &self,
        _: msrpc_ndr::Call,
        _: msrpc_ndr::Body,
    ) -> msrpc_ndr::BoxFuture<'static, Result<msrpc_ndr::Body, Fault>> {
        Box::pin(std::future::ready(Ok(self.0.clone().into())))
    }
}

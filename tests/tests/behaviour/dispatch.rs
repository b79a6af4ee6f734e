//! From opnums to methods: empty slots, default bodies, limits, cancellation, bodies in pieces.

use std::{
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use crate::server::*;
use msrpc_ndr::{
    Association, Body, Bytes, Call, CallError, CallLimits, Channel, ChannelError, Encoding, Fault, Service as _,
    TransportError,
};
use msrpc_protocols::clusapi3::clusapi::{INTERFACE, Service};

#[test]
fn reserved_and_unknown_opnums_are_out_of_range() {
    in_every_encoding(async |pair| {
        for opnum in [80, 111, 170, 185, 1000, u16::MAX] {
            let error = pair.channel.call(opnum, Body::empty()).await.unwrap_err();
            assert!(matches!(error, ChannelError::Fault(Fault::OP_RANGE)), "{opnum}");
        }
    });
}

#[test]
fn methods_left_out_are_out_of_range() {
    in_every_encoding(async |pair| {
        let error = pair.client.api_set_cluster_name("x").await.unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::OP_RANGE)));
    });
}

#[test]
fn malformed_requests_are_bad_stub_data() {
    in_every_encoding(async |pair| {
        let error = pair.channel.call(7, Bytes::from_static(&[1, 2, 3]).into()).await.unwrap_err();
        assert!(matches!(error, ChannelError::Fault(Fault::BAD_STUB_DATA)));
    });
}

#[test]
fn requests_and_responses_are_limited() {
    for encoding in Encoding::ALL {
        let pair = Pair::with_limits(encoding, CallLimits { max_request: 100, ..CallLimits::default() });
        let error = run(pair.client.api_open_node("n".repeat(100))).unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::NO_RESOURCES)));
        // The handle of a response that is too large to be sent is not left open.
        let pair = Pair::with_limits(encoding, CallLimits { max_response: 20, ..CallLimits::default() });
        let error = run(pair.client.api_open_node("n")).unwrap_err();
        assert!(matches!(error, CallError::Fault(Fault::NO_RESOURCES)));
        assert!(pair.handles.is_empty());
    }
}

struct Pieces(std::vec::IntoIter<Result<Bytes, TransportError>>);

impl futures_core::Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[test]
fn requests_may_come_in_pieces() {
    let pair = Pair::new(Encoding::NDR);
    let pieces = |pieces: Vec<_>| Body::from_stream(Pieces(pieces.into_iter()));
    let octets = |octet| Ok(Bytes::copy_from_slice(&[octet]));
    run(async {
        let body = pieces(vec![octets(0), octets(0), octets(0), octets(0)]);
        assert_eq!(pair.channel.call(7, body).await.unwrap().body.ready_len(), 12);
        let body = pieces(vec![octets(0), Err(TransportError::new("cut"))]);
        assert!(matches!(pair.channel.call(7, body).await, Err(ChannelError::Fault(_))));
    });
}

#[test]
fn a_cancelled_method_goes_on_to_its_end() {
    for encoding in Encoding::ALL {
        let cluster = Arc::new(Cluster::default());
        let service = Service::shared(Arc::clone(&cluster));
        let call = Call::on(&Association::default(), &INTERFACE, 7, encoding);
        let request = if encoding == Encoding::NDR_BIG { [0, 0, 0, 5] } else { [5, 0, 0, 0] };
        let mut running = pin!(service.call(call.clone(), Bytes::copy_from_slice(&request).into()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_pending());
        assert!(!call.is_cancelled() && cluster.cancelled.load(Ordering::SeqCst) == 0);
        call.cancel();
        assert!(call.is_cancelled());
        let Poll::Ready(Ok(response)) = running.as_mut().poll(&mut cx) else { panic!() };
        assert!(response.ready_len() >= 12);
        assert_eq!(cluster.cancelled.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_call_knows_what_it_is() {
    let call = Call::on(&Association::default(), &INTERFACE, 7, Encoding::NDR64);
    assert_eq!((call.operation_name(), call.opnum(), call.encoding()), ("ApiCreateEnum", 7, Encoding::NDR64));
    assert_eq!(Call::new(&INTERFACE, 999, Encoding::NDR).operation_name(), "(no such operation)");
    assert!(INTERFACE.serves(3, 0) && !INTERFACE.serves(2, 0) && !INTERFACE.serves(3, 1));
}

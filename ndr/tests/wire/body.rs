//! Stub bodies, complete and still to come.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use msrpc_ndr::{Body, Bytes, TransportError};

/// Chunks with a pause before each.
struct Slow(Vec<Option<Result<Bytes, TransportError>>>);

impl Stream for Slow {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.pop() {
            None => Poll::Ready(None),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Some(chunk)) => Poll::Ready(Some(chunk)),
        }
    }
}

fn slow(chunks: &[&'static str]) -> Body {
    let chunks = chunks.iter().rev().flat_map(|chunk| [Some(Ok(Bytes::from_static(chunk.as_bytes()))), None]);
    Body::from_stream(Slow(chunks.collect()))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}

#[test]
fn complete_bodies() {
    let chunk = Bytes::from_static(b"abc");
    let body = Body::from(chunk.clone());
    assert!(body.is_complete() && body.ready_len() == 3);
    // One chunk is not copied.
    assert_eq!(body.try_into_bytes().unwrap().as_ptr(), chunk.as_ptr());
    let body = Body::from_chunks([chunk.clone(), Bytes::new(), chunk]);
    assert_eq!(format!("{body:?}"), "Body { ready: 6, complete: true }");
    assert_eq!(body.try_into_bytes().unwrap(), "abcabc");
    assert_eq!(run(Body::empty().collect(0)).unwrap(), "");
    assert!(run(Body::empty().next()).is_none());
}

#[test]
fn bodies_to_come() {
    let body = slow(&["ab", "c"]);
    assert!(!body.is_complete() && body.ready_len() == 0);
    let body = body.try_into_bytes().unwrap_err();
    assert_eq!(run(body.collect(3)).unwrap(), "abc");
    let mut body = slow(&["ab", "c"]);
    run(async {
        assert_eq!(body.next().await.unwrap().unwrap(), "ab");
        assert_eq!(body.next().await.unwrap().unwrap(), "c");
        assert!(body.next().await.is_none() && body.next().await.is_none());
    });
}

#[test]
fn limits() {
    assert!(run(Body::from(Bytes::from_static(b"abc")).collect(2)).is_err());
    let error = run(slow(&["ab", "c"]).collect(2)).unwrap_err();
    assert_eq!(error.to_string(), "a stub of at least 3 octets exceeds the limit of 2");
}

#[test]
fn errors_end_a_body() {
    let chunks = vec![Some(Ok(Bytes::from_static(b"x"))), Some(Err(TransportError::new("gone"))), None];
    let mut body = Body::from_stream(Slow(chunks));
    run(async {
        assert_eq!(body.next().await.unwrap().unwrap_err().to_string(), "gone");
        assert!(body.next().await.is_none());
    });
}

//! Stub bodies: the marshalled parameters of one direction of a call, as a stream of chunks.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use crate::TransportError;

/// A stub body.
///
/// Most bodies are complete from the beginning. Those of operations with pipes, and large ones on
/// their way through a transport, still grow.
pub struct Body {
    ready: VecDeque<Bytes>,
    rest: Option<Rest>,
}

/// Chunks that are still to come.
type Rest = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

impl Body {
    /// A body without octets.
    pub const fn empty() -> Self {
        Self { ready: VecDeque::new(), rest: None }
    }

    /// A complete body of several chunks.
    pub fn from_chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        Self { ready: chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect(), rest: None }
    }

    /// A body whose chunks are still to come.
    pub fn from_stream(stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> Self {
        Self { ready: VecDeque::new(), rest: Some(Box::pin(stream)) }
    }

    /// Octets present already.
    pub fn ready_len(&self) -> usize {
        self.ready.iter().map(Bytes::len).sum()
    }

    /// Whether no more chunks are to come than those present.
    pub fn is_complete(&self) -> bool {
        self.rest.is_none()
    }

    /// The next chunk; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next chunk.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        if let Some(chunk) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = rest.as_mut().poll_next(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.rest = None;
        }
        polled
    }

    /// The whole body in one piece, if it is complete; copies only if it has several chunks.
    ///
    /// # Errors
    ///
    /// Gives the body back if chunks are still to come.
    pub fn try_into_bytes(mut self) -> Result<Bytes, Self> {
        if self.rest.is_some() {
            return Err(self);
        }
        if self.ready.len() <= 1 {
            return Ok(self.ready.pop_front().unwrap_or_default());
        }
        let mut all = BytesMut::with_capacity(self.ready_len());
        for chunk in self.ready {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Waits for the whole body.
    ///
    /// # Errors
    ///
    /// Fails where the transport does, and where the body is larger than `limit` octets.
    pub async fn collect(self, limit: usize) -> Result<Bytes, TransportError> {
        let mut body = match self.try_into_bytes() {
            Ok(bytes) if bytes.len() <= limit => return Ok(bytes),
            Ok(bytes) => return Err(TransportError::body_too_large(bytes.len(), limit)),
            Err(body) => body,
        };
        let mut all = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            let len = all.len().saturating_add(chunk.len());
            if len > limit {
                return Err(TransportError::body_too_large(len, limit));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from_chunks([bytes])
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("ready", &self.ready_len()).field("complete", &self.is_complete()).finish()
    }
}

//! Reading a pipe.

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::{PipeError, source::Shared};
use crate::{Codec, Items, Octets, Sequence};

/// A pipe that comes in: an `[in]` pipe at a server, an `[out]` pipe at a client. Also a `Stream`.
///
/// Elements are handed over as they arrive, which need not be in the chunks that the peer made.
/// Pipes of one direction are read one after the other, in the order of the parameters. One that is
/// not read keeps the peer waiting; one that is dropped by a server is thrown away.
pub struct PipeReader<S> {
    source: Shared,
    pipe: usize,
    range: Option<(u64, u64)>,
    sequence: PhantomData<fn() -> S>,
}

impl<S: Sequence> PipeReader<S> {
    pub(super) fn new(source: Shared, pipe: usize) -> Self {
        Self { source, pipe, range: None, sequence: PhantomData }
    }

    /// Refuses chunks of other numbers of elements ([MS-RPCE] 2.2.4.14.1).
    #[must_use]
    pub fn with_range(self, min: u64, max: u64) -> Self {
        Self { range: Some((min, max)), ..self }
    }

    /// The next elements, at least one; `None` at the end of the pipe.
    ///
    /// # Errors
    ///
    /// Fails where the pipe is malformed or the connection fails, and while a pipe in front of this
    /// one has not ended.
    pub async fn next(&mut self) -> Result<Option<S::Value>, PipeError> {
        poll_fn(|cx| self.poll_elements(cx)).await
    }

    pub(super) fn poll_elements(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<S::Value>, PipeError>> {
        self.source.lock().poll_elements::<S>(self.pipe, self.range, cx)
    }
}

impl<C: Codec> PipeReader<Items<C>> {
    /// All elements that are left.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and where there are more than `limit`.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<C::Value>, PipeError> {
        let mut all = Vec::new();
        while let Some(elements) = self.next().await? {
            if elements.len() > limit.saturating_sub(all.len()) {
                return Err(PipeError::TooLong { limit });
            }
            all.extend(elements);
        }
        Ok(all)
    }
}

impl PipeReader<Octets> {
    /// All octets that are left.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and where there are more than `limit`.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Bytes, PipeError> {
        let mut all = BytesMut::new();
        while let Some(octets) = self.next().await? {
            if octets.len() > limit.saturating_sub(all.len()) {
                return Err(PipeError::TooLong { limit });
            }
            all.extend_from_slice(&octets);
        }
        Ok(all.freeze())
    }
}

impl<S: Sequence> Stream for PipeReader<S> {
    type Item = Result<S::Value, PipeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_elements(cx).map(Result::transpose)
    }
}

impl<S> fmt::Debug for PipeReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}

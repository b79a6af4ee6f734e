//! Bodies that still grow: a bounded queue of chunks between an association and who reads the body.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use msrpc_ndr::{Body, TransportError};

/// A body and what feeds it. Feeding is never refused; whoever feeds waits for
/// [room](BodySender::poll_room) once `bound` octets are queued.
pub fn body_pipe(bound: usize) -> (BodySender, Body) {
    let shared = Arc::new(Shared { state: Mutex::default(), bound });
    (BodySender { shared: Arc::clone(&shared) }, Body::from_stream(Receiver { shared }))
}

struct Shared {
    state: Mutex<State>,
    bound: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    queued: usize,
    end: Option<Result<(), TransportError>>,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Who wants to know that nobody reads any more.
    watcher: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The feeding end. Dropping it before [`finish`](Self::finish) fails the body.
pub struct BodySender {
    shared: Arc<Shared>,
}

impl BodySender {
    /// Adds a chunk.
    pub fn push(&self, chunk: Bytes) {
        let mut state = self.shared.lock();
        if chunk.is_empty() || state.reader_gone || state.end.is_some() {
            return;
        }
        state.queued += chunk.len();
        state.queue.push_back(chunk);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Says that the body is complete.
    pub fn finish(self) {
        self.end(Ok(()));
    }

    /// Says that the rest of the body will not come.
    pub fn fail(self, error: TransportError) {
        self.end(Err(error));
    }

    fn end(&self, end: Result<(), TransportError>) {
        let mut state = self.shared.lock();
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Whether the queue has reached its bound.
    pub fn is_full(&self) -> bool {
        let state = self.shared.lock();
        !state.reader_gone && state.queued >= self.shared.bound
    }

    /// Whether nobody reads the body any more.
    pub fn is_abandoned(&self) -> bool {
        self.shared.lock().reader_gone
    }

    /// Waits until nobody reads the body any more.
    pub fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.reader_gone {
            return Poll::Ready(());
        }
        match &mut state.watcher {
            Some(watcher) if watcher.will_wake(cx.waker()) => {}
            watcher => *watcher = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits until the queue is below its bound.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.reader_gone || state.queued < self.shared.bound {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        self.end(Err(TransportError::new("the connection ended within a body")));
    }
}

impl fmt::Debug for BodySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySender").field("full", &self.is_full()).finish()
    }
}

struct Receiver {
    shared: Arc<Shared>,
}

impl Stream for Receiver {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.shared.lock();
        if let Some(chunk) = state.queue.pop_front() {
            state.queued = state.queued.saturating_sub(chunk.len());
            let writer = if state.queued < self.shared.bound { state.writer.take() } else { None };
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(Ok(chunk)));
        }
        match state.end.clone() {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.reader_gone = true;
        let rest = std::mem::take(&mut state.queue);
        state.queued = 0;
        let woken = [state.writer.take(), state.watcher.take()];
        drop(state);
        drop(rest);
        woken.into_iter().flatten().for_each(Waker::wake);
    }
}

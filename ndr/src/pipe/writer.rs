//! Writing a pipe: the `[out]` pipes of a server.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use super::{PipeError, Position, put_chunk, put_end, source::Shared as Source};
use crate::{Call, EncodeError, Encoder, Sequence};

/// Octets that wait for the transport before a writer has to wait, too.
const BOUND: usize = 64 * 1024;

/// A pipe that goes out.
///
/// Pipes are written one after the other, in the order of the parameters, and not before the `[in]`
/// pipes are read. A pipe ends when it is closed, when a later one is written, or with the method.
pub struct PipeWriter<S> {
    sink: Sink,
    pipe: usize,
    sequence: PhantomData<fn(S)>,
}

impl<S: Sequence> PipeWriter<S> {
    pub(super) fn new(sink: Sink, pipe: usize) -> Self {
        Self { sink, pipe, sequence: PhantomData }
    }

    /// Sends elements as one chunk. Waits while the transport has enough to do.
    ///
    /// # Errors
    ///
    /// Fails where an element has no representation, where the pipe is closed, while an `[in]` pipe
    /// has not been read, and once the client has cancelled the call or gone away.
    pub async fn write(&mut self, elements: impl Into<S::Value>) -> Result<(), PipeError> {
        poll_fn(|cx| self.sink.lock().poll_room(cx)).await;
        let elements = elements.into();
        let mut state = self.sink.lock();
        state.reach(self.pipe)?;
        state.put(|e| put_chunk::<S>(&elements, e))?;
        Ok(())
    }

    /// Ends the pipe.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn close(self) -> Result<(), PipeError> {
        let mut state = self.sink.lock();
        state.reach(self.pipe)?;
        state.end_up_to(self.pipe + 1)?;
        Ok(())
    }
}

impl<S> fmt::Debug for PipeWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeWriter").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}

/// A response with pipes while it is made, as its writers share it.
#[derive(Clone, Debug)]
pub(super) struct Sink(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    position: Position,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// The pipe that is open.
    pipe: usize,
    source: Source,
    call: Call,
    reader: Option<Waker>,
    /// Writers that wait for room.
    writers: Vec<Waker>,
}

impl Sink {
    pub(super) fn new(call: Call, source: Source) -> Self {
        Self(Arc::new(Mutex::new(State {
            position: Position::new(call.encoding()),
            queue: VecDeque::new(),
            queued: 0,
            pipe: 0,
            source,
            call,
            reader: None,
            writers: Vec::new(),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A codec that panics leaves a stub that is no longer sent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.queued < BOUND {
            return Poll::Ready(());
        }
        if !self.writers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Makes a pipe the one that is written.
    fn reach(&mut self, pipe: usize) -> Result<(), PipeError> {
        if !self.source.lock().is_drained() {
            return Err(PipeError::Discipline);
        }
        if self.call.is_cancelled() {
            return Err(PipeError::Cancelled);
        }
        if pipe < self.pipe {
            return Err(PipeError::Closed);
        }
        Ok(self.end_up_to(pipe)?)
    }

    /// Ends the pipes in front of one.
    pub(super) fn end_up_to(&mut self, pipe: usize) -> Result<(), EncodeError> {
        while self.pipe < pipe {
            self.put(put_end)?;
            self.pipe += 1;
        }
        Ok(())
    }

    fn put(&mut self, put: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>) -> Result<(), EncodeError> {
        let mut e = self.position.encoder();
        put(&mut e)?;
        self.push(e);
        Ok(())
    }

    /// What follows the pipes.
    pub(super) fn encoder(&self) -> Encoder {
        self.position.encoder()
    }

    /// Queues what an [`encoder`](Self::encoder) has written.
    pub(super) fn push(&mut self, e: Encoder) {
        for chunk in self.position.finish(e) {
            self.queued += chunk.len();
            self.queue.push_back(chunk);
        }
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// The next octets, if there are any.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.queue.pop_front()?;
        self.queued -= chunk.len();
        if self.queued < BOUND {
            self.writers.drain(..).for_each(Waker::wake);
        }
        Some(chunk)
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Wakes the reader once there is something.
    pub(super) fn wake_later(&mut self, cx: &Context<'_>) {
        self.reader = Some(cx.waker().clone());
    }
}

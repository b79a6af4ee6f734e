//! Operations with pipes at a server.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;

use super::{
    PipeError, PipeReader, PipeWriter,
    source::{Shared, Source},
    writer::Sink,
};
use crate::{Body, BoxFuture, Call, Fault, Message, Sequence, TransportError};

/// The pipes of a call at a server.
#[derive(Debug)]
pub struct ServerPipes {
    source: Shared,
    sink: Sink,
}

impl ServerPipes {
    /// The `[in]` pipe of an index, counted in the order of the parameters.
    pub fn reader<S: Sequence>(&self, pipe: usize) -> PipeReader<S> {
        PipeReader::new(self.source.clone(), pipe)
    }

    /// The `[out]` pipe of an index, counted in the order of the parameters.
    pub fn writer<S: Sequence>(&self, pipe: usize) -> PipeWriter<S> {
        PipeWriter::new(self.sink.clone(), pipe)
    }
}

/// Runs an operation that has `ins` pipes that come in and `outs` that go out. `run` gets the other
/// parameters and gives the other results.
///
/// The response begins when the first chunk is written, and goes on while the method runs: whoever
/// reads the body drives the method.
pub fn serve_with_pipes<Q, P, F, R>(
    call: Call,
    request: Body,
    (ins, outs): (usize, usize),
    run: F,
) -> BoxFuture<'static, Result<Body, Fault>>
where
    Q: Message + Send + 'static,
    P: Message + Send + 'static,
    F: FnOnce(Call, Q, ServerPipes) -> R + Send + 'static,
    R: Future<Output = Result<P, Fault>> + Send + 'static,
{
    Box::pin(async move {
        let mut source = Source::new(request, call.encoding(), ins);
        let request = poll_fn(|cx| poll_request::<Q>(&call, &mut source, cx)).await;
        let request = request.map_err(|error| match error {
            PipeError::Transport(_) => Fault::NO_RESOURCES,
            error => Fault::from(&error),
        })?;
        let source = Shared::new(source);
        let sink = Sink::new(call.clone(), source.clone());
        let pipes = ServerPipes { source: source.clone(), sink: sink.clone() };
        let mut running = Running {
            sink: sink.clone(),
            method: Some(Box::pin(async move {
                let response = run(call.clone(), request, pipes).await?;
                // A response follows the whole request.
                let discarded = poll_fn(|cx| source.lock().poll_discard(cx)).await;
                let discarded = discarded.map_err(|error| error.fault().unwrap_or(Fault::PIPE_COMM_ERROR));
                let written = discarded.and_then(|()| write_response(&call, &sink, outs, &response));
                if written.is_err() {
                    call.close_opened();
                }
                written
            })),
        };
        match poll_fn(|cx| running.poll_begin(cx)).await? {
            Some(chunks) => Ok(Body::from_chunks(chunks)),
            None => Ok(Body::from_stream(running)),
        }
    })
}

fn poll_request<Q: Message>(call: &Call, source: &mut Source, cx: &mut Context<'_>) -> Poll<Result<Q, PipeError>> {
    let limits = call.limits();
    source.poll_parameters(cx, limits.max_request, |d| {
        let mut d = d.level(call.interface().level).max_depth(limits.max_depth);
        Ok((Q::decode(&mut d)?, d.position()))
    })
}

/// Ends the pipes, and puts the other results behind them.
fn write_response<P: Message>(call: &Call, sink: &Sink, outs: usize, response: &P) -> Result<(), Fault> {
    let limits = call.limits();
    let mut state = sink.lock();
    state.end_up_to(outs).map_err(|error| Fault::from(&error))?;
    let mut e = state.encoder().max_len(limits.max_response as u64).max_depth(limits.max_depth);
    response.encode(&mut e).map_err(|error| Fault::from(&error))?;
    if e.position() > limits.max_response {
        return Err(Fault::NO_RESOURCES);
    }
    state.push(e);
    Ok(())
}

/// A method that runs while its response is sent.
struct Running {
    sink: Sink,
    method: Option<BoxFuture<'static, Result<(), Fault>>>,
}

impl Running {
    /// Runs the method until it has written something, or has ended: then the whole response.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<Bytes>>, Fault>> {
        let Some(method) = &mut self.method else { return Poll::Ready(Ok(None)) };
        match method.as_mut().poll(cx) {
            Poll::Ready(outcome) => {
                self.method = None;
                outcome?;
                let mut state = self.sink.lock();
                Poll::Ready(Ok(Some(std::iter::from_fn(|| state.pop()).collect())))
            }
            Poll::Pending => {
                let mut state = self.sink.lock();
                if state.is_empty() {
                    state.wake_later(cx);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(None))
            }
        }
    }
}

impl Stream for Running {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = self.sink.lock().pop() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let ended = match self.method.as_mut().map(|method| method.as_mut().poll(cx)) {
            Some(Poll::Ready(outcome)) => {
                self.method = None;
                if let Err(fault) = outcome {
                    return Poll::Ready(Some(Err(fault.into())));
                }
                true
            }
            Some(Poll::Pending) => false,
            None => true,
        };
        let mut state = self.sink.lock();
        match state.pop() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None if ended => Poll::Ready(None),
            None => {
                state.wake_later(cx);
                Poll::Pending
            }
        }
    }
}

//! Operations with pipes at a client.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;

use super::{
    PipeError, PipeReader, Position, put_chunk, put_end,
    source::{Shared, Source},
};
use crate::{
    Body, CallResult, Channel, Codec, Encoder, Encoding, ExchangeError, Items, Message, Octets, Sequence,
    TransportError,
};

/// Octets that a client accepts as the results behind the pipes of a response.
const MAX_RESPONSE: usize = 1 << 30;

/// What a client sends through an `[in]` pipe: a stream of chunks, or all of it.
pub struct PipeInput<S: Sequence>(Chunks<S::Value>);

type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, TransportError>> + Send>>;

impl<S: Sequence> PipeInput<S> {
    /// The chunks of a stream, each at least sent as one. An error breaks the call off.
    pub fn from_stream<E>(stream: impl Stream<Item = Result<S::Value, E>> + Send + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Box::pin(Fallible(Box::pin(stream))))
    }

    /// Chunks that are there already, or are made when they are sent.
    pub fn from_chunks<I>(chunks: I) -> Self
    where
        I: IntoIterator<Item = S::Value>,
        I::IntoIter: Send + 'static,
    {
        Self(Box::pin(Ready(chunks.into_iter())))
    }

    /// A pipe without elements.
    pub fn empty() -> Self
    where
        S::Value: Send + 'static,
    {
        Self::from_chunks(std::iter::empty())
    }
}

impl From<Bytes> for PipeInput<Octets> {
    fn from(octets: Bytes) -> Self {
        Self::from_chunks([octets])
    }
}

impl From<Vec<u8>> for PipeInput<Octets> {
    fn from(octets: Vec<u8>) -> Self {
        Self::from(Bytes::from(octets))
    }
}

impl<C: Codec> From<Vec<C::Value>> for PipeInput<Items<C>>
where
    C::Value: Send + 'static,
{
    fn from(elements: Vec<C::Value>) -> Self {
        Self::from_chunks([elements])
    }
}

impl<S: Sequence> fmt::Debug for PipeInput<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipeInput(…)")
    }
}

/// A stream whose errors become those of a transport.
struct Fallible<S>(Pin<Box<S>>);

impl<S, T, E> Stream for Fallible<S>
where
    S: Stream<Item = Result<T, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<T, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.0.as_mut().poll_next(cx);
        polled.map_err(|error| TransportError::with_source("the source of a pipe failed", error))
    }
}

/// An iterator as a stream.
struct Ready<I>(I);

// Nothing in it is pinned.
impl<I> Unpin for Ready<I> {}

impl<I: Iterator> Stream for Ready<I> {
    type Item = Result<I::Item, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// The `[in]` pipes of a call, in the order of the parameters.
#[derive(Default)]
pub struct RequestPipes(VecDeque<Box<dyn Input>>);

impl RequestPipes {
    /// No pipes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next pipe.
    #[must_use]
    pub fn with<S: Sequence + 'static>(mut self, input: impl Into<PipeInput<S>>) -> Self {
        self.0.push_back(Box::new(input.into()));
        self
    }
}

impl fmt::Debug for RequestPipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestPipes").field(&self.0.len()).finish()
    }
}

/// A pipe without the type of its elements.
trait Input: Send {
    /// Marshals the next chunk; false at the end of the pipe.
    fn poll_put(&mut self, e: &mut Encoder, cx: &mut Context<'_>) -> Poll<Result<bool, TransportError>>;
}

impl<S: Sequence> Input for PipeInput<S> {
    fn poll_put(&mut self, e: &mut Encoder, cx: &mut Context<'_>) -> Poll<Result<bool, TransportError>> {
        self.0.as_mut().poll_next(cx).map(|next| {
            let Some(elements) = next.transpose()? else {
                put_end(e).map_err(PipeError::from)?;
                return Ok(false);
            };
            put_chunk::<S>(&elements, e).map_err(PipeError::from)?;
            Ok(true)
        })
    }
}

/// A request with pipes on its way.
struct Request {
    ready: VecDeque<Bytes>,
    position: Position,
    pipes: RequestPipes,
}

impl Stream for Request {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(chunk) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            let Some(pipe) = this.pipes.0.front_mut() else { return Poll::Ready(None) };
            let mut e = this.position.encoder();
            match pipe.poll_put(&mut e, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    this.pipes.0.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Ok(more)) => {
                    if !more {
                        this.pipes.0.pop_front();
                    }
                    this.ready.extend(this.position.finish(e));
                }
            }
        }
    }
}

/// Makes a call of an operation with pipes: sends the request, its pipes behind the other parameters,
/// and waits until the response begins, which has `outs` pipes.
///
/// # Errors
///
/// Says which of these steps failed.
pub async fn call_with_pipes<C, Q>(
    channel: &C,
    opnum: u16,
    request: &Q,
    pipes: RequestPipes,
    outs: usize,
) -> Result<ResponsePipes, ExchangeError>
where
    C: Channel,
    Q: Message + Sync,
{
    let mut position = Position::new(channel.encoding());
    let mut e = position.encoder();
    request.encode(&mut e)?;
    let ready = position.finish(e).into();
    let reply = channel.call(opnum, Body::from_stream(Request { ready, position, pipes })).await?;
    Ok(ResponsePipes(Shared::new(Source::new(reply.body, reply.encoding, outs))))
}

/// A response with pipes.
#[derive(Debug)]
pub struct ResponsePipes(Shared);

impl ResponsePipes {
    /// How the response is marshalled.
    pub fn encoding(&self) -> Encoding {
        self.0.lock().encoding()
    }

    /// The `[out]` pipe of an index, counted in the order of the parameters.
    pub fn reader<S: Sequence>(&self, pipe: usize) -> PipeReader<S> {
        PipeReader::new(self.0.clone(), pipe)
    }

    /// The results behind the pipes.
    ///
    /// # Errors
    ///
    /// Fails where the response is malformed or the connection fails, and while a pipe has not been
    /// read to its end.
    pub async fn finish<P: Message>(&self) -> Result<P, ExchangeError> {
        let finished = poll_fn(|cx| {
            let mut source = self.0.lock();
            if !source.is_drained() {
                return Poll::Ready(Err(PipeError::Discipline));
            }
            source.poll_parameters(cx, MAX_RESPONSE, |mut d| Ok((P::decode(&mut d)?, d.position())))
        });
        Ok(finished.await?)
    }
}

/// The pipes of a response: a [`PipeReader`], or a tuple of several.
pub trait PipeReaders {
    /// Throws away what is left in them.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>>;
}

impl<S: Sequence> PipeReaders for PipeReader<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>> {
        loop {
            match self.poll_elements(cx) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

macro_rules! several {
    ($($reader:ident)*) => {
        impl<$($reader: PipeReaders),*> PipeReaders for ($($reader,)*) {
            fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>> {
                #[allow(non_snake_case)]
                let ($($reader,)*) = self;
                $(std::task::ready!($reader.poll_drain(cx))?;)*
                Poll::Ready(Ok(()))
            }
        }
    };
}

several!(A B);
several!(A B C);
several!(A B C D);
several!(A B C D E);
several!(A B C D E F);
several!(A B C D E F G);
several!(A B C D E F G H);

/// A call whose response has pipes: read `pipes`, then [`finish`](Self::finish).
///
/// Dropping it gives the rest of the response up.
#[must_use = "the results of the call come with `finish`"]
pub struct Piped<'a, P, R, S: fmt::Display> {
    /// The `[out]` pipe, or a tuple of several in the order of the parameters.
    pub pipes: P,
    finish: Pin<Box<dyn Future<Output = CallResult<R, S>> + Send + 'a>>,
}

impl<'a, P: PipeReaders, R, S: fmt::Display> Piped<'a, P, R, S> {
    /// A call; `conclude` takes the results apart.
    pub fn new<M: Message>(
        response: ResponsePipes,
        pipes: P,
        conclude: impl FnOnce(M) -> CallResult<R, S> + Send + 'a,
    ) -> Self {
        let finish = Box::pin(async move { conclude(response.finish::<M>().await?) });
        Self { pipes, finish }
    }

    /// The other results of the call. What is left in the pipes is thrown away.
    ///
    /// # Errors
    ///
    /// Fails with the operation's status, a fault, or the connection.
    pub async fn finish(mut self) -> CallResult<R, S> {
        poll_fn(|cx| self.pipes.poll_drain(cx)).await?;
        self.finish.await
    }
}

impl<P: fmt::Debug, R, S: fmt::Display> fmt::Debug for Piped<'_, P, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piped").field("pipes", &self.pipes).finish_non_exhaustive()
    }
}

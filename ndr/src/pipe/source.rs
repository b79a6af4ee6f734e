//! A stub that arrives while it is read: parameters, then pipes, or pipes, then results.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};

use super::PipeError;
use crate::{Body, DecodeError, DecodeErrorKind, Decoder, Encoding, Sequence, TransportError};

/// Elements that are handed over at a time, however large a chunk is.
const PIECE: usize = 64 * 1024;

/// Elements of a chunk in NDR64 ([MS-RPCE] 2.2.5.3.4.5).
const MAX_CHUNK: u64 = 0x7fff_ffff;

/// A stub with pipes, as its readers share it.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Source>>);

impl Shared {
    pub(super) fn new(source: Source) -> Self {
        Self(Arc::new(Mutex::new(source)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Source> {
        // A codec that panics leaves a stub that is no longer read.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stub that arrives while it is read.
#[derive(Debug)]
pub(super) struct Source {
    body: Body,
    encoding: Encoding,
    /// What has arrived and is not read yet. It begins at a multiple of eight octets of the stub,
    /// which is the largest alignment.
    data: Bytes,
    pos: usize,
    ended: bool,
    /// The pipe that is being read, and how many there are.
    pipe: usize,
    pipes: usize,
    state: State,
    failed: Option<PipeError>,
}

/// Where in a pipe the next octet stands.
#[derive(Clone, Copy, Debug)]
enum State {
    Count,
    Elements {
        left: u64,
        count: u64,
    },
    /// At the end of a chunk, which NDR64 marks.
    ChunkEnd {
        count: u64,
    },
}

impl Source {
    pub(super) fn new(body: Body, encoding: Encoding, pipes: usize) -> Self {
        Self {
            body,
            encoding,
            data: Bytes::new(),
            pos: 0,
            ended: false,
            pipe: 0,
            pipes,
            state: State::Count,
            failed: None,
        }
    }

    /// Whether every pipe is read to its end.
    pub(super) fn is_drained(&self) -> bool {
        self.pipe >= self.pipes
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(self.data.clone(), self.encoding).at(self.pos)
    }

    /// Waits for more octets; false at the end of the stub.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, TransportError>> {
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        let Some(chunk) = ready!(self.body.poll_next(cx)).transpose()? else {
            self.ended = true;
            return Poll::Ready(Ok(false));
        };
        let whole = |octets: usize| octets & !7;
        let read = whole(self.pos).min(whole(self.data.len()));
        self.pos -= read;
        let rest = self.data.slice(read..);
        self.data = if rest.is_empty() {
            chunk
        } else {
            let mut joined = BytesMut::with_capacity(rest.len() + chunk.len());
            joined.extend_from_slice(&rest);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
        Poll::Ready(Ok(true))
    }

    /// Throws away the rest of the stub.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while ready!(self.poll_more(cx))? {
            self.data = Bytes::new();
            self.pos = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what stands before the pipes, or behind them. `limit` is in octets.
    pub(super) fn poll_parameters<T>(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        decode: impl Fn(Decoder) -> Result<(T, usize), DecodeError>,
    ) -> Poll<Result<T, PipeError>> {
        loop {
            let error = match decode(self.decoder()) {
                Ok((value, pos)) => {
                    self.pos = pos;
                    return Poll::Ready(Ok(value));
                }
                Err(error) => error,
            };
            if !error.is_short() {
                return Poll::Ready(Err(error.into()));
            }
            // Twice as much at least, so that all attempts together cost no more than two.
            let wanted = self.data.len().saturating_mul(2);
            loop {
                if !ready!(self.poll_more(cx))? {
                    return Poll::Ready(Err(error.into()));
                }
                if self.data.len() > limit {
                    return Poll::Ready(Err(TransportError::body_too_large(self.data.len(), limit).into()));
                }
                if self.data.len() >= wanted {
                    break;
                }
            }
        }
    }

    /// The next elements of a pipe; `None` at its end.
    pub(super) fn poll_elements<S: Sequence>(
        &mut self,
        pipe: usize,
        range: Option<(u64, u64)>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<S::Value>, PipeError>> {
        if let Some(failed) = &self.failed {
            return Poll::Ready(Err(failed.clone()));
        }
        if pipe > self.pipe {
            return Poll::Ready(Err(PipeError::Order));
        }
        while pipe == self.pipe {
            match self.step::<S>(range) {
                Ok(Some(elements)) => return Poll::Ready(Ok(Some(elements))),
                Ok(None) => {}
                Err(error) if error.is_short() => {
                    let more = match ready!(self.poll_more(cx)) {
                        Ok(true) => continue,
                        Ok(false) => error.into(),
                        Err(error) => PipeError::from(error),
                    };
                    self.failed = Some(more.clone());
                    return Poll::Ready(Err(more));
                }
                Err(error) => {
                    self.failed = Some(error.clone().into());
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// One step within a pipe.
    fn step<S: Sequence>(&mut self, range: Option<(u64, u64)>) -> Result<Option<S::Value>, DecodeError> {
        let mut d = self.decoder();
        match self.state {
            State::Count => {
                let count = d.count()?;
                if self.encoding.is_ndr64() && count > MAX_CHUNK {
                    return Err(d.error(DecodeErrorKind::OverMaximum { found: count, max: MAX_CHUNK }));
                }
                if let Some((min, max)) = range.filter(|_| count != 0) {
                    let wide = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
                    d.expect_range(wide(count), wide(min), wide(max))?;
                }
                self.state = State::Elements { left: count, count };
            }
            State::Elements { left: 0, count } => self.state = State::ChunkEnd { count },
            State::Elements { left, count } => {
                let here = d.remaining() / S::MIN.max(1);
                let mut elements = usize::try_from(left).unwrap_or(usize::MAX).min(here).clamp(1, PIECE);
                let value = loop {
                    let mut d = self.decoder();
                    match S::get(elements, &mut d) {
                        Ok(value) => break (value, d.position()),
                        // Elements may need more octets than the least.
                        Err(error) if error.is_short() && elements > 1 => elements /= 2,
                        Err(error) => return Err(error),
                    }
                };
                self.state = State::Elements { left: left.saturating_sub(elements as u64), count };
                self.pos = value.1;
                return Ok(Some(value.0));
            }
            State::ChunkEnd { count } => {
                if self.encoding.is_ndr64() {
                    let found = d.u64()?;
                    if found != count.wrapping_neg() {
                        return Err(d.error(DecodeErrorKind::ChunkEnd { count, found }));
                    }
                }
                self.pipe += usize::from(count == 0);
                self.state = State::Count;
            }
        }
        self.pos = d.position();
        Ok(None)
    }
}

//! Pipes: parameters of any number of elements, which travel in chunks while the call runs (C706
//! 14.3.9, [MS-RPCE] 2.2.5.3.4.5).
//!
//! `[in]` pipes follow the other parameters of a request, `[out]` pipes go before the other results
//! of a response. A server method gets a [`PipeReader`] for each pipe that comes in and a
//! [`PipeWriter`] for each that goes out; a client passes a [`PipeInput`] and gets a [`PipeReader`]
//! out of [`Piped`]. Whoever is slower holds the other back: neither side keeps more than a chunk
//! and what the transport has on its way.

mod client;
mod reader;
mod server;
mod source;
mod writer;

use crate::{
    CallError, DecodeError, EncodeError, Encoder, Encoding, ExchangeError, Failure, Fault, Sequence, Status,
    TransportError,
};

pub use client::{PipeInput, PipeReaders, Piped, RequestPipes, ResponsePipes, call_with_pipes};
pub use reader::PipeReader;
pub use server::{ServerPipes, serve_with_pipes};
pub use writer::PipeWriter;

/// Why a pipe cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The pipe that came is not well-formed. The peer is at fault.
    #[error("a pipe is malformed: {0}")]
    Decode(#[from] DecodeError),
    /// A chunk has no representation. Whoever wrote it is at fault.
    #[error("a chunk of a pipe cannot be marshalled: {0}")]
    Encode(#[from] EncodeError),
    /// The connection failed, or the peer broke the call off.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A pipe was read or written before those in front of it had ended. The caller is at fault.
    #[error("pipes are used in the order of their parameters: an earlier one has not ended")]
    Order,
    /// An `[out]` pipe was written before the `[in]` pipes were read to their ends. The caller is at
    /// fault.
    #[error("an [out] pipe cannot be written before every [in] pipe is read to its end")]
    Discipline,
    /// The client has cancelled the call or gone away.
    #[error("the client has cancelled the call or gone away")]
    Cancelled,
    /// A pipe was written after it had been closed. The caller is at fault.
    #[error("the pipe is closed")]
    Closed,
    /// A pipe has more elements than the caller of a method of [`PipeReader`] wanted.
    #[error("the pipe has more than {limit} elements")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

impl From<&PipeError> for Fault {
    fn from(error: &PipeError) -> Self {
        match error {
            PipeError::Decode(error) => error.into(),
            PipeError::Encode(error) => error.into(),
            PipeError::Transport(error) => error.fault().unwrap_or(Self::PIPE_COMM_ERROR),
            PipeError::Order => Self::PIPE_ORDER,
            PipeError::Discipline => Self::PIPE_DISCIPLINE,
            PipeError::Cancelled => Self::CANCELLED,
            PipeError::Closed => Self::PIPE_CLOSED,
            PipeError::TooLong { .. } => Self::NO_RESOURCES,
        }
    }
}

impl<R, S: Status> From<PipeError> for Failure<R, S> {
    fn from(error: PipeError) -> Self {
        Self::Fault(Fault::from(&error))
    }
}

impl From<PipeError> for TransportError {
    fn from(error: PipeError) -> Self {
        match error {
            PipeError::Transport(error) => error,
            other => Self::with_source("a pipe broke off", other),
        }
    }
}

impl From<PipeError> for ExchangeError {
    fn from(error: PipeError) -> Self {
        match error {
            PipeError::Decode(error) => Self::Decode(error),
            PipeError::Encode(error) => Self::Encode(error),
            other => Self::Channel(match TransportError::from(other) {
                error if error.fault().is_some() => error.fault().unwrap_or(Fault::UNSPECIFIED).into(),
                error => error.into(),
            }),
        }
    }
}

impl<R, S: std::fmt::Display> From<PipeError> for CallError<R, S> {
    fn from(error: PipeError) -> Self {
        ExchangeError::from(error).into()
    }
}

/// Marshals a chunk. One without elements would be the pipe's end, and is nothing.
fn put_chunk<S: Sequence>(elements: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
    let count = S::len(elements) as u64;
    if count == 0 {
        return Ok(());
    }
    e.count(count)?;
    S::put(elements, e)?;
    put_chunk_end(count, e);
    Ok(())
}

/// Marshals the end of a pipe: a chunk without elements.
fn put_end(e: &mut Encoder) -> Result<(), EncodeError> {
    e.count(0)?;
    put_chunk_end(0, e);
    Ok(())
}

/// Only NDR64 has an end of a chunk: the number of elements, negated.
fn put_chunk_end(count: u64, e: &mut Encoder) {
    if e.encoding().is_ndr64() {
        e.u64(count.wrapping_neg());
    }
}

/// Octets of a stub that are written one after the other, each part aligned to where it stands.
#[derive(Debug)]
struct Position {
    encoding: Encoding,
    octets: u64,
}

impl Position {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, octets: 0 }
    }

    /// The next part of the stub.
    fn encoder(&self) -> Encoder {
        Encoder::resume(self.encoding, self.octets)
    }

    /// The chunks of a part that has been written.
    fn finish(&mut self, e: Encoder) -> Vec<bytes::Bytes> {
        let chunks = e.finish();
        self.octets += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        chunks
    }
}

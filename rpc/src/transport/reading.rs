//! Reading into a buffer that a connection has only while something is in it.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, ReadBuf};

use super::Stream;

/// Octets that are read at a time into the stack, and copied from there: a connection that waits has
/// no buffer.
const SMALL: usize = 8 << 10;

/// Octets that are read at a time, in place, while a peer sends much.
const LARGE: usize = 64 << 10;

/// How a connection reads.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The last read brought much.
    much: bool,
}

impl Reading {
    /// Reads what there is to the end of `buffer`; 0 at the end of the stream. No more is allocated
    /// than has arrived, or than arrived last time, whatever lengths a peer announces.
    pub(crate) fn poll(
        &mut self,
        stream: &mut (impl Stream + ?Sized),
        buffer: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let polled = if self.much { large(stream, buffer, cx) } else { small(stream, buffer, cx) };
        match &polled {
            Poll::Ready(Ok(len)) => self.much = *len >= SMALL,
            Poll::Ready(Err(_)) => {}
            Poll::Pending if buffer.is_empty() => *buffer = BytesMut::new(),
            Poll::Pending => {}
        }
        polled
    }
}

fn large(stream: &mut (impl Stream + ?Sized), buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    buffer.reserve(LARGE);
    pin!(stream.read_buf(buffer)).poll(cx)
}

fn small(stream: &mut (impl Stream + ?Sized), buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut octets = [MaybeUninit::uninit(); SMALL];
    let mut read = ReadBuf::uninit(&mut octets);
    Pin::new(stream).poll_read(cx, &mut read).map_ok(|()| {
        if buffer.is_empty() {
            // What is left of an earlier allocation would keep it.
            *buffer = BytesMut::from(read.filled());
        } else {
            buffer.extend_from_slice(read.filled());
        }
        read.filled().len()
    })
}

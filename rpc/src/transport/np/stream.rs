//! The stream behind a handover: each message has its length in front.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::transport::pipe::Cutter;

/// Octets that are read at a time.
const INPUT: usize = 16 << 10;

/// Octets that wait to be written before a writer has to wait.
const OUTPUT: usize = 64 << 10;

/// Octets of the length in front of a message.
const PREFIX: usize = 2;

/// Messages as a stream of octets: PDUs go out one a message, and come in as they like.
#[derive(Debug)]
pub(super) struct MessageStream<S> {
    inner: S,
    received: BytesMut,
    /// What is still to come of the message that is being read.
    message: usize,
    cutter: Cutter,
    output: BytesMut,
}

impl<S> MessageStream<S> {
    pub(super) fn new(inner: S) -> Self {
        let (received, output) = (BytesMut::new(), BytesMut::new());
        Self { inner, received, message: 0, cutter: Cutter::default(), output }
    }
}

impl<S: AsyncWrite + Unpin> MessageStream<S> {
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MessageStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            while this.message == 0 && this.received.len() >= PREFIX {
                this.message = usize::from(this.received.get_u16_le());
            }
            let len = this.message.min(this.received.len()).min(buffer.remaining());
            if len > 0 {
                buffer.put_slice(this.received.get(..len).unwrap_or_default());
                this.received.advance(len);
                this.message -= len;
                return Poll::Ready(Ok(()));
            }
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            this.received.reserve(INPUT);
            if ready!(pin!(this.inner.read_buf(&mut this.received)).poll(cx))? == 0 {
                let complete = this.message == 0 && this.received.is_empty();
                return Poll::Ready(if complete { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MessageStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.output.len() >= OUTPUT {
            ready!(this.poll_output(cx))?;
        }
        this.cutter.push(octets);
        while let Some(pdu) = this.cutter.next()? {
            // A PDU has a 16-bit length itself.
            let len = u16::try_from(pdu.len()).map_err(io::Error::other)?;
            this.output.put_u16_le(len);
            this.output.put_slice(&pdu);
        }
        // What cannot go out now goes out when the stream is flushed.
        let _ = this.poll_output(cx)?;
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn pdu(len: u16) -> Vec<u8> {
        let mut pdu = vec![5, 0, 0, 3, 0x10, 0, 0, 0];
        pdu.extend(len.to_le_bytes());
        pdu.resize(usize::from(len), 0);
        pdu
    }

    #[tokio::test]
    async fn lengths_are_put_on_and_taken_off() {
        for room in [1, 3, 64, 1 << 20] {
            let (ours, mut theirs) = tokio::io::duplex(room);
            let mut stream = MessageStream::new(ours);
            let (sent, received) = (vec![pdu(16), pdu(4280), pdu(65535)], [pdu(20), pdu(30)].concat());
            let writing = async {
                stream.write_all(&sent.concat()).await.unwrap();
                stream.flush().await.unwrap();
                let mut octets = vec![0; received.len()];
                stream.read_exact(&mut octets).await.unwrap();
                assert_eq!(octets, received);
                assert_eq!(stream.read(&mut [0; 9]).await.unwrap(), 0);
            };
            let other_side = async {
                for pdu in &sent {
                    assert_eq!(usize::from(theirs.read_u16_le().await.unwrap()), pdu.len());
                    let mut octets = vec![0; pdu.len()];
                    theirs.read_exact(&mut octets).await.unwrap();
                    assert_eq!(&octets, pdu);
                }
                // Two PDUs in one message, one in two, an empty message.
                let (first, second) = received.split_at(45);
                for message in [first, &[], second] {
                    theirs.write_u16_le(u16::try_from(message.len()).unwrap()).await.unwrap();
                    theirs.write_all(message).await.unwrap();
                }
                theirs.shutdown().await.unwrap();
            };
            tokio::join!(writing, other_side);
        }
    }

    #[tokio::test]
    async fn a_message_that_breaks_off_is_an_error() {
        for octets in [&[9][..], &[9, 0], &[9, 0, 1, 2]] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(octets).await.unwrap();
            drop(theirs);
            let mut stream = MessageStream::new(ours);
            let mut rest = Vec::new();
            assert_eq!(stream.read_to_end(&mut rest).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}

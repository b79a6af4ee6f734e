//! Named pipes in message mode: streams of octets to those who use them, a PDU a message to those
//! who carry them ([MS-RPCE] 2.1.1.2).

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pdu::{HEADER_LEN, Header};

/// The protocol sequence.
pub const PROTOCOL: &str = "ncacn_np";

/// Octets that wait to be written before a writer has to wait.
const QUEUE: usize = 64 << 10;

/// The bare name of a pipe that is written `\pipe\name`, `\\server\pipe\name` or `name`.
pub fn bare_name(endpoint: &str) -> &str {
    let at = endpoint.rfind(['\\', '/']).map_or(0, |at| at + 1);
    endpoint.get(at..).unwrap_or(endpoint)
}

/// A named pipe that is open, in message mode.
///
/// A read may take as long as the other side likes, and goes on beside writes. Whoever no longer
/// waits for it drops the pipe: reads of pipes cannot be cancelled by themselves.
pub trait Pipe: Send + Sync + 'static {
    /// Writes a message.
    fn write(&self, message: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads what is there of a message, and waits until there is one; nothing at the end.
    fn read(&self) -> impl Future<Output = io::Result<Bytes>> + Send;
}

/// Cuts a stream of octets into PDUs.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    octets: BytesMut,
}

impl Cutter {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// The next PDU, if it is complete.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.octets.len() < HEADER_LEN {
            return Ok(None);
        }
        let header = Header::parse(&self.octets).map_err(io::Error::other)?;
        let len = usize::from(header.frag_length);
        Ok((self.octets.len() >= len).then(|| self.octets.split_to(len).freeze()))
    }
}

type Running<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A pipe as a stream.
pub struct PipeStream<P> {
    pipe: Arc<P>,
    reading: Option<Running<Bytes>>,
    /// What has been read and not yet taken.
    received: Bytes,
    cutter: Cutter,
    queue: VecDeque<Bytes>,
    queued: usize,
    writing: Option<Running<()>>,
}

impl<P> fmt::Debug for PipeStream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queued, reading, .. } = self;
        f.debug_struct("PipeStream")
            .field("queued", queued)
            .field("reading", &reading.is_some())
            .finish_non_exhaustive()
    }
}

impl<P: Pipe> PipeStream<P> {
    /// Makes a stream of a pipe that has just been opened.
    pub fn new(pipe: P) -> Self {
        Self {
            pipe: Arc::new(pipe),
            reading: None,
            received: Bytes::new(),
            cutter: Cutter::default(),
            queue: VecDeque::new(),
            queued: 0,
            writing: None,
        }
    }

    /// Writes messages, one after the other: their order counts.
    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(writing) = &mut self.writing {
                let result = ready!(writing.as_mut().poll(cx));
                self.writing = None;
                result?;
            }
            let Some(message) = self.queue.pop_front() else { return Poll::Ready(Ok(())) };
            self.queued = self.queued.saturating_sub(message.len());
            let pipe = Arc::clone(&self.pipe);
            self.writing = Some(Box::pin(async move { pipe.write(message).await }));
        }
    }
}

impl<P: Pipe> AsyncRead for PipeStream<P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.received.is_empty() {
            let reading = this.reading.get_or_insert_with(|| {
                let pipe = Arc::clone(&this.pipe);
                Box::pin(async move { pipe.read().await })
            });
            let result = ready!(reading.as_mut().poll(cx));
            this.reading = None;
            this.received = result?;
        }
        let len = this.received.len().min(buffer.remaining());
        buffer.put_slice(this.received.get(..len).unwrap_or_default());
        this.received.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<P: Pipe> AsyncWrite for PipeStream<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll_queue(cx)?;
        if written.is_pending() && self.queued >= QUEUE {
            return Poll::Pending;
        }
        self.cutter.push(octets);
        while let Some(pdu) = self.cutter.next()? {
            self.queued += pdu.len();
            self.queue.push_back(pdu);
        }
        // What cannot go out now goes out when the stream is flushed.
        let _ = self.poll_queue(cx)?;
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_queue(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_queue(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Mutex, mpsc},
    };

    use super::*;

    struct Fake {
        written: mpsc::UnboundedSender<Bytes>,
        read: Mutex<mpsc::UnboundedReceiver<Bytes>>,
    }

    impl Pipe for Fake {
        async fn write(&self, message: Bytes) -> io::Result<()> {
            tokio::task::yield_now().await;
            self.written.send(message).map_err(io::Error::other)
        }

        async fn read(&self) -> io::Result<Bytes> {
            Ok(self.read.lock().await.recv().await.unwrap_or_default())
        }
    }

    fn pdu(len: u16) -> Vec<u8> {
        let mut pdu = vec![5, 0, 0, 3, 0x10, 0, 0, 0];
        pdu.extend(len.to_le_bytes());
        pdu.resize(usize::from(len), 7);
        pdu.get_mut(10..16).unwrap().fill(0);
        pdu
    }

    #[test]
    fn names() {
        for (written, bare) in [
            ("\\pipe\\srvsvc", "srvsvc"),
            ("\\PIPE\\srvsvc", "srvsvc"),
            ("\\\\server\\pipe\\a b", "a b"),
            ("/pipe/x", "x"),
            ("x", "x"),
            ("", ""),
        ] {
            assert_eq!(bare_name(written), bare);
        }
    }

    #[tokio::test]
    async fn each_pdu_is_a_message_and_messages_are_octets() {
        let (written, mut messages) = mpsc::unbounded_channel();
        let (arriving, read) = mpsc::unbounded_channel();
        let mut stream = PipeStream::new(Fake { written, read: Mutex::new(read) });
        let octets = [pdu(16), pdu(4280), pdu(100)].concat();
        for chunk in octets.chunks(33) {
            stream.write_all(chunk).await.unwrap();
        }
        stream.flush().await.unwrap();
        let lens: Vec<_> = std::iter::from_fn(|| messages.try_recv().ok()).map(|message| message.len()).collect();
        assert_eq!(lens, [16, 4280, 100]);
        for part in ["ab", "c", "def"] {
            arriving.send(Bytes::from(part)).unwrap();
        }
        let mut octets = [0; 5];
        stream.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"abcde");
        // A read that waits does not keep a write waiting.
        let mut rest = Vec::new();
        stream.read_buf(&mut rest).await.unwrap();
        tokio::select! {
            biased;
            _ = stream.read_u8() => panic!("nothing is there"),
            () = tokio::task::yield_now() => {}
        }
        stream.write_all(&pdu(20)).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(messages.try_recv().unwrap().len(), 20);
        drop(arriving);
        assert_eq!(stream.read(&mut octets).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_no_pdu_is_not_sent() {
        let (written, _messages) = mpsc::unbounded_channel();
        let (_arriving, read) = mpsc::unbounded_channel();
        let mut stream = PipeStream::new(Fake { written, read: Mutex::new(read) });
        assert!(stream.write_all(&[0; 16]).await.is_err());
    }
}

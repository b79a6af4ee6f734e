//! A stub that arrives in fragments.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use msrpc_ndr::{Body, TransportError};

use super::body::{BodySender, body_pipe};
use crate::pdu::verification;

/// The fragments of one stub. Small stubs are complete before anyone sees them; larger ones become
/// a stream, of which the end is held back as far as a verification trailer may reach.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    chunks: VecDeque<Bytes>,
    held: usize,
    stream: Option<BodySender>,
}

impl Inbound {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.held += chunk.len();
        self.chunks.push_back(chunk);
        let Some(stream) = &self.stream else { return };
        while let Some(oldest) = self.chunks.pop_front_if(|oldest| self.held - oldest.len() >= verification::WINDOW) {
            self.held -= oldest.len();
            stream.push(oldest);
        }
    }

    /// Octets held back.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    pub(crate) fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }

    /// The feeding end, if there is one and it is full.
    pub(crate) fn full(&self) -> Option<&BodySender> {
        self.stream.as_ref().filter(|stream| stream.is_full())
    }

    /// The feeding end, if there is one.
    pub(crate) fn stream(&self) -> Option<&BodySender> {
        self.stream.as_ref()
    }

    /// From here on chunks go to a body that someone already reads.
    pub(crate) fn start_stream(&mut self, bound: usize) -> Body {
        let (sender, body) = body_pipe(bound);
        let chunks = std::mem::take(&mut self.chunks);
        self.held = 0;
        self.stream = Some(sender);
        chunks.into_iter().for_each(|chunk| self.push(chunk));
        body
    }

    /// The octets at the end that may hold a verification trailer.
    pub(crate) fn tail(&self) -> Bytes {
        if let (Some(only), 1) = (self.chunks.front(), self.chunks.len()) {
            return only.slice(only.len().saturating_sub(verification::WINDOW)..);
        }
        let mut parts = Vec::new();
        let mut len = 0;
        for chunk in self.chunks.iter().rev() {
            if len >= verification::WINDOW {
                break;
            }
            len += chunk.len();
            parts.push(chunk);
        }
        let mut tail = BytesMut::with_capacity(len);
        parts.iter().rev().for_each(|part| tail.extend_from_slice(part));
        let start = tail.len().saturating_sub(verification::WINDOW);
        tail.freeze().slice(start..)
    }

    /// Takes `len` octets off the end.
    pub(crate) fn strip(&mut self, mut len: usize) {
        while let Some(last) = self.chunks.back_mut().filter(|_| len > 0) {
            let cut = len.min(last.len());
            last.truncate(last.len() - cut);
            len -= cut;
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
    }

    /// The end of the stub: the complete body, unless it is being streamed.
    pub(crate) fn finish(self) -> Option<Body> {
        match self.stream {
            Some(stream) => {
                self.chunks.into_iter().for_each(|chunk| stream.push(chunk));
                stream.finish();
                None
            }
            None => Some(Body::from_chunks(self.chunks)),
        }
    }

    /// The rest will not come.
    pub(crate) fn fail(self, error: TransportError) {
        if let Some(stream) = self.stream {
            stream.fail(error);
        }
    }
}

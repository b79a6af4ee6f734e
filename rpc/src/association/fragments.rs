//! Requests and responses on their way out, in fragments.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use msrpc_ndr::ByteOrder;
use uuid::Uuid;

use super::security::Security;
use crate::{
    auth::AuthError,
    pdu::{Head, Header, PduType, PfcFlags, RequestHead, ResponseHead, SEC_TRAILER_LEN, Writer, set_lengths},
};

/// What precedes the stub of each fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StubHead {
    Request { opnum: u16, object: Option<Uuid> },
    Response { cancel_count: u8 },
}

/// A stub on its way out.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) call_id: u32,
    pub(crate) context_id: u16,
    pub(crate) order: ByteOrder,
    pub(crate) head: StubHead,
    /// Flags of each fragment, beside first and last.
    pub(crate) flags: PfcFlags,
    /// The security context that protects it.
    pub(crate) security: Option<u32>,
    /// Octets at the end that must be in one fragment.
    pub(crate) together: usize,
    chunks: VecDeque<Bytes>,
    buffered: usize,
    finished: bool,
    started: bool,
}

impl Outbound {
    pub(crate) fn new(call_id: u32, context_id: u16, order: ByteOrder, head: StubHead) -> Self {
        Self {
            call_id,
            context_id,
            order,
            head,
            flags: PfcFlags::empty(),
            security: None,
            together: 0,
            chunks: VecDeque::new(),
            buffered: 0,
            finished: false,
            started: false,
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.buffered += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    pub(crate) fn buffered(&self) -> usize {
        self.buffered
    }

    fn head_len(&self) -> usize {
        match self.head {
            StubHead::Request { object, .. } => RequestHead::len(object.is_some()),
            StubHead::Response { .. } => ResponseHead::LEN,
        }
    }

    /// Stub octets that fit a fragment, in multiples of what the stub is padded to.
    fn room(&self, max_frag: u16, security: Option<&Security>) -> usize {
        let left = usize::from(max_frag).saturating_sub(self.head_len());
        let room = match security {
            Some(security) => left.saturating_sub(SEC_TRAILER_LEN + security.token_len(left)) & !15,
            None => left & !7,
        };
        room.max(16)
    }

    /// Whether a fragment can be written.
    pub(crate) fn is_ready(&self, max_frag: u16, security: Option<&Security>) -> bool {
        // A full fragment has to wait until it is known whether it is the last.
        self.finished || self.buffered > self.room(max_frag, security)
    }

    /// Writes a fragment; gives whether it was the last.
    pub(crate) fn emit(
        &mut self,
        out: &mut BytesMut,
        max_frag: u16,
        security: Option<&mut Security>,
    ) -> Result<bool, AuthError> {
        let room = self.room(max_frag, security.as_deref());
        let last = self.finished && self.buffered <= room;
        let mut len = self.buffered.min(room);
        if !last && self.finished && self.buffered - len < self.together {
            let shorter = (self.buffered - self.together) & !15;
            len = if shorter == 0 { len } else { shorter };
        }
        let mut flags = self.flags;
        flags.set(PfcFlags::FIRST, !self.started);
        flags.set(PfcFlags::LAST, last);
        self.started = true;
        let start = out.len();
        let around = self.head_len() + security.as_deref().map_or(0, |s| 16 + SEC_TRAILER_LEN + s.token_len(len));
        out.reserve(around + len);
        self.write_head(out, flags);
        let stub = out.len();
        self.move_stub(out, len);
        let token_len = match security {
            Some(security) => security.protect(out, start, stub, self.order)?,
            None => 0,
        };
        let frag_length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        debug_assert_eq!(usize::from(frag_length), out.len() - start);
        if token_len == 0 {
            set_lengths(out, start, self.order, frag_length, 0);
        }
        Ok(last)
    }

    fn write_head(&self, out: &mut BytesMut, mut flags: PfcFlags) {
        let mut alloc_hint = 0;
        if self.finished {
            alloc_hint = u32::try_from(self.buffered).unwrap_or(0);
        }
        let (ptype, context_id) = match self.head {
            StubHead::Request { object, .. } => {
                flags.set(PfcFlags::OBJECT_UUID, object.is_some());
                (PduType::Request, self.context_id)
            }
            StubHead::Response { .. } => (PduType::Response, self.context_id),
        };
        let mut w = Writer::new(out, self.order);
        Header::new(Head { ptype, flags, order: self.order, call_id: self.call_id }).write(&mut w);
        match self.head {
            StubHead::Request { opnum, object } => {
                RequestHead { alloc_hint, context_id, opnum, object }.write(&mut w);
            }
            StubHead::Response { cancel_count } => {
                ResponseHead { alloc_hint, context_id, cancel_count }.write(&mut w);
            }
        }
    }

    fn move_stub(&mut self, out: &mut BytesMut, mut len: usize) {
        self.buffered -= len;
        while let Some(chunk) = self.chunks.front_mut().filter(|_| len > 0) {
            let part = chunk.split_to(len.min(chunk.len()));
            len -= part.len();
            out.put_slice(&part);
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
    }
}

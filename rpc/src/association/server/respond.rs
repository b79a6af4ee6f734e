//! Responses: from the outcome of calls to fragments.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{Bytes, BytesMut};
use msrpc_ndr::{Body, Fault};

use super::{Active, CallKey, CloseReason, ServerAssociation, established};
use crate::association::{
    fragments::{Outbound, StubHead},
    quota::{Lease, Resource},
};

/// Octets of a response that wait to be sent before its body is asked for more.
const RESPONSE_BOUND: usize = 256 << 10;

/// Fragments of one response before it is another's turn.
const TURN: usize = 16;

/// Octets that a response which still grows may have on its way: in its pipe and here.
const GROWING: usize = RESPONSE_BOUND + (64 << 10);

/// What a response costs beside its octets.
const RESPONSE_COST: usize = 256;

/// A response on its way.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) out: Outbound,
    _held: Option<Held>,
}

/// What a response takes until it has been sent.
#[derive(Debug)]
pub(super) struct Held {
    _lease: Lease,
    /// Of what waits on the connection.
    octets: usize,
    queued: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

impl ServerAssociation {
    /// Takes what a response needs, before it [begins](Self::begin). False if there is no room for
    /// it: the call has been answered with a fault then.
    pub fn admit(&mut self, key: CallKey, response: &Body) -> bool {
        let Some(active) = self.calls.get_mut(&key.call_id).filter(|active| active.key == key) else { return false };
        if active.silent {
            return true;
        }
        // What still grows is held back by itself, and does not keep further calls waiting.
        let (all, waiting) = match response.ready_len() + RESPONSE_COST {
            octets if response.is_complete() => (octets, octets),
            octets => (octets + GROWING, 0),
        };
        match self.client.take(Resource::ResponseOctets, all) {
            Ok(lease) => {
                self.queued.fetch_add(waiting, Ordering::Relaxed);
                active.held = Some(Held { _lease: lease, octets: waiting, queued: Arc::clone(&self.queued) });
                true
            }
            Err(_refused) => {
                active.call.close_opened();
                self.fault(key, Fault::NO_RESOURCES);
                false
            }
        }
    }

    /// Answers a call with a complete response.
    pub fn respond(&mut self, key: CallKey, chunks: impl IntoIterator<Item = Bytes>) {
        if self.begin(key) {
            chunks.into_iter().for_each(|chunk| self.push(key, chunk));
            self.finish(key);
        }
    }

    /// Begins a response that comes in pieces. False if nobody wants it.
    pub fn begin(&mut self, key: CallKey) -> bool {
        let Some(active) = self.calls.get_mut(&key.call_id).filter(|active| active.key == key) else { return false };
        let Active { context_id, order, security, cancel_count, silent, .. } = *active;
        if silent || self.close.is_some() {
            // Nobody will ever know these handles.
            active.call.close_opened();
            self.calls.remove(&key.call_id);
            return false;
        }
        let mut out = Outbound::new(key.call_id, context_id, order, StubHead::Response { cancel_count });
        out.security = security;
        let held = active.held.take();
        self.replies.push_back(Reply { out, _held: held });
        true
    }

    /// Adds to a response. Nobody may want it any more; then nothing happens.
    pub fn push(&mut self, key: CallKey, chunk: Bytes) {
        if let Some(reply) = self.reply(key) {
            reply.push(chunk);
        }
    }

    /// Whether more of a response can be taken now. True for one that nobody wants.
    pub fn has_room(&mut self, key: CallKey) -> bool {
        self.reply(key).is_none_or(|reply| reply.buffered() < RESPONSE_BOUND)
    }

    /// Ends a response.
    pub fn finish(&mut self, key: CallKey) {
        if let Some(reply) = self.reply(key) {
            reply.finish();
            self.calls.remove(&key.call_id);
        } else if self.calls.get(&key.call_id).is_some_and(|active| active.key == key) {
            self.calls.remove(&key.call_id);
        }
    }

    /// Answers a call with a fault, instead of a response or of the rest of one.
    pub fn fault(&mut self, key: CallKey, fault: Fault) {
        let Some(active) = self.calls.get(&key.call_id).filter(|active| active.key == key) else { return };
        let &Active { context_id, order, cancel_count, silent, .. } = active;
        self.calls.remove(&key.call_id);
        self.replies.retain(|reply| reply.out.call_id != key.call_id);
        if !silent && self.close.is_none() {
            self.write_fault(key.call_id, context_id, order, cancel_count, fault);
        }
    }

    fn reply(&mut self, key: CallKey) -> Option<&mut Outbound> {
        let active = self.calls.get(&key.call_id)?;
        if active.key != key {
            return None;
        }
        let replies = self.replies.iter_mut().rev().map(|reply| &mut reply.out);
        replies.into_iter().find(|reply| reply.call_id == key.call_id && !reply.is_finished())
    }

    /// Moves what is to be sent to `out`, until that holds `limit` octets.
    pub fn transmit(&mut self, out: &mut BytesMut, limit: usize) {
        if !self.control.is_empty() {
            if out.is_empty() {
                std::mem::swap(out, &mut self.control);
            } else {
                out.extend_from_slice(&self.control);
                self.control.clear();
            }
        }
        let mut idle = 0;
        while out.len() < limit && idle < self.replies.len() {
            let Some(mut reply) = self.replies.pop_front() else { return };
            match self.send(&mut reply.out, out, limit) {
                Ok(Sent::All) => idle = 0,
                Ok(Sent::Some) => {
                    idle = 0;
                    self.replies.push_back(reply);
                }
                Ok(Sent::Nothing) => {
                    idle += 1;
                    self.replies.push_back(reply);
                }
                Err(reason) => return self.end(reason),
            }
        }
    }

    /// Sends a turn's fragments of a response. None goes out before the request has come in: what
    /// answers from a request that still grows has to read it to its end first.
    fn send(&mut self, reply: &mut Outbound, out: &mut BytesMut, limit: usize) -> Result<Sent, CloseReason> {
        let mut sent = Sent::Nothing;
        if self.incoming.as_ref().is_some_and(|incoming| incoming.call_id == reply.call_id) {
            return Ok(sent);
        }
        for _ in 0..TURN {
            let security = reply.security.and_then(|id| established(&mut self.security, id));
            if out.len() >= limit || !reply.is_ready(self.max_xmit_frag, security.as_deref()) {
                break;
            }
            sent = Sent::Some;
            let last = reply
                .emit(out, self.max_xmit_frag, security)
                .map_err(|error| CloseReason::Protection { call_id: reply.call_id, error })?;
            self.config.metrics.pdu_sent();
            if last {
                return Ok(Sent::All);
            }
        }
        Ok(sent)
    }
}

enum Sent {
    Nothing,
    Some,
    All,
}

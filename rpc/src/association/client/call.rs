//! Calls: requests out, responses and faults in.

use bytes::{Bytes, BytesMut};
use msrpc_ndr::{AuthLevel, Fault, TransportError};
use uuid::Uuid;

use super::{
    BoundContext, ClientAssociation, ClientCall, ClientError, ClientEvent, Frame, Inbound, Outbound, Phase,
    SequenceError,
};
use crate::{
    association::fragments::StubHead,
    auth::AuthError,
    pdu::{
        BindFeatures, DataRep, FaultHead, HEADER_LEN, Head, Header, PduError, PduType, PfcFlags, ResponseHead,
        split_verifier,
        verification::{Header2, Trailer},
        write_pdu,
    },
};

/// What the first request behind a failed auth3 is answered with: `nca_proto_error` by Samba, access
/// denied by Windows.
const LOGIN_REFUSALS: [u32; 3] =
    [Fault::PROTOCOL_ERROR.status, Fault::ACCESS_DENIED.status, Fault::SECURITY_PACKAGE.status];

impl ClientAssociation {
    /// Begins a call; its request follows with [`push`](Self::push) and [`finish`](Self::finish).
    /// Gives its number.
    ///
    /// # Errors
    ///
    /// Fails unless the context is bound.
    pub fn request(&mut self, context_id: u16, opnum: u16, object: Option<Uuid>) -> Result<u32, ClientError> {
        if self.close.is_some() || self.phase == Phase::Unbound || !self.contexts.contains_key(&context_id) {
            return Err(ClientError::NotReady);
        }
        let call_id = self.next_call_id()?;
        let mut request = Outbound::new(call_id, context_id, self.config.order, StubHead::Request { opnum, object });
        request.security = self.security.as_ref().filter(|s| s.protects()).map(|s| s.context_id);
        self.requests.push_back(request);
        self.calls.insert(call_id, ClientCall::default());
        Ok(call_id)
    }

    /// Passes the response of a call on while it arrives, however small it is.
    pub fn stream(&mut self, call_id: u32) {
        if let Some(call) = self.calls.get_mut(&call_id) {
            call.piped = true;
        }
    }

    /// Adds to a request.
    pub fn push(&mut self, call_id: u32, chunk: Bytes) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.call_id == call_id) {
            request.push(chunk);
        }
    }

    /// Octets of a request that wait to be sent; 0 if it is not known.
    pub fn buffered(&self, call_id: u32) -> usize {
        self.requests.iter().find(|request| request.call_id == call_id).map_or(0, Outbound::buffered)
    }

    /// Ends a request.
    pub fn finish(&mut self, call_id: u32) {
        let Some(index) = self.requests.iter().position(|request| request.call_id == call_id) else { return };
        let trailer = self.requests.get(index).and_then(|request| self.verification(request));
        let Some(request) = self.requests.get_mut(index) else { return };
        if let Some(trailer) = trailer {
            self.verified.insert(request.context_id);
            let pad = request.buffered().next_multiple_of(4) - request.buffered();
            request.push(Bytes::from(vec![0; pad]));
            request.together = trailer.len();
            request.push(trailer);
        }
        request.finish();
    }

    /// The verification trailer of a request, where it needs one: the first of each context, and
    /// all whose header is not signed ([MS-RPCE] 2.2.2.13). Streamed requests carry none.
    fn verification(&self, request: &Outbound) -> Option<Bytes> {
        let protected = self.security.as_ref().is_some_and(|s| s.level >= AuthLevel::Integrity);
        let signed = self.header_signing;
        if !protected || request.has_started() || signed && self.verified.contains(&request.context_id) {
            return None;
        }
        let &BoundContext { interface, encoding, .. } = self.contexts.get(&request.context_id)?;
        let mut trailer = Trailer::signing(interface, encoding.syntax().into());
        if !signed {
            let StubHead::Request { opnum, .. } = request.head else { return None };
            // Whether the bind offered header signing is all that the bit may say.
            trailer.bitmask = trailer.bitmask.filter(|_| self.config.header_signing);
            trailer.header2 = Some(Header2 {
                ptype: PduType::Request,
                drep: DataRep::new(request.order),
                call_id: request.call_id,
                context_id: request.context_id,
                opnum,
            });
        }
        Some(trailer.to_bytes().freeze())
    }

    /// Gives a call up. What the server is told depends on how far its request has come; whatever
    /// still arrives of its response is dropped.
    pub fn abandon(&mut self, call_id: u32) {
        if !self.calls.contains_key(&call_id) {
            return;
        }
        let request = self.requests.iter().position(|request| request.call_id == call_id);
        match request.and_then(|index| self.requests.remove(index)) {
            None => self.abandon_response(call_id),
            Some(request) if !request.has_started() => {
                self.forget(call_id);
                if request.together > 0 {
                    // Another request has to bring the verification trailer.
                    self.verified.remove(&request.context_id);
                }
            }
            Some(_) if self.features.contains(BindFeatures::KEEP_CONNECTION_ON_ORPHAN) => {
                self.forget(call_id);
                self.write_empty(PduType::Orphaned, call_id);
            }
            // Nothing else can follow the part of a request ([MS-RPCE] 3.3.1.5.10).
            Some(_) => self.end(ClientError::Abandoned),
        }
    }

    /// The request has been sent. A response that has not begun is cancelled; of one that has, no more
    /// is wanted (C706 12.6.4.11), if the connection outlives saying so.
    fn abandon_response(&mut self, call_id: u32) {
        let orphans = self.features.contains(BindFeatures::KEEP_CONNECTION_ON_ORPHAN);
        let Some(call) = self.calls.get_mut(&call_id).filter(|call| !call.abandoned) else { return };
        if call.order.is_some() && orphans {
            self.forget(call_id);
            return self.write_empty(PduType::Orphaned, call_id);
        }
        call.abandoned = true;
        call.stub = Inbound::default();
        self.streams.retain(|&id| id != call_id);
        self.streaming.take_if(|id| *id == call_id);
        self.write_empty(PduType::CoCancel, call_id);
    }

    /// Takes a call out of the books.
    fn forget(&mut self, call_id: u32) -> Option<ClientCall> {
        self.streaming.take_if(|id| *id == call_id);
        self.streams.retain(|&id| id != call_id);
        self.calls.remove(&call_id)
    }

    fn write_empty(&mut self, ptype: PduType, call_id: u32) {
        let head = Head { ptype, flags: PfcFlags::WHOLE, order: self.config.order, call_id };
        // A header always fits.
        let _ = write_pdu(&mut self.control, head, None, |_| Ok(()));
    }

    /// Moves what is to be sent to `out`, until that holds `limit` octets.
    pub fn transmit(&mut self, out: &mut BytesMut, limit: usize) {
        if !self.control.is_empty() {
            out.extend_from_slice(&self.control);
            self.control.clear();
        }
        // The fragments of one request go before those of the next ([MS-RPCE] 3.3.1.5.8).
        while out.len() < limit {
            if !self.altering.is_empty() && !self.requests.front().is_some_and(Outbound::has_started) {
                out.extend_from_slice(&self.altering);
                self.altering.clear();
            }
            let in_flight = self.calls.len().saturating_sub(self.requests.len());
            let Some(request) = self.requests.front_mut() else { return };
            if !self.multiplexed && in_flight > 0 {
                return;
            }
            let mut security = self.security.as_mut().filter(|_| request.security.is_some());
            if !request.is_ready(self.max_xmit_frag, security.as_deref()) {
                return;
            }
            match request.emit(out, self.max_xmit_frag, security.take()) {
                Ok(true) => {
                    self.requests.pop_front();
                }
                Ok(false) => {}
                Err(error) => return self.end(ClientError::Protection(error)),
            }
        }
    }

    /// Whether a call may be known: one that was given up, or answered early, still may get PDUs.
    fn was_used(&self, call_id: u32) -> bool {
        (1..=self.last_call_id).contains(&call_id)
    }

    pub(super) fn on_response(&mut self, frame: Frame) -> Result<(), ClientError> {
        let Frame { header, mut octets } = frame;
        let body_len = self.unprotect(&header, &mut octets, ResponseHead::LEN, true)?;
        let body = octets.get(HEADER_LEN..HEADER_LEN + body_len).unwrap_or_default();
        ResponseHead::parse(&header, body)?;
        let call_id = header.call_id;
        let Some(call) = self.calls.get_mut(&call_id) else {
            return if self.was_used(call_id) {
                Ok(())
            } else {
                Err(SequenceError::Unexpected(PduType::Response).into())
            };
        };
        self.login_unconfirmed = false;
        // A response follows its whole request.
        let early = self.requests.iter().any(|request| request.call_id == call_id);
        let order = header.order();
        let continues = call.order.replace(order);
        if header.is_first() == continues.is_some() || early || continues.is_some_and(|begun| begun != order) {
            return Err(SequenceError::Fragments(PduType::Response).into());
        }
        if !call.abandoned {
            call.stub.push(octets.freeze().slice(ResponseHead::LEN..HEADER_LEN + body_len));
        }
        if header.is_last() {
            let Some(call) = self.forget(call_id) else { return Ok(()) };
            if let Some(body) = call.stub.finish().filter(|_| !call.abandoned) {
                self.events.push_back(ClientEvent::Response { call_id, order, body });
            }
        } else if call.abandoned {
            // It is read to its end and dropped.
        } else if !call.stub.is_streaming() && (call.piped || call.stub.held() > self.config.stream_from) {
            let body = call.stub.start_stream(self.config.stream_bound);
            self.streaming = Some(call_id);
            self.streams.push(call_id);
            self.events.push_back(ClientEvent::Response { call_id, order, body });
        } else if call.stub.is_streaming() {
            self.streaming = Some(call_id);
        }
        Ok(())
    }

    pub(super) fn on_fault(&mut self, frame: Frame) -> Result<(), ClientError> {
        let Frame { header, mut octets } = frame;
        // Servers send faults with and without protection.
        let body_len = self.unprotect(&header, &mut octets, FaultHead::LEN, false)?;
        let body = octets.get(HEADER_LEN..HEADER_LEN + body_len).unwrap_or_default();
        let head = FaultHead::parse(body, header.order())?;
        let (call_id, fault) = (header.call_id, head.fault(header.flags));
        if self.exchange_id() == Some(call_id) {
            return self.on_alter_fault(fault);
        }
        let Some(call) = self.forget(call_id) else {
            return if self.was_used(call_id) { Ok(()) } else { Err(SequenceError::Unexpected(PduType::Fault).into()) };
        };
        self.drop_request(call_id)?;
        if call.stub.is_streaming() {
            call.stub.fail(TransportError::with_source("the response ended in a fault", fault));
        } else if !call.abandoned {
            let stub = FaultHead::LEN.min(HEADER_LEN + body_len)..HEADER_LEN + body_len;
            let extended_error = if head.extended_error { octets.freeze().slice(stub) } else { Bytes::new() };
            let refuses_login = self.login_unconfirmed && LOGIN_REFUSALS.contains(&fault.status);
            self.events.push_back(ClientEvent::Fault { call_id, fault, extended_error, refuses_login });
        }
        Ok(())
    }

    /// A call may fail before its request has been sent to its end.
    fn drop_request(&mut self, call_id: u32) -> Result<(), ClientError> {
        let Some(index) = self.requests.iter().position(|request| request.call_id == call_id) else { return Ok(()) };
        let started = self.requests.get(index).is_some_and(Outbound::has_started);
        if !started {
            return Err(SequenceError::Unexpected(PduType::Fault).into());
        }
        self.requests.remove(index);
        if !self.features.contains(BindFeatures::KEEP_CONNECTION_ON_ORPHAN) {
            return Err(ClientError::Abandoned);
        }
        self.write_empty(PduType::Orphaned, call_id);
        Ok(())
    }

    /// Verifies a PDU and gives the length of its body, without padding and verifier.
    fn unprotect(
        &mut self,
        header: &Header,
        octets: &mut BytesMut,
        stub_at: usize,
        required: bool,
    ) -> Result<usize, ClientError> {
        let (body_len, verifier) = {
            let (body, verifier) = split_verifier(header, octets)?;
            (body.len(), verifier.map(|v| (v.trailer, v.token.len())))
        };
        let security = self.security.as_mut().filter(|security| security.protects());
        match (security, verifier) {
            (None, _) => {}
            (Some(_), None) if !required => {}
            (Some(_), None) => return Err(ClientError::Protection(AuthError::BadSignature)),
            (Some(security), Some((trailer, token_len))) => {
                if !security.matches(&trailer) {
                    return Err(ClientError::Protection(AuthError::BadSignature));
                }
                security.unprotect(octets, stub_at, token_len).map_err(ClientError::Protection)?;
            }
        }
        let least = if required { ResponseHead::LEN } else { HEADER_LEN + 12 };
        if HEADER_LEN + body_len < least {
            return Err(PduError::Truncated { missing: least - HEADER_LEN - body_len }.into());
        }
        Ok(body_len)
    }
}

impl ClientError {
    /// The fault that stands for the error, if a server said it.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::AuthenticationRefused(fault) => Some(*fault),
            _ => None,
        }
    }
}

//! Requests: from fragments to calls.

use bytes::{Bytes, BytesMut};
use msrpc_ndr::{Association, AuthLevel, Body, Call, Caller, Encoding, Fault, TransportError};

use super::{
    Active, CallKey, CloseReason, Event, Frame, Inbound, Incoming, IncomingCall, Phase, Presentation, SecurityState,
    SequenceError, ServerAssociation, established,
};
use crate::{
    association::{
        Principal,
        quota::{CallLease, FRAGMENT_COST, Refused, Resource},
    },
    auth::{AuthError, PeerIdentity},
    pdu::{
        Header, PduType, PfcFlags, RequestHead, SecTrailer, split_verifier,
        verification::{Header2, Trailer},
    },
};

/// Fragments of a call that was answered early are still under way; older ones than this are a
/// protocol error ([MS-RPCE] 3.3.3.5.6).
const OLD_CALLS: u32 = 150;

/// A fragment of a request that has been verified.
struct Fragment {
    header: Header,
    head: RequestHead,
    stub: Bytes,
    security: Option<u32>,
}

/// Fragments of a request in several whose stub is smaller are copied, so that none of them keeps
/// the whole buffer that it was read into.
const SMALL: usize = 2048;

/// Octets of a request that wait in front of its implementation beyond what it is allowed: a
/// fragment.
const ONE_FRAGMENT: usize = 64 << 10;

/// Why a fragment is not processed.
enum Refusal {
    /// The call is answered with a fault.
    Fault(Fault),
    /// The connection ends, behind a fault.
    Close(Fault, CloseReason),
}

impl ServerAssociation {
    pub(super) fn on_request(&mut self, frame: Frame) {
        let header = frame.header;
        if self.phase != Phase::Bound {
            return self.protocol_error(&header, SequenceError::Unexpected(PduType::Request).into());
        }
        // What fails to verify has no say in anything, not even in which call fails.
        let fragment = match self.verify(frame) {
            Ok(fragment) => fragment,
            Err(refusal) => return self.refuse(&header, 0, refusal),
        };
        let call_id = header.call_id;
        let context_id = fragment.head.context_id;
        let result = if header.is_first() { self.first_fragment(fragment) } else { self.next_fragment(fragment) };
        let Err(refusal) = result else { return };
        if let Some(incoming) = self.incoming.take_if(|incoming| incoming.call_id == call_id) {
            incoming.stub.fail(TransportError::new("the request was refused"));
            // A call that runs on the stream already gets no second answer.
            if let Some(active) = self.calls.get_mut(&call_id) {
                active.call.orphan();
                active.silent = true;
            }
        }
        self.refuse(&header, context_id, refusal);
    }

    fn refuse(&mut self, header: &Header, context_id: u16, refusal: Refusal) {
        let fault = match &refusal {
            Refusal::Fault(fault) | Refusal::Close(fault, _) => *fault,
        };
        if !header.flags.contains(PfcFlags::MAYBE) {
            self.write_fault(header.call_id, context_id, header.order(), 0, fault);
        }
        if let Refusal::Close(_, reason) = refusal {
            self.end(reason);
        }
    }

    /// Verifies and unseals a fragment with the security context that it names, or finds that it
    /// needs none.
    fn verify(&mut self, frame: Frame) -> Result<Fragment, Refusal> {
        let Frame { header, mut octets } = frame;
        let malformed = |error| Refusal::Close(Fault::PROTOCOL_ERROR, CloseReason::Pdu(error));
        let (body, verifier) = split_verifier(&header, &octets).map_err(malformed)?;
        let (head, stub_at) = RequestHead::parse(&header, body).map_err(malformed)?;
        let stub_end = crate::pdu::HEADER_LEN + body.len();
        let verifier = verifier.map(|v| (v.trailer, v.token.len()));
        let security = match verifier {
            Some((trailer, token_len)) => {
                self.unprotect(&header, &mut octets, stub_at, trailer, token_len)?;
                Some(trailer.context_id)
            }
            None => self.implied_security()?,
        };
        let octets = octets.freeze();
        let mut stub = if stub_at <= stub_end { octets.slice(stub_at..stub_end) } else { Bytes::new() };
        if stub.len() < SMALL && !(header.is_first() && header.is_last()) {
            stub = Bytes::copy_from_slice(&stub);
        }
        Ok(Fragment { header, head, stub, security })
    }

    fn unprotect(
        &mut self,
        header: &Header,
        octets: &mut BytesMut,
        stub_at: usize,
        trailer: SecTrailer,
        token_len: usize,
    ) -> Result<(), Refusal> {
        let call_id = header.call_id;
        let Some(entry) = self.security.iter_mut().find(|entry| entry.id == trailer.context_id) else {
            return Err(Refusal::Fault(Fault::ACCESS_DENIED));
        };
        let security = match &mut entry.state {
            SecurityState::Done { security, .. } => security,
            SecurityState::Failed => return Err(Refusal::Fault(Fault::ACCESS_DENIED)),
            SecurityState::Waiting(_) | SecurityState::Stepping => {
                let reason = SequenceError::Unexpected(PduType::Request);
                return Err(Refusal::Close(Fault::PROTOCOL_ERROR, reason.into()));
            }
        };
        if !security.matches(&trailer) {
            let error = AuthError::Negotiation("level or provider differ from the bind".to_owned());
            return Err(Refusal::Close(Fault::ACCESS_DENIED, CloseReason::Protection { call_id, error }));
        }
        security
            .unprotect(octets, stub_at, token_len)
            .map_err(|error| Refusal::Close(Fault::SECURITY_PACKAGE, CloseReason::Protection { call_id, error }))
    }

    /// The security context of a request without verifier: only one at level connect goes without
    /// ([MS-RPCE] 3.3.1.5.4).
    fn implied_security(&self) -> Result<Option<u32>, Refusal> {
        let entry = match (self.bound_security, self.security.as_slice()) {
            (Some(bound), entries) => entries.iter().find(|entry| entry.id == bound),
            (None, [only]) if only.level == AuthLevel::Connect => Some(only),
            (None, _) => None,
        };
        let Some(entry) = entry else { return Ok(None) };
        match entry.state {
            SecurityState::Done { .. } if entry.level <= AuthLevel::Connect => Ok(Some(entry.id)),
            SecurityState::Done { .. } | SecurityState::Failed => Err(Refusal::Fault(Fault::ACCESS_DENIED)),
            SecurityState::Waiting(_) | SecurityState::Stepping => {
                let reason = SequenceError::Unexpected(PduType::Request);
                Err(Refusal::Close(Fault::PROTOCOL_ERROR, reason.into()))
            }
        }
    }

    fn first_fragment(&mut self, fragment: Fragment) -> Result<(), Refusal> {
        let Fragment { header, head, stub, security } = fragment;
        let call_id = header.call_id;
        let out_of_order = |error: SequenceError| Err(Refusal::Close(Fault::PROTOCOL_ERROR, error.into()));
        if self.incoming.is_some() {
            return out_of_order(SequenceError::Fragments(PduType::Request));
        }
        if self.calls.contains_key(&call_id) || self.replies.iter().any(|reply| reply.out.call_id == call_id) {
            return out_of_order(SequenceError::DuplicateCall(call_id));
        }
        // Whoever gets no answer does not wait for one.
        let awaited = self.calls.values().any(|active| !active.silent) || !self.replies.is_empty();
        if !self.multiplexed && awaited {
            return out_of_order(SequenceError::NotMultiplexed(call_id));
        }
        // Equal numbers are let through: there are clients that use one number for all their calls.
        if let Some(last) = self.last_call_id.filter(|&last| call_id < last) {
            return out_of_order(SequenceError::CallIdDecreases(call_id, last));
        }
        self.last_call_id = Some(call_id);
        if self.stopping {
            self.config.quotas.refused(Refused::ShuttingDown);
            return Err(Refusal::Fault(Fault::SERVER_TOO_BUSY));
        }
        if self.calls.len() >= self.config.limits.max_calls {
            self.client.refuse(Resource::Calls);
            return Err(Refusal::Fault(Fault::SERVER_TOO_BUSY));
        }
        let Some(service) = self.contexts.get(&head.context_id).cloned() else {
            return Err(Refusal::Fault(Fault::UNKNOWN_INTERFACE));
        };
        if !header.drep.is_supported() {
            return Err(Refusal::Fault(Fault::UNSUPPORTED_TYPE));
        }
        let Some(encoding) = Encoding::new(service.syntax, header.order()) else {
            return Err(Refusal::Fault(Fault::UNSUPPORTED_TYPE));
        };
        let interface = service.service.interface();
        let (association, level) = self.association(security).ok_or(Refusal::Fault(Fault::ACCESS_DENIED))?;
        if level < interface.minimum_auth_level {
            return Err(Refusal::Fault(Fault::ACCESS_DENIED));
        }
        let octets = stub.len();
        service.metrics.request(head.opnum, octets);
        let busy = |_| Refusal::Fault(Fault::SERVER_TOO_BUSY);
        let lease = self.client.take_call(octets + FRAGMENT_COST).map_err(busy)?;
        let call = Call::on(&association, interface, head.opnum, encoding).with_object(head.object);
        let mut inbound = Inbound::default();
        inbound.push(stub);
        self.incoming = Some(Incoming {
            call_id,
            context_id: head.context_id,
            opnum: head.opnum,
            flags: header.flags,
            security,
            octets,
            fragments: 1,
            // Whoever reads pipes reads them while they arrive.
            piped: interface.has_pipes(head.opnum),
            lease,
            stub: inbound,
            call: Some(call),
            cancel_count: 0,
            service,
        });
        self.after_fragment(&header)
    }

    fn next_fragment(&mut self, fragment: Fragment) -> Result<(), Refusal> {
        let Fragment { header, head, stub, security } = fragment;
        let call_id = header.call_id;
        let Some(incoming) = &mut self.incoming else {
            // The rest of a request that has been answered early, or a stray.
            let age = self.last_call_id.and_then(|last| last.checked_sub(call_id));
            return match age {
                Some(age) if age < OLD_CALLS => Ok(()),
                _ => {
                    let reason = SequenceError::Fragments(PduType::Request);
                    Err(Refusal::Close(Fault::PROTOCOL_ERROR, reason.into()))
                }
            };
        };
        let same = (incoming.call_id, incoming.context_id, incoming.opnum, incoming.security)
            == (call_id, head.context_id, head.opnum, security);
        if !same {
            let reason = SequenceError::Inconsistent(call_id);
            return Err(Refusal::Close(Fault::PROTOCOL_ERROR, reason.into()));
        }
        // The implementation does not keep pipes: there is never more than waits for it.
        let most = if incoming.piped { self.config.limits.stream_bound + ONE_FRAGMENT } else { usize::MAX };
        let octets = incoming.octets.saturating_add(stub.len()).min(most);
        let more = octets - incoming.octets + if incoming.piped { 0 } else { FRAGMENT_COST };
        incoming.octets = octets;
        incoming.service.metrics.request(incoming.opnum, stub.len());
        incoming.fragments += 1;
        if !incoming.piped && incoming.fragments > self.config.limits.max_fragments {
            self.client.refuse(Resource::Fragments);
            return Err(Refusal::Fault(Fault::NO_RESOURCES));
        }
        if incoming.lease.grow(more).is_err() {
            let started = incoming.call.is_none();
            return Err(Refusal::Fault(if started { Fault::NO_RESOURCES } else { Fault::SERVER_TOO_BUSY }));
        }
        if let Some(active) = self.calls.get_mut(&call_id) {
            active.octets = octets;
        }
        // Not for requests of one fragment: so many as there may be calls are no burden.
        let others = self.calls.values().filter(|active| active.key.call_id != call_id).map(|active| active.octets);
        if others.sum::<usize>() + octets > self.config.limits.max_pending_octets {
            self.client.refuse(Resource::RequestOctets);
            return Err(Refusal::Fault(Fault::NO_RESOURCES));
        }
        incoming.stub.push(stub);
        self.after_fragment(&header)
    }

    /// Runs the call once its request is complete, or too large to wait for.
    fn after_fragment(&mut self, header: &Header) -> Result<(), Refusal> {
        if header.is_last() {
            self.check_verification(header)?;
            let Some(incoming) = self.incoming.take() else { return Ok(()) };
            let Incoming {
                call_id, context_id, flags, security, octets, lease, stub, call, cancel_count, service, ..
            } = incoming;
            let body = stub.finish();
            if let (Some(call), Some(body)) = (call, body) {
                self.start(call_id, context_id, flags, security, octets, lease, call, cancel_count, &service, body);
            }
            return Ok(());
        }
        let limits = self.config.limits;
        let Some(incoming) = &mut self.incoming else { return Ok(()) };
        let stream_from = if incoming.piped { 0 } else { limits.stream_from };
        if !incoming.stub.is_streaming() && incoming.stub.held() > stream_from {
            let body = incoming.stub.start_stream(limits.stream_bound);
            let Incoming { call_id, context_id, flags, security, octets, cancel_count, .. } = *incoming;
            let (service, lease) = (incoming.service.clone(), incoming.lease.clone());
            if let Some(call) = incoming.call.take() {
                self.start(call_id, context_id, flags, security, octets, lease, call, cancel_count, &service, body);
            }
        }
        Ok(())
    }

    /// Checks the verification trailer at the end of a request, if there is one, and takes it off.
    fn check_verification(&mut self, header: &Header) -> Result<(), Refusal> {
        let Some(incoming) = &mut self.incoming else { return Ok(()) };
        let tail = incoming.stub.tail();
        let Some(at) = Trailer::find(&tail) else { return Ok(()) };
        let octets = tail.slice(at..);
        let request = Header2 {
            ptype: PduType::Request,
            drep: header.drep,
            call_id: incoming.call_id,
            context_id: incoming.context_id,
            opnum: incoming.opnum,
        };
        let checked = Trailer::parse(&octets)
            .and_then(|trailer| trailer.check(&request, &incoming.service.named, self.header_signing));
        if let Err(error) = checked {
            if let Some(not_logged) = self.config.quotas.may_log() {
                tracing::warn!(call_id = header.call_id, %error, not_logged, "request refused");
            }
            return Err(Refusal::Fault(Fault::ACCESS_DENIED));
        }
        incoming.stub.strip(octets.len());
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request that has come apart")]
    fn start(
        &mut self,
        call_id: u32,
        context_id: u16,
        flags: PfcFlags,
        security: Option<u32>,
        octets: usize,
        lease: CallLease,
        call: Call,
        cancel_count: u8,
        presentation: &Presentation,
        request: Body,
    ) {
        self.serial += 1;
        let key = CallKey { call_id, serial: self.serial };
        let pending = flags.contains(PfcFlags::PENDING_CANCEL);
        let active = Active {
            key,
            call: call.clone(),
            context_id,
            order: call.encoding().order(),
            octets,
            _lease: lease.clone(),
            held: None,
            security: security.filter(|&id| established(&mut self.security, id).is_some_and(|s| s.protects())),
            cancel_count: cancel_count.saturating_add(pending.into()),
            silent: flags.contains(PfcFlags::MAYBE),
        };
        if pending {
            call.cancel();
        }
        self.calls.insert(call_id, active);
        let service = std::sync::Arc::clone(&presentation.service);
        let meter = presentation.metrics.begin(call.opnum());
        self.events.push_back(Event::Call(IncomingCall { key, call, service, request, lease, meter }));
    }

    /// Who a request comes from, and at which level it counts.
    fn association(&mut self, security: Option<u32>) -> Option<(Association, AuthLevel)> {
        if let Some(id) = security {
            return self.security.iter().find_map(|entry| match &entry.state {
                SecurityState::Done { association, anonymous, .. } if entry.id == id => {
                    // Anybody knows the keys of an anonymous caller.
                    let level = if *anonymous { AuthLevel::None } else { entry.level };
                    Some((association.clone(), level))
                }
                _ => None,
            });
        }
        let level = self.transport.level;
        if self.plain.is_none() {
            let identity = self.transport.identity.clone();
            let key = self.transport.session_key.clone();
            self.plain = Some(self.caller(identity.as_ref(), 0, level, key)?);
        }
        self.plain.clone().map(|association| (association, level))
    }

    /// What the calls of a caller have in common.
    pub(super) fn caller(
        &self,
        identity: Option<&PeerIdentity>,
        auth_service: u8,
        auth_level: AuthLevel,
        session_key: Option<msrpc_ndr::SessionKey>,
    ) -> Option<Association> {
        let handles = self.group.as_ref()?.handles(Principal::of(identity));
        let PeerIdentity { user, domain, sids, mechanism } = identity.cloned().unwrap_or_default();
        let caller = Caller {
            user,
            domain,
            sids,
            auth_service,
            // A provider that does not say is one itself.
            mechanism: if mechanism == 0 { auth_service } else { mechanism },
            auth_level,
            transport: self.transport.protocol.clone(),
            address: self.transport.address,
            session_key,
        };
        Some(Association::new(caller, handles, self.config.limits.call))
    }
}

//! bind, alter_context and auth3: presentation contexts, association groups, security legs.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use msrpc_ndr::{AuthLevel, ByteOrder, Encoding, Syntax};

use super::{
    CloseReason, Fault, Frame, Phase, Presentation, SecurityEntry, SecurityState, SequenceError, ServerAssociation,
    StepDone, StepJob,
};
use crate::{
    association::{bind_phase::BindPdu, quota::Resource, security::Security},
    auth::{AuthError, Step},
    metrics::AuthOutcome,
    pdu::{
        Bind, BindAck, BindFeatures, ContextElement, ContextResult, Head, Header, MUST_RECV_FRAG_SIZE, NakReason,
        Outcome, PduType, PfcFlags, RejectReason, SecTrailer, SyntaxId, verification::PContext, write_pdu,
    },
};

/// A security leg that is being processed, and what follows it.
#[derive(Debug)]
pub(super) struct PendingStep {
    header: Header,
    security: u32,
    /// The answer; auth3 has none.
    ack: Option<BindAck>,
}

impl ServerAssociation {
    pub(super) fn on_bind_phase(&mut self, frame: Frame) {
        let header = frame.header;
        let legal = match header.ptype {
            PduType::Bind => self.phase == Phase::Established && !self.reassembly.in_progress() || self.rebinding(),
            _ => self.phase == Phase::Bound,
        };
        if !legal || self.incoming.is_some() {
            return self.protocol_error(&header, SequenceError::Unexpected(header.ptype).into());
        }
        if header.ptype == PduType::Bind {
            self.phase = Phase::Binding;
        }
        let whole = header.is_first() && header.is_last();
        if !whole && !self.take_octets(frame.octets.len()) {
            return match header.ptype {
                PduType::Bind => {
                    self.write_nak(&header, NakReason::LOCAL_LIMIT_EXCEEDED);
                    self.end(CloseReason::BindRefused(NakReason::LOCAL_LIMIT_EXCEEDED));
                }
                _ => self.protocol_error(&header, CloseReason::AlterRefused("too many octets")),
            };
        }
        match self.reassembly.push(frame, self.config.limits.max_bind) {
            Ok(None) => {}
            Ok(Some(pdu)) => self.on_bind_pdu(pdu),
            Err(error) => self.protocol_error(&header, error.into()),
        }
    }

    /// Whether the fragments of a bind are arriving.
    fn rebinding(&self) -> bool {
        self.phase == Phase::Binding && self.reassembly.in_progress()
    }

    fn on_bind_pdu(&mut self, pdu: BindPdu) {
        match pdu.header.ptype {
            PduType::Auth3 => self.on_auth3(pdu),
            PduType::Bind => {
                if let Err((nak, reason)) = self.on_bind(&pdu) {
                    self.write_nak(&pdu.header, nak);
                    self.end(reason);
                }
            }
            _ => {
                if let Err((fault, reason)) = self.on_alter(&pdu) {
                    self.write_fault(pdu.header.call_id, 0, pdu.header.order(), 0, fault);
                    self.end(reason);
                }
            }
        }
    }

    fn on_bind(&mut self, pdu: &BindPdu) -> Result<(), (NakReason, CloseReason)> {
        let refuse = |reason| (reason, CloseReason::BindRefused(reason));
        let bind = Bind::parse(&pdu.body, pdu.header.order())
            .map_err(|error| (NakReason::PROTOCOL_VERSION, CloseReason::Pdu(error)))?;
        if bind.contexts.is_empty() {
            return Err(refuse(NakReason::PROTOCOL_VERSION));
        }
        let ours = self.config.limits.frag();
        // Everybody can receive the least size, whatever they say.
        self.max_xmit_frag = ours.min(bind.max_recv_frag.max(MUST_RECV_FRAG_SIZE));
        self.multiplexed = pdu.header.flags.contains(PfcFlags::CONC_MPX);
        let results = self.negotiate(&bind, pdu.header.order());
        let group = self.join(bind.assoc_group).map_err(refuse)?;
        let leg = match &pdu.verifier {
            Some((trailer, token)) => Some(self.new_security(trailer, token).map_err(refuse)?),
            None => None,
        };
        self.bound_security = leg.as_ref().map(|&(id, _)| id);
        // Header signing is agreed even where nothing will be signed yet: a later leg may need it.
        self.header_signing = pdu.header.flags.contains(PfcFlags::SUPPORT_HEADER_SIGN);
        let ack = BindAck {
            max_xmit_frag: self.max_xmit_frag,
            max_recv_frag: ours.min(bind.max_xmit_frag.max(MUST_RECV_FRAG_SIZE)),
            assoc_group: group,
            secondary_address: self.transport.endpoint.clone().into_bytes(),
            results,
        };
        self.answer(pdu.header, ack, leg);
        Ok(())
    }

    fn on_alter(&mut self, pdu: &BindPdu) -> Result<(), (Fault, CloseReason)> {
        let bind = Bind::parse(&pdu.body, pdu.header.order())
            .map_err(|error| (Fault::PROTOCOL_ERROR, CloseReason::Pdu(error)))?;
        let results = self.negotiate(&bind, pdu.header.order());
        if pdu.verifier.is_some() && self.security.is_empty() {
            self.header_signing = pdu.header.flags.contains(PfcFlags::SUPPORT_HEADER_SIGN);
        }
        let leg = match &pdu.verifier {
            Some((trailer, token)) => Some(self.further_leg(trailer, token)?),
            None => None,
        };
        let ack = BindAck {
            max_xmit_frag: self.max_xmit_frag,
            max_recv_frag: self.config.limits.frag(),
            assoc_group: self.group.as_ref().map_or(0, |group| group.id()),
            secondary_address: Vec::new(),
            results,
        };
        self.answer(pdu.header, ack, leg);
        Ok(())
    }

    fn on_auth3(&mut self, pdu: BindPdu) {
        let header = pdu.header;
        let Some((trailer, token)) = pdu.verifier else {
            return self.protocol_error(&header, SequenceError::Unexpected(PduType::Auth3).into());
        };
        match self.waiting(&trailer) {
            Some(security) => self.step(header, security, token, None),
            None => self.protocol_error(&header, SequenceError::Unexpected(PduType::Auth3).into()),
        }
    }

    /// A leg of an alter_context: of a security context under way, or the first of another.
    fn further_leg(&mut self, trailer: &SecTrailer, token: &Bytes) -> Result<(u32, StepJob), (Fault, CloseReason)> {
        if let Some(security) = self.waiting(trailer) {
            return Ok((trailer.context_id, StepJob::new(security.context, token.clone())));
        }
        let refuse = |what| (Fault::ACCESS_DENIED, CloseReason::AlterRefused(what));
        if self.security.iter().any(|entry| entry.id == trailer.context_id) {
            return Err(refuse("the security context is not being established"));
        }
        let several = self.features.contains(BindFeatures::SECURITY_CONTEXT_MULTIPLEXING);
        let too_many = (Fault::PROTOCOL_ERROR, CloseReason::AlterRefused("too many security contexts"));
        if !self.security.is_empty() && !several {
            return Err(too_many);
        }
        self.new_security(trailer, token).map_err(|reason| match reason {
            NakReason::LOCAL_LIMIT_EXCEEDED => too_many,
            _ => refuse("the security provider or level is not supported"),
        })
    }

    /// The security context that a further leg belongs to, taken out of the table.
    fn waiting(&mut self, trailer: &SecTrailer) -> Option<Security> {
        let entry = self.security.iter_mut().find(|entry| entry.id == trailer.context_id)?;
        if !matches!(&entry.state, SecurityState::Waiting(security) if security.matches(trailer)) {
            return None;
        }
        match std::mem::replace(&mut entry.state, SecurityState::Stepping) {
            SecurityState::Waiting(security) => Some(security),
            _ => None,
        }
    }

    fn new_security(&mut self, trailer: &SecTrailer, token: &Bytes) -> Result<(u32, StepJob), NakReason> {
        let level = trailer.auth_level.level().map_err(|_| NakReason::NOT_SPECIFIED)?;
        let acceptor = self.config.acceptor(trailer.auth_type).ok_or(NakReason::AUTH_TYPE_NOT_RECOGNIZED)?;
        if level < AuthLevel::Connect {
            return Err(NakReason::NOT_SPECIFIED);
        }
        let context = acceptor.accept(level);
        let limit = self.config.limits.max_security_contexts;
        if !self.take(Resource::SecurityContexts, self.security.len(), limit) {
            return Err(NakReason::LOCAL_LIMIT_EXCEEDED);
        }
        let SecTrailer { auth_type, context_id, .. } = *trailer;
        self.security.push(SecurityEntry { id: context_id, auth_type, level, state: SecurityState::Stepping });
        Ok((context_id, StepJob::new(context, token.clone())))
    }

    /// Sends an answer, after the security leg that it carries.
    fn answer(&mut self, header: Header, ack: BindAck, leg: Option<(u32, StepJob)>) {
        let Some((id, job)) = leg else {
            self.partial = None;
            return self.write_ack(&header, &ack, None);
        };
        self.step = Some(PendingStep { header, security: id, ack: Some(ack) });
        self.run(job);
    }

    fn step(&mut self, header: Header, security: Security, token: Bytes, ack: Option<BindAck>) {
        let id = security.context_id;
        self.step = Some(PendingStep { header, security: id, ack });
        self.run(StepJob::new(security.context, token));
    }

    fn run(&mut self, job: StepJob) {
        if job.may_block() {
            self.events.push_back(super::Event::Authenticate(job));
        } else {
            self.on_step(job.run());
        }
    }

    /// The outcome of a security leg.
    pub(super) fn on_step(&mut self, done: StepDone) {
        let Some(PendingStep { header, security: id, ack }) = self.step.take() else { return };
        self.partial = None;
        let Some(index) = self.security.iter().position(|entry| entry.id == id) else { return };
        let StepDone { context, result } = done;
        let (auth_type, level) = self.security.get(index).map_or((0, AuthLevel::None), |e| (e.auth_type, e.level));
        let mut security = Security { context, auth_type, level, context_id: id };
        let (state, token) = match result {
            Ok(Step { token, done: false }) => (SecurityState::Waiting(security), token),
            Ok(Step { token, done: true }) => {
                security.context.set_header_signing(self.header_signing);
                let identity = security.context.peer();
                let anonymous = identity.as_ref().is_none_or(|identity| identity.user.is_none());
                let key = security.context.session_key();
                let outcome = if anonymous { AuthOutcome::Anonymous } else { AuthOutcome::Accepted };
                self.config.metrics.authenticated(auth_type, outcome);
                match self.caller(identity.as_ref(), auth_type, level, key) {
                    Some(association) => (SecurityState::Done { security, association, anonymous }, token),
                    None => (SecurityState::Failed, None),
                }
            }
            Err(error) => {
                self.config.metrics.authenticated(auth_type, AuthOutcome::Refused);
                return self.leg_failed(&header, index, error);
            }
        };
        let trailer = match &state {
            SecurityState::Waiting(security) | SecurityState::Done { security, .. } => Some(security.trailer()),
            _ => None,
        };
        if let Some(entry) = self.security.get_mut(index) {
            entry.state = state;
        }
        if let Some(ack) = ack {
            self.write_ack(&header, &ack, trailer.zip(token));
        }
    }

    /// A leg that fails: refused where it is answered, and remembered where it is not ([MS-RPCE]
    /// 3.3.1.5.2.1).
    fn leg_failed(&mut self, header: &Header, index: usize, error: AuthError) {
        if let Some(entry) = self.security.get_mut(index) {
            entry.state = SecurityState::Failed;
        }
        match header.ptype {
            PduType::Auth3 => {
                if let Some(not_logged) = self.config.quotas.may_log() {
                    tracing::warn!(%error, not_logged, "authentication failed");
                }
                return;
            }
            PduType::Bind => self.write_nak(header, NakReason::INVALID_CHECKSUM),
            _ => self.write_fault(header.call_id, 0, header.order(), 0, Fault::SECURITY_PACKAGE),
        }
        self.end(CloseReason::Authentication(error));
    }

    fn write_ack(&mut self, header: &Header, ack: &BindAck, token: Option<(SecTrailer, Vec<u8>)>) {
        let ptype = match header.ptype {
            PduType::Bind => PduType::BindAck,
            _ => PduType::AlterContextResp,
        };
        let mut flags = PfcFlags::WHOLE;
        flags.set(PfcFlags::CONC_MPX, self.multiplexed);
        let signing = header.flags.contains(PfcFlags::SUPPORT_HEADER_SIGN) && self.header_signing;
        flags.set(PfcFlags::SUPPORT_HEADER_SIGN, signing);
        let head = Head { ptype, flags, order: header.order(), call_id: header.call_id };
        let verifier = token.as_ref().map(|(trailer, token)| (*trailer, token.as_slice()));
        self.config.metrics.pdu_sent();
        match write_pdu(&mut self.control, head, verifier, |w| ack.write(w)) {
            Ok(()) => self.phase = Phase::Bound,
            Err(error) => self.end(error.into()),
        }
    }

    /// Joins the association group that the client names, or creates one; gives its number.
    fn join(&mut self, id: u32) -> Result<u32, NakReason> {
        let groups = &self.config.groups;
        let (protocol, address) = (&self.transport.protocol, self.transport.address.map(|a: SocketAddr| a.ip()));
        let joined = match id {
            0 => groups.create(&self.client, self.config.limits.max_handles, protocol, address),
            id => groups.join(id, protocol, address),
        };
        match joined {
            Ok(group) => {
                let id = group.id();
                self.group = Some(group);
                Ok(id)
            }
            Err(error) => {
                tracing::debug!(%error, "bind refused");
                Err(match error {
                    crate::association::GroupError::TooMany(_) => NakReason::LOCAL_LIMIT_EXCEEDED,
                    _ => NakReason::NOT_SPECIFIED,
                })
            }
        }
    }

    /// Decides on the presentation contexts of a bind ([MS-RPCE] 3.3.1.5.3, 3.3.1.5.6).
    fn negotiate(&mut self, bind: &Bind, order: ByteOrder) -> Vec<ContextResult> {
        bind.contexts
            .iter()
            .map(|element| match element.features() {
                Some(offered) => {
                    self.features = offered & self.config.features;
                    ContextResult { outcome: Outcome::NegotiateAck(self.features), syntax: SyntaxId::NIL }
                }
                None => self.negotiate_context(bind, element, order),
            })
            .collect()
    }

    fn negotiate_context(&mut self, bind: &Bind, element: &ContextElement, order: ByteOrder) -> ContextResult {
        let Some(service) = self.config.service(&element.interface).cloned() else {
            return ContextResult::reject(RejectReason::ABSTRACT_SYNTAX);
        };
        let Some(syntax) = self.choose(bind, element, order) else {
            return ContextResult::reject(RejectReason::TRANSFER_SYNTAXES);
        };
        let named = PContext { interface: element.interface, syntax: syntax.into() };
        match self.contexts.get(&element.id) {
            Some(existing) if existing.named == named => {}
            Some(_) => return ContextResult::reject(RejectReason::NOT_SPECIFIED),
            None => {
                if !self.take(Resource::Contexts, self.contexts.len(), self.config.limits.max_contexts) {
                    return ContextResult::reject(RejectReason::LOCAL_LIMIT);
                }
                let metrics = self.config.metrics.interface(service.interface());
                self.contexts.insert(element.id, Arc::new(Presentation { service, syntax, named, metrics }));
            }
        }
        ContextResult::accept(syntax)
    }

    /// Takes room for octets of a fragmented PDU, which it needs until its leg has been processed.
    fn take_octets(&mut self, octets: usize) -> bool {
        match &mut self.partial {
            Some(lease) => lease.grow(octets).is_ok(),
            None => match self.client.take(Resource::RequestOctets, octets) {
                Ok(lease) => {
                    self.partial = Some(lease);
                    true
                }
                Err(_refused) => false,
            },
        }
    }

    /// Takes one more of what the connection keeps until it ends, and has `present` of.
    fn take(&mut self, resource: Resource, present: usize, limit: usize) -> bool {
        if present >= limit {
            self.client.refuse(resource);
            return false;
        }
        match self.leases.iter_mut().find(|lease| lease.resource() == resource) {
            Some(lease) => lease.grow(1).is_ok(),
            None => self.client.take(resource, 1).map(|lease| self.leases.push(lease)).is_ok(),
        }
    }

    /// The transfer syntax of an element: the one preferred among all that the client offers for
    /// the interface; `None` where this element does not offer it. NDR64 has no big-endian form.
    fn choose(&self, bind: &Bind, element: &ContextElement, order: ByteOrder) -> Option<Syntax> {
        let offered = || bind.contexts.iter().filter(|other| other.interface == element.interface);
        let chosen = self
            .config
            .syntaxes
            .iter()
            .copied()
            .filter(|&syntax| Encoding::new(syntax, order).is_some())
            .find(|&syntax| offered().any(|other| other.syntaxes.contains(&syntax.into())))?;
        element.syntaxes.contains(&chosen.into()).then_some(chosen)
    }
}

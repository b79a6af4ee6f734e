//! Binding: presentation contexts and security legs.

use msrpc_ndr::{AuthLevel, Encoding};

use super::{
    BoundContext, ClientAssociation, ClientError, ClientEvent, ClientSecurity, Frame, Phase, Proposal, SequenceError,
    StepDone, StepJob,
};
use crate::{
    association::{bind_phase::BindPdu, security::Security},
    auth::{AuthError, Step},
    pdu::{
        Bind, BindAck, BindNak, ContextElement, HEADER_LEN, Head, MUST_RECV_FRAG_SIZE, Outcome, PduType, PfcFlags,
        RejectReason, SyntaxId, split_verifier, write_pdu,
    },
};

/// A bind or alter_context, with its security legs, that is under way.
#[derive(Debug)]
pub(super) struct Exchange {
    ptype: PduType,
    call_id: u32,
    group: u32,
    elements: Vec<ContextElement>,
    /// For each element, the proposal that it belongs to; none for features.
    proposals: Vec<Option<usize>>,
    /// The outcome of each proposal, once the first answer has come.
    outcomes: Vec<Result<BoundContext, RejectReason>>,
    answered: bool,
}

impl ClientAssociation {
    /// Begins the connection: proposes interfaces and, with `security`, authenticates. `group` is
    /// the association group to join; 0 for a new one.
    ///
    /// # Errors
    ///
    /// Fails if the connection has been bound already, or the provider has no first token.
    pub fn bind(
        &mut self,
        group: u32,
        proposals: &[Proposal],
        security: Option<ClientSecurity>,
    ) -> Result<(), ClientError> {
        if self.phase != Phase::Unbound {
            return Err(ClientError::NotReady);
        }
        self.begin(PduType::Bind, group, proposals)?;
        let Some(ClientSecurity { context, level }) = security else {
            self.security_done = true;
            return self.send_exchange(None);
        };
        let level = if level == AuthLevel::Call { AuthLevel::Packet } else { level };
        self.stepping = Some((context.auth_type(), level));
        self.step(StepJob::new(context, bytes::Bytes::new()))
    }

    /// Proposes further interfaces.
    ///
    /// # Errors
    ///
    /// Fails unless the connection is bound and no other proposal is under way.
    pub fn alter(&mut self, proposals: &[Proposal]) -> Result<(), ClientError> {
        if self.phase != Phase::Ready {
            return Err(ClientError::NotReady);
        }
        self.begin(PduType::AlterContext, self.group, proposals)?;
        self.send_exchange(None)
    }

    fn begin(&mut self, ptype: PduType, group: u32, proposals: &[Proposal]) -> Result<(), ClientError> {
        let call_id = self.next_call_id()?;
        let mut elements = Vec::new();
        let mut owners = Vec::new();
        for (index, proposal) in proposals.iter().enumerate() {
            // One element per transfer syntax ([MS-RPCE] 3.3.1.5.6).
            let possible = |syntax| Encoding::new(syntax, self.config.order).is_some();
            for &syntax in proposal.syntaxes.iter().filter(|&&syntax| possible(syntax)) {
                let id = self.next_context;
                self.next_context = id.wrapping_add(1);
                elements.push(ContextElement { id, interface: proposal.interface, syntaxes: vec![syntax.into()] });
                owners.push(Some(index));
            }
        }
        if let Some(last) = elements.last().filter(|_| ptype == PduType::Bind && !self.config.features.is_empty()) {
            let interface = last.interface;
            let id = self.next_context;
            self.next_context = id.wrapping_add(1);
            elements.push(ContextElement { id, interface, syntaxes: vec![self.config.features.to_syntax()] });
            owners.push(None);
        }
        self.phase = Phase::Negotiating;
        self.exchange = Some(Exchange {
            ptype,
            call_id,
            group,
            elements,
            proposals: owners,
            outcomes: vec![Err(RejectReason::NOT_SPECIFIED); proposals.len()],
            answered: false,
        });
        Ok(())
    }

    fn send_exchange(&mut self, token: Option<Vec<u8>>) -> Result<(), ClientError> {
        let Some(exchange) = &self.exchange else { return Err(ClientError::NotReady) };
        let frag = self.config.max_frag.max(MUST_RECV_FRAG_SIZE);
        let bind = Bind {
            max_xmit_frag: frag,
            max_recv_frag: frag,
            assoc_group: exchange.group,
            contexts: exchange.elements.clone(),
        };
        let mut flags = PfcFlags::WHOLE;
        flags.set(PfcFlags::CONC_MPX, self.config.multiplexed && exchange.ptype == PduType::Bind);
        let trailer = self.security.as_ref().filter(|_| token.is_some()).map(Security::trailer);
        let signing = self.config.header_signing && self.security.as_ref().is_some_and(Security::protects);
        flags.set(PfcFlags::SUPPORT_HEADER_SIGN, signing && trailer.is_some());
        let head = Head { ptype: exchange.ptype, flags, order: self.config.order, call_id: exchange.call_id };
        let verifier = trailer.zip(token.as_deref());
        let out = if exchange.ptype == PduType::Bind { &mut self.control } else { &mut self.altering };
        write_pdu(out, head, verifier, |w| bind.write(w))?;
        Ok(())
    }

    fn send_auth3(&mut self, token: &[u8]) -> Result<(), ClientError> {
        let Some(security) = &self.security else { return Err(ClientError::NotReady) };
        let call_id = self.exchange.as_ref().map_or(0, |exchange| exchange.call_id);
        let mut flags = PfcFlags::WHOLE;
        flags.set(PfcFlags::SUPPORT_HEADER_SIGN, self.header_signing);
        let head = Head { ptype: PduType::Auth3, flags, order: self.config.order, call_id };
        write_pdu(&mut self.control, head, Some((security.trailer(), token)), |w| {
            // A field without meaning ([MS-RPCE] 2.2.2.10).
            w.u32(0);
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn on_ack(&mut self, frame: Frame) -> Result<(), ClientError> {
        let Some(pdu) = self.reassembly.push(frame, 128 << 10)? else { return Ok(()) };
        let BindPdu { header, body, verifier } = pdu;
        let unexpected = SequenceError::Unexpected(header.ptype);
        let Some(exchange) = &mut self.exchange else { return Err(unexpected.into()) };
        let expected = match exchange.ptype {
            PduType::Bind => PduType::BindAck,
            _ => PduType::AlterContextResp,
        };
        if header.ptype != expected || header.call_id != exchange.call_id {
            return Err(unexpected.into());
        }
        let ack = BindAck::parse(&body, header.order())?;
        if header.ptype == PduType::BindAck {
            let ours = self.config.max_frag.max(MUST_RECV_FRAG_SIZE);
            self.max_xmit_frag = ours.min(ack.max_recv_frag.max(MUST_RECV_FRAG_SIZE));
            self.group = ack.assoc_group;
            self.multiplexed = self.config.multiplexed && header.flags.contains(PfcFlags::CONC_MPX);
            let protects = self.security.as_ref().is_some_and(Security::protects);
            let agreed = header.flags.contains(PfcFlags::SUPPORT_HEADER_SIGN);
            self.header_signing = protects && self.config.header_signing && agreed;
        }
        if !exchange.answered {
            exchange.answered = true;
            if ack.results.len() != exchange.elements.len() {
                return Err(unexpected.into());
            }
            self.take_results(&ack);
        }
        if self.security_done {
            return self.complete();
        }
        let Some(security) = self.security.take() else { return Err(ClientError::NotReady) };
        let token = match verifier {
            Some((trailer, token)) if security.matches(&trailer) => token,
            Some(_) => {
                let error = AuthError::Negotiation("the server answers for another security context".to_owned());
                return Err(ClientError::Authentication(error));
            }
            None => {
                let error = AuthError::Negotiation("the server answers without a token".to_owned());
                return Err(ClientError::Authentication(error));
            }
        };
        self.stepping = Some((security.auth_type, security.level));
        self.step(StepJob::new(security.context, token))
    }

    fn take_results(&mut self, ack: &BindAck) {
        let Some(exchange) = &mut self.exchange else { return };
        let answers = exchange.elements.iter().zip(&exchange.proposals).zip(&ack.results);
        for ((element, owner), result) in answers {
            let Some(outcome) = owner.and_then(|index| exchange.outcomes.get_mut(index)) else {
                if let Outcome::NegotiateAck(features) = result.outcome {
                    self.features = features & self.config.features;
                }
                continue;
            };
            match result.outcome {
                Outcome::Acceptance => {
                    let accepted = result.syntax.syntax().filter(|&s| element.syntaxes.contains(&SyntaxId::from(s)));
                    let Some(encoding) = accepted.and_then(|s| Encoding::new(s, self.config.order)) else { continue };
                    let bound = BoundContext { id: element.id, interface: element.interface, encoding };
                    self.contexts.insert(element.id, bound);
                    // NDR64 is preferred where a server accepts both.
                    if outcome.is_err() || encoding.is_ndr64() {
                        *outcome = Ok(bound);
                    }
                }
                Outcome::UserRejection(reason) | Outcome::ProviderRejection(reason) => {
                    if let Err(known) = outcome {
                        *known = reason;
                    }
                }
                Outcome::NegotiateAck(_) | Outcome::Other(..) => {}
            }
        }
    }

    fn step(&mut self, job: StepJob) -> Result<(), ClientError> {
        if job.may_block() {
            self.events.push_back(ClientEvent::Authenticate(job));
            return Ok(());
        }
        self.on_step(job.run())
    }

    pub(super) fn on_step(&mut self, done: StepDone) -> Result<(), ClientError> {
        let Some((auth_type, level)) = self.stepping.take() else { return Err(ClientError::NotReady) };
        let StepDone { context, result } = done;
        let Step { token, done } = result.map_err(ClientError::Authentication)?;
        let first = self.exchange.as_ref().is_some_and(|exchange| !exchange.answered);
        self.security = Some(Security { context, auth_type, level, context_id: 0 });
        match token {
            Some(token) if first => {
                self.security_done = done;
                self.send_exchange(Some(token))
            }
            // The server has nothing left to say: no answer is needed ([MS-RPCE] 3.3.1.5.2.1).
            Some(token) if done => {
                self.send_auth3(&token)?;
                self.security_done = true;
                self.login_unconfirmed = true;
                self.complete()
            }
            Some(token) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.ptype = PduType::AlterContext;
                    exchange.group = self.group;
                    exchange.elements.retain(|element| element.features().is_none());
                }
                self.send_exchange(Some(token))
            }
            None if done => {
                self.security_done = true;
                self.complete()
            }
            None => {
                let error = AuthError::Negotiation("the provider has neither finished nor a token".to_owned());
                Err(ClientError::Authentication(error))
            }
        }
    }

    fn complete(&mut self) -> Result<(), ClientError> {
        self.phase = Phase::Ready;
        if let Some(security) = self.security.as_mut().filter(|_| self.exchange.is_some()) {
            security.context.set_header_signing(self.header_signing);
        }
        if let Some(exchange) = self.exchange.take() {
            self.events.push_back(ClientEvent::Negotiated(exchange.outcomes));
        }
        Ok(())
    }

    pub(super) fn on_nak(&mut self, frame: Frame) -> Result<(), ClientError> {
        let Frame { header, octets } = frame;
        let waiting = self.exchange.as_ref().is_some_and(|exchange| exchange.ptype == PduType::Bind);
        if !waiting {
            return Err(SequenceError::Unexpected(PduType::BindNak).into());
        }
        let body = match split_verifier(&header, &octets) {
            Ok((body, _)) => body,
            Err(_) => octets.get(HEADER_LEN..).unwrap_or_default(),
        };
        Err(ClientError::Refused(BindNak::parse(body, header.order())?))
    }

    /// A fault in answer to an alter_context.
    pub(super) fn on_alter_fault(&mut self, fault: msrpc_ndr::Fault) -> Result<(), ClientError> {
        if !self.security_done {
            return Err(ClientError::AuthenticationRefused(fault));
        }
        self.exchange = None;
        self.phase = Phase::Ready;
        self.events.push_back(ClientEvent::AlterRefused(fault));
        Ok(())
    }

    /// The call number of the bind or alter_context under way.
    pub(super) fn exchange_id(&self) -> Option<u32> {
        self.exchange.as_ref().map(|exchange| exchange.call_id)
    }
}

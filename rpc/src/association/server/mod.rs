//! A server's side of a connection ([MS-RPCE] 3.3.3).

mod bind;
mod config;
mod request;
mod respond;

pub use config::{ServerConfig, ServerLimits, TransportInfo};

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::BytesMut;
use msrpc_ndr::{Association, AuthLevel, Body, ByteOrder, Call, Fault, Service, Syntax, TransportError};

use super::{
    AssociationGroup, SequenceError, StepDone, StepJob,
    bind_phase::{BindPhaseError, Reassembly},
    body::BodySender,
    framing::{Frame, Input},
    inbound::Inbound,
    quota::{CallLease, ClientKey, ClientQuota, Lease},
    security::Security,
};
use crate::{
    auth::AuthError,
    metrics::{CallMeter, InterfaceMetrics},
    pdu::{
        BindFeatures, BindNak, FaultHead, Head, Header, NakReason, PduError, PduType, PfcFlags, Verifier,
        split_verifier, verification::PContext, write_pdu,
    },
};

/// A call of one connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKey {
    call_id: u32,
    serial: u64,
}

impl CallKey {
    /// The client's number of the call.
    pub fn call_id(self) -> u32 {
        self.call_id
    }
}

/// What a connection wants done.
#[derive(Debug)]
pub enum Event {
    /// A call to be run. Its outcome goes to [`ServerAssociation::respond`] or
    /// [`fault`](ServerAssociation::fault), whatever happens in between.
    Call(IncomingCall),
    /// A step of authentication that may wait; its result goes to
    /// [`ServerAssociation::authenticated`].
    Authenticate(StepJob),
}

/// A call to be run.
pub struct IncomingCall {
    /// What to answer it by.
    pub key: CallKey,
    /// The call.
    pub call: Call,
    /// The implementation.
    pub service: Arc<dyn Service>,
    /// The request's stub; large ones are still growing.
    pub request: Body,
    /// What the call takes of the client's allowance: to be kept as long as the implementation runs.
    pub lease: CallLease,
    /// Counts the call until it is dropped.
    pub meter: CallMeter,
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall").field("key", &self.key).field("call", &self.call).finish_non_exhaustive()
    }
}

/// Why a server ends a connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Octets that are no PDU.
    #[error(transparent)]
    Pdu(#[from] PduError),
    /// PDUs out of order.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The client does not authenticate itself.
    #[error("authentication failed: {0}")]
    Authentication(AuthError),
    /// A PDU's protection does not verify.
    #[error("a PDU of call {call_id} does not verify: {error}")]
    Protection {
        /// The call.
        call_id: u32,
        /// What the provider says.
        error: AuthError,
    },
    /// The bind asks for something that cannot be granted.
    #[error("bind refused: {0}")]
    BindRefused(NakReason),
    /// The bind-phase PDU asks for something that may not be.
    #[error("alter_context refused: {0}")]
    AlterRefused(&'static str),
}

impl From<BindPhaseError> for CloseReason {
    fn from(error: BindPhaseError) -> Self {
        match error {
            BindPhaseError::Pdu(error) => error.into(),
            BindPhaseError::Sequence(error) => error.into(),
        }
    }
}

/// One connection of a server.
#[derive(Debug)]
pub struct ServerAssociation {
    config: Arc<ServerConfig>,
    transport: Arc<TransportInfo>,
    client: Arc<ClientQuota>,
    /// What the connection keeps until it ends.
    leases: Vec<Lease>,
    input: Input,
    /// PDUs received.
    frames: u64,
    events: VecDeque<Event>,
    /// PDUs that are not fragments of responses.
    control: BytesMut,
    replies: VecDeque<respond::Reply>,
    /// Octets of responses that wait to be sent.
    queued: Arc<AtomicUsize>,
    phase: Phase,
    reassembly: Reassembly,
    /// Octets of a fragmented PDU of the bind phase.
    partial: Option<Lease>,
    step: Option<bind::PendingStep>,
    contexts: HashMap<u16, Arc<Presentation>>,
    security: Vec<SecurityEntry>,
    /// The security context of the bind; `None` if it had none.
    bound_security: Option<u32>,
    /// What calls without a security context belong to.
    plain: Option<Association>,
    group: Option<Arc<AssociationGroup>>,
    features: BindFeatures,
    multiplexed: bool,
    header_signing: bool,
    max_xmit_frag: u16,
    incoming: Option<Incoming>,
    calls: HashMap<u32, Active>,
    /// The call whose request began last.
    last_call_id: Option<u32>,
    serial: u64,
    close: Option<CloseReason>,
    /// No further call is begun.
    stopping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has been received.
    Established,
    /// The bind is under way.
    Binding,
    /// A bind has been acknowledged.
    Bound,
}

/// What a client has begun and has to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// Nothing that it alone could go on with.
    Nothing,
    /// It has not bound.
    Bind,
    /// A security context is not established.
    Leg,
    /// A PDU has not come as a whole: the one behind so many.
    Pdu(u64),
    /// A request has not come as a whole.
    Request {
        /// The client's number of the call.
        call_id: u32,
        /// Octets of its stub so far.
        octets: usize,
    },
}

/// A presentation context.
struct Presentation {
    service: Arc<dyn Service>,
    syntax: Syntax,
    /// As the client named them.
    named: PContext,
    metrics: Arc<InterfaceMetrics>,
}

impl std::fmt::Debug for Presentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {:?}", self.service.interface().name, self.syntax)
    }
}

#[derive(Debug)]
struct SecurityEntry {
    id: u32,
    auth_type: u8,
    level: AuthLevel,
    state: SecurityState,
}

#[derive(Debug)]
enum SecurityState {
    /// A leg is being processed.
    Stepping,
    /// The client has another leg to send.
    Waiting(Security),
    /// Established.
    Done { security: Security, association: Association, anonymous: bool },
    /// Refused.
    Failed,
}

/// A request whose fragments are arriving.
#[derive(Debug)]
struct Incoming {
    call_id: u32,
    context_id: u16,
    opnum: u16,
    flags: PfcFlags,
    security: Option<u32>,
    /// Octets of the stub so far; of a pipe those that may be waiting.
    octets: usize,
    fragments: usize,
    /// The operation reads it as a pipe.
    piped: bool,
    lease: CallLease,
    stub: Inbound,
    /// The call, until it is complete or streamed.
    call: Option<Call>,
    /// How often it has been cancelled before it ran.
    cancel_count: u8,
    service: Arc<Presentation>,
}

/// A call whose response has not been sent.
#[derive(Debug)]
struct Active {
    key: CallKey,
    call: Call,
    context_id: u16,
    order: ByteOrder,
    /// Octets of the request, which the implementation may hold.
    octets: usize,
    /// Kept until the response has been handed over.
    _lease: CallLease,
    /// What its response takes.
    held: Option<respond::Held>,
    security: Option<u32>,
    cancel_count: u8,
    /// No answer is wanted.
    silent: bool,
}

impl ServerAssociation {
    /// A connection that has just been accepted.
    pub fn new(config: Arc<ServerConfig>, transport: TransportInfo) -> Self {
        let max_xmit_frag = config.limits.max_frag;
        let client = config.quotas.client(&ClientKey::of(&transport));
        Self {
            config,
            client,
            leases: Vec::new(),
            transport: Arc::new(transport),
            input: Input::default(),
            frames: 0,
            events: VecDeque::new(),
            control: BytesMut::new(),
            replies: VecDeque::new(),
            queued: Arc::default(),
            phase: Phase::Established,
            reassembly: Reassembly::default(),
            partial: None,
            step: None,
            contexts: HashMap::new(),
            security: Vec::new(),
            bound_security: None,
            plain: None,
            group: None,
            features: BindFeatures::empty(),
            multiplexed: false,
            header_signing: false,
            max_xmit_frag,
            incoming: None,
            calls: HashMap::new(),
            last_call_id: None,
            serial: 0,
            close: None,
            stopping: false,
        }
    }

    /// The client's part of what the server has.
    pub fn client(&self) -> &Arc<ClientQuota> {
        &self.client
    }

    /// Where received octets go; [`process`](Self::process) follows.
    pub fn input(&mut self) -> &mut BytesMut {
        self.input.buffer()
    }

    /// Processes what has been received, as far as [`wants_input`](Self::wants_input) allows.
    pub fn process(&mut self) {
        while self.wants_input() {
            match self.input.next() {
                Ok(Some(frame)) => self.on_frame(frame),
                Ok(None) => return,
                Err(error) => return self.on_garbage(error),
            }
        }
    }

    /// Whether more octets can be processed now: no step of authentication is under way, the body
    /// being received has room, and not too many responses wait to be sent.
    pub fn wants_input(&self) -> bool {
        self.close.is_none() && self.step.is_none() && self.full_body().is_none() && self.may_answer()
    }

    /// Whether more responses may be queued: a client that does not read them is not served either.
    fn may_answer(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < self.config.limits.max_queued_octets
    }

    /// The body that has no room, if that is what keeps the connection from going on.
    pub fn full_body(&self) -> Option<&BodySender> {
        self.incoming.as_ref().and_then(|incoming| incoming.stub.full())
    }

    /// The next thing to be done, if there is one now.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.may_answer() { self.events.pop_front() } else { None }
    }

    /// Takes the result of an [`Event::Authenticate`].
    pub fn authenticated(&mut self, done: StepDone) {
        self.on_step(done);
        self.process();
    }

    /// Why the connection is to be closed, once what there is to send has been sent.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.close.as_ref()
    }

    /// Whether a bind has been acknowledged.
    pub fn is_bound(&self) -> bool {
        self.phase == Phase::Bound
    }

    /// Whether nothing is in progress: no call, no part of a PDU, nothing to send.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
            && self.incoming.is_none()
            && self.step.is_none()
            && !self.reassembly.in_progress()
            && self.input.is_empty()
            && self.control.is_empty()
            && self.replies.is_empty()
    }

    /// Begins no further call: they are answered `nca_server_too_busy`. What is in progress goes on.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether no call is in progress any more, nor anything to be sent: what a connection that is
    /// to end need not wait for.
    pub fn is_finished(&self) -> bool {
        self.calls.is_empty()
            && self.incoming.is_none()
            && self.step.is_none()
            && self.control.is_empty()
            && self.replies.is_empty()
    }

    /// Tells the client that the connection ends now ([MS-RPCE] 3.3.3.4.2, C706 12.6.4.11).
    pub fn say_goodbye(&mut self) {
        if self.phase == Phase::Bound && self.close.is_none() {
            let head = Head { ptype: PduType::Shutdown, flags: PfcFlags::WHOLE, order: ByteOrder::Little, call_id: 0 };
            self.config.metrics.pdu_sent();
            let _ = write_pdu(&mut self.control, head, None, |_| Ok(()));
        }
    }

    /// What the client has begun and not ended, beside calls.
    pub fn unfinished(&self) -> Unfinished {
        let legs = self.security.iter().any(|entry| matches!(entry.state, SecurityState::Waiting(_)));
        if self.phase != Phase::Bound {
            Unfinished::Bind
        } else if self.step.is_some() {
            Unfinished::Leg
        } else if !self.wants_input() {
            Unfinished::Nothing
        } else if let Some(incoming) = self.incoming.as_ref().filter(|incoming| !incoming.piped) {
            Unfinished::Request { call_id: incoming.call_id, octets: incoming.octets }
        } else if self.reassembly.in_progress() || !self.input.is_empty() {
            Unfinished::Pdu(self.frames)
        } else if legs {
            Unfinished::Leg
        } else {
            Unfinished::Nothing
        }
    }

    /// The number of calls whose response has not been given.
    pub fn pending_calls(&self) -> usize {
        self.calls.len()
    }

    /// The association group, once bound.
    pub fn group(&self) -> Option<&Arc<AssociationGroup>> {
        self.group.as_ref()
    }

    fn on_frame(&mut self, frame: Frame) {
        self.config.metrics.pdu_received();
        self.frames += 1;
        let ptype = frame.header.ptype;
        let bind_phase = matches!(ptype, PduType::Bind | PduType::AlterContext | PduType::Auth3);
        if self.reassembly.in_progress() && !bind_phase {
            return self.protocol_error(&frame.header, SequenceError::Unexpected(ptype).into());
        }
        match ptype {
            PduType::Bind | PduType::AlterContext | PduType::Auth3 => self.on_bind_phase(frame),
            PduType::Request => self.on_request(frame),
            PduType::CoCancel => self.on_cancel(frame, false),
            PduType::Orphaned => self.on_cancel(frame, true),
            _ => self.protocol_error(&frame.header, SequenceError::Unexpected(ptype).into()),
        }
    }

    /// Octets that are no PDU: the answer depends on whether the client has bound.
    fn on_garbage(&mut self, error: PduError) {
        let head = |ptype| Head { ptype, flags: PfcFlags::WHOLE, order: ByteOrder::Little, call_id: 0 };
        if self.phase == Phase::Established {
            let nak = BindNak::new(NakReason::PROTOCOL_VERSION);
            self.config.metrics.pdu_sent();
            let _ = write_pdu(&mut self.control, head(PduType::BindNak), None, |w| nak.write(w));
        } else {
            self.write_fault(0, 0, ByteOrder::Little, 0, Fault::PROTOCOL_ERROR);
        }
        self.end(error.into());
    }

    fn on_cancel(&mut self, frame: Frame, orphaned: bool) {
        let Frame { header, mut octets } = frame;
        let call_id = header.call_id;
        // A protected one moves the provider's sequence on, whatever becomes of it.
        let verifier = match split_verifier(&header, &octets) {
            Ok((_, verifier)) => verifier.map(|Verifier { trailer, token }| (trailer, token.len())),
            Err(error) => return self.end(error.into()),
        };
        if let Some((trailer, token_len)) = verifier {
            let Some(security) = self.established(trailer.context_id) else {
                return self.end(CloseReason::Protection { call_id, error: AuthError::NotEstablished });
            };
            if let Err(error) = security.unprotect(&mut octets, crate::pdu::HEADER_LEN, token_len) {
                return self.end(CloseReason::Protection { call_id, error });
            }
        }
        self.config.metrics.cancelled(orphaned);
        if let Some(incoming) = self.incoming.take_if(|incoming| orphaned && incoming.call_id == call_id) {
            incoming.stub.fail(TransportError::new("the client abandoned the call"));
        }
        if let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.call_id == call_id)
            && let Some(call) = &incoming.call
        {
            // The method finds it cancelled when it runs.
            incoming.cancel_count = incoming.cancel_count.saturating_add(1);
            call.cancel();
        } else if let Some(active) = self.calls.get_mut(&call_id) {
            active.cancel_count = active.cancel_count.saturating_add(1);
            active.silent |= orphaned;
            if active.silent { active.call.orphan() } else { active.call.cancel() }
        }
        if orphaned {
            self.replies.retain(|reply| reply.out.call_id != call_id);
        }
    }

    fn established(&mut self, id: u32) -> Option<&mut Security> {
        established(&mut self.security, id)
    }

    /// Answers a PDU that contradicts the protocol, and ends the connection.
    fn protocol_error(&mut self, header: &Header, reason: CloseReason) {
        match header.ptype {
            // Never answered ([MS-RPCE] 3.3.1.5.2.1).
            PduType::Auth3 => {}
            PduType::Bind => self.write_nak(header, NakReason::NOT_SPECIFIED),
            _ => self.write_fault(header.call_id, 0, header.order(), 0, Fault::PROTOCOL_ERROR),
        }
        self.end(reason);
    }

    fn write_nak(&mut self, header: &Header, reason: NakReason) {
        let nak = BindNak::new(reason);
        let Header { call_id, .. } = *header;
        let head = Head { ptype: PduType::BindNak, flags: PfcFlags::WHOLE, order: header.order(), call_id };
        self.config.metrics.pdu_sent();
        // A refusal always fits.
        let _ = write_pdu(&mut self.control, head, None, |w| nak.write(w));
    }

    fn write_fault(&mut self, call_id: u32, context_id: u16, order: ByteOrder, cancel_count: u8, fault: Fault) {
        let mut flags = PfcFlags::WHOLE;
        flags.set(PfcFlags::DID_NOT_EXECUTE, fault.did_not_execute);
        let head = Head { ptype: PduType::Fault, flags, order, call_id };
        self.config.metrics.fault_sent(fault);
        let fault = FaultHead { alloc_hint: 32, context_id, cancel_count, extended_error: false, status: fault.status };
        self.config.metrics.pdu_sent();
        // A fault always fits.
        let _ = write_pdu(&mut self.control, head, None, |w| {
            fault.write(w);
            Ok(())
        });
    }

    /// Nothing more is processed; what is in progress is told so.
    fn end(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
        self.abandon();
    }

    fn abandon(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            incoming.stub.fail(TransportError::new("the connection ended within a request"));
        }
        self.calls.values().for_each(|active| active.call.orphan());
        self.replies.clear();
        // Calls that nobody has taken are never run, and have no answer.
        let Self { events, calls, .. } = self;
        events.retain(|event| match event {
            Event::Call(incoming) => {
                calls.remove(&incoming.key.call_id);
                false
            }
            Event::Authenticate(_) => true,
        });
    }
}

fn established(table: &mut [SecurityEntry], id: u32) -> Option<&mut Security> {
    table.iter_mut().find_map(|entry| match &mut entry.state {
        SecurityState::Done { security, .. } if entry.id == id => Some(security),
        _ => None,
    })
}

impl Drop for ServerAssociation {
    fn drop(&mut self) {
        self.abandon();
    }
}

//! A client's side of a connection ([MS-RPCE] 3.3.2).

mod bind;
mod call;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    task::Context,
};

use bytes::{Bytes, BytesMut};
use msrpc_ndr::{AuthLevel, Body, ByteOrder, Encoding, Fault, Syntax};

use super::{
    SequenceError, StepDone, StepJob,
    bind_phase::{BindPhaseError, Reassembly},
    body::BodySender,
    fragments::Outbound,
    framing::{Frame, Input},
    inbound::Inbound,
    security::Security,
};
use crate::{
    auth::{AuthError, SecurityContext},
    pdu::{BindFeatures, BindNak, MUST_RECV_FRAG_SIZE, NakReason, PduError, PduType, RejectReason, SyntaxId},
};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Byte order of what is sent. NDR64 is proposed in little-endian only.
    pub order: ByteOrder,
    /// Largest fragment sent, and offered to receive.
    pub max_frag: u16,
    /// Features to be negotiated.
    pub features: BindFeatures,
    /// Whether to have several calls in flight, if the server allows it.
    pub multiplexed: bool,
    /// Whether to negotiate header signing.
    pub header_signing: bool,
    /// Octets of a response that are held back until it is complete; what is larger is streamed.
    pub stream_from: usize,
    /// Octets of a streamed response that wait for their reader; then the connection is not read
    /// any further.
    pub stream_bound: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            order: ByteOrder::Little,
            max_frag: 5840,
            features: BindFeatures::KEEP_CONNECTION_ON_ORPHAN,
            multiplexed: true,
            header_signing: true,
            stream_from: 1 << 20,
            stream_bound: 1 << 20,
        }
    }
}

/// An interface that a client wants to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntaxes that it can be called in.
    pub syntaxes: Vec<Syntax>,
}

impl Proposal {
    /// An interface in both transfer syntaxes.
    pub fn new(interface: impl Into<SyntaxId>) -> Self {
        Self { interface: interface.into(), syntaxes: vec![Syntax::Ndr, Syntax::Ndr64] }
    }
}

/// The security that a client asks for.
pub struct ClientSecurity {
    /// The provider's side.
    pub context: Box<dyn SecurityContext>,
    /// The level.
    pub level: AuthLevel,
}

impl std::fmt::Debug for ClientSecurity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientSecurity({}, {:?})", self.context.auth_type(), self.level)
    }
}

/// A presentation context that the server accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundContext {
    /// What requests name it by.
    pub id: u16,
    /// The interface.
    pub interface: SyntaxId,
    /// How stubs are marshalled.
    pub encoding: Encoding,
}

/// What a client's connection has to say.
#[derive(Debug)]
pub enum ClientEvent {
    /// A bind or alter_context has succeeded: one outcome per proposal. Security is established.
    Negotiated(Vec<Result<BoundContext, RejectReason>>),
    /// An alter_context was answered with a fault; the connection goes on.
    AlterRefused(Fault),
    /// A step of authentication that may wait; its result goes to
    /// [`ClientAssociation::authenticated`].
    Authenticate(StepJob),
    /// A response; large ones are still growing.
    Response {
        /// The call.
        call_id: u32,
        /// The byte order that the server marshalled it in, which is its own choice.
        order: ByteOrder,
        /// The response's stub.
        body: Body,
    },
    /// A call ended in a fault.
    Fault {
        /// The call.
        call_id: u32,
        /// The fault.
        fault: Fault,
        /// Extended error information as it came ([MS-EERR]).
        extended_error: Bytes,
        /// Whether that is how the server refuses the login: its last leg had no answer, and nothing
        /// since then has shown that it was accepted.
        refuses_login: bool,
    },
    /// The server wants the connection to end; calls in flight are still answered.
    Shutdown,
}

/// Why a client's connection ended, or never came to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server sent octets that are no PDU.
    #[error("the server does not speak RPC here: {0}")]
    Pdu(#[from] PduError),
    /// The server sent PDUs out of order.
    #[error("the server breaks the protocol: {0}")]
    Sequence(#[from] SequenceError),
    /// The server refuses the bind.
    #[error("the server refuses the bind: {}", .0.reason)]
    Refused(BindNak),
    /// The server refuses the authentication.
    #[error("the server refuses the authentication ({0})")]
    AuthenticationRefused(Fault),
    /// The server refuses an alter_context.
    #[error("the server refuses further interfaces: {0}")]
    AlterRefused(Fault),
    /// Authentication failed on this side.
    #[error("authentication failed: {0}")]
    Authentication(AuthError),
    /// A PDU of the server does not verify: it was changed on the way.
    #[error("a response does not verify: {0}")]
    Protection(AuthError),
    /// A call was abandoned half-way, and the server cannot be told.
    #[error("a call was abandoned while its request was being sent")]
    Abandoned,
    /// The connection has used up its call numbers: servers take none above 0x7fffffff, and none
    /// twice ([MS-RPCE] 3.3.3.5.2).
    #[error("the connection has made as many calls as it may: connect again")]
    OutOfCallIds,
    /// Called out of order by the program.
    #[error("the connection is not ready for this")]
    NotReady,
}

impl ClientError {
    /// Whether the server refused the security provider or the credentials.
    pub fn is_authentication(&self) -> bool {
        match self {
            Self::Authentication(_) | Self::AuthenticationRefused(_) => true,
            Self::Refused(nak) => {
                matches!(nak.reason, NakReason::AUTH_TYPE_NOT_RECOGNIZED | NakReason::INVALID_CHECKSUM)
            }
            _ => false,
        }
    }
}

impl From<BindPhaseError> for ClientError {
    fn from(error: BindPhaseError) -> Self {
        match error {
            BindPhaseError::Pdu(error) => error.into(),
            BindPhaseError::Sequence(error) => error.into(),
        }
    }
}

/// The largest call number that Windows takes ([MS-RPCE] 3.3.3.5.2).
const MAX_CALL_ID: u32 = 0x7fff_ffff;

/// One connection of a client.
#[derive(Debug)]
pub struct ClientAssociation {
    config: ClientConfig,
    input: Input,
    events: VecDeque<ClientEvent>,
    /// PDUs that are not fragments of requests.
    control: BytesMut,
    /// An alter_context, which must not come between the fragments of a request.
    altering: BytesMut,
    requests: VecDeque<Outbound>,
    phase: Phase,
    reassembly: Reassembly,
    exchange: Option<bind::Exchange>,
    security: Option<Security>,
    /// The security context while a step is run elsewhere.
    stepping: Option<(u8, AuthLevel)>,
    security_done: bool,
    /// The last leg has gone out as auth3, which has no answer, and no response has come since.
    login_unconfirmed: bool,
    header_signing: bool,
    contexts: HashMap<u16, BoundContext>,
    next_context: u16,
    /// Contexts whose first request has carried a verification trailer.
    verified: HashSet<u16>,
    group: u32,
    features: BindFeatures,
    multiplexed: bool,
    max_xmit_frag: u16,
    calls: HashMap<u32, ClientCall>,
    last_call_id: u32,
    /// The call whose response fills its reader's queue.
    streaming: Option<u32>,
    /// Calls whose responses go to their readers while they arrive.
    streams: Vec<u32>,
    close: Option<ClientError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unbound,
    /// A bind or alter_context is under way.
    Negotiating,
    Ready,
}

#[derive(Debug, Default)]
struct ClientCall {
    stub: Inbound,
    /// The byte order of the response, once it has begun.
    order: Option<ByteOrder>,
    /// Nobody waits for it any more.
    abandoned: bool,
    /// Its response has pipes.
    piped: bool,
}

impl ClientAssociation {
    /// A connection that has just been made.
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config,
            input: Input::default(),
            events: VecDeque::new(),
            control: BytesMut::new(),
            altering: BytesMut::new(),
            requests: VecDeque::new(),
            phase: Phase::Unbound,
            reassembly: Reassembly::default(),
            exchange: None,
            security: None,
            stepping: None,
            security_done: false,
            login_unconfirmed: false,
            header_signing: false,
            contexts: HashMap::new(),
            next_context: 0,
            verified: HashSet::new(),
            group: 0,
            features: BindFeatures::empty(),
            multiplexed: false,
            max_xmit_frag: config.max_frag.max(MUST_RECV_FRAG_SIZE),
            calls: HashMap::new(),
            last_call_id: 0,
            streaming: None,
            streams: Vec::new(),
            close: None,
        }
    }

    /// Where received octets go; [`process`](Self::process) follows.
    pub fn input(&mut self) -> &mut BytesMut {
        self.input.buffer()
    }

    /// Processes what has been received, as far as [`wants_input`](Self::wants_input) allows.
    pub fn process(&mut self) {
        while self.wants_input() {
            match self.input.next() {
                Ok(Some(frame)) => {
                    if let Err(error) = self.on_frame(frame) {
                        self.end(error);
                    }
                }
                Ok(None) => return,
                Err(error) => self.end(error.into()),
            }
        }
    }

    /// Whether more octets can be processed now.
    pub fn wants_input(&self) -> bool {
        self.close.is_none() && self.stepping.is_none() && self.full_body().is_none()
    }

    /// The body that has no room, if that is what keeps the connection from going on.
    pub fn full_body(&self) -> Option<&BodySender> {
        self.streaming.and_then(|id| self.calls.get(&id)).and_then(|call| call.stub.full())
    }

    /// Gives up the calls whose responses nobody reads any more, now and whenever `cx` is woken for it.
    pub fn poll_unread(&mut self, cx: &mut Context<'_>) {
        let calls = &self.calls;
        let unread = |id: &u32| {
            let sender = calls.get(id).and_then(|call| call.stub.stream());
            sender.is_some_and(|sender| sender.poll_abandoned(cx).is_ready())
        };
        let unread: Vec<u32> = self.streams.iter().copied().filter(unread).collect();
        unread.into_iter().for_each(|id| self.abandon(id));
    }

    /// The transport has ended: nothing more comes or goes. Bodies that still grow fail.
    pub fn disconnected(&mut self) {
        self.clear();
        *self.input.buffer() = BytesMut::new();
        self.events.clear();
    }

    /// The next thing to be known.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Why the connection has ended. Calls in flight get no event of their own then.
    pub fn close_reason(&self) -> Option<&ClientError> {
        self.close.as_ref()
    }

    /// The association group that the server put the connection into; 0 before the bind.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// The byte order of what is sent.
    pub fn order(&self) -> ByteOrder {
        self.config.order
    }

    /// Whether headers are signed.
    pub fn signs_headers(&self) -> bool {
        self.header_signing
    }

    /// The features negotiated.
    pub fn features(&self) -> BindFeatures {
        self.features
    }

    /// Largest fragment sent.
    pub fn max_xmit_frag(&self) -> u16 {
        self.max_xmit_frag
    }

    /// Whether several calls may be in flight.
    pub fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    /// The number of calls in flight, abandoned ones included.
    pub fn pending_calls(&self) -> usize {
        self.calls.len()
    }

    fn on_frame(&mut self, frame: Frame) -> Result<(), ClientError> {
        let ptype = frame.header.ptype;
        if self.reassembly.in_progress() && !matches!(ptype, PduType::BindAck | PduType::AlterContextResp) {
            return Err(SequenceError::Unexpected(ptype).into());
        }
        match ptype {
            PduType::BindAck | PduType::AlterContextResp => self.on_ack(frame),
            PduType::BindNak => self.on_nak(frame),
            PduType::Response => self.on_response(frame),
            PduType::Fault => self.on_fault(frame),
            PduType::Shutdown => {
                self.events.push_back(ClientEvent::Shutdown);
                Ok(())
            }
            _ => Err(SequenceError::Unexpected(ptype).into()),
        }
    }

    /// Takes the result of a [`ClientEvent::Authenticate`].
    pub fn authenticated(&mut self, done: StepDone) {
        if let Err(error) = self.on_step(done) {
            self.end(error);
        }
        self.process();
    }

    fn end(&mut self, error: ClientError) {
        self.close.get_or_insert(error);
        self.clear();
    }

    fn clear(&mut self) {
        self.calls.clear();
        self.requests.clear();
        self.control.clear();
        self.altering.clear();
        self.streams.clear();
        self.streaming = None;
    }

    fn next_call_id(&mut self) -> Result<u32, ClientError> {
        if self.last_call_id >= MAX_CALL_ID {
            return Err(ClientError::OutOfCallIds);
        }
        self.last_call_id += 1;
        Ok(self.last_call_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_without_call_numbers_makes_no_more_calls() {
        let mut client = ClientAssociation::new(ClientConfig::default());
        client.last_call_id = MAX_CALL_ID - 1;
        assert_eq!(client.next_call_id(), Ok(MAX_CALL_ID));
        assert_eq!(client.next_call_id(), Err(ClientError::OutOfCallIds));
        assert_eq!(client.bind(0, &[], None), Err(ClientError::OutOfCallIds));
    }
}

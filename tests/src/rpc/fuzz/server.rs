//! A server's association: whatever comes, it answers in PDUs, runs no more than it was asked to, and
//! leaves nothing behind.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use msrpc::{
    association::{Acceptor, AcceptorFn, CallKey, Event, ServerAssociation, ServerConfig, TransportInfo},
    auth::{
        Accounts,
        ntlm::{NtlmServer, NtlmServerConfig},
        spnego::SpnegoServer,
    },
    pdu::{Header, PduType},
};
use msrpc_ndr::{Body, BoxFuture, Call, Fault, Interface, Service};

use super::{Input, ensure};
use crate::rpc::{
    interfaces::trial::trial,
    node::{PASSWORD, USER},
    trial::Trial,
};

pub(super) fn check(octets: &[u8]) -> Result<usize, String> {
    let mut input = Input { octets };
    let how = input.u8();
    let mut harness = Harness::new();
    harness.pieces = usize::from(how & 0x3f);
    while !input.is_empty() {
        // A piece of the connection, and then what the implementation does.
        let len = usize::from(u16::from_le_bytes([input.u8(), input.u8()]));
        harness.feed(input.take(len))?;
        harness.work(input.u8());
    }
    harness.end()
}

/// The trial interface, less what takes memory because it is told to.
struct Modest(trial::Service<Trial>);

impl Service for Modest {
    fn interface(&self) -> &'static Interface {
        self.0.interface()
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        const TRIAL_MAKE: u16 = 1;
        if call.opnum() == TRIAL_MAKE {
            return Box::pin(std::future::ready(Err(Fault::OP_RANGE)));
        }
        self.0.call(call, request)
    }
}

/// A server's association, what runs on it, and what it has sent.
pub(super) struct Harness {
    pub(super) association: ServerAssociation,
    config: Arc<ServerConfig>,
    trial: Trial,
    /// Octets that arrive at a time; 0 for all at once.
    pub(super) pieces: usize,
    /// Octets that have arrived.
    fed: usize,
    /// What has been sent and not been looked at.
    pub(super) sent: BytesMut,
    /// Octets that have been sent.
    total: usize,
    /// Calls that have begun.
    pub(super) calls: usize,
    /// Those of somebody who has logged in.
    pub(super) authenticated: usize,
    running: Vec<Running>,
}

struct Running {
    key: CallKey,
    call: Call,
    future: BoxFuture<'static, Result<Body, Fault>>,
}

fn accounts() -> Arc<NtlmServerConfig> {
    static CONFIG: OnceLock<Arc<NtlmServerConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let accounts = Accounts::default().with_password(USER, PASSWORD);
        let mut config = NtlmServerConfig::new("NODE1", Arc::new(accounts));
        config.allow_anonymous = true;
        Arc::new(config)
    });
    Arc::clone(config)
}

impl Harness {
    pub(super) fn new() -> Self {
        Self::with(Vec::new())
    }

    /// A server with more providers.
    pub(super) fn with(acceptors: Vec<Arc<dyn Acceptor>>) -> Self {
        let trial = Trial::default();
        let mut config = ServerConfig::new(vec![Arc::new(Modest(trial::Service::new(trial.clone())))]);
        let raw = |_| Box::new(NtlmServer::new(accounts())) as _;
        let spnego = |_| Box::new(SpnegoServer::new(vec![Box::new(NtlmServer::new(accounts()))])) as _;
        config.acceptors = vec![Arc::new(AcceptorFn::new(10, raw)), Arc::new(AcceptorFn::new(9, spnego))];
        config.acceptors.extend(acceptors);
        config.limits.max_calls = 8;
        config.limits.max_contexts = 16;
        config.limits.max_bind = 8192;
        config.limits.stream_from = 2048;
        config.limits.stream_bound = 2048;
        config.limits.call.max_response = 1 << 16;
        config.limits.call.max_request = 1 << 16;
        let config = Arc::new(config);
        let transport = TransportInfo { protocol: "ncacn_ip_tcp".into(), ..TransportInfo::default() };
        Self {
            association: ServerAssociation::new(Arc::clone(&config), transport),
            config,
            trial,
            pieces: 0,
            fed: 0,
            sent: BytesMut::new(),
            total: 0,
            calls: 0,
            authenticated: 0,
            running: Vec::new(),
        }
    }

    /// Octets arrive.
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), String> {
        let pieces = if self.pieces == 0 { octets.len().max(1) } else { self.pieces };
        for piece in octets.chunks(pieces) {
            if self.association.close_reason().is_some() {
                return self.look();
            }
            self.fed += piece.len();
            self.association.input().extend_from_slice(piece);
            self.drain();
        }
        self.look()
    }

    /// Octets arrive, and the answer is for [`take`](Self::take).
    pub(super) fn feed_quietly(&mut self, octets: &[u8]) {
        self.fed += octets.len();
        self.association.input().extend_from_slice(octets);
        self.drain();
    }

    /// Takes and does what is to be done until nothing is.
    fn drain(&mut self) {
        loop {
            self.association.process();
            let mut progress = false;
            while let Some(event) = self.association.poll_event() {
                progress = true;
                match event {
                    Event::Call(incoming) => {
                        self.calls += 1;
                        self.authenticated += usize::from(incoming.call.caller().user.is_some());
                        let future = incoming.service.call(incoming.call.clone(), incoming.request);
                        self.running.push(Running { key: incoming.key, call: incoming.call, future });
                    }
                    Event::Authenticate(job) => self.association.authenticated(job.run()),
                }
            }
            progress |= self.poll();
            self.association.transmit(&mut self.sent, 1 << 20);
            if !progress {
                return;
            }
        }
    }

    /// Polls what runs; whether something has ended.
    fn poll(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut ended = Vec::new();
        self.running.retain_mut(|running| match Pin::new(&mut running.future).poll(cx) {
            Poll::Ready(outcome) => {
                ended.push((running.key, outcome));
                false
            }
            Poll::Pending => true,
        });
        let some = !ended.is_empty();
        for (key, outcome) in ended {
            match outcome {
                Ok(body) => self.association.respond(key, chunks(body)),
                Err(fault) => self.association.fault(key, fault),
            }
        }
        some
    }

    /// The implementation gives up the call that waits longest, says the odd octet.
    pub(super) fn work(&mut self, what: u8) {
        if let Some(running) = self.running.first().filter(|_| what & 1 == 1) {
            running.call.cancel();
        }
        self.drain();
    }

    /// What has been sent is whole PDUs that a server may send, and not much more than what has come.
    fn look(&mut self) -> Result<(), String> {
        let mut rest = &self.sent[..];
        while !rest.is_empty() {
            let header = Header::parse(rest).map_err(|error| format!("what is sent is no PDU: {error}"))?;
            let allowed = matches!(
                header.ptype,
                PduType::BindAck | PduType::BindNak | PduType::AlterContextResp | PduType::Response | PduType::Fault
            );
            ensure(allowed, || format!("a {:?} is sent", header.ptype))?;
            let len = usize::from(header.frag_length);
            rest = rest.get(len..).ok_or("a part of a PDU is sent")?;
        }
        self.total += self.sent.len();
        self.sent.clear();
        let limit = 4096 + 64 * self.fed;
        ensure(self.total <= limit, || format!("{} octets in answer to {}", self.total, self.fed))
    }

    /// What the association has sent since the last look.
    pub(super) fn take(&mut self) -> BytesMut {
        self.total += self.sent.len();
        self.sent.split()
    }

    /// The connection ends; how many calls there were.
    pub(super) fn end(mut self) -> Result<usize, String> {
        self.drain();
        self.look()?;
        let pending = self.association.pending_calls();
        ensure(pending <= self.running.len(), || format!("{pending} calls, of which {} run", self.running.len()))?;
        let Self { association, config, trial, mut running, calls, .. } = self;
        drop(association);
        // Who is told that nobody waits any more comes to an end.
        let cx = &mut Context::from_waker(Waker::noop());
        running.retain_mut(|running| Pin::new(&mut running.future).poll(cx).is_pending());
        ensure(running.is_empty(), || format!("{} calls do not end", running.len()))?;
        drop(running);
        ensure(config.groups.is_empty(), || "an association group is left".to_owned())?;
        let counters = trial.counters();
        ensure(counters == 0, || format!("{counters} handles are left"))?;
        Ok(calls)
    }
}

fn chunks(mut body: Body) -> Vec<Bytes> {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut chunks = Vec::new();
    while let Poll::Ready(Some(Ok(chunk))) = body.poll_next(cx) {
        chunks.push(chunk);
    }
    chunks
}

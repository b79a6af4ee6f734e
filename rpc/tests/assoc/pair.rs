//! A client and a server without sockets.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use msrpc::association::{
    Acceptor, AcceptorFn, BoundContext, CallKey, ClientAssociation, ClientConfig, ClientEvent, ClientSecurity, Event,
    Proposal, ServerAssociation, ServerConfig, TransportInfo,
};
use msrpc_ndr::{AuthLevel, Body, BoxFuture, Fault};

use super::{
    provider::{AUTH_TYPE, TestContext},
    service::{OPEN_INTERFACE, SIGNED_INTERFACE, Shared, Tester},
};

/// A server and the calls that it runs.
pub struct Server {
    pub assoc: ServerAssociation,
    running: Vec<(CallKey, BoxFuture<'static, Result<Body, Fault>>)>,
    bodies: Vec<(CallKey, Body)>,
}

pub fn config(open: &Arc<Tester>, signed: &Arc<Tester>, legs: u32) -> Arc<ServerConfig> {
    let mut config = ServerConfig::new(vec![Arc::new(Shared(Arc::clone(open))), Arc::new(Shared(Arc::clone(signed)))]);
    let accept = move |_| Box::new(TestContext::acceptor(7, legs, Some("tester"))) as Box<_>;
    config.acceptors.push(Arc::new(AcceptorFn::new(AUTH_TYPE, accept)) as Arc<dyn Acceptor>);
    Arc::new(config)
}

pub fn tcp(port: u16) -> TransportInfo {
    TransportInfo {
        protocol: "ncacn_ip_tcp".to_owned(),
        address: Some(([192, 0, 2, 1], port).into()),
        endpoint: "5999".to_owned(),
        ..TransportInfo::default()
    }
}

impl Server {
    pub fn new(config: &Arc<ServerConfig>) -> Self {
        Self::at(config, tcp(40000))
    }

    pub fn at(config: &Arc<ServerConfig>, transport: TransportInfo) -> Self {
        let assoc = ServerAssociation::new(Arc::clone(config), transport);
        Self { assoc, running: Vec::new(), bodies: Vec::new() }
    }

    pub fn feed(&mut self, octets: &[u8]) {
        self.assoc.input().extend_from_slice(octets);
        self.turn();
    }

    pub fn output(&mut self) -> Vec<u8> {
        let mut out = BytesMut::new();
        loop {
            let before = out.len();
            self.assoc.transmit(&mut out, usize::MAX);
            self.turn();
            if out.len() == before {
                return out.to_vec();
            }
        }
    }

    pub fn is_running(&self) -> bool {
        !self.running.is_empty() || !self.bodies.is_empty()
    }

    pub fn turn(&mut self) {
        loop {
            self.assoc.process();
            let full = self.assoc.full_body().is_some();
            let mut progress = false;
            while let Some(event) = self.assoc.poll_event() {
                progress = true;
                match event {
                    Event::Call(call) => self.running.push((call.key, call.service.call(call.call, call.request))),
                    Event::Authenticate(job) => self.assoc.authenticated(job.run()),
                }
            }
            let cx = &mut Context::from_waker(Waker::noop());
            let assoc = &mut self.assoc;
            let bodies = &mut self.bodies;
            self.running.retain_mut(|(key, future)| match future.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(outcome) => {
                    progress = true;
                    match outcome {
                        Ok(body) => {
                            if assoc.begin(*key) {
                                bodies.push((*key, body));
                            }
                        }
                        Err(fault) => assoc.fault(*key, fault),
                    }
                    false
                }
            });
            self.bodies.retain_mut(|(key, body)| {
                while assoc.has_room(*key) {
                    match body.poll_next(cx) {
                        Poll::Ready(Some(Ok(chunk))) => assoc.push(*key, chunk),
                        Poll::Ready(Some(Err(_))) => {
                            assoc.fault(*key, Fault::UNSPECIFIED);
                            return false;
                        }
                        Poll::Ready(None) => {
                            assoc.finish(*key);
                            progress = true;
                            return false;
                        }
                        Poll::Pending => return true,
                    }
                    progress = true;
                }
                true
            });
            progress |= full && self.assoc.wants_input();
            if !progress {
                return;
            }
        }
    }
}

/// A client and a server, and what has travelled between them.
pub struct Pair {
    pub client: ClientAssociation,
    pub server: Server,
    pub events: Vec<ClientEvent>,
    /// Octets of each read.
    pub step: usize,
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
}

impl Pair {
    pub fn new(client: ClientConfig, server: &Arc<ServerConfig>) -> Self {
        Self {
            client: ClientAssociation::new(client),
            server: Server::new(server),
            events: Vec::new(),
            step: usize::MAX,
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    pub fn pump(&mut self) {
        loop {
            let mut out = BytesMut::new();
            self.client.transmit(&mut out, usize::MAX);
            self.to_server.extend_from_slice(&out);
            for chunk in out.chunks(self.step) {
                self.server.feed(chunk);
            }
            self.server.turn();
            let back = self.server.output();
            self.to_client.extend_from_slice(&back);
            for chunk in back.chunks(self.step) {
                self.client.input().extend_from_slice(chunk);
                self.client.process();
                while let Some(event) = self.client.poll_event() {
                    match event {
                        ClientEvent::Authenticate(job) => self.client.authenticated(job.run()),
                        event => self.events.push(event),
                    }
                }
            }
            let mut progress = !(out.is_empty() && back.is_empty());
            while let Some(event) = self.client.poll_event() {
                progress = true;
                match event {
                    ClientEvent::Authenticate(job) => self.client.authenticated(job.run()),
                    event => self.events.push(event),
                }
            }
            if !progress {
                return;
            }
        }
    }

    /// Binds both test interfaces.
    pub fn bind(&mut self, security: Option<(AuthLevel, u32)>) -> Vec<BoundContext> {
        let proposals = [Proposal::new(&OPEN_INTERFACE), Proposal::new(&SIGNED_INTERFACE)];
        let security =
            security.map(|(level, legs)| ClientSecurity { context: Box::new(TestContext::initiator(7, legs)), level });
        self.client.bind(0, &proposals, security).unwrap();
        self.pump();
        assert_eq!(self.client.close_reason(), None);
        match self.events.remove(0) {
            ClientEvent::Negotiated(outcomes) => outcomes.into_iter().map(Result::unwrap).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub fn start(&mut self, context: u16, opnum: u16, stub: impl Into<Bytes>) -> u32 {
        let id = self.client.request(context, opnum, None).unwrap();
        self.client.push(id, stub.into());
        self.client.finish(id);
        id
    }

    pub fn outcome(&mut self, id: u32) -> Option<Result<Vec<u8>, Fault>> {
        let at = self.events.iter().position(|event| match event {
            ClientEvent::Response { call_id, .. } | ClientEvent::Fault { call_id, .. } => *call_id == id,
            _ => false,
        })?;
        Some(match self.events.remove(at) {
            ClientEvent::Response { body, .. } => Ok(body.try_into_bytes().expect("complete").to_vec()),
            ClientEvent::Fault { fault, .. } => Err(fault),
            _ => unreachable!(),
        })
    }

    pub fn call(&mut self, context: u16, opnum: u16, stub: impl Into<Bytes>) -> Result<Vec<u8>, Fault> {
        let id = self.start(context, opnum, stub);
        self.pump();
        self.outcome(id).unwrap_or_else(|| panic!("no outcome: {:?}", self.client.close_reason()))
    }
}

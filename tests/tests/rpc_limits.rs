//! Limits of a server: what is too much is refused in a defined way, and everything goes on. None of
//! the tests takes longer than a few seconds.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use msrpc::{
    association::{AcceptorFn, Allowance, Quotas, ServerLimits, SharedLimits, quota::Resource},
    auth::{AuthError, PduParts, PeerIdentity, SecurityContext, Step, ntlm},
    client::{BoundChannel, ClientBuilder, ConnectError},
    pdu::{NakReason, PduType, PfcFlags},
    server::{ConnectionOptions, Server},
};
use msrpc_ndr::{AuthLevel, CallError, Fault, SessionKey, Win32Error};
use msrpc_tests::rpc::{
    client,
    interfaces::trial::trial,
    load::raw::{self, Answer, Raw, opnum, source},
    node::{Demands, Node},
    trial::Trial,
};
use tokio::net::TcpSocket;

type Client = trial::Client<BoundChannel>;

async fn node(limits: SharedLimits, each: ServerLimits, options: ConnectionOptions) -> Node {
    let change =
        |builder: msrpc::server::ServerBuilder| builder.shared_limits(limits).limits(each).connection_options(options);
    Node::start_with(Demands::Nothing, change).await.unwrap()
}

async fn limited(limits: SharedLimits) -> Node {
    node(limits, ServerLimits::default(), ConnectionOptions::default()).await
}

async fn try_connect(node: &Node, from: Ipv4Addr) -> Result<Client, ConnectError> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((IpAddr::V4(from), 0).into()).unwrap();
    let stream = socket.connect(node.address()).await.unwrap();
    client::at(node.address(), None).bind(stream, &trial::INTERFACE).await.map(trial::Client::new)
}

async fn connect(node: &Node, from: Ipv4Addr) -> Client {
    try_connect(node, from).await.unwrap()
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn unused(quotas: &Arc<Quotas>) {
    for resource in Resource::ALL {
        let what = format!("{} are back", resource.name());
        until(&what, || quotas.used(resource) == 0).await;
    }
    until("nothing is known of clients", || quotas.clients() == 0).await;
}

fn too_busy<T, S: std::fmt::Display>(result: Result<T, CallError<T, S>>) -> bool {
    matches!(result, Err(CallError::Fault(fault)) if fault == Fault::SERVER_TOO_BUSY && fault.did_not_execute)
}

fn without_room<T, S: std::fmt::Display>(result: Result<T, CallError<T, S>>) -> bool {
    matches!(result, Err(CallError::Fault(Fault::NO_RESOURCES)))
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_other_clients_come_in() {
    let node = limited(SharedLimits { connections: Allowance::new(5, 2), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    let first = connect(&node, source(1)).await;
    let second = connect(&node, source(1)).await;
    let refused = try_connect(&node, source(1)).await.unwrap_err();
    assert!(matches!(&refused, ConnectError::Busy(_)), "{refused}");
    assert_eq!(refused.nak(), Some(NakReason::LOCAL_LIMIT_EXCEEDED));
    let other = connect(&node, source(2)).await;
    let another = connect(&node, source(3)).await;
    let last = connect(&node, source(3)).await;
    // Now all are used up, whoever asks.
    assert!(matches!(try_connect(&node, source(4)).await, Err(ConnectError::Busy(_))));
    for client in [&first, &second, &other, &another, &last] {
        assert_eq!(client.trial_sum(vec![1, 2]).await.unwrap(), 3);
    }
    drop((second, last));
    until("the places are free", || quotas.used(Resource::Connections) == 3).await;
    let again = connect(&node, source(1)).await;
    assert_eq!(again.trial_sum(vec![3]).await.unwrap(), 3);
    drop((first, other, another, again));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn connections_too_many_that_say_nothing_are_closed() {
    let node = limited(SharedLimits { connections: Allowance::new(1, 1), ..SharedLimits::default() }).await;
    let held = connect(&node, source(1)).await;
    let start = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(Raw::connect(node.address(), source(1)).await.unwrap());
    }
    for raw in &mut silent {
        assert_eq!(raw.answer().await, Answer::Closed);
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(held.trial_sum(vec![1]).await.unwrap(), 1);
    node.stop().await;
}

#[tokio::test]
async fn calls_too_many_are_not_executed_and_the_connection_goes_on() {
    let node = limited(SharedLimits { calls: Allowance::new(6, 3), ..SharedLimits::default() }).await;
    let clients = [connect(&node, source(1)).await, connect(&node, source(1)).await];
    let mut waiting = Vec::new();
    for (ticket, client) in [(1, &clients[0]), (2, &clients[1]), (3, &clients[1])] {
        let client = client.clone();
        waiting.push(tokio::spawn(async move { client.trial_wait(ticket).await }));
    }
    until("three calls wait", || node.trial.waiting() == 3).await;
    // The limit is the client's, with all its connections; others have theirs.
    for client in &clients {
        assert!(too_busy(client.trial_wait(9).await));
        assert!(too_busy(client.trial_sum(vec![1]).await));
    }
    let other = connect(&node, source(2)).await;
    assert_eq!(other.trial_sum(vec![1]).await.unwrap(), 1);
    for ticket in 1..=3 {
        other.trial_release(ticket).await.unwrap();
    }
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    for client in &clients {
        assert_eq!(client.trial_sum(vec![1]).await.unwrap(), 1);
    }
    assert_eq!(node.trial.waiting(), 0);
    let quotas = Arc::clone(node.server().quotas());
    drop((clients, other));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn calls_whose_client_is_gone_count_until_they_end() {
    let node = limited(SharedLimits { calls: Allowance::new(100, 2), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    node.trial.be_stubborn();
    for _ in 0..2 {
        let client = connect(&node, source(1)).await;
        let calling = client.clone();
        let waiting = node.trial.waiting();
        let call = tokio::spawn(async move { calling.trial_wait(1).await });
        until("the call waits", || node.trial.waiting() > waiting).await;
        call.abort();
        drop(client);
        until("the connection is gone", || quotas.used(Resource::Connections) == 0).await;
    }
    let again = connect(&node, source(1)).await;
    assert!(too_busy(again.trial_sum(vec![1]).await));
    let other = connect(&node, source(2)).await;
    for _ in 0..2 {
        other.trial_release(1).await.unwrap();
    }
    until("the calls have ended", || quotas.used(Resource::Calls) == 0).await;
    assert_eq!(again.trial_sum(vec![1]).await.unwrap(), 1);
    drop((again, other));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn octets_of_requests_are_limited_over_all_connections() {
    let node =
        limited(SharedLimits { request_octets: Allowance::new(1 << 20, 100_000), ..SharedLimits::default() }).await;
    let clients = [connect(&node, source(1)).await, connect(&node, source(1)).await];
    // A request of which 60,000 octets have come, and no more do.
    let mut half = Raw::bound(node.address(), source(1)).await.unwrap();
    for part in 0..12 {
        let flags = if part == 0 { PfcFlags::FIRST } else { PfcFlags::empty() };
        half.send(&raw::fragment(flags, 2, opnum::ECHO, &[0; 5000])).await.unwrap();
    }
    let quotas = Arc::clone(node.server().quotas());
    until("it has come", || quotas.used(Resource::RequestOctets) >= 60_000).await;
    for client in &clients {
        let large = client.trial_sum(vec![1; 50_000]).await;
        assert!(too_busy(large));
        assert_eq!(client.trial_sum(vec![1; 20_000]).await.unwrap(), 20_000);
    }
    let other = connect(&node, source(2)).await;
    assert_eq!(other.trial_sum(vec![1; 90_000]).await.unwrap(), 90_000);
    drop(half);
    until("they are given back", || quotas.used(Resource::RequestOctets) == 0).await;
    assert_eq!(clients[0].trial_sum(vec![1; 50_000]).await.unwrap(), 50_000);
    drop((clients, other));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn a_request_of_too_many_fragments_is_refused() {
    let each = ServerLimits { max_fragments: 10, ..ServerLimits::default() };
    let node = node(SharedLimits::default(), each, ConnectionOptions::default()).await;
    let mut client = Raw::bound(node.address(), source(1)).await.unwrap();
    for fragments in [10, 11] {
        // A request that is long enough: the count and the octets of TrialSum.
        let call_id = fragments;
        client.send(&raw::fragment(PfcFlags::FIRST, call_id, 2, &[4, 0, 0, 0, 4, 0, 0, 0])).await.unwrap();
        for _ in 0..fragments - 2 {
            client.send(&raw::fragment(PfcFlags::empty(), call_id, 2, &[])).await.unwrap();
        }
        client.send(&raw::fragment(PfcFlags::LAST, call_id, 2, &[1; 4])).await.unwrap();
        let refused = Answer::Fault(Fault::NO_RESOURCES.status, false);
        assert_eq!(client.answer().await, if fragments == 10 { Answer::Response } else { refused });
    }
    client.send(&raw::request(20, opnum::FAIL, &[0])).await.unwrap();
    assert_eq!(client.answer().await, Answer::Response);
    node.stop().await;
}

#[tokio::test]
async fn a_response_that_nobody_has_room_for_is_a_fault() {
    let limits = SharedLimits { response_octets: Allowance::new(1 << 20, 50_000), ..SharedLimits::default() };
    let node = limited(limits).await;
    let quotas = Arc::clone(node.server().quotas());
    let client = connect(&node, source(1)).await;
    assert_eq!(client.trial_make(40_000, 0).await.unwrap().cb_pattern, 40_000);
    assert!(without_room(client.trial_make(60_000, 0).await));
    assert_eq!(client.trial_make(40_000, 0).await.unwrap().cb_pattern, 40_000);
    drop(client);
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn handles_of_a_response_that_is_not_sent_are_closed() {
    let limits = SharedLimits { response_octets: Allowance::new(1 << 20, 10), ..SharedLimits::default() };
    let node = limited(limits).await;
    let client = connect(&node, source(1)).await;
    assert!(without_room(client.trial_open(1).await));
    assert_eq!((node.trial.counters(), node.server().quotas().used(Resource::Handles)), (0, 0));
    node.stop().await;
}

#[tokio::test]
async fn handles_are_limited_over_all_connections_of_a_client() {
    let node = limited(SharedLimits { handles: Allowance::new(100, 5), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    let clients = [connect(&node, source(1)).await, connect(&node, source(1)).await];
    let mut handles = Vec::new();
    for index in 0..5 {
        handles.push(clients[index % 2].trial_open(7).await.unwrap());
    }
    for client in &clients {
        assert!(without_room(client.trial_open(7).await));
    }
    assert_eq!((node.trial.counters(), quotas.used(Resource::Handles)), (5, 5));
    let other = connect(&node, source(2)).await;
    other.trial_open(7).await.unwrap();
    assert_eq!(clients[0].trial_add(&handles[0], 1).await.unwrap(), 8);
    clients[0].trial_close(Some(handles.swap_remove(0))).await.unwrap();
    clients[1].trial_open(7).await.unwrap();
    drop((clients, other));
    unused(&quotas).await;
    assert_eq!(node.trial.counters(), 0);
    node.stop().await;
}

#[tokio::test]
async fn presentation_contexts_too_many_are_rejected_and_the_connection_goes_on() {
    let each = ServerLimits { max_contexts: 3, ..ServerLimits::default() };
    let limits = SharedLimits { contexts: Allowance::new(5, 4), ..SharedLimits::default() };
    let node = node(limits, each, ConnectionOptions::default()).await;
    let quotas = Arc::clone(node.server().quotas());
    let mut first = Raw::bound(node.address(), source(1)).await.unwrap();
    for context in 1..10 {
        first.send(&raw::bind(PduType::AlterContext, context)).await.unwrap();
        assert_eq!(first.answer().await, Answer::Ack);
        assert_eq!(quotas.used(Resource::Contexts), usize::from(context + 1).min(3));
    }
    // The client has one left, on whichever connection.
    let mut second = Raw::bound(node.address(), source(1)).await.unwrap();
    second.send(&raw::bind(PduType::AlterContext, 1)).await.unwrap();
    assert_eq!((second.answer().await, quotas.used(Resource::Contexts)), (Answer::Ack, 4));
    for client in [&mut first, &mut second] {
        client.send(&raw::request(3, opnum::FAIL, &[0])).await.unwrap();
        assert_eq!(client.answer().await, Answer::Response);
    }
    drop((first, second));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn security_contexts_are_limited_over_all_connections() {
    let limits = SharedLimits { security_contexts: Allowance::new(10, 2), ..SharedLimits::default() };
    let node = limited(limits).await;
    let quotas = Arc::clone(node.server().quotas());
    let mut begun = Vec::new();
    for expected in [Answer::Ack, Answer::Ack, Answer::Nak(NakReason::LOCAL_LIMIT_EXCEEDED)] {
        let mut raw = Raw::connect(node.address(), source(1)).await.unwrap();
        raw.send(&raw::bind_ntlm(PduType::Bind, 1)).await.unwrap();
        assert_eq!(raw.answer().await, expected);
        begun.push(raw);
    }
    let mut other = Raw::connect(node.address(), source(2)).await.unwrap();
    other.send(&raw::bind_ntlm(PduType::Bind, 1)).await.unwrap();
    assert_eq!(other.answer().await, Answer::Ack);
    drop((begun, other));
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn octets_of_fragmented_binds_are_limited() {
    let node =
        limited(SharedLimits { request_octets: Allowance::new(1 << 20, 10_000), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    // Binds of which 4,000 octets have come.
    let begun = async || {
        let mut raw = Raw::connect(node.address(), source(1)).await.unwrap();
        let part = raw::pdu(PduType::Bind, PfcFlags::FIRST, 1, &[0; 4000 - 16]);
        raw.send(&part).await.unwrap();
        raw
    };
    let (first, second) = (begun().await, begun().await);
    until("both have come", || quotas.used(Resource::RequestOctets) == 8000).await;
    let mut third = begun().await;
    assert_eq!(third.answer().await, Answer::Nak(NakReason::LOCAL_LIMIT_EXCEEDED));
    drop((first, second));
    until("they are given back", || quotas.used(Resource::RequestOctets) == 0).await;
    drop(begun().await);
    drop(third);
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn groups_are_limited_for_each_client() {
    let node = limited(SharedLimits { groups: Allowance::new(10, 1), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    let first = Raw::bound(node.address(), source(1)).await.unwrap();
    let mut second = Raw::connect(node.address(), source(1)).await.unwrap();
    second.send(&raw::bind(PduType::Bind, 0)).await.unwrap();
    assert_eq!(second.answer().await, Answer::Nak(NakReason::LOCAL_LIMIT_EXCEEDED));
    let other = Raw::bound(node.address(), source(2)).await.unwrap();
    drop((first, second, other));
    unused(&quotas).await;
    node.stop().await;
}

/// Options with which everything takes a fraction of a second.
fn impatient() -> ConnectionOptions {
    ConnectionOptions {
        bind_timeout: Duration::from_millis(300),
        leg_timeout: Duration::from_millis(300),
        receive_timeout: Duration::from_millis(300),
        send_timeout: Duration::from_millis(500),
        idle_timeout: None,
        keep_alive: None,
    }
}

/// Sends an octet every ten milliseconds until the server has enough of it.
async fn dribble(mut raw: Raw, octets: &[u8]) -> io::Result<Duration> {
    let start = Instant::now();
    for octet in octets.iter().cycle() {
        if raw.send(std::slice::from_ref(octet)).await.is_err() {
            return Ok(start.elapsed());
        }
        let ended = tokio::time::timeout(Duration::from_millis(10), raw.answer()).await;
        match ended {
            Ok(Answer::Closed) => return Ok(start.elapsed()),
            Ok(other) => return Err(io::Error::other(format!("{other:?}"))),
            Err(_) if start.elapsed() > Duration::from_secs(8) => return Err(io::ErrorKind::TimedOut.into()),
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_that_trickle_in_gain_no_time() {
    let node = node(SharedLimits::default(), ServerLimits::default(), impatient()).await;
    let patient = connect(&node, source(9)).await;
    // A bind; a PDU behind a bind; the fragments of a request, each of which comes as a whole.
    let bind = raw::bind(PduType::Bind, 0);
    let bound = || async { Raw::bound(node.address(), source(1)).await.unwrap() };
    let large = raw::fragment(PfcFlags::WHOLE, 2, opnum::ECHO, &[0; 5000]);
    let unbound = Raw::connect(node.address(), source(1)).await.unwrap();
    let slow = [dribble(unbound, &bind[..bind.len() - 1]).await, dribble(bound().await, &large).await];
    for took in slow {
        let took = took.unwrap();
        assert!(took > Duration::from_millis(250), "{took:?}");
    }
    let mut fragments = bound().await;
    fragments.send(&raw::fragment(PfcFlags::FIRST, 2, opnum::ECHO, &[0; 8])).await.unwrap();
    let start = Instant::now();
    loop {
        let more = fragments.send(&raw::fragment(PfcFlags::empty(), 2, opnum::ECHO, &[0])).await;
        let ended = tokio::time::timeout(Duration::from_millis(20), fragments.answer()).await;
        if more.is_err() || ended == Ok(Answer::Closed) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(8), "a request of tiny fragments lasts for ever");
    }
    // Whoever does nothing wrong is none of their business.
    assert_eq!(patient.trial_sum(vec![1; 100_000]).await.unwrap(), 100_000);
    node.stop().await;
}

#[tokio::test]
async fn authentication_that_is_never_finished_ends_in_time() {
    let node = node(SharedLimits::default(), ServerLimits::default(), impatient()).await;
    let quotas = Arc::clone(node.server().quotas());
    let mut first = Raw::connect(node.address(), source(1)).await.unwrap();
    first.send(&raw::bind_ntlm(PduType::Bind, 1)).await.unwrap();
    assert_eq!(first.answer().await, Answer::Ack);
    let mut later = Raw::bound(node.address(), source(1)).await.unwrap();
    later.send(&raw::bind_ntlm(PduType::AlterContext, 1)).await.unwrap();
    assert_eq!(later.answer().await, Answer::Ack);
    let start = Instant::now();
    assert_eq!((first.answer().await, later.answer().await), (Answer::Closed, Answer::Closed));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_served_and_ends_in_time() {
    let node = node(SharedLimits::default(), ServerLimits::default(), impatient()).await;
    let quotas = Arc::clone(node.server().quotas());
    let mut deaf = Raw::bound(node.address(), source(1)).await.unwrap();
    // A thousand responses of a mebioctet each.
    let requests: Vec<u8> = (2..1002).flat_map(|call| raw::request(call, opnum::MAKE, &[1 << 20, 0])).collect();
    deaf.send(&requests).await.unwrap();
    let mut most = 0;
    let start = Instant::now();
    until("the connection has ended", || {
        most = most.max(quotas.used(Resource::ResponseOctets));
        quotas.used(Resource::Connections) == 0
    })
    .await;
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    // One waits, and one was begun beside it.
    assert!(most < 4 << 20, "{most} octets of responses");
    unused(&quotas).await;
    node.stop().await;
}

#[tokio::test]
async fn idle_connections_end_if_that_is_wanted_but_not_with_handles_or_calls() {
    let options = ConnectionOptions { idle_timeout: Some(Duration::from_millis(300)), ..ConnectionOptions::default() };
    let node = node(SharedLimits::default(), ServerLimits::default(), options).await;
    let quotas = Arc::clone(node.server().quotas());
    let mut idle = Raw::bound(node.address(), source(1)).await.unwrap();
    let with_handle = connect(&node, source(1)).await;
    let handle = with_handle.trial_open(1).await.unwrap();
    let with_call = connect(&node, source(1)).await;
    let waiting = with_call.clone();
    let waiting = tokio::spawn(async move { waiting.trial_wait(5).await });
    assert_eq!(idle.answer().await, Answer::Closed);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(with_handle.trial_add(&handle, 1).await.unwrap(), 2);
    with_handle.trial_release(5).await.unwrap();
    waiting.await.unwrap().unwrap();
    with_handle.trial_close(Some(handle)).await.unwrap();
    // Now nothing keeps them.
    until("they have ended", || quotas.used(Resource::Connections) == 0).await;
    assert!(with_handle.trial_sum(vec![1]).await.is_err());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_calls_end_refuses_others_and_tells_clients() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let (quotas, trial) = (Arc::clone(node.server().quotas()), node.trial.clone());
    let busy = connect(&node, source(1)).await;
    busy.trial_open(1).await.unwrap();
    let waiting = busy.clone();
    let waiting = tokio::spawn(async move { waiting.trial_wait(1).await });
    until("a call waits", || trial.waiting() == 1).await;
    let mut idle = Raw::bound(node.address(), source(2)).await.unwrap();
    let address = node.address();
    let stopping = tokio::spawn(node.stop());
    assert_eq!((idle.answer().await, idle.answer().await), (Answer::Shutdown, Answer::Closed));
    until("no more connections come in", || std::net::TcpStream::connect(address).is_err()).await;
    // The one in progress goes on; others may be made elsewhere.
    assert!(too_busy(busy.trial_sum(vec![1]).await));
    trial.release(1);
    waiting.await.unwrap().unwrap();
    stopping.await.unwrap();
    let ended = busy.trial_sum(vec![1]).await;
    assert!(matches!(ended, Err(CallError::Transport(_))), "{ended:?}");
    assert_eq!((trial.counters(), quotas.used(Resource::Connections), quotas.used(Resource::Calls)), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_within_the_grace_is_cut_off() {
    let (builder, _log, trial) = Node::builder(Demands::Nothing).unwrap();
    let server = builder.listen("ncacn_ip_tcp:127.0.0.1").await.unwrap().start().unwrap();
    let address = server.tcp_addresses()[0];
    let quotas = Arc::clone(server.quotas());
    trial.be_stubborn();
    let builder: ClientBuilder = client::at(address, None);
    let here = trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap());
    let gone = trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap());
    let calls = [here.clone(), gone.clone()].map(|client| tokio::spawn(async move { client.trial_wait(1).await }));
    until("both calls wait", || trial.waiting() == 2).await;
    // One of them nobody waits for any more.
    let [call, abandoned] = calls;
    abandoned.abort();
    drop(gone);
    until("its connection is gone", || quotas.used(Resource::Connections) == 1).await;
    assert_eq!(quotas.used(Resource::Calls), 2);
    let start = Instant::now();
    server.shutdown(Duration::from_millis(300)).await;
    assert!((250..4000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    let cut = call.await.unwrap();
    assert!(matches!(cut, Err(CallError::Transport(_))), "{cut:?}");
    assert_eq!((quotas.used(Resource::Calls), quotas.used(Resource::Connections)), (0, 0));
    assert_eq!(trial.dropped(), 2, "the futures of both calls are gone");
}

/// A provider whose steps wait for something outside: its only token lets everybody in.
struct Slow {
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Steps that wait now, and the most that ever did.
    waiting: Mutex<(usize, usize)>,
    open: Condvar,
    is_open: AtomicBool,
}

impl Gate {
    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
        self.open.notify_all();
    }

    fn pass(&self) {
        let mut waiting = self.waiting.lock().unwrap();
        waiting.0 += 1;
        waiting.1 = waiting.1.max(waiting.0);
        while !self.is_open.load(Ordering::SeqCst) {
            waiting = self.open.wait_timeout(waiting, Duration::from_millis(20)).unwrap().0;
        }
        waiting.0 -= 1;
    }

    fn waiting(&self) -> (usize, usize) {
        *self.waiting.lock().unwrap()
    }
}

impl SecurityContext for Slow {
    fn auth_type(&self) -> u8 {
        ntlm::AUTH_TYPE
    }

    fn may_block(&self) -> bool {
        true
    }

    fn step(&mut self, _token: &[u8]) -> Result<Step, AuthError> {
        self.gate.pass();
        Ok(Step { token: None, done: true })
    }

    fn token_len(&self, _level: AuthLevel, _stub_len: usize) -> usize {
        0
    }

    fn protect(&mut self, _level: AuthLevel, _pdu: PduParts<'_>, _token: &mut [u8]) -> Result<(), AuthError> {
        Ok(())
    }

    fn unprotect(&mut self, _level: AuthLevel, _pdu: PduParts<'_>, _token: &[u8]) -> Result<(), AuthError> {
        Ok(())
    }

    fn peer(&self) -> Option<PeerIdentity> {
        None
    }

    fn session_key(&self) -> Option<SessionKey> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_providers_that_wait_take_turns_and_one_client_leaves_some_to_others() {
    let limits = SharedLimits { provider_steps: Allowance::new(3, 2), ..SharedLimits::default() };
    let gate = Arc::new(Gate::default());
    let theirs = Arc::clone(&gate);
    let accept = move |_| Box::new(Slow { gate: Arc::clone(&theirs) }) as Box<dyn SecurityContext>;
    let server = Server::builder()
        .service(trial::Service::new(Trial::default()))
        .acceptor(AcceptorFn::new(ntlm::AUTH_TYPE, accept))
        .shared_limits(limits)
        .listen("ncacn_ip_tcp:127.0.0.1");
    let server = server.await.unwrap().start().unwrap();
    let address = server.tcp_addresses()[0];
    let logon = async |from| {
        let mut raw = Raw::connect(address, source(from)).await.unwrap();
        raw.send(&raw::bind_ntlm(PduType::Bind, 1)).await.unwrap();
        raw
    };
    let mut greedy = Vec::new();
    for _ in 0..10 {
        greedy.push(logon(1).await);
    }
    until("two steps wait", || gate.waiting().0 == 2).await;
    let mut modest = logon(2).await;
    until("another client has its turn", || gate.waiting().0 == 3).await;
    // Whoever goes away does not keep its turn.
    let gone = greedy.split_off(5);
    drop(gone);
    // Those without authentication do not wait at all.
    Raw::bound(address, source(1)).await.unwrap();
    assert_eq!(gate.waiting(), (3, 3));
    gate.open();
    assert_eq!(modest.answer().await, Answer::Ack);
    for raw in &mut greedy {
        assert_eq!(raw.answer().await, Answer::Ack);
    }
    assert!(gate.waiting().1 <= 3);
    let quotas = Arc::clone(server.quotas());
    drop((greedy, modest));
    unused(&quotas).await;
    server.shutdown(Duration::from_secs(5)).await;
}

/// The error of a method is no limit.
#[tokio::test]
async fn an_answer_that_is_an_error_takes_nothing() {
    let node = limited(SharedLimits { calls: Allowance::new(1, 1), ..SharedLimits::default() }).await;
    let quotas = Arc::clone(node.server().quotas());
    let client = connect(&node, source(1)).await;
    for _ in 0..3 {
        let error = client.trial_fail(5).await.unwrap_err();
        assert_eq!(error.status(), Some(&Win32Error(5)));
        assert!(client.trial_fault(0x1c00_001c).await.is_err());
    }
    drop(client);
    unused(&quotas).await;
    node.stop().await;
}

//! Calls that are given up: at every step of a conversation, and in every state of a call. Whatever is
//! given up, the next call works, nothing is left, and other calls are not disturbed.
#![allow(missing_docs)]

mod assoc;
mod loss;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use loss::{
    DEAF, Dribble, ECHO, FLOOD, INTERFACE, Mode, OPEN, OTHER, PANIC, PANIC_LATER, PANIC_STREAM, Pieces, SINK, SOURCE,
    STUBBORN, Server, WAIT, call, dropped_after, echoed, pattern, turns,
};
use msrpc::client::BoundChannel;
use msrpc_ndr::{Body, Channel, ChannelError, Fault};

const MODES: [Mode; 5] = [
    Mode::PLAIN,
    Mode::SEALED,
    Mode { room: 300, ..Mode::SEALED },
    Mode { multiplexed: false, ..Mode::SEALED },
    Mode { keep: false, ..Mode::SEALED },
];

async fn works(channel: &BoundChannel, what: &str) {
    let answer = call(channel, ECHO, pattern(5000)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(echoed(&answer, &pattern(5000)), "{what}");
}

/// Calls of each kind, one after the other.
async fn converse(channel: BoundChannel) -> Result<(), ChannelError> {
    call(&channel, ECHO, pattern(3000)).await?;
    call(&channel, OPEN, Body::empty()).await?;
    // Longer than anybody holds, in both directions.
    call(&channel, ECHO, Pieces::body(40_000)).await?;
    let mut body = channel.call(SOURCE, Body::empty()).await?.body;
    for _ in 0..3 {
        body.next().await.transpose()?;
    }
    drop(body);
    call(&channel, SINK, Pieces::body(30_000)).await?;
    channel.bind(&OTHER).await.map_err(|error| panic!("{error}")).ok();
    Ok(())
}

#[tokio::test]
async fn after_a_conversation_is_dropped_at_any_step_the_next_call_works() {
    for mode in MODES {
        let server = Server::new();
        // Each of the first steps, and then fewer.
        let steps = std::iter::successors(Some(0), |step| Some(step + 1 + step / 10));
        for step in steps {
            let what = format!("{mode:?} dropped at step {step}");
            server.counts.permits.add_permits(1);
            let (channel, served) = server.connect(mode).await.unwrap();
            let conversation = Box::pin(converse(channel.clone()));
            let over = tokio::spawn(dropped_after(step, conversation)).await.unwrap();
            if let Some(Err(error)) = &over {
                panic!("{what}: {error}");
            }
            let died = call(&channel, ECHO, pattern(5000)).await;
            match died {
                Ok(answer) => assert!(echoed(&answer, &pattern(5000)), "{what}"),
                // Where an orphaned PDU ends the connection, it says so from then on.
                Err(error) => {
                    assert!(!mode.keep, "{what}: {error}");
                    assert!(matches!(error, ChannelError::Transport(_)), "{what}: {error}");
                }
            }
            if mode.keep {
                let again = tokio::time::timeout(Duration::from_secs(20), channel.bind(&OTHER)).await;
                again.unwrap_or_else(|_| panic!("{what}: hangs")).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(channel.connection().inspect(|association| association.pending_calls()), 0, "{what}");
            }
            drop(channel);
            server.settled(&what).await;
            assert!(served.is_finished());
            server.counts.permits.forget_permits(1);
            if over.is_some() {
                assert!(step > 60, "{what}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn connecting_that_is_dropped_at_any_step_leaves_nothing() {
    for mode in MODES {
        let server = Server::new();
        for step in 0.. {
            let (near, far) = msrpc::transport::memory::pair(mode.room);
            server.serve(far);
            let builder = Server::builder(mode);
            let connecting = Box::pin(async move { builder.bind(Dribble::new(near, 10), &INTERFACE).await.map(drop) });
            let over = tokio::spawn(dropped_after(step, connecting)).await.unwrap();
            if let Some(Err(error)) = &over {
                panic!("dropped at step {step}: {error}");
            }
            server.settled(&format!("{mode:?} dropped at step {step}")).await;
            if over.is_some() {
                assert!(step > 12, "{step}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_server_and_others_go_on() {
    for mode in MODES {
        let server = Server::new();
        let (channel, _served) = server.connect(mode).await.unwrap();
        if mode.multiplexed {
            let others: Vec<_> = (0..5)
                .map(|n| {
                    let channel = channel.clone();
                    tokio::spawn(async move { call(&channel, STUBBORN, pattern(n * 2000)).await })
                })
                .collect();
            turns(200).await;
            let dropped = tokio::time::timeout(Duration::from_millis(5), call(&channel, WAIT, pattern(9000))).await;
            assert!(dropped.is_err());
            works(&channel, "beside it").await;
            assert_eq!(server.counts.cancelled.load(SeqCst), 1, "{mode:?}");
            server.counts.permits.add_permits(5);
            for (n, other) in others.into_iter().enumerate() {
                assert!(echoed(&other.await.unwrap().unwrap(), &pattern(n * 2000)));
            }
        } else {
            let dropped = tokio::time::timeout(Duration::from_millis(5), call(&channel, WAIT, pattern(9000))).await;
            assert!(dropped.is_err());
            works(&channel, "behind it").await;
            assert_eq!(server.counts.cancelled.load(SeqCst), 1, "{mode:?}");
        }
        drop(channel);
        server.settled(&format!("{mode:?}")).await;
    }
}

#[tokio::test]
async fn a_response_that_nobody_reads_any_more_is_orphaned() {
    let opnums = [SOURCE, FLOOD];
    for (mode, opnum) in MODES.into_iter().flat_map(|mode| opnums.map(|opnum| (mode, opnum))) {
        let server = Server::new();
        let (channel, _served) = server.connect(mode).await.unwrap();
        let mut body = channel.call(opnum, Body::empty()).await.unwrap().body;
        assert_eq!(body.next().await.unwrap().unwrap().len() % 8, 0);
        assert_eq!(server.counts.running.load(SeqCst), 1);
        drop(body);
        let sent = || server.config.metrics.snapshot().octets_sent;
        let before = sent();
        works(&channel, "behind it").await;
        // What was on its way, and not much more: the server hears the client while it sends.
        let since = sent() - before;
        assert!(since < 200_000, "{mode:?} {opnum}: {since} octets");
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let counts = &server.counts;
        assert_eq!((counts.running.load(SeqCst), counts.cancelled.load(SeqCst)), (0, 1), "{mode:?}");
        assert_eq!(channel.connection().inspect(|association| association.pending_calls()), 0, "{mode:?}");
        drop(channel);
        server.settled(&format!("{mode:?}")).await;
    }
}

#[tokio::test]
async fn a_response_that_is_cut_fails_at_its_reader_and_a_request_at_its_writer() {
    for mode in MODES {
        let server = Server::new();
        let (channel, served) = server.connect(mode).await.unwrap();
        let mut body = channel.call(SOURCE, Body::empty()).await.unwrap().body;
        body.next().await.unwrap().unwrap();
        let bound = channel.clone();
        let sending = tokio::spawn(async move { call(&bound, SINK, Pieces::body(10_000_000)).await });
        turns(20).await;
        served.abort();
        let limit = Duration::from_secs(20);
        let rest = tokio::time::timeout(limit, body.collect(usize::MAX)).await.expect("it ends");
        assert!(rest.unwrap_err().to_string().contains("ended"), "{mode:?}");
        let sent = tokio::time::timeout(limit, sending).await.expect("it ends").unwrap();
        assert!(matches!(sent, Err(ChannelError::Transport(_))), "{mode:?}: {sent:?}");
        let next = call(&channel, ECHO, Body::empty()).await;
        assert!(matches!(next, Err(ChannelError::Transport(_))), "{mode:?}: {next:?}");
        // The stream is closed although the channel is still there.
        server.settled(&format!("{mode:?}")).await;
    }
}

/// A response that goes through as it comes for 20,000 octets, and then a fragment every four
/// seconds, or nothing at all.
async fn slow_response(trickles: bool) {
    let server = Server::new();
    let (near, mut middle) = msrpc::transport::memory::pair(100_000);
    let (mut behind, far) = msrpc::transport::memory::pair(100_000);
    let served = server.serve(far);
    let relay = tokio::spawn(async move {
        let (mut near, mut far) = (tokio::io::split(&mut middle), tokio::io::split(&mut behind));
        let through = async {
            let mut some = tokio::io::AsyncReadExt::take(&mut far.0, 20_000);
            tokio::io::copy(&mut some, &mut near.1).await.unwrap();
            // It stays open.
            if !trickles {
                std::future::pending::<()>().await;
            }
            loop {
                tokio::time::sleep(Duration::from_secs(4)).await;
                some.set_limit(6_000);
                tokio::io::copy(&mut some, &mut near.1).await.unwrap();
            }
        };
        tokio::join!(through, async { tokio::io::copy(&mut near.0, &mut far.1).await.unwrap() });
    });
    let channel = Server::builder(Mode::PLAIN).bind(near, &INTERFACE).await.unwrap();
    let impatient = channel.with_timeout(Some(Duration::from_secs(5)));
    let body = impatient.call(SOURCE, Body::empty()).await.unwrap().body;
    let begun = tokio::time::Instant::now();
    let error = body.collect(usize::MAX).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("Source"), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 5, "trickles: {trickles}");
    drop(impatient);
    relay.abort();
    let _ = (relay.await, served.await);
    server.settled("behind it").await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_stops_half_way_times_out() {
    slow_response(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_trickles_times_out() {
    slow_response(true).await;
}

#[tokio::test]
async fn a_response_outlives_the_channel_that_it_came_from() {
    let server = Server::new();
    let (channel, _served) = server.connect(Mode::PLAIN).await.unwrap();
    let body = channel.call(ECHO, pattern(100_000).into()).await.unwrap().body;
    assert!(!body.is_complete());
    drop(channel);
    assert_eq!(body.collect(usize::MAX).await.unwrap(), pattern(100_000));
    server.settled("behind it").await;
}

#[tokio::test]
async fn a_handle_that_is_opened_for_nobody_is_closed() {
    for mode in [Mode::PLAIN, Mode::SEALED] {
        let server = Server::new();
        let (first, _served) = server.connect(mode).await.unwrap();
        let (near, far) = msrpc::transport::memory::pair(mode.room);
        let gone = server.serve(far);
        let builder = Server::builder(mode).group(first.connection().group());
        let second = builder.bind(near, &INTERFACE).await.unwrap();
        // The connection ends while the method runs; its group lives on.
        let opening = tokio::spawn(async move { call(&second, OPEN, Body::empty()).await });
        turns(100).await;
        opening.abort();
        while !gone.is_finished() {
            tokio::task::yield_now().await;
        }
        server.counts.permits.add_permits(1);
        turns(100).await;
        let counts = &server.counts;
        assert_eq!((counts.opened.load(SeqCst), counts.closed.load(SeqCst)), (1, 1), "{mode:?}");
        works(&first, "the group's other connection").await;
        drop(first);
        server.settled(&format!("{mode:?}")).await;
    }
}

#[tokio::test]
async fn methods_that_panic_end_in_a_fault_and_nothing_else_does() {
    for mode in MODES {
        let server = Server::new();
        let (channel, _served) = server.connect(mode).await.unwrap();
        for opnum in [PANIC, PANIC_LATER, PANIC_STREAM] {
            let ended = call(&channel, opnum, pattern(100)).await;
            let fault = match &ended {
                Err(ChannelError::Fault(fault)) => Some(*fault),
                Err(ChannelError::Transport(error)) => error.fault(),
                _ => None,
            };
            assert_eq!(fault, Some(Fault::UNSPECIFIED), "{mode:?} {opnum}: {ended:?}");
            works(&channel, "behind it").await;
        }
        drop(channel);
        server.settled(&format!("{mode:?}")).await;
    }
}

#[tokio::test]
async fn a_method_that_never_ends_keeps_nothing_but_itself() {
    let server = Server::new();
    let (channel, served) = server.connect(Mode::SEALED).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(5), call(&channel, STUBBORN, pattern(100))).await;
    assert!(dropped.is_err());
    works(&channel, "beside it").await;
    drop(channel);
    served.await.unwrap().unwrap();
    assert_eq!(server.counts.running.load(SeqCst), 1);
    assert!(server.config.groups.is_empty());
    server.counts.permits.add_permits(1);
    server.settled("once it has ended").await;
}

#[tokio::test]
async fn a_method_that_does_not_read_its_request_learns_that_the_call_was_dropped() {
    let server = Server::new();
    let (channel, _served) = server.connect(Mode::SEALED).await.unwrap();
    // As much as the server takes without it: what is behind that, the server cannot know.
    let dropped = tokio::time::timeout(Duration::from_millis(5), call(&channel, DEAF, pattern(12_000))).await;
    assert!(dropped.is_err());
    works(&channel, "behind it").await;
    assert_eq!(server.counts.cancelled.load(SeqCst), 1);
    drop(channel);
    server.settled("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn time_runs_out_in_each_part_of_a_call() {
    for mode in [Mode::PLAIN, Mode::SEALED] {
        let server = Server::new();
        let (channel, _served) = server.connect(mode).await.unwrap();
        let impatient = channel.clone().with_timeout(Some(Duration::from_secs(1)));
        let timed_out = |outcome: Result<Bytes, ChannelError>| match outcome {
            Err(ChannelError::Transport(error)) => assert!(error.is_timeout(), "{error}"),
            other => panic!("{other:?}"),
        };
        timed_out(call(&impatient, WAIT, Body::empty()).await);
        timed_out(call(&impatient, STUBBORN, Body::empty()).await);
        let stalled = Body::from_stream(Stalled(Some(pattern(3000))));
        timed_out(call(&impatient, SINK, stalled).await);
        works(&impatient, "behind them").await;
        server.counts.permits.add_permits(1);
        drop((channel, impatient));
        server.settled(&format!("{mode:?}")).await;
    }
}

/// Gives a chunk, and then nothing, without end.
struct Stalled(Option<Bytes>);

impl futures_core::Stream for Stalled {
    type Item = Result<Bytes, msrpc_ndr::TransportError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.take().map_or(std::task::Poll::Pending, |chunk| std::task::Poll::Ready(Some(Ok(chunk))))
    }
}

//! Many calls at once on one connection, some of them given up and some connections cut, in an order
//! that chance decides; a failure names the steps. About five seconds.
#![allow(missing_docs)]

mod assoc;
mod loss;

use bytes::Bytes;
use loss::{
    DEAF, Dribble, ECHO, INTERFACE, Mode, OPEN, OTHER, PANIC_LATER, Pieces, SINK, SOURCE, STUBBORN, Server, WAIT, call,
    echoed, pattern, turns,
};
use msrpc::{client::BoundChannel, transport::memory};
use msrpc_ndr::{Body, Channel, ChannelError, Fault};
use proptest::prelude::*;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Echo(usize),
    /// A request that comes in pieces.
    Piped(usize),
    Sink(usize),
    Stubborn(usize),
    Open,
    Wait,
    Deaf(usize),
    /// Reads so many chunks of a response without end.
    Source(usize),
    Panic,
    Bind,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(Kind),
    /// Gives up one of those that have begun.
    Drop(prop::sample::Index),
    /// Lets a stubborn one go.
    Release,
    Turns(usize),
    /// Ends the stream.
    Cut,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (0..20_000_usize).prop_map(Kind::Echo),
        (0..30_000_usize).prop_map(Kind::Piped),
        (0..30_000_usize).prop_map(Kind::Sink),
        (0..20_000_usize).prop_map(Kind::Stubborn),
        Just(Kind::Open),
        Just(Kind::Wait),
        (0..12_000_usize).prop_map(Kind::Deaf),
        (1..5_usize).prop_map(Kind::Source),
        Just(Kind::Panic),
        Just(Kind::Bind),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => kind().prop_map(Step::Begin),
        3 => any::<prop::sample::Index>().prop_map(Step::Drop),
        1 => Just(Step::Release),
        4 => (0..40_usize).prop_map(Step::Turns),
    ]
}

/// Steps, and after how many of them the stream is cut, if at all.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cut = prop::option::weighted(0.3, any::<prop::sample::Index>());
    (prop::collection::vec(step(), 1..40), cut).prop_map(|(mut steps, cut)| {
        if let Some(at) = cut {
            steps.insert(at.index(steps.len() + 1), Step::Cut);
        }
        steps
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    let seal = prop_oneof![Just(Mode::PLAIN), Just(Mode::SEALED), Just(Mode::NTLM)];
    let room = prop_oneof![Just(200), Just(2000), Just(50_000)];
    (seal, prop::bool::weighted(0.8), prop::bool::weighted(0.8), room)
        .prop_map(|(seal, multiplexed, keep, room)| Mode { multiplexed, keep, room, ..seal })
}

/// Makes a call, and looks whether its answer is right.
async fn run(channel: BoundChannel, kind: Kind) -> Result<(), ChannelError> {
    let same = |answer: Bytes, len| assert!(echoed(&answer, &pattern(len)), "{kind:?}: {} octets", answer.len());
    match kind {
        Kind::Echo(len) => same(call(&channel, ECHO, pattern(len)).await?, len),
        Kind::Stubborn(len) => same(call(&channel, STUBBORN, pattern(len)).await?, len),
        Kind::Piped(len) => {
            let answer = call(&channel, ECHO, Pieces::body(len)).await?;
            assert_eq!(answer.len().next_multiple_of(4), len.next_multiple_of(4), "{kind:?}");
        }
        Kind::Sink(len) => {
            let answer = call(&channel, SINK, Pieces::body(len)).await?;
            let counted: usize = std::str::from_utf8(&answer).unwrap().trim_end_matches('\0').parse().unwrap();
            assert!((len..len + 4).contains(&counted), "{kind:?}: {counted}");
        }
        Kind::Open => assert_eq!(call(&channel, OPEN, Body::empty()).await?.len(), 16),
        Kind::Wait => panic!("{:?}", call(&channel, WAIT, Body::empty()).await.map(drop)?),
        Kind::Deaf(len) => panic!("{:?}", call(&channel, DEAF, pattern(len)).await.map(drop)?),
        Kind::Source(chunks) => {
            let mut body = channel.call(SOURCE, Body::empty()).await?.body;
            for _ in 0..chunks {
                body.next().await.transpose()?.expect("it has no end");
            }
        }
        Kind::Panic => {
            let ended = call(&channel, PANIC_LATER, Body::empty()).await;
            return match ended {
                Err(ChannelError::Fault(Fault::UNSPECIFIED)) => Ok(()),
                other => other.map(|_| panic!("no fault")),
            };
        }
        Kind::Bind => {
            let bound = channel.bind(&OTHER).await;
            bound
                .map(drop)
                .map_err(|error| ChannelError::Transport(msrpc_ndr::TransportError::new(error.to_string())))?;
        }
    }
    Ok(())
}

/// Waits for a call that has to end now.
async fn ended(what: &str, mut task: JoinHandle<Result<(), ChannelError>>) -> Option<Result<(), ChannelError>> {
    for _ in 0..100_000 {
        if task.is_finished() {
            return match (&mut task).await {
                Ok(outcome) => Some(outcome),
                Err(error) if error.is_cancelled() => None,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
        }
        tokio::task::yield_now().await;
    }
    panic!("{what} hangs");
}

async fn play(mode: Mode, steps: &[Step]) {
    let server = Server::new();
    let (near, far) = memory::pair(mode.room);
    let served = server.serve(far);
    let builder = Server::builder(mode);
    let channel = builder.bind(Dribble::new(near, mode.room / 4), &INTERFACE).await.unwrap();
    let mut calls: Vec<(Kind, JoinHandle<_>)> = Vec::new();
    let mut cut = false;
    for step in steps {
        match *step {
            Step::Begin(kind) => calls.push((kind, tokio::spawn(run(channel.clone(), kind)))),
            Step::Drop(_) if calls.is_empty() => {}
            Step::Drop(index) => index.get(&calls).1.abort(),
            Step::Release => server.counts.permits.add_permits(1),
            Step::Turns(count) => turns(count).await,
            Step::Cut => {
                served.abort();
                cut = true;
            }
        }
    }
    // Who waits would wait for ever; others may wait for it.
    calls.iter().filter(|(kind, _)| matches!(kind, Kind::Wait | Kind::Deaf(_))).for_each(|(_, task)| task.abort());
    server.counts.permits.add_permits(calls.len());
    let mut broke = false;
    for (kind, task) in calls {
        match ended(&format!("{kind:?}"), task).await {
            None | Some(Ok(())) => {}
            Some(Err(ChannelError::Transport(error))) => {
                assert!(cut || !mode.keep, "{kind:?}: {error}");
                broke = true;
            }
            Some(Err(error)) => panic!("{kind:?}: {error}"),
        }
    }
    let next = tokio::spawn(run(channel.clone(), Kind::Echo(5000)));
    match ended("the next call", next).await {
        Some(Ok(())) => assert!(!cut, "the connection has been cut"),
        Some(Err(ChannelError::Transport(error))) => assert!(cut || !mode.keep, "{error}"),
        other => panic!("{other:?}"),
    }
    let pending = || channel.connection().inspect(|association| association.pending_calls());
    for _ in 0..10_000 {
        if pending() == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(pending(), 0, "calls that the client still knows; broken: {broke}");
    drop(channel);
    server.settled("at the end").await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_given_up_the_others_are_answered_and_nothing_is_left(mode in mode(), steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(mode, &steps));
    }
}

//! The task that owns the state machine.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use msrpc_cluster::fsrvp::server::{
    self, Action, Agent, CallId, Effect, Failure, Input, Now, OpId, Outcome, Output, Reply, SetRecord,
};
use msrpc_ndr::HResult;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

use super::{actions::Actions, agent::Message};

/// How long a deletion waits for a cancelled effect to let go.
const LET_GO: Duration = Duration::from_secs(10);

/// The state machine, and what runs for it.
pub(super) struct Task {
    agent: Agent,
    actions: Actions,
    began: Instant,
    inbox: mpsc::Receiver<Message>,
    stopping: watch::Receiver<bool>,
    answers: HashMap<CallId, oneshot::Sender<Result<Reply, HResult>>>,
    next_call: u64,
    /// Effects under way.
    running: HashMap<OpId, JoinHandle<()>>,
    /// Which of them put records: they are not cut off by a stop.
    puts: HashSet<OpId>,
    done: mpsc::UnboundedSender<(OpId, Outcome)>,
    completions: mpsc::UnboundedReceiver<(OpId, Outcome)>,
}

impl Task {
    /// Must be called within a tokio runtime.
    pub(super) fn new(
        actions: Actions,
        config: server::Config,
        records: Vec<SetRecord>,
        inbox: mpsc::Receiver<Message>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (done, completions) = mpsc::unbounded_channel();
        let began = Instant::now();
        let (agent, output) = Agent::restore(config, records, now(began));
        let mut task = Self {
            agent,
            actions,
            began,
            inbox,
            stopping,
            answers: HashMap::new(),
            next_call: 0,
            running: HashMap::new(),
            puts: HashSet::new(),
            done,
            completions,
        };
        task.carry_out(output);
        task
    }

    /// Serves until it is stopped or nobody can call any more.
    pub(super) async fn run(mut self, ready: oneshot::Sender<()>) {
        let (snapshots, shares) = self.actions.list().await;
        let output = self.agent.swept(snapshots, shares, now(self.began));
        self.carry_out(output);
        self.clean().await;
        let _ = ready.send(());
        while self.step().await {}
        self.end().await;
    }

    /// Waits until what a crash left is deleted, or for as long as a start may take.
    async fn clean(&mut self) {
        let until = Instant::now() + self.actions.limits().start;
        while !self.agent.is_clean(now(self.began)) {
            tokio::select! {
                Some((op, outcome)) = self.completions.recv() => self.completed(op, outcome),
                () = sleep_until(until) => {
                    tracing::warn!("what a crash left is not deleted yet: serving all the same");
                    return;
                }
            }
        }
    }

    /// Takes one input; `false` if it is time to end.
    async fn step(&mut self) -> bool {
        let due = self.agent.deadline().map(|deadline| self.began + deadline);
        let tick = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Completions first: who comes in time is in time.
            biased;
            () = stopped(&mut self.stopping) => return false,
            Some((op, outcome)) = self.completions.recv() => self.completed(op, outcome),
            message = self.inbox.recv() => match message {
                None => return false,
                Some(message) => self.request(message),
            },
            () = tick => {
                let output = self.agent.handle(Input::Tick, now(self.began));
                self.carry_out(output);
            }
        }
        true
    }

    fn request(&mut self, Message { from, request, answer }: Message) {
        let call = CallId(self.next_call);
        self.next_call += 1;
        tracing::debug!(?call, ?from, ?request, "request");
        self.answers.insert(call, answer);
        let input = Input::Request { call, from, request, fresh: Uuid::new_v4() };
        let output = self.agent.handle(input, now(self.began));
        self.carry_out(output);
    }

    fn completed(&mut self, op: OpId, outcome: Outcome) {
        self.running.remove(&op);
        self.puts.remove(&op);
        let output = self.agent.handle(Input::Completed { op, outcome }, now(self.began));
        self.carry_out(output);
    }

    fn carry_out(&mut self, output: Output) {
        for effect in output.effects {
            match effect {
                Effect::Run { op, action, after } => self.start(op, action, after),
                Effect::Cancel(op) => {
                    if let Some(handle) = self.running.get(&op) {
                        handle.abort();
                    }
                }
            }
        }
        for (call, reply) in output.replies {
            tracing::debug!(?call, ?reply, "reply");
            if let Some(answer) = self.answers.remove(&call) {
                // Who has gone away does not want to know.
                let _ = answer.send(reply);
            }
        }
    }

    fn start(&mut self, op: OpId, action: Action, after: Option<OpId>) {
        let (name, limit) = self.actions.limit(&action);
        if matches!(action, Action::Put { .. }) {
            self.puts.insert(op);
        }
        let before = after.and_then(|after| self.running.remove(&after));
        let actions = self.actions.clone();
        let failed = match action {
            Action::LookUp { .. } => Outcome::Found(Err(Failure::WaitFailed)),
            _ => Outcome::Done(Err(Failure::WaitFailed)),
        };
        let mut report = Report { op, name, outcome: Some(failed), done: self.done.clone() };
        self.running.insert(
            op,
            tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = timeout(LET_GO, before).await;
                }
                match timeout(limit, actions.run(action)).await {
                    Ok(outcome) => report.outcome = Some(outcome),
                    Err(_) => tracing::error!("could not {name}: it does not come to an end within {limit:?}"),
                }
                report.send();
            }),
        );
    }

    /// Cancels what runs, but lets records be put.
    async fn end(mut self) {
        self.inbox.close();
        for (op, handle) in std::mem::take(&mut self.running) {
            if self.puts.contains(&op) {
                // Their own limit ends them.
                let _ = handle.await;
            } else {
                handle.abort();
            }
        }
    }
}

/// Tells how an effect ended, even of one that panics.
struct Report {
    op: OpId,
    name: &'static str,
    /// What it will have been.
    outcome: Option<Outcome>,
    done: mpsc::UnboundedSender<(OpId, Outcome)>,
}

impl Report {
    fn send(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            // Nobody listens any more once the server ends.
            let _ = self.done.send((self.op, outcome));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("could not {}: it crashed", self.name);
        }
        self.send();
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn now(began: Instant) -> Now {
    Now { monotonic: began.elapsed(), wall: SystemTime::now().into() }
}

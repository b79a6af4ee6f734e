//! The task of one resource.

use std::{collections::HashMap, sync::Arc, time::Duration};

use msrpc_cluster::cluster::{
    host::{HostError, Instance, ResourceSpec, ResourceType},
    machine::{CallId, Command, HostAction, HostCall},
    registry::Name,
    status,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Limits,
    attempt::{End, attempt, caught, within},
    mailbox::{Control, Incoming, Mailbox, Message},
};

/// What is known of the instance.
enum State {
    /// Nothing of it runs.
    Down,
    /// It is online.
    Up(Running),
    /// Something of it may run.
    Unsure,
}

struct Running {
    call: CallId,
    looks_alive: Poll,
    is_alive: Poll,
}

/// When something is due again, if ever.
struct Poll {
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl Poll {
    fn every(interval: Option<Duration>) -> Self {
        let mut poll = Self { interval, due: None };
        poll.restart();
        poll
    }

    fn restart(&mut self) {
        self.due = self.interval.and_then(|interval| Instant::now().checked_add(interval));
    }
}

pub(super) struct Actor {
    types: Arc<HashMap<Name, Arc<dyn ResourceType>>>,
    events: mpsc::UnboundedSender<Command>,
    limits: Limits,
    mailbox: Arc<Mailbox>,
    /// The instance, and the name of the type that made it.
    instance: Option<(Name, Box<dyn Instance>)>,
    state: State,
    /// The resource's name, for the log.
    name: String,
}

/// The message that came in between, if one did.
type Next = Option<Message>;

impl Actor {
    pub(super) fn new(
        types: Arc<HashMap<Name, Arc<dyn ResourceType>>>,
        events: mpsc::UnboundedSender<Command>,
        limits: Limits,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self { types, events, limits, mailbox, instance: None, state: State::Down, name: String::new() }
    }

    /// Does what it is told until it is told to close. Its future is small while it waits, which is
    /// almost always: all else is in boxes.
    pub(super) async fn run(mut self) {
        let mut next = None;
        let grace = loop {
            next = match next {
                None => self.idle().await,
                Some(Message::Call(call, resource)) => Box::pin(self.newest(call, resource)).await,
                Some(Message::Close(grace)) => break grace,
            };
        };
        Box::pin(self.end(grace)).await;
    }

    /// Waits for something to do, and looks after the instance meanwhile.
    async fn idle(&mut self) -> Next {
        let (State::Up(running), Some((_, instance))) = (&mut self.state, &mut self.instance) else {
            return match self.mailbox.next().await {
                Incoming::Message(message) => Some(message),
                Incoming::Control(control) => Box::pin(self.control(control)).await,
            };
        };
        let due = running.looks_alive.due.into_iter().chain(running.is_alive.due).min();
        let waiting = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            incoming = self.mailbox.next() => match incoming {
                Incoming::Message(message) => Some(message),
                Incoming::Control(control) => Box::pin(self.control(control)).await,
            },
            error = caught(instance.failed()) => {
                let panicked = || HostError::new(status::ERROR_RESOURCE_FAILED, "watching it panicked");
                Box::pin(self.failed(error.unwrap_or_else(panicked))).await;
                None
            }
            () = waiting => Box::pin(self.look()).await,
        }
    }

    /// Looks whether the instance works.
    async fn look(&mut self) -> Next {
        let (State::Up(running), Some((_, instance))) = (&mut self.state, &mut self.instance) else {
            return None;
        };
        let closely = running.is_alive.due.is_some_and(|due| due <= Instant::now());
        let limit = self.limits.check;
        let end = if closely {
            attempt(&self.mailbox, "IsAlive", limit, instance.is_alive()).await
        } else {
            attempt(&self.mailbox, "LooksAlive", limit, instance.looks_alive()).await
        };
        match end {
            End::Interrupted(message) => return Some(message),
            End::Done(Err(error)) => self.failed(error).await,
            End::Done(Ok(())) => {
                // A close look is a cheap one as well.
                running.looks_alive.restart();
                if closely {
                    running.is_alive.restart();
                }
            }
        }
        None
    }

    /// The instance does not work any more.
    async fn failed(&mut self, error: HostError) {
        let State::Up(Running { call, .. }) = std::mem::replace(&mut self.state, State::Unsure) else { return };
        tracing::warn!(resource = %self.name, %error, "a resource has failed");
        self.tell(Command::HostFailed { call, error: error.status.0 });
        self.clean_up().await;
    }

    /// Carries out a call, or the newest of those that have come meanwhile.
    async fn newest(&mut self, mut call: HostCall, mut resource: Box<ResourceSpec>) -> Next {
        while let Some(message) = self.mailbox.try_message() {
            self.abort(&call);
            if call.action == HostAction::Terminate && !matches!(self.state, State::Down) {
                // Whatever is wanted now, good order is not any more.
                self.state = State::Unsure;
            }
            match message {
                Message::Call(newer, its) => (call, resource) = (newer, its),
                close => return Some(close),
            }
        }
        self.name.clone_from(&resource.name);
        match call.action {
            HostAction::Online => self.online(&call, &resource).await,
            HostAction::Offline => self.offline(&call, &resource).await,
            HostAction::Terminate => {
                let done = self.terminate().await;
                self.done(&call, done);
                None
            }
        }
    }

    async fn online(&mut self, call: &HostCall, resource: &ResourceSpec) -> Next {
        if let Err(error) = self.terminate().await {
            self.done(call, Err(error));
            return None;
        }
        match self.open(resource).await {
            End::Interrupted(message) => return self.interrupted(call, message),
            End::Done(Err(error)) => {
                self.done(call, Err(error));
                return None;
            }
            End::Done(Ok(())) => {}
        }
        let Some((_, instance)) = &mut self.instance else { return None };
        self.state = State::Unsure;
        let end = attempt(&self.mailbox, "Online", resource.pending_timeout, instance.online(resource)).await;
        let up = State::Up(Running {
            call: call.call,
            looks_alive: Poll::every(resource.looks_alive),
            is_alive: Poll::every(resource.is_alive),
        });
        self.settle(call, end, up).await
    }

    async fn offline(&mut self, call: &HostCall, resource: &ResourceSpec) -> Next {
        let (State::Up(_), Some((_, instance))) = (&self.state, &mut self.instance) else {
            // What was left half-way is not taken offline in good order.
            let done = self.terminate().await;
            self.done(call, done);
            return None;
        };
        self.state = State::Unsure;
        let end = attempt(&self.mailbox, "Offline", resource.pending_timeout, instance.offline()).await;
        self.settle(call, end, State::Down).await
    }

    /// Answers a call, which leads to a state if it has succeeded.
    async fn settle(&mut self, call: &HostCall, end: End<()>, state: State) -> Next {
        match end {
            End::Interrupted(message) => return self.interrupted(call, message),
            End::Done(Ok(())) => {
                self.state = state;
                self.done(call, Ok(()));
            }
            End::Done(Err(error)) => {
                self.done(call, Err(error));
                self.clean_up().await;
            }
        }
        None
    }

    /// Ends whatever of the instance runs. Not interrupted: nothing is begun before it is done.
    async fn terminate(&mut self) -> Result<(), HostError> {
        if matches!(self.state, State::Down) {
            return Ok(());
        }
        self.state = State::Unsure;
        if let Some((_, instance)) = &mut self.instance {
            within("Terminate", self.limits.terminate, instance.terminate()).await?;
        }
        self.state = State::Down;
        Ok(())
    }

    /// Terminates where nobody waits for the outcome. If it fails, whatever is next tries again.
    async fn clean_up(&mut self) {
        if let Err(error) = self.terminate().await {
            tracing::warn!(resource = %self.name, %error, "a resource could not be terminated");
        }
    }

    /// Sees that there is an instance of the right type.
    async fn open(&mut self, resource: &ResourceSpec) -> End<()> {
        if self.instance.as_ref().is_some_and(|(name, _)| *name == resource.resource_type) {
            return End::Done(Ok(()));
        }
        self.close().await;
        let Some(host) = self.types.get(&resource.resource_type) else {
            let message = format!("no host here knows resources of type {:?}", resource.resource_type);
            return End::Done(Err(HostError::new(status::ERROR_RESMON_CREATE_FAILED, message)));
        };
        match attempt(&self.mailbox, "Open", self.limits.check, host.open(resource)).await {
            End::Interrupted(message) => End::Interrupted(message),
            End::Done(opened) => End::Done(opened.map(|instance| {
                self.instance = Some((resource.resource_type.clone(), instance));
            })),
        }
    }

    async fn close(&mut self) {
        if let Some((_, instance)) = self.instance.take() {
            let closing = async {
                instance.close().await;
                Ok(())
            };
            if let Err(error) = within("Close", self.limits.check, closing).await {
                tracing::warn!(resource = %self.name, %error, "a resource was not closed in good order");
            }
        }
    }

    async fn control(&mut self, control: Control) -> Next {
        let Control { resource, code, input, answer } = control;
        // A resource that is online has its instance already.
        let end = match self.open(&resource).await {
            End::Done(Ok(())) => match &mut self.instance {
                Some((_, instance)) => {
                    attempt(&self.mailbox, "Control", self.limits.check, instance.control(code, &input)).await
                }
                None => return None,
            },
            End::Done(Err(error)) => End::Done(Err(error)),
            End::Interrupted(message) => End::Interrupted(message),
        };
        let (reply, next) = match end {
            End::Done(done) => (done.map_err(|error| error.status), None),
            End::Interrupted(message) => (Err(status::ERROR_OPERATION_ABORTED), Some(message)),
        };
        // Whoever asked may have gone.
        let _ = answer.send(reply);
        next
    }

    async fn end(&mut self, grace: Duration) {
        // Nothing more is taken, and what was not begun is answered.
        for message in self.mailbox.close() {
            if let Message::Call(call, _) = message {
                self.abort(&call);
            }
        }
        if let (State::Up(_), Some((_, instance)), false) = (&self.state, &mut self.instance, grace.is_zero()) {
            self.state = State::Unsure;
            match within("Offline", grace, instance.offline()).await {
                Ok(()) => self.state = State::Down,
                Err(error) => tracing::info!(resource = %self.name, %error, "a resource did not go offline in time"),
            }
        }
        self.clean_up().await;
        self.close().await;
    }

    /// A call was cancelled by what came after it.
    fn interrupted(&self, call: &HostCall, message: Message) -> Next {
        self.abort(call);
        Some(message)
    }

    fn abort(&self, call: &HostCall) {
        self.tell(Command::HostDone { call: call.call, result: Err(status::ERROR_OPERATION_ABORTED.0) });
    }

    fn done(&self, call: &HostCall, result: Result<(), HostError>) {
        if let Err(error) = &result {
            tracing::warn!(resource = %self.name, action = ?call.action, %error, "a resource's host could not do it");
        }
        self.tell(Command::HostDone { call: call.call, result: result.map_err(|error| error.status.0) });
    }

    fn tell(&self, event: Command) {
        // Whoever listened may have gone.
        let _ = self.events.send(event);
    }
}

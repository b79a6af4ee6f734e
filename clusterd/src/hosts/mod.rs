//! Resource hosts: the code behind resources, each in a task of its own.
//!
//! [`Hosts`] takes the calls that come out of the cluster's state machine and sends back what came
//! of them, as commands for it. Each call is answered once. Calls of one resource are carried out
//! one after the other: a newer one cancels an older one that is still at it, which is answered
//! with `ERROR_OPERATION_ABORTED`. What hangs is given up in bounded time, what panics counts as
//! failed, and neither stops another resource.
//!
//! While a resource is online it is looked at as often as it says; one that does not work any more
//! is told of and terminated.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{sync::Arc, time::Duration};
//!
//! use clusterd::hosts::{GenericApplication, GenericScript, Hosts, Mark, memory};
//! use msrpc_cluster::cluster::{
//!     host::{ResourceSpec, ResourceType},
//!     machine::{CallId, Command, HostAction, HostCall},
//! };
//!
//! # let data = tempfile::tempdir()?;
//! let mark = Mark::of_folder(data.path())?;
//! mark.end_leftovers(); // of a daemon that was killed
//! let mut types: Vec<Arc<dyn ResourceType>> = memory::builtin();
//! types.push(Arc::new(GenericApplication::new(mark.clone())));
//! types.push(Arc::new(GenericScript::new(mark)));
//! let (events, mut commands) = tokio::sync::mpsc::unbounded_channel();
//! let hosts = Hosts::new(types, events);
//!
//! // For each call in the output of `Cluster::apply`, with `ResourceSpec::of(&cluster, &call.resource)`:
//! # let name = |text: &str| msrpc_cluster::cluster::registry::Name::of_value(&text.into()).unwrap();
//! # let spec = ResourceSpec {
//! #     id: name("1"), name: "one".into(), resource_type: name("IP Address"), parameters: Default::default(),
//! #     network_name: None, looks_alive: None, is_alive: None, pending_timeout: Duration::from_secs(1),
//! # };
//! let call = HostCall { resource: spec.id.clone(), call: CallId(1), action: HostAction::Online };
//! hosts.call(call, spec);
//!
//! // What comes goes into `Cluster::apply`.
//! assert_eq!(commands.recv().await, Some(Command::HostDone { call: CallId(1), result: Ok(()) }));
//! hosts.stop(Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```

mod actor;
mod application;
mod attempt;
mod mailbox;
mod mark;
pub mod memory;
mod program;
mod script;
mod words;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use msrpc_cluster::cluster::{
    host::{ResourceSpec, ResourceType},
    machine::{Command, HostAction, HostCall},
    registry::Name,
    status,
};
use msrpc_ndr::{Bytes, Win32Error};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use self::{
    actor::Actor,
    mailbox::{Control, Mailbox, Message},
};
pub use self::{application::GenericApplication, mark::Mark, script::GenericScript};

/// How long what instances are asked for may take, beside coming online and going offline, for
/// which the resource says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A look at a resource, a control code, opening and closing: 30 s.
    pub check: Duration,
    /// Terminating: 15 s.
    pub terminate: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { check: Duration::from_secs(30), terminate: Duration::from_secs(15) }
    }
}

/// The hosts of a node's resources.
pub struct Hosts {
    types: Arc<HashMap<Name, Arc<dyn ResourceType>>>,
    events: mpsc::UnboundedSender<Command>,
    limits: Limits,
    /// `None` once it was stopped.
    tasks: Mutex<Option<HashMap<Name, Task>>>,
}

/// The task of a resource.
struct Task {
    mailbox: Arc<Mailbox>,
    task: JoinHandle<()>,
}

impl Hosts {
    /// Hosts for resources of these types, which send what happens to `events`. Needs tokio's
    /// runtime from the first call on.
    pub fn new(types: impl IntoIterator<Item = Arc<dyn ResourceType>>, events: mpsc::UnboundedSender<Command>) -> Self {
        Self::with_limits(types, events, Limits::default())
    }

    /// The same with limits of one's own.
    pub fn with_limits(
        types: impl IntoIterator<Item = Arc<dyn ResourceType>>,
        events: mpsc::UnboundedSender<Command>,
        limits: Limits,
    ) -> Self {
        let name = |host: &Arc<dyn ResourceType>| Name::of_value(&host.name().into()).unwrap_or_default();
        let types = types.into_iter().map(|host| (name(&host), host)).collect();
        Self { types: Arc::new(types), events, limits, tasks: Mutex::new(Some(HashMap::new())) }
    }

    /// The code of a type, if it is known here.
    pub fn resource_type(&self, name: &Name) -> Option<&Arc<dyn ResourceType>> {
        self.types.get(name)
    }

    /// Begins to do what a call asks for, in place of what is under way for the same resource. What
    /// comes of it is sent as [`Command::HostDone`], and as [`Command::HostFailed`] if the resource
    /// fails later. Does not wait.
    pub fn call(&self, call: HostCall, resource: ResourceSpec) {
        let answer = |result| {
            // Whoever listened may have gone.
            let _ = self.events.send(Command::HostDone { call: call.call, result });
        };
        let mut tasks = self.tasks();
        let Some(tasks) = &mut *tasks else {
            return answer(Err(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN.0));
        };
        if !tasks.contains_key(&call.resource) && call.action != HostAction::Online {
            // It never was online here, so nothing of it runs.
            return answer(Ok(()));
        }
        let task = self.task(tasks, &resource);
        // Nobody else knows its mailbox, and it takes messages until it is told to close.
        task.mailbox.send(Message::Call(call, Box::new(resource)));
    }

    /// Sends a resource a control code that is its type's own.
    ///
    /// # Errors
    ///
    /// What the type says; `ERROR_INVALID_FUNCTION` for codes that it does not know.
    pub async fn control(&self, resource: ResourceSpec, code: u32, input: Bytes) -> Result<Bytes, Win32Error> {
        let (sender, answer) = oneshot::channel();
        let sent = {
            let mut tasks = self.tasks();
            let tasks = tasks.as_mut().ok_or(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN)?;
            let control = Control { resource: Box::new(resource), code, input, answer: sender };
            self.task(tasks, &control.resource.clone()).mailbox.send_control(control)
        };
        if !sent {
            return Err(status::ERROR_RESOURCE_NOT_AVAILABLE);
        }
        answer.await.unwrap_or(Err(status::ERROR_RESOURCE_NOT_AVAILABLE))
    }

    /// Forgets a resource that was deleted, and ends whatever still runs of it. Does not wait.
    pub fn close(&self, resource: &Name) {
        let task = self.tasks().as_mut().and_then(|tasks| tasks.remove(resource));
        if let Some(task) = task {
            task.mailbox.send(Message::Close(Duration::ZERO));
        }
    }

    /// Ends everything, in bounded time: each resource that is online has `grace` to go offline,
    /// and is terminated then. All at once: the order of dependencies is the cluster's to keep, by
    /// taking groups offline before. Calls after this are refused.
    pub async fn stop(&self, grace: Duration) {
        let tasks = self.tasks().take().unwrap_or_default();
        for task in tasks.values() {
            task.mailbox.send(Message::Close(grace));
        }
        // What is under way may be a terminating that was begun before.
        let Limits { check, terminate } = self.limits;
        let deadline = Instant::now() + grace + 2 * terminate + check;
        for task in tasks.into_values() {
            let abort = task.task.abort_handle();
            if timeout_at(deadline, task.task).await.is_err() {
                // What it has is dropped, and so ends as far as that goes.
                abort.abort();
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<HashMap<Name, Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task of a resource, begun if there is none, or none any more.
    fn task<'a>(&self, tasks: &'a mut HashMap<Name, Task>, resource: &ResourceSpec) -> &'a Task {
        if tasks.get(&resource.id).is_some_and(|task| task.task.is_finished()) {
            // It broke off; nothing does that by design.
            tasks.remove(&resource.id);
        }
        tasks.entry(resource.id.clone()).or_insert_with(|| {
            let mailbox = Arc::<Mailbox>::default();
            let actor = Actor::new(Arc::clone(&self.types), self.events.clone(), self.limits, Arc::clone(&mailbox));
            Task { mailbox, task: tokio::spawn(actor.run()) }
        })
    }
}

impl Drop for Hosts {
    /// As [`stop`](Self::stop) without time and without waiting.
    fn drop(&mut self) {
        for task in self.tasks().take().unwrap_or_default().values() {
            task.mailbox.send(Message::Close(Duration::ZERO));
        }
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.tasks().as_ref().map(HashMap::len);
        f.debug_struct("Hosts").field("types", &self.types.keys()).field("resources", &tasks).finish_non_exhaustive()
    }
}

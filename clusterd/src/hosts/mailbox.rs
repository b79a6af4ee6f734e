//! What a resource's task is told. Small while it is empty, for there is one for each resource.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use msrpc_cluster::cluster::{host::ResourceSpec, machine::HostCall};
use msrpc_ndr::{Bytes, Win32Error};
use tokio::sync::{Notify, oneshot};

/// Most control codes that wait for one resource.
const MAX_CONTROLS: usize = 64;

/// What supersedes what is under way.
pub(super) enum Message {
    /// To do something.
    Call(HostCall, Box<ResourceSpec>),
    /// To end, with this much time to go offline.
    Close(Duration),
}

/// A control code, which waits until nothing else is under way.
pub(super) struct Control {
    pub(super) resource: Box<ResourceSpec>,
    pub(super) code: u32,
    pub(super) input: Bytes,
    pub(super) answer: oneshot::Sender<Result<Bytes, Win32Error>>,
}

/// One or the other.
pub(super) enum Incoming {
    Message(Message),
    Control(Control),
}

/// Many put into it, and one task takes out of it.
#[derive(Default)]
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    controls: VecDeque<Control>,
    closed: bool,
}

impl Mailbox {
    /// Puts a message in. `false` if nobody takes any more.
    pub(super) fn send(&self, message: Message) -> bool {
        let mut queue = self.queue();
        if !queue.closed {
            queue.messages.push_back(message);
            self.arrived.notify_one();
        }
        !queue.closed
    }

    /// Puts a control code in. `false`, and it is dropped, if nobody takes any more or too many wait.
    pub(super) fn send_control(&self, control: Control) -> bool {
        let mut queue = self.queue();
        let taken = !queue.closed && queue.controls.len() < MAX_CONTROLS;
        if taken {
            queue.controls.push_back(control);
            self.arrived.notify_one();
        }
        taken
    }

    /// Waits for whatever comes first, messages before control codes.
    pub(super) async fn next(&self) -> Incoming {
        loop {
            if let Some(message) = self.try_message() {
                return Incoming::Message(message);
            }
            {
                let mut queue = self.queue();
                if let Some(control) = queue.controls.pop_front() {
                    return Incoming::Control(control);
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Waits for a message.
    pub(super) async fn message(&self) -> Message {
        loop {
            if let Some(message) = self.try_message() {
                return message;
            }
            self.arrived.notified().await;
        }
    }

    /// A message, if there is one.
    pub(super) fn try_message(&self) -> Option<Message> {
        let mut queue = self.queue();
        let message = queue.messages.pop_front();
        if queue.messages.is_empty() {
            queue.messages.shrink_to_fit();
        }
        message
    }

    /// Takes no more, and gives the messages that are left. Control codes are dropped.
    pub(super) fn close(&self) -> VecDeque<Message> {
        let mut queue = self.queue();
        queue.closed = true;
        queue.controls.clear();
        std::mem::take(&mut queue.messages)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

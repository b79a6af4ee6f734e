//! What other tasks have for a connection. Smaller than a channel, of which each connection would have
//! a block.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

/// Letters for a task. Clones are the same one.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    shared: Arc<Mutex<State<T>>>,
}

#[derive(Debug)]
struct State<T> {
    letters: VecDeque<T>,
    reader: Option<Waker>,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Self {
        Self { shared: Arc::new(Mutex::new(State { letters: VecDeque::new(), reader: None })) }
    }

    /// Puts a letter in, and wakes the task. If the task is gone nobody reads it.
    pub(super) fn post(&self, letter: T) {
        let mut state = self.lock();
        state.letters.push_back(letter);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Takes the oldest letter; `None` if there is none, and then the next one wakes the task.
    pub(super) fn take(&self, cx: &mut Context<'_>) -> Option<T> {
        let mut state = self.lock();
        let letter = state.letters.pop_front();
        if letter.is_none() {
            match &mut state.reader {
                Some(reader) if reader.will_wake(cx.waker()) => {}
                reader => *reader = Some(cx.waker().clone()),
            }
        }
        letter
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code that may panic runs under the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

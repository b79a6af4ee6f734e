//! What other tasks have for a connection. Smaller than a channel, of which each connection would have
//! a block.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Letters for a task, whose end this is.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    shared: Shared<T>,
}

/// The other end. Clones are the same one.
#[derive(Debug)]
pub(super) struct Sender<T> {
    shared: Shared<T>,
}

type Shared<T> = Arc<Mutex<State<T>>>;

#[derive(Debug)]
struct State<T> {
    letters: VecDeque<T>,
    reader: Option<Waker>,
    /// The reader is gone.
    closed: bool,
    /// Those who wait for that.
    waiting: Vec<Waker>,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Self {
        let state = State { letters: VecDeque::new(), reader: None, closed: false, waiting: Vec::new() };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn sender(&self) -> Sender<T> {
        Sender { shared: Arc::clone(&self.shared) }
    }

    /// Takes the oldest letter; `None` if there is none, and then the next one wakes the task.
    pub(super) fn take(&self, cx: &mut Context<'_>) -> Option<T> {
        let mut state = lock(&self.shared);
        let letter = state.letters.pop_front();
        if letter.is_none() {
            match &mut state.reader {
                Some(reader) if reader.will_wake(cx.waker()) => {}
                reader => *reader = Some(cx.waker().clone()),
            }
        }
        letter
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.closed = true;
        let (letters, waiting) = (std::mem::take(&mut state.letters), std::mem::take(&mut state.waiting));
        drop(state);
        drop(letters);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Sender<T> {
    /// Puts a letter in, and wakes the task. If the task is gone nobody reads it.
    pub(super) fn post(&self, letter: T) {
        let mut state = lock(&self.shared);
        if state.closed {
            drop(state);
            return drop(letter);
        }
        state.letters.push_back(letter);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Waits until the task is gone.
    pub(super) async fn closed(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.shared);
            if state.closed {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, State<T>> {
    // No code that may panic runs under the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn letters_arrive_in_order_until_the_reader_goes() {
        let mailbox = Mailbox::new();
        let sender = mailbox.sender();
        let letter = Arc::new(());
        let next = || poll_fn(|cx| mailbox.take(cx).map_or(Poll::Pending, Poll::Ready));
        let late = sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            late.post((2, Arc::default()));
        });
        sender.post((1, Arc::clone(&letter)));
        assert_eq!((next().await.0, next().await.0), (1, 2));

        sender.post((3, Arc::clone(&letter)));
        let closed = sender.clone();
        let closed = tokio::spawn(async move { closed.closed().await });
        tokio::task::yield_now().await;
        assert!(!closed.is_finished());
        drop(mailbox);
        closed.await.unwrap();
        // What was not read is gone, and so is what comes later.
        sender.post((4, Arc::clone(&letter)));
        assert_eq!(Arc::strong_count(&letter), 1);
    }
}

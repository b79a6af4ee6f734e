//! An event that happens once.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// An event that happens once, and tasks that wait for it.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    set: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Latch {
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self) {
        let wakers = {
            let mut waiting = self.lock();
            self.set.store(true, Ordering::Release);
            std::mem::take(&mut waiting.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { latch: self, place: None }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a [`Latch`]. One that is dropped leaves nothing behind: many calls may come and go
/// while a handle stays open.
pub(crate) struct Wait<'a> {
    latch: &'a Latch,
    place: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.latch.is_set() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut waiting = self.latch.lock();
        // Set between the first look and the lock?
        if self.latch.is_set() {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or(waiting.next);
        if self.place.is_none() {
            waiting.next += 1;
        }
        let previous = waiting.wakers.insert(place, waker);
        drop(waiting);
        drop(previous);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.latch.lock().wakers.remove(&place);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_leaves_nothing_behind() {
        let latch = Latch::default();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let mut wait = Box::pin(latch.wait());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert_eq!(latch.lock().wakers.len(), 1);
        }
        assert!(latch.lock().wakers.is_empty());
    }

    #[test]
    fn everybody_is_woken() {
        let latch = Latch::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut waits = [Box::pin(latch.wait()), Box::pin(latch.wait())];
        assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut cx).is_pending()));
        latch.set();
        assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut cx).is_ready()));
        assert!(Box::pin(latch.wait()).as_mut().poll(&mut cx).is_ready());
    }
}

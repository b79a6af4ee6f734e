//! Waiting for work and for whoever cancels it. A future that was ready is not polled again: `None` is left.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// Waits for `work`, unless `cancel` is ready first. One that was ready is not polled again.
pub(super) async fn unless<X: Future<Output = ()>, T>(
    cancel: &mut Option<Pin<Box<X>>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // The answer counts if both are here.
        if let Poll::Ready(outcome) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        match cancel {
            None => Poll::Ready(None),
            Some(waiting) => match waiting.as_mut().poll(cx) {
                Poll::Ready(()) => {
                    *cancel = None;
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            },
        }
    })
    .await
}

/// Waits for `work`, whatever `cancel` says. It is polled nevertheless: a time-out in it begins to run.
pub(super) async fn despite<X: Future<Output = ()>, T>(
    cancel: &mut Option<Pin<Box<X>>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let outcome = work.as_mut().poll(cx);
        if outcome.is_pending() && cancel.as_mut().is_some_and(|waiting| waiting.as_mut().poll(cx).is_ready()) {
            *cancel = None;
        }
        outcome
    })
    .await
}

/// Whether `cancel` is or was ready.
pub(super) fn is_ready<X: Future<Output = ()>>(cancel: &mut Option<Pin<Box<X>>>) -> bool {
    let Some(waiting) = cancel else { return true };
    // Who waits for it next registers a waker that counts.
    let ready = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    if ready {
        *cancel = None;
    }
    ready
}

//! Waiting for other people's code: for a bounded time, until something else is wanted, and
//! through its panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use msrpc_cluster::cluster::{host::HostError, status::ERROR_RESOURCE_FAILED};
use tokio::time::timeout;

use super::mailbox::{Mailbox, Message};

/// How something ended.
pub(super) enum End<T> {
    /// With an outcome.
    Done(Result<T, HostError>),
    /// Something else is wanted.
    Interrupted(Message),
}

/// Waits for `work`, but not longer than `limit`, nor if a message comes.
pub(super) async fn attempt<T>(
    mailbox: &Mailbox,
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, HostError>>,
) -> End<T> {
    tokio::select! {
        biased;
        message = mailbox.message() => End::Interrupted(message),
        done = within(what, limit, work) => End::Done(done),
    }
}

/// Waits for `work`, but not longer than `limit`.
pub(super) async fn within<T>(
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, HostError>>,
) -> Result<T, HostError> {
    match timeout(limit, caught(work)).await {
        Ok(Some(done)) => done,
        Ok(None) => Err(HostError::new(ERROR_RESOURCE_FAILED, format!("{what} panicked"))),
        Err(_) => Err(HostError::late(what, limit)),
    }
}

/// `None` if it panics.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // A future that has panicked is not polled again.
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

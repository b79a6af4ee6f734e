//! Operations that are driven to their end though nobody waits for them any more: one at a time
//! for each key.
//!
//! Whoever drops the future of an operation cancels it. The next operation on the same key starts
//! when the cancelled one has really stopped, so that `delete` never races with what it cleans up
//! after.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use msrpc_cluster::fsrvp::ports::PortError;
use tokio::sync::{Mutex as AsyncMutex, watch};
use uuid::Uuid;

/// The operations of a provider.
#[derive(Debug, Default)]
pub struct Jobs {
    keys: Mutex<HashMap<Uuid, Arc<AsyncMutex<()>>>>,
}

/// Tells an operation that nobody waits for it any more.
#[derive(Clone, Debug)]
pub struct Cancel(Option<watch::Receiver<()>>);

impl Cancel {
    /// For what is never cancelled.
    pub fn never() -> Self {
        Self(None)
    }

    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.has_changed().is_err())
    }

    /// Waits until nobody waits any more.
    pub async fn wait(&self) {
        match self.0.clone() {
            // Nothing is ever sent: it ends when the sender is dropped.
            Some(mut waiting) => while waiting.changed().await.is_ok() {},
            None => std::future::pending().await,
        }
    }

    /// An error if nobody waits any more.
    ///
    /// # Errors
    ///
    /// Says that the operation was cancelled.
    pub fn check(&self) -> Result<(), PortError> {
        if self.is_cancelled() { Err(PortError::Failed("cancelled".to_owned())) } else { Ok(()) }
    }
}

impl Jobs {
    /// Runs an operation when those before it on the same key have ended.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn run<T, F, W>(&self, key: Uuid, work: W) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortError>> + Send + 'static,
        W: FnOnce(Cancel) -> F,
    {
        let turn = self.key(key).lock_owned().await;
        // Dropped with this future, which is what cancels.
        let (_waiting, cancel) = watch::channel(());
        let work = work(Cancel(Some(cancel)));
        let task = tokio::spawn(async move {
            let result = work.await;
            drop(turn);
            result
        });
        task.await.unwrap_or_else(|error| Err(PortError::Failed(format!("an operation broke off: {error}"))))
    }

    /// The same for an operation that blocks.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn run_blocking<T, W>(&self, key: Uuid, work: W) -> Result<T, PortError>
    where
        T: Send + 'static,
        W: FnOnce(&Cancel) -> Result<T, PortError> + Send + 'static,
    {
        self.run(key, |cancel| async move {
            let blocking = tokio::task::spawn_blocking(move || work(&cancel));
            blocking.await.unwrap_or_else(|error| Err(PortError::Failed(format!("an operation broke off: {error}"))))
        })
        .await
    }

    fn key(&self, key: Uuid) -> Arc<AsyncMutex<()>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(keys.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn the_next_operation_waits_until_a_cancelled_one_has_stopped() {
        let jobs = Jobs::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let first = jobs.run_blocking(Uuid::nil(), move |cancel| {
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(100));
            flag.store(true, Ordering::SeqCst);
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), first).await.is_err());
        assert!(!stopped.load(Ordering::SeqCst));
        jobs.run(Uuid::max(), |_| async { Ok(()) }).await.unwrap();
        assert!(!stopped.load(Ordering::SeqCst), "other keys do not wait");
        jobs.run(Uuid::nil(), |_| async { Ok(()) }).await.unwrap();
        assert!(stopped.load(Ordering::SeqCst));
        assert!(jobs.keys.lock().unwrap().len() <= 1);
    }
}

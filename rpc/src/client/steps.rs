//! Steps of authentication that wait for KDCs, on threads that may block.

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

use crate::{
    association::{StepDone, StepJob},
    auth::kerberos::MAX_STEPS,
};

/// A silent KDC holds a thread much longer than any client waits.
static THREADS: Semaphore = Semaphore::const_new(MAX_STEPS);

/// Runs a step. Who gives up waiting leaves the thread to it, and the thread counts until it ends.
pub(super) async fn run(job: StepJob) -> Result<StepDone, JoinError> {
    // The semaphore is never closed.
    let permit = THREADS.acquire().await.ok();
    let step = move || {
        let done = job.run();
        drop(permit);
        done
    };
    spawn_blocking(step).await
}

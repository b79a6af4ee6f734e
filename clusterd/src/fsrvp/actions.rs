//! What the state machine wants done, done.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use msrpc_cluster::fsrvp::{
    ports::{Compatibility, FileStore, PortError, Snapshot, SnapshotProvider},
    server::{Action, Failure, Found, Outcome, SetRecord, Status},
};
use tokio::time::timeout;

use super::{Limits, Ports};

/// Runs actions.
#[derive(Clone)]
pub(super) struct Actions {
    ports: Arc<Ports>,
    limits: Limits,
}

impl Actions {
    pub(super) fn new(ports: Ports, limits: Limits) -> Self {
        Self { ports: Arc::new(ports), limits }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// How long an action may take, and its name for the log.
    pub(super) fn limit(&self, action: &Action) -> (&'static str, Duration) {
        match action {
            Action::LookUp { .. } => ("look up a share", self.limits.look_up),
            Action::Put { .. } => ("put a record", self.limits.store),
            Action::Prepare(_) => ("prepare snapshots", self.limits.prepare),
            Action::Commit { .. } => ("make snapshots", self.limits.commit),
            Action::Expose(_) => ("expose snapshots", self.limits.expose),
            Action::MakeReadOnly(_) => ("make snapshots read-only", self.limits.recover),
            Action::Delete { .. } => ("delete snapshots", self.limits.delete),
        }
    }

    /// Runs an action to its end, whenever that is.
    pub(super) async fn run(self, action: Action) -> Outcome {
        let done = match action {
            Action::LookUp { share } => {
                let found = self.look_up(&share).await;
                return Outcome::Found(found.map_err(|error| {
                    tracing::error!(share, %error, "what a share is on cannot be found out");
                    Failure::from(&error)
                }));
            }
            Action::Put { set, record } => {
                self.expect(record.as_deref());
                logged(self.ports.store.put(set, record.map(|record| *record)).await, "put a record", &set)
            }
            Action::Prepare(snapshots) => self.prepare(snapshots).await,
            Action::Commit { snapshots, again } => self.commit(snapshots, again).await,
            Action::Expose(record) => self.expose(&record).await,
            Action::MakeReadOnly(record) => self.make_read_only(&record).await,
            Action::Delete { shares, snapshots } => self.delete(shares, snapshots).await,
        };
        Outcome::Done(done)
    }

    /// Tells which shares will be exposed once a set has been committed.
    fn expect(&self, record: Option<&SetRecord>) {
        let Some(record) = record.filter(|record| record.status == Status::Added) else { return };
        for mapping in record.copies.iter().flat_map(|copy| &copy.mappings) {
            self.ports.shares.expect(&mapping.exposed_as);
        }
    }

    async fn look_up(&self, name: &str) -> Result<Option<Found>, PortError> {
        let Some(share) = self.ports.shares.find(name).await? else { return Ok(None) };
        let mut found =
            Found { store: None, compatibility: Compatibility::default(), has_mounts: false, share: share.clone() };
        for (name, provider) in &self.ports.providers {
            if let Some(volume) = provider.supported(&share.path).await? {
                found.compatibility = provider.compatibility(&volume);
                found.store = Some(FileStore { provider: name.clone(), volume });
                break;
            }
        }
        let below = self.ports.mounts.below(&share.path).await?;
        if let Some(mount) = below.first() {
            tracing::info!(share = share.name, mount = %mount.display(), "something is mounted below the share");
            found.has_mounts = true;
        }
        Ok(Some(found))
    }

    fn provider(&self, snapshot: &Snapshot) -> Result<Arc<dyn SnapshotProvider>, PortError> {
        let name = &snapshot.store.provider;
        let found = self.ports.providers.iter().find(|(ours, _)| ours == name);
        found.map(|(_, provider)| Arc::clone(provider)).ok_or_else(|| {
            PortError::Failed(format!(
                "no provider named {name:?} is configured, which made snapshot {}: configure it again",
                snapshot.id
            ))
        })
    }

    async fn prepare(&self, snapshots: Vec<Snapshot>) -> Result<(), Failure> {
        self.for_each(
            snapshots,
            "prepare a snapshot",
            |provider, snapshot| async move { provider.prepare(&snapshot).await },
        )
        .await
    }

    async fn commit(&self, snapshots: Vec<Snapshot>, again: bool) -> Result<(), Failure> {
        if again {
            self.delete(Vec::new(), snapshots.clone()).await?;
        }
        let made = self
            .for_each(snapshots.clone(), "make a snapshot", |provider, snapshot| async move {
                provider.commit(&snapshot).await
            })
            .await;
        if made.is_err() {
            // The error is the commit's; what cannot be deleted now is with the set.
            let _ = self.delete(Vec::new(), snapshots).await;
        }
        made
    }

    async fn expose(&self, record: &SetRecord) -> Result<(), Failure> {
        let writable = record.is_writable() && record.status != Status::Recovered;
        for copy in &record.copies {
            let snapshot = record.snapshot(copy);
            for mapping in &copy.mappings {
                let exposed = async {
                    let path = self.provider(&snapshot)?.expose(&snapshot, &mapping.path).await?;
                    self.ports.shares.expose(&mapping.exposed_as, &path, &mapping.share, writable).await
                };
                logged(exposed.await, "expose a snapshot", &mapping.exposed_as)?;
            }
        }
        Ok(())
    }

    async fn make_read_only(&self, record: &SetRecord) -> Result<(), Failure> {
        for copy in &record.copies {
            let snapshot = record.snapshot(copy);
            for mapping in &copy.mappings {
                let name = &mapping.exposed_as;
                logged(self.ports.shares.make_read_only(name).await, "make a share read-only", name)?;
            }
            let done = async { self.provider(&snapshot)?.make_read_only(&snapshot).await };
            logged(done.await, "make a snapshot read-only", &snapshot.id)?;
        }
        Ok(())
    }

    async fn delete(&self, shares: Vec<String>, snapshots: Vec<Snapshot>) -> Result<(), Failure> {
        let mut result = Ok(());
        for share in shares {
            let removed = logged(self.ports.shares.remove(&share).await, "remove a share", &share);
            result = result.and(removed);
        }
        let deleted =
            self.for_each(snapshots, "delete a snapshot", |provider, snapshot| async move {
                provider.delete(&snapshot).await
            })
            .await;
        result.and(deleted)
    }

    /// Does something for all snapshots side by side, so that a set is of one moment as far as
    /// providers can; all come to their end, and the first error counts.
    ///
    /// The futures belong to the caller: once it is dropped, so are they.
    async fn for_each<F>(
        &self,
        snapshots: Vec<Snapshot>,
        what: &'static str,
        job: impl Fn(Arc<dyn SnapshotProvider>, Snapshot) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), PortError>> + Send,
    {
        let jobs = snapshots.into_iter().map(|snapshot| {
            let id = snapshot.id;
            let job = self.provider(&snapshot).map(|provider| job(provider, snapshot));
            async move {
                let done = match job {
                    Ok(job) => job.await,
                    Err(error) => Err(error),
                };
                logged(done, what, &id)
            }
        });
        join_all(jobs).await.into_iter().fold(Ok(()), Result::and)
    }

    /// All snapshots and exposed shares that there are, as far as that can be found out.
    pub(super) async fn list(&self) -> (Vec<Snapshot>, Option<Vec<String>>) {
        let limit = self.limits.look_up;
        let mut snapshots = Vec::new();
        for (name, provider) in &self.ports.providers {
            match guarded(limit, Arc::clone(provider), |provider| async move { provider.list().await }).await {
                Ok(found) => snapshots.extend(found),
                Err(error) => tracing::error!(
                    provider = name,
                    error,
                    "the snapshots cannot be listed: orphans of this provider stay until the next start"
                ),
            }
        }
        match guarded(limit, Arc::clone(&self.ports.shares), |shares| async move { shares.exposed().await }).await {
            Ok(shares) => (snapshots, Some(shares)),
            Err(error) => {
                tracing::error!(error, "the exposed shares cannot be listed: orphans stay until the next start");
                (snapshots, None)
            }
        }
    }
}

/// Runs something that may hang or panic.
async fn guarded<P, T, F>(limit: Duration, port: P, job: impl FnOnce(P) -> F) -> Result<T, String>
where
    T: Send + 'static,
    F: Future<Output = Result<T, PortError>> + Send + 'static,
{
    let mut task = tokio::spawn(job(port));
    match timeout(limit, &mut task).await {
        Ok(Ok(result)) => result.map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            task.abort();
            Err(format!("no answer within {limit:?}"))
        }
    }
}

/// Waits for all, side by side; the results are in their order.
async fn join_all<T>(jobs: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut jobs: Vec<(Pin<Box<_>>, Option<T>)> = jobs.map(|job| (Box::pin(job), None)).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (job, result) in &mut jobs {
            if result.is_none() {
                match job.as_mut().poll(context) {
                    Poll::Ready(done) => *result = Some(done),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    jobs.into_iter().filter_map(|(_, result)| result).collect()
}

/// Says in the log what a client is told by a code only.
fn logged<T>(result: Result<T, PortError>, what: &str, which: &dyn std::fmt::Display) -> Result<T, Failure> {
    result.map_err(|error| {
        tracing::error!(%which, %error, "could not {what}");
        Failure::from(&error)
    })
}

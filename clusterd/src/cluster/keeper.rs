//! The keeper: waits until changes are kept, in their order, and then lets out what followed from
//! them. When a store refuses, the cluster goes back to what is kept.

use std::{sync::Weak, time::Duration};

use msrpc_cluster::cluster::{
    machine::{Command, Outcome},
    store::{Committing, StoreError},
};
use msrpc_ndr::Win32Error;
use tokio::sync::{mpsc, oneshot};

use super::node::{Follows, Shared};

/// How long to wait before a store that cannot be read is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a command has put out.
pub(super) struct Item {
    /// Counts the items, from 1.
    pub(super) number: u64,
    /// Its changes on their way to the store, if there are any.
    pub(super) committing: Option<Committing>,
    pub(super) follows: Follows,
    /// Told when it is kept or lost.
    pub(super) done: Option<oneshot::Sender<Outcome<()>>>,
}

pub(super) struct Keeper {
    shared: Weak<Shared>,
    inbox: mpsc::UnboundedReceiver<Item>,
}

impl Keeper {
    pub(super) fn new(shared: Weak<Shared>, inbox: mpsc::UnboundedReceiver<Item>) -> Self {
        Self { shared, inbox }
    }

    pub(super) async fn run(mut self) {
        while let Some(mut item) = self.inbox.recv().await {
            let kept = match item.committing.take() {
                Some(committing) => committing.await.map(drop),
                None => Ok(()),
            };
            let Some(shared) = self.shared.upgrade() else { return };
            match kept {
                Ok(()) => {
                    {
                        let mut state = shared.lock();
                        shared.carry_out(&mut state, item.follows);
                    }
                    shared.settled(|kept| kept.up_to = item.number);
                    if let Some(done) = item.done {
                        let _gone = done.send(Ok(()));
                    }
                }
                Err(error) => {
                    drop(shared);
                    if !self.go_back(item, &error).await {
                        return;
                    }
                }
            }
        }
    }

    /// Loses an item and all that were built on it; `false` if the node is no more.
    async fn go_back(&mut self, first: Item, error: &StoreError) -> bool {
        let code = code(error);
        tracing::error!(%error, "a change of the cluster is not kept and therefore undone; make the store writable");
        let mut lost = vec![first];
        {
            let Some(shared) = self.shared.upgrade() else { return false };
            // From here on no further item comes.
            shared.lock().refusing = Some(code);
        }
        while let Ok(mut item) = self.inbox.try_recv() {
            // It failed, too: its turn at the store came after the first.
            if let Some(committing) = item.committing.take() {
                let _stale = committing.await;
            }
            lost.push(item);
        }
        let loaded = loop {
            let Some(store) = self.shared.upgrade().map(|shared| shared.store().clone()) else { return false };
            match store.load().await {
                Ok(loaded) => break loaded,
                Err(error) => {
                    tracing::error!(%error, "the cluster's store cannot be read; it is tried again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        let Some(shared) = self.shared.upgrade() else { return false };
        let (from, to) = (lost.first().map_or(0, |item| item.number), lost.last().map_or(0, |item| item.number));
        let commands = {
            let mut state = shared.lock();
            state.cluster.restore(loaded.registry);
            state.base = loaded.revision;
            state.refusing = None;
            lost.iter().flat_map(|item| item.follows.hosts.iter().map(|call| call.call)).collect::<Vec<_>>()
        };
        shared.settled(|kept| {
            kept.up_to = to;
            kept.lost = Some((from, to, code));
        });
        for item in lost {
            // The port has forgotten who waited. An indication too many does no harm, while a batch
            // that was not done is not told: that wait ends.
            let Follows { answers, batches, .. } = item.follows;
            shared.carry_out(&mut shared.lock(), Follows { answers, ..Follows::default() });
            shared.end_batch_waits(batches.into_iter().map(|(ticket, _)| ticket));
            if let Some(done) = item.done {
                let _gone = done.send(Err(code));
            }
        }
        // What no host was asked for has failed.
        for call in commands {
            drop(shared.command(Command::HostDone { call, result: Err(code.0) }));
        }
        true
    }
}

/// The code that callers get.
fn code(error: &StoreError) -> Win32Error {
    const ERROR_WRITE_PROTECT: Win32Error = Win32Error(19);
    const ERROR_WRITE_FAULT: Win32Error = Win32Error(29);
    const ERROR_DISK_FULL: Win32Error = Win32Error(112);
    match error {
        StoreError::Full(_) => ERROR_DISK_FULL,
        StoreError::ReadOnly(_) => ERROR_WRITE_PROTECT,
        _ => ERROR_WRITE_FAULT,
    }
}

//! Start after a stop or a crash (3.1.3).

use uuid::Uuid;

use super::{
    Agent, Config, Now, Output, SetRecord, Status,
    effect::Action,
    set::{Kind, Set},
    trash::Trash,
};
use crate::fsrvp::{
    Attributes,
    ports::{FileStore, Snapshot},
};

impl Agent {
    /// A server with the sets of a store.
    ///
    /// Those that are not "Recovered" are deleted with all that they left: no client can go on with
    /// them, for their sequence is over, and StartShadowCopySet would be blocked for ever. So are
    /// those without ATTR_PERSISTENT that were made in another run of the machine. A mapping that
    /// was being deleted goes.
    pub fn restore(config: Config, records: Vec<SetRecord>, now: Now) -> (Self, Output) {
        let mut agent = Self::new(config);
        for record in records {
            let persistent = record.context.attributes().contains(Attributes::PERSISTENT);
            let same_boot = agent.config.boot.is_empty() || agent.config.boot == record.boot;
            if record.status == Status::Recovered && (persistent || same_boot) {
                agent.restore_set(record);
            } else {
                tracing::info!(set = %record.id, status = ?record.status, "an unfinished shadow copy set is deleted");
                agent.trash.push(Trash::of_set(&record, now.monotonic, None));
            }
        }
        agent.tick(&now);
        let output = std::mem::take(&mut agent.out);
        (agent, output)
    }

    fn restore_set(&mut self, record: SetRecord) {
        let id = record.id;
        let deleting: Vec<_> = record.copies.iter().flat_map(|copy| &copy.mappings).filter(|it| it.deleting).collect();
        if deleting.is_empty() {
            self.sets.insert(id, Set::new(record));
            return;
        }
        let shares: Vec<_> = deleting.iter().map(|mapping| mapping.exposed_as.clone()).collect();
        let Some(left) = record.without_deleted() else {
            self.trash.push(Trash::of_set(&record, std::time::Duration::ZERO, None));
            return;
        };
        let gone = |snapshot: &Snapshot| left.copies.iter().all(|copy| copy.id != snapshot.id);
        self.trash.push(Trash::of(shares, record.snapshots().into_iter().filter(gone).collect()));
        self.sets.insert(id, Set::new(left.clone()));
        self.put(id, Kind::Restore, Some(left));
    }

    /// Takes what there is outside, in all: what belongs to no set is deleted, and shares of sets
    /// that are not there are exposed again. To be called once, after [`restore`](Self::restore);
    /// `None` for what could not be found out.
    pub fn swept(&mut self, snapshots: Vec<Snapshot>, shares: Option<Vec<String>>, now: Now) -> Output {
        let ours: Vec<Uuid> = self.sets().flat_map(|record| &record.copies).map(|copy| copy.id).collect();
        let names: Vec<String> = self.sets().flat_map(SetRecord::share_names).collect();
        let snapshots: Vec<Snapshot> = snapshots
            .into_iter()
            .filter(|snapshot| !ours.contains(&snapshot.id) && !self.is_trash_snapshot(snapshot.id))
            .collect();
        for Snapshot { id, store: FileStore { provider, volume }, .. } in &snapshots {
            tracing::warn!(snapshot = %id, provider, volume, "a snapshot that belongs to no set is deleted");
        }
        let orphans: Vec<String> = shares
            .iter()
            .flatten()
            .filter(|name| !names.iter().any(|ours| ours == *name) && !self.is_trash_share(name))
            .cloned()
            .collect();
        for share in &orphans {
            tracing::warn!(share, "an exposed share that belongs to no set is removed");
        }
        if !snapshots.is_empty() || !orphans.is_empty() {
            self.trash.push(Trash::of(orphans, snapshots));
        }
        if let Some(shares) = shares {
            self.expose_missing(&shares);
        }
        self.tick(&now);
        std::mem::take(&mut self.out)
    }

    fn expose_missing(&mut self, shares: &[String]) {
        let is_missing = |set: &&Set| {
            set.record.copies.iter().flat_map(|copy| &copy.mappings).any(|it| !shares.contains(&it.exposed_as))
        };
        let missing: Vec<SetRecord> = self
            .sets
            .values()
            .filter(is_missing)
            .filter(|set| set.running.is_none())
            .map(|set| set.record.clone())
            .collect();
        for record in missing {
            tracing::warn!(set = %record.id, "shares of a shadow copy set are not there: they are exposed again");
            self.run_for(record.id, Kind::Restore, Action::Expose(Box::new(record)), None);
        }
    }
}

//! `clusctl snapshot`.

mod create;
mod list;
mod progress;
mod selection;
mod support;
mod work;

use msrpc_cluster::fsrvp::client::{SnapshotClient, TimeOuts};

use crate::{
    arguments::{Common, Snapshot},
    connect::Network,
    failure::Failure,
    record::Record,
};

/// What every command works with.
struct Session<'a> {
    common: &'a Common,
    client: SnapshotClient<Network>,
    record: Record,
}

/// Runs a command; gives what it prints.
pub(crate) async fn run(command: &Snapshot, common: &Common) -> Result<String, Failure> {
    let record = Record::new(common);
    if let Snapshot::List { places } = command
        && places.is_empty()
    {
        // Nobody is asked, so nobody has to be somebody.
        return list::recorded(&record.read()?, common.json);
    }
    let timeouts = match command {
        Snapshot::Create(wanted) => wanted.timeouts(common),
        _ => TimeOuts { call: common.call_timeout(), ..TimeOuts::default() },
    };
    let client = SnapshotClient::new(Network::new(common)?).with_timeouts(timeouts);
    let session = Session { common, client, record };
    match command {
        Snapshot::Support { shares } => support::run(&session, shares).await,
        Snapshot::Create(wanted) => create::run(&session, wanted).await,
        Snapshot::List { places } => list::run(&session, places).await,
        Snapshot::Show(wanted) => work::show(&session, wanted).await,
        Snapshot::Complete(wanted) => work::complete(&session, wanted).await,
        Snapshot::Delete(wanted) => work::delete(&session, wanted).await,
    }
}

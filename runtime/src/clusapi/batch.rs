//! Batches on the cluster registry, and the ports that tell of them (\[MS-CMRP\] 3.1.4.2.112 to
//! 3.1.4.2.115, 3.1.4.2.141, 3.1.4.2.145).

use msrpc_ndr::{Bytes, Call, Failure, Handle, Outcome, Win32Error};

use super::{
    ClusApi, OpenBatchPort, OpenKey,
    registry::{KEY_NOTIFY, KEY_QUERY_VALUE, KEY_SET_VALUE},
};
use crate::cluster::{
    machine::{Command, Reply},
    node::Node,
    registry::{self, BatchError},
};

type Answer<T = ()> = Outcome<T, Win32Error>;

fn refused(error: &BatchError) -> Failure<i32, Win32Error> {
    tracing::debug!(%error, "a batch is refused");
    Failure::with(error.status(), i32::try_from(error.command()).unwrap_or(i32::MAX))
}

/// The result is the number of the command that failed, from 1; 0 if none did.
pub(super) async fn execute<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    key: &Handle<OpenKey>,
    data: Bytes,
) -> Answer<i32> {
    let id = key.need_all(KEY_SET_VALUE)?;
    // The registry keeps parts of the data: they are not to hold the request's memory.
    let data = Bytes::copy_from_slice(&data);
    let commands = registry::decode(&data).map_err(|error| refused(&error))?;
    match api.node.apply(Command::ExecuteBatch(id, commands)).await? {
        Reply::Batch(Err(error)) => Err(refused(&error)),
        _ => Ok(0),
    }
}

pub(super) async fn execute_read<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    key: &Handle<OpenKey>,
    data: Bytes,
) -> Answer<Option<Bytes>> {
    let id = key.need(KEY_QUERY_VALUE)?;
    let commands = registry::decode(&data).map_err(|error| error.status())?;
    let answers = api.look(|cluster| {
        cluster.registry().key(id).map_err(|error| error.status())?;
        cluster.registry().execute_read(id, &commands).map_err(|error| error.status())
    });
    Ok(Some(registry::encode(&answers.await?)))
}

/// The flags are for the way between nodes; none changes what is read here.
pub(super) async fn execute_read_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    key: &Handle<OpenKey>,
    data: Bytes,
    _flags: u32,
) -> Answer<Option<Bytes>> {
    execute_read(api, call, key, data).await
}

pub(super) async fn create_port<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    key: &Handle<OpenKey>,
) -> Answer<OpenBatchPort<N>> {
    let id = key.need(KEY_NOTIFY)?;
    api.look(|cluster| cluster.registry().key(id).map(drop).map_err(|error| error.status())).await?;
    let port = api.node.batch_ports(|ports| ports.open(id));
    Ok(OpenBatchPort { node: api.node.clone(), port })
}

pub(super) async fn notification<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Handle<OpenBatchPort<N>>,
) -> Answer<Option<Bytes>> {
    let waiting = api.node.batch(port.port);
    let closed = port.closed();
    let batch = or_closed(waiting, closed).await;
    Ok(Some(batch.flatten().ok_or(Win32Error::ERROR_NO_MORE_ITEMS)?))
}

/// Waits for either; the first wins, `None` for the second.
pub(super) async fn or_closed<T>(
    first: impl Future<Output = T> + Send,
    second: impl Future<Output = ()> + Send,
) -> Option<T> {
    use std::{pin::pin, task::Poll};
    let (mut first, mut second) = (pin!(first), pin!(second));
    std::future::poll_fn(|context| {
        if let Poll::Ready(value) = first.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        second.as_mut().poll(context).map(|()| None)
    })
    .await
}

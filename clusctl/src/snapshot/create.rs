//! `clusctl snapshot create`.

use std::{
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use msrpc_cluster::fsrvp::{
    ShareUnc,
    client::{CreateRequest, Fate, Progress, ShadowCopySet, Step},
};

use super::{Session, progress};
use crate::{
    arguments::Create,
    failure::{Failure, Kind},
    interrupt::interrupted,
    output,
};

/// How long to wait before a busy server is asked again.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn run(session: &Session<'_>, wanted: &Create) -> Result<String, Failure> {
    let interrupted = interrupted()
        .map_err(|error| Failure::new(Kind::Failed, format_args!("Ctrl-C cannot be waited for: {error}")))?;
    let mut interrupted = pin!(interrupted);
    let requests: Vec<Vec<ShareUnc>> = if wanted.separate {
        wanted.shares.iter().map(|share| vec![share.clone()]).collect()
    } else {
        vec![wanted.shares.clone()]
    };
    let mut sets = Vec::new();
    for shares in requests {
        let request = CreateRequest::new(shares, wanted.context());
        match patiently(session, wanted, &request, interrupted.as_mut()).await {
            Ok(made) => sets.extend(made),
            // Those that were made before stay.
            Err(failure) if sets.is_empty() => return Err(failure),
            Err(failure) => return Err(failure.with_output(text(session, &sets))),
        }
    }
    Ok(text(session, &sets))
}

/// Asks again while the server is busy, as long as the user wants that.
async fn patiently<X: Future<Output = ()> + Send>(
    session: &Session<'_>,
    wanted: &Create,
    request: &CreateRequest,
    mut interrupted: Pin<&mut X>,
) -> Result<Vec<ShadowCopySet>, Failure> {
    let begun = Instant::now();
    loop {
        match once(session, wanted, request, interrupted.as_mut()).await {
            Err(failure) if failure.kind() == Kind::Busy && begun.elapsed() + PAUSE <= wanted.wait() => {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = interrupted.as_mut() => return Err(failure),
                }
            }
            outcome => return outcome,
        }
    }
}

async fn once<X: Future<Output = ()> + Send>(
    session: &Session<'_>,
    wanted: &Create,
    request: &CreateRequest,
    interrupted: Pin<&mut X>,
) -> Result<Vec<ShadowCopySet>, Failure> {
    let bar = crate::progress::bar(!session.common.json);
    let observe = |progress: Progress<'_>| {
        progress::show(&bar, &progress);
        match (progress.done, progress.set, progress.step) {
            (true, Some(set), Step::Abort) => session.record.remove(set),
            (true, Some(set), _) => session.record.put(set),
            _ => {}
        }
    };
    let outcome = match session.client.expose(request, observe, interrupted).await {
        Ok(exposed) if wanted.no_complete => Ok(exposed.leave()),
        Ok(exposed) => exposed.complete().await,
        Err(error) => Err(error),
    };
    bar.finish_and_clear();
    outcome.map_err(|error| {
        // The server removes those by itself.
        let gone = error.leftovers.iter().filter(|leftover| matches!(leftover.fate, Fate::AbortFailed(_)));
        gone.for_each(|leftover| session.record.put(&leftover.set));
        error.into()
    })
}

fn text(session: &Session<'_>, sets: &[ShadowCopySet]) -> String {
    if session.common.json { output::sets_json(sets) } else { output::sets_table(sets) }
}

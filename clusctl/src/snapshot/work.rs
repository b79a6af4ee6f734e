//! `clusctl snapshot show`, `complete` and `delete`: what is done with sets that exist.

use msrpc_cluster::fsrvp::client::{Mapping, SetStatus, ShadowCopy};
use serde::Serialize;

use super::{Session, selection::Selected};
use crate::{
    arguments::Selection,
    failure::{Failure, Kind},
    output,
    time::rfc3339,
};

#[derive(Debug, Serialize)]
struct Shown {
    share: String,
    exposed: Option<String>,
    created: Option<String>,
    set: String,
    copy: String,
}

pub(super) async fn show(session: &Session<'_>, wanted: &Selection) -> Result<String, Failure> {
    let Selected { set, copy } = session.select(wanted, true).await?;
    let mut rows = Vec::new();
    for known in set.copies.iter().filter(|known| copy.is_none_or(|id| known.server_id == id)) {
        let mapping = session.client.mapping(&known.share, set.server_id, known.server_id).await?;
        rows.push(Shown::new(known, mapping));
    }
    if session.common.json {
        return Ok(output::json(&rows));
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows = rows.into_iter().map(|row| [row.share, or_dash(row.exposed), or_dash(row.created), row.set, row.copy]);
    Ok(output::table(["SHARE", "EXPOSED AS", "CREATED", "SET", "COPY"], rows))
}

impl Shown {
    fn new(known: &ShadowCopy, mapping: Mapping) -> Self {
        let copy = ShadowCopy { exposed: mapping.exposed, ..known.clone() };
        Self {
            share: mapping.share.unwrap_or_else(|| known.share.to_string()),
            exposed: copy.exposed_unc(),
            created: rfc3339(mapping.created.0),
            set: mapping.set.to_string(),
            copy: mapping.copy.to_string(),
        }
    }
}

pub(super) async fn complete(session: &Session<'_>, wanted: &Selection) -> Result<String, Failure> {
    let Selected { mut set, .. } = session.select(wanted, false).await?;
    session.client.complete(&mut set).await?;
    if !set.copies.is_empty() {
        session.record.put(&set);
    }
    Ok(done(session, "completed", &[set.server_id.to_string()], &[]))
}

pub(super) async fn delete(session: &Session<'_>, wanted: &Selection) -> Result<String, Failure> {
    let Selected { mut set, copy } = session.select(wanted, true).await?;
    let id = set.server_id.to_string();
    if !matches!(set.status, SetStatus::Exposed | SetStatus::Recovered) {
        if copy.is_some() && set.copies.len() > 1 {
            let message = "the set is not complete, and can only be aborted as a whole: name the set";
            return Err(Failure::new(Kind::Usage, message));
        }
        session.client.abort(&set).await?;
        session.record.remove(&set);
        return Ok(done(session, "aborted", &[id], &[]));
    }
    let doomed = set.copies.iter().filter(|known| copy.is_none_or(|id| known.server_id == id));
    let doomed: Vec<_> = doomed.map(|known| known.server_id.to_string()).collect();
    let outcome = session.client.delete(&mut set, copy).await;
    if set.copies.is_empty() {
        session.record.remove(&set);
    } else if session.record.read()?.find(set.server_id).next().is_some() {
        session.record.put(&set);
    }
    outcome?;
    Ok(done(session, "deleted", &[id], &doomed))
}

fn done(session: &Session<'_>, what: &str, sets: &[String], copies: &[String]) -> String {
    if session.common.json {
        return output::json(&serde_json::json!({ "done": what, "sets": sets, "copies": copies }));
    }
    let ids = if copies.is_empty() { sets } else { copies };
    format!("{what} {}", ids.join(", "))
}

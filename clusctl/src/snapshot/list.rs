//! `clusctl snapshot list`.

use msrpc_cluster::fsrvp::{
    ShareUnc,
    client::{ShadowCopySetTable, Step},
    code,
};
use serde::Serialize;

use super::Session;
use crate::{
    arguments::Place,
    failure::{Failure, Kind},
    names::exposed_name,
    output, shares,
    time::rfc3339,
};

/// A share and what is known of its shadow copies.
#[derive(Debug, Serialize)]
struct Row {
    share: String,
    /// `None` if the server does not say.
    shadow_copied: Option<bool>,
    /// Why it does not.
    reason: Option<String>,
    /// That in a word, for the table.
    #[serde(skip)]
    unsaid: &'static str,
    copies: Vec<Copy>,
}

/// A shadow copy that is exposed, or that was made from here.
#[derive(Debug, Serialize)]
struct Copy {
    copy: String,
    exposed: Option<String>,
    /// Whether the server lists the share that exposes it; `None` if the server does not list shares.
    listed: Option<bool>,
    /// What only the record tells.
    set: Option<String>,
    status: Option<String>,
    created: Option<String>,
}

/// What was made from here.
pub(super) fn recorded(table: &ShadowCopySetTable, json: bool) -> Result<String, Failure> {
    if json {
        return Ok(output::sets_json(table.sets()));
    }
    if table.sets().len() == 0 {
        return Ok("no shadow copies were made from here".to_owned());
    }
    Ok(output::sets_table(table.sets()))
}

pub(super) async fn run(session: &Session<'_>, places: &[Place]) -> Result<String, Failure> {
    let table = session.record.read()?;
    let mut rows = Vec::new();
    for place in places {
        let server = match place {
            Place::Server(server) => server,
            Place::Share(share) => share.host(),
        };
        let listed = shares::of_server(session.client.connector(), server, session.common.call_timeout()).await;
        let names = match (place, &listed) {
            (Place::Share(share), _) => vec![share.share().to_owned()],
            (Place::Server(_), Ok(names)) => {
                names.iter().filter(|name| exposed_name(name).is_none()).cloned().collect()
            }
            (Place::Server(_), Err(error)) => {
                let message = format!("{server} does not list its shares: {error}: name a share");
                return Err(Failure::new(Kind::Failed, message));
            }
        };
        if let (Place::Share(_), Err(error)) = (place, &listed) {
            eprintln!(
                "clusctl: {server} does not list its shares, so what was not made from here is not seen: {error}"
            );
        }
        for name in names {
            // What a server lists and is no name for FSRVP cannot be asked about.
            let Ok(share) = ShareUnc::new(server, &name) else { continue };
            rows.push(row(session, &table, share, listed.as_deref().ok(), matches!(place, Place::Share(_))).await?);
        }
    }
    Ok(if session.common.json { output::json(&rows) } else { text(&rows) })
}

async fn row(
    session: &Session<'_>,
    table: &ShadowCopySetTable,
    share: ShareUnc,
    listed: Option<&[String]>,
    is_strict: bool,
) -> Result<Row, Failure> {
    let (shadow_copied, reason, unsaid) = match session.client.present_copies(&share).await {
        Ok(answer) => (Some(answer.present), None, ""),
        // Samba knows no answer.
        Err(error) if error.step == Step::QueryCopies && error.status() == Some(code::FSRVP_E_NOT_SUPPORTED) => {
            (None, Some("the server does not tell".to_owned()), "unknown")
        }
        // Of a list of shares some cannot be copied; who asks for one is to know.
        Err(error) if !is_strict && error.status() == Some(code::FSRVP_E_NOT_SUPPORTED) => {
            (None, Some(error.cause.to_string()), "unsupported")
        }
        Err(error) if !is_strict && error.status().is_some() => (None, Some(error.cause.to_string()), "error"),
        Err(error) => return Err(error.into()),
    };
    let mut copies = exposed(&share, listed.unwrap_or_default());
    for set in table.sets() {
        for copy in set.copies.iter().filter(|copy| copy.share.is_same_share(&share)) {
            let is_here = [&set.server, &set.owner].iter().any(|name| name.eq_ignore_ascii_case(share.host()));
            let id = copy.server_id.to_string();
            let known = copies.iter().position(|known| known.copy == id);
            let at = match known {
                Some(at) => at,
                None if is_here => {
                    copies.push(Copy {
                        copy: id,
                        exposed: copy.exposed_unc(),
                        listed: listed.map(|_| false),
                        set: None,
                        status: None,
                        created: None,
                    });
                    copies.len() - 1
                }
                None => continue,
            };
            if let Some(known) = copies.get_mut(at) {
                known.set = Some(set.server_id.to_string());
                known.status = Some(format!("{:?}", set.status).to_lowercase());
                known.created = rfc3339(copy.created.0);
            }
        }
    }
    Ok(Row { share: share.to_string(), shadow_copied, reason, unsaid, copies })
}

/// The shares among `listed` that expose shadow copies of a share.
fn exposed(share: &ShareUnc, listed: &[String]) -> Vec<Copy> {
    let of_share = listed.iter().filter_map(|name| {
        let (base, id) = exposed_name(name)?;
        let is_same = ShareUnc::new(share.host(), base).is_ok_and(|base| base.is_same_share(share));
        is_same.then(|| Copy {
            copy: id.to_string(),
            exposed: Some(format!(r"\\{}\{name}", share.host())),
            listed: Some(true),
            set: None,
            status: None,
            created: None,
        })
    });
    of_share.collect()
}

fn text(rows: &[Row]) -> String {
    let dash = || "-".to_owned();
    let lines = rows.iter().flat_map(|row| {
        let copied = match row.shadow_copied {
            Some(true) => "yes",
            Some(false) => "no",
            None => row.unsaid,
        };
        let head = [row.share.clone(), copied.to_owned(), dash(), dash(), dash(), dash()];
        let copies: Vec<_> = row
            .copies
            .iter()
            .map(|copy| {
                let gone = if copy.listed == Some(false) { " (not listed)" } else { "" };
                let [share, copied, ..] = head.clone();
                [
                    share,
                    copied,
                    format!("{}{gone}", copy.exposed.clone().unwrap_or_else(dash)),
                    copy.created.clone().unwrap_or_else(dash),
                    copy.status.clone().unwrap_or_else(dash),
                    copy.set.clone().unwrap_or_else(dash),
                ]
            })
            .collect();
        if copies.is_empty() { vec![head] } else { copies }
    });
    output::table(["SHARE", "SHADOW COPIED", "EXPOSED AS", "CREATED", "STATUS", "SET"], lines)
}

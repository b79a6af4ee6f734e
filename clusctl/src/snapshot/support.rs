//! `clusctl snapshot support`.

use msrpc_cluster::fsrvp::ShareUnc;
use serde::Serialize;

use super::Session;
use crate::{
    failure::{Failure, Kind},
    output,
};

#[derive(Debug, Serialize)]
struct Row {
    share: String,
    supported: bool,
    owner: Option<String>,
    reason: Option<String>,
}

pub(super) async fn run(session: &Session<'_>, shares: &[ShareUnc]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for share in shares {
        let row = |supported, owner, reason| Row { share: share.to_string(), supported, owner, reason };
        rows.push(match session.client.support(share).await {
            Ok(support) => row(support.supported, support.owner, None),
            Err(error) => {
                let reason = error.cause.to_string();
                let failure = Failure::from(error);
                if failure.kind() != Kind::NotSupported {
                    return Err(failure);
                }
                row(false, None, Some(reason))
            }
        });
    }
    let text = if session.common.json { output::json(&rows) } else { table(&rows) };
    match rows.iter().find(|row| !row.supported) {
        Some(row) => {
            let share = &row.share;
            Err(Failure::new(Kind::NotSupported, format_args!("{share} cannot be shadow copied")).with_output(text))
        }
        None => Ok(text),
    }
}

fn table(rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        [
            row.share.clone(),
            if row.supported { "yes" } else { "no" }.to_owned(),
            row.owner.clone().unwrap_or_else(|| "-".to_owned()),
            row.reason.clone().unwrap_or_default(),
        ]
    });
    output::table(["SHARE", "SUPPORTED", "OWNER", ""], rows)
}

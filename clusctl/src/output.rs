//! What is printed.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use msrpc_cluster::fsrvp::client::{ShadowCopy, ShadowCopySet};
use serde::Serialize;

use crate::time::rfc3339;

/// A table without lines around its columns.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        // What a stranger wrote goes to a terminal.
        table.add_row(row.map(|cell| cell.replace(char::is_control, "\u{fffd}")));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let trimmed: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    trimmed.join("\n")
}

/// JSON for scripts.
pub(crate) fn json(value: &impl Serialize) -> String {
    // What is printed is made of strings, booleans and lists, which always become JSON.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A set as JSON shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Set {
    set: String,
    /// The identifier that we gave it.
    client_set: String,
    server: String,
    owner: String,
    status: String,
    context: String,
    copies: Vec<Copy>,
}

/// A shadow copy as JSON shows it.
#[derive(Debug, Serialize)]
struct Copy {
    copy: String,
    client_copy: String,
    share: String,
    exposed: Option<String>,
    created: Option<String>,
}

impl From<&ShadowCopySet> for Set {
    fn from(set: &ShadowCopySet) -> Self {
        Self {
            set: set.server_id.to_string(),
            client_set: set.id.to_string(),
            server: set.server.clone(),
            owner: set.owner.clone(),
            status: format!("{:?}", set.status).to_lowercase(),
            context: format!("{:#010x}", set.context.to_wire()),
            copies: set.copies.iter().map(Copy::from).collect(),
        }
    }
}

impl From<&ShadowCopy> for Copy {
    fn from(copy: &ShadowCopy) -> Self {
        Self {
            copy: copy.server_id.to_string(),
            client_copy: copy.id.to_string(),
            share: copy.share.to_string(),
            exposed: copy.exposed_unc(),
            created: rfc3339(copy.created.0),
        }
    }
}

/// Sets as JSON.
pub(crate) fn sets_json<'a>(sets: impl IntoIterator<Item = &'a ShadowCopySet>) -> String {
    json(&sets.into_iter().map(Set::from).collect::<Vec<_>>())
}

/// Sets as a table, a row for each shadow copy.
pub(crate) fn sets_table<'a>(sets: impl IntoIterator<Item = &'a ShadowCopySet>) -> String {
    let rows = sets.into_iter().flat_map(|set| {
        set.copies.iter().map(move |copy| {
            [
                copy.share.to_string(),
                copy.exposed_unc().unwrap_or_else(|| "-".to_owned()),
                rfc3339(copy.created.0).unwrap_or_else(|| "-".to_owned()),
                format!("{:?}", set.status).to_lowercase(),
                set.server_id.to_string(),
                copy.server_id.to_string(),
            ]
        })
    });
    table(["SHARE", "EXPOSED AS", "CREATED", "STATUS", "SET", "COPY"], rows)
}

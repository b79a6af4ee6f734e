//! `msrpc endpoints`.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use msrpc::{
    epm::{Endpoint, Inquiry, MapError, Mapper, VersionOption},
    pdu::SyntaxId,
};
use serde::Serialize;

use crate::{
    arguments::Endpoints,
    failure::{Failure, Kind},
    known,
};

/// An entry as it is printed.
#[derive(Debug, Serialize)]
struct Row {
    interface: String,
    name: Option<&'static str>,
    version: String,
    protocol: Option<String>,
    endpoint: Option<String>,
    binding: Option<String>,
    object: Option<String>,
    annotation: String,
}

impl Row {
    fn new(endpoint: &Endpoint, host: &str) -> Self {
        let SyntaxId { uuid, version } = endpoint.tower.interface;
        let address = &endpoint.tower.address;
        Self {
            interface: uuid.to_string(),
            name: known::name(uuid),
            version: format!("{}.{}", version.0, version.1),
            protocol: address.protocol().map(|protocol| protocol.to_string()),
            endpoint: address.endpoint(),
            binding: address.to_binding(host).map(|binding| binding.to_string()),
            object: (!endpoint.object.is_nil()).then(|| endpoint.object.to_string()),
            annotation: endpoint.annotation.clone(),
        }
    }
}

pub(crate) async fn run(wanted: &Endpoints, timeout: Duration) -> Result<String, Failure> {
    let (host, port) = &wanted.host;
    let interface = wanted.interface.map(|named| {
        let option = if named.version.is_some() { VersionOption::Compatible } else { VersionOption::All };
        (SyntaxId { uuid: named.uuid, version: named.version.unwrap_or_default() }, option)
    });
    let place = |error: MapError| Failure::from(error).at(host);
    let mapper = Mapper::connect_within(host, *port, timeout).await.map_err(place)?;
    let found = mapper.lookup(&Inquiry { interface, object: None }).await.map_err(place)?;
    let mut rows: Vec<_> = found.iter().map(|endpoint| Row::new(endpoint, host)).collect();
    rows.sort_by(|a, b| (a.name.is_none(), a.name, &a.interface).cmp(&(b.name.is_none(), b.name, &b.interface)));
    if let (Some(interface), true) = (wanted.interface, rows.is_empty()) {
        return Err(Failure::new(Kind::Refused, format_args!("{host} has no endpoint of {interface} registered")));
    }
    if wanted.json {
        // Strings and options of strings always become JSON.
        return Ok(serde_json::to_string_pretty(&rows).unwrap_or_default());
    }
    if rows.is_empty() {
        return Ok(format!("{host} has no endpoints registered"));
    }
    Ok(table(&rows))
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["INTERFACE", "VERSION", "NAME", "BINDING", "OBJECT", "ANNOTATION"]);
    for row in rows {
        table.add_row([
            row.interface.as_str(),
            row.version.as_str(),
            row.name.unwrap_or_default(),
            row.binding.as_deref().unwrap_or("(unknown protocol)"),
            row.object.as_deref().unwrap_or_default(),
            // What a stranger wrote goes to a terminal.
            &row.annotation.escape_debug().to_string(),
        ]);
    }
    text(table)
}

/// A table without lines around its columns.
pub(crate) fn text(mut table: Table) -> String {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let trimmed: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    trimmed.join("\n")
}

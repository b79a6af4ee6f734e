//! `clusctl watch`: what happens in a cluster, as it happens.

use std::{
    io::{self, Write as _},
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Args, ValueEnum};
use msrpc_cluster::{
    clusapi_client::{ChangeEvent, ClusterError, Detail, PortVersion, PropertySet, Subject, Subscription},
    cluster::notify::ObjectType,
};
use msrpc_ndr::FILETIME_TO_UNIX;
use serde_json::json;

use super::{
    Desk, Reach,
    connect::Nodes,
    data::{Data, hex},
    property, state, view,
    wait::interrupted,
};
use crate::{arguments::Common, failure::Failure, time::rfc3339};

/// How often the connection is tried where nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long to wait before a reconnection is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Print what happens in a cluster, a line for each event, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  clusctl watch --server node1
  clusctl watch --type group --type resource --json
  clusctl watch --resource 'Web Server' --count 1      waits for the next event of one resource

If the node fails, another one is asked; an event 'reconnected' says so.")]
pub(crate) struct Watch {
    #[command(flatten)]
    reach: Reach,
    /// What is watched; may be repeated [default: all but registry, unless an object is named]
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    types: Vec<WatchedType>,
    /// A group to watch; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// A resource to watch; may be repeated
    #[arg(long, value_name = "RESOURCE")]
    resource: Vec<String>,
    /// A node to watch; may be repeated
    #[arg(long, value_name = "NODE")]
    node: Vec<String>,
    /// A network to watch; may be repeated
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,
    /// End after so many events
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Seconds to try to reconnect for when no node answers
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86400))]
    reconnect: u64,
    /// The version of the notification port [default: 2, or 1 where the server has no other]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(1..=2))]
    port_version: Option<u8>,
}

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WatchedType {
    Cluster,
    Group,
    Resource,
    ResourceType,
    Node,
    Network,
    NetworkInterface,
    Quorum,
    GroupSet,
    Registry,
}

impl WatchedType {
    fn object_type(self) -> ObjectType {
        match self {
            Self::Cluster => ObjectType::Cluster,
            Self::Group => ObjectType::Group,
            Self::Resource => ObjectType::Resource,
            Self::ResourceType => ObjectType::ResourceType,
            Self::Node => ObjectType::Node,
            Self::Network => ObjectType::Network,
            Self::NetworkInterface => ObjectType::NetworkInterface,
            Self::Quorum => ObjectType::Quorum,
            Self::GroupSet => ObjectType::GroupSet,
            Self::Registry => ObjectType::Registry,
        }
    }
}

impl Watch {
    fn subjects(&self) -> Vec<Subject> {
        let named: Vec<Subject> = [
            (&self.group, Subject::Group as fn(String) -> Subject),
            (&self.resource, Subject::Resource),
            (&self.node, Subject::Node),
            (&self.network, Subject::Network),
        ]
        .into_iter()
        .flat_map(|(names, subject)| names.iter().cloned().map(subject))
        .collect();
        let types = if self.types.is_empty() && named.is_empty() {
            let all = WatchedType::value_variants().iter().copied();
            all.filter(|it| *it != WatchedType::Registry).collect()
        } else {
            self.types.clone()
        };
        types.into_iter().map(|it| Subject::All(it.object_type())).chain(named).collect()
    }
}

/// Who is told.
struct Printer {
    is_json: bool,
    /// How many events are still to be told.
    left: Option<u64>,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

pub(super) async fn run(wanted: &Watch, common: &Common) -> Result<String, Failure> {
    // From here on, Ctrl-C is an end like any other.
    let mut interrupt = pin!(interrupted());
    let connect = async {
        let mut desk = Desk::with(Nodes::new(&wanted.reach, common)?.patient(), common).await?;
        let version = wanted.port_version.map(|it| if it == 1 { PortVersion::V1 } else { PortVersion::V2 });
        let subjects = wanted.subjects();
        let subscription =
            desk.run(async |session| Subscription::open(session, subjects.clone(), version).await).await?;
        Ok::<_, Failure>((desk, subscription))
    };
    let (mut desk, mut subscription) = tokio::select! {
        biased;
        () = &mut interrupt => return Ok(String::new()),
        connected = connect => connected?,
    };
    let mut printer = Printer { is_json: common.json, left: wanted.count };
    if !common.json {
        let version = if subscription.version() == PortVersion::V1 { 1 } else { 2 };
        let (cluster, node) = (&desk.client.info().name, &desk.client.info().node);
        eprintln!(
            "watching {} through {} (version {version} port); Ctrl-C ends it",
            view::plain(cluster),
            view::plain(node)
        );
    }
    loop {
        let told = {
            let session = desk.client.session();
            let mut next = pin!(subscription.next(session));
            loop {
                tokio::select! {
                    biased;
                    () = &mut interrupt => break None,
                    told = &mut next => break Some(told),
                    () = tokio::time::sleep(KEEP_ALIVE) => {
                        // A server that is gone without a word does not answer this either.
                        let answer = tokio::time::timeout(common.call_timeout(), session.info()).await;
                        if let Ok(Err(error)) = answer {
                            break Some(Err(error));
                        } else if answer.is_err() {
                            let error = msrpc_ndr::TransportError::new("the node does not answer any more");
                            let cause = msrpc_cluster::clusapi_client::Cause::Connection(error);
                            break Some(Err(ClusterError::new("waiting for changes", cause)));
                        }
                    }
                }
            }
        };
        match told {
            None => break,
            Some(Ok(events)) => {
                if printer.tell(&events) == Then::End {
                    break;
                }
            }
            Some(Err(error)) if error.is_reconnect() => {
                let again = tokio::select! {
                    biased;
                    () = &mut interrupt => break,
                    again = reconnect(&mut desk, &mut subscription, Duration::from_secs(wanted.reconnect)) => again,
                };
                let event = if again { "reconnected" } else { "connection-lost" };
                let event = ChangeEvent::of_cluster(event, &desk.client.info().name);
                let then = printer.tell(&[event]);
                if !again {
                    return Err(desk.failure(&error));
                }
                if then == Then::End {
                    break;
                }
            }
            Some(Err(error)) => return Err(desk.failure(&error)),
        }
    }
    // The server forgets the port with the connection, too.
    let _closed = tokio::time::timeout(Duration::from_secs(2), subscription.close(desk.client.session())).await;
    Ok(String::new())
}

/// Connects to a node that takes the port over (\[MS-CMRP\] 3.2.4.6), trying for some time.
async fn reconnect(desk: &mut Desk<'_>, subscription: &mut Subscription, patience: Duration) -> bool {
    let begin = tokio::time::Instant::now();
    loop {
        if desk.client.reconnect(async |session| subscription.renew(session).await).await {
            return true;
        }
        if begin.elapsed() >= patience {
            return false;
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Printer {
    fn tell(&mut self, events: &[ChangeEvent]) -> Then {
        let mut output = io::stdout().lock();
        for event in events {
            let time = now();
            let line = if self.is_json { json_line(&time, event) } else { line(&time, event) };
            // Who reads may have seen enough (`clusctl watch | head`).
            if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
                return Then::End;
            }
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    return Then::End;
                }
            }
        }
        Then::GoOn
    }
}

/// Now, as RFC 3339 writes it.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + FILETIME_TO_UNIX;
    let intervals = i64::try_from(since.as_nanos() / 100).unwrap_or(0);
    rfc3339(intervals).unwrap_or_default()
}

fn line(time: &str, event: &ChangeEvent) -> String {
    let detail = match &event.detail {
        Detail::None => String::new(),
        Detail::State(state) => state::of(event.object_type, *state),
        Detail::Number(number) => number.to_string(),
        Detail::Text(text) => text.clone(),
        Detail::Texts(texts) => texts.join(", "),
        Detail::Properties(properties) => {
            let some = properties.iter().filter_map(|property| {
                let value = property.values.first()?;
                Some(format!("{}={}", property.name.to_string_lossy(), Data::from(value).text()))
            });
            some.collect::<Vec<_>>().join(", ")
        }
        Detail::Octets(octets) => hex(octets),
    };
    // Of a value in the registry the ID is its name.
    let name = match (event.object_type, event.id.as_str()) {
        ("registry", value) if event.event == "value" => format!("{} {value}", event.name),
        _ => event.name.clone(),
    };
    let line = format!("{time}  {:<17} {:<18} {name:<24} {detail}", event.object_type, event.event);
    view::plain(line.trim_end())
}

fn json_line(time: &str, event: &ChangeEvent) -> String {
    let mut value = json!({
        "time": time,
        "object_type": event.object_type,
        "event": event.event,
        "name": event.name,
        "id": event.id,
        "parent_id": event.parent_id,
        "type": event.type_name,
    });
    if let Some(object) = value.as_object_mut() {
        let (key, detail) = match &event.detail {
            Detail::None => ("", json!(null)),
            Detail::State(state) => ("state", json!(state::of(event.object_type, *state))),
            Detail::Number(number) => ("number", json!(number)),
            Detail::Text(text) => ("text", json!(text)),
            Detail::Texts(texts) => ("list", json!(texts)),
            Detail::Properties(properties) => {
                let set = if event.event == "private-property" { PropertySet::Private } else { PropertySet::Common };
                let listed: Vec<_> = properties.iter().map(|property| (set, property.clone())).collect();
                ("properties", property::json_list(&listed))
            }
            Detail::Octets(octets) => ("octets", json!(hex(octets))),
        };
        if !key.is_empty() {
            object.insert(key.to_owned(), detail);
        }
        if let Some(sequence) = event.sequence {
            object.insert("state_sequence".to_owned(), json!(sequence));
        }
    }
    value.to_string()
}

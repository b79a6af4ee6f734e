//! Waiting for what takes its time, with a bar on the terminal.

use std::{cell::RefCell, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use msrpc_cluster::clusapi_client::{Goal, Progress};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{Desk, failure::Details, state};
use crate::{
    failure::{Failure, Kind},
    output, progress,
};

/// Whether to wait, and how long.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Wait {
    /// Do not wait for the end; it goes on on the server
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait for the end
    #[arg(long, value_name = "SECONDS", default_value_t = 300, conflicts_with = "no_wait",
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
}

/// How a goal is spoken of.
struct Words<'a> {
    kind: &'static str,
    name: &'a str,
    /// "online": it is so in the end.
    end: String,
    /// "bringing online": what goes on.
    doing: String,
    members: &'static str,
}

fn words(goal: &Goal) -> Words<'_> {
    let (kind, name, end, doing): (_, &str, String, String) = match goal {
        Goal::GroupOnline(name) => ("group", name, "online".into(), "brought online".into()),
        Goal::GroupOffline(name) => ("group", name, "offline".into(), "taken offline".into()),
        Goal::GroupMoved { group, to: Some(to) } => ("group", group, format!("on {to}"), format!("moved to {to}")),
        Goal::GroupMoved { group, to: None } => {
            ("group", group, "on another node".into(), "moved to another node".into())
        }
        Goal::ResourceOnline(name) => ("resource", name, "online".into(), "brought online".into()),
        Goal::ResourceOffline(name) => ("resource", name, "offline".into(), "taken offline".into()),
        Goal::ResourceRestarted(name) => ("resource", name, "online again".into(), "restarted".into()),
        Goal::NodeDrained { node, .. } => ("node", node, "paused and drained".into(), "drained".into()),
    };
    Words { kind, name, end, doing, members: if kind == "node" { "groups" } else { "resources" } }
}

fn member_state(words: &Words<'_>, state: u32) -> String {
    if words.kind == "node" { state::group(state) } else { state::resource(state) }
}

/// "Web: failed, Name: offline" of those in states that a goal is not reached with.
fn missing(words: &Words<'_>, goal: &Goal, progress: &Progress) -> String {
    let is_there = |state: u32| match goal {
        Goal::GroupOnline(_) | Goal::ResourceOnline(_) | Goal::ResourceRestarted(_) => state == 2,
        Goal::GroupOffline(_) | Goal::ResourceOffline(_) => state == 3,
        Goal::GroupMoved { .. } => state < 0x80,
        Goal::NodeDrained { .. } => false,
    };
    let missing = progress.members.iter().filter(|member| !is_there(member.state));
    let texts: Vec<_> =
        missing.map(|member| format!("{}: {}", member.name, member_state(words, member.state))).collect();
    texts.join(", ")
}

fn display(bar: &ProgressBar, goal: &Goal, progress: &Progress) {
    let words = words(goal);
    bar.set_length(u64::try_from(progress.members.len()).unwrap_or(0));
    bar.set_position(u64::try_from(progress.arrived).unwrap_or(0));
    let missing = missing(&words, goal, progress);
    bar.set_message(super::view::plain(&format!("{} {}: {missing}", words.name, words.doing)));
}

fn json(words: &Words<'_>, progress: &Progress) -> Value {
    let state = state::of(words.kind, progress.state);
    let members: Vec<_> = progress
        .members
        .iter()
        .map(|member| json!({ "name": member.name, "state": member_state(words, member.state) }))
        .collect();
    let mut json = json!({ "state": state, "owner": progress.owner, "reached": progress.is_reached });
    if let Some(object) = json.as_object_mut() {
        object.insert(words.kind.to_owned(), json!(words.name));
        if words.kind != "resource" {
            object.insert(words.members.to_owned(), json!(members));
        }
    }
    json
}

/// Begins something, and waits for its end if that is wanted.
pub(super) async fn pursue(desk: &mut Desk<'_>, goal: &Goal, wait: Wait) -> Result<String, Failure> {
    let words = words(goal);
    let (kind, name) = (words.kind, words.name);
    if wait.no_wait {
        let outcome = desk.client.begin(goal).await;
        let is_done = outcome.map_err(|error| desk.failure(&error))?;
        let sentence = if is_done {
            format!("the {kind} {name:?} is {}", words.end)
        } else {
            format!("the {kind} {name:?} is being {}; 'clusctl {kind} show' tells how far it is", words.doing)
        };
        let mut json = json!({ "reached": is_done });
        if let Some(object) = json.as_object_mut() {
            object.insert(kind.to_owned(), json!(name));
        }
        return Ok(desk.done(sentence, &json));
    }
    let place = desk.client.info().node.clone();
    let bar = progress::bar(!desk.common.json);
    let last = RefCell::new(Progress::default());
    let pursued = desk.client.pursue(goal, |progress| {
        display(&bar, goal, progress);
        last.replace(progress.clone());
    });
    let outcome = tokio::select! {
        outcome = pursued => Ok(outcome),
        () = tokio::time::sleep(Duration::from_secs(wait.timeout)) => Err(Kind::TimedOut),
        () = interrupted() => Err(Kind::Interrupted),
    };
    bar.finish_and_clear();
    let end = |failure_kind, message: String, progress: &Progress| {
        let failure =
            Failure::new(failure_kind, message).with_cluster_details(Details::of_action(&words.doing, &place));
        if desk.common.json { failure.with_output(output::json(&json(&words, progress))) } else { failure }
    };
    match outcome {
        Ok(Err(error)) => Err(desk.failure(&error)),
        Ok(Ok(waited)) if waited.is_reached => {
            let on = if matches!(goal, Goal::GroupMoved { to: Some(_), .. } | Goal::NodeDrained { .. }) {
                String::new()
            } else {
                format!(" on {}", waited.progress.owner)
            };
            let end = if matches!(goal, Goal::GroupMoved { to: None, .. }) { "now" } else { &words.end };
            Ok(desk.done(format!("the {kind} {name:?} is {end}{on}"), &json(&words, &waited.progress)))
        }
        Ok(Ok(waited)) => {
            let missing = missing(&words, goal, &waited.progress);
            let state = state::of(kind, waited.progress.state);
            let why = if missing.is_empty() { String::new() } else { format!(" ({missing})") };
            let hint = match goal {
                Goal::NodeDrained { .. } => "\nNo other node takes them: 'clusctl node list' shows which are up.",
                _ => "",
            };
            let message = format!("the {kind} {name:?} is not {}: it is {state}{why}{hint}", words.end);
            Err(end(Kind::Failed, message, &waited.progress))
        }
        Err(failure_kind) => {
            let progress = last.into_inner();
            let why = match failure_kind {
                Kind::TimedOut => format!("is not {} after {} s", words.end, wait.timeout),
                _ => format!("was not waited for to be {}", words.end),
            };
            let missing = missing(&words, goal, &progress);
            let message = format!(
                "the {kind} {name:?} {why} ({missing})\nIt goes on on the server; 'clusctl {kind} show' tells how far it is."
            );
            Err(end(failure_kind, message, &progress))
        }
    }
}

/// Ready when Ctrl-C is pressed or somebody ends the command.
pub(super) async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Then they end the process as they are used to.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

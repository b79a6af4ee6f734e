//! What happens, as it happens.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, ChildStdout},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    server::Server,
    support::{Desk, text},
};

/// A `watch` that runs.
struct Watching {
    child: Child,
    output: BufReader<ChildStdout>,
    _errors: BufReader<ChildStderr>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // One that has ended has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watching {
    /// One that is ready: events that come now are told.
    fn start(desk: &Desk, arguments: &[&str]) -> Self {
        // The key is there, so that setting its value is one event.
        assert_eq!(desk.run(&["registry", "set", "ready"]).code, 0);
        let mut child = desk.start(&[&["watch", "--json"], arguments].concat());
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, output, _errors: errors }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next of a kind of event.
    fn next_of(&mut self, object_type: &str, event: &str) -> Value {
        loop {
            let next = self.next();
            if next["object_type"] == object_type && next["event"] == event {
                return next;
            }
        }
    }

    /// Changes something until it is told of: then the filters hold.
    fn ready(mut self, desk: &Desk) -> Self {
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            scope.spawn(move || {
                while receiver.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
                    desk.run(&["registry", "set", "ready", "is", "it"]);
                }
            });
            let next = self.next_of("registry", "value");
            assert_eq!(text(&next["name"]), "ready");
            sender.send(()).unwrap();
        });
        self
    }

    fn interrupt(&mut self) -> i32 {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        self.ended()
    }

    fn ended(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

const ALL: [&str; 8] = ["--type", "registry", "--type", "group", "--type", "resource", "--type", "cluster"];

#[test]
fn one_sees_what_another_does_until_it_is_interrupted() {
    let server = Server::start();
    let desk = server.desk();
    let mut watching = Watching::start(&desk, &ALL).ready(&desk);
    assert_eq!(desk.run(&["group", "create", "Größe 🦀"]).code, 0);
    let added = watching.next_of("cluster", "group-added");
    assert_eq!(text(&added["name"]), "Größe 🦀");
    let created = desk.json(&["resource", "create", "Clerk", "--group", "Größe 🦀", "--type", "Generic Service"]);
    let added = watching.next_of("group", "resource-added");
    assert_eq!((text(&added["name"]), &added["id"]), ("Clerk", &created["id"]));
    assert_eq!(desk.run(&["resource", "online", "Clerk"]).code, 0);
    let states: Vec<_> = (0..2).map(|_| watching.next_of("resource", "state")).collect();
    assert_eq!((text(&states[0]["state"]), text(&states[1]["state"])), ("online-pending", "online"));
    assert_eq!((text(&states[1]["name"]), text(&states[1]["type"])), ("Clerk", "Generic Service"));
    assert_eq!(text(&watching.next_of("group", "state")["state"]), "online");
    assert_eq!(watching.interrupt(), 0);
}

#[test]
fn a_server_without_version_2_ports_is_asked_with_version_1() {
    let server = Server::start();
    let desk = server.desk();
    let mut watching =
        Watching::start(&desk, &["--type", "registry", "--resource", "Batch Name", "--port-version", "1"]).ready(&desk);
    assert_eq!(desk.run(&["group", "online", "Batch"]).code, 0);
    let state = watching.next_of("resource", "state");
    assert_eq!((text(&state["name"]), state["state_sequence"].as_u64()), ("Batch Name", Some(1)));
    assert_eq!(watching.interrupt(), 0);
}

#[test]
fn a_node_that_comes_back_is_watched_on() {
    let mut server = Server::start();
    let desk = server.desk();
    let mut watching = Watching::start(&desk, &[&ALL[..], &["--group", "Batch"]].concat()).ready(&desk);
    let mut first =
        Watching::start(&desk, &["--type", "registry", "--group", "Batch", "--port-version", "1"]).ready(&desk);
    assert_eq!(desk.run(&["group", "online", "Batch"]).code, 0);
    first.next_of("group", "state");
    server.replace();
    for watching in [&mut watching, &mut first] {
        assert_eq!(text(&watching.next_of("cluster", "reconnected")["name"]), "DEMO");
    }
    // What it missed, a version 1 port is told at once: the sequence number is another (3.1.4.2.64).
    assert_eq!(text(&first.next_of("group", "state")["name"]), "Batch");
    assert_eq!(desk.run(&["group", "online", "Batch"]).code, 0);
    while text(&watching.next_of("group", "state")["state"]) != "online" {}
    assert_eq!((watching.interrupt(), first.interrupt()), (0, 0));
}

#[test]
fn it_ends_after_as_many_events_as_are_wanted() {
    let server = Server::start();
    let desk = server.desk();
    let mut watching = Watching::start(&desk, &["--type", "registry", "--count", "1"]).ready(&desk);
    assert_eq!(watching.ended(), 0);
}

//! Hosts and the cluster's state machine together.

use std::time::{Duration, Instant};

use msrpc_cluster::cluster::{
    form::{Form, ResourceTypeForm, UNKNOWN_GROUP_TYPE, first_node},
    host::ResourceSpec,
    machine::{Cluster, Command},
    objects::layout,
    registry::{KeyId, Name, Path, Value},
    state::{ResourceState, ServerState},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::rig::{PATIENCE, Rig, ended, name, pid, runs};

/// A node, as small as it can be.
struct Node {
    cluster: Cluster,
    rig: Rig,
    started: Instant,
}

impl Node {
    fn apply(&mut self, command: Command) {
        // 100-nanosecond intervals.
        let now = 1 + u64::try_from(self.started.elapsed().as_nanos() / 100).unwrap();
        self.cluster.apply(command, now).unwrap();
        for call in self.cluster.take_output().hosts {
            let spec = ResourceSpec::of(&self.cluster, &call.resource).unwrap();
            self.rig.hosts.call(call, spec);
        }
    }

    async fn until(&mut self, resource: &Name, state: ResourceState) {
        let settled = async {
            while self.cluster.volatile().resources[resource].state != state {
                let command = tokio::select! {
                    command = self.rig.commands.recv() => command.unwrap(),
                    () = sleep(Duration::from_millis(10)) => Command::Tick,
                };
                self.apply(command);
            }
        };
        timeout(PATIENCE, settled).await.expect("it comes to that state");
    }

    async fn program(&self) -> Pid {
        let file = self.rig.path("pid");
        let pid = pid(&file).await;
        std::fs::remove_file(file).unwrap();
        pid
    }
}

#[tokio::test]
async fn a_program_that_crashes_is_restarted_and_one_that_goes_offline_is_not() {
    let rig = Rig::new();
    let form = Form {
        cluster_name: "CLUSTER1".into(),
        node_name: "node1".into(),
        address: None,
        security: "O:BAG:BAD:(A;;GA;;;BA)".parse().unwrap(),
        networks: Vec::new(),
        resource_types: vec![ResourceTypeForm { name: "Generic Application".into(), dll_name: "builtin".into() }],
    };
    let cluster = Cluster::new(form.registry(1, Uuid::new_v4).unwrap().0, first_node());
    let mut node = Node { cluster, rig, started: Instant::now() };
    node.apply(Command::SetServerState(ServerState::ReadWrite));
    node.apply(Command::CreateGroup { id: name("g"), name: name("Group"), group_type: UNKNOWN_GROUP_TYPE });
    node.apply(Command::CreateResource {
        id: name("r"),
        group: name("g"),
        name: name("Resource"),
        resource_type: name("Generic Application"),
        separate_monitor: false,
    });
    let key = |node: &Node, path| node.cluster.registry().find(KeyId::ROOT, &Path::new(path).unwrap()).unwrap();
    let resource = key(&node, "Resources\\r");
    node.apply(Command::CreateKey { from: resource, path: layout::path("Parameters"), security: None });
    node.apply(Command::SetValue(resource, name(layout::RESTART_DELAY), Value::dword(20)));
    let parameters = key(&node, "Resources\\r\\Parameters");
    let line = format!("sh -c 'echo $$ > {}; exec sleep 100'", node.rig.path("pid").display());
    node.apply(Command::SetValue(parameters, name("CommandLine"), Value::string(&line)));

    node.apply(Command::OnlineResource(name("r")));
    node.until(&name("r"), ResourceState::Online).await;
    let first = node.program().await;
    kill_process(first, Signal::KILL).unwrap();
    node.until(&name("r"), ResourceState::Failed).await;
    node.until(&name("r"), ResourceState::Online).await;
    let second = node.program().await;
    assert!(first != second && runs(second));
    node.apply(Command::OfflineResource(name("r")));
    node.until(&name("r"), ResourceState::Offline).await;
    assert!(ended(second).await);
    node.rig.hosts.stop(Duration::ZERO).await;
    assert!(!node.rig.path("pid").exists());
}

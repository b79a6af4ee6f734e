//! The ports, as the configuration says.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use msrpc_cluster::fsrvp::{
    ports::{SetStore, Share, Shares, SnapshotProvider},
    server::SetRecord,
};

use super::DaemonError;
use crate::{
    config::{Config, Provider},
    fsrvp::{self, Ports, ProcMounts},
    process::Runner,
    providers::{Btrfs, Hooks, Method, Tree},
    shares::{PreviousVersions, Programs, Samba, Table},
};

/// What tells this run of the machine from others.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the FSRVP server needs, but the store.
pub(super) struct Parts {
    providers: Vec<(String, Arc<dyn SnapshotProvider>)>,
    shares: Arc<dyn Shares>,
    /// Where Samba's pipes are.
    pub(super) ncalrpc_dir: Option<PathBuf>,
}

impl Parts {
    pub(super) fn ports(&self, store: Arc<dyn SetStore<SetRecord>>) -> Ports {
        let (providers, shares) = (self.providers.clone(), Arc::clone(&self.shares));
        Ports { providers, shares, mounts: Arc::new(ProcMounts), store }
    }
}

/// The protocol's side of the configuration.
pub(super) fn protocol(config: &Config) -> fsrvp::Config {
    let mut protocol = msrpc_cluster::fsrvp::server::Config::default().faster_by(config.fsrvp.faster_by);
    protocol.machine_name.clone_from(&config.fsrvp.machine_name);
    protocol.boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
    fsrvp::Config { protocol, ..fsrvp::Config::default() }
}

pub(super) async fn parts(config: &Config, runner: &Runner) -> Result<Parts, DaemonError> {
    let mut providers: Vec<_> =
        config.fsrvp.provider.iter().map(|it| (it.name().to_owned(), provider(it, runner))).collect();
    let Some(samba) = samba(config, runner) else {
        let shares = config.fsrvp.share.iter();
        let shares = shares.map(|share| Share { name: share.name.clone(), path: share.path.clone() }).collect();
        let shares = Arc::new(Table::new(shares, config.data.0.join("exposed")));
        return Ok(Parts { providers, shares, ncalrpc_dir: None });
    };
    samba.check().await.map_err(DaemonError::Samba)?;
    let ncalrpc_dir = ncalrpc_dir(config, &samba).await?;
    let samba = Arc::new(samba.with_pipes(ncalrpc_dir.clone()));
    for (_, provider) in &mut providers {
        let notes = config.data.0.join("previous-versions");
        *provider = Arc::new(PreviousVersions::new(Arc::clone(provider), Arc::clone(&samba), notes));
    }
    Ok(Parts { providers, shares: samba, ncalrpc_dir: Some(ncalrpc_dir) })
}

async fn ncalrpc_dir(config: &Config, samba: &Samba) -> Result<PathBuf, DaemonError> {
    if let Some(folder) = config.samba.as_ref().and_then(|samba| samba.ncalrpc_dir.clone()) {
        return Ok(folder);
    }
    samba.global("ncalrpc dir").await.map(PathBuf::from).map_err(DaemonError::Samba)
}

fn samba(config: &Config, runner: &Runner) -> Option<Samba> {
    let samba = config.samba.as_ref()?;
    let program = |name: &str| samba.programs.join(name);
    let programs = Programs {
        testparm: program("testparm"),
        net: program("net"),
        sharesec: program("sharesec"),
        smbcontrol: program("smbcontrol"),
    };
    Some(Samba::new(programs, samba.configuration.clone(), config.data.0.clone(), runner.clone()))
}

fn provider(provider: &Provider, runner: &Runner) -> Arc<dyn SnapshotProvider> {
    match provider {
        Provider::Btrfs { name, snapshots, program } => {
            Arc::new(Btrfs::new(name, program.clone(), snapshots.clone(), runner.clone()))
        }
        Provider::Reflink { name, snapshots } => Arc::new(Tree::new(name, Method::Reflink, snapshots.clone())),
        Provider::Copy { name, snapshots } => Arc::new(Tree::new(name, Method::Copy, snapshots.clone())),
        Provider::Command { name, program, arguments, timeout } => {
            let limit = Duration::from_secs((*timeout).clamp(1, 24 * 3600));
            Arc::new(Hooks::new(name, program.clone(), arguments.clone(), limit, runner.clone()))
        }
    }
}

/// Looks whether what is configured is there.
pub(super) async fn check(config: &Config) -> Result<Vec<String>, DaemonError> {
    let mut found = Vec::new();
    let missing = |what: String| DaemonError::Configuration(what);
    for provider in &config.fsrvp.provider {
        let name = provider.name();
        if let Some(program) = provider.program().filter(|program| !is_program(program)) {
            return Err(missing(format!("provider {name}: {} is no program", program.display())));
        }
        // The folder itself is made when it is needed.
        let parent = provider.snapshots().and_then(Path::parent).filter(|parent| !parent.is_dir());
        if let Some(parent) = parent {
            return Err(missing(format!("provider {name}: there is no folder {}", parent.display())));
        }
        found.push(format!("provider {name} is ready"));
    }
    for share in &config.fsrvp.share {
        if !share.path.is_dir() {
            return Err(missing(format!("share {}: there is no folder {}", share.name, share.path.display())));
        }
        found.push(format!("share {} shows {}", share.name, share.path.display()));
    }
    if let Some(samba) = samba(config, &Runner::default()) {
        samba.check().await.map_err(DaemonError::Samba)?;
        let pipes = ncalrpc_dir(config, &samba).await?;
        found.push(format!("Samba's pipes are in {}", pipes.display()));
    }
    Ok(found)
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

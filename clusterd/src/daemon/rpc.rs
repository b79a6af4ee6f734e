//! The RPC server around the services: the one place that knows how `msrpc` builds it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use msrpc::{
    auth::{AuthError, CredentialsFile, kerberos::KerberosAcceptor},
    server::Server,
    transport::np::{PipeListener, PipeTrust},
};
use msrpc_ndr::{AuthLevel, Service};

use super::{DaemonError, Endpoints};
use crate::config::{self, Config};

/// The pipe of FSRVP, [MS-FSRVP] 2.1.
const PIPE: &str = "FssagentRpc";

/// The accounts that the configuration names.
pub(super) fn accounts(config: &Config) -> Result<Option<CredentialsFile>, DaemonError> {
    let Some(path) = &config.credentials else { return Ok(None) };
    let accounts = CredentialsFile::load(path).map_err(|error| DaemonError::Configuration(error.to_string()))?;
    for warning in accounts.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(Some(accounts))
}

/// What is served.
#[derive(Default)]
pub(super) struct Services {
    pub(super) fsrvp: Option<Arc<dyn Service>>,
    pub(super) clusapi: Option<Arc<dyn Service>>,
}

/// Serves everything at all that is configured.
pub(super) async fn serve(
    config: &Config,
    ncalrpc_dir: Option<PathBuf>,
    accounts: Option<CredentialsFile>,
    services: Services,
) -> Result<(Server, Endpoints), DaemonError> {
    let mut builder = config.limits.apply(Server::builder().annotation("clusterd"));
    for service in services.fsrvp.iter().chain(&services.clusapi) {
        builder = builder.shared_service(Arc::clone(service));
    }
    if let Some(accounts) = accounts {
        builder = builder.computer_name(crate::host_name()).accounts(accounts);
    }
    if let Some(kerberos) = &config.kerberos {
        builder = builder.kerberos(&kerberos.server()).map_err(|error| unusable(&error))?;
    }
    let mut endpoints = Endpoints::default();
    if services.fsrvp.is_some()
        && let Some((folder, samba)) = ncalrpc_dir.zip(config.samba.as_ref().filter(|samba| samba.pipe))
    {
        let listener = PipeListener::bind(folder, PIPE, trust(samba.pipe_trust))?;
        endpoints.fsrvp.push(format!("ncacn_np:{}[\\pipe\\{PIPE}]", crate::host_name()));
        builder = builder.listen_pipe(listener);
    }
    for address in &config.tcp.listen {
        builder = builder.listen_tcp(address).await.map_err(|error| unavailable(*address, error))?;
    }
    for address in &config.tcp.endpoint_mapper {
        builder = builder.listen_mapper(address).await.map_err(|error| unavailable(*address, error))?;
    }
    let server = builder.start().map_err(|error| DaemonError::Listen { address: "all of them".to_owned(), error })?;
    if services.fsrvp.is_some() {
        endpoints.fsrvp.extend(server.tcp_addresses().iter().map(binding));
    }
    if services.clusapi.is_some() {
        endpoints.clusapi.extend(server.tcp_addresses().iter().map(binding));
    }
    endpoints.epmapper.extend(server.mapper_addresses().iter().map(binding));
    Ok((server, endpoints))
}

/// Looks whether Kerberos works here, if it is configured.
pub(super) fn check_kerberos(config: &Config) -> Result<(), DaemonError> {
    let Some(kerberos) = &config.kerberos else { return Ok(()) };
    KerberosAcceptor::new(&kerberos.server()).map(drop).map_err(|error| unusable(&error))
}

fn unusable(error: &AuthError) -> DaemonError {
    DaemonError::Configuration(format!("[kerberos]: {error}"))
}

fn trust(trust: config::PipeTrust) -> PipeTrust {
    match trust {
        config::PipeTrust::Smb => PipeTrust::default(),
        config::PipeTrust::Encrypted => PipeTrust { plain: AuthLevel::None, ..PipeTrust::default() },
        config::PipeTrust::None => PipeTrust::NONE,
    }
}

fn binding(address: &SocketAddr) -> String {
    format!("ncacn_ip_tcp:{}[{}]", address.ip(), address.port())
}

fn unavailable(address: SocketAddr, error: std::io::Error) -> DaemonError {
    DaemonError::Listen { address: address.to_string(), error }
}

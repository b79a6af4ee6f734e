//! The RPC server around the services: the one place that knows how `msrpc` builds it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use msrpc::{
    association::AcceptorFn,
    auth::{
        CredentialsFile, SecurityContext,
        ntlm::{self, NtlmServer, NtlmServerConfig},
        spnego::{self, SpnegoServer},
    },
    server::{Server, ServerBuilder},
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
        builder = with_accounts(builder, accounts);
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

/// NTLM, raw and in SPNEGO.
fn with_accounts(builder: ServerBuilder, accounts: CredentialsFile) -> ServerBuilder {
    let config = Arc::new(NtlmServerConfig::new(crate::host_name(), Arc::new(accounts)));
    let raw = Arc::clone(&config);
    let raw = AcceptorFn::new(ntlm::AUTH_TYPE, move |_| -> Box<dyn SecurityContext> {
        Box::new(NtlmServer::new(Arc::clone(&raw)))
    });
    let negotiated = AcceptorFn::new(spnego::AUTH_TYPE, move |_| -> Box<dyn SecurityContext> {
        Box::new(SpnegoServer::new(vec![Box::new(NtlmServer::new(Arc::clone(&config)))]))
    });
    builder.acceptor(raw).acceptor(negotiated)
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

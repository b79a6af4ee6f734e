//! A server of the test interfaces on a free port.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use msrpc::{
    association::AcceptorFn,
    auth::{
        CredentialsFile, SecurityContext,
        ntlm::{NtlmServer, NtlmServerConfig},
        spnego::SpnegoServer,
    },
    server::{Server, ServerBuilder},
};
use msrpc_protocols::clusapi3::clusapi;

use super::{
    clock::Clock,
    cluster::{ANY_LEVEL, Cluster},
    interfaces::{srvsvc::srvsvc, trial::trial},
    observe::{Log, Observed},
    trial::Trial,
};

/// The account that may log on.
pub const USER: &str = "root";
/// Its password.
pub const PASSWORD: &str = "Passw0rd";
/// An account that is disabled and has the same password.
pub const DISABLED: &str = "old";

/// Which interfaces a node demands privacy for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demands {
    /// None.
    Nothing,
    /// ClusAPI, as its document says.
    Document,
}

/// A server that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Node {
    server: Server,
    address: SocketAddr,
    /// The calls that have reached it.
    pub log: Log,
    /// The server of the trial interface.
    pub trial: Trial,
}

impl Node {
    /// Starts a server on 127.0.0.1.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(demands: Demands) -> io::Result<Self> {
        Self::start_with(demands, |builder| builder).await
    }

    /// Starts a server that is somehow different.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start_with(demands: Demands, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> io::Result<Self> {
        let (log, trial) = (Log::default(), Trial::default());
        let mut cluster = Observed::new(clusapi::Service::new(Cluster::default()), &log);
        if demands == Demands::Nothing {
            cluster = cluster.offered_as(&ANY_LEVEL);
        }
        let builder = Server::builder()
            .service(cluster)
            .service(Observed::new(trial::Service::new(trial.clone()), &log))
            .service(srvsvc::Service::new(Clock));
        let server = change(with_accounts(builder)?).listen_tcp("127.0.0.1:0").await?.start()?;
        let address = *server.tcp_addresses().first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { server, address, log, trial })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and waits until no connection is left.
    pub async fn stop(self) {
        self.server.shutdown(Duration::from_secs(5)).await;
    }
}

/// NTLM and SPNEGO for the accounts of the tests.
fn with_accounts(builder: ServerBuilder) -> io::Result<ServerBuilder> {
    let file = format!("{USER}::password:{PASSWORD}\n{DISABLED}:disabled:password:{PASSWORD}\n");
    let accounts = CredentialsFile::parse(file.as_bytes()).map_err(|_| io::ErrorKind::InvalidData)?;
    let config = Arc::new(NtlmServerConfig::new("NODE1", Arc::new(accounts)));
    let ntlm = Arc::clone(&config);
    let ntlm =
        AcceptorFn::new(10, move |_| -> Box<dyn SecurityContext> { Box::new(NtlmServer::new(Arc::clone(&ntlm))) });
    let spnego = AcceptorFn::new(9, move |_| -> Box<dyn SecurityContext> {
        Box::new(SpnegoServer::new(vec![Box::new(NtlmServer::new(Arc::clone(&config)))]))
    });
    Ok(builder.acceptor(ntlm).acceptor(spnego))
}

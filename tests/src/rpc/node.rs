//! A server of the test interfaces on a free port.

use std::{io, net::SocketAddr, time::Duration};

use msrpc::{
    auth::CredentialsFile,
    epm,
    server::{Server, ServerBuilder},
};
use msrpc_protocols::clusapi3::clusapi;

use super::{
    clock::Clock,
    cluster::{ANY_LEVEL, Cluster},
    interfaces::{srvsvc::srvsvc, trial::trial},
    observe::{Log, Observed},
    samba,
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
        let (builder, log, trial) = Self::builder(demands)?;
        let server = change(builder).listen("ncacn_ip_tcp:127.0.0.1").await?.start()?;
        Self::of(server, log, trial)
    }

    /// Starts a server on a loopback address of its own, with an endpoint mapper on port 135.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start_mapped(demands: Demands) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let (builder, log, trial) = Self::builder(demands)?;
            let host = samba::free_address()?;
            let builder = builder.listen(&format!("ncacn_ip_tcp:{host}")).await?;
            match builder.listen_mapper((host, epm::PORT)).await {
                Ok(builder) => return Self::of(builder.start()?, log, trial),
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 50 => tries += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A server that does not listen yet.
    ///
    /// # Errors
    /// Never: the accounts are well-formed.
    pub fn builder(demands: Demands) -> io::Result<(ServerBuilder, Log, Trial)> {
        let (log, trial) = (Log::default(), Trial::default());
        let mut cluster = Observed::new(clusapi::Service::new(Cluster::default()), &log);
        if demands == Demands::Nothing {
            cluster = cluster.offered_as(&ANY_LEVEL);
        }
        let builder = Server::builder()
            .computer_name("NODE1")
            .accounts(accounts()?)
            .service(cluster)
            .service(Observed::new(trial::Service::new(trial.clone()), &log))
            .service(srvsvc::Service::new(Clock));
        Ok((builder, log, trial))
    }

    fn of(server: Server, log: Log, trial: Trial) -> io::Result<Self> {
        let address = *server.tcp_addresses().first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { server, address, log, trial })
    }

    /// The server itself.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
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

/// The accounts of the tests.
///
/// # Errors
/// Never: they are well-formed.
fn accounts() -> io::Result<CredentialsFile> {
    let file = format!("{USER}::password:{PASSWORD}\n{DISABLED}:disabled:password:{PASSWORD}\n");
    CredentialsFile::parse(file.as_bytes()).map_err(|_| io::ErrorKind::InvalidData.into())
}

//! Clients: connections, and the channels that generated clients call through.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use msrpc::client::ClientBuilder;
//! use msrpc_protocols::mgmt::mgmt;
//!
//! // The port is what the endpoint mapper says; `seal` is privacy by SPNEGO and NTLM.
//! let builder = ClientBuilder::to("ncacn_ip_tcp:node1[seal]")?.credentials(r"EXAMPLE\admin", "secret");
//! let client = mgmt::Client::new(builder.connect(&mgmt::INTERFACE).await?);
//! client.rpc_mgmt_is_server_listening().await?;
//! # Ok(())
//! # }
//! ```

mod channel;
mod connection;
mod error;
mod login;
mod resolve;
mod steps;

use std::{sync::Arc, time::Duration};

use msrpc_ndr::{AuthLevel, Interface};

pub use channel::BoundChannel;
pub use connection::Connection;
pub use error::ConnectError;

use crate::{
    association::{ClientConfig, ClientSecurity, Proposal},
    auth::SecurityContext,
    binding::{BindingError, Protocol, StringBinding},
    metrics::ClientMetrics,
    transport::{KeepAlive, Stream, tcp},
};

/// Makes the client's side of a security context, one for each connection.
pub type Initiator = Arc<dyn Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync>;

/// Builds a [`Connection`].
#[derive(Clone)]
pub struct ClientBuilder {
    binding: StringBinding,
    config: ClientConfig,
    login: login::Login,
    level: AuthLevel,
    group: u32,
    mapper_port: u16,
    connect_timeout: Duration,
    call_timeout: Option<Duration>,
    keep_alive: Option<KeepAlive>,
    metrics: Arc<ClientMetrics>,
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("binding", &self.binding)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// A client of the server that a string binding names. Its options count: `sign`, `seal`,
    /// `bigendian`, `ndr64` and so on.
    pub fn new(binding: StringBinding) -> Self {
        let mut config = ClientConfig { order: binding.order(), ..ClientConfig::default() };
        config.header_signing = !binding.has("noheadersign");
        let level = binding.auth_level().unwrap_or(AuthLevel::Privacy);
        Self {
            binding,
            config,
            login: login::Login::default(),
            level,
            group: 0,
            mapper_port: crate::epm::PORT,
            connect_timeout: Duration::from_secs(10),
            call_timeout: None,
            keep_alive: Some(KeepAlive::default()),
            metrics: Arc::default(),
        }
    }

    /// A client of the server that a string binding names, as text.
    ///
    /// # Errors
    ///
    /// If the text is no binding.
    pub fn to(binding: &str) -> Result<Self, BindingError> {
        Ok(Self::new(binding.parse()?))
    }

    /// Sets the authentication level.
    pub fn level(mut self, level: AuthLevel) -> Self {
        self.level = level;
        self
    }

    /// Joins the association group of another connection, so that context handles are shared.
    pub fn group(mut self, group: u32) -> Self {
        self.group = group;
        self
    }

    /// Sets how long connecting and binding may take (10 seconds).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long each call may take, as [`BoundChannel::with_timeout`] does. Without it calls wait as
    /// long as the connection holds.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Sets how a connection over TCP ends whose server is gone without a word
    /// ([`KeepAlive::default`]: after two minutes); `None` leaves it to time-outs of calls.
    pub fn keep_alive(mut self, alive: Option<KeepAlive>) -> Self {
        self.keep_alive = alive;
        self
    }

    /// Counts together with other clients, and lets them be looked at. Each builder has counters of
    /// its own without this, which its clones share.
    pub fn metrics(mut self, metrics: Arc<ClientMetrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Changes how the client speaks.
    pub fn configure(mut self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Connects, and binds an interface.
    ///
    /// # Errors
    ///
    /// Says whether host, port, protocol, authentication or interface is the trouble.
    pub async fn connect(&self, interface: &'static Interface) -> Result<BoundChannel, ConnectError> {
        match self.binding.protocol {
            Protocol::Tcp => {
                let Some(port) = self.binding.endpoint.as_deref() else { return self.connect_mapped(interface).await };
                let port = port.parse().map_err(|_| ConnectError::BadEndpoint(port.to_owned()))?;
                let stream = self.connect_tcp(port).await?;
                self.bind(stream, interface).await
            }
            #[cfg(unix)]
            Protocol::Local => {
                let endpoint = self.endpoint_of(interface, "ncalrpc")?;
                let stream = crate::transport::local::connect(endpoint)
                    .await
                    .map_err(|error| ConnectError::Local { endpoint: endpoint.to_owned(), error })?;
                self.bind(stream, interface).await
            }
            #[cfg(feature = "smb")]
            Protocol::NamedPipe => {
                let pipe = self.endpoint_of(interface, "ncacn_np")?;
                let options = self.smb_options()?;
                let initiator = self.login.smb_initiator()?;
                let stream =
                    crate::transport::smb::open(&self.binding.host, pipe, &options, initiator.as_deref()).await?;
                self.bind(stream, interface).await
            }
            ref other => Err(ConnectError::Protocol(other.clone())),
        }
    }

    /// Connects to a port of the binding's host.
    async fn connect_tcp(&self, port: u16) -> Result<tokio::net::TcpStream, ConnectError> {
        let stream = tcp::connect(&self.binding.host, port, self.connect_timeout).await?;
        if self.keep_alive != Some(KeepAlive::default()) {
            tcp::keep_alive(&stream, self.keep_alive);
        }
        Ok(stream)
    }

    /// The endpoint that the binding names, or else the interface's IDL.
    fn endpoint_of<'a>(&'a self, interface: &'a Interface, protocol: &'static str) -> Result<&'a str, ConnectError> {
        let well_known =
            || interface.endpoints.iter().find(|(known, _)| *known == protocol).map(|(_, endpoint)| *endpoint);
        let named = self.binding.endpoint.as_deref().or_else(well_known);
        named.ok_or_else(|| ConnectError::NoEndpoint(self.binding.clone()))
    }

    /// How the binding wants SMB: on another port (`smb_port=4450`), encrypted (`smb_encrypt`).
    #[cfg(feature = "smb")]
    fn smb_options(&self) -> Result<crate::transport::smb::SmbOptions, ConnectError> {
        use crate::transport::smb::{PORT, SmbOptions};

        let port = match self.binding.option("smb_port") {
            Some(port) => port.parse().map_err(|_| ConnectError::BadEndpoint(port.to_owned()))?,
            None => PORT,
        };
        Ok(SmbOptions { port, encrypt: self.binding.has("smb_encrypt"), timeout: self.connect_timeout })
    }

    /// Binds an interface over a stream that has just been opened.
    ///
    /// # Errors
    ///
    /// Says whether protocol, authentication or interface is the trouble.
    pub async fn bind(&self, stream: impl Stream, interface: &'static Interface) -> Result<BoundChannel, ConnectError> {
        let security = self
            .login
            .initiator(&self.binding)?
            .filter(|_| self.level > AuthLevel::None)
            .map(|initiator| ClientSecurity { context: initiator(self.level), level: self.level });
        if security.is_none() && self.binding.auth_level().is_some() {
            return Err(ConnectError::NoCredentials);
        }
        let (connection, negotiation) =
            Connection::open(self.config, stream, self.group, &[self.proposal(interface)], security, &self.metrics)?;
        let outcomes = match tokio::time::timeout(self.connect_timeout, connection.negotiated(negotiation)).await {
            Ok(outcomes) => outcomes.map_err(|error| match error {
                ConnectError::Transport(error) => ConnectError::Closed(error),
                error => error,
            })?,
            Err(_) if connection.is_stepping() => {
                return Err(ConnectError::AuthenticationTimeout(self.connect_timeout));
            }
            Err(_) => return Err(ConnectError::BindTimeout(self.connect_timeout)),
        };
        connection.channel_of(interface, outcomes, self.binding.object, self.call_timeout)
    }

    fn proposal(&self, interface: &'static Interface) -> Proposal {
        let mut proposal = Proposal::new(interface);
        if let Some(only) = self.binding.syntax() {
            proposal.syntaxes.retain(|&syntax| syntax == only);
        }
        proposal
    }
}

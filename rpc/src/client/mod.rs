//! Clients: connections, and the channels that generated clients call through.

mod channel;
mod connection;
mod error;
mod resolve;

use std::{sync::Arc, time::Duration};

use msrpc_ndr::{AuthLevel, Interface};

pub use channel::BoundChannel;
pub use connection::Connection;
pub use error::ConnectError;

use crate::{
    association::{ClientConfig, ClientSecurity, Proposal},
    auth::SecurityContext,
    binding::{Protocol, StringBinding},
    transport::{Stream, tcp},
};

/// Makes the client's side of a security context, one for each connection.
pub type Initiator = Arc<dyn Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync>;

/// Builds a [`Connection`].
#[derive(Clone)]
pub struct ClientBuilder {
    binding: StringBinding,
    config: ClientConfig,
    initiator: Option<Initiator>,
    level: AuthLevel,
    group: u32,
    mapper_port: u16,
    connect_timeout: Duration,
    call_timeout: Option<Duration>,
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
            initiator: None,
            level,
            group: 0,
            mapper_port: crate::epm::PORT,
            connect_timeout: Duration::from_secs(10),
            call_timeout: None,
        }
    }

    /// Authenticates with a provider. The level is that of the string binding, or privacy.
    pub fn authenticate(
        mut self,
        initiator: impl Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync + 'static,
    ) -> Self {
        self.initiator = Some(Arc::new(initiator));
        self
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

    /// Sets how long each call may take. Without it calls wait as long as the connection holds.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
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
        let host = &self.binding.host;
        match self.binding.protocol {
            Protocol::Tcp => {
                let Some(port) = self.binding.endpoint.as_deref() else { return self.connect_mapped(interface).await };
                let port = port.parse().map_err(|_| ConnectError::BadEndpoint(port.to_owned()))?;
                let stream = tcp::connect(host, port, self.connect_timeout).await?;
                self.bind(stream, interface).await
            }
            #[cfg(unix)]
            Protocol::Local => {
                let endpoint = self.binding.endpoint.as_deref().ok_or(ConnectError::NoEndpoint)?;
                let stream = crate::transport::local::connect(endpoint)
                    .await
                    .map_err(|error| ConnectError::Local { endpoint: endpoint.to_owned(), error })?;
                self.bind(stream, interface).await
            }
            #[cfg(feature = "smb")]
            Protocol::NamedPipe => {
                let pipe = self.binding.endpoint.as_deref().ok_or(ConnectError::NoEndpoint)?;
                let options = self.smb_options()?;
                let stream = crate::transport::smb::open(host, pipe, &options, self.initiator.as_deref()).await?;
                self.bind(stream, interface).await
            }
            ref other => Err(ConnectError::Protocol(other.clone())),
        }
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
            .initiator
            .as_ref()
            .filter(|_| self.level > AuthLevel::None)
            .map(|initiator| ClientSecurity { context: initiator(self.level), level: self.level });
        if security.is_none() && self.binding.auth_level().is_some() {
            return Err(ConnectError::NoCredentials);
        }
        let binding = async {
            let (connection, outcomes) =
                Connection::open(self.config, stream, self.group, &[self.proposal(interface)], security).await?;
            connection.channel_of(interface, outcomes, self.binding.object, self.call_timeout)
        };
        match tokio::time::timeout(self.connect_timeout, binding).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::BindTimeout(self.connect_timeout)),
        }
    }

    fn proposal(&self, interface: &'static Interface) -> Proposal {
        let mut proposal = Proposal::new(interface);
        if let Some(only) = self.binding.syntax() {
            proposal.syntaxes.retain(|&syntax| syntax == only);
        }
        proposal
    }
}

//! From names to connections.

use std::time::Duration;

use msrpc::{
    binding::{Protocol, StringBinding},
    client::{BoundChannel, ClientBuilder, ConnectError},
    transport::{smb::SmbError, tcp::TcpError},
};
use msrpc_cluster::fsrvp::client::{Connector, Target};
use msrpc_ndr::{AuthLevel, Interface};
use msrpc_protocols::fsrvp::file_server_vss_agent;

use crate::{
    arguments::Common,
    credentials::{self, Login},
    failure::Failure,
};

/// The pipe of FileServerVssAgent (\[MS-FSRVP\] 2.1).
const FSRVP_PIPE: &str = r"\pipe\FssagentRpc";

/// Connects to servers as the user wants it.
#[derive(Debug)]
pub(crate) struct Network {
    login: Login,
    binding: Option<StringBinding>,
    level: AuthLevel,
    timeout: Duration,
}

impl Network {
    pub(crate) fn new(common: &Common) -> Result<Self, Failure> {
        let asked = common.binding.as_ref().and_then(StringBinding::auth_level);
        let level = common.level.map(AuthLevel::from).or(asked).unwrap_or(AuthLevel::Privacy);
        Ok(Self {
            login: credentials::find(common)?,
            binding: common.binding.clone(),
            level,
            timeout: common.connect_timeout(),
        })
    }

    /// Binds an interface at a pipe of a server.
    pub(crate) async fn open(
        &self,
        server: &str,
        pipe: &str,
        interface: &'static Interface,
        call_timeout: Duration,
    ) -> Result<BoundChannel, ConnectError> {
        let binding = self.binding(server, pipe);
        let builder = builder(binding, &self.login, self.level, self.timeout).call_timeout(call_timeout);
        builder.connect(interface).await
    }

    /// Whether pipes of any name can be opened: not where --binding names one endpoint.
    pub(crate) fn has_pipes(&self) -> bool {
        self.binding
            .as_ref()
            .is_none_or(|binding| binding.protocol == Protocol::NamedPipe && binding.endpoint.is_none())
    }

    fn binding(&self, server: &str, pipe: &str) -> StringBinding {
        let mut binding = self.binding.clone().unwrap_or_else(|| StringBinding {
            object: None,
            protocol: Protocol::NamedPipe,
            host: server.to_owned(),
            endpoint: None,
            options: Vec::new(),
        });
        if binding.protocol == Protocol::NamedPipe && binding.endpoint.is_none() {
            binding.endpoint = Some(pipe.to_owned());
        }
        binding
    }
}

/// What connects to a binding as a user: in SPNEGO, unless the binding says `ntlm` or `krb5`.
pub(crate) fn builder(binding: StringBinding, login: &Login, level: AuthLevel, timeout: Duration) -> ClientBuilder {
    let Login { kerberos, ntlm } = login.clone();
    let mut builder = ClientBuilder::new(binding).level(level).connect_timeout(timeout);
    if let Some(credentials) = kerberos {
        builder = builder.kerberos(credentials);
    }
    if let Some(credentials) = ntlm {
        builder = builder.ntlm(credentials);
    }
    builder
}

impl Connector for Network {
    type Channel = BoundChannel;
    type Error = ConnectError;

    async fn connect(&self, target: Target<'_>, call_timeout: Duration) -> Result<BoundChannel, ConnectError> {
        let open = |server| self.open(server, FSRVP_PIPE, &file_server_vss_agent::INTERFACE, call_timeout);
        match target {
            Target::Server(server) => open(server).await,
            Target::Owner { machine, server } => match open(machine).await {
                // A machine calls itself by a name that may mean nothing here, as that of NetBIOS. The
                // share's server is the same machine, or answers that it cannot.
                Err(error) if is_unknown(&error) && !machine.eq_ignore_ascii_case(server) => {
                    eprintln!("clusctl: {error}; trying {server:?}, which the share's name says");
                    open(server).await
                }
                outcome => outcome,
            },
        }
    }
}

/// Whether a name has no address.
fn is_unknown(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Tcp(TcpError::Unknown { .. }) | ConnectError::Smb(SmbError::Tcp(TcpError::Unknown { .. }))
    )
}

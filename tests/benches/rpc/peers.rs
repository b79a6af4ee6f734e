//! Who answers: a bare TCP server and ours, each on a thread of its own as it would be in a process
//! of its own, and Samba. They end with the process.

use std::{future, io, net::SocketAddr, sync::mpsc, thread};

use msrpc::{
    auth::kerberos::KerberosServerConfig,
    binding::{BindingOption, StringBinding},
};
use msrpc_tests::rpc::{
    interfaces::winreg::winreg,
    node::{Demands, Node},
    registry::Registry,
    samba::Samba,
};
use tokio::net::TcpListener;

use super::{bare, realm::Kerberos, runtime};

/// The servers that run.
pub(super) struct Peers {
    pub(super) bare: SocketAddr,
    pub(super) node: SocketAddr,
    pub(super) samba: Result<Samba, String>,
    pub(super) kerberos: Result<Kerberos, String>,
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Tcp,
    Msrpc,
    Samba,
}

impl Peer {
    pub(super) const ALL: [Self; 3] = [Self::Tcp, Self::Msrpc, Self::Samba];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Msrpc => "msrpc",
            Self::Samba => "samba",
        }
    }
}

impl Peers {
    pub(super) fn start(kerberos: Result<Kerberos, String>) -> io::Result<Self> {
        let bare = serve(|| async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok((listener.local_addr()?, bare::serve(listener)))
        })?;
        let keytab = kerberos.as_ref().ok().map(Kerberos::keytab);
        let node = serve(|| async move {
            let registry = winreg::Service::new(Registry::default());
            let mut builder =
                Node::builder(Demands::Nothing)?.0.service(registry).listen("ncacn_ip_tcp:127.0.0.1").await?;
            if let Some(keytab) = keytab {
                builder = builder.kerberos(&KerberosServerConfig::keytab(keytab)).map_err(io::Error::other)?;
            }
            let node = builder.start()?;
            let address = *node.tcp_addresses().first().ok_or(io::ErrorKind::AddrNotAvailable)?;
            Ok((address, async move {
                let _node = node;
                future::pending().await
            }))
        })?;
        let samba = if std::env::var_os("MSRPC_PEERS").is_some_and(|value| value == "skip") {
            Err("MSRPC_PEERS=skip".to_owned())
        } else {
            Samba::start_in(kerberos.as_ref().ok().map(|kerberos| &kerberos.realm)).map_err(|error| error.to_string())
        };
        Ok(Self { bare, node, samba, kerberos })
    }

    /// Where a peer is. Always in NDR: Samba has no NDR64.
    pub(super) fn binding(&self, peer: Peer) -> Option<StringBinding> {
        let mut binding = match (peer, &self.samba) {
            (Peer::Msrpc, _) => StringBinding::tcp(self.node.ip().to_string(), self.node.port()),
            (Peer::Samba, Ok(samba)) => samba.host(),
            (Peer::Samba, Err(_)) | (Peer::Tcp, _) => return None,
        };
        binding.options.push(BindingOption { name: "ndr32".to_owned(), value: None });
        Some(binding)
    }
}

fn serve<F, S>(start: impl FnOnce() -> F + Send + 'static) -> io::Result<SocketAddr>
where
    F: Future<Output = io::Result<(SocketAddr, S)>>,
    S: Future<Output = ()>,
{
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let served = runtime().and_then(|runtime| {
            runtime.block_on(async {
                let (address, serving) = start().await?;
                let _ = sender.send(Ok(address));
                serving.await;
                Ok(())
            })
        });
        if let Err(error) = served {
            let _ = sender.send(Err(error));
        }
    });
    receiver.recv().map_err(io::Error::other)?
}

//! What is called, under which protection.

use std::{io, time::Duration};

use msrpc::{
    binding::{BindingOption, StringBinding},
    client::{BoundChannel, ClientBuilder},
};
use msrpc_ndr::{AuthLevel, Bytes, WString};
use msrpc_tests::rpc::{
    client::{self, Provider},
    interfaces::{srvsvc::srvsvc, winreg::winreg},
    node::{PASSWORD, USER},
    proxy::{Direction, Proxy, REQUEST, RESPONSE},
    registry::Value,
};

use super::{peers::Peers, realm::Kerberos, row::Sizes};

/// How calls are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    None,
    NtlmSign,
    NtlmSeal,
    KerberosSeal,
}

impl Protection {
    pub(super) const ALL: [Self; 4] = [Self::None, Self::NtlmSign, Self::NtlmSeal, Self::KerberosSeal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NtlmSign => "NTLM sign",
            Self::NtlmSeal => "NTLM seal",
            Self::KerberosSeal => "Kerberos seal",
        }
    }

    /// A client of a server; Kerberos by itself, as NTLM.
    fn client(self, mut binding: StringBinding, kerberos: &Result<Kerberos, String>) -> io::Result<ClientBuilder> {
        let ntlm = |level| Some((Provider::Ntlm, level));
        let to = |security| Ok(client::to(binding.clone(), security, USER, PASSWORD));
        match self {
            Self::None => to(None),
            Self::NtlmSign => to(ntlm(AuthLevel::Integrity)),
            Self::NtlmSeal => to(ntlm(AuthLevel::Privacy)),
            Self::KerberosSeal => {
                let kerberos = kerberos.as_ref().map_err(|error| io::Error::other(error.clone()))?;
                let option = |name: &str, value| BindingOption { name: name.to_owned(), value };
                binding.options.push(option("krb5", None));
                binding.options.push(option("target_hostname", Some(kerberos.host())));
                let builder = ClientBuilder::new(binding).call_timeout(Duration::from_secs(20));
                Ok(builder.level(AuthLevel::Privacy).kerberos(kerberos.credentials.clone()))
            }
        }
    }
}

/// What a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stub {
    /// `NetrRemoteTOD`: 100 octets there, 56 back. The name of the server, which nobody looks at, makes
    /// it so.
    Small,
    /// `BaseRegQueryValue`: 64 KiB there, 64 KiB back.
    Medium,
    /// The same with 64 MiB. Samba takes no requests above 4 MiB.
    Large,
}

impl Stub {
    pub(super) const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "100 B",
            Self::Medium => "64 KiB",
            Self::Large => "64 MiB",
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Small => 100,
            Self::Medium => 64 << 10,
            Self::Large => 64 << 20,
        }
    }
}

/// A client that makes one kind of call. Clones call at the same time.
#[derive(Clone)]
pub(super) enum Caller {
    Clock { client: srvsvc::Client<BoundChannel>, name: WString },
    Value { value: Value, buffer: Bytes },
}

impl Caller {
    /// Connects, and opens what is to be called.
    pub(super) async fn connect(
        peers: &Peers,
        binding: StringBinding,
        protection: Protection,
        stub: Stub,
    ) -> io::Result<Self> {
        if stub == Stub::Small {
            let builder = protection.client(binding, &peers.kerberos)?;
            let channel = builder.connect(&srvsvc::INTERFACE).await.map_err(io::Error::other)?;
            // Pointer, lengths, and a null at the end.
            let name = "n".repeat((stub.len() - 16) / 2 - 1).into();
            return Ok(Self::Clock { client: srvsvc::Client::new(channel), name });
        }
        let builder = protection.client(binding, &peers.kerberos)?;
        let channel = builder.connect(&winreg::INTERFACE).await.map_err(io::Error::other)?;
        // Handle, name and lengths are part of the stub.
        let value = Value::open(channel, stub.name(), false).await?;
        Ok(Self::Value { value, buffer: vec![0; stub.len() - 104].into() })
    }

    /// Puts the value there that calls with this stub read.
    pub(super) async fn prepare(peers: &Peers, binding: StringBinding, stub: Stub) -> io::Result<()> {
        if stub == Stub::Small {
            return Ok(());
        }
        let builder = Protection::NtlmSeal.client(binding, &peers.kerberos)?;
        let channel = builder.connect(&winreg::INTERFACE).await.map_err(io::Error::other)?;
        let value = Value::open(channel, stub.name(), true).await?;
        value.set(vec![7; stub.len() - 104].into()).await
    }

    /// Makes a call.
    pub(super) async fn call(&self) -> io::Result<()> {
        match self {
            Self::Clock { client, name } => {
                let time = client.netr_remote_tod(Some(name.clone())).await.map_err(io::Error::other)?;
                if time.is_none() {
                    return Err(io::Error::other("no time"));
                }
            }
            Self::Value { value, buffer } => {
                let read = value.exchange(buffer.clone()).await.map_err(io::Error::other)?;
                if read.map(|value| value.len()) != Some(buffer.len()) {
                    return Err(io::Error::other("not the value"));
                }
            }
        }
        Ok(())
    }
}

/// The octets of the PDUs of a call to our server; not of the first one, which has a verification
/// trailer.
pub(super) async fn measure(peers: &Peers, protection: Protection, stub: Stub) -> io::Result<Sizes> {
    let proxy = Proxy::recording(peers.node).await?;
    let mut binding = StringBinding::tcp("127.0.0.1", proxy.address().port());
    binding.options.push(BindingOption { name: "ndr32".to_owned(), value: None });
    let caller = Caller::connect(peers, binding, protection, stub).await?;
    caller.call().await?;
    let before = proxy.recorded().len();
    caller.call().await?;
    let mut sizes = Sizes::default();
    for pdu in proxy.recorded().iter().skip(before) {
        match (pdu.direction, pdu.kind()) {
            (Direction::Request, REQUEST) => sizes.request += pdu.octets.len(),
            (Direction::Response, RESPONSE) => sizes.response += pdu.octets.len(),
            _ => {}
        }
    }
    Ok(sizes)
}

//! What is called, under which protection.

use std::{io, net::SocketAddr};

use msrpc::{binding::StringBinding, client::BoundChannel};
use msrpc_ndr::{AuthLevel, Bytes, WString};
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::{srvsvc::srvsvc, winreg::winreg},
    node::{PASSWORD, USER},
    proxy::{Direction, Proxy, REQUEST, RESPONSE},
    registry::Value,
};

use super::row::Sizes;

/// How calls are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    None,
    NtlmSign,
    NtlmSeal,
}

impl Protection {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::NtlmSign, Self::NtlmSeal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NtlmSign => "NTLM sign",
            Self::NtlmSeal => "NTLM seal",
        }
    }

    fn security(self) -> Security {
        match self {
            Self::None => None,
            Self::NtlmSign => Some((Provider::Ntlm, AuthLevel::Integrity)),
            Self::NtlmSeal => Some((Provider::Ntlm, AuthLevel::Privacy)),
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
    pub(super) async fn connect(binding: StringBinding, protection: Protection, stub: Stub) -> io::Result<Self> {
        if stub == Stub::Small {
            let channel = connect(binding, protection, &srvsvc::INTERFACE).await?;
            // Pointer, lengths, and a null at the end.
            let name = "n".repeat((stub.len() - 16) / 2 - 1).into();
            return Ok(Self::Clock { client: srvsvc::Client::new(channel), name });
        }
        let channel = connect(binding, protection, &winreg::INTERFACE).await?;
        // Handle, name and lengths are part of the stub.
        let value = Value::open(channel, stub.name(), false).await?;
        Ok(Self::Value { value, buffer: vec![0; stub.len() - 104].into() })
    }

    /// Puts the value there that calls with this stub read.
    pub(super) async fn prepare(binding: StringBinding, stub: Stub) -> io::Result<()> {
        if stub == Stub::Small {
            return Ok(());
        }
        let channel = connect(binding, Protection::NtlmSeal, &winreg::INTERFACE).await?;
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

async fn connect(
    binding: StringBinding,
    protection: Protection,
    interface: &'static msrpc_ndr::Interface,
) -> io::Result<BoundChannel> {
    let builder = client::to(binding, protection.security(), USER, PASSWORD);
    builder.connect(interface).await.map_err(io::Error::other)
}

/// The octets of the PDUs of a call to our server; not of the first one, which has a verification
/// trailer.
pub(super) async fn measure(node: SocketAddr, protection: Protection, stub: Stub) -> io::Result<Sizes> {
    let proxy = Proxy::recording(node).await?;
    let mut binding = StringBinding::tcp("127.0.0.1", proxy.address().port());
    binding.options.push(msrpc::binding::BindingOption { name: "ndr32".to_owned(), value: None });
    let caller = Caller::connect(binding, protection, stub).await?;
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

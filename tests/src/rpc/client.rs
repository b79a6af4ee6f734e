//! Clients of ours, with the credentials of the tests.

use std::{net::SocketAddr, time::Duration};

use msrpc::{
    auth::{
        SecurityContext,
        ntlm::{NtlmClient, NtlmCredentials},
        spnego::SpnegoClient,
    },
    binding::StringBinding,
    client::ClientBuilder,
};
use msrpc_ndr::AuthLevel;

use super::node::{PASSWORD, USER};

/// A security provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// NTLM by itself.
    Ntlm,
    /// SPNEGO around NTLM.
    Spnego,
}

impl Provider {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ntlm, Self::Spnego];

    /// Its number ([MS-RPCE] 2.2.1.1.7).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Ntlm => 10,
            Self::Spnego => 9,
        }
    }
}

/// How a client authenticates; `None` for not at all.
pub type Security = Option<(Provider, AuthLevel)>;

/// A client of the server at an address, with the right password.
#[must_use]
pub fn at(address: SocketAddr, security: Security) -> ClientBuilder {
    let binding = StringBinding::tcp(address.ip().to_string(), address.port());
    to(binding, security, USER, PASSWORD)
}

/// A client of the server that a binding names. No call takes longer than 20 seconds.
#[must_use]
pub fn to(binding: StringBinding, security: Security, user: &str, password: &str) -> ClientBuilder {
    let builder = ClientBuilder::new(binding).call_timeout(Duration::from_secs(20));
    let Some((provider, level)) = security else { return builder };
    let credentials = NtlmCredentials::new("", user, password);
    let initiator = move |level| -> Box<dyn SecurityContext> {
        let ntlm = NtlmClient::new(credentials.clone(), level);
        match provider {
            Provider::Ntlm => Box::new(ntlm),
            Provider::Spnego => Box::new(SpnegoClient::new(vec![Box::new(ntlm)])),
        }
    };
    builder.level(level).authenticate(initiator)
}

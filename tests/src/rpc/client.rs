//! Clients of ours, with the credentials of the tests.

use std::{net::SocketAddr, time::Duration};

use msrpc::{
    auth::ntlm::{NtlmClient, NtlmCredentials},
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
    let builder = builder.level(level);
    match provider {
        Provider::Spnego => builder.credentials(user, password),
        Provider::Ntlm => {
            let credentials = NtlmCredentials::of_account(user, password);
            builder.authenticate(move |level| Box::new(NtlmClient::new(credentials.clone(), level)))
        }
    }
}

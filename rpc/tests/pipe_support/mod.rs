//! What the tests of pipes share.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod service;
pub mod smbd;

use msrpc::{
    auth::{
        SecurityContext,
        ntlm::{NtlmClient, NtlmCredentials},
        spnego::SpnegoClient,
    },
    client::ClientBuilder,
};
use msrpc_ndr::{AuthLevel, Body, Channel};

/// A client with a password, by SPNEGO.
pub fn client(binding: &str, user: &'static str, password: &'static str) -> ClientBuilder {
    ClientBuilder::new(binding.parse().unwrap()).authenticate(move |level| spnego(user, password, level))
}

pub fn ntlm(user: &str, password: &str, level: AuthLevel) -> NtlmClient {
    NtlmClient::new(NtlmCredentials::new("", user, password), level)
}

pub fn spnego(user: &str, password: &str, level: AuthLevel) -> Box<dyn SecurityContext> {
    Box::new(SpnegoClient::new(vec![Box::new(ntlm(user, password, level))]))
}

/// Makes a call and collects the answer.
pub async fn call(channel: &impl Channel, opnum: u16, stub: impl Into<Body>) -> Vec<u8> {
    channel.call(opnum, stub.into()).await.unwrap().body.collect(usize::MAX).await.unwrap().to_vec()
}

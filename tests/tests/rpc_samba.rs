//! Our client against Samba's server: srvsvc and winreg, found through Samba's endpoint mapper.

use std::collections::HashSet;

use msrpc::{
    binding::{BindingOption, StringBinding},
    client::BoundChannel,
};
use msrpc_ndr::{AuthLevel, CallError, Channel as _, Encoding};
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::{srvsvc::srvsvc, trial::trial, winreg::winreg},
    node::{PASSWORD, USER},
    samba::Samba,
};

/// What a request in a security context that never came to be is answered with: `nca_proto_error`
/// by Samba, access denied by Windows.
const REFUSALS: [u32; 2] = [0x1c01_000b, 5];

/// `KEY_READ`
const KEY_READ: u32 = 0x0002_0019;

const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

fn everything() -> impl Iterator<Item = Security> {
    let all = Provider::ALL.into_iter().flat_map(|provider| LEVELS.map(|level| Some((provider, level))));
    all.chain([None])
}

fn with(mut binding: StringBinding, option: &str) -> StringBinding {
    binding.options.push(BindingOption { name: option.to_owned(), value: None });
    binding
}

/// The hour and the minute of a server, as a check that the answer makes sense.
async fn time(channel: BoundChannel, how: &str) {
    let client = srvsvc::Client::new(channel);
    let time = client.netr_remote_tod(Some("PEERSMB".into())).await;
    let time = time.unwrap_or_else(|error| panic!("{how}: {error}")).expect("a time");
    assert!(time.tod_hours < 24 && time.tod_mins < 60 && time.tod_secs < 61, "{time:?}");
    assert!(time.tod_year >= 2024 && (1..=12).contains(&time.tod_month), "{time:?}");
}

#[tokio::test]
async fn the_time_at_every_level() {
    let Some(samba) = Samba::for_test() else { return };
    for (binding, encoding) in [(samba.host(), Encoding::NDR), (with(samba.host(), "bigendian"), Encoding::NDR_BIG)] {
        for security in everything() {
            let how = format!("{binding} {security:?}");
            let channel = client::to(binding.clone(), security, USER, PASSWORD).connect(&srvsvc::INTERFACE).await;
            let channel = channel.unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(channel.encoding(), encoding);
            time(channel.clone(), &how).await;
            // The sequence numbers of both sides go on together.
            time(channel, &how).await;
        }
    }
}

#[tokio::test]
async fn the_registry_at_every_level() {
    let Some(samba) = Samba::for_test() else { return };
    for security in everything().flatten().map(Some) {
        let channel = client::to(samba.host(), security, USER, PASSWORD).connect(&winreg::INTERFACE).await.unwrap();
        let client = winreg::Client::new(channel);
        let key = client.open_local_machine(None, KEY_READ).await;
        let key = key.unwrap_or_else(|error| panic!("{security:?}: {error}"));
        assert_eq!(client.base_reg_get_version(&key).await.unwrap(), 5);
        assert!(client.base_reg_close_key(Some(key.clone())).await.unwrap().is_none());
        // What is closed is gone: a fault or a status, as the server likes it.
        assert!(client.base_reg_get_version(&key).await.is_err());
    }
}

/// Calls at the same time over one connection, and several connections at the same time.
#[tokio::test]
async fn many_calls_at_a_time() {
    let Some(samba) = Samba::for_test() else { return };
    let security = Some((Provider::Ntlm, AuthLevel::Privacy));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let builder = client::to(samba.host(), security, USER, PASSWORD);
        tasks.spawn(async move {
            let channel = builder.connect(&srvsvc::INTERFACE).await.unwrap();
            let group = channel.connection().group();
            let calls: Vec<_> = (0..16).map(|_| tokio::spawn(time(channel.clone(), "sealed"))).collect();
            for call in calls {
                call.await.unwrap();
            }
            group
        });
    }
    let groups: HashSet<u32> = tasks.join_all().await.into_iter().collect();
    assert!(!groups.is_empty());
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let Some(samba) = Samba::for_test() else { return };
    for (user, password) in [(USER, "wrong"), ("nobody", PASSWORD)] {
        for provider in Provider::ALL {
            for level in LEVELS {
                if (provider, level) == (Provider::Ntlm, AuthLevel::Connect) {
                    // Neither the last leg nor a request has an answer here that could say no: Samba
                    // serves such a caller as it serves an anonymous one.
                    continue;
                }
                let builder = client::to(samba.host(), Some((provider, level)), user, password);
                match builder.connect(&srvsvc::INTERFACE).await {
                    Err(error) => assert!(error.to_string().contains("password"), "{provider:?} {level:?}: {error}"),
                    // NTLM by itself has no answer to its last leg: the first call shows.
                    Ok(channel) => {
                        let outcome = srvsvc::Client::new(channel).netr_remote_tod(None).await;
                        let error = outcome.expect_err(&format!("{user} {provider:?} {level:?}"));
                        let refused =
                            matches!(&error, CallError::LoginRefused(fault) if REFUSALS.contains(&fault.status));
                        assert!(error.to_string().contains("password"), "{error}");
                        assert!(refused && provider == Provider::Ntlm, "{provider:?} {level:?}: {error}");
                    }
                }
            }
        }
    }
    // An interface that the mapper does not know.
    let unknown = client::to(samba.host(), None, "", "");
    let error = unknown.connect(&trial::INTERFACE).await.unwrap_err().to_string();
    assert!(error.contains("trial"), "{error}");
}

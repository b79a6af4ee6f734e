//! Kerberos between us and Samba: its domain controller is the KDC and a server for our client, and its
//! torture suite is a client of ours. MIT's KDC is another realm. About 20 s.

use std::{net::SocketAddr, time::Duration};

use msrpc::{
    auth::kerberos::{KerberosCredentials, KerberosServerConfig},
    binding::{BindingOption, StringBinding},
    client::ClientBuilder,
};
use msrpc_ndr::{AuthLevel, Encoding};
use msrpc_protocols::mgmt::mgmt;
use msrpc_tests::rpc::{
    kerberos::{
        self, Realm,
        domain::{self, Domain},
        kdc::{self, Kdc},
    },
    node::{Demands, Node},
    programs::Finished,
    smbtorture::Smbtorture,
};

const LEVELS: [(&str, AuthLevel); 4] = [
    ("connect", AuthLevel::Connect),
    ("packet", AuthLevel::Packet),
    ("sign", AuthLevel::Integrity),
    ("seal", AuthLevel::Privacy),
];

const ENCODINGS: [(&str, Encoding); 3] =
    [("", Encoding::NDR), (",bigendian", Encoding::NDR_BIG), (",ndr64", Encoding::NDR64)];

const TEST: &str = "rpc.clusapi.cluster.GetClusterName";

/// Kerberos by itself, and in SPNEGO, as smbtorture's flags, with its number.
const PROVIDERS: [(&str, u8); 2] = [(",krb5", 16), ("", 9)];

fn options(text: &str) -> Vec<BindingOption> {
    let binding: StringBinding = format!("ncacn_ip_tcp:host[135,{text}]").parse().unwrap();
    binding.options
}

#[test]
fn our_client_calls_samba_s_domain_controller_at_every_level() {
    const NAME: &str = "our_client_calls_samba_s_domain_controller_at_every_level";
    kerberos::test(NAME, Domain::for_test, |realm| async move {
        let tickets = realm.tickets_of(domain::ADMINISTRATOR, domain::PASSWORD).unwrap();
        let credentials = KerberosCredentials::cache(tickets.to_string_lossy());
        let host = format!("target_hostname={}", realm.host("dc1"));
        for (provider, _) in PROVIDERS {
            for (level, _) in LEVELS {
                for headers in ["", ",noheadersign"] {
                    let flags = format!("{level}{provider}{headers},{host}");
                    let mut binding = domain::controller(&realm).unwrap();
                    binding.endpoint = Some("135".to_owned());
                    binding.options = options(&flags);
                    let builder = ClientBuilder::new(binding).kerberos(credentials.clone());
                    let channel = builder.connect(&mgmt::INTERFACE).await.unwrap_or_else(|e| panic!("[{flags}] {e}"));
                    let client = mgmt::Client::new(channel);
                    for _ in 0..3 {
                        let listening = client.rpc_mgmt_is_server_listening().await;
                        assert_eq!(listening.unwrap_or_else(|error| panic!("[{flags}] {error}")), 1, "[{flags}]");
                    }
                    let ids = client.rpc_mgmt_inq_if_ids().await.unwrap().unwrap();
                    assert!(ids.if_id.len() >= 2, "[{flags}] {ids:?}");
                }
            }
        }
    });
}

/// Runs a test against our server, for whom `login` gets tickets.
async fn torture(smbtorture: &Smbtorture, server: SocketAddr, flags: &str, login: &str) -> Finished {
    smbtorture.run_with(&["--use-kerberos=required"], server, flags, Some(login), TEST).await.unwrap()
}

async fn node_with(realm: &Realm, account: &str) -> Node {
    let config = KerberosServerConfig::keytab(realm.keytab(account));
    Node::start_with(Demands::Nothing, |builder| builder.kerberos(&config).unwrap()).await.unwrap()
}

#[test]
fn smbtorture_calls_our_server_at_every_level_and_in_every_encoding() {
    const NAME: &str = "smbtorture_calls_our_server_at_every_level_and_in_every_encoding";
    kerberos::test(NAME, Domain::for_test, |realm| async move {
        let Some(smbtorture) = Smbtorture::for_test() else { return };
        let login = format!("{}@{}%{}", domain::ADMINISTRATOR, realm.name, domain::PASSWORD);
        // Keys of AES256, and of AES128.
        for account in [domain::NODE, domain::NODE_AES128] {
            let node = node_with(&realm, account).await;
            let host = realm.host(account);
            for (provider, number) in PROVIDERS {
                for (level_flag, level) in LEVELS {
                    for (encoding_flag, encoding) in ENCODINGS {
                        let flags = format!("{level_flag}{provider}{encoding_flag},target_hostname={host}");
                        let finished = torture(&smbtorture, node.address(), &flags, &login).await;
                        assert!(finished.success, "[{flags}] {finished}");
                        let calls = node.log.take();
                        assert!(!calls.is_empty(), "[{flags}]");
                        for call in calls {
                            let how = (call.encoding, call.level, call.provider);
                            assert_eq!(how, (encoding, level, number), "[{flags}]");
                            assert_eq!(call.user.as_deref(), Some(domain::ADMINISTRATOR), "[{flags}]");
                            assert_eq!(call.domain.as_deref(), Some(&*realm.name), "[{flags}]");
                        }
                    }
                }
            }
            node.stop().await;
        }
    });
}

/// Who is in which group is in the ticket.
#[test]
fn tickets_of_a_domain_tell_the_groups() {
    kerberos::test("tickets_of_a_domain_tell_the_groups", Domain::for_test, |realm| async move {
        let Some(smbtorture) = Smbtorture::for_test() else { return };
        let node = node_with(&realm, domain::NODE).await;
        let flags = format!("seal,krb5,target_hostname={}", realm.host(domain::NODE));
        // Domain Users, Domain Admins ([MS-DTYP] 2.4.2.4).
        for (user, rid, groups) in
            [(domain::ADMINISTRATOR, Some("500"), vec!["513", "512"]), (domain::USER, None, vec!["513"])]
        {
            let login = format!("{user}@{}%{}", realm.name, domain::PASSWORD);
            let finished = torture(&smbtorture, node.address(), &flags, &login).await;
            assert!(finished.success, "{user}: {finished}");
            let seen = node.log.take().pop().unwrap();
            assert_eq!(seen.user.as_deref(), Some(user));
            let rids: Vec<_> = seen.sids.iter().filter(|sid| sid.starts_with("S-1-5-21-")).collect();
            let has = |rid: &str| rids.iter().any(|sid| sid.ends_with(&format!("-{rid}")));
            assert!(rid.is_none_or(has) && groups.iter().all(|rid| has(rid)), "{user}: {:?}", seen.sids);
            assert_eq!(has("512"), user == domain::ADMINISTRATOR, "{user}: {:?}", seen.sids);
        }
        node.stop().await;
    });
}

#[test]
fn in_a_realm_of_mit_s_kdc_both_get_through() {
    kerberos::test("in_a_realm_of_mit_s_kdc_both_get_through", Kdc::for_test, |realm| async move {
        let Some(smbtorture) = Smbtorture::for_test() else { return };
        let node = node_with(&realm, "node1").await;
        let host = realm.host("node1");
        let (user, password) = (kdc::USER, kdc::PASSWORD);
        for (provider, number) in PROVIDERS {
            let flags = format!("seal{provider},target_hostname={host}");
            let finished =
                torture(&smbtorture, node.address(), &flags, &format!("{user}@{}%{password}", realm.name)).await;
            assert!(finished.success, "[{flags}] {finished}");
            let mut binding = StringBinding::tcp(node.address().ip().to_string(), node.address().port());
            binding.options = options(&flags);
            let credentials = KerberosCredentials::password(format!("{user}@{}", realm.name), password);
            let builder = ClientBuilder::new(binding).kerberos(credentials).call_timeout(Duration::from_secs(20));
            let channel = builder.connect(&msrpc_protocols::clusapi3::clusapi::INTERFACE).await.unwrap();
            let client = msrpc_protocols::clusapi3::clusapi::Client::new(channel);
            client.api_get_cluster_name().await.unwrap();
            let calls = node.log.take();
            assert!(calls.len() >= 2, "[{flags}]");
            for call in calls {
                let who = (call.provider, call.level, call.user.as_deref(), call.domain.as_deref());
                assert_eq!(who, (number, AuthLevel::Privacy, Some(user), Some(&*realm.name)), "[{flags}]");
            }
        }
        node.stop().await;
    });
}

/// A server that knows another key, and a client whom the KDC does not know, are told apart.
#[test]
fn whoever_has_no_ticket_gets_nowhere() {
    kerberos::test("whoever_has_no_ticket_gets_nowhere", Domain::for_test, |realm| async move {
        let Some(smbtorture) = Smbtorture::for_test() else { return };
        let node = node_with(&realm, domain::NODE).await;
        for (provider, _) in PROVIDERS {
            for (host, login) in [
                // A ticket for another host.
                (domain::NODE_AES128, format!("{}@{}%{}", domain::USER, realm.name, domain::PASSWORD)),
                (domain::NODE, format!("{}@{}%wrong", domain::USER, realm.name)),
                (domain::NODE, format!("nobody@{}%{}", realm.name, domain::PASSWORD)),
            ] {
                let flags = format!("seal{provider},target_hostname={}", realm.host(host));
                let finished = torture(&smbtorture, node.address(), &flags, &login).await;
                assert!(!finished.success, "{login} [{flags}] {finished}");
                assert_eq!(node.log.take(), [], "{login} [{flags}]");
            }
        }
        node.stop().await;
    });
}

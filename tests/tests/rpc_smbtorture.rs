//! Samba's torture suite against our server.

use msrpc_ndr::{AuthLevel, Encoding};
use msrpc_tests::rpc::{
    client::Provider,
    node::{DISABLED, Demands, Node, PASSWORD, USER},
    programs::Finished,
    smbtorture::Smbtorture,
};

const TESTS: [&str; 2] = ["rpc.clusapi.cluster.OpenCluster", "rpc.clusapi.cluster.GetClusterName"];

const LEVELS: [(&str, AuthLevel); 4] = [
    ("connect", AuthLevel::Connect),
    ("packet", AuthLevel::Packet),
    ("sign", AuthLevel::Integrity),
    ("seal", AuthLevel::Privacy),
];

/// `padcheck` looks at our padding; `validate` encodes again what it has decoded and compares.
const ENCODINGS: [(&str, Encoding); 5] = [
    ("", Encoding::NDR),
    (",bigendian", Encoding::NDR_BIG),
    (",ndr64", Encoding::NDR64),
    (",padcheck", Encoding::NDR),
    (",validate", Encoding::NDR),
];

/// The flags that have smbtorture use a provider.
fn flags(provider: Provider) -> &'static str {
    match provider {
        Provider::Ntlm => ",ntlm",
        Provider::Spnego => "",
    }
}

fn login(user: &str, password: &str) -> String {
    format!("{user}%{password}")
}

/// The status that smbtorture complains about.
fn complaint(finished: &Finished) -> &str {
    let text = finished.output.as_str();
    let start = text.find("was NT_STATUS_").map_or(text.len(), |at| at + "was ".len());
    let status = text.get(start..).unwrap_or_default();
    status.split([',', ' ', '\n']).next().unwrap_or_default()
}

/// Every level in every encoding; each call reaches the server just so.
async fn matrix(provider: Provider) {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (level_flag, level) in LEVELS {
        for (encoding_flag, encoding) in ENCODINGS {
            let flags = format!("{level_flag}{}{encoding_flag}", flags(provider));
            for test in TESTS {
                let finished =
                    smbtorture.run(node.address(), &flags, Some(&login(USER, PASSWORD)), test).await.unwrap();
                assert!(finished.success, "{test} [{flags}] {finished}");
                let calls = node.log.take();
                assert!(calls.len() >= 2, "{test} [{flags}] {calls:?}");
                for call in calls {
                    let how = (call.encoding, call.level, call.provider, call.user.as_deref());
                    assert_eq!(how, (encoding, level, provider.number(), Some(USER)), "{test} [{flags}]");
                }
            }
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_and_encoding_with_ntlm() {
    matrix(Provider::Ntlm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_and_encoding_with_spnego() {
    matrix(Provider::Spnego).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_authentication() {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (flag, encoding) in ENCODINGS {
        for test in TESTS {
            let flags = flag.trim_start_matches(',');
            let finished = smbtorture.run(node.address(), flags, None, test).await.unwrap();
            assert!(finished.success, "{test} [{flags}] {finished}");
            let calls = node.log.take();
            assert!(calls.len() >= 2, "{test} [{flags}] {calls:?}");
            for call in calls {
                let how = (call.encoding, call.level, call.provider, call.user);
                assert_eq!(how, (encoding, AuthLevel::None, 0, None), "{test} [{flags}]");
            }
        }
    }
    // There is no big-endian NDR64.
    let finished = smbtorture.run(node.address(), "bigendian,ndr64", None, TESTS[0]).await.unwrap();
    assert!(!finished.success, "{finished}");
    assert_eq!(node.log.take(), []);
    node.stop().await;
}

/// Whoever cannot prove who he is gets nowhere, at any level, and is not told why.
#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_password_and_the_wrong_user() {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    let node = Node::start(Demands::Nothing).await.unwrap();
    for provider in Provider::ALL {
        for (level_flag, _) in LEVELS {
            let flags = format!("{level_flag}{}", flags(provider));
            let mut complaints = Vec::new();
            for login in
                [login(USER, "passw0rd"), login("nobody", PASSWORD), login(DISABLED, PASSWORD), login(USER, "")]
            {
                let finished = smbtorture.run(node.address(), &flags, Some(&login), TESTS[1]).await.unwrap();
                assert!(!finished.success, "{login} [{flags}] {finished}");
                assert_eq!(node.log.take(), [], "{login} [{flags}] {finished}");
                complaints.push(complaint(&finished).to_owned());
            }
            assert!(!complaints[0].is_empty(), "[{flags}]");
            assert!(complaints.iter().all(|complaint| *complaint == complaints[0]), "[{flags}] {complaints:?}");
        }
    }
    // And yet it serves those who can.
    let finished = smbtorture.run(node.address(), "seal", Some(&login(USER, PASSWORD)), TESTS[1]).await.unwrap();
    assert!(finished.success, "{finished}");
    node.stop().await;
}

/// ClusAPI wants privacy: no call below it reaches the implementation.
#[tokio::test(flavor = "multi_thread")]
async fn the_minimum_level_of_an_interface() {
    let Some(smbtorture) = Smbtorture::for_test() else { return };
    let node = Node::start(Demands::Document).await.unwrap();
    let root = login(USER, PASSWORD);
    for provider in Provider::ALL {
        for (level_flag, level) in LEVELS {
            let flags = format!("{level_flag}{}", flags(provider));
            let finished = smbtorture.run(node.address(), &flags, Some(&root), TESTS[0]).await.unwrap();
            assert_eq!(finished.success, level == AuthLevel::Privacy, "[{flags}] {finished}");
            if level == AuthLevel::Privacy {
                assert!(node.log.take().len() >= 2);
            } else {
                assert_eq!(complaint(&finished), "NT_STATUS_ACCESS_DENIED", "[{flags}] {finished}");
                assert_eq!(node.log.take(), [], "[{flags}]");
            }
        }
    }
    let finished = smbtorture.run(node.address(), "", None, TESTS[0]).await.unwrap();
    assert_eq!(complaint(&finished), "NT_STATUS_ACCESS_DENIED", "{finished}");
    assert_eq!(node.log.take(), []);
    node.stop().await;
}

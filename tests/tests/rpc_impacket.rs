//! impacket, a Python implementation of RPC, NDR and NTLM, against our server.

use msrpc_ndr::{AuthLevel, Encoding};
use msrpc_tests::rpc::{
    impacket::Impacket,
    node::{Demands, Node, PASSWORD, USER},
    trial::level_number,
};
use serde_json::{Value, json};

fn expected() -> Vec<Value> {
    vec![
        json!({"step": "open", "status": 0, "null": false}),
        json!({"step": "name", "cluster": "ALPHA", "node": "node1", "status": 0}),
        json!({"step": "close", "status": 0, "null": true}),
        json!({"step": "echo", "size": 100_000, "same": true}),
        json!({"step": "sum", "sum": 5000}),
        json!({"step": "fail", "status": 1234}),
        json!({"step": "fault", "text": "nca_s_server_too_busy"}),
        json!({"step": "opnum", "text": "nca_s_op_rng_error"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level() {
    let Some(impacket) = Impacket::for_test().await else { return };
    let node = Node::start(Demands::Nothing).await.unwrap();
    let login = format!("{USER}%{PASSWORD}");
    // At level packet, impacket sends requests without proof: see below.
    let levels = [AuthLevel::None, AuthLevel::Connect, AuthLevel::Integrity, AuthLevel::Privacy];
    for level in levels {
        for encoding in [Encoding::NDR, Encoding::NDR64] {
            let steps = impacket.run(node.address(), &login, level_number(level), encoding.is_ndr64()).await.unwrap();
            assert_eq!(steps, expected(), "{level:?} {encoding:?}");
            let calls = node.log.take();
            assert_eq!(calls.len(), 8, "{calls:?}");
            let user = (level != AuthLevel::None).then_some(USER);
            let provider = if level == AuthLevel::None { 0 } else { 10 };
            for call in calls {
                let how = (call.encoding, call.level, call.provider, call.user.as_deref());
                assert_eq!(how, (encoding, level, provider, user));
            }
        }
    }
    node.stop().await;
}

/// Signed calls of an interface that wants privacy, calls without proof at level packet, and
/// logins that are none.
#[tokio::test(flavor = "multi_thread")]
async fn refusals() {
    let Some(impacket) = Impacket::for_test().await else { return };
    let node = Node::start(Demands::Document).await.unwrap();
    let right = format!("{USER}%{PASSWORD}");
    for (login, level) in [
        (right.as_str(), AuthLevel::None),
        (right.as_str(), AuthLevel::Connect),
        (right.as_str(), AuthLevel::Packet),
        (right.as_str(), AuthLevel::Integrity),
        ("root%wrong", AuthLevel::Connect),
        ("root%wrong", AuthLevel::Privacy),
        ("nobody%Passw0rd", AuthLevel::Privacy),
    ] {
        let steps = impacket.run(node.address(), login, level_number(level), false).await.unwrap();
        assert_eq!(steps.len(), 1, "{login} {level:?} {steps:?}");
        let text = steps[0]["text"].as_str().unwrap_or_default();
        assert!(steps[0]["step"] == "refused" && text.contains("access_denied"), "{login} {level:?} {steps:?}");
        assert_eq!(node.log.take(), []);
    }
    let steps = impacket.run(node.address(), &right, level_number(AuthLevel::Privacy), false).await.unwrap();
    assert_eq!(steps, expected());
    node.stop().await;
}

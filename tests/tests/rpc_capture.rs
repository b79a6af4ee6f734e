//! Wireshark reads what our client and our server say to each other.

use msrpc::binding::{BindingOption, StringBinding};
use msrpc_ndr::{AuthLevel, Encoding};
use msrpc_protocols::clusapi3::clusapi;
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
    proxy::{Pdu, Proxy, REQUEST},
    tshark::Tshark,
};

/// A conversation with all that there is: handles, strings, lists, a status, a fault, a further
/// interface, fragments in both directions.
async fn converse(proxy: &Proxy, security: Security, encoding: Encoding) {
    let mut binding = StringBinding::tcp("127.0.0.1", proxy.address().port());
    let flag = match encoding {
        Encoding::NDR64 => "ndr64",
        Encoding::NDR_BIG => "bigendian",
        _ => "ndr32",
    };
    binding.options.push(BindingOption { name: flag.to_owned(), value: None });
    let channel = client::to(binding, security, USER, PASSWORD).connect(&clusapi::INTERFACE).await.unwrap();
    let cluster = clusapi::Client::new(channel.clone());
    let handle = cluster.api_open_cluster().await.unwrap();
    cluster.api_get_cluster_name().await.unwrap();
    cluster.api_get_cluster_version2().await.unwrap();
    cluster.api_create_enum(u32::MAX).await.unwrap();
    cluster.api_open_resource("no such").await.unwrap_err();
    let disk = cluster.api_open_resource("Disk 1").await.unwrap();
    cluster.api_get_resource_state(&disk).await.unwrap();
    cluster.api_close_resource(Some(disk)).await.unwrap();
    cluster.api_close_cluster(Some(handle)).await.unwrap();
    let trial = trial::Client::new(channel.bind(&trial::INTERFACE).await.unwrap());
    trial.trial_echo(vec![7; 20_000]).await.unwrap();
    trial.trial_fault(0x1c01_0014).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn wireshark_finds_nothing_malformed() {
    let Some(tshark) = Tshark::for_test() else { return };
    let node = Node::start(Demands::Nothing).await.unwrap();
    let levels = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];
    let securities = Provider::ALL.into_iter().flat_map(|provider| levels.map(|level| Some((provider, level))));
    for security in securities.chain([None]) {
        for encoding in Encoding::ALL {
            let proxy = Proxy::recording(node.address()).await.unwrap();
            converse(&proxy, security, encoding).await;
            let pdus = proxy.recorded();
            // tshark 4.0 does not know that SPNEGO's mechListMIC leaves the cipher where it was, and
            // unseals to noise, Samba's octets too: it has to take those as they are.
            let unseals = security != Some((Provider::Spnego, AuthLevel::Privacy));
            let frames = tshark.frames(&pdus, unseals).await.unwrap();
            let of_pdus: Vec<_> = frames.iter().filter(|frame| frame.protocols.contains("dcerpc")).collect();
            assert_eq!(of_pdus.len(), pdus.len(), "{security:?} {encoding:?}");
            for (pdu, frame) in pdus.iter().zip(of_pdus) {
                assert!(!frame.is_malformed() || stumbles(pdu), "{security:?} {encoding:?} {frame:?}");
            }
            let read = |what: &str| frames.iter().any(|frame| frame.info.contains(what) && !frame.is_malformed());
            assert!(read("nca_server_too_busy"), "{security:?} {encoding:?}");
            // The dissector of ClusAPI knows NDR alone.
            if unseals && !encoding.is_ndr64() {
                assert!(read("GetResourceState response"), "{security:?} {encoding:?}");
            }
        }
    }
    node.stop().await;
}

/// Whether this is what tshark 4.0 calls malformed whoever sends it, Samba's clients too: a sealed
/// request without parameters.
fn stumbles(pdu: &Pdu) -> bool {
    const HEADER: usize = 24;
    const TRAILER: usize = 8;
    let field = |at: usize| pdu.octets.get(at..at + 2).and_then(|field| field.try_into().ok()).map(u16::from_le_bytes);
    let big = pdu.octets.get(4).is_some_and(|order| order >> 4 == 0);
    let auth_len = field(10).map_or(0, |len| usize::from(if big { len.swap_bytes() } else { len }));
    pdu.kind() == REQUEST && auth_len > 0 && pdu.octets.len() == HEADER + TRAILER + auth_len
}

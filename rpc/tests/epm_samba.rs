//! Samba at the other end of the endpoint mapper, as server and as clients. Each test has an
//! address of its own, because the mapper's port cannot be another.
#![allow(missing_docs)]

mod peers;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use msrpc::{
    binding::Protocol,
    client::ClientBuilder,
    epm::{self, Address, Endpoint, EndpointMap, Inquiry, MapError, Mapper, Tower, VersionOption},
    pdu::SyntaxId,
    server::Server,
};
use msrpc_ndr::{Body, BoxFuture, Call, Encoding, Fault, Interface, Message, Service, Syntax, Uuid};
use msrpc_protocols::{
    epm::{EptEntryT, TwrT, ept::wire},
    mgmt::mgmt,
};
use peers::{
    port135::free_address,
    samba::{Client, Dcerpcd, ndrdump},
};

const SRVSVC: SyntaxId = SyntaxId { uuid: Uuid::from_u128(0x4b324fc8_1670_01d3_1278_5a47bf6ee188), version: (3, 0) };

static SAMR: Interface = Interface::new("samr", Uuid::from_u128(0x12345778_1234_abcd_ef00_0123456789ac), (1, 0));
static CLUSAPI: Interface = Interface::new("clusapi", Uuid::from_u128(0xb97db8b2_4c63_11cf_bff6_08002be23f2f), (3, 0));

#[tokio::test]
async fn we_ask_sambas_mapper() {
    let Some(samba) = Dcerpcd::start() else { return };
    let host = samba.address.to_string();
    let ports = epm::map(&host, SRVSVC).await.unwrap_or_else(|error| panic!("{error}: {}", samba.log()));
    assert_eq!(ports.len(), 1);
    assert!(ports[0] >= 1024, "{ports:?}");

    let all = epm::lookup(&host, &Inquiry::default()).await.unwrap();
    assert!(all.len() > 20, "{all:?}");
    let ours = |protocol: Protocol| {
        let of = all.iter().filter(|endpoint| endpoint.tower.interface == SRVSVC);
        of.filter_map(|endpoint| endpoint.tower.address.to_binding("h"))
            .find(|binding| binding.protocol == protocol)
            .map(|binding| binding.to_string())
    };
    assert_eq!(ours(Protocol::Tcp), Some(format!("ncacn_ip_tcp:h[{}]", ports[0])));
    assert_eq!(ours(Protocol::NamedPipe).as_deref(), Some("ncacn_np:h[\\pipe\\srvsvc]"));
    assert!(ours(Protocol::Local).is_some_and(|binding| binding.starts_with("ncalrpc:[")), "{all:?}");
    let mapper_itself =
        all.iter().filter(|endpoint| endpoint.tower.interface.uuid == msrpc_protocols::epm::ept::INTERFACE.uuid);
    let texts: Vec<_> = mapper_itself.map(|endpoint| endpoint.tower.address.to_string()).collect();
    assert!(texts.iter().any(|text| text == "ncacn_http:0.0.0.0[593]"), "{texts:?}");

    let mapper = Mapper::connect(&host, epm::PORT).await.unwrap();
    let inquiry = Inquiry { interface: Some((SRVSVC, VersionOption::Compatible)), object: None };
    let some = mapper.lookup(&inquiry).await.unwrap();
    assert!(!some.is_empty() && some.iter().all(|endpoint| endpoint.tower.interface == SRVSVC), "{some:?}");
    assert!(!mapper.map(SRVSVC, &Protocol::NamedPipe, None).await.unwrap().is_empty());
    let nothing = SyntaxId { uuid: Uuid::from_u128(1), version: (1, 0) };
    assert!(matches!(mapper.map(nothing, &Protocol::Tcp, None).await, Err(MapError::NotRegistered { .. })));

    // A client without endpoint finds its way; each server has the management interface.
    let binding = format!("ncacn_ip_tcp:{host}").parse().unwrap();
    let channel = ClientBuilder::new(binding).connect(&SAMR).await.unwrap();
    let management = mgmt::Client::new(channel.bind(&mgmt::INTERFACE).await.unwrap());
    assert_eq!(management.rpc_mgmt_is_server_listening().await.unwrap(), 1);
    let interfaces = management.rpc_mgmt_inq_if_ids().await.unwrap().unwrap();
    assert!(interfaces.if_id.iter().flatten().any(|id| id.uuid == SAMR.uuid), "{interfaces:?}");
    let refused = management.rpc_mgmt_stop_server_listening().await.unwrap_err();
    assert_eq!(refused.status().map(|status| status.0), Some(5));
    // Every transfer syntax and byte order that the mapper speaks.
    for options in ["ndr32", "ndr64", "ndr32,bigendian"] {
        let binding = format!("ncacn_ip_tcp:{host}[135,{options}]").parse().unwrap();
        let channel = match ClientBuilder::new(binding).connect(&msrpc_protocols::epm::ept::INTERFACE).await {
            Ok(channel) => channel,
            // Samba's source3 servers have no NDR64.
            Err(error) if options == "ndr64" => {
                assert!(matches!(error, msrpc::client::ConnectError::InterfaceRefused { .. }), "{error}");
                continue;
            }
            Err(error) => panic!("{options}: {error}"),
        };
        let found = Mapper::new(channel).lookup(&Inquiry::default()).await.unwrap_or_else(|e| panic!("{options}: {e}"));
        assert_eq!(found, all, "{options}");
    }
}

/// Counts the calls of authenticated users, and answers none.
struct Cluster(Arc<AtomicUsize>);

impl Service for Cluster {
    fn interface(&self) -> &'static Interface {
        &CLUSAPI
    }

    fn call(&self, call: Call, _: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        if call.caller().user.as_deref() == Some("root") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Box::pin(async { Err(Fault::OP_RANGE) })
    }
}

/// A map with so many local endpoints. smbtorture asks for ten at a time, and wants the last page to
/// be full, or Samba's status.
fn map_with(count: u16) -> (Arc<EndpointMap>, epm::Registration) {
    let map = Arc::new(EndpointMap::default());
    let endpoints = (1..=count).map(|number| {
        let address = Address::from_binding(&format!("ncalrpc:[LRPC-{number}]").parse().unwrap()).unwrap();
        Endpoint { object: Uuid::from_u128(number.into()), tower: tower(address), annotation: "local".into() }
    });
    let registration = map.register(endpoints).unwrap();
    (map, registration)
}

fn tower(address: Address) -> Tower {
    Tower { interface: (&CLUSAPI).into(), transfer: Syntax::Ndr.into(), address }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sambas_clients_ask_our_mapper() {
    let Some(torture) = Client::new("smbtorture", "samba-testsuite") else { return };
    let Some(rpcclient) = Client::new("rpcclient", "smbclient samba-common-bin") else { return };
    let Some(address) = free_address() else { return };
    let (map, _registration) = map_with(28);
    let pipe = Address::from_binding(&"ncacn_np:\\\\NODE1[\\pipe\\clusapi]".parse().unwrap()).unwrap();
    let _pipe =
        map.register([Endpoint { object: Uuid::nil(), tower: tower(pipe), annotation: "pipe".into() }]).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let builder = Server::builder().service(Cluster(Arc::clone(&calls))).account("root", "Passw0rd");
    let builder = builder.endpoint_map(map).annotation("Cluster service");
    let builder = builder.listen_tcp(SocketAddr::from((address, 0))).await.unwrap();
    let server = builder.listen_mapper(SocketAddr::from((address, 135))).await.unwrap().start().unwrap();
    let (torture, ran) = tokio::task::spawn_blocking(move || {
        let ran = torture.run(&["-N", "-U%", &format!("ncacn_ip_tcp:{address}[135]"), "rpc.epmapper"]);
        (torture, ran)
    })
    .await
    .unwrap();
    let passed: Vec<_> = ran.text.lines().filter_map(|line| line.strip_prefix("success: epmapper.")).collect();
    // Not those that insert: this is no local client. Nor do they pass with Samba's own mapper.
    assert_eq!(passed, ["Map_simple", "Lookup_simple", "Lookup_terminate_search"], "{}", ran.text);
    assert_eq!(ran.text.matches("NT_STATUS_EPT_CANT_PERFORM_OP").count(), 2, "{}", ran.text);
    assert!(ran.text.contains("LRPC-28"), "{}", ran.text);

    // Every interface that smbtorture knows is mapped, and its server's management asked.
    let ran = tokio::task::spawn_blocking(move || {
        torture.run(&["-N", "-U%", &format!("ncacn_ip_tcp:{address}"), "rpc.mgmt"])
    });
    let text = ran.await.unwrap().text;
    let after = text.split("Testing pipe 'clusapi'").nth(1).unwrap_or_else(|| panic!("{text}"));
    let about = after.split("Testing pipe").next().unwrap_or_default();
    assert!(about.contains("server is listening") && about.contains("refused to stop"), "{text}");
    assert!(about.contains("b97db8b2-4c63-11cf-bff6-08002be23f2f"), "{text}");
    assert!(text.contains("success: mgmt"), "{text}");

    // rpcclient finds the port, authenticates, and calls.
    let called = calls.load(Ordering::Relaxed);
    let ran = tokio::task::spawn_blocking(move || {
        rpcclient.run(&["-Uroot%Passw0rd", &format!("ncacn_ip_tcp:{address}[seal]"), "-c", "clusapi_open_cluster"])
    });
    let text = ran.await.unwrap().text;
    assert_eq!(calls.load(Ordering::Relaxed), called + 1, "{text}");
    // The low half of NT_STATUS_RPC_PROCNUM_OUT_OF_RANGE.
    assert!(text.contains("0x0000002e"), "{text}");
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smbtorture_inserts_as_a_local_client() {
    let Some(torture) = Client::new("smbtorture", "samba-testsuite") else { return };
    let (map, _registration) = map_with(10);
    let socket = torture.home.path("ncalrpc").join("EPMAPPER");
    let server = Server::builder().endpoint_map(Arc::clone(&map)).listen_mapper_local(socket).unwrap().start().unwrap();
    let ran = tokio::task::spawn_blocking(move || torture.run(&["-N", "-U%", "ncalrpc:[EPMAPPER]", "rpc.epmapper"]));
    let text = ran.await.unwrap().text;
    for test in ["Map_simple", "Map_full", "Lookup_simple", "Lookup_terminate_search", "Insert_noreplace"] {
        assert!(text.contains(&format!("success: epmapper.{test}")), "{text}");
    }
    server.shutdown(Duration::from_secs(5)).await;
}

/// A request for an address, and one to register it.
fn messages(address: &Address) -> (wire::EptMapRequest, wire::EptInsertRequest) {
    let twr = Some(Arc::new(TwrT { tower_octet_string: tower(address.clone()).to_bytes().unwrap() }));
    let request = wire::EptMapRequest { map_tower: twr.clone(), max_towers: 10, ..Default::default() };
    let entry = EptEntryT { object: Uuid::nil(), tower: twr, annotation: "text".into() };
    (request, wire::EptInsertRequest { entries: vec![entry], replace: 1 })
}

#[test]
fn ndrdump_reads_our_towers() {
    for (binding, expected) in [
        (
            "ncacn_ip_tcp:10.1.2.3[49152]",
            &["EPM_PROTOCOL_TCP", ": 0xc000 (49152)", ": 10.1.2.3", "EPM_PROTOCOL_NCACN"][..],
        ),
        ("ncadg_ip_udp:10.1.2.3[135]", &["EPM_PROTOCOL_UDP", ": 0x0087 (135)", ": 10.1.2.3", "EPM_PROTOCOL_NCADG"]),
        ("ncacn_http:10.1.2.3[593]", &["EPM_PROTOCOL_HTTP", ": 0x0251 (593)", ": 10.1.2.3"]),
        (
            "ncacn_np:\\\\NODE1[\\pipe\\clusapi]",
            &["EPM_PROTOCOL_SMB", "'\\pipe\\clusapi'", "EPM_PROTOCOL_NETBIOS", "'\\\\NODE1'"],
        ),
        ("ncalrpc:[LRPC-1]", &["EPM_PROTOCOL_NCALRPC", "EPM_PROTOCOL_NAMED_PIPE", "'LRPC-1'"]),
    ] {
        let address = Address::from_binding(&binding.parse().unwrap()).unwrap();
        let (request, insertion) = messages(&address);
        let stubs = [
            ("epm_Map", "in", request.to_bytes(Encoding::NDR).unwrap()),
            ("epm_Insert", "in", insertion.to_bytes(Encoding::NDR).unwrap()),
        ];
        for (function, direction, stub) in stubs {
            let Some(text) = ndrdump("epmapper", function, direction, &stub) else { return };
            for part in expected.iter().chain(&[
                "[0000] B2 B8 7D B9 63 4C CF 11   BF F6 08 00 2B E2 3F 2F",
                "[0000] 04 5D 88 8A EB 1C C9 11   9F E8 08 00 2B 10 48 60",
            ]) {
                assert!(text.contains(part), "{binding}: {part} is not in {text}");
            }
            assert!(text.contains("dump OK") && !text.contains("WARNING"), "{binding}: {text}");
        }
    }
}

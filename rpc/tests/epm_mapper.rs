//! The endpoint mapper and those who ask it, without other programs.
#![allow(missing_docs)]

use std::{sync::Arc, time::Duration};

use msrpc::{
    binding::{Protocol, StringBinding},
    client::{ClientBuilder, ConnectError},
    epm::{
        Address, CANT_PERFORM_OP, Endpoint, EndpointMap, EndpointMapper, INVALID_ENTRY, Inquiry, MapError, Mapper,
        NO_MORE_ENTRIES, Tower, VersionOption,
    },
    pdu::SyntaxId,
    server::Server,
};
use msrpc_ndr::{
    Association, Body, BoxFuture, Call, CallError, CallLimits, Caller, Encoding, Fault, HandleStrictness, HandleTable,
    Interface, Level, MemoryChannel, NString, Service, Syntax, Uuid,
};
use msrpc_protocols::epm::{EptEntryT, TwrT, ept};

static ECHO: Interface = interface();

struct Echo;

impl Service for Echo {
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn call(&self, _: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async move { Ok(request) })
    }
}

async fn server() -> Server {
    Server::builder()
        .service(Echo)
        .annotation("an echo")
        .listen_tcp("127.0.0.1:0")
        .await
        .unwrap()
        .listen_mapper("127.0.0.1:0")
        .await
        .unwrap()
        .start()
        .unwrap()
}

#[tokio::test]
async fn a_server_is_found() {
    let server = server().await;
    let (port, mapper_port) = (server.tcp_addresses()[0].port(), server.mapper_addresses()[0].port());
    let binding: StringBinding = "ncacn_ip_tcp:127.0.0.1".parse().unwrap();
    let client = ClientBuilder::new(binding.clone()).mapper_port(mapper_port);
    let channel = client.connect(&ECHO).await.unwrap();
    let mapper = Mapper::connect("127.0.0.1", mapper_port).await.unwrap();
    let found = mapper.lookup(&Inquiry::default()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].annotation, "an echo");
    assert_eq!(found[0].tower.interface, SyntaxId::from(&ECHO));
    assert_eq!(found[0].tower.address.to_string(), format!("ncacn_ip_tcp:127.0.0.1[{port}]"));

    // The mapper is not where the services are, nor the other way round.
    let refused = ClientBuilder::new(StringBinding::tcp("127.0.0.1", mapper_port)).connect(&ECHO).await;
    assert!(matches!(refused, Err(ConnectError::UnknownInterface { .. })));
    assert!(channel.bind(&ept::INTERFACE).await.is_err());

    let nothing = mapper.map(&ECHO, &Protocol::NamedPipe, None).await.unwrap_err();
    assert!(matches!(nothing, MapError::NotRegistered { .. }));
    assert!(nothing.to_string().contains("no ncacn_np endpoint"), "{nothing}");
    static NEWER: Interface = Interface { name: "newer", version: (1, 3), ..interface() };
    let error = client.connect(&NEWER).await.unwrap_err().to_string();
    assert!(
        error.contains("does not say at which port newer is") && error.contains("is the service running"),
        "{error}"
    );

    drop(channel);
    server.shutdown(Duration::from_secs(5)).await;
    let error = client.connect(&ECHO).await.unwrap_err().to_string();
    assert!(error.contains("endpoint mapper cannot be asked") && error.contains("does not accept"), "{error}");
}

const fn interface() -> Interface {
    Interface {
        name: "echo",
        uuid: ECHO_UUID,
        version: (1, 2),
        operations: &[],
        minimum_auth_level: msrpc_ndr::AuthLevel::None,
        level: Level::V6,
        handles: HandleStrictness::Strict,
        wrong_handle: None,
        null_handle: None,
        endpoints: &[],
    }
}

const ECHO_UUID: Uuid = Uuid::from_u128(0x6bffd098_a112_3610_9833_46c3f87e3450);

fn endpoint(port: u16, annotation: &str) -> Endpoint {
    let address = Address::from_binding(&StringBinding::tcp("10.0.0.1", port)).unwrap();
    let tower = Tower { interface: (&ECHO).into(), transfer: Syntax::Ndr.into(), address };
    Endpoint { object: Uuid::nil(), tower, annotation: annotation.to_owned() }
}

fn entry(endpoint: &Endpoint) -> EptEntryT {
    let tower = TwrT { tower_octet_string: endpoint.tower.to_bytes().unwrap() };
    let annotation = NString::from(endpoint.annotation.as_str());
    EptEntryT { object: endpoint.object, tower: Some(Arc::new(tower)), annotation }
}

/// A client in memory that comes as somebody; its handles are counted in the table.
fn caller(
    map: &Arc<EndpointMap>,
    user: Option<&str>,
    transport: &str,
) -> (ept::Client<MemoryChannel>, Arc<HandleTable>) {
    let handles = Arc::new(HandleTable::new(10));
    let who = Caller { user: user.map(str::to_owned), transport: transport.to_owned(), ..Caller::default() };
    let association = Association::new(who, Arc::clone(&handles), CallLimits::default());
    let service = EndpointMapper::new(Arc::clone(map)).service();
    (ept::Client::new(MemoryChannel::shared(Arc::new(service), Encoding::NDR, association)), handles)
}

#[tokio::test]
async fn paging() {
    let map = Arc::new(EndpointMap::default());
    let _registration = map.register((1..=250).map(|port| endpoint(port, ""))).unwrap();
    let (client, handles) = caller(&map, None, "ncacn_ip_tcp");
    let found = Mapper::new(client.channel()).lookup(&Inquiry::default()).await.unwrap();
    let ports: Vec<_> = found.iter().map(|found| found.tower.address.endpoint().unwrap()).collect();
    assert_eq!(ports, (1..=250).map(|port: u16| port.to_string()).collect::<Vec<_>>());
    assert_eq!(Mapper::new(client.channel()).map(&ECHO, &Protocol::Tcp, None).await.unwrap().len(), 250);
    assert_eq!(handles.len(), 0);

    // A page, then the rest is given up.
    let first = client.ept_lookup(0, None, None, 0, None, 10).await.unwrap();
    assert_eq!((first.entries.len(), handles.len()), (10, 1));
    // A handle of a lookup is none of a mapping.
    let tower = entry(&endpoint(0, "")).tower;
    let mixed = client.ept_map(None, tower.clone(), first.entry_handle.clone(), 10).await;
    assert!(matches!(mixed, Err(CallError::Fault(Fault::CONTEXT_MISMATCH))));
    let second = client.ept_lookup(0, None, None, 0, first.entry_handle, 500).await.unwrap();
    assert_eq!((second.entries.len(), second.entry_handle, handles.len()), (240, None, 0));
    let third = client.ept_map(None, tower, None, 7).await.unwrap();
    assert_eq!((third.i_towers.len(), handles.len()), (7, 1));
    assert_eq!(client.ept_lookup_handle_free(third.entry_handle).await.unwrap(), None);
    assert_eq!(handles.len(), 0);
    assert_eq!(client.ept_lookup_handle_free(None).await.unwrap(), None);

    // Nothing at a time ends at once.
    let none = client.ept_lookup(0, None, None, 0, None, 0).await.unwrap();
    assert_eq!((none.entries.len(), none.status, handles.len()), (0, NO_MORE_ENTRIES, 0));
    let many = client.ept_lookup(0, None, None, 0, None, 501).await;
    assert!(many.is_err(), "{many:?}");
}

#[tokio::test]
async fn inquiries() {
    let map = Arc::new(EndpointMap::default());
    let mut other = endpoint(2, "other");
    other.object = Uuid::from_u128(7);
    other.tower.interface.version = (1, 0);
    let _registration = map.register([endpoint(1, "first"), other]).unwrap();
    let (client, _) = caller(&map, None, "ncacn_ip_tcp");
    let mapper = Mapper::new(client.channel());
    let ask = async |interface: Option<((u16, u16), VersionOption)>, object: Option<u128>| {
        let interface = interface.map(|(version, option)| (SyntaxId { uuid: ECHO.uuid, version }, option));
        let inquiry = Inquiry { interface, object: object.map(Uuid::from_u128) };
        mapper.lookup(&inquiry).await.unwrap().into_iter().map(|found| found.annotation).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ask(None, None).await, "first other");
    assert_eq!(ask(Some(((1, 1), VersionOption::Compatible)), None).await, "first");
    assert_eq!(ask(Some(((1, 1), VersionOption::UpTo)), None).await, "other");
    assert_eq!(ask(Some(((9, 9), VersionOption::All)), Some(7)).await, "other");
    assert_eq!(ask(None, Some(8)).await, "");
    let wrong = client.ept_lookup(1, None, None, 1, None, 10).await.unwrap_err();
    assert_eq!(wrong.status(), Some(&msrpc_ndr::Win32Error::ERROR_INVALID_PARAMETER));
    let bad = Some(Arc::new(TwrT { tower_octet_string: vec![5, 0].into() }));
    assert_eq!(client.ept_map(None, bad, None, 1).await.unwrap_err().status(), Some(&INVALID_ENTRY));
    assert_eq!(client.ept_map(None, None, None, 1).await.unwrap().status, NO_MORE_ENTRIES);
}

#[tokio::test]
async fn who_may_register() {
    let map = Arc::new(EndpointMap::new(4));
    let _own = map.register([endpoint(1, "ours")]).unwrap();
    let new = || vec![entry(&endpoint(2, "theirs"))];
    for (user, transport) in [(Some("root"), "ncacn_ip_tcp"), (Some("root"), "ncacn_np"), (None, "ncalrpc")] {
        let (client, _) = caller(&map, user, transport);
        assert!(matches!(client.ept_insert(new(), 1).await, Err(CallError::Fault(CANT_PERFORM_OP))));
        assert!(matches!(client.ept_delete(new()).await, Err(CallError::Fault(CANT_PERFORM_OP))));
    }
    let (alice, _) = caller(&map, Some("1000"), "ncalrpc");
    let (bob, _) = caller(&map, Some("1001"), "ncalrpc");
    alice.ept_insert(new(), 1).await.unwrap();
    assert_eq!(map.len(), 2, "what this process has registered stays");
    bob.ept_insert(new(), 1).await.unwrap();
    assert_eq!(map.len(), 3, "and so does what others have");
    alice.ept_insert(vec![entry(&endpoint(3, "moved"))], 1).await.unwrap();
    assert_eq!(map.len(), 3);
    assert_eq!(bob.ept_delete(vec![entry(&endpoint(3, ""))]).await.unwrap_err().status(), Some(&NO_MORE_ENTRIES));
    bob.ept_delete(new()).await.unwrap();
    assert_eq!(map.len(), 2);
    let many = (10..20).map(|port| entry(&endpoint(port, ""))).collect();
    assert_eq!(alice.ept_insert(many, 0).await.unwrap_err().status(), Some(&msrpc::epm::CANT_CREATE));
    let bad = EptEntryT { tower: None, ..entry(&endpoint(4, "")) };
    assert_eq!(alice.ept_insert(vec![bad], 0).await.unwrap_err().status(), Some(&INVALID_ENTRY));
    // What nobody may.
    assert!(matches!(alice.ept_inq_object(Uuid::nil()).await, Err(CallError::Fault(CANT_PERFORM_OP))));
    let removed = alice.ept_mgmt_delete(0, None, None).await;
    assert!(matches!(removed, Err(CallError::Fault(CANT_PERFORM_OP))));
}

#[tokio::test]
async fn local_servers_register_over_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epmapper");
    let map = Arc::new(EndpointMap::default());
    let builder = Server::builder().endpoint_map(Arc::clone(&map)).listen_mapper("127.0.0.1:0").await.unwrap();
    let server = builder.listen_mapper_local(&path).unwrap().start().unwrap();
    let binding = format!("ncalrpc:[{}]", path.display()).parse().unwrap();
    let local = ept::Client::new(ClientBuilder::new(binding).connect(&ept::INTERFACE).await.unwrap());
    local.ept_insert(vec![entry(&endpoint(2, "another process"))], 1).await.unwrap();
    let port = server.mapper_addresses()[0].port();
    let found = Mapper::connect("127.0.0.1", port).await.unwrap().map(&ECHO, &Protocol::Tcp, None).await.unwrap();
    assert_eq!(found[0].address.endpoint().as_deref(), Some("2"));
    let binding = StringBinding::tcp("127.0.0.1", port);
    let remote = ept::Client::new(ClientBuilder::new(binding).connect(&ept::INTERFACE).await.unwrap());
    let refused = remote.ept_insert(vec![entry(&endpoint(3, "an intruder"))], 0).await;
    assert!(matches!(refused, Err(CallError::Fault(CANT_PERFORM_OP))));
}

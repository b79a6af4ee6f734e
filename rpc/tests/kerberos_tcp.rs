//! Kerberos under RPC over TCP, through the builders of clients and servers: who calls, what is refused,
//! and what a KDC that says nothing does to a client. About 4 seconds.

mod kerberos_support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use kerberos_support::{PASSWORD, REALM, Realm};
use msrpc::{
    auth::{
        AuthError,
        kerberos::{self, KerberosCredentials, KerberosServerConfig, MAX_STEPS, Reason},
        ntlm::NtlmCredentials,
    },
    client::{ClientBuilder, ConnectError},
    server::{Server, ServerBuilder},
};
use msrpc_ndr::{AuthLevel, Body, BoxFuture, Call, Channel, Fault, Interface, Service, Uuid};
use msrpc_protocols::mgmt::mgmt as management;

static WHO: Interface = Interface::new("who", Uuid::from_u128(0x6bffd098_a112_3610_9833_46c3f87e3aab), (1, 0));

/// Says who calls, and repeats the request.
struct Who;

impl Service for Who {
    fn interface(&self) -> &'static Interface {
        &WHO
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async move {
            let caller = call.caller();
            let (user, domain) = (caller.user.clone().unwrap_or_default(), caller.domain.clone().unwrap_or_default());
            let mut answer = format!("{user}@{domain} {} {:?} ", caller.auth_service, caller.auth_level).into_bytes();
            answer.extend_from_slice(&request.collect(1 << 24).await.map_err(|_| Fault::BAD_STUB_DATA)?);
            Ok(Bytes::from(answer).into())
        })
    }
}

/// Runs a test's body with a runtime.
fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body);
    // Threads that wait for a KDC are left to it.
    runtime.shutdown_background();
}

async fn serve(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, u16) {
    let builder = change(Server::builder().service(Who)).listen_tcp("127.0.0.1:0").await.unwrap();
    let server = builder.start().unwrap();
    let port = server.tcp_addresses()[0].port();
    (server, port)
}

async fn serve_kerberos(realm: &Realm) -> (Server, u16) {
    serve(|builder| builder.kerberos(&KerberosServerConfig::keytab(realm.keytab("node1"))).unwrap()).await
}

fn builder(port: u16, options: &str) -> ClientBuilder {
    ClientBuilder::to(&format!("ncacn_ip_tcp:127.0.0.1[{port},{options},target_hostname=node1.mit.test]")).unwrap()
}

fn user() -> KerberosCredentials {
    KerberosCredentials::password("user", PASSWORD)
}

/// The answer to a call.
async fn ask(builder: ClientBuilder, request: &[u8]) -> Result<Vec<u8>, ConnectError> {
    let channel = builder.connect(&WHO).await?;
    let reply = channel.call(0, Bytes::copy_from_slice(request).into()).await.unwrap();
    Ok(reply.body.collect(1 << 24).await.unwrap().to_vec())
}

/// Why authentication failed on the client's side.
fn kerberos_reason(error: &ConnectError) -> Option<Reason> {
    use msrpc::association::ClientError;
    match error {
        ConnectError::Authentication(ClientError::Authentication(AuthError::Kerberos(error))) => Some(error.reason()),
        _ => None,
    }
}

#[test]
fn callers_are_known_at_every_level_raw_and_in_spnego() {
    let Some(realm) = Realm::enter("callers_are_known_at_every_level_raw_and_in_spnego", "") else { return };
    run(async {
        let (_server, port) = serve_kerberos(&realm).await;
        let credentials = user();
        for (option, level) in [
            ("seal", AuthLevel::Privacy),
            ("sign", AuthLevel::Integrity),
            ("packet", AuthLevel::Packet),
            ("connect", AuthLevel::Connect),
        ] {
            for (provider, service) in [("spnego", 9), ("krb5", 16)] {
                for headers in ["", ",noheadersign"] {
                    for syntax in ["ndr32", "ndr64", "ndr32,bigendian"] {
                        let options = format!("{option},{provider},{syntax}{headers}");
                        let client = builder(port, &options).kerberos(credentials.clone());
                        // Fragments of both directions, too.
                        let request = vec![7; 20_000];
                        let answer = ask(client, &request).await.unwrap_or_else(|error| panic!("{options}: {error}"));
                        let who = format!("user@{REALM} {service} {level:?} ");
                        assert_eq!(answer, [who.as_bytes(), &request].concat(), "{options}");
                    }
                }
            }
        }
    });
}

#[test]
fn generated_clients_call_with_tickets_from_everywhere() {
    let Some(realm) = Realm::enter("generated_clients_call_with_tickets_from_everywhere", "") else { return };
    run(async {
        let (_server, port) = serve_kerberos(&realm).await;
        realm.kinit(&[]);
        for credentials in [
            KerberosCredentials::default_cache(),
            KerberosCredentials::cache(realm.file("cc").to_str().unwrap()),
            KerberosCredentials::keytab(realm.keytab("user"), "user"),
            user(),
        ] {
            let channel = builder(port, "seal").kerberos(credentials).connect(&management::INTERFACE).await.unwrap();
            let client = management::Client::new(channel);
            assert_eq!(client.rpc_mgmt_is_server_listening().await.unwrap(), 1);
            let interfaces = client.rpc_mgmt_inq_if_ids().await.unwrap().unwrap();
            assert!(interfaces.if_id.iter().flatten().any(|id| id.uuid == WHO.uuid));
        }
    });
}

#[test]
fn principals_are_found_by_class_and_host() {
    let Some(realm) = Realm::enter("principals_are_found_by_class_and_host", "") else { return };
    run(async {
        let (_server, port) = serve_kerberos(&realm).await;
        let credentials = user();
        let client = || builder(port, "seal").kerberos(credentials.clone());
        assert!(ask(client(), b"").await.is_ok());
        let error = ask(client().service_class("MSServerClusterMgmtAPI"), b"").await.unwrap_err();
        assert_eq!(kerberos_reason(&error), Some(Reason::UnknownService));
        let text = error.to_string();
        assert!(text.contains("MSServerClusterMgmtAPI/node1.mit.test@MIT.TEST not found"), "{text}");
        let address = ClientBuilder::to(&format!("ncacn_ip_tcp:127.0.0.1[{port},seal]")).unwrap();
        let error = ask(address.clone().kerberos(credentials.clone()), b"").await.unwrap_err().to_string();
        assert!(error.contains("\"127.0.0.1\" is no name of a host"), "{error}");
        let named = address.kerberos(credentials.clone()).target_principal("host/node1.mit.test@MIT.TEST");
        assert!(ask(named, b"").await.is_ok());
    });
}

#[test]
fn ntlm_comes_in_only_where_it_is_allowed() {
    let Some(realm) = Realm::enter("ntlm_comes_in_only_where_it_is_allowed", "") else { return };
    run(async {
        let (_server, kerberos) = serve_kerberos(&realm).await;
        let (_both, both) = serve(|builder| {
            builder.account("bob", "secret").kerberos(&KerberosServerConfig::keytab(realm.keytab("node1"))).unwrap()
        })
        .await;
        let (_other, ntlm) = serve(|builder| builder.account("bob", "secret")).await;
        let bob = || NtlmCredentials::of_account("bob", "secret");
        let who = |port, change: &dyn Fn(ClientBuilder) -> ClientBuilder| {
            let client = change(builder(port, "seal"));
            async move { ask(client, b"").await.map(|answer| String::from_utf8(answer).unwrap()) }
        };
        let either = |builder: ClientBuilder| builder.kerberos(user()).ntlm(bob());
        assert_eq!(who(both, &either).await.unwrap(), "user@MIT.TEST 9 Privacy ");
        assert!(who(both, &|builder| builder.ntlm(bob())).await.unwrap().starts_with("bob@"));
        assert!(who(ntlm, &either).await.unwrap().starts_with("bob@"));
        let error = who(ntlm, &|builder| builder.kerberos(user())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Authentication(_)), "{error:?}");
        let error = who(kerberos, &|builder| builder.ntlm(bob())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Authentication(_)), "{error:?}");
        // By themselves, each with its own credentials.
        let raw = builder(both, "seal,krb5").ntlm(bob());
        assert!(matches!(ask(raw, b"").await, Err(ConnectError::NoCredentialsFor("krb5"))));
        let raw = builder(both, "seal,ntlm").kerberos(user());
        assert!(matches!(ask(raw, b"").await, Err(ConnectError::NoCredentialsFor("ntlm"))));
    });
}

#[test]
fn a_silent_kdc_holds_no_client_longer_than_it_wants_to_wait() {
    // Nobody listens at the port of SILENT.TEST's KDC but us, who say nothing.
    let name = "a_silent_kdc_holds_no_client_longer_than_it_wants_to_wait";
    let Some(realm) = Realm::enter(name, "") else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let _datagrams = std::net::UdpSocket::bind(address).unwrap();
    realm.point("SILENT.TEST", address);
    run(async {
        let (_server, port) = serve_kerberos(&realm).await;
        let credentials = KerberosCredentials::password("user@SILENT.TEST", PASSWORD);
        let wait = Duration::from_millis(500);
        let begin = Instant::now();
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..2 * MAX_STEPS {
            clients.spawn(ask(builder(port, "seal").kerberos(credentials.clone()).connect_timeout(wait), b""));
        }
        while let Some(outcome) = clients.join_next().await {
            let error = outcome.unwrap().unwrap_err();
            assert!(matches!(error, ConnectError::AuthenticationTimeout(_)), "{error:?}");
        }
        let waited = begin.elapsed();
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        // NTLM needs no KDC, and the runtime's other threads are free.
        let (_other, ntlm) = serve(|builder| builder.account("bob", "secret")).await;
        ask(builder(ntlm, "seal").credentials("bob", "secret"), b"").await.unwrap();
        assert!(threads() < MAX_STEPS + 40, "{}", threads());
    });
}

/// The threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn without_the_library_kerberos_says_so_and_the_rest_works() {
    let name = "without_the_library_kerberos_says_so_and_the_rest_works";
    // A file of that name that is no library.
    let Some(realm) = Realm::enter_with(name, "", &[("LD_LIBRARY_PATH", "{own}")]) else { return };
    let _ = &realm;
    let error = kerberos::available().unwrap_err().to_string();
    assert!(error.contains("libgssapi_krb5.so.2: install the package libgssapi-krb5-2 (Debian"), "{error}");
    run(async {
        let (_server, port) = serve(|builder| builder.account("bob", "secret")).await;
        let client = || builder(port, "seal");
        let error = ask(client().kerberos(user()), b"").await.unwrap_err();
        assert_eq!(kerberos_reason(&error), Some(Reason::Unavailable));
        assert!(error.to_string().contains("install the package"), "{error}");
        assert!(ask(client().credentials("bob", "secret"), b"").await.is_ok());
        assert!(ask(client().kerberos(user()).credentials("bob", "secret"), b"").await.is_ok());
        let error = Server::builder().kerberos(&KerberosServerConfig::default()).unwrap_err();
        assert!(error.to_string().contains("install the package"), "{error}");
    });
}

#[cfg(feature = "cli")]
#[test]
fn the_command_authenticates_by_kerberos() {
    let Some(realm) = Realm::enter("the_command_authenticates_by_kerberos", "") else { return };
    run(async {
        let (_server, port) = serve_kerberos(&realm).await;
        let msrpc = |options: &str, arguments: &[&str]| {
            let binding = format!("ncacn_ip_tcp:127.0.0.1[{port},{options},target_hostname=node1.mit.test]");
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_msrpc"));
            command.args(["ping", &binding]).args(arguments).env("MSRPC_PASSWORD", PASSWORD);
            let output = tokio::task::block_in_place(|| command.output()).unwrap();
            (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (code, text) = msrpc("seal", &["--kerberos"]);
        assert!(code == 4 && text.contains("kinit"), "{text}");
        realm.kinit(&[]);
        let keytab = realm.keytab("user");
        let cache = realm.file("cc");
        for (options, arguments) in [
            ("seal", &["--kerberos"][..]),
            ("sign,krb5", &[]),
            ("seal", &["--ccache", cache.to_str().unwrap()]),
            ("seal", &["--kerberos", "--user", "user"]),
            ("seal", &["--user", "user@MIT.TEST", "--keytab", keytab.to_str().unwrap()]),
        ] {
            assert_eq!(msrpc(options, arguments), (0, String::new()), "{options} {arguments:?}");
        }
        let (code, text) = msrpc("seal", &["--user", "user"]);
        assert_eq!(code, 4, "{text}");
    });
}

//! Everything that is logged at level trace: whole sessions of NTLM, by itself and in SPNEGO, over TCP
//! and over a pipe behind smbd. Messages are in it; secrets are not.
//!
//! The subscriber is that of the whole process, so this file has one test.

#[path = "../../rpc/tests/pipe_support/smbd.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod smbd;

use std::{
    io,
    sync::{Arc, Mutex},
};

use msrpc::client::ClientBuilder;
use msrpc_ndr::{Body, BoxFuture, Call, Fault, Interface, Service};
use msrpc_tests::rpc::{
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
};
use smbd::Smbd;
use tracing_subscriber::fmt::MakeWriter;

/// MD4 of "Passw0rd" in UTF-16, which is as good as the password.
const NT_HASH: [u8; 16] =
    [0xa8, 0x7f, 0x3a, 0x33, 0x7d, 0x73, 0x08, 0x5c, 0x45, 0xf9, 0x41, 0x6b, 0xe5, 0x78, 0x7d, 0x86];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.0.lock().unwrap())).into_owned()
    }
}

/// Writes down the session keys of callers.
struct Keys<S> {
    service: S,
    keys: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl<S: Service> Service for Keys<S> {
    fn interface(&self) -> &'static Interface {
        self.service.interface()
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        let key = call.caller().session_key.as_ref().map(|key| key.as_bytes().to_vec());
        // Who logs the call and the caller logs no key.
        tracing::trace!(?call, caller = ?call.caller(), "seen");
        self.keys.lock().unwrap().extend(key);
        self.service.call(call, request)
    }
}

/// The ways in which octets can get into a text.
fn forms(octets: &[u8]) -> Vec<String> {
    let hex = |separator: &str, upper: bool| {
        let digits = |octet: &u8| if upper { format!("{octet:02X}") } else { format!("{octet:02x}") };
        octets.iter().map(digits).collect::<Vec<_>>().join(separator)
    };
    let mut forms = Vec::new();
    for separator in ["", " ", ":", ", ", "-"] {
        forms.extend([hex(separator, false), hex(separator, true)]);
    }
    forms.push(format!("{octets:?}"));
    forms.push(format!("{octets:x?}"));
    forms.push(octets.escape_ascii().to_string());
    forms.push(String::from_utf8_lossy(octets).into_owned());
    // The middle of a list that is printed as a part of another.
    forms.push(octets.iter().map(u8::to_string).collect::<Vec<_>>().join(", "));
    forms
}

async fn session(binding: &str) {
    let builder = ClientBuilder::to(binding).unwrap().credentials(USER, PASSWORD);
    let client = trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap());
    client.trial_who_am_i().await.unwrap();
    client.trial_sum(b"sum".to_vec()).await.unwrap();
    client.trial_fail(1234).await.unwrap_err();
    // And one that gets nowhere.
    let builder = ClientBuilder::to(binding).unwrap().credentials(USER, "Passw0rd-but-wrong");
    if let Ok(channel) = builder.connect(&trial::INTERFACE).await {
        trial::Client::new(channel).trial_who_am_i().await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_at_level_trace_has_messages_and_no_secrets() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .init();
    let keys: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let (builder, _calls, trial) = Node::builder(Demands::Nothing).unwrap();
    let _ = trial;
    let serve = |builder: msrpc::server::ServerBuilder| {
        let keys = Arc::clone(&keys);
        builder.configure(move |config| {
            config.services.retain(|service| *service.interface() != trial::INTERFACE);
            let service = trial::Service::new(msrpc_tests::rpc::trial::Trial::default());
            config.services.push(Arc::new(Keys { service, keys }));
        })
    };
    let smbd = Smbd::start("", "");
    let mut builder = serve(builder).listen("ncacn_ip_tcp:127.0.0.1").await.unwrap();
    if let Some(smbd) = &smbd {
        let pipe = format!("ncacn_np:[\\pipe\\trial,ncalrpc_dir={}]", smbd.ncalrpc().display());
        builder = builder.listen(&pipe).await.unwrap();
    }
    let server = builder.start().unwrap();
    let port = server.tcp_addresses()[0].port();
    for flags in ["connect", "packet", "sign", "seal", "ntlm,connect", "ntlm,sign", "ntlm,seal"] {
        session(&format!("ncacn_ip_tcp:127.0.0.1[{port},{flags}]")).await;
    }
    if let Some(smbd) = &smbd {
        session(&format!("ncacn_np:127.0.0.1[\\pipe\\trial,seal,smb_port={}]", smbd.port)).await;
    }
    server.shutdown(std::time::Duration::from_secs(5)).await;
    let text = log.take();

    // It is such a log: messages of both sides, spans that say where, and why logins failed.
    for part in [
        "request: TrialSumRequest",
        "session_key: Some(SessionKey(…))",
        "response: TrialSumResponse",
        "call{interface=\"trial\" operation=\"TrialSum\"",
        "connection{peer=127.0.0.1:",
        "wrong password for \"root\"",
    ] {
        assert!(text.contains(part), "{part} is not in\n{}", &text[..text.len().min(5000)]);
    }
    let keys = std::mem::take(&mut *keys.lock().unwrap());
    assert!(keys.len() >= 3 * 7, "{}", keys.len());
    assert!(keys.iter().all(|key| key.len() == 16));
    let mut secrets = keys;
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    secrets.extend([NT_HASH.to_vec(), PASSWORD.as_bytes().to_vec(), wide(PASSWORD), b"Passw0rd-but-wrong".to_vec()]);
    for secret in &secrets {
        for form in forms(secret) {
            let line = text.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "a secret in the log: {form}: {line:?}");
        }
    }
}

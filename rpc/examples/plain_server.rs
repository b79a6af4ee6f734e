//! A server written by hand: three operations of ClusAPI, enough for smbtorture's
//! `rpc.clusapi.cluster.OpenCluster`, `CloseCluster` and `GetClusterName`, with NTLM and SPNEGO for
//! the user root with password Passw0rd, and with Kerberos where there is a keytab.
//!
//! `cargo run --example plain_server -- 'ncacn_ip_tcp:127.0.0.1[5999]' [KEYTAB]`

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use msrpc::{auth::kerberos::KerberosServerConfig, server::Server};
use msrpc_ndr::{Body, BoxFuture, Call, ContextHandle, Fault, HandleType, Interface, Operation, Service};
use uuid::{Uuid, uuid};

static CLUSTER: HandleType = HandleType { name: "HCLUSTER_RPC" };

static CLUSAPI: Interface = Interface::new("clusapi", uuid!("b97db8b2-4c63-11cf-bff6-08002be23f2f"), (3, 0))
    .operations(&[
        Operation::new("ApiOpenCluster"),
        Operation::new("ApiCloseCluster"),
        Operation::new("ApiSetClusterName"),
        Operation::new("ApiGetClusterName"),
    ]);

/// A stub being written.
struct Stub {
    octets: BytesMut,
    big: bool,
    wide: bool,
}

impl Stub {
    fn new(call: &Call) -> Self {
        let encoding = call.encoding();
        Self { octets: BytesMut::new(), big: encoding.is_big(), wide: encoding.is_ndr64() }
    }

    fn align(&mut self, to: usize) {
        self.octets.resize(self.octets.len().next_multiple_of(to), 0);
    }

    fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn u32(&mut self, value: u32) {
        self.align(4);
        self.octets.extend_from_slice(&if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn word(&mut self, value: u32) {
        if self.wide {
            self.align(8);
            self.octets.extend_from_slice(&u64::from(value).to_le_bytes());
        } else {
            self.u32(value);
        }
    }

    fn handle(&mut self, handle: ContextHandle) {
        self.u32(handle.attributes);
        let uuid = if self.big { handle.uuid.into_bytes() } else { handle.uuid.to_bytes_le() };
        self.octets.extend_from_slice(&uuid);
    }

    fn string(&mut self, referent: u32, text: &str) {
        self.word(referent);
        let len = u32::try_from(text.encode_utf16().count() + 1).unwrap_or(0);
        [len, 0, len].into_iter().for_each(|count| self.word(count));
        text.encode_utf16().chain([0]).for_each(|unit| self.u16(unit));
    }

    fn done(self) -> Result<Body, Fault> {
        Ok(self.octets.freeze().into())
    }
}

struct Cluster;

impl Service for Cluster {
    fn interface(&self) -> &'static Interface {
        &CLUSAPI
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async move {
            let request = request.collect(1 << 20).await.map_err(|_| Fault::BAD_STUB_DATA)?;
            run(&call, &request)
        })
    }
}

fn run(call: &Call, request: &Bytes) -> Result<Body, Fault> {
    let mut stub = Stub::new(call);
    match call.opnum() {
        0 => {
            stub.u32(0);
            stub.handle(call.open_handle((), &CLUSTER)?);
        }
        1 => {
            let octets: [u8; 16] =
                request.get(4..20).and_then(|uuid| uuid.try_into().ok()).ok_or(Fault::BAD_STUB_DATA)?;
            let uuid = if stub.big { Uuid::from_bytes(octets) } else { Uuid::from_bytes_le(octets) };
            let handle = ContextHandle { attributes: 0, uuid };
            call.handle::<()>(handle, &CLUSTER).map_err(|_| Fault::CONTEXT_MISMATCH)?;
            call.handles().close(handle);
            stub.handle(ContextHandle::NULL);
            stub.u32(0);
        }
        3 => {
            stub.string(0x0002_0000, "ALPHA");
            stub.string(0x0002_0004, "node1");
            stub.u32(0);
        }
        // ApiGetClusterVersion2, which smbtorture asks first.
        102 => {
            [6, 3, 9600].into_iter().for_each(|version| stub.u16(version));
            stub.string(0x0002_0000, "Vendor");
            stub.word(0);
            stub.word(0x0002_0004);
            [20, 0x0008_2580, 0x0008_2580, 0, 0].into_iter().for_each(|field| stub.u32(field));
            stub.u32(0);
            stub.u32(0);
        }
        _ => return Err(Fault::OP_RANGE),
    }
    stub.done()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::stderr).init();
    let binding = std::env::args().nth(1).unwrap_or_else(|| "ncacn_ip_tcp:127.0.0.1[5999]".to_owned());
    let mut builder = Server::builder().service(Cluster).account("root", "Passw0rd").listen(&binding).await?;
    if let Some(keytab) = std::env::args().nth(2) {
        builder = builder.kerberos(&KerberosServerConfig::keytab(keytab))?;
    }
    let server = builder.start()?;
    println!("listening on {:?}", server.tcp_addresses());
    tokio::signal::ctrl_c().await?;
    server.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

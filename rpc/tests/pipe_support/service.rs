//! Interfaces for the tests, written by hand.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use msrpc_ndr::{Body, BoxFuture, Call, Caller, Fault, Interface, Operation, Service};
use uuid::uuid;

macro_rules! interface {
    ($name:ident, $text:literal, $uuid:literal, $version:expr, [$($operation:literal),*]) => {
        pub static $name: Interface =
            Interface::new($text, uuid!($uuid), $version).operations(&[$(Operation::new($operation)),*]);
    };
}

interface!(SRVSVC, "srvsvc", "4b324fc8-1670-01d3-1278-5a47bf6ee188", (3, 0), []);
interface!(WINREG, "winreg", "338cd001-2244-31f1-aaaa-900038001003", (1, 0), []);
interface!(FSRVP, "FileServerVssAgent", "a8e0653c-2744-4389-a61d-7373df8b2292", (1, 0), ["GetSupportedVersion"]);
interface!(ECHO, "echo", "6bffd098-a112-3610-9833-46c3f87e3481", (1, 0), ["Echo", "Wait"]);

/// Remembers who called.
#[derive(Clone, Default)]
pub struct Callers(Arc<Mutex<Vec<Caller>>>);

impl Callers {
    /// The callers since the last look.
    pub fn take(&self) -> Vec<Caller> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note(&self, call: &Call) {
        self.0.lock().unwrap().push(call.caller().clone());
    }
}

/// FSRVP's first operation.
pub struct Fsrvp(pub Callers);

impl Service for Fsrvp {
    fn interface(&self) -> &'static Interface {
        &FSRVP
    }

    fn call(&self, call: Call, _request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        self.0.note(&call);
        Box::pin(async move {
            if call.opnum() != 0 {
                return Err(Fault::OP_RANGE);
            }
            let version = |value: u32| if call.encoding().is_big() { value.to_be_bytes() } else { value.to_le_bytes() };
            Ok(Bytes::from([version(1), version(1), version(0)].concat()).into())
        })
    }
}

/// Answers with what it is sent, or never.
pub struct Echo(pub Callers);

impl Service for Echo {
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        self.0.note(&call);
        Box::pin(async move {
            if call.opnum() == 1 {
                call.cancelled().await;
                return Err(Fault::CANCELLED);
            }
            let stub = request.collect(64 << 20).await.map_err(|_| Fault::BAD_STUB_DATA)?;
            Ok(stub.into())
        })
    }
}

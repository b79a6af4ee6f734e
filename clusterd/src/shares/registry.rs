//! Samba's registry, by its own winreg server ([MS-RRP]).
//!
//! `net conf` writes there too, but takes longer to be started than its work does. The connection is
//! kept, so that the next share is there sooner still.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use msrpc::{
    binding::StringBinding,
    client::{BoundChannel, ClientBuilder, ConnectError},
    transport::np,
};
use msrpc_cluster::fsrvp::ports::PortError;
use msrpc_ndr::{CallError, ClientHandle, WString, Win32Error};
use msrpc_protocols::ms_dtyp::RpcUnicodeString;
use tokio::sync::Mutex;

use self::idl::registry::{
    RpcHkey,
    winreg::{Client, INTERFACE},
};

#[allow(unreachable_pub, unused_qualifications, missing_docs)]
mod idl {
    include!(concat!(env!("OUT_DIR"), "/midl.rs"));
}

/// The server's pipe.
const PIPE: &str = "winreg";
/// Where shares are, below HKEY_LOCAL_MACHINE.
const SHARES: &str = r"SOFTWARE\Samba\smbconf";
/// The value with files that a share includes.
const INCLUDES: &str = "includes";
/// REG_MULTI_SZ.
const MULTI_SZ: u32 = 7;
/// MAXIMUM_ALLOWED.
const WHATEVER_IS_ALLOWED: u32 = 0x0200_0000;
/// REG_CREATED_NEW_KEY, [MS-RRP] 3.1.5.7.
const CREATED: u32 = 1;
/// How long a call may take: it ends with the disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a share cannot be added; `net conf` may be able to.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    /// Nobody serves the pipe.
    #[error("nobody serves Samba's registry at {}: {error}", folder.display())]
    Pipe {
        /// Samba's folder for local RPC.
        folder: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The server is none.
    #[error("Samba's registry cannot be reached: {0}")]
    Connect(#[from] Box<ConnectError>),
    /// A call failed.
    #[error("{call}: {error}")]
    Call {
        /// Which.
        call: &'static str,
        /// How.
        error: String,
        /// Whether it is the connection that failed.
        lost: bool,
    },
    /// Where pipes are is not known.
    #[error("the folder of Samba's pipes is not known")]
    NoPipes,
    /// Something is too long, or cannot be written there.
    #[error("{0:?} cannot be written into the registry")]
    Long(String),
    /// The share's file cannot be written.
    #[error(transparent)]
    File(PortError),
    /// The share is there already.
    #[error("the share is there already")]
    Exists,
}

/// The registry.
#[derive(Default)]
pub(super) struct Registry {
    open: Mutex<Option<Open>>,
}

/// A connection, and the key that shares are below.
#[derive(Clone)]
struct Open {
    client: Client<BoundChannel>,
    shares: ClientHandle<RpcHkey>,
}

/// A share that has no parameters yet: it is unavailable.
pub(super) struct Begun {
    client: Client<BoundChannel>,
    key: ClientHandle<RpcHkey>,
}

impl Registry {
    /// Connects, unless that was done.
    pub(super) async fn connect(&self, ncalrpc_dir: &Path) -> Result<(), RegistryError> {
        let mut open = self.open.lock().await;
        if open.is_none() {
            *open = Some(Open::new(ncalrpc_dir).await?);
        }
        Ok(())
    }

    /// Begins to add a share.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Exists`] if it is there, and what else can be in the way.
    pub(super) async fn begin(&self, ncalrpc_dir: &Path, share: &str) -> Result<Begun, RegistryError> {
        let mut slot = self.open.lock().await;
        if let Some(open) = slot.clone() {
            match open.create(share).await {
                // Samba was started anew.
                Err(RegistryError::Call { lost: true, .. }) => *slot = None,
                other => return other,
            }
        }
        let open = Open::new(ncalrpc_dir).await?;
        *slot = Some(open.clone());
        let begun = open.create(share).await;
        if matches!(begun, Err(RegistryError::Call { lost: true, .. })) {
            *slot = None;
        }
        begun
    }
}

impl Open {
    async fn new(ncalrpc_dir: &Path) -> Result<Self, RegistryError> {
        let stream = np::open(ncalrpc_dir, PIPE)
            .await
            .map_err(|error| RegistryError::Pipe { folder: ncalrpc_dir.to_owned(), error })?;
        // The pipe is open already, and it is ours because we are root.
        let builder = ClientBuilder::new(StringBinding::tcp("", 0)).call_timeout(PATIENCE);
        let client = Client::new(builder.bind(stream, &INTERFACE).await.map_err(Box::new)?);
        let machine = client.open_local_machine(None, WHATEVER_IS_ALLOWED).await.map_err(failed("OpenLocalMachine"))?;
        let shares = client.base_reg_open_key(&machine, text(SHARES)?, 0, WHATEVER_IS_ALLOWED).await;
        close(&client, machine);
        Ok(Self { shares: shares.map_err(failed("BaseRegOpenKey"))?, client })
    }

    async fn create(&self, share: &str) -> Result<Begun, RegistryError> {
        let (name, class) = (text(share)?, text("")?);
        let created = self
            .client
            .base_reg_create_key(&self.shares, name, class, 0, WHATEVER_IS_ALLOWED, None, Some(0))
            .await
            .map_err(failed("BaseRegCreateKey"))?;
        let begun = Begun { client: self.client.clone(), key: created.phk_result };
        if created.disposition == Some(CREATED) {
            return Ok(begun);
        }
        close(&begun.client, begun.key);
        Err(RegistryError::Exists)
    }
}

impl Begun {
    /// Makes the share what a file says, in one transaction.
    pub(super) async fn include(self, file: &str) -> Result<(), RegistryError> {
        let Self { client, key } = self;
        let octets: Vec<u8> = format!("{file}\0\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let set = client.base_reg_set_value(&key, text(INCLUDES)?, MULTI_SZ, octets).await;
        close(&client, key);
        set.map_err(failed("BaseRegSetValue"))
    }
}

/// Closes a key; nobody waits for that.
fn close(client: &Client<BoundChannel>, key: ClientHandle<RpcHkey>) {
    let client = client.clone();
    tokio::spawn(async move { client.base_reg_close_key(Some(key)).await });
}

/// A string with the null that the registry's strings count.
fn text(text: &str) -> Result<RpcUnicodeString, RegistryError> {
    let buffer = WString::from(format!("{text}\0"));
    let octets = u16::try_from(text.encode_utf16().count().saturating_add(1).saturating_mul(2));
    let length = octets.map_err(|_| RegistryError::Long(text.to_owned()))?;
    Ok(RpcUnicodeString { length, maximum_length: length, buffer: Some(buffer) })
}

fn failed<M>(call: &'static str) -> impl FnOnce(CallError<M, Win32Error>) -> RegistryError
where
    CallError<M, Win32Error>: std::fmt::Display,
{
    move |error| {
        let lost = matches!(error, CallError::Transport(_));
        RegistryError::Call { call, error: error.to_string(), lost }
    }
}

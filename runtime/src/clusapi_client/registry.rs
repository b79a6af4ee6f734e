//! The cluster registry: keys by their paths, values with their types.

use msrpc_ndr::{CallError, Channel, ClientHandle, Win32Error};
use msrpc_protocols::clusapi3::HkeyRpc;

use super::{
    error::{Cause, Outcome, While as _},
    session::{Session, text},
};
use crate::cluster::registry::{Value, ValueType};

/// Rights to a key ([MS-RRP] 2.2.3): to look.
pub(super) const KEY_READ: u32 = 0x0002_0019;
/// To change.
const KEY_WRITE: u32 = 0x0002_0006;
/// The first size of a value's buffer. What does not fit is asked for again.
const BUFFER: u32 = 256;
/// The largest value that is fetched, in octets.
const MAX_VALUE: u32 = 64 << 20;

/// What is directly in a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyListing {
    /// The names of the keys below it.
    pub keys: Vec<String>,
    /// Its values.
    pub values: Vec<(String, Value)>,
}

/// A key with all that is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryKey {
    /// Its own name; empty for the root.
    pub name: String,
    /// Its values.
    pub values: Vec<(String, Value)>,
    /// The keys below it.
    pub keys: Vec<Self>,
}

fn value(kind: u32, data: &msrpc_ndr::Bytes, length: u32) -> Value {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(data.len());
    Value { kind: ValueType(kind), data: data.slice(..length) }
}

impl<C: Channel> Session<C> {
    /// Opens a key by its path from the root, does something with the handle, and closes it.
    async fn with_key<T>(
        &self,
        path: &str,
        rights: u32,
        use_it: impl AsyncFnOnce(&ClientHandle<HkeyRpc>) -> Outcome<T>,
    ) -> Outcome<T> {
        let key = self.open_key(path, rights).await?;
        let outcome = use_it(&key).await;
        let _closed = self.client.api_close_key(Some(key)).await;
        outcome
    }

    pub(super) async fn open_key(&self, path: &str, rights: u32) -> Outcome<ClientHandle<HkeyRpc>> {
        let root = self.client.api_get_root_key(rights).await.during("opening the cluster registry's root")?;
        if path.is_empty() {
            return Ok(root);
        }
        let opened =
            self.client.api_open_key(&root, path, rights).await.during(format_args!("opening the key {path:?}"));
        let _closed = self.client.api_close_key(Some(root)).await;
        opened
    }

    /// What is directly in a key.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn list_key(&self, path: &str) -> Outcome<KeyListing> {
        self.with_key(path, KEY_READ, async |key| {
            Ok(KeyListing { keys: self.subkeys(path, key).await?, values: self.values(path, key).await? })
        })
        .await
    }

    async fn subkeys(&self, path: &str, key: &ClientHandle<HkeyRpc>) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        for index in 0.. {
            match self.client.api_enum_key(key, index).await {
                Ok(answer) => names.push(text(answer.key_name)),
                Err(CallError::Status { status: Win32Error::ERROR_NO_MORE_ITEMS, .. }) => break,
                Err(error) => return Err(error).during(format_args!("listing the keys of {path:?}")),
            }
        }
        Ok(names)
    }

    async fn values(&self, path: &str, key: &ClientHandle<HkeyRpc>) -> Outcome<Vec<(String, Value)>> {
        let mut values = Vec::new();
        let (mut index, mut size) = (0, BUFFER);
        loop {
            match self.client.api_enum_value(key, index, size).await {
                Ok(answer) => {
                    values.push((text(answer.value_name), value(answer.lp_type, &answer.data, answer.total_size)));
                    (index, size) = (index + 1, BUFFER);
                }
                Err(CallError::Status { status: Win32Error::ERROR_NO_MORE_ITEMS, .. }) => return Ok(values),
                Err(CallError::Status { status: Win32Error::ERROR_MORE_DATA, out })
                    if size < out.total_size.min(MAX_VALUE) =>
                {
                    size = out.total_size;
                }
                Err(error) => return Err(error).during(format_args!("listing the values of {path:?}")),
            }
        }
    }

    /// A key with all that is below it, to a depth.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn read_tree(&self, path: &str, depth: usize) -> Outcome<RegistryKey> {
        let name = path.rsplit('\\').next().unwrap_or_default().to_owned();
        let listing = self.list_key(path).await?;
        let mut keys = Vec::new();
        for name in listing.keys {
            if depth == 0 {
                keys.push(RegistryKey { name, ..RegistryKey::default() });
                continue;
            }
            let below = if path.is_empty() { name } else { format!("{path}\\{name}") };
            match Box::pin(self.read_tree(&below, depth - 1)).await {
                Ok(key) => keys.push(key),
                // It was deleted since it was listed.
                Err(error) if error.status() == Some(Win32Error::ERROR_FILE_NOT_FOUND) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(RegistryKey { name, values: listing.values, keys })
    }

    /// A value of a key.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn value(&self, path: &str, name: &str) -> Outcome<Value> {
        self.with_key(path, KEY_READ, async |key| {
            let mut size = BUFFER;
            loop {
                match self.client.api_query_value(key, name, size).await {
                    Ok(answer) => return Ok(value(answer.value_type, &answer.data, answer.cb_required)),
                    Err(CallError::Status { status: Win32Error::ERROR_MORE_DATA, out })
                        if size < out.cb_required.min(MAX_VALUE) =>
                    {
                        size = out.cb_required;
                    }
                    Err(error) => {
                        return Err(error).during(format_args!("reading the value {name:?} of the key {path:?}"));
                    }
                }
            }
        })
        .await
    }

    /// Sets a value of a key, which is created if it is not there; `true` if it was.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn set_value(&self, path: &str, name: &str, value: &Value) -> Outcome<bool> {
        let action = format!("setting the value {name:?} of the key {path:?}");
        let set = async |key: &ClientHandle<HkeyRpc>| {
            let done = self.client.api_set_value(key, name, value.kind.0, value.data.clone()).await;
            done.during(&action)
        };
        if path.is_empty() {
            return self.with_key(path, KEY_WRITE, set).await.map(|()| false);
        }
        let (key, created) = self.create_key(path).await?;
        let outcome = set(&key).await;
        let _closed = self.client.api_close_key(Some(key)).await;
        outcome.map(|()| created)
    }

    async fn create_key(&self, path: &str) -> Outcome<(ClientHandle<HkeyRpc>, bool)> {
        self.with_key("", KEY_WRITE, async |root| {
            let made = self.client.api_create_key(root, path, 0, KEY_WRITE, None).await;
            let made = made.during(format_args!("creating the key {path:?}"))?;
            Ok((made.handle, made.disposition == 1))
        })
        .await
    }

    /// Creates a key; `true` if it was not there.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn make_key(&self, path: &str) -> Outcome<bool> {
        let (key, created) = self.create_key(path).await?;
        let _closed = self.client.api_close_key(Some(key)).await;
        Ok(created)
    }

    /// Deletes a value of a key.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn delete_value(&self, path: &str, name: &str) -> Outcome<()> {
        self.with_key(path, KEY_WRITE, async |key| {
            let done = self.client.api_delete_value(key, name).await;
            done.during(format_args!("deleting the value {name:?} of the key {path:?}"))
        })
        .await
    }

    /// Deletes a key with its values, and with `recursive` all keys below it.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn delete_key(&self, path: &str, recursive: bool) -> Outcome<()> {
        let action = format!("deleting the key {path:?}");
        if path.is_empty() {
            return Err(Cause::Status(Win32Error::ERROR_INVALID_PARAMETER)).during(action);
        }
        if recursive {
            for name in self.list_key(path).await?.keys {
                Box::pin(self.delete_key(&format!("{path}\\{name}"), true)).await?;
            }
        }
        self.with_key("", KEY_WRITE, async |root| self.client.api_delete_key(root, path).await.during(&action)).await
    }
}

//! A registry of values as winreg reads them: the call that Samba's speed with large stubs is compared
//! by.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use msrpc::client::BoundChannel;
use msrpc_ndr::{Bytes, Call, CallError, ClientHandle, Handle, HandleChange, Outcome, WString, Win32Error};
use msrpc_protocols::ms_dtyp::RpcUnicodeString;

use super::interfaces::winreg::{
    RpcHkey,
    winreg::{BaseRegQueryValue, Client, Server},
};

/// A key that every Samba has.
const KEY: &str = r"SOFTWARE\Samba";
/// REG_BINARY.
const BINARY: u32 = 3;
/// MAXIMUM_ALLOWED.
const WHATEVER_IS_ALLOWED: u32 = 0x0200_0000;
/// KEY_READ.
const READ: u32 = 0x0002_0019;
const ERROR_FILE_NOT_FOUND: Win32Error = Win32Error(2);
const ERROR_MORE_DATA: Win32Error = Win32Error(234);

/// A server whose keys are all the same one.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    values: Arc<Mutex<HashMap<WString, Bytes>>>,
}

impl Server for Registry {
    type RpcHkey = ();

    async fn open_local_machine(&self, _: &Call, _: Option<u16>, _: u32) -> Outcome<(), Win32Error> {
        Ok(())
    }

    async fn base_reg_open_key(
        &self,
        _: &Call,
        _: &Handle<()>,
        _: RpcUnicodeString,
        _: u32,
        _: u32,
    ) -> Outcome<(), Win32Error> {
        Ok(())
    }

    async fn base_reg_close_key(&self, _: &Call, _: Option<&Handle<()>>) -> Outcome<HandleChange<()>, Win32Error> {
        Ok(HandleChange::Close)
    }

    async fn base_reg_set_value(
        &self,
        _: &Call,
        _: &Handle<()>,
        name: RpcUnicodeString,
        _: u32,
        data: Bytes,
    ) -> Outcome<(), Win32Error> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(name.buffer.unwrap_or_default(), data);
        Ok(())
    }

    async fn base_reg_query_value(
        &self,
        _: &Call,
        _: &Handle<()>,
        name: RpcUnicodeString,
        _: Option<u32>,
        _: Option<Bytes>,
        room: Option<u32>,
        _: Option<u32>,
    ) -> Outcome<BaseRegQueryValue, Win32Error> {
        let name = name.buffer.unwrap_or_default();
        let value = self.values.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let value = value.ok_or(ERROR_FILE_NOT_FOUND)?;
        let len = u32::try_from(value.len()).map_err(|_| ERROR_MORE_DATA)?;
        if room.is_some_and(|room| room < len) {
            return Err(ERROR_MORE_DATA.into());
        }
        Ok(BaseRegQueryValue { lp_type: Some(BINARY), data: Some(value), cb_data: Some(len), cb_len: Some(len) })
    }
}

/// A client of a value, with its key open.
#[derive(Clone, Debug)]
pub struct Value {
    client: Client<BoundChannel>,
    key: ClientHandle<RpcHkey>,
    name: RpcUnicodeString,
}

impl Value {
    /// Opens the key that has a value.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open(channel: BoundChannel, name: &str, writes: bool) -> io::Result<Self> {
        let access = if writes { WHATEVER_IS_ALLOWED } else { READ };
        let client = Client::new(channel);
        let machine = client.open_local_machine(None, access).await.map_err(io::Error::other)?;
        let key = client.base_reg_open_key(&machine, text(KEY)?, 0, access).await.map_err(io::Error::other)?;
        Ok(Self { client, key, name: text(name)? })
    }

    /// Sets it.
    ///
    /// # Errors
    /// If the server does not take it.
    pub async fn set(&self, data: Bytes) -> io::Result<()> {
        let set = self.client.base_reg_set_value(&self.key, self.name.clone(), BINARY, data).await;
        set.map_err(io::Error::other)
    }

    /// Reads it. `buffer`, as large as the value, travels to the server, as it may; the value travels
    /// back.
    ///
    /// # Errors
    /// If the server does not say.
    pub async fn exchange(&self, buffer: Bytes) -> Result<Option<Bytes>, CallError<BaseRegQueryValue, Win32Error>> {
        let len = u32::try_from(buffer.len()).ok();
        let name = self.name.clone();
        let answer = self.client.base_reg_query_value(&self.key, name, Some(BINARY), Some(buffer), len, len).await?;
        Ok(answer.data)
    }
}

/// A string with the null that the registry's strings count.
fn text(text: &str) -> io::Result<RpcUnicodeString> {
    let buffer = WString::from(format!("{text}\0"));
    let length = u16::try_from((text.encode_utf16().count() + 1) * 2).map_err(io::Error::other)?;
    Ok(RpcUnicodeString { length, maximum_length: length, buffer: Some(buffer) })
}

//! The cluster registry (\[MS-CMRP\] 3.1.4.2.29 to 3.1.4.2.41).

use msrpc_ndr::{Bytes, Call, Failure, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::{
    clusapi3::{
        RpcSecurityAttributes, RpcSecurityDescriptor,
        clusapi::{ApiCreateKey, ApiEnumKey, ApiEnumValue, ApiQueryInfoKey, ApiQueryValue},
    },
    ms_dtyp::Filetime,
};

use super::{Access, ClusApi, OpenKey, access};
use crate::{
    cluster::{
        machine::{self, Cluster, Command, Reply},
        node::Node,
        registry::{Disposition, Key, KeyId, Name, Path, Value, ValueType},
        status,
    },
    security::{SecurityDescriptor, SecurityInformation},
};

type Answer<T = ()> = Outcome<T, Win32Error>;

// Rights to a key ([MS-RRP] 2.2.3).
pub(super) const KEY_QUERY_VALUE: u32 = 0x01;
pub(super) const KEY_SET_VALUE: u32 = 0x02;
const KEY_CREATE_SUB_KEY: u32 = 0x04;
const KEY_ENUMERATE_SUB_KEYS: u32 = 0x08;
pub(super) const KEY_NOTIFY: u32 = 0x10;
const READ_CONTROL: u32 = 0x0002_0000;
const WRITE_DAC: u32 = 0x0004_0000;
const WRITE_OWNER: u32 = 0x0008_0000;
const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;

/// Bits of `samDesired` that say which view of a registry is meant, of which there is one here.
const VIEWS: u32 = 0x0300;

/// Longest data of a value, in octets.
const MAX_DATA: usize = 16 << 20;

fn refused(error: &crate::cluster::registry::RegistryError) -> Win32Error {
    error.status()
}

fn path(text: &WString) -> Result<Path, Win32Error> {
    Path::parse(text).map_err(|_| Win32Error::ERROR_INVALID_NAME)
}

fn value_name(text: &WString) -> Result<Name, Win32Error> {
    Name::of_value(text).map_err(|_| Win32Error::ERROR_INVALID_NAME)
}

fn filetime(time: u64) -> Filetime {
    let [a, b, c, d, e, f, g, h] = time.to_le_bytes();
    Filetime { low_date_time: u32::from_le_bytes([a, b, c, d]), high_date_time: u32::from_le_bytes([e, f, g, h]) }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn key(cluster: &Cluster, id: KeyId) -> machine::Outcome<&Key> {
    cluster.registry().key(id).map_err(|error| refused(&error))
}

pub(super) async fn root<N: Node>(api: &ClusApi<N>, call: &Call, desired: u32) -> Answer<OpenKey> {
    let access = api.caller(call, Access::Read).await?;
    let token = api.token(call);
    let granted =
        api.look(|cluster| access::open_key(cluster.registry(), KeyId::ROOT, &token, desired & !VIEWS)).await?;
    Ok(OpenKey { key: KeyId::ROOT, granted, access })
}

pub(super) async fn open<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    from: &Handle<OpenKey>,
    sub_key: WString,
    desired: u32,
) -> Answer<OpenKey> {
    let (token, path) = (api.token(call), path(&sub_key)?);
    let found = api.look(|cluster| {
        let key = cluster.registry().find(from.key, &path).map_err(|error| refused(&error))?;
        Ok((key, access::open_key(cluster.registry(), key, &token, desired & !VIEWS)?))
    });
    let (key, granted) = found.await?;
    Ok(OpenKey { key, granted, access: from.access })
}

pub(super) async fn create<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    from: &Handle<OpenKey>,
    sub_key: WString,
    _options: u32,
    desired: u32,
    attributes: Option<RpcSecurityAttributes>,
) -> Answer<ApiCreateKey<OpenKey>> {
    let start = from.need_all(0)?;
    let (token, path) = (api.token(call), path(&sub_key)?);
    let security = attributes.and_then(|attributes| attributes.rpc_security_descriptor.security_descriptor);
    if security.as_ref().is_some_and(|octets| SecurityDescriptor::from_octets(octets).is_err()) {
        return Err(status::ERROR_INVALID_SECURITY_DESCR.into());
    }
    let desired = desired & !VIEWS;
    let existing = api.look(|cluster| {
        key(cluster, start)?;
        match cluster.registry().find(start, &path) {
            Ok(key) => access::open_key(cluster.registry(), key, &token, desired).map(|_| true),
            Err(_) => Ok(false),
        }
    });
    if !existing.await? {
        from.need(KEY_CREATE_SUB_KEY)?;
    }
    let security = security.map(|octets| Bytes::copy_from_slice(&octets));
    let created = api.node.apply(Command::CreateKey { from: start, path, security }).await?;
    let Reply::Key(key, disposition) = created else { return Err(Win32Error::ERROR_INVALID_FUNCTION.into()) };
    // Whoever creates a key gets the rights that it asks for, as far as the new key grants any.
    let granted = api.look(|cluster| access::open_key(cluster.registry(), key, &token, desired)).await?;
    let disposition = if disposition == Disposition::Created { 1 } else { 2 };
    Ok(ApiCreateKey { disposition, handle: OpenKey { key, granted, access: from.access } })
}

pub(super) async fn enumerate<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    index: u32,
) -> Answer<ApiEnumKey> {
    let id = from.need(KEY_ENUMERATE_SUB_KEYS)?;
    let found = api.look(|cluster| {
        let subkeys = key(cluster, id)?.subkeys();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let (name, id) = subkeys.get(index).ok_or(Win32Error::ERROR_NO_MORE_ITEMS)?;
        Ok(ApiEnumKey { key_name: Some(name.to_wstring()), last_write_time: filetime(key(cluster, *id)?.last_write) })
    });
    Ok(found.await?)
}

pub(super) async fn set_value<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    key: &Handle<OpenKey>,
    name: WString,
    kind: u32,
    data: Bytes,
) -> Answer {
    let id = key.need_all(KEY_SET_VALUE)?;
    if data.len() > MAX_DATA {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    // What arrived shares its memory with the whole request: the registry keeps a copy of its own.
    let value = Value { kind: ValueType(kind), data: Bytes::copy_from_slice(&data) };
    Ok(api.apply(Command::SetValue(id, value_name(&name)?, value)).await?)
}

pub(super) async fn delete_value<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    key: &Handle<OpenKey>,
    name: WString,
) -> Answer {
    let id = key.need_all(KEY_SET_VALUE)?;
    Ok(api.apply(Command::DeleteValue(id, value_name(&name)?)).await?)
}

pub(super) async fn query_value<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    name: WString,
    size: u32,
) -> Answer<ApiQueryValue> {
    let (id, name) = (from.need(KEY_QUERY_VALUE)?, value_name(&name)?);
    let value = api.look(|cluster| cluster.registry().value(id, &name).cloned().map_err(|error| refused(&error)));
    let value = value.await?;
    let cb_required = count(value.data.len());
    if cb_required > size {
        let out = ApiQueryValue { value_type: value.kind.0, data: Bytes::new(), cb_required };
        return Err(Failure::with(Win32Error::ERROR_MORE_DATA, out));
    }
    Ok(ApiQueryValue { value_type: value.kind.0, data: value.data, cb_required })
}

pub(super) async fn delete<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    sub_key: WString,
) -> Answer {
    let id = from.need_all(0)?;
    let path = path(&sub_key)?;
    if path.names().is_empty() {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    Ok(api.apply(Command::DeleteKey(id, path)).await?)
}

pub(super) async fn enumerate_values<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    index: u32,
    size: u32,
) -> Answer<ApiEnumValue> {
    let id = from.need(KEY_QUERY_VALUE)?;
    let found = api.look(|cluster| {
        let values = key(cluster, id)?.values();
        let value = values.get(usize::try_from(index).unwrap_or(usize::MAX));
        value.cloned().ok_or(Win32Error::ERROR_NO_MORE_ITEMS)
    });
    let (name, value) = found.await?;
    let total_size = count(value.data.len());
    let answer = |data| ApiEnumValue { value_name: Some(name.to_wstring()), lp_type: value.kind.0, data, total_size };
    if total_size > size {
        return Err(Failure::with(Win32Error::ERROR_MORE_DATA, answer(Bytes::new())));
    }
    Ok(answer(value.data.clone()))
}

pub(super) async fn info<N: Node>(api: &ClusApi<N>, _call: &Call, from: &Handle<OpenKey>) -> Answer<ApiQueryInfoKey> {
    let id = from.need(KEY_QUERY_VALUE)?;
    let info = api.look(|cluster| {
        let registry = cluster.registry();
        let info = registry.info(id).map_err(|error| refused(&error))?;
        let security = access::key_security(registry, id).map_or(0, |security| security.to_octets().len());
        Ok(ApiQueryInfoKey {
            c_sub_keys: count(info.subkeys),
            cb_max_sub_key_len: count(info.max_subkey_name),
            c_values: count(info.values),
            cb_max_value_name_len: count(info.max_value_name),
            cb_max_value_len: count(info.max_value_data),
            cb_security_descriptor: count(security),
            last_write_time: filetime(info.last_write),
        })
    });
    Ok(info.await?)
}

/// Refuses unless a key was opened with the rights that parts of its security descriptor need
/// ([MS-RRP] 3.1.5.13 and 3.1.5.21).
fn need_parts(key: &OpenKey, parts: SecurityInformation, change: bool) -> Result<(), Win32Error> {
    let rights = [
        (SecurityInformation::OWNER, if change { WRITE_OWNER } else { READ_CONTROL }),
        (SecurityInformation::GROUP, if change { WRITE_OWNER } else { READ_CONTROL }),
        (SecurityInformation::DACL, if change { WRITE_DAC } else { READ_CONTROL }),
        (SecurityInformation::SACL, ACCESS_SYSTEM_SECURITY),
    ];
    let needed = rights.iter().filter(|(part, _)| parts.contains(*part)).fold(0, |all, (_, right)| all | right);
    key.need(needed).map(drop)
}

pub(super) async fn set_security<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    information: u32,
    given: RpcSecurityDescriptor,
) -> Answer {
    let id = from.need_all(0)?;
    let parts = SecurityInformation::from_bits_retain(information);
    need_parts(from, parts, true)?;
    let given = given.security_descriptor.and_then(|octets| SecurityDescriptor::from_octets(&octets).ok());
    let given = given.ok_or(Win32Error::ERROR_INVALID_PARAMETER)?;
    let security = api.look(|cluster| {
        key(cluster, id)?;
        let old = access::key_security(cluster.registry(), id).unwrap_or_default();
        Ok(old.with_parts_of(given, parts).to_octets())
    });
    Ok(api.apply(Command::SetKeySecurity(id, security.await?)).await?)
}

pub(super) async fn security<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    from: &Handle<OpenKey>,
    information: u32,
    buffer: RpcSecurityDescriptor,
) -> Answer<RpcSecurityDescriptor> {
    let parts = SecurityInformation::from_bits_retain(information);
    need_parts(from, parts, false)?;
    let id = from.key;
    let octets = api.look(|cluster| {
        key(cluster, id)?;
        Ok(access::key_security(cluster.registry(), id).unwrap_or_default().parts(parts).to_octets())
    });
    let octets = octets.await?;
    let size = count(octets.len());
    // A client that gives no buffer at all leaves it to the server.
    if buffer.cb_in_security_descriptor != 0 && buffer.cb_in_security_descriptor < size {
        let out = RpcSecurityDescriptor { security_descriptor: None, cb_in_security_descriptor: size };
        return Err(Failure::with(Win32Error::ERROR_INSUFFICIENT_BUFFER, out));
    }
    let capacity = buffer.cb_in_security_descriptor.max(size);
    Ok(RpcSecurityDescriptor { security_descriptor: Some(octets), cb_in_security_descriptor: capacity })
}

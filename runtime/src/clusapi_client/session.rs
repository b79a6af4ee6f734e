//! A connection to a node: opening and closing, lists, property lists, and the cluster itself.

use futures_util::future::join_all;
use msrpc_ndr::{Bytes, CallError, Channel, ClientHandle, WString, Win32Error};
use msrpc_protocols::clusapi3::{EnumList, HclusterRpc, clusapi::Client};

use super::{
    error::{Cause, ClusterError, Outcome, While as _},
    kind::{Access, Control, ObjectKind, PropertySet},
};
use crate::cluster::{
    property_list::{self, Property},
    status,
};

/// How many calls are under way at once where many objects are asked.
const AT_ONCE: usize = 32;
/// The first size of an output buffer. What does not fit is asked for again.
const BUFFER: u32 = 4096;
/// The largest buffer that a server is offered.
const MAX_BUFFER: u32 = 64 << 20;

/// A node that is asked, over a channel to it. Cheap calls may run at the same time.
#[derive(Clone, Debug)]
pub struct Session<C> {
    pub(super) client: Client<C>,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its ID; empty for a resource type, and where the server does not tell.
    pub id: String,
}

/// The cluster, as the node that is asked knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// The cluster's name.
    pub name: String,
    /// The name of the node that answers.
    pub node: String,
}

/// Versions (ApiGetClusterVersion2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The major version of the node's operating system.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
    /// The build.
    pub build: u16,
    /// Who made it.
    pub vendor: String,
    /// The service pack.
    pub csd: String,
    /// The highest version of the cluster's functions that all nodes have: major, minor.
    pub highest: (u16, u16),
    /// The lowest version of a node that may join: major, minor.
    pub lowest: (u16, u16),
    /// Whether nodes run different versions.
    pub is_mixed: bool,
}

/// The quorum configuration (ApiGetQuorumResource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// The quorum resource; empty where there is none, and the nodes' majority decides.
    pub resource: String,
    /// The path of the quorum's data.
    pub device: String,
    /// The quorum's type, or the size of its log (\[MS-CMRP\] 3.1.4.2.6).
    pub max_log_size: u32,
}

/// Kinds of object that ApiCreateEnum lists (`CLUSTER_ENUM`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Node = 0x01,
    ResourceType = 0x02,
    Resource = 0x04,
    Group = 0x08,
    Network = 0x10,
}

pub(super) fn text(name: Option<WString>) -> String {
    name.map(|name| name.to_string_lossy()).unwrap_or_default()
}

/// The names in a list.
pub(super) fn names(list: Option<EnumList>) -> Vec<String> {
    list.map(|list| list.entry.into_iter().map(|entry| text(entry.name)).collect()).unwrap_or_default()
}

/// The names of those in a list that have a bit.
pub(super) fn names_with(list: Option<EnumList>, bit: u32) -> Vec<String> {
    let entries = list.map(|list| list.entry).unwrap_or_default();
    entries.into_iter().filter(|entry| entry.r#type & bit != 0).map(|entry| text(entry.name)).collect()
}

/// The text up to the first null.
pub(super) fn text_of(octets: &[u8]) -> String {
    let units = octets.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit));
    String::from_utf16_lossy(&units.take_while(|&unit| unit != 0).collect::<Vec<_>>())
}

fn halves(version: u32) -> (u16, u16) {
    let [a, b, c, d] = version.to_le_bytes();
    (u16::from_le_bytes([c, d]), u16::from_le_bytes([a, b]))
}

impl<C: Channel> Session<C> {
    /// A session over a channel that is bound to `clusapi` 3.0.
    pub fn new(channel: C) -> Self {
        Self { client: Client::new(channel) }
    }

    /// Opens an object by its name or ID, does something with the handle, and closes it.
    ///
    /// # Errors
    ///
    /// Says what the server answers, or what is wrong with the connection; so do all methods.
    pub(super) async fn with<K: ObjectKind, T>(
        &self,
        name: &str,
        access: Access,
        use_it: impl AsyncFnOnce(&ClientHandle<K>) -> Outcome<T>,
    ) -> Outcome<T> {
        let handle =
            K::open(&self.client, name, access).await.during(format_args!("opening the {} {name:?}", K::NAME))?;
        let outcome = use_it(&handle).await;
        // The outcome counts. A handle whose closing fails is run down with the connection.
        let _closed = K::close(&self.client, handle).await;
        outcome
    }

    /// The cluster's name and the node that answers.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn info(&self) -> Outcome<ClusterInfo> {
        let answer = self.client.api_get_cluster_name().await.during("asking for the cluster's name")?;
        Ok(ClusterInfo { name: text(answer.cluster_name), node: text(answer.node_name) })
    }

    /// Gives the cluster another name; `true` if it counts only when its name resource next comes
    /// online.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn rename_cluster(&self, name: &str) -> Outcome<bool> {
        match self.client.api_set_cluster_name(name).await {
            Err(CallError::Status { status: status::ERROR_RESOURCE_PROPERTIES_STORED, .. }) => Ok(true),
            other => other.map(|()| false).during(format_args!("renaming the cluster to {name:?}")),
        }
    }

    /// Versions.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn version(&self) -> Outcome<Version> {
        let answer = self.client.api_get_cluster_version2().await.during("asking for the cluster's version")?;
        let operational = answer.cluster_op_ver_info.unwrap_or_default();
        Ok(Version {
            major: answer.major_version,
            minor: answer.minor_version,
            build: answer.build_number,
            vendor: text(answer.vendor_id),
            csd: text(answer.csd_version),
            highest: halves(operational.cluster_highest_version),
            lowest: halves(operational.cluster_lowest_version),
            is_mixed: operational.flags & 1 != 0,
        })
    }

    /// The quorum configuration.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn quorum(&self) -> Outcome<Quorum> {
        let answer = self.client.api_get_quorum_resource().await.during("asking for the quorum")?;
        Ok(Quorum {
            resource: text(answer.resource_name),
            device: text(answer.device_name),
            max_log_size: answer.max_quorum_log_size,
        })
    }

    /// Opens the cluster, does something with the handle, and closes it.
    pub(super) async fn with_cluster<T>(
        &self,
        access: Access,
        use_it: impl AsyncFnOnce(&ClientHandle<HclusterRpc>) -> Outcome<T>,
    ) -> Outcome<T> {
        let handle = self.open_cluster(access).await.during("opening the cluster")?;
        let outcome = use_it(&handle).await;
        let _closed = self.client.api_close_cluster(Some(handle)).await;
        outcome
    }

    pub(super) async fn open_cluster(&self, access: Access) -> Result<ClientHandle<HclusterRpc>, Cause> {
        if access == Access::Read {
            match self.client.api_open_cluster_ex(0x8000_0000).await.map_err(Cause::from) {
                Ok(opened) => return Ok(opened.handle),
                Err(cause) if cause.is_unknown_method() => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(self.client.api_open_cluster().await?)
    }

    /// All objects of a kind, sorted by name.
    pub(super) async fn list(&self, list: List) -> Outcome<Vec<Entry>> {
        let action = "listing what is in the cluster";
        let answer = self
            .with_cluster(Access::Read, async |handle| {
                Ok(self.client.api_create_enum_ex(handle, list as u32, 0).await.map_err(Cause::from))
            })
            .await?;
        let mut entries: Vec<Entry> = match answer {
            Ok(answer) => {
                let ids = names(answer.return_id_enum).into_iter().chain(std::iter::repeat(String::new()));
                names(answer.return_name_enum).into_iter().zip(ids).map(|(name, id)| Entry { name, id }).collect()
            }
            Err(cause) if cause.is_unknown_method() => {
                let list = self.client.api_create_enum(list as u32).await.during(action)?;
                names(list).into_iter().map(|name| Entry { name, id: String::new() }).collect()
            }
            Err(cause) => return Err(ClusterError::new(action, cause)),
        };
        entries.sort_by_cached_key(|entry| entry.name.to_lowercase());
        Ok(entries)
    }

    /// Asks about many things, some at a time. What was deleted since it was listed is left out.
    pub(super) async fn each<'a, I, T, F>(&'a self, items: &'a [I], ask: impl Fn(&'a I) -> F) -> Outcome<Vec<T>>
    where
        F: Future<Output = Outcome<T>>,
    {
        let mut answers = Vec::with_capacity(items.len());
        for some in items.chunks(AT_ONCE) {
            for answer in join_all(some.iter().map(&ask)).await {
                match answer {
                    Ok(answer) => answers.push(answer),
                    Err(error) if error.status().is_some_and(is_gone) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(answers)
    }

    /// A property list of an object.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn properties<K: ObjectKind>(&self, name: &str, set: PropertySet) -> Outcome<Vec<Property>> {
        let action = format!("reading the properties of the {} {name:?}", K::NAME);
        let octets = self.control::<K>(name, Access::Read, set.get(K::CONTROL), None, &action).await?;
        decode(&octets, &action)
    }

    /// Changes properties of an object; `true` if they count only when it next comes online.
    ///
    /// # Errors
    ///
    /// As all methods; a list that nothing may be changed in is ERROR_NOT_SUPPORTED.
    pub async fn set_properties<K: ObjectKind>(
        &self,
        name: &str,
        set: PropertySet,
        properties: &[Property],
    ) -> Outcome<bool> {
        let action = format!("setting properties of the {} {name:?}", K::NAME);
        let code = set.set(K::CONTROL).ok_or(Cause::Status(Win32Error::ERROR_NOT_SUPPORTED)).during(&action)?;
        let list = property_list::encode(properties);
        stored(self.control::<K>(name, Access::All, code, Some(list), &action).await)
    }

    pub(super) async fn control<K: ObjectKind>(
        &self,
        name: &str,
        access: Access,
        code: u32,
        input: Option<Bytes>,
        action: &str,
    ) -> Outcome<Bytes> {
        self.with::<K, _>(name, access, async |handle| {
            grown(async |size| K::control(&self.client, handle, code, input.clone(), size).await).await.during(action)
        })
        .await
    }

    /// A property list of the cluster.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn cluster_properties(&self, set: PropertySet) -> Outcome<Vec<Property>> {
        let action = "reading the properties of the cluster";
        let octets = self.cluster_control(Access::Read, set.get(7), None, action).await?;
        decode(&octets, action)
    }

    /// Changes properties of the cluster.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn set_cluster_properties(&self, set: PropertySet, properties: &[Property]) -> Outcome<bool> {
        let action = "setting properties of the cluster";
        let code = set.set(7).ok_or(Cause::Status(Win32Error::ERROR_NOT_SUPPORTED)).during(action)?;
        stored(self.cluster_control(Access::All, code, Some(property_list::encode(properties)), action).await)
    }

    async fn cluster_control(&self, access: Access, code: u32, input: Option<Bytes>, action: &str) -> Outcome<Bytes> {
        self.with_cluster(access, async |handle| {
            let asked = grown(async |size| {
                let answer = self.client.api_cluster_control(handle, code, input.clone(), size).await;
                answer
                    .map(|answer| (answer.out_buffer, answer.cb_required))
                    .map_err(|error| error.map_out(|out| out.cb_required))
            });
            asked.await.during(action)
        })
        .await
    }

    /// A property list of a resource type.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resource_type_properties(&self, name: &str, set: PropertySet) -> Outcome<Vec<Property>> {
        let action = format!("reading the properties of the resource type {name:?}");
        let octets = self
            .with_cluster(Access::Read, async |handle| {
                let asked = grown(async |size| {
                    let code = set.get(2);
                    let answer = self.client.api_resource_type_control(handle, name, code, None, size).await;
                    answer
                        .map(|answer| (answer.out_buffer, answer.cb_required))
                        .map_err(|error| error.map_out(|out| out.cb_required))
                });
                asked.await.during(&action)
            })
            .await?;
        decode(&octets, &action)
    }
}

fn decode(octets: &Bytes, action: &str) -> Outcome<Vec<Property>> {
    // Nothing at all is what some servers say for "none".
    if octets.is_empty() {
        return Ok(Vec::new());
    }
    property_list::decode(octets).map_err(|error| ClusterError::new(action, Cause::Malformed(error.to_string())))
}

/// Whether what was changed waits for the next time that the object comes online.
fn stored(outcome: Outcome<Bytes>) -> Outcome<bool> {
    match outcome {
        Err(error) if error.status() == Some(status::ERROR_RESOURCE_PROPERTIES_STORED) => Ok(true),
        other => other.map(|_| false),
    }
}

/// Calls with larger buffers until the answer fits.
pub(super) async fn grown(call: impl AsyncFn(u32) -> Control) -> Result<Bytes, Cause> {
    let mut size = BUFFER;
    loop {
        match call(size).await {
            Ok((octets, _)) => return Ok(octets),
            Err(CallError::Status { status: Win32Error::ERROR_MORE_DATA, out }) if size < (*out).min(MAX_BUFFER) => {
                size = *out;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a code means that an object was there, and is not any more.
fn is_gone(code: Win32Error) -> bool {
    [
        status::ERROR_RESOURCE_NOT_FOUND,
        status::ERROR_RESOURCE_NOT_AVAILABLE,
        status::ERROR_GROUP_NOT_FOUND,
        status::ERROR_GROUP_NOT_AVAILABLE,
        status::ERROR_CLUSTER_NODE_NOT_FOUND,
        status::ERROR_NODE_NOT_AVAILABLE,
        status::ERROR_CLUSTER_NETWORK_NOT_FOUND,
        status::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND,
        status::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND,
    ]
    .contains(&code)
}

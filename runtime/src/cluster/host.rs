//! What stands behind a resource: its type's code, as the cluster sees it.
//!
//! A [`ResourceType`] opens [`Instance`]s, one for each resource on a node. What an instance is
//! asked for, it is asked for one after the other; a future that takes too long, or whose result
//! nobody wants any more, is dropped. So whatever an instance has started has to be in the instance
//! itself as soon as it runs, where [`terminate`](Instance::terminate) finds it. Nothing may block
//! the thread.

use std::time::Duration;

use async_trait::async_trait;
use msrpc_ndr::{Bytes, Win32Error};

pub use super::control::Format;
use super::{
    machine::Cluster,
    objects::{Kind, Object, layout},
    registry::{Name, Value},
    status,
};

/// How often a resource is looked at cheaply where nothing says it.
const LOOKS_ALIVE: u32 = 5_000;
/// How often a resource is looked at closely where nothing says it.
const IS_ALIVE: u32 = 60_000;
/// How long a resource may be between two states where nothing says it.
const PENDING_TIMEOUT: u32 = 180_000;

/// Why an instance could not do something, or does not work any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (error {})", status.0)]
pub struct HostError {
    /// The code for the resource's last error.
    pub status: Win32Error,
    /// In words, for the log.
    pub message: String,
}

impl HostError {
    /// An error of a code, with the reason.
    pub fn new(status: Win32Error, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The error for what takes longer than it may.
    pub fn late(what: &str, limit: Duration) -> Self {
        Self::new(status::WAIT_TIMEOUT, format!("{what} took longer than {limit:?}"))
    }
}

/// A private property of a type's resources: what clients may set and find under the resource's key
/// `Parameters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateProperty {
    /// Its name.
    pub name: &'static str,
    /// Its format.
    pub format: Format,
}

/// The private properties of a resource, as they were stored when they were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(Vec<(Name, Value)>);

impl Parameters {
    /// A property, as it is stored.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other.matches(name)).map(|(_, value)| value)
    }

    /// A property that is a string, unless it is empty.
    pub fn string(&self, name: &str) -> Option<String> {
        self.get(name)?.as_string().filter(|text| !text.is_empty())
    }

    /// A property that is a number.
    pub fn dword(&self, name: &str) -> Option<u32> {
        self.get(name)?.as_dword()
    }
}

impl FromIterator<(Name, Value)> for Parameters {
    fn from_iter<T: IntoIterator<Item = (Name, Value)>>(properties: T) -> Self {
        Self(properties.into_iter().collect())
    }
}

/// What a host has to know of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceSpec {
    /// The resource's ID.
    pub id: Name,
    /// Its name.
    pub name: String,
    /// The name of its type.
    pub resource_type: Name,
    /// Its private properties.
    pub parameters: Parameters,
    /// The network name that it depends on, directly, if any.
    pub network_name: Option<String>,
    /// How often it is looked at cheaply; `None` for never.
    pub looks_alive: Option<Duration>,
    /// How often it is looked at closely; `None` for never.
    pub is_alive: Option<Duration>,
    /// How long it may take to come online or to go offline.
    pub pending_timeout: Duration,
}

impl ResourceSpec {
    /// What the cluster's registry says of a resource now, if there is such a one.
    pub fn of(cluster: &Cluster, id: &Name) -> Option<Self> {
        let registry = cluster.registry();
        let object = cluster.objects().by_id(Kind::Resource, id)?;
        let resource_type = layout::name(&layout::string(registry, object.key, layout::TYPE).unwrap_or_default());
        let type_key = cluster.objects().by_id(Kind::ResourceType, &resource_type).map(|found| found.key);
        // All ones say: as the type does.
        let interval = |value: &str, default: u32| {
            let own = layout::dword(registry, object.key, value).filter(|&own| own != u32::MAX);
            let milliseconds = own.or_else(|| layout::dword(registry, type_key?, value)).unwrap_or(default);
            (milliseconds != 0).then(|| Duration::from_millis(milliseconds.into()))
        };
        let pending = layout::dword(registry, object.key, layout::PENDING_TIMEOUT).unwrap_or(PENDING_TIMEOUT);
        Some(Self {
            id: object.id.clone(),
            name: object.name.to_string(),
            parameters: parameters(cluster, object),
            network_name: network_name(cluster, object),
            looks_alive: interval(layout::LOOKS_ALIVE, LOOKS_ALIVE),
            is_alive: interval(layout::IS_ALIVE, IS_ALIVE),
            pending_timeout: Duration::from_millis(pending.into()),
            resource_type,
        })
    }
}

fn parameters(cluster: &Cluster, object: &Object) -> Parameters {
    let registry = cluster.registry();
    let key = registry.find(object.key, &layout::path(layout::PARAMETERS)).and_then(|key| registry.key(key));
    key.map(|key| key.values().iter().cloned().collect()).unwrap_or_default()
}

/// The name of the first resource of type `Network Name` that a resource depends on.
fn network_name(cluster: &Cluster, object: &Object) -> Option<String> {
    let mut providers = cluster.relations().depends(object.key)?.resources();
    providers.find_map(|id| {
        let provider = cluster.objects().by_id(Kind::Resource, id)?;
        let resource_type = layout::string(cluster.registry(), provider.key, layout::TYPE)?;
        layout::name(&resource_type).matches("Network Name").then(|| parameters(cluster, provider))?.string("Name")
    })
}

/// A resource type's code.
#[async_trait]
pub trait ResourceType: Send + Sync + 'static {
    /// The type's name, as resources name it.
    fn name(&self) -> &str;

    /// The private properties that its resources know. Others may be stored as well.
    fn private_properties(&self) -> &[PrivateProperty] {
        &[]
    }

    /// Makes ready for a resource on this node; starts nothing.
    ///
    /// # Errors
    ///
    /// If this node cannot host it.
    async fn open(&self, resource: &ResourceSpec) -> Result<Box<dyn Instance>, HostError>;
}

/// A resource on this node.
#[async_trait]
pub trait Instance: Send + 'static {
    /// Brings it online, with its private properties as they are now.
    ///
    /// # Errors
    ///
    /// If it did not come online. It is terminated then.
    async fn online(&mut self, resource: &ResourceSpec) -> Result<(), HostError>;

    /// Takes it offline in good order: when this returns, nothing of it runs.
    ///
    /// # Errors
    ///
    /// If that was not possible. It is terminated then.
    async fn offline(&mut self) -> Result<(), HostError>;

    /// Ends at once whatever of it runs, in whatever state it is; succeeds if there is nothing.
    ///
    /// # Errors
    ///
    /// If something may still run: it is not brought online before this has succeeded.
    async fn terminate(&mut self) -> Result<(), HostError>;

    /// Looks whether it works, at little cost. As [`is_alive`](Self::is_alive) unless there is
    /// something cheaper.
    ///
    /// # Errors
    ///
    /// If it does not.
    async fn looks_alive(&mut self) -> Result<(), HostError> {
        self.is_alive().await
    }

    /// Looks whether it works.
    ///
    /// # Errors
    ///
    /// If it does not.
    async fn is_alive(&mut self) -> Result<(), HostError>;

    /// Waits, while it is online, until it does not work any more; for ever where only looking
    /// tells. It is dropped and called again at any time.
    async fn failed(&mut self) -> HostError {
        std::future::pending().await
    }

    /// Answers a control code that is the type's own.
    ///
    /// # Errors
    ///
    /// `ERROR_INVALID_FUNCTION` for codes that it does not know.
    async fn control(&mut self, code: u32, _input: &Bytes) -> Result<Bytes, HostError> {
        Err(HostError::new(Win32Error::ERROR_INVALID_FUNCTION, format!("there is no control code {code:#x}")))
    }

    /// Lets go of the resource, which is offline.
    async fn close(self: Box<Self>) {}
}

//! How a server is found and managed: its endpoints in a map, the mapper, the management interface.

use std::{io, net::SocketAddr, sync::Arc};

use msrpc_ndr::{Service, Syntax, Uuid};
use msrpc_protocols::{epm::ept, mgmt::mgmt};
use tokio::{net::ToSocketAddrs, sync::watch};

use super::{Server, ServerBuilder};
use crate::{
    association::ServerConfig,
    binding::StringBinding,
    epm::{Address, Endpoint, EndpointMap, EndpointMapper, Registration, Tower},
    mgmt::{Management, Policy},
    transport::Listener,
};

/// What a builder knows of it.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    map: Option<Arc<EndpointMap>>,
    annotation: String,
    management: Policy,
    mappers: Vec<Listener>,
    insertable: bool,
}

/// What a server runs of it.
pub(super) struct Discovered {
    pub(super) registration: Option<Registration>,
    /// The configuration of connections to the mapper, and where they come in.
    pub(super) mapper: Option<(ServerConfig, Vec<Listener>)>,
}

impl ServerBuilder {
    /// Registers what the server offers with a map, for as long as it runs: each interface at each
    /// endpoint. Without a map, [`listen_mapper`](Self::listen_mapper) makes one.
    pub fn endpoint_map(mut self, map: Arc<EndpointMap>) -> Self {
        self.discovery.map = Some(map);
        self
    }

    /// Sets the text for people that stands in the map beside the server's endpoints.
    pub fn annotation(mut self, text: impl Into<String>) -> Self {
        self.discovery.annotation = text.into();
        self
    }

    /// Serves the endpoint map, mostly on port [`PORT`](crate::epm::PORT). The server's other
    /// interfaces are not served there, nor is the mapper where they are.
    ///
    /// # Errors
    ///
    /// Fails if the address is in use or not allowed.
    pub async fn listen_mapper(mut self, address: impl ToSocketAddrs) -> io::Result<Self> {
        self.discovery.mappers.push(Listener::tcp(address).await?);
        Ok(self)
    }

    /// Serves the endpoint map at a local socket (`ncalrpc`), where other servers of this host may
    /// register: whoever may write to the socket.
    ///
    /// # Errors
    ///
    /// Fails if the path is in use or not allowed.
    #[cfg(unix)]
    pub fn listen_mapper_local(mut self, path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        self.discovery.mappers.push(Listener::local(path.as_ref())?);
        self.discovery.insertable = true;
        Ok(self)
    }

    /// Sets who may ask the server about itself, and who may stop it: everybody, and nobody.
    pub fn management(mut self, policy: Policy) -> Self {
        self.discovery.management = policy;
        self
    }
}

impl Discovery {
    pub(super) fn listens(&self) -> bool {
        !self.mappers.is_empty()
    }

    /// Registers the server's endpoints, and adds the management interface to its services.
    pub(super) fn open(
        self,
        config: &mut ServerConfig,
        listeners: &[Listener],
        stop: &watch::Sender<bool>,
    ) -> io::Result<Discovered> {
        let serves_mapper = self.listens();
        let map = self.map.or_else(|| serves_mapper.then(Arc::default));
        let registration = match &map {
            Some(map) => {
                let endpoints = endpoints(config, listeners, &self.annotation);
                Some(map.register(endpoints).map_err(io::Error::other)?)
            }
            None => None,
        };
        add_management(config, self.management.clone(), stop);
        let mapper = map.filter(|_| serves_mapper).map(|map| {
            let insertable = self.insertable;
            let service = EndpointMapper::new(map).insert_only_by(move |_| insertable).service();
            let mut mapper = ServerConfig::new(vec![Arc::new(service)]);
            mapper.acceptors.clone_from(&config.acceptors);
            mapper.syntaxes.clone_from(&config.syntaxes);
            mapper.features = config.features;
            mapper.limits = config.limits;
            mapper.quotas = Arc::clone(&config.quotas);
            mapper.metrics = Arc::clone(&config.metrics);
            add_management(&mut mapper, self.management, stop);
            (mapper, self.mappers)
        });
        Ok(Discovered { registration, mapper })
    }
}

impl Server {
    /// The TCP addresses that the endpoint map is served on.
    pub fn mapper_addresses(&self) -> &[SocketAddr] {
        &self.mapper_addresses
    }

    /// Waits until a client stops the server through the management interface, or
    /// [`shutdown`](Self::shutdown) does. The server is still to be shut down then.
    pub async fn stopping(&self) {
        super::stopped(&mut self.stop.subscribe()).await;
    }
}

/// Adds the management interface, unless the program serves one of its own.
fn add_management(config: &mut ServerConfig, policy: Policy, stop: &watch::Sender<bool>) {
    if config.services.iter().any(|service| *service.interface() == mgmt::INTERFACE) {
        return;
    }
    let interfaces: Vec<_> = config.services.iter().map(|service| service.interface()).collect();
    let management = Management::new(policy, interfaces, Arc::clone(&config.metrics), stop.clone());
    config.services.push(Arc::new(management.service()));
}

/// Each interface at each endpoint. Mapper and management interface are everywhere, and not listed.
fn endpoints(config: &ServerConfig, listeners: &[Listener], annotation: &str) -> Vec<Endpoint> {
    let addresses: Vec<_> = listeners
        .iter()
        .filter_map(|listener| {
            // Listeners print as string bindings.
            let binding: StringBinding = listener.to_string().parse().ok()?;
            Address::from_binding(&binding)
                .inspect_err(|error| tracing::warn!(%listener, %error, "an endpoint is not registered"))
                .ok()
        })
        .collect();
    let listed = |service: &&Arc<dyn Service>| {
        let interface = service.interface();
        *interface != ept::INTERFACE && *interface != mgmt::INTERFACE
    };
    let services = config.services.iter().filter(listed);
    let endpoint = |service: &Arc<dyn Service>, address: &Address| Endpoint {
        object: Uuid::nil(),
        tower: Tower { interface: service.interface().into(), transfer: Syntax::Ndr.into(), address: address.clone() },
        annotation: annotation.to_owned(),
    };
    services.flat_map(|service| addresses.iter().map(move |address| endpoint(service, address))).collect()
}

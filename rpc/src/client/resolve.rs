//! Finding the endpoint that a string binding leaves out.

use msrpc_ndr::Interface;

use super::{BoundChannel, ClientBuilder, ConnectError};
use crate::{
    binding::Protocol,
    epm::{self, MapError, Mapper},
    transport::tcp,
};

impl ClientBuilder {
    /// Sets the TCP port of the server's endpoint mapper (135), which is asked if the string binding
    /// has no endpoint.
    pub fn mapper_port(mut self, port: u16) -> Self {
        self.mapper_port = port;
        self
    }

    /// Connects to the TCP port that the interface's IDL names, or else to those that the endpoint
    /// mapper knows, in turn.
    pub(super) async fn connect_mapped(&self, interface: &'static Interface) -> Result<BoundChannel, ConnectError> {
        let host = &self.binding.host;
        let ports = match well_known(interface) {
            Some(port) => vec![port],
            None => self.ask_mapper(interface).await.map_err(|error| ConnectError::Mapper {
                host: host.clone(),
                port: self.mapper_port,
                interface: interface.name,
                error: Box::new(error),
            })?,
        };
        let mut last = ConnectError::NoEndpoint(self.binding.clone());
        for port in ports {
            match self.connect_tcp(port).await {
                Ok(stream) => return self.bind(stream, interface).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Asks without authentication, as everybody does: a wrong answer leads to a port that the real
    /// client's security finds out.
    async fn ask_mapper(&self, interface: &'static Interface) -> Result<Vec<u16>, MapError> {
        let mapper = Mapper::connect_within(&self.binding.host, self.mapper_port, self.connect_timeout).await?;
        let towers = mapper.map(interface, &Protocol::Tcp, self.binding.object).await?;
        Ok(epm::tcp_ports(&towers))
    }
}

/// The TCP port that an interface always has.
fn well_known(interface: &Interface) -> Option<u16> {
    if *interface == msrpc_protocols::epm::ept::INTERFACE {
        return Some(epm::PORT);
    }
    let tcp = interface.endpoints.iter().find(|(protocol, _)| *protocol == tcp::PROTOCOL);
    tcp.and_then(|(_, endpoint)| endpoint.parse().ok())
}

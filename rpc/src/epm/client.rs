//! Asking an endpoint mapper.

use std::{sync::Arc, time::Duration};

use msrpc_ndr::{CallError, Channel, ClientHandle, Syntax, Win32Error};
use msrpc_protocols::epm::{
    EptEntryT, EptLookupHandleT, RpcIfId, TwrT,
    ept::{self, Client},
};
use uuid::Uuid;

use super::{Address, Endpoint, Inquiry, PORT, Tower, TowerError};
use crate::{
    binding::{Protocol, StringBinding},
    client::{BoundChannel, ClientBuilder, ConnectError},
    pdu::SyntaxId,
    transport::tcp,
};

/// Entries asked for at a time; the interface allows 500.
const PAGE: u32 = 100;

/// Entries that are accepted as one answer.
const MAX_ENTRIES: usize = 100_000;

/// How long connecting to a mapper, and each of its answers, may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why an endpoint mapper has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// It cannot be reached, or does not let us in.
    #[error("the endpoint mapper cannot be asked: {0}")]
    Connect(Box<ConnectError>),
    /// It knows no such endpoint.
    #[error(
        "no {protocol} endpoint of {} {}.{} is registered: is the service running there?",
        .interface.uuid, .interface.version.0, .interface.version.1
    )]
    NotRegistered {
        /// The interface.
        interface: SyntaxId,
        /// The protocol.
        protocol: Protocol,
    },
    /// It answers with a failure.
    #[error("the endpoint mapper answers: {0}")]
    Status(Win32Error),
    /// It cannot be called.
    #[error("the endpoint mapper did not answer: {0}")]
    Call(Box<CallError<(), Win32Error>>),
    /// The question cannot be put.
    #[error("the endpoint mapper cannot be asked for that: {0}")]
    Tower(#[from] TowerError),
    /// It answers more than anybody has.
    #[error("the endpoint mapper answers without end")]
    Endless,
}

impl From<ConnectError> for MapError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

/// An endpoint mapper.
#[derive(Clone, Debug)]
pub struct Mapper<C> {
    client: Client<C>,
}

impl Mapper<BoundChannel> {
    /// Connects to a host's mapper over TCP, on port [`PORT`] mostly.
    ///
    /// # Errors
    ///
    /// Says whether host, port or protocol is the trouble.
    pub async fn connect(host: &str, port: u16) -> Result<Self, MapError> {
        Self::connect_within(host, port, TIMEOUT).await
    }

    /// Connects as [`connect`](Self::connect) does, within a time that also holds for each answer.
    ///
    /// # Errors
    ///
    /// Says whether host, port or protocol is the trouble.
    pub async fn connect_within(host: &str, port: u16, timeout: Duration) -> Result<Self, MapError> {
        let builder = ClientBuilder::new(StringBinding::tcp(host, port)).connect_timeout(timeout).call_timeout(timeout);
        let stream = tcp::connect(host, port, timeout).await.map_err(ConnectError::from)?;
        Ok(Self::new(builder.bind(stream, &ept::INTERFACE).await?))
    }
}

impl<C: Channel> Mapper<C> {
    /// A mapper that is bound already, over whatever transport.
    pub fn new(channel: C) -> Self {
        Self { client: Client::new(channel) }
    }

    /// Asks where an interface is to be had over a protocol, for an object or for none. The answers
    /// stand in the mapper's order; the hosts in them are not to be relied on.
    ///
    /// # Errors
    ///
    /// [`MapError::NotRegistered`] if it is nowhere to be had.
    pub async fn map(
        &self,
        interface: impl Into<SyntaxId>,
        protocol: &Protocol,
        object: Option<Uuid>,
    ) -> Result<Vec<Tower>, MapError> {
        let interface = interface.into();
        let wanted = Tower { interface, transfer: Syntax::Ndr.into(), address: Address::any(protocol)? };
        let question = Arc::new(TwrT { tower_octet_string: wanted.to_bytes()? });
        let mut towers: Vec<Tower> = Vec::new();
        let mut handle = None;
        loop {
            let object = Some(object.unwrap_or_default());
            let answer = self.client.ept_map(object, Some(Arc::clone(&question)), handle.take(), PAGE).await;
            let page = page(answer)?;
            let found = page.i_towers.iter().flatten().filter_map(|tower| read_tower(tower));
            // Some mappers answer more than they were asked.
            towers.extend(found.filter(|tower| {
                tower.interface.uuid == interface.uuid && tower.address.same_protocol(&wanted.address)
            }));
            handle = page.entry_handle;
            if self.at_end(&mut handle, page.i_towers.len(), towers.len()).await? {
                break;
            }
        }
        if towers.is_empty() {
            return Err(MapError::NotRegistered { interface, protocol: protocol.clone() });
        }
        Ok(towers)
    }

    /// Asks for entries. Those whose tower cannot be read are left out.
    ///
    /// # Errors
    ///
    /// Fails if the mapper does. No entries are no error.
    pub async fn lookup(&self, inquiry: &Inquiry) -> Result<Vec<Endpoint>, MapError> {
        let interface = inquiry.interface.map(|(SyntaxId { uuid, version }, _)| {
            Arc::new(RpcIfId { uuid, vers_major: version.0, vers_minor: version.1 })
        });
        let option = inquiry.interface.map_or_else(Default::default, |(_, option)| option);
        let mut entries = Vec::new();
        let mut handle = None;
        loop {
            let answer = self
                .client
                .ept_lookup(inquiry.to_wire(), inquiry.object, interface.clone(), option.to_wire(), handle.take(), PAGE)
                .await;
            let page = page(answer)?;
            entries.extend(page.entries.iter().filter_map(read_entry));
            handle = page.entry_handle;
            if self.at_end(&mut handle, page.entries.len(), entries.len()).await? {
                break;
            }
        }
        Ok(entries)
    }

    /// Whether a search is over. If it has to be given up, the mapper is told so.
    async fn at_end(
        &self,
        handle: &mut Option<ClientHandle<EptLookupHandleT>>,
        page: usize,
        total: usize,
    ) -> Result<bool, MapError> {
        if handle.is_none() {
            return Ok(true);
        }
        if page > 0 && total < MAX_ENTRIES {
            return Ok(false);
        }
        let _ = self.client.ept_lookup_handle_free(handle.take()).await;
        if total < MAX_ENTRIES { Ok(true) } else { Err(MapError::Endless) }
    }
}

/// A page of a search; the status that says that there is nothing more is none to fail with.
fn page<R>(answer: Result<R, CallError<R, Win32Error>>) -> Result<R, MapError> {
    answer.map_err(|error| match error {
        CallError::Status { status, .. } => MapError::Status(status),
        error => MapError::Call(Box::new(error.map_out(|_| ()))),
    })
}

fn read_tower(tower: &TwrT) -> Option<Tower> {
    Tower::parse(&tower.tower_octet_string)
        .inspect_err(|error| tracing::warn!(%error, "an entry of an endpoint mapper is left out"))
        .ok()
}

fn read_entry(entry: &EptEntryT) -> Option<Endpoint> {
    Some(Endpoint {
        object: entry.object,
        tower: read_tower(entry.tower.as_ref()?)?,
        annotation: entry.annotation.to_string_lossy().into_owned(),
    })
}

/// Asks a host's endpoint mapper, on TCP port 135, where an interface is to be had over TCP. Gives
/// the ports, in the mapper's order.
///
/// # Errors
///
/// [`MapError::NotRegistered`] if it is nowhere to be had.
pub async fn map(host: &str, interface: impl Into<SyntaxId>) -> Result<Vec<u16>, MapError> {
    let towers = Mapper::connect(host, PORT).await?.map(interface, &Protocol::Tcp, None).await?;
    Ok(tcp_ports(&towers))
}

/// Asks a host's endpoint mapper, on TCP port 135, for entries.
///
/// # Errors
///
/// Fails if the mapper cannot be asked.
pub async fn lookup(host: &str, inquiry: &Inquiry) -> Result<Vec<Endpoint>, MapError> {
    Mapper::connect(host, PORT).await?.lookup(inquiry).await
}

/// The TCP ports in towers, each once.
pub(crate) fn tcp_ports(towers: &[Tower]) -> Vec<u16> {
    let mut ports = Vec::new();
    for tower in towers {
        match tower.address {
            Address::Tcp { port, .. } if port != 0 && !ports.contains(&port) => ports.push(port),
            _ => {}
        }
    }
    ports
}

//! A man in the middle: relays connections to a server, writes down each PDU, and changes what a
//! test wants changed.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

/// Which way a PDU travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Response,
}

/// A PDU on its way.
#[derive(Clone, Debug)]
pub struct Pdu {
    /// The connection: 0 for the first.
    pub connection: usize,
    /// Which way.
    pub direction: Direction,
    /// The whole PDU.
    pub octets: Bytes,
}

/// `request` in the common header.
pub const REQUEST: u8 = 0;
/// `response` in the common header.
pub const RESPONSE: u8 = 2;

impl Pdu {
    /// Its type (C706 12.6.1).
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.octets.get(2).copied().unwrap_or(u8::MAX)
    }
}

/// What becomes of a PDU.
#[derive(Clone, Debug)]
pub struct Relay {
    /// What goes on in its place.
    pub send: Vec<Bytes>,
    /// Whether this direction ends with that.
    pub end: bool,
}

impl Relay {
    /// The PDU goes on as it is.
    #[must_use]
    pub fn on(pdu: &Pdu) -> Self {
        Self { send: vec![pdu.octets.clone()], end: false }
    }

    /// Something else goes on.
    #[must_use]
    pub fn instead(octets: impl Into<Bytes>) -> Self {
        Self { send: vec![octets.into()], end: false }
    }
}

/// A proxy that runs. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    recorded: Arc<Mutex<Vec<Pdu>>>,
    accepting: JoinHandle<()>,
}

struct Shared {
    rule: Box<dyn Fn(&Pdu) -> Relay + Send + Sync>,
    recorded: Arc<Mutex<Vec<Pdu>>>,
}

impl Proxy {
    /// Starts a proxy in front of a server. `rule` decides what becomes of each PDU.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(server: SocketAddr, rule: impl Fn(&Pdu) -> Relay + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let recorded = Arc::default();
        let shared = Arc::new(Shared { rule: Box::new(rule), recorded: Arc::clone(&recorded) });
        let accepting = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(relay(Arc::clone(&shared), number, client, server));
                number += 1;
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, recorded, accepting })
    }

    /// A proxy that changes nothing.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn recording(server: SocketAddr) -> io::Result<Self> {
        Self::start(server, Relay::on).await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The PDUs that have come by, as they came in.
    #[must_use]
    pub fn recorded(&self) -> Vec<Pdu> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn relay(shared: Arc<Shared>, connection: usize, client: TcpStream, server: SocketAddr) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // As the sides would have it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // A connection that breaks ends; both sides see it.
    let _ = tokio::join!(
        one_way(&shared, connection, Direction::Request, from_client, to_server),
        one_way(&shared, connection, Direction::Response, from_server, to_client),
    );
}

async fn one_way(
    shared: &Shared,
    connection: usize,
    direction: Direction,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    let mut input = BytesMut::new();
    while let Some(octets) = next_pdu(&mut input, &mut from).await? {
        let pdu = Pdu { connection, direction, octets };
        let relay = (shared.rule)(&pdu);
        shared.recorded.lock().unwrap_or_else(PoisonError::into_inner).push(pdu);
        for octets in relay.send {
            to.write_all(&octets).await?;
        }
        if relay.end {
            break;
        }
    }
    to.shutdown().await
}

/// The next whole PDU; `None` at the end. What cannot be one ends the connection.
async fn next_pdu(input: &mut BytesMut, from: &mut OwnedReadHalf) -> io::Result<Option<Bytes>> {
    loop {
        if let Some(&[order, _, _, _, a, b]) = input.get(4..10).and_then(<[u8]>::first_chunk::<6>) {
            let little = order >> 4 == 1;
            let len = usize::from(if little { u16::from_le_bytes([a, b]) } else { u16::from_be_bytes([a, b]) });
            if len < 16 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if input.len() >= len {
                return Ok(Some(input.split_to(len).freeze()));
            }
        }
        if from.read_buf(input).await? == 0 {
            return Ok(None);
        }
    }
}

//! What stands between a client and the server: relays the client's connections, and does mischief.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Shared,
    mischief::{Kind, Temper},
};

/// How long a part waits for the one that it is swapped with.
const PATIENCE: Duration = Duration::from_millis(20);

/// Octets that are read at a time.
const READ: usize = 16 << 10;

/// Relays one connection. Dropping it ends it.
pub(super) struct Link {
    pub(super) address: SocketAddr,
    relaying: JoinHandle<()>,
}

impl Link {
    /// Listens for one connection; the tempers are those of requests and of responses.
    pub(super) async fn to(server: SocketAddr, tempers: [Temper; 2], shared: Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let relaying = tokio::spawn(async move {
            let Ok((client, _)) = listener.accept().await else { return };
            let Ok(server) = TcpStream::connect(server).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            let [there, back] = tempers;
            let there = Way { from: from_client, to: to_server, temper: there, shared: Arc::clone(&shared) };
            let back = Way { from: from_server, to: to_client, temper: back, shared };
            // An error ends the connection in both directions, as it would be.
            let _ = tokio::try_join!(there.relay(), back.relay());
        });
        Ok(Self { address, relaying })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    temper: Temper,
    shared: Arc<Shared>,
}

impl Way {
    async fn relay(mut self) -> io::Result<()> {
        let mut input = BytesMut::new();
        // The one that comes behind the next.
        let mut held: Option<Bytes> = None;
        loop {
            let next = if held.is_some() {
                timeout(PATIENCE, self.part(&mut input)).await.unwrap_or_else(|_| Ok(Some(Bytes::new())))
            } else {
                self.part(&mut input).await
            };
            let Some(part) = next? else { break };
            let kind = if part.is_empty() { None } else { self.temper.next() };
            if let Some(kind) = kind {
                self.shared.count(|tally| tally.mischief[kind.index()] += 1);
            }
            match kind {
                None => self.to.write_all(&part).await?,
                Some(Kind::Delay) => {
                    let most = if self.temper.below(20) == 0 { 400 } else { 20 };
                    sleep(Duration::from_millis(self.temper.below(most))).await;
                    self.to.write_all(&part).await?;
                }
                Some(Kind::Dribble) => {
                    let (slow, rest) = part.split_at(part.len().min(200));
                    for octet in slow {
                        self.to.write_all(&[*octet]).await?;
                        tokio::task::yield_now().await;
                    }
                    self.to.write_all(rest).await?;
                }
                Some(Kind::Repeat) => {
                    self.to.write_all(&part).await?;
                    self.to.write_all(&part).await?;
                }
                Some(Kind::Lose) => {}
                Some(Kind::Swap) if held.is_none() => {
                    held = Some(part);
                    continue;
                }
                Some(Kind::Swap) => self.to.write_all(&part).await?,
                Some(Kind::Change) => {
                    let mut changed = BytesMut::from(&part[..]);
                    for _ in 0..=self.temper.below(4) {
                        let at = self.temper.below(changed.len() as u64) as usize;
                        changed[at] ^= 1 << self.temper.below(8);
                    }
                    self.to.write_all(&changed).await?;
                }
                Some(Kind::Cut) => {
                    let len = self.temper.below(part.len() as u64) as usize;
                    self.to.write_all(&part[..len]).await?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Some(Kind::HalfClose) => break,
                Some(Kind::Stall) => std::future::pending().await,
            }
            if let Some(held) = held.take() {
                self.to.write_all(&held).await?;
            }
        }
        self.to.shutdown().await
    }

    async fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        // Without room it would be a few octets at a time.
        input.reserve(READ);
        self.from.read_buf(input).await
    }

    /// The next part; `None` at the end.
    async fn part(&mut self, input: &mut BytesMut) -> io::Result<Option<Bytes>> {
        if !self.temper.by_pdu {
            // The parts' lengths are not those of what happens to be read.
            let len = self.temper.part();
            if input.is_empty() && self.read(input).await? == 0 {
                return Ok(None);
            }
            return Ok(Some(input.split_to(len.min(input.len())).freeze()));
        }
        loop {
            // What is no PDU goes on as it is.
            let len = match input.get(..10) {
                Some(&[_, _, _, _, order, _, _, _, a, b]) => {
                    let len = if order >> 4 == 1 { u16::from_le_bytes([a, b]) } else { u16::from_be_bytes([a, b]) };
                    usize::from(len).max(16)
                }
                _ => usize::MAX,
            };
            if input.len() >= len {
                return Ok(Some(input.split_to(len).freeze()));
            }
            if self.read(input).await? == 0 {
                return Ok(if input.is_empty() { None } else { Some(input.split().freeze()) });
            }
        }
    }
}

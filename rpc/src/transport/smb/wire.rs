//! The TCP stream under SMB, which remembers the handshake: the keys are derived from its octets.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use smb2::{
    crypto::kdf::PreauthHasher,
    transport::{TransportReceive, TransportSend},
    types::status::NtStatus,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex as AsyncMutex,
};

use super::validate::Negotiation;

/// Largest message that is accepted: reads ask for 64 KiB.
const MAX_MESSAGE: usize = 1 << 20;

/// Where a command stands in the header.
const COMMAND: usize = 12;

/// Where the status stands in the header.
const STATUS: usize = 8;

/// Where the client's capabilities stand in its NEGOTIATE, and the one for encryption.
const CAPABILITIES: usize = 72;
const CAP_ENCRYPTION: u8 = 0x40;

const NEGOTIATE: [u8; 2] = [0, 0];
const SESSION_SETUP: [u8; 2] = [1, 0];

/// The handshake so far.
#[derive(Clone)]
pub(super) struct Transcript(Arc<Mutex<Handshake>>);

struct Handshake {
    /// Hashed as SMB 3.1.1 wants it; `None` once it is over.
    hasher: Option<PreauthHasher>,
    negotiation: Negotiation,
}

impl Transcript {
    /// The hash of the handshake, which ends with this, and its beginning.
    pub(super) fn finish(&self) -> (Option<[u8; 64]>, Negotiation) {
        let mut handshake = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = handshake.hasher.take().map(|hasher| *hasher.value());
        (hash, std::mem::take(&mut handshake.negotiation))
    }

    fn sent(&self, message: &[u8]) {
        if command(message) == Some(NEGOTIATE) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).negotiation.request = message.to_vec();
        }
        if matches!(command(message), Some(NEGOTIATE | SESSION_SETUP)) {
            self.add(message);
        }
    }

    fn received(&self, message: &[u8]) {
        if command(message) == Some(NEGOTIATE) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).negotiation.response = message.to_vec();
        }
        let status =
            message.get(STATUS..).and_then(|status| status.first_chunk()).map(|s| NtStatus(u32::from_le_bytes(*s)));
        let counts = match command(message) {
            Some(NEGOTIATE) => true,
            // The last one is signed with a key derived from those before it.
            Some(SESSION_SETUP) => status.is_some_and(|status| status.is_more_processing_required()),
            _ => false,
        };
        if counts {
            self.add(message);
        }
    }

    fn add(&self, message: &[u8]) {
        if let Some(hasher) = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).hasher {
            hasher.update(message);
        }
    }
}

fn command(message: &[u8]) -> Option<[u8; 2]> {
    message.get(COMMAND..)?.first_chunk().copied()
}

struct Sender {
    stream: AsyncMutex<OwnedWriteHalf>,
    transcript: Transcript,
}

struct Receiver {
    stream: AsyncMutex<OwnedReadHalf>,
    transcript: Transcript,
}

/// The halves of a stream, as `smb2` wants them, and what they remember.
pub(super) fn split(stream: TcpStream) -> (Box<dyn TransportSend>, Box<dyn TransportReceive>, Transcript) {
    let transcript = Handshake { hasher: Some(PreauthHasher::new()), negotiation: Negotiation::default() };
    let transcript = Transcript(Arc::new(Mutex::new(transcript)));
    let (read, write) = stream.into_split();
    let sender = Sender { stream: AsyncMutex::new(write), transcript: transcript.clone() };
    let receiver = Receiver { stream: AsyncMutex::new(read), transcript: transcript.clone() };
    (Box::new(sender), Box::new(receiver), transcript)
}

#[async_trait]
impl TransportSend for Sender {
    async fn send(&self, data: &[u8]) -> smb2::Result<()> {
        let length = u32::try_from(data.len()).ok().filter(|length| length >> 24 == 0);
        let length = length.ok_or_else(|| smb2::Error::invalid_data("a message is too long"))?;
        let mut frame = Vec::with_capacity(4 + data.len());
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(data);
        // `smb2` 0.39 can encrypt, but does not say so; Samba then takes it that it cannot.
        if command(data) == Some(NEGOTIATE)
            && let Some(capabilities) = frame.get_mut(4 + CAPABILITIES)
        {
            *capabilities |= CAP_ENCRYPTION;
        }
        self.transcript.sent(frame.get(4..).unwrap_or_default());
        self.stream.lock().await.write_all(&frame).await?;
        Ok(())
    }
}

#[async_trait]
impl TransportReceive for Receiver {
    async fn receive(&self) -> smb2::Result<Vec<u8>> {
        let mut stream = self.stream.lock().await;
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(smb2::Error::invalid_data("the server does not speak SMB, or its message is too long"));
        }
        let mut message = vec![0; length];
        stream.read_exact(&mut message).await?;
        self.transcript.received(&message);
        Ok(message)
    }
}

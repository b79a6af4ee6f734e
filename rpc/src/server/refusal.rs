//! Connections that are one too many: they are told so, if that takes no time.

use std::time::Duration;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::OwnedSemaphorePermit,
};

use crate::{
    pdu::{BindNak, HEADER_LEN, Head, Header, NakReason, PduType, PfcFlags, write_pdu},
    transport::Opening,
};

/// Connections that are told at a time; further ones are closed without a word.
pub(super) const AT_A_TIME: usize = 64;

/// How long telling may take.
const TELLING: Duration = Duration::from_secs(2);

/// Answers a bind with bind_nak `local_limit_exceeded`.
pub(super) async fn refuse(opening: Opening, turn: OwnedSemaphorePermit) {
    // What does not work is no loss.
    let _ = tokio::time::timeout(TELLING, tell(opening)).await;
    drop(turn);
}

async fn tell(opening: Opening) -> std::io::Result<()> {
    let (mut stream, _) = opening.await?;
    let mut octets = [0; HEADER_LEN];
    stream.read_exact(&mut octets).await?;
    let Ok(Header { ptype: PduType::Bind, call_id, frag_length, drep, .. }) = Header::parse(&octets) else {
        return Ok(());
    };
    // The system resets connections with octets that nobody has read, and the answer is lost.
    let rest = u64::from(frag_length).saturating_sub(HEADER_LEN as u64);
    tokio::io::copy(&mut (&mut stream).take(rest), &mut tokio::io::sink()).await?;
    let mut answer = BytesMut::new();
    let head = Head { ptype: PduType::BindNak, flags: PfcFlags::WHOLE, order: drep.order(), call_id };
    write_pdu(&mut answer, head, None, |w| BindNak::new(NakReason::LOCAL_LIMIT_EXCEEDED).write(w))
        .map_err(std::io::Error::other)?;
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

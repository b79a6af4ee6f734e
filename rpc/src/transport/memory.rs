//! Connections within a process, for tests.

use tokio::io::DuplexStream;

use crate::association::TransportInfo;

/// The two ends of a connection on which each side is at most `room` octets ahead of the other.
pub fn pair(room: usize) -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(room)
}

/// What a server is told of such a connection: its client is unknown, and nothing protects it.
pub fn info() -> TransportInfo {
    TransportInfo { protocol: PROTOCOL.to_owned(), ..TransportInfo::default() }
}

/// A name for logs; there is no such protocol sequence.
const PROTOCOL: &str = "memory";

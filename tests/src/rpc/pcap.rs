//! Capture files of what a [`proxy`](super::proxy) saw: TCP connections made up around the PDUs, so
//! that no rights to capture are needed.

use std::{collections::HashMap, fs, io, path::Path};

use super::proxy::{Direction, Pdu};

/// The port of the server in the file.
pub const SERVER_PORT: u16 = 59_999;

/// `LINKTYPE_IPV4`.
const LINK_TYPE: u32 = 228;
const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
/// Octets of headers in front of a segment.
const HEADERS: u16 = 40;
const SEGMENT: usize = 32 << 10;

const SYN: u8 = 0x02;
const PUSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// What each side of a connection has sent.
#[derive(Default)]
struct Sequence {
    client: u32,
    server: u32,
}

/// Writes PDUs to a file. How many packets there are.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, pdus: &[Pdu]) -> io::Result<usize> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, LINK_TYPE] {
        file.extend_from_slice(&u32::to_le_bytes(word));
    }
    let mut connections: HashMap<usize, Sequence> = HashMap::new();
    let mut packets = 0;
    for pdu in pdus {
        let port = 40_000 + u16::try_from(pdu.connection).map_err(io::Error::other)?;
        let sequence = connections.entry(pdu.connection).or_insert_with(|| {
            for (direction, flags, sent, seen) in [
                (Direction::Request, SYN, 0, 0),
                (Direction::Response, SYN | ACK, 0, 1),
                (Direction::Request, ACK, 1, 1),
            ] {
                packet(&mut file, &mut packets, port, direction, flags, (sent, seen), &[]);
            }
            Sequence { client: 1, server: 1 }
        });
        for segment in pdu.octets.chunks(SEGMENT) {
            let len = u32::try_from(segment.len()).map_err(io::Error::other)?;
            let (sent, seen) = match pdu.direction {
                Direction::Request => (&mut sequence.client, sequence.server),
                Direction::Response => (&mut sequence.server, sequence.client),
            };
            packet(&mut file, &mut packets, port, pdu.direction, PUSH | ACK, (*sent, seen), segment);
            *sent = sent.wrapping_add(len);
        }
    }
    fs::write(path, file)?;
    Ok(packets)
}

/// Adds a packet; a microsecond passes with each. Checksums are left out: nobody asks for them.
fn packet(
    file: &mut Vec<u8>,
    packets: &mut usize,
    port: u16,
    direction: Direction,
    flags: u8,
    (sent, seen): (u32, u32),
    segment: &[u8],
) {
    // Segments are at most SEGMENT octets.
    let len = HEADERS + u16::try_from(segment.len()).unwrap_or(0);
    let time = u32::try_from(*packets).unwrap_or(u32::MAX);
    for word in [time / 1_000_000, time % 1_000_000, len.into(), len.into()] {
        file.extend_from_slice(&u32::to_le_bytes(word));
    }
    let (from, to, from_port, to_port) = match direction {
        Direction::Request => (CLIENT, SERVER, port, SERVER_PORT),
        Direction::Response => (SERVER, CLIENT, SERVER_PORT, port),
    };
    file.extend_from_slice(&[0x45, 0]);
    file.extend_from_slice(&len.to_be_bytes());
    file.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    file.extend_from_slice(&from);
    file.extend_from_slice(&to);
    file.extend_from_slice(&from_port.to_be_bytes());
    file.extend_from_slice(&to_port.to_be_bytes());
    file.extend_from_slice(&sent.to_be_bytes());
    file.extend_from_slice(&seen.to_be_bytes());
    file.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    file.extend_from_slice(segment);
    *packets += 1;
}

//! The endpoint mapper's port, for each test at an address of its own.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU8, Ordering},
};

use super::missing;

/// An address of the loopback network at which nobody listens on port 135: the process's number and
/// a counter are in it. `None` if this user may not listen there and peers may be skipped.
pub fn free_address() -> Option<Ipv4Addr> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [.., third, fourth] = process::id().to_be_bytes();
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..32 {
        // 127.32.0.0/11 is far from what people use.
        let second = 32 + NEXT.fetch_add(1, Ordering::Relaxed) % 32;
        let address = Ipv4Addr::new(127, second, third, fourth);
        match TcpListener::bind((address, 135)) {
            Ok(_) => return Some(address),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                missing(
                    "listening on port 135 is not allowed: run as root, or \
                         sysctl net.ipv4.ip_unprivileged_port_start=135",
                );
                return None;
            }
            Err(error) => last = error,
        }
    }
    panic!("port 135 cannot be had, even of an address of its own: {last}")
}

//! The endpoint mapper's port: one for all tests of this machine.

use std::{
    env,
    fs::File,
    io::ErrorKind,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use super::missing;

/// The right to listen on 127.0.0.1:135 until it is dropped.
#[derive(Debug)]
pub struct Port135 {
    _lock: File,
}

impl Port135 {
    /// Waits until no other test has it. `None` if this user may not listen there and peers may be
    /// skipped.
    pub fn take() -> Option<Self> {
        let path = env::temp_dir().join("msrpc-port-135.lock");
        let lock = File::options().create(true).append(true).open(&path).unwrap();
        lock.lock().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match TcpListener::bind("127.0.0.1:135") {
                Ok(_) => return Some(Self { _lock: lock }),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    missing(
                        "listening on port 135 is not allowed: run as root, or \
                             sysctl net.ipv4.ip_unprivileged_port_start=135",
                    );
                    return None;
                }
                // The last one's daemons may still be ending.
                Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(50));
                }
                Err(error) => panic!("127.0.0.1:135: {error}: stop the other endpoint mapper first"),
            }
        }
    }
}

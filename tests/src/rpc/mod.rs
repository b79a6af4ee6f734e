//! RPC servers and clients of ours, and the peers that they are tried against.
//!
//! - [`interfaces`]: the test interfaces, generated from `tests/idl`.
//! - [`cluster`], [`trial`], [`clock`], [`registry`]: implementations of servers; [`node`] runs them.
//! - [`observe`]: what calls reached a server, and how.
//! - [`client`]: clients of ours with credentials.
//! - [`proxy`], [`pcap`]: what travels, recorded or changed on the way.
//! - [`fuzz`]: hostile octets for all of it; [`load`]: more of everything than a server may have.
//! - [`chaos`]: everything that may happen on the way, by chance.
//! - [`programs`]: other people's programs; [`smbtorture`], [`rpcclient`], [`samba`], [`impacket`],
//!   [`tshark`] run them; [`file_server`] is Samba with shares; [`kerberos`] has realms.
//!
//! Ports and addresses are free ones, files are in temporary folders, and what a test starts ends
//! with it: tests run beside each other.

pub mod chaos;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod file_server;
pub mod fuzz;
pub mod impacket;
pub mod kerberos;
pub mod load;
pub mod node;
pub mod observe;
pub mod pcap;
pub mod programs;
pub mod proxy;
pub mod python;
pub mod registry;
pub mod rpcclient;
pub mod samba;
pub mod smbtorture;
pub mod trial;
pub mod tshark;

/// The interfaces in `tests/idl`.
pub mod interfaces {
    include!(concat!(env!("OUT_DIR"), "/midl.rs"));
}

//! The file server's shares: Samba's, or a plain table.

mod cache;
mod exposed;
mod included;
mod previous;
mod registry;
mod samba;
mod sections;
mod table;

pub use previous::PreviousVersions;
pub use samba::{Programs, Samba};
pub use table::Table;

/// Names of shares differ in case only by spelling.
fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

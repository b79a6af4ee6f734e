//! The cluster registry (\[MS-CMRP\] 3.1.1.2): the non-volatile state of the cluster.
//!
//! A tree of keys with typed values and security descriptors. Everything that survives is in here;
//! what a cluster object is configured to be is what its key says. The tree knows no clock, no
//! store and no access rights: who changes it passes the time, and takes the [`Change`]s to a store.

mod batch;
mod edit;
mod name;
mod pool;
mod tree;
mod value;

pub use batch::{BatchError, BatchOutcome, Command, CommandKind, decode, encode};
pub use edit::{Change, Difference, Disposition, Edit, Notice};
pub use name::{Name, NameError, Path};
pub use tree::{Key, KeyId, KeyInfo, Registry, RegistryError};
pub use value::{Value, ValueType};

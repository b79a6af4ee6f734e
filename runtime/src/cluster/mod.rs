//! The cluster node: ClusAPI \[MS-CMRP\] without its I/O.

pub mod control;
pub mod dependency;
pub mod form;
pub mod host;
pub mod machine;
pub mod node;
pub mod notify;
pub mod objects;
pub mod property_list;
pub mod registry;
pub mod state;
pub mod status;
pub mod store;

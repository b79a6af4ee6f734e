//! The cluster node's core.

mod control;
mod dependency;
mod formed;
mod host;
mod machine;
mod notify;
mod property_list;
mod registry;
mod registry_batch;

//! The edges of a ClusAPI node.

pub mod forming;
pub mod hosting;
mod keeper;
pub mod node;
pub mod store;

//! The edges of a ClusAPI node.

mod keeper;
pub mod node;
pub mod store;

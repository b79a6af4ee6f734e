//! The edges of a ClusAPI node.

pub mod store;

//! Every rule of the wire, with octets computed by hand.

mod arrays;
mod automation;
mod body;
mod com;
mod common;
mod handles;
mod pointers;
mod scalars;
mod serialize;
mod strings;

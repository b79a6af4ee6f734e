//! Every rule of the wire, with octets computed by hand.

mod arrays;
mod body;
mod common;
mod handles;
mod pointers;
mod scalars;
mod strings;

//! `midlc`: MIDL to Rust.
//!
//! Three rooms: `midlc-parser` makes syntax trees of text, [`resolve`] makes a [`model`] of the
//! trees, in which every element is a flat list of wire levels, and [`emit`] makes Rust of the
//! model. [`Compiler`] goes through all three, [`Builder`] does so from a `build.rs`, and the
//! command `midlc` from a shell.

mod attributes;
mod builder;
mod compile;
pub mod emit;
pub mod inspect;
pub mod model;
pub mod names;
pub mod overlay;
mod patch;
pub mod resolve;
mod signature;
mod windows;

pub use builder::{BuildError, Builder};
pub use compile::{Compilation, Compiler, EmitError, Module};
pub use midlc_parser as parser;

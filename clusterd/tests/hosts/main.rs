//! Resource hosts with real processes. Takes about 3 s.

mod application;
mod cluster;
mod rig;
mod script;
mod supervisor;

//! What generated clients and servers do, rule by rule of the design: real interfaces, in memory, in
//! every encoding.

mod capacities;
mod dispatch;
mod handles;
mod other_interfaces;
mod server;
mod statuses;

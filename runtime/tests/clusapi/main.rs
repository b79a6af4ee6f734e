//! The ClusAPI server, version 3, method by method against [MS-CMRP] 3.1.4.2: the generated client
//! calls the generated service and the adapter over a node in memory.

mod access;
mod batch;
mod cluster;
mod controls;
mod dependency;
mod enumerate;
mod examples;
mod group;
mod group_set;
mod methods;
mod network;
mod node;
mod nodes;
mod notify;
mod notify_v2;
mod registry;
mod resource;
mod resource_type;
mod server_state;
mod success;
mod world;

//! What many keys have in common is kept once: names of values, and short data.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use msrpc_ndr::Bytes;

/// How many different names, and as many different data, are shared; whatever comes after them is
/// kept for itself.
const LIMIT: usize = 4096;
/// Longest data that is shared, in octets.
const LONGEST: usize = 64;

/// Names and data that are in use, or were. It says nothing about a registry, so all are equal.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    names: HashSet<Arc<[u16]>>,
    data: HashSet<Bytes>,
}

impl PartialEq for Pool {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Pool {
    /// The same name, shared with others that are written like it.
    pub(super) fn name(&mut self, name: &Arc<[u16]>) -> Arc<[u16]> {
        share(&mut self.names, name, name.len() * 2)
    }

    /// The same data, shared.
    pub(super) fn data(&mut self, data: &Bytes) -> Bytes {
        share(&mut self.data, data, data.len())
    }
}

fn share<T: Clone + Eq + Hash>(all: &mut HashSet<T>, one: &T, length: usize) -> T {
    if length > LONGEST {
        return one.clone();
    }
    if let Some(known) = all.get(one) {
        return known.clone();
    }
    if all.len() < LIMIT {
        all.insert(one.clone());
    }
    one.clone()
}

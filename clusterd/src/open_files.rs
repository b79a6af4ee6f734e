//! How many files the daemon may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the unit in `packaging/` allows. Programs of resources inherit it, and some of them
/// close all numbers up to the limit one by one.
const WANTED: u64 = 65_536;

/// Raises the limit to what is wanted, or as far as the system allows; 1,024 is what most shells
/// give. Gives the limit there is, `None` for none.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let possible = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if current.is_none_or(|current| current >= possible) {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }) {
        Ok(()) => Some(possible),
        Err(error) => {
            tracing::warn!(?current, possible, %error, "the limit of open files cannot be raised");
            current
        }
    }
}

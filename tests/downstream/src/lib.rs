//! A print queue over RPC: what a crate with an IDL file of its own looks like.
//!
//! `build.rs` compiles `idl/jobs.idl`; the queue below implements the server trait that came of it.

include!(concat!(env!("OUT_DIR"), "/midl.rs"));

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jobs::{Job, JobList, JobState, print_queue::Server};
use msrpc_ndr::{Bytes, Call, Handle, HandleChange, Outcome, WString, Win32Error};
use msrpc_protocols::ms_dtyp::Filetime;

/// A print server: queues by name.
#[derive(Debug, Default)]
pub struct PrintServer {
    queues: HashMap<String, Arc<Queue>>,
}

/// A queue.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: Mutex<Vec<Job>>,
}

impl PrintServer {
    /// A server with these queues.
    pub fn new<'a>(queues: impl IntoIterator<Item = &'a str>) -> Self {
        Self { queues: queues.into_iter().map(|name| (name.to_owned(), Arc::default())).collect() }
    }
}

impl Server for PrintServer {
    type QueueHandle = Arc<Queue>;

    async fn open_queue(&self, _: &Call, name: WString) -> Outcome<Arc<Queue>, Win32Error> {
        let queue = name.to_str().and_then(|name| self.queues.get(&name));
        Ok(Arc::clone(queue.ok_or(Win32Error::ERROR_FILE_NOT_FOUND)?))
    }

    async fn submit(
        &self,
        _: &Call,
        queue: &Handle<Arc<Queue>>,
        title: Option<WString>,
        document: Bytes,
    ) -> Outcome<u32, Win32Error> {
        if document.is_empty() {
            return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
        }
        let mut jobs = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(jobs.len() + 1).map_err(|_| Win32Error::ERROR_NOT_ENOUGH_MEMORY)?;
        // The title shares the request's memory; who keeps it copies it.
        let title = title.map(|title| title.detach());
        let submitted = Filetime { low_date_time: id, high_date_time: 0 };
        jobs.push(Job { id, title, state: JobState::JOB_WAITING, submitted });
        Ok(id)
    }

    async fn list_jobs(&self, _: &Call, queue: &Handle<Arc<Queue>>) -> Outcome<JobList, Win32Error> {
        let jobs = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(JobList { jobs: Some(jobs.clone()) })
    }

    async fn close_queue(
        &self,
        _: &Call,
        queue: Option<&Handle<Arc<Queue>>>,
    ) -> Outcome<HandleChange<Arc<Queue>>, Win32Error> {
        queue.ok_or(Win32Error::ERROR_INVALID_HANDLE)?;
        Ok(HandleChange::Close)
    }
}

/// The code of the guide compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
mod guide {}

//! `Generic Script`: a program that is told what to do with its resource.

use std::time::Duration;

use async_trait::async_trait;
use msrpc_cluster::cluster::{
    host::{Format, HostError, Instance, PrivateProperty, ResourceSpec, ResourceType},
    status,
};
use msrpc_ndr::Win32Error;
use tokio::time::timeout;

use super::{
    Mark,
    program::{Program, Start},
};

const SCRIPT_FILEPATH: &str = "ScriptFilepath";
/// How long the script may take to terminate before all of its processes are killed.
const TERMINATE: Duration = Duration::from_secs(5);

/// The type `Generic Script`.
///
/// The program that the property `ScriptFilepath` names, with its whole path, is run with one
/// argument: `online`, `offline`, `terminate`, `looksalive` or `isalive`. Exit code 0 says that it
/// is so; any other, or a signal, that it is not. `CLUSTERD_RESOURCE_NAME` in its environment is the
/// resource's name; what it writes goes to the log.
///
/// What `online` leaves running belongs to the resource: it is killed if it is still there after
/// `offline` or `terminate`. A call that takes too long is killed with all that it has started.
#[derive(Clone, Debug)]
pub struct GenericScript {
    mark: Mark,
    terminate: Duration,
}

impl GenericScript {
    /// The type's code, for the daemon of this mark.
    pub fn new(mark: Mark) -> Self {
        Self { mark, terminate: TERMINATE }
    }

    /// Sets how long `terminate` may take before all is killed: 5 s if nothing else is said.
    #[must_use]
    pub fn terminate_limit(mut self, limit: Duration) -> Self {
        self.terminate = limit;
        self
    }
}

#[async_trait]
impl ResourceType for GenericScript {
    fn name(&self) -> &'static str {
        "Generic Script"
    }

    fn private_properties(&self) -> &[PrivateProperty] {
        const { &[PrivateProperty { name: SCRIPT_FILEPATH, format: Format::Sz }] }
    }

    async fn open(&self, resource: &ResourceSpec) -> Result<Box<dyn Instance>, HostError> {
        let Self { mark, terminate } = self.clone();
        Ok(Box::new(Script { mark, terminate, resource: resource.clone(), was_online: false }))
    }
}

struct Script {
    mark: Mark,
    terminate: Duration,
    /// As it was when it last came online: it ends as it began.
    resource: ResourceSpec,
    was_online: bool,
}

impl Script {
    /// Runs the script to its end.
    async fn run(&self, argument: &str, failure: Win32Error) -> Result<(), HostError> {
        let path = self.resource.parameters.string(SCRIPT_FILEPATH).filter(|path| path.starts_with('/'));
        let wrong = || HostError::new(Win32Error::ERROR_INVALID_PARAMETER, "ScriptFilepath is not set to a whole path");
        let path = path.ok_or_else(wrong)?;
        let variables = vec![("CLUSTERD_RESOURCE_NAME", self.resource.name.clone())];
        let start = Start { program: &path, arguments: &[argument.to_owned()], folder: None, variables };
        let mut program = Program::start(&self.resource, &self.mark, start)?;
        let failed = |how: String| HostError::new(failure, format!("{path} {argument}: {how}"));
        let status = program.ended().await.map_err(|error| failed(error.to_string()))?;
        program.leave();
        if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
    }
}

#[async_trait]
impl Instance for Script {
    async fn online(&mut self, resource: &ResourceSpec) -> Result<(), HostError> {
        self.resource = resource.clone();
        self.was_online = true;
        self.run("online", status::ERROR_RESMON_ONLINE_FAILED).await
    }

    async fn offline(&mut self) -> Result<(), HostError> {
        self.run("offline", status::ERROR_RESOURCE_FAILED).await?;
        self.was_online = false;
        self.mark.end(&self.resource.id).await;
        Ok(())
    }

    async fn terminate(&mut self) -> Result<(), HostError> {
        if self.was_online {
            let done = timeout(self.terminate, self.run("terminate", status::ERROR_RESOURCE_FAILED)).await;
            if let Err(error) = done.unwrap_or_else(|_| Err(HostError::late("terminate", self.terminate))) {
                tracing::warn!(resource = %self.resource.name, %error, "a script did not terminate its resource");
            }
        }
        self.was_online = false;
        self.mark.end(&self.resource.id).await;
        Ok(())
    }

    async fn looks_alive(&mut self) -> Result<(), HostError> {
        self.run("looksalive", status::ERROR_RESOURCE_FAILED).await
    }

    async fn is_alive(&mut self) -> Result<(), HostError> {
        self.run("isalive", status::ERROR_RESOURCE_FAILED).await
    }
}

//! `Generic Application`: a program that runs while its resource is online.

use std::time::Duration;

use async_trait::async_trait;
use msrpc_cluster::cluster::{
    host::{Format, HostError, Instance, PrivateProperty, ResourceSpec, ResourceType},
    registry::Name,
    status,
};
use msrpc_ndr::Win32Error;

use super::{
    Mark,
    program::{Program, Start},
    words,
};

const COMMAND_LINE: &str = "CommandLine";
const CURRENT_DIRECTORY: &str = "CurrentDirectory";
const INTERACT_WITH_DESKTOP: &str = "InteractWithDesktop";
const USE_NETWORK_NAME: &str = "UseNetworkName";

/// The variable with the network name, as it is on Windows.
const NETWORK_NAME_VARIABLE: &str = "_CLUSTER_NETWORK_NAME_";
/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// The type `Generic Application`.
///
/// The property `CommandLine` is split into words; no shell sees it. The program is looked for in
/// the system's folders if its name has no slash, and runs in `CurrentDirectory`, or `/`. Its
/// environment is empty but for `PATH`, `LANG`, the mark by which a daemon knows its processes
/// again, and, with `UseNetworkName`, `_CLUSTER_NETWORK_NAME_`. `InteractWithDesktop` is kept for
/// others and has no effect.
///
/// Going offline, it and all that it has started get SIGTERM, and SIGKILL where that does not help
/// within ten seconds; terminating is SIGKILL at once. When it ends by itself, whatever its exit
/// code, the resource has failed.
#[derive(Clone, Debug)]
pub struct GenericApplication {
    mark: Mark,
    grace: Duration,
}

impl GenericApplication {
    /// The type's code, for the daemon of this mark.
    pub fn new(mark: Mark) -> Self {
        Self { mark, grace: GRACE }
    }

    /// Sets how long a program may take to end once it was asked to.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

#[async_trait]
impl ResourceType for GenericApplication {
    fn name(&self) -> &'static str {
        "Generic Application"
    }

    fn private_properties(&self) -> &[PrivateProperty] {
        const {
            &[
                PrivateProperty { name: COMMAND_LINE, format: Format::Sz },
                PrivateProperty { name: CURRENT_DIRECTORY, format: Format::Sz },
                PrivateProperty { name: INTERACT_WITH_DESKTOP, format: Format::Dword(0) },
                PrivateProperty { name: USE_NETWORK_NAME, format: Format::Dword(0) },
            ]
        }
    }

    async fn open(&self, resource: &ResourceSpec) -> Result<Box<dyn Instance>, HostError> {
        let Self { mark, grace } = self.clone();
        Ok(Box::new(Application { mark, grace, resource: resource.id.clone(), program: None }))
    }
}

struct Application {
    mark: Mark,
    grace: Duration,
    resource: Name,
    program: Option<Program>,
}

#[async_trait]
impl Instance for Application {
    async fn online(&mut self, resource: &ResourceSpec) -> Result<(), HostError> {
        let wrong = |message: &str| HostError::new(Win32Error::ERROR_INVALID_PARAMETER, message);
        let line = resource.parameters.string(COMMAND_LINE).ok_or_else(|| wrong("CommandLine is not set"))?;
        let words = words::split(&line).ok_or_else(|| wrong("CommandLine has a quote that is not closed"))?;
        let (program, arguments) = words.split_first().ok_or_else(|| wrong("CommandLine has no program"))?;
        let folder = resource.parameters.string(CURRENT_DIRECTORY);
        let mut variables = Vec::new();
        if resource.parameters.dword(USE_NETWORK_NAME).is_some_and(|use_it| use_it != 0) {
            let name = resource.network_name.clone();
            let name = name.ok_or_else(|| {
                HostError::new(
                    status::ERROR_DEPENDENCY_NOT_FOUND,
                    "UseNetworkName is set, and it depends on no network name",
                )
            })?;
            variables.push((NETWORK_NAME_VARIABLE, name));
        }
        let start = Start { program, arguments, folder: folder.as_deref(), variables };
        self.program = Some(Program::start(resource, &self.mark, start)?);
        Ok(())
    }

    async fn offline(&mut self) -> Result<(), HostError> {
        if let Some(program) = &mut self.program
            && !program.ask_to_end(self.grace).await
        {
            tracing::info!(resource = %self.resource, grace = ?self.grace, "a program did not end in time and is killed");
        }
        self.terminate().await
    }

    async fn terminate(&mut self) -> Result<(), HostError> {
        match &mut self.program {
            Some(program) => program.kill().await?,
            None => self.mark.end(&self.resource).await,
        }
        self.program = None;
        Ok(())
    }

    async fn is_alive(&mut self) -> Result<(), HostError> {
        match &mut self.program {
            Some(program) => match program.has_ended() {
                Ok(None) => Ok(()),
                Ok(Some(how)) => Err(ended(how)),
                Err(error) => Err(ended(error)),
            },
            None => Err(ended("it was not started")),
        }
    }

    async fn failed(&mut self) -> HostError {
        match &mut self.program {
            Some(program) => match program.ended().await {
                Ok(how) => ended(how),
                Err(error) => ended(error),
            },
            None => std::future::pending().await,
        }
    }
}

fn ended(how: impl std::fmt::Display) -> HostError {
    HostError::new(status::ERROR_PROCESS_ABORTED, format!("its program does not run any more: {how}"))
}

//! Resources that are nothing but a state in memory, for tests and demonstrations: they succeed,
//! unless their private properties say otherwise.
//!
//! | property | |
//! |---|---|
//! | `OnlineDelay`, … | milliseconds that it takes |
//! | `OnlineHang`, … | not 0: it never ends |
//! | `OnlineError`, … | not 0: the code with which it fails |
//! | `FailAfter` | milliseconds after which an online resource fails by itself |
//!
//! The same for `Offline`, `Terminate` and `IsAlive`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use msrpc_cluster::cluster::{
    host::{Format, HostError, Instance, Parameters, PrivateProperty, ResourceSpec, ResourceType},
    status,
};
use msrpc_ndr::Win32Error;
use tokio::time::{Instant, sleep, sleep_until};

/// The types of every cluster that are states in memory here: `Network Name`, `IP Address` and
/// `Generic Service`.
pub fn builtin() -> Vec<Arc<dyn ResourceType>> {
    const SZ: Format = Format::Sz;
    vec![
        Arc::new(Memory::new("Network Name", &[("Name", SZ), ("DnsName", SZ)])),
        Arc::new(Memory::new(
            "IP Address",
            &[("Network", SZ), ("Address", SZ), ("SubnetMask", SZ), ("EnableNetBIOS", Format::Dword(0))],
        )),
        Arc::new(Memory::new(
            "Generic Service",
            &[("ServiceName", SZ), ("StartupParameters", SZ), ("UseNetworkName", Format::Dword(0))],
        )),
    ]
}

/// A type whose resources are states in memory.
#[derive(Clone, Debug)]
pub struct Memory {
    name: String,
    properties: Vec<PrivateProperty>,
}

impl Memory {
    /// A type with private properties beside those of this module.
    pub fn new(name: impl Into<String>, properties: &[(&'static str, Format)]) -> Self {
        const NUMBERS: [&str; 13] = [
            "OnlineDelay",
            "OnlineHang",
            "OnlineError",
            "OfflineDelay",
            "OfflineHang",
            "OfflineError",
            "TerminateDelay",
            "TerminateHang",
            "TerminateError",
            "IsAliveDelay",
            "IsAliveHang",
            "IsAliveError",
            "FailAfter",
        ];
        let own = properties.iter().map(|&(name, format)| PrivateProperty { name, format });
        let numbers = NUMBERS.iter().map(|name| PrivateProperty { name, format: Format::Dword(0) });
        Self { name: name.into(), properties: own.chain(numbers).collect() }
    }
}

#[async_trait]
impl ResourceType for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn private_properties(&self) -> &[PrivateProperty] {
        &self.properties
    }

    async fn open(&self, resource: &ResourceSpec) -> Result<Box<dyn Instance>, HostError> {
        Ok(Box::new(State { parameters: resource.parameters.clone(), online: false, fails: None }))
    }
}

struct State {
    parameters: Parameters,
    online: bool,
    fails: Option<Instant>,
}

impl State {
    fn number(&self, name: &str) -> Option<u32> {
        self.parameters.dword(name).filter(|&number| number != 0)
    }

    fn duration(&self, name: &str) -> Option<Duration> {
        self.number(name).map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }

    async fn step(&self, what: &str) -> Result<(), HostError> {
        if let Some(delay) = self.duration(&format!("{what}Delay")) {
            sleep(delay).await;
        }
        if self.number(&format!("{what}Hang")).is_some() {
            std::future::pending::<()>().await;
        }
        match self.number(&format!("{what}Error")) {
            Some(code) => Err(HostError::new(Win32Error(code), format!("{what}Error says so"))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Instance for State {
    async fn online(&mut self, resource: &ResourceSpec) -> Result<(), HostError> {
        self.parameters = resource.parameters.clone();
        self.step("Online").await?;
        self.online = true;
        self.fails = self.duration("FailAfter").map(|after| Instant::now() + after);
        Ok(())
    }

    async fn offline(&mut self) -> Result<(), HostError> {
        self.step("Offline").await?;
        self.online = false;
        Ok(())
    }

    async fn terminate(&mut self) -> Result<(), HostError> {
        self.step("Terminate").await?;
        self.online = false;
        Ok(())
    }

    async fn is_alive(&mut self) -> Result<(), HostError> {
        self.step("IsAlive").await?;
        if self.online { Ok(()) } else { Err(HostError::new(status::ERROR_RESOURCE_NOT_ONLINE, "it is not online")) }
    }

    async fn failed(&mut self) -> HostError {
        match self.fails {
            Some(fails) => sleep_until(fails).await,
            None => std::future::pending().await,
        }
        HostError::new(status::ERROR_RESOURCE_FAILED, "FailAfter says so")
    }
}

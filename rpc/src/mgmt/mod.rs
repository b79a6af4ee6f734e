//! The management interface (C706 appendix Q, [MS-RPCE] 2.2.1.3), which every server serves at each
//! of its endpoints.

mod policy;
mod statistics;

use std::sync::Arc;

use msrpc_ndr::{Call, Fault, Interface, NString, Outcome, Win32Error};
use msrpc_protocols::{
    epm::RpcIfId,
    mgmt::{RpcIfIdVectorT, mgmt},
};

pub use policy::Policy;

use crate::metrics::ServerMetrics;

/// `RPC_S_UNKNOWN_AUTHN_SERVICE`: the server has no such security provider, or no name for it.
pub const UNKNOWN_AUTHN_SERVICE: Win32Error = Win32Error(1747);

/// A server as it can be managed.
#[derive(Debug)]
pub struct Management {
    policy: Policy,
    interfaces: Vec<&'static Interface>,
    metrics: Arc<ServerMetrics>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Management {
    /// The management of a server of these interfaces. Clients that may stop it set `stop`.
    pub fn new(
        policy: Policy,
        interfaces: impl IntoIterator<Item = &'static Interface>,
        metrics: Arc<ServerMetrics>,
        stop: tokio::sync::watch::Sender<bool>,
    ) -> Self {
        // As on Windows, the management interface does not count itself.
        let interfaces = interfaces.into_iter().filter(|&interface| *interface != mgmt::INTERFACE).collect();
        Self { policy, interfaces, metrics, stop }
    }

    /// It as a service.
    pub fn service(self) -> mgmt::Service<Self> {
        mgmt::Service::new(self)
    }

    fn check(&self, call: &Call) -> Result<(), Fault> {
        if self.policy.may_ask(call) {
            return Ok(());
        }
        tracing::info!(caller = ?call.caller(), operation = call.operation_name(), "refused");
        Err(Fault::ACCESS_DENIED)
    }
}

impl mgmt::Server for Management {
    async fn rpc_mgmt_inq_if_ids(&self, call: &Call) -> Outcome<Option<Arc<RpcIfIdVectorT>>, Win32Error> {
        self.check(call)?;
        let id = |interface: &&Interface| {
            let (vers_major, vers_minor) = interface.version;
            Some(Arc::new(RpcIfId { uuid: interface.uuid, vers_major, vers_minor }))
        };
        Ok(Some(Arc::new(RpcIfIdVectorT { if_id: self.interfaces.iter().map(id).collect() })))
    }

    async fn rpc_mgmt_inq_stats(&self, call: &Call, count: u32) -> Outcome<Vec<u32>, Win32Error> {
        self.check(call)?;
        let room = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(statistics::of(&self.metrics).into_iter().take(room).collect())
    }

    async fn rpc_mgmt_is_server_listening(&self, call: &Call) -> Outcome<u32, Win32Error> {
        self.check(call)?;
        Ok(u32::from(!*self.stop.borrow()))
    }

    async fn rpc_mgmt_stop_server_listening(&self, call: &Call) -> Outcome<(), Win32Error> {
        if !self.policy.may_stop(call) {
            tracing::warn!(caller = ?call.caller(), "a client may not stop the server");
            return Err(Win32Error::ERROR_ACCESS_DENIED.into());
        }
        tracing::warn!(caller = ?call.caller(), "a client stops the server");
        self.stop.send_replace(true);
        Ok(())
    }

    async fn rpc_mgmt_inq_princ_name(
        &self,
        call: &Call,
        authn_proto: u32,
        princ_name_size: u32,
    ) -> Outcome<NString, Win32Error> {
        self.check(call)?;
        let name = self.policy.principal_name(authn_proto).ok_or(UNKNOWN_AUTHN_SERVICE)?;
        // The terminator has to fit as well.
        if u32::try_from(name.len()).is_ok_and(|len| len < princ_name_size) {
            Ok(NString::from(name))
        } else {
            Err(Win32Error::ERROR_INSUFFICIENT_BUFFER.into())
        }
    }
}

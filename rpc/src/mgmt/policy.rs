//! What a server lets clients manage.

use std::{fmt, sync::Arc};

use msrpc_ndr::Call;

type Predicate = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

/// Who may ask a server about itself, and who may stop it.
#[derive(Clone, Default)]
pub struct Policy {
    ask: Option<Predicate>,
    stop: Option<Predicate>,
    names: Vec<(u32, String)>,
}

impl Policy {
    /// Everybody may ask, nobody may stop the server, and no principal names are known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Restricts who may ask.
    pub fn ask_only_by(mut self, allowed: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.ask = Some(Arc::new(allowed));
        self
    }

    /// Lets some callers stop the server.
    pub fn stop_by(mut self, allowed: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.stop = Some(Arc::new(allowed));
        self
    }

    /// Names the principal that the server is to an authentication service ([MS-RPCE] 2.2.1.1.7).
    pub fn principal(mut self, auth_service: u8, name: impl Into<String>) -> Self {
        self.names.push((auth_service.into(), name.into()));
        self
    }

    pub(super) fn may_ask(&self, call: &Call) -> bool {
        self.ask.as_ref().is_none_or(|allowed| allowed(call))
    }

    pub(super) fn may_stop(&self, call: &Call) -> bool {
        self.stop.as_ref().is_some_and(|allowed| allowed(call))
    }

    pub(super) fn principal_name(&self, auth_service: u32) -> Option<&str> {
        self.names.iter().find(|(service, _)| *service == auth_service).map(|(_, name)| name.as_str())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("ask_restricted", &self.ask.is_some())
            .field("stop_allowed", &self.stop.is_some())
            .field("names", &self.names)
            .finish()
    }
}

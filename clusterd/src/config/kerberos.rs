//! The section `[kerberos]`: whoever has a ticket for this host may log on.

use std::path::PathBuf;

use msrpc::auth::kerberos::KerberosServerConfig;
use serde::Deserialize;

/// Kerberos, within RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kerberos {
    /// The keys of this host's services: the system's keytab where it is left out.
    pub keytab: Option<PathBuf>,
    /// The only principal that clients may have tickets for; any of the keytab where it is left out.
    pub principal: Option<String>,
    /// Where tickets are remembered that have let somebody in; the system's file where it is left
    /// out.
    pub replay_cache: Option<PathBuf>,
}

impl Kerberos {
    /// As the server takes it.
    pub(crate) fn server(&self) -> KerberosServerConfig {
        let mut config = KerberosServerConfig::default();
        config.keytab.clone_from(&self.keytab);
        config.principal.clone_from(&self.principal);
        config.replay_cache.clone_from(&self.replay_cache);
        config
    }
}

//! As whom a client authenticates, and with which provider.

use std::sync::Arc;

use msrpc_ndr::AuthLevel;

use super::{ClientBuilder, ConnectError, Initiator};
use crate::{
    auth::{
        Mechanism, SecurityContext,
        kerberos::{KerberosClient, KerberosCredentials},
        ntlm::{NtlmClient, NtlmCredentials},
        spnego::SpnegoClient,
    },
    binding::StringBinding,
};

/// What a builder knows of it.
#[derive(Clone, Default)]
pub(super) struct Login {
    custom: Option<Initiator>,
    kerberos: Option<KerberosCredentials>,
    ntlm: Option<NtlmCredentials>,
    service_class: Option<String>,
    target_principal: Option<String>,
}

impl ClientBuilder {
    /// Authenticates with an account, `DOMAIN\name` or `name`, and its password: by SPNEGO and NTLM, or
    /// by NTLM alone if the string binding has `ntlm`. The level is that of the string binding, or
    /// privacy.
    pub fn credentials(self, account: &str, password: &str) -> Self {
        self.ntlm(NtlmCredentials::of_account(account, password))
    }

    /// Authenticates with credentials of NTLM, as [`credentials`](Self::credentials) does.
    ///
    /// After [`kerberos`](Self::kerberos) this allows NTLM as well: SPNEGO then offers Kerberos first, and
    /// NTLM alone where there is no ticket because the server has no principal (an address never has
    /// one), no KDC can be asked, or nobody is logged on. Wrong passwords, expired tickets and skewed
    /// clocks fail all the same. Who can keep KDCs from being reached can so bring NTLM about.
    pub fn ntlm(mut self, credentials: NtlmCredentials) -> Self {
        self.login.custom = None;
        self.login.ntlm = Some(credentials);
        self
    }

    /// Authenticates by Kerberos: inside SPNEGO, or by itself if the string binding has `krb5`. The level
    /// is that of the string binding, or privacy. NTLM is not used instead, unless
    /// [`credentials`](Self::credentials) or [`ntlm`](Self::ntlm) allow it.
    ///
    /// The server is `host/` and the binding's host, or what [`service_class`](Self::service_class) and
    /// [`target_principal`](Self::target_principal) say, or the options of the string binding:
    /// `target_hostname=node1.example`, `target_principal=host/node1.example`.
    pub fn kerberos(mut self, credentials: KerberosCredentials) -> Self {
        self.login.custom = None;
        self.login.kerberos = Some(credentials);
        self
    }

    /// Sets the class of the server's principal (`host`). ClusAPI 3.0 has `MSServerClusterMgmtAPI`
    /// ([MS-CMRP] 2.1).
    pub fn service_class(mut self, class: impl Into<String>) -> Self {
        self.login.service_class = Some(class.into());
        self
    }

    /// Sets the server's principal, `class/host` or `class/host@REALM`.
    pub fn target_principal(mut self, principal: impl Into<String>) -> Self {
        self.login.target_principal = Some(principal.into());
        self
    }

    /// Authenticates with a provider. The level is that of the string binding, or privacy.
    pub fn authenticate(
        mut self,
        initiator: impl Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync + 'static,
    ) -> Self {
        self.login.custom = Some(Arc::new(initiator));
        self
    }
}

impl Login {
    /// What makes contexts; none without credentials.
    pub(super) fn initiator(&self, binding: &StringBinding) -> Result<Option<Initiator>, ConnectError> {
        if let Some(custom) = &self.custom {
            return Ok(Some(Arc::clone(custom)));
        }
        let Self { kerberos, ntlm, .. } = self;
        if kerberos.is_none() && ntlm.is_none() {
            return Ok(None);
        }
        let target = self.target(binding);
        let missing = |option| ConnectError::NoCredentialsFor(option);
        if binding.has("krb5") {
            let credentials = kerberos.clone().ok_or(missing("krb5"))?;
            return Ok(Some(Arc::new(move |level| Box::new(KerberosClient::new(credentials.clone(), &target, level)))));
        }
        if binding.has("ntlm") {
            let credentials = ntlm.clone().ok_or(missing("ntlm"))?;
            return Ok(Some(Arc::new(move |level| Box::new(NtlmClient::new(credentials.clone(), level)))));
        }
        let (kerberos, ntlm) = (kerberos.clone(), ntlm.clone());
        Ok(Some(Arc::new(move |level| {
            let kerberos = kerberos.clone().map(|credentials| KerberosClient::new(credentials, &target, level));
            let ntlm = ntlm.clone().map(|credentials| NtlmClient::new(credentials, level));
            let mechanisms = [
                kerberos.map(|client| Box::new(client) as Box<dyn Mechanism>),
                ntlm.map(|client| Box::new(client) as Box<dyn Mechanism>),
            ];
            Box::new(SpnegoClient::new(mechanisms.into_iter().flatten().collect()))
        })))
    }

    /// What makes contexts of SMB sessions, which are NTLM's here.
    #[cfg(feature = "smb")]
    pub(super) fn smb_initiator(&self) -> Result<Option<Initiator>, ConnectError> {
        match (&self.custom, &self.ntlm, &self.kerberos) {
            (Some(custom), ..) => Ok(Some(Arc::clone(custom))),
            (None, Some(credentials), _) => {
                let credentials = credentials.clone();
                Ok(Some(Arc::new(move |level| {
                    Box::new(SpnegoClient::new(vec![Box::new(NtlmClient::new(credentials.clone(), level))]))
                })))
            }
            (None, None, Some(_)) => Err(ConnectError::NoCredentialsFor("ncacn_np")),
            (None, None, None) => Ok(None),
        }
    }

    /// The server's principal.
    fn target(&self, binding: &StringBinding) -> String {
        let named = binding.option("target_principal").or(self.target_principal.as_deref());
        if let Some(principal) = named {
            return principal.to_owned();
        }
        let host = binding.option("target_hostname").unwrap_or(&binding.host);
        let host = host.trim_start_matches('\\').trim_end_matches('.');
        format!("{}/{host}", self.service_class.as_deref().unwrap_or("host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(binding: &str, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> String {
        let builder = change(ClientBuilder::to(binding).unwrap());
        builder.login.target(&builder.binding)
    }

    #[test]
    fn targets_are_what_binding_and_program_say() {
        assert_eq!(target("ncacn_ip_tcp:node1.example[135]", |builder| builder), "host/node1.example");
        assert_eq!(target("ncacn_np:\\\\node1.example.[\\pipe\\x]", |builder| builder), "host/node1.example");
        let class = |builder: ClientBuilder| builder.service_class("MSServerClusterMgmtAPI");
        assert_eq!(target("ncacn_ip_tcp:node1", class), "MSServerClusterMgmtAPI/node1");
        let named = "ncacn_ip_tcp:127.0.0.1[135,target_hostname=node1]";
        assert_eq!(target(named, class), "MSServerClusterMgmtAPI/node1");
        let named = "ncacn_ip_tcp:127.0.0.1[135,target_principal=cifs/a.b@R]";
        assert_eq!(target(&named.replace('@', "\\@"), class), "cifs/a.b@R");
        let principal = |builder: ClientBuilder| builder.target_principal("x/y@Z");
        assert_eq!(target("ncacn_ip_tcp:node1", principal), "x/y@Z");
    }
}

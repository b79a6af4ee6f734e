//! Who may log on: NTLM for the accounts of a server, Kerberos for those of a realm, and SPNEGO.

use std::{path::Path, sync::Arc};

use super::ServerBuilder;
use crate::{
    association::{Acceptor, AcceptorFn},
    auth::{
        Account, AccountStore, Accounts, AuthError, CredentialsFile, CredentialsFileError, Mechanism,
        kerberos::{self, KerberosAcceptor, KerberosServer, KerberosServerConfig},
        ntlm::{self, NtlmServer, NtlmServerConfig},
        spnego::{self, SpnegoServer},
    },
};

/// What a builder knows of it.
#[derive(Default)]
pub(super) struct Logon {
    single: Accounts,
    stores: Vec<Arc<dyn AccountStore>>,
    computer_name: Option<String>,
    config: Option<NtlmServerConfig>,
    kerberos: Option<KerberosAcceptor>,
}

impl std::fmt::Debug for Logon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logon").field("single", &self.single).field("stores", &self.stores.len()).finish()
    }
}

impl ServerBuilder {
    /// Lets an account log on, by NTLM and SPNEGO. `DOMAIN\name` stands for that domain only, `name`
    /// for every domain that a client may write. Several calls make several accounts.
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.logon.single = self.logon.single.with_password(name, password);
        self
    }

    /// Lets the accounts of a file log on, by NTLM and SPNEGO; [`CredentialsFile`] says what such a
    /// file looks like. It is read once.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has bad lines: all of them are reported.
    pub fn credentials_file(self, path: impl AsRef<Path>) -> Result<Self, CredentialsFileError> {
        let file = CredentialsFile::load(path)?;
        file.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(self.accounts(file))
    }

    /// Lets the accounts of a store log on, by NTLM and SPNEGO. Several stores are asked in turn.
    pub fn accounts(mut self, store: impl AccountStore + 'static) -> Self {
        self.logon.stores.push(Arc::new(store));
        self
    }

    /// Sets the NetBIOS name that clients are told when they log on: the first 15 characters of the
    /// system's name, in upper case.
    pub fn computer_name(mut self, name: impl Into<String>) -> Self {
        self.logon.computer_name = Some(name.into());
        self
    }

    /// Lets the principals of a realm log on, by Kerberos and SPNEGO, which prefers Kerberos to NTLM.
    /// Who they are is their principal's name, and its realm their domain; where the KDC is Active
    /// Directory's, tickets bring the SIDs of their groups.
    ///
    /// # Errors
    ///
    /// If MIT's Kerberos is not installed, or the keytab cannot be read.
    pub fn kerberos(mut self, config: &KerberosServerConfig) -> Result<Self, AuthError> {
        self.logon.kerberos = Some(KerberosAcceptor::new(config)?);
        Ok(self)
    }

    /// Lets clients log on, by NTLM and SPNEGO, as a configuration says. It replaces what
    /// [`account`](Self::account) and the like have collected.
    pub fn ntlm(mut self, config: NtlmServerConfig) -> Self {
        self.logon.config = Some(config);
        self
    }
}

impl Logon {
    /// The providers; none where nobody may log on.
    pub(super) fn acceptors(self) -> Vec<Arc<dyn Acceptor>> {
        let kerberos = self.kerberos.clone();
        let ntlm = self.ntlm().map(Arc::new);
        let mut acceptors: Vec<Arc<dyn Acceptor>> = Vec::new();
        if let Some(config) = ntlm.clone() {
            let accept = move |_| Box::new(NtlmServer::new(Arc::clone(&config))) as _;
            acceptors.push(Arc::new(AcceptorFn::new(ntlm::AUTH_TYPE, accept)));
        }
        if let Some(acceptor) = kerberos.clone() {
            let accept = move |level| Box::new(KerberosServer::new(acceptor.clone(), level)) as _;
            acceptors.push(Arc::new(AcceptorFn::new(kerberos::AUTH_TYPE, accept)));
        }
        if !acceptors.is_empty() {
            let accept = move |level| {
                let kerberos = kerberos.clone().map(|acceptor| KerberosServer::new(acceptor, level));
                let ntlm = ntlm.clone().map(NtlmServer::new);
                let mechanisms = [
                    kerberos.map(|server| Box::new(server) as Box<dyn Mechanism>),
                    ntlm.map(|server| Box::new(server) as Box<dyn Mechanism>),
                ];
                Box::new(SpnegoServer::new(mechanisms.into_iter().flatten().collect())) as _
            };
            acceptors.push(Arc::new(AcceptorFn::new(spnego::AUTH_TYPE, accept)));
        }
        acceptors
    }

    /// How NTLM is accepted; not at all without accounts.
    fn ntlm(self) -> Option<NtlmServerConfig> {
        let Self { single, mut stores, computer_name, config, .. } = self;
        if config.is_some() {
            return config;
        }
        if !single.is_empty() {
            stores.push(Arc::new(single));
        }
        if stores.is_empty() {
            return None;
        }
        let name = computer_name.unwrap_or_else(system_name);
        Some(NtlmServerConfig::new(name, Arc::new(InTurn(stores))))
    }
}

/// The first account that one of several stores has.
struct InTurn(Vec<Arc<dyn AccountStore>>);

impl AccountStore for InTurn {
    fn lookup(&self, user: &str, domain: &str) -> Result<Option<Account>, AuthError> {
        let mut found = None;
        // All of them are asked: who there is does not show in the time it takes.
        for store in &self.0 {
            let account = store.lookup(user, domain)?;
            found = found.or(account);
        }
        Ok(found)
    }
}

/// The system's NetBIOS name.
fn system_name() -> String {
    #[cfg(unix)]
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok();
    let name = name.unwrap_or_default();
    let host = name.split('.').next().unwrap_or_default();
    let short: String = host.chars().take(15).collect();
    if short.is_empty() { "SERVER".to_owned() } else { short.to_uppercase() }
}

//! Who may log on: NTLM and SPNEGO for the accounts of a server.

use std::{path::Path, sync::Arc};

use super::ServerBuilder;
use crate::{
    association::{Acceptor, AcceptorFn},
    auth::{
        Account, AccountStore, Accounts, AuthError, CredentialsFile, CredentialsFileError,
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
        let Self { single, mut stores, computer_name, config } = self;
        if !single.is_empty() {
            stores.push(Arc::new(single));
        }
        let config = match config {
            Some(config) => config,
            None if stores.is_empty() => return Vec::new(),
            None => {
                let name = computer_name.unwrap_or_else(system_name);
                NtlmServerConfig::new(name, Arc::new(InTurn(stores)))
            }
        };
        let (raw, inside) = (Arc::new(config.clone()), Arc::new(config));
        vec![
            Arc::new(AcceptorFn::new(ntlm::AUTH_TYPE, move |_| Box::new(NtlmServer::new(Arc::clone(&raw))) as _)),
            Arc::new(AcceptorFn::new(spnego::AUTH_TYPE, move |_| {
                Box::new(SpnegoServer::new(vec![Box::new(NtlmServer::new(Arc::clone(&inside)))])) as _
            })),
        ]
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

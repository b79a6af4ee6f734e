//! Whom a client authenticates as.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use msrpc_gssapi::{Credential, MemoryCache, Name, NameForm, Store};
use zeroize::Zeroizing;

use super::{KerberosError, text};
use crate::auth::AuthError;

/// How long before its end a ticket that we asked for ourselves is replaced; a tenth of its life if
/// that is less.
const RENEWAL: Duration = Duration::from_secs(5 * 60);

/// Whom a client authenticates as by Kerberos. Cloning is cheap; clones share their tickets.
#[derive(Clone)]
pub struct KerberosCredentials {
    source: Arc<Source>,
}

enum Source {
    /// A cache that others fill; the default one without a name.
    Cache(Option<String>),
    /// A key, for which tickets are kept here.
    Own { principal: String, secret: Secret, tickets: Mutex<Tickets> },
}

enum Secret {
    Keytab(PathBuf),
    Password(Zeroizing<String>),
}

/// Tickets of ours, and what became of the last attempt to get some.
#[derive(Default)]
struct Tickets {
    current: Option<(Arc<MemoryCache>, Instant)>,
    failure: Option<(Instant, AuthError)>,
}

/// A credential, and the cache that has to outlive it.
#[derive(Debug)]
pub(super) struct Acquired {
    pub(super) credential: Credential,
    _cache: Option<Arc<MemoryCache>>,
}

impl KerberosCredentials {
    /// The tickets of whoever is logged on: those in the default cache (`KRB5CCNAME`, `krb5.conf`).
    pub fn default_cache() -> Self {
        Self::of(Source::Cache(None))
    }

    /// The tickets in a cache, which is named as for `KRB5CCNAME`: a path, `FILE:/path`, `KCM:` and so
    /// on. It is read again for every connection.
    pub fn cache(name: impl Into<String>) -> Self {
        Self::of(Source::Cache(Some(name.into())))
    }

    /// A principal, `name@REALM`, whose key is in a keytab. Without a realm it is in the default one.
    ///
    /// Tickets are asked for when the first connection needs them, kept in memory, and renewed.
    pub fn keytab(path: impl Into<PathBuf>, principal: impl Into<String>) -> Self {
        Self::own(principal.into(), Secret::Keytab(path.into()))
    }

    /// A principal, `name@REALM`, and its password, which is wiped when dropped. Without a realm it is in
    /// the default one.
    ///
    /// Tickets are asked for when the first connection needs them, kept in memory, and renewed.
    pub fn password(principal: impl Into<String>, password: impl Into<String>) -> Self {
        Self::own(principal.into(), Secret::Password(Zeroizing::new(password.into())))
    }

    fn of(source: Source) -> Self {
        Self { source: Arc::new(source) }
    }

    fn own(principal: String, secret: Secret) -> Self {
        Self::of(Source::Own { principal, secret, tickets: Mutex::default() })
    }

    /// A credential for one context. May ask a KDC.
    pub(super) fn acquire(&self) -> Result<Acquired, AuthError> {
        let mut acquired = match self.source.as_ref() {
            Source::Cache(name) => {
                let store = Store { cache: name.as_deref(), ..Store::default() };
                Acquired { credential: Credential::initiator(None, &store)?, _cache: None }
            }
            Source::Own { principal, secret, tickets } => {
                let name = principal_name(principal)?;
                let cache = tickets_of(&name, secret, tickets)?;
                let store = Store { cache: Some(cache.name()), ..Store::default() };
                let credential = Credential::initiator(Some(&name), &store)?;
                Acquired { credential, _cache: Some(cache) }
            }
        };
        acquired.credential.set_no_ci_flags()?;
        Ok(acquired)
    }
}

fn principal_name(principal: &str) -> Result<Name, AuthError> {
    if principal.contains('\\') {
        return Err(AuthError::Negotiation(format!(
            "{principal:?} is a name as NTLM has them: for Kerberos write name@REALM"
        )));
    }
    Ok(Name::import(principal, NameForm::Principal)?)
}

/// The cache with tickets that are still good, or new ones.
fn tickets_of(name: &Name, secret: &Secret, tickets: &Mutex<Tickets>) -> Result<Arc<MemoryCache>, AuthError> {
    let asked = Instant::now();
    let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((cache, _)) = tickets.current.as_ref().filter(|(_, until)| asked < *until) {
        return Ok(Arc::clone(cache));
    }
    // Who waited while another found no KDC does not ask as well: the threads would queue up.
    if let Some((_, error)) = tickets.failure.as_ref().filter(|(failed, _)| *failed >= asked) {
        return Err(error.clone());
    }
    let fresh = ask(name, secret);
    match &fresh {
        Ok((cache, until)) => *tickets = Tickets { current: Some((Arc::clone(cache), *until)), failure: None },
        Err(error) => *tickets = Tickets { current: None, failure: Some((Instant::now(), error.clone())) },
    }
    fresh.map(|(cache, _)| cache)
}

/// Asks the KDC for tickets; gives them, and the time when they are to be replaced.
fn ask(name: &Name, secret: &Secret) -> Result<(Arc<MemoryCache>, Instant), AuthError> {
    let cache = MemoryCache::new().map_err(KerberosError::from)?;
    let credential = match secret {
        Secret::Keytab(path) => {
            let store = Store { cache: Some(cache.name()), client_keytab: Some(text(path)?), ..Store::default() };
            Credential::initiator(Some(name), &store)?
        }
        Secret::Password(password) => {
            let credential = Credential::with_password(name, password.as_bytes())?;
            credential.store(cache.name())?;
            credential
        }
    };
    // With a keytab it is now that the library asks.
    let life = Duration::from_secs(credential.lifetime()?.into());
    let until = Instant::now() + life - RENEWAL.min(life / 10);
    Ok((Arc::new(cache), until))
}

impl fmt::Debug for KerberosCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self.source.as_ref() {
            Source::Cache(name) => ("cache", name.as_deref()),
            Source::Own { principal, secret: Secret::Keytab(_), .. } => ("keytab", Some(principal.as_str())),
            Source::Own { principal, secret: Secret::Password(_), .. } => ("password", Some(principal.as_str())),
        };
        f.debug_struct("KerberosCredentials").field("from", &kind).field("name", &name).finish()
    }
}

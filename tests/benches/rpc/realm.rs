//! The Kerberos realm: MIT's KDC. MIT's library takes its configuration from the environment, so the
//! program runs once more, with the realm in its environment.

use std::{
    env, io,
    path::PathBuf,
    process::{self, Command},
};

use msrpc::auth::kerberos::KerberosCredentials;
use msrpc_tests::rpc::{
    kerberos::{Realm, kdc::Kdc},
    node::{PASSWORD, USER},
};

/// The account whose keys the servers have.
const NODE: &str = "node1";

/// Who calls, and whom.
#[derive(Clone, Debug)]
pub(super) struct Kerberos {
    pub(super) realm: Realm,
    pub(super) credentials: KerberosCredentials,
}

impl Kerberos {
    /// The realm, or why there is none. Starts one and runs this program in it if need be: then that is
    /// all, and the process ends with it.
    pub(super) fn enter() -> Result<Self, String> {
        let inherited = Realm::inherited().map_or_else(run_within, Ok);
        inherited
            .and_then(|realm| {
                let credentials = KerberosCredentials::cache(realm.tickets_of(USER, PASSWORD)?.to_string_lossy());
                Ok(Self { realm, credentials })
            })
            .map_err(|error| error.to_string())
    }

    pub(super) fn host(&self) -> String {
        self.realm.host(NODE)
    }

    pub(super) fn keytab(&self) -> PathBuf {
        self.realm.keytab(NODE)
    }
}

fn run_within() -> io::Result<Realm> {
    if env::var_os("MSRPC_PEERS").is_some_and(|value| value == "skip") {
        return Err(io::Error::other("MSRPC_PEERS=skip"));
    }
    let kdc = Kdc::start_without_pacs()?;
    kdc.administer(&format!("addprinc -pw \"{PASSWORD}\" {USER}\n"))?;
    let realm = msrpc_tests::rpc::kerberos::Running::realm(&kdc);
    let status = Command::new(env::current_exe()?).args(env::args().skip(1)).envs(realm.environment()).status()?;
    drop(kdc);
    process::exit(status.code().unwrap_or(1));
}

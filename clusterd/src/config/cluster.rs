//! The section `[cluster]`: this host as a node of a failover cluster.

use msrpc_cluster::clusapi::Accounts;
use serde::Deserialize;

use super::Principal;

/// ClusAPI on a node of a cluster that `clusterd init` has formed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// This node's name in the cluster; the host's where it is left out.
    pub node: Option<String>,
    /// What comes after the cluster's name in its full name.
    pub domain: String,
    /// Members of BUILTIN\Administrators, beside those whose authentication says so.
    pub administrators: Vec<Principal>,
    /// Members of BUILTIN\Users.
    pub readers: Vec<Principal>,
    /// Members of BUILTIN\Backup Operators.
    pub backup_operators: Vec<Principal>,
}

impl Default for Cluster {
    /// The local root is an administrator.
    fn default() -> Self {
        Self {
            node: None,
            domain: String::new(),
            administrators: vec![Principal::Sid("S-1-22-1-0".to_owned())],
            readers: Vec::new(),
            backup_operators: Vec::new(),
        }
    }
}

impl Cluster {
    /// The accounts, as the server compares them.
    ///
    /// # Errors
    ///
    /// If a group is not known here.
    pub fn accounts(&self) -> Result<Accounts, String> {
        let list = |what: &str, principals: &[Principal]| {
            let names = principals.iter().map(|principal| principal.resolve(what));
            names.collect::<Result<Vec<_>, _>>()
        };
        Ok(Accounts {
            administrators: list("cluster.administrators", &self.administrators)?,
            readers: list("cluster.readers", &self.readers)?,
            backup_operators: list("cluster.backup_operators", &self.backup_operators)?,
        })
    }
}

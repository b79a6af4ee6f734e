//! Who may call, \[MS-FSRVP\] 3.1.4.

use msrpc_ndr::{AuthLevel, Caller};

/// RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT and RPC_C_AUTHN_GSS_KERBEROS.
const SERVICES: [u8; 3] = [9, 10, 16];
/// Whose callers SMB has authenticated.
const PIPE: &str = "ncacn_np";

/// The administrators and backup operators: whoever else calls gets E_ACCESSDENIED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPolicy {
    /// SIDs of accounts and groups.
    pub sids: Vec<String>,
    /// Names of accounts, `user` or `DOMAIN\user`, in any case. A name without a domain is a user
    /// of any domain that the transport's authentication accepts.
    pub users: Vec<String>,
}

impl Default for AccessPolicy {
    /// Administrators (`S-1-5-32-544`), backup operators (`S-1-5-32-551`), and the user 0 of the
    /// machine as Samba writes it (`S-1-22-1-0`).
    fn default() -> Self {
        Self { sids: ["S-1-5-32-544", "S-1-5-32-551", "S-1-22-1-0"].map(str::to_owned).to_vec(), users: Vec::new() }
    }
}

impl AccessPolicy {
    /// Whether a caller may call: one of the document's three security providers or a pipe whose
    /// SMB session counts as much, integrity or privacy, and a member of the list.
    pub fn allows(&self, caller: &Caller) -> bool {
        let authenticated =
            SERVICES.contains(&caller.auth_service) || (caller.auth_service == 0 && caller.transport == PIPE);
        authenticated && caller.auth_level >= AuthLevel::Integrity && self.is_member(caller)
    }

    fn is_member(&self, caller: &Caller) -> bool {
        caller.sids.iter().any(|sid| self.sids.iter().any(|ours| ours.eq_ignore_ascii_case(sid)))
            || caller.user.as_ref().is_some_and(|user| {
                self.users.iter().any(|ours| match ours.split_once('\\') {
                    None => same(ours, user),
                    Some((domain, name)) => {
                        same(name, user) && caller.domain.as_ref().is_some_and(|theirs| same(domain, theirs))
                    }
                })
            })
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

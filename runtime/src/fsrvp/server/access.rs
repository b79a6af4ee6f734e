//! Who may call, \[MS-FSRVP\] 3.1.4.

use msrpc_ndr::{AuthLevel, Caller};

use crate::security::is_account;

/// RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT and RPC_C_AUTHN_GSS_KERBEROS.
const SERVICES: [u8; 3] = [9, 10, 16];
/// Whose callers SMB has authenticated.
const PIPE: &str = "ncacn_np";

/// The administrators and backup operators: whoever else calls gets E_ACCESSDENIED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPolicy {
    /// SIDs of accounts and groups.
    pub sids: Vec<String>,
    /// Names of accounts, as [`is_account`] takes them.
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
            || self.users.iter().any(|ours| is_account(caller, ours))
    }
}

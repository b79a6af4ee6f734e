//! Names of accounts in lists of who may do what.

use msrpc_ndr::Caller;

/// The authentication service number of Kerberos (\[MS-RPCE\] 2.2.1.1.7).
const KERBEROS: u8 = 16;

/// Whether a caller is the account that an entry names, `user` or `DOMAIN\user`, in any case.
///
/// A name without a domain is a user of any domain that the server itself has accounts of. It is
/// nobody of a Kerberos realm: KDCs of other realms may vouch for users, and have their own `root`.
pub fn is_account(caller: &Caller, entry: &str) -> bool {
    let Some(user) = &caller.user else { return false };
    match entry.split_once('\\') {
        Some((domain, name)) => same(user, name) && caller.domain.as_deref().is_some_and(|it| same(it, domain)),
        None => same(user, entry) && caller.mechanism != KERBEROS,
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(user: &str, domain: &str, mechanism: u8) -> Caller {
        Caller { user: Some(user.to_owned()), domain: Some(domain.to_owned()), mechanism, ..Caller::default() }
    }

    #[test]
    fn a_name_alone_is_nobody_of_a_realm() {
        let ntlm = caller("Root", "FS1", 10);
        assert!(is_account(&ntlm, "root") && is_account(&ntlm, r"fs1\root"));
        assert!(!is_account(&ntlm, r"other\root"));
        let kerberos = caller("root", "EVIL.TEST", KERBEROS);
        assert!(!is_account(&kerberos, "root"));
        assert!(!is_account(&kerberos, r"MIT.TEST\root"));
        assert!(is_account(&kerberos, r"evil.test\ROOT"));
        assert!(!is_account(&Caller::default(), "root"));
    }
}

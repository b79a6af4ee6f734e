//! The accounts of a server.

use std::{collections::HashMap, fmt};

use md4::{Digest, Md4};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::AuthError;

/// The MD4 hash of a password, as good as the password itself. Never shown, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// The hash of a password: `NTOWFv1` ([MS-NLMP] 3.3.1).
    pub fn of_password(password: &str) -> Self {
        let mut octets = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        for unit in password.encode_utf16() {
            octets.extend_from_slice(&unit.to_le_bytes());
        }
        Self(Md4::digest(octets.as_slice()).into())
    }

    /// A hash that is known already.
    pub const fn new(hash: [u8; 16]) -> Self {
        Self(hash)
    }

    /// Parses 32 hexadecimal digits.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut hash = Zeroizing::new([0; 16]);
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || pairs.len() != hash.len() {
            return None;
        }
        for (octet, [high, low]) in hash.iter_mut().zip(pairs) {
            let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(*hash))
    }

    /// The octets.
    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(…)")
    }
}

/// An account as a server knows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name as the server spells it. Becomes the caller's name, whatever the peer wrote.
    pub name: String,
    /// The domain; `None` for an account of the server itself.
    pub domain: Option<String>,
    /// The hash of the password.
    pub nt_hash: NtHash,
    /// Whether the account is refused although its password is right.
    pub disabled: bool,
    /// SIDs of the account and its groups.
    pub sids: Vec<String>,
}

/// Where a server finds its accounts.
pub trait AccountStore: Send + Sync {
    /// The account that a peer names. Names of users and domains do not distinguish case
    /// ([MS-NLMP] 3.2.5.1.2). What the peer writes as domain is a hint and may be empty.
    ///
    /// A lookup should take the same time whether there is such an account or not, and not wait for
    /// anything outside.
    ///
    /// # Errors
    ///
    /// [`AuthError::Accounts`] if the store cannot be asked.
    fn lookup(&self, user: &str, domain: &str) -> Result<Option<Account>, AuthError>;
}

/// Accounts in memory.
///
/// ```
/// use msrpc::auth::Accounts;
///
/// let accounts = Accounts::default().with_password("root", "Passw0rd").with_password(r"EXAMPLE\backup", "secret");
/// assert_eq!(accounts.len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct Accounts {
    by_name: HashMap<Key, Account>,
}

/// A name and a domain, both in upper case.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    domain: Option<String>,
}

impl Key {
    fn new(name: &str, domain: Option<&str>) -> Self {
        Self { name: upper_case(name), domain: domain.map(upper_case) }
    }

    fn of(account: &Account) -> Self {
        Self::new(&account.name, account.domain.as_deref())
    }
}

impl Accounts {
    /// Adds an account with a password; an older one of the same name is replaced. `DOMAIN\name`
    /// stands for that domain only, `name` for every domain that a peer may write.
    pub fn with_password(mut self, name: &str, password: &str) -> Self {
        let (domain, name) = match name.split_once('\\') {
            Some((domain, name)) => (Some(domain), name),
            None => (None, name),
        };
        self.insert(Account {
            name: name.to_owned(),
            domain: domain.map(str::to_owned),
            nt_hash: NtHash::of_password(password),
            disabled: false,
            sids: Vec::new(),
        });
        self
    }

    /// Adds an account; an older one of the same name is replaced.
    pub fn insert(&mut self, account: Account) {
        self.by_name.insert(Key::of(&account), account);
    }

    /// Whether there is an account of the same name and domain.
    pub(super) fn contains(&self, account: &Account) -> bool {
        self.by_name.contains_key(&Key::of(account))
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl AccountStore for Accounts {
    fn lookup(&self, user: &str, domain: &str) -> Result<Option<Account>, AuthError> {
        // user@domain, the domain field empty: how a principal name travels.
        let (user, domain) = match user.rsplit_once('@') {
            Some((name, realm)) if domain.is_empty() => (name, realm),
            _ => (user, domain),
        };
        let of_domain = self.by_name.get(&Key::new(user, Some(domain)));
        let of_any = self.by_name.get(&Key::new(user, None));
        Ok(of_domain.or(of_any).cloned())
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("len", &self.len()).finish()
    }
}

/// The upper case of a name as Windows compares names: character by character, without the special
/// cases that change a string's length (`ß` stays `ß`).
pub(super) fn upper_case(name: &str) -> String {
    name.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                _ => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_passwords() {
        // [MS-NLMP] 4.2.2.1.2
        let hash = NtHash::of_password("Password");
        assert_eq!(hash.as_bytes(), NtHash::from_hex("a4f49c406510bdcab6824ee7c30fd852").unwrap().as_bytes());
        assert_eq!(format!("{hash:?}"), "NtHash(…)");
    }

    #[test]
    fn hexadecimal_hashes_are_exact() {
        for bad in [
            "",
            "a4",
            "a4f49c406510bdcab6824ee7c30fd85",
            "a4f49c406510bdcab6824ee7c30fd85g",
            "é4f49c406510bdcab6824ee7c30fd85",
        ] {
            assert!(NtHash::from_hex(bad).is_none(), "{bad}");
        }
        assert!(NtHash::from_hex("A4F49C406510BDCAB6824EE7C30FD852").is_some());
    }

    #[test]
    fn upper_case_keeps_the_length() {
        assert_eq!(upper_case("Müller-ß"), "MÜLLER-ß");
    }
}

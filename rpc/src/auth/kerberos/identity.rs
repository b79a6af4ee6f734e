//! Who a client is.

use msrpc_gssapi::Name;

use super::{AUTH_TYPE, pac};
use crate::auth::{AuthError, PeerIdentity};

/// The identity of an authenticated client.
pub(super) fn of(name: &Name) -> Result<PeerIdentity, AuthError> {
    let (user, realm) = split(&name.display()?);
    if user.is_empty() || is_anonymous(&user) {
        return Err(AuthError::AnonymousRefused);
    }
    // The library says whether the KDC vouches for it: the PAC's signature by the service's key.
    let sids = match name.attribute(pac::LOGON_INFO)?.filter(|attribute| attribute.authenticated) {
        Some(attribute) => pac::sids(&attribute.value)?,
        None => Vec::new(),
    };
    Ok(PeerIdentity { user: Some(user), domain: realm, sids, mechanism: AUTH_TYPE })
}

/// The parts of a principal as the library writes it: the name with its instance, and the realm.
///
/// A backslash stands before separators that belong to a part; `\n`, `\t`, `\b` and `\0` stand for control
/// characters.
fn split(principal: &str) -> (String, Option<String>) {
    let (mut name, mut realm) = (String::new(), None::<String>);
    let mut characters = principal.chars();
    while let Some(character) = characters.next() {
        if character == '@' && realm.is_none() {
            realm = Some(String::new());
            continue;
        }
        let part = realm.as_mut().unwrap_or(&mut name);
        match character {
            '\\' => part.extend(characters.next().map(|escaped| match escaped {
                'n' => '\n',
                't' => '\t',
                'b' => '\u{8}',
                '0' => '\0',
                other => other,
            })),
            other => part.push(other),
        }
    }
    (name, realm.filter(|realm| !realm.is_empty()))
}

/// The principal of those who do not say who they are ([RFC 8062]).
fn is_anonymous(name: &str) -> bool {
    name == "WELLKNOWN/ANONYMOUS"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_have_a_name_and_a_realm() {
        for (principal, name, realm) in [
            ("user@MIT.TEST", "user", Some("MIT.TEST")),
            ("host/node1.mit.test@MIT.TEST", "host/node1.mit.test", Some("MIT.TEST")),
            (r"admin\@other@MIT.TEST", "admin@other", Some("MIT.TEST")),
            (r"a\/b/c@R", "a/b/c", Some("R")),
            ("alone", "alone", None),
            ("empty@", "empty", None),
            ("trailing\\", "trailing", None),
        ] {
            assert_eq!(split(principal), (name.to_owned(), realm.map(str::to_owned)), "{principal}");
        }
    }
}

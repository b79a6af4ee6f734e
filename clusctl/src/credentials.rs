//! Who the user is, and how that is proven.

use std::{
    env, fs,
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
};

use msrpc::auth::{kerberos::KerberosCredentials, ntlm::NtlmCredentials};

use crate::{
    arguments::Common,
    failure::{Failure, Kind},
};

/// The environment variable with the password.
const PASSWORD: &str = "CLUSCTL_PASSWORD";

/// How the user is proven: by one of these; by Kerberos where that is possible, if there are both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) kerberos: Option<KerberosCredentials>,
    pub(crate) ntlm: Option<NtlmCredentials>,
}

pub(crate) fn find(common: &Common) -> Result<Login, Failure> {
    let by_kerberos = common.kerberos || common.ccache.is_some() || common.keytab.is_some();
    let by_ntlm = !by_kerberos || common.or_ntlm;
    let password = given_password(common)?;
    Ok(Login {
        kerberos: by_kerberos.then(|| kerberos(common, password.clone())).transpose()?,
        ntlm: by_ntlm.then(|| ntlm(common, password)).transpose()?,
    })
}

fn ntlm(common: &Common, given: Option<String>) -> Result<NtlmCredentials, Failure> {
    let logged_in = || ["USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
    let user = common.user.clone().or_else(logged_in).filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Failure::new(Kind::Usage, "there is no user: give --user or set CLUSCTL_USER"))?;
    let password = given.map_or_else(|| ask_password(&user), Ok)?;
    let (domain, name) = user.split_once(['\\', '/']).unwrap_or(("", &user));
    Ok(NtlmCredentials::new(domain, name, &password))
}

/// A keytab or a password takes a principal; otherwise there should be tickets.
fn kerberos(common: &Common, password: Option<String>) -> Result<KerberosCredentials, Failure> {
    let principal = common.user.as_deref().filter(|user| !user.is_empty()).map(principal);
    if let Some(keytab) = &common.keytab {
        let nobody = || Failure::new(Kind::Usage, "whose key of the keytab? Give --user NAME@REALM");
        return Ok(KerberosCredentials::keytab(keytab, principal.ok_or_else(nobody)?));
    }
    Ok(match (&common.ccache, principal, password) {
        (Some(cache), ..) => KerberosCredentials::cache(cache),
        (None, Some(principal), Some(password)) => KerberosCredentials::password(principal, password),
        (None, ..) => KerberosCredentials::default_cache(),
    })
}

/// `REALM\name` as principals are written.
fn principal(user: &str) -> String {
    match user.split_once('\\') {
        Some((realm, name)) => format!("{name}@{realm}"),
        None => user.to_owned(),
    }
}

/// The password, if there is one without asking.
fn given_password(common: &Common) -> Result<Option<String>, Failure> {
    match &common.password_file {
        Some(file) => first_line(file)
            .map(Some)
            .map_err(|error| Failure::new(Kind::Usage, format_args!("the password file {}: {error}", file.display()))),
        None => Ok(env::var(PASSWORD).ok()),
    }
}

fn ask_password(user: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let message = format!("there is no password for {user}: give --password-file, or set {PASSWORD}");
        return Err(Failure::new(Kind::Usage, message));
    }
    rpassword::prompt_password(format!("Password of {user}: "))
        .map_err(|error| Failure::new(Kind::Usage, format_args!("the password cannot be read: {error}")))
}

fn first_line(file: &Path) -> io::Result<String> {
    let text = if file == Path::new("-") {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line
    } else {
        fs::read_to_string(file)?
    };
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its first line is empty")),
    }
}

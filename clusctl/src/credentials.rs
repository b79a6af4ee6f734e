//! Who the user is.

use std::{
    env, fs,
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
};

use msrpc::auth::ntlm::NtlmCredentials;

use crate::{
    arguments::Common,
    failure::{Failure, Kind},
};

/// The environment variable with the password.
const PASSWORD: &str = "CLUSCTL_PASSWORD";

pub(crate) fn find(common: &Common) -> Result<NtlmCredentials, Failure> {
    let logged_in = || ["USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
    let user = common.user.clone().or_else(logged_in).filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Failure::new(Kind::Usage, "there is no user: give --user or set CLUSCTL_USER"))?;
    let password = password(common, &user)?;
    let (domain, name) = user.split_once(['\\', '/']).unwrap_or(("", &user));
    Ok(NtlmCredentials::new(domain, name, &password))
}

fn password(common: &Common, user: &str) -> Result<String, Failure> {
    if let Some(file) = &common.password_file {
        return first_line(file)
            .map_err(|error| Failure::new(Kind::Usage, format_args!("the password file {}: {error}", file.display())));
    }
    if let Ok(password) = env::var(PASSWORD) {
        return Ok(password);
    }
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

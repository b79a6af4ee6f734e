//! Accounts in a text file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    AuthError,
    accounts::{Account, AccountStore, Accounts, NtHash},
};

/// Accounts from a file in UTF-8, one to a line:
///
/// ```text
/// # name : flags : kind : secret
/// root::password:Passw0rd
/// EXAMPLE\backup:sid=S-1-5-32-551:nthash:a4f49c406510bdcab6824ee7c30fd852
/// old:disabled,sid=S-1-5-32-544:password:a secret: with colons
/// ```
///
/// - The *name* may have a domain in front. Without one it stands for every domain that a peer may
///   name; with one only for that domain, and then it goes before a line without. Neither
///   distinguishes case.
/// - The *flags* are separated by commas: `disabled`, and `sid=S-…` for each SID of the account or
///   of its groups.
/// - The *kind* is `password` or `nthash`; the *secret* goes on to the end of the line, blanks
///   included. A password is not empty; a hash has 32 hexadecimal digits.
/// - Empty lines, and lines that begin with `#`, are skipped.
///
/// The file is read once. Passwords are hashed while reading and not kept.
pub struct CredentialsFile {
    accounts: Accounts,
    warnings: Vec<String>,
}

impl CredentialsFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has bad lines: all of them are reported.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CredentialsFileError> {
        let path = path.as_ref();
        let unreadable = |source| CredentialsFileError::Unreadable { path: path.to_owned(), source };
        let octets = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        let mut accounts =
            Self::parse(&octets).map_err(|lines| CredentialsFileError::BadLines { path: path.to_owned(), lines })?;
        accounts.warnings.extend(mode_warning(path));
        Ok(accounts)
    }

    /// Parses the content of a file.
    ///
    /// # Errors
    ///
    /// Every bad line.
    pub fn parse(content: &[u8]) -> Result<Self, Vec<LineError>> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut accounts = Accounts::default();
        let mut errors = Vec::new();
        for (line, number) in content.split(|&octet| octet == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let problem = match parse_line(line) {
                Ok(None) => continue,
                Ok(Some(account)) if accounts.contains(&account) => LineProblem::Duplicate,
                Ok(Some(account)) => {
                    accounts.insert(account);
                    continue;
                }
                Err(problem) => problem,
            };
            errors.push(LineError { line: number, problem });
        }
        if errors.is_empty() { Ok(Self { accounts, warnings: Vec::new() }) } else { Err(errors) }
    }

    /// What is doubtful about the file without being an error, as a mode that lets others read it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

impl fmt::Debug for CredentialsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsFile").field("accounts", &self.len()).finish_non_exhaustive()
    }
}

impl AccountStore for CredentialsFile {
    fn lookup(&self, user: &str, domain: &str) -> Result<Option<Account>, AuthError> {
        self.accounts.lookup(user, domain)
    }
}

fn parse_line(line: &[u8]) -> Result<Option<Account>, LineProblem> {
    let line = str::from_utf8(line).map_err(|_| LineProblem::NotUtf8)?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.splitn(4, ':');
    let (Some(full_name), Some(flags), Some(kind), Some(secret)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(LineProblem::Fields);
    };
    let (domain, name) = match full_name.trim().split_once('\\') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, full_name.trim()),
    };
    if name.is_empty() || domain == Some("") || name.contains('\\') {
        return Err(LineProblem::Name);
    }
    let mut account = Account {
        name: name.to_owned(),
        domain: domain.map(str::to_owned),
        nt_hash: parse_secret(kind.trim(), secret)?,
        disabled: false,
        sids: Vec::new(),
    };
    for flag in flags.split(',').map(str::trim).filter(|flag| !flag.is_empty()) {
        match flag.split_once('=') {
            None if flag == "disabled" => account.disabled = true,
            Some(("sid", sid)) if is_sid(sid) => account.sids.push(sid.to_owned()),
            Some(("sid", sid)) => return Err(LineProblem::Sid(sid.to_owned())),
            _ => return Err(LineProblem::Flag),
        }
    }
    Ok(Some(account))
}

fn parse_secret(kind: &str, secret: &str) -> Result<NtHash, LineProblem> {
    match kind {
        "password" if secret.is_empty() => Err(LineProblem::EmptyPassword),
        "password" => Ok(NtHash::of_password(secret)),
        "nthash" => NtHash::from_hex(secret.trim()).ok_or(LineProblem::Hash),
        _ => Err(LineProblem::Kind),
    }
}

fn is_sid(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("S-1-") else { return false };
    let parts = rest.split('-');
    parts.clone().count() <= 16
        && parts.clone().all(|part| part.bytes().all(|d| d.is_ascii_digit()) && !part.is_empty())
}

#[cfg(unix)]
fn mode_warning(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!("{} has mode {mode:03o}: others can read or change the passwords; use chmod 600", path.display())
    })
}

#[cfg(not(unix))]
fn mode_warning(_path: &Path) -> Option<String> {
    None
}

/// Why a credentials file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsFileError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has bad lines.
    #[error("{}", display_lines(path, lines))]
    BadLines {
        /// The file.
        path: PathBuf,
        /// Every bad line.
        lines: Vec<LineError>,
    },
}

fn display_lines(path: &Path, lines: &[LineError]) -> String {
    let lines = lines.iter().map(|error| format!("{}:{}: {}", path.display(), error.line, error.problem));
    lines.collect::<Vec<_>>().join("\n")
}

/// A bad line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What is wrong with a line. Never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Fewer than four fields.
    #[error("expected name:flags:kind:secret")]
    Fields,
    /// No name, or a bad domain.
    #[error("expected a name or DOMAIN\\name")]
    Name,
    /// An unknown flag; not repeated, since a password may have got into the wrong field.
    #[error("unknown flag: expected disabled or sid=S-…")]
    Flag,
    /// Not a SID.
    #[error("{0:?} is not a SID")]
    Sid(String),
    /// An unknown kind of secret.
    #[error("expected password or nthash as kind")]
    Kind,
    /// An empty password.
    #[error("the password is empty")]
    EmptyPassword,
    /// Not a hash.
    #[error("expected 32 hexadecimal digits")]
    Hash,
    /// The account has a line already.
    #[error("the account stands on an earlier line already")]
    Duplicate,
}

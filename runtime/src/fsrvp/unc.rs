//! Names of shares in UNC format.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a share in UNC format: `\\host\share`, a backslash behind it allowed (Windows' own
/// client sends one).
///
/// Two of them are of the same share if their share parts are equal but for case: whoever reaches
/// us under a name means us, be it an alias, an address or a cluster's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShareUnc {
    /// As it was given.
    text: String,
    /// Where the host ends; it begins at [`PREFIX`].
    host_end: usize,
    /// Where the share's name ends.
    share_end: usize,
}

/// What every UNC name begins with.
const PREFIX: &str = r"\\";
/// Longest host part in characters: that of a DNS name.
const MAX_HOST: usize = 255;
/// Longest name of a share in UTF-16 code units (\[MS-FSCC\] 2.1.6).
const MAX_SHARE: usize = 80;
/// What a host part cannot have in it, control characters and blanks beside.
const NOT_IN_HOST: &[char] = &['\\', '/', '"', '<', '>', '|', '?', '*', '@', ','];
/// What the name of a share cannot have in it (\[MS-FSCC\] 2.1.6), control characters beside.
const NOT_IN_SHARE: &[char] = &['"', '*', '+', ',', '/', ':', ';', '<', '=', '>', '?', '[', '\\', ']', '|'];

/// Why something is no UNC name of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUnc {
    /// It does not begin with two backslashes.
    #[error(r"it does not begin with \\")]
    Prefix,
    /// The host part is missing, too long, or has characters that no host's name has.
    #[error("its host part is missing, too long or malformed")]
    Host,
    /// The share part is missing, too long, or has characters that no share's name has.
    #[error("its share part is missing, longer than {MAX_SHARE} characters or malformed")]
    Share,
    /// Something follows the share part.
    #[error("something follows the name of the share")]
    Rest,
}

impl ShareUnc {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadUnc> {
        let rest = text.strip_prefix(PREFIX).ok_or(BadUnc::Prefix)?;
        let (host, rest) = rest.split_once('\\').ok_or(match is_host(rest) {
            true => BadUnc::Share,
            false => BadUnc::Host,
        })?;
        if !is_host(host) {
            return Err(BadUnc::Host);
        }
        let (share, tail) = rest.split_once('\\').unwrap_or((rest, ""));
        if !is_share(share) {
            return Err(BadUnc::Share);
        }
        if !tail.is_empty() {
            return Err(BadUnc::Rest);
        }
        let host_end = PREFIX.len() + host.len();
        Ok(Self { text: text.to_owned(), host_end, share_end: host_end + 1 + share.len() })
    }

    /// The name of a share on a host.
    ///
    /// # Errors
    ///
    /// Says which of them is no such name.
    pub fn new(host: &str, share: &str) -> Result<Self, BadUnc> {
        Self::parse(&format!("{PREFIX}{host}\\{share}"))
    }

    /// The text, as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host part.
    pub fn host(&self) -> &str {
        self.text.get(PREFIX.len()..self.host_end).unwrap_or_default()
    }

    /// The share part.
    pub fn share(&self) -> &str {
        self.text.get(self.host_end + 1..self.share_end).unwrap_or_default()
    }

    /// Whether both are names of one share of the host that they are given to.
    pub fn is_same_share(&self, other: &Self) -> bool {
        self.share().to_lowercase() == other.share().to_lowercase()
    }
}

fn is_host(host: &str) -> bool {
    let wrong = |c: char| c.is_control() || c.is_whitespace() || NOT_IN_HOST.contains(&c);
    !host.is_empty() && host != "." && host.chars().count() <= MAX_HOST && !host.contains(wrong)
}

fn is_share(share: &str) -> bool {
    let wrong = |c: char| c.is_control() || NOT_IN_SHARE.contains(&c);
    // `.` and `..` would be paths, and not shares.
    !share.trim_matches('.').is_empty() && share.encode_utf16().count() <= MAX_SHARE && !share.contains(wrong)
}

impl fmt::Display for ShareUnc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ShareUnc {
    type Error = BadUnc;

    fn try_from(text: String) -> Result<Self, BadUnc> {
        Self::parse(&text)
    }
}

impl From<ShareUnc> for String {
    fn from(unc: ShareUnc) -> Self {
        unc.text
    }
}

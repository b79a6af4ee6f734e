//! String bindings: `[object@]protocol:host[endpoint,option,name=value]` (C706 3.1, with the
//! options that Samba's tools write).

use std::{fmt, str::FromStr};

use msrpc_ndr::{AuthLevel, ByteOrder, Syntax};
use uuid::Uuid;

/// Where a server is, and how to speak to it.
///
/// ```
/// use msrpc::binding::{Protocol, StringBinding};
/// use msrpc_ndr::AuthLevel;
///
/// let binding: StringBinding = "ncacn_ip_tcp:node1[5999,seal]".parse()?;
/// assert_eq!(binding.protocol, Protocol::Tcp);
/// assert_eq!(binding.endpoint.as_deref(), Some("5999"));
/// assert_eq!(binding.auth_level(), Some(AuthLevel::Privacy));
/// assert_eq!(binding.to_string(), "ncacn_ip_tcp:node1[5999,seal]");
/// # Ok::<(), msrpc::binding::BindingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringBinding {
    /// The object that calls are about.
    pub object: Option<Uuid>,
    /// The protocol sequence.
    pub protocol: Protocol,
    /// The server; empty for this host.
    pub host: String,
    /// The endpoint: a port, a pipe. Without one the endpoint mapper is asked.
    pub endpoint: Option<String>,
    /// What else stands in the brackets, in its order.
    pub options: Vec<BindingOption>,
}

/// An option in a string binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingOption {
    /// Its name.
    pub name: String,
    /// Its value, where it has one.
    pub value: Option<String>,
}

/// A protocol sequence ([MS-RPCE] 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `ncacn_ip_tcp`: TCP.
    Tcp,
    /// `ncacn_np`: named pipes over SMB.
    NamedPipe,
    /// `ncalrpc`: this host.
    Local,
    /// `ncadg_ip_udp`: UDP.
    Udp,
    /// Another one.
    Other(String),
}

impl Protocol {
    /// The name as it is written.
    pub fn name(&self) -> &str {
        match self {
            Self::Tcp => "ncacn_ip_tcp",
            Self::NamedPipe => "ncacn_np",
            Self::Local => "ncalrpc",
            Self::Udp => "ncadg_ip_udp",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Protocol {
    fn from(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "ncacn_ip_tcp" => Self::Tcp,
            "ncacn_np" => Self::NamedPipe,
            "ncalrpc" => Self::Local,
            "ncadg_ip_udp" => Self::Udp,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A string that is no binding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// There is no protocol sequence.
    #[error("{0:?} names no protocol: write ncacn_ip_tcp:HOST[PORT]")]
    NoProtocol(String),
    /// The object is no UUID.
    #[error("{0:?} in front of the @ is no UUID")]
    Object(String),
    /// The brackets do not match.
    #[error("the brackets in {0:?} do not match")]
    Brackets(String),
}

/// Words in brackets that are options, not endpoints.
const FLAGS: &[&str] = &[
    "connect",
    "packet",
    "sign",
    "seal",
    "ntlm",
    "spnego",
    "krb5",
    "bigendian",
    "ndr32",
    "ndr64",
    "padcheck",
    "validate",
    "print",
    "smb2",
    "noheadersign",
];

/// What a backslash makes ordinary.
const SPECIAL: &[char] = &['@', ':', '[', ']', ',', '=', '\\'];

impl StringBinding {
    /// A binding over TCP.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self {
            object: None,
            protocol: Protocol::Tcp,
            host: host.into(),
            endpoint: Some(port.to_string()),
            options: Vec::new(),
        }
    }

    /// Whether an option is there.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.name.eq_ignore_ascii_case(name))
    }

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|option| option.name.eq_ignore_ascii_case(name))?.value.as_deref()
    }

    /// The authentication level that the options ask for.
    pub fn auth_level(&self) -> Option<AuthLevel> {
        let levels = [
            ("seal", AuthLevel::Privacy),
            ("sign", AuthLevel::Integrity),
            ("packet", AuthLevel::Packet),
            ("connect", AuthLevel::Connect),
        ];
        levels.into_iter().find(|(name, _)| self.has(name)).map(|(_, level)| level)
    }

    /// The only transfer syntax that the options allow.
    pub fn syntax(&self) -> Option<Syntax> {
        if self.has("ndr64") { Some(Syntax::Ndr64) } else { self.has("ndr32").then_some(Syntax::Ndr) }
    }

    /// The byte order that the options ask for.
    pub fn order(&self) -> ByteOrder {
        if self.has("bigendian") { ByteOrder::Big } else { ByteOrder::Little }
    }
}

impl FromStr for StringBinding {
    type Err = BindingError;

    fn from_str(text: &str) -> Result<Self, BindingError> {
        let (object, rest) = match split_once(text, '@') {
            Some((object, rest)) => {
                let object = unescape(object);
                (Some(Uuid::parse_str(&object).map_err(|_| BindingError::Object(object))?), rest)
            }
            None => (None, text),
        };
        let (protocol, rest) = split_once(rest, ':').ok_or_else(|| BindingError::NoProtocol(text.to_owned()))?;
        if protocol.is_empty() || protocol.contains(['[', ']']) {
            return Err(BindingError::NoProtocol(text.to_owned()));
        }
        let brackets = || BindingError::Brackets(text.to_owned());
        let (host, inside) = match split_once(rest, '[') {
            Some((host, inside)) => match split_once(inside, ']') {
                Some((inside, "")) => (host, inside),
                _ => return Err(brackets()),
            },
            None if split_once(rest, ']').is_some() => return Err(brackets()),
            None => (rest, ""),
        };
        let mut binding = Self {
            object,
            protocol: Protocol::from(protocol),
            host: unescape(host),
            endpoint: None,
            options: Vec::new(),
        };
        let mut rest = Some(inside).filter(|inside| !inside.is_empty());
        let mut first = true;
        while let Some(items) = rest {
            let (item, following) = match split_once(items, ',') {
                Some((item, following)) => (item, Some(following)),
                None => (items, None),
            };
            binding.add(item.trim(), first);
            first = false;
            rest = following;
        }
        Ok(binding)
    }
}

impl StringBinding {
    fn add(&mut self, item: &str, first: bool) {
        let option = match split_once(item, '=') {
            Some((name, value)) => BindingOption { name: unescape(name), value: Some(unescape(value)) },
            None => BindingOption { name: unescape(item), value: None },
        };
        let is_flag = FLAGS.iter().any(|flag| option.name.eq_ignore_ascii_case(flag));
        match option.value {
            Some(value) if option.name.eq_ignore_ascii_case("endpoint") => self.endpoint = Some(value),
            None if option.name.is_empty() => {}
            None if first && !is_flag => self.endpoint = Some(option.name),
            _ => self.options.push(option),
        }
    }
}

impl fmt::Display for StringBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(object) = self.object {
            write!(f, "{object}@")?;
        }
        write!(f, "{}:", self.protocol)?;
        escape(f, &self.host, &['@', '[', ']', ','])?;
        if self.endpoint.is_none() && self.options.is_empty() {
            return Ok(());
        }
        f.write_str("[")?;
        let special = &['@', '[', ']', ',', '='];
        if let Some(endpoint) = &self.endpoint {
            if FLAGS.iter().any(|flag| endpoint.eq_ignore_ascii_case(flag)) {
                f.write_str("endpoint=")?;
            }
            escape(f, endpoint, special)?;
        }
        let mut first = self.endpoint.is_none();
        for BindingOption { name, value } in &self.options {
            let is_flag = FLAGS.iter().any(|flag| name.eq_ignore_ascii_case(flag));
            // What would be read as an endpoint goes behind an empty one.
            if !first || value.is_none() && !is_flag {
                f.write_str(",")?;
            }
            first = false;
            escape(f, name, special)?;
            if let Some(value) = value {
                f.write_str("=")?;
                escape(f, value, special)?;
            }
        }
        f.write_str("]")
    }
}

/// Splits at the first `separator` that no backslash precedes.
fn split_once(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == separator && !escaped {
            return Some((text.get(..at)?, text.get(at + character.len_utf8()..)?));
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

/// Takes backslashes off where they make something ordinary. Those of `\\server` and `\pipe\name`
/// stay: nobody doubles them.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if character == '\\' && *next != '\\' && SPECIAL.contains(next) => {}
            _ => plain.push(character),
        }
    }
    plain
}

fn escape(f: &mut fmt::Formatter<'_>, text: &str, special: &[char]) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if special.contains(&character) {
            f.write_str("\\")?;
        }
        write!(f, "{character}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_and_samba_write() {
        for text in [
            "ncacn_ip_tcp:host",
            "ncacn_ip_tcp:host[135]",
            "ncacn_ip_tcp:host[5999,seal]",
            "ncacn_ip_tcp:[seal,ntlm]",
            "ncacn_ip_tcp:2001:db8::1[135,sign,target_hostname=a.b]",
            "ncacn_np:\\\\server[\\pipe\\clusapi]",
            "ncalrpc:[LRPC-1]",
            "12345678-1234-1234-1234-123456789abc@ncadg_ip_udp:host[135]",
            "ncacn_x:h",
            "ncacn_ip_tcp:h[,odd]",
            "ncacn_ip_tcp:h[endpoint=seal,seal]",
        ] {
            assert_eq!(text.parse::<StringBinding>().unwrap().to_string(), text);
        }
        let binding: StringBinding = "ncacn_np:\\\\server[\\pipe\\clusapi,krb5]".parse().unwrap();
        assert_eq!(binding.host, "\\\\server");
        assert_eq!(binding.endpoint.as_deref(), Some("\\pipe\\clusapi"));
        assert!(binding.has("KRB5"));
        let binding: StringBinding = "ncacn_ip_tcp:2001:db8::1[135]".parse().unwrap();
        assert_eq!(binding.host, "2001:db8::1");
    }

    #[test]
    fn what_is_no_binding() {
        for text in ["", "host", "host[135]", ":host", "x@ncacn_np:h", "ncacn_np:h[", "ncacn_np:h]", "ncacn_np:h[a]b"] {
            assert!(text.parse::<StringBinding>().is_err(), "{text}");
        }
    }
}

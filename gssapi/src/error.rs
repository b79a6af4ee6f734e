//! What the library says.

use std::fmt;

use crate::{
    buffer::Buffer,
    ffi::{Api, OidDesc},
    oid::Oid,
};

/// `GSS_S_CONTINUE_NEEDED`.
pub(crate) const CONTINUE_NEEDED: u32 = 1;

/// `GSS_S_DUPLICATE_TOKEN`.
const DUPLICATE_TOKEN: u32 = 2;

/// Routine errors, in the second highest octet of a major status ([RFC 2744] 3.9.1).
mod routine {
    pub(super) const BAD_MIC: u32 = 6;
    pub(super) const NO_CRED: u32 = 7;
    pub(super) const DEFECTIVE_TOKEN: u32 = 9;
    pub(super) const DEFECTIVE_CREDENTIAL: u32 = 10;
    pub(super) const CREDENTIALS_EXPIRED: u32 = 11;
    pub(super) const CONTEXT_EXPIRED: u32 = 12;
    pub(super) const UNAVAILABLE: u32 = 16;
}

/// Where Kerberos' error codes begin (`ERROR_TABLE_BASE_krb5`). The first 128 are those of the
/// protocol ([RFC 4120] 7.5.9), further ones the library's own.
const KRB5: i32 = -1_765_328_384;

/// The library is not installed, or not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kerberos needs MIT's GSS-API library, libgssapi_krb5.so.2: {advice}{}", .why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default())]
pub struct Unavailable {
    advice: &'static str,
    why: Option<String>,
}

impl Unavailable {
    pub(crate) fn new(why: Option<String>) -> Self {
        let advice = match why {
            Some(_) => {
                "install the package libgssapi-krb5-2 (Debian, Ubuntu), krb5-libs (Fedora, Red Hat) or krb5 (SUSE, Alpine, Arch)"
            }
            None => "there is none for this system",
        };
        Self { advice, why }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    reason: Reason,
    major: u32,
    minor: u32,
    message: String,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The library is missing.
    Unavailable,
    /// There are no credentials: no cache, or nothing in it.
    NoCredentials,
    /// The ticket, or the credentials that it was to be asked for with, have expired.
    Expired,
    /// The ticket is not valid yet.
    NotYetValid,
    /// The clocks are too far apart.
    ClockSkew,
    /// The token was seen before.
    Replay,
    /// The ticket cannot be decrypted: the service's key has another value.
    WrongKey,
    /// The service's keytab has no key of the ticket's version.
    KeyVersion,
    /// The keytab cannot be read, or has no key for the principal or the ticket's encryption type.
    NoKey,
    /// The ticket is for another service.
    WrongService,
    /// The encryption type is not allowed, or not supported.
    EncryptionType,
    /// The KDC does not know the client.
    UnknownClient,
    /// The KDC does not know the service.
    UnknownService,
    /// The password, or the key in the client's keytab, is wrong.
    WrongPassword,
    /// The client's account is locked, disabled or has expired.
    AccountRefused,
    /// The password has to be changed first.
    PasswordExpired,
    /// No KDC answers.
    KdcUnreachable,
    /// It is not known where the realm's KDC is, or which realm is meant.
    UnknownRealm,
    /// The configuration, `krb5.conf`, is missing or wrong.
    Configuration,
    /// The replay cache cannot be written.
    ReplayCache,
    /// A token is malformed.
    Malformed,
    /// A message was changed on the way.
    BadSignature,
    /// A message is replayed, missing or out of order.
    OutOfSequence,
    /// A message should have been sealed and was not.
    NotSealed,
    /// Something else; the message says what.
    Other,
}

impl Error {
    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The library's major and minor status, 0 where it was not asked.
    pub fn status(&self) -> (u32, u32) {
        (self.major, self.minor)
    }

    /// What cannot be asked of the library, or an answer that cannot be used.
    pub(crate) fn invalid(message: &str) -> Self {
        Self { reason: Reason::Other, major: 0, minor: 0, message: message.to_owned() }
    }

    pub(crate) fn not_sealed() -> Self {
        Self { reason: Reason::NotSealed, ..Self::invalid("the message is signed, but not sealed") }
    }

    /// What it means that there are no credentials where a client's keytab was to bring them.
    pub(crate) fn without_client_key(self, keytab: &str) -> Self {
        match self.reason {
            Reason::NoCredentials => {
                let message = format!("{keytab} cannot be read, or has no key of the client");
                Self { reason: Reason::NoKey, message, ..self }
            }
            _ => self,
        }
    }

    /// Whether the call is for something that is not there.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.major >> 16 & 0xff == routine::UNAVAILABLE
    }
}

impl From<Unavailable> for Error {
    fn from(error: Unavailable) -> Self {
        Self { reason: Reason::Unavailable, ..Self::invalid(&error.to_string()) }
    }
}

impl fmt::Display for Error {
    /// What comes from the peer or the configuration is escaped where it is no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.chars().try_for_each(|character| match character.is_control() {
            true => write!(f, "{}", character.escape_default()),
            false => write!(f, "{character}"),
        })
    }
}

impl std::error::Error for Error {}

/// Which call it was: the same code has other causes on other sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Making a client's credential, or a ticket from it.
    Initiate,
    /// Making a service's credential.
    Keytab,
    /// The acceptor's leg.
    Accept,
    /// Anything else.
    Other,
}

/// Anything but complete is an error; the supplementary statuses (duplicate, old, out of sequence,
/// gap) too.
pub(crate) fn check(api: &'static Api, call: Call, major: u32, minor: u32) -> Result<(), Error> {
    if major == 0 { Ok(()) } else { Err(failed(api, call, major, minor)) }
}

#[cold]
fn failed(api: &'static Api, call: Call, major: u32, minor: u32) -> Error {
    let text = |value, kind| Some(status_text(api, value, kind)).filter(|text| !text.is_empty());
    let specific = if minor == 0 { None } else { text(minor, MECHANISM) };
    let message = specific.or_else(|| text(major, GSS)).unwrap_or_else(|| format!("status {major:#x}, {minor:#x}"));
    Error { reason: reason(call, major, minor), major, minor, message }
}

/// `GSS_C_GSS_CODE` and `GSS_C_MECH_CODE`.
const GSS: i32 = 1;
const MECHANISM: i32 = 2;

/// The library's words for a status; of a minor one, those of this thread's last call.
fn status_text(api: &'static Api, value: u32, kind: i32) -> String {
    let mechanism: OidDesc = Oid::KERBEROS.desc();
    let (mut minor, mut more) = (0, 0);
    let mut texts = Vec::new();
    loop {
        let mut text = Buffer::new(api);
        // SAFETY: all pointers are to values that live until the call returns; the identifier is
        // read, the rest written.
        let major = unsafe { (api.gss_display_status)(&mut minor, value, kind, &mechanism, &mut more, text.as_out()) };
        if major != 0 {
            break;
        }
        texts.push(String::from_utf8_lossy(&text).into_owned());
        if more == 0 || texts.len() == 4 {
            break;
        }
    }
    texts.join("; ")
}

fn reason(call: Call, major: u32, minor: u32) -> Reason {
    let of_major = || match major >> 16 & 0xff {
        0 if major & DUPLICATE_TOKEN != 0 => Reason::Replay,
        0 => Reason::OutOfSequence,
        routine::BAD_MIC => Reason::BadSignature,
        routine::NO_CRED | routine::DEFECTIVE_CREDENTIAL if call == Call::Keytab => Reason::NoKey,
        routine::NO_CRED | routine::DEFECTIVE_CREDENTIAL => Reason::NoCredentials,
        routine::DEFECTIVE_TOKEN => Reason::Malformed,
        routine::CREDENTIALS_EXPIRED | routine::CONTEXT_EXPIRED => Reason::Expired,
        _ => Reason::Other,
    };
    // Minor codes are the same 32 bits with and without sign.
    let code = minor.cast_signed().wrapping_sub(KRB5);
    kerberos_reason(call, code).unwrap_or_else(of_major)
}

/// The reason that a code of Kerberos gives, counted from the beginning of its table.
fn kerberos_reason(call: Call, code: i32) -> Option<Reason> {
    Some(match code {
        6 => Reason::UnknownClient,
        7 => Reason::UnknownService,
        // Expired, policy, revoked, not yet valid.
        1 | 12 | 18 | 21 => Reason::AccountRefused,
        14 | 150 | 188 | 200 | 236 | 237 => Reason::EncryptionType,
        23 => Reason::PasswordExpired,
        24 => Reason::WrongPassword,
        // The integrity of what was decrypted: with a client's key the KDC's answer, with a
        // service's the ticket.
        31 | 41 if call == Call::Initiate => Reason::WrongPassword,
        31 | 41 if call == Call::Accept => Reason::WrongKey,
        31 | 41 | 46 | 158 => Reason::BadSignature,
        32 => Reason::Expired,
        33 => Reason::NotYetValid,
        34 | 163 => Reason::Replay,
        35 | 144 => Reason::WrongService,
        36 | 39 | 40 | 50 => Reason::Malformed,
        37 | 148 => Reason::ClockSkew,
        44 | 230 => Reason::KeyVersion,
        45 | 181 => Reason::NoKey,
        68 | 154 | 185 | 217 => Reason::UnknownRealm,
        135 | 136 | 224 => Reason::Configuration,
        156 | 220 => Reason::KdcUnreachable,
        162 | 164..=167 | 169..=172 => Reason::ReplayCache,
        141 | 142 | 193..=196 | 199 => Reason::NoCredentials,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(call: Call, code: i32) -> Reason {
        reason(call, 13 << 16, KRB5.wrapping_add(code).cast_unsigned())
    }

    #[test]
    fn codes_of_kerberos_have_reasons() {
        assert_eq!(of(Call::Accept, 32), Reason::Expired);
        assert_eq!(of(Call::Accept, 31), Reason::WrongKey);
        assert_eq!(of(Call::Initiate, 31), Reason::WrongPassword);
        assert_eq!(of(Call::Initiate, 7), Reason::UnknownService);
        // KRB5_KDC_UNREACH and KRB5_FCC_NOFILE as krb5.h has them.
        assert_eq!(reason(Call::Initiate, 13 << 16, (-1_765_328_228_i32).cast_unsigned()), Reason::KdcUnreachable);
        assert_eq!(reason(Call::Initiate, 7 << 16, (-1_765_328_189_i32).cast_unsigned()), Reason::NoCredentials);
        assert_eq!(of(Call::Other, 127), Reason::Other);
    }

    #[test]
    fn statuses_without_a_code_have_reasons() {
        assert_eq!(reason(Call::Other, DUPLICATE_TOKEN, 0), Reason::Replay);
        assert_eq!(reason(Call::Other, 1 << 4, 0), Reason::OutOfSequence);
        assert_eq!(reason(Call::Other, 6 << 16, 0), Reason::BadSignature);
        assert_eq!(reason(Call::Accept, 9 << 16, 0), Reason::Malformed);
        assert_eq!(reason(Call::Keytab, 13 << 16, 0), Reason::Other);
    }

    #[test]
    fn control_characters_in_messages_are_escaped() {
        assert_eq!(Error::invalid("a\nb\u{1b}[1m").to_string(), "a\\nb\\u{1b}[1m");
    }
}

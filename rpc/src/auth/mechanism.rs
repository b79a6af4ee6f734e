//! What SPNEGO negotiates.

use std::fmt;

use super::{AuthError, SecurityContext};

/// An object identifier: the content octets of its DER encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid(&'static [u8]);

impl Oid {
    /// SPNEGO, 1.3.6.1.5.5.2.
    pub const SPNEGO: Self = Self(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]);
    /// NTLM, 1.3.6.1.4.1.311.2.2.10.
    pub const NTLM: Self = Self(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a]);
    /// Kerberos, 1.2.840.113554.1.2.2.
    pub const KERBEROS: Self = Self(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
    /// Kerberos as Windows 2000 misspelt it, 1.2.840.48018.1.2.2 ([MS-SPNG] 3.1.5.2).
    pub const MS_KERBEROS: Self = Self(&[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02]);

    /// An identifier of these content octets.
    pub const fn new(content: &'static [u8]) -> Self {
        Self(content)
    }

    /// The content octets.
    pub const fn as_bytes(&self) -> &'static [u8] {
        self.0
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(self.0))
    }
}

/// The dotted form of an identifier's content octets, for messages.
pub(super) fn dotted(content: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc: u64 = 0;
    for &octet in content {
        arc = arc.wrapping_shl(7) | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(arc.to_string());
            arc = 0;
        }
    }
    arcs.join(".")
}

/// A security context that SPNEGO can negotiate.
pub trait Mechanism: SecurityContext {
    /// The identifiers of the mechanism, the preferred one first. An initiator offers them all, an
    /// acceptor answers to any.
    fn oids(&self) -> &'static [Oid];

    /// Whether the established context can make and verify integrity codes; without, there is no
    /// mechListMIC ([RFC 4178] section 5).
    fn has_integrity(&self) -> bool;

    /// Makes the code of the mechListMIC. Called before any PDU is protected.
    ///
    /// # Errors
    ///
    /// If the context is not established or has no integrity.
    fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError>;

    /// Verifies the code of the peer's mechListMIC. Called before any PDU is verified.
    ///
    /// # Errors
    ///
    /// If the code does not match; then the context is unusable.
    fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError>;

    /// Whether the established acceptor must see a mechListMIC although its mechanism was the client's
    /// first choice.
    fn requires_mic(&self) -> bool {
        false
    }

    /// Whether a token that comes without SPNEGO around it is one of this mechanism's. Windows sends
    /// bare NTLM tokens where NTLM is its first choice ([MS-SPNG] appendix A, note 8).
    fn recognises(&self, _token: &[u8]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_print_dotted() {
        assert_eq!(format!("{:?}", Oid::SPNEGO), "1.3.6.1.5.5.2");
        assert_eq!(format!("{:?}", Oid::NTLM), "1.3.6.1.4.1.311.2.2.10");
        assert_eq!(format!("{:?}", Oid::KERBEROS), "1.2.840.113554.1.2.2");
        assert_eq!(format!("{:?}", Oid::MS_KERBEROS), "1.2.840.48018.1.2.2");
    }
}

//! The three messages ([MS-NLMP] 2.2.1). Parsing keeps what it does not understand and never trusts
//! a length.

use std::fmt;

use super::{
    av_pairs::{AvPairs, FLAG_MIC},
    flags::NegotiateFlags,
    wire::{Builder, Fields, from_utf16, malformed, utf16},
};
use crate::auth::AuthError;

/// What every message begins with.
pub(super) const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// The version that our messages carry: Windows 6.1, NTLM revision 15. Nobody may act on it
/// ([MS-NLMP] 2.2.2.10).
pub(super) const VERSION: [u8; 8] = [6, 1, 0, 0, 0, 0, 0, 15];

/// Where an authenticate message with an integrity code has it, and where its payload begins.
pub(super) const MIC: std::ops::Range<usize> = 72..88;

/// Where the payload of an authenticate message begins at the earliest: old clients leave out the
/// version.
const AUTHENTICATE_FIXED: usize = 64;

/// Octets of the fixed part of an NTLMv2 response: the proof and the head of the client's challenge.
const NTLMV2_FIXED: usize = 16 + 28;

fn check(fields: Fields<'_>, message_type: u32) -> Result<(), AuthError> {
    if fields.array(0)? != SIGNATURE {
        return Err(malformed("no NTLMSSP signature"));
    }
    if fields.u32(8)? != message_type {
        return Err(malformed(&format!("expected message {message_type}")));
    }
    Ok(())
}

/// The client's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiate {
    /// What the client offers.
    pub flags: NegotiateFlags,
}

impl Negotiate {
    /// Parses a message. The names of domain and workstation that it may carry are of no use and not
    /// looked at.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub fn parse(octets: &[u8]) -> Result<Self, AuthError> {
        let fields = Fields::new(octets);
        check(fields, 1)?;
        Ok(Self { flags: NegotiateFlags::from_bits_retain(fields.u32(12)?) })
    }

    /// Builds the message.
    ///
    /// # Errors
    ///
    /// Never; the type is that of the other messages.
    pub fn build(&self) -> Result<Vec<u8>, AuthError> {
        let mut out = Builder::new(40);
        out.put(&SIGNATURE);
        out.put_u32(1);
        out.put_u32(self.flags.bits());
        out.put_payload(&[])?;
        out.put_payload(&[])?;
        out.put(&version(self.flags));
        Ok(out.finish())
    }
}

/// The server's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the server has chosen.
    pub flags: NegotiateFlags,
    /// The domain or server.
    pub target_name: String,
    /// The nonce.
    pub server_challenge: [u8; 8],
    /// What the server says about itself.
    pub target_info: AvPairs,
}

impl Challenge {
    /// Parses a message.
    ///
    /// # Errors
    ///
    /// If it is malformed, or not in Unicode.
    pub fn parse(octets: &[u8]) -> Result<Self, AuthError> {
        let fields = Fields::new(octets);
        check(fields, 2)?;
        let flags = NegotiateFlags::from_bits_retain(fields.u32(20)?);
        require_unicode(flags)?;
        let target_name = match flags.contains(NegotiateFlags::REQUEST_TARGET) {
            true => from_utf16(fields.payload(12, 48)?, "the target's name")?,
            false => String::new(),
        };
        let target_info = match flags.contains(NegotiateFlags::TARGET_INFO) {
            true => AvPairs::parse(fields.payload(40, 48)?)?.0,
            false => AvPairs::default(),
        };
        Ok(Self { flags, target_name, server_challenge: fields.array(24)?, target_info })
    }

    /// Builds the message.
    ///
    /// # Errors
    ///
    /// If a name is too long.
    pub fn build(&self) -> Result<Vec<u8>, AuthError> {
        let mut out = Builder::new(56);
        out.put(&SIGNATURE);
        out.put_u32(2);
        out.put_payload(&utf16(&self.target_name))?;
        out.put_u32(self.flags.bits());
        out.put(&self.server_challenge);
        out.put(&[0; 8]);
        match self.flags.contains(NegotiateFlags::TARGET_INFO) {
            true => out.put_payload(&self.target_info.build()?)?,
            false => out.put_payload(&[])?,
        }
        out.put(&version(self.flags));
        Ok(out.finish())
    }
}

/// The client's second message.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// What was negotiated.
    pub flags: NegotiateFlags,
    /// The LAN Manager response. We send zeros and never look at a peer's.
    pub lm_response: Vec<u8>,
    /// The NT response.
    pub nt_response: Vec<u8>,
    /// The account's domain, as the client says.
    pub domain: String,
    /// The account, as the client says.
    pub user: String,
    /// The client's machine, as it says.
    pub workstation: String,
    /// The session key, encrypted.
    pub encrypted_session_key: Vec<u8>,
    /// The integrity code of the three messages, where the NTLMv2 response says that there is one.
    pub mic: Option<[u8; 16]>,
}

impl Authenticate {
    /// Parses a message.
    ///
    /// # Errors
    ///
    /// If it is malformed, not in Unicode, or its NTLMv2 response is malformed.
    pub fn parse(octets: &[u8]) -> Result<Self, AuthError> {
        let fields = Fields::new(octets);
        check(fields, 3)?;
        let flags = NegotiateFlags::from_bits_retain(fields.u32(60)?);
        require_unicode(flags)?;
        let nt_response = fields.payload(20, AUTHENTICATE_FIXED)?;
        let has_mic = match NtlmV2Response::parse(nt_response)? {
            Some(response) => response.av_pairs.flags()? & FLAG_MIC != 0,
            None => false,
        };
        // Nothing may lie under the code: it is zero while the code is computed.
        let payload = if has_mic { MIC.end } else { AUTHENTICATE_FIXED };
        let text = |offset, what| from_utf16(fields.payload(offset, payload)?, what);
        Ok(Self {
            flags,
            lm_response: fields.payload(12, payload)?.to_owned(),
            nt_response: fields.payload(20, payload)?.to_owned(),
            domain: text(28, "the domain")?,
            user: text(36, "the user's name")?,
            workstation: text(44, "the workstation")?,
            encrypted_session_key: fields.payload(52, payload)?.to_owned(),
            mic: if has_mic { Some(fields.array(MIC.start)?) } else { None },
        })
    }

    /// Builds the message, with room for the integrity code if there is one.
    ///
    /// # Errors
    ///
    /// If a field is too long.
    pub fn build(&self) -> Result<Vec<u8>, AuthError> {
        let mut out = Builder::new(if self.mic.is_some() { MIC.end } else { MIC.start });
        out.put(&SIGNATURE);
        out.put_u32(3);
        out.put_payload(&self.lm_response)?;
        out.put_payload(&self.nt_response)?;
        out.put_payload(&utf16(&self.domain))?;
        out.put_payload(&utf16(&self.user))?;
        out.put_payload(&utf16(&self.workstation))?;
        out.put_payload(&self.encrypted_session_key)?;
        out.put_u32(self.flags.bits());
        out.put(&version(self.flags));
        if let Some(mic) = self.mic {
            out.put(&mic);
        }
        Ok(out.finish())
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("flags", &self.flags)
            .field("domain", &self.domain)
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .finish_non_exhaustive()
    }
}

/// `NTLMv2_RESPONSE` ([MS-NLMP] 2.2.2.8).
pub(super) struct NtlmV2Response<'a> {
    /// The proof that the client knows the password.
    pub(super) proof: [u8; 16],
    /// What the proof is over, after the server's challenge.
    pub(super) challenge: &'a [u8],
    /// When, in 100 ns since 1601.
    pub(super) time: u64,
    /// What the client says.
    pub(super) av_pairs: AvPairs,
}

impl<'a> NtlmV2Response<'a> {
    /// Parses a response; `None` if it is too short to be one, as NTLMv1's 24 octets are.
    pub(super) fn parse(octets: &'a [u8]) -> Result<Option<Self>, AuthError> {
        if octets.len() < NTLMV2_FIXED {
            return Ok(None);
        }
        let fields = Fields::new(octets);
        if fields.array(16)? != [1, 1] {
            return Err(malformed("an unknown kind of response"));
        }
        let Some((_, challenge)) = octets.split_at_checked(16) else { return Ok(None) };
        let (av_pairs, _) = AvPairs::parse(octets.get(NTLMV2_FIXED..).unwrap_or_default())?;
        let time = u64::from_le_bytes(fields.array(24)?);
        Ok(Some(Self { proof: fields.array(0)?, challenge, time, av_pairs }))
    }
}

/// The part of an NTLMv2 response that the proof is over.
pub(super) fn client_challenge(time: u64, nonce: [u8; 8], av_pairs: &AvPairs) -> Result<Vec<u8>, AuthError> {
    let mut out = vec![1, 1, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&av_pairs.build()?);
    out.extend_from_slice(&[0; 4]);
    Ok(out)
}

fn version(flags: NegotiateFlags) -> [u8; 8] {
    if flags.contains(NegotiateFlags::VERSION) { VERSION } else { [0; 8] }
}

fn require_unicode(flags: NegotiateFlags) -> Result<(), AuthError> {
    match flags.contains(NegotiateFlags::UNICODE) {
        true => Ok(()),
        false => Err(AuthError::Negotiation("NTLM without Unicode".to_owned())),
    }
}

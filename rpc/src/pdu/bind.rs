//! bind, alter_context and their answers (C706 12.6.4.1 to 12.6.4.4, [MS-RPCE] 2.2.2.4).

use msrpc_ndr::{ByteOrder, Interface, Syntax};
use uuid::Uuid;

use super::{BindFeatures, HEADER_LEN, PduError, Reader, Writer};

/// An interface or transfer syntax with its version (`p_syntax_id_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyntaxId {
    /// The UUID.
    pub uuid: Uuid,
    /// Major and minor version.
    pub version: (u16, u16),
}

impl SyntaxId {
    /// All zeros: what a refused context has as its transfer syntax.
    pub const NIL: Self = Self { uuid: Uuid::nil(), version: (0, 0) };

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, PduError> {
        let uuid = r.uuid()?;
        let [a, b, c, d] = r.u32()?.to_le_bytes();
        Ok(Self { uuid, version: (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])) })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.uuid(self.uuid);
        w.u32(u32::from(self.version.1) << 16 | u32::from(self.version.0));
    }

    /// The transfer syntax, if it is one that this crate knows.
    pub fn syntax(&self) -> Option<Syntax> {
        [Syntax::Ndr, Syntax::Ndr64].into_iter().find(|&known| *self == known.into())
    }
}

impl From<Syntax> for SyntaxId {
    fn from(syntax: Syntax) -> Self {
        Self { uuid: syntax.uuid(), version: syntax.version() }
    }
}

impl From<&Interface> for SyntaxId {
    fn from(interface: &Interface) -> Self {
        Self { uuid: interface.uuid, version: interface.version }
    }
}

/// A presentation context that a client proposes (`p_cont_elem_t`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextElement {
    /// What requests will name it by.
    pub id: u16,
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntaxes to choose from.
    pub syntaxes: Vec<SyntaxId>,
}

impl ContextElement {
    /// The features proposed, if this is no presentation context but feature negotiation.
    pub fn features(&self) -> Option<BindFeatures> {
        match self.syntaxes.as_slice() {
            [syntax] => BindFeatures::from_syntax(syntax),
            _ => None,
        }
    }
}

/// A bind or alter_context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Largest fragment that the client will send.
    pub max_xmit_frag: u16,
    /// Largest fragment that the client can receive.
    pub max_recv_frag: u16,
    /// Association group to join; 0 for a new one.
    pub assoc_group: u32,
    /// The presentation contexts proposed.
    pub contexts: Vec<ContextElement>,
}

impl Bind {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(body: &[u8], order: ByteOrder) -> Result<Self, PduError> {
        let mut r = Reader::new(body, order);
        let (max_xmit_frag, max_recv_frag, assoc_group) = (r.u16()?, r.u16()?, r.u32()?);
        let [count, _, _, _] = r.array()?;
        let contexts = (0..count)
            .map(|_| {
                let id = r.u16()?;
                let [transfers, _] = r.array()?;
                let interface = SyntaxId::read(&mut r)?;
                let syntaxes = (0..transfers).map(|_| SyntaxId::read(&mut r)).collect::<Result<_, _>>()?;
                Ok(ContextElement { id, interface, syntaxes })
            })
            .collect::<Result<_, PduError>>()?;
        Ok(Self { max_xmit_frag, max_recv_frag, assoc_group, contexts })
    }

    /// Writes the body.
    ///
    /// # Errors
    ///
    /// Fails if there are more than 255 contexts, or syntaxes in one.
    pub fn write(&self, w: &mut Writer<'_>) -> Result<(), PduError> {
        w.u16(self.max_xmit_frag);
        w.u16(self.max_recv_frag);
        w.u32(self.assoc_group);
        w.bytes(&[count(self.contexts.len())?, 0, 0, 0]);
        for context in &self.contexts {
            w.u16(context.id);
            w.bytes(&[count(context.syntaxes.len())?, 0]);
            context.interface.write(w);
            context.syntaxes.iter().for_each(|syntax| syntax.write(w));
        }
        Ok(())
    }
}

fn count(len: usize) -> Result<u8, PduError> {
    u8::try_from(len).map_err(|_| PduError::TooMany { len })
}

/// What became of a proposed presentation context (`p_cont_def_result_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, with the transfer syntax named.
    Acceptance,
    /// Refused by the user of the service.
    UserRejection(RejectReason),
    /// Refused by the runtime.
    ProviderRejection(RejectReason),
    /// An answer to feature negotiation ([MS-RPCE] 2.2.2.4).
    NegotiateAck(BindFeatures),
    /// Another result, and its reason.
    Other(u16, u16),
}

/// Why a presentation context is refused (`p_provider_reason_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectReason(pub u16);

impl RejectReason {
    /// No reason given.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The server does not have the interface.
    pub const ABSTRACT_SYNTAX: Self = Self(1);
    /// None of the transfer syntaxes is supported, or another one was preferred.
    pub const TRANSFER_SYNTAXES: Self = Self(2);
    /// The server has too many contexts.
    pub const LOCAL_LIMIT: Self = Self(3);
}

/// The answer to one proposed context (`p_result_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextResult {
    /// What became of it.
    pub outcome: Outcome,
    /// The transfer syntax chosen; zero if there is none.
    pub syntax: SyntaxId,
}

impl ContextResult {
    /// An acceptance.
    pub fn accept(syntax: Syntax) -> Self {
        Self { outcome: Outcome::Acceptance, syntax: syntax.into() }
    }

    /// A refusal.
    pub fn reject(reason: RejectReason) -> Self {
        Self { outcome: Outcome::ProviderRejection(reason), syntax: SyntaxId::NIL }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, PduError> {
        let (result, reason) = (r.u16()?, r.u16()?);
        let outcome = match result {
            0 => Outcome::Acceptance,
            1 => Outcome::UserRejection(RejectReason(reason)),
            2 => Outcome::ProviderRejection(RejectReason(reason)),
            3 => Outcome::NegotiateAck(BindFeatures::from_bits_retain(reason)),
            other => Outcome::Other(other, reason),
        };
        Ok(Self { outcome, syntax: SyntaxId::read(r)? })
    }

    fn write(&self, w: &mut Writer<'_>) {
        let (result, reason) = match self.outcome {
            Outcome::Acceptance => (0, 0),
            Outcome::UserRejection(reason) => (1, reason.0),
            Outcome::ProviderRejection(reason) => (2, reason.0),
            Outcome::NegotiateAck(features) => (3, features.bits()),
            Outcome::Other(result, reason) => (result, reason),
        };
        w.u16(result);
        w.u16(reason);
        self.syntax.write(w);
    }
}

/// A bind_ack or alter_context_resp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAck {
    /// Largest fragment that the server will send.
    pub max_xmit_frag: u16,
    /// Largest fragment that the server can receive.
    pub max_recv_frag: u16,
    /// The association group.
    pub assoc_group: u32,
    /// The secondary address (a port, say), without its terminator.
    pub secondary_address: Vec<u8>,
    /// One result per proposed context.
    pub results: Vec<ContextResult>,
}

impl BindAck {
    /// Octets of the fields before the secondary address.
    const FIXED: usize = 10;

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(body: &[u8], order: ByteOrder) -> Result<Self, PduError> {
        let mut r = Reader::new(body, order);
        let (max_xmit_frag, max_recv_frag, assoc_group) = (r.u16()?, r.u16()?, r.u32()?);
        let len = usize::from(r.u16()?);
        let address = r.take(len)?;
        let end = HEADER_LEN + Self::FIXED + len;
        r.take(end.next_multiple_of(4) - end)?;
        let [count, _, _, _] = r.array()?;
        let results = (0..count).map(|_| ContextResult::read(&mut r)).collect::<Result<_, _>>()?;
        let address = address.strip_suffix(&[0]).unwrap_or(address).to_vec();
        Ok(Self { max_xmit_frag, max_recv_frag, assoc_group, secondary_address: address, results })
    }

    /// Writes the body.
    ///
    /// # Errors
    ///
    /// Fails if there are more than 255 results, or the address is too long.
    pub fn write(&self, w: &mut Writer<'_>) -> Result<(), PduError> {
        let start = w.position();
        w.u16(self.max_xmit_frag);
        w.u16(self.max_recv_frag);
        w.u32(self.assoc_group);
        let len = if self.secondary_address.is_empty() { 0 } else { self.secondary_address.len() + 1 };
        w.u16(u16::try_from(len).map_err(|_| PduError::TooLong { len })?);
        if len > 0 {
            w.bytes(&self.secondary_address);
            w.u8(0);
        }
        w.align(start, 4);
        w.bytes(&[count(self.results.len())?, 0, 0, 0]);
        self.results.iter().for_each(|result| result.write(w));
        Ok(())
    }
}

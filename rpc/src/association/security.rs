//! Security contexts of a connection: the steps that establish them, and PDUs protected by them
//! ([MS-RPCE] 3.3.1.5.2).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use msrpc_ndr::{AuthLevel, ByteOrder};

use crate::{
    auth::{AuthError, PduParts, SecurityContext, Step},
    pdu::{SEC_TRAILER_LEN, SecTrailer, Writer, set_lengths},
};

/// What a server makes security contexts of one provider with.
pub trait Acceptor: Send + Sync {
    /// The provider's number ([MS-RPCE] 2.2.1.1.7).
    fn auth_type(&self) -> u8;

    /// A new context, for a client that asks for `level`.
    fn accept(&self, level: AuthLevel) -> Box<dyn SecurityContext>;
}

/// An [`Acceptor`] made of a number and a function.
pub struct AcceptorFn<F> {
    auth_type: u8,
    accept: F,
}

impl<F: Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync> AcceptorFn<F> {
    /// An acceptor for the provider `auth_type`.
    pub fn new(auth_type: u8, accept: F) -> Self {
        Self { auth_type, accept }
    }
}

impl<F: Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync> Acceptor for AcceptorFn<F> {
    fn auth_type(&self) -> u8 {
        self.auth_type
    }

    fn accept(&self, level: AuthLevel) -> Box<dyn SecurityContext> {
        (self.accept)(level)
    }
}

impl<F> fmt::Debug for AcceptorFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptorFn({})", self.auth_type)
    }
}

/// A step of a security context, to be run where it may wait. Nothing else happens on the
/// connection until its result is back.
pub struct StepJob {
    context: Box<dyn SecurityContext>,
    token: Bytes,
}

/// The result of a [`StepJob`].
pub struct StepDone {
    pub(crate) context: Box<dyn SecurityContext>,
    pub(crate) result: Result<Step, AuthError>,
}

impl StepJob {
    pub(crate) fn new(context: Box<dyn SecurityContext>, token: Bytes) -> Self {
        Self { context, token }
    }

    /// Whether it may take long.
    pub fn may_block(&self) -> bool {
        self.context.may_block()
    }

    /// Runs the step.
    pub fn run(mut self) -> StepDone {
        let result = self.context.step(&self.token);
        StepDone { context: self.context, result }
    }
}

impl fmt::Debug for StepJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepJob({})", self.context.auth_type())
    }
}

impl fmt::Debug for StepDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepDone({})", self.context.auth_type())
    }
}

/// A security context that protects PDUs.
pub(crate) struct Security {
    pub(crate) context: Box<dyn SecurityContext>,
    pub(crate) auth_type: u8,
    pub(crate) level: AuthLevel,
    pub(crate) context_id: u32,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { auth_type, level, context_id, .. } = self;
        write!(f, "Security({auth_type}, {level:?}, {context_id})")
    }
}

impl Security {
    /// Whether PDUs carry a token: at connect they need none.
    pub(crate) fn protects(&self) -> bool {
        self.level >= AuthLevel::Packet
    }

    /// The trailer of PDUs under this context.
    pub(crate) fn trailer(&self) -> SecTrailer {
        SecTrailer {
            auth_type: self.auth_type,
            auth_level: self.level.into(),
            pad_length: 0,
            context_id: self.context_id,
        }
    }

    /// Whether a trailer belongs to this context.
    pub(crate) fn matches(&self, trailer: &SecTrailer) -> bool {
        trailer.auth_type == self.auth_type
            && trailer.context_id == self.context_id
            && trailer.auth_level.level() == Ok(self.level)
    }

    pub(crate) fn token_len(&self, stub_len: usize) -> usize {
        if self.protects() { self.context.token_len(self.level, stub_len) } else { 0 }
    }

    /// Completes a PDU that ends with its stub: padding, trailer, token, lengths; and protects it.
    /// Gives the length of the token.
    pub(crate) fn protect(
        &mut self,
        out: &mut BytesMut,
        start: usize,
        stub: usize,
        order: ByteOrder,
    ) -> Result<usize, AuthError> {
        if !self.protects() {
            return Ok(0);
        }
        let mut w = Writer::new(out, order);
        let pad = w.align(stub, 16);
        let stub_len = w.len_from(stub);
        SecTrailer { pad_length: u8::try_from(pad).unwrap_or(0), ..self.trailer() }.write(&mut w);
        let token_len = self.context.token_len(self.level, stub_len);
        out.put_bytes(0, token_len);
        let too_long = |_| AuthError::Negotiation("a PDU does not hold the token".to_owned());
        let frag_length = u16::try_from(out.len() - start).map_err(too_long)?;
        let auth_length = u16::try_from(token_len).map_err(too_long)?;
        set_lengths(out, start, order, frag_length, auth_length);
        let pdu = out.get_mut(start..).unwrap_or_default();
        let (parts, token) = split(pdu, stub - start, token_len).ok_or(AuthError::NotEstablished)?;
        self.context.protect(self.level, parts, token)?;
        Ok(token_len)
    }

    /// Verifies a PDU, and unseals its stub in place.
    pub(crate) fn unprotect(&mut self, pdu: &mut [u8], stub: usize, token_len: usize) -> Result<(), AuthError> {
        if !self.protects() {
            return Ok(());
        }
        let (parts, token) = split(pdu, stub, token_len).ok_or(AuthError::BadSignature)?;
        self.context.unprotect(self.level, parts, token)
    }
}

/// The parts of a PDU whose stub starts at `stub`, and its token.
fn split(pdu: &mut [u8], stub: usize, token_len: usize) -> Option<(PduParts<'_>, &mut [u8])> {
    let trailer = pdu.len().checked_sub(token_len + SEC_TRAILER_LEN)?;
    let (header, rest) = pdu.split_at_mut_checked(stub)?;
    let (stub, rest) = rest.split_at_mut_checked(trailer.checked_sub(stub)?)?;
    let (trailer, token) = rest.split_at_mut_checked(SEC_TRAILER_LEN)?;
    Some((PduParts { header, stub, trailer }, token))
}

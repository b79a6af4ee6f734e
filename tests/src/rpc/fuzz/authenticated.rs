//! A server's association behind a login. The case is a program: PDUs of any kind and content, signed
//! or sealed as they should be, PDUs that were changed afterwards, and octets without protection.

use bytes::BytesMut;
use msrpc::{
    auth::{
        PduParts, SecurityContext,
        ntlm::{NtlmClient, NtlmCredentials},
        spnego::SpnegoClient,
    },
    pdu::{
        Bind, ContextElement, Head, Header, PduType, PfcFlags, RequestHead, SEC_TRAILER_LEN, SecTrailer,
        split_verifier, write_pdu,
    },
};
use msrpc_ndr::{AuthLevel, ByteOrder, Syntax};

use super::{Input, ensure, server::Harness};
use crate::rpc::{
    interfaces::trial::trial,
    node::{PASSWORD, USER},
};

pub(super) const LEVELS: [AuthLevel; 4] =
    [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

pub(super) fn check(octets: &[u8]) -> Result<usize, String> {
    let mut input = Input { octets };
    let how = input.u8();
    let level = LEVELS[usize::from(how & 3)];
    let order = if how & 8 == 0 { ByteOrder::Little } else { ByteOrder::Big };
    let mut client = Client::login(level, how & 4 != 0, order, how & 16 != 0)?;
    client.harness.pieces = usize::from(input.u8() & 0x3f);
    // Once a protected PDU was changed nothing may run any more.
    let mut changed = None;
    while !input.is_empty() {
        let step = input.u8();
        match step & 7 {
            0..=3 => {
                let pdu = client.request(&mut input, PduType::Request);
                client.harness.feed(&pdu)?;
            }
            4 => {
                let ptype = PduType::from_code(input.u8());
                let pdu = client.request(&mut input, ptype);
                client.harness.feed(&pdu)?;
            }
            5 => {
                let mut pdu = client.request(&mut input, PduType::Request);
                let (at, mask) = (usize::from(u16::from_le_bytes([input.u8(), input.u8()])), input.u8());
                let at = at % pdu.len();
                pdu[at] ^= mask;
                if mask != 0 && level >= AuthLevel::Packet {
                    changed.get_or_insert(client.harness.calls);
                }
                client.harness.feed(&pdu)?;
            }
            6 => {
                let len = usize::from(input.u8());
                client.harness.feed(input.take(len))?;
            }
            _ => client.harness.work(step >> 3),
        }
        if let Some(before) = changed {
            let calls = client.harness.calls;
            ensure(calls == before, || "a call is run behind a PDU that was changed".to_owned())?;
        }
        let (calls, asked) = (client.harness.calls, client.asked);
        let protected = level >= AuthLevel::Packet;
        ensure(!protected || calls <= asked, || format!("{calls} calls are run, {asked} were signed"))?;
    }
    client.harness.end()
}

struct Client {
    harness: Harness,
    context: Box<dyn SecurityContext>,
    level: AuthLevel,
    order: ByteOrder,
    /// Requests that were protected as they should be.
    asked: usize,
}

impl Client {
    /// Binds, and authenticates. That always succeeds.
    fn login(level: AuthLevel, spnego: bool, order: ByteOrder, signs_headers: bool) -> Result<Self, String> {
        let ntlm = NtlmClient::new(NtlmCredentials::new("", USER, PASSWORD), level);
        let context: Box<dyn SecurityContext> =
            if spnego { Box::new(SpnegoClient::new(vec![Box::new(ntlm)])) } else { Box::new(ntlm) };
        let mut client = Self { harness: Harness::new(), context, level, order, asked: 0 };
        let mut token = Vec::new();
        let mut ptype = PduType::Bind;
        loop {
            let step = client.context.step(&token).map_err(|error| format!("the login fails: {error}"))?;
            let Some(answer) = step.token else { break };
            if step.done {
                ptype = PduType::Auth3;
            }
            let mut flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
            flags.set(PfcFlags::SUPPORT_HEADER_SIGN, signs_headers);
            let head = Head { ptype, flags, order, call_id: 1 };
            let bind = Bind { max_xmit_frag: 5840, max_recv_frag: 5840, assoc_group: 0, contexts: contexts(order) };
            let mut pdu = BytesMut::new();
            write_pdu(&mut pdu, head, Some((client.trailer(), &answer)), |w| match ptype {
                PduType::Auth3 => {
                    w.u32(0);
                    Ok(())
                }
                _ => bind.write(w),
            })
            .map_err(|error| error.to_string())?;
            client.harness.feed_quietly(&pdu);
            if step.done {
                break;
            }
            token = token_of(&client.harness.take())?;
            ptype = PduType::AlterContext;
        }
        ensure(client.harness.association.close_reason().is_none(), || "the login is refused".to_owned())?;
        client.context.set_header_signing(signs_headers);
        Ok(client)
    }

    fn trailer(&self) -> SecTrailer {
        SecTrailer { auth_type: self.context.auth_type(), auth_level: self.level.into(), pad_length: 0, context_id: 0 }
    }

    /// A PDU as the case says, protected.
    fn request(&mut self, input: &mut Input<'_>, ptype: PduType) -> BytesMut {
        let fields = Fields::read(input);
        self.asked += usize::from(ptype == PduType::Request);
        if self.level < AuthLevel::Packet {
            return fields.plain(self.order, ptype);
        }
        let trailer = self.trailer();
        protect(&mut *self.context, self.level, trailer, self.order, ptype, &fields)
    }
}

/// What a case says of a request.
pub(super) struct Fields<'a> {
    flags: PfcFlags,
    call_id: u8,
    context_id: u8,
    opnum: u8,
    stub: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn read(input: &mut Input<'a>) -> Self {
        let flags = PfcFlags::from_bits_retain(input.u8());
        let (call_id, context_id, opnum) = (input.u8(), input.u8(), input.u8());
        let len = usize::from(u16::from_le_bytes([input.u8(), input.u8()]));
        Self { flags, call_id, context_id, opnum, stub: input.take(len.min(4096)) }
    }

    /// The PDU without protection.
    pub(super) fn plain(&self, order: ByteOrder, ptype: PduType) -> BytesMut {
        self.with_verifier(order, ptype, 0, None)
    }

    /// The PDU with `pad` octets behind the stub, and a verifier. None of them is too long.
    fn with_verifier(
        &self,
        order: ByteOrder,
        ptype: PduType,
        pad: usize,
        verifier: Option<(SecTrailer, &[u8])>,
    ) -> BytesMut {
        let head = Head { ptype, flags: self.flags, order, call_id: self.call_id.into() };
        let mut pdu = BytesMut::new();
        let written = write_pdu(&mut pdu, head, verifier, |w| {
            w.u32(0);
            w.u16(self.context_id.into());
            w.u16(self.opnum.into());
            if self.flags.contains(PfcFlags::OBJECT_UUID) {
                w.bytes(&[7; 16]);
            }
            w.bytes(self.stub);
            w.bytes(&vec![0; pad]);
            Ok(())
        });
        debug_assert!(written.is_ok());
        pdu
    }
}

/// The PDU of a request, signed or sealed.
pub(super) fn protect(
    context: &mut dyn SecurityContext,
    level: AuthLevel,
    trailer: SecTrailer,
    order: ByteOrder,
    ptype: PduType,
    fields: &Fields<'_>,
) -> BytesMut {
    let pad = fields.stub.len().next_multiple_of(16) - fields.stub.len();
    let token = vec![0; context.token_len(level, fields.stub.len())];
    let mut pdu = fields.with_verifier(order, ptype, pad, Some((trailer, token.as_slice())));
    let trailer_at = pdu.len() - token.len() - SEC_TRAILER_LEN;
    pdu[trailer_at + 2] = u8::try_from(pad).unwrap_or(0);
    let (front, back) = pdu.split_at_mut(trailer_at);
    let (header, stub) = front.split_at_mut(RequestHead::len(fields.flags.contains(PfcFlags::OBJECT_UUID)));
    let (trailer, token) = back.split_at_mut(SEC_TRAILER_LEN);
    // The context is established; protecting does not fail.
    let _ = context.protect(level, PduParts { header, stub, trailer }, token);
    pdu
}

pub(super) fn contexts(order: ByteOrder) -> Vec<ContextElement> {
    let syntaxes: &[Syntax] = match order {
        ByteOrder::Little => &[Syntax::Ndr, Syntax::Ndr64],
        ByteOrder::Big => &[Syntax::Ndr],
    };
    let element = |(id, &syntax): (u16, &Syntax)| ContextElement {
        id,
        interface: (&trial::INTERFACE).into(),
        syntaxes: vec![syntax.into()],
    };
    (0..).zip(syntaxes).map(element).collect()
}

/// The security token of an answer.
fn token_of(pdu: &[u8]) -> Result<Vec<u8>, String> {
    let header = Header::parse(pdu).map_err(|error| error.to_string())?;
    let (_, verifier) = split_verifier(&header, pdu).map_err(|error| error.to_string())?;
    let verifier = verifier.ok_or_else(|| format!("a {:?} without token", header.ptype))?;
    Ok(verifier.token.to_vec())
}

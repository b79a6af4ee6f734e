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

const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

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
        let flags = PfcFlags::from_bits_retain(input.u8());
        let (call_id, context_id, opnum) = (input.u8(), input.u8(), input.u8());
        let stub_len = usize::from(u16::from_le_bytes([input.u8(), input.u8()]));
        let stub = input.take(stub_len.min(4096));
        let head = Head { ptype, flags, order: self.order, call_id: call_id.into() };
        self.asked += usize::from(ptype == PduType::Request);
        let mut pdu = BytesMut::new();
        let protects = self.level >= AuthLevel::Packet;
        let mut pad = 0;
        let trailer = protects.then(|| self.trailer());
        let head_len = RequestHead::len(flags.contains(PfcFlags::OBJECT_UUID));
        let token = vec![0; if protects { self.context.token_len(self.level, stub.len()) } else { 0 }];
        let written = write_pdu(&mut pdu, head, trailer.map(|trailer| (trailer, token.as_slice())), |w| {
            w.u32(0);
            w.u16(context_id.into());
            w.u16(opnum.into());
            if flags.contains(PfcFlags::OBJECT_UUID) {
                w.bytes(&[7; 16]);
            }
            w.bytes(stub);
            if protects {
                pad = stub.len().next_multiple_of(16) - stub.len();
                w.bytes(&vec![0; pad]);
            }
            Ok(())
        });
        if written.is_err() || !protects {
            return pdu;
        }
        let trailer_at = pdu.len() - token.len() - SEC_TRAILER_LEN;
        pdu[trailer_at + 2] = u8::try_from(pad).unwrap_or(0);
        let (front, back) = pdu.split_at_mut(trailer_at);
        let (header, stub) = front.split_at_mut(head_len);
        let (trailer, token) = back.split_at_mut(SEC_TRAILER_LEN);
        // The context is established; protecting does not fail.
        let _ = self.context.protect(self.level, PduParts { header, stub, trailer }, token);
        pdu
    }
}

fn contexts(order: ByteOrder) -> Vec<ContextElement> {
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

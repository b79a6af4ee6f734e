//! A server's association with several security contexts. The case is a program: legs of logins by
//! NTLM, SPNEGO and Kerberos in any order, repeated, changed, swapped between contexts, in bind,
//! alter_context and auth3, whole and in fragments; and between them requests and cancels under any
//! context, as it should be or changed behind its protection.

use bytes::BytesMut;
use msrpc::{
    auth::{
        SecurityContext,
        ntlm::{NtlmClient, NtlmCredentials},
        spnego::SpnegoClient,
    },
    pdu::{
        Bind, BindFeatures, ContextElement, Head, Header, LevelCode, PduType, PfcFlags, SecTrailer, split,
        split_verifier, write_pdu,
    },
};
use msrpc_ndr::{AuthLevel, ByteOrder};

use super::{
    Input,
    authenticated::{Fields, LEVELS, contexts, protect},
    ensure, kerberos,
    server::Harness,
};
use crate::rpc::node::{PASSWORD, USER};

/// NTLM by itself.
const NTLM: u8 = 10;

/// Security contexts of a case.
const CONTEXTS: usize = 4;

pub(super) fn check(octets: &[u8]) -> Result<usize, String> {
    let mut input = Input { octets };
    let how = input.u8();
    let order = if how & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big };
    let mut logins = Logins {
        harness: Harness::with(kerberos::acceptors()),
        order,
        multiplexes: how & 2 == 0,
        signs_headers: how & 4 == 0,
        bound: false,
        connects: false,
        contexts: Default::default(),
        allowed: 0,
        anything: false,
    };
    logins.harness.pieces = usize::from(input.u8() & 0x3f);
    while !input.is_empty() {
        let step = input.u8();
        logins.step(step, &mut input)?;
        let (calls, allowed) = (logins.harness.authenticated, logins.allowed);
        let holds = logins.anything || calls <= allowed;
        ensure(holds, || format!("{calls} calls of somebody who logged in are run, {allowed} were made"))?;
    }
    logins.harness.end()
}

struct Logins {
    harness: Harness,
    order: ByteOrder,
    multiplexes: bool,
    signs_headers: bool,
    /// A bind has been sent.
    bound: bool,
    /// Some context was begun at connect; the server may have it still.
    connects: bool,
    contexts: [Option<Login>; CONTEXTS],
    /// Requests that may count as somebody's.
    allowed: usize,
    /// Requests need no protection, since a context at connect has none, and somebody sent whatever.
    anything: bool,
}

/// A client's side of a security context.
struct Login {
    context: Box<dyn SecurityContext>,
    level: AuthLevel,
    /// What is to be sent next.
    token: Vec<u8>,
    /// What was sent before.
    sent: Vec<u8>,
    done: bool,
    /// A token was changed on its way, so that the login may not succeed.
    spoiled: bool,
}

impl Logins {
    fn step(&mut self, step: u8, input: &mut Input<'_>) -> Result<(), String> {
        let (what, number) = (step & 15, usize::from(step >> 4) % CONTEXTS);
        match what {
            0 | 1 => self.begin(number, input.u8()),
            2..=4 => self.leg(number, input.u8(), None),
            5 => {
                // A leg with a changed token.
                let (how, at, mask) = (input.u8(), input.u8(), input.u8());
                self.leg(number, how, Some((at, mask)))
            }
            6 => {
                // Any provider, any token: Kerberos comes this way.
                let (auth_type, level, len) = (input.u8(), input.u8(), usize::from(input.u8()));
                let trailer =
                    SecTrailer { auth_type, auth_level: LevelCode(level), pad_length: 0, context_id: number as u32 };
                let token = input.take(len);
                self.negotiate(trailer, token, 0)
            }
            7..=11 => {
                let ptype = match what {
                    10 => PduType::CoCancel,
                    11 => PduType::Orphaned,
                    _ => PduType::Request,
                };
                self.call(ptype, number, number, None, input)
            }
            12 => {
                // Under the name of another context.
                let other = usize::from(input.u8()) % CONTEXTS;
                self.call(PduType::Request, number, other, None, input)
            }
            13 => {
                let change = (input.u8(), input.u8());
                self.call(PduType::Request, number, number, Some(change), input)
            }
            14 => {
                let len = usize::from(input.u8());
                self.anything |= self.connects;
                self.harness.feed(input.take(len))
            }
            _ => {
                self.harness.work(step >> 4);
                Ok(())
            }
        }
    }

    /// A client that has not sent anything yet.
    fn begin(&mut self, number: usize, how: u8) -> Result<(), String> {
        let level = LEVELS[usize::from(how & 3)];
        self.connects |= level == AuthLevel::Connect;
        let password = if how & 8 == 0 { PASSWORD } else { "wrong" };
        let ntlm = NtlmClient::new(NtlmCredentials::new("", USER, password), level);
        let mut context: Box<dyn SecurityContext> =
            if how & 4 == 0 { Box::new(ntlm) } else { Box::new(SpnegoClient::new(vec![Box::new(ntlm)])) };
        let first = context.step(&[]).map_err(|error| format!("no first token: {error}"))?;
        let token = first.token.unwrap_or_default();
        self.contexts[number] = Some(Login { context, level, token, sent: Vec::new(), done: false, spoiled: false });
        Ok(())
    }

    /// Sends a context's token, the one before, or a changed one, and takes the answer.
    fn leg(&mut self, number: usize, how: u8, change: Option<(u8, u8)>) -> Result<(), String> {
        let Some(login) = &mut self.contexts[number] else { return Ok(()) };
        let again = how & 8 != 0;
        let mut token = if again { login.sent.clone() } else { login.token.clone() };
        if let Some((at, mask)) = change.filter(|_| !token.is_empty()) {
            let at = usize::from(at) % token.len();
            token[at] ^= mask;
            // Every octet of NTLM's messages is under its code. What SPNEGO puts around them is not.
            login.spoiled |= mask != 0 && login.context.auth_type() == NTLM;
        }
        let trailer = login.trailer(number);
        if !again {
            login.sent = std::mem::take(&mut login.token);
        }
        self.negotiate(trailer, &token, how)
    }

    /// A PDU of the bind phase with a token.
    fn negotiate(&mut self, trailer: SecTrailer, token: &[u8], how: u8) -> Result<(), String> {
        let ptype = match how & 7 {
            0..=3 if self.bound => PduType::AlterContext,
            0..=3 => PduType::Bind,
            4 | 5 => PduType::Auth3,
            6 => PduType::Bind,
            _ => PduType::AlterContext,
        };
        self.bound = true;
        let mut flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
        flags.set(PfcFlags::SUPPORT_HEADER_SIGN, self.signs_headers);
        let head = Head { ptype, flags, order: self.order, call_id: 1 };
        let mut elements = contexts(self.order);
        if let Some(last) = elements.last().filter(|_| self.multiplexes && ptype == PduType::Bind) {
            let features = BindFeatures::SECURITY_CONTEXT_MULTIPLEXING | BindFeatures::KEEP_CONNECTION_ON_ORPHAN;
            let element = ContextElement { id: 9, interface: last.interface, syntaxes: vec![features.to_syntax()] };
            elements.push(element);
        }
        let bind = Bind { max_xmit_frag: 5840, max_recv_frag: 5840, assoc_group: 0, contexts: elements };
        let mut pdu = BytesMut::new();
        let written = write_pdu(&mut pdu, head, Some((trailer, token)), |w| match ptype {
            PduType::Auth3 => {
                w.u32(0);
                Ok(())
            }
            _ => bind.write(w),
        });
        if written.is_err() {
            return Ok(());
        }
        if how & 16 != 0 {
            for fragment in split(&pdu, 700).unwrap_or_default() {
                self.harness.feed_quietly(&fragment);
            }
        } else {
            self.harness.feed_quietly(&pdu);
        }
        let answers = self.harness.take();
        self.answered(&answers);
        Ok(())
    }

    /// Gives tokens of answers to the contexts that they are for.
    fn answered(&mut self, mut answers: &[u8]) {
        while let Ok(header) = Header::parse(answers) {
            let Some((pdu, rest)) = answers.split_at_checked(usize::from(header.frag_length)) else { return };
            answers = rest;
            let Ok((_, Some(verifier))) = split_verifier(&header, pdu) else { continue };
            let Some(Some(login)) = self.contexts.get_mut(verifier.trailer.context_id as usize) else { continue };
            if login.done {
                continue;
            }
            // A token that is none ends the login on this side too.
            let Ok(step) = login.context.step(verifier.token) else { continue };
            login.done = step.done;
            login.token = step.token.unwrap_or_default();
            if step.done {
                login.context.set_header_signing(self.signs_headers);
            }
        }
    }

    /// A request or cancel, protected by one context in the name of another.
    fn call(
        &mut self,
        ptype: PduType,
        number: usize,
        named: usize,
        change: Option<(u8, u8)>,
        input: &mut Input<'_>,
    ) -> Result<(), String> {
        let fields = Fields::read(input);
        // Without protection a request is that of a context at connect, if there is one.
        let mut may_run = self.connects;
        let mut pdu = match &mut self.contexts[number] {
            Some(login) if login.done && login.level >= AuthLevel::Packet => {
                may_run |= named == number && change.is_none_or(|(_, mask)| mask == 0) && !login.spoiled;
                let trailer = SecTrailer { context_id: named as u32, ..login.trailer(number) };
                protect(&mut *login.context, login.level, trailer, self.order, ptype, &fields)
            }
            _ => fields.plain(self.order, ptype),
        };
        self.allowed += usize::from(may_run && ptype == PduType::Request);
        if let Some((at, mask)) = change {
            let at = usize::from(at) % pdu.len();
            pdu[at] ^= mask;
        }
        self.harness.feed(&pdu)
    }
}

impl Login {
    fn trailer(&self, number: usize) -> SecTrailer {
        let (auth_type, auth_level) = (self.context.auth_type(), self.level.into());
        SecTrailer { auth_type, auth_level, pad_length: 0, context_id: number as u32 }
    }
}

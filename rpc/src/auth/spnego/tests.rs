//! Negotiations between mechanisms that do nothing, so that every path can be taken; and tokens from
//! elsewhere.

use msrpc_ndr::{AuthLevel, SessionKey};

use super::{
    SpnegoClient, SpnegoServer,
    token::{NegState, NegTokenInit, NegTokenResp, build_init, build_init2, build_mechanisms},
};
use crate::auth::{AuthError, Mechanism, Oid, PduParts, PeerIdentity, SecurityContext, Step};

const A: &[Oid] = &[Oid::MS_KERBEROS, Oid::KERBEROS];
const B: &[Oid] = &[Oid::NTLM];

/// A mechanism whose tokens are numbers.
struct Toy {
    oids: &'static [Oid],
    integrity: bool,
    server: bool,
    /// Tokens of the whole exchange.
    legs: u8,
    next: u8,
    done: bool,
}

impl Toy {
    fn step_number(&mut self, incoming: Option<u8>) -> Result<Step, AuthError> {
        if incoming.is_some_and(|number| number != self.next) {
            return Err(AuthError::Malformed("toy".into()));
        }
        self.next += u8::from(incoming.is_some());
        let own = self.next;
        let token = (own < self.legs).then(|| vec![own]);
        self.next += 1;
        self.done = own + 1 >= self.legs;
        Ok(Step { token, done: self.done })
    }
}

impl SecurityContext for Toy {
    fn auth_type(&self) -> u8 {
        0
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match token {
            [] if !self.server && self.next == 0 => self.step_number(None),
            [number] => self.step_number(Some(*number)),
            _ => Err(AuthError::Malformed("toy".into())),
        }
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        7
    }

    fn protect(&mut self, _: AuthLevel, _: PduParts<'_>, _: &mut [u8]) -> Result<(), AuthError> {
        Ok(())
    }

    fn unprotect(&mut self, _: AuthLevel, _: PduParts<'_>, _: &[u8]) -> Result<(), AuthError> {
        Ok(())
    }

    fn peer(&self) -> Option<PeerIdentity> {
        Some(PeerIdentity { user: Some(format!("{:?}", self.oids.last())), ..PeerIdentity::default() })
    }

    fn session_key(&self) -> Option<SessionKey> {
        None
    }
}

impl Mechanism for Toy {
    fn oids(&self) -> &'static [Oid] {
        self.oids
    }

    fn has_integrity(&self) -> bool {
        self.done && self.integrity
    }

    fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        Ok([&[u8::from(self.server)], data].concat())
    }

    fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        let expected = [&[u8::from(!self.server)], data].concat();
        if self.integrity && mic == expected { Ok(()) } else { Err(AuthError::BadSignature) }
    }
}

/// Mechanisms of one end: identifiers, integrity, legs.
type Toys<'a> = &'a [(&'static [Oid], bool, u8)];

fn toys(toys: Toys<'_>, server: bool) -> Vec<Box<dyn Mechanism>> {
    let toy = |&(oids, integrity, legs)| Toy { oids, integrity, server, legs, next: 0, done: false };
    toys.iter().map(|parameters| Box::new(toy(parameters)) as Box<dyn Mechanism>).collect()
}

/// Runs a negotiation; gives the tokens and the mechanism that the server speaks.
fn run(
    client: Toys<'_>,
    server: Toys<'_>,
    mut between: impl FnMut(usize, &mut Vec<u8>),
) -> Result<(usize, String), AuthError> {
    let (mut client, mut server) = (SpnegoClient::new(toys(client, false)), SpnegoServer::new(toys(server, true)));
    let (mut client_done, mut server_done) = (false, false);
    let (mut token, mut legs) = (Vec::new(), 0);
    loop {
        let side: &mut dyn SecurityContext = if legs % 2 == 0 { &mut client } else { &mut server };
        let step = side.step(&token)?;
        if legs % 2 == 0 {
            client_done |= step.done
        } else {
            server_done |= step.done
        }
        let Some(next) = step.token else { break };
        token = next;
        between(legs, &mut token);
        legs += 1;
        assert!(legs < 10, "endless");
    }
    assert!(client_done && server_done, "stuck after {legs}");
    assert_eq!(client.token_len(AuthLevel::Privacy, 0), 7);
    Ok((legs, server.peer().unwrap().user.unwrap()))
}

fn name(oid: Oid) -> String {
    format!("{:?}", Some(&oid))
}

fn chosen(client: Toys<'_>, server: Toys<'_>) -> Result<String, AuthError> {
    run(client, server, |_, _| {}).map(|(_, name)| name)
}

#[test]
fn the_first_common_mechanism_is_chosen() {
    for integrity in [false, true] {
        for legs in 2..=5 {
            let (a, b) = ((A, integrity, legs), (B, integrity, legs));
            assert_eq!(chosen(&[a], &[a]), Ok(name(Oid::KERBEROS)), "{legs}");
            assert_eq!(chosen(&[a, b], &[b, a]), Ok(name(Oid::KERBEROS)));
            assert_eq!(chosen(&[b, a], &[a, b]), Ok(name(Oid::NTLM)));
            // Not the first choice: good only if it can be proven.
            match integrity {
                true => assert_eq!(chosen(&[a, b], &[b]), Ok(name(Oid::NTLM)), "{legs}"),
                false => assert!(matches!(chosen(&[a, b], &[b]), Err(AuthError::Negotiation(_)))),
            }
            assert!(matches!(chosen(&[a], &[b]), Err(AuthError::Negotiation(_))));
        }
    }
}

#[test]
fn a_list_that_was_changed_on_the_way_is_noticed() {
    for legs in 2..=5 {
        let (a, b) = ((A, true, legs), (B, true, legs));
        // Somebody takes the better mechanism out.
        let outcome = run(&[a, b], &[a, b], |leg, token| {
            if leg == 0 {
                let list = build_mechanisms([Oid::NTLM.as_bytes()]);
                *token = build_init(&list, None);
            }
        });
        assert!(matches!(outcome, Err(AuthError::Tampered | AuthError::Negotiation(_))), "{legs}: {outcome:?}");
        // Or answers in the server's place that it shall not be proven.
        let outcome = run(&[a, b], &[b], |leg, token| {
            if leg > 0 {
                let mut resp = NegTokenResp::parse(token).unwrap();
                resp.mic = None;
                *token = resp.build();
            }
        });
        assert!(outcome.is_err(), "{legs}");
    }
}

#[test]
fn without_the_servers_code_a_client_that_sent_its_own_does_not_go_on() {
    let outcome = run(&[(B, true, 3)], &[(B, true, 3)], |leg, token| {
        if leg == 3 {
            *token = NegTokenResp { state: Some(NegState::AcceptCompleted), ..NegTokenResp::default() }.build();
        }
    });
    assert!(matches!(outcome, Err(AuthError::Negotiation(_))), "{outcome:?}");
}

#[test]
fn a_state_may_be_left_out() {
    for legs in [2, 3] {
        let outcome = run(&[(B, legs == 3, legs)], &[(B, legs == 3, legs)], |leg, token| {
            if leg > 0 {
                let mut resp = NegTokenResp::parse(token).unwrap();
                resp.state = None;
                *token = resp.build();
            }
        });
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

#[test]
fn a_reject_ends_it_on_both_sides() {
    for place in [1, 2] {
        let outcome = run(&[(B, true, 3)], &[(B, true, 3)], |leg, token| {
            if leg == place {
                *token = NegTokenResp { state: Some(NegState::Reject), ..NegTokenResp::default() }.build();
            }
        });
        assert_eq!(outcome, Err(AuthError::Refused));
    }
}

#[test]
fn the_acceptor_may_be_asked_to_begin() {
    let mut server = SpnegoServer::new(toys(&[(A, true, 3), (B, true, 3)], true));
    let offer = server.step(&[]).unwrap();
    assert!(!offer.done);
    let offer = offer.token.unwrap();
    let init = NegTokenInit::parse(&offer).unwrap();
    assert_eq!(init.mechanisms.len(), 3);
    assert_eq!((init.token, init.mic), (None, None));
    let mut client = SpnegoClient::new(toys(&[(B, true, 3)], false));
    let token = client.step(&[]).unwrap().token.unwrap();
    assert!(server.step(&token).is_ok());
}

#[test]
fn tokens_go_both_ways() {
    let list = build_mechanisms([Oid::KERBEROS.as_bytes(), Oid::NTLM.as_bytes()]);
    let octets = build_init(&list, Some(&[1, 2, 3]));
    let init = NegTokenInit::parse(&octets).unwrap();
    assert_eq!(init.mechanism_list, list);
    assert_eq!(init.mechanisms, [Oid::KERBEROS.as_bytes(), Oid::NTLM.as_bytes()]);
    assert_eq!(init.token, Some(&[1, 2, 3][..]));
    assert_eq!(NegTokenInit::parse(&build_init2(&list)).unwrap().mechanism_list, list);

    let states = [None, Some(NegState::AcceptCompleted), Some(NegState::AcceptIncomplete), Some(NegState::RequestMic)];
    for state in states {
        for mechanism in [None, Some(Oid::NTLM.as_bytes())] {
            for token in [None, Some(&[9; 300][..])] {
                let resp = NegTokenResp { state, mechanism, token, mic: token };
                assert_eq!(NegTokenResp::parse(&resp.build()).unwrap(), resp);
            }
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn sambas_first_token_is_understood() {
    // Samba 4.17: ntlm_auth --helper-protocol=gss-spnego-client.
    let token =
        hex("604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a04284e544c4d535350000100000005820862\
         00000000280000000000000028000000060100000000000f");
    let init = NegTokenInit::parse(&token).unwrap();
    assert_eq!(init.mechanisms, [Oid::NTLM.as_bytes()]);
    assert!(init.token.unwrap().starts_with(b"NTLMSSP\0"));
    assert_eq!(build_init(init.mechanism_list, init.token), token);
}

#[test]
fn what_is_no_token_is_refused() {
    let list = build_mechanisms([Oid::NTLM.as_bytes()]);
    let good = build_init(&list, Some(&[0]));
    let resp = NegTokenResp { state: Some(NegState::AcceptIncomplete), token: Some(&[0]), ..NegTokenResp::default() };
    let good_resp = resp.build();
    for length in 0..good.len() {
        assert!(NegTokenInit::parse(&good[..length]).is_err(), "{length}");
    }
    for length in 0..good_resp.len() {
        assert!(NegTokenResp::parse(&good_resp[..length]).is_err(), "{length}");
    }
    let followed = |octets: &[u8]| [octets, &[0]].concat();
    assert!(NegTokenInit::parse(&followed(&good)).is_err());
    assert!(NegTokenResp::parse(&followed(&good_resp)).is_err());
    assert!(NegTokenInit::parse(&build_init(&build_mechanisms([]), None)).is_err(), "no mechanisms");
    let many = build_mechanisms(std::iter::repeat_n(Oid::NTLM.as_bytes(), 33));
    assert!(NegTokenInit::parse(&build_init(&many, None)).is_err(), "too many mechanisms");
    // Fields twice, out of order, unknown; an unknown state.
    for bad in [
        "a10c300aa0030a0101a0030a0101",
        "a10c300aa2030401 00a0030a0101",
        "a1073005a4030a0101",
        "a1073005a0030a0104",
        "a1083006a0040a020001",
    ] {
        assert!(NegTokenResp::parse(&hex(&bad.replace(' ', ""))).is_err(), "{bad}");
    }
}

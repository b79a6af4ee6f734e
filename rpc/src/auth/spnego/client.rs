//! The initiator.

use std::{collections::VecDeque, fmt};

use msrpc_ndr::{AuthLevel, SessionKey};

use super::{
    Chosen, delegate_to_mechanism, no_mic,
    token::{NegState, NegTokenResp, build_init, build_mechanisms},
};
use crate::auth::{AuthError, Mechanism, PduParts, PeerIdentity, SecurityContext, Step, mechanism::dotted};

/// The initiator of a negotiation.
pub struct SpnegoClient {
    mechanism_list: Vec<u8>,
    header_signing: bool,
    state: State,
}

enum State {
    Start(VecDeque<Box<dyn Mechanism>>),
    /// The first token is out, with a token of the first mechanism in it.
    Offered {
        first: Chosen,
        others: VecDeque<Box<dyn Mechanism>>,
    },
    Agreed(Chosen),
    Established(Chosen),
    Failed,
}

impl SpnegoClient {
    /// Negotiates between these mechanisms, the preferred one first.
    ///
    /// One that cannot be used at all, such as Kerberos without a ticket for the service, is left out
    /// if there is another.
    pub fn new(mechanisms: Vec<Box<dyn Mechanism>>) -> Self {
        let mechanisms = mechanisms.into();
        Self { mechanism_list: list(&mechanisms), header_signing: false, state: State::Start(mechanisms) }
    }

    fn begin(&mut self, mut mechanisms: VecDeque<Box<dyn Mechanism>>) -> Result<Step, AuthError> {
        let Some(first) = mechanisms.pop_front() else {
            return Err(AuthError::Negotiation("no mechanism to offer".to_owned()));
        };
        let mut first = Chosen::new(first, false);
        let token = match first.step(&[]) {
            Ok(token) => token,
            // Another mechanism is there because the caller allows it.
            Err(error) if error.leaves_others() && !mechanisms.is_empty() => {
                tracing::warn!(%error, "the preferred mechanism cannot be used; the next one is offered");
                self.mechanism_list = list(&mechanisms);
                return self.begin(mechanisms);
            }
            Err(error) => return Err(error),
        };
        let token = build_init(&self.mechanism_list, token.as_deref());
        self.state = State::Offered { first, others: mechanisms };
        Ok(Step { token: Some(token), done: false })
    }

    /// The mechanism that the acceptor's first answer names, and whether it has to begin anew.
    fn choose(
        first: Chosen,
        mut others: VecDeque<Box<dyn Mechanism>>,
        resp: &NegTokenResp<'_>,
    ) -> Result<(Chosen, bool), AuthError> {
        // An acceptor that says nothing goes on with what it was sent.
        let Some(oid) = resp.mechanism else { return Ok((first, false)) };
        let speaks = |mechanism: &dyn Mechanism| mechanism.oids().iter().any(|known| known.as_bytes() == oid);
        if speaks(first.mechanism.as_ref()) {
            return Ok((first, false));
        }
        let place = others.iter().position(|mechanism| speaks(mechanism.as_ref()));
        match place.and_then(|place| others.remove(place)) {
            Some(mechanism) => Ok((Chosen::new(mechanism, true), true)),
            None => Err(AuthError::Negotiation(format!("the peer wants mechanism {}", dotted(oid)))),
        }
    }

    /// Goes on with the chosen mechanism after an answer.
    fn proceed(&mut self, mut chosen: Chosen, resp: &NegTokenResp<'_>, anew: bool) -> Result<Step, AuthError> {
        chosen.mic_required |= resp.state == Some(NegState::RequestMic);
        let token = self.advance(&mut chosen, resp, anew)?;
        if let Some(mic) = resp.mic {
            chosen.verify_mic(&self.mechanism_list, mic)?;
        }
        if resp.state == Some(NegState::AcceptCompleted) {
            return self.finish(chosen, token);
        }
        let mic = match chosen.complete && chosen.mechanism.has_integrity() && !chosen.mic_sent {
            true => Some(chosen.make_mic(&self.mechanism_list)?),
            false => None,
        };
        if token.is_none() && mic.is_none() {
            // The acceptor leaves out the state, and there is nothing more to say.
            return match resp.state {
                None => self.finish(chosen, None),
                Some(_) => Err(AuthError::Malformed("SPNEGO: the acceptor waits for nothing".to_owned())),
            };
        }
        let answer = NegTokenResp { token: token.as_deref(), mic: mic.as_deref(), ..NegTokenResp::default() }.build();
        self.state = State::Agreed(chosen);
        Ok(Step { token: Some(answer), done: false })
    }

    /// The mechanism's next token.
    fn advance(&self, chosen: &mut Chosen, resp: &NegTokenResp<'_>, anew: bool) -> Result<Option<Vec<u8>>, AuthError> {
        match (anew, resp.token) {
            // The token for a mechanism that has not begun.
            (true, None | Some([])) => chosen.step(&[]),
            (true, Some(_)) => Err(AuthError::Malformed("SPNEGO: a token before the mechanism begins".to_owned())),
            (false, Some(token)) if !chosen.complete => chosen.step(token),
            (false, None | Some([])) if chosen.complete => Ok(None),
            (false, _) => Err(AuthError::Malformed("SPNEGO: a token too many or too few".to_owned())),
        }
    }

    /// Ends the negotiation, if everything is proven that has to be.
    fn finish(&mut self, mut chosen: Chosen, token: Option<Vec<u8>>) -> Result<Step, AuthError> {
        if !chosen.complete || token.is_some() {
            return Err(AuthError::Malformed("SPNEGO: the acceptor ends too early".to_owned()));
        }
        if (chosen.mic_required || chosen.mic_sent) && !chosen.mic_verified {
            return Err(no_mic());
        }
        chosen.mechanism.set_header_signing(self.header_signing);
        // An acceptor that proves the list of its own accord, and is content without our code.
        self.state = State::Established(chosen);
        Ok(Step { token: None, done: true })
    }

    fn established(&self) -> Option<&dyn Mechanism> {
        match &self.state {
            State::Established(chosen) => Some(chosen.mechanism.as_ref()),
            _ => None,
        }
    }

    fn established_mut(&mut self) -> Result<&mut dyn Mechanism, AuthError> {
        match &mut self.state {
            State::Established(chosen) => Ok(chosen.mechanism.as_mut()),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

/// The list of mechanisms as it travels.
fn list(mechanisms: &VecDeque<Box<dyn Mechanism>>) -> Vec<u8> {
    build_mechanisms(mechanisms.iter().flat_map(|mechanism| mechanism.oids()).map(|oid| oid.as_bytes()))
}

impl SecurityContext for SpnegoClient {
    delegate_to_mechanism!();

    fn may_block(&self) -> bool {
        match &self.state {
            State::Start(mechanisms) => mechanisms.iter().any(|mechanism| mechanism.may_block()),
            State::Offered { first, others } => {
                first.mechanism.may_block() || others.iter().any(|mechanism| mechanism.may_block())
            }
            State::Agreed(chosen) | State::Established(chosen) => chosen.mechanism.may_block(),
            State::Failed => false,
        }
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        if let State::Start(mechanisms) = state {
            return match token {
                [] => self.begin(mechanisms),
                _ => Err(AuthError::NotEstablished),
            };
        }
        let resp = NegTokenResp::parse(token)?;
        if resp.state == Some(NegState::Reject) {
            return Err(AuthError::Refused);
        }
        match state {
            State::Offered { first, others } => {
                let (chosen, anew) = Self::choose(first, others, &resp)?;
                self.proceed(chosen, &resp, anew)
            }
            State::Agreed(chosen) => self.proceed(chosen, &resp, false),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

impl fmt::Debug for SpnegoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, chosen) = match &self.state {
            State::Start(_) => ("start", None),
            State::Offered { first, .. } => ("offered", Some(first)),
            State::Agreed(chosen) => ("agreed", Some(chosen)),
            State::Established(chosen) => ("established", Some(chosen)),
            State::Failed => ("failed", None),
        };
        f.debug_struct("SpnegoClient").field("state", &state).field("chosen", &chosen).finish_non_exhaustive()
    }
}

//! The acceptor.

use std::fmt;

use msrpc_ndr::{AuthLevel, SessionKey};

use super::{
    Chosen, delegate_to_mechanism, no_mic,
    token::{NegState, NegTokenInit, NegTokenResp, build_init2, build_mechanisms},
};
use crate::auth::{AuthError, Mechanism, PduParts, PeerIdentity, SecurityContext, Step, mechanism::dotted};

/// The acceptor of a negotiation.
pub struct SpnegoServer {
    /// The list as the client encoded it.
    mechanism_list: Vec<u8>,
    header_signing: bool,
    state: State,
}

enum State {
    Start(Vec<Box<dyn Mechanism>>),
    Agreed(Chosen),
    /// The client sends the mechanism's tokens without SPNEGO around them.
    Bare(Chosen),
    Established(Chosen),
    Failed,
}

impl SpnegoServer {
    /// Accepts any of these mechanisms; of those that both sides have, the client's preferred one.
    pub fn new(mechanisms: Vec<Box<dyn Mechanism>>) -> Self {
        Self { mechanism_list: Vec::new(), header_signing: false, state: State::Start(mechanisms) }
    }

    fn begin(&mut self, mut mechanisms: Vec<Box<dyn Mechanism>>, token: &[u8]) -> Result<Step, AuthError> {
        if token.is_empty() {
            let oids = mechanisms.iter().flat_map(|mechanism| mechanism.oids()).map(|oid| oid.as_bytes());
            let offer = build_init2(&build_mechanisms(oids));
            self.state = State::Start(mechanisms);
            return Ok(Step { token: Some(offer), done: false });
        }
        if let Some(place) = mechanisms.iter().position(|mechanism| mechanism.recognises(token)) {
            return self.proceed_bare(Chosen::new(mechanisms.swap_remove(place), false), token);
        }
        let init = NegTokenInit::parse(token)?;
        self.mechanism_list = init.mechanism_list.to_owned();
        let speaks = |oid: &[u8]| {
            mechanisms.iter().position(|mechanism| mechanism.oids().iter().any(|known| known.as_bytes() == oid))
        };
        let found = init.mechanisms.iter().enumerate().find_map(|(rank, oid)| Some((rank, *oid, speaks(oid)?)));
        let Some((rank, oid, place)) = found else {
            let offered: Vec<_> = init.mechanisms.iter().map(|oid| dotted(oid)).collect();
            return Err(AuthError::Negotiation(format!("the client offers {}", offered.join(", "))));
        };
        // The token that comes along is the first mechanism's.
        let token = if rank == 0 { init.token } else { None };
        let mut chosen = Chosen::new(mechanisms.swap_remove(place), rank != 0);
        match token {
            Some(token) => {
                let answer = chosen.step(token)?;
                self.proceed(chosen, answer, init.mic, Some(oid))
            }
            None if init.mic.is_some() => Err(no_token()),
            None => self.proceed(chosen, None, None, Some(oid)),
        }
    }

    fn accept(&mut self, mut chosen: Chosen, token: &[u8]) -> Result<Step, AuthError> {
        let resp = NegTokenResp::parse(token)?;
        if resp.state == Some(NegState::Reject) {
            return Err(AuthError::Refused);
        }
        let answer = match resp.token {
            Some(token) if !chosen.complete => chosen.step(token)?,
            None | Some([]) if chosen.complete && resp.mic.is_some() => None,
            _ => return Err(no_token()),
        };
        self.proceed(chosen, answer, resp.mic, None)
    }

    /// Answers with the mechanism's token, and with the codes once they are due.
    fn proceed(
        &mut self,
        mut chosen: Chosen,
        token: Option<Vec<u8>>,
        mic: Option<&[u8]>,
        mechanism: Option<&[u8]>,
    ) -> Result<Step, AuthError> {
        if let Some(mic) = mic {
            chosen.verify_mic(&self.mechanism_list, mic)?;
        }
        chosen.mic_required |= chosen.complete && chosen.mechanism.requires_mic();
        let required = chosen.mic_required && chosen.complete && chosen.mechanism.has_integrity();
        let waits = required && !chosen.mic_verified;
        if waits && token.is_none() {
            // The client had the last word and did not use it.
            return Err(no_mic());
        }
        let due = (waits || chosen.mic_verified) && !chosen.mic_sent;
        let mic = if due { Some(chosen.make_mic(&self.mechanism_list)?) } else { None };
        let done = chosen.complete && !waits;
        let state = match (done, mechanism) {
            (true, _) => NegState::AcceptCompleted,
            (false, Some(_)) if chosen.mic_required => NegState::RequestMic,
            (false, _) => NegState::AcceptIncomplete,
        };
        let answer =
            NegTokenResp { state: Some(state), mechanism, token: token.as_deref(), mic: mic.as_deref() }.build();
        if done {
            chosen.mechanism.set_header_signing(self.header_signing);
            self.state = State::Established(chosen);
        } else {
            self.state = State::Agreed(chosen);
        }
        Ok(Step { token: Some(answer), done })
    }

    fn proceed_bare(&mut self, mut chosen: Chosen, token: &[u8]) -> Result<Step, AuthError> {
        let token = chosen.step(token)?;
        let done = chosen.complete;
        if done {
            chosen.mechanism.set_header_signing(self.header_signing);
            self.state = State::Established(chosen);
        } else {
            self.state = State::Bare(chosen);
        }
        Ok(Step { token, done })
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

impl SecurityContext for SpnegoServer {
    delegate_to_mechanism!();

    fn may_block(&self) -> bool {
        match &self.state {
            State::Start(mechanisms) => mechanisms.iter().any(|mechanism| mechanism.may_block()),
            State::Agreed(chosen) | State::Bare(chosen) | State::Established(chosen) => chosen.mechanism.may_block(),
            State::Failed => false,
        }
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start(mechanisms) => self.begin(mechanisms, token),
            State::Agreed(chosen) => self.accept(chosen, token),
            State::Bare(chosen) => self.proceed_bare(chosen, token),
            State::Established(_) | State::Failed => Err(AuthError::NotEstablished),
        }
    }
}

impl fmt::Debug for SpnegoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, chosen) = match &self.state {
            State::Start(_) => ("start", None),
            State::Agreed(chosen) => ("agreed", Some(chosen)),
            State::Bare(chosen) => ("bare", Some(chosen)),
            State::Established(chosen) => ("established", Some(chosen)),
            State::Failed => ("failed", None),
        };
        f.debug_struct("SpnegoServer").field("state", &state).field("chosen", &chosen).finish_non_exhaustive()
    }
}

fn no_token() -> AuthError {
    AuthError::Malformed("SPNEGO: a token too many or too few".to_owned())
}

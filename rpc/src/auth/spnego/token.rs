//! The tokens ([RFC 4178] section 4.2, [MS-SPNG] 2.2.1).

use super::super::{
    AuthError, Oid,
    der::{Reader, element, malformed, only, put, tag},
};

/// Most mechanisms in a list.
const MAX_MECHANISMS: usize = 32;

/// What Windows writes where RFC 2478 had a name.
const HINT: &[u8] = b"not_defined_in_RFC4178@please_ignore";

/// `NegTokenInit`, and Microsoft's `NegTokenInit2`. Hints and flags are not kept: nothing protects
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NegTokenInit<'a> {
    /// The mechanisms, as content octets of object identifiers.
    pub(super) mechanisms: Vec<&'a [u8]>,
    /// The list as it was encoded: what mechListMIC is over.
    pub(super) mechanism_list: &'a [u8],
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8]>,
}

impl<'a> NegTokenInit<'a> {
    /// Parses the token with the GSS-API's frame around it.
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, AuthError> {
        let mut frame = Reader::new(only(octets, tag::APPLICATION, "expected an initial token")?);
        if frame.expect(tag::OID, "expected the mechanism of an initial token")? != Oid::SPNEGO.as_bytes() {
            return Err(malformed("an initial token of another mechanism"));
        }
        let choice = frame.expect(tag::context(0), "expected a NegTokenInit")?;
        frame.end("something follows the NegTokenInit")?;
        let mut fields = Reader::new(only(choice, tag::SEQUENCE, "expected a NegTokenInit")?);
        let mut init = Self::default();
        let mut last = None;
        while let Some(field) = fields.next()? {
            if last.is_some_and(|last| last >= field.tag) {
                return Err(malformed("the fields of a NegTokenInit are out of order"));
            }
            last = Some(field.tag);
            const MECHANISMS: u8 = tag::context(0);
            const FLAGS: u8 = tag::context(1);
            const TOKEN: u8 = tag::context(2);
            const MIC_OR_HINTS: u8 = tag::context(3);
            const MIC: u8 = tag::context(4);
            match field.tag {
                MECHANISMS => {
                    init.mechanism_list = field.content;
                    init.mechanisms = parse_mechanisms(field.content)?;
                }
                FLAGS => {}
                TOKEN => init.token = Some(octet_string(field.content)?),
                // The hints of NegTokenInit2 took the number that the code has in the RFC.
                MIC_OR_HINTS if field.content.first() == Some(&tag::SEQUENCE) => {}
                MIC_OR_HINTS | MIC if init.mic.is_none() => init.mic = Some(octet_string(field.content)?),
                _ => return Err(malformed("an unknown field in a NegTokenInit")),
            }
        }
        if init.mechanisms.is_empty() {
            return Err(malformed("a NegTokenInit without mechanisms"));
        }
        Ok(init)
    }
}

/// An initiator's first token.
pub(super) fn build_init(mechanism_list: &[u8], token: Option<&[u8]>) -> Vec<u8> {
    let mut fields = element(tag::context(0), mechanism_list);
    if let Some(token) = token {
        put_octet_string(&mut fields, 2, token);
    }
    frame(&fields)
}

/// What an acceptor says that is asked to begin ([MS-SPNG] 3.2.5.2).
pub(super) fn build_init2(mechanism_list: &[u8]) -> Vec<u8> {
    let mut fields = element(tag::context(0), mechanism_list);
    let hint = element(tag::context(0), &element(tag::GENERAL_STRING, HINT));
    put(&mut fields, tag::context(3), &element(tag::SEQUENCE, &hint));
    frame(&fields)
}

fn frame(fields: &[u8]) -> Vec<u8> {
    let mut frame = element(tag::OID, Oid::SPNEGO.as_bytes());
    put(&mut frame, tag::context(0), &element(tag::SEQUENCE, fields));
    element(tag::APPLICATION, &frame)
}

/// `MechTypeList`.
pub(super) fn build_mechanisms<'a>(mechanisms: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = Vec::new();
    for mechanism in mechanisms {
        put(&mut list, tag::OID, mechanism);
    }
    element(tag::SEQUENCE, &list)
}

fn parse_mechanisms(octets: &[u8]) -> Result<Vec<&[u8]>, AuthError> {
    let mut list = Reader::new(only(octets, tag::SEQUENCE, "expected a list of mechanisms")?);
    let mut mechanisms = Vec::new();
    while let Some(mechanism) = list.next()? {
        if mechanism.tag != tag::OID || mechanism.content.is_empty() || mechanisms.len() == MAX_MECHANISMS {
            return Err(malformed("a list of mechanisms has something else in it, or too much"));
        }
        mechanisms.push(mechanism.content);
    }
    Ok(mechanisms)
}

/// `negState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NegState {
    AcceptCompleted,
    AcceptIncomplete,
    Reject,
    RequestMic,
}

impl NegState {
    fn parse(content: &[u8]) -> Result<Self, AuthError> {
        match content {
            [0] => Ok(Self::AcceptCompleted),
            [1] => Ok(Self::AcceptIncomplete),
            [2] => Ok(Self::Reject),
            [3] => Ok(Self::RequestMic),
            _ => Err(malformed("an unknown negState")),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::AcceptCompleted => 0,
            Self::AcceptIncomplete => 1,
            Self::Reject => 2,
            Self::RequestMic => 3,
        }
    }
}

/// `NegTokenResp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NegTokenResp<'a> {
    pub(super) state: Option<NegState>,
    pub(super) mechanism: Option<&'a [u8]>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8]>,
}

impl<'a> NegTokenResp<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, AuthError> {
        let choice = only(octets, tag::context(1), "expected a NegTokenResp")?;
        let mut fields = Reader::new(only(choice, tag::SEQUENCE, "expected a NegTokenResp")?);
        let mut resp = Self::default();
        let mut last = None;
        while let Some(field) = fields.next()? {
            if last.is_some_and(|last| last >= field.tag) {
                return Err(malformed("the fields of a NegTokenResp are out of order"));
            }
            last = Some(field.tag);
            const STATE: u8 = tag::context(0);
            const MECHANISM: u8 = tag::context(1);
            const TOKEN: u8 = tag::context(2);
            const MIC: u8 = tag::context(3);
            match field.tag {
                STATE => {
                    resp.state = Some(NegState::parse(only(field.content, tag::ENUMERATED, "expected a negState")?)?);
                }
                MECHANISM => resp.mechanism = Some(only(field.content, tag::OID, "expected a mechanism")?),
                TOKEN => resp.token = Some(octet_string(field.content)?),
                MIC => resp.mic = Some(octet_string(field.content)?),
                _ => return Err(malformed("an unknown field in a NegTokenResp")),
            }
        }
        Ok(resp)
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        if let Some(state) = self.state {
            put(&mut fields, tag::context(0), &element(tag::ENUMERATED, &[state.code()]));
        }
        if let Some(mechanism) = self.mechanism {
            put(&mut fields, tag::context(1), &element(tag::OID, mechanism));
        }
        if let Some(token) = self.token {
            put_octet_string(&mut fields, 2, token);
        }
        if let Some(mic) = self.mic {
            put_octet_string(&mut fields, 3, mic);
        }
        element(tag::context(1), &element(tag::SEQUENCE, &fields))
    }
}

fn octet_string(field: &[u8]) -> Result<&[u8], AuthError> {
    only(field, tag::OCTET_STRING, "expected an octet string")
}

fn put_octet_string(out: &mut Vec<u8>, field: u8, octets: &[u8]) {
    put(out, tag::context(field), &element(tag::OCTET_STRING, octets));
}

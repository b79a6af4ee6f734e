//! The whole comparison of one stub, divergences considered.

use msrpc_ndr::reflect::Value;
use thiserror::Error;

use super::compare::{Leniency, Mismatch, compare};
use super::divergences::{DIVERGENCES, Divergence, Effect};
use super::peer::{Direction, Encoding, Peer, Refusal, Stub};

/// How far Samba bore witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All values agree, no byte was left over, and Samba encodes them to the same bytes.
    Agreed,
    /// The values agree, apart from a known divergence or because bytes were not at hand.
    ValuesAgreed(&'static str),
    /// Not comparable, for this reason.
    Excused(&'static str),
}

/// Samba and we see different things.
#[derive(Debug, Error)]
pub enum Disagreement {
    /// Samba does not accept the stub.
    #[error("Samba refuses the stub: {0}")]
    Refused(#[from] Refusal),
    /// A value differs.
    #[error(transparent)]
    Value(#[from] Mismatch),
    /// Samba finished before the end of the stub.
    #[error("{0} bytes left over")]
    Unread(usize),
    /// Samba encodes the same values to other bytes.
    #[error("Samba encodes the same values differently, from byte {at}: ours {ours:02x?}, Samba's {theirs:02x?}")]
    Bytes {
        /// The first byte that differs.
        at: usize,
        /// What we have from there.
        ours: Vec<u8>,
        /// What Samba has from there.
        theirs: Vec<u8>,
    },
}

/// Has Samba decode a stub and compares the outcome with the values it was made from.
///
/// # Errors
/// If they disagree in a way that no divergence explains.
pub fn check(peer: &mut Peer, stub: &Stub<'_>, ours: &Value) -> Result<Verdict, Disagreement> {
    check_with(peer, stub, ours, DIVERGENCES)
}

/// [`check`] with another list of divergences.
///
/// # Errors
/// If they disagree in a way that none of these explains.
pub fn check_with(
    peer: &mut Peer,
    stub: &Stub<'_>,
    ours: &Value,
    list: &[Divergence],
) -> Result<Verdict, Disagreement> {
    if let Some(reason) = unspeakable(ours) {
        return Ok(Verdict::Excused(reason));
    }
    let mut leniency = Leniency::default();
    let mut bytes_may_differ = None;
    for divergence in list.iter().filter(|one| one.concerns(stub)) {
        match divergence.effect {
            Effect::Absent | Effect::Undecodable => return Ok(Verdict::Excused(divergence.reason)),
            Effect::OneOctet(name) => {
                bytes_may_differ = Some(divergence.reason);
                leniency.octets.push((name, first_octet(ours, name, stub.encoding)));
            }
            Effect::PointerForInteger(name) if any(ours, name, &|value| *value != Value::Uint(0)) => {
                return Ok(Verdict::Excused(divergence.reason));
            }
            Effect::PointerForInteger(name) => leniency.null_for_zero.push(name),
            Effect::EncodesAnother(_) => bytes_may_differ = Some(divergence.reason),
            Effect::HalvesSwapped(name) => leniency.swapped.push(name),
        }
    }
    let mut stub = stub.clone();
    let request = Stub { direction: Direction::Request, ..stub.clone() };
    if list.iter().any(|one| one.effect == Effect::Undecodable && one.concerns(&request)) {
        stub.request = None;
    }
    let decoded = match peer.decode(&stub) {
        Err(Refusal::Unsupported(reason)) => return Ok(Verdict::Excused(reason)),
        other => other?,
    };
    compare(ours, &decoded.fields, &leniency)?;
    if let Some(reason) = bytes_may_differ {
        return Ok(Verdict::ValuesAgreed(reason));
    }
    if decoded.unread > 0 {
        return Err(Disagreement::Unread(decoded.unread));
    }
    match decoded.encoded {
        Some(theirs) => same_bytes(stub.bytes, &theirs),
        None => Ok(Verdict::ValuesAgreed("ndrdump does not show what it encodes")),
    }
}

fn same_bytes(ours: &[u8], theirs: &[u8]) -> Result<Verdict, Disagreement> {
    if ours == theirs {
        return Ok(Verdict::Agreed);
    }
    let at = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    let some = |bytes: &[u8]| bytes.iter().skip(at).take(16).copied().collect();
    Err(Disagreement::Bytes { at, ours: some(ours), theirs: some(theirs) })
}

/// Values that Samba's strings cannot hold: it converts them to UTF-8, up to a NUL.
fn unspeakable(value: &Value) -> Option<&'static str> {
    match value {
        Value::Wide(units) if units.contains(&0) => Some("Samba's strings end at a NUL"),
        Value::Wide(units) if String::from_utf16(units).is_err() => Some("Samba refuses ill-formed UTF-16"),
        Value::Struct(fields) => fields.iter().find_map(|(_, value)| unspeakable(value)),
        Value::Array(values) => values.iter().find_map(unspeakable),
        Value::Union(_, arm) => unspeakable(arm),
        _ => None,
    }
}

/// Whether any field of this name, at any depth, is so.
fn any(value: &Value, name: &str, is: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::Struct(fields) => {
            fields.iter().any(|(field, value)| (*field == name && is(value)) || any(value, name, is))
        }
        Value::Array(values) => values.iter().any(|value| any(value, name, is)),
        Value::Union(_, arm) => any(arm, name, is),
        _ => false,
    }
}

/// The octet of a 32-bit parameter that goes over the wire first.
fn first_octet(ours: &Value, name: &str, encoding: Encoding) -> u8 {
    let Value::Struct(fields) = ours else {
        return 0;
    };
    let octets = fields.iter().find(|(field, _)| *field == name).map_or([0; 8], |(_, value)| match value {
        Value::Uint(number) => number.to_le_bytes(),
        Value::Int(number) => number.to_le_bytes(),
        _ => [0; 8],
    });
    match encoding {
        Encoding::NdrBigEndian => octets[3],
        Encoding::Ndr | Encoding::Ndr64 => octets[0],
    }
}

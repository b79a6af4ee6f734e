//! The parsers: no panic, and what is understood is the same when it is written and read again.

use bytes::BytesMut;
use msrpc::pdu::{
    Bind, BindAck, BindNak, FaultHead, Head, Header, PduError, PduType, RequestHead, ResponseHead, Writer, split,
    split_verifier, verification::Trailer, write_pdu,
};

use super::ensure;

pub(super) fn check(octets: &[u8]) -> Result<usize, String> {
    let mut rest = octets;
    let mut parsed = 0;
    // Trailers are looked for in stubs, whatever stands before them.
    if let Some(trailer) = Trailer::find(octets).and_then(|at| octets.get(at..)).and_then(|t| Trailer::parse(t).ok()) {
        let again = Trailer::parse(&trailer.to_bytes());
        let empty = trailer == Trailer::default();
        ensure(empty || again == Ok(trailer), || format!("{trailer:?} becomes {again:?}"))?;
    }
    while let Ok(header) = Header::parse(rest) {
        let Some((pdu, following)) = rest.split_at_checked(usize::from(header.frag_length)) else { break };
        parsed += usize::from(one(&header, pdu)?);
        rest = following;
    }
    Ok(parsed)
}

/// Whether the PDU is well-formed.
fn one(header: &Header, pdu: &[u8]) -> Result<bool, String> {
    let Ok((body, verifier)) = split_verifier(header, pdu) else { return Ok(false) };
    ensure(body.len() + verifier.map_or(0, |v| v.token.len()) <= pdu.len(), || "more than there is".to_owned())?;
    let order = header.order();
    let head = Head { ptype: header.ptype, flags: header.flags, order, call_id: header.call_id };
    let good = match header.ptype {
        PduType::Bind | PduType::AlterContext => match Bind::parse(body, order) {
            Ok(bind) => {
                same(head, &bind, |w| bind.write(w), |again| Bind::parse(again, order))?;
                for max in [header.frag_length.into(), 64, 32] {
                    let fragments = split(pdu, max).unwrap_or_default();
                    let fits = fragments.iter().all(|fragment| fragment.len() <= max.max(64));
                    ensure(fits, || format!("a fragment is larger than {max}"))?;
                }
                true
            }
            Err(_) => false,
        },
        PduType::BindAck | PduType::AlterContextResp => match BindAck::parse(body, order) {
            Ok(ack) => same(head, &ack, |w| ack.write(w), |again| BindAck::parse(again, order)).map(|()| true)?,
            Err(_) => false,
        },
        PduType::BindNak => match BindNak::parse(body, order) {
            Ok(nak) => same(head, &nak, |w| nak.write(w), |again| BindNak::parse(again, order)).map(|()| true)?,
            Err(_) => false,
        },
        PduType::Request => RequestHead::parse(header, body).is_ok(),
        PduType::Response => ResponseHead::parse(header, body).is_ok(),
        PduType::Fault => FaultHead::parse(body, order).is_ok(),
        _ => true,
    };
    Ok(good)
}

/// What is written can be read, and is the same.
fn same<T: PartialEq + std::fmt::Debug>(
    head: Head,
    value: &T,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), PduError>,
    read: impl FnOnce(&[u8]) -> Result<T, PduError>,
) -> Result<(), String> {
    let mut out = BytesMut::new();
    if write_pdu(&mut out, head, None, write).is_err() {
        return Ok(());
    }
    let header = Header::parse(&out).map_err(|error| format!("what we wrote is refused: {error}"))?;
    let (body, _) = split_verifier(&header, &out).map_err(|error| format!("what we wrote is refused: {error}"))?;
    let again = read(body).map_err(|error| format!("what we wrote is refused: {error}\n{value:?}"))?;
    ensure(again == *value, || format!("{value:?} becomes {again:?}"))
}

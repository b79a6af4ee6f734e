//! A client's association against a hostile server.

use bytes::{Bytes, BytesMut};
use msrpc::{
    association::{ClientAssociation, ClientConfig, ClientEvent, ClientSecurity, Proposal},
    auth::ntlm::{NtlmClient, NtlmCredentials},
    pdu::{BindAck, ContextResult, Head, Header, PduType, PfcFlags, RejectReason, write_pdu},
};
use msrpc_ndr::{AuthLevel, ByteOrder, Syntax};

use super::{Input, ensure};
use crate::rpc::{
    interfaces::trial::trial,
    node::{PASSWORD, USER},
};

/// Calls that the client makes.
const CALLS: usize = 4;

pub(super) fn check(octets: &[u8]) -> Result<usize, String> {
    let mut input = Input { octets };
    let (how, pieces) = (input.u8(), usize::from(input.u8() & 0x3f));
    let order = if how & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big };
    let config = ClientConfig {
        order,
        multiplexed: how & 2 == 0,
        stream_from: 2048,
        stream_bound: 2048,
        ..ClientConfig::default()
    };
    let mut client = ClientAssociation::new(config);
    let security = (how & 4 != 0).then(|| {
        let ntlm = NtlmClient::new(NtlmCredentials::new("", USER, PASSWORD), AuthLevel::Integrity);
        ClientSecurity { context: Box::new(ntlm), level: AuthLevel::Integrity }
    });
    let proposal = Proposal { syntaxes: vec![syntax(order)], ..Proposal::new(&trial::INTERFACE) };
    client.bind(0, &[proposal], security).map_err(|error| error.to_string())?;
    let mut sent = BytesMut::new();
    client.transmit(&mut sent, 1 << 20);
    ensure(!sent.is_empty(), || "no bind is sent".to_owned())?;
    if how & 8 != 0 {
        client.input().extend_from_slice(&acceptance(order)?);
    }
    let mut answers = 0;
    let mut asked = 0;
    loop {
        client.process();
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Negotiated(outcomes) => {
                    for outcome in outcomes.into_iter().flatten() {
                        while asked < CALLS {
                            let opnum = u16::try_from(asked).unwrap_or_default();
                            let Ok(call) = client.request(outcome.id, opnum, None) else { break };
                            client.push(call, Bytes::from_static(&[1; 64]));
                            client.finish(call);
                            asked += 1;
                        }
                    }
                }
                ClientEvent::Authenticate(job) => client.authenticated(job.run()),
                ClientEvent::Response { .. } | ClientEvent::Fault { .. } => answers += 1,
                ClientEvent::AlterRefused(_) | ClientEvent::Shutdown => {}
            }
        }
        sent.clear();
        client.transmit(&mut sent, 1 << 20);
        ensure(answers <= asked, || format!("{answers} answers to {asked} calls"))?;
        if input.is_empty() || client.close_reason().is_some() {
            break;
        }
        let len = if pieces == 0 { pdu_len(input.octets) } else { pieces };
        client.input().extend_from_slice(input.take(len));
    }
    let left = client.pending_calls();
    ensure(client.close_reason().is_none() || left == 0, || format!("{left} calls wait for an end that has come"))?;
    Ok(answers)
}

/// Octets of the PDU that comes next; of all that is left if that is none.
fn pdu_len(octets: &[u8]) -> usize {
    Header::parse(octets).map_or(usize::MAX, |header| header.frag_length.into())
}

/// The one syntax that the client proposes.
fn syntax(order: ByteOrder) -> Syntax {
    match order {
        ByteOrder::Little => Syntax::Ndr64,
        ByteOrder::Big => Syntax::Ndr,
    }
}

/// A bind_ack for a client without authentication.
fn acceptance(order: ByteOrder) -> Result<BytesMut, String> {
    let results = vec![ContextResult::accept(syntax(order)), ContextResult::reject(RejectReason::NOT_SPECIFIED)];
    let ack =
        BindAck { max_xmit_frag: 5840, max_recv_frag: 5840, assoc_group: 7, secondary_address: Vec::new(), results };
    let head = Head { ptype: PduType::BindAck, flags: PfcFlags::WHOLE | PfcFlags::CONC_MPX, order, call_id: 1 };
    let mut pdu = BytesMut::new();
    write_pdu(&mut pdu, head, None, |w| ack.write(w)).map_err(|error| error.to_string())?;
    Ok(pdu)
}

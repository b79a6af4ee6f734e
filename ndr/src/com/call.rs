//! Calls of COM interfaces: the same as others, with ORPCTHIS and ORPCTHAT in front.

use bytes::Bytes;
use uuid::Uuid;

use super::{ComVersion, OrpcThat, OrpcThis};
use crate::{
    AssociationId, At as _, Body, Call, Channel, ChannelError, Decoder, Encoder, Encoding, ExchangeError, Failure,
    Fault, HResult, Handler, Message, Reply, Status, channel::MAX_RESPONSE, get_top, put_top, service,
};

/// Makes a call of an operation of a COM interface.
///
/// # Errors
///
/// Says which step failed.
pub async fn exchange<C, Q, P>(channel: &C, opnum: u16, request: &Q) -> Result<P, ExchangeError>
where
    C: Channel,
    Q: Message + Sync,
    P: Message,
{
    let mut e = Encoder::new(channel.encoding());
    put_top::<OrpcThis>(&channel.orpc_this(), &mut e).at("ORPCTHIS")?;
    request.encode(&mut e)?;
    let reply = channel.call(opnum, Body::from_chunks(e.finish())).await?;
    let stub = reply.body.collect(MAX_RESPONSE).await?;
    let mut d = Decoder::new(stub, reply.encoding);
    channel.orpc_that(&get_top::<OrpcThat>(&mut d).at("ORPCTHAT")?);
    Ok(P::decode(&mut d)?)
}

/// Unmarshals a request and what goes in front of it. The call that comes back knows the latter.
///
/// # Errors
///
/// The fault that a request that cannot be read, or of another version of DCOM, is answered with.
pub fn decode_request<M: Message>(call: Call, stub: Bytes) -> Result<(Call, M), Fault> {
    let mut d = service::request_decoder(&call, stub);
    let this = get_top::<OrpcThis>(&mut d).at("ORPCTHIS").map_err(|error| Fault::from(&error))?;
    if !ComVersion::CURRENT.serves(this.version) {
        return Err(Fault::COM_VERSION_MISMATCH);
    }
    let request = service::decode_traced(&call, &mut d)?;
    Ok((call.with_orpc(this), request))
}

/// Marshals a response, and what the method wants in front of it ([`Call::set_orpc_that`]).
///
/// # Errors
///
/// The fault that the call ends in where the response has no representation or is too large.
pub fn encode_response<M: Message>(call: &Call, response: &M) -> Result<Body, Fault> {
    service::encode_body(call, |e| {
        put_top::<OrpcThat>(&call.take_orpc_that(), e).at("ORPCTHAT")?;
        response.encode(e)
    })
}

/// The table of an interface's operations: those of its base in front.
///
/// # Panics
///
/// When it is evaluated, which is when the program is compiled, unless `N` is `BASE` and `OWN`
/// together.
pub const fn inherit<T, const BASE: usize, const OWN: usize, const N: usize>(
    base: &[Option<Handler<T>>; BASE],
    own: [Option<Handler<T>>; OWN],
) -> [Option<Handler<T>>; N] {
    assert!(BASE + OWN == N, "a table has the operations of its base and its own");
    let mut table = [None; N];
    let mut index = 0;
    while index < BASE {
        table[index] = base[index];
        index += 1;
    }
    while index < N {
        table[index] = own[index - BASE];
        index += 1;
    }
    table
}

/// The answer of an operation of a COM interface that an implementer leaves out: `E_NOTIMPL`.
pub fn not_implemented<A, R, S: Status>(_arguments: A) -> std::future::Ready<Result<R, Failure<R, S>>> {
    std::future::ready(Err(if S::TRAVELS {
        S::from_wire(HResult::E_NOTIMPL.0).into()
    } else {
        Failure::Fault(Fault::OP_RANGE)
    }))
}

/// A channel whose calls belong to one causality: those that a method makes on behalf of its caller
/// ([MS-DCOM] 1.3.5).
#[derive(Clone, Debug)]
pub struct Causality<C> {
    channel: C,
    id: Uuid,
}

impl<C: Channel> Causality<C> {
    /// Calls of a causality.
    pub fn new(channel: C, id: Uuid) -> Self {
        Self { channel, id }
    }

    /// Calls that a method makes because it was called itself.
    pub fn of(call: &Call, channel: C) -> Self {
        Self::new(channel, call.orpc().map_or_else(Uuid::new_v4, |this| this.causality))
    }

    /// The causality identifier.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl<C: Channel> Channel for Causality<C> {
    fn encoding(&self) -> Encoding {
        self.channel.encoding()
    }

    fn association(&self) -> AssociationId {
        self.channel.association()
    }

    fn call(&self, opnum: u16, request: Body) -> impl Future<Output = Result<Reply, ChannelError>> + Send {
        self.channel.call(opnum, request)
    }

    fn orpc_this(&self) -> OrpcThis {
        OrpcThis { causality: self.id, ..self.channel.orpc_this() }
    }

    fn orpc_that(&self, that: &OrpcThat) {
        self.channel.orpc_that(that);
    }
}

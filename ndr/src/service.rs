//! The server's side: what a transport calls.

use std::{fmt::Debug, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::{
    Body, Call, CallLimits, DecodeError, Decoder, EncodeError, Encoder, Encoding, Failure, Fault, Interface, Level,
    Status, trace::trace,
};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An implementation of an interface, without its types: what transports call. Generated code
/// implements it for `Service<T>` of each interface.
pub trait Service: Send + Sync + 'static {
    /// The interface served.
    fn interface(&self) -> &'static Interface;

    /// Runs a call. The future must be driven to its end once it has been polled; a caller that
    /// goes away is told by [`Call::cancel`].
    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>>;
}

/// The parameters of one direction of an operation.
pub trait Message: Sized + Debug {
    /// Marshals the parameters.
    ///
    /// # Errors
    ///
    /// Says which parameter has no representation.
    fn encode(&self, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Unmarshals the parameters. What follows the last one is ignored.
    ///
    /// # Errors
    ///
    /// Says what was expected where.
    fn decode(d: &mut Decoder) -> Result<Self, DecodeError>;

    /// The stub of the message.
    ///
    /// # Errors
    ///
    /// Says which parameter has no representation.
    fn to_bytes(&self, encoding: Encoding) -> Result<Bytes, EncodeError> {
        let mut e = Encoder::new(encoding);
        self.encode(&mut e)?;
        Ok(e.into_bytes())
    }

    /// The message of a stub, checked at level 6.0.
    ///
    /// # Errors
    ///
    /// Says what was expected where.
    fn from_bytes(stub: Bytes, encoding: Encoding) -> Result<Self, DecodeError> {
        Self::decode(&mut Decoder::new(stub, encoding).level(Level::V6))
    }
}

/// Runs one operation of `T` on a complete request.
pub type Handler<T> = fn(Arc<T>, Call, Bytes) -> BoxFuture<'static, Result<Body, Fault>>;

/// Finds the operation in a service's table and runs it.
pub fn dispatch<T: Send + Sync + 'static>(
    table: &'static [Option<Handler<T>>],
    target: Arc<T>,
    call: Call,
    request: Body,
) -> BoxFuture<'static, Result<Body, Fault>> {
    let Some(Some(handler)) = table.get(usize::from(call.opnum())) else {
        return Box::pin(std::future::ready(Err(Fault::OP_RANGE)));
    };
    let limit = call.limits().max_request;
    match request.try_into_bytes() {
        Ok(stub) if stub.len() <= limit => handler(target, call, stub),
        Ok(_) => Box::pin(std::future::ready(Err(Fault::NO_RESOURCES))),
        Err(rest) => Box::pin(async move {
            let stub = rest.collect(limit).await.map_err(|_| Fault::NO_RESOURCES)?;
            handler(target, call, stub).await
        }),
    }
}

/// Unmarshals a request.
///
/// # Errors
///
/// The fault that a request that cannot be read is answered with.
pub fn decode_request<M: Message>(call: &Call, stub: Bytes) -> Result<M, Fault> {
    decode_traced(call, &mut request_decoder(call, stub))
}

/// Reads the request of a call.
pub(crate) fn request_decoder(call: &Call, stub: Bytes) -> Decoder {
    Decoder::new(stub, call.encoding()).level(call.interface().level).max_depth(call.limits().max_depth)
}

/// Unmarshals a request, and says so in the log.
pub(crate) fn decode_traced<M: Message>(call: &Call, d: &mut Decoder) -> Result<M, Fault> {
    let request = M::decode(d);
    match &request {
        Ok(request) => trace("request", request),
        // Clients can cause as many of these as they like.
        Err(error) => tracing::debug!(operation = call.operation_name(), %error, "a request cannot be read"),
    }
    request.map_err(|error| Fault::from(&error))
}

/// Marshals a response.
///
/// # Errors
///
/// The fault that the call ends in where the response has no representation or is too large.
pub fn encode_response<M: Message>(call: &Call, response: &M) -> Result<Body, Fault> {
    trace("response", response);
    encode_body(call, |e| response.encode(e))
}

/// Marshals a response; where that fails, closes the handles that were opened for it.
pub(crate) fn encode_body(
    call: &Call,
    encode: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
) -> Result<Body, Fault> {
    let body = response_body(call.limits(), call.encoding(), encode);
    if body.is_err() {
        call.close_opened();
    }
    body
}

fn response_body(
    limits: CallLimits,
    encoding: Encoding,
    encode: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
) -> Result<Body, Fault> {
    let mut e = Encoder::new(encoding).max_len(limits.max_response as u64).max_depth(limits.max_depth);
    encode(&mut e).map_err(|error| {
        tracing::warn!(%error, "a response cannot be marshalled");
        Fault::from(&error)
    })?;
    if e.position() > limits.max_response {
        return Err(Fault::NO_RESOURCES);
    }
    Ok(Body::from_chunks(e.finish()))
}

/// What a handler came to: the status to send, and the results, if there are any.
///
/// # Errors
///
/// The fault that the call ends in.
pub fn settle<R, S: Status>(outcome: Result<R, Failure<R, S>>) -> Result<(S, Option<R>), Fault> {
    match outcome {
        Ok(out) => Ok((S::from_wire(0), Some(out))),
        Err(Failure::Status { status, out }) if S::TRAVELS => Ok((status, out.map(|out| *out))),
        Err(Failure::Status { .. }) => Err(Fault::UNSPECIFIED),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// The answer of an operation that an implementer leaves out.
pub fn not_implemented<A, R, S: Status>(_arguments: A) -> std::future::Ready<Result<R, Failure<R, S>>> {
    std::future::ready(Err(Failure::Fault(Fault::OP_RANGE)))
}

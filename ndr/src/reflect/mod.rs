//! Type-erased views of messages, for tracing, dumping and testing (feature `reflect`).
//!
//! Generated code has a `REFLECTION` for each interface: with it one can decode, show, compare and
//! invent the requests and responses of every operation without naming a type.

mod automation;
mod codecs;
mod random;
mod value;

use std::{any::Any, fmt::Debug};

use crate::{Codec, DecodeError, Decoder, EncodeError, Encoder, Encoding, Interface, Message};

pub use codecs::{ReflectCharacters, ReflectDimensions, ReflectSequence};
pub use random::Random;
pub use value::Value;

/// A codec whose values can be shown and invented.
pub trait Reflect: Codec {
    /// The value without its type.
    fn reflect(value: &Self::Value) -> Value;

    /// Some value.
    fn random(random: &mut Random) -> Self::Value;
}

/// A message that can be shown and invented.
pub trait ReflectMessage: Message + Clone + Debug + Default + PartialEq + Send + 'static {
    /// The parameters, counts included, in wire order.
    fn reflect(&self) -> Value;

    /// Some message. It may have no representation: arrays that share a count may differ in length.
    fn random(random: &mut Random) -> Self;
}

/// A message without its type.
pub trait AnyMessage: Debug + Send {
    /// Marshals the message.
    ///
    /// # Errors
    ///
    /// Says which parameter has no representation.
    fn encode(&self, e: &mut Encoder) -> Result<(), EncodeError>;

    /// The parameters, counts included, in wire order.
    fn reflect(&self) -> Value;

    /// Whether another message is the same.
    fn equals(&self, other: &dyn AnyMessage) -> bool;

    /// The message with its type.
    fn as_any(&self) -> &dyn Any;
}

impl<M: ReflectMessage> AnyMessage for M {
    fn encode(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        Message::encode(self, e)
    }

    fn reflect(&self) -> Value {
        ReflectMessage::reflect(self)
    }

    fn equals(&self, other: &dyn AnyMessage) -> bool {
        other.as_any().downcast_ref::<M>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An interface and the messages of its operations.
#[derive(Debug)]
pub struct Reflection {
    /// The interface.
    pub interface: &'static Interface,
    /// The messages of each opnum; `None` in empty slots.
    pub messages: &'static [Option<Messages>],
}

/// A decoder of one type of message.
type Decode = fn(&mut Decoder) -> Result<Box<dyn AnyMessage>, DecodeError>;

/// A request and a response that belong together.
pub type Pair = (Box<dyn AnyMessage>, Box<dyn AnyMessage>);

/// The request and the response of an operation.
#[derive(Debug)]
pub struct Messages {
    /// Unmarshals a request.
    pub decode_request: Decode,
    /// Unmarshals a response.
    pub decode_response: Decode,
    /// Invents a request and a response to it.
    pub random: fn(&mut Random) -> Pair,
}

impl Messages {
    /// The request `Q` and the response `P`. `FIT` adapts the request to the response: capacities
    /// and discriminants.
    pub const fn of<Q: ReflectMessage, P: ReflectMessage, F: Fit<Q, P>>() -> Self {
        Self { decode_request: decode::<Q>, decode_response: decode::<P>, random: pair::<Q, P, F> }
    }
}

/// Adapts a random request to a random response.
pub trait Fit<Q, P> {
    /// Sets the capacities and discriminants of the request to what the response has.
    fn fit(request: &mut Q, response: &P);
}

/// A request and a response that have nothing to do with each other.
#[derive(Debug)]
pub enum NoFit {}

impl<Q, P> Fit<Q, P> for NoFit {
    fn fit(_: &mut Q, _: &P) {}
}

fn decode<M: ReflectMessage>(d: &mut Decoder) -> Result<Box<dyn AnyMessage>, DecodeError> {
    Ok(Box::new(M::decode(d)?))
}

/// Tries until both have a representation; the last resort is all zero.
fn pair<Q: ReflectMessage, P: ReflectMessage, F: Fit<Q, P>>(random: &mut Random) -> Pair {
    for _ in 0..200 {
        let mut request = Q::random(random);
        let response = P::random(random);
        F::fit(&mut request, &response);
        let good = Encoding::ALL
            .iter()
            .all(|&encoding| request.to_bytes(encoding).is_ok() && response.to_bytes(encoding).is_ok());
        if good {
            return (Box::new(request), Box::new(response));
        }
    }
    (Box::new(Q::default()), Box::new(P::default()))
}

//! UUIDs ([MS-DTYP] 2.3.4.2).

use uuid::Uuid;

use crate::{Align, Codec, DecodeError, Decoder, EncodeError, Encoder};

/// A UUID: four, two and two octets as integers, then eight octets.
#[derive(Debug)]
pub enum Guid {}

impl Codec for Guid {
    type Value = Uuid;
    const ALIGN: Align = Align::same(4);
    const MIN: usize = 16;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> Uuid {
        Uuid::nil()
    }

    #[inline]
    fn put(value: &Uuid, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align_to(4);
        if e.encoding().is_big() {
            e.raw(value.as_bytes());
        } else {
            e.raw(&value.to_bytes_le());
        }
        Ok(())
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<Uuid, DecodeError> {
        d.align_to(4);
        let big = d.encoding().is_big();
        let octets: [u8; 16] = d.octets()?;
        Ok(if big { Uuid::from_bytes(octets) } else { Uuid::from_bytes_le(octets) })
    }
}

//! Pointers: reference, unique and full (C706 14.3.10 to 14.3.12).

use std::{any::Any, marker::PhantomData, sync::Arc};

use crate::{Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, Encoder};

/// A `[unique]` pointer: NULL or a value, never an alias.
#[derive(Debug)]
pub struct Unique<C>(PhantomData<C>);

impl<C: Codec> Codec for Unique<C> {
    type Value = Option<C::Value>;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    #[inline]
    fn zero() -> Self::Value {
        None
    }

    #[inline]
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.referent(value.is_some());
        Ok(())
    }

    #[inline]
    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        match value {
            Some(value) => put_pointee::<C>(value, e),
            None => Ok(()),
        }
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        Ok((d.count()? != 0).then(C::zero))
    }

    #[inline]
    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        match value {
            Some(value) => get_pointee::<C>(value, d),
            None => Ok(()),
        }
    }
}

/// A `[ref]` pointer inside a structure, array or other pointer: never NULL, though four (NDR64:
/// eight) octets stand in place for it. Top-level reference pointers leave no trace on the wire
/// and have no codec.
#[derive(Debug)]
pub struct Ref<C>(PhantomData<C>);

impl<C: Codec> Codec for Ref<C> {
    type Value = C::Value;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    #[inline]
    fn zero() -> C::Value {
        C::zero()
    }

    #[inline]
    fn put(_: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.referent(true);
        Ok(())
    }

    #[inline]
    fn put_deferred(value: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        put_pointee::<C>(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<C::Value, DecodeError> {
        // In NDR the octets of an embedded reference pointer may have any value; in NDR64 they
        // must not be 0 ([MS-RPCE] 2.2.5.3.5.1).
        if d.count()? == 0 && d.encoding().is_ndr64() {
            return Err(d.error(DecodeErrorKind::NullReference));
        }
        Ok(C::zero())
    }

    #[inline]
    fn get_deferred(value: &mut C::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        get_pointee::<C>(value, d)
    }
}

/// A `[ref]` pointer that is an element of an array: in NDR nothing stands in place for it (C706
/// 14.3.12.2), in NDR64 it is as everywhere ([MS-RPCE] 2.2.5.3.5.1).
#[derive(Debug)]
pub struct ArrayRef<C>(PhantomData<C>);

impl<C: Codec> Codec for ArrayRef<C> {
    type Value = C::Value;
    const ALIGN: Align = Align::of(1, 8);
    const MIN: usize = 0;

    #[inline]
    fn zero() -> C::Value {
        C::zero()
    }

    #[inline]
    fn put(value: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        if e.encoding().is_ndr64() { Ref::<C>::put(value, e) } else { Ok(()) }
    }

    #[inline]
    fn put_deferred(value: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        put_pointee::<C>(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<C::Value, DecodeError> {
        if d.encoding().is_ndr64() { Ref::<C>::get(d) } else { Ok(C::zero()) }
    }

    #[inline]
    fn get_deferred(value: &mut C::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        get_pointee::<C>(value, d)
    }
}

#[inline]
pub(crate) fn put_pointee<C: Codec>(value: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
    if C::LEAF {
        return C::put(value, e);
    }
    e.descend()?;
    C::put(value, e)?;
    C::put_deferred(value, e)?;
    e.ascend();
    Ok(())
}

#[inline]
pub(crate) fn get_pointee<C: Codec>(value: &mut C::Value, d: &mut Decoder) -> Result<(), DecodeError> {
    if C::LEAF {
        *value = C::get(d)?;
        return Ok(());
    }
    let frame = d.descend()?;
    *value = C::get(d)?;
    C::get_deferred(value, d)?;
    d.ascend(frame);
    Ok(())
}

/// A `[ptr]` pointer: NULL, a value, or the value of another full pointer of the same stub.
#[derive(Debug)]
pub struct Full<C>(PhantomData<C>);

impl<C> Codec for Full<C>
where
    C: Codec,
    C::Value: Send + Sync + 'static,
{
    type Value = Option<Arc<C::Value>>;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    fn zero() -> Self::Value {
        None
    }

    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.full_referent(value.as_ref().map(|value| Arc::as_ptr(value).addr()));
        Ok(())
    }

    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        match value {
            Some(value) if e.full_pointee(Arc::as_ptr(value).addr()) => put_pointee::<C>(value, e),
            _ => {
                // A capacity for an array that is not written again must not reach the next one.
                e.drop_capacity();
                Ok(())
            }
        }
    }

    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        let referent = d.count()?;
        if referent == 0 {
            return Ok(None);
        }
        d.queue_full(referent);
        Ok(Some(Arc::new(C::zero())))
    }

    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        if value.is_none() {
            return Ok(());
        }
        let referent = d.next_full();
        let known = match d.full_pointee(referent) {
            Some(Some(known)) => known,
            // A pointee that contains a pointer to itself cannot be built from `Arc`s.
            Some(None) => return Err(d.error(DecodeErrorKind::BadReferent { referent })),
            None => {
                d.set_full_pointee(referent, None);
                let mut pointee = C::zero();
                get_pointee::<C>(&mut pointee, d)?;
                let pointee: Arc<dyn Any + Send + Sync> = Arc::new(pointee);
                d.set_full_pointee(referent, Some(Arc::clone(&pointee)));
                pointee
            }
        };
        match known.downcast() {
            Ok(pointee) => *value = Some(pointee),
            Err(_) => return Err(d.error(DecodeErrorKind::BadReferent { referent })),
        }
        Ok(())
    }
}

/// A `[ptr]` pointer to a scalar, as Rust copies it: an alias is a copy, and nothing that is written
/// is one.
#[derive(Debug)]
pub struct FullScalar<C>(PhantomData<C>);

impl<C> Codec for FullScalar<C>
where
    C: Codec,
    C::Value: Clone + Send + Sync + 'static,
{
    type Value = Option<C::Value>;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    fn zero() -> Self::Value {
        None
    }

    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        Unique::<C>::put(value, e)
    }

    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        Unique::<C>::put_deferred(value, e)
    }

    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        Ok(Full::<C>::get(d)?.map(|_| C::zero()))
    }

    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        let Some(pointee) = value else { return Ok(()) };
        let mut full = Some(Arc::new(C::zero()));
        Full::<C>::get_deferred(&mut full, d)?;
        if let Some(full) = full {
            pointee.clone_from(&full);
        }
        Ok(())
    }
}

/// A value on the heap, for types that contain themselves. Leaves no trace on the wire.
#[derive(Debug)]
pub struct Boxed<C>(PhantomData<C>);

impl<C: Codec> Codec for Boxed<C> {
    type Value = Box<C::Value>;
    const ALIGN: Align = C::ALIGN;
    const MIN: usize = C::MIN;
    const LEAF: bool = C::LEAF;

    fn zero() -> Self::Value {
        Box::new(C::zero())
    }

    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        C::put(value, e)
    }

    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        C::put_deferred(value, e)
    }

    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        C::get(d).map(Box::new)
    }

    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        C::get_deferred(value, d)
    }
}

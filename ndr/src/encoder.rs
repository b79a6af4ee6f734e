//! Marshalling: values to octets.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Align, EncodeError, EncodeErrorKind, Encoding};

/// First referent of a stub; the next ones follow in steps of four, as Windows does it.
const FIRST_REFERENT: u32 = 0x0002_0000;
/// Octets that most stubs fit in.
const FIRST_CHUNK: usize = 1024;
/// A buffer of this size is not copied into a larger one, but becomes a chunk.
const FULL_CHUNK: usize = 8 * 1024;
/// Size of the largest buffer made in advance.
const LARGEST_CHUNK: usize = 64 * 1024;
/// What capacities are filled up from.
static ZEROS: [u8; Encoder::OWN_CHUNK] = [0; Encoder::OWN_CHUNK];
/// Elements that NDR can count ([MS-RPCE] 3.1.1.5.3.2.2.1).
const MAX_COUNT: u64 = 0x7fff_ffff;

/// Writes one stub.
///
/// Alignment counts from the start of the stub. Padding is zero. Large octet arrays are not
/// copied: [`finish`](Self::finish) yields the stub as chunks.
#[derive(Debug)]
pub struct Encoder {
    buf: Vec<u8>,
    /// Octets in `chunks`.
    flushed: usize,
    chunks: Vec<Bytes>,
    encoding: Encoding,
    next_referent: u32,
    capacity: Option<u64>,
    /// Maximum counts of arrays within arrays.
    inner: InnerCapacities,
    first: u64,
    depth: u16,
    max_depth: u16,
    max_len: u64,
    /// How many marks have still to be filled in: until then nothing becomes a chunk.
    marks: u32,
    /// Full pointers seen, by address.
    full: BTreeMap<usize, FullPointee>,
}

/// Maximum counts of arrays within arrays, by slot.
pub(crate) type InnerCapacities = [u64; Encoder::INNER_SLOTS];

/// A place that is filled in later.
#[derive(Debug)]
#[must_use]
pub(crate) struct Mark {
    /// Where it lies in the buffer.
    at: usize,
    /// Where it lies in the stub.
    start: usize,
}

#[derive(Debug)]
struct FullPointee {
    referent: u32,
    written: bool,
}

impl Encoder {
    /// How many arrays of one element may stand within each other with capacities of their own.
    pub const INNER_SLOTS: usize = 4;
    /// Default of [`max_depth`](Self::max_depth).
    pub const DEFAULT_MAX_DEPTH: u16 = 256;
    /// An octet array of this size or more is passed on as a chunk of its own instead of being
    /// copied.
    pub(crate) const OWN_CHUNK: usize = 32 * 1024;

    /// An empty stub.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            buf: Vec::with_capacity(FIRST_CHUNK),
            flushed: 0,
            chunks: Vec::new(),
            encoding,
            next_referent: FIRST_REFERENT,
            capacity: None,
            inner: InnerCapacities::default(),
            first: 0,
            depth: 0,
            max_depth: Self::DEFAULT_MAX_DEPTH,
            max_len: u64::MAX,
            marks: 0,
            full: BTreeMap::new(),
        }
    }

    /// Goes on with a stub of which `position` octets have been written elsewhere: for alignment.
    /// [`max_len`](Self::max_len) counts from here.
    pub(crate) fn resume(encoding: Encoding, position: u64) -> Self {
        Self { flushed: (position % 8) as usize, ..Self::new(encoding) }
    }

    /// Limits how deeply pointers may nest.
    pub fn max_depth(mut self, pointers: u16) -> Self {
        self.max_depth = pointers;
        self
    }

    /// Limits the size of the stub in octets, so that a small request cannot make a server fill
    /// gigabytes of zeros.
    pub fn max_len(mut self, octets: u64) -> Self {
        self.max_len = octets;
        self
    }

    /// The encoding written.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Octets written so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.flushed + self.buf.len()
    }

    /// The stub, as chunks in order.
    pub fn finish(mut self) -> Vec<Bytes> {
        if !self.buf.is_empty() {
            self.chunks.push(Bytes::from(self.buf));
        }
        self.chunks
    }

    /// The stub in one piece; copies if it has several chunks.
    pub fn into_bytes(mut self) -> Bytes {
        if self.chunks.is_empty() {
            return Bytes::from(self.buf);
        }
        let mut all = Vec::with_capacity(self.position());
        for chunk in self.chunks.drain(..) {
            all.extend_from_slice(&chunk);
        }
        all.extend_from_slice(&self.buf);
        Bytes::from(all)
    }

    /// Pads with zeros up to an alignment in octets.
    #[inline]
    pub fn align_to(&mut self, octets: usize) {
        let gap = self.position().wrapping_neg() & (octets - 1);
        if gap != 0 {
            self.room(8);
            self.buf.extend_from_slice(&[0; 8]);
            self.buf.truncate(self.buf.len() - 8 + gap);
        }
    }

    /// Makes room in the buffer.
    #[inline]
    fn room(&mut self, octets: usize) {
        if self.buf.capacity() - self.buf.len() < octets {
            self.grow(octets);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, octets: usize) {
        if self.buf.len() < FULL_CHUNK || self.marks != 0 {
            self.buf.reserve(octets.max(self.buf.len()).max(256));
        } else {
            let size = (2 * self.buf.len()).min(LARGEST_CHUNK).max(octets);
            self.flush(Vec::with_capacity(size));
        }
    }

    /// Makes the buffer a chunk, and begins another.
    fn flush(&mut self, next: Vec<u8>) {
        let full = std::mem::replace(&mut self.buf, next);
        if !full.is_empty() {
            self.flushed += full.len();
            self.chunks.push(Bytes::from(full));
        }
    }

    /// Pads up to a type's alignment.
    #[inline]
    pub fn align(&mut self, align: Align) {
        self.align_to(align.get(self.encoding));
    }

    /// Pads up to the alignment of a union: NDR64 aligns a union to its largest arm ([MS-RPCE]
    /// 2.2.5.3.4.4), NDR to its discriminant, which aligns itself.
    #[inline]
    pub fn align_union(&mut self, align: Align) {
        if self.encoding.is_ndr64() {
            self.align_to(usize::from(align.ndr64));
        }
    }

    /// The trailing gap of a structure: NDR64 pads it to a multiple of its alignment ([MS-RPCE]
    /// 2.2.5.3.4.1), NDR does not.
    #[inline]
    pub fn trailing_gap(&mut self, align: Align) {
        if self.encoding.is_ndr64() {
            self.align_to(usize::from(align.ndr64));
        }
    }

    /// An octet.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.room(1);
        self.buf.push(value);
    }

    /// Two octets.
    #[inline]
    pub fn u16(&mut self, value: u16) {
        self.align_to(2);
        self.room(2);
        let value = if self.encoding.is_big() { value.to_be() } else { value.to_le() };
        self.buf.extend_from_slice(&value.to_ne_bytes());
    }

    /// Four octets.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.align_to(4);
        self.room(4);
        let value = if self.encoding.is_big() { value.to_be() } else { value.to_le() };
        self.buf.extend_from_slice(&value.to_ne_bytes());
    }

    /// Eight octets.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.align_to(8);
        self.room(8);
        let value = if self.encoding.is_big() { value.to_be() } else { value.to_le() };
        self.buf.extend_from_slice(&value.to_ne_bytes());
    }

    /// An enumeration without `v1_enum`: two octets in NDR, four in NDR64.
    #[inline]
    pub fn enum16(&mut self, value: u32) -> Result<(), EncodeError> {
        if self.encoding.is_ndr64() {
            self.u32(value);
        } else {
            let Ok(short) = u16::try_from(value) else {
                return Err(does_not_fit(value.into(), "16-bit enumeration"));
            };
            self.u16(short);
        }
        Ok(())
    }

    /// `unsigned __int3264`: four octets in NDR, eight in NDR64 ([MS-RPCE] 2.2.4.1.2).
    #[inline]
    pub fn uint3264(&mut self, value: u64) -> Result<(), EncodeError> {
        if self.encoding.is_ndr64() {
            self.u64(value);
        } else {
            let Ok(word) = u32::try_from(value) else {
                return Err(does_not_fit(value, "32-bit integer"));
            };
            self.u32(word);
        }
        Ok(())
    }

    /// `__int3264`.
    #[inline]
    pub fn int3264(&mut self, value: i64) -> Result<(), EncodeError> {
        if self.encoding.is_ndr64() {
            self.u64(value as u64);
        } else {
            let Ok(word) = i32::try_from(value) else {
                return Err(does_not_fit(value as u64, "32-bit integer"));
            };
            self.u32(word as u32);
        }
        Ok(())
    }

    /// A count or an offset: four octets in NDR, eight in NDR64.
    #[inline]
    pub fn count(&mut self, count: u64) -> Result<(), EncodeError> {
        if count > MAX_COUNT {
            return Err(too_long(count));
        }
        if self.encoding.is_ndr64() {
            self.u64(count);
        } else {
            self.u32(count as u32);
        }
        Ok(())
    }

    /// Maximum count, offset 0 and actual count of a string in one step.
    #[inline]
    pub(crate) fn string_counts(&mut self, max: u64, actual: u64) -> Result<(), EncodeError> {
        if max > MAX_COUNT {
            return Err(too_long(max));
        }
        self.align(Align::WORD);
        if self.encoding.is_ndr64() {
            self.room(24);
            let (mut counts, actual) = ([0; 24], actual.to_le_bytes());
            counts[..8].copy_from_slice(&max.to_le_bytes());
            counts[16..].copy_from_slice(&actual);
            self.buf.extend_from_slice(&counts);
        } else {
            self.room(12);
            let (max, actual) = (max as u32, actual as u32);
            let big = self.encoding.is_big();
            let (max, actual) = if big { (max.to_be(), actual.to_be()) } else { (max.to_le(), actual.to_le()) };
            let mut counts = [0; 12];
            counts[..4].copy_from_slice(&max.to_ne_bytes());
            counts[8..].copy_from_slice(&actual.to_ne_bytes());
            self.buf.extend_from_slice(&counts);
        }
        Ok(())
    }

    /// The terminator of a wide string, which needs no alignment after its characters.
    #[inline]
    pub(crate) fn wide_terminator(&mut self) {
        self.room(2);
        self.buf.extend_from_slice(&[0, 0]);
    }

    /// The referent of a pointer: 0 for NULL, else a new one.
    #[inline]
    pub fn referent(&mut self, present: bool) {
        let referent = if present { self.new_referent() } else { 0 };
        self.put_referent(referent);
    }

    /// The referent of a full pointer: the same for the same address. `None` is NULL.
    pub(crate) fn full_referent(&mut self, address: Option<usize>) {
        let referent = match address {
            None => 0,
            Some(address) => match self.full.get(&address) {
                Some(known) => known.referent,
                None => {
                    let referent = self.new_referent();
                    self.full.insert(address, FullPointee { referent, written: false });
                    referent
                }
            },
        };
        self.put_referent(referent);
    }

    /// Whether the pointee of a full pointer has still to be written; from now on it has not.
    pub(crate) fn full_pointee(&mut self, address: usize) -> bool {
        match self.full.get_mut(&address) {
            Some(pointee) => !std::mem::replace(&mut pointee.written, true),
            None => false,
        }
    }

    #[inline]
    fn new_referent(&mut self) -> u32 {
        let referent = self.next_referent;
        self.next_referent = self.next_referent.wrapping_add(4);
        referent
    }

    #[inline]
    fn put_referent(&mut self, referent: u32) {
        if self.encoding.is_ndr64() {
            self.u64(referent.into());
        } else {
            self.u32(referent);
        }
    }

    /// A place of four octets that is filled in later, when what comes after it is known.
    pub(crate) fn mark(&mut self) -> Mark {
        self.u32(0);
        self.marks += 1;
        Mark { at: self.buf.len() - 4, start: self.position() - 4 }
    }

    /// Octets written since a mark was made, its own included.
    pub(crate) fn since(&self, mark: &Mark) -> usize {
        self.position() - mark.start
    }

    /// Fills a mark in.
    pub(crate) fn fill(&mut self, mark: Mark, value: u32) {
        let value = if self.encoding.is_big() { value.to_be_bytes() } else { value.to_le_bytes() };
        if let Some(place) = self.buf.get_mut(mark.at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = value;
        }
        self.marks -= 1;
    }

    /// Marshals something little-endian, whatever the byte order of the stub: what [MS-OAUT] and
    /// [MS-DCOM] say of many of their types.
    pub(crate) fn little<T>(&mut self, put: impl FnOnce(&mut Self) -> T) -> T {
        let encoding = self.encoding;
        self.encoding = encoding.little();
        let done = put(self);
        self.encoding = encoding;
        done
    }

    /// Octets, without alignment.
    #[inline]
    pub fn raw(&mut self, octets: &[u8]) {
        self.room(octets.len());
        self.buf.extend_from_slice(octets);
    }

    /// Octets of several scalars, without alignment.
    #[inline]
    pub(crate) fn extend<const N: usize>(&mut self, scalars: impl Iterator<Item = [u8; N]>) {
        self.buf.extend(scalars.flatten());
    }

    /// Octets that are kept as they are; large ones become a chunk of their own.
    pub fn shared(&mut self, octets: &Bytes) -> Result<(), EncodeError> {
        if octets.len() < Self::OWN_CHUNK {
            self.raw(octets);
            return Ok(());
        }
        self.check_len(octets.len() as u64)?;
        if self.marks != 0 {
            self.raw(octets);
            return Ok(());
        }
        self.flush(Vec::new());
        self.flushed += octets.len();
        self.chunks.push(octets.clone());
        Ok(())
    }

    /// Room for `octets` more; fails where the stub would exceed its limit.
    pub fn reserve(&mut self, octets: usize) -> Result<(), EncodeError> {
        self.check_len(octets as u64)?;
        self.room(octets);
        Ok(())
    }

    fn check_len(&self, more: u64) -> Result<(), EncodeError> {
        if (self.position() as u64).saturating_add(more) > self.max_len {
            return Err(EncodeError::new(EncodeErrorKind::TooLarge { limit: self.max_len }));
        }
        Ok(())
    }

    /// Zero octets, without alignment.
    pub fn zeros(&mut self, octets: usize) -> Result<(), EncodeError> {
        self.check_len(octets as u64)?;
        if octets < Self::OWN_CHUNK || self.marks != 0 {
            self.room(octets);
            self.buf.resize(self.buf.len() + octets, 0);
            return Ok(());
        }
        self.flush(Vec::new());
        self.flushed += octets;
        self.chunks.extend(std::iter::repeat_n(Bytes::from_static(&ZEROS), octets / ZEROS.len()));
        let rest = octets % ZEROS.len();
        if rest != 0 {
            self.chunks.push(Bytes::from_static(&ZEROS).slice(..rest));
        }
        Ok(())
    }

    /// Two-octet scalars whose octets are swapped, without alignment.
    pub(crate) fn swapped(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        self.reserve(octets.len())?;
        let start = self.buf.len();
        self.buf.extend_from_slice(octets);
        let (units, _) = self.buf.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
        units.iter_mut().for_each(|unit| *unit = u16::from_le_bytes(*unit).to_be_bytes());
        Ok(())
    }

    /// Gives the array that is marshalled next a maximum count of its own, instead of its length.
    #[inline]
    pub fn set_capacity(&mut self, elements: impl Into<u64>) {
        self.capacity = Some(elements.into());
    }

    /// Gives all arrays within an array that have this slot ([`Capped`](crate::Capped)) a maximum
    /// count of their own.
    #[inline]
    pub fn set_inner_capacity(&mut self, slot: usize, elements: impl Into<u64>) {
        if let Some(place) = self.inner.get_mut(slot) {
            *place = elements.into();
        }
    }

    /// The maximum count of an array of `len` elements that has this slot.
    pub(crate) fn inner_capacity(&self, slot: usize, len: usize) -> Result<u64, EncodeError> {
        let (len, capacity) = (len as u64, self.inner.get(slot).copied().unwrap_or_default());
        if len > capacity {
            return Err(EncodeError::new(EncodeErrorKind::OverCapacity { len, capacity }));
        }
        Ok(capacity)
    }

    /// All maximum counts of arrays within arrays: what is marshalled in between may have its own.
    pub(crate) fn inner_capacities(&mut self) -> &mut InnerCapacities {
        &mut self.inner
    }

    /// Forgets a capacity that was given to an array that is not written.
    #[inline]
    pub(crate) fn drop_capacity(&mut self) {
        self.capacity = None;
        self.first = 0;
    }

    /// Says at which element the array that is marshalled next begins (`first_is`).
    #[inline]
    pub fn set_first(&mut self, element: impl Into<u64>) {
        self.first = element.into();
    }

    /// The element that the array begins at.
    #[inline]
    pub(crate) fn take_first(&mut self) -> u64 {
        std::mem::take(&mut self.first)
    }

    /// The maximum count of an array of `len` elements: the capacity given for it, or its length.
    #[inline]
    pub(crate) fn take_capacity(&mut self, len: usize) -> Result<u64, EncodeError> {
        let len = len as u64;
        match self.capacity.take() {
            None => Ok(len),
            Some(capacity) if capacity >= len => Ok(capacity),
            Some(capacity) => Err(EncodeError::new(EncodeErrorKind::OverCapacity { len, capacity })),
        }
    }

    /// Checks the length of an array against the count that dictates it.
    #[inline]
    pub fn expect_count(&self, count: &'static str, dictated: u64, found: usize) -> Result<(), EncodeError> {
        if dictated == found as u64 {
            return Ok(());
        }
        let kind = EncodeErrorKind::CountMismatch { count, expected: dictated, found: found as u64 };
        Err(EncodeError::new(kind))
    }

    /// Checks a value against its `[range]`.
    #[inline]
    pub fn expect_range(&self, value: i64, min: i64, max: i64) -> Result<(), EncodeError> {
        if (min..=max).contains(&value) {
            return Ok(());
        }
        Err(EncodeError::new(EncodeErrorKind::OutOfRange { value, min, max }))
    }

    /// Checks a union's arm against the discriminant that dictates it.
    #[inline]
    pub fn expect_tag(&self, dictated: u64, found: u64) -> Result<(), EncodeError> {
        if dictated == found {
            return Ok(());
        }
        Err(EncodeError::new(EncodeErrorKind::TagMismatch { expected: dictated, found }))
    }

    /// Enters a pointee.
    #[inline]
    pub(crate) fn descend(&mut self) -> Result<(), EncodeError> {
        if self.depth >= self.max_depth {
            return Err(EncodeError::new(EncodeErrorKind::TooDeep { limit: self.max_depth }));
        }
        self.depth += 1;
        Ok(())
    }

    /// Leaves a pointee.
    #[inline]
    pub(crate) fn ascend(&mut self) {
        self.depth -= 1;
    }
}

#[cold]
fn too_long(len: u64) -> EncodeError {
    EncodeError::new(EncodeErrorKind::TooLong { len })
}

#[cold]
fn does_not_fit(value: u64, wire: &'static str) -> EncodeError {
    EncodeError::new(EncodeErrorKind::DoesNotFit { value, wire })
}

/// The value of a count that arrays of these lengths decide.
///
/// # Errors
///
/// Fails where the lengths differ, and where they do not fit the count's type.
#[inline]
pub fn derive_count<T: TryFrom<usize>>(count: &'static str, lengths: &[usize]) -> Result<T, EncodeError> {
    let first = lengths.first().copied().unwrap_or_default();
    if let Some(&other) = lengths.iter().find(|&&length| length != first) {
        let (expected, found) = (first as u64, other as u64);
        return Err(EncodeError::new(EncodeErrorKind::CountMismatch { count, expected, found }));
    }
    T::try_from(first).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: first as u64 }))
}

/// A union's variant that carries a discriminant which selects another arm.
#[cold]
pub fn wrong_arm(tag: u64) -> EncodeError {
    EncodeError::new(EncodeErrorKind::WrongArm { tag })
}

//! Unmarshalling: octets to values.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{Align, DecodeError, DecodeErrorKind, Encoding, Level, WString};

/// Octets of a big-endian stub that are swapped at a time for its wide strings.
const WINDOW: usize = 32 * 1024;

/// Reads one stub.
///
/// Nothing is allocated for octets that are not there: a count is held against what is left before
/// anything is reserved. Padding is ignored ([MS-RPCE] 3.1.1.5.3.2.2.6), and so is what follows
/// the last parameter.
#[derive(Debug)]
pub struct Decoder {
    data: Bytes,
    pos: usize,
    encoding: Encoding,
    level: Level,
    max_count: u64,
    first: u64,
    depth: u16,
    max_depth: u16,
    /// Full pointers: `None` while the pointee is being unmarshalled.
    full: BTreeMap<u64, Option<Arc<dyn Any + Send + Sync>>>,
    /// Referents of full pointers whose deferred part has not been read yet, and how many of them
    /// the present pointee has taken.
    full_queue: Vec<u64>,
    full_taken: usize,
    /// Counts that dictate arrays whose deferred part has not been read yet, and how many of them
    /// the present pointee has taken.
    count_queue: Vec<u64>,
    count_taken: usize,
    /// What the wide strings read last share.
    text: Option<Text>,
}

/// Octets of a stub with little-endian code units.
#[derive(Debug)]
struct Text {
    octets: Arc<Bytes>,
    /// Where they lie in the stub.
    start: usize,
    end: usize,
}

/// A place for a count that dictates a deferred array; see [`Decoder::reserve_count`].
#[derive(Debug)]
#[must_use]
pub struct CountSlot(usize);

/// Where the surroundings of a pointee stood; see [`Decoder::descend`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Frame {
    full: (usize, usize),
    count: (usize, usize),
}

impl Decoder {
    /// Default of [`max_depth`](Self::max_depth).
    pub const DEFAULT_MAX_DEPTH: u16 = 256;

    /// Reads a whole stub, which begins at the first octet.
    pub fn new(data: Bytes, encoding: Encoding) -> Self {
        Self {
            data,
            pos: 0,
            encoding,
            level: Level::V5,
            max_count: 0,
            first: 0,
            depth: 0,
            max_depth: Self::DEFAULT_MAX_DEPTH,
            full: BTreeMap::new(),
            full_queue: Vec::new(),
            full_taken: 0,
            count_queue: Vec::new(),
            count_taken: 0,
            text: None,
        }
    }

    /// Reads on at an octet of a stub.
    pub(crate) fn at(mut self, position: usize) -> Self {
        self.pos = position;
        self
    }

    /// Sets the target level of the consistency checks ([MS-RPCE] 3.1.1.5.3).
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Limits how deeply pointers may nest.
    pub fn max_depth(mut self, pointers: u16) -> Self {
        self.max_depth = pointers;
        self
    }

    /// The encoding read.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Octets read so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Octets left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.pos)
    }

    /// An error at the present place.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.pos, kind)
    }

    /// Skips up to an alignment in octets.
    #[inline]
    pub fn align_to(&mut self, octets: usize) {
        self.pos = (self.pos + octets - 1) & !(octets - 1);
    }

    /// Skips up to a type's alignment.
    #[inline]
    pub fn align(&mut self, align: Align) {
        self.align_to(align.get(self.encoding));
    }

    /// Skips up to the alignment of a union, which only NDR64 has.
    #[inline]
    pub fn align_union(&mut self, align: Align) {
        self.trailing_gap(align);
    }

    /// Skips the trailing gap of a structure, which only NDR64 has.
    #[inline]
    pub fn trailing_gap(&mut self, align: Align) {
        if self.encoding.is_ndr64() {
            self.align_to(usize::from(align.ndr64));
        }
    }

    /// The next octets, without taking them.
    #[inline]
    pub(crate) fn need(&self, octets: usize) -> Result<&[u8], DecodeError> {
        let rest = self.data.get(self.pos..).unwrap_or_default();
        rest.get(..octets).ok_or_else(|| self.truncated(octets))
    }

    /// Takes octets that [`need`](Self::need) has shown.
    #[inline]
    pub(crate) fn skip(&mut self, octets: usize) {
        self.pos += octets;
    }

    #[inline]
    pub(crate) fn octets<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.data.get(self.pos..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(octets) => {
                self.pos += N;
                Ok(*octets)
            }
            None => Err(self.truncated(N)),
        }
    }

    #[cold]
    fn truncated(&self, expected: usize) -> DecodeError {
        let remaining = self.remaining() as u64;
        self.error(DecodeErrorKind::Truncated { expected: expected as u64, remaining })
    }

    /// An octet.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.octets().map(|[octet]| octet)
    }

    /// Two octets.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.align_to(2);
        let value = self.octets()?;
        Ok(if self.encoding.is_big() { u16::from_be_bytes(value) } else { u16::from_le_bytes(value) })
    }

    /// Four octets.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.align_to(4);
        let value = self.octets()?;
        Ok(if self.encoding.is_big() { u32::from_be_bytes(value) } else { u32::from_le_bytes(value) })
    }

    /// Eight octets.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.align_to(8);
        let value = self.octets()?;
        Ok(if self.encoding.is_big() { u64::from_be_bytes(value) } else { u64::from_le_bytes(value) })
    }

    /// An enumeration without `v1_enum`: two octets in NDR, four in NDR64.
    #[inline]
    pub fn enum16(&mut self) -> Result<u32, DecodeError> {
        if self.encoding.is_ndr64() { self.u32() } else { self.u16().map(u32::from) }
    }

    /// `unsigned __int3264`: four octets in NDR, eight in NDR64.
    #[inline]
    pub fn uint3264(&mut self) -> Result<u64, DecodeError> {
        if self.encoding.is_ndr64() { self.u64() } else { self.u32().map(u64::from) }
    }

    /// `__int3264`.
    #[inline]
    pub fn int3264(&mut self) -> Result<i64, DecodeError> {
        if self.encoding.is_ndr64() {
            self.u64().map(|value| value as i64)
        } else {
            self.u32().map(|value| i64::from(value as i32))
        }
    }

    /// A count, an offset or a referent: four octets in NDR, eight in NDR64.
    #[inline]
    pub fn count(&mut self) -> Result<u64, DecodeError> {
        self.uint3264()
    }

    /// The offset of a varying array or string, which must be 0 ([MS-RPCE] 3.1.1.5.3.2.1.7).
    #[inline]
    pub fn zero_offset(&mut self) -> Result<(), DecodeError> {
        match self.count()? {
            0 => Ok(()),
            found => Err(self.error(DecodeErrorKind::Offset { found })),
        }
    }

    /// Holds a count against the octets left, `min` octets an element, and makes it a `usize`.
    #[inline]
    pub fn check_count(&self, count: u64, min: usize) -> Result<usize, DecodeError> {
        let expected = count.saturating_mul(min.max(1) as u64);
        if expected > self.remaining() as u64 {
            return Err(self.count_too_large(count, expected));
        }
        Ok(count as usize)
    }

    #[cold]
    fn count_too_large(&self, count: u64, expected: u64) -> DecodeError {
        self.error(DecodeErrorKind::CountTooLarge { count, expected, remaining: self.remaining() as u64 })
    }

    /// The next octets, shared with the stub.
    #[inline]
    pub fn shared(&mut self, octets: usize) -> Result<Bytes, DecodeError> {
        if octets == 0 {
            return Ok(Bytes::new());
        }
        match self.pos.checked_add(octets) {
            Some(end) if end <= self.data.len() => {
                let slice = self.data.slice(self.pos..end);
                self.pos = end;
                Ok(slice)
            }
            _ => Err(self.truncated(octets)),
        }
    }

    /// The next octets, borrowed.
    #[inline]
    pub fn raw(&mut self, octets: usize) -> Result<&[u8], DecodeError> {
        match self.pos.checked_add(octets) {
            Some(end) if end <= self.data.len() => {
                let start = std::mem::replace(&mut self.pos, end);
                Ok(self.data.get(start..end).unwrap_or_default())
            }
            _ => Err(self.truncated(octets)),
        }
    }

    /// Takes octets that [`need`](Self::need) has shown; the first of them are a string.
    #[inline]
    pub(crate) fn wide(&mut self, octets: usize, of_string: usize) -> WString {
        let start = self.pos;
        let end = start + of_string;
        self.pos += octets;
        if self.text.as_ref().is_none_or(|text| start < text.start || end > text.end) {
            self.text = Some(self.text_from(start, of_string));
        }
        match &self.text {
            Some(text) => WString::within(&text.octets, start - text.start, end - text.start),
            None => WString::new(),
        }
    }

    /// What the string at `start` and those after it share: the stub, or a part of it swapped.
    #[cold]
    fn text_from(&self, start: usize, of_string: usize) -> Text {
        if !self.encoding.is_big() {
            return Text { octets: Arc::new(self.data.clone()), start: 0, end: self.data.len() };
        }
        let rest = self.data.get(start..).unwrap_or_default();
        let part = rest.get(..of_string.max(WINDOW)).unwrap_or(rest);
        let mut octets = part.to_vec();
        octets.as_chunks_mut::<2>().0.iter_mut().for_each(|unit| *unit = u16::from_be_bytes(*unit).to_le_bytes());
        Text { end: start + octets.len(), octets: Arc::new(octets.into()), start }
    }

    /// Unmarshals something little-endian, whatever the byte order of the stub.
    pub(crate) fn little<T>(&mut self, get: impl FnOnce(&mut Self) -> T) -> T {
        if !self.encoding.is_big() {
            return get(self);
        }
        // Strings share octets that are swapped, or not, according to the byte order.
        let (encoding, text) = (self.encoding, self.text.take());
        self.encoding = encoding.little();
        let done = get(self);
        (self.encoding, self.text) = (encoding, text);
        done
    }

    /// Counts in a row.
    #[inline]
    fn counts<const N: usize>(&mut self) -> Result<[u64; N], DecodeError> {
        if self.encoding.is_ndr64() {
            self.align_to(8);
            let words = self.need(8 * N)?.as_chunks().0;
            let counts = std::array::from_fn(|i| words.get(i).map_or(0, |&word| u64::from_le_bytes(word)));
            self.skip(8 * N);
            return Ok(counts);
        }
        self.align_to(4);
        let big = self.encoding.is_big();
        let words = self.need(4 * N)?.as_chunks().0;
        let count = |word| u64::from(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) });
        let counts = std::array::from_fn(|i| words.get(i).map_or(0, |&word| count(word)));
        self.skip(4 * N);
        Ok(counts)
    }

    /// Maximum count, offset and actual count of a conformant string: the maximum and the number
    /// of characters, which is neither 0 nor more than the octets left can hold.
    #[inline]
    pub(crate) fn string_counts(&mut self, size: usize) -> Result<(u64, usize), DecodeError> {
        let [max, offset, actual] = self.counts()?;
        self.check_string(max, offset, actual, size).map(|count| (max, count))
    }

    /// Offset and actual count of a string in a fixed array: the number of characters.
    #[inline]
    pub(crate) fn fixed_string_counts(&mut self, max: usize, size: usize) -> Result<usize, DecodeError> {
        let [offset, actual] = self.counts()?;
        self.check_string(max as u64, offset, actual, size)
    }

    #[inline]
    fn check_string(&self, max: u64, offset: u64, actual: u64, size: usize) -> Result<usize, DecodeError> {
        let octets = actual.saturating_mul(size as u64);
        if offset == 0 && actual != 0 && actual <= max && octets <= self.remaining() as u64 {
            return Ok(actual as usize);
        }
        Err(self.bad_string(max, offset, actual, size))
    }

    #[cold]
    fn bad_string(&self, max: u64, offset: u64, actual: u64, size: usize) -> DecodeError {
        let word = Align::WORD.get(self.encoding);
        if offset != 0 {
            let place = self.pos.saturating_sub(2 * word);
            return DecodeError::new(place, DecodeErrorKind::Offset { found: offset });
        }
        let remaining = self.remaining() as u64;
        let expected = actual.saturating_mul(size as u64);
        let kind = match actual {
            0 => DecodeErrorKind::Unterminated,
            _ if actual > max => DecodeErrorKind::OverMaximum { found: actual, max },
            count => DecodeErrorKind::CountTooLarge { count, expected, remaining },
        };
        DecodeError::new(self.pos.saturating_sub(word), kind)
    }

    /// The maximum count of the array or string that was unmarshalled last.
    #[inline]
    pub fn max_count(&self) -> u64 {
        self.max_count
    }

    #[inline]
    pub(crate) fn set_max_count(&mut self, count: u64) {
        self.max_count = count;
    }

    /// The element at which the array that was unmarshalled last begins, where `first_is` says so.
    #[inline]
    pub fn first(&self) -> u64 {
        self.first
    }

    #[inline]
    pub(crate) fn set_first(&mut self, element: u64) {
        self.first = element;
    }

    /// Checks a count of the wire against the value that dictates it ([MS-RPCE] 3.1.1.5.3.1).
    #[inline]
    pub fn expect_count(&self, count: &'static str, dictated: u64, found: u64) -> Result<(), DecodeError> {
        if dictated == found {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::CountMismatch { count, expected: dictated, found }))
    }

    /// Checks a count beside a NULL pointer: at level 6.0 it must be 0 ([MS-RPCE]
    /// 3.1.1.5.3.3.1.2).
    #[inline]
    pub fn expect_null_count(&self, count: &'static str, found: u64) -> Result<(), DecodeError> {
        if found == 0 || self.level < Level::V6 {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::NullWithCount { count, found }))
    }

    /// Checks a value against its `[range]`.
    #[inline]
    pub fn expect_range(&self, value: i64, min: i64, max: i64) -> Result<(), DecodeError> {
        if (min..=max).contains(&value) {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::OutOfRange { value, min, max }))
    }

    /// Checks the `[range]` of an array's maximum count or of a string's length, which only level
    /// 6.0 does ([MS-RPCE] 3.1.1.5.3.3.1.3).
    #[inline]
    pub fn expect_count_range(&self, min: i64, max: i64) -> Result<(), DecodeError> {
        if self.level < Level::V6 {
            return Ok(());
        }
        self.expect_range(i64::try_from(self.max_count).unwrap_or(i64::MAX), min, max)
    }

    /// Enters a pointee.
    #[inline]
    pub(crate) fn descend(&mut self) -> Result<Frame, DecodeError> {
        if self.depth >= self.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let frame =
            Frame { full: (self.full_queue.len(), self.full_taken), count: (self.count_queue.len(), self.count_taken) };
        self.full_taken = frame.full.0;
        self.count_taken = frame.count.0;
        Ok(frame)
    }

    #[cold]
    fn too_deep(&self) -> DecodeError {
        self.error(DecodeErrorKind::TooDeep { limit: self.max_depth })
    }

    /// Leaves a pointee.
    #[inline]
    pub(crate) fn ascend(&mut self, frame: Frame) {
        self.depth -= 1;
        self.full_queue.truncate(frame.full.0);
        self.full_taken = frame.full.1;
        self.count_queue.truncate(frame.count.0);
        self.count_taken = frame.count.1;
    }

    /// Keeps a place for a count that dictates an array behind a pointer. It is filled when the
    /// whole part in place is read, and taken when the array is.
    #[inline]
    pub fn reserve_count(&mut self) -> CountSlot {
        self.count_queue.push(0);
        CountSlot(self.count_queue.len() - 1)
    }

    /// Fills a reserved place.
    #[inline]
    pub fn fill_count(&mut self, slot: CountSlot, count: u64) {
        if let Some(place) = self.count_queue.get_mut(slot.0) {
            *place = count;
        }
    }

    /// Takes the count whose turn it is, for a check of one's own.
    #[inline]
    pub fn take_count(&mut self) -> u64 {
        self.next_count()
    }

    #[inline]
    fn next_count(&mut self) -> u64 {
        let count = self.count_queue.get(self.count_taken).copied().unwrap_or_default();
        self.count_taken += 1;
        count
    }

    /// Checks the maximum count of the array read last against the count reserved for it.
    #[inline]
    pub fn settle_size(&mut self, count: &'static str, present: bool) -> Result<(), DecodeError> {
        let dictated = self.next_count();
        self.check_size(count, dictated, present.then_some(self.max_count))
    }

    /// Checks the actual count of the array read last against the count reserved for it.
    #[inline]
    pub fn settle_length(&mut self, count: &'static str, found: Option<usize>) -> Result<(), DecodeError> {
        let dictated = self.next_count();
        self.check_size(count, dictated, found.map(|found| found as u64))
    }

    /// Checks a count of the wire, or the NULL pointer in its place, against what dictates it.
    #[inline]
    pub fn check_size(&self, count: &'static str, dictated: u64, found: Option<u64>) -> Result<(), DecodeError> {
        match found {
            Some(found) => self.expect_count(count, dictated, found),
            None => self.expect_null_count(count, dictated),
        }
    }

    /// Checks a union's discriminant against the value that dictates it ([MS-RPCE]
    /// 3.1.1.5.3.2.1.11).
    #[inline]
    pub fn expect_tag(&self, dictated: u64, found: u64) -> Result<(), DecodeError> {
        if dictated == found {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::TagMismatch { expected: dictated, found }))
    }

    /// A discriminant that selects no arm.
    #[cold]
    pub fn invalid_tag(&self, tag: u64) -> DecodeError {
        self.error(DecodeErrorKind::InvalidTag { tag })
    }

    /// Remembers a full pointer's referent until its deferred part is read.
    pub(crate) fn queue_full(&mut self, referent: u64) {
        self.full_queue.push(referent);
    }

    /// The referent of the full pointer whose turn it is.
    pub(crate) fn next_full(&mut self) -> u64 {
        let referent = self.full_queue.get(self.full_taken).copied().unwrap_or_default();
        self.full_taken += 1;
        referent
    }

    /// What a full pointer refers to, if it was seen before; `Some(None)` while it is being read.
    pub(crate) fn full_pointee(&self, referent: u64) -> Option<Option<Arc<dyn Any + Send + Sync>>> {
        self.full.get(&referent).cloned()
    }

    pub(crate) fn set_full_pointee(&mut self, referent: u64, value: Option<Arc<dyn Any + Send + Sync>>) {
        self.full.insert(referent, value);
    }
}

//! Integers and UUIDs of PDUs, in the byte order that the header names.

use bytes::{BufMut, BytesMut};
use msrpc_ndr::ByteOrder;
use uuid::Uuid;

use super::PduError;

/// Reads the fields of a PDU.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `octets`.
    pub fn new(octets: &'a [u8], order: ByteOrder) -> Self {
        Self { rest: octets, order }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `len` octets.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] if there are fewer.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], PduError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| PduError::Truncated { missing: len.saturating_sub(self.rest.len()) })?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next octets as an array.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], PduError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| PduError::Truncated { missing: N.saturating_sub(self.rest.len()) })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An octet.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, PduError> {
        self.array().map(|[octet]| octet)
    }

    /// A 16-bit integer.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] at the end.
    pub fn u16(&mut self) -> Result<u16, PduError> {
        let octets = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => u16::from_le_bytes(octets),
            ByteOrder::Big => u16::from_be_bytes(octets),
        })
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] at the end.
    pub fn u32(&mut self) -> Result<u32, PduError> {
        let octets = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => u32::from_le_bytes(octets),
            ByteOrder::Big => u32::from_be_bytes(octets),
        })
    }

    /// A UUID: its first three fields are in the byte order of the PDU.
    ///
    /// # Errors
    ///
    /// [`PduError::Truncated`] at the end.
    pub fn uuid(&mut self) -> Result<Uuid, PduError> {
        let octets = self.array()?;
        Ok(match self.order {
            ByteOrder::Little => Uuid::from_bytes_le(octets),
            ByteOrder::Big => Uuid::from_bytes(octets),
        })
    }
}

/// Writes the fields of a PDU.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
    order: ByteOrder,
}

impl<'a> Writer<'a> {
    /// A writer at the end of `out`.
    pub fn new(out: &'a mut BytesMut, order: ByteOrder) -> Self {
        Self { out, order }
    }

    /// Octets as they are.
    pub fn bytes(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// An octet.
    pub fn u8(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    /// A 16-bit integer.
    pub fn u16(&mut self, value: u16) {
        match self.order {
            ByteOrder::Little => self.out.put_u16_le(value),
            ByteOrder::Big => self.out.put_u16(value),
        }
    }

    /// A 32-bit integer.
    pub fn u32(&mut self, value: u32) {
        match self.order {
            ByteOrder::Little => self.out.put_u32_le(value),
            ByteOrder::Big => self.out.put_u32(value),
        }
    }

    /// A UUID.
    pub fn uuid(&mut self, value: Uuid) {
        match self.order {
            ByteOrder::Little => self.bytes(&value.to_bytes_le()),
            ByteOrder::Big => self.bytes(value.as_bytes()),
        }
    }

    /// Zeros until the length, counted from `start`, is a multiple of `alignment`; gives their
    /// number.
    pub fn align(&mut self, start: usize, alignment: usize) -> usize {
        let len = self.out.len() - start;
        let pad = len.next_multiple_of(alignment) - len;
        self.out.put_bytes(0, pad);
        pad
    }

    /// Octets written since `start`.
    pub fn len_from(&self, start: usize) -> usize {
        self.out.len() - start
    }

    /// The length of what is behind the writer.
    pub fn position(&self) -> usize {
        self.out.len()
    }
}

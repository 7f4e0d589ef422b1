//! Bounds-checked reading and writing of little-endian fields; no indexing anywhere.

use super::Flaw;
use crate::types::Hash;

/// Reads fields one after another and remembers where it is.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Flaw> {
        let end = self.at.checked_add(len);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(slice) => {
                self.at += len;
                Ok(slice)
            }
            None => Err(Flaw::new(
                self.at,
                "bytes end early",
                format_args!("{len} bytes"),
                format_args!("{} bytes", self.remaining()),
            )),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Flaw> {
        let at = self.at;
        let slice = self.take(N)?;
        slice.try_into().map_err(|_| Flaw::new(at, "bytes end early", N, slice.len()))
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Flaw> {
        self.array::<1>().map(|&[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, Flaw> {
        self.array().map(|bytes| u16::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Flaw> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Flaw> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, Flaw> {
        self.array().map(|bytes| i64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, Flaw> {
        self.array().map(|bytes| i16::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn hash(&mut self) -> Result<Hash, Flaw> {
        self.array().map(|bytes| Hash(*bytes))
    }

    /// Refuses anything but these bytes.
    pub(crate) fn magic(&mut self, wanted: &[u8], what: &'static str) -> Result<(), Flaw> {
        let at = self.at;
        let found = self.take(wanted.len())?;
        if found == wanted {
            return Ok(());
        }
        Err(Flaw::new(at, what, crate::types::hex(wanted), crate::types::hex(found)))
    }

    /// Refuses anything but zero bytes.
    #[inline]
    pub(crate) fn zeros(&mut self, len: usize, what: &'static str) -> Result<(), Flaw> {
        let at = self.at;
        let slice = self.take(len)?;
        match slice.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(i) => {
                let found = slice.get(i).copied().unwrap_or(0);
                Err(Flaw::new(at + i, what, "0", found))
            }
        }
    }

    /// A minimal LEB128 number of at most 32 bits.
    pub(crate) fn leb128(&mut self) -> Result<u32, Flaw> {
        let at = self.at;
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Flaw::new(at, "length is not minimal", "no leading zero", value));
                }
                return u32::try_from(value)
                    .map_err(|_| Flaw::new(at, "length is over 32 bits", u32::MAX, value));
            }
        }
        Err(Flaw::new(at, "length is over five bytes", "at most 5 bytes", "more"))
    }
}

/// Appends a minimal LEB128 number.
pub(crate) fn put_leb128(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Writes fields one after another into a buffer of fixed length.
pub(crate) struct Filler<'a> {
    rest: &'a mut [u8],
}

impl<'a> Filler<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Writes bytes. Panics when the buffer is too short: lengths are constants of the format.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        let rest = std::mem::take(&mut self.rest);
        let (to, rest) = rest.split_at_mut(bytes.len());
        to.copy_from_slice(bytes);
        self.rest = rest;
        self
    }

    pub(crate) fn skip(&mut self, len: usize) -> &mut Self {
        let rest = std::mem::take(&mut self.rest);
        self.rest = rest.split_at_mut(len).1;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leb128_round_trips_and_refuses_padding() {
        for value in [0, 1, 127, 128, 300, 65_535, u32::MAX] {
            let mut bytes = Vec::new();
            put_leb128(&mut bytes, value);
            assert_eq!(Cursor::new(&bytes).leb128(), Ok(value));
        }
        assert!(Cursor::new(&[0x80, 0x00]).leb128().is_err());
        assert!(Cursor::new(&[0xff; 6]).leb128().is_err());
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).leb128().is_err());
    }

    #[test]
    fn a_short_slice_is_a_flaw_with_a_place() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Ok(0x0201));
        let flaw = cursor.u32().unwrap_err();
        assert_eq!((flaw.offset, flaw.found.as_str()), (2, "1 bytes"));
    }

    #[test]
    fn a_byte_that_should_be_zero_is_named_by_its_place() {
        for at in 3..6 {
            let mut bytes = [9, 9, 9, 0, 0, 0, 9];
            bytes[at] = 7;
            let mut cursor = Cursor::new(&bytes);
            assert!(cursor.take(3).is_ok());
            let flaw = cursor.zeros(3, "zeros").unwrap_err();
            assert_eq!((flaw.offset, flaw.found.as_str()), (at as u64, "7"));
        }
    }
}

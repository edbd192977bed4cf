//! Byte order: items of little-endian memory to the big-endian bytes of a FITS file, and back.
//!
//! ```text
//! memory, uint16 = 40000      40 9c            least byte first
//! file                        9c 40            most byte first (FITS 4.0 §5.2)
//! file, BZERO = 32768         1c 40            FITS integers are signed: the top bit is flipped
//! ```
//!
//! FITS has no unsigned 16-, 32- and 64-bit integers and no signed bytes. They are stored less 2^(n-1),
//! and BZERO says so (FITS 4.0 §5.2.5); in two's complement that is the top bit the other way round, so
//! one pass does both. The loops are plain enough for the compiler to vectorise: see `simd.rs`.

use crate::simd::{each, vectorised};
use crate::{Error, ErrorKind, Result};

/// The bytes of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A byte, of which only the sign can be flipped.
    One,
    /// 16 bits.
    Two,
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl Width {
    /// The width of `bytes` bytes: 1, 2, 4 or 8.
    pub fn new(bytes: usize) -> Result<Self> {
        match bytes {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            _ => Err(Error {
                kind: ErrorKind::Unsupported,
                at: None,
                hdu: None,
                errno: None,
                message: format!("items have 1, 2, 4 or 8 bytes, not {bytes}"),
            }),
        }
    }

    /// The number of bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// How the bytes of items change on their way into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The bytes of one item.
    pub width: Width,
    /// Whether the bytes of each item are reversed.
    pub swap: bool,
    /// Whether the top bit of each item is flipped.
    pub sign: bool,
}

impl Change {
    /// Writes the changed items of `from` to `to`: whole items, as many as both hold.
    ///
    /// ```
    /// use asdfits_core::swap::{Change, Width};
    ///
    /// let unsigned = Change { width: Width::Two, swap: true, sign: true };
    /// let mut file = [0; 2];
    /// unsigned.apply(&40000_u16.to_le_bytes(), &mut file);
    /// assert_eq!(i16::from_be_bytes(file), 7232); // 40000 - 32768
    /// ```
    pub fn apply(self, from: &[u8], to: &mut [u8]) {
        vectorised(|| self.write(from, to));
    }

    /// Writes the items that the changed ones of `from` were made of to `to`: the inverse of [`Change::apply`].
    ///
    /// ```
    /// use asdfits_core::swap::{Change, Width};
    ///
    /// let unsigned = Change { width: Width::Two, swap: true, sign: true };
    /// let mut memory = [0; 2];
    /// unsigned.undo(&7232_i16.to_be_bytes(), &mut memory);
    /// assert_eq!(u16::from_le_bytes(memory), 40000);
    /// ```
    pub fn undo(self, from: &[u8], to: &mut [u8]) {
        vectorised(|| self.read(from, to));
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "see `vectorised`")]
    fn write(self, from: &[u8], to: &mut [u8]) {
        let Self { width, swap, sign } = self;
        match (width, swap) {
            (Width::One, _) => each(from, to, |[byte]: [u8; 1]| [byte ^ top(sign)]),
            (Width::Two, true) => {
                let mask = u16::from(top(sign)) << 8;
                each(from, to, |item| {
                    (u16::from_le_bytes(item) ^ mask).to_be_bytes()
                });
            }
            (Width::Four, true) => {
                let mask = u32::from(top(sign)) << 24;
                each(from, to, |item| {
                    (u32::from_le_bytes(item) ^ mask).to_be_bytes()
                });
            }
            (Width::Eight, true) => {
                let mask = u64::from(top(sign)) << 56;
                each(from, to, |item| {
                    (u64::from_le_bytes(item) ^ mask).to_be_bytes()
                });
            }
            (Width::Two, false) => {
                let mask = u16::from_ne_bytes([top(sign), 0]);
                each(from, to, |item| {
                    (u16::from_ne_bytes(item) ^ mask).to_ne_bytes()
                });
            }
            (Width::Four, false) => {
                let mask = u32::from_ne_bytes([top(sign), 0, 0, 0]);
                each(from, to, |item| {
                    (u32::from_ne_bytes(item) ^ mask).to_ne_bytes()
                });
            }
            (Width::Eight, false) => {
                let mask = u64::from_ne_bytes([top(sign), 0, 0, 0, 0, 0, 0, 0]);
                each(from, to, |item| {
                    (u64::from_ne_bytes(item) ^ mask).to_ne_bytes()
                });
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "see `vectorised`")]
    fn read(self, from: &[u8], to: &mut [u8]) {
        let Self { width, swap, sign } = self;
        match (width, swap) {
            (Width::Two, true) => {
                let mask = u16::from(top(sign)) << 8;
                each(from, to, |item| {
                    (u16::from_be_bytes(item) ^ mask).to_le_bytes()
                });
            }
            (Width::Four, true) => {
                let mask = u32::from(top(sign)) << 24;
                each(from, to, |item| {
                    (u32::from_be_bytes(item) ^ mask).to_le_bytes()
                });
            }
            (Width::Eight, true) => {
                let mask = u64::from(top(sign)) << 56;
                each(from, to, |item| {
                    (u64::from_be_bytes(item) ^ mask).to_le_bytes()
                });
            }
            // The top bit stays where it is.
            (Width::One, _) | (_, false) => self.write(from, to),
        }
    }
}

/// The bit that is flipped, in the most significant byte.
fn top(sign: bool) -> u8 {
    u8::from(sign) << 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_reversed_and_its_top_bit_flipped() {
        let from: Vec<u8> = (0..200).collect();
        for width in [1, 2, 4, 8] {
            for (swap, sign) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut expected = Vec::new();
                for item in from.chunks_exact(width) {
                    let mut item = item.to_vec();
                    if swap {
                        item.reverse();
                    }
                    item[0] ^= u8::from(sign) << 7;
                    expected.extend(item);
                }
                let mut to = vec![0; from.len()];
                let width = Width::new(width).unwrap();
                let change = Change { width, swap, sign };
                change.apply(&from, &mut to);
                // The file has its most significant byte first, memory last.
                assert_eq!(to, expected, "{change:?}");
                let mut portable = vec![0; from.len()];
                change.write(&from, &mut portable);
                assert_eq!(portable, expected, "{change:?}");
                let mut back = vec![0; from.len()];
                change.undo(&to, &mut back);
                assert_eq!(back, from, "{change:?}");
                back.fill(0);
                change.read(&to, &mut back);
                assert_eq!(back, from, "{change:?}");
            }
        }
        assert!(Width::new(3).is_err());
    }
}

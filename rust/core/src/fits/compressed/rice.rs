//! `RICE_1`: differences of neighbours, in blocks with a number of low bits each (FITS 4.0 §10.4.1).
//!
//! ```text
//! first pixel       BYTEPIX bytes, from which the first difference counts
//! for each block    3, 4 or 5 bits: one more than the number of low bits
//!   0                 all differences are 0
//!   largest code + 1  differences as they are, BYTEPIX bytes each
//!   else              for each pixel: the high part as a run of zeros and a one, then the low bits
//! ```
//!
//! A difference d is coded as 2d, or as -2d - 1 where it is negative.

use std::cmp::Ordering;

use super::Fault;
use super::bits::Bits;

/// The bytes of a pixel as it was coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixel {
    /// Unsigned bytes.
    One,
    /// 16 bits, signed.
    Two,
    /// 32 bits, signed.
    Four,
}

impl Pixel {
    /// The pixel of BYTEPIX.
    pub fn new(bytes: i64) -> Option<Self> {
        match bytes {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            _ => None,
        }
    }

    /// The number of bits; how many bits name the low bits of a block; the code of a block without any.
    fn widths(self) -> (u32, u32, u32) {
        match self {
            Self::One => (8, 3, 6),
            Self::Two => (16, 4, 14),
            Self::Four => (32, 5, 25),
        }
    }
}

/// The most pixels that `length` bytes can hold.
pub fn capacity(length: usize, pixel: Pixel, block: usize) -> usize {
    let (bits, code, _) = pixel.widths();
    let rest = length.saturating_mul(8).saturating_sub(bits as usize);
    rest.checked_div(code as usize)
        .unwrap_or(0)
        .saturating_mul(block)
}

/// Decodes a tile to `out`; `block` is BLOCKSIZE, the number of pixels that share a code.
pub fn decode(bytes: &[u8], pixel: Pixel, block: usize, out: &mut [i32]) -> Result<(), Fault> {
    let (width, code_bits, plain) = pixel.widths();
    let mut bits = Bits::new(bytes, 0);
    let mut last = bits.take(width)?;
    for pixels in out.chunks_mut(block.max(1)) {
        let code = bits.take(code_bits)?;
        let Some(low) = code.checked_sub(1) else {
            pixels.fill(last.cast_signed());
            continue;
        };
        match low.cmp(&plain) {
            Ordering::Less => {
                for pixel in pixels {
                    last = last.wrapping_add(signed(bits.golomb(low)?));
                    *pixel = last.cast_signed();
                }
            }
            Ordering::Equal => {
                for pixel in pixels {
                    last = last.wrapping_add(signed(bits.take(width)?));
                    *pixel = last.cast_signed();
                }
            }
            Ordering::Greater => {
                let most = plain.wrapping_add(1);
                let message =
                    format!("found a block with the code {code}, expected {most} at most");
                return Err(Fault::format(bits.place(), message));
            }
        }
    }
    let place = bits.place();
    if place < bytes.len() {
        let left = bytes.len().saturating_sub(place);
        let message = format!(
            "{left} bytes of compressed data are left over after {} pixels",
            out.len()
        );
        return Err(Fault::format(place, message));
    }
    narrow(pixel, out);
    Ok(())
}

/// The difference that a code stands for, modulo 2^32.
#[inline]
fn signed(code: u32) -> u32 {
    (code >> 1) ^ 0_u32.wrapping_sub(code & 1)
}

/// Sums were made modulo 2^32; this makes them what they are modulo the range of the pixels.
fn narrow(pixel: Pixel, out: &mut [i32]) {
    match pixel {
        Pixel::One => out.iter_mut().for_each(|value| *value &= 0xff),
        Pixel::Two => out.iter_mut().for_each(|value| *value = *value << 16 >> 16),
        Pixel::Four => {}
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers, compared exactly"
)]
mod tests {
    use super::*;

    /// Bits from a text of zeros and ones, blanks aside.
    fn packed(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| matches!(b, b'0' | b'1')).collect();
        let byte = |bits: &[u8]| {
            let set = |(n, &bit): (usize, &u8)| u8::from(bit == b'1') << (7 - n);
            bits.iter().enumerate().map(set).sum()
        };
        digits.chunks(8).map(byte).collect()
    }

    #[test]
    fn each_kind_of_block_is_read_by_the_definition() {
        // From 100: 0, +1, -1 with one low bit; then a constant block; then differences as they are.
        let text =
            "0000000001100100  0010 1 0 01 0 1 1  0000  1111 1111111111111111 0000000000000010";
        let mut out = [0; 8];
        decode(&packed(text), Pixel::Two, 3, &mut out).unwrap();
        assert_eq!(out, [100, 101, 100, 100, 100, 100, -32668, -32667]);
    }

    #[test]
    fn bytes_that_are_missing_or_left_over_are_told() {
        let whole = packed("01100100 000");
        let mut out = [0; 4];
        decode(&whole, Pixel::One, 32, &mut out).unwrap();
        assert_eq!(out, [100; 4]);
        let cut = decode(&whole[..1], Pixel::One, 32, &mut out).unwrap_err();
        assert_eq!(cut.at, 1);
        let more = decode(&[&whole[..], &[0]].concat(), Pixel::One, 32, &mut out).unwrap_err();
        assert!(
            more.message
                .contains("1 bytes of compressed data are left over")
        );
        let code = decode(&packed("01100100 111 0"), Pixel::One, 32, &mut out);
        assert!(code.is_err()); // six low bits are the plain form; only seven or more are no code
    }

    #[test]
    fn the_capacity_is_what_constant_pixels_take() {
        for pixel in [Pixel::One, Pixel::Two, Pixel::Four] {
            let bytes = [0; 16];
            let most = capacity(bytes.len(), pixel, 32);
            decode(&bytes, pixel, 32, &mut vec![0; most]).unwrap();
            assert!(decode(&bytes, pixel, 32, &mut vec![0; most + 1]).is_err());
        }
    }
}

//! Bits from bytes, the highest of a byte first.

use super::Fault;

/// A reader of bits.
///
/// `window` holds the next `count` bits at its top. What stands below them is either zero or the bits
/// that follow in the stream, so that a refill may lay them over it again.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    window: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Starts at byte `at`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            window: 0,
            count: 0,
        }
    }

    /// Fills the window to at least 56 bits, or with all that is left.
    #[inline]
    fn refill(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let Some(next) = rest.first_chunk::<8>() {
            self.window |= u64::from_be_bytes(*next).wrapping_shr(self.count);
            let taken = 63_u32.wrapping_sub(self.count) >> 3;
            self.at = self.at.wrapping_add(taken as usize);
            // 56 and up: the bytes that were taken, and the bits of one that were there before.
            self.count |= 0b11_1000;
        } else {
            self.refill_at_the_end(rest);
        }
    }

    #[cold]
    fn refill_at_the_end(&mut self, rest: &[u8]) {
        for &byte in rest {
            if self.count > 56 {
                break;
            }
            self.window |= u64::from(byte).wrapping_shl(56_u32.wrapping_sub(self.count));
            self.at = self.at.saturating_add(1);
            self.count = self.count.wrapping_add(8);
        }
    }

    #[inline]
    fn skip(&mut self, count: u32) {
        self.window = self.window.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// The next `count` bits, of 1 to 32.
    #[inline]
    pub fn take(&mut self, count: u32) -> Result<u32, Fault> {
        if self.count < count {
            self.refill();
            if self.count < count {
                return Err(self.ended());
            }
        }
        let value = self.window.wrapping_shr(64_u32.wrapping_sub(count));
        self.skip(count);
        Ok(low(value))
    }

    /// The length of a run of zeros, the one that ends it passed over, and the `low` bits after it: the
    /// run times 2^low plus these. `low` is at most 25.
    #[inline]
    pub fn golomb(&mut self, low_bits: u32) -> Result<u32, Fault> {
        let tail = low_bits.wrapping_add(1);
        let mut zeros = self.window.leading_zeros();
        if zeros.wrapping_add(tail) > self.count {
            self.refill();
            zeros = self.window.leading_zeros();
            if zeros.wrapping_add(tail) > self.count {
                return self.long_golomb(low_bits);
            }
        }
        // No shift below is by 64: a run in the window is at most 63 zeros and then a one.
        let rest = self.window.wrapping_shl(zeros) << 1;
        let value = (rest >> 1).wrapping_shr(63_u32.wrapping_sub(low_bits));
        self.window = rest.wrapping_shl(low_bits);
        self.count = self.count.wrapping_sub(zeros).wrapping_sub(tail);
        Ok(zeros.wrapping_shl(low_bits) | low(value))
    }

    #[cold]
    fn long_golomb(&mut self, low_bits: u32) -> Result<u32, Fault> {
        let mut run = 0_u32;
        while self.take(1)? == 0 {
            run = run.wrapping_add(1);
        }
        let tail = if low_bits == 0 {
            0
        } else {
            self.take(low_bits)?
        };
        Ok(run.wrapping_shl(low_bits) | tail)
    }

    /// The entry of a table for the next six bits, of which as many are taken as it says.
    #[inline]
    pub fn coded(&mut self, table: &[(u8, u8); 64]) -> Result<u8, Fault> {
        if self.count < 6 {
            self.refill();
        }
        let place = usize::try_from(self.window >> 58).unwrap_or(0);
        let (value, length) = table.get(place).copied().unwrap_or_default();
        let length = u32::from(length);
        if length > self.count {
            return Err(self.ended());
        }
        self.skip(length);
        Ok(value)
    }

    /// The next 32 bits; where fewer are left, zeros or nothing that [`Bits::pass`] would pass over.
    #[inline]
    pub fn peek(&mut self) -> u32 {
        if self.count < 32 {
            self.refill();
        }
        low(self.window >> 32)
    }

    /// Passes over `count` bits, at most 32, that were looked at.
    #[inline]
    pub fn pass(&mut self, count: u32) -> Result<(), Fault> {
        if self.count < count {
            return Err(self.ended());
        }
        self.skip(count);
        Ok(())
    }

    /// Fills `out` with four bits each.
    pub fn nibbles(&mut self, out: &mut [u8]) -> Result<(), Fault> {
        let (eights, rest) = out.as_chunks_mut::<8>();
        for eight in eights {
            let bits = u64::from(self.take(32)?);
            // Each nibble to a byte of its own.
            let bits = (bits | (bits << 16)) & 0x0000_ffff_0000_ffff;
            let bits = (bits | (bits << 8)) & 0x00ff_00ff_00ff_00ff;
            *eight = ((bits | (bits << 4)) & 0x0f0f_0f0f_0f0f_0f0f).to_be_bytes();
        }
        for each in rest {
            *each = u8::try_from(self.take(4)?).unwrap_or(0);
        }
        Ok(())
    }

    /// Passes over what is left of a byte that has been begun.
    pub fn align(&mut self) {
        self.skip(self.count & 7);
    }

    /// The next byte that no bit was taken of.
    pub fn place(&self) -> usize {
        self.at.saturating_sub((self.count >> 3) as usize)
    }

    fn ended(&self) -> Fault {
        let length = self.bytes.len();
        Fault::truncated(
            length,
            format!("the compressed data end after {length} bytes"),
        )
    }
}

/// The low 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
fn low(value: u64) -> u32 {
    value as u32
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

    #[test]
    fn bits_come_highest_first_and_end_where_the_bytes_do() {
        let bytes: Vec<u8> = (0..40_u8).map(|n| n.wrapping_mul(37)).collect();
        let all: Vec<String> = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        let all = all.concat();
        for width in 1..=32_u32 {
            let mut bits = Bits::new(&bytes, 0);
            for chunk in all.as_bytes().chunks_exact(width as usize) {
                let text = std::str::from_utf8(chunk).unwrap();
                assert_eq!(
                    bits.take(width).unwrap(),
                    u32::from_str_radix(text, 2).unwrap()
                );
            }
            assert!(bits.take(32).is_err());
        }
    }

    #[test]
    fn nibbles_are_bits_four_by_four() {
        let bytes: Vec<u8> = (0..20_u8).map(|n| n.wrapping_mul(91)).collect();
        let mut bits = Bits::new(&bytes, 0);
        let mut each = bits.clone();
        assert_eq!(bits.take(3).unwrap(), each.take(3).unwrap());
        let mut found = [0; 37];
        bits.nibbles(&mut found).unwrap();
        for nibble in found {
            assert_eq!(u32::from(nibble), each.take(4).unwrap());
        }
        assert!(bits.nibbles(&mut found).is_err());
    }

    #[test]
    fn a_run_may_be_longer_than_the_window() {
        // 150 zeros, a one, and the three bits 101.
        let mut bytes = [0_u8; 24];
        bytes[18] = 0b0000_0011;
        bytes[19] = 0b0100_0000;
        let mut bits = Bits::new(&bytes, 0);
        assert_eq!(bits.golomb(3).unwrap(), 150 * 8 + 0b101);
        assert_eq!(bits.place(), 20);
        assert!(bits.golomb(0).is_err());
        // A run that fills the window to its last bit.
        for zeros in 0..=70 {
            let text = format!("{}1{}", "0".repeat(zeros), "1".repeat(89));
            let bytes: Vec<u8> = text
                .as_bytes()
                .chunks(8)
                .map(|byte| {
                    u8::from_str_radix(&format!("{:0<8}", std::str::from_utf8(byte).unwrap()), 2)
                        .unwrap()
                })
                .collect();
            for low in 0..=25 {
                let mut bits = Bits::new(&bytes, 0);
                let expected = ((zeros as u32) << low) | ((1 << low) - 1);
                assert_eq!(bits.golomb(low).unwrap(), expected, "{zeros} {low}");
            }
        }
    }
}

//! Numbers of a tile as values of the image, in native byte order.

use super::{Fault, sized};

/// The numbers of a tile as they were packed.
#[derive(Debug, Clone, Copy)]
pub enum Raw<'a> {
    /// Integers.
    Integers(&'a [i32]),
    /// Big-endian numbers.
    Bytes {
        /// All of them.
        bytes: &'a [u8],
        /// The bytes of one: 1, 2, 4 or 8.
        width: usize,
        /// Whether they are floats, of 4 or 8 bytes.
        floats: bool,
    },
}

/// How numbers change on their way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// Whether the top bit of integers is flipped.
    pub flip: bool,
    /// An integer that becomes another: the mark of undefined pixels, where tile and image differ in it.
    pub renamed: Option<(i64, i64)>,
}

/// A type of values, of `N` bytes.
trait Value<const N: usize>: Copy {
    const FLOAT: bool;
    fn of_integer(value: i64) -> Self;
    fn of_float(value: f64) -> Self;
    fn of_bytes(bytes: [u8; N]) -> Self;
    fn flipped(self, flip: bool) -> Self;
    fn bytes(self) -> [u8; N];
}

macro_rules! value {
    ($type:ty, $size:literal, $float:literal, |$value:ident, $flip:ident| $flipped:expr) => {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_lossless,
            reason = "numbers that do not fit lose bits, as when arrays are assigned to arrays"
        )]
        impl Value<$size> for $type {
            const FLOAT: bool = $float;
            #[inline]
            fn of_integer(value: i64) -> Self {
                value as Self
            }
            #[inline]
            fn of_float(value: f64) -> Self {
                value as Self
            }
            #[inline]
            fn of_bytes(bytes: [u8; $size]) -> Self {
                Self::from_be_bytes(bytes)
            }
            #[inline]
            fn flipped(self, $flip: bool) -> Self {
                let $value = self;
                $flipped
            }
            #[inline]
            fn bytes(self) -> [u8; $size] {
                self.to_ne_bytes()
            }
        }
    };
}

value!(u8, 1, false, |value, flip| value ^ (u8::from(flip) << 7));
value!(i16, 2, false, |value, flip| value ^ (i16::from(flip) << 15));
value!(i32, 4, false, |value, flip| value ^ (i32::from(flip) << 31));
value!(i64, 8, false, |value, flip| value ^ (i64::from(flip) << 63));
value!(f32, 4, true, |value, _flip| value);
value!(f64, 8, true, |value, _flip| value);

impl Raw<'_> {
    /// Writes the numbers as values of the type that BITPIX names.
    pub fn store(self, bitpix: i64, change: Change, to: &mut [u8]) {
        match bitpix {
            8 => self.put::<u8, 1>(change, to),
            16 => self.put::<i16, 2>(change, to),
            32 => self.put::<i32, 4>(change, to),
            64 => self.put::<i64, 8>(change, to),
            -32 => self.put::<f32, 4>(change, to),
            _ => self.put::<f64, 8>(change, to),
        }
    }

    fn put<T: Value<N>, const N: usize>(self, Change { flip, renamed }: Change, to: &mut [u8]) {
        let (to, _) = to.as_chunks_mut::<N>();
        match (self, renamed) {
            (Self::Integers(integers), None) => {
                for (to, &value) in to.iter_mut().zip(integers) {
                    *to = T::of_integer(i64::from(value)).flipped(flip).bytes();
                }
            }
            (
                Self::Bytes {
                    bytes,
                    width,
                    floats,
                },
                None,
            ) if width == N && floats == T::FLOAT => {
                for (to, &from) in to.iter_mut().zip(bytes.as_chunks::<N>().0) {
                    *to = T::of_bytes(from).flipped(flip).bytes();
                }
            }
            (
                Self::Bytes {
                    bytes,
                    width,
                    floats: true,
                },
                _,
            ) => {
                for (to, from) in to.iter_mut().zip(bytes.chunks_exact(width.max(1))) {
                    *to = T::of_float(float(from)).flipped(flip).bytes();
                }
            }
            (Self::Bytes { bytes, width, .. }, renamed) => {
                for (to, from) in to.iter_mut().zip(bytes.chunks_exact(width.max(1))) {
                    *to = T::of_integer(other(integer(from), renamed))
                        .flipped(flip)
                        .bytes();
                }
            }
            (Self::Integers(integers), renamed) => {
                for (to, &value) in to.iter_mut().zip(integers) {
                    let value = other(i64::from(value), renamed);
                    *to = T::of_integer(value).flipped(flip).bytes();
                }
            }
        }
    }

    /// The numbers as integers of 32 bits, in `made` where they were not; a fault where they have more.
    pub fn integers<'b>(&'b self, made: &'b mut Vec<i32>) -> Result<&'b [i32], Fault> {
        let (bytes, width) = match self {
            Self::Integers(integers) => return Ok(integers),
            Self::Bytes { bytes, width, .. } => (bytes, *width),
        };
        if width > 4 {
            let message = format!("found quantised values of {width} bytes, expected 4 at most");
            return Err(Fault::format(0, message));
        }
        sized(made, bytes.len().checked_div(width).unwrap_or(0))?;
        if width == 4 {
            for (to, from) in made.iter_mut().zip(bytes.as_chunks().0) {
                *to = i32::from_be_bytes(*from);
            }
        } else {
            for (to, from) in made.iter_mut().zip(bytes.chunks_exact(width.max(1))) {
                *to = i32::of_integer(integer(from));
            }
        }
        Ok(made)
    }
}

fn other(value: i64, renamed: Option<(i64, i64)>) -> i64 {
    match renamed {
        Some((found, wanted)) if value == found => wanted,
        _ => value,
    }
}

/// A big-endian integer; a single byte is unsigned.
fn integer(bytes: &[u8]) -> i64 {
    let found = match bytes.len() {
        8 => bytes.first_chunk().map(|&bytes| i64::from_be_bytes(bytes)),
        4 => bytes
            .first_chunk()
            .map(|&bytes| i64::from(i32::from_be_bytes(bytes))),
        2 => bytes
            .first_chunk()
            .map(|&bytes| i64::from(i16::from_be_bytes(bytes))),
        _ => bytes.first().map(|&byte| i64::from(byte)),
    };
    found.unwrap_or(0)
}

fn float(bytes: &[u8]) -> f64 {
    let found = match bytes.len() {
        8 => bytes.first_chunk().map(|&bytes| f64::from_be_bytes(bytes)),
        _ => bytes
            .first_chunk()
            .map(|&bytes| f64::from(f32::from_be_bytes(bytes))),
    };
    found.unwrap_or(0.0)
}

/// The bytes of a number as a float of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
pub fn single(value: f64) -> [u8; 4] {
    (value as f32).to_ne_bytes()
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

    fn stored(raw: Raw<'_>, bitpix: i64, change: Change) -> Vec<u8> {
        let mut to = vec![0; 3 * usize::try_from(bitpix.abs() / 8).unwrap()];
        raw.store(bitpix, change, &mut to);
        to
    }

    #[test]
    fn every_number_becomes_every_value() {
        let integers = Raw::Integers(&[1, -2, 300]);
        let shorts: Vec<u8> = [1_i16, -2, 300]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        let shorts = Raw::Bytes {
            bytes: &shorts,
            width: 2,
            floats: false,
        };
        let singles: Vec<u8> = [1_f32, -2.0, 300.0]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        let singles = Raw::Bytes {
            bytes: &singles,
            width: 4,
            floats: true,
        };
        let plain = Change::default();
        for raw in [integers, shorts, singles] {
            let expected: Vec<u8> = [1_i64, -2, 300]
                .iter()
                .flat_map(|n| n.to_ne_bytes())
                .collect();
            assert_eq!(stored(raw, 64, plain), expected);
            let expected: Vec<u8> = [1_f64, -2.0, 300.0]
                .iter()
                .flat_map(|n| n.to_ne_bytes())
                .collect();
            assert_eq!(stored(raw, -64, plain), expected);
        }
        for raw in [integers, shorts] {
            assert_eq!(stored(raw, 8, plain), [1, 254, 44]);
            let change = Change {
                flip: true,
                renamed: Some((300, -32768)),
            };
            let expected: Vec<u8> = [32769_u16, 32766, 0]
                .iter()
                .flat_map(|n| n.to_ne_bytes())
                .collect();
            assert_eq!(stored(raw, 16, change), expected);
            assert_eq!(raw.integers(&mut Vec::new()).unwrap(), [1, -2, 300]);
        }
    }
}

//! What one number of a file stands for.

use crate::simd::{each, vectorised};
use crate::swap::Change;

/// How a number is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Its bytes in another order, or with the top bit flipped.
    Bits(Change),
    /// A number times BSCALE plus BZERO (FITS 4.0 §4.4.2.5), as a float.
    Scaled(Scaled),
    /// `T` as 1, all else as 0 (FITS 4.0 §7.3.3.1).
    Logical,
}

/// A big-endian number that a value is computed from.
///
/// Single precision holds every integer of 8 or 16 bits, and is what these become; longer ones become
/// doubles, floats stay as wide as they are. The product is rounded before the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled {
    /// What is stored.
    pub stored: Stored,
    /// BSCALE.
    pub scale: f64,
    /// BZERO.
    pub zero: f64,
    /// BLANK: the stored integer that stands for no value, read as NaN.
    pub blank: Option<i64>,
}

/// The stored number, as BITPIX has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// 8
    U8,
    /// 16
    I16,
    /// 32
    I32,
    /// 64
    I64,
    /// -32
    F32,
    /// -64
    F64,
}

impl Stored {
    /// The number for a value of BITPIX.
    pub fn new(bitpix: i64) -> Option<Self> {
        Some(match bitpix {
            8 => Self::U8,
            16 => Self::I16,
            32 => Self::I32,
            64 => Self::I64,
            -32 => Self::F32,
            -64 => Self::F64,
            _ => return None,
        })
    }
}

/// Writes floats computed from big-endian `$int`; `$float` has a lossless or correctly rounded cast from it.
macro_rules! scaled {
    ($scaled:expr, $from:expr, $to:expr, $int:ty, $float:ty) => {{
        let scale = $scaled.scale as $float;
        let zero = $scaled.addend() as $float;
        if let Some(blank) = $scaled.blank.and_then(|blank| <$int>::try_from(blank).ok()) {
            each($from, $to, |item| {
                let stored = <$int>::from_be_bytes(item);
                let value = stored as $float * scale + zero;
                let value = if stored == blank {
                    <$float>::NAN
                } else {
                    value
                };
                value.to_ne_bytes()
            });
        } else {
            each($from, $to, |item| {
                (<$int>::from_be_bytes(item) as $float * scale + zero).to_ne_bytes()
            });
        }
    }};
}

impl Scaled {
    /// What is added: -0.0 changes no number, while 0.0 would change -0.0.
    fn addend(self) -> f64 {
        if self.zero == 0.0 { -0.0 } else { self.zero }
    }

    #[inline(always)]
    #[allow(
        clippy::inline_always,
        clippy::cast_possible_truncation,
        clippy::cast_lossless,
        clippy::cast_precision_loss,
        reason = "see `vectorised`; the casts round, as those of every FITS reader do"
    )]
    fn read(self, from: &[u8], to: &mut [u8]) {
        let (scale, zero) = (self.scale, self.addend());
        match self.stored {
            Stored::U8 => scaled!(self, from, to, u8, f32),
            Stored::I16 => scaled!(self, from, to, i16, f32),
            Stored::I32 => scaled!(self, from, to, i32, f64),
            Stored::I64 => scaled!(self, from, to, i64, f64),
            Stored::F32 => {
                let (scale, zero) = (scale as f32, zero as f32);
                each(from, to, |item| {
                    (f32::from_be_bytes(item) * scale + zero).to_ne_bytes()
                });
            }
            Stored::F64 => each(from, to, |item| {
                (f64::from_be_bytes(item) * scale + zero).to_ne_bytes()
            }),
        }
    }
}

impl Kind {
    /// The bytes of the stored number.
    pub fn stored(self) -> usize {
        match self {
            Self::Bits(change) => change.width.bytes(),
            Self::Logical => 1,
            Self::Scaled(scaled) => match scaled.stored {
                Stored::U8 => 1,
                Stored::I16 => 2,
                Stored::I32 | Stored::F32 => 4,
                Stored::I64 | Stored::F64 => 8,
            },
        }
    }

    /// The bytes of the value.
    pub fn value(self) -> usize {
        match self {
            Self::Bits(change) => change.width.bytes(),
            Self::Logical => 1,
            Self::Scaled(scaled) => match scaled.stored {
                Stored::U8 | Stored::I16 | Stored::F32 => 4,
                Stored::I32 | Stored::I64 | Stored::F64 => 8,
            },
        }
    }

    /// Writes the values of the numbers in `from` to `to`: as many as both hold.
    pub fn read(self, from: &[u8], to: &mut [u8]) {
        match self {
            Self::Bits(change) if !change.swap && !change.sign => {
                let count = from.len().min(to.len());
                if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
                    to.copy_from_slice(from);
                }
            }
            Self::Bits(change) => change.undo(from, to),
            Self::Scaled(scaled) => vectorised(|| scaled.read(from, to)),
            Self::Logical => vectorised(|| logical(from, to)),
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "see `vectorised`")]
fn logical(from: &[u8], to: &mut [u8]) {
    each(from, to, |[byte]: [u8; 1]| [u8::from(byte == b'T')]);
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::float_cmp)]
mod tests {
    use super::*;

    const ALL: [Stored; 6] = [
        Stored::U8,
        Stored::I16,
        Stored::I32,
        Stored::I64,
        Stored::F32,
        Stored::F64,
    ];

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let step = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..length).map(step).collect()
    }

    #[test]
    fn both_compilations_of_a_loop_say_the_same() {
        let from = noise(8 * 1003);
        for stored in ALL {
            for blank in [None, Some(-3), Some(1 << 40)] {
                let (scale, zero) = (0.1, 1e4);
                let scaled = Scaled {
                    stored,
                    scale,
                    zero,
                    blank,
                };
                let kind = Kind::Scaled(scaled);
                let size = from.len() / kind.stored() * kind.value();
                let (mut fast, mut portable) = (vec![0; size], vec![1; size]);
                kind.read(&from, &mut fast);
                scaled.read(&from, &mut portable);
                assert_eq!(fast, portable, "{scaled:?}");
            }
        }
        let (mut fast, mut portable) = (vec![2; from.len()], vec![3; from.len()]);
        Kind::Logical.read(&from, &mut fast);
        logical(&from, &mut portable);
        assert_eq!(fast, portable);
        assert!(fast.contains(&1) && fast.iter().all(|byte| *byte < 2));
    }

    #[test]
    fn values_are_rounded_as_single_steps_and_blank_is_nan() {
        let scaled = |stored, scale, zero| {
            Kind::Scaled(Scaled {
                stored,
                scale,
                zero,
                blank: Some(-7),
            })
        };
        let mut to = [0; 12];
        let from: Vec<u8> = [-7_i16, 3, 0]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        scaled(Stored::I16, -0.1, 0.0).read(&from, &mut to);
        let values: Vec<f32> = to
            .as_chunks::<4>()
            .0
            .iter()
            .map(|v| f32::from_ne_bytes(*v))
            .collect();
        assert!(values[0].is_nan());
        assert_eq!(values[1].to_bits(), (3_f32 * -0.1_f32).to_bits());
        assert_eq!(values[2].to_bits(), (-0.0_f32).to_bits());
        let mut to = [0; 8];
        scaled(Stored::I64, 2.0, 1.0).read(&(i64::MAX).to_be_bytes(), &mut to);
        assert_eq!(f64::from_ne_bytes(to), 2.0_f64.powi(64));
        assert_eq!(Stored::new(17), None);
    }
}

//! Floats that were stored as scaled integers, and the noise that was added to them (FITS 4.0 §10.2).

use std::sync::LazyLock;

use super::Fault;

/// Random numbers in 0..1, the same for every reader (FITS 4.0 appendix I).
static RANDOM: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(16807) % 2_147_483_647;
        seed
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the seed has 31 bits, and the numbers are floats by the definition"
    )]
    let float = |seed: u64| (seed as f64 / 2_147_483_647.0) as f32;
    (0..10_000).map(|_| float(next())).collect()
});

/// The integer that stands for 0 exactly, with `SUBTRACTIVE_DITHER_2`.
const ZERO: i32 = -2_147_483_646;

/// `ZQUANTIZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dither {
    /// Integers are scaled as they are.
    None,
    /// Noise of one step was subtracted from the integers before they were rounded.
    Subtractive,
    /// The same, but 0 is kept.
    SubtractiveButZero,
}

impl Dither {
    /// The method that `ZQUANTIZ` names.
    pub fn new(name: &str) -> Option<Self> {
        match name {
            "NO_DITHER" | "NONE" => Some(Self::None),
            "SUBTRACTIVE_DITHER_1" => Some(Self::Subtractive),
            "SUBTRACTIVE_DITHER_2" => Some(Self::SubtractiveButZero),
            _ => None,
        }
    }
}

/// What turns the integers of one tile into floats.
#[derive(Debug, Clone, Copy)]
pub struct Scaling {
    /// `ZSCALE`.
    pub scale: f64,
    /// `ZZERO`.
    pub zero: f64,
    /// `ZBLANK`: the integer that stands for NaN.
    pub blank: Option<i32>,
    /// `ZQUANTIZ`.
    pub dither: Dither,
    /// Where the tile begins among the random numbers: its number, from 0, plus `ZDITHER0` - 1.
    pub seed: i64,
}

impl Scaling {
    /// Writes the floats that `integers` stand for to `out`, as `float` packs them.
    pub fn apply<const N: usize>(
        &self,
        integers: &[i32],
        out: &mut [u8],
        float: impl Fn(f64) -> [u8; N] + Copy,
    ) -> Result<(), Fault> {
        let (out, _) = out.as_chunks_mut::<N>();
        if self.dither == Dither::None {
            self.run(integers, None, out, float);
            return Ok(());
        }
        let fault = || Fault::format(0, "there are no random numbers".to_owned());
        let start = |seed: usize| {
            let first = *RANDOM.get(seed)? * 500.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number from 0 to 500, of which the definition takes the integer part"
            )]
            RANDOM.get(first as usize..)
        };
        let mut seed = usize::try_from(self.seed.rem_euclid(10_000)).unwrap_or(0);
        let mut random = start(seed).ok_or_else(fault)?;
        let (mut integers, mut out) = (integers, out);
        while !integers.is_empty() && !out.is_empty() {
            let length = random.len().min(integers.len()).min(out.len());
            let (these, after) = integers.split_at(length);
            let (to, rest) = out.split_at_mut(length);
            self.run(these, Some(random), to, float);
            (integers, out) = (after, rest);
            seed = seed.wrapping_add(1) % 10_000;
            random = start(seed).ok_or_else(fault)?;
        }
        Ok(())
    }

    #[inline]
    fn run<const N: usize>(
        &self,
        integers: &[i32],
        random: Option<&[f32]>,
        out: &mut [[u8; N]],
        float: impl Fn(f64) -> [u8; N] + Copy,
    ) {
        let &Self { scale, zero, .. } = self;
        let keep = self.dither == Dither::SubtractiveButZero;
        let noisy = |integer: i32, random: f32| {
            (f64::from(integer) - f64::from(random) + 0.5) * scale + zero
        };
        match (random, self.blank) {
            (None, None) => {
                for (to, &integer) in out.iter_mut().zip(integers) {
                    *to = float(f64::from(integer) * scale + zero);
                }
            }
            (None, Some(blank)) => {
                for (to, &integer) in out.iter_mut().zip(integers) {
                    let value = f64::from(integer) * scale + zero;
                    *to = float(if integer == blank { f64::NAN } else { value });
                }
            }
            (Some(random), None) if !keep => {
                for (to, (&integer, &random)) in out.iter_mut().zip(integers.iter().zip(random)) {
                    *to = float(noisy(integer, random));
                }
            }
            (Some(random), blank) => {
                for (to, (&integer, &random)) in out.iter_mut().zip(integers.iter().zip(random)) {
                    let mut value = noisy(integer, random);
                    if keep && integer == ZERO {
                        value = 0.0;
                    }
                    if Some(integer) == blank {
                        value = f64::NAN;
                    }
                    *to = float(value);
                }
            }
        }
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

    #[test]
    fn the_random_numbers_are_those_of_the_standard() {
        // Appendix I gives the last seed, by which an implementation is to be checked.
        let last = (1_043_618_065.0 / 2_147_483_647.0) as f32;
        assert_eq!(RANDOM.len(), 10_000);
        assert_eq!(RANDOM.last(), Some(&last));
    }

    #[test]
    fn noise_is_taken_back_and_marks_are_kept() {
        let scaling = Scaling {
            scale: 2.0,
            zero: 1.0,
            blank: Some(-9),
            dither: Dither::SubtractiveButZero,
            seed: 9_999,
        };
        let mut integers = vec![3; 25_000];
        integers[1] = ZERO;
        integers[2] = -9;
        let mut out = vec![0; 8 * integers.len()];
        scaling
            .apply(&integers, &mut out, f64::to_ne_bytes)
            .unwrap();
        let out: Vec<f64> = out
            .as_chunks()
            .0
            .iter()
            .map(|&b| f64::from_ne_bytes(b))
            .collect();
        assert_eq!(out[1], 0.0);
        assert!(out[2].is_nan());
        // The run of the last seed ends, that of the first seed follows.
        let mut at = (RANDOM[9_999] * 500.0) as usize;
        let mut seed = 9_999;
        for (n, &value) in out.iter().enumerate() {
            if n != 1 && n != 2 {
                let expected = (3.0 - f64::from(RANDOM[at]) + 0.5) * 2.0 + 1.0;
                assert_eq!(value, expected, "{n}");
            }
            at += 1;
            if at == 10_000 {
                seed = (seed + 1) % 10_000;
                at = (RANDOM[seed] * 500.0) as usize;
            }
        }
        let plain = Scaling {
            dither: Dither::None,
            ..scaling
        };
        plain
            .apply(&[4, -9], &mut [0; 16], f64::to_ne_bytes)
            .unwrap();
    }
}

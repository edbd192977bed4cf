//! Count, mean, extremes and percentiles of an array, some of whose pixels may be masked, without a copy.
//!
//! One pass gives count, sum, least and greatest. Percentiles are exact and need no sorted copy either:
//! numbers become whole numbers of the same order, of which the first pass counts the upper 16 bits. That
//! tells in which of 65,536 bins each wanted rank lies; a next pass counts the next 16 bits of what is in
//! those bins alone, until all bits are known. Single precision takes two passes.

use std::sync::{Mutex, PoisonError};

use super::value::Value;
use super::{Layout, Scratch, cores, on_cores};
use crate::simd::vectorised;

/// The numbers of an array, in native byte order once they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Number {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Number {
    /// The bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// Flags that say which pixels do not count: those where one of `bits` is set.
#[derive(Debug, Clone, Copy)]
pub struct Mask<'a> {
    /// As many elements as the array has, of 1, 2, 4 or 8 bytes.
    pub layout: &'a Layout,
    /// Their memory.
    pub from: &'a [u8],
    /// The flags that make a pixel bad.
    pub bits: u64,
}

/// What is said of the pixels that count: those that are not masked and not NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many they are.
    pub count: u64,
    /// NaN where there are none; so are all others.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// For each percentile that was asked for, interpolated linearly between two numbers.
    pub percentiles: Vec<f64>,
}

/// The elements that a core takes at a time, and those that it reads at once.
const PIECE: usize = 1 << 18;
const STEP: usize = 1 << 13;

/// The counters of 16 bits of a key.
const BINS: usize = 1 << 16;

/// How many bins are looked into in one pass.
const TOGETHER: usize = 8;

/// Describes the elements of `layout` in `from`, which are numbers of one kind.
///
/// `percentiles` are between 0 and 100. A mask of another number of elements masks nothing.
pub fn reduce(
    number: Number,
    layout: &Layout,
    from: &[u8],
    mask: Option<Mask<'_>>,
    percentiles: &[f64],
) -> Stats {
    let mask = mask.filter(|mask| mask.layout.len() == layout.len());
    let pixels = Pixels { layout, from, mask };
    match number {
        Number::U8 => pixels.reduce::<u8>(percentiles),
        Number::I8 => pixels.reduce::<i8>(percentiles),
        Number::U16 => pixels.reduce::<u16>(percentiles),
        Number::I16 => pixels.reduce::<i16>(percentiles),
        Number::U32 => pixels.reduce::<u32>(percentiles),
        Number::I32 => pixels.reduce::<i32>(percentiles),
        Number::U64 => pixels.reduce::<u64>(percentiles),
        Number::I64 => pixels.reduce::<i64>(percentiles),
        Number::F32 => pixels.reduce::<f32>(percentiles),
        Number::F64 => pixels.reduce::<f64>(percentiles),
    }
}

/// An array and its mask.
struct Pixels<'a> {
    layout: &'a Layout,
    from: &'a [u8],
    mask: Option<Mask<'a>>,
}

/// What one core has seen of a piece: its number, count, sum, least and greatest.
type Seen = (usize, u64, f64, f64, f64);

impl Pixels<'_> {
    fn reduce<V: Value>(&self, percentiles: &[f64]) -> Stats {
        let wants = !percentiles.is_empty();
        let found = self.pass::<V, _>(
            || {
                (
                    Vec::<Seen>::new(),
                    vec![0_u64; if wants { BINS } else { 0 }],
                )
            },
            |(seen, bins), piece, values| {
                seen.push(summed(piece, values));
                for value in values.iter().filter(|_| wants) {
                    count(bins, value.key() >> 48);
                }
            },
        );
        let mut bins = vec![0_u64; if wants { BINS } else { 0 }];
        let mut seen = Vec::new();
        for (part, counted) in found {
            seen.extend(part);
            add(&mut bins, &counted);
        }
        // Sums in the order of the array, so that the result does not depend on who was first.
        seen.sort_by_key(|(piece, ..)| *piece);
        let mut stats = Stats {
            count: 0,
            mean: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            percentiles: vec![f64::NAN; percentiles.len()],
        };
        for (_, count, sum, min, max) in seen {
            stats.count = stats.count.saturating_add(count);
            stats.mean += sum;
            stats.min = stats.min.min(min);
            stats.max = stats.max.max(max);
        }
        if stats.count == 0 {
            (stats.mean, stats.min, stats.max) = (f64::NAN, f64::NAN, f64::NAN);
            return stats;
        }
        #[allow(clippy::cast_precision_loss, reason = "no image has 2^53 pixels")]
        let of = stats.count as f64;
        stats.mean /= of;
        if wants {
            stats.percentiles = self.percentiles::<V>(percentiles, stats.count, &bins);
        }
        stats
    }

    /// Interpolates between the numbers at the ranks beside each percentile.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are below 2^53 and not negative"
    )]
    fn percentiles<V: Value>(&self, wanted: &[f64], count: u64, bins: &[u64]) -> Vec<f64> {
        let last = count.saturating_sub(1);
        let places: Vec<(u64, u64, f64)> = wanted
            .iter()
            .map(|percent| {
                let place = percent / 100.0 * last as f64;
                let low = (place.floor() as u64).min(last);
                (low, low.saturating_add(1).min(last), place - low as f64)
            })
            .collect();
        let mut ranks: Vec<u64> = places
            .iter()
            .flat_map(|(low, high, _)| [*low, *high])
            .collect();
        ranks.sort_unstable();
        ranks.dedup();
        let values = self.ranked::<V>(&ranks, bins);
        let at = |rank: u64| {
            let place = ranks.binary_search(&rank).ok();
            place
                .and_then(|place| values.get(place))
                .map_or(f64::NAN, |value| value.float())
        };
        places
            .into_iter()
            .map(|(low, high, share)| {
                let (low, high) = (at(low), at(high));
                #[allow(clippy::float_cmp, reason = "the same number of the array")]
                // Infinity times nothing, or less infinity, is no number. The nearer end is exact.
                if low == high || share == 0.0 {
                    low
                } else if share < 0.5 {
                    low + (high - low) * share
                } else {
                    high - (high - low) * (1.0 - share)
                }
            })
            .collect()
    }

    /// The numbers at some ranks, given how often the upper 16 bits occur.
    fn ranked<V: Value>(&self, ranks: &[u64], bins: &[u64]) -> Vec<V> {
        // (bits that are known, rank within those that have them)
        let mut found: Vec<(u64, u64)> = ranks.iter().map(|rank| in_bin(bins, *rank)).collect();
        for level in 1..V::BYTES.div_ceil(2) {
            let mut known: Vec<u64> = found.iter().map(|(known, _)| *known).collect();
            known.dedup();
            let mut refined = found.clone();
            for known in known.chunks(TOGETHER) {
                let counted = self.counted::<V>(known, level);
                for (known, bins) in known.iter().zip(&counted) {
                    for (each, refined) in found.iter().zip(&mut refined) {
                        if each.0 == *known {
                            let (bin, rank) = in_bin(bins, each.1);
                            *refined = (known << 16 | bin, rank);
                        }
                    }
                }
            }
            found = refined;
        }
        let unknown = V::BYTES.div_ceil(2).saturating_mul(16);
        let shift = u32::try_from(64_usize.saturating_sub(unknown)).unwrap_or(0);
        found
            .into_iter()
            .map(|(key, _)| V::from_key(key << shift))
            .collect()
    }

    /// How often each value of the next 16 bits occurs among the numbers whose bits above are known.
    fn counted<V: Value>(&self, known: &[u64], level: usize) -> Vec<Vec<u64>> {
        // Whether any number of these upper 16 bits is looked for.
        let shift = u32::try_from(level.saturating_mul(16)).unwrap_or(0);
        let top = shift.saturating_sub(16);
        let mut wanted = vec![false; BINS];
        for bin in known.iter().map(|known| known >> top) {
            if let Some(wanted) = usize::try_from(bin)
                .ok()
                .and_then(|bin| wanted.get_mut(bin))
            {
                *wanted = true;
            }
        }
        let above = 64_u32.saturating_sub(shift);
        let below = above.saturating_sub(16);
        let found = self.pass::<V, _>(
            || vec![vec![0_u64; BINS]; known.len()],
            |counted, _, values| {
                for value in values {
                    let key = value.key();
                    let bin = usize::try_from(key >> 48).unwrap_or(0);
                    if wanted.get(bin).is_some_and(|wanted| *wanted)
                        && let Some(place) = known.iter().position(|known| *known == key >> above)
                        && let Some(bins) = counted.get_mut(place)
                    {
                        count(bins, key >> below & 0xffff);
                    }
                }
            },
        );
        let mut found = found.into_iter();
        let mut sum = found.next().unwrap_or_default();
        for counted in found {
            for (sum, counted) in sum.iter_mut().zip(counted) {
                add(sum, &counted);
            }
        }
        sum
    }

    /// Shows all numbers that count to `see`, a few thousand at a time, on all cores.
    fn pass<V: Value, T: Send>(
        &self,
        start: impl Fn() -> T + Sync,
        see: impl Fn(&mut T, usize, &[V]) + Sync,
    ) -> Vec<T> {
        let len = self.layout.len();
        let next = Mutex::new((0..len.div_ceil(PIECE)).map(|piece| piece.saturating_mul(PIECE)));
        on_cores(cores(len.saturating_mul(V::BYTES)), || {
            let mut state = start();
            let mut scratch = Scratch::default();
            let mut bytes = vec![0; STEP.saturating_mul(V::BYTES)];
            let mut flags = Vec::new();
            let mut values = vec![V::from_key(0); STEP];
            loop {
                let piece = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(piece) = piece else {
                    return state;
                };
                let end = piece.saturating_add(PIECE).min(len);
                for first in (piece..end).step_by(STEP) {
                    let count = end.saturating_sub(first).min(STEP);
                    let Some(bytes) = bytes.get_mut(..count.saturating_mul(V::BYTES)) else {
                        continue;
                    };
                    self.layout.read(self.from, first, bytes, &mut scratch);
                    let count = self.keep(bytes, first, &mut flags, &mut scratch, &mut values);
                    see(&mut state, first, values.get(..count).unwrap_or_default());
                }
            }
        })
    }

    /// Puts the numbers that count to the front of `values`; returns how many they are.
    fn keep<V: Value>(
        &self,
        bytes: &[u8],
        first: usize,
        flags: &mut Vec<u8>,
        scratch: &mut Scratch,
        values: &mut [V],
    ) -> usize {
        let Some(mask) = &self.mask else {
            return kept(V::read(bytes).map(|value| (value, !value.is_nan())), values);
        };
        let width = mask.layout.size();
        let count = bytes.len().checked_div(V::BYTES).unwrap_or(0);
        flags.resize(count.saturating_mul(width), 0);
        mask.layout.read(mask.from, first, flags, scratch);
        match width {
            1 => unmasked::<V, u8>(bytes, flags, mask.bits, values),
            2 => unmasked::<V, u16>(bytes, flags, mask.bits, values),
            4 => unmasked::<V, u32>(bytes, flags, mask.bits, values),
            _ => unmasked::<V, u64>(bytes, flags, mask.bits, values),
        }
    }
}

fn unmasked<V: Value, F: Value>(bytes: &[u8], flags: &[u8], bits: u64, values: &mut [V]) -> usize {
    // The keys of whole numbers without a sign are the numbers themselves, from the top bit down.
    let bits = bits << 64_usize.saturating_sub(F::BYTES.saturating_mul(8));
    let pairs = V::read(bytes).zip(F::read(flags));
    kept(
        pairs.map(|(value, flag)| (value, !value.is_nan() & (flag.key() & bits == 0))),
        values,
    )
}

/// Without a branch: which pixels are masked cannot be foreseen.
fn kept<V: Value>(pixels: impl Iterator<Item = (V, bool)>, values: &mut [V]) -> usize {
    let mut count = 0_usize;
    for (value, counts) in pixels {
        if let Some(place) = values.get_mut(count) {
            *place = value;
        }
        count = count.wrapping_add(usize::from(counts));
    }
    count
}

/// Count, sum, least and greatest; eight sums side by side, as one would wait for each addition.
fn summed<V: Value>(piece: usize, values: &[V]) -> Seen {
    let mut lanes = [(0.0, f64::INFINITY, f64::NEG_INFINITY); 8];
    let add = |lane: &mut (f64, f64, f64), value: &V| {
        let value = value.float();
        lane.0 += value;
        lane.1 = if value < lane.1 { value } else { lane.1 };
        lane.2 = if value > lane.2 { value } else { lane.2 };
    };
    vectorised(|| {
        let (whole, rest) = values.as_chunks::<8>();
        for eight in whole {
            for (lane, value) in lanes.iter_mut().zip(eight) {
                add(lane, value);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            add(lane, value);
        }
    });
    let (sum, min, max) = lanes.into_iter().fold(
        (0.0, f64::INFINITY, f64::NEG_INFINITY),
        |(sum, min, max), lane| (sum + lane.0, min.min(lane.1), max.max(lane.2)),
    );
    (piece, values.len() as u64, sum, min, max)
}

fn count(bins: &mut [u64], bin: u64) {
    if let Some(count) = usize::try_from(bin).ok().and_then(|bin| bins.get_mut(bin)) {
        *count = count.wrapping_add(1);
    }
}

fn add(sum: &mut [u64], counted: &[u64]) {
    for (sum, counted) in sum.iter_mut().zip(counted) {
        *sum = sum.saturating_add(*counted);
    }
}

/// The bin in which a rank lies, and the rank within it.
fn in_bin(bins: &[u64], rank: u64) -> (u64, u64) {
    let mut rank = rank;
    for (bin, count) in (0..).zip(bins) {
        if rank < *count {
            return (bin, rank);
        }
        rank = rank.saturating_sub(*count);
    }
    (0, 0)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::float_cmp)]
mod tests {
    use super::super::{Field, Kind};
    use super::*;
    use crate::swap::{Change, Width};

    fn layout(width: usize, count: usize) -> Layout {
        let kind = Kind::Bits(Change {
            width: Width::new(width).unwrap(),
            swap: false,
            sign: false,
        });
        let (from, to) = (0, 0);
        let field = Field {
            from,
            to,
            count: 1,
            kind,
        };
        let stride = isize::try_from(width).unwrap();
        Layout::new(width * count, 0, &[count], &[stride], vec![field], width).unwrap()
    }

    #[test]
    fn ranks_are_those_of_the_sorted_numbers() {
        // Many in one bin, and prefixes of one level that look like those of the next.
        let mut values: Vec<f64> = (0..3000).map(|n| f64::from(n % 700) * 1e-300).collect();
        values.extend((0..2000).map(|n| 1.0 + f64::from(n) * f64::EPSILON));
        values.extend([f64::NAN, f64::INFINITY, -1e300]);
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let flags = vec![0_u8; values.len()];
        let mask = layout(1, values.len());
        let mask = Mask {
            layout: &mask,
            from: &flags,
            bits: 1,
        };
        let percentiles: Vec<f64> = (0..=100).map(f64::from).collect();
        let layout = layout(8, values.len());
        let stats = reduce(Number::F64, &layout, &bytes, Some(mask), &percentiles);
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(stats.count, sorted.len() as u64);
        assert_eq!((stats.min, stats.max), (-1e300, f64::INFINITY));
        for (percent, found) in (0..).zip(&stats.percentiles) {
            let place: usize = percent * 5001;
            let low = sorted[place / 100];
            let high = sorted[place.div_ceil(100)];
            assert!(
                low <= *found && *found <= high,
                "{percent}: {low} {found} {high}"
            );
        }
    }

    #[test]
    fn masked_pixels_and_nan_do_not_count() {
        let values = [1.0_f32, f32::NAN, 5.0, 100.0, -3.0];
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        let flags: Vec<u8> = [0_u32, 0, 4, 3, 8]
            .iter()
            .flat_map(|flag| flag.to_ne_bytes())
            .collect();
        let (layout, flagged) = (layout(4, 5), layout(4, 5));
        let reduced = |bits| {
            let mask = Mask {
                layout: &flagged,
                from: &flags,
                bits,
            };
            reduce(Number::F32, &layout, &bytes, Some(mask), &[50.0])
        };
        let stats = reduced(1);
        assert_eq!(
            (stats.count, stats.mean, stats.min, stats.max),
            (3, 1.0, -3.0, 5.0)
        );
        assert_eq!(stats.percentiles, [1.0]);
        assert_eq!(reduced(1 | 8).count, 2);
        let stats = reduce(Number::F32, &layout, &bytes, None, &[]);
        assert_eq!((stats.count, stats.max), (4, 100.0));
    }
}

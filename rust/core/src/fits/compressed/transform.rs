//! One step of the inverse H-transform, from sums of 2 x 2 values and three differences to the values.
//!
//! The forward transform keeps the bits that later steps can restore only once, so that nothing is lost
//! to rounding: the lowest bits of h0, hx and hy follow from those of hc. This is undone here first.

/// The integers that a transform calculates with, modulo their range.
pub trait Word: Copy + Default + Ord {
    /// The low bits of a number.
    fn from_i64(value: i64) -> Self;
    /// The low 32 bits.
    fn low(self) -> i32;
    /// The number with only this bit set.
    fn bit(place: u32) -> Self;
    /// Whether this is 0.
    fn is_zero(self) -> bool;
    /// This number, or 0.
    fn when(self, set: bool) -> Self;
    /// -1 for negative numbers, else 0.
    fn sign(self) -> Self;
    /// Sum.
    fn plus(self, other: Self) -> Self;
    /// Difference.
    fn minus(self, other: Self) -> Self;
    /// Product.
    fn times(self, other: Self) -> Self;
    /// The number with the other sign.
    fn negated(self) -> Self;
    /// Bits that both have.
    fn and(self, other: Self) -> Self;
    /// Bits that either has.
    fn or(self, other: Self) -> Self;
    /// Bits that one has and the other does not.
    fn xor(self, other: Self) -> Self;
    /// Divided by a power of two, towards minus infinity.
    fn down(self, places: u32) -> Self;
    /// Multiplied by a power of two.
    fn up(self, places: u32) -> Self;
}

macro_rules! word {
    ($type:ty) => {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_lossless,
            reason = "calculated modulo the range, as the doc says"
        )]
        impl Word for $type {
            #[inline]
            fn from_i64(value: i64) -> Self {
                value as Self
            }
            #[inline]
            fn low(self) -> i32 {
                self as i32
            }
            #[inline]
            fn bit(place: u32) -> Self {
                Self::wrapping_shl(1, place)
            }
            #[inline]
            fn is_zero(self) -> bool {
                self == 0
            }
            #[inline]
            fn when(self, set: bool) -> Self {
                self & Self::wrapping_neg(Self::from(set))
            }
            #[inline]
            fn sign(self) -> Self {
                self.wrapping_shr(Self::BITS - 1)
            }
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }
            #[inline]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline]
            fn down(self, places: u32) -> Self {
                self.wrapping_shr(places)
            }
            #[inline]
            fn up(self, places: u32) -> Self {
                self.wrapping_shl(places)
            }
        }
    };
}

word!(i32);
word!(i64);

/// One step: its size and the bits that its coefficients are multiples of.
#[derive(Debug, Clone, Copy)]
pub struct Step<W> {
    rows: usize,
    columns: usize,
    stride: usize,
    level: u32,
    bit0: W,
    bit1: W,
}

impl<W: Word> Step<W> {
    /// The step to `rows` x `columns` values at `level`, 0 being the last; `stride` is that of the
    /// coefficients.
    pub fn new(level: u32, rows: usize, columns: usize, stride: usize) -> Self {
        Self {
            rows,
            columns,
            stride,
            level,
            bit0: W::bit(level),
            bit1: W::bit(level.wrapping_add(1)),
        }
    }

    /// Makes the values `out` of the sums and the coefficients.
    pub fn undo(&self, sums: &[W], coefficients: &[W], out: &mut [W]) {
        let half = self.columns.div_ceil(2);
        let below = self.rows.div_ceil(2).saturating_mul(self.stride);
        let (upper, lower) = coefficients.split_at(below.min(coefficients.len()));
        let upper = upper.chunks(self.stride.max(1));
        let mut lower = lower.chunks(self.stride.max(1));
        let sums = sums.chunks(half.max(1));
        let out = out.chunks_mut(self.columns.saturating_mul(2).max(1));
        for ((sums, upper), pair) in sums.zip(upper).zip(out) {
            let (first, second) = pair.split_at_mut(self.columns.min(pair.len()));
            let hy = self.right(upper, half);
            if second.is_empty() {
                self.last_row(sums, hy, first);
                continue;
            }
            let lower = lower.next().unwrap_or_default();
            let hx = lower.get(..half).unwrap_or_default();
            self.rows(sums, hx, hy, self.right(lower, half), first, second);
        }
    }

    /// The differences along the row.
    fn right<'a>(&self, row: &'a [W], half: usize) -> &'a [W] {
        row.get(half..self.columns).unwrap_or_default()
    }

    fn rows(&self, h0: &[W], hx: &[W], hy: &[W], hc: &[W], first: &mut [W], second: &mut [W]) {
        let shift = self.shift();
        let sums = h0.iter().zip(hx);
        let (first, first_odd) = first.as_chunks_mut::<2>();
        let (second, second_odd) = second.as_chunks_mut::<2>();
        let out = first.iter_mut().zip(second);
        for (((&h0, &hx), (&hy, &hc)), (first, second)) in sums.zip(hy.iter().zip(hc)).zip(out) {
            let [h0, hx, hy, hc] = self.restored(h0, hx, hy, hc);
            let (plus, minus) = (hx.plus(hy), hx.minus(hy));
            *first = [
                h0.minus(plus).plus(hc).down(shift),
                h0.minus(minus).minus(hc).down(shift),
            ];
            *second = [
                h0.plus(minus).minus(hc).down(shift),
                h0.plus(plus).plus(hc).down(shift),
            ];
        }
        if let ([first], [second]) = (first_odd, second_odd)
            && let (Some(&h0), Some(&hx)) = (h0.last(), hx.last())
        {
            let (h0, hx) = self.restored_pair(h0, hx);
            *first = h0.minus(hx).down(shift);
            *second = h0.plus(hx).down(shift);
        }
    }

    /// The last of an odd number of rows.
    fn last_row(&self, h0: &[W], hy: &[W], out: &mut [W]) {
        let shift = self.shift();
        let (pairs, odd) = out.as_chunks_mut::<2>();
        for ((&h0, &hy), pair) in h0.iter().zip(hy).zip(pairs) {
            let (h0, hy) = self.restored_pair(h0, hy);
            *pair = [h0.minus(hy).down(shift), h0.plus(hy).down(shift)];
        }
        if let ([out], Some(h0)) = (odd, h0.last()) {
            *out = h0.down(shift);
        }
    }

    /// Sums are of twice the values, in the last step of four times the values.
    fn shift(&self) -> u32 {
        if self.level == 0 { 2 } else { 1 }
    }

    /// The four numbers with the bits that the forward transform left out.
    #[inline]
    fn restored(&self, h0: W, hx: W, hy: W, hc: W) -> [W; 4] {
        let (bit0, bit1) = (self.bit0, self.bit1);
        let (hx, hy) = (self.rounded(hx), self.rounded(hy));
        // On the last level hc is exact, and there is nothing to round.
        let down = if self.level == 0 {
            W::default()
        } else {
            hc.sign()
        };
        let hc = hc.plus(bit0.down(1)).plus(down).and(bit0.negated());
        let low0 = hc.and(bit0);
        let (hx, hy) = (nearer(hx, low0), nearer(hy, low0));
        let low1 = hc.xor(hx).xor(hy).and(bit1);
        // -1 where h0 is negative and low0 is 0, else 0.
        let other = h0.sign().and(low0.down(self.level).minus(W::bit(0)));
        let h0 = h0.plus(low0).minus(low1.xor(other).minus(other));
        [h0, hx, hy, hc]
    }

    /// The same where the other two are beyond the edge.
    #[inline]
    fn restored_pair(&self, h0: W, h: W) -> (W, W) {
        let h = self.rounded(h);
        let sign = h0.sign();
        let low1 = h.and(self.bit1);
        (h0.minus(low1.xor(sign).minus(sign)), h)
    }

    /// Rounded to a multiple of `bit1`, a half away from zero.
    #[inline]
    fn rounded(&self, h: W) -> W {
        h.plus(self.bit0).plus(h.sign()).and(self.bit1.negated())
    }

    /// Moves the differences towards what the neighbouring sums suggest, by `most` at most.
    ///
    /// A scale has rounded the differences away where the image is smooth, which leaves blocks. Sums at
    /// the edge have no neighbours and stay as they are.
    pub fn smooth(&self, sums: &[W], coefficients: &mut [W], most: W) {
        if most <= W::default() {
            return;
        }
        let (half, below) = (self.columns.div_ceil(2), self.rows.div_ceil(2));
        // The zones that have neighbours on both sides.
        let inner = |length: usize| 1..length.div_ceil(2).saturating_sub(1).max(1);
        let place =
            |row: usize, column: usize| row.saturating_mul(self.stride).saturating_add(column);
        let sum = |row: usize, column: usize| {
            let at = row.saturating_mul(half).saturating_add(column);
            sums.get(at).copied().unwrap_or_default()
        };
        for row in inner(self.rows) {
            for column in 0..half {
                let neighbours = (
                    sum(row.wrapping_sub(1), column),
                    sum(row.wrapping_add(1), column),
                );
                let at = place(below.saturating_add(row), column);
                if let Some(hx) = coefficients.get_mut(at) {
                    *hx = sloped(*hx, neighbours.0, sum(row, column), neighbours.1, most);
                }
            }
        }
        for row in 0..below {
            for column in inner(self.columns) {
                let neighbours = (
                    sum(row, column.wrapping_sub(1)),
                    sum(row, column.wrapping_add(1)),
                );
                let at = place(row, half.saturating_add(column));
                if let Some(hy) = coefficients.get_mut(at) {
                    *hy = sloped(*hy, neighbours.0, sum(row, column), neighbours.1, most);
                }
            }
        }
        for row in inner(self.rows) {
            for column in inner(self.columns) {
                let (above, under) = (row.wrapping_sub(1), row.wrapping_add(1));
                let (left, right) = (column.wrapping_sub(1), column.wrapping_add(1));
                let around = [
                    [sum(above, left), sum(above, right)],
                    [sum(under, left), sum(under, right)],
                ];
                let lower = below.saturating_add(row);
                let get = |at: usize| coefficients.get(at).copied().unwrap_or_default();
                let hx = get(place(lower, column));
                let hy = get(place(row, half.saturating_add(column)));
                let at = place(lower, half.saturating_add(column));
                let hc = curved(get(at), around, sum(row, column), hx, hy, most);
                if let Some(to) = coefficients.get_mut(at) {
                    *to = hc;
                }
            }
        }
    }
}

/// A number that was rounded away from zero, with the bit that it lost.
#[inline]
fn nearer<W: Word>(h: W, low: W) -> W {
    let sign = h.sign();
    h.minus(low.xor(sign).minus(sign))
}

/// A difference moved towards `wanted` / 2^places, which lies within the limits, by `most` at most.
fn moved<W: Word>(h: W, wanted: W, limits: (W, W), places: u32, most: W) -> W {
    let (low, high) = limits;
    if low >= high {
        return h;
    }
    let change = wanted.min(high).max(low).minus(h.up(places));
    // Division towards zero.
    let bias = W::bit(places).minus(W::bit(0)).and(change.sign());
    let change = change.plus(bias).down(places);
    h.plus(change.min(most).max(most.negated()))
}

/// A difference along one axis, given the sums before, here and after.
fn sloped<W: Word>(h: W, before: W, here: W, after: W, most: W) -> W {
    let zero = W::default();
    let (rise, climb) = (after.minus(here), here.minus(before));
    let high = rise.min(climb).max(zero).up(2);
    let low = rise.max(climb).min(zero).up(2);
    moved(h, after.minus(before), (low, high), 3, most)
}

/// A difference of differences, given the four sums around, the sum here and its differences.
fn curved<W: Word>(hc: W, around: [[W; 2]; 2], here: W, hx: W, hy: W, most: W) -> W {
    let zero = W::default();
    // By the axes: m for before, p for after, first along the columns, then along the row.
    let [[mm, mp], [pm, pp]] = around;
    let (hx, hy) = (hx.up(1), hy.up(1));
    let (both, cross) = (hx.plus(hy), hx.minus(hy));
    let sides = [
        pp.minus(here),
        here.minus(pm),
        here.minus(mp),
        mm.minus(here),
    ];
    let shifts = [both.negated(), cross, cross.negated(), both];
    let bounded = |bound: fn(W, W) -> W| {
        let mut bounded = shifts;
        for (to, side) in bounded.iter_mut().zip(sides) {
            *to = to.plus(bound(side, zero));
        }
        bounded
    };
    let [a, b, c, d] = bounded(W::max);
    let high = a.min(b).min(c.min(d)).up(4);
    let [a, b, c, d] = bounded(W::min);
    let low = a.max(b).max(c.max(d)).up(4);
    let wanted = pp.plus(mm).minus(mp).minus(pm);
    moved(hc, wanted, (low, high), 6, most)
}

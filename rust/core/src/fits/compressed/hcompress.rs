//! `HCOMPRESS_1`: an H-transform whose bit planes are coded as quadtrees (FITS 4.0 §10.4.4; R. L. White,
//! M. Postman and M. G. Lattanzi, in Digitised Optical Sky Surveys, 1992).
//!
//! ```text
//! header   magic dd 99, rows, columns, scale (4 bytes each), sum of all pixels (8 bytes),
//!          bit planes of the three kinds of quadrants (1 byte each)
//! planes   of each quadrant, highest first: a nibble, 0 for a plane as it is and 15 for a quadtree
//! signs    one bit for each coefficient that is not 0
//! ```
//!
//! The transform of 2 x 2 values is their sum h0, their differences hx and hy along both axes, and the
//! difference of differences hc; the sums are transformed again until one is left. Coefficients are
//! arranged by quadrants, so that one step of the inverse reads the sums that the last one has made and
//! three quarters of a rectangle of coefficients.

use super::bits::Bits;
use super::transform::{Step, Word};
use super::{Fault, sized, zeroed};

/// The bytes before the bit planes.
const HEAD: usize = 25;

/// A value of the code and its length, for each six bits that may come (White et al., the code for
/// quadtrees: frequent patterns of four bits are short).
const CODES: [(u8, u8); 64] = codes();

const fn codes() -> [(u8, u8); 64] {
    let words: [(u8, u8, u8); 16] = [
        (0b000, 3, 1),
        (0b001, 3, 2),
        (0b010, 3, 4),
        (0b011, 3, 8),
        (0b1000, 4, 3),
        (0b1001, 4, 5),
        (0b1010, 4, 10),
        (0b1011, 4, 12),
        (0b1100, 4, 15),
        (0b11010, 5, 6),
        (0b11011, 5, 7),
        (0b11100, 5, 9),
        (0b11101, 5, 11),
        (0b11110, 5, 13),
        (0b11_1110, 6, 0),
        (0b11_1111, 6, 14),
    ];
    let mut table = [(0, 0); 64];
    let mut n = 0;
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "evaluated when compiled, where a fault is an error of the compiler"
    )]
    while n < words.len() {
        let (word, length, value) = words[n];
        let free = 6 - length;
        let mut tail = 0;
        while tail < 1 << free {
            table[((word << free) | tail) as usize] = (value, length);
            tail += 1;
        }
        n += 1;
    }
    table
}

/// Memory that is kept from tile to tile.
#[derive(Debug, Default)]
pub struct Scratch {
    narrow: Buffers<i32>,
    wide: Buffers<i64>,
}

#[derive(Debug, Default)]
struct Buffers<W> {
    coefficients: Vec<W>,
    sums: Vec<W>,
    next: Vec<W>,
    codes: Vec<u8>,
    finer: Vec<u8>,
}

/// What the header of a tile says.
struct Head {
    rows: usize,
    columns: usize,
    scale: i32,
    sum: i64,
    planes: [u8; 3],
}

impl Head {
    fn read(bytes: &[u8], pixels: usize) -> Result<Self, Fault> {
        let Some(head) = bytes.first_chunk::<HEAD>() else {
            let message = format!("found {} bytes, expected a header of {HEAD}", bytes.len());
            return Err(Fault::truncated(bytes.len(), message));
        };
        let [
            0xdd,
            0x99,
            r0,
            r1,
            r2,
            r3,
            c0,
            c1,
            c2,
            c3,
            k0,
            k1,
            k2,
            k3,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            p0,
            p1,
            p2,
        ] = *head
        else {
            let message = "found no magic dd 99 of HCOMPRESS at the start".to_owned();
            return Err(Fault::format(0, message));
        };
        let size = |bytes| usize::try_from(i32::from_be_bytes(bytes)).unwrap_or(0);
        let (rows, columns) = (size([r0, r1, r2, r3]), size([c0, c1, c2, c3]));
        if rows.checked_mul(columns) != Some(pixels) || rows < 2 || columns < 2 {
            let message =
                format!("found a tile of {rows} x {columns} pixels, expected {pixels} pixels");
            return Err(Fault::format(2, message));
        }
        let planes = [p0, p1, p2];
        if let Some(most) = planes.into_iter().max().filter(|&most| most > 62) {
            let message = format!("found {most} bit planes, expected 62 at most");
            return Err(Fault::format(22, message));
        }
        Ok(Self {
            rows,
            columns,
            scale: i32::from_be_bytes([k0, k1, k2, k3]),
            sum: i64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            planes,
        })
    }

    /// Whether no sum of the inverse transform leaves 31 bits, so that 32 are enough.
    fn is_narrow(&self, levels: u32, smooth: bool) -> bool {
        let most = u32::from(self.planes.into_iter().max().unwrap_or(0));
        let scale = i64::from(self.scale.unsigned_abs().max(1));
        // A value is the mean of a sum and three differences, each rounded. Smoothing multiplies by 64.
        let largest = 1_i64
            .wrapping_shl(most.min(40))
            .saturating_mul(scale)
            .saturating_mul(64);
        let sum = self
            .sum
            .saturating_abs()
            .saturating_mul(scale)
            .saturating_mul(if smooth { 64 } else { 1 });
        largest
            .saturating_add(sum)
            .saturating_add(16_i64.wrapping_shl(levels))
            < 1 << 30
    }
}

/// Decodes a tile of `pixels` to `out`; with `smooth` what the scale took away is interpolated.
pub fn decode(
    bytes: &[u8],
    smooth: bool,
    pixels: usize,
    out: &mut Vec<i32>,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let head = Head::read(bytes, pixels)?;
    sized(out, pixels)?;
    let levels = ceil_log2(head.rows.max(head.columns));
    if head.is_narrow(levels, smooth) {
        decode_as(bytes, &head, smooth, out, &mut scratch.narrow)
    } else {
        decode_as(bytes, &head, smooth, out, &mut scratch.wide)
    }
}

fn ceil_log2(length: usize) -> u32 {
    length.next_power_of_two().trailing_zeros()
}

fn decode_as<W: Word>(
    bytes: &[u8],
    head: &Head,
    smooth: bool,
    out: &mut [i32],
    buffers: &mut Buffers<W>,
) -> Result<(), Fault> {
    zeroed(&mut buffers.coefficients, out.len())?;
    read_planes(bytes, head, buffers)?;
    if head.scale > 1 {
        let scale = W::from_i64(i64::from(head.scale));
        for each in &mut buffers.coefficients {
            *each = each.times(scale);
        }
    }
    inverse(head, smooth, out, buffers)
}

// -- bit planes -----------------------------------------------------------------------------------

/// A rectangle among the coefficients.
#[derive(Clone, Copy)]
struct Quadrant {
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
}

fn read_planes<W: Word>(bytes: &[u8], head: &Head, buffers: &mut Buffers<W>) -> Result<(), Fault> {
    let (upper, left) = (head.rows.div_ceil(2), head.columns.div_ceil(2));
    let (lower, right) = (head.rows >> 1, head.columns >> 1);
    let quadrant = |row, column, rows, columns| Quadrant {
        row,
        column,
        rows,
        columns,
    };
    let [sums, edges, corners] = head.planes;
    let mut bits = Bits::new(bytes, HEAD);
    for (quadrant, planes) in [
        (quadrant(0, 0, upper, left), sums),
        (quadrant(0, left, upper, right), edges),
        (quadrant(upper, 0, lower, left), edges),
        (quadrant(upper, left, lower, right), corners),
    ] {
        for plane in (0..u32::from(planes)).rev() {
            read_plane(&mut bits, quadrant, buffers)?;
            insert(quadrant, head.columns, W::bit(plane), buffers);
        }
    }
    let place = bits.place();
    if bits.take(4)? != 0 {
        let message = "found no zero after the bit planes".to_owned();
        return Err(Fault::format(place, message));
    }
    bits.align();
    for some in buffers.coefficients.chunks_mut(32) {
        let mut signs = bits.peek();
        let mut count = 0;
        for each in some {
            let used = u32::from(!each.is_zero());
            let negative = W::from_i64(i64::from((signs >> 31) & used));
            *each = each.xor(negative.negated()).plus(negative);
            signs = signs.wrapping_shl(used);
            count = used.wrapping_add(count);
        }
        bits.pass(count)?;
    }
    Ok(())
}

/// Reads a plane as patterns of 2 x 2 bits into `buffers.codes`.
fn read_plane<W>(
    bits: &mut Bits<'_>,
    quadrant: Quadrant,
    buffers: &mut Buffers<W>,
) -> Result<(), Fault> {
    let (rows, columns) = (quadrant.rows.div_ceil(2), quadrant.columns.div_ceil(2));
    let place = bits.place();
    match bits.take(4)? {
        0 => {
            sized(&mut buffers.codes, rows.saturating_mul(columns))?;
            bits.nibbles(&mut buffers.codes)
        }
        15 => {
            zeroed(&mut buffers.codes, 1)?;
            if let Some(root) = buffers.codes.first_mut() {
                *root = bits.coded(&CODES)?;
            }
            let levels = ceil_log2(quadrant.rows.max(quadrant.columns));
            for level in (1..levels).rev() {
                let rows = quadrant.rows.div_ceil(1_usize.wrapping_shl(level));
                let columns = quadrant.columns.div_ceil(1_usize.wrapping_shl(level));
                zeroed(&mut buffers.finer, rows.saturating_mul(columns))?;
                expand(bits, columns, &buffers.codes, &mut buffers.finer)?;
                std::mem::swap(&mut buffers.codes, &mut buffers.finer);
            }
            Ok(())
        }
        form => {
            let message = format!("found a bit plane of the form {form}, expected 0 or 15");
            Err(Fault::format(place, message))
        }
    }
}

/// One step of a quadtree: each bit that is set stands for a pattern, which are stored last first.
fn expand(
    bits: &mut Bits<'_>,
    columns: usize,
    coarse: &[u8],
    fine: &mut [u8],
) -> Result<(), Fault> {
    let rows = fine.len().checked_div(columns).unwrap_or(0);
    let parents = coarse.chunks(columns.div_ceil(2).max(1));
    let fine = fine.chunks_mut(columns.saturating_mul(2).max(1));
    for (row, (parents, pair)) in parents.zip(fine).enumerate().rev() {
        let (first, second) = pair.split_at_mut(columns.min(pair.len()));
        if row.saturating_mul(2).saturating_add(1) < rows {
            expand_row(bits, parents, second, 0)?;
        }
        expand_row(bits, parents, first, 2)?;
    }
    Ok(())
}

/// A row of patterns: those whose bits are at `shift` and one above in each parent.
fn expand_row(
    bits: &mut Bits<'_>,
    parents: &[u8],
    fine: &mut [u8],
    shift: u32,
) -> Result<(), Fault> {
    let (left, right) = (2_u8.wrapping_shl(shift), 1_u8.wrapping_shl(shift));
    let (pairs, odd) = fine.as_chunks_mut::<2>();
    if let ([first], Some(&parent)) = (odd, parents.last())
        && parent & left != 0
    {
        *first = bits.coded(&CODES)?;
    }
    for (&parent, [first, second]) in parents.iter().zip(pairs).rev() {
        // What is not set stays 0: the buffer was cleared.
        if parent & right != 0 {
            *second = bits.coded(&CODES)?;
        }
        if parent & left != 0 {
            *first = bits.coded(&CODES)?;
        }
    }
    Ok(())
}

/// Sets `bit` in the coefficients that the patterns of a plane name.
fn insert<W: Word>(quadrant: Quadrant, stride: usize, bit: W, buffers: &mut Buffers<W>) {
    let patterns = buffers.codes.chunks(quadrant.columns.div_ceil(2).max(1));
    let start = quadrant.row.saturating_mul(stride);
    let all = buffers.coefficients.get_mut(start..).unwrap_or_default();
    let end = quadrant.rows.saturating_mul(stride);
    let all = all.get_mut(..end).unwrap_or_default();
    let columns = quadrant.column..quadrant.column.saturating_add(quadrant.columns);
    for (patterns, pair) in patterns.zip(all.chunks_mut(stride.saturating_mul(2).max(1))) {
        let (first, second) = pair.split_at_mut(stride.min(pair.len()));
        let first = first.get_mut(columns.clone()).unwrap_or_default();
        let second = second.get_mut(columns.clone()).unwrap_or_default();
        insert_row(patterns, first, bit, 2);
        insert_row(patterns, second, bit, 0);
    }
}

/// Sets `bit` in a row by the bits of each pattern at `shift` and one above.
fn insert_row<W: Word>(patterns: &[u8], row: &mut [W], bit: W, shift: u32) {
    let (left, right) = (2_u8.wrapping_shl(shift), 1_u8.wrapping_shl(shift));
    let (pairs, odd) = row.as_chunks_mut::<2>();
    let patterns_of_pairs = patterns.iter().zip(pairs);
    for (&pattern, [first, second]) in patterns_of_pairs {
        *first = first.or(bit.when(pattern & left != 0));
        *second = second.or(bit.when(pattern & right != 0));
    }
    if let ([first], Some(&pattern)) = (odd, patterns.last()) {
        *first = first.or(bit.when(pattern & left != 0));
    }
}

// -- the transform --------------------------------------------------------------------------------

/// Undoes the transform, from the sum of all pixels to the pixels.
fn inverse<W: Word>(
    head: &Head,
    smooth: bool,
    out: &mut [i32],
    buffers: &mut Buffers<W>,
) -> Result<(), Fault> {
    let levels = ceil_log2(head.rows.max(head.columns));
    let Buffers {
        coefficients,
        sums,
        next,
        ..
    } = buffers;
    let sum = W::from_i64(head.sum.wrapping_mul(i64::from(head.scale.max(1))));
    sized(sums, 1)?;
    if let Some(root) = sums.first_mut() {
        // Rounded to the lowest bit that a sum of this level has.
        let half = W::bit(levels);
        *root = sum
            .plus(half)
            .plus(sum.sign())
            .and(W::bit(levels.wrapping_add(1)).negated());
    }
    for level in (0..levels).rev() {
        let size = |length: usize| length.div_ceil(1_usize.wrapping_shl(level));
        let (rows, columns) = (size(head.rows), size(head.columns));
        let step = Step::new(level, rows, columns, head.columns);
        if smooth {
            step.smooth(sums, coefficients, W::from_i64(i64::from(head.scale >> 1)));
        }
        sized(next, rows.saturating_mul(columns))?;
        step.undo(sums, coefficients, next);
        std::mem::swap(sums, next);
    }
    for (to, from) in out.iter_mut().zip(sums.iter()) {
        *to = from.low();
    }
    Ok(())
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

    /// A tile of one constant: no bit plane at all.
    fn constant(rows: u32, columns: u32, sum: i64) -> Vec<u8> {
        let mut bytes = vec![0xdd, 0x99];
        bytes.extend(rows.to_be_bytes());
        bytes.extend(columns.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(sum.to_be_bytes());
        bytes.extend([0; 3]);
        bytes.push(0);
        bytes
    }

    #[test]
    fn the_code_is_complete_and_free_of_prefixes() {
        let mut counts = [0; 16];
        for (value, length) in CODES {
            assert!((3..=6).contains(&length));
            counts[usize::from(value)] += 64 >> (6 - length);
        }
        // Each value fills its share of the table: 2^(6 - length) places.
        assert!(counts.iter().all(|&count| count == 64), "{counts:?}");
    }

    #[test]
    fn a_constant_comes_back_from_its_sum_alone() {
        // The sum of 4 x 4 pixels is halved at each level of the transform but the last.
        let mut out = Vec::new();
        decode(
            &constant(4, 4, 7 * 8),
            false,
            16,
            &mut out,
            &mut Scratch::default(),
        )
        .unwrap();
        assert_eq!(out, [7; 16]);
        let large = i64::from(i32::MAX) * 8;
        decode(
            &constant(4, 4, large),
            true,
            16,
            &mut out,
            &mut Scratch::default(),
        )
        .unwrap();
        assert_eq!(out, [i32::MAX; 16]);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        let whole = constant(4, 4, 0);
        let mut fault = |place: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            let error = decode(&bytes, false, 16, &mut out, &mut scratch).unwrap_err();
            (error.at, error.message)
        };
        assert_eq!(fault(0, 1).0, 0);
        assert_eq!(fault(5, 9).0, 2);
        assert_eq!(fault(23, 63).0, 22);
        assert!(fault(23, 2).1.contains("end after 26 bytes"));
        assert!(fault(25, 0x10).1.contains("no zero"));
        let short = decode(&whole[..24], false, 16, &mut out, &mut scratch).unwrap_err();
        assert!(short.message.contains("a header of 25"));
    }
}

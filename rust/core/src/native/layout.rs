//! Where the numbers of an array lie, and how stretches of them are read.

use std::ops::Range;

use super::kind::Kind;
use crate::{Error, ErrorKind, Result};

/// Numbers of one kind that follow each other within an element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Place in a stored element.
    pub from: usize,
    /// Place in an element that is written.
    pub to: usize,
    /// How many numbers.
    pub count: usize,
    /// What they are.
    pub kind: Kind,
}

impl Field {
    fn stored(&self) -> usize {
        self.kind.stored().saturating_mul(self.count)
    }

    fn value(&self) -> usize {
        self.kind.value().saturating_mul(self.count)
    }
}

/// An array in memory: elements of any shape at any distance from each other, in C order.
///
/// An element is a pixel, which is one field, or the row of a table.
#[derive(Debug, Clone)]
pub struct Layout {
    start: usize,
    // (elements, bytes from one to the next), outermost first; never empty.
    axes: Vec<(usize, isize)>,
    fields: Vec<Field>,
    size: usize,
    extent: usize,
    len: usize,
}

/// Memory for numbers on their way between places that are not dense.
#[derive(Debug, Default)]
pub struct Scratch {
    stored: Vec<u8>,
    value: Vec<u8>,
}

/// The bytes of a block of rows that are worked on field by field: they fit the first cache.
const BLOCK: usize = 16 << 10;

/// Fields as long as this are read row by row, without a detour.
const LONG: usize = 256;

impl Layout {
    /// Describes an array in `length` bytes.
    ///
    /// `start` is the place of the element at index 0 on all axes, `strides` are the bytes from one element
    /// to the next, negative ones too, and `size` is that of a written element. It is an error if an
    /// element reaches beyond the bytes, or a field beyond its element.
    pub fn new(
        length: usize,
        start: usize,
        shape: &[usize],
        strides: &[isize],
        fields: Vec<Field>,
        size: usize,
    ) -> Result<Self> {
        let refused = |message: &str| Error {
            kind: ErrorKind::Format,
            at: None,
            hdu: None,
            errno: None,
            message: message.to_owned(),
        };
        let end = |at: usize, bytes: usize| at.checked_add(bytes);
        let ends = |end: &dyn Fn(&Field) -> Option<usize>| {
            fields
                .iter()
                .try_fold(0, |most: usize, field| Some(most.max(end(field)?)))
        };
        let extent = ends(&|field| end(field.from, field.stored()))
            .ok_or_else(|| refused("a field lies beyond all memory"))?;
        if ends(&|field| end(field.to, field.value())).is_none_or(|end| end > size) {
            return Err(refused(
                "a field reaches beyond the element it is written to",
            ));
        }
        if shape.len() != strides.len() {
            return Err(refused("an array has as many strides as axes"));
        }
        let len = shape
            .iter()
            .try_fold(1_usize, |len, size| len.checked_mul(*size))
            .ok_or_else(|| refused("an array has more elements than can be counted"))?;
        let mut layout = Self {
            start,
            axes: Vec::new(),
            fields,
            size,
            extent,
            len,
        };
        if len == 0 {
            layout.axes.push((0, 0));
            return Ok(layout);
        }
        let (mut low, mut high) = (Some(start), end(start, extent));
        for (&count, &stride) in shape.iter().zip(strides) {
            let reach = count.saturating_sub(1).checked_mul(stride.unsigned_abs());
            if stride < 0 {
                low = low
                    .zip(reach)
                    .and_then(|(low, reach)| low.checked_sub(reach));
            } else {
                high = high
                    .zip(reach)
                    .and_then(|(high, reach)| high.checked_add(reach));
            }
        }
        if low.is_none() || high.is_none_or(|high| high > length) {
            return Err(refused(
                "an element of the array lies outside of its memory",
            ));
        }
        layout.axes = merged(shape, strides);
        Ok(layout)
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of one written element.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A stretch of memory that holds `count` elements from number `first`; `None` where they are spread over
    /// that of others, as in an array of which rows and columns are exchanged.
    pub fn extent(&self, first: usize, count: usize) -> Option<Range<usize>> {
        let last = first.checked_add(count.checked_sub(1)?)?;
        let mut inner = 0_usize;
        for (count, stride) in self.axes.iter().rev() {
            let stride = stride.unsigned_abs();
            if stride < inner {
                return None;
            }
            inner = stride.checked_mul(*count)?;
        }
        let (first, last) = (self.at(first), self.at(last));
        // Rows that are read from their ends reach beyond their first elements, by less than a row.
        let mixed = self.axes.len() > 1 && self.axes.iter().any(|(_, stride)| *stride < 0);
        let row = self
            .axes
            .first()
            .map_or(0, |(_, stride)| stride.unsigned_abs());
        let more = if mixed { row } else { 0 };
        let start = first.min(last).saturating_sub(more);
        Some(
            start
                ..first
                    .max(last)
                    .checked_add(self.extent)?
                    .saturating_add(more),
        )
    }

    /// Whether later elements lie before earlier ones, as in an image that is turned upside down.
    pub fn is_backwards(&self) -> bool {
        self.axes.first().is_some_and(|(_, stride)| *stride < 0)
    }

    /// The place of an element.
    fn at(&self, number: usize) -> usize {
        let mut rest = number;
        let mut at = self.start;
        for (count, stride) in self.axes.iter().rev() {
            let index = rest.checked_rem(*count).unwrap_or(0);
            rest = rest.checked_div(*count).unwrap_or(0);
            // Within the memory, as `new` has seen to; an index is below the length of its axis.
            let step = isize::try_from(index).unwrap_or(0).wrapping_mul(*stride);
            at = at.wrapping_add_signed(step);
        }
        at
    }

    /// Writes the elements from number `first` on to `to`, as many as it holds.
    pub fn read(&self, from: &[u8], first: usize, to: &mut [u8], scratch: &mut Scratch) {
        let Some(&(row, stride)) = self.axes.last() else {
            return;
        };
        let mut number = first;
        let mut to = to;
        while number < self.len {
            let left = row.saturating_sub(number.checked_rem(row).unwrap_or(0));
            let held = to.len().checked_div(self.size).unwrap_or(0);
            let count = left.min(held);
            let Some((now, later)) = to.split_at_mut_checked(count.saturating_mul(self.size))
            else {
                return;
            };
            if count == 0 {
                return;
            }
            self.run(from, self.at(number), stride, now, scratch);
            number = number.saturating_add(count);
            to = later;
        }
    }

    /// Writes elements that lie `stride` bytes from each other.
    fn run(&self, from: &[u8], at: usize, stride: isize, to: &mut [u8], scratch: &mut Scratch) {
        if let [field] = self.fields.as_slice()
            && field.value() == self.size
            && usize::try_from(stride) == Ok(field.stored())
        {
            if let Some(from) = at.checked_add(field.from).and_then(|at| from.get(at..)) {
                field.kind.read(from, to);
            }
            return;
        }
        let widest = self.size.max(self.extent).max(1);
        let rows = BLOCK.checked_div(widest).unwrap_or(0).max(1);
        let mut at = at;
        for block in to.chunks_mut(rows.saturating_mul(self.size).max(1)) {
            for field in &self.fields {
                self.column(field, from, at, stride, block, scratch);
            }
            let rows = isize::try_from(rows).unwrap_or(0);
            at = at.wrapping_add_signed(rows.wrapping_mul(stride));
        }
    }

    /// Writes one field of some elements.
    fn column(
        &self,
        field: &Field,
        from: &[u8],
        at: usize,
        stride: isize,
        to: &mut [u8],
        scratch: &mut Scratch,
    ) {
        let (stored, value) = (field.stored(), field.value());
        let mut at = at.wrapping_add(field.from);
        if stored >= LONG {
            for row in to.chunks_exact_mut(self.size) {
                let from = from.get(at..);
                let to = row.get_mut(field.to..field.to.saturating_add(value));
                if let (Some(from), Some(to)) = (from, to) {
                    field.kind.read(from, to);
                }
                at = at.wrapping_add_signed(stride);
            }
            return;
        }
        let rows = to.len().checked_div(self.size).unwrap_or(0);
        scratch.stored.resize(rows.saturating_mul(stored), 0);
        match stored {
            1 => gather::<1>(from, at, stride, &mut scratch.stored),
            2 => gather::<2>(from, at, stride, &mut scratch.stored),
            4 => gather::<4>(from, at, stride, &mut scratch.stored),
            8 => gather::<8>(from, at, stride, &mut scratch.stored),
            16 => gather::<16>(from, at, stride, &mut scratch.stored),
            _ => {
                for item in scratch.stored.chunks_exact_mut(stored.max(1)) {
                    if let Some(from) = from.get(at..at.saturating_add(stored)) {
                        item.copy_from_slice(from);
                    }
                    at = at.wrapping_add_signed(stride);
                }
            }
        }
        if value == self.size {
            field.kind.read(&scratch.stored, to);
            return;
        }
        scratch.value.resize(rows.saturating_mul(value), 0);
        field.kind.read(&scratch.stored, &mut scratch.value);
        let values = scratch.value.chunks_exact(value.max(1));
        for (row, value) in to.chunks_exact_mut(self.size).zip(values) {
            if let Some(to) = row.get_mut(field.to..field.to.saturating_add(value.len())) {
                to.copy_from_slice(value);
            }
        }
    }
}

/// Copies items of `N` bytes that lie `stride` bytes from each other.
fn gather<const N: usize>(from: &[u8], at: usize, stride: isize, to: &mut [u8]) {
    let mut at = at;
    for item in to.as_chunks_mut::<N>().0 {
        if let Some(found) = from.get(at..).and_then(<[u8]>::first_chunk) {
            *item = *found;
        }
        at = at.wrapping_add_signed(stride);
    }
}

/// The axes without those of length 1; two become one where the elements of both are evenly apart.
fn merged(shape: &[usize], strides: &[isize]) -> Vec<(usize, isize)> {
    let mut axes: Vec<(usize, isize)> = Vec::new();
    for (&count, &stride) in shape.iter().zip(strides) {
        if count == 1 {
            continue;
        }
        let row = isize::try_from(count)
            .ok()
            .and_then(|count| stride.checked_mul(count));
        match axes.last_mut() {
            Some((outer, step)) if Some(*step) == row => {
                *outer = outer.saturating_mul(count);
                *step = stride;
            }
            _ => axes.push((count, stride)),
        }
    }
    if axes.is_empty() {
        axes.push((1, 0));
    }
    axes
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::swap::{Change, Width};

    fn swapped(width: usize) -> Kind {
        let width = Width::new(width).unwrap();
        let (swap, sign) = (true, false);
        Kind::Bits(Change { width, swap, sign })
    }

    fn field(kind: Kind) -> Field {
        let (from, to, count) = (0, 0, 1);
        Field {
            from,
            to,
            count,
            kind,
        }
    }

    fn all(layout: &Layout, from: &[u8]) -> Vec<u8> {
        let mut to = vec![0; layout.len() * layout.size()];
        layout.read(from, 0, &mut to, &mut Scratch::default());
        to
    }

    #[test]
    fn rows_from_behind_and_every_other_column() {
        let from: Vec<u8> = (0..24).collect(); // 3 rows of 4 numbers of 2 bytes
        let fields = vec![field(swapped(2))];
        let layout = Layout::new(24, 16, &[3, 2], &[-8, 4], fields, 2).unwrap();
        assert_eq!(
            all(&layout, &from),
            [17, 16, 21, 20, 9, 8, 13, 12, 1, 0, 5, 4]
        );
        assert_eq!(layout.extent(2, 2), Some(0..22));
        assert!(layout.is_backwards());
        let mut to = [0; 4];
        layout.read(&from, 3, &mut to, &mut Scratch::default());
        assert_eq!(to, [13, 12, 1, 0]);
    }

    #[test]
    fn elements_among_others_have_no_stretch_of_their_own() {
        let new = |shape: &[usize], strides: &[isize]| {
            Layout::new(24, 0, shape, strides, vec![field(swapped(2))], 2).unwrap()
        };
        assert_eq!(new(&[3, 4], &[8, 2]).extent(4, 4), Some(8..16));
        assert_eq!(new(&[4, 3], &[2, 8]).extent(0, 3), None);
        assert_eq!(new(&[4, 3], &[2, 8]).extent(0, 0), None);
    }

    #[test]
    fn axes_that_are_evenly_apart_become_one() {
        assert_eq!(merged(&[2, 1, 3, 4], &[24, 7, 8, 2]), [(24, 2)]);
        assert_eq!(merged(&[2, 3], &[8, 2]), [(2, 8), (3, 2)]);
        assert_eq!(merged(&[], &[]), [(1, 0)]);
        assert_eq!(merged(&[5, 5], &[0, 0]), [(25, 0)]);
    }

    #[test]
    fn rows_of_a_table_are_read_field_by_field() {
        // A letter, a number of 4 bytes, and 100 of 8, packed; written with gaps, long fields first.
        let row = 1 + 4 + 800;
        let from: Vec<u8> = (0..row * 50)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let plain = Kind::Bits(Change {
            width: Width::One,
            swap: false,
            sign: false,
        });
        let part = |from, to, count, kind| Field {
            from,
            to,
            count,
            kind,
        };
        let fields = vec![
            part(0, 804, 1, plain),
            part(1, 800, 1, swapped(4)),
            part(5, 0, 100, swapped(8)),
        ];
        let stride = isize::try_from(row).unwrap();
        let layout = Layout::new(from.len(), 0, &[50], &[stride], fields, 808).unwrap();
        let to = all(&layout, &from);
        for (stored, written) in from.chunks(row).zip(to.chunks(808)) {
            assert_eq!(written[804], stored[0]);
            let mut number = stored[1..5].to_vec();
            number.reverse();
            assert_eq!(written[800..804], number);
            let mut last = stored[row - 8..].to_vec();
            last.reverse();
            assert_eq!(written[792..800], last);
            assert_eq!(written[805..], [0, 0, 0]);
        }
        assert_eq!(layout.extent(1, 2), Some(row..3 * row));
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let fields = || vec![field(swapped(4))];
        let new = |start, shape: &[usize], strides: &[isize]| {
            Layout::new(16, start, shape, strides, fields(), 4)
        };
        assert!(new(0, &[4], &[4]).is_ok());
        assert!(new(12, &[4], &[-4]).is_ok());
        assert!(new(0, &[5], &[4]).is_err());
        assert!(new(1, &[4], &[4]).is_err());
        assert!(new(8, &[4], &[-4]).is_err());
        assert!(new(0, &[1000], &[0]).is_ok());
        assert!(new(0, &[usize::MAX, 2], &[0, 0]).is_err());
        assert!(new(0, &[2], &[isize::MAX]).is_err());
        assert!(new(0, &[2], &[isize::MIN]).is_err());
        assert!(new(usize::MAX, &[1], &[4]).is_err());
        assert!(new(0, &[2, 2], &[4]).is_err());
        assert!(Layout::new(16, 0, &[4], &[4], fields(), 3).is_err());
        let empty = new(99, &[3, 0], &[1 << 40, 4]).unwrap();
        assert!(empty.is_empty() && all(&empty, &[]).is_empty());
    }
}

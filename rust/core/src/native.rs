//! Numbers as this machine has them, out of the bytes of a file: in one pass, by all cores.
//!
//! ```text
//! map of the file     . . [ rows of a slice ] . . . [ rows ] . .      strides of any sign
//!                           │ reversed, offset undone, scaled: [`Kind`]
//! fresh memory        [ 2 MB ][ 2 MB ][ 2 MB ] …                      in C order
//!                       core 1   core 2   core 1
//! ```
//!
//! Pages of fresh memory are made when they are first written to, and that takes longer than the numbers
//! do. Every core therefore makes those it writes to, in pieces that start where a huge page may start.
//! Whoever allocates the memory asks for huge pages; numpy does so from 4 MB on.

mod kind;
mod layout;
mod stats;
mod value;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

pub use kind::{Kind, Scaled, Stored};
pub use layout::{Field, Layout, Scratch};
pub use stats::{Mask, Number, Stats, reduce};

/// What a core takes at a time: the size of a huge page.
const PIECE: usize = 2 << 20;

/// What is read before its memory is given back.
const STEP: usize = 512 << 10;

/// More cores than this do not make memory faster.
const CORES: usize = 16;

/// How many cores work on so many bytes.
fn cores(bytes: usize) -> usize {
    let pieces = bytes.checked_div(PIECE / 2).unwrap_or(0);
    if pieces < 2 {
        return 1;
    }
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(CORES)
        .min(pieces)
}

/// Does `work` on as many cores, this one included, and returns what they give.
fn on_cores<T: Send>(cores: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        // Where the system refuses a thread, fewer do the same work.
        let others: Vec<_> = (1..cores)
            .map_while(|_| std::thread::Builder::new().spawn_scoped(scope, &work).ok())
            .collect();
        let mut results = vec![work()];
        results.extend(others.into_iter().filter_map(|other| other.join().ok()));
        results
    })
}

/// Writes all elements of an array to `to`, which has their size; calls `done` with stretches of `from` that
/// will not be read again.
pub fn read(layout: &Layout, from: &[u8], to: &mut [u8], done: &(dyn Fn(Range<usize>) + Sync)) {
    let size = layout.size();
    if size == 0 || layout.is_empty() {
        return;
    }
    // The first piece ends where a huge page does.
    let head = to.as_ptr().align_offset(PIECE).min(PIECE);
    let whole = |bytes: usize| bytes.saturating_sub(bytes.checked_rem(size).unwrap_or(0));
    let piece = whole(PIECE).max(size);
    let cores = cores(to.len());
    let head = if cores > 1 { whole(head) } else { 0 };
    let (head, rest) = to.split_at_mut_checked(head).unwrap_or_default();
    let pieces = std::iter::once(head).chain(rest.chunks_mut(piece));
    let mut first = 0_usize;
    let pieces = Mutex::new(pieces.map(move |piece| {
        let at = first;
        first = first.saturating_add(piece.len().checked_div(size).unwrap_or(0));
        (at, piece)
    }));
    // In a cut, elements are further apart where they are read than where they are written.
    let all = layout.extent(0, layout.len());
    let apart = all
        .as_ref()
        .map_or(size, |all| all.len().div_ceil(layout.len()));
    let step = STEP.checked_div(apart.max(size)).unwrap_or(0).max(1);
    let step = step.saturating_mul(size);
    on_cores(cores, || {
        let mut scratch = Scratch::default();
        loop {
            let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((mut first, piece)) = next else {
                return;
            };
            for to in piece.chunks_mut(step) {
                layout.read(from, first, to, &mut scratch);
                let count = to.len().checked_div(size).unwrap_or(0);
                if let Some(range) = layout.extent(first, count) {
                    done(range);
                }
                first = first.saturating_add(count);
            }
        }
    });
    if all.is_none() {
        done(0..from.len());
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::swap::{Change, Width};

    #[test]
    fn many_pieces_are_the_same_as_one() {
        // Elements of 6 bytes, so that no piece ends where an element does by itself.
        let count = 1_500_000;
        let from: Vec<u8> = (0..count * 6)
            .map(|n| u8::try_from(n % 253).unwrap())
            .collect();
        let kind = Kind::Bits(Change {
            width: Width::Two,
            swap: true,
            sign: false,
        });
        let field = Field {
            from: 0,
            to: 0,
            count: 3,
            kind,
        };
        let layout = Layout::new(from.len(), 0, &[count], &[6], vec![field], 6).unwrap();
        let mut to = vec![0; from.len()];
        let seen = Mutex::new(Vec::new());
        read(&layout, &from, &mut to, &|range| {
            seen.lock().unwrap().push(range);
        });
        assert!(
            from.iter()
                .zip(to.as_chunks::<2>().0.as_flattened())
                .count()
                == from.len()
        );
        let expected: Vec<u8> = from
            .as_chunks::<2>()
            .0
            .iter()
            .flat_map(|[a, b]| [*b, *a])
            .collect();
        assert!(to == expected);
        let mut seen = seen.into_inner().unwrap();
        seen.sort_by_key(|range| range.start);
        assert_eq!(seen.first().map(|range| range.start), Some(0));
        assert_eq!(seen.last().map(|range| range.end), Some(from.len()));
        assert!(seen.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}

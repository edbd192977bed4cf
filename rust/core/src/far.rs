//! A file that is far away: what was fetched of it, and who answers for the rest.
//!
//! ```text
//! Stretches + reader = Far, a source like any other: headers and tree at hand, data when they are asked for
//! ```
//!
//! What has to be at hand is found by a [survey](crate::survey).

use std::collections::BTreeMap;
use std::fmt;

use crate::bytes::{Bytes, End, Load, find_end};
use crate::memory::Fresh;
use crate::{Error, Result};

/// Bytes that were fetched, by their place. What is there never changes.
#[derive(Debug, Clone, Default)]
pub struct Stretches {
    size: u64,
    /// They neither overlap nor touch.
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl Stretches {
    /// Nothing of a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            pieces: BTreeMap::new(),
        }
    }

    /// How many bytes are there.
    pub fn held(&self) -> usize {
        self.pieces.values().map(Vec::len).sum()
    }

    /// Takes the bytes at `at`; those that are there already stay, and none lies beyond the end.
    pub fn add(&mut self, at: u64, bytes: &[u8]) {
        let room = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = at.saturating_add(bytes.len() as u64);
        let before = self.pieces.range(..=at).next_back();
        let (start, mut whole) = match before.map(|(&start, piece)| (start, piece.len() as u64)) {
            Some((start, length)) if start.saturating_add(length) >= at => {
                (start, self.pieces.remove(&start).unwrap_or_default())
            }
            _ => (at, Vec::new()),
        };
        while let Some((&next, _)) = self.pieces.range(at..=end).next() {
            let gap = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
            append(&mut whole, start, at, bytes.get(..gap).unwrap_or(bytes));
            let piece = self.pieces.remove(&next).unwrap_or_default();
            append(&mut whole, start, next, &piece);
        }
        append(&mut whole, start, at, bytes);
        if !whole.is_empty() {
            self.pieces.insert(start, whole);
        }
    }
}

/// Appends what `piece`, at `at`, has beyond the end of `whole`, which starts at `start`.
fn append(whole: &mut Vec<u8>, start: u64, at: u64, piece: &[u8]) {
    let end = start.saturating_add(whole.len() as u64);
    let known = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    whole.extend_from_slice(piece.get(known..).unwrap_or_default());
}

impl Bytes for Stretches {
    fn size(&self) -> u64 {
        self.size
    }

    fn tail(&self, at: u64) -> &[u8] {
        let piece = self.pieces.range(..=at).next_back();
        let found = piece.and_then(|(&start, piece)| {
            let from = usize::try_from(at.saturating_sub(start)).ok()?;
            piece.get(from..)
        });
        found.unwrap_or_default()
    }
}

/// A walk over stretches that notes what it lacks.
#[derive(Debug)]
pub struct Look<'a> {
    at_hand: &'a Stretches,
    wanted: Option<(u64, u64)>,
}

impl<'a> Look<'a> {
    /// A walk over these bytes.
    pub fn new(at_hand: &'a Stretches) -> Self {
        Self {
            at_hand,
            wanted: None,
        }
    }

    /// What the walk lacked.
    pub fn wanted(&self) -> Option<(u64, u64)> {
        self.wanted
    }

    fn lacks(&mut self, at: u64, length: u64) -> Error {
        let length = length.min(self.size().saturating_sub(at));
        self.wanted.get_or_insert((at, length));
        Error::truncated(at, format!("{length} bytes were not fetched yet"))
    }
}

impl Bytes for Look<'_> {
    fn size(&self) -> u64 {
        self.at_hand.size
    }

    fn tail(&self, at: u64) -> &[u8] {
        self.at_hand.tail(at)
    }
}

impl Load for Look<'_> {
    fn load(&mut self, at: u64) -> Result<()> {
        let tail = self.tail(at);
        let (have, rest) = (tail.len() as u64, self.size().saturating_sub(at));
        match find_end(tail, 0, at) {
            Ok(End::Found(length)) => self.load_range(at, length),
            _ if have >= rest => Ok(()),
            Ok(End::Beyond(more)) => Err(self.lacks(at.saturating_add(have), more)),
            Err(error) => Err(error),
        }
    }

    fn load_range(&mut self, at: u64, length: u64) -> Result<()> {
        let length = length.min(self.size().saturating_sub(at));
        let have = self.tail(at).len() as u64;
        if have >= length {
            return Ok(());
        }
        Err(self.lacks(at.saturating_add(have), length.saturating_sub(have)))
    }
}

/// Who answers for the bytes of a file that is far away.
pub trait Fetch: Send + Sync {
    /// Fills the start of `into` with the bytes from `at`; says how many they are.
    fn fetch(&self, at: u64, into: &mut [u8]) -> Result<usize>;
}

/// A file that is far away, as the bytes of a product.
pub struct Far {
    /// Headers, tree, and whatever else is at hand.
    pub at_hand: Stretches,
    reader: Box<dyn Fetch>,
}

impl fmt::Debug for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Far")
            .field("size", &self.at_hand.size)
            .finish_non_exhaustive()
    }
}

/// What is asked for in one go: the reader splits it up among its connections.
const CALL: usize = 64 << 20;

impl Far {
    /// A file of which `at_hand` is here and `reader` has the rest.
    pub fn new(at_hand: Stretches, reader: Box<dyn Fetch>) -> Self {
        Self { at_hand, reader }
    }

    /// `length` bytes from `at`, fetched; `None` beyond the end.
    pub fn fetch(&self, at: u64, length: u64) -> Result<Option<Fresh>> {
        let end = at.checked_add(length);
        if end.is_none_or(|end| end > self.at_hand.size) {
            return Ok(None);
        }
        let Ok(length) = usize::try_from(length) else {
            return Ok(None);
        };
        let mut fresh = Fresh::new(length)?;
        let mut rest = fresh.bytes();
        let mut place = at;
        while !rest.is_empty() {
            let count = rest.len().min(CALL);
            let Some(part) = rest.get_mut(..count) else {
                break;
            };
            let count = self.reader.fetch(place, part)?;
            if count == 0 {
                let message = "the file ends here, it was longer when it was opened";
                return Err(Error::truncated(place, message));
            }
            place = place.saturating_add(count as u64);
            rest = rest.get_mut(count..).unwrap_or_default();
        }
        Ok(Some(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_joined_and_what_is_there_stays() {
        let mut held = Stretches::new(20);
        held.add(10, b"klm");
        held.add(0, b"ab");
        held.add(17, b"rstuvwxyz");
        assert_eq!((held.tail(0), held.tail(11)), (&b"ab"[..], &b"lm"[..]));
        assert_eq!((held.tail(17), held.tail(5)), (&b"rst"[..], &b""[..]));
        held.add(1, b"XXdefghijXXXnopqXX");
        assert_eq!(held.tail(0), b"abXdefghijklmnopqrst"); // the b, l, m, r, s stay
        assert_eq!(
            (held.held(), held.tail(20), held.tail(99)),
            (20, &b""[..], &b""[..])
        );
        held.add(30, b"beyond");
        assert_eq!(held.held(), 20);
    }
}

//! A file that is far away: what was fetched of it, and who answers for the rest.
//!
//! ```text
//! Stretches ── survey ──▶ HDUs so far, the place that is wanted next ──▶ who fetches (and guesses ahead)
//!     ▲                                                                        │
//!     └──────────────────────────────── bytes ─────────────────────────────────┘
//! Stretches + reader = Far, a source like any other: headers and tree at hand, data when they are asked for
//! ```
//!
//! Each look is a walk from the start, by the code that walks through files on a disk; it costs microseconds,
//! where a request costs milliseconds. Who fetches may bring what is wanted and as much more as it likes.

use std::collections::BTreeMap;
use std::fmt;

use crate::asdf::AsdfFile;
use crate::bytes::{Bytes, Load, Within};
use crate::fits::{BLOCK, CARD, card, padded};
use crate::memory::Fresh;
use crate::product;
use crate::{Error, ErrorKind, Layout, Result};

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

    /// Walks as far as the bytes go.
    ///
    /// Asked for are all headers, the tree, and `with_blocks` the headers of binary blocks. A fault of the file
    /// is no error here: whoever makes a product of the bytes meets it again.
    pub fn survey(&self, with_blocks: bool) -> Survey {
        let mut look = Look::new(self);
        let mut layout = Layout::default();
        let asdf = reach(&mut look, &mut layout, with_blocks);
        Survey {
            asdf: asdf.ok().flatten(),
            layout,
            wanted: look.wanted,
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

/// How far the bytes of a far file go.
#[derive(Debug)]
pub struct Survey {
    /// The HDUs whose headers are at hand, up to the first whose is not.
    pub layout: Layout,
    /// Where the ASDF file lies, once it is reached.
    pub asdf: Option<(u64, u64)>,
    /// The place and length of what is wanted next; `None` once nothing is.
    pub wanted: Option<(u64, u64)>,
}

/// Loads what a product is made of; says where the ASDF file lies, and its length.
fn reach<S: Load>(
    source: &mut S,
    layout: &mut Layout,
    with_blocks: bool,
) -> Result<Option<(u64, u64)>> {
    let Some((_, at, length)) = product::place(source, layout)? else {
        return Ok(None);
    };
    product::load_tree(source, at, length)?;
    if with_blocks {
        let bytes = product::slice(source, at, length);
        if let Some(end) = AsdfFile::tree_end(bytes) {
            let mut file = Within::new(source, at, length);
            crate::asdf::read_blocks(&mut file, end, at)?;
        }
    }
    Ok(Some((at, length)))
}

/// A walk over stretches that notes what it lacks.
#[derive(Debug)]
pub struct Look<'a> {
    at_hand: &'a Stretches,
    wanted: Option<(u64, u64)>,
}

/// What is asked for where a header starts or goes on.
const STEP: u64 = 2 * BLOCK;

/// A header of more bytes is none.
const LONGEST: u64 = 64 << 20;

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
        match tail.chunks_exact(CARD).position(card::is_end) {
            Some(end) => {
                let cards = end.saturating_add(1).saturating_mul(CARD);
                let whole = padded(cards as u64).unwrap_or(u64::MAX);
                self.load_range(at, whole)
            }
            None if have >= rest => Ok(()),
            None if have >= LONGEST => {
                let message = format!(
                    "the header that starts at byte {at} has no END card in {LONGEST} bytes"
                );
                Err(Error::new(ErrorKind::Limit, at, message))
            }
            None => {
                let more = have.checked_div(4).unwrap_or(0).max(STEP);
                Err(self.lacks(at.saturating_add(have), more))
            }
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
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]
mod tests {
    use super::*;
    use crate::{Product, Source};

    fn header(cards: &[&str]) -> Vec<u8> {
        let cards = cards.iter().chain(&["END"]);
        let mut bytes: Vec<u8> = cards
            .flat_map(|card| format!("{card:<80}").into_bytes())
            .collect();
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), b' ');
        bytes
    }

    fn extension(kind: &str, name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = header(&[
            &format!("XTENSION= '{kind:<8}'"),
            "BITPIX  = 8",
            "NAXIS   = 1",
            &format!("NAXIS1  = {}", data.len()),
            &format!("EXTNAME = '{name}'"),
        ]);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        bytes
    }

    /// Two images and a tree with two blocks.
    fn product() -> Vec<u8> {
        let mut asdf = b"#ASDF 1.0.0\n%YAML 1.1\n---\na: 1\n...\n".to_vec();
        for size in [70_000_u64, 9_000] {
            asdf.extend(b"\xd3BLK\0\x30\0\0\0\0\0\0\0\0");
            asdf.extend([size.to_be_bytes(); 3].as_flattened());
            asdf.extend([0; 16]);
            asdf.resize(asdf.len() + size as usize, 7);
        }
        let mut file = header(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"]);
        file.extend(extension("IMAGE", "SCI", &vec![1; 200_000]));
        file.extend(extension("IMAGE", "ERR", &vec![2; 200_000]));
        file.extend(extension("IMAGE", "ASDF", &asdf));
        file
    }

    fn held_bytes(held: &Stretches) -> usize {
        held.pieces.values().map(Vec::len).sum()
    }

    struct Bytes_(Vec<u8>);

    impl Fetch for Bytes_ {
        fn fetch(&self, at: u64, into: &mut [u8]) -> Result<usize> {
            // Less than is asked for, as from a slow line.
            let count = into.len().min(50_000);
            into[..count].copy_from_slice(Bytes::get(self.0.as_slice(), at, count as u64).unwrap());
            Ok(count)
        }
    }

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
            (held_bytes(&held), held.tail(20), held.tail(99)),
            (20, &b""[..], &b""[..])
        );
        held.add(30, b"beyond");
        assert_eq!(held_bytes(&held), 20);
    }

    #[test]
    fn a_survey_asks_for_what_a_product_is_made_of_and_no_more() {
        let file = product();
        let mut held = Stretches::new(file.len() as u64);
        let mut asked = 0;
        while let Some((at, length)) = held.survey(true).wanted {
            let at = at as usize;
            held.add(at as u64, &file[at..at + length as usize]);
            asked += 1;
            assert!(asked < 20);
        }
        assert!(held_bytes(&held) < 200_000);
        let survey = held.survey(true);
        assert_eq!(survey.layout.hdus.len(), 4);
        let local = Product::read(Source::from_bytes(file.clone()).unwrap()).unwrap();
        let far = Far::new(held, Box::new(Bytes_(file.clone())));
        let far = Product::read(Source::Far(far)).unwrap();
        assert_eq!(far.yaml(), local.yaml());
        assert_eq!(far.header_hash(), local.header_hash());
        for number in [0, 1] {
            let ((at, block), (_, other)) =
                (far.block(number).unwrap(), local.block(number).unwrap());
            assert_eq!(block, other);
            assert_eq!(
                far.stored(at, block).unwrap(),
                local.stored(at, other).unwrap()
            );
        }
        let (at, length) = (far.layout.hdus[1].data_at, 200_000);
        assert_eq!(
            far.source.read(at, length).unwrap().unwrap(),
            vec![1; 200_000]
        );
        assert_eq!(
            far.source.region(at, length).unwrap().unwrap().len(),
            200_000
        );
        assert!(far.source.region(at, 1 << 40).unwrap().is_none());
        assert!(far.source.read(u64::MAX, 2).unwrap().is_none());
    }

    #[test]
    fn a_file_cut_at_any_block_reads_as_it_does_from_a_disk() {
        let file = product();
        for length in (0..file.len()).step_by(BLOCK as usize / 3) {
            let cut = &file[..length];
            let mut held = Stretches::new(length as u64);
            while let Some((at, length)) = held.survey(true).wanted {
                held.add(at, &cut[at as usize..(at + length) as usize]);
            }
            let far = Far::new(held, Box::new(Bytes_(cut.to_vec())));
            let far = Product::read(Source::Far(far)).map(|p| p.layout.warnings);
            let local = Product::read(Source::from_bytes(cut.to_vec()).unwrap());
            assert_eq!(far, local.map(|p| p.layout.warnings), "{length}");
        }
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let file = product();
        let mut held = Stretches::new(file.len() as u64);
        held.add(0, &file[..100_000]);
        let far = Far::new(held, Box::new(Bytes_(file)));
        let error = Product::read(Source::Far(far)).unwrap_err();
        assert!(error.message.contains("not fetched"), "{error}");
    }
}

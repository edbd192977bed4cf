//! Bytes of a file by their place, whether all of them are at hand or only those that were read.
//!
//! Who walks through a file asks for each header before it looks at it, so that the same walk serves a
//! map, where nothing has to be done for it, and a [`Partial`] file, of which only headers and the tree
//! are ever read. Where the bytes of a partial file come from is a [`ReadAt`]: a file on a disk, or
//! whatever else answers for a range of bytes.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::fits::{CARD, card};
use crate::{Error, ErrorKind, Result};

/// Bytes of a file that are at hand.
pub trait Bytes {
    /// The length of the file.
    fn size(&self) -> u64;

    /// The bytes from `at` on, as far as they are at hand; none beyond the end.
    fn tail(&self, at: u64) -> &[u8];

    /// `length` bytes from `at`; `None` where not all of them are at hand.
    fn get(&self, at: u64, length: u64) -> Option<&[u8]> {
        self.tail(at).get(..usize::try_from(length).ok()?)
    }
}

/// A file that is walked through.
pub trait Load: Bytes {
    /// Brings the header at `at` to hand, up to END and its padding.
    fn load(&mut self, at: u64) -> Result<()>;

    /// Brings `length` bytes from `at` to hand, or as many as the file has.
    fn load_range(&mut self, at: u64, length: u64) -> Result<()>;
}

impl Bytes for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn tail(&self, at: u64) -> &[u8] {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        self.get(start..).unwrap_or_default()
    }
}

impl Bytes for &[u8] {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn tail(&self, at: u64) -> &[u8] {
        (**self).tail(at)
    }
}

impl Load for &[u8] {
    fn load(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn load_range(&mut self, _: u64, _: u64) -> Result<()> {
        Ok(())
    }
}

/// Something that answers for ranges of bytes.
pub trait ReadAt {
    /// Fills the start of `into` with the bytes from `at`; 0 at the end of the file.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }
}

/// A part of a file, as a file of its own.
#[derive(Debug)]
pub struct Within<'a, F> {
    file: &'a mut F,
    at: u64,
    length: u64,
}

impl<'a, F: Bytes> Within<'a, F> {
    /// `length` bytes from `at`, or as many as the file has.
    pub fn new(file: &'a mut F, at: u64, length: u64) -> Self {
        let length = length.min(file.size().saturating_sub(at));
        Self { file, at, length }
    }
}

impl<F: Bytes> Bytes for Within<'_, F> {
    fn size(&self) -> u64 {
        self.length
    }

    fn tail(&self, at: u64) -> &[u8] {
        let Some(rest) = self.length.checked_sub(at) else {
            return &[];
        };
        let tail = self.file.tail(self.at.saturating_add(at));
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        tail.get(..rest).unwrap_or(tail)
    }
}

impl<F: Load> Load for Within<'_, F> {
    fn load(&mut self, at: u64) -> Result<()> {
        self.file.load(self.at.saturating_add(at))
    }

    fn load_range(&mut self, at: u64, length: u64) -> Result<()> {
        let length = length.min(self.length.saturating_sub(at));
        self.file.load_range(self.at.saturating_add(at), length)
    }
}

/// Bytes that lie at a place of a file, alone at hand.
#[derive(Debug)]
pub struct Stretch<'a> {
    /// The size of the file.
    pub size: u64,
    /// Where the bytes lie.
    pub at: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Bytes for Stretch<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn tail(&self, at: u64) -> &[u8] {
        at.checked_sub(self.at)
            .map_or(&[], |place| self.bytes.tail(place))
    }
}

/// A file of which only what was asked for is in memory.
#[derive(Debug)]
pub struct Partial<R> {
    reader: R,
    size: u64,
    stretches: Vec<Piece>,
}

/// Bytes that follow each other.
#[derive(Debug)]
struct Piece {
    at: u64,
    bytes: Vec<u8>,
}

thread_local! {
    /// Memory of the files that this thread read before: fresh pages take longer than the bytes in them.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// How many pieces of memory a thread keeps, and how large they may be.
const KEPT: (usize, usize) = (4, 256 << 10);

impl Piece {
    fn new(at: u64) -> Self {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
        Self {
            at,
            bytes: spare.ok().flatten().unwrap_or_default(),
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        // A thread that ends has no more use for it.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT.0 && bytes.capacity() <= KEPT.1 {
                spare.push(bytes);
            }
        });
    }
}

/// What is read at first: the primary header of a product, and often more.
const FIRST: u64 = 64 << 10;

/// What is read where a header starts; most headers of extensions are shorter.
const STEP: u64 = 2 * crate::fits::BLOCK;

/// What is read in one go at the end of a file, since the tree stands there.
const END: u64 = 64 << 10;

/// A header of more bytes is none.
const LONGEST: u64 = 64 << 20;

/// Where a header ends.
pub(crate) enum End {
    /// Its END card is; it has so many bytes with its padding.
    Found(u64),
    /// Not in what is at hand; so many more bytes are to be looked at.
    Beyond(u64),
}

/// Looks for the end of a header, of which `tail` is at hand; `seen` bytes of it were searched before.
pub(crate) fn find_end(tail: &[u8], seen: usize, at: u64) -> Result<End> {
    let fresh = tail.get(seen..).unwrap_or_default();
    if let Some(end) = fresh.chunks_exact(CARD).position(card::is_end) {
        let cards = seen.saturating_add(end.saturating_add(1).saturating_mul(CARD));
        return Ok(End::Found(
            crate::fits::padded(cards as u64).unwrap_or(u64::MAX),
        ));
    }
    let have = tail.len() as u64;
    if have >= LONGEST {
        let message =
            format!("the header that starts at byte {at} has no END card in {LONGEST} bytes");
        return Err(Error::new(ErrorKind::Limit, at, message));
    }
    // Data may follow right behind, which nobody wants.
    Ok(End::Beyond(have.checked_div(4).unwrap_or(0).max(STEP)))
}

impl<R: ReadAt> Partial<R> {
    /// A file of `size` bytes, its first ones read.
    pub fn open(reader: R, size: u64) -> Result<Self> {
        let mut file = Self {
            reader,
            size,
            stretches: Vec::new(),
        };
        let first = if size <= FIRST.saturating_add(END) {
            size
        } else {
            FIRST
        };
        file.load_range(0, first)?;
        Ok(file)
    }

    /// The stretch that holds the byte at `at`; a new, empty one if there is none.
    fn stretch(&mut self, at: u64) -> usize {
        let holds = |stretch: &Piece| {
            let end = stretch.at.saturating_add(stretch.bytes.len() as u64);
            (stretch.at..=end).contains(&at)
        };
        self.stretches.iter().rposition(holds).unwrap_or_else(|| {
            self.stretches.push(Piece::new(at));
            self.stretches.len().saturating_sub(1)
        })
    }
}

impl<R> Bytes for Partial<R> {
    fn size(&self) -> u64 {
        self.size
    }

    fn tail(&self, at: u64) -> &[u8] {
        // A walk goes forward, so that the last stretch is asked for most.
        let found = self.stretches.iter().rev().find_map(|stretch| {
            let start = usize::try_from(at.checked_sub(stretch.at)?).ok()?;
            stretch.bytes.get(start..).filter(|rest| !rest.is_empty())
        });
        found.unwrap_or_default()
    }
}

impl<R: ReadAt> Load for Partial<R> {
    fn load(&mut self, at: u64) -> Result<()> {
        let rest = self.size.saturating_sub(at);
        let mut wanted = if rest <= END { rest } else { STEP };
        let mut seen = 0_usize;
        loop {
            let have = self.tail(at).len() as u64;
            if have < wanted {
                self.load_range(at, wanted)?;
            }
            // All that is there is searched, and none of it twice.
            let tail = self.tail(at);
            let have = tail.len() as u64;
            let more = match find_end(tail, seen, at) {
                Ok(End::Found(length)) => return self.load_range(at, length),
                _ if have >= rest => return Ok(()),
                Ok(End::Beyond(more)) => more,
                Err(error) => return Err(error),
            };
            let cards = tail.len().checked_div(CARD).unwrap_or(0);
            seen = cards.saturating_mul(CARD);
            wanted = have.saturating_add(more).min(rest);
        }
    }

    fn load_range(&mut self, at: u64, length: u64) -> Result<()> {
        let length = length.min(self.size.saturating_sub(at));
        if self.tail(at).len() as u64 >= length {
            return Ok(());
        }
        let number = self.stretch(at);
        let Some(stretch) = self.stretches.get_mut(number) else {
            return Ok(());
        };
        let end = at.saturating_add(length).saturating_sub(stretch.at);
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let mut filled = stretch.bytes.len();
        stretch.bytes.resize(end.max(filled), 0);
        while let Some(into) = stretch.bytes.get_mut(filled..).filter(|b| !b.is_empty()) {
            let place = stretch.at.saturating_add(filled as u64);
            match self.reader.read_at(place, into) {
                // Cut while it was read: what is there counts.
                Ok(0) => {
                    self.size = self.size.min(place);
                    break;
                }
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    stretch.bytes.truncate(filled);
                    return Err(error.into());
                }
            }
        }
        stretch.bytes.truncate(filled);
        Ok(())
    }
}

impl<R> Partial<R> {
    /// What `unpack` makes of the first stretch, all of it in memory.
    pub fn replaced(self, unpack: impl FnOnce(&[u8]) -> Result<Vec<u8>>) -> Result<Self> {
        let bytes = unpack(self.tail(0))?;
        Ok(Self {
            reader: self.reader,
            size: bytes.len() as u64,
            stretches: vec![Piece { at: 0, bytes }],
        })
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
    use std::cell::Cell;

    /// Bytes that count how many of them were asked for.
    struct Counted(Vec<u8>, Cell<usize>);

    impl ReadAt for &Counted {
        fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
            let rest = self.0.as_slice().tail(at);
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            self.1.set(self.1.get() + count);
            Ok(count)
        }
    }

    fn card(text: &str) -> Vec<u8> {
        format!("{text:<80}").into_bytes()
    }

    #[test]
    fn a_header_is_read_up_to_its_end_and_no_data() {
        let mut bytes = vec![b'x'; 300_000];
        let mut header: Vec<u8> = (0..200).flat_map(|_| card("A       = 1")).collect();
        header.extend(card("END"));
        bytes[100_000..100_000 + header.len()].copy_from_slice(&header);
        let counted = Counted(bytes.clone(), Cell::new(0));
        let mut file = Partial::open(&counted, bytes.len() as u64).unwrap();
        file.load(100_000).unwrap();
        let whole = crate::fits::padded(header.len() as u64).unwrap();
        assert_eq!(
            file.get(100_000, whole).unwrap(),
            Bytes::get(bytes.as_slice(), 100_000, whole).unwrap()
        );
        assert!(counted.1.get() < FIRST as usize + 2 * header.len() + 2 * STEP as usize);
        assert!(file.tail(90_000).is_empty());
    }

    #[test]
    fn a_file_that_shrank_meanwhile_ends_where_it_ends() {
        let counted = Counted(vec![1; 1000], Cell::new(0));
        let mut file = Partial::open(&counted, 500_000).unwrap();
        assert_eq!((file.size(), file.tail(0).len()), (1000, 1000));
        file.load(400_000).unwrap();
        assert!(file.tail(400_000).is_empty());
    }

    #[test]
    fn a_file_without_an_end_card_is_read_no_further_than_the_limit() {
        struct Blank;
        impl ReadAt for Blank {
            fn read_at(&self, _: u64, into: &mut [u8]) -> io::Result<usize> {
                into.fill(b' ');
                Ok(into.len())
            }
        }
        let mut file = Partial::open(Blank, 1 << 50).unwrap();
        assert_eq!(file.load(0).unwrap_err().kind, ErrorKind::Limit);
        assert!(file.tail(0).len() as u64 <= 2 * LONGEST);
    }
}

//! Where the bytes come from: a mapped file, bytes in memory, or a file that is far away.
//!
//! A file is mapped twice. Rust parses a read-only map. Arrays come from a private copy-on-write map,
//! of which Rust only ever hands out the address: a caller may write there at any time, so a Rust
//! slice over it would break the rule that shared bytes do not change. The file on disk never changes.
//! Both maps live until the last user is gone and survive a rename over the path; the file descriptor
//! is closed at once. The lock of readers lives as long as the maps: see [`crate::save`].

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw, UncheckedAdvice};

use crate::far::Far;
use crate::memory::Fresh;
use crate::{Bytes, Error, ErrorKind, Result, disk};

impl Bytes for Source {
    fn size(&self) -> u64 {
        match self {
            Self::Mapped { view, .. } => view.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Far(far) => far.at_hand.size(),
        }
    }

    fn tail(&self, at: u64) -> &[u8] {
        match self {
            Self::Mapped { view, .. } => (**view).tail(at),
            Self::Bytes(bytes) => bytes.as_slice().tail(at),
            Self::Far(far) => far.at_hand.tail(at),
        }
    }
}

/// The bytes of one product.
#[derive(Debug)]
pub enum Source {
    /// A file on disk.
    Mapped {
        /// What Rust parses.
        view: Arc<Mmap>,
        /// What arrays are made of.
        pages: Arc<MmapRaw>,
        /// Where the bytes came from.
        origin: Origin,
        /// The file with the lock of editors, where it was opened to be edited.
        lock: Option<File>,
    },
    /// Bytes in memory: given by a caller, or decompressed from a `.gz` file.
    Bytes(Vec<u8>),
    /// A file that is far away, of which headers and tree are at hand.
    Far(Far),
}

/// A file as it was when it was opened, to tell whether its path still stands for the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Origin {
    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        Self {
            path,
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Source {
    /// Maps the file at `path`; a gzip file is decompressed into memory instead.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(is_folder());
        }
        if !metadata.is_file() {
            // A pipe has no length and cannot be mapped.
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Self::from_bytes(bytes);
        }
        Self::map(&disk::to_read(path, file)?, path, None)
    }

    /// Opens the file as one that is to be edited in place: nobody else reads or edits it meanwhile.
    ///
    /// What was read here is the base of an edit that cannot be stale. The lock ends with the source; after
    /// an edit its bytes are no longer those that it was opened with.
    pub fn open_to_edit(path: &Path) -> Result<Self> {
        let target = disk::Target::read(path)?;
        let lock = disk::open_to_edit(&target)?;
        // The map is of another open file, without a lock: an array that outlives the edit, and with it
        // the map, must not lock others out.
        Self::map(&File::open(&target.path)?, path, Some(lock))
    }

    fn map(file: &File, path: &Path, lock: Option<File>) -> Result<Self> {
        let metadata = file.metadata()?;
        if metadata.len() == 0 {
            // An empty map is an error of the operating system, an empty file is ours to word.
            return Ok(Self::Bytes(Vec::new()));
        }
        let (view, pages) = map(file)?;
        if view.starts_with(GZIP) {
            return Ok(Self::Bytes(gunzip(&view)?));
        }
        Ok(Self::Mapped {
            view: Arc::new(view),
            pages: Arc::new(pages),
            origin: Origin::new(std::path::absolute(path)?, &metadata),
            lock,
        })
    }

    /// Gives the lock of [`Source::open_to_edit`] back.
    pub fn unlock(&self) -> Result<()> {
        Ok(self.lock().map_or(Ok(()), disk::unlock)?)
    }

    /// The file and its lock, where it was opened to be edited.
    pub fn lock(&self) -> Option<&File> {
        match self {
            Self::Mapped { lock, .. } => lock.as_ref(),
            Self::Bytes(_) | Self::Far(_) => None,
        }
    }

    /// Takes bytes in memory, decompressed if they are gzip.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Ok(Self::Bytes(if bytes.starts_with(GZIP) {
            gunzip(&bytes)?
        } else {
            bytes
        }))
    }

    /// The file itself, if its path still stands for the bytes that were opened.
    pub fn reopen(&self) -> Option<File> {
        let Self::Mapped { origin, .. } = self else {
            return None;
        };
        let file = File::open(&origin.path).ok()?;
        let now = Origin::new(origin.path.clone(), &file.metadata().ok()?);
        (now == *origin).then_some(file)
    }

    /// `length` bytes from `at`, to be parsed, fetched where they are far away; `None` beyond the end.
    pub fn read(&self, at: u64, length: u64) -> Result<Option<Cow<'_, [u8]>>> {
        match (Bytes::get(self, at, length), self) {
            (None, Self::Far(far)) => {
                let fetched = far.fetch(at, length)?;
                Ok(fetched.map(|mut fresh| Cow::Owned(fresh.bytes().to_vec())))
            }
            (found, _) => Ok(found.map(Cow::Borrowed)),
        }
    }

    /// `length` writable bytes from `at`; `None` beyond the end.
    ///
    /// A mapped file gives its private pages, bytes in memory are copied, a file far away is read.
    pub fn region(&self, at: u64, length: u64) -> Result<Option<Region>> {
        let copy = match (Bytes::get(self, at, length), self) {
            (None, Self::Far(far)) => return Ok(far.fetch(at, length)?.map(Fresh::into_region)),
            (None, _) => return Ok(None),
            (Some(copy), _) => copy,
        };
        Ok(Some(match self {
            Self::Mapped { pages, .. } => Region {
                memory: Memory::Pages(Arc::clone(pages)),
                start: usize::try_from(at).unwrap_or(usize::MAX),
                length: copy.len(),
            },
            Self::Bytes(_) | Self::Far(_) => Region::from_bytes(copy.to_vec()),
        }))
    }

    /// `length` bytes from `at` as they are on the disk, whatever was written to a [`Region`] of them; to be
    /// read alone. `None` beyond the end.
    pub fn unchanged(&self, at: u64, length: u64) -> Result<Option<Region>> {
        let Self::Mapped { view, .. } = self else {
            // A copy for each region: nobody can have written to this one.
            return self.region(at, length);
        };
        Ok(Bytes::get(self, at, length).map(|bytes| Region {
            length: bytes.len(),
            memory: Memory::View(Arc::clone(view)),
            start: usize::try_from(at).unwrap_or(usize::MAX),
        }))
    }
}

/// What memory is let go in: a multiple of every page size in use but those of huge pages.
const PAGE: usize = 64 << 10;

/// The first bytes of a gzip file.
pub(crate) const GZIP: &[u8] = &[0x1f, 0x8b];

/// The number of "is a directory" on every Unix.
const EISDIR: i32 = 21;

/// The error for a folder in the place of a file.
pub(crate) fn is_folder() -> Error {
    let kind = ErrorKind::Io(std::io::ErrorKind::IsADirectory);
    Error {
        errno: Some(EISDIR),
        ..disk::plain(kind, "is a folder, expected a file")
    }
}

/// The two maps of a file.
#[allow(unsafe_code)]
fn map(file: &File) -> Result<(Mmap, MmapRaw)> {
    // SAFETY: the map is sound while nobody writes to the file. This crate renames new files into place,
    // which leaves a mapped file as it is, or edits in place under a lock that nobody gets while the
    // lock of a reader lasts, and that lasts as long as this map (see `disk::lock`). Against another
    // program that truncates a product in place no reader of maps can guard (the kernel raises SIGBUS).
    let view = unsafe { Mmap::map(file) }?;
    // SAFETY: as above; the map is private, so that writes stay in this process.
    let pages = unsafe { MmapOptions::new().map_copy(file) }?;
    Ok((view, pages.into()))
}

/// Deflate makes at most this many bytes of one.
const DEFLATE_RATIO: usize = 1032;

/// Decompresses gzip members one after the other; zeros may follow, as on a tape.
///
/// Memory grows with what comes out. The first guess is what the last member says that it holds, where
/// that many bytes can come from the file at all.
pub(crate) fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let length = bytes.last_chunk().copied().map_or(0, u32::from_le_bytes);
    let guess = usize::try_from(length).unwrap_or(0);
    if guess <= bytes.len().saturating_mul(DEFLATE_RATIO) {
        // Without it the buffer grows step by step.
        let _ = out.try_reserve_exact(guess);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len().saturating_sub(rest.len());
        if !rest.starts_with(GZIP) {
            let message = format!(
                "found {} bytes after the gzip data, expected more gzip data or zeros",
                rest.len()
            );
            return Err(Error::format(at as u64, message));
        }
        let mut member = GzDecoder::new(rest);
        if let Err(error) = member.read_to_end(&mut out) {
            let message = format!("the gzip data break off after {} bytes: {error}", out.len());
            return Err(Error {
                at: None,
                ..Error::format(0, message)
            });
        }
        rest = member.into_inner();
        let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
        rest = rest.get(zeros..).unwrap_or_default();
    }
    Ok(out)
}

/// Writable memory that stays where it is until it is dropped.
#[derive(Debug)]
pub struct Region {
    memory: Memory,
    start: usize,
    length: usize,
}

#[derive(Debug)]
enum Memory {
    Pages(Arc<MmapRaw>),
    View(Arc<Mmap>),
    Owned(*mut [u8]),
}

#[allow(unsafe_code)]
// SAFETY: a Region is an address and a length; Rust never reads or writes through it. Whoever does,
// such as numpy, answers for races as with any of its own buffers.
unsafe impl Send for Region {}

#[allow(unsafe_code)]
// SAFETY: as for Send: shared references to a Region give out the address only.
unsafe impl Sync for Region {}

impl Region {
    /// Bytes made in memory, such as an unpacked block, in the form of bytes of a file.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        let memory = Memory::Owned(Box::into_raw(bytes.into_boxed_slice()));
        Self {
            memory,
            start: 0,
            length,
        }
    }

    /// Pages made in memory, in the form of bytes of a file.
    pub fn from_pages(pages: MmapMut) -> Self {
        let length = pages.len();
        Self {
            memory: Memory::Pages(Arc::new(pages.into())),
            start: 0,
            length,
        }
    }

    /// The first byte. Valid for [`Region::len`] bytes while the region lives, for reads, and for writes unless
    /// it is [read-only](Region::read_only).
    pub fn address(&self) -> *mut u8 {
        match &self.memory {
            Memory::Pages(pages) => pages.as_mut_ptr().wrapping_add(self.start),
            Memory::View(view) => view.as_ptr().cast_mut().wrapping_add(self.start),
            Memory::Owned(bytes) => bytes.cast(),
        }
    }

    /// Whether nobody may write to the region.
    pub fn read_only(&self) -> bool {
        matches!(self.memory, Memory::View(_))
    }

    /// Lets go of the memory between two addresses, where it is that of a read-only region: it stays what it
    /// is, and is mapped again when it is read again.
    ///
    /// A reader of a large image thus has little of it in memory at a time. Of a page that lies in part between
    /// the addresses nothing is let go where the reader goes on: at the end or, `backwards`, at the start.
    pub fn release(&self, from: usize, to: usize, backwards: bool) {
        let Memory::View(view) = &self.memory else {
            return;
        };
        let (base, start) = (view.as_ptr().addr(), self.address().addr());
        let from = from.clamp(start, start.saturating_add(self.length));
        let to = to.clamp(start, start.saturating_add(self.length));
        let page = |address: usize| {
            let at = address.saturating_sub(base);
            let up = at.checked_next_multiple_of(PAGE).unwrap_or(at);
            let down = at & !(PAGE.wrapping_sub(1));
            if backwards { up.min(view.len()) } else { down }
        };
        let (first, end) = (page(from), page(to));
        let length = end.saturating_sub(first);
        if length > 0 {
            #[allow(unsafe_code)]
            // SAFETY: the map is that of a file, shared and read-only, and reaches to `end`: pages that
            // are let go come back with the bytes of the file, which do not change (see `map`). Whoever
            // holds a slice over them sees the same bytes before and after.
            let _ =
                unsafe { view.unchecked_advise_range(UncheckedAdvice::DontNeed, first, length) };
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Drop for Region {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if let Memory::Owned(bytes) = self.memory {
            // SAFETY: the pointer came from Box::into_raw in Region::from_bytes and is given back only
            // here, once, when no user of the region is left.
            drop(unsafe { Box::from_raw(bytes) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_folder_and_a_missing_file_are_named_as_such() {
        let folder = std::env::temp_dir();
        let kind = |path: &Path| Source::open(path).unwrap_err().kind;
        assert_eq!(
            kind(&folder),
            ErrorKind::Io(std::io::ErrorKind::IsADirectory)
        );
        assert_eq!(
            kind(&folder.join("no such product.fits")),
            ErrorKind::Io(std::io::ErrorKind::NotFound)
        );
    }

    #[test]
    fn gzip_is_undone_and_a_cut_gzip_is_an_error() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"SIMPLE").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(
            Source::from_bytes(packed.clone()).unwrap().tail(0),
            b"SIMPLE"
        );
        assert!(Source::from_bytes(packed[..packed.len() - 9].to_vec()).is_err());
    }

    #[test]
    fn a_region_beyond_the_end_is_refused() {
        let source = Source::from_bytes(vec![1, 2, 3]).unwrap();
        let region = |at, length| source.region(at, length).unwrap();
        assert_eq!(region(1, 2).unwrap().len(), 2);
        assert!(region(2, 2).is_none());
        assert!(region(u64::MAX, 1).is_none());
        assert!(region(1, u64::MAX).is_none());
        assert!(source.unchanged(1, 3).unwrap().is_none());
    }

    #[test]
    #[allow(unsafe_code)]
    fn what_is_let_go_comes_back_as_it_was() {
        let path = std::env::temp_dir().join(format!("asdfits-release-{}", std::process::id()));
        let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_be_bytes()[3]).collect();
        std::fs::write(&path, &content).unwrap();
        let source = Source::open(&path).unwrap();
        let region = source.unchanged(5, 280_000).unwrap().unwrap();
        let written = source.region(5, 280_000).unwrap().unwrap();
        assert!(region.read_only() && !written.read_only());
        // SAFETY: the region is writable memory of this length, and nobody else has it.
        unsafe { written.address().write(77) };
        for (from, to) in [
            (0, usize::MAX),
            (9, 3),
            (region.address().addr(), usize::MAX),
        ] {
            region.release(from, to, false);
            region.release(from, to, true);
            written.release(from, to, false);
            // SAFETY: the region lives, and the file does not change.
            let bytes = unsafe { std::slice::from_raw_parts(region.address(), region.len()) };
            assert_eq!(bytes, &content[5..280_005]);
            // SAFETY: as above.
            assert_eq!(unsafe { written.address().read() }, 77);
        }
        assert_eq!(source.tail(0), content);
        std::fs::remove_file(&path).unwrap();
    }
}

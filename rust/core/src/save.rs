//! Writing a file: parts, one after the other, into a new file that takes the old one's place.
//!
//! ```text
//! parts                              .m.fits.0.asdfits-tmp                    m.fits
//!   Bytes   a header          ─────▶ ┐                                        ┌ old bytes, for those
//!   Copy    pixels, untouched ─────▶ │ written, made to last (fsync) ─rename─▶│ who have it open;
//!   Change  pixels, native    ─────▶ │                                        └ new bytes for all others
//!   Pad     up to the block   ─────▶ ┘
//! ```
//!
//! [`write()`] replaces a file. At no moment is there anything but the whole old file or the whole new one
//! at the path. A writer that dies leaves its temporary file; the next writer of the same target sees
//! that nobody holds its lock and removes it.
//!
//! [`edit()`] overwrites some bytes of a file where they lie, under an undo journal beside it, and only while
//! nobody has the file open; [`recover`] plays back the journal of an editor that died, and
//! [`Source::open`] does so by itself. `disk/edit.rs` argues why no reader ever sees half an edit.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::io::Errno;

use crate::disk::{Target, Temporary, Undo, kernel, plain};
use crate::fits::{BLOCK, checksum};
use crate::source::Source;
use crate::swap::Change;
use crate::{Bytes, Error, ErrorKind, Result};

pub use crate::disk::{Edit, edit, recover};

/// A piece of the new file.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Bytes as they are.
    Bytes(&'a [u8]),
    /// Items that change on the way out: byte order, unsigned convention.
    Change(&'a [u8], Change),
    /// Bytes of an open file, from one file to the other without passing through this process.
    Copy {
        /// The open file.
        source: &'a Source,
        /// How messages name it.
        name: &'a Path,
        /// The first byte.
        at: u64,
        /// The number of bytes.
        length: u64,
    },
    /// So many zero bytes.
    Zeros(u64),
    /// This byte up to the next whole block of the file.
    Pad(u8),
}

impl Part<'_> {
    /// The number of bytes, if the part starts at `at`; an error where there are not so many.
    pub fn length(&self, at: u64) -> Result<u64> {
        match *self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::Change(bytes, change) => {
                let width = change.width.bytes();
                if !bytes.len().is_multiple_of(width) {
                    let message = format!("{} bytes are no items of {width} bytes", bytes.len());
                    return Err(plain(ErrorKind::Format, message));
                }
                Ok(bytes.len() as u64)
            }
            Self::Copy {
                source,
                name,
                at,
                length,
            } => {
                let size = source.size();
                if at.checked_add(length).is_none_or(|end| end > size) {
                    return Err(cut(name, at, length, size));
                }
                Ok(length)
            }
            Self::Zeros(length) => Ok(length),
            Self::Pad(_) => Ok(at.next_multiple_of(BLOCK).saturating_sub(at)),
        }
    }

    /// Adds the part to the sum of an HDU; parts but the last have whole words of 4 bytes.
    ///
    /// Padding adds nothing: zeros for most data. Blanks, behind an ASCII table, are for the caller.
    pub fn checksum(&self, sum: u32) -> Result<u32> {
        self.length(0)?;
        match *self {
            Self::Bytes(bytes) => Ok(checksum::add(sum, bytes)),
            Self::Change(bytes, change) => {
                let mut changed = vec![0; CHUNK];
                Ok(bytes.chunks(CHUNK).fold(sum, |sum, piece| {
                    let changed = changed.get_mut(..piece.len()).unwrap_or_default();
                    change.apply(piece, changed);
                    checksum::add(sum, changed)
                }))
            }
            Self::Copy {
                source, at, length, ..
            } => pieces(source, at, length)
                .try_fold(sum, |sum, bytes| Ok(checksum::add(sum, &bytes?))),
            Self::Zeros(_) | Self::Pad(_) => Ok(sum),
        }
    }
}

/// Bytes of a source; of one that is far away some at a time.
fn pieces(
    source: &Source,
    at: u64,
    length: u64,
) -> impl Iterator<Item = Result<Cow<'_, [u8]>>> + '_ {
    let step = match source {
        Source::Far(_) => FETCHED,
        Source::Mapped { .. } | Source::Bytes(_) => length.max(1),
    };
    let mut from = at;
    let end = at.saturating_add(length);
    std::iter::from_fn(move || {
        let count = end.saturating_sub(from).min(step);
        if count == 0 {
            return None;
        }
        let piece = source.read(from, count);
        from = from.saturating_add(count);
        Some(piece.map(Option::unwrap_or_default))
    })
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether the bytes are on the disk before the new file takes its place.
    pub sync: bool,
    /// The permissions; without them those of the old file, or what the umask leaves of 0666.
    pub mode: Option<u32>,
}

/// Writes the parts to a new file and puts it at `path`; returns its length.
///
/// ```
/// use asdfits_core::save::{Options, Part, write};
///
/// let path = std::env::temp_dir().join("asdfits-example.fits");
/// let options = Options { sync: false, mode: None };
/// assert_eq!(write(&path, &[Part::Bytes(b"END"), Part::Pad(b' ')], options)?, 2880);
/// std::fs::remove_file(&path)?;
/// # Ok::<(), asdfits_core::Error>(())
/// ```
pub fn write(path: &Path, parts: &[Part<'_>], options: Options) -> Result<u64> {
    let total = parts.iter().try_fold(0_u64, |at, part| {
        let length = part.length(at)?;
        at.checked_add(length)
            .ok_or_else(|| plain(ErrorKind::Limit, "the parts are too long for a file"))
    })?;
    let target = Target::read(path)?;
    let temporary = Temporary::create(&target, options.mode)?;
    let copies = parts.iter().any(|part| matches!(part, Part::Copy { .. }));
    if !copies || !kernel::shares_blocks(&temporary.file) {
        kernel::reserve(&temporary.file, 0, total)?;
    }
    let mut out = Out::new(&temporary.file);
    for part in parts {
        out.part(part)?;
    }
    out.flush()?;
    let written = out.at;
    if options.sync {
        temporary.file.sync_all()?;
    }
    let undo = Undo::beside(&target);
    temporary.rename(&target)?;
    if let Some(undo) = undo {
        // It speaks of the file that has just lost its name. Where it stays, its bytes will not fit.
        let _ = undo.remove(&target, false);
    }
    if options.sync {
        target.sync_folder()?;
    }
    Ok(written)
}

/// The bytes that are gathered for one call of the kernel: they stay in the processor's cache.
const CHUNK: usize = 1 << 18;

/// Pieces from this size on are not gathered.
const LARGE: usize = 1 << 16;

/// The most bytes of one call.
const CALL: usize = 8 << 20;

/// What is fetched in one go of a file that is far away: a multiple of the words of a checksum.
const FETCHED: u64 = 64 << 20;

/// The blocks of the file systems that let two files share them.
const SHARED: u64 = 4096;

/// Where the bytes go: small pieces are gathered, large ones go straight to the kernel.
struct Out<'a> {
    file: &'a File,
    gathered: Box<[u8]>,
    filled: usize,
    /// The place in the file, with what is gathered.
    at: u64,
    /// The source that was copied from last, opened again.
    again: Option<(&'a Source, Option<File>)>,
}

impl<'a> Out<'a> {
    fn new(file: &'a File) -> Self {
        Self {
            file,
            gathered: vec![0; CHUNK].into_boxed_slice(),
            filled: 0,
            at: 0,
            again: None,
        }
    }

    fn part(&mut self, part: &Part<'a>) -> Result<()> {
        match *part {
            Part::Bytes(bytes) => Ok(self.bytes(bytes)?),
            Part::Change(bytes, change) => Ok(self.changed(bytes, change)?),
            Part::Copy {
                source,
                name,
                at,
                length,
            } => self.copy(source, name, at, length),
            Part::Zeros(length) => Ok(self.fill(0, length)?),
            Part::Pad(byte) => Ok(self.fill(byte, part.length(self.at)?)?),
        }
    }

    /// Gives what is gathered to the kernel.
    fn flush(&mut self) -> io::Result<()> {
        let mut file = self.file;
        file.write_all(self.gathered.get(..self.filled).unwrap_or_default())?;
        self.filled = 0;
        Ok(())
    }

    /// The free room, at least `least` bytes of it; [`Out::advance`] says how many were filled.
    fn room(&mut self, least: usize) -> io::Result<&mut [u8]> {
        if CHUNK.saturating_sub(self.filled) < least {
            self.flush()?;
        }
        Ok(self.gathered.get_mut(self.filled..).unwrap_or_default())
    }

    fn advance(&mut self, gathered: usize) {
        self.filled = self.filled.saturating_add(gathered);
        self.at = self.at.saturating_add(gathered as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() >= LARGE {
            return self.straight(bytes);
        }
        if let Some(room) = self.room(bytes.len())?.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.advance(bytes.len());
        Ok(())
    }

    /// Bytes that the kernel reads from where they are.
    fn straight(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush()?;
        let mut file = self.file;
        for piece in bytes.chunks(CALL) {
            file.write_all(piece)?;
            self.at = self.at.saturating_add(piece.len() as u64);
        }
        Ok(())
    }

    fn changed(&mut self, bytes: &[u8], change: Change) -> io::Result<()> {
        let width = change.width.bytes();
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.room(width)?;
            // A whole number of items; the width is a power of two.
            let count = (room.len() & !width.saturating_sub(1)).min(rest.len());
            let (piece, more) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            change.apply(piece, room);
            self.advance(count);
            rest = more;
        }
        Ok(())
    }

    fn fill(&mut self, byte: u8, length: u64) -> io::Result<()> {
        let mut rest = length;
        while rest > 0 {
            let room = self.room(1)?;
            let count = usize::try_from(rest).map_or(room.len(), |rest| rest.min(room.len()));
            room.get_mut(..count).unwrap_or_default().fill(byte);
            self.advance(count);
            rest = rest.saturating_sub(count as u64);
        }
        Ok(())
    }

    fn copy(&mut self, source: &'a Source, name: &Path, at: u64, length: u64) -> Result<()> {
        if !self
            .again
            .as_ref()
            .is_some_and(|(last, _)| std::ptr::eq(*last, source))
        {
            self.again = Some((source, source.reopen()));
        }
        let small = usize::try_from(length).ok().filter(|&n| n < LARGE);
        let again = self.again.take();
        let result = match (&again, small) {
            (Some((_, Some(file))), Some(length)) => self.copy_small(file, name, at, length),
            (Some((_, Some(file))), None) => self.copy_in_kernel(file, source, name, at, length),
            _ => self.copy_from_map(source, name, at, length),
        };
        self.again = again;
        result
    }

    /// A few bytes, gathered with others.
    fn copy_small(&mut self, file: &File, name: &Path, at: u64, length: usize) -> Result<()> {
        let room = self.room(length)?;
        let place = room.get_mut(..length).unwrap_or_default();
        file.read_exact_at(place, at).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                let size = file.metadata().map_or(at, |metadata| metadata.len());
                cut(name, at, length as u64, size)
            } else {
                error.into()
            }
        })?;
        self.advance(length);
        Ok(())
    }

    /// From file to file within the kernel; shares the blocks where the file system can.
    fn copy_in_kernel(
        &mut self,
        file: &File,
        source: &Source,
        name: &Path,
        at: u64,
        length: u64,
    ) -> Result<()> {
        self.flush()?;
        let mut from = at;
        let end = at.saturating_add(length);
        while from < end {
            let rest = end.saturating_sub(from);
            let count = rest.min(self.until_shared(from, rest)).min(1 << 30);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            match kernel::copy(file, &mut from, self.file, count) {
                Ok(0) => {
                    let size = file.metadata().map_or(from, |metadata| metadata.len());
                    return Err(cut(name, at, length, size));
                }
                Ok(count) => self.at = self.at.saturating_add(count as u64),
                Err(Errno::INTR) => {}
                Err(error) if kernel::is_final(error) => return Err(io::Error::from(error).into()),
                // Another file system, or one that cannot do it.
                Err(_) => return self.copy_from_map(source, name, from, rest),
            }
        }
        Ok(())
    }

    /// How many bytes to copy in one call, so that whole blocks of the file system can be shared.
    ///
    /// Only whole blocks can, and only where they lie alike in both files, as they do in all HDUs before the
    /// first that grows: the bytes up to a block go alone, and so do those after the last.
    fn until_shared(&self, from: u64, rest: u64) -> u64 {
        let ahead = from.next_multiple_of(SHARED).saturating_sub(from);
        let alike = from % SHARED == self.at % SHARED;
        match (ahead, rest & !SHARED.saturating_sub(1)) {
            _ if !alike => rest,
            (0, 0) => rest,
            (0, whole) => whole,
            (ahead, _) => ahead,
        }
    }

    /// From the map of the file; the kernel reads it, so a file cut short is an error, not a signal.
    fn copy_from_map(&mut self, source: &Source, name: &Path, at: u64, length: u64) -> Result<()> {
        let size = source.size();
        for bytes in pieces(source, at, length) {
            self.straight(&bytes?).map_err(|error| {
                if error.raw_os_error() == Some(Errno::FAULT.raw_os_error()) {
                    cut(name, at, length, size)
                } else {
                    error.into()
                }
            })?;
        }
        Ok(())
    }
}

/// A source that has become shorter than it was.
fn cut(name: &Path, at: u64, length: u64, size: u64) -> Error {
    plain(
        ErrorKind::Truncated,
        format!(
            "{length} bytes from byte {at} of {} are to be copied, but it was cut short; it has {size}",
            name.display()
        ),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::swap::Width;
    use std::path::PathBuf;

    /// A folder that is removed at the end of a test.
    pub(crate) struct Folder(pub PathBuf);

    impl Folder {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("asdfits-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// The names of all files.
        pub fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
            let names = entries.map(|entry| name(entry).into_string().unwrap());
            names.collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    pub(crate) const FAST: Options = Options {
        sync: false,
        mode: None,
    };

    #[test]
    fn parts_of_all_sizes_meet_without_a_gap() {
        let folder = Folder::new("parts");
        let source = folder.0.join("source");
        let bytes: Vec<u8> = (0..1_000_003_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&source, &bytes).unwrap();
        let source = Source::open(&source).unwrap();
        let change = Change {
            width: Width::Four,
            swap: true,
            sign: false,
        };
        let mut parts = Vec::new();
        let mut expected = Vec::new();
        for size in [
            0,
            1,
            3,
            LARGE - 1,
            LARGE,
            CHUNK - 4,
            CHUNK,
            CHUNK + 8,
            3_000_000,
        ] {
            let words = size / 4 * 4;
            parts.push(Part::Bytes(&bytes[..size]));
            expected.extend_from_slice(&bytes[..size]);
            parts.push(Part::Change(&bytes[..words], change));
            let mut swapped = vec![0; words];
            change.apply(&bytes[..words], &mut swapped);
            expected.extend(swapped);
            parts.push(Part::Copy {
                source: &source,
                name: Path::new("source"),
                at: 7,
                length: size as u64,
            });
            expected.extend_from_slice(&bytes[7..7 + size]);
            parts.push(Part::Zeros(size as u64));
            expected.resize(expected.len() + size, 0);
            parts.push(Part::Pad(b' '));
            expected.resize(expected.len().next_multiple_of(2880), b' ');
        }
        let path = folder.0.join("out");
        let length = write(&path, &parts, FAST).unwrap();
        assert_eq!(length, expected.len() as u64);
        assert!(std::fs::read(&path).unwrap() == expected);
        // The sum of the parts is that of the file, for parts of whole words.
        let whole: Vec<&Part<'_>> = parts
            .iter()
            .filter(|part| part.length(0).unwrap() % 4 == 0)
            .collect();
        let sum = whole
            .iter()
            .fold(0, |sum, part| part.checksum(sum).unwrap());
        let mut bytes = Vec::new();
        for part in whole {
            std::fs::remove_file(&path).unwrap();
            write(&path, &[*part], FAST).unwrap();
            bytes.extend(std::fs::read(&path).unwrap());
        }
        assert_eq!(checksum::add(0, &bytes), sum);
    }

    #[test]
    fn a_copy_is_cut_where_blocks_of_the_file_system_can_be_shared() {
        let folder = Folder::new("blocks");
        let file = File::create(folder.0.join("out")).unwrap();
        let mut out = Out::new(&file);
        for (at, from, rest, expected) in [
            (0, 0, 100_000, 98_304),
            (2880, 2880, 100_000, 1216),
            (4096, 8192, 5000, 4096),
            (4096, 8192, 4000, 4000),
            (2880, 0, 100_000, 100_000),
            (2880, 2880, 1000, 1216),
        ] {
            out.at = at;
            assert_eq!(out.until_shared(from, rest), expected, "{at} {from}");
        }
    }
}

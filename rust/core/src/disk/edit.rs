//! Editing a file in place: some of its bytes change, the rest is neither read nor written.
//!
//! ```text
//!               lock    journal,          edits,           journal    lock given
//!               taken   on the disk       on the disk      removed    back
//! ────────────────┴────────┴─────────────────┴────────────────┴──────────┴──────▶
//!     killed here: old bytes │ journal puts the old bytes back │ new bytes
//! ```
//!
//! Why no reader ever has half an edit:
//!
//! - The journal is whole and on the disk before the first byte changes, and it is removed after the
//!   last has changed and is on the disk. So a file that is half edited has a whole journal beside it.
//! - Who opens a file takes the lock of readers, then looks for a journal. The editor holds the lock that
//!   excludes readers all the while, so a journal that a reader sees is that of a dead editor; it is
//!   played back before anything is read. A playback that is interrupted leaves the journal, and the
//!   next one starts again: it writes the same bytes.
//! - Readers keep their lock as long as their maps live (see [`super::lock`]), so bytes under a map do
//!   not change. While somebody reads, the file cannot be edited in place: that is an error
//!   (`WouldBlock`), and the caller writes a new file.
//! - A journal is played back only onto a file whose bytes are the old, the new or a mixture of them at
//!   every place that it names; if they are not, another file has taken the name by a rename, and the
//!   journal goes. Inode numbers would not tell: they are given out again, and a backup has others. A
//!   save removes the journal of the file that it replaces.
//!
//! The order of the edits is kept for programs that read without a lock. Three things are out of reach: a
//! file that is moved to another name between a crash and its recovery parts from its journal; a
//! file with several names has the journal beside one of them, so it is refused; and with `sync` off
//! the order holds for a killed process, but not for a power cut.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::kernel::{self, same};
use super::lock::{self, Lock};
use super::plain;
use super::temporary::{Target, open_plain};
use super::undo::{Journal, Read, Stretch};
use crate::{Error, ErrorKind, Result};

/// Bytes that are to stand at a place.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// The first byte.
    pub at: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Only whole pieces of this size, counted from the start of the file, are compared and written.
const PIECE: u64 = 512;

/// Overwrites some bytes of a file and sets its length; whatever happens, all of it or nothing.
///
/// `held` is the file if the caller has its lock already, see [`crate::Source::open_to_edit`]. What is the
/// same already is not written.
pub fn edit(
    path: &Path,
    edits: &[Edit<'_>],
    length: Option<u64>,
    sync: bool,
    held: Option<&File>,
) -> Result<()> {
    let target = Target::read(path)?;
    let opened;
    let file = if let Some(file) = held {
        if !target.is(file)? {
            return Err(in_use("another file has taken its name"));
        }
        file
    } else {
        opened = open(&target)?;
        &opened
    };
    let Some(journal) = compare(file, edits, length)? else {
        return Ok(());
    };
    let undo = Undo::write(&target, file, &journal, sync)?;
    if let Err(error) = apply(file, &journal, sync) {
        // A full disk takes the old bytes back; on a broken one the journal stays.
        play_back(file, &journal)?;
        undo.remove(&target, sync)?;
        return Err(error.into());
    }
    Ok(undo.remove(&target, sync)?)
}

/// Opens a file to be edited: its lock is taken, and no edit of it is half done.
pub fn open(target: &Target) -> Result<File> {
    // Between opening and locking the file may be replaced, so that the lock is on a file without a name.
    for _ in 0..8 {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&target.path)?;
        let metadata = file.metadata()?;
        if metadata.nlink() > 1 {
            return Err(in_use(format!("the file has {} names", metadata.nlink())));
        }
        if !lock::is_local(&file, metadata.dev()) {
            return Err(in_use("it lies on no disk of this machine"));
        }
        match lock::to_edit(&file)? {
            Lock::Held => {}
            Lock::Busy => return Err(in_use("it is open")),
            Lock::Unsupported => return Err(in_use("its file system has no locks")),
        }
        if target.is(&file)? {
            settle(target, &file)?;
            return Ok(file);
        }
    }
    Err(in_use("it is replaced again and again"))
}

/// The error for a file that cannot be edited in place, now or ever, but can be replaced.
fn in_use(why: impl std::fmt::Display) -> Error {
    Error {
        errno: Some(Errno::AGAIN.raw_os_error()),
        ..plain(
            ErrorKind::Io(io::ErrorKind::WouldBlock),
            format!("cannot be edited in place, {why}"),
        )
    }
}

/// Whether the file at `path` has a journal beside it: one look at the folder.
fn has_journal(path: &Path) -> bool {
    // The journal lies beside the file itself, not beside a link to it.
    match fs::read_link(path) {
        Ok(_) => Target::read(path).is_ok_and(|target| exists(&undo_path(&target))),
        Err(_) => exists(&undo_path(&Target::unread(path))),
    }
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Puts the old bytes back if an editor of the file has died; true if there was something to put back.
///
/// A file that is being edited right now is left alone.
pub fn recover(path: &Path) -> Result<bool> {
    if !has_journal(path) {
        return Ok(false);
    }
    let target = Target::read(path)?;
    // The lock needs no permission to write; putting bytes back does.
    let file = match OpenOptions::new().read(true).write(true).open(&target.path) {
        Err(error) if is_forbidden(&error) => File::open(&target.path),
        other => other,
    }?;
    match lock::to_edit(&file)? {
        Lock::Held | Lock::Unsupported if target.is(&file)? => settle(&target, &file),
        _ => Ok(false),
    }
}

/// Takes the lock of readers for a file that was opened at `path`, and sees to it that no edit is half done.
///
/// The lock lasts as long as the file that is returned, and as long as its maps.
pub fn to_read(path: &Path, file: File) -> Result<File> {
    const TRIES: u32 = 3;
    let mut file = file;
    for attempt in 1..=TRIES {
        let local = lock::is_local(&file, file.metadata()?.dev());
        if local && lock::to_read(&file)? == Lock::Busy {
            return Err(Error {
                errno: Some(Errno::AGAIN.raw_os_error()),
                ..plain(
                    ErrorKind::Io(io::ErrorKind::WouldBlock),
                    "another process is editing the file and does not come to an end",
                )
            });
        }
        // A journal that is still there was found harmless, but cannot be removed.
        if !has_journal(path) || attempt == TRIES {
            break;
        }
        lock::release(&file)?;
        recover(path)?;
        file = File::open(path)?;
    }
    Ok(file)
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Plays a journal back, if there is one, onto a file whose lock is held; true if bytes were put back.
fn settle(target: &Target, file: &File) -> Result<bool> {
    let path = undo_path(target);
    let Some((undo, bytes)) = Undo::open(path)? else {
        return Ok(false);
    };
    let journal = match Journal::read(&bytes) {
        Read::Whole(journal) => Some(journal),
        Read::Unfinished => None,
        Read::Unknown => {
            return Err(half_edited(&undo.path, "the journal is of a newer version"));
        }
    };
    let half = match &journal {
        Some(journal) => belongs(file, journal)? && !is_old(file, journal)?,
        None => false,
    };
    if let Some(journal) = journal.filter(|_| half) {
        if !undo.is_trusted(target)? {
            return Err(half_edited(&undo.path, "the journal is another user's"));
        }
        play_back(file, &journal)
            .map_err(|error| half_edited(&undo.path, &Error::from(error).message))?;
        undo.remove(target, true)?;
        return Ok(true);
    }
    match undo.remove(target, true) {
        // The file is whole; it does not matter that the journal stays.
        Err(error) if is_forbidden(&error) => Ok(false),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(false),
    }
}

/// The error for a file that cannot be read before its journal has been played back.
fn half_edited(journal: &Path, why: &str) -> Error {
    plain(
        ErrorKind::Io(io::ErrorKind::PermissionDenied),
        format!(
            "an edit of this file broke off, and its old bytes cannot be put back: {why}; open it once \
             where it may be written, or look at {}",
            journal.display()
        ),
    )
}

/// What the edits change, in their order; `None` if nothing.
fn compare(file: &File, edits: &[Edit<'_>], length: Option<u64>) -> Result<Option<Journal>> {
    let before = file.metadata()?.len();
    let after = check(edits, length, before)?;
    let mut stretches = Vec::new();
    for edit in edits {
        let mut at = edit.at;
        let mut rest = edit.bytes;
        let mut last: Option<Stretch> = None;
        while !rest.is_empty() {
            let next = at.saturating_add(1).next_multiple_of(PIECE);
            let room = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
            let (new, more) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let old = read_up_to(file, at, new.len(), before)?;
            if old == new {
                stretches.extend(last.take());
            } else {
                let stretch = last.get_or_insert_with(|| Stretch {
                    at,
                    old: Vec::new(),
                    new: Vec::new(),
                });
                stretch.old.extend(old);
                stretch.new.extend_from_slice(new);
            }
            (at, rest) = (next, more);
        }
        stretches.extend(last);
    }
    if let Some(cut) = before.checked_sub(after).filter(|&cut| cut > 0) {
        let cut = usize::try_from(cut).unwrap_or(usize::MAX);
        stretches.push(Stretch {
            at: after,
            old: read_up_to(file, after, cut, before)?,
            new: Vec::new(),
        });
    }
    Ok(
        (after != before || !stretches.is_empty()).then_some(Journal {
            before,
            after,
            stretches,
        }),
    )
}

/// The length after the edits; an error if they overlap or reach beyond it.
fn check(edits: &[Edit<'_>], length: Option<u64>, before: u64) -> Result<u64> {
    let mut places: Vec<(u64, u64)> = Vec::with_capacity(edits.len());
    for edit in edits {
        let end = edit.at.checked_add(edit.bytes.len() as u64);
        let end = end.ok_or_else(|| Error::new(ErrorKind::Limit, edit.at, "beyond any file"))?;
        places.push((edit.at, end));
    }
    places.sort_unstable();
    for (first, second) in places.iter().zip(places.iter().skip(1)) {
        if second.0 < first.1 {
            return Err(Error::format(second.0, "two edits want the same byte"));
        }
    }
    let end = places.last().map_or(0, |place| place.1);
    match length {
        Some(length) if length < end => Err(Error::format(
            end,
            format!("an edit ends here, beyond the length of {length} bytes"),
        )),
        Some(length) => Ok(length),
        None => Ok(before.max(end)),
    }
}

/// At most `length` bytes from `at`, fewer where the file ends at `size`.
fn read_up_to(file: &File, at: u64, length: usize, size: u64) -> io::Result<Vec<u8>> {
    let held = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(held)];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn apply(file: &File, journal: &Journal, sync: bool) -> io::Result<()> {
    // A full disk is better known before the first byte changes.
    let more = journal.after.saturating_sub(journal.before);
    kernel::reserve(file, journal.before, more)?;
    for stretch in &journal.stretches {
        file.write_all_at(&stretch.new, stretch.at)?;
    }
    if file.metadata()?.len() != journal.after {
        file.set_len(journal.after)?;
    }
    if sync { file.sync_all() } else { Ok(()) }
}

fn play_back(file: &File, journal: &Journal) -> io::Result<()> {
    for stretch in &journal.stretches {
        file.write_all_at(&stretch.old, stretch.at)?;
    }
    file.set_len(journal.before)?;
    file.sync_all()
}

/// Whether the file is the one that the journal speaks of, as far as the edit had come.
fn belongs(file: &File, journal: &Journal) -> io::Result<bool> {
    let size = file.metadata()?.len();
    if !journal.fits_size(size) {
        return Ok(false);
    }
    for stretch in &journal.stretches {
        let length = stretch.old.len().max(stretch.new.len());
        if !stretch.may_be(&read_up_to(file, stretch.at, length, size)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the file is as it was before the edit.
fn is_old(file: &File, journal: &Journal) -> io::Result<bool> {
    let size = file.metadata()?.len();
    for stretch in &journal.stretches {
        if read_up_to(file, stretch.at, stretch.old.len(), size)? != stretch.old {
            return Ok(false);
        }
    }
    Ok(size == journal.before)
}

fn undo_path(target: &Target) -> PathBuf {
    target.sibling("asdfits-undo")
}

/// The file of a journal.
pub(crate) struct Undo {
    path: PathBuf,
    metadata: Metadata,
}

impl Undo {
    /// Writes a journal; when this returns, it is on the disk.
    fn write(target: &Target, file: &File, journal: &Journal, sync: bool) -> Result<Self> {
        let path = undo_path(target);
        let mut made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let metadata = made.metadata()?;
        let undo = Self { path, metadata };
        let mut complete = || -> io::Result<()> {
            // Whoever may read the file may need its journal, and nobody else.
            let old = file.metadata()?;
            let _ = fchown(&made, Some(old.uid()), Some(old.gid()));
            made.set_permissions(Permissions::from_mode(old.mode() & 0o666))?;
            made.write_all(&journal.to_bytes())?;
            if sync {
                made.sync_all()?;
                target.sync_folder()?;
            }
            Ok(())
        };
        match complete() {
            Ok(()) => Ok(undo),
            Err(error) => {
                let _ = fs::remove_file(&undo.path);
                Err(Error::from(error))
            }
        }
    }

    /// The journal that stands at a path, with its bytes; `None` if there is no file, or no plain one.
    fn open(path: PathBuf) -> io::Result<Option<(Self, Vec<u8>)>> {
        let mut file = match open_plain(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some((Self { path, metadata }, bytes)))
    }

    /// The journal beside a file that is about to be replaced.
    pub(crate) fn beside(target: &Target) -> Option<Self> {
        let path = undo_path(target);
        let metadata = fs::symlink_metadata(&path).ok()?;
        metadata.is_file().then_some(Self { path, metadata })
    }

    /// Whether the journal is of somebody who may write the file.
    ///
    /// In a folder such as `/tmp` everybody may put a journal beside the file of another, but not write
    /// to the file; nor may they by way of the journal.
    fn is_trusted(&self, target: &Target) -> io::Result<bool> {
        const STICKY: u32 = 0o1000;
        let folder = fs::metadata(&target.folder)?;
        let owner = target.old.as_ref().map(MetadataExt::uid);
        let uid = self.metadata.uid();
        Ok(folder.mode() & STICKY == 0 || uid == 0 || uid == folder.uid() || Some(uid) == owner)
    }

    /// Removes the journal, if it is still this one that stands there.
    pub(crate) fn remove(&self, target: &Target, sync: bool) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if same(&there, &self.metadata) => fs::remove_file(&self.path)?,
            _ => return Ok(()),
        }
        if sync { target.sync_folder() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::save::tests::Folder;
    use crate::{Bytes, Source};

    const OLD: &[u8] = &[7; 2000];

    fn edits() -> [Edit<'static>; 2] {
        let edit = |at, bytes| Edit { at, bytes };
        [edit(1990, b"beyond the end".as_slice()), edit(3, b"new")]
    }

    #[test]
    fn only_pieces_that_change_are_journalled_and_written() {
        let folder = Folder::new("pieces");
        let path = folder.0.join("m");
        fs::write(&path, OLD).unwrap();
        let mut bytes = OLD.to_vec();
        bytes[1000] = 8;
        let edit = Edit {
            at: 0,
            bytes: &bytes[..1990],
        };
        let journal = compare(&File::open(&path).unwrap(), &[edit], Some(1999));
        let stretches = journal.unwrap().unwrap().stretches;
        let places = stretches.iter().map(|s| (s.at, s.old.len(), s.new.len()));
        let places: Vec<_> = places.collect();
        assert_eq!(places, [(512, 512, 512), (1999, 1, 0)]);
    }

    #[test]
    fn an_edit_that_was_cut_off_is_undone_when_the_file_is_opened() {
        let folder = Folder::new("undone");
        let path = folder.0.join("m");
        for done in 0..=2 {
            fs::write(&path, OLD).unwrap();
            let target = Target::read(&path).unwrap();
            let file = open(&target).unwrap();
            let journal = compare(&file, &edits(), None).unwrap().unwrap();
            Undo::write(&target, &file, &journal, false).unwrap();
            for stretch in journal.stretches.iter().take(done) {
                file.write_all_at(&stretch.new, stretch.at).unwrap();
            }
            // As kill -9 leaves it: without the lock, with the journal.
            drop(file);
            assert_eq!(Source::open(&path).unwrap().tail(0), OLD);
            assert_eq!(folder.names(), ["m"]);
        }
    }

    #[test]
    fn an_edit_is_whole_or_not_there() {
        let folder = Folder::new("whole");
        let path = folder.0.join("m");
        fs::write(&path, OLD).unwrap();
        edit(&path, &edits(), None, false, None).unwrap();
        let mut expected = OLD.to_vec();
        expected.truncate(1990);
        expected.extend(b"beyond the end");
        expected[3..6].copy_from_slice(b"new");
        assert_eq!(fs::read(&path).unwrap(), expected);
        assert!(!recover(&path).unwrap());
        let source = Source::open(&path).unwrap();
        let error = edit(&path, &edits(), Some(2004), false, None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io(io::ErrorKind::WouldBlock));
        drop(source);
        edit(&path, &[], Some(5), false, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"\x07\x07\x07ne");
        assert_eq!(folder.names(), ["m"]);
    }

    #[test]
    fn who_opens_a_file_to_edit_it_edits_what_was_read() {
        let folder = Folder::new("held");
        let path = folder.0.join("m");
        fs::write(&path, OLD).unwrap();
        let source = Source::open_to_edit(&path).unwrap();
        edit(&path, &edits(), None, false, source.lock()).unwrap();
        source.unlock().unwrap();
        assert_eq!(Source::open(&path).unwrap().size(), 2004);
        assert!(edit(&path, &edits(), None, false, None).is_ok());
    }
}

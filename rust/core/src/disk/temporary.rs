//! The file that a save writes before it takes the place of the old one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::kernel::same;
use super::lock::{self, Lock};
use crate::{Error, ErrorKind, Result};

/// The file that is to be written, with links to it followed.
#[derive(Debug)]
pub struct Target {
    /// The file itself.
    pub path: PathBuf,
    /// The folder it lies in.
    pub folder: PathBuf,
    /// What is there now.
    pub old: Option<Metadata>,
}

impl Target {
    /// Looks at what stands at `path`; a symbolic link stands for the file behind it.
    pub fn read(path: &Path) -> Result<Self> {
        let mut path = path.to_owned();
        // As many links as Linux itself follows.
        for _ in 0..40 {
            let old = match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    path = folder(&path).join(fs::read_link(&path)?);
                    continue;
                }
                Ok(metadata) => Some(metadata),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error.into()),
            };
            if old.as_ref().is_some_and(Metadata::is_dir) {
                return Err(io::Error::from(rustix::io::Errno::ISDIR).into());
            }
            if path.file_name().is_none() {
                return Err(io::Error::from(rustix::io::Errno::INVAL).into());
            }
            if old.as_ref().is_some_and(|old| !old.is_file()) {
                return Err(Error {
                    kind: ErrorKind::Io(io::ErrorKind::InvalidInput),
                    at: None,
                    hdu: None,
                    errno: None,
                    message: "is a device or a pipe, expected a file that can be replaced".into(),
                });
            }
            return Ok(Self {
                folder: folder(&path),
                path,
                old,
            });
        }
        Err(io::Error::from(rustix::io::Errno::LOOP).into())
    }

    /// A file that is no link, without a look at it.
    pub fn unread(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            folder: folder(path),
            old: None,
        }
    }

    /// Whether the name still stands for this open file.
    pub fn is(&self, file: &File) -> io::Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) => Ok(same(&there, &file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A hidden file beside the target: `.NAME.` and what it is for.
    pub fn sibling(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default();
        let mut hidden = OsString::from(".");
        hidden.push(shortened(name));
        hidden.push(".");
        hidden.push(what);
        self.folder.join(hidden)
    }

    /// Makes a change of the folder's entries last (`fsync` of the folder).
    pub fn sync_folder(&self) -> io::Result<()> {
        match File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            // A folder that may be written but not listed, or a file system that has no such thing.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

/// The folder of a path, `.` for a bare name.
fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) => PathBuf::from("."),
        None => path.to_owned(),
    }
}

/// A name with room for more before the 255 bytes that file systems allow.
fn shortened(name: &OsStr) -> OsString {
    const ROOM: usize = 210;
    let bytes = name.as_bytes();
    let Some(head) = bytes
        .get(..ROOM.saturating_sub(20))
        .filter(|_| bytes.len() > ROOM)
    else {
        return name.to_owned();
    };
    let mut short = OsStr::from_bytes(head).to_owned();
    short.push("~");
    for byte in Sha256::digest(bytes).iter().take(8) {
        short.push(format!("{byte:02x}"));
    }
    short
}

/// A file that is being written; dropping it removes it.
#[derive(Debug)]
pub struct Temporary {
    /// Where the bytes go.
    pub file: File,
    path: PathBuf,
    renamed: bool,
}

/// How many names are looked at for what killed writers left: as many as may have written one file at a time.
const SLOTS: u32 = 4;

impl Temporary {
    /// Makes a new empty file beside the target and removes what killed writers left there.
    ///
    /// The names are counted, so that no folder need be listed: folders of a hundred thousand files exist.
    pub fn create(target: &Target, mode: Option<u32>) -> Result<Self> {
        let name = |slot: u32| target.sibling(&format!("{slot}.asdfits-tmp"));
        let mut slot = 0_u32;
        let temporary = loop {
            remove_stray(&name(slot));
            match Self::create_at(name(slot), target, mode) {
                Ok(Some(temporary)) => break temporary,
                Ok(None) => slot = slot.saturating_add(1),
                Err(error) => {
                    let mut error = Error::from(error);
                    error.message = format!(
                        "{}: a new file cannot be made in the folder {}",
                        error.message,
                        target.folder.display()
                    );
                    return Err(error);
                }
            }
        };
        for slot in slot.saturating_add(1)..slot.saturating_add(SLOTS) {
            remove_stray(&name(slot));
        }
        Ok(temporary)
    }

    /// Makes the file of one name; `None` if another process has the name.
    fn create_at(path: PathBuf, target: &Target, mode: Option<u32>) -> io::Result<Option<Self>> {
        // Nobody else may read the new bytes if nobody else could read the old ones.
        let known = mode.or(target.old.as_ref().map(|old| old.mode() & 0o7777));
        let file = match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(if known.is_some() { 0o600 } else { 0o666 })
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        if lock::exclusive(&file)? == Lock::Busy || file.metadata()?.nlink() == 0 {
            // Between our two calls another process took the new file for a stray one.
            return Ok(None);
        }
        let temporary = Self {
            file,
            path,
            renamed: false,
        };
        if let Some(old) = &target.old {
            let now = temporary.file.metadata()?;
            let owner = (now.uid() != old.uid()).then(|| old.uid());
            let group = (now.gid() != old.gid()).then(|| old.gid());
            // Only root may give a file away; others keep the group where they are in it.
            if fchown(&temporary.file, owner, group).is_err() {
                let _ = fchown(&temporary.file, None, group);
            }
        }
        if let Some(mode) = known {
            temporary
                .file
                .set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(Some(temporary))
    }

    /// Puts the file in the place of the target.
    pub fn rename(mut self, target: &Target) -> io::Result<()> {
        fs::rename(&self.path, &target.path)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens one of our own files: neither follows a link nor waits for a pipe that somebody put there.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Removes a temporary file whose writer is gone.
fn remove_stray(path: &Path) {
    let Ok(file) = open_plain(path) else {
        return;
    };
    // A writer holds the lock as long as it lives, so the lock is proof that it does not. While we have it,
    // nobody else takes the name away or gives it to another file.
    if !matches!(lock::exclusive(&file), Ok(Lock::Held)) {
        return;
    }
    if let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path))
        && same(&ours, &there)
    {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::save::tests::{FAST, Folder};
    use crate::save::{Part, write};

    #[test]
    fn names_are_hidden_beside_the_target_and_never_too_long() {
        let sibling = |name: &str| {
            let path = Target::unread(Path::new(name)).sibling("0.asdfits-tmp");
            path.to_str().unwrap().to_owned()
        };
        assert_eq!(sibling("m.fits"), "./.m.fits.0.asdfits-tmp");
        assert_eq!(sibling("a/m.fits"), "a/.m.fits.0.asdfits-tmp");
        let (one, other) = (sibling(&"m".repeat(250)), sibling(&"m".repeat(251)));
        assert!(one.len() < 255 && one != other);
    }

    #[test]
    fn a_writer_that_lives_keeps_its_file_and_a_dead_one_does_not() {
        let folder = Folder::new("strays");
        let target = Target::read(&folder.0.join("m")).unwrap();
        let alive = Temporary::create(&target, None).unwrap();
        std::fs::write(target.sibling("1.asdfits-tmp"), b"dead").unwrap();
        std::fs::write(target.sibling("3.asdfits-tmp"), b"dead").unwrap();
        write(&target.path, &[Part::Bytes(b"new")], FAST).unwrap();
        let mut names = folder.names();
        names.sort();
        assert_eq!(names, [".m.0.asdfits-tmp", "m"]);
        drop(alive);
        assert_eq!(folder.names(), ["m"]);
    }
}

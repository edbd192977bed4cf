//! What only some kernels do, and what stands in for it on the others.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::io::Errno;

/// Whether an error says that the bytes cannot be written, by whatever call.
pub fn is_final(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOSPC | Errno::FBIG | Errno::DQUOT | Errno::IO | Errno::ROFS
    )
}

/// Asks for room on the disk from `at` on, so that a full disk is known before anything is written.
///
/// It also makes the writing faster by a third: blocks are found once, not chunk by chunk. Where it cannot
/// be done it is left.
#[cfg(target_os = "linux")]
pub fn reserve(file: &File, at: u64, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, at, length) {
        Err(error) if is_final(error) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub fn reserve(_file: &File, _at: u64, _length: u64) -> io::Result<()> {
    Ok(())
}

/// Copies at most `length` bytes to the current place of `to`, moves `at` on, and says how many.
#[cfg(target_os = "linux")]
pub fn copy(from: &File, at: &mut u64, to: &File, length: usize) -> Result<usize, Errno> {
    rustix::fs::copy_file_range(from, Some(at), to, None, length)
}

#[cfg(not(target_os = "linux"))]
pub fn copy(_from: &File, _at: &mut u64, _to: &File, _length: usize) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

/// btrfs, XFS and bcachefs, by the numbers of `statfs(2)`: two files may share blocks there.
const SHARING: [u64; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e];

/// ext4, tmpfs, ramfs, overlay, ZFS and F2FS.
const OTHERS: [u64; 6] = [
    0xef53,
    0x0102_1994,
    0x8584_58f6,
    0x794c_7630,
    0x2fc1_2fc1,
    0xf2f5_2010,
];

/// Whether two files of the file system may share blocks, so that a copy needs no room.
pub fn shares_blocks(file: &File) -> bool {
    file_system(file).is_some_and(|kind| SHARING.contains(&kind))
}

/// Whether the file lies on a disk of this machine, as far as that is known for sure.
pub fn is_on_this_machine(file: &File) -> bool {
    file_system(file).is_some_and(|kind| SHARING.contains(&kind) || OTHERS.contains(&kind))
}

#[cfg(target_os = "linux")]
fn file_system(file: &File) -> Option<u64> {
    let magic = rustix::fs::fstatfs(file).ok()?.f_type;
    // Some kernels sign-extend the 32 bits.
    u64::try_from(magic & 0xffff_ffff).ok()
}

#[cfg(not(target_os = "linux"))]
fn file_system(_file: &File) -> Option<u64> {
    None
}

/// Whether two looks were at the same file.
pub(super) fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

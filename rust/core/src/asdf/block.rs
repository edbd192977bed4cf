//! The binary blocks after the tree.

use std::borrow::Cow;

use md5::Digest;

use super::compress::{Compression, decompress};
use super::scalar::Scalar;
use super::tape::Tape;
use crate::bytes::Load;
use crate::error::{Error, Result};

/// The four bytes that every block begins with.
pub const MAGIC: &[u8; 4] = b"\xd3BLK";

/// What the block index begins with.
const INDEX: &[u8] = b"#ASDF BLOCK INDEX";

/// The size of the header that the standard describes, without magic and without its own size.
const HEADER: usize = 48;

/// How far ahead a file is looked at that is read in part: more than the header of a block.
const LOOK: u64 = 4096;

/// Where a block may start behind the tree, and how long a block index is, in most files.
const REACH: u64 = 64 << 10;

/// Set in [`Block::flags`] for a block that reaches to the end of the file.
const STREAMED: u32 = 1;

/// One binary block: its header and where its data lie.
///
/// Sizes are what the header claims; `data_at` and `data_len` are clamped to the file, so a slice of
/// them always exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Offset of the magic bytes within the ASDF file.
    pub at: u64,
    /// Bit 0: streamed.
    pub flags: u32,
    /// The four bytes that name the compression; zeros for none.
    pub compression: [u8; 4],
    /// Bytes reserved for the data in the file.
    pub allocated: u64,
    /// Bytes of the data in the file.
    pub used: u64,
    /// Bytes of the data once decompressed.
    pub data_size: u64,
    /// MD5 of the stored data; zeros if unchecked.
    pub checksum: [u8; 16],
    /// Offset of the data within the ASDF file.
    pub data_at: usize,
    /// Bytes of the data that the file really holds.
    pub data_len: usize,
    /// Whether the block reaches to the end of the file.
    pub streamed: bool,
    /// Whether the header announces more than the file holds.
    pub truncated: bool,
}

impl Block {
    /// The stored data; `bytes` is the ASDF file that was parsed.
    pub fn stored<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let end = self.data_at.saturating_add(self.data_len);
        bytes.get(self.data_at..end).unwrap_or(&[])
    }

    /// The data as it was before compression; borrowed if there is none.
    ///
    /// `bytes` is the ASDF file that was parsed, `at` its offset in the whole file.
    pub fn data<'a>(&self, bytes: &'a [u8], at: u64) -> Result<Cow<'a, [u8]>> {
        self.unpacked(self.stored(bytes), at)
    }

    /// [`Block::data`], given its [stored](Block::stored) bytes.
    pub fn unpacked<'a>(&self, stored: &'a [u8], at: u64) -> Result<Cow<'a, [u8]>> {
        let place = at.saturating_add(self.at);
        if self.truncated {
            return Err(Error::truncated(
                place,
                format!(
                    "the block holds {} bytes, its header announces {}",
                    self.data_len, self.used
                ),
            ));
        }
        if !self.is_compressed() {
            return Ok(Cow::Borrowed(stored));
        }
        let Some(kind) = Compression::from_label(self.compression) else {
            let label = self.compression.escape_ascii().to_string();
            return Err(Error::unsupported(
                place,
                format!("found the block compression {label:?}"),
            ));
        };
        match decompress(stored, kind, self.data_size) {
            Ok(data) => Ok(Cow::Owned(data)),
            Err(error) => Err(Error {
                at: Some(place),
                ..error
            }),
        }
    }

    /// Whether the stored data is compressed.
    pub fn is_compressed(&self) -> bool {
        self.compression != [0; 4]
    }

    /// Whether the header holds a checksum at all.
    pub fn has_checksum(&self) -> bool {
        self.checksum != [0; 16]
    }

    /// Whether the data has the MD5 of the header; `None` if the header holds none.
    ///
    /// The sum is that of the data as [stored](Block::stored). Some older writers took that of the decompressed data, which
    /// is accepted, too.
    pub fn checksum_holds(&self, stored: &[u8]) -> Option<bool> {
        if !self.has_checksum() {
            return None;
        }
        let holds = |data: &[u8]| {
            let sum: [u8; 16] = md5::Md5::digest(data).into();
            sum == self.checksum
        };
        let unpacked = |data: Cow<'_, [u8]>| holds(&data);
        let packed = self.is_compressed();
        Some(holds(stored) || (packed && self.unpacked(stored, 0).is_ok_and(unpacked)))
    }
}

/// A reader of big-endian numbers.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }
}

/// Reads the header of the block whose magic is at `start` of an ASDF file, which lies at `at` of the whole file.
fn read_block<F: Load>(file: &mut F, start: u64, at: u64) -> Result<Block> {
    file.load_range(start, LOOK)?;
    let place = at.saturating_add(start);
    let cut = || Error::truncated(place, "the file ends within the header of a binary block");
    let mut fields = Fields(file.tail(start));
    let magic: [u8; 4] = fields.take().ok_or_else(cut)?;
    if magic != *MAGIC {
        return Err(Error::format(
            place,
            format!(
                "found {:?}, expected the magic of a binary block",
                magic.escape_ascii().to_string()
            ),
        ));
    }
    let size = usize::from(u16::from_be_bytes(fields.take().ok_or_else(cut)?));
    if size < HEADER {
        return Err(Error::format(
            place.saturating_add(4),
            format!("found a block header of {size} bytes, expected at least {HEADER}"),
        ));
    }
    let data_at = start.saturating_add(6).saturating_add(size as u64);
    let flags = u32::from_be_bytes(fields.take().ok_or_else(cut)?);
    let compression = fields.take().ok_or_else(cut)?;
    let allocated = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let used = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let data_size = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let checksum = fields.take().ok_or_else(cut)?;
    let left = file.size().checked_sub(data_at).ok_or_else(cut)?;
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let data_at = usize::try_from(data_at).unwrap_or(usize::MAX);
    let streamed = flags & STREAMED != 0;
    let wanted = usize::try_from(used).unwrap_or(usize::MAX);
    let block = Block {
        at: start,
        flags,
        compression,
        allocated,
        used,
        data_size,
        checksum,
        data_at,
        data_len: if streamed { left } else { left.min(wanted) },
        streamed,
        truncated: !streamed && wanted > left,
    };
    check(&block, place)?;
    Ok(block)
}

/// Refuses headers that contradict themselves.
fn check(block: &Block, at: u64) -> Result<()> {
    let Block {
        used,
        data_size,
        allocated,
        streamed,
        ..
    } = *block;
    if streamed {
        return if block.is_compressed() {
            Err(Error::format(
                at,
                "found a streamed block that is compressed",
            ))
        } else {
            Ok(())
        };
    }
    if used > allocated {
        return Err(Error::format(
            at,
            format!("found a block that uses {used} of {allocated} allocated bytes"),
        ));
    }
    if !block.is_compressed() && used != data_size {
        return Err(Error::format(
            at,
            format!(
                "found an uncompressed block of {data_size} bytes that uses {used} in the file"
            ),
        ));
    }
    Ok(())
}

/// Reads all blocks of an ASDF file after `start`, the end of the tree.
///
/// Whatever stands between the tree and the first block is padding. The blocks follow one another, so the
/// index at the end of the file is not needed to find them; it helps where that chain is broken. What
/// blocks hold is not asked for.
pub(crate) fn read_blocks<F: Load>(file: &mut F, start: u64, at: u64) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let Some(mut next) = first_block(file, start)? else {
        return Ok(blocks);
    };
    loop {
        file.load_range(next, LOOK)?;
        if !file.tail(next).starts_with(MAGIC) {
            break;
        }
        let block = match read_block(file, next, at) {
            Ok(block) => block,
            Err(error) => return by_index(file, blocks, at).ok_or(error),
        };
        let ended = block.streamed || block.truncated;
        next = block.allocated.saturating_add(block.data_at as u64);
        blocks.push(block);
        if ended {
            return Ok(blocks);
        }
    }
    let rest = file.tail(next);
    if rest.starts_with(INDEX) || rest.iter().all(|&b| b == 0) {
        return Ok(blocks);
    }
    // The chain is broken: either there is junk after the last block, or an allocated size is wrong.
    Ok(by_index(file, blocks.clone(), at).unwrap_or(blocks))
}

fn first_block<F: Load>(file: &mut F, start: u64) -> Result<Option<u64>> {
    let mut wanted = REACH;
    loop {
        file.load_range(start, wanted)?;
        let tail = file.tail(start);
        if let Some(found) = memchr::memmem::find(tail, MAGIC) {
            return Ok(start.checked_add(found as u64));
        }
        let length = tail.len() as u64;
        if start.saturating_add(length) >= file.size() {
            return Ok(None);
        }
        wanted = length.saturating_mul(2).max(REACH);
    }
}

/// Goes on with the blocks that the index names after those that were `found`; `None` if the index does not
/// agree with them, or with the file.
fn by_index<F: Load>(file: &mut F, mut found: Vec<Block>, at: u64) -> Option<Vec<Block>> {
    let offsets = read_index(file)?;
    if offsets.len() <= found.len() {
        return None;
    }
    for (block, offset) in found.iter().zip(&offsets) {
        if block.at != *offset {
            return None;
        }
    }
    for offset in offsets.get(found.len()..)? {
        found.push(read_block(file, *offset, at).ok()?);
    }
    Some(found)
}

/// The offsets in the block index, if there is one that can be read and is in ascending order.
fn read_index<F: Load>(file: &mut F) -> Option<Vec<u64>> {
    let size = file.size();
    let is_whole = file.tail(0).len() as u64 >= size;
    let from = if is_whole {
        0
    } else {
        size.saturating_sub(REACH)
    };
    file.load_range(from, REACH).ok()?;
    let bytes = file.tail(from);
    let start = memchr::memmem::rfind(bytes, INDEX)?.checked_add(INDEX.len())?;
    let text = bytes.get(start..)?;
    // A FITS cell is as long as the file within it, but a plain file may be padded.
    let end = text.iter().rposition(|&b| b != 0)?.checked_add(1)?;
    let text = text.get(..end)?;
    let tape = Tape::parse(text, 0).ok()?;
    let mut offsets = Vec::with_capacity(tape.count(0));
    for id in tape.children(tape.root()?) {
        let Ok(Scalar::Int(offset)) = tape.scalar(id, text) else {
            return None;
        };
        offsets.push(u64::try_from(offset).ok()?);
    }
    offsets.is_sorted_by(|a, b| a < b).then_some(offsets)
}

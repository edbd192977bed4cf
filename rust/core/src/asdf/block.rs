//! The binary blocks after the tree.

use std::borrow::Cow;

use md5::Digest;

use super::compress::{Compression, decompress};
use super::scalar::Scalar;
use super::tape::Tape;
use crate::error::{Error, Result};

/// The four bytes that every block begins with.
pub const MAGIC: &[u8; 4] = b"\xd3BLK";

/// What the block index begins with.
const INDEX: &[u8] = b"#ASDF BLOCK INDEX";

/// The size of the header that the standard describes, without magic and without its own size.
const HEADER: usize = 48;

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
            return Ok(Cow::Borrowed(self.stored(bytes)));
        }
        let Some(kind) = Compression::from_label(self.compression) else {
            let label = self.compression.escape_ascii().to_string();
            return Err(Error::unsupported(
                place,
                format!("found the block compression {label:?}"),
            ));
        };
        match decompress(self.stored(bytes), kind, self.data_size) {
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
    /// The sum is that of the data as stored. Some older writers took that of the decompressed data, which
    /// is accepted, too.
    pub fn checksum_holds(&self, bytes: &[u8]) -> Option<bool> {
        if !self.has_checksum() {
            return None;
        }
        let holds = |data: &[u8]| {
            let sum: [u8; 16] = md5::Md5::digest(data).into();
            sum == self.checksum
        };
        let stored = holds(self.stored(bytes));
        Some(stored || (self.is_compressed() && self.data(bytes, 0).is_ok_and(|data| holds(&data))))
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

/// Reads the header of the block whose magic is at `start` of `bytes`; `at` is where `bytes` lie in the file.
fn read_block(bytes: &[u8], start: usize, at: u64) -> Result<Block> {
    let place = at.saturating_add(wide(start));
    let cut = || Error::truncated(place, "the file ends within the header of a binary block");
    let mut fields = Fields(bytes.get(start..).unwrap_or(&[]));
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
    let data_at = start.saturating_add(6).saturating_add(size);
    let flags = u32::from_be_bytes(fields.take().ok_or_else(cut)?);
    let compression = fields.take().ok_or_else(cut)?;
    let allocated = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let used = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let data_size = u64::from_be_bytes(fields.take().ok_or_else(cut)?);
    let checksum = fields.take().ok_or_else(cut)?;
    let left = bytes.len().checked_sub(data_at).ok_or_else(cut)?;
    let streamed = flags & STREAMED != 0;
    let wanted = usize::try_from(used).unwrap_or(usize::MAX);
    let block = Block {
        at: wide(start),
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

/// Reads all blocks after `start`, the end of the tree.
///
/// Whatever stands between the tree and the first block is padding. The blocks follow one another, so the
/// index at the end of the file is not needed to find them; it helps where that chain is broken.
pub(super) fn read_blocks(bytes: &[u8], start: usize, at: u64) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let tail = bytes.get(start..).unwrap_or(&[]);
    let Some(first) = memchr::memmem::find(tail, MAGIC) else {
        return Ok(blocks);
    };
    let mut next = start.saturating_add(first);
    while bytes
        .get(next..)
        .is_some_and(|rest| rest.starts_with(MAGIC))
    {
        let block = match read_block(bytes, next, at) {
            Ok(block) => block,
            Err(error) => return by_index(bytes, blocks, at).ok_or(error),
        };
        let ended = block.streamed || block.truncated;
        next = usize::try_from(block.allocated)
            .unwrap_or(usize::MAX)
            .saturating_add(block.data_at);
        blocks.push(block);
        if ended {
            return Ok(blocks);
        }
    }
    let rest = bytes.get(next..).unwrap_or(&[]);
    if rest.starts_with(INDEX) || rest.iter().all(|&b| b == 0) {
        return Ok(blocks);
    }
    // The chain is broken: either there is junk after the last block, or an allocated size is wrong.
    Ok(by_index(bytes, blocks.clone(), at).unwrap_or(blocks))
}

/// Goes on with the blocks that the index names after those that were `found`; `None` if the index does not
/// agree with them, or with the file.
fn by_index(bytes: &[u8], mut found: Vec<Block>, at: u64) -> Option<Vec<Block>> {
    let offsets = read_index(bytes)?;
    if offsets.len() <= found.len() {
        return None;
    }
    for (block, offset) in found.iter().zip(&offsets) {
        if block.at != wide(*offset) {
            return None;
        }
    }
    for offset in offsets.get(found.len()..)? {
        found.push(read_block(bytes, *offset, at).ok()?);
    }
    Some(found)
}

/// The offsets in the block index, if there is one that can be read and is in ascending order.
fn read_index(bytes: &[u8]) -> Option<Vec<usize>> {
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
        offsets.push(usize::try_from(offset).ok()?);
    }
    offsets.is_sorted_by(|a, b| a < b).then_some(offsets)
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

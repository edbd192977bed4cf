//! The compressions of binary blocks.

use std::io::Read;

use crate::error::{Error, ErrorKind, Result};

/// How the data of a block is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// `zlib`: one zlib stream.
    Zlib,
    /// `bzp2`: one bzip2 stream.
    Bzip2,
    /// `lz4`: frames as python-asdf writes them; see [`decompress`].
    Lz4,
}

impl Compression {
    /// The compression that the four bytes of a block header name; `None` if this crate does not know it.
    pub fn from_label(label: [u8; 4]) -> Option<Self> {
        match &label {
            b"zlib" => Some(Self::Zlib),
            b"bzp2" => Some(Self::Bzip2),
            b"lz4\0" => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Decompresses to exactly `expected` bytes.
///
/// Memory grows with what comes out, never with what a header claims, and stops at `expected`.
///
/// `lz4` is a run of frames, each the big-endian length of what follows, then the little-endian length of
/// the decompressed data, then a raw LZ4 block. (The standard leaves the framing open.)
pub fn decompress(data: &[u8], kind: Compression, expected: u64) -> Result<Vec<u8>> {
    match kind {
        Compression::Zlib => read(
            flate2::bufread::ZlibDecoder::new(data),
            data.len(),
            expected,
        ),
        Compression::Bzip2 => read(bzip2::bufread::BzDecoder::new(data), data.len(), expected),
        Compression::Lz4 => lz4(data, expected),
    }
}

fn fault(kind: ErrorKind, message: String) -> Error {
    Error {
        at: None,
        ..Error::new(kind, 0, message)
    }
}

fn wrong_size(found: &str, expected: u64) -> Error {
    fault(
        ErrorKind::Format,
        format!("found {found} bytes of decompressed data, expected {expected}"),
    )
}

fn read(decoder: impl Read, stored: usize, expected: u64) -> Result<Vec<u8>> {
    // A first guess within what the stored bytes make plausible; the vector grows from there.
    let guess = usize::try_from(expected)
        .unwrap_or(usize::MAX)
        .min(stored.saturating_mul(4));
    let mut out = Vec::with_capacity(guess);
    // One byte more than expected is enough to know that there is too much.
    decoder
        .take(expected.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
                _ => ErrorKind::Format,
            };
            fault(kind, format!("the compressed data cannot be read: {error}"))
        })?;
    let length = u64::try_from(out.len()).unwrap_or(u64::MAX);
    match length.cmp(&expected) {
        std::cmp::Ordering::Equal => Ok(out),
        std::cmp::Ordering::Less => Err(wrong_size(&length.to_string(), expected)),
        std::cmp::Ordering::Greater => Err(wrong_size(&format!("more than {expected}"), expected)),
    }
}

/// No LZ4 block grows more than this many times.
const LZ4_RATIO: usize = 255;

fn lz4(mut data: &[u8], expected: u64) -> Result<Vec<u8>> {
    let cut = || {
        fault(
            ErrorKind::Truncated,
            "the data ends within an LZ4 frame".to_owned(),
        )
    };
    let limit = usize::try_from(expected).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (frame, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        let (size, block) = frame.split_first_chunk::<4>().ok_or_else(cut)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        data = rest;
        let start = out.len();
        let end = start.saturating_add(size);
        if end > limit {
            return Err(wrong_size(&format!("more than {expected}"), expected));
        }
        if size > block.len().saturating_mul(LZ4_RATIO) {
            return Err(fault(
                ErrorKind::Format,
                format!(
                    "found an LZ4 frame of {} bytes that claims to hold {size}",
                    block.len()
                ),
            ));
        }
        out.resize(end, 0);
        let target = out.get_mut(start..).unwrap_or(&mut []);
        let written = lz4_flex::block::decompress_into(block, target).map_err(|error| {
            fault(
                ErrorKind::Format,
                format!("an LZ4 frame cannot be read: {error}"),
            )
        })?;
        if written != size {
            return Err(wrong_size(&written.to_string(), expected));
        }
    }
    if out.len() == limit {
        Ok(out)
    } else {
        Err(wrong_size(&out.len().to_string(), expected))
    }
}

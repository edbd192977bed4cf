//! The header hash: how a product proves that its headers are those its tree was written with.

use sha2::{Digest, Sha256};

use super::card::{is_clean, is_end};
use super::{CARD, Hdu};
use crate::Bytes;

/// The SHA-256 of all headers but those named `ASDF`, as lower-case hex, and the unclean HDUs.
///
/// The writer hashes the text of each header as it renders it. For a header in which every card is
/// clean that text is the bytes on disk; the indices returned name the headers where it may not be.
pub fn header_hash<B: Bytes + ?Sized>(file: &B, hdus: &[Hdu]) -> (String, Vec<usize>) {
    (header_digest(file, hdus), unclean(file, hdus))
}

/// The hash of [`header_hash`] alone.
pub fn header_digest<B: Bytes + ?Sized>(file: &B, hdus: &[Hdu]) -> String {
    sha256(hashed(file, hdus).map(|(_, bytes)| bytes))
}

/// The HDUs whose headers have a card that is not clean.
pub fn unclean<B: Bytes + ?Sized>(file: &B, hdus: &[Hdu]) -> Vec<usize> {
    let unclean = hashed(file, hdus).filter(|(_, bytes)| !is_clean_header(bytes));
    unclean.map(|(index, _)| index).collect()
}

/// (HDU, its header) for each that is part of the hash.
fn hashed<'a, B: Bytes + ?Sized>(
    file: &'a B,
    hdus: &'a [Hdu],
) -> impl Iterator<Item = (usize, &'a [u8])> {
    let hdus = hdus.iter().enumerate();
    hdus.filter(|(_, hdu)| hdu.name != "ASDF")
        .map(|(index, hdu)| (index, hdu.header(file).bytes()))
}

/// Whether every card is clean and only blanks follow END.
fn is_clean_header(bytes: &[u8]) -> bool {
    let mut records = bytes.chunks_exact(CARD);
    for record in records.by_ref() {
        if is_end(record) {
            return record.iter().skip(3).all(|&b| b == b' ') && records.all(is_blank);
        }
        if !is_clean(record) {
            return false;
        }
    }
    false
}

fn is_blank(record: &[u8]) -> bool {
    record.iter().all(|&b| b == b' ')
}

/// The SHA-256 of the pieces, one after the other, as lower-case hex.
pub fn sha256<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece);
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|&b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

//! FITS: cards, headers, HDUs, images, tables and the header hash (FITS 4.0).
//!
//! The order of the rooms is the order of the file: a [`card`] is 80 bytes, a [`header`] is cards up
//! to END, an [`hdu`] is a header and its data, which an [`image`] or a [`table`] describes. A
//! [`compressed`] image is a table that stands for an image.

pub mod card;
pub mod checksum;
pub mod compressed;
pub mod hash;
pub mod hdu;
pub mod header;
pub mod image;
pub mod render;
pub mod table;

pub use card::{Card, Value};
pub use compressed::Compressed;
pub use hash::{header_digest, header_hash, sha256, unclean};
pub use hdu::{Hdu, Kind};
pub use header::Header;
pub use image::Image;
pub use table::{Column, Table};

/// Everything in a FITS file is padded to this many bytes (FITS 4.0 §3.1).
pub const BLOCK: u64 = 2880;

/// The bytes of one card (FITS 4.0 §4.1).
pub const CARD: usize = 80;

/// Rounds a length up to whole blocks; `None` where that is beyond u64.
pub fn padded(length: u64) -> Option<u64> {
    length.checked_next_multiple_of(BLOCK)
}

//! An image: its type, shape and scaling.

use super::{Hdu, Header, Kind};
use crate::Result;

/// What the bytes of an image stand for (FITS 4.0 §5, §4.4.2.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Bits of one value: 8, 16, 32, 64, -32, -64.
    pub bitpix: i64,
    /// Sizes in numpy's order: the last varies fastest.
    pub shape: Vec<u64>,
    /// BSCALE, 1 where missing.
    pub scale: f64,
    /// BZERO, 0 where missing.
    pub zero: f64,
    /// BLANK: the integer that marks an undefined pixel.
    pub blank: Option<i64>,
}

impl Image {
    /// Reads the image keywords of an HDU, those of a compressed image where it is one.
    pub fn read(hdu: &Hdu, header: &Header<'_>) -> Result<Self> {
        if hdu.kind == Kind::Compressed {
            return Self::read_compressed(hdu, header);
        }
        Ok(Self {
            bitpix: hdu.bitpix,
            shape: hdu.axes.iter().rev().copied().collect(),
            scale: header.number("BSCALE").unwrap_or(1.0),
            zero: header.number("BZERO").unwrap_or(0.0),
            blank: header.integer("BLANK"),
        })
    }
}

//! From tiles to an image: what each tile is unpacked by, what its numbers become, on all cores.

use std::sync::{Mutex, PoisonError};

use super::column::{Facts, Form, Packed};
use super::quantize::Scaling;
use super::tiles::Tile;
use super::values::{Change, Raw, single};
use super::{Codec, Compressed, Fault, gzip, hcompress, least, plio, rice, sized};
use crate::fits::Hdu;
use crate::memory::Fresh;
use crate::{Bytes, Error, ErrorKind, Result, parallel};

/// A core takes tiles of about this many pixels at a time.
const BATCH: usize = 1 << 15;

/// Memory that a core keeps from tile to tile.
#[derive(Debug, Default)]
struct Scratch {
    integers: Vec<i32>,
    made: Vec<i32>,
    bytes: Vec<u8>,
    sorted: Vec<u8>,
    values: Vec<u8>,
    inflate: gzip::Inflate,
    hcompress: hcompress::Scratch,
}

impl Compressed {
    /// Unpacks the image into fresh memory, in native byte order.
    ///
    /// `bytes` are the file, as far as it holds data of the HDU. With `flip` the top bit of integers is flipped, which undoes the offset of
    /// unsigned integers (FITS 4.0 table 11). A fault names its tile, the first being tile 1, and is that
    /// of the first tile that has one.
    pub fn decode<B: Bytes + Sync + ?Sized>(
        &self,
        bytes: &B,
        hdu: &Hdu,
        flip: bool,
    ) -> Result<Fresh> {
        self.check(bytes, hdu)?;
        let width = self.width();
        let size = self.tiles.size().checked_mul(width).ok_or_else(|| {
            let message = "the image is larger than memory can be";
            Error::new(ErrorKind::Limit, hdu.at, message)
        })?;
        let mut image = Fresh::new(size).map_err(|error| Error {
            at: Some(hdu.at),
            ..error
        })?;
        let bands = self.tiles.bands(image.bytes(), width);
        let bands: Vec<Mutex<&mut [u8]>> = bands.into_iter().map(Mutex::new).collect();
        let batch = BATCH.checked_div(self.tiles.tile_size()).unwrap_or(1);
        parallel::each(
            self.tiles.count(),
            batch,
            Scratch::default,
            |scratch, number| {
                let tile = self.tiles.tile(number);
                let packed = self.packed(bytes, hdu, number)?;
                let facts = self.columns.facts(bytes, hdu, number);
                let Some(band) = bands.get(tile.band) else {
                    return Ok(()); // there is one for each
                };
                self.place(&tile, number, &packed, facts, flip, band, scratch)
                    .map_err(|fault| self.located(number, &packed, &fault))
            },
        )?;
        drop(bands);
        Ok(image)
    }

    /// Refuses tiles that are not in the file, or that so few bytes cannot hold.
    fn check<B: Bytes + ?Sized>(&self, bytes: &B, hdu: &Hdu) -> Result<()> {
        let (rows, count) = (self.columns.rows(), self.tiles.count());
        if rows < count {
            let message = format!("the table has {rows} rows, the image has {count} tiles");
            return Err(Error::format(hdu.at, message));
        }
        for number in 0..count {
            let packed = self.packed(bytes, hdu, number)?;
            let pixels = self.tiles.tile(number).size;
            let length = packed.bytes.len();
            let capacity = match (packed.form, self.codec) {
                (Form::Packed, Codec::Rice { pixel, block }) => {
                    rice::capacity(length, pixel, block)
                }
                (Form::Packed, Codec::Plio) => plio::capacity(length),
                // One number may stand for a tile of any size, which it gives itself.
                (Form::Packed, Codec::Hcompress { .. }) => pixels,
                (Form::Packed, Codec::Gzip { .. }) | (Form::Gzip, _) => gzip::capacity(length),
                (Form::Packed, Codec::Plain) | (Form::Plain(_), _) => length,
            };
            if pixels > capacity {
                let message = format!(
                    "{length} bytes of compressed data hold {capacity} pixels at most, expected {pixels}"
                );
                return Err(self.located(number, &packed, &Fault::format(0, message)));
            }
        }
        Ok(())
    }

    fn packed<'a, B: Bytes + ?Sized>(
        &self,
        bytes: &'a B,
        hdu: &Hdu,
        number: usize,
    ) -> Result<Packed<'a>> {
        self.columns
            .packed(bytes, hdu, number)
            .map_err(|error| Error {
                message: self.named(number, &error.message),
                ..error
            })
    }

    fn located(&self, number: usize, packed: &Packed<'_>, fault: &Fault) -> Error {
        let at = packed.at.saturating_add(fault.at as u64);
        Error::new(fault.kind, at, self.named(number, &fault.message))
    }

    fn named(&self, number: usize, message: &str) -> String {
        let (number, count) = (number.saturating_add(1), self.tiles.count());
        format!("tile {number} of {count} ({}): {message}", self.name)
    }

    #[expect(clippy::too_many_arguments, reason = "what is known of one tile")]
    fn place(
        &self,
        tile: &Tile,
        number: usize,
        packed: &Packed<'_>,
        facts: Facts,
        flip: bool,
        band: &Mutex<&mut [u8]>,
        scratch: &mut Scratch,
    ) -> std::result::Result<(), Fault> {
        if self.tiles.fills(tile) {
            let mut band = band.lock().unwrap_or_else(PoisonError::into_inner);
            return self.unpack(number, tile.size, packed, facts, flip, &mut band, scratch);
        }
        let width = self.width();
        let mut values = std::mem::take(&mut scratch.values);
        sized(&mut values, tile.size.saturating_mul(width))?;
        self.unpack(number, tile.size, packed, facts, flip, &mut values, scratch)?;
        let mut band = band.lock().unwrap_or_else(PoisonError::into_inner);
        self.tiles.scatter(tile, &values, &mut band, width);
        scratch.values = values;
        Ok(())
    }

    /// Writes the values of a tile to `to`, one after the other.
    #[expect(clippy::too_many_arguments, reason = "what is known of one tile")]
    fn unpack(
        &self,
        number: usize,
        pixels: usize,
        packed: &Packed<'_>,
        facts: Facts,
        flip: bool,
        to: &mut [u8],
        scratch: &mut Scratch,
    ) -> std::result::Result<(), Fault> {
        let quantized = packed.form == Form::Packed && self.columns.quantized();
        let mut integers = std::mem::take(&mut scratch.integers);
        let mut made = std::mem::take(&mut scratch.made);
        let raw = self.raw(pixels, packed, quantized, &mut integers, scratch)?;
        if let (true, Some((scale, zero))) = (quantized, facts.scaling) {
            let blank = facts.blank.or(self.blank);
            let scaling = Scaling {
                scale,
                zero,
                blank: blank.and_then(|blank| i32::try_from(blank).ok()),
                dither: self.dither,
                seed: i64::try_from(number)
                    .unwrap_or(0)
                    .wrapping_add(self.seed)
                    .wrapping_sub(1),
            };
            self.scale(&scaling, raw, &mut made, to)?;
        } else {
            let renamed = self.renamed(facts);
            raw.store(self.bitpix, Change { flip, renamed }, to);
        }
        scratch.made = made;
        scratch.integers = integers;
        Ok(())
    }

    /// Undoes the packing.
    fn raw<'a>(
        &self,
        pixels: usize,
        packed: &Packed<'a>,
        quantized: bool,
        integers: &'a mut Vec<i32>,
        scratch: &'a mut Scratch,
    ) -> std::result::Result<Raw<'a>, Fault> {
        let Scratch {
            bytes,
            sorted,
            inflate,
            hcompress,
            ..
        } = scratch;
        let floats = |width: usize| self.bitpix < 0 && !quantized && width >= 4;
        match (packed.form, self.codec) {
            (Form::Packed, Codec::Rice { pixel, block }) => {
                sized(integers, pixels)?;
                rice::decode(packed.bytes, pixel, block, integers)?;
                Ok(Raw::Integers(integers))
            }
            (Form::Packed, Codec::Plio) => {
                sized(integers, pixels)?;
                plio::decode(packed.bytes, integers)?;
                Ok(Raw::Integers(integers))
            }
            (Form::Packed, Codec::Hcompress { smooth }) => {
                // The tile gives its size itself, to be checked before memory is taken for it.
                hcompress::decode(packed.bytes, smooth, pixels, integers, hcompress)?;
                Ok(Raw::Integers(integers))
            }
            (Form::Packed, Codec::Gzip { shuffled: true }) => {
                let width = gzip::decode(packed.bytes, pixels, bytes, inflate)?;
                gzip::unshuffle(bytes, width, sorted)?;
                let (bytes, floats) = (sorted.as_slice(), floats(width));
                Ok(Raw::Bytes {
                    bytes,
                    width,
                    floats,
                })
            }
            (Form::Packed, Codec::Gzip { .. }) | (Form::Gzip, _) => {
                let width = gzip::decode(packed.bytes, pixels, bytes, inflate)?;
                let (bytes, floats) = (bytes.as_slice(), floats(width));
                Ok(Raw::Bytes {
                    bytes,
                    width,
                    floats,
                })
            }
            (Form::Packed, Codec::Plain) => {
                let width = [1, 2, 4, 8].into_iter();
                let length = Some(packed.bytes.len());
                let found = width
                    .clone()
                    .find(|&width| pixels.checked_mul(width) == length);
                let width = found.ok_or_else(|| wrong_length(packed, pixels))?;
                let (bytes, floats) = (packed.bytes, floats(width));
                Ok(Raw::Bytes {
                    bytes,
                    width,
                    floats,
                })
            }
            (Form::Plain(element), _) => {
                let width = element.width();
                if pixels.checked_mul(width) != Some(packed.bytes.len()) {
                    return Err(wrong_length(packed, pixels));
                }
                Ok(Raw::Bytes {
                    bytes: packed.bytes,
                    width,
                    floats: matches!(element, super::column::Element::Float(_)),
                })
            }
        }
    }

    /// Turns quantised numbers into floats.
    fn scale(
        &self,
        scaling: &Scaling,
        raw: Raw<'_>,
        made: &mut Vec<i32>,
        to: &mut [u8],
    ) -> std::result::Result<(), Fault> {
        let integers = raw.integers(made)?;
        if self.bitpix == -32 {
            scaling.apply(integers, to, single)
        } else {
            scaling.apply(integers, to, f64::to_ne_bytes)
        }
    }

    /// The integer by which a tile marks undefined pixels, and that of the image, where they differ.
    fn renamed(&self, facts: Facts) -> Option<(i64, i64)> {
        let found = facts.blank.filter(|_| self.bitpix > 0)?;
        let wanted = self.blank.unwrap_or(least(self.bitpix));
        (found != wanted).then_some((found, wanted))
    }
}

fn wrong_length(packed: &Packed<'_>, pixels: usize) -> Fault {
    let message = format!(
        "found {} bytes, expected 1, 2, 4 or 8 for each of {pixels} pixels",
        packed.bytes.len()
    );
    Fault::format(0, message)
}

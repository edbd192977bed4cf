//! Tile-compressed images (FITS 4.0 §10): a table with one row for each tile, unpacked on all cores.
//!
//! ```text
//! row      descriptors: bytes and place of the packed tile     ZSCALE  ZZERO  ZBLANK
//! heap     packed tiles
//!
//! tile     bytes -> integers or floats        rice, plio, hcompress, gzip
//!          integers -> floats                 quantize
//!          values -> their place in the image tiles
//! ```
//!
//! Memory for the image is taken only after every descriptor was found to lie in the file and to be long
//! enough for its tile; and it is address space until tiles are written to it.

mod bits;
mod column;
mod decode;
mod gzip;
mod hcompress;
mod plio;
mod quantize;
mod rice;
mod tiles;
mod transform;
mod values;

use column::Columns;
use quantize::Dither;
use rice::Pixel;
use tiles::Tiles;

use super::card::Value;
use super::hdu::bad_card;
use super::{Hdu, Header, Image};
use crate::{Error, ErrorKind, Result};

/// What is wrong with a tile; `at` counts from the first byte of its data.
#[derive(Debug)]
struct Fault {
    kind: ErrorKind,
    at: usize,
    message: String,
}

impl Fault {
    fn format(at: usize, message: String) -> Self {
        let kind = ErrorKind::Format;
        Self { kind, at, message }
    }

    fn truncated(at: usize, message: String) -> Self {
        let kind = ErrorKind::Truncated;
        Self { kind, at, message }
    }
}

/// Gives a buffer a length, whatever is in it; an error where there is no memory.
fn sized<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) -> std::result::Result<(), Fault> {
    let more = length.saturating_sub(buffer.len());
    buffer.try_reserve(more).map_err(|error| Fault {
        kind: ErrorKind::Limit,
        at: 0,
        message: format!("there is no memory for {length} values: {error}"),
    })?;
    buffer.resize(length, T::default());
    Ok(())
}

/// Gives a buffer a length and clears it.
fn zeroed<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) -> std::result::Result<(), Fault> {
    buffer.clear();
    sized(buffer, length)
}

/// `ZCMPTYPE` with what `ZNAMEn` and `ZVALn` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Rice { pixel: Pixel, block: usize },
    Gzip { shuffled: bool },
    Plio,
    Hcompress { smooth: bool },
    Plain,
}

/// A compressed image as its header describes it.
#[derive(Debug)]
pub struct Compressed {
    name: String,
    codec: Codec,
    bitpix: i64,
    tiles: Tiles,
    columns: Columns,
    dither: Dither,
    seed: i64,
    /// `ZBLANK`, else BLANK: the integer of undefined pixels, where no column has it.
    blank: Option<i64>,
}

/// The largest number of pixels that may share a code; writers use 16 and 32.
const LARGEST_BLOCK: u64 = 1024;

impl Image {
    /// Reads what the header of a compressed image says of the image.
    pub(super) fn read_compressed(hdu: &Hdu, header: &Header<'_>) -> Result<Self> {
        let Some(bitpix @ (8 | 16 | 32 | 64 | -32 | -64)) = header.integer("ZBITPIX") else {
            let expected = "one of 8, 16, 32, 64, -32, -64";
            return Err(bad_card(header, "ZBITPIX", expected));
        };
        let mut shape = sizes(header, "ZNAXIS")?;
        shape.reverse();
        let blank = header.integer("BLANK").or_else(|| header.integer("ZBLANK"));
        // A column of them is for undefined pixels too; where no card says by what integer the image marks
        // them, it is the least.
        let marked = || bitpix > 0 && Columns::has(hdu, header, "ZBLANK");
        Ok(Self {
            bitpix,
            shape,
            scale: header.number("BSCALE").unwrap_or(1.0),
            zero: header.number("BZERO").unwrap_or(0.0),
            blank: blank.or_else(|| marked().then(|| least(bitpix))),
        })
    }
}

impl Compressed {
    /// Reads the header of a compressed image.
    pub fn read(hdu: &Hdu, header: &Header<'_>) -> Result<Self> {
        let image = Image::read(hdu, header)?;
        let (name, codec) = codec(header)?;
        let shape = usizes(&image.shape)
            .ok_or_else(|| bad_card(header, "ZNAXIS1", "a size that memory can have"))?;
        let tile = tile_shape(header, &image.shape)?;
        let tiles = Tiles::new(shape, &tile).ok_or_else(|| {
            bad_card(
                header,
                "ZTILE1",
                "1 at least, in an image that can be counted",
            )
        })?;
        let columns = Columns::read(hdu, header)?;
        if image.bitpix > 0 && columns.quantized() {
            let message = "the image has ZSCALE, which is for images of floats (ZBITPIX -32, -64)";
            return Err(Error::format(hdu.at, message));
        }
        let dither = match header.text("ZQUANTIZ") {
            None => Dither::None,
            Some(name) => Dither::new(name.trim()).ok_or_else(|| {
                bad_card(
                    header,
                    "ZQUANTIZ",
                    "NO_DITHER, SUBTRACTIVE_DITHER_1 or SUBTRACTIVE_DITHER_2",
                )
            })?,
        };
        Ok(Self {
            name,
            codec,
            bitpix: image.bitpix,
            tiles,
            columns,
            dither,
            seed: header.integer("ZDITHER0").unwrap_or(0),
            blank: header.integer("ZBLANK").or_else(|| header.integer("BLANK")),
        })
    }

    /// The bytes of one value.
    fn width(&self) -> usize {
        usize::try_from(self.bitpix.unsigned_abs() >> 3).unwrap_or(8)
    }
}

/// The least integer of an image.
fn least(bitpix: i64) -> i64 {
    i64::MIN >> 64_i64.saturating_sub(bitpix).clamp(0, 63)
}

/// `ZNAXIS` and `ZNAXISn`, in the order of the file.
fn sizes(header: &Header<'_>, keyword: &str) -> Result<Vec<u64>> {
    let count = header.required(keyword)?;
    if count > 999 {
        return Err(bad_card(header, keyword, "at most 999"));
    }
    (1..=count)
        .map(|axis| header.required(&format!("{keyword}{axis}")))
        .collect()
}

fn usizes(sizes: &[u64]) -> Option<Vec<usize>> {
    sizes.iter().map(|&n| usize::try_from(n).ok()).collect()
}

/// `ZTILEn` in numpy's order; by default tiles are rows (FITS 4.0 §10.1.1).
fn tile_shape(header: &Header<'_>, shape: &[u64]) -> Result<Vec<usize>> {
    let mut tile = Vec::with_capacity(shape.len());
    for (place, &length) in shape.iter().rev().enumerate() {
        let keyword = format!("ZTILE{}", place.saturating_add(1));
        let size = match header.card(&keyword) {
            Some(_) => header.required(&keyword)?,
            None if place == 0 => length.max(1),
            None => 1,
        };
        if size == 0 {
            return Err(bad_card(header, &keyword, "1 at least"));
        }
        tile.push(usize::try_from(size).unwrap_or(usize::MAX));
    }
    tile.reverse();
    Ok(tile)
}

/// The codec that `ZCMPTYPE` names, and its name.
fn codec(header: &Header<'_>) -> Result<(String, Codec)> {
    let Some(name) = header.text("ZCMPTYPE") else {
        return Err(bad_card(header, "ZCMPTYPE", "the name of a compression"));
    };
    let codec = match name.trim() {
        "RICE_1" | "RICE_ONE" => rice_codec(header)?,
        "GZIP_1" => Codec::Gzip { shuffled: false },
        "GZIP_2" => Codec::Gzip { shuffled: true },
        "PLIO_1" => Codec::Plio,
        "HCOMPRESS_1" => hcompress_codec(header)?,
        "NOCOMPRESS" => Codec::Plain,
        _ => {
            let expected = "RICE_1, RICE_ONE, GZIP_1, GZIP_2, PLIO_1, HCOMPRESS_1 or NOCOMPRESS";
            return Err(Error {
                kind: ErrorKind::Unsupported,
                ..bad_card(header, "ZCMPTYPE", expected)
            });
        }
    };
    Ok((name.trim().to_owned(), codec))
}

fn rice_codec(header: &Header<'_>) -> Result<Codec> {
    let pixel = match setting(header, "BYTEPIX") {
        None => Pixel::Four,
        Some(keyword) => header
            .integer(&keyword)
            .and_then(Pixel::new)
            .ok_or_else(|| bad_card(header, &keyword, "BYTEPIX: 1, 2 or 4"))?,
    };
    let block = match setting(header, "BLOCKSIZE") {
        None => 32,
        Some(keyword) => {
            let expected = format!("BLOCKSIZE: 1 to {LARGEST_BLOCK}");
            let block = header.integer(&keyword).and_then(|n| u64::try_from(n).ok());
            let block = block.filter(|n| (1..=LARGEST_BLOCK).contains(n));
            let block = block.and_then(|n| usize::try_from(n).ok());
            block.ok_or_else(|| bad_card(header, &keyword, &expected))?
        }
    };
    Ok(Codec::Rice { pixel, block })
}

fn hcompress_codec(header: &Header<'_>) -> Result<Codec> {
    let smooth = match setting(header, "SMOOTH") {
        None => false,
        Some(keyword) => match header.value(&keyword) {
            Value::Integer(number) => number != 0,
            Value::Logical(on) => on,
            _ => return Err(bad_card(header, &keyword, "SMOOTH: 0 or 1")),
        },
    };
    // The scale is in each tile too, and that one counts; but a header that has none is damaged.
    if let Some(keyword) = setting(header, "SCALE")
        && header.number(&keyword).is_none_or(|scale| scale < 0.0)
    {
        return Err(bad_card(header, &keyword, "SCALE: 0 at least"));
    }
    Ok(Codec::Hcompress { smooth })
}

/// The keyword `ZVALn` whose `ZNAMEn` is `name`.
fn setting(header: &Header<'_>, name: &str) -> Option<String> {
    for n in 1..=999 {
        let found = header.text(&format!("ZNAME{n}"))?;
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(format!("ZVAL{n}"));
        }
    }
    None
}

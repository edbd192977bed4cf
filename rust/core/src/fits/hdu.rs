//! One HDU: what its header says about the place, size and kind of its data.

use super::card::ascii;
use super::{Header, Value, padded};
use crate::{Bytes, Error, Result};

/// What an HDU holds (FITS 4.0 §3, §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first HDU, `SIMPLE`.
    Primary,
    /// `XTENSION = 'IMAGE'`.
    Image,
    /// `XTENSION = 'BINTABLE'`.
    BinTable,
    /// `XTENSION = 'TABLE'`, an ASCII table.
    Table,
    /// A BINTABLE that holds a tile-compressed image (`ZIMAGE = T`, FITS 4.0 §10).
    Compressed,
    /// Random groups in the primary HDU (FITS 4.0 §6), a deprecated form.
    Groups,
    /// An extension type outside the standard, such as the `ASDF` of early writers.
    Other,
}

impl Kind {
    /// The name that users know: the XTENSION value, or PRIMARY.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Image => "IMAGE",
            Self::BinTable => "BINTABLE",
            Self::Table => "TABLE",
            Self::Compressed => "COMPRESSED",
            Self::Groups => "GROUPS",
            Self::Other => "OTHER",
        }
    }
}

/// Where one HDU lies and what its data are; all positions are bytes from the start of the file.
#[derive(Debug, Clone)]
pub struct Hdu {
    /// The kind of data.
    pub kind: Kind,
    /// The XTENSION value as written; empty for the primary HDU.
    pub xtension: String,
    /// EXTNAME in upper case without outer blanks; `PRIMARY` for an unnamed first HDU, else empty.
    pub name: String,
    /// EXTVER, 1 where it is missing.
    pub version: i64,
    /// Bits of one value: 8, 16, 32, 64, -32, -64.
    pub bitpix: i64,
    /// NAXIS1, NAXIS2, …: the first varies fastest, so numpy's shape is the reverse.
    pub axes: Vec<u64>,
    /// Start of the header.
    pub at: u64,
    /// Start of the data, a block boundary.
    pub data_at: u64,
    /// Bytes of data that the header announces, heap included, without padding.
    pub announced: u64,
    /// Bytes of data that the file holds: `announced`, or less in a file cut short.
    pub data_len: u64,
    /// PCOUNT: bytes of heap after a table, parameters of random groups.
    pub heap: u64,
}

impl Hdu {
    /// Reads the HDU at byte `at` of `file`; `first` for the primary HDU.
    pub fn read<B: Bytes + ?Sized>(file: &B, at: u64, first: bool) -> Result<Self> {
        let header = Header::read(file, at)?;
        let xtension = if first {
            String::new()
        } else {
            header.text("XTENSION").unwrap_or_default()
        };
        let Some(bitpix @ (8 | 16 | 32 | 64 | -32 | -64)) = header.integer("BITPIX") else {
            return Err(bad_card(
                &header,
                "BITPIX",
                "one of 8, 16, 32, 64, -32, -64",
            ));
        };
        let axes = read_axes(&header)?;
        let groups = first && header.value("GROUPS") == Value::Logical(true);
        let kind = match xtension.as_str() {
            _ if groups && axes.first() == Some(&0) => Kind::Groups,
            _ if first => Kind::Primary,
            "IMAGE" | "IUEIMAGE" => Kind::Image,
            "BINTABLE" | "A3DTABLE" if header.value("ZIMAGE") == Value::Logical(true) => {
                Kind::Compressed
            }
            "BINTABLE" | "A3DTABLE" => Kind::BinTable,
            "TABLE" => Kind::Table,
            _ => Kind::Other,
        };
        let heap = if first && kind != Kind::Groups {
            0
        } else {
            optional(&header, "PCOUNT", 0)?
        };
        let count = if first && kind != Kind::Groups {
            1
        } else {
            optional(&header, "GCOUNT", 1)?
        };
        let announced = data_size(bitpix, &axes, kind, heap, count)
            .ok_or_else(|| bad_card(&header, "NAXIS", "a size below 2^64 bytes"))?;
        let data_at = at.saturating_add(header.bytes().len() as u64);
        let available = file.size().saturating_sub(data_at);
        Ok(Self {
            kind,
            name: hdu_name(&header, first),
            version: header.integer("EXTVER").unwrap_or(1),
            xtension,
            bitpix,
            axes,
            at,
            data_at,
            announced,
            data_len: announced.min(available),
            heap,
        })
    }

    /// How messages name the HDU at `index`: `HDU 3 (DQ,1)`.
    pub fn label(&self, index: usize) -> String {
        if self.name.is_empty() {
            format!("HDU {index}")
        } else {
            format!("HDU {index} ({},{})", self.name, self.version)
        }
    }

    /// Start of the next HDU; `None` where that is beyond u64.
    pub fn end(&self) -> Option<u64> {
        self.data_at.checked_add(padded(self.announced)?)
    }

    /// Whether the file ends before the data do.
    pub fn is_cut(&self) -> bool {
        self.data_len < self.announced
    }

    /// The header's bytes in the file it was read from.
    pub fn header<'a, B: Bytes + ?Sized>(&self, file: &'a B) -> Header<'a> {
        let length = self.data_at.saturating_sub(self.at);
        let bytes = file.get(self.at, length).unwrap_or_default();
        Header::from_bytes(bytes, self.at)
    }

    /// The data's bytes that the file holds.
    pub fn data<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        Bytes::get(file, self.data_at, self.data_len).unwrap_or_default()
    }
}

fn hdu_name(header: &Header<'_>, first: bool) -> String {
    match header.text("EXTNAME") {
        Some(name) => name.trim().to_ascii_uppercase(),
        None if first => "PRIMARY".to_owned(),
        None => String::new(),
    }
}

fn read_axes(header: &Header<'_>) -> Result<Vec<u64>> {
    let count = header.required("NAXIS")?;
    if count > 999 {
        return Err(bad_card(header, "NAXIS", "at most 999"));
    }
    (1..=count)
        .map(|axis| header.required(&format!("NAXIS{axis}")))
        .collect()
}

fn optional(header: &Header<'_>, keyword: &str, default: u64) -> Result<u64> {
    if header.card(keyword).is_some() {
        header.required(keyword)
    } else {
        Ok(default)
    }
}

/// |BITPIX|/8 × GCOUNT × (PCOUNT + NAXIS1 × NAXIS2 × …), the formula of FITS 4.0 §3.1 and §6.1.
fn data_size(bitpix: i64, axes: &[u64], kind: Kind, heap: u64, count: u64) -> Option<u64> {
    let axes = if kind == Kind::Groups {
        axes.get(1..)?
    } else {
        axes
    };
    if axes.is_empty() {
        return Some(0);
    }
    let values = axes
        .iter()
        .try_fold(1_u64, |product, &axis| product.checked_mul(axis))?;
    let bytes = bitpix.unsigned_abs().checked_div(8)?;
    values
        .checked_add(heap)?
        .checked_mul(count)?
        .checked_mul(bytes)
}

/// An error that shows the card as it stands.
pub(super) fn bad_card(header: &Header<'_>, keyword: &str, expected: &str) -> Error {
    match header.card(keyword) {
        Some(card) => Error::format(
            card.at,
            format!(
                "{keyword} must be {expected}, found `{}`",
                ascii(header.record_at(card.at)).trim_end()
            ),
        ),
        None => Error::format(
            header.at(),
            format!("the header has no {keyword} card; expected {expected}"),
        ),
    }
}

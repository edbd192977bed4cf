//! The table of a compressed image: where each tile lies, and what is said of it.

use crate::fits::{Column, Hdu, Header, Table};
use crate::{Bytes, Error, Result};

/// The numbers of a cell, or what its elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Unsigned bytes.
    Byte,
    /// Integers of 16, 32 or 64 bits.
    Integer(usize),
    /// Floats of 32 or 64 bits.
    Float(usize),
}

impl Element {
    fn new(letter: char) -> Option<Self> {
        match letter {
            'B' => Some(Self::Byte),
            'I' => Some(Self::Integer(2)),
            'J' => Some(Self::Integer(4)),
            'K' => Some(Self::Integer(8)),
            'E' => Some(Self::Float(4)),
            'D' => Some(Self::Float(8)),
            _ => None,
        }
    }

    /// The bytes of one.
    pub fn width(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Integer(width) | Self::Float(width) => width,
        }
    }
}

/// A column of descriptors.
#[derive(Debug, Clone, Copy)]
struct Lists {
    offset: usize,
    /// The bytes of a descriptor: 8 for `P`, 16 for `Q`.
    width: usize,
    element: Element,
}

/// A number of each tile: the same for all, or a column.
#[derive(Debug, Clone, Copy)]
enum Number {
    Same(f64),
    Column(usize, Element),
}

/// The columns that count.
#[derive(Debug)]
pub struct Columns {
    row: usize,
    rows: usize,
    heap_at: u64,
    packed: Option<Lists>,
    gzip: Option<Lists>,
    plain: Option<Lists>,
    scale: Option<Number>,
    zero: Option<Number>,
    blank: Option<Number>,
}

/// The bytes of a tile, and in which column they are named.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// Byte of the file.
    pub at: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// What they are.
    pub form: Form,
}

/// What the bytes of a tile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Packed by the codec of the image.
    Packed,
    /// Values that could not be quantised, as a gzip file.
    Gzip,
    /// Values as they are.
    Plain(Element),
}

/// What the row of a tile says of its values.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// `ZSCALE` and `ZZERO`.
    pub scaling: Option<(f64, f64)>,
    /// `ZBLANK`.
    pub blank: Option<i64>,
}

impl Columns {
    /// Whether the table has a column of this name.
    pub fn has(hdu: &Hdu, header: &Header<'_>, name: &str) -> bool {
        let table = Table::read(hdu, header);
        table.is_ok_and(|table| find(&table, name).is_some())
    }

    /// Finds the columns.
    pub fn read(hdu: &Hdu, header: &Header<'_>) -> Result<Self> {
        let table = Table::read(hdu, header)?;
        if find(&table, "NULL_PIXEL_MASK").is_some() {
            let message = "masks of undefined pixels (NULL_PIXEL_MASK) are not read";
            return Err(Error::unsupported(hdu.at, message));
        }
        let lists = |name: &str| match find(&table, name) {
            None => Ok(None),
            Some(column) => lists(column).map(Some).ok_or_else(|| {
                let message =
                    format!("the column {name} must hold variable-length arrays (P or Q)");
                Error::format(hdu.at, message)
            }),
        };
        let number = |name: &str| match find(&table, name) {
            None => Ok(header.number(name).map(Number::Same)),
            Some(column) => number(column).map(Some).ok_or_else(|| {
                Error::format(
                    hdu.at,
                    format!("the column {name} must hold one number a row"),
                )
            }),
        };
        let size = table.row.saturating_mul(table.rows);
        let heap = match header.card("THEAP") {
            None => size,
            Some(_) => header.required("THEAP")?,
        };
        let cannot = |_| Error::format(hdu.at, "the table is larger than memory can be");
        Ok(Self {
            row: usize::try_from(table.row).map_err(cannot)?,
            rows: usize::try_from(table.rows).map_err(cannot)?,
            heap_at: hdu.data_at.saturating_add(heap),
            packed: lists("COMPRESSED_DATA")?,
            gzip: lists("GZIP_COMPRESSED_DATA")?,
            plain: lists("UNCOMPRESSED_DATA")?,
            scale: number("ZSCALE")?,
            zero: number("ZZERO")?,
            blank: match find(&table, "ZBLANK") {
                None => None,
                Some(_) => number("ZBLANK")?,
            },
        })
    }

    /// Whether floats are stored as scaled integers.
    pub fn quantized(&self) -> bool {
        self.scale.is_some()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where the bytes of a tile lie; `bytes` is the file and `hdu` that of the image.
    pub fn packed<'a, B: Bytes + ?Sized>(
        &self,
        bytes: &'a B,
        hdu: &Hdu,
        tile: usize,
    ) -> Result<Packed<'a>> {
        let columns = [
            (self.packed, None),
            (self.gzip, Some(Form::Gzip)),
            (self.plain, None),
        ];
        let row_at = self.row_at(hdu, tile);
        for (place, (lists, form)) in columns.into_iter().enumerate() {
            let Some(lists) = lists else { continue };
            let at = row_at.saturating_add(lists.offset as u64);
            let (count, offset) = descriptor(bytes, at, lists.width)
                .ok_or_else(|| Error::truncated(at, "the file ends within the table of tiles"))?;
            if count == 0 {
                continue;
            }
            let form = form.unwrap_or(match place {
                0 => Form::Packed,
                _ => Form::Plain(lists.element),
            });
            return self.heap(bytes, hdu, at, (count, offset), lists.element, form);
        }
        let message = "the row names no data in any of its columns, expected those of the tile";
        Err(Error::format(row_at, message))
    }

    fn heap<'a, B: Bytes + ?Sized>(
        &self,
        bytes: &'a B,
        hdu: &Hdu,
        named_at: u64,
        (count, offset): (u64, u64),
        element: Element,
        form: Form,
    ) -> Result<Packed<'a>> {
        let end = hdu.data_at.saturating_add(hdu.data_len);
        let found = || {
            let at = self.heap_at.checked_add(offset)?;
            let length = count.checked_mul(element.width() as u64)?;
            if at.checked_add(length)? > end {
                return None;
            }
            Some((at, bytes.get(at, length)?))
        };
        let Some((at, bytes)) = found() else {
            let heap = end.saturating_sub(self.heap_at);
            let message = format!(
                "the data of the tile are {count} items from byte {offset} of the heap, which has \
                 {heap} bytes"
            );
            return Err(if hdu.is_cut() {
                Error::truncated(named_at, message)
            } else {
                Error::format(named_at, message)
            });
        };
        Ok(Packed { at, bytes, form })
    }

    fn row_at(&self, hdu: &Hdu, tile: usize) -> u64 {
        let offset = (tile as u64).saturating_mul(self.row as u64);
        hdu.data_at.saturating_add(offset)
    }

    /// What the row of a tile says of its values.
    pub fn facts<B: Bytes + ?Sized>(&self, bytes: &B, hdu: &Hdu, tile: usize) -> Facts {
        let row_at = self.row_at(hdu, tile);
        let value = |number: Option<Number>| match number? {
            Number::Same(value) => Some(value),
            Number::Column(offset, element) => cell(bytes, row_at, offset, element),
        };
        let scaling = value(self.scale).map(|scale| (scale, value(self.zero).unwrap_or(0.0)));
        let blank = match self.blank {
            Some(Number::Column(offset, element)) => integer(bytes, row_at, offset, element),
            _ => None,
        };
        Facts { scaling, blank }
    }
}

fn find<'a>(table: &'a Table, name: &str) -> Option<&'a Column> {
    let mut columns = table.columns.iter();
    columns.find(|column| column.name.eq_ignore_ascii_case(name))
}

fn lists(column: &Column) -> Option<Lists> {
    let width = match (column.code, column.repeat) {
        ('P', 1) => 8,
        ('Q', 1) => 16,
        _ => return None,
    };
    Some(Lists {
        offset: usize::try_from(column.offset).ok()?,
        width,
        element: Element::new(column.detail.chars().next()?.to_ascii_uppercase())?,
    })
}

fn number(column: &Column) -> Option<Number> {
    let offset = usize::try_from(column.offset).ok()?;
    let element = Element::new(column.code)?;
    (column.repeat == 1).then_some(Number::Column(offset, element))
}

/// The `length` bytes at byte `at` of the file.
fn bytes_at<B: Bytes + ?Sized>(bytes: &B, at: u64, length: usize) -> Option<&[u8]> {
    bytes.get(at, length as u64)
}

/// The number of elements and their place in the heap.
fn descriptor<B: Bytes + ?Sized>(bytes: &B, at: u64, width: usize) -> Option<(u64, u64)> {
    // They are signed (FITS 4.0 §7.3.5); as unsigned numbers negative ones lie beyond every heap.
    let cell = bytes_at(bytes, at, width)?;
    let half = width >> 1;
    let number = |bytes: &[u8]| {
        let digits = bytes.iter().take(half);
        digits.fold(0_u64, |number, &byte| (number << 8) | u64::from(byte))
    };
    Some((number(cell), number(cell.get(half..)?)))
}

fn integer<B: Bytes + ?Sized>(
    bytes: &B,
    row_at: u64,
    offset: usize,
    element: Element,
) -> Option<i64> {
    let cell = bytes_at(bytes, row_at.checked_add(offset as u64)?, element.width())?;
    match element {
        Element::Byte => cell.first().map(|&byte| i64::from(byte)),
        Element::Integer(2) => Some(i64::from(i16::from_be_bytes(*cell.first_chunk()?))),
        Element::Integer(4) => Some(i64::from(i32::from_be_bytes(*cell.first_chunk()?))),
        Element::Integer(_) => Some(i64::from_be_bytes(*cell.first_chunk()?)),
        Element::Float(_) => None,
    }
}

fn cell<B: Bytes + ?Sized>(bytes: &B, row_at: u64, offset: usize, element: Element) -> Option<f64> {
    let float = bytes_at(bytes, row_at.checked_add(offset as u64)?, element.width())?;
    match element {
        Element::Float(4) => Some(f64::from(f32::from_be_bytes(*float.first_chunk()?))),
        Element::Float(_) => Some(f64::from_be_bytes(*float.first_chunk()?)),
        #[expect(clippy::cast_precision_loss, reason = "a scale is a double")]
        _ => integer(bytes, row_at, offset, element).map(|number| number as f64),
    }
}

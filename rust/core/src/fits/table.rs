//! A binary table: its columns and where each lies in a row.

use super::card::{Value, read_card};
use super::{CARD, Hdu, Header};
use crate::{Error, Result};

/// One column of a binary table (FITS 4.0 §7.3.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// TTYPE without outer blanks; empty where missing.
    pub name: String,
    /// The letter of TFORM: L X B I J K A E D C M P Q.
    pub code: char,
    /// The repeat count of TFORM.
    pub repeat: u64,
    /// Byte within the row.
    pub offset: u64,
    /// Bytes within the row.
    pub width: u64,
    /// The rest of TFORM after the letter, such as `E(30)` of `1PE(30)`.
    pub detail: String,
    /// TDIM in file order, empty where missing: the first varies fastest.
    pub dims: Vec<u64>,
    /// TUNIT.
    pub unit: Option<String>,
    /// TSCAL, 1 where missing.
    pub scale: f64,
    /// TZERO, 0 where missing.
    pub zero: f64,
    /// TNULL.
    pub null: Option<i64>,
}

/// The layout of a binary table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Bytes of one row, NAXIS1.
    pub row: u64,
    /// Number of rows, NAXIS2.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Reads the table keywords of an HDU; the columns must fill the row exactly.
    pub fn read(hdu: &Hdu, header: &Header<'_>) -> Result<Self> {
        let (Some(&row), Some(&rows)) = (hdu.axes.first(), hdu.axes.get(1)) else {
            return Err(Error::format(hdu.at, "a table must have NAXIS = 2"));
        };
        let fields = header.required("TFIELDS")?;
        if fields > 999 {
            return Err(Error::format(
                hdu.at,
                format!("TFIELDS must be at most 999, found {fields}"),
            ));
        }
        let mut columns = vec![
            Column {
                scale: 1.0,
                ..Column::default()
            };
            usize::try_from(fields).unwrap_or(0)
        ];
        read_cards(header, &mut columns);
        let mut offset = 0_u64;
        for (place, column) in columns.iter_mut().enumerate() {
            let number = place.saturating_add(1);
            column.width = width(column).ok_or_else(|| {
                Error::format(
                    header
                        .card(&format!("TFORM{number}"))
                        .map_or(hdu.at, |card| card.at),
                    format!("TFORM{number} must be a repeat count and one of LXBIJKAEDCMPQ"),
                )
            })?;
            column.offset = offset;
            offset = offset.saturating_add(column.width);
        }
        if offset == row {
            Ok(Self { row, rows, columns })
        } else {
            Err(Error::format(
                hdu.at,
                format!("NAXIS1 is {row}, but the columns take {offset} bytes"),
            ))
        }
    }
}

/// Takes the column keywords out of a header in one pass, so that wide tables stay linear.
fn read_cards(header: &Header<'_>, columns: &mut [Column]) {
    let mut at = header.at();
    let mut rest = header.bytes();
    while let Some(record) = rest.get(..CARD) {
        if let Some((stem, column)) = column_of(record, columns)
            && let Some(card) = read_card(rest, at)
        {
            set(column, stem, &card.value);
        }
        rest = rest.get(CARD..).unwrap_or_default();
        at = at.saturating_add(CARD as u64);
    }
}

/// The stem of an indexed keyword and the column it speaks of: `TTYPE12` -> (`TTYPE`, column 12).
fn column_of<'c, 'r>(
    record: &'r [u8],
    columns: &'c mut [Column],
) -> Option<(&'r [u8], &'c mut Column)> {
    let name = record.get(..8)?.trim_ascii_end();
    if name.first() != Some(&b'T') {
        return None;
    }
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (stem, number) = name.split_at_checked(name.len().checked_sub(digits)?)?;
    let number: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((stem, columns.get_mut(number.checked_sub(1)?)?))
}

fn set(column: &mut Column, stem: &[u8], value: &Value<'_>) {
    match (stem, value) {
        (b"TTYPE", Value::Text(text)) => text.trim().clone_into(&mut column.name),
        (b"TUNIT", Value::Text(text)) => column.unit = Some(text.to_string()),
        (b"TFORM", Value::Text(text)) => {
            let text = text.trim();
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (repeat, rest) = text.split_at_checked(digits).unwrap_or(("", text));
            let mut letters = rest.chars();
            column.code = letters
                .next()
                .map_or('\0', |letter| letter.to_ascii_uppercase());
            letters.as_str().clone_into(&mut column.detail);
            column.repeat = if repeat.is_empty() {
                1
            } else {
                repeat.parse().unwrap_or(u64::MAX)
            };
        }
        (b"TDIM", Value::Text(text)) => {
            let inside = text.trim().trim_start_matches('(').trim_end_matches(')');
            let dims: Option<Vec<u64>> = inside.split(',').map(|d| d.trim().parse().ok()).collect();
            column.dims = dims.unwrap_or_default();
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "TSCAL and TZERO are doubles; 2^63 is exact"
        )]
        (b"TSCAL", Value::Integer(number)) => column.scale = *number as f64,
        (b"TSCAL", Value::Float(number)) => column.scale = *number,
        #[expect(
            clippy::cast_precision_loss,
            reason = "TSCAL and TZERO are doubles; 2^63 is exact"
        )]
        (b"TZERO", Value::Integer(number)) => column.zero = *number as f64,
        (b"TZERO", Value::Float(number)) => column.zero = *number,
        (b"TZERO", Value::BigInteger(number)) => column.zero = number.parse().unwrap_or(0.0),
        (b"TNULL", Value::Integer(number)) => column.null = Some(*number),
        _ => {}
    }
}

/// Bytes that a column takes in a row (FITS 4.0 table 18).
fn width(column: &Column) -> Option<u64> {
    let unit = match column.code {
        'L' | 'B' | 'A' => 1,
        'I' => 2,
        'J' | 'E' => 4,
        'K' | 'D' | 'C' | 'P' => 8,
        'M' | 'Q' => 16,
        'X' => return Some(column.repeat.div_ceil(8)),
        _ => return None,
    };
    column.repeat.checked_mul(unit)
}

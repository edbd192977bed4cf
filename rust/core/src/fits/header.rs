//! A header: cards up to END, in whole blocks.

use std::borrow::Cow;

use super::card::{Card, Value, ascii, is_end, read_card};
use super::{BLOCK, CARD};
use crate::{Bytes, Error, Result};

/// The bytes of one header, from its first card up to the end of the block that holds END.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl<'a> Header<'a> {
    /// Finds the END card of the header at `at` of `file`.
    ///
    /// The header is what the file holds up to the next block boundary after END (FITS 4.0 §3.3.1).
    pub fn read<B: Bytes + ?Sized>(file: &'a B, at: u64) -> Result<Self> {
        let rest = file.tail(at);
        let mut place = 0_u64;
        for record in rest.chunks_exact(CARD) {
            if is_end(record) {
                let end = usize::try_from(place.saturating_add(1).next_multiple_of(BLOCK))
                    .unwrap_or(rest.len());
                let bytes = rest.get(..end.min(rest.len())).unwrap_or(rest);
                return Ok(Self { bytes, at });
            }
            place = place.saturating_add(CARD as u64);
        }
        let end = at.saturating_add(rest.len() as u64);
        Err(Error::truncated(
            end,
            format!("the header that starts at byte {at} has no END card"),
        ))
    }

    /// A view of bytes that [`Header::read`] has measured before.
    pub fn from_bytes(bytes: &'a [u8], at: u64) -> Self {
        Self { bytes, at }
    }

    /// The raw bytes, padding included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Byte of the file at which the header starts.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The 80-byte records before END.
    pub fn records(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes
            .chunks_exact(CARD)
            .take_while(|record| !is_end(record))
    }

    /// The cards before END, CONTINUE records joined to the card they continue.
    pub fn cards(&self) -> Cards<'a> {
        Cards {
            rest: self.bytes,
            at: self.at,
        }
    }

    /// The first card whose keyword is `keyword`, at most 8 letters in upper case.
    pub fn card(&self, keyword: &str) -> Option<Card<'a>> {
        let mut wanted = [b' '; 8];
        wanted
            .get_mut(..keyword.len())?
            .copy_from_slice(keyword.as_bytes());
        let initial = wanted.first()?.to_ascii_lowercase();
        for (place, record) in self.bytes.chunks_exact(CARD).enumerate() {
            let name = record.first_chunk::<8>()?;
            // One comparison of eight bytes decides nearly every record; few keywords are in lower case.
            let found = *name == wanted
                || (name
                    .first()
                    .is_some_and(|b| b.to_ascii_lowercase() == initial)
                    && name.eq_ignore_ascii_case(&wanted));
            if found {
                let start = place.checked_mul(CARD)?;
                return read_card(self.bytes.get(start..)?, self.at.checked_add(start as u64)?);
            }
            if is_end(record) {
                return None;
            }
        }
        None
    }

    /// The texts of the commentary cards with `keyword`, one for each card (FITS 4.0 §4.4.2.4).
    pub fn commentary(&self, keyword: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let name: Vec<u8> = format!("{keyword:<8}").into_bytes();
        self.records().filter_map(move |record| {
            Some(ascii(
                record.strip_prefix(name.as_slice())?.trim_ascii_end(),
            ))
        })
    }

    /// The value of the first card with `keyword`; `Undefined` also where there is no such card.
    pub fn value(&self, keyword: &str) -> Value<'a> {
        self.card(keyword)
            .map_or(Value::Undefined, |card| card.value)
    }

    /// The integer value of `keyword`, where it has one.
    pub fn integer(&self, keyword: &str) -> Option<i64> {
        match self.value(keyword) {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// The value of `keyword` as a float, where it is a number.
    pub fn number(&self, keyword: &str) -> Option<f64> {
        match self.value(keyword) {
            #[expect(clippy::cast_precision_loss, reason = "BSCALE and its kin are doubles")]
            Value::Integer(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            // BZERO of unsigned 64-bit integers is 2^63, one more than the largest integer.
            Value::BigInteger(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The string value of `keyword`, where it has one.
    pub fn text(&self, keyword: &str) -> Option<String> {
        match self.value(keyword) {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    /// The non-negative integer that `keyword` must have, or an error that shows what stands there.
    pub fn required(&self, keyword: &str) -> Result<u64> {
        let Some(card) = self.card(keyword) else {
            return Err(Error::format(
                self.at,
                format!("the header has no {keyword} card; an integer is required"),
            ));
        };
        match card.value {
            Value::Integer(number) if number >= 0 => Ok(number.unsigned_abs()),
            _ => Err(Error::format(
                card.at,
                format!(
                    "{keyword} must be an integer of at least 0, found `{}`",
                    ascii(self.record_at(card.at)).trim_end()
                ),
            )),
        }
    }

    /// The raw record at byte `at` of the file, for messages.
    pub fn record_at(&self, at: u64) -> &'a [u8] {
        let start = at
            .checked_sub(self.at)
            .and_then(|place| usize::try_from(place).ok());
        let rest = start
            .and_then(|start| self.bytes.get(start..))
            .unwrap_or_default();
        rest.get(..CARD).unwrap_or(rest)
    }
}

/// The cards of a header, in order.
#[derive(Debug, Clone)]
pub struct Cards<'a> {
    rest: &'a [u8],
    at: u64,
}

impl<'a> Cards<'a> {
    /// The bytes from the next card on.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Passes over one record, which is a whole card.
    pub fn skip_record(&mut self) {
        self.rest = self.rest.get(CARD..).unwrap_or_default();
        self.at = self.at.saturating_add(CARD as u64);
    }
}

impl<'a> Iterator for Cards<'a> {
    type Item = Card<'a>;

    fn next(&mut self) -> Option<Card<'a>> {
        let card = read_card(self.rest, self.at)?;
        let length = card.records.saturating_mul(CARD);
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.at = self.at.saturating_add(length as u64);
        Some(card)
    }
}

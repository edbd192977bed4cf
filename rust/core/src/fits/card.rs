//! One card: keyword, value, comment.
//!
//! Values are read as leniently as astropy reads them (free format, blanks inside numbers, lower-case
//! exponents), because archives hold such cards; [`is_clean`] tells which cards need no leniency.

use std::borrow::Cow;

use super::CARD;

/// The value field of a card (FITS 4.0 §4.2).
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value: an empty value field, or a card without a value indicator.
    Undefined,
    /// `T` or `F`.
    Logical(bool),
    /// An integer that fits in 64 bits.
    Integer(i64),
    /// A longer integer, as decimal digits with an optional minus.
    BigInteger(String),
    /// A real number; D exponents are read as E.
    Float(f64),
    /// A pair of numbers in parentheses.
    Complex(f64, f64),
    /// A string with doubled quotes undone and trailing blanks removed.
    Text(Cow<'a, str>),
    /// A value field that follows no rule of the standard, as it stands.
    Invalid(Cow<'a, str>),
}

/// A logical card: a keyword record with the CONTINUE records that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Card<'a> {
    /// Byte of the file at which the card starts.
    pub at: u64,
    /// Upper-case keyword; the part after `HIERARCH` as written; empty for a blank keyword.
    pub keyword: Cow<'a, str>,
    /// The value; for commentary cards the text in bytes 9-80.
    pub value: Value<'a>,
    /// The bytes after the slash; few readers want them as text.
    comment: Cow<'a, [u8]>,
    /// How many 80-byte records the card takes: 1, or more with CONTINUE.
    pub records: usize,
}

impl Card<'_> {
    /// The comment after the slash, without trailing blanks.
    pub fn comment(&self) -> Cow<'_, str> {
        ascii(trim(&self.comment))
    }
}

/// Turns bytes into text: ASCII as it is, anything else as `?`, since FITS headers are ASCII.
pub fn ascii(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => bytes
            .iter()
            .map(|&b| if b.is_ascii() { char::from(b) } else { '?' })
            .collect(),
    }
}

/// Reads the card at the start of `rest`, with the CONTINUE records after it; `None` at END.
///
/// `rest` runs to the end of the header and `at` is its place in the file. `= ` in bytes 9-10 makes a
/// record a value card; any other record is commentary (FITS 4.0 §4.1.2).
pub fn read_card(rest: &[u8], at: u64) -> Option<Card<'_>> {
    let record = rest.get(..CARD)?;
    let name = record.get(..8)?;
    if is_end(record) {
        return None;
    }
    let tail = record.get(8..)?;
    let mut keyword = ascii(name.trim_ascii());
    if keyword.bytes().any(|b| b.is_ascii_lowercase()) {
        keyword = Cow::Owned(keyword.to_ascii_uppercase());
    }
    let commentary = |keyword| {
        let value = Value::Text(ascii(trim_end(tail)));
        Some(Card {
            at,
            keyword,
            value,
            comment: Cow::Borrowed(b""),
            records: 1,
        })
    };
    if matches!(keyword.as_ref(), "" | "COMMENT" | "HISTORY") {
        return commentary(keyword);
    }
    let field = if keyword == "CONTINUE" {
        tail
    } else if let Some((long, field)) = hierarch(record) {
        keyword = long;
        field
    } else if let Some(place) = indicator(record) {
        if place < 8 {
            keyword = ascii(record.get(..place)?.trim_ascii());
            keyword = Cow::Owned(keyword.to_ascii_uppercase());
        }
        record.get(place.saturating_add(2)..)?
    } else {
        return commentary(keyword);
    };
    let (value, comment) = read_value(field);
    let comment = Cow::Borrowed(comment);
    let card = Card {
        at,
        keyword,
        value,
        comment,
        records: 1,
    };
    Some(join_continue(card, rest))
}

/// `trim_ascii_start`, eight blanks at a time: half of a header is padding.
fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let Some((b"        ", rest)) = bytes.split_first_chunk::<8>() {
        bytes = rest;
    }
    bytes.trim_ascii_start()
}

/// `trim_ascii_end`, eight blanks at a time.
fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let Some((rest, b"        ")) = bytes.split_last_chunk::<8>() {
        bytes = rest;
    }
    bytes.trim_ascii_end()
}

fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Where the value indicator of a record starts, at byte 9 unless the keyword is cut short.
fn indicator(record: &[u8]) -> Option<usize> {
    let start = record.get(..10)?;
    start.windows(2).position(|pair| pair == b"= ")
}

/// Whether a record is the END record: `END`, then nothing that could be part of a keyword.
pub fn is_end(record: &[u8]) -> bool {
    // By pattern: a call to compare three bytes would take most of the search for the end of a header.
    match record {
        [b'E', b'N', b'D'] => true,
        [b'E', b'N', b'D', b, ..] => !matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'),
        _ => false,
    }
}

/// The keyword and the value field of a `HIERARCH name = value` record, a registered convention.
fn hierarch(record: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let rest = record.strip_prefix(b"HIERARCH ")?;
    let equals = memchr::memchr(b'=', rest)?;
    Some((
        ascii(rest.get(..equals)?.trim_ascii()),
        rest.get(equals.saturating_add(1)..)?,
    ))
}

/// Appends the CONTINUE records that follow a string ending in `&` (FITS 4.0 §4.2.1.2).
fn join_continue<'a>(mut card: Card<'a>, rest: &'a [u8]) -> Card<'a> {
    let mut records = rest.chunks_exact(CARD).skip(1);
    loop {
        let Value::Text(text) = &card.value else {
            return card;
        };
        let Some(record) = records.next().filter(|r| r.starts_with(b"CONTINUE")) else {
            return card;
        };
        let (Value::Text(more), comment) = read_value(record.get(8..).unwrap_or_default()) else {
            return card;
        };
        let mut joined = String::from(text.strip_suffix('&').unwrap_or(text));
        joined.push_str(&more);
        card.value = Value::Text(Cow::Owned(joined));
        let (before, comment) = (trim(&card.comment), trim(comment));
        if !comment.is_empty() && before.is_empty() {
            card.comment = Cow::Borrowed(comment);
        } else if !comment.is_empty() {
            card.comment = Cow::Owned([before, comment].join(&b' '));
        }
        card.records = card.records.saturating_add(1);
    }
}

/// Splits a value field into value and comment.
fn read_value(field: &[u8]) -> (Value<'_>, &[u8]) {
    let text = trim_start(field);
    if text.first() == Some(&b'\'') {
        return read_text(text);
    }
    let slash = memchr::memchr(b'/', text).unwrap_or(text.len());
    let (value, comment) = text.split_at_checked(slash).unwrap_or((text, b""));
    let comment = comment.strip_prefix(b"/").unwrap_or_default();
    let value = trim_end(value);
    let parsed = match value {
        b"" => Some(Value::Undefined),
        b"T" => Some(Value::Logical(true)),
        b"F" => Some(Value::Logical(false)),
        _ => read_complex(value).or_else(|| read_number(value)),
    };
    (
        parsed.unwrap_or_else(|| Value::Invalid(ascii(value))),
        comment,
    )
}

/// Reads a quoted string: `''` stands for one quote, trailing blanks do not count (FITS 4.0 §4.2.1.1).
fn read_text(field: &[u8]) -> (Value<'_>, &[u8]) {
    let Some(quoted) = split_quoted(field) else {
        return (Value::Invalid(ascii(field.trim_ascii_end())), b"");
    };
    let mut text = ascii(trim_end(quoted.inside));
    if quoted.doubled {
        text = Cow::Owned(text.replace("''", "'"));
    }
    (Value::Text(text), quoted.comment)
}

/// A quoted string and what follows it.
struct Quoted<'a> {
    inside: &'a [u8],
    /// Whether there is a doubled quote inside.
    doubled: bool,
    comment: &'a [u8],
}

/// Finds the closing quote; `None` if there is none, or something else than a comment follows it.
fn split_quoted(field: &[u8]) -> Option<Quoted<'_>> {
    let body = field.get(1..)?;
    let mut doubled = false;
    let mut place = 0_usize;
    let end = loop {
        let quote = memchr::memchr(b'\'', body.get(place..)?)?.checked_add(place)?;
        let next = quote.checked_add(1)?;
        if body.get(next) != Some(&b'\'') {
            break quote;
        }
        doubled = true;
        place = next.checked_add(1)?;
    };
    let (inside, after) = body.split_at_checked(end)?;
    let comment = match trim_start(after.get(1..)?) {
        [] => &[][..],
        [b'/', comment @ ..] => comment,
        _ => return None,
    };
    Some(Quoted {
        inside,
        doubled,
        comment,
    })
}

/// Reads `(real, imaginary)` (FITS 4.0 §4.2.5, §4.2.6).
fn read_complex(value: &[u8]) -> Option<Value<'_>> {
    let inside = value.strip_prefix(b"(")?.strip_suffix(b")")?;
    let comma = memchr::memchr(b',', inside)?;
    let part = |bytes: Option<&[u8]>| match read_number(bytes?.trim_ascii())? {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a complex value is a pair of doubles"
        )]
        Value::Integer(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    };
    Some(Value::Complex(
        part(inside.get(..comma))?,
        part(inside.get(comma.saturating_add(1)..))?,
    ))
}

/// Reads an integer or a real number; blanks between sign, digits and exponent are tolerated.
fn read_number(value: &[u8]) -> Option<Value<'_>> {
    let plain = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'E');
    let digits = if value.iter().all(plain) {
        ascii(value)
    } else {
        let mut digits = String::with_capacity(value.len());
        for &byte in value {
            match byte {
                b' ' => {}
                b'D' | b'd' | b'e' => digits.push('E'),
                _ if plain(&byte) => digits.push(char::from(byte)),
                _ => return None,
            }
        }
        Cow::Owned(digits)
    };
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Some(match digits.parse::<i64>() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::BigInteger(digits.trim_start_matches('+').to_owned()),
        });
    }
    // `parse` would also take "inf" and "nan", but no letter except E gets here.
    digits.parse::<f64>().ok().map(Value::Float)
}

/// Whether astropy renders the record exactly as it stands, so that its raw bytes can be hashed.
///
/// The rule is the fixed subset of FITS 4.0 §4: printable ASCII, an upper-case keyword, `= ` in bytes
/// 9-10 or no value, and a value that needs no repair (exponents in upper case, quotes closed).
pub fn is_clean(record: &[u8]) -> bool {
    // Without a branch, so that the compiler vectorises it; most time of the check goes here.
    let bad = record
        .iter()
        .fold(0_u8, |bad, b| bad | u8::from(!(b' '..=b'~').contains(b)));
    if bad != 0 {
        return false;
    }
    let (Some(name), Some(tail)) = (record.get(..8), record.get(8..)) else {
        return false;
    };
    if matches!(name, b"COMMENT " | b"HISTORY " | b"        ") {
        return true;
    }
    if name == b"HIERARCH" {
        let Some((_, field)) = hierarch(record) else {
            return false;
        };
        return clean_value(field);
    }
    let stem = name.trim_ascii_end();
    if !stem
        .iter()
        .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'))
    {
        return false;
    }
    if stem == b"CONTINUE" {
        return tail.starts_with(b"  '") && clean_value(tail);
    }
    match tail.strip_prefix(b"= ") {
        Some(field) => clean_value(field),
        // No value indicator anywhere near: commentary, which is never touched.
        None => memchr::memmem::find(record, b"= ").is_none_or(|place| place > 8),
    }
}

/// Whether a value field follows the grammar without any repair.
fn clean_value(field: &[u8]) -> bool {
    let text = field.trim_ascii_start();
    match text.first() {
        Some(b'\'') => split_quoted(text).is_some(),
        Some(b'T' | b'F') => text
            .get(1..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first()
            .is_none_or(|&b| b == b'/'),
        Some(b'/') | None => true,
        Some(b'(') => {
            let end = memchr::memchr(b'/', text).unwrap_or(text.len());
            let value = text.get(..end).unwrap_or_default().trim_ascii_end();
            let Some(inside) = value.strip_prefix(b"(").and_then(|v| v.strip_suffix(b")")) else {
                return false;
            };
            let mut parts = inside.split(|&b| b == b',');
            let (real, imaginary, more) = (parts.next(), parts.next(), parts.next());
            more.is_none()
                && [real, imaginary]
                    .iter()
                    .all(|part| part.is_some_and(|p| clean_number(p.trim_ascii())))
        }
        Some(_) => {
            let end = memchr::memchr(b'/', text).unwrap_or(text.len());
            clean_number(text.get(..end).unwrap_or_default().trim_ascii_end())
        }
    }
}

/// Whether bytes are `[+-] digits [. digits] [E|D [+-] digits]` with no blank and no lower case.
pub(super) fn clean_number(value: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let unsigned = value
        .strip_prefix(b"+")
        .or(value.strip_prefix(b"-"))
        .unwrap_or(value);
    let whole = digits(unsigned);
    let mut rest = unsigned.get(whole..).unwrap_or_default();
    let mut count = whole;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        count = count.saturating_add(length);
        rest = fraction.get(length..).unwrap_or_default();
    }
    if count == 0 {
        return false;
    }
    let Some((b'E' | b'D', exponent)) = rest.split_first() else {
        return rest.is_empty();
    };
    let exponent = exponent
        .strip_prefix(b"+")
        .or(exponent.strip_prefix(b"-"))
        .unwrap_or(exponent);
    !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[&str]) -> Vec<u8> {
        lines
            .iter()
            .flat_map(|line| format!("{line:<80}").into_bytes())
            .collect()
    }

    fn value(line: &str) -> Value<'static> {
        let bytes = records(&[line]);
        match read_card(&bytes, 0).unwrap().value {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Invalid(text) => Value::Invalid(Cow::Owned(text.into_owned())),
            Value::Undefined => Value::Undefined,
            Value::Logical(v) => Value::Logical(v),
            Value::Integer(v) => Value::Integer(v),
            Value::BigInteger(v) => Value::BigInteger(v),
            Value::Float(v) => Value::Float(v),
            Value::Complex(a, b) => Value::Complex(a, b),
        }
    }

    #[test]
    fn every_value_form_of_the_standard_is_read() {
        assert_eq!(
            value("A       =                    T / yes"),
            Value::Logical(true)
        );
        assert_eq!(value("A       = F"), Value::Logical(false));
        assert_eq!(value("A       =                  -42"), Value::Integer(-42));
        assert_eq!(value("A       = 0012"), Value::Integer(12));
        assert_eq!(
            value("A       = 123456789012345678901234567890"),
            Value::BigInteger("123456789012345678901234567890".into())
        );
        assert_eq!(value("A       = 1.5D3"), Value::Float(1500.0));
        assert_eq!(value("A       = -.5"), Value::Float(-0.5));
        assert_eq!(value("A       = 1.E-05 / c"), Value::Float(1e-5));
        assert_eq!(value("A       = (1.5, -2)"), Value::Complex(1.5, -2.0));
        assert_eq!(value("A       ="), Value::Undefined);
        assert_eq!(value("A       = / only a comment"), Value::Undefined);
        assert_eq!(
            value("A       = 'it''s    ' / x"),
            Value::Text("it's".into())
        );
        assert_eq!(value("A       = ''"), Value::Text("".into()));
        assert_eq!(
            value("A       = 'a/b' / slash inside"),
            Value::Text("a/b".into())
        );
        assert_eq!(
            value("HISTORY some words"),
            Value::Text("some words".into())
        );
    }

    #[test]
    fn lenient_forms_are_read_but_not_clean() {
        for (line, expected) in [
            ("A       = 1.0e5", Value::Float(1e5)),
            ("FOO  = 3", Value::Integer(3)),
            ("a       = 3", Value::Integer(3)),
            ("A       = - 3", Value::Integer(-3)),
        ] {
            assert_eq!(value(line), expected, "{line}");
            assert!(!is_clean(&records(&[line])), "{line}");
        }
        for line in [
            "A       = NaN",
            "A       = 'open",
            "A       = 'a' b",
            "A       = 1 2 x",
        ] {
            assert!(matches!(value(line), Value::Invalid(_)), "{line}");
            assert!(!is_clean(&records(&[line])), "{line}");
        }
    }

    #[test]
    fn legal_free_format_is_clean() {
        for line in [
            "A       = T",
            "A       = 1.0E5 / c",
            "A       = 0012",
            "A       = +1",
            "A       = 1.0D5",
            "A       = (1,2)",
            "A       =",
            "A       = 'it''s'",
            "COMMENT = 1 'x",
            "NOVALUE here",
        ] {
            assert!(is_clean(&records(&[line])), "{line}");
        }
    }

    #[test]
    fn continue_records_are_joined_with_their_comments() {
        let bytes = records(&[
            "A       = 'one &' / first",
            "CONTINUE  'two&'",
            "CONTINUE  ' three' / last",
            "B       = 1",
        ]);
        let card = read_card(&bytes, 0).unwrap();
        assert_eq!(card.value, Value::Text("one two three".into()));
        assert_eq!(card.comment(), "first last");
        assert_eq!(card.records, 3);
    }

    #[test]
    fn hierarch_keywords_keep_their_case_and_blanks() {
        let bytes = records(&["HIERARCH ESO tel Focu = 12.5 / mm"]);
        let card = read_card(&bytes, 0).unwrap();
        assert_eq!(
            (card.keyword.as_ref(), card.value),
            ("ESO tel Focu", Value::Float(12.5))
        );
    }

    #[test]
    fn end_is_not_a_card() {
        assert!(read_card(&records(&["END"]), 0).is_none());
        assert_eq!(
            read_card(&records(&["ENDTIME = 1"]), 0).unwrap().keyword,
            "ENDTIME"
        );
    }
}

//! Cards as text: keyword, value and comment to records of 80 bytes, as astropy spells them.
//!
//! ```text
//! 1       9 11                30 32                                            80
//! EXPTIME =             1234.567 / [s] effective exposure time                       a number ends in byte 30
//! FILTER  = 'F200W   '           / filter                                            8 letters at least
//! TITLE   = 'a text of more than 68 bytes goes on in the next &'                     FITS 4.0 §4.2.1.2
//! CONTINUE  'record&'
//! CONTINUE  '' / and its comment follows in records of its own
//! HIERARCH long keyword = 1 / the registered HIERARCH convention
//! HISTORY a text of any length, 72 bytes a record                                    FITS 4.0 §4.4.2.4
//! ```
//!
//! A product proves by a hash over the text of its headers that they are those its tree was written
//! with, and every reader renders with astropy; so what is rendered here is what astropy renders, byte
//! for byte, its odd cases included: a text such as `AXIS.1: 2` is one of Paper IV's record-valued
//! cards and stands without padding. There are three exceptions, all where astropy's record would be
//! wrong: a doubled quote is never cut in two by the end of a record, a value or a keyword that does
//! not fit is refused instead of cut, and so is a NaN within a complex number.

use std::borrow::Cow;

use super::card::{self, clean_number};
use super::{BLOCK, CARD};
use crate::{Error, ErrorKind, Result};

/// The letters of a keyword (FITS 4.0 §4.1.2.1).
const KEYWORD: usize = 8;

/// The bytes of a number with the blanks before it: it ends in byte 30 (FITS 4.0 §4.2.3).
const NUMBER: usize = 20;

/// The bytes of a long text in one record, between the quotes and without the `&`.
const TEXT: usize = 67;

/// The bytes of a long comment in one record, after `CONTINUE  '&' / `.
const COMMENT: usize = 64;

/// The value of a card that is to be rendered, numbers by their text as Python's `str` gives it.
///
/// A number comes as text because a float32 has fewer digits than the double that equals it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Undefined,
    /// `T` or `F`.
    Logical(bool),
    /// Digits with an optional minus.
    Integer(Cow<'a, str>),
    /// A real number, such as `1.5` or `1e-07`.
    Real(Cow<'a, str>),
    /// The real and the imaginary part of a complex number.
    Complex(Cow<'a, str>, Cow<'a, str>),
    /// A text, with quotes as they are.
    Text(Cow<'a, str>),
}

impl Value<'_> {
    /// A double by the fewest digits that read back as it, as Python's `repr` spells them.
    pub fn real(number: f64) -> Self {
        Self::Real(Cow::Owned(python_float(number)))
    }

    /// A pair of doubles.
    pub fn complex(real: f64, imaginary: f64) -> Self {
        let text = |number| Cow::Owned(python_float(number));
        Self::Complex(text(real), text(imaginary))
    }
}

impl<'a> From<&'a card::Value<'_>> for Value<'a> {
    /// The value of a card that was read; what follows no rule there is refused when it is rendered.
    fn from(value: &'a card::Value<'_>) -> Self {
        match value {
            card::Value::Undefined => Self::Undefined,
            card::Value::Logical(flag) => Self::Logical(*flag),
            card::Value::Integer(number) => Self::Integer(Cow::Owned(number.to_string())),
            card::Value::BigInteger(digits) => Self::Integer(Cow::Borrowed(digits)),
            card::Value::Float(number) => Self::real(*number),
            card::Value::Complex(real, imaginary) => Self::complex(*real, *imaginary),
            card::Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            card::Value::Invalid(text) => Self::Real(Cow::Borrowed(text)),
        }
    }
}

/// Appends one card: one record, or several for long texts.
///
/// ```
/// use asdfits_core::fits::render::{Value, render_card};
///
/// let mut header = Vec::new();
/// render_card(&mut header, "EXPTIME", &Value::real(2.5), "[s] time")?;
/// assert!(header.starts_with(b"EXPTIME =                  2.5 / [s] time   "));
/// assert_eq!(header.len(), 80);
/// # Ok::<(), asdfits_core::Error>(())
/// ```
pub fn render_card(
    out: &mut Vec<u8>,
    keyword: &str,
    value: &Value<'_>,
    comment: &str,
) -> Result<()> {
    let refuse = |reason: String| Err(refused(keyword, value, &reason));
    if let Err(reason) = check(keyword, value, comment) {
        return refuse(reason);
    }
    match Name::read(keyword, value) {
        Ok(Name::Commentary(name)) => {
            commentary(out, &name, &as_text(value));
            Ok(())
        }
        Ok(name) => match name.render(out, value, comment) {
            Ok(()) => Ok(()),
            Err(reason) => refuse(reason),
        },
        Err(reason) => refuse(reason),
    }
}

/// Appends the END card and blanks up to a whole block (FITS 4.0 §3.3.1, §4.4.1).
pub fn render_end(out: &mut Vec<u8>) {
    record(out, "END");
    let length = usize::try_from(BLOCK).unwrap_or(1);
    out.resize(out.len().next_multiple_of(length), b' ');
}

/// How messages show a card that cannot be rendered.
fn refused(keyword: &str, value: &Value<'_>, reason: &str) -> Error {
    let shown = match value {
        Value::Text(text) => format!("{text:?}"),
        _ => as_text(value).into_owned(),
    };
    Error {
        kind: ErrorKind::Format,
        at: None,
        hdu: None,
        errno: None,
        message: format!("{keyword} = {shown} cannot be a card of a FITS header: {reason}"),
    }
}

/// What no card can hold, whatever its keyword.
fn check(keyword: &str, value: &Value<'_>, comment: &str) -> std::result::Result<(), String> {
    let number = |text: &str| match text.trim_start_matches('-') {
        "nan" | "inf" => Err("FITS has no NaN and no infinity in headers".to_owned()),
        _ if clean_number(text.to_ascii_uppercase().as_bytes()) => Ok(()),
        _ => Err("that is no number".to_owned()),
    };
    match value {
        Value::Integer(text) | Value::Real(text) => number(text)?,
        Value::Complex(real, imaginary) => number(real).and_then(|()| number(imaginary))?,
        _ => {}
    }
    let text = match value {
        Value::Text(text) => text.as_ref(),
        _ => "",
    };
    for (what, text) in [("keyword", keyword), ("value", text), ("comment", comment)] {
        if let Some(letter) = text.chars().find(|letter| !matches!(letter, ' '..='~')) {
            return Err(format!(
                "the {what} has {letter:?} (U+{:04X}), a header is printable ASCII",
                u32::from(letter)
            ));
        }
    }
    Ok(())
}

/// How the keyword stands in the record, and with it the form of the card.
#[derive(Debug, PartialEq)]
enum Name {
    /// `COMMENT`, `HISTORY` or blank: text without a value.
    Commentary(String),
    /// Up to 8 letters of the standard.
    Standard(String),
    /// Anything else, after `HIERARCH`.
    Hierarch(String),
    /// A keyword and the field that stands within its text: `DP1`, `AXIS.1` (WCS Paper IV).
    Record(String, String),
}

impl Name {
    /// Sorts a keyword as astropy does.
    fn read(keyword: &str, value: &Value<'_>) -> std::result::Result<Self, String> {
        if let Some(name) = Self::record_valued(keyword, value)? {
            return Ok(name);
        }
        let keyword = keyword.trim_ascii_end();
        let upper = keyword.to_ascii_uppercase();
        if matches!(upper.as_str(), "" | "COMMENT" | "HISTORY") {
            return Ok(Self::Commentary(upper));
        }
        if is_standard(&upper) {
            return match upper.as_str() {
                "END" => Err("END closes a header".into()),
                _ => Ok(Self::Standard(upper)),
            };
        }
        if keyword.contains('=') {
            return Err("a keyword has no `=`".into());
        }
        let long = match upper.strip_prefix("HIERARCH ") {
            Some(_) => keyword.get(9..).unwrap_or_default().trim_ascii(),
            None => keyword,
        };
        match long {
            "" | "COMMENT" | "HISTORY" | "END" => {
                Err(format!("HIERARCH {long} has a meaning of its own"))
            }
            _ => Ok(Self::Hierarch(long.to_owned())),
        }
    }

    /// A record-valued card: `DP1` with the text `AXIS.1: 2`, or `DP1.AXIS.1` with the number 2.
    fn record_valued(
        keyword: &str,
        value: &Value<'_>,
    ) -> std::result::Result<Option<Self>, String> {
        let (keyword, field) = match value {
            Value::Text(text) if is_standard(keyword) => match record_field(text) {
                Some((field, _)) => (keyword, field),
                None => return Ok(None),
            },
            Value::Logical(_) | Value::Integer(_) | Value::Real(_) => {
                match keyword.split_once('.') {
                    Some((keyword, field)) if is_word(keyword) && is_specifier(field) => {
                        (keyword, field)
                    }
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        if matches!(keyword, "" | "COMMENT" | "HISTORY" | "END") {
            return Ok(None);
        }
        if keyword.len() > KEYWORD {
            return Err(format!(
                "a keyword with a field, as in DP1.AXIS.1, has at most {KEYWORD} letters before the dot"
            ));
        }
        Ok(Some(Self::Record(
            keyword.to_ascii_uppercase(),
            field.to_owned(),
        )))
    }

    /// The keyword with the blanks up to the `=`.
    fn head(&self) -> String {
        match self {
            Self::Commentary(name) | Self::Standard(name) | Self::Record(name, _) => {
                format!("{name:KEYWORD$}")
            }
            Self::Hierarch(name) => format!("HIERARCH {name} "),
        }
    }

    /// The value field.
    fn field(&self, value: &Value<'_>) -> std::result::Result<String, String> {
        let field = match self {
            Self::Record(_, field) => {
                let number = match value {
                    Value::Text(text) => match record_field(text) {
                        Some((_, number)) => normal_number(number)?,
                        None => String::new(),
                    },
                    Value::Logical(flag) => u8::from(*flag).to_string(),
                    other => as_text(other).into_owned(),
                };
                return Ok(format!("'{field}: {}'", fitted(&number)));
            }
            _ => value_field(value),
        };
        Ok(match self {
            // Where the keyword is long, the blanks are saved.
            Self::Hierarch(name) if name.len() > KEYWORD => field.trim_ascii().to_owned(),
            _ => field,
        })
    }

    /// Puts keyword, value and comment together.
    fn render(
        &self,
        out: &mut Vec<u8>,
        value: &Value<'_>,
        comment: &str,
    ) -> std::result::Result<(), String> {
        let field = self.field(value)?;
        let mut head = self.head();
        let remark = match comment.trim_ascii_end() {
            "" => String::new(),
            _ => format!(" / {comment}"),
        };
        let length = head.len().saturating_add(2).saturating_add(field.len());
        if length == CARD.saturating_add(1) && matches!(self, Self::Hierarch(_)) {
            head.truncate(head.len().saturating_sub(1));
        }
        let line = format!("{head}= {field}{remark}");
        if line.len() > CARD && length > CARD {
            match value {
                Value::Text(text) if !matches!(self, Self::Record(..)) => {
                    return self.render_long(out, text, comment.trim_ascii_end());
                }
                // Where the blank that was saved is not enough.
                _ if line.len().saturating_sub(remark.len()) > CARD => {
                    return Err(format!(
                        "keyword and value take {length} bytes, a record has {CARD}"
                    ));
                }
                _ => {}
            }
        }
        record(out, line.get(..CARD).unwrap_or(&line));
        Ok(())
    }

    /// A text in records of its own, then its comment in records of its own.
    fn render_long(
        &self,
        out: &mut Vec<u8>,
        text: &str,
        comment: &str,
    ) -> std::result::Result<(), String> {
        let mut head = format!("{}= ", self.head());
        let Some(first) = TEXT
            .saturating_add(KEYWORD)
            .saturating_add(2)
            .checked_sub(head.len())
        else {
            return Err(format!(
                "the keyword takes {} bytes and leaves no room for a text",
                head.len()
            ));
        };
        let text = text.replace('\'', "''");
        let pieces = groups(&text, first, TEXT, true);
        let last = pieces.len().saturating_sub(1);
        for (place, piece) in pieces.iter().enumerate() {
            let more = if comment.is_empty() && place == last {
                ""
            } else {
                "&"
            };
            record(out, &format!("{head}'{piece}{more}'"));
            "CONTINUE  ".clone_into(&mut head);
        }
        if comment.is_empty() {
            return Ok(());
        }
        let pieces = groups(comment, COMMENT, COMMENT, false);
        let last = pieces.len().saturating_sub(1);
        for (place, piece) in pieces.iter().enumerate() {
            let more = if place == last { "" } else { "&" };
            record(out, &format!("CONTINUE  '{more}' / {piece}"));
        }
        Ok(())
    }
}

/// Text without a value, 72 bytes a record.
fn commentary(out: &mut Vec<u8>, name: &str, text: &str) {
    let mut rest = text;
    loop {
        let (piece, more) = rest
            .split_at_checked(CARD.saturating_sub(KEYWORD))
            .unwrap_or((rest, ""));
        record(out, &format!("{name:KEYWORD$}{piece}"));
        if more.is_empty() {
            return;
        }
        rest = more;
    }
}

/// Appends one record: the line and blanks up to 80 bytes.
fn record(out: &mut Vec<u8>, line: &str) {
    let end = out.len().saturating_add(CARD);
    out.extend_from_slice(line.as_bytes());
    out.resize(end, b' ');
}

/// The value field with its quotes and blanks (FITS 4.0 §4.2).
fn value_field(value: &Value<'_>) -> String {
    match value {
        Value::Undefined => String::new(),
        Value::Text(text) if text.is_empty() => "''".to_owned(),
        Value::Text(text) => {
            let quoted = format!("'{:8}'", text.replace('\'', "''"));
            format!("{quoted:NUMBER$}")
        }
        Value::Logical(flag) => format!("{:>NUMBER$}", if *flag { 'T' } else { 'F' }),
        Value::Integer(digits) => format!("{digits:>NUMBER$}"),
        Value::Real(text) => format!("{:>NUMBER$}", fitted(text)),
        Value::Complex(real, imaginary) => {
            let pair = format!("({}, {})", fitted(real), fitted(imaginary));
            format!("{pair:>NUMBER$}")
        }
    }
}

/// A value as Python's `str` gives it: the text of a commentary card, and of messages.
fn as_text<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Undefined => Cow::Borrowed(""),
        Value::Logical(true) => Cow::Borrowed("True"),
        Value::Logical(false) => Cow::Borrowed("False"),
        Value::Integer(text) | Value::Real(text) | Value::Text(text) => Cow::Borrowed(text),
        Value::Complex(real, imaginary) => Cow::Owned(format!("({real}, {imaginary})")),
    }
}

/// A float as Python's `repr` spells it: the fewest digits that read back as the same number.
fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // Rust turns to exponents at the same numbers, but writes neither `+` nor a leading zero.
    let text = format!("{number:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// The text of a number in at most 20 bytes: digits at the end of the mantissa are given up.
fn fitted(text: &str) -> String {
    let text = text.replace('e', "E");
    let Some(surplus) = text.len().checked_sub(NUMBER) else {
        return text;
    };
    match text.split_once('E') {
        // An integer or a plain decimal: only the latter is ever that long.
        None if text.contains('.') => text.get(..NUMBER).unwrap_or(&text).to_owned(),
        None => text,
        Some((mantissa, exponent)) => {
            let kept = mantissa.len().saturating_sub(surplus);
            format!("{}E{exponent}", mantissa.get(..kept).unwrap_or(mantissa))
        }
    }
}

/// The number of a record-valued text in astropy's words: `02` is 2, `1.50` is 1.5.
fn normal_number(text: &str) -> std::result::Result<String, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = unsigned.trim_start_matches('0');
        return Ok(match digits {
            "" => "0".to_owned(),
            _ if text.starts_with('-') => format!("-{digits}"),
            _ => digits.to_owned(),
        });
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(python_float(number)),
        _ => Err(format!(
            "a text of the form `FIELD: NUMBER` is a record-valued card, and {text} is no number there"
        )),
    }
}

/// Whether a keyword is of the standard: up to 8 of `A-Z0-9_-`.
fn is_standard(keyword: &str) -> bool {
    keyword.len() <= KEYWORD
        && keyword
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'))
}

/// The field and the number of a text `FIELD: NUMBER`, such as `AXIS.1: 2`.
fn record_field(text: &str) -> Option<(&str, &str)> {
    let (field, number) = text.split_once(": ")?;
    let number = number.trim_start_matches(' ');
    (is_specifier(field) && clean_number(number.as_bytes())).then_some((field, number))
}

/// Whether a text is words, some with a number, joined by dots: `AXIS.1`, `AXIS.1.COEFF.3`.
fn is_specifier(text: &str) -> bool {
    let mut parts = text.split('.');
    let mut numbered = true;
    parts.next().is_some_and(is_word)
        && parts.all(|part| {
            let number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            // A number follows a word; two numbers do not follow each other.
            let fits = is_word(part) || (number && numbered);
            numbered = is_word(part);
            fits
        })
}

/// Whether a text is a letter or `_`, then letters, digits and `_`.
fn is_word(text: &str) -> bool {
    !text.starts_with(|letter: char| letter.is_ascii_digit())
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Cuts a text after blanks into pieces of at most `width` bytes, a longer word within the word.
///
/// As astropy's `_words_group`. With `quotes` a cut never parts a doubled quote: the record would end
/// within the text for every reader but astropy.
fn groups(text: &str, first: usize, width: usize, quotes: bool) -> Vec<&str> {
    let bytes = text.as_bytes();
    let length = bytes.len();
    let mut pieces = Vec::new();
    let mut width_now = first;
    let mut start = 0_usize;
    loop {
        let limit = start.saturating_add(width_now);
        // A blank is thought of after the end of the text.
        let mut end = if limit > length {
            length
        } else {
            let head = bytes.get(..limit).unwrap_or(bytes);
            head.iter()
                .rposition(|&byte| byte == b' ')
                .map_or(0, |blank| blank.saturating_add(1))
        };
        if end <= start {
            end = limit.min(length);
            let run = bytes.get(start..end).unwrap_or_default();
            let run = run.iter().rev().take_while(|&&byte| byte == b'\'').count();
            if quotes && run % 2 == 1 && end < length {
                end = end.saturating_sub(1);
            }
        }
        pieces.push(text.get(start..end).unwrap_or_default());
        if end >= length {
            return pieces;
        }
        start = end;
        width_now = width;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Header, card};
    use super::*;

    fn card(keyword: &str, value: &Value<'_>, comment: &str) -> String {
        let mut out = Vec::new();
        render_card(&mut out, keyword, value, comment).unwrap();
        assert_eq!(out.len() % CARD, 0);
        String::from_utf8(out).unwrap().trim_end().to_owned()
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    #[test]
    fn every_value_form_stands_where_the_fixed_format_wants_it() {
        for (value, expected) in [
            (Value::Undefined, "A       ="),
            (Value::Logical(true), "A       =                    T"),
            (
                Value::Integer("-42".into()),
                "A       =                  -42",
            ),
            (Value::real(1e16), "A       =                1E+16"),
            (Value::real(1.5e-7), "A       =              1.5E-07"),
            (Value::real(0.0001), "A       =               0.0001"),
            (Value::real(-0.0), "A       =                 -0.0"),
            (
                Value::real(-1.234_567_890_123_456_7e-100),
                "A       = -1.234567890123E-100",
            ),
            (
                Value::real(-0.000_123_456_789_012_345_67),
                "A       = -0.00012345678901234",
            ),
            (Value::complex(1.0, -2.5), "A       =          (1.0, -2.5)"),
            (text(""), "A       = ''"),
            (text("it's"), "A       = 'it''s   '"),
        ] {
            assert_eq!(card("a", &value, ""), expected);
        }
    }

    #[test]
    fn what_is_rendered_is_read_back() {
        let long = "word ".repeat(40) + &"'".repeat(131);
        let values = [
            Value::Undefined,
            Value::Logical(false),
            Value::Integer("123456789012345678901234567890".into()),
            Value::real(2.5),
            text("it's / a"),
            text(&long),
        ];
        let mut header = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let comment = "why ".repeat(place * 5);
            render_card(&mut header, &format!("KEY{place}"), value, &comment).unwrap();
        }
        render_card(&mut header, "a long keyword", &text(&long), "").unwrap();
        render_end(&mut header);
        let cards: Vec<_> = Header::from_bytes(&header, 0).cards().collect();
        assert_eq!(cards.len(), 7);
        for (card, value) in cards.iter().zip(&values) {
            assert_eq!(&Value::from(&card.value), value);
        }
        assert_eq!(cards[6].value, card::Value::Text(long.as_str().into()));
        assert_eq!(cards[6].keyword, "a long keyword");
    }

    #[test]
    fn record_valued_texts_stand_without_padding() {
        assert_eq!(
            card("DP1", &text("AXIS.1: 02"), ""),
            "DP1     = 'AXIS.1: 2'"
        );
        assert_eq!(
            card("DP1.AXIS.1", &Value::real(2.0), "c"),
            "DP1     = 'AXIS.1: 2.0' / c"
        );
        assert_eq!(
            card("TITLE", &text("at 12:30: 2"), ""),
            "TITLE   = 'at 12:30: 2'"
        );
    }

    #[test]
    fn commentary_goes_on_in_records_of_the_same_keyword() {
        let rendered = card("history", &text(&"x".repeat(100)), "");
        assert_eq!(rendered.len(), 80 + 8 + 28);
        assert_eq!(card("", &text("  Title"), ""), "          Title");
        assert_eq!(card("COMMENT", &Value::Undefined, ""), "COMMENT");
    }

    #[test]
    fn what_no_header_can_hold_is_refused_with_its_reason() {
        let refused = |keyword: &str, value: Value<'_>, comment: &str| {
            let mut out = Vec::new();
            let error = render_card(&mut out, keyword, &value, comment).unwrap_err();
            assert!(out.is_empty());
            error.message
        };
        assert_eq!(
            refused("PI", Value::real(f64::NAN), ""),
            "PI = nan cannot be a card of a FITS header: FITS has no NaN and no infinity in headers"
        );
        assert!(refused("PI", Value::complex(0.0, f64::INFINITY), "").contains("infinity"));
        assert!(refused("A", text("caf\u{e9}"), "").contains("U+00E9"));
        assert!(refused("A", text("x"), "tab\t").contains("the comment has '\\t'"));
        assert!(refused("A=B", text("x"), "").contains("`=`"));
        assert!(refused("END", text("x"), "").contains("END closes"));
        assert!(refused("HIERARCH COMMENT", text("x"), "").contains("meaning"));
        let digits = Value::Integer("9".repeat(90).into());
        assert!(refused("A", digits, "").contains("100 bytes"));
        assert!(refused(&"k".repeat(75), text("x y"), "").contains("no room"));
    }

    #[test]
    fn a_doubled_quote_stays_within_one_record() {
        for blanks in 0..4 {
            let value = format!("{}{}", "x".repeat(blanks), "'".repeat(200));
            let mut out = Vec::new();
            render_card(&mut out, "A", &text(&value), "").unwrap();
            let read = Header::from_bytes(&out, 0).card("A").unwrap();
            assert_eq!(read.value, card::Value::Text(value.as_str().into()));
            for record in out.chunks_exact(CARD) {
                assert_eq!(record.split(|&b| b == b'\'').count() % 2, 1);
            }
        }
    }
}

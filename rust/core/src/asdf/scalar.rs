//! What a scalar means: YAML 1.1 as `PyYAML` resolves it and asdf constructs it.
//!
//! These are not the rules of the YAML standard, in version 1.1 or 1.2, but those of the reference
//! implementation: a float needs a dot, and a sign in its exponent; `010` is 8; `1:30` is 90; `no` is false.

mod number;
mod time;

use std::borrow::Cow;

pub use number::BigInt;
pub use time::{Date, DateTime};

/// The value of a scalar under YAML 1.1, as `PyYAML` and asdf construct it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Scalar<'a> {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A whole number that does not fit in 64 bits.
    BigInt(BigInt),
    /// A number with a dot, `.inf` or `.nan`.
    Float(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// `2020-01-31`
    Date(Date),
    /// A date and a time of day.
    DateTime(DateTime),
    /// `!!binary`: the decoded bytes.
    Binary(Vec<u8>),
    /// A plain `=` or `<<` as a value: text under a tag of YAML's own that no constructor handles.
    Tagged {
        /// The tag it resolves to.
        tag: &'static str,
        /// The text.
        text: Cow<'a, str>,
    },
}

impl<'a> Scalar<'a> {
    /// What plain text without a tag means; the message says why no value has that form.
    ///
    /// ```
    /// use asdfits_core::asdf::Scalar;
    ///
    /// assert_eq!(Scalar::from_plain("1e5"), Ok(Scalar::Str("1e5".into())));
    /// assert_eq!(Scalar::from_plain("1.e+5"), Ok(Scalar::Float(1e5)));
    /// assert_eq!(Scalar::from_plain("190:20:30"), Ok(Scalar::Int(685_230)));
    /// assert!(Scalar::from_plain("2020-13-01").is_err());
    /// ```
    pub fn from_plain(text: impl Into<Cow<'a, str>>) -> Result<Self, String> {
        by_form(text.into())
    }
}

/// The prefix of the tags that YAML itself defines.
const CORE: &str = "tag:yaml.org,2002:";

/// Resolves `text` under its tag, or by its form if it is plain and has none.
pub(super) fn resolve<'a>(
    tag: Option<&str>,
    plain: bool,
    absent: bool,
    text: Cow<'a, str>,
) -> Result<Scalar<'a>, String> {
    match tag {
        None if plain => by_form(text),
        // The reference resolves these as plain, quotes or not; YAML asks for a string. With no
        // content at all they are strings after all.
        Some("!") if !absent => by_form(text),
        None | Some("!") => Ok(Scalar::Str(text)),
        Some(tag) => match tag.strip_prefix(CORE) {
            Some(name) => by_tag(name, text),
            None => Ok(Scalar::Str(text)),
        },
    }
}

/// Whether the tag is one that the reference's loader constructs itself, and so does not keep.
pub(super) fn is_constructed(tag: &str) -> bool {
    tag == "!"
        || tag.strip_prefix(CORE).is_some_and(|name| {
            matches!(
                name,
                "null"
                    | "bool"
                    | "int"
                    | "float"
                    | "binary"
                    | "timestamp"
                    | "omap"
                    | "pairs"
                    | "set"
                    | "str"
                    | "seq"
                    | "map"
            )
        })
}

fn by_tag<'a>(name: &str, text: Cow<'a, str>) -> Result<Scalar<'a>, String> {
    match name {
        "null" => Ok(Scalar::Null),
        "bool" => {
            let lower = text.to_lowercase();
            boolean(&lower)
                .map(Scalar::Bool)
                .ok_or_else(|| unfit(&text, "a boolean"))
        }
        "int" => number::int(&text).ok_or_else(|| unfit(&text, "an integer")),
        "float" => number::float(&text)
            .map(Scalar::Float)
            .ok_or_else(|| unfit(&text, "a number")),
        "binary" => base64(&text).map(Scalar::Binary),
        "timestamp" => time::timestamp(&text),
        _ => Ok(Scalar::Str(text)),
    }
}

fn unfit(text: &str, wanted: &str) -> String {
    format!("found the scalar {text:?}, expected {wanted}")
}

/// Resolves a plain scalar; its first byte leaves at most two candidates.
fn by_form(text: Cow<'_, str>) -> Result<Scalar<'_>, String> {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => return Ok(Scalar::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => {
            if is_null(&text) {
                return Ok(Scalar::Null);
            }
            if has_bool_case(bytes)
                && let Some(value) = boolean(&text.to_ascii_lowercase())
            {
                return Ok(Scalar::Bool(value));
            }
        }
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => {
            if number::is_float(bytes) {
                return number::float(&text)
                    .map(Scalar::Float)
                    .ok_or_else(|| unfit(&text, "a number"));
            }
            if number::is_int(bytes) {
                return number::int(&text).ok_or_else(|| unfit(&text, "an integer"));
            }
            if time::is_timestamp(bytes) {
                return time::timestamp(&text);
            }
        }
        Some(b'=') if text == "=" => {
            return Ok(Scalar::Tagged {
                tag: "tag:yaml.org,2002:value",
                text,
            });
        }
        Some(b'<') if text == "<<" => {
            return Ok(Scalar::Tagged {
                tag: "tag:yaml.org,2002:merge",
                text,
            });
        }
        Some(_) => {}
    }
    Ok(Scalar::Str(text))
}

fn is_null(text: &str) -> bool {
    matches!(text, "~" | "null" | "Null" | "NULL")
}

fn boolean(lower: &str) -> Option<bool> {
    match lower {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// Whether a word is in lower case, Title case or UPPER case; none of the booleans is longer than five.
fn has_bool_case(word: &[u8]) -> bool {
    let tail = word.get(1..).unwrap_or(&[]);
    let lower = tail.iter().all(u8::is_ascii_lowercase);
    let upper = word.iter().all(u8::is_ascii_uppercase);
    word.len() <= 5 && (lower || upper)
}

/// Decodes base64 as Python's `base64.decodebytes` does: bytes outside the alphabet are passed over, and
/// what follows complete padding is not read.
fn base64(text: &str) -> Result<Vec<u8>, String> {
    if !text.is_ascii() {
        return Err("found a character beyond ASCII, expected base64".to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut quad = 0_u32;
    let mut digits = 0_u8;
    let mut pads = 0_u8;
    for b in text.bytes() {
        let Some(digit) = base64_digit(b) else {
            if b == b'=' && digits >= 2 {
                pads = pads.saturating_add(1);
                if digits.saturating_add(pads) >= 4 {
                    return Ok(out);
                }
            }
            continue;
        };
        pads = 0;
        quad = quad << 6 | u32::from(digit);
        digits = digits.saturating_add(1) % 4;
        // Each digit but the first of four completes a byte.
        let [_, _, high, low] = quad.to_be_bytes();
        match digits {
            2 => out.push(take(high, low, 4)),
            3 => out.push(take(high, low, 2)),
            0 => out.push(low),
            _ => {}
        }
    }
    match digits {
        0 => Ok(out),
        1 => Err("found base64 with one digit too many, expected groups of four".to_owned()),
        _ => Err("found base64 without its padding, expected groups of four".to_owned()),
    }
}

/// The byte that lies `shift` bits above the end of two bytes.
fn take(high: u8, low: u8, shift: u32) -> u8 {
    let [_, byte] = (u16::from_be_bytes([high, low]) >> shift).to_be_bytes();
    byte
}

fn base64_digit(b: u8) -> Option<u8> {
    match b {
        b'A'..=b'Z' => b.checked_sub(b'A'),
        b'a'..=b'z' => b.checked_sub(b'a')?.checked_add(26),
        b'0'..=b'9' => b.checked_sub(b'0')?.checked_add(52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

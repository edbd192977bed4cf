//! Scalars: which styles their text allows, and how values are spelled.

use std::fmt::Write as _;

use super::super::scalar::Scalar;
use super::Style;

/// The prefix of the tags that YAML itself defines.
pub(super) const CORE: &str = "tag:yaml.org,2002:";
pub(super) const STRING: &str = "tag:yaml.org,2002:str";

/// There are line breaks.
pub(super) const MULTILINE: u16 = 1;
/// May stand without quotes in brackets, and outside of them.
pub(super) const FLOW_PLAIN: u16 = 2;
pub(super) const BLOCK_PLAIN: u16 = 4;
pub(super) const ANY_PLAIN: u16 = FLOW_PLAIN | BLOCK_PLAIN;
/// May stand in single quotes.
pub(super) const SINGLE: u16 = 8;
/// May stand as a literal or folded block.
pub(super) const BLOCK: u16 = 16;
/// Bytes are columns.
pub(super) const ASCII: u16 = 32;
/// There are spaces, where a line may be broken.
pub(super) const SPACES: u16 = 64;
/// Without quotes, or with them, the text is read as what it is, so that it needs no tag.
pub(super) const PLAIN_IS_MEANT: u16 = 128;
pub(super) const QUOTED_IS_MEANT: u16 = 256;
/// The style that the caller asked for.
pub(super) const WANT_SINGLE: u16 = 512;
pub(super) const WANT_DOUBLE: u16 = 1024;
pub(super) const WANT_LITERAL: u16 = 2048;
pub(super) const WANT_FOLDED: u16 = 4096;
pub(super) const STYLED: u16 = WANT_SINGLE | WANT_DOUBLE | WANT_LITERAL | WANT_FOLDED;

/// The flag for a style that is asked for.
pub(super) fn style(style: Option<Style>) -> u16 {
    match style {
        Some(Style::Single) => WANT_SINGLE,
        Some(Style::Double) => WANT_DOUBLE,
        Some(Style::Literal) => WANT_LITERAL,
        Some(Style::Folded) => WANT_FOLDED,
        _ => 0,
    }
}

const IN_FLOW: u8 = 1;
const COLON: u8 = 2;
const HASH: u8 = 4;
const SPACE: u8 = 8;
const CONTROL: u8 = 16;
const HIGH: u8 = 32;

/// What a byte may mean inside a scalar.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => IN_FLOW,
            b':' => COLON,
            b'#' => HASH,
            b' ' => SPACE,
            0..=0x1f | 0x7f => CONTROL,
            0x80..=0xff => HIGH,
            _ => 0,
        };
        // The index is a byte and the table has a place for each.
        #[expect(
            clippy::indexing_slicing,
            reason = "a constant; `usize::from` is not const"
        )]
        {
            classes[byte as usize] = class;
        }
        match byte.checked_add(1) {
            Some(next) => byte = next,
            None => break,
        }
    }
    classes
};

/// Whether the byte says at the start of a scalar that this is no plain one.
fn is_indicator(byte: u8) -> bool {
    matches!(
        byte,
        b'#' | b','
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'&'
            | b'*'
            | b'!'
            | b'|'
            | b'>'
            | b'\''
            | b'"'
            | b'%'
            | b'@'
            | b'`'
    )
}

/// The styles that can hold the text; the first of the flags above.
pub(super) fn analyse(text: &str) -> u16 {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else {
        return BLOCK_PLAIN | SINGLE | ASCII;
    };
    let classes = bytes.iter().fold(0, |all, &byte| {
        all | CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
    });
    let mut flags = SINGLE | BLOCK | ANY_PLAIN;
    if classes & HIGH == 0 {
        flags |= ASCII;
    }
    if classes & SPACE != 0 {
        flags |= SPACES;
    }
    let lone = bytes
        .get(1)
        .is_none_or(|&next| matches!(next, b' ' | b'\t' | b'\r' | b'\n' | 0))
        || text.chars().nth(1).is_some_and(is_break);
    if is_indicator(first)
        || (matches!(first, b'?' | b':' | b'-') && lone)
        || bytes.starts_with(b"---")
        || bytes.starts_with(b"...")
    {
        flags &= !ANY_PLAIN;
    }
    if classes & (IN_FLOW | COLON) != 0 {
        flags &= !FLOW_PLAIN;
    }
    if classes & (COLON | HASH | SPACE | CONTROL | HIGH) == 0 {
        return flags;
    }
    flags & !refused(text)
        | if text.chars().any(is_break) {
            MULTILINE
        } else {
            0
        }
}

/// The styles that spaces, breaks, `: `, ` #` and odd characters rule out.
fn refused(text: &str) -> u16 {
    let mut refused = 0;
    let mut before: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            ':' if next.is_none_or(is_blank) => refused |= ANY_PLAIN,
            '#' if before.is_none_or(is_blank) => refused |= ANY_PLAIN,
            ' ' => {
                if before.is_none() {
                    refused |= ANY_PLAIN;
                }
                if next.is_none() {
                    refused |= ANY_PLAIN | BLOCK;
                }
                if before.is_some_and(is_break) {
                    refused |= ANY_PLAIN | SINGLE;
                }
            }
            _ if is_break(c) => {
                refused |= ANY_PLAIN;
                if before == Some(' ') {
                    refused |= SINGLE | BLOCK;
                }
            }
            _ => {}
        }
        if !is_printable(c) {
            refused |= ANY_PLAIN | SINGLE | BLOCK;
        }
        before = Some(c);
    }
    refused
}

/// Line breaks, as libyaml knows them.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\0') || is_break(c)
}

/// Whether the character may be written as it is; libyaml escapes all beyond the basic plane.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

/// Whether plain text is read as text.
pub(super) fn is_string(text: &str) -> bool {
    match text.as_bytes().first() {
        None => false,
        // All forms but text begin with one of these.
        Some(
            b'0'..=b'9'
            | b'-'
            | b'+'
            | b'.'
            | b'y'
            | b'Y'
            | b'n'
            | b'N'
            | b't'
            | b'T'
            | b'f'
            | b'F'
            | b'o'
            | b'O'
            | b'~'
            | b'='
            | b'<',
        ) => matches!(Scalar::from_plain(text), Ok(Scalar::Str(_))),
        Some(_) => true,
    }
}

/// The tag that plain text resolves to.
pub(super) fn resolved_tag(text: &str) -> &'static str {
    match Scalar::from_plain(text) {
        Ok(Scalar::Null) => "tag:yaml.org,2002:null",
        Ok(Scalar::Bool(_)) => "tag:yaml.org,2002:bool",
        Ok(Scalar::Int(_) | Scalar::BigInt(_)) => "tag:yaml.org,2002:int",
        Ok(Scalar::Float(_)) => "tag:yaml.org,2002:float",
        Ok(Scalar::Date(_) | Scalar::DateTime(_)) => "tag:yaml.org,2002:timestamp",
        Ok(Scalar::Tagged { tag, .. }) => tag,
        Ok(_) => STRING,
        // The form is there, the value is not: 2020-13-01, 0x_.
        Err(_) if text.as_bytes().get(4) == Some(&b'-') => "tag:yaml.org,2002:timestamp",
        Err(_) if text.contains('.') => "tag:yaml.org,2002:float",
        Err(_) => "tag:yaml.org,2002:int",
    }
}

/// Appends a float as Python's `repr` spells it, with a dot also before an exponent.
pub(super) fn push_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str(".nan");
        return;
    }
    if value.is_infinite() {
        out.push_str(if value > 0.0 { ".inf" } else { "-.inf" });
        return;
    }
    let start = out.len();
    // Writing to a String cannot fail, here and below.
    if (1e-4..1e16).contains(&value.abs()) || value == 0.0 {
        let _ = write!(out, "{value:?}");
        let decimals = out.bytes().rev().take_while(|&b| b != b'.').count();
        if is_halfway(value, decimals) {
            let even = format!("{value:.decimals$}");
            if even.parse() == Ok(value) {
                out.truncate(start);
                out.push_str(&even);
            }
        }
        return;
    }
    let mut spelled = format!("{value:e}");
    let parts = |spelled: &str| {
        let (digits, exponent) = spelled.split_once('e')?;
        Some((digits.to_owned(), exponent.parse::<i32>().ok()?))
    };
    let Some((mut digits, mut exponent)) = parts(&spelled) else {
        return;
    };
    let decimals = digits
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let place = i32::try_from(decimals)
        .unwrap_or(0)
        .saturating_sub(exponent);
    if usize::try_from(place).is_ok_and(|place| is_halfway(value, place)) {
        spelled = format!("{value:.decimals$e}");
        if spelled.parse() == Ok(value) {
            (digits, exponent) = parts(&spelled).unwrap_or((digits, exponent));
        }
    }
    let dot = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "{digits}{dot}e{sign}{:02}", exponent.unsigned_abs());
}

/// Whether the value lies in the middle of two numbers of so many decimals.
///
/// Where both read as the value, Python takes the even one and Rust the greater one. Such a middle is an odd
/// multiple of a power of two, one bit longer than its neighbours have decimals.
fn is_halfway(value: f64, decimals: usize) -> bool {
    let bits = value.to_bits();
    let exponent = bits >> 52 & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if exponent == 0 {
        (fraction, 1)
    } else {
        (fraction | 1 << 52, exponent)
    };
    let places = 1075_u64
        .saturating_sub(exponent)
        .saturating_sub(u64::from(mantissa.trailing_zeros()));
    usize::try_from(places)
        .is_ok_and(|places| places > 0 && places.checked_sub(1) == Some(decimals))
}

/// Base64 in lines of 76 characters, each with a line break at its end.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| {
        let place = usize::try_from(bits & 63).unwrap_or(0);
        char::from(DIGITS.get(place).copied().unwrap_or(b'A'))
    };
    let mut out = String::with_capacity(bytes.len().saturating_mul(7) / 5);
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            out.push(digit(bits >> 18));
            out.push(digit(bits >> 12));
            out.push(if group.len() > 1 {
                digit(bits >> 6)
            } else {
                '='
            });
            out.push(if group.len() > 2 { digit(bits) } else { '=' });
        }
        out.push('\n');
    }
    out
}

/// Appends a tag, or the part after its handle; what may not stand in one is written as `%XX`.
pub(super) fn push_uri(out: &mut String, text: &str, verbatim: bool) {
    for byte in text.bytes() {
        // libyaml escapes `!` here, which its reader takes either way.
        if byte != b'!' && super::super::tag::is_uri_byte(byte, verbatim) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::excessive_precision,
        reason = "the digits that are left out are the point"
    )]

    use super::*;

    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1.0e-05"),
            (1.5e-7, "1.5e-07"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1.0e+16"),
            (1.234e16, "1.234e+16"),
            (5e-324, "5.0e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-.inf"),
            (f64::NAN, ".nan"),
            // Between .2 and .3, and between .7 and .8.
            (562_949_953_421_312.25, "562949953421312.2"),
            (562_949_953_421_312.75, "562949953421312.8"),
            (-0.25, "-0.25"),
        ] {
            let mut out = String::new();
            push_float(&mut out, value);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn base64_is_broken_into_lines() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"a"), "YQ==\n");
        assert_eq!(base64(b"ab"), "YWI=\n");
        let long = base64(&[0; 58]);
        assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [76, 4]);
    }

    #[test]
    fn a_broken_date_still_resolves_to_a_timestamp() {
        assert_eq!(resolved_tag("2020-13-01"), "tag:yaml.org,2002:timestamp");
        assert_eq!(resolved_tag("0x_"), "tag:yaml.org,2002:int");
        assert!(!is_string("2020-13-01") && is_string("1e5") && !is_string("") && is_string("y"));
    }
}

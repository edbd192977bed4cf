//! Integers and floats.

use super::Scalar;

/// A whole number of any size, as digits that Python's `int(digits, radix)` reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BigInt {
    /// Whether the number is below zero.
    pub negative: bool,
    /// 2, 8, 10 or 16.
    pub radix: u32,
    /// The digits alone: no sign, prefix or underscores.
    pub digits: String,
}

fn strip_sign(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'-' | b'+', rest @ ..] => rest,
        _ => bytes,
    }
}

/// The rest after the longest run of bytes that `wanted` accepts.
fn after(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> &[u8] {
    let length = bytes
        .iter()
        .position(|&b| !wanted(b))
        .unwrap_or(bytes.len());
    bytes.get(length..).unwrap_or(&[])
}

fn is_digit_or_low(b: u8) -> bool {
    b.is_ascii_digit() || b == b'_'
}

/// The rest after `:5` or `:59`, as often as they follow; `None` if they do not follow at all.
fn after_sixties(mut bytes: &[u8]) -> Option<&[u8]> {
    let mut any = false;
    loop {
        bytes = match bytes {
            [b':', b'0'..=b'5', b'0'..=b'9', rest @ ..] | [b':', b'0'..=b'9', rest @ ..] => rest,
            _ => return any.then_some(bytes),
        };
        any = true;
    }
}

/// Whether a plain scalar has the form of an integer: decimal, `0b`, `0x`, octal by a leading 0, or base 60.
pub(super) fn is_int(bytes: &[u8]) -> bool {
    match strip_sign(bytes) {
        [b'0', b'b', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(|b| matches!(b, b'0' | b'1' | b'_'))
        }
        [b'0', b'x', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(|&b| b.is_ascii_hexdigit() || b == b'_')
        }
        [b'0', digits @ ..] => digits.iter().all(|b| matches!(b, b'0'..=b'7' | b'_')),
        [b'1'..=b'9', rest @ ..] => {
            let rest = after(rest, is_digit_or_low);
            rest.is_empty() || after_sixties(rest).is_some_and(<[u8]>::is_empty)
        }
        _ => false,
    }
}

/// Whether a plain scalar has the form of a float: a dot, and a sign in the exponent if there is one.
pub(super) fn is_float(bytes: &[u8]) -> bool {
    let signed = strip_sign(bytes);
    match signed {
        [b'.', b'i', b'n', b'f'] | [b'.', b'I', b'n' | b'N', b'f' | b'F'] => {
            signed != b".InF" && signed != b".INf"
        }
        [b'.', rest @ ..] => {
            let unsigned = signed.len() == bytes.len();
            let nan = matches!(rest, b"nan" | b"NaN" | b"NAN");
            let digits = rest.first().is_some_and(u8::is_ascii_digit);
            // A sign before a bare dot leaves a string.
            unsigned && (nan || (digits && is_exponent(after(rest, is_digit_or_low))))
        }
        [b'0'..=b'9', ..] => {
            let rest = after(signed, is_digit_or_low);
            if let [b'.', rest @ ..] = rest {
                return is_exponent(after(rest, is_digit_or_low));
            }
            match after_sixties(rest) {
                Some([b'.', rest @ ..]) => after(rest, is_digit_or_low).is_empty(),
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_exponent(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b'e' | b'E', b'-' | b'+', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// The integer that the text means; `None` if Python's constructor would refuse it.
pub(super) fn int(text: &str) -> Option<Scalar<'static>> {
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    let negative = clean.starts_with('-');
    let digits = clean.strip_prefix(['-', '+']).unwrap_or(&clean);
    if digits == "0" {
        return Some(Scalar::Int(0));
    }
    if let Some(digits) = digits.strip_prefix("0b") {
        whole(negative, digits, 2)
    } else if let Some(digits) = digits.strip_prefix("0x") {
        whole(negative, digits, 16)
    } else if let Some(octal) = digits.strip_prefix('0') {
        // Several zeros alone are zero; a prefix that Python knows for the radix may follow the first one.
        let octal = octal.strip_prefix(['o', 'O']).unwrap_or(octal);
        if octal.is_empty() {
            None
        } else {
            whole(negative, octal, 8)
        }
    } else if digits.contains(':') {
        sixties(negative, digits)
    } else {
        whole(negative, digits, 10)
    }
}

fn whole(negative: bool, digits: &str, radix: u32) -> Option<Scalar<'static>> {
    let digits = digits.trim();
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok();
    let value = value.and_then(|n| if negative { n.checked_neg() } else { Some(n) });
    Some(match value.and_then(|n| i64::try_from(n).ok()) {
        Some(n) => Scalar::Int(n),
        None => Scalar::BigInt(BigInt {
            negative,
            radix,
            digits: digits.to_owned(),
        }),
    })
}

/// More digits in base 60 are refused: the time to make them decimal grows with their square.
const MAX_SIXTIES: usize = 10_000;

/// Base 60: each part is a decimal number, the last counts ones.
fn sixties(negative: bool, digits: &str) -> Option<Scalar<'static>> {
    if digits.len() > MAX_SIXTIES {
        return None;
    }
    let mut value = Some(0_i128);
    let mut huge = Decimal::default();
    for part in digits.split(':') {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = part.parse::<i128>().ok();
        value = value.and_then(|v| v.checked_mul(60)?.checked_add(number?));
        huge.push(part);
    }
    let value = value.map(|n| if negative { n.saturating_neg() } else { n });
    Some(match value.and_then(|n| i64::try_from(n).ok()) {
        Some(n) => Scalar::Int(n),
        None => Scalar::BigInt(BigInt {
            negative,
            radix: 10,
            digits: huge.digits(),
        }),
    })
}

/// A decimal number of any size, for base 60 beyond what machine integers hold.
#[derive(Default)]
struct Decimal {
    /// Digits 0 to 9, the last first.
    digits: Vec<u8>,
}

impl Decimal {
    /// Multiplies by 60 and adds a decimal number.
    fn push(&mut self, part: &str) {
        let mut added = part
            .bytes()
            .rev()
            .map(|b| u32::from(b.saturating_sub(b'0')));
        let mut carry = 0_u32;
        let mut out = Vec::with_capacity(self.digits.len().saturating_add(2));
        let mut old = self.digits.iter();
        loop {
            let (digit, extra) = (old.next(), added.next());
            if digit.is_none() && extra.is_none() && carry == 0 {
                break;
            }
            let product = u32::from(digit.copied().unwrap_or(0)).saturating_mul(60);
            let sum = product
                .saturating_add(extra.unwrap_or(0))
                .saturating_add(carry);
            carry = sum / 10;
            out.push(u8::try_from(sum % 10).unwrap_or(0));
        }
        self.digits = out;
    }

    fn digits(&self) -> String {
        let digits: String = self
            .digits
            .iter()
            .rev()
            .map(|&d| char::from(d.saturating_add(b'0')))
            .collect();
        let short = digits.trim_start_matches('0');
        if short.is_empty() {
            "0".to_owned()
        } else {
            short.to_owned()
        }
    }
}

/// The float that the text means; `None` if Python's constructor would refuse it.
pub(super) fn float(text: &str) -> Option<f64> {
    let clean;
    let text = if text.contains('_') || text.bytes().any(|b| b.is_ascii_uppercase()) {
        clean = text.replace('_', "").to_lowercase();
        clean.as_str()
    } else {
        text
    };
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let value = match digits {
        ".inf" => f64::INFINITY,
        ".nan" => return Some(f64::NAN),
        _ if digits.contains(':') => {
            // The order of the sums decides the last bit; it is the reference's.
            let mut base = 1.0;
            let mut sum = 0.0;
            for part in digits.rsplit(':') {
                sum += python_float(part)? * base;
                base *= 60.0;
            }
            sum
        }
        _ => python_float(digits)?,
    };
    Some(if negative { -value } else { value })
}

/// What Python's `float()` reads in text without underscores.
fn python_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let word = unsigned.to_ascii_lowercase();
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if number || matches!(word.as_str(), "inf" | "infinity" | "nan") {
        text.parse().ok()
    } else {
        None
    }
}

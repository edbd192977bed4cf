//! Dates and times.

use super::Scalar;

/// A calendar date, checked to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
}

/// A date with a time of day and perhaps an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The calendar day.
    pub date: Date,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 59
    pub second: u8,
    /// 0 to 999999
    pub microsecond: u32,
    /// Minutes east of UTC; `None` where the text names no zone.
    pub offset: Option<i16>,
}

/// The numbers of a timestamp before anything is checked.
#[derive(Default)]
struct Parts {
    year: u16,
    month: u8,
    day: u8,
    /// How many digits month and day have.
    short: bool,
    time: Option<Time>,
}

#[derive(Default)]
struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    microsecond: u32,
    offset: Option<i16>,
}

/// Reads `least` to `most` digits.
fn digits(bytes: &mut &[u8], least: usize, most: usize) -> Option<u16> {
    let mut value = 0_u16;
    let mut count = 0_usize;
    while let [b @ b'0'..=b'9', rest @ ..] = bytes
        && count < most
    {
        value = value
            .checked_mul(10)?
            .checked_add(u16::from(b.checked_sub(b'0')?))?;
        count = count.saturating_add(1);
        *bytes = rest;
    }
    (count >= least).then_some(value)
}

fn two(bytes: &mut &[u8], least: usize) -> Option<u8> {
    u8::try_from(digits(bytes, least, 2)?).ok()
}

fn byte(bytes: &mut &[u8], wanted: u8) -> Option<()> {
    let rest = bytes.strip_prefix(&[wanted])?;
    *bytes = rest;
    Some(())
}

fn blanks(bytes: &mut &[u8]) -> bool {
    let before = bytes.len();
    while let [b' ' | b'\t', rest @ ..] = bytes {
        *bytes = rest;
    }
    bytes.len() < before
}

fn parts(text: &[u8]) -> Option<Parts> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    byte(&mut rest, b'-')?;
    let before = rest.len();
    let month = two(&mut rest, 1)?;
    byte(&mut rest, b'-')?;
    let day = two(&mut rest, 1)?;
    // Both have two digits if, with the dash, five bytes are gone.
    let short = before.saturating_sub(rest.len()) < 5;
    let time = match rest {
        [] => None,
        [b'T' | b't', tail @ ..] => Some(time(tail)?),
        _ => {
            if !blanks(&mut rest) {
                return None;
            }
            Some(time(rest)?)
        }
    };
    Some(Parts {
        year,
        month,
        day,
        short,
        time,
    })
}

fn time(mut rest: &[u8]) -> Option<Time> {
    let mut time = Time {
        hour: two(&mut rest, 1)?,
        ..Time::default()
    };
    byte(&mut rest, b':')?;
    time.minute = two(&mut rest, 2)?;
    byte(&mut rest, b':')?;
    time.second = two(&mut rest, 2)?;
    if byte(&mut rest, b'.').is_some() {
        // Six digits count, the others are dropped.
        let mut scale = 100_000_u32;
        while let [b @ b'0'..=b'9', tail @ ..] = rest {
            let digit = u32::from(b.checked_sub(b'0')?);
            time.microsecond = time.microsecond.checked_add(digit.checked_mul(scale)?)?;
            scale /= 10;
            rest = tail;
        }
    }
    if rest.is_empty() {
        return Some(time);
    }
    blanks(&mut rest);
    time.offset = Some(zone(rest)?);
    Some(time)
}

/// Minutes east of UTC.
fn zone(mut rest: &[u8]) -> Option<i16> {
    let sign = match rest {
        [b'Z'] => return Some(0),
        [b'+', tail @ ..] => {
            rest = tail;
            1_i16
        }
        [b'-', tail @ ..] => {
            rest = tail;
            -1_i16
        }
        _ => return None,
    };
    let hours = i16::from(two(&mut rest, 1)?);
    let mut minutes = 0;
    if byte(&mut rest, b':').is_some() {
        minutes = i16::from(two(&mut rest, 2)?);
    }
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    if rest.is_empty() {
        total.checked_mul(sign)
    } else {
        None
    }
}

/// Whether a plain scalar has the form of a date (two digits each) or of a date with a time.
pub(super) fn is_timestamp(bytes: &[u8]) -> bool {
    bytes.get(4) == Some(&b'-')
        && parts(bytes).is_some_and(|parts| parts.time.is_some() || !parts.short)
}

/// The date or the moment that the text means.
pub(super) fn timestamp(text: &str) -> Result<Scalar<'static>, String> {
    let parts = parts(text.as_bytes())
        .ok_or_else(|| format!("found the scalar {text:?}, expected a date like 2020-01-31"))?;
    let wrong = |what: &str| {
        Err(format!(
            "found the date {text:?}, expected {what} that exists"
        ))
    };
    let Parts {
        year, month, day, ..
    } = parts;
    if year == 0 || !(1..=12).contains(&month) {
        return wrong("a year and a month");
    }
    if day == 0 || day > days(year, month) {
        return wrong("a day");
    }
    let date = Date { year, month, day };
    let Some(time) = parts.time else {
        return Ok(Scalar::Date(date));
    };
    let Time {
        hour,
        minute,
        second,
        microsecond,
        offset,
    } = time;
    if hour > 23 || minute > 59 || second > 59 {
        return wrong("a time of day");
    }
    if offset.is_some_and(|minutes| minutes.unsigned_abs() >= 24 * 60) {
        return wrong("an offset of less than a day");
    }
    Ok(Scalar::DateTime(DateTime {
        date,
        hour,
        minute,
        second,
        microsecond,
        offset,
    }))
}

fn days(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

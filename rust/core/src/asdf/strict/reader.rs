//! Characters of the strict tier: which are allowed, and where one stands.

use super::Error;
use crate::error::Result;

/// A place in the text. Lines and columns count from 0 and count characters, as libyaml does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Bytes from the start of the text.
    pub p: usize,
    /// Characters from the start of the text.
    pub index: usize,
    pub line: usize,
    pub column: i64,
}

/// Checks that the text is UTF-8 and holds only characters that YAML 1.1 allows.
pub(super) fn check(bytes: &[u8], at: u64) -> Result<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let place = error.valid_up_to();
            let found = bytes.get(place).copied().unwrap_or(0);
            return Err(fault(
                bytes,
                place,
                at,
                &format!("found the byte 0x{found:02x}, expected UTF-8"),
            ));
        }
    };
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        None => Ok(text),
        Some((place, c)) => {
            let found = format!(
                "found U+{:04X}, expected no such control character",
                u32::from(c)
            );
            Err(fault(bytes, place, at, &found))
        }
    }
}

fn fault(bytes: &[u8], place: usize, at: u64, message: &str) -> Error {
    let before = bytes.get(..place).unwrap_or(&[]);
    let line = memchr::memchr_iter(b'\n', before).count().saturating_add(1);
    let start = memchr::memrchr(b'\n', before).map_or(0, |n| n.saturating_add(1));
    let text = String::from_utf8_lossy(before.get(start..).unwrap_or(&[]));
    let column = text.chars().count().saturating_add(1);
    let at = at.saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
    Error::format(at, format!("line {line}, column {column}: {message}"))
}

fn is_allowed(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..='\u{10ffff}'
    )
}

/// A cursor over the text.
#[derive(Debug, Clone)]
pub(super) struct Reader<'t> {
    pub text: &'t str,
    pub mark: Mark,
}

impl<'t> Reader<'t> {
    /// The byte `n` bytes on; 0 at the end.
    pub fn byte(&self, n: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.mark.p.saturating_add(n))
            .copied()
            .unwrap_or(0)
    }

    pub fn here(&self) -> u8 {
        self.byte(0)
    }

    fn rest(&self, n: usize) -> &'t [u8] {
        self.text
            .as_bytes()
            .get(self.mark.p.saturating_add(n)..)
            .unwrap_or(&[])
    }

    pub fn is_end(&self) -> bool {
        self.mark.p >= self.text.len()
    }

    /// The length in bytes of the line break `n` bytes on; 0 if there is none.
    pub fn break_length(&self, n: usize) -> usize {
        match self.rest(n) {
            [b'\r', b'\n', ..] | [0xc2, 0x85, ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
            _ => 0,
        }
    }

    pub fn is_break(&self, n: usize) -> bool {
        self.break_length(n) > 0
    }

    pub fn is_blank(&self) -> bool {
        matches!(self.here(), b' ' | b'\t')
    }

    /// Whether a space, a tab, a line break or the end is `n` bytes on.
    pub fn is_blank_or_end(&self, n: usize) -> bool {
        let rest = self.rest(n);
        rest.is_empty() || matches!(rest, [b' ' | b'\t', ..]) || self.is_break(n)
    }

    pub fn is_break_or_end(&self) -> bool {
        self.is_end() || self.is_break(0)
    }

    pub fn is_bom(&self) -> bool {
        self.rest(0).starts_with(b"\xef\xbb\xbf")
    }

    /// Whether `---` or `...` begins the line here.
    pub fn is_marker(&self, dots: &[u8]) -> bool {
        self.mark.column == 0 && self.rest(0).starts_with(dots) && self.is_blank_or_end(3)
    }

    /// The character here.
    pub fn char(&self) -> Option<char> {
        match self.here() {
            b @ 1..0x80 => Some(char::from(b)),
            _ => self.text.get(self.mark.p..)?.chars().next(),
        }
    }

    /// Steps over one character, not a line break.
    pub fn skip(&mut self) {
        let length = match self.here() {
            0..0x80 => 1,
            _ => self.char().map_or(1, char::len_utf8),
        };
        self.mark.p = self.mark.p.saturating_add(length);
        self.mark.index = self.mark.index.saturating_add(1);
        self.mark.column = self.mark.column.saturating_add(1);
    }

    /// Steps over `n` ASCII characters.
    pub fn skip_ascii(&mut self, n: usize) {
        self.mark.p = self.mark.p.saturating_add(n);
        self.mark.index = self.mark.index.saturating_add(n);
        self.mark.column = self
            .mark
            .column
            .saturating_add(i64::try_from(n).unwrap_or(i64::MAX));
    }

    /// Steps over one character and appends it.
    pub fn read(&mut self, to: &mut String) {
        if let Some(c) = self.char() {
            to.push(c);
        }
        self.skip();
    }

    /// Steps over a line break; U+2028 and U+2029 stay what they are, the others become `\n`.
    pub fn skip_break(&mut self) -> char {
        let length = self.break_length(0);
        let c = match self.rest(0) {
            [0xe2, 0x80, 0xa8, ..] => '\u{2028}',
            [0xe2, 0x80, 0xa9, ..] => '\u{2029}',
            _ => '\n',
        };
        let characters = if self.here() == b'\r' { length } else { 1 };
        self.mark.p = self.mark.p.saturating_add(length);
        self.mark.index = self.mark.index.saturating_add(characters);
        self.mark.line = self.mark.line.saturating_add(1);
        self.mark.column = 0;
        c
    }

    pub fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.skip();
        }
    }

    pub fn skip_comment(&mut self) {
        if self.here() == b'#' {
            while !self.is_break_or_end() {
                self.skip();
            }
        }
    }
}

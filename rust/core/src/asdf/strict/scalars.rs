//! Scalars of the strict tier: how lines are folded, escapes undone and ends found.

use super::Form;
use super::reader::Mark;
use super::scan::Scanner;
use super::token::{ScalarToken, Value};
use crate::error::Result;

/// White space within a scalar that is not decided yet: it counts only if more text follows.
#[derive(Debug, Default)]
struct Gap {
    spaces: String,
    /// The first line break.
    first: Option<char>,
    /// Those after it.
    more: String,
    /// Whether the line was left, by a break or by an escaped one.
    left: bool,
}

impl Gap {
    fn add_break(&mut self, c: char) {
        if self.left {
            self.more.push(c);
        } else {
            self.spaces.clear();
            self.first = Some(c);
            self.left = true;
        }
    }

    /// Writes what the gap means: spaces as they are, one break as a space, more of them as breaks.
    fn flush(&mut self, to: &mut String) {
        if self.left {
            match self.first {
                Some('\n') if self.more.is_empty() => to.push(' '),
                Some('\n') | None => {}
                Some(c) => to.push(c),
            }
            to.push_str(&self.more);
        } else {
            to.push_str(&self.spaces);
        }
        self.spaces.clear();
        self.more.clear();
        self.first = None;
        self.left = false;
    }
}

impl Scanner<'_> {
    /// The text, borrowed from the source if nothing had to be changed.
    fn text_value(&self, text: String, start: usize, end: usize) -> Value {
        if self.reader.text.get(start..end) == Some(text.as_str()) {
            Value::Source(start, end)
        } else {
            Value::Cooked(text)
        }
    }

    /// Reads a plain scalar.
    pub(super) fn plain_scalar(&mut self) -> Result<ScalarToken> {
        let start = self.reader.mark.p;
        let indent = self.indent.saturating_add(1);
        let mut text = String::new();
        let mut gap = Gap::default();
        let mut end = start;
        loop {
            let marker = self.reader.is_marker(b"---") || self.reader.is_marker(b"...");
            if marker || self.reader.here() == b'#' {
                break;
            }
            while !self.reader.is_blank_or_end(0) && !self.plain_ends()? {
                gap.flush(&mut text);
                self.reader.read(&mut text);
                end = self.reader.mark.p;
            }
            if !self.reader.is_blank() && !self.reader.is_break(0) {
                break;
            }
            while self.reader.is_blank() || self.reader.is_break(0) {
                if self.reader.is_break(0) {
                    gap.add_break(self.reader.skip_break());
                } else if gap.left {
                    if self.reader.here() == b'\t' && self.reader.mark.column < indent {
                        return self.expected("spaces as indentation");
                    }
                    self.reader.skip();
                } else {
                    self.reader.read(&mut gap.spaces);
                }
            }
            if !self.in_flow() && self.reader.mark.column < indent {
                break;
            }
        }
        if gap.left {
            self.key_allowed = true;
        }
        Ok(ScalarToken {
            form: Form::Plain,
            text: self.text_value(text, start, end),
            end,
        })
    }

    /// Whether the character here ends a plain scalar.
    fn plain_ends(&self) -> Result<bool> {
        let flow = self.in_flow();
        match self.reader.here() {
            b':' => {
                let next = self.reader.byte(1);
                if flow && matches!(next, b',' | b'?' | b'[' | b']' | b'{' | b'}') {
                    return self.expected("a space after `:`");
                }
                Ok(self.reader.is_blank_or_end(1))
            }
            b',' | b'[' | b']' | b'{' | b'}' => Ok(flow),
            _ => Ok(false),
        }
    }

    /// Reads a quoted scalar with its quotes.
    pub(super) fn quoted_scalar(&mut self) -> Result<ScalarToken> {
        let opening = self.reader.mark;
        let quote = self.reader.here();
        let form = if quote == b'"' {
            Form::Double
        } else {
            Form::Single
        };
        self.reader.skip();
        let start = self.reader.mark.p;
        let mut text = String::new();
        let mut gap = Gap::default();
        loop {
            if self.reader.is_marker(b"---") || self.reader.is_marker(b"...") {
                return self.expected("the closing quote before the end of the document");
            }
            if self.reader.is_end() {
                let message = "found a quote that is not closed, expected another one";
                return Err(self.error(opening, message));
            }
            while !self.reader.is_blank_or_end(0) {
                let here = self.reader.here();
                if here == quote {
                    if quote == b'"' || self.reader.byte(1) != quote {
                        break;
                    }
                    text.push('\'');
                    self.reader.skip_ascii(2);
                } else if here == b'\\' && quote == b'"' {
                    if self.reader.is_break(1) {
                        self.reader.skip();
                        self.reader.skip_break();
                        gap.left = true;
                        break;
                    }
                    self.escape(&mut text)?;
                } else {
                    self.reader.read(&mut text);
                }
            }
            if self.reader.here() == quote {
                break;
            }
            while self.reader.is_blank() || self.reader.is_break(0) {
                if self.reader.is_break(0) {
                    gap.add_break(self.reader.skip_break());
                } else if gap.left {
                    self.reader.skip();
                } else {
                    self.reader.read(&mut gap.spaces);
                }
            }
            gap.flush(&mut text);
        }
        let close = self.reader.mark.p;
        self.reader.skip();
        Ok(ScalarToken {
            form,
            text: self.text_value(text, start, close),
            end: self.reader.mark.p,
        })
    }

    /// Reads one escape of a double-quoted scalar.
    fn escape(&mut self, text: &mut String) -> Result<()> {
        let one = match self.reader.byte(1) {
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0b',
            b'f' => '\x0c',
            b'r' => '\r',
            b'e' => '\x1b',
            b @ (b' ' | b'"' | b'/' | b'\\') => char::from(b),
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.code(2, text),
            b'u' => return self.code(4, text),
            b'U' => return self.code(8, text),
            _ => return self.expected("an escape that YAML knows"),
        };
        self.reader.skip_ascii(2);
        text.push(one);
        Ok(())
    }

    /// Reads an escape of hexadecimal digits.
    fn code(&mut self, digits: usize, text: &mut String) -> Result<()> {
        let start = self.reader.mark.p.saturating_add(2);
        let hex = self
            .reader
            .text
            .get(start..start.saturating_add(digits))
            .unwrap_or("");
        let valid = hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let code = if valid {
            u32::from_str_radix(hex, 16).ok()
        } else {
            None
        };
        match code.and_then(char::from_u32) {
            Some(c) => {
                text.push(c);
                self.reader.skip_ascii(digits.saturating_add(2));
                Ok(())
            }
            None => self.expected("hexadecimal digits of a Unicode character after the backslash"),
        }
    }

    /// Reads a `|` or `>` scalar.
    pub(super) fn block_scalar(&mut self) -> Result<ScalarToken> {
        let literal = self.reader.here() == b'|';
        let form = if literal { Form::Literal } else { Form::Folded };
        self.reader.skip();
        let (chomp, increment) = self.block_header()?;
        let mut end = self.reader.mark.p;
        self.reader.skip_blanks();
        self.reader.skip_comment();
        if !self.reader.is_break_or_end() {
            return self.expected("a comment or the end of the line");
        }
        if self.reader.is_break(0) {
            self.reader.skip_break();
        }
        let mut indent = increment.saturating_add(self.indent.max(0));
        if increment == 0 {
            indent = 0;
        }
        let mut text = String::new();
        let mut last: Option<char> = None;
        let mut spaced = false;
        let (mut more, mut stop) = self.block_breaks(&mut indent)?;
        while self.reader.mark.column == indent && !self.reader.is_end() {
            let now = self.reader.is_blank();
            if !literal && last == Some('\n') && !spaced && !now {
                if more.is_empty() {
                    text.push(' ');
                }
            } else {
                text.extend(last);
            }
            text.push_str(&more);
            spaced = now;
            while !self.reader.is_break_or_end() {
                self.reader.read(&mut text);
            }
            end = self.reader.mark.p;
            last = if self.reader.is_break(0) {
                Some(self.reader.skip_break())
            } else {
                None
            };
            (more, stop) = self.block_breaks(&mut indent)?;
        }
        if chomp != Some(false) {
            text.extend(last);
        }
        if chomp == Some(true) {
            text.push_str(&more);
            end = stop.p;
        }
        Ok(ScalarToken {
            form,
            text: Value::Cooked(text),
            end,
        })
    }

    /// Reads the indicators after `|` or `>`: whether to keep (or strip) the breaks at the end, and how much
    /// the text is indented; 0 if that is left to its first line.
    fn block_header(&mut self) -> Result<(Option<bool>, i64)> {
        let mut chomp = None;
        let mut increment = 0;
        let mut signs = 0_u8;
        while signs < 2 {
            match self.reader.here() {
                sign @ (b'+' | b'-') if chomp.is_none() => chomp = Some(sign == b'+'),
                b'0' if increment == 0 => return self.expected("an indentation from 1 to 9"),
                digit @ b'1'..=b'9' if increment == 0 => {
                    increment = i64::from(digit.saturating_sub(b'0'));
                }
                _ => break,
            }
            self.reader.skip();
            signs = signs.saturating_add(1);
        }
        Ok((chomp, increment))
    }

    /// Steps over blank lines and indentation; without an indentation yet, the deepest line up to and with
    /// the first that holds text gives it. Returns the breaks, and the place after the last of them.
    fn block_breaks(&mut self, indent: &mut i64) -> Result<(String, Mark)> {
        let mut breaks = String::new();
        let mut deepest = 0;
        let mut stop = self.reader.mark;
        loop {
            let within = |column: i64| *indent == 0 || column < *indent;
            while within(self.reader.mark.column) && self.reader.here() == b' ' {
                self.reader.skip();
            }
            deepest = deepest.max(self.reader.mark.column);
            if within(self.reader.mark.column) && self.reader.here() == b'\t' {
                return self.expected("spaces as indentation");
            }
            if !self.reader.is_break(0) {
                break;
            }
            breaks.push(self.reader.skip_break());
            stop = self.reader.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent.saturating_add(1)).max(1);
        }
        Ok((breaks, stop))
    }
}

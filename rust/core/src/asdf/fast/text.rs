//! Scalars of the fast tier: plain, quoted, literal and folded.

use super::{Fast, Step, done, on};
use crate::asdf::build::{Props, Text};
use crate::asdf::tape::Form;

/// Bytes that may end a plain scalar in block context.
const BLOCK_STOPS: [bool; 256] = stops(b"\n:#");

/// Bytes that may end a plain scalar in brackets.
pub(super) const FLOW_STOPS: [bool; 256] = stops(b"\n:#,[]{}");

/// What must not follow a `:` within a plain scalar in brackets.
const FLOW: &[u8] = b",[]{}?";

/// Bytes that a plain scalar cannot begin with, or only under conditions that are left to the strict tier.
const NO_START: [bool; 256] = stops(b"\0\n ?:,[]{}#&*!|>'\"%@`");

const fn stops(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut rest = bytes;
    while let [b, tail @ ..] = rest {
        #[allow(
            clippy::indexing_slicing,
            reason = "evaluated while compiling; every u8 is below 256"
        )]
        {
            table[*b as usize] = true;
        }
        rest = tail;
    }
    table
}

/// Whether `b` is in the table.
pub(super) fn is_in(table: &[bool; 256], b: u8) -> bool {
    table.get(usize::from(b)).copied().unwrap_or(false)
}

/// How a block scalar treats the line breaks at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Clip,
    Strip,
    Keep,
}

impl<'t> Fast<'t> {
    /// Scans a plain scalar to where it, or its first line, ends: the end of its text and the byte that
    /// stops it there (`:` before a blank, `#` after one, or the line's end as `\n`).
    ///
    /// The cursor is left at the stopping byte.
    pub(super) fn plain_line(&mut self) -> Step<(usize, u8)> {
        let start = self.p;
        if !self.starts_plain() || (self.here() == b'-' && self.is_blank(on(start, 1))) {
            return None;
        }
        self.plain_rest(&BLOCK_STOPS)
    }

    /// Whether the byte at the cursor may begin a plain scalar without further conditions.
    pub(super) fn starts_plain(&self) -> bool {
        !is_in(&NO_START, self.here())
    }

    /// Scans on, after the first byte has been judged.
    pub(super) fn plain_rest(&mut self, table: &[bool; 256]) -> Step<(usize, u8)> {
        let start = self.p;
        let mut p = start;
        let stop = loop {
            let Some(n) = self.rest(p).iter().position(|&b| is_in(table, b)) else {
                p = self.bytes.len();
                break b'\n';
            };
            p = on(p, n);
            match self.byte(p) {
                b':' if self.is_blank(on(p, 1)) => break b':',
                // In brackets, `:` before an indicator is an error to libyaml.
                b':' if is_in(table, b',') && FLOW.contains(&self.byte(on(p, 1))) => return None,
                b'#' if self.byte(p.saturating_sub(1)) == b' ' => break b'#',
                b':' | b'#' => p = on(p, 1),
                stop => break stop,
            }
        };
        self.p = p;
        let mut end = p;
        while end > start && self.byte(end.wrapping_sub(1)) == b' ' {
            end = end.wrapping_sub(1);
        }
        (end > start).then_some((end, stop))
    }

    /// Reads a plain scalar that goes on in further lines; the cursor is at the second one.
    pub(super) fn plain_folded(
        &mut self,
        n: i64,
        props: &Props<'t>,
        start: usize,
        first_end: usize,
    ) -> Step {
        let at = self.out.cooked().len();
        let first = self.text.get(start..first_end)?;
        self.out.cooked().push_str(first);
        let mut end = first_end;
        // A comment ends the scalar; what follows it then is judged by the parents.
        while self.col > n && !self.commented {
            self.fold(self.blanks);
            let line = self.p;
            let (line_end, stop) = self.plain_rest(&BLOCK_STOPS)?;
            let words = self.text.get(line..line_end)?;
            self.out.cooked().push_str(words);
            end = line_end;
            if stop == b':' {
                return None;
            }
            self.p = self.line_end(self.p);
            self.seek();
            if stop == b'#' {
                break;
            }
        }
        done(self.out.scalar(props, Form::Plain, Text::Cooked(at), end))?;
        Some(())
    }

    /// One line break is a space; more of them are one break fewer.
    pub(super) fn fold(&mut self, blanks: usize) {
        let cooked = self.out.cooked();
        if blanks == 0 {
            cooked.push(' ');
        } else {
            cooked.extend(std::iter::repeat_n('\n', blanks));
        }
    }

    /// Reads a quoted scalar; the cursor is left after the closing quote.
    pub(super) fn quoted(&mut self) -> Step<(Form, Text)> {
        let quote = self.here();
        let form = if quote == b'"' {
            Form::Double
        } else {
            Form::Single
        };
        let start = on(self.p, 1);
        let plain = self
            .rest(start)
            .iter()
            .position(|&b| b == quote || b == b'\\' || b == b'\n')?;
        let stop = on(start, plain);
        let doubled = quote == b'\'' && self.byte(on(stop, 1)) == quote;
        if self.byte(stop) == quote && !doubled {
            self.p = on(stop, 1);
            return Some((form, Text::Source(start, stop)));
        }
        self.p = start;
        let at = self.out.cooked().len();
        self.cook(quote)?;
        // A lone backslash in single quotes means nothing: the text may turn out to be as written.
        let end = self.p.saturating_sub(1);
        if self.out.cooked().get(at..) == self.text.get(start..end) {
            self.out.cooked().truncate(at);
            return Some((form, Text::Source(start, end)));
        }
        Some((form, Text::Cooked(at)))
    }

    /// Writes the quoted text with escapes and folds undone; the cursor is left after the closing quote.
    fn cook(&mut self, quote: u8) -> Step {
        loop {
            match self.here() {
                b if b == quote => {
                    self.p = on(self.p, 1);
                    if quote == b'"' || self.here() != quote {
                        return Some(());
                    }
                    self.p = on(self.p, 1);
                    self.out.cooked().push('\'');
                }
                b'\\' if quote == b'"' => self.escape()?,
                b' ' => {
                    let start = self.p;
                    self.skip_spaces();
                    if self.here() != b'\n' {
                        let spaces = self.text.get(start..self.p)?;
                        self.out.cooked().push_str(spaces);
                    }
                }
                b'\n' => {
                    let breaks = self.breaks()?;
                    self.fold(breaks.saturating_sub(1));
                }
                0 => return None,
                _ => {
                    let start = self.p;
                    let special = |&b: &u8| matches!(b, b' ' | b'\n' | b'"' | b'\\' | b'\'');
                    let length = self.rest(on(start, 1)).iter().position(special)?;
                    self.p = on(on(start, 1), length);
                    let words = self.text.get(start..self.p)?;
                    self.out.cooked().push_str(words);
                }
            }
        }
    }

    /// Steps over line breaks and the spaces around them, from a line break to the next content of a quoted
    /// scalar, and counts the breaks.
    pub(super) fn breaks(&mut self) -> Step<usize> {
        let mut breaks = 0;
        let mut line = self.p;
        while self.here() == b'\n' {
            breaks = on(breaks, 1);
            line = on(self.p, 1);
            self.p = line;
            self.skip_spaces();
        }
        let marker = self.p == line && self.is_marker(line);
        (!marker).then_some(breaks)
    }

    /// Reads one escape of a double-quoted scalar.
    fn escape(&mut self) -> Step {
        let letter = self.byte(on(self.p, 1));
        self.p = on(self.p, 2);
        let one = match letter {
            b'\n' => {
                // The break disappears with the indentation after it; further breaks stay.
                self.p = self.p.saturating_sub(1);
                let breaks = self.breaks()?;
                let kept = std::iter::repeat_n('\n', breaks.saturating_sub(1));
                self.out.cooked().extend(kept);
                return Some(());
            }
            b'x' => self.code(2)?,
            b'u' => self.code(4)?,
            b'U' => self.code(8)?,
            _ => simple_escape(letter)?,
        };
        self.out.cooked().push(one);
        Some(())
    }

    fn code(&mut self, digits: usize) -> Step<char> {
        let end = on(self.p, digits);
        let hex = self.text.get(self.p..end)?;
        self.p = end;
        // A sign would be read, too.
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        char::from_u32(u32::from_str_radix(hex, 16).ok()?)
    }

    /// Reads a `|` or `>` scalar whose parent stands at column `n`.
    pub(super) fn block_scalar(&mut self, n: i64, props: &Props<'t>) -> Step {
        let literal = self.here() == b'|';
        self.p = on(self.p, 1);
        let chomp = match self.here() {
            b'-' => Chomp::Strip,
            b'+' => Chomp::Keep,
            _ => Chomp::Clip,
        };
        if chomp != Chomp::Clip {
            self.p = on(self.p, 1);
        }
        // An explicit indentation is given up here: it is a digit, not the end of the line.
        self.rest_of_line()?;
        let (indent, blanks) = self.block_indent(n)?;
        let at = self.out.cooked().len();
        let end = self.block_lines(literal, chomp, indent, blanks)?;
        let form = if literal { Form::Literal } else { Form::Folded };
        done(self.out.scalar(props, form, Text::Cooked(at), end))?;
        self.seek();
        Some(())
    }

    /// Finds the first line with content: its indentation and the blank lines before it. The cursor is left
    /// at the start of that line.
    fn block_indent(&mut self, n: i64) -> Step<(usize, usize)> {
        let mut blanks = 0;
        let mut longest = 0;
        loop {
            let line = on(self.p, 1);
            self.p = line;
            self.skip_spaces();
            let indent = self.p.saturating_sub(line);
            longest = longest.max(indent);
            if self.here() != b'\n' {
                // Blank lines deeper than the content, or no content, are for the strict tier.
                let deep = i64::try_from(indent).is_ok_and(|indent| indent > n.max(0));
                let any = self.here() != 0;
                self.p = line;
                return (deep && any && indent == longest).then_some((indent, blanks));
            }
            blanks = on(blanks, 1);
        }
    }

    /// Reads the lines of a block scalar and returns the end of its span. The cursor is left at the line
    /// break (or the end of the text) after the last line that was read.
    fn block_lines(
        &mut self,
        literal: bool,
        chomp: Chomp,
        indent: usize,
        blanks: usize,
    ) -> Step<usize> {
        // Breaks that are not written yet: after the last line, and of blank lines since.
        let mut pending = 0_usize;
        let mut blanks = blanks;
        let mut spaced = true;
        loop {
            let start = on(self.p, indent);
            let end = self.line_end(start);
            let line = self.text.get(start..end)?;
            let was_spaced = std::mem::replace(&mut spaced, line.starts_with(' '));
            let fold = !literal && pending > 0 && !was_spaced && !spaced;
            if fold && blanks == 0 {
                self.out.cooked().push(' ');
            }
            let breaks = if fold { blanks } else { on(pending, blanks) };
            let cooked = self.out.cooked();
            cooked.extend(std::iter::repeat_n('\n', breaks));
            cooked.push_str(line);
            self.p = end;
            pending = usize::from(self.here() == b'\n');
            let (next, more) = self.block_blanks(indent);
            blanks = more;
            if let Some(next) = next {
                self.p = next;
                continue;
            }
            let kept = match chomp {
                Chomp::Strip => 0,
                Chomp::Clip => pending,
                Chomp::Keep => on(pending, blanks),
            };
            self.out.cooked().extend(std::iter::repeat_n('\n', kept));
            let last = self.p;
            return Some(if chomp == Chomp::Keep {
                on(last, pending)
            } else {
                end
            });
        }
    }

    /// Steps over blank lines after a line of a block scalar: the start of the next line that belongs to it
    /// and the number of blank ones. Without such a line the cursor is left at the last line break.
    fn block_blanks(&mut self, indent: usize) -> (Option<usize>, usize) {
        let mut blanks = 0;
        while self.here() == b'\n' {
            let line = on(self.p, 1);
            let rest = self.rest(line);
            let spaces = rest.iter().take(indent).position(|&b| b != b' ');
            let spaces = spaces.unwrap_or_else(|| rest.len().min(indent));
            match rest.get(spaces) {
                Some(b'\n') => {
                    blanks = on(blanks, 1);
                    self.p = on(line, spaces);
                }
                Some(_) if spaces == indent => return (Some(line), blanks),
                _ => break,
            }
        }
        (None, blanks)
    }
}

/// The character that a backslash and this letter stand for.
fn simple_escape(letter: u8) -> Option<char> {
    Some(match letter {
        b'0' => '\0',
        b'a' => '\x07',
        b'b' => '\x08',
        b't' => '\t',
        b'n' => '\n',
        b'v' => '\x0b',
        b'f' => '\x0c',
        b'r' => '\r',
        b'e' => '\x1b',
        b' ' | b'"' | b'/' | b'\\' => char::from(letter),
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}

//! The fast tier: one pass over the YAML that ASDF writers emit.
//!
//! It either builds exactly the tape that the strict tier would build, or gives up (`None`) and leaves
//! the text to it. So it never words an error and never guesses: whatever is rare, is read differently by
//! different parsers or is wrong, is given up. Block structure is recursive descent on columns; there are
//! no tokens. Each function that reads a node in block context leaves the cursor at the next line that
//! holds content, with its column in `col`.

mod flow;
mod props;
mod text;

use super::build::{Builder, Fault, Props, Text};
use super::tag;
use super::tape::{Form, MAX_DEPTH, NodeId, Tape, is_anchor_byte};

/// Done, or given up.
type Step<T = ()> = Option<T>;

/// The column of "no more content".
const END: i64 = -1;

/// A key that begins further back than this is given up; libyaml's own limit is 1024 characters.
const MAX_KEY: usize = 1000;

/// Parses a whole tree or, if `shallow`, one in which tagged collections are empty scalars with that tag.
pub(super) fn parse(bytes: &[u8], at: u64, shallow: bool) -> Option<Tape> {
    if super::tape::check_size(bytes, at).is_err() || !is_tame(bytes) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut parser = Fast {
        text,
        bytes,
        p: 0,
        col: 0,
        blanks: 0,
        commented: false,
        shallow,
        out: Builder::new(bytes.len(), at),
    };
    parser.document()?;
    Some(parser.out.finish())
}

/// Whether the text is free of bytes that need the strict tier's care: controls (tabs and carriage returns
/// too), and the characters that YAML 1.1 counts as line breaks or refuses.
fn is_tame(bytes: &[u8]) -> bool {
    // Two passes: the first is branch-free within a chunk, so it vectorises; most trees need no second.
    let plain_ascii = bytes.chunks(4096).all(|chunk| {
        chunk.iter().fold(0, |bad, &b| {
            bad | u8::from(b != b'\n' && !(b' '..0x7f).contains(&b))
        }) == 0
    });
    plain_ascii || is_tame_unicode(bytes)
}

fn is_tame_unicode(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, &b)| match b {
        b'\n' | b' '..=0x7e => true,
        0x80.. => {
            let tail = bytes.get(at..).unwrap_or(&[]);
            // C1 controls with NEL; LS and PS; the byte order mark and the two non-characters.
            !matches!(
                tail,
                [0xc2, 0x80..=0x9f, ..]
                    | [0xe2, 0x80, 0xa8 | 0xa9, ..]
                    | [0xef, 0xbb, 0xbf, ..]
                    | [0xef, 0xbf, 0xbe | 0xbf, ..]
            )
        }
        _ => false,
    })
}

struct Fast<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// The cursor.
    p: usize,
    /// The column of the next content, once a node has been read; [`END`] after the last.
    col: i64,
    /// Blank lines before that content.
    blanks: usize,
    /// Whether a comment line stood before that content.
    commented: bool,
    /// Whether what tagged collections hold is passed over.
    shallow: bool,
    out: Builder<'t>,
}

/// What a flow or block context allows a node to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nest {
    /// A mapping or a sequence may begin right here.
    Yes,
    /// Only scalars, brackets and aliases.
    No,
}

fn done<T>(result: Result<T, Fault>) -> Step<T> {
    result.ok()
}

/// A position `n` bytes on; a text has less than 4 GiB, so it never wraps.
fn on(p: usize, n: usize) -> usize {
    p.wrapping_add(n)
}

impl<'t> Fast<'t> {
    /// The byte at `p`, 0 after the end (no tame text holds a 0).
    fn byte(&self, p: usize) -> u8 {
        self.bytes.get(p).copied().unwrap_or(0)
    }

    fn here(&self) -> u8 {
        self.byte(self.p)
    }

    fn rest(&self, p: usize) -> &'t [u8] {
        self.bytes.get(p..).unwrap_or(&[])
    }

    /// Whether a space, a line break or the end is at `p`.
    fn is_blank(&self, p: usize) -> bool {
        matches!(self.byte(p), b' ' | b'\n' | 0)
    }

    /// Steps over spaces, eight at a time: indentation is a good part of a block style text.
    fn skip_spaces(&mut self) {
        let mut rest = self.rest(self.p);
        while let Some((eight, tail)) = rest.split_first_chunk::<8>() {
            let others = u64::from_le_bytes(*eight) ^ u64::from_le_bytes([b' '; 8]);
            if others != 0 {
                // The lowest bit that differs lies in the first byte that is no space.
                let spaces = usize::try_from(others.trailing_zeros() / 8).unwrap_or(0);
                self.p = on(self.p, spaces);
                return;
            }
            self.p = on(self.p, 8);
            rest = tail;
        }
        let spaces = rest.iter().position(|&b| b != b' ').unwrap_or(rest.len());
        self.p = on(self.p, spaces);
    }

    /// The end of the line that holds `p`.
    fn line_end(&self, p: usize) -> usize {
        memchr::memchr(b'\n', self.rest(p)).map_or(self.bytes.len(), |n| on(p, n))
    }

    fn is_marker(&self, p: usize) -> bool {
        matches!(
            self.rest(p),
            [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..]
        ) && self.is_blank(on(p, 3))
    }

    fn document(&mut self) -> Step {
        self.directives()?;
        if !self.rest(self.p).starts_with(b"---") || !self.is_blank(on(self.p, 3)) {
            return None;
        }
        self.p = on(self.p, 3);
        self.value(END, false, Nest::No, 0)?;
        // What is left may be the end marker and its line break, nothing else.
        let rest = self.rest(self.p);
        (self.col == END && matches!(rest, b"" | b"..." | b"...\n")).then_some(())
    }

    /// Reads the `%` lines in their common spelling.
    fn directives(&mut self) -> Step {
        let mut version = false;
        while self.here() == b'%' {
            let end = self.line_end(self.p);
            let line = self.text.get(self.p..end)?;
            if let "%YAML 1.1" | "%YAML 1.2" = line {
                if std::mem::replace(&mut version, true) {
                    return None;
                }
            } else {
                let (handle, prefix) = line.strip_prefix("%TAG ")?.split_once(' ')?;
                let inner = handle.strip_prefix('!')?;
                let named = inner
                    .strip_suffix('!')
                    .is_some_and(|n| n.bytes().all(is_anchor_byte));
                let known = inner.is_empty() || named;
                let tame = prefix.bytes().all(|b| tag::is_uri_byte(b, true));
                if !known || !tame || prefix.is_empty() || !self.out.declare(handle, prefix) {
                    return None;
                }
            }
            self.p = on(end, 1);
        }
        Some(())
    }

    /// Steps over spaces and a comment to the end of the line; gives up if anything else stands there.
    fn rest_of_line(&mut self) -> Step {
        self.skip_spaces();
        match self.here() {
            b'\n' | 0 => {}
            b'#' if self.byte(self.p.saturating_sub(1)) == b' ' => self.p = self.line_end(self.p),
            _ => return None,
        }
        Some(())
    }

    /// Goes from the end of a line to the next content and notes its column.
    fn seek(&mut self) {
        self.blanks = 0;
        self.commented = false;
        loop {
            if self.p >= self.bytes.len() {
                self.col = END;
                return;
            }
            let line = on(self.p, 1);
            self.p = line;
            self.skip_spaces();
            match self.here() {
                b'\n' => self.blanks = on(self.blanks, 1),
                b'#' => {
                    self.commented = true;
                    self.p = self.line_end(self.p);
                }
                0 => {
                    self.col = END;
                    return;
                }
                _ => {
                    let col = self.p.saturating_sub(line);
                    let end = col == 0 && self.is_marker(line);
                    self.col = if end {
                        END
                    } else {
                        i64::try_from(col).unwrap_or(END)
                    };
                    return;
                }
            }
        }
    }

    /// Reads the node after a `-`, a `:` or the document's start, where `n` is the parent's column.
    ///
    /// For a `-` the column of the cursor must be in `col`, so that `- a: 1` knows where `a` stands.
    fn value(&mut self, n: i64, in_mapping: bool, nest: Nest, depth: usize) -> Step {
        let before = self.p;
        self.skip_spaces();
        match self.here() {
            b'\n' | b'#' | 0 => self.value_below(n, in_mapping, &Props::none(before), depth),
            b'&' | b'!' => {
                let props = self.props()?;
                self.skip_spaces();
                if matches!(self.here(), b'\n' | b'#' | 0) {
                    self.value_below(n, in_mapping, &props, depth)
                } else {
                    self.node(n, Nest::No, &props, depth)
                }
            }
            _ => {
                let skipped = i64::try_from(self.p.wrapping_sub(before)).unwrap_or(0);
                self.col = self.col.wrapping_add(skipped);
                self.node(n, nest, &Props::none(self.p), depth)
            }
        }
    }

    /// Reads the node that begins on a later line than its indicator, or finds that there is none.
    fn value_below(&mut self, n: i64, in_mapping: bool, props: &Props<'t>, depth: usize) -> Step {
        self.rest_of_line()?;
        self.seek();
        if self.shallow && depth > 0 && props.tag != 0 && self.col > n {
            self.pass_over(n)?;
            done(self.out.absent(props)).map(|_| ())
        } else if self.col > n {
            let here = Props::none(self.p);
            self.node(
                n,
                Nest::Yes,
                if props.is_none() { &here } else { props },
                depth,
            )
        } else if in_mapping && self.col == n && self.is_entry() {
            // Sequences may stand at the column of their key.
            let here = Props::none(self.p);
            self.sequence(n, if props.is_none() { &here } else { props }, depth)
        } else {
            done(self.out.absent(props)).map(|_| ())
        }
    }

    /// Goes to the next content that stands no further in than column `n`.
    ///
    /// Gives up where a quote or a bracket is open there, since these may hold lines of any column.
    fn pass_over(&mut self, n: i64) -> Step {
        let start = self.p;
        while self.col > n {
            self.p = self.line_end(self.p);
            self.seek();
        }
        let passed = self.bytes.get(start..self.p)?;
        let count = |wanted: u8| memchr::memchr_iter(wanted, passed).count();
        let closed = count(b'"') % 2 == 0
            && count(b'\'') % 2 == 0
            && count(b'[') == count(b']')
            && count(b'{') == count(b'}');
        closed.then_some(())
    }

    fn is_entry(&self) -> bool {
        self.here() == b'-' && self.is_blank(on(self.p, 1))
    }

    /// Reads the node at the cursor; its column is in `col` where `nest` allows collections.
    fn node(&mut self, n: i64, nest: Nest, props: &Props<'t>, depth: usize) -> Step {
        match self.here() {
            b'-' if self.is_blank(on(self.p, 1)) => match nest {
                Nest::Yes => self.sequence(self.col, props, depth),
                Nest::No => None,
            },
            b'[' | b'{' => {
                self.brackets(props, depth)?;
                self.rest_of_line()?;
                self.seek();
                Some(())
            }
            b'"' | b'\'' => self.quoted_node(nest, props, depth),
            b'|' | b'>' => self.block_scalar(n, props),
            b'*' => {
                // A tag or an anchor cannot stand before an alias.
                if props.end > props.start {
                    return None;
                }
                self.alias()?;
                self.rest_of_line()?;
                self.seek();
                Some(())
            }
            _ => self.plain_node(n, nest, props, depth),
        }
    }

    /// Reads a quoted scalar, or a mapping whose first key it is.
    fn quoted_node(&mut self, nest: Nest, props: &Props<'t>, depth: usize) -> Step {
        let (start, column) = (self.p, self.col);
        let (form, text) = self.quoted()?;
        let end = self.p;
        if self.colon(start).is_some() {
            // A quoted key ends on the line it began on.
            return if nest == Nest::Yes && self.text.get(start..end)?.find('\n').is_none() {
                self.mapping(column, (start, form, text, end), props, depth)
            } else {
                None
            };
        }
        done(self.out.scalar(props, form, text, end))?;
        self.rest_of_line()?;
        self.seek();
        Some(())
    }

    /// Reads a plain scalar, or a mapping whose first key it is.
    fn plain_node(&mut self, n: i64, nest: Nest, props: &Props<'t>, depth: usize) -> Step {
        let (start, column) = (self.p, self.col);
        let (end, stop) = self.plain_line()?;
        let text = Text::Source(start, end);
        if stop == b':' {
            return if nest == Nest::Yes && self.colon(start).is_some() {
                self.mapping(column, (start, Form::Plain, text, end), props, depth)
            } else {
                None
            };
        }
        if stop == b'#' {
            self.p = self.line_end(self.p);
            self.seek();
            done(self.out.scalar(props, Form::Plain, text, end))?;
            return Some(());
        }
        self.seek();
        if self.col > n && !self.commented {
            return self.plain_folded(n, props, start, end);
        }
        done(self.out.scalar(props, Form::Plain, text, end))?;
        Some(())
    }

    /// Steps over `:` after a key that began at `start`; `None` (and no step) if there is none.
    fn colon(&mut self, start: usize) -> Option<()> {
        let mut p = self.p;
        while self.byte(p) == b' ' {
            p = on(p, 1);
        }
        let near = p.saturating_sub(start) <= MAX_KEY;
        (self.byte(p) == b':' && self.is_blank(on(p, 1)) && near).then(|| self.p = on(p, 1))
    }

    /// Reads a mapping at column `c`; its first key has been read up to and with the `:`.
    fn mapping(&mut self, c: i64, first: Key, props: &Props<'t>, depth: usize) -> Step {
        let depth = deeper(depth)?;
        // Properties on the line of the first key would belong to that key.
        let id = done(self.out.open(props, Form::BlockMapping))?;
        let mut count = 1_usize;
        self.key(id, first)?;
        loop {
            self.value(c, true, Nest::No, depth)?;
            if self.col != c {
                break;
            }
            count = on(count, 1);
            let key = self.scan_key()?;
            self.key(id, key)?;
        }
        self.out.close(id, count, None);
        (self.col < c).then_some(())
    }

    /// Scans a key in block context, with its `:`.
    fn scan_key(&mut self) -> Step<Key> {
        let start = self.p;
        let (form, text) = match self.here() {
            b'"' | b'\'' => self.quoted()?,
            b'-' if self.is_blank(on(start, 1)) => return None,
            b'[' | b'{' | b'|' | b'>' | b'*' => return None,
            _ => {
                let (end, stop) = self.plain_line()?;
                let key = (start, Form::Plain, Text::Source(start, end), end);
                return if stop == b':' {
                    self.colon(start).map(|()| key)
                } else {
                    None
                };
            }
        };
        let end = self.p;
        self.colon(start)?;
        self.text
            .get(start..end)?
            .find('\n')
            .is_none()
            .then_some((start, form, text, end))
    }

    fn key(&mut self, mapping: NodeId, (start, form, text, end): Key) -> Step {
        let key = done(self.out.scalar(&Props::none(start), form, text, end))?;
        if on(start, 2) == end {
            self.out.check_merge(mapping, key, self.bytes);
        }
        Some(())
    }

    /// Reads a sequence whose `-` stand at column `c`.
    fn sequence(&mut self, c: i64, props: &Props<'t>, depth: usize) -> Step {
        let depth = deeper(depth)?;
        let id = done(self.out.open(props, Form::BlockSequence))?;
        let mut count = 0_usize;
        while self.col == c && self.is_entry() {
            count = on(count, 1);
            self.p = on(self.p, 1);
            self.col = c.saturating_add(1);
            self.value(c, false, Nest::Yes, depth)?;
        }
        self.out.close(id, count, None);
        // At the same column only a key of the parent may follow; the parent sees to that.
        (self.col <= c).then_some(())
    }
}

/// A key that has been scanned but not yet put on the tape: start, form, text, end.
type Key = (usize, Form, Text, usize);

fn deeper(depth: usize) -> Step<usize> {
    (depth < MAX_DEPTH).then(|| on(depth, 1))
}

//! Writing: where lines break, how far they are indented, which quotes a scalar gets.

use std::fmt::Write as _;

use memchr::memchr_iter;

use super::super::tape::index;
use super::text::{
    ANY_PLAIN, ASCII, BLOCK, BLOCK_PLAIN, FLOW_PLAIN, MULTILINE, PLAIN_IS_MEANT, QUOTED_IS_MEANT,
    SINGLE, SPACES, WANT_DOUBLE, WANT_FOLDED, WANT_LITERAL, WANT_SINGLE, is_break, is_printable,
    push_uri,
};
use super::{Document, Form, Item, Kind, Part, Piece, Style};

/// A line that is longer is broken at its next space.
const WIDTH: usize = 80;
/// Columns by which nested nodes are indented.
const INDENT: usize = 2;
const BLANKS: &str = "                                ";
/// A key of more bytes is written after `?`.
const SIMPLE_KEY: usize = 128;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The root, or an item of a list.
    Item,
    /// A key on the line of its `:`.
    SimpleKey,
    /// A value, or a key after `?`.
    InMapping,
}

/// The state of libyaml's emitter, as far as it shows in the text.
pub(super) struct Writer<'a> {
    document: &'a Document,
    out: String,
    /// Characters on the line so far.
    column: usize,
    /// Indentation of the innermost collection; the root has none.
    indent: Option<usize>,
    /// Nested brackets.
    brackets: usize,
    /// What was written last is followed by white space, or needs none.
    space: bool,
    /// The line holds nothing yet but indentation and `-`, `?`, `:`.
    fresh: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        // Indentation, indicators and breaks come to about as much as the scalars.
        let capacity = document.text.len().saturating_mul(2).saturating_add(256);
        Self {
            document,
            out: String::with_capacity(capacity),
            column: 0,
            indent: None,
            brackets: 0,
            space: true,
            fresh: true,
        }
    }

    pub(super) fn document(mut self) -> String {
        self.out.push_str("%YAML 1.1\n");
        for (handle, prefix) in &self.document.handles {
            self.out.push_str("%TAG ");
            self.out.push_str(handle);
            self.out.push(' ');
            push_uri(&mut self.out, prefix, true);
            self.out.push('\n');
        }
        self.indicator("---", true, false, false);
        if !self.document.items.is_empty() {
            self.node(0, Place::Item);
        }
        self.line();
        self.out.push_str("...\n");
        self.out
    }

    fn item(&self, at: usize) -> Option<Item> {
        self.document.items.get(at).copied()
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column = self.column.saturating_add(1);
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Begins a line at the indentation, unless this is where the line is.
    fn line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.fresh || self.column > indent || (self.column == indent && !self.space) {
            self.line_break();
        }
        while let Some(missing) = indent
            .checked_sub(self.column)
            .filter(|&missing| missing > 0)
        {
            let blanks = BLANKS.get(..missing).unwrap_or(BLANKS);
            self.out.push_str(blanks);
            self.column = self.column.saturating_add(blanks.len());
        }
        self.space = true;
        self.fresh = true;
    }

    /// Writes punctuation: with a space before it where `apart`; what follows needs none where `space`; the
    /// line stays fresh where `fresh`.
    fn indicator(&mut self, text: &str, apart: bool, space: bool, fresh: bool) {
        if apart && !self.space {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column = self.column.saturating_add(text.len());
        self.space = space;
        self.fresh &= fresh;
    }

    fn anchor(&mut self, sign: char, anchor: u32) {
        if let Some(name) = self.name(anchor) {
            if !self.space {
                self.put(' ');
            }
            let start = self.out.len();
            // Writing to a String cannot fail.
            let _ = write!(self.out, "{sign}id{name:03}");
            self.column = self
                .column
                .saturating_add(self.out.len().saturating_sub(start));
            self.space = false;
            self.fresh = false;
        }
    }

    /// The anchor's number, if any alias uses it.
    fn name(&self, anchor: u32) -> Option<u32> {
        let name = usize::try_from(anchor)
            .ok()
            .and_then(|at| self.document.names.get(at))
            .copied();
        name.filter(|&name| name > 0)
    }

    fn tag(&mut self, tag: u32) {
        let document = self.document;
        if tag > 0
            && let Some(spelling) = usize::try_from(tag)
                .ok()
                .and_then(|at| document.spellings.get(at))
        {
            self.indicator(&spelling.text, true, false, false);
        }
    }

    /// Goes one level down.
    fn deeper(&mut self, flow: bool) -> Option<usize> {
        let outer = self.indent;
        self.indent = Some(match outer {
            None if flow => INDENT,
            None => 0,
            Some(indent) => indent.saturating_add(INDENT),
        });
        outer
    }

    /// Writes the node and returns the number after it.
    fn node(&mut self, at: usize, place: Place) -> usize {
        let Some(item) = self.item(at) else {
            return at.saturating_add(1);
        };
        match item.form {
            Form::Alias => {
                self.anchor('*', item.anchor);
                if place == Place::SimpleKey {
                    // `*id001:` would be one long name.
                    self.put(' ');
                }
                at.saturating_add(1)
            }
            Form::Scalar => {
                self.scalar(item, place);
                at.saturating_add(1)
            }
            Form::Sequence | Form::Mapping => {
                self.anchor('&', item.anchor);
                self.tag(item.tag);
                let sequence = item.form == Form::Sequence;
                let first = at.saturating_add(1);
                match (self.brackets > 0 || item.flow || item.a == 0, sequence) {
                    (true, _) => self.flow(item, first, sequence),
                    (false, true) => self.block_sequence(item, first, place),
                    (false, false) => self.block_mapping(item, first),
                }
            }
            Form::Part => {
                self.anchor('&', item.anchor);
                self.tag(item.tag);
                let document = self.document;
                if let Some(part) = document.parts.get(index(item.a)) {
                    self.part(part, place);
                }
                at.saturating_add(1)
            }
        }
    }

    fn flow(&mut self, item: Item, first: usize, sequence: bool) -> usize {
        self.indicator(if sequence { "[" } else { "{" }, true, true, false);
        let outer = self.deeper(true);
        self.brackets = self.brackets.saturating_add(1);
        let mut at = first;
        let step = if sequence { 1 } else { 2 };
        for child in (0..index(item.a)).step_by(step) {
            if child > 0 {
                self.indicator(",", false, false, false);
            }
            if self.column > WIDTH {
                self.line();
            }
            if sequence {
                at = self.node(at, Place::Item);
            } else if self.is_simple_key(at) {
                at = self.node(at, Place::SimpleKey);
                self.indicator(":", false, false, false);
                at = self.node(at, Place::InMapping);
            } else {
                self.indicator("?", true, false, false);
                at = self.node(at, Place::InMapping);
                if self.column > WIDTH {
                    self.line();
                }
                self.indicator(":", true, false, false);
                at = self.node(at, Place::InMapping);
            }
        }
        self.brackets = self.brackets.saturating_sub(1);
        self.indent = outer;
        self.indicator(if sequence { "]" } else { "}" }, false, false, false);
        at
    }

    fn block_sequence(&mut self, item: Item, first: usize, place: Place) -> usize {
        let outer = self.deeper_sequence(place);
        let mut at = first;
        for _ in 0..item.a {
            self.line();
            self.indicator("-", true, false, true);
            at = self.node(at, Place::Item);
        }
        self.indent = outer;
        at
    }

    /// A list as the value of a key stands as far left as the key.
    fn deeper_sequence(&mut self, place: Place) -> Option<usize> {
        let outer = self.indent;
        if place != Place::InMapping || self.fresh || outer.is_none() {
            self.deeper(false);
        }
        outer
    }

    fn block_mapping(&mut self, item: Item, first: usize) -> usize {
        let outer = self.deeper(false);
        let mut at = first;
        for _ in (0..item.a).step_by(2) {
            self.line();
            if self.is_simple_key(at) {
                at = self.node(at, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                at = self.node(at, Place::InMapping);
                self.line();
                self.indicator(":", true, false, true);
            }
            at = self.node(at, Place::InMapping);
        }
        self.indent = outer;
        at
    }

    fn is_simple_key(&self, at: usize) -> bool {
        let Some(item) = self.item(at) else {
            return false;
        };
        let content = match item.form {
            Form::Alias => 0,
            Form::Scalar if item.flags & MULTILINE == 0 => index(item.b.saturating_sub(item.a)),
            Form::Sequence | Form::Mapping if item.a == 0 => 0,
            _ => return false,
        };
        // A short text alone needs no count of its anchor and tag.
        if item.anchor == 0 && item.tag == 0 {
            return content <= SIMPLE_KEY;
        }
        let anchor = self
            .name(item.anchor)
            .map_or(0, |name| format!("id{name:03}").len());
        let tag = usize::try_from(item.tag)
            .ok()
            .and_then(|tag| self.document.spellings.get(tag));
        let tag = tag.map_or(0, |spelling| spelling.length);
        content.saturating_add(anchor).saturating_add(tag) <= SIMPLE_KEY
    }

    fn scalar(&mut self, item: Item, place: Place) {
        let document = self.document;
        let text = document
            .text
            .get(index(item.a)..index(item.b))
            .unwrap_or_default();
        let key = place == Place::SimpleKey;
        let style = self.choose(item, text, key);
        self.anchor('&', item.anchor);
        self.tag(item.tag);
        if item.tag == 0 && item.flags & QUOTED_IS_MEANT == 0 && style != Style::Plain {
            // In quotes, but not text.
            self.indicator("!", true, false, false);
        }
        let outer = self.deeper(true);
        match style {
            Style::Single => self.single(text, item.flags, !key),
            Style::Double => self.double(text, !key),
            Style::Literal => self.literal(text),
            Style::Folded => self.folded(text),
            _ => self.plain(text, item.flags, !key),
        }
        self.indent = outer;
    }

    /// The plainest style that can hold the text here.
    fn choose(&self, item: Item, text: &str, key: bool) -> Style {
        let flags = item.flags;
        let brackets = self.brackets > 0;
        let mut style = match flags {
            _ if key && flags & MULTILINE != 0 => Style::Double,
            _ if flags & WANT_SINGLE != 0 => Style::Single,
            _ if flags & WANT_DOUBLE != 0 => Style::Double,
            _ if flags & WANT_LITERAL != 0 => Style::Literal,
            _ if flags & WANT_FOLDED != 0 => Style::Folded,
            _ => Style::Plain,
        };
        if style == Style::Plain {
            let allowed = if brackets { FLOW_PLAIN } else { BLOCK_PLAIN };
            let empty = text.is_empty() && (brackets || key);
            let meant = item.tag > 0 || flags & PLAIN_IS_MEANT != 0;
            if flags & ANY_PLAIN & allowed == 0 || empty || !meant {
                style = Style::Single;
            }
        }
        match style {
            Style::Single if flags & SINGLE == 0 => Style::Double,
            Style::Literal | Style::Folded if flags & BLOCK == 0 || brackets || key => {
                Style::Double
            }
            style => style,
        }
    }

    /// Whether the text fits on the line, so that no space in it is a place to break.
    fn fits(&self, text: &str, flags: u16) -> bool {
        flags & ASCII != 0 && self.column.saturating_add(text.len()) <= WIDTH
    }

    fn push(&mut self, text: &str, flags: u16) {
        self.out.push_str(text);
        let width = if flags & ASCII != 0 {
            text.len()
        } else {
            text.chars().count()
        };
        self.column = self.column.saturating_add(width);
    }

    fn plain(&mut self, text: &str, flags: u16, breaks: bool) {
        if !self.space && (!text.is_empty() || self.brackets > 0) {
            self.put(' ');
        }
        if flags & SPACES == 0 || !breaks || self.fits(text, flags) {
            self.push(text, flags);
        } else {
            let mut after_space = false;
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                if c == ' ' && !after_space && self.column > WIDTH && chars.peek() != Some(&' ') {
                    self.line();
                } else {
                    self.put(c);
                    self.fresh &= c == ' ';
                }
                after_space = c == ' ';
            }
        }
        self.space = false;
        self.fresh = false;
    }

    fn single(&mut self, text: &str, flags: u16, breaks: bool) {
        self.indicator("'", true, false, false);
        let short = flags & SPACES == 0 || !breaks || self.fits(text, flags);
        if flags & MULTILINE == 0 && short && !text.contains('\'') {
            self.push(text, flags);
        } else {
            self.single_by_char(text, breaks);
        }
        self.indicator("'", false, false, false);
        self.space = false;
        self.fresh = false;
    }

    fn single_by_char(&mut self, text: &str, breaks: bool) {
        let mut after_space = false;
        let mut after_break = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            if c == ' ' {
                let here = breaks && !after_space && self.column > WIDTH;
                if here && !first && next.is_some_and(|next| next != ' ') {
                    self.line();
                } else {
                    self.put(c);
                }
                after_space = true;
            } else if is_break(c) {
                if !after_break && c == '\n' {
                    self.line_break();
                }
                self.copy_break(c);
                self.fresh = true;
                after_break = true;
            } else {
                if after_break {
                    self.line();
                }
                if c == '\'' {
                    self.put(c);
                }
                self.put(c);
                self.fresh = false;
                after_space = false;
                after_break = false;
            }
            first = false;
        }
        if after_break {
            self.line();
        }
    }

    fn copy_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn double(&mut self, text: &str, breaks: bool) {
        self.indicator("\"", true, false, false);
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            if !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let next = chars.peek().copied();
                if breaks && !after_space && self.column > WIDTH && !first && next.is_some() {
                    self.line();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
            first = false;
        }
        self.indicator("\"", false, false, false);
        self.space = false;
        self.fresh = false;
    }

    fn escape(&mut self, c: char) {
        self.put('\\');
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let start = self.out.len();
                let code = u32::from(c);
                // Writing to a String cannot fail.
                let _ = match code {
                    0..=0xff => write!(self.out, "x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "u{code:04X}"),
                    _ => write!(self.out, "U{code:08X}"),
                };
                self.column = self
                    .column
                    .saturating_add(self.out.len().saturating_sub(start));
                return;
            }
        };
        self.put(short);
    }

    /// The head of a block scalar: its indentation if the text hides it, and what is to become of its end.
    fn block_head(&mut self, sign: &str, text: &str) {
        self.indicator(sign, true, false, false);
        if text.starts_with(|c: char| c == ' ' || is_break(c)) {
            self.indicator("2", false, false, false);
        }
        let mut end = text.chars().rev();
        match (end.next().is_some_and(is_break), end.next()) {
            (false, _) => self.indicator("-", false, false, false),
            (true, None) => self.indicator("+", false, false, false),
            (true, Some(before)) if is_break(before) => self.indicator("+", false, false, false),
            (true, Some(_)) => {}
        }
        self.line_break();
        self.fresh = true;
        self.space = true;
    }

    fn literal(&mut self, text: &str) {
        self.block_head("|", text);
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.copy_break(c);
                self.fresh = true;
                after_break = true;
            } else {
                if after_break {
                    self.line();
                }
                self.put(c);
                self.fresh = false;
                after_break = false;
            }
        }
    }

    fn folded(&mut self, text: &str) {
        self.block_head(">", text);
        let mut after_break = true;
        let mut indented = true;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if is_break(c) {
                if !after_break && !indented && c == '\n' {
                    let ahead = rest.as_str().chars().find(|&c| !is_break(c));
                    if ahead.is_some_and(|c| !matches!(c, ' ' | '\t' | '\0')) {
                        self.line_break();
                    }
                }
                self.copy_break(c);
                self.fresh = true;
                after_break = true;
            } else {
                if after_break {
                    self.line();
                    indented = matches!(c, ' ' | '\t');
                }
                let next = rest.as_str().chars().next();
                if !after_break && c == ' ' && next != Some(' ') && self.column > WIDTH {
                    self.line();
                } else {
                    self.put(c);
                }
                self.fresh = false;
                after_break = false;
            }
        }
    }

    /// Writes text from another document, its lines moved to the indentation that it has here.
    fn part(&mut self, part: &Part, place: Place) {
        let outer = match part.block {
            Some(Kind::Sequence) => self.deeper_sequence(place),
            Some(_) => self.deeper(false),
            None => self.deeper(true),
        };
        if part.block.is_some() {
            self.line();
        } else if !self.space {
            self.put(' ');
        }
        let to = self.indent.unwrap_or(0);
        self.indent = outer;
        let document = self.document;
        let pieces = document.pieces.get(part.pieces.clone()).unwrap_or_default();
        let mut rest = pieces.iter();
        while let Some(piece) = rest.next() {
            match piece {
                Piece::Text(range) => {
                    let more = !rest.as_slice().is_empty();
                    self.moved(range.clone(), part.column, to, more);
                }
                Piece::Alias(anchor) => self.mark('*', *anchor),
                Piece::Anchor(anchor, before, after) => {
                    if self.name(*anchor).is_some() {
                        self.moved(before.clone(), part.column, to, true);
                        self.mark('&', *anchor);
                        self.moved(after.clone(), part.column, to, true);
                    }
                }
            }
        }
        let ended = self.out.ends_with('\n');
        self.column = usize::from(!ended);
        self.space = ended;
        self.fresh = ended;
    }

    fn mark(&mut self, sign: char, anchor: u32) {
        if let Some(name) = self.name(anchor) {
            // Writing to a String cannot fail.
            let _ = write!(self.out, "{sign}id{name:03}");
        }
    }

    /// Copies text; lines indented by `from` columns or more keep what they have beyond. With `more` to
    /// follow, the last line is not empty even if it has no text yet.
    fn moved(&mut self, range: std::ops::Range<usize>, from: usize, to: usize, more: bool) {
        let document = self.document;
        let text = document.text.get(range).unwrap_or_default();
        if from == to {
            self.out.push_str(text);
            return;
        }
        let bytes = text.as_bytes();
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let next = end.saturating_add(1);
            let line = bytes.get(next..).unwrap_or_default();
            let indent = line.iter().position(|&b| b != b' ').unwrap_or(line.len());
            let empty = line.get(indent).map_or(!more, |&b| b == b'\n');
            self.out.push_str(text.get(start..next).unwrap_or_default());
            start = next.saturating_add(indent);
            // White space that stands alone counts only in a block scalar, beyond its indentation.
            if !empty || indent > from {
                let mut indent = indent.saturating_sub(from).saturating_add(to);
                while indent > 0 {
                    let blanks = BLANKS.get(..indent).unwrap_or(BLANKS);
                    self.out.push_str(blanks);
                    indent = indent.saturating_sub(blanks.len());
                }
            }
        }
        self.out.push_str(text.get(start..).unwrap_or_default());
    }
}

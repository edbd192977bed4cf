//! Tokens of the strict tier, and where a key may be.
//!
//! YAML marks a key only by the `:` after it. So every token that could begin one is remembered, and when the
//! `:` comes a [`What::Key`] is put in front of it, in the queue of tokens that were not taken yet.

use std::collections::VecDeque;

use super::reader::{Mark, Reader};
use super::token::{Token, What};
use super::{ErrorKind, MAX_DEPTH};
use crate::error::{Error, Result};

/// A key must have its `:` within this many characters.
const MAX_KEY: usize = 1024;

/// A token that may turn out to begin a key.
#[derive(Debug, Clone, Copy, Default)]
struct Candidate {
    possible: bool,
    /// At the column of a block mapping there must be a key.
    required: bool,
    /// The number of the token, from the start of the text.
    number: usize,
    mark: Mark,
}

pub(super) struct Scanner<'t> {
    pub(super) reader: Reader<'t>,
    at: u64,
    tokens: VecDeque<Token<'t>>,
    /// How many tokens have been taken.
    taken: usize,
    /// The column of the innermost block collection, -1 outside; in brackets it rests.
    pub(super) indent: i64,
    indents: Vec<i64>,
    /// One candidate for the block context and one for each open bracket.
    candidates: Vec<Candidate>,
    pub(super) key_allowed: bool,
    ended: bool,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str, at: u64) -> Self {
        let mut reader = Reader {
            text,
            mark: Mark::default(),
        };
        if reader.is_bom() {
            reader.mark.p = 3;
        }
        Self {
            reader,
            at,
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            candidates: vec![Candidate::default()],
            key_allowed: true,
            ended: false,
        }
    }

    /// An error at `mark`, with its line and column in front.
    pub fn error(&self, mark: Mark, message: impl std::fmt::Display) -> Error {
        let line = mark.line.saturating_add(1);
        let column = mark.column.saturating_add(1);
        let at = self
            .at
            .saturating_add(u64::try_from(mark.p).unwrap_or(u64::MAX));
        Error::format(at, format!("line {line}, column {column}: {message}"))
    }

    /// An error at the cursor that names what stands there.
    pub(super) fn expected<T>(&self, expected: &str) -> Result<T> {
        let found = match self.reader.char() {
            None => "the end of the text".to_owned(),
            Some(_) if self.reader.is_break(0) => "the end of the line".to_owned(),
            Some(c) => format!("{c:?}"),
        };
        Err(self.error(
            self.reader.mark,
            format!("found {found}, expected {expected}"),
        ))
    }

    pub(super) fn in_flow(&self) -> bool {
        self.candidates.len() > 1
    }

    pub fn peek(&mut self) -> Result<&Token<'t>> {
        self.fill()?;
        match self.tokens.front() {
            Some(token) => Ok(token),
            None => Err(Error::format(
                self.at,
                "found the end of the text, expected more",
            )),
        }
    }

    pub fn take(&mut self) -> Result<Token<'t>> {
        self.fill()?;
        self.taken = self.taken.saturating_add(1);
        match self.tokens.pop_front() {
            Some(token) => Ok(token),
            None => Err(Error::format(
                self.at,
                "found the end of the text, expected more",
            )),
        }
    }

    /// Scans until the first token is there and can no longer become a key.
    fn fill(&mut self) -> Result<()> {
        loop {
            if !self.tokens.is_empty() {
                self.drop_stale()?;
                let taken = self.taken;
                let open = |c: &Candidate| c.possible && c.number == taken;
                if !self.candidates.iter().any(open) {
                    return Ok(());
                }
            }
            if self.ended {
                return Ok(());
            }
            self.next()?;
        }
    }

    fn push(&mut self, what: What<'t>, start: Mark) {
        self.tokens.push_back(Token {
            what,
            start,
            end: self.reader.mark,
        });
    }

    /// A key ends on its line, within the limit; candidates beyond are none.
    fn drop_stale(&mut self) -> Result<()> {
        let mark = self.reader.mark;
        for candidate in &mut self.candidates {
            let far = candidate.mark.index.saturating_add(MAX_KEY) < mark.index;
            if candidate.possible && (candidate.mark.line < mark.line || far) {
                candidate.possible = false;
                if candidate.required {
                    let place = candidate.mark;
                    return Err(self.error(place, NO_COLON));
                }
            }
        }
        Ok(())
    }

    /// Remembers that the next token may begin a key.
    fn save_candidate(&mut self) -> Result<()> {
        if !self.key_allowed {
            return Ok(());
        }
        let required = !self.in_flow() && self.indent == self.reader.mark.column;
        self.drop_candidate()?;
        let number = self.taken.saturating_add(self.tokens.len());
        let mark = self.reader.mark;
        if let Some(candidate) = self.candidates.last_mut() {
            *candidate = Candidate {
                possible: true,
                required,
                number,
                mark,
            };
        }
        Ok(())
    }

    fn drop_candidate(&mut self) -> Result<()> {
        let Some(candidate) = self.candidates.last_mut() else {
            return Ok(());
        };
        let missing = candidate.possible && candidate.required;
        candidate.possible = false;
        let mark = candidate.mark;
        if missing {
            Err(self.error(mark, NO_COLON))
        } else {
            Ok(())
        }
    }

    /// Opens a block collection if the column is deeper than the innermost one; its token goes to `place` in
    /// the queue.
    fn roll(&mut self, column: i64, place: Option<usize>, what: What<'t>, mark: Mark) {
        if self.in_flow() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token {
            what,
            start: mark,
            end: mark,
        };
        match place {
            Some(place) => self.insert(place, token),
            None => self.tokens.push_back(token),
        }
    }

    fn insert(&mut self, place: usize, token: Token<'t>) {
        self.tokens.insert(place.min(self.tokens.len()), token);
    }

    /// Closes the block collections that are deeper than the column.
    fn unroll(&mut self, column: i64) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            let mark = self.reader.mark;
            self.push(What::BlockEnd, mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Scans the next token, and those that its indentation implies.
    fn next(&mut self) -> Result<()> {
        self.skip_to_token();
        self.drop_stale()?;
        self.unroll(self.reader.mark.column);
        let start = self.reader.mark;
        if self.reader.is_end() {
            return self.stream_end();
        }
        if start.column == 0 && self.reader.here() == b'%' {
            self.boundary()?;
            let what = self.directive()?;
            self.push(what, start);
            return Ok(());
        }
        for (marker, what) in [(b"---", What::DocumentStart), (b"...", What::DocumentEnd)] {
            if self.reader.is_marker(marker) {
                self.boundary()?;
                self.reader.skip_ascii(3);
                self.push(what, start);
                return Ok(());
            }
        }
        let flow = self.in_flow();
        let blank_next = self.reader.is_blank_or_end(1);
        match self.reader.here() {
            b'[' => self.open(What::SequenceStart),
            b'{' => self.open(What::MappingStart),
            b']' => self.close(What::SequenceEnd),
            b'}' => self.close(What::MappingEnd),
            b',' => {
                self.drop_candidate()?;
                self.key_allowed = true;
                self.sign(What::Comma);
                Ok(())
            }
            b'-' if blank_next => self.entry(),
            b'?' if flow || blank_next => self.key(),
            b':' if flow || blank_next => self.value(),
            b'*' | b'&' => self.anchor(),
            b'!' => self.tag(),
            b'|' | b'>' if !flow => {
                self.drop_candidate()?;
                self.key_allowed = true;
                let scalar = self.block_scalar()?;
                self.push(What::Scalar(scalar), start);
                Ok(())
            }
            b'\'' | b'"' => {
                self.before_value()?;
                let scalar = self.quoted_scalar()?;
                self.push(What::Scalar(scalar), start);
                Ok(())
            }
            b'#' | b'%' | b'@' | b'`' | b'|' | b'>' | b' ' | b'\t' => {
                self.expected("a value, a key or an indicator")
            }
            _ => self.plain(),
        }
    }

    /// Steps over spaces, comments and line breaks; after a break in block context a key may begin.
    fn skip_to_token(&mut self) {
        loop {
            if self.reader.mark.column == 0 && self.reader.is_bom() {
                self.reader.skip();
            }
            // Where a key may begin, a tab cannot be indentation.
            while self.reader.here() == b' '
                || ((self.in_flow() || !self.key_allowed) && self.reader.here() == b'\t')
            {
                self.reader.skip();
            }
            self.reader.skip_comment();
            if !self.reader.is_break(0) {
                return;
            }
            self.reader.skip_break();
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    fn stream_end(&mut self) -> Result<()> {
        self.unroll(-1);
        self.drop_candidate()?;
        self.key_allowed = false;
        self.ended = true;
        let mark = self.reader.mark;
        self.push(What::StreamEnd, mark);
        Ok(())
    }

    /// What every line between documents does: it closes all block collections.
    fn boundary(&mut self) -> Result<()> {
        self.unroll(-1);
        self.drop_candidate()?;
        self.key_allowed = false;
        Ok(())
    }

    /// What every scalar, anchor and tag does: it may begin a key, and none may follow it on the line.
    fn before_value(&mut self) -> Result<()> {
        self.save_candidate()?;
        self.key_allowed = false;
        Ok(())
    }

    /// Pushes an indicator of one character.
    fn sign(&mut self, what: What<'t>) {
        let start = self.reader.mark;
        self.reader.skip();
        self.push(what, start);
    }

    fn open(&mut self, what: What<'t>) -> Result<()> {
        self.save_candidate()?;
        if self.candidates.len() > MAX_DEPTH {
            let message = format!("found brackets nested deeper than {MAX_DEPTH}");
            let error = self.error(self.reader.mark, message);
            return Err(Error {
                kind: ErrorKind::Limit,
                ..error
            });
        }
        self.candidates.push(Candidate::default());
        self.key_allowed = true;
        self.sign(what);
        Ok(())
    }

    fn close(&mut self, what: What<'t>) -> Result<()> {
        self.drop_candidate()?;
        if self.in_flow() {
            self.candidates.pop();
        }
        self.key_allowed = false;
        self.sign(what);
        Ok(())
    }

    fn entry(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.key_allowed {
                return self.expected("no sequence entry on this line");
            }
            let mark = self.reader.mark;
            self.roll(mark.column, None, What::BlockSequence, mark);
        }
        self.drop_candidate()?;
        self.key_allowed = true;
        self.sign(What::Entry);
        Ok(())
    }

    fn key(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.key_allowed {
                return self.expected("no key on this line");
            }
            let mark = self.reader.mark;
            self.roll(mark.column, None, What::BlockMapping, mark);
        }
        self.drop_candidate()?;
        self.key_allowed = !self.in_flow();
        self.sign(What::Key);
        Ok(())
    }

    fn value(&mut self) -> Result<()> {
        let candidate = self.candidates.last().copied().unwrap_or_default();
        if candidate.possible {
            let place = candidate.number.saturating_sub(self.taken);
            let mark = candidate.mark;
            self.insert(
                place,
                Token {
                    what: What::Key,
                    start: mark,
                    end: mark,
                },
            );
            if let Some(candidate) = self.candidates.last_mut() {
                candidate.possible = false;
            }
            self.roll(mark.column, Some(place), What::BlockMapping, mark);
            self.key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.key_allowed {
                    return self.expected("no `:` here: a key stands at the start of its line");
                }
                let mark = self.reader.mark;
                self.roll(mark.column, None, What::BlockMapping, mark);
            }
            self.key_allowed = !self.in_flow();
        }
        self.sign(What::Value);
        Ok(())
    }

    fn anchor(&mut self) -> Result<()> {
        let start = self.reader.mark;
        self.before_value()?;
        let what = self.anchor_or_alias()?;
        self.push(what, start);
        Ok(())
    }

    fn tag(&mut self) -> Result<()> {
        let start = self.reader.mark;
        self.before_value()?;
        let what = self.tag_token()?;
        self.push(what, start);
        Ok(())
    }

    fn plain(&mut self) -> Result<()> {
        let start = self.reader.mark;
        self.before_value()?;
        let scalar = self.plain_scalar()?;
        self.push(What::Scalar(scalar), start);
        Ok(())
    }
}

const NO_COLON: &str = "found text in the place of a key, expected `:` after it on its line";

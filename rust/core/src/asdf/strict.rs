//! The strict tier: all of YAML as libyaml 0.2.5 reads it, which is what `PyYAML` and so asdf accept.
//!
//! libyaml differs from both versions of the standard in many details; files exist that rely on them, so its
//! decisions are followed, errors included: [`scan`] turns characters into tokens, with its rules for where a
//! key may be, and the parser here turns tokens into nodes. What the composer of `PyYAML` refuses is refused, too:
//! an anchor used twice, an alias without anchor, a second document.

mod props;
mod reader;
mod scalars;
mod scan;
mod token;

use reader::Mark;
use scan::Scanner;
use token::{Token, Value, What};

use super::build::{Builder, Fault, Props, Text};
use super::tape::{Form, MAX_DEPTH, NodeId, Tape, check_size};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn parse(bytes: &[u8], at: u64) -> Result<Tape> {
    check_size(bytes, at)?;
    let text = reader::check(bytes, at)?;
    let mut parser = Parser {
        scanner: Scanner::new(text, at),
        out: Builder::new(bytes.len(), at),
        source: text,
        open: Vec::new(),
    };
    parser.document()?;
    Ok(parser.out.finish())
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    out: Builder<'t>,
    source: &'t str,
    /// The collections that are not closed yet: a stack of its own, so that depth costs no recursion.
    open: Vec<Open>,
}

/// A collection that is being read.
struct Open {
    id: NodeId,
    count: usize,
    next: Next,
}

/// What an open collection reads next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Item,
    IndentlessItem,
    Key,
    Value,
    FlowItem,
    FlowKey,
    FlowValue,
    /// The value of a key in braces that no `:` follows.
    FlowAbsent,
    /// The three parts of a mapping of one pair in `[]`.
    SingleKey,
    SingleValue,
    SingleEnd,
}

/// In which surroundings a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After `-` or at the top.
    Block,
    /// A key or a value in block context, where a sequence need not be indented.
    Pair,
    /// In brackets.
    Flow,
}

impl<'t> Parser<'t> {
    fn peek(&mut self) -> Result<&Token<'t>> {
        self.scanner.peek()
    }

    fn is(&mut self, wanted: impl Fn(&What<'t>) -> bool) -> Result<bool> {
        Ok(wanted(&self.peek()?.what))
    }

    fn take(&mut self) -> Result<Token<'t>> {
        self.scanner.take()
    }

    /// An error at the next token.
    fn unexpected<T>(&mut self, expected: &str) -> Result<T> {
        let token = self.peek()?;
        let (mark, found) = (token.start, token.what.name());
        Err(self
            .scanner
            .error(mark, format!("found {found}, expected {expected}")))
    }

    /// Words what the builder refuses.
    fn check<T>(&self, mark: Mark, result: std::result::Result<T, Fault>) -> Result<T> {
        result.map_err(|fault| {
            let message = match fault {
                Fault::DuplicateAnchor => {
                    "found an anchor whose name is taken, expected a new name"
                }
                Fault::UndefinedAlias => "found an alias that no earlier anchor names",
                Fault::TooManyTags => "found more than 65535 different tags",
            };
            let mut error = self.scanner.error(mark, message);
            if fault == Fault::TooManyTags {
                error.kind = ErrorKind::Limit;
            }
            error
        })
    }

    fn document(&mut self) -> Result<()> {
        if self.is(|what| matches!(what, What::StreamEnd))? {
            return Ok(());
        }
        let explicit = self.is(|what| {
            matches!(
                what,
                What::Version(..) | What::Handle(..) | What::DocumentStart
            )
        })?;
        if explicit {
            self.directives()?;
            if !self.is(|what| matches!(what, What::DocumentStart))? {
                return self.unexpected("`---`");
            }
            let start = self.take()?;
            let empty = self.is(|what| {
                matches!(
                    what,
                    What::Version(..)
                        | What::Handle(..)
                        | What::DocumentStart
                        | What::DocumentEnd
                        | What::StreamEnd
                )
            })?;
            if empty {
                self.absent(start.end)?;
            } else {
                self.node(Place::Block)?;
                self.collections()?;
            }
        } else {
            self.node(Place::Block)?;
            self.collections()?;
        }
        while self.is(|what| matches!(what, What::DocumentEnd))? {
            self.take()?;
        }
        if self.is(|what| matches!(what, What::StreamEnd))? {
            Ok(())
        } else {
            self.unexpected("the end: the text holds one document")
        }
    }

    fn directives(&mut self) -> Result<()> {
        let mut version = false;
        while self.is(|what| matches!(what, What::Version(..) | What::Handle(..)))? {
            let token = self.take()?;
            let fault = |message: &str| Err(self.scanner.error(token.start, message));
            match &token.what {
                What::Version(..) if version => {
                    return fault("found a second %YAML line, expected one");
                }
                What::Version(1, 1 | 2) => version = true,
                What::Version(major, minor) => {
                    return fault(&format!("found YAML {major}.{minor}, expected 1.1 or 1.2"));
                }
                What::Handle(handle, prefix) if !self.out.declare(handle, prefix) => {
                    return fault("found a second %TAG line for this handle, expected one");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts a value that is not written at `mark`.
    fn absent(&mut self, mark: Mark) -> Result<NodeId> {
        let result = self.out.absent(&Props::none(mark.p));
        self.check(mark, result)
    }

    /// Puts a value that is not written behind what was read last.
    fn absent_here(&mut self) -> Result<()> {
        let mark = self.peek()?.start;
        let end = self.out.last_end();
        let result = self.out.absent(&Props::none(end));
        self.check(mark, result).map(|_| ())
    }

    /// Reads a node with its properties: a scalar or alias as a whole, of a collection its beginning.
    fn node(&mut self, place: Place) -> Result<NodeId> {
        let token = self.peek()?;
        let mark = token.start;
        if let What::Alias(name) = token.what {
            let end = token.end.p;
            self.take()?;
            let result = self.out.alias(name.as_bytes(), mark.p, end);
            return self.check(mark, result);
        }
        let props = self.props()?;
        let token = self.peek()?;
        let start = token.start;
        let props = if props.is_none() {
            Props::none(start.p)
        } else {
            props
        };
        let block = place != Place::Flow;
        let (form, next) = match &token.what {
            What::Scalar(..) => return self.scalar(&props, mark),
            // Its first `-` is an item of the sequence already.
            What::Entry if place == Place::Pair => {
                return self.open(&props, Form::BlockSequence, mark, Next::IndentlessItem);
            }
            What::SequenceStart => (Form::FlowSequence, Next::FlowItem),
            What::MappingStart => (Form::FlowMapping, Next::FlowKey),
            What::BlockSequence if block => (Form::BlockSequence, Next::Item),
            What::BlockMapping if block => (Form::BlockMapping, Next::Key),
            _ if !props.is_none() => {
                let result = self.out.absent(&props);
                return self.check(mark, result);
            }
            _ => return self.unexpected("a value"),
        };
        self.take()?;
        self.open(&props, form, mark, next)
    }

    /// Reads an anchor and a tag in either order.
    fn props(&mut self) -> Result<Props<'t>> {
        let mark = self.peek()?.start;
        let mut props = Props::none(mark.p);
        let mut tagged = false;
        loop {
            let token = self.peek()?;
            let (start, end) = (token.start, token.end);
            match &token.what {
                What::Anchor(name) if props.anchor.is_none() => {
                    props.anchor = Some(name.as_bytes());
                }
                What::Tag { .. } if !tagged => {
                    tagged = true;
                    let What::Tag { handle, suffix } = self.take()?.what else {
                        return Ok(props);
                    };
                    props.tag = self.number(start, end, &handle, suffix)?;
                    props.end = end.p;
                    continue;
                }
                _ => return Ok(props),
            }
            props.end = end.p;
            self.take()?;
        }
    }

    /// The number of a tag; an empty handle means that the suffix is the whole tag.
    fn number(&mut self, start: Mark, end: Mark, handle: &str, suffix: String) -> Result<u16> {
        let written = self.source.as_bytes().get(start.p..end.p).unwrap_or(&[]);
        if let Some(number) = self.out.known_tag(written) {
            return Ok(number);
        }
        let tag = if handle.is_empty() {
            suffix
        } else {
            let Some(prefix) = self.out.prefix(handle) else {
                let message =
                    format!("found the tag handle {handle:?}, expected a %TAG line for it");
                return Err(self.scanner.error(start, message));
            };
            format!("{prefix}{suffix}")
        };
        let result = self.out.intern_tag(written, tag);
        self.check(start, result)
    }

    fn scalar(&mut self, props: &Props<'t>, mark: Mark) -> Result<NodeId> {
        let token = self.take()?;
        let What::Scalar(scalar) = token.what else {
            return self.unexpected("a scalar");
        };
        let text = match scalar.text {
            Value::Source(start, end) => Text::Source(start, end),
            Value::Cooked(text) => {
                let cooked = self.out.cooked();
                let at = cooked.len();
                cooked.push_str(&text);
                Text::Cooked(at)
            }
        };
        let result = self.out.scalar(props, scalar.form, text, scalar.end);
        self.check(mark, result)
    }

    /// Opens a collection: its children are read by later steps.
    fn open(&mut self, props: &Props<'t>, form: Form, mark: Mark, next: Next) -> Result<NodeId> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("found collections nested deeper than {MAX_DEPTH}");
            return Err(Error {
                kind: ErrorKind::Limit,
                ..self.scanner.error(mark, message)
            });
        }
        let result = self.out.open(props, form);
        let id = self.check(mark, result)?;
        self.open.push(Open { id, count: 0, next });
        Ok(id)
    }

    fn close(&mut self, end: Option<usize>) {
        if let Some(open) = self.open.pop() {
            self.out.close(open.id, open.count, end);
        }
    }

    /// Says what the innermost collection reads next, and counts a child if it is one.
    fn then(&mut self, next: Next, child: bool) {
        if let Some(open) = self.open.last_mut() {
            open.next = next;
            open.count = open.count.saturating_add(usize::from(child));
        }
    }

    /// Reads collections until all are closed.
    fn collections(&mut self) -> Result<()> {
        while let Some(open) = self.open.last() {
            let first = open.count == 0;
            let id = open.id;
            match open.next {
                Next::Item => self.item(false)?,
                Next::IndentlessItem => self.item(true)?,
                Next::Key => self.key(id)?,
                Next::Value => self.value(Place::Pair, Next::Key)?,
                Next::FlowItem => self.flow_item(first)?,
                Next::FlowKey => self.flow_key(id, first)?,
                Next::FlowValue => self.value(Place::Flow, Next::FlowKey)?,
                Next::FlowAbsent => {
                    self.then(Next::FlowKey, false);
                    self.absent_here()?;
                }
                Next::SingleKey => self.single_key(id)?,
                Next::SingleValue => self.value(Place::Flow, Next::SingleEnd)?,
                Next::SingleEnd => self.close(None),
            }
        }
        Ok(())
    }

    /// Reads an entry of a block sequence. Of one at the column of its key, nothing but the next key marks
    /// the end.
    fn item(&mut self, indentless: bool) -> Result<()> {
        if self.is(|what| matches!(what, What::Entry))? {
            let dash = self.take()?;
            let empty = self.is(|what| match what {
                What::Entry | What::BlockEnd => true,
                What::Key | What::Value => indentless,
                _ => false,
            })?;
            let next = if indentless {
                Next::IndentlessItem
            } else {
                Next::Item
            };
            self.then(next, true);
            return if empty {
                self.absent(dash.end)
            } else {
                self.node(Place::Block)
            }
            .map(|_| ());
        }
        if !indentless {
            if !self.is(|what| matches!(what, What::BlockEnd))? {
                return self.unexpected("`-` or the end of the block sequence");
            }
            self.take()?;
        }
        self.close(None);
        Ok(())
    }

    fn key(&mut self, mapping: NodeId) -> Result<()> {
        if self.is(|what| matches!(what, What::Key))? {
            let sign = self.take()?;
            self.then(Next::Value, true);
            let empty = self.is(|what| matches!(what, What::Key | What::Value | What::BlockEnd))?;
            let key = if empty {
                self.absent(sign.end)?
            } else {
                self.node(Place::Pair)?
            };
            self.out.check_merge(mapping, key, self.source.as_bytes());
            return Ok(());
        }
        if !self.is(|what| matches!(what, What::BlockEnd))? {
            return self.unexpected("a key or the end of the block mapping");
        }
        self.take()?;
        self.close(None);
        Ok(())
    }

    /// Reads a value after its `:`, or finds that there is none.
    fn value(&mut self, place: Place, next: Next) -> Result<()> {
        self.then(next, false);
        if !self.is(|what| matches!(what, What::Value))? {
            return self.absent_here();
        }
        let colon = self.take()?;
        let empty = self.is(|what| match what {
            What::Key | What::Value | What::BlockEnd => place == Place::Pair,
            What::Comma => place == Place::Flow,
            What::MappingEnd => next == Next::FlowKey,
            What::SequenceEnd => next == Next::SingleEnd,
            _ => false,
        })?;
        if empty {
            self.absent(colon.end)
        } else {
            self.node(place)
        }
        .map(|_| ())
    }

    /// Reads `,` between entries of brackets; false if the closing bracket was read instead.
    fn separator(&mut self, first: bool, sequence: bool) -> Result<bool> {
        let closes = |what: &What<'_>| match what {
            What::SequenceEnd => sequence,
            What::MappingEnd => !sequence,
            _ => false,
        };
        if !first && !self.is(closes)? {
            if !self.is(|what| matches!(what, What::Comma))? {
                return self.unexpected(if sequence { "`,` or `]`" } else { "`,` or `}`" });
            }
            self.take()?;
        }
        if self.is(closes)? {
            let end = self.take()?.end.p;
            self.close(Some(end));
            return Ok(false);
        }
        Ok(true)
    }

    fn flow_item(&mut self, first: bool) -> Result<()> {
        if !self.separator(first, true)? {
            return Ok(());
        }
        self.then(Next::FlowItem, true);
        if self.is(|what| matches!(what, What::Key))? {
            // `[key: value]` is a mapping of one pair without braces.
            let start = self.peek()?.start;
            let props = Props::none(start.p);
            return self
                .open(&props, Form::FlowMapping, start, Next::SingleKey)
                .map(|_| ());
        }
        self.node(Place::Flow).map(|_| ())
    }

    fn single_key(&mut self, mapping: NodeId) -> Result<()> {
        let sign = self.take()?;
        self.then(Next::SingleValue, true);
        let empty =
            self.is(|what| matches!(what, What::Value | What::Comma | What::SequenceEnd))?;
        let key = if empty {
            // libyaml drops the token here; what follows is judged without it.
            self.take()?;
            self.absent(sign.end)?
        } else {
            self.node(Place::Flow)?
        };
        self.out.check_merge(mapping, key, self.source.as_bytes());
        Ok(())
    }

    fn flow_key(&mut self, mapping: NodeId, first: bool) -> Result<()> {
        if !self.separator(first, false)? {
            return Ok(());
        }
        let key = if self.is(|what| matches!(what, What::Key))? {
            let sign = self.take()?;
            self.then(Next::FlowValue, true);
            let empty =
                self.is(|what| matches!(what, What::Value | What::Comma | What::MappingEnd))?;
            if empty {
                self.absent(sign.end)?
            } else {
                self.node(Place::Flow)?
            }
        } else {
            // No `:` follows, or not where a key may be.
            self.then(Next::FlowAbsent, true);
            self.node(Place::Flow)?
        };
        self.out.check_merge(mapping, key, self.source.as_bytes());
        Ok(())
    }
}

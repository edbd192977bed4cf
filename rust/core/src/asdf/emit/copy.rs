//! Parts of another document: as the text they came in where possible, else node by node.

use std::fmt::Write as _;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use super::super::scalar::Scalar;
use super::super::tape::{Kind, NodeId, Style, Tape};
use super::{Anchor, Document, Form, Part, Piece, TagId};
use crate::error::Error;

/// Where the data of an array is: the `source` of a `core/ndarray`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The number of a binary block.
    Block(i64),
    /// A name, such as `fits:SCI,1`.
    Name(String),
}

/// What a copy asks of its caller.
pub trait Host {
    /// What the caller's answers fail with.
    type Error: From<Error>;

    /// Where the data of an array lies in the file to be written; it may be asked twice for one array.
    fn link(&mut self, link: Link) -> Result<Link, Self::Error>;

    /// Whether a shared node was made into an object, which is to be written instead of the node.
    fn is_made(&mut self, node: NodeId) -> Result<bool, Self::Error>;

    /// Writes the object that such a node was made into.
    fn write_made(&mut self, document: &mut Document, node: NodeId) -> Result<(), Self::Error>;
}

impl Document {
    /// Adds a node of another document, with all that is in it.
    ///
    /// A collection goes in as the text that it has in `source`: its lines are moved to their new
    /// indentation, its anchors renamed, the numbers of its blocks replaced. `number` tells one source from
    /// others, so that an alias finds its target in an earlier copy; a target that is not here yet is written
    /// in the alias's place. A part that needs more than this is written node by node.
    pub fn copy<H: Host>(
        &mut self,
        number: u32,
        tape: &Tape,
        source: &[u8],
        node: NodeId,
        host: &mut H,
    ) -> Result<(), H::Error> {
        let mut copier = Copier {
            number,
            tape,
            source,
            host,
            tags: vec![None; tape.tags().len()],
            arrays: tape
                .tags()
                .iter()
                .map(|tag| tag.starts_with(NDARRAY))
                .collect(),
        };
        copier.node(self, node, true)
    }

    fn part(&mut self, tag: TagId, anchor: Option<Anchor>, part: Part) {
        let number = self.parts.len();
        self.parts.push(part);
        self.push(Form::Part, 0, tag, anchor, number, 0, false);
    }

    /// Keeps bytes of a source, which are UTF-8 since they were parsed.
    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.text.len();
        match str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
        start..self.text.len()
    }
}

const NDARRAY: &str = "tag:stsci.edu:asdf/core/ndarray-";

/// What has to change in the text of a part, in the order of the text.
#[derive(Debug)]
enum Edit {
    /// `&name` of a node that has an alias.
    Anchor(NodeId, Range<usize>),
    /// `&name` of a node that has none.
    Unused(Range<usize>),
    /// `*name`
    Alias(NodeId, Range<usize>),
    /// The source of an array.
    Link(Link, Range<usize>),
}

struct Copier<'a, H> {
    number: u32,
    tape: &'a Tape,
    source: &'a [u8],
    host: &'a mut H,
    /// Tags of the tape to tags of the document.
    tags: Vec<Option<TagId>>,
    /// Which tags of the tape are those of arrays.
    arrays: Vec<bool>,
}

impl<H: Host> Copier<'_, H> {
    fn node(&mut self, document: &mut Document, node: NodeId, top: bool) -> Result<(), H::Error> {
        let node = self.tape.resolve(node);
        let shared = self.tape.is_shared(node);
        if shared {
            if let Some(&anchor) = document.copied.get(&(self.number, node)) {
                let scalar = self.tape.kind(node) == Kind::Scalar;
                document.alias(anchor, scalar);
                return Ok(());
            }
            if self.host.is_made(node)? {
                return self.host.write_made(document, node);
            }
        }
        if self.tape.kind(node) == Kind::Scalar {
            let anchor = self.share(document, node, shared);
            self.scalar(document, node, top, anchor);
            return Ok(());
        }
        if top
            && !document.in_brackets()
            && let Some((body, block, column)) = self.body(node)
            && self.same_handles(document)
            && let Some(edits) = self.edits(document, node, &body)?
        {
            self.verbatim(document, node, &body, block, column, edits);
            return Ok(());
        }
        let anchor = self.share(document, node, shared);
        let tag = self.tag(document, node);
        let style = Some(self.tape.style(node));
        if self.tape.kind(node) == Kind::Sequence {
            document.sequence(tag, anchor, style)?;
            for child in self.tape.children(node) {
                self.node(document, child, false)?;
            }
        } else {
            document.mapping(tag, anchor, style)?;
            let link = self.link(node);
            for (key, value) in self.tape.pairs(node) {
                self.node(document, key, false)?;
                match &link {
                    Some((place, link)) if *place == value => match self.host.link(link.clone())? {
                        Link::Block(number) => document.int(number),
                        Link::Name(name) => document.string(&name),
                    },
                    _ => self.node(document, value, false)?,
                }
            }
        }
        document.end();
        Ok(())
    }

    /// The anchor of a node that has aliases.
    fn share(&self, document: &mut Document, node: NodeId, shared: bool) -> Option<Anchor> {
        shared.then(|| {
            let anchor = document.anchor();
            document.copied.insert((self.number, node), anchor);
            anchor
        })
    }

    fn tag(&mut self, document: &mut Document, node: NodeId) -> TagId {
        let number = usize::from(self.tape.tag_id(node));
        let known = self.tags.get(number).copied().flatten();
        known.unwrap_or_else(|| {
            // The non-specific tag says nothing on a collection.
            let tag = self
                .tape
                .tag(node)
                .filter(|&tag| tag != "!")
                .unwrap_or_default();
            let id = document.tag(tag);
            if let Some(place) = self.tags.get_mut(number) {
                *place = Some(id);
            }
            id
        })
    }

    fn scalar(&self, document: &mut Document, node: NodeId, top: bool, anchor: Option<Anchor>) {
        let text = self.tape.text(node, self.source);
        // Alone, a scalar is written as asdf writes a value; within a part, as it was.
        let style = Some(self.tape.style(node)).filter(|_| !top);
        if let Some(tag) = self.tape.tag(node).filter(|&tag| tag != "!") {
            document.tagged(tag, &text, style, anchor);
            return;
        }
        match self.tape.scalar(node, self.source) {
            Ok(Scalar::Str(text)) => document.tagged(super::text::STRING, &text, style, anchor),
            Ok(Scalar::Null) if text.is_empty() => document.plain("null", anchor),
            _ => document.plain(&text, anchor),
        }
    }

    /// The value of an array's `source`, and where its data is.
    fn link(&self, node: NodeId) -> Option<(NodeId, Link)> {
        if !self
            .arrays
            .get(usize::from(self.tape.tag_id(node)))
            .is_some_and(|&array| array)
        {
            return None;
        }
        let value = self.tape.get(self.source, node, "source")?;
        // An alias to a source would be a strange thing; it stays.
        if self.tape.kind(value) != Kind::Scalar || self.tape.is_shared(value) {
            return None;
        }
        match self.tape.scalar(value, self.source) {
            Ok(Scalar::Int(number)) => Some((value, Link::Block(number))),
            Ok(Scalar::Str(name)) => Some((value, Link::Name(name.into_owned()))),
            _ => None,
        }
    }

    /// Whether tags mean the same in both documents.
    fn same_handles(&self, document: &Document) -> bool {
        let declared = |handles: &[(String, String)], handle: &str| {
            let found = handles.iter().find(|(known, _)| known == handle);
            found.map(|(_, prefix)| prefix.clone())
        };
        let theirs = self.tape.handles();
        let ours = &document.handles;
        theirs
            .iter()
            .map(|(handle, _)| handle.as_str())
            .chain(["!", "!!"])
            .all(|handle| declared(theirs, handle) == declared(ours, handle))
    }

    /// The text of a collection without its anchor and tag, if its lines can be moved; its kind if it is
    /// written by indentation; and the column that stands for its indentation.
    fn body(&self, node: NodeId) -> Option<(Range<usize>, Option<Kind>, usize)> {
        let span = self.tape.span(node);
        let mut at = span.start;
        // Past anchor, tag, white space and comments.
        let first = loop {
            let rest = self.source.get(at..span.end)?;
            let skip = match *rest.first()? {
                b'&' | b'!' if self.tape.is_anchored(node) || self.tape.tag(node).is_some() => {
                    // A key may have properties, too; those of the collection come before it.
                    if Some(at) == self.first_child(node) {
                        break rest;
                    }
                    rest.iter().position(u8::is_ascii_whitespace)?
                }
                b' ' | b'\n' => 1,
                b'#' => memchr(b'\n', rest)?,
                _ => break rest,
            };
            at = at.checked_add(skip)?;
        };
        // Only line feeds break lines, and only spaces indent them.
        let strange = [
            &b"\r"[..],
            b"\n\t",
            "\u{85}".as_bytes(),
            "\u{2028}".as_bytes(),
            "\u{2029}".as_bytes(),
        ];
        if strange
            .iter()
            .any(|bytes| memmem::find(first, bytes).is_some())
        {
            return None;
        }
        let line = self
            .source
            .get(..at)?
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n.saturating_add(1));
        let (kind, flow) = (self.tape.kind(node), self.tape.style(node) == Style::Flow);
        let body = at..span.end;
        if flow {
            let open = if kind == Kind::Sequence { b'[' } else { b'{' };
            let column = indents(first).min().unwrap_or(0);
            return (first.first() == Some(&open)).then_some((body, None, column));
        }
        // Before it on the line there may be the dashes of lists that it is in.
        let begins = match kind {
            Kind::Sequence => first.first() == Some(&b'-'),
            _ => {
                Some(at) == self.first_child(node)
                    && self.tape.span(self.tape.children(node).next()?).end > at
            }
        };
        let before = self.source.get(line..at)?;
        if !begins || before.iter().any(|b| !matches!(b, b' ' | b'-')) {
            return None;
        }
        let column = before.len();
        // Text in quotes or brackets may be indented less; at the left edge it must not look like a marker.
        let all = memchr_iter(b'\n', first).all(|at| {
            let line = first.get(at.saturating_add(1)..).unwrap_or_default();
            let reach = line.get(..=column).unwrap_or(line);
            let Some(indent) = reach.iter().position(|&b| b != b' ') else {
                return true;
            };
            let text = line.get(indent..).unwrap_or_default();
            !(text.starts_with(b"---") || text.starts_with(b"..."))
        });
        all.then_some((body, Some(kind), column))
    }

    fn first_child(&self, node: NodeId) -> Option<usize> {
        let child = self.tape.children(node).next()?;
        Some(self.tape.span(child).start)
    }

    /// What has to change in the part; `None` if that is more than names and numbers.
    fn edits(
        &mut self,
        document: &Document,
        node: NodeId,
        body: &Range<usize>,
    ) -> Result<Option<Vec<Edit>>, H::Error> {
        let tape = self.tape;
        let mut edits = Vec::new();
        // The node itself is written by the caller, tag and anchor apart.
        if let Some((value, link)) = self.link(node) {
            self.relink(value, &link, &mut edits)?;
        }
        for at in node.saturating_add(1)..tape.next(node) {
            if let Some(target) = tape.alias(at) {
                let inside = (node..at).contains(&target);
                if !inside && !document.copied.contains_key(&(self.number, target)) {
                    return Ok(None);
                }
                edits.push(Edit::Alias(target, tape.span(at)));
                continue;
            }
            if tape.is_anchored(at) {
                let Some(name) = tape.anchor(at, self.source) else {
                    return Ok(None);
                };
                let place = name.start.saturating_sub(1)..name.end;
                if !tape.is_shared(at) {
                    edits.push(Edit::Unused(place));
                } else if document.copied.contains_key(&(self.number, at))
                    || self.host.is_made(at)?
                {
                    return Ok(None);
                } else {
                    edits.push(Edit::Anchor(at, place));
                }
            }
            if let Some((value, link)) = self.link(at) {
                self.relink(value, &link, &mut edits)?;
            }
        }
        edits.sort_by_key(|edit| edit.place().start);
        let mut end = body.start;
        for edit in &edits {
            let place = edit.place();
            if place.start < end || place.end > body.end {
                return Ok(None);
            }
            end = place.end;
        }
        Ok(Some(edits))
    }

    fn relink(
        &mut self,
        value: NodeId,
        link: &Link,
        edits: &mut Vec<Edit>,
    ) -> Result<(), H::Error> {
        let new = self.host.link(link.clone())?;
        if new != *link {
            edits.push(Edit::Link(new, self.tape.span(value)));
        }
        Ok(())
    }

    fn verbatim(
        &mut self,
        document: &mut Document,
        node: NodeId,
        body: &Range<usize>,
        block: Option<Kind>,
        column: usize,
        edits: Vec<Edit>,
    ) {
        let anchor = self.share(document, node, self.tape.is_shared(node));
        let tag = self.tag(document, node);
        let mut pieces = Vec::with_capacity(edits.len().saturating_mul(2).saturating_add(1));
        let mut from = body.start;
        for edit in edits {
            let mut place = edit.place();
            let mut gap = place.end..place.end;
            let mut lead = place.start..place.start;
            if matches!(edit, Edit::Anchor(..) | Edit::Unused(..)) {
                (lead, gap) = self.around(&place);
                place = lead.start..gap.end;
            }
            let text = document.keep(self.source.get(from..place.start).unwrap_or_default());
            pieces.push(Piece::Text(text));
            from = place.end;
            match edit {
                Edit::Unused(_) => {}
                Edit::Alias(target, _) => {
                    if let Some(&anchor) = document.copied.get(&(self.number, target)) {
                        document.name(anchor);
                        pieces.push(Piece::Alias(anchor.0));
                    }
                }
                Edit::Anchor(at, _) => {
                    let lead = document.keep(self.source.get(lead).unwrap_or_default());
                    let gap = document.keep(self.source.get(gap).unwrap_or_default());
                    let anchor = document.anchor();
                    document.copied.insert((self.number, at), anchor);
                    pieces.push(Piece::Anchor(anchor.0, lead, gap));
                }
                Edit::Link(link, _) => {
                    let start = document.text.len();
                    // Writing to a String cannot fail.
                    let _ = match link {
                        Link::Block(number) => write!(document.text, "{number}"),
                        Link::Name(name) => write!(document.text, "'{}'", name.replace('\'', "''")),
                    };
                    pieces.push(Piece::Text(start..document.text.len()));
                }
            }
        }
        let text = document.keep(self.source.get(from..body.end).unwrap_or_default());
        pieces.push(Piece::Text(text));
        let start = document.pieces.len();
        document.pieces.extend(pieces);
        let pieces = start..document.pieces.len();
        document.part(
            tag,
            anchor,
            Part {
                pieces,
                block,
                column,
            },
        );
    }

    /// The white space that goes when an anchor goes: that after it, or before it at the end of a line.
    fn around(&self, place: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let after = self.source.get(place.end..).unwrap_or_default();
        let blanks = after.iter().position(|&b| b != b' ').unwrap_or(after.len());
        let gap = place.end..place.end.saturating_add(blanks);
        if after.get(blanks) != Some(&b'\n') {
            return (place.start..place.start, gap);
        }
        let before = self.source.get(..place.start).unwrap_or_default();
        let line = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n.saturating_add(1));
        let column = place.start.saturating_sub(line);
        // `- &name` with its content straight below: without the anchor, it follows the dash.
        let next = after.get(blanks.saturating_add(1)..).unwrap_or_default();
        let indent = next.iter().position(|&b| b != b' ').unwrap_or(0);
        let dashes = before.get(line..).unwrap_or_default();
        if dashes.iter().all(|b| matches!(b, b' ' | b'-')) && indent == column {
            let end = gap.end.saturating_add(1).saturating_add(indent);
            return (place.start..place.start, place.end..end);
        }
        let spaces = before.iter().rev().take_while(|&&b| b == b' ').count();
        (
            place.start.saturating_sub(spaces)..place.start,
            place.end..place.end,
        )
    }
}

impl Edit {
    fn place(&self) -> Range<usize> {
        match self {
            Self::Anchor(_, place)
            | Self::Unused(place)
            | Self::Alias(_, place)
            | Self::Link(_, place) => place.clone(),
        }
    }
}

/// How far the lines after the first are indented; empty lines do not count.
fn indents(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    text.split(|&b| b == b'\n')
        .skip(1)
        .filter_map(|line| line.iter().position(|&b| b != b' '))
}

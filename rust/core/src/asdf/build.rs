//! Building a tape: what both tiers share.

use std::collections::HashMap;

use super::tape::{ANCHORED, Form, MERGE, Node, NodeId, SHARED, Tape, index, narrow};

/// What stands before a node: its anchor, its tag and the place where they begin and end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Props<'t> {
    pub start: usize,
    pub end: usize,
    pub anchor: Option<&'t [u8]>,
    pub tag: u16,
}

impl Props<'_> {
    /// A node without properties whose content begins at `start`.
    pub(super) fn none(start: usize) -> Self {
        Self {
            start,
            end: start,
            anchor: None,
            tag: 0,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.anchor.is_none() && self.tag == 0
    }
}

/// Why a tree cannot go on the tape although its syntax is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An anchor's name is taken.
    DuplicateAnchor,
    /// An alias names no earlier anchor.
    UndefinedAlias,
    /// More distinct tags than 16 bits count.
    TooManyTags,
}

/// Where a scalar's text is: in the source, or at the end of the tape's own string.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text {
    Source(usize, usize),
    Cooked(usize),
}

/// How many recent tags are found without hashing.
const RECENT: usize = 64;

/// Appends nodes in document order.
#[derive(Debug)]
pub(super) struct Builder<'t> {
    tape: Tape,
    anchors: HashMap<&'t [u8], NodeId>,
    /// Tags as written (with handle) to numbers.
    written: HashMap<&'t [u8], u16>,
    recent: [(&'t [u8], u16); RECENT],
    /// Expanded tags to numbers: two spellings of one tag share a number.
    expanded: HashMap<String, u16>,
    /// Where the node that was completed last ends.
    last_end: u32,
}

impl<'t> Builder<'t> {
    pub(super) fn new(length: usize, at: u64) -> Self {
        // Fourteen bytes of text per node are typical. The guess is bounded; a larger tape grows.
        let nodes = Vec::with_capacity((length / 12).min(1 << 20));
        Self {
            tape: Tape {
                nodes,
                tags: vec![String::new()],
                at,
                ..Tape::default()
            },
            anchors: HashMap::new(),
            written: HashMap::new(),
            recent: [(&[], 0); RECENT],
            expanded: HashMap::new(),
            last_end: 0,
        }
    }

    pub(super) fn finish(self) -> Tape {
        self.tape
    }

    /// Where the node that was completed last ends.
    pub(super) fn last_end(&self) -> usize {
        index(self.last_end)
    }

    /// The string that scalars with escapes or folds are written to.
    pub(super) fn cooked(&mut self) -> &mut String {
        &mut self.tape.cooked
    }

    /// Declares a tag handle; false if it was declared before.
    pub(super) fn declare(&mut self, handle: &str, prefix: &str) -> bool {
        let new = self.tape.handles.iter().all(|(known, _)| known != handle);
        if new {
            self.tape
                .handles
                .push((handle.to_owned(), prefix.to_owned()));
        }
        new
    }

    /// The prefix that a handle stands for: as declared, else YAML's defaults.
    pub(super) fn prefix(&self, handle: &str) -> Option<&str> {
        let declared = self.tape.handles.iter().find(|(known, _)| known == handle);
        match (declared, handle) {
            (Some((_, prefix)), _) => Some(prefix),
            (None, "!") => Some("!"),
            (None, "!!") => Some("tag:yaml.org,2002:"),
            _ => None,
        }
    }

    /// The number of a tag that was written the same way before.
    pub(super) fn known_tag(&mut self, written: &'t [u8]) -> Option<u16> {
        let slot = slot(written);
        if let Some((text, number)) = self.recent.get(slot)
            && *text == written
        {
            return Some(*number);
        }
        let number = *self.written.get(written)?;
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = (written, number);
        }
        Some(number)
    }

    /// Numbers the expanded tag and remembers how it was written.
    pub(super) fn intern_tag(&mut self, written: &'t [u8], tag: String) -> Result<u16, Fault> {
        let number = if let Some(number) = self.expanded.get(&tag) {
            *number
        } else {
            let number = u16::try_from(self.tape.tags.len()).map_err(|_| Fault::TooManyTags)?;
            self.tape.tags.push(tag.clone());
            self.expanded.insert(tag, number);
            number
        };
        self.written.insert(written, number);
        Ok(number)
    }

    fn push(&mut self, props: &Props<'t>, mut node: Node) -> Result<NodeId, Fault> {
        let id = narrow(self.tape.nodes.len());
        if let Some(name) = props.anchor {
            if self.anchors.insert(name, id).is_some() {
                return Err(Fault::DuplicateAnchor);
            }
            node.flags |= ANCHORED;
        }
        self.last_end = node.end;
        self.tape.nodes.push(node);
        Ok(id)
    }

    pub(super) fn scalar(
        &mut self,
        props: &Props<'t>,
        form: Form,
        text: Text,
        end: usize,
    ) -> Result<NodeId, Fault> {
        let (a, b, flags) = match text {
            Text::Source(start, end) => (start, end.saturating_sub(start), 0),
            Text::Cooked(start) => (
                start,
                self.tape.cooked.len().saturating_sub(start),
                super::tape::COOKED,
            ),
        };
        let node = Node {
            start: narrow(props.start),
            end: narrow(end),
            a: narrow(a),
            b: narrow(b),
            tag: props.tag,
            form,
            flags,
        };
        self.push(props, node)
    }

    /// A value that is not there: it reads as null, or as an empty string if it has a tag.
    pub(super) fn absent(&mut self, props: &Props<'t>) -> Result<NodeId, Fault> {
        self.scalar(
            props,
            Form::Plain,
            Text::Source(props.end, props.end),
            props.end,
        )
    }

    pub(super) fn open(&mut self, props: &Props<'t>, form: Form) -> Result<NodeId, Fault> {
        let node = Node {
            start: narrow(props.start),
            end: 0,
            a: 0,
            b: 0,
            tag: props.tag,
            form,
            flags: 0,
        };
        self.push(props, node)
    }

    /// Ends a collection of `count` items or pairs; `end` is given for brackets only.
    pub(super) fn close(&mut self, id: NodeId, count: usize, end: Option<usize>) {
        let next = narrow(self.tape.nodes.len());
        let end = end.map_or(self.last_end, narrow);
        self.last_end = end;
        if let Some(node) = self.tape.nodes.get_mut(index(id)) {
            node.end = end;
            node.a = next;
            node.b = narrow(count);
        }
    }

    pub(super) fn alias(
        &mut self,
        name: &'t [u8],
        start: usize,
        end: usize,
    ) -> Result<NodeId, Fault> {
        let target = *self.anchors.get(name).ok_or(Fault::UndefinedAlias)?;
        if let Some(node) = self.tape.nodes.get_mut(index(target)) {
            node.flags |= SHARED;
        }
        let node = Node {
            start: narrow(start),
            end: narrow(end),
            a: target,
            b: 0,
            tag: 0,
            form: Form::Alias,
            flags: 0,
        };
        self.push(&Props::none(start), node)
    }

    /// Marks `key` and its mapping if it is the merge key.
    pub(super) fn check_merge(&mut self, mapping: NodeId, key: NodeId, source: &[u8]) {
        let node = self.tape.node(self.tape.resolve(key));
        let special = node.form == Form::Plain && node.tag == 0 && node.b == 2;
        if special
            && source
                .get(index(node.a)..)
                .is_some_and(|rest| rest.starts_with(b"<<"))
        {
            for id in [mapping, key] {
                if let Some(node) = self.tape.nodes.get_mut(index(id)) {
                    node.flags |= MERGE;
                }
            }
        }
    }
}

/// A slot for a tag by its length and its last bytes: names and versions differ there.
fn slot(written: &[u8]) -> usize {
    let tail = written
        .last_chunk::<8>()
        .map_or(0, |tail| u64::from_le_bytes(*tail));
    let length = u64::try_from(written.len()).unwrap_or(0);
    let mixed = tail
        .wrapping_add(length)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The top six bits choose one of 64.
    usize::try_from(mixed >> 58).unwrap_or(0)
}

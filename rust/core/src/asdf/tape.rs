//! The tree as a tape: one flat list of nodes with spans into the YAML text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::scalar::{self, Scalar};
use crate::error::{Error, ErrorKind, Result};

/// The number of a node on its tape; the root is 0 and a subtree is a run of consecutive numbers.
pub type NodeId = u32;

/// Deeper nesting than this is refused, so that no caller's recursion can run out of stack.
pub const MAX_DEPTH: usize = 512;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text that may resolve to a number, a date and so on.
    Scalar,
    /// A list.
    Sequence,
    /// Pairs of key and value.
    Mapping,
    /// `*name`: another place of a node that was written before.
    Alias,
}

/// How a node is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes (an alias and an absent value, too).
    Plain,
    /// `'scalar'`
    Single,
    /// `"scalar"`
    Double,
    /// `|` scalar: line breaks are kept.
    Literal,
    /// `>` scalar: line breaks are folded.
    Folded,
    /// A collection by indentation.
    Block,
    /// A collection in brackets.
    Flow,
}

/// The scalar's text lies in the tape (escapes or folding were undone), not in the source.
pub(super) const COOKED: u8 = 1;
/// At least one alias points at the node.
pub(super) const SHARED: u8 = 2;
/// On a key: it is the merge key. On a mapping: it has one.
pub(super) const MERGE: u8 = 4;
/// The node's properties hold an anchor.
pub(super) const ANCHORED: u8 = 8;

/// Kind and style in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
    BlockSequence,
    FlowSequence,
    BlockMapping,
    FlowMapping,
    Alias,
}

/// One node in 20 bytes.
///
/// | kind       | `a`                      | `b`            |
/// |------------|--------------------------|----------------|
/// | scalar     | start of the text        | its length     |
/// | collection | number after the subtree | items or pairs |
/// | alias      | number of the target     | 0              |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub start: u32,
    pub end: u32,
    pub a: u32,
    pub b: u32,
    pub tag: u16,
    pub form: Form,
    pub flags: u8,
}

impl Node {
    pub(super) fn kind(self) -> Kind {
        match self.form {
            Form::Plain | Form::Single | Form::Double | Form::Literal | Form::Folded => {
                Kind::Scalar
            }
            Form::BlockSequence | Form::FlowSequence => Kind::Sequence,
            Form::BlockMapping | Form::FlowMapping => Kind::Mapping,
            Form::Alias => Kind::Alias,
        }
    }

    fn style(self) -> Style {
        match self.form {
            Form::Plain | Form::Alias => Style::Plain,
            Form::Single => Style::Single,
            Form::Double => Style::Double,
            Form::Literal => Style::Literal,
            Form::Folded => Style::Folded,
            Form::BlockSequence | Form::BlockMapping => Style::Block,
            Form::FlowSequence | Form::FlowMapping => Style::Flow,
        }
    }
}

/// The tree of an ASDF file, parsed but not yet interpreted.
///
/// Nodes stand in document order, parents before children, so everything is a walk along one vector:
/// no pointers, and a subtree is skipped in one step. Scalars keep their text in the source and are
/// resolved when they are asked for.
///
/// ```
/// use asdfits_core::asdf::{Scalar, Tape};
///
/// let text = b"%YAML 1.1\n---\na: 010\nb: [x, *]\n";
/// assert!(Tape::parse(text, 0).is_err()); // `*` names no anchor
/// let text = b"%YAML 1.1\n---\na: 010\nb: [x, y]\n...\n";
/// let tape = Tape::parse(text, 0)?;
/// let root = tape.root().unwrap();
/// let a = tape.get(text, root, "a").unwrap();
/// assert_eq!(tape.scalar(a, text)?, Scalar::Int(8));
/// # Ok::<(), asdfits_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
    pub(super) tags: Vec<String>,
    pub(super) cooked: String,
    pub(super) handles: Vec<(String, String)>,
    pub(super) at: u64,
}

impl Tape {
    /// The root; `None` if the text holds no document.
    pub fn root(&self) -> Option<NodeId> {
        if self.nodes.is_empty() { None } else { Some(0) }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes.get(index(id)).copied().unwrap_or(NOTHING)
    }

    /// What the node is; a number beyond the tape reads as an untagged empty scalar.
    pub fn kind(&self, id: NodeId) -> Kind {
        self.node(id).kind()
    }

    /// How the node is written.
    pub fn style(&self, id: NodeId) -> Style {
        self.node(id).style()
    }

    /// The node's tag with its handle expanded, `!` for the non-specific tag, `None` without a tag.
    pub fn tag(&self, id: NodeId) -> Option<&str> {
        match self.node(id).tag {
            0 => None,
            n => self.tags.get(usize::from(n)).map(String::as_str),
        }
    }

    /// The number of the node's tag in [`Tape::tags`]; 0 without a tag.
    pub fn tag_id(&self, id: NodeId) -> u16 {
        self.node(id).tag
    }

    /// The tag that the value keeps in the reference: not `!`, and not those tags of YAML's own (`!!int`,
    /// `!!omap` …) that say how to build the value.
    pub fn kept_tag(&self, id: NodeId) -> Option<&str> {
        self.tag(id).filter(|tag| !scalar::is_constructed(tag))
    }

    /// The distinct tags in order of their first use; number 0 is the empty string and means "none".
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The tag handles that `%TAG` lines declare, with their prefixes: what a copied subtree relies on.
    pub fn handles(&self) -> &[(String, String)] {
        &self.handles
    }

    /// The node that an alias stands for; `None` for other kinds.
    pub fn alias(&self, id: NodeId) -> Option<NodeId> {
        let node = self.node(id);
        (node.kind() == Kind::Alias).then_some(node.a)
    }

    /// The node itself, or the target if it is an alias.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        self.alias(id).unwrap_or(id)
    }

    /// Whether at least one alias points at the node.
    pub fn is_shared(&self, id: NodeId) -> bool {
        self.node(id).flags & SHARED != 0
    }

    /// Whether the node is a merge key: a plain, untagged `<<` in the place of a key.
    pub fn is_merge(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.flags & MERGE != 0 && node.kind() != Kind::Mapping
    }

    /// Whether the mapping has a merge key, so that a look-up must see through it.
    pub fn has_merge(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.flags & MERGE != 0 && node.kind() == Kind::Mapping
    }

    /// The children: items, or key, value, key, value … of a mapping.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + use<'_> {
        let node = self.node(id);
        let end = match node.kind() {
            Kind::Sequence | Kind::Mapping => node.a,
            Kind::Scalar | Kind::Alias => 0,
        };
        let mut child = id.saturating_add(1);
        std::iter::from_fn(move || {
            let here = child;
            (here < end).then(|| {
                child = self.next(here);
                here
            })
        })
    }

    /// The pairs of a mapping in the order of the text; nothing for other kinds.
    pub fn pairs(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> + use<'_> {
        let end = if self.kind(id) == Kind::Mapping {
            self.next(id)
        } else {
            0
        };
        let mut child = id.saturating_add(1);
        std::iter::from_fn(move || {
            let key = child;
            (key < end).then(|| {
                let value = self.next(key);
                child = self.next(value);
                (key, value)
            })
        })
    }

    /// The number of items, or of pairs; 0 for a scalar or an alias.
    pub fn count(&self, id: NodeId) -> usize {
        let node = self.node(id);
        match node.kind() {
            Kind::Sequence | Kind::Mapping => index(node.b),
            Kind::Scalar | Kind::Alias => 0,
        }
    }

    /// The number that follows the node's subtree.
    pub fn next(&self, id: NodeId) -> NodeId {
        let node = self.node(id);
        match node.kind() {
            Kind::Sequence | Kind::Mapping => node.a,
            Kind::Scalar | Kind::Alias => id.saturating_add(1),
        }
    }

    /// The bytes of the node in the text.
    ///
    /// From the first byte of its properties (anchor, tag), or of its content, to the end of its content:
    /// quotes and brackets are inside; white space, comments and line breaks after it are outside. A block
    /// collection starts at its first `-` or key and ends with its last child. A block scalar ends before
    /// the line break of its last line that is not blank, or after all its breaks with the `+` indicator.
    /// An absent value is empty, at the end of its `-`, `?` or `:` (or of its key, if there is none).
    pub fn span(&self, id: NodeId) -> Range<usize> {
        let node = self.node(id);
        index(node.start)..index(node.end)
    }

    /// Whether the node carries an anchor.
    pub fn is_anchored(&self, id: NodeId) -> bool {
        self.node(id).flags & ANCHORED != 0
    }

    /// The bytes of the anchor's name (`id001` in `&id001`), or of the name that an alias uses.
    pub fn anchor(&self, id: NodeId, source: &[u8]) -> Option<Range<usize>> {
        let node = self.node(id);
        if node.kind() != Kind::Alias && node.flags & ANCHORED == 0 {
            return None;
        }
        let span = self.span(id);
        let mut rest = source.get(span.clone())?;
        loop {
            // A tag, white space and comments may stand before the anchor.
            let skip = match rest.first()? {
                b'&' | b'*' => break,
                b'!' => rest.iter().position(u8::is_ascii_whitespace)?,
                b'#' => memchr::memchr(b'\n', rest)?,
                _ => 1,
            };
            rest = rest.get(skip..)?;
        }
        let name = rest.get(1..)?;
        let length = name
            .iter()
            .position(|&b| !is_anchor_byte(b))
            .unwrap_or(name.len());
        let start = span.end.checked_sub(name.len())?;
        Some(start..start.checked_add(length)?)
    }

    /// The scalar's text with escapes, folding and doubled quotes undone; empty for other kinds.
    ///
    /// `source` is the text that was parsed.
    pub fn text<'a>(&'a self, id: NodeId, source: &'a [u8]) -> Cow<'a, str> {
        let node = self.node(id);
        let start = index(node.a);
        let range = start..start.saturating_add(index(node.b));
        if node.kind() != Kind::Scalar {
            Cow::Borrowed("")
        } else if node.flags & COOKED != 0 {
            Cow::Borrowed(self.cooked.get(range).unwrap_or(""))
        } else {
            let bytes = source.get(range).unwrap_or(&[]);
            // Parsing has checked that the text is UTF-8, so the slower way is never taken.
            str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
        }
    }

    /// Whether the node is a scalar with this text.
    fn is_text(&self, id: NodeId, source: &[u8], text: &str) -> bool {
        let node = self.node(id);
        if node.kind() != Kind::Scalar || index(node.b) != text.len() {
            return false;
        }
        let start = index(node.a);
        let range = start..start.saturating_add(text.len());
        let bytes = if node.flags & COOKED == 0 {
            source
        } else {
            self.cooked.as_bytes()
        };
        bytes.get(range) == Some(text.as_bytes())
    }

    /// Whether the reference takes the node as a key: a scalar that keeps no tag, itself or by an alias.
    pub fn is_hashable(&self, id: NodeId) -> bool {
        let id = self.resolve(id);
        self.kind(id) == Kind::Scalar && self.kept_tag(id).is_none()
    }

    /// The value of `key` in a mapping (or in the mapping that an alias stands for).
    ///
    /// The last of equal keys wins; merged mappings are asked when no key of the mapping itself matches.
    /// Only keys that read as strings match.
    pub fn get(&self, source: &[u8], id: NodeId, key: &str) -> Option<NodeId> {
        self.get_merged(source, id, key, MAX_DEPTH, &mut HashSet::new())
    }

    /// Looks `key` up; `missed` holds merged mappings that are known not to have it, so that a mapping which
    /// is merged along many ways, or merges itself, is searched once.
    fn get_merged(
        &self,
        source: &[u8],
        id: NodeId,
        key: &str,
        depth: usize,
        missed: &mut HashSet<NodeId>,
    ) -> Option<NodeId> {
        let id = self.resolve(id);
        let own = self.get_own(source, id, key);
        if own.is_some() || !self.has_merge(id) || !missed.insert(id) {
            return own;
        }
        let depth = depth.checked_sub(1)?;
        let merges: Vec<NodeId> = self
            .pairs(id)
            .filter(|(name, _)| self.is_merge(*name))
            .map(|(_, value)| value)
            .collect();
        // Of several merge keys the last wins; in a list of mappings, the first.
        merges.into_iter().rev().find_map(|value| {
            let value = self.resolve(value);
            if self.kind(value) == Kind::Sequence {
                self.children(value)
                    .find_map(|one| self.get_merged(source, one, key, depth, missed))
            } else {
                self.get_merged(source, value, key, depth, missed)
            }
        })
    }

    fn get_own(&self, source: &[u8], id: NodeId, key: &str) -> Option<NodeId> {
        let mut found = None;
        for (name, value) in self.pairs(id) {
            let name = self.resolve(name);
            if self.is_text(name, source, key)
                && matches!(self.scalar(name, source), Ok(Scalar::Str(_)))
            {
                found = Some(value);
            }
        }
        found
    }

    /// What the scalar means under YAML 1.1 as `PyYAML` and asdf read it.
    ///
    /// A plain scalar without tag is resolved by its form, and so is any scalar tagged `!`. The tags of
    /// YAML itself (`!!int`, `!!binary` …) decide for themselves. Every other tag, and quotes, leave a string.
    pub fn scalar<'a>(&'a self, id: NodeId, source: &'a [u8]) -> Result<Scalar<'a>> {
        let node = self.node(id);
        let text = self.text(id, source);
        let plain = node.form == Form::Plain;
        // An absent value ends where its properties end, and so does its text.
        let absent = plain && node.b == 0;
        scalar::resolve(self.tag(id), plain, absent, text).map_err(|message| {
            Error::format(self.at.saturating_add(u64::from(node.start)), message)
        })
    }

    /// The place of the node in the file: what an error about it should say.
    pub fn at(&self, id: NodeId) -> u64 {
        self.at.saturating_add(u64::from(self.node(id).start))
    }
}

/// What a number beyond the tape reads as.
const NOTHING: Node = Node {
    start: 0,
    end: 0,
    a: 0,
    b: 0,
    tag: 0,
    form: Form::Plain,
    flags: 0,
};

/// A stored 32-bit number as an index.
pub(super) fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// A position as a stored number; parsing refuses texts for which it would not fit.
pub(super) fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Whether the byte may stand in the name of an anchor (libyaml's rule, narrower than the standard's).
pub(super) fn is_anchor_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

/// Refuses a text whose positions the tape cannot hold.
pub(super) fn check_size(text: &[u8], at: u64) -> Result<()> {
    if u32::try_from(text.len()).is_ok_and(|n| n < u32::MAX) {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Limit,
            at,
            format!("a YAML tree of {} bytes; the limit is 4 GiB", text.len()),
        ))
    }
}

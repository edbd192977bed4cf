//! The tree as text, byte for byte as asdf writes it.
//!
//! asdf hands its trees to libyaml, so the text is libyaml's in every line break and every quote: 80 columns,
//! indents of two, sequences in mappings not indented, and collections of nothing but scalars in brackets.
//! A [`Document`] takes the tree node by node and knows at the end which nodes need an anchor; parts of a tree
//! that was read go in as the text they came from ([`Document::copy`]).
//!
//! ```
//! use asdfits_core::asdf::Document;
//!
//! let mut document = Document::new(&[("!", "tag:stsci.edu:asdf/")]);
//! let tag = document.tag("tag:stsci.edu:asdf/core/asdf-1.1.0");
//! document.mapping(tag, None, None)?;
//! document.string("shape");
//! document.sequence(0, None, None)?;
//! document.int(2);
//! document.float(0.5);
//! document.end();
//! document.end();
//! assert_eq!(
//!     document.finish()?,
//!     "%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\nshape: [2, 0.5]\n...\n"
//! );
//! # Ok::<(), asdfits_core::Error>(())
//! ```

mod copy;
mod text;
mod write;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use super::tape::{Kind, MAX_DEPTH, NodeId, Style, narrow};
use crate::error::{Error, ErrorKind, Result};

pub use copy::{Host, Link};

/// The number of a tag in a document; 0 is "no tag".
pub type TagId = u32;

/// A node that other places of the document may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Anchor(u32);

/// What a node of the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `a` to `b` is its text.
    Scalar,
    /// `a` is the number of children (keys and values count alike); `b` is not used.
    Sequence,
    Mapping,
    Alias,
    /// Text from another document: `a` is its place in `parts`.
    Part,
}

/// One node in 20 bytes: there are many, and each is written and read once.
#[derive(Debug, Clone, Copy)]
struct Item {
    form: Form,
    /// A collection in brackets.
    flow: bool,
    /// Of a scalar: which styles its text allows, and what it resolves to; see [`text`].
    flags: u16,
    tag: TagId,
    /// 0 is none.
    anchor: u32,
    a: u32,
    b: u32,
}

/// A collection that is not complete.
#[derive(Debug)]
struct Open {
    item: usize,
    /// Whether all children so far are scalars without a style of their own.
    simple: bool,
    /// The style that the caller asked for.
    flow: Option<bool>,
}

/// A tag as it is written, and the bytes that libyaml counts for it where a key is to be short.
#[derive(Debug, Default)]
struct Spelling {
    text: String,
    length: usize,
}

/// A stretch of a part's text.
#[derive(Debug, Clone)]
enum Piece {
    /// A range of the document's text.
    Text(Range<usize>),
    /// `&name` between two ranges of white space. Without a use there is no anchor, and they go with it.
    Anchor(u32, Range<usize>, Range<usize>),
    /// `*name`
    Alias(u32),
}

/// A collection from another document, without its tag and anchor.
#[derive(Debug)]
struct Part {
    pieces: Range<usize>,
    /// What it is if it is written by indentation; `None` is one in brackets.
    block: Option<Kind>,
    /// The column that becomes the new indentation.
    column: usize,
}

/// Places for tags that are found without the table.
const RECENT: usize = 128;

/// A YAML document in the making.
#[derive(Debug)]
pub struct Document {
    items: Vec<Item>,
    text: String,
    parts: Vec<Part>,
    pieces: Vec<Piece>,
    open: Vec<Open>,
    handles: Vec<(String, String)>,
    spellings: Vec<Spelling>,
    tags: HashMap<String, TagId>,
    recent: Vec<(String, TagId)>,
    /// Shared nodes of other documents (each with its number) that are here.
    copied: HashMap<(u32, NodeId), Anchor>,
    /// Names of the anchors: 0 as long as no alias needs one.
    names: Vec<u32>,
    named: u32,
}

impl Document {
    /// An empty document that declares these tag handles with their prefixes.
    pub fn new(handles: &[(&str, &str)]) -> Self {
        Self {
            items: Vec::new(),
            text: String::new(),
            parts: Vec::new(),
            pieces: Vec::new(),
            open: Vec::new(),
            handles: handles
                .iter()
                .map(|&(handle, prefix)| (handle.to_owned(), prefix.to_owned()))
                .collect(),
            spellings: vec![Spelling::default()],
            tags: HashMap::new(),
            recent: vec![(String::new(), 0); RECENT],
            copied: HashMap::new(),
            names: vec![0],
            named: 0,
        }
    }

    /// The number of a tag; the empty tag is none.
    pub fn tag(&mut self, tag: &str) -> TagId {
        if tag.is_empty() {
            return 0;
        }
        // Tags are long and alike up to the end, and few of them make up most of a tree.
        let bytes = tag.as_bytes();
        let ends = [
            bytes.first(),
            bytes.last(),
            bytes.iter().rev().nth(5),
            bytes.iter().rev().nth(9),
        ];
        let slot = ends.iter().fold(bytes.len(), |mixed, byte| {
            mixed
                .wrapping_mul(31)
                .wrapping_add(byte.copied().map_or(0, usize::from))
        }) % RECENT;
        if let Some((known, id)) = self.recent.get(slot)
            && known == tag
        {
            return *id;
        }
        let id = self.tags.get(tag).copied().unwrap_or_else(|| {
            let id = u32::try_from(self.spellings.len()).unwrap_or(0);
            self.spellings.push(self.spell(tag));
            self.tags.insert(tag.to_owned(), id);
            id
        });
        if let Some(place) = self.recent.get_mut(slot) {
            *place = (tag.to_owned(), id);
        }
        id
    }

    /// Handle and rest if a handle's prefix begins the tag, else the whole tag in `!<>`.
    fn spell(&self, tag: &str) -> Spelling {
        let defaults = [("!", "!"), ("!!", text::CORE)];
        let undeclared = defaults
            .iter()
            .filter(|(handle, _)| self.handles.iter().all(|(known, _)| known != handle))
            .copied();
        let declared = self
            .handles
            .iter()
            .map(|(handle, prefix)| (handle.as_str(), prefix.as_str()));
        for (handle, prefix) in declared.chain(undeclared) {
            if let Some(suffix) = tag.strip_prefix(prefix).filter(|suffix| !suffix.is_empty()) {
                let mut text = handle.to_owned();
                text::push_uri(&mut text, suffix, false);
                return Spelling {
                    text,
                    length: handle.len().saturating_add(suffix.len()),
                };
            }
        }
        let mut text = "!<".to_owned();
        text::push_uri(&mut text, tag, true);
        text.push('>');
        Spelling {
            text,
            length: tag.len(),
        }
    }

    /// A place that aliases can point at: pass it to the node that has it, then to [`Document::alias`].
    pub fn anchor(&mut self) -> Anchor {
        let anchor = Anchor(u32::try_from(self.names.len()).unwrap_or(0));
        self.names.push(0);
        anchor
    }

    /// How many collections are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Begins a list, to be closed by [`Document::end`].
    ///
    /// Without a style it goes in brackets if all its items are scalars that have none either. The depth of
    /// nesting is limited as it is for reading.
    pub fn sequence(
        &mut self,
        tag: TagId,
        anchor: Option<Anchor>,
        style: Option<Style>,
    ) -> Result<()> {
        self.begin(Form::Sequence, tag, anchor, style)
    }

    /// Begins a mapping of key, value, key, value …; see [`Document::sequence`].
    pub fn mapping(
        &mut self,
        tag: TagId,
        anchor: Option<Anchor>,
        style: Option<Style>,
    ) -> Result<()> {
        self.begin(Form::Mapping, tag, anchor, style)
    }

    fn begin(
        &mut self,
        form: Form,
        tag: TagId,
        anchor: Option<Anchor>,
        style: Option<Style>,
    ) -> Result<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error {
                kind: ErrorKind::Limit,
                at: None,
                hdu: None,
                errno: None,
                message: format!(
                    "the tree is nested deeper than {MAX_DEPTH} levels, which no reader takes"
                ),
            });
        }
        let flow = match style {
            Some(Style::Flow) => Some(true),
            Some(Style::Block) => Some(false),
            _ => None,
        };
        let item = self.items.len();
        self.push(form, 0, tag, anchor, 0, 0, false);
        self.open.push(Open {
            item,
            simple: true,
            flow,
        });
        Ok(())
    }

    /// Ends the list or mapping that was begun last.
    pub fn end(&mut self) {
        if let Some(open) = self.open.pop()
            && let Some(item) = self.items.get_mut(open.item)
        {
            item.flow = open.flow.unwrap_or(open.simple);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of an item, at one place"
    )]
    fn push(
        &mut self,
        form: Form,
        flags: u16,
        tag: TagId,
        anchor: Option<Anchor>,
        a: usize,
        b: usize,
        simple: bool,
    ) {
        // What does not fit is refused at the end.
        let (a, b) = (narrow(a), narrow(b));
        if let Some(parent) = self.open.last_mut() {
            parent.simple &= simple;
            if let Some(item) = self.items.get_mut(parent.item) {
                item.a = item.a.saturating_add(1);
            }
        }
        let anchor = anchor.map_or(0, |anchor| anchor.0);
        self.items.push(Item {
            form,
            flow: false,
            flags,
            tag,
            anchor,
            a,
            b,
        });
    }

    /// A second place of a node.
    pub fn alias(&mut self, anchor: Anchor, scalar: bool) {
        self.name(anchor);
        self.push(Form::Alias, 0, 0, Some(anchor), 0, 0, scalar);
    }

    /// Gives the anchor a name if it has none: they are counted in the order of the first aliases.
    fn name(&mut self, anchor: Anchor) {
        if let Some(name) = usize::try_from(anchor.0)
            .ok()
            .and_then(|at| self.names.get_mut(at))
            && *name == 0
        {
            self.named = self.named.saturating_add(1);
            *name = self.named;
        }
    }

    /// Text that is to be read as text.
    pub fn string(&mut self, value: &str) {
        self.styled_string(value, None);
    }

    /// Text in a style of its own, as far as that can hold it.
    pub fn styled_string(&mut self, value: &str, style: Option<Style>) {
        let mut flags = text::analyse(value) | text::QUOTED_IS_MEANT | text::style(style);
        if flags & text::ANY_PLAIN != 0 && text::is_string(value) {
            flags |= text::PLAIN_IS_MEANT;
        }
        self.scalar(value, flags, 0, None);
    }

    /// Text that resolves to something else than text: a number, a date, `null`.
    pub fn plain(&mut self, value: &str, anchor: Option<Anchor>) {
        self.scalar(
            value,
            text::analyse(value) | text::PLAIN_IS_MEANT,
            0,
            anchor,
        );
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.number(|text| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{value}");
        });
    }

    /// A float as Python writes it.
    pub fn float(&mut self, value: f64) {
        self.number(|text| text::push_float(text, value));
    }

    /// A float as Python writes it, in a place that others may refer to.
    pub fn anchored_float(&mut self, value: f64, anchor: Anchor) {
        let mut text = String::new();
        text::push_float(&mut text, value);
        self.plain(&text, Some(anchor));
    }

    fn number(&mut self, push: impl FnOnce(&mut String)) {
        let start = self.text.len();
        push(&mut self.text);
        let flags =
            text::ANY_PLAIN | text::SINGLE | text::BLOCK | text::ASCII | text::PLAIN_IS_MEANT;
        self.push(Form::Scalar, flags, 0, None, start, self.text.len(), true);
    }

    /// Bytes in base64, under `!!binary`.
    pub fn binary(&mut self, value: &[u8]) {
        let tag = self.tag("tag:yaml.org,2002:binary");
        let encoded = text::base64(value);
        let flags = text::analyse(&encoded) | text::style(Some(Style::Literal));
        self.scalar(&encoded, flags, tag, None);
    }

    /// Text under a tag that says what it means.
    pub fn tagged(&mut self, tag: &str, value: &str, style: Option<Style>, anchor: Option<Anchor>) {
        let mut flags = text::analyse(value) | text::style(style);
        let mut id = 0;
        // A tag that the text has anyway is left out.
        if tag.starts_with(text::CORE) && text::resolved_tag(value) == tag {
            flags |= text::PLAIN_IS_MEANT;
        }
        if tag == text::STRING {
            flags |= text::QUOTED_IS_MEANT;
        }
        if flags & (text::PLAIN_IS_MEANT | text::QUOTED_IS_MEANT) == 0 {
            id = self.tag(tag);
        }
        self.scalar(value, flags, id, anchor);
    }

    fn scalar(&mut self, value: &str, flags: u16, tag: TagId, anchor: Option<Anchor>) {
        let start = self.text.len();
        self.text.push_str(value);
        let simple = flags & text::STYLED == 0;
        self.push(
            Form::Scalar,
            flags,
            tag,
            anchor,
            start,
            self.text.len(),
            simple,
        );
    }

    /// Whether what is added now stands in brackets whatever it is.
    fn in_brackets(&self) -> bool {
        self.open.iter().any(|open| open.flow == Some(true))
    }

    /// The text, from `%YAML` to `...`; refused beyond 4 GiB, as it is for reading.
    pub fn finish(mut self) -> Result<String> {
        while !self.open.is_empty() {
            self.end();
        }
        let size = self.text.len().max(self.items.len());
        if u32::try_from(size).is_ok_and(|size| size < u32::MAX) {
            Ok(write::Writer::new(&self).document())
        } else {
            Err(limit("the tree has more than 4 GiB of text".to_owned()))
        }
    }
}

fn limit(message: String) -> Error {
    Error {
        kind: ErrorKind::Limit,
        at: None,
        hdu: None,
        errno: None,
        message,
    }
}

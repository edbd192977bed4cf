//! The headers beside the tree: which cards say what the tree does not, which no schema knows.
//!
//! A product of 1500 HDUs has 40 000 cards, and nearly all say what the tree says. They are read,
//! compared and dropped here; only the others become Python objects.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::asdf::{self, NodeId, Scalar, Tape};
use crate::fits::{self, CARD, Card, Value, card};
use crate::{Bytes, Product};

/// Stands in a path for the position in a list.
const ITEM: &str = "*";

/// Kinds of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts, in four bytes")]
pub struct Kinds {
    text: bool,
    logical: bool,
    integer: bool,
    float: bool,
}

impl Kinds {
    /// The kinds of `s`tring, `b`oolean, `i`nteger and `f`loat that `letters` names.
    pub fn new(letters: &str) -> Self {
        Self {
            text: letters.contains('s'),
            logical: letters.contains('b'),
            integer: letters.contains('i'),
            float: letters.contains('f'),
        }
    }
}

/// A place of the tree that is also a header card.
#[derive(Debug, Clone, Default)]
pub struct Keyword {
    /// Name of the HDU, in upper case.
    pub hdu: String,
    /// The keyword, as the schema spells it.
    pub keyword: String,
    /// The path in the tree, `*` for a position in a list.
    pub path: Vec<String>,
    /// Whether EXTVER counts the items of a list on the path.
    pub in_list: bool,
    /// The kinds of values that fit the schema for certain.
    pub kinds: Kinds,
    /// The texts, or integers as text, that fit the schema; `None` for any.
    pub texts: Option<Texts>,
}

/// Texts that a schema names.
pub type Texts = HashSet<String, BuildHasherDefault<Quick>>;

/// A place of the tree that is also the data of an HDU.
#[derive(Debug, Clone, Default)]
pub struct Array {
    /// Name of the HDU, in upper case.
    pub hdu: String,
    /// The path in the tree, `*` for a position in a list.
    pub path: Vec<String>,
    /// Whether EXTVER counts the items of a list on the path.
    pub in_list: bool,
}

/// A hash of a few instructions. Only keys of the schemas are kept under it, and numbers below their
/// count, so that no file can make them collide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk
                .iter()
                .fold(0, |word, &byte| word << 8 | u64::from(byte));
            self.write_u64(word);
        }
    }

    fn write_u8(&mut self, _end: u8) {} // what closes a text, where two follow each other

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// What a model class maps to FITS, ready for look-ups from either side.
#[derive(Debug)]
pub struct Mapping {
    keywords: Vec<Keyword>,
    arrays: Vec<Array>,
    hdus: Map<String, Cards>,
    root: Place,
    longest: usize,
}

/// The rows of one HDU name.
#[derive(Debug, Default)]
struct Cards {
    outside: ByKeyword,
    inside: ByKeyword,
}

/// Keyword, packed by [`key`] -> numbers of rows.
type ByKeyword = Map<u64, Vec<usize>>;

/// The rows of an HDU outside lists, or for a list item.
type Role<'m> = (&'m ByKeyword, Option<usize>);

/// A place of the tree and what the mapping has there and below.
#[derive(Debug, Default)]
struct Place {
    keys: Map<String, Place>,
    items: Option<Box<Place>>,
    /// Numbers of keywords; those of arrays go on after them.
    rows: Vec<usize>,
}

/// What the tree holds at mapped places, by row: the keywords, then the arrays.
#[derive(Debug, Default)]
struct Nodes {
    outside: Vec<Option<NodeId>>,
    inside: Map<(usize, usize), NodeId>,
}

impl Nodes {
    fn get(&self, row: usize, item: Option<usize>) -> Option<NodeId> {
        match item {
            None => self.outside.get(row).copied().flatten(),
            Some(item) => self.inside.get(&(row, item)).copied(),
        }
    }

    fn put(&mut self, row: usize, item: Option<usize>, node: NodeId) {
        if let Some(item) = item {
            self.inside.insert((row, item), node);
        } else if let Some(place) = self.outside.get_mut(row) {
            *place = Some(node);
        }
    }
}

/// A mapped card that a reader has to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped<'a> {
    /// The number of its keyword in the mapping.
    pub row: usize,
    /// The list item that its HDU stands for.
    pub item: Option<usize>,
    /// The number of its HDU.
    pub hdu: usize,
    /// Its value.
    pub value: Value<'a>,
    /// Whether the tree holds the same.
    pub equal: bool,
    /// Whether the value fits the schema for certain.
    pub fits: bool,
}

/// What a tree leaves to look at.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    /// In the order of the mapping; those outside lists first, then item by item.
    pub mapped: Vec<Mapped<'a>>,
    /// (HDU, cards) that are neither mapped nor manage the file.
    pub unknown: Vec<(usize, Vec<Card<'a>>)>,
    /// The arrays whose HDU the file has, in the order of the mapping.
    pub arrays: Vec<Placed>,
}

/// An array whose HDU the file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The number of its row in the mapping.
    pub row: usize,
    /// The list item that its HDU stands for.
    pub item: Option<usize>,
    /// The number of its HDU.
    pub hdu: usize,
    /// The node of the tree that links to this very HDU, where there is one.
    pub node: Option<NodeId>,
}

impl Mapping {
    /// Arranges the rows; an EXTVER above `longest` is no position in a list.
    pub fn new(keywords: Vec<Keyword>, arrays: Vec<Array>, longest: usize) -> Self {
        let mut hdus: Map<String, Cards> = Map::default();
        let mut root = Place::default();
        for (number, row) in keywords.iter().enumerate() {
            let cards = hdus.entry(row.hdu.clone()).or_default();
            let cards = if row.in_list {
                &mut cards.inside
            } else {
                &mut cards.outside
            };
            if let Some(key) = key(&row.keyword) {
                cards.entry(key).or_default().push(number);
                root.add(&row.path, number);
            }
        }
        for (number, row) in (keywords.len()..).zip(&arrays) {
            root.add(&row.path, number);
        }
        Self {
            keywords,
            arrays,
            hdus,
            root,
            longest,
        }
    }
}

impl Place {
    fn is_leaf(&self) -> bool {
        self.keys.is_empty() && self.items.is_none()
    }

    fn add(&mut self, path: &[String], row: usize) {
        // A key that reads as a number or the like is never compared: then every card is looked at.
        let is_text = |part: &String| matches!(Scalar::from_plain(part), Ok(Scalar::Str(_)));
        if !path.iter().all(is_text) {
            return;
        }
        let mut place = self;
        for part in path {
            place = if part == ITEM {
                place.items.get_or_insert_default()
            } else {
                place.keys.entry(part.clone()).or_default()
            };
        }
        place.rows.push(row);
    }
}

impl<S: Bytes> Product<S> {
    /// The mapped cards that do not say what the tree says, or may not fit the schema; the cards that
    /// the mapping does not know; the arrays.
    ///
    /// Keywords count whatever their case; of equal ones in a header the first counts. With `exact` only
    /// a keyword that the schema spells in upper case is known.
    pub fn beside<'a>(&'a self, mapping: &Mapping, exact: bool) -> Beside<'a> {
        let nodes = self.nodes(mapping);
        Beside {
            arrays: self.placed(mapping, &nodes),
            ..self.cards_beside(mapping, &nodes, exact, true)
        }
    }

    /// The mapped cards of [`Product::beside`] alone: of a mapping with few rows most cards are passed over.
    pub fn mapped_beside<'a>(&'a self, mapping: &Mapping) -> Vec<Mapped<'a>> {
        let nodes = self.nodes(mapping);
        self.cards_beside(mapping, &nodes, false, false).mapped
    }

    fn cards_beside<'a>(
        &'a self,
        mapping: &Mapping,
        nodes: &Nodes,
        exact: bool,
        all: bool,
    ) -> Beside<'a> {
        let mut beside = Beside::default();
        let mut rows = Vec::new();
        // The HDU that had a row last: of equal keywords in one header the first counts.
        let mut last = vec![None; mapping.keywords.len()];
        for (hdu, facts) in self.layout.hdus.iter().enumerate() {
            // Very old files have the tree in the primary HDU, whose cards count all the same.
            let is_tree = facts.name == "ASDF";
            if is_tree && hdu != 0 {
                continue;
            }
            let roles = self.roles(mapping, hdu);
            if roles.is_empty() && !all {
                continue;
            }
            let mut unknown = Vec::new();
            let mut cards = facts.header(&self.source).cards();
            loop {
                rows.clear();
                while !exact
                    && ((!all && is_foreign(&roles, cards.rest()))
                        || self.settles(mapping, nodes, &roles, cards.rest(), &mut rows))
                {
                    cards.skip_record();
                }
                for &(row, _) in &rows {
                    if let Some(last) = last.get_mut(row) {
                        *last = Some(hdu);
                    }
                }
                let Some(card) = cards.next() else {
                    break;
                };
                rows.clear();
                let key = key(&card.keyword);
                for (cards, item) in &roles {
                    let found = key.and_then(|key| cards.get(&key));
                    rows.extend(found.into_iter().flatten().map(|&row| (row, *item)));
                }
                let mut known = false;
                for &(row, item) in &rows {
                    let Some((keyword, last)) = mapping.keywords.get(row).zip(last.get_mut(row))
                    else {
                        continue;
                    };
                    known |= !(exact && has_lower(&keyword.keyword));
                    let first = last.replace(hdu) != Some(hdu);
                    if !first || card.value == Value::Undefined {
                        continue;
                    }
                    let node = nodes.get(row, item);
                    let equal = node.is_some_and(|node| self.holds(node, &card.value));
                    let fits = keyword.fits(&card.value);
                    if !equal || !fits {
                        beside.mapped.push(Mapped {
                            row,
                            item,
                            hdu,
                            value: card.value.clone(),
                            equal,
                            fits,
                        });
                    }
                }
                if !all {
                    continue;
                }
                let packs = facts.kind == fits::Kind::Compressed && is_packing(&card.keyword);
                if !known && !is_tree && !packs && !is_builtin(&card.keyword) {
                    unknown.push(card);
                }
            }
            if !unknown.is_empty() {
                beside.unknown.push((hdu, unknown));
            }
        }
        beside.mapped.sort_by_key(|found| (found.item, found.row));
        beside
    }

    /// Whether the first record of `rest` is a card that needs no look: blank, or spelt as the tree
    /// spells its values, and fit for the schema. Most are, and this is far less than to read them.
    ///
    /// The rows of such a card are added to `rows`.
    fn settles(
        &self,
        mapping: &Mapping,
        nodes: &Nodes,
        roles: &[Role<'_>],
        rest: &[u8],
        rows: &mut Vec<(usize, Option<usize>)>,
    ) -> bool {
        let Some((record, more)) = rest.split_at_checked(CARD) else {
            return false;
        };
        let name = record.get(..8).unwrap_or_default().trim_ascii_end();
        if name.is_empty() {
            return true;
        }
        if more.starts_with(b"CONTINUE") {
            return false;
        }
        let key = pack(name);
        let known = rows.len();
        for (cards, item) in roles {
            for &row in cards.get(&key).into_iter().flatten() {
                let node = nodes.get(row, *item);
                let value = node.and_then(|node| self.spelt(node, record));
                let keyword = mapping.keywords.get(row).zip(value);
                if !keyword.is_some_and(|(keyword, value)| keyword.fits(&value)) {
                    rows.truncate(known);
                    return false;
                }
                rows.push((row, *item));
            }
        }
        rows.len() > known
    }

    /// The value of a card that is spelt like a scalar of the tree, and surely means the same.
    ///
    /// Of numbers only digits with a dot count: both sides read these in one way.
    fn spelt(&self, node: NodeId, record: &[u8]) -> Option<Value<'_>> {
        let tape = self.tape()?;
        if tape.kind(node) != asdf::Kind::Scalar || tape.tag(node).is_some() {
            return None;
        }
        let text = tape.text(node, self.yaml());
        let field = record.get(8..)?.strip_prefix(b"= ")?;
        let (value, after) = if let Some(inside) = field.strip_prefix(b"'") {
            let after = inside.strip_prefix(text.as_bytes())?;
            let after = after.trim_ascii_start().strip_prefix(b"'")?;
            if text.is_empty() || !text.is_ascii() || text.ends_with(' ') || text.contains('\'') {
                return None;
            }
            let Ok(Scalar::Str(text)) = tape.scalar(node, self.yaml()) else {
                return None;
            };
            (Value::Text(text), after)
        } else {
            let after = field.trim_ascii_start().strip_prefix(text.as_bytes())?;
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
            let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let leads = whole.starts_with('0') && whole != "0";
            if tape.style(node) != asdf::Style::Plain
                || whole.is_empty()
                || leads
                || !is_digits(whole)
                || !is_digits(part)
            {
                return None;
            }
            let value = if digits.len() == whole.len() {
                Value::Integer(text.parse().ok()?)
            } else {
                Value::Float(text.parse().ok()?)
            };
            (value, after)
        };
        matches!(after.trim_ascii_start().first(), None | Some(b'/')).then_some(value)
    }

    /// The arrays whose HDU the file has, in the order of the mapping.
    pub fn arrays_beside(&self, mapping: &Mapping) -> Vec<Placed> {
        self.placed(mapping, &self.nodes(mapping))
    }

    fn placed(&self, mapping: &Mapping, nodes: &Nodes) -> Vec<Placed> {
        let items = self.items(mapping);
        let mut placed = Vec::new();
        for (row, array) in mapping.arrays.iter().enumerate() {
            let number = mapping.keywords.len().saturating_add(row);
            let mut place = |item| {
                if let Some(hdu) = self.hdu_for(&array.hdu, item) {
                    let node = nodes.get(number, item);
                    let node = node.filter(|&node| self.links(node, hdu));
                    placed.push(Placed {
                        row,
                        item,
                        hdu,
                        node,
                    });
                }
            };
            if array.in_list {
                for &item in &items {
                    place(Some(item));
                }
            } else {
                place(None);
            }
        }
        placed
    }

    /// The HDU for a name outside lists, the first of the name whatever its EXTVER, or for a list item.
    fn hdu_for(&self, name: &str, item: Option<usize>) -> Option<usize> {
        match item {
            _ if name == "PRIMARY" => matches!(item, None | Some(0)).then_some(0),
            None => self.layout.first(name),
            Some(item) => {
                let version = i64::try_from(item.checked_add(1)?).ok()?;
                self.layout.versioned(name, version)
            }
        }
    }

    /// The list items that some HDU may stand for, in order.
    fn items(&self, mapping: &Mapping) -> BTreeSet<usize> {
        let versions = self.layout.hdus.iter().map(|hdu| hdu.version);
        versions.filter_map(|v| mapping.item(v)).collect()
    }

    /// The mapped cards of an HDU, for each part that it plays: outside lists, and for a list item.
    fn roles<'m>(&self, mapping: &'m Mapping, hdu: usize) -> Vec<Role<'m>> {
        let mut roles = Vec::new();
        let Some(facts) = self.layout.hdus.get(hdu) else {
            return roles;
        };
        let own = Some(facts.name.as_str()).filter(|&name| name != "PRIMARY");
        for name in (hdu == 0).then_some("PRIMARY").into_iter().chain(own) {
            let Some(cards) = mapping.hdus.get(name) else {
                continue;
            };
            let item = if name == "PRIMARY" {
                Some(0)
            } else {
                mapping.item(facts.version)
            };
            if self.hdu_for(name, None) == Some(hdu) {
                roles.push((&cards.outside, None));
            }
            if item.is_some() && self.hdu_for(name, item) == Some(hdu) {
                roles.push((&cards.inside, item));
            }
        }
        roles
    }

    fn tape(&self) -> Option<&Tape> {
        self.asdf.as_ref().map(|asdf| asdf.file.tape())
    }

    /// What the tree holds at the mapped places; list items for which there is no HDU are left out.
    fn nodes(&self, mapping: &Mapping) -> Nodes {
        let rows = mapping.keywords.len().saturating_add(mapping.arrays.len());
        let mut nodes = Nodes {
            outside: vec![None; rows],
            inside: Map::default(),
        };
        if let Some(tape) = self.tape()
            && let Some(root) = tape.root()
        {
            let walk = Walk {
                tape,
                text: self.yaml(),
                items: self.items(mapping),
            };
            walk.pairs(&mapping.root, root, None, &mut nodes);
        }
        nodes
    }

    /// Whether a node is a scalar of the type and value of a card.
    fn holds(&self, node: NodeId, value: &Value<'_>) -> bool {
        let Some(tape) = self.tape() else {
            return false;
        };
        if tape.kind(node) != asdf::Kind::Scalar || tape.tag(node).is_some() {
            return false;
        }
        match (tape.scalar(node, self.yaml()), value) {
            (Ok(Scalar::Str(stored)), Value::Text(text)) => stored == *text,
            (Ok(Scalar::Bool(stored)), Value::Logical(value)) => stored == *value,
            (Ok(Scalar::Int(stored)), Value::Integer(value)) => stored == *value,
            (Ok(Scalar::Float(stored)), Value::Float(value)) => stored.to_bits() == value.to_bits(),
            _ => false,
        }
    }

    /// Whether a node is an array that is the data of an HDU and nothing else.
    fn links(&self, node: NodeId, hdu: usize) -> bool {
        let Some(tape) = self.tape() else {
            return false;
        };
        let text = self.yaml();
        let is_array = |tag: &str| tag.starts_with("tag:stsci.edu:asdf/core/ndarray-");
        tape.tag(node).is_some_and(is_array)
            && !tape.is_shared(node)
            && ["data", "mask"]
                .iter()
                .all(|key| tape.get(text, node, key).is_none())
            && tape
                .get(text, node, "source")
                .is_some_and(|source| self.layout.linked(&tape.text(source, text)) == Some(hdu))
    }
}

/// A walk through the tree along the places that a mapping names.
struct Walk<'a> {
    tape: &'a Tape,
    text: &'a [u8],
    items: BTreeSet<usize>,
}

impl Walk<'_> {
    fn place(&self, place: &Place, node: NodeId, item: Option<usize>, nodes: &mut Nodes) {
        let tape = self.tape;
        let node = tape.resolve(node);
        for &row in &place.rows {
            nodes.put(row, item, node);
        }
        // A tagged branch stands for an object, which nothing is laid over; but the items of a list, once
        // models of their own, are tagged as whole trees are.
        let is_tree = |tag: &str| tag.starts_with("tag:stsci.edu:asdf/core/asdf-");
        if place.is_leaf() || !tape.tag(node).is_none_or(is_tree) {
            return;
        }
        if let Some(below) = &place.items
            && tape.kind(node) == asdf::Kind::Sequence
        {
            let children = tape.children(node).enumerate();
            for (position, child) in children.filter(|(n, _)| self.items.contains(n)) {
                self.place(below, child, Some(position), nodes);
            }
        }
        self.pairs(place, node, item, nodes);
    }

    fn pairs(&self, place: &Place, node: NodeId, item: Option<usize>, nodes: &mut Nodes) {
        let (tape, text) = (self.tape, self.text);
        // Where mappings are merged a look-up takes more than this walk: then every card is looked at.
        if place.keys.is_empty() || tape.has_merge(node) {
            return;
        }
        // Of equal keys the last counts, with all that is below it.
        let mut found: Vec<(&Place, NodeId)> = Vec::new();
        for (name, value) in tape.pairs(node) {
            let name = tape.resolve(name);
            if tape.kind(name) != asdf::Kind::Scalar || tape.tag(name).is_some() {
                continue;
            }
            let Some(below) = place.keys.get(tape.text(name, text).as_ref()) else {
                continue;
            };
            if below.is_leaf() {
                self.place(below, value, item, nodes);
                continue;
            }
            match found
                .iter_mut()
                .find(|(known, _)| std::ptr::eq(*known, below))
            {
                Some((_, last)) => *last = value,
                None => found.push((below, value)),
            }
        }
        for (below, value) in found {
            self.place(below, value, item, nodes);
        }
    }
}

impl Mapping {
    /// The list item for an EXTVER.
    fn item(&self, version: i64) -> Option<usize> {
        let item = usize::try_from(version).ok()?.checked_sub(1)?;
        (item < self.longest).then_some(item)
    }
}

impl Keyword {
    /// Whether a value fits the schema for certain.
    fn fits(&self, value: &Value<'_>) -> bool {
        let listed = |text: &str| self.texts.as_ref().is_none_or(|texts| texts.contains(text));
        match value {
            Value::Text(text) => self.kinds.text && listed(text),
            Value::Logical(_) => self.kinds.logical,
            // ASDF does not hold the outermost integers.
            Value::Integer(number) => {
                self.kinds.integer
                    && number.unsigned_abs() < i64::MAX.unsigned_abs()
                    && (self.texts.is_none() || listed(&number.to_string()))
            }
            Value::Float(_) => self.kinds.float,
            _ => false,
        }
    }
}

/// Whether the first record of `rest` is surely no card of a mapping, nor END.
fn is_foreign(roles: &[Role<'_>], rest: &[u8]) -> bool {
    let Some(record) = rest.get(..CARD).filter(|record| !card::is_end(record)) else {
        return false;
    };
    let Some(name) = record.first_chunk::<8>() else {
        return false;
    };
    let word = u64::from_be_bytes(*name);
    // What follows HIERARCH is the keyword, and so may be what stands before an early equals sign.
    if name == b"HIERARCH" || has_odd_byte(word) {
        return false;
    }
    let blanks = (word ^ EACH.wrapping_mul(u64::from(b' '))).trailing_zeros() & !7;
    let key = word.checked_shr(blanks).unwrap_or(0);
    roles.iter().all(|(cards, _)| !cards.contains_key(&key))
}

/// A one in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Whether one of eight bytes is an equals sign, a lower-case letter or beyond ASCII.
fn has_odd_byte(word: u64) -> bool {
    let equals = word ^ EACH.wrapping_mul(u64::from(b'='));
    let has_equals = equals.wrapping_sub(EACH) & !equals & EACH.wrapping_mul(0x80);
    // Bits 5 and 6 are both set from the grave accent on.
    let is_lower = word & word.wrapping_shl(1) & EACH.wrapping_mul(0x40);
    let is_wide = word & EACH.wrapping_mul(0x80);
    has_equals | is_lower | is_wide != 0
}

/// A keyword of at most 8 letters as a number, whatever its case.
fn key(keyword: &str) -> Option<u64> {
    (keyword.len() <= 8).then(|| pack(keyword.to_ascii_uppercase().as_bytes()))
}

/// At most 8 bytes as a number.
fn pack(name: &[u8]) -> u64 {
    name.iter().fold(0, |key, &b| key << 8 | u64::from(b))
}

fn has_lower(keyword: &str) -> bool {
    keyword.bytes().any(|b| b.is_ascii_lowercase())
}

/// Whether FITS libraries manage a card themselves: it says how data are stored.
///
/// `CHECKSUM`, `COMMENT` and their like are not among them: the reference keeps those.
fn is_builtin(keyword: &str) -> bool {
    let stem = keyword.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = keyword.len().saturating_sub(stem.len());
    match stem {
        "" | "BITPIX" | "XTENSION" | "PCOUNT" | "GCOUNT" | "EXTEND" | "BSCALE" | "BZERO"
        | "BLANK" | "DATAMAX" | "DATAMIN" | "EXTNAME" | "EXTVER" | "EXTLEVEL" | "GROUPS"
        | "SIMPLE" | "TFIELDS" | "HISTORY" => digits == 0,
        "NAXIS" => digits <= 3,
        "PTYPE" | "PSCAL" | "PZERO" => digits == 1,
        "TBCOL" | "TDIM" | "TFORM" | "TTYPE" | "TUNIT" | "TSCAL" | "TZERO" | "TNULL" | "TDISP" => {
            (1..=3).contains(&digits)
        }
        _ => false,
    }
}

/// Whether a card of a compressed image says how it is packed (FITS 4.0 §10.1).
fn is_packing(keyword: &str) -> bool {
    let stem = keyword.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        stem,
        "ZIMAGE"
            | "ZCMPTYPE"
            | "ZBITPIX"
            | "ZNAXIS"
            | "ZTILE"
            | "ZNAME"
            | "ZVAL"
            | "ZMASKCMP"
            | "ZQUANTIZ"
            | "ZDITHER"
            | "ZBLANK"
            | "ZSCALE"
            | "ZZERO"
            | "ZSIMPLE"
            | "ZTENSION"
            | "ZEXTEND"
            | "ZBLOCKED"
            | "ZPCOUNT"
            | "ZGCOUNT"
            | "ZHECKSUM"
            | "ZDATASUM"
            | "THEAP"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn header(cards: &[&str]) -> Vec<u8> {
        let mut bytes: Vec<u8> = cards
            .iter()
            .flat_map(|card| format!("{card:80}").into_bytes())
            .collect();
        bytes.extend(format!("{:80}", "END").into_bytes());
        bytes.resize(bytes.len().next_multiple_of(2880), b' ');
        bytes
    }

    /// A file with these cards in the primary header and, in an ASDF extension, this tree.
    fn product(cards: &[&str], tree: &str) -> Product {
        let mut file = header(&[&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], cards].concat());
        let text = format!("#ASDF 1.0.0\n%YAML 1.1\n---\n{tree}...\n");
        let size = format!("NAXIS1  = {}", text.len());
        file.extend(header(&[
            "XTENSION= 'IMAGE'",
            "BITPIX  = 8",
            "NAXIS   = 1",
            &size,
            "EXTNAME = 'ASDF'",
        ]));
        file.extend(text.as_bytes());
        file.resize(file.len().next_multiple_of(2880), 0);
        Product::read(Source::from_bytes(file).unwrap()).unwrap()
    }

    fn mapping(kinds: &str, texts: Option<&[&str]>) -> Mapping {
        let keyword = Keyword {
            hdu: "PRIMARY".into(),
            keyword: "KEY".into(),
            path: vec!["meta".into(), "key".into()],
            kinds: Kinds::new(kinds),
            texts: texts.map(|texts| texts.iter().map(ToString::to_string).collect()),
            ..Keyword::default()
        };
        Mapping::new(vec![keyword], Vec::new(), 10)
    }

    #[test]
    fn a_card_that_says_what_the_tree_says_is_dropped() {
        let same = [
            ("KEY     = 'a b'", "'a b'"),
            ("KEY     = 'a b     '   / c", "a b"),
            ("KEY     =                    6 / c", "6"),
            ("KEY     = 6", "0x6"),
            ("KEY     =                 -0.5", "-0.5"),
            ("KEY     = 5E-1", "0.5"),
            ("KEY     = T", "true"),
            ("KEY     =                    T", "on"),
            ("KEY     = 'it''s'", "it's"),
            ("key     = 6", "6"),
        ];
        for (card, tree) in same {
            let product = product(&[card], &format!("meta: {{key: {tree}}}\n"));
            let beside = product.beside(&mapping("sbif", None), false);
            assert_eq!(beside.mapped, [], "{card} and {tree}");
            assert_eq!(beside.unknown, []);
        }
    }

    #[test]
    fn a_card_that_says_something_else_is_given() {
        let other = [
            ("KEY     = 'a b'", "'a  b'"),
            ("KEY     = '5'", "5"),
            ("KEY     = 5", "'5'"),
            ("KEY     = 5", "5.0"),
            ("KEY     = 010", "010"), // 8 in YAML
            ("KEY     = 0.0", "-0.0"),
            ("KEY     = 'yes'", "yes"),
            ("KEY     = 'a'' b'", "a"),
            ("KEY     = 'a' / 'b'", "a' / 'b"),
            ("KEY     = 'tag'", "!own tag"),
            ("KEY     = 12", "1"),
            ("KEY     = 1", "{a: 1}"),
        ];
        for (card, tree) in other {
            let product = product(&[card], &format!("meta: {{key: {tree}}}\n"));
            let beside = product.beside(&mapping("sbif", None), false);
            let [found] = beside.mapped.as_slice() else {
                panic!("{card} and {tree}: {:?}", beside.mapped);
            };
            assert!(!found.equal && found.fits, "{card} and {tree}");
        }
    }

    #[test]
    fn a_card_that_may_not_fit_is_given_though_the_tree_says_the_same() {
        let look = |card: &str, kinds: &str, texts: Option<&[&str]>| {
            let tree = card.split_once("= ").unwrap().1;
            let product = product(&[card], &format!("meta: {{key: {tree}}}\n"));
            let beside = product.beside(&mapping(kinds, texts), false);
            beside.mapped.first().map(|found| (found.equal, found.fits))
        };
        assert_eq!(look("KEY     = 5", "s", None), Some((true, false)));
        assert_eq!(look("KEY     = 5", "i", None), None);
        assert_eq!(look("KEY     = 5", "i", Some(&["4", "5"])), None);
        assert_eq!(look("KEY     = 5", "i", Some(&["4"])), Some((true, false)));
        assert_eq!(look("KEY     = 'A'", "s", Some(&["A"])), None);
        assert_eq!(
            look("KEY     = 'A'", "s", Some(&["B"])),
            Some((true, false))
        );
        let most = "KEY     = 9223372036854775807";
        assert_eq!(look(most, "i", None), Some((true, false)));
    }

    #[test]
    fn of_equal_keywords_the_first_counts_and_none_is_unknown() {
        let cards = ["KEY     = 5", "KEY     = 6", "OTHER   = 1", "NAXIS1  = 3"];
        for tree in ["5", "6"] {
            let product = product(&cards, &format!("meta: {{key: {tree}}}\n"));
            let beside = product.beside(&mapping("i", None), false);
            assert_eq!(beside.mapped.len(), usize::from(tree == "6"));
            let (hdu, unknown) = beside.unknown.first().unwrap();
            assert_eq!((*hdu, unknown.len()), (0, 1));
            assert_eq!(unknown.first().unwrap().keyword, "OTHER");
        }
    }

    #[test]
    fn of_equal_keys_in_the_tree_the_last_counts() {
        let product = product(
            &["KEY     = 5"],
            "meta: {key: 5, other: 1}\nmeta: {other: 1}\n",
        );
        let beside = product.beside(&mapping("i", None), false);
        assert_eq!(beside.mapped.len(), 1);
    }

    #[test]
    fn a_list_of_aliases_is_walked_only_where_there_are_hdus() {
        let mut tree = String::from("base: &a {key: 1}\nmeta:\n");
        tree.extend(std::iter::repeat_n("- *a\n", 50_000));
        let row = Keyword {
            hdu: "PRIMARY".into(),
            keyword: "KEY".into(),
            path: vec!["meta".into(), "*".into(), "key".into()],
            in_list: true,
            kinds: Kinds::new("i"),
            texts: None,
        };
        let mapping = Mapping::new(vec![row], Vec::new(), usize::MAX);
        let product = product(&["KEY     = 1"], &tree);
        assert_eq!(product.nodes(&mapping).inside.len(), 1);
        assert_eq!(product.beside(&mapping, false).mapped, []);
    }

    #[test]
    fn cards_that_say_how_data_are_stored_are_builtin() {
        for keyword in ["", "NAXIS", "NAXIS999", "TFORM12", "PTYPE1", "HISTORY"] {
            assert!(is_builtin(keyword), "{keyword}");
        }
        for keyword in [
            "NAXIS1000",
            "TFORM",
            "TFORM1234",
            "PTYPE12",
            "COMMENT",
            "42",
            "CHECKSUM",
        ] {
            assert!(!is_builtin(keyword), "{keyword}");
        }
    }
}

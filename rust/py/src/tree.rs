//! The tape as Python objects: dicts, lists and scalars, and deferred nodes for everything else.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use asdfits_core::asdf::{Kind, NodeId, NumberKind, Scalar, Tape};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyDict, PyList, PySet, PyString, PyTuple};

use crate::opened::Inner;
use crate::region::Region;
use crate::value::yaml_scalar;

/// A part of the tree that is made when it is touched: a plain branch, or a tagged object.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Deferred {
    pub(crate) product: Arc<Inner>,
    pub(crate) node: NodeId,
    /// What resolves the part: it may end up in the tree of another file's model.
    pub(crate) owner: Py<PyAny>,
}

#[pymethods]
impl Deferred {
    /// A part refers to its owner, whose memo may refer to the part.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)
    }

    /// The open file that the part belongs to.
    #[getter]
    fn owner(&self, py: Python<'_>) -> Py<PyAny> {
        self.owner.clone_ref(py)
    }

    /// The whole tag: `tag:stsci.edu:gwcs/wcs-1.4.0`; empty where there is none.
    #[getter]
    fn tag(&self) -> &str {
        self.product
            .tape()
            .and_then(|tape| tape.tag(self.node))
            .unwrap_or("")
    }

    /// Whether the part is a dict or a list that needs no conversion.
    #[getter]
    fn plain(&self) -> bool {
        self.product
            .tape()
            .is_some_and(|tape| is_branch(tape, self.node))
    }

    /// The number of the node: equal for every alias of it.
    #[getter]
    fn node(&self) -> NodeId {
        self.node
    }

    /// The place of the node in the file.
    #[getter]
    fn at(&self) -> u64 {
        self.product.tape().map_or(0, |tape| tape.at(self.node))
    }

    /// The YAML text of the node as it stands in the file.
    #[getter]
    fn yaml(&self) -> String {
        let span = self
            .product
            .tape()
            .map_or(0..0, |tape| tape.span(self.node));
        String::from_utf8_lossy(self.product.yaml().get(span).unwrap_or_default()).into_owned()
    }

    /// The content without its own tag; tagged parts inside stay deferred, and branches if `lazy`.
    #[pyo3(signature = (memo, lazy = false))]
    fn content<'py>(&self, memo: &Bound<'py, PyDict>, lazy: bool) -> PyResult<Bound<'py, PyAny>> {
        let Some(builder) =
            Builder::new(&self.product, self.owner.bind(memo.py()), memo, None, lazy)
        else {
            return Ok(memo.py().None().into_bound(memo.py()));
        };
        // Another alias may have been first.
        match memo.get_item(self.node)? {
            Some(known) if !known.is_instance_of::<Deferred>() => Ok(known),
            _ => {
                let _paused = Paused::new(memo.py(), builder.tape, self.node, lazy)?;
                match builder.class(self.node) {
                    Tagged::Array => builder.array(self.node),
                    _ => builder.content(self.node),
                }
            }
        }
    }

    /// The object that `convert` makes of the node; see [`Convert`].
    fn build<'py>(
        &self,
        memo: &Bound<'py, PyDict>,
        wrap: Bound<'py, PyAny>,
        finish: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let convert = Convert { wrap, finish };
        let Some(builder) = Builder::new(
            &self.product,
            self.owner.bind(memo.py()),
            memo,
            Some(&convert),
            false,
        ) else {
            return Ok(memo.py().None().into_bound(memo.py()));
        };
        let _paused = Paused::new(memo.py(), builder.tape, self.node, false)?;
        let object = builder.object(self.node)?;
        // A shared node was finished when it was closed.
        if builder.tape.is_shared(self.node) {
            Ok(object)
        } else {
            convert.finish.call1((object,))
        }
    }

    fn __repr__(&self) -> String {
        format!("<deferred {}>", self.tag())
    }
}

/// One step of a path: a key of a mapping or a position in a sequence.
#[derive(FromPyObject)]
pub enum Step {
    Position(usize),
    Key(String),
}

/// The node at a path.
pub fn find(product: &Inner, path: &[Step]) -> Option<NodeId> {
    let tape = product.tape()?;
    let text = product.yaml();
    path.iter()
        .try_fold(tape.resolve(tape.root()?), |node, step| {
            let child = match step {
                Step::Key(key) => tape.get(text, node, key)?,
                Step::Position(place) if tape.kind(node) == Kind::Sequence => {
                    tape.children(node).nth(*place)?
                }
                Step::Position(_) => return None,
            };
            Some(tape.resolve(child))
        })
}

/// The distinct `fits:…` sources of `core/ndarray` nodes, in the order of the text.
pub fn links(product: &Inner) -> Vec<String> {
    let Some(tape) = product.tape() else {
        return Vec::new();
    };
    let text = product.yaml();
    let arrays: Vec<bool> = tape
        .tags()
        .iter()
        .map(|tag| tag.starts_with("tag:stsci.edu:asdf/core/ndarray-"))
        .collect();
    let mut seen = std::collections::HashSet::new();
    let nodes = NodeId::try_from(tape.len()).unwrap_or(0);
    (0..nodes)
        .filter(|&node| {
            arrays
                .get(usize::from(tape.tag_id(node)))
                .is_some_and(|&array| array)
        })
        .filter_map(|node| tape.get(text, node, "source"))
        .map(|source| tape.text(source, text).into_owned())
        .filter(|source| source.starts_with("fits:") && seen.insert(source.clone()))
        .collect()
}

/// Builds the subtree at `node`; tagged parts stay deferred, and branches below if `lazy`.
pub fn build<'py>(
    product: &Arc<Inner>,
    node: NodeId,
    owner: &Bound<'py, PyAny>,
    memo: &Bound<'py, PyDict>,
    lazy: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(builder) = Builder::new(product, owner, memo, None, lazy) else {
        return Ok(memo.py().None().into_bound(memo.py()));
    };
    let _paused = Paused::new(memo.py(), builder.tape, node, lazy)?;
    if is_branch(builder.tape, node) {
        builder.content(node)
    } else {
        builder.object(node)
    }
}

/// Whether a node is a filled mapping or sequence that needs no conversion.
fn is_branch(tape: &Tape, node: NodeId) -> bool {
    tape.count(node) > 0
        && tape
            .tag(node)
            .is_none_or(|tag| matches!(tagged(tag, tape.kind(node)), Tagged::Plain))
}

/// Pauses the garbage collector: it would walk the growing tree again and again and find nothing.
struct Paused<'py> {
    collector: Option<Bound<'py, PyModule>>,
}

impl<'py> Paused<'py> {
    fn new(py: Python<'py>, tape: &Tape, node: NodeId, lazy: bool) -> PyResult<Self> {
        let nodes = if lazy {
            tape.count(node)
        } else {
            tape.next(node).saturating_sub(node) as usize
        };
        // Small trees do not trigger it often enough to pay for the two calls.
        if nodes < 500 {
            return Ok(Self { collector: None });
        }
        let gc = py.import("gc")?;
        if !gc.call_method0("isenabled")?.is_truthy()? {
            return Ok(Self { collector: None });
        }
        gc.call_method0("disable")?;
        Ok(Self {
            collector: Some(gc),
        })
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(gc) = &self.collector {
            // `gc.enable()` sets a flag and cannot fail.
            let _ = gc.call_method0("enable");
        }
    }
}

/// How tagged nodes become objects.
///
/// `wrap(tag, content)` marks a node; a mapping or a sequence is handed over empty and filled after,
/// so that it may contain itself. `finish(wrapped)` makes the final object. Shared nodes are finished
/// one by one, so that all parts of the tree see the same object; where nodes contain each other, only
/// the outermost is finished, since none of them is complete without the others.
struct Convert<'py> {
    wrap: Bound<'py, PyAny>,
    finish: Bound<'py, PyAny>,
}

struct Builder<'a, 'py> {
    py: Python<'py>,
    product: &'a Arc<Inner>,
    tape: &'a Tape,
    text: &'a [u8],
    owner: &'a Bound<'py, PyAny>,
    memo: &'a Bound<'py, PyDict>,
    convert: Option<&'a Convert<'py>>,
    /// Whether branches below the first are deferred.
    lazy: bool,
    /// The shared nodes being built, outermost first.
    open: RefCell<Vec<NodeId>>,
    /// The outermost place in `open` that an alias met so far points at.
    reach: Cell<usize>,
    /// Nodes within nodes, aliases followed.
    depth: Cell<usize>,
    keys: RefCell<Keys<'py>>,
    /// Tags as Python strings, by number.
    tags: RefCell<Vec<Option<Bound<'py, PyString>>>>,
}

/// Recent keys as Python strings: a look-up is one comparison.
#[derive(Default)]
struct Keys<'py> {
    slots: Vec<Option<(Box<str>, Bound<'py, PyString>)>>,
}

impl<'py> Keys<'py> {
    const SLOTS: usize = 256;

    fn get(&mut self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        if self.slots.is_empty() {
            self.slots.resize_with(Self::SLOTS, || None);
        }
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last(), bytes.get(bytes.len() / 2)];
        let mixed = ends.iter().fold(bytes.len(), |mixed, byte| {
            let byte = byte.copied().map_or(0, usize::from);
            mixed.wrapping_mul(31).wrapping_add(byte)
        });
        match self.slots.get_mut(mixed % Self::SLOTS) {
            Some(Some((known, key))) if **known == *text => key.clone(),
            Some(slot) => {
                let key = PyString::intern(py, text);
                *slot = Some((text.into(), key.clone()));
                key
            }
            None => PyString::intern(py, text),
        }
    }
}

/// A rectangular list of numbers in the tree, read into memory without making Python numbers.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Numbers {
    shape: Vec<usize>,
    kind: NumberKind,
    data: Py<Region>,
}

#[pymethods]
impl Numbers {
    /// Sizes from the outermost list inwards.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.shape)
    }

    /// numpy's code for the numbers: `?`, `i8` or `f8`.
    #[getter]
    fn dtype(&self) -> &'static str {
        match self.kind {
            NumberKind::Bool => "?",
            NumberKind::Int => "i8",
            NumberKind::Float => "f8",
        }
    }

    #[getter]
    fn data(&self, py: Python<'_>) -> Py<Region> {
        self.data.clone_ref(py)
    }
}

/// Aliases may lead from part to part, deeper than the text is nested.
const MAX_DEPTH: usize = 2 * asdfits_core::asdf::MAX_DEPTH;

/// What a tag asks of the builder.
enum Tagged {
    /// Nothing: the content is plain.
    Plain,
    /// One of YAML's own collections.
    Set,
    OrderedMap,
    Pairs,
    /// `!core/complex`.
    Complex,
    /// `!core/ndarray`: needs its content, and cannot contain itself.
    Array,
    /// One of YAML's own tags on a node of a kind that it does not fit.
    Misfit,
    /// Anything else.
    Other,
}

fn tagged(tag: &str, kind: Kind) -> Tagged {
    if let Some(own) = tag.strip_prefix("tag:yaml.org,2002:") {
        return match (own, kind) {
            ("set", Kind::Mapping) => Tagged::Set,
            ("omap", Kind::Sequence) => Tagged::OrderedMap,
            ("pairs", Kind::Sequence) => Tagged::Pairs,
            ("map", Kind::Mapping) | ("seq", Kind::Sequence) => Tagged::Plain,
            ("set" | "omap" | "pairs" | "map" | "seq", _)
            | (
                "null" | "bool" | "int" | "float" | "str" | "binary" | "timestamp",
                Kind::Sequence | Kind::Mapping,
            ) => Tagged::Misfit,
            (own, _) if own.starts_with("python/") => Tagged::Other,
            _ => Tagged::Plain,
        };
    }
    let Some(core) = tag.strip_prefix("tag:stsci.edu:asdf/core/") else {
        return if tag == "!" {
            Tagged::Plain
        } else {
            Tagged::Other
        };
    };
    match core.rsplit_once('-').map_or(core, |(name, _)| name) {
        "asdf" | "software" | "history_entry" | "extension_metadata" | "subclass_metadata" => {
            Tagged::Plain
        }
        "complex" if kind == Kind::Scalar => Tagged::Complex,
        "ndarray" => Tagged::Array,
        _ => Tagged::Other,
    }
}

impl<'a, 'py> Builder<'a, 'py> {
    fn new(
        product: &'a Arc<Inner>,
        owner: &'a Bound<'py, PyAny>,
        memo: &'a Bound<'py, PyDict>,
        convert: Option<&'a Convert<'py>>,
        lazy: bool,
    ) -> Option<Self> {
        Some(Self {
            py: memo.py(),
            product,
            tape: product.tape()?,
            text: product.yaml(),
            owner,
            memo,
            convert,
            lazy,
            open: RefCell::default(),
            reach: Cell::new(usize::MAX),
            depth: Cell::new(0),
            keys: RefCell::default(),
            tags: RefCell::default(),
        })
    }

    /// The object for a node; shared nodes are built once.
    fn object(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let node = self.tape.resolve(node);
        self.deeper(node, || {
            if self.tape.is_shared(node) {
                self.shared(node)
            } else {
                self.fresh(node)
            }
        })
    }

    /// Goes one level down, unless that is too deep.
    fn deeper(
        &self,
        node: NodeId,
        make: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let depth = self.depth.get();
        if depth > MAX_DEPTH {
            return Err(self.error(node, "nodes and aliases are nested too deeply"));
        }
        self.depth.set(depth.saturating_add(1));
        let object = make();
        self.depth.set(depth);
        object
    }

    fn shared(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open.borrow().iter().position(|&other| other == node);
        if let Some(place) = open {
            self.reach.set(self.reach.get().min(place));
        }
        if let Some(known) = self.memo.get_item(node)? {
            return Ok(known);
        }
        if open.is_some() {
            return Err(self.error(
                node,
                "the node contains itself, which its tag does not allow",
            ));
        }
        let place = self.open.borrow().len();
        let outer = self.reach.replace(usize::MAX);
        self.open.borrow_mut().push(node);
        let object = self.fresh(node);
        self.open.borrow_mut().pop();
        let reach = self.reach.get();
        let mut object = object?;
        if reach >= place
            && let (Some(convert), Some(_)) = (self.convert, self.tape.tag(node))
        {
            object = convert.finish.call1((object,))?;
        }
        self.reach.set(if reach < place {
            outer.min(reach)
        } else {
            outer
        });
        self.memo.set_item(node, &object)?;
        Ok(object)
    }

    fn fresh(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        if self.lazy && is_branch(self.tape, node) {
            return self.deferred(node);
        }
        match self.tape.tag(node) {
            None => self.content(node),
            Some(tag) => self.tagged(node, tag),
        }
    }

    fn deferred(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let owner = self.owner.clone().unbind();
        let deferred = Deferred {
            product: Arc::clone(self.product),
            node,
            owner,
        };
        Ok(Bound::new(self.py, deferred)?.into_any())
    }

    fn tagged(&self, node: NodeId, tag: &str) -> PyResult<Bound<'py, PyAny>> {
        match tagged(tag, self.tape.kind(node)) {
            Tagged::Plain => self.content(node),
            Tagged::Set => {
                let set = PySet::empty(self.py)?;
                for (key, _) in self.tape.pairs(node) {
                    set.add(self.key(key)?)?;
                }
                Ok(set.into_any())
            }
            Tagged::OrderedMap => {
                let map = self.py.import("collections")?;
                let map = map.getattr("OrderedDict")?.call0()?;
                for entry in self.tape.children(node) {
                    let (key, value) = self.entry(entry)?;
                    map.set_item(self.key(key)?, self.object(value)?)?;
                }
                Ok(map)
            }
            Tagged::Pairs => {
                let list = PyList::empty(self.py);
                for entry in self.tape.children(node) {
                    let (key, value) = self.entry(entry)?;
                    let pair = [self.object(key)?, self.object(value)?];
                    list.append(PyTuple::new(self.py, pair)?)?;
                }
                Ok(list.into_any())
            }
            Tagged::Misfit => Err(self.misfit(node, tag)),
            Tagged::Complex => self.complex(node),
            other => {
                let Some(convert) = self.convert else {
                    return self.deferred(node);
                };
                let name = self.tag(node, tag);
                if matches!(other, Tagged::Array) {
                    return convert.wrap.call1((name, self.array(node)?));
                }
                if self.tape.kind(node) == Kind::Scalar {
                    return convert.wrap.call1((name, self.content(node)?));
                }
                let empty = self.container(node);
                let wrapped = convert.wrap.call1((name, &empty))?;
                if self.tape.is_shared(node) {
                    self.memo.set_item(node, &wrapped)?;
                }
                self.fill(node, &empty)?;
                Ok(wrapped)
            }
        }
    }

    fn error(&self, node: NodeId, message: &str) -> PyErr {
        self.product
            .error(&asdfits_core::Error::format(self.tape.at(node), message))
    }

    /// What the node's tag asks for.
    fn class(&self, node: NodeId) -> Tagged {
        match self.tape.tag(node) {
            None => Tagged::Plain,
            Some(tag) => tagged(tag, self.tape.kind(node)),
        }
    }

    fn misfit(&self, node: NodeId, tag: &str) -> PyErr {
        let found = match self.tape.kind(node) {
            Kind::Sequence => "a sequence",
            Kind::Mapping => "a mapping",
            Kind::Scalar | Kind::Alias => "a scalar",
        };
        let expected = match tag.rsplit(':').next().unwrap_or(tag) {
            "set" | "map" => "a mapping",
            "omap" | "pairs" | "seq" => "a sequence",
            _ => "a scalar",
        };
        self.error(
            node,
            &format!("found {found} tagged {tag}, expected {expected}"),
        )
    }

    /// One entry of an ordered map or of a list of pairs: a mapping of one pair.
    fn entry(&self, node: NodeId) -> PyResult<(NodeId, NodeId)> {
        let entry = self.tape.resolve(node);
        match self.tape.pairs(entry).next() {
            Some(pair) if self.tape.count(entry) == 1 => Ok(pair),
            _ => Err(self.error(
                node,
                "an entry of !!omap or !!pairs is a mapping of one pair",
            )),
        }
    }

    /// The content of a `core/ndarray` node; a list of plain numbers in it comes as one [`Numbers`].
    fn array(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let content = match self.tape.kind(node) {
            Kind::Sequence => self.numbers(node)?,
            Kind::Mapping if !self.tape.has_merge(node) => {
                let map = PyDict::new(self.py);
                for (key, value) in self.tape.pairs(node) {
                    let numbers = match self.tape.text(key, self.text).as_ref() {
                        "data" if self.tape.tag_id(value) == 0 => self.numbers(value)?,
                        _ => None,
                    };
                    let value = numbers.map_or_else(|| self.object(value), Ok)?;
                    self.set(&map, key, value)?;
                }
                Some(map.into_any())
            }
            _ => None,
        };
        content.map_or_else(|| self.content(node), Ok)
    }

    fn numbers(&self, node: NodeId) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(found) = self.tape.numbers(node, self.text) else {
            return Ok(None);
        };
        let data = asdfits_core::Region::from_bytes(found.bytes);
        let numbers = Numbers {
            shape: found.shape,
            kind: found.kind,
            data: Bound::new(self.py, Region::new(data))?.unbind(),
        };
        Ok(Some(Bound::new(self.py, numbers)?.into_any()))
    }

    /// The tag as a Python string, one object for each tag.
    fn tag(&self, node: NodeId, tag: &str) -> Bound<'py, PyString> {
        let number = usize::from(self.tape.tag_id(node));
        let mut names = self.tags.borrow_mut();
        if names.len() <= number {
            names.resize(number.saturating_add(1), None);
        }
        match names.get_mut(number) {
            Some(Some(name)) => name.clone(),
            Some(slot) => slot.insert(PyString::new(self.py, tag)).clone(),
            None => PyString::new(self.py, tag),
        }
    }

    fn complex(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let text = self.tape.text(node, self.text);
        // ASDF allows `i` and any case beside Python's `j` (core/complex-1.0.0).
        let text = text
            .trim()
            .to_ascii_lowercase()
            .replace("inf", "I")
            .replace('i', "j")
            .replace('I', "inf");
        let number = self.py.get_type::<PyComplex>().call1((text,))?;
        Ok(number.into_any())
    }

    /// The node without its tag.
    fn content(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        match self.tape.kind(node) {
            Kind::Scalar => self.scalar(node),
            Kind::Alias => self.object(node),
            Kind::Sequence | Kind::Mapping => {
                let container = self.container(node);
                if self.tape.is_shared(node) && self.tape.tag(node).is_none() {
                    // Known before it is filled, so that a list may contain itself.
                    self.memo.set_item(node, &container)?;
                }
                self.fill(node, &container)?;
                Ok(container)
            }
        }
    }

    /// An empty list or dict.
    fn container(&self, node: NodeId) -> Bound<'py, PyAny> {
        match self.tape.kind(node) {
            Kind::Mapping => PyDict::new(self.py).into_any(),
            _ => PyList::empty(self.py).into_any(),
        }
    }

    fn fill(&self, node: NodeId, container: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Ok(list) = container.cast::<PyList>() {
            for item in self.tape.children(node) {
                list.append(self.object(item)?)?;
            }
            return Ok(());
        }
        let map = container.cast::<PyDict>()?;
        if self.tape.has_merge(node) {
            self.merge(map, node)?;
        }
        for (key, value) in self.tape.pairs(node) {
            if !self.tape.is_merge(key) {
                let value = self.object(value)?;
                self.set(map, key, value)?;
            }
        }
        Ok(())
    }

    fn set(&self, map: &Bound<'py, PyDict>, key: NodeId, value: Bound<'py, PyAny>) -> PyResult<()> {
        map.set_item(self.key(key)?, value)
    }

    /// The object for a key. The same few names stand in every part of a tree, so most are at hand.
    fn key(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        if !self.tape.is_hashable(node) {
            let message = "found a key that is a list, a mapping or tagged, expected plain text";
            return Err(self.error(node, message));
        }
        let plain = self.tape.resolve(node);
        if self.tape.tag_id(plain) != 0 {
            return self.object(node);
        }
        match self.tape.scalar(plain, self.text) {
            // One branch alone hardly ever has a key twice.
            Ok(Scalar::Str(text)) if self.lazy => Ok(PyString::intern(self.py, &text).into_any()),
            Ok(Scalar::Str(text)) => Ok(self.keys.borrow_mut().get(self.py, &text).into_any()),
            Ok(scalar) => yaml_scalar(self.py, scalar),
            Err(error) => Err(self.product.error(&error)),
        }
    }

    /// Merge keys: earlier mappings of a list win over later ones, own keys over all.
    fn merge(&self, map: &Bound<'py, PyDict>, node: NodeId) -> PyResult<()> {
        for (key, value) in self.tape.pairs(node) {
            if !self.tape.is_merge(key) {
                continue;
            }
            let value = self.tape.resolve(value);
            if self.tape.kind(value) == Kind::Sequence {
                let items: Vec<NodeId> = self.tape.children(value).collect();
                for item in items.into_iter().rev() {
                    map.update(self.merged(item)?.cast::<PyDict>()?.as_mapping())?;
                }
            } else {
                map.update(self.merged(value)?.cast::<PyDict>()?.as_mapping())?;
            }
        }
        Ok(())
    }

    /// A mapping to be merged into another, made now also where branches are deferred.
    fn merged(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        let node = self.tape.resolve(node);
        if self.tape.kind(node) != Kind::Mapping {
            return Err(self.error(node, "a merge key needs a mapping or a list of mappings"));
        }
        match self.memo.get_item(node)? {
            Some(known) if known.is_instance_of::<PyDict>() => Ok(known),
            _ => self.deeper(node, || self.content(node)),
        }
    }

    fn scalar(&self, node: NodeId) -> PyResult<Bound<'py, PyAny>> {
        match self.tape.scalar(node, self.text) {
            Ok(scalar) => yaml_scalar(self.py, scalar),
            Err(error) => Err(self.product.error(&error)),
        }
    }
}

//! Python objects as the text of a tree.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use asdfits_core::asdf::{Anchor, Document, Host, Link, NodeId, Style, TagId};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyComplex, PyDate, PyDateTime, PyDict, PyFloat, PyFrozenSet, PyInt, PyList,
    PySet, PyString, PyTuple, PyType,
};

use crate::opened::Inner;
use crate::tree::Deferred;

/// The text of a tree, as asdf writes it.
///
/// `orders` gives the keys that come first under tags that begin like its entries. `default(object)` makes
/// a tree of what is none; `link(owner, source)` says where the data of an array is to be; and
/// `made(owner, node)` returns what a shared node was made into, or None.
#[pyfunction]
#[pyo3(signature = (tree, handles, orders, default = None, link = None, made = None))]
pub fn emit<'py>(
    py: Python<'py>,
    tree: &Bound<'py, PyAny>,
    handles: Vec<(String, String)>,
    orders: Vec<(String, Vec<String>)>,
    default: Option<Bound<'py, PyAny>>,
    link: Option<Bound<'py, PyAny>>,
    made: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let handles: Vec<(&str, &str)> = handles
        .iter()
        .map(|(handle, prefix)| (handle.as_str(), prefix.as_str()))
        .collect();
    let mut document = Document::new(&handles);
    let mut walker = Walker {
        py,
        orders,
        default,
        link,
        made,
        classes: Vec::new(),
        places: HashMap::default(),
        tags: Vec::new(),
        seen: HashMap::default(),
        sources: Vec::new(),
        objects: HashMap::new(),
        kept: Vec::new(),
        trail: Vec::new(),
    };
    match walker.object(&mut document, tree) {
        Ok(()) => Ok(PyBytes::new(
            py,
            document.finish().map_err(deep)?.as_bytes(),
        )),
        Err(error) => {
            walker.trail.reverse();
            let place = walker.trail.join(".");
            if !place.is_empty() {
                error
                    .value(py)
                    .call_method1("add_note", (format!("at {place} of the tree"),))?;
            }
            Err(error)
        }
    }
}

/// Hashes an address: they are multiples of 16 and far apart.
#[derive(Default)]
struct ByAddress(u64);

impl Hasher for ByAddress {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_usize(&mut self, address: usize) {
        let spread = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ spread >> 32;
    }
}

type AddressMap<V> = HashMap<usize, V, BuildHasherDefault<ByAddress>>;

/// What an object is written as; decided once for each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    None,
    Bool,
    Int,
    Float,
    Str,
    Bytes,
    Complex,
    /// A date, with or without a time of day.
    Date,
    Moment,
    /// numpy's numbers that are not Python's: unlike these, they are one node wherever they stand.
    NumpyBool,
    NumpyInt,
    NumpyFloat,
    Dict,
    List,
    Tuple,
    Set,
    Ordered,
    /// An object with a `_tag`, and its content in `data`.
    Tagged,
    /// One that may also say in which style it is to be written, as those of `asdf.tagged`.
    Styled,
    Deferred,
    Other,
}

/// What is known of the keys under a tag.
#[derive(Debug, Clone, Copy)]
enum Order {
    Unknown,
    Sorted,
    /// The number of a list of those that come first.
    Listed(usize),
}

struct Walker<'py> {
    py: Python<'py>,
    orders: Vec<(String, Vec<String>)>,
    default: Option<Bound<'py, PyAny>>,
    link: Option<Bound<'py, PyAny>>,
    made: Option<Bound<'py, PyAny>>,
    /// The types live as long as their addresses are in use here.
    classes: Vec<(usize, Class, Bound<'py, PyType>)>,
    places: AddressMap<usize>,
    /// By the number of a tag: which of the orders goes with it.
    tags: Vec<Order>,
    /// Objects that are written already, and whether they are scalars.
    seen: AddressMap<(Anchor, bool)>,
    /// The files that parts come from: their number is their place.
    sources: Vec<Arc<Inner>>,
    /// What shared nodes of these files were made into.
    objects: HashMap<(u32, NodeId), Option<Bound<'py, PyAny>>>,
    /// What was made on the way, so that no address is used twice.
    kept: Vec<Bound<'py, PyAny>>,
    /// The path to an error, innermost first.
    trail: Vec<String>,
}

/// References to an object that stands in one place only: that place's and the walker's own.
const UNSHARED: isize = 2;

impl<'py> Walker<'py> {
    fn class(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Class> {
        let address = object.get_type_ptr() as usize;
        // A tree is made of few types; the first come first.
        for (known, class, _) in self.classes.iter().take(8) {
            if *known == address {
                return Ok(*class);
            }
        }
        if let Some(&place) = self.places.get(&address)
            && let Some((_, class, _)) = self.classes.get(place)
        {
            return Ok(*class);
        }
        let class = self.classify(object)?;
        self.places.insert(address, self.classes.len());
        self.classes.push((address, class, object.get_type()));
        Ok(class)
    }

    fn classify(&self, object: &Bound<'py, PyAny>) -> PyResult<Class> {
        if object.is_none() {
            return Ok(Class::None);
        }
        if object.is_instance_of::<Deferred>() {
            return Ok(Class::Deferred);
        }
        if object.get_type().hasattr(intern!(self.py, "_tag"))?
            && object.hasattr(intern!(self.py, "data"))?
        {
            let styled = ["flow_style", "style"]
                .iter()
                .any(|name| object.hasattr(*name).unwrap_or(false));
            return Ok(if styled { Class::Styled } else { Class::Tagged });
        }
        let numpy = self.py.import("numpy")?;
        let is = |name: &str| -> PyResult<bool> { object.is_instance(&numpy.getattr(name)?) };
        let ordered = self.py.import("collections")?.getattr("OrderedDict")?;
        Ok(if object.is_instance_of::<PyBool>() {
            Class::Bool
        } else if object.is_instance_of::<PyInt>() {
            Class::Int
        } else if object.is_instance_of::<PyFloat>() {
            Class::Float
        } else if object.is_instance_of::<PyString>() {
            Class::Str
        } else if object.is_instance_of::<PyBytes>() {
            Class::Bytes
        } else if object.is_instance_of::<PyComplex>() || is("complexfloating")? {
            Class::Complex
        } else if object.is_instance_of::<PyDateTime>() {
            Class::Moment
        } else if object.is_instance_of::<PyDate>() {
            Class::Date
        } else if object.is_instance(&ordered)? {
            Class::Ordered
        } else if object.is_instance_of::<PyDict>() {
            Class::Dict
        } else if object.is_instance_of::<PyList>() {
            Class::List
        } else if object.is_instance_of::<PyTuple>() {
            Class::Tuple
        } else if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
            Class::Set
        } else if is("bool_")? {
            Class::NumpyBool
        } else if is("integer")? && !is("timedelta64")? {
            Class::NumpyInt
        } else if is("floating")? {
            Class::NumpyFloat
        } else {
            Class::Other
        })
    }

    /// Adds an object; at its second place, an alias.
    fn object(&mut self, document: &mut Document, object: &Bound<'py, PyAny>) -> PyResult<()> {
        let class = self.class(object)?;
        match class {
            Class::None => document.plain("null", None),
            Class::Bool => document.plain(if object.is_truthy()? { "true" } else { "false" }, None),
            Class::Int => match object.extract::<i64>() {
                Ok(value) => document.int(value),
                Err(_) => document.plain(&digits(object)?, None),
            },
            Class::Float => document.float(object.extract()?),
            Class::Str => document.string(object.cast::<PyString>()?.to_str()?),
            Class::Bytes => document.binary(object.cast::<PyBytes>()?.as_bytes()),
            Class::Complex => {
                let text = object.str()?;
                document.tagged(
                    "tag:stsci.edu:asdf/core/complex-1.0.0",
                    text.to_str()?,
                    None,
                    None,
                );
            }
            Class::Deferred => return self.deferred(document, object),
            Class::Other => return self.other(document, object),
            Class::Tagged | Class::Styled => return self.tagged(document, object, class, None),
            Class::Tuple if object.len()? == 0 => {
                return self.content(document, object, class, 0, None, None);
            }
            _ => {
                let scalar = !matches!(
                    class,
                    Class::Dict | Class::List | Class::Tuple | Class::Set | Class::Ordered
                );
                if let Some(anchor) = self.first(document, object, scalar) {
                    return self.content(document, object, class, 0, anchor, None);
                }
            }
        }
        Ok(())
    }

    /// The anchor for an object that is met for the first time (none if it cannot be met again); at its
    /// second place this adds an alias and returns None.
    #[expect(
        clippy::option_option,
        reason = "whether there is a node to write, and whether it has an anchor"
    )]
    fn first(
        &mut self,
        document: &mut Document,
        object: &Bound<'py, PyAny>,
        scalar: bool,
    ) -> Option<Option<Anchor>> {
        if object.get_refcnt() <= UNSHARED {
            return Some(None);
        }
        let address = object.as_ptr() as usize;
        if let Some(&(anchor, scalar)) = self.seen.get(&address) {
            document.alias(anchor, scalar);
            return None;
        }
        let anchor = document.anchor();
        self.seen.insert(address, (anchor, scalar));
        Some(Some(anchor))
    }

    fn content(
        &mut self,
        document: &mut Document,
        object: &Bound<'py, PyAny>,
        class: Class,
        tag: TagId,
        anchor: Option<Anchor>,
        style: Option<Style>,
    ) -> PyResult<()> {
        match class {
            Class::Dict => {
                let pairs = sorted(object)?;
                self.mapping(document, pairs, tag, anchor, style)
            }
            Class::List | Class::Tuple => {
                document.sequence(tag, anchor, style).map_err(deep)?;
                if let Ok(list) = object.cast::<PyList>() {
                    for (place, item) in list.iter().enumerate() {
                        self.object(document, &item)
                            .inspect_err(|_| self.trail.push(place.to_string()))?;
                    }
                } else {
                    for (place, item) in object.cast::<PyTuple>()?.iter().enumerate() {
                        self.object(document, &item)
                            .inspect_err(|_| self.trail.push(place.to_string()))?;
                    }
                }
                document.end();
                Ok(())
            }
            Class::Set => {
                let members = PyDict::new(self.py);
                for member in object.try_iter()? {
                    members.set_item(member?, self.py.None())?;
                }
                let tag = if tag == 0 {
                    document.tag("tag:yaml.org,2002:set")
                } else {
                    tag
                };
                self.mapping(document, sorted(&members)?, tag, anchor, style)
            }
            Class::Ordered => {
                let omap = document.tag("tag:yaml.org,2002:omap");
                let tag = if tag == 0 { omap } else { tag };
                document
                    .sequence(tag, anchor, Some(Style::Block))
                    .map_err(deep)?;
                for (key, value) in pairs(object.cast::<PyDict>()?) {
                    document
                        .mapping(omap, None, Some(Style::Block))
                        .map_err(deep)?;
                    self.object(document, &key)?;
                    self.object(document, &value)
                        .inspect_err(|_| self.trail.push(name(&key)))?;
                    document.end();
                }
                document.end();
                Ok(())
            }
            Class::Date | Class::Moment => {
                let text = match class {
                    Class::Moment => object.call_method1(intern!(self.py, "isoformat"), (" ",))?,
                    _ => object.call_method0(intern!(self.py, "isoformat"))?,
                };
                let text = text.cast_into::<PyString>()?;
                document.tagged("tag:yaml.org,2002:timestamp", text.to_str()?, None, anchor);
                Ok(())
            }
            Class::NumpyBool => {
                document.plain(if object.is_truthy()? { "true" } else { "false" }, anchor);
                Ok(())
            }
            Class::NumpyInt => {
                document.plain(
                    &digits(&object.call_method0(intern!(self.py, "__int__"))?)?,
                    anchor,
                );
                Ok(())
            }
            Class::NumpyFloat => {
                let value: f64 = object
                    .call_method0(intern!(self.py, "__float__"))?
                    .extract()?;
                match anchor {
                    Some(anchor) => document.anchored_float(value, anchor),
                    None => document.float(value),
                }
                Ok(())
            }
            _ => Err(unfit(object)),
        }
    }

    fn mapping(
        &mut self,
        document: &mut Document,
        pairs: Vec<Pair<'py>>,
        tag: TagId,
        anchor: Option<Anchor>,
        style: Option<Style>,
    ) -> PyResult<()> {
        document.mapping(tag, anchor, style).map_err(deep)?;
        for (key, value) in pairs {
            self.object(document, &key)?;
            self.object(document, &value)
                .inspect_err(|_| self.trail.push(name(&key)))?;
        }
        document.end();
        Ok(())
    }

    /// An object that carries its tag, as those of `asdf.tagged` do.
    fn tagged(
        &mut self,
        document: &mut Document,
        object: &Bound<'py, PyAny>,
        class: Class,
        anchor: Option<Anchor>,
    ) -> PyResult<()> {
        let py = self.py;
        let styled = class == Class::Styled;
        let data = object.getattr(intern!(py, "data"))?;
        let class = self.class(&data)?;
        if class == Class::Str {
            let style = match attribute(object, intern!(py, "style"), styled)?.as_deref() {
                Some("inline") => Some(Style::Double),
                Some("literal") => Some(Style::Literal),
                Some("folded") => Some(Style::Folded),
                _ => None,
            };
            let tag = object.getattr(intern!(py, "_tag"))?;
            let tag = tag.cast::<PyString>()?.to_str()?;
            document.tagged(tag, data.cast::<PyString>()?.to_str()?, style, None);
            return Ok(());
        }
        let anchor = match anchor {
            Some(anchor) => Some(anchor),
            None => match self.first(document, object, false) {
                Some(anchor) => anchor,
                None => return Ok(()),
            },
        };
        let (tag, order) = self.tag(document, object)?;
        let style = match attribute(object, intern!(py, "flow_style"), styled)?.as_deref() {
            Some("flow") => Some(Style::Flow),
            Some("block") => Some(Style::Block),
            _ => None,
        };
        if class == Class::Dict {
            let mut pairs = sorted(&data)?;
            let own = if styled {
                object.getattr_opt(intern!(py, "property_order"))?
            } else {
                None
            };
            if let Some(own) = own.filter(|order| !order.is_none()) {
                in_order(&mut pairs, &own.extract::<Vec<String>>()?);
            } else if let Some((_, order)) = order.and_then(|order| self.orders.get(order)) {
                in_order(&mut pairs, order);
            }
            self.mapping(document, pairs, tag, anchor, style)?;
        } else if matches!(
            class,
            Class::List | Class::Tuple | Class::Set | Class::Ordered
        ) {
            self.content(document, &data, class, tag, anchor, style)?;
        } else {
            return Err(unfit(&data));
        }
        // A temporary would give its address to another.
        self.kept.push(data);
        Ok(())
    }

    /// The tag of an object, and the order of keys that goes with it.
    fn tag(
        &mut self,
        document: &mut Document,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<(TagId, Option<usize>)> {
        let tag = object.getattr(intern!(self.py, "_tag"))?;
        if tag.is_none() {
            return Ok((0, None));
        }
        let text = tag.cast::<PyString>()?.to_str()?;
        let id = document.tag(text);
        let place = usize::try_from(id).unwrap_or(0);
        if self.tags.len() <= place {
            self.tags.resize(place.saturating_add(1), Order::Unknown);
        }
        let order = match self.tags.get(place) {
            Some(Order::Sorted) => None,
            Some(Order::Listed(order)) => Some(*order),
            _ => self
                .orders
                .iter()
                .position(|(start, _)| text.starts_with(start.as_str())),
        };
        if let Some(known) = self.tags.get_mut(place) {
            *known = order.map_or(Order::Sorted, Order::Listed);
        }
        Ok((id, order))
    }

    /// An object that `default` makes a tree of.
    fn other(&mut self, document: &mut Document, object: &Bound<'py, PyAny>) -> PyResult<()> {
        let address = object.as_ptr() as usize;
        if let Some(&(anchor, scalar)) = self.seen.get(&address) {
            document.alias(anchor, scalar);
            return Ok(());
        }
        let Some(default) = &self.default else {
            return Err(unfit(object));
        };
        let tree = default.call1((object,))?;
        if self.class(&tree)? == Class::Other {
            return Err(unfit(object));
        }
        // Both live until the end, so that neither address is used again; both mean one node.
        self.kept.push(object.clone());
        self.kept.push(tree.clone());
        let class = self.class(&tree)?;
        let shared = match class {
            Class::Dict | Class::List | Class::Set | Class::Ordered => true,
            Class::Tuple => tree.len()? > 0,
            Class::Tagged => !tree
                .getattr(intern!(self.py, "data"))?
                .is_instance_of::<PyString>(),
            _ => false,
        };
        let made = tree.as_ptr() as usize;
        if let Some(&known) = self.seen.get(&made) {
            self.seen.insert(address, known);
        } else if shared {
            // Known before it is filled, since it may contain itself.
            let anchor = document.anchor();
            self.seen.insert(address, (anchor, false));
            self.seen.insert(made, (anchor, false));
            return match class {
                Class::Tagged | Class::Styled => self.tagged(document, &tree, class, Some(anchor)),
                _ => self.content(document, &tree, class, 0, Some(anchor), None),
            };
        }
        self.object(document, &tree)
    }

    /// A part of a file that nobody touched: its text.
    fn deferred(&mut self, document: &mut Document, object: &Bound<'py, PyAny>) -> PyResult<()> {
        let part = object.cast::<Deferred>()?.get();
        let product = Arc::clone(&part.product);
        let number = self
            .sources
            .iter()
            .position(|known| Arc::ptr_eq(known, &product))
            .unwrap_or_else(|| {
                self.sources.push(Arc::clone(&product));
                self.sources.len().saturating_sub(1)
            });
        let number =
            u32::try_from(number).map_err(|_| PyValueError::new_err("more than 2**32 files"))?;
        let Some(asdf) = &product.product.asdf else {
            document.plain("null", None);
            return Ok(());
        };
        let owner = part.owner.bind(self.py).clone();
        let mut host = Part {
            walker: self,
            number,
            owner,
        };
        document
            .copy(
                number,
                asdf.file.tape(),
                product.yaml(),
                part.node,
                &mut host,
            )
            .map_err(|fault| match fault {
                Fault::Core(error) => deep(error),
                Fault::Python(error) => error,
            })
    }
}

/// Answers what a part of a file asks.
struct Part<'a, 'py> {
    walker: &'a mut Walker<'py>,
    number: u32,
    owner: Bound<'py, PyAny>,
}

/// What goes wrong within a part.
enum Fault {
    Core(asdfits_core::Error),
    Python(PyErr),
}

impl From<asdfits_core::Error> for Fault {
    fn from(error: asdfits_core::Error) -> Self {
        Self::Core(error)
    }
}

impl From<PyErr> for Fault {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl Host for Part<'_, '_> {
    type Error = Fault;

    fn link(&mut self, link: Link) -> Result<Link, Fault> {
        let Some(callback) = &self.walker.link else {
            return Ok(link);
        };
        let answer = match link {
            Link::Block(number) => callback.call1((&self.owner, number)),
            Link::Name(name) => callback.call1((&self.owner, name)),
        }?;
        Ok(match answer.extract::<i64>() {
            Ok(number) => Link::Block(number),
            Err(_) => Link::Name(answer.extract()?),
        })
    }

    fn is_made(&mut self, node: NodeId) -> Result<bool, Fault> {
        let Some(callback) = &self.walker.made else {
            return Ok(false);
        };
        let key = (self.number, node);
        if let Some(known) = self.walker.objects.get(&key) {
            return Ok(known.is_some());
        }
        let object = callback.call1((&self.owner, node))?;
        let made = !object.is_none() && !object.is_instance_of::<Deferred>();
        self.walker.objects.insert(key, made.then_some(object));
        Ok(made)
    }

    fn write_made(&mut self, document: &mut Document, node: NodeId) -> Result<(), Fault> {
        if let Some(Some(object)) = self.walker.objects.get(&(self.number, node)) {
            let object = object.clone();
            self.walker.object(document, &object)?;
        }
        Ok(())
    }
}

type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn pairs<'py>(dict: &Bound<'py, PyDict>) -> Vec<Pair<'py>> {
    dict.iter().collect()
}

/// The pairs of a dict in the order of its keys; as they stand if these have none.
fn sorted<'py>(dict: &Bound<'py, PyAny>) -> PyResult<Vec<Pair<'py>>> {
    let dict = dict.cast::<PyDict>()?;
    let mut items = pairs(dict);
    if items
        .iter()
        .all(|(key, _)| key.is_exact_instance_of::<PyString>())
    {
        // Code points and their UTF-8 are in the same order.
        if !items.is_sorted_by(|a, b| key(a) <= key(b)) {
            items.sort_by(|a, b| key(a).cmp(key(b)));
        }
        return Ok(items);
    }
    let py = dict.py();
    let list = PyList::new(py, &items)?;
    match py.import("builtins")?.getattr("sorted")?.call1((list,)) {
        Ok(list) => list.extract(),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(items),
        Err(error) => Err(error),
    }
}

/// A key that is a string; what is no text is refused where it is written.
fn key<'a>(pair: &'a Pair<'_>) -> &'a str {
    pair.0
        .cast::<PyString>()
        .ok()
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default()
}

/// Moves the keys that `order` names to the front.
fn in_order(pairs: &mut Vec<Pair<'_>>, order: &[String]) {
    let mut first = Vec::with_capacity(pairs.len());
    for name in order {
        let place = pairs
            .iter()
            .position(|(key, _)| key.cast::<PyString>().is_ok_and(|key| key == name.as_str()));
        if let Some(place) = place {
            first.push(pairs.remove(place));
        }
    }
    first.append(pairs);
    *pairs = first;
}

/// An attribute that is a string, if the object has it; only `styled` ones do.
fn attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    styled: bool,
) -> PyResult<Option<String>> {
    if !styled {
        return Ok(None);
    }
    match object.getattr_opt(name)? {
        Some(value) if !value.is_none() => Ok(Some(value.extract()?)),
        _ => Ok(None),
    }
}

/// A whole number of any size.
fn digits(object: &Bound<'_, PyAny>) -> PyResult<String> {
    object
        .py()
        .get_type::<PyInt>()
        .call1((object,))?
        .str()?
        .extract()
}

/// A key, as a step of a path in a message.
fn name(key: &Bound<'_, PyAny>) -> String {
    key.str()
        .map(|key| key.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn deep(error: asdfits_core::Error) -> PyErr {
    PyValueError::new_err(error.message)
}

fn unfit(object: &Bound<'_, PyAny>) -> PyErr {
    match object.get_type().fully_qualified_name() {
        Ok(name) => PyTypeError::new_err(format!("a tree cannot hold an object of type {name}")),
        Err(error) => error,
    }
}

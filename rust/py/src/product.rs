//! An open file: its HDUs, headers, tables, tree and memory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asdfits_core::fits::{self, Image, Table};
use asdfits_core::overlay::Placed;
use asdfits_core::{Bytes, Error, Source};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::error::raise;
use crate::far::{self, Raised, Stretches};
use crate::opened::Inner;
use crate::overlay::Rows;
use crate::region::Region;
use crate::tree;
use crate::value::{fits_card, fits_value};

/// An open FITS or ASDF file.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Product {
    inner: Arc<Inner>,
}

impl Product {
    /// What the other rooms share of the open file.
    pub fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn announced(
        &self,
        region: Result<Option<asdfits_core::Region>, Error>,
        at: u64,
        length: u64,
    ) -> PyResult<Region> {
        let region = region.map_err(|error| self.inner.error(&error))?;
        region.map(Region::new).ok_or_else(|| {
            let size = self.size();
            self.inner.error(&Error::truncated(
                at,
                format!("{length} bytes are announced here, but the file has {size}"),
            ))
        })
    }

    fn from_source(
        py: Python<'_>,
        path: PathBuf,
        raised: Raised,
        open: impl FnOnce(&Path) -> Result<Source, Error> + Send,
    ) -> PyResult<Self> {
        match py.detach(|| open(&path).and_then(asdfits_core::Product::read)) {
            Ok(product) => Ok(Self {
                inner: Arc::new(Inner {
                    path,
                    product,
                    raised,
                }),
            }),
            Err(error) => Err(raise(&error, &path)),
        }
    }
}

#[pymethods]
impl Product {
    #[staticmethod]
    #[pyo3(signature = (path, edit = false))]
    fn open(py: Python<'_>, path: PathBuf, edit: bool) -> PyResult<Self> {
        if edit {
            return Self::from_source(py, path, Raised::default(), Source::open_to_edit);
        }
        Self::from_source(py, path, Raised::default(), Source::open)
    }

    /// Whether the file was opened to be edited.
    #[getter]
    fn locked(&self) -> bool {
        self.inner.product.source.lock().is_some()
    }

    /// Gives the lock back that a file has which was opened to be edited.
    fn unlock(&self) -> PyResult<()> {
        let source = &self.inner.product.source;
        source.unlock().map_err(|error| self.inner.error(&error))
    }

    #[staticmethod]
    #[pyo3(signature = (data, name = "<bytes>"))]
    fn from_bytes(py: Python<'_>, data: Vec<u8>, name: &str) -> PyResult<Self> {
        let path = PathBuf::from(name);
        Self::from_source(py, path, Raised::default(), |_| Source::from_bytes(data))
    }

    /// Reads a file that is far away: what was fetched of it has its headers and its tree.
    #[staticmethod]
    fn far(
        py: Python<'_>,
        stretches: &Bound<'_, Stretches>,
        reader: Py<PyAny>,
        name: &str,
    ) -> PyResult<Self> {
        let raised = Raised::default();
        let far = far::source(stretches.get().held(), reader, Arc::clone(&raised));
        Self::from_source(py, PathBuf::from(name), raised, |_| Ok(far))
    }

    /// Whether data have to be fetched when they are asked for.
    #[getter]
    fn is_far(&self) -> bool {
        matches!(self.inner.product.source, Source::Far(_))
    }

    #[getter]
    fn path(&self) -> String {
        self.inner.path.display().to_string()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.inner.product.source.size()
    }

    #[getter]
    fn is_fits(&self) -> bool {
        !self.inner.product.layout.hdus.is_empty()
    }

    /// Faults that did not keep the file from being read, each as a whole sentence.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        let path = self.inner.path.display();
        let missing = self.missing_links();
        let missing = missing.iter().map(|source| {
            format!(
                "{path}: the tree links to `{source}`, but the file has no such HDU; \
                 the array reads as None"
            )
        });
        self.inner
            .product
            .layout
            .warnings
            .iter()
            .map(|warning| format!("{path}: {warning}"))
            .chain(missing)
            .collect()
    }

    /// The distinct `fits:…` sources in the tree that name no HDU of the file.
    #[getter]
    fn missing_links(&self) -> Vec<String> {
        let mut missing = tree::links(&self.inner);
        missing.retain(|source| self.inner.product.layout.linked(source).is_none());
        missing
    }

    fn __len__(&self) -> usize {
        self.inner.product.layout.hdus.len()
    }

    fn hdu(&self, index: usize) -> PyResult<Hdu> {
        Ok(Hdu {
            index,
            inner: self.inner.hdu(index)?.clone(),
        })
    }

    /// (name, version) of every HDU, in file order.
    fn names(&self) -> Vec<(&str, i64)> {
        self.inner
            .product
            .layout
            .hdus
            .iter()
            .map(|hdu| (hdu.name.as_str(), hdu.version))
            .collect()
    }

    #[pyo3(signature = (name, version = None))]
    fn find(&self, name: &str, version: Option<i64>) -> Option<usize> {
        let name = name.trim().to_ascii_uppercase();
        match version {
            None => self.inner.product.layout.first(&name),
            Some(version) => self.inner.product.layout.versioned(&name, version),
        }
    }

    /// Whether an HDU other than ASDF is a binary table.
    #[getter]
    fn has_table(&self) -> bool {
        let is_table = |hdu: &fits::Hdu| hdu.kind == fits::Kind::BinTable && hdu.name != "ASDF";
        self.inner.product.layout.hdus.iter().any(is_table)
    }

    /// All cards of a header as `[keyword, value, comment]`.
    fn cards<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for card in self
            .inner
            .hdu(index)?
            .header(&self.inner.product.source)
            .cards()
        {
            list.append(fits_card(py, &card)?)?;
        }
        Ok(list)
    }

    /// Keyword -> value of a header; the first card of a keyword counts, commentary is left out.
    fn values<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(py);
        for card in self
            .inner
            .hdu(index)?
            .header(&self.inner.product.source)
            .cards()
        {
            if matches!(card.keyword.as_ref(), "" | "COMMENT" | "HISTORY") {
                continue;
            }
            let keyword = pyo3::types::PyString::intern(py, card.keyword.as_ref());
            if !values.contains(&keyword)? {
                values.set_item(keyword, fits_value(py, &card.value)?)?;
            }
        }
        Ok(values)
    }

    /// The value of one keyword, or None; only its card is parsed.
    fn value<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        keyword: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let header = self.inner.hdu(index)?.header(&self.inner.product.source);
        fits_value(py, &header.value(&keyword.to_ascii_uppercase()))
    }

    /// The texts of all cards with a commentary keyword, such as HISTORY.
    fn commentary(&self, index: usize, keyword: &str) -> PyResult<Vec<String>> {
        let header = self.inner.hdu(index)?.header(&self.inner.product.source);
        Ok(header.commentary(keyword).map(Cow::into_owned).collect())
    }

    /// The mapped cards that the tree does not settle, the cards that are not mapped, the arrays.
    #[pyo3(signature = (rows, exact = false))]
    fn beside<'py>(&self, py: Python<'py>, rows: &Rows, exact: bool) -> PyResult<Beside<'py>> {
        let beside = py.detach(|| self.inner.product.beside(&rows.mapping, exact));
        let mapped = beside.mapped.iter().map(|found| {
            let value = fits_value(py, &found.value)?;
            Ok((
                found.row,
                found.item,
                found.hdu,
                value,
                found.equal,
                found.fits,
            ))
        });
        let unknown = beside.unknown.iter().map(|(hdu, cards)| {
            let cards = cards.iter().map(|card| fits_card(py, card));
            Ok((*hdu, cards.collect::<PyResult<_>>()?))
        });
        Ok((
            mapped.collect::<PyResult<_>>()?,
            unknown.collect::<PyResult<_>>()?,
            places(beside.arrays),
        ))
    }

    /// (row, list item, HDU, node that links to the HDU) of each array whose HDU the file has.
    fn arrays_beside(&self, rows: &Rows) -> Vec<Place> {
        places(self.inner.product.arrays_beside(&rows.mapping))
    }

    /// The raw bytes of a header, padding included.
    fn header_bytes<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            self.inner
                .hdu(index)?
                .header(&self.inner.product.source)
                .bytes(),
        ))
    }

    /// (bitpix, shape, BSCALE, BZERO, BLANK) of an image HDU, compressed or not.
    fn image(&self, index: usize) -> PyResult<ImageFacts> {
        let hdu = self.inner.hdu(index)?;
        let image = Image::read(hdu, &hdu.header(&self.inner.product.source))
            .map_err(|error| self.inner.error(&error))?;
        Ok((
            image.bitpix,
            image.shape,
            image.scale,
            image.zero,
            image.blank,
        ))
    }

    /// (bytes of a row, rows, columns) of a binary table.
    fn table(&self, index: usize) -> PyResult<(u64, u64, Vec<Column>)> {
        let hdu = self.inner.hdu(index)?;
        let table = Table::read(hdu, &hdu.header(&self.inner.product.source))
            .map_err(|error| self.inner.error(&error))?;
        let columns = table.columns.into_iter().map(|c| {
            let fixed = (c.name, c.code, c.repeat, c.offset, c.width, c.dims);
            (fixed, c.unit, c.scale, c.zero, c.null)
        });
        Ok((table.row, table.rows, columns.collect()))
    }

    /// The pixels of a compressed image in memory of their own, in native byte order.
    fn decompress(&self, py: Python<'_>, index: usize, flip: bool) -> PyResult<Region> {
        let hdu = self.inner.hdu(index)?;
        let pixels = py
            .detach(|| self.inner.product.decompress(hdu, flip))
            .map_err(|error| self.inner.error(&error))?;
        Ok(Region::new(pixels))
    }

    /// Writable memory over `length` bytes of the file.
    fn region(&self, py: Python<'_>, at: u64, length: u64) -> PyResult<Region> {
        let region = py.detach(|| self.inner.product.source.region(at, length));
        self.announced(region, at, length)
    }

    /// The same bytes as they are in the file, whatever was written to a region.
    fn unchanged(&self, py: Python<'_>, at: u64, length: u64) -> PyResult<Region> {
        let region = py.detach(|| self.inner.product.source.unchanged(at, length));
        self.announced(region, at, length)
    }

    /// (hash of all headers but ASDF, HDUs whose bytes may differ from what a writer renders).
    fn header_hash(&self, py: Python<'_>) -> (String, Vec<usize>) {
        py.detach(|| self.inner.product.header_hash().clone())
    }

    /// (HDU, place, length, bytes of YAML, blocks, standard) of the ASDF file; None where there is none.
    #[getter]
    fn asdf(&self) -> Option<AsdfFacts<'_>> {
        let asdf = self.inner.product.asdf.as_ref()?;
        let file = &asdf.file;
        Some((
            asdf.hdu,
            asdf.at,
            asdf.length,
            file.yaml().len(),
            file.blocks().len(),
            file.standard(),
        ))
    }

    /// The YAML text of the tree.
    #[getter]
    fn yaml<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.product.yaml())
    }

    /// The tree: dicts, lists and scalars; `memo` keeps one object per anchor.
    #[pyo3(signature = (owner, memo, lazy = false))]
    fn tree<'py>(
        &self,
        owner: &Bound<'py, PyAny>,
        memo: &Bound<'py, PyDict>,
        lazy: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self
            .inner
            .product
            .asdf
            .as_ref()
            .and_then(|asdf| asdf.file.tape().root())
        {
            Some(root) => tree::build(&self.inner, root, owner, memo, lazy),
            None => Ok(PyDict::new(memo.py()).into_any()),
        }
    }

    /// The part of the tree at `path`, keys and positions; None where the path leads nowhere.
    fn lookup<'py>(
        &self,
        path: Vec<tree::Step>,
        owner: &Bound<'py, PyAny>,
        memo: &Bound<'py, PyDict>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let node = tree::find(&self.inner, &path);
        node.map(|node| tree::build(&self.inner, node, owner, memo, false))
            .transpose()
    }

    /// The HDU that a `fits:…` source names.
    fn linked(&self, source: &str) -> Option<usize> {
        self.inner.product.layout.linked(source)
    }

    /// (at in the file, bytes stored, bytes unpacked, compression) of a binary block.
    fn block(&self, number: isize) -> PyResult<(u64, u64, u64, Vec<u8>)> {
        let (at, block) = self.inner.block(number)?;
        if block.truncated {
            let message = format!(
                "the block holds {} bytes, its header announces {}",
                block.data_len, block.used
            );
            let place = at.saturating_add(block.at);
            return Err(self.inner.error(&Error::truncated(place, message)));
        }
        let data_at = at.saturating_add(block.data_at as u64);
        let label = block.compression.to_vec();
        Ok((data_at, block.data_len as u64, block.data_size, label))
    }

    /// The data of a binary block without its compression, in memory of their own.
    fn unpack(&self, py: Python<'_>, number: isize) -> PyResult<Region> {
        let (at, block) = self.inner.block(number)?;
        let data = py
            .detach(|| {
                let stored = self.inner.product.stored(at, block)?;
                block.unpacked(&stored, at).map(Cow::into_owned)
            })
            .map_err(|error| self.inner.error(&error))?;
        Ok(Region::new(asdfits_core::Region::from_bytes(data)))
    }

    /// For each binary block whether its data have the MD5 of its header; None where there is none.
    fn block_checksums(&self, py: Python<'_>) -> PyResult<Vec<Option<bool>>> {
        let Some(asdf) = &self.inner.product.asdf else {
            return Ok(Vec::new());
        };
        let holds = py.detach(|| {
            let blocks = asdf.file.blocks().iter();
            let holds = blocks.map(|block| {
                // Nothing is read for a block without a sum.
                if !block.has_checksum() {
                    return Ok(None);
                }
                let stored = self.inner.product.stored(asdf.at, block)?;
                Ok(block.checksum_holds(&stored))
            });
            holds.collect::<Result<_, Error>>()
        });
        holds.map_err(|error| self.inner.error(&error))
    }

    fn __repr__(&self) -> String {
        format!("<Product {:?}, {} HDUs>", self.path(), self.__len__())
    }
}

/// (row, list item, HDU, node that links to the HDU)
type Place = (usize, Option<usize>, usize, Option<u32>);

/// [(row, list item, HDU, value, whether the tree holds it, whether it fits)], [(HDU, cards)], arrays
type Beside<'py> = (
    Vec<(usize, Option<usize>, usize, Bound<'py, PyAny>, bool, bool)>,
    Vec<(usize, Vec<Bound<'py, PyList>>)>,
    Vec<Place>,
);

fn places(placed: Vec<Placed>) -> Vec<Place> {
    let placed = placed.into_iter();
    placed.map(|p| (p.row, p.item, p.hdu, p.node)).collect()
}

/// (BITPIX, shape, BSCALE, BZERO, BLANK)
type ImageFacts = (i64, Vec<u64>, f64, f64, Option<i64>);

/// (HDU, place, length, bytes of YAML, blocks, standard)
type AsdfFacts<'a> = (Option<usize>, u64, u64, usize, usize, Option<&'a str>);

/// ((name, code, repeat, offset, width, dims), unit, TSCAL, TZERO, TNULL)
type Column = (
    (String, char, u64, u64, u64, Vec<u64>),
    Option<String>,
    f64,
    f64,
    Option<i64>,
);

/// What the layout says of one HDU.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Hdu {
    #[pyo3(get)]
    index: usize,
    inner: fits::Hdu,
}

#[pymethods]
impl Hdu {
    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    #[getter]
    fn version(&self) -> i64 {
        self.inner.version
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.inner.kind.name()
    }

    #[getter]
    fn bitpix(&self) -> i64 {
        self.inner.bitpix
    }

    /// Sizes in numpy's order.
    #[getter]
    fn shape(&self) -> Vec<u64> {
        self.inner.axes.iter().rev().copied().collect()
    }

    #[getter]
    fn at(&self) -> u64 {
        self.inner.at
    }

    #[getter]
    fn data_at(&self) -> u64 {
        self.inner.data_at
    }

    #[getter]
    fn data_len(&self) -> u64 {
        self.inner.data_len
    }

    #[getter]
    fn announced(&self) -> u64 {
        self.inner.announced
    }

    #[getter]
    fn heap(&self) -> u64 {
        self.inner.heap
    }

    #[getter]
    fn label(&self) -> String {
        self.inner.label(self.index)
    }

    fn __repr__(&self) -> String {
        format!("<{} {} {:?}>", self.label(), self.kind(), self.shape())
    }
}

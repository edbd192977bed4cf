//! An open file: its HDUs, headers, tables, tree and memory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use asdfits_core::asdf::AsdfFile;
use asdfits_core::fits::{self, Image, Table, header_hash};
use asdfits_core::{Error, Layout, Source};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::error::raise;
use crate::region::Region;
use crate::tree;
use crate::value::{fits_card, fits_value};

/// What is known of an open file; shared with the deferred parts of its tree.
pub struct Inner {
    pub path: PathBuf,
    pub source: Source,
    pub layout: Layout,
    /// The index of the ASDF HDU (none in a plain ASDF file), the place of the ASDF file, its content.
    pub asdf: Option<Embedded>,
    hash: OnceLock<(String, Vec<usize>)>,
}

/// The ASDF file within the file.
pub struct Embedded {
    pub hdu: Option<usize>,
    pub at: u64,
    pub length: u64,
    pub file: AsdfFile,
}

impl Inner {
    fn read(path: PathBuf, source: Source) -> Result<Self, (PathBuf, Option<String>, Error)> {
        let bytes = source.bytes();
        if bytes.starts_with(b"#ASDF") {
            let length = bytes.len() as u64;
            return match AsdfFile::parse(bytes, 0) {
                Ok(file) => {
                    let asdf = Some(Embedded {
                        hdu: None,
                        at: 0,
                        length,
                        file,
                    });
                    Ok(Self {
                        path,
                        source,
                        layout: Layout::default(),
                        asdf,
                        hash: OnceLock::new(),
                    })
                }
                Err(error) => Err((path, None, error)),
            };
        }
        let layout = match Layout::read(bytes) {
            Ok(layout) => layout,
            Err(error) => return Err((path, None, error)),
        };
        let asdf = match layout.asdf(bytes) {
            None => None,
            Some((hdu, range)) => {
                let slice = usize::try_from(range.start)
                    .ok()
                    .zip(usize::try_from(range.end).ok());
                let slice = slice
                    .and_then(|(from, to)| bytes.get(from..to))
                    .unwrap_or_default();
                match AsdfFile::parse(slice, range.start) {
                    Ok(file) => Some(Embedded {
                        hdu: Some(hdu),
                        at: range.start,
                        length: range.end.saturating_sub(range.start),
                        file,
                    }),
                    Err(error) => {
                        let place = layout.hdus.get(hdu).map(|h| name(hdu, h));
                        return Err((path, place, error));
                    }
                }
            }
        };
        Ok(Self {
            path,
            source,
            layout,
            asdf,
            hash: OnceLock::new(),
        })
    }

    /// The bytes of the ASDF file.
    pub fn asdf_bytes(&self) -> &[u8] {
        let Some(asdf) = &self.asdf else { return &[] };
        let end = asdf.at.saturating_add(asdf.length);
        let range = usize::try_from(asdf.at).ok().zip(usize::try_from(end).ok());
        range
            .and_then(|(from, to)| self.source.bytes().get(from..to))
            .unwrap_or_default()
    }

    /// The text of the tree.
    pub fn yaml(&self) -> &[u8] {
        let range = self.asdf.as_ref().map_or(0..0, |asdf| asdf.file.yaml());
        self.asdf_bytes().get(range).unwrap_or_default()
    }

    /// An exception that says in which HDU the fault lies.
    pub fn error(&self, error: &Error) -> PyErr {
        let holds = |hdu: &fits::Hdu| {
            error
                .at
                .is_some_and(|at| hdu.at <= at && hdu.end().is_none_or(|end| at < end))
        };
        let hdus = &self.layout.hdus;
        let place = hdus
            .iter()
            .position(holds)
            .and_then(|i| hdus.get(i).map(|hdu| name(i, hdu)));
        raise(error, &self.path, place.as_deref())
    }

    fn hdu(&self, index: usize) -> PyResult<&fits::Hdu> {
        self.layout.hdus.get(index).ok_or_else(|| {
            PyIndexError::new_err(format!(
                "there are {} HDUs, none is {index}",
                self.layout.hdus.len()
            ))
        })
    }
}

/// `HDU 3 (DQ,1)`: how messages name an HDU.
fn name(index: usize, hdu: &fits::Hdu) -> String {
    if hdu.name.is_empty() {
        format!("HDU {index}")
    } else {
        format!("HDU {index} ({},{})", hdu.name, hdu.version)
    }
}

/// An open FITS or ASDF file.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Product {
    inner: Arc<Inner>,
}

impl Product {
    fn from_source(
        py: Python<'_>,
        path: PathBuf,
        open: impl FnOnce(&Path) -> Result<Source, Error> + Send,
    ) -> PyResult<Self> {
        let read = py.detach(|| match open(&path) {
            Ok(source) => Inner::read(path, source),
            Err(error) => Err((path, None, error)),
        });
        let inner = read.map_err(|(path, place, error)| raise(&error, &path, place.as_deref()))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

#[pymethods]
impl Product {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::from_source(py, path, Source::open)
    }

    #[staticmethod]
    #[pyo3(signature = (data, name = "<bytes>"))]
    fn from_bytes(py: Python<'_>, data: Vec<u8>, name: &str) -> PyResult<Self> {
        Self::from_source(py, PathBuf::from(name), |_| Source::from_bytes(data))
    }

    #[getter]
    fn path(&self) -> String {
        self.inner.path.display().to_string()
    }

    #[getter]
    fn size(&self) -> u64 {
        self.inner.source.bytes().len() as u64
    }

    #[getter]
    fn is_fits(&self) -> bool {
        !self.inner.layout.hdus.is_empty()
    }

    /// Faults that did not keep the file from being read, each as a whole sentence.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        let path = self.inner.path.display();
        self.inner
            .layout
            .warnings
            .iter()
            .map(|warning| format!("{path}: {warning}"))
            .collect()
    }

    fn __len__(&self) -> usize {
        self.inner.layout.hdus.len()
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
            None => self.inner.layout.first(&name),
            Some(version) => self.inner.layout.versioned(&name, version),
        }
    }

    /// Whether an HDU other than ASDF is a binary table.
    #[getter]
    fn has_table(&self) -> bool {
        let is_table = |hdu: &fits::Hdu| hdu.kind == fits::Kind::BinTable && hdu.name != "ASDF";
        self.inner.layout.hdus.iter().any(is_table)
    }

    /// All cards of a header as `[keyword, value, comment]`.
    fn cards<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for card in self
            .inner
            .hdu(index)?
            .header(self.inner.source.bytes())
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
            .header(self.inner.source.bytes())
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
        let header = self.inner.hdu(index)?.header(self.inner.source.bytes());
        fits_value(py, &header.value(&keyword.to_ascii_uppercase()))
    }

    /// The texts of all cards with a commentary keyword, such as HISTORY.
    fn commentary(&self, index: usize, keyword: &str) -> PyResult<Vec<String>> {
        let header = self.inner.hdu(index)?.header(self.inner.source.bytes());
        Ok(header
            .commentary(keyword)
            .map(Cow::into_owned)
            .collect())
    }

    /// The raw bytes of a header, padding included.
    fn header_bytes<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            self.inner
                .hdu(index)?
                .header(self.inner.source.bytes())
                .bytes(),
        ))
    }

    /// (bitpix, shape, BSCALE, BZERO, BLANK) of an image HDU.
    fn image(&self, index: usize) -> PyResult<ImageFacts> {
        let hdu = self.inner.hdu(index)?;
        let image = Image::read(hdu, &hdu.header(self.inner.source.bytes()));
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
        let table = Table::read(hdu, &hdu.header(self.inner.source.bytes()))
            .map_err(|error| self.inner.error(&error))?;
        let columns = table.columns.into_iter().map(|c| {
            let fixed = (c.name, c.code, c.repeat, c.offset, c.width, c.dims);
            (fixed, c.unit, c.scale, c.zero, c.null)
        });
        Ok((table.row, table.rows, columns.collect()))
    }

    /// Writable memory over `length` bytes of the file.
    fn region(&self, at: u64, length: u64) -> PyResult<Region> {
        let region = self.inner.source.region(at, length).ok_or_else(|| {
            let size = self.size();
            self.inner.error(&Error::truncated(
                at,
                format!("{length} bytes are announced here, but the file has {size}"),
            ))
        })?;
        Ok(Region::new(region))
    }

    /// (hash of all headers but ASDF, HDUs whose bytes may differ from what a writer renders).
    fn header_hash(&self, py: Python<'_>) -> (String, Vec<usize>) {
        let inner = &self.inner;
        py.detach(|| {
            inner
                .hash
                .get_or_init(|| header_hash(inner.source.bytes(), &inner.layout.hdus))
                .clone()
        })
    }

    /// (HDU, place, length, bytes of YAML, blocks, standard) of the ASDF file; None where there is none.
    #[getter]
    fn asdf(&self) -> Option<AsdfFacts<'_>> {
        let asdf = self.inner.asdf.as_ref()?;
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
        PyBytes::new(py, self.inner.yaml())
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
        self.inner.layout.linked(source)
    }

    /// The distinct `fits:…` sources in the tree that name no HDU of the file.
    #[getter]
    fn missing_links(&self) -> Vec<String> {
        let mut missing = tree::links(&self.inner);
        missing.retain(|source| self.inner.layout.linked(source).is_none());
        missing
    }

    /// (at in the file, bytes stored, bytes unpacked, compression) of a binary block.
    fn block(&self, number: isize) -> PyResult<(u64, u64, u64, Vec<u8>)> {
        let asdf = self.inner.asdf.as_ref();
        let blocks = asdf.map_or(&[][..], |asdf| asdf.file.blocks());
        // -1 is the last block, the streamed one.
        let index = match usize::try_from(number) {
            Ok(index) => Some(index),
            Err(_) => blocks.len().checked_sub(number.unsigned_abs()),
        };
        let Some((asdf, block)) = asdf.zip(index.and_then(|index| blocks.get(index))) else {
            let message = format!(
                "the tree names binary block {number}, but there are {}",
                blocks.len()
            );
            return Err(self
                .inner
                .error(&Error::format(asdf.map_or(0, |asdf| asdf.at), message)));
        };
        let at = asdf.at.saturating_add(block.data_at as u64);
        Ok((
            at,
            block.data_len as u64,
            block.data_size,
            block.compression.to_vec(),
        ))
    }

    fn __repr__(&self) -> String {
        format!("<Product {:?}, {} HDUs>", self.path(), self.__len__())
    }
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
        name(self.index, &self.inner)
    }

    fn __repr__(&self) -> String {
        format!("<{} {} {:?}>", self.label(), self.kind(), self.shape())
    }
}

//! What a save needs: headers as text, their hash, and parts that become a file.

use std::path::PathBuf;
use std::sync::Arc;

use asdfits_core::Bytes;
use asdfits_core::fits::render::{self, Value};
use asdfits_core::fits::{self, Header};
use asdfits_core::save::{self, Edit, Options, Part};
use asdfits_core::swap::{Change, Width};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBool, PyBytes, PyComplex, PyFloat, PyInt, PyString, PyTuple};
use std::borrow::Cow;

use crate::error::raise;
use crate::opened::Inner;
use crate::product::Product;

/// The text of a header: one card after the other, then END and blanks up to a whole block.
#[pyfunction]
#[pyo3(signature = (cards, *, end = true))]
pub fn render_header<'py>(
    py: Python<'py>,
    cards: Vec<(PyBackedStr, Bound<'py, PyAny>, Option<PyBackedStr>)>,
    end: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(cards.len().saturating_mul(fits::CARD));
    for (keyword, value, comment) in &cards {
        add_card(&mut out, keyword, value, comment.as_deref())?;
    }
    if end {
        render::render_end(&mut out);
    }
    Ok(PyBytes::new(py, &out))
}

/// The records of one card.
#[pyfunction]
#[pyo3(signature = (keyword, value, comment = None))]
pub fn render_card<'py>(
    py: Python<'py>,
    keyword: PyBackedStr,
    value: Bound<'py, PyAny>,
    comment: Option<PyBackedStr>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    add_card(&mut out, &keyword, &value, comment.as_deref())?;
    Ok(PyBytes::new(py, &out))
}

fn add_card(
    out: &mut Vec<u8>,
    keyword: &str,
    value: &Bound<'_, PyAny>,
    comment: Option<&str>,
) -> PyResult<()> {
    // The text lives here while the card borrows it.
    let text;
    let value = if let Ok(string) = value.cast::<PyString>() {
        text = PyBackedStr::try_from(string.clone())?;
        Value::Text(Cow::Borrowed(&text))
    } else {
        card_value(keyword, value)?
    };
    render::render_card(out, keyword, &value, comment.unwrap_or_default())
        .map_err(|error| PyValueError::new_err(error.message))
}

/// The value of a card; numpy's scalars count as what they hold.
fn card_value(keyword: &str, value: &Bound<'_, PyAny>) -> PyResult<Value<'static>> {
    if value.is_none() {
        return Ok(Value::Undefined);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Logical(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return integer(value);
    }
    let text = |number: &Bound<'_, PyAny>| Ok::<_, PyErr>(Cow::Owned(number.str()?.to_string()));
    let class = value.get_type();
    if class.is(value.py().get_type::<PyFloat>()) {
        return Ok(Value::real(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Value::Real(text(value)?));
    }
    if let Ok(number) = value.cast_exact::<PyComplex>() {
        return Ok(Value::complex(number.real(), number.imag()));
    }
    if class.module()? == "numpy" && !value.hasattr("__len__")? {
        // The text of a numpy scalar has the digits of its precision: 0.1 for float32's 0.1.
        match value.getattr("dtype")?.getattr("kind")?.extract::<char>()? {
            'b' => return Ok(Value::Logical(value.is_truthy()?)),
            'i' | 'u' => return integer(&value.call_method0("__index__")?),
            'f' => return Ok(Value::Real(text(value)?)),
            'c' => {
                let (real, imaginary) = (value.getattr("real")?, value.getattr("imag")?);
                return Ok(Value::Complex(text(&real)?, text(&imaginary)?));
            }
            _ => {}
        }
    }
    Err(PyValueError::new_err(format!(
        "{keyword} = {} cannot be a card of a FITS header: a value is a text, a number, a truth value \
         or None, not {}",
        value.repr()?,
        class.qualname()?
    )))
}

fn integer(value: &Bound<'_, PyAny>) -> PyResult<Value<'static>> {
    let digits = match value.extract::<i64>() {
        Ok(number) => number.to_string(),
        // Also an enumeration of integers is rendered by its number.
        Err(_) => value
            .py()
            .get_type::<PyInt>()
            .call1((value,))?
            .str()?
            .to_string(),
    };
    Ok(Value::Integer(Cow::Owned(digits)))
}

/// (keyword, start, end) of every card before END, CONTINUE records with the card they continue.
#[pyfunction]
pub fn header_cards(header: &[u8]) -> Vec<(String, u64, u64)> {
    let cards = Header::from_bytes(header, 0);
    cards
        .cards()
        .map(|card| {
            let length = card.records.saturating_mul(fits::CARD) as u64;
            let end = card.at.saturating_add(length);
            (card.keyword.to_ascii_uppercase(), card.at, end)
        })
        .collect()
}

/// Bytes in memory, or bytes of an open file.
#[derive(FromPyObject)]
pub enum Piece<'py> {
    Bytes(Bound<'py, PyBytes>),
    File((Py<Product>, u64, u64)),
}

/// The SHA-256 over the pieces, one after the other, as a header hash has it.
#[pyfunction]
pub fn sha256_headers(py: Python<'_>, parts: Vec<Piece<'_>>) -> PyResult<String> {
    let pieces = parts.iter().map(|part| match part {
        Piece::Bytes(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        Piece::File((product, at, length)) => product.get().inner().bytes(py, *at, *length),
    });
    let pieces = pieces.collect::<PyResult<Vec<_>>>()?;
    Ok(fits::sha256(pieces.iter().map(|piece| &**piece)))
}

/// A part as Python holds it.
enum Held {
    Bytes(PyUntypedBuffer),
    Change(PyUntypedBuffer, Change),
    Copy(Arc<Inner>, u64, u64),
    Zeros(u64),
    Pad(u8),
}

impl Held {
    fn read(part: &Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(tuple) = part.cast::<PyTuple>() else {
            return Ok(Self::Bytes(buffer(part)?));
        };
        let what: PyBackedStr = tuple.get_item(0)?.extract()?;
        match &*what {
            "swap" => {
                let (_, data, width, sign): (PyBackedStr, Bound<'_, PyAny>, usize, bool) =
                    tuple.extract()?;
                Self::change(&data, width, true, sign)
            }
            "sign" => {
                let (_, data, width): (PyBackedStr, Bound<'_, PyAny>, usize) = tuple.extract()?;
                Self::change(&data, width, false, true)
            }
            "copy" => {
                let (_, product, at, length): (PyBackedStr, Bound<'_, Product>, u64, u64) =
                    tuple.extract()?;
                Ok(Self::Copy(Arc::clone(product.get().inner()), at, length))
            }
            "zeros" => Ok(Self::Zeros(tuple.get_item(1)?.extract()?)),
            "pad" => Ok(Self::Pad(tuple.get_item(1)?.extract()?)),
            other => Err(PyValueError::new_err(format!(
                "no part is called `{other}`"
            ))),
        }
    }

    fn change(data: &Bound<'_, PyAny>, width: usize, swap: bool, sign: bool) -> PyResult<Self> {
        let width = Width::new(width).map_err(|error| PyValueError::new_err(error.message))?;
        Ok(Self::Change(buffer(data)?, Change { width, swap, sign }))
    }

    fn part(&self) -> Part<'_> {
        match self {
            Self::Bytes(buffer) => Part::Bytes(bytes(buffer)),
            Self::Change(buffer, change) => Part::Change(bytes(buffer), *change),
            Self::Copy(inner, at, length) => Part::Copy {
                source: &inner.product.source,
                name: &inner.path,
                at: *at,
                length: *length,
            },
            Self::Zeros(length) => Part::Zeros(*length),
            Self::Pad(byte) => Part::Pad(*byte),
        }
    }
}

fn buffer(object: &Bound<'_, PyAny>) -> PyResult<PyUntypedBuffer> {
    let buffer = PyUntypedBuffer::get(object)?;
    if !buffer.is_c_contiguous() {
        return Err(PyTypeError::new_err(
            "a part needs contiguous memory in C order",
        ));
    }
    Ok(buffer)
}

/// The memory of a buffer.
#[allow(unsafe_code)]
fn bytes(buffer: &PyUntypedBuffer) -> &[u8] {
    if buffer.len_bytes() == 0 {
        return &[];
    }
    // SAFETY: the exporter keeps the memory where it is, `len_bytes` long, until the buffer is released,
    // and the slice borrows the buffer; `buffer` has refused memory that is not contiguous. That nobody
    // writes to it meanwhile is asked of the caller, as numpy asks it of two threads that share an
    // array; the bytes are only copied, so such a writer would get torn numbers into the file.
    unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) }
}

/// The sum of a part as FITS takes it, added to that of the parts before it.
#[pyfunction]
#[pyo3(signature = (part, start = 0))]
pub fn checksum(py: Python<'_>, part: &Bound<'_, PyAny>, start: u32) -> PyResult<u32> {
    let held = Held::read(part)?;
    py.detach(|| held.part().checksum(start))
        .map_err(|error| PyValueError::new_err(error.message))
}

/// The sum of bytes of an open file.
#[pyfunction]
pub fn datasum(
    py: Python<'_>,
    product: &Bound<'_, Product>,
    at: u64,
    length: u64,
) -> PyResult<u32> {
    let inner = product.get().inner();
    let size = inner.product.source.size();
    if at.checked_add(length).is_none_or(|end| end > size) {
        inner.bytes(py, at, length)?;
    }
    let part = Part::Copy {
        source: &inner.product.source,
        name: &inner.path,
        at,
        length,
    };
    py.detach(|| part.checksum(0))
        .map_err(|error| inner.error(&error))
}

/// A sum as the letters of CHECKSUM.
#[pyfunction]
#[pyo3(signature = (sum, complement = true))]
pub fn checksum_text(sum: u32, complement: bool) -> String {
    fits::checksum::letters(sum, complement)
}

/// Overwrites some bytes of a file in place, all of them or none.
#[pyfunction]
#[pyo3(signature = (path, edits, length = None, *, fsync = true, product = None))]
pub fn edit_file(
    py: Python<'_>,
    path: PathBuf,
    edits: Vec<(u64, PyBackedBytes)>,
    length: Option<u64>,
    fsync: bool,
    product: Option<&Bound<'_, Product>>,
) -> PyResult<()> {
    let held = product.map(|product| product.get().inner().product.source.lock());
    py.detach(|| {
        let edits: Vec<Edit<'_>> = edits
            .iter()
            .map(|(at, bytes)| Edit { at: *at, bytes })
            .collect();
        save::edit(&path, &edits, length, fsync, held.flatten())
    })
    .map_err(|error| raise(&error, &path))
}

/// Puts the old bytes back if an edit of the file was cut off; true if there were any to put back.
#[pyfunction]
pub fn recover_file(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
    py.detach(|| save::recover(&path))
        .map_err(|error| raise(&error, &path))
}

/// Writes a file from its parts, all of it or nothing; returns its length.
#[pyfunction]
#[pyo3(signature = (path, parts, *, fsync = true, mode = None))]
pub fn write_file(
    py: Python<'_>,
    path: PathBuf,
    parts: Vec<Bound<'_, PyAny>>,
    fsync: bool,
    mode: Option<u32>,
) -> PyResult<u64> {
    let held: Vec<Held> = parts.iter().map(Held::read).collect::<PyResult<_>>()?;
    let options = Options { sync: fsync, mode };
    py.detach(|| {
        let parts: Vec<Part<'_>> = held.iter().map(Held::part).collect();
        save::write(&path, &parts, options)
    })
    .map_err(|error| raise(&error, &path))
}

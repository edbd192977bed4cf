//! Arrays of numpy in native numbers, and what is said of their pixels.

use std::ops::Range;

use asdfits_core::native::{self, Field, Kind, Layout, Mask, Number, Scaled, Stored};
use asdfits_core::swap::{Change, Width};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyTuple;

use crate::region::Region;

/// How a number is read, as Python says it.
pub struct Read(Kind);

impl<'py> FromPyObject<'_, 'py> for Read {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let tuple = object.cast::<PyTuple>()?;
        let what: PyBackedStr = tuple.get_item(0)?.extract()?;
        Ok(Self(match &*what {
            "bits" => {
                let (_, width, swap, sign): (PyBackedStr, usize, bool, bool) = tuple.extract()?;
                let width =
                    Width::new(width).map_err(|error| PyValueError::new_err(error.message))?;
                Kind::Bits(Change { width, swap, sign })
            }
            "scaled" => {
                let (_, bitpix, scale, zero, blank): (PyBackedStr, i64, f64, f64, Option<i64>) =
                    tuple.extract()?;
                let stored = Stored::new(bitpix)
                    .ok_or_else(|| PyValueError::new_err(format!("no BITPIX is {bitpix}")))?;
                Kind::Scaled(Scaled {
                    stored,
                    scale,
                    zero,
                    blank,
                })
            }
            // With the width, as in `bits`.
            "logical" => Kind::Logical,
            other => {
                return Err(PyValueError::new_err(format!(
                    "no number is read as `{other}`"
                )));
            }
        }))
    }
}

/// The memory of an array, and where in it the first element lies.
struct Held {
    buffer: PyUntypedBuffer,
    address: usize,
    start: usize,
    length: usize,
}

impl Held {
    fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(array)?;
        let first = buffer.buf_ptr().addr();
        let reach = || {
            let (mut before, mut after) = (0_usize, buffer.item_size());
            for (count, stride) in buffer.shape().iter().zip(buffer.strides()) {
                let steps = count.checked_sub(1)?;
                let reach = steps.checked_mul(stride.unsigned_abs())?;
                let side = if *stride < 0 { &mut before } else { &mut after };
                *side = side.checked_add(reach)?;
            }
            Some((before, before.checked_add(after)?))
        };
        // None where an axis has no elements: then there are no bytes.
        let (start, length) = reach().unwrap_or_default();
        Ok(Self {
            address: first.wrapping_sub(start),
            start,
            length,
            buffer,
        })
    }

    fn range(&self) -> Range<usize> {
        self.address..self.address.saturating_add(self.length)
    }

    fn layout(&self, fields: Vec<Field>, size: usize) -> PyResult<Layout> {
        let (shape, strides) = (self.buffer.shape(), self.buffer.strides());
        Layout::new(self.length, self.start, shape, strides, fields, size)
            .map_err(|error| PyValueError::new_err(error.message))
    }

    #[allow(unsafe_code)]
    fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the exporter keeps all elements where they are until the buffer is released, and the slice
        // borrows the buffer. From the lowest element to the end of the highest it is one allocation, or
        // one map. That nobody writes to it meanwhile is asked of the caller, as numpy asks it of two
        // threads that share an array; the bytes are only copied and compared, so such a writer would get
        // torn numbers, as from numpy itself.
        unsafe {
            let first = self.buffer.buf_ptr().cast::<u8>().sub(self.start);
            std::slice::from_raw_parts(first, self.length)
        }
    }

    /// The memory to write to: nothing else in this call may be a slice of it.
    #[allow(unsafe_code)]
    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: as for `bytes`; `convert` has seen that the buffer is writable, without gaps, and apart from
        // the memory that is read. That nobody else reads it meanwhile is asked of the caller.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.buf_ptr().cast::<u8>(), self.length) }
    }
}

/// Writes the values of the numbers of `source` to `target`.
#[pyfunction]
#[pyo3(signature = (source, target, fields, region = None))]
pub fn convert(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    fields: Vec<(usize, usize, usize, Read)>,
    region: Option<&Bound<'_, Region>>,
) -> PyResult<()> {
    let from = Held::new(source)?;
    let mut to = Held::new(target)?;
    let fields = fields
        .into_iter()
        .map(|(from, to, count, Read(kind))| Field {
            from,
            to,
            count,
            kind,
        });
    let layout = from.layout(fields.collect(), to.buffer.item_size())?;
    if to.buffer.readonly() || !to.buffer.is_c_contiguous() {
        return Err(PyValueError::new_err(
            "the memory to write to is read-only or has gaps",
        ));
    }
    if to.buffer.item_count() != layout.len() {
        return Err(PyValueError::new_err(format!(
            "{} elements do not fit into {}",
            layout.len(),
            to.buffer.item_count()
        )));
    }
    let (reads, writes) = (from.range(), to.range());
    if !reads.is_empty() && reads.start < writes.end && writes.start < reads.end {
        return Err(PyValueError::new_err("the memory to write to is also read"));
    }
    let region = region.map(|region| region.get().inner());
    let release = |range: Range<usize>| {
        if let Some(region) = region {
            let place = |at: usize| reads.start.saturating_add(at);
            region.release(place(range.start), place(range.end), layout.is_backwards());
        }
    };
    py.detach(|| native::read(&layout, from.bytes(), to.bytes_mut(), &release));
    Ok(())
}

/// Count, mean, least and greatest of the numbers of `source` that are not masked, and percentiles.
#[pyfunction]
#[pyo3(signature = (source, read, number, mask, percentiles, region = None))]
pub fn reduce(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    read: Read,
    number: &str,
    mask: Option<(Bound<'_, PyAny>, Read, u64)>,
    percentiles: Vec<f64>,
    region: Option<&Bound<'_, Region>>,
) -> PyResult<(u64, f64, f64, f64, Vec<f64>)> {
    let number = match number {
        "u1" => Number::U8,
        "i1" => Number::I8,
        "u2" => Number::U16,
        "i2" => Number::I16,
        "u4" => Number::U32,
        "i4" => Number::I32,
        "u8" => Number::U64,
        "i8" => Number::I64,
        "f4" => Number::F32,
        "f8" => Number::F64,
        other => {
            return Err(PyValueError::new_err(format!(
                "`{other}` is no type of number"
            )));
        }
    };
    let one = |kind: Kind| {
        let (from, to, count) = (0, 0, 1);
        let field = Field {
            from,
            to,
            count,
            kind,
        };
        (vec![field], kind.value())
    };
    let from = Held::new(source)?;
    let (fields, size) = one(read.0);
    if size != number.bytes() {
        return Err(PyValueError::new_err("the numbers are read as others"));
    }
    let layout = from.layout(fields, size)?;
    let mask = mask.map(|(array, Read(kind), bits)| {
        let held = Held::new(&array)?;
        let (fields, size) = one(kind);
        let layout = held.layout(fields, size)?;
        PyResult::Ok((held, layout, bits))
    });
    let mask = mask.transpose()?;
    if mask
        .as_ref()
        .is_some_and(|(_, mask, _)| mask.len() != layout.len())
    {
        return Err(PyValueError::new_err(
            "the flags are not as many as the numbers",
        ));
    }
    let region = region.map(|region| region.get().inner());
    let stats = py.detach(|| {
        let mask = mask.as_ref().map(|(held, layout, bits)| Mask {
            layout,
            from: held.bytes(),
            bits: *bits,
        });
        let stats = native::reduce(number, &layout, from.bytes(), mask, &percentiles);
        if let Some(region) = region {
            // To both sides, so that no page is left.
            region.release(0, usize::MAX, false);
            region.release(0, usize::MAX, true);
        }
        stats
    });
    Ok((
        stats.count,
        stats.mean,
        stats.min,
        stats.max,
        stats.percentiles,
    ))
}

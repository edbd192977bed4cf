//! A file that is far away: what was fetched of it, and a reader in Python for the rest.

use std::sync::{Arc, Mutex, PoisonError};

use asdfits_core::far::{self, Far, Fetch};
use asdfits_core::survey;
use asdfits_core::{Error, ErrorKind, Source};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;

/// Bytes that were fetched of a file.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Stretches {
    inner: Mutex<far::Stretches>,
}

/// (name, version, start of the header, start of the data, end with padding, bytes of data)
type HduRow = (String, i64, u64, u64, Option<u64>, u64);

/// HDUs so far, place and length of the ASDF file, place and length of what is wanted next
type Survey = (Vec<HduRow>, Option<(u64, u64)>, Option<(u64, u64)>);

impl Stretches {
    /// A copy of what is held.
    pub fn held(&self) -> far::Stretches {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, far::Stretches> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Stretches {
    #[new]
    fn new(size: u64) -> Self {
        Self {
            inner: Mutex::new(far::Stretches::new(size)),
        }
    }

    /// Takes bytes; those that are there already stay.
    fn add(&self, at: u64, bytes: &[u8]) {
        self.lock().add(at, bytes);
    }

    /// Says how far the bytes go.
    fn survey(&self, py: Python<'_>, with_blocks: bool) -> Survey {
        let survey = py.detach(|| survey::survey(&self.lock(), with_blocks));
        let hdus = survey.layout.hdus.into_iter().map(|hdu| {
            let end = hdu.end();
            (
                hdu.name,
                hdu.version,
                hdu.at,
                hdu.data_at,
                end,
                hdu.announced,
            )
        });
        (hdus.collect(), survey.asdf, survey.wanted)
    }
}

/// An exception on its way through the core, which has no word for it.
pub type Raised = Arc<Mutex<Option<PyErr>>>;

/// A source of which `at_hand` is here; `reader.read(at, length)` gives the rest.
pub fn source(at_hand: far::Stretches, reader: Py<PyAny>, raised: Raised) -> Source {
    Source::Far(Far::new(at_hand, Box::new(Reader { reader, raised })))
}

struct Reader {
    reader: Py<PyAny>,
    raised: Raised,
}

impl Fetch for Reader {
    fn fetch(&self, at: u64, into: &mut [u8]) -> Result<usize, Error> {
        Python::attach(|py| {
            let mut read = || {
                let found = self.reader.call_method1(py, "read", (at, into.len()))?;
                let found = PyBuffer::<u8>::get(found.bind(py))?;
                let Some(part) = into.get_mut(..found.item_count()) else {
                    return Err(PyBufferError::new_err(
                        "more bytes came than were asked for",
                    ));
                };
                found.copy_to_slice(py, part)?;
                Ok(part.len())
            };
            read().map_err(|error| self.error(py, error))
        })
    }
}

impl Reader {
    fn error(&self, py: Python<'_>, error: PyErr) -> Error {
        let value = error.value(py);
        let errno = value
            .getattr("errno")
            .ok()
            .and_then(|number| number.extract().ok());
        let text = value.getattr("strerror").ok();
        let text = text.and_then(|text| text.extract::<String>().ok());
        let message = text.unwrap_or_else(|| error.to_string());
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Error {
            kind: ErrorKind::Io(std::io::ErrorKind::Other),
            at: None,
            hdu: None,
            errno,
            message,
        }
    }
}

//! Memory for numpy: the buffer protocol over a region of a file.

use std::ffi::c_int;

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes of a file as a buffer: writes stay in this process, or there are none.
#[pyclass(frozen, module = "asdfits._core")]
pub struct Region {
    inner: asdfits_core::Region,
}

impl Region {
    /// Wraps memory that the core handed out.
    pub fn new(inner: asdfits_core::Region) -> Self {
        Self { inner }
    }

    /// The memory itself.
    pub fn inner(&self) -> &asdfits_core::Region {
        &self.inner
    }
}

#[pymethods]
impl Region {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    // SAFETY: only CPython calls the slot, with a `view` of its own that is valid for the call.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let region = &slf.get().inner;
        let length = ffi::Py_ssize_t::try_from(region.len())
            .map_err(|_| PyBufferError::new_err("the region is too long for a buffer"))?;
        // SAFETY: `view` comes from CPython and is valid for this call. The address is valid for `length`
        // bytes while the Region lives, for writes too unless the buffer is made read-only; it takes a
        // reference to `slf`, so the Region lives until the last array over it is gone.
        let status = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                region.address().cast(),
                length,
                c_int::from(region.read_only()),
                flags,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }

    #[allow(
        unsafe_code,
        clippy::unused_self,
        reason = "the slot is what makes the class a buffer"
    )]
    // SAFETY: nothing is released here; CPython drops the reference that keeps the Region alive.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {}
}

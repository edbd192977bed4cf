//! Rust errors as Python exceptions: one place, Python's own exception where it has the word.

use std::path::Path;

use asdfits_core::{Error, ErrorKind};
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    asdfits,
    FormatError,
    PyValueError,
    "The bytes of a file break the FITS or ASDF standard."
);
create_exception!(
    asdfits,
    UnsupportedError,
    FormatError,
    "The file is legal, but asdfits does not read this part of it."
);

/// An exception that names the path, the place and the fault.
pub fn raise(error: &Error, path: &Path) -> PyErr {
    let path = path.display();
    if let ErrorKind::Io(_) = error.kind {
        // OSError picks its subclass, FileNotFoundError and its kin, from errno.
        return match error.errno {
            Some(errno) => PyOSError::new_err((errno, error.message.clone(), path.to_string())),
            None => PyOSError::new_err(format!("{path}: {}", error.message)),
        };
    }
    let message = format!("{path}: {error}");
    match error.kind {
        ErrorKind::Unsupported => UnsupportedError::new_err(message),
        _ => FormatError::new_err(message),
    }
}

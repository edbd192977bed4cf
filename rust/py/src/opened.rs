//! An open file as the other rooms share it: what was read, and the path that errors name.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::PoisonError;

use asdfits_core::asdf::{Block, Tape};
use asdfits_core::{Bytes, Error, ErrorKind, Product, fits};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::error::raise;
use crate::far::Raised;

/// An open file; shared with the deferred parts of its tree.
pub struct Inner {
    pub path: PathBuf,
    pub product: Product,
    /// What the reader of a file that is far away raised last.
    pub raised: Raised,
}

impl Inner {
    /// An exception that names the path and the HDU in which the fault lies.
    pub fn error(&self, error: &Error) -> PyErr {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(raised), ErrorKind::Io(_)) = (raised.take(), error.kind) {
            return raised;
        }
        raise(&self.product.located(error.clone()), &self.path)
    }

    /// The nodes of the tree.
    pub fn tape(&self) -> Option<&Tape> {
        self.product.asdf.as_ref().map(|asdf| asdf.file.tape())
    }

    /// The text of the tree.
    pub fn yaml(&self) -> &[u8] {
        self.product.yaml()
    }

    /// `length` bytes of the file from `at`; they may have to be fetched.
    pub fn bytes(&self, py: Python<'_>, at: u64, length: u64) -> PyResult<Cow<'_, [u8]>> {
        let source = &self.product.source;
        let bytes = py
            .detach(|| source.read(at, length))
            .map_err(|error| self.error(&error))?;
        bytes.ok_or_else(|| {
            let size = source.size();
            let message = format!("{length} bytes are asked for, but the file has {size}");
            self.error(&Error::truncated(at, message))
        })
    }

    /// A binary block and the place of the ASDF file that holds it; -1 is the last block.
    pub fn block(&self, number: isize) -> PyResult<(u64, &Block)> {
        self.product
            .block(number)
            .map_err(|error| self.error(&error))
    }

    /// An HDU by its number.
    pub fn hdu(&self, index: usize) -> PyResult<&fits::Hdu> {
        let hdus = &self.product.layout.hdus;
        hdus.get(index).ok_or_else(|| {
            let message = format!("there are {} HDUs, none is {index}", hdus.len());
            PyIndexError::new_err(message)
        })
    }
}

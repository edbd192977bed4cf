//! An open file as the other rooms share it: what was read, and the path that errors name.

use std::path::PathBuf;

use asdfits_core::asdf::{Block, Tape};
use asdfits_core::{Error, Product, fits};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::error::raise;

/// An open file; shared with the deferred parts of its tree.
pub struct Inner {
    pub path: PathBuf,
    pub product: Product,
}

impl Inner {
    /// An exception that names the path and the HDU in which the fault lies.
    pub fn error(&self, error: &Error) -> PyErr {
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

    /// `length` bytes of the file from `at`.
    pub fn bytes(&self, at: u64, length: u64) -> PyResult<&[u8]> {
        let source = &self.product.source;
        source.get(at, length).ok_or_else(|| {
            let size = source.bytes().len();
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

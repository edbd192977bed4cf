//! The Python module `asdfits._core`: plain values and buffers across, and nothing else.
//!
//! [`Product`] is an open file, [`Region`] is memory for numpy, [`Deferred`] is a part of the tree
//! that Python converts when it is touched. Signatures and docs stand in `python/asdfits/_core.pyi`.

// pyo3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod emit;
mod error;
mod far;
mod native;
mod opened;
mod overlay;
mod product;
mod region;
mod save;
mod scan;
mod tree;
mod value;
mod yaml;

use pyo3::prelude::*;

pub use far::Stretches;
pub use overlay::Rows;
pub use product::{Hdu, Product};
pub use region::Region;
pub use tree::{Deferred, Numbers};

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::emit::emit;
    #[pymodule_export]
    use super::error::{FormatError, UnsupportedError};
    #[pymodule_export]
    use super::native::{convert, reduce};
    #[pymodule_export]
    use super::save::{
        checksum, checksum_text, datasum, edit_file, header_cards, recover_file, render_card,
        render_header, sha256_headers, write_file,
    };
    #[pymodule_export]
    use super::scan::Scanner;
    #[pymodule_export]
    use super::yaml::{yaml_events, yaml_plain};
    #[pymodule_export]
    use super::{Deferred, Hdu, Numbers, Product, Region, Rows, Stretches};
}

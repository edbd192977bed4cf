//! asdfits-core: the bytes of a JWST product.
//!
//! ```text
//! PRIMARY   header                     keywords of the whole product
//! SCI, 1    header | image             zero-copy: [`source::Source::region`]
//! DQ, 1     header | image
//! …
//! ASDF      header | one cell of bytes, itself a file:
//!             #ASDF 1.0.0              [`asdf::AsdfFile`]
//!             %YAML 1.1 … tree …       [`asdf::Tape`]
//!             blocks                   [`asdf::Block`]
//! ```
//!
//! [`fits`] and [`asdf`] do not know each other; [`layout`] finds the HDUs and, among them, the place
//! of the ASDF file; [`product`] holds both; [`native`] reads numbers; [`save`] writes files. Every position is a count of bytes
//! from the start of the file, named `at`.
//! Nothing here panics, recurses without a cap, or allocates what a header merely claims.

pub mod asdf;
pub mod bytes;
mod disk;
pub mod error;
pub mod far;
pub mod fits;
pub mod layout;
pub mod memory;
pub mod native;
pub mod overlay;
pub mod parallel;
pub mod product;
pub mod save;
pub mod scan;
mod simd;
pub mod source;
pub mod survey;
pub mod swap;

pub use bytes::Bytes;
pub use error::{Error, ErrorKind, Result};
pub use layout::Layout;
pub use product::Product;
pub use source::{Region, Source};

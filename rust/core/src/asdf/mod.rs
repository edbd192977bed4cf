//! ASDF: the file, its YAML tree as a tape, its binary blocks.
//!
//! [`AsdfFile::parse`] finds the parts; [`Tape`] is the tree; [`Scalar`] what a leaf means; [`Block`] and
//! [`decompress`] the binary data. The text of the tree is read by a fast tier that knows what ASDF writers
//! emit, and by a strict tier that decides everything else exactly as libyaml does.

mod block;
mod build;
mod compress;
mod emit;
mod fast;
mod file;
mod numbers;
mod parse;
mod scalar;
mod strict;
mod tag;
mod tape;

pub(crate) use block::read_blocks;
pub use block::{Block, MAGIC};
pub use compress::{Compression, decompress};
pub use emit::{Anchor, Document, Host, Link, TagId};
pub use file::AsdfFile;
pub use numbers::{NumberKind, Numbers};
pub use scalar::{BigInt, Date, DateTime, Scalar};
pub use tape::{Kind, MAX_DEPTH, NodeId, Style, Tape};

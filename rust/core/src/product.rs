//! An open product: the layout of the FITS file and, within it, the ASDF file.

use std::sync::OnceLock;

use crate::asdf::{AsdfFile, Block};
use crate::fits::{Compressed, Hdu, header_hash};
use crate::{Error, Layout, Region, Result, Source};

/// A FITS or ASDF file whose structure and tree have been read; its data have not.
#[derive(Debug)]
pub struct Product {
    /// The bytes.
    pub source: Source,
    /// The HDUs; none in a plain ASDF file.
    pub layout: Layout,
    /// The ASDF file within, or the whole of a plain one.
    pub asdf: Option<Embedded>,
    hash: OnceLock<(String, Vec<usize>)>,
}

/// An ASDF file and its place.
#[derive(Debug)]
pub struct Embedded {
    /// The HDU that holds it; `None` for a plain ASDF file.
    pub hdu: Option<usize>,
    /// Where it starts.
    pub at: u64,
    /// Its bytes, padding included.
    pub length: u64,
    /// Its content.
    pub file: AsdfFile,
}

/// A tree from this size on is parsed beside the hashing of the headers, on another core.
const LARGE: u64 = 1 << 18;

impl Product {
    /// Reads the structure of a file and its tree.
    pub fn read(source: Source) -> Result<Self> {
        let bytes = source.bytes();
        if bytes.starts_with(b"#ASDF") {
            let file = AsdfFile::parse(bytes, 0)?;
            let asdf = Embedded {
                hdu: None,
                at: 0,
                length: bytes.len() as u64,
                file,
            };
            return Ok(Self {
                source,
                layout: Layout::default(),
                asdf: Some(asdf),
                hash: OnceLock::new(),
            });
        }
        let layout = Layout::read(bytes)?;
        let hash = OnceLock::new();
        let mut asdf = None;
        if let Some((hdu, range)) = layout.asdf(bytes) {
            let length = range.end.saturating_sub(range.start);
            let parse = || AsdfFile::parse(slice(bytes, range.start, length), range.start);
            let file = if length < LARGE {
                parse()
            } else {
                std::thread::scope(|scope| {
                    scope.spawn(|| hash.set(header_hash(bytes, &layout.hdus)));
                    parse()
                })
            };
            let file = file.map_err(|error| located(error, &layout.hdus))?;
            asdf = Some(Embedded {
                hdu: Some(hdu),
                at: range.start,
                length,
                file,
            });
        }
        Ok(Self {
            source,
            layout,
            asdf,
            hash,
        })
    }

    /// The bytes of the ASDF file.
    pub fn asdf_bytes(&self) -> &[u8] {
        self.asdf
            .as_ref()
            .map_or(&[], |asdf| slice(self.source.bytes(), asdf.at, asdf.length))
    }

    /// The text of the tree.
    pub fn yaml(&self) -> &[u8] {
        let range = self.asdf.as_ref().map_or(0..0, |asdf| asdf.file.yaml());
        self.asdf_bytes().get(range).unwrap_or_default()
    }

    /// The hash of all headers but ASDF, and the HDUs with cards that need repair; computed once.
    pub fn header_hash(&self) -> &(String, Vec<usize>) {
        self.hash
            .get_or_init(|| header_hash(self.source.bytes(), &self.layout.hdus))
    }

    /// A binary block and the place of the ASDF file that holds it; -1 is the last block.
    pub fn block(&self, number: isize) -> Result<(u64, &Block)> {
        let (at, blocks) = match &self.asdf {
            None => (0, &[][..]),
            Some(asdf) => (asdf.at, asdf.file.blocks()),
        };
        let index = match usize::try_from(number) {
            Ok(index) => Some(index),
            Err(_) => blocks.len().checked_sub(number.unsigned_abs()),
        };
        let block = index.and_then(|index| blocks.get(index)).ok_or_else(|| {
            let count = blocks.len();
            let message = format!("the tree names binary block {number}, but there are {count}");
            Error::format(at, message)
        })?;
        Ok((at, block))
    }

    /// The pixels of a compressed image, in native byte order; see [`Compressed::decode`].
    pub fn decompress(&self, hdu: &Hdu, flip: bool) -> Result<Region> {
        let bytes = self.source.bytes();
        let image = Compressed::read(hdu, &hdu.header(bytes))?;
        Ok(image.decode(bytes, hdu, flip)?.into_region())
    }

    /// The error with the name of the HDU in which its byte lies.
    pub fn located(&self, error: Error) -> Error {
        located(error, &self.layout.hdus)
    }
}

fn located(mut error: Error, hdus: &[Hdu]) -> Error {
    let holds = |hdu: &Hdu| {
        error
            .at
            .is_some_and(|at| hdu.at <= at && hdu.end().is_none_or(|end| at < end))
    };
    if error.hdu.is_none()
        && let Some(index) = hdus.iter().position(holds)
    {
        error.hdu = hdus.get(index).map(|hdu| hdu.label(index));
    }
    error
}

/// The part of `bytes` that a place and a length name; empty where it does not lie within.
fn slice(bytes: &[u8], at: u64, length: u64) -> &[u8] {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    bytes.get(start..end).unwrap_or_default()
}

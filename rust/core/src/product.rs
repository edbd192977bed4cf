//! An open product: the layout of the FITS file and, within it, the ASDF file.

use std::sync::OnceLock;

use crate::asdf::{AsdfFile, Block};
use crate::bytes::{Bytes, Load};
use crate::fits::{Compressed, Hdu, header_hash};
use crate::{Error, Layout, Region, Result, Source};

/// A FITS or ASDF file whose structure and tree have been read; its data have not.
#[derive(Debug)]
pub struct Product<S = Source> {
    /// The bytes.
    pub source: S,
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

/// How much of an ASDF file is read at first where its tree alone is wanted.
const START: u64 = 64 << 10;

impl Product {
    /// Reads the structure of a file and its tree.
    pub fn read(source: Source) -> Result<Self> {
        let bytes = source.bytes();
        if bytes.starts_with(b"#ASDF") {
            let length = bytes.len() as u64;
            let asdf = Embedded::new(None, 0, length, AsdfFile::parse(bytes, 0)?);
            return Ok(Self::new(source, Layout::default(), Some(asdf)));
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
            asdf = Some(Embedded::new(Some(hdu), range.start, length, file));
        }
        Ok(Self {
            hash,
            ..Self::new(source, layout, asdf)
        })
    }

    /// The pixels of a compressed image, in native byte order; see [`Compressed::decode`].
    pub fn decompress(&self, hdu: &Hdu, flip: bool) -> Result<Region> {
        let bytes = self.source.bytes();
        let image = Compressed::read(hdu, &hdu.header(bytes))?;
        Ok(image.decode(bytes, hdu, flip)?.into_region())
    }
}

impl<S: Load> Product<S> {
    /// Reads the structure of a file and, `with_tree`, its tree, but no binary blocks, nor what
    /// tagged parts of the tree hold; nothing else of it is
    /// asked for. A plain ASDF file has nothing but its tree.
    ///
    /// A tree that cannot be read is an error beside the product, whose headers may still be.
    pub fn read_partly(mut source: S, with_tree: bool) -> Result<(Self, Option<Error>)> {
        source.load_range(0, 5)?;
        let is_asdf = source.tail(0).starts_with(b"#ASDF");
        let layout = if is_asdf {
            Layout::default()
        } else {
            Layout::walk(&mut source)?
        };
        let place = if is_asdf {
            Some((None, 0..source.size()))
        } else if let Some(facts) = layout
            .first("ASDF")
            .and_then(|n| layout.hdus.get(n))
            .filter(|_| with_tree)
        {
            source.load_range(facts.data_at, facts.data_len.min(START))?;
            layout.asdf(&source).map(|(hdu, range)| (Some(hdu), range))
        } else {
            None
        };
        let (mut asdf, mut fault) = (None, None);
        if let Some((hdu, range)) = place.filter(|_| with_tree || is_asdf) {
            let length = range.end.saturating_sub(range.start);
            match tree(&mut source, range.start, length) {
                Ok(file) => asdf = Some(Embedded::new(hdu, range.start, length, file)),
                Err(error) => fault = Some(located(error, &layout.hdus)),
            }
        }
        Ok((Self::new(source, layout, asdf), fault))
    }
}

/// Reads an ASDF file as far as its tree goes.
fn tree<S: Load>(source: &mut S, at: u64, length: u64) -> Result<AsdfFile> {
    let mut wanted = START;
    loop {
        let whole = wanted >= length;
        source.load_range(at, wanted.min(length))?;
        let bytes = slice(source, at, wanted.min(length));
        if whole || AsdfFile::has_whole_tree(bytes) {
            return AsdfFile::parse_shallow(bytes, at);
        }
        wanted = wanted.saturating_mul(2);
    }
}

impl Embedded {
    fn new(hdu: Option<usize>, at: u64, length: u64, file: AsdfFile) -> Self {
        Self {
            hdu,
            at,
            length,
            file,
        }
    }
}

impl<S: Bytes> Product<S> {
    fn new(source: S, layout: Layout, asdf: Option<Embedded>) -> Self {
        Self {
            source,
            layout,
            asdf,
            hash: OnceLock::new(),
        }
    }

    /// The bytes of the ASDF file, as far as they are at hand.
    pub fn asdf_bytes(&self) -> &[u8] {
        self.asdf
            .as_ref()
            .map_or(&[], |asdf| slice(&self.source, asdf.at, asdf.length))
    }

    /// The text of the tree.
    pub fn yaml(&self) -> &[u8] {
        let range = self.asdf.as_ref().map_or(0..0, |asdf| asdf.file.yaml());
        self.asdf_bytes().get(range).unwrap_or_default()
    }

    /// The hash of all headers but ASDF, and the HDUs with cards that need repair; computed once.
    pub fn header_hash(&self) -> &(String, Vec<usize>) {
        self.hash
            .get_or_init(|| header_hash(&self.source, &self.layout.hdus))
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

/// The part of a file that a place and a length name, as far as it is at hand.
fn slice<B: Bytes + ?Sized>(file: &B, at: u64, length: u64) -> &[u8] {
    let bytes = file.tail(at);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    bytes.get(..length).unwrap_or(bytes)
}

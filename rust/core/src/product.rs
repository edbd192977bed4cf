//! An open product: the layout of the FITS file and, within it, the ASDF file.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::asdf::{AsdfFile, Block};
use crate::bytes::{Bytes, Load, Stretch, Within};
use crate::far::{Far, Look};
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
        let bytes = match &source {
            Source::Far(far) => {
                let (layout, asdf) = read_far(far)?;
                return Ok(Self::new(source, layout, asdf));
            }
            Source::Mapped { view, .. } => view.as_ref().as_ref(),
            Source::Bytes(bytes) => bytes.as_slice(),
        };
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
        let image = Compressed::read(hdu, &hdu.header(&self.source))?;
        let data = self.source.read(hdu.data_at, hdu.data_len)?;
        let stretch = Stretch {
            size: self.source.size(),
            at: hdu.data_at,
            bytes: data.as_deref().unwrap_or_default(),
        };
        Ok(image.decode(&stretch, hdu, flip)?.into_region())
    }

    /// The bytes of a block as the file has them, `at` being the place of the ASDF file.
    pub fn stored(&self, at: u64, block: &Block) -> Result<Cow<'_, [u8]>> {
        let place = at.saturating_add(block.data_at as u64);
        let found = self.source.read(place, block.data_len as u64)?;
        Ok(found.unwrap_or_default())
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
        let mut layout = Layout::default();
        let place = if is_asdf || with_tree {
            place(&mut source, &mut layout)?
        } else {
            layout.fill(&mut source)?;
            None
        };
        let (mut asdf, mut fault) = (None, None);
        if let Some((hdu, at, length)) = place {
            let parsed = load_tree(&mut source, at, length)
                .and_then(|held| AsdfFile::parse_shallow(slice(&source, at, held), at));
            match parsed {
                Ok(file) => asdf = Some(Embedded::new(hdu, at, length, file)),
                Err(error) => fault = Some(located(error, &layout.hdus)),
            }
        }
        Ok((Self::new(source, layout, asdf), fault))
    }
}

/// Fills the layout and finds the ASDF file: its HDU, its place, its length.
pub(crate) fn place<S: Load>(
    source: &mut S,
    layout: &mut Layout,
) -> Result<Option<(Option<usize>, u64, u64)>> {
    source.load_range(0, 5)?;
    if source.tail(0).starts_with(b"#ASDF") {
        return Ok(Some((None, 0, source.size())));
    }
    layout.fill(source)?;
    let hdu = layout.first("ASDF").and_then(|n| layout.hdus.get(n));
    if let Some(hdu) = hdu {
        source.load_range(hdu.data_at, hdu.data_len.min(START))?;
    }
    let found = layout.asdf(source);
    Ok(found.map(|(hdu, range)| {
        let length = range.end.saturating_sub(range.start);
        (Some(hdu), range.start, length)
    }))
}

/// Loads an ASDF file as far as its tree goes; says how much of it that is.
pub(crate) fn load_tree<S: Load>(source: &mut S, at: u64, length: u64) -> Result<u64> {
    let mut wanted = START;
    loop {
        let held = wanted.min(length);
        source.load_range(at, held)?;
        if held == length || AsdfFile::has_whole_tree(slice(source, at, held)) {
            return Ok(held);
        }
        wanted = wanted.saturating_mul(2);
    }
}

/// Reads the structure of a file that is far away from what is at hand of it.
fn read_far(far: &Far) -> Result<(Layout, Option<Embedded>)> {
    let mut look = Look::new(&far.at_hand);
    let mut layout = Layout::default();
    let found = place(&mut look, &mut layout).and_then(|place| {
        let Some((hdu, at, length)) = place else {
            return Ok(None);
        };
        let held = load_tree(&mut look, at, length)?;
        let bytes = slice(&far.at_hand, at, held);
        let mut within = Within::new(&mut look, at, length);
        let file = AsdfFile::parse_with(bytes, at, &mut within);
        let file = file.map_err(|error| located(error, &layout.hdus))?;
        Ok(Some(Embedded::new(hdu, at, length, file)))
    });
    match look.wanted() {
        Some((at, length)) => Err(Error::truncated(
            at,
            format!("{length} bytes of headers or tree were not fetched"),
        )),
        None => Ok((layout, found?)),
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
pub(crate) fn slice<B: Bytes + ?Sized>(file: &B, at: u64, length: u64) -> &[u8] {
    let bytes = file.tail(at);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    bytes.get(..length).unwrap_or(bytes)
}

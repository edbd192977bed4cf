//! What is lacking of a file that is far away, before it is a product.
//!
//! ```text
//! Stretches ── survey ──▶ HDUs so far, the place that is wanted next ──▶ who fetches (and guesses ahead)
//!     ▲                                                                        │
//!     └──────────────────────────────── bytes ─────────────────────────────────┘
//! ```
//!
//! Each look is a walk from the start, by the code that walks through files on a disk; it costs microseconds,
//! where a request costs milliseconds. Who fetches may bring what is wanted and as much more as it likes.

use crate::asdf::AsdfFile;
use crate::bytes::{Load, Within};
use crate::far::{Look, Stretches};
use crate::product;
use crate::{Layout, Result};

/// How far the bytes of a far file go.
#[derive(Debug)]
pub struct Survey {
    /// The HDUs whose headers are at hand, up to the first whose is not.
    pub layout: Layout,
    /// Where the ASDF file lies, once it is reached.
    pub asdf: Option<(u64, u64)>,
    /// The place and length of what is wanted next; `None` once nothing is.
    pub wanted: Option<(u64, u64)>,
}

/// Walks as far as the bytes go.
///
/// Asked for are all headers, the tree, and `with_blocks` the headers of binary blocks. A fault of the file
/// is no error here: whoever makes a product of the bytes meets it again.
pub fn survey(at_hand: &Stretches, with_blocks: bool) -> Survey {
    let mut look = Look::new(at_hand);
    let mut layout = Layout::default();
    let asdf = reach(&mut look, &mut layout, with_blocks);
    Survey {
        asdf: asdf.ok().flatten(),
        layout,
        wanted: look.wanted(),
    }
}

/// Loads what a product is made of; says where the ASDF file lies, and its length.
fn reach<S: Load>(
    source: &mut S,
    layout: &mut Layout,
    with_blocks: bool,
) -> Result<Option<(u64, u64)>> {
    let Some((_, at, length)) = product::place(source, layout)? else {
        return Ok(None);
    };
    product::load_tree(source, at, length)?;
    if with_blocks {
        let bytes = product::slice(source, at, length);
        if let Some(end) = AsdfFile::tree_end(bytes) {
            let mut file = Within::new(source, at, length);
            crate::asdf::read_blocks(&mut file, end, at)?;
        }
    }
    Ok(Some((at, length)))
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]
mod tests {
    use super::*;
    use crate::bytes::Bytes;
    use crate::far::{Far, Fetch};
    use crate::fits::BLOCK;
    use crate::{Product, Source};

    fn header(cards: &[&str]) -> Vec<u8> {
        let cards = cards.iter().chain(&["END"]);
        let mut bytes: Vec<u8> = cards
            .flat_map(|card| format!("{card:<80}").into_bytes())
            .collect();
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), b' ');
        bytes
    }

    fn extension(kind: &str, name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = header(&[
            &format!("XTENSION= '{kind:<8}'"),
            "BITPIX  = 8",
            "NAXIS   = 1",
            &format!("NAXIS1  = {}", data.len()),
            &format!("EXTNAME = '{name}'"),
        ]);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        bytes
    }

    /// Two images and a tree with two blocks.
    fn product() -> Vec<u8> {
        let mut asdf = b"#ASDF 1.0.0\n%YAML 1.1\n---\na: 1\n...\n".to_vec();
        for size in [70_000_u64, 9_000] {
            asdf.extend(b"\xd3BLK\0\x30\0\0\0\0\0\0\0\0");
            asdf.extend([size.to_be_bytes(); 3].as_flattened());
            asdf.extend([0; 16]);
            asdf.resize(asdf.len() + size as usize, 7);
        }
        let mut file = header(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"]);
        file.extend(extension("IMAGE", "SCI", &vec![1; 200_000]));
        file.extend(extension("IMAGE", "ERR", &vec![2; 200_000]));
        file.extend(extension("IMAGE", "ASDF", &asdf));
        file
    }

    struct Bytes_(Vec<u8>);

    impl Fetch for Bytes_ {
        fn fetch(&self, at: u64, into: &mut [u8]) -> Result<usize> {
            // Less than is asked for, as from a slow line.
            let count = into.len().min(50_000);
            into[..count].copy_from_slice(Bytes::get(self.0.as_slice(), at, count as u64).unwrap());
            Ok(count)
        }
    }

    #[test]
    fn a_survey_asks_for_what_a_product_is_made_of_and_no_more() {
        let file = product();
        let mut held = Stretches::new(file.len() as u64);
        let mut asked = 0;
        while let Some((at, length)) = survey(&held, true).wanted {
            let at = at as usize;
            held.add(at as u64, &file[at..at + length as usize]);
            asked += 1;
            assert!(asked < 20);
        }
        assert!(held.held() < 200_000);
        let survey = survey(&held, true);
        assert_eq!(survey.layout.hdus.len(), 4);
        let local = Product::read(Source::from_bytes(file.clone()).unwrap()).unwrap();
        let far = Far::new(held, Box::new(Bytes_(file.clone())));
        let far = Product::read(Source::Far(far)).unwrap();
        assert_eq!(far.yaml(), local.yaml());
        assert_eq!(far.header_hash(), local.header_hash());
        for number in [0, 1] {
            let ((at, block), (_, other)) =
                (far.block(number).unwrap(), local.block(number).unwrap());
            assert_eq!(block, other);
            assert_eq!(
                far.stored(at, block).unwrap(),
                local.stored(at, other).unwrap()
            );
        }
        let (at, length) = (far.layout.hdus[1].data_at, 200_000);
        assert_eq!(
            far.source.read(at, length).unwrap().unwrap(),
            vec![1; 200_000]
        );
        assert_eq!(
            far.source.region(at, length).unwrap().unwrap().len(),
            200_000
        );
        assert!(far.source.region(at, 1 << 40).unwrap().is_none());
        assert!(far.source.read(u64::MAX, 2).unwrap().is_none());
    }

    #[test]
    fn a_file_cut_at_any_block_reads_as_it_does_from_a_disk() {
        let file = product();
        for length in (0..file.len()).step_by(BLOCK as usize / 3) {
            let cut = &file[..length];
            let mut held = Stretches::new(length as u64);
            while let Some((at, length)) = survey(&held, true).wanted {
                held.add(at, &cut[at as usize..(at + length) as usize]);
            }
            let far = Far::new(held, Box::new(Bytes_(cut.to_vec())));
            let far = Product::read(Source::Far(far)).map(|p| p.layout.warnings);
            let local = Product::read(Source::from_bytes(cut.to_vec()).unwrap());
            assert_eq!(far, local.map(|p| p.layout.warnings), "{length}");
        }
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let file = product();
        let mut held = Stretches::new(file.len() as u64);
        held.add(0, &file[..100_000]);
        let far = Far::new(held, Box::new(Bytes_(file)));
        let error = Product::read(Source::Far(far)).unwrap_err();
        assert!(error.message.contains("not fetched"), "{error}");
    }
}

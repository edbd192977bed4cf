//! Memory for values that are computed: pages that take no room until they are written to.

use memmap2::{MmapMut, MmapOptions};

use crate::{Error, ErrorKind, Region, Result};

/// Fresh bytes, all zero, to be filled and then handed out as a [`Region`].
///
/// The system gives the pages one by one when they are touched, so that a length which turns out to be a
/// lie costs no memory; a length that the system cannot promise is an error.
#[derive(Debug)]
pub enum Fresh {
    /// A few bytes.
    Small(Vec<u8>),
    /// Whole pages.
    Pages(MmapMut),
}

/// Below this many bytes a map costs more than it saves.
const SMALL: usize = 1 << 16;

impl Fresh {
    /// Takes `length` bytes from the system.
    pub fn new(length: usize) -> Result<Self> {
        if length < SMALL {
            return Ok(Self::Small(vec![0; length]));
        }
        let pages = MmapOptions::new()
            .len(length)
            .map_anon()
            .map_err(|error| too_large(length, &error))?;
        // A wish, which not every system knows; without it the pages are smaller.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Ok(Self::Pages(pages))
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Pages(pages) => pages,
        }
    }

    /// The bytes as memory for arrays.
    pub fn into_region(self) -> Region {
        match self {
            Self::Small(bytes) => Region::from_bytes(bytes),
            Self::Pages(pages) => Region::from_pages(pages),
        }
    }
}

fn too_large(length: usize, error: &std::io::Error) -> Error {
    Error {
        kind: ErrorKind::Limit,
        at: None,
        hdu: None,
        errno: None,
        message: format!("there is no memory for {length} bytes of data: {error}"),
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers, compared exactly"
)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_is_what_is_handed_out_and_the_impossible_is_refused() {
        for length in [0, 1, SMALL - 1, SMALL, 3 * SMALL + 1] {
            let mut fresh = Fresh::new(length).unwrap();
            assert!(fresh.bytes().iter().all(|&byte| byte == 0));
            assert_eq!(fresh.bytes().len(), length);
            let address = fresh.bytes().as_ptr();
            let region = fresh.into_region();
            assert_eq!(region.len(), length);
            assert_eq!(region.address().cast_const(), address);
        }
        assert_eq!(Fresh::new(1 << 60).unwrap_err().kind, ErrorKind::Limit);
    }
}

//! `GZIP_1` and `GZIP_2`: a gzip file for each tile, with `GZIP_2` of bytes sorted by significance
//! (FITS 4.0 §10.4.2; RFC 1952).

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Fault, sized};

/// Deflate makes at most this many bytes of one.
const RATIO: usize = 1032;

/// The most bytes that `length` bytes can hold.
pub fn capacity(length: usize) -> usize {
    length.saturating_mul(RATIO)
}

/// The state of the decompressor, kept from tile to tile.
#[derive(Debug)]
pub struct Inflate(Decompress);

impl Default for Inflate {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

/// Unpacks a tile of `pixels` to `out` and says how many bytes each pixel has: 1, 2, 4 or 8.
pub fn decode(
    bytes: &[u8],
    pixels: usize,
    out: &mut Vec<u8>,
    Inflate(state): &mut Inflate,
) -> Result<usize, Fault> {
    let start = head(bytes)?;
    let end = bytes.len().saturating_sub(8);
    let (Some(packed), Some(&[c0, c1, c2, c3, l0, l1, l2, l3])) =
        (bytes.get(start..end), bytes.last_chunk::<8>())
    else {
        let message = format!("found {} bytes, expected a gzip file", bytes.len());
        return Err(Fault::truncated(bytes.len(), message));
    };
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    let width = [1, 2, 4, 8]
        .into_iter()
        .find(|&width| pixels.checked_mul(width) == Some(length));
    let Some(width) = width else {
        let message = format!(
            "the gzip file says that it holds {length} bytes, expected 1, 2, 4 or 8 for each of \
             {pixels} pixels"
        );
        return Err(Fault::format(end, message));
    };
    if length > capacity(bytes.len()) {
        let message = format!(
            "the gzip file says that it holds {length} bytes, {} packed bytes cannot",
            packed.len()
        );
        return Err(Fault::format(end, message));
    }
    sized(out, length)?;
    state.reset(false);
    let status = state.decompress(packed, out, FlushDecompress::Finish);
    let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
    let place = start.saturating_add(read);
    match status {
        Ok(Status::StreamEnd) if state.total_out() == out.len() as u64 => {}
        Ok(_) => {
            let made = state.total_out();
            let message = format!("the gzip file breaks off after {made} bytes, expected {length}");
            return Err(Fault::format(place, message));
        }
        Err(error) => {
            let message = format!("the gzip file cannot be read: {error}");
            return Err(Fault::format(place, message));
        }
    }
    let mut sum = Crc::new();
    sum.update(out);
    let expected = u32::from_le_bytes([c0, c1, c2, c3]);
    if sum.sum() != expected {
        let message = format!(
            "the data have the CRC {:08x}, the gzip file says {expected:08x}",
            sum.sum()
        );
        return Err(Fault::format(end, message));
    }
    Ok(width)
}

/// The length of the gzip header.
fn head(bytes: &[u8]) -> Result<usize, Fault> {
    let fault = || Fault::format(0, "found no header of a gzip file".to_owned());
    let &[0x1f, 0x8b, 8, flags, ..] = bytes.first_chunk::<10>().ok_or_else(fault)? else {
        return Err(fault());
    };
    let mut at = 10_usize;
    if flags & 4 != 0 {
        let extra = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>);
        let extra = u16::from_le_bytes(*extra.ok_or_else(fault)?);
        at = at.saturating_add(2).saturating_add(usize::from(extra));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr::memchr(0, rest).ok_or_else(fault)?;
            at = at.saturating_add(end).saturating_add(1);
        }
    }
    if flags & 2 != 0 {
        at = at.saturating_add(2);
    }
    Ok(at)
}

/// Puts the bytes of each pixel together again, where all first bytes come first, then all second.
pub fn unshuffle(bytes: &[u8], width: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    sized(out, bytes.len())?;
    let pixels = bytes.len().checked_div(width).unwrap_or(0);
    let plane = |n: usize| {
        let start = n.saturating_mul(pixels);
        bytes
            .get(start..)
            .and_then(|rest| rest.get(..pixels))
            .unwrap_or_default()
    };
    match width {
        2 => {
            let planes = plane(0).iter().zip(plane(1));
            for (to, (&a, &b)) in out.as_chunks_mut::<2>().0.iter_mut().zip(planes) {
                *to = [a, b];
            }
        }
        4 => {
            let planes = plane(0)
                .iter()
                .zip(plane(1))
                .zip(plane(2).iter().zip(plane(3)));
            for (to, ((&a, &b), (&c, &d))) in out.as_chunks_mut::<4>().0.iter_mut().zip(planes) {
                *to = [a, b, c, d];
            }
        }
        _ => {
            for n in 0..width {
                let to = out.get_mut(n..).unwrap_or_default().iter_mut();
                for (to, from) in to.step_by(width).zip(plane(n)) {
                    *to = *from;
                }
            }
        }
    }
    Ok(())
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
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::GzBuilder::new()
            .filename("tile")
            .comment("with every field of a header")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_tile_comes_back_and_its_width_with_it() {
        let bytes: Vec<u8> = (0..240).collect();
        let mut out = Vec::new();
        let mut state = Inflate::default();
        for pixels in [30, 60, 120, 240] {
            let width = decode(&packed(&bytes), pixels, &mut out, &mut state).unwrap();
            assert_eq!((width, &out), (240 / pixels, &bytes));
        }
        assert!(decode(&packed(&bytes), 80, &mut out, &mut state).is_err());
    }

    #[test]
    fn every_damaged_byte_is_noticed_or_means_nothing() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = packed(&bytes);
        let mut out = Vec::new();
        let mut state = Inflate::default();
        for at in 0..whole.len() {
            assert!(decode(&whole[..at], 250, &mut out, &mut state).is_err());
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            match decode(&damaged, 250, &mut out, &mut state) {
                Ok(_) => assert_eq!(out, bytes),
                Err(error) => assert!(error.at <= whole.len()),
            }
        }
    }

    #[test]
    fn shuffled_bytes_are_put_in_order() {
        let mut out = Vec::new();
        for width in [1, 2, 4, 8] {
            let shuffled: Vec<u8> = (0..24).collect();
            unshuffle(&shuffled, width, &mut out).unwrap();
            let pixels = 24 / width;
            let expected: Vec<usize> = (0..24).map(|n| (n % width) * pixels + n / width).collect();
            let found: Vec<usize> = out.iter().map(|&byte| usize::from(byte)).collect();
            assert_eq!(found, expected);
        }
    }
}

//! The layout of a FITS file: its HDUs, found by number or by name and version, and its ASDF tree.

use std::collections::HashMap;
use std::ops::Range;

use crate::bytes::Load;
use crate::fits::card;
use crate::fits::hdu::{Hdu, Kind};
use crate::{Bytes, Error, Result};

/// How much of what follows the last HDU is looked at in a file that is read in part.
const TRAILING: u64 = crate::fits::BLOCK;

/// All HDUs of a file, indexed.
#[derive(Debug, Default)]
pub struct Layout {
    /// The HDUs in file order.
    pub hdus: Vec<Hdu>,
    /// What is wrong with the file but does not keep it from being read.
    pub warnings: Vec<Error>,
    names: HashMap<String, Named>,
}

/// The HDUs that share a name.
#[derive(Debug)]
struct Named {
    first: usize,
    versions: HashMap<i64, usize>,
}

impl Layout {
    /// Walks from header to header; no data byte is read.
    ///
    /// A file cut short gives the HDUs that are there and a warning with the byte at which it ends.
    /// Only a file that does not start like FITS is an error.
    pub fn read(mut file: &[u8]) -> Result<Self> {
        Self::walk(&mut file)
    }

    /// [`Layout::read`] for any file; what a header says is asked for when the walk comes to it.
    pub fn walk<F: Load>(file: &mut F) -> Result<Self> {
        let mut layout = Self::default();
        layout.fill(file)?;
        Ok(layout)
    }

    /// [`Layout::walk`] into an empty layout, which keeps what was read before an error.
    pub fn fill<F: Load>(&mut self, file: &mut F) -> Result<()> {
        file.load_range(0, 9)?;
        let start = file.tail(0);
        let start = start.get(..9).unwrap_or(start);
        if !start.starts_with(b"SIMPLE  =") {
            return Err(Error::format(
                0,
                format!("{}, expected `SIMPLE  =`", describe(start)),
            ));
        }
        file.load(0)?;
        self.push(Hdu::read(file, 0, true)?);
        while let Some(at) = self.next_header(file)? {
            match file.load(at).and_then(|()| Hdu::read(file, at, false)) {
                Ok(hdu) => self.push(hdu),
                Err(error) => {
                    self.warnings.push(error);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where the next header starts; notes what ends the walk.
    fn next_header<F: Load>(&mut self, file: &mut F) -> Result<Option<u64>> {
        let Some(last) = self.hdus.last() else {
            return Ok(None);
        };
        let size = file.size();
        if last.is_cut() {
            let message = format!(
                "HDU {} ({}) announces {} bytes of data from byte {}, but the file ends after {}",
                self.hdus.len().saturating_sub(1),
                last.name,
                last.announced,
                last.data_at,
                last.data_len
            );
            self.warnings.push(Error::truncated(size, message));
            return Ok(None);
        }
        let Some(at) = last.end() else {
            return Ok(None);
        };
        if at > size {
            let message = format!(
                "the file ends within the padding after HDU {} ({}), which goes on to byte {at}",
                self.hdus.len().saturating_sub(1),
                last.name
            );
            self.warnings.push(Error::truncated(size, message));
            return Ok(None);
        }
        file.load_range(at, TRAILING)?;
        let rest = file.tail(at);
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.starts_with(b"XTENSION") {
            return Ok(Some(at));
        }
        // FITS 4.0 §3.5 allows special records here, and writers leave blank or zero blocks.
        if rest.iter().any(|&byte| byte != 0 && byte != b' ') {
            let message = format!(
                "{} bytes after the last HDU are not an extension: {}, expected `XTENSION`",
                size.saturating_sub(at),
                describe(rest.get(..9).unwrap_or(rest))
            );
            self.warnings.push(Error::format(at, message));
        }
        Ok(None)
    }

    fn push(&mut self, hdu: Hdu) {
        let index = self.hdus.len();
        let named = self.names.entry(hdu.name.clone()).or_insert_with(|| Named {
            first: index,
            versions: HashMap::new(),
        });
        named.versions.entry(hdu.version).or_insert(index);
        self.hdus.push(hdu);
    }

    /// The first HDU named `name`, given in upper case.
    pub fn first(&self, name: &str) -> Option<usize> {
        self.names.get(name).map(|named| named.first)
    }

    /// The first HDU with this name, in upper case, and EXTVER.
    pub fn versioned(&self, name: &str, version: i64) -> Option<usize> {
        self.names.get(name)?.versions.get(&version).copied()
    }

    /// The HDU that an array of the tree names as its source: `fits:NAME,VER` or `fits:INDEX`.
    ///
    /// A name may itself have commas, so the last one counts.
    pub fn linked(&self, source: &str) -> Option<usize> {
        let place = source.strip_prefix("fits:")?;
        match place.rsplit_once(',') {
            Some((name, version)) => self.versioned(
                &name.trim().to_ascii_uppercase(),
                version.trim().parse().ok()?,
            ),
            None => place.parse().ok().filter(|&index| index < self.hdus.len()),
        }
    }

    /// The HDU that holds the ASDF file and its bytes; `None` where there is no HDU named ASDF.
    ///
    /// Writers have used a BINTABLE with one cell of bytes, an IMAGE of bytes and an extension of a
    /// type of its own. In all of them the file stands at the start of the data; only a
    /// variable-length cell keeps it in the heap.
    pub fn asdf<B: Bytes + ?Sized>(&self, file: &B) -> Option<(usize, Range<u64>)> {
        let index = self.first("ASDF")?;
        let hdu = self.hdus.get(index)?;
        let heap = match hdu.kind {
            Kind::BinTable => hdu
                .header(file)
                .integer("THEAP")
                .and_then(|at| u64::try_from(at).ok())
                .or_else(|| hdu.announced.checked_sub(hdu.heap)),
            _ => None,
        };
        let starts = |at: u64| {
            let here = file.tail(hdu.data_at.saturating_add(at));
            (at.saturating_add(5) <= hdu.data_len && here.starts_with(b"#ASDF")).then_some(())
        };
        let offset = match heap {
            Some(heap) if hdu.heap > 0 && starts(0).is_none() && starts(heap).is_some() => heap,
            _ => 0,
        };
        let end = hdu.data_at.saturating_add(hdu.data_len);
        Some((index, hdu.data_at.saturating_add(offset)..end))
    }
}

/// The first bytes of something that is not what was expected.
fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "the file is empty".to_owned();
    }
    if bytes.starts_with(b"#ASDF") {
        return "found the start of a plain ASDF file".to_owned();
    }
    let text: String = card::ascii(bytes)
        .chars()
        .map(|c| if c.is_ascii_control() { '.' } else { c })
        .collect();
    format!("found `{text}`")
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]
mod tests {
    use super::*;
    use crate::fits::BLOCK;

    fn header(cards: &[&str]) -> Vec<u8> {
        let mut bytes: Vec<u8> = cards
            .iter()
            .chain(&["END"])
            .flat_map(|card| format!("{card:<80}").into_bytes())
            .collect();
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), b' ');
        bytes
    }

    fn image(name: &str, version: i64) -> Vec<u8> {
        let mut bytes = header(&[
            "XTENSION= 'IMAGE   '",
            "BITPIX  = 16",
            "NAXIS   = 2",
            "NAXIS1  = 3",
            "NAXIS2  = 2",
            &format!("EXTNAME = '{name}'"),
            &format!("EXTVER  = {version}"),
        ]);
        bytes.extend([7; 12]);
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        bytes
    }

    fn product() -> Vec<u8> {
        let mut file = header(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"]);
        file.extend(image("sci", 1));
        file.extend(image("SCI", 2));
        file
    }

    #[test]
    fn hdus_are_found_by_number_and_by_name_and_version() {
        let file = product();
        let layout = Layout::read(&file).unwrap();
        assert_eq!(layout.hdus.len(), 3);
        assert_eq!(
            (layout.first("SCI"), layout.versioned("SCI", 2)),
            (Some(1), Some(2))
        );
        assert_eq!(layout.versioned("SCI", 3), None);
        assert_eq!(
            (layout.linked("fits:SCI,2"), layout.linked("fits:1")),
            (Some(2), Some(1))
        );
        assert_eq!(
            (layout.linked("fits:SCI,9"), layout.linked("fits:3")),
            (None, None)
        );
        assert_eq!(layout.hdus[2].data(&file), [7; 12]);
        assert!(layout.warnings.is_empty());
    }

    #[test]
    fn a_file_cut_at_any_byte_reads_without_panic() {
        let file = product();
        for length in 0..file.len() {
            match Layout::read(&file[..length]) {
                Ok(layout) => {
                    let whole = length == BLOCK as usize || length == 3 * BLOCK as usize;
                    let padded =
                        layout.hdus.iter().all(|hdu| !hdu.is_cut()) && layout.warnings.is_empty();
                    assert!(whole || padded || !layout.warnings.is_empty(), "{length}");
                    for warning in layout.warnings {
                        assert!(warning.at.unwrap() <= length as u64, "{length}: {warning}");
                    }
                }
                Err(error) => assert!(error.at.unwrap() <= length as u64, "{length}: {error}"),
            }
        }
    }

    #[test]
    fn absurd_sizes_are_refused_without_allocation() {
        for naxis1 in [
            "1000000000000000000",
            "99999999999999999999999",
            "-1",
            "'x'",
        ] {
            let mut file = header(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"]);
            file.extend(header(&[
                "XTENSION= 'IMAGE   '",
                "BITPIX  = -64",
                "NAXIS   = 2",
                &format!("NAXIS1  = {naxis1}"),
                "NAXIS2  = 1000000000000000000",
            ]));
            let layout = Layout::read(&file).unwrap();
            assert_eq!(
                (layout.hdus.len(), layout.warnings.len()),
                (1, 1),
                "{naxis1}"
            );
        }
    }

    #[test]
    fn any_changed_byte_of_a_header_reads_without_panic() {
        let file = product();
        // Each place in turn gets another of the bytes that mean something to a header.
        for (place, byte) in
            (0..file.len()).zip([0, b' ', b'\'', b'9', b'-', 0xff].into_iter().cycle())
        {
            let mut changed = file.clone();
            changed[place] = byte;
            if let Ok(layout) = Layout::read(&changed) {
                for hdu in &layout.hdus {
                    assert!(hdu.data(&changed).len() as u64 == hdu.data_len);
                    hdu.header(changed.as_slice()).cards().count();
                }
            }
        }
    }
}

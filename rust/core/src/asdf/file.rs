//! The ASDF file as a whole: version lines, tree, blocks.

use std::ops::Range;

use super::block::{Block, MAGIC, read_blocks};
use super::tape::Tape;
use crate::bytes::Load;
use crate::error::{Error, Result};

/// An ASDF file: version lines, the tree, the blocks.
///
/// ```text
/// #ASDF 1.0.0
/// #ASDF_STANDARD 1.6.0
/// %YAML 1.1                      yaml() from here …
/// %TAG ! tag:stsci.edu:asdf/
/// --- !core/asdf-1.1.0
/// tree
/// ...                            … to here, with the line break
/// blocks, block index
/// ```
///
/// It holds positions and copies of the versions, not the bytes; the methods that need the text ask for it.
///
/// ```
/// use asdfits_core::asdf::AsdfFile;
///
/// let bytes = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n---\na: 1\n...\n";
/// let file = AsdfFile::parse(bytes, 0)?;
/// assert_eq!((file.version(), file.standard()), ("1.0.0", Some("1.6.0")));
/// assert_eq!(file.tape().len(), 3);
/// # Ok::<(), asdfits_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AsdfFile {
    version: String,
    standard: Option<String>,
    yaml: Range<usize>,
    tape: Tape,
    blocks: Vec<Block>,
}

impl AsdfFile {
    /// Reads the ASDF file in `bytes`, which lies at offset `at` of the whole file.
    pub fn parse(bytes: &[u8], at: u64) -> Result<Self> {
        Self::parse_with(bytes, at, &mut { bytes })
    }

    /// [`AsdfFile::parse`] for a file that is read in part: `bytes` have the whole tree, and `file` is asked for
    /// the headers of the blocks.
    pub fn parse_with<F: Load>(bytes: &[u8], at: u64, file: &mut F) -> Result<Self> {
        let mut parsed = Self::parse_tree(bytes, at, Tape::parse)?;
        parsed.blocks = read_blocks(file, parsed.yaml.end as u64, at)?;
        Ok(parsed)
    }

    /// Where the tree ends, if `bytes`, the start of an ASDF file, have all of it.
    pub fn tree_end(bytes: &[u8]) -> Option<u64> {
        let header = Header::read(bytes, 0).ok()?;
        let rest = bytes.get(header.end..).unwrap_or_default();
        let end = if rest.starts_with(b"%YAML") {
            yaml_end(bytes, header.end)?
        } else {
            header.end
        };
        Some(end as u64)
    }

    /// Whether `bytes`, the start of an ASDF file, go beyond the end of its tree.
    pub fn has_whole_tree(bytes: &[u8]) -> bool {
        Header::read(bytes, 0).is_ok_and(|header| {
            let rest = bytes.get(header.end..).unwrap_or_default();
            !rest.starts_with(b"%YAML")
                || yaml_end(bytes, header.end).is_some_and(|end| end < bytes.len())
        })
    }

    /// Reads the version lines and no more of the tree than [`Tape::parse_shallow`] does, and no blocks.
    pub fn parse_shallow(bytes: &[u8], at: u64) -> Result<Self> {
        Self::parse_tree(bytes, at, Tape::parse_shallow)
    }

    fn parse_tree(
        bytes: &[u8],
        at: u64,
        parse: impl FnOnce(&[u8], u64) -> Result<Tape>,
    ) -> Result<Self> {
        let header = Header::read(bytes, at)?;
        let place = |p: usize| at.saturating_add(u64::try_from(p).unwrap_or(u64::MAX));
        let mut file = Self {
            version: header.version,
            standard: header.standard,
            yaml: header.end..header.end,
            ..Self::default()
        };
        if bytes
            .get(header.end..)
            .is_some_and(|rest| rest.starts_with(b"%YAML"))
        {
            let end = yaml_end(bytes, header.end).ok_or_else(|| {
                Error::truncated(
                    place(bytes.len()),
                    "found no line `...`, expected one at the end of the YAML tree",
                )
            })?;
            file.yaml = header.end..end;
            let text = bytes.get(file.yaml.clone()).unwrap_or(&[]);
            file.tape = parse(text, place(header.end))?;
        }
        Ok(file)
    }

    /// The version of the file format: `1.0.0` of `#ASDF 1.0.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version of the standard: `1.6.0` of `#ASDF_STANDARD 1.6.0`.
    pub fn standard(&self) -> Option<&str> {
        self.standard.as_deref()
    }

    /// The bytes of the YAML text: from `%YAML` to the line break after `...`; empty if there is no tree.
    pub fn yaml(&self) -> Range<usize> {
        self.yaml.clone()
    }

    /// The tree; empty if there is none.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The blocks in the order of the file.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

/// The `#` lines before the tree.
struct Header {
    version: String,
    standard: Option<String>,
    /// Where they end.
    end: usize,
}

impl Header {
    fn read(bytes: &[u8], at: u64) -> Result<Self> {
        let (line, mut end) = line(bytes, 0);
        let Some(version) = line.strip_prefix(b"#ASDF ") else {
            let found: Vec<u8> = line.iter().take(20).copied().collect();
            return Err(Error::format(
                at,
                format!(
                    "found {:?}, expected `#ASDF 1.0.0`",
                    found.escape_ascii().to_string()
                ),
            ));
        };
        let mut header = Self {
            version: word(version),
            standard: None,
            end: 0,
        };
        // Comments may follow in any number; one of them names the standard.
        while bytes.get(end) == Some(&b'#') {
            let (line, next) = self::line(bytes, end);
            if line == b"#ASDF BLOCK INDEX" {
                break;
            }
            if let Some(version) = line.strip_prefix(b"#ASDF_STANDARD ")
                && header.standard.is_none()
            {
                header.standard = Some(word(version));
            }
            end = next;
        }
        header.end = end;
        let rest = bytes.get(end..).unwrap_or(&[]);
        let known = rest.is_empty()
            || rest.starts_with(b"%YAML")
            || rest.starts_with(b"#ASDF BLOCK INDEX")
            || rest.starts_with(MAGIC)
            || rest.first() == Some(&0);
        if known {
            return Ok(header);
        }
        let place = at.saturating_add(u64::try_from(end).unwrap_or(u64::MAX));
        let found: Vec<u8> = rest.iter().take(20).copied().collect();
        Err(Error::format(
            place,
            format!(
                "found {:?}, expected `%YAML` or a binary block",
                found.escape_ascii().to_string()
            ),
        ))
    }
}

/// The line at `start` without its break, and where the next one begins.
fn line(bytes: &[u8], start: usize) -> (&[u8], usize) {
    let rest = bytes.get(start..).unwrap_or(&[]);
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = rest.get(..length).unwrap_or(&[]);
    let next = start
        .saturating_add(length)
        .saturating_add(1)
        .min(bytes.len());
    (line.strip_suffix(b"\r").unwrap_or(line), next)
}

fn word(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// The end of the YAML text that begins at `start`: behind the first line that is exactly `...`.
///
/// Neither spaces nor a comment may follow the three dots; the reference looks for these bytes before any
/// YAML is read.
fn yaml_end(bytes: &[u8], start: usize) -> Option<usize> {
    let text = bytes.get(start..)?;
    memchr::memmem::find_iter(text, b"\n...").find_map(|found| {
        let end = start.checked_add(found)?.checked_add(4)?;
        match bytes.get(end..)? {
            [] => Some(end),
            [b'\n', ..] => end.checked_add(1),
            [b'\r', b'\n', ..] => end.checked_add(2),
            _ => None,
        }
    })
}

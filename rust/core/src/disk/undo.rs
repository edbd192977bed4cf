//! The undo journal: what an edit in place overwrites, kept beside the file while the edit lasts.
//!
//! ```text
//! .m.fits.asdfits-undo
//!   magic 16 │ size before │ size after │ count │ at, old, new │ at, old, new │ … │ SHA-256 of all this
//!            └──────── u64, least byte first ─┘   u64 + u64 + bytes, u64 + bytes
//! ```
//!
//! A journal whose checksum holds was complete, and so on the disk, before the first byte of the file
//! changed; one whose checksum does not hold was being written, and the file is untouched.

use sha2::{Digest, Sha256};

/// The first bytes, with the version of the format.
const MAGIC: &[u8; 16] = b"asdfits undo 1\n\0";

/// The start of the magic, common to all versions.
const NAME: &[u8] = b"asdfits undo ";

/// The bytes of the checksum.
const SUM: usize = 32;

/// A stretch of the file: what stood there and what is to stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The first byte.
    pub at: u64,
    /// What stood there; shorter than `new` where the file ended.
    pub old: Vec<u8>,
    /// What is to stand there; empty where the file is cut off. Only as much as `old` is kept.
    pub new: Vec<u8>,
}

/// What an edit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The size of the file before.
    pub before: u64,
    /// The size of the file after.
    pub after: u64,
    /// The stretches that change, none touching another.
    pub stretches: Vec<Stretch>,
}

/// What the bytes of a journal are.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A whole journal.
    Whole(Journal),
    /// A journal that was never finished.
    Unfinished,
    /// A whole journal in a form that this version does not know.
    Unknown,
}

impl Journal {
    /// The journal as it stands in its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let number = |bytes: &mut Vec<u8>, number: u64| bytes.extend(number.to_le_bytes());
        number(&mut bytes, self.before);
        number(&mut bytes, self.after);
        number(&mut bytes, self.stretches.len() as u64);
        for stretch in &self.stretches {
            number(&mut bytes, stretch.at);
            // What is appended is cut off again, whatever it is.
            let new = stretch.new.get(..stretch.old.len()).unwrap_or(&stretch.new);
            for part in [stretch.old.as_slice(), new] {
                number(&mut bytes, part.len() as u64);
                bytes.extend_from_slice(part);
            }
        }
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// Reads the bytes of a journal's file.
    pub fn read(bytes: &[u8]) -> Read {
        let Some((content, sum)) = bytes.split_last_chunk::<SUM>() else {
            return Read::Unfinished;
        };
        if !content.starts_with(NAME) || Sha256::digest(content).as_slice() != sum {
            return Read::Unfinished;
        }
        match content.strip_prefix(MAGIC).and_then(Self::parse) {
            Some(journal) => Read::Whole(journal),
            None => Read::Unknown,
        }
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut rest = content;
        let (before, after, count) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        let mut stretches = Vec::new();
        for _ in 0..count {
            let at = number(&mut rest)?;
            let (old, new) = (part(&mut rest)?, part(&mut rest)?);
            stretches.push(Stretch { at, old, new });
        }
        rest.is_empty().then_some(Self {
            before,
            after,
            stretches,
        })
    }

    /// Whether a file of this size may be one that the edit has begun to change.
    pub fn fits_size(&self, size: u64) -> bool {
        (self.before.min(self.after)..=self.before.max(self.after)).contains(&size)
    }
}

impl Stretch {
    /// Whether `now`, what stands in the file, is the old, the new or a mixture of them.
    ///
    /// `now` ends where the file ends. If it is something else, the file took the place of the edited one.
    pub fn may_be(&self, now: &[u8]) -> bool {
        now.iter().enumerate().all(|(place, byte)| {
            let (old, new) = (self.old.get(place), self.new.get(place));
            old.is_none() || old == Some(byte) || new == Some(byte)
        })
    }
}

/// Takes a number from the front.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, more) = rest.split_first_chunk()?;
    *rest = more;
    Some(u64::from_le_bytes(*bytes))
}

/// Takes a length and so many bytes from the front.
fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (bytes, more) = rest.split_at_checked(length)?;
    *rest = more;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal {
            before: 100,
            after: 103,
            stretches: vec![
                Stretch {
                    at: 7,
                    old: b"old".to_vec(),
                    new: b"new".to_vec(),
                },
                Stretch {
                    at: 98,
                    old: b"xy".to_vec(),
                    new: b"zzzzz".to_vec(),
                },
            ],
        }
    }

    #[test]
    fn a_journal_is_read_back_and_every_cut_of_it_is_unfinished() {
        let bytes = journal().to_bytes();
        let mut expected = journal();
        expected.stretches[1].new.truncate(2);
        assert_eq!(Journal::read(&bytes), Read::Whole(expected));
        for end in 0..bytes.len() {
            assert_eq!(Journal::read(&bytes[..end]), Read::Unfinished, "{end}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(Journal::read(&changed), Read::Unfinished, "{place}");
        }
    }

    #[test]
    fn a_journal_of_another_version_is_not_taken_for_an_unfinished_one() {
        let mut content = b"asdfits undo 2\n\0 something".to_vec();
        content.extend(Sha256::digest(&content));
        assert_eq!(Journal::read(&content), Read::Unknown);
    }

    #[test]
    fn a_mixture_of_old_and_new_is_told_from_other_bytes() {
        let stretch = &journal().stretches[0];
        for (now, expected) in [
            (&b"old"[..], true),
            (b"new", true),
            (b"nld", true),
            (b"ne", true),
            (b"", true),
            (b"elo", false),
        ] {
            assert_eq!(stretch.may_be(now), expected);
        }
        assert!(journal().stretches[1].may_be(b"xzzqq"));
        assert!(journal().fits_size(100) && journal().fits_size(103));
        assert!(!journal().fits_size(99) && !journal().fits_size(104));
    }
}

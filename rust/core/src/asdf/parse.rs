//! From text to tape: the fast tier, and the strict tier for what the fast one declines.

use super::tape::Tape;
use super::{fast, strict};
use crate::Result;

impl Tape {
    /// Parses one YAML document; `at` is its offset in the file, for the places in errors.
    ///
    /// The fast tier reads what ASDF writers emit. Whatever it does not know for certain goes to the
    /// strict tier, which follows libyaml (as the reference implementation does) and words the errors.
    pub fn parse(text: &[u8], at: u64) -> Result<Self> {
        match fast::parse(text, at, false) {
            Some(tape) => Ok(tape),
            None => strict::parse(text, at),
        }
    }

    /// Parses as [`Tape::parse`], but may leave out what tagged collections hold: such a node may be an empty
    /// scalar with the tag of the collection.
    ///
    /// These stand for objects, such as arrays and transforms, and are the larger part of most trees. Faults
    /// inside them are not found.
    pub fn parse_shallow(text: &[u8], at: u64) -> Result<Self> {
        match fast::parse(text, at, true) {
            Some(tape) => Ok(tape),
            None => Self::parse(text, at),
        }
    }

    /// Parses with the fast tier alone; `None` means that the strict tier has to decide.
    pub fn parse_fast(text: &[u8], at: u64) -> Option<Self> {
        fast::parse(text, at, false)
    }

    /// Parses with the strict tier alone.
    pub fn parse_strict(text: &[u8], at: u64) -> Result<Self> {
        strict::parse(text, at)
    }
}

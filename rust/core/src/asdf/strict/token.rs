//! What the scanner of the strict tier hands to its parser.

use super::Form;
use super::reader::Mark;

/// A token and its place.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub what: What<'t>,
    pub start: Mark,
    pub end: Mark,
}

/// What a token is.
#[derive(Debug)]
pub(super) enum What<'t> {
    StreamEnd,
    Version(u32, u32),
    Handle(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    SequenceStart,
    SequenceEnd,
    MappingStart,
    MappingEnd,
    Entry,
    Comma,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag { handle: String, suffix: String },
    Scalar(ScalarToken),
}

impl What<'_> {
    /// What an error calls it.
    pub fn name(&self) -> &'static str {
        match self {
            What::StreamEnd => "the end of the text",
            What::Version(..) => "a %YAML line",
            What::Handle(..) => "a %TAG line",
            What::DocumentStart => "`---`",
            What::DocumentEnd => "`...`",
            What::BlockSequence => "a block sequence",
            What::BlockMapping => "a block mapping",
            What::BlockEnd => "less indentation",
            What::SequenceStart => "`[`",
            What::SequenceEnd => "`]`",
            What::MappingStart => "`{`",
            What::MappingEnd => "`}`",
            What::Entry => "`-`",
            What::Comma => "`,`",
            What::Key => "a key",
            What::Value => "`:`",
            What::Alias(_) => "an alias",
            What::Anchor(_) => "an anchor",
            What::Tag { .. } => "a tag",
            What::Scalar(_) => "a scalar",
        }
    }
}

/// A scalar: how it is written, its text and where it ends for the tape.
#[derive(Debug)]
pub(super) struct ScalarToken {
    pub form: Form,
    pub text: Value,
    pub end: usize,
}

/// A scalar's text: as written, or changed by escapes and folds.
#[derive(Debug)]
pub(super) enum Value {
    Source(usize, usize),
    Cooked(String),
}

//! What went wrong, and at which byte of the file.

use std::fmt;

/// The result of everything that reads bytes.
pub type Result<T> = std::result::Result<T, Error>;

/// The class of a fault: what a caller can decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused: the file is missing, unreadable, a folder.
    Io(std::io::ErrorKind),
    /// The bytes break the standard.
    Format,
    /// The file ends before what it announces.
    Truncated,
    /// The bytes are legal, but this crate does not read them.
    Unsupported,
    /// The bytes ask for more depth or memory than is reasonable.
    Limit,
}

/// One fault: its class, its place and what was found and expected there.
///
/// `at` counts bytes from the start of the file, so the number can be looked up in a hex dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The class of the fault.
    pub kind: ErrorKind,
    /// Bytes from the start of the file; `None` where no byte is to blame.
    pub at: Option<u64>,
    /// The HDU that holds the byte, as `HDU 3 (DQ,1)`, where one is known to.
    pub hdu: Option<String>,
    /// The number of the operating system's error, where it raised one.
    pub errno: Option<i32>,
    /// What was found and what was expected.
    pub message: String,
}

impl Error {
    /// A fault of `kind` at byte `at`.
    pub fn new(kind: ErrorKind, at: u64, message: impl Into<String>) -> Self {
        Self {
            kind,
            at: Some(at),
            hdu: None,
            errno: None,
            message: message.into(),
        }
    }

    /// Bytes that break the standard at byte `at`.
    pub fn format(at: u64, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, at, message)
    }

    /// A file that ends before what it announces at byte `at`.
    pub fn truncated(at: u64, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Truncated, at, message)
    }

    /// Legal bytes at `at` that this crate does not read.
    pub fn unsupported(at: u64, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, at, message)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let errno = error.raw_os_error();
        let message = error.to_string();
        // The number goes along by itself; the message need not repeat it.
        let message = message
            .split(" (os error")
            .next()
            .unwrap_or_default()
            .to_owned();
        Self {
            kind: ErrorKind::Io(error.kind()),
            at: None,
            hdu: None,
            errno,
            message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(hdu) = &self.hdu {
            write!(f, "{hdu}: ")?;
        }
        if let Some(at) = self.at {
            write!(f, "byte {at}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

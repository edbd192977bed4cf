//! Files on a disk: temporary siblings, locks, edits in place and the journal that undoes them.
//!
//! What is written into a new file is [`crate::save`]'s; here is how a file comes to its name, who may
//! read or edit it meanwhile, and what a process that died leaves behind.

mod edit;
pub(crate) mod kernel;
mod lock;
mod temporary;
mod undo;

use crate::{Error, ErrorKind};

pub use edit::{Edit, edit, recover};
pub(crate) use edit::{Undo, open as open_to_edit, to_read};
pub(crate) use lock::release as unlock;
pub(crate) use temporary::{Target, Temporary};

/// An error without a place.
pub(crate) fn plain(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        kind,
        at: None,
        hdu: None,
        errno: None,
        message: message.into(),
    }
}

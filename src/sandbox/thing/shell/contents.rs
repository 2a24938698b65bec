//! What is on a file system, and in what state it is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) modified: Timestamp,
}

/// Everything on a file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// By path, relative to the file system's root.
    pub(crate) files: BTreeMap<String, Written>,
    /// Files of these that cannot be read to their end.
    pub(crate) unreadable: BTreeSet<String>,
    /// A check finds errors, and it cannot be mounted.
    pub(crate) damaged: bool,
    /// Its journal was not replayed: it can only be mounted by whoever does not want that, and a check finds errors.
    pub(crate) dirty: bool,
    /// Something always has a file of it open: it cannot be unmounted.
    pub(crate) busy: bool,
}

impl Contents {
    /// The same, in a folder.
    pub(crate) fn below(self, folder: &str) -> Self {
        let moved = |path: String| format!("{folder}/{path}");
        Self {
            files: self.files.into_iter().map(|(path, file)| (moved(path), file)).collect(),
            unreadable: self.unreadable.into_iter().map(moved).collect(),
            ..self
        }
    }
}

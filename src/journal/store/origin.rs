//! Where a run's journal comes from: from this machine, or by import, and who signed it then.
//!
//! A chain of hashes has no key: whoever makes up a journal can chain it. So what came by import carries for good who
//! signed its bundle, as far as that was known.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::words::id::RunId;

/// Where a run's journal comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// This machine wrote it.
    #[default]
    Here,
    /// It came by import, in a bundle that a trusted key had signed.
    Signed {
        /// The id of that key.
        key_id: String,
    },
    /// It came by import, and nobody known had signed it.
    Unknown,
}

impl Origin {
    /// Whether this machine wrote it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Here)
    }

    /// Whether it may prove anything: this machine wrote it, or a trusted key signed it.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Of a row: whether there is a note of an import, and the signer that it names.
    pub(super) fn noted(is_imported: bool, signer: Option<String>) -> Self {
        match (is_imported, signer) {
            (false, _) => Self::Here,
            (true, Some(key_id)) => Self::Signed { key_id },
            (true, None) => Self::Unknown,
        }
    }
}

impl Store {
    /// Where a run's journal comes from.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn origin(&self, run: &RunId) -> Result<Origin, StoreError> {
        self.reading(|connection| of(connection, run))
    }
}

/// The same, through a connection of one's own.
pub(super) fn of(connection: &Connection, run: &RunId) -> rusqlite::Result<Origin> {
    let mut find = connection.prepare_cached("SELECT signer FROM imports WHERE run = ?1")?;
    let found = find.query_row([run.to_string()], |row| Ok(Origin::noted(true, row.get(0)?))).optional()?;
    Ok(found.unwrap_or_default())
}

/// Notes that a run came by import. `signer` is the id of the trusted key that signed its bundle.
pub(super) fn note(connection: &Connection, run: &RunId, signer: Option<&str>) -> rusqlite::Result<()> {
    let insert = "INSERT OR REPLACE INTO imports (run, signer) VALUES (?1, ?2)";
    connection.prepare_cached(insert)?.execute(params![run.to_string(), signer])?;
    Ok(())
}

/// Notes who signed a run that came by import when nobody knew that yet.
pub(super) fn vouch(connection: &Connection, run: &RunId, signer: &str) -> rusqlite::Result<()> {
    let update = "UPDATE imports SET signer = ?2 WHERE run = ?1 AND signer IS NULL";
    connection.prepare_cached(update)?.execute(params![run.to_string(), signer])?;
    Ok(())
}

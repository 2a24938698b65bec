//! Why a journal cannot be used, and what to do then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::journal::chain::BrokenChain;
use crate::journal::event::FORMAT;
use crate::journal::state::Illegal;
use crate::journal::store::layout::LAYOUT;
use crate::words::id::{DrillName, RunId};

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a lock file.
    #[error("cannot use `{}`", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite. Of appends that were written together, each has the same.
    #[error("the journal `{}` cannot be used", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Arc<rusqlite::Error>,
    },
    /// It could not be written earlier, so nobody knows what of it is on the disk before it was opened and checked anew.
    #[error(
        "the journal `{}` could not be written before, and this process writes nothing more to it; `drill resume --all` checks it and goes on",
        path.display()
    )]
    Closed {
        /// Which.
        path: PathBuf,
        /// Why it could not be written.
        source: Arc<rusqlite::Error>,
    },
    /// The run was left while its records were being written: they may be on the disk or not.
    #[error("nobody waited for the last records of run {0}; `drill resume {0}` reads what became of them and goes on")]
    Spent(RunId),
    /// A newer drill made it.
    #[error("the journal `{}` was made by a newer drill (layout {found}, this one knows {LAYOUT}); use that version", path.display())]
    TooNew {
        /// Which.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// A newer drill wrote the run.
    #[error(
        "run {run} was recorded by drill {version} in format {format}, and this one reads format {FORMAT}; use drill {version}"
    )]
    Newer {
        /// The run.
        run: RunId,
        /// Its format.
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// The list of runs holds a line that no drill wrote.
    #[error(
        "the list of runs in the journal `{}` was damaged; bring the file back from a copy, and keep this one: what its runs made may still exist",
        path.display()
    )]
    List {
        /// Which.
        path: PathBuf,
    },
    /// A run was begun, and the journal does not have it.
    #[error(
        "run {run} was begun, and the journal `{}` does not have it: it was lost, emptied or replaced. Bring it back from a copy; or look for what its runs left (their names begin with `drill-`), and then remove `{}`",
        path.display(),
        lock.display()
    )]
    Lost {
        /// Which.
        path: PathBuf,
        /// The run.
        run: RunId,
        /// What names the run: the lock of its drill.
        lock: PathBuf,
    },
    /// Somebody else wrote records of this run meanwhile.
    #[error("another process has taken run {0} over; this one stops, and changes nothing more")]
    TakenOver(RunId),
    /// Another process runs the drill.
    #[error("drill `{drill}` is running already ({by}); `drill status` shows it, `drill cancel` ends it")]
    Locked {
        /// The drill.
        drill: DrillName,
        /// Run and process, as far as the lock says.
        by: String,
    },
    /// No such run.
    #[error("there is no run {0}; `drill status` shows them")]
    NoSuchRun(RunId),
    /// The records are not what was written.
    #[error("the journal of run {run} was damaged or changed")]
    Broken {
        /// The run.
        run: RunId,
        /// Where.
        source: BrokenChain,
    },
    /// A record cannot be read.
    #[error("record {seq} of run {run} cannot be read")]
    Unreadable {
        /// The run.
        run: RunId,
        /// The record.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The journal has the run, with other records.
    #[error("the journal has another run {run}: its record {seq} is not the same, and nothing of it was changed")]
    Other {
        /// The run.
        run: RunId,
        /// The first record that differs.
        seq: u64,
    },
    /// What comes after the records that the journal has would be believed because they are.
    #[error(
        "the journal has run {run} up to record {seq} from whom it trusts, and no trusted key signed what comes after it; nothing of it was changed. With the public key in `keys/` (or `--key`) import it again"
    )]
    Unvouched {
        /// The run.
        run: RunId,
        /// The last record that the journal has.
        seq: u64,
    },
    /// This machine's own, and under way as far as its journal knows.
    #[error(
        "run {0} was begun here and is not over: `drill resume {0}` goes on with it, and nothing of it was changed"
    )]
    BegunHere(RunId),
    /// The records do not make a run.
    #[error("the journal of run {run} makes no sense")]
    Senseless {
        /// The run.
        run: RunId,
        /// Where.
        source: Illegal,
    },
}

/// What SQLite answered about the database at `path`.
pub(super) fn database<T>(path: &Path, result: rusqlite::Result<T>) -> Result<T, StoreError> {
    result.map_err(|source| StoreError::Database { path: path.to_owned(), source: Arc::new(source) })
}

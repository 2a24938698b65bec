//! Journals on disk: the only importer of SQLite.
//!
//! An append that returned is on the disk. Appending is only possible through a [`RunJournal`], which holds the drill's
//! lock; the operating system takes the lock back from a process that dies.
//!
//! | file | what |
//! |---|---|
//! | `layout` | the tables, and opening them |
//! | `lock` | one run of a drill at a time |
//! | `write`, `group`, `ahead` | the journal of one run; the appends of all of them in one transaction; room for them in the log |
//! | `park` | the journal of a run that nobody drives for now |
//! | `texts` | what the first records of many runs have in common |
//! | `read`, `unfinished` | one run; all that are not over in one pass |
//! | `list`, `summaries` | the list of runs, and what later ones need of those that are over |
//! | `import`, `origin` | taking over runs; which came by import, and who signed them |
//! | `requests` | what people leave for a run, and what sweeps note |

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Connection;

use crate::journal::private;
use crate::journal::store::group::Group;
use crate::journal::store::layout::{FILE, LOG, connect};
use crate::journal::store::read::Counted;

pub use crate::journal::store::error::StoreError;
pub use crate::journal::store::import::Imported;
pub use crate::journal::store::list::RunRow;
pub use crate::journal::store::lock::DrillLock;
pub use crate::journal::store::origin::Origin;
pub use crate::journal::store::park::ParkedJournal;
pub use crate::journal::store::requests::Requests;
pub use crate::journal::store::summaries::Summarize;
pub use crate::journal::store::unfinished::{Owed, Unfinished};
pub use crate::journal::store::write::{Append, RunJournal};

mod ahead;
mod error;
mod group;
mod import;
mod layout;
mod list;
mod lock;
mod origin;
mod park;
mod read;
mod requests;
mod summaries;
mod texts;
mod unfinished;
mod write;

/// A folder of journals. Its copies share what they have open: one connection to write, one to read.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    group: Group,
    /// For readers, so that nobody who looks waits for those who write; open once somebody looked.
    reader: Mutex<Option<Connection>>,
    counted: Mutex<Counted>,
    summarize: OnceLock<Summarize>,
}

impl Store {
    /// Opens the folder, making it (0700) and its database (0600) where they do not exist.
    ///
    /// # Errors
    /// When that is not possible, or a newer drill made it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        for path in [folder.to_owned(), folder.join("locks")] {
            private::folder(&path).map_err(|source| StoreError::Folder { path, source })?;
        }
        let group = Group::new(connect(folder)?, &folder.join(LOG));
        let (reader, counted, summarize) = (Mutex::default(), Mutex::default(), OnceLock::new());
        Ok(Self { shared: Arc::new(Shared { folder: folder.to_owned(), group, reader, counted, summarize }) })
    }

    /// Opens a folder only if journals are in it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join(FILE).is_file() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    fn path(&self) -> PathBuf {
        self.shared.folder.join(FILE)
    }

    fn database<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        error::database(&self.path(), result)
    }

    /// A connection of one's own.
    fn connect(&self) -> Result<Connection, StoreError> {
        connect(&self.shared.folder)
    }

    /// Reads through the connection of all readers. One that gave an error is not used again.
    fn reading<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut reader = self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match reader.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let found = read(&connection);
        if found.is_ok() {
            *reader = Some(connection);
        }
        self.database(found)
    }

    fn known_counts(&self) -> MutexGuard<'_, Counted> {
        self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

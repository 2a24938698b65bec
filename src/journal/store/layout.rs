//! The database's layout, and opening it.
//!
//! WAL and `synchronous=FULL`: a transaction that was committed is on the disk. The layout only ever grows: a run that was
//! begun in `events` stays there to its end, and new runs go to `records`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::journal::private;
use crate::journal::store::error::{StoreError, database};

/// The database's layout. The journal's own format is `event::FORMAT`.
///
/// | layout | change |
/// |---|---|
/// | 1 | runs, their events, and who is asked to end |
/// | 2 | answers at gates |
/// | 3 | leases, what sweeps removed |
/// | 4 | records in the order of their arrival, long texts once; summaries. Older runs stay in `events` |
/// | 5 | which runs came by import, and who signed them |
pub(super) const LAYOUT: i64 = 5;

/// The database, in its folder.
pub(super) const FILE: &str = "drill.db";

/// Somebody else may write for so long before an append is given up.
const BUSY: Duration = Duration::from_secs(30);

/// The log is folded back into the database when it has so many pages (16 MB).
const LOG_PAGES: i64 = 4_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS runs (
        run TEXT PRIMARY KEY, drill TEXT NOT NULL, mode TEXT NOT NULL, started TEXT NOT NULL, verdict TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS runs_by_drill ON runs (drill, run);
    CREATE TABLE IF NOT EXISTS events (
        run TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, prev TEXT NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chains (chain INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS records (
        chain INTEGER NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
    );
    CREATE UNIQUE INDEX IF NOT EXISTS records_in_order ON records (chain, seq);
    CREATE TABLE IF NOT EXISTS texts (sha256 BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS summaries (
        run TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL, checksum TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS leases (run TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS imports (run TEXT PRIMARY KEY, signer TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cancels (run TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answers (
        run TEXT NOT NULL, gate TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, gate)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sweeps (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
";

/// A connection to the database of a folder, which is made (0600) where it does not exist.
pub(super) fn connect(folder: &Path) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    let failed = |source| StoreError::Folder { path: path.clone(), source };
    private::ensure(&path).map_err(failed)?;
    // SQLite, told to follow no link, refuses one in any part of the path.
    let real = fs::canonicalize(folder).map_err(failed)?.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = database(&path, Connection::open_with_flags(real, flags))?;
    database(&path, prepare(&connection))?;
    let mut found = database(&path, layout_of(&connection))?;
    if found < LAYOUT {
        found = database(&path, upgrade(&mut connection))?;
    }
    if found > LAYOUT {
        return Err(StoreError::TooNew { path, found });
    }
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)
}

fn layout_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Adds what is missing, in one piece, unless another process did so meanwhile; the layout that it has then.
fn upgrade(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = layout_of(&transaction)?;
    if found < LAYOUT {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
    }
    Ok(found.max(LAYOUT))
}

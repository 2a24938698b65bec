//! The database's layout, and opening it.
//!
//! WAL and `synchronous=FULL`: a transaction that was committed is on the disk. The layout only ever grows: a run that was
//! begun in `events` stays there to its end, and new runs go to `records`. A new database is laid out beside its place, where
//! nobody sees half of it, and synced once.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use uuid::Uuid;

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

/// SQLite's log of it.
pub(super) const LOG: &str = "drill.db-wal";

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
    // SQLite, told to follow no link, refuses one in any part of the path.
    let folder = fs::canonicalize(folder).map_err(failed)?;
    let real = folder.join(FILE);
    if is_new(&real) {
        make(&path, &folder)?;
    }
    private::ensure(&path).map_err(failed)?;
    let mut connection = database(&path, open(&real))?;
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

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags)
}

/// Whether there is neither a database nor anything that SQLite would take for a part of it: what is left of a lost one must
/// not be read into a new one.
fn is_new(path: &Path) -> bool {
    ["", "-wal", "-shm", "-journal"].iter().all(|end| {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        fs::symlink_metadata(file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    })
}

/// Makes the database of a folder, whole or not at all, and never over another process's. The first record that is written
/// syncs the folder as well. Where a file cannot get a name that way, none is made: it is laid out in its place then.
fn make(path: &Path, folder: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { path: path.to_owned(), source };
    let aside = folder.join(format!("{FILE}-{}", Uuid::new_v4().simple()));
    let file = private::create(&aside).map_err(failed)?;
    let laid_out = database(path, lay_out(&aside)).and_then(|()| file.sync_all().map_err(failed));
    // Before it has its name: whoever closes a database's file takes SQLite's locks on it from the whole process.
    drop(file);
    if laid_out.is_ok() {
        // Another process may have been sooner.
        let _ = private::place(&aside, &folder.join(FILE));
    } else {
        let _ = fs::remove_file(&aside);
    }
    laid_out
}

fn lay_out(path: &Path) -> rusqlite::Result<()> {
    let mut connection = open(path)?;
    // Nobody else knows of the file, and it is synced as a whole.
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    upgrade(&mut connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{FILE, LAYOUT, connect, layout_of};

    #[test]
    fn a_new_database_is_whole_and_its_owners_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let connection = connect(folder.path()).unwrap();
            assert_eq!(layout_of(&connection).unwrap(), LAYOUT);
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
            drop(connection);
            let left: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(left, [FILE]);
        }
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_left_of_a_lost_database_is_not_read_into_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join(format!("{FILE}-wal"));
        let connection = connect(folder.path()).unwrap();
        connection.execute("INSERT INTO cancels VALUES ('lost')", []).unwrap();
        let left = fs::read(&log).unwrap();
        assert!(!left.is_empty());
        drop(connection);
        fs::remove_file(folder.path().join(FILE)).unwrap();
        fs::write(&log, &left).unwrap();
        let connection = connect(folder.path()).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM cancels", [], |row| row.get(0)).unwrap();
        assert_eq!((layout_of(&connection).unwrap(), count), (LAYOUT, 0));
    }
}

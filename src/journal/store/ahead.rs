//! Room ahead in SQLite's log. An append that makes a file longer takes the disk half as long again as one that writes over
//! what is there: its new length is synced as well. So the log is made longer by the piece, and not by each append.
//!
//! Invariant: the room is made by whoever holds SQLite's lock for writing, behind everything that the log has. SQLite ends
//! reading a log at the first frame that is not of its present round, as it does where an earlier round was longer, and
//! zeros are of none. What cannot be made is done without.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::Transaction;

use crate::journal::private;

/// The first piece: what some fifteen small appends take.
const FIRST: usize = 128 * 1024;

/// Each piece is twice as long as the one before, up to this.
const LONGEST: usize = 1024 * 1024;

/// So many zeros at its end are room: no two pages of SQLite's are nothing else.
const ROOM: usize = 8 * 1024;

/// The room ahead in the log of one connection that writes.
#[derive(Debug)]
pub(super) struct Ahead {
    /// None where there is none, or no room: SQLite itself says what is wrong. SQLite takes no locks on it, so that it may be
    /// closed at any time.
    log: Option<File>,
    /// The log's length when there was room at its end. Another process may have made it since.
    length: u64,
    piece: usize,
}

impl Ahead {
    /// In the log of a connection that has read something: SQLite has it open, and opened it just now.
    pub(super) fn of(log: &Path) -> Self {
        Self { log: private::existing(log).ok(), length: 0, piece: FIRST }
    }

    /// Makes room if SQLite has come to the end of the log. The transaction holds its lock for writing and has written nothing.
    pub(super) fn make(&mut self, _writing: &Transaction<'_>) {
        let Some(log) = &self.log else { return };
        let Ok(length) = log.metadata().map(|log| log.len()) else { return };
        // Nothing was written to it yet: its head comes first.
        if length == 0 || length == self.length {
            return;
        }
        if has_room(log, length) {
            self.length = length;
            return;
        }
        if log.write_all_at(&vec![0; self.piece], length).is_err() {
            self.log = None;
            return;
        }
        self.length = length + u64::try_from(self.piece).unwrap_or(0);
        self.piece = (self.piece * 2).min(LONGEST);
    }
}

/// Whether another made room at the end of a log of this length.
fn has_room(log: &File, length: u64) -> bool {
    let mut end = [0xff; ROOM];
    let from = u64::try_from(ROOM).ok().and_then(|room| length.checked_sub(room));
    from.is_some_and(|from| log.read_exact_at(&mut end, from).is_ok()) && end == [0; ROOM]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rusqlite::{Connection, TransactionBehavior};

    use super::{Ahead, FIRST};

    fn connection(folder: &Path) -> Connection {
        let connection = Connection::open(folder.join("a.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE IF NOT EXISTS numbers (number INTEGER, text TEXT)").unwrap();
        connection
    }

    fn append(connection: &mut Connection, ahead: &mut Ahead, number: i64) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        ahead.make(&transaction);
        transaction.execute("INSERT INTO numbers VALUES (?1, ?2)", (number, "x".repeat(3_000))).unwrap();
        transaction.commit().unwrap();
    }

    fn numbers(folder: &Path) -> Vec<i64> {
        let connection = connection(folder);
        let mut rows = connection.prepare("SELECT number FROM numbers ORDER BY rowid").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Who finds the files as they are on the disk, without those who wrote them.
    fn after_a_crash(folder: &Path) -> Vec<i64> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["a.db", "a.db-wal"] {
            fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
        let sound: String = connection(copy.path()).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        numbers(copy.path())
    }

    #[test]
    fn two_that_write_in_turn_lose_nothing_and_a_crash_finds_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.db-wal");
        let mut writers = [(); 2].map(|()| (connection(folder.path()), Ahead::of(&log)));
        let mut lengths = Vec::new();
        for number in 0..200 {
            let (connection, ahead) = &mut writers[usize::try_from(number % 3 / 2).unwrap()];
            append(connection, ahead, number);
            lengths.push(fs::metadata(&log).unwrap().len());
            if number % 20 == 0 {
                assert_eq!(after_a_crash(folder.path()), (0..=number).collect::<Vec<_>>());
            }
        }
        lengths.dedup();
        assert!((2..20).contains(&lengths.len()), "it grows by the piece: {lengths:?}");
        assert!(lengths.last().is_some_and(|last| *last < 6 * 1024 * 1024), "each makes room for itself: {lengths:?}");
        // SQLite begins again at the log's head, and what is behind that is of no round.
        let is_busy: i64 = writers[0].0.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
        assert_eq!(is_busy, 0);
        for number in 200..220 {
            let (connection, ahead) = &mut writers[usize::try_from(number % 2).unwrap()];
            append(connection, ahead, number);
            assert_eq!(after_a_crash(folder.path()), (0..=number).collect::<Vec<_>>());
        }
        drop(writers);
        assert_eq!(numbers(folder.path()), (0..220).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_log_or_room_for_more_of_it_everything_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.db-wal");
        let mut one = connection(folder.path());
        let mut ahead = Ahead::of(&folder.path().join("none-wal"));
        append(&mut one, &mut ahead, 1);
        let piece = u64::try_from(FIRST).unwrap();
        assert!(fs::metadata(&log).unwrap().len() < piece && !folder.path().join("none-wal").exists());
        fs::create_dir(folder.path().join("folder-wal")).unwrap();
        append(&mut one, &mut Ahead::of(&folder.path().join("folder-wal")), 2);
        append(&mut one, &mut Ahead::of(&log), 3);
        assert!(fs::metadata(&log).unwrap().len() > piece);
        assert_eq!(numbers(folder.path()), [1, 2, 3]);
    }
}

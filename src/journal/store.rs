//! Journals on disk: the only importer of SQLite.
//!
//! WAL and `synchronous=FULL`: an append that returned is on the disk. Appending is only possible through a
//! [`RunJournal`], which holds the drill's lock; the operating system takes the lock back from a process that dies.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use serde::Deserialize;

use crate::journal::chain::{BrokenChain, Hash, link, verify};
use crate::journal::event::{Event, FORMAT, GateAnswer, Recorded};
use crate::journal::private;
use crate::journal::state::{Illegal, State};
use crate::journal::sweep::SweepNote;
use crate::words::id::{DrillName, Name, RunId};
use crate::words::kind::{Mode, Verdict};
use crate::words::text::tame;

/// The database's layout. It only ever grows; the journal's own format is `event::FORMAT`.
const LAYOUT: i64 = 3;

/// Nobody looks at a lock for longer than so many times [`LOOK_PASSES`], unless its process is stopped.
const MOST_LOOKS: u32 = 500;

/// Real time: a look at a lock is over long before.
const LOOK_PASSES: Duration = Duration::from_millis(10);

/// The database, in its folder.
const FILE: &str = "drill.db";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS runs (
        run TEXT PRIMARY KEY, drill TEXT NOT NULL, mode TEXT NOT NULL, started TEXT NOT NULL, verdict TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS runs_by_drill ON runs (drill, run);
    CREATE TABLE IF NOT EXISTS events (
        run TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, prev TEXT NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS leases (run TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cancels (run TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answers (
        run TEXT NOT NULL, gate TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, gate)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sweeps (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
";

/// Whether the list of runs is what the events say: none is missing, none is of another drill. One seek for each run. It
/// looks at `started` so that the rows themselves are read, and not an index of them.
const IS_WHOLE: &str = "
    WITH RECURSIVE begun(run) AS (
        SELECT min(run) FROM events
        UNION ALL
        SELECT (SELECT min(events.run) FROM events WHERE events.run > begun.run) FROM begun WHERE begun.run IS NOT NULL
    )
    SELECT NOT EXISTS (SELECT 1 FROM begun WHERE run IS NOT NULL AND run NOT IN (SELECT run FROM runs))
       AND NOT EXISTS (
           SELECT 1 FROM runs LEFT JOIN events ON events.run = runs.run AND events.seq = 1
           WHERE events.run IS NULL OR typeof(runs.drill) <> 'text' OR typeof(runs.started) <> 'text'
              OR coalesce(instr(substr(events.body, 1, 400), '\"drill\":\"' || runs.drill || '\"'), 0) = 0
       )
";

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
    /// SQLite.
    #[error("the journal `{}` cannot be used", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
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
    /// The records do not make a run.
    #[error("the journal of run {run} makes no sense")]
    Senseless {
        /// The run.
        run: RunId,
        /// Where.
        source: Illegal,
    },
}

/// Where the records of one run go. The engine writes through this; tests put a double in its place.
#[async_trait]
pub trait Append: Send {
    /// Makes events durable, in one piece: all or none. Returned means on the disk.
    ///
    /// # Errors
    /// When they could not be made durable: then nothing may be done that they announce.
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError>;

    /// Every record so far, checked.
    ///
    /// # Errors
    /// When they cannot be read or do not verify.
    fn records(&self) -> Result<Vec<Recorded>, StoreError>;

    /// That nobody else has written records of this run since this process did.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] if somebody has; another if that cannot be read.
    fn still_ours(&self) -> Result<(), StoreError>;

    /// Whether `drill cancel` was called for this run.
    ///
    /// # Errors
    /// When that cannot be read.
    fn cancel_requested(&self) -> Result<bool, StoreError>;

    /// What people said at gates with `drill approve`, in the order in which they said it.
    ///
    /// # Errors
    /// When that cannot be read.
    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError>;
}

/// One line of the list of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// Its drill.
    pub drill: DrillName,
    /// What it talked to.
    pub mode: Mode,
    /// When it started.
    pub started: Timestamp,
    /// Its verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// What it keeps on purpose stays until then, by the run's own clock.
    pub kept_until: Option<Timestamp>,
}

/// What came of [`Store::import`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The run is in the journal now.
    Taken,
    /// It was there already, with the same records.
    Had,
}

/// A folder of journals.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The lock of a drill: one run of a drill at a time.
#[derive(Debug)]
pub struct DrillLock {
    drill: DrillName,
    file: File,
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
        let store = Self { folder: folder.to_owned() };
        store.connect()?;
        Ok(store)
    }

    /// Opens a folder only if journals are in it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join(FILE).is_file() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn database<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Database { path: self.path(), source })
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let path = self.path();
        let failed = |source| StoreError::Folder { path: path.clone(), source };
        private::ensure(&path).map_err(failed)?;
        // SQLite, told to follow no link, refuses one in any part of the path.
        let real = fs::canonicalize(&self.folder).map_err(failed)?.join(FILE);
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = self.database(Connection::open_with_flags(real, flags))?;
        self.database(prepare(&connection))?;
        let found: i64 = self.database(connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        if found > LAYOUT {
            return Err(StoreError::TooNew { path, found });
        }
        if found < LAYOUT {
            self.database(connection.execute_batch(TABLES))?;
            self.database(connection.pragma_update(None, "user_version", LAYOUT))?;
        }
        Ok(connection)
    }

    /// Takes the lock of a drill. Looks of others ([`Store::is_running`]) are let pass.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self, drill: &DrillName) -> Result<DrillLock, StoreError> {
        let path = self.lock_path(drill);
        let failed = |source| StoreError::Folder { path: path.clone(), source };
        let mut file = private::open(&path).map_err(failed)?;
        for _ in 0..MOST_LOOKS {
            if had(file.try_lock()).map_err(failed)? {
                return Ok(DrillLock { drill: drill.clone(), file });
            }
            // Who runs the drill shares its lock with nobody.
            if !had(file.try_lock_shared()).map_err(failed)? {
                break;
            }
            file.unlock().map_err(failed)?;
            let_look_pass();
        }
        let mut by = String::new();
        let _ = (&mut file).take(200).read_to_string(&mut by);
        Err(StoreError::Locked { drill: drill.clone(), by: tame(by.trim()) })
    }

    fn lock_path(&self, drill: &DrillName) -> PathBuf {
        self.folder.join("locks").join(format!("{drill}.lock"))
    }

    /// Whether a process runs the drill now. To know it, the lock is shared for an instant: several may look at once, and
    /// whoever wants the lock for a run waits until they have looked.
    #[must_use]
    pub fn is_running(&self, drill: &DrillName) -> bool {
        let file = private::open(&self.lock_path(drill));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Begins a run: its first record.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn begin(
        &self,
        lock: DrillLock,
        run: RunId,
        at: Timestamp,
        first: &Event,
    ) -> Result<RunJournal, StoreError> {
        let mut journal =
            RunJournal { store: self.clone(), connection: self.connect()?, run, seq: 0, prev: Hash::zero(), lock };
        journal.append(&[(at, first.clone())]).await?;
        // After the record: a lock never names a run that the journal was not told of.
        journal.lock.say(&run, 1);
        Ok(journal)
    }

    /// Goes on with a run, after checking every record of it.
    ///
    /// # Errors
    /// When there is no such run or its records do not verify.
    pub fn go_on(&self, lock: DrillLock, run: RunId) -> Result<(RunJournal, Vec<Recorded>), StoreError> {
        let records = self.load(&run)?;
        let last = records.last().ok_or(StoreError::NoSuchRun(run))?;
        let (seq, prev) = (last.seq, last.hash.clone());
        let connection = self.connect()?;
        let all = self.database(count(&connection, &run))?;
        if all != seq {
            return Err(StoreError::Broken { run, source: BrokenChain::CutOff { seq, all } });
        }
        let mut journal = RunJournal { store: self.clone(), connection, run, seq, prev, lock };
        journal.lock.say(&run, seq);
        Ok((journal, records))
    }

    /// Every record of a run, checked against the hash chain.
    ///
    /// # Errors
    /// When there is no such run, or its records were damaged or changed.
    pub fn load(&self, run: &RunId) -> Result<Vec<Recorded>, StoreError> {
        let connection = self.connect()?;
        let mut records = self.read(&connection, run)?;
        // The run may have gone on between the look at its records and the one at its lock: what the lock tells of was
        // written before, so that it is there now or is lost.
        let told = self.told(&records).unwrap_or(0);
        if records.last().is_some_and(|last| told > last.seq) {
            records = self.read(&connection, run)?;
        }
        let Some(last) = records.last() else { return Err(StoreError::NoSuchRun(*run)) };
        if told > last.seq {
            let source = BrokenChain::CutOff { seq: last.seq, all: told };
            return Err(StoreError::Broken { run: *run, source });
        }
        Ok(records)
    }

    /// How many records a run has, as the lock of its drill says it; nothing if that speaks of a later run.
    fn told(&self, records: &[Recorded]) -> Option<u64> {
        let Some(Recorded { run, event: Event::RunStarted(started), .. }) = records.first() else { return None };
        let word = word_of(&self.lock_path(&started.drill));
        word.filter(|(named, _)| named == run).map(|(_, records)| records)
    }

    /// The run that a process has now, if one has the drill.
    #[must_use]
    pub fn running(&self, drill: &DrillName) -> Option<RunId> {
        if self.is_running(drill) { word_of(&self.lock_path(drill)).map(|(run, _)| run) } else { None }
    }

    /// A run's state, from its records.
    ///
    /// # Errors
    /// As [`Store::load`], and when the records make no sense.
    pub fn state(&self, run: &RunId) -> Result<State, StoreError> {
        State::replay(&self.load(run)?).map_err(|source| StoreError::Senseless { run: *run, source })
    }

    /// Takes over a run that was recorded elsewhere: each record with the text of its event, as
    /// [`read_written`](crate::journal::lines::read_written) gives them. All of it or nothing. A run that is there already
    /// stays as it is; it may have more records than are given (those after the verdict).
    ///
    /// # Errors
    /// When the records do not verify, the journal has the run with other records, or it cannot be written.
    pub fn import(&self, records: &[(Recorded, &str)]) -> Result<Imported, StoreError> {
        let Some((first, _)) = records.first() else { return Ok(Imported::Had) };
        let (run, mut prev) = (first.run, Hash::zero());
        for ((record, body), seq) in records.iter().zip(1_u64..) {
            verify(record, body, &run, seq, &prev).map_err(|source| StoreError::Broken { run, source })?;
            prev = record.hash.clone();
        }
        let mut connection = self.connect()?;
        let begun = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        let transaction = self.database(begun)?;
        let known = self.database(rows_of(&transaction, &run))?;
        if !known.is_empty() {
            let mut pairs = records.iter().zip(known.iter().map(Some).chain(std::iter::repeat(None)));
            let other = pairs.find(|((record, _), row)| row.is_none_or(|row| row.hash != record.hash.as_str()));
            return match other {
                Some(((record, _), _)) => Err(StoreError::Other { run, seq: record.seq }),
                None => Ok(Imported::Had),
            };
        }
        for (record, body) in records {
            self.database(insert(&transaction, record, body))?;
        }
        self.database(transaction.commit())?;
        Ok(Imported::Taken)
    }

    fn read(&self, connection: &Connection, run: &RunId) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.database(rows_of(connection, run))?;
        if let Some((format, version)) = rows.first().and_then(|row| newer(&row.body)) {
            return Err(StoreError::Newer { run: *run, format, version });
        }
        let mut records: Vec<Recorded> = Vec::with_capacity(rows.len());
        let mut prev = Hash::zero();
        for (position, row) in rows.into_iter().enumerate() {
            let seq = u64::try_from(row.seq).unwrap_or(0);
            let unreadable = |source| StoreError::Unreadable { run: *run, seq, source };
            let event: Event = serde_json::from_str(&row.body).map_err(unreadable)?;
            let at =
                row.at.parse().map_err(|_| StoreError::Broken { run: *run, source: BrokenChain::Changed { seq } })?;
            let record =
                Recorded { run: *run, seq, at, event, prev: Hash::stored(row.prev), hash: Hash::stored(row.hash) };
            verify(&record, &row.body, run, position as u64 + 1, &prev)
                .map_err(|source| StoreError::Broken { run: *run, source })?;
            prev = record.hash.clone();
            records.push(record);
        }
        Ok(records)
    }

    /// All runs, newest first; those of one drill, if it is given.
    ///
    /// # Errors
    /// When they cannot be read, or a run that was begun is not among them: an empty list would say that nothing is owed.
    pub fn runs(&self, drill: Option<&DrillName>) -> Result<Vec<RunRow>, StoreError> {
        let connection = self.connect()?;
        self.lost(&connection, drill)?;
        let is_whole: bool = self.database(connection.query_row(IS_WHOLE, [], |row| row.get(0)))?;
        if !is_whole {
            return Err(StoreError::List { path: self.path() });
        }
        let read = || -> rusqlite::Result<Option<Vec<RunRow>>> {
            let mut statement = connection.prepare_cached(
                "SELECT runs.run, drill, mode, started, verdict, until FROM runs LEFT JOIN leases ON leases.run = runs.run
                 WHERE ?1 IS NULL OR drill = ?1 ORDER BY runs.run DESC",
            )?;
            let rows = statement.query_map([drill.map(DrillName::as_str)], |row| {
                let texts: (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let known: (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
                Ok((texts, known))
            })?;
            rows.map(|row| row.map(|(texts, known)| run_row(texts, known))).collect()
        };
        self.database(read())?.ok_or_else(|| StoreError::List { path: self.path() })
    }

    /// The last run of a drill, as its lock names it, must be in the journal.
    fn lost(&self, connection: &Connection, drill: Option<&DrillName>) -> Result<(), StoreError> {
        let folder = self.folder.join("locks");
        let failed = |source| StoreError::Folder { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let lock = entry.map_err(failed)?.path();
            let asked_for = drill.is_none_or(|drill| lock.file_stem().is_some_and(|stem| stem == drill.as_str()));
            let Some((run, _)) = word_of(&lock).filter(|_| asked_for) else { continue };
            if !self.database(has(connection, &run))? {
                return Err(StoreError::Lost { path: self.path(), run, lock });
            }
        }
        Ok(())
    }

    /// The runs whose id or last digits are `text`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn find(&self, text: &str) -> Result<Vec<RunRow>, StoreError> {
        let wanted = text.to_lowercase();
        let mut rows = self.runs(None)?;
        rows.retain(|row| {
            row.run.to_string() == wanted || (wanted.len() >= 4 && row.run.to_string().ends_with(&wanted))
        });
        Ok(rows)
    }

    /// Asks a running run to end. The process that runs it looks for this.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn request_cancel(&self, run: &RunId) -> Result<(), StoreError> {
        let connection = self.connect()?;
        let text = run.to_string();
        self.database(connection.execute("INSERT OR IGNORE INTO cancels (run) VALUES (?1)", [text]).map(|_| ()))
    }

    /// Leaves an answer for a gate of a run. `false`: somebody answered already, and the first answer counts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn answer(&self, run: &RunId, gate: &Name, answer: &GateAnswer) -> Result<bool, StoreError> {
        let connection = self.connect()?;
        let body = serde_json::to_string(answer).unwrap_or_default();
        let insert = "INSERT OR IGNORE INTO answers (run, gate, body) VALUES (?1, ?2, ?3)";
        let rows = connection.execute(insert, params![run.to_string(), gate.as_str(), body]);
        self.database(rows.map(|rows| rows == 1))
    }

    /// Notes what a sweep is about to do, or did. Returned means on the disk.
    ///
    /// # Errors
    /// When the database cannot be written: then nothing may be done that the note announces.
    pub fn note_sweep(&self, note: &SweepNote) -> Result<(), StoreError> {
        let connection = self.connect()?;
        let body = serde_json::to_string(note).unwrap_or_default();
        self.database(connection.execute("INSERT INTO sweeps (body) VALUES (?1)", [body]).map(|_| ()))
    }

    /// Everything that sweeps noted, oldest first. What cannot be read is left out: a newer drill may have written it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sweeps(&self) -> Result<Vec<SweepNote>, StoreError> {
        let connection = self.connect()?;
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare_cached("SELECT body FROM sweeps ORDER BY seq")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        };
        let bodies = self.database(read())?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }
}

/// Whether a lock was had.
fn had(tried: Result<(), fs::TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(source),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process looks at the lock, which takes real time and next to none"
)]
fn let_look_pass() {
    std::thread::sleep(LOOK_PASSES);
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")
}

struct Row {
    seq: i64,
    at: String,
    body: String,
    prev: String,
    hash: String,
}

fn rows_of(connection: &Connection, run: &RunId) -> rusqlite::Result<Vec<Row>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, at, body, prev, hash FROM events WHERE run = ?1 ORDER BY seq")?;
    let rows = statement.query_map([run.to_string()], |row| {
        Ok(Row { seq: row.get(0)?, at: row.get(1)?, body: row.get(2)?, prev: row.get(3)?, hash: row.get(4)? })
    })?;
    rows.collect()
}

fn has(connection: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM events WHERE run = ?1")?.exists([run.to_string()])
}

/// How many records a run has, looked for one by one through the whole journal: a damaged key hides what is behind it from
/// every seek.
fn count(connection: &Connection, run: &RunId) -> rusqlite::Result<u64> {
    let all = "SELECT count(*) FROM events WHERE +run = ?1";
    let count: i64 = connection.query_row(all, [run.to_string()], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What a lock says of the last run of its drill: the run, and how many records it had.
fn word_of(lock: &Path) -> Option<(RunId, u64)> {
    let mut word = String::new();
    File::open(lock).ok()?.take(200).read_to_string(&mut word).ok()?;
    let mut parts = word.strip_prefix("run ")?.split(", ");
    let run = parts.next()?.parse().ok()?;
    let records = parts.find_map(|part| part.strip_prefix("record ")?.trim().parse().ok());
    Some((run, records.unwrap_or(0)))
}

/// Format and version of a run that a newer drill recorded: its events need not be readable at all.
fn newer(first: &str) -> Option<(u32, String)> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        #[serde(default)]
        version: String,
    }
    let head: Head = serde_json::from_str(first).ok()?;
    (head.format > FORMAT).then(|| (head.format, tame(&head.version)))
}

fn run_row(
    (run, drill, mode, started): (String, String, String, String),
    (verdict, until): (Option<String>, Option<String>),
) -> Option<RunRow> {
    Some(RunRow {
        run: run.parse().ok()?,
        drill: drill.parse().ok()?,
        mode: Mode::from_word(&mode)?,
        started: started.parse().ok()?,
        verdict: verdict.as_deref().and_then(Verdict::from_word),
        kept_until: until.and_then(|until| until.parse().ok()),
    })
}

/// The journal of one run, open for appending: proof that this process holds the drill's lock.
#[derive(Debug)]
pub struct RunJournal {
    store: Store,
    connection: Connection,
    run: RunId,
    seq: u64,
    prev: Hash,
    lock: DrillLock,
}

impl RunJournal {
    /// Ends the appending and gives the lock back, for the next run of the same drill.
    #[must_use]
    pub fn close(self) -> DrillLock {
        self.lock
    }

    fn write(&mut self, records: &[(Recorded, String)]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (record, body) in records {
            insert(&transaction, record, body)?;
        }
        transaction.commit()
    }
}

fn insert(connection: &Connection, record: &Recorded, body: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO events (run, seq, at, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
        record.run.to_string(),
        i64::try_from(record.seq).unwrap_or(i64::MAX),
        record.at.to_string(),
        body,
        record.prev.as_str(),
        record.hash.as_str()
    ])?;
    index(connection, record)
}

/// The list of runs is a function of the events; it is kept beside them so that listing does not replay.
fn index(connection: &Connection, record: &Recorded) -> rusqlite::Result<()> {
    let run = record.run.to_string();
    match &record.event {
        Event::RunStarted(started) => connection
            .prepare_cached("INSERT INTO runs (run, drill, mode, started) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run, started.drill.as_str(), started.mode.word(), record.at.to_string()])?,
        Event::Concluded { conclusion } => connection
            .prepare_cached("UPDATE runs SET verdict = ?2 WHERE run = ?1")?
            .execute(params![run, conclusion.verdict.word()])?,
        Event::TeardownReopened => {
            connection.prepare_cached("UPDATE runs SET verdict = NULL WHERE run = ?1")?.execute([run])?
        }
        Event::Kept { until, .. } | Event::LeaseExtended { until, .. } => connection
            .prepare_cached("INSERT OR REPLACE INTO leases (run, until) VALUES (?1, ?2)")?
            .execute(params![run, until.to_string()])?,
        Event::LeaseEnded { .. } => connection.prepare_cached("DELETE FROM leases WHERE run = ?1")?.execute([run])?,
        _ => 0,
    };
    Ok(())
}

#[async_trait]
impl Append for RunJournal {
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        let (mut seq, mut prev) = (self.seq, self.prev.clone());
        let mut records = Vec::with_capacity(events.len());
        for (at, event) in events {
            let at = *at;
            seq += 1;
            let body =
                serde_json::to_string(event).map_err(|source| StoreError::Unreadable { run: self.run, seq, source })?;
            let hash = link(&self.run, seq, at, &body, &prev);
            let record = Recorded { run: self.run, seq, at, event: event.clone(), prev, hash: hash.clone() };
            records.push((record, body));
            prev = hash;
        }
        match self.write(&records) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(StoreError::TakenOver(self.run));
            }
            written => self.store.database(written)?,
        }
        (self.seq, self.prev) = (seq, prev);
        self.lock.say(&self.run, seq);
        Ok(records.into_iter().map(|(record, _)| record).collect())
    }

    fn records(&self) -> Result<Vec<Recorded>, StoreError> {
        self.store.read(&self.connection, &self.run)
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        let last = self
            .connection
            .prepare_cached("SELECT max(seq) FROM events WHERE run = ?1")
            .and_then(|mut statement| statement.query_row([self.run.to_string()], |row| row.get::<_, Option<i64>>(0)));
        let last = self.store.database(last)?.and_then(|last| u64::try_from(last).ok());
        if last.is_some_and(|last| last > self.seq) { Err(StoreError::TakenOver(self.run)) } else { Ok(()) }
    }

    fn cancel_requested(&self) -> Result<bool, StoreError> {
        let found = self
            .connection
            .prepare_cached("SELECT 1 FROM cancels WHERE run = ?1")
            .and_then(|mut statement| statement.query_row([self.run.to_string()], |_| Ok(())).optional());
        self.store.database(found).map(|row| row.is_some())
    }

    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT gate, body FROM answers WHERE run = ?1")?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
            statement.query_map([self.run.to_string()], row)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = self.store.database(read())?;
        // Only `drill approve` writes here; what cannot be read is no answer.
        let parsed = rows.into_iter().filter_map(|(gate, body)| {
            Some((gate.parse::<Name>().ok()?, serde_json::from_str::<GateAnswer>(&body).ok()?))
        });
        Ok(parsed.collect())
    }
}

impl DrillLock {
    /// The drill that is locked.
    #[must_use]
    pub fn drill(&self) -> &DrillName {
        &self.drill
    }

    /// Leaves a word for whoever finds the drill locked, and for whoever finds a journal that is shorter than this says.
    /// Only a courtesy: the lock itself is the operating system's, and what was not written is not missed.
    fn say(&mut self, run: &RunId, records: u64) {
        let word = format!("run {run}, process {}, record {records}", std::process::id());
        let length = u64::try_from(word.len()).unwrap_or(0);
        let _ = self.file.write_all_at(word.as_bytes(), 0).and_then(|()| self.file.set_len(length));
    }
}

//! Reading one run: its records from wherever they stand, each checked against the one before.

use std::collections::HashMap;
use std::mem;
use std::num::NonZero;
use std::thread;

use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;

use crate::journal::chain::{BrokenChain, Hash, verify_at};
use crate::journal::event::{Event, FORMAT};
use crate::journal::record::{Position, Recorded};
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::lock::DrillLock;
use crate::journal::store::texts::whole;
use crate::journal::store::write::{Home, RunJournal};
use crate::journal::tagged::event_of;
use crate::words::both::each;
use crate::words::id::RunId;
use crate::words::text::tame;

/// Threads that read at once, at most.
const MOST_THREADS: usize = 8;

/// Fewer records of a run are checked by one thread.
const MANY: usize = 2_000;

/// A record as it stands in its table.
#[derive(Debug)]
pub(super) struct Row<T = String> {
    pub(super) seq: i64,
    pub(super) at: T,
    /// The event's text; none if a part of it that is kept apart is not there.
    pub(super) body: Option<T>,
    /// Only `events` say what they continue.
    pub(super) prev: Option<Hash>,
    pub(super) hash: Hash,
}

/// What stands in the tables for one run.
#[derive(Debug)]
pub(super) struct Stored {
    chain: Option<i64>,
    in_events: bool,
    pub(super) rows: Vec<Row>,
}

impl Stored {
    pub(super) fn home(&self) -> Home {
        self.chain.map_or(Home::Events, Home::Chain)
    }
}

/// How many records there are of each run, looked for one by one through the whole journal.
#[derive(Debug, Default)]
pub(super) struct Counted {
    chains: HashMap<i64, u64>,
    events: HashMap<String, u64>,
}

impl Counted {
    fn of(&self, home: Home, run: &RunId) -> u64 {
        let count = match home {
            Home::Chain(chain) => self.chains.get(&chain),
            Home::New | Home::Events => self.events.get(&run.to_string()),
        };
        count.copied().unwrap_or(0)
    }
}

impl Store {
    /// Goes on with a run, after checking every record of it.
    ///
    /// # Errors
    /// When there is no such run or its records do not verify.
    pub fn go_on(&self, lock: DrillLock, run: RunId) -> Result<(RunJournal, Vec<Recorded>), StoreError> {
        self.shared.group.settle();
        let (home, records) = self.loaded(&run)?;
        let last = records.last().ok_or(StoreError::NoSuchRun(run))?;
        let (seq, prev) = (last.seq, last.hash.clone());
        let all = self.counted(home, &run, seq)?;
        if all != seq {
            return Err(StoreError::Broken { run, source: BrokenChain::CutOff { seq, all } });
        }
        Ok((self.taken_up(lock, run, home, (seq, prev)), records))
    }

    /// The journal of a run that was read to its last record.
    pub(super) fn taken_up(&self, mut lock: DrillLock, run: RunId, home: Home, last: (u64, Hash)) -> RunJournal {
        lock.say(&run, last.0);
        RunJournal::new(self.clone(), run, home, last, lock)
    }

    /// Every record of a run, checked against the hash chain.
    ///
    /// # Errors
    /// When there is no such run, or its records were damaged or changed.
    pub fn load(&self, run: &RunId) -> Result<Vec<Recorded>, StoreError> {
        self.loaded(run).map(|(_, records)| records)
    }

    pub(super) fn loaded(&self, run: &RunId) -> Result<(Home, Vec<Recorded>), StoreError> {
        let stored = self.reading(|connection| stored(connection, run))?;
        let (home, is_chained) = (stored.home(), stored.chain.is_some());
        let mut records = decoded(run, stored)?;
        // The run may have gone on between the look at its records and the one at its lock: what the lock tells of was
        // written before, so that it is there now or is lost.
        let told = self.told_of(&records).unwrap_or(0);
        if records.last().is_some_and(|last| told > last.seq) {
            records = self.records(run)?;
        }
        let Some(last) = records.last() else {
            let missing = StoreError::Broken { run: *run, source: BrokenChain::Missing };
            return Err(if is_chained { missing } else { StoreError::NoSuchRun(*run) });
        };
        if told > last.seq {
            let source = BrokenChain::CutOff { seq: last.seq, all: told };
            return Err(StoreError::Broken { run: *run, source });
        }
        Ok((home, records))
    }

    /// The records of a run that is being written.
    pub(super) fn records(&self, run: &RunId) -> Result<Vec<Recorded>, StoreError> {
        decoded(run, self.reading(|connection| stored(connection, run))?)
    }

    /// The number of a run's last record, as far as its key or its index shows it.
    pub(super) fn last(&self, home: Home, run: &RunId) -> Result<Option<u64>, StoreError> {
        let last: Option<i64> = self.reading(|connection| match home {
            Home::New => Ok(None),
            Home::Chain(chain) => {
                let last = "SELECT max(seq) FROM records WHERE chain = ?1";
                connection.prepare_cached(last)?.query_row([chain], |row| row.get(0))
            }
            Home::Events => {
                let last = "SELECT max(seq) FROM events WHERE run = ?1";
                connection.prepare_cached(last)?.query_row([run.to_string()], |row| row.get(0))
            }
        })?;
        Ok(last.and_then(|last| u64::try_from(last).ok()))
    }

    /// A run's state, from its records.
    ///
    /// # Errors
    /// As [`Store::load`], and when the records make no sense.
    pub fn state(&self, run: &RunId) -> Result<State, StoreError> {
        State::replay(&self.load(run)?).map_err(|source| StoreError::Senseless { run: *run, source })
    }

    /// The number and the hash of a run's last record, as far as its key or its index shows it.
    pub(super) fn tail(&self, home: Home, run: &RunId) -> Result<Option<(u64, Hash)>, StoreError> {
        let tail: Option<(i64, Hash)> = self.reading(|connection| match home {
            Home::New => Ok(None),
            Home::Chain(chain) => {
                let tail = "SELECT seq, hash FROM records WHERE chain = ?1 ORDER BY seq DESC LIMIT 1";
                let mut statement = connection.prepare_cached(tail)?;
                let tail = statement.query_row([chain], |row| {
                    let hash = Hash::of_bytes(row.get_ref(1)?.as_bytes()?);
                    Ok((row.get(0)?, hash))
                });
                tail.optional()
            }
            Home::Events => {
                let tail = "SELECT seq, hash FROM events WHERE run = ?1 ORDER BY seq DESC LIMIT 1";
                let mut statement = connection.prepare_cached(tail)?;
                let tail = statement.query_row([run.to_string()], |row| Ok((row.get(0)?, Hash::stored(row.get(1)?))));
                tail.optional()
            }
        })?;
        Ok(tail.and_then(|(seq, hash)| Some((u64::try_from(seq).ok()?, hash))))
    }

    /// How many records a run has that can be reached by `expected` of them. Everything is counted once, and once more
    /// where the number is another one: the run may have been written since.
    pub(super) fn counted(&self, home: Home, run: &RunId, expected: u64) -> Result<u64, StoreError> {
        let known = self.known_counts().of(home, run);
        if known == expected {
            return Ok(known);
        }
        let counted = self.reading(count)?;
        let found = counted.of(home, run);
        *self.known_counts() = counted;
        Ok(found)
    }
}

/// What stands in the tables for a run, old and new.
pub(super) fn stored(connection: &Connection, run: &RunId) -> rusqlite::Result<Stored> {
    let run = run.to_string();
    let mut find = connection.prepare_cached("SELECT chain FROM chains WHERE run = ?1")?;
    let chain: Option<i64> = find.query_row([&run], |row| row.get(0)).optional()?;
    let in_events = connection.prepare_cached("SELECT 1 FROM events WHERE run = ?1")?.exists([&run])?;
    let rows = match chain {
        Some(chain) => records_of(connection, chain)?,
        None if in_events => events_of(connection, &run)?,
        None => Vec::new(),
    };
    Ok(Stored { chain, in_events, rows })
}

fn records_of(connection: &Connection, chain: i64) -> rusqlite::Result<Vec<Row>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, at, body, hash FROM records WHERE chain = ?1 ORDER BY seq")?;
    let rows = statement.query_map([chain], |row| {
        let hash = Hash::of_bytes(row.get_ref(3)?.as_bytes()?);
        Ok(Row { seq: row.get(0)?, at: row.get::<_, String>(1)?, body: Some(row.get(2)?), prev: None, hash })
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<Row>>>()?;
    if let Some(first) = rows.first_mut()
        && let Some(body) = first.body.take()
    {
        first.body = whole(connection, body)?;
    }
    Ok(rows)
}

fn events_of(connection: &Connection, run: &str) -> rusqlite::Result<Vec<Row>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, at, body, prev, hash FROM events WHERE run = ?1 ORDER BY seq")?;
    let rows = statement.query_map([run], |row| {
        let (prev, hash) = (Hash::stored(row.get(3)?), Hash::stored(row.get(4)?));
        Ok(Row { seq: row.get(0)?, at: row.get::<_, String>(1)?, body: Some(row.get(2)?), prev: Some(prev), hash })
    })?;
    rows.collect()
}

/// The records that stand there, each checked against the one before. Which hash that has stands beside it, so many are
/// checked in parts, each part by a thread. What is wrong first is said, as if they had been checked one by one.
pub(super) fn decoded(run: &RunId, stored: Stored) -> Result<Vec<Recorded>, StoreError> {
    if stored.chain.is_some() && stored.in_events {
        return Err(StoreError::Broken { run: *run, source: BrokenChain::Twice });
    }
    let mut rows = stored.rows;
    let all = rows.len();
    let size = if all < MANY { all } else { all.div_ceil(threads()) };
    let (mut begins, mut prev) = (1, Hash::zero());
    let mut parts = Vec::new();
    while rows.len() > size {
        let rest = rows.split_off(size);
        let part = mem::replace(&mut rows, rest);
        let next = part.last().map_or_else(Hash::zero, |last| last.hash.clone());
        let (seq, before) = (begins, mem::replace(&mut prev, next));
        begins += u64::try_from(part.len()).unwrap_or(0);
        parts.push((part, seq, before));
    }
    if parts.is_empty() {
        return in_order(run, rows, begins, prev);
    }
    parts.push((rows, begins, prev));
    let mut records = Vec::with_capacity(all);
    for part in each(parts, |(part, seq, before)| in_order(run, part, seq, before)) {
        records.append(&mut part?);
    }
    Ok(records)
}

/// The records of rows that follow each other: the first of them has this number and comes after this hash.
fn in_order(run: &RunId, rows: Vec<Row>, begins: u64, mut prev: Hash) -> Result<Vec<Recorded>, StoreError> {
    let mut records = Vec::with_capacity(rows.len());
    for (expected, row) in (begins..).zip(rows) {
        let (position, event) = checked(run, &row, expected, &prev, event_of)?;
        prev = position.hash.clone();
        records.push(Recorded::read(position, event, row.body.unwrap_or_default()));
    }
    Ok(records)
}

/// The place and the event of a row, checked against the record before it.
pub(super) fn checked<T: AsRef<str>>(
    run: &RunId,
    row: &Row<T>,
    expected: u64,
    prev: &Hash,
    event_of: impl FnOnce(&str) -> serde_json::Result<Event>,
) -> Result<(Position, Event), StoreError> {
    let seq = u64::try_from(row.seq).unwrap_or(0);
    let broken = |source| StoreError::Broken { run: *run, source };
    let changed = || broken(BrokenChain::Changed { seq });
    let body: &str = row.body.as_ref().ok_or_else(changed)?.as_ref();
    let at = row.at.as_ref().parse().map_err(|_| changed())?;
    let before = row.prev.as_ref().unwrap_or(prev).clone();
    let event = event_of(body).map_err(|source| {
        let newer = newer(body).filter(|_| expected == 1);
        let newer = newer.map(|(format, version)| StoreError::Newer { run: *run, format, version });
        newer.unwrap_or(StoreError::Unreadable { run: *run, seq, source })
    })?;
    if let Event::RunStarted(started) = &event
        && started.format > FORMAT
    {
        let (format, version) = (started.format, tame(&started.version));
        return Err(StoreError::Newer { run: *run, format, version });
    }
    let position = Position { run: *run, seq, at, prev: before, hash: row.hash.clone() };
    verify_at(&position, body, run, expected, prev).map_err(broken)?;
    Ok((position, event))
}

/// How many threads read at once.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// Whether the journal has any record of a run.
pub(super) fn has(connection: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    let any = "SELECT 1 FROM chains JOIN records ON records.chain = chains.chain WHERE chains.run = ?1
               UNION ALL SELECT 1 FROM events WHERE run = ?1";
    connection.prepare_cached(any)?.exists([run.to_string()])
}

/// Every record is looked at in its table, whatever the keys and the index of it say: a damaged one hides what is behind it
/// from every seek.
fn count(connection: &Connection) -> rusqlite::Result<Counted> {
    let mut counted = Counted::default();
    let mut statement = connection.prepare_cached("SELECT chain FROM records NOT INDEXED")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // What is no number is a record of nobody.
        if let Ok(chain) = row.get_ref(0)?.as_i64() {
            *counted.chains.entry(chain).or_default() += 1;
        }
    }
    let mut statement = connection.prepare_cached("SELECT run, count(*) FROM events GROUP BY run")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Ok(run), Ok(count)) = (row.get::<_, String>(0), row.get::<_, i64>(1)) {
            *counted.events.entry(run).or_default() += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(counted)
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

//! Writing: the journal of one run, and what stands in the tables for each of its records.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::journal::chain::Hash;
use crate::journal::event::{Event, GateAnswer};
use crate::journal::record::Recorded;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::group::Unwritten;
use crate::journal::store::lock::DrillLock;
use crate::journal::store::origin::Origin;
use crate::journal::store::park::ParkedJournal;
use crate::journal::store::summaries::{Summary, forget, note};
use crate::journal::store::texts::{Text, cut, keep};
use crate::words::id::{Name, RunId};

/// Where the records of one run go. The engine writes through this; tests put a double in its place.
#[async_trait]
pub trait Append: Send {
    /// Makes events durable, in one piece: all or none. Returned means on the disk. If the caller stops waiting, they may
    /// be on the disk or not, and nothing more can be appended.
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

/// Where the records of a run stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere yet: a chain is made for the first of them.
    New,
    /// In `records`, under this number.
    Chain(i64),
    /// In `events`, where runs were begun before layout 4.
    Events,
}

/// Records of one run that are written in one piece.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) home: Home,
    lines: Vec<Line>,
    /// What later runs need, if the run is over with it.
    summary: Option<Summary>,
}

#[derive(Debug)]
struct Line {
    record: Recorded,
    at: String,
    hash: [u8; 32],
    /// The event's text with marks in the places of `texts`, if there are any.
    marked: Option<String>,
    texts: Vec<Text>,
}

impl Line {
    /// What stands in the table for the event's text.
    fn body(&self) -> &str {
        self.marked.as_deref().unwrap_or_else(|| self.record.body())
    }
}

impl Batch {
    pub(super) fn new(home: Home) -> Self {
        Self { home, lines: Vec::new(), summary: None }
    }

    pub(super) fn push(&mut self, record: Recorded) {
        let is_first = self.home == Home::New && record.seq == 1;
        let (marked, texts) = if is_first { cut(record.body()) } else { (String::new(), Vec::new()) };
        let marked = (!texts.is_empty()).then_some(marked);
        let hash = record.hash.to_bytes().unwrap_or_default();
        self.lines.push(Line { at: record.at.to_string(), record, hash, marked, texts });
    }

    /// How many records it has.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many bytes their events have.
    pub(super) fn bytes(&self) -> usize {
        self.lines.iter().map(|line| line.body().len()).sum()
    }

    fn into_records(self) -> Vec<Recorded> {
        self.lines.into_iter().map(|line| line.record).collect()
    }
}

/// Writes a batch, and says where its records stand now.
pub(super) fn insert(connection: &Connection, batch: &Batch) -> rusqlite::Result<Home> {
    let mut home = batch.home;
    for line in &batch.lines {
        let Line { record, texts, .. } = line;
        if home == Home::New {
            let insert = "INSERT INTO chains (run) VALUES (?1)";
            home = Home::Chain(connection.prepare_cached(insert)?.insert([record.run.to_string()])?);
        }
        texts.iter().try_for_each(|text| keep(connection, text))?;
        match home {
            Home::Chain(chain) => insert_record(connection, chain, line)?,
            Home::New | Home::Events => insert_event(connection, line)?,
        }
        index(connection, record)?;
    }
    if let Some(summary) = &batch.summary {
        note(connection, summary)?;
    }
    Ok(home)
}

fn insert_record(connection: &Connection, chain: i64, line: &Line) -> rusqlite::Result<()> {
    let Line { record, at, hash, .. } = line;
    connection
        .prepare_cached("INSERT INTO records (chain, seq, at, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![chain, number(record.seq), at, line.body(), &hash[..]])?;
    Ok(())
}

fn insert_event(connection: &Connection, line: &Line) -> rusqlite::Result<()> {
    let Line { record, at, .. } = line;
    connection
        .prepare_cached("INSERT INTO events (run, seq, at, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
        record.run.to_string(),
        number(record.seq),
        at,
        line.body(),
        record.prev.to_string(),
        record.hash.to_string()
    ])?;
    Ok(())
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// The list of runs is a function of the events; it is kept beside them so that listing does not replay.
fn index(connection: &Connection, record: &Recorded) -> rusqlite::Result<()> {
    let run = || record.run.to_string();
    match &record.event {
        Event::RunStarted(started) => connection
            .prepare_cached("INSERT INTO runs (run, drill, mode, started) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run(), started.drill.as_str(), started.mode.word(), record.at.to_string()])?,
        Event::Concluded { conclusion } => {
            forget(connection, &record.run)?;
            connection
                .prepare_cached("UPDATE runs SET verdict = ?2 WHERE run = ?1")?
                .execute(params![run(), conclusion.verdict.word()])?
        }
        Event::TeardownReopened => {
            forget(connection, &record.run)?;
            connection.prepare_cached("UPDATE runs SET verdict = NULL WHERE run = ?1")?.execute([run()])?
        }
        Event::Kept { until, .. } | Event::LeaseExtended { until, .. } => connection
            .prepare_cached("INSERT OR REPLACE INTO leases (run, until) VALUES (?1, ?2)")?
            .execute(params![run(), until.to_string()])?,
        Event::LeaseEnded { .. } => connection.prepare_cached("DELETE FROM leases WHERE run = ?1")?.execute([run()])?,
        _ => 0,
    };
    Ok(())
}

/// The journal of one run, open for appending: proof that this process holds the drill's lock.
#[derive(Debug)]
pub struct RunJournal {
    pen: Pen,
    run: RunId,
    home: Home,
    seq: u64,
    prev: Hash,
    lock: DrillLock,
    /// Nobody waited for the last append, so `seq` and `prev` may be of a record that is not the last.
    is_spent: bool,
}

/// One of those who may append to a store.
#[derive(Debug)]
struct Pen {
    store: Store,
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.store.shared.group.leave();
    }
}

impl RunJournal {
    pub(super) fn new(store: Store, run: RunId, home: Home, last: (u64, Hash), lock: DrillLock) -> Self {
        let (seq, prev) = last;
        store.shared.group.enter();
        Self { pen: Pen { store }, run, home, seq, prev, lock, is_spent: false }
    }

    /// Where the run's journal comes from.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn origin(&self) -> Result<Origin, StoreError> {
        self.pen.store.origin(&self.run)
    }

    /// Ends the appending and gives the lock back, for the next run of the same drill.
    #[must_use]
    pub fn close(self) -> DrillLock {
        self.lock
    }

    /// Leaves the journal until somebody drives the run again. The lock stays, and nothing but this goes on with it.
    #[must_use]
    pub fn park(self) -> ParkedJournal {
        let Self { pen, run, home, seq, prev, lock, .. } = self;
        ParkedJournal { store: pen.store.clone(), run, home, last: (seq, prev), lock: lock.park() }
    }

    /// The records of these events: the ones that come next in the run.
    fn following(&self, events: &[(Timestamp, Event)]) -> Result<Batch, StoreError> {
        let mut batch = Batch::new(self.home);
        let (mut seq, mut prev) = (self.seq, self.prev.clone());
        for (at, event) in events {
            seq += 1;
            let record = Recorded::new(self.run, seq, *at, event.clone(), prev)
                .map_err(|source| StoreError::Unreadable { run: self.run, seq, source })?;
            prev = record.hash.clone();
            batch.push(record);
        }
        if events.iter().any(|(_, event)| matches!(event, Event::Concluded { .. })) {
            batch.summary = self.summary_with(&batch);
        }
        Ok(batch)
    }

    /// What is to be kept of the run once these records are there. It is only for speed: if it cannot be had, it is not kept.
    fn summary_with(&self, batch: &Batch) -> Option<Summary> {
        let summarize = self.pen.store.shared.summarize.get()?;
        let mut records = self.pen.store.records(&self.run).ok()?;
        records.extend(batch.lines.iter().map(|line| line.record.clone()));
        Summary::of(&records, *summarize)
    }
}

#[async_trait]
impl Append for RunJournal {
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        if self.is_spent {
            return Err(StoreError::Spent(self.run));
        }
        let batch = self.following(events)?;
        self.is_spent = true;
        let written = self.pen.store.shared.group.append(batch).await;
        self.is_spent = false;
        let batch = written.map_err(|why| self.pen.store.unwritten(self.run, why))?;
        self.home = batch.home;
        let records = batch.into_records();
        if let Some(last) = records.last() {
            (self.seq, self.prev) = (last.seq, last.hash.clone());
        }
        self.lock.say(&self.run, self.seq);
        Ok(records)
    }

    fn records(&self) -> Result<Vec<Recorded>, StoreError> {
        self.pen.store.records(&self.run)
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        let last = self.pen.store.last(self.home, &self.run)?;
        if last.is_some_and(|last| last > self.seq) { Err(StoreError::TakenOver(self.run)) } else { Ok(()) }
    }

    fn cancel_requested(&self) -> Result<bool, StoreError> {
        self.pen.store.cancel_requested(&self.run)
    }

    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        self.pen.store.answers(&self.run)
    }
}

impl Store {
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
        // The lock names it only after the record: a lock never names a run that the journal was not told of.
        let mut journal = RunJournal::new(self.clone(), run, Home::New, (0, Hash::zero()), lock);
        journal.append(&[(at, first.clone())]).await?;
        Ok(journal)
    }

    fn unwritten(&self, run: RunId, why: Unwritten) -> StoreError {
        let path = self.path();
        match why {
            Unwritten::TakenOver => StoreError::TakenOver(run),
            Unwritten::Failed(source) => StoreError::Database { path, source },
            Unwritten::Closed(source) => StoreError::Closed { path, source },
            Unwritten::Unknown => StoreError::Spent(run),
        }
    }
}

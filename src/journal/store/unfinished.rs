//! All runs that are not over, in one pass through the journals.
//!
//! Thousands of runs wait in the same table, their records one among the other in the order of their arrival. One reader goes
//! through it once, from the first record of the oldest of them, and hands each record to the fold of its run; the folds
//! are done by as many threads as the machine has. What the pass sees is what stands in the table, so it counts the
//! records as well: none is hidden by a damaged index. A plan that many first records have is read once for all of them.
//!
//! Between the pass and the lock of a run its process may have lived, so whoever takes the run up looks at its last record
//! and at the word in its lock once more. Where they are others, or anything was wrong, the run is read by itself.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use rusqlite::{Connection, OptionalExtension as _, Row as Found};

use crate::journal::chain::{BrokenChain, Hash};
use crate::journal::event::Event;
use crate::journal::record::Position;
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::list::RunRow;
use crate::journal::store::lock::DrillLock;
use crate::journal::store::read::{Row, checked, threads};
use crate::journal::store::texts::{Kept, Known};
use crate::journal::store::write::{Home, RunJournal};
use crate::journal::tagged::event_of;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::Verdict;

/// Fewer runs are read one by one, each through the index: there may be many others between their records.
const FEW: usize = 32;

/// Records that are handed over at once, and how often that may be ahead of the fold.
const HANDFUL: usize = 256;
const AHEAD: usize = 8;

/// How long the texts of a record are, about, in bytes: so much is asked for at once.
const TEXTS: usize = 384;

/// A run to which something may be owed, read to its last record.
#[derive(Debug)]
pub struct Unfinished {
    /// Its state.
    pub state: Box<State>,
    home: Home,
    last: (u64, Hash),
    /// All of its records in the table were seen, and not those alone that can be reached.
    is_counted: bool,
}

/// Records on their way to the folds of their runs. Their texts stand in one piece: what one thread asks for and another
/// gives back is a few pieces of memory, and not some for each record.
struct Handful {
    texts: String,
    sent: Vec<Sent>,
}

/// One of them.
struct Sent {
    /// Which of the folds of the thread.
    fold: usize,
    seq: i64,
    at: Range<usize>,
    /// Without the text of its event, if that is in `first`.
    body: Option<Range<usize>>,
    hash: Hash,
    /// A first record, which may have texts in common with others.
    first: Option<Kept>,
}

impl Handful {
    fn new() -> Self {
        Self { texts: String::with_capacity(HANDFUL * TEXTS), sent: Vec::with_capacity(HANDFUL) }
    }

    fn put(
        &mut self,
        connection: &Connection,
        fold: usize,
        row: &Found<'_>,
        texts: &mut Known,
    ) -> rusqlite::Result<()> {
        let (seq, at, body): (i64, &str, &str) = (row.get(1)?, row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
        let hash = Hash::of_bytes(row.get_ref(4)?.as_bytes()?);
        let first = if seq == 1 { texts.first(connection, body.to_owned())? } else { None };
        let (at, body) = (self.add(at), (seq != 1).then(|| self.add(body)));
        self.sent.push(Sent { fold, seq, at, body, hash, first });
        Ok(())
    }

    /// What stands for a row whose columns are not what a drill writes.
    fn put_unreadable(&mut self, fold: usize) {
        self.sent.push(Sent { fold, seq: 0, at: 0..0, body: None, hash: Hash::zero(), first: None });
    }

    fn add(&mut self, text: &str) -> Range<usize> {
        let begins = self.texts.len();
        self.texts.push_str(text);
        begins..self.texts.len()
    }

    /// Hands each record to its fold.
    fn fold(self, folds: &mut [Fold]) {
        let text = |range: Range<usize>| self.texts.get(range).unwrap_or_default();
        for Sent { fold, seq, at, body, hash, first } in self.sent {
            if let Some(fold) = folds.get_mut(fold) {
                let row = Row { seq, at: text(at), body: body.map(text), prev: None, hash };
                fold.add(row, first.as_ref());
            }
        }
    }
}

/// A run, as far as its records were folded.
struct Fold {
    run: RunId,
    chain: i64,
    last: (u64, Hash),
    state: Option<Box<State>>,
    broken: Option<StoreError>,
}

impl Fold {
    fn new(run: RunId, chain: i64) -> Self {
        Self { run, chain, last: (0, Hash::zero()), state: None, broken: None }
    }

    fn add(&mut self, row: Row<&str>, first: Option<&Kept>) {
        if self.broken.is_none() {
            self.broken = self.follow(row, first).err();
        }
    }

    fn follow(&mut self, row: Row<&str>, first: Option<&Kept>) -> Result<(), StoreError> {
        let run = self.run;
        let whole = first.map(Kept::whole);
        let row = Row { body: whole.as_deref().or(row.body), ..row };
        // The hash is over the whole text, whatever way the event was come by.
        let event = |whole: &str| match first.and_then(Kept::started) {
            Some(started) => Ok(Event::RunStarted(Box::new(started))),
            None => event_of(whole),
        };
        let (Position { seq, at, hash, .. }, event) = checked(&run, &row, self.last.0 + 1, &self.last.1, event)?;
        let senseless = |source| StoreError::Senseless { run, source };
        match &mut self.state {
            Some(state) => state.apply(at, &event).map_err(senseless)?,
            None => self.state = Some(Box::new(State::begin_with(run, at, event).map_err(senseless)?)),
        }
        self.last = (seq, hash);
        Ok(())
    }

    fn end(self) -> Result<Unfinished, StoreError> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let missing = || StoreError::Broken { run: self.run, source: BrokenChain::Missing };
        let state = self.state.ok_or_else(missing)?;
        Ok(Unfinished { state, home: Home::Chain(self.chain), last: self.last, is_counted: true })
    }
}

/// A run that is not over, with its state, or with the reason why that cannot be had.
pub type Owed = (RunRow, Result<Unfinished, StoreError>);

impl Store {
    /// Every run to which something may be owed, oldest first: it is not over, it leaked, or it keeps something. Each with
    /// its state, or with the reason why that cannot be had.
    ///
    /// # Errors
    /// When the list of runs cannot be read.
    pub fn unfinished(&self, drill: Option<&DrillName>) -> Result<Vec<Owed>, StoreError> {
        // What a lock tells of was written before, so the pass sees it, or it is lost.
        let last = self.last_runs(drill)?;
        self.check_list(&last)?;
        let told: HashMap<RunId, u64> = last.into_iter().map(|word| (word.run, word.records)).collect();
        let mut rows = self.listed(drill, None, usize::MAX)?;
        rows.retain(|row| matches!(row.verdict, None | Some(Verdict::Leaked)) || row.kept_until.is_some());
        rows.reverse();
        let mut read = if rows.len() < FEW { HashMap::new() } else { self.in_one_pass(&rows)? };
        let with_state = |row: RunRow| {
            let state = read.remove(&row.run).unwrap_or_else(|| self.by_itself(&row.run));
            let state = state.and_then(|one| complete(one, told.get(&row.run).copied()));
            (row, state)
        };
        Ok(rows.into_iter().map(with_state).collect())
    }

    /// Goes on with a run that was read before, unless somebody wrote to it since: then it is read again.
    ///
    /// # Errors
    /// As [`Store::go_on`], and when the records make no sense.
    pub fn take_up(&self, lock: DrillLock, one: Unfinished) -> Result<(RunJournal, State), StoreError> {
        self.shared.group.settle();
        let run = one.state.run;
        if self.is_as_read(&lock, &one)? {
            return Ok((self.taken_up(lock, run, one.home, one.last), *one.state));
        }
        let (journal, records) = self.go_on(lock, run)?;
        let state = State::replay(&records).map_err(|source| StoreError::Senseless { run, source })?;
        Ok((journal, state))
    }

    /// Whether nothing was written to a run, or lost of it, since it was read.
    fn is_as_read(&self, lock: &DrillLock, one: &Unfinished) -> Result<bool, StoreError> {
        let (run, seq) = (&one.state.run, one.last.0);
        let is_told = lock.told(run).is_none_or(|told| told <= seq);
        if !is_told || self.tail(one.home, run)?.as_ref() != Some(&one.last) {
            return Ok(false);
        }
        Ok(one.is_counted || self.counted(one.home, run, seq)? == seq)
    }

    fn by_itself(&self, run: &RunId) -> Result<Unfinished, StoreError> {
        let (home, records) = self.loaded(run)?;
        let last = records.last().map_or_else(|| (0, Hash::zero()), |last| (last.seq, last.hash.clone()));
        let state = State::replay(&records).map_err(|source| StoreError::Senseless { run: *run, source })?;
        Ok(Unfinished { state: Box::new(state), home, last, is_counted: false })
    }

    /// Those of the runs that stand in `records`. If the table cannot be gone through, or a thread cannot be had, none: each is
    /// read by itself then, and says what is wrong with it, if anything is.
    fn in_one_pass(&self, rows: &[RunRow]) -> Result<HashMap<RunId, Result<Unfinished, StoreError>>, StoreError> {
        let connection = self.connect()?;
        let chains: HashMap<RunId, i64> = self.database(chains_of(&connection))?;
        let threads = threads();
        let mut parts: Vec<Vec<Fold>> = (0..threads).map(|_| Vec::new()).collect();
        let mut homes = Homes::new();
        for (row, part) in rows.iter().zip((0..threads).cycle()) {
            if let (Some(chain), Some(folds)) = (chains.get(&row.run), parts.get_mut(part)) {
                homes.insert(*chain, (part, folds.len()));
                folds.push(Fold::new(row.run, *chain));
            }
        }
        let Some((folds, strays)) = fold_all(&connection, parts, &homes) else { return Ok(HashMap::new()) };
        // A run in both tables, or with a record where none can be, is damage, and whoever reads it by itself finds that.
        let in_both = self.database(in_events(&connection))?;
        let folds = folds.into_iter().flatten();
        let sound = folds.filter(|fold| !strays.contains(&fold.chain) && !in_both.contains(&fold.run));
        Ok(sound.map(|fold| (fold.run, fold.end())).collect())
    }
}

/// Which thread folds a chain, and which of its folds that is.
type Homes = HashMap<i64, (usize, usize)>;

/// The lock of a drill may say that its last run had more records.
fn complete(one: Unfinished, told: Option<u64>) -> Result<Unfinished, StoreError> {
    let (run, seq) = (one.state.run, one.last.0);
    match told.filter(|told| *told > seq) {
        Some(all) => Err(StoreError::Broken { run, source: BrokenChain::CutOff { seq, all } }),
        None => Ok(one),
    }
}

/// Goes through the table, and gives each record to the thread that folds its run. Besides the folds: the chains of which
/// records stand before all that was gone through. Nothing if that could not be done.
fn fold_all(connection: &Connection, parts: Vec<Vec<Fold>>, homes: &Homes) -> Option<(Vec<Vec<Fold>>, HashSet<i64>)> {
    thread::scope(|scope| {
        let mut senders = Vec::with_capacity(parts.len());
        let mut threads = Vec::with_capacity(parts.len());
        for mut folds in parts {
            let (sender, receiver) = sync_channel::<Handful>(AHEAD);
            senders.push(sender);
            let thread = thread::Builder::new().spawn_scoped(scope, move || {
                for handful in receiver {
                    handful.fold(&mut folds);
                }
                folds
            });
            threads.push(thread.ok()?);
        }
        let read = hand_out(connection, homes, &senders);
        // The threads end when nothing more can come.
        drop(senders);
        let folds = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let folds: Vec<Vec<Fold>> = folds.collect();
        Some((folds, read.ok()?))
    })
}

fn hand_out(connection: &Connection, homes: &Homes, senders: &[SyncSender<Handful>]) -> rusqlite::Result<HashSet<i64>> {
    let Some(oldest) = homes.keys().min() else { return Ok(HashSet::new()) };
    let begins = first_of(connection, *oldest)?;
    let mut texts = Known::default();
    let mut hands: Vec<Handful> = senders.iter().map(|_| Handful::new()).collect();
    let every = "SELECT chain, seq, at, body, hash FROM records NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid";
    let mut statement = connection.prepare(every)?;
    let mut found = statement.query([begins])?;
    while let Some(row) = found.next()? {
        let Ok(chain) = row.get_ref(0)?.as_i64() else { continue };
        let Some((thread, fold)) = homes.get(&chain) else { continue };
        let (Some(hand), Some(sender)) = (hands.get_mut(*thread), senders.get(*thread)) else { continue };
        if hand.put(connection, *fold, row, &mut texts).is_err() {
            hand.put_unreadable(*fold);
        }
        if hand.sent.len() == HANDFUL {
            // A thread that ended is a panic, which is found when it is joined.
            let _ = sender.send(mem::replace(hand, Handful::new()));
        }
    }
    for (sender, hand) in senders.iter().zip(hands) {
        let _ = sender.send(hand);
    }
    strays(connection, begins, homes)
}

/// The chains of which records stand before this place, where all of them were begun later: nobody wrote them there.
fn strays(connection: &Connection, begins: i64, homes: &Homes) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = connection.prepare("SELECT chain FROM records NOT INDEXED WHERE rowid < ?1")?;
    let mut found = statement.query([begins])?;
    let mut strays = HashSet::new();
    while let Some(row) = found.next()? {
        // What is no number is a record of nobody.
        if let Ok(chain) = row.get_ref(0)?.as_i64()
            && homes.contains_key(&chain)
        {
            strays.insert(chain);
        }
    }
    Ok(strays)
}

/// Where the first record of a chain stands: chains are begun in the order of their numbers.
fn first_of(connection: &Connection, chain: i64) -> rusqlite::Result<i64> {
    let first = "SELECT rowid FROM records WHERE chain = ?1 AND seq = 1";
    let found = connection.query_row(first, [chain], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(i64::MIN))
}

/// The chain of each run.
fn chains_of(connection: &Connection) -> rusqlite::Result<HashMap<RunId, i64>> {
    let mut statement = connection.prepare("SELECT run, chain FROM chains")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut chains = HashMap::new();
    for row in rows {
        let (run, chain) = row?;
        if let Ok(run) = run.parse::<RunId>() {
            chains.insert(run, chain);
        }
    }
    Ok(chains)
}

/// The runs that stand in `events` and have a chain as well.
fn in_events(connection: &Connection) -> rusqlite::Result<HashSet<RunId>> {
    let both = "SELECT run FROM chains WHERE EXISTS (SELECT 1 FROM events WHERE events.run = chains.run)";
    let mut statement = connection.prepare(both)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let runs = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(runs.iter().filter_map(|run| run.parse().ok()).collect())
}

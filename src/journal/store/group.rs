//! Appends of all runs of a process, written together by whoever comes first.
//!
//! An append puts its records into a queue and waits for either of two things: its answer, or the connection. Who gets the
//! connection writes everything that is queued in one transaction, and answers all. So a run that is alone writes on the
//! spot, and a thousand runs share one sync. Nothing is answered before it is on the disk. Who finds the connection free
//! while other journals are open lets the others come first, as long as more of them do: one task may drive them all, and
//! none would be polled before the one that writes.
//!
//! A transaction that fails fails for everybody in it, and nothing more is written through this connection: after a failed
//! sync nobody knows what is on the disk before the file was closed, opened and checked.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use crate::journal::store::ahead::Ahead;
use crate::journal::store::write::{Batch, Home, insert};

/// One transaction holds at most so many records, if it holds more than one append.
const MOST_RECORDS: usize = 4_096;

/// And so many bytes of them.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Why an append was not written.
#[derive(Debug, Clone)]
pub(super) enum Unwritten {
    /// Somebody else wrote records of its run. Nobody else is concerned.
    TakenOver,
    /// It could not be.
    Failed(Arc<rusqlite::Error>),
    /// An earlier one could not be.
    Closed(Arc<rusqlite::Error>),
    /// Whoever wrote it did not come back.
    Unknown,
}

/// The queue, and the one connection that journals are written through.
#[derive(Debug)]
pub(super) struct Group {
    waiting: Mutex<VecDeque<Waiting>>,
    writer: tokio::sync::Mutex<Writer>,
    /// Held from the moment a group is taken until it is on the disk.
    writing: Mutex<()>,
    failed: OnceLock<Arc<rusqlite::Error>>,
    /// Journals that may be appended to.
    open: AtomicUsize,
}

/// The connection, and room in its log.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    ahead: Ahead,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Result<Batch, Unwritten>>,
}

impl Group {
    pub(super) fn new(connection: Connection, log: &Path) -> Self {
        let writer = tokio::sync::Mutex::new(Writer { connection, ahead: Ahead::of(log) });
        let (failed, open) = (OnceLock::new(), AtomicUsize::new(0));
        Self { waiting: Mutex::default(), writer, writing: Mutex::default(), failed, open }
    }

    /// One more journal may be appended to.
    pub(super) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// One that entered is over.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Makes a batch durable: all of it or nothing. Who stops waiting leaves it to chance whether it is written.
    pub(super) async fn append(&self, batch: Batch) -> Result<Batch, Unwritten> {
        let (answer, mut written) = oneshot::channel();
        self.queue().push_back(Waiting { batch, answer });
        loop {
            if let Ok(mut writer) = self.writer.try_lock() {
                self.gather().await;
                self.lead(&mut writer);
            } else {
                tokio::select! {
                    biased;
                    answer = &mut written => return answer.unwrap_or(Err(Unwritten::Unknown)),
                    mut writer = self.writer.lock() => self.lead(&mut writer),
                }
            }
            match written.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => return Err(Unwritten::Unknown),
                // More was queued before it than goes into one transaction.
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
        }
    }

    /// Lets others who are about to append do so, as long as more of them do. Who is alone waits for nobody.
    async fn gather(&self) {
        let mut before = 0;
        loop {
            let queued = self.queue().len();
            if queued <= before || queued >= self.open.load(Ordering::Relaxed) {
                return;
            }
            before = queued;
            tokio::task::yield_now().await;
        }
    }

    /// Waits until nothing is being written. An append that nobody waits for any more is on the disk then, or never will be.
    pub(super) fn settle(&self) {
        drop(self.is_writing());
    }

    fn is_writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is queued, as much as goes into one transaction, and answers those who wait for it.
    fn lead(&self, writer: &mut Writer) {
        if let Some(error) = self.failed.get() {
            refuse(self.queue().drain(..), &Unwritten::Closed(Arc::clone(error)));
            return;
        }
        if self.queue().is_empty() {
            return;
        }
        let mut group = Vec::new();
        match self.write(writer, &mut group) {
            Ok(homes) => {
                for (Waiting { mut batch, answer }, home) in group.into_iter().zip(homes) {
                    let written = home.map(|home| {
                        batch.home = home;
                        batch
                    });
                    // Whoever does not wait any more reads the journal before going on.
                    let _ = answer.send(written.ok_or(Unwritten::TakenOver));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                if group.is_empty() {
                    group = self.take();
                }
                if !is_busy(&error) {
                    let _ = self.failed.set(Arc::clone(&error));
                }
                refuse(group, &Unwritten::Failed(error));
            }
        }
    }

    /// The homes of the runs in the group; none for a run that was taken over.
    fn write(&self, writer: &mut Writer, group: &mut Vec<Waiting>) -> rusqlite::Result<Vec<Option<Home>>> {
        // Who stopped waiting may have given the run to somebody else, and must not be written after that one looked.
        let _writing = self.is_writing();
        let Writer { connection, ahead } = writer;
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        ahead.make(&transaction);
        *group = self.take();
        let homes = match group.as_slice() {
            [alone] => match insert(&transaction, &alone.batch) {
                Err(error) if is_taken(&error) => return Ok(vec![None]),
                home => vec![Some(home?)],
            },
            several => match all(&mut transaction, several) {
                Err(error) if is_taken(&error) => one_by_one(&mut transaction, several)?,
                homes => homes?,
            },
        };
        transaction.commit()?;
        Ok(homes)
    }

    /// The next that go into one transaction. Who stopped waiting is left out.
    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let mut group = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        while let Some(next) = queue.front() {
            records += next.batch.len();
            bytes += next.batch.bytes();
            if !group.is_empty() && (records > MOST_RECORDS || bytes > MOST_BYTES) {
                break;
            }
            group.extend(queue.pop_front().filter(|next| !next.answer.is_closed()));
        }
        group
    }
}

fn refuse(group: impl IntoIterator<Item = Waiting>, why: &Unwritten) {
    for waiting in group {
        let _ = waiting.answer.send(Err(why.clone()));
    }
}

/// Everything, or nothing of it.
fn all(transaction: &mut Transaction<'_>, group: &[Waiting]) -> rusqlite::Result<Vec<Option<Home>>> {
    let whole = transaction.savepoint()?;
    let homes = group.iter().map(|waiting| insert(&whole, &waiting.batch).map(Some));
    match homes.collect::<rusqlite::Result<Vec<Option<Home>>>>() {
        Ok(homes) => whole.commit().map(|()| homes),
        Err(error) => whole.finish().and(Err(error)),
    }
}

/// Each apart, so that a run that was taken over takes no other along.
fn one_by_one(transaction: &mut Transaction<'_>, group: &[Waiting]) -> rusqlite::Result<Vec<Option<Home>>> {
    let mut homes = Vec::with_capacity(group.len());
    for waiting in group {
        let apart = transaction.savepoint()?;
        match insert(&apart, &waiting.batch) {
            Ok(home) => {
                apart.commit()?;
                homes.push(Some(home));
            }
            Err(error) if is_taken(&error) => {
                apart.finish()?;
                homes.push(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(homes)
}

/// The record is there already, of somebody else.
fn is_taken(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_extended_error_code();
    code.is_some_and(|code| [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY].contains(&code))
}

/// Another process was writing all the time, so nothing was tried.
fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    use jiff::Timestamp;
    use tempfile::TempDir;

    use crate::journal::event::{Event, Recorded};
    use crate::journal::store::{Append as _, RunJournal, Store, StoreError};
    use crate::words::id::RunId;

    fn events(count: usize) -> Vec<(Timestamp, Event)> {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        (0..count).map(|number| (at, Event::RunResumed { by: format!("process {number}") })).collect()
    }

    fn id(number: u8) -> RunId {
        RunId::new(1_795_262_400_000, [number; 10])
    }

    fn seen(store: &Store, number: u8) -> usize {
        store.records(&id(number)).unwrap().len()
    }

    /// A folder with three runs of one record each.
    async fn three() -> (TempDir, Store, [RunJournal; 3]) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut journals = Vec::new();
        for number in 1..=3 {
            let lock = store.lock(&format!("drill-{number}").parse().unwrap()).unwrap();
            let (at, first) = events(1).remove(0);
            journals.push(store.begin(lock, id(number), at, &first).await.unwrap());
        }
        (folder, store, journals.try_into().unwrap())
    }

    /// Lets an append come as far as it can while somebody else has the connection.
    async fn queues(append: &mut (impl Future + Unpin)) {
        poll_fn(|context| {
            assert!(Pin::new(&mut *append).poll(context).is_pending(), "it did not wait");
            Poll::Ready(())
        })
        .await;
    }

    fn is_taken_over(written: &Result<Vec<Recorded>, StoreError>) -> bool {
        matches!(written, Err(StoreError::TakenOver(_)))
    }

    #[tokio::test]
    async fn who_comes_first_writes_what_everybody_queued() {
        let (_folder, store, [mut one, mut two, mut three]) = three().await;
        let (some, more) = (events(1), events(2));
        let writer = store.shared.group.writer.lock().await;
        let mut first = one.append(&some);
        let mut second = two.append(&more);
        let mut third = three.append(&some);
        queues(&mut first).await;
        queues(&mut second).await;
        queues(&mut third).await;
        assert_eq!((1..=3).map(|number| seen(&store, number)).collect::<Vec<_>>(), [1, 1, 1]);
        drop(writer);
        assert_eq!(first.await.unwrap().len(), 1);
        // Nobody asked the others to write.
        assert_eq!((1..=3).map(|number| seen(&store, number)).collect::<Vec<_>>(), [2, 3, 2]);
        assert_eq!((second.await.unwrap().len(), third.await.unwrap().len()), (2, 1));
    }

    #[tokio::test]
    async fn more_than_one_transaction_is_written_in_several() {
        let (_folder, store, [mut one, mut two, mut three]) = three().await;
        let (many, few) = (events(super::MOST_RECORDS - 1), events(2));
        let writer = store.shared.group.writer.lock().await;
        let mut first = one.append(&many);
        let mut second = two.append(&few);
        let mut third = three.append(&few);
        queues(&mut first).await;
        queues(&mut second).await;
        queues(&mut third).await;
        drop(writer);
        assert_eq!(first.await.unwrap().len(), super::MOST_RECORDS - 1);
        assert_eq!((seen(&store, 1), seen(&store, 2)), (super::MOST_RECORDS, 1));
        assert_eq!((second.await.unwrap().len(), seen(&store, 2), seen(&store, 3)), (2, 3, 3));
        assert_eq!(third.await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_run_that_was_taken_over_takes_no_other_along() {
        let (_folder, store, [mut one, mut two, mut three]) = three().await;
        let foreign = "INSERT INTO records SELECT chain, 2, at, body, hash FROM records
                       WHERE chain = (SELECT chain FROM chains WHERE run = ?1)";
        store.connect().unwrap().execute(foreign, [id(2).to_string()]).unwrap();
        let some = events(1);
        let writer = store.shared.group.writer.lock().await;
        {
            let mut appends = [one.append(&some), two.append(&some), three.append(&some)];
            for append in &mut appends {
                queues(append).await;
            }
            drop(writer);
            let [first, second, third] = appends;
            assert!(first.await.is_ok() && is_taken_over(&second.await) && third.await.is_ok());
        }
        assert!(one.append(&some).await.is_ok(), "the store refuses others");
        assert!(is_taken_over(&two.append(&some).await));
        assert_eq!((seen(&store, 1), seen(&store, 3)), (3, 2));
    }

    #[tokio::test]
    async fn a_transaction_that_fails_fails_for_all_and_closes_the_store() {
        let (folder, store, [mut one, mut two, mut three]) = three().await;
        let full = "CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.seq = 3
                    BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
        store.connect().unwrap().execute_batch(full).unwrap();
        let (some, more) = (events(1), events(2));
        let writer = store.shared.group.writer.lock().await;
        let mut first = one.append(&some);
        let mut second = two.append(&more);
        queues(&mut first).await;
        queues(&mut second).await;
        drop(writer);
        assert!(matches!(first.await, Err(StoreError::Database { .. })));
        assert!(matches!(second.await, Err(StoreError::Database { .. })));
        assert_eq!((seen(&store, 1), seen(&store, 2)), (1, 1), "something of it is on the disk");
        store.connect().unwrap().execute_batch("DROP TRIGGER full").unwrap();
        assert!(matches!(three.append(&some).await, Err(StoreError::Closed { .. })));
        assert_eq!(seen(&store, 3), 1);
        // Opened and checked anew, it can be written.
        let lock = one.close();
        let (mut again, records) = Store::open(folder.path()).unwrap().go_on(lock, id(1)).unwrap();
        assert_eq!((records.len(), again.append(&more).await.unwrap().len()), (1, 2));
    }

    #[tokio::test]
    async fn who_stops_waiting_can_append_no_more_and_is_not_written() {
        let (_folder, store, [mut one, mut two, _]) = three().await;
        let some = events(1);
        let writer = store.shared.group.writer.lock().await;
        {
            let mut left = one.append(&some);
            queues(&mut left).await;
        }
        drop(writer);
        assert!(matches!(one.append(&some).await, Err(StoreError::Spent(_))));
        two.append(&some).await.unwrap();
        assert_eq!((seen(&store, 1), seen(&store, 2)), (1, 2));
        let (mut again, records) = store.go_on(one.close(), id(1)).unwrap();
        assert_eq!((records.len(), again.append(&some).await.unwrap().len()), (1, 1));
    }
}

//! Many runs in one store: each journal is as if it had been written alone, whoever else was written with it, and in
//! whichever tables it stands.

use std::path::Path;

use futures_util::future::{FutureExt as _, join_all};
use jiff::Timestamp;
use restore_drill::history::summary::{Summary, summarize};
use restore_drill::journal::chain::{BrokenChain, Hash, verify};
use restore_drill::journal::event::{Event, Recorded};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{Append as _, RunJournal, Store, StoreError};
use restore_drill::plan::step::Work;
use restore_drill::report::runbook;
use restore_drill::words::id::{DrillName, RunId};
use restore_drill::words::shared::Shared;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::paper::{Paper, START};
use crate::harness::worlds;

/// More than are read one by one.
const MANY: u8 = 40;

fn at() -> Timestamp {
    START.parse().expect("an instant")
}

fn drill(number: u8) -> DrillName {
    format!("drill-{number}").parse().expect("a name")
}

fn id(number: u8) -> RunId {
    RunId::new(u64::try_from(at().as_millisecond()).expect("after 1970") + u64::from(number), [number; 10])
}

/// The first record of a run of this drill. The plan is the same for all.
fn first(number: u8) -> Event {
    let paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    let mut event = paper.records[0].event.clone();
    if let Event::RunStarted(started) = &mut event {
        started.drill = drill(number);
    }
    event
}

fn warned(text: String) -> (Timestamp, Event) {
    (at(), Event::Warned { step: Work::Report.id(), text })
}

fn opened() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a folder of journals");
    (folder, store)
}

async fn begun(store: &Store, number: u8) -> RunJournal {
    let lock = store.lock(&drill(number)).expect("nobody else runs it");
    store.begin(lock, id(number), at(), &first(number)).await.expect("the first record is durable")
}

/// Begins a run, and appends in pieces of different sizes while others do the same: 1 + 1 + 2 + … records.
async fn whole(store: Store, number: u8, pieces: u8) {
    let mut journal = begun(&store, number).await;
    for piece in 1..=pieces {
        let events: Vec<_> = (0..piece).map(|nth| warned(format!("{number} {piece} {nth}"))).collect();
        let records = journal.append(&events).await.expect("they are durable");
        assert_eq!(records.len(), events.len());
        // Returned means that others can read it.
        assert!(store.load(&id(number)).expect("it verifies").ends_with(&records));
    }
}

async fn many(store: &Store, pieces: u8) {
    let writers: Vec<_> = (1..=MANY).map(|number| tokio::spawn(whole(store.clone(), number, pieces))).collect();
    for writer in writers {
        writer.await.expect("a run is written");
    }
}

fn texts(records: &[Recorded]) -> Vec<String> {
    let text = |record: &Recorded| match &record.event {
        Event::Warned { text, .. } => Some(text.clone()),
        _ => None,
    };
    records.iter().filter_map(text).collect()
}

fn in_database<T: rusqlite::types::FromSql>(folder: &Path, sql: &str) -> T {
    let database = Connection::open(folder.join("drill.db")).expect("a database");
    database.query_row(sql, [], |row| row.get(0)).expect("it has an answer")
}

fn change(folder: &Path, sql: &str) {
    Connection::open(folder.join("drill.db")).and_then(|database| database.execute_batch(sql)).expect("it is SQL");
}

/// How many transactions SQLite's log holds: each was synced, and its last page says how long the database is.
fn commits(folder: &Path) -> usize {
    let log = std::fs::read(folder.join("drill.db-wal")).expect("a log");
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let page = usize::try_from(number(&log[8..12])).expect("the size of a page");
    let is_end = |frame: &&[u8]| number(&frame[4..8]) > 0 && frame[8..16] == log[16..24];
    log[32..].chunks_exact(24 + page).filter(is_end).count()
}

#[tokio::test]
async fn appends_of_runs_that_one_task_drives_are_one_sync() {
    let (folder, store) = opened();
    let mut journals = Vec::new();
    for number in 1..=MANY {
        journals.push(begun(&store, number).await);
    }
    let before = commits(folder.path());
    let append = |mut journal: RunJournal| async move {
        let written = journal.append(&[warned("together".to_owned())]).await;
        (journal, written)
    };
    let mut journals = join_all(journals.into_iter().map(append)).await;
    for (_, written) in &journals {
        assert_eq!(texts(written.as_ref().expect("it is durable")), ["together"]);
    }
    assert_eq!(commits(folder.path()) - before, 1);

    // Who is alone waits for nobody, and is written at once.
    let (mut alone, _) = journals.pop().expect("there are some");
    drop(journals);
    let events = [warned("alone".to_owned())];
    let written = alone.append(&events).now_or_never().expect("there is nobody to wait for");
    assert_eq!(texts(&written.expect("it is durable")), ["alone"]);
    assert_eq!(commits(folder.path()) - before, 2);
}

/// A journal that is parked counts for nobody, keeps its lock, and goes on where it was unless somebody else wrote to it.
#[tokio::test]
async fn a_journal_that_was_parked_goes_on_where_it_was() {
    let (folder, store) = opened();
    let (mut one, two) = (begun(&store, 1).await, begun(&store, 2).await);
    one.append(&[warned("before".to_owned())]).await.expect("it is durable");
    let (one, two) = (one.park(), two.park());
    let locked = |number: u8| matches!(store.lock(&drill(number)), Err(StoreError::Locked { .. }));
    assert!(locked(1) && locked(2), "another run of the drill could begin");

    let (mut one, state) = one.wake().expect("nobody wrote to it");
    assert_eq!(state, State::replay(&store.load(&id(1)).expect("it verifies")).expect("it makes sense"));
    let events = [warned("after".to_owned())];
    one.append(&events).now_or_never().expect("nobody else writes").expect("it is durable");
    assert_eq!(texts(&store.load(&id(1)).expect("it verifies")), ["before", "after"]);

    // It stands as if it had never been parked.
    let mut prev = Hash::zero();
    for (seq, record) in (1..).zip(&store.load(&id(1)).expect("it verifies")) {
        verify(record, &id(1), seq, &prev).expect("it continues");
        prev = record.hash.clone();
    }

    // A process on another machine that was not kept out by the lock.
    let again = Store::open(folder.path()).expect("it opens");
    std::fs::remove_file(folder.path().join("locks/drill-2.lock")).expect("there is a lock");
    let lock = again.lock(&drill(2)).expect("nobody has the new file");
    let (mut other, _) = again.go_on(lock, id(2)).expect("it verifies");
    other.append(&[warned("foreign".to_owned())]).await.expect("it is durable");
    assert!(matches!(two.wake(), Err(StoreError::TakenOver(run)) if run == id(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_write_at_once_have_each_their_own_whole_journal() {
    let (folder, store) = opened();
    many(&store, 5).await;
    for number in 1..=MANY {
        let records = store.load(&id(number)).expect("it verifies");
        let pieces = (1..=5_u8).flat_map(|piece| (0..piece).map(move |nth| format!("{number} {piece} {nth}")));
        assert_eq!(texts(&records), pieces.collect::<Vec<_>>(), "run {number}");
        // As in every journal: each record continues the one before, over the text of its event.
        let mut prev = Hash::zero();
        for (seq, record) in (1..).zip(&records) {
            verify(record, &id(number), seq, &prev).expect("it continues");
            prev = record.hash.clone();
        }
    }
    // Everything stands there once, and what their first records have in common, too.
    assert_eq!(in_database::<i64>(folder.path(), "SELECT count(*) FROM records"), i64::from(MANY) * 16);
    assert_eq!(in_database::<i64>(folder.path(), "SELECT count(*) FROM texts"), 1);
    // The next process reads the same.
    let again = Store::open(folder.path()).expect("it opens");
    assert_eq!(again.load(&id(7)).expect("it verifies"), store.load(&id(7)).expect("it verifies"));
}

#[tokio::test]
async fn a_text_that_was_damaged_is_mended_by_the_next_run_that_has_it() {
    let (folder, store) = opened();
    drop(begun(&store, 1).await);
    let truth = store.load(&id(1)).expect("it verifies");
    change(folder.path(), "UPDATE texts SET text = replace(text, 'orders', 'ordres');");
    assert!(store.load(&id(1)).is_err(), "nobody saw it");
    drop(begun(&store, 2).await);
    assert_eq!(store.load(&id(1)).expect("it verifies again"), truth);
    assert_eq!(store.load(&id(2)).expect("it verifies").len(), 1);
    assert_eq!(in_database::<i64>(folder.path(), "SELECT count(*) FROM texts"), 1);
}

#[tokio::test]
async fn a_store_that_could_not_be_written_is_not_written_again_before_it_was_opened_anew() {
    let (folder, store) = opened();
    let (mut one, mut two) = (begun(&store, 1).await, begun(&store, 2).await);
    let full = "CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.seq = 3
                BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END;";
    change(folder.path(), full);
    let error = one.append(&[warned("a".to_owned()), warned("b".to_owned())]).await.expect_err("there is no room");
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    assert_eq!(store.load(&id(1)).expect("it verifies").len(), 1, "a half of it is there");
    change(folder.path(), "DROP TRIGGER full;");
    for journal in [&mut one, &mut two] {
        let error = journal.append(&[warned("c".to_owned())]).await.expect_err("nobody trusts the file");
        assert!(matches!(error, StoreError::Closed { .. }) && error.to_string().contains("resume"), "{error}");
    }
    let again = Store::open(folder.path()).expect("it opens");
    let (mut journal, records) = again.go_on(one.close(), id(1)).expect("it verifies");
    assert_eq!(texts(&records), Vec::<String>::new());
    journal.append(&[warned("d".to_owned())]).await.expect("there is room");
    assert_eq!(texts(&again.load(&id(1)).expect("it verifies")), ["d"]);
}

/// Another machine over the same folder: its records are first, and this process says so and goes no further.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_another_process_took_over_ends_and_the_others_go_on() {
    let (folder, store) = opened();
    let mut journals = Vec::new();
    for number in 1..=6 {
        journals.push(begun(&store, number).await);
    }
    let foreign = format!(
        "INSERT INTO records SELECT records.chain, 2, at, body, hash FROM records JOIN chains \
         ON chains.chain = records.chain WHERE run = '{}';",
        id(4)
    );
    change(folder.path(), &foreign);
    let append = |mut journal: RunJournal| async move { journal.append(&[warned("mine".to_owned())]).await };
    let appends: Vec<_> = journals.into_iter().map(|journal| tokio::spawn(append(journal))).collect();
    for (number, append) in (1_u8..).zip(appends) {
        let written = append.await.expect("no panic");
        if number == 4 {
            assert!(matches!(written, Err(StoreError::TakenOver(run)) if run == id(4)), "{written:?}");
        } else {
            assert_eq!(texts(&written.expect("it is durable")), ["mine"], "run {number}");
            assert_eq!(texts(&store.load(&id(number)).expect("it verifies")), ["mine"], "run {number}");
        }
    }
}

/// A journal of an older version: its run goes on where it is, and a new run beside it goes to the new tables.
#[tokio::test]
async fn old_and_new_tables_stand_in_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let journals = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals");
    change(folder.path(), &std::fs::read_to_string(journals.join("layout-2.sql")).expect("a journal"));
    let old: RunId = in_database::<String>(folder.path(), "SELECT run FROM runs").parse().expect("an id");
    let store = Store::open(folder.path()).expect("it opens");
    let before = store.load(&old).expect("it verifies").len();

    drop(begun(&store, 1).await);
    let lock = store.lock(&"orders".parse().expect("a name")).expect("nobody runs it");
    let (mut journal, _) = store.go_on(lock, old).expect("it verifies");
    journal.append(&[warned("later".to_owned())]).await.expect("it is durable");
    assert_eq!(store.load(&old).expect("it verifies").len(), before + 1);
    assert_eq!(store.load(&id(1)).expect("it verifies").len(), 1);
    let listed: Vec<RunId> = store.runs(None).expect("the list is whole").into_iter().map(|row| row.run).collect();
    let mut both = vec![old, id(1)];
    both.sort();
    both.reverse();
    assert_eq!(listed, both);
    assert_eq!(in_database::<String>(folder.path(), "SELECT DISTINCT run FROM events"), old.to_string());
    assert_eq!(in_database::<i64>(folder.path(), "SELECT count(*) FROM records"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_unfinished_runs_are_read_in_one_pass_as_each_is_by_itself() {
    let (folder, store) = opened();
    many(&store, 4).await;
    let read = store.unfinished(None).expect("the list is whole");
    assert_eq!(read.len(), usize::from(MANY));
    for ((row, one), number) in read.into_iter().zip(1..) {
        assert_eq!((row.run, row.drill.clone()), (id(number), drill(number)));
        let one = one.expect("it verifies");
        let alone = State::replay(&store.load(&row.run).expect("it verifies")).expect("it makes sense");
        assert_eq!(*one.state, alone, "run {number}");
        let lock = store.lock(&row.drill).expect("nobody runs it");
        let (mut journal, state) = store.take_up(lock, one).expect("nobody wrote to it");
        assert_eq!(state, alone, "run {number}");
        journal.append(&[warned("taken up".to_owned())]).await.expect("it is durable");
    }

    // One that is damaged hides no other.
    let damage = format!(
        "UPDATE records SET body = replace(body, '3 1 0', '3 1 1') WHERE chain = (SELECT chain FROM chains WHERE run = '{}');",
        id(3)
    );
    change(folder.path(), &damage);
    for (row, one) in store.unfinished(None).expect("the list is whole") {
        match one {
            Ok(one) => {
                let records = store.load(&row.run).expect("it verifies");
                assert_eq!(records.last().map(|last| last.seq), Some(one.state.seq), "{}", row.run);
            }
            Err(error) => assert!(row.run == id(3) && matches!(error, StoreError::Broken { .. }), "{error:?}"),
        }
    }
    assert!(store.state(&id(3)).is_err());
}

/// More records than one thread checks, and damage in one part after the other, from the last to the first.
#[tokio::test]
async fn a_long_run_is_checked_in_parts_and_what_is_wrong_first_is_said() {
    let (folder, store) = opened();
    let mut journal = begun(&store, 1).await;
    let mut truth = store.load(&id(1)).expect("it verifies");
    for piece in 0..6 {
        let events: Vec<_> = (0..500).map(|nth| warned(format!("{piece} {nth}"))).collect();
        truth.extend(journal.append(&events).await.expect("they are durable"));
    }
    assert_eq!(truth.len(), 3_001);
    assert_eq!(store.load(&id(1)).expect("it verifies"), truth);
    for seq in (2..3_002_u32).step_by(250).rev() {
        change(folder.path(), &format!("UPDATE records SET body = replace(body, ' ', '  ') WHERE seq = {seq};"));
        let error = store.load(&id(1)).expect_err("a record was changed");
        let first = BrokenChain::Changed { seq: u64::from(seq) };
        assert!(matches!(&error, StoreError::Broken { source, .. } if *source == first), "{seq}: {error:?}");
    }
}

/// Two drills with many runs each: what their plans are is read twice, and what their templates are once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_many_first_records_have_in_common_is_there_once() {
    let (folder, store) = opened();
    for number in 1..=MANY {
        let mut event = first(number);
        if let Event::RunStarted(started) = &mut event {
            started.templates = runbook::built_in().into();
            started.plan.definition.owner = owner(number).to_owned();
        }
        let lock = store.lock(&drill(number)).expect("nobody else runs it");
        drop(store.begin(lock, id(number), at(), &event).await.expect("the first record is durable"));
    }
    assert_eq!(in_database::<i64>(folder.path(), "SELECT count(*) FROM texts"), 3);
    let read = store.unfinished(None).expect("the list is whole");
    let states: Vec<State> = read.into_iter().map(|(_, one)| *one.expect("it verifies").state).collect();
    assert_eq!(states.len(), usize::from(MANY));
    let (odd, even) = (&states[0].started, &states[1].started);
    for (state, number) in states.iter().zip(1..) {
        assert_eq!(state.started.plan.definition.owner, owner(number), "{}", state.run);
        assert_eq!(*state, store.state(&state.run).expect("it verifies"));
        let same = if number % 2 == 0 { even } else { odd };
        assert!(Shared::is_one(&state.started.plan, &same.plan), "{} has a plan of its own", state.run);
        assert!(Shared::is_one(&state.started.templates, &odd.templates), "{} has templates of its own", state.run);
    }
}

/// Whose name makes one plan another.
fn owner(number: u8) -> &'static str {
    if number.is_multiple_of(2) { "even@example.com" } else { "odd@example.com" }
}

/// A text that was damaged is the damage of all first records that have it, and of no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_common_text_that_was_damaged_is_found_in_each_of_its_runs() {
    let (folder, store) = opened();
    for number in 1..=MANY {
        let mut event = first(number);
        if let Event::RunStarted(started) = &mut event {
            started.plan.definition.owner = owner(number).to_owned();
        }
        let lock = store.lock(&drill(number)).expect("nobody else runs it");
        drop(store.begin(lock, id(number), at(), &event).await.expect("the first record is durable"));
    }
    // It still is a plan, of the same length.
    change(folder.path(), "UPDATE texts SET text = replace(text, 'odd@', 'ode@') WHERE text LIKE '%odd@%';");
    for ((row, one), number) in store.unfinished(None).expect("the list is whole").into_iter().zip(1..) {
        match one {
            Ok(one) => assert_eq!((number % 2, &*one.state.started.plan.definition.owner), (0, "even@example.com")),
            Err(error) => {
                assert!(number % 2 == 1 && matches!(error, StoreError::Broken { .. }), "{}: {error:?}", row.run);
            }
        }
    }
}

/// What is done to a run's journal between the reading of all and its lock, and a word of the error that follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_done_to_a_run_since_it_was_read_is_seen_before_it_is_taken_up() {
    let of_7 = format!("(SELECT chain FROM chains WHERE run = '{}')", id(7));
    let cases = [
        (
            "its last record is gone",
            format!("DELETE FROM records WHERE seq = 4 AND chain = {of_7};"),
            "only the first 3",
        ),
        (
            "its last record is another",
            format!("UPDATE records SET hash = zeroblob(32) WHERE seq = 4 AND chain = {of_7};"),
            "record 4 was changed",
        ),
        (
            "its last record is of another run",
            format!("UPDATE records SET chain = 999 WHERE seq = 4 AND chain = {of_7};"),
            "only the first 3",
        ),
    ];
    for (case, damage, wanted) in cases {
        let (folder, store) = opened();
        many(&store, 2).await;
        let read = store.unfinished(None).expect("the list is whole");
        change(folder.path(), &damage);
        for (row, one) in read {
            let lock = store.lock(&row.drill).expect("nobody runs it");
            let taken = store.take_up(lock, one.expect("it verifies"));
            match taken {
                Ok((_, state)) => assert!(row.run != id(7) && state.seq == 4, "{case}: {}", row.run),
                Err(StoreError::Broken { run, source }) => {
                    assert!(run == id(7) && source.to_string().contains(wanted), "{case}: {run}: {source}");
                }
                Err(error) => panic!("{case}: {error:?}"),
            }
        }
    }
}

/// A lock that tells of more records than there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_word_in_the_lock_that_came_since_counts() {
    let (folder, store) = opened();
    many(&store, 1).await;
    let (row, one) = store.unfinished(None).expect("the list is whole").remove(0);
    let word = format!("run {}, process 1, record 99", row.run);
    std::fs::write(folder.path().join(format!("locks/{}.lock", row.drill)), word).expect("it can be written");
    let lock = store.lock(&row.drill).expect("nobody runs it");
    let error = store.take_up(lock, one.expect("it verifies")).expect_err("97 records are lost");
    assert!(matches!(error, StoreError::Broken { run, .. } if run == row.run), "{error:?}");
    let (_, again) = store.unfinished(None).expect("the list is whole").remove(0);
    assert!(matches!(again, Err(StoreError::Broken { .. })), "{again:?}");
}

/// A record that stands before the first record of the oldest run: no drill wrote it there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_in_the_wrong_place_is_found_by_the_pass() {
    let (folder, store) = opened();
    many(&store, 2).await;
    let stray = format!(
        "INSERT INTO records (rowid, chain, seq, at, body, hash) SELECT -5, chain, 99, at, body, hash FROM records
         WHERE seq = 4 AND chain = (SELECT chain FROM chains WHERE run = '{}');",
        id(3)
    );
    change(folder.path(), &stray);
    for (row, one) in store.unfinished(None).expect("the list is whole") {
        assert_eq!(one.is_err(), row.run == id(3), "{}: {:?}", row.run, one.err());
    }
}

/// Between the reading of all and the lock of one, its process may have lived: what it wrote counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_was_written_since_is_read_again() {
    let (folder, store) = opened();
    many(&store, 1).await;
    let mut read = store.unfinished(None).expect("the list is whole");
    let (row, one) = read.remove(0);
    {
        let other = Store::open(folder.path()).expect("it opens");
        let lock = other.lock(&row.drill).expect("nobody runs it");
        let (mut journal, _) = other.go_on(lock, row.run).expect("it verifies");
        journal.append(&[warned("meanwhile".to_owned())]).await.expect("it is durable");
    }
    let lock = store.lock(&row.drill).expect("nobody runs it");
    let (mut journal, state) = store.take_up(lock, one.expect("it verifies")).expect("it verifies");
    assert_eq!((state.seq, state.warnings.len()), (3, 2));
    journal.append(&[warned("after it".to_owned())]).await.expect("it is durable");
    assert_eq!(texts(&store.load(&row.run).expect("it verifies")), ["1 1 0", "meanwhile", "after it"]);
}

#[tokio::test]
async fn pages_of_the_list_go_on_where_the_last_one_ended() {
    let (_folder, store) = opened();
    for number in 1..=7 {
        drop(begun(&store, number).await);
    }
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = store.page(None, before.as_ref(), 3).expect("the list is whole");
        let Some(last) = page.last() else { break };
        before = Some(last.run);
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|row| row.run));
    }
    assert_eq!(seen, (1..=7).rev().map(id).collect::<Vec<_>>());
    let of_one = store.page(Some(&drill(5)), None, 3).expect("the list is whole");
    assert_eq!(of_one.into_iter().map(|row| row.run).collect::<Vec<_>>(), [id(5)]);
    assert!(store.page(Some(&drill(5)), Some(&id(5)), 3).expect("the list is whole").is_empty());
}

/// A run of `orders` that is over, written into a store that keeps summaries: its records, and what is kept.
async fn over(store: &Store) -> (RunJournal, RunId, State) {
    let mut paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    paper.restored();
    paper.torn_down();
    let conclusion = Box::new(paper.concludes());
    paper.then(0, &Event::Concluded { conclusion });
    let state = paper.state.clone();
    let mut events = paper.records.into_iter().map(|record| (record.at, record.event));
    let (at, first) = events.next().expect("it began");
    let lock = store.lock(&state.started.drill).expect("nobody runs it");
    let mut journal = store.begin(lock, state.run, at, &first).await.expect("it is durable");
    journal.append(&events.collect::<Vec<_>>()).await.expect("they are durable");
    (journal, state.run, state)
}

#[tokio::test]
async fn what_later_runs_need_is_kept_with_the_verdict_and_only_while_it_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a folder of journals").summarizing(summarize);
    let (mut journal, run, state) = over(&store).await;
    let kept = store.summary(&run).expect("it can be read").expect("it is kept");
    assert_eq!(Summary::kept(&kept), Summary::of(&state));
    assert_eq!(Some(kept), summarize(&state));

    for damage in [
        "UPDATE summaries SET body = body || ' ';",
        "UPDATE summaries SET seq = seq - 1;",
        "UPDATE records SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM records);",
        "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records);",
    ] {
        let (other, store) = opened();
        let store = store.summarizing(summarize);
        drop(over(&store).await);
        change(other.path(), damage);
        assert_eq!(store.summary(&run).expect("it can be read"), None, "{damage}");
    }

    // Opened again, it has no verdict until it has another.
    journal.append(&[(state.last_at, Event::TeardownReopened)]).await.expect("it is durable");
    assert_eq!(store.summary(&run).expect("it can be read"), None);
    // A store that was not told how keeps none, and then the run is read.
    let (_folder, plain) = opened();
    let (_journal, run, _) = over(&plain).await;
    assert_eq!(plain.summary(&run).expect("it can be read"), None);
}

//! Journals that were damaged, cut, emptied, lost, or written by another version: they are read as they were written, or
//! refused with what to do. Never does a damaged journal look like an empty one, for then nothing would be owed.

use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::aws::resource::facts;
use restore_drill::journal::chain::{Hash, link};
use restore_drill::journal::event::{Event, Recorded};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{Store, StoreError};
use restore_drill::run::step::report::rendered;
use restore_drill::words::id::{DrillName, RunId};
use restore_drill::words::kind::Verdict;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::check::assert_untouched;
use crate::harness::child::Drill;
use crate::harness::worlds;
use crate::trust::told_by_another_version;

/// The journals of the versions that were released, and of this one.
fn journals() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals");
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).expect("the journals are there").map(|entry| entry.expect("a file").path()).collect();
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// One journal for each kind of tables: runs that were begun before layout 4 stand in `events`, later ones in `records`.
fn generations() -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals");
    ["layout-2.sql", "layout-4.sql"].map(|name| folder.join(name))
}

/// The table that the records of a journal stand in.
fn table(journal: &Path) -> &'static str {
    let older = ["layout-1.sql", "layout-2.sql"].iter().any(|name| journal.ends_with(name));
    if older { "events" } else { "records" }
}

/// A folder of journals with this one in it, and its one run.
fn kept(journal: &Path) -> (TempDir, RunId) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = put(journal, folder.path(), "");
    (folder, run)
}

/// Puts a journal into a folder, and changes it afterwards.
fn put(journal: &Path, folder: &Path, change: &str) -> RunId {
    fs::create_dir_all(folder).expect("a folder");
    let sql = fs::read_to_string(journal).expect("a journal can be read");
    let database = Connection::open(folder.join("drill.db")).expect("a database");
    database.execute_batch(&sql).expect("a journal is SQL");
    database.execute_batch(change).expect("the change is SQL");
    let run: String = database.query_row("SELECT run FROM runs", [], |row| row.get(0)).expect("it has a run");
    run.parse().expect("a run's id")
}

fn changed(folder: &Path, sql: &str) {
    Connection::open(folder.join("drill.db")).and_then(|database| database.execute_batch(sql)).expect("it is SQL");
}

/// A journal as it was written.
fn whole(journal: &Path) -> (TempDir, RunId, Vec<Recorded>) {
    let (folder, run) = kept(journal);
    let truth = Store::open(folder.path()).and_then(|store| store.load(&run)).expect("it verifies");
    assert!(truth.len() > 30, "{} records", truth.len());
    (folder, run, truth)
}

/// How many rows a table has.
fn rows(folder: &Path, table: &str) -> u64 {
    let count = format!("SELECT count(*) FROM {table}");
    let database = Connection::open(folder.join("drill.db")).expect("a database");
    let rows: i64 = database.query_row(&count, [], |row| row.get(0)).expect("the table is there");
    u64::try_from(rows).expect("a number of rows")
}

/// An error with its causes.
fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text.push_str(&format!(": {one}"));
        cause = one.source();
    }
    text
}

// ---- versions ----

#[test]
fn journals_of_every_layout_are_read_rendered_and_kept() {
    for journal in journals() {
        let name = journal.display();
        let (folder, run) = kept(&journal);
        let store = Store::open(folder.path()).unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        let rows = store.runs(None).unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        assert_eq!(rows.iter().map(|row| row.run).collect::<Vec<_>>(), [run], "{name}");
        assert_eq!(rows[0].verdict, Some(Verdict::Passed), "{name}");
        let records = store.load(&run).unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        // Read in one go, where drill wrote it, and for its name first: both are the same.
        for record in &records {
            let event: Event = serde_json::from_str(record.body()).expect("it is an event");
            assert_eq!(record.event, event, "{name}, record {}", record.seq);
        }
        let state = State::replay(&records).unwrap_or_else(|illegal| panic!("{name}: {illegal}"));
        let conclusion = &state.concluded.as_ref().unwrap_or_else(|| panic!("{name}: no verdict")).1;
        assert_eq!(conclusion.verdict, Verdict::Passed, "{name}");
        assert!(state.ledger.values().all(|entry| entry.gone.is_some()), "{name}");
        let files = rendered(&records, facts).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!files.is_empty(), "{name}");
        // Read once more: what was read first changed nothing.
        assert_eq!(store.load(&run).expect("it verifies"), records, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_read_journals_of_every_layout_and_end_the_runs_in_them() {
    for journal in journals() {
        let name = journal.display();
        let drill = Drill::new();
        let run = put(&journal, &drill.path().join(".drill/sandbox"), "").to_string();
        let shown = drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
        assert_eq!(shown["verdict"], "passed", "{name}: {shown:#}");
        for arguments in
            [vec!["status"], vec!["logs", run.as_str()], vec!["report", run.as_str()], vec!["resume", "--all"]]
        {
            drill.ask(&arguments).await.ends(0);
        }
        // Upgraded in the midst of a run: the next version ends it. Its world died with its process.
        for last in [2, 9, 17, 27] {
            let drill = Drill::new();
            let table = table(&journal);
            let cut = format!("DELETE FROM {table} WHERE seq > {last}; UPDATE runs SET verdict = NULL;");
            let state = drill.path().join(".drill/sandbox");
            let run = put(&journal, &state, &cut).to_string();
            let resumed = drill.ask(&["resume", &run, "--output", "json"]).await.ends(3).json();
            assert_eq!(resumed["verdict"], "inconclusive", "{name}, cut after {last}: {resumed:#}");
            // It stays in the tables in which it was begun.
            let other = if table == "events" { "records" } else { "events" };
            assert!(rows(&state, table) > last && rows(&state, other) == 0, "{name}, cut after {last}");
        }
    }
}

/// A bundle holds the texts that the hashes cover, whatever this version would write in their place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_of_older_journals_verify() {
    for journal in journals() {
        let name = journal.display();
        let drill = Drill::new();
        let run = put(&journal, &drill.path().join(".drill/sandbox"), "").to_string();
        let logs = drill.ask(&["logs", &run, "--output", "json"]).await.ends(0).stdout;
        let folder = drill.path().join("reports/.rehearsal/orders").join(&run);
        let place = folder.display().to_string();
        // Nobody signs it; then a key of this machine does.
        for code in [3, 0] {
            drill.ask(&["report", &run]).await.ends(0);
            let said = drill.ask(&["verify", &place]).await.ends(code).stdout;
            assert!(said.contains("would write record 1 "), "{name}: {said}");
            let lines = fs::read_to_string(folder.join("journal.jsonl")).expect("a bundle");
            assert!(logs.starts_with(&lines), "{name}: the bundle holds other records");
            if code == 3 {
                drill.ask(&["key", "new", "ops"]).await.ends(0);
            }
        }

        // Whoever takes the bundle has the same texts.
        let key = drill.path().join("keys/ops.pub").display().to_string();
        let elsewhere = Drill::new();
        let import = elsewhere.ask(&["import", &place, "--key", &key, "--output", "json"]).await.ends(0).json();
        assert_eq!(import["bundles"][0]["result"], "taken", "{name}: {import:#}");
        elsewhere.ask(&["report", &run]).await.ends(0);
        let again = elsewhere.path().join("reports/.rehearsal/orders").join(&run).join("journal.jsonl");
        let lines = |path: &Path| fs::read(path).expect("a bundle");
        assert_eq!(lines(&again), lines(&folder.join("journal.jsonl")), "{name}");
    }
}

/// The same for events with fields that this version does not know, in another order than its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_of_journals_with_other_texts_verify() {
    let [older, _] = generations();
    let drill = Drill::new();
    drill.ask(&["key", "new", "ops"]).await.ends(0);
    let state = drill.path().join(".drill/sandbox");
    let run = put(&older, &state, "");
    let records = Store::open(&state).and_then(|store| store.load(&run)).expect("it verifies");
    let database = Connection::open(state.join("drill.db")).expect("a database");
    let mut prev = Hash::zero();
    for record in &records {
        let body = told_by_another_version(record.seq, record.body());
        let hash = link(&run, record.seq, record.at, &body, &prev);
        let seq = i64::try_from(record.seq).expect("not so many");
        let update = "UPDATE events SET body = ?1, prev = ?2, hash = ?3 WHERE seq = ?4";
        database.execute(update, (&body, prev.to_string(), hash.to_string(), seq)).expect("it can be written");
        prev = hash;
    }
    drop(database);
    let run = run.to_string();
    drill.ask(&["report", &run]).await.ends(0);
    let folder = drill.path().join("reports/.rehearsal/orders").join(&run);
    let said = drill.ask(&["verify", &folder.display().to_string()]).await.ends(0).stdout;
    assert!(said.contains("would write record 1 and 32 more of the journal otherwise"), "{said}");
    let lines = fs::read_to_string(folder.join("journal.jsonl")).expect("a bundle");
    assert_eq!(lines.matches("\"later\":").count(), 33, "one in each record up to the verdict");

    // A text that cannot be one line of a bundle is none that drill wrote, though its hash holds.
    let database = Connection::open(state.join("drill.db")).expect("a database");
    let last = records.last().expect("there are some");
    let (seq, body) = (last.seq, format!("{{\n{}", &last.body()[1..]));
    let before: String = database
        .query_row("SELECT hash FROM events WHERE seq = ?1 - 1", [i64::try_from(seq).unwrap()], |row| row.get(0))
        .unwrap();
    let hash = link(&last.run, seq, last.at, &body, &Hash::stored(before));
    database
        .execute(
            "UPDATE events SET body = ?1, hash = ?2 WHERE seq = ?3",
            (&body, hash.to_string(), i64::try_from(seq).unwrap()),
        )
        .expect("it can be written");
    drop(database);
    let said = drill.ask(&["report", &run]).await.ends(3);
    assert!(said.stderr.contains("control characters"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_layout_is_refused_before_anything_is_asked() {
    let (folder, _, _) = whole(journals().last().expect("there are some"));
    changed(folder.path(), "PRAGMA user_version = 99;");
    let error = Store::open(folder.path()).expect_err("nobody knows layout 99");
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error:?}");
    assert!(told(&error).contains("newer drill") && told(&error).contains("use that version"), "{}", told(&error));

    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    let drill = Drill::new().definition("orders", worlds::ORDERS);
    put(journals().last().expect("there are some"), &drill.path().join(".drill/sandbox"), "PRAGMA user_version = 99;");
    let url = format!("--sandbox={}", sandbox.url());
    for arguments in [vec!["run", "orders", url.as_str()], vec!["status"], vec!["resume", "--all"]] {
        let said = drill.ask(&arguments).await.ends(3);
        assert!(said.stderr.contains("layout 99"), "{arguments:?}: {said:?}");
    }
    assert_untouched("a newer layout", &before, &sandbox.inventory());
}

/// A downgrade: the events of a newer format need not even be readable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_is_refused_by_its_version() {
    for journal in generations() {
        let table = table(&journal);
        let newer = format!(
            "UPDATE {table} SET body = '{{\"event\":\"run_began\",\"format\":2,\"version\":\"9.8.7\",\
             \"drill\":\"orders\",\"of\":[]}}' WHERE seq = 1;"
        );
        let (folder, run, _) = whole(&journal);
        changed(folder.path(), &newer);
        let error = Store::open(folder.path()).and_then(|store| store.load(&run)).expect_err("format 2 is not known");
        assert!(matches!(error, StoreError::Newer { format: 2, .. }), "{table}: {error:?}");
        assert!(told(&error).contains("use drill 9.8.7"), "{table}: {}", told(&error));

        let drill = Drill::new();
        let run = put(&journal, &drill.path().join(".drill/sandbox"), &newer).to_string();
        for verb in ["status", "resume", "report", "logs"] {
            let said = drill.ask(&[verb, &run]).await.ends(3);
            assert!(said.stderr.contains("use drill 9.8.7"), "{table}, {verb}: {said:?}");
        }

        // An event that no version of this format has.
        let (folder, run, _) = whole(&journal);
        changed(folder.path(), &format!("UPDATE {table} SET body = '{{\"event\":\"dreamt\"}}' WHERE seq = 12;"));
        let error = Store::open(folder.path()).and_then(|store| store.load(&run)).expect_err("nobody knows it");
        assert!(told(&error).contains("record 12") && told(&error).contains("dreamt"), "{}", told(&error));
    }
}

// ---- records ----

/// One flipped bit in any record, in any of its parts, is found.
#[test]
fn a_flipped_bit_in_any_record_is_found() {
    for journal in generations() {
        let (folder, run, truth) = whole(&journal);
        let table = table(&journal);
        let columns = if table == "events" { vec!["body", "at", "prev", "hash"] } else { vec!["body", "at", "hash"] };
        let mut tried = 0;
        for seq in 1..=truth.len() {
            for column in columns.iter().copied() {
                // A few places of each; of the long first record more.
                tried += flipped(folder.path(), &run, (table, column), &format!("seq = {seq}"), seq % 7);
            }
        }
        assert!(tried > 200, "only {tried} bits of {table}");
        let store = Store::open(folder.path()).expect("it opens");
        assert_eq!(store.load(&run).expect("all is well again"), truth, "{table}");
    }
}

/// A text that several first records share is part of each of them.
#[test]
fn a_flipped_bit_in_a_text_that_is_kept_apart_is_found() {
    let [_, journal] = generations();
    let (folder, run, truth) = whole(&journal);
    let texts = rows(folder.path(), "texts");
    assert!(texts > 0, "nothing is kept apart");
    for nth in 0..texts {
        let one = format!("sha256 = (SELECT sha256 FROM texts ORDER BY sha256 LIMIT 1 OFFSET {nth})");
        assert!(flipped(folder.path(), &run, ("texts", "text"), &one, 3) > 2, "text {nth}");
    }
    let store = Store::open(folder.path()).expect("it opens");
    assert_eq!(store.load(&run).expect("all is well again"), truth);
    changed(folder.path(), "DELETE FROM texts;");
    let error = store.load(&run).expect_err("nobody knows what the plan was");
    assert!(told(&error).contains("record 1 was changed"), "{}", told(&error));
}

/// Flips a bit of a value, here and there from a place on, and looks whether anybody sees it; how often.
fn flipped(folder: &Path, run: &RunId, (table, column): (&str, &str), place: &str, from: usize) -> u32 {
    let store = Store::open(folder).expect("it opens");
    let database = Connection::open(folder.join("drill.db")).expect("a database");
    let is_bytes = table == "records" && column == "hash";
    let value = if is_bytes { "?1" } else { "CAST(?1 AS TEXT)" };
    let write = format!("UPDATE {table} SET {column} = {value} WHERE {place}");
    let read = format!("SELECT CAST({column} AS BLOB) FROM {table} WHERE {place}");
    let good: Vec<u8> = database.query_row(&read, [], |row| row.get(0)).expect("it is there");
    let mut tried = 0;
    for at in (from..good.len()).step_by((good.len() / 3).clamp(1, 997)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        if !is_bytes && std::str::from_utf8(&bad).is_err() {
            continue;
        }
        database.execute(&write, [&bad]).expect("it can be written");
        let loaded = store.load(run);
        assert!(loaded.is_err(), "{place}: a bit of `{table}.{column}` was flipped at {at}, and nobody saw it");
        tried += 1;
    }
    database.execute(&write, [&good]).expect("it can be written");
    tried
}

#[test]
fn records_that_are_missing_doubled_or_in_another_order_are_found() {
    let swap = "UPDATE TABLE_ SET seq = 1000 WHERE seq = 12; UPDATE TABLE_ SET seq = 12 WHERE seq = 13; \
                UPDATE TABLE_ SET seq = 13 WHERE seq = 1000;";
    let of_both = [
        ("the first is missing", "DELETE FROM TABLE_ WHERE seq = 1;"),
        ("one in the middle is missing", "DELETE FROM TABLE_ WHERE seq = 12;"),
        ("ten in the middle are missing", "DELETE FROM TABLE_ WHERE seq BETWEEN 12 AND 21;"),
        ("all are missing", "DELETE FROM TABLE_;"),
        ("two are swapped", swap),
        ("an empty body", "UPDATE TABLE_ SET body = '' WHERE seq = 12;"),
        ("a body of nothing", "UPDATE TABLE_ SET body = zeroblob(40) WHERE seq = 12;"),
    ];
    let of_events = [
        (
            "a block stands twice",
            "INSERT INTO events SELECT run, seq + 1000, at, body, prev, hash FROM events WHERE seq BETWEEN 20 AND 30;",
        ),
        (
            "one that continues another",
            "UPDATE events SET prev = (SELECT hash FROM events WHERE seq = 3) WHERE seq = 12;",
        ),
    ];
    let of_records = [
        (
            "a block stands twice",
            "INSERT INTO records SELECT chain, seq + 1000, at, body, hash FROM records WHERE seq BETWEEN 20 AND 30;",
        ),
        ("one that is another", "UPDATE records SET hash = (SELECT hash FROM records WHERE seq = 3) WHERE seq = 12;"),
        ("the last is of nobody", "UPDATE records SET chain = 9 WHERE seq = (SELECT max(seq) FROM records);"),
        ("all are of nobody", "DELETE FROM chains;"),
        ("they are of another run", "UPDATE chains SET run = '01a1fe30-f2b1-7512-97f3-cace2356a789';"),
        ("they are of another number", "UPDATE chains SET chain = 7;"),
        ("the run stands in old tables, too", "INSERT INTO events SELECT run, 1, '', '', '', '' FROM chains;"),
        ("a text is missing", "DELETE FROM texts WHERE sha256 = (SELECT min(sha256) FROM texts);"),
        (
            "a text is another",
            "UPDATE texts SET text = (SELECT text FROM texts ORDER BY sha256 DESC LIMIT 1) \
             WHERE sha256 = (SELECT min(sha256) FROM texts);",
        ),
        ("a mark is another", "UPDATE records SET body = replace(body, char(1), char(2)) WHERE seq = 1;"),
    ];
    for journal in generations() {
        let table = table(&journal);
        let own = if table == "events" { of_events.to_vec() } else { of_records.to_vec() };
        for (what, change) in of_both.into_iter().chain(own) {
            let (folder, run, _) = whole(&journal);
            changed(folder.path(), &change.replace("TABLE_", table));
            let store = Store::open(folder.path()).expect("it opens");
            let listed = store.runs(None);
            let loaded = store.load(&run);
            assert!(loaded.is_err() || listed.is_err(), "{table}: {what}: nobody saw it");
        }
    }
}

// ---- the file ----

/// What a damaged file may be: refused, or read as it was written, at most without its end.
fn assert_never_empty(what: &str, bytes: &[u8], run: &RunId, truth: &[Recorded]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("drill.db"), bytes).expect("it can be written");
    fs::create_dir(folder.path().join("locks")).expect("a folder");
    fs::write(folder.path().join("locks/orders.lock"), format!("run {run}, process 1")).expect("it can be written");
    let drill: DrillName = "orders".parse().expect("a name");
    let read = Store::open(folder.path()).and_then(|store| {
        let rows = store.runs(Some(&drill))?;
        assert!(rows.iter().any(|row| row.run == *run), "{what}: the run is not among {rows:?}");
        // As whoever goes on with the run.
        store.lock(&drill).and_then(|lock| store.go_on(lock, *run)).map(|(_, records)| records)
    });
    match read {
        Ok(records) => {
            assert!(!records.is_empty() && truth.starts_with(&records), "{what}: it was read as something else");
            false
        }
        Err(error) => {
            assert!(!told(&error).is_empty());
            // The bytes are kept: somebody may still read them.
            assert!(folder.path().join("drill.db").exists(), "{what}");
            true
        }
    }
}

/// The bytes of a journal that nobody has open.
fn bytes_of(folder: &Path) -> Vec<u8> {
    changed(folder, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;");
    fs::read(folder.join("drill.db")).expect("it can be read")
}

#[test]
fn a_file_that_was_cut_is_never_an_empty_journal() {
    for journal in generations() {
        let (folder, run, truth) = whole(&journal);
        let bytes = bytes_of(folder.path());
        let pages = (0..bytes.len()).step_by(4_096);
        let odd = [1, 15, 16, 99, 100, 101, 1_000, 4_095, 4_097, bytes.len() - 4_097, bytes.len() - 1];
        let mut refused = 0;
        for length in pages.chain(odd) {
            refused += u32::from(assert_never_empty(&format!("cut at {length}"), &bytes[..length], &run, &truth));
        }
        assert!(refused > 10, "only {refused} were refused");
        assert!(!assert_never_empty("as it was", &bytes, &run, &truth), "the whole file is refused");
    }
}

#[test]
fn a_file_with_a_zero_tail_or_a_doubled_block_is_never_an_empty_journal() {
    for journal in generations() {
        let (folder, run, truth) = whole(&journal);
        let bytes = bytes_of(folder.path());
        for from in (0..bytes.len()).step_by(2_048) {
            let mut zeroed = bytes.clone();
            zeroed[from..].fill(0);
            assert_never_empty(&format!("zeros from {from}"), &zeroed, &run, &truth);
            let mut longer = bytes.clone();
            longer.extend_from_slice(&bytes[from..]);
            assert_never_empty(&format!("the end from {from} twice"), &longer, &run, &truth);
        }
        for page in 1..bytes.len() / 4_096 {
            let (here, before) = (page * 4_096, (page - 1) * 4_096);
            let mut doubled = bytes.clone();
            doubled.copy_within(before..here, here);
            assert_never_empty(&format!("page {page} is the one before"), &doubled, &run, &truth);
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_file_is_found_or_harmless() {
    for journal in generations() {
        let (folder, run, truth) = whole(&journal);
        let bytes = bytes_of(folder.path());
        let mut refused = 0;
        // The head of the file byte by byte, the rest in steps that no page size divides.
        for at in (0..128).chain((128..bytes.len()).step_by(283)) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            refused += u32::from(assert_never_empty(&format!("bit {} of byte {at}", at % 8), &flipped, &run, &truth));
        }
        assert!(refused > 20, "only {refused} were refused");
    }
}

/// The journal is gone or empty, and the lock remembers that a run was begun: nothing is started over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_lost_or_emptied_starts_nothing_and_says_what_to_look_for() {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    let url = format!("--sandbox={}", sandbox.url());
    for emptied in [false, true] {
        let case = if emptied { "emptied" } else { "deleted" };
        let drill = Drill::new().definition("orders", worlds::ORDERS);
        let state = drill.path().join(".drill/sandbox");
        let run = put(journals().last().expect("there are some"), &state, "").to_string();
        fs::create_dir(state.join("locks")).expect("a folder");
        fs::write(state.join("locks/orders.lock"), format!("run {run}, process 1")).expect("it can be written");
        drill.ask(&["status", &run]).await.ends(0);
        for name in ["drill.db", "drill.db-wal", "drill.db-shm"] {
            // Only the first is there for sure.
            let _ = fs::remove_file(state.join(name));
        }
        if emptied {
            fs::write(state.join("drill.db"), b"").expect("it can be written");
        }
        let said = drill.ask(&["run", "orders", &url]).await.ends(3);
        for wanted in [run.as_str(), "was begun", "drill-", "orders.lock"] {
            assert!(said.stderr.contains(wanted), "{case}: `{wanted}` is not in {said:?}");
        }
        let said = drill.ask(&["resume", "--all"]).await.ends(3);
        assert!(said.stderr.contains("was begun"), "{case}: {said:?}");
        assert_untouched(case, &before, &sandbox.inventory());
        // Whoever has looked says so by removing the lock.
        fs::remove_file(state.join("locks/orders.lock")).expect("it is there");
        drill.ask(&["resume", "--all"]).await.ends(0);
    }
}

/// A damaged journal of one run: every command says so, none of them begins anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_say_that_a_journal_is_damaged_and_begin_nothing() {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    let url = format!("--sandbox={}", sandbox.url());
    for journal in generations() {
        let table = table(&journal);
        let drill = Drill::new().definition("orders", worlds::ORDERS);
        let state = drill.path().join(".drill/sandbox");
        let run = put(&journal, &state, "").to_string();
        changed(&state, &format!("UPDATE {table} SET at = '2026-11-21T12:00:00Z' WHERE seq = 20;"));
        for verb in ["status", "logs", "report", "resume"] {
            let said = drill.ask(&[verb, &run]).await.ends(3);
            assert!(
                said.stderr.contains("was damaged or changed") && said.stderr.contains("record 20"),
                "{table}, {verb}: {said:?}"
            );
        }
        fs::write(state.join("drill.db"), vec![0x5a; 40_000]).expect("it can be written");
        for arguments in [vec!["run", "orders", url.as_str()], vec!["status"], vec!["resume", "--all"]] {
            let said = drill.ask(&arguments).await.ends(3);
            assert!(said.stderr.contains("cannot be used"), "{table}, {arguments:?}: {said:?}");
        }
        assert_untouched("damaged", &before, &sandbox.inventory());
    }
}

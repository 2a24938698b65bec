//! `drill resume --all` over many runs, with the real binary: all are read in one pass, and each ends as if it were alone,
//! whatever became of the others. The simulated AWS of each ended with its process, so that nothing has to be asked.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restore_drill::journal::event::{Event, World};
use restore_drill::journal::store::{Append as _, Store};
use restore_drill::report::runbook;
use restore_drill::words::id::{DrillName, RunId};
use restore_drill::words::kind::{Mode, Verdict};
use rusqlite::Connection;
use serde_json::Value;

use crate::harness::child::Drill;
use crate::harness::paper::{Paper, START};
use crate::harness::worlds;

/// As long as a command of many runs may take, in real time.
const LONG: Duration = Duration::from_secs(220);

/// Runs of each of the two definitions: together more than are read one by one.
const EACH: i64 = 25;

/// A run that a process left.
struct Left {
    drill: &'static str,
    run: RunId,
    records: usize,
}

/// [`worlds::ORDERS`] under another name.
fn named(name: &str) -> String {
    worlds::ORDERS.replace("name: orders", &format!("name: {name}"))
}

fn drill_name(name: &str) -> DrillName {
    name.parse().expect("a name")
}

/// A run whose process died, before anything was done or once its database was restored.
async fn leave(store: &Store, drill: &'static str, number: i64) -> Left {
    let begun: Timestamp = START.parse().expect("an instant");
    let begun = begun.checked_add(SignedDuration::from_secs(number)).expect("in range");
    let text = named(drill);
    let mut paper = Paper::begin_at(begun, Mode::Sandbox, &worlds::definition(&text), &text);
    if number % 2 == 0 {
        paper.restored();
    }
    let (run, records) = (paper.state.run, paper.records.len());
    let mut events: Vec<(Timestamp, Event)> =
        paper.records.into_iter().map(|record| (record.at, record.event)).collect();
    let (at, mut first) = events.remove(0);
    if let Event::RunStarted(started) = &mut first {
        started.world = Some(World::InProcess);
        started.templates = runbook::built_in().into();
    }
    let lock = store.lock(&drill_name(drill)).expect("nobody runs it");
    let mut journal = store.begin(lock, run, at, &first).await.expect("the first record is durable");
    if !events.is_empty() {
        journal.append(&events).await.expect("they are durable");
    }
    Left { drill, run, records }
}

fn change(folder: &Path, run: &RunId, sql: &str) {
    let sql = format!("{sql} AND chain = (SELECT chain FROM chains WHERE run = '{run}');");
    Connection::open(folder.join("drill.db")).and_then(|database| database.execute_batch(&sql)).expect("it is SQL");
}

fn records(folder: &Path, run: &RunId) -> usize {
    let count = "SELECT count(*) FROM records JOIN chains ON chains.chain = records.chain WHERE run = ?1";
    let database = Connection::open(folder.join("drill.db")).expect("a database");
    let count: i64 = database.query_row(count, [run.to_string()], |row| row.get(0)).expect("a number");
    usize::try_from(count).expect("a number of records")
}

/// Drill, run, verdict and exit code of each, in the order of the JSON.
fn outcomes(json: &Value) -> Vec<(String, String, Option<String>, u64)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let outcome = |run: &Value| {
        let (drill, id) = (text(&run["drill"]).expect("a drill"), text(&run["run"]).expect("a run"));
        (drill, id, text(&run["verdict"]), run["exit_code"].as_u64().expect("a number"))
    };
    json["runs"].as_array().expect("a list").iter().map(outcome).collect()
}

fn outcome(left: &Left, verdict: Option<&str>, exit: u64) -> (String, String, Option<String>, u64) {
    (left.drill.to_owned(), left.run.to_string(), verdict.map(str::to_owned), exit)
}

fn errors_of(json: &Value, run: &RunId) -> String {
    let runs = json["runs"].as_array().expect("a list");
    let one = runs.iter().find(|one| one["run"] == run.to_string()).expect("the run is listed");
    one["error"].as_str().unwrap_or_else(|| panic!("no error in {one}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_are_resumed_by_one_command_each_to_its_own_end() {
    let drill = Drill::new();
    let folder = drill.path().join(".drill/sandbox");
    let store = Store::open(&folder).expect("a folder of journals");
    let (mut alpha, mut beta, mut gamma) = (Vec::new(), Vec::new(), Vec::new());
    // The records of all stand one among the other's.
    for number in 0..EACH {
        alpha.push(leave(&store, "alpha", 3 * number).await);
        beta.push(leave(&store, "beta", 3 * number + 1).await);
        if number < 3 {
            gamma.push(leave(&store, "gamma", 3 * number + 2).await);
        }
    }
    let (changed, torn) = (&alpha[4], &alpha[10]);
    change(&folder, &changed.run, "UPDATE records SET at = '2026-11-21T11:59:59Z' WHERE seq = 2");
    change(&folder, &torn.run, "DELETE FROM records WHERE seq = 4");
    let is_damaged = |left: &Left| [changed.run, torn.run].contains(&left.run);

    // Another process has all runs of this drill: its lock is taken.
    let held = store.lock(&drill_name("gamma")).expect("nobody runs it");
    let resume = ["resume", "--all", "--output", "json"];
    let said = drill.spawn(&resume).ended_within(LONG).await.ends(3);
    let json = said.json();
    let expected: Vec<_> = alpha
        .iter()
        .chain(&beta)
        .map(|left| if is_damaged(left) { outcome(left, None, 3) } else { outcome(left, Some("inconclusive"), 3) })
        .chain(gamma.iter().map(|left| outcome(left, None, 0)))
        .collect();
    assert_eq!(outcomes(&json), expected, "{}", said.stderr);
    for (left, why) in [(changed, "record 2 was changed"), (torn, "record 5 stands where record 4 belongs")] {
        let error = errors_of(&json, &left.run);
        assert!(error.contains("was damaged or changed") && error.contains(why), "{error}");
    }
    assert_eq!(said.stderr.matches("is under way in another process").count(), gamma.len(), "{}", said.stderr);

    // Each that could be was taken over once and has nothing left, and nobody wrote to any other.
    for left in alpha.iter().chain(&beta).filter(|left| !is_damaged(left)) {
        let state = store.state(&left.run).expect("it verifies");
        let verdict = state.concluded.as_ref().map(|(_, conclusion)| conclusion.verdict);
        assert_eq!((verdict, state.resumed_at.len()), (Some(Verdict::Inconclusive), 1), "{}", left.run);
        assert!(state.ledger.values().all(|entry| entry.gone.is_some()), "{}", left.run);
    }
    assert_eq!(records(&folder, &changed.run), changed.records);
    assert_eq!(records(&folder, &torn.run), torn.records - 1);
    for left in &gamma {
        assert_eq!(records(&folder, &left.run), left.records);
    }

    // The next command goes on with what is still owed.
    drop(held);
    let json = drill.spawn(&resume).ended_within(LONG).await.ends(3).json();
    let expected: Vec<_> = [changed, torn]
        .map(|left| outcome(left, None, 3))
        .into_iter()
        .chain(gamma.iter().map(|left| outcome(left, Some("inconclusive"), 3)))
        .collect();
    assert_eq!(outcomes(&json), expected);
}

//! Many drills in one process, over the real binary and the wire: each ends as if it were alone, whatever becomes of the
//! others, and none begins before its restores have places.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use restore_drill::journal::state::State;
use restore_drill::journal::store::Store;
use restore_drill::run::places::documented;
use restore_drill::sandbox::{Fault, Held, Hold, Inventory, Options, Sandbox, What, When, WorldFile, WorldSpec};
use restore_drill::words::kind::ResourceKind;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::check::{assert_harmless, assert_one_restore};
use crate::harness::child::{Drill, Running, Said};
use crate::harness::worlds;

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// World seconds for each real second: the preflights of several runs at once have nine of them.
const CALM: f64 = 100.0;

/// The same for as many runs as take every place that there is.
const CALMER: f64 = 20.0;

/// As long as commands of many runs may take, in real time.
const LONG: Duration = Duration::from_secs(220);

/// Looks at what a process does, each of which is a command and takes its time.
const MOST_LOOKS: u32 = 400;

/// A repository with some drills, and one world for all of them.
struct Ground {
    drill: Drill,
    sandbox: Sandbox,
    before: Inventory,
    url: String,
}

/// [`worlds::ORDERS`] under another name, with a database of its own.
fn named(name: &str) -> String {
    worlds::ORDERS
        .replace("name: orders", &format!("name: {name}"))
        .replace(":db:orders", &format!(":db:{name}"))
        .replace("  orders:\n", &format!("  {name}:\n"))
        .replace("on: orders", &format!("on: {name}"))
}

/// The world of one of them. `settings` is a line of it, or nothing.
fn world(name: &str, takes: &str, settings: &str) -> String {
    format!(
        "version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nquotas: {{ token_lifetime: 30d, db_instances: 200 }}\n{settings}\n\
         resources:\n  {name}: {{ restore: {{ takes: {takes} }} }}\n"
    )
}

impl Ground {
    async fn new(names: &[&str]) -> Self {
        let definitions: Vec<(String, String)> = names.iter().map(|name| ((*name).to_owned(), named(name))).collect();
        Self::of(&definitions, "1m", "", CALM).await
    }

    async fn of(definitions: &[(String, String)], takes: &str, settings: &str, speed: f64) -> Self {
        let spec = |(name, text): &(String, String)| {
            let file = WorldFile::read("test.world.yaml", &world(name, takes, settings)).expect("it is right");
            WorldSpec::from_definition(&worlds::definition(text)).overlay(file)
        };
        let spec = WorldSpec::merge_all(definitions.iter().map(spec)).expect("there are some");
        // Without a cache there are no database servers.
        let options = Options { port: 0, speed, seed: 7, cache: PathBuf::from("/dev/null") };
        let sandbox = Sandbox::start(spec, options).await.expect("a world starts");
        let drill = definitions.iter().fold(Drill::new(), |drill, (name, text)| drill.definition(name, text));
        let url = format!("--sandbox={}", sandbox.url());
        Self { drill, before: sandbox.inventory(), sandbox, url }
    }

    fn hold(&self, operation: &str, nth: u32) -> Held {
        self.sandbox.hold(Hold { operation: operation.to_owned(), nth, when: When::Before })
    }

    fn runs(&self, arguments: &[&str]) -> Running {
        let arguments: Vec<&str> = ["run"].iter().chain(arguments).copied().chain([self.url.as_str()]).collect();
        self.drill.spawn(&arguments)
    }

    /// Every run by its drill, as `drill status` knows them.
    async fn status(&self) -> BTreeMap<String, Value> {
        let status = self.drill.ask(&["status", "--limit", "100", "--output", "json"]).await.ends(0).json();
        let runs = status["runs"].as_array().cloned().unwrap_or_default();
        // Newest first: of each drill the last one counts.
        runs.into_iter().rev().map(|run| (text(&run, "drill"), run)).collect()
    }

    async fn id_of(&self, drill: &str) -> String {
        let runs = self.status().await;
        text(runs.get(drill).unwrap_or_else(|| panic!("no run of {drill}: {runs:?}")), "run")
    }

    /// Waits until the journal of a drill's run says that it is being ended.
    async fn is_ending(&self, drill: &str) {
        self.run_is_ending(&self.id_of(drill).await).await;
    }

    async fn run_is_ending(&self, id: &str) {
        let mut seen = String::new();
        for _ in 0..MOST_LOOKS {
            seen = self.drill.ask(&["logs", id]).await.stdout;
            if seen.contains(" ending ") {
                return;
            }
        }
        panic!("{id} does not end:\n{seen}");
    }

    /// Waits until the journals say that the restore job of each of these drills is under way: from there on the run has nothing
    /// to do but to wait.
    async fn all_wait(&self, drills: &[&str]) {
        let mut left: Vec<&str> = drills.to_vec();
        for _ in 0..MOST_LOOKS {
            let runs = self.status().await;
            let mut still = Vec::new();
            for drill in left {
                let seen = match runs.get(drill) {
                    Some(run) => self.drill.ask(&["logs", &text(run, "run")]).await.stdout,
                    None => String::new(),
                };
                if !seen.contains("RUNNING") {
                    still.push(drill);
                }
            }
            if still.is_empty() {
                return;
            }
            left = still;
        }
        panic!("these do not wait: {left:?}");
    }

    fn states(&self) -> Vec<State> {
        let store = Store::open(&self.drill.path().join(".drill/sandbox")).expect("journals");
        let rows = store.runs(None).expect("the list of runs");
        rows.iter().map(|row| store.state(&row.run).expect("it verifies")).collect()
    }

    fn assert_harmless(&self, case: &str) {
        assert_harmless(case, &self.before, &self.sandbox.inventory());
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value:#}")).to_owned()
}

async fn reached(case: &str, held: &Held) {
    tokio::time::timeout(LIMIT, held.reached()).await.unwrap_or_else(|_| panic!("{case}: the call never came"));
}

/// Drill, verdict and exit code of each run, in the order of the JSON.
fn outcomes(json: &Value) -> Vec<(String, Option<String>, u64)> {
    let outcome = |run: &Value| {
        (text(run, "drill"), run["verdict"].as_str().map(str::to_owned), run["exit_code"].as_u64().expect("a number"))
    };
    json["runs"].as_array().expect("a list").iter().map(outcome).collect()
}

fn ended(drill: &str, verdict: &str, exit: u64) -> (String, Option<String>, u64) {
    (drill.to_owned(), Some(verdict.to_owned()), exit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_drills_run_at_once_and_each_line_says_whose_it_is() {
    let case = "at once";
    let ground = Ground::new(&["alpha", "beta", "gamma"]).await;
    // One after the other, the second start would wait for the first.
    let (first, second) = (ground.hold("backup:StartRestoreJob", 1), ground.hold("backup:StartRestoreJob", 2));
    let running = ground.runs(&["gamma", "alpha", "beta", "alpha", "--output", "json"]);
    reached(case, &first).await;
    reached(case, &second).await;
    first.release();
    second.release();
    let said = running.ended_within(LONG).await.ends(0);
    let json = said.json();
    assert_eq!((&json["version"], &json["exit_code"]), (&1.into(), &0.into()), "{json:#}");
    // In the order in which they were asked for, each once.
    let wanted = ["gamma", "alpha", "beta"].map(|drill| ended(drill, "passed", 0));
    assert_eq!(outcomes(&json), wanted);
    for run in json["runs"].as_array().expect("a list") {
        assert!(run["measures"]["rto"]["seconds"].is_number() && run["evidence"].is_string(), "{run:#}");
    }
    let is_of_a_drill = |line: &&str| ["alpha  ", "beta  ", "gamma  "].iter().any(|drill| line.starts_with(drill));
    let others: Vec<&str> = said.stderr.lines().filter(|line| !is_of_a_drill(line)).collect();
    assert!(others.is_empty(), "{others:?}");
    ground.assert_harmless(case);
    for state in ground.states() {
        let asked = state.started.asked_at.expect("it was one of several");
        assert!(asked <= state.started_at, "{asked}");
        let evidence = ground.drill.path().join("reports/.rehearsal").join(state.started.drill.as_str());
        let report = std::fs::read_to_string(evidence.join(state.run.to_string()).join("report.md")).expect("a report");
        assert!(report.contains("| Asked for |"), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_and_one_that_leaks_take_no_other_along_and_the_gravest_counts() {
    let case = "one of each";
    let short = |name: &str| {
        named(name).replace("timeout: 10d\nprobes", "timeout: 10m\nprobes").replace("timeout: 10d }", "timeout: 20m }")
    };
    let definitions = [("alpha", named("alpha")), ("beta", named("beta")), ("gamma", short("gamma"))]
        .map(|(name, text)| (name.to_owned(), text));
    let ground = Ground::of(&definitions, "1m", "", CALM).await;
    ground.sandbox.add_fault(Fault { resource: Some("beta".to_owned()), ..Fault::new(What::JobFailed) });
    let running = ground.runs(&["alpha", "beta", "--output", "json"]);
    let json = running.ended_within(LONG).await.ends(1).json();
    assert_eq!(json["exit_code"], 1);
    assert_eq!(outcomes(&json), [ended("alpha", "passed", 0), ended("beta", "failed", 1)]);
    ground.assert_harmless(case);
    ground.sandbox.add_fault(Fault { resource: Some("gamma".to_owned()), ..Fault::new(What::JobStuck) });
    let said = ground.runs(&["--all"]).ended_within(LONG).await.ends(4);
    assert!(said.stdout.contains("3 runs: 1 leaked, 1 failed, 1 passed"), "{said:?}");
    assert_one_restore(case, &ground.sandbox.inventory());
    let status = ground.status().await;
    let verdicts: Vec<&Value> = status.values().map(|run| &run["verdict"]).collect();
    assert_eq!(verdicts, ["passed", "failed", "leaked"], "alpha, beta, gamma");
}

/// `inconclusive` has the larger number, and `failed` is graver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_one_is_graver_than_one_that_could_not_be_judged() {
    let ground = Ground::new(&["alpha", "beta"]).await;
    for (resource, what) in [("alpha", What::JobAborted), ("beta", What::JobFailed)] {
        ground.sandbox.add_fault(Fault { resource: Some(resource.to_owned()), ..Fault::new(what) });
    }
    let json = ground.runs(&["alpha", "beta", "--output", "json"]).ended_within(LONG).await.ends(1).json();
    assert_eq!(outcomes(&json), [ended("alpha", "inconclusive", 3), ended("beta", "failed", 1)]);
    ground.assert_harmless("failed and inconclusive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_definition_that_is_wrong_starts_nothing() {
    let ground = Ground::new(&["alpha", "beta"]).await;
    ground.drill.write("drills/wrong.yaml", &(named("wrong") + "colour: red\n"));
    for arguments in [["alpha", "wrong"], ["wrong", "beta"], ["alpha", "nobody"]] {
        let said = ground.runs(&arguments).ended().await.ends(2);
        assert!(said.stderr.contains("nothing was started"), "{arguments:?}: {said:?}");
    }
    let said = ground.runs(&["--all"]).ended().await.ends(2);
    assert!(said.stderr.contains("colour") && said.stderr.contains("1 problem in 1 file"), "{said:?}");
    for arguments in [vec![], vec!["alpha", "--all"], vec!["alpha", "beta", "--world", "x.yaml"]] {
        ground.runs(&arguments).ended().await.ends(2);
    }
    assert!(ground.sandbox.inventory().calls.is_empty(), "{:?}", ground.sandbox.inventory().calls);
    assert!(!ground.drill.path().join(".drill").exists(), "nothing was started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ctrl_c_ends_all_of_them_with_a_teardown() {
    let case = "one Ctrl-C";
    let ground = Ground::new(&["alpha", "beta", "gamma"]).await;
    let held = [1, 2, 3].map(|nth| ground.hold("rds:AddTagsToResource", nth));
    let running = ground.runs(&["--all", "--output", "json"]);
    for one in &held {
        reached(case, one).await;
    }
    running.signal(Signal::INT);
    for drill in ["alpha", "beta", "gamma"] {
        ground.is_ending(drill).await;
    }
    held.iter().for_each(Held::release);
    let json = running.ended_within(LONG).await.ends(3).json();
    assert_eq!(outcomes(&json), ["alpha", "beta", "gamma"].map(|drill| ended(drill, "inconclusive", 3)));
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_ctrl_c_stops_all_of_them_and_each_says_what_is_left() {
    let case = "two Ctrl-C";
    let ground = Ground::new(&["alpha", "beta"]).await;
    let held = [1, 2].map(|nth| ground.hold("rds:AddTagsToResource", nth));
    let running = ground.runs(&["alpha", "beta"]);
    for one in &held {
        reached(case, one).await;
    }
    running.signal(Signal::INT);
    for drill in ["alpha", "beta"] {
        ground.is_ending(drill).await;
    }
    running.signal(Signal::INT);
    let said = running.ended_within(LONG).await.ends(4);
    held.iter().for_each(Held::release);
    assert_eq!(said.stdout.matches("stopped before its end").count(), 2, "{said:?}");
    assert_eq!(said.stdout.matches("may still exist: arn:aws:rds:").count(), 2, "{said:?}");
    let resumed = ground.drill.spawn(&["resume", "--all", "--output", "json"]).ended_within(LONG).await.ends(3).json();
    assert_eq!(outcomes(&resumed), ["alpha", "beta"].map(|drill| ended(drill, "inconclusive", 3)));
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_them_can_be_cancelled_and_the_others_go_on() {
    let case = "cancelled";
    let ground = Ground::new(&["alpha", "beta"]).await;
    let held = [1, 2].map(|nth| ground.hold("rds:AddTagsToResource", nth));
    let running = ground.runs(&["alpha", "beta", "--output", "json"]);
    for one in &held {
        reached(case, one).await;
    }
    let beta = ground.id_of("beta").await;
    ground.drill.ask(&["cancel", &beta]).await.ends(0);
    ground.is_ending("beta").await;
    held.iter().for_each(Held::release);
    let json = running.ended_within(LONG).await.ends(3).json();
    assert_eq!(outcomes(&json), [ended("alpha", "passed", 0), ended("beta", "inconclusive", 3)]);
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_midst_all_of_them_go_on_as_if_nothing_had_been() {
    let case = "killed";
    let names = ["alpha", "beta", "gamma"];
    let ground = Ground::new(&names).await;
    for (operation, when) in [("backup:StartRestoreJob", When::After), ("rds:DeleteDBInstance", When::After)] {
        let case = format!("{case} at {operation}");
        let held = [1, 2, 3].map(|nth| ground.sandbox.hold(Hold { operation: operation.to_owned(), nth, when }));
        let running = ground.runs(&["--all"]);
        for one in &held {
            reached(&case, one).await;
        }
        running.signal(Signal::KILL);
        assert_eq!(running.ended().await.code, None, "{case}");
        held.iter().for_each(Held::release);
        let resumed =
            ground.drill.spawn(&["resume", "--all", "--output", "json"]).ended_within(LONG).await.ends(0).json();
        assert_eq!(outcomes(&resumed), names.map(|drill| ended(drill, "passed", 0)), "{case}");
        ground.assert_harmless(&case);
    }
    let nothing = ground.drill.ask(&["resume", "--all", "--output", "json"]).await.ends(0).json();
    assert_eq!(nothing["runs"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_drills_first_tear_down_what_another_left() {
    let case = "owed by another";
    let ground = Ground::new(&["alpha", "beta", "gamma"]).await;
    let held = ground.hold("rds:AddTagsToResource", 1);
    let running = ground.runs(&["gamma"]);
    reached(case, &held).await;
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
    let said = ground.runs(&["alpha", "beta"]).ended_within(LONG).await.ends(0);
    assert!(said.stderr.contains("gamma  run ") && said.stderr.contains("its teardown comes first"), "{said:?}");
    assert!(said.stdout.contains("2 runs: 2 passed"), "what was owed is no run of this command: {said:?}");
    ground.assert_harmless(case);
}

/// AWS has fewer places than is documented: who is refused waits and asks again, and no drill fails for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_refused_for_want_of_a_place_queues() {
    let case = "two places";
    let names = ["alpha", "beta", "delta", "gamma"];
    let definitions: Vec<(String, String)> = names.iter().map(|name| ((*name).to_owned(), named(name))).collect();
    let ground = Ground::of(&definitions, "10m", "places: { rds: 2 }", CALM).await;
    let json = ground.runs(&["--all", "--output", "json"]).ended_within(LONG).await.ends(0).json();
    assert_eq!(outcomes(&json), names.map(|drill| ended(drill, "passed", 0)));
    let after = ground.sandbox.inventory();
    let refused = after.calls.iter().filter(|call| call.error.as_deref() == Some("LimitExceededException")).count();
    assert!(refused > 0, "nobody was refused: the test shows nothing");
    assert_eq!(after.restore_jobs.len(), names.len());
    ground.assert_harmless(case);
}

/// When a run's job was under way.
fn span(state: &State) -> (Timestamp, Timestamp) {
    let entry = state.ledger.values().next().expect("it restored something");
    let job = entry.terminal_job().expect("its job ended");
    (job.created.expect("it began"), job.completed.expect("it ended"))
}

/// More drills than there are places: those that wait have not begun, and no start is ever refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_jobs_are_under_way_than_there_are_places_and_the_others_wait_outside() {
    let case = "more drills than places";
    let most = documented(ResourceKind::Rds).expect("it is bounded");
    let names: Vec<String> = (0..most + 2).map(|number| format!("store-{number:02}")).collect();
    let definitions: Vec<(String, String)> = names.iter().map(|name| (name.clone(), named(name))).collect();
    // One more would be refused, and be seen.
    let ground = Ground::of(&definitions, "5m", &format!("places: {{ rds: {most} }}"), CALMER).await;
    let json = ground.runs(&["--all", "--output", "json"]).ended_within(LONG).await.ends(0).json();
    assert!(outcomes(&json).iter().all(|(_, verdict, _)| verdict.as_deref() == Some("passed")), "{json:#}");
    let after = ground.sandbox.inventory();
    let refused = after.calls.iter().filter(|call| call.error.as_deref() == Some("LimitExceededException")).count();
    assert_eq!((after.restore_jobs.len(), refused), (names.len(), 0));
    let states = ground.states();
    let spans: Vec<(Timestamp, Timestamp)> = states.iter().map(span).collect();
    for (begins, _) in &spans {
        let beside = spans.iter().filter(|(begun, ended)| begun <= begins && begins < ended).count();
        assert!(beside <= most, "{beside} jobs at {begins}");
    }
    let first_end = spans.iter().map(|(_, ended)| *ended).min().expect("there are some");
    let late = states.iter().filter(|state| state.started_at >= first_end).count();
    assert_eq!(late, 2, "who waits has no journal");
    ground.assert_harmless(case);
}

/// A disaster does not wait outside: all of them begin at once and keep what they restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_keep_all_of_them_begin_at_once() {
    let ground = Ground::new(&["alpha", "beta"]).await;
    let json = ground.runs(&["--all", "--keep", "48h", "--output", "json"]).ended_within(LONG).await.ends(0).json();
    assert_eq!(outcomes(&json), ["alpha", "beta"].map(|drill| ended(drill, "passed", 0)));
    assert!(json["runs"].as_array().expect("a list").iter().all(|run| run["kept_until"].is_string()), "{json:#}");
    assert_eq!(ground.sandbox.inventory().restored().filter(|thing| thing.kind == "rds:db").count(), 2);
    for drill in ["alpha", "beta"] {
        let id = ground.id_of(drill).await;
        ground.drill.ask(&["keep", &id, "--end"]).await.ends(0);
    }
    ground.assert_harmless("kept");
}

/// One world for all of them, in the same process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_drills_share_the_simulated_aws_of_their_process() {
    let drill = Drill::new().definition("alpha", &named("alpha")).definition("beta", &named("beta"));
    let running =
        drill.spawn(&["run", "alpha", "beta", "--sandbox", "--seed", "7", "--speed", "100", "--output", "json"]);
    let json = running.ended_within(LONG).await.ends(0).json();
    assert_eq!(outcomes(&json), ["alpha", "beta"].map(|drill| ended(drill, "passed", 0)));
    assert!(drill.path().join(".drill/sandbox/drill.db").is_file());
}

/// More runs than are kept in memory while they wait, in builds for development.
const CROWD: [&str; 5] = ["alpha", "beta", "delta", "epsilon", "gamma"];

/// A crowd whose restores take eighteen real seconds, and that says when a run is parked.
async fn crowd() -> Ground {
    let definitions: Vec<(String, String)> = CROWD.iter().map(|name| ((*name).to_owned(), named(name))).collect();
    let mut ground = Ground::of(&definitions, "30m", "", CALM).await;
    ground.drill = ground.drill.variable("DRILL_LOG", "debug");
    ground
}

/// That each run of a crowd was parked.
fn assert_parked(case: &str, ground: &Ground, said: &Said) {
    for state in ground.states() {
        let run = state.run.to_string();
        let parked = said.stderr.lines().any(|line| line.contains("parked") && line.contains(&run));
        assert!(parked, "{case}: {} was never parked: {said:?}", state.started.drill);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_parked_pass_like_all_others() {
    let ground = crowd().await;
    let said = ground.runs(&["--all", "--output", "json"]).ended_within(LONG).await.ends(0);
    assert_eq!(outcomes(&said.json()), CROWD.map(|drill| ended(drill, "passed", 0)));
    assert_parked("passed", &ground, &said);
    assert!(ground.states().iter().all(|state| state.resumed_at.is_empty()), "nobody took anything over");
    ground.assert_harmless("passed");
}

/// Who is parked keeps others out, and hears what concerns it alone and what concerns everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_parked_stay_locked_and_hear_a_cancel_and_ctrl_c() {
    let case = "cancelled while parked";
    let ground = crowd().await;
    let running = ground.runs(&["--all", "--output", "json"]);
    ground.all_wait(&CROWD).await;
    let refused = ground.runs(&["alpha"]).ended().await.ends(3);
    assert!(refused.stderr.contains("is running already"), "{refused:?}");
    ground.drill.ask(&["cancel", &ground.id_of("beta").await]).await.ends(0);
    ground.is_ending("beta").await;
    running.signal(Signal::INT);
    for drill in CROWD {
        ground.is_ending(drill).await;
    }
    let said = running.ended_within(LONG).await.ends(3);
    assert_eq!(outcomes(&said.json()), CROWD.map(|drill| ended(drill, "inconclusive", 3)));
    assert_parked(case, &ground, &said);
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_parked_are_ended_by_the_stop_of_everything() {
    let case = "stopped while parked";
    let ground = crowd().await;
    let running = ground.runs(&["--all", "--output", "json"]);
    ground.all_wait(&CROWD).await;
    ground.drill.ask(&["stop", "--all"]).await.ends(0);
    let said = running.ended_within(LONG).await.ends(3);
    assert_eq!(outcomes(&said.json()), CROWD.map(|drill| ended(drill, "inconclusive", 3)));
    assert_parked(case, &ground, &said);
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_were_parked_when_their_process_was_killed_go_on() {
    let case = "killed while parked";
    let ground = crowd().await;
    let running = ground.runs(&["--all"]);
    ground.all_wait(&CROWD).await;
    running.signal(Signal::KILL);
    assert_eq!(running.ended().await.code, None, "{case}");
    let resume = ["resume", "--all", "--output", "json"];
    let said = ground.drill.spawn(&resume).ended_within(LONG).await.ends(0);
    assert_eq!(outcomes(&said.json()), CROWD.map(|drill| ended(drill, "passed", 0)));
    assert_parked(case, &ground, &said);
    ground.assert_harmless(case);
}

/// Whoever is parked has nothing but its journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_read_when_its_wait_is_over_is_named_with_what_it_may_have_made() {
    let ground = crowd().await;
    let running = ground.runs(&["--all", "--output", "json"]);
    ground.all_wait(&CROWD).await;
    let alpha = ground.id_of("alpha").await;
    let damage = format!(
        "UPDATE records SET at = '2026-11-21T11:59:59Z' WHERE seq = 3 AND chain = (SELECT chain FROM chains WHERE run = '{alpha}');"
    );
    let database = ground.drill.path().join(".drill/sandbox/drill.db");
    Connection::open(database).and_then(|database| database.execute_batch(&damage)).expect("it is SQL");
    let json = running.ended_within(LONG).await.ends(4).json();
    let mut wanted = CROWD.map(|drill| ended(drill, "passed", 0));
    wanted[0] = ("alpha".to_owned(), None, 4);
    assert_eq!(outcomes(&json), wanted);
    let one = &json["runs"][0];
    let error = text(one, "error");
    assert_eq!(text(one, "run"), alpha);
    for part in ["drill resume", "these may still exist: ", "record 3 was changed"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

/// What a run is driven with is made anew when it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_cannot_be_driven_on_when_their_wait_is_over_are_named_with_what_they_may_have_made() {
    let case = "without a key";
    let ground = crowd().await;
    let running = ground.runs(&["--all", "--output", "json"]);
    ground.all_wait(&CROWD).await;
    let key = ground.drill.path().join(".drill/sandbox/key");
    let whole = fs::read(&key).expect("there is a key");
    fs::write(&key, "cut").expect("it is a file");
    let json = running.ended_within(LONG).await.ends(4).json();
    let mut wanted = CROWD.map(|drill| ended(drill, "", 4));
    for one in &mut wanted {
        one.1 = None;
    }
    assert_eq!(outcomes(&json), wanted);
    for one in json["runs"].as_array().into_iter().flatten() {
        let (run, error) = (text(one, "run"), text(one, "error"));
        for part in ["drill resume", "these may still exist: ", "/key", "it is cut off"] {
            assert!(error.contains(part), "`{part}` is not in what is said of {run}: {error}");
        }
    }
    fs::write(&key, whole).expect("it is a file");
    let resumed = ground.drill.spawn(&["resume", "--all", "--output", "json"]).ended_within(LONG).await.ends(0).json();
    assert_eq!(outcomes(&resumed), CROWD.map(|drill| ended(drill, "passed", 0)));
    ground.assert_harmless(case);
}

/// Of one drill runs are gone on with one after the other: who ends that is told of those that it did not come to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_a_resume_is_told_of_the_runs_that_it_did_not_come_to() {
    let ground = Ground::new(&["alpha"]).await;
    ground.sandbox.add_fault(Fault::new(What::DenyDelete));
    let mut runs = Vec::new();
    for _ in 0..2 {
        ground.runs(&["alpha"]).ended_within(LONG).await.ends(4);
        runs.push(ground.id_of("alpha").await);
    }
    let held = ground.hold("rds:DeleteDBInstance", 1);
    let resumed = ground.drill.spawn(&["resume", "--all", "--output", "json"]);
    reached("resumed", &held).await;
    resumed.signal(Signal::INT);
    ground.run_is_ending(&runs[0]).await;
    held.release();
    let json = resumed.ended_within(LONG).await.ends(4).json();
    assert_eq!(outcomes(&json), [ended("alpha", "leaked", 4), ("alpha".to_owned(), None, 3)]);
    let other = &json["runs"][1];
    assert_eq!(text(other, "run"), runs[1]);
    assert!(text(other, "error").contains("was not gone on with"), "{other:#}");
}

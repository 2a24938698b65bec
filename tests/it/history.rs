//! Looking back: what is usual, what got worse, what changed, what is proven, and journals that come back from bundles.
//!
//! Real runs are written by hand and come in by `drill import`; rehearsals are run.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::definition::model::Definition;
use restore_drill::history::compare::compare;
use restore_drill::history::coverage::{Covered, Now, Stale, coverage};
use restore_drill::history::past::{Past, past};
use restore_drill::journal::chain::sha256_hex;
use restore_drill::journal::event::{Class, Event};
use restore_drill::journal::lines::write_lines;
use restore_drill::words::kind::{Mode, Verdict};
use serde_json::Value;

use crate::harness::paper::{Paper, name};
use crate::harness::worlds::{self, orders_with};
use crate::shell::Repository;

const OWNER: &str = "owner: platform@example.com\n";

/// A quarter of 365.25 days, in seconds.
const QUARTER: i64 = 7_889_400;

/// What every run on paper takes besides its restore, until its probe is green.
const REST: i64 = 100;

/// The drill of every run on paper.
fn text() -> String {
    orders_with(OWNER, "owner: platform@example.com\nobjectives: { rto: 60m }\npolicy: { proven_every: 92d }\n")
}

fn start(quarters: i64) -> Timestamp {
    let first: Timestamp = "2027-01-01T09:00:00Z".parse().unwrap();
    first.checked_add(SignedDuration::from_secs(quarters * QUARTER)).unwrap()
}

/// A run, begun and restored, whose recovery time will be so many minutes.
fn begun(quarters: i64, minutes: i64) -> Paper {
    let (text, definition) = (text(), worlds::definition(&text()));
    let mut paper = Paper::begin_at(start(quarters), Mode::Aws, &definition, &text);
    paper.restored_in(minutes * 60 - REST);
    paper
}

fn concluded(mut paper: Paper) -> Paper {
    paper.torn_down();
    let conclusion = Box::new(paper.concludes());
    paper.then(0, &Event::Concluded { conclusion });
    paper.passes(0, "report");
    paper
}

fn passed(quarters: i64, minutes: i64) -> Paper {
    let mut paper = begun(quarters, minutes);
    paper.holds(5, "accepts-connections", &[]);
    let paper = concluded(paper);
    let (_, conclusion) = paper.state.concluded.as_ref().unwrap();
    assert_eq!(conclusion.verdict, Verdict::Passed, "{conclusion:?}");
    assert_eq!(conclusion.measures.rto.value, Some(SignedDuration::from_mins(minutes)));
    paper
}

fn failed(quarters: i64) -> Paper {
    let mut paper = begun(quarters, 30);
    paper.misses("accepts-connections", Class::Data);
    let paper = concluded(paper);
    assert_eq!(paper.state.concluded.as_ref().unwrap().1.verdict, Verdict::Failed);
    paper
}

/// A bundle of a run, as far as an import looks at it.
fn bundle(repository: &Repository, paper: &Paper) -> String {
    let name = format!("reports/orders/{}/journal.jsonl", paper.state.run);
    repository.write(&name, &write_lines(&paper.records));
    name
}

fn repository() -> Repository {
    let repository = Repository::new();
    repository.write("drills/orders.yaml", &text());
    repository
}

fn history(repository: &Repository) -> Value {
    repository.drill(&["history", "orders", "--output", "json"]).ends(0).json()
}

/// The results of an import, in the order of the runs.
fn results(import: &Value) -> Vec<&str> {
    let bundles = import["bundles"].as_array().unwrap().iter();
    bundles.map(|bundle| bundle["result"].as_str().unwrap()).collect()
}

#[test]
fn history_comes_back_from_bundles_and_says_where_it_is_going() {
    let repository = repository();
    let minutes = [30, 32, 34, 36, 38, 40];
    for (quarters, minutes) in (0..).zip(minutes) {
        bundle(&repository, &passed(quarters, minutes));
    }
    let import = repository.drill(&["import", "reports/", "--output", "json"]).ends(0).json();
    assert_eq!(results(&import), ["taken"; 6]);

    let seen = history(&repository);
    let runs = seen["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 6);
    assert_eq!(runs[0]["measures"]["rto"]["seconds"], 2_400, "the newest comes first: {seen:#}");
    assert_eq!(runs[0]["phases"]["restore"], 2_300, "{seen:#}");
    let rto = &seen["trends"]["rto"];
    assert_eq!(
        (&rto["passes"], &rto["median_seconds"], &rto["spread_seconds"]),
        (&5.into(), &2_040.into(), &120.into())
    );
    assert_eq!((&rto["regression"], &rto["quarters_left"]), (&false.into(), &10.0.into()));
    let text = repository.drill(&["history", "orders"]).ends(0);
    text.prints("6 runs, 6 passed").prints("at this slope the 1h target is missed in about 10 quarters");
    text.prints("_.-=+#");

    // The next is far out of that, and its target is not missed yet.
    bundle(&repository, &passed(6, 55));
    repository.drill(&["import", "reports"]).ends(0).prints("1 taken, 6 known already, 0 refused");
    let seen = history(&repository);
    assert_eq!(seen["trends"]["rto"]["regression"], true, "{seen:#}");
    assert_eq!(seen["runs"][0]["verdict"], "passed");
    assert!(seen["warnings"].to_string().contains("still within the target of 1h"), "{seen:#}");
    let limited = repository.drill(&["history", "orders", "--limit", "2", "--output", "json"]).ends(0).json();
    assert_eq!(limited["runs"].as_array().unwrap().len(), 2);
    assert_eq!(limited["trends"], seen["trends"], "what is shown does not decide what is usual");
}

#[test]
fn bars_are_blocks_where_the_locale_has_them() {
    let repository = repository();
    for (quarters, minutes) in [(0, 30), (1, 44)] {
        bundle(&repository, &passed(quarters, minutes));
    }
    repository.drill(&["import", "reports"]).ends(0);
    for (locale, bars) in [("en_GB.UTF-8", "▁█"), ("C", "_#")] {
        repository.drill_with(&["history", "orders"], &[("LANG", locale)]).ends(0).prints(bars);
    }
}

#[test]
fn an_import_takes_only_what_was_written_and_owes_nothing() {
    let repository = repository();
    let good = passed(0, 30);
    let changed = bundle(&repository, &passed(1, 30));
    let lines = write_lines(&passed(1, 30).records).replace("copyjob-1", "copyjob-2");
    repository.write(&changed, &lines);
    let cut = bundle(&repository, &passed(2, 30));
    let whole = write_lines(&passed(2, 30).records);
    let without_third: String =
        whole.lines().enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| format!("{line}\n")).collect();
    repository.write(&cut, &without_third);
    bundle(&repository, &begun(3, 30));
    bundle(&repository, &good);
    repository.write("reports/orders/without/report.json", "{}");

    let import = repository.drill(&["import", "reports", "--output", "json"]).ends(1).json();
    assert_eq!(results(&import), ["taken", "refused", "refused", "refused"], "{import:#}");
    let because = |at: usize| import["bundles"][at]["because"].as_str().unwrap();
    assert!(because(1).contains("line ") && because(1).contains("not as it was written"), "{import:#}");
    assert!(because(2).contains("line 3"), "{import:#}");
    assert!(because(3).contains("not over") && because(3).contains("--owing"), "{import:#}");
    assert_eq!(import["without_journal"], serde_json::json!(["reports/orders/without"]));
    assert_eq!(history(&repository)["runs"].as_array().unwrap().len(), 1);

    // A run of the same id that went another way.
    let mut other = begun(0, 31);
    other.holds(5, "accepts-connections", &[]);
    let other = concluded(other);
    assert_eq!(other.state.run, good.state.run);
    repository.write("other.jsonl", &write_lines(&other.records));
    repository.drill(&["import", "other.jsonl"]).ends(1).prints("is not the same");
    assert_eq!(history(&repository)["runs"][0]["measures"]["rto"]["seconds"], 1_800);

    // Whoever wants a debt takes it by name.
    repository.drill(&["import", "reports", "--owing"]).ends(1).prints("1 taken, 1 known already, 2 refused");
    assert_eq!(repository.drill(&["import", "drills"]).ends(2).stdout, "");
    repository.drill(&["import", "nowhere"]).ends(2);
}

#[test]
fn rehearsals_have_a_history_of_their_own_and_the_report_shows_the_trend() {
    let repository = Repository::with_orders();
    let run = || repository.drill(&["run", "orders", "--sandbox", "--seed", "7", "--output", "json"]).ends(0).json();
    let (first, second) = (run(), run());
    repository.drill(&["history", "orders"]).ends(0).prints("no runs of orders yet");
    repository.drill(&["history", "order"]).ends(2).says("did you mean `orders`?");
    let arguments = ["history", "orders", "--rehearsals", "--output", "json"];
    let seen = repository.drill(&arguments).ends(0).json();
    assert_eq!(seen["runs"].as_array().unwrap().len(), 2);
    assert_eq!(seen["runs"][0]["run"], second["run"]);
    assert_eq!(seen["runs"][0]["restores"]["orders"]["type"], "rds");

    let report = |run: &Value| -> Value {
        let file = repository.path().join(run["evidence"].as_str().unwrap()).join("report.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    assert!(report(&first)["report"]["trend"].is_null());
    let trend = &report(&second)["report"]["trend"];
    assert_eq!(trend["runs"].as_array().unwrap().len(), 1, "{trend:#}");
    assert_eq!(trend["runs"][0]["run"], first["run"]);
    let id = |run: &Value| run["run"].as_str().unwrap().to_owned();
    let printed = repository.drill(&["report", &id(&second), "--print"]).ends(0);
    printed.prints("## How it compares with earlier runs").prints(&id(&first));
    assert!(!repository.drill(&["report", &id(&first), "--print"]).ends(0).stdout.contains("How it compares"));

    // The second knows less: another definition.
    let (before, after) = (id(&first), id(&second));
    repository.drill(&["compare", &before, &after]).ends(0).prints("phase restore");
    let yaml = std::fs::read_to_string(repository.path().join("drills/orders.yaml")).unwrap();
    repository.write("drills/orders.yaml", &yaml.replace("least: 1000", "least: 900"));
    let third = run();
    let compared = repository.drill(&["compare", &before, &id(&third), "--output", "json"]).ends(0).json();
    assert_eq!(compared["definition"], serde_json::json!(["- vars: { least: 1000 }", "+ vars: { least: 900 }"]));
    let changes = compared["changes"].as_array().unwrap();
    assert!(
        changes.iter().any(|change| change["what"] == "variable least" && change["after"] == "900"),
        "{compared:#}"
    );
    assert!(compared["timings"].as_array().unwrap().iter().any(|timing| timing["what"] == "rto"), "{compared:#}");
}

#[test]
fn coverage_is_complete_only_when_everything_is_proven_and_fresh() {
    let repository = Repository::with_orders();
    let state = |arguments: &[&str], code: i32| {
        let all: Vec<&str> = [&["coverage", "--output", "json"][..], arguments].concat();
        repository.drill(&all).ends(code).json()["drills"][0].clone()
    };
    assert_eq!(state(&[], 1)["resources"][0]["stale"], serde_json::json!(["never_run"]));
    // What no run looked at is not known, and is no "no".
    repository.drill(&["coverage"]).ends(1).prints("unknown");
    repository.drill(&["run", "orders", "--sandbox", "--seed", "7"]).ends(0);
    assert_eq!(state(&[], 1)["resources"][0]["stale"], serde_json::json!(["never_run"]), "a rehearsal proves nothing");
    // A simulated AWS has a time of its own, which may be ahead of this machine's.
    let shown = repository.drill(&["coverage", "--rehearsals"]).ends(0);
    assert!(!shown.stdout.contains("ms ago") && !shown.stdout.contains("unknown"), "{}", shown.stdout);
    let proven = state(&["--rehearsals"], 0);
    let resource = &proven["resources"][0];
    for level in ["exists", "copied", "restored", "probed", "proven"] {
        assert!(resource[level].is_string(), "{level}: {proven:#}");
    }
    let yaml = std::fs::read_to_string(repository.path().join("drills/orders.yaml")).unwrap();
    repository.write("drills/orders.yaml", &yaml.replace("least: 1000", "least: 900"));
    let changed = state(&["--rehearsals"], 1);
    assert_eq!(changed["resources"][0]["stale"], serde_json::json!(["definition_changed"]));
    repository.write("drills/orders.yaml", &yaml);
    // The same text means something else with other defaults.
    repository.write("drills/_defaults.yaml", "restore: { orders: { timeout: 5h } }\n");
    assert_eq!(state(&["--rehearsals"], 1)["resources"][0]["stale"], serde_json::json!(["plan_changed"]));
    repository.write("drills/_defaults.yaml", "owner: [\n");
    let invalid = state(&["--rehearsals"], 1);
    assert_eq!(invalid["valid"], false, "{invalid:#}");
    repository.drill(&["coverage", "--rehearsals"]).ends(1).prints("drill validate orders");
}

#[test]
fn a_policy_of_no_time_is_refused() {
    let repository = repository();
    repository.write("drills/orders.yaml", &text().replace("92d", "0s"));
    repository.drill(&["validate", "orders"]).ends(2).says("must be more than zero").says("proven_every");
}

/// The one resource of the drill on paper.
fn covered(pasts: &[Past], text: &str, definition: &Definition, now: Timestamp) -> Covered {
    let vars = BTreeMap::new();
    let hash = sha256_hex(text.as_bytes());
    let now = Now { definition, text_sha256: &hash, vars: &vars, at: now };
    let mut all = coverage(&now, pasts);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn what_was_proven_goes_stale_for_every_reason_that_there_is() {
    let (text, definition) = (text(), worlds::definition(&text()));
    let pass = past(&passed(0, 30).state);
    let later = |days: i64| start(0).checked_add(SignedDuration::from_hours(24 * days)).unwrap();
    let stale = |pasts: &[Past], days: i64| covered(pasts, &text, &definition, later(days)).stale;
    assert_eq!(stale(&[], 0), [Stale::NeverRun]);
    assert!(stale(std::slice::from_ref(&pass), 92).is_empty());
    assert_eq!(stale(std::slice::from_ref(&pass), 93), [Stale::Overdue]);
    let failed = past(&failed(1).state);
    assert_eq!(stale(std::slice::from_ref(&failed), 91), [Stale::NeverPassed, Stale::Failed]);
    assert_eq!(stale(&[failed.clone(), pass.clone()], 92), [Stale::Failed]);
    assert!(stale(&[past(&passed(1, 30).state), failed], 92).is_empty(), "a later pass makes up for it");

    // A later run that is not over yet, and saw something else.
    let key = |id: &str| format!("arn:aws:kms:eu-west-1:123456789012:key/{id}").parse().unwrap();
    let seeing = |of: &Past, version: &str, id: &str| {
        let mut seen = of.clone();
        let restore = seen.restores.get_mut(&name("orders")).unwrap();
        restore.facts.insert("engine_version".to_owned(), version.to_owned());
        restore.key = Some(key(id));
        restore.backup_plan = Some(id.to_owned());
        seen
    };
    let (knew, later_run) = (seeing(&pass, "16.3", "one"), past(&begun(1, 30).state));
    assert!(stale(&[later_run.clone(), knew.clone()], 91).is_empty(), "what nobody saw did not change");
    assert!(stale(&[seeing(&later_run, "16.3", "one"), knew.clone()], 91).is_empty());
    let changed = [Stale::Plan, Stale::EngineVersion, Stale::Key];
    assert_eq!(stale(&[seeing(&later_run, "17.2", "two"), knew], 91), changed);
    assert!(stale(&[seeing(&later_run, "17.2", "two"), pass.clone()], 91).is_empty(), "nobody knows what it was");
    // Another text.
    let other = text.replace("Orders database", "Orders");
    let one = covered(std::slice::from_ref(&pass), &other, &definition, later(1));
    assert_eq!((one.stale, one.proven), (vec![Stale::Definition], Some(start(0))));
}

#[test]
fn two_runs_differ_in_what_differs() {
    let before = past(&passed(0, 30).state);
    let mut after = past(&passed(1, 33).state);
    let same = compare(&before, &before);
    assert!(same.changes.is_empty() && same.definition.is_empty(), "{same:?}");
    // What only a run's own name makes different is no change.
    assert!(compare(&before, &after).changes.is_empty(), "{:?}", compare(&before, &after).changes);
    let restore = after.restores.get_mut(&name("orders")).unwrap();
    restore.size_bytes = Some(2_147_483_648);
    restore.facts.insert("engine_version".to_owned(), "17.2".to_owned());
    restore.parameters.insert("DBInstanceClass".to_owned(), "db.r6g.large".to_owned());
    after.version = "9.9.9".to_owned();
    after.probes.get_mut(&name("accepts-connections")).unwrap().values.insert("orders".to_owned(), 12.into());
    let compared = compare(&before, &after);
    let told: Vec<(&str, &str)> =
        compared.changes.iter().map(|change| (change.about.as_str(), change.what.as_str())).collect();
    let wanted = [
        ("run", "version of drill"),
        ("restore orders", "size"),
        ("restore orders", "engine_version"),
        ("restore orders", "parameter DBInstanceClass"),
        ("probe accepts-connections", "orders"),
    ];
    assert_eq!(told, wanted);
    let rto = compared.timings.iter().find(|timing| timing.what == "rto").unwrap();
    assert_eq!(rto.longer(), Some(SignedDuration::from_mins(3)));
    let restore = compared.timings.iter().find(|timing| timing.what == "phase restore").unwrap();
    assert_eq!(restore.longer(), Some(SignedDuration::from_mins(3)));
}

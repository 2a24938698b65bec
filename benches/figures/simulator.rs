//! B16: scenarios that are lived through and judged, a CPU second.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restore_drill::sandbox::IdleClock;
use restore_drill::words::time::Clock as _;
use serde_json::Value;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain, number};
use crate::measure::{Stopwatch, cpu};
use crate::table::shown;
use crate::{drill, many, no_op};

/// Scenarios of a repetition.
const SCENARIOS: &str = "400";

/// Runs of a repetition that ask nobody.
const RUNS: u32 = 200;

/// Their steps: about as many as the smallest drill has.
const STEPS_A_DRILL: usize = 6;

/// Instants at which something happens in a drill, about.
const EVENTS_A_DRILL: f64 = 30.0;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B16a",
        what: "drills a CPU second, mixed faults, every promise judged: requests below the wire (tier one)",
        unit: "/s",
        target: Some(5_000.0),
        moonshot: Some(20_000.0),
        more: true,
        times: REAL,
        deadline: Duration::from_secs(300),
        prepare: UNPREPARED,
        once: tier_one,
    },
    Figure {
        id: "B16b",
        what: "the most that a tier at the seam (tier two) could reach: runs that ask nobody, with journal and report",
        unit: "/s",
        target: None,
        moonshot: None,
        more: true,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: nobody_asked,
    },
];

/// What `drill rehearse` of a drill that ships prints as JSON.
pub(crate) fn rehearse(name: &str, arguments: &[&str]) -> Result<Value, String> {
    let mut command = drill::command(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.args(["rehearse", name, "--seed", "1", "--output", "json"]).args(arguments);
    let output = command.output().map_err(explain)?;
    // 1 is findings, which are counted.
    if !matches!(output.status.code(), Some(0 | 1)) {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`drill rehearse {name}`: {}", said.lines().last().unwrap_or("no word")));
    }
    serde_json::from_slice(&output.stdout).map_err(explain)
}

/// A number under a key, and how many findings there are.
pub(crate) fn counts(said: &Value, key: &str) -> (f64, usize) {
    (said[key].as_f64().unwrap_or(0.0), said["findings"].as_array().map_or(0, Vec::len))
}

fn tier_one(_: &Path) -> Result<Once, String> {
    let limit = timer_events()? / EVENTS_A_DRILL;
    let before = cpu()?;
    let said = rehearse("rds-prod", &["--scenarios", SCENARIOS])?;
    let seconds = cpu()?.children - before.children;
    let (counted, findings) = counts(&said, "scenarios");
    let drills = counted + counts(&said, "not_counted").0;
    let note = format!(
        "{drills} drills and {} requests in {} s of CPU, {findings} findings; limit: a timer of virtual time for each of 30 events",
        counts(&said, "requests").0,
        shown(seconds)
    );
    Ok(Once::new(drills / seconds.max(0.01)).limit(limit).note(note))
}

/// What is left of a drill where nothing is simulated: no world, no requests, no faults, no judge.
fn nobody_asked(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    let plan = no_op::plan(STEPS_A_DRILL, true)?;
    let limit = timer_events()? / EVENTS_A_DRILL;
    // What every process does once is not counted.
    no_op::runs(&plan, &own.path().join("first"), 1)?;
    let before = cpu()?;
    let (events, reports) = no_op::runs(&plan, &own.path().join("all"), RUNS)?;
    let seconds = cpu()?.own - before.own;
    let note = format!(
        "{RUNS} runs of {STEPS_A_DRILL} steps and a report, {events} events, in {} s of CPU, {} % of it for reports as far as real \
         time tells; limit: as above",
        shown(seconds),
        shown(reports * 100.0)
    );
    Ok(Once::new(f64::from(RUNS) / seconds.max(0.01)).limit(limit).note(note))
}

/// Timers of virtual time a second, of ten tasks.
fn timer_events() -> Result<f64, String> {
    const TASKS: usize = 10;
    const SLEEPS: usize = 20_000;
    let clock = IdleClock::new(Timestamp::UNIX_EPOCH);
    let runtime = many::virtual_runtime(&clock)?;
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let clock = Arc::clone(&clock);
            tasks.spawn(async move {
                for _ in 0..SLEEPS {
                    let wake = clock.now().saturating_add(SignedDuration::from_secs(1));
                    clock.sleep_until(wake.unwrap_or(Timestamp::MAX)).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    });
    Ok(number(TASKS * SLEEPS) / (watch.millis() / 1_000.0))
}

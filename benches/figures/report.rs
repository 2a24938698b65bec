//! B12: the report of a run of 10,000 steps, in Markdown, JSON and HTML, from its journal.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use restore_drill::aws::resource::facts;
use restore_drill::cli::clock::MachineClock;
use restore_drill::journal::event::Recorded;
use restore_drill::journal::store::Store;
use restore_drill::run::step::report::rendered;
use restore_drill::words::time::Clock as _;
use serde::de::IgnoredAny;

use crate::figure::{Figure, Once, REAL, explain, number};
use crate::measure::Stopwatch;
use crate::table::shown;
use crate::{histories, no_op};

const STEPS: usize = 10_000;

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B12",
    what: "report of a run of 10,000 steps in three formats, from its journal",
    unit: "ms",
    target: Some(20.0),
    moonshot: Some(8.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(120),
    prepare,
    once,
}];

fn prepare(folder: &Path) -> Result<(), String> {
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    histories::over(&store, no_op::plan(STEPS, false)?, MachineClock.now())
}

fn once(folder: &Path) -> Result<Once, String> {
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    let row = store.runs(None).map_err(explain)?.pop().ok_or("there is no run")?;
    let watch = Stopwatch::start();
    let records = store.load(&row.run).map_err(explain)?;
    let read = watch.millis();
    let files = rendered(&records, facts)?;
    let took = watch.millis();
    if files.len() < 3 {
        return Err(format!("only {} formats were rendered", files.len()));
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let note = format!(
        "{} ms to read and verify {} records, {} ms to render {} kB; limit: a plain row a step and format, and JSON parsed into \
         nothing",
        shown(read),
        records.len(),
        shown(took - read),
        shown(number(bytes) / 1_000.0)
    );
    Ok(Once::new(took).limit(limit(&records)?).note(note))
}

/// The same amount of rows written, and of events read, with nothing done about them, in ms.
fn limit(records: &[Recorded]) -> Result<f64, String> {
    let bodies: Vec<String> =
        records.iter().map(|record| serde_json::to_string(&record.event)).collect::<Result<_, _>>().map_err(explain)?;
    let watch = Stopwatch::start();
    for body in &bodies {
        serde_json::from_str::<IgnoredAny>(body).map_err(explain)?;
    }
    for _format in 0..3 {
        let mut text = String::new();
        for step in 0..STEPS {
            let _ = writeln!(
                text,
                "| action.step-{step:05} | passed | 2026-11-21 12:00:00 UTC | 1s | nothing more to say |"
            );
        }
        std::hint::black_box(&text);
    }
    Ok(watch.millis())
}

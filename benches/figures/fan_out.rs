//! B3: 1,000 steps that do nothing and need nothing of each other, durable.

use std::path::Path;
use std::time::Duration;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain};
use crate::table::shown;
use crate::{limits, no_op};

const STEPS: usize = 1_000;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B3",
        what: "1,000 independent no-op steps, durable: from the first durable step to the end of the run, report included",
        unit: "ms",
        target: Some(30.0),
        moonshot: Some(10.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: run,
    },
    Figure {
        id: "B3s",
        what: "of it, the steps alone: to the last durable outcome",
        unit: "ms",
        target: None,
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: steps,
    },
];

fn run(folder: &Path) -> Result<Once, String> {
    measure(folder, |took| took.run)
}

fn steps(folder: &Path) -> Result<Once, String> {
    measure(folder, |took| took.steps)
}

fn measure(folder: &Path, which: fn(&no_op::Took) -> f64) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    // Intents in one group, outcomes in another.
    let limit = limits::groups(own.path(), 2, STEPS)?;
    let took = no_op::run(no_op::plan(STEPS, false)?, own.path())?;
    let note = format!(
        "{} appends for {} events, {} ms of steps and {} ms of verdict and report; limit: 2,000 appends in two synced groups",
        took.appends,
        took.events,
        shown(took.steps),
        shown(took.run - took.steps)
    );
    Ok(Once::new(which(&took)).limit(limit).note(note))
}

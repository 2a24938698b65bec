//! B2: a chain of 100 steps that do nothing, each with its intent and its outcome durable.

use std::path::Path;
use std::time::Duration;

use crate::figure::{Figure, Once, REAL, UNPREPARED};
use crate::table::shown;
use crate::{limits, no_op};

const STEPS: usize = 100;

/// An intent and an outcome for each.
const SYNCS: usize = 2 * STEPS;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B2",
        what: "chain of 100 no-op steps, durable: from the first durable step to the end of the run, report included",
        unit: "ms",
        target: Some(35.0),
        moonshot: Some(20.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
        prepare: UNPREPARED,
        once: run,
    },
    Figure {
        id: "B2s",
        what: "of it, the steps alone: to the last durable outcome",
        unit: "ms",
        target: None,
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
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
    let own = tempfile::tempdir_in(folder).map_err(crate::figure::explain)?;
    let limit = limits::synced_appends(own.path(), SYNCS)?;
    let took = no_op::run(no_op::plan(STEPS, true)?, own.path())?;
    let note = format!(
        "{} appends for {} events, {} ms of steps and {} ms of verdict and report; limit: {SYNCS} synced appends",
        took.appends,
        took.events,
        shown(took.steps),
        shown(took.run - took.steps)
    );
    Ok(Once::new(which(&took)).limit(limit).note(note))
}

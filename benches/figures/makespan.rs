//! B6: how long many drills take together, against the least that AWS's quotas allow, in virtual time.

use std::path::Path;
use std::time::Duration;

use crate::figure::{EXACT, Figure, Once, UNPREPARED};
use crate::profile::{self, How};
use crate::table::shown;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B6a",
        what: "makespan of 1,000 drills that ran before, by its lower bound, none failed, virtual time, profile ref-1",
        unit: "×",
        target: Some(1.05),
        moonshot: Some(1.01),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(600),
        prepare: UNPREPARED,
        once: |_: &Path| makespan(1_000, true),
    },
    Figure {
        id: "B6f",
        what: "the same of 1,000 drills that run for the first time",
        unit: "×",
        target: None,
        moonshot: Some(1.01),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(600),
        prepare: UNPREPARED,
        once: |_: &Path| makespan(1_000, false),
    },
    Figure {
        id: "B6b",
        what: "makespan of 10,000 drills that ran before",
        unit: "×",
        target: Some(1.02),
        moonshot: Some(1.008),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(1_800),
        prepare: UNPREPARED,
        once: |_: &Path| makespan(10_000, true),
    },
];

fn makespan(drills: usize, ran_before: bool) -> Result<Once, String> {
    let simulated = profile::simulate(How { drills, ran_before, halves: false })?;
    let hours = |seconds: f64| shown(seconds / 3_600.0);
    if simulated.passed < drills {
        return Err(format!(
            "{} of {drills} drills did not pass ({} answers were throttled, {} said that all places are taken); {}",
            drills - simulated.passed,
            simulated.tally.throttled,
            simulated.tally.full,
            simulated.complaint.unwrap_or_default()
        ));
    }
    let note = format!(
        "{} h, and {} h are the least; {} answers were throttled, {} said that all places are taken",
        hours(simulated.makespan),
        hours(simulated.bound),
        simulated.tally.throttled,
        simulated.tally.full
    );
    Ok(Once::new(simulated.makespan / simulated.bound).limit(1.0).note(note))
}

//! B7: answers that were throttled, where nobody told drill AWS's rates and they are halved in the middle.

use std::path::Path;
use std::time::Duration;

use crate::figure::{EXACT, Figure, Once, UNPREPARED, number};
use crate::profile::{self, How};

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B7",
    what: "throttled answers of all, 1,000 drills, rates unknown and halved in the middle, virtual time",
    unit: "%",
    target: Some(2.0),
    moonshot: Some(0.5),
    more: false,
    times: EXACT,
    deadline: Duration::from_secs(600),
    prepare: UNPREPARED,
    once,
}];

fn once(_: &Path) -> Result<Once, String> {
    let simulated = profile::simulate(How { drills: 1_000, ran_before: true, halves: true })?;
    let tally = &simulated.tally;
    let note = format!(
        "{} of {} drills passed; {} of {} answers were throttled, {} more said that all places are taken",
        simulated.passed,
        simulated.drills,
        tally.throttled,
        tally.all(),
        tally.full
    );
    Ok(Once::new(number(tally.throttled) / number(tally.all()) * 100.0).limit(0.0).note(note))
}

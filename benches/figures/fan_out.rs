//! B3: 1,000 steps that do nothing and need nothing of each other, durable.

use std::time::Duration;

use crate::figure::{Figure, REAL, UNPREPARED};
use crate::no_op::{STEPS_ALONE, Steps};

/// Intents in one group, outcomes in another.
const FAN_OUT: Steps =
    Steps { count: 1_000, in_a_chain: false, groups: 2, each: 1_000, limit: "2,000 appends in two synced groups" };

const WHOLE: Figure = Figure {
    id: "B3",
    what: "1,000 independent no-op steps, durable: from the first durable step to the end of the run, report included",
    unit: "ms",
    target: Some(30.0),
    moonshot: Some(10.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(120),
    prepare: UNPREPARED,
    once: |folder| FAN_OUT.once(folder, |took| took.run),
};

pub(crate) const FIGURES: &[Figure] = &[
    WHOLE,
    Figure {
        id: "B3s",
        what: STEPS_ALONE,
        target: None,
        moonshot: None,
        once: |folder| FAN_OUT.once(folder, |took| took.steps),
        ..WHOLE
    },
];

//! B2: a chain of 100 steps that do nothing, each with its intent and its outcome durable.

use std::time::Duration;

use crate::figure::{Figure, REAL, UNPREPARED};
use crate::no_op::{STEPS_ALONE, Steps};

/// An intent and an outcome for each.
const CHAIN: Steps = Steps { count: 100, in_a_chain: true, groups: 200, each: 1, limit: "200 synced appends" };

const WHOLE: Figure = Figure {
    id: "B2",
    what: "chain of 100 no-op steps, durable: from the first durable step to the end of the run, report included",
    unit: "ms",
    target: Some(35.0),
    moonshot: Some(20.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(60),
    prepare: UNPREPARED,
    once: |folder| CHAIN.once(folder, |took| took.run),
};

pub(crate) const FIGURES: &[Figure] = &[
    WHOLE,
    Figure {
        id: "B2s",
        what: STEPS_ALONE,
        target: None,
        moonshot: None,
        once: |folder| CHAIN.once(folder, |took| took.steps),
        ..WHOLE
    },
];

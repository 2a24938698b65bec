//! The three numbers that decide: how long, how much was lost, what it cost.

use serde::{Deserialize, Serialize};

use crate::journal::measure::Measure;
use crate::journal::state::State;
use crate::report::facts::teardown::TeardownFacts;
use crate::words::time::show_duration;

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberFacts {
    /// What it is.
    pub name: String,
    /// The number with its unit, or words for not knowing it.
    pub value: String,
    /// What to hold it against.
    pub note: String,
}

/// The three numbers of a run.
#[must_use]
pub fn numbers(state: &State, teardown: &TeardownFacts) -> Vec<NumberFacts> {
    let measures = state.concluded.as_ref().map(|(_, conclusion)| &conclusion.measures);
    let lost = measures.map(|all| {
        // The data inside say more than the recovery point's date.
        if all.data_age.value.is_some() { (&all.data_age, "its newest data") } else { (&all.rpo, "the recovery point") }
    });
    let lost_note = match lost {
        Some((measure, what)) if measure.value.is_some() => format!("the age of {what}; {}", held_against(measure)),
        _ => "not measured".to_owned(),
    };
    vec![
        NumberFacts {
            name: "Time until what was restored was proven".to_owned(),
            value: value(measures.map(|all| &all.rto)),
            note: measures.map_or_else(|| "the run has not ended".to_owned(), |all| held_against(&all.rto)),
        },
        NumberFacts {
            name: "Data that would have been lost".to_owned(),
            value: value(lost.map(|(measure, _)| measure)),
            note: lost_note,
        },
        NumberFacts {
            name: "Held and paid for".to_owned(),
            value: teardown.hours.clone(),
            note: teardown.cost.clone().map_or_else(
                || "cost not estimated: the definition has no rates".to_owned(),
                |cost| format!("estimated at {cost}"),
            ),
        },
    ]
}

fn value(measure: Option<&Measure>) -> String {
    measure.and_then(|measure| measure.value).map_or_else(|| "not measured".to_owned(), show_duration)
}

fn held_against(measure: &Measure) -> String {
    match (measure.target, measure.met()) {
        (Some(target), Some(true)) => format!("{} allowed: met", show_duration(target)),
        (Some(target), _) => format!("{} allowed: not met", show_duration(target)),
        (None, _) => "no target is set".to_owned(),
    }
}

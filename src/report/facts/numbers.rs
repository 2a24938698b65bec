//! The three numbers that decide: how long, how much was lost, what it cost.

use serde::{Deserialize, Serialize};

use crate::journal::measure::{Measure, Measures};
use crate::journal::state::State;
use crate::report::facts::teardown::TeardownFacts;
use crate::words::id::Name;
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
    let lost = lost(measures);
    vec![
        NumberFacts {
            name: "Time until what was restored was proven".to_owned(),
            value: value(measures.map(|all| &all.rto)),
            note: measures.map_or_else(|| "the run has not ended".to_owned(), |all| held_against(&all.rto)),
        },
        NumberFacts { name: "Data that would have been lost".to_owned(), value: lost.0, note: lost.1 },
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

/// The most that any restore would have lost, with what it was measured by: the data inside say more than the recovery
/// point's date, and count wherever a probe read them.
fn lost(measures: Option<&Measures>) -> (String, String) {
    let nothing = || ("not measured".to_owned(), "not measured".to_owned());
    let Some(all) = measures else { return nothing() };
    if all.restores.len() < 2 {
        let (measure, what) = said(&all.data_age, &all.rpo);
        let note = format!("the age of {what}; {}", held_against(measure));
        return measure.value.map_or_else(nothing, |value| (show_duration(value), note));
    }
    let each = all.restores.iter().map(|(name, own)| (name, said(&own.data_age, &own.rpo)));
    let each: Vec<(&Name, (&Measure, &str))> = each.collect();
    let named = |which: &dyn Fn(&Measure, &str) -> bool| -> String {
        let names = each.iter().filter(|(_, (measure, what))| which(measure, what)).map(|(name, _)| name.as_str());
        names.collect::<Vec<&str>>().join(", ")
    };
    let Some((name, (worst, what))) = each.iter().max_by_key(|(_, (measure, _))| measure.value) else {
        return nothing();
    };
    let Some(value) = worst.value else { return nothing() };
    let mut note = format!("the most of {} resources: {name}, the age of {what}; {}", each.len(), held_against(worst));
    for (which, names) in [
        ("the newest data were read of", named(&|measure, what| measure.value.is_some() && what == DATA)),
        ("only the recovery point's age is known of", named(&|measure, what| measure.value.is_some() && what != DATA)),
        ("not measured of", named(&|measure, _| measure.value.is_none())),
    ] {
        if !names.is_empty() {
            note.push_str(&format!("; {which} {names}"));
        }
    }
    (show_duration(value), note)
}

const DATA: &str = "its newest data";

fn said<'a>(data_age: &'a Measure, rpo: &'a Measure) -> (&'a Measure, &'static str) {
    if data_age.value.is_some() { (data_age, DATA) } else { (rpo, "the recovery point") }
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

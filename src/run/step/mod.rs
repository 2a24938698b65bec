//! One file a kind of step. Each has `next` (pure: what does this step need, from the journal's state alone?) and the
//! calls that it can ask for (one look or one request, turned into events).

pub mod action;
pub mod archive;
pub mod consistency;
pub mod finish;
pub mod gate;
pub mod lease;
pub mod pick;
pub mod preflight;
pub mod probe;
pub mod ready;
pub mod report;
pub mod restore;
pub mod seal;
pub mod teardown;

use crate::journal::event::{Class, Event, StepEnd};
use crate::journal::state::State;
use crate::plan::step::{Step, Work};
use crate::run::call::{failed, failure};
use crate::words::time::show_duration;

/// The end of a step whose time is over.
#[must_use]
pub fn too_late(step: &Step, state: &State) -> Event {
    if matches!(step.work, Work::Gate(_)) {
        let message = format!("nobody answered within {}", show_duration(step.timeout));
        return failed(&step.id, Class::Deadline, message, None);
    }
    let mut message = format!("`{}` was not over within {}", step.id, show_duration(step.timeout));
    let Some(error) = state.last_errors.get(&step.id) else {
        let advice = "look at the last status in the report; raise the step's `timeout` if that is normal";
        return failed(&step.id, Class::Deadline, message, Some(advice));
    };
    message.push_str(&format!("; its last failed request was {}: {}: {}", error.operation, error.code, error.message));
    let mut failure = failure(Class::Deadline, error.clone());
    failure.message = message;
    Event::StepEnded { step: step.id.clone(), end: StepEnd::Failed(failure) }
}

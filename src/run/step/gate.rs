//! `gate`: a person answers, at the terminal or with `drill approve`. Silence is a no.

use jiff::Timestamp;

use crate::journal::event::Class;
use crate::plan::step::Step;
use crate::run::call::{failed, passed};
use crate::run::decide::{Next, Situation};
use crate::words::id::Name;

/// Waits for the answer.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    // When the time is over, `too_late` speaks: silence is a no.
    let Some((_, answer)) = situation.state.gates.get(name) else { return Next::At(since + step.timeout) };
    if answer.approved {
        return Next::record(passed(&step.id));
    }
    let note = if answer.note.is_empty() { String::new() } else { format!(": {}", answer.note) };
    Next::record(failed(&step.id, Class::Cancelled, format!("{} said no{note}", answer.by), None))
}

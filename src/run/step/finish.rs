//! `finish`: what a restored thing lacks before it is usable (a cluster's instances, a file system's mount targets).
//!
//! The parts are in the ledger before they are asked for. Asking is idempotent, so it is repeated whenever the look still
//! shows something missing.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::resource::Phase;
use crate::journal::event::{Class, Event};
use crate::journal::state::State;
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::pace::VISIBLE_AFTER;
use crate::run::services::Services;
use crate::run::step::ready::never_ready;
use crate::run::step::too_late;
use crate::words::id::{Name, StepId};

/// Ask for what is missing, then look until it is usable. The restore's `timeout` counts from the job's
/// accepted start to here.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let (Some(entry), Some(restore)) = (situation.state.ledger.get(name), situation.definition().restore.get(name))
    else {
        return Next::record(failed(&step.id, Class::Environment, "there is nothing to finish".into(), None));
    };
    let began = situation.began(name).unwrap_or(since);
    let deadline = began + step.timeout;
    if situation.now >= deadline {
        return Next::record(too_late(step, situation.state));
    }
    if let Some((at, seen)) = &entry.seen {
        match seen.phase {
            Phase::Ready => return Next::record(passed(&step.id)),
            Phase::Broken | Phase::Hindered => return Next::record(never_ready(step, seen)),
            Phase::Gone | Phase::Leaving if situation.now.duration_since(*at) > VISIBLE_AFTER => {
                return Next::record(never_ready(step, seen));
            }
            Phase::Unfinished => {
                let asked_lately =
                    entry.finish_asked_at.is_some_and(|at| situation.now.duration_since(at) < VISIBLE_AFTER);
                if !asked_lately {
                    let parts = (situation.types)(restore.kind).finish(&restore.with, &entry.intended.expected);
                    let intent = Event::FinishIntended { restore: name.clone(), parts };
                    return Next::intend(intent, Call::Finish(name.clone()));
                }
            }
            Phase::Gone | Phase::Leaving | Phase::Pending | Phase::Unknown => {}
        }
    }
    let look = situation.looked.next(&step.id, since, situation.now);
    if look <= situation.now { Next::call(Call::Observe(name.clone())) } else { Next::At(look.min(deadline)) }
}

/// Asks for what is missing.
pub fn ask(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a finish without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).finish(&subject).await {
            Ok(()) => vec![Event::FinishAsked { restore: name }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

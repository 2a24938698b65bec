//! `action` and its `undo`: something is done to the restored world, and taken back whenever it may have been done.
//!
//! An action is done at least once: an attempt whose end nobody saw is made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::resource::Settings;
use crate::definition::model::{Action, Expectations, ProbeReason, Undo};
use crate::journal::event::{CancelBy, Class, Event, Tried};
use crate::journal::state::{ActionState, State};
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, nonsense, passed};
use crate::run::decide::{Next, Situation};
use crate::run::prober::{Purpose, Question};
use crate::run::services::Services;
use crate::run::target::target;
use crate::words::id::{Name, StepId};
use crate::words::kind::ProbeKind;
use crate::words::time::show_duration;

/// Between two attempts to undo.
const UNDO_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// What cannot be undone for so long cannot be undone: what it was done to is torn down all the same.
const UNDO_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Attempts until one holds or the time for them is over.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name) -> Next {
    let Some(action) = situation.definition().actions.get(name) else {
        return Next::record(failed(&step.id, Class::Environment, format!("there is no action `{name}`"), None));
    };
    let nothing_yet = ActionState::default();
    let attempts = situation.state.actions.get(name).unwrap_or(&nothing_yet);
    let intent = || Event::ActionIntended { action: name.clone(), attempt: number(attempts.tried.len()) };
    let Some((_, at, last)) = attempts.tried.last() else { return Next::intend(intent(), Call::Act(name.clone())) };
    let miss = match last {
        Tried::Held { .. } => return Next::record(passed(&step.id)),
        Tried::Missed { miss } => miss,
    };
    let first = attempts.tried.first().map_or(*at, |(_, at, _)| *at);
    let again = *at + action.retry.every;
    if again > first + action.retry.within {
        let class = if miss.reason == ProbeReason::Expectation { Class::Data } else { Class::Environment };
        return Next::record(failed(&step.id, class, miss.message.clone(), None));
    }
    if again <= situation.now { Next::intend(intent(), Call::Act(name.clone())) } else { Next::At(again) }
}

/// Attempts until one holds. What cannot be undone in time stays, and the run ends `leaked`.
#[must_use]
pub fn next_undo(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let world_is_gone = situation.state.cancelled.as_ref().is_some_and(|(_, by)| *by == CancelBy::WorldLost);
    let Some(attempts) = situation.state.actions.get(name).filter(|action| action.intended && !world_is_gone) else {
        return Next::record(passed(&step.id));
    };
    if situation.state.is_undone_by_removal(name) {
        return Next::record(passed(&step.id));
    }
    let within = step.timeout.min(UNDO_WITHIN);
    let longest = situation.definition().actions.get(name).map_or(SignedDuration::ZERO, |action| action.timeout);
    // An attempt whose end nobody saw may still be under way.
    let quiet = attempts.begun.map_or(since, |begun| begun + longest).max(since);
    if quiet > situation.now {
        return Next::At(quiet);
    }
    let deadline = quiet + within;
    let again = match attempts.undone.last() {
        None => situation.now,
        Some((_, _, Tried::Held { .. })) => return Next::record(passed(&step.id)),
        Some((_, at, Tried::Missed { .. })) => {
            if *at < since {
                since
            } else {
                *at + UNDO_EVERY
            }
        }
    };
    if situation.now >= deadline {
        let why = match attempts.undone.last() {
            Some((_, _, Tried::Missed { miss })) => miss.message.clone(),
            _ => "it was never tried".to_owned(),
        };
        let message = format!("it could not be undone within {}: {why}", show_duration(within));
        let advice = Some("undo by hand what the action did; the definition says how");
        return Next::record(failed(&step.id, Class::Environment, message, advice));
    }
    if again > situation.now {
        return Next::At(again.min(deadline));
    }
    let intent = Event::UndoIntended { action: name.clone(), attempt: number(attempts.undone.len()) };
    Next::intend(intent, Call::Undo(name.clone()))
}

fn number(tried: usize) -> u32 {
    u32::try_from(tried).unwrap_or(u32::MAX).saturating_add(1)
}

/// One attempt of the action.
pub fn act(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let Some(action) = state.started.plan.definition.actions.get(name).cloned() else {
        return nonsense(step, "an attempt without an action");
    };
    let attempt = state.actions.get(name).map_or(1, |action| number(action.tried.len()));
    let what = (Purpose::Action, action.kind, action.settings.clone(), action.expect.clone());
    let tried = attempt_of(state, services, name, &action, what);
    let name = name.clone();
    Box::pin(async move { vec![Event::ActionTried { action: name, attempt, result: tried.await }] })
}

/// One attempt of its undo.
pub fn undo(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let action = state.started.plan.definition.actions.get(name).cloned();
    let Some((action, Undo { kind, settings })) = action.and_then(|action| Some((action.clone(), action.undo?))) else {
        return nonsense(step, "an undo without an action");
    };
    let attempt = state.actions.get(name).map_or(1, |action| number(action.undone.len()));
    let tried = attempt_of(state, services, name, &action, (Purpose::Undo, kind, settings, BTreeMap::new()));
    let name = name.clone();
    Box::pin(async move { vec![Event::UndoTried { action: name, attempt, result: tried.await }] })
}

fn attempt_of(
    state: &State,
    services: Arc<Services>,
    name: &Name,
    action: &Action,
    (purpose, kind, settings, expect): (Purpose, ProbeKind, Settings, Expectations),
) -> impl Future<Output = Tried> + Send + use<> {
    let question = Question {
        name: name.clone(),
        on: action.on.clone(),
        purpose,
        kind,
        target: Ok(target(state, &services, action.on.as_ref(), &settings)),
        settings,
        expect,
        function: None,
        timeout: Duration::try_from(action.timeout).unwrap_or(Duration::from_secs(30)),
        last_pass: BTreeMap::new(),
    };
    async move { services.prober.ask(question, &services.clock).await }
}

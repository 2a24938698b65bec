//! A lease: in place of its removal, what was restored stays on purpose, until a moment that is written down.
//!
//! The intent is durable before the tag is set that says so to everybody else. Only what the run could remove is kept:
//! whatever it could not prove to be its own goes the way of every teardown, and so does everything of a run that was
//! ended early.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::resource::Phase;
use crate::definition::model::{Severity, TeardownWhen};
use crate::journal::event::{Class, Event, StepEnd};
use crate::journal::ledger::{Entry, Lease};
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Work};
use crate::run::call::{Call, Outcome, failed, nonsense, passed};
use crate::run::decide::{Next, Situation};
use crate::run::guard::{EXPIRES_TAG, RUN_TAG, may_delete};
use crate::run::services::Services;
use crate::words::id::{Name, StepId};
use crate::words::time::show_instant;

/// Whether a removal waits until everything that goes forward is over, because only then is it known what is kept.
#[must_use]
pub fn waits(situation: &Situation<'_>, name: &Name) -> bool {
    may_keep(situation, name) && situation.goes_forward()
}

/// What keeping needs now; nothing where the thing is to be removed.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, entry: &Entry, since: Timestamp) -> Option<Next> {
    if entry.lease.as_ref().is_some_and(Lease::holds) {
        return Some(Next::record(passed(&step.id)));
    }
    let kept = entry.lease.is_some() || keeps(situation, step, name, entry);
    // Somebody else may have removed it: then the usual looks prove that it is gone.
    if !kept || entry.absent_since.is_some() {
        return None;
    }
    let too_late = situation.now >= since + step.timeout;
    if !situation.looked.has(&step.id) {
        match &entry.lease {
            _ if !too_late => return Some(Next::call(Call::Survey(name.clone()))),
            // Nobody could look at it in time: it is not kept, it is left, and named.
            None => return None,
            Some(_) => {}
        }
    }
    let Some(lease) = &entry.lease else {
        let length = situation.definition().teardown.lease()?;
        let until = situation.now + length;
        return Some(Next::record(Event::Kept { restore: name.clone(), until, tag: is_taggable(situation, name) }));
    };
    if lease.failed.is_some() || too_late {
        let message =
            format!("it is kept until {}, and its tag `{EXPIRES_TAG}` could not be set", show_instant(lease.until));
        let advice = "allow the type's tagging call in IAM, or remove it with `drill keep RUN --end`";
        return Some(Next::record(failed(&step.id, Class::Environment, message, Some(advice))));
    }
    Some(Next::call(Call::TagLease(name.clone())))
}

fn is_taggable(situation: &Situation<'_>, name: &Name) -> bool {
    situation.definition().restore.get(name).is_some_and(|one| (situation.types)(one.kind).taggable())
}

/// Whether the definition, and what happened to the run so far, allow that this is kept at all.
fn may_keep(situation: &Situation<'_>, name: &Name) -> bool {
    let state = situation.state;
    situation.definition().teardown.lease().is_some()
        && state.cancelled.is_none()
        && state.lease_ended.is_none()
        && state.step(&Work::Restore(name.clone())).end() == Some(&StepEnd::Passed)
}

fn keeps(situation: &Situation<'_>, step: &Step, name: &Name, entry: &Entry) -> bool {
    let (state, definition) = (situation.state, situation.definition());
    let leaves = entry.seen.as_ref().is_some_and(|(_, seen)| matches!(seen.phase, Phase::Gone | Phase::Leaving));
    if !may_keep(situation, name) || leaves || entry.removal.is_some() {
        return false;
    }
    if may_delete(&state.run, name, entry, definition, entry.tags.as_ref()).is_err() {
        return false;
    }
    match definition.teardown.when {
        TeardownWhen::Always => false,
        TeardownWhen::Manual => true,
        TeardownWhen::OnPass => !is_proved(situation, name) || something_kept_needs_it(state, step),
    }
}

/// Everything that was to show something about it did.
fn is_proved(situation: &Situation<'_>, name: &Name) -> bool {
    let (state, definition) = (situation.state, situation.definition());
    let probes =
        definition.probes.iter().filter(|(_, probe)| &probe.on == name && probe.severity == Severity::Required);
    let probes = probes.map(|(probe, _)| Work::Probe(probe.clone()));
    let mut works = [Work::Ready(name.clone()), Work::Finish(name.clone())].into_iter().chain(probes);
    // A step that the plan does not have is in nobody's way.
    works.all(|work| match state.steps.get(&work.id()).map(StepState::end) {
        None => true,
        Some(end) => matches!(end, Some(StepEnd::Passed | StepEnd::Unneeded { .. })),
    })
}

/// What was restored because of this one is kept, and may be of no use without it.
fn something_kept_needs_it(state: &State, step: &Step) -> bool {
    let waits_for = |other: &Name| step.needs.iter().any(|need| need.step == Work::Teardown(other.clone()).id());
    state.kept().any(|(other, _, _)| waits_for(other))
}

/// The value of [`EXPIRES_TAG`]: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn expires(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Sets the tag that says until when it stays, and whose it is. Setting it twice does no harm.
pub fn tag(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a lease without an intent");
    };
    let Some(lease) = &entry.lease else { return nonsense(step, "a tag without a lease") };
    let tags =
        BTreeMap::from([(RUN_TAG.to_owned(), state.run.to_string()), (EXPIRES_TAG.to_owned(), expires(lease.until))]);
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).tag(&subject, &tags).await {
            Ok(()) => vec![Event::LeaseTagged { restore: name }],
            Err(error) if error.passes() => vec![Event::Stumbled { step, error }],
            Err(error) => vec![Event::LeaseTagFailed { restore: name, error }],
        }
    })
}

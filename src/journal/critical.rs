//! What the recovery waited for: the steps of its critical path, and how long each kind of them took.
//!
//! Invariant: the phases add up to the recovery time. They are cut along the critical path, so a restore that had to wait
//! for another one shows that one's time, and no other picture of the run says something else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::definition::model::Severity;
use crate::journal::event::{StepEnd, Tried};
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Work};
use crate::words::id::{Name, StepId};

/// The phases, in the order in which a reader expects them. `queue` is the time in which the next step of the path had not
/// begun: it waited for its turn.
const PHASES: [&str; 8] = ["preflight", "pick", "queue", "restore", "ready", "finish", "action", "probe"];

/// Phases that are told even if they took no time: every recovery has them.
const ALWAYS: [&str; 6] = ["preflight", "pick", "queue", "restore", "ready", "probe"];

/// The critical path, first step first: from the step that the recovery time is counted to, back over what each step
/// waited for longest. Where that time could not be measured, from the last step that ended before the teardown.
#[must_use]
pub fn critical_path(state: &State) -> Vec<&Step> {
    let conclusion = state.concluded.as_ref().map(|(_, conclusion)| conclusion);
    let is_measured = conclusion.is_some_and(|conclusion| conclusion.measures.rto.value.is_some());
    let green = if is_measured { last_green(state).map(|(_, step)| step) } else { None };
    back_from(state, green.or_else(|| last_forward(state)))
}

/// What the recovery time is made of, in the order of `PHASES`; nothing if no required probe turned green. `waited` is how
/// much of a span everything waited for a person, which is no part of the recovery time.
#[must_use]
pub fn phases(state: &State, waited: impl Fn(Timestamp, Timestamp) -> SignedDuration) -> Vec<(String, SignedDuration)> {
    let Some((green, last)) = last_green(state) else { return Vec::new() };
    let mut took: BTreeMap<&str, SignedDuration> = BTreeMap::new();
    let mut from = state.started_at;
    let mut spend = |phase: &'static str, until: Timestamp| {
        let until = until.clamp(from, green.max(from));
        *took.entry(phase).or_default() += until.duration_since(from) - waited(from, until);
        from = until;
    };
    for step in back_from(state, Some(last)) {
        let now = state.step(&step.work);
        spend("queue", now.since().unwrap_or(green));
        spend(phase(&step.work), now.ended_at().unwrap_or(green));
    }
    spend("probe", green);
    let told = PHASES.into_iter().filter(|phase| ALWAYS.contains(phase) || took.contains_key(phase));
    told.map(|phase| (phase.to_owned(), took.get(phase).copied().unwrap_or_default())).collect()
}

/// The phase that a step belongs to. A gate's time is a person's, and what is left of it waits for other steps.
fn phase(work: &Work) -> &'static str {
    match work {
        Work::Preflight => "preflight",
        Work::Pick(_) => "pick",
        Work::Restore(_) => "restore",
        Work::Ready(_) => "ready",
        Work::Finish(_) => "finish",
        Work::Action(_) => "action",
        Work::Probe(_) => "probe",
        Work::Gate(_) | Work::Teardown(_) | Work::Undo(_) | Work::Report => "queue",
    }
}

fn back_from<'a>(state: &'a State, last: Option<&'a Step>) -> Vec<&'a Step> {
    let steps: BTreeMap<&StepId, &Step> = state.started.plan.steps.iter().map(|step| (&step.id, step)).collect();
    let (mut path, mut seen) = (Vec::new(), BTreeSet::new());
    let mut at = last;
    while let Some(step) = at {
        if !seen.insert(&step.id) {
            break;
        }
        path.push(step);
        let waited_for = step.needs.iter().filter_map(|need| {
            let before = state.steps.get(&need.step)?;
            before.since()?;
            Some((before.ended_at()?, &need.step))
        });
        at = waited_for.max().and_then(|(_, id)| steps.get(id).copied());
    }
    path.reverse();
    path
}

/// The required probe that was the last to turn green, among the restores that are proven.
fn last_green(state: &State) -> Option<(Timestamp, &Step)> {
    let definition = &state.started.plan.definition;
    let unproven: BTreeSet<&Name> = definition
        .probes
        .iter()
        .filter(|(name, probe)| {
            let end = state.step(&Work::Probe((*name).clone())).end();
            let counts = probe.severity == Severity::Required && !matches!(end, Some(StepEnd::Unneeded { .. }));
            counts && end != Some(&StepEnd::Passed)
        })
        .map(|(_, probe)| &probe.on)
        .collect();
    let greens = state.in_order().filter_map(|(step, now)| Some((green(state, step, now, &unproven)?, step)));
    greens.max_by_key(|(at, _)| *at)
}

/// The last step that ended, the teardown apart.
fn last_forward(state: &State) -> Option<&Step> {
    let forward = state.in_order().filter_map(|(step, now)| {
        let is_forward = !matches!(step.work, Work::Teardown(_) | Work::Undo(_) | Work::Report);
        now.since().filter(|_| is_forward)?;
        Some((now.ended_at()?, step))
    });
    forward.max_by_key(|(at, _)| *at).map(|(_, step)| step)
}

/// When a required probe that passed first held.
fn green(state: &State, step: &Step, now: &StepState, unproven: &BTreeSet<&Name>) -> Option<Timestamp> {
    let Work::Probe(name) = &step.work else { return None };
    let probe = state.started.plan.definition.probes.get(name)?;
    if probe.severity != Severity::Required || now.end() != Some(&StepEnd::Passed) || unproven.contains(&probe.on) {
        return None;
    }
    let tried = &state.probes.get(name)?.tried;
    tried.iter().find(|(_, _, tried)| matches!(tried, Tried::Held { .. })).map(|(_, at, _)| *at)
}

//! Each step of a run, as people and programs see it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::event::StepEnd;
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Work};
use crate::report::facts::shown;
use crate::report::facts::timeline::critical_path;
use crate::words::time::show_instant;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFacts {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// `passed`, `failed`, `skipped`, `not_measured`, `waiting` or `running`.
    pub status: String,
    /// The status in words.
    pub outcome: String,
    /// A sign for it.
    pub icon: String,
    /// When it began.
    pub started: Option<String>,
    /// How long it took.
    pub duration: Option<String>,
    /// How often it was tried.
    pub attempts: usize,
    /// Requests that failed and were made again.
    pub stumbles: u32,
    /// Why it failed or did not run.
    pub detail: Option<String>,
    /// Whether it is on the critical path: what the recovery waited for.
    pub critical: bool,
}

/// Every step, in the plan's order.
#[must_use]
pub fn steps(state: &State) -> Vec<StepFacts> {
    let critical = critical_path(state);
    state.started.plan.steps.iter().map(|step| facts(state, step, critical.contains(&step.id))).collect()
}

fn now<'a>(state: &'a State, step: &Step) -> &'a StepState {
    state.steps.get(&step.id).unwrap_or(&StepState::Waiting)
}

fn facts(state: &State, step: &Step, critical: bool) -> StepFacts {
    let now = now(state, step);
    let status = status(now);
    let writes_this = step.work == Work::Report && state.concluded.is_some();
    StepFacts {
        id: step.id.to_string(),
        kind: step.work.kind().to_owned(),
        status: status.to_owned(),
        outcome: status.replace('_', " "),
        icon: icon(now).to_owned(),
        started: since(now).map(show_instant),
        duration: shown(took(now)),
        attempts: attempts(state, step),
        stumbles: match now {
            StepState::Waiting => 0,
            StepState::Running { stumbled_in_all, .. } | StepState::Ended { stumbled_in_all, .. } => *stumbled_in_all,
        },
        detail: if writes_this { Some("It writes this report, after the verdict.".to_owned()) } else { detail(now) },
        critical,
    }
}

/// The status word of a step.
#[must_use]
pub fn status(step: &StepState) -> &'static str {
    match step {
        StepState::Waiting => "waiting",
        StepState::Running { .. } => "running",
        StepState::Ended { end, .. } => match end {
            StepEnd::Passed => "passed",
            StepEnd::Failed(_) => "failed",
            StepEnd::Skipped { .. } => "skipped",
            StepEnd::Unneeded { .. } => "not_needed",
            StepEnd::NotMeasured { .. } => "not_measured",
        },
    }
}

/// A sign for the status.
#[must_use]
pub fn icon(step: &StepState) -> &'static str {
    match status(step) {
        "passed" => "✅",
        "failed" => "❌",
        "skipped" | "not_needed" => "⏭️",
        "not_measured" => "❔",
        "running" => "⏳",
        _ => "▫️",
    }
}

/// When a step began.
#[must_use]
pub fn since(step: &StepState) -> Option<Timestamp> {
    match step {
        StepState::Waiting => None,
        StepState::Running { since, .. } => Some(*since),
        StepState::Ended { since, .. } => *since,
    }
}

/// How long an ended step took.
#[must_use]
pub fn took(step: &StepState) -> Option<SignedDuration> {
    match step {
        StepState::Ended { since: Some(since), at, .. } => Some(at.duration_since(*since)),
        _ => None,
    }
}

/// How often a step was tried: a probe's attempts, a restore's attempts, otherwise one if it began.
#[must_use]
pub fn attempts(state: &State, step: &Step) -> usize {
    let began = || state.steps.get(&step.id).and_then(since).is_some();
    match &step.work {
        Work::Probe(name) => state.probes.get(name).map_or(0, |probe| probe.tried.len()),
        Work::Action(name) => state.actions.get(name).map_or(0, |action| action.tried.len()),
        Work::Undo(name) => state.actions.get(name).map_or(0, |action| action.undone.len()),
        Work::Restore(name) => {
            let attempt = state.ledger.get(name).map_or_else(|| u32::from(began()), |entry| entry.intended.attempt);
            usize::try_from(attempt).unwrap_or(usize::MAX)
        }
        _ => usize::from(began()),
    }
}

/// Why a step failed or did not run.
#[must_use]
pub fn detail(step: &StepState) -> Option<String> {
    let StepState::Ended { end, .. } = step else { return None };
    match end {
        StepEnd::Passed => None,
        StepEnd::Failed(failure) => {
            let advice = failure.advice.as_ref().map(|advice| format!(" Next: {advice}.")).unwrap_or_default();
            let request = failure.request_id.as_ref().map(|id| format!(" Request id {id}.")).unwrap_or_default();
            Some(format!("{}.{request}{advice}", failure.message.trim_end_matches('.')))
        }
        StepEnd::Skipped { because } | StepEnd::Unneeded { because } | StepEnd::NotMeasured { because } => {
            Some(because.clone())
        }
    }
}

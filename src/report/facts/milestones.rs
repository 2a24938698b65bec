//! The moments of one restore, from the decision to the proof and to its end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::vault::JobStatus;
use crate::definition::model::{Probe, Severity};
use crate::journal::event::{StepEnd, Tried};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::words::id::Name;
use crate::words::time::{show_duration, show_instant};

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// What happened.
    pub name: String,
    /// When; null if it did not happen, or nobody saw it.
    pub at: Option<String>,
    /// How long after the start of the run.
    pub after: Option<String>,
}

/// The moments of a restore with these probes, in the order in which they should come.
#[must_use]
pub fn milestones(state: &State, name: &Name, probes: &[(&Name, &Probe)]) -> Vec<Milestone> {
    let entry = state.ledger.get(name);
    let completed = entry
        .and_then(|entry| entry.job_seen.as_ref())
        .filter(|(_, job)| job.status == JobStatus::Completed)
        .map(|(at, job)| job.completed.unwrap_or(*at));
    let teardown = Work::Teardown(name.clone()).id();
    let failed = state.reopened.iter().filter_map(|earlier| earlier.failed.get(&teardown).map(|_| earlier.at));
    let moments = [
        ("Decision: the run started", Some(state.started_at)),
        ("Recovery point chosen", passed_at(state, &Work::Pick(name.clone()))),
        ("Restore job accepted", entry.and_then(|entry| entry.accepted_at)),
        ("Restore job completed", completed),
        ("Usable", entry.and_then(|entry| entry.ready_at)),
        ("First probe held", greens(state, probes).min()),
        ("Every required probe held", proven_at(state, probes)),
        ("Removal asked for", entry.and_then(|entry| entry.removal.as_ref()).map(|(at, _)| *at)),
    ];
    let gone = ("Known to be gone", entry.and_then(|entry| entry.gone.as_ref()).map(|(at, _)| *at));
    let left = failed.map(|at| ("Leaked: the verdict while it was left", Some(at)));
    let moment = |(name, at): (&str, Option<Timestamp>)| Milestone {
        name: name.to_owned(),
        at: at.map(show_instant),
        after: at.map(|at| show_duration(at.duration_since(state.started_at))),
    };
    moments.into_iter().chain(left).chain([gone]).map(moment).collect()
}

fn passed_at(state: &State, work: &Work) -> Option<Timestamp> {
    let step = state.step(work);
    step.ended_at().filter(|_| step.end() == Some(&StepEnd::Passed))
}

/// When each probe of a restore first held, if it did.
fn greens(state: &State, probes: &[(&Name, &Probe)]) -> impl Iterator<Item = Timestamp> {
    probes.iter().filter_map(move |(name, _)| first_green(state, name))
}

fn first_green(state: &State, probe: &Name) -> Option<Timestamp> {
    let tried = &state.probes.get(probe)?.tried;
    tried.iter().find(|(_, _, tried)| matches!(tried, Tried::Held { .. })).map(|(_, at, _)| *at)
}

/// When the last required probe held, if all that were asked did and passed.
fn proven_at(state: &State, probes: &[(&Name, &Probe)]) -> Option<Timestamp> {
    let mut last = None;
    for (name, _) in probes.iter().filter(|(_, probe)| probe.severity == Severity::Required) {
        match state.step(&Work::Probe((*name).clone())).end() {
            Some(StepEnd::Passed) => last = last.max(first_green(state, name)),
            Some(StepEnd::Unneeded { .. }) => {}
            _ => return None,
        }
    }
    last
}

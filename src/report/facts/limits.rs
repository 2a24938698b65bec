//! What a run showed and, as important, what it did not look at. Derived from the plan and the state alone.

use std::collections::BTreeSet;

use crate::cloud::check::CheckResult;
use crate::cloud::vault::{CopyEvidence, Picked};
use crate::definition::model::Severity;
use crate::journal::event::{GoneProof, StepEnd};
use crate::journal::state::{State, StepState};
use crate::plan::step::Work;
use crate::report::facts::isolation::was_probed;
use crate::words::id::Name;
use crate::words::kind::{Mode, ResourceKind};
use crate::words::time::show_instant;

/// Kept general on purpose: true of every drill of this version.
const NEVER_TESTED: [&str; 5] = [
    "Fail-over: DNS, load balancers, connection settings and message queues were not switched.",
    "Performance: the restored resource was not put under load, and its size may differ from production.",
    "Data outside the probes: only what the probes below ask was looked at. Everything else was restored unseen.",
    "Keys and passwords: whether they can be rotated, or would survive the loss of the source region, was not tried.",
    "Other resources of the workload: queues, files, functions, certificates and the like are not part of this drill.",
];

/// What the run showed, one sentence each.
#[must_use]
pub fn tested(state: &State) -> Vec<String> {
    let plan = &state.started.plan;
    let destination = &plan.definition.destination;
    let mut out = Vec::new();
    for step in plan.steps.iter().filter(|step| passed(state, &step.work)) {
        match &step.work {
            Work::Pick(name) => {
                out.push(format!("An eligible recovery point for {name} was in the vault {}.", destination.vault));
            }
            Work::Restore(name) => {
                out.push(format!("AWS Backup restored {name} in {} to the end.", destination.region));
            }
            Work::Ready(name) => out.push(format!("What was restored for {name} became usable.")),
            Work::Probe(name) => {
                let on = plan.definition.probes.get(name).map(|probe| format!(" on {}", probe.on)).unwrap_or_default();
                out.push(format!("The probe {name} held{on}."));
            }
            Work::Teardown(name) if was_removed(state, name) => {
                out.push(format!("What was restored for {name} was removed, and AWS confirmed that it is gone."));
            }
            Work::Finish(name) => out.push(format!("What {name} lacked before it was usable was added.")),
            Work::Action(name) => out.push(format!("The action {name} was done.")),
            Work::Undo(name) if state.actions.get(name).is_some_and(|action| action.intended) => {
                out.push(format!("The action {name} was undone."));
            }
            Work::Teardown(_) | Work::Undo(_) | Work::Gate(_) | Work::Preflight | Work::Report => {}
        }
    }
    out
}

/// What the run did not look at, the particular before the general.
#[must_use]
pub fn not_tested(state: &State) -> Vec<String> {
    let mut out = Vec::new();
    surroundings(state, &mut out);
    steps(state, &mut out);
    kept(state, &mut out);
    probes(state, &mut out);
    points(state, &mut out);
    measures(state, &mut out);
    out.push(applications(state).to_owned());
    out.push(isolation(state).to_owned());
    out.extend(NEVER_TESTED.iter().map(|text| (*text).to_owned()));
    out
}

/// A restored server runs what it ran before, and an action may start something.
fn applications(state: &State) -> &'static str {
    let definition = &state.started.plan.definition;
    let serves = definition.restore.values().any(|restore| restore.kind == ResourceKind::Ec2);
    if serves || !definition.actions.is_empty() {
        "Applications: of what runs on the restored servers or was started by an action, only what the probes ask was \
         looked at, and no user's client was pointed at it."
    } else {
        "Applications: none was started on the restored data, and no client was pointed at it."
    }
}

fn isolation(state: &State) -> &'static str {
    if was_probed(state) {
        "Isolation beyond the places and names that the isolation probe tried."
    } else {
        "Isolation: whether the restored resource can reach, or be reached from, production was not probed."
    }
}

fn passed(state: &State, work: &Work) -> bool {
    matches!(state.steps.get(&work.id()), Some(StepState::Ended { end: StepEnd::Passed, .. }))
}

fn was_removed(state: &State, name: &Name) -> bool {
    let gone = state.ledger.get(name).and_then(|entry| entry.gone.as_ref());
    gone.is_some_and(|(_, proof)| matches!(proof, GoneProof::AbsentTwice { .. }))
}

fn surroundings(state: &State, out: &mut Vec<String>) {
    match state.started.mode {
        Mode::Aws => {}
        Mode::Sandbox => {
            out.push("AWS itself: this was a rehearsal, and every answer came from a simulation.".to_owned());
        }
        Mode::CustomEndpoint => {
            out.push("AWS itself: the answers came from an endpoint that was set by hand.".to_owned());
        }
    }
    if state.started.made_world {
        out.push("Real data: the simulated data was made up from the definition.".to_owned());
    }
    for check in state.checks.iter().flatten().filter(|check| check.result == CheckResult::NotChecked) {
        out.push(format!("Before the start, {} was not checked: {}.", check.what, check.detail.trim_end_matches('.')));
    }
}

fn steps(state: &State, out: &mut Vec<String>) {
    for step in &state.started.plan.steps {
        let Some(StepState::Ended { end, .. }) = state.steps.get(&step.id) else { continue };
        match end {
            StepEnd::Skipped { because } => {
                out.push(format!("The step {} did not run: {}.", step.id, because.trim_end_matches('.')));
            }
            StepEnd::Unneeded { because } => {
                out.push(format!("The step {} was left out: {}.", step.id, because.trim_end_matches('.')));
            }
            StepEnd::NotMeasured { because } => {
                out.push(format!("The step {} could not be measured: {}.", step.id, because.trim_end_matches('.')));
            }
            StepEnd::Passed | StepEnd::Failed(_) => {}
        }
    }
}

fn kept(state: &State, out: &mut Vec<String>) {
    for (name, _, lease) in state.kept() {
        let until = show_instant(lease.until);
        out.push(format!("The removal of what was restored for {name}: it is kept on purpose until {until}."));
    }
}

fn probes(state: &State, out: &mut Vec<String>) {
    let definition = &state.started.plan.definition;
    let required = definition.probes.values().filter(|probe| probe.severity == Severity::Required);
    let looked_at: BTreeSet<&Name> = required.map(|probe| &probe.on).collect();
    for restore in definition.restore.keys().filter(|name| !looked_at.contains(name)) {
        out.push(format!("The content of {restore}: no required probe looks at it."));
    }
    for (name, probe) in &definition.probes {
        if probe.severity == Severity::Advisory {
            out.push(format!("The probe {name} is advisory: the verdict does not depend on it."));
        }
    }
    let uncontrolled = definition.probes.iter().filter(|(_, probe)| probe.negative_control.is_none());
    let uncontrolled: Vec<&str> = uncontrolled.map(|(name, _)| name.as_str()).collect();
    if !uncontrolled.is_empty() {
        out.push(format!(
            "Whether these probes can fail, as they have no negative control: {}.",
            uncontrolled.join(", ")
        ));
    }
}

fn points(state: &State, out: &mut Vec<String>) {
    let named = |which: fn(&Picked) -> bool| -> String {
        let names = state.picked.iter().filter(|(_, picked)| which(picked)).map(|(name, _)| name.as_str());
        names.collect::<Vec<&str>>().join(", ")
    };
    let chosen = named(|picked| picked.chosen.is_some());
    if !chosen.is_empty() {
        out.push(format!("Other recovery points than the one chosen of each: {chosen}."));
    }
    let read_there = named(|picked| matches!(picked.copy, CopyEvidence::Seen { .. }));
    if !read_there.is_empty() {
        out.push(format!(
            "The loss of the source region: it was up, and the arrival of the copies was read there: {read_there}."
        ));
    }
}

fn measures(state: &State, out: &mut Vec<String>) {
    let Some((_, conclusion)) = &state.concluded else { return };
    let measures = &conclusion.measures;
    let named = [
        ("The recovery time", &measures.rto),
        ("The age of the recovery point", &measures.rpo),
        ("The time that the copy took", &measures.copy_lag),
        ("The age of the newest data inside", &measures.data_age),
    ];
    for (name, measure) in named {
        if measure.value.is_none() {
            out.push(format!("{name}: {}.", measure.how.trim_end_matches('.')));
        }
    }
}

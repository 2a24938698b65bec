//! What a run showed and, as important, what it did not look at. Derived from the plan and the state alone.

use std::collections::BTreeSet;

use crate::cloud::check::CheckResult;
use crate::cloud::vault::{CopyEvidence, Picked};
use crate::definition::model::Severity;
use crate::journal::event::{GoneProof, StepEnd};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::report::facts::isolation::was_probed;
use crate::report::facts::plain;
use crate::words::id::Name;
use crate::words::kind::{Mode, ResourceKind};
use crate::words::time::show_instant;

/// Kept general on purpose: true of every drill of this version.
const NEVER_TESTED: [&str; 5] = [
    "Fail-over: DNS, load balancers, connection settings and message queues were not switched.",
    "Performance: the restored resource was not put under load, and its size may differ from production.",
    "Data outside the probes: only what the probes ask was looked at. Everything else was restored unseen.",
    "Keys and passwords: whether they can be rotated, or would survive the loss of the source region, was not tried.",
    "Other resources of the workload: queues, files, functions, certificates and the like are not part of this drill.",
];

/// What the run showed, one sentence for each kind of step.
#[must_use]
pub fn tested(state: &State) -> Vec<String> {
    let plan = &state.started.plan;
    let destination = &plan.definition.destination;
    let passed = state.in_order().filter(|(_, now)| matches!(now.end(), Some(StepEnd::Passed)));
    let passed: Vec<&Work> = passed.map(|(step, _)| &step.work).collect();
    let named = |which: &dyn Fn(&Work) -> Option<String>| -> Option<String> {
        let names: Vec<String> = passed.iter().copied().filter_map(which).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let of = |name: &Name| Some(name.to_string());
    let picked = named(&|work| if let Work::Pick(name) = work { of(name) } else { None });
    let restored = named(&|work| if let Work::Restore(name) = work { of(name) } else { None });
    let ready = named(&|work| if let Work::Ready(name) = work { of(name) } else { None });
    let finished = named(&|work| if let Work::Finish(name) = work { of(name) } else { None });
    let held = named(&|work| match work {
        Work::Probe(name) => plan.definition.probes.get(name).map(|probe| format!("{name} on {}", probe.on)),
        _ => None,
    });
    let done = named(&|work| if let Work::Action(name) = work { of(name) } else { None });
    let undone = named(&|work| match work {
        Work::Undo(name) if state.actions.get(name).is_some_and(|action| action.intended) => of(name),
        _ => None,
    });
    let removed = named(&|work| match work {
        Work::Teardown(name) if was_removed(state, name) => of(name),
        _ => None,
    });
    let sentences = [
        picked.map(|names| format!("An eligible recovery point was in the vault {}: {names}.", destination.vault)),
        restored.map(|names| format!("AWS Backup restored it in {} to the end: {names}.", destination.region)),
        finished.map(|names| format!("What it lacked before it was usable was added: {names}.")),
        ready.map(|names| format!("What was restored became usable: {names}.")),
        held.map(|names| format!("The probe held: {names}.")),
        done.map(|names| format!("The action was done: {names}.")),
        undone.map(|names| format!("The action was undone: {names}.")),
        removed.map(|names| format!("It was removed, and AWS confirmed that it is gone: {names}.")),
    ];
    sentences.into_iter().flatten().collect()
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

/// Steps with the same reason in one sentence: one stop skips all that comes after it.
fn steps(state: &State, out: &mut Vec<String>) {
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (step, now) in state.in_order() {
        let Some(end) = now.end() else { continue };
        let (what, because) = match end {
            StepEnd::Skipped { because } => ("did not run", because),
            StepEnd::Unneeded { because } => ("was left out", because),
            StepEnd::NotMeasured { because } => ("could not be measured", because),
            StepEnd::Passed | StepEnd::Failed(_) => continue,
        };
        let because = because.trim_end_matches('.');
        match groups.iter_mut().find(|(known, why, _)| (*known, *why) == (what, because)) {
            Some((_, _, steps)) => steps.push(step.id.as_str()),
            None => groups.push((what, because, vec![step.id.as_str()])),
        }
    }
    out.extend(groups.into_iter().map(|(what, because, steps)| match steps.as_slice() {
        [step] => format!("The step {step} {what}: {because}."),
        steps => {
            let what = what.strip_prefix("was ").map_or_else(|| what.to_owned(), |rest| format!("were {rest}"));
            format!("These {} steps {what}: {}. Of each: {because}.", steps.len(), steps.join(", "))
        }
    }));
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
    for (name, probe) in &*definition.probes {
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
            out.push(format!("{name}: {}.", plain(&measure.how).trim_end_matches('.')));
        }
    }
}

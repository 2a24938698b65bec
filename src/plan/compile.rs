//! Model → plan: one function a construct. A restore's chain, its probes, teardown against the arrows.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use crate::definition::model::{Definition, Probe, Restore};
use crate::plan::graph::{Cycle, Graph};
use crate::plan::step::{Need, Plan, Step, Until, Why, Work};
use crate::words::id::{Name, StepId};
use crate::words::reference::{Reference, references_in};

/// A preflight that takes longer than this is not going to end.
const PREFLIGHT_TIMEOUT: SignedDuration = SignedDuration::from_mins(15);
/// Listing a vault and its copy jobs, throttled and retried.
const PICK_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);
/// Rendering and writing files.
const REPORT_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

/// Compiles a checked definition. The same definition gives the same plan.
///
/// # Errors
/// When needs and references make a cycle. The check of a definition finds the same cycle first, with its place.
pub fn compile(definition: &Definition) -> Result<Plan, Cycle> {
    let mut steps = vec![step(Work::Preflight, Vec::new(), PREFLIGHT_TIMEOUT)];
    for (name, restore) in &definition.restore {
        steps.extend(restore_chain(definition, name, restore));
    }
    for (name, probe) in &definition.probes {
        steps.push(probe_step(definition, name, probe));
    }
    for name in definition.restore.keys() {
        steps.push(teardown_step(definition, name));
    }
    steps.push(report_step(definition));
    Ok(Plan { definition: definition.clone(), steps: in_order(steps)? })
}

fn step(work: Work, needs: Vec<Need>, timeout: SignedDuration) -> Step {
    Step { id: work.id(), work, needs, timeout }
}

fn need(work: &Work, until: Until, why: Why) -> Need {
    Need { step: work.id(), until, why }
}

/// `preflight` -> `pick` -> `restore` -> `ready`. What else the restore needs comes before the job starts, not before
/// the pick: choosing costs nothing.
fn restore_chain(definition: &Definition, name: &Name, restore: &Restore) -> [Step; 3] {
    let pick = Work::Pick(name.clone());
    let start = Work::Restore(name.clone());
    let ready = Work::Ready(name.clone());
    let mut before_start = vec![need(&pick, Until::Passed, Why::Chain)];
    before_start
        .extend(restore.needs.iter().map(|other| need(&named(definition, other), Until::Passed, Why::Explicit)));
    let before_ready = vec![need(&start, Until::Passed, Why::Chain)];
    [
        step(pick, vec![need(&Work::Preflight, Until::Passed, Why::Chain)], PICK_TIMEOUT),
        step(start, before_start, restore.timeout),
        step(ready, before_ready, restore.timeout),
    ]
}

/// A probe waits for the restored thing, for the probes it names and for whatever its settings refer to. Its own time
/// is bounded by its retries, so the run's longest duration is the only other bound.
fn probe_step(definition: &Definition, name: &Name, probe: &Probe) -> Step {
    let mut needs = vec![need(&Work::Ready(probe.on.clone()), Until::Passed, Why::Chain)];
    needs.extend(probe.needs.iter().map(|other| need(&named(definition, other), Until::Passed, Why::Explicit)));
    let mut settings = references_in(&Value::Object(probe.settings.clone()));
    if let Some(control) = &probe.negative_control {
        settings.extend(references_in(&Value::Object(control.settings.clone())));
    }
    needs.extend(settings.iter().filter_map(referenced).map(|work| need(&work, Until::Passed, Why::Reference)));
    let mut seen = std::collections::BTreeSet::new();
    needs.retain(|need| seen.insert(need.step.clone()));
    step(Work::Probe(name.clone()), needs, definition.limits.max_duration)
}

/// The step whose output a reference reads.
fn referenced(reference: &Reference) -> Option<Work> {
    if let Some(restore) = reference.restore() {
        return Some(Work::Ready(restore.clone()));
    }
    reference.probe().map(|probe| Work::Probe(probe.clone()))
}

/// `needs:` names a probe or a restore; a restore is there once it is ready.
fn named(definition: &Definition, name: &Name) -> Work {
    if definition.probes.contains_key(name) { Work::Probe(name.clone()) } else { Work::Ready(name.clone()) }
}

/// Teardown waits, however they end, for the restore's own chain, for every probe that uses the thing, and for the
/// teardown of whatever was restored after it because it needed it.
fn teardown_step(definition: &Definition, name: &Name) -> Step {
    let mut needs = vec![
        need(&Work::Restore(name.clone()), Until::Settled, Why::Chain),
        need(&Work::Ready(name.clone()), Until::Settled, Why::Chain),
    ];
    for (probe_name, probe) in &definition.probes {
        let mut uses = references_in(&Value::Object(probe.settings.clone()));
        if let Some(control) = &probe.negative_control {
            uses.extend(references_in(&Value::Object(control.settings.clone())));
        }
        if &probe.on == name || uses.iter().any(|reference| reference.restore() == Some(name)) {
            needs.push(need(&Work::Probe(probe_name.clone()), Until::Settled, Why::Teardown));
        }
    }
    for (other, restore) in &definition.restore {
        if restore.needs.iter().any(|needed| leads_to(definition, needed, name)) {
            needs.push(need(&Work::Teardown(other.clone()), Until::Settled, Why::Teardown));
        }
    }
    step(Work::Teardown(name.clone()), needs, definition.teardown.timeout)
}

/// Whether needing `needed` means needing the restore `name`.
fn leads_to(definition: &Definition, needed: &Name, name: &Name) -> bool {
    definition.probes.get(needed).map_or(needed == name, |probe| &probe.on == name)
}

fn report_step(definition: &Definition) -> Step {
    let needs =
        definition.restore.keys().map(|name| need(&Work::Teardown(name.clone()), Until::Settled, Why::Chain)).collect();
    step(Work::Report, needs, REPORT_TIMEOUT)
}

fn in_order(steps: Vec<Step>) -> Result<Vec<Step>, Cycle> {
    let mut graph: Graph<StepId> = Graph::new();
    for step in &steps {
        graph.add(&step.id);
    }
    for step in &steps {
        for need in &step.needs {
            graph.after(&step.id, &need.step);
        }
    }
    let mut by_id: BTreeMap<StepId, Step> = steps.into_iter().map(|step| (step.id.clone(), step)).collect();
    Ok(graph.order()?.iter().filter_map(|id| by_id.remove(id)).collect())
}

//! Model → plan: one function a construct. A restore's chain, its probes, actions and gates, teardown against the arrows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::SignedDuration;
use serde_json::Value;

use crate::cloud::resource::{Expected, Settings, Types};
use crate::definition::model::{Action, Definition, Gate, Probe, Restore};
use crate::plan::graph::{Cycle, Graph};
use crate::plan::step::{Need, Plan, Step, Until, Why, Work};
use crate::words::id::{Name, RunId, StepId};
use crate::words::kind::ResourceKind;
use crate::words::reference::{Reference, references_in};

/// A preflight that takes longer than this is not going to end.
const PREFLIGHT_TIMEOUT: SignedDuration = SignedDuration::from_mins(15);
/// Listing a vault and its copy jobs, throttled and retried.
const PICK_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);
/// Rendering and writing files.
const REPORT_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Needs and references make a cycle. The check of a definition finds the same cycle first, with its place.
    #[error(transparent)]
    Cycle(#[from] Cycle),
    /// A step waits for something that is no step.
    #[error("`{step}` waits for `{need}`, which is not in the plan")]
    Nothing {
        /// The step.
        step: StepId,
        /// What it waits for.
        need: StepId,
    },
    /// Two restores of one type would make things of one name.
    #[error("the restores `{first}` and `{second}` would have the same name in AWS: rename one of them")]
    SameName {
        /// One.
        first: Name,
        /// The other.
        second: Name,
    },
    /// A selection was not resolved.
    #[error("`{0}` is a selection, and nobody asked the vault what it selects")]
    Open(Name),
}

/// Compiles a checked definition whose selections were resolved. The same definition gives the same plan.
///
/// # Errors
/// When needs and references make a cycle, or a selection is open.
pub fn compile(definition: &Definition, types: Types) -> Result<Plan, NoPlan> {
    if let Some(open) = definition.selections.keys().next() {
        return Err(NoPlan::Open(open.clone()));
    }
    let compiler = Compiler::new(definition, types)?;
    let mut steps = vec![step(Work::Preflight, Vec::new(), PREFLIGHT_TIMEOUT)];
    for (name, restore) in &*definition.restore {
        steps.extend(compiler.restore_chain(name, restore));
    }
    steps.extend(definition.probes.iter().map(|(name, probe)| compiler.probe_step(name, probe)));
    steps.extend(definition.actions.iter().map(|(name, action)| compiler.action_step(name, action)));
    steps.extend(definition.gates.iter().map(|(name, gate)| compiler.gate_step(name, gate)));
    let backward = compiler.backward_steps(&steps);
    steps.extend(backward);
    steps.push(compiler.report_step());
    Ok(Plan { definition: definition.clone(), steps: in_order(steps)? })
}

/// Who leads back to whom, at any remove.
struct Dependents<'a> {
    places: HashMap<&'a StepId, usize>,
    /// The steps that wait for the one of each place.
    later: Vec<Vec<(usize, &'a Step)>>,
}

impl<'a> Dependents<'a> {
    fn new(steps: &'a [Step]) -> Self {
        let places: HashMap<&StepId, usize> = steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let mut later: Vec<Vec<(usize, &Step)>> = vec![Vec::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            for before in step.needs.iter().filter_map(|need| places.get(&need.step)) {
                later[*before].push((at, step));
            }
        }
        Self { places, later }
    }

    fn after(&self, place: Option<usize>) -> &[(usize, &'a Step)] {
        place.and_then(|place| self.later.get(place)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everything that comes after `work` because of it, in the order of ids.
    fn of(&self, work: &Work) -> Vec<&'a Work> {
        let mut found: BTreeMap<&'a StepId, &'a Work> = BTreeMap::new();
        let mut open = self.after(self.places.get(&work.id()).copied()).to_vec();
        while let Some((at, step)) = open.pop() {
            if found.insert(&step.id, &step.work).is_none() {
                open.extend_from_slice(self.after(Some(at)));
            }
        }
        found.into_values().collect()
    }
}

fn step(work: Work, needs: Vec<Need>, timeout: SignedDuration) -> Step {
    Step { id: work.id(), work, needs: once(needs), timeout }
}

/// The first need of each step. Few are compared with each other; of the many of a report, a table is made.
fn once(mut needs: Vec<Need>) -> Vec<Need> {
    if needs.len() > 16 {
        let mut seen = BTreeSet::new();
        needs.retain(|need| seen.insert(need.step.clone()));
        return needs;
    }
    let mut kept: Vec<Need> = Vec::with_capacity(needs.len());
    for need in needs {
        if !kept.iter().any(|before| before.step == need.step) {
            kept.push(need);
        }
    }
    kept
}

fn need(work: &Work, until: Until, why: Why) -> Need {
    Need { step: work.id(), until, why }
}

struct Compiler<'a> {
    definition: &'a Definition,
    /// The restores whose type adds something to what the job makes.
    finishing: HashSet<&'a Name>,
}

impl<'a> Compiler<'a> {
    /// Asks each type once what it will make of a restore. What it is called makes no difference to what is added.
    fn new(definition: &'a Definition, types: Types) -> Result<Self, NoPlan> {
        let destination = &definition.destination;
        let partition = destination.restore_role.partition();
        let run = RunId::new(0, [0; 10]);
        let mut known: BTreeMap<(ResourceKind, String), &Name> = BTreeMap::new();
        let mut finishing = HashSet::new();
        for (name, restore) in &*definition.restore {
            let facts = types(restore.kind);
            let expected: Expected =
                facts.expected(&run, name, 1, &destination.region, &destination.account, partition);
            if !facts.finish(&restore.with, &expected).is_empty() {
                finishing.insert(name);
            }
            // Names are cut where a type allows few characters: two restores must not end up as one.
            if let Some(first) = known.insert((restore.kind, expected.name), name) {
                return Err(NoPlan::SameName { first: first.clone(), second: name.clone() });
            }
        }
        Ok(Self { definition, finishing })
    }

    /// `preflight` -> `pick` -> `restore` -> `ready` -> `finish`. What else the restore needs comes before the job
    /// starts, not before the pick: choosing costs nothing.
    fn restore_chain(&self, name: &Name, restore: &Restore) -> Vec<Step> {
        let pick = Work::Pick(name.clone());
        let start = Work::Restore(name.clone());
        let ready = Work::Ready(name.clone());
        let mut before_start = vec![need(&pick, Until::Passed, Why::Chain)];
        before_start.extend(self.explicit(&restore.needs));
        let before_ready = vec![need(&start, Until::Passed, Why::Chain)];
        let mut chain = vec![
            step(pick, vec![need(&Work::Preflight, Until::Passed, Why::Chain)], PICK_TIMEOUT),
            step(start, before_start, restore.timeout),
            step(ready.clone(), before_ready, restore.timeout),
        ];
        if self.finishes(name) {
            let after = vec![need(&ready, Until::Passed, Why::Chain)];
            chain.push(step(Work::Finish(name.clone()), after, restore.timeout));
        }
        chain
    }

    fn finishes(&self, name: &Name) -> bool {
        self.finishing.contains(name)
    }

    /// The step with which a restore's resource is usable.
    fn usable(&self, restore: &Name) -> Work {
        if self.finishes(restore) { Work::Finish(restore.clone()) } else { Work::Ready(restore.clone()) }
    }

    fn explicit<'b>(&'b self, needs: &'b [Name]) -> impl Iterator<Item = Need> + 'b {
        needs.iter().map(|other| need(&self.named(other), Until::Passed, Why::Explicit))
    }

    /// `needs:` names a probe, an action, a gate or a restore; a restore is there once it is usable.
    fn named(&self, name: &Name) -> Work {
        if self.definition.probes.contains_key(name) {
            Work::Probe(name.clone())
        } else if self.definition.actions.contains_key(name) {
            Work::Action(name.clone())
        } else if self.definition.gates.contains_key(name) {
            Work::Gate(name.clone())
        } else {
            self.usable(name)
        }
    }

    /// The step whose output a reference reads.
    fn referenced(&self, reference: &Reference) -> Option<Work> {
        if let Some(restore) = reference.restore() {
            return Some(self.usable(restore));
        }
        reference.probe().map(|probe| Work::Probe(probe.clone()))
    }

    fn reads<'b>(&'b self, references: &'b [Reference]) -> impl Iterator<Item = Need> + 'b {
        let works = references.iter().filter_map(|reference| self.referenced(reference));
        works.map(|work| need(&work, Until::Passed, Why::Reference))
    }

    /// A probe waits for the restored thing, for what it names and for whatever its settings refer to. Its own time is
    /// bounded by its retries, so the run's longest duration is the only other bound.
    fn probe_step(&self, name: &Name, probe: &Probe) -> Step {
        let mut needs = vec![need(&self.usable(&probe.on), Until::Passed, Why::Chain)];
        needs.extend(self.explicit(&probe.needs));
        needs.extend(self.reads(&uses_of_probe(probe)));
        step(Work::Probe(name.clone()), needs, self.definition.limits.max_duration)
    }

    /// An action without any need of its own would run before anything is restored: it waits for the preflight at least.
    fn action_step(&self, name: &Name, action: &Action) -> Step {
        let mut needs = vec![need(&Work::Preflight, Until::Passed, Why::Chain)];
        needs.extend(action.on.iter().map(|on| need(&self.usable(on), Until::Passed, Why::Chain)));
        needs.extend(self.explicit(&action.needs));
        needs.extend(self.reads(&uses_of_action(action)));
        step(Work::Action(name.clone()), needs, self.definition.limits.max_duration)
    }

    fn gate_step(&self, name: &Name, gate: &Gate) -> Step {
        let mut needs = vec![need(&Work::Preflight, Until::Passed, Why::Chain)];
        needs.extend(self.explicit(&gate.needs));
        step(Work::Gate(name.clone()), needs, gate.timeout)
    }

    /// Every undo, then every teardown.
    fn backward_steps(&self, forward: &[Step]) -> Vec<Step> {
        let forward = Dependents::new(forward);
        let undone = self.definition.actions.iter().filter(|(_, action)| action.undo.is_some());
        let undos = undone.map(|(name, _)| self.undo_step(name, &forward));
        let teardowns = self.definition.restore.keys().map(|name| self.teardown_step(name, &forward));
        undos.chain(teardowns).collect()
    }

    /// Against the arrows: an undo waits, however they end, for the action and for everything that leads back to it.
    fn undo_step(&self, name: &Name, forward: &Dependents<'_>) -> Step {
        let action = Work::Action(name.clone());
        let mut needs = vec![need(&action, Until::Settled, Why::Chain)];
        needs.extend(self.users(&action, forward));
        step(Work::Undo(name.clone()), needs, self.definition.teardown.timeout)
    }

    /// Teardown waits, however they end, for the restore's own chain and for everything that leads back to it: probes,
    /// gates, actions and their undoing, and the teardown of whatever was restored because of it.
    fn teardown_step(&self, name: &Name, forward: &Dependents<'_>) -> Step {
        let mut needs = vec![need(&Work::Restore(name.clone()), Until::Settled, Why::Chain)];
        let ready = Work::Ready(name.clone());
        needs.push(need(&ready, Until::Settled, Why::Chain));
        if self.finishes(name) {
            needs.push(need(&Work::Finish(name.clone()), Until::Settled, Why::Chain));
        }
        let own = Work::Teardown(name.clone()).id();
        needs.extend(self.users(&ready, forward).into_iter().filter(|need| need.step != own));
        step(Work::Teardown(name.clone()), needs, self.definition.teardown.timeout)
    }

    /// What must be over before something that `work` brought about may be taken away.
    fn users(&self, work: &Work, forward: &Dependents<'_>) -> Vec<Need> {
        let over = |user: &Work| -> Vec<Work> {
            match user {
                Work::Probe(_) | Work::Gate(_) => vec![user.clone()],
                Work::Action(name) => {
                    let undo = self.definition.actions.get(name).and_then(|action| action.undo.as_ref());
                    let undo = undo.map(|_| Work::Undo(name.clone()));
                    [Some(user.clone()), undo].into_iter().flatten().collect()
                }
                Work::Restore(name) => vec![Work::Teardown(name.clone())],
                _ => Vec::new(),
            }
        };
        let users = forward.of(work);
        users.into_iter().flat_map(over).map(|work| need(&work, Until::Settled, Why::Teardown)).collect()
    }

    fn report_step(&self) -> Step {
        let teardowns = self.definition.restore.keys().map(|name| Work::Teardown(name.clone()));
        let actions = self.definition.actions.iter().map(|(name, action)| match &action.undo {
            Some(_) => Work::Undo(name.clone()),
            None => Work::Action(name.clone()),
        });
        let gates = self.definition.gates.keys().map(|name| Work::Gate(name.clone()));
        let needs = teardowns.chain(actions).chain(gates).map(|work| need(&work, Until::Settled, Why::Chain));
        step(Work::Report, needs.collect(), REPORT_TIMEOUT)
    }
}

fn uses_of_probe(probe: &Probe) -> Vec<Reference> {
    let control = probe.negative_control.as_ref().map(|control| &control.settings);
    let mut uses = references([Some(&probe.settings), control]);
    uses.extend(probe.beside().iter().flat_map(|text| references_in(&Value::from(*text))));
    uses
}

fn uses_of_action(action: &Action) -> Vec<Reference> {
    references([Some(&action.settings), action.undo.as_ref().map(|undo| &undo.settings)])
}

fn references<const N: usize>(settings: [Option<&Settings>; N]) -> Vec<Reference> {
    settings.into_iter().flatten().flat_map(Settings::values).flat_map(references_in).collect()
}

fn in_order(steps: Vec<Step>) -> Result<Vec<Step>, NoPlan> {
    let order = positions(&steps)?;
    let mut places: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|at| places.get_mut(at)?.take()).collect())
}

/// Where each step of the order stands now. Every need is a step of the plan: otherwise somebody would wait for ever.
fn positions(steps: &[Step]) -> Result<Vec<usize>, NoPlan> {
    let mut graph: Graph<&StepId> = Graph::new();
    for step in steps {
        graph.add(&&step.id);
    }
    for (at, step) in steps.iter().enumerate() {
        for need in &step.needs {
            let lost = || NoPlan::Nothing { step: step.id.clone(), need: need.step.clone() };
            graph.after_at(at, graph.position(&&need.step).ok_or_else(lost)?);
        }
    }
    Ok(graph.positions()?)
}

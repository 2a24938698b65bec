//! A run's short facts, folded from its state: what later runs, people and the report look back at.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cloud::resource::REQUEST_ID;
use crate::cloud::vault::{CopyEvidence, JobStatus};
use crate::definition::model::{Definition, Severity};
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Earlier, GoneProof, StepEnd, Tried};
use crate::journal::ledger::Entry;
use crate::journal::measure::Measures;
use crate::journal::state::State;
use crate::journal::store::Origin;
use crate::journal::verdict::Conclusion;
use crate::plan::step::Work;
use crate::words::arn::Arn;
use crate::words::id::{DrillName, Name, RunId};
use crate::words::kind::{Mode, ResourceKind, Verdict};

/// The fact of a restored database that names the version of its engine.
pub const ENGINE_VERSION: &str = "engine_version";

/// A removal that was accepted so soon after its intent was asked for once.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(30);

/// One earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The run.
    pub run: RunId,
    /// Its drill.
    pub drill: DrillName,
    /// What it talked to.
    pub mode: Mode,
    /// When it started.
    pub started: Timestamp,
    /// Verdict, reasons and measures, once there are any.
    pub conclusion: Option<Conclusion>,
    /// The verdicts before that one, in order.
    pub earlier_verdicts: Vec<Verdict>,
    /// Where its journal comes from.
    pub origin: Origin,
    /// The version of drill.
    pub version: String,
    /// The definition's text.
    pub text: String,
    /// SHA-256 of that text.
    pub text_sha256: String,
    /// What it was compiled to.
    pub definition: Definition,
    /// The variables that counted.
    pub vars: BTreeMap<String, String>,
    /// What it restored, by the name in its definition.
    pub restores: BTreeMap<Name, PastRestore>,
    /// What it asked.
    pub probes: BTreeMap<Name, PastProbe>,
}

/// One restore of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRestore {
    /// Its type.
    pub kind: ResourceKind,
    /// The source resource.
    pub resource: Arn,
    /// The recovery point, if one was chosen.
    pub point: Option<Arn>,
    /// From when that is.
    pub created: Option<Timestamp>,
    /// Its size in bytes, where AWS says one.
    pub size_bytes: Option<u64>,
    /// The key that encrypts it.
    pub key: Option<Arn>,
    /// The backup plan that made it.
    pub backup_plan: Option<String>,
    /// It is a copy, or its copy job was seen.
    pub copied: bool,
    /// It became usable.
    pub restored: bool,
    /// A required probe asked it.
    pub probed: bool,
    /// What the service said of it, without the names that only this run gave.
    pub facts: BTreeMap<String, String>,
    /// The restore metadata, without those names; raw ones as the beginning of their SHA-256.
    pub parameters: BTreeMap<String, String>,
}

/// One probe of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct PastProbe {
    /// How it ended, in a word.
    pub ended: &'static str,
    /// What its last attempt observed.
    pub values: BTreeMap<String, Value>,
}

impl Past {
    /// Its verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.conclusion.as_ref().map(|conclusion| conclusion.verdict)
    }

    /// What it measured, once it has a verdict.
    #[must_use]
    pub fn measures(&self) -> Option<&Measures> {
        self.conclusion.as_ref().map(|conclusion| &conclusion.measures)
    }

    /// Whether it passed, and that may be believed: this machine ran it, or a trusted key signed it.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.verdict() == Some(Verdict::Passed) && self.origin.is_trusted()
    }

    /// Whether the backup did not prove itself, also where something worse hides that in the verdict.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        let mut reasons = self.conclusion.iter().flat_map(|conclusion| &conclusion.reasons);
        self.verdict() == Some(Verdict::Failed) || reasons.any(|reason| reason.makes == Verdict::Failed)
    }

    /// What it knows of a source resource.
    #[must_use]
    pub fn of(&self, resource: &Arn) -> Option<(&Name, &PastRestore)> {
        self.restores.iter().find(|(_, restore)| &restore.resource == resource)
    }
}

/// A run's short facts. The state does not know where its journal comes from: it counts as this machine's own.
#[must_use]
pub fn past(state: &State) -> Past {
    let started = &state.started;
    let definition = &started.plan.definition;
    Past {
        run: state.run,
        drill: started.drill.clone(),
        mode: started.mode,
        started: state.started_at,
        conclusion: state.concluded.as_ref().map(|(_, conclusion)| conclusion.clone()),
        earlier_verdicts: state.reopened.iter().map(|earlier| earlier.conclusion.verdict).collect(),
        origin: Origin::Here,
        version: started.version.clone(),
        text: started.definition.clone(),
        text_sha256: started.definition_sha256.clone(),
        definition: definition.clone(),
        vars: started.vars.clone(),
        restores: definition.restore.keys().filter_map(|name| Some((name.clone(), restore(state, name)?))).collect(),
        probes: definition.probes.keys().map(|name| (name.clone(), probe(state, name))).collect(),
    }
}

/// What a run is to a later one's first record; none before it has a verdict.
#[must_use]
pub fn earlier(state: &State) -> Option<Earlier> {
    let (_, conclusion) = state.concluded.as_ref()?;
    let measures = &conclusion.measures;
    Some(Earlier {
        run: state.run,
        at: state.started_at,
        verdict: conclusion.verdict,
        rto: measures.rto.value,
        rpo: measures.rpo.value,
        copy_lag: measures.copy_lag.value,
        data_age: measures.data_age.value,
        restores: times(state, restore_took),
        removals: times(state, removal_took),
    })
}

/// How long something took, of each restore of which that is known.
fn times(state: &State, took: fn(&Entry) -> Option<SignedDuration>) -> BTreeMap<Name, SignedDuration> {
    let known = |(name, entry): (&Name, &Entry)| Some((name.clone(), took(entry).filter(SignedDuration::is_positive)?));
    state.ledger.iter().filter_map(known).collect()
}

/// By AWS's own times, where the job shows them: a look comes later than what it shows.
fn restore_took(entry: &Entry) -> Option<SignedDuration> {
    let (seen, job) = entry.job_seen.as_ref().filter(|(_, job)| job.status == JobStatus::Completed)?;
    match (job.created, job.completed) {
        (Some(created), Some(completed)) => Some(completed.duration_since(created)),
        _ => Some(seen.duration_since(entry.began_at()?)),
    }
}

/// Of what goes in stages the last one says nothing of the whole.
fn removal_took(entry: &Entry) -> Option<SignedDuration> {
    let (intended, _) = entry.removal.as_ref()?;
    let accepted = entry.removal_accepted_at?;
    let Some((_, GoneProof::AbsentTwice { first, .. })) = &entry.gone else { return None };
    let at_once = entry.parts.is_empty() && accepted.duration_since(*intended) < AT_ONCE;
    at_once.then(|| first.duration_since(accepted))
}

fn restore(state: &State, name: &Name) -> Option<PastRestore> {
    let definition = &state.started.plan.definition;
    let restore = definition.restore.get(name)?;
    let picked = state.picked.get(name);
    let point = picked.and_then(|picked| picked.chosen.as_ref());
    let entry = state.ledger.get(name);
    let arrived = picked.is_some_and(|picked| matches!(picked.copy, CopyEvidence::Seen { .. }));
    let asks_it = |probe: &Name| state.probes.get(probe).is_some_and(|asked| !asked.tried.is_empty());
    let mut required = definition.probes.iter().filter(|(_, probe)| probe.severity == Severity::Required);
    Some(PastRestore {
        kind: restore.kind,
        resource: restore.resource.clone(),
        point: point.map(|point| point.arn.clone()),
        created: point.and_then(|point| point.created),
        size_bytes: point.and_then(|point| point.size_bytes),
        key: point.and_then(|point| point.encryption_key.clone()),
        backup_plan: point.and_then(|point| point.plan.clone()),
        copied: point.is_some_and(|point| arrived || point.source_vault.is_some()),
        restored: state.step(&Work::Ready(name.clone())).end() == Some(&StepEnd::Passed),
        probed: required.any(|(probe, asked)| &asked.on == name && asks_it(probe)),
        facts: entry.map(|entry| facts(state, entry)).unwrap_or_default(),
        parameters: entry.map(|entry| parameters(state, name, entry)).unwrap_or_default(),
    })
}

fn facts(state: &State, entry: &Entry) -> BTreeMap<String, String> {
    let seen = entry.seen.iter().flat_map(|(_, observation)| &observation.facts);
    seen.map(|(key, value)| (key.clone(), without_own(state, entry, value))).collect()
}

/// What AWS was sent. What the user wrote as raw `metadata:` may hold anything, and stays hidden as in the report.
fn parameters(state: &State, name: &Name, entry: &Entry) -> BTreeMap<String, String> {
    let raw = state.started.plan.definition.restore.get(name).map(|restore| &restore.metadata);
    let sent = entry.intended.metadata.iter().filter(|(key, _)| key.as_str() != REQUEST_ID);
    let shown = |(key, value): (&String, &String)| {
        let is_raw = raw.is_some_and(|raw| raw.contains_key(key));
        let hidden = || format!("sha256:{}", sha256_hex(value.as_bytes()).chars().take(12).collect::<String>());
        (key.clone(), if is_raw { hidden() } else { without_own(state, entry, value) })
    };
    sent.map(shown).collect()
}

/// A text without what is new in every run: the name and the id of what was made, the run's own id.
fn without_own(state: &State, entry: &Entry, text: &str) -> String {
    let text = text.replace(&entry.intended.expected.name, "(its name)");
    let text = match entry.id().filter(|id| !id.is_empty()) {
        Some(id) => text.replace(id, "(its id)"),
        None => text,
    };
    text.replace(&state.run.to_string(), "(the run)").replace(&state.run.short(), "(the run)")
}

fn probe(state: &State, name: &Name) -> PastProbe {
    let ended = match state.step(&Work::Probe(name.clone())).end() {
        Some(StepEnd::Passed) => "passed",
        Some(StepEnd::Failed(_)) => "failed",
        Some(StepEnd::Skipped { .. }) => "skipped",
        Some(StepEnd::Unneeded { .. }) => "not needed",
        Some(StepEnd::NotMeasured { .. }) => "not measured",
        None => "not over",
    };
    let last = state.probes.get(name).and_then(|probe| probe.tried.last());
    let observed = last.and_then(|(_, _, tried)| match tried {
        Tried::Held { observed, .. } => Some(observed),
        Tried::Missed { miss } => miss.observed.as_ref(),
    });
    PastProbe { ended, values: observed.map(|observed| observed.values.clone()).unwrap_or_default() }
}

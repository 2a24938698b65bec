//! What is known of how what was restored stood apart from production.
//!
//! Invariant: settings are never called a proof. Only an `isolation` probe that held shows that something is blocked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::model::{Redaction, Restore};
use crate::journal::event::StepEnd;
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::report::facts::steps::{detail, status};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;

/// Typed settings that say where in a network something stands.
const NETWORK_SETTINGS: [&str; 7] = [
    "subnet_group",
    "subnet",
    "subnets",
    "preferred_subnet",
    "security_groups",
    "instance_profile",
    "availability_zone",
];

/// Facts of a restored resource that say the same, as AWS gave them.
const NETWORK_FACTS: [&str; 10] = [
    "vpc",
    "subnet",
    "subnets",
    "subnet_group",
    "security_groups",
    "publicly_accessible",
    "public_address",
    "public_access",
    "instance_profile",
    "imds_tokens",
];

/// How what was restored stood apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationFacts {
    /// In a sentence or two, the strongest first.
    pub summary: String,
    /// Whether a probe showed it.
    pub probed: bool,
    /// What is known, one thing a row.
    pub known: Vec<IsolationRow>,
    /// Each isolation probe.
    pub probes: Vec<IsolationProbe>,
}

/// One thing that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationRow {
    /// The restore that it is about, or `all`.
    pub of: String,
    /// What.
    pub what: String,
    /// What is known of it.
    pub value: String,
    /// How that is known.
    pub source: String,
}

/// One isolation probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationProbe {
    /// Its name.
    pub name: String,
    /// As for a step: `passed`, `failed`, `skipped`, `not_measured`, `waiting`, `running`.
    pub status: String,
    /// Why, where it did not hold.
    pub because: Option<String>,
}

/// What is known of a run's isolation.
#[must_use]
pub fn isolation(state: &State) -> IsolationFacts {
    let definition = &state.started.plan.definition;
    let mut known = places(state);
    for (name, restore) in &*definition.restore {
        known.extend(of_restore(state, name, restore));
    }
    let probed = was_probed(state);
    IsolationFacts { summary: summary(state, probed), probed, known, probes: probes(state) }
}

/// Whether an isolation probe held.
#[must_use]
pub fn was_probed(state: &State) -> bool {
    let mut probes = isolation_probes(state);
    probes.any(|name| state.step(&Work::Probe(name.clone())).end() == Some(&StepEnd::Passed))
}

fn isolation_probes(state: &State) -> impl Iterator<Item = &Name> {
    let probes = state.started.plan.definition.probes.iter();
    probes.filter(|(_, probe)| probe.kind == ProbeKind::Isolation).map(|(name, _)| name)
}

fn summary(state: &State, probed: bool) -> String {
    let first = if probed {
        "A probe tried what must not be reached and it was blocked, while what must be reached was."
    } else if isolation_probes(state).next().is_some() {
        "An isolation probe is part of the drill and did not hold: isolation is not shown."
    } else {
        "No probe tried whether production can be reached from what was restored. What follows are settings and places, \
         which are no proof."
    };
    first.to_owned()
}

/// Regions and accounts.
fn places(state: &State) -> Vec<IsolationRow> {
    let definition = &state.started.plan.definition;
    let (source, destination) = (&definition.source, &definition.destination);
    let all = |what: &str, value: String| IsolationRow {
        of: "all".to_owned(),
        what: what.to_owned(),
        value,
        source: "the definition".to_owned(),
    };
    let account = if source.account == destination.account {
        format!("the workload's own, {}: what only accounts keep apart is not kept apart", destination.account)
    } else {
        format!("{}, another than the workload's ({})", destination.account, source.account)
    };
    let region = if source.region == destination.region {
        format!("the workload's own, {}", destination.region)
    } else {
        format!("{}, another than the workload's ({})", destination.region, source.region)
    };
    vec![all("Account", account), all("Region", region)]
}

fn of_restore(state: &State, name: &Name, restore: &Restore) -> Vec<IsolationRow> {
    let row = |what: &str, value: String, source: &str| IsolationRow {
        of: name.to_string(),
        what: what.to_owned(),
        value,
        source: source.to_owned(),
    };
    let mut rows = Vec::new();
    let hidden = state.started.plan.definition.report.hides(Redaction::RestoreMetadata);
    for key in NETWORK_SETTINGS {
        if let Some(value) = restore.with.get(key) {
            let value = if hidden { "not shown".to_owned() } else { listed(value) };
            rows.push(row(&words(key), value, "asked for in the definition"));
        }
    }
    let Some(entry) = state.ledger.get(name) else { return rows };
    let seen = entry.seen.as_ref().map(|(_, seen)| &seen.facts);
    for key in NETWORK_FACTS {
        if let Some(value) = seen.and_then(|facts| facts.get(key)) {
            rows.push(row(&words(key), value.clone(), "seen at the last look at it"));
        }
    }
    let name = &entry.intended.expected.name;
    if is_named(entry) {
        rows.push(row("Name", name.clone(), "given by the run, and written down before"));
    }
    rows.extend(tags(entry).map(|value| row("Inherited tags", value, "the journal")));
    rows
}

/// Whether what was made bears the name: AWS gives ids to types that have none.
fn is_named(entry: &Entry) -> bool {
    let expected = &entry.intended.expected;
    expected.arn.is_some() || entry.intended.metadata.values().any(|value| *value == expected.name)
}

fn tags(entry: &Entry) -> Option<String> {
    let stamp = entry.stamp.as_ref()?;
    let taken = stamp.remove.len();
    Some(match (taken, entry.stamp_failed) {
        (_, true) => "they could not be changed".to_owned(),
        (0, false) => "it had none".to_owned(),
        (1, false) => "one was removed, so that nothing of production takes it for its own".to_owned(),
        (taken, false) => format!("{taken} were removed, so that nothing of production takes it for its own"),
    })
}

fn probes(state: &State) -> Vec<IsolationProbe> {
    let one = |name: &Name| {
        let step = state.step(&Work::Probe(name.clone()));
        IsolationProbe { name: name.to_string(), status: status(step).to_owned(), because: detail(step) }
    };
    isolation_probes(state).map(one).collect()
}

/// A setting's key as words: `security_groups` is `Security groups`.
fn words(key: &str) -> String {
    if key == "vpc" {
        return "VPC".to_owned();
    }
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn listed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(listed).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

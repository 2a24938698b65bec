//! One restore of a run: the recovery point, its rivals, the job, what was made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::cloud::resource::{Expected, Phase, ResourceFacts, Types};
use crate::cloud::vault::{CopyEvidence, Picked, Rejected};
use crate::cloud::vault::{Metadata, RecoveryPoint};
use crate::definition::model::{Pick, PickRule, Probe, Redaction, Restore};
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Event, Recorded};
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::plan::show::show_size;
use crate::report::facts::by_hand::{self, Command};
use crate::report::facts::milestones::{Milestone, milestones};
use crate::report::facts::{Objective, Row, four, scope, shown_instant};
use crate::words::id::Name;
use crate::words::time::{show_duration, show_instant};

/// Metadata that says what a thing is and not where it is or who may reach it.
const HARMLESS: [&str; 14] = [
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "DBInstanceClass",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "DeletionProtection",
    "Encrypted",
    "Engine",
    "EngineVersion",
    "InstanceType",
    "MultiAZ",
    "PubliclyAccessible",
    "StorageType",
    "VolumeType",
];

const HIDDEN: &str = "Values that could hold something private are shown as the beginning of their SHA-256.";

/// One restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreFacts {
    /// Its name in the definition.
    pub name: String,
    /// The resource's type.
    pub kind: String,
    /// The source resource.
    pub resource: String,
    /// How the recovery point was chosen.
    pub rule: String,
    /// The recovery point; null if none was chosen.
    pub point: Option<PointFacts>,
    /// Those that were looked at and not chosen.
    pub rejected: Vec<RejectedFacts>,
    /// How many older ones there were, with nothing but their age against them; empty for none.
    pub older: String,
    /// The restore job; null if none was accepted.
    pub job: Option<JobFacts>,
    /// The moments from the decision to the proof, and to the end.
    pub milestones: Vec<Milestone>,
    /// What was seen of the restored resource.
    pub looks: Vec<Look>,
    /// The metadata that AWS was sent.
    pub metadata: Vec<MetadataRow>,
    /// That values of it are hidden; null where none is.
    pub metadata_note: Option<String>,
    /// What was made, or would have been; null before it was asked for.
    pub arn: Option<String>,
    /// Where it answered.
    pub endpoint: Option<String>,
    /// Facts of the restored resource.
    pub facts: Vec<Row>,
    /// Tags that the drill put on.
    pub tags_added: Vec<Row>,
    /// Inherited tags that the drill took off.
    pub tags_removed: Vec<Row>,
    /// Its own measures, where the run has several restores: one alone has those of the run.
    pub measures: Vec<Objective>,
    /// The same by hand.
    pub by_hand: Vec<Command>,
    /// What a person must fill in before using the commands.
    pub fill_in: Vec<String>,
}

/// A recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointFacts {
    /// Its ARN.
    pub arn: String,
    /// From when.
    pub created: String,
    /// How old it was at the run's start.
    pub age: Option<String>,
    /// Its size.
    pub size: String,
    /// AWS's word for its status.
    pub status: String,
    /// The key that encrypts it.
    pub key: Option<String>,
    /// The vault that it was copied from.
    pub source_vault: Option<String>,
    /// When the copy arrived, or why that is not known.
    pub arrived: String,
    /// How long the copy took: from the recovery point's creation to its arrival.
    pub lag: Option<String>,
}

/// A recovery point that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedFacts {
    /// Its ARN.
    pub arn: String,
    /// From when.
    pub created: String,
    /// AWS's word for its status.
    pub status: String,
    /// Why not.
    pub reason: String,
}

/// A restore job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFacts {
    /// Its id.
    pub id: String,
    /// When AWS accepted it.
    pub accepted: String,
    /// Which role it ran with.
    pub role: String,
    /// Its token.
    pub token: String,
    /// Its statuses, in order.
    pub statuses: Vec<Look>,
}

/// A state that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: String,
    /// The service's own word.
    pub status: String,
    /// What it means, or the service's message.
    pub note: String,
}

/// One entry of the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataRow {
    /// The key.
    pub key: String,
    /// The value, or the beginning of its SHA-256.
    pub value: String,
    /// Whether the value is hidden.
    pub hidden: bool,
}

/// Every restore of the definition.
#[must_use]
pub fn restores(state: &State, events: &[Recorded], types: Types) -> Vec<RestoreFacts> {
    let (sightings, probes) = (sightings(events), probes_of(state));
    let restores = state.started.plan.definition.restore.iter();
    restores
        .map(|(name, restore)| {
            let own = sightings.get(name).map(Vec::as_slice).unwrap_or_default();
            let probes = probes.get(name).map(Vec::as_slice).unwrap_or_default();
            facts(state, (own, probes), types(restore.kind), name, restore)
        })
        .collect()
}

/// What was seen of each restore, in order: its jobs, its resource, and that its removal was begun. Read once, because a
/// large run has many restores and many records.
fn sightings(events: &[Recorded]) -> BTreeMap<&Name, Vec<&Recorded>> {
    let mut found: BTreeMap<&Name, Vec<&Recorded>> = BTreeMap::new();
    for record in events {
        if let Event::JobSeen { restore, .. }
        | Event::ResourceSeen { restore, .. }
        | Event::RemovalIntended { restore, .. } = &record.event
        {
            found.entry(restore).or_default().push(record);
        }
    }
    found
}

/// The probes of each restore.
fn probes_of(state: &State) -> BTreeMap<&Name, Vec<(&Name, &Probe)>> {
    let mut found: BTreeMap<&Name, Vec<(&Name, &Probe)>> = BTreeMap::new();
    for (name, probe) in &*state.started.plan.definition.probes {
        found.entry(&probe.on).or_default().push((name, probe));
    }
    found
}

/// What is known of the restored resource, and what the run changed of it besides its tags.
fn made_facts(entry: Option<&Entry>) -> Vec<Row> {
    let Some(entry) = entry else { return Vec::new() };
    let seen = entry.seen.as_ref().map(|(_, observation)| scope::rows(observation.facts.iter()));
    let mut facts = seen.unwrap_or_default();
    if let Some(at) = entry.password_set_at {
        let value = format!("a new one, which the run set at {} and nobody keeps", show_instant(at));
        facts.push(Row { name: "Master password".to_owned(), value });
    }
    facts
}

fn facts(
    state: &State,
    (sightings, probes): (&[&Recorded], &[(&Name, &Probe)]),
    kind: &dyn ResourceFacts,
    name: &Name,
    restore: &Restore,
) -> RestoreFacts {
    let picked = state.picked.get(name);
    let entry = state.ledger.get(name);
    let stamp = entry.and_then(|entry| entry.stamp.as_ref());
    let open = open_metadata(state, restore, entry);
    let by_hand = by_hand::by_hand(state, kind, name, restore, &open);
    let metadata = entry.map(|entry| metadata(&entry.intended.metadata, &open)).unwrap_or_default();
    RestoreFacts {
        name: name.to_string(),
        kind: restore.kind.to_string(),
        resource: restore.resource.to_string(),
        rule: rule(&restore.recovery_point),
        point: picked.and_then(|picked| picked.chosen.as_ref().map(|point| point_facts(state, picked, point))),
        older: picked
            .map(|picked| picked.older)
            .filter(|older| *older > 0)
            .map_or_else(String::new, |older| older.to_string()),
        rejected: picked.map(|picked| picked.rejected.iter().map(rejected).collect()).unwrap_or_default(),
        job: entry.and_then(|entry| job(entry, sightings)),
        milestones: milestones(state, name, probes),
        looks: looks(sightings),
        metadata_note: metadata.iter().any(|row| row.hidden).then(|| HIDDEN.to_owned()),
        metadata,
        arn: entry.map(made_arn),
        endpoint: endpoint(sightings),
        facts: made_facts(entry),
        tags_added: stamp.map(|stamp| scope::rows(stamp.add.iter())).unwrap_or_default(),
        tags_removed: stamp.map(|stamp| scope::rows(stamp.remove.iter())).unwrap_or_default(),
        measures: measures(state, name),
        by_hand: by_hand.commands,
        fill_in: by_hand.fill_in,
    }
}

/// The ARN of what an entry made: as the job says, else as expected, else the name that it is known by.
#[must_use]
pub fn made_arn(entry: &Entry) -> String {
    entry.made().map_or_else(|| entry.label(), ToString::to_string)
}

/// What a restore makes: as the ledger says, else as it would be.
#[must_use]
pub fn expected(state: &State, kind: &dyn ResourceFacts, name: &Name, restore: &Restore) -> Expected {
    if let Some(entry) = state.ledger.get(name) {
        return entry.intended.expected.clone();
    }
    let destination = &state.started.plan.definition.destination;
    let partition = restore.resource.partition();
    kind.expected(&state.run, name, 1, &destination.region, &destination.account, partition)
}

/// The metadata that may be shown: the type's own allow-list and the typed settings, which hold nothing private. Raw
/// `metadata:` may hold anything. Where the definition redacts metadata, only what is harmless everywhere is left.
fn open_metadata(state: &State, restore: &Restore, entry: Option<&Entry>) -> Metadata {
    let mut open = entry.map(|entry| entry.intended.metadata.clone()).unwrap_or_default();
    open.retain(|key, _| !restore.metadata.contains_key(key));
    if state.started.plan.definition.report.hides(Redaction::RestoreMetadata) {
        open.retain(|key, _| HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(key)));
    }
    open
}

fn metadata(sent: &Metadata, open: &Metadata) -> Vec<MetadataRow> {
    sent.iter()
        .map(|(key, value)| {
            let hidden = !open.contains_key(key);
            let value = if hidden {
                format!("sha256:{}", sha256_hex(value.as_bytes()).chars().take(12).collect::<String>())
            } else {
                value.clone()
            };
            MetadataRow { key: key.clone(), value, hidden }
        })
        .collect()
}

fn rule(rule: &PickRule) -> String {
    let mut text = match &rule.pick {
        Pick::Latest => "the newest eligible one".to_owned(),
        Pick::Before(at) => format!("the newest eligible one created at or before {}", show_instant(*at)),
        Pick::Arn(arn) => format!("the one named in the definition: {arn}"),
    };
    if let Some(age) = rule.max_age {
        let _ = write!(text, ", not older than {}", show_duration(age));
    }
    if rule.allow_stopped {
        text.push_str(", stopped continuous ones too");
    }
    if rule.allow_cold {
        text.push_str(", cold storage too");
    }
    text
}

fn point_facts(state: &State, picked: &Picked, point: &RecoveryPoint) -> PointFacts {
    let lag = match (&picked.copy, point.created) {
        (CopyEvidence::Seen { arrived }, Some(created)) => Some(arrived.duration_since(created)),
        _ => None,
    };
    PointFacts {
        arn: point.arn.to_string(),
        created: shown_instant(point.created),
        age: point.created.map(|created| show_duration(state.started_at.duration_since(created))),
        size: point.size_bytes.map_or_else(|| "unknown".to_owned(), show_size),
        status: point.status.clone(),
        key: point.encryption_key.as_ref().map(ToString::to_string),
        source_vault: point.source_vault.as_ref().map(ToString::to_string),
        arrived: match &picked.copy {
            CopyEvidence::Seen { arrived } => show_instant(*arrived),
            CopyEvidence::NotMeasured { because } => format!("not known: {because}"),
        },
        lag: lag.map(|lag| show_duration(lag.max(SignedDuration::ZERO))),
    }
}

fn rejected(rejected: &Rejected) -> RejectedFacts {
    RejectedFacts {
        arn: rejected.arn.to_string(),
        created: shown_instant(rejected.created),
        status: rejected.status.clone(),
        reason: rejected.reason.clone(),
    }
}

fn job(entry: &Entry, sightings: &[&Recorded]) -> Option<JobFacts> {
    let id = entry.job.as_ref()?;
    let mut statuses: Vec<Look> = Vec::new();
    for record in sightings {
        let Event::JobSeen { job, .. } = &record.event else { continue };
        let (status, note) = (job.status.word(), job.message.clone().unwrap_or_default());
        if statuses.last().is_none_or(|last| last.status != status || last.note != note) {
            statuses.push(Look { at: show_instant(record.at), status: status.to_owned(), note });
        }
    }
    Some(JobFacts {
        id: id.to_string(),
        accepted: shown_instant(entry.accepted_at),
        role: entry.intended.role.to_string(),
        token: entry.intended.token.to_string(),
        statuses,
    })
}

fn looks(sightings: &[&Recorded]) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    let mut removed = false;
    for record in sightings {
        removed |= matches!(record.event, Event::RemovalIntended { .. });
        let Event::ResourceSeen { observation, .. } = &record.event else { continue };
        let note = match observation.phase {
            Phase::Gone | Phase::Leaving => meaning(observation.phase),
            _ if removed => "not gone yet",
            phase => meaning(phase),
        };
        if looks.last().is_none_or(|last| last.status != observation.status || last.note != note) {
            let status = observation.status.clone();
            looks.push(Look { at: show_instant(record.at), status, note: note.to_owned() });
        }
    }
    looks
}

fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "on its way",
        Phase::Unknown => "a state that this version does not know; treated as on its way",
        Phase::Unfinished => "there, and not usable before what is missing is added",
        Phase::Ready => "usable",
        Phase::Broken => "never usable, because of the data or the restore",
        Phase::Hindered => "never usable, because of its surroundings",
        Phase::Leaving => "being deleted",
        Phase::Gone => "does not exist",
    }
}

/// The last endpoint that was seen: a resource that is being deleted may not show one any more.
fn endpoint(sightings: &[&Recorded]) -> Option<String> {
    sightings.iter().rev().find_map(|record| match &record.event {
        Event::ResourceSeen { observation, .. } => observation.endpoint.as_ref().map(|endpoint| match endpoint.port {
            Some(port) => format!("{}:{port}", endpoint.host),
            None => endpoint.host.clone(),
        }),
        _ => None,
    })
}

fn measures(state: &State, name: &Name) -> Vec<Objective> {
    if state.started.plan.definition.restore.len() < 2 {
        return Vec::new();
    }
    let conclusion = state.concluded.as_ref().map(|(_, conclusion)| conclusion);
    conclusion
        .and_then(|conclusion| conclusion.measures.restores.get(name))
        .map(|own| four([&own.rto, &own.rpo, &own.copy_lag, &own.data_age]))
        .unwrap_or_default()
}

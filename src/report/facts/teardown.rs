//! What became of everything that a run may have made.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cloud::resource::{Types, UNKNOWN_ID};
use crate::journal::event::{Class, Failure, GoneProof, StepEnd, Witness};
use crate::journal::ledger::{Entry, Existence, Lease};
use crate::journal::reach::{ended_with_process, reaching};
use crate::journal::state::{State, StepState};
use crate::plan::step::Work;
use crate::report::facts::cost;
use crate::report::facts::restore::made_arn;
use crate::words::id::Name;
use crate::words::time::{show_duration, show_instant};

/// The teardown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeardownFacts {
    /// One sentence.
    pub summary: String,
    /// Everything that the run may have made.
    pub entries: Vec<EntryFacts>,
    /// What may still exist.
    pub left: Vec<LeftFacts>,
    /// What stays on purpose.
    pub kept: Vec<KeptFacts>,
    /// How long everything was held, together.
    pub held: String,
    /// The same in hours, which is what things are paid by.
    pub hours: String,
    /// What that cost at the definition's rates; null without any.
    pub cost: Option<String>,
}

/// One thing that the run may have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFacts {
    /// The restore that it is of.
    pub restore: String,
    /// Its type.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
    /// `gone`, `kept`, `present` or `unknown`.
    pub state: String,
    /// A sign for it.
    pub icon: String,
    /// When it was written down, before it was asked for.
    pub noted: String,
    /// What proves that it is the run's own.
    pub witness: String,
    /// When its removal was asked for.
    pub asked: Option<String>,
    /// When AWS accepted that.
    pub accepted: Option<String>,
    /// How often its teardown was begun.
    pub tries: u32,
    /// Each try that failed: when, and why.
    pub failed: Vec<String>,
    /// When it was known to be gone.
    pub gone: Option<String>,
    /// How that is known.
    pub proof: String,
    /// How long it was held.
    pub held: String,
    /// The same in hours; null if it was never there.
    pub hours: Option<String>,
    /// What that cost at the definition's rates; null where it has none.
    pub cost: Option<String>,
}

/// Something that may still exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftFacts {
    /// Its ARN.
    pub arn: String,
    /// What is known of it.
    pub why: String,
    /// The commands that remove it; empty where nothing proves that it is the run's.
    pub command: String,
    /// What makes drill try again.
    pub resume: String,
}

/// Something that stays on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFacts {
    /// Its ARN.
    pub arn: String,
    /// Until when.
    pub until: String,
    /// Where that is written down.
    pub noted: String,
    /// What keeps it longer.
    pub extend: String,
    /// What removes it now.
    pub end: String,
}

/// The teardown of a run.
#[must_use]
pub fn teardown(state: &State, types: Types) -> TeardownFacts {
    let end = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    let left: Vec<LeftFacts> = state
        .ledger
        .iter()
        .filter(|(_, entry)| !matches!(entry.existence(), Existence::Gone | Existence::Kept))
        .filter_map(|(name, entry)| left(state, types, name, entry))
        .collect();
    let held: SignedDuration = state.ledger.values().filter_map(|entry| held(entry, end)).sum();
    let holding = state.kept().filter(|(_, _, lease)| lease.holds());
    let kept: Vec<KeptFacts> = holding.map(|(_, entry, lease)| kept(state, entry, lease)).collect();
    TeardownFacts {
        summary: summary(state, left.len(), kept.len()),
        entries: state.ledger.iter().map(|(name, entry)| facts(state, name, entry, end)).collect(),
        left,
        kept,
        held: show_duration(held),
        hours: hours(held),
        cost: cost::cost_until_verdict(state),
    }
}

/// The word of an existence, as JSON has it.
#[must_use]
pub fn existence_word(existence: Existence) -> &'static str {
    match existence {
        Existence::Gone => "gone",
        Existence::Kept => "kept",
        Existence::Present => "present",
        Existence::Unknown => "unknown",
    }
}

fn summary(state: &State, left: usize, kept: usize) -> String {
    let on_purpose = match (kept, state.lease()) {
        (0, _) | (_, None) => return removed(state.ledger.len(), left),
        (1, Some(until)) => format!("One thing is kept on purpose until {}.", show_instant(until)),
        (kept, Some(until)) => format!("{kept} things are kept on purpose until {}.", show_instant(until)),
    };
    match state.ledger.len() - kept {
        0 => on_purpose,
        others => format!("{on_purpose} Of the rest: {}", removed(others, left)),
    }
}

fn removed(owed: usize, left: usize) -> String {
    match (owed, left) {
        (0, _) => "The run asked AWS for nothing, so there was nothing to remove.".to_owned(),
        (_, 0) => "Everything that the run may have made is known to be gone.".to_owned(),
        (_, 1) => "One thing that the run may have made is not known to be gone.".to_owned(),
        (_, left) => format!("{left} things that the run may have made are not known to be gone."),
    }
}

fn facts(state: &State, name: &Name, entry: &Entry, end: Timestamp) -> EntryFacts {
    let kind = state.started.plan.definition.restore.get(name).map(|restore| restore.kind.to_string());
    let existence = entry.existence();
    EntryFacts {
        restore: name.to_string(),
        kind: kind.unwrap_or_default(),
        arn: made_arn(entry),
        state: existence_word(existence).to_owned(),
        icon: match existence {
            Existence::Gone => "✅",
            Existence::Kept => "⏳",
            Existence::Present | Existence::Unknown => "🚨",
        }
        .to_owned(),
        noted: show_instant(entry.intended_at),
        witness: witness(entry),
        asked: entry.removal.as_ref().map(|(at, _)| show_instant(*at)),
        accepted: entry.removal_accepted_at.map(show_instant),
        tries: tries(state, name),
        failed: failed(state, name),
        gone: entry.gone.as_ref().map(|(at, _)| show_instant(*at)),
        proof: proof(entry),
        held: held(entry, end).map_or_else(|| "not at all".to_owned(), show_duration),
        hours: held(entry, end).map(hours),
        cost: held(entry, end).and_then(|held| cost::cost_of(state, name, held)),
    }
}

/// The tries before an earlier verdict, and that of this one.
fn tries(state: &State, name: &Name) -> u32 {
    let step = Work::Teardown(name.clone()).id();
    let before = state.reopened.iter().filter(|earlier| earlier.failed.contains_key(&step)).count();
    let now = state.steps.get(&step).is_some_and(|now| now.since().is_some());
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(u32::from(now))
}

fn failed(state: &State, name: &Name) -> Vec<String> {
    let step = Work::Teardown(name.clone()).id();
    let text = |at: Timestamp, failure: &Failure| format!("{}: {}", show_instant(at), failure.message);
    let before = state.reopened.iter().filter_map(|earlier| earlier.failed.get(&step));
    let now = match state.steps.get(&step) {
        Some(StepState::Ended { at, end: StepEnd::Failed(failure), .. }) => Some(text(*at, failure)),
        _ => None,
    };
    before.map(|(at, failure)| text(*at, failure)).chain(now).collect()
}

fn witness(entry: &Entry) -> String {
    match entry.removal.as_ref().map(|(_, witness)| witness) {
        Some(Witness::RestoreJob { job }) => format!("the run's own restore job {job} made it"),
        Some(Witness::Tag) => "it carries the tag drill:run with this run's id".to_owned(),
        Some(Witness::Request) => "the run itself asked for it under this name, which was free before".to_owned(),
        None => "none was needed: no removal was asked for".to_owned(),
    }
}

fn proof(entry: &Entry) -> String {
    match entry.gone.as_ref().map(|(_, proof)| proof) {
        Some(GoneProof::AbsentTwice { first, second }) => format!(
            "AWS answered twice that it does not exist, at {} and at {}",
            show_instant(*first),
            show_instant(*second)
        ),
        Some(GoneProof::NeverStarted) => "AWS refused to start the restore, so it was never made".to_owned(),
        Some(GoneProof::WorldLost) => "the simulated AWS ended, and everything in it".to_owned(),
        None if entry.existence() == Existence::Kept => "kept on purpose".to_owned(),
        None => "not known to be gone".to_owned(),
    }
}

fn left(state: &State, types: Types, name: &Name, entry: &Entry) -> Option<LeftFacts> {
    let restore = state.started.plan.definition.restore.get(name)?;
    let expected = &entry.intended.expected;
    let refusal = match state.step(&Work::Teardown(name.clone())).end() {
        Some(StepEnd::Failed(failure)) if failure.class == Class::Refused => Some(failure),
        _ => None,
    };
    let id = entry.id().unwrap_or(UNKNOWN_ID);
    let ended = if ended_with_process(&state.started) {
        " It ended with the process of the run, and the simulated AWS with it: there is nothing to remove by hand."
    } else {
        ""
    };
    let why = refusal.map_or_else(|| why_left(entry), |refusal| format!("It was left alone: {}.", refusal.message));
    Some(LeftFacts {
        arn: made_arn(entry),
        why: why + ended,
        command: reaching(&state.started, &types(restore.kind).by_hand(&restore.with, expected, id).remove)
            .filter(|_| refusal.is_none())
            .map(|commands| commands.join("\n"))
            .unwrap_or_default(),
        resume: format!("drill resume {}", state.run),
    })
}

fn kept(state: &State, entry: &Entry, lease: &Lease) -> KeptFacts {
    let tag = if lease.tagged { "in the tag drill:expires of the resource, and " } else { "" };
    KeptFacts {
        arn: made_arn(entry),
        until: show_instant(lease.until),
        noted: format!("{tag}in the run's journal"),
        extend: format!("drill keep {} --for 4h", state.run),
        end: format!("drill keep {} --end", state.run),
    }
}

fn why_left(entry: &Entry) -> String {
    let name = &entry.intended.expected.name;
    if let Some((at, observation)) = &entry.seen {
        return format!("It was last seen at {} as {}.", show_instant(*at), observation.status);
    }
    match (&entry.job, &entry.job_seen) {
        (Some(job), Some((at, seen))) => format!(
            "The restore job {job} was {} at {}. AWS cannot cancel a restore job: it may still make {name}.",
            seen.status.word(),
            show_instant(*at)
        ),
        (Some(job), None) => {
            format!("The restore job {job} was accepted and not seen again. It may still make {name}.")
        }
        (None, _) => format!("The start of the restore may have reached AWS. It may still make {name}."),
    }
}

fn hours(held: SignedDuration) -> String {
    format!("{:.2} hours", held.as_secs_f64() / 3_600.0)
}

/// From the accepted start to the proof that it is gone, or to the end of the run.
fn held(entry: &Entry, end: Timestamp) -> Option<SignedDuration> {
    if matches!(entry.gone, Some((_, GoneProof::NeverStarted))) {
        return None;
    }
    let from = entry.accepted_at.unwrap_or(entry.intended_at);
    let to = entry.gone.as_ref().map_or(end, |(at, _)| *at);
    Some(to.duration_since(from).max(SignedDuration::ZERO))
}
